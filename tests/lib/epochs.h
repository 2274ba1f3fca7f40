/* tests/lib/epochs.h: states at cuts between peers: made, compared, loaded, built on.
 *
 * Layer: tests of echo and stories, over peer.h. Whether an epoch may be relied on is not asked here. */
#ifndef DX_TESTS_LIB_EPOCHS_H
#define DX_TESTS_LIB_EPOCHS_H

#include "echo/epoch.h"
#include "peer.h"

enum { EPOCH_NUMBER = 1 };

/* Objects, links and what decides about later blocks; who knows of which reader may differ. */
static inline void assert_same_data(peer *a, peer *b) {
    char *state_a = peer_state(a), *state_b = peer_state(b);
    assert_string_equal(state_a, state_b);
    free(state_a);
    free(state_b);
}

static inline void epoch_cut(peer *self, dx_cut *out) {
    dx_cut_init(out, &self->alloc.port);
    peer_begin(self);
    assert_int_equal(dx_cut_now(&self->context, self->space, out), DX_OK);
    peer_commit(self);
}

/* The snapshot at the cut, made in pieces of this size. */
static inline dx_snapshot_made epoch_make(peer *self, const dx_cut *cut, size_t budget) {
    const dx_snapshot_plan plan = {.number = EPOCH_NUMBER, .key_epoch = 0, .cut = cut};
    dx_snapshot *snapshot;
    dx_snapshot_made made;
    bool more = true;
    peer_begin(self);
    assert_int_equal(dx_snapshot_begin(&self->context, self->space, &plan, &snapshot), DX_OK);
    while (more) {
        assert_int_equal(dx_snapshot_run(snapshot, budget, &more), DX_OK);
        peer_commit(self);
        peer_begin(self);
    }
    assert_int_equal(dx_snapshot_finish(snapshot, true, &made), DX_OK);
    dx_snapshot_destroy(snapshot);
    peer_commit(self);
    return made;
}

static inline void epoch_go_on(peer *self, size_t budget) {
    bool more = true;
    for (int steps = 0; more; steps++) {
        assert_true(steps < 100000);
        peer_begin(self);
        assert_int_equal(dx_epoch_run(&self->context, self->space, budget, &more), DX_OK);
        peer_commit(self);
    }
}

static inline void epoch_compact(peer *self, const dx_cut *cut, size_t budget) {
    peer_begin(self);
    assert_int_equal(dx_compact_begin(&self->context, self->space, EPOCH_NUMBER, cut), DX_OK);
    peer_commit(self);
    epoch_go_on(self, budget);
}

static inline void epoch_fetch_begin(peer *to, peer *from, const dx_cut *cut, const dx_snapshot_made *made) {
    const dx_snapshot_plan plan = {.number = EPOCH_NUMBER, .key_epoch = 0, .cut = cut};
    dx_buf manifest;
    dx_buf_init(&manifest, &to->alloc.port, 1 << 20);
    peer_begin(from);
    assert_int_equal(dx_snapshot_manifest(&from->context, from->space, made->root, &manifest), DX_OK);
    peer_commit(from);
    assert_int_equal(manifest.size, made->chunks * DX_HASH_SIZE);
    peer_begin(to);
    assert_int_equal(dx_load_begin(&to->context, to->space, &plan, made->root, dx_buf_view(&manifest)),
                     DX_OK);
    peer_commit(to);
    dx_buf_deinit(&manifest);
}

static inline void epoch_fetch_chunk(peer *to, peer *from, const dx_snapshot_made *made, uint64_t index) {
    dx_buf chunk;
    dx_buf_init(&chunk, &to->alloc.port, 1 << 20);
    peer_begin(from);
    assert_int_equal(dx_snapshot_chunk(&from->context, from->space, made->root, index, &chunk), DX_OK);
    peer_commit(from);
    peer_begin(to);
    assert_int_equal(dx_load_chunk(&to->context, to->space, index, dx_buf_view(&chunk)), DX_OK);
    peer_commit(to);
    dx_buf_deinit(&chunk);
}

/* Rights alone: what a newcomer hears of first. */
static inline void epoch_pull_rights(peer *to, peer *from) {
    peer_begin(to);
    peer_begin(from);
    for (size_t i = 0; i < from->space->feed_count; i++) {
        dx_feed *source = &from->space->feeds[i];
        if (source->identity.feed_class == DX_FEED_CONTROL && source->length != 0) {
            assert_int_equal(peer_carry(to, from, source, source->length), DX_OK);
            peer_run(to);
        }
    }
    peer_commit(from);
    peer_commit(to);
}

static inline void epoch_load(peer *to, peer *from, const dx_cut *cut, const dx_snapshot_made *made,
                              size_t budget) {
    epoch_fetch_begin(to, from, cut, made);
    for (uint64_t i = 0; i < made->chunks; i++) {
        epoch_fetch_chunk(to, from, made, i);
    }
    epoch_go_on(to, budget);
}

#endif
