/* fuzz_text_checkpoint.c: any bytes as a text at rest.
 *
 * Properties: it is refused as damaged, or it opens as a whole document that shows what it shows alone and is, saved again, the same; an
 * update of which a document can be made is what that document's checkpoint says, to the byte. */
#include "fuzz.h"
#include "text_invariants.h"

enum { HELD_MAX = 1 << 26 };

static const dx_text_options options = {.client = 1, .max_bytes = HELD_MAX};

static dx_buf new_buffer(void) {
    dx_buf out;
    dx_buf_init(&out, &fuzz_alloc, HELD_MAX);
    return out;
}

static dx_buf encoded(const dx_text_doc *doc) {
    dx_buf out = new_buffer();
    FUZZ_CHECK(dx_text_encode(doc, DX_TEXT_V2, dx_bytes_of(NULL, 0), &out) == DX_OK);
    return out;
}

static void check_equal(dx_buf *a, dx_buf *b) {
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(a), dx_buf_view(b)));
    dx_buf_deinit(a);
    dx_buf_deinit(b);
}

/* What is said of a document at rest is what the document says. */
static void check_saved(const dx_text_doc *doc) {
    dx_buf checkpoint = new_buffer(), update = new_buffer(), whole = encoded(doc);
    int error = dx_text_save(doc, &checkpoint);
    FUZZ_CHECK(error == DX_OK || error == DX_E_LIMIT);
    if (error == DX_OK) {
        FUZZ_CHECK(dx_text_checkpoint_update(&fuzz_alloc, dx_buf_view(&checkpoint), &update) == DX_OK);
        check_equal(&update, &whole);
    }
    dx_buf_deinit(&whole);
    dx_buf_deinit(&checkpoint);
}

static void check_text(dx_text_doc *doc, dx_bytes checkpoint) {
    dx_buf alone = new_buffer(), shown = new_buffer();
    dx_text_type type;
    bool plain;
    FUZZ_CHECK(dx_text_checkpoint_text(&fuzz_alloc, checkpoint, "text", &alone, &plain) == DX_OK);
    FUZZ_CHECK(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &type) == DX_OK);
    FUZZ_CHECK(dx_text_read(doc, type, &shown) == DX_OK);
    FUZZ_CHECK(!plain || dx_bytes_equal(dx_buf_view(&alone), dx_buf_view(&shown)));
    dx_buf_deinit(&alone);
    dx_buf_deinit(&shown);
}

static void check_checkpoint(dx_bytes bytes) {
    dx_text_doc *doc = NULL;
    int error = dx_text_open(&fuzz_alloc, &options, bytes, &doc);
    FUZZ_CHECK(error == DX_OK || error == DX_E_CORRUPT || error == DX_E_LIMIT);
    if (error == DX_OK) {
        FUZZ_CHECK(text_invariants(doc) == NULL);
        check_saved(doc);
        check_text(doc, bytes);
        dx_text_destroy(doc);
    } else {
        dx_buf alone = new_buffer();
        bool plain;
        error = dx_text_checkpoint_text(&fuzz_alloc, bytes, "text", &alone, &plain);
        FUZZ_CHECK(error == DX_OK || ((error == DX_E_CORRUPT || error == DX_E_LIMIT) && alone.size == 0));
        dx_buf_deinit(&alone);
    }
}

static void check_update(dx_bytes update) {
    dx_text_doc *doc = NULL;
    FUZZ_CHECK(dx_text_create(&fuzz_alloc, &options, &doc) == DX_OK);
    if (dx_text_apply(doc, DX_TEXT_V2, update) == DX_OK) {
        check_saved(doc);
    }
    dx_text_destroy(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_bytes bytes = dx_bytes_of(data, size);
    if (size != 0 && data[0] == 0) {
        check_update(bytes);
    } else {
        check_checkpoint(bytes);
    }
    return 0;
}
