/* tests/unit/text/documents.h: documents as tests of the engine make and compare them. */
#ifndef DX_TESTS_TEXT_DOCUMENTS_H
#define DX_TESTS_TEXT_DOCUMENTS_H

#include "fixtures.h"

#include <dxos/text.h>

static inline dx_text_doc *new_document(test_alloc *alloc, uint64_t client, bool keep_deleted) {
    dx_text_doc *doc = NULL;
    dx_text_options options = {.client = client, .keep_deleted = keep_deleted};
    assert_int_equal(dx_text_create(&alloc->port, &options, &doc), DX_OK);
    return doc;
}

static inline dx_buf encoded(test_alloc *alloc, const dx_text_doc *doc, dx_text_form form) {
    dx_buf out = buffer(alloc);
    assert_int_equal(dx_text_encode(doc, form, dx_bytes_of(NULL, 0), &out), DX_OK);
    return out;
}

static inline dx_buf state_vector_of(test_alloc *alloc, const dx_text_doc *doc) {
    dx_buf out = buffer(alloc);
    assert_int_equal(dx_text_state_vector(doc, &out), DX_OK);
    return out;
}

static inline dx_buf snapshot_of(test_alloc *alloc, const dx_text_doc *doc, dx_text_form form) {
    dx_buf out = buffer(alloc);
    assert_int_equal(dx_text_snapshot(doc, form, &out), DX_OK);
    return out;
}

static inline void apply_hex(test_alloc *alloc, dx_text_doc *doc, dx_text_form form, const char *hex) {
    dx_buf update = from_hex(alloc, hex);
    assert_int_equal(dx_text_apply(doc, form, dx_buf_view(&update)), DX_OK);
    dx_buf_deinit(&update);
}

static inline void assert_encodes(test_alloc *alloc, const dx_text_doc *doc, dx_text_form form,
                                  const char *hex) {
    dx_buf out = encoded(alloc, doc, form);
    assert_hex_equal(alloc, dx_buf_view(&out), hex);
    dx_buf_deinit(&out);
}

#endif
