/* fuzz_text_document.c: updates from anybody into a document: the input is a run of updates, each with its form and its length before it.
 * Checks: after each one the document is whole (text_invariants.h), refused ones change nothing; what it says as an update, in either
 * form, another document takes, which then says the same of states and deletes. (Not where something waits: that may say other things
 * under the same ids, and which of them comes first is then another one.) */
#include "fuzz.h"
#include "text_invariants.h"

#include <dxos/text_history.h>

enum { ENCODED_MAX = 1 << 26 };

static dx_text_doc *new_document(void) {
    dx_text_doc *doc = NULL;
    dx_text_options options = {.client = 1, .max_bytes = (size_t)1 << 28};
    FUZZ_CHECK(dx_text_create(&fuzz_alloc, &options, &doc) == DX_OK);
    return doc;
}

static dx_buf encoded(const dx_text_doc *doc, dx_text_form form) {
    dx_buf out;
    dx_buf_init(&out, &fuzz_alloc, ENCODED_MAX);
    FUZZ_CHECK(dx_text_encode(doc, form, dx_bytes_of(NULL, 0), &out) == DX_OK);
    return out;
}

static dx_buf snapshot(const dx_text_doc *doc) {
    dx_buf out;
    dx_buf_init(&out, &fuzz_alloc, ENCODED_MAX);
    FUZZ_CHECK(dx_text_snapshot(doc, DX_TEXT_V1, &out) == DX_OK);
    return out;
}

static void check_whole(const dx_text_doc *doc) {
    const char *wrong = text_invariants(doc);
    if (wrong != NULL) {
        fprintf(stderr, "%s\n", wrong);
    }
    FUZZ_CHECK(wrong == NULL);
}

static dx_text_doc *loaded(const dx_text_doc *doc, dx_text_form form) {
    dx_buf whole = encoded(doc, form);
    dx_text_doc *other = new_document();
    FUZZ_CHECK(dx_text_apply(other, form, dx_buf_view(&whole)) == DX_OK);
    check_whole(other);
    dx_buf_deinit(&whole);
    return other;
}

static void check_says_the_same(const dx_text_doc *doc) {
    dx_text_doc *first = loaded(doc, DX_TEXT_V1), *second = loaded(doc, DX_TEXT_V2);
    dx_buf own = snapshot(doc), other = snapshot(first), third = snapshot(second);
    bool waits = dx_text_pending(doc);
    FUZZ_CHECK(waits || dx_bytes_equal(dx_buf_view(&own), dx_buf_view(&other)));
    FUZZ_CHECK(waits || dx_bytes_equal(dx_buf_view(&own), dx_buf_view(&third)));
    dx_buf_deinit(&own);
    dx_buf_deinit(&other);
    dx_buf_deinit(&third);
    dx_text_destroy(first);
    dx_text_destroy(second);
}

static void follow(void *ctx, const dx_text_event *event) {
    (void)ctx, (void)event;
}

/* A document that somebody follows is made struct by struct, and is the one that is loaded at once. */
static void check_at_once(dx_text_form form, dx_bytes update) {
    dx_text_doc *quick = new_document(), *slow = new_document();
    FUZZ_CHECK(dx_text_observe(slow, follow, NULL) == DX_OK);
    int error = dx_text_apply(quick, form, update);
    FUZZ_CHECK(dx_text_apply(slow, form, update) == error);
    check_whole(quick);
    dx_buf is = encoded(quick, DX_TEXT_V1), wanted = encoded(slow, DX_TEXT_V1);
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&is), dx_buf_view(&wanted)));
    dx_buf_deinit(&is);
    dx_buf_deinit(&wanted);
    dx_text_destroy(quick);
    dx_text_destroy(slow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    dx_text_doc *doc = new_document();
    while (input.left != 0) {
        dx_text_form form = fuzz_byte(&input) & 1 ? DX_TEXT_V2 : DX_TEXT_V1;
        size_t length = fuzz_byte(&input);
        dx_bytes update = fuzz_bytes(&input, length == 0 ? input.left : length);
        check_at_once(form, update);
        dx_buf before = snapshot(doc);
        int error = dx_text_apply(doc, form, update);
        check_whole(doc);
        if (error != DX_OK) {
            dx_buf after = snapshot(doc);
            FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&before), dx_buf_view(&after)));
            dx_buf_deinit(&after);
        }
        dx_buf_deinit(&before);
    }
    check_says_the_same(doc);
    dx_text_destroy(doc);
    return 0;
}
