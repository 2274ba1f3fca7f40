/* sim/check_floors.c: what stands of data feeds that were written twice, from blocks, proofs and members alone.
 *
 * Layer: simulator, checkers; docs/spec/forks.md. See check_state.h. Nothing is kept between two questions: each
 * goes through all blocks again, and branches are told apart by their roots, which are made anew of the blocks.
 * Taken from the product, beside the rows: who is a member, since when and by what admission; which branches a
 * vault holds; and what stands of control feeds, of which only the credentials matter, that are digested
 * elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "check_state.h"
#include "epochs.h"
#include "feed/block.h"
#include "feed/fork.h"
#include "feed/limb.h"
#include "feed/mmr.h"
#include "halo/control.h"
#include "halo/control_epoch.h"

enum { BRANCHES_MAX = DX_FEED_LIMBS_MAX + 1, FLOORS_PER_NAMER = 256, ROOT_SIZE = CHECK_ROOT_SIZE };

/* --- Branches ------------------------------------------------------------------------------------------------ */

/* Blocks below the place where the feed begins here: gone back to from the root there. */
static void read_kept(check_space *space, dx_store *store, const check_feed *feed, const dx_feed *held,
                      check_branch *branch) {
    uint8_t root[DX_HASH_SIZE];
    int error = feed->begins == 0 ? DX_OK : dx_feed_root(held, store, feed->begins, root);
    for (uint64_t seq = feed->begins; error == DX_OK && seq-- > 0;) {
        const sim_kept_block *kept = sim_archive_find(space->world->epochs, root);
        if (kept == NULL) {
            sim_violate(space->world, "block %d of feed %d is nowhere any more, and peer %zu builds on it",
                        (int)seq, (int)feed->local, space->peer);
            return;
        }
        branch->blocks[seq] = dx_bytes_of(kept->body, kept->size);
        memcpy(root, kept->before, sizeof root);
    }
}

static void read_branch(check_space *space, dx_store *store, check_feed *feed, const dx_feed *view) {
    check_branch *branch = &feed->branches[feed->branch_count++];
    branch->length = view->length;
    branch->blocks = check_take(space, view->length * sizeof *branch->blocks);
    sqlite3_stmt *select = dx_store_query(
        store,
        "SELECT (key & 4294967295), body FROM block WHERE (key >= ?1 << 32 AND key < (?1 << 32) + ?2) OR"
        " (key >= (?3 << 32) + ?2 AND key < (?3 << 32) + ?4)");
    dx_bind_int(select, 1, view->trunk);
    dx_bind_int(select, 2, (int64_t)view->parts);
    dx_bind_int(select, 3, view->rows);
    dx_bind_int(select, 4, (int64_t)view->length);
    while (dx_step(store, select)) {
        branch->blocks[dx_column_int(select, 0)] = check_copy(space, dx_column_bytes(select, 1));
    }
}

/* The roots at all lengths; false when a block is not there. */
static bool make_roots(check_space *space, const check_feed *feed, check_branch *branch) {
    dx_mmr mmr = {.length = 0};
    branch->roots = check_take(space, (branch->length + 1) * sizeof *branch->roots);
    for (uint64_t seq = 0;; seq++) {
        uint8_t leaf[DX_HASH_SIZE], nodes[DX_MMR_NODES_SIZE_MAX];
        dx_block block;
        dx_mmr_root(&mmr, branch->roots[seq]);
        if (seq == branch->length) {
            return true;
        }
        if (dx_block_decode(branch->blocks[seq], &block) != DX_OK) {
            return false;
        }
        dx_block_leaf(&block, feed->id, seq, leaf);
        (void)dx_mmr_append(&mmr, leaf, nodes);
    }
}

static void read_limbs(check_space *space, dx_store *store, check_feed *feed, const dx_feed *held) {
    int64_t rows[DX_FEED_LIMBS_MAX];
    size_t count = 0;
    int error = dx_limb_list(held, store, rows, &count);
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        dx_feed view;
        error = dx_limb_view(held, store, rows[i], &view);
        if (error == DX_OK) {
            read_branch(space, store, feed, &view);
        }
    }
    if (error != DX_OK) {
        sim_violate(space->world, "the branches of feed %d at peer %zu cannot be read: %s", (int)feed->local,
                    space->peer, dx_error_name(error));
    }
}

static void read_cut(dx_store *store, check_feed *feed) {
    dx_fork_proof proof;
    sqlite3_stmt *select = dx_store_query(store, "SELECT proof FROM fork WHERE feed = ?1");
    dx_bind_int(select, 1, feed->local);
    feed->cut = UINT64_MAX;
    if (dx_step(store, select)) {
        feed->cut = dx_fork_read(dx_column_bytes(select, 0), &proof) == DX_OK ? dx_fork_cut(&proof) : 0;
        dx_step_reset(select);
    }
}

void check_read_branches(check_space *space, dx_store *store, check_feed *feed, const dx_feed *held) {
    feed->branches = check_take(space, BRANCHES_MAX * sizeof *feed->branches);
    feed->begins = held->begins;
    feed->agreed = held->agreed > held->begins ? held->agreed : held->begins;
    read_cut(store, feed);
    read_branch(space, store, feed, held);
    read_kept(space, store, feed, held, &feed->branches[0]);
    if (feed->cut == UINT64_MAX) {
        return;
    }
    read_limbs(space, store, feed, held);
    for (size_t i = 0; i < feed->branch_count; i++) {
        for (uint64_t seq = 0; i > 0 && seq < feed->begins && seq < feed->branches[i].length; seq++) {
            feed->branches[i].blocks[seq] = feed->branches[0].blocks[seq]; /* nothing parts below */
        }
        if (!make_roots(space, feed, &feed->branches[i])) {
            sim_violate(space->world, "peer %zu holds a branch of feed %d with a hole", space->peer,
                        (int)feed->local);
        }
    }
}

void check_read_standing(const dx_control *control, check_feed *feed) {
    if (feed->data && !dx_control_epoch_length(control, feed->id, &feed->named, feed->named_root)) {
        feed->named = 0;
    }
    const dx_admitted_feed *admitted = dx_control_find_feed(control, feed->id);
    const dx_member *member = admitted == NULL ? NULL : dx_control_member_of(control, admitted->owner);
    feed->admitted = admitted != NULL;
    feed->of_member = member != NULL;
    if (admitted != NULL) {
        memcpy(feed->owner, admitted->owner, sizeof feed->owner);
    }
    if (member != NULL) {
        feed->of_owner = member->role == DX_ROLE_OWNER;
        feed->depth = member->depth;
        memcpy(feed->admission, member->admission, sizeof feed->admission);
    }
}

/* --- Floors -------------------------------------------------------------------------------------------------- */

static bool is_forked(const check_feed *feed) {
    return feed->cut != UINT64_MAX;
}

/* The branch that has this root at this length; NULL: it is not here. */
static const check_branch *find_branch(const check_feed *feed, const check_named *named) {
    for (size_t i = 0; i < feed->branch_count; i++) {
        const check_branch *branch = &feed->branches[i];
        if (named->length <= branch->length &&
            memcmp(branch->roots[named->length], named->root, ROOT_SIZE) == 0) {
            return branch;
        }
    }
    return NULL;
}

static bool may_say(const check_feed *about, const check_feed *by) {
    return about != by && about->admitted && by->admitted && by->of_member &&
           memcmp(about->owner, by->owner, sizeof by->owner) != 0;
}

/* What a block of one feed names of another. */
static bool names(const check_space *space, const check_feed *by, uint64_t seq, const check_feed *about,
                  check_named *out) {
    dx_reader list = check_named_in(by->branches[0].blocks[seq], true);
    check_named named;
    bool found = false;
    while (check_next_named(space, &list, &named)) {
        if (named.feed != CHECK_NOWHERE && &space->feeds[named.feed] == about) {
            *out = named;
            found = true;
        }
    }
    return found;
}

typedef struct floor_said {
    const check_feed *by;
    check_named named;
} floor_said;

/* The order in which floors are gone through. */
static int compare_floors(const void *a, const void *b) {
    const floor_said *one = a, *other = b;
    if (one->by->of_owner != other->by->of_owner) {
        return one->by->of_owner ? -1 : 1;
    }
    if (one->by->depth != other->by->depth) {
        return one->by->depth < other->by->depth ? -1 : 1;
    }
    int order = memcmp(one->by->admission, other->by->admission, sizeof one->by->admission);
    order = order != 0 ? order : memcmp(one->by->id, other->by->id, sizeof one->by->id);
    if (order != 0) {
        return order;
    }
    if (one->named.length != other->named.length) {
        return one->named.length > other->named.length ? -1 : 1;
    }
    return -memcmp(one->named.root, other->named.root, ROOT_SIZE);
}

static size_t gather_floors(check_space *space, const check_feed *feed, floor_said **out) {
    size_t count = 0, blocks = 0;
    for (size_t i = 0; i < space->feed_count; i++) {
        blocks += space->feeds[i].data ? space->feeds[i].length : 0;
    }
    floor_said *floors = check_take(space, blocks * sizeof *floors);
    for (size_t i = 0; i < space->feed_count; i++) {
        const check_feed *by = &space->feeds[i];
        for (uint64_t seq = 0; by->data && may_say(feed, by) && seq < by->length && seq < by->cut; seq++) {
            check_named named;
            if (names(space, by, seq, feed, &named) && named.length > feed->cut) {
                floors[count++] = (floor_said){.by = by, .named = named};
            }
        }
    }
    qsort(floors, count, sizeof *floors, compare_floors);
    *out = floors;
    return count;
}

/* What a confirmed epoch names goes before all floors. */
static void take_epoch(check_feed *feed) {
    check_named named = {.length = feed->named};
    memcpy(named.root, feed->named_root, sizeof named.root);
    const check_branch *branch = feed->named > feed->limit ? find_branch(feed, &named) : NULL;
    if (branch != NULL &&
        memcmp(branch->roots[feed->limit], feed->in_force->roots[feed->limit], CHECK_HASH_SIZE) == 0) {
        feed->limit = named.length;
        feed->in_force = branch;
    }
}

/* Which branch is in force, and how far. */
static void decide(check_space *space, check_feed *feed) {
    floor_said *floors;
    size_t of_one = 0;
    feed->limit = feed->cut;
    feed->in_force = &feed->branches[0];
    if (!is_forked(feed) || feed->length < feed->cut) {
        return; /* what is there is what all branches share */
    }
    feed->limit =
        feed->begins > feed->cut ? feed->begins : feed->cut; /* nothing that parts below can be here */
    take_epoch(feed);
    size_t count = gather_floors(space, feed, &floors);
    for (size_t i = 0; i < count; i++) {
        const check_named *named = &floors[i].named;
        const check_branch *branch = find_branch(feed, named);
        of_one = i > 0 && floors[i].by == floors[i - 1].by ? of_one + 1 : 0;
        if (of_one >= FLOORS_PER_NAMER || branch == NULL || named->length <= feed->limit ||
            memcmp(branch->roots[feed->limit], feed->in_force->roots[feed->limit], CHECK_HASH_SIZE) != 0) {
            continue;
        }
        feed->limit = named->length;
        feed->in_force = branch;
    }
}

uint64_t check_parting(const check_feed *feed) {
    bool settled = is_forked(feed) && feed->named > feed->cut && feed->named <= feed->limit &&
                   memcmp(feed->in_force->roots[feed->named], feed->named_root, ROOT_SIZE) == 0;
    return settled ? feed->named : feed->cut;
}

size_t check_find_hidden(check_space *space, const check_feed *feed, check_hidden_run *runs) {
    floor_said *floors;
    size_t count = 0;
    if (!is_forked(feed) || feed->begins > feed->cut || feed->length < feed->cut) {
        return 0;
    }
    size_t said = gather_floors(space, feed, &floors);
    for (size_t i = 0; i < feed->branch_count; i++) {
        check_hidden_run run = {.branch = &feed->branches[i], .begin = feed->cut};
        for (size_t floor = 0; floor < said; floor++) {
            const check_named *named = &floors[floor].named;
            run.end =
                find_branch(feed, named) == run.branch && named->length > run.end ? named->length : run.end;
        }
        while (run.begin < run.end && run.begin < feed->limit && run.begin < feed->in_force->length &&
               memcmp(run.branch->roots[run.begin + 1], feed->in_force->roots[run.begin + 1],
                      CHECK_HASH_SIZE) == 0) {
            run.begin++;
        }
        if (run.begin < run.end) {
            runs[count++] = run;
        }
    }
    return count;
}

/* The vault has come to the same, and applied no more than that, and no other branch. */
static void compare_limit(const check_space *space, const check_feed *feed) {
    uint64_t shown = feed->floor > feed->cut ? feed->floor : feed->cut;
    const check_branch *held = &feed->branches[0];
    bool same_branch = !is_forked(feed) || feed->length < feed->cut ||
                       (shown <= held->length && feed->limit <= feed->in_force->length &&
                        memcmp(held->roots[shown], feed->in_force->roots[feed->limit], CHECK_HASH_SIZE) == 0);
    if (shown != feed->limit || !same_branch) {
        sim_violate(space->world,
                    "peer %zu has %lld blocks of feed %02x%02x… in force, the blocks say %lld%s", space->peer,
                    (long long)shown, feed->id[0], feed->id[1], (long long)feed->limit,
                    same_branch ? "" : " of another branch");
    } else if (feed->applied > feed->limit || (!feed->admitted && feed->applied > 0)) {
        sim_violate(space->world, "peer %zu applied %d blocks of feed %02x%02x…, of which %lld stand%s",
                    space->peer, (int)feed->applied, feed->id[0], feed->id[1], (long long)feed->limit,
                    feed->admitted ? "" : ", and nobody admits it");
    }
}

void check_decide(check_space *space) {
    for (size_t i = 0; i < space->feed_count; i++) {
        check_feed *feed = &space->feeds[i];
        if (feed->data) {
            decide(space, feed);
            compare_limit(space, feed);
            feed->blocks = feed->in_force->blocks;
        }
    }
}

/* --- What blocks name ---------------------------------------------------------------------------------------- */

static bool is_floor(const check_feed *about, const check_feed *by, uint64_t seq) {
    return may_say(about, by) && seq < by->cut;
}

static bool is_in_force(const check_feed *feed, const check_named *named) {
    return named->length <= feed->limit && named->length <= feed->in_force->length &&
           memcmp(feed->in_force->roots[named->length], named->root, ROOT_SIZE) == 0;
}

bool check_may_build_on(const check_feed *by, uint64_t seq, const check_feed *about,
                        const check_named *named) {
    if (!about->data || !is_forked(about)) {
        return named->length <= about->applied || (!about->data && is_forked(about));
    }
    if (named->length <= about->agreed) { /* whatever its root: who has only the state there cannot tell */
        return named->length <= about->applied;
    }
    if (named->length <= about->cut) {
        return named->length <= about->applied &&
               memcmp(about->in_force->roots[named->length], named->root, ROOT_SIZE) == 0;
    }
    if (!is_floor(about, by, seq)) {
        return true;
    }
    if (named->length <= about->limit) {
        return !is_in_force(about, named) || named->length <= about->applied;
    }
    return find_branch(about, named) != NULL;
}

bool check_saw(const check_space *space, const check_feed *by, uint64_t seq, const check_feed *about) {
    for (uint64_t said = seq + 1; is_forked(about) && said-- > 0;) {
        check_named named;
        if (names(space, by, said, about, &named) && named.length > about->cut) {
            return is_in_force(about, &named) && named.length <= about->applied;
        }
    }
    return !is_forked(about);
}
