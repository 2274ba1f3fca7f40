/* tests/unit/codec/test_cbor_laws.c: laws of the encoding, tried on random values.
 *
 *   1. what the writer writes is accepted, and a copy made by hand is the same bytes;
 *   2. JSON and back is the same bytes;
 *   3. no proper beginning of an item is an item;
 *   4. after any change of one byte it is refused, or it is again canonical: the copy is the same bytes. */
#include "cbor_copy.h"
#include "test.h"

enum { VALUES = 5000, SIZE_MAX_TRIED = 1 << 16 };

static uint64_t below(test_random *random, uint64_t bound) {
    return test_random_next(random) % bound;
}

static void write_text(test_random *random, dx_writer *writer) {
    static const char *const pieces[] = {"a",
                                         "@ref",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "\xc3\xbc",
                                         "\xe6\xb0\xb4",
                                         "\xf0\x90\x85\x91",
                                         "\x7f",
                                         "long enough for a second byte of head"};
    char text[256] = "";
    size_t size = 0;
    for (uint64_t i = below(random, 4); i > 0; i--) {
        const char *piece = pieces[below(random, sizeof pieces / sizeof *pieces)];
        memcpy(text + size, piece, strlen(piece));
        size += strlen(piece);
    }
    dx_write_text_bytes(writer, dx_bytes_of(text, size));
}

/* Finite, of any width. */
static double any_double(test_random *random) {
    uint64_t bits = test_random_next(random);
    double value;
    switch (below(random, 3)) {
    case 0:
        return (double)(int64_t)below(random, 4096) / 16;
    case 1:
        bits &= ~((UINT64_C(1) << 29) - 1);
        bits = (bits & ~(UINT64_C(0x7ff) << 52)) | (UINT64_C(1023) - 150 + below(random, 300)) << 52;
        break;
    default:
        bits &= ~(UINT64_C(1) << 62);
        break;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

static int64_t any_int(test_random *random) {
    return (int64_t)(test_random_next(random) >> below(random, 64)) ^ -(int64_t)below(random, 2);
}

static void write_value(test_random *random, dx_writer *writer, int depth);

/* Keys ascend by construction: integers first, then texts of growing length. */
static void write_map(test_random *random, dx_writer *writer, int depth) {
    static const char *const texts[] = {"a", "b", "aa", "@map", "@ref", "@@ref", "@time", "@bytes"};
    uint64_t numbers = below(random, 4) == 0 ? below(random, 3) : 0;
    uint64_t first = below(random, 8);
    uint64_t last = first + below(random, 8 - first + 1);
    dx_write_map(writer, (size_t)(numbers + last - first));
    for (uint64_t i = 0; i < numbers; i++) {
        dx_write_int(writer, (int64_t)(i * 300 + below(random, 300)));
        write_value(random, writer, depth + 1);
    }
    for (uint64_t i = first; i < last; i++) {
        dx_write_text(writer, texts[i]);
        write_value(random, writer, depth + 1);
    }
}

static void write_value(test_random *random, dx_writer *writer, int depth) {
    uint8_t bytes[40];
    test_random_fill(random, bytes, sizeof bytes);
    dx_bytes some = dx_bytes_of(bytes, (size_t)below(random, sizeof bytes));
    switch (below(random, depth < 4 ? 12 : 8)) {
    case 0:
        dx_write_null(writer);
        break;
    case 1:
        dx_write_bool(writer, below(random, 2) != 0);
        break;
    case 2:
        dx_write_int(writer, any_int(random));
        break;
    case 3:
        dx_write_double(writer, any_double(random));
        break;
    case 4:
        dx_write_bytes(writer, some);
        break;
    case 5:
        write_text(random, writer);
        break;
    case 6:
        /* Years 0000 to 9999, often on a whole second or millisecond. */
        dx_write_timestamp(writer,
                           ((int64_t)below(random, UINT64_C(315569520000)) - INT64_C(62167219200)) * 1000000 +
                               (int64_t)(below(random, 3) * below(random, 1000) * 333) % 1000000);
        break;
    case 7:
        dx_write_tag(writer, DX_TAG_REFERENCE);
        dx_write_bytes(writer, below(random, 2) == 0 ? dx_bytes_of(bytes, DX_REFERENCE_SIZE) : some);
        break;
    case 8:
    case 9: {
        size_t count = (size_t)below(random, 5);
        dx_write_array(writer, count);
        for (size_t i = 0; i < count; i++) {
            write_value(random, writer, depth + 1);
        }
        break;
    }
    default:
        write_map(random, writer, depth);
        break;
    }
}

static void assert_copies(dx_bytes item, dx_buf *copy) {
    dx_buf_clear(copy);
    assert_true(copy_whole(item, copy));
    assert_true(dx_bytes_equal(dx_buf_view(copy), item));
}

static void assert_survives_json(dx_bytes item, dx_buf *json, dx_buf *back) {
    dx_writer writer;
    char message[96] = "";
    dx_buf_clear(json);
    dx_buf_clear(back);
    dx_writer_init(&writer, back);
    assert_int_equal(dx_json_print(item, json), DX_OK);
    if (dx_json_parse(dx_buf_view(json), &writer, message, sizeof message) != DX_OK ||
        dx_writer_finish(&writer) != DX_OK || !dx_bytes_equal(dx_buf_view(back), item)) {
        fail_msg("%.*s came back otherwise: %s", (int)json->size, (const char *)json->data, message);
    }
}

static void assert_changes_are_seen(test_random *random, dx_bytes item, dx_buf *copy) {
    uint8_t *changed = malloc(item.size);
    assert_non_null(changed);
    memcpy(changed, item.data, item.size);
    for (size_t i = 0; i < item.size; i++) {
        for (int bit = 0; bit < 9; bit++) {
            uint64_t change = bit == 8 ? below(random, 256) : UINT64_C(1) << bit;
            changed[i] = (uint8_t)(item.data[i] ^ change);
            dx_bytes mutant = dx_bytes_of(changed, item.size);
            dx_buf_clear(copy);
            bool by_hand = copy_whole(mutant, copy);
            assert_int_equal(by_hand, dx_item_check(mutant) == DX_OK); /* both ways in agree */
            if (by_hand) {
                assert_true(dx_bytes_equal(dx_buf_view(copy), mutant));
            }
        }
        changed[i] = item.data[i];
    }
    free(changed);
}

static void test_laws(void **state) {
    (void)state;
    test_alloc alloc;
    test_random random;
    test_alloc_init(&alloc);
    test_random_init(&random, 8949);
    dx_buf item, copy, json;
    dx_buf_init(&item, &alloc.port, SIZE_MAX_TRIED);
    dx_buf_init(&copy, &alloc.port, SIZE_MAX_TRIED);
    dx_buf_init(&json, &alloc.port, 8 * SIZE_MAX_TRIED);
    size_t tried_bytes = 0;
    for (int i = 0; i < VALUES; i++) {
        dx_writer writer;
        dx_buf_clear(&item);
        dx_writer_init(&writer, &item);
        write_value(&random, &writer, i % 2 == 0 ? 0 : 3);
        assert_int_equal(dx_writer_finish(&writer), DX_OK);
        dx_bytes bytes = dx_buf_view(&item);
        assert_int_equal(dx_item_check(bytes), DX_OK);
        assert_copies(bytes, &copy);
        assert_survives_json(bytes, &json, &copy);
        for (size_t size = 0; size < bytes.size && size < 2000; size++) {
            assert_int_equal(dx_item_check(dx_bytes_of(bytes.data, size)), DX_E_MALFORMED);
        }
        if (bytes.size < 600) {
            assert_changes_are_seen(&random, bytes, &copy);
        }
        tried_bytes += bytes.size;
    }
    assert_true(tried_bytes > 60000);
    dx_buf_deinit(&item);
    dx_buf_deinit(&copy);
    dx_buf_deinit(&json);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_laws))
