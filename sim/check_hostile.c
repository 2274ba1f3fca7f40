/* sim/check_hostile.c: what honest vaults must have made of a member who lied.
 *
 * Layer: simulator; looks inside the nodes. First while the liar is still among them: the honest come to one
 * state in bounded time, whatever it holds back. Then, when it is gone: every false block that reached a vault
 * is listed as refused there or waits for ever, and says why; nobody and nothing was admitted that had no
 * right; what was written without a right is nowhere seen; feeds that were forked are cut, everywhere at the
 * same place, and only the liar's. */
#include "hostile.h"

#include <stdlib.h>
#include <string.h>

#include "echo/refused.h"
#include "node/state.h"

enum { WAITING_SIZE = 256 };

static dx_space *space_of(const sim_peer *peer) {
    return peer->node->space_count > 0 ? peer->node->spaces[0] : NULL;
}

/* --- False blocks ------------------------------------------------------------------------------------------ */

typedef struct refusal_search {
    int64_t feed, seq;
    bool found;
} refusal_search;

static int compare_refusal(void *ctx, const dx_refusal *refusal) {
    refusal_search *search = ctx;
    search->found = search->found || (refusal->feed == search->feed && refusal->seq == search->seq);
    return DX_OK;
}

/* Whether this vault holds that very block, on the branch that counts. */
static bool holds(dx_node *node, const dx_feed *feed, const sim_false_block *block) {
    dx_bytes bytes;
    dx_block decoded;
    uint8_t leaf[DX_HASH_SIZE];
    if (feed == NULL || feed->length <= block->seq || feed->cut <= block->seq ||
        dx_feed_read(feed, node->store, block->seq, &bytes) != DX_OK ||
        dx_block_decode(bytes, &decoded) != DX_OK) {
        return false;
    }
    dx_block_leaf(&decoded, feed->id, block->seq, leaf);
    return memcmp(leaf, block->leaf, sizeof leaf) == 0;
}

static void check_block(sim_peer *peer, dx_space *space, const sim_false_block *block) {
    dx_node *node = peer->node;
    const dx_feed *feed = dx_space_feed_by_id(space, block->feed);
    if (!holds(node, feed, block)) {
        return;
    }
    if (feed->applied <= block->seq) {
        return; /* it waits, or something before it does */
    }
    /* It may name another content of a feed that an honest peer wrote twice meanwhile: below the limit that
     * is taken for a branch that was passed over, for which nothing waits (docs/spec/forks.md). */
    if (block->judgement == SIM_JUDGED_WAITING && peer->world->counts[SIM_UNSEEN] > 0) {
        return;
    }
    refusal_search search = {.feed = feed->local, .seq = (int64_t)block->seq};
    int error = dx_refused_each(&node->context, space, compare_refusal, &search);
    if (block->judgement == SIM_JUDGED_WAITING) {
        sim_violate(peer->world, "peer %zu applied block %d of feed %d, which nothing can justify: %s",
                    peer->index, (int)block->seq, (int)feed->local, sim_count_words[block->lie]);
    } else if (error != DX_OK || !search.found) {
        sim_violate(peer->world, "peer %zu did not list block %d of feed %d as refused: %s", peer->index,
                    (int)block->seq, (int)feed->local, sim_count_words[block->lie]);
    }
    peer->world->counts[SIM_LISTED]++;
}

static void check_waiting(sim_peer *peer, dx_space *space) {
    char words[WAITING_SIZE];
    bool waits = false;
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        waits = waits || feed->applied < (feed->length < feed->cut ? feed->length : feed->cut);
    }
    if (waits && !dx_pipeline_waiting(&peer->node->context, space, words, sizeof words)) {
        sim_violate(peer->world, "peer %zu does not say what it waits for", peer->index);
    }
}

/* --- Rights ------------------------------------------------------------------------------------------------ */

static void check_rights(sim_peer *peer, dx_space *space, const uint8_t *liar) {
    const sim_world *world = peer->world;
    const dx_control *control = space->control;
    uint8_t commitment[DX_HASH_SIZE];
    dx_role given = world->hostile->reader                   ? DX_ROLE_READER
                    : world->plan.hostile == SIM_LYING_ADMIN ? DX_ROLE_ADMIN
                                                             : DX_ROLE_EDITOR;
    if (dx_control_member_count(control) != world->peer_count) {
        sim_violate(peer->world, "peer %zu knows %zu members, of whom %zu were admitted", peer->index,
                    dx_control_member_count(control), world->peer_count);
    }
    if (dx_control_role(control, liar) != given) {
        sim_violate(peer->world, "peer %zu takes the liar for %s", peer->index,
                    dx_role_name(dx_control_role(control, liar)));
    }
    if (dx_control_key_epoch(control, commitment) != 0 || space->key_epoch != 0) {
        sim_violate(peer->world, "peer %zu took a key from somebody who may give none", peer->index);
    }
    for (size_t i = 0; i < dx_control_feed_count(control); i++) {
        const dx_admitted_feed *feed = dx_control_feed(control, i);
        uint8_t identity[DX_KEY_SIZE];
        if (!dx_control_device(control, feed->identity.device, identity, NULL) ||
            memcmp(identity, feed->owner, sizeof identity) != 0) {
            sim_violate(peer->world, "peer %zu admitted a feed of nobody's device", peer->index);
        }
    }
}

/* --- Forks ------------------------------------------------------------------------------------------------- */

/* The cut of each feed of the liar's is the same here and there; of an honest feed there is none. */
static void compare_cuts(sim_peer *peer, dx_space *space, sim_peer *other, const uint8_t *device) {
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        const dx_feed *theirs = dx_space_feed_by_id(space_of(other), feed->id);
        bool of_liar = memcmp(feed->identity.device, device, DX_KEY_SIZE) == 0;
        if (feed->frozen && !of_liar && peer->world->counts[SIM_SET_BACK] == 0) {
            sim_violate(peer->world, "peer %zu holds a feed of an honest peer to be forked", peer->index);
        }
        if (theirs != NULL && (theirs->frozen != feed->frozen || theirs->cut != feed->cut)) {
            sim_violate(peer->world, "peer %zu cuts a feed at %lld, peer %zu at %lld", peer->index,
                        (long long)feed->cut, other->index, (long long)theirs->cut);
        }
        peer->world->counts[SIM_FORKS] += feed->frozen && peer == other;
    }
}

/* --- What is seen ------------------------------------------------------------------------------------------ */

static void check_seen(sim_peer *peer) {
    static const char forged[] = "forged";
    char json[160];
    sim_reply reply;
    sim_reply_init(&reply);
    sqlite3_snprintf(sizeof json, json, "{\"do\": \"export\", \"space\": \"%s\"}", peer->world->space[0]);
    if (sim_ask_wait(peer, json, &reply)) {
        dx_bytes rows = dx_buf_view(&reply.rows);
        for (size_t i = 0; i + sizeof forged - 1 <= rows.size; i++) {
            if (memcmp(rows.data + i, forged, sizeof forged - 1) == 0) {
                sim_violate(peer->world, "peer %zu shows what nobody had the right to write", peer->index);
                break;
            }
        }
    }
    sim_reply_deinit(&reply);
}

/* --- All of it --------------------------------------------------------------------------------------------- */

static void check_inside(sim_peer *peer, const uint8_t *liar, const uint8_t *device) {
    sim_world *world = peer->world;
    dx_node *node = peer->node;
    if (dx_store_begin(node->store) != DX_OK) {
        sim_violate(world, "peer %zu: its store cannot be read", peer->index);
        return;
    }
    dx_space *space = space_of(peer);
    for (size_t i = 0; i < world->hostile->block_count; i++) {
        check_block(peer, space, &world->hostile->blocks[i]);
    }
    check_waiting(peer, space);
    check_rights(peer, space, liar);
    compare_cuts(peer, space, &world->peers[0], device);
    dx_store_rollback(node->store);
}

void sim_check_hostile(sim_world *world) {
    const sim_hostile *hostile = world->hostile;
    for (size_t i = 0; hostile != NULL && i < world->peer_count && world->violation[0] == 0; i++) {
        sim_peer *peer = &world->peers[i];
        if (peer == hostile->peer) {
            continue;
        }
        check_seen(peer);
        if (world->violation[0] == 0) {
            check_inside(peer, hostile->identity, hostile->device);
        }
    }
}

/* --- For people who look into a failure ---------------------------------------------------------------------- */

static void tell_sessions(const sim_peer *peer) {
    const dx_replica *replica = peer->node->replication->replicas;
    for (const dx_session *session = replica == NULL ? NULL : replica->sessions; session != NULL;
         session = session->next) {
        char device[2 * 4 + 1];
        dx_hex_encode(dx_bytes_of(session->device, 4), device);
        sim_note(peer->world, "peer %zu: link %d to %s…: control %s, data %s, searching %d", peer->index,
                 (int)session->link, device,
                 memcmp(session->theirs.control, replica->digests.control, DX_HASH_SIZE) == 0 ? "equal"
                                                                                              : "other",
                 memcmp(session->theirs.data, replica->digests.data, DX_HASH_SIZE) == 0 ? "equal" : "other",
                 (int)session->searching);
        for (size_t i = 0; i < session->feed_count; i++) {
            const dx_session_feed *row = &session->feeds[i];
            const dx_feed *feed = dx_space_feed(replica->space, row->local);
            if (feed != NULL && row->theirs > feed->length) {
                sim_note(peer->world, "  feed %d: they have %llu, were told %llu, wanted %d", (int)row->local,
                         (unsigned long long)row->theirs, (unsigned long long)row->told, row->wanted);
            }
        }
    }
}

void sim_tell_feeds(sim_world *world) {
    for (size_t i = 0; i < world->peer_count && world->traced; i++) {
        const sim_peer *peer = &world->peers[i];
        const dx_space *space = peer->node == NULL ? NULL : space_of(peer);
        if (space != NULL) {
            tell_sessions(peer);
        }
        for (size_t k = 0; space != NULL && k < space->feed_count; k++) {
            const dx_feed *feed = &space->feeds[k];
            char id[2 * 4 + 1];
            dx_hex_encode(dx_bytes_of(feed->id, 4), id);
            sim_note(world,
                     "peer %zu: feed %lld (%s…, %s%s%s): %llu blocks, head %llu, target %llu, applied %llu, "
                     "cut %lld",
                     i, (long long)feed->local, id, feed->own ? "own " : "",
                     feed->identity.feed_class == DX_FEED_CONTROL ? "control" : "data",
                     dx_control_find_feed(space->control, feed->id) == NULL ? ", not admitted" : "",
                     (unsigned long long)feed->length, (unsigned long long)feed->head.length,
                     (unsigned long long)feed->target.length, (unsigned long long)feed->applied,
                     (long long)feed->cut);
        }
    }
}
