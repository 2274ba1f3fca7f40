/* tests/unit/node/test_edit.c: edits of items that the program saw elsewhere (node/object_edits.c, "was"), and what
 * differs between two points, of an object and of a whole space (node/space_difference.c). */
#include "street.h"

static street road;
static vault *alice;

static void begin(const char *data) {
    char json[256];
    street_init(&road);
    alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'S'}");
    snprintf(json, sizeof json, "{'do': 'object.add', 'space': 'S', 'data': %s}", data);
    vault_ask(alice, json);
}

/* What list "l" of the one object shows after the edit, or the error. */
static void assert_edit(const char *edit, const char *expected) {
    char json[512];
    snprintf(json, sizeof json, "{'do': 'object.edit', 'space': 'S', 'id': '1-0', 'key': 'l', %s}", edit);
    vault_ask(alice, json);
    if (strstr(alice->last, expected) == NULL) {
        fail_msg("%s: %s", edit, alice->last);
    }
}

static void test_nearest(void **state) {
    (void)state;
    begin("{'l': ['a', 'b', 'c', 'b', 'd']}");
    assert_edit("'replace': 'B', 'at': 2, 'was': 'b'", "[\"a\",\"B\",\"c\",\"b\",\"d\"]");
    assert_edit("'replace': 'C', 'at': 9, 'was': 'c'", "[\"a\",\"B\",\"C\",\"b\",\"d\"]");
    assert_edit("'remove': 1, 'at': 0, 'was': 'd'", "[\"a\",\"B\",\"C\",\"b\"]");
    assert_edit("'insert': ['x', 'y'], 'at': 0, 'was': 'C'", "[\"a\",\"B\",\"x\",\"y\",\"C\",\"b\"]");
    assert_edit("'reorder': 0, 'at': 1, 'was': 'y'", "[\"y\",\"a\",\"B\",\"x\",\"C\",\"b\"]");
    assert_edit("'reorder': 40, 'at': 1, 'was': 'y'", "[\"a\",\"B\",\"x\",\"C\",\"b\",\"y\"]");
    assert_edit("'remove': 2, 'at': 0, 'was': 'B'", "[\"a\",\"C\",\"b\",\"y\"]");
    street_deinit(&road);
}

/* Gone already is well; nothing else is guessed. */
static void test_gone(void **state) {
    (void)state;
    begin("{'l': ['a', 2, {'x': 1}]}");
    assert_edit("'remove': 1, 'at': 0, 'was': 'gone'", "[\"a\",2,{\"x\":1}]");
    assert_edit("'insert': ['i'], 'at': 1, 'was': 'gone'", "[\"a\",\"i\",2,{\"x\":1}]");
    assert_edit("'insert': ['j'], 'at': 50, 'was': 'gone'", "[\"a\",\"i\",2,{\"x\":1},\"j\"]");
    assert_edit("'replace': 'r', 'at': 0, 'was': 'gone'", "an item like that is not there any more");
    assert_edit("'reorder': 0, 'at': 0, 'was': 'gone'", "an item like that is not there any more");
    assert_edit("'replace': 3, 'at': 0, 'was': 2", "[\"a\",\"i\",3,{\"x\":1},\"j\"]");
    assert_edit("'replace': {'x': 2}, 'at': 0, 'was': {'x': 1}", "[\"a\",\"i\",3,{\"x\":2},\"j\"]");
    assert_edit("'remove': 1, 'was': 'j'", "\\\"at\\\" must be a number from 0 on");
    street_deinit(&road);
}

/* Members of a set stand behind the items and have no number: what is seen of one is meant. */
static void test_members(void **state) {
    (void)state;
    begin("{'l': ['a']}");
    assert_edit("'include': ['m', 'n', 'o']", "[\"a\",\"m\",\"n\",\"o\"]");
    assert_edit("'remove': 1, 'at': 1, 'was': 'm'", "[\"a\",\"n\",\"o\"]");
    assert_edit("'replace': 'N', 'at': 1, 'was': 'n'", "[\"a\",\"N\",\"o\"]");
    assert_edit("'insert': ['p'], 'at': 2, 'was': 'o'", "[\"a\",\"N\",\"p\",\"o\"]");
    assert_edit("'reorder': 0, 'at': 3, 'was': 'o'", "an item like that is not there any more");
    street_deinit(&road);
}

/* Larger than what is kept of an item: told again all the same. */
static void test_large(void **state) {
    (void)state;
    static char json[8192], first[1500], second[1500];
    memset(first, 'x', sizeof first - 1);
    memset(second, 'x', sizeof second - 1);
    second[sizeof second - 2] = 'y';
    begin("{'l': []}");
    snprintf(json, sizeof json,
             "{'do': 'object.edit', 'space': 'S', 'id': '1-0', 'key': 'l', 'push': ['%s', '%s']}", first,
             second);
    vault_ask(alice, json);
    snprintf(
        json, sizeof json,
        "{'do': 'object.edit', 'space': 'S', 'id': '1-0', 'key': 'l', 'at': 0, 'was': '%s', 'remove': 1}",
        second);
    vault_ask(alice, json);
    assert_non_null(strstr(alice->last, "xxx"));
    assert_null(strstr(alice->last, "xy"));
    street_deinit(&road);
}

/* What was done inside a value is told as that. */
static void test_history(void **state) {
    (void)state;
    begin("{'l': ['a', 'b', 'c'], 'n': 1}");
    assert_edit("'insert': ['x'], 'at': 1", "[\"a\",\"x\",\"b\",\"c\"]");
    assert_edit("'replace': 'B', 'at': 2", "[\"a\",\"x\",\"B\",\"c\"]");
    assert_edit("'replace': 'X', 'at': 1", "[\"a\",\"X\",\"B\",\"c\"]");
    assert_edit("'reorder': 0, 'at': 3", "[\"c\",\"a\",\"X\",\"B\"]");
    assert_edit("'remove': 1, 'at': 2", "[\"c\",\"a\",\"B\"]");
    assert_edit("'include': ['m']", "\"m\"]");
    assert_edit("'exclude': ['m']", "[\"c\",\"a\",\"B\"]");
    vault_ask(alice,
              "{'do': 'batch', 'space': 'S', 'ops': [{'op': 'edit', 'id': '1-0', 'key': 'n', 'increment': "
              "2}, {'op': 'edit', 'id': '1-0', 'key': 'n', 'increment': 3}]}");
    vault_ask(alice, "{'do': 'history.list', 'space': 'S', 'id': '1-0'}");
    const char *at = alice->told;
    static const char *const edits[] = {"{\"n\":[{\"counted\":5}]}",      "{\"l\":[{\"excluded\":\"m\"}]}",
                                        "{\"l\":[{\"included\":\"m\"}]}", "{\"l\":[{\"removed\":true}]}",
                                        "{\"l\":[{\"moved\":true}]}",     "{\"l\":[{\"replaced\":\"X\"}]}",
                                        "{\"l\":[{\"replaced\":\"B\"}]}", "{\"l\":[{\"inserted\":\"x\"}]}"};
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        at = strstr(at, edits[i]);
        if (at == NULL) {
            fail_msg("no %s after those before it in %s", edits[i], alice->told);
        }
    }
    street_deinit(&road);
}

/* What is otherwise between two points, or since one. */
static void test_difference(void **state) {
    (void)state;
    begin("{'a': 1, 'm': {'x': 1, 'y': 2}}");
    vault_ask(alice, "{'do': 'object.set', 'space': 'S', 'id': '1-0', 'set': {'m.x': 5, 'b': [1]}}");
    vault_ask(alice, "{'do': 'object.unset', 'space': 'S', 'id': '1-0', 'unset': ['a']}");
    vault_ask(alice, "{'do': 'object.rm', 'space': 'S', 'id': '1-0'}");
    char at[5][64];
    vault_ask(alice, "{'do': 'history.list', 'space': 'S', 'id': '1-0'}");
    const char *row = alice->told;
    for (size_t i = 0; i < 4; i++) { /* the newest first */
        street_field(row, "at", at[i], sizeof at[i]);
        row = strstr(row, "\"at\":") + 5;
    }
    static const struct {
        int from, to; /* to -1: now */
        const char *told, *reply;
    } cases[] = {{3, 2, "{\"rows\":[{\"to\":[1],\"path\":\"b\"},{\"to\":5,\"from\":1,\"path\":\"m.x\"}]}\n",
                  "{\"count\":2}"},
                 {2, 1, "{\"rows\":[{\"from\":1,\"path\":\"a\"}]}\n", "{\"count\":1}"},
                 {1, -1, "", "{\"count\":0,\"deleted\":true}"},
                 {2, 3, "{\"rows\":[{\"from\":[1],\"path\":\"b\"},{\"to\":1,\"from\":5,\"path\":\"m.x\"}]}\n",
                  "{\"count\":2}"}};
    char json[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = (size_t)snprintf(json, sizeof json,
                                       "{'do': 'history.diff', 'space': 'S', 'id': '1-0', 'from': '%s'",
                                       at[cases[i].from]);
        size += cases[i].to < 0
                    ? 0
                    : (size_t)snprintf(json + size, sizeof json - size, ", 'to': '%s'", at[cases[i].to]);
        snprintf(json + size, sizeof json - size, "}");
        assert_asks(alice, json, cases[i].reply);
        assert_string_equal(alice->told, cases[i].told);
    }
    vault_ask(alice, "{'do': 'history.diff', 'space': 'S', 'id': '1-0', 'from': '1'}");
    assert_non_null(strstr(alice->last, "\"made\":true"));
    vault_ask(alice, "{'do': 'history.diff', 'space': 'S', 'id': '1-0'}");
    assert_non_null(strstr(alice->last, "\\\"from\\\" is missing"));
    street_deinit(&road);
}

static void take_newest_point(char *out, size_t size) {
    vault_ask(alice, "{'do': 'history.list', 'space': 'S', 'limit': 1}");
    street_field(alice->told, "at", out, size);
}

static void ask_for_space(const char *from, const char *to, const char *told) {
    char json[300];
    if (to == NULL) {
        snprintf(json, sizeof json, "{'do': 'history.diff', 'space': 'S', 'from': '%s'}", from);
    } else {
        snprintf(json, sizeof json, "{'do': 'history.diff', 'space': 'S', 'from': '%s', 'to': '%s'}", from,
                 to);
    }
    vault_ask(alice, json);
    assert_string_equal(alice->told, told);
}

/* Each thing once, at its latest change, whatever happened to it between the points. */
static void test_difference_of_a_space(void **state) {
    (void)state;
    char id[4][80], first[80], second[80], third[80], told[2048];
    begin("{'a': 1}");
    for (int i = 0; i < 3; i++) {
        vault_ask(alice, "{'do': 'object.add', 'space': 'S', 'type': 't', 'data': {'n': 0}}");
        street_field(alice->last, "id", id[i], sizeof id[i]);
    }
    take_newest_point(first, sizeof first);
    char json[400];
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'S', 'id': '%s', 'set': {'n': 1, 'm.x': 2}}",
             id[0]);
    vault_ask(alice, json);
    snprintf(json, sizeof json, "{'do': 'object.move', 'space': 'S', 'id': '%s', 'parent': '%s'}", id[1],
             id[0]);
    vault_ask(alice, json);
    snprintf(json, sizeof json, "{'do': 'object.rm', 'space': 'S', 'id': '%s'}", id[2]);
    vault_ask(alice, json);
    snprintf(
        json, sizeof json,
        "{'do': 'link.add', 'space': 'S', 'type': 'k', 'source': '%s', 'target': '%s', 'data': {'w': 3}}",
        id[0], id[1]);
    vault_ask(alice, json);
    street_field(alice->last, "id", id[3], sizeof id[3]);
    take_newest_point(second, sizeof second);
    /* Made and deleted between two points, changed and set back: nothing to tell. */
    vault_ask(alice,
              "{'do': 'batch', 'space': 'S', 'ops': [{'op': 'add', 'data': {}}, {'op': 'rm', 'id': 0}]}");
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'S', 'id': '%s', 'set': {'n': 7}}", id[0]);
    vault_ask(alice, json);
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'S', 'id': '%s', 'set': {'n': 1}}", id[0]);
    vault_ask(alice, json);
    take_newest_point(third, sizeof third);
    ask_for_space(second, NULL, "");
    ask_for_space(second, third, "");
    snprintf(told, sizeof told,
             "{\"rows\":[{\"id\":\"%s\",\"did\":\"made\",\"kind\":\"link\",\"type\":\"k\",\"changes\":[{"
             "\"to\":3,\"path\":"
             "\"w\"}]},{\"id\":\"%s\",\"did\":\"deleted\",\"kind\":\"object\",\"type\":\"t\"},{\"id\":\"%s\","
             "\"did\":"
             "\"moved\",\"kind\":\"object\",\"type\":\"t\",\"parent\":\"%s\"},{\"id\":\"%s\",\"did\":"
             "\"changed\",\"kind\":"
             "\"object\",\"type\":\"t\",\"changes\":[{\"to\":{\"x\":2},\"path\":\"m\"},{\"to\":1,\"from\":0,"
             "\"path\":\"n\"}]}]}\n",
             id[3], id[2], id[1], id[0], id[0]);
    ask_for_space(first, second, told);
    /* And back it is the other way round. */
    snprintf(json, sizeof json, "{'do': 'history.diff', 'space': 'S', 'from': '%s', 'to': '%s'}", second,
             first);
    vault_ask(alice, json);
    assert_non_null(strstr(alice->told, "\"did\":\"restored\""));
    assert_non_null(strstr(alice->told, "{\"to\":0,\"from\":1,\"path\":\"n\"}"));
    assert_non_null(strstr(alice->last, "\"count\":4"));
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_difference_of_a_space), DX_TEST(test_difference), DX_TEST(test_history),
             DX_TEST(test_nearest), DX_TEST(test_gone), DX_TEST(test_members), DX_TEST(test_large))
