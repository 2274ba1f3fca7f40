/* What other programs of the same format left behind: documents of Yjs 13.2, payloads and random runs of yrs, a paper's whole history. */
#include "documents.h"
#include "text_invariants.h"

static void check_whole(const dx_text_doc *doc) {
    const char *wrong = text_invariants(doc);
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}

/* JSON as one canonical item, so that orders of members do not count. */
static dx_buf canonical(test_alloc *alloc, dx_bytes json) {
    dx_buf out = buffer(alloc);
    dx_writer writer;
    char message[96];
    dx_writer_init(&writer, &out);
    assert_int_equal(dx_json_parse(json, &writer, message, sizeof message), DX_OK);
    return out;
}

static void assert_json(test_alloc *alloc, dx_bytes got, dx_bytes wanted) {
    dx_buf item = canonical(alloc, got), want = canonical(alloc, wanted);
    assert_bytes_equal(dx_buf_view(&item), dx_buf_view(&want));
    dx_buf_deinit(&want);
    dx_buf_deinit(&item);
}

/* What it says, another document takes, and says the same. */
static void check_says_again(test_alloc *alloc, const dx_text_doc *doc) {
    dx_buf v1 = encoded(alloc, doc, DX_TEXT_V1), v2 = encoded(alloc, doc, DX_TEXT_V2);
    dx_text_doc *first = new_document(alloc, 78, false), *second = new_document(alloc, 78, false);
    assert_int_equal(dx_text_apply(first, DX_TEXT_V1, dx_buf_view(&v1)), DX_OK);
    assert_int_equal(dx_text_apply(second, DX_TEXT_V2, dx_buf_view(&v2)), DX_OK);
    check_whole(first);
    check_whole(second);
    dx_buf again = encoded(alloc, first, DX_TEXT_V1), too = encoded(alloc, second, DX_TEXT_V1);
    assert_bytes_equal(dx_buf_view(&again), dx_buf_view(&too));
    dx_buf_deinit(&too);
    dx_buf_deinit(&again);
    dx_text_destroy(second);
    dx_text_destroy(first);
    dx_buf_deinit(&v2);
    dx_buf_deinit(&v1);
}

static void check_old_document(const char *name, const char *root, dx_text_kind kind) {
    char path[128];
    size_t size;
    fixtures expected;
    snprintf(path, sizeof path, "yjs-v13-compat/%s.expected.json", name);
    assert_true(fixtures_open(&expected, path));
    snprintf(path, sizeof path, "yjs-v13-compat/%s.update-v1.bin", name);
    uint8_t *update = fixture_file(path, &size);
    dx_text_doc *doc = new_document(&expected.alloc, 77, false);
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_bytes_of(update, size)), DX_OK);
    assert_false(dx_text_pending(doc));
    check_whole(doc);
    dx_text_type type;
    assert_int_equal(dx_text_root(doc, root, kind, &type), DX_OK);
    dx_buf json = buffer(&expected.alloc);
    assert_int_equal(
        kind == DX_TEXT_KIND_TEXT ? dx_text_delta(doc, type, &json) : dx_text_json(doc, type, &json), DX_OK);
    dx_buf item = canonical(&expected.alloc, dx_buf_view(&json));
    assert_bytes_equal(dx_buf_view(&item), dx_item_get(dx_buf_view(&expected.item), "expected"));
    check_says_again(&expected.alloc, doc);
    dx_buf_deinit(&item);
    dx_buf_deinit(&json);
    dx_text_destroy(doc);
    free(update);
    fixtures_close(&expected);
}

static void test_old_documents(void **state) {
    (void)state;
    if (getenv("DX_YJS_FIXTURES") == NULL) {
        skip();
    }
    check_old_document("ArrayCompatibilityV1", "array", DX_TEXT_KIND_ARRAY);
    check_old_document("MapDecodingCompatibilityV1", "map", DX_TEXT_KIND_MAP);
    check_old_document("TextDecodingCompatibilityV1", "text", DX_TEXT_KIND_TEXT);
}

/* Whatever form they are of: taken or refused, the document stays whole. */
static void test_payloads(void **state) {
    (void)state;
    fixtures all;
    if (!fixtures_open(&all, "yrs-payloads.json")) {
        skip();
    }
    size_t taken = 0;
    dx_bytes row;
    dx_text_doc *together = new_document(&all.alloc, 77, false);
    for (dx_reader rows = elements_of(dx_item_get(dx_buf_view(&all.item), "payloads"));
         next_element(&rows, &row);) {
        dx_buf update = hex_of(&all.alloc, dx_item_get(row, "hex"));
        for (dx_text_form form = DX_TEXT_V1; form <= DX_TEXT_V2; form++) {
            dx_text_doc *doc = new_document(&all.alloc, 77, false);
            if (dx_text_apply(doc, form, dx_buf_view(&update)) == DX_OK) {
                check_whole(doc);
                check_says_again(&all.alloc, doc);
                assert_int_equal(dx_text_apply(together, form, dx_buf_view(&update)), DX_OK);
                check_whole(together);
                taken++;
            }
            dx_text_destroy(doc);
        }
        dx_buf_deinit(&update);
    }
    print_message("# %zu taken\n", taken);
    assert_true(taken >= 105);
    dx_text_destroy(together);
    fixtures_close(&all);
}

static void check_root(test_alloc *alloc, dx_text_doc *doc, const char *name, dx_text_kind kind,
                       dx_bytes any) {
    dx_text_type type;
    dx_buf json = buffer(alloc), want = buffer(alloc);
    assert_int_equal(dx_text_root(doc, name, kind, &type), DX_OK);
    assert_int_equal(dx_text_json(doc, type, &json), DX_OK);
    dx_any_to_json(any, &want);
    assert_json(alloc, dx_buf_view(&json), dx_buf_view(&want));
    dx_buf_deinit(&want);
    dx_buf_deinit(&json);
}

/* Runs of updates in the order they arrived, and what the text, the map and the array then are. */
static void test_random_runs(void **state) {
    (void)state;
    size_t size;
    uint8_t *bytes = fixture_file("yrs-small-test-dataset.bin", &size);
    if (bytes == NULL) {
        skip();
    }
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_lib0_reader reader = dx_lib0_reader_of(dx_bytes_of(bytes, size));
    uint64_t runs = dx_lib0_read_uint(&reader);
    assert_int_equal(runs, 5320);
    for (uint64_t run = 0; run < runs; run++) {
        dx_text_doc *doc = new_document(&alloc, 77, false);
        for (uint64_t left = dx_lib0_read_uint(&reader); left > 0; left--) {
            dx_bytes update = dx_lib0_read_bytes(&reader);
            assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, update), DX_OK);
        }
        dx_bytes text = dx_lib0_read_bytes(&reader), map = dx_lib0_read_any(&reader),
                 array = dx_lib0_read_any(&reader);
        assert_int_equal(reader.error, DX_OK);
        dx_text_type type;
        dx_buf characters = buffer(&alloc);
        assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
        assert_int_equal(dx_text_read(doc, type, &characters), DX_OK);
        assert_bytes_equal(dx_buf_view(&characters), text);
        check_root(&alloc, doc, "map", DX_TEXT_KIND_MAP, map);
        check_root(&alloc, doc, "array", DX_TEXT_KIND_ARRAY, array);
        check_whole(doc);
        dx_buf_deinit(&characters);
        dx_text_destroy(doc);
    }
    assert_int_equal(alloc.live_bytes, 0);
    free(bytes);
}

/* A paper as it was typed, in one update. */
static void test_paper(void **state) {
    (void)state;
    size_t size;
    uint8_t *bytes = fixture_file("yrs-b4-update.bin", &size);
    if (bytes == NULL) {
        skip();
    }
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_doc *doc = new_document(&alloc, 77, false);
    dx_text_type type;
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V1, dx_bytes_of(bytes, size)), DX_OK);
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    assert_int_equal(dx_text_length(doc, type), 104852);
    check_whole(doc);
    check_says_again(&alloc, doc);
    dx_text_destroy(doc);
    assert_int_equal(alloc.live_bytes, 0);
    free(bytes);
}

DX_TEST_MAIN(DX_TEST(test_old_documents), DX_TEST(test_payloads), DX_TEST(test_random_runs),
             DX_TEST(test_paper))
