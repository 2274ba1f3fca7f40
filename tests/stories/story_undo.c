/* tests/stories/story_undo.c: taking back one's own, and looking at what was.
 *
 * Alice and Bob plan a party in one space. Alice makes the list of guests, a date and a link between them; Bob corrects a guest
 * while she goes on. She takes back her last three steps: what was hers goes back, over objects, links and places in the tree,
 * and what Bob wrote meanwhile stands. She does it again, up to where she was. Next morning somebody has spoilt the date: they
 * look at who, see what is otherwise since last evening, read the space as it was, and put the date back as a new write.
 * Asserted: what both read after each step, who did what in the history of both, and equal digests. */
#include "street.h"

static street road;
static vault *alice, *bob;
static char guest[80], date[80], link[80];

static const char *ask(vault *self, const char *what, const char *id, const char *more) {
    char json[512];
    snprintf(json, sizeof json, "{'do': '%s', 'space': 'Party', 'id': '%s'%s}", what, id, more);
    return vault_ask(self, json);
}

static const char *both_ask(const char *what, const char *id) {
    static char first[STREET_TEXT_SIZE];
    street_pass(&road, 60000);
    snprintf(first, sizeof first, "%s", ask(alice, what, id, ""));
    assert_string_equal(ask(bob, what, id, ""), first);
    return first;
}

static void assert_both_read(const char *id, const char *words) {
    const char *told = both_ask("object.get", id);
    if (strstr(told, words) == NULL) {
        fail_msg("both read %s, not %s", told, words);
    }
}

static void assert_says(const char *text, const char *words) {
    if (strstr(text, words) == NULL) {
        fail_msg("%s does not say %s", text, words);
    }
}

/* The newest point of this entity's history. */
static void latest(vault *self, const char *id, char point[static 64]) {
    ask(self, "history.list", id, ", 'limit': 1");
    street_field(self->told, "at", point, 64);
}

static const char *undo(vault *self, const char *what) {
    char json[64];
    snprintf(json, sizeof json, "{'do': '%s', 'space': 'Party'}", what);
    return vault_ask(self, json);
}

static void begin(void) {
    char json[512];
    street_init(&road);
    alice = street_person(&road, "alice");
    bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Party'}");
    street_join(alice, bob, "Party");
    street_field(vault_ask(alice,
                           "{'do': 'object.add', 'space': 'Party', 'type': 'guest', 'data': {'name': 'Dav', "
                           "'brings': ['salad'], 'seats': 1}}"),
                 "id", guest, sizeof guest);
    street_field(
        vault_ask(alice, "{'do': 'object.add', 'space': 'Party', 'type': 'date', 'data': {'day': 'Friday'}}"),
        "id", date, sizeof date);
    snprintf(json, sizeof json,
             "{'do': 'link.add', 'space': 'Party', 'source': '%s', 'target': '%s', 'type': 'comes'}", guest,
             date);
    street_field(vault_ask(alice, json), "id", link, sizeof link);
    street_pass(&road, 60000);
}

static void test_hers_goes_and_his_stays(void **state) {
    (void)state;
    char json[512];
    begin();
    /* Three steps of Alice's, one of them over three things at once; Bob writes in between. */
    ask(alice, "object.set", date, ", 'set': {'day': 'Saturday'}");
    street_pass(&road, 60000);
    assert_says(ask(bob, "object.set", guest, ", 'set': {'name': 'Dave'}"), "Dave");
    street_pass(&road, 60000);
    snprintf(json, sizeof json,
             "{'do': 'batch', 'space': 'Party', 'ops': [{'op': 'set', 'id': '%s', 'set': {'brings': "
             "['cake'], "
             "'seats': 2}}, {'op': 'rm', 'id': '%s'}, {'op': 'move', 'id': '%s', 'parent': '%s'}]}",
             guest, link, guest, date);
    assert_says(vault_ask(alice, json), "ids");
    ask(alice, "object.edit", guest, ", 'key': 'seats', 'increment': 3");
    assert_both_read(guest, "\"seats\":5");
    assert_both_read(link, "\"deleted\":true");

    /* One after another, her steps go. Bob's correction of the name is not hers to take back. */
    assert_says(undo(alice, "undo"), "\"entities\":1");
    assert_both_read(guest, "\"seats\":2");
    assert_says(undo(alice, "undo"), "\"entities\":2");
    assert_both_read(guest, "\"data\":{\"name\":\"Dave\",\"seats\":1,\"brings\":[\"salad\"]}");
    assert_both_read(guest, "\"parent\":null");
    assert_both_read(link, "\"deleted\":false");
    assert_says(undo(alice, "undo"), "\"entities\":1");
    assert_both_read(date, "Friday");
    assert_both_read(guest, "Dave");

    /* And come back, in the order in which they were made. A power failure in between forgets nothing of it. */
    assert_says(undo(alice, "redo"), "\"entities\"");
    assert_both_read(date, "Saturday");
    vault_crash(alice);
    vault_open(alice);
    assert_says(undo(alice, "redo"), "\"entities\":2");
    assert_says(undo(alice, "redo"), "\"entities\":1");
    assert_both_read(guest, "\"data\":{\"name\":\"Dave\",\"seats\":5,\"brings\":[\"cake\"]}");
    assert_both_read(link, "\"deleted\":true");
    assert_says(undo(alice, "redo"), "nothing was undone");

    /* Bob takes back the one step that was his, whatever Alice did after it. */
    assert_says(undo(bob, "undo"), "\"entities\":1");
    assert_both_read(guest, "\"data\":{\"name\":\"Dav\",\"seats\":5,\"brings\":[\"cake\"]}");
    assert_says(undo(bob, "undo"), "E_NOT_FOUND");
    street_agree(&road, "Party");
    street_deinit(&road);
}

/* What another wrote over it meanwhile is kept, and counted. */
static void test_written_over(void **state) {
    (void)state;
    begin();
    ask(alice, "object.set", date, ", 'set': {'day': 'Saturday', 'hour': 20}");
    street_pass(&road, 60000);
    ask(bob, "object.set", date, ", 'set': {'day': 'Sunday'}");
    street_pass(&road, 60000);
    assert_says(undo(alice, "undo"), "\"kept\":1");
    const char *told = both_ask("object.get", date);
    assert_says(told, "\"data\":{\"day\":\"Sunday\"}");
    street_agree(&road, "Party");
    street_deinit(&road);
}

static void test_the_morning_after(void **state) {
    (void)state;
    char evening[64], json[512];
    begin();
    latest(alice, link, evening);
    ask(bob, "object.set", date, ", 'set': {'day': 'never'}");
    ask(bob, "object.rm", guest, "");
    street_pass(&road, 60000);

    /* Who was it, and what is otherwise? Both are told the same. */
    ask(alice, "history.list", date, "");
    assert_says(alice->told, "\"set\":{\"day\":\"never\"},\"name\":\"Bob\"");
    assert_says(alice->told, "\"set\":{\"day\":\"Friday\"},\"name\":\"Alice\"");
    vault *const both[] = {alice, bob};
    for (size_t i = 0; i < 2; i++) {
        snprintf(json, sizeof json, "{'do': 'history.diff', 'space': 'Party', 'from': '%s'}", evening);
        vault_ask(both[i], json);
        assert_says(both[i]->told, "{\"to\":\"never\",\"from\":\"Friday\",\"path\":\"day\"}");
        assert_says(both[i]->told, "\"did\":\"deleted\"");
        snprintf(json, sizeof json, ", 'at': '%s'", evening);
        assert_says(ask(both[i], "object.get", date, json), "Friday");
        assert_says(ask(both[i], "object.get", guest, json), "\"deleted\":false");
    }

    /* Put back as a new write: the past stays what it was, and shows that too. */
    snprintf(json, sizeof json, ", 'at': '%s'", evening);
    assert_says(ask(alice, "history.restore", date, json), "Friday");
    assert_says(ask(alice, "object.restore", guest, ""), "\"deleted\":false");
    assert_both_read(date, "Friday");
    assert_both_read(guest, "\"deleted\":false");
    ask(bob, "history.list", date, "");
    assert_says(bob->told, "never");
    snprintf(json, sizeof json, "{'do': 'history.diff', 'space': 'Party', 'from': '%s'}", evening);
    assert_says(vault_ask(bob, json), "\"count\":0");
    street_agree(&road, "Party");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_hers_goes_and_his_stays), DX_TEST(test_written_over),
             DX_TEST(test_the_morning_after))
