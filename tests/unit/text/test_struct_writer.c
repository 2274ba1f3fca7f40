/* tests/unit/text/test_struct_writer.c: what was read is written again, byte for byte, in its own form and in the other; slices. */
#include "fixtures.h"

#include "text/struct_reader.h"
#include "text/struct_writer.h"

/* Reads an update and writes it in a form. */
static int rewrite(test_alloc *alloc, dx_text_form from, dx_text_form to, dx_bytes update, dx_buf *out) {
    dx_text_reader reader;
    dx_text_writer writer;
    dx_text_section section;
    dx_text_struct one;
    dx_id_range range;
    dx_id_set deletes;
    dx_id_set_init(&deletes, &alloc->port);
    dx_text_reader_init(&reader, &alloc->port);
    dx_text_writer_init(&writer, &alloc->port);
    dx_text_reader_open(&reader, from, update);
    dx_text_writer_begin(&writer, to, out);
    while (dx_text_reader_section(&reader, &section)) {
        dx_text_writer_section(&writer, section.client, section.clock);
        while (dx_text_reader_struct(&reader, &one)) {
            dx_text_writer_struct(&writer, &one, 0);
        }
    }
    while (dx_text_reader_delete(&reader, &range)) {
        assert_int_equal(dx_id_set_add(&deletes, range.client, range.clock, range.length), DX_OK);
    }
    dx_id_set_settle(&deletes);
    int error = dx_text_reader_finish(&reader);
    int written = dx_text_writer_finish(&writer, &deletes);
    dx_id_set_deinit(&deletes);
    dx_text_reader_deinit(&reader);
    dx_text_writer_deinit(&writer);
    return error != DX_OK ? error : written;
}

static void check_rewritten(test_alloc *alloc, dx_text_form from, dx_bytes update, dx_text_form to,
                            dx_bytes wanted) {
    dx_buf out = buffer(alloc);
    assert_int_equal(rewrite(alloc, from, to, update, &out), DX_OK);
    assert_bytes_equal(dx_buf_view(&out), wanted);
    dx_buf_deinit(&out);
}

static void check_all_ways(test_alloc *alloc, dx_bytes v1, dx_bytes v2) {
    check_rewritten(alloc, DX_TEXT_V1, v1, DX_TEXT_V1, v1);
    check_rewritten(alloc, DX_TEXT_V1, v1, DX_TEXT_V2, v2);
    check_rewritten(alloc, DX_TEXT_V2, v2, DX_TEXT_V2, v2);
    check_rewritten(alloc, DX_TEXT_V2, v2, DX_TEXT_V1, v1);
}

static void test_small_updates(void **state) {
    (void)state;
    static const struct {
        const char *v1, *v2;
    } rows[] = {
        {"0000", "00000000000001000000000000"},
        {"01010100040104746578740361626300", "00000101000001040a077465787461626304030101000001010000"},
        {"01010102440101016c00", "0000024100000102014403016c0100000001010200"},
        {"000104010001", "0000000000000100000000000104010000"},
        {"0101010005010174077b2261223a317d00", "00000101000001050301740101010000010100760101617d0100"}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf v1 = from_hex(&alloc, rows[i].v1), v2 = from_hex(&alloc, rows[i].v2);
        check_all_ways(&alloc, dx_buf_view(&v1), dx_buf_view(&v2));
        dx_buf_deinit(&v1);
        dx_buf_deinit(&v2);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

/* All that Yjs wrote in both forms in the scenarios: updates of transactions and whole documents. */
static void test_scenarios(void **state) {
    (void)state;
    fixtures all;
    if (!fixtures_open(&all, "generated/scenarios.json")) {
        skip();
    }
    static const char *const pairs[][2] = {{"updatesV1", "updatesV2"}, {"v1", "v2"}};
    size_t updates = 0;
    dx_reader at;
    dx_reader_init(&at, dx_buf_view(&all.item));
    for (size_t left = dx_read_map(&at); left > 0; left--) {
        (void)dx_read_item(&at);
        dx_bytes scenario = dx_read_item(&at);
        for (size_t i = 0; i < 2; i++) {
            dx_bytes first = dx_item_get(scenario, pairs[i][0]), second = dx_item_get(scenario, pairs[i][1]);
            bool list = dx_item_kind(first) == DX_KIND_ARRAY;
            dx_reader firsts = elements_of(first), seconds = elements_of(second);
            while (!list || next_element(&firsts, &first)) {
                assert_true(!list || next_element(&seconds, &second));
                dx_buf v1 = hex_of(&all.alloc, first), v2 = hex_of(&all.alloc, second);
                check_all_ways(&all.alloc, dx_buf_view(&v1), dx_buf_view(&v2));
                dx_buf_deinit(&v1);
                dx_buf_deinit(&v2);
                updates++;
                if (!list) {
                    break;
                }
            }
        }
    }
    assert_true(updates > 50);
    fixtures_close(&all);
}

/* What yrs wrote, in one form or the other, is read, and written again the same; but for one that an old yrs wrote with a range
 * more than it counted. The kinds that the file names are guesses. */
static void test_payloads_of_yrs(void **state) {
    (void)state;
    fixtures all;
    if (!fixtures_open(&all, "yrs-payloads.json")) {
        skip();
    }
    size_t read = 0, same = 0;
    dx_bytes row;
    for (dx_reader at = elements_of(dx_item_get(dx_buf_view(&all.item), "payloads"));
         next_element(&at, &row);) {
        dx_buf update = hex_of(&all.alloc, dx_item_get(row, "hex"));
        size_t read_before = read, same_before = same;
        for (dx_text_form form = DX_TEXT_V1; form <= DX_TEXT_V2; form++) {
            dx_buf once = buffer(&all.alloc), twice = buffer(&all.alloc);
            if (rewrite(&all.alloc, form, form, dx_buf_view(&update), &once) == DX_OK) {
                read = read_before + 1;
                assert_int_equal(rewrite(&all.alloc, form, form, dx_buf_view(&once), &twice), DX_OK);
                assert_bytes_equal(dx_buf_view(&twice), dx_buf_view(&once));
                same = dx_bytes_equal(dx_buf_view(&once), dx_buf_view(&update)) ? same_before + 1 : same;
            }
            dx_buf_deinit(&once);
            dx_buf_deinit(&twice);
        }
        dx_buf_deinit(&update);
    }
    assert_int_equal(read, 105); /* the other two are state vectors */
    assert_int_equal(same, 104);
    fixtures_close(&all);
}

/* Counts of more than a byte are put before what was written already: sections, and structs of the first and of the last. */
static void test_large_counts(void **state) {
    (void)state;
    enum { SECTIONS = 200, STRUCTS = 300 };
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (dx_text_form form = DX_TEXT_V1; form <= DX_TEXT_V2; form++) {
        dx_text_writer writer;
        dx_text_reader reader;
        dx_text_section section;
        dx_text_struct one = {.ref = DX_TEXT_GC, .length = 2};
        dx_buf out = buffer(&alloc);
        dx_buf_append(&out, "before", 6);
        dx_text_writer_init(&writer, &alloc.port);
        dx_text_writer_begin(&writer, form, &out);
        for (uint64_t client = SECTIONS; client > 0; client--) {
            dx_text_writer_section(&writer, client, client);
            for (uint64_t i = client % 2 == 0 ? STRUCTS : 1; i > 0; i--) {
                dx_text_writer_struct(&writer, &one, 0);
            }
        }
        assert_int_equal(dx_text_writer_finish(&writer, NULL), DX_OK);
        assert_memory_equal(out.data, "before", 6);
        dx_text_reader_init(&reader, &alloc.port);
        dx_text_reader_open(&reader, form, dx_bytes_of(out.data + 6, out.size - 6));
        for (uint64_t client = SECTIONS; client > 0; client--) {
            assert_true(dx_text_reader_section(&reader, &section));
            assert_int_equal(section.client, client);
            assert_int_equal(section.clock, client);
            assert_int_equal(section.count, client % 2 == 0 ? STRUCTS : 1);
        }
        assert_false(dx_text_reader_section(&reader, &section));
        assert_int_equal(dx_text_reader_finish(&reader), DX_OK);
        dx_text_reader_deinit(&reader);
        dx_text_writer_deinit(&writer);
        dx_buf_deinit(&out);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

/* From an offset on: what is cut has the clock before as origin, whatever it had. */
static void test_offsets(void **state) {
    (void)state;
    static const struct {
        const char *update;
        uint64_t offset;
        const char *wanted;
    } rows[] = {{"01010100040101740361626300", 2, "01010102840101016300"},
                {"01010100040101740561f09f988000", 2,
                 "01010102840101"
                 "03efbfbd00"}, /* half a pair */
                {"010101000101017405"
                 "00",
                 3,
                 "01010103810102"
                 "0200"},
                {"0101010008010174037d01770161"
                 "7e00",
                 1,
                 "01010101880100"
                 "027701617e00"},
                {"0101010002010174020131"
                 "013200",
                 1,
                 "01010101820100"
                 "01013200"},
                {"0101010000"
                 "0700",
                 3,
                 "0101010300"
                 "0400"},
                {"010101000a"
                 "0700",
                 3,
                 "010101030a"
                 "0400"},
                {"01010100c40900080"
                 "30361626300",
                 1,
                 "01010101c401000803026263"
                 "00"}}; /* the right origin stays */
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_text_reader reader;
        dx_text_writer writer;
        dx_text_section section;
        dx_text_struct one;
        dx_buf update = from_hex(&alloc, rows[i].update), out = buffer(&alloc);
        dx_text_reader_init(&reader, &alloc.port);
        dx_text_writer_init(&writer, &alloc.port);
        dx_text_reader_open(&reader, DX_TEXT_V1, dx_buf_view(&update));
        assert_true(dx_text_reader_section(&reader, &section));
        assert_true(dx_text_reader_struct(&reader, &one));
        dx_text_writer_begin(&writer, DX_TEXT_V1, &out);
        dx_text_writer_section(&writer, section.client, section.clock + rows[i].offset);
        dx_text_writer_struct(&writer, &one, rows[i].offset);
        assert_int_equal(dx_text_writer_finish(&writer, NULL), DX_OK);
        assert_hex_equal(&alloc, dx_buf_view(&out), rows[i].wanted);
        dx_text_reader_deinit(&reader);
        dx_text_writer_deinit(&writer);
        dx_buf_deinit(&update);
        dx_buf_deinit(&out);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

/* Every allocation fails once, and a buffer that is too small: the buffer is as it was, and takes the next update. */
static void test_no_memory(void **state) {
    (void)state;
    test_alloc inputs;
    test_alloc_init(&inputs);
    dx_buf update = from_hex(&inputs, "010201000601017401620522726564228401000"
                                      "3616263"
                                      "0101010001");
    for (dx_text_form form = DX_TEXT_V1; form <= DX_TEXT_V2; form++) {
        int error = DX_E_NO_MEMORY;
        for (uint64_t fail_at = 1; error == DX_E_NO_MEMORY; fail_at++) {
            test_alloc alloc;
            test_alloc_init(&alloc);
            dx_buf out;
            dx_buf_init(&out, &inputs.port, SIZE_MAX / 4);
            dx_buf_append(&out, "x", 1);
            dx_text_reader reader;
            dx_text_writer writer;
            dx_text_section section;
            dx_text_struct one;
            dx_text_reader_init(&reader, &inputs.port);
            dx_text_writer_init(&writer, &alloc.port);
            dx_text_reader_open(&reader, DX_TEXT_V1, dx_buf_view(&update));
            alloc.fail_at = fail_at;
            dx_text_writer_begin(&writer, form, &out);
            while (dx_text_reader_section(&reader, &section)) {
                dx_text_writer_section(&writer, section.client, section.clock);
                while (dx_text_reader_struct(&reader, &one)) {
                    dx_text_writer_struct(&writer, &one, 0);
                }
            }
            error = dx_text_writer_finish(&writer, NULL);
            assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
            assert_true(error == DX_OK || (out.size == 1 && out.error == DX_OK));
            assert_int_equal(dx_text_reader_finish(&reader), DX_OK);
            dx_text_reader_deinit(&reader);
            dx_text_writer_deinit(&writer);
            dx_buf_deinit(&out);
            assert_int_equal(alloc.live_bytes, 0);
        }
    }
    dx_buf small;
    dx_buf_init(&small, &inputs.port, 8);
    assert_int_equal(
        dx_text_convert_update(&inputs.port, DX_TEXT_V1, DX_TEXT_V1, dx_buf_view(&update), &small),
        DX_E_LIMIT);
    assert_int_equal(small.size, 0);
    dx_buf_deinit(&small);
    dx_buf_deinit(&update);
    assert_int_equal(inputs.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_small_updates), DX_TEST(test_scenarios), DX_TEST(test_payloads_of_yrs),
             DX_TEST(test_large_counts), DX_TEST(test_offsets), DX_TEST(test_no_memory))
