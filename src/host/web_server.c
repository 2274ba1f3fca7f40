/* host/web_server.c: connections of a web server: requests in, answers out, WebSockets. See web_server.h.
 *
 * Layer: floor 3, host. One request at a time and in order: while an answer leaves, what else arrived waits, and beyond a
 * bound is not read. Deadlines are looked at once a second. What is answered is decided in web_answer.c. */
#include "web_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LISTEN_BACKLOG = 1024, /* connections the kernel holds ready: in a burst one beyond them waits a second */
    LAST_WORDS_LOOK_MS = 10,
    PIECE_SIZE = 64 * 1024,  /* of a file, given to a connection at once */
    UNHEARD_MAX = 64 * 1024, /* answers a WebSocket may leave unread before it is not read either */
    FAULTS_TOLD_MAX = 20,    /* a minute: strangers do not fill the disk with lines about themselves */
    MINUTE_MS = 60000
};

static uint64_t now_ms(const dx_web_server *server) {
    return uv_now(server->options.loop);
}

void dx_web_log(const dx_web_server *server, const char *line) {
    if (server->options.log != NULL) {
        server->options.log(server->options.log_ctx, line);
    }
}

/* What others did wrong. */
static void log_fault(dx_web_server *server, const char *line) {
    uint64_t minute = now_ms(server) / MINUTE_MS;
    server->faults_told = server->fault_minute == minute ? server->faults_told : 0;
    server->fault_minute = minute;
    if (server->faults_told < FAULTS_TOLD_MAX) {
        server->faults_told++;
        dx_web_log(server, line);
    }
}

/* --- The end of a connection -------------------------------------------------------------------------- */

static void wake(dx_web_server *server);

static void tell_closed(const dx_web_connection *connection) {
    const dx_web_service *service = connection->server->options.signal;
    uint16_t code = connection->socket.close_code;
    if (service != NULL) {
        service->on_close(service->ctx, connection->number,
                          code == DX_WEBSOCKET_NORMAL || code == DX_WEBSOCKET_GOING_AWAY);
    }
}

static void end_connection(dx_web_connection *connection) {
    dx_web_server *server = connection->server;
    if (connection->state == DX_WEB_ENDED) {
        return;
    }
    bool told = connection->state == DX_WEB_SOCKET && connection->opened;
    connection->state = DX_WEB_ENDED;
    server->slots[connection->slot] = NULL;
    server->counts.connections--;
    server->counts.sockets -= connection->is_socket;
    dx_web_stream_close(&connection->stream);
    if (told) {
        tell_closed(connection);
    }
}

static void on_gone(void *ctx) {
    dx_web_connection *connection = ctx;
    dx_web_server *server = connection->server;
    if (connection->is_socket) {
        dx_websocket_deinit(&connection->socket);
    }
    dx_buf_deinit(&connection->in);
    dx_web_sites_release(connection->sites);
    server->alive--;
    free(connection);
}

static void on_lost(void *ctx, int error, const char *why) {
    (void)error;
    (void)why;
    end_connection(ctx);
}

/* Whatever is still to leave leaves, then the connection ends; a while is left for the other end to hear it. */
static void finish(dx_web_connection *connection) {
    bool told = connection->state == DX_WEB_SOCKET && connection->opened;
    connection->state = DX_WEB_LINGERING;
    connection->deadline_ms = now_ms(connection->server) + connection->server->patience.linger_ms;
    if (told) {
        connection->opened = false;
        tell_closed(connection);
    }
    dx_web_stream_finish(&connection->stream);
}

/* --- WebSockets ------------------------------------------------------------------------------------------ */

static dx_web_connection *find_socket(dx_web_server *server, uint64_t number) {
    dx_web_connection *connection = server->slots[number % DX_WEB_CONNECTIONS_MAX];
    return connection != NULL && connection->number == number && connection->state == DX_WEB_SOCKET
               ? connection
               : NULL;
}

static void flush_socket(dx_web_connection *connection) {
    dx_web_stream_send(&connection->stream, dx_buf_view(&connection->socket.out));
    dx_web_buf_empty(&connection->socket.out);
    dx_web_stream_flush(&connection->stream);
    if (connection->state == DX_WEB_SOCKET && connection->socket.ended) {
        finish(connection);
    } else if (connection->socket.close_sent && connection->deadline_ms == DX_NO_DEADLINE) {
        connection->deadline_ms = now_ms(connection->server) + connection->server->patience.linger_ms;
    }
}

static void on_socket_message(void *ctx, bool is_text, dx_bytes message) {
    dx_web_connection *connection = ctx;
    const dx_web_service *service = connection->server->options.signal;
    if (is_text) {
        dx_websocket_close(&connection->socket, DX_WEBSOCKET_UNSUPPORTED, "messages are binary");
        return;
    }
    service->on_message(service->ctx, connection->number, message);
}

static void receive_socket(dx_web_connection *connection, dx_bytes bytes) {
    connection->heard_ms = now_ms(connection->server);
    connection->pinged = false;
    connection->receiving = true;
    int error = dx_websocket_receive(&connection->socket, bytes); /* what is wrong with it, the close says */
    connection->receiving = false;
    if (error != DX_OK && error != DX_E_FLOOD) {
        log_fault(connection->server, "a WebSocket was closed: what it sent is not of the protocol");
    }
    if (connection->state == DX_WEB_SOCKET) {
        flush_socket(connection);
    }
    if (connection->state == DX_WEB_SOCKET && dx_web_stream_waiting(&connection->stream) > UNHEARD_MAX) {
        dx_web_stream_pause(&connection->stream); /* until it has read what it was answered */
    }
}

void dx_web_socket_send(dx_web_server *server, uint64_t number, dx_bytes message) {
    dx_web_connection *connection = find_socket(server, number);
    if (connection == NULL) {
        return;
    }
    size_t waiting = dx_web_stream_waiting(&connection->stream) + connection->socket.out.size;
    if (waiting + message.size > DX_WEB_SOCKET_OUT_MAX ||
        dx_websocket_send(&connection->socket, false, message) != DX_OK) {
        connection->overrun = true; /* its end is told from the loop, not from in here */
        wake(server);
    } else if (!connection->receiving) {
        connection->unsent = true;
        wake(server);
    }
}

size_t dx_web_socket_waiting(dx_web_server *server, uint64_t number) {
    const dx_web_connection *connection = find_socket(server, number);
    return connection == NULL ? 0 : dx_web_stream_waiting(&connection->stream) + connection->socket.out.size;
}

void dx_web_socket_close(dx_web_server *server, uint64_t number, uint16_t code, const char *reason) {
    dx_web_connection *connection = find_socket(server, number);
    if (connection == NULL) {
        return;
    }
    dx_websocket_close(&connection->socket, code, reason);
    connection->opened = false; /* the service knows */
    connection->unsent = true;
    wake(server);
}

/* Upgraded: what came behind the request belongs to the WebSocket already. */
void dx_web_open_socket(dx_web_connection *connection, const dx_http_head *request) {
    dx_web_server *server = connection->server;
    const dx_web_service *service = server->options.signal;
    dx_buf head;
    dx_buf_init(&head, dx_host_alloc(), 1024);
    dx_websocket_response_write(request, &head);
    dx_web_stream_send(&connection->stream, dx_buf_view(&head));
    dx_buf_deinit(&head);
    connection->is_socket = true; /* also when it could not be made: it is taken apart all the same */
    server->counts.sockets++;
    server->counts.sockets_total++;
    int error = dx_websocket_init(&connection->socket, false, dx_host_alloc(), &dx_host_random,
                                  on_socket_message, connection);
    if (error != DX_OK) {
        end_connection(connection);
        return;
    }
    connection->state = DX_WEB_SOCKET;
    connection->heard_ms = now_ms(server);
    connection->deadline_ms = DX_NO_DEADLINE;
    connection->opened = true;
    if (service->on_open(service->ctx, connection->number, connection->peer) != DX_OK) {
        connection->opened = false;
        dx_websocket_close(&connection->socket, DX_WEBSOCKET_TRY_LATER, "no place left; try later");
    }
}

/* --- Requests -------------------------------------------------------------------------------------------- */

/* More of a file, while the connection takes it; a WebSocket is listened to again. */
static void on_drained(void *ctx) {
    dx_web_connection *connection = ctx;
    if (connection->state == DX_WEB_SOCKET) {
        dx_web_stream_resume(&connection->stream);
    }
    if (connection->state != DX_WEB_ANSWERING) {
        return;
    }
    if (connection->body.size > 0) {
        size_t size = connection->body.size < PIECE_SIZE ? connection->body.size : PIECE_SIZE;
        connection->server->counts.bytes_total += size;
        dx_web_stream_send(&connection->stream, dx_bytes_of(connection->body.data, size));
        connection->body = dx_bytes_of(connection->body.data + size, connection->body.size - size);
        return;
    }
    dx_web_sites_release(connection->sites);
    connection->sites = NULL;
    if (!connection->keep_alive) {
        finish(connection);
        return;
    }
    connection->state = DX_WEB_READING;
    connection->turn_ms = now_ms(connection->server);
    connection->deadline_ms = connection->turn_ms + connection->server->patience.head_ms;
    connection->unread = true; /* the next request, if it is here already, has its turn after others' */
    wake(connection->server);
}

/* The answer's head goes to the stream, a file's body stays with the connection until on_drained takes it. */
static void answer(dx_web_connection *connection, const dx_http_head *request, int status) {
    connection->state = DX_WEB_ANSWERING;
    connection->progress_ms = now_ms(connection->server);
    connection->requests++;
    connection->server->counts.requests_total++;
    dx_web_answer(connection, request, status);
    if (connection->state == DX_WEB_SOCKET) {
        flush_socket(connection);
    } else if (connection->state == DX_WEB_ANSWERING) {
        dx_web_stream_flush(&connection->stream);
    }
}

/* Empty lines before a request are passed over (RFC 9112 §2.2), also when they come in halves. */
static void skip_empty_lines(dx_web_connection *connection) {
    size_t empty = 0;
    while (connection->seen <= 1 && empty + 2 <= connection->in.size &&
           memcmp(connection->in.data + empty, "\r\n", 2) == 0) {
        empty += 2;
    }
    if (empty > 0) {
        dx_buf_consume(&connection->in, empty);
        connection->seen = 0;
        connection->cookies = (dx_http_cookies){0};
    }
}

/* The first line of a head that is too large has come. */
static bool has_line(dx_bytes bytes) {
    size_t size = bytes.size < DX_HTTP_HEAD_SIZE_MAX ? bytes.size : DX_HTTP_HEAD_SIZE_MAX;
    return memchr(bytes.data, '\n', size) != NULL;
}

/* One request from the front of what was received; false: not whole yet, or none is read any more. */
static bool take_request(dx_web_connection *connection) {
    static dx_http_head request; /* one thread; borrowed only until the answer's head is written */
    skip_empty_lines(connection);
    connection->in.size =
        dx_http_cookies_drop(&connection->cookies, connection->in.data, connection->in.size);
    dx_bytes bytes = dx_buf_view(&connection->in);
    int64_t size = dx_http_head_find(bytes, &connection->seen);
    if (connection->cookies.dropped > DX_HTTP_COOKIES_SIZE_MAX) {
        size = DX_E_LIMIT;
    }
    if (size == 0) {
        return false;
    }
    int status = size == DX_E_LIMIT ? !has_line(bytes) ? 414 : 431 : size < 0 ? 400 : 0;
    if (status == 0) {
        int error = dx_http_request_read(dx_bytes_of(bytes.data, (size_t)size), &request, &status);
        status = error == DX_OK && (request.has_body_size && request.body_size > 0) ? 413 : status;
    }
    connection->keep_alive = status == 0 && request.keep_alive && !connection->server->stopping;
    answer(connection, status == 0 ? &request : NULL, status);
    dx_buf_consume(&connection->in, size > 0 ? (size_t)size : connection->in.size);
    if (connection->in.size == 0) {
        dx_web_buf_empty(&connection->in);
    }
    connection->seen = 0;
    connection->cookies = (dx_http_cookies){0};
    connection->began_ms = now_ms(connection->server);
    return true;
}

static void continue_reading(dx_web_connection *connection) {
    const dx_web_patience *patience = &connection->server->patience;
    connection->unread = false;
    if (!take_request(connection)) {
        bool began = connection->in.size > 0;
        connection->deadline_ms =
            began ? connection->began_ms + patience->head_ms
                  : connection->turn_ms + (connection->requests > 0 ? patience->idle_ms : patience->head_ms);
        dx_web_stream_resume(&connection->stream);
    } else if (connection->state == DX_WEB_SOCKET &&
               connection->in.size > 0) { /* it said something at once */
        dx_buf rest = connection->in;
        dx_buf_init(&connection->in, dx_host_alloc(), DX_WEB_IN_MAX);
        receive_socket(connection, dx_buf_view(&rest));
        dx_buf_deinit(&rest);
    }
}

static void on_data(void *ctx, dx_bytes bytes) {
    dx_web_connection *connection = ctx;
    if (connection->state == DX_WEB_SOCKET) {
        receive_socket(connection, bytes);
        return;
    }
    if (connection->state != DX_WEB_READING && connection->state != DX_WEB_ANSWERING) {
        return;
    }
    if (connection->in.size == 0) {
        connection->began_ms = now_ms(connection->server);
    }
    dx_buf_append(&connection->in, bytes.data, bytes.size);
    if (dx_buf_error(&connection->in) != DX_OK) {
        end_connection(connection);
    } else if (connection->state == DX_WEB_READING && !connection->unread) {
        continue_reading(connection);
    } else if (connection->in.size > DX_HTTP_HEAD_SIZE_MAX) {
        dx_web_stream_pause(&connection->stream); /* enough waits for its turn */
    }
}

static void on_ready(void *ctx) {
    (void)ctx; /* the other end speaks first */
}

/* --- What is done from the loop, outside of anybody's call --------------------------------------------------- */

static void on_wake(uv_idle_t *idle) {
    dx_web_server *server = idle->data;
    uv_idle_stop(idle);
    for (size_t i = 0; i < DX_WEB_CONNECTIONS_MAX; i++) {
        dx_web_connection *connection = server->slots[i];
        if (connection == NULL) {
            continue;
        }
        if (connection->overrun) {
            log_fault(server, "a WebSocket was closed: it does not read what it is sent");
            end_connection(connection);
        } else if (connection->unsent && connection->state == DX_WEB_SOCKET) {
            connection->unsent = false;
            flush_socket(connection);
        } else if (connection->unread && connection->state == DX_WEB_READING) {
            continue_reading(connection);
        }
    }
}

static void wake(dx_web_server *server) {
    if (!uv_is_closing((uv_handle_t *)&server->waker)) {
        uv_idle_start(&server->waker, on_wake);
    }
}

/* Whether something waits to leave, and none of it has for too long. */
static bool is_stuck(dx_web_connection *connection, uint64_t now) {
    uint64_t left = dx_web_stream_left(&connection->stream);
    if (left != connection->left || dx_web_stream_waiting(&connection->stream) == 0) {
        connection->left = left;
        connection->progress_ms = now;
    }
    return now - connection->progress_ms > connection->server->patience.send_ms;
}

static void sweep_socket(dx_web_connection *connection, uint64_t now) {
    const dx_web_patience *patience = &connection->server->patience;
    uint64_t silence = now - connection->heard_ms;
    if (silence > patience->dead_ms) {
        end_connection(connection);
    } else if (silence > patience->ping_ms && !connection->pinged) {
        connection->pinged = true;
        dx_websocket_ping(&connection->socket);
        flush_socket(connection);
    }
}

static void sweep_connection(dx_web_connection *connection, uint64_t now) {
    bool due = connection->deadline_ms <= now, stuck = is_stuck(connection, now);
    if (connection->state == DX_WEB_READING && due && connection->in.size > 0) {
        connection->keep_alive = false; /* slowly, byte by byte, or stuck in the midst */
        answer(connection, NULL, 408);
    } else if ((connection->state != DX_WEB_ANSWERING && due) ||
               (connection->state != DX_WEB_READING && stuck)) {
        end_connection(connection);
    } else if (connection->state == DX_WEB_SOCKET) {
        sweep_socket(connection, now);
    }
}

static void on_incoming(uv_stream_t *listener, int status);

static void on_sweep(uv_timer_t *timer) {
    dx_web_server *server = timer->data;
    if (server->waiting) {
        on_incoming((uv_stream_t *)&server->listener, 0);
    }
    for (size_t i = 0; i < DX_WEB_CONNECTIONS_MAX; i++) {
        if (server->slots[i] != NULL) {
            sweep_connection(server->slots[i], now_ms(server));
        }
    }
}

/* --- Newcomers -------------------------------------------------------------------------------------------------- */

static const dx_web_stream_owner owner = {on_ready, on_data, on_drained, on_lost, on_gone};

/* What one household shares: an IPv4 address, or the first 64 bits of an IPv6 one. Loopback is whoever sits in front of us. */
static size_t identify(const struct sockaddr_storage *from, char peer[static DX_WEB_PEER_SIZE],
                       uint8_t household[static 16], bool *local) {
    memset(household, 0, 16);
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
        uv_ip6_name(six, peer, DX_WEB_PEER_SIZE);
        *local = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
        if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
            *local = six->sin6_addr.s6_addr[12] == 127;
            memcpy(household, six->sin6_addr.s6_addr, 16);
        } else {
            memcpy(household, six->sin6_addr.s6_addr, 8);
        }
        return 16;
    }
    const struct sockaddr_in *four = (const struct sockaddr_in *)from;
    uv_ip4_name(four, peer, DX_WEB_PEER_SIZE);
    memcpy(household, &four->sin_addr, 4);
    *local = household[0] == 127;
    return 4;
}

/* A place for a newcomer: a free one, or that of who has been idle between requests the longest. -1: none. */
static int make_place(dx_web_server *server, const dx_web_connection *newcomer) {
    dx_web_connection *idlest = NULL;
    size_t same = 0;
    int place = -1;
    for (int i = 0; i < DX_WEB_CONNECTIONS_MAX; i++) {
        dx_web_connection *other = server->slots[i];
        if (other == NULL) {
            place = place < 0 ? i : place;
            continue;
        }
        same += !newcomer->is_local && memcmp(other->household, newcomer->household, 16) == 0;
        bool idle = other->state == DX_WEB_READING && other->in.size == 0 && other->requests > 0;
        if (idle && (idlest == NULL || other->deadline_ms < idlest->deadline_ms)) {
            idlest = other;
        }
    }
    if (same >= DX_WEB_CONNECTIONS_OF_ONE_MAX) {
        return -1;
    }
    if (place < 0 && idlest != NULL) {
        place = (int)idlest->slot;
        end_connection(idlest);
    }
    return place;
}

static bool place_newcomer(dx_web_server *server, dx_web_connection *connection) {
    struct sockaddr_storage from;
    int size = sizeof from;
    memset(&from, 0, sizeof from);
    if (uv_tcp_getpeername(&connection->stream.handle, (struct sockaddr *)&from, &size) != 0) {
        return false;
    }
    identify(&from, connection->peer, connection->household, &connection->is_local);
    int place = make_place(server, connection);
    if (place < 0) {
        return false;
    }
    connection->slot = (size_t)place;
    connection->number = ++server->generation * DX_WEB_CONNECTIONS_MAX + connection->slot;
    server->slots[place] = connection;
    server->counts.connections++;
    server->counts.connections_total++;
    return true;
}

static void on_incoming(uv_stream_t *listener, int status) {
    dx_web_server *server = listener->data;
    dx_web_connection *connection = status < 0 ? NULL : calloc(1, sizeof *connection);
    server->waiting =
        status >= 0 && connection == NULL; /* for memory: libuv asks again only once this one was accepted */
    if (connection == NULL) {
        return;
    }
    connection->server = server;
    connection->state = DX_WEB_ENDED;
    dx_buf_init(&connection->in, dx_host_alloc(), DX_WEB_IN_MAX);
    dx_web_stream_init(&connection->stream, server->options.loop, &owner, connection);
    server->alive++;
    dx_tls *tls = NULL;
    bool taken = uv_accept(listener, (uv_stream_t *)&connection->stream.handle) == 0 && !server->stopping &&
                 (server->tls == NULL || dx_tls_begin(server->tls, NULL, &tls) == DX_OK) &&
                 place_newcomer(server, connection);
    if (!taken) {
        server->counts.refused_total++;
        dx_tls_free(tls);
        dx_web_stream_close(&connection->stream);
        return;
    }
    connection->state = DX_WEB_READING;
    connection->keep_alive = true;
    connection->turn_ms = now_ms(server);
    connection->deadline_ms = connection->turn_ms + server->patience.head_ms;
    dx_web_stream_begin(&connection->stream, tls);
}

/* --- Life ------------------------------------------------------------------------------------------------------------ */

static int listen_on(dx_web_server *server, char *message) {
    struct sockaddr_storage address;
    int size = sizeof address;
    const dx_web_options *options = &server->options;
    memset(&address, 0, sizeof address);
    if (uv_ip4_addr(options->address, options->port, (struct sockaddr_in *)&address) != 0 &&
        uv_ip6_addr(options->address, options->port, (struct sockaddr_in6 *)&address) != 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX,
                 "\"%.200s\" is not an address in figures, as 127.0.0.1 or ::", options->address);
        return DX_E_INVALID;
    }
    int status = uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0);
    status = status == 0 ? uv_listen((uv_stream_t *)&server->listener, LISTEN_BACKLOG, on_incoming) : status;
    if (status != 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "cannot listen on %.200s port %d: %s", options->address,
                 options->port, uv_strerror(status));
        return status == UV_EADDRINUSE || status == UV_EACCES ? DX_E_BUSY : DX_E_IO;
    }
    uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &size);
    server->port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                       : ((struct sockaddr_in *)&address)->sin_port);
    return DX_OK;
}

static void on_handle_closed(uv_handle_t *handle) {
    dx_web_server *server = handle->data;
    server->alive--;
}

int dx_web_server_start(const dx_web_options *options, dx_web_server **out, char *message) {
    dx_web_server *server = calloc(1, sizeof *server);
    *out = server;
    if (server == NULL) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "%s", dx_error_text(DX_E_NO_MEMORY));
        return DX_E_NO_MEMORY;
    }
    server->options = *options;
    server->patience = options->patience != NULL ? *options->patience : (dx_web_patience)DX_WEB_PATIENCE;
    uv_tcp_init(options->loop, &server->listener);
    uv_idle_init(options->loop, &server->waker);
    uv_timer_init(options->loop, &server->sweeper);
    server->listener.data = server->waker.data = server->sweeper.data = server;
    server->alive = 3;
    int error = dx_web_server_reload(server, message);
    error = error == DX_OK ? listen_on(server, message) : error;
    if (error == DX_OK) {
        uv_timer_start(&server->sweeper, on_sweep, server->patience.sweep_ms, server->patience.sweep_ms);
        return DX_OK;
    }
    dx_web_server_stop(server);
    while (server->alive > 0) {
        uv_run(options->loop, UV_RUN_ONCE);
    }
    dx_web_server_free(server);
    *out = NULL;
    return error;
}

int dx_web_server_port(const dx_web_server *server) {
    return server->port;
}

void dx_web_server_tell_stun(dx_web_server *server, int port) {
    server->stun_port = port;
}

const dx_web_counts *dx_web_server_counts(const dx_web_server *server) {
    return &server->counts;
}

size_t dx_web_server_site_count(const dx_web_server *server) {
    return server->sites->count;
}

const char *dx_web_server_site_label(const dx_web_server *server, size_t index) {
    return server->sites->sites[index].label;
}

bool dx_web_server_is_gone(const dx_web_server *server) {
    return server->alive == 0;
}

int dx_web_server_reload(dx_web_server *server, char *message) {
    const dx_web_options *options = &server->options;
    dx_web_sites *sites = NULL;
    dx_tls_context *tls = NULL;
    int error = dx_web_sites_read(options->sites, &sites, message);
    if (error == DX_OK && options->cert != NULL) {
        error = dx_tls_context_serve(options->cert, options->key, &tls, message);
    }
    if (error != DX_OK) {
        dx_web_sites_release(sites);
        return error;
    }
    dx_web_sites_release(server->sites);
    dx_tls_context_free(server->tls); /* connections keep what they began with */
    server->sites = sites;
    server->tls = tls;
    server->counts.sites = sites->count;
    server->counts.files = sites->file_count;
    return DX_OK;
}

/* Answers leave, closes are answered; who takes too long for that is not waited for. */
static void on_last_words(uv_timer_t *timer) {
    dx_web_server *server = timer->data;
    if (server->counts.connections > 0 && now_ms(server) < server->last_words_ms) {
        return;
    }
    for (size_t i = 0; i < DX_WEB_CONNECTIONS_MAX; i++) {
        if (server->slots[i] != NULL) {
            end_connection(server->slots[i]);
        }
    }
    uv_close((uv_handle_t *)&server->waker, on_handle_closed);
    uv_close((uv_handle_t *)timer, on_handle_closed);
}

static void stop_connection(dx_web_connection *connection) {
    connection->keep_alive = false;
    if (connection->state == DX_WEB_SOCKET) {
        dx_websocket_close(&connection->socket, DX_WEBSOCKET_GOING_AWAY, "the server stops");
        flush_socket(connection);
    } else if (connection->state == DX_WEB_READING) {
        end_connection(connection);
    }
}

void dx_web_server_stop(dx_web_server *server) {
    if (server->stopping) {
        return;
    }
    server->stopping = true;
    for (size_t i = 0; i < DX_WEB_CONNECTIONS_MAX; i++) {
        if (server->slots[i] != NULL) {
            stop_connection(server->slots[i]);
        }
    }
    uv_close((uv_handle_t *)&server->listener, on_handle_closed);
    server->last_words_ms = now_ms(server) + DX_LAST_WORDS_MS;
    uv_timer_start(&server->sweeper, on_last_words, 0, LAST_WORDS_LOOK_MS);
}

void dx_web_server_free(dx_web_server *server) {
    DX_ASSERT(server->alive == 0);
    dx_tls_context_free(server->tls);
    dx_web_sites_release(server->sites);
    free(server);
}
