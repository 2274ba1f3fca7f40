/* tests/stories/story_watch.c: a shopping list that is always right on the kitchen wall.
 *
 * A screen in the kitchen shows what is still to be bought, in the order of the aisles, the first three of it; it is told what
 * changes and never asks again. Alice writes at home, Bob in the shop, with and without a net. The screen loses its power, and
 * the vault behind it, in the midst of it; it comes back with the position it heard last and is told what it missed. Asserted
 * after every step: what the screen shows, by doing what it was told and nothing else, is what the question answers then. */
#include "street.h"

enum { SHOWN = 3 };

static street road;
static vault *alice, *bob;

typedef struct screen {
    char rows[SHOWN + 1][80]; /* ids, in order */
    size_t count, refreshed;
    char at[512]; /* the newest position */
} screen;

/* The number under a key, or `otherwise` where there is none. */
static size_t number(const char *row, const char *key, size_t otherwise) {
    char start[16];
    snprintf(start, sizeof start, "\"%s\":", key);
    const char *at = strstr(row, start);
    return at == NULL ? otherwise : strtoul(at + strlen(start), NULL, 10);
}

static void take_out(screen *self, size_t from) {
    assert_true(from < self->count);
    memmove(self->rows[from], self->rows[from + 1], (SHOWN - from) * sizeof self->rows[0]);
    self->count--;
}

static void put_in(screen *self, const char *row, size_t to) {
    assert_true(to <= self->count && self->count <= SHOWN);
    memmove(self->rows[to + 1], self->rows[to], (SHOWN - to) * sizeof self->rows[0]);
    street_field(row, "id", self->rows[to], sizeof self->rows[0]);
    self->count++;
}

/* Does what one row says. */
static void carry_out(screen *self, const char *row) {
    if (strstr(row, "\"change\":\"refresh\"") != NULL) {
        self->count = 0;
        self->refreshed++;
    } else if (strstr(row, "\"change\":\"removed\"") != NULL) {
        take_out(self, number(row, "from", SHOWN));
    } else if (strstr(row, "\"change\":\"changed\"") != NULL) {
        take_out(self, number(row, "from", SHOWN));
        put_in(self, row, number(row, "to", SHOWN + 1));
    } else if (strstr(row, "\"change\":\"added\"") != NULL) {
        put_in(self, row, number(row, "to", SHOWN + 1));
    } else {
        assert_non_null(strstr(row, "\"change\":\"listed\""));
    }
}

/* The end of the map that begins here. None of our texts holds a brace. */
static const char *end_of(const char *map) {
    int depth = 0;
    do {
        depth += *map == '{' ? 1 : *map == '}' ? -1 : 0;
    } while (*++map != '\0' && depth > 0);
    return map;
}

/* Goes through all that was told since, a NOTIFY a line: its rows one after another, and the position behind them. */
static void listen(screen *self) {
    static char told[STREET_TEXT_SIZE], row[4096];
    snprintf(told, sizeof told, "%s", alice->told);
    alice->told[0] = '\0';
    for (char *line = told, *next; *line != '\0'; line = next) {
        next = line + strcspn(line, "\n");
        next += *next == '\0' ? 0 : 1;
        const char *at = strstr(line, "\"rows\":[");
        assert_true(at != NULL && at < next);
        for (at += 8; *at == '{'; at += *at == ',') {
            const char *end = end_of(at);
            snprintf(row, sizeof row, "%.*s", (int)(end - at), at);
            carry_out(self, row);
            at = end;
        }
        if (strncmp(line, "{\"at\":\"", 7) == 0) {
            street_field(line, "at", self->at, sizeof self->at);
        }
    }
}

#define LIST "'query': {'type': 'item', 'where': {'bought': false}, 'order': 'aisle', 'limit': 3"

/* What is shown is what the question answers now. */
static void assert_right(screen *self) {
    char id[80];
    listen(self);
    vault_ask(alice, "{'do': 'query', 'space': 'Shop', " LIST "}}");
    const char *at = alice->told;
    for (size_t i = 0; i < self->count; i++) {
        at = strstr(at, "\"id\":\"");
        assert_non_null(at);
        street_field(at++, "id", id, sizeof id);
        assert_string_equal(self->rows[i], id);
    }
    assert_null(strstr(at, "\"id\":\""));
    alice->told[0] = '\0';
}

static void watch_from(screen *self) {
    char json[1024];
    int size =
        snprintf(json, sizeof json, "{'do': 'watch', 'space': 'Shop', 'since': '%s', " LIST "}", self->at);
    for (size_t i = 0; i < self->count; i++) {
        size += snprintf(json + size, sizeof json - (size_t)size, "%s'%s'", i == 0 ? ", 'holds': [" : ", ",
                         self->rows[i]);
    }
    snprintf(json + size, sizeof json - (size_t)size, "%s}", self->count > 0 ? "]" : "");
    vault_begin(alice, json);
    street_run(&road);
}

static void add(vault *who, const char *what, int aisle, char id[static 80]) {
    char json[256], told[STREET_TEXT_SIZE];
    snprintf(told, sizeof told, "%s", who->told); /* vault_ask begins a new page */
    snprintf(
        json, sizeof json,
        "{'do': 'object.add', 'space': 'Shop', 'type': 'item', 'data': {'what': '%s', 'aisle': %d, 'bought': "
        "false}}",
        what, aisle);
    street_field(vault_ask(who, json), "id", id, 80);
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s", who->told);
    snprintf(who->told, sizeof who->told, "%s", told);
}

static void set(vault *who, const char *id, const char *what) {
    char json[256], told[STREET_TEXT_SIZE];
    snprintf(told, sizeof told, "%s", who->told);
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'Shop', 'id': '%s', 'set': {%s}}", id, what);
    assert_null(strstr(vault_ask(who, json), "error"));
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s", who->told);
    snprintf(who->told, sizeof who->told, "%s", told);
}

static screen wall;
static char bread[80], milk[80], soap[80], figs[80], wine[80];

/* Alice and Bob share the list; the wall shows it. */
static void begin(void) {
    street_init(&road);
    alice = street_person(&road, "alice");
    bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Shop'}");
    street_join(alice, bob, "Shop");
    add(alice, "bread", 4, bread);
    add(alice, "milk", 2, milk);
    watch_from(&wall);
    assert_right(&wall);
    assert_int_equal(wall.count, 2);
    assert_string_equal(wall.rows[0], milk);
}

static void test_a_kitchen_wall(void **state) {
    (void)state;
    begin();
    /* Bob writes; more than fits pushes the last one out, what is bought lets it in again; one moves to another aisle. */
    add(bob, "soap", 9, soap);
    street_pass(&road, 5000);
    assert_right(&wall);
    add(bob, "figs", 1, figs);
    street_pass(&road, 5000);
    assert_right(&wall);
    assert_string_equal(wall.rows[2], bread); /* soap is the fourth */
    set(bob, milk, "'bought': true");
    street_pass(&road, 5000);
    assert_right(&wall);
    assert_string_equal(wall.rows[2], soap);
    set(alice, figs, "'aisle': 7");
    assert_right(&wall);
    assert_string_equal(wall.rows[1], figs);

    /* The net is gone, and Bob goes on buying; Alice writes, too. When he is back, all of his comes at once, each told once. */
    road.closed = true;
    street_break(&road);
    set(bob, bread, "'bought': true");
    set(bob, bread, "'bought': false");
    set(bob, bread, "'bought': true");
    add(bob, "wine", 3, wine);
    set(alice, bread, "'aisle': 8");
    assert_right(&wall);
    road.closed = false;
    street_pass(&road, 200000);
    const char *once = strstr(alice->told, bread);
    assert_true(once == NULL || strstr(once + 1, bread) == NULL);
    assert_right(&wall);
    assert_string_equal(wall.rows[0], wine);
    street_agree(&road, "Shop");

    /* The power of the kitchen fails. What comes meanwhile it is told when it is back, and nothing is told anew. */
    size_t refreshed = wall.refreshed;
    vault_crash(alice);
    set(bob, wine, "'bought': true");
    vault_open(alice);
    street_pass(&road, 60000);
    set(alice, milk, "'bought': false");
    watch_from(&wall);
    assert_right(&wall);
    assert_int_equal(wall.refreshed, refreshed);
    assert_string_equal(wall.rows[0], milk);
    set(bob, soap, "'aisle': 1");
    street_pass(&road, 5000);
    assert_right(&wall);
    assert_string_equal(wall.rows[0], soap);

    /* A position of a time that nobody remembers is answered with everything. */
    snprintf(wall.at, sizeof wall.at, "%s", "1-00000000000000000000000000000000");
    vault_crash(alice);
    vault_open(alice);
    street_pass(&road, 60000);
    watch_from(&wall);
    assert_right(&wall);
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_a_kitchen_wall))
