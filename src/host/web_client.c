/* host/web_client.c: signaling links. See web_client.h.
 *
 * Layer: floor 3, host. A link goes through looking up, connecting, TLS, the upgrade, and is up; whatever goes wrong on the way
 * ends it with LINK_DOWN, once. Its memory goes when its look-up, its connection and its timer have ended. */
#include "web_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/websocket.h"
#include "web_stream.h"

enum { CANDIDATES_MAX = 8, IN_MAX = DX_HTTP_HEAD_SIZE_MAX + 2 * DX_WEB_READ_SIZE };

struct dx_web_link {
    dx_web_stream stream;
    uv_connect_t connect;
    uv_getaddrinfo_t resolve;
    uv_timer_t timer; /* for connecting, then for pings, at last for last words */
    dx_web_link *next;
    dx_driver *driver;
    uint64_t number, heard_ms, connect_by_ms; /* by the loop's clock */
    struct sockaddr_storage candidates[CANDIDATES_MAX];
    size_t candidate_count, tried;
    int pieces; /* of libuv's that still know this memory */
    bool resolving, retrying, connected, up, closing, has_socket;
    char address[DX_URL_SIZE_MAX + 1], host[DX_HOST_SIZE_MAX + 1];
    dx_url url; /* borrows from address */
    char key[DX_WEBSOCKET_KEY_SIZE + 1];
    dx_buf in; /* until the upgrade is answered */
    size_t seen;
    dx_websocket socket;
};

/* --- The end of a link --------------------------------------------------------------------------------- */

static void drop_piece(dx_web_link *link) {
    if (--link->pieces == 0) {
        if (link->has_socket) {
            dx_websocket_deinit(&link->socket);
        }
        dx_buf_deinit(&link->in);
        free(link);
    }
}

static void on_timer_closed(uv_handle_t *handle) {
    drop_piece(handle->data);
}

static void close_link(dx_web_link *link) {
    if (link->closing) {
        return;
    }
    link->closing = true;
    for (dx_web_link **at = &link->driver->web_links; *at != NULL; at = &(*at)->next) {
        if (*at == link) {
            *at = link->next;
            break;
        }
    }
    if (link->retrying) {
        link->retrying = false; /* its old connection is on the way out */
    } else {
        dx_web_stream_close(&link->stream);
    }
    if (link->resolving) {
        (void)uv_cancel(
            (uv_req_t *)&link->resolve); /* when it is too late: its callback finds the link closing */
    }
    uv_close((uv_handle_t *)&link->timer, on_timer_closed);
}

static void lose_link(dx_web_link *link, int reason, const char *why) {
    dx_driver *driver = link->driver;
    uint64_t number = link->number;
    if (link->closing) {
        return;
    }
    close_link(link);
    if (number != 0) { /* the node has not forgotten it */
        dx_driver_event(driver, &(dx_event){.kind = DX_EVENT_LINK_DOWN,
                                            .link = number,
                                            .reason = reason,
                                            .body = dx_bytes_text(why)});
    }
}

/* --- Messages -------------------------------------------------------------------------------------------- */

static void on_message(void *ctx, bool is_text, dx_bytes message) {
    dx_web_link *link = ctx;
    if (is_text) {
        dx_websocket_close(&link->socket, DX_WEBSOCKET_UNSUPPORTED, "messages are binary");
        return;
    }
    dx_driver_event(link->driver,
                    &(dx_event){.kind = DX_EVENT_SIGNAL, .link = link->number, .body = message});
}

static void flush_socket(dx_web_link *link) {
    dx_web_stream_send(&link->stream, dx_buf_view(&link->socket.out));
    dx_web_buf_empty(&link->socket.out);
    dx_web_stream_flush(&link->stream);
}

static void receive_socket(dx_web_link *link, dx_bytes bytes) {
    char why[64];
    link->heard_ms = uv_now(&link->driver->loop);
    int error = dx_websocket_receive(&link->socket, bytes);
    flush_socket(link);
    if (link->socket.ended || link->socket.close_sent) {
        snprintf(why, sizeof why, "the WebSocket was closed with code %u", link->socket.close_code);
        lose_link(link, error == DX_OK ? DX_E_UNREACHABLE : error, why);
    }
}

/* --- The upgrade --------------------------------------------------------------------------------------------- */

static void on_ping(uv_timer_t *timer) {
    dx_web_link *link = timer->data;
    if (uv_now(&link->driver->loop) - link->heard_ms > DX_WEB_LINK_DEAD_MS) {
        lose_link(link, DX_E_TIMEOUT, "the server has been silent for too long");
        return;
    }
    dx_websocket_ping(&link->socket);
    flush_socket(link);
}

static void bring_up(dx_web_link *link, dx_bytes rest) {
    link->has_socket = true;
    if (dx_websocket_init(&link->socket, true, dx_host_alloc(), &dx_host_random, on_message, link) != DX_OK) {
        lose_link(link, DX_E_NO_MEMORY, dx_error_text(DX_E_NO_MEMORY));
        return;
    }
    link->up = true;
    uv_timer_start(&link->timer, on_ping, DX_WEB_LINK_PING_MS, DX_WEB_LINK_PING_MS);
    dx_driver_event(
        link->driver,
        &(dx_event){.kind = DX_EVENT_LINK_UP, .link = link->number, .body = dx_bytes_text(link->address)});
    receive_socket(link, rest);
}

static void receive_upgrade(dx_web_link *link, dx_bytes bytes) {
    static dx_http_head response; /* one thread, looked at before the next */
    char why[96];
    dx_buf_append(&link->in, bytes.data, bytes.size);
    int64_t size = dx_http_head_find(dx_buf_view(&link->in), &link->seen);
    if (size == 0 && dx_buf_error(&link->in) == DX_OK) {
        return;
    }
    int error = size <= 0 ? DX_E_PROTOCOL
                          : dx_http_response_read(dx_bytes_of(link->in.data, (size_t)size), &response);
    if (error != DX_OK) {
        lose_link(link, DX_E_PROTOCOL, "what answered is no web server");
        return;
    }
    error = dx_websocket_response_check(&response, link->key);
    if (error != DX_OK) {
        snprintf(why, sizeof why, "the server did not open a WebSocket: it answered %d", response.status);
        lose_link(link, error, why);
        return;
    }
    dx_buf head = link->in;
    dx_buf_init(&link->in, dx_host_alloc(), IN_MAX);
    bring_up(link, dx_bytes_of(head.data + size, head.size - (size_t)size));
    dx_buf_deinit(&head);
}

/* --- The connection --------------------------------------------------------------------------------------------- */

static void on_ready(void *ctx) {
    dx_web_link *link = ctx;
    dx_buf request;
    dx_buf_init(&request, dx_host_alloc(), DX_HTTP_HEAD_SIZE_MAX);
    dx_websocket_request_write(&link->url, NULL, &dx_host_random, link->key, &request);
    dx_web_stream_send(&link->stream, dx_buf_view(&request));
    dx_buf_deinit(&request);
    dx_web_stream_flush(&link->stream);
}

static void on_data(void *ctx, dx_bytes bytes) {
    dx_web_link *link = ctx;
    if (link->closing) {
        return;
    }
    if (link->up) {
        receive_socket(link, bytes);
    } else {
        receive_upgrade(link, bytes);
    }
}

static void on_drained(void *ctx) {
    (void)ctx; /* whole messages are given to the stream, none waits */
}

static void on_lost(void *ctx, int error, const char *why) {
    lose_link(ctx, error, why);
}

static void on_gone(void *ctx);
static const dx_web_stream_owner owner = {on_ready, on_data, on_drained, on_lost, on_gone};

static void on_connected(uv_connect_t *connect, int status);

/* The candidate being tried has failed, or its time is over. */
static void try_another(dx_web_link *link, int reason, const char *why) {
    if (link->tried == link->candidate_count) {
        lose_link(link, reason, why);
        return;
    }
    uv_timer_stop(&link->timer);
    link->retrying = true;
    dx_web_stream_close(&link->stream);
}

static void on_connect_timeout(uv_timer_t *timer) {
    dx_web_link *link = timer->data;
    if (link->retrying) {
        return;
    }
    if (link->connected) {
        lose_link(link, DX_E_TIMEOUT, "the server did not answer in time");
    } else {
        try_another(link, DX_E_TIMEOUT, "the server did not answer in time");
    }
}

/* Of what is left of DX_CONNECT_MS a candidate gets its share: one that is silent leaves the others theirs. */
static void start_timeout(dx_web_link *link, size_t shares) {
    uint64_t now_ms = uv_now(&link->driver->loop);
    uint64_t left_ms = link->connect_by_ms > now_ms ? link->connect_by_ms - now_ms : 0;
    uv_timer_start(&link->timer, on_connect_timeout, left_ms / shares, 0);
}

static void try_next(dx_web_link *link) {
    const struct sockaddr *address = (const struct sockaddr *)&link->candidates[link->tried];
    start_timeout(link, link->candidate_count - link->tried++);
    link->connect.data = link;
    int status = uv_tcp_connect(&link->connect, &link->stream.handle, address, on_connected);
    if (status < 0) {
        try_another(link, DX_E_UNREACHABLE, uv_strerror(status));
    }
}

/* A connection's memory is free: for the next candidate, or for good. */
static void on_gone(void *ctx) {
    dx_web_link *link = ctx;
    if (!link->retrying) {
        drop_piece(link);
        return;
    }
    link->retrying = false;
    dx_web_stream_init(&link->stream, &link->driver->loop, &owner, link);
    try_next(link);
}

static void on_connected(uv_connect_t *connect, int status) {
    dx_web_link *link = connect->data;
    dx_tls *tls = NULL;
    if (link->closing || link->retrying) {
        return;
    }
    if (status < 0) {
        try_another(link, DX_E_UNREACHABLE, uv_strerror(status));
        return;
    }
    int error =
        dx_scheme_is_secure(link->url.scheme) ? dx_tls_begin(link->driver->web_tls, link->host, &tls) : DX_OK;
    if (error != DX_OK) {
        lose_link(link, error, dx_error_text(error));
        return;
    }
    link->connected = true;
    start_timeout(link, 1);
    dx_web_stream_begin(&link->stream, tls);
}

/* --- Where to ------------------------------------------------------------------------------------------------------ */

static void on_resolved(uv_getaddrinfo_t *resolve, int status, struct addrinfo *found) {
    dx_web_link *link = resolve->data;
    link->resolving = false;
    for (struct addrinfo *at = found; at != NULL && link->candidate_count < CANDIDATES_MAX;
         at = at->ai_next) {
        if (at->ai_addrlen <= sizeof link->candidates[0]) {
            memcpy(&link->candidates[link->candidate_count++], at->ai_addr, at->ai_addrlen);
        }
    }
    uv_freeaddrinfo(found);
    if (!link->closing && link->candidate_count == 0) {
        lose_link(link, DX_E_UNREACHABLE, status < 0 ? uv_strerror(status) : "the name leads nowhere");
    } else if (!link->closing) {
        try_next(link);
    }
    drop_piece(link);
}

static void add_figure(dx_web_link *link, const char *figure) {
    struct sockaddr_storage *to = &link->candidates[link->candidate_count];
    int port = link->url.authority.port;
    link->candidate_count += uv_ip4_addr(figure, port, (struct sockaddr_in *)to) == 0 ||
                             uv_ip6_addr(figure, port, (struct sockaddr_in6 *)to) == 0;
}

static void find_candidates(dx_web_link *link) {
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];
    if (dx_host_is_local(link->url.authority.host)) {
        add_figure(link, "127.0.0.1");
        add_figure(link, "::1");
    } else if (link->url.authority.is_figure) {
        add_figure(link, link->host);
    } else {
        snprintf(port, sizeof port, "%u", link->url.authority.port);
        link->resolve.data = link;
        link->pieces++;
        link->resolving =
            uv_getaddrinfo(&link->driver->loop, &link->resolve, on_resolved, link->host, port, &hints) == 0;
        if (!link->resolving) {
            link->pieces--;
            lose_link(link, DX_E_UNREACHABLE, "the name cannot be looked up");
        }
        return;
    }
    if (link->candidate_count == 0) {
        lose_link(link, DX_E_INVALID, "that is no address");
        return;
    }
    try_next(link);
}

static dx_web_link *make_link(dx_driver *driver, const dx_effect *effect) {
    dx_web_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return NULL;
    }
    link->driver = driver;
    link->number = effect->link;
    memcpy(link->address, effect->body.data, effect->body.size);
    dx_buf_init(&link->in, dx_host_alloc(), IN_MAX);
    dx_web_stream_init(&link->stream, &driver->loop, &owner, link);
    uv_timer_init(&driver->loop, &link->timer);
    link->timer.data = link;
    link->pieces = 2;
    link->next = driver->web_links;
    driver->web_links = link;
    return link;
}

static void dial(dx_driver *driver, const dx_effect *effect) {
    dx_url url;
    size_t count = 0;
    for (dx_web_link *link = driver->web_links; link != NULL; link = link->next) {
        count++;
    }
    int error = count >= DX_WEB_LINKS_MAX ? DX_E_LIMIT : dx_url_parse(effect->body, &url);
    if (error == DX_OK && dx_scheme_is_secure(url.scheme) && driver->web_tls == NULL) {
        error = dx_tls_context_dial(
            &driver->web_tls); /* reads all authorities: before a server waits for our first word */
    }
    dx_web_link *link = error == DX_OK ? make_link(driver, effect) : NULL;
    if (link == NULL) {
        error = error == DX_OK ? DX_E_NO_MEMORY : error;
        dx_driver_event(driver, &(dx_event){.kind = DX_EVENT_LINK_DOWN,
                                            .link = effect->link,
                                            .reason = error,
                                            .body = dx_bytes_text(dx_error_text(error))});
        return;
    }
    error = dx_url_parse(dx_bytes_text(link->address), &link->url); /* now into what stays */
    DX_ASSERT(error == DX_OK);
    snprintf(link->host, sizeof link->host, "%.*s", (int)link->url.authority.host.size,
             (const char *)link->url.authority.host.data);
    link->connect_by_ms = uv_now(&driver->loop) + DX_CONNECT_MS;
    start_timeout(link, 1);
    find_candidates(link);
}

/* --- Effects ----------------------------------------------------------------------------------------------------------- */

static void send_message(dx_web_link *link, dx_bytes message) {
    if (!link->up) {
        return; /* the node speaks after LINK_UP */
    }
    if (dx_websocket_send(&link->socket, false, message) != DX_OK ||
        dx_web_stream_waiting(&link->stream) > DX_WEBSOCKET_OUT_MAX) {
        lose_link(link, DX_E_FLOOD, "the server does not read what it is sent");
        return;
    }
    flush_socket(link);
}

static void on_last_words(uv_timer_t *timer) {
    close_link(timer->data);
}

/* The node forgets it (its number is 0 from then on): nothing of it is told any more. What was sent still leaves. */
static void say_goodbye(dx_web_link *link) {
    if (!link->up) {
        close_link(link);
        return;
    }
    dx_websocket_close(&link->socket, DX_WEBSOCKET_NORMAL, "");
    flush_socket(link);
    if (!link->closing) {
        link->number = 0;
        dx_web_stream_finish(&link->stream);
        uv_timer_start(&link->timer, on_last_words, DX_LINGER_MS, 0);
    }
}

static bool has_scheme(dx_bytes address, const char *scheme) {
    size_t size = strlen(scheme);
    return address.size >= size && memcmp(address.data, scheme, size) == 0;
}

bool dx_web_client_effect(dx_driver *driver, const dx_effect *effect) {
    if (effect->kind == DX_EFFECT_LINK_OPEN) {
        bool ours = has_scheme(effect->body, "ws://") || has_scheme(effect->body, "wss://");
        if (ours) {
            dial(driver, effect);
        }
        return ours;
    }
    dx_web_link *link = driver->web_links;
    while (link != NULL && link->number != effect->link) {
        link = link->next;
    }
    if (link == NULL) {
        return false;
    }
    if (effect->kind == DX_EFFECT_SIGNAL_SEND) {
        send_message(link, effect->body);
    } else if (effect->kind == DX_EFFECT_LINK_CLOSE) {
        say_goodbye(link);
    }
    return true;
}

/* Services are told that we leave, so that peers learn it at once; as much as the kernel takes now. */
void dx_web_client_stop(dx_driver *driver) {
    while (driver->web_links != NULL) {
        dx_web_link *link = driver->web_links;
        if (link->up) {
            dx_websocket_close(&link->socket, DX_WEBSOCKET_GOING_AWAY, "");
            flush_socket(link);
        }
        close_link(link);
    }
    dx_tls_context_free(driver->web_tls);
    driver->web_tls = NULL;
}
