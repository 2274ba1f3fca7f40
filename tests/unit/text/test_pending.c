/* tests/unit/text/test_pending.c: text/pending.c: what comes out of its order waits in few updates, each much larger than the next, and
 * nothing of it is lost. */
#include "documents.h"
#include "text/document.h"
#include "text_invariants.h"

enum { UPDATES = 600 };

static test_alloc alloc;
static dx_buf updates[UPDATES];
static char whole[UPDATES + 1];

static void make_updates(void) {
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 1, false);
    dx_text_type text;
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &text), DX_OK);
    for (size_t i = 0; i < UPDATES; i++) {
        const char letter = (char)('a' + i % 26);
        updates[i] = buffer(&alloc);
        assert_int_equal(dx_text_begin(doc), DX_OK);
        assert_int_equal(dx_text_insert(doc, text, i * 7 % (i + 1), dx_bytes_of(&letter, 1), NULL), DX_OK);
        assert_int_equal(dx_text_commit(doc, DX_TEXT_V1, &updates[i]), DX_OK);
    }
    dx_buf out = buffer(&alloc);
    assert_int_equal(dx_text_read(doc, text, &out), DX_OK);
    assert_int_equal(out.size, UPDATES);
    memcpy(whole, out.data, UPDATES);
    dx_buf_deinit(&out);
    dx_text_destroy(doc);
}

static void assert_whole(dx_text_doc *doc) {
    dx_text_type text;
    dx_buf out = buffer(&alloc);
    assert_false(dx_text_pending(doc));
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &text), DX_OK);
    assert_int_equal(dx_text_read(doc, text, &out), DX_OK);
    assert_int_equal(out.size, UPDATES);
    assert_memory_equal(out.data, whole, UPDATES);
    assert_null(text_invariants(doc));
    dx_buf_deinit(&out);
}

static void assert_few(const dx_text_doc *doc) {
    const dx_text_pending_part *pending = &doc->pending;
    assert_in_range(pending->count, 1, 8);
    for (size_t i = 1; i < pending->count; i++) {
        assert_true(pending->updates[i - 1].size / 4 >= pending->updates[i].size);
    }
}

static void end(dx_text_doc *doc) {
    dx_text_destroy(doc);
    for (size_t i = 0; i < UPDATES; i++) {
        dx_buf_deinit(&updates[i]);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

/* The last first. Half way, all that waits is told to another document, which waits for the same. */
static void test_backwards(void **state) {
    (void)state;
    make_updates();
    dx_text_doc *doc = new_document(&alloc, 2, false), *other = new_document(&alloc, 3, false);
    size_t largest = 0, written = 0;
    for (size_t i = UPDATES; i-- > 1;) {
        assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_buf_view(&updates[i])), DX_OK);
        assert_few(doc);
        written += doc->pending.updates[0].size != largest;
        largest = doc->pending.updates[0].size;
        if (i == UPDATES / 2) {
            dx_buf told = buffer(&alloc);
            assert_int_equal(dx_text_encode(doc, DX_TEXT_V2, dx_bytes_of(NULL, 0), &told), DX_OK);
            assert_int_equal(dx_text_apply(other, DX_TEXT_V2, dx_buf_view(&told)), DX_OK);
            assert_int_equal(other->pending.count, 1);
            dx_buf_deinit(&told);
        }
    }
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_buf_view(&updates[0])), DX_OK);
    assert_whole(doc);
    assert_in_range(written, 4, UPDATES / 3); /* the largest, with all that is in it */
    for (size_t i = 0; i < UPDATES / 2; i++) {
        assert_int_equal(dx_text_apply(other, DX_TEXT_V1, dx_buf_view(&updates[i])), DX_OK);
    }
    assert_whole(other);
    dx_text_destroy(other);
    end(doc);
}

/* In any order, some of them twice. */
static void test_in_disorder(void **state) {
    (void)state;
    make_updates();
    dx_text_doc *doc = new_document(&alloc, 2, false);
    for (size_t i = 0; i < UPDATES; i++) {
        size_t at = (i * 251 + 17) % UPDATES;
        assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_buf_view(&updates[at])), DX_OK);
        if (i % 5 == 0) {
            assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_buf_view(&updates[at])), DX_OK);
        }
        assert_null(text_invariants(doc));
    }
    assert_whole(doc);
    end(doc);
}

/* More updates than there is room for, could that be: all become one. */
static void test_no_room(void **state) {
    (void)state;
    dx_text_pending_part pending;
    test_alloc_init(&alloc);
    dx_text_pending_init(&pending, &alloc.port);
    pending.count = DX_TEXT_PENDING_UPDATES_MAX;
    size_t size = 1;
    for (size_t i = DX_TEXT_PENDING_UPDATES_MAX; i-- > 0; size = 4 * (size + 1)) {
        pending.updates[i].size = size;
    }
    assert_int_equal(dx_text_pending_kept(&pending, 1), DX_TEXT_PENDING_UPDATES_MAX - 1);
    pending.count--;
    assert_int_equal(dx_text_pending_kept(&pending, 1), DX_TEXT_PENDING_UPDATES_MAX - 1);
    assert_int_equal(dx_text_pending_kept(&pending, pending.updates[0].size / 3), 0);
    for (size_t i = 0; i < DX_TEXT_PENDING_UPDATES_MAX; i++) {
        pending.updates[i].size = 0;
    }
    dx_text_pending_deinit(&pending);
}

DX_TEST_MAIN(DX_TEST(test_backwards), DX_TEST(test_in_disorder), DX_TEST(test_no_room))
