/* tests/interop/rtc_peer.c: a peer link of the native host, led by lines of JSON on standard input, so that other
 * implementations of WebRTC can be held against it (tests/interop/rtc.mjs).
 *
 * In:  {"open":"rtc:offer"|"rtc:answer"} {"signal":{…}} {"mode":"echo"|"sink"} {"expect":N} {"source":N} {"close":true}
 *      {"size":N} how many bytes a send has (65536)
 * Out: {"signal":{…}} {"up":"rtc:…"} {"received":N,"wrong":false} after expect, {"sent":N} after source, {"down":"…","reason":N}
 * Bytes both ways are a pattern of their place. The program ends with its input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dxos/codec.h>

#include "host.h"
#include "rtc.h"

enum { LINK = 1, CREDIT = 8 << 20, LINE_MAX_SIZE = 1 << 20, SIZE_MAX_SENT = 1 << 20 };

typedef struct peer {
    uv_loop_t loop;
    uv_pipe_t input;
    dx_rtc *rtc;
    dx_buf heard;
    bool echo, wrong, ended;
    uint64_t received, expected, to_send, sent, written;
    size_t size;
} peer;

static uint8_t pattern(uint64_t at) {
    return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

static void carry_out(peer *self, dx_effect_kind kind, dx_bytes body) {
    (void)dx_rtc_effect(self->rtc, &(dx_effect){.kind = kind, .link = LINK, .body = body});
}

static void print_signal(dx_bytes item) {
    dx_buf text;
    dx_buf_init(&text, dx_host_alloc(), LINE_MAX_SIZE);
    if (dx_json_print(item, &text) == DX_OK) {
        printf("{\"signal\":%.*s}\n", (int)text.size, (const char *)text.data);
    }
    dx_buf_deinit(&text);
}

static void take(peer *self, dx_bytes data) {
    for (size_t i = 0; i < data.size; i++) {
        self->wrong = self->wrong || data.data[i] != pattern(self->received + i);
    }
    self->received += data.size;
    if (self->echo) {
        carry_out(self, DX_EFFECT_LINK_SEND, data);
    }
    if (self->expected > 0 && self->received >= self->expected) {
        printf("{\"received\":%llu,\"wrong\":%s}\n", (unsigned long long)self->received,
               self->wrong ? "true" : "false");
        self->expected = self->received = 0;
        self->wrong = false;
    }
}

static void on_event(void *ctx, const dx_event *event) {
    peer *self = ctx;
    if (event->kind == DX_EVENT_SIGNAL) {
        print_signal(event->body);
    } else if (event->kind == DX_EVENT_LINK_UP) {
        printf("{\"up\":\"%.*s\"}\n", (int)event->body.size, (const char *)event->body.data);
    } else if (event->kind == DX_EVENT_LINK_DATA) {
        take(self, event->body);
    } else if (event->kind == DX_EVENT_LINK_WRITABLE) {
        self->written += event->size;
    } else if (event->kind == DX_EVENT_LINK_DOWN) {
        printf("{\"down\":\"%.*s\",\"reason\":%d}\n", (int)event->body.size, (const char *)event->body.data,
               event->reason);
    }
}

static void hear(peer *self, dx_bytes item) {
    dx_bytes signal = dx_item_get(item, "signal"), open = dx_item_text(dx_item_get(item, "open"));
    dx_bytes mode = dx_item_text(dx_item_get(item, "mode"));
    uint64_t source = (uint64_t)dx_item_int(dx_item_get(item, "source"), 0);
    uint64_t expected = (uint64_t)dx_item_int(dx_item_get(item, "expect"), 0);
    if (signal.size > 0) {
        carry_out(self, DX_EFFECT_SIGNAL_SEND, signal);
    } else if (open.size > 0) {
        carry_out(self, DX_EFFECT_LINK_OPEN, open);
    } else if (mode.size > 0) {
        self->echo = dx_bytes_equal(mode, dx_bytes_text("echo"));
        self->received = 0;
    } else if (expected > 0) {
        self->expected = expected;
        self->received = 0;
    } else if (source > 0) {
        self->to_send = source;
        self->sent = self->written = 0;
    } else if (dx_item_bool(dx_item_get(item, "close"), false)) {
        carry_out(self, DX_EFFECT_LINK_CLOSE, dx_bytes_of(NULL, 0));
    }
    self->size = (size_t)dx_item_int(dx_item_get(item, "size"), (int64_t)self->size);
    self->size = self->size < SIZE_MAX_SENT ? self->size : SIZE_MAX_SENT;
}

static void hear_line(peer *self, dx_bytes line) {
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, dx_host_alloc(), LINE_MAX_SIZE);
    dx_writer_init(&writer, &item);
    if (dx_json_parse(line, &writer, NULL, 0) == DX_OK) {
        hear(self, dx_buf_view(&item));
    }
    dx_buf_deinit(&item);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    static char room[65536];
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(room, sizeof room);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *bytes) {
    peer *self = stream->data;
    const uint8_t *end;
    if (size < 0) {
        self->ended = true;
        return;
    }
    dx_buf_append(&self->heard, bytes->base, (size_t)size);
    while (self->heard.size > 0 && (end = memchr(self->heard.data, '\n', self->heard.size)) != NULL) {
        size_t line_size = (size_t)(end - self->heard.data);
        hear_line(self, dx_bytes_of(self->heard.data, line_size));
        dx_buf_consume(&self->heard, line_size + 1);
    }
}

static void send_more(peer *self) {
    static uint8_t piece[SIZE_MAX_SENT];
    while (self->sent < self->to_send && self->sent < self->written + CREDIT) {
        uint64_t left = self->to_send - self->sent;
        size_t size = left < self->size ? (size_t)left : self->size;
        for (size_t i = 0; i < size; i++) {
            piece[i] = pattern(self->sent + i);
        }
        carry_out(self, DX_EFFECT_LINK_SEND, dx_bytes_of(piece, size));
        self->sent += size;
    }
    if (self->to_send > 0 && self->written >= self->to_send) {
        printf("{\"sent\":%llu}\n", (unsigned long long)self->to_send);
        self->to_send = 0;
    }
}

int main(int count, char **words) {
    static peer self = {.size = 65536};
    const dx_rtc_options options = {.loop = &self.loop,
                                    .on_event = on_event,
                                    .ctx = &self,
                                    .loopback = count > 1 && strcmp(words[1], "--loopback") == 0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    dx_host_once();
    dx_buf_init(&self.heard, dx_host_alloc(), LINE_MAX_SIZE);
    if (uv_loop_init(&self.loop) != 0 || uv_pipe_init(&self.loop, &self.input, 0) != 0 ||
        uv_pipe_open(&self.input, 0) != 0 || dx_rtc_open(&options, &self.rtc) != DX_OK) {
        fprintf(stderr, "rtc_peer: standard input must be a pipe\n");
        return 1;
    }
    self.input.data = &self;
    uv_read_start((uv_stream_t *)&self.input, on_alloc, on_read);
    while (!self.ended) {
        uv_run(&self.loop, UV_RUN_ONCE);
        dx_rtc_tell_written(self.rtc);
        send_more(&self);
        dx_rtc_flush(self.rtc);
    }
    dx_rtc_close(self.rtc);
    uv_close((uv_handle_t *)&self.input, NULL);
    uv_run(&self.loop, UV_RUN_DEFAULT);
    uv_loop_close(&self.loop);
    dx_buf_deinit(&self.heard);
    return 0;
}
