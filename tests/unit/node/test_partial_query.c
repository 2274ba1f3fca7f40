/* tests/unit/node/test_partial_query.c: vaults that keep what matches a question (sync/match.c, echo/matching.c,
 * node/commands_scope.c): as it comes to match, changes, and matches no more; told by one member and by several; in worlds at
 * random.
 *
 * In the end whoever keeps by a question answers it as a vault does that has everything. */
#include "street.h"

enum { PEOPLE = 4, WORLDS = 12, EVENTS = 60 };

#define OPEN      "{'type': 'task', 'where': {'open': true}}"
#define KEEP_OPEN "{'do': 'space.scope', 'space': 'Garden', 'query': " OPEN "}"
#define ASK_OPEN                                                                                             \
    "{'do': 'query', 'space': 'Garden', 'query': {'type': 'task', 'where': {'open': true}, 'order': 'n'}}"
#define STATUS "{'do': 'space.status', 'space': 'Garden'}"

static street road;
static uint64_t drawn;

static size_t draw(size_t below) {
    drawn = drawn * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)((drawn >> 33) % below);
}

static void add(vault *self, const char *type, int n, bool open, char *id, size_t size) {
    char json[256];
    snprintf(json, sizeof json,
             "{'do': 'object.add', 'space': 'Garden', 'type': '%s', 'data': {'n': %d, 'open': %s}}", type, n,
             open ? "true" : "false");
    street_field(vault_ask(self, json), "id", id, size);
}

static void set(vault *self, const char *id, const char *values) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'Garden', 'id': '%s', 'set': {%s}}", id,
             values);
    vault_ask(self, json);
}

static void get(vault *self, const char *id, const char *expected) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Garden', 'id': '%s'}", id);
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

/* The rows of the question's answer, in its order; without the word that there may be more. */
static void read_open(vault *self, char *out, size_t size) {
    vault_ask(self, ASK_OPEN);
    snprintf(out, size, "%s", self->told);
    char *word = strstr(out, ",\"partial\"");
    if (word != NULL) {
        snprintf(word, 2, "}");
        word[1] = 0;
    }
    size_t end = strlen(out);
    while (end > 0 && out[end - 1] == '\n') {
        out[--end] = 0;
    }
}

static void assert_same(vault *self, vault *whole) {
    static char mine[1 << 16], theirs[1 << 16];
    read_open(self, mine, sizeof mine);
    read_open(whole, theirs, sizeof theirs);
    if (strcmp(mine, theirs) != 0) {
        fail_msg("%s answers\n%s\nand %s\n%s", self->name, mine, whole->name, theirs);
    }
}

/* --- One who tells ----------------------------------------------------------------------------------- */

static void test_open_tasks(void **state) {
    (void)state;
    vault *people[2];
    char first[64], second[64], closed[64], bed[64], later[64];
    begin(people, 2);
    vault *alice = people[0], *bob = people[1];
    vault_assert_says(bob, KEEP_OPEN, "\"query\":{\"type\":\"task\"");
    add(alice, "task", 1, true, first, sizeof first);
    add(alice, "task", 2, true, second, sizeof second);
    add(alice, "task", 3, false, closed, sizeof closed);
    add(alice, "bed", 4, true, bed, sizeof bed);
    street_pass(&road, 20000);
    get(bob, first, "\"n\":1");
    get(bob, second, "\"n\":2");
    get(bob, closed, "keeps a part");
    get(bob, bed, "keeps a part");
    assert_same(bob, alice);
    /* One changes, one matches no more, another one matches now. */
    set(alice, first, "'n': 5");
    set(alice, second, "'open': false");
    set(alice, closed, "'open': true");
    street_pass(&road, 20000);
    get(bob, first, "\"n\":5");
    get(bob, second, "\"open\":false");
    get(bob, closed, "\"n\":3");
    assert_same(bob, alice);
    /* Who told it, and when: of this question, and of no other. */
    vault_assert_says(bob, STATUS, "\"told_by\"");
    vault_assert_says(bob, ASK_OPEN, "\"told_at\"");
    vault_assert_says(bob, ASK_OPEN, "\"partial\":true");
    vault_assert_keeps_silent(bob, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'task'}}", "told_");
    vault_assert_keeps_silent(alice, ASK_OPEN, "told_");
    /* While Bob is away, whose vault forgets nothing of it. */
    vault_leave(bob);
    set(alice, first, "'open': false");
    add(alice, "task", 6, true, later, sizeof later);
    vault_open(bob);
    vault_assert_says(bob, STATUS, "\"told_by\"");
    street_pass(&road, 60000);
    get(bob, later, "\"n\":6");
    assert_same(bob, alice);
    /* He writes, and all that is here stays. */
    set(bob, closed, "'n': 7");
    set(bob, second, "'open': true");
    street_pass(&road, 20000);
    get(alice, closed, "\"n\":7");
    assert_same(bob, alice);
    /* Deleted, and gone from both answers. */
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.delete', 'space': 'Garden', 'id': '%s'}", later);
    vault_ask(alice, json);
    street_pass(&road, 20000);
    assert_same(bob, alice);
    /* All of it after all. */
    vault_assert_says(bob, "{'do': 'space.scope', 'space': 'Garden', 'all': true}", "\"partial\":false");
    street_pass(&road, 60000);
    street_agree(&road, "Garden");
    vault_assert_keeps_silent(bob, ASK_OPEN, "partial");
    vault_assert_keeps_silent(bob, STATUS, "told_");
    street_deinit(&road);
}

/* What is named beside the question is kept as ever, whether it matches or not. */
static void test_types_beside(void **state) {
    (void)state;
    vault *people[2];
    char bed[64], task[64], closed[64], tree[64];
    begin(people, 2);
    vault *alice = people[0], *bob = people[1];
    vault_assert_says(bob, "{'do': 'space.scope', 'space': 'Garden', 'types': ['bed'], 'query': " OPEN "}",
                      "\"types\":[\"bed\"]");
    add(alice, "bed", 1, false, bed, sizeof bed);
    add(alice, "task", 2, true, task, sizeof task);
    add(alice, "task", 3, false, closed, sizeof closed);
    add(alice, "tree", 4, true, tree, sizeof tree);
    street_pass(&road, 20000);
    get(bob, bed, "\"n\":1");
    get(bob, task, "\"n\":2");
    get(bob, closed, "keeps a part");
    get(bob, tree, "keeps a part");
    vault_assert_keeps_silent(bob, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed'}}", "partial");
    /* Another question, of which nobody told anything yet: what the first one brought stays. */
    road.closed = true;
    street_break(&road);
    vault_assert_says(bob, "{'do': 'space.scope', 'space': 'Garden', 'query': {'type': 'tree'}}",
                      "\"types\":[]");
    vault_assert_keeps_silent(bob, STATUS, "told_");
    road.closed = false;
    street_pass(&road, 60000);
    get(bob, tree, "\"n\":4");
    get(bob, task, "\"n\":2");
    vault_assert_says(bob, STATUS, "\"told_by\"");
    street_deinit(&road);
}

static void test_what_is_no_question_of_a_scope(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "'open'",
        "{'type': 'task', 'follow': [{'out': 'part-of'}]}",
        "{'type': 'task', 'group': 'open'}",
        "{'type': 'task', 'count': true}",
        "{'type': 'task', 'limit': 10}",
        "{'type': 'task', 'text': 'water'}",
        "{'type': 7}",
        "{'parent': 'nobody'}",
    };
    vault *people[2];
    begin(people, 2);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char json[256];
        snprintf(json, sizeof json, "{'do': 'space.scope', 'space': 'Garden', 'query': %s}", wrong[i]);
        if (strstr(vault_ask(people[1], json), "\"error\"") == NULL) {
            fail_msg("%s was taken: %s", wrong[i], people[1]->last);
        }
    }
    vault_assert_says(people[1], "{'do': 'space.scope', 'space': 'Garden', 'all': true, 'query': {}}",
                      "\"error\"");
    vault_assert_says(people[1], "{'do': 'space.scope', 'space': 'Garden'}", "\"partial\":false");
    street_deinit(&road);
}

/* The newest ones alone. */
static void test_an_order_and_a_limit(void **state) {
    (void)state;
    vault *people[2];
    char ids[8][64];
    begin(people, 2);
    vault *alice = people[0], *bob = people[1];
    vault_assert_says(
        bob,
        "{'do': 'space.scope', 'space': 'Garden', 'query': {'type': 'task', 'order': {'path': 'n', "
        "'descending': true}, 'limit': 3}}",
        "\"limit\":3");
    for (int i = 0; i < 6; i++) {
        add(alice, "task", i, true, ids[i], sizeof ids[i]);
    }
    street_pass(&road, 20000);
    get(bob, ids[5], "\"n\":5");
    get(bob, ids[3], "\"n\":3");
    get(bob, ids[2], "keeps a part");
    set(alice, ids[0], "'n': 9");
    street_pass(&road, 20000);
    get(bob, ids[0], "\"n\":9");
    street_deinit(&road);
}

/* --- Many -------------------------------------------------------------------------------------------- */

enum { MANY = 3000, BATCH = 250, TOO_MANY = 65536 + BATCH };

static void add_many(vault *self, const char *type, int count) {
    static char json[BATCH * 96 + 128];
    for (int n = 0; n < count; n += BATCH) {
        int at = snprintf(json, sizeof json, "{'do': 'batch', 'space': 'Garden', 'ops': [");
        for (int i = 0; i < BATCH; i++) {
            at += snprintf(json + at, sizeof json - (size_t)at,
                           "%s{'op': 'add', 'type': '%s', 'data': {'n': %d, 'open': true}}",
                           i == 0 ? "" : ", ", type, n + i);
        }
        snprintf(json + at, sizeof json - (size_t)at, "]}");
        assert_null(strstr(vault_ask(self, json), "\"error\""));
    }
}

/* One of many that changes costs its bucket, and an answer that is the same next to nothing. */
static void test_many(void **state) {
    (void)state;
    vault *people[2];
    char task[64], bed[64];
    begin(people, 2);
    vault *alice = people[0], *bob = people[1];
    add_many(alice, "task", MANY);
    add(alice, "task", MANY, true, task, sizeof task);
    vault_assert_says(bob, KEEP_OPEN, "\"query\"");
    street_pass(&road, 60000);
    assert_same(bob, alice);
    get(bob, task, "\"open\":true");
    alice->sent_bytes = bob->sent_bytes = 0;
    set(alice, task, "'open': false");
    street_pass(&road, 20000);
    get(bob, task, "\"open\":false");
    assert_in_range(alice->sent_bytes + bob->sent_bytes, 100, 12000);
    alice->sent_bytes = bob->sent_bytes = 0;
    add(alice, "bed", 1, true, bed, sizeof bed);
    street_pass(&road, 20000);
    assert_in_range(alice->sent_bytes + bob->sent_bytes, 100, 6000);
    street_deinit(&road);
}

/* More match than anybody tells: that is said, and a narrower question is answered. */
static void test_too_many(void **state) {
    (void)state;
    vault *people[2];
    begin(people, 2);
    vault *alice = people[0], *bob = people[1];
    vault_assert_says(bob, "{'do': 'space.scope', 'space': 'Garden', 'types': ['leaf']}", "leaf");
    add_many(alice, "bed", TOO_MANY);
    street_pass(&road, 60000);
    vault_assert_says(bob, "{'do': 'space.scope', 'space': 'Garden', 'query': {'type': 'bed'}}", "\"query\"");
    street_pass(&road, 60000);
    vault_assert_says(bob, STATUS, "\"unasked\":\"it was not answered");
    vault_assert_keeps_silent(bob, STATUS, "told_");
    vault_assert_says(bob, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'count': true}}",
                      "\"count\":0");
    vault_assert_says(
        bob,
        "{'do': 'space.scope', 'space': 'Garden', 'query': {'type': 'bed', 'where': {'n': {'lt': 100}}}}",
        "\"query\"");
    street_pass(&road, 120000);
    vault_assert_says(bob, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'count': true}}",
                      "\"count\":100");
    vault_assert_keeps_silent(bob, STATUS, "unasked");
    /* And where they are here already, nobody is asked. */
    vault_assert_says(alice, "{'do': 'space.scope', 'space': 'Garden', 'query': {'type': 'bed'}}",
                      "\"query\"");
    street_pass(&road, 60000);
    vault_assert_says(alice, STATUS, "\"unasked\":\"it was not answered");
    street_deinit(&road);
}

/* --- Who may not know -------------------------------------------------------------------------------- */

/* A relay holds blocks that it cannot read. It is told neither what is kept nor the question, and so brings all it has; who may
 * read hears both, when he is there. */
static void test_a_relay_hears_nothing(void **state) {
    (void)state;
    vault *people[2], *rita;
    char first[64], second[64];
    begin(people, 2);
    vault *alice = people[0], *bob = people[1];
    rita = street_person(&road, "rita");
    street_join_as(alice, rita, "Garden", "pull");
    vault_assert_says(bob, KEEP_OPEN, "\"query\":{\"type\":\"task\"");
    add(alice, "task", 1, true, first, sizeof first);
    street_pass(&road, 20000);
    get(bob, first, "\"n\":1");
    vault_leave(bob);
    add(alice, "task", 2, true, second, sizeof second);
    street_pass(&road, 20000);
    vault_leave(alice);
    vault_open(bob);
    bob->traces = rita->traces = "sync";
    vault_ask(bob, "{'do': 'space.scope', 'space': 'Garden', 'query': {'type': 'task', 'where': {'open': "
                   "true, 'n': {'lt': 9}}}}");
    street_pass(&road, 60000);
    vault_assert_says(bob, STATUS, "\"peers\":1");
    assert_non_null(strstr(bob->trace, "a member"));
    assert_null(strstr(bob->trace, "is told what this vault keeps"));
    assert_null(strstr(bob->trace, "is asked what matches"));
    get(bob, second, "\"n\":2");
    vault_open(alice);
    street_pass(&road, 60000);
    assert_non_null(strstr(bob->trace, "is told what this vault keeps"));
    assert_non_null(strstr(bob->trace, "is asked what matches"));
    assert_same(bob, alice);
    street_deinit(&road);
}

/* --- Worlds at random -------------------------------------------------------------------------------- */

typedef struct world {
    vault *people[PEOPLE];
    bool home[PEOPLE];
    bool asks[PEOPLE]; /* keeps by the question */
    char ids[16][64];
    size_t known;
} world;

static void write_once(world *w, vault *self, size_t n) {
    char id[64], values[64];
    if (w->known > 0 && draw(4) != 0) {
        const char *of = w->ids[draw(w->known)];
        if (draw(2) == 0) {
            snprintf(values, sizeof values, "'open': %s", draw(2) == 0 ? "true" : "false");
        } else {
            snprintf(values, sizeof values, "'n': %d", (int)n);
        }
        set(self, of, values);
        return;
    }
    add(self, draw(4) == 0 ? "bed" : "task", (int)n, draw(2) == 0, id, sizeof id);
    if (w->known < sizeof w->ids / sizeof w->ids[0]) {
        memcpy(w->ids[w->known++], id, sizeof id);
    }
}

static void happen(world *w, size_t n) {
    size_t who = draw(PEOPLE);
    vault *self = w->people[who];
    switch (draw(10)) {
    case 0:
    case 1:
        if (w->home[who] && who != 0) {
            w->asks[who] = draw(4) != 0;
            vault_assert_says(
                self, w->asks[who] ? KEEP_OPEN : "{'do': 'space.scope', 'space': 'Garden', 'all': true}",
                "\"partial\"");
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
    default:
        if (w->home[who]) {
            write_once(w, self, n);
        }
    }
}

static void test_worlds(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        world w = {.home = {true, true, true, true}};
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
            assert_same(w.people[i], w.people[0]);
            vault_assert_says(w.people[i], STATUS, w.asks[i] ? "\"told_by\"" : "\"space\"");
            vault_assert_says(w.people[i], "{'do': 'space.scope', 'space': 'Garden', 'all': true}",
                              "\"partial\":false");
        }
        street_pass(&road, 200000);
        street_agree(&road, "Garden");
        street_deinit(&road);
    }
}

DX_TEST_MAIN(DX_TEST(test_open_tasks), DX_TEST(test_a_relay_hears_nothing), DX_TEST(test_types_beside),
             DX_TEST(test_an_order_and_a_limit), DX_TEST(test_what_is_no_question_of_a_scope),
             DX_TEST(test_many), DX_TEST(test_too_many), DX_TEST(test_worlds))
