/* fuzz_text_model.c: texts in a space (docs/spec/text-model.md). Input: what to do with the rest (1 byte): an update a text is made of and
 * requests behind it; or a saved state. Checks: what is made of a request is taken, twice as once; the canonical form of what is
 * canonical is itself; the view is one canonical item. */
#include <dxos/model.h>

#include "fuzz.h"
#include "model/text_operation.h"

enum { REQUESTS_MAX = 4, STATE_MAX = 1 << 26 };

static const dx_stamp created = {.counter = 3};

static void save(const void *state, dx_buf *out) {
    dx_buf_clear(out);
    FUZZ_CHECK(dx_text_model.save(state, out) == DX_OK);
}

static void check_view(const void *state, dx_buf *view) {
    dx_writer writer;
    dx_buf_clear(view);
    dx_writer_init(&writer, view);
    FUZZ_CHECK(dx_text_model.view(state, &writer) == DX_OK && dx_writer_finish(&writer) == DX_OK);
    FUZZ_CHECK(dx_item_check(dx_buf_view(view)) == DX_OK);
}

static void check_saved(dx_bytes saved, dx_buf *a, dx_buf *b) {
    dx_writer writer;
    dx_buf_clear(a);
    dx_buf_clear(b);
    void *kept = dx_text_model.create(&fuzz_alloc, &created);
    dx_writer_init(&writer, a);
    int error = dx_text_model.restore(kept, saved);
    error = error == DX_OK ? dx_text_model.view(kept, &writer) : error;
    FUZZ_CHECK(error == DX_OK || error == DX_E_CORRUPT || error == DX_E_LIMIT);
    dx_text_model.destroy(&fuzz_alloc, kept);
    dx_buf_clear(a);
    error = dx_text_model.canonical(&fuzz_alloc, saved, a);
    FUZZ_CHECK(error == DX_OK || error == DX_E_CORRUPT || error == DX_E_LIMIT);
    if (error != DX_OK) {
        return;
    }
    FUZZ_CHECK(dx_text_model.canonical(&fuzz_alloc, dx_buf_view(a), b) == DX_OK);
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(a), dx_buf_view(b)));
    void *state = dx_text_model.create(&fuzz_alloc, &created);
    FUZZ_CHECK(dx_text_model.restore(state, dx_buf_view(a)) == DX_OK);
    check_view(state, b);
    dx_text_model.destroy(&fuzz_alloc, state);
}

/* session -1: with which a text is made. */
static void write_operation(int64_t session, dx_bytes update, dx_buf *out) {
    dx_writer writer;
    dx_buf_clear(out);
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    if (session < 0) {
        dx_write_null(&writer);
    } else {
        dx_write_int(&writer, session);
    }
    dx_write_bytes(&writer, update);
    FUZZ_CHECK(dx_writer_finish(&writer) == DX_OK);
}

static void make_and_ask(fuzz_input *input, dx_buf bufs[static 3]) {
    void *state = dx_text_model.create(&fuzz_alloc, &created);
    size_t size = fuzz_byte(input) * 256u;
    write_operation(-1, fuzz_bytes(input, size + fuzz_byte(input)), &bufs[0]);
    int error = dx_text_model.apply(state, dx_buf_view(&bufs[0]), &created);
    FUZZ_CHECK(error == DX_OK || error == DX_E_MALFORMED);
    for (size_t i = 0; i < REQUESTS_MAX && input->left > 0; i++) {
        const dx_stamp stamp = {.counter = 4 + i, .feed = {1}};
        dx_buf_clear(&bufs[0]);
        error = dx_text_model.prepare(state, stamp.feed, fuzz_bytes(input, fuzz_byte(input)), &bufs[0]);
        FUZZ_CHECK(error == DX_OK || error == DX_E_INVALID || error == DX_E_LIMIT);
        if (error == DX_OK) {
            FUZZ_CHECK(dx_text_model.apply(state, dx_buf_view(&bufs[0]), &stamp) == DX_OK);
            save(state, &bufs[1]);
            FUZZ_CHECK(dx_text_model.apply(state, dx_buf_view(&bufs[0]), &stamp) == DX_OK);
            save(state, &bufs[2]);
            FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&bufs[1]), dx_buf_view(&bufs[2])));
        }
    }
    save(state, &bufs[0]);
    check_view(state, &bufs[1]);
    check_saved(dx_buf_view(&bufs[0]), &bufs[1], &bufs[2]);
    dx_text_model.destroy(&fuzz_alloc, state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    unsigned what = fuzz_byte(&input) % 2;
    dx_buf bufs[3];
    for (size_t i = 0; i < 3; i++) {
        dx_buf_init(&bufs[i], &fuzz_alloc, STATE_MAX);
    }
    if (what == 0) {
        make_and_ask(&input, bufs);
    } else {
        check_saved(fuzz_bytes(&input, input.left), &bufs[0], &bufs[1]);
    }
    for (size_t i = 0; i < 3; i++) {
        dx_buf_deinit(&bufs[i]);
    }
    return 0;
}
