/* net/ice_gather.c: server-reflexive candidates: how STUN servers see this machine.
 *
 * Layer: floor 2, net. RFC 8445 §5.1.1.2. Each address of this machine asks each server of its family, in the same
 * pace as the checks. A server's word is taken only from the server asked and for the transaction asked. */
#include "net/ice_agent.h"

#include <string.h>

/* A server on the internet sees nothing of a loopback or link-local address. */
static bool can_ask(const ice_base *base, const dx_net_address *server) {
    dx_net_class class = dx_net_classify(&base->address);
    bool local = class == DX_NET_LINK_LOCAL ||
                 (class == DX_NET_LOOPBACK && dx_net_classify(server) != DX_NET_LOOPBACK);
    return base->address.family == server->family && !local;
}

void dx_ice_gather_reset(dx_ice *ice, ice_base *base) {
    size_t index = (size_t)(base - ice->bases);
    for (size_t i = 0; i < ICE_REFLEXIVES_MAX; i++) {
        if (ice->reflexives[i].used && ice->reflexives[i].base == index) {
            ice->reflexives[i] = (ice_reflexive){0};
        }
    }
    memset(base->gather, 0, sizeof base->gather);
    for (size_t i = 0; i < DX_ICE_SERVERS_MAX; i++) {
        base->gather[i].done = i >= ice->server_count || !can_ask(base, &ice->servers[i]);
        base->gather[i].answered = false;
    }
}

void dx_ice_gather_add(dx_ice *ice, size_t server) {
    for (size_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        ice_base *base = &ice->bases[i];
        memset(&base->gather[server], 0, sizeof base->gather[server]);
        base->gather[server].done = !base->used || !can_ask(base, &ice->servers[server]);
    }
}

static void ask(dx_ice *ice, ice_base *base, size_t server) {
    ice_transaction *transaction = &base->gather[server].transaction;
    dx_stun_writer request;
    dx_stun_begin(&request, DX_STUN_REQUEST, DX_STUN_BINDING, transaction->id);
    dx_stun_add_fingerprint(&request);
    transaction->sends++;
    transaction->due_ms = dx_ice_due_after(ice, ICE_RTO_MS, transaction->sends);
    dx_ice_send(ice, base->socket, &ice->servers[server], dx_stun_written(&request));
}

/* The first that was not begun; server-major, so that one dead server holds up no other. */
static ice_base *find_unasked(const dx_ice *ice, size_t *server) {
    for (size_t i = 0; i < ice->server_count; i++) {
        for (size_t j = 0; j < DX_ICE_LOCALS_MAX; j++) {
            const ice_base *base = &ice->bases[j];
            if (base->used && !base->gather[i].done && !base->gather[i].transaction.active) {
                *server = i;
                return (ice_base *)base;
            }
        }
    }
    return NULL;
}

bool dx_ice_gather_waits(const dx_ice *ice) {
    size_t server = 0;
    return find_unasked(ice, &server) != NULL;
}

bool dx_ice_gather_begin(dx_ice *ice) {
    size_t server = 0;
    ice_base *base = find_unasked(ice, &server);
    if (!base) {
        return false;
    }
    ice_transaction *transaction = &base->gather[server].transaction;
    transaction->active = true;
    ice->random->fill(ice->random->ctx, transaction->id, sizeof transaction->id);
    ask(ice, base, server);
    return true;
}

void dx_ice_gather_again(dx_ice *ice) {
    for (size_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        ice_base *base = &ice->bases[i];
        for (size_t j = 0; base->used && j < ice->server_count; j++) {
            ice_transaction *transaction = &base->gather[j].transaction;
            if (base->gather[j].done || !transaction->active || ice->now_ms < transaction->due_ms) {
                continue;
            }
            if (transaction->sends < ICE_SENDS_MAX) {
                ask(ice, base, j);
            } else {
                base->gather[j].done = true;
            }
        }
    }
}

bool dx_ice_gather_done(const dx_ice *ice) {
    for (size_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        for (size_t j = 0; ice->bases[i].used && j < ice->server_count; j++) {
            if (!ice->bases[i].gather[j].done) {
                return false;
            }
        }
    }
    return true;
}

uint64_t dx_ice_gather_due(const dx_ice *ice) {
    uint64_t due_ms = DX_NO_DEADLINE;
    for (size_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        for (size_t j = 0; ice->bases[i].used && j < ice->server_count; j++) {
            const ice_transaction *transaction = &ice->bases[i].gather[j].transaction;
            if (!ice->bases[i].gather[j].done && transaction->active && transaction->due_ms < due_ms) {
                due_ms = transaction->due_ms;
            }
        }
    }
    return due_ms;
}

/* The server a transaction from this socket asks, -1: none. */
static int find_asked(const dx_ice *ice, const ice_base *base, const uint8_t *id) {
    for (size_t i = 0; i < ice->server_count; i++) {
        const ice_transaction *transaction = &base->gather[i].transaction;
        if (transaction->active && memcmp(transaction->id, id, DX_STUN_TRANSACTION_SIZE) == 0) {
            return (int)i;
        }
    }
    return -1;
}

bool dx_ice_gather_knows(const dx_ice *ice, uint32_t socket, const uint8_t *transaction) {
    int base = dx_ice_find_base(ice, socket);
    return base >= 0 && find_asked(ice, &ice->bases[base], transaction) >= 0;
}

/* §5.1.3: one seen before, or the base itself, is redundant. */
static void add_reflexive(dx_ice *ice, int base, int server, const dx_net_address *address) {
    ice_reflexive *place = NULL;
    const dx_net_address *own = &ice->bases[base].address;
    if (!dx_net_address_usable(address) || address->family != own->family ||
        dx_net_address_equal(address, own)) {
        return;
    }
    for (size_t i = 0; i < ICE_REFLEXIVES_MAX; i++) {
        ice_reflexive *reflexive = &ice->reflexives[i];
        if (reflexive->used && reflexive->base == base &&
            dx_net_address_equal(&reflexive->address, address)) {
            return;
        }
        if (!reflexive->used && !place) {
            place = reflexive;
        }
    }
    if (place) {
        *place = (ice_reflexive){
            .used = true, .base = (uint8_t)base, .server = (uint8_t)server, .address = *address};
    }
}

bool dx_ice_gather_receive(dx_ice *ice, uint32_t socket, const dx_net_address *from,
                           const dx_stun_message *message) {
    int base = dx_ice_find_base(ice, socket);
    int server = base < 0 ? -1 : find_asked(ice, &ice->bases[base], message->transaction);
    if (server < 0) {
        return false;
    }
    if (!ice->bases[base].gather[server].done && dx_net_address_equal(from, &ice->servers[server])) {
        ice->bases[base].gather[server].done = ice->bases[base].gather[server].answered = true;
        if (message->class == DX_STUN_SUCCESS && message->unknown_count == 0) {
            add_reflexive(ice, base, server, &message->mapped);
        }
    }
    return true;
}
