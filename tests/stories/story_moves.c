/* tests/stories/story_moves.c: three people tidy one drawer, each alone.
 *
 * A project has sections and tasks in a tree. On three trains, without a net, Alice, Bob and Carol move things about: two of
 * them hang each other's branch below their own, which would be a circle; all three move one task elsewhere; one deletes what
 * another moves something into. Back together every replica shows one tree: no circle, nothing lost, each in one place, and a
 * move that had to give way comes back when what it gave way to is moved on. Then a storm: hundreds of moves of the same twelve
 * things, through a power failure. Asserted: where each thing stands, with every replica, and that all that are there are
 * reached from the top. */
#include "street.h"

enum { THINGS = 12, STORM = 150 };

static street road;
static vault *people[3];
static char thing[THINGS][80];

static void make(size_t i, const char *parent) {
    char json[256];
    if (parent == NULL) {
        snprintf(json, sizeof json,
                 "{'do': 'object.add', 'space': 'Drawer', 'type': 'thing', 'data': {'n': %d}}", (int)i);
    } else {
        snprintf(
            json, sizeof json,
            "{'do': 'object.add', 'space': 'Drawer', 'type': 'thing', 'parent': '%s', 'data': {'n': %d}}",
            parent, (int)i);
    }
    street_field(vault_ask(people[0], json), "id", thing[i], sizeof thing[i]);
}

/* NULL: to the top. True: it stands there now. */
static bool move(vault *who, size_t what, const char *parent) {
    char json[256];
    if (parent == NULL) {
        snprintf(json, sizeof json, "{'do': 'object.move', 'space': 'Drawer', 'id': '%s', 'parent': null}",
                 thing[what]);
    } else {
        snprintf(json, sizeof json, "{'do': 'object.move', 'space': 'Drawer', 'id': '%s', 'parent': '%s'}",
                 thing[what], parent);
    }
    const char *answer = vault_ask(who, json);
    if (strstr(answer, "error") != NULL && strstr(answer, "E_CONFLICT") == NULL) {
        fail_msg("%s: %s", who->name, answer);
    }
    return strstr(answer, "error") == NULL;
}

/* The parent's number; THINGS: the top. */
static size_t parent_of(vault *who, size_t what) {
    char json[256], parent[80];
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Drawer', 'id': '%s'}", thing[what]);
    const char *answer = vault_ask(who, json);
    if (strstr(answer, "\"parent\":null") != NULL) {
        return THINGS;
    }
    street_field(answer, "parent", parent, sizeof parent);
    for (size_t i = 0; i < THINGS; i++) {
        if (strcmp(parent, thing[i]) == 0) {
            return i;
        }
    }
    fail_msg("%s: parent %s is nobody", who->name, parent);
    return THINGS;
}

static void assert_parent(size_t what, size_t parent) {
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(parent_of(people[i], what), parent);
    }
}

/* From each thing the way up ends at the top, on every replica, and is the same on all. */
static void assert_one_tree(void) {
    for (size_t what = 0; what < THINGS; what++) {
        size_t at = what, steps = 0;
        while (at != THINGS) {
            at = parent_of(people[0], at);
            assert_true(++steps <= THINGS);
        }
        assert_parent(what, parent_of(people[0], what));
    }
    for (size_t i = 0; i < 3; i++) {
        assert_asks(people[i],
                    "{'do': 'query', 'space': 'Drawer', 'query': {'type': 'thing', 'count': true}}",
                    "{\"count\":12}");
    }
    street_agree(&road, "Drawer");
}

static void part(void) {
    road.closed = true;
    street_break(&road);
    street_run(&road);
}

static void meet(void) {
    road.closed = false;
    street_pass(&road, 200000);
}

/* Things 0, 1 and 2 stand at the top; 3 to 11 below them in turn. */
static void begin(void) {
    static const char *const names[] = {"alice", "bob", "carol"};
    street_init(&road);
    for (size_t i = 0; i < 3; i++) {
        people[i] = street_person(&road, names[i]);
    }
    vault_ask(people[0], "{'do': 'space.create', 'name': 'Drawer'}");
    for (size_t i = 0; i < THINGS; i++) {
        make(i, i < 3 ? NULL : thing[i % 3]);
    }
    street_join(people[0], people[1], "Drawer");
    street_join(people[0], people[2], "Drawer");
    street_pass(&road, 60000);
    assert_one_tree();
}

static void test_two_branches_below_each_other(void **state) {
    (void)state;
    begin();
    part();
    assert_true(move(people[0], 0, thing[1])); /* Alice: 0 below 1 */
    assert_true(move(people[1], 1, thing[0])); /* Bob: 1 below 0 */
    assert_true(move(people[1], 5, thing[3])); /* and so that his is later, another */
    assert_false(
        move(people[1], 0,
             thing[4])); /* what would be a circle here is refused here: 4 stands below 1, and 1 below 0 */
    meet();
    assert_one_tree();
    /* One of the two moves holds, the earlier one by its stamp; the other yields, and nothing of either branch is lost. */
    size_t zero = parent_of(people[0], 0), one = parent_of(people[0], 1);
    assert_true((zero == 1 && one == THINGS) || (one == 0 && zero == THINGS));
    /* The one that holds is moved out: what had yielded is there again, for it is still what its author wanted last. */
    size_t held = zero == 1 ? 0 : 1;
    assert_true(move(people[2], held, thing[2]));
    street_pass(&road, 60000);
    assert_parent(held, 2);
    assert_parent(1 - held, held);
    assert_one_tree();
    street_deinit(&road);
}

static void test_three_move_one_thing(void **state) {
    (void)state;
    char json[256];
    begin();
    part();
    assert_true(move(people[0], 3, thing[1]));
    assert_true(move(people[1], 3, thing[2]));
    assert_true(move(people[2], 3, NULL));
    /* Carol deletes what Bob moved it into: it stands there, and what is deleted can be restored with it. */
    snprintf(json, sizeof json, "{'do': 'object.rm', 'space': 'Drawer', 'id': '%s'}", thing[2]);
    assert_non_null(strstr(vault_ask(people[2], json), "\"deleted\":true"));
    meet();
    size_t place = parent_of(people[0], 3);
    assert_true(place == 1 || place == 2 || place == THINGS);
    assert_parent(3, place);
    snprintf(json, sizeof json, "{'do': 'object.restore', 'space': 'Drawer', 'id': '%s'}", thing[2]);
    assert_non_null(strstr(vault_ask(people[0], json), "\"deleted\":false"));
    street_pass(&road, 60000);
    assert_parent(3, place);
    assert_one_tree();
    street_deinit(&road);
}

/* Each alone, a hundred and fifty moves of twelve things; power fails with one of them in the midst of it. */
static void test_a_storm(void **state) {
    (void)state;
    test_random random;
    begin();
    test_random_init(&random, 7);
    for (int round = 0; round < 3; round++) {
        size_t refused = 0;
        part();
        for (int i = 0; i < STORM; i++) {
            uint8_t draw[3];
            test_random_fill(&random, draw, sizeof draw);
            size_t what = draw[0] % THINGS, where = draw[1] % (THINGS + 1);
            refused += !move(people[draw[2] % 3], what, where == THINGS ? NULL : thing[where]);
        }
        assert_in_range(refused, 1, STORM - 1);
        vault_crash(people[round]);
        vault_open(people[round]);
        meet();
        assert_one_tree();
    }
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_two_branches_below_each_other), DX_TEST(test_three_move_one_thing),
             DX_TEST(test_a_storm))
