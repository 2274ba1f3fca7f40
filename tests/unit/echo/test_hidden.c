/* tests/unit/echo/test_hidden.c: of texts, what has no effect and others named holds its place: whoever wrote next to it is read by all
 * alike, whatever came in which order, and nothing of what has no effect shows. Of echo/hidden.c, over the worlds of floor_world.h. */
#include "floor_world.h"

#include "echo/history.h"

enum { FIRST = 41, WORLDS = 14, ORDERS = 6, ALL_WORDS = 4096 };

static void show_text(world *w, char *out) {
    peer_show(&w->olga, peer_key(&w->olga, &w->namers[0], w->text), out, ALL_WORDS);
}

static int count_words(const char *shown, const char *format, int number) {
    char word[32];
    int count = 0;
    snprintf(word, sizeof word, format, number);
    for (const char *at = shown; (at = strstr(at, word)) != NULL; at++) {
        count++;
    }
    return count;
}

/* Of Dave's lives one shows, as far as it has effect; of those who read one or another, everything. */
static void assert_words(world *w, const char *shown) {
    const dx_feed *feed = daves_feed(w, &w->olga);
    int lives = 0;
    for (int life = 0; life < BRANCHES; life++) {
        lives += count_words(shown, " dave%d", life) != 0;
    }
    assert_true(lives <= 1);
    assert_true(dx_feed_limit(feed) > w->parts_low || lives == 0);
    for (int i = 0; i < NAMERS; i++) {
        bool wrote_upon_a_floor = w->seen[i].length != 0 && !(i != 0 && w->bob_forked);
        assert_true(!wrote_upon_a_floor || count_words(shown, " namer%d", i) == 1);
    }
}

/* What it was, once all of it was written: the words of that time are those of now. */
static void assert_past(world *w, const char *shown) {
    peer *olga = &w->olga;
    dx_entity entity;
    dx_stamp point = {.counter = INT64_MAX};
    dx_buf state, item, json;
    dx_writer writer;
    dx_buf_init(&state, &olga->alloc.port, 4 << 20);
    dx_buf_init(&item, &olga->alloc.port, 4 << 20);
    dx_buf_init(&json, &olga->alloc.port, 4 << 20);
    dx_writer_init(&writer, &item);
    int64_t key = peer_key(olga, &w->namers[0], w->text);
    peer_begin(olga);
    assert_int_equal(dx_history_entity(&olga->context, olga->space, key, &point, &state, &entity), DX_OK);
    assert_int_equal(dx_entity_view(&olga->context, olga->space, &entity, &writer), DX_OK);
    peer_commit(olga);
    assert_int_equal(dx_json_print(dx_buf_view(&item), &json), DX_OK);
    assert_true(dx_bytes_equal(dx_buf_view(&json), dx_bytes_text(shown)));
    dx_buf_deinit(&state);
    dx_buf_deinit(&item);
    dx_buf_deinit(&json);
}

static void try_every_order(uint64_t first, bool with_epochs) {
    int hides = 0;
    for (uint64_t seed = first; seed < first + WORLDS; seed++) {
        world w;
        char shown[ALL_WORDS], here[ALL_WORDS];
        world_init(&w, seed, with_epochs);
        live_through(&w, true, false);
        char *reference = peer_state(&w.olga);
        show_text(&w, shown);
        assert_words(&w, shown);
        assert_past(&w, shown);
        hides += w.olga.space->hides;
        for (int order = 0; order < ORDERS; order++) {
            restart(&w);
            live_through(&w, false, order % 2 == 1);
            show_text(&w, here);
            assert_string_equal(here, shown);
            char *all = peer_state(&w.olga);
            assert_string_equal(all, reference);
            free(all);
        }
        peer_reopen(&w.olga);
        show_text(&w, here);
        assert_string_equal(here, shown);
        free(reference);
        world_deinit(&w);
    }
    assert_true(hides > WORLDS / 4);
}

static void test_every_order_shows_the_same_words(void **state) {
    (void)state;
    try_every_order(FIRST, false);
}

static void test_with_what_epochs_settle(void **state) {
    (void)state;
    try_every_order(FIRST + WORLDS, true);
}

DX_TEST_MAIN(DX_TEST(test_every_order_shows_the_same_words), DX_TEST(test_with_what_epochs_settle))
