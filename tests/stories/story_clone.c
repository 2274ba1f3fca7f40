/* tests/stories/story_clone.c: a vault is set back to an old copy of its disk, and nothing is lost.
 *
 * Alice makes a backup, goes on working with Bob, loses her disk and restores the backup. Her vault notices
 * (the token mirrored outside of it is newer than the file's), writes on under new feeds, and gets back from
 * Bob what it had said in its other life. Asserted: what the node traces, that all three works are there, and
 * equal digests. */
#include "street.h"

static street road;

static void test_story(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(alice, bob, "Book");
    vault_ask(alice, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 1}}");
    street_run(&road);

    /* A copy of the disk is put away. */
    vault_leave(alice);
    sim_disk *backup = sim_disk_copy(alice->disk, 7);
    vault_open(alice);
    street_pass(&road, 120000);
    vault_ask(alice, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 2}}");
    assert_asks(bob, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}",
                "{\"count\":2}");

    /* The disk dies, the copy takes its place; offline she writes on. */
    vault_leave(alice);
    sim_disk_restore(alice->disk, backup);
    sim_disk_destroy(backup);
    road.closed = true;
    vault_open(alice);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'status'}"), "\"clone\":true"));
    assert_asks(alice, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}",
                "{\"count\":1}");
    vault_ask(alice, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 3}}");

    /* Bob has the page she forgot, she has one he never saw. */
    road.closed = false;
    street_pass(&road, 120000);
    assert_asks(alice, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}",
                "{\"count\":3}");
    street_agree(&road, "Book");

    /* It goes on as if nothing had been: no fork, and the next opening is no copy. */
    vault_leave(alice);
    vault_open(alice);
    street_pass(&road, 120000);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'status'}"), "\"clone\":false"));
    vault_ask(alice, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 4}}");
    street_agree(&road, "Book");
    assert_asks(bob, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}",
                "{\"count\":4}");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_story))
