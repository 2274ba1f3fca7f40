/* tests/unit/echo/test_space.c: spaces begin (echo/founding.c), are joined (echo/admission.c), loaded and
 * named, and change their feeds (echo/own_feed.c), and are forgotten (echo/forget.c). */
#include "echo/name.h"
#include "echo/own_feed.h"
#include "echo/refused.h"
#include "echo/space_state.h"
#include "halo/welcome.h"
#include "peer.h"

static const uint8_t invitation[16] = {1, 2, 3};

static void expect_counts(peer *self, int64_t objects, int64_t links) {
    int64_t counted_objects, counted_links;
    peer_begin(self);
    assert_int_equal(dx_space_count(&self->context, self->space, &counted_objects, &counted_links), DX_OK);
    peer_commit(self);
    assert_int_equal(counted_objects, objects);
    assert_int_equal(counted_links, links);
}

static void expect_name(peer *self, const char *expected) {
    char name[64];
    peer_begin(self);
    assert_int_equal(dx_space_name(&self->context, self->space, name, sizeof name),
                     expected[0] != 0 ? DX_OK : DX_E_NOT_FOUND);
    assert_string_equal(name, expected);
    peer_commit(self);
}

/* For tests that break rows on purpose. */
static void execute(peer *self, const char *sql) {
    sqlite3_stmt *statement = dx_store_query_dynamic(self->context.store, sql);
    assert_int_equal(dx_step_done(self->context.store, statement), DX_OK);
    dx_store_discard(statement);
}

static void test_create_and_load(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    for (int round = 0; round < 2; round++) {
        char name[64];
        expect_name(&alice, "Garden");
        expect_counts(&alice, 0, 0);
        peer_begin(&alice);
        assert_int_equal(
            dx_space_member_name(&alice.context, alice.space, alice.identity.identity, name, sizeof name),
            DX_OK);
        assert_string_equal(name, "Alice");
        assert_int_equal(
            dx_space_member_name(&alice.context, alice.space, alice.identity.device, name, sizeof name),
            DX_E_NOT_FOUND);
        assert_int_equal(dx_space_name(&alice.context, alice.space, name, 4), DX_OK);
        assert_string_equal(name, "Gar");
        assert_int_equal(alice.space->feed_count, 2);
        assert_int_equal(alice.space->blocked, 0);
        assert_int_equal(alice.space->refused, 0);
        assert_int_equal(dx_control_role(alice.space->control, alice.identity.identity), DX_ROLE_OWNER);
        peer_commit(&alice);
        peer_reopen(&alice);
    }
    peer_deinit(&alice);
}

static int count_space(void *ctx, int64_t local) {
    *(int64_t *)ctx = *(int64_t *)ctx * 10 + local;
    return local == 9 ? DX_E_STATE : DX_OK;
}

static void test_several_spaces(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "One");
    peer_add(&alice, "t", "{}");
    dx_space *one = alice.space, *two;
    peer_begin(&alice);
    assert_int_equal(dx_space_create(&alice.context, dx_bytes_text(""), &two), DX_OK);
    assert_int_equal(dx_space_sign_heads(&alice.context, two), DX_OK);
    int64_t seen = 0, local;
    assert_int_equal(dx_space_each(&alice.context, count_space, &seen), DX_OK);
    assert_int_equal(seen, one->local * 10 + two->local);
    assert_int_equal(dx_space_find(&alice.context, two->id, &local), DX_OK);
    assert_int_equal(local, two->local);
    assert_int_equal(dx_space_find(&alice.context, alice.identity.identity, &local), DX_E_NOT_FOUND);
    assert_memory_not_equal(one->discovery, two->discovery, DX_KEY_SIZE);
    peer_commit(&alice);
    alice.space = two;
    expect_name(&alice, "");
    expect_counts(&alice, 0, 0);
    peer_begin(&alice);
    dx_entity entity; /* an entity of one space is not found in the other */
    assert_int_equal(dx_entity_read(&alice.context, two, dx_entity_key(one->own_data, 1, 0), &entity),
                     DX_E_NOT_FOUND);
    assert_int_equal(dx_entity_read(&alice.context, one, dx_entity_key(one->own_data, 1, 0), &entity), DX_OK);
    peer_commit(&alice);
    dx_space_destroy(&alice.context, two);
    alice.space = one;
    expect_counts(&alice, 1, 0);
    peer_deinit(&alice);
}

static void test_create_refused(void **state) {
    (void)state;
    peer alice;
    char name[DX_SPACE_NAME_SIZE_MAX + 2] = {0};
    peer_init(&alice, 1, "Alice");
    peer_begin(&alice);
    memset(name, 'n', DX_SPACE_NAME_SIZE_MAX + 1);
    assert_int_equal(dx_space_create(&alice.context, dx_bytes_text(name), &alice.space), DX_E_INVALID);
    assert_int_equal(dx_space_create(&alice.context, dx_bytes_text("\xff"), &alice.space), DX_E_INVALID);
    dx_store_rollback(alice.context.store);
    peer_begin(&alice);
    name[DX_SPACE_NAME_SIZE_MAX] = 0;
    assert_int_equal(dx_space_create(&alice.context, dx_bytes_text(name), &alice.space), DX_OK);
    peer_commit(&alice);
    alice.identity.present = false;
    peer_begin(&alice);
    dx_space *none;
    assert_int_equal(dx_space_create(&alice.context, dx_bytes_text("x"), &none), DX_E_NO_IDENTITY);
    assert_int_equal(dx_space_join(&alice.context, dx_bytes_text("x"), &none), DX_E_NO_IDENTITY);
    assert_int_equal(dx_space_renew_feeds(&alice.context, alice.space), DX_E_NO_IDENTITY);
    dx_store_rollback(alice.context.store);
    alice.identity.present = true;
    peer_deinit(&alice);
}

static void test_admission_is_idempotent(void **state) {
    (void)state;
    peer alice, bob;
    dx_buf first, second;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    dx_buf_init(&first, &alice.alloc.port, DX_WELCOME_SIZE_MAX);
    dx_buf_init(&second, &alice.alloc.port, DX_WELCOME_SIZE_MAX);
    dx_bytes device = dx_buf_view(&bob.identity.device_credential);
    peer_begin(&alice);
    assert_int_equal(dx_space_admit(&alice.context, alice.space, device, DX_ROLE_EDITOR, invitation, &first),
                     DX_OK);
    uint64_t length = dx_space_feed(alice.space, alice.space->own_control)->length;
    assert_int_equal(dx_space_admit(&alice.context, alice.space, device, DX_ROLE_EDITOR, invitation, &second),
                     DX_OK);
    assert_int_equal(dx_space_feed(alice.space, alice.space->own_control)->length, length);
    assert_true(dx_bytes_equal(dx_buf_view(&first), dx_buf_view(&second)));
    peer_commit(&alice);
    peer_begin(&bob);
    assert_int_equal(dx_space_join(&bob.context, dx_buf_view(&first), &bob.space), DX_OK);
    dx_space *again;
    assert_int_equal(dx_space_join(&bob.context, dx_buf_view(&second), &again), DX_E_EXISTS);
    assert_memory_equal(bob.space->id, alice.space->id, DX_HASH_SIZE);
    assert_memory_equal(bob.space->discovery, alice.space->discovery, DX_KEY_SIZE);
    peer_commit(&bob);
    peer_pull(&bob, &alice, 9);
    expect_name(&bob, "Garden");
    dx_buf_deinit(&first);
    dx_buf_deinit(&second);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* Bob admits Carol and seals the key to himself, by mistake or worse; Alice admits her too, and she can read. */
static void test_grant_that_does_not_open(void **state) {
    (void)state;
    peer alice, bob, carol;
    uint8_t key[DX_KEY_SIZE], identity[DX_KEY_SIZE], noise[DX_KEY_SIZE];
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_init(&carol, 3, "Carol");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_ADMIN);
    peer_pull(&bob, &alice, 9);
    peer_begin(&bob);
    dx_credential_list list;
    dx_buf credential;
    dx_list_begin(&bob.context, &list);
    dx_buf_init(&credential, &bob.alloc.port, DX_CREDENTIAL_SIZE_MAX);
    assert_int_equal(dx_control_issue_member(bob.space->control, &bob.identity, carol.identity.identity,
                                             DX_ROLE_EDITOR, dx_bytes_of(invitation, 16), &credential),
                     DX_OK);
    assert_int_equal(dx_list_issue(bob.space, &list, &credential), DX_OK);
    dx_bytes device = dx_buf_view(&carol.identity.device_credential);
    dx_buf_append(&credential, device.data, device.size);
    assert_int_equal(dx_list_issue(bob.space, &list, &credential), DX_OK);
    assert_int_equal(dx_space_key(&bob.context, bob.space, 0, key), DX_OK);
    assert_true(dx_control_device(bob.space->control, bob.identity.device, identity, noise));
    assert_int_equal(dx_control_issue_key_grant(bob.space->control, &bob.identity, &bob.random.port, 0, key,
                                                carol.identity.device, noise, &credential),
                     DX_OK);
    assert_int_equal(dx_list_issue(bob.space, &list, &credential), DX_OK);
    assert_int_equal(dx_list_write(&bob.context, bob.space, &list), DX_OK);
    dx_buf_deinit(&credential);
    dx_list_end(&list);
    peer_commit(&bob);
    peer_pull(&alice, &bob, 9);
    assert_true(dx_control_granted_by(alice.space->control, 0, carol.identity.device, bob.identity.device));
    assert_false(
        dx_control_granted_by(alice.space->control, 0, carol.identity.device, alice.identity.device));
    peer_admit(&alice, &carol, DX_ROLE_EDITOR);
    assert_true(dx_control_granted_by(alice.space->control, 0, carol.identity.device, alice.identity.device));
    peer_begin(&carol);
    assert_int_equal(dx_space_key(&carol.context, carol.space, 0, key), DX_OK);
    peer_commit(&carol);
    peer_deinit(&alice);
    peer_deinit(&bob);
    peer_deinit(&carol);
}

static void issue_grant(peer *self, dx_credential_list *list, uint64_t epoch, const uint8_t key[static 32],
                        const dx_identity *to, const dx_identity *sealed_to) {
    dx_buf credential;
    dx_buf_init(&credential, &self->alloc.port, DX_CREDENTIAL_SIZE_MAX);
    assert_int_equal(dx_control_issue_key_grant(self->space->control, &self->identity, &self->random.port,
                                                epoch, key, to->device, sealed_to->noise, &credential),
                     DX_OK);
    assert_int_equal(dx_list_issue(self->space, list, &credential), DX_OK);
    dx_buf_deinit(&credential);
}

/* How many steps one has to do with what the other's control feed brings. */
static size_t steps_to_take(peer *to, peer *from) {
    size_t steps = 0;
    peer_begin(to);
    peer_begin(from);
    dx_feed *feed = dx_space_feed(from->space, from->space->own_control);
    assert_int_equal(peer_carry(to, from, feed, feed->length), DX_OK);
    for (bool more = true; more; steps++) {
        assert_true(steps < 10);
        assert_int_equal(dx_pipeline_run(&to->context, to->space, DX_STEP_BLOCKS_MAX, &more), DX_OK);
        assert_int_equal(more, to->space->keys_left);
    }
    peer_commit(from);
    peer_commit(to);
    return steps;
}

/* One with the right to grant sends a device more than two steps try, none of which opens; one that does is
 * found all the same, and nothing is tried again. */
static void test_grants_that_open_to_nothing(void **state) {
    (void)state;
    peer alice, bob;
    uint8_t next[DX_KEY_SIZE] = {7}, key[DX_KEY_SIZE];
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_ADMIN);
    peer_begin(&alice);
    dx_credential_list list;
    dx_buf credential;
    dx_list_begin(&alice.context, &list);
    dx_buf_init(&credential, &alice.alloc.port, DX_CREDENTIAL_SIZE_MAX);
    assert_int_equal(dx_control_issue_key_epoch(alice.space->control, &alice.identity, 1, next, &credential),
                     DX_OK);
    assert_int_equal(dx_list_issue(alice.space, &list, &credential), DX_OK);
    for (size_t i = 0; i < 2 * DX_STEP_GRANTS + 1; i++) {
        issue_grant(&alice, &list, 1, next, &bob.identity, &alice.identity);
    }
    assert_int_equal(dx_list_write(&alice.context, alice.space, &list), DX_OK);
    peer_commit(&alice);
    assert_int_equal(steps_to_take(&bob, &alice), 3);
    assert_int_equal(bob.space->tries_left, DX_STEP_GRANTS - 1);
    peer_begin(&bob);
    assert_int_equal(dx_space_key(&bob.context, bob.space, 1, key), DX_E_NOT_FOUND);
    peer_commit(&bob);
    peer_begin(&alice);
    issue_grant(&alice, &list, 1, next, &bob.identity, &bob.identity);
    assert_int_equal(dx_list_write(&alice.context, alice.space, &list), DX_OK);
    peer_commit(&alice);
    assert_int_equal(steps_to_take(&bob, &alice), 1);
    peer_begin(&bob);
    assert_int_equal(dx_space_key(&bob.context, bob.space, 1, key), DX_OK);
    assert_memory_equal(key, next, sizeof key);
    peer_commit(&bob);
    dx_buf_deinit(&credential);
    dx_list_end(&list);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

static void test_admission_refused(void **state) {
    (void)state;
    peer alice, bob, carol;
    dx_buf welcome;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_init(&carol, 3, "Carol");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    dx_buf_init(&welcome, &alice.alloc.port, DX_WELCOME_SIZE_MAX);
    dx_bytes device = dx_buf_view(&carol.identity.device_credential);
    peer_begin(&bob); /* an editor admits nobody */
    assert_int_equal(dx_space_admit(&bob.context, bob.space, device, DX_ROLE_READER, invitation, &welcome),
                     DX_E_DENIED);
    assert_int_equal(
        dx_space_admit(&bob.context, bob.space, dx_bytes_text("x"), DX_ROLE_READER, invitation, &welcome),
        DX_E_MALFORMED);
    peer_rollback(&bob);
    peer_begin(&alice);
    assert_int_equal(dx_space_admit(&alice.context, alice.space, device, DX_ROLE_OWNER, invitation, &welcome),
                     DX_E_DENIED);
    peer_rollback(&alice);
    peer_begin(&alice);
    assert_int_equal(
        dx_space_admit(&alice.context, alice.space, device, DX_ROLE_READER, invitation, &welcome), DX_OK);
    peer_commit(&alice);
    peer other;
    peer_init(&other, 4, "Other");
    peer_begin(&other); /* it is Carol's welcome */
    assert_int_equal(dx_space_join(&other.context, dx_buf_view(&welcome), &other.space), DX_E_VERIFY);
    assert_null(other.space);
    dx_store_rollback(other.context.store);
    for (size_t i = 0; i < welcome.size; i += 7) {
        peer_begin(&carol);
        welcome.data[i] ^= 1;
        int error = dx_space_join(&carol.context, dx_buf_view(&welcome), &carol.space);
        welcome.data[i] ^= 1;
        assert_true(error == DX_E_VERIFY || error == DX_E_MALFORMED);
        dx_store_rollback(carol.context.store);
    }
    dx_buf_deinit(&welcome);
    peer_deinit(&alice);
    peer_deinit(&bob);
    peer_deinit(&carol);
    peer_deinit(&other);
}

static int note_any(void *ctx, int64_t local) {
    (void)local;
    *(bool *)ctx = true;
    return DX_OK;
}

/* Of a space whose founder made no key: every credential in it verifies. */
static void write_keyless_welcome(peer *founder, const peer *guest, dx_buf *welcome) {
    const uint8_t nonce[DX_KEY_SIZE] = {7};
    uint8_t id[DX_HASH_SIZE];
    dx_control *control;
    dx_buf credential;
    dx_buf_init(&credential, &founder->alloc.port, DX_CREDENTIAL_SIZE_MAX);
    assert_int_equal(dx_space_credential_issue(&founder->identity.identity_key, nonce, &credential, id),
                     DX_OK);
    assert_int_equal(dx_control_create(&founder->alloc.port, id, &control), DX_OK);
    assert_int_equal(dx_control_take(control, dx_buf_view(&credential), 0), DX_OK);
    assert_int_equal(dx_control_take(control, dx_buf_view(&founder->identity.device_credential), 0), DX_OK);
    dx_buf_clear(&credential);
    assert_int_equal(dx_control_issue_member(control, &founder->identity, guest->identity.identity,
                                             DX_ROLE_EDITOR, dx_bytes_of(invitation, 16), &credential),
                     DX_OK);
    assert_int_equal(dx_control_take(control, dx_buf_view(&credential), 0), DX_OK);
    assert_int_equal(dx_control_take(control, dx_buf_view(&guest->identity.device_credential), 0), DX_OK);
    assert_int_equal(dx_welcome_encode(control, guest->identity.device, NULL, 0, welcome), DX_OK);
    dx_buf_deinit(&credential);
    dx_control_destroy(control);
}

/* What cannot be joined leaves nothing that a later opening would stumble over, although the step goes on. */
static void test_useless_welcome(void **state) {
    (void)state;
    peer alice, bob;
    dx_buf welcome;
    bool some = false, more = true;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    dx_buf_init(&welcome, &alice.alloc.port, DX_WELCOME_SIZE_MAX);
    write_keyless_welcome(&alice, &bob, &welcome);
    peer_begin(&bob);
    assert_int_equal(dx_space_join(&bob.context, dx_buf_view(&welcome), &bob.space), DX_E_VERIFY);
    assert_null(bob.space);
    peer_commit(&bob);
    peer_reopen(&bob);
    peer_begin(&bob);
    assert_int_equal(dx_space_each(&bob.context, note_any, &some), DX_OK);
    assert_false(some);
    assert_int_equal(dx_space_sweep(&bob.context, SIZE_MAX, &more), DX_OK);
    assert_false(more);
    peer_commit(&bob);
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    peer_pull(&bob, &alice, 9);
    expect_name(&bob, "Garden");
    dx_buf_deinit(&welcome);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

static void test_reader_cannot_write(void **state) {
    (void)state;
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_READER);
    peer_add(&alice, "t", "{\"a\": 1}");
    peer_pull(&bob, &alice, 9);
    expect_counts(&bob, 1, 0);
    assert_int_equal(bob.space->own_data, 0);
    dx_transaction *transaction;
    peer_begin(&bob);
    assert_int_equal(dx_transaction_begin(&bob.context, bob.space, &transaction), DX_E_DENIED);
    peer_commit(&bob);
    peer_pull(&alice, &bob, 9);
    assert_same_state(&alice, &bob);
    peer_reopen(&bob);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* A reader who becomes an editor gets a data feed with the first thing written. */
static void test_reader_becomes_editor(void **state) {
    (void)state;
    const uint8_t second[16] = {4};
    peer alice, bob;
    dx_buf welcome;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_READER);
    dx_buf_init(&welcome, &alice.alloc.port, DX_WELCOME_SIZE_MAX);
    peer_begin(&alice);
    assert_int_equal(dx_space_admit(&alice.context, alice.space, dx_buf_view(&bob.identity.device_credential),
                                    DX_ROLE_EDITOR, second, &welcome),
                     DX_OK);
    peer_commit(&alice);
    dx_buf_deinit(&welcome);
    peer_pull(&bob, &alice, 9);
    int64_t key = peer_add(&bob, "t", "{\"a\": 1}");
    peer_pull(&alice, &bob, 9);
    assert_shows(&alice, peer_key(&alice, &bob, key), "{\"a\":1}");
    assert_same_state(&alice, &bob);
    peer_reopen(&bob);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* A reader's data feed is admitted as a feed, and what is in it waits for the right to write. */
static void test_reader_writes_anyway(void **state) {
    (void)state;
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_READER);
    dx_feed_identity identity = {.feed_class = DX_FEED_DATA};
    dx_credential_list list;
    dx_sign_key key;
    dx_feed *feed;
    dx_buf credential;
    dx_buf_init(&credential, &bob.alloc.port, DX_CREDENTIAL_SIZE_MAX);
    dx_list_begin(&bob.context, &list);
    peer_begin(&bob);
    assert_int_equal(dx_keyring_create(bob.context.store, &bob.random.port, "feed", &key), DX_OK);
    memcpy(identity.space_id, bob.space->id, DX_HASH_SIZE);
    memcpy(identity.device, bob.identity.device, DX_KEY_SIZE);
    memcpy(identity.key, key.public_key, DX_KEY_SIZE);
    assert_int_equal(dx_space_make_feed(&bob.context, bob.space, &identity, true, &feed), DX_OK);
    int64_t local = feed->local;
    assert_int_equal(
        dx_control_issue_feed(bob.space->control, &bob.identity, DX_FEED_DATA, key.public_key, &credential),
        DX_OK);
    assert_int_equal(dx_list_issue(bob.space, &list, &credential), DX_OK);
    assert_int_equal(dx_list_write(&bob.context, bob.space, &list), DX_OK);
    assert_int_equal(dx_pipeline_append(&bob.context, bob.space, local, 0, (dx_bytes){NULL, 0}, 0, true),
                     DX_OK);
    feed = dx_space_feed(bob.space, local);
    assert_int_equal(dx_feed_sign(feed, bob.context.store, &key), DX_OK);
    assert_int_equal(dx_space_sign_heads(&bob.context, bob.space), DX_OK);
    peer_begin(&alice);
    dx_feed *control = dx_space_feed(bob.space, bob.space->own_control);
    assert_int_equal(peer_carry(&alice, &bob, control, control->length), DX_OK);
    peer_run(&alice);
    assert_int_equal(peer_carry(&alice, &bob, feed, 1), DX_OK);
    peer_run(&alice);
    assert_int_equal(alice.space->blocked, 1);
    char text[128];
    assert_true(dx_pipeline_waiting(&alice.context, alice.space, text, sizeof text));
    assert_non_null(strstr(text, "waits for its admission"));
    peer_commit(&alice);
    dx_store_rollback(bob.context.store);
    dx_list_end(&list);
    dx_buf_deinit(&credential);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* More credentials without premises than a feed may have waiting: the block waits, everything else goes on.
 */
static void test_full_waiting_room(void **state) {
    (void)state;
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    peer_pull(&alice, &bob, 9);
    dx_buf items, credential;
    dx_writer writer;
    dx_buf_init(&items, &bob.alloc.port, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&credential, &bob.alloc.port, DX_CREDENTIAL_SIZE_MAX);
    enum { COUNT = DX_CONTROL_WAITING_PER_SOURCE_MAX + 1 };
    for (uint8_t i = 0; i < COUNT; i++) {
        const uint8_t parents[1][DX_HASH_SIZE] = {{0xee, i}};
        dx_statement statement = {.type = DX_CREDENTIAL_MEMBER,
                                  .issuer = bob.identity.identity,
                                  .subject = alice.identity.identity,
                                  .space = bob.space->id,
                                  .claims = dx_bytes_text("\xa1\x01\x18\x1e"), /* {1: 30}: editor */
                                  .parents = parents,
                                  .parent_count = 1};
        dx_buf_clear(&credential);
        assert_int_equal(dx_credential_issue(&statement, &bob.identity.device_key, &credential), DX_OK);
        dx_writer_init(&writer, &items);
        dx_write_bytes(&writer, dx_buf_view(&credential));
        assert_int_equal(dx_writer_finish(&writer), DX_OK);
    }
    peer_begin(&bob);
    dx_feed *control = dx_space_feed(bob.space, bob.space->own_control);
    assert_int_equal(
        dx_pipeline_append(&bob.context, bob.space, control->local, 0, dx_buf_view(&items), COUNT, true),
        DX_OK);
    assert_int_equal(dx_space_sign_heads(&bob.context, bob.space), DX_OK);
    peer_begin(&alice);
    assert_int_equal(peer_carry(&alice, &bob, control, control->length), DX_OK);
    peer_run(&alice);
    char text[128];
    assert_true(dx_pipeline_waiting(&alice.context, alice.space, text, sizeof text));
    assert_non_null(strstr(text, "too many credentials"));
    peer_commit(&alice);
    assert_int_equal(alice.space->blocked, 1);
    peer_add(&alice, "t", "{}");
    assert_int_equal(dx_pipeline_settle(&bob.context, bob.space, control->local),
                     DX_E_LIMIT); /* his own vault bears it too */
    dx_store_rollback(bob.context.store);
    peer_reopen(&alice);
    assert_int_equal(alice.space->blocked, 1);
    dx_buf_deinit(&items);
    dx_buf_deinit(&credential);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

static void test_added_feeds(void **state) {
    (void)state;
    peer alice;
    dx_feed *feed;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    dx_feed_identity identity = {.device = {1}, .key = {2}, .feed_class = DX_FEED_DATA};
    peer_begin(&alice);
    assert_int_equal(dx_space_add_feed(&alice.context, alice.space, &identity, &feed),
                     DX_E_INVALID); /* of another space */
    memcpy(identity.space_id, alice.space->id, DX_HASH_SIZE);
    assert_int_equal(dx_space_add_feed(&alice.context, alice.space, &identity, &feed), DX_E_UNAUTHORIZED);
    identity.feed_class = DX_FEED_CONTROL;
    assert_int_equal(dx_space_add_feed(&alice.context, alice.space, &identity, &feed), DX_OK);
    int64_t local = feed->local;
    assert_int_equal(dx_space_add_feed(&alice.context, alice.space, &identity, &feed), DX_OK);
    assert_int_equal(feed->local, local);
    assert_ptr_equal(dx_space_feed(alice.space, local), feed);
    assert_ptr_equal(dx_space_feed_by_id(alice.space, feed->id), feed);
    assert_ptr_equal(dx_space_feed_by_prefix(alice.space, feed->id), feed);
    uint8_t id[DX_HASH_SIZE];
    memcpy(id, feed->id, sizeof id);
    id[DX_HASH_SIZE - 1] ^= 1; /* the prefix alone does not make it the same feed */
    assert_null(dx_space_feed_by_id(alice.space, id));
    assert_null(dx_space_feed(alice.space, local + 1));
    peer_commit(&alice);
    peer_deinit(&alice);
}

/* Fills every place that others may take. */
static void fill_feeds(peer *self) {
    dx_feed *feed;
    dx_feed_identity identity = {.device = {1}, .feed_class = DX_FEED_CONTROL};
    memcpy(identity.space_id, self->space->id, DX_HASH_SIZE);
    int error = DX_OK;
    for (uint16_t n = 1; error == DX_OK; n++) {
        memcpy(identity.key, &n, sizeof n);
        error = dx_space_add_feed(&self->context, self->space, &identity, &feed);
    }
    assert_int_equal(error, DX_E_LIMIT);
}

/* Who fills a space with feeds keeps nobody from going on in new ones. */
static void test_places_for_own_feeds(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    peer_begin(&alice);
    fill_feeds(&alice);
    assert_int_equal(alice.space->feed_count, DX_SPACE_FEEDS_MAX - DX_SPACE_FEEDS_KEPT);
    for (size_t left = DX_SPACE_FEEDS_KEPT; left > 0; left -= 2) {
        assert_int_equal(dx_space_renew_feeds(&alice.context, alice.space), DX_OK);
    }
    assert_int_equal(dx_space_renew_feeds(&alice.context, alice.space), DX_E_LIMIT);
    dx_store_rollback(alice.context.store);
    peer_deinit(&alice);
}

/* A control feed that brings no admission of its own: its first block is refused, and nothing after it
 * counts. */
static void test_feed_without_admission(void **state) {
    (void)state;
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    peer_begin(&bob);
    uint64_t blocked = 0;
    dx_feed_identity identity = {.feed_class = DX_FEED_CONTROL};
    dx_sign_key key;
    dx_buf items, header, block;
    dx_writer writer;
    dx_feed stray;
    assert_int_equal(dx_keyring_create(bob.context.store, &bob.random.port, "feed", &key), DX_OK);
    memcpy(identity.space_id, bob.space->id, DX_HASH_SIZE);
    memcpy(identity.device, bob.identity.device, DX_KEY_SIZE);
    memcpy(identity.key, key.public_key, DX_KEY_SIZE);
    assert_int_equal(
        dx_feed_create(bob.context.store, &bob.alloc.port, bob.space->local, &identity, true, &stray), DX_OK);
    dx_buf_init(&items, &bob.alloc.port, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&header, &bob.alloc.port, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&block, &bob.alloc.port, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &items);
    dx_write_bytes(&writer, dx_buf_view(&bob.identity.device_credential));
    assert_int_equal(dx_block_header_encode(DX_FEED_CONTROL, 0, 0, 0, NULL, 0, NULL, 0, &header), DX_OK);
    assert_int_equal(dx_block_encode(dx_buf_view(&header), dx_buf_view(&items), 1, &block), DX_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dx_feed_append(&stray, bob.context.store, dx_buf_view(&block)), DX_OK);
    }
    assert_int_equal(dx_feed_sign(&stray, bob.context.store, &key), DX_OK);
    peer_begin(&alice);
    assert_int_equal(peer_carry(&alice, &bob, &stray, 3), DX_OK);
    peer_run(&alice);
    blocked = alice.space->blocked;
    peer_commit(&alice);
    dx_feed_deinit(&stray);
    dx_store_rollback(bob.context.store);
    assert_int_equal(blocked, 2);
    assert_int_equal(alice.space->refused, 1);
    dx_buf_deinit(&items);
    dx_buf_deinit(&header);
    dx_buf_deinit(&block);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* A member renames the space by an object of his own: the founder's says the name. */
static void test_name_is_the_owners(void **state) {
    (void)state;
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    peer_add(&bob, "dx.space", "{\"name\": \"Bob's\"}");
    expect_name(&bob, "Bob's"); /* nothing better is here yet */
    peer_pull(&bob, &alice, 9);
    peer_pull(&alice, &bob, 9);
    expect_name(&bob, "Garden");
    expect_name(&alice, "Garden");
    peer_set(&bob, peer_key(&bob, &alice, dx_entity_key(alice.space->own_data, 0, 0)), "name", "\"Park\"");
    expect_name(&bob, "Park");
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* --- Another life ---------------------------------------------------------------------------- */

static void test_renewed_feeds(void **state) {
    (void)state;
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    int64_t key = peer_add(&alice, "t", "{\"a\": 1}");
    int64_t old_data = alice.space->own_data;
    peer_begin(&alice);
    assert_int_equal(dx_space_renew_feeds(&alice.context, alice.space), DX_OK);
    peer_commit(&alice);
    assert_true(alice.space->own_data != old_data);
    assert_false(dx_space_feed(alice.space, old_data)->own);
    peer_reopen(&alice);
    peer_set(&alice, key, "a", "2"); /* nothing is lost, and she goes on */
    peer_pull(&bob, &alice, 9);
    peer_pull(&alice, &bob, 9);
    assert_same_state(&alice, &bob);
    assert_shows(&bob, peer_key(&bob, &alice, key), "{\"a\":2}");
    assert_int_equal(alice.space->blocked + bob.space->blocked, 0);
    expect_name(&bob, "Garden");
    /* Bob, too, who has a chain behind him. */
    peer_begin(&bob);
    assert_int_equal(dx_space_renew_feeds(&bob.context, bob.space), DX_OK);
    peer_commit(&bob);
    peer_set(&bob, peer_key(&bob, &alice, key), "b", "3");
    peer_pull(&alice, &bob, 9);
    assert_same_state(&alice, &bob);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* Alice's identity says something of this type about Bob, resting on two others. */
static void say_of(const peer *alice, const peer *bob, uint64_t type, const uint8_t parents[2][DX_HASH_SIZE],
                   dx_buf *out) {
    dx_buf claims;
    dx_writer writer;
    dx_buf_init(&claims, out->alloc, 64);
    dx_writer_init(&writer, &claims);
    dx_write_map(&writer, 1);
    dx_write_uint(&writer, 1);
    dx_write_uint(&writer, DX_ROLE_ADMIN);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    const dx_statement statement = {.type = type,
                                    .issuer = alice->identity.identity,
                                    .subject = bob->identity.identity,
                                    .space = alice->space->id,
                                    .claims = dx_buf_view(&claims),
                                    .parents = parents,
                                    .parent_count = 2};
    dx_buf_clear(out);
    assert_int_equal(dx_credential_issue(&statement, &alice->identity.identity_key, out), DX_OK);
    dx_buf_deinit(&claims);
}

/* An admission that rests on a chain without end is carried without most of it; nobody runs out of stack or
 * room. */
static void test_renewed_feeds_behind_a_long_chain(void **state) {
    (void)state;
    enum { CHAIN = 3000, UNKNOWN_TYPE = 1000 };
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    dx_control *control = bob.space->control;
    uint8_t parents[2][DX_HASH_SIZE];
    dx_buf said;
    dx_credential credential;
    dx_buf_init(&said, &alice.alloc.port, DX_CREDENTIAL_SIZE_MAX);
    memcpy(parents[0], dx_control_member_of(control, alice.identity.identity)->admission, DX_HASH_SIZE);
    memcpy(parents[1], parents[0], DX_HASH_SIZE);
    for (int i = 0; i <= CHAIN; i++) {
        say_of(&alice, &bob, i < CHAIN ? UNKNOWN_TYPE : DX_CREDENTIAL_MEMBER,
               (const uint8_t(*)[DX_HASH_SIZE])parents, &said);
        assert_int_equal(dx_control_take(control, dx_buf_view(&said), 0), DX_OK);
        assert_int_equal(dx_credential_decode(dx_buf_view(&said), &credential), DX_OK);
        memcpy(parents[1], credential.id, DX_HASH_SIZE);
    }
    dx_buf_deinit(&said);
    assert_int_equal(dx_control_role(control, bob.identity.identity), DX_ROLE_ADMIN);
    peer_begin(&bob);
    assert_int_equal(dx_space_renew_feeds(&bob.context, bob.space), DX_OK);
    dx_bytes block;
    const dx_feed *feed = dx_space_feed(bob.space, bob.space->own_control);
    assert_int_equal(dx_feed_read(feed, bob.context.store, 0, &block), DX_OK);
    dx_block decoded;
    assert_int_equal(dx_block_decode(block, &decoded), DX_OK);
    assert_in_range(decoded.section_count, 3, 2 * DX_LIST_PREMISES_MAX);
    peer_commit(&bob);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* A copy of the vault was written elsewhere: what it wrote comes back from others, and both go on. */
static void test_restored_copy(void **state) {
    (void)state;
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    int64_t key = peer_add(&alice, "t", "{\"a\": 1}");
    sim_disk *image = sim_disk_copy(alice.disk, 5);
    peer_set(&alice, key, "a", "2");
    peer_pull(&bob, &alice, 9);
    peer_pull(&alice, &bob, 9);
    dx_space_destroy(&alice.context, alice.space);
    dx_identity_deinit(&alice.identity);
    dx_store_close(alice.context.store);
    sim_disk_restore(alice.disk, image); /* Alice's disk dies; she has a backup from before */
    sim_disk_destroy(image);
    peer_open(&alice);
    int64_t local = 0;
    assert_int_equal(dx_space_each(&alice.context, count_space, &local), DX_OK);
    assert_int_equal(dx_space_load(&alice.context, local, &alice.space), DX_OK);
    assert_int_equal(dx_space_renew_feeds(&alice.context, alice.space), DX_OK);
    peer_commit(&alice);
    peer_set(&alice, key, "b", "3");
    peer_pull(&alice, &bob, 9);
    assert_shows(&alice, key, "{\"a\":2,\"b\":3}");
    peer_pull(&bob, &alice, 9);
    assert_same_state(&alice, &bob);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* --- Forgetting ------------------------------------------------------------------------------ */

static int64_t count_rows(peer *self, const char *sql) {
    sqlite3_stmt *statement = dx_store_query_dynamic(self->context.store, sql);
    assert_true(dx_step(self->context.store, statement));
    int64_t count = dx_column_int(statement, 0);
    dx_store_discard(statement);
    return count;
}

static void test_forgotten(void **state) {
    (void)state;
    static const char *const tables[] = {"SELECT count(*) FROM entity",  "SELECT count(*) FROM block",
                                         "SELECT count(*) FROM feed",    "SELECT count(*) FROM credential",
                                         "SELECT count(*) FROM type",    "SELECT count(*) FROM space_key",
                                         "SELECT count(*) FROM refused", "SELECT count(*) FROM key",
                                         "SELECT count(*) FROM touch",   "SELECT count(*) FROM carried"};
    enum { TABLES = sizeof tables / sizeof tables[0] };
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Kept");
    dx_space *kept = alice.space;
    int64_t before[TABLES];
    peer_begin(&alice);
    for (size_t i = 0; i < TABLES; i++) {
        before[i] = count_rows(&alice, tables[i]);
    }
    peer_commit(&alice);
    peer_create_space(&bob, "Garden");
    peer_admit(&bob, &alice, DX_ROLE_EDITOR);
    for (int i = 0; i < 20; i++) {
        peer_set(&alice, peer_add(&alice, "t", "{}"), "changed", "1");
        peer_add(&bob, "t", "{}");
    }
    peer_pull(&alice, &bob, 9);
    int64_t local = alice.space->local, found;
    uint8_t id[DX_HASH_SIZE];
    memcpy(id, alice.space->id, sizeof id);
    peer_begin(&alice);
    assert_int_equal(dx_space_forget(&alice.context, local), DX_OK);
    peer_commit(&alice);
    dx_space_destroy(&alice.context, alice.space);
    alice.space = NULL;
    int steps = 0;
    for (bool more = true; more; steps++) {
        peer_reopen(&alice); /* a restart in between loses nothing */
        peer_begin(&alice);
        assert_int_equal(dx_space_find(&alice.context, id, &found), DX_E_NOT_FOUND);
        assert_int_equal(dx_space_load(&alice.context, local, &alice.space), DX_E_NOT_FOUND);
        found = 0;
        assert_int_equal(dx_space_each(&alice.context, count_space, &found), DX_OK);
        assert_int_equal(found, kept->local);
        assert_int_equal(dx_space_sweep(&alice.context, 10, &more), DX_OK);
        peer_commit(&alice);
    }
    assert_true(steps > 5);
    peer_begin(&alice);
    for (size_t i = 0; i < TABLES; i++) {
        assert_int_equal(count_rows(&alice, tables[i]), before[i]);
    }
    peer_commit(&alice);
    peer_admit(&bob, &alice, DX_ROLE_EDITOR); /* and she may come again */
    assert_true(alice.space->local > local);
    peer_pull(&alice, &bob, 9);
    peer_pull(&bob, &alice, 9);
    assert_same_state(&alice, &bob);
    peer_begin(&alice); /* forgotten and joined at once */
    assert_int_equal(dx_space_forget(&alice.context, alice.space->local), DX_OK);
    peer_commit(&alice);
    dx_space_destroy(&alice.context, alice.space);
    alice.space = NULL;
    peer_admit(&bob, &alice, DX_ROLE_EDITOR);
    dx_space_destroy(&alice.context, kept);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* --- Damaged rows ---------------------------------------------------------------------------- */

static void expect_load(peer *self, const char *sql, int error) {
    dx_space *space;
    int64_t local = self->space->local;
    peer_begin(self);
    execute(self, sql);
    assert_int_equal(dx_space_load(&self->context, local, &space), error);
    assert_null(space);
    dx_store_rollback(self->context.store);
}

static void test_damaged_rows(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    expect_load(&alice, "DELETE FROM space", DX_E_NOT_FOUND);
    expect_load(&alice, "UPDATE space SET space_id = x'00'", DX_E_CORRUPT);
    expect_load(&alice, "UPDATE space SET own_data = 99", DX_E_CORRUPT);
    expect_load(&alice, "UPDATE space SET own_control = own_data", DX_E_CORRUPT);
    expect_load(&alice, "DELETE FROM credential", DX_E_CORRUPT);
    expect_load(&alice, "UPDATE feed SET applied = applied - 1", DX_E_CORRUPT);
    expect_load(&alice, "UPDATE space_key SET key = x'00'", DX_E_CORRUPT);
    peer_begin(&alice);
    execute(&alice, "DELETE FROM type WHERE name = 'dx.space'");
    dx_entity entity;
    dx_types_deinit(&alice.space->types, &alice.alloc.port);
    assert_int_equal(
        dx_entity_read(&alice.context, alice.space, dx_entity_key(alice.space->own_data, 0, 0), &entity),
        DX_E_CORRUPT);
    peer_rollback(&alice);
    peer_deinit(&alice);
}

DX_TEST_MAIN(DX_TEST(test_create_and_load), DX_TEST(test_several_spaces), DX_TEST(test_create_refused),
             DX_TEST(test_admission_is_idempotent), DX_TEST(test_grant_that_does_not_open),
             DX_TEST(test_grants_that_open_to_nothing), DX_TEST(test_admission_refused),
             DX_TEST(test_useless_welcome), DX_TEST(test_reader_cannot_write),
             DX_TEST(test_reader_becomes_editor), DX_TEST(test_reader_writes_anyway),
             DX_TEST(test_full_waiting_room), DX_TEST(test_added_feeds), DX_TEST(test_places_for_own_feeds),
             DX_TEST(test_feed_without_admission), DX_TEST(test_name_is_the_owners),
             DX_TEST(test_renewed_feeds), DX_TEST(test_renewed_feeds_behind_a_long_chain),
             DX_TEST(test_restored_copy), DX_TEST(test_forgotten), DX_TEST(test_damaged_rows))
