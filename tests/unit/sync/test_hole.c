/* sync/hole.c against a peer that has the keys of a member and serves blocks with holes: the vault asks it, then others,
 * takes nothing but what has the right hash, and ends up with what a vault has that was never lied to. */
#include "base/limits.h"
#include "feed/hole.h"
#include "feed/limb.h"
#include "rogue.h"

/* Alice is lied to. Bob's vault was stolen: it lives on in the hideout, where it wrote pages; Eve has its keys. */
typedef struct scene {
    street road, hideout;
    vault *alice, *bob;
    rogue eve;
    const dx_feed *feed; /* Bob's data feed, in the stolen vault */
    uint64_t first;      /* the first block that Alice has not */
} scene;

enum { PAGES = 5 };

static scene s;

static void begin(void) {
    memset(&s, 0, sizeof s);
    street_init(&s.road);
    street_init(&s.hideout);
    s.alice = street_person(&s.road, "alice");
    vault *bob = street_person(&s.road, "bob");
    vault_ask(s.alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(s.alice, bob, "Book");
    vault_ask(bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 0}}");
    street_pass(&s.road, 60000);
    bob->listens = false;
    vault_leave(bob);
    s.bob = street_move_in_with(&s.hideout, "bob", bob);
    s.first = dx_space_feed(rogue_space_of(s.bob), rogue_space_of(s.bob)->own_data)->length;
    for (int i = 0; i < PAGES; i++) {
        vault_ask(s.bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 1}}");
    }
    rogue_init(&s.eve, s.alice, s.bob, s.bob);
    s.feed = rogue_own_feed(&s.eve, DX_FEED_DATA);
    rogue_meet(&s.eve);
}

static void end(void) {
    rogue_deinit(&s.eve);
    street_deinit(&s.road);
    street_deinit(&s.hideout);
}

/* Announces Bob's feed, and serves what she is asked for with holes alone. */
static void serve_hollow(void) {
    rogue_write_state(&s.eve, &s.feed->identity, &s.feed->head);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 1);
    rogue_write_data_cut(&s.eve, s.feed, s.first, s.feed->length, s.first);
    rogue_say(&s.eve);
}

/* What Alice asks for. */
static size_t read_question(dx_sync_place places[static DX_SYNC_PLACES_MAX]) {
    uint8_t id[DX_HASH_SIZE];
    size_t count;
    dx_limb_goal branch;
    dx_feed found;
    assert_int_equal(dx_sync_holes_read(dx_buf_view(&s.eve.last[DX_SYNC_HOLES]), id, &branch, places, &count),
                     DX_OK);
    assert_memory_equal(id, s.feed->id, sizeof id);
    rogue_begin_reading(&s.eve);
    assert_int_equal(dx_limb_find(s.feed, s.bob->node->store, &branch, &found), DX_OK);
    rogue_end_reading(&s.eve);
    return count;
}

static void write_section(const dx_sync_place *place, uint8_t flip) {
    dx_bytes bytes, section = {NULL, 0};
    dx_block block;
    dx_reader cursor;
    dx_buf copy;
    bool hole;
    rogue_begin_reading(&s.eve);
    assert_int_equal(dx_feed_read(s.feed, s.bob->node->store, place->seq, &bytes), DX_OK);
    assert_int_equal(dx_block_decode(bytes, &block), DX_OK);
    dx_reader_init(&cursor, block.sections);
    for (uint64_t i = 0; i <= place->index; i++) {
        assert_int_equal(dx_block_section(&cursor, &section, &hole), DX_OK);
    }
    dx_buf_init(&copy, &s.eve.alloc.port, DX_BLOCK_SIZE_MAX);
    dx_buf_append(&copy, section.data, section.size);
    copy.data[0] ^= flip;
    rogue_end_reading(&s.eve);
    dx_sync_section_write(place, dx_buf_view(&copy), &s.eve.message);
    dx_buf_deinit(&copy);
}

static uint64_t count_holes(void) {
    uint64_t sections, excused;
    dx_space *space = rogue_space_of(s.alice);
    assert_int_equal(dx_store_begin(s.alice->node->store), DX_OK);
    assert_int_equal(
        dx_hole_count(dx_space_feed_by_id(space, s.feed->id), s.alice->node->store, &sections, &excused),
        DX_OK);
    dx_store_rollback(s.alice->node->store);
    return sections;
}

static const char *count_pages(void) {
    return vault_ask(s.alice, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}");
}

static void assert_pages(const char *count) {
    char expected[64];
    s.alice->said = NULL;
    count_pages();
    s.alice->said = &s.eve.said;
    snprintf(expected, sizeof expected, "\"count\":%s", count);
    if (strstr(s.alice->last, expected) == NULL && strstr(s.alice->told, expected) == NULL) {
        fail_msg("not %s: %s%s", expected, s.alice->last, s.alice->told);
    }
}

/* The honest Bob comes home. */
static void bring_bob(void) {
    vault *bob = street_move_in_with(&s.road, "bob", s.bob);
    vault_ask(bob, "{'do': 'peer.connect', 'space': 'Book', 'address': 'mem:alice'}");
    street_pass(&s.road, 20000);
}

/* The attack: everything is held back. Alice takes the blocks, asks Eve, who has nothing; then Bob, and has all. */
static void test_held_back_by_one(void **state) {
    (void)state;
    dx_sync_place places[DX_SYNC_PLACES_MAX];
    begin();
    serve_hollow();
    assert_false(s.eve.closed);
    assert_int_equal(count_holes(), PAGES);
    assert_int_equal(s.eve.heard[DX_SYNC_HOLES], 1);
    assert_int_equal(read_question(places), PAGES);
    dx_sync_sections_begin(s.feed->id, PAGES, 0, &s.eve.message);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_HOLES], 1);
    assert_pages("1");
    bring_bob();
    assert_int_equal(count_holes(), 0);
    s.alice->said = NULL;
    char mine[STREET_TEXT_SIZE];
    snprintf(mine, sizeof mine, "%s", vault_ask(s.alice, "{'do': 'space.digest', 'space': 'Book'}"));
    assert_asks(s.bob, "{'do': 'space.digest', 'space': 'Book'}", mine);
    s.alice->said = &s.eve.said;
    end();
}

/* Part by part, each answer about so many places as it says. */
static void test_filled_by_the_same(void **state) {
    (void)state;
    dx_sync_place places[DX_SYNC_PLACES_MAX];
    begin();
    serve_hollow();
    read_question(places);
    dx_sync_sections_begin(s.feed->id, 2, 1, &s.eve.message);
    write_section(&places[1], 0);
    rogue_say(&s.eve);
    assert_int_equal(count_holes(), PAGES - 1);
    assert_pages("2");
    assert_int_equal(s.eve.heard[DX_SYNC_HOLES], 2);
    assert_int_equal(read_question(places), PAGES - 2);
    assert_int_equal(places[0].seq, s.first + 2);
    dx_sync_sections_begin(s.feed->id, PAGES - 2, PAGES - 2, &s.eve.message);
    for (size_t i = 0; i < PAGES - 2; i++) {
        write_section(&places[i], 0);
    }
    rogue_say(&s.eve);
    assert_int_equal(count_holes(), 1);
    assert_int_equal(s.eve.heard[DX_SYNC_HOLES], 2);
    assert_pages("5");
    /* The one she did not have, when it is time to ask again. */
    for (uint64_t ms = 0; ms < DX_SYNC_HOLES_MS && s.eve.heard[DX_SYNC_HOLES] == 2; ms += 10000) {
        dx_sync_ping_write(true, &s.eve.message);
        rogue_say(&s.eve);
        rogue_pass(&s.eve, 10000);
    }
    assert_int_equal(s.eve.heard[DX_SYNC_HOLES], 3);
    assert_int_equal(read_question(places), 1);
    dx_sync_sections_begin(s.feed->id, 1, 1, &s.eve.message);
    write_section(&places[0], 0);
    rogue_say(&s.eve);
    assert_int_equal(count_holes(), 0);
    assert_pages("6");
    assert_false(s.eve.closed);
    end();
}

/* Answers that are none: the link ends, what was right of it stays, and Bob gives the rest. */
static void test_false_answers(void **state) {
    (void)state;
    static const struct {
        size_t answered, sections;
        int flip, swap, reason;
        uint64_t left;
    } ways[] = {{PAGES, 1, 1, 0, DX_E_SIGNATURE, PAGES},
                {PAGES + 1, 0, 0, 0, DX_E_PROTOCOL, PAGES},
                {1, 2, 0, 0, DX_E_MALFORMED, PAGES},
                {PAGES, 2, 0, 1, DX_E_PROTOCOL, PAGES},
                {PAGES, 2, 2, 0, DX_E_SIGNATURE, PAGES - 1}};
    for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        dx_sync_place places[DX_SYNC_PLACES_MAX];
        begin();
        serve_hollow();
        read_question(places);
        dx_sync_sections_begin(s.feed->id, ways[way].answered, ways[way].sections, &s.eve.message);
        for (size_t i = 0; i < ways[way].sections; i++) {
            write_section(&places[ways[way].swap ? ways[way].sections - 1 - i : i],
                          ways[way].flip == (int)i + 1 ? 1 : 0);
        }
        rogue_say(&s.eve);
        assert_true(s.eve.closed);
        assert_int_equal(s.eve.reason, ways[way].reason);
        assert_true(count_holes() <= PAGES && count_holes() >= ways[way].left - 1);
        bring_bob();
        assert_int_equal(count_holes(), 0);
        end();
    }
}

/* One who does not answer holds nobody up for long, and may answer late once. */
static void test_silence(void **state) {
    (void)state;
    dx_sync_place places[DX_SYNC_PLACES_MAX];
    begin();
    serve_hollow();
    read_question(places);
    rogue_pass(&s.eve, DX_SYNC_STALL_MS + 1);
    dx_sync_sections_begin(s.feed->id, PAGES, 1, &s.eve.message);
    write_section(&places[0], 0);
    rogue_say(&s.eve);
    assert_false(s.eve.closed);
    assert_int_equal(count_holes(), PAGES); /* too late: others are asked by now */
    rogue_pass(&s.eve, DX_SYNC_STALL_MS + 1);
    assert_int_equal(s.eve.heard[DX_SYNC_HOLES], 2);
    rogue_pass(&s.eve, DX_SYNC_STALL_MS + 1);
    bring_bob();
    assert_int_equal(count_holes(), 0);
    end();
    begin();
    serve_hollow();
    rogue_pass(&s.eve, DX_SYNC_STALL_MS + 1);
    for (int i = 0; i < 2; i++) {
        assert_false(s.eve.closed);
        dx_sync_sections_begin(s.feed->id, PAGES, 0, &s.eve.message);
        rogue_say(&s.eve);
    }
    assert_false(s.eve.closed); /* the second answers the question she was asked after the first */
    dx_sync_sections_begin(s.feed->id, PAGES, 0, &s.eve.message);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.reason, DX_E_PROTOCOL);
    end();
}

/* Alice gives what she has, as much as fits one message, and says what she answered. */
static void test_answers_are_bounded(void **state) {
    (void)state;
    enum { LARGE = 100 * 1024 };
    begin();
    char *command = malloc(2 * LARGE);
    for (int i = 0; i < 4; i++) {
        int at = snprintf(command, 2 * LARGE,
                          "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'t': '");
        assert_true(at < 1000);
        memset(command + at, 'a' + i, 50000);
        snprintf(command + at + 50000, 100, "'}}");
        vault_ask(s.alice, command);
    }
    free(command);
    rogue_listen(&s.eve);
    const dx_feed *feed = dx_space_feed(rogue_space_of(s.alice), rogue_space_of(s.alice)->own_data);
    dx_sync_place places[DX_SYNC_PLACES_MAX];
    size_t count = 0, asked = 0, got = 0;
    for (uint64_t seq = 0; seq < feed->length; seq++) {
        places[count++] = (dx_sync_place){.seq = seq};
        places[count++] = (dx_sync_place){.seq = seq, .index = 40000};
    }
    while (asked < count) {
        uint8_t id[DX_HASH_SIZE];
        size_t answered, sections, heard = s.eve.heard[DX_SYNC_SECTIONS];
        dx_reader reader;
        rogue_write_holes(&s.eve, s.alice, feed, places + asked, count - asked);
        rogue_say(&s.eve);
        assert_int_equal(s.eve.heard[DX_SYNC_SECTIONS], heard + 1);
        assert_true(s.eve.last[DX_SYNC_SECTIONS].size < 2 * DX_SYNC_DATA_SIZE);
        assert_int_equal(dx_sync_sections_read(dx_buf_view(&s.eve.last[DX_SYNC_SECTIONS]), id, &answered,
                                               &sections, &reader),
                         DX_OK);
        asked += answered;
        got += sections;
    }
    assert_int_equal(asked, count);
    assert_int_equal(got, feed->length);
    /* Of a branch that is not here, or not so far, of a feed that is not, and of a control feed, nothing. */
    const uint8_t other[DX_HASH_SIZE] = {1};
    const dx_sync_place beyond = {.seq = feed->length};
    dx_feed *control = dx_space_feed(rogue_space_of(s.alice), rogue_space_of(s.alice)->own_control);
    for (int way = 0; way < 4; way++) {
        uint8_t id[DX_HASH_SIZE];
        size_t answered, sections;
        dx_reader reader;
        switch (way) {
        case 0:
            dx_sync_holes_write(feed->id, other, places, 1, &s.eve.message);
            break;
        case 1:
            rogue_write_holes(&s.eve, s.alice, feed, &beyond, 1);
            break;
        case 2:
            dx_sync_holes_write(other, other, places, 1, &s.eve.message);
            break;
        default:
            rogue_write_holes(&s.eve, s.alice, control, places, 1);
        }
        rogue_say(&s.eve);
        assert_int_equal(dx_sync_sections_read(dx_buf_view(&s.eve.last[DX_SYNC_SECTIONS]), id, &answered,
                                               &sections, &reader),
                         DX_OK);
        assert_int_equal(answered, 1);
        assert_int_equal(sections, 0);
        assert_false(s.eve.closed);
    }
    end();
}

/* The first section of Alice's data feed, and what is about the page it makes, asked for in one breath with what lies in the
 * message. */
static void ask_at_once(rogue *self) {
    dx_space *space = rogue_space_of(s.alice);
    const dx_feed *feed = dx_space_feed(space, space->own_data);
    const dx_sync_place place = {.seq = feed->length - 1};
    dx_sync_seek seek = {.count = 1};
    assert_int_equal(dx_key_to_id(space, dx_entity_key(feed->local, place.seq, 0), seek.entities[0]), DX_OK);
    if (self->message.size != 0) {
        rogue_write(self, dx_buf_view(&self->message));
        dx_buf_clear(&self->message);
    }
    rogue_write_holes(self, s.alice, feed, &place, 1);
    rogue_write(self, dx_buf_view(&self->message));
    dx_buf_clear(&self->message);
    dx_sync_seek_write(&seek, &self->message);
    rogue_say(self);
}

/* So many answers, each with so many sections. */
static void assert_answers(const rogue *self, size_t answers, size_t expected) {
    uint8_t id[DX_HASH_SIZE];
    size_t answered, sections;
    dx_sync_answer head;
    dx_reader reader;
    assert_int_equal(self->heard[DX_SYNC_SECTIONS], answers);
    assert_int_equal(self->heard[DX_SYNC_SOUGHT], answers);
    assert_int_equal(
        dx_sync_sections_read(dx_buf_view(&self->last[DX_SYNC_SECTIONS]), id, &answered, &sections, &reader),
        DX_OK);
    assert_int_equal(answered, 1);
    assert_int_equal(sections, expected);
    assert_int_equal(dx_sync_sought_open(dx_buf_view(&self->last[DX_SYNC_SOUGHT]), &head, &reader), DX_OK);
    assert_int_equal(head.answered, 1);
    assert_int_equal(head.sections, expected);
    assert_int_equal(head.whole, expected != 0);
    assert_false(self->closed);
}

/* Who asks waits for the answer before it asks anything else: so every question has one, those that come with the hello, before
 * it is known who asks, and those of a stranger, who is given nothing. */
static void test_every_question_is_answered(void **state) {
    (void)state;
    static const dx_sync_digests digests = {.control = {1}, .data = {2}};
    rogue mallory;
    begin();
    s.alice->said = NULL;
    vault_ask(s.alice, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'n': 2}}");
    s.alice->said = &s.eve.said;
    rogue_call(&s.eve);
    rogue_write_hello(&s.eve, &digests);
    ask_at_once(&s.eve);
    assert_answers(&s.eve, 1, 1);
    rogue_init(&mallory, s.alice, street_person(&s.road, "mallory"), s.bob);
    rogue_call(&mallory);
    rogue_write_hello(&mallory, &digests);
    ask_at_once(&mallory);
    assert_answers(&mallory, 1, 0);
    ask_at_once(&mallory);
    assert_answers(&mallory, 2, 0);
    rogue_deinit(&mallory);
    s.alice->said = &s.eve.said;
    end();
}

/* Where a feed begins may be told while its blocks are on their way, about another question: what was wanted is still wanted, and
 * what comes of it all the same is no fault. */
static void test_told_where_it_begins_while_blocks_come(void **state) {
    (void)state;
    begin();
    rogue_write_state(&s.eve, &s.feed->identity, &s.feed->head);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 1);
    dx_sync_gone_write(s.feed->id, s.first, &s.eve.message); /* all that was wanted is there */
    rogue_say(&s.eve);
    rogue_write_data(&s.eve, s.feed, s.first, s.first + 1);
    rogue_say(&s.eve);
    assert_false(s.eve.closed);
    const dx_feed *here = dx_space_feed_by_id(rogue_space_of(s.alice), s.feed->id);
    assert_int_equal(here->length, s.first + 1);
    dx_sync_gone_write(s.feed->id, s.feed->length, &s.eve.message); /* let go of meanwhile */
    rogue_say(&s.eve);
    rogue_write_data(&s.eve, s.feed, s.first + 1, s.first + 2);
    rogue_say(&s.eve);
    assert_false(s.eve.closed);
    assert_int_equal(here->length, s.first + 2);
    assert_int_equal(s.eve.heard[DX_SYNC_WANT], 1); /* nobody asks for what is gone */
    end();
}

DX_TEST_MAIN(DX_TEST(test_told_where_it_begins_while_blocks_come), DX_TEST(test_held_back_by_one),
             DX_TEST(test_filled_by_the_same), DX_TEST(test_false_answers), DX_TEST(test_silence),
             DX_TEST(test_answers_are_bounded), DX_TEST(test_every_question_is_answered))
