/* tests/unit/echo/test_pipeline.c: blocks of others: in any order one state; what must wait waits; what is
 * wrong is refused, counted and kept, by every replica alike.
 * Of echo/pipeline.c, echo/wait.c and echo/own_block.c. */
#include "echo/epoch_word.h"
#include "echo/name.h"
#include "echo/reduce.h"
#include "echo/refused.h"
#include "peer.h"

/* Alice founds the space; Bob edits it too. Both have everything the other wrote. */
typedef struct fixture {
    peer alice, bob;
} fixture;

static void fixture_init(fixture *f) {
    peer_init(&f->alice, 1, "Alice");
    peer_init(&f->bob, 2, "Bob");
    peer_create_space(&f->alice, "Garden");
    peer_admit(&f->alice, &f->bob, DX_ROLE_EDITOR);
    peer_pull(&f->alice, &f->bob, 1);
    peer_pull(&f->bob, &f->alice, 1);
}

static void fixture_deinit(fixture *f) {
    peer_deinit(&f->alice);
    peer_deinit(&f->bob);
}

static void exchange(fixture *f) {
    peer_pull(&f->alice, &f->bob, 3);
    peer_pull(&f->bob, &f->alice, 3);
}

static void test_two_replicas(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    int64_t oak = peer_add(&f.alice, "tree", "{\"name\": \"oak\"}"),
            ash = peer_add(&f.bob, "tree", "{\"name\": \"ash\"}");
    exchange(&f);
    int64_t link = peer_link(&f.bob, "near", ash, peer_key(&f.bob, &f.alice, oak));
    peer_set(&f.bob, peer_key(&f.bob, &f.alice, oak), "age", "200");
    peer_change_life(&f.alice, peer_key(&f.alice, &f.bob, ash), true);
    exchange(&f);
    assert_shows(&f.alice, oak, "{\"age\":200,\"name\":\"oak\"}");
    assert_shows(&f.bob, ash, "{\"name\":\"ash\"} deleted");
    assert_shows(&f.alice, peer_key(&f.alice, &f.bob, link), "{}");
    assert_same_state(&f.alice, &f.bob);
    assert_int_equal(f.alice.space->blocked + f.bob.space->blocked, 0);
    assert_int_equal(f.alice.space->refused + f.bob.space->refused, 0);
    char name[64];
    peer_begin(&f.alice);
    assert_int_equal(
        dx_space_member_name(&f.alice.context, f.alice.space, f.bob.identity.identity, name, sizeof name),
        DX_OK);
    assert_string_equal(name, "Bob");
    peer_commit(&f.alice);
    peer_reopen(&f.bob);
    assert_same_state(&f.alice, &f.bob);
    fixture_deinit(&f);
}

/* --- Every order ----------------------------------------------------------------------------- */

/* Delivers the authors' blocks one at a time, the order of authors given, inside a transaction that is then
 * undone; the state it led to. */
static char *deliver(peer *reader, peer *const authors[], const uint64_t from[], const int order[],
                     size_t count) {
    uint64_t at[3] = {from[0], from[1], from[2]};
    peer_begin(reader);
    for (size_t i = 0; i < count; i++) {
        peer *author = authors[order[i]];
        dx_feed *source = dx_space_feed(author->space, author->space->own_data);
        peer_begin(author);
        assert_int_equal(peer_carry(reader, author, source, ++at[order[i]]), DX_OK);
        peer_commit(author);
        peer_run(reader);
    }
    assert_int_equal(reader->space->blocked, 0);
    char *out = peer_state_inside(reader);
    peer_rollback(reader);
    return out;
}

/* The next permutation of a sequence with repetitions; false after the last. */
static bool permute(int *order, size_t count) {
    size_t i = count - 1;
    while (i > 0 && order[i - 1] >= order[i]) {
        i--;
    }
    if (i == 0) {
        return false;
    }
    size_t j = count - 1;
    while (order[j] <= order[i - 1]) {
        j--;
    }
    int held = order[i - 1];
    order[i - 1] = order[j];
    order[j] = held;
    for (j = count - 1; i < j; i++, j--) {
        held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
    return true;
}

static void test_every_order_of_delivery(void **state) {
    (void)state;
    fixture f;
    peer carol;
    fixture_init(&f);
    peer_init(&carol, 3, "Carol");
    int64_t tree = peer_add(&f.alice, "tree", "{\"name\": \"oak\", \"rings\": {\"a\": 1}}");
    peer_admit(&f.alice, &carol, DX_ROLE_READER);
    exchange(&f);
    peer_pull(&carol, &f.alice, 4);
    peer *authors[] = {&f.alice, &f.bob};
    uint64_t from[] = {dx_space_feed(f.alice.space, f.alice.space->own_data)->length,
                       dx_space_feed(f.bob.space, f.bob.space->own_data)->length, 0};
    int64_t bobs = peer_key(&f.bob, &f.alice, tree);
    peer_set(&f.alice, tree, "name", "\"Alice\"");
    peer_set(&f.alice, tree, "rings", "{\"b\": 2}");
    peer_set(&f.bob, bobs, "name", "\"Bob\"");
    peer_set(&f.bob, bobs, "rings.a", "3");
    peer_pull(&f.bob, &f.alice, 1); /* from here on Bob's blocks depend on Alice's */
    peer_set(&f.bob, bobs, "x", "1");
    peer_change_life(&f.bob, bobs, true);
    peer_change_life(&f.alice, tree, true);
    peer_change_life(&f.alice, tree, false);
    peer_add(&f.alice, "leaf", "{}");
    int order[] = {0, 0, 0, 0, 0, 1, 1, 1, 1};
    size_t count = sizeof order / sizeof order[0], tried = 0;
    char *expected = NULL;
    do {
        char *reached = deliver(&carol, authors, from, order, count);
        if (expected == NULL) {
            expected = reached;
        } else {
            assert_string_equal(reached, expected);
            free(reached);
        }
        tried++;
    } while (permute(order, count));
    assert_int_equal(tried, 126);
    exchange(&f);
    char *final = peer_state(&f.alice);
    assert_string_equal(final, expected);
    free(final);
    free(expected);
    assert_same_state(&f.alice, &f.bob);
    peer_deinit(&carol);
    fixture_deinit(&f);
}

/* --- Blocks made by hand --------------------------------------------------------------------- */

/* What a block says beside its sections. */
typedef struct crafted {
    uint64_t flags, key_epoch;
    const dx_dependency *auth, *dependencies;
    size_t auth_count, dependency_count;
    bool sealed_wrong; /* with another key than it says */
} crafted;

/* Appends a block with these sections (JSON each) to the author's data feed, without applying it. */
static void craft(peer *author, const crafted *how, const char *const *sections, size_t count) {
    dx_feed *feed = dx_space_feed(author->space, author->space->own_data);
    dx_buf items, header, block;
    uint8_t key[DX_KEY_SIZE];
    dx_buf_init(&items, &author->alloc.port, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&header, &author->alloc.port, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&block, &author->alloc.port, DX_BLOCK_SIZE_MAX);
    assert_int_equal(dx_space_key(&author->context, author->space, 0, key), DX_OK);
    key[0] = (uint8_t)(key[0] ^ how->sealed_wrong);
    for (size_t i = 0; i < count; i++) {
        dx_buf plaintext;
        peer_item(author, sections[i], &plaintext);
        assert_int_equal(dx_section_seal(key, feed->id, feed->length, i, dx_buf_view(&plaintext), &items),
                         DX_OK);
        dx_buf_deinit(&plaintext);
    }
    assert_int_equal(dx_block_header_encode(DX_FEED_DATA, how->flags, how->key_epoch, 0, how->auth,
                                            how->auth_count, how->dependencies, how->dependency_count,
                                            &header),
                     DX_OK);
    assert_int_equal(dx_block_encode(dx_buf_view(&header), dx_buf_view(&items), count, &block), DX_OK);
    assert_int_equal(dx_feed_append(feed, author->context.store, dx_buf_view(&block)), DX_OK);
    dx_buf_deinit(&items);
    dx_buf_deinit(&header);
    dx_buf_deinit(&block);
}

typedef struct last_refusal {
    size_t count;
    dx_refusal newest;
} last_refusal;

static int note_refusal(void *ctx, const dx_refusal *refusal) {
    last_refusal *last = ctx;
    if (last->count++ == 0) {
        last->newest = *refusal;
    }
    return DX_OK;
}

static last_refusal refusals_of(peer *self) {
    last_refusal last = {.count = 0};
    peer_begin(self);
    assert_int_equal(dx_refused_each(&self->context, self->space, note_refusal, &last), DX_OK);
    peer_commit(self);
    return last;
}

/* Bob writes one crafted block and applies it; Alice gets it. Both must agree, and both must have refused
 * `refused` sections, the last for this reason. */
static void expect_refused(fixture *f, const crafted *how, const char *const *sections, size_t count,
                           uint64_t refused, int reason) {
    uint64_t alice_before = f->alice.space->refused, bob_before = f->bob.space->refused;
    peer_begin(&f->bob);
    craft(&f->bob, how, sections, count);
    assert_int_equal(dx_pipeline_settle(&f->bob.context, f->bob.space, f->bob.space->own_data), DX_OK);
    peer_commit(&f->bob);
    exchange(f);
    assert_int_equal(f->alice.space->refused - alice_before, refused);
    assert_int_equal(f->bob.space->refused - bob_before, refused);
    if (refused != 0) {
        assert_int_equal(refusals_of(&f->alice).newest.error, reason);
    }
    assert_int_equal(f->alice.space->blocked, 0);
    assert_same_state(&f->alice, &f->bob);
}

#define CREATE "[null, [[0, 0, \"t\", null, null, null, null], [1, [{\"a\": 1}, []]]]]"

static void expect_section(fixture *f, const char *section, int reason) {
    expect_refused(f, &(crafted){.flags = 0}, &section, 1, reason == DX_OK ? 0 : 1, reason);
}

static void test_refused_sections(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    peer_add(&f.bob, "t", "{\"a\": 1}"); /* Bob's block 1, entity [1, 0] */
    exchange(&f);
    expect_section(&f, CREATE, DX_OK);
    expect_section(&f, "[[1, 0], [[1, [{\"a\": 2}, []]]]]", DX_OK);
    expect_section(&f, "0", DX_E_MALFORMED);
    expect_section(&f, "[[1, 7], [[2]]]", DX_E_NOT_FOUND);
    expect_section(&f, "[[99, 0], [[2]]]", DX_E_INVALID); /* not written yet */
    expect_section(&f, "[[1, 0, {\"@bytes\": \"AAAAAAAAAAAAAAAAAAAAAA\"}], [[2]]]",
                   DX_E_INVALID); /* a feed nobody declared */
    expect_section(&f, "[null, [[0, 1, null, null, null, [0], [98, 0]]]]", DX_E_INVALID);
    expect_section(&f, "[null, [[0, 1, null, null, null, [7], [1, 9]]]]", DX_OK); /* dangling is kept */
    expect_section(&f, "[null, [[0, 0, null, null, [98, 0], null, null]]]", DX_E_INVALID);
    expect_section(&f, "[[1, 0], [[1, 7]]]", DX_E_MALFORMED);      /* the model refuses it */
    expect_section(&f, "[[1, 0], [[1, 7], [2]]]", DX_E_MALFORMED); /* and the deletion holds */
    expect_section(&f, "[null, [[0, 0, \"kept\", null, null, null, null], [1, 7]]]", DX_E_MALFORMED);
    int64_t objects, links;
    peer_begin(&f.alice);
    assert_int_equal(dx_space_count(&f.alice.context, f.alice.space, &objects, &links), DX_OK);
    assert_int_equal(objects, 2);
    assert_int_equal(links, 1);
    peer_commit(&f.alice);
    const char *twice[] = {CREATE, "[[1, 0], [[3]]]", "[[1, 0], [[2]]]"};
    expect_refused(&f, &(crafted){.flags = 0}, twice, 3, 1, DX_E_INVALID);
    const char *descending[] = {"[[2, 0], [[3]]]", "[[1, 0], [[2]]]", CREATE, "[[3, 0], [[2]]]"};
    expect_refused(&f, &(crafted){.flags = 0}, descending, 4, 2, DX_E_NOT_FOUND);
    const char *fine = CREATE;
    expect_refused(&f, &(crafted){.sealed_wrong = true}, &fine, 1, 1, DX_E_SIGNATURE);
    expect_refused(&f, &(crafted){.flags = 0}, NULL, 0, 0, DX_OK); /* an empty block does nothing */
    peer_reopen(&f.alice);
    assert_int_equal(f.alice.space->refused, f.bob.space->refused);
    assert_int_equal(refusals_of(&f.alice).count, f.bob.space->refused);
    fixture_deinit(&f);
}

/* An entity that is here, in a feed the block has not declared to have seen: another replica might not have
 * it yet. */
static void test_undeclared_entity(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    peer_add(&f.alice, "t", "{}");
    const dx_feed *feed = dx_space_feed(f.alice.space, f.alice.space->own_data);
    char section[256], prefix[64];
    dx_buf text;
    dx_buf_init(&text, &f.alice.alloc.port, 64);
    dx_base64url_encode(dx_bytes_of(feed->id, DX_PREFIX_SIZE), &text);
    snprintf(prefix, sizeof prefix, "%.*s", (int)text.size, (const char *)text.data);
    dx_buf_deinit(&text);
    snprintf(section, sizeof section, "[[%d, 0, {\"@bytes\": \"%s\"}], [[2]]]", (int)feed->length - 1,
             prefix);
    peer_pull(&f.bob, &f.alice, 1);
    expect_section(&f, section, DX_E_INVALID);
    peer_add(&f.bob, "t", "{}"); /* declares it on the way */
    expect_section(&f, section, DX_OK);
    fixture_deinit(&f);
}

static void test_many_refusals_are_bounded(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    enum { COUNT = DX_REFUSED_LISTED_MAX + 40 };
    const char *sections[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        sections[i] = "0";
    }
    expect_refused(&f, &(crafted){.flags = 0}, sections, COUNT, COUNT, DX_E_MALFORMED);
    last_refusal last = refusals_of(&f.alice);
    assert_int_equal(last.count, DX_REFUSED_LISTED_MAX);
    assert_int_equal(last.newest.section,
                     DX_REFUSED_LISTED_MAX - 1); /* the others of its block are counted */
    peer_reopen(&f.alice);
    assert_int_equal(f.alice.space->refused, COUNT);
    /* The next block's are newer. */
    expect_refused(&f, &(crafted){.flags = 0}, sections, 1, 1, DX_E_MALFORMED);
    last = refusals_of(&f.alice);
    assert_int_equal(last.count, DX_REFUSED_LISTED_MAX);
    assert_int_equal(last.newest.section, 0);
    fixture_deinit(&f);
}

/* --- Waiting --------------------------------------------------------------------------------- */

static dx_dependency dependency_on(peer *self, dx_feed *feed, uint64_t length) {
    dx_dependency out = {.length = length};
    uint8_t root[DX_HASH_SIZE];
    peer_begin(self);
    assert_int_equal(dx_feed_root(feed, self->context.store, length, root), DX_OK);
    peer_commit(self);
    memcpy(out.feed, feed->id, sizeof out.feed);
    memcpy(out.root, root, sizeof out.root);
    return out;
}

static void expect_waiting(peer *self, const char *says) {
    char text[256];
    peer_begin(self);
    assert_true(dx_pipeline_waiting(&self->context, self->space, text, sizeof text));
    peer_commit(self);
    if (strstr(text, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, says);
    }
}

static void test_missing_block(void **state) {
    (void)state;
    fixture f;
    peer carol;
    fixture_init(&f);
    peer_init(&carol, 3, "Carol");
    peer_admit(&f.alice, &carol, DX_ROLE_READER);
    peer_pull(&carol, &f.alice, 9);
    int64_t oak = peer_add(&f.alice, "t", "{}");
    peer_pull(&f.bob, &f.alice, 9);
    peer_set(&f.bob, peer_key(&f.bob, &f.alice, oak), "a", "1");
    /* Bob's feeds without Alice's newest block. */
    peer_begin(&carol);
    peer_begin(&f.bob);
    for (size_t i = 0; i < f.bob.space->feed_count; i++) {
        dx_feed *feed = &f.bob.space->feeds[i];
        if (feed->own) {
            assert_int_equal(peer_carry(&carol, &f.bob, feed, feed->length), DX_OK);
            peer_run(&carol);
        }
    }
    peer_commit(&f.bob);
    peer_commit(&carol);
    assert_int_equal(carol.space->blocked, 1);
    expect_waiting(&carol, "waits for block");
    peer_reopen(&carol);
    assert_int_equal(carol.space->blocked, 1);
    peer_pull(&carol, &f.alice, 9);
    assert_int_equal(carol.space->blocked, 0);
    char text[64];
    peer_begin(&carol);
    assert_false(dx_pipeline_waiting(&carol.context, carol.space, text, sizeof text));
    peer_commit(&carol);
    peer_pull(&f.bob, &carol, 9);
    assert_same_state(&carol, &f.bob);
    peer_deinit(&carol);
    fixture_deinit(&f);
}

static void send_crafted(fixture *f, const crafted *how) {
    const char *fine = CREATE;
    peer_begin(&f->bob);
    craft(&f->bob, how, &fine, 1);
    dx_feed *feed = dx_space_feed(f->bob.space, f->bob.space->own_data);
    assert_int_equal(dx_space_sign_heads(&f->bob.context, f->bob.space), DX_OK);
    peer_begin(&f->alice);
    assert_int_equal(peer_carry(&f->alice, &f->bob, feed, feed->length), DX_OK);
    peer_run(&f->alice);
    peer_commit(&f->alice);
    dx_store_rollback(f->bob.context.store);
}

static void test_unknown_feed(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    const dx_dependency unknown = {.feed = {1}, .length = 1};
    send_crafted(&f, &(crafted){.dependencies = &unknown, .dependency_count = 1});
    assert_int_equal(f.alice.space->blocked, 1);
    expect_waiting(&f.alice, "not known here");
    fixture_deinit(&f);
}

/* Bob's device says something that rests on this credential, as a section of a control block. */
static void say_resting_on(const peer *bob, uint64_t number, const uint8_t parent[static DX_HASH_SIZE],
                           dx_buf *items) {
    dx_buf claims, said;
    dx_writer writer;
    dx_buf_init(&claims, items->alloc, 64);
    dx_buf_init(&said, items->alloc, DX_CREDENTIAL_SIZE_MAX);
    dx_writer_init(&writer, &claims);
    dx_write_map(&writer, 1);
    dx_write_uint(&writer, 1);
    dx_write_uint(&writer, number);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    const dx_statement statement = {.type = 1000,
                                    .issuer = bob->identity.identity,
                                    .subject = bob->identity.identity,
                                    .space = bob->space->id,
                                    .claims = dx_buf_view(&claims),
                                    .parents = (const uint8_t(*)[DX_HASH_SIZE])parent,
                                    .parent_count = 1};
    assert_int_equal(dx_credential_issue(&statement, &bob->identity.device_key, &said), DX_OK);
    dx_writer_init(&writer, items);
    dx_write_bytes(&writer, dx_buf_view(&said));
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_buf_deinit(&claims);
    dx_buf_deinit(&said);
}

/* Appends a control block of nonsense and of more that waits than there is room for. */
static void craft_flood(peer *bob, size_t nonsense, const uint8_t parent[static DX_HASH_SIZE]) {
    dx_feed *feed = dx_space_feed(bob->space, bob->space->own_control);
    dx_buf items, header, block;
    dx_writer writer;
    dx_buf_init(&items, &bob->alloc.port, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&header, &bob->alloc.port, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&block, &bob->alloc.port, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &items);
    for (size_t i = 0; i < nonsense; i++) {
        dx_write_bytes(&writer, dx_bytes_text("x"));
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    for (size_t i = 0; i <= DX_CONTROL_WAITING_PER_SOURCE_MAX; i++) {
        say_resting_on(bob, i, parent, &items);
    }
    assert_int_equal(dx_block_header_encode(DX_FEED_CONTROL, 0, 0, 0, NULL, 0, NULL, 0, &header), DX_OK);
    assert_int_equal(dx_block_encode(dx_buf_view(&header), dx_buf_view(&items),
                                     nonsense + DX_CONTROL_WAITING_PER_SOURCE_MAX + 1, &block),
                     DX_OK);
    assert_int_equal(dx_feed_append(feed, bob->context.store, dx_buf_view(&block)), DX_OK);
    dx_buf_deinit(&items);
    dx_buf_deinit(&header);
    dx_buf_deinit(&block);
}

/* A member fills the waiting room for good: his block is looked at once, not in every step from then on. */
static void test_full_waiting_room(void **state) {
    (void)state;
    enum { NONSENSE = DX_REFUSED_LISTED_MAX + 40 };
    fixture f;
    fixture_init(&f);
    dx_buf premise;
    dx_credential credential;
    const uint8_t carol[DX_KEY_SIZE] = {3};
    dx_buf_init(&premise, &f.alice.alloc.port, DX_CREDENTIAL_SIZE_MAX);
    assert_int_equal(dx_control_issue_member(f.alice.space->control, &f.alice.identity, carol, DX_ROLE_READER,
                                             dx_bytes_of(NULL, 0), &premise),
                     DX_OK);
    assert_int_equal(dx_credential_decode(dx_buf_view(&premise), &credential), DX_OK);
    peer_begin(&f.bob);
    craft_flood(&f.bob, NONSENSE, credential.id);
    dx_feed *feed = dx_space_feed(f.bob.space, f.bob.space->own_control);
    assert_int_equal(dx_space_sign_heads(&f.bob.context, f.bob.space), DX_OK);
    peer_begin(&f.alice);
    uint64_t before = f.alice.space->refused;
    assert_int_equal(peer_carry(&f.alice, &f.bob, feed, feed->length), DX_OK);
    for (int run = 0; run < 3; run++) {
        peer_run(&f.alice);
        assert_int_equal(f.alice.space->refused - before, NONSENSE);
        assert_int_equal(f.alice.space->blocked, 1);
    }
    peer_commit(&f.alice);
    expect_waiting(&f.alice, "no premises yet");
    /* With the premise there is room again, and the block goes through. */
    peer_begin(&f.alice);
    assert_int_equal(dx_control_take(f.alice.space->control, dx_buf_view(&premise), 0), DX_OK);
    peer_run(&f.alice);
    assert_int_equal(f.alice.space->blocked, 0);
    assert_int_equal(dx_control_waiting_count(f.alice.space->control), 0);
    peer_commit(&f.alice);
    dx_store_rollback(f.bob.context.store);
    dx_buf_deinit(&premise);
    fixture_deinit(&f);
}

static void test_unknown_key(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    send_crafted(&f, &(crafted){.key_epoch = 7});
    assert_int_equal(f.alice.space->blocked, 1);
    expect_waiting(&f.alice, "the key of epoch 7");
    fixture_deinit(&f);
}

static void test_contradicting_root(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    dx_dependency named = dependency_on(
        &f.bob, dx_space_feed_by_id(f.bob.space, dx_space_feed(f.alice.space, f.alice.space->own_data)->id),
        1);
    named.root[0] ^= 1;
    char *before = peer_state(&f.alice);
    send_crafted(&f, &(crafted){.dependencies = &named, .dependency_count = 1});
    assert_int_equal(f.alice.space->blocked, 1);
    assert_int_equal(f.alice.space->refused, 1);
    assert_int_equal(refusals_of(&f.alice).newest.error, DX_E_FORK);
    expect_waiting(&f.alice, "names another content");
    peer_begin(&f.alice); /* looked at again, it is reported once */
    peer_run(&f.alice);
    peer_commit(&f.alice);
    assert_int_equal(f.alice.space->refused, 1);
    char *after = peer_state(&f.alice);
    assert_string_equal(before, after);
    free(before);
    free(after);
    fixture_deinit(&f);
}

/* Alice says what the state at some of her own blocks is: from then on nobody looks at what others say their root is, for
 * who has only that state cannot. */
static void test_agreed_length(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    const dx_feed *hers = dx_space_feed(f.alice.space, f.alice.space->own_data);
    dx_dependency agreed = {.length = hers->length};
    uint8_t root[DX_HASH_SIZE], id[DX_HASH_SIZE];
    memcpy(agreed.feed, hers->id, sizeof agreed.feed);
    peer_begin(&f.alice);
    assert_int_equal(dx_feed_root(hers, f.alice.context.store, agreed.length, root), DX_OK);
    peer_commit(&f.alice);
    memcpy(agreed.root, root, sizeof agreed.root);
    peer_add(&f.alice, "t", "{}");
    dx_dependency wrong = agreed;
    wrong.root[0] ^= 1;
    send_crafted(&f, &(crafted){.dependencies = &wrong, .dependency_count = 1});
    assert_int_equal(f.alice.space->blocked, 1);
    expect_waiting(&f.alice, "names another content");
    peer_begin(&f.alice);
    const dx_epoch_draft draft = {.cut = &agreed, .cut_count = 1};
    assert_int_equal(dx_epoch_say(&f.alice.context, f.alice.space, &draft, id), DX_OK);
    peer_run(&f.alice);
    peer_commit(&f.alice);
    assert_int_equal(f.alice.space->blocked, 0);
    /* One block further it is as ever. */
    wrong.length++;
    send_crafted(&f, &(crafted){.dependencies = &wrong, .dependency_count = 1});
    assert_int_equal(f.alice.space->blocked, 1);
    peer_reopen(&f.alice);
    peer_begin(&f.alice);
    peer_run(&f.alice);
    peer_commit(&f.alice);
    assert_int_equal(f.alice.space->blocked, 1);
    expect_waiting(&f.alice, "names another content");
    fixture_deinit(&f);
}

/* A control feed named among the data feeds: against the rules wherever it arrives. */
static void test_wrong_class_named(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    dx_dependency named = dependency_on(
        &f.bob,
        dx_space_feed_by_id(f.bob.space, dx_space_feed(f.alice.space, f.alice.space->own_control)->id), 1);
    const char *fine = CREATE;
    expect_refused(&f, &(crafted){.dependencies = &named, .dependency_count = 1}, &fine, 1, 1,
                   DX_E_MALFORMED);
    fixture_deinit(&f);
}

/* --- Transactions of several blocks ---------------------------------------------------------- */

static void test_continued_transaction(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    const char *fine = CREATE;
    char *before = peer_state(&f.alice);
    peer_begin(&f.bob);
    for (int i = 0; i < 3; i++) {
        craft(&f.bob, &(crafted){.flags = i < 2 ? DX_BLOCK_CONTINUES : 0}, &fine, 1);
    }
    assert_int_equal(dx_pipeline_settle(&f.bob.context, f.bob.space, f.bob.space->own_data), DX_OK);
    peer_commit(&f.bob);
    dx_feed *feed = dx_space_feed(f.bob.space, f.bob.space->own_data);
    for (uint64_t end = feed->length - 2; end < feed->length; end++) {
        peer_begin(&f.bob);
        peer_begin(&f.alice);
        assert_int_equal(peer_carry(&f.alice, &f.bob, feed, end), DX_OK);
        peer_run(&f.alice);
        peer_commit(&f.alice);
        peer_commit(&f.bob);
        char *now = peer_state(&f.alice);
        assert_string_equal(now, before);
        free(now);
        expect_waiting(&f.alice, "the rest of a transaction");
        peer_reopen(&f.alice);
    }
    exchange(&f);
    assert_same_state(&f.alice, &f.bob);
    assert_int_equal(f.alice.space->blocked, 0);
    free(before);
    fixture_deinit(&f);
}

/* A transaction that never ends is cut, at the same place everywhere. */
static void test_endless_transaction(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    const char *fine = CREATE;
    peer_begin(&f.bob);
    for (int i = 0; i < DX_TRANSACTION_BLOCKS_MAX + 3; i++) {
        craft(&f.bob, &(crafted){.flags = DX_BLOCK_CONTINUES}, &fine, 1);
    }
    craft(&f.bob, &(crafted){.flags = 0}, &fine, 1);
    assert_int_equal(dx_pipeline_settle(&f.bob.context, f.bob.space, f.bob.space->own_data), DX_OK);
    peer_commit(&f.bob);
    exchange(&f);
    assert_same_state(&f.alice, &f.bob);
    assert_int_equal(f.alice.space->blocked, 0);
    int64_t objects, links;
    peer_begin(&f.alice);
    assert_int_equal(dx_space_count(&f.alice.context, f.alice.space, &objects, &links), DX_OK);
    assert_int_equal(objects, DX_TRANSACTION_BLOCKS_MAX + 4);
    peer_commit(&f.alice);
    fixture_deinit(&f);
}

static void test_budget(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    for (int i = 0; i < 6; i++) {
        peer_add(&f.bob, "t", "{}");
    }
    dx_feed *feed = dx_space_feed(f.bob.space, f.bob.space->own_data);
    peer_begin(&f.bob);
    peer_begin(&f.alice);
    assert_int_equal(peer_carry(&f.alice, &f.bob, feed, feed->length), DX_OK);
    bool more = true;
    int calls = 0;
    for (; more; calls++) {
        assert_int_equal(dx_pipeline_run(&f.alice.context, f.alice.space, 2, &more), DX_OK);
    }
    assert_int_equal(calls, 3);
    peer_commit(&f.alice);
    peer_commit(&f.bob);
    assert_same_state(&f.alice, &f.bob);
    fixture_deinit(&f);
}

/* A block with much in it takes more of a step than one. */
static void test_budget_counts_sections(void **state) {
    (void)state;
    enum { COUNT = DX_STEP_SECTIONS };
    fixture f;
    fixture_init(&f);
    const char *sections[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        sections[i] = "0";
    }
    peer_begin(&f.bob);
    craft(&f.bob, &(crafted){.flags = 0}, sections, COUNT);
    craft(&f.bob, &(crafted){.flags = 0}, sections, 1);
    dx_feed *feed = dx_space_feed(f.bob.space, f.bob.space->own_data);
    assert_int_equal(dx_space_sign_heads(&f.bob.context, f.bob.space), DX_OK);
    peer_begin(&f.alice);
    uint64_t before = f.alice.space->refused;
    assert_int_equal(peer_carry(&f.alice, &f.bob, feed, feed->length), DX_OK);
    bool more = false;
    assert_int_equal(dx_pipeline_run(&f.alice.context, f.alice.space, 2, &more), DX_OK);
    assert_int_equal(f.alice.space->refused - before, COUNT);
    assert_true(more);
    assert_int_equal(dx_pipeline_run(&f.alice.context, f.alice.space, 2, &more), DX_OK);
    assert_int_equal(f.alice.space->refused - before, COUNT + 1);
    assert_false(more);
    peer_commit(&f.alice);
    dx_store_rollback(f.bob.context.store);
    fixture_deinit(&f);
}

static void test_changes_are_told(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    dx_changes_clear(&f.alice.changes);
    int64_t key = peer_add(&f.alice, "t", "{}");
    peer_change_life(&f.alice, key, true);
    assert_int_equal(f.alice.changes.count, 2);
    assert_int_equal(f.alice.changes.items[0].key, key);
    assert_true(f.alice.changes.items[0].created && !f.alice.changes.items[0].deleted);
    assert_true(!f.alice.changes.items[1].created && f.alice.changes.items[1].deleted);
    for (int i = 0; i < DX_CHANGES_MAX; i++) {
        assert_int_equal(dx_changes_add(&f.alice.changes, &(dx_change){.key = i}), DX_OK);
    }
    assert_true(f.alice.changes.overflow);
    assert_int_equal(f.alice.changes.count, DX_CHANGES_MAX);
    dx_changes_clear(&f.alice.changes);
    assert_false(f.alice.changes.overflow);
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_two_replicas), DX_TEST(test_every_order_of_delivery),
             DX_TEST(test_refused_sections), DX_TEST(test_undeclared_entity),
             DX_TEST(test_many_refusals_are_bounded), DX_TEST(test_missing_block), DX_TEST(test_unknown_feed),
             DX_TEST(test_unknown_key), DX_TEST(test_full_waiting_room), DX_TEST(test_contradicting_root),
             DX_TEST(test_agreed_length), DX_TEST(test_wrong_class_named),
             DX_TEST(test_continued_transaction), DX_TEST(test_endless_transaction), DX_TEST(test_budget),
             DX_TEST(test_budget_counts_sections), DX_TEST(test_changes_are_told))
