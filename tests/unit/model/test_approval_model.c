/* tests/unit/model/test_approval_model.c: model/approval_model.c: who may take which step when, and what is said of the
 * steps that were refused. */
#include <dxos/model.h>

#include "test.h"

enum { OWNER = 1, ANNE = 2, BEN = 3, STRANGER = 4 };

typedef struct fixture {
    test_alloc alloc;
    void *state;
    uint64_t counter;
} fixture;

static void fixture_init(fixture *f) {
    dx_stamp created = {.counter = 1};
    memset(created.feed, OWNER, sizeof created.feed);
    test_alloc_init(&f->alloc);
    f->state = dx_approval_model.create(&f->alloc.port, &created);
    f->counter = 1;
}

static void fixture_deinit(fixture *f) {
    dx_approval_model.destroy(&f->alloc.port, f->state);
    assert_int_equal(f->alloc.live_bytes, 0);
}

static int step(fixture *f, int who, const char *json) {
    dx_buf operation;
    dx_writer writer;
    dx_stamp stamp = {.counter = ++f->counter};
    memset(stamp.feed, who, sizeof stamp.feed);
    dx_buf_init(&operation, &f->alloc.port, 1 << 16);
    dx_writer_init(&writer, &operation);
    assert_int_equal(dx_json_parse(dx_bytes_text(json), &writer, NULL, 0), DX_OK);
    int error = dx_approval_model.apply(f->state, dx_buf_view(&operation), &stamp);
    dx_buf_deinit(&operation);
    return error;
}

/* What the view has at a key, as JSON. */
static const char *shows(fixture *f, const char *key) {
    static char out[8192];
    dx_buf item, json;
    dx_writer writer;
    dx_buf_init(&item, &f->alloc.port, 1 << 16);
    dx_buf_init(&json, &f->alloc.port, 1 << 16);
    dx_writer_init(&writer, &item);
    assert_int_equal(dx_approval_model.view(f->state, &writer), DX_OK);
    assert_int_equal(dx_item_check(dx_buf_view(&item)), DX_OK);
    dx_bytes value = dx_item_get(dx_buf_view(&item), key);
    if (value.size > 0) {
        assert_int_equal(dx_json_print(value, &json), DX_OK);
    }
    snprintf(out, sizeof out, "%.*s", (int)json.size, json.size == 0 ? "" : (const char *)json.data);
    dx_buf_deinit(&item);
    dx_buf_deinit(&json);
    return out;
}

#define REF_2 "{\"@ref\": \"0-0-02020202020202020202020202020202\"}"
#define REF_3 "{\"@ref\": \"0-1-03030303030303030303030303030303\"}"

static void test_two_approve(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_string_equal(shows(&f, "state"), "\"draft\"");
    assert_int_equal(step(&f, OWNER, "[\"assign\", [" REF_2 ", " REF_3 "], 2]"), DX_OK);
    assert_int_equal(step(&f, OWNER, "[\"submit\"]"), DX_OK);
    assert_int_equal(step(&f, ANNE, "[\"approve\"]"), DX_OK);
    assert_string_equal(shows(&f, "state"), "\"submitted\"");
    assert_int_equal(step(&f, BEN, "[\"approve\"]"), DX_OK);
    assert_string_equal(shows(&f, "state"), "\"approved\"");
    assert_string_equal(shows(&f, "refused"), "[]");
    fixture_deinit(&f);
}

static void test_rejected_and_once_more(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(step(&f, OWNER, "[\"assign\", [" REF_2 ", " REF_3 "], 1]"), DX_OK);
    assert_int_equal(step(&f, OWNER, "[\"submit\"]"), DX_OK);
    assert_int_equal(step(&f, BEN, "[\"reject\", \"no figures\"]"), DX_OK);
    assert_string_equal(shows(&f, "state"), "\"rejected\"");
    assert_string_equal(shows(&f, "reason"), "\"no figures\"");
    assert_string_equal(shows(&f, "rejected_by"), "{\"@bytes\":\"AwMDAwMDAwMDAwMDAwMDAw\"}");
    assert_int_equal(step(&f, OWNER, "[\"reopen\"]"), DX_OK);
    assert_int_equal(step(&f, OWNER, "[\"submit\"]"), DX_OK);
    assert_int_equal(step(&f, OWNER, "[\"withdraw\"]"), DX_OK);
    assert_string_equal(shows(&f, "state"), "\"draft\"");
    assert_int_equal(step(&f, OWNER, "[\"submit\"]"), DX_OK);
    assert_int_equal(step(&f, ANNE, "[\"approve\"]"), DX_OK);
    assert_string_equal(shows(&f, "state"), "\"approved\"");
    assert_string_equal(shows(&f, "reason"), "");
    fixture_deinit(&f);
}

static void test_what_is_refused_is_told(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(step(&f, OWNER, "[\"submit\"]"), DX_OK); /* nobody to approve it */
    assert_int_equal(step(&f, OWNER, "[\"assign\", [" REF_2 "], 1]"), DX_OK);
    assert_int_equal(step(&f, STRANGER, "[\"submit\"]"), DX_OK);
    assert_int_equal(step(&f, ANNE, "[\"approve\"]"), DX_OK);
    assert_string_equal(shows(&f, "state"), "\"draft\"");
    assert_string_equal(
        shows(&f, "refused"),
        "[{\"by\":{\"@bytes\":\"AQEBAQEBAQEBAQEBAQEBAQ\"},\"why\":\"there are fewer reviewers than approvals "
        "needed\",\"step\":\"submit\"},{\"by\":{\"@bytes\":\"BAQEBAQEBAQEBAQEBAQEBA\"},\"why\":\"only its "
        "owner "
        "may\",\"step\":\"submit\"},{\"by\":{\"@bytes\":\"AgICAgICAgICAgICAgICAg\"},\"why\":\"not in this "
        "state\",\"step\":\"approve\"}]");
    for (int i = 0; i < 100; i++) { /* the list does not grow for ever */
        assert_int_equal(step(&f, STRANGER, "[\"approve\"]"), DX_OK);
    }
    assert_true(strlen(shows(&f, "refused")) < 4000);
    fixture_deinit(&f);
}

static void test_what_is_no_step(void **state) {
    (void)state;
    static const char *const wrong[] = {"1",
                                        "[]",
                                        "[\"jump\"]",
                                        "[\"submit\", 1]",
                                        "[\"reject\"]",
                                        "[\"reject\", 1]",
                                        "[\"assign\", [], 0]",
                                        "[\"assign\", [], 65]",
                                        "[\"assign\", [1], 1]",
                                        "[\"assign\", [{\"@ref\": \"~AAAA\"}], 1]",
                                        "[\"assign\", [" REF_2 ", " REF_2 "], 1]"};
    fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(step(&f, OWNER, wrong[i]), DX_E_MALFORMED);
    }
    assert_string_equal(shows(&f, "refused"), "[]");
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_two_approve), DX_TEST(test_rejected_and_once_more),
             DX_TEST(test_what_is_refused_is_told), DX_TEST(test_what_is_no_step))
