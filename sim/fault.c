/* sim/fault.c: what may go wrong, drawn by the seed.
 *
 * Layer: simulator. Each seed has a random subset of the faults, so that rare combinations come up as often
 * as usual ones; the chances are such that a small seed has some of each it has at all. */
#include "workload.h"

#include <string.h>

enum {
    STEP_CALLS_MAX = 60,
    OPEN_CALLS_MAX = 80,
    BIG_RARITY = 32,
    GUESTS_RARITY = 6,
    EPOCHS_RARITY = 5,
    SKEW_RARITY = 6,
    UNDO_RARITY = 6,
    PARTS_RARITY = 4,
    NEWCOMERS_RARITY = 2
};

#define NEVER UINT64_MAX /* bytes of blocks before an epoch is made by itself */

/* --- Drawing -----------------------------------------------------------------------------------------------
 */

/* Faults that every other seed has, and those that one in four has, with their chances. */
static const struct {
    sim_count fault;
    unsigned rarity;
    uint32_t chance;
} chances[] = {
    {SIM_POWER, 2, 20000},    {SIM_POWER_INSIDE, 2, 20000}, {SIM_POWER_OPENING, 2, 300000},
    {SIM_RESTART, 4, 10000},  {SIM_FREEZE, 4, 8000},        {SIM_SPLIT, 2, 60000},
    {SIM_BREAK, 2, 10000},    {SIM_CORRUPT, 4, 2000},       {SIM_SET_BACK, 8, 8000},
    {SIM_STRANGER, 4, 20000}, {SIM_MEMORY, 4, 20000},       {SIM_FULL, 8, 8000},
    {SIM_CLOCK, 4, 10000},    {SIM_PORT_GONE, 4, 20000},
};

/* One world in UNSEEN_RARITY has disks that are set back more often, and mostly behind the guard. */
enum { UNSEEN_RARITY = 12, UNSEEN_SET_BACK = 25000, UNSEEN = 700000 };

/* Networks change where peers have some: worlds with a signaling service. */
enum { REBIND = 20000, ROAM = 15000 };

static bool draw_one_in(uint64_t *state, unsigned rarity) {
    return sim_random(state) % rarity == 0;
}

/* One world in six has a liar. */
static sim_liar draw_liar(uint64_t *state) {
    return !draw_one_in(state, 6) ? SIM_NO_LIAR : draw_one_in(state, 3) ? SIM_LYING_READER : SIM_LYING_EDITOR;
}

/* One world in eight has a signaling service, where clocks are right enough to be of one day; in half of these nobody can
 * be dialled. */
static void draw_signaling(sim_plan *plan) {
    uint64_t state = plan->seed ^ 0x516;
    if (!draw_one_in(&state, 8) || plan->hostile != SIM_NO_LIAR || plan->guests > 0) {
        return;
    }
    plan->signaling = draw_one_in(&state, 2) ? SIM_LYING_SIGNALING : SIM_HONEST_SIGNALING;
    plan->undiallable = draw_one_in(&state, 2);
    plan->chance[SIM_CLOCK] = 0;
    plan->clock_lie_ms = plan->clock_lie_ms > 0 ? 3600 * 1000 : 0;
    plan->chance[SIM_REBIND] = draw_one_in(&state, 2) ? REBIND : 0;
    plan->chance[SIM_ROAM] = draw_one_in(&state, 2) ? ROAM : 0;
}

/* One world in five has epochs, drawn apart from all else; in these no liar writes twice, and honest disks are set back
 * unseen more often. Vaults make epochs and let history go by themselves in some, by hand in all. A liar is an admin in
 * some. */
static void draw_epochs(sim_plan *plan) {
    static const uint64_t sizes[] = {NEVER, NEVER, 4000, 20000}, windows_ms[] = {0, 0, 30000, 240000};
    uint64_t state = plan->seed ^ 0xe90c;
    plan->epochs = draw_one_in(&state, EPOCHS_RARITY) || plan->epochs;
    if (!plan->epochs) {
        return;
    }
    plan->epoch_size = sizes[sim_random(&state) % 4];
    plan->retention_ms = windows_ms[sim_random(&state) % 4];
    plan->alone = draw_one_in(&state, 2);
    plan->epoch_copies = plan->alone ? 1 : 0;
    if (plan->hostile == SIM_LYING_EDITOR && !plan->alone && draw_one_in(&state, 2)) {
        plan->hostile = SIM_LYING_ADMIN;
    }
    if (plan->hostile == SIM_NO_LIAR && !plan->alone && draw_one_in(&state, 3)) {
        plan->hostile = SIM_LYING_ADMIN;
        plan->spaces = 1;
    }
}

void sim_plan_draw(sim_plan *plan, bool calm) {
    uint64_t state = plan->seed ^ 0x5bd1e995, liar_state = plan->seed ^ 0x11a5,
             unseen_state = plan->seed ^ 0x07de, names_state = plan->seed ^ 0x4a3e,
             models_state = plan->seed ^ 0x30de, skew_state = plan->seed ^ 0x5c3e,
             undo_state = plan->seed ^ 0x0d0e, purges_state = plan->seed ^ 0x9073,
             parts_state = plan->seed ^ 0x9a27, texts_state = plan->seed ^ 0x7e87;
    plan->delay_max_ms = 100;
    plan->spaces = plan->peers > 2 && draw_one_in(&state, 8) ? 2 : 1;
    plan->hostile = draw_liar(&liar_state);
    if (plan->hostile != SIM_NO_LIAR) {
        plan->spaces = 1;
    }
    plan->names = draw_one_in(&names_state, 6);
    plan->undo = draw_one_in(&undo_state, UNDO_RARITY) || plan->undo;
    plan->skew = draw_one_in(&skew_state, SKEW_RARITY) || plan->skew;
    plan->models = draw_one_in(&models_state, 4) || plan->skew;
    plan->texts = draw_one_in(&texts_state, 8) || plan->texts;
    draw_epochs(plan);
    plan->purges = draw_one_in(&purges_state, 6) || plan->purges;
    plan->parts = (draw_one_in(&parts_state, PARTS_RARITY) || plan->parts) && !plan->epochs && !plan->skew &&
                  !plan->undo && plan->peers > 1; /* parts.c says why */
    if (calm) {
        return;
    }
    for (size_t i = 0; i < sizeof chances / sizeof chances[0]; i++) {
        plan->chance[chances[i].fault] = draw_one_in(&state, chances[i].rarity) ? chances[i].chance : 0;
    }
    if (draw_one_in(&unseen_state, plan->epochs ? UNSEEN_RARITY / 3 : UNSEEN_RARITY)) {
        plan->chance[SIM_SET_BACK] = UNSEEN_SET_BACK;
        plan->chance[SIM_UNSEEN] = UNSEEN;
        plan->epoch_copies =
            0; /* who makes epochs may make two that exclude each other: all have to say yes */
    }
    plan->delay_max_ms = draw_one_in(&state, 2) ? 100 : 3000;
    plan->gather_max_ms = draw_one_in(&state, 4) ? 50 : 0;
    plan->clock_lie_ms = draw_one_in(&state, 2) ? UINT64_C(1000) * 86400 * 365 : 0;
    bool errors = draw_one_in(&state, 4);
    plan->disk.sector_size = draw_one_in(&state, 2) ? 4096 : 512;
    plan->disk.read_error_chance = errors && draw_one_in(&state, 2) ? 100 : 0;
    plan->disk.write_error_chance = errors && draw_one_in(&state, 2) ? 300 : 0;
    plan->disk.short_write_chance = errors && draw_one_in(&state, 2) ? 100 : 0;
    plan->disk.sync_error_chance = errors && draw_one_in(&state, 2) ? 1000 : 0;
    plan->disk.failed_sync_forgets = draw_one_in(&state, 2);
    plan->big = draw_one_in(&state, BIG_RARITY);
    if (draw_one_in(&state, plan->epochs ? NEWCOMERS_RARITY : GUESTS_RARITY) &&
        plan->hostile == SIM_NO_LIAR) {
        /* A host that was set back forgets what it counted; one whose clock was set, when an invitation ends. */
        plan->guests = draw_one_in(&state, 2) ? 2 : 1;
        plan->chance[SIM_SET_BACK] = plan->chance[SIM_CLOCK] = 0;
    }
    draw_signaling(plan);
    plan->parts = plan->parts && !plan->undiallable;
}

/* --- Striking
 * ------------------------------------------------------------------------------------------------ */

static void split(sim_world *world) {
    for (size_t i = 0; i < world->peer_count; i++) {
        world->side[i] = (uint8_t)sim_below(world, 2);
    }
    sim_note(world, "the net is split anew: %d%d%d…", world->side[0], world->side[1], world->side[2]);
}

/* The disk becomes what it was when the last copy was taken, as a new file or in place; the first time the
 * copy is taken. */
static void set_back(sim_world *world, sim_peer *peer) {
    sim_peer_crash(peer);
    if (peer->backup == NULL) {
        peer->backup = sim_disk_copy(peer->disk, sim_random(&world->random_state));
        peer->backup_ms = world->now_ms;
        memcpy(peer->backup_token, peer->token, sizeof peer->backup_token);
        sim_note(world, "peer %zu: its disk is copied", peer->index);
        return;
    }
    sim_note(world, "peer %zu: its disk is set back by %u seconds", peer->index,
             (unsigned)((world->now_ms - peer->backup_ms) / 1000));
    world->counts[SIM_SET_BACK]++;
    sim_disk_restore(peer->disk, peer->backup);
    peer->other_file = sim_below(world, 2) == 0;
    sim_workload_set_back(world, peer, peer->backup_ms);
    if (sim_chance(world, world->plan.chance[SIM_UNSEEN])) {
        sim_note(world, "peer %zu: and so is all that could have told it", peer->index);
        world->counts[SIM_UNSEEN]++;
        memcpy(peer->token, peer->backup_token, sizeof peer->token);
        peer->other_file = false;
        peer->forked = true;
        sim_watch_forget(peer);
        sim_order_forget(peer);
    }
}

static void freeze(sim_world *world, sim_peer *peer) {
    uint64_t length_ms = 1000 + sim_below(world, sim_below(world, 4) == 0 ? 40 * 60000 : 180000);
    peer->frozen_until_ms = world->now_ms + length_ms;
    sim_note(world, "peer %zu stands still for %u seconds", peer->index, (unsigned)(length_ms / 1000));
    for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
        peer->requests[i].due_ms += peer->requests[i].due_ms == 0 ? 0 : length_ms;
    }
}

static void on_room(sim_world *world, void *ctx, uint64_t number) {
    sim_peer *peer = ctx;
    (void)number;
    if (!world->healing) {
        sim_disk_configure(peer->disk, &world->plan.disk);
        sim_note(world, "peer %zu: its disk has room again", peer->index);
    }
}

static void fill_disk(sim_world *world, sim_peer *peer) {
    sim_disk_config config = world->plan.disk;
    config.quota_size = sim_disk_file(peer->disk, "vault.db").size +
                        sim_disk_file(peer->disk, "vault.db-wal").size + sim_below(world, 40000);
    peer->suffers = true;
    sim_disk_configure(peer->disk, &config);
    sim_at(world, world->now_ms + 1000 + sim_below(world, 300000), on_room, peer, 0);
    sim_note(world, "peer %zu: its disk is full", peer->index);
}

static void restart(sim_world *world, sim_peer *peer) {
    sim_peer_stop(peer);
    if (world->violation[0] == 0) {
        sim_peer_start(peer);
    }
}

/* What befalls one peer that is up. */
static void strike_peer(sim_world *world, sim_peer *peer) {
    if (sim_strikes(world, SIM_POWER)) {
        sim_note(world, "peer %zu loses power", peer->index);
        sim_peer_crash(peer);
        if (sim_chance(world, world->plan.chance[SIM_POWER_OPENING])) {
            sim_peer_crash_inside(peer, 1 + sim_below(world, OPEN_CALLS_MAX));
        }
        return;
    }
    if (sim_chance(world, world->plan.chance[SIM_POWER_INSIDE]) && !peer->dying) {
        sim_peer_crash_inside(peer, 1 + sim_below(world, STEP_CALLS_MAX));
    }
    if (sim_strikes(world, SIM_RESTART)) {
        sim_note(world, "peer %zu is restarted", peer->index);
        restart(world, peer);
        return;
    }
    if (sim_chance(world, world->plan.chance[SIM_SET_BACK])) {
        set_back(world, peer);
        return;
    }
    if (sim_strikes(world, SIM_FREEZE)) {
        freeze(world, peer);
    }
    if (sim_chance(world, world->plan.chance[SIM_MEMORY])) {
        peer->suffers = true;
        peer->memory.fail_in = 1 + sim_below(world, 400);
    }
    if (sim_strikes(world, SIM_FULL)) {
        fill_disk(world, peer);
    }
    if (sim_strikes(world, SIM_PORT_GONE)) {
        sim_note(world, "peer %zu: a program leaves", peer->index);
        sim_peer_port_gone(peer, 1 + sim_below(world, SIM_PORTS));
    }
}

void sim_misfortune(sim_world *world) {
    sim_peer *peer = &world->peers[sim_below(world, world->peer_count)];
    if (sim_strikes(world, SIM_SPLIT)) {
        split(world);
    }
    sim_udp_misfortune(world);
    if (sim_strikes(world, SIM_CLOCK)) {
        peer->wall_offset_ms =
            (int64_t)sim_below(world, UINT64_C(1000) * 86400 * 3650) - INT64_C(157680000000);
        sim_note(world, "peer %zu: its clock is set", peer->index);
    }
    if (peer->node == NULL || sim_peer_frozen(peer) || sim_is_hostile(peer)) {
        return;
    }
    if (sim_strikes(world, SIM_STRANGER)) {
        sim_net_stranger(peer);
    }
    strike_peer(world, peer);
}

void sim_heal(sim_world *world) {
    sim_note(world, "everything heals");
    world->healing = true;
    memset(world->side, 0, sizeof world->side);
    for (size_t i = 0; i < world->peer_count; i++) {
        sim_peer *peer = &world->peers[i];
        world->counts[SIM_DISK] += sim_disk_counters(peer->disk)->faults;
        world->counts[SIM_MEMORY] += peer->memory.failures;
        sim_disk_heal(peer->disk);
        peer->memory.fail_in = 0;
        if (sim_peer_frozen(peer)) {
            peer->frozen_until_ms = 0;
            sim_net_thaw(peer);
        }
        if (peer->dying) {
            sim_peer_crash(peer); /* its disk died after the last step's commit */
        }
        peer->dying = peer->suffers = false;
    }
}
