/* host/signal_service.c: the signaling service behind a WebSocket. See signal_service.h.
 *
 * Layer: floor 3, host. */
#include "signal_service.h"

#include <stdio.h>
#include <string.h>

#include <dxos/codec.h>

#include "host.h"
#include "net/websocket.h"

enum { TICK_MS = 1000, ICE_MAX = 1024 };

static uint64_t now_ms(const dx_signal_service *self) {
    return uv_now(self->timer.loop);
}

/* --- What the machine asks of us ------------------------------------------------------------------------- */

static void send_frame(void *ctx, uint64_t socket, dx_bytes frame) {
    dx_signal_service *self = ctx;
    dx_web_socket_send(self->server, socket, frame);
}

static uint16_t code_of(int reason) {
    switch (dx_error_class_of(reason)) {
    case DX_CLASS_OK:
        return DX_WEBSOCKET_NORMAL;
    case DX_CLASS_CALLER:
    case DX_CLASS_HOST:
        return DX_WEBSOCKET_TRY_LATER; /* it was us, or there was no room */
    case DX_CLASS_PEER:
    case DX_CLASS_DATA:
        break;
    }
    return DX_WEBSOCKET_POLICY;
}

static void close_socket(void *ctx, uint64_t socket, int reason) {
    dx_signal_service *self = ctx;
    dx_web_socket_close(self->server, socket, code_of(reason), dx_error_text(reason));
}

static size_t waiting(void *ctx, uint64_t socket) {
    const dx_signal_service *self = ctx;
    return dx_web_socket_waiting(self->server, socket);
}

/* --- What the server tells the machine ---------------------------------------------------------------------- */

static int on_open(void *ctx, uint64_t socket, const char *peer) {
    dx_signal_service *self = ctx;
    if (self->machine == NULL) {
        return DX_E_BUSY; /* a guest of the moment before it stands */
    }
    return dx_signaling_service_open(self->machine, socket, peer, now_ms(self));
}

static void on_message(void *ctx, uint64_t socket, dx_bytes message) {
    dx_signal_service *self = ctx;
    dx_signaling_service_receive(self->machine, socket, message, now_ms(self));
}

static void on_close(void *ctx, uint64_t socket, bool in_order) {
    dx_signal_service *self = ctx;
    if (in_order) {
        dx_signaling_service_leave(self->machine, socket, now_ms(self));
    } else {
        dx_signaling_service_close(self->machine, socket, now_ms(self));
    }
}

static void on_tick(uv_timer_t *timer) {
    dx_signal_service *self = timer->data;
    (void)dx_signaling_service_tick(self->machine, now_ms(self)); /* its deadlines are seconds */
}

static void write_metrics(void *ctx, dx_buf *out) {
    const dx_signal_service *self = ctx;
    const dx_service_counts *counts = dx_signaling_service_counts(self->machine);
    const struct {
        const char *name, *words;
        uint64_t value;
    } rows[] = {
#define ROW(name, words) {#name, words, counts->name},
        DX_SERVICE_COUNTS(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        size_t size = strlen(rows[i].name);
        bool grows = size > 6 && strcmp(rows[i].name + size - 6, "_total") == 0;
        int written = snprintf(text, sizeof text,
                               "# HELP dx_signaling_%s %s\n# TYPE dx_signaling_%s %s\ndx_signaling_%s %llu\n",
                               rows[i].name, rows[i].words, rows[i].name, grows ? "counter" : "gauge",
                               rows[i].name, (unsigned long long)rows[i].value);
        dx_buf_append(out, text, (size_t)written);
    }
}

/* --- Life ------------------------------------------------------------------------------------------------------ */

/* One server without a password: [[address, "", ""]]. */
static void write_ice(const char *stun, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 1);
    dx_write_array(&writer, 3);
    dx_write_text(&writer, stun);
    dx_write_text(&writer, "");
    dx_write_text(&writer, "");
}

void dx_signal_service_init(dx_signal_service *self) {
    memset(self, 0, sizeof *self);
    self->web = (dx_web_service){self, on_open, on_message, on_close, write_metrics};
}

int dx_signal_service_start(dx_signal_service *self, dx_web_server *server, uv_loop_t *loop,
                            const char *stun) {
    const dx_service_port port = {self, send_frame, close_socket, waiting};
    dx_buf ice;
    self->server = server;
    uv_timer_init(loop, &self->timer);
    self->timer.data = self;
    dx_buf_init(&ice, dx_host_alloc(), ICE_MAX);
    if (stun != NULL) {
        write_ice(stun, &ice);
    }
    int error = dx_signaling_service_create(dx_host_alloc(), &dx_host_random, &port, &dx_service_limits_usual,
                                            dx_buf_view(&ice), &self->machine);
    dx_buf_deinit(&ice);
    if (error == DX_OK) {
        uv_timer_start(&self->timer, on_tick, TICK_MS, TICK_MS);
    }
    return error;
}

void dx_signal_service_free(dx_signal_service *self) {
    if (self->machine != NULL) {
        dx_signaling_service_destroy(self->machine);
    }
    self->machine = NULL;
}
