/* tests/unit/echo/test_query_builder.c: what is built is what would be written, a space takes it, and what is built wrongly is
 * said. */
#include <dxos/query.h>

#include "echo/query.h"
#include "peer.h"

static test_alloc memory;

static dx_query_builder *begin(void) {
    test_alloc_init(&memory);
    dx_query_builder *q = dx_query_builder_create(&memory.port);
    assert_non_null(q);
    return q;
}

/* The question as JSON, which a space must take; frees the builder. */
static void expect(dx_query_builder *q, const char *json) {
    peer alice;
    dx_buf text, item;
    dx_query *query;
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    dx_buf_init(&text, &memory.port, 1 << 16);
    dx_buf_init(&item, &memory.port, 1 << 16);
    assert_int_equal(dx_query_builder_error(q), DX_OK);
    assert_int_equal(dx_query_builder_print(q, &text), DX_OK);
    dx_buf_append_byte(&text, 0);
    assert_string_equal((const char *)text.data, json);
    assert_int_equal(dx_query_builder_write(q, &item), DX_OK);
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    peer_begin(&alice);
    int error =
        dx_query_create(&alice.context, alice.space, dx_buf_view(&item), message, sizeof message, &query);
    if (error != DX_OK && strstr(message, "text index") == NULL) {
        fail_msg("%s: %s", json, message);
    }
    dx_query_destroy(query);
    peer_commit(&alice);
    peer_deinit(&alice);
    dx_buf_deinit(&text);
    dx_buf_deinit(&item);
    dx_query_builder_destroy(q);
    assert_int_equal(memory.live_bytes, 0);
}

static void refuse(dx_query_builder *q, int error) {
    dx_buf item;
    dx_buf_init(&item, &memory.port, 1 << 16);
    assert_int_equal(dx_query_builder_write(q, &item), error);
    assert_int_equal(item.size, 0);
    dx_buf_deinit(&item);
    dx_query_builder_destroy(q);
    assert_int_equal(memory.live_bytes, 0);
}

static const char id[] = "1-0-00000000000000000000000000000000";

static void test_filters(void **state) {
    (void)state;
    dx_query_builder *q = begin();
    expect(q, "{}");
    q = begin();
    dx_query_builder_type(q, "task");
    dx_query_builder_parent(q, NULL);
    dx_query_builder_kind(q, "object");
    dx_query_builder_deleted(q, "show");
    dx_query_builder_where(q, "rank", DX_WHERE_GT, "%d", 1);
    dx_query_builder_where(q, "rank", DX_WHERE_LE, "%d", 9);
    dx_query_builder_where(q, "a.b", DX_WHERE_EQ, "%s", "x");
    expect(q, "{\"kind\":\"object\",\"type\":\"task\",\"where\":{\"a.b\":{\"eq\":\"x\"},\"rank\":{\"gt\":1,"
              "\"le\":9}},\"parent\":null,\"deleted\":\"show\"}");
    q = begin();
    dx_query_builder_source(q, id);
    dx_query_builder_target(q, id);
    dx_query_builder_type(q, NULL);
    expect(q, "{\"type\":null,\"source\":\"1-0-00000000000000000000000000000000\",\"target\":\"1-0-"
              "00000000000000000000000000000000\"}");
    q = begin(); /* a second one of a kind stands beside the first */
    dx_query_builder_id(q, id);
    dx_query_builder_type(q, "a");
    dx_query_builder_type(q, "b");
    dx_query_builder_where(q, "n", DX_WHERE_NE, "1");
    dx_query_builder_where(q, "n", DX_WHERE_NE, "2");
    expect(q, "{\"id\":\"1-0-00000000000000000000000000000000\",\"and\":[{\"type\":\"b\"},{\"where\":{\"n\":{"
              "\"ne\":2}}}],\"type\":\"a\",\"where\":{\"n\":{\"ne\":1}}}");
}

static void test_groups(void **state) {
    (void)state;
    dx_query_builder *q = begin();
    dx_query_builder_begin(q, DX_QUERY_OR);
    dx_query_builder_where(q, "a", DX_WHERE_IN, "[%d, %s]", 1, "x");
    dx_query_builder_begin(q, DX_QUERY_AND);
    dx_query_builder_type(q, "t");
    dx_query_builder_where(q, "b", DX_WHERE_EXISTS, "true");
    dx_query_builder_end(q);
    dx_query_builder_begin(q, DX_QUERY_NOT);
    dx_query_builder_where(q, "c", DX_WHERE_HAS, "null");
    dx_query_builder_where(q, "d", DX_WHERE_PREFIX, "%s", "p");
    dx_query_builder_end(q);
    dx_query_builder_end(q);
    dx_query_builder_where(q, "e", DX_WHERE_LT, "2.5");
    expect(q, "{\"and\":[{\"or\":[{\"where\":{\"a\":{\"in\":[1,\"x\"]}}},{\"and\":[{\"type\":\"t\"},{"
              "\"where\":{\"b\":{\"exists\":true}}}]},"
              "{\"not\":{\"and\":[{\"where\":{\"c\":{\"has\":null}}},{\"where\":{\"d\":{\"prefix\":\"p\"}}}]}"
              "}]}],\"where\":{\"e\":{\"lt\":2.5}}}");
}

static void test_steps(void **state) {
    (void)state;
    dx_query_builder *q = begin();
    dx_query_builder_type(q, "task");
    dx_query_builder_step(q, DX_STEP_OUT, "needs");
    dx_query_builder_where(q, "n", DX_WHERE_GE, "1");
    dx_query_builder_repeat(q, 3);
    dx_query_builder_step(q, DX_STEP_IN, NULL);
    dx_query_builder_step(q, DX_STEP_PARENT, NULL);
    dx_query_builder_parent(q, NULL);
    dx_query_builder_step(q, DX_STEP_ANCESTORS, NULL);
    dx_query_builder_step(q, DX_STEP_DESCENDANTS, NULL);
    dx_query_builder_step(q, DX_STEP_CHILDREN, NULL);
    dx_query_builder_repeat(q, 0);
    dx_query_builder_step(q, DX_STEP_REFERENCE, "of");
    dx_query_builder_step(q, DX_STEP_REFERRERS, "of");
    dx_query_builder_type(q, "task");
    dx_query_builder_begin(q, DX_QUERY_NOT);
    dx_query_builder_id(q, id);
    dx_query_builder_end(q);
    dx_query_builder_order(q, "n", true);
    dx_query_builder_order(q, "m", false);
    dx_query_builder_limit(q, 5);
    dx_query_builder_ids(q);
    dx_query_builder_cursor(q, NULL);
    expect(q,
           "{\"ids\":true,\"type\":\"task\",\"limit\":5,\"order\":[{\"path\":\"n\",\"descending\":true},{"
           "\"path\":\"m\",\"descending\":false}],"
           "\"follow\":[{\"out\":\"needs\",\"where\":{\"n\":{\"ge\":1}},\"repeat\":3},{\"in\":null},{\"and\":"
           "[{\"parent\":null}],\"parent\":true},"
           "{\"ancestors\":true},{\"descendants\":true},{\"repeat\":true,\"children\":true},{\"ref\":\"of\"},"
           "{\"and\":[{\"not\":{\"and\":[{\"id\":\"1-0-00000000000000000000000000000000\"}]}}],\"type\":"
           "\"task\",\"referrers\":\"of\"}]}");
    q = begin();
    dx_query_builder_where(q, "n", DX_WHERE_EQ, "1");
    dx_query_builder_to(q, DX_STEP_IN, NULL, 4);
    dx_query_builder_id(q, id);
    expect(q, "{\"path\":{\"in\":null,\"to\":{\"id\":\"1-0-00000000000000000000000000000000\"},\"max\":4},"
              "\"where\":{\"n\":{\"eq\":1}}}");
    q = begin();
    dx_query_builder_type(q, "note");
    dx_query_builder_text(q, "tea -milk", true);
    expect(q, "{\"text\":\"tea -milk\",\"type\":\"note\",\"snippet\":true}");
    q = begin();
    dx_query_builder_group(q, "n");
    expect(q, "{\"group\":\"n\"}");
    q = begin();
    dx_query_builder_count(q);
    expect(q, "{\"count\":true}");
}

static void test_wrong(void **state) {
    (void)state;
    dx_query_builder *q = begin();
    dx_query_builder_end(q);
    refuse(q, DX_E_STATE);
    q = begin();
    dx_query_builder_begin(q, DX_QUERY_OR);
    dx_query_builder_where(q, "n", DX_WHERE_EQ, "1");
    refuse(q, DX_E_STATE);
    q = begin();
    dx_query_builder_begin(q, DX_QUERY_OR);
    dx_query_builder_end(q);
    refuse(q, DX_E_STATE);
    q = begin();
    dx_query_builder_where(q, "n", DX_WHERE_EQ, "{");
    dx_query_builder_where(q, NULL, DX_WHERE_EQ, "1"); /* the first error stays */
    refuse(q, DX_E_INVALID);
    q = begin();
    dx_query_builder_where(q, "", DX_WHERE_EQ, "1");
    refuse(q, DX_E_INVALID);
    q = begin();
    dx_query_builder_id(q, NULL);
    refuse(q, DX_E_INVALID);
    q = begin();
    dx_query_builder_step(q, DX_STEP_CHILDREN, "x");
    refuse(q, DX_E_INVALID);
    q = begin();
    dx_query_builder_step(q, DX_STEP_REFERENCE, NULL);
    refuse(q, DX_E_INVALID);
    q = begin();
    dx_query_builder_step(q, DX_STEP_OUT, NULL);
    dx_query_builder_to(q, DX_STEP_OUT, NULL, 0);
    refuse(q, DX_E_STATE);
    q = begin();
    dx_query_builder_to(q, DX_STEP_CHILDREN, NULL, 0);
    refuse(q, DX_E_INVALID);
    q = begin();
    dx_query_builder_step(q, DX_STEP_OUT, NULL);
    dx_query_builder_kind(q, "link");
    refuse(q, DX_E_STATE);
    q = begin();
    dx_query_builder_repeat(q, 1);
    refuse(q, DX_E_STATE);
    q = begin();
    dx_query_builder_limit(q, 1);
    dx_query_builder_limit(q, 2);
    refuse(q, DX_E_STATE);
    q = begin();
    dx_query_builder_limit(q, -1);
    refuse(q, DX_E_INVALID);
    q = begin();
    for (int i = 0; i < 12; i++) {
        dx_query_builder_begin(q, DX_QUERY_AND);
    }
    refuse(q, DX_E_LIMIT);
    q = begin();
    for (int i = 0; i < 17; i++) {
        dx_query_builder_step(q, DX_STEP_OUT, NULL);
    }
    refuse(q, DX_E_LIMIT);
    q = begin();
    for (int i = 0; i < 5; i++) {
        dx_query_builder_order(q, "n", false);
    }
    refuse(q, DX_E_LIMIT);
    q = begin();
    for (int i = 0; i < 100; i++) {
        dx_query_builder_where(q, "n", DX_WHERE_NE, "%d", i);
    }
    refuse(q, DX_E_LIMIT);
    refuse(NULL, DX_E_NO_MEMORY);
    dx_query_builder_type(NULL, "x"); /* of one there was no memory for */
    dx_query_builder_where(NULL, "n", DX_WHERE_EQ, "1");
    dx_query_builder_begin(NULL, DX_QUERY_OR);
    dx_query_builder_end(NULL);
    dx_query_builder_repeat(NULL, 1);
    dx_query_builder_step(NULL, DX_STEP_OUT, NULL);
    assert_int_equal(dx_query_builder_error(NULL), DX_E_NO_MEMORY);
    dx_query_builder_destroy(NULL);
}

static void test_no_memory(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        dx_buf item;
        test_alloc_init(&memory);
        memory.fail_at = n;
        dx_query_builder *q = dx_query_builder_create(&memory.port);
        dx_query_builder_where(q, "n", DX_WHERE_EQ, "1");
        dx_query_builder_begin(q, DX_QUERY_OR);
        dx_query_builder_where(q, "m", DX_WHERE_EQ, "%s", "x");
        dx_query_builder_end(q);
        dx_query_builder_step(q, DX_STEP_OUT, "l");
        dx_query_builder_order(q, "n", false);
        dx_buf_init(&item, &memory.port, 1 << 16);
        int error = dx_query_builder_write(q, &item);
        assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
        bool reached = memory.calls >= n;
        dx_buf_deinit(&item);
        dx_query_builder_destroy(q);
        assert_int_equal(memory.live_bytes, 0);
        if (!reached) {
            assert_int_equal(error, DX_OK);
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_filters), cmocka_unit_test(test_groups),
                                       cmocka_unit_test(test_steps), cmocka_unit_test(test_wrong),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
