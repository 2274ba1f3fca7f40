/* text/text_message.c: messages of sync and their envelope.
 *
 * Layer: floor 1, text. The envelope is the number of a protocol: 0 sync, 1 awareness, 2 auth, 3 a question for awareness. */
#include "text/lib0.h"

#include <dxos/text_protocol.h>

enum { PROTOCOL_SYNC = 0, PROTOCOL_AWARENESS = 1, PROTOCOL_AUTH = 2, PROTOCOL_ASK_AWARENESS = 3 };
enum { SYNC_LAST = DX_TEXT_UPDATE, AUTH_DENIED = 0 };

static void write_enveloped(dx_text_message message, dx_buf *out) {
    switch (message.kind) {
    case DX_TEXT_STEP_1:
    case DX_TEXT_STEP_2:
    case DX_TEXT_UPDATE:
        dx_buf_append_byte(out, PROTOCOL_SYNC);
        dx_buf_append_byte(out, (uint8_t)message.kind);
        break;
    case DX_TEXT_AWARENESS:
        dx_buf_append_byte(out, PROTOCOL_AWARENESS);
        break;
    case DX_TEXT_DENIED:
        dx_buf_append_byte(out, PROTOCOL_AUTH);
        dx_buf_append_byte(out, AUTH_DENIED);
        break;
    case DX_TEXT_ASK_AWARENESS:
        dx_buf_append_byte(out, PROTOCOL_ASK_AWARENESS);
        return;
    }
    dx_lib0_write_bytes(out, message.payload);
}

int dx_text_message_write(dx_text_message message, bool enveloped, dx_buf *out) {
    size_t before = out->size;
    if ((unsigned)message.kind > (enveloped ? (unsigned)DX_TEXT_ASK_AWARENESS : (unsigned)SYNC_LAST)) {
        return DX_E_INVALID;
    }
    if (enveloped) {
        write_enveloped(message, out);
    } else {
        dx_buf_append_byte(out, (uint8_t)message.kind);
        dx_lib0_write_bytes(out, message.payload);
    }
    int error = dx_buf_error(out);
    if (error != DX_OK) {
        out->size = before;
        out->error = DX_OK;
    }
    return error;
}

static dx_text_message read_sync(dx_lib0_reader *reader) {
    uint64_t kind = dx_lib0_read_uint(reader);
    if (kind > SYNC_LAST) {
        dx_lib0_fail(reader, DX_E_UNSUPPORTED);
        kind = DX_TEXT_STEP_1;
    }
    return (dx_text_message){(dx_text_message_kind)kind, dx_lib0_read_bytes(reader)};
}

static dx_text_message read_enveloped(dx_lib0_reader *reader) {
    switch (dx_lib0_read_uint(reader)) {
    case PROTOCOL_SYNC:
        return read_sync(reader);
    case PROTOCOL_AWARENESS:
        return (dx_text_message){DX_TEXT_AWARENESS, dx_lib0_read_bytes(reader)};
    case PROTOCOL_AUTH:
        if (dx_lib0_read_uint(reader) != AUTH_DENIED) {
            dx_lib0_fail(reader, DX_E_UNSUPPORTED);
        }
        return (dx_text_message){DX_TEXT_DENIED, dx_lib0_read_string(reader, NULL)};
    case PROTOCOL_ASK_AWARENESS:
        break;
    default:
        dx_lib0_fail(reader, DX_E_UNSUPPORTED);
    }
    return (dx_text_message){.kind = DX_TEXT_ASK_AWARENESS};
}

int dx_text_message_read(dx_bytes input, bool enveloped, dx_text_message *message, size_t *size) {
    dx_lib0_reader reader = dx_lib0_reader_of(input);
    *message = enveloped ? read_enveloped(&reader) : read_sync(&reader);
    *size = reader.error == DX_OK ? input.size - dx_lib0_left(&reader) : 0;
    return reader.error;
}

/* What a replica with that state vector lacks, as a message. */
static int answer_step_1(const dx_text_doc *doc, dx_bytes state_vector, bool enveloped, dx_buf *answer) {
    dx_buf update;
    dx_buf_init(&update, answer->alloc, SIZE_MAX);
    int error = dx_text_encode(doc, DX_TEXT_V1, state_vector, &update);
    if (error == DX_OK) {
        error =
            dx_text_message_write((dx_text_message){DX_TEXT_STEP_2, dx_buf_view(&update)}, enveloped, answer);
    }
    dx_buf_deinit(&update);
    return error;
}

int dx_text_message_handle(dx_text_doc *doc, dx_text_message message, bool enveloped, dx_buf *answer) {
    switch (message.kind) {
    case DX_TEXT_STEP_1:
        return answer_step_1(doc, message.payload, enveloped, answer);
    case DX_TEXT_STEP_2:
    case DX_TEXT_UPDATE:
        return dx_text_apply(doc, DX_TEXT_V1, message.payload);
    case DX_TEXT_AWARENESS:
    case DX_TEXT_DENIED:
    case DX_TEXT_ASK_AWARENESS:
        break;
    }
    return DX_E_INVALID;
}
