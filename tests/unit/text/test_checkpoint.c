/* A document at rest: everything its update says, byte for byte, and its characters alone. Random histories with a checkpoint between any
 * two steps; damaged ones; every allocation fails once. Of text/checkpoint_save.c, text/checkpoint_open.c, text/skeleton.c. */
#include "histories.h"
#include "text_invariants.h"

#include "text/checkpoint.h"
#include "text/skeleton.h"

enum { HISTORIES = 150, STEPS = 40 };

static dx_buf saved(test_alloc *alloc, const dx_text_doc *doc) {
    dx_buf out = buffer(alloc);
    assert_int_equal(dx_text_save(doc, &out), DX_OK);
    return out;
}

static dx_text_doc *opened(test_alloc *alloc, dx_bytes checkpoint, uint64_t client, bool keep_deleted) {
    dx_text_doc *doc = NULL;
    const dx_text_options options = {.client = client, .keep_deleted = keep_deleted};
    assert_int_equal(dx_text_open(&alloc->port, &options, checkpoint, &doc), DX_OK);
    const char *wrong = text_invariants(doc);
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
    return doc;
}

static dx_text_doc *loaded(test_alloc *alloc, const dx_text_doc *doc, uint64_t client, bool keep_deleted) {
    dx_buf whole = encoded(alloc, doc, DX_TEXT_V2);
    dx_text_doc *other = new_document(alloc, client, keep_deleted);
    assert_int_equal(dx_text_apply(other, DX_TEXT_V2, dx_buf_view(&whole)), DX_OK);
    dx_buf_deinit(&whole);
    return other;
}

static void assert_same_update(test_alloc *alloc, const dx_text_doc *a, const dx_text_doc *b) {
    dx_buf first = encoded(alloc, a, DX_TEXT_V2), second = encoded(alloc, b, DX_TEXT_V2);
    assert_bytes_equal(dx_buf_view(&first), dx_buf_view(&second));
    dx_buf_deinit(&first);
    dx_buf_deinit(&second);
}

/* Whether nothing but characters shows. */
static bool is_plain(const dx_text_doc *doc, dx_text_type type) {
    bool plain = true;
    dx_text_ref ref = dx_text_list_first(doc->sequence, doc->types.rows[type].list);
    for (; ref != 0; ref = dx_text_item_next(doc->sequence, ref)) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        plain = plain && ((item->flags & DX_ITEM_DELETED) != 0 || item->ref == DX_TEXT_STRING);
    }
    return plain;
}

static void check_text(test_alloc *alloc, dx_text_doc *doc, dx_bytes checkpoint, const char *name) {
    dx_buf alone = buffer(alloc), shown = buffer(alloc);
    bool plain;
    dx_text_type type;
    assert_int_equal(dx_text_checkpoint_text(&alloc->port, checkpoint, name, &alone, &plain), DX_OK);
    assert_int_equal(dx_text_root(doc, name, DX_TEXT_KIND_TEXT, &type), DX_OK);
    if (checkpoint.data[0] == 1) {
        assert_int_equal(dx_text_read(doc, type, &shown), DX_OK);
        assert_bytes_equal(dx_buf_view(&alone), dx_buf_view(&shown));
        assert_int_equal(plain, is_plain(doc, type));
    } else {
        assert_false(plain);
    }
    dx_buf_deinit(&alone);
    dx_buf_deinit(&shown);
}

/* The update it was made of, to the byte; and a document like one that was loaded from that. */
static dx_text_doc *check_checkpoint(test_alloc *alloc, dx_text_doc *doc, uint64_t client,
                                     bool keep_deleted) {
    dx_buf checkpoint = saved(alloc, doc), update = buffer(alloc), whole = encoded(alloc, doc, DX_TEXT_V2);
    assert_int_equal(dx_text_checkpoint_update(&alloc->port, dx_buf_view(&checkpoint), &update), DX_OK);
    assert_bytes_equal(dx_buf_view(&update), dx_buf_view(&whole));
    dx_text_doc *again = opened(alloc, dx_buf_view(&checkpoint), client, keep_deleted);
    dx_text_doc *plain = loaded(alloc, doc, client, keep_deleted);
    assert_same_update(alloc, again, plain);
    check_text(alloc, again, dx_buf_view(&checkpoint), "text");
    dx_text_destroy(plain);
    dx_buf_deinit(&checkpoint);
    dx_buf_deinit(&update);
    dx_buf_deinit(&whole);
    return again;
}

/* Three replicas: one that is put to rest after every step, one that is loaded from its update then, and who hears of both. */
static void run_history(uint64_t seed, bool keep_deleted) {
    test_alloc alloc;
    test_random random;
    test_alloc_init(&alloc);
    dx_text_doc *resting = new_document(&alloc, 7, keep_deleted),
                *loading = new_document(&alloc, 7, keep_deleted),
                *other = new_document(&alloc, UINT64_C(0x1ffffffffff000) + seed, keep_deleted);
    dx_text_doc *all[] = {resting, loading, other};
    dx_text_type type;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(dx_text_root(all[i], "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    }
    test_random_init(&random, seed);
    for (int step = 0; step < STEPS; step++) {
        test_random same = random;
        dx_buf first = buffer(&alloc), second = buffer(&alloc);
        bool of_other = below(&random, 3) == 0;
        same = random;
        if (of_other) {
            assert_int_equal(dx_text_begin(other), DX_OK);
            change_anything(other, &random);
            assert_int_equal(dx_text_commit(other, DX_TEXT_V2, &first), DX_OK);
            if (first.size != 0 &&
                below(&random, 4) != 0) { /* else it comes later, with what follows it waiting till then */
                assert_int_equal(dx_text_apply(resting, DX_TEXT_V2, dx_buf_view(&first)), DX_OK);
                assert_int_equal(dx_text_apply(loading, DX_TEXT_V2, dx_buf_view(&first)), DX_OK);
            }
        } else {
            assert_int_equal(dx_text_begin(resting), DX_OK);
            change_anything(resting, &random);
            assert_int_equal(dx_text_commit(resting, DX_TEXT_V2, &first), DX_OK);
            assert_int_equal(dx_text_begin(loading), DX_OK);
            change_anything(loading, &same);
            assert_int_equal(dx_text_commit(loading, DX_TEXT_V2, &second), DX_OK);
            assert_bytes_equal(dx_buf_view(&first), dx_buf_view(&second));
            if (first.size != 0) {
                assert_int_equal(dx_text_apply(other, DX_TEXT_V2, dx_buf_view(&first)), DX_OK);
            }
        }
        dx_buf_deinit(&first);
        dx_buf_deinit(&second);
        dx_text_doc *again = check_checkpoint(&alloc, resting, 7, keep_deleted);
        dx_text_doc *fresh = loaded(&alloc, loading, 7, keep_deleted);
        dx_text_destroy(resting);
        dx_text_destroy(loading);
        resting = again;
        loading = fresh;
        assert_int_equal(dx_text_root(loading, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
        assert_same_update(&alloc, resting, loading);
    }
    dx_text_destroy(check_checkpoint(&alloc, other, 7, keep_deleted));
    dx_text_destroy(resting);
    dx_text_destroy(loading);
    dx_text_destroy(other);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_histories(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        run_history(seed, seed % 3 == 0);
    }
}

static void test_nothing(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 1, false);
    dx_text_destroy(check_checkpoint(&alloc, doc, 1, false));
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Several roots, each with its own characters; a name that nobody has. */
static void test_roots(void **state) {
    (void)state;
    static const char *const names[] = {"text", "", "other"};
    static const char *const texts[] = {"h\xc3\xa9llo", "\xf0\x9f\x98\x80 alone", "last"};
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 1, false);
    for (size_t i = 0; i < 3; i++) {
        dx_text_type type;
        assert_int_equal(dx_text_root(doc, names[i], DX_TEXT_KIND_TEXT, &type), DX_OK);
        assert_int_equal(dx_text_insert(doc, type, 0, dx_bytes_text(texts[i]), NULL), DX_OK);
        if (i == 2) {
            assert_int_equal(dx_text_format(doc, type, 0, 2, "{\"bold\":true}"), DX_OK);
        }
    }
    dx_buf checkpoint = saved(&alloc, doc), text = buffer(&alloc);
    bool plain;
    for (size_t i = 0; i < 3; i++) {
        dx_buf_clear(&text);
        assert_int_equal(
            dx_text_checkpoint_text(&alloc.port, dx_buf_view(&checkpoint), names[i], &text, &plain), DX_OK);
        assert_bytes_equal(dx_buf_view(&text), dx_bytes_text(texts[i]));
        assert_int_equal(plain, i != 2);
    }
    dx_buf_clear(&text);
    assert_int_equal(dx_text_checkpoint_text(&alloc.port, dx_buf_view(&checkpoint), "none", &text, &plain),
                     DX_OK);
    assert_int_equal(text.size, 0);
    assert_true(plain);
    dx_buf_deinit(&text);
    dx_buf_deinit(&checkpoint);
    dx_text_destroy(check_checkpoint(&alloc, doc, 1, false));
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* What waits for what is not here is kept as an update. */
static void test_waiting(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_doc *writer = new_document(&alloc, 2, false), *doc = new_document(&alloc, 1, false);
    dx_text_type type;
    dx_buf first = buffer(&alloc), second = buffer(&alloc);
    assert_int_equal(dx_text_root(writer, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    assert_int_equal(dx_text_begin(writer), DX_OK);
    assert_int_equal(dx_text_insert(writer, type, 0, dx_bytes_text("a"), NULL), DX_OK);
    assert_int_equal(dx_text_commit(writer, DX_TEXT_V2, &first), DX_OK);
    assert_int_equal(dx_text_begin(writer), DX_OK);
    assert_int_equal(dx_text_insert(writer, type, 1, dx_bytes_text("b"), NULL), DX_OK);
    assert_int_equal(dx_text_commit(writer, DX_TEXT_V2, &second), DX_OK);
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V2, dx_buf_view(&second)), DX_OK);
    assert_true(dx_text_pending(doc));
    dx_text_doc *again = check_checkpoint(&alloc, doc, 1, false);
    assert_true(dx_text_pending(again));
    assert_int_equal(dx_text_apply(again, DX_TEXT_V2, dx_buf_view(&first)), DX_OK);
    assert_false(dx_text_pending(again));
    dx_text_destroy(again);
    dx_text_destroy(doc);
    dx_text_destroy(writer);
    dx_buf_deinit(&first);
    dx_buf_deinit(&second);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A pair of surrogates between whose halves somebody wrote. */
static void test_halves(void **state) {
    (void)state;
    static const dx_text_struct structs[] = {
        {.id = {5, 0},
         .length = 1,
         .ref = DX_TEXT_STRING,
         .parent = DX_TEXT_PARENT_ROOT,
         .parent_name = {(const uint8_t *)"text", 4},
         .content = {(const uint8_t *)"\xed\xa0\xbd", 3}},
        {.id = {5, 1},
         .length = 1,
         .ref = DX_TEXT_STRING,
         .has_origin = true,
         .origin = {5, 0},
         .content = {(const uint8_t *)"\xed\xb8\x80", 3}},
        {.id = {3, 0},
         .length = 1,
         .ref = DX_TEXT_STRING,
         .has_origin = true,
         .origin = {5, 0},
         .has_right = true,
         .right = {5, 1},
         .content = {(const uint8_t *)"x", 1}},
    };
    test_alloc alloc;
    dx_text_writer writer;
    test_alloc_init(&alloc);
    dx_buf update = buffer(&alloc);
    dx_text_writer_init(&writer, &alloc.port);
    dx_text_writer_begin(&writer, DX_TEXT_V2, &update);
    dx_text_writer_section(&writer, 5, 0);
    dx_text_writer_struct(&writer, &structs[0], 0);
    dx_text_writer_struct(&writer, &structs[1], 0);
    dx_text_writer_section(&writer, 3, 0);
    dx_text_writer_struct(&writer, &structs[2], 0);
    assert_int_equal(dx_text_writer_finish(&writer, NULL), DX_OK);
    dx_text_writer_deinit(&writer);
    dx_text_doc *doc = new_document(&alloc, 1, false);
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V2, dx_buf_view(&update)), DX_OK);
    dx_buf checkpoint = saved(&alloc, doc);
    assert_int_equal(checkpoint.data[0], 2);
    dx_text_destroy(check_checkpoint(&alloc, doc, 1, false));
    dx_buf_deinit(&checkpoint);
    dx_buf_deinit(&update);
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* What was written back and forth, so that nothing merges, costs little more than a bit or two for each item. */
static void test_small(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 1, false);
    dx_text_type type;
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    for (uint64_t i = 0; i < 5000; i++) {
        assert_int_equal(dx_text_insert(doc, type, i / 2, dx_bytes_text("x"), NULL), DX_OK);
    }
    dx_buf checkpoint = saved(&alloc, doc);
    print_message("%zu items, %zu bytes\n", doc->items, checkpoint.size);
    assert_true(doc->items > 1000);
    assert_true(checkpoint.size < 3000);
    dx_buf_deinit(&checkpoint);
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A checkpoint whose characters are other ones than its skeleton makes of them is damaged, though each part is whole. */
static void test_order_is_checked(void **state) {
    (void)state;
    test_alloc alloc;
    dx_text_type type;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 5, false), *other = NULL;
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    assert_int_equal(dx_text_insert(doc, type, 0, dx_bytes_text("ab"), NULL), DX_OK);
    assert_int_equal(dx_text_insert(doc, type, 1, dx_bytes_text("c"), NULL), DX_OK);
    dx_text_skeleton skeleton;
    dx_range_coder coder;
    dx_text_checkpoint parts;
    dx_buf checkpoint = saved(&alloc, doc), changed = buffer(&alloc), coded = buffer(&alloc);
    assert_int_equal(dx_text_checkpoint_parse(dx_buf_view(&checkpoint), &parts), DX_OK);
    dx_text_skeleton_init(&skeleton, &alloc.port);
    dx_range_read(&coder, parts.skeleton);
    assert_int_equal(dx_text_skeleton_code(&skeleton, &coder, 100), DX_OK);
    assert_int_equal(skeleton.order_count, 3);
    uint32_t last = skeleton.order[2]; /* a b c, while c's origins say: between */
    skeleton.order[2] = skeleton.order[1];
    skeleton.order[1] = last;
    dx_range_write(&coder, &coded);
    assert_int_equal(dx_text_skeleton_code(&skeleton, &coder, 100), DX_OK);
    dx_range_finish(&coder);
    dx_buf_append(&changed, checkpoint.data, checkpoint.size - parts.skeleton.size - 1);
    dx_lib0_write_bytes(&changed, dx_buf_view(&coded));
    const dx_text_options options = {.client = 9};
    assert_int_equal(dx_text_open(&alloc.port, &options, dx_buf_view(&changed), &other), DX_E_CORRUPT);
    dx_text_skeleton_deinit(&skeleton);
    dx_buf_deinit(&checkpoint);
    dx_buf_deinit(&changed);
    dx_buf_deinit(&coded);
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A document with everything in it. */
static dx_text_doc *rich_document(test_alloc *alloc, uint64_t seed) {
    test_random random;
    dx_text_doc *doc = new_document(alloc, 5, false);
    dx_text_type type;
    test_random_init(&random, seed);
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    for (int i = 0; i < 60; i++) {
        change_anything(doc, &random);
    }
    return doc;
}

static void check_damaged(test_alloc *alloc, dx_bytes damaged) {
    const dx_text_options options = {.client = 9, .max_bytes = (size_t)64 << 20};
    dx_text_doc *doc = NULL;
    dx_buf text = buffer(alloc);
    bool plain;
    int error = dx_text_open(&alloc->port, &options, damaged, &doc);
    assert_true(error == DX_OK || error == DX_E_CORRUPT || error == DX_E_LIMIT);
    if (error == DX_OK) {
        assert_null(text_invariants(doc));
        dx_text_destroy(doc);
    }
    error = dx_text_checkpoint_text(&alloc->port, damaged, "text", &text, &plain);
    assert_true(error == DX_OK || error == DX_E_CORRUPT);
    dx_buf_deinit(&text);
}

static void test_damaged(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        test_alloc alloc;
        test_alloc_init(&alloc);
        dx_text_doc *doc = rich_document(&alloc, seed);
        dx_buf checkpoint = saved(&alloc, doc);
        for (size_t i = 0; i < checkpoint.size; i++) {
            check_damaged(&alloc, dx_bytes_of(checkpoint.data, i));
            for (unsigned bit = 0; bit < 8; bit++) {
                checkpoint.data[i] ^= (uint8_t)(1u << bit);
                check_damaged(&alloc, dx_buf_view(&checkpoint));
                checkpoint.data[i] ^= (uint8_t)(1u << bit);
            }
        }
        dx_buf_append_byte(&checkpoint, 0);
        const dx_text_options options = {.client = 9};
        dx_text_doc *none = NULL;
        assert_int_equal(dx_text_open(&alloc.port, &options, dx_buf_view(&checkpoint), &none), DX_E_CORRUPT);
        dx_buf_deinit(&checkpoint);
        dx_text_destroy(doc);
        assert_int_equal(alloc.live_bytes, 0);
    }
}

static void test_memory(void **state) {
    (void)state;
    test_alloc alloc, own;
    test_alloc_init(&alloc);
    test_alloc_init(&own);
    dx_text_doc *doc = rich_document(&alloc, 3), *again = NULL;
    dx_buf calm = saved(&alloc, doc), checkpoint = buffer(&own), text = buffer(&alloc);
    const dx_text_options options = {.client = 9};
    int error = DX_E_NO_MEMORY;
    for (uint64_t fail = 1; error != DX_OK; fail++) {
        alloc.fail_at = alloc.calls + fail;
        error = dx_text_save(doc, &checkpoint);
        alloc.fail_at = 0;
        assert_true(error == DX_OK || (error == DX_E_NO_MEMORY && checkpoint.size == 0));
    }
    assert_bytes_equal(dx_buf_view(&checkpoint), dx_buf_view(&calm));
    error = DX_E_NO_MEMORY;
    for (uint64_t fail = 1; error != DX_OK; fail++) {
        alloc.fail_at = alloc.calls + fail;
        error = dx_text_open(&alloc.port, &options, dx_buf_view(&checkpoint), &again);
        alloc.fail_at = 0;
        assert_true(error == DX_OK || (error == DX_E_NO_MEMORY && again == NULL));
    }
    assert_same_update(&alloc, doc, again);
    error = DX_E_NO_MEMORY;
    for (uint64_t fail = 1; error != DX_OK; fail++) {
        bool plain;
        alloc.fail_at = alloc.calls + fail;
        error = dx_text_checkpoint_text(&alloc.port, dx_buf_view(&checkpoint), "text", &text, &plain);
        alloc.fail_at = 0;
        assert_true(error == DX_OK || (error == DX_E_NO_MEMORY && text.size == 0));
        dx_buf_deinit(&text);
        text = buffer(&alloc);
    }
    dx_text_destroy(again);
    dx_text_destroy(doc);
    dx_buf_deinit(&calm);
    dx_buf_deinit(&checkpoint);
    dx_buf_deinit(&text);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_arguments(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 1, false), *other = NULL;
    const dx_text_options options = {.client = 9};
    dx_buf out = buffer(&alloc);
    bool plain;
    assert_int_equal(dx_text_begin(doc), DX_OK);
    assert_int_equal(dx_text_save(doc, &out), DX_E_STATE);
    assert_int_equal(dx_text_commit(doc, DX_TEXT_V1, NULL), DX_OK);
    assert_int_equal(dx_text_save(doc, NULL), DX_E_INVALID);
    assert_int_equal(dx_text_save(NULL, &out), DX_E_INVALID);
    assert_int_equal(dx_text_open(&alloc.port, &options, dx_bytes_of(NULL, 0), &other), DX_E_CORRUPT);
    assert_int_equal(dx_text_checkpoint_text(&alloc.port, dx_bytes_of(NULL, 0), "text", &out, &plain),
                     DX_E_CORRUPT);
    assert_int_equal(dx_text_checkpoint_update(&alloc.port, dx_bytes_of(NULL, 0), &out), DX_E_CORRUPT);
    assert_int_equal(out.size, 0);
    dx_buf_deinit(&out);
    dx_text_destroy(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),          cmocka_unit_test(test_roots),
        cmocka_unit_test(test_histories),        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_halves),           cmocka_unit_test(test_small),
        cmocka_unit_test(test_order_is_checked), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_memory),           cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
