/* tests/unit/node/test_judged.c: what comes back by undo, redo or from a point, and what links hold, is held against
 * definitions of types and strong references as any other write is (node/editing.c, docs/spec/schema.md). */
#include "node/state.h"
#include "street.h"

static street road;

typedef struct house {
    vault *alice;
    char one[80], two[80], link[80];
} house;

static void ask(house *self, const char *format, ...) {
    char json[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(json, sizeof json, format, values);
    va_end(values);
    vault_ask(self->alice, json);
}

static void expect(const house *self, const char *words) {
    if (strstr(self->alice->last, words) == NULL) {
        fail_msg("%s\nis not in %s", words, self->alice->last);
    }
}

static void open_house(house *self) {
    street_init(&road);
    self->alice = street_person(&road, "alice");
    ask(self, "{'do': 'space.create', 'name': 'House'}");
    ask(self, "{'do': 'object.add', 'space': 'House', 'type': 'task', 'data': {'old': 1}}");
    street_field(self->alice->last, "id", self->one, sizeof self->one);
    ask(self, "{'do': 'object.add', 'space': 'House', 'type': 'person', 'data': {}}");
    street_field(self->alice->last, "id", self->two, sizeof self->two);
}

static void define(house *self, const char *type, const char *schema) {
    ask(self, "{'do': 'schema.add', 'space': 'House', 'type': '%s', 'schema': %s}", type, schema);
    expect(self, "\"version\":1");
}

static void set(house *self, const char *id, const char *data) {
    ask(self, "{'do': 'object.set', 'space': 'House', 'id': '%s', 'set': %s}", id, data);
}

static void test_undo_and_redo(void **state) {
    (void)state;
    house it;
    open_house(&it);
    set(&it, it.one, "{'title': 'x'}");
    define(&it, "task", "{'type': 'object', 'required': ['title']}");
    ask(&it, "{'do': 'undo', 'space': 'House'}");
    expect(&it, "E_INVALID");
    expect(&it, "of the type \\\"task\\\"");
    ask(&it, "{'do': 'object.get', 'space': 'House', 'id': '%s'}", it.one);
    expect(&it, "\"title\":\"x\"");
    ask(&it, "{'do': 'undo', 'space': 'House', 'force': true}");
    expect(&it, "\"kept\":0");
    ask(&it, "{'do': 'object.get', 'space': 'House', 'id': '%s'}", it.one);
    expect(&it, "\"data\":{\"old\":1}");
    ask(&it, "{'do': 'redo', 'space': 'House'}"); /* back to what is well */
    expect(&it, "\"kept\":0");
    street_deinit(&road);
}

static void test_back_to_a_point(void **state) {
    (void)state;
    house it;
    char point[80];
    open_house(&it);
    ask(&it, "{'do': 'history.list', 'space': 'House', 'id': '%s'}", it.one);
    const char *at = strstr(it.alice->told, "\"at\":\"");
    assert_non_null(at);
    snprintf(point, sizeof point, "%.*s", (int)strcspn(at + 6, "\""), at + 6);
    set(&it, it.one, "{'title': 'x'}");
    define(&it, "task", "{'type': 'object', 'required': ['title']}");
    ask(&it, "{'do': 'history.restore', 'space': 'House', 'id': '%s', 'at': '%s'}", it.one, point);
    expect(&it, "E_INVALID");
    ask(&it, "{'do': 'object.get', 'space': 'House', 'id': '%s'}", it.one);
    expect(&it, "\"title\":\"x\"");
    street_deinit(&road);
}

static void test_links(void **state) {
    (void)state;
    house it;
    open_house(&it);
    define(&it, "done-by", "{'type': 'object', 'properties': {'since': {'type': 'integer'}}}");
    ask(&it,
        "{'do': 'link.add', 'space': 'House', 'type': 'done-by', 'source': '%s', 'target': '%s', 'data': "
        "{'since': 'x'}}",
        it.one, it.two);
    expect(&it, "of the type \\\"done-by\\\"");
    ask(&it,
        "{'do': 'link.add', 'space': 'House', 'type': 'done-by', 'source': '%s', 'target': '%s', 'data': "
        "{'since': 3}}",
        it.one, it.two);
    street_field(it.alice->last, "id", it.link, sizeof it.link);
    static const char change[] =
        "{'do': 'batch', 'space': 'House', 'ops': [{'op': 'set', 'id': '%s', 'set': {'since': %s}}]}";
    ask(&it, change, it.link, "'y'");
    expect(&it, "of the type \\\"done-by\\\"");
    ask(&it, change, it.link, "4");
    expect(&it, "\"ids\"");
    street_deinit(&road);
}

/* What is deleted again by going back to a point, and held by somebody now, stays. */
static void test_what_is_held_stays(void **state) {
    (void)state;
    house it;
    char point[80];
    open_house(&it);
    ask(&it, "{'do': 'object.rm', 'space': 'House', 'id': '%s'}", it.one);
    ask(&it, "{'do': 'history.list', 'space': 'House', 'id': '%s', 'limit': 1}", it.one);
    const char *at = strstr(it.alice->told, "\"at\":\"");
    assert_non_null(at);
    snprintf(point, sizeof point, "%.*s", (int)strcspn(at + 6, "\""), at + 6);
    ask(&it, "{'do': 'object.restore', 'space': 'House', 'id': '%s'}", it.one);
    ask(&it, "{'do': 'object.set', 'space': 'House', 'id': '%s', 'set': {'part': {'@ref': '%s!'}}}", it.two,
        it.one);
    ask(&it, "{'do': 'history.restore', 'space': 'House', 'id': '%s', 'at': '%s'}", it.one, point);
    expect(&it, "E_STATE");
    expect(&it, "is held by a strong reference in");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_undo_and_redo), DX_TEST(test_back_to_a_point), DX_TEST(test_links),
             DX_TEST(test_what_is_held_stays))
