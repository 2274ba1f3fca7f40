/* tests/unit/text/test_relative.c: relative positions, their bytes, JSON, and where they are after others wrote (text/relative.c,
 * text/units.c). */
#include "desk.h"

static dx_buf make(desk *it, dx_text_type type, uint64_t index, int assoc) {
    dx_buf out = buffer(&it->alloc);
    assert_int_equal(dx_text_position_make(it->doc, type, index, assoc, &out), DX_OK);
    return out;
}

static uint64_t place_of(desk *it, const dx_buf *position) {
    dx_text_type type;
    uint64_t index;
    assert_int_equal(dx_text_position_find(it->doc, dx_buf_view(position), &type, &index), DX_OK);
    assert_int_equal(type, it->text);
    return index;
}

static void test_moves(void **state) {
    (void)state;
    desk it;
    desk_open(&it, 6);
    type_in(&it, 0, "hello");
    dx_buf after = make(&it, it.text, 2, 0), before = make(&it, it.text, 2, -1),
           end = make(&it, it.text, 5, 0), start = make(&it, it.text, 0, -1);
    assert_hex_equal(&it.alloc, dx_buf_view(&after), "00060200");
    assert_hex_equal(&it.alloc, dx_buf_view(&before), "00060141");
    assert_hex_equal(&it.alloc, dx_buf_view(&end), "01017400");
    assert_hex_equal(&it.alloc, dx_buf_view(&start), "01017441");
    type_in(&it, 2, "--");
    assert_int_equal(place_of(&it, &after), 4);
    assert_int_equal(place_of(&it, &before), 2);
    assert_int_equal(place_of(&it, &end), 7);
    assert_int_equal(place_of(&it, &start), 0);
    rub_out(&it, 1, 5);
    assert_reads(&it, "ho");
    assert_int_equal(place_of(&it, &after), 1);
    assert_int_equal(place_of(&it, &before), 1);
    dx_buf old = from_hex(&it.alloc, "000604"); /* without assoc */
    assert_int_equal(place_of(&it, &old), 1);
    dx_buf_deinit(&old);
    dx_buf_deinit(&after);
    dx_buf_deinit(&before);
    dx_buf_deinit(&end);
    dx_buf_deinit(&start);
    desk_close(&it);
}

static void test_not_here(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        int error;
    } rows[] = {
        {"00060500", DX_E_NOT_FOUND}, /* a clock to come */
        {"00070000", DX_E_NOT_FOUND}, /* a client nobody heard of */
        {"02060000", DX_E_NOT_FOUND}, /* not a type */
        {"01017800", DX_E_NOT_FOUND}, /* no such root */
        {"00060100", DX_E_NOT_FOUND}, /* in a type that is gone */
        {"03060000", DX_E_MALFORMED}, {"", DX_E_MALFORMED},           {"0006", DX_E_MALFORMED},
        {"010274", DX_E_MALFORMED},   {"0006000000", DX_E_MALFORMED}, {"0101ff00", DX_E_MALFORMED},
    };
    desk it;
    dx_text_type child, type, map;
    uint64_t index;
    desk_open(&it, 6);
    assert_int_equal(dx_text_root(it.doc, "m", DX_TEXT_KIND_MAP, &map), DX_OK);
    assert_int_equal(dx_text_map_set_type(it.doc, map, "k", DX_TEXT_KIND_TEXT, NULL, &child), DX_OK);
    assert_int_equal(dx_text_insert(it.doc, child, 0, dx_bytes_text("ab"), NULL), DX_OK);
    dx_buf inside = make(&it, child, 2, 0);
    assert_hex_equal(&it.alloc, dx_buf_view(&inside), "02060000");
    assert_int_equal(dx_text_position_find(it.doc, dx_buf_view(&inside), &type, &index), DX_OK);
    assert_int_equal(type, child);
    assert_int_equal(index, 2);
    assert_int_equal(dx_text_map_delete(it.doc, map, "k"), DX_OK);
    assert_int_equal(dx_text_position_make(it.doc, child, 0, 0, &inside), DX_E_NOT_FOUND);
    assert_int_equal(dx_text_position_make(it.doc, it.text, 1, 0, &inside), DX_E_INVALID);
    assert_int_equal(dx_text_position_make(it.doc, 99, 0, 0, &inside), DX_E_INVALID);
    dx_buf_deinit(&inside);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf bytes = from_hex(&it.alloc, rows[i].hex);
        assert_int_equal(dx_text_position_find(it.doc, dx_buf_view(&bytes), &type, &index), rows[i].error);
        dx_buf_deinit(&bytes);
    }
    desk_close(&it);
}

static void test_units(void **state) {
    (void)state;
    static const struct {
        dx_text_unit unit;
        uint64_t index;
        const char *after, *before;
    } rows[] = {
        /* a, a grin of two units, b */
        {DX_TEXT_UTF16, 3, "00060300", "00060241"},       {DX_TEXT_UTF8, 5, "00060300", "00060241"},
        {DX_TEXT_CODE_POINTS, 2, "00060300", "00060241"}, {DX_TEXT_UTF16, 1, "00060100", "00060041"},
        {DX_TEXT_UTF8, 1, "00060100", "00060041"},        {DX_TEXT_CODE_POINTS, 1, "00060100", "00060041"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        desk it;
        desk_open_with(&it, &(dx_text_options){.client = 6, .unit = rows[i].unit});
        type_in(&it, 0,
                "a\xf0\x9f\x98\x80"
                "b");
        dx_buf after = make(&it, it.text, rows[i].index, 0), before = make(&it, it.text, rows[i].index, -1);
        assert_hex_equal(&it.alloc, dx_buf_view(&after), rows[i].after);
        assert_hex_equal(&it.alloc, dx_buf_view(&before), rows[i].before);
        assert_int_equal(place_of(&it, &after), rows[i].index);
        assert_int_equal(place_of(&it, &before), rows[i].index);
        dx_buf_deinit(&after);
        dx_buf_deinit(&before);
        desk_close(&it);
    }
}

static void test_json(void **state) {
    (void)state;
    static const struct {
        const char *hex, *json;
    } rows[] = {
        {"00060200", "{\"item\":{\"client\":6,\"clock\":2},\"assoc\":0}"},
        {"00ffffffffffffff0f0041", "{\"item\":{\"client\":9007199254740991,\"clock\":0},\"assoc\":-1}"},
        {"01017400", "{\"tname\":\"t\",\"assoc\":0}"},
        {"02060b41", "{\"type\":{\"client\":6,\"clock\":11},\"assoc\":-1}"},
    };
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "1",
                                      "{\"item\":1}",
                                      "{\"item\":{\"client\":1}}",
                                      "{\"tname\":1}",
                                      "{\"item\":{\"client\":-1,\"clock\":0}}",
                                      "{\"tname\":\"t\",\"assoc\":\"x\"}",
                                      "{\"item\":{\"client\":1.8e308,\"clock\":0}}"};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf bytes = from_hex(&alloc, rows[i].hex), json = buffer(&alloc), back = buffer(&alloc);
        assert_int_equal(dx_text_position_to_json(dx_buf_view(&bytes), &json), DX_OK);
        assert_buf_text(&json, rows[i].json);
        assert_int_equal(dx_text_position_from_json(&alloc.port, rows[i].json, &back), DX_OK);
        assert_hex_equal(&alloc, dx_buf_view(&back), rows[i].hex);
        dx_buf_deinit(&bytes);
        dx_buf_deinit(&back);
    }
    dx_buf out = buffer(&alloc);
    /* What Yjs says twice; nothing it does not know. */
    assert_int_equal(
        dx_text_position_from_json(
            &alloc.port,
            "{\"tname\":\"t\",\"type\":null,\"x\":[1],\"item\":{\"z\":0,\"client\":6,\"clock\":2}}", &out),
        DX_OK);
    assert_hex_equal(&alloc, dx_buf_view(&out), "00060200");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(dx_text_position_from_json(&alloc.port, bad[i], &out), DX_E_MALFORMED);
    }
    assert_int_equal(dx_text_position_from_json(&alloc.port, "{", &out), DX_E_INVALID);
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_no_memory(void **state) {
    (void)state;
    desk it;
    desk_open(&it, 6);
    type_in(&it, 0, "hello");
    for (uint64_t at = 1;; at++) {
        dx_buf bytes = buffer(&it.alloc), json = buffer(&it.alloc), back = buffer(&it.alloc);
        it.alloc.calls = 0;
        it.alloc.fail_at = at;
        int error = dx_text_position_make(it.doc, it.text, 2, 0, &bytes);
        error = error != DX_OK ? error : dx_text_position_to_json(dx_buf_view(&bytes), &json);
        error =
            error != DX_OK ? error : dx_text_position_from_json(&it.alloc.port, "{\"tname\":\"t\"}", &back);
        it.alloc.fail_at = 0;
        dx_buf_deinit(&bytes);
        dx_buf_deinit(&json);
        dx_buf_deinit(&back);
        if (error == DX_OK) {
            break;
        }
        assert_int_equal(error, DX_E_NO_MEMORY);
    }
    desk_close(&it);
}

static void apply_hex(desk *it, dx_bytes item) {
    dx_buf update = hex_of(&it->alloc, item);
    assert_int_equal(dx_text_apply(it->doc, DX_TEXT_V1, dx_buf_view(&update)), DX_OK);
    dx_buf_deinit(&update);
}

static dx_text_type type_named(desk *it, dx_bytes name) {
    dx_text_type type;
    if (dx_bytes_equal(dx_item_text(name), dx_bytes_text("text"))) {
        assert_int_equal(dx_text_root(it->doc, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
        return type;
    }
    assert_int_equal(dx_text_root(it->doc, "map", DX_TEXT_KIND_MAP, &type), DX_OK);
    return dx_text_map_type(it->doc, type, "t");
}

static void test_fixtures(void **state) {
    (void)state;
    fixtures file;
    desk before, after;
    if (!fixtures_open(&file, "generated/positions-sync.json")) {
        print_message("# skipped: no DX_YJS_FIXTURES\n");
        return;
    }
    desk_open(&before, 1);
    desk_open(&after, 1);
    apply_hex(&before, dx_item_get(dx_buf_view(&file.item), "docBefore"));
    apply_hex(&after, dx_item_get(dx_buf_view(&file.item), "docAfter"));
    dx_bytes row, place;
    dx_reader places = elements_of(dx_item_get(dx_buf_view(&file.item), "absoluteAfter"));
    size_t count = 0;
    for (dx_reader at = elements_of(dx_item_get(dx_buf_view(&file.item), "relative"));
         next_element(&at, &row); count++) {
        dx_buf wanted = hex_of(&before.alloc, dx_item_get(row, "bytes"));
        dx_buf got = make(&before, type_named(&before, dx_item_get(row, "type")),
                          (uint64_t)dx_item_int(dx_item_get(row, "index"), -1),
                          (int)dx_item_int(dx_item_get(row, "assoc"), 9));
        assert_bytes_equal(dx_buf_view(&got), dx_buf_view(&wanted));
        dx_text_type type;
        uint64_t index;
        assert_true(next_element(&places, &place));
        assert_int_equal(dx_text_position_find(after.doc, dx_buf_view(&got), &type, &index), DX_OK);
        assert_int_equal(index, dx_item_int(place, -1));
        dx_buf_deinit(&wanted);
        dx_buf_deinit(&got);
    }
    assert_int_equal(count, 34);
    desk_close(&before);
    desk_close(&after);
    fixtures_close(&file);
}

DX_TEST_MAIN(DX_TEST(test_moves), DX_TEST(test_not_here), DX_TEST(test_units), DX_TEST(test_json),
             DX_TEST(test_no_memory), DX_TEST(test_fixtures))
