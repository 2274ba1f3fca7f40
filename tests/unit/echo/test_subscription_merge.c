/* tests/unit/echo/test_subscription_merge.c: what watches tell while others' work comes in, carried out, is what the question answers now, at
 * every step: blocks in random runs, writes of one's own between them, rows that follow their blocks, branches of a forked feed that are
 * taken back, sections that come late (echo/subscription.c, echo/subscription_window.c beside echo/withdraw.c, echo/late.c). */
#include "echo/subscription.h"

#include <stdlib.h>

#include "hollow.h"
#include "test_item.h"

enum {
    IDS_MAX = 400,
    ROWS_MAX = 500,
    TEXT_SIZE = 160,
    WATCHES = 14,
    STEPS = 60,
    ROUNDS = 6,
    FORK_STEP = 20,
    HOLES_STEP = 15
};

/* Whether something of Bob's is taken back, or something of Carol's comes late. */
typedef enum round_kind { PLAIN, FORKED, LATE, ROUND_KINDS } round_kind;

typedef struct held {
    char rows[ROWS_MAX][TEXT_SIZE];
    size_t count;
    bool ordered, stale, listed;
} held;

typedef struct world {
    peer alice, bob, carol;
    uint8_t ids[IDS_MAX][DX_ID_SIZE];
    size_t id_count;
    uint64_t random;
    round_kind kind;
    bool bob_is_gone, holes_begun;
    sim_disk *image; /* of Bob's vault before his feed parts */
    hollow holes;
    size_t filled;
    dx_subscriptions *set;
    size_t refreshed;
} world;

static world w;
static held lists[WATCHES];
static const char *const questions[WATCHES] = {
    "{}",
    "{\"kind\":\"any\"}",
    "{\"type\":\"tree\"}",
    "{\"type\":\"tree\",\"where\":{\"n\":1}}",
    "{\"where\":{\"site\":\"north\"}}",
    "{\"where\":{\"n\":{\"ge\":2}}}",
    "{\"deleted\":\"only\"}",
    "{\"not\":{\"where\":{\"n\":1}}}",
    "{\"type\":\"near\",\"kind\":\"link\"}",
    "{\"type\":\"tree\",\"order\":\"n\"}",
    "{\"type\":\"tree\",\"order\":\"n\",\"limit\":3}",
    "{\"order\":[\"site\",\"n\"],\"limit\":5}",
    "{\"type\":\"tree\",\"group\":\"n\"}",
    "{\"where\":{\"site\":\"north\"},\"order\":{\"path\":\"n\",\"descending\":true},\"limit\":2}"};

static size_t below(size_t count) {
    w.random = w.random * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(w.random >> 33) % count;
}

/* --- What a watcher holds --------------------------------------------------------------------------------- */

static void name_row(dx_bytes row, char *out) {
    static const char *const keys[] = {"id", "value", "count", "data", "deleted"};
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        dx_buf text;
        dx_bytes item = dx_item_get(row, keys[i]);
        dx_buf_init(&text, &w.alice.alloc.port, 4096);
        if (item.size != 0 && at < TEXT_SIZE - 1) {
            assert_int_equal(dx_json_print(item, &text), DX_OK);
            at +=
                (size_t)snprintf(out + at, TEXT_SIZE - at, "%.*s ", (int)text.size, (const char *)text.data);
        }
        dx_buf_deinit(&text);
    }
}

static void insert(held *self, size_t at, dx_bytes row) {
    assert_true(at <= self->count && self->count < ROWS_MAX);
    memmove(self->rows + at + 1, self->rows + at, (self->count - at) * TEXT_SIZE);
    name_row(row, self->rows[at]);
    self->count++;
}

static void drop(held *self, size_t at) {
    assert_true(at < self->count);
    self->count--;
    memmove(self->rows + at, self->rows + at + 1, (self->count - at) * TEXT_SIZE);
}

static size_t find(const held *self, dx_bytes row) {
    char name[TEXT_SIZE];
    size_t at = 0, size;
    name_row(row, name);
    size = strcspn(name, " "); /* the id */
    while (at < self->count && strncmp(self->rows[at], name, size + 1) != 0) {
        at++;
    }
    return at;
}

static int carry_out(void *ctx, dx_bytes row) {
    held *self = ctx;
    dx_bytes change = dx_item_text(dx_item_get(row, "change"));
    int64_t from = dx_item_int(dx_item_get(row, "from"), -1), to = dx_item_int(dx_item_get(row, "to"), -1);
    if (dx_bytes_equal(change, dx_bytes_text("refresh"))) {
        self->count = 0;
        self->listed = false;
        self->stale = !self->ordered;
        w.refreshed++;
    } else if (dx_bytes_equal(change, dx_bytes_text("listed"))) {
        self->listed = true;
    } else if (self->ordered) {
        if (from >= 0) {
            drop(self, (size_t)from);
        }
        if (to >= 0) {
            insert(self, (size_t)to, row);
        }
    } else {
        size_t at = find(self, row);
        if (at < self->count) {
            drop(self, at);
        }
        if (!dx_bytes_equal(change, dx_bytes_text("removed"))) {
            insert(self, self->count, row);
        }
    }
    return DX_OK;
}

static int note_row(void *ctx, const dx_query_row *row) {
    held *self = ctx;
    dx_buf bytes;
    dx_writer writer;
    dx_buf_init(&bytes, &w.alice.alloc.port, 1 << 16);
    if (row->key != 0) {
        assert_int_equal(dx_entity_write_row(&w.alice.context, w.alice.space, row->entity, &bytes), DX_OK);
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

static void ask(const char *question, held *out) {
    char message[DX_QUERY_MESSAGE_SIZE];
    dx_query *query;
    bool more = true;
    out->count = 0;
    dx_buf item;
    peer_item(&w.alice, question, &item);
    assert_int_equal(
        dx_query_create(&w.alice.context, w.alice.space, dx_buf_view(&item), message, sizeof message, &query),
        DX_OK);
    while (more) {
        assert_int_equal(dx_query_run(query, 50, note_row, out, &more), DX_OK);
    }
    dx_query_destroy(query);
    dx_buf_deinit(&item);
}

static int compare_rows(const void *a, const void *b) {
    return strcmp(a, b);
}

static void expect(held *self, size_t number, size_t round, size_t step) {
    static held answer;
    ask(questions[number], &answer);
    if (!self->ordered) {
        qsort(self->rows, self->count, TEXT_SIZE, compare_rows);
        qsort(answer.rows, answer.count, TEXT_SIZE, compare_rows);
    }
    bool same = answer.count == self->count;
    for (size_t i = 0; same && i < answer.count; i++) {
        same = strcmp(answer.rows[i], self->rows[i]) == 0;
    }
    if (!same) {
        for (size_t i = 0; i < answer.count || i < self->count; i++) {
            print_error("%3zu %-80s %s\n", i, i < self->count ? self->rows[i] : "",
                        i < answer.count ? answer.rows[i] : "");
        }
        fail_msg("round %zu, step %zu, %s: %zu rows held, %zu asked", round, step, questions[number],
                 self->count, answer.count);
    }
}

/* --- Writing ------------------------------------------------------------------------------------------------ */

/* Something that this peer has, and that is no link; 0: it has nothing of the kind. */
static int64_t pick(peer *self, bool *deleted) {
    for (int tries = 0; tries < 8 && w.id_count > 0; tries++) {
        int64_t key;
        dx_entity entity;
        peer_begin(self);
        bool there = dx_id_to_key(self->space, w.ids[below(w.id_count)], &key) == DX_OK &&
                     dx_entity_read(&self->context, self->space, key, &entity) == DX_OK;
        bool link = there && entity.source != 0;
        *deleted = there && entity.deleted;
        peer_commit(self);
        if (there && !link) {
            return key;
        }
    }
    return 0;
}

static void note_id(peer *self, int64_t key) {
    if (w.id_count < IDS_MAX) {
        assert_int_equal(dx_key_to_id(self->space, key, w.ids[w.id_count++]), DX_OK);
    }
}

static void write_something(peer *self) {
    static const char *const sites[] = {"\"north\"", "\"south\"", "7", NULL};
    char value[64];
    bool deleted = false;
    int64_t key = pick(self, &deleted), other;
    size_t dice = below(10);
    if (key != 0 && deleted) {
        peer_change_life(self, key, false);
    } else if (key == 0 || dice < 3) {
        snprintf(value, sizeof value, "{\"n\":%d,\"site\":\"north\"}", (int)below(4));
        note_id(self, peer_add(self, below(3) == 0 ? "stone" : "tree", value));
    } else if (dice < 5) {
        snprintf(value, sizeof value, "%d", (int)below(4));
        peer_set(self, key, "n", value);
    } else if (dice < 7) {
        peer_set(self, key, "site", sites[below(4)]);
    } else if (dice < 9) {
        peer_change_life(self, key, true);
    } else if ((other = pick(self, &deleted)) != 0 && !deleted) {
        note_id(self, peer_link(self, "near", key, other));
    }
}

/* --- What comes in ------------------------------------------------------------------------------------------ */

/* Some blocks of some feed. */
static void pull_some(peer *from) {
    peer_begin(&w.alice);
    peer_begin(from);
    for (int class = DX_FEED_CONTROL; class <= DX_FEED_DATA; class ++) {
        for (size_t i = 0; i < from->space->feed_count; i++) {
            dx_feed *source = &from->space->feeds[i];
            const dx_feed *have = dx_space_feed_by_id(w.alice.space, source->id);
            uint64_t at = have == NULL ? 0 : have->length;
            if ((int)source->identity.feed_class != class || source->length <= at ||
                (have != NULL && have->own)) {
                continue;
            }
            uint64_t left = source->length - at;
            uint64_t end = class == DX_FEED_CONTROL ? source->length : at + below((size_t)left + 1);
            if (end > at) {
                (void)peer_carry(&w.alice, from, source, end); /* a branch that is not hers is refused */
                peer_run(&w.alice);
            }
        }
    }
    peer_commit(from);
    peer_commit(&w.alice);
}

/* What Bob writes from now on stands on one branch only. */
static void write_branch(void) {
    w.image = sim_disk_copy(w.bob.disk, 5);
    for (int i = 0; i < 8; i++) { /* what she writes upon is not taken back; what she only has is */
        write_something(&w.bob);
        if (i == 3) {
            peer_pull(&w.alice, &w.bob, 9);
            write_something(&w.alice);
        }
    }
    note_id(&w.bob, peer_add(&w.bob, "tree", "{\"n\":1,\"site\":\"north\"}"));
    peer_pull(&w.alice, &w.bob, 9);
    w.bob_is_gone = true;
}

/* His vault is restored from a copy and goes on; Alice hears of the other branch. */
static void show_branch(void) {
    dx_space_destroy(&w.bob.context, w.bob.space);
    dx_identity_deinit(&w.bob.identity);
    dx_store_close(w.bob.context.store);
    sim_disk_restore(w.bob.disk, w.image);
    sim_disk_destroy(w.image);
    peer_open(&w.bob);
    assert_int_equal(dx_space_load(&w.bob.context, 1, &w.bob.space), DX_OK);
    peer_commit(&w.bob);
    peer_add(&w.bob, "tree", "{\"branch\":2}");
    dx_head other = dx_space_feed(w.bob.space, w.bob.space->own_data)->head;
    peer_begin(&w.alice);
    dx_feed *his = dx_space_feed_by_id(w.alice.space, dx_space_feed(w.bob.space, w.bob.space->own_data)->id);
    assert_int_equal(dx_feed_hear(his, w.alice.context.store, &other), DX_E_FORK);
    peer_run(&w.alice);
    peer_commit(&w.alice);
}

/* Of Carol's blocks only hashes come from now on, and their sections one by one. */
static void take_hollow(void) {
    if (!w.holes_begun) {
        peer_pull(&w.alice, &w.carol, 9);
        hollow_begin(&w.holes, &w.carol);
        w.holes_begun = true;
    }
    hollow_pull(&w.holes, &w.alice, &w.carol);
    for (size_t left = below(4); left > 0 && w.filled < w.holes.count; left--) {
        size_t number = w.filled + below(w.holes.count - w.filled);
        hollow_section swapped = w.holes.sections[number];
        w.holes.sections[number] = w.holes.sections[w.filled];
        w.holes.sections[w.filled] = swapped;
        peer_begin(&w.alice);
        hollow_fill(&w.holes, &w.alice, &w.filled, 1);
        peer_run(&w.alice);
        peer_commit(&w.alice);
        w.filled++;
    }
}

static void let_come(size_t step) {
    bool late = w.kind == LATE && step >= HOLES_STEP;
    if (!w.bob_is_gone && below(2) == 0) {
        pull_some(&w.bob);
    }
    if (late) {
        take_hollow();
    } else if (below(2) == 0) {
        pull_some(&w.carol);
    }
    if (w.kind == FORKED && step == FORK_STEP) {
        write_branch();
    } else if (w.kind == FORKED && step == FORK_STEP + 2) {
        show_branch();
    }
    if (below(4) == 0) {
        peer_settle(&w.alice);
    }
}

/* --- The law ------------------------------------------------------------------------------------------------- */

static void begin_world(uint64_t seed) {
    memset(&w, 0, sizeof w);
    w.random = seed * 7919;
    w.kind = (round_kind)(seed % ROUND_KINDS);
    peer_init(&w.alice, 10 * seed + 1, "Alice");
    peer_init(&w.bob, 10 * seed + 2, "Bob");
    peer_init(&w.carol, 10 * seed + 3, "Carol");
    peer_create_space(&w.alice, "Garden");
    peer_admit(&w.alice, &w.bob, DX_ROLE_EDITOR);
    peer_admit(&w.alice, &w.carol, DX_ROLE_EDITOR);
    peer_pull(&w.bob, &w.alice, 9);
    assert_int_equal(dx_subscriptions_create(w.alice.context.alloc, w.alice.context.random, &w.set), DX_OK);
}

static void end_world(void) {
    dx_subscriptions_destroy(w.set);
    hollow_deinit(&w.holes);
    peer_deinit(&w.alice);
    peer_deinit(&w.bob);
    peer_deinit(&w.carol);
}

static void run_one(dx_subscription *one, size_t budget, size_t calls) {
    bool more = true;
    while (more && calls-- > 0) {
        assert_int_equal(dx_subscription_run(one, budget, &more), DX_OK);
    }
}

static void play_round(uint64_t seed) {
    dx_subscription *watches[WATCHES];
    begin_world(seed);
    for (int i = 0; i < 12; i++) {
        write_something(&w.alice);
    }
    peer_pull(&w.bob, &w.alice, 9);
    peer_pull(&w.carol, &w.alice, 9);
    peer_begin(&w.alice);
    for (size_t i = 0; i < WATCHES; i++) {
        char message[DX_QUERY_MESSAGE_SIZE] = "";
        dx_buf item;
        lists[i] = (held){.count = 0};
        const dx_subscriber subscriber = {.ctx = &lists[i], .on_row = carry_out};
        peer_item(&w.alice, questions[i], &item);
        assert_int_equal(dx_subscription_create(w.set, &w.alice.context, w.alice.space, dx_buf_view(&item),
                                                &subscriber, message, sizeof message, &watches[i]),
                         DX_OK);
        dx_buf_deinit(&item);
        lists[i].ordered = dx_subscription_has_order(watches[i]);
        lists[i].stale = !lists[i].ordered;
        dx_subscription_limit(watches[i], lists[i].ordered ? 2
                                          : below(3) == 0  ? 4
                                                           : 1000); /* some know too few */
        run_one(watches[i], 3, below(6));
    }
    peer_commit(&w.alice);
    dx_changes_clear(&w.alice.changes);
    for (size_t step = 0; step < STEPS; step++) {
        bool waits =
            w.kind == FORKED && step > FORK_STEP && step <= FORK_STEP + 2; /* what she names stands */
        for (size_t i = waits ? 0 : below(3); i > 0; i--) {
            write_something(&w.alice);
        }
        for (size_t i = below(4); i > 0 && !w.bob_is_gone; i--) {
            write_something(&w.bob);
        }
        for (size_t i = below(4); i > 0; i--) {
            write_something(&w.carol);
        }
        if (below(5) == 0 && !w.bob_is_gone) {
            peer_pull(&w.carol, &w.bob, 5);
            peer_pull(&w.bob, &w.carol, 5);
        }
        let_come(step);
        peer_begin(&w.alice);
        assert_int_equal(dx_subscriptions_take(w.set, &w.alice.context, &w.alice.changes), DX_OK);
        dx_changes_clear(&w.alice.changes);
        for (size_t i = 0; i < WATCHES; i++) {
            if (lists[i].stale) { /* as its program does */
                ask(questions[i], &lists[i]);
                lists[i].stale = false;
            }
            run_one(watches[i], 1 + below(20), step % 3 == 0 ? 1 : SIZE_MAX);
            if (!lists[i].ordered || step % 3 != 0) {
                assert_true(!lists[i].ordered || lists[i].listed);
                expect(&lists[i], i, seed, step);
            }
        }
        peer_commit(&w.alice);
    }
    for (size_t i = 0; i < WATCHES; i++) {
        dx_subscription_destroy(watches[i]);
    }
    assert_true(w.kind == PLAIN || w.refreshed > 0);
    end_world();
}

static void test_oracle(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        play_round(seed);
    }
}

DX_TEST_MAIN(DX_TEST(test_oracle))
