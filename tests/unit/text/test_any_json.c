/* tests/unit/text/test_any_json.c: values from JSON and back, as JavaScript has them. The rows were made by lib0 and JSON of Node. */
#include "fixtures.h"

#include "base/limits.h"
#include "text/lib0.h"

static int parse(test_alloc *alloc, const char *json, dx_buf *out) {
    *out = buffer(alloc);
    return dx_any_from_json(dx_bytes_text(json), out);
}

static void test_both_ways(void **state) {
    (void)state;
    static const struct {
        const char *json, *hex, *printed; /* NULL: the same */
    } rows[] = {
        {"null", "7e", NULL},
        {"true", "78", NULL},
        {" false ", "79", "false"},
        {"0", "7d00", NULL},
        {"-0", "7d40", "0"},
        {"-1", "7d41", NULL},
        {"1.0", "7d01", "1"},
        {"1e2", "7da401", "100"},
        {"2147483647", "7dbfffffff0f", NULL},
        {"2147483648", "7c4f000000", NULL},
        {"9007199254740991", "7b433fffffffffffff", NULL},
        {"9007199254740993", "7c5a000000", "9007199254740992"},
        {"0.5", "7c3f000000", NULL},
        {"0.1", "7b3fb999999999999a", NULL},
        {"1.5E+300", "7b7e41eb2d66005835", "1.5e+300"},
        {"1e21", "7b444b1ae4d6e2ef50", "1e+21"},
        {"1e-7", "7b3e7ad7f29abcaf48", NULL},
        {"1e999", "7c7f800000", "null"},
        {"-1e999", "7cff800000", "null"},
        {"\"\"", "7700", NULL},
        {"\"a\\u00fc\\n\\u0001\\\"\\\\/\\/\"", "770961c3bc0a01225c2f2f", "\"a\303\274\\n\\u0001\\\"\\\\//\""},
        {"\"\\ud83d\\ude00\"", "7704f09f9880", "\"\360\237\230\200\""},
        {"\"\\ud83d\"", "7703eda0bd", NULL},
        {"\"\\ude00\\ud83d\"", "7706edb880eda0bd", NULL},
        {"\"\\ud83dx\"", "7704eda0bd78", NULL},
        {"\"\\ud83d\\u0041\"", "7704eda0bd41", "\"\\ud83dA\""},
        {"[]", "7500", NULL},
        {"[1,[],[[2]]]",
         "75037d01750075017501"
         "7d02",
         NULL},
        {"{}", "7600", NULL},
        {"{\"b\":1,\"a\":{\"c\":null}}",
         "760201627d0101617601016"
         "37e",
         NULL},
        {"{\"z\":0,\"2\":\"two\",\"1\":\"one\"}",
         "7603013177036f6e6501327703"
         "74776f017a7d00",
         "{\"1\":\"one\",\"2\":\"two\",\"z\":0}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "760201617d0301627d02", "{\"a\":3,\"b\":2}"},
        {"{\"01\":1,\"1\":2}", "760201317d020230317d01", "{\"1\":2,\"01\":1}"},
        {"{\"x\":{\"b\":[],\"0\":{}},\"0\":1}", "760201307d01017876020130760001627500",
         "{\"0\":1,\"x\":{\"0\":{},\"b\":[]}}"},
        {"{\"4294967295\":1,\"4294967294\":2}", "76020a343239343936373239347d020a343239343936373239357d01",
         "{\"4294967294\":2,\"4294967295\":1}"},
        {"{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,\"c\":1}",
         "760901617d0001627d0001637d0101647d0001657d0001667d0001677d0001687d0001697d00",
         "{\"a\":0,\"b\":0,\"c\":1,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0}"}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf any, json = buffer(&alloc);
        assert_int_equal(parse(&alloc, rows[i].json, &any), DX_OK);
        assert_hex_equal(&alloc, dx_buf_view(&any), rows[i].hex);
        dx_any_to_json(dx_buf_view(&any), &json);
        assert_bytes_equal(dx_buf_view(&json),
                           dx_bytes_text(rows[i].printed == NULL ? rows[i].json : rows[i].printed));
        dx_buf_deinit(&any);
        dx_buf_deinit(&json);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_what_json_lacks(void **state) {
    (void)state;
    static const struct {
        const char *hex, *json;
    } rows[] = {{"7f", "null"},
                {"75027f7d01", "[null,1]"},
                {"760301617f01627d0101637f", "{\"b\":1}"},
                {"760201617601016"
                 "27f01637e",
                 "{\"a\":{},\"c\":null}"},
                {"7401ff", "{\"0\":255}"},
                {"74020a0b", "{\"0\":10,\"1\":11}"},
                {"7affffffffffffffff", "-1"},
                {"7a8000000000000000", "-9223372036854775808"},
                {"7b7ff8000000000000", "null"},
                {"7c3dcccccd", "0.10000000149011612"},
                {"7706eda0bdedb880", "\"\360\237\230\200\""}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf any = from_hex(&alloc, rows[i].hex), json = buffer(&alloc);
        dx_any_to_json(dx_buf_view(&any), &json);
        assert_bytes_equal(dx_buf_view(&json), dx_bytes_text(rows[i].json));
        dx_buf_deinit(&any);
        dx_buf_deinit(&json);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_what_is_no_json(void **state) {
    (void)state;
    static const char *const rows[] = {"",           " ",      "nul",       "undefined", "01",
                                       "1.",         ".5",     "-",         "+1",        "1e",
                                       "\"",         "\"\n\"", "\"\\x\"",   "\"\\u12\"", "\"\\ud83d\\u\"",
                                       "[",          "[1",     "[1,]",      "[,1]",      "[1 2]",
                                       "]",          "{",      "{a:1}",     "{\"a\"}",   "{\"a\":}",
                                       "{\"a\":1,}", "{,}",    "{\"a\":1]", "1 2",       "tru",
                                       "\"\377\""};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf any;
        int error = parse(&alloc, rows[i], &any);
        if (error != DX_E_INVALID) {
            fail_msg("%s: %d", rows[i], error);
        }
        assert_int_equal(any.size, 0);
        dx_buf_deinit(&any);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_nesting(void **state) {
    (void)state;
    char json[2 * DX_TEXT_NESTING_MAX + 3];
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t depth = DX_TEXT_NESTING_MAX; depth <= DX_TEXT_NESTING_MAX + 1; depth++) {
        dx_buf any, again = buffer(&alloc);
        memset(json, '[', depth);
        memset(json + depth, ']', depth);
        json[2 * depth] = 0;
        assert_int_equal(parse(&alloc, json, &any), depth > DX_TEXT_NESTING_MAX ? DX_E_LIMIT : DX_OK);
        if (depth == DX_TEXT_NESTING_MAX) {
            dx_any_to_json(dx_buf_view(&any), &again);
            assert_bytes_equal(dx_buf_view(&again), dx_bytes_text(json));
        }
        dx_buf_deinit(&any);
        dx_buf_deinit(&again);
    }
}

/* A count and a length of two bytes are put before what was written behind one. */
static void test_many(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf json = buffer(&alloc), any, again = buffer(&alloc);
    for (int i = 0; i < 300; i++) {
        char member[400];
        int size = snprintf(member, sizeof member, "%s\"k%d\":[\"%0200d\"]", i == 0 ? "{" : ",", i, i);
        dx_buf_append(&json, member, (size_t)size);
    }
    dx_buf_append(&json, "}\0", 2);
    assert_int_equal(parse(&alloc, (const char *)json.data, &any), DX_OK);
    assert_memory_equal(any.data, "\166\254\002", 3);
    dx_any_to_json(dx_buf_view(&any), &again);
    assert_bytes_equal(dx_buf_view(&again), dx_bytes_text((const char *)json.data));
    dx_buf_deinit(&json);
    dx_buf_deinit(&any);
    dx_buf_deinit(&again);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_no_memory(void **state) {
    (void)state;
    int error = DX_E_NO_MEMORY;
    for (uint64_t fail_at = 1; error == DX_E_NO_MEMORY; fail_at++) {
        test_alloc alloc;
        dx_buf any;
        test_alloc_init(&alloc);
        alloc.fail_at = fail_at;
        error = parse(&alloc,
                      "{\"2\":[1,2,3],\"1\":{\"a\":"
                      "\"0123456789012345678901234567890123456789012345678901234567890123456789\"}}",
                      &any);
        assert_true(error == DX_OK || (error == DX_E_NO_MEMORY && any.size == 0));
        assert_true(error != DX_OK || fail_at > 3);
        dx_buf_deinit(&any);
        assert_int_equal(alloc.live_bytes, 0);
    }
}

/* Objects that lib0 wrote keep their order over JSON; what JSON lacks is left out. */
static void test_fixtures(void **state) {
    (void)state;
    fixtures all;
    if (!fixtures_open(&all, "generated/lib0.json")) {
        skip();
    }
    size_t rows = 0;
    dx_bytes row;
    for (dx_reader at = elements_of(dx_item_get(dx_buf_view(&all.item), "any")); next_element(&at, &row);) {
        dx_buf any = hex_of(&all.alloc, element_at(row, 1)), json = buffer(&all.alloc),
               again = buffer(&all.alloc);
        dx_bytes value = element_at(row, 0);
        if (dx_item_kind(value) == DX_KIND_MAP || dx_item_kind(value) == DX_KIND_ARRAY) {
            dx_any_to_json(dx_buf_view(&any), &json);
            bool lacks = any.size > 0 && memchr(any.data, DX_ANY_BYTES, any.size) != NULL;
            assert_int_equal(dx_any_from_json(dx_buf_view(&json), &again), DX_OK);
            if (!lacks) {
                assert_bytes_equal(dx_buf_view(&again), dx_buf_view(&any));
                rows++;
            }
        }
        dx_buf_deinit(&any);
        dx_buf_deinit(&json);
        dx_buf_deinit(&again);
    }
    assert_true(rows >= 4);
    fixtures_close(&all);
}

DX_TEST_MAIN(DX_TEST(test_both_ways), DX_TEST(test_what_json_lacks), DX_TEST(test_what_is_no_json),
             DX_TEST(test_nesting), DX_TEST(test_many), DX_TEST(test_no_memory), DX_TEST(test_fixtures))
