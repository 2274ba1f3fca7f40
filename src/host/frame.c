/* host/frame.c: frames of the vault socket: 4 bytes of size, big endian, then [kind, request id, body]. See
 * docs/spec/vault-socket.md.
 *
 * Layer: floor 3, host. */
#include <string.h>

#include "host.h"

void dx_frame_write(int kind, const uint8_t request[static DX_REQUEST_SIZE], dx_bytes body, dx_buf *out) {
    size_t start = out->size;
    const uint8_t room[4] = {0};
    dx_writer writer;
    dx_buf_append(out, room, sizeof room);
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 3);
    dx_write_uint(&writer, (uint64_t)kind);
    dx_write_bytes(&writer, dx_bytes_of(request, DX_REQUEST_SIZE));
    if (kind == DX_FRAME_TAKEN) {
        dx_write_item(&writer, body);
    } else {
        dx_write_bytes(&writer, body);
    }
    if (dx_buf_error(out) == DX_OK) {
        size_t size = out->size - start - sizeof room;
        for (size_t i = 0; i < sizeof room; i++) {
            out->data[start + i] = (uint8_t)(size >> (8 * (3 - i)));
        }
    }
}

int64_t dx_frame_read(dx_bytes bytes, int *kind, uint8_t request[static DX_REQUEST_SIZE], dx_bytes *body) {
    if (bytes.size < 4) {
        return 0;
    }
    size_t size = (size_t)bytes.data[0] << 24 | (size_t)bytes.data[1] << 16 | (size_t)bytes.data[2] << 8 |
                  bytes.data[3];
    if (size == 0 || size > DX_FRAME_SIZE_MAX) {
        return DX_E_MALFORMED;
    }
    if (bytes.size - 4 < size) {
        return 0;
    }
    dx_reader reader;
    dx_reader_init(&reader, dx_bytes_of(bytes.data + 4, size));
    if (dx_read_array(&reader) != 3) {
        dx_reader_fail(&reader);
    }
    *kind = (int)dx_read_uint_max(&reader, DX_FRAME_TAKEN);
    dx_read_bytes_exact(&reader, request, DX_REQUEST_SIZE);
    if (*kind == DX_FRAME_TAKEN) {
        *body = dx_read_item(&reader);
    } else {
        *body = dx_read_bytes(&reader);
    }
    if (*kind == DX_FRAME_TAKEN && dx_item_int(*body, -1) < 0) {
        dx_reader_fail(&reader);
    }
    return dx_reader_finish(&reader) == DX_OK ? (int64_t)size + 4 : DX_E_MALFORMED;
}
