/* tests/lib/test_item.h: encoded items written as JSON in tests, and read back as JSON.
 *
 * test_item("…") lives until the program ends; each program may make a megabyte of them. */
#ifndef DX_TESTS_LIB_TEST_ITEM_H
#define DX_TESTS_LIB_TEST_ITEM_H

#include <dxos/codec.h>

#include "test.h"

static inline dx_bytes test_item(const char *json) {
    static uint8_t pool[1 << 20];
    static size_t used;
    char message[128] = "";
    test_alloc alloc;
    dx_buf buf;
    dx_writer writer;
    test_alloc_init(&alloc);
    dx_buf_init(&buf, &alloc.port, sizeof pool - used);
    dx_writer_init(&writer, &buf);
    if (dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message) != DX_OK ||
        dx_writer_finish(&writer) != DX_OK) {
        fail_msg("%s: %s", json, message);
    }
    dx_bytes item = dx_bytes_of(pool + used, buf.size);
    memcpy(pool + used, buf.data, buf.size);
    used += buf.size;
    dx_buf_deinit(&buf);
    return item;
}

/* Fails unless the item prints as this JSON. */
static inline void test_expect_item(dx_bytes item, const char *json) {
    test_alloc alloc;
    dx_buf text;
    test_alloc_init(&alloc);
    dx_buf_init(&text, &alloc.port, 1 << 20);
    assert_int_equal(dx_json_print(item, &text), DX_OK);
    dx_buf_append_byte(&text, 0);
    assert_string_equal((const char *)text.data, json);
    dx_buf_deinit(&text);
}

#endif
