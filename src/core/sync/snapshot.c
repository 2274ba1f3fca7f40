/* sync/snapshot.c: a state in place of the history below it: asked for in chunks, from several peers at once.
 *
 * Layer: floor 1, sync. See session.h; docs/spec/sync.md, Snapshots. What is asked for is the snapshot of the current epoch
 * (halo/control_epoch.h), when this vault has nothing of what lies below its cut, when very much of that is missing, or
 * when no peer has it any more, blocks or sections of them. Every chunk is checked against the manifest before anything of it is kept, so a peer
 * that sends another one costs its bytes and its link. */
#include <string.h>

#include "base/limits.h"
#include "base/trace.h"
#include "echo/epoch.h"
#include "feed/begin.h"
#include "feed/hole.h"
#include "halo/control_epoch.h"
#include "halo/control_purge.h"
#include "sync/session.h"

/* --- What to load ---------------------------------------------------------------------------------- */

/* The data feed that a cut names, made known when it is admitted and was not here. NULL: it is not admitted. */
static int known_feed(dx_replica *replica, const dx_dependency *place, dx_feed **out) {
    const dx_control *control = replica->space->control;
    *out = dx_space_feed_by_prefix(replica->space, place->feed);
    for (size_t i = 0; *out == NULL && i < dx_control_feed_count(control); i++) {
        const dx_admitted_feed *feed = dx_control_feed(control, i);
        if (memcmp(feed->id, place->feed, DX_PREFIX_SIZE) == 0) {
            return dx_space_add_feed(replica->replication->context, replica->space, &feed->identity, out);
        }
    }
    return DX_OK;
}

/* Whether a member that is here could still bring this feed from where it ends. */
static bool is_offered(const dx_replica *replica, const dx_feed *feed) {
    bool any = false;
    for (const dx_session *session = replica->sessions; session != NULL; session = session->next) {
        const dx_session_feed *row =
            session->state == DX_SESSION_MEMBER ? dx_session_find_feed(session, feed->local) : NULL;
        if (row != NULL && row->theirs > feed->length) {
            any = true;
            if (row->begins <= feed->length && !row->apart) {
                return true;
            }
        }
    }
    return !any; /* nobody told of it yet: it may come */
}

/* Whether a member has let go of a feed's history, so that where its branches part is perhaps not to be found any more. */
static bool is_gone(const dx_replica *replica, const dx_feed *feed) {
    for (const dx_session *session = replica->sessions; session != NULL; session = session->next) {
        const dx_session_feed *row =
            session->state == DX_SESSION_MEMBER ? dx_session_find_feed(session, feed->local) : NULL;
        if (row != NULL && row->begins > 0) {
            return true;
        }
    }
    return false;
}

/* Whether a feed is another one here than the epoch says, and there is no hope that a proof will settle it. Roots are
 * looked at again when the epoch, or a feed's branch or standing, is another one. */
static int find_contradiction(dx_replica *replica, const dx_cut *cut, bool *found) {
    uint64_t version = UINT64_C(0xcbf29ce484222325);
    int error = DX_OK;
    for (size_t i = 0; i < cut->count; i++) {
        const dx_feed *feed = dx_space_feed_by_prefix(replica->space, cut->places[i].feed);
        bool long_enough = feed != NULL && feed->length >= cut->places[i].length;
        version = (version ^ cut->places[i].root[0] ^ (long_enough ? (uint64_t)feed->rows << 16 : 1) ^
                   (long_enough && is_gone(replica, feed) ? 256 : 512)) *
                  UINT64_C(0x100000001b3);
    }
    if (version != replica->load.compared) {
        replica->load.contradicted = false;
        for (size_t i = 0; i < cut->count && error == DX_OK && !replica->load.contradicted; i++) {
            const dx_dependency *place = &cut->places[i];
            const dx_feed *feed = dx_space_feed_by_prefix(replica->space, place->feed);
            bool has = true;
            if (feed != NULL && feed->length >= place->length && feed->begins <= place->length &&
                is_gone(replica, feed)) {
                error = dx_feed_has_root(feed, replica->replication->context->store, place->length,
                                         place->root, &has);
            }
            replica->load.contradicted = error == DX_OK && !has;
        }
        replica->load.compared = error == DX_OK ? version : 0;
    }
    *found = replica->load.contradicted;
    return error;
}

/* Whether sections of a feed are missing below the cut that members let go of, and that no other one has given. */
static int find_lost(const dx_replica *replica, const dx_feed *feed, uint64_t length, bool *lost) {
    dx_holes holes;
    bool here = feed->hollow && !replica->space->scope_resets && is_gone(replica, feed);
    int error =
        here ? dx_hole_missing(feed, replica->replication->context->store, 0, &holes) : DX_E_NOT_FOUND;
    *lost = error == DX_OK && holes.seq < length;
    for (const dx_session *session = replica->sessions; session != NULL && *lost; session = session->next) {
        const dx_session_feed *row =
            session->state == DX_SESSION_MEMBER ? dx_session_find_feed(session, feed->local) : NULL;
        bool let_go = row != NULL && row->begins > holes.seq;
        *lost = session->state != DX_SESSION_MEMBER || let_go || session->holes.rounds > 0;
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

/* Whether the state at the cut is to be had rather than its blocks. */
static int judge_need(dx_replica *replica, const dx_cut *cut, bool *needed) {
    uint64_t missing = 0;
    bool fresh = true, withheld = false, contradicted = false, lost = false;
    *needed = false;
    for (size_t i = 0; i < cut->count; i++) {
        dx_feed *feed;
        bool lacks = false;
        int error = known_feed(replica, &cut->places[i], &feed);
        if (error != DX_OK || feed == NULL) {
            return error == DX_E_LIMIT || error == DX_E_EXISTS || error == DX_E_UNAUTHORIZED ? DX_OK : error;
        }
        uint64_t length = cut->places[i].length;
        fresh = fresh && (feed->own || feed->applied == 0);
        if (feed->length < length) {
            missing += length - feed->length;
            withheld = withheld || !is_offered(replica, feed);
        } else if ((error = find_lost(replica, feed, length, &lacks)) != DX_OK) {
            return error;
        }
        lost = lost || lacks;
    }
    /* A state comes whole, whatever this vault keeps: blocks cost it less, as long as somebody has them. */
    bool shorter =
        (fresh || missing > DX_SYNC_HISTORY_MAX) && !dx_space_scope_is_partial(replica->space->scope);
    int error = find_contradiction(replica, cut, &contradicted);
    *needed = contradicted || lost || (missing != 0 && (withheld || shorter));
    return error;
}

static void stop(dx_replica *replica) {
    dx_cut_deinit(&replica->load.cut);
    replica->load.wanted = replica->load.unpacks = false;
}

/* The latest confirmed epoch that was not refused here: one that is no state is passed over for those before it. */
static int choose_epoch(dx_replica *replica, dx_epoch *out, bool *found) {
    const dx_control *control = replica->space->control;
    int error = DX_OK;
    *found = false;
    for (size_t i = dx_control_epoch_count(control); i-- > 0 && !*found && error == DX_OK;) {
        bool refused = false;
        if (dx_control_epoch_at(control, i, out) && out->confirmed) {
            error = dx_load_was_refused(replica->replication->context, replica->space, out->root, &refused);
            *found = error == DX_OK && !refused;
        }
    }
    return error;
}

/* A load has ended: heads of what it brought are to be heard anew. */
static void ask_again(dx_replica *replica) {
    for (dx_session *session = replica->sessions; session != NULL; session = session->next) {
        session->asked[DX_FEED_DATA].done = false;
        for (size_t i = 0; i < session->feed_count; i++) {
            session->feeds[i].apart = false;
        }
    }
}

/* What is unpacked, for as long as that takes. */
static int hold(dx_replica *replica, const uint8_t root[static DX_HASH_SIZE]) {
    const dx_control *control = replica->space->control;
    dx_epoch epoch;
    int error = DX_OK;
    stop(replica);
    for (size_t i = dx_control_epoch_count(control); i-- > 0 && !replica->load.unpacks && error == DX_OK;) {
        if (dx_control_epoch_at(control, i, &epoch) && memcmp(epoch.root, root, sizeof epoch.root) == 0) {
            error = dx_cut_decode(epoch.cut_item, &replica->load.cut);
            replica->load.unpacks = error == DX_OK;
        }
    }
    return error;
}

int dx_replica_choose_load(dx_replica *replica) {
    dx_epoch epoch;
    dx_epoch_status status;
    bool needed = false;
    dx_epoch_status_of(replica->space, &status);
    if (replica->load.stage != DX_EPOCH_IDLE && status.stage == DX_EPOCH_IDLE) {
        ask_again(replica);
    }
    replica->load.stage = status.stage;
    if (status.stage == DX_EPOCH_UNPACKING) {
        return replica->load.unpacks ? DX_OK : hold(replica, status.root);
    }
    bool found = false;
    int error = choose_epoch(replica, &epoch, &found);
    if (error != DX_OK || !found || dx_control_epoch_is_stale(replica->space->control, &epoch) ||
        (status.stage != DX_EPOCH_IDLE && status.stage != DX_EPOCH_FETCHING)) {
        stop(replica);
        return error;
    }
    bool same = replica->load.wanted && memcmp(replica->load.root, epoch.root, sizeof epoch.root) == 0;
    if (memcmp(replica->load.refused, epoch.root, sizeof epoch.root) == 0) {
        stop(replica);
        return DX_OK;
    }
    error = same ? DX_OK : dx_cut_decode(epoch.cut_item, &replica->load.cut);
    error = error != DX_OK ? error : judge_need(replica, &replica->load.cut, &needed);
    bool begun = status.stage == DX_EPOCH_FETCHING && memcmp(status.root, epoch.root, sizeof epoch.root) == 0;
    if (error != DX_OK || (!needed && !begun && !same)) {
        stop(replica);
        return error;
    }
    if (!same) { /* also in place of an earlier one, which nobody may have any more */
        memcpy(replica->load.root, epoch.root, sizeof epoch.root);
        replica->load.wanted = true;
    }
    if (same && !begun && !needed && !replica->load.fetching) {
        stop(replica);
        return DX_OK;
    }
    replica->load.number = epoch.number;
    replica->load.key_epoch = epoch.key_epoch;
    replica->load.fetching = begun;
    replica->load.possible = false;
    for (const dx_session *session = replica->sessions; session != NULL; session = session->next) {
        bool lacks = memcmp(session->lacks_root, epoch.root, sizeof epoch.root) == 0;
        replica->load.possible = replica->load.possible || (session->state == DX_SESSION_MEMBER && !lacks);
    }
    return DX_OK;
}

bool dx_replica_loads(const dx_replica *replica, const dx_feed *feed) {
    return (replica->load.unpacks || (replica->load.wanted && replica->load.possible)) &&
           feed->length < dx_cut_length(&replica->load.cut, feed);
}

/* --- Asking ---------------------------------------------------------------------------------------- */

/* Who is asked for this piece, and has been for no longer than one waits; NULL: nobody. */
static const dx_session *asked_for(const dx_replica *replica, uint64_t index, uint64_t *until_ms) {
    uint64_t now_ms = replica->replication->context->now_ms;
    for (const dx_session *session = replica->sessions; session != NULL; session = session->next) {
        for (size_t i = 0; i < DX_SYNC_PIECES_MAX; i++) {
            const dx_session_piece *piece = &session->pieces[i];
            if (piece->asked && piece->index == index && now_ms - piece->asked_ms < DX_SYNC_STALL_MS) {
                *until_ms = piece->asked_ms + DX_SYNC_STALL_MS;
                return session;
            }
        }
    }
    return NULL;
}

static dx_session_piece *free_piece(dx_session *session) {
    uint64_t now_ms = session->replica->replication->context->now_ms;
    for (size_t i = 0; i < DX_SYNC_PIECES_MAX; i++) {
        dx_session_piece *piece = &session->pieces[i];
        if (!piece->asked || now_ms - piece->asked_ms >= DX_SYNC_STALL_MS) {
            return piece;
        }
    }
    return NULL;
}

/* What is asked again because it did not come may come late: it is due then, and no fault. */
static int ask(dx_session *session, dx_session_piece *piece, uint64_t index) {
    session->pieces_due++;
    *piece = (dx_session_piece){
        .asked = true, .index = index, .asked_ms = session->replica->replication->context->now_ms};
    dx_sync_fetch_write(session->replica->load.root, index, &session->replica->replication->message);
    return dx_session_send(session);
}

/* The first chunk from here on that is neither here nor asked for. DX_E_NOT_FOUND: none. */
static int next_chunk(dx_replica *replica, uint64_t *index, uint64_t *deadline_ms) {
    dx_context *context = replica->replication->context;
    uint64_t until_ms;
    int error = dx_load_missing(context, replica->space, *index, index);
    while (error == DX_OK && asked_for(replica, 1 + *index, &until_ms) != NULL) {
        *deadline_ms = until_ms < *deadline_ms ? until_ms : *deadline_ms;
        error = dx_load_missing(context, replica->space, *index + 1, index);
    }
    return error;
}

int dx_session_fetch_snapshot(dx_session *session, uint64_t *deadline_ms) {
    dx_replica *replica = session->replica;
    dx_session_piece *piece;
    uint64_t until_ms, index = 0;
    bool lacks = memcmp(session->lacks_root, replica->load.root, DX_HASH_SIZE) == 0;
    if (!replica->load.wanted || lacks) {
        return DX_OK;
    }
    if (!replica->load.fetching) { /* the manifest first */
        if (asked_for(replica, 0, &until_ms) != NULL) {
            *deadline_ms = until_ms < *deadline_ms ? until_ms : *deadline_ms;
            return DX_OK;
        }
        piece = free_piece(session);
        return piece == NULL ? DX_OK : ask(session, piece, 0);
    }
    int error = DX_OK;
    while (error == DX_OK && (piece = free_piece(session)) != NULL) {
        error = next_chunk(replica, &index, deadline_ms);
        error = error == DX_OK ? ask(session, piece, 1 + index) : error;
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

/* --- What comes ------------------------------------------------------------------------------------ */

static void refuse(dx_replica *replica, int error) {
    memcpy(replica->load.refused, replica->load.root, DX_HASH_SIZE);
    dx_trace(replica->replication->context->tracer, "sync", "space %lld: epoch %llu cannot be loaded: %s",
             (long long)replica->space->local, (unsigned long long)replica->load.number,
             dx_error_text(error));
    stop(replica);
}

static int take_manifest(dx_session *session, dx_bytes hashes) {
    dx_replica *replica = session->replica;
    const dx_snapshot_plan plan = {
        .number = replica->load.number, .key_epoch = replica->load.key_epoch, .cut = &replica->load.cut};
    int error =
        dx_load_begin(replica->replication->context, replica->space, &plan, replica->load.root, hashes);
    switch (error) {
    case DX_OK:
        replica->load.fetching = true;
        replica->load.stage = DX_EPOCH_FETCHING;
        return DX_OK;
    case DX_E_CONFLICT: /* this vault was set back; with new feeds it asks again */
        dx_session_trace(session, "an epoch has more of an own feed than is here: own feeds renewed");
        return dx_space_renew_feeds(replica->replication->context, replica->space);
    case DX_E_FORK:
    case DX_E_MALFORMED: /* it was loaded before, and is no state */
        refuse(replica, error);
        return DX_OK;
    case DX_E_EXISTS:
        stop(replica);
        return DX_OK;
    case DX_E_STATE:
    case DX_E_NOT_FOUND: /* its key, or a feed, is still to come */
        return DX_OK;
    default:
        return error;
    }
}

static int take_chunk(dx_session *session, uint64_t index, dx_bytes sealed) {
    dx_replica *replica = session->replica;
    int error = dx_load_chunk(replica->replication->context, replica->space, index, sealed);
    return error == DX_E_EXISTS || error == DX_E_STATE ? DX_OK : error;
}

int dx_session_take_piece(dx_session *session, dx_bytes message) {
    dx_replica *replica = session->replica;
    uint8_t root[DX_HASH_SIZE];
    uint64_t index;
    dx_bytes bytes;
    session->granted -= (int64_t)message.size;
    if (session->granted < -DX_SYNC_OVERDRAFT_MAX) {
        return DX_E_FLOOD;
    }
    session->owed += message.size;
    replica->received_bytes += message.size;
    int error = dx_sync_piece_read(message, root, &index, &bytes);
    if (error != DX_OK || session->pieces_due == 0) {
        return error != DX_OK ? error : DX_E_PROTOCOL; /* nobody asked */
    }
    session->pieces_due--;
    bool asked = false;
    for (size_t i = 0; i < DX_SYNC_PIECES_MAX && !asked; i++) {
        asked = session->pieces[i].asked && session->pieces[i].index == index;
        session->pieces[i].asked = session->pieces[i].asked && !asked;
    }
    if (bytes.size == 0) {
        memcpy(session->lacks_root, root, sizeof root);
        return DX_OK;
    }
    if (!replica->load.wanted || memcmp(root, replica->load.root, sizeof root) != 0) {
        return DX_OK; /* of one that is not wanted any more */
    }
    if (index == 0) {
        return replica->load.fetching ? DX_OK : take_manifest(session, bytes);
    }
    return replica->load.fetching ? take_chunk(session, index - 1, bytes) : DX_OK;
}

/* --- What they ask for ------------------------------------------------------------------------------ */

int dx_session_answer_fetch(dx_session *session, dx_bytes message) {
    dx_replica *replica = session->replica;
    dx_context *context = replica->replication->context;
    uint8_t root[DX_HASH_SIZE];
    uint64_t index;
    dx_buf bytes;
    int error = dx_sync_fetch_read(message, root, &index);
    if (error != DX_OK || session->state != DX_SESSION_MEMBER) {
        return error;
    }
    dx_buf_init(&bytes, context->alloc, DX_SYNC_MESSAGE_MAX / 2);
    error = index == 0 ? dx_snapshot_manifest(context, replica->space, root, &bytes)
                       : dx_snapshot_chunk(context, replica->space, root, index - 1, &bytes);
    if (error == DX_E_NOT_FOUND || error == DX_E_GONE || error == DX_E_STATE) {
        dx_buf_clear(&bytes);
        error = DX_OK;
    }
    if (error == DX_OK) {
        dx_sync_piece_write(root, index, dx_buf_view(&bytes), &replica->replication->message);
        session->credit -= (int64_t)replica->replication->message.size;
        error = dx_session_send(session);
    }
    dx_buf_deinit(&bytes);
    return error;
}

int dx_session_tell_gone(dx_session *session, const dx_feed *feed) {
    dx_sync_gone_write(feed->id, feed->begins, &session->replica->replication->message);
    return dx_session_send(session);
}

int dx_session_take_gone(dx_session *session, dx_bytes message) {
    uint8_t id[DX_HASH_SIZE];
    uint64_t begins;
    int error = dx_sync_gone_read(message, id, &begins);
    const dx_feed *feed = error == DX_OK ? dx_space_feed_by_id(session->replica->space, id) : NULL;
    dx_session_feed *row = feed == NULL ? NULL : dx_session_find_feed(session, feed->local);
    if (row != NULL) {
        bool later = begins > row->begins;
        row->begins = begins;
        if (row->wanted && row->wanted_from < begins) { /* else it is said about another question */
            row->wanted = false;
            row->passed_over = true; /* what they had begun to send may still come */
        }
        if (session->searching == row->local && later) { /* what was asked lies below */
            return dx_session_search_again(session, feed);
        }
    }
    return error;
}
