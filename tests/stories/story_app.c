/* tests/stories/story_app.c: an app asks, the person answers.
 *
 * An app nobody knows may do nothing but ask. The person grants it to make spaces, and it makes one and writes
 * in it. It sees nothing of what else is in the vault, and another app sees nothing at all. Taken away, it
 * hears no more. Asserted: the words each of the three is told, in their order. */
#include "street.h"

static street road;

enum { PERSON = 1, LIST, NOSY };

static vault *alice;

/* What a port is told by its question; what the others are told by it is kept for
 * `hears`. */
static void says(uint64_t port, const char *json, const char *told) {
    for (uint64_t i = PERSON; i <= NOSY; i++) {
        alice->heard_by[i][0] = 0;
    }
    vault_ask_by(alice, port, json);
    if (strstr(alice->heard_by[port], told) == NULL) {
        fail_msg("port %d said %s\nand was told %s\nnot %s", (int)port, json, alice->heard_by[port], told);
    }
}

static void hears(uint64_t port, const char *told) {
    bool well = told == NULL ? alice->heard_by[port][0] == 0 : strstr(alice->heard_by[port], told) != NULL;
    if (!well) {
        fail_msg("port %d was told %s\nnot %s", (int)port, alice->heard_by[port],
                 told == NULL ? "nothing" : told);
    }
}

static void test_an_app_asks(void **state) {
    (void)state;
    static const char denied[] = "this app has no grant for that";
    street_init(&road);
    alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Diary'}");
    vault_ask(alice, "{'do': 'object.add', 'space': 'Diary', 'data': {'dear': 'diary'}}");
    says(PERSON, "{'do': 'app.watch'}", "{\"state\":\"listed\"}");

    /* Nobody knows it. */
    vault_connect(alice, LIST, "https://todo.example");
    vault_connect(alice, NOSY, "https://nosy.example");
    says(LIST, "{'do': 'halo.identity'}", denied);
    says(LIST, "{'do': 'space.list'}", denied);

    /* It asks; the person is told, and decides. */
    says(LIST, "{'do': 'app.ask', 'name': 'To do', 'want': ['create']}", "");
    hears(LIST, NULL);
    hears(PERSON, "\"asks\":[\"create\"]");
    hears(PERSON, "\"origin\":\"https://todo.example\"");
    says(PERSON, "{'do': 'app.grant', 'origin': 'https://todo.example', 'scopes': ['create']}",
         "\"granted\":true");
    hears(LIST, "\"scopes\":[\"create\"]");
    hears(NOSY, NULL);

    /* What it makes is its own; what else is there it does not see. */
    says(LIST, "{'do': 'space.create', 'name': 'Tasks'}", "\"name\":\"Tasks\"");
    says(LIST, "{'do': 'object.add', 'space': 'Tasks', 'type': 'task', 'data': {'do': 'water'}}", "\"id\"");
    says(LIST, "{'do': 'space.list'}", "{\"count\":1}");
    says(LIST, "{'do': 'query', 'space': 'Diary'}", denied);
    says(LIST, "{'do': 'watch', 'space': 'Tasks'}", "");
    says(PERSON, "{'do': 'object.add', 'space': 'Tasks', 'data': {'do': 'weed'}}", "\"id\"");
    hears(LIST, "\"weed\"");

    /* The other one sees nothing, nor that there is something. */
    says(NOSY, "{'do': 'query', 'space': 'Tasks'}", denied);
    says(NOSY, "{'do': 'query', 'space': 'Tusks'}", denied);
    says(NOSY, "{'do': 'app.list'}", denied);

    /* Taken away: its subscription ends at once, and it hears no more. */
    says(PERSON, "{'do': 'app.revoke', 'origin': 'https://todo.example'}", "\"granted\":false");
    hears(LIST, denied);
    says(PERSON, "{'do': 'object.add', 'space': 'Tasks', 'data': {'do': 'rest'}}", "\"id\"");
    hears(LIST, NULL);
    says(LIST, "{'do': 'object.ls', 'space': 'Tasks'}", denied);
    says(PERSON, "{'do': 'query', 'space': 'Tasks', 'query': {'count': true}}", "\"count\":3");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_an_app_asks))
