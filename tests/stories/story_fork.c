/* tests/stories/story_fork.c: one feed is written twice, and those who were told different things find out.
 *
 * Alice's disk is set back behind the vault's back (its outside token with it, so the guard of story_clone
 * sees nothing). In one life she tells Bob, in the other Carol. When Bob and Carol meet, they find where the
 * branches part, prove it to each other, and cut the feed at the same place. Asserted: what each says on the
 * way, equal digests, and that Alice, told of it, goes on under new feeds. */
#include "street.h"

static street road;

static void write_pages(vault *self, const char *life, int count) {
    char json[160];
    for (int i = 0; i < count; i++) {
        snprintf(json, sizeof json,
                 "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'%s': %d}}", life, i);
        assert_non_null(strstr(vault_ask(self, json), "\"id\""));
    }
}

static void assert_pages(vault *self, int count) {
    char expected[32];
    snprintf(expected, sizeof expected, "{\"count\":%d}", count);
    assert_asks(self, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}", expected);
}

static void test_story(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_move_in(&road, "alice"), *bob = street_move_in(&road, "bob"),
          *carol = street_move_in(&road, "carol");
    vault_ask(alice, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(bob, "{'do': 'halo.create', 'name': 'Bob'}");
    vault_ask(carol, "{'do': 'halo.create', 'name': 'Carol'}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(alice, bob, "Book");
    street_join(alice, carol, "Book");
    write_pages(alice, "before", 2);
    street_pass(&road, 1000);
    street_agree(&road, "Book");

    /* Two lives from one disk. */
    vault_leave(alice);
    sim_disk *image = sim_disk_copy(alice->disk, 7);
    uint8_t token[DX_VAULT_TOKEN_SIZE];
    memcpy(token, alice->config.token, sizeof token);

    vault_leave(carol);
    vault_open(alice);
    street_pass(&road, 120000);
    write_pages(alice, "first life", 3);
    street_pass(&road, 1000);
    assert_pages(bob, 5);
    vault_leave(alice);
    vault_leave(bob);

    sim_disk_restore(alice->disk, image);
    sim_disk_destroy(image);
    memcpy(alice->config.token, token, sizeof token);
    vault_open(alice);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'status'}"), "\"clone\":false"));
    vault_open(carol);
    street_pass(&road, 120000);
    write_pages(alice, "second life", 5);
    street_pass(&road, 1000);
    assert_pages(carol, 7);
    vault_leave(alice);

    /* Bob and Carol meet without her. */
    bob->traces = carol->traces = "sync";
    vault_open(bob);
    street_pass(&road, 120000);
    assert_non_null(strstr(bob->trace, "is forked: cut at"));
    assert_non_null(strstr(carol->trace, "is forked: cut at"));
    assert_pages(bob, 2);
    assert_pages(carol, 2);
    const char *status = vault_ask(bob, "{'do': 'space.status', 'space': 'Book'}");
    assert_non_null(strstr(status, "\"synced\":true"));

    /* She comes back, is told, and writes on where nobody doubts her. */
    alice->traces = "sync";
    vault_open(alice);
    street_pass(&road, 120000);
    assert_non_null(strstr(alice->trace, "own feeds renewed"));
    write_pages(alice, "after", 1);
    street_pass(&road, 1000);
    assert_pages(bob, 3);
    assert_pages(carol, 3);
    street_agree(&road, "Book");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_story))
