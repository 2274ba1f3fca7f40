/* sim/hostile_epoch.c: a lying admin's epochs, a liar's pieces of snapshots, and what it says of where feeds begin.
 *
 * Layer: simulator; looks inside the core (hostile.h). An epoch of the liar's is well formed, well signed and within its
 * right, and is not the state at its cut, or its cut is of blocks that are not: no honest device may say that it is right,
 * and nobody may build on it. A false piece must cost the one who asked no more than asking another. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "echo/cut.h"
#include "echo/epoch_word.h"
#include "echo/own_feed.h"
#include "epochs.h"
#include "hostile.h"

enum { BEYOND = 40, SIZE = 1000 };

/* --- Epochs ------------------------------------------------------------------------------------------------ */

/* Only its own feeds: nobody else would be needed to know what they are, were it the owner. */
static void keep_own(const sim_hostile *hostile, dx_space *space, dx_epoch_draft *draft,
                     dx_dependency *places) {
    size_t kept = 0;
    for (size_t i = 0; i < draft->cut_count; i++) {
        const dx_feed *feed = dx_space_feed_by_prefix(space, places[i].feed);
        if (feed != NULL && memcmp(feed->identity.device, hostile->device, sizeof hostile->device) == 0) {
            places[kept++] = places[i];
        }
    }
    draft->cut_count = kept;
}

static void falsify_epoch(sim_hostile *hostile, dx_space *space, dx_epoch_draft *draft,
                          dx_dependency *places) {
    dx_dependency *any = &places[sim_hostile_below(hostile, draft->cut_count)];
    sim_hostile_fill(hostile, draft->root, sizeof draft->root);
    switch (sim_hostile_below(hostile, 4)) {
    case 0: /* beyond what exists */
        any->length += 1 + sim_hostile_below(hostile, BEYOND);
        sim_hostile_fill(hostile, any->root, sizeof any->root);
        break;
    case 1: /* of another content */
        any->root[0] ^= 1;
        break;
    case 2:
        keep_own(hostile, space, draft, places);
        break;
    default: /* the state alone is another one */
        break;
    }
}

int sim_hostile_epoch(sim_hostile *hostile, dx_replica *replica) {
    dx_context *context = replica->replication->context;
    uint8_t id[DX_HASH_SIZE];
    dx_cut cut;
    dx_cut_init(&cut, context->alloc);
    int error = dx_cut_now(context, replica->space, &cut);
    dx_epoch_draft draft = {.cut = cut.places,
                            .cut_count = cut.count,
                            .size_bytes = SIZE,
                            .key_epoch = replica->space->key_epoch};
    if (error == DX_OK && cut.count > 0) {
        falsify_epoch(hostile, replica->space, &draft, cut.places);
        error = dx_epoch_say(context, replica->space, &draft, id);
        if (error == DX_OK) {
            sim_epochs_mark_wrong(hostile->peer->world, id);
            sim_hostile_told(hostile, SIM_FALSE_EPOCH);
            /* It is its own witness, which counts for nothing. */
            error =
                sim_hostile_below(hostile, 2) == 0 ? dx_epoch_say_right(context, replica->space, id) : DX_OK;
            error = error == DX_OK ? dx_space_sign_heads(context, replica->space) : error;
        }
    }
    dx_cut_deinit(&cut);
    bool has_occasion = error != DX_E_STATE && error != DX_E_INVALID && error != DX_E_DENIED;
    return has_occasion ? error : DX_OK;
}

/* --- Pieces ------------------------------------------------------------------------------------------------ */

int sim_hostile_piece(sim_hostile *hostile, dx_buf *message) {
    uint8_t root[DX_HASH_SIZE];
    uint64_t index;
    dx_bytes bytes;
    if (dx_sync_piece_read(dx_buf_view(message), root, &index, &bytes) != DX_OK || bytes.size == 0) {
        return DX_OK;
    }
    uint8_t *copy = malloc(bytes.size);
    DX_ASSERT(copy != NULL);
    memcpy(copy, bytes.data, bytes.size);
    size_t size = bytes.size;
    switch (sim_hostile_below(hostile, 4)) {
    case 0: /* "I have it not" */
        size = 0;
        break;
    case 1:
        size = (size_t)sim_hostile_below(hostile, size);
        break;
    case 2:
        sim_hostile_fill(hostile, copy, size);
        break;
    default:
        copy[sim_hostile_below(hostile, size)] ^= 1;
    }
    dx_buf_clear(message);
    dx_sync_piece_write(root, index, dx_bytes_of(copy, size), message);
    free(copy);
    sim_hostile_told(hostile, SIM_FALSE_PIECE);
    return dx_buf_error(message);
}

/* "Of that feed I have only the end": of some feed, at some length. */
int sim_hostile_gone(sim_hostile *hostile, dx_session *session) {
    const dx_space *space = session->replica->space;
    const dx_feed *feed = &space->feeds[sim_hostile_below(hostile, space->feed_count)];
    dx_buf message;
    dx_buf_init(&message, &sim_heap, SIM_MESSAGE_MAX);
    dx_sync_gone_write(feed->id, sim_hostile_below(hostile, feed->length + BEYOND), &message);
    sim_hostile_told(hostile, SIM_FALSE_PIECE);
    int error = sim_hostile_say(session, dx_buf_view(&message));
    dx_buf_deinit(&message);
    return error;
}
