/* tests/stories/story_offline_batches.c: what the original gets wrong: batches written offline, with equal
 * timeframes.
 *
 * In the original every message carries the writer's processed timeframe, and a replica puts a mutation after
 * the last one of its own feed and before the first one that is concurrent and has a greater feed key.
 * Written offline, the mutations of a batch share one timeframe, so they count as concurrent with each
 * other's feed at every place; where each lands depends on what was in the queue before it. Two replicas that
 * took them in different orders show different values for good, and each believes to be up to date.
 *
 * Here a block's place is the sum of what its feed has declared to have seen, ties by feed: nothing of it
 * depends on arrival. So every replica shows the same, whatever order, and a newcomer too. */
#include "peer.h"

enum { WRITERS = 3 };

typedef struct story {
    peer people[WRITERS];
    int64_t keys[WRITERS]; /* of the page, in each vault */
} story;

static void exchange_all(story *s, const int *order) {
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < WRITERS; i++) {
            for (int j = 0; j < WRITERS; j++) {
                if (order[i] != order[j]) {
                    peer_pull(&s->people[order[i]], &s->people[order[j]], 2);
                }
            }
        }
    }
}

static void begin(story *s) {
    static const char *const names[WRITERS] = {"Alice", "Bob", "Carol"};
    for (uint64_t i = 0; i < WRITERS; i++) {
        peer_init(&s->people[i], i + 1, names[i]);
    }
    peer_create_space(&s->people[0], "Garden");
    for (int i = 1; i < WRITERS; i++) {
        peer_admit(&s->people[0], &s->people[i], DX_ROLE_EDITOR);
    }
    int64_t page = peer_add(&s->people[0], "page", "{\"word\": \"start\"}");
    exchange_all(s, (int[]){0, 1, 2});
    for (int i = 0; i < WRITERS; i++) {
        s->keys[i] = peer_key(&s->people[i], &s->people[0], page);
    }
}

/* Offline, from equal timeframes, each writes a batch of two blocks on the same words. */
static void write_offline(story *s) {
    char json[32];
    for (int i = 0; i < WRITERS; i++) {
        snprintf(json, sizeof json, "\"%c1\"", 'a' + i);
        peer_set(&s->people[i], s->keys[i], "word", json);
        snprintf(json, sizeof json, "\"%c2\"", 'a' + i);
        peer_set(&s->people[i], s->keys[i], "word", json);
        peer_set(&s->people[i], s->keys[i], "other", json);
    }
}

static void test_every_replica_shows_the_same(void **state) {
    (void)state;
    static const int orders[][WRITERS] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    char *expected = NULL;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        story s;
        begin(&s);
        write_offline(&s);
        exchange_all(&s, orders[i]);
        for (int j = 1; j < WRITERS; j++) {
            assert_same_state(&s.people[0], &s.people[j]);
        }
        char word[64];
        peer_show(&s.people[0], s.keys[0], word, sizeof word);
        assert_true(strstr(word, "2\"") != NULL &&
                    strstr(word, "1\"") == NULL); /* a writer's later word beats his earlier */
        char *now = peer_state(&s.people[0]);
        if (expected == NULL) {
            expected = now;
        } else {
            assert_string_equal(now, expected);
            free(now);
        }
        for (int j = 0; j < WRITERS; j++) {
            peer_deinit(&s.people[j]);
        }
    }
    free(expected);
}

/* Someone who was never there, and takes it all at the end, from one who took it in another order. */
static void test_a_newcomer_shows_it_too(void **state) {
    (void)state;
    story s;
    peer dave;
    begin(&s);
    write_offline(&s);
    exchange_all(&s, (int[]){2, 0, 1});
    peer_init(&dave, 9, "Dave");
    peer_admit(&s.people[0], &dave, DX_ROLE_READER);
    peer_pull(&dave, &s.people[0], 1);
    peer_pull(&s.people[0], &dave, 1);
    assert_same_state(&s.people[0], &dave);
    peer_deinit(&dave);
    for (int j = 0; j < WRITERS; j++) {
        peer_deinit(&s.people[j]);
    }
}

/* It is said openly: who writes more offline wins later conflicts, and who has seen a word beats it. */
static void test_who_has_seen_more_is_later(void **state) {
    (void)state;
    story s;
    begin(&s);
    peer_set(&s.people[1], s.keys[1], "word", "\"one\"");
    peer_set(&s.people[1], s.keys[1], "word", "\"two\"");
    peer_set(&s.people[2], s.keys[2], "word", "\"alone\"");
    exchange_all(&s, (int[]){0, 1, 2});
    assert_shows(&s.people[0], s.keys[0], "{\"word\":\"two\"}");
    peer_set(&s.people[2], s.keys[2], "word", "\"seen\"");
    exchange_all(&s, (int[]){1, 2, 0});
    assert_shows(&s.people[0], s.keys[0], "{\"word\":\"seen\"}");
    assert_same_state(&s.people[0], &s.people[1]);
    for (int j = 0; j < WRITERS; j++) {
        peer_deinit(&s.people[j]);
    }
}

DX_TEST_MAIN(DX_TEST(test_every_replica_shows_the_same), DX_TEST(test_a_newcomer_shows_it_too),
             DX_TEST(test_who_has_seen_more_is_later))
