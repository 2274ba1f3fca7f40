/* host/vault_socket.c: the agent's Unix socket: each connection is a port of the node.
 * docs/spec/vault-socket.md.
 *
 * Layer: floor 3, host. Only the same user may connect (folder 0700 and SO_PEERCRED). A frame that is not one
 * closes its port and nothing else. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

struct dx_socket_port {
    uv_pipe_t pipe;
    uv_write_t write;
    dx_socket_port *next;
    dx_driver *driver;
    uint64_t number;
    dx_buf received, pending, writing;
    size_t answer_bytes; /* of bodies inside `pending`, told to the node when they have left */
    size_t writing_bytes;
    size_t untold;   /* bytes of bodies that left and the node has not heard of */
    size_t commands; /* gathered for the step to come */
    bool busy, closing, waiting, taking;
};

static void on_closed(uv_handle_t *handle) {
    dx_socket_port *port = handle->data;
    dx_buf_deinit(&port->received);
    dx_buf_deinit(&port->pending);
    dx_buf_deinit(&port->writing);
    free(port);
}

static void close_port(dx_socket_port *port) {
    if (port->closing) {
        return;
    }
    dx_driver *driver = port->driver;
    port->closing = true;
    for (dx_socket_port **at = &driver->ports; *at != NULL; at = &(*at)->next) {
        if (*at == port) {
            *at = port->next;
            break;
        }
    }
    driver->port_count--;
    uint64_t number = port->number;
    uv_close((uv_handle_t *)&port->pipe, on_closed);
    if (!driver->stopping) {
        dx_driver_event(driver, &(dx_event){.kind = DX_EVENT_PORT_DOWN, .port = number});
    }
}

/* --- Requests ------------------------------------------------------------------------------------------ */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    static char room[DX_LINK_READ_SIZE]; /* one thread, copied at once */
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(room, sizeof room);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes);

static bool wants_stop(dx_bytes body) {
    return dx_item_check(body) == DX_OK &&
           dx_bytes_equal(dx_item_text(dx_item_get(body, "do")), dx_bytes_text("agent.stop"));
}

static void take_request(dx_socket_port *port, const uint8_t request[static DX_REQUEST_SIZE], dx_bytes body) {
    dx_event event = {.kind = DX_EVENT_COMMAND, .port = port->number, .body = body};
    memcpy(event.request, request, DX_REQUEST_SIZE);
    if (wants_stop(body)) {
        static const uint8_t empty_map[] = {0xa0};
        dx_effect reply = {
            .kind = DX_EFFECT_REPLY, .port = port->number, .body = dx_bytes_of(empty_map, sizeof empty_map)};
        memcpy(reply.request, request, DX_REQUEST_SIZE);
        dx_vault_socket_effect(port->driver, &reply);
        port->driver->stopping = true;
        uv_stop(&port->driver->loop);
        return;
    }
    dx_driver_event(port->driver, &event);
}

static bool must_wait(const dx_socket_port *port) {
    return port->commands >= DX_PORT_COMMANDS_MAX ||
           port->pending.size + port->writing.size >= DX_PORT_UNTAKEN_MAX;
}

/* Takes whole frames from the front of what was received. Who asks faster than it is answered, or does not
 * read its answers, is not read from meanwhile: what it costs stays bounded, and others get their turn. */
static void take_frames(dx_socket_port *port) {
    size_t taken = 0;
    int64_t frame = 1;
    port->taking = true; /* a full step may run inside take_request, and would come back here */
    while (!port->closing && frame > 0 && !must_wait(port)) {
        int kind;
        uint8_t request[DX_REQUEST_SIZE];
        dx_bytes body;
        frame = dx_frame_read(dx_bytes_of(port->received.data + taken, port->received.size - taken), &kind,
                              request, &body);
        if (frame < 0 || (frame > 0 && kind != DX_FRAME_REQUEST && kind != DX_FRAME_TAKEN)) {
            close_port(port);
        } else if (frame > 0 && kind == DX_FRAME_TAKEN) {
            taken += (size_t)frame; /* what leaves this socket is seen here */
        } else if (frame > 0) {
            port->commands++;
            take_request(port, request, body);
            taken += (size_t)frame;
        }
    }
    port->taking = false;
    if (port->closing) {
        return;
    }
    dx_buf_consume(&port->received, taken);
    if (port->received.size == 0) {
        dx_buf_empty(&port->received);
    }
    if (must_wait(port) != port->waiting) {
        port->waiting = !port->waiting;
        if (port->waiting) {
            uv_read_stop((uv_stream_t *)&port->pipe);
        } else {
            uv_read_start((uv_stream_t *)&port->pipe, on_alloc, on_read);
        }
    }
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes) {
    dx_socket_port *port = stream->data;
    if (size >= 0) {
        dx_buf_append(&port->received, bytes->base, (size_t)size);
        explicit_bzero(bytes->base, (size_t)size); /* it may hold a PIN, and the room is static */
    }
    if (size < 0 || dx_buf_error(&port->received) != DX_OK) {
        close_port(port);
        return;
    }
    take_frames(port);
}

void dx_vault_socket_resume(dx_driver *driver) {
    for (dx_socket_port *port = driver->ports, *next; port != NULL; port = next) {
        next = port->next; /* a port that closes is only marked */
        port->commands = 0;
        if (port->waiting && !port->taking && !must_wait(port)) {
            take_frames(port);
        }
    }
}

/* --- Answers ----------------------------------------------------------------------------------------------
 */

static void flush(dx_socket_port *port);

/* The node hears of it in its next step, which a small amount alone does not bring about, unless the port
 * waits for that step to be heard again. */
static void note_written(dx_socket_port *port, size_t size) {
    port->untold += size;
    if (port->untold >= DX_UNTOLD_SIZE_MAX || port->waiting) {
        dx_driver_event(port->driver, &(dx_event){.kind = DX_EVENT_CLOCK});
    }
}

void dx_vault_socket_tell_written(dx_driver *driver) {
    for (dx_socket_port *port = driver->ports; port != NULL; port = port->next) {
        if (port->untold > 0) {
            dx_driver_event(
                driver,
                &(dx_event){.kind = DX_EVENT_PORT_WRITABLE, .port = port->number, .size = port->untold});
            port->untold = 0;
        }
    }
}

static void on_written(uv_write_t *write, int status) {
    dx_socket_port *port = write->data;
    port->busy = false;
    dx_buf_empty(&port->writing);
    if (port->closing) {
        return;
    }
    if (status < 0) {
        close_port(port);
        return;
    }
    note_written(port, port->writing_bytes);
    flush(port);
}

/* What the kernel did not take at once is written when it can; the node hears of all of it then. */
static void write_rest(dx_socket_port *port, size_t taken) {
    dx_buf sent = port->writing;
    dx_buf_consume(&port->pending, taken);
    port->writing = port->pending;
    port->pending = sent;
    port->writing_bytes = port->answer_bytes;
    port->answer_bytes = 0;
    uv_buf_t bytes = uv_buf_init((char *)port->writing.data, (unsigned)port->writing.size);
    port->write.data = port;
    port->busy = true;
    if (uv_write(&port->write, (uv_stream_t *)&port->pipe, &bytes, 1, on_written) < 0) {
        port->busy = false;
        close_port(port);
    }
}

static void flush(dx_socket_port *port) {
    if (port->busy || port->closing || port->pending.size == 0) {
        return;
    }
    uv_buf_t bytes = uv_buf_init((char *)port->pending.data, (unsigned)port->pending.size);
    int taken = uv_try_write((uv_stream_t *)&port->pipe, &bytes, 1);
    if (taken < 0 && taken != UV_EAGAIN) {
        close_port(port);
    } else if (taken < 0 || (size_t)taken < port->pending.size) {
        write_rest(port, taken < 0 ? 0 : (size_t)taken);
    } else {
        size_t size = port->answer_bytes;
        port->answer_bytes = 0;
        dx_buf_empty(&port->pending);
        note_written(port, size);
    }
}

void dx_vault_socket_flush(dx_driver *driver) {
    for (dx_socket_port *port = driver->ports, *next; port != NULL; port = next) {
        next = port->next; /* a port that closes is taken out, no other */
        flush(port);
    }
}

void dx_vault_socket_effect(dx_driver *driver, const dx_effect *effect) {
    dx_socket_port *port = driver->ports;
    while (port != NULL && port->number != effect->port) {
        port = port->next;
    }
    if (port == NULL) {
        return; /* gone meanwhile */
    }
    dx_frame_write(effect->kind == DX_EFFECT_REPLY ? DX_FRAME_REPLY : DX_FRAME_NOTIFY, effect->request,
                   effect->body, &port->pending);
    port->answer_bytes += effect->body.size;
    if (dx_buf_error(&port->pending) != DX_OK) {
        close_port(port);
    }
}

/* --- Listening
 * ---------------------------------------------------------------------------------------------- */

static bool same_user(const uv_pipe_t *pipe) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)pipe, &fd) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == getuid();
}

static void on_connection(uv_stream_t *listener, int status) {
    dx_driver *driver = listener->data;
    if (status < 0) {
        return; /* no descriptor left: libuv has closed the connection instead */
    }
    dx_socket_port *port = calloc(1, sizeof *port);
    if (port == NULL) {
        driver->failure = DX_E_NO_MEMORY; /* libuv calls again only once a connection was accepted */
        uv_stop(&driver->loop);
        return;
    }
    port->driver = driver;
    port->number = driver->next_port++;
    dx_buf_init(&port->received, dx_host_alloc(), DX_FRAME_SIZE_MAX + DX_LINK_READ_SIZE + 4);
    dx_buf_init(&port->pending, dx_host_alloc(), DX_PORT_PENDING_MAX);
    dx_buf_init(&port->writing, dx_host_alloc(), DX_PORT_PENDING_MAX);
    uv_pipe_init(&driver->loop, &port->pipe, 0);
    port->pipe.data = port;
    bool full = driver->port_count >= DX_HOST_PORTS_MAX;
    port->next = driver->ports;
    driver->ports = port;
    driver->port_count++;
    if (uv_accept(listener, (uv_stream_t *)&port->pipe) != 0 || full || !same_user(&port->pipe)) {
        close_port(port);
        return;
    }
    dx_driver_event(driver, &(dx_event){.kind = DX_EVENT_PORT_UP, .port = port->number});
    uv_read_start((uv_stream_t *)&port->pipe, on_alloc, on_read);
}

int dx_socket_folder_make(const char *socket_path, char *message) {
    char folder[DX_PATH_MAX];
    struct stat info;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(socket_path, '/') - socket_path), socket_path);
    if (dx_file_make_folder(folder, true) != DX_OK || lstat(folder, &info) != 0 || !S_ISDIR(info.st_mode) ||
        info.st_uid != getuid()) {
        snprintf(message, DX_HOST_MESSAGE_MAX,
                 "%s is not a folder of yours; set XDG_RUNTIME_DIR to one that is", folder);
        return DX_E_DENIED;
    }
    if (strlen(socket_path) >= 108) {
        snprintf(message, DX_HOST_MESSAGE_MAX,
                 "the socket's path %s is longer than 107 bytes; set XDG_RUNTIME_DIR to a shorter one",
                 socket_path);
        return DX_E_INVALID;
    }
    return chmod(folder, 0700) == 0 ? DX_OK : DX_E_IO;
}

int dx_vault_socket_listen(dx_driver *driver, char *message) {
    const char *path = driver->folder.socket;
    int error = dx_socket_folder_make(path, message);
    if (error != DX_OK) {
        return error;
    }
    unlink(
        path); /* the vault's own lock is ours, so a socket that is there belongs to an agent that is gone */
    uv_pipe_init(&driver->loop, &driver->vault_listener, 0);
    driver->vault_listener.data = driver;
    driver->vault_listening = true;
    int status = uv_pipe_bind(&driver->vault_listener, path);
    status = status == 0 ? uv_listen((uv_stream_t *)&driver->vault_listener, 16, on_connection) : status;
    if (status != 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "cannot listen on %s: %s", path, uv_strerror(status));
        return DX_E_IO;
    }
    return chmod(path, 0600) == 0 ? DX_OK : DX_E_IO;
}

static void on_last_words_timeout(uv_timer_t *timer) {
    *(bool *)timer->data = true;
}

static bool answers_wait(const dx_driver *driver) {
    const dx_socket_port *port = driver->ports;
    while (port != NULL && !port->busy && port->pending.size == 0) {
        port = port->next;
    }
    return port != NULL;
}

void dx_vault_socket_stop(dx_driver *driver) {
    bool late = false;
    if (driver->vault_listening) {
        driver->vault_listening = false;
        unlink(driver->folder.socket);
        uv_close((uv_handle_t *)&driver->vault_listener, NULL);
    }
    for (dx_socket_port *port = driver->ports; port != NULL; port = port->next) {
        uv_read_stop((uv_stream_t *)&port->pipe);
    }
    dx_vault_socket_flush(driver);
    driver->timer.data = &late;
    uv_timer_start(&driver->timer, on_last_words_timeout, DX_LAST_WORDS_MS, 0);
    while (answers_wait(driver) && !late) {
        uv_run(&driver->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&driver->timer);
    while (driver->ports != NULL) {
        close_port(driver->ports);
    }
}
