/* tests/unit/node/test_partial.c: vaults that keep a part of a space (echo/space_scope.c, sync/scope.c, sync/seek.c,
 * node/commands_scope.c): by type and by age, widened, asked, written in, in worlds at random.
 *
 * Whoever keeps some types has of those what everybody has; whoever keeps all again has all; and none who keeps a part says
 * that it is the whole. In half of the worlds objects are purged meanwhile, whether they are outside with somebody or not. */
#include "street.h"

enum { PEOPLE = 4, WORLDS = 12, EVENTS = 50 };

#define EPOCHS "{'do': 'space.epochs', 'space': 'Garden'}"

static street road;
static uint64_t drawn;

static size_t draw(size_t below) {
    drawn = drawn * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)((drawn >> 33) % below);
}

static void assert_lists(vault *self, const char *command, const char *expected) {
    vault_ask(self, command);
    if (strstr(self->told, expected) == NULL) {
        fail_msg("%s: %s lists %s, not %s", command, self->name, self->told, expected);
    }
}

static void add(vault *self, const char *type, int n, char *id, size_t size) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.add', 'space': 'Garden', 'type': '%s', 'data': {'n': %d}}",
             type, n);
    street_field(vault_ask(self, json), "id", id, size);
}

static void set(vault *self, const char *id, int n) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'Garden', 'id': '%s', 'set': {'n': %d}}", id,
             n);
    vault_ask(self, json);
}

static void get(vault *self, const char *id, const char *rest, const char *expected) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Garden', 'id': '%s'%s}", id, rest);
    vault_assert_says(self, json, expected);
}

/* Alice has a garden; so many join. */
static void begin(vault **people, size_t count) {
    static const char *const names[] = {"alice", "bob", "carol", "dora"};
    street_init(&road);
    for (size_t i = 0; i < count; i++) {
        people[i] = street_person(&road, names[i]);
    }
    vault_ask(people[0], "{'do': 'space.create', 'name': 'Garden'}");
    for (size_t i = 1; i < count; i++) {
        street_join(people[0], people[i], "Garden");
    }
}

static const char *digest(vault *self, const char *types) {
    static char digests[2][128];
    static size_t turn;
    char json[256];
    snprintf(json, sizeof json, "{'do': 'space.digest', 'space': 'Garden'%s}", types);
    turn = 1 - turn;
    street_field(vault_ask(self, json), "digest", digests[turn], sizeof digests[turn]);
    return digests[turn];
}

/* --- By type ---------------------------------------------------------------------------------------- */

static void test_some_types(void **state) {
    (void)state;
    vault *people[2];
    char bed[64], tree[64], later[64];
    begin(people, 2);
    vault *alice = people[0], *bob = people[1];
    vault_assert_says(bob, "{'do': 'space.scope', 'space': 'Garden', 'types': ['bed']}", "\"partial\":true");
    street_pass(&road, 20000);
    add(alice, "bed", 1, bed, sizeof bed);
    add(alice, "tree", 2, tree, sizeof tree);
    set(alice, tree, 3);
    set(alice, bed, 4);
    street_pass(&road, 20000);
    get(bob, bed, "", "\"n\":4");
    get(bob, tree, "", "keeps a part");
    vault_assert_says(bob, "{'do': 'space.status', 'space': 'Garden'}", "\"outside\":2");
    vault_assert_keeps_silent(bob, "{'do': 'space.status', 'space': 'Garden'}", "missing");
    vault_assert_keeps_silent(bob, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed'}}", "partial");
    vault_assert_says(bob, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'tree'}}",
                      "\"partial\":true");
    vault_assert_says(bob, "{'do': 'query', 'space': 'Garden', 'query': {}}", "\"partial\":true");
    vault_assert_says(bob, "{'do': 'object.ls', 'space': 'Garden'}", "\"partial\":true");
    vault_assert_keeps_silent(alice, "{'do': 'query', 'space': 'Garden', 'query': {}}", "partial");
    assert_string_equal(digest(bob, ""), digest(alice, ", 'types': ['bed']"));
    assert_string_not_equal(digest(bob, ""), digest(alice, ""));
    /* What is not here is not written; what is here is, and merges. */
    set(bob, tree, 9);
    assert_non_null(strstr(bob->last, "keeps a part"));
    set(bob, bed, 10);
    add(bob, "tree", 11, later, sizeof later);
    set(bob, later, 12);
    street_pass(&road, 20000);
    get(alice, bed, "", "\"n\":10");
    get(alice, later, "", "\"n\":12");
    /* On demand; others stay out. */
    get(bob, tree, ", 'fetch': true", "\"n\":3");
    get(bob, tree, "", "\"partial\":true");
    set(bob, tree, 13);
    street_pass(&road, 20000);
    get(alice, tree, "", "\"n\":13");
    /* All of it after all; and a restart between, which forgets nothing. */
    set(alice, later, 14);
    street_pass(&road, 20000);
    vault_leave(bob);
    vault_open(bob);
    vault_assert_says(bob, "{'do': 'space.scope', 'space': 'Garden'}", "\"types\":[\"bed\"]");
    vault_assert_says(bob, "{'do': 'space.scope', 'space': 'Garden', 'all': true}", "\"partial\":false");
    street_pass(&road, 30000);
    street_agree(&road, "Garden");
    vault_assert_keeps_silent(bob, "{'do': 'query', 'space': 'Garden', 'query': {}}", "partial");
    vault_assert_keeps_silent(bob, "{'do': 'space.status', 'space': 'Garden'}", "missing");
    street_deinit(&road);
}

/* --- And purged -------------------------------------------------------------------------------------- */

static void purge(vault *self, const char *id) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.purge', 'space': 'Garden', 'id': '%s'}", id);
    vault_assert_says(self, json, "\"purged\":true");
}

/* What is purged is neither outside nor missing; and who keeps a part says nothing of epochs, whatever holes are worth. */
static void test_some_are_purged(void **state) {
    (void)state;
    vault *people[3];
    char bed[64], tree[64], elm[64], leaf[64];
    begin(people, 3);
    vault *alice = people[0], *bob = people[1], *carol = people[2];
    vault_assert_says(bob, "{'do': 'space.scope', 'space': 'Garden', 'types': ['bed']}", "\"partial\":true");
    street_pass(&road, 20000);
    add(alice, "bed", 1, bed, sizeof bed);
    add(alice, "tree", 2, tree, sizeof tree);
    add(alice, "tree", 3, elm, sizeof elm);
    add(carol, "leaf", 4, leaf, sizeof leaf);
    set(carol, leaf, 5);
    street_pass(&road, 20000);
    vault_assert_says(bob, "{'do': 'space.status', 'space': 'Garden'}", "\"outside\":4");
    purge(alice, tree); /* outside with Bob */
    purge(alice, bed);  /* and this one is here */
    street_pass(&road, 20000);
    vault_assert_says(bob, "{'do': 'space.status', 'space': 'Garden'}", "\"outside\":3");
    vault_assert_keeps_silent(bob, "{'do': 'space.status', 'space': 'Garden'}", "missing");
    get(bob, bed, "", "was purged");
    get(bob, tree, ", 'fetch': true", "was purged");
    get(bob, leaf, ", 'fetch': true", "\"n\":5");
    assert_string_equal(digest(bob, ""), digest(alice, ", 'types': ['bed']"));
    /* An epoch: Carol finds it right, Bob cannot know. */
    vault_begin(alice, "{'do': 'space.epoch', 'space': 'Garden'}");
    street_pass(&road, 20000);
    assert_lists(carol, EPOCHS, "\"here\":\"right\"");
    assert_lists(bob, EPOCHS, "\"here\":\"unseen\"");
    vault_leave(bob);
    vault_open(bob);
    street_pass(&road, 20000);
    assert_lists(bob, EPOCHS, "\"here\":\"unseen\"");
    /* With all of it he can. */
    vault_assert_says(bob, "{'do': 'space.scope', 'space': 'Garden', 'all': true}", "\"partial\":false");
    street_pass(&road, 60000);
    street_agree(&road, "Garden");
    vault_assert_keeps_silent(bob, "{'do': 'space.status', 'space': 'Garden'}", "missing");
    assert_lists(bob, EPOCHS, "\"here\":\"right\"");
    street_deinit(&road);
}

/* --- Worlds at random -------------------------------------------------------------------------------- */

static const char *const types[] = {"bed", "leaf", "tree"};

typedef struct world {
    vault *people[PEOPLE];
    bool home[PEOPLE];
    size_t kept[PEOPLE]; /* bits of the types kept, 7: all are */
    bool recent[PEOPLE]; /* of late alone */
    char ids[16][64];
    size_t known;
    bool purges; /* the owner purges meanwhile, what others may know and write of */
    char purged[16][64];
    size_t gone;
} world;

static void keep_some(world *w, size_t who) {
    char json[256], names[64] = "";
    size_t kept = 1 + draw(7);
    bool recent = draw(3) == 0;
    for (size_t i = 0; i < 3 && kept != 7; i++) {
        if ((kept >> i & 1) != 0) {
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s'%s'", names[0] == 0 ? "" : ", ",
                     types[i]);
        }
    }
    snprintf(json, sizeof json, "{'do': 'space.scope', 'space': 'Garden', 'types': [%s]%s", names,
             recent      ? ", 'since': "
             : kept == 7 ? ", 'all': true}"
                         : "}");
    if (recent) {
        snprintf(json + strlen(json), sizeof json - strlen(json), "%llu}",
                 1700000000000 + (unsigned long long)road.now_ms / 1000 * draw(1000));
    }
    vault_assert_says(w->people[who], json, "\"types\"");
    w->kept[who] = kept;
    w->recent[who] = recent;
}

static void write_once(world *w, vault *self, size_t n) {
    char id[64], json[256];
    if (w->known > 0 && draw(3) != 0) {
        set(self, w->ids[draw(w->known)], (int)n); /* it may not be here */
        return;
    }
    snprintf(json, sizeof json, "{'do': 'object.add', 'space': 'Garden', 'type': '%s', 'data': {'n': 1}}",
             types[draw(3)]);
    street_field(vault_ask(self, json), "id", id, sizeof id);
    size_t at = draw(16);
    at = at < w->known ? at : w->known;
    if (at < 16) {
        memcpy(w->ids[at], id, sizeof id);
        w->known = at == w->known ? w->known + 1 : w->known;
    }
}

/* Of what she has. */
static void purge_once(world *w) {
    char json[256];
    const char *id = w->known == 0 ? "" : w->ids[draw(w->known)];
    if (w->home[0] && w->known > 0 && w->gone < sizeof w->purged / sizeof w->purged[0]) {
        snprintf(json, sizeof json, "{'do': 'object.purge', 'space': 'Garden', 'id': '%s'}", id);
        if (strstr(vault_ask(w->people[0], json), "\"purged\"") != NULL) {
            memcpy(w->purged[w->gone++], id, sizeof w->purged[0]);
        }
    }
}

static void check_gone(world *w, vault *self) {
    char json[256];
    for (size_t i = 0; i < w->gone; i++) {
        snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Garden', 'id': '%s', 'fetch': true}",
                 w->purged[i]);
        vault_assert_says(self, json, "was purged");
    }
}

static void happen(world *w, size_t n) {
    size_t who = draw(PEOPLE);
    if (w->purges && draw(8) == 0) {
        purge_once(w);
        return;
    }
    vault *self = w->people[who];
    char json[256];
    switch (draw(11)) {
    case 0:
    case 1:
        if (w->home[who] && who != 0) {
            keep_some(w, who);
        }
        return;
    case 2:
        if (w->home[who] && who != 0) {
            draw(2) == 0 ? vault_leave(self) : vault_crash(self);
            w->home[who] = false;
        } else if (!w->home[who]) {
            vault_open(self);
            w->home[who] = true;
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
    case 6:
        if (w->home[who] && w->known > 0) {
            snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Garden', 'id': '%s', 'fetch': true}",
                     w->ids[draw(w->known)]);
            vault_begin(self, json);
            street_pass(&road, 12000);
        }
        return;
    default:
        if (w->home[who]) {
            write_once(w, self, n);
        }
    }
}

static void check_part(world *w, size_t who) {
    char names[128] = ", 'types': [";
    for (size_t i = 0; i < 3; i++) {
        if ((w->kept[who] >> i & 1) != 0) {
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s'%s'",
                     names[strlen(names) - 1] == '[' ? "" : ", ", types[i]);
        }
    }
    snprintf(names + strlen(names), sizeof names - strlen(names), "]");
    char mine[128];
    snprintf(mine, sizeof mine, "%s", digest(w->people[who], names));
    if (!w->recent[who] && strcmp(mine, digest(w->people[0], names)) != 0) {
        fail_msg("%s has not what it keeps: %s", w->people[who]->name, names);
    }
    bool part = w->recent[who] || w->kept[who] != 7;
    vault_assert_says(w->people[who], "{'do': 'space.scope', 'space': 'Garden'}",
                      part ? "\"partial\":true" : "\"partial\":false");
}

static void test_worlds(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        world w = {.kept = {7, 7, 7, 7}, .home = {true, true, true, true}, .purges = seed % 2 == 0};
        drawn = seed * 104729;
        begin(w.people, PEOPLE);
        print_message("# world %d\n", (int)seed);
        for (size_t n = 0; n < EVENTS; n++) {
            happen(&w, n);
        }
        road.closed = false;
        for (size_t i = 0; i < PEOPLE; i++) {
            if (!w.home[i]) {
                vault_open(w.people[i]);
            }
        }
        street_pass(&road, 200000);
        for (size_t i = 1; i < PEOPLE; i++) {
            check_part(&w, i);
            check_gone(&w, w.people[i]);
            vault_assert_says(w.people[i], "{'do': 'space.scope', 'space': 'Garden', 'all': true}",
                              "\"partial\":false");
        }
        street_pass(&road, 200000);
        street_agree(&road, "Garden");
        for (size_t i = 0; i < PEOPLE && w.gone == 0;
             i++) { /* holes that no PURGE names are missing for good */
            vault_assert_keeps_silent(w.people[i], "{'do': 'space.status', 'space': 'Garden'}", "missing");
        }
        street_deinit(&road);
    }
}

DX_TEST_MAIN(DX_TEST(test_some_types), DX_TEST(test_some_are_purged), DX_TEST(test_worlds))
