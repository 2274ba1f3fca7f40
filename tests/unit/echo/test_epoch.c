/* tests/unit/echo/test_epoch.c: the law of epochs. A replica that has all blocks, one that dropped those below a cut, one
 * that only ever had the state there and the blocks beyond, and one that was away and loads it over what it has, hold the
 * same; whatever came in which order. Of echo/cut.c, echo/cut_scan.c, echo/remake.c, echo/snapshot.c, echo/snapshot_item.c,
 * echo/snapshot_chunk.c, echo/base.c, echo/compact.c, echo/load.c and feed/begin.c together. */
#include "echo/base.h"
#include "echo/touch.h"
#include "epochs.h"
#include "halo/control_purge.h"
#include "purged.h"

static dx_snapshot_made plain_made(peer *self, size_t budget, dx_cut *cut) {
    epoch_cut(self, cut);
    return epoch_make(self, cut, budget);
}

static void move(peer *self, int64_t key, int64_t parent) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    int error = dx_transaction_move(transaction, key, parent);
    if (error == DX_OK) {
        assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    } else {
        dx_transaction_abort(transaction);
    }
    peer_commit(self);
}

/* --- Worlds -------------------------------------------------------------------------------------- */

enum { AUTHORS = 3, OBJECTS_MAX = 64 };

/* Three who write; objects are known by their ids. */
typedef struct world {
    peer authors[AUTHORS];
    uint8_t ids[OBJECTS_MAX][DX_ID_SIZE];
    size_t objects;
    uint64_t random;
} world;

static uint64_t roll(world *self, uint64_t bound) {
    self->random = self->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (self->random >> 33) % bound;
}

static void world_init(world *self, uint64_t seed) {
    static const char *const names[AUTHORS] = {"Alice", "Bob", "Carol"};
    memset(self, 0, sizeof *self);
    self->random = seed;
    for (size_t i = 0; i < AUTHORS; i++) {
        peer_init(&self->authors[i], 1 + i + 10 * seed, names[i]);
    }
    peer_create_space(&self->authors[0], "Garden");
    for (size_t i = 1; i < AUTHORS; i++) {
        peer_admit(&self->authors[0], &self->authors[i], DX_ROLE_EDITOR);
    }
    for (size_t i = 0; i < AUTHORS; i++) {
        for (size_t j = 0; j < AUTHORS; j++) {
            if (i != j) {
                peer_pull(&self->authors[j], &self->authors[i], PEER_RUN_MAX);
            }
        }
    }
}

static void world_deinit(world *self) {
    for (size_t i = 0; i < AUTHORS; i++) {
        peer_deinit(&self->authors[i]);
    }
}

/* An object that this author knows, 0: none. */
static int64_t pick(world *self, peer *author) {
    for (int tries = 0; self->objects != 0 && tries < 8; tries++) {
        int64_t key;
        if (dx_id_to_key(author->space, self->ids[roll(self, self->objects)], &key) == DX_OK) {
            peer_begin(author);
            int error = dx_entity_row_find(&author->context, author->space, key);
            peer_commit(author);
            if (error == DX_OK) {
                return key;
            }
        }
    }
    return 0;
}

static void note_object(world *self, peer *author, int64_t key) {
    if (self->objects < OBJECTS_MAX) {
        assert_int_equal(dx_key_to_id(author->space, key, self->ids[self->objects++]), DX_OK);
    }
}

static bool is_deleted(peer *author, int64_t key) {
    dx_entity_row row;
    peer_begin(author);
    assert_int_equal(dx_entity_row_read(&author->context, author->space, key, &row), DX_OK);
    bool deleted = row.deleted;
    peer_commit(author);
    return deleted;
}

static void write_something(world *self, peer *author) {
    static const char *const values[] = {"1", "\"two\"", "[3]", "{\"four\":4}"};
    int64_t key = pick(self, author), other = pick(self, author);
    uint64_t what = roll(self, 8);
    if (key == 0 || what == 0) {
        note_object(self, author, peer_add(author, "tree", "{\"name\":\"oak\"}"));
    } else if (what == 1 && other != 0) {
        note_object(self, author, peer_link(author, "near", key, other));
    } else if (what == 2) {
        peer_change_life(author, key, !is_deleted(author, key));
    } else if (is_deleted(author, key)) {
        peer_change_life(author, key, false);
    } else if (what <= 5) {
        peer_set(author, key, roll(self, 2) == 0 ? "name" : "size", values[roll(self, 4)]);
    } else {
        move(author, key, roll(self, 4) == 0 ? 0 : other);
    }
}

/* Some write, some hear of each other. */
static void go_on(world *self, size_t steps, size_t authors) {
    for (size_t i = 0; i < steps; i++) {
        size_t who = roll(self, authors);
        if (roll(self, 5) == 0) {
            size_t from = roll(self, authors);
            if (from != who) {
                peer_pull(&self->authors[who], &self->authors[from], 1 + roll(self, 3));
            }
        } else {
            write_something(self, &self->authors[who]);
        }
    }
}

/* A member's vault that has what `from` had written of rights, and none of the data. */
static void join_reader(world *self, peer *out, uint64_t seed) {
    peer_init(out, seed, "Newcomer");
    peer_admit(&self->authors[0], out, DX_ROLE_READER);
}

/* Everything from one who has it all, feed by feed in some order and in runs of some length. */
static void pull_all(world *self, peer *to, peer *from) {
    for (int i = 0; i < 3; i++) {
        peer_pull(to, from, 1 + roll(self, 4));
    }
}

/* Blocks of data alone, those that are not here. */
static void exchange(world *self) {
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < AUTHORS; i++) {
            for (size_t j = 0; j < AUTHORS; j++) {
                if (i != j) {
                    peer_pull(&self->authors[j], &self->authors[i], PEER_RUN_MAX);
                }
            }
        }
    }
}

/* --- Snapshots ----------------------------------------------------------------------------------- */

static void test_a_snapshot_is_a_function_of_what_is_below(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        world w;
        peer full;
        dx_cut cut;
        world_init(&w, seed);
        join_reader(&w, &full, 77);
        go_on(&w, 30, AUTHORS);
        exchange(&w);
        dx_snapshot_made first = plain_made(&w.authors[0], SIZE_MAX, &cut);
        assert_true(first.entities > 6);
        /* Another one that has just that. */
        peer_pull(&full, &w.authors[0], 5);
        dx_snapshot_made same = epoch_make(&full, &cut, 1);
        assert_memory_equal(first.root, same.root, DX_HASH_SIZE);
        assert_int_equal(first.size, same.size);
        /* Whatever was written since. */
        go_on(&w, 40, AUTHORS);
        exchange(&w);
        for (size_t i = 0; i < AUTHORS; i++) {
            dx_snapshot_made later = epoch_make(&w.authors[i], &cut, 7);
            assert_memory_equal(first.root, later.root, DX_HASH_SIZE);
        }
        pull_all(&w, &full, &w.authors[0]);
        peer_reopen(&full);
        dx_snapshot_made late = epoch_make(&full, &cut, 3);
        assert_memory_equal(first.root, late.root, DX_HASH_SIZE);
        dx_cut_deinit(&cut);
        peer_deinit(&full);
        world_deinit(&w);
    }
}

/* --- The law ------------------------------------------------------------------------------------- */

static void run_law(uint64_t seed) {
    world w;
    peer full, fresh, compact;
    dx_cut cut;
    world_init(&w, seed);
    join_reader(&w, &full, 77);
    join_reader(&w, &fresh, 78);
    join_reader(&w, &compact, 79);
    go_on(&w, 20 + roll(&w, 20), AUTHORS);
    for (size_t i = 0; i < AUTHORS; i++) { /* Carol is away from here on */
        peer_pull(&w.authors[i], &w.authors[(i + 1) % AUTHORS], PEER_RUN_MAX);
    }
    go_on(&w, 15, 2);
    peer *carol = &w.authors[2];
    for (int i = 0; i < 8; i++) {
        write_something(&w, carol);
    }
    peer_pull(&w.authors[0], &w.authors[1], PEER_RUN_MAX);
    epoch_cut(&w.authors[0], &cut);
    pull_all(&w, &compact, &w.authors[0]);
    /* Written beyond the cut, before it is compacted and after. */
    go_on(&w, 10, 2);
    peer_pull(&compact, &w.authors[1], PEER_RUN_MAX);
    dx_snapshot_made made = epoch_make(&w.authors[0], &cut, 1 + roll(&w, 9));
    dx_snapshot_made checked = epoch_make(&compact, &cut, 1 + roll(&w, 9));
    assert_memory_equal(made.root, checked.root, DX_HASH_SIZE);
    epoch_compact(&compact, &cut, 1 + roll(&w, 5));
    /* The newcomer and who was away load it, from one that is itself compacted. */
    peer_pull(&fresh, carol, PEER_RUN_MAX); /* rights; data that waits for other data perhaps */
    epoch_load(carol, &compact, &cut, &made, 1 + roll(&w, 9));
    if (roll(&w, 2) == 0) {
        peer_reopen(carol);
    }
    go_on(&w, 10, 2);
    for (int i = 0; i < 5; i++) {
        write_something(&w, carol);
    }
    peer_pull(&w.authors[0], &w.authors[1], PEER_RUN_MAX);
    peer_pull(&w.authors[0], carol, PEER_RUN_MAX);
    peer_pull(&full, &w.authors[0], 1 + roll(&w, 4));
    peer_pull(&full, &w.authors[1], 1 + roll(&w, 4));
    peer_pull(&compact, &full, 1 + roll(&w, 4));
    peer_pull(carol, &full, 1 + roll(&w, 4));
    assert_int_equal(full.space->blocked, 0);
    assert_int_equal(compact.space->blocked, 0);
    assert_int_equal(carol->space->blocked, 0);
    assert_same_data(&full, &compact);
    assert_same_data(&full, carol);
    /* The snapshot at the cut is still the same everywhere, and so is one at the end. */
    peer *const all[] = {&full, &compact, carol};
    dx_cut end;
    epoch_cut(&full, &end);
    dx_snapshot_made last = epoch_make(&full, &end, 100);
    for (size_t i = 0; i < 3; i++) {
        dx_snapshot_made again = epoch_make(all[i], &cut, 3);
        assert_memory_equal(made.root, again.root, DX_HASH_SIZE);
        again = epoch_make(all[i], &end, 3);
        assert_memory_equal(last.root, again.root, DX_HASH_SIZE);
    }
    dx_cut_deinit(&end);
    dx_cut_deinit(&cut);
    peer_deinit(&full);
    peer_deinit(&fresh);
    peer_deinit(&compact);
    world_deinit(&w);
}

static void test_the_law_over_random_worlds(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run_law(seed);
    }
}

/* --- The law, while entities are purged ----------------------------------------------------------- */

/* The owner's word; whoever hears it takes it out. */
static void purge_one(peer *owner, int64_t key) {
    uint8_t id[DX_ID_SIZE];
    assert_int_equal(dx_key_to_id(owner->space, key, id), DX_OK);
    peer_begin(owner);
    assert_int_equal(dx_space_purge(&owner->context, owner->space, id), DX_OK);
    peer_run(owner);
    peer_commit(owner);
}

static void purge_some(world *self, int count) {
    peer *owner = &self->authors[0];
    for (int i = 0; i < count; i++) {
        int64_t key = pick(self, owner);
        if (key == 0) {
            return;
        }
        purge_one(owner, key);
    }
}

/* No purged entity has a row, a base row, a move, a step or a touch, and nothing about one is in a block that opens. */
static void assert_none_left(world *self, peer *who) {
    peer_begin(who);
    assert_int_equal(dx_entity_rows_write(&who->context, who->space), DX_OK);
    for (size_t i = 0; i < self->objects; i++) {
        static const char *const questions[] = {
            "SELECT 1 FROM entity WHERE key = ?1", "SELECT 1 FROM base_row WHERE entity = ?1",
            "SELECT 1 FROM move WHERE child = ?1", "SELECT 1 FROM yielded WHERE child = ?1",
            "SELECT 1 FROM step WHERE entity = ?1"};
        int64_t key;
        dx_stamp at = {.counter = 0};
        dx_touch touch;
        bool found;
        if (!dx_control_is_purged(who->space->control, self->ids[i]) ||
            dx_id_to_key(who->space, self->ids[i], &key) != DX_OK) {
            continue;
        }
        for (size_t k = 0; k < sizeof questions / sizeof questions[0]; k++) {
            sqlite3_stmt *select = dx_store_query(who->context.store, questions[k]);
            dx_bind_int(select, 1, key);
            bool there = dx_step(who->context.store, select);
            dx_step_reset(select);
            assert_false(there);
        }
        assert_int_equal(dx_touch_find(&who->context, who->space, key, true, &at, &touch, &found), DX_OK);
        assert_false(found);
    }
    assert_nothing_opens(who);
    peer_commit(who);
}

/* What was loaded is a state, with all that it leaves out. */
static void assert_taken(peer *who, const dx_snapshot_made *made) {
    bool refused;
    peer_begin(who);
    assert_int_equal(dx_load_was_refused(&who->context, who->space, made->root, &refused), DX_OK);
    assert_false(refused);
    peer_commit(who);
}

/* Purges come before the cut, while the state there is fetched, after it was built on, and while somebody is away. */
static void run_purge_law(uint64_t seed) {
    world w;
    peer full, compact, fresh;
    dx_cut cut, end;
    world_init(&w, seed);
    join_reader(&w, &full, 77);
    join_reader(&w, &compact, 79);
    join_reader(&w, &fresh, 80);
    go_on(&w, 25 + roll(&w, 10), AUTHORS);
    exchange(&w);
    purge_some(&w, 1); /* Carol is away from here on, and knows nothing of it */
    peer *carol = &w.authors[2];
    for (int i = 0; i < 8; i++) {
        write_something(&w, carol);
    }
    go_on(&w, 15, 2);
    peer_pull(&w.authors[0], &w.authors[1], PEER_RUN_MAX);
    epoch_cut(&w.authors[0], &cut);
    pull_all(&w, &compact, &w.authors[0]);
    dx_snapshot_made made = epoch_make(&w.authors[0], &cut, 1 + roll(&w, 9));
    dx_snapshot_made checked = epoch_make(&compact, &cut, 1 + roll(&w, 9));
    assert_memory_equal(made.root, checked.root, DX_HASH_SIZE);
    assert_memory_equal(made.purged, checked.purged, DX_HASH_SIZE);
    go_on(&w, 8, 2);
    peer_pull(&compact, &w.authors[1], PEER_RUN_MAX);
    epoch_compact(&compact, &cut, 1 + roll(&w, 5));
    /* Fetched before the next purge is known, made rows of after. */
    epoch_pull_rights(&fresh, &compact);
    epoch_fetch_begin(carol, &compact, &cut, &made);
    epoch_fetch_begin(&fresh, &compact, &cut, &made);
    for (uint64_t i = 0; i < made.chunks; i++) {
        epoch_fetch_chunk(carol, &compact, &made, i);
        epoch_fetch_chunk(&fresh, &compact, &made, i);
    }
    purge_some(&w, 3);
    if (roll(&w, 2) == 0) { /* rows of half of it are made first */
        bool more;
        peer_begin(&fresh);
        assert_int_equal(dx_epoch_run(&fresh.context, fresh.space, 9, &more), DX_OK);
        peer_commit(&fresh);
    }
    peer_pull(&fresh, &w.authors[0], PEER_RUN_MAX);
    peer_pull(carol, &w.authors[0], PEER_RUN_MAX);
    epoch_go_on(carol, 1 + roll(&w, 9));
    epoch_go_on(&fresh, 1 + roll(&w, 9));
    assert_taken(carol, &made);
    assert_taken(&fresh, &made);
    pull_all(&w, &compact, &w.authors[0]);
    assert_none_left(&w, &compact);
    purge_some(&w, 1);
    go_on(&w, 10, 2);
    for (int i = 0; i < 5; i++) {
        write_something(&w, carol);
    }
    if (roll(&w, 2) == 0) {
        peer_reopen(carol);
    }
    for (int round = 0; round < 2; round++) {
        peer_pull(&w.authors[0], &w.authors[1], PEER_RUN_MAX);
        peer_pull(&w.authors[0], carol, PEER_RUN_MAX);
        pull_all(&w, &w.authors[1], &w.authors[0]);
        pull_all(&w, &full, &w.authors[0]);
        pull_all(&w, &compact, &full);
        pull_all(&w, &fresh, &full);
        pull_all(&w, carol, &full);
    }
    peer *const all[] = {&full, &compact, carol, &fresh, &w.authors[0], &w.authors[1]};
    epoch_cut(&w.authors[0], &end);
    dx_snapshot_made last = epoch_make(&w.authors[0], &end, 100);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(all[i]->space->blocked, 0);
        assert_none_left(&w, all[i]);
        assert_same_data(&full, all[i]);
        dx_snapshot_made again = epoch_make(all[i], &end, 3);
        assert_memory_equal(last.root, again.root, DX_HASH_SIZE);
        assert_memory_equal(last.purged, again.purged, DX_HASH_SIZE);
    }
    dx_cut_deinit(&end);
    dx_cut_deinit(&cut);
    peer_deinit(&full);
    peer_deinit(&compact);
    peer_deinit(&fresh);
    world_deinit(&w);
}

/* What stays stands under it, between it and others, stood under it once: so the state at a cut names what it leaves out. */
static void test_a_state_names_what_is_purged(void **state) {
    (void)state;
    world w;
    peer fresh;
    dx_cut cut;
    world_init(&w, 1);
    join_reader(&w, &fresh, 81);
    peer *alice = &w.authors[0];
    int64_t oak = peer_add(alice, "tree", "{\"name\":\"oak\"}"), elm = peer_add(alice, "tree", "{}");
    int64_t nest = peer_add(alice, "nest", "{}");
    (void)peer_link(alice, "near", elm, oak);
    (void)peer_link(alice, "near", oak, nest);
    move(alice, elm, oak);
    move(alice, elm, 0);
    move(alice, nest, oak);
    purge_one(alice, oak);
    epoch_cut(alice, &cut);
    dx_snapshot_made made = epoch_make(alice, &cut, 3);
    epoch_pull_rights(&fresh, alice);
    epoch_load(&fresh, alice, &cut, &made, 2);
    assert_taken(&fresh, &made);
    dx_epoch_status status;
    dx_epoch_status_of(fresh.space, &status);
    assert_int_equal(status.base, EPOCH_NUMBER);
    assert_same_data(alice, &fresh);
    dx_cut_deinit(&cut);
    peer_deinit(&fresh);
    world_deinit(&w);
}

static void test_the_law_while_entities_are_purged(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        run_purge_law(seed);
    }
}

/* Two circles, each closed by two people at once: as rows are made, the second one is closed while a move of the first has
 * yielded already. */
static void test_circles_that_a_load_closes(void **state) {
    enum { CIRCLES = 3 };
    (void)state;
    world w;
    peer fresh;
    dx_cut cut;
    int64_t pairs[CIRCLES][2];
    world_init(&w, 1);
    join_reader(&w, &fresh, 81);
    peer *alice = &w.authors[0], *bob = &w.authors[1];
    for (size_t i = 0; i < CIRCLES; i++) {
        pairs[i][0] = peer_add(alice, "box", "{}");
        pairs[i][1] = peer_add(alice, "box", "{}");
    }
    peer_pull(bob, alice, PEER_RUN_MAX);
    for (size_t i = 0; i < CIRCLES; i++) {
        move(alice, pairs[i][0], pairs[i][1]);
        move(bob, peer_key(bob, alice, pairs[i][1]), peer_key(bob, alice, pairs[i][0]));
    }
    peer_pull(alice, bob, PEER_RUN_MAX);
    epoch_cut(alice, &cut);
    dx_snapshot_made made = epoch_make(alice, &cut, 3);
    epoch_pull_rights(&fresh, alice);
    epoch_load(&fresh, alice, &cut, &made, 2);
    assert_same_data(alice, &fresh);
    dx_cut_deinit(&cut);
    peer_deinit(&fresh);
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_snapshot_is_a_function_of_what_is_below),
        cmocka_unit_test(test_the_law_over_random_worlds),
        cmocka_unit_test(test_a_state_names_what_is_purged),
        cmocka_unit_test(test_the_law_while_entities_are_purged),
        cmocka_unit_test(test_circles_that_a_load_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
