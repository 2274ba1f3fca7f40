/* tests/unit/echo/test_epoch_models.c: epochs and what objects are made of: counters, lists, texts, models of a program's
 * own that merge or want an order, known here and not there, and items larger than a chunk. Whoever knows which, all make the
 * same bytes of one state; compacted and loaded vaults show what full ones do, and what was opaque is live once its model
 * is known. Of echo/cut_scan.c, echo/remake.c, echo/saved_state.c, echo/load.c and echo/snapshot_chunk.c together. */
#include "echo/load_check.h"

#include "echo/base.h"
#include "echo/provenance.h"
#include "epochs.h"

/* --- Models ------------------------------------------------------------------------------------------ */

/* "test/digits/1", ordered: shows its operations as digits, in their order; "test/sum/1" adds them up, and each counts once. */
typedef struct tally {
    int64_t value;
} tally;

static void *tally_create(const dx_alloc *alloc, const dx_stamp *created) {
    (void)created;
    return dx_alloc_take_zeroed(alloc, sizeof(tally));
}

static void tally_destroy(const dx_alloc *alloc, void *state) {
    dx_alloc_free(alloc, state, sizeof(tally));
}

static int digits_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    tally *self = state;
    (void)stamp;
    if (dx_item_kind(operation) != DX_KIND_INT) {
        return DX_E_MALFORMED;
    }
    self->value = (self->value * 10 + dx_item_int(operation, 0)) % 1000000007;
    return DX_OK;
}

/* A maximum: it merges. */
static int most_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    tally *self = state;
    (void)stamp;
    if (dx_item_kind(operation) != DX_KIND_INT) {
        return DX_E_MALFORMED;
    }
    self->value = dx_item_int(operation, 0) > self->value ? dx_item_int(operation, 0) : self->value;
    return DX_OK;
}

static int tally_save(const void *state, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_int(&writer, ((const tally *)state)->value);
    return dx_writer_finish(&writer);
}

static int tally_restore(void *state, dx_bytes saved) {
    ((tally *)state)->value = dx_item_int(saved, 0);
    return dx_item_kind(saved) == DX_KIND_INT ? DX_OK : DX_E_CORRUPT;
}

static int tally_view(const void *state, dx_writer *out) {
    dx_write_int(out, ((const tally *)state)->value);
    return DX_OK;
}

#define TALLY(symbol, title, how, operate)                                                                   \
    static const dx_model symbol = {.version = DX_MODEL_VERSION,                                             \
                                    .name = title,                                                           \
                                    .kind = how,                                                             \
                                    .create = tally_create,                                                  \
                                    .destroy = tally_destroy,                                                \
                                    .apply = operate,                                                        \
                                    .save = tally_save,                                                      \
                                    .restore = tally_restore,                                                \
                                    .view = tally_view}
TALLY(digits_model, "test/digits/1", DX_MODEL_ORDERED, digits_apply);
TALLY(most_model, "test/most/1", DX_MODEL_MERGE, most_apply);

static const dx_model *const test_models[] = {&digits_model, &most_model};
static const dx_model_registry registry = {.models = test_models, .count = 2};

/* --- A world ------------------------------------------------------------------------------------------ */

enum { KINDS = 7, MADE_HERE = 5, LARGE_SIZE = 600 * 1024 };

static const char *const kinds[KINDS] = {
    "dx/counter/1", "test/digits/1", "test/most/1", "dx/list/1",
    "dx/text/1",    "test/digits/1", "test/most/1"}; /* two from elsewhere */

typedef struct world {
    peer alice, bob, full, plain, compact, late; /* the last is Bob's second mind: he is away */
    uint8_t ids[KINDS][DX_ID_SIZE], large[DX_ID_SIZE];
    uint64_t random;
    dx_cut cut;
    dx_snapshot_made made;
} world;

static uint64_t roll(world *w, uint64_t bound) {
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (w->random >> 33) % bound;
}

static int64_t add_of(peer *self, const char *model) {
    dx_transaction *transaction;
    int64_t key;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_add_object_of(transaction, dx_bytes_text(model), dx_bytes_text("thing"),
                                                  0, (dx_bytes){NULL, 0}, &key),
                     DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
    return key;
}

static void ask(peer *self, const uint8_t id[static DX_ID_SIZE], dx_bytes request) {
    dx_transaction *transaction;
    int64_t key;
    peer_begin(self);
    assert_int_equal(dx_id_to_key(self->space, id, &key), DX_OK);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_apply(transaction, key, request), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

/* Text of 600 KiB that says which. */
static void set_large(world *w, peer *self) {
    int64_t key;
    char *json = malloc(LARGE_SIZE + 3);
    memset(json, (int)('a' + roll(w, 26)), LARGE_SIZE + 2);
    json[0] = json[LARGE_SIZE + 1] = '"';
    json[LARGE_SIZE + 2] = 0;
    assert_int_equal(dx_id_to_key(self->space, w->large, &key), DX_OK);
    peer_set(self, key, "text", json);
    free(json);
}

static void write_something(world *w, peer *self) {
    size_t which = (size_t)roll(w, KINDS);
    uint8_t number[] = {(uint8_t)(1 + roll(w, 9))};
    /* {"insert": 0, "values": [n]} */
    uint8_t insert[] = "\xa2\x66insert\x00\x66values\x81n";
    insert[sizeof insert - 2] = number[0];
    uint8_t append[] = "\xa1\x66"
                       "append\x61n";
    append[sizeof append - 2] = (uint8_t)('0' + number[0]);
    bool list = which == 3, text = which == 4;
    ask(self, w->ids[which],
        list   ? dx_bytes_of(insert, sizeof insert - 1)
        : text ? dx_bytes_of(append, sizeof append - 1)
               : dx_bytes_of(number, sizeof number));
}

static void join(world *w, peer *out, uint64_t seed, bool knows) {
    peer_init(out, seed, "Reader");
    out->context.models = knows ? &registry : NULL;
    peer_admit(&w->alice, out, DX_ROLE_READER);
}

/* Two objects of another space, with what was done to them there. */
static void bring(world *w, uint64_t seed) {
    peer elsewhere;
    peer_init(&elsewhere, 600 + seed, "Carol");
    elsewhere.context.models = &registry;
    peer_create_space(&elsewhere, "Meadow");
    for (size_t i = MADE_HERE; i < KINDS; i++) {
        uint8_t id[DX_ID_SIZE], number = 3;
        dx_transaction *transaction;
        dx_buf provenance;
        int64_t key = add_of(&elsewhere, kinds[i]);
        assert_int_equal(dx_key_to_id(elsewhere.space, key, id), DX_OK);
        for (size_t n = 0; n < 5; n++) {
            ask(&elsewhere, id, dx_bytes_of(&number, 1));
        }
        dx_buf_init(&provenance, &elsewhere.alloc.port, DX_PROVENANCE_SIZE_MAX);
        peer_settle(&elsewhere);
        peer_begin(&elsewhere);
        assert_int_equal(dx_provenance_write(&elsewhere.context, elsewhere.space, key, &provenance), DX_OK);
        peer_commit(&elsewhere);
        peer_begin(&w->alice);
        assert_int_equal(dx_transaction_begin(&w->alice.context, w->alice.space, &transaction), DX_OK);
        assert_int_equal(dx_transaction_add_object_from(transaction, dx_bytes_text(kinds[i]),
                                                        dx_bytes_text("thing"), 0, dx_buf_view(&provenance),
                                                        &key),
                         DX_OK);
        assert_int_equal(dx_transaction_commit(transaction), DX_OK);
        peer_commit(&w->alice);
        assert_int_equal(dx_key_to_id(w->alice.space, key, w->ids[i]), DX_OK);
        dx_buf_deinit(&provenance);
    }
    peer_deinit(&elsewhere);
}

static void world_init(world *w, uint64_t seed) {
    memset(w, 0, sizeof *w);
    w->random = seed;
    peer_init(&w->alice, seed, "Alice");
    peer_init(&w->bob, 100 + seed, "Bob");
    w->alice.context.models = w->bob.context.models = &registry;
    peer_create_space(&w->alice, "Garden");
    peer_admit(&w->alice, &w->bob, DX_ROLE_EDITOR);
    join(w, &w->full, 200 + seed, true);
    join(w, &w->plain, 300 + seed, false);
    join(w, &w->compact, 400 + seed, false);
    join(w, &w->late, 500 + seed, true);
    for (size_t i = 0; i < MADE_HERE; i++) {
        assert_int_equal(dx_key_to_id(w->alice.space, add_of(&w->alice, kinds[i]), w->ids[i]), DX_OK);
    }
    bring(w, seed);
    assert_int_equal(dx_key_to_id(w->alice.space, peer_add(&w->alice, "book", "{}"), w->large), DX_OK);
    set_large(w, &w->alice);
    peer_pull(&w->bob, &w->alice, PEER_RUN_MAX);
}

static void world_deinit(world *w) {
    dx_cut_deinit(&w->cut);
    peer *const all[] = {&w->alice, &w->bob, &w->full, &w->plain, &w->compact, &w->late};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        peer_deinit(all[i]);
    }
}

static void write_round(world *w, size_t count, bool meet) {
    for (size_t i = 0; i < count; i++) {
        write_something(w, roll(w, 2) == 0 ? &w->alice : &w->bob);
        if (meet && roll(w, 3) == 0) {
            peer_pull(&w->bob, &w->alice, PEER_RUN_MAX);
            peer_pull(&w->alice, &w->bob, PEER_RUN_MAX);
        }
    }
}

static void assert_root(peer *self, const dx_cut *cut, const uint8_t root[static DX_HASH_SIZE],
                        size_t budget) {
    dx_snapshot_made made = epoch_make(self, cut, budget);
    assert_memory_equal(made.root, root, DX_HASH_SIZE);
}

static void run_world(uint64_t seed) {
    world w;
    dx_cut end;
    world_init(&w, seed);
    write_round(&w, 14, true);
    peer_pull(&w.alice, &w.bob, PEER_RUN_MAX);
    epoch_cut(&w.alice, &w.cut);
    w.made = epoch_make(&w.alice, &w.cut, 3);
    assert_true(w.made.chunks > 3); /* one item is pieces */
    peer_pull(&w.compact, &w.alice, PEER_RUN_MAX);
    peer_pull(&w.plain, &w.alice, PEER_RUN_MAX);
    /* Bob does not hear of it, and writes; both write beyond the cut. */
    write_round(&w, 10, false);
    set_large(&w, &w.bob);
    peer_pull(&w.compact, &w.alice, PEER_RUN_MAX);
    assert_root(&w.compact, &w.cut, w.made.root, 2); /* who does not know the models makes the same */
    epoch_compact(&w.compact, &w.cut, 2);
    assert_root(&w.compact, &w.cut, w.made.root, 2);
    peer_pull(&w.full, &w.alice, PEER_RUN_MAX);
    assert_root(&w.full, &w.cut, w.made.root, 5);
    epoch_pull_rights(&w.late, &w.compact);
    epoch_load(&w.late, &w.compact, &w.cut, &w.made,
               2); /* from one that does not know them to one that does */
    assert_root(&w.late, &w.cut, w.made.root, 2);
    /* Bob's late work reaches them all, in whatever order. */
    peer *const all[] = {&w.alice, &w.full, &w.plain, &w.compact, &w.late};
    peer_pull(&w.bob, &w.alice, PEER_RUN_MAX);
    write_round(&w, 6, true);
    peer_pull(&w.alice, &w.bob, PEER_RUN_MAX);
    for (size_t i = 1; i < sizeof all / sizeof all[0]; i++) {
        peer_pull(all[i], &w.alice, 1 + roll(&w, 5));
        assert_int_equal(all[i]->space->blocked, 0);
    }
    assert_same_data(&w.alice, &w.full);
    assert_same_data(&w.alice, &w.late);
    assert_same_data(&w.plain, &w.compact);
    epoch_cut(&w.alice, &end);
    dx_snapshot_made last = epoch_make(&w.alice, &end, 100);
    for (size_t i = 1; i < sizeof all / sizeof all[0]; i++) {
        assert_root(all[i], &w.cut, w.made.root, 4);
        assert_root(all[i], &end, last.root, 4);
    }
    /* What was opaque is live as soon as its model is known; with a base, too. */
    w.compact.context.models = &registry;
    peer_reopen(&w.compact);
    assert_same_data(&w.alice, &w.compact);
    assert_root(&w.compact, &w.cut, w.made.root, 4);
    assert_root(&w.compact, &end, last.root, 4);
    dx_cut_deinit(&end);
    world_deinit(&w);
}

static void test_models_over_random_worlds(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        run_world(seed);
    }
}

DX_TEST_MAIN(DX_TEST(test_models_over_random_worlds))
