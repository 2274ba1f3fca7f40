/* feed/verify.c: what others say about a feed: heads and runs of blocks, believed only as far as hashes and
 * one signature carry.
 *
 * Layer: floor 1, feed. First replication passes here block by block, so a block costs its hashes, one
 * insert, and no memory of its own; a signature is checked once per head, not once per run. Everything is
 * verified before anything is written. */
#include <string.h>

#include "feed/feed_state.h"
#include "feed/fork_proof.h"
#include "feed/hole.h"

/* A verified run: the foreign branch up to the head, and the range at the run's end. */
typedef struct dx_run {
    const dx_head *head;
    uint64_t from, end;
    dx_branch branch; /* rows below from, the run's nodes, the proof */
    uint8_t *nodes;
    size_t nodes_size;
    dx_mmr mmr;     /* at end */
    uint64_t holes; /* sections of which only the hashes came (hole.h) */
} dx_run;

/* --- Heads ------------------------------------------------------------------------------------------ */

static bool is_same_head(const dx_head *a, const dx_head *b) {
    return a->length == b->length && memcmp(a->root, b->root, DX_HASH_SIZE) == 0 &&
           memcmp(a->signature, b->signature, DX_SIGNATURE_SIZE) == 0;
}

/* A head that is stored was verified when it came, and so was the one heard last. */
static int verify_head(dx_feed *feed, const dx_head *head) {
    if (head->length == 0) { /* how "none" looks here; from others it is nothing */
        return DX_E_SIGNATURE;
    }
    if (is_same_head(head, &feed->head) || is_same_head(head, &feed->target) ||
        is_same_head(head, &feed->heard)) {
        return DX_OK;
    }
#if defined(DX_PLANT) && DX_PLANT == 9
    if (head->length == feed->head.length && memcmp(head->root, feed->head.root, DX_HASH_SIZE) == 0) {
        return DX_OK;
    }
#endif
    int error = dx_head_verify(head, feed->identity.space_id, feed->id, feed->identity.key);
    if (error == DX_OK) {
        feed->heard = *head;
    }
    return error;
}

/* What became of a fork's proof, told as the fork it is; only a failure of the host or of stored data comes
 * first. */
static int as_fork(int error) {
    return dx_error_class_of(error) == DX_CLASS_HOST || error == DX_E_CORRUPT ? error : DX_E_FORK;
}

/* A signed head of at most our length: whether it agrees with the rows; otherwise the fork is proven from
 * them. */
static int compare_with_rows(dx_feed *feed, dx_store *store, const dx_head *head) {
    uint8_t root[DX_HASH_SIZE];
    if (head->length < feed->begins) {
        return DX_OK; /* of so long ago nothing is here that could contradict it */
    }
    int error = dx_feed_root(feed, store, head->length, root);
    if (error || memcmp(root, head->root, DX_HASH_SIZE) == 0) {
        return error;
    }
    const dx_head *cover = dx_feed_cover(feed, head->length);
    if (!cover) { /* own blocks that are not signed yet, or a feed that was loaded: no second head to show */
        return feed->own ? DX_E_CONFLICT : DX_E_SIGNATURE;
    }
    dx_branch branch;
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    error = dx_feed_branch(feed, store, proof, &branch);
    return as_fork(error ? error : dx_fork_take_heads(feed, store, &branch, cover, head));
}

int dx_feed_hear(dx_feed *feed, dx_store *store, const dx_head *head) {
    int error = verify_head(feed, head);
    if (error) {
        return error;
    }
    if (head->length <= feed->length) {
        return compare_with_rows(feed, store, head);
    }
    if (feed->own) {
        return DX_E_CONFLICT;
    }
    if (head->length == feed->target.length && memcmp(head->root, feed->target.root, DX_HASH_SIZE) != 0) {
        return as_fork(dx_fork_take_heads(feed, store, NULL, &feed->target, head));
    }
    return DX_OK;
}

/* --- Runs ------------------------------------------------------------------------------------------- */

static int take_leaves(const dx_feed *feed, const dx_bytes *blocks, size_t count, dx_run *run) {
    uint8_t *nodes = run->nodes;
    for (size_t i = 0; i < count; i++) {
        dx_block block;
        int error = dx_feed_check_block(feed, blocks[i], &block);
        if (error) {
            return error;
        }
        run->holes += block.hole_count;
        uint8_t leaf[DX_HASH_SIZE];
        dx_block_leaf(&block, feed->id, run->mmr.length, leaf);
        nodes += dx_mmr_append(&run->mmr, leaf, nodes);
    }
    DX_ASSERT(nodes == run->nodes + run->nodes_size);
    return DX_OK;
}

/* Fills everything that depends on the run's bytes; DX_OK only when they lead to the head's root. */
static int verify_run(const dx_feed *feed, dx_store *store, const dx_bytes *blocks, size_t count,
                      dx_bytes proof, dx_run *run) {
    dx_branch *branch = &run->branch;
    *branch = dx_feed_rows(feed, store, run->from);
    run->mmr = feed->mmr;
    int error = run->from < feed->length ? dx_mmr_load(&run->mmr, dx_branch_read, branch, run->from) : DX_OK;
    error = error ? error : take_leaves(feed, blocks, count, run);
    if (error) {
        return error;
    }
    dx_mmr whole = run->mmr;
    uint8_t root[DX_HASH_SIZE];
    error = dx_mmr_extend(&whole, run->head->length, proof);
    dx_mmr_root(&whole, root);
#if defined(DX_PLANT) && DX_PLANT == 11
    if (error || (run->end == run->head->length && memcmp(root, run->head->root, DX_HASH_SIZE) != 0)) {
#else
    if (error || memcmp(root, run->head->root, DX_HASH_SIZE) != 0) {
#endif
        return DX_E_SIGNATURE;
    }
    branch->nodes = run->nodes;
    branch->end = run->end;
    branch->proof = proof;
    branch->covered = run->head->length;
    return DX_OK;
}

/* A verified run that overlaps must repeat what is here. Where it does not, both branches are known leaf by
 * leaf. */
static int compare_overlap(dx_feed *feed, dx_store *store, dx_run *run) {
    uint64_t shared = run->end < feed->length ? run->end : feed->length;
    dx_branch rows = dx_feed_rows(feed, store, feed->length);
    for (uint64_t seq = run->from; seq < shared; seq++) {
        uint8_t ours[DX_HASH_SIZE], theirs[DX_HASH_SIZE], path[DX_FORK_PATH_SIZE_MAX];
        int error = dx_branch_read(&rows, 0, seq, ours);
        error = error ? error : dx_branch_read(&run->branch, 0, seq, theirs);
        if (error) {
            return error;
        }
        if (memcmp(ours, theirs, DX_HASH_SIZE) != 0) {
            size_t path_size;
            error = dx_fork_branch_path(&run->branch, seq, run->head->length, path, &path_size);
            return as_fork(error ? error
                                 : dx_fork_join(feed, store, seq, run->head, dx_bytes_of(path, path_size)));
        }
    }
    return run->head->length <= feed->length ? compare_with_rows(feed, store, run->head) : DX_OK;
}

/* No block of the target's is here, so nothing is lost when the run shows that its branch is another: the
 * fork is proven and the run taken. */
static int compare_target(dx_feed *feed, dx_store *store, dx_run *run) {
    const dx_head target = feed->target;
    uint8_t root[DX_HASH_SIZE];
    if (target.length == run->head->length) {
        memcpy(root, run->head->root, DX_HASH_SIZE);
    } else if (target.length > 0 && target.length <= run->end) {
        int error = dx_branch_root(&run->branch, target.length, root);
        if (error) {
            return error;
        }
    } else {
        return DX_OK;
    }
    if (memcmp(root, target.root, DX_HASH_SIZE) == 0) {
        return DX_OK;
    }
    int error = as_fork(dx_fork_take_heads(feed, store, &run->branch, run->head, &target));
    return error == DX_E_FORK ? DX_OK : error;
}

/* The block's holes are looked for when they come: what is not there has no effect, and stops nothing. */
static int note_holes(const dx_feed *feed, dx_store *store, uint64_t seq, dx_bytes bytes) {
    dx_block block;
    int error = dx_block_decode(bytes, &block);
    if (error || block.hole_count == 0) {
        return error;
    }
    const dx_holes holes = {.seq = seq, .sections = block.hole_count};
    return dx_hole_note(feed, store, &holes);
}

static int store_blocks(const dx_feed *feed, dx_store *store, const dx_bytes *blocks, const dx_run *run) {
    for (uint64_t seq = feed->length; seq < run->end; seq++) {
        uint64_t before = dx_mmr_node_count(run->from);
        size_t start = (size_t)(dx_mmr_node_count(seq) - before) * DX_HASH_SIZE;
        size_t end = (size_t)(dx_mmr_node_count(seq + 1) - before) * DX_HASH_SIZE;
        int error = dx_feed_store_block(feed, store, seq, dx_bytes_of(run->nodes + start, end - start),
                                        blocks[seq - run->from]);
        if (!error && run->holes != 0) {
            error = note_holes(feed, store, seq, blocks[seq - run->from]);
        }
        if (error) {
            return error;
        }
    }
    return DX_OK;
}

/* What the feed is after the run, on a copy, so that a failed write changes nothing here. */
static int save_run(dx_feed *feed, dx_store *store, dx_bytes proof, const dx_run *run) {
    dx_feed after = *feed;
    after.hollow = after.hollow || run->holes != 0;
    bool has_news = run->end > feed->length, has_new_target = has_news;
    if (has_news) {
        after.length = run->end;
        after.mmr = run->mmr;
        after.target = (dx_head){0};
    }
#if defined(DX_PLANT) && DX_PLANT == 14
    if (run->head->length <= after.length && run->head->length != after.head.length) {
#else
    if (run->head->length <= after.length && run->head->length > after.head.length) {
#endif
        after.head = *run->head;
        has_news = true;
    } else if (run->head->length > after.length && run->end == after.length &&
               !is_same_head(run->head, &after.target)) {
        after.target = *run->head;
        has_news = has_new_target = true;
    }
    int error = has_news ? dx_feed_save(&after, store, has_new_target ? &proof : NULL) : DX_OK;
    if (!error) {
        *feed = after;
    }
    return error;
}

static int take_run(dx_feed *feed, dx_store *store, const dx_bytes *blocks, size_t count, dx_bytes proof,
                    dx_run *run) {
    int error = verify_run(feed, store, blocks, count, proof, run);
    error = error ? error : compare_overlap(feed, store, run);
    error = error ? error : compare_target(feed, store, run);
    error = error ? error : store_blocks(feed, store, blocks, run);
    return error ? error : save_run(feed, store, proof, run);
}

/* Bounds and signature; on DX_OK the run has room for its nodes, which the caller frees. */
static int begin_run(dx_feed *feed, const dx_head *head, uint64_t from, size_t count, dx_run *run) {
    if (count > DX_FEED_RUN_MAX) {
        return DX_E_LIMIT;
    }
    if (head->length > DX_FEED_LENGTH_MAX || from + count > head->length) {
        return DX_E_MALFORMED;
    }
    int error = verify_head(feed, head);
    if (error) {
        return error;
    }
    *run = (dx_run){.head = head, .from = from, .end = from + count};
    run->nodes_size = (size_t)(dx_mmr_node_count(run->end) - dx_mmr_node_count(from)) * DX_HASH_SIZE;
    run->nodes = dx_alloc_take(feed->alloc, run->nodes_size);
    return !run->nodes && run->nodes_size > 0 ? DX_E_NO_MEMORY : DX_OK;
}

int dx_feed_receive(dx_feed *feed, dx_store *store, const dx_head *head, uint64_t from,
                    const dx_bytes *blocks, size_t count, dx_bytes proof) {
    if (feed->own || from > feed->length) {
        return DX_E_STATE;
    }
    if (from < feed->begins) {
        return DX_E_GONE;
    }
    dx_run run;
    int error = begin_run(feed, head, from, count, &run);
    if (error) {
        return error;
    }
    error = take_run(feed, store, blocks, count, proof, &run);
    dx_alloc_free(feed->alloc, run.nodes, run.nodes_size);
    return error;
}

int dx_feed_check_beginning(const dx_alloc *alloc, const dx_feed_identity *identity, const dx_head *head,
                            const dx_bytes *blocks, size_t count, dx_bytes proof) {
    dx_feed feed = {.alloc = alloc, .identity = *identity};
    dx_feed_id(identity, feed.id);
    dx_run run;
    int error = begin_run(&feed, head, 0, count, &run);
    if (error) {
        return error;
    }
    error = verify_run(&feed, NULL, blocks, count, proof, &run); /* from 0 on: nothing stored is looked at */
    dx_alloc_free(alloc, run.nodes, run.nodes_size);
    return error;
}
