/* fuzz_feed_rows.c: what a feed keeps in its row besides blocks, and addresses as peers tell them. Checks: a
 * timeframe that is accepted is one that is saved as the same bytes, with feeds and lengths in their range; an
 * address that is accepted can be kept as C text and dialled. */
#include "base/limits.h"
#include "feed/timeframe.h"
#include "fuzz.h"
#include "halo/welcome.h"

static void check_timeframe(dx_bytes saved) {
    dx_timeframe timeframe;
    dx_buf again;
    dx_timeframe_init(&timeframe, &fuzz_alloc);
    dx_buf_init(&again, &fuzz_alloc, saved.size + 1);
    int error = dx_timeframe_restore(&timeframe, saved);
    FUZZ_CHECK(error == DX_OK || error == DX_E_CORRUPT);
    FUZZ_CHECK(error == DX_OK || timeframe.count == 0);
    for (size_t i = 0; i < timeframe.count; i++) {
        const dx_timeframe_entry *entry = &timeframe.entries[i];
        FUZZ_CHECK(entry->feed >= 1 && entry->feed <= DX_FEED_LOCAL_MAX);
        FUZZ_CHECK(entry->length >= 1 && entry->length <= DX_FEED_LENGTH_MAX);
        FUZZ_CHECK(dx_timeframe_get(&timeframe, entry->feed) == entry->length);
    }
    if (error == DX_OK) {
        FUZZ_CHECK(dx_timeframe_save(&timeframe, &again) == DX_OK);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), saved));
    }
    dx_buf_deinit(&again);
    dx_timeframe_deinit(&timeframe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_bytes bytes = dx_bytes_of(data, size);
    check_timeframe(bytes);
    if (dx_address_check(bytes)) {
        FUZZ_CHECK(size >= 1 && size < DX_ADDRESS_SIZE_MAX && memchr(data, 0, size) == NULL);
    }
    return 0;
}
