/* tests/unit/echo/test_floor.c: what others have built on a forked feed stands, and the same of it at every
 * replica, in whatever order blocks, branches and proofs came; against a reference that knows everything.
 *
 * Dave's vault is set back twice, so his feed has three branches: 0 and 1 part at `parts`, 2 parts from both
 * at `parts_low`. Alice (the owner), Bob and Carol have each seen one of them, some of it, and wrote after.
 * Olga reads: every order of arrival is another life of her vault. */
#include "peer.h"

#include "echo/floor.h"
#include "feed/fork.h"

enum { BRANCHES = 3, NAMERS = 3, PROOFS = 2 };

typedef struct namer_seen {
    int branch;
    uint64_t length; /* of Dave's feed, when the namer wrote last; 0: it wrote nothing */
} namer_seen;

typedef struct world {
    uint64_t random;
    peer namers[NAMERS], daves[BRANCHES], olga;
    sim_disk *start; /* Olga's disk before anything reached her */
    namer_seen seen[NAMERS];
    uint64_t parts, parts_low;
    uint8_t dave_id[DX_HASH_SIZE];
    dx_buf proofs[PROOFS];
} world;

static uint64_t draw(world *w, uint64_t below) {
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (w->random >> 33) % below;
}

/* --- The world ------------------------------------------------------------------------------------- */

static void close_peer(peer *self) {
    dx_space_destroy(&self->context, self->space);
    dx_identity_deinit(&self->identity);
    dx_store_close(self->context.store);
    self->space = NULL;
}

static void open_peer(peer *self) {
    peer_open(self);
    assert_int_equal(dx_space_load(&self->context, 1, &self->space), DX_OK);
    peer_commit(self);
}

/* Another vault with this disk: the same person in another life. */
static void clone_peer(peer *clone, const peer *of, sim_disk *image) {
    peer_init(clone, 77, "clone");
    close_peer(clone);
    sim_disk_restore(clone->disk, image);
    memcpy(clone->config.page_key, of->config.page_key, sizeof clone->config.page_key);
    open_peer(clone);
}

static dx_feed *daves_feed(world *w, peer *self) {
    return dx_space_feed_by_id(self->space, w->dave_id);
}

static int64_t dave_entity(world *w, peer *self, uint64_t seq) {
    return dx_entity_key(daves_feed(w, self)->local, seq, 0);
}

/* Bob's blocks, or what of Dave's one branch has, up to a length. */
static void carry(peer *to, peer *from, dx_feed *source, uint64_t end) {
    peer_begin(to);
    peer_begin(from);
    assert_int_equal(peer_carry(to, from, source, end), DX_OK);
    peer_run(to);
    peer_commit(from);
    peer_commit(to);
}

static void write_life(world *w, peer *dave, int life, int blocks) {
    char json[64];
    for (int i = 0; i < blocks; i++) {
        snprintf(json, sizeof json, "{\"life\": %d, \"i\": %d}", life, i);
        int64_t made = peer_add(dave, "t", json);
        if (draw(w, 2) == 0) {
            snprintf(json, sizeof json, "%d", life);
            peer_set(dave, dave_entity(w, dave, 0), "life", json); /* what was there before the fork */
        }
        if (draw(w, 3) == 0) {
            peer_change_life(dave, made, true);
        }
    }
}

/* Reads some of a branch and writes: changes what Dave made there and before, and makes something. */
static void read_and_write(world *w, int namer) {
    peer *self = &w->namers[namer];
    int branch = (int)draw(w, BRANCHES);
    dx_feed *source = daves_feed(w, &w->daves[branch]);
    uint64_t base = daves_feed(w, self)->length, end = base + draw(w, source->length - base + 1);
    if (draw(w, 8) == 0) {
        return;
    }
    if (end > base) {
        carry(self, &w->daves[branch], source, end);
    }
    char json[32];
    peer_add(self, "t", "{\"mine\": true}");
    snprintf(json, sizeof json, "%d", namer);
    for (uint64_t seq = 0; seq < end; seq++) {
        dx_entity entity;
        peer_begin(self);
        int error = dx_entity_read(&self->context, self->space, dave_entity(w, self, seq), &entity);
        bool there = error == DX_OK && !entity.deleted;
        peer_commit(self);
        if (there && draw(w, 2) == 0) {
            peer_set(self, dave_entity(w, self, seq), "seen", json);
        }
    }
    w->seen[namer] = (namer_seen){.branch = branch, .length = end};
}

/* The exact proof of two of Dave's lives. */
static void prove(world *w, int one, int other, uint64_t at, dx_buf *out) {
    uint8_t path[DX_FORK_PATH_SIZE_MAX];
    size_t size;
    dx_head head;
    dx_bytes proof;
    peer *judge = &w->daves[one], *from = &w->daves[other];
    peer_begin(from);
    assert_int_equal(dx_fork_path(daves_feed(w, from), from->context.store, at, &head, path, &size), DX_OK);
    peer_commit(from);
    peer_begin(judge);
    assert_int_equal(
        dx_fork_join(daves_feed(w, judge), judge->context.store, at, &head, dx_bytes_of(path, size)), DX_OK);
    assert_int_equal(dx_fork_get(daves_feed(w, judge), judge->context.store, &proof), DX_OK);
    dx_buf_init(out, &judge->alloc.port, DX_FORK_SIZE_MAX);
    dx_buf_append(out, proof.data, proof.size);
    peer_rollback(judge);
}

static void world_init(world *w, uint64_t seed) {
    memset(w, 0, sizeof *w);
    w->random = seed * 977 + 5;
    peer dave;
    static const char *const names[NAMERS] = {"Alice", "Bob", "Carol"};
    for (int i = 0; i < NAMERS; i++) {
        peer_init(&w->namers[i], seed * 10 + (uint64_t)i + 1, names[i]);
    }
    peer_init(&dave, seed * 10 + 8, "Dave");
    peer_init(&w->olga, seed * 10 + 9, "Olga");
    peer *alice = &w->namers[0];
    peer_create_space(alice, "Garden");
    peer_admit(alice, &w->namers[1], DX_ROLE_EDITOR);
    peer_admit(alice, &w->namers[2], DX_ROLE_EDITOR);
    peer_admit(alice, &dave, DX_ROLE_EDITOR);
    peer_admit(alice, &w->olga, DX_ROLE_READER);
    memcpy(w->dave_id, dx_space_feed(dave.space, dave.space->own_data)->id, DX_HASH_SIZE);
    peer_add(&dave, "t", "{\"before\": true}");
    /* Everybody has all of it. */
    for (int round = 0; round < 2; round++) {
        for (int i = 1; i < NAMERS; i++) {
            peer_pull(alice, &w->namers[i], 9);
        }
        peer_pull(alice, &dave, 9);
        for (int i = 1; i < NAMERS; i++) {
            peer_pull(&w->namers[i], alice, 9);
        }
        peer_pull(&dave, alice, 9);
        peer_pull(&w->olga, alice, 9);
    }
    w->parts_low = daves_feed(w, &dave)->length;
    sim_disk *low = sim_disk_copy(dave.disk, 5);
    write_life(w, &dave, 9, (int)draw(w, 3));
    w->parts = daves_feed(w, &dave)->length;
    sim_disk *high = sim_disk_copy(dave.disk, 6);
    for (int i = 0; i < BRANCHES; i++) {
        clone_peer(&w->daves[i], &dave, i == 2 ? low : high);
        write_life(w, &w->daves[i], i, 1 + (int)draw(w, 4));
    }
    prove(w, 0, 1, w->parts, &w->proofs[0]);
    prove(w, 0, 2, w->parts_low, &w->proofs[1]);
    for (int i = 0; i < NAMERS; i++) {
        read_and_write(w, i);
    }
    w->start = sim_disk_copy(w->olga.disk, 8);
    sim_disk_destroy(low);
    sim_disk_destroy(high);
    peer_deinit(&dave);
}

static void world_deinit(world *w) {
    for (int i = 0; i < PROOFS; i++) {
        dx_buf_deinit(&w->proofs[i]);
    }
    for (int i = 0; i < NAMERS; i++) {
        peer_deinit(&w->namers[i]);
        peer_deinit(&w->daves[i]);
    }
    peer_deinit(&w->olga);
    sim_disk_destroy(w->start);
}

/* --- The reference ----------------------------------------------------------------------------------- */

static uint64_t common(const world *w, int a, int b) {
    return a == b ? UINT64_MAX : a == 2 || b == 2 ? w->parts_low : w->parts;
}

/* Namers by seniority: the owner, then the smaller id of the admission, since both were admitted by her. */
static void order_namers(world *w, int order[NAMERS]) {
    const dx_control *control = w->olga.space->control;
    const dx_member *bob = dx_control_member_of(control, w->namers[1].identity.identity);
    const dx_member *carol = dx_control_member_of(control, w->namers[2].identity.identity);
    bool bob_first = memcmp(bob->admission, carol->admission, DX_HASH_SIZE) < 0;
    order[0] = 0;
    order[1] = bob_first ? 1 : 2;
    order[2] = bob_first ? 2 : 1;
}

static void expect(world *w, int *branch, uint64_t *length) {
    int order[NAMERS];
    order_namers(w, order);
    *branch = 0;
    *length = w->parts_low;
    for (int i = 0; i < NAMERS; i++) {
        const namer_seen *seen = &w->seen[order[i]];
        bool extends = *length == w->parts_low || common(w, *branch, seen->branch) >= *length;
        if (seen->length > *length && extends) {
            *branch = seen->branch;
            *length = seen->length;
        }
    }
}

/* --- An order of arrival ------------------------------------------------------------------------------- */

/* A run of a branch that Olga was told others had named, as sync brings it. */
static bool bring_branch(world *w, const dx_wanted_branch *wanted, uint64_t run) {
    peer *olga = &w->olga;
    dx_feed *feed = daves_feed(w, olga), view;
    for (int i = 0; i < BRANCHES; i++) {
        peer *from = &w->daves[i];
        dx_feed *source = daves_feed(w, from);
        dx_bytes blocks[PEER_RUN_MAX];
        dx_buf copies[PEER_RUN_MAX];
        uint8_t root[DX_HASH_SIZE], proof[DX_MMR_PROOF_SIZE_MAX];
        peer_begin(from);
        int error = dx_feed_root(source, from->context.store, wanted->goal.length, root);
        if (error != DX_OK || memcmp(root, wanted->goal.root, sizeof wanted->goal.root) != 0) {
            peer_commit(from);
            continue;
        }
        if (dx_limb_for(feed, olga->context.store, &wanted->goal, &view) != DX_OK) {
            assert_int_equal(dx_limb_make(feed, olga->context.store, &wanted->goal, &view), DX_OK);
        }
        uint64_t begin = view.length, left = wanted->goal.length - begin, count = run < left ? run : left;
        for (uint64_t n = 0; n < count; n++) {
            dx_bytes block;
            assert_int_equal(dx_feed_read(source, from->context.store, begin + n, &block), DX_OK);
            dx_buf_init(&copies[n], &from->alloc.port, DX_BLOCK_SIZE_MAX);
            dx_buf_append(&copies[n], block.data, block.size);
            blocks[n] = dx_buf_view(&copies[n]);
        }
        const dx_head *head = dx_feed_cover(source, begin + count);
        assert_int_equal(dx_feed_prove(source, from->context.store, begin + count, head->length, proof),
                         DX_OK);
        error = dx_feed_receive(&view, olga->context.store, head, begin, blocks, (size_t)count,
                                dx_bytes_of(proof, dx_mmr_proof_size(begin + count, head->length)));
        for (uint64_t n = 0; n < count; n++) {
            dx_buf_deinit(&copies[n]);
        }
        peer_commit(from);
        if (error == DX_E_SIGNATURE) { /* the branch parts lower than is known yet: the proof is to come */
            assert_int_equal(dx_limb_drop(&view, olga->context.store), DX_OK);
            return false;
        }
        assert_int_equal(error, DX_OK);
        if (view.length == wanted->goal.length) {
            assert_int_equal(dx_limb_finish(&view, olga->context.store), DX_OK);
            olga->space->forks_settled = false;
        }
        return true;
    }
    fail_msg("nobody has what is wanted");
    return false;
}

/* One thing arrives. False: there was nothing of this kind. */
static bool arrive(world *w, uint64_t what) {
    peer *olga = &w->olga;
    uint64_t run = 1 + draw(w, 3);
    if (what < PROOFS) {
        return dx_fork_take(daves_feed(w, olga), olga->context.store, dx_buf_view(&w->proofs[what])) == DX_OK;
    }
    if (what < PROOFS + NAMERS) {
        peer *from = &w->namers[what - PROOFS];
        dx_feed *source = dx_space_feed(from->space, from->space->own_data);
        const dx_feed *have = dx_space_feed_by_id(olga->space, source->id);
        uint64_t at = have != NULL ? have->length : 0,
                 end = at + run < source->length ? at + run : source->length;
        if (at == source->length) {
            return false;
        }
        peer_begin(from);
        int error = peer_carry(olga, from, source, end);
        peer_commit(from);
        assert_int_equal(error, DX_OK);
        return true;
    }
    if (what < PROOFS + NAMERS + BRANCHES) {
        peer *from = &w->daves[what - PROOFS - NAMERS];
        dx_feed *source = daves_feed(w, from), *feed = daves_feed(w, olga);
        uint64_t end = feed->length + run < source->length ? feed->length + run : source->length;
        if (feed->length >= source->length || feed->length >= feed->cut) {
            return false; /* what lies beyond a cut is not asked for */
        }
        peer_begin(from);
        int error = peer_carry(olga, from, source, end);
        peer_commit(from);
        assert_true(error == DX_OK || error == DX_E_SIGNATURE || error == DX_E_FORK);
        return error == DX_OK;
    }
    return olga->space->wanted_count != 0 &&
           bring_branch(w, &olga->space->wanted[draw(w, olga->space->wanted_count)], run);
}

enum { KINDS = PROOFS + NAMERS + BRANCHES + 1 };

/* Steps until nothing is left to do or to come. After each event some work is done, and now and then she
 * crashes. proofs_first: she knows of the fork before anything of it reaches her. */
static void live_through(world *w, bool proofs_first, bool crashes) {
    peer *olga = &w->olga;
    for (int idle = 0; idle < 40;) {
        bool more = true, news = false;
        peer_begin(olga);
        if (proofs_first) {
            news = arrive(w, 0);
            news = arrive(w, 1) || news;
        }
        news = arrive(w, draw(w, KINDS)) || news;
        for (uint64_t i = draw(w, 4); i > 0 && more; i--) {
            assert_int_equal(dx_pipeline_run(&olga->context, olga->space, 1 + draw(w, 3), &more), DX_OK);
        }
        peer_commit(olga);
        idle = news ? 0 : idle + 1;
        if (crashes && draw(w, 4) == 0) {
            peer_reopen(olga);
        }
        if (idle == 40) { /* perhaps only chance passed something over */
            peer_begin(olga);
            peer_run(olga);
            for (uint64_t what = 0; what < KINDS; what++) {
                if (arrive(w, what)) {
                    idle = 0;
                }
            }
            peer_run(olga);
            peer_commit(olga);
        }
    }
}

static void restart(world *w) {
    close_peer(&w->olga);
    sim_disk_restore(w->olga.disk, w->start);
    open_peer(&w->olga);
}

static void assert_expected(world *w) {
    int branch;
    uint64_t length;
    uint8_t root[DX_HASH_SIZE], expected[DX_HASH_SIZE];
    dx_feed *feed = daves_feed(w, &w->olga), *source;
    expect(w, &branch, &length);
    source = daves_feed(w, &w->daves[branch]);
    assert_int_equal(feed->cut, w->parts_low);
    assert_int_equal(dx_feed_limit(feed), length);
    assert_int_equal(feed->applied, length);
    assert_int_equal(feed->kept, 0);
    peer_begin(&w->olga);
    peer_begin(&w->daves[branch]);
    assert_int_equal(dx_feed_root(feed, w->olga.context.store, length, root), DX_OK);
    assert_int_equal(dx_feed_root(source, w->daves[branch].context.store, length, expected), DX_OK);
    peer_commit(&w->olga);
    peer_commit(&w->daves[branch]);
    assert_memory_equal(root, expected, sizeof root);
    assert_int_equal(w->olga.space->blocked, 0);
    assert_int_equal(w->olga.space->wanted_count, 0);
}

/* Nothing was put in the place of what somebody saw: what was done to an object of a branch that does not stand
 * is not done to the one that stands there now. */
static void assert_nobody_misled(world *w) {
    for (uint64_t seq = w->parts_low; seq < dx_feed_limit(daves_feed(w, &w->olga)); seq++) {
        int branch, namer;
        uint64_t length;
        char shown[1024];
        dx_entity entity;
        expect(w, &branch, &length);
        peer_begin(&w->olga);
        int error = dx_entity_read(&w->olga.context, w->olga.space, dave_entity(w, &w->olga, seq), &entity);
        peer_commit(&w->olga);
        if (error != DX_OK) {
            continue; /* a change of what was there before */
        }
        peer_show(&w->olga, dave_entity(w, &w->olga, seq), shown, sizeof shown);
        const char *seen = strstr(shown, "\"seen\":");
        if (seen != NULL && sscanf(seen, "\"seen\":%d", &namer) == 1) {
            assert_true(common(w, branch, w->seen[namer].branch) > seq);
        }
    }
}

/* Counts are what counting gives. */
static void assert_counts(world *w) {
    peer *olga = &w->olga;
    int64_t objects, links, counted = 0;
    peer_begin(olga);
    assert_int_equal(dx_space_count(&olga->context, olga->space, &objects, &links), DX_OK);
    sqlite3_stmt *select =
        dx_store_query(olga->context.store, "SELECT count(*) FROM entity JOIN type ON type.id = entity.type "
                                            "WHERE entity.kind = 0 AND deleted = 0 AND type.name = 't'");
    counted = dx_step(olga->context.store, select) ? dx_column_int(select, 0) : -1;
    dx_step_reset(select);
    peer_commit(olga);
    assert_int_equal(objects, counted);
}

enum { WORLDS = 8, ORDERS = 6 };

static void test_every_order_gives_the_same(void **state) {
    (void)state;
    int floors = 0, contradictions = 0;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        world w;
        world_init(&w, seed);
        live_through(&w, true, false);
        assert_expected(&w);
        assert_counts(&w);
        char *reference = peer_state(&w.olga);
        floors += dx_feed_limit(daves_feed(&w, &w.olga)) > w.parts_low;
        contradictions += w.seen[0].length > w.parts_low && w.seen[1].length > w.parts_low &&
                          w.seen[0].branch != w.seen[1].branch;
        for (int order = 0; order < ORDERS; order++) {
            restart(&w);
            live_through(&w, false, order % 2 == 1);
            assert_expected(&w);
            assert_counts(&w);
            assert_nobody_misled(&w);
            char *here = peer_state(&w.olga);
            assert_string_equal(here, reference);
            free(here);
        }
        free(reference);
        world_deinit(&w);
    }
    assert_true(floors > WORLDS / 3);
    assert_true(contradictions > 0);
}

DX_TEST_MAIN(DX_TEST(test_every_order_gives_the_same))
