/* sync/fetch.c: what we want of a peer: control feeds first, each feed from one peer at a time. See
 * session.h. */
#include <string.h>

#include "base/limits.h"
#include "sync/session.h"

/* --- Heads they announce ------------------------------------------------------------------------- */

static bool is_admitted(const dx_replica *replica, const dx_feed *feed) {
    return dx_control_find_feed(replica->space->control, feed->id) != NULL;
}

static size_t count_unadmitted(const dx_replica *replica) {
    size_t count = 0;
    for (size_t i = 0; i < replica->space->feed_count; i++) {
        const dx_feed *feed = &replica->space->feeds[i];
        count += feed->identity.feed_class == DX_FEED_CONTROL && !is_admitted(replica, feed);
    }
    return count;
}

/* Whether one more control feed, whose device proved it, may wait for its admission to count: few of each device
 * of a member, so many of all others together, who may have been invented. */
static bool may_wait(const dx_session *session, const dx_sync_entry *entry) {
    const dx_replica *replica = session->replica;
    uint8_t identity[DX_KEY_SIZE];
    if (!dx_control_device(replica->space->control, entry->device, identity, NULL)) {
        return replica->unadmitted < (session->state == DX_SESSION_MEMBER ? DX_SYNC_UNADMITTED_FEEDS_MAX
                                                                          : DX_SYNC_STRANGER_FEEDS_MAX);
    }
    size_t count = 0;
    for (size_t i = 0; i < replica->space->feed_count; i++) {
        const dx_feed *feed = &replica->space->feeds[i];
        count += feed->identity.feed_class == DX_FEED_CONTROL && !is_admitted(replica, feed) &&
                 memcmp(feed->identity.device, entry->device, DX_KEY_SIZE) == 0;
    }
    return count < DX_SYNC_DEVICE_FEEDS_MAX;
}

static dx_feed_identity identity_of(const dx_space *space, const dx_sync_entry *entry) {
    dx_feed_identity identity = {.feed_class = entry->feed_class};
    memcpy(identity.space_id, space->id, sizeof identity.space_id);
    memcpy(identity.device, entry->device, sizeof identity.device);
    memcpy(identity.key, entry->key, sizeof identity.key);
    return identity;
}

/* A feed of the space for an announced one; *out stays NULL for one that is not taken now. */
static int make_feed(dx_session *session, const dx_sync_entry *entry, dx_feed **out) {
    dx_replica *replica = session->replica;
    dx_feed_identity identity = identity_of(replica->space, entry);
    int error = dx_space_add_feed(replica->replication->context, replica->space, &identity, out);
    bool later = error == DX_E_UNAUTHORIZED || error == DX_E_LIMIT || error == DX_E_EXISTS;
    *out = error == DX_OK ? *out : NULL;
    return later ? DX_OK : error;
}

/* The feed an announced head is of, made known when it was admitted; a control feed that was not is noted as
 * hearsay, and *out stays NULL. */
static int find_feed(dx_session *session, const dx_sync_entry *entry, dx_feed **out) {
    dx_space *space = session->replica->space;
    dx_feed_identity identity = identity_of(space, entry);
    uint8_t id[DX_HASH_SIZE];
    dx_feed_id(&identity, id);
    *out = dx_space_feed_by_id(space, id);
    if (*out != NULL) {
        return DX_OK;
    }
    if (entry->feed_class == DX_FEED_CONTROL && dx_control_find_feed(space->control, id) == NULL) {
        return dx_session_note_hearsay(session, entry, id);
    }
    return make_feed(session, entry, out);
}

/* What an announced head tells beyond its length: a fork (proven and stored by the feed, the peer is not at
 * fault), or that a feed which only we may write goes on elsewhere: this vault was restored from an older
 * copy or cloned, and never writes there again. */
static int hear(dx_session *session, dx_feed *feed, const dx_head *head) {
    dx_replica *replica = session->replica;
    uint64_t cut = feed->cut;
    int error = dx_feed_hear(feed, replica->replication->context->store, head);
    if (error == DX_E_CONFLICT) {
        dx_session_trace(session, "own feed %lld goes on elsewhere: own feeds renewed",
                         (long long)feed->local);
        return dx_space_renew_feeds(replica->replication->context, replica->space);
    }
    if (error != DX_E_FORK) {
        return error == DX_OK ? dx_session_note_fork(session, feed, cut) : error;
    }
    int64_t local = feed->local;
    error = dx_session_note_fork(session, feed, cut);
    return error != DX_OK ? error
                          : dx_session_search_exact(session, dx_space_feed(replica->space, local), head);
}

static int take_entry(dx_session *session, const dx_sync_entry *entry) {
    dx_feed *feed = NULL;
    int error = find_feed(session, entry, &feed);
    if (error != DX_OK || feed == NULL) {
        return error;
    }
    int64_t local = feed->local;
    uint64_t length = feed->length;
    error = hear(session, feed, &entry->head); /* the feed may have moved in memory */
    dx_session_feed *row = dx_session_feed_of(session, local);
    if (row == NULL) {
        return DX_E_NO_MEMORY;
    }
    if (entry->head.length > row->theirs) {
        if (row->theirs <= length) {
            row->behind_ms = session->replica->replication->context->now_ms;
        }
        row->theirs = entry->head.length;
        row->apart = false; /* perhaps another branch is in force there now */
    }
    if (entry->head.length > row->told) {
        row->told = entry->head.length;
    }
    return error;
}

int dx_session_take_state(dx_session *session, dx_bytes message) {
    size_t count;
    dx_reader entries;
    int error = dx_sync_state_read(message, &session->theirs, &count, &entries);
    session->replica->unadmitted = count_unadmitted(session->replica);
    error = error == DX_OK ? dx_session_spend(session, (int64_t)count) : error;
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        dx_sync_entry entry;
        error = dx_sync_entry_read(&entries, &entry);
        if (error == DX_OK) {
            error = take_entry(session, &entry);
        }
    }
    return error == DX_OK ? dx_reader_finish(&entries) : error;
}

/* What was hearsay and is a feed by now, because another peer proved it or somebody admitted it; and proofs. */
static int take_known_hearsay(dx_session *session) {
    dx_space *space = session->replica->space;
    size_t admitted = dx_control_feed_count(space->control);
    if (session->looked_feeds == space->feed_count && session->looked_admitted == admitted) {
        return DX_OK;
    }
    session->looked_feeds = space->feed_count;
    session->looked_admitted = admitted;
    int error = DX_OK;
    for (size_t i = session->hearsay_count; error == DX_OK && i-- > 0;) {
        dx_session_hearsay hearsay = session->hearsay[i];
        if (dx_space_feed_by_id(space, hearsay.id) == NULL &&
            dx_control_find_feed(space->control, hearsay.id) == NULL) {
            continue;
        }
        dx_session_drop_hearsay(session, &session->hearsay[i]);
        error = take_entry(session, &hearsay.entry);
        const dx_feed *feed = dx_space_feed_by_id(space, hearsay.id);
        dx_session_feed *row = feed == NULL ? NULL : dx_session_find_feed(session, feed->local);
        if (row != NULL) {
            row->passed_over = hearsay.asked; /* what they sent meanwhile was not kept */
        }
    }
    return error == DX_OK ? dx_session_take_known_proofs(session) : error;
}

/* --- Blocks they send ------------------------------------------------------------------------------ */

/* What is not kept of a run still tells how far the feed goes, when its head is the feed's own. */
static int check_head(const dx_feed *feed, const dx_head *head) {
    return dx_head_verify(head, feed->identity.space_id, feed->id, feed->identity.key);
}

/* DX_OK: the run's head is verified. */
static int store_run(dx_session *session, dx_feed *feed, const dx_sync_data *data) {
    dx_replica *replica = session->replica;
    uint64_t before = feed->length, cut = feed->cut;
    int error = dx_feed_receive(feed, replica->replication->context->store, &data->head, data->from,
                                data->blocks, data->block_count, data->proof);
    if (error == DX_E_STATE) {
        /* It starts beyond what is here: the run before it was refused or is asked for again. */
        return check_head(feed, &data->head);
    }
    if (error == DX_E_SIGNATURE) {
        return dx_session_search_fork(session, feed, &data->head); /* another branch, or garbage */
    }
    replica->received_blocks += feed->length - before;
    if (feed->length > before && feed->hollow && dx_session_explains_holes(session)) {
        int noted = dx_session_excuse(session, feed, before, feed->length);
        error = noted != DX_OK ? noted : error;
    }
    return error == DX_OK || error == DX_E_FORK ? dx_session_note_fork(session, feed, cut) : error;
}

/* Whether the run is as long as an honest peer makes it: to the end of the feed, or a message's worth. Only what
 * brings a feed on in such runs keeps others from being asked for it; a peer that trickles has stalled. */
static bool is_full_run(const dx_sync_data *data, size_t size) {
    return data->from + data->block_count == data->head.length || data->block_count == DX_SYNC_BLOCKS_MAX ||
           size >= DX_SYNC_DATA_SIZE;
}

/* A run of blocks for a feed that is here, in a message of this size. */
static int take_run(dx_session *session, dx_feed *feed, const dx_sync_data *data, size_t size) {
    dx_session_feed *row = dx_session_find_feed(session, feed->local);
    if (feed->own) {
        return DX_OK; /* our own feed, renewed meanwhile: no fault */
    }
    if (row == NULL || (!row->wanted && !row->passed_over)) {
        return DX_E_PROTOCOL; /* nobody asked */
    }
    bool waits = feed->length > 0 && !is_admitted(session->replica, feed);
    row->passed_over = row->passed_over || waits; /* its first run must admit it before more of it is kept */
    uint64_t before = feed->length;
    int64_t local = feed->local;
    int error = waits ? check_head(feed, &data->head) : store_run(session, feed, data);
    if (error != DX_OK) {
        return error;
    }
    row->theirs = data->head.length > row->theirs ? data->head.length : row->theirs;
    row->told = data->head.length > row->told ? data->head.length : row->told;
    feed = dx_space_feed(session->replica->space, local); /* it may have moved in memory */
    if (feed->length > before && is_full_run(data, size)) {
        row->progress_ms = session->replica->replication->context->now_ms;
    }
    return error;
}

/* Whatever it proves of rights, a run is the feed's own: who passes on another's words passes them on whole. */
static int check_hearsay_run(const dx_session *session, const dx_sync_entry *entry,
                             const dx_sync_data *data) {
    const dx_space *space = session->replica->space;
    const dx_feed_identity identity = identity_of(space, entry);
    if (data->from != 0) {
        return dx_head_verify(&data->head, space->id, data->feed_id, entry->key);
    }
    return dx_feed_check_beginning(session->replica->replication->context->alloc, &identity, &data->head,
                                   data->blocks, data->block_count, data->proof);
}

/* The beginning of a feed that was only told of. *out: the feed, when the run proves it and there is a place. What
 * does not prove it may still be one that others admitted: it is passed over, and the peer not at fault. */
static int take_beginning(dx_session *session, const dx_sync_data *data, dx_feed **out) {
    dx_session_hearsay *hearsay = dx_session_find_hearsay(session, data->feed_id);
    *out = NULL;
    if (hearsay == NULL || !hearsay->asked) {
        return DX_E_PROTOCOL; /* nobody asked */
    }
    const dx_sync_entry entry = hearsay->entry;
    int error = check_hearsay_run(session, &entry, data);
    if (error != DX_OK || hearsay->passed_over) {
        return error;
    }
    hearsay->passed_over = true;
    if (!dx_session_is_proven(session, &entry, data) || !may_wait(session, &entry)) {
        return DX_OK;
    }
    error = make_feed(session, &entry, out);
    if (error != DX_OK || *out == NULL) {
        return error;
    }
    session->replica->unadmitted++;
    int64_t local = (*out)->local;
    dx_session_drop_hearsay(session, hearsay);
    error = take_entry(session, &entry);
    *out = dx_space_feed(session->replica->space, local); /* it may have moved in memory */
    dx_session_feed *row = dx_session_find_feed(session, local);
    if (row != NULL) {
        row->wanted = true;
        row->wanted_from = 0;
        row->progress_ms = session->replica->replication->context->now_ms;
    }
    return error;
}

int dx_session_take_data(dx_session *session, dx_bytes message) {
    dx_replica *replica = session->replica;
    session->granted -= (int64_t)message.size;
    if (session->granted < -DX_SYNC_OVERDRAFT_MAX) {
        return DX_E_FLOOD;
    }
    session->owed += message.size;
    replica->received_bytes += message.size;
    uint64_t blocks = replica->received_blocks;
    dx_sync_data *data = &replica->replication->data;
    int error = dx_sync_data_read(message, data);
    if (error == DX_OK) {
        error = take_known_hearsay(session);
    }
    if (error == DX_OK) {
        dx_feed *feed = dx_space_feed_by_id(replica->space, data->feed_id);
        if (feed == NULL) {
            error = take_beginning(session, data, &feed);
        }
        error = error == DX_OK && feed != NULL ? take_run(session, feed, data, message.size) : error;
    }
    return error == DX_OK && replica->received_blocks == blocks ? dx_session_spend(session, 1) : error;
}

/* --- What to ask for ------------------------------------------------------------------------------- */

/* Whether another session is bringing this feed; when it stalls, at *until_ms, this one takes over. */
static bool comes_from_elsewhere(const dx_session *session, const dx_session_feed *row, uint64_t *until_ms) {
    uint64_t now_ms = session->replica->replication->context->now_ms;
    for (dx_session *other = session->replica->sessions; other != NULL; other = other->next) {
        const dx_session_feed *theirs = other == session ? NULL : dx_session_find_feed(other, row->local);
        if (theirs == NULL || !theirs->wanted) {
            continue;
        }
        uint64_t since_ms = theirs->progress_ms > row->behind_ms ? theirs->progress_ms : row->behind_ms;
        if (now_ms - since_ms < DX_SYNC_STALL_MS) {
            *until_ms = since_ms + DX_SYNC_STALL_MS;
            return true;
        }
    }
    return false;
}

/* Who keeps a part has holes where others have sections: it is asked for what nobody else brings, or was asked for, in as long
 * as one may stall. */
static bool comes_whole(const dx_session *session, const dx_session_feed *row, const dx_feed *feed,
                        uint64_t *until_ms) {
    uint64_t now_ms = session->replica->replication->context->now_ms;
    for (dx_session *other = session->replica->sessions;
         other != NULL && dx_session_keeps_part(session) && feed->identity.feed_class == DX_FEED_DATA;
         other = other->next) {
        const dx_session_feed *theirs = other == session ? NULL : dx_session_find_feed(other, row->local);
        if (theirs == NULL || other->state != DX_SESSION_MEMBER || dx_session_keeps_part(other) ||
            theirs->theirs <= feed->length || theirs->begins > feed->length) {
            continue;
        }
        uint64_t since_ms =
            theirs->wanted && theirs->progress_ms > row->behind_ms ? theirs->progress_ms : row->behind_ms;
        if (now_ms - since_ms < DX_SYNC_STALL_MS) {
            *until_ms = since_ms + DX_SYNC_STALL_MS;
            return true;
        }
    }
    return false;
}

static int want(dx_session *session, dx_session_feed *row, const dx_feed *feed) {
    row->wanted = true;
    row->wanted_from = feed->length;
    row->passed_over = row->parted = false;
    row->progress_ms = session->replica->replication->context->now_ms;
    dx_sync_want_write(feed->id, feed->length, &session->replica->replication->message);
    return dx_session_send(session);
}

/* The feed of a row, looked for from *at on: rows and feeds both ascend. NULL: the space has none. */
static const dx_feed *find_from(const dx_space *space, int64_t local, size_t *at) {
    while (*at < space->feed_count && space->feeds[*at].local < local) {
        ++*at;
    }
    return *at < space->feed_count && space->feeds[*at].local == local ? &space->feeds[*at] : NULL;
}

/* Its branches are being compared, or will be when another feed's are. */
static bool is_compared(const dx_session *session, const dx_session_feed *row) {
    return session->searching != 0 && (session->searching == row->local || row->parted);
}

/* They have more of it; or what is here came with a snapshot, and no head of it. */
static bool is_missing(const dx_session_feed *row, const dx_feed *feed) {
    return row->theirs > feed->length || (feed->begins != 0 && feed->head.length == 0 &&
                                          feed->target.length == 0 && row->theirs == feed->length);
}

/* Wants every announced feed of a class that is longer there; *pending tells that something of it is still to
 * come. A feed whose beginning did not admit it is held, and does not hold up others. */
static int want_class(dx_session *session, dx_feed_class feed_class, bool *pending, uint64_t *deadline_ms) {
    for (size_t i = 0, at = 0; i < session->feed_count; i++) {
        dx_session_feed *row = &session->feeds[i];
        const dx_feed *feed = find_from(session->replica->space, row->local, &at);
        if (feed == NULL || feed->own || feed->identity.feed_class != feed_class || !is_missing(row, feed) ||
            row->begins > feed->length || row->apart || dx_replica_loads(session->replica, feed) ||
            feed->length >= feed->cut || is_compared(session, row) ||
            (feed->length > 0 && !is_admitted(session->replica, feed))) {
            continue;
        }
        *pending = true;
        uint64_t until_ms = DX_NO_DEADLINE;
        if ((row->wanted && !row->passed_over) || comes_from_elsewhere(session, row, &until_ms) ||
            comes_whole(session, row, feed, &until_ms)) {
            *deadline_ms = until_ms < *deadline_ms ? until_ms : *deadline_ms;
            continue;
        }
        int error = want(session, row, feed);
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

/* Asks for all heads behind digests of theirs that are not ours. Digests that were ours once need no question:
 * what we have since then we have told them, and they answer with new ones. */
static int ask_class(dx_session *session, dx_feed_class feed_class, const uint8_t theirs[static DX_HASH_SIZE],
                     const uint8_t ours[static DX_HASH_SIZE]) {
    const uint8_t *control = session->replica->digests.control;
    bool judged = session->asked[feed_class].done &&
                  memcmp(session->asked[feed_class].theirs, theirs, DX_HASH_SIZE) == 0 &&
                  memcmp(session->asked[feed_class].control, control, DX_HASH_SIZE) == 0;
    if (judged) {
        return DX_OK;
    }
    session->asked[feed_class].done = true;
    memcpy(session->asked[feed_class].theirs, theirs, DX_HASH_SIZE);
    memcpy(session->asked[feed_class].control, control, DX_HASH_SIZE);
    if (memcmp(theirs, ours, DX_HASH_SIZE) == 0) {
        return DX_OK;
    }
    dx_sync_ask_write(feed_class, &session->replica->replication->message);
    return dx_session_send(session);
}

int dx_session_fetch(dx_session *session, uint64_t *deadline_ms) {
    bool member = session->state == DX_SESSION_MEMBER;
    if (session->state == DX_SESSION_HELLO) {
        return DX_OK;
    }
    if (member && !session->told_forks) {
        session->told_forks = true;
        int told = dx_session_tell_forks(session);
        if (told != DX_OK) {
            return told;
        }
    }
    const dx_sync_digests *ours = &session->replica->digests;
    bool control_pending = false, data_pending = false;
    dx_session_search_tick(session, deadline_ms);
    int error = take_known_hearsay(session);
    if (error == DX_OK) {
        error = dx_session_fetch_hearsay(session, &control_pending, deadline_ms);
    }
    if (error == DX_OK) {
        error = want_class(session, DX_FEED_CONTROL, &control_pending, deadline_ms);
    }
    if (error == DX_OK && !control_pending) {
        error = ask_class(session, DX_FEED_CONTROL, session->theirs.control, ours->control);
    }
    if (error != DX_OK || !member) {
        return error;
    }
    error = dx_session_tell_scope(session);
    if (error == DX_OK) {
        error = dx_session_fetch_branches(session, deadline_ms);
    }
    if (error == DX_OK) {
        error = dx_session_fetch_holes(session, deadline_ms);
    }
    if (error == DX_OK) {
        error = dx_session_match_here(session, deadline_ms);
    }
    if (error == DX_OK) {
        error = dx_session_seek(session, deadline_ms);
    }
    if (control_pending) {
        return error;
    }
    if (error == DX_OK) {
        error = want_class(session, DX_FEED_DATA, &data_pending, deadline_ms);
    }
    if (error == DX_OK) {
        error = dx_session_fetch_snapshot(session, deadline_ms);
    }
    if (error == DX_OK && !data_pending) {
        error = ask_class(session, DX_FEED_DATA, session->theirs.data, ours->data);
    }
    return error;
}

/* Credit goes back once the bytes are durable (this step's commit) and the pipeline keeps up, so that a slow
 * disk slows the sender. Blocks that wait for what is still to come do not hold it back, or it would never
 * come: while nothing more could be applied, the backlog counts for nothing. */
int dx_session_return_credit(dx_session *session, bool *more) {
    const dx_replica *replica = session->replica;
    if (session->owed < DX_SYNC_CREDIT / 8) {
        return DX_OK;
    }
    if (replica->space->blocked > DX_SYNC_BACKLOG_MAX && replica->space->change != replica->settled_change) {
        *more = true; /* look again when this was applied */
        return DX_OK;
    }
    uint64_t bytes = session->owed;
    session->owed = 0;
    session->granted += (int64_t)bytes;
    dx_sync_more_write(bytes, &session->replica->replication->message);
    return dx_session_send(session);
}
