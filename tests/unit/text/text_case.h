/* tests/unit/text/text_case.h: a document with a text in it, and what is expected of both. */
#ifndef DX_TESTS_UNIT_TEXT_TEXT_CASE_H
#define DX_TESTS_UNIT_TEXT_TEXT_CASE_H

#include "test.h"

#include <dxos/text.h>

enum { TEXT_CASE_SIZE_MAX = 1 << 24 };

typedef struct text_case {
    test_alloc alloc;
    dx_text_doc *doc;
    dx_text_type text;
} text_case;

static inline void text_case_init(text_case *self, uint64_t client, dx_text_unit unit) {
    dx_text_options options = {.client = client, .unit = unit};
    test_alloc_init(&self->alloc);
    assert_int_equal(dx_text_create(&self->alloc.port, &options, &self->doc), DX_OK);
    assert_int_equal(dx_text_root(self->doc, "t", DX_TEXT_KIND_TEXT, &self->text), DX_OK);
}

static inline void text_case_deinit(text_case *self) {
    dx_text_destroy(self->doc);
    assert_int_equal(self->alloc.live_bytes, 0);
}

static inline void expect_text(const dx_buf *is, const char *wanted) {
    if (!dx_bytes_equal(dx_buf_view(is), dx_bytes_text(wanted))) {
        fail_msg("is  %.*s\nnot %s", (int)is->size, (const char *)is->data, wanted);
    }
}

static inline void expect_hex(const dx_buf *is, const char *wanted) {
    char *hex = malloc(2 * is->size + 1);
    assert_non_null(hex);
    dx_hex_encode(dx_buf_view(is), hex);
    assert_string_equal(hex, wanted);
    free(hex);
}

/* The call is a transaction that says these bytes. */
#define expect_update(self, call, hex)                                                                       \
    do {                                                                                                     \
        dx_buf update_;                                                                                      \
        dx_buf_init(&update_, &(self)->alloc.port, TEXT_CASE_SIZE_MAX);                                      \
        assert_int_equal(dx_text_begin((self)->doc), DX_OK);                                                 \
        assert_int_equal(call, DX_OK);                                                                       \
        assert_int_equal(dx_text_commit((self)->doc, DX_TEXT_V1, &update_), DX_OK);                          \
        expect_hex(&update_, hex);                                                                           \
        dx_buf_deinit(&update_);                                                                             \
    } while (0)

static inline void expect_delta(text_case *self, const char *wanted) {
    dx_buf json;
    dx_buf_init(&json, &self->alloc.port, TEXT_CASE_SIZE_MAX);
    assert_int_equal(dx_text_delta(self->doc, self->text, &json), DX_OK);
    expect_text(&json, wanted);
    dx_buf_deinit(&json);
}

static inline void expect_json(text_case *self, dx_text_type type, const char *wanted) {
    dx_buf json;
    dx_buf_init(&json, &self->alloc.port, TEXT_CASE_SIZE_MAX);
    assert_int_equal(dx_text_json(self->doc, type, &json), DX_OK);
    expect_text(&json, wanted);
    dx_buf_deinit(&json);
}

/* The whole document, v2. */
static inline void encode_all(text_case *self, dx_buf *out) {
    dx_buf_init(out, &self->alloc.port, TEXT_CASE_SIZE_MAX);
    assert_int_equal(dx_text_encode(self->doc, DX_TEXT_V2, dx_bytes_of(NULL, 0), out), DX_OK);
}

typedef int (*text_edit)(text_case *self);

/* With every allocation failing once, an edit says so and changes nothing; done again it does what it does where memory is plenty. The document
 * begins as `prepare` makes it. */
static inline void expect_all_or_nothing(text_edit prepare, text_edit edit) {
    text_case plenty;
    dx_buf wanted;
    text_case_init(&plenty, 1, DX_TEXT_UTF16);
    assert_int_equal(prepare(&plenty), DX_OK);
    assert_int_equal(edit(&plenty), DX_OK);
    encode_all(&plenty, &wanted);
    bool failed = true;
    for (uint64_t at = 1; failed; at++) {
        text_case self;
        dx_buf before, after;
        text_case_init(&self, 1, DX_TEXT_UTF16);
        assert_int_equal(prepare(&self), DX_OK);
        encode_all(&self, &before);
        self.alloc.fail_at = self.alloc.calls + at;
        int error = edit(&self);
        failed = self.alloc.calls >= self.alloc.fail_at;
        self.alloc.fail_at = 0;
        assert_true(error == DX_OK || (failed && error == DX_E_NO_MEMORY));
        if (error != DX_OK) {
            encode_all(&self, &after);
            assert_true(dx_bytes_equal(dx_buf_view(&after), dx_buf_view(&before)));
            dx_buf_deinit(&after);
            assert_int_equal(edit(&self), DX_OK);
        }
        encode_all(&self, &after);
        assert_true(dx_bytes_equal(dx_buf_view(&after), dx_buf_view(&wanted)));
        dx_buf_deinit(&after);
        dx_buf_deinit(&before);
        text_case_deinit(&self);
        assert_true(at < 1000);
    }
    dx_buf_deinit(&wanted);
    text_case_deinit(&plenty);
}

#endif
