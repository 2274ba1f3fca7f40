/* fuzz/fuzz_text_state_vector.c: any bytes as a state vector, a snapshot of either form, and a message of sync.
 *
 * Properties: what is read is written again and read the same; a snapshot equals itself and contains an update that is empty; a
 * message takes no more bytes than there are, and is written again as it was when its numbers are the shortest. Memory in
 * proportion to the bytes. */
#include "fuzz.h"
#include "text/text_snapshot.h"

#include <dxos/text_protocol.h>

enum { BYTES_FREE = 4096, BYTES_PER_BYTE = 64 };

typedef struct bounded_alloc {
    dx_alloc port;
    size_t live, limit;
} bounded_alloc;

static void *bounded_resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    bounded_alloc *self = ctx;
    self->live += new_size;
    self->live -= old_size;
    FUZZ_CHECK(self->live <= self->limit);
    return fuzz_resize(NULL, old, old_size, new_size);
}

static void check_state_vector(const dx_alloc *alloc, dx_bytes input) {
    dx_text_clocks clocks, again;
    dx_buf out;
    dx_text_clocks_init(&clocks, alloc);
    dx_text_clocks_init(&again, alloc);
    dx_buf_init(&out, alloc, SIZE_MAX);
    if (dx_text_clocks_decode(&clocks, input) == DX_OK) {
        dx_text_clocks_write(&clocks, &out);
        FUZZ_CHECK(dx_text_clocks_decode(&again, dx_buf_view(&out)) == DX_OK);
        FUZZ_CHECK(again.count == clocks.count);
        for (size_t i = 0; i < clocks.count; i++) {
            FUZZ_CHECK(dx_text_clocks_get(&again, clocks.entries[i].client) == clocks.entries[i].clock);
            FUZZ_CHECK(i == 0 || clocks.entries[i].client < clocks.entries[i - 1].client);
        }
    }
    dx_text_clocks_deinit(&clocks);
    dx_text_clocks_deinit(&again);
    dx_buf_deinit(&out);
}

static void check_snapshot(const dx_alloc *alloc, dx_text_form form, dx_bytes input) {
    static const uint8_t nothing_v1[] = {0, 0}, nothing_v2[] = {0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    dx_bytes nothing = form == DX_TEXT_V1 ? dx_bytes_of(nothing_v1, sizeof nothing_v1)
                                          : dx_bytes_of(nothing_v2, sizeof nothing_v2);
    bool yes = false;
    int error = dx_text_snapshots_equal(alloc, form, input, input, &yes);
    FUZZ_CHECK(yes == (error == DX_OK));
    yes = false;
    FUZZ_CHECK(dx_text_snapshot_contains(alloc, form, input, nothing, &yes) == error);
    FUZZ_CHECK(yes == (error == DX_OK));
}

static void check_message(const dx_alloc *alloc, bool enveloped, dx_bytes input) {
    dx_text_message message, again;
    size_t size, written;
    dx_buf out;
    dx_buf_init(&out, alloc, SIZE_MAX);
    if (dx_text_message_read(input, enveloped, &message, &size) == DX_OK) {
        FUZZ_CHECK(size <= input.size);
        FUZZ_CHECK(dx_text_message_write(message, enveloped, &out) == DX_OK);
        FUZZ_CHECK(dx_text_message_read(dx_buf_view(&out), enveloped, &again, &written) == DX_OK);
        FUZZ_CHECK(written == out.size && written <= size);
        FUZZ_CHECK(again.kind == message.kind && dx_bytes_equal(again.payload, message.payload));
    }
    dx_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bounded_alloc bounded = {.limit = BYTES_FREE + BYTES_PER_BYTE * size};
    bounded.port = (dx_alloc){&bounded, bounded_resize};
    dx_bytes input = dx_bytes_of(data, size);
    check_state_vector(&bounded.port, input);
    check_snapshot(&bounded.port, DX_TEXT_V1, input);
    check_snapshot(&bounded.port, DX_TEXT_V2, input);
    check_message(&bounded.port, false, input);
    check_message(&bounded.port, true, input);
    FUZZ_CHECK(bounded.live == 0);
    return 0;
}
