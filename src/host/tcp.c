/* host/tcp.c: links over TCP: dialled and accepted, one ordered stream each.
 *
 * Layer: floor 3, host. Addresses are "tcp:HOST:PORT", an IPv6 host in brackets. What a step sends on a link
 * is written at once, as one buffer; the node is told when it has left (LINK_WRITABLE), so that it can bound
 * what waits here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

/* Connections the kernel holds ready: in a burst a peer beyond them would wait a second to try again. */
enum { LISTEN_BACKLOG = 1024 };

struct dx_tcp_link {
    uv_tcp_t handle;
    uv_connect_t connect;
    uv_getaddrinfo_t resolve;
    uv_write_t write;
    uv_timer_t timeout; /* for connecting, and for last words */
    dx_tcp_link *next;
    dx_driver *driver;
    uint64_t number;
    dx_buf pending, writing;
    size_t untold;          /* bytes that left and the node has not heard of */
    struct addrinfo *found; /* what a host's name led to; */
    struct addrinfo *trial; /* the one being tried */
    uint64_t connect_by_ms; /* by the loop's clock */
    bool up, incoming, busy, closing, close_after_write, resolving;
    bool answered; /* the node sent something: the other end is no stranger */
    int handles;   /* still open: the memory goes with the last */
    char address[128];
};

/* --- The end of a link -------------------------------------------------------------------------------- */

static void on_handle_closed(uv_handle_t *handle) {
    dx_tcp_link *link = handle->data;
    if (--link->handles == 0 && !link->resolving) {
        uv_freeaddrinfo(link->found);
        dx_buf_deinit(&link->pending);
        dx_buf_deinit(&link->writing);
        free(link);
    }
}

static void close_link(dx_tcp_link *link) {
    if (link->closing) {
        return;
    }
    link->closing = true;
    for (dx_tcp_link **at = &link->driver->links; *at != NULL; at = &(*at)->next) {
        if (*at == link) {
            *at = link->next;
            break;
        }
    }
    link->driver->incoming_count -= link->incoming;
    if (link->resolving) {
        uv_cancel((uv_req_t *)&link->resolve);
    }
    if (!uv_is_closing((uv_handle_t *)&link->handle)) { /* it is while another address is about to be tried */
        uv_close((uv_handle_t *)&link->handle, on_handle_closed);
    }
    uv_close((uv_handle_t *)&link->timeout, on_handle_closed);
}

/* The link is gone for a reason of the network's; the node is told. */
static void lose_link(dx_tcp_link *link, int status) {
    const char *why = status == UV_EOF ? "the peer closed the connection" : uv_strerror(status);
    dx_event event = {.kind = DX_EVENT_LINK_DOWN,
                      .link = link->number,
                      .reason = DX_E_UNREACHABLE,
                      .body = dx_bytes_text(why)};
    dx_driver *driver = link->driver;
    close_link(link);
    dx_driver_event(driver, &event);
}

/* --- Reading and writing ---------------------------------------------------------------------------------
 */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    static char room[DX_LINK_READ_SIZE]; /* one thread, and every read is copied into its event at once */
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(room, sizeof room);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes) {
    dx_tcp_link *link = stream->data;
    if (size < 0) {
        lose_link(link, (int)size);
    } else if (size > 0) {
        dx_driver_event(link->driver, &(dx_event){.kind = DX_EVENT_LINK_DATA,
                                                  .link = link->number,
                                                  .body = dx_bytes_of(bytes->base, (size_t)size)});
    }
}

static void flush(dx_tcp_link *link);

/* The node hears of it in its next step, which a small amount alone does not bring about. */
static void note_written(dx_tcp_link *link, size_t size) {
    link->untold += size;
    if (link->untold >= DX_UNTOLD_SIZE_MAX) {
        dx_driver_event(link->driver, &(dx_event){.kind = DX_EVENT_CLOCK});
    }
}

void dx_tcp_tell_written(dx_driver *driver) {
    for (dx_tcp_link *link = driver->links; link != NULL; link = link->next) {
        if (link->untold > 0) {
            dx_driver_event(
                driver,
                &(dx_event){.kind = DX_EVENT_LINK_WRITABLE, .link = link->number, .size = link->untold});
            link->untold = 0;
        }
    }
}

static void on_written(uv_write_t *write, int status) {
    dx_tcp_link *link = write->data;
    size_t size = link->writing.size;
    link->busy = false;
    dx_buf_empty(&link->writing);
    if (link->closing) {
        return;
    }
    if (status < 0) {
        lose_link(link, status);
        return;
    }
    note_written(link, size);
    flush(link);
}

/* What the kernel did not take at once is written when it can. */
static void write_rest(dx_tcp_link *link, size_t taken) {
    dx_buf sent = link->writing;
    dx_buf_consume(&link->pending, taken);
    note_written(link, taken);
    link->writing = link->pending;
    link->pending = sent;
    uv_buf_t bytes = uv_buf_init((char *)link->writing.data, (unsigned)link->writing.size);
    link->write.data = link;
    link->busy = true;
    int status = uv_write(&link->write, (uv_stream_t *)&link->handle, &bytes, 1, on_written);
    if (status < 0) {
        link->busy = false;
        lose_link(link, status);
    }
}

static void flush(dx_tcp_link *link) {
    if (link->busy || !link->up || link->closing) {
        return;
    }
    if (link->pending.size > 0) {
        uv_buf_t bytes = uv_buf_init((char *)link->pending.data, (unsigned)link->pending.size);
        int taken = uv_try_write((uv_stream_t *)&link->handle, &bytes, 1);
        if (taken < 0 && taken != UV_EAGAIN) {
            lose_link(link, taken);
            return;
        }
        if (taken < 0 || (size_t)taken < link->pending.size) {
            write_rest(link, taken < 0 ? 0 : (size_t)taken);
            return;
        }
        dx_buf_empty(&link->pending);
        note_written(link, (size_t)taken);
    }
    if (link->close_after_write) {
        close_link(link);
    }
}

void dx_tcp_flush(dx_driver *driver) {
    for (dx_tcp_link *link = driver->links, *next; link != NULL; link = next) {
        next = link->next; /* a lost link is taken out, no other */
        if (link->pending.size > 0) {
            flush(link);
        }
    }
}

/* --- Beginning --------------------------------------------------------------------------------------------
 */

static dx_tcp_link *make_link(dx_driver *driver, uint64_t number, bool incoming) {
    dx_tcp_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return NULL;
    }
    link->driver = driver;
    link->number = number;
    link->incoming = incoming;
    dx_buf_init(&link->pending, dx_host_alloc(), DX_LINK_PENDING_MAX);
    dx_buf_init(&link->writing, dx_host_alloc(), DX_LINK_PENDING_MAX);
    uv_tcp_init(&driver->loop, &link->handle);
    uv_timer_init(&driver->loop, &link->timeout);
    link->handle.data = link->timeout.data = link;
    link->handles = 2;
    link->next = driver->links;
    driver->links = link;
    driver->incoming_count += incoming;
    return link;
}

static void name_address(const struct sockaddr_storage *from, char *out, size_t size) {
    char host[64] = "?";
    unsigned port = 0;
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *address = (const struct sockaddr_in6 *)from;
        uv_ip6_name(address, host, sizeof host);
        port = ntohs(address->sin6_port);
        snprintf(out, size, "tcp:[%s]:%u", host, port);
        return;
    }
    const struct sockaddr_in *address = (const struct sockaddr_in *)from;
    uv_ip4_name(address, host, sizeof host);
    port = ntohs(address->sin_port);
    snprintf(out, size, "tcp:%s:%u", host, port);
}

static void bring_up(dx_tcp_link *link) {
    link->up = true;
    uv_tcp_nodelay(&link->handle, 1);
    uv_tcp_keepalive(&link->handle, 1, DX_KEEPALIVE_S);
    uv_read_start((uv_stream_t *)&link->handle, on_alloc, on_read);
    dx_driver_event(
        link->driver,
        &(dx_event){.kind = DX_EVENT_LINK_UP, .link = link->number, .body = dx_bytes_text(link->address)});
    flush(link);
}

static void on_connected(uv_connect_t *connect, int status);

static void on_closed_to_retry(uv_handle_t *handle);

/* A name may lead to several addresses, of which only one is listened on ("localhost" to ::1 and 127.0.0.1),
 * or of which one never answers. */
static void try_next(dx_tcp_link *link, int status) {
    if (link->trial == NULL || link->trial->ai_next == NULL) {
        lose_link(link, status);
        return;
    }
    link->trial = link->trial->ai_next;
    uv_timer_stop(&link->timeout);
    uv_close((uv_handle_t *)&link->handle, on_closed_to_retry);
}

static void on_connect_timeout(uv_timer_t *timer) {
    try_next(timer->data, UV_ETIMEDOUT);
}

/* Of what is left of DX_CONNECT_MS an address gets its share: one that is silent leaves the others theirs. */
static void start_timeout(dx_tcp_link *link) {
    uint64_t now_ms = uv_now(&link->driver->loop), addresses = 1;
    for (const struct addrinfo *at = link->trial; at != NULL && at->ai_next != NULL; at = at->ai_next) {
        addresses++;
    }
    uint64_t left_ms = link->connect_by_ms > now_ms ? link->connect_by_ms - now_ms : 0;
    uv_timer_start(&link->timeout, on_connect_timeout, left_ms / addresses, 0);
}

static void connect_to(dx_tcp_link *link, const struct sockaddr *address) {
    link->connect.data = link;
    start_timeout(link);
    int status = uv_tcp_connect(&link->connect, &link->handle, address, on_connected);
    if (status < 0) {
        try_next(link, status);
    }
}

static void on_closed_to_retry(uv_handle_t *handle) {
    dx_tcp_link *link = handle->data;
    if (link->closing) {
        on_handle_closed(handle);
        return;
    }
    uv_tcp_init(&link->driver->loop, &link->handle);
    link->handle.data = link;
    connect_to(link, link->trial->ai_addr);
}

static void on_connected(uv_connect_t *connect, int status) {
    dx_tcp_link *link = connect->data;
    if (link->closing || uv_is_closing((uv_handle_t *)&link->handle)) { /* given up, or its time was over */
        return;
    }
    if (status < 0) {
        try_next(link, status);
        return;
    }
    uv_timer_stop(&link->timeout);
    bring_up(link);
}

static void on_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *found) {
    dx_tcp_link *link = resolve->data;
    link->resolving = false;
    link->found = link->trial = found;
    if (link->closing) {
        if (link->handles == 0) {
            link->handles = 1;
            on_handle_closed((uv_handle_t *)&link->handle);
        }
    } else if (status < 0) {
        lose_link(link, status);
    } else {
        connect_to(link, found->ai_addr);
    }
}

/* "tcp:HOST:PORT" or "HOST:PORT" into its parts. */
static bool split_address(const char *address, char host[static 128], char port[static 8]) {
    const char *at = strncmp(address, "tcp:", 4) == 0 ? address + 4 : address;
    const char *colon = strrchr(at, ':');
    if (colon == NULL || colon == at || strlen(colon + 1) == 0 || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        return false;
    }
    size_t size = (size_t)(colon - at);
    if (at[0] == '[' && at[size - 1] == ']' && size > 2) {
        at++;
        size -= 2;
    }
    if (size >= 128 || atoi(colon + 1) > 65535) {
        return false;
    }
    memcpy(host, at, size);
    host[size] = 0;
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return true;
}

static bool numeric(const char *host, int port, struct sockaddr_storage *out) {
    return uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0 ||
           uv_ip6_addr(host, port, (struct sockaddr_in6 *)out) == 0;
}

static void dial(dx_driver *driver, uint64_t number, dx_bytes address) {
    char text[160], host[128], port[8];
    struct sockaddr_storage to;
    dx_tcp_link *link = make_link(driver, number, false);
    snprintf(text, sizeof text, "%.*s", (int)(address.size < 150 ? address.size : 150),
             (const char *)address.data);
    if (link == NULL) {
        dx_driver_event(driver,
                        &(dx_event){.kind = DX_EVENT_LINK_DOWN, .link = number, .reason = DX_E_NO_MEMORY});
        return;
    }
    snprintf(link->address, sizeof link->address, "%.127s", text);
    if (strncmp(text, "tcp:", 4) != 0 || !split_address(text, host, port)) {
        lose_link(link, UV_EINVAL);
        return;
    }
    link->connect_by_ms = uv_now(&driver->loop) + DX_CONNECT_MS;
    start_timeout(link);
    if (numeric(host, atoi(port), &to)) {
        connect_to(link, (const struct sockaddr *)&to);
        return;
    }
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    link->resolve.data = link;
    link->resolving = uv_getaddrinfo(&driver->loop, &link->resolve, on_resolved, host, port, &hints) == 0;
    if (!link->resolving) {
        lose_link(link, UV_EAI_FAIL);
    }
}

/* --- Effects ----------------------------------------------------------------------------------------------
 */

static void send_bytes(dx_tcp_link *link, dx_bytes bytes) {
    link->answered = true;
    dx_buf_append(&link->pending, bytes.data, bytes.size);
    if (dx_buf_error(&link->pending) != DX_OK) {
        lose_link(link, UV_ENOBUFS);
    }
}

/* Who never reads may not hold a closed link. */
static void on_linger_timeout(uv_timer_t *timer) {
    close_link(timer->data);
}

void dx_tcp_effect(dx_driver *driver, const dx_effect *effect) {
    if (effect->kind == DX_EFFECT_LINK_OPEN) {
        dial(driver, effect->link, effect->body);
        return;
    }
    dx_tcp_link *link = driver->links;
    while (link != NULL && link->number != effect->link) {
        link = link->next;
    }
    if (link == NULL) {
        return; /* lost meanwhile: the node hears of it in its next step */
    }
    if (effect->kind == DX_EFFECT_LINK_SEND) {
        send_bytes(link, effect->body);
        return;
    }
    if (effect->kind != DX_EFFECT_LINK_CLOSE) {
        return; /* a stream has no signals */
    }
    link->close_after_write = true;
    if (!link->up) {
        close_link(link);
        return;
    }
    uv_read_stop((uv_stream_t *)&link->handle);
    uv_timer_start(&link->timeout, on_linger_timeout, DX_LINGER_MS, 0);
    flush(link);
}

/* --- Listening --------------------------------------------------------------------------------------------
 */

/* The node takes fewer than there are places here, and chooses who gives way; this is for those who come faster than
 * it steps. With all places taken, a newcomer gets that of one whom the node has closed and who does not take its last
 * words, or else of who has been there longest without having said anything the node would answer. */
static bool make_place(dx_driver *driver) {
    dx_tcp_link *oldest = NULL, *over = NULL;
    if (driver->incoming_count < DX_HOST_LINKS_MAX) {
        return true;
    }
    for (dx_tcp_link *link = driver->links; link != NULL; link = link->next) {
        oldest = link->incoming && !link->answered ? link : oldest; /* the newest stand first */
        over = link->incoming && link->close_after_write ? link : over;
    }
    if (over != NULL) {
        close_link(over);
    } else if (oldest != NULL) {
        lose_link(oldest, UV_ECONNABORTED);
    }
    return over != NULL || oldest != NULL;
}

static void on_incoming(uv_stream_t *listener, int status) {
    dx_driver *driver = listener->data;
    if (status < 0) {
        return; /* no descriptor left: libuv has closed the connection instead */
    }
    bool full = !make_place(driver);
    dx_tcp_link *link = make_link(driver, driver->next_incoming, true);
    if (link == NULL) {
        driver->failure = DX_E_NO_MEMORY; /* libuv calls again only once a connection was accepted */
        uv_stop(&driver->loop);
        return;
    }
    driver->next_incoming += 2;
    if (uv_accept(listener, (uv_stream_t *)&link->handle) != 0 || full) {
        close_link(link);
        return;
    }
    struct sockaddr_storage from;
    int size = sizeof from;
    memset(&from, 0, sizeof from);
    uv_tcp_getpeername(&link->handle, (struct sockaddr *)&from, &size);
    name_address(&from, link->address, sizeof link->address);
    bring_up(link);
}

static int bind_to(dx_driver *driver, const char *host, int port) {
    struct sockaddr_storage address;
    memset(&address, 0, sizeof address);
    if (!numeric(host, port, &address)) {
        return UV_EINVAL;
    }
    int status = uv_tcp_init(&driver->loop, &driver->listener);
    driver->listener.data = driver;
    status = status == 0 ? uv_tcp_bind(&driver->listener, (const struct sockaddr *)&address, 0) : status;
    status = status == 0 ? uv_listen((uv_stream_t *)&driver->listener, LISTEN_BACKLOG, on_incoming) : status;
    if (status != 0) {
        uv_close((uv_handle_t *)&driver->listener, NULL);
        uv_run(&driver->loop, UV_RUN_NOWAIT);
    }
    return status;
}

static void tell_address(dx_driver *driver, const char *address) {
    if (driver->address_count < sizeof driver->addresses / sizeof driver->addresses[0]) {
        snprintf(driver->addresses[driver->address_count++], sizeof driver->addresses[0], "%.63s", address);
        dx_driver_event(driver, &(dx_event){.kind = DX_EVENT_LISTENING, .body = dx_bytes_text(address)});
    }
}

static void tell_interfaces(dx_driver *driver, int port, int family) {
    uv_interface_address_t *list;
    int count;
    if (uv_interface_addresses(&list, &count) != 0) {
        return;
    }
    for (int pass = 0; pass < 2; pass++) { /* addresses others can reach first, loopback last */
        for (int i = 0; i < count; i++) {
            struct sockaddr_storage address;
            char text[64];
            memset(&address, 0, sizeof address);
            memcpy(&address, &list[i].address, sizeof list[i].address);
            bool local = list[i].is_internal != 0, six = address.ss_family == AF_INET6;
            if (local != (pass == 1) ||
                (six && (family == AF_INET ||
                         IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)&address)->sin6_addr)))) {
                continue;
            }
            if (six) {
                ((struct sockaddr_in6 *)&address)->sin6_port = htons((uint16_t)port);
            } else {
                ((struct sockaddr_in *)&address)->sin_port = htons((uint16_t)port);
            }
            name_address(&address, text, sizeof text);
            tell_address(driver, text);
        }
    }
    uv_free_interface_addresses(list, count);
}

/* What the folder says of the last start; false when nothing or nonsense. */
static bool kept_address(const dx_driver *driver, char host[static 128], char port[static 8]) {
    char text[160] = {0};
    size_t size = 0;
    bool kept = dx_file_read(driver->folder.listen, text, sizeof text - 1, &size) == DX_OK;
    text[strcspn(text, "\n")] = 0;
    return kept && split_address(text, host, port);
}

static void keep_port(const dx_driver *driver, const char *host, int port) {
    char text[160], kept_host[128], kept_port[8];
    if (kept_address(driver, kept_host, kept_port) && strcmp(kept_host, host) == 0 &&
        atoi(kept_port) == port) {
        return;
    }
    int size = snprintf(text, sizeof text, strchr(host, ':') != NULL ? "[%s]:%d\n" : "%s:%d\n", host, port);
    /* When it cannot be kept the next start picks another port, and peers are told. */
    if (dx_file_write(driver->folder.listen, text, (size_t)size) != DX_OK && driver->trace != NULL) {
        driver->trace(driver->trace_ctx, "host", "the port could not be written down");
    }
}

int dx_tcp_listen(dx_driver *driver, const char *address, char *message) {
    char host[128], port_text[8], text[64], kept_host[128], kept_port[8];
    struct sockaddr_storage parsed;
    bool kept = kept_address(driver, kept_host, kept_port);
    if (address == NULL) {
        snprintf(host, sizeof host, "%s", kept && numeric(kept_host, 0, &parsed) ? kept_host : "127.0.0.1");
        snprintf(port_text, sizeof port_text, "0");
    } else if (!split_address(address, host, port_text) || !numeric(host, 0, &parsed)) {
        snprintf(message, DX_HOST_MESSAGE_MAX,
                 "\"%s\" is not HOST:PORT with a host in figures, as in 127.0.0.1:0 or [::]:7000", address);
        return DX_E_INVALID;
    }
    int wanted = atoi(port_text);
    int usual = wanted == 0 && kept && strcmp(kept_host, host) == 0 ? atoi(kept_port) : wanted;
    int status = bind_to(driver, host, usual);
    if (wanted == 0 && usual != 0 && (status == UV_EADDRINUSE || status == UV_EACCES)) {
        status = bind_to(driver, host, 0);
    }
    if (status != 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "cannot listen on %s:%d: %s", host, usual,
                 uv_strerror(status));
        return DX_E_IO;
    }
    struct sockaddr_storage bound;
    int size = sizeof bound;
    driver->listening = true;
    uv_tcp_getsockname(&driver->listener, (struct sockaddr *)&bound, &size);
    int port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                 : ((struct sockaddr_in *)&bound)->sin_port);
    keep_port(driver, host, port);
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0) {
        tell_interfaces(driver, port, bound.ss_family);
    } else {
        name_address(&bound, text, sizeof text);
        tell_address(driver, text);
    }
    return DX_OK;
}

void dx_tcp_stop(dx_driver *driver) {
    while (driver->links != NULL) {
        close_link(driver->links);
    }
    if (driver->listening) {
        driver->listening = false;
        uv_close((uv_handle_t *)&driver->listener, NULL);
    }
}
