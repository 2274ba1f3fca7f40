/* tests/unit/echo/test_name.c: names of spaces and members (echo/name.c): who may change which, what two who
 * change one at once agree on, and that nobody says another's. */
#include "echo/name.h"

#include "echo/own_feed.h"
#include "halo/welcome.h"
#include "peer.h"

typedef struct fixture {
    peer alice, bob;
} fixture;

static void exchange(fixture *f) {
    peer_pull(&f->alice, &f->bob, 9);
    peer_pull(&f->bob, &f->alice, 9);
}

static void fixture_init(fixture *f) {
    peer_init(&f->alice, 1, "Alice");
    peer_init(&f->bob, 2, "Bob");
    peer_create_space(&f->alice, "Garden");
    peer_admit(&f->alice, &f->bob, DX_ROLE_EDITOR);
    exchange(f);
}

static void fixture_deinit(fixture *f) {
    peer_deinit(&f->alice);
    peer_deinit(&f->bob);
}

static void rename_space(peer *self, const char *name) {
    peer_begin(self);
    assert_int_equal(dx_space_rename(&self->context, self->space, dx_bytes_text(name)), DX_OK);
    peer_commit(self);
}

static void rename_member(peer *self, const char *name) {
    peer_begin(self);
    assert_int_equal(
        dx_identity_rename(self->context.store, &self->alloc.port, dx_bytes_text(name), &self->identity),
        DX_OK);
    assert_int_equal(dx_space_tell_name(&self->context, self->space), DX_OK);
    peer_commit(self);
}

static void assert_space_name(peer *self, const char *expected) {
    char name[128];
    peer_begin(self);
    assert_int_equal(dx_space_name(&self->context, self->space, name, sizeof name),
                     expected[0] != 0 ? DX_OK : DX_E_NOT_FOUND);
    assert_string_equal(name, expected);
    peer_commit(self);
}

/* What this one sees that one called. */
static void assert_member_name(peer *self, const peer *member, const char *expected) {
    char name[128];
    peer_begin(self);
    assert_int_equal(
        dx_space_member_name(&self->context, self->space, member->identity.identity, name, sizeof name),
        expected[0] != 0 ? DX_OK : DX_E_NOT_FOUND);
    assert_string_equal(name, expected);
    peer_commit(self);
}

/* The key of the object it is called in; 0: none. */
static int64_t member_object(peer *self, const peer *member) {
    int64_t key;
    peer_begin(self);
    assert_int_equal(dx_space_member_object(&self->context, self->space, member->identity.identity, &key),
                     DX_OK);
    peer_commit(self);
    return key;
}

static uint64_t own_length(peer *self) {
    return dx_space_feed(self->space, self->space->own_data)->length;
}

static int64_t properties_of(peer *self) {
    return dx_entity_key(self->space->own_data, 0, 0);
}

/* --- Spaces ---------------------------------------------------------------------------------- */

static void test_space_is_renamed(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    rename_space(&f.alice, "Park");
    exchange(&f);
    assert_space_name(&f.bob, "Park");
    rename_space(&f.bob, "Meadow"); /* an editor may, in the founder's object */
    exchange(&f);
    assert_space_name(&f.alice, "Meadow");
    assert_same_state(&f.alice, &f.bob);
    uint64_t length = own_length(&f.bob);
    rename_space(&f.bob, "Meadow"); /* is so already: nothing is written */
    assert_int_equal(own_length(&f.bob), length);
    peer_reopen(&f.bob);
    assert_space_name(&f.bob, "Meadow");
    fixture_deinit(&f);
}

static void test_two_rename_at_once(void **state) {
    (void)state;
    fixture f;
    char agreed[128];
    fixture_init(&f);
    rename_space(&f.alice, "Park");
    rename_space(&f.bob, "Meadow");
    exchange(&f);
    peer_begin(&f.alice);
    assert_int_equal(dx_space_name(&f.alice.context, f.alice.space, agreed, sizeof agreed), DX_OK);
    peer_commit(&f.alice);
    assert_true(strcmp(agreed, "Park") == 0 || strcmp(agreed, "Meadow") == 0);
    assert_space_name(&f.bob, agreed);
    assert_same_state(&f.alice, &f.bob);
    rename_space(&f.bob, "Orchard"); /* who saw both has the last word */
    exchange(&f);
    assert_space_name(&f.alice, "Orchard");
    fixture_deinit(&f);
}

/* Removed, it is unnamed; a new name brings the same object back, also when two give one at once. */
static void test_removed_object(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    int64_t properties = properties_of(&f.alice);
    peer_change_life(&f.bob, peer_key(&f.bob, &f.alice, properties), true);
    exchange(&f);
    assert_space_name(&f.alice, "");
    rename_space(&f.alice, "Park");
    rename_space(&f.bob, "Meadow");
    exchange(&f);
    assert_same_state(&f.alice, &f.bob);
    rename_space(&f.alice, "Orchard");
    exchange(&f);
    assert_space_name(&f.bob, "Orchard");
    assert_shows(&f.alice, properties, "{\"name\":\"Orchard\"}");
    fixture_deinit(&f);
}

/* One of lower rank does not count, and is what counts when there is no better one; a name given meanwhile
 * goes into the one that is shown. */
static void test_foreign_object(void **state) {
    (void)state;
    fixture f;
    peer_init(&f.alice, 1, "Alice");
    peer_init(&f.bob, 2, "Bob");
    peer_create_space(&f.alice, "Garden");
    peer_admit(&f.alice, &f.bob, DX_ROLE_EDITOR);
    rename_space(&f.bob, "Bob's"); /* nothing of Alice's is here yet: he makes one */
    assert_space_name(&f.bob, "Bob's");
    exchange(&f);
    assert_space_name(&f.bob, "Garden");
    rename_space(&f.bob, "Park");
    exchange(&f);
    assert_space_name(&f.alice, "Park");
    peer_change_life(&f.alice, properties_of(&f.alice), true);
    exchange(&f);
    assert_space_name(&f.alice, "Bob's");
    rename_space(&f.alice, "Meadow"); /* in his object: it is the one there is */
    exchange(&f);
    assert_space_name(&f.bob, "Meadow");
    assert_same_state(&f.alice, &f.bob);
    fixture_deinit(&f);
}

/* A member who makes any number of them hides nobody's name, whichever feed a vault met first. */
static void test_many_objects(void **state) {
    (void)state;
    fixture f;
    peer_init(&f.alice, 1, "Alice");
    peer_init(&f.bob, 2, "Bob");
    peer_create_space(&f.alice, "Garden");
    peer_admit(&f.alice, &f.bob, DX_ROLE_EDITOR);
    for (int i = 0; i < 5; i++) {
        dx_transaction *transaction;
        peer_begin(&f.bob);
        assert_int_equal(dx_transaction_begin(&f.bob.context, f.bob.space, &transaction), DX_OK);
        for (int n = 0; n < 40; n++) {
            int64_t key;
            assert_int_equal(dx_transaction_add_object(transaction, dx_bytes_text("dx.space"), 0,
                                                       (dx_bytes){NULL, 0}, &key),
                             DX_OK);
        }
        assert_int_equal(dx_transaction_commit(transaction), DX_OK);
        peer_commit(&f.bob);
    }
    exchange(&f);
    assert_space_name(&f.alice, "Garden");
    assert_space_name(&f.bob, "Garden"); /* his own feed stands before hers here */
    fixture_deinit(&f);
}

static void test_reader_renames_nothing(void **state) {
    (void)state;
    peer alice, carol;
    peer_init(&alice, 1, "Alice");
    peer_init(&carol, 3, "Carol");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &carol, DX_ROLE_READER);
    peer_pull(&carol, &alice, 9);
    peer_begin(&carol);
    assert_int_equal(dx_space_rename(&carol.context, carol.space, dx_bytes_text("Mine")), DX_E_DENIED);
    assert_int_equal(dx_space_tell_name(&carol.context, carol.space), DX_E_DENIED);
    peer_commit(&carol);
    assert_space_name(&carol, "Garden");
    assert_int_equal(member_object(&carol, &carol), 0);
    peer_deinit(&alice);
    peer_deinit(&carol);
}

/* Who may write later than he joined says his name with the first thing he does, be that a new name. */
static void test_reader_becomes_editor(void **state) {
    (void)state;
    for (int round = 0; round < 2; round++) {
        const uint8_t second[16] = {4};
        peer alice, carol;
        dx_buf welcome;
        peer_init(&alice, 1, "Alice");
        peer_init(&carol, 3, "Carol");
        peer_create_space(&alice, "Garden");
        peer_admit(&alice, &carol, DX_ROLE_READER);
        dx_buf_init(&welcome, &alice.alloc.port, DX_WELCOME_SIZE_MAX);
        peer_begin(&alice);
        assert_int_equal(dx_space_admit(&alice.context, alice.space,
                                        dx_buf_view(&carol.identity.device_credential), DX_ROLE_EDITOR,
                                        second, &welcome),
                         DX_OK);
        peer_commit(&alice);
        dx_buf_deinit(&welcome);
        peer_pull(&carol, &alice, 9);
        if (round == 0) {
            peer_add(&carol, "t", "{}");
        } else {
            rename_member(&carol, "Caro");
            assert_int_equal(own_length(&carol), 1); /* said once */
        }
        peer_pull(&alice, &carol, 9);
        assert_member_name(&alice, &carol, round == 0 ? "Carol" : "Caro");
        peer_deinit(&alice);
        peer_deinit(&carol);
    }
}

/* --- Members --------------------------------------------------------------------------------- */

static void test_member_is_renamed(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    int64_t before = member_object(&f.bob, &f.alice);
    assert_true(before != 0);
    rename_member(&f.alice, "Alice Liddell");
    exchange(&f);
    assert_member_name(&f.bob, &f.alice, "Alice Liddell");
    assert_member_name(&f.bob, &f.bob, "Bob");
    assert_int_equal(member_object(&f.bob, &f.alice), before); /* who links to her goes on doing so */
    uint64_t length = own_length(&f.alice);
    rename_member(&f.alice, "Alice Liddell");
    assert_int_equal(own_length(&f.alice), length);
    peer_reopen(&f.alice);
    assert_string_equal(f.alice.identity.name, "Alice Liddell");
    assert_member_name(&f.alice, &f.alice, "Alice Liddell");
    peer_change_life(&f.alice, dx_entity_key(f.alice.space->own_data, 0, 1), true); /* by herself */
    exchange(&f);
    assert_member_name(&f.bob, &f.alice, "");
    assert_int_equal(member_object(&f.bob, &f.alice), 0);
    rename_member(&f.alice, "Al");
    exchange(&f);
    assert_member_name(&f.bob, &f.alice, "Al");
    assert_int_equal(member_object(&f.bob, &f.alice), before);
    fixture_deinit(&f);
}

/* In new feeds of the same device she goes on with the same object. */
static void test_renamed_in_another_life(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    int64_t object = member_object(&f.bob, &f.alice);
    peer_begin(&f.alice);
    assert_int_equal(dx_space_renew_feeds(&f.alice.context, f.alice.space), DX_OK);
    peer_commit(&f.alice);
    rename_member(&f.alice, "Al");
    exchange(&f);
    assert_member_name(&f.bob, &f.alice, "Al");
    assert_int_equal(member_object(&f.bob, &f.alice), object);
    assert_int_equal(f.bob.space->refused, 0);
    assert_same_state(&f.alice, &f.bob);
    fixture_deinit(&f);
}

/* --- Who speaks for another ---------------------------------------------------------------------- */

/* Writes a section past the checks of a transaction, as a program of his own making would. */
static void forge(peer *self, const char *json) {
    dx_feed *feed = dx_space_feed(self->space, self->space->own_data);
    dx_buf plaintext, items;
    uint8_t key[DX_KEY_SIZE];
    peer_item(self, json, &plaintext);
    dx_buf_init(&items, &self->alloc.port, DX_BLOCK_SIZE_MAX);
    peer_begin(self);
    assert_int_equal(dx_space_key(&self->context, self->space, 0, key), DX_OK);
    assert_int_equal(dx_section_seal(key, feed->id, feed->length, 0, dx_buf_view(&plaintext), &items), DX_OK);
    assert_int_equal(
        dx_pipeline_append(&self->context, self->space, feed->local, 0, dx_buf_view(&items), 1, true), DX_OK);
    assert_int_equal(dx_pipeline_settle(&self->context, self->space, feed->local), DX_OK);
    peer_commit(self);
    dx_buf_deinit(&plaintext);
    dx_buf_deinit(&items);
}

/* The ops on somebody's object, of the other one's feed. */
static void forge_ops(peer *self, peer *other, int64_t key, const char *ops) {
    char json[256];
    dx_buf text;
    const dx_feed *feed = dx_space_feed(other->space, dx_entity_key_feed(key));
    dx_buf_init(&text, &self->alloc.port, 64);
    dx_base64url_encode(dx_bytes_of(feed->id, DX_PREFIX_SIZE), &text);
    snprintf(json, sizeof json, "[[%d, %d, {\"@bytes\": \"%.*s\"}], [%s]]", (int)dx_entity_key_seq(key),
             (int)dx_entity_key_index(key), (int)text.size, (const char *)text.data, ops);
    dx_buf_deinit(&text);
    forge(self, json);
}

static void test_nobody_speaks_for_another(void **state) {
    (void)state;
    static const char *const attacks[] = {"[1, [{\"name\": \"Mallory\"}, []]]", "[1, [{}, [\"name\"]]]",
                                          "[2]", "[3]"};
    fixture f;
    fixture_init(&f);
    int64_t hers = dx_entity_key(f.alice.space->own_data, 0, 1);
    int64_t here = peer_key(&f.bob, &f.alice, hers);
    dx_transaction *transaction;
    dx_buf name;
    peer_item(&f.bob, "\"Mallory\"", &name);
    peer_begin(&f.bob); /* by a program that keeps the rules: refused before it is written */
    assert_int_equal(dx_transaction_begin(&f.bob.context, f.bob.space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_set(transaction, here, dx_bytes_text("name"), dx_buf_view(&name)),
                     DX_E_DENIED);
    assert_int_equal(dx_transaction_unset(transaction, here, dx_bytes_text("name")), DX_E_DENIED);
    assert_int_equal(dx_transaction_delete(transaction, here), DX_E_DENIED);
    dx_transaction_abort(transaction);
    peer_commit(&f.bob);
    dx_buf_deinit(&name);
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) { /* and by one that does not */
        forge_ops(&f.bob, &f.alice, hers, attacks[i]);
        exchange(&f);
        assert_member_name(&f.alice, &f.alice, "Alice");
        assert_member_name(&f.bob, &f.alice, "Alice");
        assert_int_equal(f.alice.space->refused, i + 1);
        assert_int_equal(f.bob.space->refused, i + 1);
    }
    assert_same_state(&f.alice, &f.bob);
    /* An object of his own that says it were hers is his. */
    peer_add(&f.bob, "dx.member", "{\"name\": \"Mallory\", \"identity\": \"Alice\"}");
    exchange(&f);
    assert_member_name(&f.alice, &f.alice, "Alice");
    assert_member_name(&f.alice, &f.bob, "Bob"); /* only the first of a feed counts */
    fixture_deinit(&f);
}

/* --- The digest -------------------------------------------------------------------------------- */

static void digest(peer *self, uint8_t out[static DX_HASH_SIZE]) {
    peer_begin(self);
    assert_int_equal(dx_space_names_digest(&self->context, self->space, out), DX_OK);
    peer_commit(self);
}

static void test_digest(void **state) {
    (void)state;
    fixture f;
    uint8_t before[DX_HASH_SIZE], after[DX_HASH_SIZE];
    fixture_init(&f);
    digest(&f.bob, before);
    peer_add(&f.alice, "t", "{\"name\": \"x\"}");
    rename_space(&f.alice, "Park"); /* nobody is called otherwise */
    exchange(&f);
    digest(&f.bob, after);
    assert_memory_equal(before, after, sizeof before);
    peer_reopen(&f.bob);
    digest(&f.bob, after);
    assert_memory_equal(before, after, sizeof before);
    rename_member(&f.alice, "Al");
    exchange(&f);
    digest(&f.bob, after);
    assert_memory_not_equal(before, after, sizeof before);
    memcpy(before, after, sizeof before);
    peer_change_life(&f.alice, dx_entity_key(f.alice.space->own_data, 0, 1), true);
    exchange(&f);
    digest(&f.bob, after);
    assert_memory_not_equal(before, after, sizeof before);
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_space_is_renamed), DX_TEST(test_two_rename_at_once), DX_TEST(test_removed_object),
             DX_TEST(test_foreign_object), DX_TEST(test_many_objects), DX_TEST(test_reader_renames_nothing),
             DX_TEST(test_reader_becomes_editor), DX_TEST(test_member_is_renamed),
             DX_TEST(test_renamed_in_another_life), DX_TEST(test_nobody_speaks_for_another),
             DX_TEST(test_digest))
