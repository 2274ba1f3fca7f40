/* tests/unit/codec/test_cbor_write.c: what the writer refuses, and that a refusal sticks.
 *
 * What it writes is compared with published vectors in test_cbor_vectors.c. */
#include "test.h"

#include "codec/canonical.h"
#include "expect_assert.h"
#include <dxos/codec.h>

typedef struct page {
    test_alloc alloc;
    dx_buf buf;
    dx_writer writer;
} page;

static void open_page(page *it) {
    test_alloc_init(&it->alloc);
    dx_buf_init(&it->buf, &it->alloc.port, 4096);
    dx_writer_init(&it->writer, &it->buf);
}

static void close_page(page *it) {
    dx_buf_deinit(&it->buf);
    assert_int_equal(it->alloc.live_bytes, 0);
}

static int finish(page *it) {
    return dx_writer_finish(&it->writer);
}

static void test_values_that_do_not_fit(void **state) {
    (void)state;
    page it;
    open_page(&it);
    dx_write_uint(&it.writer, (uint64_t)INT64_MAX + 1);
    assert_int_equal(finish(&it), DX_E_INVALID);
    dx_write_uint(&it.writer, 1); /* sticks */
    assert_int_equal(it.buf.size, 0);
    close_page(&it);

    open_page(&it);
    assert_null(dx_write_bytes_room(&it.writer, SIZE_MAX));
    assert_int_equal(finish(&it), DX_E_LIMIT);
    close_page(&it);

    open_page(&it);
    dx_write_text(&it.writer, "\xff");
    dx_write_null(&it.writer);
    assert_int_equal(finish(&it), DX_E_INVALID);
    assert_int_equal(it.buf.size, 0);
    close_page(&it);
}

static void test_sequences_are_allowed(void **state) {
    (void)state;
    page it;
    open_page(&it);
    dx_write_int(&it.writer, 1);
    dx_write_array(&it.writer, 0);
    dx_write_map(&it.writer, 0);
    assert_int_equal(finish(&it), DX_OK);
    assert_memory_equal(it.buf.data, "\x01\x80\xa0", 3);
    close_page(&it);
}

static void test_counts_must_be_met(void **state) {
    (void)state;
    page it;
    open_page(&it);
    dx_write_array(&it.writer, 2);
    dx_write_int(&it.writer, 1);
    EXPECT_ASSERT(finish(&it));
    dx_write_int(&it.writer, 2);
    assert_int_equal(finish(&it), DX_OK);
    close_page(&it);

    open_page(&it);
    dx_write_map(&it.writer, 1);
    dx_write_text(&it.writer, "key");
    EXPECT_ASSERT(finish(&it));
    close_page(&it);

    open_page(&it);
    dx_write_tag(&it.writer, DX_TAG_TIMESTAMP);
    EXPECT_ASSERT(finish(&it));
    close_page(&it);

    open_page(&it);
    dx_write_map(&it.writer, SIZE_MAX);
    assert_int_equal(finish(&it), DX_E_LIMIT);
    close_page(&it);
}

static void test_keys_must_ascend(void **state) {
    (void)state;
    page it;
    open_page(&it); /* canonical order: integers, then texts, shorter first */
    dx_write_map(&it.writer, 5);
    for (int i = 0; i < 5; i++) {
        static const char *const keys[] = {"b", "aa"};
        static const int64_t numbers[] = {7, 300, -1};
        if (i < 3) {
            dx_write_int(&it.writer, numbers[i]);
        } else {
            dx_write_text(&it.writer, keys[i - 3]);
        }
        dx_write_map(&it.writer, 1); /* a map of its own in between disturbs nothing */
        dx_write_text(&it.writer, "z");
        dx_write_null(&it.writer);
    }
    assert_int_equal(finish(&it), DX_OK);
    assert_int_equal(dx_item_check(dx_buf_view(&it.buf)), DX_OK);
    close_page(&it);

    static const char *const wrong[][2] = {{"b", "a"}, {"a", "a"}, {"aa", "b"}};
    for (size_t i = 0; i < 3; i++) {
        open_page(&it);
        dx_write_map(&it.writer, 2);
        dx_write_text(&it.writer, wrong[i][0]);
        dx_write_null(&it.writer);
        dx_write_text(&it.writer, wrong[i][1]);
        dx_write_null(&it.writer);
        assert_int_equal(it.writer.error, DX_E_STATE);
        EXPECT_ASSERT(finish(&it));
        close_page(&it);
    }
}

static void write_kind(dx_writer *writer, dx_kind kind) {
    switch (kind) {
    case DX_KIND_BYTES:
        dx_write_bytes(writer, dx_bytes_text("x"));
        break;
    case DX_KIND_ARRAY:
        dx_write_array(writer, 0);
        break;
    case DX_KIND_MAP:
        dx_write_map(writer, 1);
        break;
    case DX_KIND_TAG:
        dx_write_tag(writer, DX_TAG_REFERENCE);
        break;
    case DX_KIND_BOOL:
        dx_write_bool(writer, true);
        break;
    case DX_KIND_NULL:
        dx_write_null(writer);
        break;
    case DX_KIND_DOUBLE:
        dx_write_double(writer, 1.5);
        break;
    case DX_KIND_TEXT:
        dx_write_text(writer, "x");
        break;
    case DX_KIND_INT:
    case DX_KIND_NONE:
        dx_write_int(writer, 1);
        break;
    }
}

static void test_keys_are_texts_or_integers(void **state) {
    (void)state;
    for (int kind = DX_KIND_INT; kind <= DX_KIND_DOUBLE; kind++) {
        bool allowed = kind == DX_KIND_INT || kind == DX_KIND_TEXT;
        page it;
        open_page(&it);
        dx_write_map(&it.writer, 1);
        write_kind(&it.writer, (dx_kind)kind);
        assert_int_equal(it.writer.error, allowed ? DX_OK : DX_E_STATE);
        close_page(&it);
    }
}

static void test_tags_wrap_their_kind(void **state) {
    (void)state;
    for (int kind = DX_KIND_INT; kind <= DX_KIND_DOUBLE; kind++) {
        page it;
        open_page(&it);
        dx_write_tag(&it.writer, DX_TAG_TIMESTAMP);
        write_kind(&it.writer, (dx_kind)kind);
        assert_int_equal(it.writer.error,
                         kind == DX_KIND_TEXT ? DX_E_INVALID : DX_E_STATE); /* "x" is no time */
        close_page(&it);
        open_page(&it);
        dx_write_tag(&it.writer, DX_TAG_REFERENCE);
        write_kind(&it.writer, (dx_kind)kind);
        assert_int_equal(it.writer.error, kind == DX_KIND_BYTES ? DX_OK : DX_E_STATE);
        close_page(&it);
    }
    page it;
    open_page(&it);
    dx_write_tag(&it.writer, 1);
    EXPECT_ASSERT(finish(&it));
    close_page(&it);
    open_page(&it);
    dx_write_tag(&it.writer, DX_TAG_TIMESTAMP);
    dx_write_text(&it.writer, "2024-02-29T12:34:56.789Z");
    dx_write_timestamp(&it.writer, INT64_C(1709210096789000));
    assert_int_equal(finish(&it), DX_OK);
    assert_int_equal(it.buf.size, 2 * 27);
    assert_memory_equal(it.buf.data, it.buf.data + 27, 27);
    close_page(&it);
    open_page(&it);
    dx_write_timestamp(&it.writer, INT64_MAX);
    assert_int_equal(finish(&it), DX_E_INVALID);
    close_page(&it);
    open_page(&it);
    dx_write_tag(&it.writer, DX_TAG_TIMESTAMP);
    dx_write_item(&it.writer, dx_bytes_of("\x61\x61", 2));
    EXPECT_ASSERT(finish(&it));
    close_page(&it);
}

static void test_nesting(void **state) {
    (void)state;
    page it;
    open_page(&it);
    for (int i = 0; i < DX_CODEC_DEPTH_MAX; i++) {
        dx_write_array(&it.writer, 1);
    }
    dx_write_null(&it.writer);
    assert_int_equal(finish(&it), DX_OK);
    assert_int_equal(dx_item_check(dx_buf_view(&it.buf)), DX_OK);
    close_page(&it);
    open_page(&it);
    for (int i = 0; i < DX_CODEC_DEPTH_MAX; i++) {
        dx_write_array(&it.writer, 1);
    }
    dx_write_array(&it.writer, 0);
    assert_int_equal(finish(&it), DX_E_LIMIT);
    close_page(&it);
}

static void test_items_are_taken_as_they_are(void **state) {
    (void)state;
    page it;
    open_page(&it);
    dx_write_map(&it.writer, 2);
    dx_write_item(&it.writer, dx_bytes_of("\x61\x61", 2));
    dx_write_item(&it.writer, dx_bytes_of("\x82\x01\x02", 3));
    dx_write_item(&it.writer, dx_bytes_of("\x61\x62", 2));
    dx_write_item(&it.writer, dx_bytes_of("\xd8\x27\x40", 3));
    assert_int_equal(finish(&it), DX_OK);
    assert_memory_equal(it.buf.data, "\xa2\x61\x61\x82\x01\x02\x61\x62\xd8\x27\x40", 11);
    close_page(&it);
    open_page(&it);
    dx_write_item(&it.writer, dx_bytes_of(NULL, 0));
    EXPECT_ASSERT(finish(&it));
    close_page(&it);
    open_page(&it);
    dx_write_map(&it.writer, 1);
    dx_write_item(&it.writer, dx_bytes_of("\x80", 1)); /* no key */
    EXPECT_ASSERT(finish(&it));
    close_page(&it);
}

static void write_one_of_each(dx_writer *writer) {
    dx_write_array(writer, 12);
    uint8_t *room = dx_write_bytes_room(writer, 300);
    if (room != NULL) {
        memset(room, 7, 300);
    }
    dx_write_uint(writer, 500);
    dx_write_int(writer, -500);
    dx_write_bytes(writer, dx_bytes_text("bytes"));
    dx_write_text(writer, "text");
    dx_write_bool(writer, false);
    dx_write_null(writer);
    dx_write_double(writer, 1e300);
    dx_write_map(writer, 1);
    dx_write_text(writer, "key");
    dx_write_array(writer, 0);
    dx_write_timestamp(writer, 1);
    dx_write_tag(writer, DX_TAG_REFERENCE);
    dx_write_bytes(writer, dx_bytes_text("id"));
    dx_write_item(writer, dx_bytes_of("\xf6", 1));
}

/* However small the buffer, the writer says that it was, and nothing is written beyond. */
static void test_the_buffers_error_is_the_writers(void **state) {
    (void)state;
    page it;
    open_page(&it);
    write_one_of_each(&it.writer);
    assert_int_equal(finish(&it), DX_OK);
    assert_int_equal(dx_item_check(dx_buf_view(&it.buf)), DX_OK);
    assert_memory_equal(it.buf.data, "\x8c\x59\x01\x2c\x07\x07", 6);
    size_t whole = it.buf.size;
    close_page(&it);
    for (size_t max = 0; max < whole; max++) {
        test_alloc_init(&it.alloc);
        dx_buf_init(&it.buf, &it.alloc.port, max);
        dx_writer_init(&it.writer, &it.buf);
        write_one_of_each(&it.writer);
        assert_int_equal(finish(&it), DX_E_LIMIT);
        close_page(&it);
    }
    open_page(&it);
    it.alloc.fail_at = 1;
    write_one_of_each(&it.writer);
    assert_int_equal(finish(&it), DX_E_NO_MEMORY);
    close_page(&it);
}

DX_TEST_MAIN(DX_TEST(test_values_that_do_not_fit), DX_TEST(test_sequences_are_allowed),
             DX_TEST(test_counts_must_be_met), DX_TEST(test_keys_must_ascend),
             DX_TEST(test_keys_are_texts_or_integers), DX_TEST(test_tags_wrap_their_kind),
             DX_TEST(test_nesting), DX_TEST(test_items_are_taken_as_they_are),
             DX_TEST(test_the_buffers_error_is_the_writers))
