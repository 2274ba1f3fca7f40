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
    assert_true(
        says(alice, "{'do': 'space.compact', 'space': 'Garden', 'now': true, 'copies': 1}", "\"base\":1"));
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
    assert_true(
        says(alice, "{'do': 'space.compact', 'space': 'Garden', 'now': true, 'copies': 1}", "\"base\":1"));
    assert_true(
        says(bob, "{'do': 'space.compact', 'space': 'Garden', 'now': true, 'copies': 1}", "\"base\":1"));
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

static void write_once(vault *self, const char *id, const char *what) {
    char json[256];
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'Garden', 'id': '%s', 'set': {%s}}", id, what);
    vault_ask(self, json);
}

/* Alice, Bob and Carol; Alice and Bob may make epochs. All have the same 12 beds and one object, whose id this gives. */
static void begin_garden(vault **alice, vault **bob, vault **carol, char id[64]) {
    street_init(&road);
    *alice = street_person(&road, "alice");
    *bob = street_person(&road, "bob");
    *carol = street_person(&road, "carol");
    vault_ask(*alice, "{'do': 'space.create', 'name': 'Garden'}");
    write_some(*alice, "bed", 12);
    street_field(
        vault_ask(*alice, "{'do': 'object.add', 'space': 'Garden', 'type': 'pond', 'data': {'fish': 1}}"),
        "id", id, 64);
    street_join_as(*alice, *bob, "Garden", "admin");
    street_join(*alice, *carol, "Garden");
    street_pass(&road, 5000);
    street_agree(&road, "Garden");
}

/* The net is down when Alice makes an epoch, and all three write before and after it. What each wrote meanwhile merges,
 * whether it lies below the epoch or beside it. */
static void test_an_epoch_during_a_partition(void **state) {
    (void)state;
    vault *alice, *bob, *carol;
    char id[64];
    begin_garden(&alice, &bob, &carol, id);
    road.closed = true;
    street_break(&road);
    write_once(alice, id, "'fish': 2, 'alice': 1");
    write_once(carol, id, "'fish': 3, 'carol': 1");
    assert_true(says(alice, "{'do': 'space.epoch', 'space': 'Garden'}", "\"number\":1"));
    write_once(bob, id, "'bob': 1");
    write_some(carol, "tree", 2);
    assert_true(says(alice, STATUS, "\"synced\":false"));
    /* Nobody has made it again yet, so nothing may go. */
    assert_true(
        says(alice, "{'do': 'space.compact', 'space': 'Garden', 'now': true}", "no epoch is confirmed"));
    road.closed = false;
    street_pass(&road, 200000);
    street_agree(&road, "Garden");
    assert_true(says(carol, EPOCHS, "\"confirmed\":true"));
    /* All three have it now: all that lies below goes, and Carol's late writes are beside it. */
    assert_true(says(alice, STATUS, "nothing goes by itself"));
    assert_true(says(alice, "{'do': 'space.compact', 'space': 'Garden', 'now': true}", "\"base\":1"));
    assert_true(says(carol, "{'do': 'space.compact', 'space': 'Garden', 'now': true}", "\"base\":1"));
    street_pass(&road, 1000);
    street_agree(&road, "Garden");
    assert_asks(alice, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'tree', 'count': true}}",
                "{\"count\":2}");
    assert_true(says(bob, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'pond'}}", "\"carol\":1"));
    assert_true(says(bob, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'pond'}}", "\"alice\":1"));
    vault *dora = street_person(&road, "dora");
    street_join(alice, dora, "Garden");
    street_pass(&road, 20000);
    street_agree(&road, "Garden");
    street_deinit(&road);
}

/* Two who may make epochs do so at the same moment, of the same state: there are two, with one root. Who comes later loads it. */
static void test_two_make_the_same_epoch(void **state) {
    (void)state;
    vault *alice, *bob, *carol;
    char id[64];
    begin_garden(&alice, &bob, &carol, id);
    road.closed = true;
    street_break(&road);
    assert_true(says(alice, "{'do': 'space.epoch', 'space': 'Garden'}", "\"number\":1"));
    assert_true(says(bob, "{'do': 'space.epoch', 'space': 'Garden'}", "\"number\":1"));
    road.closed = false;
    street_pass(&road, 200000);
    assert_true(says(carol, EPOCHS, "\"count\":2"));
    vault *const all[] = {alice, bob, carol};
    for (size_t i = 0; i < 3; i++) {
        assert_true(says(all[i], "{'do': 'space.compact', 'space': 'Garden', 'now': true}", "\"base\":1"));
    }
    vault *dora = street_person(&road, "dora");
    street_join(alice, dora, "Garden");
    street_pass(&road, 20000);
    street_agree(&road, "Garden");
    assert_true(says(dora, STATUS, "\"base\":1"));
    street_deinit(&road);
}

/* Alice with Carol here, Bob with Dora there: each side makes an epoch of its own, and somebody else confirms it. Were history
 * to go on both sides then, neither could ever have what the other dropped: nothing goes before all have said that it is right.
 * Both may come to be confirmed, by the order of their ids; then one that has all would follow by itself, were it not by hand. */
static void test_two_sides_drop_nothing(void **state) {
    (void)state;
    vault *alice, *bob, *carol;
    char id[64];
    begin_garden(&alice, &bob, &carol, id);
    assert_true(says(alice, "{'do': 'space.epoch', 'space': 'Garden', 'auto': false}", "\"auto\":false"));
    assert_true(says(bob, "{'do': 'space.epoch', 'space': 'Garden', 'auto': false}", "\"auto\":false"));
    vault_leave(bob);
    write_once(alice, id, "'fish': 2");
    street_pass(&road, 2000);
    assert_true(says(alice, "{'do': 'space.epoch', 'space': 'Garden'}", "\"number\":1"));
    street_pass(&road, 20000);
    assert_true(says(alice, EPOCHS, "\"confirmed\":true"));
    assert_true(says(alice, "{'do': 'space.compact', 'space': 'Garden', 'now': true}", "not all devices"));
    assert_true(says(alice, STATUS, "not all devices"));
    vault_leave(alice);
    vault_leave(carol);
    vault_open(bob);
    write_once(bob, id, "'fish': 3");
    assert_true(says(bob, "{'do': 'space.epoch', 'space': 'Garden'}", "\"number\":1"));
    vault_open(carol);
    vault_open(alice);
    street_pass(&road, 200000);
    street_agree(&road, "Garden");
    assert_true(says(bob, EPOCHS, "\"count\":2"));
    /* Together again, the next one has all. */
    assert_true(says(bob, "{'do': 'space.epoch', 'space': 'Garden'}", "\"number\":2"));
    street_pass(&road, 20000);
    assert_true(says(alice, "{'do': 'space.compact', 'space': 'Garden', 'now': true}", "\"base\":2"));
    assert_true(says(bob, "{'do': 'space.compact', 'space': 'Garden', 'now': true}", "\"base\":2"));
    street_agree(&road, "Garden");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_a_newcomer_gets_the_state), DX_TEST(test_a_laggard_keeps_his_work),
             DX_TEST(test_an_epoch_during_a_partition), DX_TEST(test_two_make_the_same_epoch),
             DX_TEST(test_two_sides_drop_nothing))
