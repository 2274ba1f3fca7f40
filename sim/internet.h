/* sim/internet.h: an internet without wires: local networks behind NATs of every kind, and where a datagram that is
 * sent from one address to another comes out.
 *
 * Layer: simulator, and unit tests of src/net (tests/unit/net/nat_world.h); knows net/address.h alone. NAT words are RFC
 * 4787's older ones (RFC 3489 §5): a cone keeps one public port for an inside address, a symmetric NAT takes a new
 * one for each destination; restricted ones let in only whom the inside has sent to (its address, or its address and
 * port). Time is what the caller says it is; delay, loss and order are his affair, too. Plain values, nothing
 * allocated: what a NAT keeps is bounded, and the oldest gives way. */
#ifndef DX_SIM_INTERNET_H
#define DX_SIM_INTERNET_H

#include "net/address.h"

enum {
    SIM_LANS_MAX = 32, /* 0 is the internet itself */
    SIM_NATS_MAX = 12,
    SIM_UDP_PORTS_MAX = 256,
    SIM_MAPPINGS_MAX = 128,
    SIM_ALLOWED_MAX = 32,
    SIM_NO_NAT = -1,
};

/* X(symbol, words) */
#define SIM_NAT_KINDS(X)                                                                                     \
    X(FULL_CONE, "full cone")                                                                                \
    X(RESTRICTED, "address-restricted")                                                                      \
    X(PORT_RESTRICTED, "port-restricted")                                                                    \
    X(SYMMETRIC, "symmetric")                                                                                \
    X(BLOCKED, "without UDP")

typedef enum sim_nat_kind {
#define SIM_NAT_ROW(symbol, words) SIM_NAT_##symbol,
    SIM_NAT_KINDS(SIM_NAT_ROW)
#undef SIM_NAT_ROW
        SIM_NAT_KIND_COUNT
} sim_nat_kind;

typedef struct sim_mapping {
    bool used;
    int lan;
    uint16_t port;
    uint64_t used_ms;          /* the inside sent last */
    dx_net_address inside, to; /* to: of a symmetric NAT only */
    size_t allowed_count;      /* ever */
    dx_net_address allowed[SIM_ALLOWED_MAX];
} sim_mapping;

typedef struct sim_nat {
    sim_nat_kind kind;
    bool hairpin;         /* what its inside sends to its outside comes back in */
    uint64_t lifetime_ms; /* of a mapping nobody sends through; 0: for ever */
    dx_net_address outside;
    uint16_t next_port;
    size_t mapping_count; /* places used so far */
    sim_mapping mappings[SIM_MAPPINGS_MAX];
} sim_nat;

/* A bound UDP socket. Its place may be used again once it is not up. */
typedef struct sim_udp_port {
    bool up;
    int peer, lan;
    uint32_t socket;
    uint64_t owner; /* the caller's */
    dx_net_address address;
} sim_udp_port;

typedef struct sim_internet {
    size_t lan_count, nat_count, port_count;
    int lan_nats[SIM_LANS_MAX];
    sim_nat nats[SIM_NATS_MAX];
    sim_udp_port ports[SIM_UDP_PORTS_MAX];
} sim_internet;

/* Where a datagram comes out, and whose it seems to be. */
typedef struct sim_arrival {
    int lan;
    dx_net_address from, to;
} sim_arrival;

void sim_internet_init(sim_internet *net);
/* Its number. outside: its port does not count. */
int sim_internet_add_nat(sim_internet *net, sim_nat_kind kind, const dx_net_address *outside,
                         uint16_t first_port);
int sim_internet_add_lan(sim_internet *net, int nat); /* nat SIM_NO_NAT: an island */
/* NULL: no room. */
sim_udp_port *sim_internet_add_port(sim_internet *net, const sim_udp_port *port);
sim_udp_port *sim_internet_find_port(sim_internet *net, int lan, const dx_net_address *address);
/* What a socket sends there: false when it comes out nowhere. It opens the way back through NATs, as sending does;
 * whether anybody has a socket where it comes out is another question. */
bool sim_internet_route(sim_internet *net, uint64_t now_ms, const sim_udp_port *from,
                        const dx_net_address *to, sim_arrival *out);
/* The NAT forgets every mapping, as one that was restarted. */
void sim_nat_rebind(sim_nat *nat);
/* RFC 5128's table: a symmetric NAT meets anything that looks at addresses alone; nothing passes where UDP does not. */
bool sim_nats_permit(sim_nat_kind a, sim_nat_kind b);
const char *sim_nat_words(sim_nat_kind kind);

#endif
