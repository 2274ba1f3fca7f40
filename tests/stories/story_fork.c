/* tests/stories/story_fork.c: one feed is written twice, and those who were told different things find out.
 *
 * Alice's disk is set back behind the vault's back (its outside token with it, so the guard of story_clone
 * sees nothing). In one life she tells Bob, in the other Carol. When Bob and Carol meet, they find where the
 * branches part, prove it to each other, and cut the feed at the same place.
 *
 * First story: nobody built on either life. Both are hidden from the fork on, and kept.
 * Second story: Bob and Carol both wrote after reading. What each named of Alice's feed is a floor that the
 * cut does not go below; the two contradict each other, and the senior of them is believed. Who believed the
 * other life takes back what it showed, fetches the one that stands, and keeps the other beside it.
 *
 * Third story: all of them write in one text as well. Whose life is not believed has no word left in it; who read that life and
 * wrote behind it keeps his own, where he put them, and writes on.
 *
 * Asserted: what each says on the way (sync/fork.c, sync/limb.c), equal digests, and that Alice, told of it, goes on
 * under new feeds. */
#include "street.h"

static street road;
static vault *alice, *bob, *carol;
static char recipe[64]; /* a text that they write in; empty: there is none */

static void write_pages(vault *self, const char *life, int count) {
    char json[160];
    for (int i = 0; i < count; i++) {
        snprintf(json, sizeof json,
                 "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'%s': %d}}", life, i);
        assert_non_null(strstr(vault_ask(self, json), "\"id\""));
    }
}

/* In the text, if there is one. */
static void write_words(vault *self, const char *words) {
    char json[256];
    if (recipe[0] != 0) {
        snprintf(json, sizeof json,
                 "{'do': 'object.apply', 'space': 'Book', 'id': '%s', 'operation': {'append': '%s'}}", recipe,
                 words);
        vault_ask(self, json);
    }
}

static bool reads(vault *self, const char *words) {
    char json[128];
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Book', 'id': '%s'}", recipe);
    return strstr(vault_ask(self, json), words) != NULL;
}

static int count_pages(vault *self, const char *life) {
    char json[200];
    snprintf(json, sizeof json,
             "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'where': {'%s': 0}, 'count': true}}",
             life);
    int count = -1;
    const char *answer = strstr(vault_ask(self, json), "\"count\":");
    assert_non_null(answer);
    assert_int_equal(sscanf(answer, "\"count\":%d", &count), 1);
    return count;
}

static void assert_pages(vault *self, int count) {
    char expected[32];
    snprintf(expected, sizeof expected, "{\"count\":%d}", count);
    assert_asks(self, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}", expected);
}

static void begin(bool with_text) {
    recipe[0] = 0;
    street_init(&road);
    alice = street_person(&road, "alice");
    bob = street_person(&road, "bob");
    carol = street_person(&road, "carol");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(alice, bob, "Book");
    street_join(alice, carol, "Book");
    write_pages(alice, "before", 2);
    if (with_text) {
        street_field(
            vault_ask(alice, "{'do': 'object.add', 'space': 'Book', 'type': 'recipe', 'model': 'dx/text/1', "
                             "'operation': {'append': 'Take'}}"),
            "id", recipe, sizeof recipe);
    }
    street_pass(&road, 1000);
    street_agree(&road, "Book");
}

/* Two lives from one disk: three pages that Bob sees, five that Carol sees; each may write one after. */
static void live_twice(bool readers_write) {
    vault_leave(alice);
    sim_disk *image = sim_disk_copy(alice->disk, 7);
    uint8_t token[DX_VAULT_TOKEN_SIZE];
    memcpy(token, alice->config.token, sizeof token);

    vault_leave(carol);
    vault_open(alice);
    street_pass(&road, 120000);
    write_pages(alice, "first life", 3);
    write_words(alice, " honey, of which nobody says how much,");
    street_pass(&road, 1000);
    assert_pages(bob, 5);
    vault_leave(alice);
    if (readers_write) {
        write_pages(bob, "bob", 1);
        write_words(bob, " and lemon");
    }
    vault_leave(bob);

    sim_disk_restore(alice->disk, image);
    sim_disk_destroy(image);
    memcpy(alice->config.token, token, sizeof token);
    vault_open(alice);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'status'}"), "\"clone\":false"));
    vault_open(carol);
    street_pass(&road, 120000);
    write_pages(alice, "second life", 5);
    write_words(alice, " salt");
    street_pass(&road, 1000);
    assert_pages(carol, 7);
    vault_leave(alice);
    if (readers_write) {
        write_pages(carol, "carol", 1);
        write_words(carol, " with care");
    }
}

/* She comes back, is told, and writes on where nobody doubts her. */
static void come_back(int pages) {
    alice->traces = "sync";
    vault_open(alice);
    street_pass(&road, 120000);
    assert_non_null(strstr(alice->trace, "own feeds renewed"));
    write_pages(alice, "after", 1);
    street_pass(&road, 1000);
    assert_pages(bob, pages + 1);
    assert_pages(carol, pages + 1);
    street_agree(&road, "Book");
    street_deinit(&road);
}

static void test_nobody_built_on_it(void **state) {
    (void)state;
    begin(false);
    live_twice(false);
    bob->traces = carol->traces = "sync";
    vault_open(bob);
    street_pass(&road, 120000);
    assert_non_null(strstr(bob->trace, "is forked: cut at"));
    assert_non_null(strstr(carol->trace, "is forked: cut at"));
    assert_pages(bob, 2);
    assert_pages(carol, 2);
    const char *status = vault_ask(bob, "{'do': 'space.status', 'space': 'Book'}");
    assert_non_null(strstr(status, "\"synced\":true"));
    assert_non_null(strstr(status, "\"hidden\":3")); /* the first life, kept */
    assert_non_null(strstr(vault_ask(carol, "{'do': 'space.status', 'space': 'Book'}"), "\"hidden\":5"));
    come_back(2);
}

static void test_the_senior_reader_is_believed(void **state) {
    (void)state;
    begin(false);
    live_twice(true);
    bob->traces = carol->traces = "sync echo";
    vault_open(bob);
    street_pass(&road, 120000);
    assert_non_null(strstr(bob->trace, "is forked: cut at"));
    assert_non_null(strstr(carol->trace, "is forked: cut at"));
    /* One life stands at both, with all that its reader had seen; what the two wrote themselves stands too.
     */
    bool first = count_pages(bob, "first life") == 1;
    vault *believed = first ? bob : carol, *other = first ? carol : bob;
    assert_int_equal(count_pages(bob, "second life"), first ? 0 : 1);
    int pages = 2 + (first ? 3 : 5) + 2;
    assert_pages(bob, pages);
    assert_pages(carol, pages);
    assert_non_null(strstr(other->trace, "brought the branch of feed"));
    assert_non_null(strstr(other->trace, "took back blocks"));
    assert_non_null(strstr(other->trace, "another branch is in force"));
    assert_null(strstr(believed->trace, "another branch is in force"));
    const char *status = vault_ask(bob, "{'do': 'space.status', 'space': 'Book'}");
    assert_non_null(strstr(status, "\"synced\":true"));
    assert_non_null(strstr(vault_ask(other, "{'do': 'space.status', 'space': 'Book'}"),
                           first ? "\"hidden\":5" : "\"hidden\":3"));
    come_back(pages);
}

static void test_words_beside_those_that_do_not_count(void **state) {
    (void)state;
    begin(true);
    live_twice(true);
    vault_open(bob);
    street_pass(&road, 120000);
    vault *const readers[] = {bob, carol};
    bool first = reads(bob, "honey");
    for (size_t i = 0; i < 2; i++) {
        assert_true(reads(readers[i], "honey") == first && reads(readers[i], "salt") != first);
        assert_true(reads(readers[i], " and lemon"));
        assert_true(reads(readers[i], " with care"));
    }
    /* Whoever wrote behind hidden words goes on as if they were there. */
    write_words(bob, ", and drink");
    write_words(carol, " it");
    street_pass(&road, 1000);
    for (size_t i = 0; i < 2; i++) {
        assert_true(reads(readers[i], ", and drink") && reads(readers[i], " it"));
    }
    vault_open(alice); /* hers is the hidden life: she reads what the others do */
    street_pass(&road, 120000);
    assert_true(reads(alice, ", and drink") && reads(alice, "honey") == first);
    street_agree(&road, "Book");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_nobody_built_on_it), DX_TEST(test_words_beside_those_that_do_not_count),
             DX_TEST(test_the_senior_reader_is_believed))
