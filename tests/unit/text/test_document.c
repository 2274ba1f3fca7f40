/* Documents against what Yjs made: updates one by one, in every order, held back; then the whole in both forms, state vector and
 * snapshot, byte for byte. And small cases that need no fixtures. (text/document.c, text/apply.c, text/plan.c, text/integrate.c,
 * text/transaction.c, text/encode.c, text/clients.c, text/values.c.) */
#include "documents.h"

static const dx_text_form forms[] = {DX_TEXT_V1, DX_TEXT_V2};

/* What Yjs said of a document: an object with v1, v2, sv, snapV1, snapV2. */
static void check_whole(test_alloc *alloc, const dx_text_doc *doc, dx_bytes wanted) {
    static const char *const names[][2] = {{"v1", "snapV1"}, {"v2", "snapV2"}};
    for (size_t i = 0; i < 2; i++) {
        dx_buf whole = encoded(alloc, doc, forms[i]), want = hex_of(alloc, dx_item_get(wanted, names[i][0]));
        assert_bytes_equal(dx_buf_view(&whole), dx_buf_view(&want));
        dx_buf_deinit(&want);
        dx_buf_deinit(&whole);
        whole = snapshot_of(alloc, doc, forms[i]);
        want = hex_of(alloc, dx_item_get(wanted, names[i][1]));
        assert_bytes_equal(dx_buf_view(&whole), dx_buf_view(&want));
        dx_buf_deinit(&want);
        dx_buf_deinit(&whole);
    }
    dx_buf states = state_vector_of(alloc, doc), want = hex_of(alloc, dx_item_get(wanted, "sv"));
    assert_bytes_equal(dx_buf_view(&states), dx_buf_view(&want));
    dx_buf_deinit(&want);
    dx_buf_deinit(&states);
}

static void apply_item(test_alloc *alloc, dx_text_doc *doc, dx_text_form form, dx_bytes hex) {
    dx_buf update = hex_of(alloc, hex);
    assert_int_equal(dx_text_apply(doc, form, dx_buf_view(&update)), DX_OK);
    dx_buf_deinit(&update);
}

static void test_scenarios(void **state) {
    (void)state;
    fixtures all;
    if (!fixtures_open(&all, "generated/scenarios.json")) {
        skip();
    }
    static const char *const updates[] = {"updatesV1", "updatesV2"};
    dx_reader at;
    dx_reader_init(&at, dx_buf_view(&all.item));
    for (size_t left = dx_read_map(&at); left > 0; left--) {
        char *name = text_of(dx_read_item(&at));
        dx_bytes scenario = dx_read_item(&at), update;
        for (size_t i = 0; i < 2; i++) {
            /* There an undo held on to what was deleted. */
            bool keeps = !dx_item_bool(dx_item_get(scenario, "gc"), true) || strcmp(name, "undo-redo") == 0;
            dx_text_doc *doc = new_document(&all.alloc, 77, keeps);
            for (dx_reader each = elements_of(dx_item_get(scenario, updates[i]));
                 next_element(&each, &update);) {
                apply_item(&all.alloc, doc, forms[i], update);
            }
            print_message("# %s\n", name);
            check_whole(&all.alloc, doc, scenario);
            dx_text_destroy(doc);
        }
        free(name);
    }
    fixtures_close(&all);
}

/* The updates in every order, on top of what all began with. */
static void check_orders(test_alloc *alloc, dx_bytes conflict, size_t *order, size_t chosen, size_t count) {
    for (size_t i = chosen; i < count; i++) {
        size_t swap = order[i];
        order[i] = order[chosen];
        order[chosen] = swap;
        check_orders(alloc, conflict, order, chosen + 1, count);
        order[chosen] = order[i];
        order[i] = swap;
    }
    if (chosen != count) {
        return;
    }
    dx_text_doc *doc = new_document(alloc, 77, false);
    dx_buf base = hex_of(alloc, dx_item_get(conflict, "base"));
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_buf_view(&base)), DX_OK);
    for (size_t i = 0; i < count; i++) {
        apply_item(alloc, doc, DX_TEXT_V1, element_at(dx_item_get(conflict, "updatesV1"), order[i]));
    }
    check_whole(alloc, doc, dx_item_get(conflict, "final"));
    dx_text_destroy(doc);
    /* And the base last: all waits for it. */
    doc = new_document(alloc, 77, false);
    for (size_t i = 0; i < count; i++) {
        apply_item(alloc, doc, DX_TEXT_V2, element_at(dx_item_get(conflict, "updatesV2"), order[i]));
    }
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_buf_view(&base)), DX_OK);
    assert_false(dx_text_pending(doc));
    check_whole(alloc, doc, dx_item_get(conflict, "final"));
    dx_text_destroy(doc);
    dx_buf_deinit(&base);
}

static void test_conflicts(void **state) {
    (void)state;
    fixtures all;
    if (!fixtures_open(&all, "generated/conflicts.json")) {
        skip();
    }
    dx_reader at;
    dx_reader_init(&at, dx_buf_view(&all.item));
    for (size_t left = dx_read_map(&at); left > 0; left--) {
        char *name = text_of(dx_read_item(&at));
        print_message("# %s\n", name);
        free(name);
        dx_bytes conflict = dx_read_item(&at), update;
        size_t order[8], count = 0;
        for (dx_reader each = elements_of(dx_item_get(conflict, "updatesV1"));
             next_element(&each, &update);) {
            order[count] = count;
            count++;
        }
        check_orders(&all.alloc, conflict, order, 0, count);
    }
    fixtures_close(&all);
}

/* After each step the whole with what is pending in it. */
static void test_pending(void **state) {
    (void)state;
    fixtures all;
    if (!fixtures_open(&all, "generated/update-algebra.json")) {
        skip();
    }
    dx_bytes whole = dx_buf_view(&all.item), row, step, index;
    for (dx_reader rows = elements_of(dx_item_get(whole, "rows")); next_element(&rows, &row);) {
        dx_text_doc *doc = new_document(&all.alloc, 77, false);
        dx_reader order = elements_of(dx_item_get(row, "order"));
        for (dx_reader steps = elements_of(dx_item_get(row, "steps")); next_element(&steps, &step);) {
            assert_true(next_element(&order, &index));
            apply_item(&all.alloc, doc, DX_TEXT_V1,
                       element_at(dx_item_get(whole, "updates"), (size_t)dx_item_int(index, -1)));
            bool waits = dx_item_kind(dx_item_get(step, "pendingStructs")) != DX_KIND_NULL ||
                         dx_item_kind(dx_item_get(step, "pendingDs")) != DX_KIND_NULL;
            assert_int_equal(dx_text_pending(doc), waits);
            dx_buf v1 = encoded(&all.alloc, doc, DX_TEXT_V1),
                   want = hex_of(&all.alloc, dx_item_get(step, "v1"));
            assert_bytes_equal(dx_buf_view(&v1), dx_buf_view(&want));
            dx_buf_deinit(&want);
            dx_buf_deinit(&v1);
            dx_buf states = state_vector_of(&all.alloc, doc);
            want = hex_of(&all.alloc, dx_item_get(step, "sv"));
            assert_bytes_equal(dx_buf_view(&states), dx_buf_view(&want));
            dx_buf_deinit(&want);
            dx_buf_deinit(&states);
        }
        dx_text_destroy(doc);
    }
    fixtures_close(&all);
}

static void hear(dx_text_doc *doc, dx_text_form form, dx_buf *update) {
    assert_int_equal(dx_text_apply(doc, form, dx_buf_view(update)), DX_OK);
    dx_buf_clear(update);
}

/* Letter by letter at two places of one text, with deletes between: whoever hears each update alone, in either form, has what the
 * typist has, byte for byte; and so has who hears all at once. */
static void test_typing(void **state) {
    (void)state;
    static const struct {
        uint64_t index;
        const char *text; /* NULL: one unit is deleted */
    } rows[] = {{0, "a"},  {1, "b"}, {2, "\xf0\x9f\x98\x80"},
                {4, "d"},  {2, "x"}, {3, "y"},
                {4, NULL}, {4, "z"}, {5, "z"},
                {4, NULL}, {4, "q"}, {0, "p"},
                {1, "p"},  {8, "e"}, {9, "f"},
                {9, NULL}, {9, "g"}, {10, "h"}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_doc *typist = new_document(&alloc, 5, false);
    dx_text_doc *heard[] = {new_document(&alloc, 6, false), new_document(&alloc, 7, false),
                            new_document(&alloc, 8, false)};
    dx_text_type type;
    dx_buf update = buffer(&alloc);
    assert_int_equal(dx_text_root(typist, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(dx_text_begin(typist), DX_OK);
        int error = rows[i].text == NULL
                        ? dx_text_delete(typist, type, rows[i].index, 1)
                        : dx_text_insert(typist, type, rows[i].index, dx_bytes_text(rows[i].text), NULL);
        assert_int_equal(error, DX_OK);
        assert_int_equal(dx_text_commit(typist, DX_TEXT_V1, &update), DX_OK);
        dx_buf second = buffer(&alloc);
        assert_int_equal(
            dx_text_convert_update(&alloc.port, DX_TEXT_V1, DX_TEXT_V2, dx_buf_view(&update), &second),
            DX_OK);
        hear(heard[1], DX_TEXT_V2, &second);
        dx_buf_deinit(&second);
        hear(heard[0], DX_TEXT_V1, &update);
    }
    dx_buf_deinit(&update);
    update = encoded(&alloc, typist, DX_TEXT_V2);
    dx_buf whole = encoded(&alloc, typist, DX_TEXT_V1);
    hear(heard[2], DX_TEXT_V2, &update);
    for (size_t i = 0; i < 3; i++) {
        dx_buf own = encoded(&alloc, heard[i], DX_TEXT_V1);
        assert_bytes_equal(dx_buf_view(&own), dx_buf_view(&whole));
        dx_buf_deinit(&own);
        dx_text_destroy(heard[i]);
    }
    dx_buf_deinit(&whole);
    dx_buf_deinit(&update);
    dx_text_destroy(typist);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_scenarios), DX_TEST(test_conflicts), DX_TEST(test_pending), DX_TEST(test_typing))
