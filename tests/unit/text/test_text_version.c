/* tests/unit/text/test_text_version.c: texts at snapshots, differences, whole versions (text/version.c). */
#include "desk.h"

static dx_buf snapshot_of(desk *it, dx_text_form form) {
    dx_buf out = buffer(&it->alloc);
    assert_int_equal(dx_text_snapshot(it->doc, form, &out), DX_OK);
    return out;
}

static void assert_at(desk *it, dx_text_form form, const dx_buf *at, const dx_buf *before, const char *wanted,
                      uint64_t wanted_gone) {
    dx_buf json = buffer(&it->alloc);
    dx_bytes other = before != NULL ? dx_buf_view(before) : dx_bytes_of(NULL, 0);
    uint64_t gone = 99;
    assert_int_equal(dx_text_delta_at(it->doc, it->text, form, dx_buf_view(at),
                                      before != NULL ? &other : NULL, &json, &gone),
                     DX_OK);
    assert_buf_text(&json, wanted);
    assert_int_equal(gone, wanted_gone);
}

static void test_versions(void **state) {
    (void)state;
    for (dx_text_form form = DX_TEXT_V1; form <= DX_TEXT_V2; form++) {
        desk it;
        desk_open_with(&it, &(dx_text_options){.client = 1, .keep_deleted = true});
        dx_buf empty = snapshot_of(&it, form);
        type_in(&it, 0, "hello world");
        dx_buf first = snapshot_of(&it, form);
        type_in(&it, 11, "!!");
        rub_out(&it, 2, 5);
        assert_int_equal(dx_text_format(it.doc, it.text, 0, 3, "{\"b\":true}"), DX_OK);
        assert_int_equal(dx_text_insert_embed(it.doc, it.text, 3, "{\"e\":1}", NULL), DX_OK);
        dx_buf last = snapshot_of(&it, form);
        static const char whole[] = "[{\"insert\":\"heo\",\"attributes\":{\"b\":true}},{\"insert\":{\"e\":1}}"
                                    ",{\"insert\":\"rld!!\"}]";
        assert_at(&it, form, &empty, NULL, "[]", 0);
        assert_at(&it, form, &first, NULL, "[{\"insert\":\"hello world\"}]", 0);
        assert_at(&it, form, &last, NULL, whole, 0);
        assert_at(&it, form, &last, &last, whole, 0);
        assert_at(
            &it, form, &last, &first,
            "[{\"insert\":\"he\",\"attributes\":{\"b\":true}},"
            "{\"insert\":\"llo w\",\"attributes\":{\"b\":true,\"ychange\":{\"type\":\"removed\"}}},"
            "{\"insert\":\"o\",\"attributes\":{\"b\":true}},"
            "{\"insert\":{\"e\":1},\"attributes\":{\"ychange\":{\"type\":\"added\"}}},"
            "{\"insert\":\"rld\"},{\"insert\":\"!!\",\"attributes\":{\"ychange\":{\"type\":\"added\"}}}]",
            0);
        dx_buf versions[] = {empty, first, last};
        for (size_t i = 0; i < 3; i++) {
            desk then;
            dx_buf update = buffer(&it.alloc), before = buffer(&it.alloc), after = buffer(&it.alloc);
            assert_int_equal(dx_text_encode(it.doc, form, dx_bytes_of(NULL, 0), &before), DX_OK);
            assert_int_equal(dx_text_version(it.doc, form, dx_buf_view(&versions[i]), &update), DX_OK);
            assert_int_equal(dx_text_encode(it.doc, form, dx_bytes_of(NULL, 0), &after), DX_OK);
            assert_bytes_equal(dx_buf_view(&after), dx_buf_view(&before));
            desk_open_with(&then, &(dx_text_options){.client = 7, .keep_deleted = true});
            assert_int_equal(dx_text_apply(then.doc, form, dx_buf_view(&update)), DX_OK);
            assert_delta(&then, i == 0 ? "[]" : i == 1 ? "[{\"insert\":\"hello world\"}]" : whole);
            dx_buf again = snapshot_of(&then, form);
            assert_bytes_equal(dx_buf_view(&again), dx_buf_view(&versions[i]));
            dx_buf_deinit(&again);
            dx_buf_deinit(&update);
            dx_buf_deinit(&before);
            dx_buf_deinit(&after);
            dx_buf_deinit(&versions[i]);
            desk_close(&then);
        }
        desk_close(&it);
    }
}

static void test_not_kept(void **state) {
    (void)state;
    desk it, other;
    desk_open(&it, 1);
    desk_open(&other, 2);
    type_in(&it, 0, "hello world");
    dx_buf first = snapshot_of(&it, DX_TEXT_V1), json = buffer(&it.alloc);
    rub_out(&it, 2, 5);
    assert_at(&it, DX_TEXT_V1, &first, NULL, "[{\"insert\":\"heorld\"}]", 5);
    assert_int_equal(dx_text_version(it.doc, DX_TEXT_V1, dx_buf_view(&first), &json), DX_E_NOT_FOUND);
    assert_int_equal(json.size, 0);
    dx_buf now = snapshot_of(&it, DX_TEXT_V1);
    assert_int_equal(dx_text_version(it.doc, DX_TEXT_V1, dx_buf_view(&now), &json), DX_OK);
    dx_buf_clear(&json);
    /* Of a state that is not here; of another form; of nothing. */
    assert_int_equal(
        dx_text_delta_at(other.doc, other.text, DX_TEXT_V1, dx_buf_view(&first), NULL, &json, NULL),
        DX_E_NOT_FOUND);
    assert_int_equal(dx_text_version(other.doc, DX_TEXT_V1, dx_buf_view(&first), &json), DX_E_NOT_FOUND);
    assert_int_equal(dx_text_delta_at(it.doc, it.text, DX_TEXT_V1, dx_bytes_of("\x01", 1), NULL, &json, NULL),
                     DX_E_MALFORMED);
    assert_int_equal(dx_text_delta_at(it.doc, 99, DX_TEXT_V1, dx_buf_view(&first), NULL, &json, NULL),
                     DX_E_INVALID);
    assert_int_equal(dx_text_begin(it.doc), DX_OK);
    assert_int_equal(dx_text_version(it.doc, DX_TEXT_V1, dx_buf_view(&now), &json), DX_E_STATE);
    assert_int_equal(dx_text_commit(it.doc, DX_TEXT_V1, NULL), DX_OK);
    assert_int_equal(json.size, 0);
    dx_buf_deinit(&first);
    dx_buf_deinit(&now);
    dx_buf_deinit(&json);
    desk_close(&it);
    desk_close(&other);
}

/* Each state of a history reads later as it read then. */
static void play(uint64_t seed) {
    enum { STATES = 24 };
    test_random random = {.state = seed};
    desk a, b;
    dx_buf snapshots[STATES], deltas[STATES];
    desk_open_with(&a, &(dx_text_options){.client = 1, .keep_deleted = true});
    desk_open_with(&b, &(dx_text_options){.client = 2, .keep_deleted = true});
    for (size_t i = 0; i < STATES; i++) {
        for (int edits = 0; edits < 3; edits++) {
            desk *it = test_random_next(&random) % 2 != 0 ? &a : &b;
            uint64_t length = dx_text_length(it->doc, it->text),
                     at = test_random_next(&random) % (length + 1);
            uint64_t run = (test_random_next(&random) % 5) % (length - at + 1);
            if (test_random_next(&random) % 3 == 0) {
                rub_out(it, at, run);
            } else if (test_random_next(&random) % 3 == 0) {
                assert_int_equal(
                    dx_text_format(it->doc, it->text, at, run,
                                   test_random_next(&random) % 2 != 0 ? "{\"b\":1}" : "{\"b\":null}"),
                    DX_OK);
            } else {
                type_in(it, at, &"lorem ipsum"[test_random_next(&random) % 10]);
            }
        }
        if (test_random_next(&random) % 3 == 0) {
            exchange(&a, &b);
        }
        snapshots[i] = snapshot_of(&a, DX_TEXT_V2);
        deltas[i] = buffer(&a.alloc);
        assert_int_equal(dx_text_delta(a.doc, a.text, &deltas[i]), DX_OK);
    }
    exchange(&a, &b);
    for (size_t i = 0; i < STATES; i++) {
        desk then;
        dx_buf json = buffer(&b.alloc), update = buffer(&b.alloc), again = buffer(&b.alloc);
        uint64_t gone;
        assert_int_equal(
            dx_text_delta_at(b.doc, b.text, DX_TEXT_V2, dx_buf_view(&snapshots[i]), NULL, &json, &gone),
            DX_OK);
        assert_bytes_equal(dx_buf_view(&json), dx_buf_view(&deltas[i]));
        assert_int_equal(gone, 0);
        desk_open(&then, 9);
        assert_int_equal(dx_text_version(b.doc, DX_TEXT_V2, dx_buf_view(&snapshots[i]), &update), DX_OK);
        assert_int_equal(dx_text_apply(then.doc, DX_TEXT_V2, dx_buf_view(&update)), DX_OK);
        assert_int_equal(dx_text_delta(then.doc, then.text, &again), DX_OK);
        assert_bytes_equal(dx_buf_view(&again), dx_buf_view(&deltas[i]));
        dx_buf_deinit(&json);
        dx_buf_deinit(&update);
        dx_buf_deinit(&again);
        dx_buf_deinit(&snapshots[i]);
        dx_buf_deinit(&deltas[i]);
        desk_close(&then);
    }
    desk_close(&a);
    desk_close(&b);
}

static void test_histories(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        play(seed);
    }
}

static void test_no_memory(void **state) {
    (void)state;
    desk it;
    desk_open_with(&it, &(dx_text_options){.client = 1, .keep_deleted = true});
    dx_buf first = snapshot_of(&it, DX_TEXT_V1);
    type_in(&it, 0, "hello world");
    assert_int_equal(dx_text_format(it.doc, it.text, 2, 3, "{\"b\":1}"), DX_OK);
    dx_buf last = snapshot_of(&it, DX_TEXT_V1);
    dx_bytes before = dx_buf_view(&first);
    for (uint64_t at = 1;; at++) {
        dx_buf json = buffer(&it.alloc), update = buffer(&it.alloc);
        it.alloc.calls = 0;
        it.alloc.fail_at = at;
        int error = dx_text_delta_at(it.doc, it.text, DX_TEXT_V1, dx_buf_view(&last), &before, &json, NULL);
        assert_true(error == DX_OK || json.size == 0);
        error = error != DX_OK ? error : dx_text_version(it.doc, DX_TEXT_V1, dx_buf_view(&last), &update);
        assert_true(error == DX_OK || update.size == 0);
        it.alloc.fail_at = 0;
        dx_buf_deinit(&json);
        dx_buf_deinit(&update);
        if (error == DX_OK) {
            break;
        }
        assert_int_equal(error, DX_E_NO_MEMORY);
    }
    dx_buf_deinit(&first);
    dx_buf_deinit(&last);
    desk_close(&it);
}

/* As Yjs says it, but that one mark is one operation. */
static void test_fixtures(void **state) {
    (void)state;
    fixtures file;
    desk it;
    if (!fixtures_open(&file, "generated/positions-sync.json")) {
        print_message("# skipped: no DX_YJS_FIXTURES\n");
        return;
    }
    dx_bytes all = dx_buf_view(&file.item);
    dx_buf before = hex_of(&file.alloc, dx_item_get(all, "docBefore")),
           after = hex_of(&file.alloc, dx_item_get(all, "docAfter"));
    for (dx_text_form form = DX_TEXT_V1; form <= DX_TEXT_V2; form++) {
        dx_buf snapshot =
            hex_of(&file.alloc, dx_item_get(all, form == DX_TEXT_V1 ? "snapshotV1" : "snapshotV2"));
        desk_open_with(&it, &(dx_text_options){.client = 9, .keep_deleted = true});
        assert_int_equal(dx_text_root(it.doc, "text", DX_TEXT_KIND_TEXT, &it.text), DX_OK);
        assert_int_equal(dx_text_apply(it.doc, DX_TEXT_V1, dx_buf_view(&before)), DX_OK);
        assert_int_equal(dx_text_apply(it.doc, DX_TEXT_V1, dx_buf_view(&after)), DX_OK);
        dx_buf here = snapshot_of(&it, form), update = buffer(&it.alloc);
        assert_at(
            &it, form, &here, &snapshot,
            "[{\"insert\":\"heo\",\"attributes\":{\"ychange\":{\"type\":\"removed\"}}},"
            "{\"insert\":\"++\",\"attributes\":{\"ychange\":{\"type\":\"added\"}}},{\"insert\":\" world\"}]",
            0);
        desk then;
        assert_int_equal(dx_text_version(it.doc, form, dx_buf_view(&snapshot), &update), DX_OK);
        desk_open(&then, 8);
        assert_int_equal(dx_text_root(then.doc, "text", DX_TEXT_KIND_TEXT, &then.text), DX_OK);
        assert_int_equal(dx_text_apply(then.doc, form, dx_buf_view(&update)), DX_OK);
        assert_reads(&then, "heo world");
        desk_close(&then);
        dx_buf_deinit(&update);
        assert_at(&it, form, &snapshot, NULL, "[{\"insert\":\"heo world\"}]", 0);
        dx_buf_deinit(&here);
        dx_buf_deinit(&snapshot);
        desk_close(&it);
    }
    dx_buf_deinit(&before);
    dx_buf_deinit(&after);
    fixtures_close(&file);
}

DX_TEST_MAIN(DX_TEST(test_versions), DX_TEST(test_not_kept), DX_TEST(test_histories), DX_TEST(test_no_memory),
             DX_TEST(test_fixtures))
