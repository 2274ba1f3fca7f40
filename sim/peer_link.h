/* sim/peer_link.h: how peers reach each other by datagrams: where each stands in a simulated internet, and the
 * transports of its peer links, which run the real ICE (src/net/ice.h) through it.
 *
 * Layer: simulator; private to udp.c, peer_link.c and check_peer_link.c. There in worlds with a signaling service. A transport does what
 * src/host/rtc_link.c does, down to DTLS: for that there is a stand-in, in which each side shows its certificate's
 * number and says whether it has seen the other's. What runs above is a simulated stream (net.c), which moves only while the
 * sender's path leads to the receiver, and ends when the transport does. */
#ifndef DX_SIM_PEER_LINK_H
#define DX_SIM_PEER_LINK_H

#include "internet.h"
#include "net/ice.h"
#include "world.h"

enum {
    SIM_SERVER = -1, /* as a port's peer: the kube's STUN server answers there */
    SIM_LOCALS_MAX = 2,
    SIM_ASKED_MAX = 96
};

/* Bits in a certificate's number: it is another's, named in the place of the one with the number below. MIDDLE: its owner
 * stands on the path, too, and shows it (hostile_signaling.c sets them in descriptions). */
#define SIM_MIDDLE              UINT64_C(0x8000000000000000)
#define SIM_ABSENT              UINT64_C(0x4000000000000000)
#define SIM_CERTIFICATE(number) ((number) & ~(SIM_MIDDLE | SIM_ABSENT))

/* Where a peer stands. */
typedef struct sim_place {
    int lan;                               /* of its IPv4 address; 0: none is between it and the internet */
    dx_net_address locals[SIM_LOCALS_MAX]; /* IPv4, and IPv6 or none, which is on the internet itself */
} sim_place;

/* How often an address was asked, and whether it ever said a word. */
typedef struct sim_asked {
    dx_net_address address;
    unsigned count;
    bool heard;
} sim_asked;

typedef struct sim_transport {
    struct sim_transport *next;
    sim_peer *peer;
    uint64_t number;                                      /* of the peer's link */
    uint64_t id;                                          /* and of its certificate */
    bool offers, described, chosen, up, gone;             /* chosen: ICE did, once at least */
    uint64_t opened_ms, restarted_ms, armed_ms, heard_ms; /* heard: any datagram of the other side */
    unsigned restarts;
    uint64_t told; /* the certificate that the other side's description names; 0: none came */
    size_t server_count;
    dx_net_address servers[DX_ICE_SERVERS_MAX];
    dx_ice *ice;
    size_t socket_count;
    uint32_t sockets[SIM_LOCALS_MAX];
    bool has_path;
    uint64_t pathless_ms; /* since when it has none; 0: it has */
    uint64_t unchosen_ms; /* since when a link that is up has none that ICE chose; 0: it has */
    uint32_t out;
    dx_net_address out_to;
    /* the stand-in for DTLS */
    bool began, seen, confirmed; /* seen: the other's certificate; confirmed: and ours by the other */
    uint64_t hello_ms;           /* when it is said again */
    uint32_t hello_wait_ms;
    size_t asked_count;
    sim_asked asked[SIM_ASKED_MAX];
} sim_transport;

typedef struct sim_udp {
    sim_internet net;
    sim_place places[SIM_PEERS_MAX];
    uint64_t random_state;
    dx_random random;
    uint32_t next_socket, next_port, next_outside;
    uint64_t loss, twice; /* per million */
    sim_transport *transports;
    uint64_t next_transport;
    struct {
        uint64_t life, minute;
        unsigned offers;
    } attempts[SIM_PEERS_MAX];
} sim_udp;

/* --- udp.c: places, sockets and datagrams --------------------------------------------------------------- */
uint64_t sim_udp_draw(sim_world *world, uint64_t bound);
/* Sockets for the peer's addresses, owned by a transport (0: by all of its that answer); those that are there already
 * stay. */
void sim_udp_bind(sim_peer *peer, uint64_t owner);
void sim_udp_unbind(const sim_peer *peer, uint64_t owner);
/* The index-th, NULL past the last. */
sim_udp_port *sim_udp_port_at(const sim_peer *peer, uint64_t owner, size_t index);
sim_udp_port *sim_udp_find(const sim_peer *peer, uint32_t socket);
void sim_udp_send(sim_world *world, const sim_udp_port *from, const dx_net_address *to, dx_bytes bytes);

/* --- peer_link.c ------------------------------------------------------------------------------------------ */
/* A datagram for a peer that is awake. */
void sim_peer_link_receive(sim_peer *peer, const sim_udp_port *port, const dx_net_address *from,
                           dx_bytes bytes);
/* The peer's addresses are other ones since a while ago, and its host sees it now. */
void sim_peer_link_move(sim_peer *peer);
bool sim_peer_link_owns(const sim_transport *transport, const sim_udp_port *port);

/* --- check_peer_link.c -------------------------------------------------------------------------------------- */
/* Before a datagram of its ICE agent leaves, after one came. */
void sim_check_asked(sim_transport *transport, const dx_net_address *to);
void sim_check_heard(sim_transport *transport, const dx_net_address *from);
/* A pair was chosen; it is still in use. */
void sim_check_chosen(sim_transport *transport, const dx_ice_pair *pair);
void sim_check_path(sim_transport *transport);
/* A peer opens a link that offers. */
void sim_check_attempt(sim_peer *peer);
/* Both ends of a link are up, though one of them at least was told another's certificate. */
void sim_check_middle(const sim_transport *transport);
/* Datagrams by somebody who knows a name but no password. */
void sim_check_stranger(sim_transport *transport);

#endif
