/* tests/stories/story_purge.c: what must really go, and a friend who comes late.
 *
 * Alice pastes a password into a note of the house. Bob, who is on the train, has read it: he answers it, hangs a task below it
 * and links to it. Alice purges the note. Carol, who stayed at home, forgets it at once; Bob forgets it when he is back, together
 * with what he wrote into it meanwhile, and brings nothing of it to anybody; Dave, who joins last, was never told. What Bob wrote
 * beside it stays. Asserted: what each finds, by every way of asking, also after a crash, and that all agree. */
#include "street.h"

#define INDEX "{'do': 'index.add', 'space': 'House', 'type': 'note', 'text': true}"

static street road;
static vault *all[3]; /* Alice, Bob, Carol */
static char note[80], task[80], other[80];

/* What shows contents, asked in every way: in how many answers the word occurs. */
static size_t count_saying(vault *self, const char *word) {
    static const char *const questions[] = {
        "{'do': 'export', 'space': 'House'}", "{'do': 'object.ls', 'space': 'House', 'deleted': 'show'}",
        "{'do': 'query', 'space': 'House', 'query': {'type': 'note'}}",
        "{'do': 'query', 'space': 'House', 'query': {'type': 'note', 'text': 'door'}}",
        "{'do': 'space.sql', 'space': 'House', 'sql': 'SELECT data FROM objects'}"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        const char *answer = vault_ask(self, questions[i]);
        if (strstr(answer, "error") != NULL) {
            fail_msg("%s: %s answers %s", self->name, questions[i], answer);
        }
        count += strstr(answer, word) != NULL || strstr(self->told, word) != NULL;
    }
    return count;
}

static void assert_lost(vault *self) {
    char json[256];
    static const char *const questions[] = {"object.get", "history.list", "object.restore", "inspect.object"};
    assert_int_equal(count_saying(self, "sesame"), 0);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        snprintf(json, sizeof json, "{'do': '%s', 'space': 'House', 'id': '%s'}", questions[i], note);
        const char *answer = vault_ask(self, json);
        if (strstr(answer, "E_NOT_FOUND") == NULL) {
            fail_msg("%s: %s answers %s", self->name, questions[i], answer);
        }
    }
}

static void assert_reads(vault *self, const char *id, const char *words) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'House', 'id': '%s'}", id);
    const char *answer = vault_ask(self, json);
    if (strstr(answer, words) == NULL) {
        fail_msg("%s reads %s, not %s", self->name, answer, words);
    }
}

static void add(vault *self, const char *json, char id[static 80]) {
    street_field(vault_ask(self, json), "id", id, 80);
}

static void bob_writes_on_the_train(vault *bob) {
    char json[512], link[80];
    snprintf(json, sizeof json,
             "{'do': 'object.set', 'space': 'House', 'id': '%s', 'set': {'answer': 'sesame is weak'}}", note);
    vault_ask(bob, json);
    snprintf(json, sizeof json,
             "{'do': 'object.add', 'space': 'House', 'type': 'task', 'parent': '%s', 'data': {'do': 'change "
             "the lock'}}",
             note);
    add(bob, json, task);
    snprintf(json, sizeof json,
             "{'do': 'link.add', 'space': 'House', 'source': '%s', 'target': '%s', 'type': 'about'}", task,
             note);
    street_field(vault_ask(bob, json), "id", link, sizeof link);
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'House', 'id': '%s', 'set': {'milk': 2}}",
             other);
    vault_ask(bob, json);
}

/* The space with the note in it, which Alice, Bob and Carol have; nobody of them has purged it. */
static void begin(void) {
    street_init(&road);
    vault *alice = all[0] = street_person(&road, "alice");
    vault *bob = all[1] = street_person(&road, "bob");
    vault *carol = all[2] = street_person(&road, "carol");
    vault_ask(alice, "{'do': 'space.create', 'name': 'House'}");
    street_join(alice, bob, "House");
    street_join(alice, carol, "House");
    for (size_t i = 0; i < 3; i++) {
        vault_ask(all[i], INDEX);
    }
    add(alice,
        "{'do': 'object.add', 'space': 'House', 'type': 'note', 'data': {'text': 'the door opens to "
        "sesame'}}",
        note);
    add(alice, "{'do': 'object.add', 'space': 'House', 'type': 'list', 'data': {'milk': 1}}", other);
    street_pass(&road, 60000);
    assert_reads(bob, note, "sesame");
    assert_int_equal(count_saying(carol, "sesame"), 5);
}

static void test_a_password(void **state) {
    (void)state;
    char json[256];
    begin();
    vault *const alice = all[0], *const bob = all[1], *const carol = all[2];

    /* Who neither made it nor is an admin may not. */
    snprintf(json, sizeof json, "{'do': 'object.purge', 'space': 'House', 'id': '%s'}", note);
    assert_non_null(strstr(vault_ask(carol, json), "only admins and who made it"));

    /* The line to the train breaks. Alice purges the note, and her machine loses power at once. */
    vault_leave(bob);
    assert_non_null(strstr(vault_ask(alice, json), "\"purged\":true"));
    vault_crash(alice);
    vault_open(alice);
    street_pass(&road, 60000);
    assert_lost(alice);
    assert_lost(carol);

    /* Bob writes on the train, into the note, below it and beside it; it is still in front of him. */
    road.closed = true;
    street_break(&road);
    vault_open(bob);
    bob_writes_on_the_train(bob);
    assert_reads(bob, note, "sesame is weak");

    /* At home he learns of it before anything else, and what he wrote into it goes as well. */
    road.closed = false;
    street_pass(&road, 200000);
    street_agree(&road, "House");
    for (size_t i = 0; i < 3; i++) {
        assert_lost(all[i]);
        assert_reads(all[i], task, "change the lock");
        assert_reads(all[i], other, "\"milk\":2");
    }
    assert_non_null(
        strstr(vault_ask(bob, "{'do': 'undo', 'space': 'House'}"), "\"entities\":1")); /* the milk */
    street_pass(&road, 5000);
    assert_reads(alice, other, "\"milk\":1");

    /* Nor is it in what the power leaves of his disk; and Dave gets everything but that. */
    vault_crash(bob);
    vault_open(bob);
    street_pass(&road, 60000);
    assert_lost(bob);
    vault_leave(carol);
    vault *dave = street_person(&road, "dave");
    street_join(alice, dave, "House");
    vault_ask(dave, INDEX);
    vault_leave(alice);
    street_pass(&road, 60000);
    assert_lost(dave);
    assert_reads(dave, task, "change the lock");
    vault_open(alice);
    vault_open(carol);
    street_pass(&road, 200000);
    street_agree(&road, "House");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_a_password))
