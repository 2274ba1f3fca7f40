/* host/rtc_socket.h: UDP sockets of peer links, one for an address of this machine, and which addresses those are.
 *
 * Layer: floor 3, host; libuv. A datagram that the kernel does not take at once is lost, like any on a network. */
#ifndef DX_HOST_RTC_SOCKET_H
#define DX_HOST_RTC_SOCKET_H

#include <uv.h>

#include "net/ice.h"

enum {
    /* The kernel's own room holds some 90 datagrams, and a burst that overflows it costs SCTP its pace. What the system
     * allows is taken, up to this. */
    DX_RTC_RECEIVE_BUFFER_SIZE = 4 << 20,
    DX_RTC_SEND_BUFFER_SIZE = 1 << 20,
    /* Datagrams taken from the kernel at once; libuv wants 64 KiB of room for each. */
    DX_RTC_RECEIVE_BATCH = 16,
};

typedef struct dx_rtc_socket dx_rtc_socket;

/* bytes are borrowed for the call. The socket may be closed within it. */
typedef void (*dx_rtc_on_datagram)(void *ctx, dx_rtc_socket *socket, const dx_net_address *from,
                                   dx_bytes bytes);

struct dx_rtc_socket {
    uint32_t number;        /* as the opener said; ICE's name for it */
    dx_net_address address; /* what it is bound to */
    dx_rtc_socket *next;    /* the opener's, for a list */
    bool seen;              /* likewise, for marking */
    /* private */
    uv_udp_t handle;
    dx_rtc_on_datagram on_datagram;
    void *ctx;
};

/* Of a socket's address; family DX_NET_NONE: of no family we know. */
dx_net_address dx_rtc_socket_address(const struct sockaddr *from);
/* Addresses of this machine that peers may be told, most useful first (those others can reach, IPv4 before IPv6); their
 * count. Left out are link-local ones, and IPv6 ones that are temporary, deprecated or not yet proven. Loopback comes only
 * where there is nothing else, or alone, when loopback is asked for. Ports are 0. */
size_t dx_rtc_local_addresses(bool loopback, dx_net_address out[static DX_ICE_LOCALS_MAX]);

/* Binds to the address, with a port of the kernel's choice when it has none. DX_E_IO: the address is not there (any more)
 * or no descriptor is left; DX_E_NO_MEMORY. */
DX_MUST_USE int dx_rtc_socket_open(uv_loop_t *loop, const dx_net_address *address, uint32_t number,
                                   dx_rtc_on_datagram on_datagram, void *ctx, dx_rtc_socket **out);
/* Nothing is told any more; the memory goes in a later turn of the loop. */
void dx_rtc_socket_close(dx_rtc_socket *socket);
void dx_rtc_socket_send(dx_rtc_socket *socket, const dx_net_address *to, dx_bytes bytes);

#endif
