/* tests/unit/text/test_update_merge.c: many updates as one, byte for byte as Yjs merges them. */
#include "fixtures.h"

#include <dxos/text.h>

enum { UPDATES_MAX = 64 };

typedef struct updates {
    dx_buf bufs[UPDATES_MAX];
    dx_bytes views[UPDATES_MAX];
    size_t count;
} updates;

static void add(test_alloc *alloc, updates *all, const char *hex) {
    all->bufs[all->count] = from_hex(alloc, hex);
    all->views[all->count] = dx_buf_view(&all->bufs[all->count]);
    all->count++;
}

static void drop(updates *all) {
    for (size_t i = 0; i < all->count; i++) {
        dx_buf_deinit(&all->bufs[i]);
    }
    all->count = 0;
}

static int merge(test_alloc *alloc, dx_text_form form, const updates *all, dx_buf *out) {
    return dx_text_merge_updates(&alloc->port, form, all->views, all->count, out);
}

static void test_small(void **state) {
    (void)state;
    static const struct {
        const char *updates[4], *merged;
    } rows[] = {
        {{NULL}, "0000"},
        {{"0000"}, "0000"},
        {{"0000", "0000"}, "0000"},
        /* one client, in both orders */
        {{"01010100040101740161"
          "00",
          "0101010184010001"
          "6200"},
         "01020100040101740161840100016200"},
        {{"0101010184010001"
          "6200",
          "01010100040101740161"
          "00"},
         "01020100040101740161840100016200"},
        /* a hole is a skip; a later update fills it */
        {{"0101010084010001"
          "6100",
          "0101010284010101"
          "6300"},
         "0103010084010001610a018401010163"
         "00"},
        {{"0101010084010001"
          "6100",
          "0101010284010101"
          "6300",
          "0101010184010001"
          "6200"},
         "010301008401000161840100016284010101"
         "6300"},
        /* the greatest client first; deletes joined */
        {{"010101000401017401610101010001", "010102000401017401620101010102"},
         "02010200040101740162010100040101740161"
         "0101010003"},
        /* overlapping GC become one; touching ones of one update do not */
        {{"010101000005"
          "00",
          "010101030004"
          "00"},
         "010101000007"
         "00"},
        {{"0102010000020003"
          "00",
          "0000"},
         "0102010000020003"
         "00"},
        /* what is cut has the clock before as origin */
        {{"01010100040101740361626300", "010101000401017405616263646500"},
         "0102010004010174036162638401020264"
         "6500"},
        /* a client twice in one update, and clients in ascending order: no writer has them so */
        {{"02010100000101010100"
          "0200",
          "0000"},
         "010101000003"
         "00"},
        {{"020101000001010200000200", "0000"}, "020102000002010100000100"},
    };
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        updates all = {.count = 0};
        dx_buf out = buffer(&alloc);
        for (size_t k = 0; k < 4 && rows[i].updates[k] != NULL; k++) {
            add(&alloc, &all, rows[i].updates[k]);
        }
        assert_int_equal(merge(&alloc, DX_TEXT_V1, &all, &out), DX_OK);
        assert_hex_equal(&alloc, dx_buf_view(&out), rows[i].merged);
        dx_buf_deinit(&out);
        drop(&all);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_errors(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    updates all = {.count = 0};
    dx_buf out = buffer(&alloc);
    dx_buf_append(&out, "before", 6);
    add(&alloc, &all, "01010100040101740361626300");
    add(&alloc, &all, "0101010184010001");
    assert_int_equal(merge(&alloc, DX_TEXT_V1, &all, &out), DX_E_MALFORMED);
    assert_int_equal(merge(&alloc, (dx_text_form)3, &all, &out), DX_E_INVALID);
    assert_bytes_equal(dx_buf_view(&out), dx_bytes_text("before"));
    drop(&all);
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Every allocation fails once: an error, nothing appended, nothing lost. */
static void test_no_memory(void **state) {
    (void)state;
    bool failed = true;
    for (uint64_t fail_at = 1; failed; fail_at++) {
        test_alloc alloc, inputs;
        test_alloc_init(&alloc);
        test_alloc_init(&inputs);
        updates all = {.count = 0};
        add(&inputs, &all, "00000101000001040a077465787461626304030101000001010000");
        add(&inputs, &all, "020101000001010200000200");
        dx_buf v1 = buffer(&inputs);
        assert_int_equal(dx_text_convert_update(&inputs.port, DX_TEXT_V2, DX_TEXT_V1, all.views[0], &v1),
                         DX_OK);
        all.views[0] = dx_buf_view(&v1);
        dx_buf out = buffer(&alloc);
        alloc.fail_at = fail_at;
        int error = merge(&alloc, DX_TEXT_V1, &all, &out);
        failed = error == DX_E_NO_MEMORY;
        assert_true(failed || error == DX_OK);
        assert_true(!failed || out.size == 0);
        dx_buf_deinit(&out);
        dx_buf_deinit(&v1);
        drop(&all);
        assert_int_equal(alloc.live_bytes, 0);
        assert_true(fail_at > 1 || failed);
    }
}

/* Nine orders of delivery as Yjs merged them. */
static void test_fixtures(void **state) {
    (void)state;
    fixtures file;
    if (!fixtures_open(&file, "generated/update-algebra.json")) {
        skip();
    }
    dx_bytes list = dx_item_get(dx_buf_view(&file.item), "updates"), row, index;
    size_t merges = 0;
    for (dx_reader at = elements_of(dx_item_get(dx_buf_view(&file.item), "rows")); next_element(&at, &row);) {
        updates v1 = {.count = 0}, v2 = {.count = 0};
        for (dx_reader order = elements_of(dx_item_get(row, "order")); next_element(&order, &index);) {
            char *hex = text_of(element_at(list, (size_t)dx_item_int(index, 0)));
            add(&file.alloc, &v1, hex);
            free(hex);
            v2.bufs[v2.count] = buffer(&file.alloc);
            assert_int_equal(dx_text_convert_update(&file.alloc.port, DX_TEXT_V1, DX_TEXT_V2,
                                                    v1.views[v1.count - 1], &v2.bufs[v2.count]),
                             DX_OK);
            v2.views[v2.count] = dx_buf_view(&v2.bufs[v2.count]);
            v2.count++;
        }
        dx_buf got = buffer(&file.alloc), got_v2 = buffer(&file.alloc);
        dx_buf wanted = hex_of(&file.alloc, dx_item_get(row, "merged")),
               wanted_v2 = hex_of(&file.alloc, dx_item_get(row, "mergedV2"));
        assert_int_equal(merge(&file.alloc, DX_TEXT_V1, &v1, &got), DX_OK);
        assert_bytes_equal(dx_buf_view(&got), dx_buf_view(&wanted));
        assert_int_equal(merge(&file.alloc, DX_TEXT_V2, &v2, &got_v2), DX_OK);
        assert_bytes_equal(dx_buf_view(&got_v2), dx_buf_view(&wanted_v2));
        dx_buf_deinit(&got);
        dx_buf_deinit(&got_v2);
        dx_buf_deinit(&wanted);
        dx_buf_deinit(&wanted_v2);
        drop(&v1);
        drop(&v2);
        merges++;
    }
    assert_true(merges > 5);
    fixtures_close(&file);
}

DX_TEST_MAIN(DX_TEST(test_small), DX_TEST(test_errors), DX_TEST(test_no_memory), DX_TEST(test_fixtures))
