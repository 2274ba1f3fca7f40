/* Replicas that have the same updates are the same: random histories of three to six replicas that hear of each other now and then,
 * told to newcomers in random orders, twice, merged, in both forms, by whole states. In every second history replicas are closed now and
 * then, and go on as what their whole state makes of a new document.
 *   test_converge            some thousand histories
 *   test_converge N [SEED]   N histories beginning with that seed; prints how many were byte for byte the same without being loaded anew */
#include "histories.h"
#include "text_invariants.h"

enum { REPLICAS_MAX = 6, UPDATES_MAX = 64 };

typedef struct history {
    test_alloc alloc;
    test_random random;
    bool keep_deleted;
    uint64_t next_client;
    size_t replicas, updates;
    dx_text_doc *docs[REPLICAS_MAX];
    dx_buf update[UPDATES_MAX];
    dx_text_form form[UPDATES_MAX];
    bool heard[REPLICAS_MAX][UPDATES_MAX];
} history;

static void hear(history *it, dx_text_doc *doc, size_t update) {
    assert_int_equal(dx_text_apply(doc, it->form[update], dx_buf_view(&it->update[update])), DX_OK);
}

static void edit(history *it, size_t replica) {
    assert_int_equal(dx_text_begin(it->docs[replica]), DX_OK);
    for (uint32_t left = 1 + below(&it->random, 3); left != 0; left--) {
        change_anything(it->docs[replica], &it->random);
    }
    it->update[it->updates] = buffer(&it->alloc);
    it->form[it->updates] = below(&it->random, 2) ? DX_TEXT_V1 : DX_TEXT_V2;
    assert_int_equal(dx_text_commit(it->docs[replica], it->form[it->updates], &it->update[it->updates]),
                     DX_OK);
    if (it->update[it->updates].size != 0) {
        it->heard[replica][it->updates] = true;
        it->updates++;
    }
}

/* Loaded into a new document, everything that can merge has. */
static dx_buf reloaded(history *it, dx_text_doc *doc, dx_text_form form) {
    dx_buf whole = encoded(&it->alloc, doc, form);
    dx_text_doc *fresh = new_document(&it->alloc, 99, it->keep_deleted);
    assert_int_equal(dx_text_apply(fresh, form, dx_buf_view(&whole)), DX_OK);
    assert_false(dx_text_pending(fresh));
    dx_buf_deinit(&whole);
    whole = encoded(&it->alloc, fresh, DX_TEXT_V1);
    dx_text_destroy(fresh);
    return whole;
}

static void shuffle(history *it, size_t *order, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t other = below(&it->random, (uint32_t)i + 1);
        order[i] = order[other];
        order[other] = i;
    }
}

/* Everything once more, in another order. */
static dx_text_doc *newcomer(history *it) {
    size_t order[UPDATES_MAX];
    dx_text_doc *doc = new_document(&it->alloc, 98, it->keep_deleted);
    shuffle(it, order, it->updates);
    for (size_t i = 0; i < it->updates; i++) {
        hear(it, doc, order[i]);
        if (below(&it->random, 8) == 0) {
            hear(it, doc, order[below(&it->random, (uint32_t)i + 1)]);
        }
    }
    return doc;
}

/* What stands there byte for byte as it does with the others is so when it is loaded anew, too: done now and then, to see that. */
static bool check_same(history *it, dx_text_doc *doc, dx_bytes canonical, dx_bytes exact, uint64_t seed) {
    dx_text_form form = below(&it->random, 2) ? DX_TEXT_V1 : DX_TEXT_V2;
    const char *wrong = text_invariants(doc);
    if (wrong != NULL || dx_text_pending(doc)) {
        fail_msg("seed %llu: %s", (unsigned long long)seed, wrong != NULL ? wrong : "something waits");
    }
    dx_buf bytes = encoded(&it->alloc, doc, DX_TEXT_V1);
    bool same = dx_bytes_equal(dx_buf_view(&bytes), exact);
    if (!same || seed % 8 == 0) {
        dx_buf own = reloaded(it, doc, form);
        if (!dx_bytes_equal(dx_buf_view(&own), canonical)) {
            print_message("# seed %llu\n", (unsigned long long)seed);
            assert_bytes_equal(dx_buf_view(&own), canonical);
        }
        dx_buf_deinit(&own);
    }
    dx_buf_deinit(&bytes);
    return same;
}

/* Closed, and opened from its whole state under a new client id; what waited waits again. */
static void reopen(history *it, size_t replica) {
    dx_text_form form = below(&it->random, 2) ? DX_TEXT_V1 : DX_TEXT_V2;
    dx_buf whole = encoded(&it->alloc, it->docs[replica], form);
    dx_text_type root;
    dx_text_destroy(it->docs[replica]);
    it->docs[replica] = new_document(&it->alloc, it->next_client++, it->keep_deleted);
    assert_int_equal(dx_text_apply(it->docs[replica], form, dx_buf_view(&whole)), DX_OK);
    assert_int_equal(dx_text_root(it->docs[replica], "text", DX_TEXT_KIND_TEXT, &root), DX_OK);
    dx_buf_deinit(&whole);
}

static void make_history(history *it, uint64_t seed) {
    test_alloc_init(&it->alloc);
    test_random_init(&it->random, seed);
    it->updates = 0;
    it->next_client = 100;
    memset(it->heard, 0, sizeof it->heard);
    it->keep_deleted = below(&it->random, 4) == 0;
    it->replicas = 3 + below(&it->random, 4);
    for (size_t i = 0; i < it->replicas; i++) {
        dx_text_type root;
        it->docs[i] = new_document(&it->alloc, i * 7 + 1, it->keep_deleted);
        assert_int_equal(dx_text_root(it->docs[i], "text", DX_TEXT_KIND_TEXT, &root), DX_OK);
    }
    size_t steps = 6 + below(&it->random, 34);
    while (steps-- != 0) {
        size_t replica = below(&it->random, (uint32_t)it->replicas);
        if (seed % 2 == 0 && below(&it->random, 4) == 0) {
            reopen(it, replica);
        }
        edit(it, replica);
        size_t listener = below(&it->random, (uint32_t)it->replicas);
        for (size_t i = 0; i < it->updates; i++) {
            if (!it->heard[listener][i] && below(&it->random, 3) != 0) {
                hear(it, it->docs[listener], i);
                it->heard[listener][i] = true;
            }
        }
    }
}

/* Whether all were the same byte for byte as they stood. */
static bool run_history(history *it, uint64_t seed) {
    make_history(it, seed);
    for (size_t replica = 0; replica < it->replicas; replica++) {
        size_t order[UPDATES_MAX];
        shuffle(it, order, it->updates);
        for (size_t i = 0; i < it->updates; i++) {
            if (!it->heard[replica][order[i]]) {
                hear(it, it->docs[replica], order[i]);
            }
        }
    }
    dx_buf canonical = reloaded(it, it->docs[0], DX_TEXT_V1),
           exact = encoded(&it->alloc, it->docs[0], DX_TEXT_V1);
    bool same = true;
    for (size_t replica = 0; replica < it->replicas; replica++) {
        same &= check_same(it, it->docs[replica], dx_buf_view(&canonical), dx_buf_view(&exact), seed);
    }
    for (size_t more = 0; more < 2; more++) {
        dx_text_doc *doc = newcomer(it);
        same &= check_same(it, doc, dx_buf_view(&canonical), dx_buf_view(&exact), seed);
        dx_text_destroy(doc);
    }
    dx_buf_deinit(&exact);
    dx_buf_deinit(&canonical);
    for (size_t i = 0; i < it->updates; i++) {
        dx_buf_deinit(&it->update[i]);
    }
    for (size_t i = 0; i < it->replicas; i++) {
        dx_text_destroy(it->docs[i]);
    }
    assert_int_equal(it->alloc.live_bytes, 0);
    return same;
}

static uint64_t histories = 2000, first_seed = 1;

static void test_histories(void **state) {
    (void)state;
    static history it;
    uint64_t same = 0;
    for (uint64_t i = 0; i < histories; i++) {
        same += run_history(&it, first_seed + i);
    }
    print_message("# %llu histories, %llu the same byte for byte as they stood\n",
                  (unsigned long long)histories, (unsigned long long)same);
}

int main(int count, char **words) {
    histories = count > 1 ? strtoull(words[1], NULL, 10) : histories;
    first_seed = count > 2 ? strtoull(words[2], NULL, 10) : first_seed;
    const struct CMUnitTest tests[] = {DX_TEST(test_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
