/* halo/invitation_message.c: messages of an invitation, read and written by one table. See
 * invitation_message.h.
 *
 * Layer: floor 1, halo. */
#include "halo/invitation_message.h"

#include <string.h>

const char dx_invitation_presence_context[] = "dxos join/1";

typedef struct message_shape {
    bool has_number;
    int size;
    bool has_signature;
} message_shape;

static const message_shape shapes[] = {
#define SHAPE_ROW(symbol, kind, number, size, signature) [kind] = {number, size, signature},
    DX_INVITATION_MESSAGES(SHAPE_ROW)
#undef SHAPE_ROW
};

enum { KIND_COUNT = sizeof shapes / sizeof shapes[0] };

static size_t field_count(dx_invitation_message_kind kind) {
    const message_shape *shape = &shapes[kind];
    return 1u + (kind == DX_MESSAGE_ERROR) + shape->has_number + (shape->size != 0) + shape->has_signature;
}

static int known_error(int64_t code) {
    bool known = code < 0 && code > INT32_MIN && strcmp(dx_error_name((int)code), "E_UNKNOWN") != 0;
    return known ? (int)code : DX_E_PROTOCOL;
}

int dx_invitation_message_decode(dx_bytes bytes, dx_invitation_message *out) {
    memset(out, 0, sizeof *out);
    dx_reader in;
    dx_reader_init(&in, bytes);
    size_t count = dx_read_array(&in);
    out->kind = (dx_invitation_message_kind)dx_read_uint_max(&in, KIND_COUNT - 1);
    if (in.error != DX_OK || count != field_count(out->kind)) {
        return DX_E_MALFORMED;
    }
    const message_shape *shape = &shapes[out->kind];
    if (out->kind == DX_MESSAGE_ERROR) {
        out->error = known_error(dx_read_int(&in));
    }
    if (shape->has_number) {
        out->number = dx_read_uint(&in);
    }
    if (shape->size != 0) {
        out->bytes = dx_read_bytes(&in);
        if (shape->size != DX_ANY_SIZE && out->bytes.size != (size_t)shape->size) {
            dx_reader_fail(&in);
        }
    }
    if (shape->has_signature) {
        out->signature = dx_read_bytes(&in);
        if (out->signature.size != DX_SIGNATURE_SIZE) {
            dx_reader_fail(&in);
        }
    }
    return dx_reader_finish(&in);
}

int dx_invitation_message_encode(const dx_invitation_message *message, dx_buf *out) {
    const message_shape *shape = &shapes[message->kind];
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, field_count(message->kind));
    dx_write_uint(&writer, (uint64_t)message->kind);
    if (message->kind == DX_MESSAGE_ERROR) {
        dx_write_int(&writer, message->error);
    }
    if (shape->has_number) {
        dx_write_uint(&writer, message->number);
    }
    if (shape->size != 0) {
        dx_write_bytes(&writer, message->bytes);
    }
    if (shape->has_signature) {
        dx_write_bytes(&writer, message->signature);
    }
    return dx_writer_finish(&writer);
}

void dx_invitation_channel(const uint8_t id[static DX_INVITATION_ID_SIZE],
                           const uint8_t host_key[static DX_KEY_SIZE],
                           const uint8_t guest_key[static DX_KEY_SIZE], uint64_t attempt,
                           uint8_t out[static DX_INVITATION_CHANNEL_SIZE]) {
    memcpy(out, id, DX_INVITATION_ID_SIZE);
    out += DX_INVITATION_ID_SIZE;
    memcpy(out, host_key, DX_KEY_SIZE);
    memcpy(out + DX_KEY_SIZE, guest_key, DX_KEY_SIZE);
    out[2 * DX_KEY_SIZE] = DX_INVITATION_KIND_SPACE;
    out[2 * DX_KEY_SIZE + 1] = (uint8_t)attempt; /* at most DX_INVITATION_FAILURES_MAX on one link */
}

void dx_invitation_presence(const uint8_t handshake_hash[static DX_NOISE_HASH_SIZE],
                            const uint8_t id[static DX_INVITATION_ID_SIZE],
                            uint8_t out[static DX_INVITATION_PRESENCE_SIZE]) {
    memcpy(out, handshake_hash, DX_NOISE_HASH_SIZE);
    memcpy(out + DX_NOISE_HASH_SIZE, id, DX_INVITATION_ID_SIZE);
}
