/* tests/unit/dx/test_record.c: lines of an import as records, and data without what became links. */
#include <dxos/host.h>

#include "record.h"
#include "test.h"

static dx_buf parsed;

static dx_bytes item_of(const char *json) {
    dx_writer writer;
    if (parsed.alloc == NULL) {
        dx_buf_init(&parsed, dx_host_alloc(), 1 << 20);
    }
    dx_buf_clear(&parsed);
    dx_writer_init(&writer, &parsed);
    assert_int_equal(dx_json_parse(dx_bytes_text(json), &writer, NULL, 0), DX_OK);
    return dx_buf_view(&parsed);
}

static void test_own_lines(void **state) {
    (void)state;
    const dx_mapping own = {.foreign = false};
    dx_record record;
    const char *why = NULL;
    assert_int_equal(
        dx_record_read(
            &own,
            item_of("{\"id\":\"1-0-ab\",\"type\":null,\"parent\":null,\"data\":{\"a\":1},\"deleted\":true}"),
            &record, &why),
        DX_OK);
    assert_false(record.kind == DX_RECORD_LINK);
    assert_true(record.deleted);
    assert_int_equal(record.type.size, 0);
    assert_int_equal(record.parent.size, 0);
    assert_int_equal(dx_item_kind(record.data), DX_KIND_MAP);
    assert_int_equal(
        dx_record_read(&own, item_of("{\"id\":\"x\",\"source\":\"a\",\"target\":\"b\",\"type\":\"t\"}"),
                       &record, &why),
        DX_OK);
    assert_true(record.kind == DX_RECORD_LINK);
    static const char *const refused[] = {"[]",
                                          "{}",
                                          "{\"id\":[]}",
                                          "{\"id\":\"x\",\"source\":\"a\"}",
                                          "{\"id\":\"x\",\"source\":\"a\",\"target\":[1]}",
                                          "{\"id\":\"x\",\"type\":1}",
                                          "{\"id\":\"x\",\"data\":[]}"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        why = NULL;
        assert_int_equal(dx_record_read(&own, item_of(refused[i]), &record, &why), DX_E_INVALID);
        assert_non_null(why);
    }
}

static void test_foreign_lines(void **state) {
    (void)state;
    const dx_mapping mapping = {.foreign = true, .key = "name"};
    dx_record record;
    const char *why = NULL;
    assert_int_equal(dx_record_read(&mapping, item_of("{\"name\":\"a\",\"id\":\"b\"}"), &record, &why),
                     DX_OK);
    assert_true(dx_bytes_equal(dx_item_text(record.key), dx_bytes_text("a")));
    assert_int_equal(dx_record_read(&mapping, item_of("{}"), &record, &why), DX_OK);
    assert_int_equal(record.key.size, 0);
    assert_int_equal(dx_record_read(&mapping, item_of("{\"name\":{}}"), &record, &why), DX_E_INVALID);
    assert_int_equal(dx_record_read(&mapping, item_of("7"), &record, &why), DX_E_INVALID);
}

/* Names that begin with "y" resolve. */
static bool resolves(void *ctx, size_t link, dx_bytes name) {
    dx_bytes text = dx_item_text(name);
    (void)link;
    ++*(int *)ctx;
    return text.size > 0 && text.data[0] == 'y';
}

static void expect_rest(const char *json, const char *wanted, int names) {
    const dx_mapping mapping = {.foreign = true, .links = {"to", "also"}, .link_count = 2};
    dx_record record;
    dx_buf rest, printed;
    const char *why = NULL;
    int seen = 0;
    dx_buf_init(&rest, dx_host_alloc(), 1 << 20);
    dx_buf_init(&printed, dx_host_alloc(), 1 << 20);
    assert_int_equal(dx_record_read(&mapping, item_of(json), &record, &why), DX_OK);
    assert_int_equal(dx_record_write_data(&mapping, &record, resolves, &seen, &rest), DX_OK);
    assert_int_equal(dx_item_check(dx_buf_view(&rest)), DX_OK);
    assert_int_equal(dx_json_print(dx_buf_view(&rest), &printed), DX_OK);
    dx_buf_append(&printed, "", 1);
    assert_string_equal((const char *)printed.data, wanted);
    assert_int_equal(seen, names);
    dx_buf_deinit(&rest);
    dx_buf_deinit(&printed);
}

static void test_rest(void **state) {
    (void)state;
    expect_rest("{\"to\":[\"y1\",\"n1\",\"y2\"],\"z\":1}", "{\"z\":1,\"to\":[\"n1\"]}", 3);
    expect_rest("{\"to\":[\"y1\"],\"also\":[\"y1\"],\"z\":1}", "{\"z\":1}", 2);
    expect_rest("{\"to\":[]}", "{\"to\":[]}", 0);
    expect_rest("{\"to\":\"y\"}", "{}", 1);
    expect_rest("{\"to\":\"n\"}", "{\"to\":\"n\"}", 1);
    expect_rest("{\"to\":[1,null,{\"y\":1},\"y\"]}", "{\"to\":[1,null,{\"y\":1}]}", 2);
    expect_rest("{\"to\":{\"y\":\"y\"}}", "{\"to\":{\"y\":\"y\"}}", 0);
    expect_rest("{}", "{}", 0);
}

static const uint8_t other[DX_REFERENCE_SIZE] = {9, 9, 9};
static size_t asked;

/* Every reference but the one to number 2. */
static const uint8_t *replace(void *ctx, const uint8_t id[static DX_REFERENCE_SIZE]) {
    (void)ctx;
    asked++;
    return id[19] == 2 ? NULL : other;
}

static void test_references(void **state) {
    (void)state;
    static const struct {
        const char *json;
        size_t asked, changed;
    } rows[] = {
        {"{}", 0, 0},
        {"[1, \"1-0-000102030405060708090a0b0c0d0e0f\", null, 1.5, {\"@bytes\": \"AQID\"}]", 0, 0},
        {"{\"@time\": \"2024-05-01T00:00:00Z\"}", 0, 0},
        {"{\"@ref\": \"~AQID\"}", 0, 0},
        {"{\"@ref\": \"2-0-000102030405060708090a0b0c0d0e0f\"}", 1, 0},
        {"{\"@ref\": \"1-0-000102030405060708090a0b0c0d0e0f\"}", 1, 1},
        {"{\"a\": [true, {\"b\": {\"@ref\": \"1-0-000102030405060708090a0b0c0d0e0f\"}}], \"c\": {\"@ref\": "
         "\"3-0-000102030405060708090a0b0c0d0e0f\"}}",
         2, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_bytes item = item_of(rows[i].json);
        dx_buf out;
        bool changed;
        size_t found = 0;
        dx_buf_init(&out, dx_host_alloc(), 1 << 20);
        dx_buf_append_byte(&out, 7); /* it appends */
        asked = 0;
        assert_int_equal(dx_record_rewrite(item, replace, NULL, &out, &changed), DX_OK);
        assert_int_equal(asked, rows[i].asked);
        assert_int_equal(changed, rows[i].changed > 0);
        assert_int_equal(out.size, 1 + item.size);
        assert_int_equal(dx_item_check(dx_bytes_of(out.data + 1, item.size)), DX_OK);
        for (size_t at = 1; at + sizeof other <= out.size; at++) {
            found += memcmp(out.data + at, other, sizeof other) == 0;
        }
        assert_int_equal(found, rows[i].changed);
        dx_buf_deinit(&out);
    }
    bool changed;
    dx_buf small;
    dx_buf_init(&small, dx_host_alloc(), 3);
    assert_int_equal(dx_record_rewrite(item_of("[1,2,3,4]"), replace, NULL, &small, &changed), DX_E_LIMIT);
    dx_buf_deinit(&small);
}

static void test_set(void **state) {
    (void)state;
    dx_buf out, json;
    dx_bytes pair = item_of("[\"a.b\\\\c\",{\"x.y\":1}]");
    dx_reader reader;
    dx_buf_init(&out, dx_host_alloc(), 1000);
    dx_buf_init(&json, dx_host_alloc(), 1000);
    dx_reader_init(&reader, pair);
    assert_int_equal(dx_read_array(&reader), 2);
    dx_bytes key = dx_read_item(&reader), value = dx_read_item(&reader);
    assert_int_equal(dx_record_write_set(key, value, &out), DX_OK);
    assert_int_equal(dx_json_print(dx_buf_view(&out), &json), DX_OK);
    dx_buf_append_byte(&json, 0);
    assert_string_equal((const char *)json.data, "{\"a\\\\.b\\\\\\\\c\":{\"x.y\":1}}");
    dx_buf_deinit(&out);
    dx_buf_deinit(&json);
}

DX_TEST_MAIN(DX_TEST(test_references), DX_TEST(test_set), DX_TEST(test_own_lines),
             DX_TEST(test_foreign_lines), DX_TEST(test_rest))
