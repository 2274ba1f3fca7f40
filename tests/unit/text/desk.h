/* tests/unit/text/desk.h: a document at hand, for tests of what is built on editing. */
#ifndef DX_TESTS_TEXT_DESK_H
#define DX_TESTS_TEXT_DESK_H

#include "fixtures.h"

#include <dxos/text_history.h>

typedef struct desk {
    test_alloc alloc;
    dx_text_doc *doc;
    dx_text_type text; /* the root "t" */
} desk;

static inline void desk_open_with(desk *it, const dx_text_options *options) {
    test_alloc_init(&it->alloc);
    assert_int_equal(dx_text_create(&it->alloc.port, options, &it->doc), DX_OK);
    assert_int_equal(dx_text_root(it->doc, "t", DX_TEXT_KIND_TEXT, &it->text), DX_OK);
}

static inline void desk_open(desk *it, uint64_t client) {
    desk_open_with(it, &(dx_text_options){.client = client});
}

static inline void desk_close(desk *it) {
    dx_text_destroy(it->doc);
    assert_int_equal(it->alloc.live_bytes, 0);
}

static inline void type_in(desk *it, uint64_t index, const char *text) {
    assert_int_equal(dx_text_insert(it->doc, it->text, index, dx_bytes_text(text), NULL), DX_OK);
}

static inline void rub_out(desk *it, uint64_t index, uint64_t length) {
    assert_int_equal(dx_text_delete(it->doc, it->text, index, length), DX_OK);
}

static inline void assert_buf_text(dx_buf *buf, const char *wanted) {
    dx_buf_append_byte(buf, 0);
    assert_int_equal(dx_buf_error(buf), DX_OK);
    assert_string_equal((const char *)buf->data, wanted);
    dx_buf_deinit(buf);
}

static inline void assert_reads(desk *it, const char *wanted) {
    dx_buf text = buffer(&it->alloc);
    assert_int_equal(dx_text_read(it->doc, it->text, &text), DX_OK);
    assert_buf_text(&text, wanted);
}

static inline void assert_delta(desk *it, const char *wanted) {
    dx_buf delta = buffer(&it->alloc);
    assert_int_equal(dx_text_delta(it->doc, it->text, &delta), DX_OK);
    assert_buf_text(&delta, wanted);
}

/* Each gets what it lacks of the other. */
static inline void give(desk *from, desk *to) {
    dx_buf known = buffer(&to->alloc), update = buffer(&from->alloc);
    assert_int_equal(dx_text_state_vector(to->doc, &known), DX_OK);
    assert_int_equal(dx_text_encode(from->doc, DX_TEXT_V1, dx_buf_view(&known), &update), DX_OK);
    assert_int_equal(dx_text_apply(to->doc, DX_TEXT_V1, dx_buf_view(&update)), DX_OK);
    dx_buf_deinit(&known);
    dx_buf_deinit(&update);
}

static inline void exchange(desk *a, desk *b) {
    give(a, b);
    give(b, a);
}

#endif
