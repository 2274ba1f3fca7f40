/* host/stun_server.c: a STUN server on a UDP port of the loop. See stun_server.h.
 *
 * Layer: floor 3, host. An answer that the kernel does not take at once is dropped: the asker asks again (RFC 8489 §6.2.1). */
#include "stun_server.h"

#include <string.h>

#include "net/stun.h"

enum { DATAGRAM_MAX = 1500 };

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    static char room[DATAGRAM_MAX]; /* one thread, and each is answered at once */
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(room, sizeof room);
}

static dx_net_address address_of(const struct sockaddr *from) {
    if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
        return dx_net_ipv6(six->sin6_addr.s6_addr, ntohs(six->sin6_port));
    }
    const struct sockaddr_in *four = (const struct sockaddr_in *)from;
    uint8_t bytes[4];
    memcpy(bytes, &four->sin_addr, sizeof bytes);
    return dx_net_ipv4(bytes, ntohs(four->sin_port));
}

static void on_datagram(uv_udp_t *handle, ssize_t size, const uv_buf_t *bytes, const struct sockaddr *from,
                        unsigned flags) {
    dx_stun_server *server = handle->data;
    if (size <= 0 || from == NULL || (flags & UV_UDP_PARTIAL) != 0) {
        return;
    }
    dx_net_address asker = address_of(from);
    dx_stun_writer answer;
    if (dx_stun_respond(dx_bytes_of(bytes->base, (size_t)size), &asker, &answer)) {
        dx_bytes written = dx_stun_written(&answer);
        uv_buf_t out = uv_buf_init((char *)(uintptr_t)written.data, (unsigned)written.size);
        server->answers_total += uv_udp_try_send(handle, &out, 1, from) >= 0;
    }
}

int dx_stun_server_start(dx_stun_server *server, uv_loop_t *loop, const char *address, int port) {
    struct sockaddr_storage to;
    int size = sizeof to;
    memset(&to, 0, sizeof to);
    uv_udp_init(loop, &server->handle);
    server->handle.data = server;
    server->answers_total = 0;
    server->port = 0;
    if (uv_ip4_addr(address, port, (struct sockaddr_in *)&to) != 0 &&
        uv_ip6_addr(address, port, (struct sockaddr_in6 *)&to) != 0) {
        return DX_E_INVALID;
    }
    int status = uv_udp_bind(&server->handle, (const struct sockaddr *)&to, 0);
    status = status == 0 ? uv_udp_recv_start(&server->handle, on_alloc, on_datagram) : status;
    if (status != 0) {
        return status == UV_EADDRINUSE || status == UV_EACCES ? DX_E_BUSY : DX_E_IO;
    }
    uv_udp_getsockname(&server->handle, (struct sockaddr *)&to, &size);
    server->port = ntohs(to.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&to)->sin6_port
                                                  : ((struct sockaddr_in *)&to)->sin_port);
    return DX_OK;
}
