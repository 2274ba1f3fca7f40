/* text/load.c, text/load_place.c, text/draft.c: a document loaded at once is the one that is made struct by struct: the same bytes, the
 * same structure, the same under whatever is done next. (Documents that somebody follows are made struct by struct.)
 *   test_load            some thousand histories
 *   test_load N [SEED]   N histories beginning with that seed */
#include "histories.h"
#include "text/load.h"
#include "text_invariants.h"

#include <dxos/text_history.h>

enum { REPLICAS = 3, UPDATES_MAX = 96 };

typedef struct history {
    test_alloc alloc;
    test_random random;
    bool keep_deleted, nested;
    dx_text_doc *docs[REPLICAS];
    dx_text_type text[REPLICAS], list[REPLICAS];
    size_t update_count;
    dx_buf updates[UPDATES_MAX];
    bool heard[REPLICAS][UPDATES_MAX];
} history;

/* Words of all widths, and now and then a string longer than a leaf. */
static dx_bytes any_words(test_random *random, uint8_t *room) {
    static const char *const words[] = {
        "a", "bc", "\xc3\xa9t\xc3\xa9", "\xf0\x9f\x98\x80", "x\xe2\x82\xacy", "longer words"};
    enum { LONG = 1500 };
    if (below(random, 12) != 0) {
        return dx_bytes_text(words[below(random, 6)]);
    }
    const char *word = words[below(random, 6)];
    size_t size = strlen(word), at = 0;
    while (at + size <= LONG) {
        memcpy(room + at, word, size);
        at += size;
    }
    return dx_bytes_of(room, at);
}

static void edit_text(history *it, size_t replica) {
    static const char *const formats[] = {"{\"bold\":true}", "{\"bold\":null}", "{\"color\":\"red\"}"};
    uint8_t room[2048];
    dx_text_doc *doc = it->docs[replica];
    dx_text_type text = it->text[replica];
    uint32_t length = (uint32_t)dx_text_length(doc, text), at = below(&it->random, length + 1);
    int error;
    switch (below(&it->random, 8)) {
    case 0:
    case 1:
        error = dx_text_delete(doc, text, at, below(&it->random, length - at + 1) % 40);
        break;
    case 2:
        error = dx_text_format(doc, text, at, below(&it->random, length - at + 1),
                               formats[below(&it->random, 3)]);
        break;
    case 3:
        error = dx_text_insert_embed(doc, text, at, "{\"image\":1}", NULL);
        break;
    case 4:
        error = dx_text_insert(doc, text, at, any_words(&it->random, room), formats[below(&it->random, 3)]);
        break;
    default:
        error = dx_text_insert(doc, text, below(&it->random, 3) == 0 ? length : at,
                               any_words(&it->random, room), NULL);
    }
    assert_int_equal(error, DX_OK);
}

static void edit_list(history *it, size_t replica) {
    dx_text_doc *doc = it->docs[replica];
    dx_text_type list = it->list[replica];
    uint32_t length = (uint32_t)dx_text_length(doc, list), at = below(&it->random, length + 1);
    int error;
    if (below(&it->random, 3) == 0 && at != length) {
        error = dx_text_array_delete(doc, list, at, 1);
    } else {
        error = dx_text_array_insert(doc, list, at, "[1,\"two\",null]");
    }
    assert_int_equal(error, DX_OK);
}

static void edit(history *it, size_t replica) {
    assert_int_equal(dx_text_begin(it->docs[replica]), DX_OK);
    for (uint32_t left = 1 + below(&it->random, 4); left != 0; left--) {
        if (it->nested && below(&it->random, 8) == 0) {
            change_anything(it->docs[replica], &it->random);
        } else if (below(&it->random, 4) != 0) {
            edit_text(it, replica);
        } else {
            edit_list(it, replica);
        }
    }
    dx_buf *update = &it->updates[it->update_count];
    *update = buffer(&it->alloc);
    assert_int_equal(dx_text_commit(it->docs[replica], DX_TEXT_V1, update), DX_OK);
    if (update->size == 0) {
        return;
    }
    for (size_t i = 0; i < REPLICAS; i++) {
        it->heard[i][it->update_count] = i == replica;
    }
    it->update_count++;
}

static void hear(history *it, size_t replica, bool all) {
    for (size_t i = 0; i < it->update_count; i++) {
        if (!it->heard[replica][i] && (all || below(&it->random, 3) != 0)) {
            assert_int_equal(dx_text_apply(it->docs[replica], DX_TEXT_V1, dx_buf_view(&it->updates[i])),
                             DX_OK);
            it->heard[replica][i] = true;
        }
    }
}

static void make_history(history *it, uint64_t seed) {
    test_alloc_init(&it->alloc);
    test_random_init(&it->random, seed);
    it->update_count = 0;
    it->keep_deleted = below(&it->random, 4) == 0;
    it->nested = below(&it->random, 2) == 0;
    for (size_t i = 0; i < REPLICAS; i++) {
        it->docs[i] = new_document(&it->alloc, 5 + i * 7, it->keep_deleted);
        assert_int_equal(dx_text_root(it->docs[i], "text", DX_TEXT_KIND_TEXT, &it->text[i]), DX_OK);
        assert_int_equal(dx_text_root(it->docs[i], "list", DX_TEXT_KIND_ARRAY, &it->list[i]), DX_OK);
    }
    for (uint32_t steps = 4 + below(&it->random, UPDATES_MAX - 4); steps != 0; steps--) {
        size_t replica = below(&it->random, REPLICAS);
        edit(it, replica);
        if (below(&it->random, 3) == 0) {
            hear(it, below(&it->random, REPLICAS), false);
        }
    }
    hear(it, 0, true);
}

static void drop_history(history *it) {
    for (size_t i = 0; i < it->update_count; i++) {
        dx_buf_deinit(&it->updates[i]);
    }
    for (size_t i = 0; i < REPLICAS; i++) {
        dx_text_destroy(it->docs[i]);
    }
    assert_int_equal(it->alloc.live_bytes, 0);
}

/* What somebody is handed: a whole state, or everybody's updates in one. */
static dx_buf whole_of(history *it, dx_text_form form, bool merged) {
    if (!merged) {
        return encoded(&it->alloc, it->docs[0], form);
    }
    dx_buf one = buffer(&it->alloc), out = buffer(&it->alloc);
    dx_bytes views[UPDATES_MAX];
    for (size_t i = 0; i < it->update_count; i++) {
        views[i] = dx_buf_view(&it->updates[i]);
    }
    assert_int_equal(dx_text_merge_updates(&it->alloc.port, DX_TEXT_V1, views, it->update_count, &one),
                     DX_OK);
    assert_int_equal(dx_text_convert_update(&it->alloc.port, DX_TEXT_V1, form, dx_buf_view(&one), &out),
                     DX_OK);
    dx_buf_deinit(&one);
    return out;
}

static void follow(void *ctx, const dx_text_event *event) {
    (void)ctx, (void)event;
}

static void check_same(history *it, dx_text_doc *quick, dx_text_doc *slow, uint64_t seed) {
    const char *wrong = text_invariants(quick);
    wrong = wrong != NULL ? wrong : text_invariants(slow);
    if (wrong != NULL) {
        fail_msg("seed %llu: %s", (unsigned long long)seed, wrong);
    }
    for (dx_text_form form = DX_TEXT_V1; form <= DX_TEXT_V2; form++) {
        dx_buf is = encoded(&it->alloc, quick, form), wanted = encoded(&it->alloc, slow, form);
        if (!dx_bytes_equal(dx_buf_view(&is), dx_buf_view(&wanted))) {
            fail_msg("seed %llu: other bytes", (unsigned long long)seed);
        }
        dx_buf_deinit(&is);
        dx_buf_deinit(&wanted);
    }
    for (dx_text_type type = 1; type < quick->types.count; type++) {
        dx_text_type twin;
        if (quick->types.rows[type].item != 0 || quick->types.rows[type].gone) {
            continue;
        }
        dx_bytes name = dx_text_names_at(&quick->names, quick->types.rows[type].name);
        char text[16] = {0};
        memcpy(text, name.data, name.size < sizeof text ? name.size : sizeof text - 1);
        assert_int_equal(
            dx_text_root(quick, text, text[0] == 't' ? DX_TEXT_KIND_TEXT : DX_TEXT_KIND_ARRAY, &twin), DX_OK);
        assert_int_equal(
            dx_text_root(slow, text, text[0] == 't' ? DX_TEXT_KIND_TEXT : DX_TEXT_KIND_ARRAY, &twin), DX_OK);
        assert_int_equal(quick->types.rows[type].formatted, slow->types.rows[twin].formatted);
        dx_buf is = buffer(&it->alloc), wanted = buffer(&it->alloc);
        assert_int_equal(text[0] == 't' ? dx_text_delta(quick, type, &is) : dx_text_json(quick, type, &is),
                         DX_OK);
        assert_int_equal(
            text[0] == 't' ? dx_text_delta(slow, twin, &wanted) : dx_text_json(slow, twin, &wanted), DX_OK);
        assert_bytes_equal(dx_buf_view(&is), dx_buf_view(&wanted));
        dx_buf_deinit(&is);
        dx_buf_deinit(&wanted);
    }
    assert_int_equal(quick->items, slow->items);
}

/* The same on both, from here on. */
static void edit_both(history *it, dx_text_doc *quick, dx_text_doc *slow, uint64_t seed) {
    test_random twins[2];
    test_random_init(&twins[0], seed);
    test_random_init(&twins[1], seed);
    for (uint32_t steps = 0; steps < 24; steps++) {
        dx_buf said[2];
        for (size_t i = 0; i < 2; i++) {
            dx_text_doc *doc = i == 0 ? quick : slow;
            said[i] = buffer(&it->alloc);
            assert_int_equal(dx_text_begin(doc), DX_OK);
            change_anything(doc, &twins[i]);
            assert_int_equal(dx_text_commit(doc, DX_TEXT_V1, &said[i]), DX_OK);
        }
        assert_bytes_equal(dx_buf_view(&said[0]), dx_buf_view(&said[1]));
        dx_buf_deinit(&said[0]);
        dx_buf_deinit(&said[1]);
    }
}

/* Whether it was loaded at once. */
static bool load_both(history *it, uint64_t seed) {
    dx_text_form form = below(&it->random, 2) ? DX_TEXT_V1 : DX_TEXT_V2;
    dx_buf whole = whole_of(it, form, below(&it->random, 3) == 0);
    dx_text_doc *quick = new_document(&it->alloc, 99, it->keep_deleted),
                *slow = new_document(&it->alloc, 99, it->keep_deleted);
    bool taken, named = below(&it->random, 3) != 0;
    for (size_t i = 0; i < 2 && named; i++) {
        dx_text_type type;
        assert_int_equal(dx_text_root(i == 0 ? quick : slow, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
        assert_int_equal(dx_text_root(i == 0 ? quick : slow, "list", DX_TEXT_KIND_ARRAY, &type), DX_OK);
    }
    assert_int_equal(dx_text_load(quick, form, dx_buf_view(&whole), &taken), DX_OK);
    if (!taken) {
        assert_int_equal(quick->items, 0);
        assert_int_equal(quick->values.count, 1);
        assert_int_equal(dx_text_apply(quick, form, dx_buf_view(&whole)), DX_OK);
    }
    assert_int_equal(dx_text_observe(slow, follow, NULL), DX_OK);
    assert_int_equal(dx_text_apply(slow, form, dx_buf_view(&whole)), DX_OK);
    check_same(it, quick, slow, seed);
    edit_both(it, quick, slow, seed);
    check_same(it, quick, slow, seed);
    dx_text_destroy(quick);
    dx_text_destroy(slow);
    dx_buf_deinit(&whole);
    return taken;
}

static uint64_t histories = 2000, first_seed = 1;

static void test_histories(void **state) {
    (void)state;
    static history it;
    uint64_t taken = 0;
    for (uint64_t seed = first_seed; seed < first_seed + histories; seed++) {
        make_history(&it, seed);
        taken += load_both(&it, seed);
        drop_history(&it);
    }
    print_message("# %llu of %llu loaded at once\n", (unsigned long long)taken,
                  (unsigned long long)histories);
    assert_true(taken * 10 > histories * 9);
}

/* An update that is broken is refused as ever, and nothing is left of it; at whatever byte it ends. */
static void test_cut_off(void **state) {
    (void)state;
    static history it;
    make_history(&it, 3);
    for (dx_text_form form = DX_TEXT_V1; form <= DX_TEXT_V2; form++) {
        dx_buf whole = encoded(&it.alloc, it.docs[0], form);
        dx_text_doc *doc = new_document(&it.alloc, 99, false);
        for (size_t size = 0; size < whole.size; size++) {
            assert_int_equal(dx_text_apply(doc, form, dx_bytes_of(whole.data, size)), DX_E_MALFORMED);
            assert_null(text_invariants(doc));
            assert_int_equal(doc->items, 0);
        }
        assert_int_equal(dx_text_apply(doc, form, dx_buf_view(&whole)), DX_OK);
        dx_text_destroy(doc);
        dx_buf_deinit(&whole);
    }
    drop_history(&it);
}

/* Every allocation fails once; then the document is as it was, and takes the update. */
static void test_no_memory(void **state) {
    (void)state;
    static history it;
    for (uint64_t seed = 1; seed < 12; seed++) {
        make_history(&it, seed);
        for (int merged = 0; merged < 2; merged++) {
            dx_buf whole = whole_of(&it, seed % 2 == 0 ? DX_TEXT_V1 : DX_TEXT_V2, merged != 0);
            int error = DX_E_NO_MEMORY;
            for (uint64_t fail = 1; error != DX_OK; fail++) {
                test_alloc alloc;
                test_alloc_init(&alloc);
                dx_text_doc *doc = new_document(&alloc, 99, it.keep_deleted);
                alloc.fail_at = alloc.calls + fail;
                error = dx_text_apply(doc, seed % 2 == 0 ? DX_TEXT_V1 : DX_TEXT_V2, dx_buf_view(&whole));
                alloc.fail_at = 0;
                if (error != DX_OK) {
                    assert_int_equal(error, DX_E_NO_MEMORY);
                    assert_int_equal(doc->items, 0);
                    assert_int_equal(
                        dx_text_apply(doc, seed % 2 == 0 ? DX_TEXT_V1 : DX_TEXT_V2, dx_buf_view(&whole)),
                        DX_OK);
                }
                assert_null(text_invariants(doc));
                dx_text_destroy(doc);
                assert_int_equal(alloc.live_bytes, 0);
            }
            dx_buf_deinit(&whole);
        }
        drop_history(&it);
    }
}

/* What costs more than its bytes is left to the general way. */
static void test_far_walks(void **state) {
    (void)state;
    test_alloc alloc;
    dx_text_writer writer;
    test_alloc_init(&alloc);
    dx_text_writer_init(&writer, &alloc.port);
    enum { STRUCTS = 4000, LENGTH = 2000, RANGES = 30000 };
    for (int repeated = 0; repeated < 2; repeated++) {
        dx_buf update = buffer(&alloc);
        dx_text_writer_begin(&writer, DX_TEXT_V1, &update);
        dx_text_writer_section(&writer, 7, 0);
        for (uint64_t i = 0; i < STRUCTS; i++) {
            /* Each cuts the string of the other client; or stands behind the one before. */
            dx_text_struct one = {
                .id = {7, i}, .length = 1, .ref = DX_TEXT_STRING, .content = dx_bytes_text("x")};
            one.has_origin = true;
            one.origin = repeated != 0 && i != 0 ? (dx_text_id){7, i - 1} : (dx_text_id){5, i % (LENGTH - 8)};
            dx_text_writer_struct(&writer, &one, 0);
        }
        char text[LENGTH];
        memset(text, 'y', sizeof text);
        dx_text_struct string = {.id = {5, 0}, .length = LENGTH, .ref = DX_TEXT_STRING};
        string.content = dx_bytes_of(text, sizeof text);
        string.parent = DX_TEXT_PARENT_ROOT;
        string.parent_name = dx_bytes_text("text");
        dx_text_writer_section(&writer, 5, 0);
        dx_text_writer_struct(&writer, &string, 0);
        assert_int_equal(dx_text_writer_finish(&writer, NULL), DX_OK);
        if (repeated != 0) {
            update.size--; /* no deletes */
            dx_lib0_write_uint(&update, 1);
            dx_lib0_write_uint(&update, 7);
            dx_lib0_write_uint(&update, RANGES);
            for (int i = 0; i < RANGES; i++) {
                dx_lib0_write_uint(&update, 0);
                dx_lib0_write_uint(&update, STRUCTS);
            }
        }
        bool taken;
        dx_text_doc *doc = new_document(&alloc, 99, false);
        assert_int_equal(dx_text_load(doc, DX_TEXT_V1, dx_buf_view(&update), &taken), DX_OK);
        assert_false(taken);
        assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_buf_view(&update)), DX_OK);
        assert_null(text_invariants(doc));
        dx_text_destroy(doc);
        dx_buf_deinit(&update);
    }
    dx_text_writer_deinit(&writer);
    assert_int_equal(alloc.live_bytes, 0);
}

int main(int count, char **words) {
    histories = count > 1 ? strtoull(words[1], NULL, 10) : histories;
    first_seed = count > 2 ? strtoull(words[2], NULL, 10) : first_seed;
    const struct CMUnitTest tests[] = {DX_TEST(test_histories), DX_TEST(test_cut_off),
                                       DX_TEST(test_no_memory), DX_TEST(test_far_walks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
