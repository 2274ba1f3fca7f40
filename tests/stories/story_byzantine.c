/* tests/stories/story_byzantine.c: one of three was let in and does not keep to the rules.
 *
 * Mallory was admitted as an editor, by a real invitation. What she may not do she writes all the same, with
 * her own keys, so that it is well hashed and well signed: she admits a friend, and she names blocks that do
 * not exist. Then she speaks for Bob. Asserted: what Alice's and Bob's vaults say of each, that nothing of it
 * takes effect, that they agree and know it, and that they go on writing. The vaults' insides are used for
 * Mallory's part alone. */
#include "halo/control_state.h"
#include "rogue.h"

static street road;
static vault *alice, *bob, *mallory;

static void move_in(void) {
    street_init(&road);
    alice = street_person(&road, "alice");
    bob = street_person(&road, "bob");
    mallory = street_person(&road, "mallory");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(alice, bob, "Book");
    street_join(alice, mallory, "Book");
    vault_ask(bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'by': 'Bob'}}");
    street_pass(&road, 60000);
    street_agree(&road, "Book");
    alice->traces = bob->traces = "echo";
}

/* A block of this one section, at the end of a feed of Mallory's own. */
static void write_block(dx_feed_class feed_class, const dx_dependency *named, dx_bytes section) {
    dx_node *node = mallory->node;
    dx_space *space = rogue_space_of(mallory);
    dx_feed *feed =
        dx_space_feed(space, feed_class == DX_FEED_CONTROL ? space->own_control : space->own_data);
    dx_buf header, items, block;
    dx_sign_key key;
    dx_buf_init(&header, &mallory->alloc.port, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&items, &mallory->alloc.port, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&block, &mallory->alloc.port, DX_BLOCK_SIZE_MAX);
    dx_writer writer;
    dx_writer_init(&writer, &items);
    dx_write_bytes(&writer, section);
    assert_int_equal(
        dx_block_header_encode(feed_class, 0, 0, 0, NULL, 0, named, named == NULL ? 0 : 1, &header), DX_OK);
    assert_int_equal(dx_block_encode(dx_buf_view(&header), dx_buf_view(&items), 1, &block), DX_OK);
    assert_int_equal(dx_store_begin(node->store), DX_OK);
    assert_int_equal(dx_feed_append(feed, node->store, dx_buf_view(&block)), DX_OK);
    assert_int_equal(dx_keyring_sign_key(node->store, feed->identity.key, &key), DX_OK);
    assert_int_equal(dx_feed_sign(feed, node->store, &key), DX_OK);
    assert_int_equal(dx_store_commit(node->store), DX_OK);
    dx_buf_deinit(&header);
    dx_buf_deinit(&items);
    dx_buf_deinit(&block);
    vault_event(mallory, (dx_event){.kind = DX_EVENT_CLOCK});
    street_pass(&road, 1000);
}

/* In Mallory's name, on the admission she has, signed by her device: Eve may write. */
static void admit_eve(void) {
    const dx_space *space = rogue_space_of(mallory);
    const dx_identity *self = &mallory->node->identity;
    const uint8_t eve[DX_KEY_SIZE] = {0xe5, 0xe5};
    uint8_t parents[2][DX_HASH_SIZE];
    memcpy(parents[0], dx_control_device_of(space->control, self->device)->credential, DX_HASH_SIZE);
    memcpy(parents[1], dx_control_member_of(space->control, self->identity)->admission, DX_HASH_SIZE);
    dx_buf claims, credential;
    dx_writer writer;
    dx_buf_init(&claims, &mallory->alloc.port, 64);
    dx_buf_init(&credential, &mallory->alloc.port, DX_CREDENTIAL_SIZE_MAX);
    dx_writer_init(&writer, &claims);
    dx_write_map(&writer, 1);
    dx_write_uint(&writer, 1);
    dx_write_uint(&writer, DX_ROLE_EDITOR);
    const dx_statement statement = {.type = DX_CREDENTIAL_MEMBER,
                                    .issuer = self->identity,
                                    .subject = eve,
                                    .space = space->id,
                                    .claims = dx_buf_view(&claims),
                                    .parents = (const uint8_t(*)[DX_HASH_SIZE])parents,
                                    .parent_count = 2};
    assert_int_equal(dx_credential_issue(&statement, &self->device_key, &credential), DX_OK);
    write_block(DX_FEED_CONTROL, NULL, dx_buf_view(&credential));
    dx_buf_deinit(&claims);
    dx_buf_deinit(&credential);
}

static const char status[] = "{'do': 'space.status', 'space': 'Book'}";

/* She admits a friend; nobody lets him in, and everybody can see that she tried. */
static void test_admission(void **state) {
    (void)state;
    move_in();
    admit_eve();
    vault *const honest[] = {alice, bob};
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(strstr(honest[i]->trace, "refused section 0 of block 1 of feed"));
        assert_non_null(strstr(honest[i]->trace, "its author has no right to this"));
        vault_assert_says(honest[i], status, "\"refused\":1");
        vault_assert_says(honest[i], status, "\"synced\":true");
        vault_assert_says(honest[i], "{'do': 'space.members', 'space': 'Book'}", "\"count\":3");
    }
    vault_ask(bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page'}");
    street_pass(&road, 1000);
    assert_asks(alice, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}",
                "{\"count\":2}");
    street_agree(&road, "Book");
    street_deinit(&road);
}

/* She names a feed that is not; her own goes no further, and nobody else waits for it. */
static void test_nothing_there(void **state) {
    (void)state;
    move_in();
    const dx_dependency nowhere = {.feed = {0xff, 0xfe}, .length = 3};
    write_block(DX_FEED_DATA, &nowhere, dx_bytes_text("sealed, says she"));
    vault *const honest[] = {alice, bob};
    for (size_t i = 0; i < 2; i++) {
        vault_assert_says(honest[i], status, "waits for a feed that is not known here yet");
        vault_assert_says(honest[i], status, "\"pending\":1");
        vault_assert_says(honest[i], status, "\"synced\":true");
        vault_assert_says(honest[i], "{'do': 'space.status', 'space': 'Book', 'wait_synced': true}",
                          "\"synced\":true");
    }
    vault_ask(alice, "{'do': 'object.add', 'space': 'Book', 'type': 'page'}");
    street_pass(&road, 1000);
    assert_asks(bob, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}",
                "{\"count\":2}");
    street_agree(&road, "Book");
    street_deinit(&road);
}

/* She tells Alice of a head that Bob never signed: the link ends, and Bob is not blamed. */
static void test_forged_head(void **state) {
    (void)state;
    move_in();
    rogue liar;
    rogue_init(&liar, alice, mallory, mallory);
    rogue_meet(&liar);
    dx_feed *bobs = dx_space_feed_by_id(
        rogue_space_of(mallory), dx_space_feed(rogue_space_of(bob), rogue_space_of(bob)->own_data)->id);
    dx_head head = bobs->head;
    head.length++;
    rogue_write_state(&liar, &bobs->identity, &head);
    alice->traces = "sync";
    rogue_say(&liar);
    rogue_carry(&liar, 0);
    assert_true(liar.closed);
    assert_int_equal(liar.reason, DX_E_SIGNATURE);
    assert_non_null(strstr(alice->trace, "closed: E_SIGNATURE"));
    assert_null(strstr(alice->trace, "forked"));
    rogue_deinit(&liar);
    vault_ask(bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page'}");
    street_pass(&road, 120000);
    assert_asks(alice, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}",
                "{\"count\":2}");
    vault_assert_says(alice, status, "\"synced\":true");
    street_agree(&road, "Book");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_admission), DX_TEST(test_nothing_there), DX_TEST(test_forged_head))
