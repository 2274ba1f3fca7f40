/* tests/stories/story_rename.c: people and spaces get other names.
 *
 * Alice and Bob, apart, give their space a name each: together again they read the same one. Alice calls herself
 * otherwise, and Bob sees it; her old copy, restored and renamed too, and she agree on one name. In a vault of
 * many spaces a new name reaches every one, though the power fails before half of them have it. Asserted: what
 * each reads, and equal digests. */
#include "base/limits.h"
#include "street.h"

enum { SPACES = DX_STEP_NAMES_MAX + 8 }; /* one step does not reach all of them */

static street road;

static bool shows(vault *self, const char *json, const char *part) {
    vault_ask(self, json);
    return strstr(self->told, part) != NULL;
}

static void test_two_at_once(void **state) {
    (void)state;
    char name[64], other[64];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(alice, bob, "Book");

    /* Apart. */
    vault_leave(bob);
    vault_ask(alice, "{'do': 'space.rename', 'space': 'Book', 'name': 'Novel'}");
    vault_leave(alice);
    vault_open(bob);
    vault_ask(bob, "{'do': 'space.rename', 'space': 'Book', 'name': 'Poem'}");
    assert_true(shows(bob, "{'do': 'space.list'}", "\"name\":\"Poem\""));

    /* Together: one of the two, for both. */
    vault_open(alice);
    street_pass(&road, 120000);
    vault_ask(alice, "{'do': 'space.list'}");
    street_field(alice->told, "name", name, sizeof name);
    vault_ask(bob, "{'do': 'space.list'}");
    street_field(bob->told, "name", other, sizeof other);
    assert_string_equal(name, other);
    assert_true(strcmp(name, "Novel") == 0 || strcmp(name, "Poem") == 0);
    street_agree(&road, name);

    /* And a person. */
    vault_ask(alice, "{'do': 'halo.rename', 'name': 'Alice Liddell'}");
    street_pass(&road, 1000);
    char members[96];
    snprintf(members, sizeof members, "{'do': 'space.members', 'space': '%s'}", name);
    assert_true(shows(bob, members, "\"name\":\"Alice Liddell\""));
    street_deinit(&road);
}

static void test_in_another_life(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(alice, bob, "Book");
    vault_leave(alice);
    sim_disk *backup = sim_disk_copy(alice->disk, 7);
    vault_open(alice);
    street_pass(&road, 120000);
    vault_ask(alice, "{'do': 'halo.rename', 'name': 'Al'}");
    street_pass(&road, 1000);

    /* The disk dies, the backup takes its place, and offline she chooses another one. */
    vault_leave(alice);
    sim_disk_restore(alice->disk, backup);
    sim_disk_destroy(backup);
    road.closed = true;
    vault_open(alice);
    vault_ask(alice, "{'do': 'halo.rename', 'name': 'Liz'}");
    road.closed = false;
    street_pass(&road, 120000);
    street_agree(&road, "Book");
    static const char members[] = "{'do': 'space.members', 'space': 'Book'}";
    vault_ask(alice, members);
    vault_ask(bob, members);
    assert_string_equal(alice->told, bob->told);
    assert_true(shows(bob, members, "\"Al\"") || shows(bob, members, "\"Liz\""));
    street_deinit(&road);
}

/* How many of the spaces say this name of the one member. */
static int count_told(vault *alice, const char *name) {
    char json[96], part[64];
    int count = 0;
    snprintf(part, sizeof part, "\"name\":\"%s\"", name);
    for (int i = 0; i < SPACES; i++) {
        snprintf(json, sizeof json, "{'do': 'space.members', 'space': 'S%d'}", i);
        count += shows(alice, json, part);
    }
    return count;
}

static void test_told_in_all_spaces(void **state) {
    (void)state;
    char json[96];
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    for (int i = 0; i < SPACES; i++) {
        snprintf(json, sizeof json, "{'do': 'space.create', 'name': 'S%d'}", i);
        vault_ask(alice, json);
    }
    vault_begin(alice, "{'do': 'halo.rename', 'name': 'Al'}"); /* one step: not all of them have it */
    assert_non_null(strstr(alice->last, "\"name\":\"Al\""));
    vault_crash(alice);
    vault_open(alice);
    street_run(&road);
    assert_true(shows(alice, "{'do': 'halo.identity'}", "") && strstr(alice->last, "\"Al\"") != NULL);
    assert_int_equal(count_told(alice, "Al"), SPACES);
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_two_at_once), DX_TEST(test_in_another_life), DX_TEST(test_told_in_all_spaces))
