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
    test_random_init(&(*bob)->random, 3); /* keys with which Alice is who dials */
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

enum { LARGE_OBJECTS = 64, LARGE_TEXT_SIZE = 60000 };

/* Alice wrote 4 MB while Bob was away. */
static void begin_large(vault **alice, vault **bob) {
    static char json[LARGE_TEXT_SIZE + 200];
    begin(alice, bob);
    street_break(&road);
    road.closed = true;
    street_run(&road);
    int size =
        snprintf(json, sizeof json, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'a': '");
    memset(json + size, 'x', LARGE_TEXT_SIZE);
    memcpy(json + size + LARGE_TEXT_SIZE, "'}}", sizeof "'}}");
    for (int i = 0; i < LARGE_OBJECTS; i++) {
        vault_ask(*alice, json);
    }
    road.closed = false;
    (*alice)->sent_bytes = (*bob)->sent_bytes = 0;
}

static bool is_synced(vault *bob) {
    return strstr(vault_ask(bob, "{'do': 'space.status', 'space': 'Book'}"), "\"synced\":true") != NULL &&
           strstr(
               vault_ask(bob, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}"),
               "{\"count\":64}") != NULL;
}

/* Four megabytes, cut again and again: at a random byte, or after the n-th message. A new link takes the feed up
 * behind the last run that was stored: each cut repeats less than one run, which is a sixteenth of the window. */
static void test_cut_large(void **state) {
    (void)state;
    vault *alice, *bob;
    begin_large(&alice, &bob);
    street_pass(&road, 120000);
    assert_true(is_synced(bob));
    uint64_t whole = alice->sent_bytes;
    assert_in_range(whole, LARGE_OBJECTS * LARGE_TEXT_SIZE, DX_SYNC_CREDIT + (64 << 10));
    street_deinit(&road);
    test_random random;
    test_random_init(&random, 26);
    for (int how = 0; how < 2; how++) {
        uint64_t cuts = 0;
        begin_large(&alice, &bob);
        while (!is_synced(bob)) {
            assert_true(cuts < 300);
            road.cut_after = how == 0 ? 1 + test_random_next(&random) % 700000 : 0;
            road.cut_sends = how == 1 ? 1 + cuts % 24 : 0;
            for (int i = 0; i < 2000 && road.cut_after + road.cut_sends > 0; i++) {
                street_pass(&road, 50); /* less than the shortest wait before the next dialling */
            }
            cuts += road.cut_after + road.cut_sends == 0;
        }
        road.cut_after = road.cut_sends = 0;
        assert_true(cuts > 8);
        assert_in_range(alice->sent_bytes, whole,
                        whole + cuts * (DX_SYNC_DATA_SIZE + LARGE_TEXT_SIZE + (4 << 10)));
        street_pass(&road, 120000);
        street_agree(&road, "Book");
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
             DX_TEST(test_cut_large), DX_TEST(test_guests_meet))
