/* fuzz_object_state.c: saved states of the object model. Checks: what restore takes, save gives back byte for
 * byte; its view is one canonical item; and a plain key of the view is what peek finds, unless it says that it takes
 * the view to tell: where a map is, or edits are. */
#include <dxos/model.h>

#include "fuzz.h"

enum { STATE_MAX = 1 << 26 };

static bool has_elements(dx_bytes saved) {
    dx_reader reader;
    dx_reader_init(&reader, saved);
    return dx_read_array(&reader) == 3;
}

static void check_peek(dx_bytes saved, dx_bytes view) {
    dx_reader reader;
    dx_reader_init(&reader, view);
    for (size_t count = dx_read_map(&reader); count > 0; count--) {
        dx_bytes key = dx_read_text(&reader), shown = dx_read_item(&reader), found;
        if (memchr(key.data, '.', key.size) == NULL && memchr(key.data, '\\', key.size) == NULL) {
            int error = dx_object_model.peek(saved, key, &found);
            FUZZ_CHECK(error == DX_E_UNSUPPORTED || (error == DX_OK && dx_bytes_equal(found, shown)));
            FUZZ_CHECK(error == DX_OK || dx_item_kind(shown) == DX_KIND_MAP || has_elements(saved));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const dx_stamp created = {.counter = 3};
    dx_buf saved, view;
    dx_writer writer;
    dx_buf_init(&saved, &fuzz_alloc, STATE_MAX);
    dx_buf_init(&view, &fuzz_alloc, STATE_MAX);
    void *state = dx_object_model.create(&fuzz_alloc, &created);
    int error = dx_object_model.restore(state, dx_bytes_of(data, size));
    FUZZ_CHECK(error == DX_OK || error == DX_E_CORRUPT);
    FUZZ_CHECK(dx_object_model.save(state, &saved) == DX_OK);
    if (error == DX_OK) {
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&saved), dx_bytes_of(data, size)));
        dx_writer_init(&writer, &view);
        FUZZ_CHECK(dx_object_model.view(state, &writer) == DX_OK && dx_writer_finish(&writer) == DX_OK);
        FUZZ_CHECK(dx_item_check(dx_buf_view(&view)) == DX_OK);
        check_peek(dx_buf_view(&saved), dx_buf_view(&view));
    }
    dx_object_model.destroy(&fuzz_alloc, state);
    dx_buf_deinit(&saved);
    dx_buf_deinit(&view);
    return 0;
}
