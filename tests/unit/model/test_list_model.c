/* tests/unit/model/test_list_model.c: model/list_model.c: what people see when they edit one list at once.
 * Names model/list_element.c, model/list_layout.c and model/list_inverse.c too. */
#include <dxos/model.h>

#include "test.h"

typedef struct fixture {
    test_alloc alloc;
    void *states[2]; /* of two people */
    uint64_t counter;
    dx_buf operations[64];
    dx_stamp stamps[64];
    size_t count;
    size_t known[2]; /* operations that each has taken */
} fixture;

static void fixture_init(fixture *f) {
    const dx_stamp created = {.counter = 1};
    memset(f, 0, sizeof *f);
    test_alloc_init(&f->alloc);
    f->states[0] = dx_list_model.create(&f->alloc.port, &created);
    f->states[1] = dx_list_model.create(&f->alloc.port, &created);
    f->counter = 1;
}

static void fixture_deinit(fixture *f) {
    for (size_t i = 0; i < 2; i++) {
        dx_list_model.destroy(&f->alloc.port, f->states[i]);
    }
    for (size_t i = 0; i < f->count; i++) {
        dx_buf_deinit(&f->operations[i]);
    }
    assert_int_equal(f->alloc.live_bytes, 0);
}

/* One person asks for an edit; it takes effect there. */
static int edit(fixture *f, size_t who, const char *json) {
    dx_buf request, *operation = &f->operations[f->count];
    dx_writer writer;
    dx_stamp *stamp = &f->stamps[f->count];
    dx_buf_init(&request, &f->alloc.port, 1 << 16);
    dx_buf_init(operation, &f->alloc.port, 1 << 16);
    dx_writer_init(&writer, &request);
    assert_int_equal(dx_json_parse(dx_bytes_text(json), &writer, NULL, 0), DX_OK);
    *stamp = (dx_stamp){.counter = ++f->counter};
    memset(stamp->feed, (int)who + 1, sizeof stamp->feed);
    int error = dx_list_model.prepare(f->states[who], stamp->feed, dx_buf_view(&request), operation);
    dx_buf_deinit(&request);
    if (error == DX_OK) {
        assert_int_equal(dx_list_model.apply(f->states[who], dx_buf_view(operation), stamp), DX_OK);
        f->count++;
    } else {
        dx_buf_deinit(operation);
    }
    return error;
}

/* Both take everything. */
static void exchange(fixture *f) {
    for (size_t who = 0; who < 2; who++) {
        for (size_t i = 0; i < f->count; i++) {
            assert_int_equal(
                dx_list_model.apply(f->states[who], dx_buf_view(&f->operations[i]), &f->stamps[i]), DX_OK);
        }
    }
}

static void show(fixture *f, size_t who, char *out, size_t size) {
    dx_buf item, json;
    dx_writer writer;
    dx_buf_init(&item, &f->alloc.port, 1 << 16);
    dx_buf_init(&json, &f->alloc.port, 1 << 16);
    dx_writer_init(&writer, &item);
    assert_int_equal(dx_list_model.view(f->states[who], &writer), DX_OK);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    assert_int_equal(dx_json_print(dx_buf_view(&item), &json), DX_OK);
    snprintf(out, size, "%.*s", (int)json.size, (const char *)json.data);
    dx_buf_deinit(&item);
    dx_buf_deinit(&json);
}

#define assert_list(f, who, expected)                                                                        \
    do {                                                                                                     \
        char shown[512];                                                                                     \
        show(f, who, shown, sizeof shown);                                                                   \
        assert_string_equal(shown, expected);                                                                \
    } while (0)

static void test_one_person(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_list(&f, 0, "[]");
    assert_int_equal(edit(&f, 0, "{\"insert\": 0, \"values\": [1, 2, 3]}"), DX_OK);
    assert_int_equal(edit(&f, 0, "{\"insert\": 0, \"values\": [\"first\"]}"), DX_OK);
    assert_int_equal(edit(&f, 0, "{\"insert\": 4, \"values\": [\"last\"]}"), DX_OK);
    assert_int_equal(edit(&f, 0, "{\"insert\": 2, \"values\": [{\"a\": 1}]}"), DX_OK);
    assert_list(&f, 0, "[\"first\",1,{\"a\":1},2,3,\"last\"]");
    assert_int_equal(edit(&f, 0, "{\"delete\": 1, \"count\": 2}"), DX_OK);
    assert_list(&f, 0, "[\"first\",2,3,\"last\"]");
    assert_int_equal(edit(&f, 0, "{\"move\": 0, \"to\": 3}"), DX_OK);
    assert_list(&f, 0, "[2,3,\"last\",\"first\"]");
    assert_int_equal(edit(&f, 0, "{\"move\": 2, \"to\": 0}"), DX_OK);
    assert_list(&f, 0, "[\"last\",2,3,\"first\"]");
    assert_int_equal(edit(&f, 0, "{\"move\": 1, \"to\": 1}"), DX_OK);
    assert_list(&f, 0, "[\"last\",2,3,\"first\"]");
    assert_int_equal(edit(&f, 0, "{\"set\": 3, \"value\": null}"), DX_OK);
    assert_int_equal(edit(&f, 0, "{\"delete\": 0}"), DX_OK);
    assert_list(&f, 0, "[2,3,null]");
    assert_int_equal(edit(&f, 0, "{\"insert\": 0, \"values\": []}"), DX_OK);
    exchange(&f);
    assert_list(&f, 1, "[2,3,null]");
    fixture_deinit(&f);
}

static void test_requests_that_cannot_be(void **state) {
    (void)state;
    static const char *const requests[] = {"{}",
                                           "1",
                                           "{\"insert\": 2, \"values\": [1]}",
                                           "{\"insert\": 0}",
                                           "{\"insert\": 0, \"values\": 1}",
                                           "{\"delete\": 1}",
                                           "{\"delete\": 0, \"count\": 2}",
                                           "{\"delete\": -1}",
                                           "{\"delete\": 0, \"count\": -1}",
                                           "{\"move\": 0, \"to\": 1}",
                                           "{\"move\": 1, \"to\": 0}",
                                           "{\"move\": 0}",
                                           "{\"set\": 0}",
                                           "{\"set\": 1, \"value\": 1}"};
    fixture f;
    fixture_init(&f);
    assert_int_equal(edit(&f, 0, "{\"insert\": 0, \"values\": [7]}"), DX_OK);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        assert_int_equal(edit(&f, 0, requests[i]), DX_E_INVALID);
    }
    assert_list(&f, 0, "[7]");
    fixture_deinit(&f);
}

/* What two write at one place, one after the other or each towards the front, stays in two runs. */
static void test_runs_do_not_interleave(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(edit(&f, 0, "{\"insert\": 0, \"values\": [\"(\", \")\"]}"), DX_OK);
    exchange(&f);
    for (int i = 0; i < 3; i++) {
        char json[64];
        for (size_t who = 0; who < 2; who++) {
            snprintf(json, sizeof json, "{\"insert\": %d, \"values\": [\"%c%d\"]}", i + 1, "ab"[who], i);
            assert_int_equal(edit(&f, who, json), DX_OK);
        }
    }
    exchange(&f);
    assert_list(&f, 0, "[\"(\",\"a0\",\"a1\",\"a2\",\"b0\",\"b1\",\"b2\",\")\"]");
    assert_list(&f, 1, "[\"(\",\"a0\",\"a1\",\"a2\",\"b0\",\"b1\",\"b2\",\")\"]");
    fixture_deinit(&f);
    fixture_init(&f);
    assert_int_equal(edit(&f, 0, "{\"insert\": 0, \"values\": [\"(\", \")\"]}"), DX_OK);
    exchange(&f);
    for (int i = 2; i >= 0; i--) {
        char json[64];
        for (size_t who = 0; who < 2; who++) {
            snprintf(json, sizeof json, "{\"insert\": 1, \"values\": [\"%c%d\"]}", "ab"[who], i);
            assert_int_equal(edit(&f, who, json), DX_OK);
        }
    }
    exchange(&f);
    assert_list(&f, 0, "[\"(\",\"a0\",\"a1\",\"a2\",\"b0\",\"b1\",\"b2\",\")\"]");
    fixture_deinit(&f);
}

static void test_moves_meet(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(edit(&f, 0, "{\"insert\": 0, \"values\": [1, 2, 3, 4]}"), DX_OK);
    exchange(&f);
    /* Both move 1: it stands once, where the later one put it. */
    assert_int_equal(edit(&f, 0, "{\"move\": 0, \"to\": 3}"), DX_OK);
    assert_int_equal(edit(&f, 1, "{\"move\": 0, \"to\": 1}"), DX_OK);
    exchange(&f);
    assert_list(&f, 0, "[2,1,3,4]");
    assert_list(&f, 1, "[2,1,3,4]");
    /* One deletes what the other moves: it is gone. */
    assert_int_equal(edit(&f, 0, "{\"delete\": 3}"), DX_OK);
    assert_int_equal(edit(&f, 1, "{\"move\": 3, \"to\": 0}"), DX_OK);
    assert_int_equal(edit(&f, 1, "{\"set\": 0, \"value\": \"four\"}"), DX_OK);
    exchange(&f);
    assert_list(&f, 0, "[2,1,3]");
    assert_list(&f, 1, "[2,1,3]");
    /* One changes what the other moves: both hold. */
    assert_int_equal(edit(&f, 0, "{\"set\": 2, \"value\": \"three\"}"), DX_OK);
    assert_int_equal(edit(&f, 1, "{\"move\": 2, \"to\": 0}"), DX_OK);
    exchange(&f);
    assert_list(&f, 0, "[\"three\",2,1]");
    assert_list(&f, 1, "[\"three\",2,1]");
    fixture_deinit(&f);
}

/* Circles of positions, elements that are not there, edits of positions: nothing of it shows, or hangs. */
static void test_nonsense_is_harmless(void **state) {
    (void)state;
    static const char feed[] = "{\"@bytes\": \"AAAAAAAAAAAAAAAAAAAAAA\"}";
    char json[1024];
    fixture f;
    dx_buf operation;
    dx_writer writer;
    const dx_stamp stamp = {.counter = 9};
    fixture_init(&f);
    snprintf(
        json, sizeof json,
        "[[0, [9, %s, 1], true, 1], [0, [9, %s, 0], false, 2], [0, [9, %s, 2], true, 3], [0, null, true, 4],"
        " [1, [3], true, [7, %s, 7]], [1, [3], false, [4]], [3, [7, %s, 8], 5], [2, [9, %s, 4]]]",
        feed, feed, feed, feed, feed, feed);
    dx_buf_init(&operation, &f.alloc.port, 1 << 16);
    dx_writer_init(&writer, &operation);
    assert_int_equal(dx_json_parse(dx_bytes_text(json), &writer, NULL, 0), DX_OK);
    assert_int_equal(dx_list_model.apply(f.states[0], dx_buf_view(&operation), &stamp), DX_OK);
    assert_list(&f, 0, "[4]");
    dx_buf_deinit(&operation);
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_one_person), DX_TEST(test_requests_that_cannot_be),
             DX_TEST(test_runs_do_not_interleave), DX_TEST(test_moves_meet),
             DX_TEST(test_nonsense_is_harmless))
