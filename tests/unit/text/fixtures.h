/* tests/unit/text/fixtures.h: bytes that Yjs made, for the tests of the text room.
 *
 * The folder of DX_YJS_FIXTURES holds them (JSON, bytes in hexadecimal); where it is not set a test that needs them is skipped, and
 * its own small cases stand beside. */
#ifndef DX_TESTS_TEXT_FIXTURES_H
#define DX_TESTS_TEXT_FIXTURES_H

#include "test.h"

#include <dxos/codec.h>

/* What a test allocates by, until it ends. */
typedef struct fixtures {
    test_alloc alloc;
    dx_buf item; /* the file as an item */
} fixtures;

static inline dx_buf buffer(test_alloc *alloc) {
    dx_buf out;
    dx_buf_init(&out, &alloc->port, SIZE_MAX / 4);
    return out;
}

/* Bytes from hexadecimal, to be freed by dx_buf_deinit. */
static inline dx_buf from_hex(test_alloc *alloc, const char *hex) {
    dx_buf out = buffer(alloc);
    size_t size = strlen(hex) / 2;
    uint8_t *room = size == 0 ? NULL : dx_buf_extend(&out, size);
    assert_int_equal(size == 0 ? DX_OK : dx_hex_decode(hex, 2 * size, room, size), DX_OK);
    return out;
}

static inline void assert_bytes_equal(dx_bytes got, dx_bytes wanted) {
    if (!dx_bytes_equal(got, wanted)) {
        char *hex = malloc(2 * (got.size > wanted.size ? got.size : wanted.size) + 1);
        dx_hex_encode(wanted, hex);
        print_message("# wanted %s\n", hex);
        dx_hex_encode(got, hex);
        print_message("# got    %s\n", hex);
        free(hex);
        fail_msg("bytes differ");
    }
}

static inline void assert_hex_equal(test_alloc *alloc, dx_bytes got, const char *hex) {
    dx_buf wanted = from_hex(alloc, hex);
    assert_bytes_equal(got, dx_buf_view(&wanted));
    dx_buf_deinit(&wanted);
}

/* The text of an item that is one, to be freed by free. */
static inline char *text_of(dx_bytes item) {
    dx_bytes text = dx_item_text(item);
    char *copy = malloc(text.size + 1);
    memcpy(copy, text.data == NULL ? (const uint8_t *)"" : text.data, text.size);
    copy[text.size] = 0;
    return copy;
}

/* Bytes that stand in hexadecimal in an item; an item that is no text gives none. */
static inline dx_buf hex_of(test_alloc *alloc, dx_bytes item) {
    char *hex = text_of(item);
    dx_buf out = from_hex(alloc, hex);
    free(hex);
    return out;
}

/* The bytes of a file, to be freed by free; NULL: it is not there, or there are no fixtures. */
static inline uint8_t *fixture_file(const char *name, size_t *size) {
    const char *folder = getenv("DX_YJS_FIXTURES");
    char path[1024];
    *size = 0;
    snprintf(path, sizeof path, "%s/%s", folder == NULL ? "" : folder, name);
    FILE *file = folder == NULL ? NULL : fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    uint8_t *bytes = malloc(16 << 20);
    *size = fread(bytes, 1, 16 << 20, file);
    fclose(file);
    return bytes;
}

/* Half a pair that JSON escapes is no character to the codec: U+FFFD stands there then. */
static inline void replace_halves(uint8_t *json, size_t size) {
    for (size_t i = 0; i + 6 <= size; i++) {
        if (memcmp(json + i, "\\ud", 3) == 0 && json[i + 3] >= '8') {
            memcpy(json + i, "\\ufffd", 6);
        }
    }
}

/* False: there are no fixtures. */
static inline bool fixtures_open(fixtures *it, const char *name) {
    size_t size;
    uint8_t *json = fixture_file(name, &size);
    if (json == NULL) {
        return false;
    }
    dx_writer writer;
    char message[96] = "";
    replace_halves(json, size);
    test_alloc_init(&it->alloc);
    it->item = buffer(&it->alloc);
    dx_writer_init(&writer, &it->item);
    if (dx_json_parse(dx_bytes_of(json, size), &writer, message, sizeof message) != DX_OK) {
        fail_msg("%s: %s", name, message);
    }
    free(json);
    return true;
}

static inline void fixtures_close(fixtures *it) {
    dx_buf_deinit(&it->item);
    assert_int_equal(it->alloc.live_bytes, 0);
}

/* Walks an array: for (dx_reader at = elements_of(item); next_element(&at, &element);) */
static inline dx_reader elements_of(dx_bytes array) {
    dx_reader reader;
    dx_reader_init(&reader, array);
    (void)dx_read_array(&reader);
    return reader;
}

static inline bool next_element(dx_reader *at, dx_bytes *element) {
    if (dx_reader_peek(at) == DX_KIND_NONE) {
        return false;
    }
    *element = dx_read_item(at);
    return true;
}

static inline dx_bytes element_at(dx_bytes array, size_t index) {
    dx_reader at = elements_of(array);
    dx_bytes element = {NULL, 0};
    for (size_t i = 0; i <= index; i++) {
        assert_true(next_element(&at, &element));
    }
    return element;
}

#endif
