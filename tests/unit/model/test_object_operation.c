/* test_object_operation.c: operations read into registers, and operations made of data. Names
 * model/object_register.c too. */
#include "model/object_operation.h"
#include "test_item.h"

/* Registers as text: "path=json", with "!path" for deletions and a "+" before expanded ones; or the error's
 * name. */
static void expect_registers(const char *operation, const char *expected) {
    test_alloc alloc;
    dx_operation_registers registers;
    dx_buf text;
    test_alloc_init(&alloc);
    dx_buf_init(&text, &alloc.port, 1 << 16);
    int error = dx_operation_registers_read(&registers, &alloc.port, test_item(operation));
    if (error != DX_OK) {
        assert_string_equal(dx_error_name(error), expected);
        assert_int_equal(alloc.live_bytes, 0);
        return;
    }
    for (size_t i = 0; i < registers.count; i++) {
        const dx_register *item = &registers.items[i];
        dx_buf_append(&text, i == 0 ? "" : " ", i != 0);
        dx_buf_append(&text, "+", item->expanded);
        dx_buf_append(&text, "!", item->payload.size == 0);
        dx_buf_append(&text, item->path.data, item->path.size);
        assert_int_equal(item->parts, dx_object_path_check(item->path));
        dx_bytes key = dx_register_key(item);
        assert_true(dx_bytes_equal(dx_item_text(key), item->path));
        if (item->payload.size != 0) {
            dx_buf_append_byte(&text, '=');
            assert_int_equal(dx_json_print(item->payload, &text), DX_OK);
        }
    }
    dx_buf_append_byte(&text, 0);
    assert_string_equal((const char *)text.data, expected);
    dx_operation_registers_deinit(&registers, &alloc.port);
    dx_buf_deinit(&text);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_registers(void **state) {
    (void)state;
    expect_registers("[{},[]]", "");
    expect_registers("[{\"a\":1,\"b\":null},[\"c\",\"dd\"]]", "a=1 b=null !c !dd");
    expect_registers("[{\"b\":1},[\"a\"]]", "!a b=1");
    expect_registers("[{\"a\":{}},[]]", "a={}");
    expect_registers("[{\"a.b\":{\"c\":[1,{\"x\":2}],\"d\":{\"e\":true}},\"z\":0},[]]",
                     "z=0 a.b={} +a.b.c=[1,{\"x\":2}] +a.b.d={} +a.b.d.e=true");
    expect_registers("[{\"a\":{\"x.y\":1,\"\\\\\":2}},[]]", "a={} +a.\\\\=2 +a.x\\.y=1");
    expect_registers("[{\"a.b\":1,\"a.c\":2},[\"a.d\"]]", "a.b=1 a.c=2 !a.d");
}

static void test_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "1",
        "[]",
        "[{}]",
        "[{},[],0]",
        "[[],{}]",
        "[{\"\":1},[]]",
        "[{\"a.\":1},[]]",
        "[{\"a\\\\x\":1},[]]",
        "[{\"a\":{\"\":1}},[]]",
        "[{\"a\":{\"x\\ny\":1}},[]]",
        "[{},[1]]",
        "[{},[\"\"]]",
        "[{},[\"b\",\"a\"]]",
        "[{},[\"a\",\"a\"]]",
        "[{},[\"aa\",\"b\"]]",
        "[{\"a\":1},[\"a\"]]",
        "[{\"a\":1,\"a.b\":2},[]]",
        "[{\"a.b\":1},[\"a\"]]",
        "[{\"a\":1},[\"a.b.c\"]]",
        "[{\"a\":{\"b\":1},\"a.c\":2},[]]",
        "[{\"a\":{\"b\":1},\"a.b\":2},[]]",
        "[{},[\"a\",\"a.b\"]]",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        expect_registers(wrong[i], "E_MALFORMED");
    }
    expect_registers("[{\"a\":1,\"a\\\\.b\":2,\"ab\":3},[\"a b\"]]", "a=1 ab=3 !a b a\\.b=2");
}

/* Shapes JSON text cannot say: integer keys, wrong order, bytes left, indefinite lengths. */
static void test_refused_bytes(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "82a10161"
        "6180", /* an integer as path */
        "82a16161"
        "a1010180", /* a map with an integer key */
        "82a16161"
        "81a1010180", /* the same inside an array */
        "82a2616201616102"
        "80", /* keys not in order */
        "82a08000",
        "82a0",
        "",
        "82bfff80",
        "82a161ff0180",
    };
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t bytes[32];
        size_t size = strlen(wrong[i]) / 2;
        dx_operation_registers registers;
        assert_int_equal(dx_hex_decode(wrong[i], 2 * size, bytes, size), DX_OK);
        assert_int_equal(dx_operation_registers_read(&registers, &alloc.port, dx_bytes_of(bytes, size)),
                         DX_E_MALFORMED);
    }
    assert_int_equal(alloc.calls, 0); /* refused before memory was asked for */
}

static int read_built(test_alloc *alloc, const dx_buf *built) {
    dx_operation_registers registers;
    int error = dx_operation_registers_read(&registers, &alloc->port, dx_buf_view(built));
    if (error == DX_OK) {
        dx_operation_registers_deinit(&registers, &alloc->port);
    }
    return error;
}

static void test_limits(void **state) {
    (void)state;
    test_alloc alloc;
    dx_buf built;
    dx_writer writer;
    test_alloc_init(&alloc);
    dx_buf_init(&built, &alloc.port, 8 << 20);
    uint8_t *bytes = calloc(1, DX_OBJECT_OPERATION_SIZE_MAX);
    for (size_t over = 0; over < 2; over++) { /* a value as large as may be */
        dx_buf_clear(&built);
        dx_writer_init(&writer, &built);
        dx_write_array(&writer, 2);
        dx_write_map(&writer, 1);
        dx_write_text(&writer, "a");
        dx_write_bytes(&writer, dx_bytes_of(bytes, DX_OBJECT_VALUE_SIZE_MAX - 5 + over));
        dx_write_array(&writer, 0);
        assert_int_equal(dx_writer_finish(&writer), DX_OK);
        assert_int_equal(read_built(&alloc, &built), over ? DX_E_MALFORMED : DX_OK);
    }
    for (size_t over = 0; over < 2;
         over++) { /* as many registers as may be, 65535 of them members of a map */
        dx_buf_clear(&built);
        dx_writer_init(&writer, &built);
        dx_write_array(&writer, 2);
        dx_write_map(&writer, 1);
        dx_write_text(&writer, "a");
        size_t members = DX_OBJECT_OPERATION_REGISTERS_MAX - 1 + over;
        dx_write_map(&writer, members);
        for (size_t i = 0; i < members; i++) {
            char key[16];
            snprintf(key, sizeof key, "%08zu", i);
            dx_write_text(&writer, key);
            dx_write_null(&writer);
        }
        dx_write_array(&writer, 0);
        assert_int_equal(dx_writer_finish(&writer), DX_OK);
        assert_int_equal(read_built(&alloc, &built), over ? DX_E_MALFORMED : DX_OK);
    }
    for (size_t depth = DX_OBJECT_DEPTH_MAX - 1; depth <= DX_OBJECT_DEPTH_MAX;
         depth++) { /* arrays, then maps */
        for (int map = 0; map < 2; map++) {
            dx_buf_clear(&built);
            dx_buf_append(&built,
                          "\x82\xa1\x61"
                          "a",
                          4);
            for (size_t i = 0; i < depth; i++) {
                bool last = i + 1 == depth;
                dx_buf_append(&built,
                              map    ? last ? "\xa0" : "\xa1\x61k"
                              : last ? "\x80"
                                     : "\x81",
                              map && !last ? 3 : 1);
            }
            dx_buf_append_byte(&built, 0x80);
            assert_int_equal(read_built(&alloc, &built),
                             depth < DX_OBJECT_DEPTH_MAX ? DX_OK : DX_E_MALFORMED);
        }
    }
    free(bytes);
    dx_buf_deinit(&built);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A long path over a map of many: few bytes must not ask for much memory. */
static void test_expansion_is_bounded(void **state) {
    (void)state;
    test_alloc alloc;
    dx_buf built;
    dx_writer writer;
    char path[1000];
    test_alloc_init(&alloc);
    dx_buf_init(&built, &alloc.port, 8 << 20);
    memset(path, 'p', sizeof path);
    for (size_t members = 4000; members <= 5000; members += 1000) { /* times 1000 bytes: 4 MiB lie between */
        dx_buf_clear(&built);
        dx_writer_init(&writer, &built);
        dx_write_array(&writer, 2);
        dx_write_map(&writer, 1);
        dx_write_text_bytes(&writer, dx_bytes_of(path, sizeof path));
        dx_write_map(&writer, members);
        for (size_t i = 0; i < members; i++) {
            char key[16];
            snprintf(key, sizeof key, "%04zu", i);
            dx_write_text(&writer, key);
            dx_write_null(&writer);
        }
        dx_write_array(&writer, 0);
        assert_int_equal(dx_writer_finish(&writer), DX_OK);
        assert_int_equal(read_built(&alloc, &built), members == 4000 ? DX_OK : DX_E_MALFORMED);
    }
    dx_buf_deinit(&built);
}

static void expect_created(const char *data, const char *operation) {
    test_alloc alloc;
    dx_buf out;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 1 << 16);
    dx_buf_append(&out, "before", 6);
    int error = dx_object_operation_create(&alloc.port, test_item(data), &out);
    if (operation == NULL) {
        assert_int_equal(error, DX_E_INVALID);
    } else {
        assert_int_equal(error, DX_OK);
        test_expect_item(dx_bytes_of(out.data + 6, out.size - 6), operation);
    }
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_create(void **state) {
    (void)state;
    expect_created("{}", "[{},[]]");
    expect_created("{\"name\":\"x\",\"n\":{\"a.b\":1}}", "[{\"n\":{\"a.b\":1},\"name\":\"x\"},[]]");
    expect_created("{\"a.b\":1,\"abc\":2,\"abcd\":3}", "[{\"abc\":2,\"a\\\\.b\":1,\"abcd\":3},[]]");
    static const char *const wrong[] = {
        "[]", "1", "{\"\":1}", "{\"a\\n\":1}", "{\"a\":{\"\":1}}", "{\".\\u0001\":1}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        expect_created(wrong[i], NULL);
    }
}

static void test_memory(void **state) {
    (void)state;
    test_alloc alloc;
    dx_buf out;
    dx_operation_registers registers;
    test_alloc_init(&alloc);
    alloc.fail_at = 1;
    assert_int_equal(dx_operation_registers_read(&registers, &alloc.port, test_item("[{\"a\":1},[]]")),
                     DX_E_NO_MEMORY);
    for (uint64_t fail_at = 1; fail_at <= 2; fail_at++) {
        alloc.calls = 0;
        alloc.fail_at = fail_at;
        dx_buf_init(&out, &alloc.port, 1 << 16);
        assert_int_equal(dx_object_operation_create(&alloc.port, test_item("{\"a.b\":1}"), &out),
                         DX_E_NO_MEMORY);
        dx_buf_deinit(&out);
    }
    dx_buf_init(&out, &alloc.port, 4);
    assert_int_equal(dx_object_operation_create(&alloc.port, test_item("{\"a\":1}"), &out), DX_E_LIMIT);
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_sort(void **state) {
    (void)state;
    static char texts[200][4];
    dx_register items[200], spare[200];
    test_random random;
    test_random_init(&random, 7);
    for (size_t count = 0; count <= 200; count += 1 + count / 8) {
        for (size_t i = 0; i < count; i++) {
            size_t size = 1 + (size_t)(test_random_next(&random) % 3);
            for (size_t j = 0; j < size; j++) {
                texts[i][j] = (char)('a' + test_random_next(&random) % 6);
            }
            items[i] = (dx_register){.path = dx_bytes_of(texts[i], size)};
        }
        dx_register_sort(items, count, spare, dx_register_compare_paths);
        for (size_t i = 0; i < count; i++) {
            assert_true(i == 0 || dx_register_compare_paths(items[i - 1].path, items[i].path) <= 0);
            const dx_register *found = dx_register_find(items, count, items[i].path);
            assert_non_null(found);
            assert_int_equal(dx_register_compare_paths(found->path, items[i].path), 0);
        }
        assert_null(dx_register_find(items, count, dx_bytes_text("zz")));
    }
}

DX_TEST_MAIN(DX_TEST(test_registers), DX_TEST(test_refused), DX_TEST(test_refused_bytes),
             DX_TEST(test_limits), DX_TEST(test_expansion_is_bounded), DX_TEST(test_create),
             DX_TEST(test_memory), DX_TEST(test_sort))
