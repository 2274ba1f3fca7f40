/* host/rtc_socket.c: UDP sockets of peer links. See rtc_socket.h.
 *
 * Layer: floor 3, host. */
#include "rtc_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Addresses -------------------------------------------------------------------------------------------- */

dx_net_address dx_rtc_socket_address(const struct sockaddr *from) {
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)from;
        uint8_t bytes[4];
        memcpy(bytes, &four->sin_addr, sizeof bytes);
        return dx_net_ipv4(bytes, ntohs(four->sin_port));
    }
    if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)from;
        return dx_net_ipv6(six->sin6_addr.s6_addr, ntohs(six->sin6_port));
    }
    return (dx_net_address){.family = DX_NET_NONE};
}

static void socket_address(const dx_net_address *address, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (address->family == DX_NET_IPV4) {
        struct sockaddr_in *four = (struct sockaddr_in *)out;
        four->sin_family = AF_INET;
        four->sin_port = htons(address->port);
        memcpy(&four->sin_addr, address->bytes, sizeof four->sin_addr);
    } else {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(address->port);
        memcpy(&six->sin6_addr, address->bytes, sizeof six->sin6_addr);
    }
}

/* Linux tells in a file which IPv6 addresses will not stay (if_addr.h: temporary 01, tentative 40, deprecated 20, failed
 * 08); elsewhere all are taken to stay. */
static bool is_passing(const dx_net_address *address) {
    enum { PASSING = 0x01 | 0x08 | 0x20 | 0x40 };
    char line[128], wanted[2 * DX_NET_ADDRESS_BYTES + 1];
    bool passing = false;
    FILE *list = address->family == DX_NET_IPV6 ? fopen("/proc/net/if_inet6", "re") : NULL;
    dx_hex_encode(dx_bytes_of(address->bytes, sizeof address->bytes), wanted);
    while (list != NULL && fgets(line, sizeof line, list) != NULL) {
        char found[33];
        unsigned flags = 0;
        if (sscanf(line, "%32s %*x %*x %*x %x", found, &flags) == 2 && strcmp(found, wanted) == 0) {
            passing = (flags & PASSING) != 0;
        }
    }
    if (list != NULL) {
        fclose(list);
    }
    return passing;
}

/* Places in the order of usefulness; none: left out. */
static int rank(const dx_net_address *address, bool loopback) {
    dx_net_class class = dx_net_classify(address);
    bool six = address->family == DX_NET_IPV6;
    if (class == DX_NET_LOOPBACK) {
        return six ? 5 : 4;
    }
    if (loopback || (class != DX_NET_GLOBAL && class != DX_NET_PRIVATE) || (six && is_passing(address))) {
        return -1;
    }
    return (class == DX_NET_GLOBAL ? 0 : 2) + (six ? 1 : 0);
}

size_t dx_rtc_local_addresses(bool loopback, dx_net_address out[static DX_ICE_LOCALS_MAX]) {
    enum { RANKS = 6, LOOPBACK_RANK = 4 };
    uv_interface_address_t *list;
    int count;
    size_t found = 0;
    if (uv_interface_addresses(&list, &count) != 0) {
        return 0;
    }
    for (int wanted = 0; wanted < RANKS; wanted++) {
        if (wanted >= LOOPBACK_RANK && found > 0 && !loopback) {
            break;
        }
        for (int i = 0; i < count && found < DX_ICE_LOCALS_MAX; i++) {
            dx_net_address address = dx_rtc_socket_address((const struct sockaddr *)&list[i].address);
            address.port = 0;
            if (address.family != DX_NET_NONE && rank(&address, loopback) == wanted) {
                out[found++] = address;
            }
        }
    }
    uv_free_interface_addresses(list, count);
    return found;
}

/* --- Receiving ---------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    static char room[DX_RTC_RECEIVE_BATCH * 64 * 1024]; /* one thread, and every datagram is taken at once */
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(room, sizeof room);
}

static void on_receive(uv_udp_t *handle, ssize_t size, const uv_buf_t *bytes, const struct sockaddr *from,
                       unsigned flags) {
    dx_rtc_socket *socket = handle->data;
    if (size <= 0 || from == NULL || (flags & UV_UDP_PARTIAL) != 0 || uv_is_closing((uv_handle_t *)handle)) {
        return; /* an error is an ICMP message's, which anybody can send: consent tells who is gone */
    }
    dx_net_address sender = dx_rtc_socket_address(from);
    if (sender.family != DX_NET_NONE) {
        socket->on_datagram(socket->ctx, socket, &sender, dx_bytes_of(bytes->base, (size_t)size));
    }
}

/* --- Life ------------------------------------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void widen(uv_handle_t *handle) {
    for (int size = DX_RTC_RECEIVE_BUFFER_SIZE; size > 0 && uv_recv_buffer_size(handle, &size) != 0;) {
        size /= 2;
    }
    int size = DX_RTC_SEND_BUFFER_SIZE;
    (void)uv_send_buffer_size(handle, &size);
}

int dx_rtc_socket_open(uv_loop_t *loop, const dx_net_address *address, uint32_t number,
                       dx_rtc_on_datagram on_datagram, void *ctx, dx_rtc_socket **out) {
    struct sockaddr_storage bound;
    int size = sizeof bound;
    *out = NULL;
    dx_rtc_socket *socket = calloc(1, sizeof *socket);
    if (socket == NULL) {
        return DX_E_NO_MEMORY;
    }
    if (uv_udp_init_ex(loop, &socket->handle, AF_UNSPEC | UV_UDP_RECVMMSG) != 0) {
        free(socket);
        return DX_E_IO;
    }
    socket->handle.data = socket;
    socket->number = number;
    socket->on_datagram = on_datagram;
    socket->ctx = ctx;
    socket_address(address, &bound);
    if (uv_udp_bind(&socket->handle, (const struct sockaddr *)&bound, 0) != 0 ||
        uv_udp_getsockname(&socket->handle, (struct sockaddr *)&bound, &size) != 0 ||
        uv_udp_recv_start(&socket->handle, on_alloc, on_receive) != 0) {
        dx_rtc_socket_close(socket);
        return DX_E_IO;
    }
    widen((uv_handle_t *)&socket->handle);
    socket->address = dx_rtc_socket_address((const struct sockaddr *)&bound);
    *out = socket;
    return DX_OK;
}

void dx_rtc_socket_close(dx_rtc_socket *socket) {
    if (!uv_is_closing((uv_handle_t *)&socket->handle)) {
        uv_close((uv_handle_t *)&socket->handle, on_closed);
    }
}

void dx_rtc_socket_send(dx_rtc_socket *socket, const dx_net_address *to, dx_bytes bytes) {
    struct sockaddr_storage address;
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)bytes.size);
    socket_address(to, &address);
    (void)uv_udp_try_send(&socket->handle, &buffer, 1, (const struct sockaddr *)&address);
}
