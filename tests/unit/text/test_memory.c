/* Every allocation of every call of the engine fails once: an error, the document as it was, and the call succeeds when it is made again.
 * And what stands in memory's way by choice: max_bytes. */
#include <dxos/text_history.h>

#include "histories.h"
#include "text_invariants.h"

/* A history with everything in it: strings, markers, values, nested types, keys, deletes; each transaction in a form of its own. */
enum { UPDATES = 24 };

typedef struct story {
    test_alloc alloc;
    dx_buf updates[UPDATES];
    dx_text_form forms[UPDATES];
} story;

static void make_story(story *it, uint64_t seed) {
    test_random random;
    test_alloc_init(&it->alloc);
    test_random_init(&random, seed);
    dx_text_doc *docs[2] = {new_document(&it->alloc, 5, false), new_document(&it->alloc, 9, false)};
    for (size_t i = 0; i < 2; i++) {
        dx_text_type root;
        assert_int_equal(dx_text_root(docs[i], "text", DX_TEXT_KIND_TEXT, &root), DX_OK);
    }
    for (size_t i = 0; i < UPDATES; i++) {
        it->updates[i] = buffer(&it->alloc);
        it->forms[i] = i % 2 == 0 ? DX_TEXT_V1 : DX_TEXT_V2;
        assert_int_equal(dx_text_begin(docs[i % 3 == 0]), DX_OK);
        for (size_t changes = 0; changes < 4; changes++) {
            change_anything(docs[i % 3 == 0], &random);
        }
        assert_int_equal(dx_text_commit(docs[i % 3 == 0], it->forms[i], &it->updates[i]), DX_OK);
        if (it->updates[i].size != 0) {
            assert_int_equal(dx_text_apply(docs[i % 3 != 0], it->forms[i], dx_buf_view(&it->updates[i])),
                             DX_OK);
        }
    }
    dx_text_destroy(docs[1]);
    dx_text_destroy(docs[0]);
}

static void drop_story(story *it) {
    for (size_t i = 0; i < UPDATES; i++) {
        dx_buf_deinit(&it->updates[i]);
    }
    assert_int_equal(it->alloc.live_bytes, 0);
}

static void check_unchanged(test_alloc *own, const dx_text_doc *doc, dx_bytes before) {
    const char *wrong = text_invariants(doc);
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
    dx_buf after = encoded(own, doc, DX_TEXT_V1);
    assert_bytes_equal(dx_buf_view(&after), before);
    dx_buf_deinit(&after);
}

static int apply_nth(const story *it, dx_text_doc *doc, size_t at) {
    return it->updates[at].size == 0 ? DX_OK
                                     : dx_text_apply(doc, it->forms[at], dx_buf_view(&it->updates[at]));
}

/* In an order in which things wait for one another. */
static const size_t order[UPDATES] = {0,  2,  1,  5,  4,  3,  7,  6,  8,  11, 10, 9,
                                      12, 15, 14, 13, 17, 16, 20, 19, 18, 23, 22, 21};

static void test_apply(void **state) {
    (void)state;
    static story it;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        test_alloc alloc, own;
        make_story(&it, seed);
        test_alloc_init(&alloc);
        test_alloc_init(&own);
        dx_text_doc *doc = new_document(&alloc, 77, false), *calm = new_document(&own, 77, false);
        for (size_t i = 0; i < UPDATES; i++) {
            dx_buf before = encoded(&own, doc, DX_TEXT_V1);
            int error = DX_E_NO_MEMORY;
            for (uint64_t fail = 1; error != DX_OK; fail++) {
                alloc.fail_at = alloc.calls + fail;
                error = apply_nth(&it, doc, order[i]);
                alloc.fail_at = 0;
                if (error != DX_OK) {
                    assert_int_equal(error, DX_E_NO_MEMORY);
                    check_unchanged(&own, doc, dx_buf_view(&before));
                    assert_true(fail < 1000);
                }
            }
            dx_buf_deinit(&before);
            assert_int_equal(apply_nth(&it, calm, order[i]), DX_OK);
        }
        dx_buf whole = encoded(&own, calm, DX_TEXT_V1);
        check_unchanged(&own, doc, dx_buf_view(&whole));
        dx_buf_deinit(&whole);
        dx_text_destroy(calm);
        dx_text_destroy(doc);
        assert_int_equal(alloc.live_bytes, 0);
        assert_int_equal(own.live_bytes, 0);
        drop_story(&it);
    }
}

/* A call that appends bytes: on failure the buffer is as it was. */
typedef int appending(dx_text_doc *doc, dx_buf *out);

static int encode_v1(dx_text_doc *doc, dx_buf *out) {
    return dx_text_encode(doc, DX_TEXT_V1, dx_bytes_of(NULL, 0), out);
}

static int encode_v2(dx_text_doc *doc, dx_buf *out) {
    return dx_text_encode(doc, DX_TEXT_V2, dx_bytes_of(NULL, 0), out);
}

static int encode_snapshot(dx_text_doc *doc, dx_buf *out) {
    return dx_text_snapshot(doc, DX_TEXT_V2, out);
}

static int encode_states(dx_text_doc *doc, dx_buf *out) {
    return dx_text_state_vector(doc, out);
}

static int commit(dx_text_doc *doc, dx_buf *out) {
    return dx_text_commit(doc, DX_TEXT_V2, out);
}

static void check_appending(test_alloc *alloc, dx_text_doc *doc, appending *call) {
    int error = DX_E_NO_MEMORY;
    for (uint64_t fail = 1; error != DX_OK; fail++) {
        dx_buf out = buffer(alloc);
        dx_buf_append(&out, "kept", 4);
        alloc->fail_at = alloc->calls + fail;
        error = call(doc, &out);
        alloc->fail_at = 0;
        if (error != DX_OK) {
            assert_int_equal(error, DX_E_NO_MEMORY);
            assert_int_equal(out.size, 4);
            assert_true(fail < 1000);
        } else {
            assert_true(out.size > 4);
        }
        dx_buf_deinit(&out);
    }
}

static void test_encode(void **state) {
    (void)state;
    static story it;
    make_story(&it, 3);
    for (size_t all = 0; all < 2; all++) {
        test_alloc alloc;
        test_alloc_init(&alloc);
        dx_text_doc *doc = new_document(&alloc, 77, false);
        for (size_t i = 0; i < UPDATES; i++) {
            if (i != 1 || all) { /* else all that follows it waits */
                assert_int_equal(apply_nth(&it, doc, i), DX_OK);
            }
        }
        static appending *const calls[] = {encode_v1, encode_v2, encode_snapshot, encode_states};
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
            check_appending(&alloc, doc, calls[i]);
        }
        dx_text_destroy(doc);
        assert_int_equal(alloc.live_bytes, 0);
    }
    drop_story(&it);
}

/* A commit that could not be written down is still to be made. */
static void test_commit(void **state) {
    (void)state;
    test_alloc alloc;
    test_random random;
    test_alloc_init(&alloc);
    test_random_init(&random, 11);
    dx_text_doc *doc = new_document(&alloc, 5, false);
    dx_text_type root;
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &root), DX_OK);
    assert_int_equal(dx_text_begin(doc), DX_OK);
    for (size_t i = 0; i < 30; i++) {
        change_anything(doc, &random);
    }
    check_appending(&alloc, doc, commit);
    assert_int_equal(dx_text_commit(doc, DX_TEXT_V1, NULL), DX_E_STATE);
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_create_and_root(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_doc *doc = NULL;
    dx_text_options options = {.client = 5};
    for (uint64_t fail = 1; doc == NULL; fail++) {
        alloc.fail_at = alloc.calls + fail;
        int error = dx_text_create(&alloc.port, &options, &doc);
        assert_int_equal(error, doc == NULL ? DX_E_NO_MEMORY : DX_OK);
        assert_true(doc != NULL || alloc.live_bytes == 0);
        assert_true(fail < 100);
    }
    dx_text_type root = 0;
    for (uint64_t fail = 1; root == 0; fail++) {
        alloc.fail_at = alloc.calls + fail;
        int error = dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &root);
        assert_int_equal(error, root == 0 ? DX_E_NO_MEMORY : DX_OK);
        assert_true(fail < 100);
    }
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A document with a limit of its own says so, and stays usable. */
static void test_max_bytes(void **state) {
    (void)state;
    static story it;
    make_story(&it, 4);
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_doc *doc = NULL;
    dx_text_options options = {.client = 5, .max_bytes = 1};
    assert_int_equal(dx_text_create(&alloc.port, &options, &doc), DX_E_LIMIT);
    size_t limits = 0;
    for (options.max_bytes = 4096; options.max_bytes < 65536; options.max_bytes += 1024) {
        if (dx_text_create(&alloc.port, &options, &doc) != DX_OK) {
            continue;
        }
        for (size_t i = 0; i < UPDATES; i++) {
            int error = apply_nth(&it, doc, i);
            assert_true(error == DX_OK || error == DX_E_LIMIT);
            limits += error == DX_E_LIMIT;
            assert_true(alloc.live_bytes <= options.max_bytes);
        }
        assert_null(text_invariants(doc));
        dx_text_destroy(doc);
    }
    assert_true(limits > 0);
    assert_int_equal(alloc.live_bytes, 0);
    drop_story(&it);
}

/* What holds types is deleted in a large document: that takes memory for what goes, and not for all that is there. Here, by an update,
 * by another entry of its key, and taken back. */
static void test_deleting_types_takes_little(void **state) {
    (void)state;
    enum { MAPS = 30000, ROOM = 192 * 1024 };
    test_alloc mine, theirs;
    test_alloc_init(&mine);
    test_alloc_init(&theirs);
    dx_text_doc *doc = new_document(&mine, 1, false), *other = new_document(&theirs, 2, false);
    dx_text_undo_manager *undo;
    dx_text_type list, map, child;
    dx_buf update = buffer(&mine);
    assert_int_equal(dx_text_root(doc, "list", DX_TEXT_KIND_ARRAY, &list), DX_OK);
    assert_int_equal(dx_text_root(doc, "map", DX_TEXT_KIND_MAP, &map), DX_OK);
    assert_int_equal(dx_text_begin(doc), DX_OK);
    for (uint64_t i = 0; i < MAPS; i++) {
        assert_int_equal(dx_text_array_insert_type(doc, list, i, DX_TEXT_KIND_MAP, NULL, &child), DX_OK);
        assert_int_equal(dx_text_map_set(doc, child, "key", "[1]"), DX_OK);
    }
    assert_int_equal(dx_text_commit(doc, DX_TEXT_V1, &update), DX_OK);
    assert_int_equal(dx_text_apply(other, DX_TEXT_V1, dx_buf_view(&update)), DX_OK);
    dx_buf_clear(&update);
    assert_int_equal(dx_text_begin(doc), DX_OK); /* now tables have room */
    assert_int_equal(dx_text_map_set_type(doc, map, "entry", DX_TEXT_KIND_ARRAY, NULL, &child), DX_OK);
    assert_int_equal(dx_text_array_insert(doc, child, 0, "[1, 2, 3]"), DX_OK);
    assert_int_equal(dx_text_commit(doc, DX_TEXT_V1, &update), DX_OK);
    assert_int_equal(dx_text_apply(other, DX_TEXT_V1, dx_buf_view(&update)), DX_OK);
    assert_int_equal(dx_text_undo_create(doc, &(dx_text_undo_options){.window = 0}, &undo), DX_OK);
    mine.limit_bytes = mine.live_bytes + ROOM;
    theirs.limit_bytes = theirs.live_bytes + ROOM;
    for (int way = 0; way < 2; way++) {
        dx_buf_clear(&update);
        assert_int_equal(dx_text_begin(doc), DX_OK);
        assert_int_equal(way == 0 ? dx_text_array_delete(doc, list, 7, 2)
                                  : dx_text_map_set(doc, map, "entry", "1"),
                         DX_OK);
        assert_int_equal(dx_text_commit(doc, DX_TEXT_V1, &update), DX_OK);
        assert_int_equal(dx_text_apply(other, DX_TEXT_V1, dx_buf_view(&update)), DX_OK);
    }
    bool done;
    for (int steps = 0; steps < 2; steps++) {
        assert_int_equal(dx_text_undo(undo, &done), DX_OK);
        assert_true(done);
    }
    const char *wrong = text_invariants(doc);
    assert_null(wrong);
    dx_text_undo_destroy(undo);
    dx_buf_deinit(&update);
    dx_text_destroy(doc);
    dx_text_destroy(other);
    assert_int_equal(mine.live_bytes + theirs.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_deleting_types_takes_little), DX_TEST(test_apply), DX_TEST(test_encode),
             DX_TEST(test_commit), DX_TEST(test_create_and_root), DX_TEST(test_max_bytes))
