/* sim/internet.c: see internet.h.
 *
 * Layer: simulator. */
#include "internet.h"

#include <string.h>

enum { PORT_FIRST = 20000, PORT_LAST = 60000, PORT_STEP = 3, PORTS_FORGOTTEN = 501 };

const char *sim_nat_words(sim_nat_kind kind) {
    static const char *const words[] = {
#define SIM_NAT_WORDS(symbol, text) text,
        SIM_NAT_KINDS(SIM_NAT_WORDS)
#undef SIM_NAT_WORDS
    };
    return words[kind];
}

void sim_internet_init(sim_internet *net) {
    memset(net, 0, sizeof *net);
    net->lan_count = 1;
    net->lan_nats[0] = SIM_NO_NAT;
}

int sim_internet_add_nat(sim_internet *net, sim_nat_kind kind, const dx_net_address *outside,
                         uint16_t first_port) {
    DX_ASSERT(net->nat_count < SIM_NATS_MAX);
    sim_nat *nat = &net->nats[net->nat_count];
    *nat = (sim_nat){.kind = kind, .outside = *outside, .next_port = first_port};
    return (int)net->nat_count++;
}

int sim_internet_add_lan(sim_internet *net, int nat) {
    DX_ASSERT(net->lan_count < SIM_LANS_MAX);
    net->lan_nats[net->lan_count] = nat;
    return (int)net->lan_count++;
}

sim_udp_port *sim_internet_add_port(sim_internet *net, const sim_udp_port *port) {
    size_t at = 0;
    while (at < net->port_count && net->ports[at].up) {
        at++;
    }
    if (at == SIM_UDP_PORTS_MAX) {
        return NULL;
    }
    net->port_count += at == net->port_count;
    net->ports[at] = *port;
    net->ports[at].up = true;
    return &net->ports[at];
}

sim_udp_port *sim_internet_find_port(sim_internet *net, int lan, const dx_net_address *address) {
    for (size_t i = 0; i < net->port_count; i++) {
        sim_udp_port *port = &net->ports[i];
        if (port->up && port->lan == lan && dx_net_address_equal(&port->address, address)) {
            return port;
        }
    }
    return NULL;
}

/* --- NATs --------------------------------------------------------------------------------------------------- */

static bool is_alive(const sim_nat *nat, const sim_mapping *mapping, uint64_t now_ms) {
    return mapping->used && (nat->lifetime_ms == 0 || now_ms < mapping->used_ms + nat->lifetime_ms);
}

static uint16_t take_port(sim_nat *nat) {
    uint16_t port = nat->next_port;
    nat->next_port = port > PORT_LAST ? PORT_FIRST : (uint16_t)(port + PORT_STEP);
    return port;
}

static sim_mapping *map_out(sim_nat *nat, uint64_t now_ms, int lan, const dx_net_address *inside,
                            const dx_net_address *to) {
    sim_mapping *place = NULL;
    for (size_t i = 0; i < nat->mapping_count; i++) {
        sim_mapping *mapping = &nat->mappings[i];
        if (!is_alive(nat, mapping, now_ms)) {
            *mapping = (sim_mapping){0};
        } else if (mapping->lan == lan && dx_net_address_equal(&mapping->inside, inside) &&
                   (nat->kind != SIM_NAT_SYMMETRIC || dx_net_address_equal(&mapping->to, to))) {
            mapping->used_ms = now_ms;
            return mapping;
        }
        if (place == NULL || (place->used && (!mapping->used || mapping->used_ms < place->used_ms))) {
            place = mapping;
        }
    }
    if ((place == NULL || place->used) && nat->mapping_count < SIM_MAPPINGS_MAX) {
        place = &nat->mappings[nat->mapping_count++];
    }
    *place = (sim_mapping){.used = true, .lan = lan, .used_ms = now_ms, .inside = *inside, .to = *to};
    place->port = take_port(nat);
    return place;
}

static bool lets_in(const sim_nat *nat, const sim_mapping *mapping, const dx_net_address *from) {
    for (size_t i = 0; i < mapping->allowed_count && i < SIM_ALLOWED_MAX; i++) {
        if (nat->kind == SIM_NAT_RESTRICTED ? dx_net_host_equal(&mapping->allowed[i], from)
                                            : dx_net_address_equal(&mapping->allowed[i], from)) {
            return true;
        }
    }
    return nat->kind == SIM_NAT_FULL_CONE;
}

static bool route_in(sim_internet *net, uint64_t now_ms, int from_nat, sim_arrival *arrival) {
    arrival->lan = 0;
    if (sim_internet_find_port(net, 0, &arrival->to) != NULL) {
        return true;
    }
    for (int i = 0; i < (int)net->nat_count; i++) {
        const sim_nat *nat = &net->nats[i];
        for (size_t j = 0; dx_net_host_equal(&nat->outside, &arrival->to) && j < nat->mapping_count; j++) {
            const sim_mapping *mapping = &nat->mappings[j];
            if (is_alive(nat, mapping, now_ms) && mapping->port == arrival->to.port &&
                (i != from_nat || nat->hairpin) && lets_in(nat, mapping, &arrival->from)) {
                arrival->lan = mapping->lan;
                arrival->to = mapping->inside;
                return true;
            }
        }
    }
    return false;
}

bool sim_internet_route(sim_internet *net, uint64_t now_ms, const sim_udp_port *from,
                        const dx_net_address *to, sim_arrival *out) {
    *out = (sim_arrival){.lan = from->lan, .from = from->address, .to = *to};
    if (sim_internet_find_port(net, from->lan, to) != NULL) {
        return true;
    }
    int index = net->lan_nats[from->lan];
    if (from->lan == 0) {
        return route_in(net, now_ms, SIM_NO_NAT, out);
    }
    dx_net_class class = dx_net_classify(to);
    if (index == SIM_NO_NAT || net->nats[index].kind == SIM_NAT_BLOCKED || class == DX_NET_PRIVATE ||
        class == DX_NET_LINK_LOCAL || to->family != net->nats[index].outside.family) {
        return false;
    }
    sim_nat *nat = &net->nats[index];
    sim_mapping *mapping = map_out(nat, now_ms, from->lan, &from->address, to);
    if (!lets_in(nat, mapping, to)) {
        mapping->allowed[mapping->allowed_count++ % SIM_ALLOWED_MAX] = *to;
    }
    out->from = nat->outside;
    out->from.port = mapping->port;
    return route_in(net, now_ms, index, out);
}

void sim_nat_rebind(sim_nat *nat) {
    nat->mapping_count = 0;
    nat->next_port = nat->next_port > PORT_LAST ? PORT_FIRST : (uint16_t)(nat->next_port + PORTS_FORGOTTEN);
}

bool sim_nats_permit(sim_nat_kind a, sim_nat_kind b) {
    bool blocked = a == SIM_NAT_BLOCKED || b == SIM_NAT_BLOCKED;
    bool symmetric = a == SIM_NAT_SYMMETRIC || b == SIM_NAT_SYMMETRIC;
    sim_nat_kind other = a == SIM_NAT_SYMMETRIC ? b : a;
    return !blocked && !(symmetric && (other == SIM_NAT_SYMMETRIC || other == SIM_NAT_PORT_RESTRICTED));
}
