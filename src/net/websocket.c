/* net/websocket.c: WebSocket. See websocket.h.
 *
 * Layer: floor 2, net; wslay's frame codec below. Section numbers are RFC 6455's. */
#include "websocket.h"

#include <string.h>
#include <sys/types.h> /* ssize_t, which wslay.h takes for granted */

#include <openssl/sha.h>
#include <wslay/wslay.h>

#include "codec/cbor.h"

enum {
    NONCE_SIZE = 16,        /* §4.1: what a key is made of */
    FRAME_HEAD_MAX = 14,    /* §5.2 */
    MESSAGE_KEPT_MAX = 4096 /* memory a socket keeps between messages */
};

/* --- Opening --------------------------------------------------------------------------------------- */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* RFC 4648 §4, padded, with a terminator. */
static void encode_base64(const uint8_t *data, size_t size, char *out) {
    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = (uint32_t)data[i] << 16;
        bits |= i + 1 < size ? (uint32_t)data[i + 1] << 8 : 0;
        bits |= i + 2 < size ? data[i + 2] : 0;
        *out++ = base64[bits >> 18 & 63];
        *out++ = base64[bits >> 12 & 63];
        *out++ = i + 1 < size ? base64[bits >> 6 & 63] : '=';
        *out++ = i + 2 < size ? base64[bits & 63] : '=';
    }
    *out = 0;
}

/* Whether it is what 16 bytes make: 22 digits, of which the last holds two bits, and two '='. */
static bool is_key(dx_bytes key) {
    if (key.size != DX_WEBSOCKET_KEY_SIZE || memcmp(key.data + DX_WEBSOCKET_KEY_SIZE - 2, "==", 2) != 0) {
        return false;
    }
    int value = 0;
    for (size_t i = 0; i < DX_WEBSOCKET_KEY_SIZE - 2; i++) {
        const char *digit = key.data[i] == 0 ? NULL : strchr(base64, key.data[i]);
        if (digit == NULL) {
            return false;
        }
        value = (int)(digit - base64);
    }
    return (value & 15) == 0;
}

/* §4.2.2, step 5.4. */
static void make_accept(const char *key, char out[static DX_WEBSOCKET_ACCEPT_SIZE + 1]) {
    static const char name[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t text[DX_WEBSOCKET_KEY_SIZE + sizeof name - 1], hash[SHA_DIGEST_LENGTH];
    memcpy(text, key, DX_WEBSOCKET_KEY_SIZE);
    memcpy(text + DX_WEBSOCKET_KEY_SIZE, name, sizeof name - 1);
    SHA1(text, sizeof text, hash);
    encode_base64(hash, sizeof hash, out);
}

bool dx_websocket_is_asked(const dx_http_head *request) {
    return dx_http_has_token(request, "upgrade", "websocket");
}

int dx_websocket_request_check(const dx_http_head *request, int *status) {
    bool is_get = request->method == DX_HTTP_GET;
    bool is_13 = dx_http_field_count(request, "sec-websocket-version") == 1 &&
                 dx_bytes_equal(dx_http_field_find(request, "sec-websocket-version"), dx_bytes_text("13"));
    bool is_whole = request->minor == 1 && request->body_size == 0 && dx_websocket_is_asked(request) &&
                    dx_http_has_token(request, "connection", "upgrade") &&
                    dx_http_field_count(request, "sec-websocket-key") == 1 &&
                    is_key(dx_http_field_find(request, "sec-websocket-key"));
    *status = !is_get ? 405 : !is_13 ? 426 : !is_whole ? 400 : 0;
    return *status == 0 ? DX_OK : DX_E_PROTOCOL;
}

void dx_websocket_response_write(const dx_http_head *request, dx_buf *out) {
    char accept[DX_WEBSOCKET_ACCEPT_SIZE + 1];
    make_accept((const char *)dx_http_field_find(request, "sec-websocket-key").data, accept);
    dx_http_response_begin(out, 101);
    dx_http_field_write(out, "Upgrade", "websocket");
    dx_http_field_write(out, "Connection", "Upgrade");
    dx_http_field_write(out, "Sec-WebSocket-Accept", accept);
    dx_http_head_end(out);
}

/* HOST[:PORT], the port left out where it is the scheme's own (RFC 9110 §7.2). */
static void write_host(const dx_url *url, dx_buf *out) {
    uint16_t usual = dx_scheme_is_secure(url->scheme) ? 443 : 80, port = url->authority.port;
    dx_buf_append(out, "Host: ", 6);
    dx_buf_append(out, "[", url->authority.is_six);
    dx_buf_append(out, url->authority.host.data, url->authority.host.size);
    dx_buf_append(out, "]", url->authority.is_six);
    if (port != usual) {
        char digits[6] = ":";
        size_t size = 1;
        for (unsigned unit = 10000; unit > 0; unit /= 10) {
            if (port >= unit) {
                digits[size++] = (char)('0' + port / unit % 10);
            }
        }
        dx_buf_append(out, digits, size);
    }
    dx_buf_append(out, "\r\n", 2);
}

void dx_websocket_request_write(const dx_url *url, const char *origin, const dx_random *random,
                                char key[static DX_WEBSOCKET_KEY_SIZE + 1], dx_buf *out) {
    uint8_t nonce[NONCE_SIZE];
    random->fill(random->ctx, nonce, sizeof nonce);
    encode_base64(nonce, sizeof nonce, key);
    dx_http_request_begin(out, "GET", url->target.size > 0 ? url->target : dx_bytes_text("/"));
    write_host(url, out);
    dx_http_field_write(out, "Upgrade", "websocket");
    dx_http_field_write(out, "Connection", "Upgrade");
    dx_http_field_write(out, "Sec-WebSocket-Key", key);
    dx_http_field_write(out, "Sec-WebSocket-Version", "13");
    if (origin != NULL) {
        dx_http_field_write(out, "Origin", origin);
    }
    dx_http_head_end(out);
}

int dx_websocket_response_check(const dx_http_head *response, const char *key) {
    char accept[DX_WEBSOCKET_ACCEPT_SIZE + 1];
    if (response->status != 101) {
        return DX_E_DENIED;
    }
    make_accept(key, accept);
    bool ours = dx_http_has_token(response, "upgrade", "websocket") &&
                dx_http_has_token(response, "connection", "upgrade") &&
                dx_http_field_count(response, "sec-websocket-accept") == 1 &&
                dx_bytes_equal(dx_http_field_find(response, "sec-websocket-accept"), dx_bytes_text(accept)) &&
                dx_http_field_count(response, "sec-websocket-extensions") == 0 &&
                dx_http_field_count(response, "sec-websocket-protocol") == 0; /* we offered neither */
    return ours ? DX_OK : DX_E_PROTOCOL;
}

/* --- Frames ------------------------------------------------------------------------------------------ */

static ssize_t give_input(uint8_t *out, size_t size, int flags, void *ctx) {
    dx_websocket *socket = ctx;
    (void)flags;
    size_t given = size < socket->input.size ? size : socket->input.size;
    if (given == 0) {
        return -1; /* wslay asks again next time */
    }
    memcpy(out, socket->input.data, given);
    socket->input.data += given;
    socket->input.size -= given;
    return (ssize_t)given;
}

static ssize_t take_output(const uint8_t *data, size_t size, int flags, void *ctx) {
    dx_websocket *socket = ctx;
    (void)flags;
    dx_buf_append(&socket->out, data, size);
    return dx_buf_error(&socket->out) == DX_OK ? (ssize_t)size : -1;
}

static int make_mask(uint8_t *out, size_t size, void *ctx) {
    const dx_websocket *socket = ctx;
    socket->random->fill(socket->random->ctx, out, size);
    return 0;
}

int dx_websocket_init(dx_websocket *socket, bool is_client, const dx_alloc *alloc, const dx_random *random,
                      dx_on_websocket_message on_message, void *ctx) {
    const struct wslay_frame_callbacks callbacks = {take_output, give_input, make_mask};
    memset(socket, 0, sizeof *socket);
    socket->is_client = is_client;
    socket->message_max = DX_WEBSOCKET_MESSAGE_MAX;
    socket->random = random;
    socket->on_message = on_message;
    socket->ctx = ctx;
    dx_buf_init(&socket->out, alloc, DX_WEBSOCKET_OUT_MAX);
    dx_buf_init(&socket->message, alloc, DX_WEBSOCKET_MESSAGE_MAX);
    wslay_frame_context_ptr frames = NULL;
    int status = wslay_frame_context_init(&frames, &callbacks, socket);
    socket->frames = frames;
    return status == 0 ? DX_OK : DX_E_NO_MEMORY;
}

void dx_websocket_deinit(dx_websocket *socket) {
    if (socket->frames != NULL) {
        wslay_frame_context_free(socket->frames);
    }
    dx_buf_deinit(&socket->out);
    dx_buf_deinit(&socket->message);
    socket->frames = NULL;
}

static int write_frame(dx_websocket *socket, uint8_t opcode, dx_bytes payload) {
    struct wslay_frame_iocb frame = {.fin = 1,
                                     .opcode = opcode,
                                     .mask = socket->is_client,
                                     .payload_length = payload.size,
                                     .data = payload.data,
                                     .data_length = payload.size};
    if (payload.size > DX_WEBSOCKET_OUT_MAX - FRAME_HEAD_MAX - socket->out.size ||
        socket->out.size > DX_WEBSOCKET_OUT_MAX - FRAME_HEAD_MAX) {
        socket->ended = true;
        return DX_E_FLOOD;
    }
    if (wslay_frame_send(socket->frames, &frame) != (ssize_t)payload.size) {
        socket->ended = true;
        return dx_buf_error(&socket->out) == DX_OK ? DX_E_STATE : dx_buf_error(&socket->out);
    }
    return DX_OK;
}

/* --- Sending ------------------------------------------------------------------------------------------ */

int dx_websocket_send(dx_websocket *socket, bool is_text, dx_bytes message) {
    if (socket->ended || socket->close_sent) {
        return DX_E_STATE;
    }
    return write_frame(socket, is_text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, message);
}

void dx_websocket_ping(dx_websocket *socket) {
    if (!socket->ended && !socket->close_sent) {
        (void)write_frame(socket, WSLAY_PING, (dx_bytes){0});
    }
}

void dx_websocket_close(dx_websocket *socket, uint16_t code, const char *reason) {
    uint8_t payload[DX_WEBSOCKET_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t size = strlen(reason);
    DX_ASSERT(size <= sizeof payload - 2);
    if (socket->ended || socket->close_sent) {
        return;
    }
    memcpy(payload + 2, reason, size);
    (void)write_frame(socket, WSLAY_CONNECTION_CLOSE, dx_bytes_of(payload, code == 0 ? 0 : size + 2));
    socket->close_sent = true;
}

/* --- Receiving ----------------------------------------------------------------------------------------- */

/* They broke a rule: a close says which, and nothing more is read. */
static int end(dx_websocket *socket, uint16_t code, int error) {
    dx_websocket_close(socket, code, "");
    socket->ended = true;
    socket->close_code = code;
    return error;
}

/* §7.4: codes that may stand in a close frame. */
static bool is_close_code(unsigned code) {
    return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999);
}

static int receive_close(dx_websocket *socket) {
    const uint8_t *payload = socket->control;
    size_t size = socket->control_size;
    unsigned code = size >= 2 ? (unsigned)payload[0] << 8 | payload[1] : 0;
    if (size == 1 || (size >= 2 && !is_close_code(code))) {
        return end(socket, DX_WEBSOCKET_PROTOCOL, DX_E_PROTOCOL);
    }
    if (size > 2 && !dx_utf8_check(payload + 2, size - 2)) {
        return end(socket, DX_WEBSOCKET_NOT_TEXT, DX_E_MALFORMED);
    }
    dx_websocket_close(socket, (uint16_t)code, ""); /* §5.5.1: answered with their own code */
    socket->close_code = size == 0 ? DX_WEBSOCKET_NO_CODE : (uint16_t)code;
    socket->ended = true;
    return DX_OK;
}

static int receive_control(dx_websocket *socket) {
    switch (socket->frame_opcode) {
    case WSLAY_CONNECTION_CLOSE:
        return receive_close(socket);
    case WSLAY_PING:
        return socket->close_sent
                   ? DX_OK
                   : write_frame(socket, WSLAY_PONG, dx_bytes_of(socket->control, socket->control_size));
    default:
        socket->pongs++;
        return DX_OK;
    }
}

static int receive_message(dx_websocket *socket) {
    socket->in_message = false;
    if (socket->is_text && !dx_utf8_check(socket->message.data, socket->message.size)) {
        return end(socket, DX_WEBSOCKET_NOT_TEXT, DX_E_MALFORMED);
    }
    if (!socket->close_sent) { /* what comes after our close is read, and nobody's */
        socket->on_message(socket->ctx, socket->is_text, dx_buf_view(&socket->message));
    }
    if (socket->message.capacity > MESSAGE_KEPT_MAX) {
        const dx_alloc *alloc = socket->message.alloc;
        dx_buf_deinit(&socket->message);
        dx_buf_init(&socket->message, alloc, DX_WEBSOCKET_MESSAGE_MAX);
    }
    dx_buf_clear(&socket->message);
    return DX_OK;
}

/* §5.4: a data frame begins a message or goes on with one. */
static int begin_data(dx_websocket *socket, const struct wslay_frame_iocb *frame) {
    bool goes_on = frame->opcode == WSLAY_CONTINUATION_FRAME;
    if (goes_on != socket->in_message) {
        return end(socket, DX_WEBSOCKET_PROTOCOL, DX_E_PROTOCOL);
    }
    if (!goes_on) {
        socket->in_message = true;
        socket->is_text = frame->opcode == WSLAY_TEXT_FRAME;
        socket->fragments = 0;
    }
    if (++socket->fragments > DX_WEBSOCKET_FRAGMENTS_MAX) {
        return end(socket, DX_WEBSOCKET_POLICY, DX_E_LIMIT);
    }
    if (frame->payload_length > socket->message_max - socket->message.size) {
        return end(socket, DX_WEBSOCKET_TOO_BIG, DX_E_LIMIT);
    }
    return DX_OK;
}

/* §5.2: the head of a frame, told with its first bytes. */
static int begin_frame(dx_websocket *socket, const struct wslay_frame_iocb *frame) {
    bool is_control = wslay_is_ctrl_frame(frame->opcode);
    bool known = is_control ? frame->opcode <= WSLAY_PONG : frame->opcode <= WSLAY_BINARY_FRAME;
    if (!known || frame->rsv != 0 || (frame->mask != 0) == socket->is_client ||
        (is_control && (frame->fin == 0 || frame->payload_length > DX_WEBSOCKET_CONTROL_MAX))) {
        return end(socket, DX_WEBSOCKET_PROTOCOL, DX_E_PROTOCOL);
    }
    socket->in_frame = true;
    socket->frame_opcode = frame->opcode;
    socket->frame_fin = frame->fin;
    socket->frame_left = frame->payload_length;
    socket->control_size = 0;
    return is_control ? DX_OK : begin_data(socket, frame);
}

static int take_frame(dx_websocket *socket, const struct wslay_frame_iocb *frame) {
    int error = socket->in_frame ? DX_OK : begin_frame(socket, frame);
    if (error != DX_OK) {
        return error;
    }
    bool is_control = wslay_is_ctrl_frame(socket->frame_opcode);
    if (is_control) {
        memcpy(socket->control + socket->control_size, frame->data, frame->data_length);
        socket->control_size += frame->data_length;
    } else {
        dx_buf_append(&socket->message, frame->data, frame->data_length);
        if (dx_buf_error(&socket->message) != DX_OK) {
            return end(socket, DX_WEBSOCKET_INTERNAL, dx_buf_error(&socket->message));
        }
    }
    socket->frame_left -= frame->data_length;
    socket->in_frame = socket->frame_left > 0;
    if (socket->in_frame) {
        return DX_OK;
    }
    return is_control ? receive_control(socket) : socket->frame_fin != 0 ? receive_message(socket) : DX_OK;
}

int dx_websocket_receive(dx_websocket *socket, dx_bytes bytes) {
    int error = DX_OK;
    socket->input = bytes;
    while (error == DX_OK && !socket->ended) {
        struct wslay_frame_iocb frame = {0};
        ssize_t size = wslay_frame_recv(socket->frames, &frame);
        if (size == WSLAY_ERR_WANT_READ) {
            break;
        }
        error = size < 0 ? end(socket, DX_WEBSOCKET_PROTOCOL, DX_E_PROTOCOL) : take_frame(socket, &frame);
    }
    socket->input = (dx_bytes){0};
    return error;
}
