/* host/client.c: a program's way to a vault: over the agent's socket when one runs, else in this process. See
 * dxos/client.h.
 *
 * Layer: floor 3, host. Both ways carry the same requests and answers; only `transport` differs. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

enum { REQUESTS_MAX = 64 };

typedef struct dx_asked {
    bool used;
    uint8_t id[DX_REQUEST_SIZE];
    dx_on_answer on_answer;
    void *ctx;
} dx_asked;

struct dx_client {
    bool remote;
    bool answered, lost;
    bool telling; /* a callback is at work: nothing may be waited for inside of it */
    volatile sig_atomic_t interrupted;
    dx_asked asked[REQUESTS_MAX];
    uv_async_t wake;
    uv_timer_t timeout;
    bool timed_out;
    dx_client_calls calls;
    /* In this process. */
    dx_driver *driver;
    /* With an agent. */
    uv_loop_t loop;
    uv_pipe_t pipe;
    dx_buf received;
};

static uv_loop_t *loop_of(dx_client *client) {
    return client->remote ? &client->loop : &client->driver->loop;
}

/* --- Answers ------------------------------------------------------------------------------------------- */

/* An answer to nobody is one to a request that was given up. */
static void take_answer(dx_client *client, bool last, const uint8_t id[static DX_REQUEST_SIZE],
                        dx_bytes body) {
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        dx_asked asked = client->asked[i];
        if (!asked.used || memcmp(asked.id, id, DX_REQUEST_SIZE) != 0) {
            continue;
        }
        client->asked[i].used = !last;
        client->answered = true;
        client->telling = true;
        asked.on_answer(asked.ctx, last, body);
        client->telling = false;
        uv_stop(loop_of(client));
        return;
    }
}

static void on_effect(void *ctx, const dx_effect *effect) {
    dx_client *client = ctx;
    dx_driver_event(client->driver,
                    &(dx_event){.kind = DX_EVENT_PORT_WRITABLE, .port = 0, .size = effect->body.size});
    take_answer(client, effect->kind == DX_EFFECT_REPLY, effect->request, effect->body);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    static char room[DX_LINK_READ_SIZE]; /* one thread, copied at once */
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(room, sizeof room);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes) {
    dx_client *client = stream->data;
    if (size < 0) {
        client->lost = true;
        uv_stop(&client->loop);
        return;
    }
    dx_buf_append(&client->received, bytes->base, (size_t)size);
    explicit_bzero(bytes->base, (size_t)size); /* it may hold a PIN, and the room is static */
    size_t taken = 0;
    for (;;) {
        int kind;
        uint8_t id[DX_REQUEST_SIZE];
        dx_bytes body;
        int64_t frame = dx_frame_read(
            dx_bytes_of(client->received.data + taken, client->received.size - taken), &kind, id, &body);
        if (frame < 0 || (frame > 0 && kind != DX_FRAME_NOTIFY && kind != DX_FRAME_REPLY) ||
            dx_buf_error(&client->received) != DX_OK) {
            client->lost = true;
            uv_stop(&client->loop);
            return;
        }
        if (frame == 0) {
            break;
        }
        taken += (size_t)frame;
        take_answer(client, kind == DX_FRAME_REPLY, id, body);
    }
    dx_buf_consume(&client->received, taken);
    if (client->received.size == 0) {
        dx_buf_empty(&client->received);
    }
}

/* --- Opening ----------------------------------------------------------------------------------------------
 */

static void on_wake(uv_async_t *wake) {
    uv_stop(wake->loop);
}

static void on_timeout(uv_timer_t *timer) {
    ((dx_client *)timer->data)->timed_out = true;
    uv_stop(timer->loop);
}

static void init_handles(dx_client *client) {
    uv_async_init(loop_of(client), &client->wake, on_wake);
    uv_timer_init(loop_of(client), &client->timeout);
    client->timeout.data = client;
}

/* DX_E_NOT_FOUND: no agent runs. */
static int connect_agent(dx_client *client, const dx_vault_folder *folder, char *message) {
    int fd = -1, pid = 0;
    int error = dx_vault_socket_connect(folder, &fd, &pid);
    if (error == DX_E_BUSY) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "the vault's agent runs but takes no connection");
    }
    if (error != DX_OK) {
        return error;
    }
    if (uv_loop_init(&client->loop) != 0) {
        close(fd);
        snprintf(message, DX_HOST_MESSAGE_MAX, "no event loop could be made; too many files are open");
        return DX_E_IO;
    }
    client->remote = true;
    dx_buf_init(&client->received, dx_host_alloc(), DX_FRAME_SIZE_MAX + DX_LINK_READ_SIZE + 4);
    init_handles(client);
    uv_pipe_init(&client->loop, &client->pipe, 0);
    client->pipe.data = client;
    if (uv_pipe_open(&client->pipe, fd) != 0) {
        close(fd);
        return DX_E_IO;
    }
    uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read);
    return DX_OK;
}

static int open_here(dx_client *client, const dx_vault_folder *folder, const dx_client_options *options,
                     char *message) {
    client->driver = calloc(1, sizeof *client->driver);
    if (client->driver == NULL) {
        return DX_E_NO_MEMORY;
    }
    client->driver->trace = options->trace;
    client->driver->trace_ctx = options->trace_ctx;
    client->driver->models = options->models;
    client->driver->on_answer = on_effect;
    client->driver->answer_ctx = client;
    int error = dx_driver_open(client->driver, folder, options->create, message);
    if (error == DX_OK) {
        init_handles(client);
        dx_driver_event(client->driver, &(dx_event){.kind = DX_EVENT_PORT_UP, .port = 0});
    }
    if (error == DX_OK && options->network) {
        error = dx_tcp_listen(client->driver, options->listen, message);
    }
    return error;
}

int dx_client_open(const dx_client_options *options, dx_client **out, char *message) {
    dx_vault_folder folder;
    *out = NULL;
    message[0] = 0;
    dx_host_once();
    signal(SIGPIPE, SIG_IGN);
    int error = dx_vault_folder_find(options->vault, options->profile, &folder);
    if (error != DX_OK) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "that cannot be the name of a vault or profile");
        return error;
    }
    dx_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return DX_E_NO_MEMORY;
    }
    client->calls.timeout_ms = -1;
    error = options->never_agent ? DX_E_NOT_FOUND : connect_agent(client, &folder, message);
    if (error == DX_E_NOT_FOUND) {
        error = open_here(client, &folder, options, message);
    }
    if (error != DX_OK && message[0] == 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "%s", dx_error_text(error));
    }
    if (error != DX_OK) {
        dx_client_close(client);
        return error;
    }
    if (client->driver != NULL && dx_node_is_read_only(client->driver->node)) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "the vault's disk is full: it is open for reading only");
    }
    *out = client;
    return DX_OK;
}

static void close_walk(uv_handle_t *handle, void *ctx) {
    (void)ctx;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

void dx_client_close(dx_client *client) {
    if (client == NULL) {
        return;
    }
    if (client->remote) {
        uv_walk(&client->loop, close_walk, NULL);
        uv_run(&client->loop, UV_RUN_DEFAULT);
        uv_loop_close(&client->loop);
        dx_buf_deinit(&client->received);
    } else if (client->driver != NULL) {
        dx_driver_close(client->driver);
        free(client->driver);
    }
    dx_client_calls_deinit(&client->calls);
    free(client);
}

dx_client_calls *dx_client_calls_of(dx_client *client) {
    return &client->calls;
}

const dx_client_calls *dx_client_words(const dx_client *client) {
    return &client->calls;
}

bool dx_client_has_agent(const dx_client *client) {
    return client->remote;
}

/* --- Asking ------------------------------------------------------------------------------------------------
 */

typedef struct dx_sent {
    uv_write_t write;
    dx_buf frame;
} dx_sent;

static void on_sent(uv_write_t *write, int status) {
    dx_sent *sent = (dx_sent *)write->data;
    (void)status; /* a lost agent shows in reading */
    dx_buf_deinit(&sent->frame);
    free(sent);
}

static int send_frame(dx_client *client, const uint8_t id[static DX_REQUEST_SIZE], dx_bytes command) {
    dx_sent *sent = calloc(1, sizeof *sent);
    if (sent == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_buf_init(&sent->frame, dx_host_alloc(), DX_FRAME_SIZE_MAX);
    dx_frame_write(DX_FRAME_REQUEST, id, command, &sent->frame);
    int error = dx_buf_error(&sent->frame);
    uv_buf_t bytes = uv_buf_init((char *)sent->frame.data, (unsigned)sent->frame.size);
    sent->write.data = sent;
    if (error == DX_OK && uv_write(&sent->write, (uv_stream_t *)&client->pipe, &bytes, 1, on_sent) == 0) {
        return DX_OK;
    }
    dx_buf_deinit(&sent->frame);
    free(sent);
    return error != DX_OK ? error : DX_E_IO;
}

int dx_client_send(dx_client *client, dx_bytes command, const uint8_t *id, dx_on_answer on_answer, void *ctx,
                   uint8_t *out_id) {
    dx_asked *asked = client->asked;
    while (asked < client->asked + REQUESTS_MAX && asked->used) {
        asked++;
    }
    if (asked == client->asked + REQUESTS_MAX || command.size > DX_COMMAND_BODY_MAX) {
        return DX_E_LIMIT;
    }
    if (client->lost) {
        return DX_E_IO;
    }
    dx_event event = {.kind = DX_EVENT_COMMAND, .body = command};
    if (id != NULL) {
        memcpy(event.request, id, DX_REQUEST_SIZE);
    } else {
        dx_host_random.fill(dx_host_random.ctx, event.request, DX_REQUEST_SIZE);
    }
    *asked = (dx_asked){.used = true, .on_answer = on_answer, .ctx = ctx};
    memcpy(asked->id, event.request, DX_REQUEST_SIZE);
    if (out_id != NULL) {
        memcpy(out_id, event.request, DX_REQUEST_SIZE);
    }
    if (client->remote) {
        int error = send_frame(client, event.request, command);
        asked->used = error == DX_OK;
        return error;
    }
    dx_driver_event(client->driver, &event);
    return DX_OK;
}

int dx_client_wait(dx_client *client, int64_t timeout_ms) {
    if (client->telling) {
        return DX_E_STATE;
    }
    client->answered = client->timed_out = false;
    if (timeout_ms >= 0) {
        uv_update_time(loop_of(client));
        uv_timer_start(&client->timeout, on_timeout, (uint64_t)timeout_ms, 0);
    }
    while (!client->answered && !client->lost && !client->interrupted && !client->timed_out) {
        if (client->driver != NULL && client->driver->failure != DX_OK) {
            break;
        }
        uv_run(loop_of(client), UV_RUN_DEFAULT);
    }
    uv_timer_stop(&client->timeout);
    if (client->answered) {
        return DX_OK;
    }
    if (client->interrupted) {
        client->interrupted = 0;
        return DX_E_CANCELLED;
    }
    if (client->driver != NULL && client->driver->failure != DX_OK) {
        return client->driver->failure;
    }
    return client->lost ? DX_E_IO : DX_E_TIMEOUT;
}

void dx_client_interrupt(dx_client *client) {
    client->interrupted = 1;
    uv_async_send(&client->wake);
}

typedef struct dx_call {
    dx_on_answer on_answer;
    void *ctx;
    dx_buf *reply;
    bool done;
} dx_call;

static void on_call_answer(void *ctx, bool last, dx_bytes body) {
    dx_call *call = ctx;
    if (last) {
        dx_buf_append(call->reply, body.data, body.size);
        call->done = true;
    } else if (call->on_answer != NULL) {
        call->on_answer(call->ctx, false, body);
    }
}

static void forget(dx_client *client, const uint8_t id[static DX_REQUEST_SIZE]) {
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        if (client->asked[i].used && memcmp(client->asked[i].id, id, DX_REQUEST_SIZE) == 0) {
            client->asked[i].used = false;
        }
    }
}

int dx_client_call(dx_client *client, dx_bytes command, dx_on_answer on_answer, void *ctx, int64_t timeout_ms,
                   dx_buf *reply) {
    dx_call call = {.on_answer = on_answer, .ctx = ctx, .reply = reply};
    uint8_t id[DX_REQUEST_SIZE];
    if (client->telling) {
        return DX_E_STATE;
    }
    int error = dx_client_send(client, command, NULL, on_call_answer, &call, id);
    uint64_t end_ms = uv_hrtime() / 1000000 + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms);
    while (error == DX_OK && !call.done) {
        uint64_t now_ms = uv_hrtime() / 1000000;
        error = dx_client_wait(client, timeout_ms < 0     ? -1
                                       : now_ms >= end_ms ? 0
                                                          : (int64_t)(end_ms - now_ms));
    }
    if (!call.done) {
        forget(client, id);
    }
    return call.done ? dx_buf_error(reply) : error;
}
