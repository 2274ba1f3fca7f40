/* sim/epochs.c: who makes epochs, who lets history go, who stays away meanwhile; and the seam. See epochs.h. */
#include "epochs.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "echo/epoch_word.h"
#include "feed/begin.h"
#include "node/epochs.h"

enum {
    OPERATIONS_PER_ACT = 8,
    AWAY_MIN_MS = 120000,
    AWAY_MORE_MS = 780000,
    SIDE_AWAY = 16, /* a side of the net of one's own: this and the peer's number */
    LAST_MS = 30000 /* for the acts after healing */
};

/* NOLINTBEGIN(readability-identifier-naming): the linker's names */
int __wrap_dx_feed_begin_at(dx_feed *feed, dx_store *store, uint64_t length, const dx_timeframe *vector);
int __real_dx_feed_begin_at(dx_feed *feed, dx_store *store, uint64_t length, const dx_timeframe *vector);
int __wrap_dx_feed_jump(dx_feed *feed, dx_store *store, const dx_mmr *mmr, const dx_timeframe *vector);
int __real_dx_feed_jump(dx_feed *feed, dx_store *store, const dx_mmr *mmr, const dx_timeframe *vector);
int __wrap_dx_compact_begin(dx_context *context, dx_space *space, uint64_t number, const dx_cut *cut);
int __real_dx_compact_begin(dx_context *context, dx_space *space, uint64_t number, const dx_cut *cut);
int __wrap_dx_epoch_say(dx_context *context, dx_space *space, const dx_epoch_draft *draft, uint8_t *id);
int __real_dx_epoch_say(dx_context *context, dx_space *space, const dx_epoch_draft *draft, uint8_t *id);
/* NOLINTEND(readability-identifier-naming) */

sim_peer *sim_peer_of(const dx_alloc *alloc) {
    return (sim_peer *)(void *)((char *)alloc->ctx - offsetof(sim_peer, memory));
}

static void note_said(sim_world *world, const uint8_t id[static DX_HASH_SIZE]) {
    sim_epochs *epochs = world->epochs;
    if (epochs != NULL && epochs->said_count < SIM_EPOCHS_MAX) {
        sim_epoch *said = &epochs->said[epochs->said_count++];
        *said = (sim_epoch){.made_ms = world->now_ms};
        memcpy(said->id, id, sizeof said->id);
    }
}

void sim_epochs_mark_wrong(sim_world *world, const uint8_t id[static DX_HASH_SIZE]) {
    sim_epochs *epochs = world->epochs;
    for (size_t i = 0; epochs != NULL && i < epochs->said_count; i++) {
        sim_epoch *said = &epochs->said[i];
        said->wrong = said->wrong || memcmp(said->id, id, sizeof said->id) == 0;
    }
}

const sim_epoch *sim_epochs_find(const sim_world *world, const uint8_t id[static DX_HASH_SIZE]) {
    const sim_epochs *epochs = world->epochs;
    for (size_t i = 0; epochs != NULL && i < epochs->said_count; i++) {
        if (memcmp(epochs->said[i].id, id, sizeof epochs->said[i].id) == 0) {
            return &epochs->said[i];
        }
    }
    return NULL;
}

/* --- The seam: what vaults let go of ------------------------------------------------------------------------ */

int __wrap_dx_feed_begin_at(dx_feed *feed, dx_store *store, uint64_t length, const dx_timeframe *vector) {
    sim_epochs *epochs = sim_peer_of(feed->alloc)->world->epochs;
    if (epochs != NULL) {
        sim_archive_take(epochs, feed, store, length);
    }
    return __real_dx_feed_begin_at(feed, store, length, vector);
}

int __wrap_dx_feed_jump(dx_feed *feed, dx_store *store, const dx_mmr *mmr, const dx_timeframe *vector) {
    sim_world *world = sim_peer_of(feed->alloc)->world;
    if (world->epochs != NULL) {
        sim_archive_take(world->epochs, feed, store, mmr->length);
        world->counts[SIM_JUMPED]++;
    }
    return __real_dx_feed_jump(feed, store, mmr, vector);
}

/* --- The seam: whether it may --------------------------------------------------------------------------------- */

static bool is_same_cut(const dx_epoch *epoch, const dx_cut *cut) {
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, &sim_heap, 1 << 20);
    dx_writer_init(&writer, &item);
    dx_cut_encode(cut, &writer);
    bool same = dx_writer_finish(&writer) == DX_OK && dx_bytes_equal(dx_buf_view(&item), epoch->cut_item);
    dx_buf_deinit(&item);
    return same;
}

typedef struct witness_count {
    bool self;      /* this device made it or said that it is right */
    size_t devices; /* others that did */
    size_t people;  /* of other identities than the issuer's */
} witness_count;

static witness_count count_witnesses(const dx_control *control, const dx_identity *self,
                                     const dx_epoch *epoch) {
    uint8_t identity[DX_KEY_SIZE], device[DX_KEY_SIZE];
    bool made = memcmp(epoch->signer, self->device, sizeof epoch->signer) == 0;
    witness_count count = {.self = made, .devices = !made};
    for (size_t i = 0; dx_control_ack(control, epoch->id, i, identity, device); i++) {
        bool own = memcmp(device, self->device, sizeof device) == 0;
        count.self = count.self || own;
        count.devices += !own && memcmp(device, epoch->signer, sizeof device) != 0;
        count.people += memcmp(identity, epoch->issuer, sizeof identity) != 0;
    }
    return count;
}

static size_t count_other_writers(const dx_control *control, const dx_identity *self) {
    uint8_t identity[DX_KEY_SIZE], device[DX_KEY_SIZE];
    size_t others = 0;
    for (size_t i = 0; i < dx_control_device_count(control); i++) {
        dx_control_device_at(control, i, device, identity);
        others += memcmp(device, self->device, sizeof device) != 0 &&
                  dx_control_role(control, identity) >= DX_ROLE_EDITOR;
    }
    return others;
}

/* Of all that its own blocks are: who else could say that it is right? */
static bool is_of_owner_alone(const dx_control *control, const dx_epoch *epoch) {
    dx_reader cursor;
    dx_dependency entry;
    bool alone = dx_control_role(control, epoch->issuer) == DX_ROLE_OWNER;
    dx_reader_init(&cursor, epoch->cut);
    for (size_t i = 0; i < epoch->cut_count && dx_block_dependency(&cursor, &entry) == DX_OK; i++) {
        bool own = false;
        for (size_t k = 0; k < dx_control_feed_count(control); k++) {
            const dx_admitted_feed *feed = dx_control_feed(control, k);
            own = own || (memcmp(feed->id, entry.feed, sizeof entry.feed) == 0 &&
                          memcmp(feed->owner, epoch->issuer, sizeof feed->owner) == 0);
        }
        alone = alone && own;
    }
    return alone;
}

static void judge_dropping(sim_peer *peer, const dx_context *context, const dx_space *space,
                           const dx_epoch *epoch) {
    sim_world *world = peer->world;
    const sim_epoch *said = sim_epochs_find(world, epoch->id);
    const dx_identity *self = context->identity;
    witness_count seen = count_witnesses(space->control, self, epoch);
    size_t others = count_other_writers(space->control, self);
    size_t copies = world->plan.epoch_copies == 1 && others > 1 ? 1 : others;
    bool writes = dx_control_role(space->control, self->identity) >= DX_ROLE_EDITOR;
    bool steady = world->plan.chance[SIM_CLOCK] == 0 && !world->epochs->impatient;
    uint64_t window_ms = world->plan.retention_ms != 0 ? world->plan.retention_ms : DX_EPOCH_RETENTION_MS;
    if (said == NULL || said->wrong) {
        sim_violate(world, "peer %zu drops history below an epoch that is %s", peer->index,
                    said == NULL ? "nobody's" : "the liar's");
    } else if (seen.people == 0 && !is_of_owner_alone(space->control, epoch)) {
        sim_violate(world, "peer %zu drops history below an epoch that is not confirmed", peer->index);
    } else if (writes && !seen.self) {
        sim_violate(world, "peer %zu drops history below an epoch that it did not check", peer->index);
    } else if (seen.devices < copies) {
        sim_violate(world, "peer %zu drops history that %zu others have, of %zu it asks for", peer->index,
                    seen.devices, copies);
    } else if (steady && world->now_ms < said->made_ms + window_ms) {
        sim_violate(world, "peer %zu drops history %d seconds after its epoch was made, the window is %d",
                    peer->index, (int)((world->now_ms - said->made_ms) / 1000), (int)(window_ms / 1000));
    }
}

int __wrap_dx_compact_begin(dx_context *context, dx_space *space, uint64_t number, const dx_cut *cut) {
    sim_peer *peer = sim_peer_of(context->alloc);
    int error = __real_dx_compact_begin(context, space, number, cut);
    if (error != DX_OK || peer->world->epochs == NULL || sim_is_hostile(peer)) {
        return error;
    }
    dx_epoch epoch;
    if (!dx_control_current_epoch(space->control, &epoch) || epoch.number != number ||
        !is_same_cut(&epoch, cut)) {
        sim_violate(peer->world, "peer %zu drops history below a cut that is not the current epoch's",
                    peer->index);
    } else {
        judge_dropping(peer, context, space, &epoch);
    }
    peer->world->counts[SIM_COMPACTED]++;
    sim_note(peer->world, "peer %zu drops what lies below epoch %u", peer->index, (unsigned)number);
    return error;
}

int __wrap_dx_epoch_say(dx_context *context, dx_space *space, const dx_epoch_draft *draft, uint8_t *id) {
    sim_peer *peer = sim_peer_of(context->alloc);
    int error = __real_dx_epoch_say(context, space, draft, id);
    if (error == DX_OK) {
        sim_note(peer->world, "peer %zu makes an epoch, %zu feeds", peer->index, draft->cut_count);
        peer->world->counts[SIM_EPOCH_MADE]++;
        note_said(peer->world, id);
    }
    return error;
}

/* --- Acts ------------------------------------------------------------------------------------------------------ */

/* What a healthy vault answers: it is not the time, somebody else was faster, or what was asked was given up. */
static bool is_usual(int64_t code) {
    return code == DX_E_STATE || code == DX_E_CANCELLED;
}

static void on_answer(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    const char *what = ctx;
    char message[160];
    if (kind != SIM_ANSWER_LAST || !sim_error_of(body, message, sizeof message)) {
        return;
    }
    int64_t code = dx_item_int(dx_item_get(dx_item_get(body, "error"), "code"), 0);
    sim_note(world, "peer %zu: %s: %s", peer->index, what, message);
    bool of_host = dx_error_class_of((int)code) == DX_CLASS_HOST && peer->suffers;
    if (!is_usual(code) && !of_host) {
        sim_violate(world, "peer %zu: %s: unexpected error %s: %s", peer->index, what,
                    dx_error_name((int)code), message);
    }
}

static void ask(sim_peer *peer, size_t space, const char *what, const char *more) {
    sim_world *world = peer->world;
    char json[160];
    if (peer->node == NULL || sim_peer_frozen(peer) || !peer->member[space] || world->violation[0] != 0) {
        return;
    }
    snprintf(json, sizeof json, "{\"do\": \"%s\", \"space\": \"%s\"%s}", what, world->space[space], more);
    sim_note(world, "peer %zu asks for %s%s", peer->index, what, more);
    (void)!sim_ask_json(peer, json, NULL, false, on_answer, (void *)(uintptr_t)what);
}

static void make(sim_world *world, size_t space) {
    size_t admins = world->plan.alone ? 1 : SIM_ADMINS;
    size_t first = (size_t)sim_below(world, admins);
    bool both = sim_below(world, 3) == 0;
    for (size_t i = 0; i < admins; i++) {
        if (both || i == first) {
            ask(&world->peers[i], space, "space.epoch", "");
        }
    }
}

static void let_go(sim_world *world, size_t space) {
    bool all = sim_below(world, 3) == 0, now = world->epochs->impatient && sim_below(world, 3) != 0;
    size_t one = (size_t)sim_below(world, world->peer_count);
    for (size_t i = 0; i < world->peer_count; i++) {
        if ((all || i == one) && !sim_is_hostile(&world->peers[i])) {
            ask(&world->peers[i], space, "space.compact", now ? ", \"now\": true" : "");
        }
    }
}

static void come_back(sim_world *world, void *ctx, uint64_t number) {
    (void)ctx;
    if (world->side[number] >= SIDE_AWAY) {
        sim_note(world, "peer %u is back", (unsigned)number);
        world->side[number] = 0;
    }
}

/* Somebody goes where there is no net, and writes there. */
static void go_away(sim_world *world) {
    size_t one = (size_t)sim_below(world, world->peer_count);
    world->side[one] = (uint8_t)(SIDE_AWAY + one);
    world->counts[SIM_AWAY]++;
    sim_note(world, "peer %zu goes away", one);
    sim_at(world, world->now_ms + AWAY_MIN_MS + sim_below(world, AWAY_MORE_MS), come_back, NULL, one);
}

static void on_act(sim_world *world, void *ctx, uint64_t number) {
    size_t space = (size_t)sim_below(world, world->plan.spaces);
    (void)ctx;
    (void)number;
    if (world->violation[0] != 0 || world->healing) {
        return;
    }
    switch (sim_below(world, 8)) {
    case 0:
    case 1:
    case 2:
        make(world, space);
        break;
    case 3:
    case 4:
    case 5:
        let_go(world, space);
        break;
    case 6:
        go_away(world);
        break;
    default:
        ask(&world->peers[sim_below(world, world->peer_count)], space, "space.epochs", "");
    }
}

/* --- Life ------------------------------------------------------------------------------------------------------ */

void sim_epochs_begin(sim_world *world) {
    if (!world->plan.epochs) {
        return;
    }
    world->epochs = calloc(1, sizeof *world->epochs);
    DX_ASSERT(world->epochs != NULL);
    world->epochs->impatient = sim_below(world, 2) == 0;
    for (size_t i = 0; i < world->plan.operations / OPERATIONS_PER_ACT; i++) {
        sim_at(world, world->now_ms + sim_below(world, world->plan.minutes * 60000), on_act, NULL, i);
    }
}

/* After healing, in half of the worlds: all that everybody agrees upon is made an epoch, and all history goes. */
void sim_epochs_end(sim_world *world) {
    if (world->epochs == NULL || world->violation[0] != 0 || sim_below(world, 2) == 0) {
        return;
    }
    for (size_t space = 0; space < world->plan.spaces; space++) {
        ask(&world->peers[0], space, "space.epoch", "");
    }
    sim_run_until(world, world->now_ms + LAST_MS);
    world->epochs->impatient = true;
    for (size_t space = 0; space < world->plan.spaces; space++) {
        for (size_t i = 0; i < world->peer_count; i++) {
            if (!sim_is_hostile(&world->peers[i])) {
                ask(&world->peers[i], space, "space.compact", ", \"now\": true");
            }
        }
    }
    sim_run_until(world, world->now_ms + LAST_MS);
}

void sim_epochs_deinit(sim_world *world) {
    if (world->epochs != NULL) {
        sim_archive_free(world->epochs);
        free(world->epochs);
        world->epochs = NULL;
    }
}
