/* tests/unit/node/test_sql_command.c: space.sql as programs ask it: columns, rows as arrays, values, refusals, and what its
 * request does when it is called off, its space goes or nobody takes its rows (node/commands_sql.c). That it needs a
 * grant is in test_grant.c. */
#include "street.h"

static street road;

static vault *begin(void) {
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'type': 'tree', 'data': {'name': 'oak'}}");
    vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'type': 'tree', 'data': {'name': 'elm'}}");
    return alice;
}

static void assert_told(vault *alice, const char *ask, const char *told, const char *last) {
    vault_ask(alice, ask);
    if (strcmp(alice->told, told) != 0 || strstr(alice->last, last) == NULL) {
        fail_msg("%s: %s %s", ask, alice->told, alice->last);
    }
}

static void test_rows(void **state) {
    (void)state;
    vault *alice = begin();
    assert_told(alice,
                "{'do': 'space.sql', 'space': 'Garden', 'sql': 'SELECT data ->> ?1 AS name, 1 AS name FROM "
                "tree ORDER BY "
                "1', 'values': ['$.name']}",
                "{\"columns\":[\"name\",\"name\"]}\n{\"rows\":[[\"elm\",1],[\"oak\",1]]}\n", "{\"count\":2}");
    assert_told(alice,
                "{'do': 'space.sql', 'space': 'Garden', 'sql': 'SELECT ?1, :b', 'values': [{'@time': "
                "'2026-01-01T00:00:00Z'}, 2]}",
                "{\"columns\":[\"?1\",\":b\"]}\n{\"rows\":[[\"2026-01-01T00:00:00Z\",2]]}\n",
                "{\"count\":1}");
    assert_told(alice, "{'do': 'space.sql', 'space': 'Garden', 'sql': 'SELECT id FROM tree WHERE 0'}",
                "{\"columns\":[\"id\"]}\n", "{\"count\":0}");
    street_deinit(&road);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const asks[][2] = {
        {"{'do': 'space.sql', 'space': 'Garden'}", "\\\"sql\\\" is missing"},
        {"{'do': 'space.sql', 'space': 'Nowhere', 'sql': 'SELECT 1'}", "E_NOT_FOUND"},
        {"{'do': 'space.sql', 'space': 'Garden', 'sql': 'SELECT nowhere'}", "no such column: nowhere"},
        {"{'do': 'space.sql', 'space': 'Garden', 'sql': 'DELETE FROM tree'}", "may not be modified"},
        {"{'do': 'space.sql', 'space': 'Garden', 'sql': 'SELECT 1', 'values': 3}", "values are an array"},
        {"{'do': 'space.sql', 'space': 'Garden', 'sql': 'SELECT * FROM vault'}", "no such table: vault"},
        {"{'do': 'space.sql', 'space': 'Garden', 'patience_ms': 5, 'sql': 'WITH RECURSIVE r(i) AS (SELECT 1 "
         "UNION ALL "
         "SELECT i FROM r) SELECT sum(i) FROM r'}",
         "E_LIMIT"},
    };
    vault *alice = begin();
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        if (strstr(vault_ask(alice, asks[i][0]), asks[i][1]) == NULL) {
            fail_msg("%s: %s", asks[i][0], alice->last);
        }
    }
    street_deinit(&road);
}

/* A statement without an end: its rows wait for whoever reads them, and it ends with its request. */
static void test_endless(void **state) {
    (void)state;
    static const char endless[] =
        "{'do': 'space.sql', 'space': 'Garden', 'sql': 'WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL "
        "SELECT i + 1 FROM r) SELECT i FROM r'}";
    vault *alice = begin();
    uint64_t request = vault_begin(alice, endless);
    assert_string_equal(alice->last, "");
    vault_refer(alice, "request.cancel", request, NULL);
    street_run(&road);
    assert_non_null(strstr(alice->heard_by[1], "E_CANCELLED"));
    vault_begin(alice, endless);
    vault_ask(alice, "{'do': 'space.rm', 'space': 'Garden'}");
    assert_non_null(strstr(alice->heard_by[1], "this vault forgets the space"));
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_rows), DX_TEST(test_refusals), DX_TEST(test_endless))
