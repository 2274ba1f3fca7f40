/* fuzz_row_log.c: a piece of the log of rows. Checks: what is taken is written and taken again as the same rows. */
#include <sodium.h>

#include "echo/row_log.h"

#include "fuzz.h"

static void fill(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    memset(out, 7, size);
}

static int weigh(void *ctx, const dx_unwritten_row *row, dx_unwritten_packed *packed) {
    (void)ctx;
    packed->objects = (int8_t)(row->is - row->was);
    return DX_OK;
}

/* Packed, and unpacked one by one or as a piece. */
static int take(dx_unwritten *set, dx_bytes piece, bool by_row) {
    int error = dx_row_log_pack(set, 3, piece, weigh, NULL);
    for (size_t i = 0; error == DX_OK && by_row && i < set->packed_count; i++) {
        FUZZ_CHECK(dx_row_log_unpack_row(set, &set->packed[i], piece) == DX_OK);
    }
    if (error == DX_OK) {
        FUZZ_CHECK(dx_row_log_unpack_piece(set, 3, piece) == DX_OK);
        FUZZ_CHECK(set->packed_left == 0 && set->packed_objects == 0);
    }
    return error;
}

static void write_all(const dx_unwritten *set, dx_buf *out) {
    for (size_t i = 0; i < set->row_count; i++) {
        FUZZ_CHECK(dx_row_log_write(dx_unwritten_at(set, i), out) == DX_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const dx_random random = {NULL, fill};
    dx_unwritten first, second;
    dx_buf once, twice;
    dx_unwritten_init(&first, &fuzz_alloc, &random);
    dx_unwritten_init(&second, &fuzz_alloc, &random);
    dx_buf_init(&once, &fuzz_alloc, SIZE_MAX);
    dx_buf_init(&twice, &fuzz_alloc, SIZE_MAX);
    int error = take(&first, dx_bytes_of(data, size), true);
    FUZZ_CHECK(error == DX_OK || error == DX_E_MALFORMED);
    if (error == DX_OK) {
        write_all(&first, &once);
        FUZZ_CHECK(once.size <= size);
        FUZZ_CHECK(take(&second, dx_buf_view(&once), false) == DX_OK);
        write_all(&second, &twice);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&once), dx_buf_view(&twice)));
    }
    dx_buf_deinit(&once);
    dx_buf_deinit(&twice);
    dx_unwritten_deinit(&first);
    dx_unwritten_deinit(&second);
    return 0;
}
