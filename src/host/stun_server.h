/* host/stun_server.h: a STUN server on a UDP port of the loop: tells peers how they look from here.
 *
 * Layer: floor 3, host. Stateless: net/stun answers each datagram by itself, with no more bytes than twice what came, and
 * nothing is kept of anybody. */
#ifndef DX_HOST_STUN_SERVER_H
#define DX_HOST_STUN_SERVER_H

#include <uv.h>

#include <dxos/base.h>

typedef struct dx_stun_server {
    uv_udp_t handle;
    uint64_t answers_total;
    int port;
} dx_stun_server;

/* Listens at an address in figures; port 0: any. handle is to be closed by the caller (uv_close), also on an error.
 * DX_E_BUSY: the port is taken; DX_E_IO. */
DX_MUST_USE int dx_stun_server_start(dx_stun_server *server, uv_loop_t *loop, const char *address, int port);

#endif
