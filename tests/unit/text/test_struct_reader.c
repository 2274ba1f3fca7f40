/* tests/unit/text/test_struct_reader.c: updates read struct by struct: each kind of content, both forms, and what is refused. */
#include "fixtures.h"

#include "base/limits.h"
#include "text/struct_reader.h"

/* Reads an update to its end; the last struct and counts of all. */
typedef struct reading {
    dx_text_struct last;
    size_t sections, structs, deletes;
    int error;
} reading;

static reading read_all(test_alloc *alloc, dx_text_form form, const char *hex) {
    reading got = {.sections = 0};
    dx_text_reader reader;
    dx_text_section section;
    dx_id_range range;
    dx_buf update = from_hex(alloc, hex);
    dx_text_reader_init(&reader, &alloc->port);
    dx_text_reader_open(&reader, form, dx_buf_view(&update));
    while (dx_text_reader_section(&reader, &section)) {
        got.sections++;
        while (dx_text_reader_struct(&reader, &got.last)) {
            got.structs++;
        }
    }
    while (dx_text_reader_delete(&reader, &range)) {
        got.deletes++;
    }
    got.error = dx_text_reader_finish(&reader);
    dx_text_reader_deinit(&reader);
    dx_buf_deinit(&update);
    return got;
}

static void test_an_insert(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_reader reader;
    dx_text_section section;
    dx_text_struct one;
    dx_id_range range;
    dx_buf update = from_hex(&alloc, "0101040584040404626574610104020102"
                                     "0a03");
    dx_text_reader_init(&reader, &alloc.port);
    dx_text_reader_open(&reader, DX_TEXT_V1, dx_buf_view(&update));
    assert_true(dx_text_reader_section(&reader, &section));
    assert_int_equal(section.client, 4);
    assert_int_equal(section.clock, 5);
    assert_int_equal(section.count, 1);
    assert_true(dx_text_reader_struct(&reader, &one));
    assert_int_equal(one.ref, DX_TEXT_STRING);
    assert_int_equal(one.id.client, 4);
    assert_int_equal(one.id.clock, 5);
    assert_int_equal(one.length, 4);
    assert_true(one.has_origin && !one.has_right && !one.has_sub);
    assert_int_equal(one.origin.client, 4);
    assert_int_equal(one.origin.clock, 4);
    assert_bytes_equal(one.content, dx_bytes_text("beta"));
    assert_false(dx_text_reader_struct(&reader, &one));
    assert_false(dx_text_reader_section(&reader, &section));
    assert_true(dx_text_reader_delete(&reader, &range));
    assert_int_equal(range.client, 4);
    assert_int_equal(range.clock, 1);
    assert_int_equal(range.length, 2);
    assert_true(dx_text_reader_delete(&reader, &range));
    assert_int_equal(range.clock, 10);
    assert_int_equal(range.length, 3);
    assert_false(dx_text_reader_delete(&reader, &range));
    assert_int_equal(dx_text_reader_finish(&reader), DX_OK);
    dx_text_reader_deinit(&reader);
    dx_buf_deinit(&update);
    assert_int_equal(alloc.live_bytes, 0);
}

/* One struct of each kind; client 1, clock 0, root "t". */
static void test_kinds_of_content(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        uint8_t ref;
        uint64_t length;
        const char *content; /* in hexadecimal */
    } rows[] = {{"01010100"
                 "0005"
                 "00",
                 DX_TEXT_GC, 5, ""},
                {"01010100"
                 "010101740700",
                 DX_TEXT_DELETED, 7, ""},
                {"01010100"
                 "0201017402"
                 "0131"
                 "09756e646566696e6564"
                 "00",
                 DX_TEXT_JSON, 2, "013109756e646566696e6564"},
                {"01010100"
                 "0301017402ff00"
                 "00",
                 DX_TEXT_BINARY, 1, "ff00"},
                {"01010100"
                 "0401017404f09f9880"
                 "00",
                 DX_TEXT_STRING, 2, "f09f9880"},
                {"01010100"
                 "05010174077b2261223a317d"
                 "00",
                 DX_TEXT_EMBED, 1, "760101617d01"},
                {"01010100"
                 "060101740162"
                 "0474727565"
                 "00",
                 DX_TEXT_FORMAT, 1, "78"},
                {"01010100"
                 "060101740162"
                 "042261e2"
                 "00",
                 DX_TEXT_FORMAT, 0, NULL},
                {"01010100"
                 "07010174"
                 "03"
                 "0170"
                 "00",
                 DX_TEXT_TYPE, 1, ""},
                {"01010100"
                 "0801017402"
                 "7d01"
                 "770161"
                 "00",
                 DX_TEXT_ANY, 2, "7d01770161"},
                {"01010100"
                 "09010174"
                 "0167"
                 "7600"
                 "00",
                 DX_TEXT_DOC, 1, "7600"},
                {"01010100"
                 "0a09"
                 "00",
                 DX_TEXT_SKIP, 9, ""}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_text_reader reader;
        dx_text_section section;
        dx_text_struct one;
        dx_buf update = from_hex(&alloc, rows[i].hex);
        dx_text_reader_init(&reader, &alloc.port);
        dx_text_reader_open(&reader, DX_TEXT_V1, dx_buf_view(&update));
        assert_true(dx_text_reader_section(&reader, &section));
        assert_int_equal(dx_text_reader_struct(&reader, &one), rows[i].content != NULL);
        if (rows[i].content != NULL) {
            assert_int_equal(one.ref, rows[i].ref);
            assert_int_equal(one.length, rows[i].length);
            assert_hex_equal(&alloc, one.content, rows[i].content);
        }
        assert_int_equal(dx_text_reader_finish(&reader), rows[i].content != NULL ? DX_OK : DX_E_MALFORMED);
        dx_text_reader_deinit(&reader);
        dx_buf_deinit(&update);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_what_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *what, *hex;
        dx_text_form form;
        int error;
    } rows[] = {
        {"nothing", "", DX_TEXT_V1, DX_E_MALFORMED},
        {"bytes behind the last delete", "000000", DX_TEXT_V1, DX_OK},
        {"no delete set", "00", DX_TEXT_V1, DX_E_MALFORMED},
        {"two billion sections", "ffffffff0700", DX_TEXT_V1, DX_E_MALFORMED},
        {"two billion structs", "01ffffffff07010000", DX_TEXT_V1, DX_E_MALFORMED},
        {"two billion ranges", "000101ffffffff0700", DX_TEXT_V1, DX_E_MALFORMED},
        {"content 11", "010101000b01017400", DX_TEXT_V1, DX_E_UNSUPPORTED},
        {"content 31", "010101001f01017400", DX_TEXT_V1, DX_E_UNSUPPORTED},
        {"type 7", "01010100070101740700", DX_TEXT_V1, DX_E_UNSUPPORTED},
        {"empty string", "01010100040101740000", DX_TEXT_V1, DX_E_MALFORMED},
        {"empty GC", "01010100000000", DX_TEXT_V1, DX_E_MALFORMED},
        {"empty skip", "010101000a0000", DX_TEXT_V1, DX_E_MALFORMED},
        {"empty any", "01010100080101740000", DX_TEXT_V1, DX_E_MALFORMED},
        {"GC with an origin",
         "0101010080010005"
         "00",
         DX_TEXT_V1, DX_E_MALFORMED},
        {"parent neither root nor id", "010101000402017400", DX_TEXT_V1, DX_E_MALFORMED},
        {"clocks beyond 2^53", "010201000affffffffffffff0f0a0100", DX_TEXT_V1, DX_E_MALFORMED},
        {"deletes beyond 2^53", "00010101ffffffffffffff0f01", DX_TEXT_V1, DX_E_MALFORMED},
        {"no UTF-8", "010101000401017401ff00", DX_TEXT_V1, DX_E_MALFORMED},
        {"half a pair", "010101000401017403eda08000", DX_TEXT_V1, DX_E_MALFORMED},
        {"legacy JSON that is none",
         "0101010002010174010178"
         "00",
         DX_TEXT_V1, DX_E_MALFORMED},
        {"no columns", "00", DX_TEXT_V2, DX_E_MALFORMED},
        {"an unknown feature", "01000000000000000000000000", DX_TEXT_V2, DX_E_UNSUPPORTED},
        {"a string longer than all",
         "00000101000001040604746162630104"
         "0101000001010000",
         DX_TEXT_V2, DX_E_MALFORMED},
    };
    test_alloc alloc;
    test_alloc_init(&alloc);
    alloc.limit_bytes = 64 * 1024;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int error = read_all(&alloc, rows[i].form, rows[i].hex).error;
        if (error != rows[i].error) {
            fail_msg("%s: %d", rows[i].what, error);
        }
    }
    assert_int_equal(alloc.live_bytes, 0);
}

/* v2 has structs of no bytes: a column of one run says them all. */
static void test_structs_of_no_bytes(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    alloc.limit_bytes = 64 * 1024;
    /* columns: client 1 once; info 0 (GC) for ever; lengths 1 in a run of 2^31; rest: one section, that many structs */
    reading got = read_all(&alloc, DX_TEXT_V2,
                           "00000101000001000100000006"
                           "41feffffff07"
                           "0180808080080000");
    assert_int_equal(got.error, DX_E_LIMIT);
    assert_in_range(got.structs, DX_TEXT_STRUCTS_FREE, DX_TEXT_STRUCTS_FREE + 1000);
    got = read_all(&alloc, DX_TEXT_V2,
                   "00000101000001000100000002"
                   "4106"
                   "01080000");
    assert_int_equal(got.error, DX_OK);
    assert_int_equal(got.structs, 8);
}

/* A pair whose halves lie in the structs of two clients: v2 alone can say it. */
static void test_a_pair_apart(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_reader reader;
    dx_text_section section;
    dx_text_struct one;
    dx_buf update =
        from_hex(&alloc, "000003020102010200030400840b077461f09f98806201420001010000020100010000");
    dx_text_reader_init(&reader, &alloc.port);
    dx_text_reader_open(&reader, DX_TEXT_V2, dx_buf_view(&update));
    assert_true(dx_text_reader_section(&reader, &section));
    assert_int_equal(section.client, 2);
    assert_true(dx_text_reader_struct(&reader, &one));
    assert_hex_equal(&alloc, one.content, "61eda0bd");
    assert_int_equal(one.length, 2);
    assert_true(dx_text_reader_section(&reader, &section));
    assert_int_equal(section.client, 1);
    assert_true(dx_text_reader_struct(&reader, &one));
    assert_hex_equal(&alloc, one.content, "edb88062");
    assert_int_equal(dx_text_reader_finish(&reader), DX_OK);
    dx_text_reader_deinit(&reader);
    dx_buf_deinit(&update);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_an_insert), DX_TEST(test_kinds_of_content), DX_TEST(test_what_is_refused),
             DX_TEST(test_structs_of_no_bytes), DX_TEST(test_a_pair_apart))
