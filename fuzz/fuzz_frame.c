/* fuzz/fuzz_frame.c: any bytes as what arrives on the vault socket.
 *
 * Properties: what is read is written again byte for byte; a frame that is not whole stays so for every
 * shorter part of it, and no more is waited for than the limit; what follows a frame does not change it. */
#include "fuzz.h"

#include "host.h"

static int64_t read_frame(dx_bytes bytes, int *kind, uint8_t request[static DX_REQUEST_SIZE],
                          dx_bytes *body) {
    int64_t size = dx_frame_read(bytes, kind, request, body);
    FUZZ_CHECK(size == DX_E_MALFORMED || (size >= 0 && (uint64_t)size <= bytes.size));
    return size;
}

static void check_parts(dx_bytes frame) {
    int kind;
    uint8_t request[DX_REQUEST_SIZE];
    dx_bytes body;
    for (size_t size = frame.size > 64 ? frame.size - 64 : 0; size < frame.size; size++) {
        FUZZ_CHECK(read_frame(dx_bytes_of(frame.data, size), &kind, request, &body) == 0);
    }
    FUZZ_CHECK(read_frame(frame, &kind, request, &body) == (int64_t)frame.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t taken = 0;
    for (int64_t frame = 1; frame > 0; taken += frame > 0 ? (size_t)frame : 0) {
        int kind;
        uint8_t request[DX_REQUEST_SIZE];
        dx_bytes body, rest = dx_bytes_of(data + taken, size - taken);
        frame = read_frame(rest, &kind, request, &body);
        FUZZ_CHECK(frame != 0 || rest.size < DX_FRAME_SIZE_MAX + 4);
        if (frame > 0) {
            dx_buf again;
            FUZZ_CHECK(kind >= DX_FRAME_REQUEST && kind <= DX_FRAME_TAKEN);
            dx_buf_init(&again, &fuzz_alloc, DX_FRAME_SIZE_MAX + 4);
            dx_frame_write(kind, request, body, &again);
            FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), dx_bytes_of(rest.data, (size_t)frame)));
            dx_buf_deinit(&again);
            check_parts(dx_bytes_of(rest.data, (size_t)frame));
        }
    }
    return 0;
}
