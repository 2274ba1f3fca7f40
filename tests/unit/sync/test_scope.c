/* sync/scope.c, sync/seek.c, and what sync/hole.c does for them, against a peer that has the keys of a member and lies: that it
 * left out nothing but what is outside of the scope, that it has nothing more of an object, that something is about what was
 * asked for; or says nothing at all, in so many words.
 *
 * Alice keeps pages and no trees. Bob's vault was stolen: it lives on in the hideout, where it wrote pages and trees; Eve has
 * its keys. Carol was there too, has all of it, and comes home at the end. */
#include "base/limits.h"
#include "echo/section.h"
#include "feed/hole.h"
#include "rogue.h"

enum { PAGES = 5, TREES = 3, BLOCKS = PAGES + TREES };

typedef struct scene {
    street road, hideout;
    vault *alice, *bob, *carol;
    rogue eve;
    const dx_feed *feed; /* Bob's data feed, in the stolen vault */
    uint64_t first;      /* the first block that Alice has not */
    char tree[80], other[80];
    uint64_t number; /* of what Alice keeps, as she told it */
} scene;

static scene s;

static void add(vault *self, const char *type, char *id, size_t size) {
    char json[128];
    snprintf(json, sizeof json,
             "{'do': 'object.add', 'space': 'Book', 'type': '%s', 'data': {'n': 7, 'm': 8}}", type);
    street_field(vault_ask(self, json), "id", id, size);
}

static void begin(void) {
    char id[80];
    memset(&s, 0, sizeof s);
    street_init(&s.road);
    street_init(&s.hideout);
    s.alice = street_person(&s.road, "alice");
    vault *bob = street_person(&s.road, "bob"), *carol = street_person(&s.road, "carol");
    vault_ask(s.alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(s.alice, bob, "Book");
    street_join(s.alice, carol, "Book");
    add(bob, "page", id, sizeof id);
    street_pass(&s.road, 60000);
    street_agree(&s.road, "Book");
    bob->listens = carol->listens = false;
    vault_leave(bob);
    vault_leave(carol);
    vault_ask(s.alice, "{'do': 'space.scope', 'space': 'Book', 'types': ['page']}");
    s.bob = street_move_in_with(&s.hideout, "bob", bob);
    s.carol = street_move_in_with(&s.hideout, "carol", carol);
    s.feed = dx_space_feed(rogue_space_of(s.bob), rogue_space_of(s.bob)->own_data);
    s.first = s.feed->length;
    for (int i = 0; i < BLOCKS; i++) {
        add(s.bob, i < PAGES ? "page" : "tree", id, sizeof id);
        memcpy(i == PAGES ? s.tree : s.other, id, sizeof id);
    }
    vault_ask(s.carol, "{'do': 'peer.connect', 'space': 'Book', 'address': 'mem:bob'}");
    street_pass(&s.hideout, 20000);
    street_agree(&s.hideout, "Book");
    vault_leave(s.carol);
    rogue_init(&s.eve, s.alice, s.bob, s.bob);
    s.feed = rogue_own_feed(&s.eve, DX_FEED_DATA);
    assert_int_equal(s.feed->length, s.first + BLOCKS);
    rogue_meet(&s.eve);
}

static void end(void) {
    rogue_deinit(&s.eve);
    street_deinit(&s.road);
    street_deinit(&s.hideout);
}

/* What she says on her link, as Eve hears it, is no answer to a question of a person's. */
static const char *ask_alice(const char *json) {
    s.alice->said = NULL;
    vault_ask(s.alice, json);
    s.alice->said = &s.eve.said;
    return s.alice->last;
}

static void assert_alice(const char *json, const char *expected) {
    ask_alice(json);
    if (strstr(s.alice->last, expected) == NULL && strstr(s.alice->told, expected) == NULL) {
        fail_msg("%s: not %s, but %s%s", json, expected, s.alice->last, s.alice->told);
    }
}

static void assert_pages(size_t count, bool partial) {
    char expected[64];
    snprintf(expected, sizeof expected, "\"count\":%zu%s", count, partial ? ",\"partial\":true" : "");
    assert_alice("{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}", expected);
    if (!partial) {
        assert_null(strstr(s.alice->last, "partial"));
    }
}

/* Carol, who is honest and has everything. */
static void bring_carol(void) {
    vault *carol = street_move_in_with(&s.road, "carol", s.carol);
    s.alice->said = NULL;
    vault_ask(carol, "{'do': 'peer.connect', 'space': 'Book', 'address': 'mem:alice'}");
    street_pass(&s.road, 20000);
    s.alice->said = &s.eve.said;
}

/* She announces more of a control feed than there is, so that she is asked for nothing else, and Bob's feed: all of it, as one
 * who keeps everything. Carol keeps a part, and has it, too: Alice does not wait for Eve for ever. */
static void test_whole_and_never_asked(void **state) {
    (void)state;
    begin();
    const dx_feed *control = rogue_own_feed(&s.eve, DX_FEED_CONTROL);
    dx_head more = rogue_forge_head(&s.eve, control, control->length + 3, 9);
    rogue_write_state(&s.eve, &control->identity, &more);
    rogue_say(&s.eve);
    rogue_write_state(&s.eve, &s.feed->identity, &s.feed->head);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 1);
    vault *carol = street_move_in_with(&s.road, "carol", s.carol);
    s.alice->said = NULL;
    vault_ask(carol, "{'do': 'space.scope', 'space': 'Book', 'types': ['leaf', 'page']}");
    vault_ask(carol, "{'do': 'peer.connect', 'space': 'Book', 'address': 'mem:alice'}");
    street_pass(&s.road, 2 * DX_SYNC_STALL_MS);
    s.alice->said = &s.eve.said;
    assert_false(s.eve.closed);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 1);
    assert_pages(1 + PAGES, false);
    end();
}

/* --- Scopes ------------------------------------------------------------------------------------------- */

static void say_scoped(uint64_t number, bool all) {
    dx_sync_scoped_write(number, all, &s.eve.message);
    rogue_say(&s.eve);
}

/* What Alice keeps, as Eve was told. */
static void hear_scope(void) {
    dx_space_scope scope;
    assert_int_equal(s.eve.heard[DX_SYNC_SCOPE], 1);
    dx_space_scope_init(&scope, &s.eve.alloc.port);
    assert_int_equal(dx_sync_scope_read(dx_buf_view(&s.eve.last[DX_SYNC_SCOPE]), &s.number, &scope), DX_OK);
    assert_true(dx_space_scope_is_partial(&scope));
    assert_int_equal(scope.type_count, 1);
    dx_space_scope_deinit(&scope);
}

/* Announces Bob's feed, and serves it without the sections of all blocks from this one on. */
static void serve(uint64_t hollow_from) {
    rogue_write_state(&s.eve, &s.feed->identity, &s.feed->head);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 1);
    rogue_write_data_cut(&s.eve, s.feed, s.first, s.feed->length, s.first + hollow_from);
    rogue_say(&s.eve);
    assert_false(s.eve.closed);
}

static void assert_holes(uint64_t outside, uint64_t missing) {
    char expected[64];
    snprintf(expected, sizeof expected, "\"missing\":%d,\"outside\":%d", (int)missing, (int)outside);
    assert_alice("{'do': 'space.scope', 'space': 'Book'}", expected);
}

/* Whether somebody's word alone stands for what is outside. */
static bool are_doubted(void) {
    dx_holes holes;
    const dx_feed *feed = dx_space_feed_by_id(rogue_space_of(s.alice), s.feed->id);
    assert_int_equal(dx_store_begin(s.alice->node->store), DX_OK);
    int error = dx_hole_doubted(feed, s.alice->node->store, 0, 0, &holes);
    dx_store_rollback(s.alice->node->store);
    assert_true(error == DX_OK || error == DX_E_NOT_FOUND);
    return error == DX_OK;
}

/* Eve leaves out pages and says that they are trees. Nobody can tell, until another one is met. */
static void test_hidden_by_pretending(void **state) {
    (void)state;
    begin();
    hear_scope();
    say_scoped(s.number, true);
    serve(0);
    assert_int_equal(s.eve.heard[DX_SYNC_HOLES], 0);
    assert_holes(BLOCKS, 0);
    assert_pages(1, false);
    assert_true(are_doubted());
    bring_carol();
    assert_pages(1 + PAGES, false);
    assert_holes(TREES, 0);
    assert_false(are_doubted());
    end();
}

/* Without her word all of it is missing, and the answers say so; she gives nothing, and Carol what is kept. */
static void test_held_back_openly(void **state) {
    (void)state;
    begin();
    hear_scope();
    say_scoped(s.number, false);
    serve(0);
    assert_int_equal(s.eve.heard[DX_SYNC_HOLES], 1);
    assert_holes(0, BLOCKS);
    assert_pages(1, true);
    dx_sync_sections_begin(s.feed->id, BLOCKS, 0, &s.eve.message);
    rogue_say(&s.eve);
    assert_holes(0, BLOCKS);
    bring_carol();
    assert_pages(1 + PAGES, false);
    assert_holes(TREES, 0);
    end();
}

/* She never says by what she cuts: nothing is excused. */
static void test_silent_about_scopes(void **state) {
    (void)state;
    begin();
    serve(PAGES);
    assert_holes(0, TREES);
    assert_int_equal(s.eve.heard[DX_SYNC_HOLES], 1);
    bring_carol();
    assert_holes(TREES, 0);
    end();
}

static void test_numbers_of_scopes(void **state) {
    (void)state;
    dx_space_scope scope;
    begin();
    hear_scope();
    say_scoped(s.number + 1, true);
    assert_int_equal(s.eve.reason, DX_E_PROTOCOL);
    rogue_meet(&s.eve);
    say_scoped(s.number, true);
    say_scoped(s.number, true); /* again and again, which changes nothing */
    assert_false(s.eve.closed);
    ask_alice("{'do': 'space.scope', 'space': 'Book', 'types': ['page', 'leaf']}");
    rogue_pass(&s.eve, 10);
    hear_scope();
    say_scoped(s.number, true);
    assert_false(s.eve.closed);
    say_scoped(s.number - 1, true);
    assert_int_equal(s.eve.reason, DX_E_PROTOCOL);
    /* Her own: each under a greater number. */
    dx_space_scope_init(&scope, &s.eve.alloc.port);
    for (int i = 0; i < 2; i++) {
        static const uint64_t wrong[] = {3, 2};
        rogue_meet(&s.eve);
        dx_sync_scope_write(3, &scope, &s.eve.message);
        rogue_say(&s.eve);
        assert_int_equal(s.eve.heard[DX_SYNC_SCOPED], 1);
        dx_sync_scope_write(wrong[i], &scope, &s.eve.message);
        rogue_say(&s.eve);
        assert_int_equal(s.eve.reason, DX_E_PROTOCOL);
    }
    dx_space_scope_deinit(&scope);
    end();
}

/* Ever new scopes, as fast as they can be said: they cost her, and Alice no memory. */
static void test_flood_of_scopes(void **state) {
    (void)state;
    dx_space_scope scope;
    begin();
    dx_space_scope_init(&scope, &s.eve.alloc.port);
    scope.names_types = true;
    scope.type_count = 1;
    scope.types[0] = dx_bytes_text("tree");
    size_t before = s.alice->alloc.live_bytes;
    for (uint64_t number = 1; number <= 5000 && !s.eve.closed; number++) {
        dx_sync_scope_write(number, &scope, &s.eve.message);
        rogue_say(&s.eve);
    }
    dx_space_scope_deinit(&scope);
    assert_int_equal(s.eve.reason, DX_E_FLOOD);
    assert_true(s.alice->alloc.live_bytes <= before + 65536);
    bring_carol();
    assert_pages(1 + PAGES, false);
    end();
}

/* --- Entities ----------------------------------------------------------------------------------------- */

static void read_seek(dx_sync_seek *seek) {
    assert_true(s.eve.heard[DX_SYNC_SEEK] > 0);
    assert_int_equal(dx_sync_seek_read(dx_buf_view(&s.eve.last[DX_SYNC_SEEK]), seek), DX_OK);
}

/* The number of a tree's block, its first one being 0. */
static uint64_t tree_seq(size_t tree) {
    return s.first + PAGES + tree;
}

typedef enum tampering { AS_IT_IS, FLIPPED, REWRITTEN } tampering;

/* What makes a tree: as it is, a bit flipped, or something else about the same tree, well sealed by a member's key. */
static void write_sought(size_t tree, tampering how) {
    dx_bytes bytes, section = {NULL, 0};
    dx_block block;
    dx_reader cursor;
    bool hole;
    uint8_t key[DX_KEY_SIZE];
    dx_buf plain, sealed;
    dx_section decoded;
    dx_sync_sought sought = {.place = {.seq = tree_seq(tree)}};
    rogue_begin_reading(&s.eve);
    assert_int_equal(dx_feed_read(s.feed, s.bob->node->store, sought.place.seq, &bytes), DX_OK);
    assert_int_equal(dx_block_decode(bytes, &block), DX_OK);
    dx_reader_init(&cursor, block.sections);
    assert_int_equal(dx_block_section(&cursor, &section, &hole), DX_OK);
    assert_int_equal(dx_space_key(&s.bob->node->context, rogue_space_of(s.bob), block.header.key_epoch, key),
                     DX_OK);
    dx_buf_init(&plain, &s.eve.alloc.port, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&sealed, &s.eve.alloc.port, DX_BLOCK_SIZE_MAX);
    assert_int_equal(dx_section_open(key, s.feed->id, sought.place.seq, 0, section, &plain), DX_OK);
    if (how == REWRITTEN) {
        uint8_t *at = memchr(plain.data, 7, plain.size); /* of {'n': 7} */
        assert_non_null(at);
        *at = 9;
        assert_int_equal(dx_section_decode(dx_buf_view(&plain), s.feed->id, &decoded), DX_OK);
        dx_buf items;
        dx_reader item;
        dx_buf_init(&items, &s.eve.alloc.port, DX_BLOCK_SIZE_MAX);
        assert_int_equal(dx_section_seal(key, s.feed->id, sought.place.seq, 0, dx_buf_view(&plain), &items),
                         DX_OK);
        dx_reader_init(&item, dx_buf_view(&items));
        dx_bytes whole = dx_read_bytes(&item);
        dx_buf_append(&sealed, whole.data, whole.size);
        dx_buf_deinit(&items);
    } else {
        dx_buf_append(&sealed, section.data, section.size);
        sealed.data[3] ^= how == FLIPPED;
    }
    rogue_end_reading(&s.eve);
    memcpy(sought.feed, s.feed->id, sizeof sought.feed);
    sought.section = dx_buf_view(&sealed);
    dx_sync_sought_write(&sought, &s.eve.message);
    dx_buf_deinit(&plain);
    dx_buf_deinit(&sealed);
}

/* Eve gives the pages, and of the trees the hashes. */
static void serve_pages(void) {
    hear_scope();
    say_scoped(s.number, true);
    serve(PAGES);
    assert_holes(TREES, 0);
}

/* A person at Alice's asks for a tree; what she was answered stands in s.alice->last when it came. */
static void ask_for_tree(void) {
    char json[192];
    snprintf(json, sizeof json,
             "{'do': 'object.get', 'space': 'Book', 'id': '%s', 'fetch': true, 'timeout_ms': 60000}", s.tree);
    vault_begin(s.alice, json);
    street_run(&s.road);
    rogue_listen(&s.eve);
    rogue_carry(&s.eve, 0);
    assert_int_equal(s.eve.heard[DX_SYNC_SEEK], 1);
}

static void begin_fetch(void) {
    serve_pages();
    ask_for_tree();
}

static void answer(const dx_sync_answer *head) {
    dx_sync_sought_begin(head, &s.eve.message);
}

static void assert_fetched(const char *expected) {
    if (strstr(s.alice->last, expected) == NULL) {
        fail_msg("not %s, but %s", expected, s.alice->last);
    }
}

/* What an honest member says. */
static void test_fetched(void **state) {
    (void)state;
    dx_sync_seek seek;
    begin();
    begin_fetch();
    read_seek(&seek);
    assert_int_equal(seek.count, 1);
    assert_false(seek.after.some);
    answer(&(dx_sync_answer){.answered = 1, .sections = 1, .whole = true});
    write_sought(0, AS_IT_IS);
    rogue_say(&s.eve);
    assert_false(s.eve.closed);
    assert_fetched("\"n\":7");
    assert_holes(TREES - 1, 0);
    end();
}

/* What is sought anyhow is asked for in the same question, and in no other while its answer is due. */
static void test_sought_once(void **state) {
    (void)state;
    dx_sync_seek seek;
    begin();
    serve_pages();
    dx_store *store = s.alice->node->store;
    dx_space *space = rogue_space_of(s.alice);
    int64_t key = dx_entity_key(dx_space_feed_by_id(space, s.feed->id)->local, tree_seq(1), 0);
    assert_int_equal(dx_store_begin(store), DX_OK);
    assert_int_equal(dx_space_seek(s.alice->node->replication->context, space, key), DX_OK);
    assert_int_equal(dx_store_commit(store), DX_OK);
    ask_for_tree();
    read_seek(&seek);
    assert_int_equal(seek.count, 2);
    answer(&(dx_sync_answer){.answered = 2, .sections = 2, .whole = true});
    write_sought(0, AS_IT_IS);
    write_sought(1, AS_IT_IS);
    rogue_say(&s.eve);
    assert_false(s.eve.closed);
    assert_fetched("\"n\":7");
    assert_holes(TREES - 2, 0);
    assert_int_equal(s.eve.heard[DX_SYNC_SEEK], 1);
    end();
}

/* Each ends the link, leaves everything as it was, and Carol's answer is the one that counts. */
static void test_false_answers(void **state) {
    (void)state;
    static const dx_sync_progress moved = {.some = true, .stamp = {.counter = 5}};
    const struct {
        dx_sync_answer head;
        size_t tree;
        tampering how;
        int reason;
    } ways[] = {
        {{.answered = 1, .sections = 1, .whole = true}, 1, AS_IT_IS, DX_E_PROTOCOL},
        {{.answered = 1, .sections = 1, .whole = true}, 0, FLIPPED, DX_E_PROTOCOL},
        {{.answered = 1, .sections = 1, .whole = true}, 0, REWRITTEN, DX_E_SIGNATURE},
        {{.answered = 2, .whole = true}, 0, AS_IT_IS, DX_E_PROTOCOL},
        {{.answered = 1, .next = moved}, 0, AS_IT_IS, DX_E_PROTOCOL},
        {{.answered = 1, .sections = 1}, 0, AS_IT_IS, DX_E_MALFORMED},
        {{.answered = 0, .sections = 0}, 0, AS_IT_IS, DX_E_MALFORMED},
    };
    for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        begin();
        begin_fetch();
        answer(&ways[way].head);
        if (ways[way].head.sections != 0 && ways[way].reason != DX_E_MALFORMED) {
            write_sought(ways[way].tree, ways[way].how);
        }
        rogue_say(&s.eve);
        if (!s.eve.closed || s.eve.reason != ways[way].reason) {
            fail_msg("way %zu: %s", way, s.eve.closed ? dx_error_name(s.eve.reason) : "it stands");
        }
        assert_string_equal(s.alice->last, "");
        s.alice->said = NULL;
        bring_carol();
        assert_fetched("\"n\":7");
        assert_holes(TREES - 1, 0);
        end();
    }
}

/* Twice the same answer: the second was not asked for. */
static void test_answer_nobody_asked_for(void **state) {
    (void)state;
    begin();
    begin_fetch();
    for (int i = 0; i < 2; i++) {
        answer(&(dx_sync_answer){.answered = 1, .sections = 1, .whole = true});
        write_sought(0, AS_IT_IS);
        rogue_say(&s.eve);
    }
    assert_int_equal(s.eve.reason, DX_E_PROTOCOL);
    assert_fetched("\"n\":7");
    end();
}

/* Who has nothing and says that this is all there is, is not believed; who has something is. */
static void test_nothing_is_not_all(void **state) {
    (void)state;
    begin();
    begin_fetch();
    answer(&(dx_sync_answer){.answered = 1, .whole = true});
    rogue_say(&s.eve);
    assert_false(s.eve.closed);
    assert_fetched("nobody who is connected has the object");
    end();
    begin();
    begin_fetch();
    rogue_pass(&s.eve, 100);
    bring_carol();
    assert_fetched("\"n\":7"); /* while Eve says nothing at all */
    end();
}

/* Answers that go on and on and bring nothing: the next member is asked beside, and after ten seconds she is passed over. */
static void test_endless_answers(void **state) {
    (void)state;
    begin();
    begin_fetch();
    vault *carol = street_move_in_with(&s.road, "carol", s.carol);
    vault_ask(carol, "{'do': 'peer.connect', 'space': 'Book', 'address': 'mem:alice'}");
    for (uint64_t i = 1; i <= 60 && strstr(s.alice->last, "\"n\":7") == NULL; i++) {
        dx_sync_seek seek;
        read_seek(&seek);
        answer(&(dx_sync_answer){.next = {.some = true, .stamp = {.counter = i}}});
        rogue_say(&s.eve);
        assert_false(s.eve.closed);
        rogue_pass(&s.eve, 100);
    }
    assert_fetched("\"n\":7");
    assert_in_range(s.eve.heard[DX_SYNC_SEEK], 10, 60);
    end();
}

/* Questions about entities, as fast as they can be asked: they wait, and what is too many ends the link; memory is bounded. */
static void test_flood_of_questions(void **state) {
    (void)state;
    dx_sync_seek seek = {.count = DX_SYNC_SEEKS_MAX};
    char large[4096], id[80];
    uint8_t bytes[DX_ID_SIZE];
    begin();
    snprintf(large, sizeof large,
             "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'t': '%*s'}}", 3000, "x");
    street_field(vault_ask(s.alice, large), "id", id, sizeof id);
    rogue_listen(&s.eve);
    assert_int_equal(dx_reference_parse(dx_bytes_text(id), bytes), DX_OK);
    for (size_t i = 0; i < seek.count; i++) {
        memcpy(seek.entities[i], bytes, DX_ID_SIZE);
    }
    size_t before = s.alice->alloc.live_bytes;
    s.eve.deaf = true;
    for (int i = 0; i < 2000 && !s.eve.closed; i++) {
        dx_sync_seek_write(&seek, &s.eve.message);
        rogue_say(&s.eve);
        assert_true(s.alice->alloc.live_bytes <= before + (8u << 20));
    }
    assert_int_equal(s.eve.reason, DX_E_FLOOD);
    assert_true(s.eve.heard_bytes <= DX_SYNC_CREDIT + (1u << 20));
    bring_carol();
    assert_pages(2 + PAGES, false);
    end();
}

/* --- What is left out for others ------------------------------------------------------------------------- */

/* Sections in what Alice sends of her own feed. */
static void count_sent(size_t *whole, size_t *holes) {
    static dx_sync_data data;
    *whole = *holes = 0;
    assert_int_equal(dx_sync_data_read(dx_buf_view(&s.eve.last[DX_SYNC_DATA]), &data), DX_OK);
    for (size_t i = 0; i < data.block_count; i++) {
        dx_block block;
        dx_reader cursor;
        assert_int_equal(dx_block_decode(data.blocks[i], &block), DX_OK);
        dx_reader_init(&cursor, block.sections);
        for (size_t at = 0; at < block.section_count; at++) {
            dx_bytes section;
            bool hole;
            assert_int_equal(dx_block_section(&cursor, &section, &hole), DX_OK);
            *whole += !hole;
            *holes += hole;
        }
    }
}

/* Eve keeps leaves alone: she is sent these, hashes of the rest, and the rest when she asks for an entity by its id. */
static void test_left_out(void **state) {
    (void)state;
    dx_space_scope scope;
    dx_sync_seek seek = {.count = 1};
    dx_sync_answer head;
    dx_sync_sought sought;
    dx_reader reader;
    char id[80];
    size_t whole, holes;
    begin();
    add(s.alice, "leaf", id, sizeof id);
    add(s.alice, "tree", id, sizeof id);
    add(s.alice, "tree", id, sizeof id);
    rogue_listen(&s.eve);
    const dx_feed *feed = dx_space_feed(rogue_space_of(s.alice), rogue_space_of(s.alice)->own_data);
    dx_space_scope_init(&scope, &s.eve.alloc.port);
    scope.names_types = true;
    scope.type_count = 1;
    scope.types[0] = dx_bytes_text("leaf");
    dx_sync_scope_write(1, &scope, &s.eve.message);
    dx_space_scope_deinit(&scope);
    rogue_say(&s.eve);
    dx_sync_want_write(feed->id, feed->length - 3, &s.eve.message);
    rogue_say(&s.eve);
    count_sent(&whole, &holes);
    assert_int_equal(whole, 1);
    assert_int_equal(holes, 2);
    assert_int_equal(dx_reference_parse(dx_bytes_text(id), seek.entities[0]), DX_OK);
    dx_sync_seek_write(&seek, &s.eve.message);
    rogue_say(&s.eve);
    assert_int_equal(dx_sync_sought_open(dx_buf_view(&s.eve.last[DX_SYNC_SOUGHT]), &head, &reader), DX_OK);
    assert_int_equal(head.answered, 1);
    assert_int_equal(head.sections, 1);
    assert_int_equal(dx_sync_sought_read(&reader, &sought), DX_OK);
    assert_int_equal(sought.place.seq, feed->length - 1);
    assert_false(s.eve.closed);
    end();
}

DX_TEST_MAIN(DX_TEST(test_whole_and_never_asked), DX_TEST(test_hidden_by_pretending),
             DX_TEST(test_held_back_openly), DX_TEST(test_silent_about_scopes),
             DX_TEST(test_numbers_of_scopes), DX_TEST(test_flood_of_scopes), DX_TEST(test_fetched),
             DX_TEST(test_sought_once), DX_TEST(test_false_answers), DX_TEST(test_answer_nobody_asked_for),
             DX_TEST(test_nothing_is_not_all), DX_TEST(test_endless_answers),
             DX_TEST(test_flood_of_questions), DX_TEST(test_left_out))
