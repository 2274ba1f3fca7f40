/* tests/unit/node/test_query_spaces.c: one question to several spaces: merged, counted, grouped, in pages; and that an app
 * is answered of what it was granted (node/commands_query_spaces.c, node/query_rows.c). That answers are right on random
 * questions is the oracle's (tests/interop/query_oracle.py). */
#include "street.h"

static street road;

static const char app[] = "https://todo.example";

static vault *begin(void) {
    static const char *const spaces[] = {"A", "B", "C"};
    static const int values[3][3] = {{5, 1, 3}, {2, 3, 9}, {4, 4, 0}};
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    for (int i = 0; i < 3; i++) {
        char json[160];
        snprintf(json, sizeof json, "{'do': 'space.create', 'name': '%s'}", spaces[i]);
        vault_ask(alice, json);
        for (int k = 0; k < 3; k++) {
            snprintf(json, sizeof json,
                     "{'do': 'object.add', 'space': '%s', 'type': 't', 'data': {'n': %d, 's': '%s'}}",
                     spaces[i], values[i][k], spaces[i]);
            vault_ask(alice, json);
        }
    }
    return alice;
}

/* What stands behind each "n": of the rows told. */
static const char *numbers(vault *alice, char out[static 64]) {
    size_t at = 0;
    for (const char *found = alice->told; (found = strstr(found, "\"n\":")) != NULL && at < 60; found += 4) {
        out[at++] = found[4];
    }
    out[at] = '\0';
    return out;
}

static void assert_numbers(vault *alice, const char *query, const char *spaces, const char *wanted) {
    char json[512], found[64];
    snprintf(json, sizeof json, "{'do': 'query', 'spaces': %s, 'query': %s}", spaces, query);
    vault_ask(alice, json);
    if (strcmp(numbers(alice, found), wanted) != 0) {
        fail_msg("%s of %s: %s, not %s: %s", query, spaces, found, wanted, alice->last);
    }
}

static void test_merged(void **state) {
    (void)state;
    vault *alice = begin();
    assert_numbers(alice, "{'type': 't', 'order': 'n'}", "'all'", "012334459");
    assert_numbers(alice, "{'type': 't', 'order': {'path': 'n', 'descending': true}, 'limit': 4}",
                   "['C', 'A', 'A']", "5443");
    assert_non_null(strstr(alice->last, "\"count\":4"));
    assert_non_null(strstr(alice->last, "\"cursor\":"));
    assert_numbers(alice, "{'type': 't', 'where': {'n': {'gt': 3}}, 'order': 'n'}", "'all'", "4459");
    assert_non_null(strstr(alice->told, "\"space\":\""));
    assert_null(strstr(alice->last, "cursor"));
    assert_numbers(alice, "{'type': 't', 'limit': 0}", "'all'", "");
    assert_numbers(alice, "{}", "[]", "");
    vault_ask(alice, "{'do': 'query', 'spaces': 'all', 'query': {'type': 't', 'count': true}}");
    assert_string_equal(alice->last, "{\"count\":9}");
    vault_ask(
        alice,
        "{'do': 'query', 'spaces': 'all', 'query': {'type': 't', 'count': true, 'order': 'n', 'limit': 5}}");
    assert_string_equal(alice->last, "{\"count\":5}");
    vault_ask(alice, "{'do': 'query', 'spaces': ['A', 'B'], 'query': {'type': 't', 'group': 'n'}}");
    assert_string_equal(alice->told, "{\"rows\":[{\"count\":1,\"value\":1},{\"count\":1,\"value\":2},{"
                                     "\"count\":2,\"value\":3},{\"count\":1,\"value\":5},"
                                     "{\"count\":1,\"value\":9}]}\n");
    vault_ask(alice, "{'do': 'query', 'spaces': 'all', 'query': {'type': 't', 'group': 'n', 'limit': 2}}");
    assert_string_equal(alice->told, "{\"rows\":[{\"count\":1,\"value\":0},{\"count\":1,\"value\":1}]}\n");
    street_deinit(&road);
}

/* Every page behind the one before, whatever its size: all rows once, in the order of one answer. */
static void test_pages(void **state) {
    (void)state;
    static const char *const queries[] = {"'type': 't', 'order': 'n'", "'type': 't'",
                                          "'type': 't', 'order': {'path': 'n', 'descending': true}"};
    vault *alice = begin();
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        char json[1024], whole[64], page[64];
        snprintf(json, sizeof json, "{'do': 'query', 'spaces': 'all', 'query': {%s}}", queries[i]);
        vault_ask(alice, json);
        numbers(alice, whole);
        assert_int_equal(strlen(whole), 9);
        for (int limit = 1; limit < 5; limit++) {
            char cursor[512] = "", found[64] = "";
            for (int turn = 0; turn < 10; turn++) {
                snprintf(json, sizeof json,
                         "{'do': 'query', 'spaces': 'all', 'query': {%s, 'limit': %d%s%s%s}}", queries[i],
                         limit, cursor[0] == '\0' ? "" : ", 'cursor': '", cursor,
                         cursor[0] == '\0' ? "" : "'");
                vault_ask(alice, json);
                size_t at = strlen(found);
                snprintf(found + at, sizeof found - at, "%s", numbers(alice, page));
                if (strstr(alice->last, "cursor") == NULL) {
                    break;
                }
                street_field(alice->last, "cursor", cursor, sizeof cursor);
            }
            assert_string_equal(found, whole);
        }
    }
    street_deinit(&road);
}

static void test_words(void **state) {
    (void)state;
    vault *alice = begin();
    vault_ask(alice, "{'do': 'object.add', 'space': 'A', 'type': 'w', 'data': {'n': 7, 't': 'tea tea tea'}}");
    vault_ask(alice, "{'do': 'object.add', 'space': 'B', 'type': 'w', 'data': {'n': 8, 't': 'tea tea'}}");
    vault_ask(alice, "{'do': 'object.add', 'space': 'C', 'type': 'w', 'data': {'n': 9, 't': 'tea'}}");
    static const char text[] = "{'type': 'w', 'text': 'tea', 'snippet': true}";
    vault_ask(alice, "{'do': 'query', 'spaces': 'all', 'query': {'type': 'w', 'text': 'tea'}}");
    assert_non_null(strstr(alice->last, "no text index"));
    vault_ask(alice, "{'do': 'index.add', 'space': 'A', 'type': 'w', 'text': true}");
    vault_ask(alice, "{'do': 'index.add', 'space': 'B', 'type': 'w', 'text': true}");
    vault_ask(alice, "{'do': 'index.add', 'space': 'C', 'type': 'w', 'text': true}");
    assert_numbers(alice, text, "'all'", "789");
    assert_non_null(strstr(alice->told, "\"snippet\":"));
    street_deinit(&road);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const asks[][2] = {
        {"{'do': 'query', 'spaces': 'some'}", "a list of spaces"},
        {"{'do': 'query', 'spaces': [1]}", "a list of spaces"},
        {"{'do': 'query', 'spaces': ['Nowhere']}", "E_NOT_FOUND"},
        {"{'do': 'query', 'spaces': ['A'], 'space': 'A'}", "stands for"},
        {"{'do': 'query', 'spaces': ['A'], 'explain': true}", "ask one space"},
        {"{'do': 'query', 'spaces': ['A'], 'query': {'colour': 1}}", "no key \\\"colour\\\""},
        {"{'do': 'query', 'spaces': ['A'], 'query': {'after': '1-0'}}", "goes on by its"},
        {"{'do': 'query', 'spaces': ['A'], 'query': {'cursor': 'x'}}", "an earlier answer"},
        {"{'do': 'query', 'spaces': ['A'], 'query': {'order': 'n', 'cursor': 'x'}}", "an earlier answer"},
        {"{'do': 'query', 'spaces': ['A'], 'query': {'group': 'n', 'limit': 1, 'cursor': 'x'}}",
         "in the order of its values"},
    };
    vault *alice = begin();
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        if (strstr(vault_ask(alice, asks[i][0]), asks[i][1]) == NULL) {
            fail_msg("%s: %s", asks[i][0], alice->last);
        }
    }
    street_deinit(&road);
}

static void test_apps(void **state) {
    (void)state;
    char found[64];
    vault *alice = begin();
    vault_connect(alice, 2, app);
    vault_ask_by(alice, 2, "{'do': 'query', 'spaces': 'all'}");
    assert_non_null(strstr(alice->last, "this app has no grant for that"));
    char denial[512];
    snprintf(denial, sizeof denial, "%s", alice->last);
    vault_ask(alice,
              "{'do': 'app.grant', 'origin': 'https://todo.example', 'spaces': {'A': 'read', 'C': 'write'}}");
    vault_ask_by(alice, 2, "{'do': 'query', 'spaces': 'all', 'query': {'type': 't', 'order': 'n'}}");
    assert_string_equal(numbers(alice, found), "013445");
    vault_ask_by(alice, 2, "{'do': 'query', 'spaces': ['A'], 'query': {'type': 't', 'order': 'n'}}");
    assert_string_equal(numbers(alice, found), "135");
    /* Of another space it learns nothing, not even whether there is one. */
    assert_string_equal(vault_ask_by(alice, 2, "{'do': 'query', 'spaces': ['A', 'B']}"), denial);
    assert_string_equal(vault_ask_by(alice, 2, "{'do': 'query', 'spaces': ['A', 'Nowhere']}"), denial);
    vault_ask(alice, "{'do': 'app.revoke', 'origin': 'https://todo.example'}");
    assert_string_equal(vault_ask_by(alice, 2, "{'do': 'query', 'spaces': 'all'}"), denial);
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_merged), DX_TEST(test_pages), DX_TEST(test_words), DX_TEST(test_refusals),
             DX_TEST(test_apps))
