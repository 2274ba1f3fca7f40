/* sim/world.h: whole nodes in virtual time over a faulty network and faulty disks; one seed decides
 * everything.
 *
 * Layer: simulator; includes include/dxos, sim/disk.h and nothing of the core. A world has peers; a peer has
 * a disk (sim/disk.h), what a host would mirror outside of it, a node while it runs, and the requests that
 * wait for answers. Time is a number; events are kept in a heap by (time, number), so equal seeds give equal
 * runs to the byte: `trace` is a hash over every event given to and effect taken from a node. Violations end
 * the run: world->violation says what, in one line. */
#ifndef DX_SIM_WORLD_H
#define DX_SIM_WORLD_H

#include <dxos/codec.h>
#include <dxos/node.h>

#include "disk.h"

enum { SIM_PEERS_MAX = 8, SIM_REQUESTS_MAX = 32, SIM_OPS_MAX = 8192 };

typedef struct sim_world sim_world;
typedef struct sim_peer sim_peer;
typedef struct sim_link sim_link;

/* What one seed's world is made of. Chances per million. */
typedef struct sim_plan {
    uint64_t seed;
    size_t peers;
    uint64_t
        minutes; /* of virtual time in which operations happen; then everything heals and must converge */
    size_t operations;
    uint32_t crash_chance;     /* per operation: one peer loses power */
    uint32_t partition_chance; /* per operation: the net splits, or heals */
    uint32_t break_chance;     /* per delivery: the link breaks inside it */
    uint32_t corrupt_chance;   /* per delivery: a byte is another */
    uint32_t restore_chance;   /* per operation: a peer's disk becomes an older copy of itself */
    uint32_t hostile_chance;   /* per operation: a stranger dials and sends garbage, or what it recorded */
    uint32_t memory_chance;    /* per operation: an allocation will fail */
    uint64_t delay_max_ms;     /* of a delivery */
    uint64_t clock_lie_ms;     /* wall clocks are off by up to this */
    sim_disk_config disk;
} sim_plan;

/* Answers of one request; on_answer is called for each notification and the reply. */
typedef void (*sim_on_answer)(sim_world *world, sim_peer *peer, void *ctx, bool last, dx_bytes body);

typedef struct sim_request {
    bool used;
    uint8_t id[DX_REQUEST_SIZE];
    sim_on_answer on_answer;
    void *ctx;
} sim_request;

/* An allocator that counts, with a bound that no node may pass, and a planned failure. */
typedef struct sim_memory {
    size_t live, peak;
    uint64_t fail_in; /* 0: none planned */
} sim_memory;

struct sim_peer {
    size_t index;
    sim_world *world;
    sim_disk *disk, *backup;
    dx_node *node; /* NULL: switched off */
    sim_memory memory;
    uint64_t random_state;
    int64_t wall_offset_ms;
    bool has_token, restored;
    uint8_t token[DX_VAULT_TOKEN_SIZE];
    char address[16];
    uint64_t deadline_ms, deadline_number; /* of the timer event that counts */
    uint64_t next_incoming;
    uint64_t starts, crashes;
    sim_request requests[SIM_REQUESTS_MAX];
};

/* One operation that was acknowledged, for the durability checker. */
typedef struct sim_op {
    size_t peer;
    bool acknowledged, maybe_lost; /* maybe_lost: its peer's disk was set back afterwards */
    bool is_add;
    char object[64];
} sim_op;

typedef struct sim_event sim_event;

struct sim_world {
    sim_plan plan;
    uint64_t random_state;
    uint64_t now_ms, event_number;
    sim_event *heap;
    size_t heap_count, heap_capacity;
    sim_peer peers[SIM_PEERS_MAX];
    sim_link *links;
    uint8_t side[SIM_PEERS_MAX]; /* of the partition; peers of different sides do not reach each other */
    bool healing;                /* no more faults */
    sim_op ops[SIM_OPS_MAX];
    size_t op_count;
    char space[65];
    uint64_t trace;
    uint64_t steps, deliveries;
    bool verbose;
    char violation[512];
};

/* --- world.c --- */
uint64_t sim_random(uint64_t *state);
uint64_t sim_below(sim_world *world, uint64_t bound);
bool sim_chance(sim_world *world, uint32_t per_million);
void sim_violate(sim_world *world, const char *format, ...) DX_PRINTF(2, 3);
void sim_note(sim_world *world, const char *format, ...) DX_PRINTF(2, 3); /* when verbose */
void sim_world_init(sim_world *world, const sim_plan *plan);
void sim_world_deinit(sim_world *world);
/* Runs events until the given time or a violation. */
void sim_run_until(sim_world *world, uint64_t time_ms);
/* Runs until done(ctx), at most until the given time; false when it never was. */
bool sim_run_while(sim_world *world, uint64_t time_ms, bool (*done)(void *ctx), void *ctx);
/* Calls act(world, ctx, number) at a time. */
void sim_at(sim_world *world, uint64_t time_ms, void (*act)(sim_world *world, void *ctx, uint64_t number),
            void *ctx, uint64_t number);
void sim_peer_start(sim_peer *peer);
void sim_peer_stop(sim_peer *peer);  /* closes it in good order */
void sim_peer_crash(sim_peer *peer); /* power loss */
/* Gives one event to the node and carries out the effects. */
void sim_peer_event(sim_peer *peer, const dx_event *event);
/* Sends a command; false when the peer is off or has too many requests open. */
bool sim_ask(sim_peer *peer, dx_bytes command, sim_on_answer on_answer, void *ctx);

/* The same from JSON text. */
bool sim_ask_json(sim_peer *peer, const char *json, sim_on_answer on_answer, void *ctx);
void sim_ignore_answer(sim_world *world, sim_peer *peer, void *ctx, bool last, dx_bytes body);

/* --- net.c --- */
void sim_net_effect(sim_peer *peer, const dx_effect *effect); /* LINK_OPEN, LINK_SEND, LINK_CLOSE */
void sim_net_peer_gone(sim_peer *peer);
void sim_net_deinit(sim_world *world);
/* A stranger without any secret dials a peer and sends bytes. */
void sim_net_stranger(sim_peer *peer);

/* --- workload.c --- */
/* Makes identities and a space, and joins all peers to it by invitations; false on a violation. */
bool sim_setup(sim_world *world);
/* Makes worlds begin from the vaults of an earlier one, instead of from nothing. */
void sim_setup_from(sim_world *world, sim_world *template);
void sim_operate(sim_world *world);

/* --- check.c --- */
/* After healing: everyone in step, equal digests, nothing acknowledged missing, memory within bounds. */
void sim_check_end(sim_world *world);

#endif
