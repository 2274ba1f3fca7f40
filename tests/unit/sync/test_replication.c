/* sync/replication.c, sync/session.c, sync/fetch.c, sync/serve.c, sync/address.c: whole vaults over links in
 * memory: what a reunion costs, that it resumes wherever it was cut, and that guests of one host meet. Forks
 * are tests/stories/story_fork.c. */
#include "base/limits.h"
#include "street.h"

static street road;

static void begin(vault **alice, vault **bob) {
    street_init(&road);
    *alice = street_move_in(&road, "alice");
    *bob = street_move_in(&road, "bob");
    vault_ask(*alice, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(*bob, "{'do': 'halo.create', 'name': 'Bob'}");
    vault_ask(*alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(*alice, *bob, "Book");
}

/* Handshake and hello: a caller says three things, an answerer two, and nobody another word. */
static void test_nothing_changed(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    for (int pages = 0; pages < 3; pages++) {
        street_break(&road);
        alice->sends = bob->sends = alice->sent_bytes = bob->sent_bytes = 0;
        street_pass(&road, 2000);
        assert_non_null(strstr(vault_ask(bob, "{'do': 'space.status', 'space': 'Book'}"), "\"synced\":true"));
        assert_in_range(alice->sends + bob->sends, 4, 5);
        assert_in_range(alice->sent_bytes + bob->sent_bytes, 500, 1500); /* however many pages there are */
        for (int i = 0; i < 50; i++) {
            vault_ask(alice, "{'do': 'object.add', 'space': 'Book', 'type': 'page'}");
        }
        street_pass(&road, 10000);
    }
    street_deinit(&road);
}

/* Silence is broken by a ping, and answered. */
static void test_silence(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    street_pass(&road, 1000);
    alice->sends = bob->sends = 0;
    street_pass(&road, DX_SYNC_PING_MS + 1000);
    assert_in_range(alice->sends + bob->sends, 2, 4);
    street_pass(&road, 20 * DX_SYNC_DEAD_MS);
    assert_non_null(strstr(vault_ask(bob, "{'do': 'space.status', 'space': 'Book'}"), "\"peers\":1"));
    street_deinit(&road);
}

/* The link is cut at a byte, again and again: both agree in the end, and what came is not sent again whole.
 */
static void test_cut_anywhere(void **state) {
    (void)state;
    for (uint64_t cut = 1; cut < 9000; cut += 397) {
        vault *alice, *bob;
        begin(&alice, &bob);
        street_break(&road);
        road.closed = true;
        street_run(&road);
        for (int i = 0; i < 15; i++) {
            vault_ask(alice,
                      "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'a': 'some words'}}");
            vault_ask(bob,
                      "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'b': 'other words'}}");
        }
        road.closed = false;
        for (int times = 0; times < 4; times++) {
            road.cut_after = cut;
            street_pass(&road, 3000);
        }
        road.cut_after = 0;
        street_pass(&road, 120000);
        street_agree(&road, "Book");
        assert_asks(alice, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}",
                    "{\"count\":30}");
        street_deinit(&road);
    }
}

/* Carol and Bob both know Alice only; she tells each where the other is. */
static void test_guests_meet(void **state) {
    (void)state;
    vault *alice, *bob;
    begin(&alice, &bob);
    vault *carol = street_move_in(&road, "carol");
    vault_ask(carol, "{'do': 'halo.create', 'name': 'Carol'}");
    street_join(alice, carol, "Book");
    street_pass(&road, 60000);
    vault_leave(alice);
    vault_ask(bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page'}");
    street_pass(&road, 60000);
    assert_asks(carol, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}",
                "{\"count\":1}");
    assert_non_null(strstr(vault_ask(carol, "{'do': 'space.status', 'space': 'Book'}"), "\"peers\":1"));
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_nothing_changed), DX_TEST(test_silence), DX_TEST(test_cut_anywhere),
             DX_TEST(test_guests_meet))
