/* tests/unit/text/test_text_undo.c: undo and redo per author (text/undo.c, text/undo_step.c, text/redone.c). */
#include "desk.h"

static dx_text_undo_manager *manage(desk *it, const dx_text_undo_options *options) {
    dx_text_undo_manager *manager;
    assert_int_equal(dx_text_undo_create(it->doc, options, &manager), DX_OK);
    return manager;
}

static void undo(dx_text_undo_manager *manager, bool wanted) {
    bool done;
    assert_int_equal(dx_text_undo(manager, &done), DX_OK);
    assert_int_equal(done, wanted);
}

static void redo(dx_text_undo_manager *manager, bool wanted) {
    bool done;
    assert_int_equal(dx_text_redo(manager, &done), DX_OK);
    assert_int_equal(done, wanted);
}

static void format(desk *it, uint64_t index, uint64_t length, const char *attributes) {
    assert_int_equal(dx_text_format(it->doc, it->text, index, length, attributes), DX_OK);
}

static const dx_text_undo_options each_edit = {.window = 0};

static void test_steps(void **state) {
    (void)state;
    desk it;
    desk_open(&it, 1);
    dx_text_undo_manager *manager = manage(&it, &each_edit);
    undo(manager, false);
    type_in(&it, 0, "hello");
    type_in(&it, 5, " world");
    rub_out(&it, 0, 6);
    assert_int_equal(dx_text_undo_steps(manager), 3);
    undo(manager, true);
    assert_reads(&it, "hello world");
    undo(manager, true);
    assert_reads(&it, "hello");
    redo(manager, true);
    redo(manager, true);
    assert_reads(&it, "world");
    redo(manager, false);
    undo(manager, true);
    undo(manager, true);
    undo(manager, true);
    assert_reads(&it, "");
    undo(manager, false);
    for (int i = 0; i < 3; i++) {
        redo(manager, true);
    }
    assert_reads(&it, "world");
    undo(manager, true);
    type_in(&it, 0, "!");
    assert_int_equal(dx_text_redo_steps(manager), 0);
    redo(manager, false);
    assert_reads(&it, "!hello world");
    desk_close(&it);
}

static void test_window(void **state) {
    (void)state;
    desk it;
    desk_open(&it, 1);
    dx_text_undo_manager *manager = manage(&it, &(dx_text_undo_options){.window = 500});
    static const uint64_t times[] = {1000, 1400, 1800, 2300, 2400};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        dx_text_undo_time(manager, times[i]);
        type_in(&it, i, &"abcde"[4 - i]);
        rub_out(&it, i + 1, i); /* one letter stays */
    }
    assert_reads(&it, "edcba");
    assert_int_equal(dx_text_undo_steps(manager), 2);
    undo(manager, true);
    assert_reads(&it, "edc");
    undo(manager, true);
    assert_reads(&it, "");
    redo(manager, true);
    redo(manager, true);
    assert_reads(&it, "edcba");
    dx_text_undo_stop(manager);
    type_in(&it, 5, "!");
    undo(manager, true);
    assert_reads(&it, "edcba");
    desk_close(&it);
}

/* Deleted letter by letter from the end: one step, whatever the order. */
static void test_backspace(void **state) {
    (void)state;
    desk it;
    desk_open(&it, 1);
    type_in(&it, 0, "abcdef");
    dx_text_undo_manager *manager = manage(&it, &(dx_text_undo_options){.window = 500});
    for (uint64_t at = 6; at-- > 2;) {
        rub_out(&it, at, 1);
    }
    undo(manager, true);
    assert_reads(&it, "abcdef");
    redo(manager, true);
    assert_reads(&it, "ab");
    desk_close(&it);
}

static void test_authors(void **state) {
    (void)state;
    desk a, b;
    desk_open(&a, 1);
    desk_open(&b, 2);
    dx_text_undo_manager *manager = manage(&a, &each_edit);
    type_in(&a, 0, "one two three");
    exchange(&a, &b);
    rub_out(&a, 4, 4);
    type_in(&b, 6, "XY");
    type_in(&b, 0, ">");
    exchange(&a, &b);
    assert_reads(&a, ">one XYthree");
    undo(manager, true);
    exchange(&a, &b);
    assert_reads(&a, ">one twXYo three");
    assert_reads(&b, ">one twXYo three");
    undo(manager, true);
    exchange(&a, &b);
    assert_reads(&a, ">XY");
    assert_reads(&b, ">XY");
    redo(manager, true);
    redo(manager, true);
    exchange(&a, &b);
    assert_reads(&a, ">one XYthree");
    assert_reads(&b, ">one XYthree");
    desk_close(&a);
    desk_close(&b);
}

static void test_origins(void **state) {
    (void)state;
    desk it;
    desk_open(&it, 1);
    const uint64_t mine = 7;
    dx_text_type other;
    assert_int_equal(dx_text_root(it.doc, "o", DX_TEXT_KIND_TEXT, &other), DX_OK);
    dx_text_undo_manager *manager = manage(&it, &(dx_text_undo_options){.origins = &mine, .origin_count = 1});
    dx_text_undo_manager *of_type = manage(&it, &(dx_text_undo_options){.types = &other, .type_count = 1});
    type_in(&it, 0, "untracked ");
    assert_int_equal(dx_text_set_origin(it.doc, 7), DX_OK);
    type_in(&it, 10, "mine");
    assert_int_equal(dx_text_set_origin(it.doc, 8), DX_OK);
    type_in(&it, 14, " theirs");
    assert_int_equal(dx_text_insert(it.doc, other, 0, dx_bytes_text("elsewhere"), NULL), DX_OK);
    assert_int_equal(dx_text_undo_steps(manager), 1);
    assert_int_equal(dx_text_undo_steps(of_type), 1);
    undo(manager, true);
    assert_reads(&it, "untracked  theirs");
    assert_int_equal(dx_text_undo_steps(of_type), 1);
    undo(of_type, true);
    assert_int_equal(dx_text_length(it.doc, other), 0);
    redo(manager, true);
    assert_reads(&it, "untracked mine theirs");
    assert_int_equal(dx_text_begin(it.doc), DX_OK);
    assert_int_equal(dx_text_set_origin(it.doc, 7), DX_E_STATE);
    type_in(&it, 0, "x");
    bool done;
    assert_int_equal(dx_text_undo(manager, &done), DX_E_STATE);
    assert_int_equal(dx_text_commit(it.doc, DX_TEXT_V1, NULL), DX_OK);
    desk_close(&it);
}

/* The transaction's update is told as any other's. */
static void test_update(void **state) {
    (void)state;
    desk a, b;
    bool done;
    desk_open(&a, 1);
    desk_open(&b, 2);
    dx_text_undo_manager *manager = manage(&a, &each_edit);
    type_in(&a, 0, "abc");
    rub_out(&a, 1, 1);
    exchange(&a, &b);
    dx_buf update = buffer(&a.alloc);
    assert_int_equal(dx_text_begin(a.doc), DX_OK);
    assert_int_equal(dx_text_undo(manager, &done), DX_OK);
    assert_true(done);
    assert_int_equal(dx_text_commit(a.doc, DX_TEXT_V1, &update), DX_OK);
    assert_int_equal(dx_text_apply(b.doc, DX_TEXT_V1, dx_buf_view(&update)), DX_OK);
    assert_reads(&b, "abc");
    dx_buf_deinit(&update);
    desk_close(&a);
    desk_close(&b);
}

static void test_formatting(void **state) {
    (void)state;
    desk a, b;
    desk_open(&a, 1);
    desk_open(&b, 2);
    type_in(&a, 0, "attack ships on fire off");
    dx_text_undo_manager *manager = manage(&a, &each_edit);
    format(&a, 13, 7, "{\"bold\":true}");
    exchange(&a, &b);
    format(&a, 16, 4, "{\"bold\":null}");
    exchange(&a, &b);
    undo(manager, true);
    exchange(&a, &b);
    static const char whole[] = "[{\"insert\":\"attack ships \"},{\"insert\":\"on "
                                "fire\",\"attributes\":{\"bold\":true}},{\"insert\":\" off\"}]";
    assert_delta(&a, whole);
    assert_delta(&b, whole);
    redo(manager, true);
    undo(manager, true);
    exchange(&a, &b);
    assert_delta(&a, whole);
    assert_delta(&b, whole);
    undo(manager, true);
    exchange(&a, &b);
    assert_delta(&b, "[{\"insert\":\"attack ships on fire off\"}]");
    desk_close(&a);
    desk_close(&b);
}

/* Deleted text of a value that is an object comes back with its formatting, which ends where it ended. */
static void test_object_values(void **state) {
    (void)state;
    desk it;
    desk_open(&it, 1);
    type_in(&it, 0, "one two three");
    format(&it, 4, 3, "{\"link\":{\"href\":\"x\"}}");
    dx_text_undo_manager *manager = manage(&it, &each_edit);
    rub_out(&it, 4, 4);
    assert_delta(&it, "[{\"insert\":\"one three\"}]");
    undo(manager, true);
    assert_delta(&it,
                 "[{\"insert\":\"one \"},{\"insert\":\"two\",\"attributes\":{\"link\":{\"href\":\"x\"}}},"
                 "{\"insert\":\" three\"}]");
    desk_close(&it);
}

static void assert_json(desk *it, dx_text_type type, const char *wanted) {
    dx_buf json = buffer(&it->alloc);
    assert_int_equal(dx_text_json(it->doc, type, &json), DX_OK);
    assert_buf_text(&json, wanted);
}

static void set(desk *it, dx_text_type map, const char *key, const char *value) {
    assert_int_equal(dx_text_map_set(it->doc, map, key, value), DX_OK);
}

static void test_maps(void **state) {
    (void)state;
    desk a, b;
    dx_text_type map, theirs;
    desk_open(&a, 1);
    desk_open(&b, 2);
    assert_int_equal(dx_text_root(a.doc, "m", DX_TEXT_KIND_MAP, &map), DX_OK);
    assert_int_equal(dx_text_root(b.doc, "m", DX_TEXT_KIND_MAP, &theirs), DX_OK);
    dx_text_undo_manager *manager = manage(&a, &each_edit);
    set(&a, map, "k", "1");
    set(&a, map, "k", "2");
    set(&a, map, "k", "3");
    undo(manager, true);
    assert_json(&a, map, "{\"k\":2}");
    undo(manager, true);
    assert_json(&a, map, "{\"k\":1}");
    redo(manager, true);
    redo(manager, true);
    assert_json(&a, map, "{\"k\":3}");
    undo(manager, true);
    undo(manager, true);
    undo(manager, true);
    assert_json(&a, map, "{}");
    redo(manager, true);
    set(&a, map, "k", "4");
    exchange(&a, &b);
    set(&b, theirs, "k", "9");
    exchange(&a, &b);
    undo(manager, false); /* nothing of the last step is left, nor of the one before */
    assert_json(&a, map, "{\"k\":9}");
    desk_close(&a);
    desk_close(&b);
}

static void test_over_others(void **state) {
    (void)state;
    desk a, b;
    dx_text_type map, theirs;
    desk_open(&a, 1);
    desk_open(&b, 2);
    assert_int_equal(dx_text_root(a.doc, "m", DX_TEXT_KIND_MAP, &map), DX_OK);
    assert_int_equal(dx_text_root(b.doc, "m", DX_TEXT_KIND_MAP, &theirs), DX_OK);
    dx_text_undo_manager *manager = manage(&a, &(dx_text_undo_options){.over_others = true});
    set(&a, map, "k", "1");
    set(&a, map, "k", "2");
    exchange(&a, &b);
    set(&b, theirs, "k", "9");
    exchange(&a, &b);
    undo(manager, true);
    assert_json(&a, map, "{\"k\":1}");
    desk_close(&a);
    desk_close(&b);
}

/* A type comes back with all that was in it, in a new type, in which undo goes on. */
static void test_nested(void **state) {
    (void)state;
    desk it;
    dx_text_type map, child, array, inner;
    desk_open(&it, 1);
    assert_int_equal(dx_text_root(it.doc, "m", DX_TEXT_KIND_MAP, &map), DX_OK);
    dx_text_undo_manager *manager = manage(&it, &each_edit);
    assert_int_equal(dx_text_map_set_type(it.doc, map, "a", DX_TEXT_KIND_ARRAY, NULL, &array), DX_OK);
    assert_int_equal(dx_text_array_insert(it.doc, array, 0, "[1,\"x\",{\"y\":[2]}]"), DX_OK);
    assert_int_equal(dx_text_array_insert_type(it.doc, array, 1, DX_TEXT_KIND_TEXT, NULL, &child), DX_OK);
    assert_int_equal(dx_text_insert(it.doc, child, 0, dx_bytes_text("abc"), NULL), DX_OK);
    assert_int_equal(dx_text_array_insert_type(it.doc, array, 0, DX_TEXT_KIND_MAP, NULL, &inner), DX_OK);
    set(&it, inner, "deep", "true");
    assert_int_equal(dx_text_array_insert_bytes(it.doc, array, 0, dx_bytes_text("raw")), DX_OK);
    static const char whole[] = "{\"a\":[{\"@bytes\":\"cmF3\"},{\"deep\":true},1,\"abc\",\"x\",{\"y\":[2]}]}";
    assert_json(&it, map, whole);
    assert_int_equal(dx_text_map_delete(it.doc, map, "a"), DX_OK);
    assert_json(&it, map, "{}");
    undo(manager, true);
    assert_json(&it, map, whole);
    redo(manager, true);
    assert_json(&it, map, "{}");
    undo(manager, true);
    assert_json(&it, map, whole);
    undo(manager, true); /* the bytes */
    undo(manager, true); /* the entry of the map */
    assert_json(&it, map, "{\"a\":[{},1,\"abc\",\"x\",{\"y\":[2]}]}");
    undo(manager, true);
    undo(manager, true); /* abc */
    assert_json(&it, map, "{\"a\":[1,\"\",\"x\",{\"y\":[2]}]}");
    redo(manager, true);
    assert_json(&it, map, "{\"a\":[1,\"abc\",\"x\",{\"y\":[2]}]}");
    while (dx_text_undo_steps(manager) != 0) {
        undo(manager, true);
    }
    assert_json(&it, map, "{}");
    while (dx_text_redo_steps(manager) != 0) {
        redo(manager, true);
    }
    assert_json(&it, map, "{}");
    desk_close(&it);
}

/* What is kept for an undo is let go when nobody can ask for it any more. */
static void test_lets_go(void **state) {
    (void)state;
    desk it;
    desk_open(&it, 1);
    type_in(&it, 0, "secret words");
    dx_text_undo_manager *manager = manage(&it, &each_edit);
    rub_out(&it, 0, 7);
    for (int cleared = 0; cleared < 2; cleared++) {
        dx_buf update = buffer(&it.alloc);
        assert_int_equal(dx_text_encode(it.doc, DX_TEXT_V1, dx_bytes_of(NULL, 0), &update), DX_OK);
        bool found = false;
        for (size_t i = 0; i + 6 <= update.size; i++) {
            found |= memcmp(update.data + i, "secret", 6) == 0;
        }
        assert_int_equal(found, !cleared);
        dx_buf_deinit(&update);
        dx_text_undo_clear(manager);
    }
    undo(manager, false);
    assert_reads(&it, "words");
    desk_close(&it);
}

/* A position follows what comes back. */
static void test_positions(void **state) {
    (void)state;
    desk it;
    dx_text_type type;
    uint64_t index;
    desk_open(&it, 1);
    dx_text_undo_manager *manager = manage(&it, &each_edit);
    type_in(&it, 0, "0123456789");
    dx_buf position = buffer(&it.alloc);
    assert_int_equal(dx_text_position_make(it.doc, it.text, 5, 0, &position), DX_OK);
    for (int round = 0; round < 3; round++) {
        rub_out(&it, 2, 6);
        assert_int_equal(dx_text_position_find(it.doc, dx_buf_view(&position), &type, &index), DX_OK);
        assert_int_equal(index, 2);
        undo(manager, true);
        type_in(&it, 3, "-");
        assert_int_equal(dx_text_position_find(it.doc, dx_buf_view(&position), &type, &index), DX_OK);
        assert_int_equal(index, 6);
        undo(manager, true);
    }
    dx_buf_deinit(&position);
    desk_close(&it);
}

/* What is deleted merges with what was deleted beside it; letting one go leaves the other, of this manager and of others. */
static void test_lets_go_of_a_part(void **state) {
    (void)state;
    desk it;
    desk_open(&it, 1);
    dx_text_undo_manager *manager = manage(&it, &each_edit);
    type_in(&it, 0, "um");
    rub_out(&it, 0, 2);
    type_in(&it, 0, "orem");
    undo(manager, true);
    type_in(&it, 0, "psum"); /* "orem" will not come again */
    undo(manager, true);
    assert_reads(&it, "");
    undo(manager, true);
    assert_reads(&it, "um");
    rub_out(&it, 0, 2);
    dx_text_undo_manager *other = manage(&it, &each_edit);
    type_in(&it, 0, "ipsu");
    rub_out(&it, 0, 4);
    dx_text_undo_clear(manager);
    undo(other, true);
    assert_reads(&it, "ipsu");
    desk_close(&it);
}

static void test_no_memory(void **state) {
    (void)state;
    for (uint64_t at = 1;; at++) {
        desk it;
        dx_text_undo_manager *manager = NULL;
        bool done = false;
        desk_open(&it, 1);
        type_in(&it, 0, "abcdefgh");
        format(&it, 2, 3, "{\"b\":1}");
        it.alloc.calls = 0;
        it.alloc.fail_at = at;
        static const char *const after[] = {"abcdefgh", "afgh", "a!fgh", "afgh", "abcdefgh"};
        size_t reached = 0;
        int error = dx_text_undo_create(it.doc, &each_edit, &manager);
        error = error != DX_OK ? error : dx_text_delete(it.doc, it.text, 1, 4);
        reached += error == DX_OK;
        error = error != DX_OK ? error : dx_text_insert(it.doc, it.text, 1, dx_bytes_text("!"), NULL);
        reached += error == DX_OK;
        error = error != DX_OK ? error : dx_text_undo(manager, &done);
        reached += error == DX_OK;
        error = error != DX_OK ? error : dx_text_undo(manager, &done);
        reached += error == DX_OK;
        it.alloc.fail_at = 0;
        assert_reads(&it, after[reached]);
        if (manager != NULL && error != DX_OK) {
            while (dx_text_undo_steps(manager) != 0) {
                undo(manager, true);
            }
            assert_reads(&it, "abcdefgh");
        }
        desk_close(&it);
        if (error == DX_OK) {
            break;
        }
        assert_int_equal(error, DX_E_NO_MEMORY);
    }
}

static void edit_at_random(desk *it, test_random *random) {
    uint64_t length = dx_text_length(it->doc, it->text), at = test_random_next(random) % (length + 1);
    uint64_t run = (test_random_next(random) % 5) % (length - at + 1);
    switch (test_random_next(random) % 4) {
    case 0:
        rub_out(it, at, run);
        break;
    case 1:
        format(it, at, run, test_random_next(random) % 2 != 0 ? "{\"b\":true}" : "{\"b\":null}");
        break;
    default:
        type_in(it, at, &"lorem ipsum"[test_random_next(random) % 10]);
    }
}

static dx_buf delta_of(desk *it) {
    dx_buf delta = buffer(&it->alloc);
    assert_int_equal(dx_text_delta(it->doc, it->text, &delta), DX_OK);
    return delta;
}

static void undo_all(uint64_t seed) {
    test_random random = {.state = seed};
    desk a, b;
    desk_open(&a, 1);
    desk_open(&b, 2);
    type_in(&a, 0, "the beginning");
    exchange(&a, &b);
    dx_text_undo_manager *mine = manage(&a, &each_edit), *theirs = manage(&b, &each_edit);
    dx_buf alone[32];
    size_t steps = 0;
    /* Alone, each step back is the state before, and forth the one after. */
    for (; steps < 32; steps = dx_text_undo_steps(mine)) {
        alone[steps] = delta_of(&a);
        edit_at_random(&a, &random);
        if (dx_text_undo_steps(mine) == steps) {
            dx_buf_deinit(&alone[steps]);
        }
    }
    dx_buf last = delta_of(&a);
    for (size_t i = steps; i-- > 0;) {
        undo(mine, true);
        dx_buf now = delta_of(&a);
        assert_bytes_equal(dx_buf_view(&now), dx_buf_view(&alone[i]));
        dx_buf_deinit(&now);
    }
    while (dx_text_redo_steps(mine) != 0) {
        redo(mine, true);
    }
    dx_buf now = delta_of(&a);
    assert_bytes_equal(dx_buf_view(&now), dx_buf_view(&last));
    dx_buf_deinit(&now);
    dx_buf_deinit(&last);
    for (size_t i = 0; i < steps; i++) {
        dx_buf_deinit(&alone[i]);
    }
    /* Together they stay of one mind. */
    for (int i = 0; i < 40; i++) {
        desk *it = test_random_next(&random) % 2 != 0 ? &a : &b;
        bool done;
        switch (test_random_next(&random) % 5) {
        case 0:
            assert_int_equal(dx_text_undo(it == &a ? mine : theirs, &done), DX_OK);
            break;
        case 1:
            assert_int_equal(dx_text_redo(it == &a ? mine : theirs, &done), DX_OK);
            break;
        case 2:
            exchange(&a, &b);
            break;
        default:
            edit_at_random(it, &random);
        }
    }
    exchange(&a, &b);
    exchange(&a, &b);
    dx_buf one = delta_of(&a), other = delta_of(&b);
    assert_bytes_equal(dx_buf_view(&one), dx_buf_view(&other));
    dx_buf_deinit(&one);
    dx_buf_deinit(&other);
    desk_close(&a);
    desk_close(&b);
}

static void test_histories(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        undo_all(seed);
    }
}

DX_TEST_MAIN(DX_TEST(test_steps), DX_TEST(test_window), DX_TEST(test_backspace), DX_TEST(test_authors),
             DX_TEST(test_origins), DX_TEST(test_update), DX_TEST(test_formatting),
             DX_TEST(test_object_values), DX_TEST(test_maps), DX_TEST(test_over_others), DX_TEST(test_nested),
             DX_TEST(test_lets_go), DX_TEST(test_lets_go_of_a_part), DX_TEST(test_positions),
             DX_TEST(test_no_memory), DX_TEST(test_histories))
