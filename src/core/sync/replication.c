/* sync/replication.c: spaces in replication: topics, digests, the order of things within a step. See
 * replication.h. */
#include <string.h>

#include <dxos/base.h>

#include "base/limits.h"
#include "sync/session.h"

/* --- Life ------------------------------------------------------------------------------------------- */

int dx_replication_create(dx_context *context, dx_swarm *swarm, dx_replication **out) {
    dx_replication *replication = dx_alloc_take_zeroed(context->alloc, sizeof *replication);
    if (replication == NULL) {
        return DX_E_NO_MEMORY;
    }
    replication->context = context;
    replication->swarm = swarm;
    dx_buf_init(&replication->message, context->alloc, DX_SYNC_MESSAGE_MAX);
    *out = replication;
    return DX_OK;
}

static void free_replica(dx_replica *replica) {
    const dx_alloc *alloc = replica->replication->context->alloc;
    while (replica->sessions != NULL) {
        dx_session_close(replica->sessions);
    }
    dx_cut_deinit(&replica->load.cut);
    dx_alloc_free(alloc, replica->seeks,
                  replica->seeks == NULL ? 0 : DX_SYNC_URGENT_MAX * sizeof *replica->seeks);
    dx_alloc_free(alloc, replica->order, replica->order_capacity * sizeof replica->order[0]);
    dx_alloc_free(alloc, replica, sizeof *replica);
}

void dx_replication_destroy(dx_replication *replication) {
    if (replication == NULL) {
        return;
    }
    while (replication->replicas != NULL) {
        dx_replica *replica = replication->replicas;
        replication->replicas = replica->next;
        free_replica(replica);
    }
    dx_buf_deinit(&replication->message);
    dx_alloc_free(replication->context->alloc, replication, sizeof *replication);
}

dx_replica *dx_replica_find(dx_replication *replication, const dx_space *space) {
    dx_replica *replica = replication->replicas;
    while (replica != NULL && replica->space != space) {
        replica = replica->next;
    }
    return replica;
}

/* --- The swarm's events ------------------------------------------------------------------------------- */

static int on_open(void *ctx, const dx_swarm_link *link) {
    return dx_session_open(ctx, link);
}

static int on_message(void *ctx, const dx_swarm_link *link, dx_bytes message) {
    dx_session *session = dx_session_find(ctx, link->link);
    return session == NULL ? DX_E_STATE : dx_session_receive(session, link, message);
}

static int on_writable(void *ctx, const dx_swarm_link *link) {
    (void)ctx;
    (void)link; /* serving goes on at the end of every step */
    return DX_OK;
}

static void on_close(void *ctx, const dx_swarm_link *link, int reason) {
    dx_session *session = dx_session_find(ctx, link->link);
    if (session != NULL) {
        dx_session_trace(session, "closed: %s", dx_error_name(reason));
        dx_session_close(session);
    }
}

/* --- Spaces ------------------------------------------------------------------------------ */

int dx_replication_add_space(dx_replication *replication, dx_space *space) {
    dx_replica *replica = dx_alloc_take_zeroed(replication->context->alloc, sizeof *replica);
    if (replica == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_cut_init(&replica->load.cut, replication->context->alloc);
    const dx_identity *identity = replication->context->identity;
    dx_topic topic = {.number = (uint64_t)space->local,
                      .payload = dx_buf_view(&identity->device_credential),
                      .handler = {.ctx = replica,
                                  .on_open = on_open,
                                  .on_message = on_message,
                                  .on_writable = on_writable,
                                  .on_close = on_close}};
    memcpy(topic.secret, space->discovery, sizeof topic.secret);
    memcpy(topic.static_secret, identity->noise_secret, sizeof topic.static_secret);
    replica->replication = replication;
    replica->space = space;
    replica->next = replication->replicas;
    replication->replicas = replica;
    int error = dx_swarm_add_topic(replication->swarm, &topic);
    dx_wipe(&topic, sizeof topic);
    return error == DX_OK ? dx_replica_dial_known(replica) : error;
}

void dx_replication_remove_space(dx_replication *replication, dx_space *space) {
    for (dx_replica **at = &replication->replicas; *at != NULL; at = &(*at)->next) {
        dx_replica *replica = *at;
        if (replica->space == space) {
            dx_swarm_remove_topic(replication->swarm, (uint64_t)space->local);
            *at = replica->next;
            free_replica(replica);
            return;
        }
    }
}

/* --- Digests ---------------------------------------------------------------------------------------- */

uint64_t dx_replica_length(const dx_replica *replica, const dx_feed *feed) {
    if (dx_control_find_feed(replica->space->control, feed->id) == NULL) {
        return 0;
    }
    if (feed->frozen) { /* of a branch, only a part may be here, under a head that covers more */
        uint64_t limit = dx_feed_limit(feed);
        return feed->length < limit ? feed->length : limit;
    }
    return feed->head.length;
}

/* Local numbers in the order of feed ids; feeds are only ever added. */
static int sort_feeds(dx_replica *replica) {
    const dx_alloc *alloc = replica->replication->context->alloc;
    dx_space *space = replica->space;
    if (space->feed_count > replica->order_capacity) {
        size_t capacity = space->feed_count + 16;
        int64_t *order = dx_alloc_grow(alloc, replica->order, replica->order_capacity * sizeof *order,
                                       capacity * sizeof *order);
        if (order == NULL) {
            return DX_E_NO_MEMORY;
        }
        replica->order = order;
        replica->order_capacity = capacity;
    }
    replica->order_count = 0;
    for (size_t i = 0; i < space->feed_count; i++) {
        size_t at = replica->order_count++;
        for (; at > 0; at--) {
            const dx_feed *before = dx_space_feed(space, replica->order[at - 1]);
            if (memcmp(before->id, space->feeds[i].id, DX_HASH_SIZE) <= 0) {
                break;
            }
            replica->order[at] = replica->order[at - 1];
        }
        replica->order[at] = space->feeds[i].local;
    }
    return DX_OK;
}

/* Lengths and roots up to the limit: replicas that hold different branches of a forked feed agree as far as
 * one of them stands. */
static int digest_class(dx_replica *replica, dx_feed_class feed_class, uint8_t out[static DX_HASH_SIZE]) {
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_SYNC_DIGEST, (dx_bytes){0});
    for (size_t i = 0; i < replica->order_count; i++) {
        const dx_feed *feed = dx_space_feed(replica->space, replica->order[i]);
        uint64_t length = feed->identity.feed_class == feed_class ? dx_replica_length(replica, feed) : 0;
        uint8_t root[DX_HASH_SIZE];
        if (length == 0) {
            continue;
        }
        memcpy(root, feed->head.root, sizeof root);
        int error = length == feed->head.length && !feed->frozen
                        ? DX_OK
                        : dx_feed_root(feed, replica->replication->context->store, length, root);
        if (error != DX_OK) {
            return error;
        }
        dx_hash_add(&hash, feed->id, sizeof feed->id);
        dx_hash_add_u64(&hash, length);
        dx_hash_add(&hash, root, sizeof root);
    }
    dx_hash_end(&hash, out);
    return DX_OK;
}

int dx_replica_refresh(dx_replica *replica) {
    const dx_space *space = replica->space;
    uint64_t version = dx_control_feed_count(space->control);
    for (size_t i = 0; i < space->feed_count; i++) { /* FNV-1a over what the digests are taken over */
        version = (version ^ space->feeds[i].head.length) * UINT64_C(0x100000001b3);
        version = (version ^ dx_feed_limit(&space->feeds[i])) * UINT64_C(0x100000001b3);
        if (space->feeds[i].frozen) {
            version = (version ^ space->feeds[i].length) * UINT64_C(0x100000001b3);
            version = (version ^ (uint64_t)space->feeds[i].rows) * UINT64_C(0x100000001b3);
        }
    }
    if (replica->digested && version == replica->version && replica->order_count == space->feed_count) {
        return DX_OK;
    }
    int error = replica->order_count == space->feed_count ? DX_OK : sort_feeds(replica);
    if (error == DX_OK) {
        error = digest_class(replica, DX_FEED_CONTROL, replica->digests.control);
    }
    if (error == DX_OK) {
        error = digest_class(replica, DX_FEED_DATA, replica->digests.data);
    }
    replica->version = version;
    replica->digested = error == DX_OK;
    return error;
}

/* --- The end of a step ------------------------------------------------------------------------------- */

/* A member's link does not give way to strangers; so many links of one member's, and no more. */
static void vouch(dx_session *session, bool member) {
    size_t count = 0;
    for (const dx_session *other = session->replica->sessions; member && other != NULL; other = other->next) {
        count += other->vouched && memcmp(other->identity, session->identity, DX_KEY_SIZE) == 0;
    }
    session->vouched = member && count < DX_MEMBER_LINKS_MAX;
    dx_swarm_vouch(session->replica->replication->swarm, session->link, session->vouched);
}

/* A removed or not yet known member gets nothing; the moment the control state knows him he does. */
static int judge(dx_session *session) {
    if (session->state == DX_SESSION_HELLO) {
        return DX_OK;
    }
    session->judged = true;
    bool member = dx_control_role(session->replica->space->control, session->identity) >= DX_ROLE_PULL;
    dx_session_state state = member ? DX_SESSION_MEMBER : DX_SESSION_UNPROVEN;
    if (state == session->state) {
        return DX_OK;
    }
    session->state = state;
    vouch(session, member);
    dx_session_trace(session, "%s", member ? "a member" : "no member any more");
    return member ? dx_session_meet_addresses(session) : DX_OK;
}

/* Keeps silent links honest. *alive false: the session was closed. */
static int watch_silence(dx_session *session, uint64_t *deadline_ms, bool *alive) {
    dx_replication *replication = session->replica->replication;
    uint64_t now_ms = replication->context->now_ms, silent_ms = now_ms - session->heard_ms;
    bool rude = session->state == DX_SESSION_HELLO && now_ms - session->opened_ms >= DX_SYNC_HELLO_MS;
    bool dead = silent_ms >= DX_SYNC_DEAD_MS;
    *alive = !rude && !dead;
    if (!*alive) {
        dx_swarm_close(replication->swarm, session->link, DX_E_TIMEOUT);
        return DX_OK;
    }
    uint64_t next_ms = session->heard_ms + (session->pinged ? DX_SYNC_DEAD_MS : DX_SYNC_PING_MS);
    if (session->state == DX_SESSION_HELLO) {
        next_ms = session->opened_ms + DX_SYNC_HELLO_MS;
    } else if (!session->pinged && silent_ms >= DX_SYNC_PING_MS) {
        session->pinged = true;
        next_ms = session->heard_ms + DX_SYNC_DEAD_MS;
        dx_sync_ping_write(false, &replication->message);
        int error = dx_session_send(session);
        if (error != DX_OK) {
            return error;
        }
    }
    *deadline_ms = next_ms < *deadline_ms ? next_ms : *deadline_ms;
    return DX_OK;
}

static int settle_session(dx_session *session, uint64_t *deadline_ms, bool *more) {
    bool alive = true;
    int error = judge(session);
    if (error == DX_OK) {
        error = watch_silence(session, deadline_ms, &alive);
    }
    if (error != DX_OK || !alive) {
        return error;
    }
    error = dx_session_answer_waiting(session, deadline_ms);
    error = error == DX_OK ? dx_session_answer_match(session, deadline_ms) : error;
    if (error != DX_OK) {
        return error;
    }
    /* Blocks go before the digests they lead to: a peer that has taken them finds these digests its own, and
     * does not ask for what is on its way. */
    error = dx_session_serve(session, more);
    if (error == DX_OK) {
        error = dx_session_announce(session);
    }
    if (error == DX_OK) {
        error = dx_session_fetch(session, deadline_ms);
    }
    return error == DX_OK ? dx_session_return_credit(session, more) : error;
}

/* What is wrong with one peer's session, or with the stored feed it wants, ends that session alone. */
static int settle_replica(dx_replica *replica, uint64_t *deadline_ms, bool *more) {
    int error = dx_replica_refresh(replica);
    error = error != DX_OK ? error : dx_replica_choose_load(replica);
    for (dx_session *session = replica->sessions, *next; error == DX_OK && session != NULL; session = next) {
        next = session->next; /* settling may close this session, never another */
        error = settle_session(session, deadline_ms, more);
        if (error != DX_OK && dx_error_class_of(error) != DX_CLASS_HOST) {
            dx_swarm_close(replica->replication->swarm, session->link, error);
            error = DX_OK;
        }
    }
    replica->settled_change = replica->space->change;
    return error;
}

int dx_replication_settle(dx_replication *replication, uint64_t *deadline_ms) {
    bool more = false;
    int error = DX_OK;
    *deadline_ms = DX_NO_DEADLINE;
    for (dx_replica *replica = replication->replicas; error == DX_OK && replica != NULL;
         replica = replica->next) {
        error = settle_replica(replica, deadline_ms, &more);
    }
    if (more) {
        *deadline_ms = replication->context->now_ms;
    }
    return error;
}

/* --- Status ------------------------------------------------------------------------------------------ */

static uint64_t count_pending(const dx_replica *replica) {
    uint64_t pending = 0;
    for (size_t i = 0; i < replica->space->feed_count; i++) {
        const dx_feed *feed = &replica->space->feeds[i];
        uint64_t theirs = feed->length;
        for (dx_session *session = replica->sessions; session != NULL; session = session->next) {
            const dx_session_feed *row = dx_session_find_feed(session, feed->local);
            theirs = row != NULL && row->theirs > theirs ? row->theirs : theirs;
        }
        if (feed->frozen && theirs > feed->cut) { /* what lies beyond comes only when it is named */
            theirs = feed->length > feed->cut ? feed->length : feed->cut;
        }
        pending += theirs - feed->length;
    }
    return pending;
}

void dx_replication_status_of(dx_replication *replication, dx_space *space, dx_replication_status *out) {
    *out = (dx_replication_status){0};
    dx_replica *replica = dx_replica_find(replication, space);
    if (replica == NULL) {
        return;
    }
    bool equal = dx_replica_refresh(replica) == DX_OK;
    dx_session *session = replica->sessions;
    for (; session != NULL; session = session->next) {
        if (session->state == DX_SESSION_MEMBER) {
            out->peers++;
            equal = equal && memcmp(&session->theirs, &replica->digests, sizeof session->theirs) == 0;
        }
    }
    out->synced = out->peers > 0 && equal;
    out->left_count = replica->left_count;
    out->whole =
        replica->left_count > 0 && memcmp(&replica->left, &replica->digests, sizeof replica->left) == 0;
    for (session = replica->sessions; session != NULL; session = session->next) {
        out->pending_sections =
            out->pending_sections || dx_session_asks_holes(session) || dx_session_asks_match(session);
    }
    out->pending_blocks = count_pending(replica);
    out->received_blocks = replica->received_blocks;
    out->received_bytes = replica->received_bytes;
}

bool dx_replication_peer(dx_replication *replication, dx_space *space, size_t index,
                         uint8_t device[static DX_KEY_SIZE], char *address, size_t address_size,
                         bool *synced) {
    dx_replica *replica = dx_replica_find(replication, space);
    dx_session *session = replica == NULL ? NULL : replica->sessions;
    while (session != NULL && (session->state != DX_SESSION_MEMBER || index-- > 0)) {
        session = session->next;
    }
    if (session == NULL) {
        return false;
    }
    memcpy(device, session->device, DX_KEY_SIZE);
    sqlite3_snprintf((int)address_size, address, "%s", session->address);
    *synced = memcmp(&session->theirs, &replica->digests, sizeof session->theirs) == 0;
    return true;
}
