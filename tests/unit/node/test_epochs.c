/* tests/unit/node/test_epochs.c: epochs among several vaults, in worlds at random: made, checked, built on and loaded while
 * people write, part, come back and crash (node/epochs.c, node/dropping.c, node/commands_epoch.c, sync/snapshot.c).
 *
 * Whatever happened, all vaults show one state in the end, whoever has history and whoever a state in its place. */
#include "street.h"

enum { PEOPLE = 3, WORLDS = 12, EVENTS = 60 };

static street road;
static uint64_t drawn;

static size_t draw(size_t below) {
    drawn = drawn * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)((drawn >> 33) % below);
}

static void write_once(vault *self, size_t n) {
    static char ids[8][64];
    static size_t known;
    char json[256];
    if (known > 0 && draw(2) == 0) {
        snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'Garden', 'id': '%s', 'set': {'n': %zu}}",
                 ids[draw(known)], n);
        vault_ask(self, json); /* it may not be known to this one yet */
        return;
    }
    snprintf(json, sizeof json, "{'do': 'object.add', 'space': 'Garden', 'type': 'bed', 'data': {'n': %zu}}",
             n);
    const char *answer = vault_ask(self, json);
    size_t at = draw(8);
    at = at < known ? at : known;
    if (strstr(answer, "\"id\"") != NULL && at < 8) {
        street_field(answer, "id", ids[at], sizeof ids[at]);
        known = at == known ? known + 1 : known;
    }
}

typedef struct tally {
    size_t made, built;
} tally;

static void happen(vault *people[static PEOPLE], bool home[static PEOPLE], size_t n, tally *seen) {
    size_t who = draw(PEOPLE);
    vault *self = people[who];
    switch (draw(10)) {
    case 0:
        if (home[who]) {
            seen->made +=
                strstr(vault_ask(self, "{'do': 'space.epoch', 'space': 'Garden'}"), "\"number\"") != NULL;
        }
        return;
    case 1:
        if (home[who]) {
            seen->built +=
                strstr(
                    vault_ask(self, "{'do': 'space.compact', 'space': 'Garden', 'now': true, 'copies': 1}"),
                    "\"base\"") != NULL;
        }
        return;
    case 2:
        if (home[who] && who != 0) {
            draw(2) == 0 ? vault_leave(self) : vault_crash(self);
            home[who] = false;
        } else if (!home[who]) {
            vault_open(self);
            home[who] = true;
        }
        return;
    case 3:
        road.closed = !road.closed;
        street_break(&road);
        return;
    case 4:
    case 5:
        street_pass(&road, 8000);
        return;
    default:
        if (home[who]) {
            write_once(self, n);
        }
    }
}

static void test_one_state_in_the_end(void **state) {
    (void)state;
    static const char *const names[] = {"alice", "bob", "carol"};
    tally seen = {.made = 0};
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        vault *people[PEOPLE];
        bool home[PEOPLE] = {true, true, true};
        drawn = seed * 7919;
        street_init(&road);
        for (size_t i = 0; i < PEOPLE; i++) {
            people[i] = street_person(&road, names[i]);
        }
        vault_ask(people[0], "{'do': 'space.create', 'name': 'Garden'}");
        street_join(people[0], people[1], "Garden");
        street_join(people[0], people[2], "Garden");
        for (size_t n = 0; n < EVENTS; n++) {
            happen(people, home, n, &seen);
        }
        road.closed = false;
        for (size_t i = 0; i < PEOPLE; i++) {
            if (!home[i]) {
                vault_open(people[i]);
            }
        }
        street_pass(&road, 400000);
        vault *dora = street_person(&road, "dora"); /* who comes last gets what there is */
        street_join(people[0], dora, "Garden");
        street_pass(&road, 200000);
        print_message("# world %d\n", (int)seed);
        street_agree(&road, "Garden");
        for (size_t i = 0; i < road.count; i++) {
            assert_null(
                strstr(vault_ask(road.vaults[i], "{'do': 'space.status', 'space': 'Garden'}"), "mismatch"));
        }
        street_deinit(&road);
    }
    assert_true(seen.made > WORLDS / 2 && seen.built > WORLDS / 4);
}

/* A newcomer who loads a state is in step once rows were made of all of it, and not when the last of it has come; and of what
 * lies below it, which its peers have still, he fetches nothing meanwhile. */
static void test_in_step_when_unpacked(void **state) {
    (void)state;
    static const char add[] = ",{'op': 'add', 'type': 'bed', 'data': {'soil': 'black', 'rows': 12}}";
    enum { ADDED = 500, BATCHES = 20 };
    static char batch[ADDED * sizeof add + 64], join[2300];
    char url[2100], pin[7];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob"),
          *carol = street_person(&road, "carol");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_join(alice, bob, "Garden");
    char *at =
        batch + snprintf(batch, sizeof batch, "{'do': 'batch', 'space': 'Garden', 'ops': [{'op': 'add'}");
    for (size_t i = 1; i < ADDED; i++) {
        at += snprintf(at, sizeof add, "%s", add);
    }
    snprintf(at, (size_t)(batch + sizeof batch - at), "]}");
    for (size_t i = 0; i < BATCHES; i++) {
        vault_ask(alice, batch);
    }
    vault_ask(alice, "{'do': 'space.epoch', 'space': 'Garden'}");
    street_pass(&road, 60000);
    street_share(alice, "Garden", url, sizeof url, pin);
    snprintf(join, sizeof join, "{'do': 'space.join', 'url': '%s', 'pin': '%s'}", url, pin);
    vault_begin(carol, join);
    while (strstr(carol->last, "\"ready\"") == NULL) {
        assert_true(street_step(&road));
    }
    street_field(carol->last, "space", url, sizeof url);
    snprintf(join, sizeof join, "{'do': 'space.status', 'space': '%s', 'wait_synced': true}", url);
    vault_begin(carol, join);
    bool unpacks = false;
    while (carol->last[0] == 0) {
        road.now_ms += 20;
        street_step(&road);
        if (!unpacks && strstr(carol->told, "\"history\":\"unpacking\"") != NULL) {
            unpacks = true;
            alice->sent_bytes = bob->sent_bytes = 0;
        }
    }
    assert_true(unpacks);
    assert_true(alice->sent_bytes + bob->sent_bytes < sizeof batch);
    assert_non_null(strstr(carol->last, "\"synced\":true"));
    assert_non_null(strstr(carol->last, "\"objects\":10000,"));
    street_agree(&road, "Garden");
    street_deinit(&road);
}

/* By size, with another device, at most every ten seconds, and not where a person said so. */
static void test_made_by_themselves(void **state) {
    static const char epochs[] = "{'do': 'space.epochs', 'space': 'Garden'}";
    static const char status[] = "{'do': 'space.status', 'space': 'Garden'}";
    (void)state;
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    alice->config.epoch_size = bob->config.epoch_size = 3000;
    vault_leave(alice);
    vault_open(alice);
    char id[64], json[256];
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_field(vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'type': 'bed', 'data': {'n': 0}}"),
                 "id", id, sizeof id);
    for (int n = 0; n < 60; n++) {
        snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'Garden', 'id': '%s', 'set': {'n': %d}}",
                 id, n);
        vault_ask(alice, json);
    }
    street_pass(&road, 60000);
    assert_string_equal(vault_ask(alice, epochs), "{\"count\":0}"); /* nobody to hand a state to */
    assert_non_null(strstr(vault_ask(alice, "{'do': 'space.epoch', 'space': 'Garden', 'auto': false}"),
                           "\"auto\":false"));
    street_join(alice, bob, "Garden");
    street_pass(&road, 60000);
    assert_string_equal(vault_ask(alice, epochs), "{\"count\":0}");
    assert_non_null(strstr(vault_ask(alice, status), "\"auto\":false"));
    vault_leave(alice); /* it is kept */
    vault_open(alice);
    street_pass(&road, 60000);
    assert_string_equal(vault_ask(alice, epochs), "{\"count\":0}");
    vault_ask(alice, "{'do': 'space.epoch', 'space': 'Garden', 'auto': true}");
    assert_null(strstr(vault_ask(alice, status), "\"auto\""));
    street_pass(&road, 30000);
    assert_string_equal(vault_ask(alice, epochs), "{\"count\":1}");
    assert_non_null(strstr(vault_ask(alice, status), "\"epoch\":1"));
    street_pass(&road, 60000); /* and no second one of the same */
    assert_string_equal(vault_ask(alice, epochs), "{\"count\":1}");
    street_deinit(&road);
}

/* Something below the current epoch is purged while nobody is there to confirm the next one: one is made, and no more, whatever
 * happens, until something else is purged. Who comes back says that it is right. */
static void test_the_next_one_waits(void **state) {
    static const char epochs[] = "{'do': 'space.epochs', 'space': 'Garden'}";
    static const char add[] = "{'do': 'object.add', 'space': 'Garden', 'type': 'bed', 'data': {'n': 0}}";
    enum { BEDS = 3 };
    char ids[BEDS][64], json[256];
    (void)state;
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_join(alice, bob, "Garden");
    for (size_t i = 0; i < BEDS; i++) {
        street_field(vault_ask(alice, add), "id", ids[i], sizeof ids[i]);
    }
    vault_ask(alice, "{'do': 'space.epoch', 'space': 'Garden'}");
    street_pass(&road, 10000);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'space.status', 'space': 'Garden'}"), "\"epoch\":1"));
    vault_leave(bob);
    for (size_t i = 1; i < BEDS; i++) {
        char count[16];
        snprintf(json, sizeof json, "{'do': 'object.purge', 'space': 'Garden', 'id': '%s'}", ids[i]);
        vault_ask(alice, json);
        street_pass(&road, 60000);
        vault_leave(alice);
        vault_open(alice);
        vault_ask(alice, add);
        street_pass(&road, 700000);
        snprintf(count, sizeof count, "{\"count\":%zu}", 1 + i);
        assert_string_equal(vault_ask(alice, epochs), count);
    }
    vault_open(bob);
    street_pass(&road, 60000);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'space.status', 'space': 'Garden'}"), "\"epoch\":2"));
    assert_string_equal(vault_ask(alice, epochs), "{\"count\":3}");
    street_agree(&road, "Garden");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_one_state_in_the_end), DX_TEST(test_in_step_when_unpacked),
             DX_TEST(test_made_by_themselves), DX_TEST(test_the_next_one_waits))
