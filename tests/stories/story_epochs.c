/* tests/stories/story_epochs.c: history that ends: an epoch is made, agreed upon and built on; who comes later gets a state
 * instead of history, and who was away brings his work all the same.
 *
 * Asserted: what each is answered, that digests are equal after every meeting, that what was dropped is gone, and that
 * this is told with the epoch and its day (node/beginning.c). */
#include "node/state.h"
#include "street.h"

static street road;

static void write_some(vault *self, const char *type, int count) {
    char json[256];
    for (int i = 0; i < count; i++) {
        snprintf(json, sizeof json,
                 "{'do': 'object.add', 'space': 'Garden', 'type': '%s', 'data': {'i': %d}}", type, i);
        vault_ask(self, json);
    }
}

static bool says(vault *self, const char *json, const char *text) {
    const char *answer = vault_ask(self, json);
    if (strstr(answer, text) == NULL && strstr(self->told, text) == NULL) {
        print_message("%s answers %s: %s%s\n", self->name, json, self->told, answer);
        return false;
    }
    return true;
}

static int64_t count_seen(vault *self) {
    assert_int_equal(dx_store_begin(self->node->store), DX_OK);
    sqlite3_stmt *select = dx_store_query(self->node->store, "SELECT count(*) FROM epoch_seen");
    int64_t count = dx_step(self->node->store, select) ? dx_column_int(select, 0) : -1;
    dx_step_reset(select);
    dx_store_rollback(self->node->store);
    return count;
}

#define STATUS  "{'do': 'space.status', 'space': 'Garden'}"
#define HISTORY "{'do': 'history.list', 'space': 'Garden'}"
#define EPOCHS  "{'do': 'space.epochs', 'space': 'Garden'}"

/* Alone: her word is enough for her own work. Bob comes after the blocks are gone. */
static void test_a_newcomer_gets_the_state(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    write_some(alice, "bed", 40);
    assert_true(says(alice, EPOCHS, "\"count\":0"));
    assert_true(says(alice, "{'do': 'space.epoch', 'space': 'Garden'}", "\"number\":1"));
    assert_true(says(alice, EPOCHS, "\"here\":\"right\""));
    assert_true(says(alice, "{'do': 'space.compact', 'space': 'Garden'}", "retention window"));
    assert_true(says(alice, "{'do': 'space.compact', 'space': 'Garden', 'now': true}", "\"base\":1"));
    assert_true(says(alice, STATUS, "\"base\":1"));
    street_join(alice, bob, "Garden");
    street_agree(&road, "Garden");
    assert_true(says(bob, STATUS, "\"base\":1"));
    assert_true(says(bob, EPOCHS, "\"here\":\"loaded\""));
    vault *const both[] = {alice, bob};
    for (size_t i = 0; i < 2; i++) {
        assert_true(says(both[i], HISTORY, "\"epoch\":1"));
        assert_true(says(both[i], "{'do': 'undo', 'space': 'Garden'}",
                         i == 0 ? "begins at epoch 1 (" : "nothing here"));
    }
    assert_asks(bob, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'count': true}}",
                "{\"count\":40}");
    write_some(bob, "tree", 3);
    write_some(alice, "tree", 2);
    street_run(&road);
    street_agree(&road, "Garden");
    assert_asks(alice, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'tree', 'count': true}}",
                "{\"count\":5}");
    /* Both go on from there, through a restart. */
    vault_crash(bob);
    vault_open(bob);
    street_pass(&road, 120000);
    street_agree(&road, "Garden");
    /* Of a space that is forgotten nothing of its epochs is left. */
    assert_true(count_seen(bob) > 0);
    vault_ask(bob, "{'do': 'space.rm', 'space': 'Garden'}");
    assert_int_equal(count_seen(bob), 0);
    street_deinit(&road);
}

/* Two who write: the other one's word is needed, and the one who was away gets the state and keeps his own. */
static void test_a_laggard_keeps_his_work(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob"),
          *carol = street_person(&road, "carol");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    write_some(alice, "bed", 5);
    street_join(alice, bob, "Garden");
    street_join(alice, carol, "Garden");
    write_some(carol, "bed", 4);
    street_run(&road);
    street_agree(&road, "Garden");
    vault_leave(carol);
    write_some(bob, "bed", 6);
    write_some(alice, "bed", 7);
    street_pass(&road, 1000);
    assert_true(says(alice, "{'do': 'space.epoch', 'space': 'Garden'}", "\"number\":1"));
    street_pass(&road, 20000);
    assert_true(says(alice, EPOCHS, "\"confirmed\":true"));
    assert_true(says(bob, EPOCHS, "\"here\":\"right\""));
    assert_true(says(alice, "{'do': 'space.compact', 'space': 'Garden', 'now': true}", "\"base\":1"));
    assert_true(says(bob, "{'do': 'space.compact', 'space': 'Garden', 'now': true}", "\"base\":1"));
    road.closed = true;
    street_break(&road);
    vault_open(carol);
    write_some(carol, "tree", 3);
    road.closed = false;
    street_pass(&road, 200000);
    street_agree(&road, "Garden");
    assert_true(says(carol, STATUS, "\"base\":1"));
    assert_asks(alice, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'tree', 'count': true}}",
                "{\"count\":3}");
    assert_asks(carol, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'count': true}}",
                "{\"count\":22}");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_a_newcomer_gets_the_state), DX_TEST(test_a_laggard_keeps_his_work))
