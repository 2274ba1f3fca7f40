/* tests/stories/story_part_by_query.c: a phone that keeps open tasks alone.
 *
 * Alice and Carol work on a list of tasks, thousands of them done. Bob's phone joins and will keep those that are open: the others
 * never cross the wire. One is opened by Carol, and comes; one is changed, and the change comes; one is done, and the phone sees
 * it. On the train he finishes one and others go on at home; when he is back both have what the other did. Then Alice is away and
 * Carol alone tells what matches, of what she heard and Alice did not: both are united. Asserted: bytes on the wire, what each
 * reads, who told it, and equal digests in the end. */
#include "street.h"

enum { DONE = 600, TEXT_SIZE = 400, OPEN = 4 };

#define COUNT                                                                                                \
    "{'do': 'query', 'space': 'Work', 'query': {'type': 'task', 'where': {'open': true}, 'count': true}}"
#define STATUS "{'do': 'space.status', 'space': 'Work'}"

static street road;

static void assert_shows(vault *self, const char *id, const char *expected) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Work', 'id': '%s'}", id);
    vault_assert_says(self, json, expected);
}

static void assert_open(vault *self, int count) {
    char expected[32];
    snprintf(expected, sizeof expected, "\"count\":%d", count);
    vault_assert_says(self, COUNT, expected);
}

static void add(vault *self, int n, bool open, char *id, size_t size) {
    char json[TEXT_SIZE + 256], text[TEXT_SIZE + 1];
    memset(text, 'a' + n % 26, TEXT_SIZE);
    text[TEXT_SIZE] = 0;
    snprintf(
        json, sizeof json,
        "{'do': 'object.add', 'space': 'Work', 'type': 'task', 'data': {'n': %d, 'open': %s, 'text': '%s'}}",
        n, open ? "true" : "false", text);
    street_field(vault_ask(self, json), "id", id, size);
}

static void set(vault *self, const char *id, const char *values) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'Work', 'id': '%s', 'set': {%s}}", id, values);
    vault_assert_says(self, json, "\"id\"");
}

static void join_with(vault *host, vault *guest, const char *rest) {
    char url[2100], pin[7], json[2400];
    street_share(host, "Work", url, sizeof url, pin);
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s', 'pin': '%s'%s}", url, pin, rest);
    vault_begin(guest, json);
    street_pass(host->street, 8000);
    assert_non_null(strstr(guest->last, "\"ready\""));
}

static void test_a_phone_with_open_tasks(void **state) {
    (void)state;
    static char done[DONE][80];
    char open[OPEN][80];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *carol = street_person(&road, "carol");
    vault *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Work'}");
    street_join(alice, carol, "Work");
    for (int i = 0; i < DONE; i++) {
        add(i % 2 == 0 ? alice : carol, 1000 + i, false, done[i], sizeof done[i]);
    }
    for (int i = 0; i < OPEN; i++) {
        add(alice, i, true, open[i], sizeof open[i]);
    }
    street_pass(&road, 20000);

    /* He says what he will keep as he joins: of what is done only hashes come. */
    alice->sent_bytes = carol->sent_bytes = 0;
    join_with(alice, bob, ", 'query': {'type': 'task', 'where': {'open': true}}");
    street_pass(&road, 20000);
    assert_in_range(alice->sent_bytes + carol->sent_bytes, OPEN * TEXT_SIZE, DONE * TEXT_SIZE * 3 / 4);
    assert_open(bob, OPEN);
    vault_assert_says(bob, COUNT, "\"partial\":true");
    vault_assert_says(bob, COUNT, "\"told_by\"");
    vault_assert_says(bob, STATUS, "\"told_at\"");
    assert_shows(bob, done[0], "keeps a part");

    /* One is opened by another's hand, one is changed, one is done: some hundreds of bytes each. */
    alice->sent_bytes = carol->sent_bytes = 0;
    set(carol, done[7], "'open': true");
    set(alice, open[1], "'n': 100");
    set(carol, open[2], "'open': false");
    street_pass(&road, 20000);
    assert_shows(bob, done[7], "\"open\":true");
    assert_shows(bob, open[1], "\"n\":100");
    assert_shows(bob, open[2], "\"open\":false");
    assert_open(bob, OPEN);
    assert_in_range(alice->sent_bytes + carol->sent_bytes, 1, 40 * TEXT_SIZE);

    /* On the train. */
    road.closed = true;
    street_break(&road);
    set(bob, open[0], "'open': false");
    assert_open(bob, OPEN - 1);
    vault_leave(bob);
    vault_open(bob);
    assert_open(bob, OPEN - 1);
    set(alice, done[8], "'open': true");
    set(alice, open[0], "'n': 7");
    road.closed = false;
    street_pass(&road, 120000);
    assert_shows(bob, done[8], "\"open\":true");
    assert_shows(bob, open[0], "\"n\":7");
    assert_shows(alice, open[0], "\"open\":false");
    assert_open(bob, OPEN);
    assert_open(alice, OPEN);

    /* Carol writes what Alice never hears: she is away when Bob meets her, and he keeps what both told. */
    vault_leave(bob);
    vault_leave(alice);
    set(carol, done[9], "'open': true");
    vault_leave(carol);
    vault_open(alice);
    set(alice, done[10], "'open': true");
    vault_open(bob);
    street_pass(&road, 60000);
    assert_shows(bob, done[10], "\"open\":true");
    assert_shows(bob, done[9], "keeps a part");
    vault_leave(alice);
    vault_open(carol);
    street_pass(&road, 60000);
    assert_shows(bob, done[9], "\"open\":true");
    assert_shows(bob, done[10], "\"open\":true");
    assert_open(bob, OPEN + 2);

    /* All of it after all. */
    vault_open(alice);
    street_pass(&road, 60000);
    vault_assert_says(bob, "{'do': 'space.scope', 'space': 'Work', 'all': true}", "\"partial\":false");
    street_pass(&road, 60000);
    street_agree(&road, "Work");
    assert_open(bob, OPEN + 2);
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_a_phone_with_open_tasks))
