/* sync/replication.h: what peers of a space tell each other until both hold the same feeds.
 *
 * Layer: floor 1, sync (feed, halo, mesh, echo). docs/spec/sync.md. Pull only;
 * control feeds first; credits returned after the durable apply; resumable at any block; 64 bytes when
 * nothing changed. One dx_replication per node; one session per authenticated link. Durable before spoken:
 * everything sent in a step leaves with its commit, so a DATA, HEAD or CREDIT never speaks of what is not on
 * disk. */
#ifndef DX_SYNC_REPLICATION_H
#define DX_SYNC_REPLICATION_H

#include "echo/pipeline.h"
#include "mesh/swarm.h"

typedef struct dx_replication dx_replication;

DX_MUST_USE int dx_replication_create(dx_context *context, dx_swarm *swarm, dx_replication **out);
void dx_replication_destroy(dx_replication *replication);
/* Adds the space as a topic (number = its local number), with the addresses stored for it (table address),
 * and starts. */
DX_MUST_USE int dx_replication_add_space(dx_replication *replication, dx_space *space);
void dx_replication_remove_space(dx_replication *replication, dx_space *space);
/* What the word for an address is worth; stored, never renumbered. docs/spec/sync.md, Addresses. */
typedef enum dx_address_standing {
    DX_ADDRESS_HEARSAY = 0, /* a peer said it of others */
    DX_ADDRESS_OWN = 1,     /* a member said it of itself in its hello */
    DX_ADDRESS_REACHED = 2, /* dialled, and a member proved itself there */
    DX_ADDRESS_TYPED = 3    /* the person here said it */
} dx_address_standing;

/* Remembers an address where a peer of this space may be found (durably) and dials it; said by the person here
 * or by nobody who is known. DX_E_INVALID. */
DX_MUST_USE int dx_replication_add_address(dx_replication *replication, dx_space *space, dx_bytes address,
                                           dx_address_standing standing);
/* The rows of a space that is forgotten. */
DX_MUST_USE int dx_replication_forget_addresses(dx_replication *replication, const dx_space *space);
/* Own dialable addresses, told to peers in the session so that two vaults restarted at once find each other
 * again. */
DX_MUST_USE int dx_replication_set_listening(dx_replication *replication, const char *const *addresses,
                                             size_t count);

/* Called at the end of every step after the pipelines ran and heads were signed, before the commit: announces
 * and serves new heads, asks for more, returns credits, times out. Bounded work: *deadline_ms <= now when
 * there is more to do. */
DX_MUST_USE int dx_replication_settle(dx_replication *replication, uint64_t *deadline_ms);

/* Fetching an entity whole that this vault does not keep, or not all of: said when somebody begins to wait for it and when
 * he ends. DX_E_LIMIT: DX_SYNC_URGENT_MAX are. */
typedef enum dx_seek_state {
    DX_SEEK_UNDER_WAY,
    DX_SEEK_WHOLE, /* a member gave all there is */
    DX_SEEK_PART,  /* nobody who is here has all of it; what they have came */
    DX_SEEK_NOBODY /* no member is here */
} dx_seek_state;
DX_MUST_USE int dx_replication_seek(dx_replication *replication, dx_space *space, int64_t key);
dx_seek_state dx_replication_seek_state(dx_replication *replication, const dx_space *space, int64_t key);
void dx_replication_seek_end(dx_replication *replication, const dx_space *space, int64_t key);

/* Whether somebody who is here does not answer the question of this vault's scope: too much matches it, or is to be looked at
 * for it, there or here; or it names what is not known there. */
bool dx_replication_refuses_match(dx_replication *replication, const dx_space *space);

/* A message of a member, for programs that listen to its channel now (sync/post.c). Borrowed. */
typedef struct dx_post {
    const uint8_t *identity, *device; /* DX_KEY_SIZE */
    dx_bytes channel, message;
} dx_post;
typedef struct dx_post_handler {
    void *ctx;
    int (*on_post)(void *ctx, dx_space *space, const dx_post *post); /* an error ends the link */
} dx_post_handler;
void dx_replication_hear_posts(dx_replication *replication, dx_post_handler handler);
/* To every member connected now who may read; never kept, never said again. At most DX_SYNC_CHANNEL_SIZE_MAX and
 * DX_SYNC_POST_SIZE_MAX; what is too much for a link is passed over there. */
DX_MUST_USE int dx_replication_post(dx_replication *replication, dx_space *space, dx_bytes channel,
                                    dx_bytes message);

typedef struct dx_replication_status {
    size_t peers;        /* sessions in which the peer proved membership */
    bool synced;         /* at least one peer, and every such peer's control and data digests equal ours */
    uint64_t left_count; /* sessions of such peers that have ended since the node opened */
    bool
        whole; /* as synced, of the peer that left last: what it had is here, though perhaps not applied yet */
    uint64_t pending_blocks;                  /* known to exist at peers, not here yet */
    bool pending_sections;                    /* some are missing that a peer was not asked for yet */
    uint64_t received_blocks, received_bytes; /* since the node opened, for progress */
} dx_replication_status;

void dx_replication_status_of(dx_replication *replication, dx_space *space, dx_replication_status *out);
/* One row per session, index until false: device, identity, address, synced. */
bool dx_replication_peer(dx_replication *replication, dx_space *space, size_t index,
                         uint8_t device[static DX_KEY_SIZE], char *address, size_t address_size,
                         bool *synced);

#endif
