/* tests/unit/node/test_watch.c: a program that watches and asks by one port believes what it is told in the order it is told
 * (docs/spec/query.md, Watching). */
#include "street.h"

enum { OBJECTS = 10000, BATCH = 1000 };

static street road;

/* Of the rows told to the program, the last one about this entity. */
static const char *last_word(const vault *self, const char *id) {
    const char *found = NULL;
    for (const char *at = self->heard_by[1]; (at = strstr(at, id)) != NULL; at++) {
        const char *line = at;
        while (line > self->heard_by[1] && line[-1] != '\n') {
            line--;
        }
        found = strncmp(line, "{\"rows\":", 8) == 0 ? at : found;
    }
    return found == NULL ? "nothing" : found;
}

/* A question that takes several steps finds an object in the first and goes on; meanwhile the object goes. What was found is told
 * before that. */
static void test_found_and_gone(void **state) {
    (void)state;
    static char batch[STREET_TEXT_SIZE];
    char id[64], json[256];
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'S'}");
    street_field(vault_ask(alice, "{'do': 'object.add', 'space': 'S', 'type': 't', 'data': {'n': 0}}"), "id",
                 id, sizeof id);
    for (size_t i = 0; i < OBJECTS / BATCH; i++) {
        size_t at = (size_t)snprintf(batch, sizeof batch, "{'do': 'batch', 'space': 'S', 'ops': [");
        for (size_t k = 0; k < BATCH; k++) {
            at += (size_t)snprintf(batch + at, sizeof batch - at,
                                   "%s{'op': 'add', 'type': 't', 'data': {'n': 1}}", k == 0 ? "" : ",");
        }
        snprintf(batch + at, sizeof batch - at, "]}");
        vault_ask(alice, batch);
    }
    alice->heard_by[1][0] = 0;
    vault_ask(alice, "{'do': 'watch', 'space': 'S', 'query': {'where': {'n': 0}}}");
    vault_begin(alice, "{'do': 'query', 'space': 'S', 'query': {'where': {'n': 0}}}");
    assert_string_equal(alice->last, ""); /* it goes on */
    snprintf(json, sizeof json, "{'do': 'object.rm', 'space': 'S', 'id': '%s'}", id);
    vault_ask(alice, json);
    assert_non_null(strstr(last_word(alice, id), "\"change\":\"removed\""));
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_found_and_gone))
