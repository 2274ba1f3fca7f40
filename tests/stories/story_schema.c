/* tests/stories/story_schema.c: two versions of a type, side by side.
 *
 * Alice defines what a task is. What does not fit is refused by her vault and, once he heard of it, by Bob's, with the
 * place, the rule and what was given. While Bob is away she defines a second version with other keys, and
 * brings her tasks to it. Bob, who knows only the first, writes on: his program keeps the keys it does not know. Together
 * again nothing was lost or hidden: what fits neither version is shown as it is and listed, old and new tasks are both well,
 * and bringing all of them to the second version, on both sides at once, leaves one and the same.
 * Names echo/schema_table.c and node/commands_schema.c. */
#include "street.h"

static street road;
static char json[4096];

#define FIRST                                                                                                \
    "{'type': 'object', 'required': ['title'], 'properties': {'title': {'type': 'string', 'maxLength': "     \
    "20}, 'done': "                                                                                          \
    "{'type': 'boolean'}}, 'x-colour': 'green'}"
static const char *add(vault *self, const char *data) {
    snprintf(json, sizeof json, "{'do': 'object.add', 'space': 'House', 'type': 'task', 'data': %s}", data);
    return vault_ask(self, json);
}

static bool says(vault *self, const char *ask, const char *part) {
    vault_ask(self, ask);
    return strstr(self->told, part) != NULL || strstr(self->last, part) != NULL;
}

static size_t count(const char *text, const char *part) {
    size_t found = 0;
    for (; (text = strstr(text, part)) != NULL; text++) {
        found++;
    }
    return found;
}

static void begin(vault **alice, vault **bob) {
    street_init(&road);
    *alice = street_person(&road, "alice");
    *bob = street_person(&road, "bob");
    vault_ask(*alice, "{'do': 'space.create', 'name': 'House'}");
    street_join(*alice, *bob, "House");
}

static void test_refused_on_write(void **state) {
    (void)state;
    vault *alice, *bob;
    char id[64];
    begin(&alice, &bob);
    /* Before there is a definition anything goes. */
    street_field(add(alice, "{'title': 7}"), "id", id, sizeof id);
    assert_true(says(alice, "{'do': 'schema.add', 'space': 'House', 'type': 'task', 'schema': " FIRST "}",
                     "\"version\":1"));
    assert_true(strstr(alice->last, "\"x-colour\":\"green\"") != NULL);
    street_pass(&road, 5000);

    for (int i = 0; i < 2; i++) {
        vault *one = i == 0 ? alice : bob;
        assert_non_null(strstr(add(one, "{'title': 'tea'}"), "\"id\""));
        assert_string_equal(
            add(one, "{'title': 3}"),
            "{\"error\":{\"try\":\"dx schema list SPACE "
            "TYPE\",\"code\":-1,\"name\":\"E_INVALID\",\"message\":\"\\\"title\\\" "
            "must be a string, not an integer (\\\"type\\\" of version 1 of the type \\\"task\\\")\"}}");
        assert_non_null(strstr(add(one, "{}"), "\\\"title\\\" is missing"));
    }
    /* All of a batch or nothing; each object as it is in the end. */
    assert_true(says(alice,
                     "{'do': 'batch', 'space': 'House', 'ops': [{'op': 'add', 'type': 'task'}, {'op': 'set', "
                     "'id': 0, 'set': "
                     "{'title': 'rent'}}]}",
                     "\"ids\""));
    assert_true(says(alice,
                     "{'do': 'batch', 'space': 'House', 'ops': [{'op': 'add', 'type': 'task', 'data': "
                     "{'title': 'x'}}, {'op': "
                     "'add', 'type': 'task'}]}",
                     "is missing"));
    assert_true(says(alice, "{'do': 'query', 'space': 'House', 'query': {'type': 'task', 'count': true}}",
                     "{\"count\":4}"));
    /* What was there before is shown as it is, listed, and mended step by step. */
    assert_true(says(bob, "{'do': 'schema.check', 'space': 'House'}", "\"rule\":\"type\""));
    assert_non_null(strstr(bob->told, "\"path\":\"title\""));
    assert_string_equal(bob->last, "{\"count\":1}");
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'House', 'id': '%s', 'set': {'done': 'no'}}",
             id);
    assert_non_null(strstr(vault_ask(alice, json), "\"done\":\"no\""));
    snprintf(json, sizeof json,
             "{'do': 'object.set', 'space': 'House', 'id': '%s', 'set': {'done': false, 'title': 'mend'}}",
             id);
    assert_non_null(strstr(vault_ask(alice, json), "\"title\":\"mend\""));
    snprintf(json, sizeof json, "{'do': 'object.unset', 'space': 'House', 'id': '%s', 'unset': ['title']}",
             id);
    assert_non_null(strstr(vault_ask(alice, json), "\\\"title\\\" is missing"));
    assert_asks(alice, "{'do': 'schema.check', 'space': 'House'}", "{\"count\":0}");

    /* Links and other types are nobody's concern; without the definition anything goes again. */
    assert_non_null(strstr(
        vault_ask(alice, "{'do': 'object.add', 'space': 'House', 'type': 'note', 'data': {'title': 3}}"),
        "\"id\""));
    assert_true(says(alice, "{'do': 'schema.rm', 'space': 'House', 'type': 'task'}", "\"version\":1"));
    assert_non_null(strstr(add(alice, "{'title': 3}"), "\"id\""));
    assert_asks(alice, "{'do': 'schema.list', 'space': 'House'}", "{\"count\":0}");
    street_deinit(&road);
}

static void test_side_by_side(void **state) {
    (void)state;
    vault *alice, *bob;
    char old[64];
    begin(&alice, &bob);
    vault_ask(alice, "{'do': 'schema.add', 'space': 'House', 'type': 'task', 'schema': " FIRST "}");
    street_field(add(alice, "{'title': 'tea', 'done': true}"), "id", old, sizeof old);
    add(alice, "{'title': 'rent'}");
    street_pass(&road, 5000);

    /* Bob is away: a second version, and what takes tasks to it. */
    vault_leave(bob);
    assert_true(says(alice,
                     "{'do': 'schema.add', 'space': 'House', 'type': 'task', 'schema': {'type': 'object', "
                     "'required': ['name', 'state'], "
                     "'properties': {'name': {'type': 'string'}, 'state': {'enum': ['open', 'done']}}}, "
                     "'migrate': [{'rename': "
                     "['title', 'name']}, {'default': 'state', 'value': 'open'}, {'remove': 'done'}]}",
                     "\"version\":2"));
    assert_asks(alice, "{'do': 'schema.migrate', 'space': 'House', 'type': 'task'}", "{\"changed\":2}");
    assert_asks(alice, "{'do': 'schema.migrate', 'space': 'House', 'type': 'task'}", "{\"changed\":0}");
    assert_non_null(strstr(add(alice, "{'name': 'new', 'state': 'open', 'note': 'hers'}"), "\"id\""));
    assert_non_null(strstr(add(alice, "{'title': 'an old program'}"), "\"id\""));
    assert_non_null(strstr(add(alice, "{'name': 'neither', 'state': 3}"), "of version 2"));

    /* He knows the first alone, and writes by it. */
    vault_leave(alice);
    vault_open(bob);
    snprintf(json, sizeof json,
             "{'do': 'object.set', 'space': 'House', 'id': '%s', 'set': {'place': 'shop'}}", old);
    assert_non_null(strstr(vault_ask(bob, json), "\"shop\""));
    assert_non_null(strstr(add(bob, "{'title': 'his', 'done': false}"), "\"id\""));
    assert_non_null(strstr(add(bob, "{'name': 'his', 'state': 'open'}"), "\\\"title\\\" is missing"));

    /* Together: both versions are known, nothing was dropped. */
    vault_open(alice);
    street_pass(&road, 120000);
    street_agree(&road, "House");
    for (int i = 0; i < 2; i++) {
        vault *one = i == 0 ? alice : bob;
        assert_asks(one, "{'do': 'schema.list', 'space': 'House'}", "{\"count\":2}");
        snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'House', 'id': '%s'}", old);
        assert_non_null(strstr(vault_ask(one, json), "\"name\":\"tea\""));
        assert_non_null(strstr(one->last, "\"place\":\"shop\""));
        assert_asks(one, "{'do': 'schema.check', 'space': 'House', 'type': 'task'}", "{\"count\":0}");
    }

    /* Both bring all of it to the second at once, apart. */
    vault_leave(bob);
    assert_asks(alice, "{'do': 'schema.migrate', 'space': 'House', 'type': 'task', 'version': 2}",
                "{\"changed\":2}");
    vault_leave(alice);
    vault_open(bob);
    assert_asks(bob, "{'do': 'schema.migrate', 'space': 'House', 'type': 'task'}", "{\"changed\":2}");
    vault_open(alice);
    street_pass(&road, 120000);
    street_agree(&road, "House");
    vault_ask(bob, "{'do': 'object.ls', 'space': 'House', 'type': 'task'}");
    assert_int_equal(count(bob->told, "\"name\":"), 5);
    assert_int_equal(count(bob->told, "\"title\":"), 0);
    assert_int_equal(count(bob->told, "\"done\":"), 0);
    street_deinit(&road);
}

/* A definition that another hand or a newer program wrote is shown and means nothing; wrong commands say what is wrong. */
static void test_strange_definitions(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'object.add', 'space': 'House', 'type': 'dx.schema', "
                                            "'data': {'type': 'task', 'version': 1, "
                                            "'schema': {'type': 'future'}}}"),
                           "\"id\""));
    vault_ask(alice, "{'do': 'object.add', 'space': 'House', 'type': 'dx.schema', 'data': {'type': 3}}");
    vault_ask(alice, "{'do': 'object.add', 'space': 'House', 'type': 'dx.schema'}");
    assert_non_null(strstr(add(alice, "{'title': 3}"), "\"id\""));
    assert_true(says(alice, "{'do': 'schema.list', 'space': 'House', 'type': 'task'}", "\"sound\":false"));
    assert_true(says(alice,
                     "{'do': 'schema.add', 'space': 'House', 'type': 'task', 'schema': " FIRST
                     ", 'migrate': [{'remove': 'x..y'}]}",
                     "\\\"migrate\\\" must be a list"));
    assert_true(says(alice,
                     "{'do': 'schema.add', 'space': 'House', 'type': 'task', 'schema': " FIRST
                     ", 'migrate': [{'rename': ['a']}]}",
                     "\\\"migrate\\\" must be a list"));
    assert_true(says(alice,
                     "{'do': 'schema.add', 'space': 'House', 'type': 'dx.member', 'schema': " FIRST "}",
                     "has a name"));
    assert_true(says(
        alice, "{'do': 'schema.add', 'space': 'House', 'type': 'task', 'version': 1, 'schema': " FIRST "}",
        "E_EXISTS"));
    assert_true(says(
        alice, "{'do': 'schema.add', 'space': 'House', 'type': 'task', 'version': 0.5, 'schema': " FIRST "}",
        "whole number"));
    assert_true(says(alice, "{'do': 'schema.add', 'space': 'House', 'type': 'task', 'schema': {'type': 3}}",
                     "is defined wrongly"));
    assert_true(
        says(alice, "{'do': 'schema.rm', 'space': 'House', 'type': 'task', 'version': 9}", "E_NOT_FOUND"));
    assert_true(says(alice, "{'do': 'schema.migrate', 'space': 'House', 'type': 'list'}", "E_NOT_FOUND"));
    assert_true(says(alice, "{'do': 'schema.rm', 'space': 'House', 'type': 'task', 'version': 1}",
                     "\"sound\":false"));
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_refused_on_write), DX_TEST(test_side_by_side), DX_TEST(test_strange_definitions))
