/* sync/match.c against a peer that has the keys of a member and lies: about what matches a question, in ids of nothing, in
 * floods, by silence; or asks too much, too fast, and what it may not.
 *
 * Alice keeps trees by a question. Bob's vault was stolen: it lives on in the hideout, where it wrote trees; Eve has its keys.
 * Carol was there too, has all of it, and comes home at the end. */
#include "base/limits.h"
#include "echo/query.h"
#include "rogue.h"

enum { TREES = 3 };

#define ASK_TREES "{'do': 'query', 'space': 'Book', 'query': {'type': 'tree', 'count': true}}"

typedef struct scene {
    street road, hideout;
    vault *alice, *bob, *carol;
    rogue eve;
    const dx_feed *feed; /* Bob's data feed, in the stolen vault */
    uint64_t first;      /* the first block that Alice has not */
    char trees[TREES][80];
    dx_sync_match match; /* as Alice asked last; its question points into what Eve heard */
} scene;

static scene s;

static void add_tree(vault *self, char *id, size_t size) {
    street_field(vault_ask(self, "{'do': 'object.add', 'space': 'Book', 'type': 'tree', 'data': {'n': 7}}"),
                 "id", id, size);
}

static const char *ask_alice(const char *json) {
    s.alice->said = NULL;
    vault_ask(s.alice, json);
    s.alice->said = &s.eve.said;
    return s.alice->last;
}

static void assert_alice(const char *json, const char *expected) {
    if (strstr(ask_alice(json), expected) == NULL) {
        fail_msg("%s: not %s, but %s", json, expected, s.alice->last);
    }
}

static void hear_match(void) {
    assert_true(s.eve.heard[DX_SYNC_MATCH] > 0);
    assert_int_equal(dx_sync_match_read(dx_buf_view(&s.eve.last[DX_SYNC_MATCH]), &s.match), DX_OK);
}

/* Alice has the hashes of Eve's trees, and asks her what matches. */
static void begin(void) {
    dx_space_scope scope;
    uint64_t number;
    memset(&s, 0, sizeof s);
    street_init(&s.road);
    street_init(&s.hideout);
    s.alice = street_person(&s.road, "alice");
    vault *bob = street_person(&s.road, "bob"), *carol = street_person(&s.road, "carol");
    vault_ask(s.alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(s.alice, bob, "Book");
    street_join(s.alice, carol, "Book");
    char id[80];
    add_tree(bob, id, sizeof id);
    street_pass(&s.road, 60000);
    street_agree(&s.road, "Book");
    bob->listens = carol->listens = false;
    vault_leave(bob);
    vault_leave(carol);
    vault_ask(s.alice, "{'do': 'space.scope', 'space': 'Book', 'query': {'type': 'tree'}}");
    s.bob = street_move_in_with(&s.hideout, "bob", bob);
    s.carol = street_move_in_with(&s.hideout, "carol", carol);
    s.feed = dx_space_feed(rogue_space_of(s.bob), rogue_space_of(s.bob)->own_data);
    s.first = s.feed->length;
    for (size_t i = 0; i < TREES; i++) {
        add_tree(s.bob, s.trees[i], sizeof s.trees[i]);
    }
    vault_ask(s.carol, "{'do': 'peer.connect', 'space': 'Book', 'address': 'mem:bob'}");
    street_pass(&s.hideout, 20000);
    street_agree(&s.hideout, "Book");
    vault_leave(s.carol);
    rogue_init(&s.eve, s.alice, s.bob, s.bob);
    s.feed = rogue_own_feed(&s.eve, DX_FEED_DATA);
    rogue_meet(&s.eve);
    dx_space_scope_init(&scope, &s.eve.alloc.port);
    assert_int_equal(dx_sync_scope_read(dx_buf_view(&s.eve.last[DX_SYNC_SCOPE]), &number, &scope), DX_OK);
    assert_true(scope.names_types && scope.type_count == 0);
    dx_space_scope_deinit(&scope);
    dx_sync_scoped_write(number, true, &s.eve.message);
    rogue_say(&s.eve);
    rogue_write_state(&s.eve, &s.feed->identity, &s.feed->head);
    rogue_say(&s.eve);
    rogue_write_data_cut(&s.eve, s.feed, s.first, s.feed->length, s.first);
    rogue_say(&s.eve);
    assert_false(s.eve.closed);
    hear_match();
}

static void end(void) {
    rogue_deinit(&s.eve);
    street_deinit(&s.road);
    street_deinit(&s.hideout);
}

/* Carol, who is honest and has everything. */
static void bring_carol(void) {
    vault *carol = street_move_in_with(&s.road, "carol", s.carol);
    s.alice->said = NULL;
    vault_ask(carol, "{'do': 'peer.connect', 'space': 'Book', 'address': 'mem:alice'}");
    street_pass(&s.road, 60000);
    s.alice->said = &s.eve.said;
    assert_alice(ASK_TREES, "\"count\":4");
    assert_alice(ASK_TREES, "\"told_by\"");
}

/* The answer to what Alice asked last: these ids, and the end with the first bucket. */
static void tell(uint8_t (*ids)[DX_ID_SIZE], size_t count, dx_sync_verdict verdict) {
    dx_buf rows;
    dx_buf_init(&rows, &s.eve.alloc.port, DX_SYNC_MESSAGE_MAX);
    for (size_t i = 0; i < count || i == 0; i += DX_SYNC_MATCHED_MAX) {
        size_t end = count - i < DX_SYNC_MATCHED_MAX ? count : i + DX_SYNC_MATCHED_MAX;
        dx_sync_matched matched = {
            .number = s.match.number, .ended = end == count, .verdict = verdict, .buckets = {0}};
        matched.bucket_count = matched.ended;
        dx_buf_clear(&rows);
        for (size_t j = i; j < end; j++) {
            dx_sync_matched_row_write(ids[j], 99, &rows);
        }
        matched.rows = dx_buf_view(&rows);
        dx_sync_matched_write(&matched, &s.eve.message);
        rogue_say(&s.eve);
    }
    dx_buf_deinit(&rows);
}

static void id_at(uint64_t seq, uint8_t id[static DX_ID_SIZE]) {
    memset(id, 0, DX_ID_SIZE);
    memcpy(id, s.feed->id, DX_PREFIX_SIZE);
    id[DX_PREFIX_SIZE] = (uint8_t)(seq >> 24);
    id[DX_PREFIX_SIZE + 1] = (uint8_t)(seq >> 16);
    id[DX_PREFIX_SIZE + 2] = (uint8_t)(seq >> 8);
    id[DX_PREFIX_SIZE + 3] = (uint8_t)seq;
}

/* --- What is told ------------------------------------------------------------------------------------- */

/* She hides what she has, and says that it is all: by her word alone it is told. The next member tells it. */
static void test_hidden(void **state) {
    (void)state;
    begin();
    assert_int_equal(s.match.buckets, 1);
    uint8_t here[1][DX_ID_SIZE];
    id_at(s.first - 1, here[0]);
    tell(here, 1, DX_VERDICT_ALL);
    assert_false(s.eve.closed);
    bring_carol();
    end();
}

/* Of what is nowhere, of a block that is not here, of a feed that nobody knows, and of what is here and is no tree: each is
 * asked for once, of her, and nothing is told by that. */
static void test_ids_of_nothing(void **state) {
    (void)state;
    uint8_t ids[4][DX_ID_SIZE];
    begin();
    id_at(s.first, ids[0]);
    ids[0][DX_ID_SIZE - 1] = 9; /* a section that is not there */
    id_at(s.feed->length + 1000, ids[1]);
    id_at(0, ids[2]);
    memset(ids[2], 7, DX_PREFIX_SIZE);
    id_at(0, ids[3]);
    size_t before = s.alice->alloc.live_bytes;
    tell(ids, 4, DX_VERDICT_ALL);
    assert_int_equal(s.eve.heard[DX_SYNC_SEEK], 1);
    dx_sync_seek seek;
    assert_int_equal(dx_sync_seek_read(dx_buf_view(&s.eve.last[DX_SYNC_SEEK]), &seek), DX_OK);
    assert_true(seek.count <= 3);
    dx_sync_sought_begin(&(dx_sync_answer){.answered = seek.count, .whole = true}, &s.eve.message);
    rogue_say(&s.eve);
    assert_false(s.eve.closed);
    assert_null(strstr(ask_alice(ASK_TREES), "told_by"));
    assert_true(s.alice->alloc.live_bytes <= before + 65536);
    /* Asked again later, and later still: not at once. */
    size_t heard = s.eve.heard[DX_SYNC_MATCH];
    rogue_pass(&s.eve, DX_SYNC_MATCH_AGAIN_MS - 1);
    assert_int_equal(s.eve.heard[DX_SYNC_MATCH], heard);
    rogue_pass(&s.eve, 2 * DX_SYNC_MATCH_AGAIN_MS);
    assert_int_equal(s.eve.heard[DX_SYNC_MATCH], heard + 1);
    bring_carol();
    end();
}

static void test_false_ends(void **state) {
    (void)state;
    for (int way = 0; way < 3; way++) {
        begin();
        dx_sync_matched matched = {.number = s.match.number, .ended = true, .verdict = DX_VERDICT_ALL};
        if (way == 0) {
            matched.number++;
        } else {
            matched.bucket_count = 1;
            matched.buckets[0] = way == 1 ? (uint8_t)s.match.buckets : 0;
        }
        dx_sync_matched_write(&matched, &s.eve.message);
        rogue_say(&s.eve);
        if (way == 2) { /* right, and once too often */
            assert_false(s.eve.closed);
            dx_sync_matched_write(&matched, &s.eve.message);
            rogue_say(&s.eve);
        }
        assert_true(s.eve.closed);
        assert_int_equal(s.eve.reason, DX_E_PROTOCOL);
        bring_carol();
        end();
    }
}

/* More than can match: the link ends, and what was told is forgotten. */
static void test_flood_of_rows(void **state) {
    (void)state;
    static uint8_t ids[DX_SYNC_MATCHED_MAX][DX_ID_SIZE];
    dx_buf rows;
    begin();
    size_t before = s.alice->alloc.live_bytes;
    dx_buf_init(&rows, &s.eve.alloc.port, DX_SYNC_MESSAGE_MAX);
    size_t told = 0;
    while (!s.eve.closed && told <= 2 * DX_MATCHES_MAX) {
        dx_buf_clear(&rows);
        for (size_t i = 0; i < DX_SYNC_MATCHED_MAX; i++) {
            id_at(told++ % s.feed->length, ids[i]);
            dx_sync_matched_row_write(ids[i], told, &rows);
        }
        const dx_sync_matched matched = {.number = s.match.number, .rows = dx_buf_view(&rows)};
        dx_sync_matched_write(&matched, &s.eve.message);
        rogue_say(&s.eve);
    }
    dx_buf_deinit(&rows);
    assert_int_equal(s.eve.reason, DX_E_FLOOD);
    assert_int_equal(told, DX_MATCHES_MAX + DX_SYNC_MATCHED_MAX);
    assert_true(s.alice->alloc.live_bytes <= before + 65536);
    bring_carol();
    end();
}

/* She says nothing: ten seconds later another one is asked. */
static void test_silence(void **state) {
    (void)state;
    begin();
    rogue_pass(&s.eve, DX_SYNC_STALL_MS + 10);
    assert_false(s.eve.closed);
    size_t heard = s.eve.heard[DX_SYNC_MATCH];
    bring_carol();
    assert_int_equal(s.eve.heard[DX_SYNC_MATCH], heard); /* and she is not, while an answer is due */
    end();
}

/* So many ids, less one, of sections that are not there, of a block that is. The tree that Alice has already, which is not told,
 * is the last that is to be fetched. */
static void tell_many(size_t count) {
    static uint8_t ids[DX_SYNC_SEEKS_DUE_MAX * DX_SYNC_SEEKS_MAX + 6][DX_ID_SIZE];
    assert_true(count <= sizeof ids / sizeof ids[0]);
    count--;
    for (size_t i = 0; i < count; i++) {
        id_at(s.first, ids[i]);
        ids[i][DX_ID_SIZE - 1] = (uint8_t)i;
        ids[i][DX_ID_SIZE - 2] = (uint8_t)(i >> 8);
    }
    tell(ids, count, DX_VERDICT_ALL);
}

static bool is_fetching(void) {
    dx_replication_status status;
    dx_replication_status_of(s.alice->node->replication, rogue_space_of(s.alice), &status);
    return status.pending_sections;
}

/* She tells of more than is asked for at once, and gives nothing: after ten seconds nothing waits for her. */
static void test_told_and_not_given(void **state) {
    (void)state;
    begin();
    tell_many(DX_SYNC_SEEKS_DUE_MAX * DX_SYNC_SEEKS_MAX + 6);
    assert_int_equal(s.eve.heard[DX_SYNC_SEEK], DX_SYNC_SEEKS_DUE_MAX);
    assert_true(is_fetching());
    rogue_pass(&s.eve, DX_SYNC_STALL_MS + 10);
    assert_false(s.eve.closed);
    assert_false(is_fetching());
    assert_null(strstr(ask_alice(ASK_TREES), "told_by"));
    bring_carol();
    end();
}

/* Says that there is nothing about the first of what was asked for in the oldest question. */
static void answer_seek(size_t answered) {
    dx_sync_sought_begin(&(dx_sync_answer){.answered = answered, .whole = true}, &s.eve.message);
    rogue_say(&s.eve);
}

static void hear_seeks(size_t heard, size_t count) {
    dx_sync_seek seek;
    assert_false(s.eve.closed);
    assert_int_equal(s.eve.heard[DX_SYNC_SEEK], heard);
    assert_int_equal(dx_sync_seek_read(dx_buf_view(&s.eve.last[DX_SYNC_SEEK]), &seek), DX_OK);
    assert_int_equal(seek.count, count);
}

/* Answers are those of the oldest question; what one had no room for is asked behind the others. */
static void test_questions_under_way(void **state) {
    (void)state;
    enum { DUE = DX_SYNC_SEEKS_DUE_MAX, EACH = DX_SYNC_SEEKS_MAX };
    begin();
    tell_many(DUE * EACH + 6);
    hear_seeks(DUE, EACH);
    answer_seek(EACH);
    hear_seeks(DUE + 1, 6);
    answer_seek(EACH - 100);
    hear_seeks(DUE + 2, 100);
    for (size_t i = 2; i < DUE; i++) {
        answer_seek(EACH);
    }
    answer_seek(6);
    assert_true(is_fetching());
    answer_seek(100);
    assert_false(is_fetching());
    hear_seeks(DUE + 2, 100);
    answer_seek(1); /* to no question */
    assert_true(s.eve.closed);
    assert_int_equal(s.eve.reason, DX_E_PROTOCOL);
    bring_carol();
    end();
}

/* More than the oldest question asks, though another asked for more. */
static void test_more_than_asked(void **state) {
    (void)state;
    begin();
    tell_many(2 * DX_SYNC_SEEKS_MAX);
    answer_seek(DX_SYNC_SEEKS_MAX - 1);
    answer_seek(DX_SYNC_SEEKS_MAX);
    hear_seeks(3, 1);
    answer_seek(2);
    assert_true(s.eve.closed);
    assert_int_equal(s.eve.reason, DX_E_PROTOCOL);
    bring_carol();
    end();
}

/* What comes next is not waited for four times as long as fetching took. */
static void test_slow_fetch(void **state) {
    (void)state;
    begin();
    tell_many(2);
    rogue_pass(&s.eve, DX_SYNC_STALL_MS - 1000);
    size_t heard = s.eve.heard[DX_SYNC_MATCH];
    answer_seek(2);
    rogue_pass(&s.eve, DX_SYNC_MATCH_AGAIN_MS + 10);
    assert_int_equal(s.eve.heard[DX_SYNC_MATCH], heard + 1);
    hear_match();
    bring_carol();
    end();
}

static void test_refused(void **state) {
    (void)state;
    begin();
    tell(NULL, 0, DX_VERDICT_REFUSED);
    assert_false(s.eve.closed);
    assert_alice("{'do': 'space.status', 'space': 'Book'}", "\"unasked\"");
    bring_carol();
    end();
}

/* --- What is asked ------------------------------------------------------------------------------------ */

static void write_match(uint64_t number, const char *json) {
    char message[DX_QUERY_MESSAGE_SIZE];
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, &s.eve.alloc.port, 1 << 16);
    dx_writer_init(&writer, &item);
    assert_int_equal(dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message), DX_OK);
    const dx_sync_match match = {.number = number, .question = dx_buf_view(&item), .buckets = 1};
    dx_sync_match_write(&match, &s.eve.message);
    dx_buf_deinit(&item);
}

static void hear_matched(dx_sync_matched *matched) {
    rogue_pass(&s.eve, 1000);
    assert_false(s.eve.closed);
    assert_int_equal(dx_sync_matched_read(dx_buf_view(&s.eve.last[DX_SYNC_MATCHED]), matched), DX_OK);
    assert_true(matched->ended);
}

/* What is no question of a scope is refused, and the link stands. Who keeps a part says that it may not be all. */
static void test_questions(void **state) {
    (void)state;
    static const char *const wrong[] = {"{\"follow\": [{\"out\": \"a\"}]}", "{\"type\": 7}",
                                        "{\"nothing\": true}", "{\"limit\": 1}"};
    dx_sync_matched matched;
    begin();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_match(i, wrong[i]);
        rogue_say(&s.eve);
        hear_matched(&matched);
        assert_int_equal(matched.number, i);
        assert_int_equal(matched.verdict, DX_VERDICT_REFUSED);
    }
    write_match(9, "{\"type\": \"tree\"}");
    rogue_say(&s.eve);
    hear_matched(&matched);
    assert_int_equal(matched.verdict, DX_VERDICT_PART);
    assert_int_equal(matched.bucket_count, 1);
    end();
}

/* One at a time; and as fast as they are answered they cost work, which comes back with time. */
static void test_flood_of_questions(void **state) {
    (void)state;
    begin();
    size_t before = s.alice->alloc.live_bytes;
    uint64_t number = 0;
    while (!s.eve.closed && number < 20000) {
        write_match(++number, "{}");
        rogue_say(&s.eve);
    }
    assert_true(s.eve.closed);
    assert_int_equal(s.eve.reason,
                     DX_E_PROTOCOL); /* the work was used up, and another question came before the answer */
    assert_in_range(number, 50, 1000);
    assert_true(s.alice->alloc.live_bytes <= before + 65536);
    bring_carol();
    end();
}

DX_TEST_MAIN(DX_TEST(test_hidden), DX_TEST(test_ids_of_nothing), DX_TEST(test_false_ends),
             DX_TEST(test_flood_of_rows), DX_TEST(test_silence), DX_TEST(test_told_and_not_given),
             DX_TEST(test_questions_under_way), DX_TEST(test_more_than_asked), DX_TEST(test_slow_fetch),
             DX_TEST(test_refused), DX_TEST(test_questions), DX_TEST(test_flood_of_questions))
