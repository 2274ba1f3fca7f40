/* tests/unit/echo/test_subscription_window.c: watches with an order or groups (echo/subscription_window.c): what is told, carried
 * out on what was held before, is what the question answers now; for random questions and writes. */
#include "echo/subscription.h"

#include <stdlib.h>

#include "peer.h"
#include "test_item.h"

enum { HELD_MAX = 400, NAME_SIZE = 96, WATCHERS = 32, STEPS = 100, OBJECTS = 60, ROUNDS = 6 };

/* A list as its watcher holds it: of entities "key n", of groups "value count". */
typedef struct list {
    char rows[HELD_MAX][NAME_SIZE];
    int64_t keys[HELD_MAX];
    size_t count, told;
    bool listed;
} list;

static peer alice;
static dx_subscriptions *set;

static uint64_t draw(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void print_item(dx_bytes item, char *out) {
    dx_buf text;
    out[0] = 0;
    dx_buf_init(&text, &alice.alloc.port, 4096);
    if (item.size != 0) {
        assert_int_equal(dx_json_print(item, &text), DX_OK);
        snprintf(out, NAME_SIZE / 2, "%.*s", (int)text.size, (const char *)text.data);
    }
    dx_buf_deinit(&text);
}

static void name_row(dx_bytes row, char *out) {
    char first[NAME_SIZE], second[NAME_SIZE];
    dx_bytes id = dx_item_get(row, "id");
    print_item(id.size != 0 ? id : dx_item_get(row, "value"), first);
    print_item(dx_item_get(row, id.size != 0 ? "data" : "count"), second);
    snprintf(out, NAME_SIZE, "%.47s %.47s", first, second);
}

static int64_t key_of_row(dx_bytes row) {
    int64_t key = 0;
    dx_bytes id = dx_item_text(dx_item_get(row, "id"));
    if (id.data != NULL) {
        assert_int_equal(dx_id_parse(&alice.context, alice.space, id, &key), DX_OK);
    }
    return key;
}

static void insert(list *self, size_t at, dx_bytes row) {
    assert_true(at <= self->count && self->count < HELD_MAX);
    memmove(self->rows + at + 1, self->rows + at, (self->count - at) * sizeof self->rows[0]);
    memmove(self->keys + at + 1, self->keys + at, (self->count - at) * sizeof self->keys[0]);
    name_row(row, self->rows[at]);
    self->keys[at] = key_of_row(row);
    self->count++;
}

static void drop(list *self, size_t at) {
    assert_true(at < self->count);
    self->count--;
    memmove(self->rows + at, self->rows + at + 1, (self->count - at) * sizeof self->rows[0]);
    memmove(self->keys + at, self->keys + at + 1, (self->count - at) * sizeof self->keys[0]);
}

/* What a watcher does with a row. */
static int carry_out(void *ctx, dx_bytes row) {
    list *self = ctx;
    assert_int_equal(dx_item_check(row), DX_OK);
    dx_bytes change = dx_item_text(dx_item_get(row, "change"));
    int64_t from = dx_item_int(dx_item_get(row, "from"), -1), to = dx_item_int(dx_item_get(row, "to"), -1);
    self->told++;
    if (dx_bytes_equal(change, dx_bytes_text("refresh"))) {
        self->count = 0;
        self->listed = false;
    } else if (dx_bytes_equal(change, dx_bytes_text("listed"))) {
        self->listed = true;
    } else {
        assert_int_equal(from >= 0, !dx_bytes_equal(change, dx_bytes_text("added")));
        assert_int_equal(to >= 0, !dx_bytes_equal(change, dx_bytes_text("removed")));
        if (from >= 0) {
            assert_true(self->keys[from] == key_of_row(row));
            drop(self, (size_t)from);
        }
        if (to >= 0) {
            insert(self, (size_t)to, row);
        }
    }
    return DX_OK;
}

/* --- Asking anew --------------------------------------------------------------------------------------- */

static int note_row(void *ctx, const dx_query_row *row) {
    list *self = ctx;
    dx_buf bytes;
    dx_writer writer;
    dx_buf_init(&bytes, &alice.alloc.port, 1 << 16);
    if (row->key != 0) {
        assert_int_equal(dx_entity_write_row(&alice.context, alice.space, row->entity, &bytes), DX_OK);
    } else {
        dx_writer_init(&writer, &bytes);
        dx_write_map(&writer, 1u + (row->value.size != 0));
        dx_write_text(&writer, "count");
        dx_write_int(&writer, row->count);
        if (row->value.size != 0) {
            dx_write_text(&writer, "value");
            dx_write_item(&writer, row->value);
        }
    }
    insert(self, self->count, dx_buf_view(&bytes));
    dx_buf_deinit(&bytes);
    return DX_OK;
}

static void expect_answer(const list *self, dx_bytes item, const char *json, size_t step) {
    static list answer;
    char message[DX_QUERY_MESSAGE_SIZE];
    dx_query *query;
    bool more = true;
    answer.count = 0;
    assert_int_equal(dx_query_create(&alice.context, alice.space, item, message, sizeof message, &query),
                     DX_OK);
    while (more) {
        assert_int_equal(dx_query_run(query, 100, note_row, &answer, &more), DX_OK);
    }
    dx_query_destroy(query);
    bool same = answer.count == self->count;
    for (size_t i = 0; same && i < answer.count; i++) {
        same = strcmp(answer.rows[i], self->rows[i]) == 0;
    }
    if (!same) {
        for (size_t i = 0; i < answer.count || i < self->count; i++) {
            print_error("%3zu %-50s %s\n", i, i < self->count ? self->rows[i] : "",
                        i < answer.count ? answer.rows[i] : "");
        }
        fail_msg("step %zu of %s: %zu rows held, %zu asked", step, json, self->count, answer.count);
    }
}

/* --- Random questions and writes ------------------------------------------------------------------------- */

static void draw_question(uint64_t *random, char *out, size_t size) {
    static const char *const filters[] = {
        "\"type\": \"tree\"",
        "\"kind\": \"object\"",
        "\"type\": \"tree\", \"where\": {\"site\": \"north\"}",
        "\"where\": {\"n\": {\"ge\": 2}}",
        "\"type\": \"tree\", \"deleted\": \"show\"",
        "\"not\": {\"where\": {\"n\": 1}}",
        "\"or\": [{\"where\": {\"n\": 3}}, {\"type\": \"stone\"}]",
        "\"type\": \"tree\", \"and\": [{\"not\": {\"where\": {\"site\": 7}}}]"};
    static const char *const orders[] = {"\"n\"", "{\"path\": \"n\", \"descending\": true}",
                                         "[\"site\", \"n\"]",
                                         "[{\"path\": \"site\", \"descending\": true}, \"n\"]", "\"none\""};
    const char *filter = filters[draw(random) % 8];
    char limit[32] = "";
    if (draw(random) % 4 != 0) {
        snprintf(limit, sizeof limit, ", \"limit\": %d",
                 (int)(1 + draw(random) % (draw(random) % 2 == 0 ? 3 : 20)));
    }
    if (draw(random) % 4 == 0) {
        snprintf(out, size, "{%s, \"group\": \"%s\"%s}", filter, draw(random) % 2 == 0 ? "n" : "site", limit);
    } else {
        snprintf(out, size, "{%s, \"order\": %s%s}", filter, orders[draw(random) % 5], limit);
    }
}

static void change_something(uint64_t *random, int64_t *keys, bool *felled, size_t *count) {
    static const char *const sites[] = {"\"north\"", "\"south\"", "7", "null", NULL};
    char value[48];
    size_t dice = (size_t)(draw(random) % 10), at = *count == 0 ? 0 : (size_t)(draw(random) % *count);
    if (*count == 0 || (dice < 3 && *count < OBJECTS)) {
        snprintf(value, sizeof value, "{\"site\":\"north\",\"n\":%d}", (int)(draw(random) % 6));
        felled[*count] = false;
        keys[(*count)++] = peer_add(&alice, draw(random) % 3 == 0 ? "stone" : "tree", value);
    } else if (felled[at] || dice > 7) {
        felled[at] = !felled[at];
        peer_change_life(&alice, keys[at], felled[at]);
    } else if (dice < 6) {
        snprintf(value, sizeof value, "%d", (int)(draw(random) % 6));
        peer_set(&alice, keys[at], "n", value);
    } else {
        peer_set(&alice, keys[at], "site", sites[draw(random) % 5]);
    }
}

static dx_subscription *begin_watch(dx_bytes item, list *of) {
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    dx_subscription *out;
    const dx_subscriber subscriber = {.ctx = of, .on_row = carry_out};
    if (dx_subscription_create(set, &alice.context, alice.space, item, &subscriber, message, sizeof message,
                               &out) != DX_OK) {
        fail_msg("%s", message);
    }
    return out;
}

static void run(dx_subscription *one, size_t budget, size_t calls) {
    bool more = true;
    while (more && calls-- > 0) {
        assert_int_equal(dx_subscription_run(one, budget, &more), DX_OK);
    }
}

static void begin(void) {
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    assert_int_equal(dx_subscriptions_create(alice.context.alloc, alice.context.random, &set), DX_OK);
}

static void end(void) {
    dx_subscriptions_destroy(set);
    peer_deinit(&alice);
}

/* Those that come back hold what they held some steps ago. */
static void come_back(dx_bytes item, const char *json, const list *then, const dx_position *since,
                      size_t step) {
    static list back;
    back = *then;
    back.told = 0;
    dx_subscription *one = begin_watch(item, &back);
    if (dx_subscription_has_order(one) && strstr(json, "group") == NULL) {
        assert_int_equal(dx_subscription_come_back(one, since, then->keys, then->count), DX_OK);
        run(one, 1 + step % 7, SIZE_MAX);
        assert_true(back.listed);
        expect_answer(&back, item, json, step);
    }
    dx_subscription_destroy(one);
}

static void test_oracle(void **state) {
    (void)state;
    static list lists[WATCHERS], then[WATCHERS];
    static char questions[WATCHERS][256];
    dx_bytes items[WATCHERS];
    dx_subscription *watches[WATCHERS];
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        uint64_t random = round * 7919;
        int64_t keys[OBJECTS];
        bool felled[OBJECTS];
        size_t count = 0;
        dx_position since = {0};
        begin();
        for (size_t i = 0; i < 20; i++) {
            change_something(&random, keys, felled, &count);
        }
        dx_changes_clear(&alice.changes);
        peer_begin(&alice);
        for (size_t i = 0; i < WATCHERS; i++) {
            draw_question(&random, questions[i], sizeof questions[i]);
            items[i] = test_item(questions[i]);
            lists[i] = (list){.count = 0};
            watches[i] = begin_watch(items[i], &lists[i]);
            dx_subscription_limit(watches[i], 1 + i % 4); /* so that some soon know too few */
            run(watches[i], 3, i % 5);                    /* some have not been told all when changes come */
        }
        peer_commit(&alice);
        for (size_t step = 0; step < STEPS; step++) {
            dx_changes_clear(&alice.changes);
            for (uint64_t i = draw(&random) % 4 == 0 ? 12 : 1 + draw(&random) % 3; i > 0; i--) {
                change_something(&random, keys, felled, &count);
            }
            peer_begin(&alice);
            alice.changes.overflow = step == STEPS / 2;
            assert_int_equal(dx_subscriptions_take(set, &alice.context, &alice.changes), DX_OK);
            if (step % 20 == 10) {
                since = dx_subscriptions_position(set);
            }
            for (size_t i = 0; i < WATCHERS; i++) {
                run(watches[i], 1 + step % 50, step % 3 == 0 ? 1 : SIZE_MAX);
                if (step % 3 != 0) {
                    assert_true(lists[i].listed);
                    expect_answer(&lists[i], items[i], questions[i], step);
                }
                if (step % 20 == 10) {
                    run(watches[i], 1000, SIZE_MAX);
                    then[i] = lists[i];
                } else if (step % 20 == 14 && step > 20) {
                    come_back(items[i], questions[i], &then[i], &since, step);
                }
            }
            peer_commit(&alice);
        }
        for (size_t i = 0; i < WATCHERS; i++) {
            dx_subscription_destroy(watches[i]);
        }
        end();
    }
}

/* One row moves: one row is told; who leaves a full window is followed by the next one. */
static void test_few_rows(void **state) {
    (void)state;
    static list of;
    char value[32];
    int64_t keys[10];
    begin();
    of = (list){.count = 0};
    for (int i = 0; i < 10; i++) {
        snprintf(value, sizeof value, "{\"n\":%d}", i);
        keys[i] = peer_add(&alice, "tree", value);
    }
    peer_begin(&alice);
    const char *json = "{\"type\": \"tree\", \"order\": \"n\", \"limit\": 4}";
    dx_bytes item = test_item(json);
    dx_subscription *one = begin_watch(item, &of);
    run(one, 1000, SIZE_MAX);
    peer_commit(&alice);
    assert_int_equal(of.told, 5); /* four, and that these are all */
    static const struct {
        int tree;
        const char *n;
        size_t told;
    } changes[] = {{2, "0", 1}, {9, "100", 0}, {0, "50", 2}, {8, "-1", 2}, {5, "5", 0}, {8, "-2", 1}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        dx_changes_clear(&alice.changes);
        peer_set(&alice, keys[changes[i].tree], "n", changes[i].n);
        peer_begin(&alice);
        of.told = 0;
        assert_int_equal(dx_subscriptions_take(set, &alice.context, &alice.changes), DX_OK);
        assert_int_equal(of.told, changes[i].told);
        expect_answer(&of, item, json, i);
        peer_commit(&alice);
    }
    dx_subscription_destroy(one);
    end();
}

/* Who says it held something else, or comes from a place that is not known, is told all. */
static void test_not_as_told(void **state) {
    (void)state;
    static list of;
    char value[32];
    int64_t keys[3];
    begin();
    for (int i = 0; i < 3; i++) {
        snprintf(value, sizeof value, "{\"n\":%d}", i);
        keys[i] = peer_add(&alice, "tree", value);
    }
    peer_begin(&alice);
    dx_position now = dx_subscriptions_position(set), other = {.life = now.life + 1, .number = now.number};
    const int64_t turned[] = {keys[1], keys[0]}, twice[] = {keys[0], keys[0]};
    const struct {
        const int64_t *held;
        size_t count;
        const dx_position *since;
        size_t told;
    } cases[] = {{keys, 3, &now, 1},
                 {keys, 2, &now, 2},
                 {keys, 3, &other, 5},
                 {turned, 2, &now, 5},
                 {twice, 2, &now, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        of = (list){.count = cases[i].count};
        for (size_t at = 0; at < of.count; at++) {
            of.keys[at] = cases[i].held[at];
            snprintf(of.rows[at], NAME_SIZE, "?");
        }
        dx_subscription *one = begin_watch(test_item("{\"type\": \"tree\", \"order\": \"n\"}"), &of);
        assert_int_equal(dx_subscription_come_back(one, cases[i].since, cases[i].held, cases[i].count),
                         DX_OK);
        run(one, 2, SIZE_MAX);
        assert_int_equal(of.told, cases[i].told);
        assert_int_equal(of.count, 3);
        dx_subscription_destroy(one);
    }
    peer_commit(&alice);
    end();
}

static void test_refused(void **state) {
    (void)state;
    static const char *const questions[] = {"{\"type\": \"tree\", \"limit\": 3}",
                                            "{\"type\": \"t\", \"order\": \"n\", \"ids\": true}",
                                            "{\"type\": \"t\", \"order\": \"n\", \"limit\": 0}",
                                            "{\"order\": \"n\", \"follow\": [{\"out\": null}]}"};
    char message[DX_QUERY_MESSAGE_SIZE];
    dx_subscription *one;
    begin();
    peer_begin(&alice);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        const dx_subscriber subscriber = {.ctx = NULL, .on_row = carry_out};
        assert_int_equal(dx_subscription_create(set, &alice.context, alice.space, test_item(questions[i]),
                                                &subscriber, message, sizeof message, &one),
                         DX_E_INVALID);
        assert_non_null(strstr(message, "watch takes a filter"));
    }
    peer_commit(&alice);
    end();
}

static int pass_over(void *ctx, dx_bytes row) {
    (void)ctx;
    (void)row;
    return DX_OK;
}

/* Memory fails at each place once: an error, and nothing kept that nobody owns. */
static void test_failures(void **state) {
    (void)state;
    static const char *const questions[] = {"{\"type\": \"tree\", \"order\": \"n\", \"limit\": 2}",
                                            "{\"type\": \"tree\", \"group\": \"n\"}"};
    begin();
    int64_t oak = peer_add(&alice, "tree", "{\"n\":1}");
    peer_add(&alice, "tree", "{\"n\":2}");
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        dx_bytes item = test_item(questions[i]);
        bool done = false;
        for (uint64_t fail_at = 1; !done; fail_at++) {
            char message[DX_QUERY_MESSAGE_SIZE];
            dx_subscription *one = NULL;
            bool more = true;
            const dx_subscriber subscriber = {.on_row = pass_over};
            dx_changes_clear(&alice.changes);
            peer_set(&alice, oak, "n", fail_at % 2 == 0 ? "1" : "3");
            peer_settle(&alice);
            peer_begin(&alice);
            alice.alloc.calls = 0;
            alice.alloc.fail_at = fail_at;
            int error = dx_subscription_create(set, &alice.context, alice.space, item, &subscriber, message,
                                               sizeof message, &one);
            while (error == DX_OK && more) {
                error = dx_subscription_run(one, 10, &more);
            }
            error = error == DX_OK ? dx_subscriptions_take(set, &alice.context, &alice.changes) : error;
            done = alice.alloc.calls < fail_at;
            alice.alloc.fail_at = 0;
            assert_int_equal(error, done ? DX_OK : DX_E_NO_MEMORY);
            dx_subscription_destroy(one);
            dx_subscriptions_destroy(set); /* as the node does with a step that failed */
            assert_int_equal(dx_subscriptions_create(alice.context.alloc, alice.context.random, &set), DX_OK);
            peer_commit(&alice);
        }
    }
    end();
}

DX_TEST_MAIN(DX_TEST(test_failures), DX_TEST(test_oracle), DX_TEST(test_few_rows), DX_TEST(test_not_as_told),
             DX_TEST(test_refused))
