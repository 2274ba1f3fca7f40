/* tests/unit/echo/floor_world.h: worlds in which a feed was written three times, and what reaches one vault of them in which order.
 *
 * Dave's vault is set back twice, so his feed has three branches: 0 and 1 part at `parts`, 2 parts from both
 * at `parts_low`. Alice (the owner), Bob and Carol have each seen one of them, some of it, and wrote after.
 * In every second world Bob's vault was set back as well, and what he did of Dave's feed lies beyond his own cut:
 * it is no floor, and stands because Carol, who saw the same of Dave's, built on it.
 * In other worlds Alice says besides what an epoch's cut of Dave's feed is (echo/epoch_word.c).
 * All of them write in a text that Alice made before: Dave a word in each block, and who read some of it one behind his.
 * Olga reads: every order of arrival is another life of her vault. */
#ifndef DX_TEST_FLOOR_WORLD_H
#define DX_TEST_FLOOR_WORLD_H

#include "peer.h"
#include "test_item.h"

#include "echo/epoch_word.h"
#include "echo/floor.h"
#include "feed/fork.h"

enum { BRANCHES = 3, NAMERS = 3, PROOFS_MAX = 3, CARRIERS_MAX = 16, EPOCHS_MAX = 2 };

/* What Alice says of Dave's feed, and Carol that it is right; or not. */
typedef struct said_epoch {
    int branch;
    uint64_t length;
    bool confirmed;
    uint8_t id[DX_HASH_SIZE];
} said_epoch;

typedef struct namer_seen {
    int branch;
    uint64_t length; /* of Dave's feed, when the namer wrote last; 0: it wrote nothing */
} namer_seen;

/* Who has a feed, or a branch of it. */
typedef struct carrier {
    peer *from;
    uint8_t id[DX_HASH_SIZE];
} carrier;

typedef struct known_proof {
    uint8_t id[DX_HASH_SIZE];
    dx_buf bytes;
} known_proof;

typedef struct world {
    uint64_t random;
    peer namers[NAMERS], daves[BRANCHES], olga, other_bob;
    peer *self; /* at whom things arrive: Olga, mostly */
    bool bob_forked;
    sim_disk *start; /* Olga's disk before anything reached her */
    namer_seen seen[NAMERS];
    said_epoch epochs[EPOCHS_MAX]; /* the weightiest first */
    size_t epoch_count;
    uint64_t parts, parts_low;
    int64_t text; /* Alice's key of it */
    uint8_t dave_id[DX_HASH_SIZE];
    known_proof proofs[PROOFS_MAX];
    size_t proof_count;
    carrier carriers[CARRIERS_MAX];
    size_t carrier_count;
} world;

static inline uint64_t draw(world *w, uint64_t below) {
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (w->random >> 33) % below;
}

/* --- The world ------------------------------------------------------------------------------------- */

static inline void close_peer(peer *self) {
    dx_space_destroy(&self->context, self->space);
    dx_identity_deinit(&self->identity);
    dx_store_close(self->context.store);
    self->space = NULL;
}

static inline void open_peer(peer *self) {
    peer_open(self);
    assert_int_equal(dx_space_load(&self->context, 1, &self->space), DX_OK);
    peer_commit(self);
}

/* Another vault with this disk: the same person in another life. */
static inline void clone_peer(peer *clone, const peer *of, sim_disk *image, int life) {
    peer_init(clone, 77 + (uint64_t)life, "clone");
    close_peer(clone);
    sim_disk_restore(clone->disk, image);
    memcpy(clone->config.page_key, of->config.page_key, sizeof clone->config.page_key);
    open_peer(clone);
}

static inline dx_feed *daves_feed(world *w, peer *self) {
    return dx_space_feed_by_id(self->space, w->dave_id);
}

static inline int64_t dave_entity(world *w, peer *self, uint64_t seq) {
    return dx_entity_key(daves_feed(w, self)->local, seq, 0);
}

/* Bob's blocks, or what of Dave's one branch has, up to a length. */
static inline void carry(peer *to, peer *from, dx_feed *source, uint64_t end) {
    peer_begin(to);
    peer_begin(from);
    assert_int_equal(peer_carry(to, from, source, end), DX_OK);
    peer_run(to);
    peer_commit(from);
    peer_commit(to);
}

/* Asks something of the text. */
static inline void write_text(world *w, peer *self, const char *format, int number) {
    char request[64];
    dx_transaction *transaction;
    snprintf(request, sizeof request, format, number);
    int64_t key = self == &w->namers[0] ? w->text : peer_key(self, &w->namers[0], w->text);
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_apply(transaction, key, test_item(request)), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

static inline void make_text(world *w) {
    peer *alice = &w->namers[0];
    dx_transaction *transaction;
    peer_begin(alice);
    assert_int_equal(dx_transaction_begin(&alice->context, alice->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_add_object_of(transaction, dx_bytes_text(dx_text_model.name),
                                                  dx_bytes_text("t"), 0,
                                                  test_item("{\"append\": \"words:\"}"), &w->text),
                     DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(alice);
}

static inline void write_life(world *w, peer *dave, int life, int blocks) {
    char json[64];
    for (int i = 0; i < blocks; i++) {
        snprintf(json, sizeof json, "{\"life\": %d, \"i\": %d}", life, i);
        int64_t made = peer_add(dave, "t", json);
        write_text(w, dave, "{\"append\": \" dave%d\"}", life);
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
static inline void read_and_write(world *w, int namer) {
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
    for (uint64_t seq = 1; seq < end; seq++) { /* in block 0 he says his name, which is his alone */
        dx_entity entity;
        peer_begin(self);
        int error = dx_entity_read(&self->context, self->space, dave_entity(w, self, seq), &entity);
        bool there = error == DX_OK && !entity.deleted;
        peer_commit(self);
        if (there && draw(w, 2) == 0) {
            peer_set(self, dave_entity(w, self, seq), "seen", json);
        }
    }
    write_text(w, self, "{\"append\": \" namer%d\"}", namer);
    w->seen[namer] = (namer_seen){.branch = branch, .length = end};
}

static inline void add_carrier(world *w, peer *from, const dx_feed *feed) {
    assert_true(w->carrier_count < CARRIERS_MAX);
    carrier *one = &w->carriers[w->carrier_count++];
    one->from = from;
    memcpy(one->id, feed->id, sizeof one->id);
}

/* The exact proof of two lives of a feed. */
static inline void prove(world *w, peer *judge, peer *from, const uint8_t id[static DX_HASH_SIZE],
                         uint64_t at) {
    uint8_t path[DX_FORK_PATH_SIZE_MAX];
    size_t size;
    dx_head head;
    dx_bytes proof;
    known_proof *out = &w->proofs[w->proof_count++];
    memcpy(out->id, id, sizeof out->id);
    peer_begin(from);
    assert_int_equal(
        dx_fork_path(dx_space_feed_by_id(from->space, id), from->context.store, at, &head, path, &size),
        DX_OK);
    peer_commit(from);
    peer_begin(judge);
    dx_feed *feed = dx_space_feed_by_id(judge->space, id);
    assert_int_equal(dx_fork_join(feed, judge->context.store, at, &head, dx_bytes_of(path, size)), DX_OK);
    assert_int_equal(dx_fork_get(feed, judge->context.store, &proof), DX_OK);
    dx_buf_init(&out->bytes, &judge->alloc.port, DX_FORK_SIZE_MAX);
    dx_buf_append(&out->bytes, proof.data, proof.size);
    peer_rollback(judge);
}

/* Bob's other life begins with the image, before he read and wrote. Carol reads what he did, and goes on. */
static inline void fork_bob(world *w, sim_disk *image, uint64_t at) {
    peer *bob = &w->namers[1], *carol = &w->namers[2];
    uint8_t id[DX_HASH_SIZE];
    memcpy(id, dx_space_feed(bob->space, bob->space->own_data)->id, sizeof id);
    w->bob_forked = true;
    clone_peer(&w->other_bob, bob, image, BRANCHES);
    peer_add(&w->other_bob, "t", "{\"other\": true}");
    prove(w, bob, &w->other_bob, id, at);
    dx_feed *his = dx_space_feed_by_id(bob->space, id);
    if (w->seen[1].length > daves_feed(w, carol)->length) {
        peer *dave = &w->daves[w->seen[1].branch];
        carry(carol, dave, daves_feed(w, dave), w->seen[1].length);
        w->seen[2] = w->seen[1];
    }
    carry(carol, bob, his, his->length);
    peer_add(carol, "t", "{\"built\": \"on Bob\"}");
    assert_int_equal(dx_space_feed_by_id(carol->space, id)->applied, his->length);
}

/* Alice says what stands of Dave's feed up to somewhere on one of its branches: twice, perhaps, and perhaps not the
 * same. Carol calls it right, or does not. */
static inline void say_epochs(world *w) {
    peer *alice = &w->namers[0], *carol = &w->namers[2];
    size_t wanted = 1 + (draw(w, 3) == 0);
    for (size_t i = 0; i < wanted; i++) {
        said_epoch *said = &w->epochs[w->epoch_count++];
        said->branch = (int)draw(w, BRANCHES);
        peer *dave = &w->daves[said->branch];
        const dx_feed *source = daves_feed(w, dave);
        said->length = 1 + draw(w, source->length);
        said->confirmed = draw(w, 5) != 0;
        dx_dependency entry = {.length = said->length};
        dx_epoch_draft draft = {.cut = &entry, .cut_count = 1, .root = {(uint8_t)i}};
        uint8_t root[DX_HASH_SIZE];
        peer_begin(dave);
        assert_int_equal(dx_feed_root(source, dave->context.store, said->length, root), DX_OK);
        peer_commit(dave);
        memcpy(entry.feed, source->id, sizeof entry.feed);
        memcpy(entry.root, root, sizeof entry.root);
        peer_begin(alice);
        dx_epoch before;
        int error = dx_epoch_say(&alice->context, alice->space, &draft, said->id);
        /* The second one is concurrent with the first, of which Alice does not know that it is confirmed. */
        assert_int_equal(error, DX_OK);
        assert_false(dx_control_current_epoch(alice->space->control, &before));
        peer_commit(alice);
    }
    if (w->epoch_count == 2 && (w->epochs[0].length < w->epochs[1].length ||
                                (w->epochs[0].length == w->epochs[1].length &&
                                 memcmp(w->epochs[0].id, w->epochs[1].id, DX_HASH_SIZE) < 0))) {
        said_epoch first = w->epochs[0];
        w->epochs[0] = w->epochs[1];
        w->epochs[1] = first;
    }
    dx_feed *hers = dx_space_feed(alice->space, alice->space->own_control);
    carry(carol, alice, hers, hers->length);
    peer_begin(carol);
    for (size_t i = 0; i < w->epoch_count; i++) {
        if (w->epochs[i].confirmed) {
            assert_int_equal(dx_epoch_say_right(&carol->context, carol->space, w->epochs[i].id), DX_OK);
            assert_int_equal(dx_epoch_say_right(&carol->context, carol->space, w->epochs[i].id), DX_E_EXISTS);
        }
    }
    peer_commit(carol);
    add_carrier(w, alice, hers);
    add_carrier(w, carol, dx_space_feed(carol->space, carol->space->own_control));
}

static inline void world_init(world *w, uint64_t seed, bool with_epochs) {
    memset(w, 0, sizeof *w);
    w->self = &w->olga;
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
    make_text(w);
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
        clone_peer(&w->daves[i], &dave, i == 2 ? low : high, i);
        write_life(w, &w->daves[i], i, 1 + (int)draw(w, 4));
    }
    prove(w, &w->daves[0], &w->daves[1], w->dave_id, w->parts);
    prove(w, &w->daves[0], &w->daves[2], w->dave_id, w->parts_low);
    bool forks_bob = seed % 2 == 0;
    sim_disk *bobs = sim_disk_copy(w->namers[1].disk, 7);
    uint64_t bob_at = dx_space_feed(w->namers[1].space, w->namers[1].space->own_data)->length;
    for (int i = 0; i < NAMERS - forks_bob; i++) {
        read_and_write(w, i);
    }
    if (forks_bob && w->seen[1].length != 0) {
        fork_bob(w, bobs, bob_at);
        add_carrier(w, &w->other_bob, dx_space_feed(w->other_bob.space, w->other_bob.space->own_data));
    }
    sim_disk_destroy(bobs);
    for (int i = 0; i < NAMERS; i++) {
        add_carrier(w, &w->namers[i], dx_space_feed(w->namers[i].space, w->namers[i].space->own_data));
        add_carrier(w, &w->daves[i], daves_feed(w, &w->daves[i]));
    }
    if (with_epochs) {
        say_epochs(w);
    }
    w->start = sim_disk_copy(w->olga.disk, 8);
    sim_disk_destroy(low);
    sim_disk_destroy(high);
    peer_deinit(&dave);
}

static inline void world_deinit(world *w) {
    for (size_t i = 0; i < w->proof_count; i++) {
        dx_buf_deinit(&w->proofs[i].bytes);
    }
    for (int i = 0; i < NAMERS; i++) {
        peer_deinit(&w->namers[i]);
        peer_deinit(&w->daves[i]);
    }
    if (w->bob_forked) {
        peer_deinit(&w->other_bob);
    }
    peer_deinit(&w->olga);
    sim_disk_destroy(w->start);
}

static inline bool carries_branch(world *w, const carrier *one, const dx_wanted_branch *wanted) {
    const dx_feed *feed = dx_space_feed(w->self->space, wanted->feed);
    const dx_feed *source = dx_space_feed_by_id(one->from->space, one->id);
    uint8_t root[DX_HASH_SIZE];
    if (memcmp(feed->id, one->id, DX_HASH_SIZE) != 0) {
        return false;
    }
    peer_begin(one->from);
    int error = dx_feed_root(source, one->from->context.store, wanted->goal.length, root);
    peer_commit(one->from);
    return error == DX_OK && memcmp(root, wanted->goal.root, sizeof wanted->goal.root) == 0;
}

/* Blocks [begin, begin + count) of a branch that is beside the one in force. */
static inline int receive_limb(peer *to, dx_feed *view, peer *from, const dx_feed *source, uint64_t count) {
    dx_bytes blocks[PEER_RUN_MAX];
    dx_buf copies[PEER_RUN_MAX];
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    uint64_t begin = view->length;
    peer_begin(from);
    for (uint64_t n = 0; n < count; n++) {
        dx_bytes block;
        assert_int_equal(dx_feed_read(source, from->context.store, begin + n, &block), DX_OK);
        dx_buf_init(&copies[n], &from->alloc.port, DX_BLOCK_SIZE_MAX);
        dx_buf_append(&copies[n], block.data, block.size);
        blocks[n] = dx_buf_view(&copies[n]);
    }
    const dx_head *head = dx_feed_cover(source, begin + count);
    assert_int_equal(dx_feed_prove(source, from->context.store, begin + count, head->length, proof), DX_OK);
    int error = dx_feed_receive(view, to->context.store, head, begin, blocks, (size_t)count,
                                dx_bytes_of(proof, dx_mmr_proof_size(begin + count, head->length)));
    for (uint64_t n = 0; n < count; n++) {
        dx_buf_deinit(&copies[n]);
    }
    peer_commit(from);
    return error;
}

/* A run of a branch that Olga was told others had named, as sync brings it. */
static inline bool bring_branch(world *w, const dx_wanted_branch *wanted, uint64_t run) {
    peer *self = w->self;
    dx_feed *feed = dx_space_feed(self->space, wanted->feed), view;
    size_t i = 0;
    while (i < w->carrier_count && !carries_branch(w, &w->carriers[i], wanted)) {
        i++;
    }
    assert_true(i < w->carrier_count);
    if (dx_limb_for(feed, self->context.store, &wanted->goal, &view) != DX_OK) {
        assert_int_equal(dx_limb_make(feed, self->context.store, &wanted->goal, &view), DX_OK);
    }
    uint64_t left = wanted->goal.length - view.length;
    int error =
        receive_limb(self, &view, w->carriers[i].from,
                     dx_space_feed_by_id(w->carriers[i].from->space, feed->id), run < left ? run : left);
    if (error == DX_E_SIGNATURE) { /* the branch parts lower than is known yet: the proof is to come */
        assert_int_equal(dx_limb_drop(&view, self->context.store), DX_OK);
        return false;
    }
    assert_int_equal(error, DX_OK);
    if (view.length == wanted->goal.length) {
        assert_int_equal(dx_limb_finish(&view, self->context.store), DX_OK);
        self->space->forks_settled = false;
    }
    return true;
}

/* One thing arrives: a proof, some blocks of a feed, or of a branch that is wanted. False: there was nothing
 * of this kind, or it is refused yet. */
static inline bool arrive(world *w, uint64_t what) {
    peer *self = w->self;
    uint64_t run = 1 + draw(w, 3);
    if (what < w->proof_count) {
        dx_feed *feed = dx_space_feed_by_id(self->space, w->proofs[what].id);
        return dx_fork_take(feed, self->context.store, dx_buf_view(&w->proofs[what].bytes)) == DX_OK;
    }
    what -= w->proof_count;
    if (what < w->carrier_count) {
        peer *from = w->carriers[what].from;
        dx_feed *source = dx_space_feed_by_id(from->space, w->carriers[what].id);
        const dx_feed *have = dx_space_feed_by_id(self->space, source->id);
        uint64_t at = have != NULL ? have->length : 0,
                 end = at + run < source->length ? at + run : source->length;
        if (at >= source->length || (have != NULL && at >= have->cut)) {
            return false; /* what lies beyond a cut is not asked for */
        }
        peer_begin(from);
        int error = peer_carry(self, from, source, end);
        peer_commit(from);
        assert_true(error == DX_OK || error == DX_E_SIGNATURE || error == DX_E_FORK ||
                    error == DX_E_UNAUTHORIZED);
        return error == DX_OK;
    }
    return self->space->wanted_count != 0 &&
           bring_branch(w, &self->space->wanted[draw(w, self->space->wanted_count)], run);
}

/* Steps until nothing is left to do or to come. After each event some work is done, and now and then she
 * crashes. proofs_first: she knows of the fork before anything of it reaches her. */
static inline void live_through(world *w, bool proofs_first, bool crashes) {
    peer *self = w->self;
    uint64_t kinds = w->proof_count + w->carrier_count + 1;
    for (int idle = 0; idle < 40;) {
        bool more = true, news = false;
        peer_begin(self);
        if (proofs_first) {
            for (size_t i = 0; i < w->proof_count; i++) {
                news = arrive(w, i) || news;
            }
        }
        news = arrive(w, draw(w, kinds)) || news;
        for (uint64_t i = draw(w, 4); i > 0 && more; i--) {
            assert_int_equal(dx_pipeline_run(&self->context, self->space, 1 + draw(w, 3), &more), DX_OK);
        }
        peer_commit(self);
        idle = news ? 0 : idle + 1;
        if (crashes && draw(w, 4) == 0) {
            peer_reopen(self);
        }
        if (idle == 40) { /* perhaps only chance passed something over */
            peer_begin(self);
            peer_run(self);
            for (uint64_t what = 0; what < kinds; what++) {
                if (arrive(w, what)) {
                    idle = 0;
                }
            }
            peer_run(self);
            peer_commit(self);
        }
    }
}

static inline void restart(world *w) {
    close_peer(&w->olga);
    sim_disk_restore(w->olga.disk, w->start);
    open_peer(&w->olga);
}

#endif
