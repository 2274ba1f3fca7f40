/* fuzz/fuzz_websocket.c: any bytes as what the other end of a WebSocket sends, to a client and to a server.
 *
 * Properties: the same messages, answers and end whether the bytes come at once or in pieces; no message beyond the limit, no
 * text that is not UTF-8 is told; nothing is told after the end. */
#include "codec/cbor.h"
#include "fuzz.h"
#include "net/websocket.h"

typedef struct listener {
    dx_websocket socket;
    uint64_t sum; /* of all that was told */
    int messages;
} listener;

static void fill_zeros(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    memset(out, 0, size);
}

static const dx_random no_random = {NULL, fill_zeros};

static void on_message(void *ctx, bool is_text, dx_bytes message) {
    listener *self = ctx;
    FUZZ_CHECK(message.size <= DX_WEBSOCKET_MESSAGE_MAX && !self->socket.ended);
    FUZZ_CHECK(!is_text || dx_utf8_check(message.data, message.size));
    for (size_t i = 0; i < message.size; i++) {
        self->sum = self->sum * 31 + message.data[i] + 1;
    }
    self->sum = self->sum * 31 + message.size + is_text;
    self->messages++;
    if (self->messages % 4 == 0) {
        int error = dx_websocket_send(&self->socket, is_text, message);
        FUZZ_CHECK(error == DX_OK || self->socket.ended);
    }
}

static int listen(listener *self, bool is_client, dx_bytes bytes, size_t piece) {
    int error = DX_OK;
    memset(self, 0, sizeof *self);
    FUZZ_CHECK(dx_websocket_init(&self->socket, is_client, &fuzz_alloc, &no_random, on_message, self) ==
               DX_OK);
    for (size_t at = 0; at < bytes.size && error == DX_OK; at += piece) {
        size_t size = piece < bytes.size - at ? piece : bytes.size - at;
        error = dx_websocket_receive(&self->socket, dx_bytes_of(bytes.data + at, size));
    }
    FUZZ_CHECK(error == DX_OK || self->socket.ended);
    FUZZ_CHECK(self->socket.out.size <= DX_WEBSOCKET_OUT_MAX);
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    listener whole, pieces;
    fuzz_input input = {data, size};
    uint8_t first = fuzz_byte(&input);
    dx_bytes bytes = dx_bytes_of(input.at, input.left);
    int error = listen(&whole, first & 1, bytes, bytes.size + 1);
    FUZZ_CHECK(listen(&pieces, first & 1, bytes, 1 + (first >> 1) % 7) == error);
    FUZZ_CHECK(whole.sum == pieces.sum && whole.messages == pieces.messages);
    FUZZ_CHECK(whole.socket.ended == pieces.socket.ended &&
               whole.socket.close_code == pieces.socket.close_code);
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&whole.socket.out), dx_buf_view(&pieces.socket.out)));
    dx_websocket_deinit(&whole.socket);
    dx_websocket_deinit(&pieces.socket);
    return 0;
}
