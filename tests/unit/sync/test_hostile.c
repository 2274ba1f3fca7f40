/* sync/session.c, sync/fetch.c, sync/hearsay.c, sync/question.c, sync/serve.c, sync/replication.c against a peer that
 * means ill: it has the keys of a member (or of nobody), completes the handshake, and then breaks every rule in turn.
 * The vault under attack keeps what it held, says why it ended the link, stays within a bound of memory, and serves
 * honest peers afterwards. */
#include "base/limits.h"
#include "rogue.h"

/* Alice is attacked. Bob is a member whose vault was stolen: it lives on in the hideout, where it wrote pages
 * that nobody else has. Mallory is nobody; she knows the secret of the space. Carol is an honest member. */
typedef struct scene {
    street road, hideout;
    vault *alice, *carol, *bob, *mallory;
    rogue eve;
    uint64_t refused; /* links refused for what the peer did, as Alice counts them */
    char digest[256];
} scene;

enum { MEMORY_MAX = 24 << 20 };

static scene s;

static const char *ask_digest(vault *of) {
    return vault_ask(of, "{'do': 'space.digest', 'space': 'Book'}");
}

static void begin(bool with_carol, int pages) {
    memset(&s, 0, sizeof s);
    street_init(&s.road);
    street_init(&s.hideout);
    s.alice = street_move_in(&s.road, "alice");
    vault *bob = street_move_in(&s.road, "bob");
    test_random_init(&bob->random, 3); /* keys with which Alice is who dials */
    vault_ask(s.alice, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(bob, "{'do': 'halo.create', 'name': 'Bob'}");
    vault_ask(s.alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(s.alice, bob, "Book");
    vault_ask(bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page'}");
    if (with_carol) {
        s.carol = street_move_in(&s.road, "carol");
        vault_ask(s.carol, "{'do': 'halo.create', 'name': 'Carol'}");
        street_join(s.alice, s.carol, "Book");
    }
    street_pass(&s.road, 60000);
    bob->listens = false;
    vault_leave(bob);
    s.bob = street_move_in_with(&s.hideout, "bob", bob);
    s.mallory = street_move_in(&s.hideout, "mallory");
    test_random_init(&s.mallory->random, 77); /* other keys than anybody's */
    vault_ask(s.mallory, "{'do': 'halo.create', 'name': 'Mallory'}");
    for (int i = 0; i < pages; i++) {
        vault_ask(s.bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 1}}");
    }
    street_run(&s.road);
    snprintf(s.digest, sizeof s.digest, "%s", ask_digest(s.alice));
    s.alice->alloc.limit_bytes = MEMORY_MAX;
}

static void attack_with(vault *keys) {
    rogue_init(&s.eve, s.alice, keys, s.bob);
}

static uint64_t count_refused(void) {
    const char *at = strstr(vault_ask(s.alice, "{'do': 'status'}"), "\"peers_refused\":");
    assert_non_null(at);
    return strtoull(at + strlen("\"peers_refused\":"), NULL, 10);
}

/* The link ended for this reason, which is counted when it is the peer's fault. */
static void assert_ended(int reason) {
    uint64_t refused = count_refused();
    assert_true(s.eve.closed);
    assert_int_equal(s.eve.reason, reason);
    assert_int_equal(refused - s.refused, dx_error_class_of(reason) == DX_CLASS_PEER);
    s.refused = refused;
}

static void assert_stands(void) {
    if (s.eve.closed) {
        fail_msg("the link ended: %s", dx_error_name(s.eve.reason));
    }
}

/* Nothing of what Alice held has changed, and the stolen device is answered as before. */
static void end_unharmed(void) {
    s.alice->said = NULL;
    assert_string_equal(ask_digest(s.alice), s.digest);
    s.alice->said = &s.eve.said;
    s.eve.keys = s.bob;
    rogue_meet(&s.eve);
    assert_stands();
    assert_int_equal(s.eve.heard[DX_SYNC_HELLO], 1);
    rogue_deinit(&s.eve);
    street_deinit(&s.road);
    street_deinit(&s.hideout);
}

static dx_feed *feed_of(bool own, dx_feed_class feed_class) {
    dx_space *space = rogue_space_of(s.bob);
    for (size_t i = 0; i < space->feed_count; i++) {
        if (space->feeds[i].own == own && space->feeds[i].identity.feed_class == feed_class) {
            return &space->feeds[i];
        }
    }
    fail();
    return NULL;
}

/* --- Every message in every state -------------------------------------------------------------------- */

static void write_probe(bool answer) {
    static const uint8_t roots[DX_ROOT_PREFIX_SIZE] = {1};
    dx_sync_probe probe = {.count = 1, .lengths = {1}, .roots = dx_bytes_of(roots, sizeof roots)};
    memcpy(probe.feed_id, feed_of(false, DX_FEED_DATA)->id, DX_HASH_SIZE);
    dx_sync_probe_write(answer, &probe, &s.eve.message);
}

/* A message of this kind as an honest peer could write it somewhere, sometime. */
static void write_message(dx_sync_kind kind) {
    static const uint8_t junk[64] = {1};
    const dx_feed *mine = feed_of(true, DX_FEED_DATA), *theirs = feed_of(false, DX_FEED_DATA);
    const dx_bytes address = dx_bytes_text("mem:eve"), some = dx_bytes_of(junk, sizeof junk);
    const dx_limb_goal goal = {.length = 1};
    const dx_sync_place place = {.seq = 0};
    const dx_sync_seek seek = {.count = 1};
    const dx_sync_answer answer = {.answered = 1};
    static const uint8_t empty_map[] = {0xa0};
    const dx_sync_match match = {
        .number = 1, .question = dx_bytes_of(empty_map, sizeof empty_map), .buckets = 1};
    const dx_sync_matched matched = {.number = 1, .ended = true};
    dx_space_scope scope;
    dx_buf *out = &s.eve.message;
    dx_writer writer;
    switch (kind) {
    case DX_SYNC_HELLO:
        rogue_write_hello(&s.eve, &(dx_sync_digests){.data = {3}});
        break;
    case DX_SYNC_STATE:
        rogue_write_state(&s.eve, &mine->identity, &mine->head);
        break;
    case DX_SYNC_ASK:
        dx_sync_ask_write(DX_FEED_CONTROL, out);
        break;
    case DX_SYNC_WANT:
        dx_sync_want_write(theirs->id, 0, out);
        break;
    case DX_SYNC_DATA:
        rogue_write_data(&s.eve, mine, mine->length - 1, mine->length);
        break;
    case DX_SYNC_MORE:
        dx_sync_more_write(1, out);
        break;
    case DX_SYNC_PING:
    case DX_SYNC_PONG:
        dx_sync_ping_write(kind == DX_SYNC_PONG, out);
        break;
    case DX_SYNC_ADDRESSES:
        dx_sync_addresses_write(&address, 1, out);
        break;
    case DX_SYNC_FORK:
        dx_sync_fork_write(theirs->id, some, out);
        break;
    case DX_SYNC_PROBE:
    case DX_SYNC_ROOTS:
        write_probe(kind == DX_SYNC_ROOTS);
        break;
    case DX_SYNC_PART:
        dx_sync_part_write(theirs->id, 0, out);
        break;
    case DX_SYNC_PATH:
        dx_sync_path_write(theirs->id, 0, &theirs->head, some, out);
        break;
    case DX_SYNC_BRANCH:
        dx_sync_branch_write(theirs->id, 0, &goal, out);
        break;
    case DX_SYNC_LIMB:
        dx_sync_limb_begin(theirs->id, 0, &theirs->head, 0, out);
        dx_sync_data_end(some, out);
        break;
    case DX_SYNC_LACK:
        dx_sync_lack_write(theirs->id, out);
        break;
    case DX_SYNC_GONE:
        dx_sync_gone_write(theirs->id, 1, out);
        break;
    case DX_SYNC_FETCH:
        dx_sync_fetch_write(theirs->id, 0, out);
        break;
    case DX_SYNC_PIECE:
        dx_sync_piece_write(theirs->id, 0, some, out);
        break;
    case DX_SYNC_HOLES:
        dx_sync_holes_write(theirs->id, theirs->head.root, &place, 1, out);
        break;
    case DX_SYNC_SECTIONS:
        dx_sync_sections_begin(theirs->id, 1, 0, out);
        break;
    case DX_SYNC_SCOPE:
        dx_space_scope_init(&scope, &s.eve.alloc.port);
        dx_sync_scope_write(1, &scope, out);
        dx_space_scope_deinit(&scope);
        break;
    case DX_SYNC_SCOPED:
        dx_sync_scoped_write(1, true, out);
        break;
    case DX_SYNC_SEEK:
        dx_sync_seek_write(&seek, out);
        break;
    case DX_SYNC_SOUGHT:
        dx_sync_sought_begin(&answer, out);
        break;
    case DX_SYNC_MATCH:
        dx_sync_match_write(&match, out);
        break;
    case DX_SYNC_MATCHED:
        dx_sync_matched_write(&matched, out);
        break;
    case DX_SYNC_POST:
        dx_sync_post_write(dx_bytes_text("channel"), some, out);
        break;
    case DX_SYNC_KIND_COUNT:
        dx_writer_init(&writer, out);
        dx_write_array(&writer, 1);
        dx_write_uint(&writer, DX_SYNC_KIND_COUNT);
        break;
    }
}

static const struct {
    dx_sync_kind kind;
    int hello, unproven, member; /* how the link ends, DX_OK: it stands */
    dx_sync_kind answer;         /* what a member hears, DX_SYNC_KIND_COUNT: nothing */
} messages[] = {
    {DX_SYNC_HELLO, DX_OK, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_SYNC_KIND_COUNT},
    {DX_SYNC_STATE, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_WANT},
    {DX_SYNC_ASK, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_STATE},
    {DX_SYNC_WANT, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_DATA},
    {DX_SYNC_DATA, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_SYNC_KIND_COUNT}, /* nobody asked */
    {DX_SYNC_MORE, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_SYNC_KIND_COUNT}, /* nothing was sent */
    {DX_SYNC_PING, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_PONG},
    {DX_SYNC_PONG, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_KIND_COUNT},
    {DX_SYNC_ADDRESSES, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_KIND_COUNT}, /* hearsay is not told on */
    {DX_SYNC_FORK, DX_E_PROTOCOL, DX_E_MALFORMED, DX_E_MALFORMED, DX_SYNC_KIND_COUNT},
    {DX_SYNC_PROBE, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_ROOTS},
    {DX_SYNC_ROOTS, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_E_PROTOCOL,
     DX_SYNC_KIND_COUNT}, /* nothing is searched */
    {DX_SYNC_PART, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_PATH},
    {DX_SYNC_PATH, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_SYNC_KIND_COUNT},
    {DX_SYNC_BRANCH, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_LACK},
    {DX_SYNC_LIMB, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_SYNC_KIND_COUNT}, /* nobody asked */
    {DX_SYNC_LACK, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_SYNC_KIND_COUNT},
    {DX_SYNC_GONE, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_KIND_COUNT},
    {DX_SYNC_FETCH, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_PIECE},
    {DX_SYNC_PIECE, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_SYNC_KIND_COUNT}, /* nobody asked */
    {DX_SYNC_HOLES, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_SECTIONS},
    {DX_SYNC_SECTIONS, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_SYNC_KIND_COUNT}, /* nobody asked */
    {DX_SYNC_SCOPE, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_SCOPED},
    {DX_SYNC_SEEK, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_SOUGHT},
    {DX_SYNC_SOUGHT, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_SYNC_KIND_COUNT}, /* nobody asked */
    {DX_SYNC_SCOPED, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_SYNC_KIND_COUNT}, /* of no scope */
    {DX_SYNC_MATCH, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_MATCHED},
    {DX_SYNC_MATCHED, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_E_PROTOCOL, DX_SYNC_KIND_COUNT}, /* nobody asked */
    {DX_SYNC_POST, DX_E_PROTOCOL, DX_OK, DX_OK, DX_SYNC_KIND_COUNT},
    {DX_SYNC_KIND_COUNT, DX_E_MALFORMED, DX_E_MALFORMED, DX_E_MALFORMED, DX_SYNC_KIND_COUNT},
};

static size_t count_heard(void) {
    size_t count = 0;
    for (size_t i = 0; i <= DX_SYNC_KIND_COUNT; i++) {
        count += s.eve.heard[i];
    }
    return count;
}

static void assert_outcome(size_t row, const char *state, int expected) {
    if (s.eve.closed != (expected != DX_OK) || (s.eve.closed && s.eve.reason != expected)) {
        fail_msg("message %d, %s: %s, %s", messages[row].kind, state, s.eve.closed ? "ended" : "stands",
                 dx_error_name(s.eve.reason));
    }
}

/* An ended link is silent, and takes nothing: neither bytes, nor room, nor an end. */
static void assert_deaf_after_end(void) {
    size_t heard = count_heard();
    static const uint8_t bytes[300] = {1};
    s.eve.closed = false;
    rogue_post(&s.eve, (dx_event){.kind = DX_EVENT_LINK_DATA, .body = dx_bytes_of(bytes, sizeof bytes)});
    rogue_post(&s.eve, (dx_event){.kind = DX_EVENT_LINK_WRITABLE, .size = 100});
    rogue_post(&s.eve, (dx_event){.kind = DX_EVENT_LINK_DOWN, .reason = DX_E_UNREACHABLE});
    street_run(&s.road);
    rogue_listen(&s.eve);
    assert_false(s.eve.closed);
    assert_int_equal(count_heard(), heard);
}

static void test_every_message_in_every_state(void **state) {
    (void)state;
    begin(false, 3);
    attack_with(s.bob);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        s.eve.keys = s.bob;
        rogue_call(&s.eve);
        write_message(messages[i].kind);
        rogue_say(&s.eve);
        assert_outcome(i, "before hello", messages[i].hello);
        assert_true(s.eve.closed == false || count_heard() == 1);
        rogue_meet(&s.eve);
        size_t heard = count_heard(), answers = s.eve.heard[messages[i].answer];
        write_message(messages[i].kind);
        rogue_say(&s.eve);
        assert_outcome(i, "member", messages[i].member);
        if (messages[i].answer == DX_SYNC_KIND_COUNT ? count_heard() != heard
                                                     : s.eve.heard[messages[i].answer] == answers) {
            fail_msg("message %d was answered otherwise", messages[i].kind);
        }
        if (s.eve.closed) {
            assert_deaf_after_end();
        }
        s.eve.keys = s.mallory;
        rogue_call(&s.eve);
        rogue_write_hello(&s.eve, &(dx_sync_digests){.data = {3}});
        rogue_say(&s.eve);
        s.eve.keys = messages[i].kind == DX_SYNC_DATA ? s.bob : s.mallory; /* whose blocks they are */
        write_message(messages[i].kind);
        rogue_say(&s.eve);
        assert_outcome(i, "unproven", messages[i].unproven);
    }
    end_unharmed();
}

/* --- Addresses that lead nowhere ------------------------------------------------------------------------ */

/* Addresses that are dialled and begin so. */
static size_t count_dialled(vault *of, const char *start) {
    uint64_t topic = (uint64_t)rogue_space_of(of)->local;
    size_t count = 0;
    dx_swarm_way way;
    for (size_t i = 0; dx_swarm_address_state(of->node->swarm, topic, i, &way); i++) {
        count += strncmp(way.address, start, strlen(start)) == 0;
    }
    return count;
}

/* Handshake and hello, with eight addresses as its own, numbered from `first`; one of them may be another's. */
static void meet_with_addresses(size_t first, const char *stolen) {
    char text[DX_SYNC_ADDRESSES_MAX][32];
    dx_sync_hello hello;
    rogue_call(&s.eve);
    rogue_write_hello(&s.eve, &(dx_sync_digests){.data = {3}});
    assert_int_equal(dx_sync_hello_read(dx_buf_view(&s.eve.message), &hello), DX_OK);
    for (size_t i = 0; i < DX_SYNC_ADDRESSES_MAX; i++) {
        snprintf(text[i], sizeof text[i], "mem:void%zu", first + i);
        hello.addresses[i] = dx_bytes_text(stolen != NULL && i == 0 ? stolen : text[i]);
    }
    hello.address_count = DX_SYNC_ADDRESSES_MAX;
    dx_buf_clear(&s.eve.message);
    dx_sync_hello_write(&hello, &s.eve.message);
    rogue_say(&s.eve);
}

static void tell_nowheres(size_t count) {
    char text[DX_SYNC_ADDRESSES_MAX][32];
    dx_bytes addresses[DX_SYNC_ADDRESSES_MAX];
    for (size_t told = 0; told < count; told += DX_SYNC_ADDRESSES_MAX) {
        for (size_t i = 0; i < DX_SYNC_ADDRESSES_MAX; i++) {
            snprintf(text[i], sizeof text[i], "mem:nowhere%zu", told + i);
            addresses[i] = dx_bytes_text(text[i]);
        }
        dx_sync_addresses_write(addresses, DX_SYNC_ADDRESSES_MAX, &s.eve.message);
        rogue_say(&s.eve);
        s.road.now_ms += 10;
    }
}

/* A member tells a thousand addresses of others, and in ever new hellos hundreds as its own, Carol's among them:
 * where Carol is stays known, in memory and on disk, and Carol hears nothing of hearsay. What Alice told Carol of
 * somebody else stays, whatever Alice must tell on and however often they meet. */
static void test_addresses_that_lead_nowhere(void **state) {
    (void)state;
    begin(true, 0);
    attack_with(s.bob);
    vault_ask(s.alice, "{'do': 'peer.connect', 'space': 'Book', 'address': 'mem:dave'}");
    street_run(&s.road);
    assert_int_equal(count_dialled(s.carol, "mem:dave"), 1);
    assert_int_equal(count_dialled(s.alice, "mem:carol"), 1);
    meet_with_addresses(0, "mem:carol");
    tell_nowheres(1000);
    assert_stands();
    for (size_t first = 8; first < 400; first += DX_SYNC_ADDRESSES_MAX) {
        s.road.now_ms += 10;
        meet_with_addresses(first, NULL);
    }
    assert_in_range(count_dialled(s.carol, "mem:void"), 1, DX_SYNC_ADDRESSES_TOLD_OF_MAX);
    for (int opened = 0; opened < 2; opened++) {
        assert_int_equal(count_dialled(s.carol, "mem:dave"), 1);
        assert_int_equal(count_dialled(s.alice, "mem:carol"), 1);
        assert_int_equal(count_dialled(s.alice, "mem:nowhere"), DX_TELLER_HEARSAY_MAX);
        assert_int_equal(count_dialled(s.alice, "mem:bob"), 1); /* reached there once: kept before the rest */
        assert_int_equal(count_dialled(s.alice, "mem:void"), DX_MEMBER_ADDRESSES_MAX - 1);
        meet_with_addresses(1000 + 8 * (size_t)opened, NULL);
        vault_leave(s.alice);
        vault_open(s.alice);
        street_pass(&s.road, 100);
    }
    assert_int_equal(count_dialled(s.carol, "mem:nowhere"), 0);
    assert_int_equal(count_dialled(s.carol, "mem:dave"), 1);
    assert_in_range(count_dialled(s.carol, "mem:void"), 1, DX_TELLER_HEARSAY_MAX);
    end_unharmed();
}

/* --- Who gets what -------------------------------------------------------------------------------------- */

/* Who knows the secret and no more hears digests and a question for control feeds, whatever is asked. */
static void test_unproven_gets_nothing(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.mallory);
    rogue_meet(&s.eve);
    dx_space *space = rogue_space_of(s.bob);
    for (int class = DX_FEED_CONTROL; class <= DX_FEED_DATA; class ++) {
        dx_sync_ask_write((dx_feed_class) class, &s.eve.message);
        rogue_say(&s.eve);
    }
    for (size_t i = 0; i < space->feed_count; i++) {
        dx_sync_want_write(space->feeds[i].id, 0, &s.eve.message);
        rogue_say(&s.eve);
        dx_sync_part_write(space->feeds[i].id, 0, &s.eve.message);
        rogue_say(&s.eve);
    }
    write_message(DX_SYNC_PROBE);
    rogue_say(&s.eve);
    vault_ask(s.alice, "{'do': 'object.add', 'space': 'Book', 'type': 'page'}");
    snprintf(s.digest, sizeof s.digest, "%s", ask_digest(s.alice));
    rogue_pass(&s.eve, 20000);
    assert_stands();
    assert_int_equal(s.eve.heard[DX_SYNC_HELLO], 1);
    assert_in_range(s.eve.heard[DX_SYNC_ASK], 1, 2);
    assert_int_equal(count_heard(), s.eve.heard[DX_SYNC_HELLO] + s.eve.heard[DX_SYNC_ASK]);
    assert_non_null(strstr(vault_ask(s.alice, "{'do': 'space.status', 'space': 'Book'}"), "\"peers\":0"));
    end_unharmed();
}

/* Without the secret not a byte is answered: nobody learns whether the space is here. */
static void test_stranger_hears_nothing(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.bob);
    memset(s.eve.discovery, 7, sizeof s.eve.discovery);
    rogue_dial(&s.eve);
    rogue_begin_call(&s.eve);
    rogue_carry(&s.eve, 0);
    rogue_pass(&s.eve, DX_CHANNEL_HANDSHAKE_MS);
    assert_true(s.eve.closed);
    assert_int_equal(s.eve.heard_bytes, 0);
    memcpy(s.eve.discovery, rogue_space_of(s.bob)->discovery, DX_KEY_SIZE);
    end_unharmed();
}

/* A hello that does not bind this device to this handshake: another's signature, another role, an old
 * handshake. */
static void test_false_hello(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.bob);
    for (int how = 0; how < 3; how++) {
        const dx_identity *identity = &s.bob->node->identity;
        dx_sync_hello hello = {0};
        uint8_t proof[DX_SYNC_PROOF_SIZE], hash[DX_NOISE_HASH_SIZE];
        rogue_call(&s.eve);
        memcpy(hash, dx_channel_handshake_hash(&s.eve.channel), sizeof hash);
        hash[0] ^= how == 0;
        dx_sync_hello_proof(how != 1, hash, s.eve.space_id, proof);
        memcpy(hello.device, how == 2 ? s.mallory->node->identity.device : identity->device, DX_KEY_SIZE);
        dx_sign(how == 2 ? &s.mallory->node->identity.device_key : &identity->device_key, "dxos hello/1",
                dx_bytes_of(proof, sizeof proof), hello.signature);
        dx_sync_hello_write(&hello, &s.eve.message);
        s.refused = count_refused();
        rogue_say(&s.eve);
        assert_ended(how == 2 ? DX_E_VERIFY : DX_E_SIGNATURE);
    }
    end_unharmed();
}

/* What is not here, or not a feed at all, is not answered; from beyond the end there is nothing to send. */
static void test_wants_of_nothing(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.bob);
    rogue_meet(&s.eve);
    static const uint8_t nothing[DX_HASH_SIZE] = {5};
    size_t data = s.eve.heard[DX_SYNC_DATA];
    for (int i = 0; i < 100; i++) {
        dx_sync_want_write(nothing, (uint64_t)i, &s.eve.message);
        rogue_say(&s.eve);
    }
    dx_sync_want_write(feed_of(false, DX_FEED_DATA)->id, DX_FEED_LENGTH_MAX, &s.eve.message);
    rogue_say(&s.eve);
    assert_stands();
    assert_int_equal(s.eve.heard[DX_SYNC_DATA], data);
    dx_sync_part_write(feed_of(false, DX_FEED_DATA)->id, 1000, &s.eve.message);
    s.refused = count_refused();
    rogue_say(&s.eve);
    assert_ended(DX_E_PROTOCOL); /* it was never announced */
    end_unharmed();
}

/* --- Too much ------------------------------------------------------------------------------------------- */

/* DATA of junk for a feed that is wanted, beyond where it is, so that it is not even looked at. */
static void write_junk(size_t size) {
    static uint8_t junk[1 << 20];
    const dx_feed *feed = feed_of(true, DX_FEED_DATA);
    dx_sync_data_begin(feed->id, feed->length + 10, &feed->head, 1, &s.eve.message);
    dx_sync_block_write(dx_bytes_of(junk, size), &s.eve.message);
    dx_sync_data_end((dx_bytes){0}, &s.eve.message);
}

static void want_bobs_feed(void) {
    rogue_meet(&s.eve);
    write_message(DX_SYNC_STATE);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 1);
}

/* More than was granted, in one breath, before anything could be given back. */
static void test_flood_beyond_credit(void **state) {
    (void)state;
    begin(false, 2);
    attack_with(s.bob);
    want_bobs_feed();
    for (int i = 0; i < 9; i++) {
        write_junk(1 << 20);
        rogue_write(&s.eve, dx_buf_view(&s.eve.message));
        dx_buf_clear(&s.eve.message);
    }
    s.refused = count_refused();
    rogue_carry(&s.eve, 0);
    assert_ended(DX_E_FLOOD);
    end_unharmed();
}

/* A peer that asks and asks, and takes nothing of what it is told, is not sent more than its credit. */
static void test_deaf_peer(void **state) {
    (void)state;
    begin(false, 0);
    for (int i = 0; i < 200; i++) {
        vault_ask(s.alice,
                  "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'text': 'some words'}}");
    }
    snprintf(s.digest, sizeof s.digest, "%s", ask_digest(s.alice));
    attack_with(s.bob);
    s.eve.deaf = true;
    rogue_meet(&s.eve);
    s.eve.heard_bytes = 0;
    for (int i = 0; i < 400; i++) {
        dx_sync_want_write(feed_of(false, DX_FEED_DATA)->id, 0, &s.eve.message);
        rogue_say(&s.eve);
    }
    assert_in_range(s.eve.heard_bytes, DX_SYNC_CREDIT / 2, DX_SYNC_CREDIT + DX_CHANNEL_MESSAGE_MAX);
    s.eve.deaf = false;
    end_unharmed();
}

/* Credit for what was never taken: Alice writes on, until too much waits to leave. */
static void test_false_credit(void **state) {
    (void)state;
    begin(false, 0);
    static char json[STREET_TEXT_SIZE];
    int size =
        snprintf(json, sizeof json, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'a': '");
    memset(json + size, 'x', sizeof json - 200 - (size_t)size);
    memcpy(json + sizeof json - 200, "'}}", sizeof "'}}");
    for (int i = 0; i < 8; i++) {
        vault_ask(s.alice, json);
    }
    snprintf(s.digest, sizeof s.digest, "%s", ask_digest(s.alice));
    attack_with(s.bob);
    s.eve.deaf = true;
    rogue_meet(&s.eve);
    s.refused = count_refused();
    s.eve.heard_bytes = 0;
    for (int i = 0; i < 60 && !s.eve.closed; i++) {
        uint64_t before = s.eve.heard_bytes;
        dx_sync_want_write(feed_of(false, DX_FEED_DATA)->id, 0, &s.eve.message);
        rogue_say(&s.eve);
        dx_sync_more_write((s.eve.heard_bytes - before) / 10 * 9, &s.eve.message);
        rogue_say(&s.eve);
    }
    assert_in_range(s.eve.heard_bytes, DX_SYNC_CREDIT, DX_LINK_OUTSTANDING_MAX + 2 * DX_SYNC_CREDIT);
    assert_ended(DX_E_FLOOD);
    s.eve.deaf = false;
    end_unharmed();
}

/* A feed of two thousand million blocks is announced, and wanted; it costs nothing but the words. */
static void test_huge_announcement(void **state) {
    (void)state;
    begin(false, 2);
    attack_with(s.bob);
    const dx_feed *feed = feed_of(true, DX_FEED_DATA);
    size_t before = s.alice->alloc.live_bytes;
    rogue_meet(&s.eve);
    dx_head head = rogue_forge_head(&s.eve, feed, DX_FEED_LENGTH_MAX, 8);
    rogue_write_state(&s.eve, &feed->identity, &head);
    rogue_say(&s.eve);
    assert_stands();
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 1);
    assert_in_range(s.alice->alloc.live_bytes, 1, before + (512 << 10));
    dx_head beyond = {.length = UINT64_C(1000000000000000), .root = {1}};
    rogue_write_state(&s.eve, &feed->identity, &beyond);
    s.refused = count_refused();
    rogue_say(&s.eve);
    assert_ended(DX_E_MALFORMED);
    end_unharmed();
}

/* Blocks that Alice waits for, as she says. */
static uint64_t count_pending(void) {
    const char *at = strstr(vault_ask(s.alice, "{'do': 'space.status', 'space': 'Book'}"), "\"pending\":");
    assert_non_null(at);
    return strtoull(at + strlen("\"pending\":"), NULL, 10);
}

/* The head of a run that is not kept counts when the feed's author signed it, and otherwise ends the link: nobody
 * makes up how long another's feed is. */
static void test_huge_run_beyond(void **state) {
    (void)state;
    begin(false, 2);
    attack_with(s.bob);
    for (int lie = 0; lie < 2; lie++) {
        want_bobs_feed();
        const dx_feed *feed = feed_of(true, DX_FEED_DATA);
        uint64_t pending = count_pending();
        assert_in_range(pending, 1, 10);
        dx_head head = rogue_forge_head(&s.eve, feed, DX_FEED_LENGTH_MAX - 5, 8);
        head.signature[0] ^= (uint8_t)lie;
        dx_sync_data_begin(feed->id, feed->length + 10, &head, 0, &s.eve.message);
        dx_sync_data_end((dx_bytes){0}, &s.eve.message);
        s.refused = count_refused();
        rogue_say(&s.eve);
        if (lie) {
            assert_ended(DX_E_SIGNATURE);
            assert_int_equal(count_pending(), 0);
        } else {
            assert_stands();
            assert_true(count_pending() > DX_FEED_LENGTH_MAX / 2);
            rogue_post(&s.eve, (dx_event){.kind = DX_EVENT_LINK_DOWN, .reason = DX_E_UNREACHABLE});
        }
    }
    end_unharmed();
}

/* An invented control feed in a device's name: its key, identity and id. */
static void invent_feed(uint32_t round, uint32_t i, const uint8_t device[static DX_KEY_SIZE],
                        dx_sign_key *key, dx_feed_identity *identity, uint8_t id[static DX_HASH_SIZE]) {
    uint8_t key_seed[DX_KEY_SIZE] = {1};
    memcpy(key_seed + 4, &i, sizeof i);
    memcpy(key_seed + 8, &round, sizeof round);
    dx_sign_key_from_seed(key, key_seed);
    *identity = (dx_feed_identity){.feed_class = DX_FEED_CONTROL};
    memcpy(identity->space_id, s.eve.space_id, DX_HASH_SIZE);
    memcpy(identity->device, device, DX_KEY_SIZE);
    memcpy(identity->key, key->public_key, DX_KEY_SIZE);
    dx_feed_id(identity, id);
}

/* A STATE of 256 control feeds that nobody admitted, with heads that are well signed. */
static void write_invented_feeds(uint32_t round, const uint8_t device[static DX_KEY_SIZE]) {
    static const dx_sync_digests digests = {.control = {1}};
    dx_sync_state_begin(&digests, DX_SYNC_ENTRIES_MAX, &s.eve.message);
    for (uint32_t i = 0; i < DX_SYNC_ENTRIES_MAX; i++) {
        dx_sign_key key;
        dx_feed_identity identity;
        uint8_t id[DX_HASH_SIZE];
        invent_feed(round, i, device, &key, &identity, id);
        dx_sync_entry entry = {.feed_class = DX_FEED_CONTROL, .head = {.length = 1, .root = {3}}};
        dx_head_sign(&entry.head, &key, s.eve.space_id, id);
        memcpy(entry.device, identity.device, DX_KEY_SIZE);
        memcpy(entry.key, identity.key, DX_KEY_SIZE);
        dx_sync_entry_write(&entry, &s.eve.message);
    }
}

static const uint8_t nobody[DX_KEY_SIZE] = {2};

static size_t count_feeds(void) {
    return rogue_space_of(s.alice)->feed_count;
}

/* They are asked for, so many of each peer, and take no place in the space. */
static void test_thousands_of_feeds(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.mallory);
    size_t feeds = count_feeds();
    rogue_meet(&s.eve);
    for (uint32_t round = 0; round < 2; round++) {
        write_invented_feeds(round, nobody);
        rogue_say(&s.eve);
    }
    assert_stands();
    assert_int_equal(count_feeds(), feeds);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], DX_SYNC_STRANGER_FEEDS_MAX);
    rogue_hang_up(&s.eve);
    s.eve.keys = s.bob;
    rogue_meet(&s.eve);
    for (uint32_t round = 0; round < 6; round++) {
        write_invented_feeds(round, nobody);
        rogue_say(&s.eve);
    }
    assert_stands();
    assert_int_equal(count_feeds(), feeds);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], DX_SYNC_UNADMITTED_FEEDS_MAX - DX_SYNC_STRANGER_FEEDS_MAX);
    rogue_pass(&s.eve, DX_SYNC_STALL_MS); /* Mallory was asked for the first, and brings none */
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], DX_SYNC_UNADMITTED_FEEDS_MAX);
    end_unharmed();
}

/* One more section: the admission of a feed by the device whose keys the rogue holds. */
static void add_admission(dx_feed_class feed_class, const uint8_t subject[static DX_KEY_SIZE],
                          dx_buf *items) {
    dx_buf credential;
    dx_buf_init(&credential, &s.eve.alloc.port, 4096);
    rogue_begin_reading(&s.eve);
    assert_int_equal(dx_control_issue_feed(rogue_space_of(s.bob)->control, &s.bob->node->identity, feed_class,
                                           subject, &credential),
                     DX_OK);
    rogue_end_reading(&s.eve);
    dx_sync_block_write(dx_buf_view(&credential), items);
    dx_buf_deinit(&credential);
}

/* A DATA that is all of a feed: one block with the admission of itself, or of nobody; and of data_count data feeds.
 * The feed is announced with its head first. */
static void write_beginning(uint32_t number, const uint8_t device[static DX_KEY_SIZE], bool of_itself,
                            const dx_sign_key *data, size_t data_count) {
    dx_sign_key key;
    dx_feed_identity identity;
    uint8_t id[DX_HASH_SIZE], leaf[DX_HASH_SIZE], nodes[DX_MMR_NODES_SIZE_MAX];
    invent_feed(9, number, device, &key, &identity, id);
    dx_buf items, header, bytes;
    dx_buf *all[] = {&items, &header, &bytes};
    for (size_t i = 0; i < 3; i++) {
        dx_buf_init(all[i], &s.eve.alloc.port, 4096);
    }
    add_admission(DX_FEED_CONTROL, of_itself ? identity.key : nobody, &items);
    for (size_t i = 0; i < data_count; i++) {
        add_admission(DX_FEED_DATA, data[i].public_key, &items);
    }
    assert_int_equal(dx_block_header_encode(DX_FEED_CONTROL, 0, 0, 1, NULL, 0, NULL, 0, &header), DX_OK);
    assert_int_equal(dx_block_encode(dx_buf_view(&header), dx_buf_view(&items), 1 + data_count, &bytes),
                     DX_OK);
    dx_block block;
    assert_int_equal(dx_block_decode(dx_buf_view(&bytes), &block), DX_OK);
    dx_mmr mmr = {.length = 0};
    dx_block_leaf(&block, id, 0, leaf);
    dx_mmr_append(&mmr, leaf, nodes);
    dx_head head = {.length = 1};
    dx_mmr_root(&mmr, head.root);
    dx_head_sign(&head, &key, s.eve.space_id, id);
    rogue_write_state(&s.eve, &identity, &head);
    rogue_say(&s.eve);
    dx_sync_data_begin(id, 0, &head, 1, &s.eve.message);
    dx_sync_block_write(dx_buf_view(&bytes), &s.eve.message);
    dx_sync_data_end((dx_bytes){0}, &s.eve.message);
    for (size_t i = 0; i < 3; i++) {
        dx_buf_deinit(all[i]);
    }
}

/* However many feeds somebody invents in a device's name, they take none of its places: a feed becomes one of the
 * space when its first block is the device's own admission of it, and not before. */
static void test_feeds_in_anothers_name(void **state) {
    (void)state;
    begin(true, 0);
    attack_with(s.bob);
    size_t feeds = count_feeds();
    const uint8_t *bob = s.bob->node->identity.device, *carol = s.carol->node->identity.device;
    rogue_meet(&s.eve);
    write_invented_feeds(0, carol);
    rogue_say(&s.eve);
    write_invented_feeds(1, bob);
    rogue_say(&s.eve);
    write_beginning(0, carol, true, NULL, 0); /* signed by another device */
    rogue_say(&s.eve);
    write_beginning(1, bob, false, NULL, 0); /* of another feed */
    rogue_say(&s.eve);
    assert_stands();
    assert_int_equal(count_feeds(), feeds);
    write_beginning(2, bob, true, NULL, 0);
    rogue_say(&s.eve);
    assert_stands();
    assert_int_equal(count_feeds(), feeds + 1);
    rogue_hang_up(&s.eve);
    snprintf(s.digest, sizeof s.digest, "%s", ask_digest(s.alice));
    end_unharmed();
}

/* Invented feeds take no place from a member who comes later. */
static void test_newcomer_after_invented_feeds(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.bob);
    rogue_meet(&s.eve);
    for (uint32_t round = 0; round < 6; round++) {
        write_invented_feeds(round, nobody);
        rogue_say(&s.eve);
    }
    rogue_post(&s.eve, (dx_event){.kind = DX_EVENT_LINK_DOWN, .reason = DX_E_UNREACHABLE});
    street_run(&s.road);
    s.carol = street_move_in(&s.road, "carol");
    vault_ask(s.carol, "{'do': 'halo.create', 'name': 'Carol'}");
    street_join(s.alice, s.carol, "Book");
    vault_ask(s.carol, "{'do': 'object.add', 'space': 'Book', 'type': 'page'}");
    rogue_pass(&s.eve, 120000);
    snprintf(s.digest, sizeof s.digest, "%s", ask_digest(s.carol));
    end_unharmed();
}

/* That a feed was written twice from its first block on, so that nothing of it is in force and nobody announces it. */
static void say_fork(const dx_sign_key *key, uint8_t id[static DX_HASH_SIZE]) {
    dx_feed_identity identity = {.feed_class = DX_FEED_DATA};
    dx_head heads[] = {{.length = 1, .root = {2}}, {.length = 1, .root = {1}}};
    dx_buf proof;
    memcpy(identity.space_id, s.eve.space_id, sizeof identity.space_id);
    memcpy(identity.device, s.bob->node->identity.device, sizeof identity.device);
    memcpy(identity.key, key->public_key, sizeof identity.key);
    dx_feed_id(&identity, id);
    for (size_t i = 0; i < 2; i++) {
        dx_head_sign(&heads[i], key, s.eve.space_id, id);
    }
    dx_buf_init(&proof, &s.eve.alloc.port, DX_FORK_SIZE_MAX);
    const dx_fork_proof parts = {.longer = heads[0], .shorter = heads[1], .length = 1};
    assert_int_equal(dx_fork_write(&parts, &proof), DX_OK);
    dx_sync_fork_write(id, dx_buf_view(&proof), &s.eve.message);
    dx_buf_deinit(&proof);
    rogue_say(&s.eve);
}

static void assert_cut(vault *at, const uint8_t id[static DX_HASH_SIZE]) {
    const dx_feed *feed = dx_space_feed_by_id(rogue_space_of(at), id);
    assert_non_null(feed);
    assert_true(feed->frozen);
    assert_int_equal(feed->cut, 0);
}

/* A fork is known wherever the feed is admitted, though no block of it ever comes: what names it would wait for ever
 * where it is not, and be applied where it is. The proof may come before the admission; and it is told on. */
static void test_fork_of_a_feed_that_never_came(void **state) {
    (void)state;
    uint8_t id[3][DX_HASH_SIZE];
    dx_sign_key keys[2], stranger;
    begin(true, 0);
    attack_with(s.bob);
    size_t feeds = count_feeds();
    for (uint32_t i = 0; i < 3; i++) {
        dx_feed_identity identity;
        invent_feed(8, i, nobody, i < 2 ? &keys[i] : &stranger, &identity, id[i]);
    }
    rogue_meet(&s.eve);
    say_fork(&keys[0], id[0]);
    for (size_t i = 0; i < 2 * DX_SYNC_PROOFS_MAX; i++) {
        say_fork(&stranger, id[2]);
    }
    assert_stands();
    assert_int_equal(count_feeds(), feeds);
    write_beginning(3, s.bob->node->identity.device, true, keys, 2);
    rogue_say(&s.eve);
    say_fork(&keys[1], id[1]);
    assert_stands();
    assert_int_equal(count_feeds(), feeds + 3);
    rogue_pass(&s.eve, 60000);
    for (size_t i = 0; i < 2; i++) {
        assert_cut(s.alice, id[i]);
        assert_cut(s.carol, id[i]);
    }
    assert_null(dx_space_feed_by_id(rogue_space_of(s.alice), id[2]));
    rogue_hang_up(&s.eve);
    snprintf(s.digest, sizeof s.digest, "%s", ask_digest(s.alice));
    end_unharmed();
}

/* --- Out of order ----------------------------------------------------------------------------------------
 */

/* While control blocks are to come, data is not asked for; a data feed nobody admitted is not taken at all.
 */
static void test_data_before_control(void **state) {
    (void)state;
    begin(false, 2);
    attack_with(s.bob);
    const dx_feed *control = feed_of(true, DX_FEED_CONTROL), *data = feed_of(true, DX_FEED_DATA);
    size_t feeds = count_feeds();
    rogue_meet(&s.eve);
    dx_feed_identity unknown = data->identity;
    unknown.key[0] ^= 1;
    rogue_write_state(&s.eve, &unknown, &data->head);
    rogue_say(&s.eve);
    assert_stands();
    assert_int_equal(count_feeds(), feeds);
    dx_head head = rogue_forge_head(&s.eve, control, control->length + 5, 8);
    rogue_write_state(&s.eve, &control->identity, &head);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 1);
    rogue_write_state(&s.eve, &data->identity, &data->head);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 1); /* the control blocks come first */
    uint8_t wanted[DX_HASH_SIZE];
    uint64_t from;
    assert_int_equal(dx_sync_want_read(dx_buf_view(&s.eve.last[DX_SYNC_WANT]), wanted, &from), DX_OK);
    assert_memory_equal(wanted, control->id, DX_HASH_SIZE);
    end_unharmed();
}

/* A run under a well signed head that joins nothing: one block, there already, again at the end. */
static void say_unjoined(dx_feed_class feed_class, uint64_t from) {
    const dx_feed *feed = feed_of(true, feed_class);
    const uint8_t proof[DX_MMR_PROOF_SIZE_MAX] = {0};
    dx_head head = rogue_forge_head(&s.eve, feed, from + 1, 8);
    dx_bytes block;
    rogue_begin_reading(&s.eve);
    assert_int_equal(dx_feed_read(feed, s.bob->node->store, 0, &block), DX_OK);
    dx_sync_data_begin(feed->id, from, &head, 1, &s.eve.message);
    dx_sync_block_write(block, &s.eve.message);
    dx_sync_data_end(dx_bytes_of(proof, dx_mmr_proof_size(from + 1, from + 1)), &s.eve.message);
    rogue_end_reading(&s.eve);
    rogue_say(&s.eve);
}

static void say_false_roots(void) {
    const uint8_t roots[DX_FORK_PROBES_MAX * DX_ROOT_PREFIX_SIZE] = {0};
    dx_sync_probe probe;
    assert_int_equal(dx_sync_probe_read(false, dx_buf_view(&s.eve.last[DX_SYNC_PROBE]), &probe), DX_OK);
    probe.roots = dx_bytes_of(roots, probe.count * DX_ROOT_PREFIX_SIZE);
    dx_sync_probe_write(true, &probe, &s.eve.message);
    rogue_say(&s.eve);
}

/* Branches of one feed are compared at a time: what answers the first question is no answer to a second. What is
 * not answered is given up, and an answer after that is late, and no fault; one to no question is. */
static void test_branches_compared_in_turn(void **state) {
    (void)state;
    begin(false, 3);
    attack_with(s.bob);
    const dx_feed *control = feed_of(true, DX_FEED_CONTROL);
    const dx_feed *hers = dx_space_feed_by_id(rogue_space_of(s.alice), feed_of(true, DX_FEED_DATA)->id);
    uint64_t data_length = hers->length, control_length = control->length;
    want_bobs_feed();
    say_unjoined(DX_FEED_DATA, data_length);
    assert_int_equal(s.eve.heard[DX_SYNC_PROBE], 1);
    dx_head head = rogue_forge_head(&s.eve, control, control_length + 1, 8);
    rogue_write_state(&s.eve, &control->identity, &head);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 2);
    say_unjoined(DX_FEED_CONTROL, control_length);
    assert_stands();
    assert_int_equal(s.eve.heard[DX_SYNC_PROBE],
                     1); /* it waits its turn, and is not asked for again until then */
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 2);
    rogue_pass(&s.eve, DX_SYNC_STALL_MS);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 3);
    say_unjoined(DX_FEED_CONTROL, control_length);
    assert_int_equal(s.eve.heard[DX_SYNC_PROBE], 2);
    for (size_t i = 0; i < 4 && s.eve.heard[DX_SYNC_PART] == 0; i++) {
        say_false_roots();
        assert_stands();
    }
    assert_int_equal(s.eve.heard[DX_SYNC_PART], 1);
    say_false_roots(); /* as if to the first question, which was given up */
    assert_stands();
    say_false_roots();
    assert_ended(DX_E_PROTOCOL);
    end_unharmed();
}

/* Blocks changed on the way, or of another feed, or under a proof of nothing: all of the run is refused. */
static void test_false_blocks(void **state) {
    (void)state;
    begin(false, 3);
    attack_with(s.bob);
    for (size_t at = 60; at < 1200; at += 37) {
        want_bobs_feed();
        const dx_feed *feed = feed_of(true, DX_FEED_DATA);
        rogue_write_data(&s.eve, feed, feed->length - 3, feed->length);
        if (at >= s.eve.message.size) {
            dx_buf_clear(&s.eve.message);
            break;
        }
        s.eve.message.data[at] ^= 1;
        rogue_say(&s.eve);
        bool searches =
            !s.eve.closed && s.eve.heard[DX_SYNC_PROBE] == 1; /* another branch, for all she knows */
        assert_true(searches || (s.eve.closed && dx_error_class_of(s.eve.reason) == DX_CLASS_PEER));
        assert_string_equal(ask_digest(s.alice), s.digest);
    }
    end_unharmed();
}

/* --- Too slow ---------------------------------------------------------------------------------------------
 */

/* A byte a second is no handshake; a handshake is no hello; half a message is silence. */
static void test_slow_loris(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.bob);
    rogue_dial(&s.eve);
    rogue_begin_call(&s.eve);
    dx_buf bytes = s.eve.out;
    dx_buf_init(&s.eve.out, &s.eve.alloc.port, 1 << 20);
    uint64_t begun_ms = s.road.now_ms;
    for (size_t at = 0; !s.eve.closed && at < bytes.size; at++) {
        rogue_post(&s.eve, (dx_event){.kind = DX_EVENT_LINK_DATA, .body = dx_bytes_of(bytes.data + at, 1)});
        rogue_pass(&s.eve, 1000);
    }
    dx_buf_deinit(&bytes);
    assert_ended(DX_E_TIMEOUT);
    assert_in_range(s.road.now_ms - begun_ms, DX_CHANNEL_HANDSHAKE_MS, DX_CHANNEL_HANDSHAKE_MS + 2000);

    rogue_call(&s.eve);
    begun_ms = s.road.now_ms;
    while (!s.eve.closed) { /* alive, as far as the channel can tell */
        assert_int_equal(dx_channel_ping(&s.eve.channel, &s.eve.out), DX_OK);
        rogue_pass(&s.eve, 1000);
    }
    assert_ended(DX_E_TIMEOUT);
    assert_in_range(s.road.now_ms - begun_ms, DX_SYNC_HELLO_MS, DX_SYNC_HELLO_MS + 2000);

    rogue_meet(&s.eve);
    dx_sync_ask_write(DX_FEED_DATA, &s.eve.message);
    rogue_write(&s.eve, dx_buf_view(&s.eve.message));
    dx_buf_clear(&s.eve.message);
    bytes = s.eve.out;
    dx_buf_init(&s.eve.out, &s.eve.alloc.port, 1 << 20);
    begun_ms = s.road.now_ms;
    for (size_t at = 0; !s.eve.closed && at < bytes.size; at++) {
        rogue_post(&s.eve, (dx_event){.kind = DX_EVENT_LINK_DATA, .body = dx_bytes_of(bytes.data + at, 1)});
        rogue_pass(&s.eve, DX_SYNC_DEAD_MS / 5);
    }
    dx_buf_deinit(&bytes);
    assert_ended(DX_E_TIMEOUT);
    assert_in_range(s.road.now_ms - begun_ms, DX_SYNC_DEAD_MS, DX_SYNC_DEAD_MS * 6 / 5);
    end_unharmed();
}

/* Carol learns Bob's pages; nobody else does. */
static void teach_carol(void) {
    const dx_feed *feed = feed_of(true, DX_FEED_DATA);
    rogue honest;
    s.road.closed = true;
    street_break(&s.road);
    street_run(&s.road);
    rogue_init(&honest, s.carol, s.bob, s.bob);
    rogue_meet(&honest);
    rogue_write_state(&honest, &feed->identity, &feed->head);
    rogue_say(&honest);
    rogue_write_data(&honest, feed, 1, feed->length);
    rogue_say(&honest);
    assert_false(honest.closed);
    rogue_post(&honest, (dx_event){.kind = DX_EVENT_LINK_DOWN, .reason = DX_E_UNREACHABLE});
    street_run(&s.road);
    rogue_deinit(&honest);
}

/* Announced first, and then: never delivered; answered with what brings nothing on; delivered a block at a time.
 * Carol is asked when it has stalled, and not before. */
static void test_stall(void **state) {
    (void)state;
    for (int how = 0; how < 3; how++) {
        begin(true, 12);
        teach_carol();
        attack_with(s.bob);
        want_bobs_feed();
        const dx_feed *feed = feed_of(true, DX_FEED_DATA);
        uint64_t begun_ms = s.road.now_ms, seq = feed->length - 12;
        s.road.closed = false;
        while (s.road.now_ms < begun_ms + DX_SYNC_STALL_MS - 1000) {
            rogue_pass(&s.eve, 900);
            if (how == 1) {
                write_junk(100);
                rogue_say(&s.eve);
            } else if (how == 2 && seq < feed->length - 1) {
                rogue_write_data(&s.eve, feed, seq, seq + 1);
                rogue_say(&s.eve);
                seq++;
            }
        }
        assert_stands();
        assert_true(how == 2 || strcmp(ask_digest(s.alice), s.digest) == 0);
        snprintf(s.digest, sizeof s.digest, "%s", ask_digest(s.carol));
        assert_string_not_equal(ask_digest(s.alice), s.digest);
        rogue_pass(&s.eve, 2000);
        end_unharmed(); /* Alice holds what Carol does */
    }
}

/* However the stream is cut into pieces, and wherever it ends. */
static void test_half_messages(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.bob);
    size_t before = s.alice->alloc.live_bytes;
    for (size_t piece = 1; piece < 40; piece += 6) {
        rogue_dial(&s.eve);
        rogue_begin_call(&s.eve);
        rogue_carry(&s.eve, piece);
        assert_true(s.eve.ready);
        rogue_write_hello(&s.eve, &(dx_sync_digests){.data = {1}});
        rogue_write(&s.eve, dx_buf_view(&s.eve.message));
        dx_buf_clear(&s.eve.message);
        if (piece % 12 == 1) {
            s.eve.out.size -= piece; /* the last bytes never come, the link does not end */
            rogue_carry(&s.eve, piece);
            assert_stands();
            assert_int_equal(s.eve.heard[DX_SYNC_ASK], 0);
        } else {
            rogue_carry(&s.eve, piece);
            assert_stands();
            assert_true(s.eve.heard[DX_SYNC_ASK] > 0);
        }
        rogue_post(&s.eve, (dx_event){.kind = DX_EVENT_LINK_DOWN, .reason = DX_E_UNREACHABLE});
        street_run(&s.road);
        rogue_listen(&s.eve);
    }
    assert_in_range(s.alice->alloc.live_bytes, 1, before + (256 << 10));
    end_unharmed();
}

/* --- Too often
 * ---------------------------------------------------------------------------------------------- */

/* A device that dials again and again has one link; the older ones end, and nothing is kept of them. A
 * handshake inside a session is garbage. */
static void test_handshake_again(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.bob);
    rogue_meet(&s.eve);
    size_t live = s.alice->alloc.live_bytes;
    for (int i = 0; i < 30; i++) {
        rogue_meet(&s.eve);
        assert_stands();
        const char *status = vault_ask(s.alice, "{'do': 'space.status', 'space': 'Book'}");
        assert_non_null(strstr(status, "\"peers\":1"));
    }
    assert_in_range(s.alice->alloc.live_bytes, 1, live + (128 << 10));
    s.refused = count_refused();
    dx_channel_deinit(&s.eve.channel);
    rogue_begin_call(&s.eve);
    rogue_carry(&s.eve, 0);
    assert_true(s.eve.closed && dx_error_class_of(s.eve.reason) == DX_CLASS_PEER);
    assert_int_equal(count_refused(), s.refused + 1);
    end_unharmed();
}

/* All bytes of an honest conversation, said again to the same vault: they were meant for another handshake. */
static void test_replayed_conversation(void **state) {
    (void)state;
    begin(false, 2);
    attack_with(s.bob);
    dx_buf record;
    dx_buf_init(&record, &s.eve.alloc.port, 1 << 20);
    s.eve.record = &record;
    want_bobs_feed();
    s.eve.record = NULL;
    assert_true(record.size > 400);
    s.refused = count_refused();
    for (size_t piece = 50; piece <= 5000; piece *= 100) {
        rogue_dial(&s.eve);
        for (size_t at = 0; at < record.size; at += piece) {
            size_t size = piece < record.size - at ? piece : record.size - at;
            rogue_post(&s.eve,
                       (dx_event){.kind = DX_EVENT_LINK_DATA, .body = dx_bytes_of(record.data + at, size)});
        }
        street_run(&s.road);
        rogue_listen(&s.eve);
        assert_true(s.eve.closed);
        assert_int_equal(s.eve.reason, DX_E_SIGNATURE);
        assert_int_equal(count_refused(), s.refused); /* it failed before it was anybody's */
    }
    assert_string_equal(ask_digest(s.alice), s.digest);
    dx_buf_deinit(&record);
    end_unharmed();
}

/* Ten thousand callers who say nothing: no more than the bound are let in, each costs less than 2 KiB, and
 * when their time is over Alice is there for others. */
static void test_thousands_of_callers(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.bob);
    vault_event(s.alice, (dx_event){.kind = DX_EVENT_CLOCK});
    size_t before = s.alice->alloc.live_bytes;
    for (uint64_t i = 0; i < 10000; i++) {
        vault_event(s.alice,
                    (dx_event){.kind = DX_EVENT_LINK_UP, .link = 100002 + 2 * i, .body = dx_bytes_text("x")});
    }
    assert_in_range(s.alice->alloc.live_bytes - before, 1, DX_LINKS_ACCEPTED_MAX * 2048 + (64 << 10));
    street_pass(&s.road, DX_CHANNEL_HANDSHAKE_MS + 1000);
    rogue_listen(&s.eve);
    assert_in_range(s.alice->alloc.live_bytes, 1, before + (256 << 10));
    end_unharmed();
}

/* So many questions are answered at once, and then as time goes by; in order, and each once. */
static void test_questions_wait(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.bob);
    rogue_meet(&s.eve);
    enum { AT_ONCE = (DX_SYNC_WORK_MAX - DX_SYNC_WORK_KEPT) / 4, MORE = 300 };
    for (int i = 0; i < AT_ONCE + MORE; i++) {
        write_message(DX_SYNC_PART);
        rogue_write(&s.eve, dx_buf_view(&s.eve.message));
        dx_buf_clear(&s.eve.message);
    }
    rogue_carry(&s.eve, 0);
    assert_stands();
    assert_in_range(s.eve.heard[DX_SYNC_PATH], AT_ONCE - 10, AT_ONCE + 1);
    dx_sync_ping_write(false, &s.eve.message); /* what costs nothing does not wait */
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_PONG], 1);
    rogue_pass(&s.eve, 100);
    assert_in_range(s.eve.heard[DX_SYNC_PATH], AT_ONCE + 30, AT_ONCE + 70);
    rogue_pass(&s.eve, 1000);
    assert_int_equal(s.eve.heard[DX_SYNC_PATH], AT_ONCE + MORE);
    for (int i = 0; i < AT_ONCE; i++) {
        write_message(i % 2 == 0 ? DX_SYNC_PART : DX_SYNC_BRANCH);
        rogue_write(&s.eve, dx_buf_view(&s.eve.message));
        dx_buf_clear(&s.eve.message);
    }
    s.refused = count_refused();
    rogue_carry(&s.eve, 0);
    assert_ended(DX_E_FLOOD); /* more than may wait */
    end_unharmed();
}

/* Heads without end, each well signed, so that each must be looked at. */
static void test_announcements_without_end(void **state) {
    (void)state;
    begin(false, 0);
    attack_with(s.mallory);
    rogue_meet(&s.eve);
    write_invented_feeds(0, nobody);
    dx_buf words;
    dx_buf_init(&words, &s.eve.alloc.port, DX_CHANNEL_MESSAGE_MAX);
    dx_buf_append(&words, s.eve.message.data, s.eve.message.size);
    dx_buf_clear(&s.eve.message);
    int said = 0;
    s.refused = count_refused();
    for (; !s.eve.closed && said < 100; said++) {
        rogue_write(&s.eve, dx_buf_view(&words));
        rogue_carry(&s.eve, 0);
    }
    assert_int_equal(said, DX_SYNC_WORK_MAX / DX_SYNC_ENTRIES_MAX + 1);
    assert_ended(DX_E_FLOOD);
    dx_buf_deinit(&words);
    end_unharmed();
}

/* Callers from one place, who say nothing. */
static void crowd_alice(uint64_t first) {
    for (uint64_t i = 0; i < 2 * DX_LINKS_ACCEPTED_MAX; i++) {
        vault_event(
            s.alice,
            (dx_event){.kind = DX_EVENT_LINK_UP, .link = first + 2 * i, .body = dx_bytes_text("mem:rogue")});
    }
    rogue_listen(&s.eve);
}

/* More come than there are places. Who knows the space's secret and no more gives way in his turn; a member does not,
 * wherever he comes from, and what happened is counted. */
static void test_members_do_not_give_way(void **state) {
    (void)state;
    begin(true, 0);
    attack_with(s.mallory);
    rogue_meet(&s.eve);
    crowd_alice(100000);
    assert_true(s.eve.closed);
    assert_int_equal(s.eve.reason, DX_E_LIMIT);
    s.eve.keys = s.bob;
    rogue_meet(&s.eve);
    crowd_alice(200000);
    assert_stands();
    const char *status = vault_ask(s.alice, "{'do': 'space.status', 'space': 'Book'}");
    assert_non_null(strstr(status, "\"peers\":2"));
    status = vault_ask(s.alice, "{'do': 'status'}");
    const char *crowded = strstr(status, "\"links_crowded\":");
    assert_non_null(crowded);
    assert_in_range(strtoull(crowded + strlen("\"links_crowded\":"), NULL, 10), 3 * DX_LINKS_ACCEPTED_MAX,
                    3 * DX_LINKS_ACCEPTED_MAX + 4);
    end_unharmed();
}

DX_TEST_MAIN(DX_TEST(test_every_message_in_every_state), DX_TEST(test_addresses_that_lead_nowhere),
             DX_TEST(test_unproven_gets_nothing), DX_TEST(test_stranger_hears_nothing),
             DX_TEST(test_false_hello), DX_TEST(test_wants_of_nothing), DX_TEST(test_flood_beyond_credit),
             DX_TEST(test_deaf_peer), DX_TEST(test_false_credit), DX_TEST(test_huge_announcement),
             DX_TEST(test_huge_run_beyond), DX_TEST(test_thousands_of_feeds),
             DX_TEST(test_feeds_in_anothers_name), DX_TEST(test_newcomer_after_invented_feeds),
             DX_TEST(test_fork_of_a_feed_that_never_came), DX_TEST(test_data_before_control),
             DX_TEST(test_branches_compared_in_turn), DX_TEST(test_false_blocks), DX_TEST(test_slow_loris),
             DX_TEST(test_stall), DX_TEST(test_half_messages), DX_TEST(test_handshake_again),
             DX_TEST(test_replayed_conversation), DX_TEST(test_thousands_of_callers),
             DX_TEST(test_members_do_not_give_way), DX_TEST(test_questions_wait),
             DX_TEST(test_announcements_without_end))
