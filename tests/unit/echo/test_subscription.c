/* tests/unit/echo/test_subscription.c: what a watcher is told (echo/subscription.c), and whom a change finds
 * (echo/subscription_index.c by echo/query_anchor.c). */
#include "echo/subscription.h"

#include "peer.h"
#include "test_item.h"

typedef struct watcher {
    peer alice;
    dx_subscriptions *set;
    dx_subscription *subscription;
    char told[1024];
} watcher;

/* "added oak", with "!" behind what is deleted; one row after another. */
static int note(void *ctx, dx_bytes row) {
    watcher *self = ctx;
    assert_int_equal(dx_item_check(row), DX_OK);
    dx_bytes change = dx_item_text(dx_item_get(row, "change"));
    dx_bytes name = dx_item_text(dx_item_get(dx_item_get(row, "data"), "name"));
    size_t at = strlen(self->told);
    snprintf(self->told + at, sizeof self->told - at, "%s%.*s%s%.*s%s", at == 0 ? "" : ", ", (int)change.size,
             (const char *)change.data, name.size == 0 ? "" : " ", (int)name.size, (const char *)name.data,
             dx_item_bool(dx_item_get(row, "deleted"), false) ? "!" : "");
    return DX_OK;
}

static void begin(watcher *self) {
    peer_init(&self->alice, 1, "Alice");
    peer_create_space(&self->alice, "Garden");
    assert_int_equal(
        dx_subscriptions_create(self->alice.context.alloc, self->alice.context.random, &self->set), DX_OK);
    dx_changes_clear(&self->alice.changes);
}

static void watch(watcher *self, const char *json, size_t budget, size_t runs) {
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    peer *alice = &self->alice;
    dx_bytes item = json == NULL ? dx_bytes_of(NULL, 0) : test_item(json);
    bool more = true;
    dx_changes_clear(&alice->changes);
    peer_begin(alice);
    const dx_subscriber subscriber = {.ctx = self, .on_row = note};
    if (dx_subscription_create(self->set, &alice->context, alice->space, item, &subscriber, message,
                               sizeof message, &self->subscription) != DX_OK) {
        fail_msg("%s", message);
    }
    while (more && runs-- > 0) {
        assert_int_equal(dx_subscription_run(self->subscription, budget, &more), DX_OK);
    }
    peer_commit(alice);
}

static void expect_told(watcher *self, const char *expected) {
    self->told[0] = '\0';
    peer_begin(&self->alice);
    assert_int_equal(dx_subscriptions_take(self->set, &self->alice.context, &self->alice.changes), DX_OK);
    peer_commit(&self->alice);
    dx_changes_clear(&self->alice.changes);
    assert_string_equal(self->told, expected);
}

static void end(watcher *self) {
    dx_subscription_destroy(self->subscription);
    dx_subscriptions_destroy(self->set);
    peer_deinit(&self->alice);
}

static void test_everything(void **state) {
    (void)state;
    watcher w;
    begin(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\"}");
    watch(&w, NULL, 1000, SIZE_MAX);
    expect_told(&w, "");
    int64_t elm = peer_add(&w.alice, "tree", "{\"name\":\"elm\"}");
    expect_told(&w, "added elm");
    peer_set(&w.alice, elm, "name", "\"ash\"");
    peer_set(&w.alice, oak, "age", "3");
    peer_set(&w.alice, oak, "age", "4");
    expect_told(&w, "changed ash, changed oak");
    int64_t link = peer_link(&w.alice, "near", oak, elm);
    expect_told(&w, "added");
    peer_change_life(&w.alice, link, true);
    expect_told(&w, "removed!");
    peer_change_life(&w.alice, oak, true);
    expect_told(&w, "removed oak!");
    peer_change_life(&w.alice, oak, false);
    expect_told(&w, "added oak");
    int64_t brief = peer_add(&w.alice, "tree", "{\"name\":\"brief\"}");
    peer_change_life(&w.alice, brief, true); /* came and went within one step */
    expect_told(&w, "");
    peer_add(&w.alice, "dx.note", "{\"name\":\"hidden\"}");
    expect_told(&w, "");
    end(&w);
}

static void test_condition(void **state) {
    (void)state;
    watcher w;
    begin(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\",\"ill\":false}");
    int64_t elm = peer_add(&w.alice, "tree", "{\"name\":\"elm\",\"ill\":true}");
    int64_t stone = peer_add(&w.alice, "stone", "{\"name\":\"flint\",\"ill\":true}");
    watch(&w, "{\"type\":\"tree\",\"where\":{\"ill\":true}}", 1, SIZE_MAX);
    peer_set(&w.alice, oak, "name", "\"holm oak\"");
    peer_set(&w.alice, stone, "name", "\"chert\"");
    expect_told(&w, "");
    peer_set(&w.alice, oak, "ill", "true");
    expect_told(&w, "added holm oak");
    peer_set(&w.alice, elm, "ill", NULL);
    expect_told(&w, "removed elm");
    peer_set(&w.alice, elm, "ill", "false");
    expect_told(&w, "");
    end(&w);
}

/* Changes while the subscription still learns: nothing that matters is lost, at worst something is told
 * twice. */
static void test_while_learning(void **state) {
    (void)state;
    watcher w;
    begin(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\"}");
    int64_t elm = peer_add(&w.alice, "tree", "{\"name\":\"elm\"}");
    int64_t stone = peer_add(&w.alice, "stone", "{\"name\":\"flint\"}");
    watch(&w, "{\"type\":\"tree\"}", 1, 1);
    peer_set(&w.alice, elm, "age", "1");
    peer_set(&w.alice, stone, "age", "1");
    peer_add(&w.alice, "tree", "{\"name\":\"ash\"}");
    expect_told(&w, "changed elm, added ash");
    peer_change_life(&w.alice, elm, true);
    peer_change_life(&w.alice, oak, true);
    expect_told(&w, "removed elm!, removed oak!");
    bool more = true;
    peer_begin(&w.alice);
    while (more) {
        assert_int_equal(dx_subscription_run(w.subscription, 1, &more), DX_OK);
    }
    assert_int_equal(dx_subscription_run(w.subscription, 1, &more), DX_OK); /* nothing left to learn */
    assert_false(more);
    peer_commit(&w.alice);
    peer_change_life(&w.alice, elm, false);
    expect_told(&w, "added elm");
    end(&w);
}

static void test_overflow(void **state) {
    (void)state;
    watcher w;
    begin(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\"}");
    watch(&w, "{\"type\":\"tree\"}", 10, SIZE_MAX);
    w.alice.changes.overflow = true;
    expect_told(&w, "refresh");
    peer_set(&w.alice, oak, "age", "1"); /* before it has learnt anew */
    expect_told(&w, "changed oak");
    bool more;
    peer_begin(&w.alice);
    assert_int_equal(dx_subscription_run(w.subscription, 10, &more), DX_OK);
    assert_false(more);
    peer_commit(&w.alice);
    peer_set(&w.alice, oak, "age", "2");
    peer_add(&w.alice, "tree", "{\"name\":\"elm\"}");
    expect_told(&w, "changed oak, added elm");
    end(&w);
}

/* More matches than it may remember: added and removed are guesses from then on, in the watcher's favour. */
static void test_too_many(void **state) {
    (void)state;
    for (size_t learnt = 0; learnt < 2; learnt++) {
        watcher w;
        begin(&w);
        int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\",\"ill\":true}");
        peer_add(&w.alice, "tree", "{\"name\":\"elm\",\"ill\":true}");
        int64_t ash = peer_add(&w.alice, "tree", "{\"name\":\"ash\",\"ill\":false}");
        watch(&w, "{\"type\":\"tree\",\"where\":{\"ill\":true}}", 10, 0);
        dx_subscription_limit(w.subscription, learnt == 0 ? 1 : 2);
        bool more;
        peer_begin(&w.alice);
        assert_int_equal(dx_subscription_run(w.subscription, 10, &more), DX_OK);
        assert_false(more);
        peer_commit(&w.alice);
        peer_set(&w.alice, ash, "age", "1");
        expect_told(&w, learnt == 0 ? "removed ash" : ""); /* it never matched, but who knows */
        peer_set(&w.alice, ash, "ill", "true");
        expect_told(&w, learnt == 0 ? "changed ash" : "added ash"); /* the third: all is forgotten */
        peer_set(&w.alice, oak, "ill", "false");
        expect_told(&w, "removed oak");
        peer_add(&w.alice, "tree", "{\"name\":\"fir\",\"ill\":true}");
        expect_told(&w, "added fir");
        end(&w);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"{\"follow\":[{\"out\":null}]}", "{\"path\":{\"to\":{}}}",
                                        "{\"limit\":3}", "{\"count\":true}"};
    watcher w;
    begin(&w);
    peer_begin(&w.alice);
    for (size_t i = 0; i <= sizeof wrong / sizeof wrong[0]; i++) {
        char message[DX_QUERY_MESSAGE_SIZE];
        bool last = i == sizeof wrong / sizeof wrong[0];
        const dx_subscriber subscriber = {.ctx = &w, .on_row = note};
        assert_int_equal(dx_subscription_create(w.set, &w.alice.context, w.alice.space,
                                                test_item(last ? "{\"x\":1}" : wrong[i]), &subscriber,
                                                message, sizeof message, &w.subscription),
                         DX_E_INVALID);
        assert_string_equal(message, last ? "a query has no key \"x\""
                                          : "watch takes a filter, and \"order\" with \"limit\", or "
                                            "\"group\"; nothing else of a query");
        assert_null(w.subscription);
    }
    peer_commit(&w.alice);
    end(&w);
}

static int refusal;

static int refuse(void *ctx, dx_bytes row) {
    return refusal != DX_OK ? refusal : note(ctx, row);
}

static void test_failures(void **state) {
    (void)state;
    watcher w;
    begin(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\"}");
    dx_bytes item = test_item("{\"type\":\"tree\"}");
    bool done = false;
    for (uint64_t fail_at = 1; !done; fail_at++) {
        char message[DX_QUERY_MESSAGE_SIZE];
        bool more = true;
        dx_changes_clear(&w.alice.changes);
        peer_set(&w.alice, oak, "age", "1");
        peer_settle(&w.alice);
        peer_begin(&w.alice);
        w.alice.alloc.calls = 0;
        w.alice.alloc.fail_at = fail_at;
        w.told[0] = '\0';
        const dx_subscriber subscriber = {.ctx = &w, .on_row = refuse};
        int error = dx_subscription_create(w.set, &w.alice.context, w.alice.space, item, &subscriber, message,
                                           sizeof message, &w.subscription);
        if (error == DX_OK) {
            error = dx_subscription_run(w.subscription, 10, &more);
        }
        if (error == DX_OK) {
            error = dx_subscriptions_take(w.set, &w.alice.context, &w.alice.changes);
        }
        done = w.alice.alloc.calls < fail_at;
        w.alice.alloc.fail_at = 0;
        assert_int_equal(error, done ? DX_OK : DX_E_NO_MEMORY);
        if (!done) {
            dx_subscription_destroy(w.subscription);
            w.subscription = NULL;
        }
        peer_commit(&w.alice);
    }
    assert_string_equal(w.told, "changed oak");
    peer_begin(&w.alice);
    refusal = DX_E_NO_SPACE; /* of the host: the step fails */
    assert_int_equal(dx_subscriptions_take(w.set, &w.alice.context, &w.alice.changes), DX_E_NO_SPACE);
    refusal = DX_E_LIMIT; /* this watcher's own */
    assert_int_equal(dx_subscriptions_take(w.set, &w.alice.context, &w.alice.changes), DX_OK);
    refusal = DX_OK;
    peer_commit(&w.alice);
    expect_told(&w, "changed oak"); /* the failed call kept nothing of its own */
    end(&w);
}

/* --- The oracle ----------------------------------------------------------------------------------------
 *
 * Many watchers of many filters, each with a picture made of what it was told alone. After each step every picture is
 * what the query shows; and from each position that was told, whoever comes back comes to what the query shows. */

enum { FILTERS = 14, PICTURE_MAX = 64, STEPS = 120, TREES = 12 };

typedef struct picture {
    int64_t keys[PICTURE_MAX];
    uint64_t seen[PICTURE_MAX];
    size_t count;
    size_t rows; /* told so far */
    bool stale;
} picture;

static struct oracle {
    watcher w;
    dx_subscription *subscriptions[FILTERS];
    picture pictures[FILTERS];
    dx_position positions[STEPS];
    picture then[STEPS][FILTERS];
} oracle;

/* xorshift64 */
static uint64_t draw(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t hash_item(dx_bytes item) {
    uint64_t hash = 7;
    for (size_t i = 0; i < item.size; i++) {
        hash = (hash ^ item.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void put(picture *of, int64_t key, uint64_t seen, bool there) {
    size_t at = 0;
    while (at < of->count && of->keys[at] != key) {
        at++;
    }
    if (!there) {
        if (at < of->count) {
            of->count--;
            of->keys[at] = of->keys[of->count];
            of->seen[at] = of->seen[of->count];
        }
        return;
    }
    assert_true(at < PICTURE_MAX);
    of->count += at == of->count;
    of->keys[at] = key;
    of->seen[at] = seen;
}

static int paint(void *ctx, dx_bytes row) {
    picture *of = ctx;
    int64_t key;
    dx_bytes change = dx_item_text(dx_item_get(row, "change")), text = dx_item_text(dx_item_get(row, "id"));
    of->rows++;
    if (dx_bytes_equal(change, dx_bytes_text("refresh"))) {
        of->stale = true;
        return DX_OK;
    }
    assert_int_equal(dx_id_parse(&oracle.w.alice.context, oracle.w.alice.space, text, &key), DX_OK);
    put(of, key, hash_item(dx_item_get(row, "data")), !dx_bytes_equal(change, dx_bytes_text("removed")));
    return DX_OK;
}

static int show(void *ctx, const dx_query_row *found) {
    const dx_entity *entity = found->entity;
    dx_buf row;
    dx_buf_init(&row, oracle.w.alice.context.alloc, 1 << 20);
    assert_int_equal(dx_entity_write_row(&oracle.w.alice.context, oracle.w.alice.space, entity, &row), DX_OK);
    put(ctx, entity->key, hash_item(dx_item_get(dx_buf_view(&row), "data")), true);
    dx_buf_deinit(&row);
    return DX_OK;
}

static void expect_picture(const picture *of, const char *json, size_t step) {
    char message[DX_QUERY_MESSAGE_SIZE];
    picture now = {.count = 0};
    dx_query *query;
    bool more = true;
    assert_int_equal(dx_query_create(&oracle.w.alice.context, oracle.w.alice.space, test_item(json), message,
                                     sizeof message, &query),
                     DX_OK);
    while (more) {
        assert_int_equal(dx_query_run(query, 1000, show, &now, &more), DX_OK);
    }
    dx_query_destroy(query);
    bool same = now.count == of->count && !of->stale;
    for (size_t i = 0; same && i < now.count; i++) {
        size_t at = 0;
        while (at < of->count && of->keys[at] != now.keys[i]) {
            at++;
        }
        same = at < of->count && of->seen[at] == now.seen[i];
    }
    if (!same) {
        fail_msg("step %zu, %s: %zu rows, the query shows %zu", step, json, of->count, now.count);
    }
}

static dx_subscription *begin_watch(const char *json, picture *of, const dx_position *since) {
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    dx_subscription *out;
    peer *alice = &oracle.w.alice;
    const dx_subscriber subscriber = {.ctx = of, .on_row = paint};
    assert_int_equal(dx_subscription_create(oracle.w.set, &alice->context, alice->space, test_item(json),
                                            &subscriber, message, sizeof message, &out),
                     DX_OK);
    if (since != NULL) {
        assert_true(dx_subscription_resume(out, since));
    }
    return out;
}

static void run(dx_subscription *one, size_t budget) {
    bool more = true;
    while (more) {
        assert_int_equal(dx_subscription_run(one, budget, &more), DX_OK);
    }
}

/* Trees and stones with a site, planted, moved, felled and linked, several at once now and then. */
static void change_something(uint64_t *state, int64_t *keys, size_t *count) {
    static const char *const sites[] = {"\"north\"", "\"south\"", "7", "7.0", "null"};
    static bool felled[TREES];
    peer *alice = &oracle.w.alice;
    size_t dice = (size_t)(draw(state) % 10), at = *count == 0 ? 0 : (size_t)(draw(state) % *count);
    char data[64];
    if (*count == 0 || (dice < 2 && *count < TREES)) {
        snprintf(data, sizeof data, "{\"site\":%s,\"n\":%zu}", sites[draw(state) % 5], *count);
        felled[*count] = false;
        keys[(*count)++] = peer_add(alice, draw(state) % 3 == 0 ? "stone" : "tree", data);
    } else if (felled[at] || dice > 7) {
        felled[at] = !felled[at];
        peer_change_life(alice, keys[at], felled[at]);
    } else if (dice < 5) {
        peer_set(alice, keys[at], "site", sites[draw(state) % 5]);
    } else if (dice < 7) {
        peer_set(alice, keys[at], "n", "1");
    } else {
        peer_link(alice, "near", keys[at], keys[at]);
    }
}

static void test_pictures(void **state) {
    (void)state;
    static const char *const filters[FILTERS] = {"{\"kind\":\"any\"}",
                                                 "{\"type\":\"tree\"}",
                                                 "{\"type\":\"stone\"}",
                                                 "{\"type\":\"tree\",\"where\":{\"site\":\"north\"}}",
                                                 "{\"type\":\"tree\",\"where\":{\"site\":\"south\"}}",
                                                 "{\"type\":\"tree\",\"where\":{\"site\":7}}",
                                                 "{\"type\":\"stone\",\"where\":{\"site\":7.0}}",
                                                 "{\"type\":\"stone\",\"where\":{\"site\":null}}",
                                                 "{\"where\":{\"site\":\"north\"}}",
                                                 "{\"where\":{\"n\":1,\"site\":7}}",
                                                 "{\"type\":\"tree\",\"deleted\":\"only\"}",
                                                 "{\"deleted\":\"show\",\"where\":{\"site\":7}}",
                                                 "{\"kind\":\"link\",\"type\":\"near\"}",
                                                 "{\"type\":\"nothing\",\"where\":{\"site\":7}}"};
    uint64_t random = 5;
    int64_t keys[TREES];
    size_t count = 0;
    memset(&oracle, 0, sizeof oracle);
    begin(&oracle.w);
    peer *alice = &oracle.w.alice;
    for (size_t i = 0; i < 4; i++) {
        change_something(&random, keys, &count);
    }
    dx_changes_clear(&alice->changes);
    peer_begin(alice);
    for (size_t i = 0; i < FILTERS; i++) {
        oracle.subscriptions[i] = begin_watch(filters[i], &oracle.pictures[i], NULL);
        run(oracle.subscriptions[i], i % 2 == 0 ? 1 : 1000);
        char message[DX_QUERY_MESSAGE_SIZE];
        dx_query *query;
        bool more;
        assert_int_equal(dx_query_create(&alice->context, alice->space, test_item(filters[i]), message,
                                         sizeof message, &query),
                         DX_OK);
        assert_int_equal(dx_query_run(query, 1000, show, &oracle.pictures[i], &more), DX_OK);
        dx_query_destroy(query);
    }
    peer_commit(alice);
    for (size_t step = 0; step < STEPS; step++) {
        dx_changes_clear(&alice->changes);
        for (uint64_t i = draw(&random) % 4; i < 4; i++) {
            change_something(&random, keys, &count);
        }
        peer_begin(alice);
        if (step % 40 == 20) {
            alice->changes.overflow = true;
        }
        assert_int_equal(dx_subscriptions_take(oracle.w.set, &alice->context, &alice->changes), DX_OK);
        oracle.positions[step] = dx_subscriptions_position(oracle.w.set);
        for (size_t i = 0; i < FILTERS; i++) {
            picture *of = &oracle.pictures[i];
            if (of->stale) { /* as its watcher would */
                picture again = {.rows = of->rows};
                *of = again;
                char message[DX_QUERY_MESSAGE_SIZE];
                dx_query *query;
                bool more;
                assert_int_equal(dx_query_create(&alice->context, alice->space, test_item(filters[i]),
                                                 message, sizeof message, &query),
                                 DX_OK);
                assert_int_equal(dx_query_run(query, 1000, show, of, &more), DX_OK);
                dx_query_destroy(query);
            }
            expect_picture(of, filters[i], step);
            if (step % 3 != 0) {
                run(oracle.subscriptions[i], 1000); /* some still learn when the next changes come */
            }
            oracle.then[step][i] = *of;
        }
        peer_commit(alice);
    }
    assert_int_equal(oracle.pictures[FILTERS - 1].rows,
                     3); /* what concerns nothing was told nothing but to refresh */
    peer_begin(alice);
    for (size_t step = 0; step < STEPS; step++) {
        for (size_t i = 0; i < FILTERS; i++) {
            picture of = oracle.then[step][i];
            if (step <= 100) { /* the last overflow: what changed then is not known */
                dx_subscription *late = begin_watch(filters[i], &of, NULL);
                assert_int_equal(dx_subscription_resume(late, &oracle.positions[step]), step == 100);
                dx_subscription_destroy(late);
                if (step < 100) {
                    continue;
                }
            }
            dx_subscription *back = begin_watch(filters[i], &of, &oracle.positions[step]);
            run(back, 1 + step % 5);
            expect_picture(&of, filters[i], step);
            dx_subscription_destroy(back);
        }
    }
    peer_commit(alice);
    for (size_t i = 0; i < FILTERS; i++) {
        dx_subscription_destroy(oracle.subscriptions[i]);
    }
    end(&oracle.w);
}

/* A position that is too old, or of another life, is not gone on from. */
static void test_positions(void **state) {
    (void)state;
    watcher w;
    dx_position first, last, other;
    begin(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"name\":\"oak\"}");
    watch(&w, "{\"type\":\"tree\"}", 10, SIZE_MAX);
    first = dx_subscriptions_position(w.set);
    other = (dx_position){.life = first.life + 1, .number = first.number};
    assert_true(dx_subscription_resume(w.subscription, &first));
    assert_false(dx_subscription_is_behind(w.subscription));
    assert_false(dx_subscription_resume(w.subscription, &other));
    dx_change change = {.key = oak, .space = w.alice.space->local, .type = 0};
    dx_changes changes = {.items = &change, .count = 1, .capacity = 1};
    peer_begin(&w.alice);
    for (size_t i = 0; i < DX_CHANGE_LOG_MAX; i++) {
        assert_int_equal(dx_subscriptions_take(w.set, &w.alice.context, &changes), DX_OK);
    }
    last = dx_subscriptions_position(w.set);
    assert_int_equal(last.number - first.number, DX_CHANGE_LOG_MAX);
    assert_true(dx_subscription_resume(w.subscription, &first));
    assert_true(dx_subscription_is_behind(w.subscription));
    assert_int_equal(dx_subscriptions_take(w.set, &w.alice.context, &changes), DX_OK);
    w.told[0] = '\0';
    bool more;
    assert_int_equal(dx_subscription_run(w.subscription, 1, &more), DX_OK); /* overtaken meanwhile */
    assert_string_equal(w.told, "refresh");
    assert_false(dx_subscription_resume(w.subscription, &first));
    other = (dx_position){.life = last.life, .number = last.number + 2};
    assert_false(dx_subscription_resume(w.subscription, &other)); /* not told yet */
    peer_commit(&w.alice);
    end(&w);
}

DX_TEST_MAIN(DX_TEST(test_pictures), DX_TEST(test_positions), DX_TEST(test_everything),
             DX_TEST(test_condition), DX_TEST(test_while_learning), DX_TEST(test_overflow),
             DX_TEST(test_too_many), DX_TEST(test_refused), DX_TEST(test_failures))
