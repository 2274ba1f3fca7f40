/* tests/stories/story_wrong_epoch.c: an admin's word that is not true. An epoch whose root is not that of the state at its cut
 * is found out by everyone who has the blocks, said loudly, acknowledged by nobody and built on by nobody; what was agreed
 * upon before goes on. Alone with such a word, a newcomer still gets what there is.
 *
 * Of node/epochs.c and sync/snapshot.c. */
#include "echo/cut.h"
#include "echo/epoch_word.h"
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

/* What a vault that means ill does: an epoch at what is here, with a root of nothing. */
static void lie(vault *self) {
    dx_node *node = self->node;
    dx_space *space = node->spaces[0];
    dx_cut cut;
    uint8_t id[DX_HASH_SIZE];
    assert_int_equal(dx_store_begin(node->store), DX_OK);
    dx_cut_init(&cut, node->context.alloc);
    assert_int_equal(dx_cut_now(&node->context, space, &cut), DX_OK);
    const dx_epoch_draft draft = {.cut = cut.places,
                                  .cut_count = cut.count,
                                  .root = {1, 2, 3},
                                  .size_bytes = 1000,
                                  .key_epoch = space->key_epoch};
    assert_int_equal(dx_epoch_say(&node->context, space, &draft, id), DX_OK);
    dx_cut_deinit(&cut);
    assert_int_equal(dx_space_sign_heads(&node->context, space), DX_OK);
    assert_int_equal(dx_store_commit(node->store), DX_OK);
    write_some(self, "leaf", 1); /* a step: what was written goes out */
    street_pass(&road, 1000);
}

static bool says(vault *self, const char *json, const char *text) {
    const char *answer = vault_ask(self, json);
    if (strstr(answer, text) == NULL && strstr(self->told, text) == NULL) {
        print_message("%s answers %s: %s%s\n", self->name, json, self->told, answer);
        return false;
    }
    return true;
}

#define EPOCHS  "{'do': 'space.epochs', 'space': 'Garden'}"
#define STATUS  "{'do': 'space.status', 'space': 'Garden'}"
#define COMPACT "{'do': 'space.compact', 'space': 'Garden', 'now': true}"

/* Beside somebody who writes, the word of one is not enough. */
static void test_found_out_by_who_has_the_blocks(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_join(alice, bob, "Garden");
    write_some(alice, "bed", 3);
    write_some(bob, "bed", 4);
    street_pass(&road, 1000);
    assert_true(says(alice, "{'do': 'space.epoch', 'space': 'Garden'}", "\"number\":1"));
    street_pass(&road, 20000);
    assert_true(says(bob, EPOCHS, "\"confirmed\":true"));
    write_some(bob, "tree", 2);
    street_pass(&road, 1000);
    lie(alice);
    street_pass(&road, 20000);
    assert_true(says(bob, EPOCHS, "\"acks\":0,\"base\":false,\"here\":\"mismatch\""));
    assert_true(says(bob, EPOCHS, "\"number\":2,\"current\":false,\"confirmed\":false"));
    assert_true(says(bob, EPOCHS, "\"number\":1,\"current\":true,\"confirmed\":true"));
    assert_true(says(bob, STATUS, "\"refused\":1"));
    assert_true(says(bob, STATUS, "\"epoch\":1"));
    /* Built on is the one before it; and who comes loads that. */
    assert_true(says(bob, COMPACT, "\"base\":1"));
    assert_true(says(alice, COMPACT, "\"base\":1"));
    vault *carol = street_person(&road, "carol");
    street_join(alice, carol, "Garden");
    street_pass(&road, 60000);
    street_agree(&road, "Garden");
    assert_true(says(carol, STATUS, "\"base\":1"));
    street_deinit(&road);
}

/* Who speaks of nothing but his own work needs no witness, and can lie all the same. */
static void test_a_lie_of_one_alone(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    write_some(alice, "bed", 5);
    lie(alice);
    assert_true(says(alice, EPOCHS, "\"here\":\"mismatch\""));
    assert_true(says(alice, STATUS, "\"mismatch\""));
    assert_true(says(alice, COMPACT, "E_EPOCH_MISMATCH"));
    vault *bob = street_person(&road, "bob");
    street_join(alice, bob, "Garden"); /* nobody has chunks of it: he gets history */
    street_pass(&road, 60000);
    street_agree(&road, "Garden");
    assert_true(says(bob, EPOCHS, "\"here\":\"mismatch\""));
    assert_true(says(bob, EPOCHS, "\"acks\":0"));
    assert_true(says(bob, STATUS, "\"mismatch\""));
    assert_asks(bob, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'count': true}}",
                "{\"count\":5}");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_found_out_by_who_has_the_blocks), DX_TEST(test_a_lie_of_one_alone))
