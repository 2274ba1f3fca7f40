/* tests/unit/codec/test_map_builder.c: pairs in any order come out sorted; misuse and missing memory are
 * told. */
#include "test.h"

#include <dxos/codec.h>

typedef struct page {
    test_alloc alloc;
    dx_buf buf;
    dx_writer writer;
    dx_map_builder map;
} page;

static void open_page(page *it, size_t max) {
    test_alloc_init(&it->alloc);
    dx_buf_init(&it->buf, &it->alloc.port, 10000);
    dx_writer_init(&it->writer, &it->buf);
    dx_map_builder_init(&it->map, &it->alloc.port, max);
}

static int finish(page *it) {
    dx_map_builder_finish(&it->map, &it->writer);
    return it->writer.error;
}

static void close_page(page *it) {
    dx_buf_deinit(&it->buf);
    assert_int_equal(it->alloc.live_bytes, 0);
}

static void test_sorted(void **state) {
    (void)state;
    page it;
    open_page(&it, 10000);
    dx_write_array(dx_map_builder_key(&it.map, "type"), 2);
    dx_write_int(&it.map.writer, 1);
    dx_write_int(&it.map.writer, 2);
    dx_write_text(dx_map_builder_key(&it.map, "b"), "x");
    dx_write_null(dx_map_builder_key(&it.map, "aa"));
    dx_write_tag(dx_map_builder_key(&it.map, "a"), DX_TAG_REFERENCE);
    dx_write_bytes(&it.map.writer, dx_bytes_text(""));
    assert_int_equal(finish(&it), DX_OK);
    assert_int_equal(dx_writer_finish(&it.writer), DX_OK);
    static const char wanted[] = "\xa4\x61"
                                 "a\xd8\x27\x40\x61"
                                 "b\x61x\x62"
                                 "aa\xf6\x64"
                                 "type\x82\x01\x02";
    assert_int_equal(it.buf.size, sizeof wanted - 1);
    assert_memory_equal(it.buf.data, wanted, sizeof wanted - 1);
    close_page(&it);
    open_page(&it, 10000);
    assert_int_equal(finish(&it), DX_OK);
    assert_memory_equal(it.buf.data, "\xa0", 1);
    close_page(&it);
}

static void test_as_many_as_there_is_room_for(void **state) {
    (void)state;
    page it;
    for (int count = DX_MAP_BUILDER_PAIRS_MAX; count <= DX_MAP_BUILDER_PAIRS_MAX + 1; count++) {
        open_page(&it, 10000);
        for (int i = 0; i < count; i++) {
            char key[8];
            snprintf(key, sizeof key, "k%d", (i * 37) % 101);
            dx_write_int(dx_map_builder_key(&it.map, key), i);
        }
        bool fits = count == DX_MAP_BUILDER_PAIRS_MAX;
        assert_int_equal(finish(&it), fits ? DX_OK : DX_E_STATE);
        assert_true(!fits || dx_item_check(dx_buf_view(&it.buf)) == DX_OK);
        close_page(&it);
    }
}

static void test_misuse(void **state) {
    (void)state;
    page it;
    open_page(&it, 10000); /* a key twice */
    dx_write_int(dx_map_builder_key(&it.map, "a"), 1);
    dx_write_int(dx_map_builder_key(&it.map, "a"), 2);
    assert_int_equal(finish(&it), DX_E_STATE);
    close_page(&it);
    open_page(&it, 10000); /* a key without a value */
    (void)dx_map_builder_key(&it.map, "a");
    dx_write_int(dx_map_builder_key(&it.map, "b"), 2);
    assert_int_equal(finish(&it), DX_E_STATE);
    close_page(&it);
    open_page(&it, 10000); /* two values */
    dx_write_int(dx_map_builder_key(&it.map, "a"), 1);
    dx_write_int(&it.map.writer, 2);
    assert_int_equal(finish(&it), DX_E_STATE);
    close_page(&it);
    open_page(&it, 10000); /* half a value */
    dx_write_array(dx_map_builder_key(&it.map, "a"), 2);
    dx_write_int(&it.map.writer, 1);
    assert_int_equal(finish(&it), DX_E_STATE);
    close_page(&it);
}

static void test_limits_and_memory(void **state) {
    (void)state;
    page it;
    open_page(&it, 5);
    dx_write_text(dx_map_builder_key(&it.map, "abc"), "abc");
    assert_int_equal(finish(&it), DX_E_LIMIT);
    close_page(&it);
    open_page(&it, 10000);
    it.alloc.fail_at = 1;
    dx_write_text(dx_map_builder_key(&it.map, "abc"), "abc");
    assert_int_equal(finish(&it), DX_E_NO_MEMORY);
    close_page(&it);
    open_page(&it, 10000);
    it.alloc.fail_at = 2; /* the writer it ends in */
    dx_write_text(dx_map_builder_key(&it.map, "abc"), "abc");
    assert_int_equal(finish(&it), DX_E_NO_MEMORY);
    close_page(&it);
    open_page(&it, 10000); /* an earlier error of the writer is not hidden */
    dx_write_text(&it.writer, "\xff");
    dx_write_int(dx_map_builder_key(&it.map, "a"), 1);
    assert_int_equal(finish(&it), DX_E_INVALID);
    close_page(&it);
}

DX_TEST_MAIN(DX_TEST(test_sorted), DX_TEST(test_as_many_as_there_is_room_for), DX_TEST(test_misuse),
             DX_TEST(test_limits_and_memory))
