/* sync/fork.c: two peers hold different branches of one feed: they find where it parts, prove it, and tell
 * everyone.
 *
 * Layer: floor 1, sync. The feed's room proves and cuts (feed/fork.h); here are the questions and answers. A
 * branch that contradicts ours shows either as a head whose root differs at a length we have (the feed proves
 * that by itself), or as a run of blocks under a well signed head that does not join our roots. The second
 * may also be garbage: a search over the lengths both have tells, at most eight rounds. */
#include <string.h>

#include "base/limits.h"
#include "sync/session.h"

/* A fork of this feed is proven now: if it is our own (the vault was set back unseen), we never write there
 * again, and vouch anew for those we admitted; every peer is told. What was applied beyond the cut the
 * pipeline takes back (echo/floor.h). */
static int spread(dx_replica *replica, int64_t local) {
    dx_context *context = replica->replication->context;
    int error =
        dx_space_feed(replica->space, local)->own ? dx_space_renew_feeds(context, replica->space) : DX_OK;
    const dx_feed *feed = dx_space_feed(replica->space, local); /* it may have moved in memory */
    if (error == DX_OK && feed->identity.feed_class == DX_FEED_CONTROL &&
        memcmp(feed->identity.device, context->identity->device, DX_KEY_SIZE) == 0) {
        error = dx_space_vouch_again(context, replica->space);
        feed = dx_space_feed(replica->space, local);
    }
    for (dx_session *session = replica->sessions; error == DX_OK && session != NULL;
         session = session->next) {
        dx_bytes proof;
        if (session->state != DX_SESSION_MEMBER) {
            continue;
        }
        error = dx_fork_get(feed, context->store, &proof);
        if (error == DX_OK) {
            dx_sync_fork_write(feed->id, proof, &replica->replication->message);
            error = dx_session_send(session);
        }
    }
    return error;
}

int dx_session_note_fork(dx_session *session, const dx_feed *feed, uint64_t cut_before) {
    if (feed->cut >= cut_before) {
        return DX_OK;
    }
    for (dx_session *other = session->replica->sessions; other != NULL; other = other->next) {
        dx_session_feed *row = dx_session_find_feed(other, feed->local);
        memset(other->lacks, 0, sizeof other->lacks); /* branches are asked for from another place now */
        if (row != NULL) {
            row->apart = false;
        }
    }
    dx_session_trace(session, "feed %lld is forked: cut at %llu", (long long)feed->local,
                     (unsigned long long)feed->cut);
    if (feed->own) {
        dx_session_trace(session, "own feeds renewed");
    }
    return spread(session->replica, feed->local);
}

/* A new peer is told of every fork known here. */
int dx_session_tell_forks(dx_session *session) {
    dx_replica *replica = session->replica;
    for (size_t i = 0; i < replica->space->feed_count; i++) {
        dx_bytes proof;
        const dx_feed *feed = &replica->space->feeds[i];
        if (!feed->frozen) {
            continue;
        }
        int error = dx_fork_get(feed, replica->replication->context->store, &proof);
        if (error == DX_OK) {
            dx_sync_fork_write(feed->id, proof, &replica->replication->message);
            error = dx_session_send(session);
        }
        if (error != DX_OK && error != DX_E_NOT_FOUND) {
            return error;
        }
    }
    return DX_OK;
}

/* A feed that is admitted is made now, if it is not here: perhaps nothing of it is in force, so that nobody ever
 * announces it, and what waits for it would wait for ever. NULL: nobody admitted it yet. */
static int find_forked(dx_session *session, const uint8_t id[static DX_HASH_SIZE], dx_feed **out) {
    dx_space *space = session->replica->space;
    *out = dx_space_feed_by_id(space, id);
    const dx_admitted_feed *admitted = *out != NULL ? NULL : dx_control_find_feed(space->control, id);
    if (admitted == NULL) {
        return DX_OK;
    }
    const dx_feed_identity identity = admitted->identity;
    int error = dx_space_add_feed(session->replica->replication->context, space, &identity, out);
    return error == DX_E_LIMIT || error == DX_E_EXISTS ? DX_OK : error; /* no place for it: *out is NULL */
}

static int take_proof(dx_session *session, dx_feed *feed, dx_bytes proof) {
    uint64_t cut = feed->cut;
    int error = dx_fork_take(feed, session->replica->replication->context->store, proof);
    return error == DX_OK || error == DX_E_EXISTS ? dx_session_note_fork(session, feed, cut) : error;
}

/* Kept until somebody admits the feed, while there is room; what a peer invents fills its own session alone. */
static int keep_proof(dx_session *session, const uint8_t id[static DX_HASH_SIZE], dx_bytes proof) {
    const dx_alloc *alloc = session->replica->replication->context->alloc;
    if (session->state != DX_SESSION_MEMBER || session->proof_count == DX_SYNC_PROOFS_MAX) {
        return DX_OK;
    }
    if (session->proofs == NULL) {
        session->proofs = dx_alloc_take(alloc, DX_SYNC_PROOFS_MAX * sizeof session->proofs[0]);
    }
    if (session->proofs == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_session_proof *kept = &session->proofs[session->proof_count++];
    memcpy(kept->id, id, sizeof kept->id);
    dx_buf_init(&kept->bytes, alloc, DX_FORK_SIZE_MAX);
    dx_buf_append(&kept->bytes, proof.data, proof.size);
    return dx_buf_error(&kept->bytes);
}

int dx_session_take_fork(dx_session *session, dx_bytes message) {
    uint8_t id[DX_HASH_SIZE];
    dx_bytes proof;
    dx_feed *feed = NULL;
    int error = dx_sync_fork_read(message, id, &proof);
    error = error == DX_OK ? find_forked(session, id, &feed) : error;
    if (error != DX_OK) {
        return error;
    }
    return feed == NULL ? keep_proof(session, id, proof) : take_proof(session, feed, proof);
}

static void drop_proof(dx_session *session, size_t at) {
    dx_buf_deinit(&session->proofs[at].bytes);
    session->proofs[at] = session->proofs[--session->proof_count];
}

int dx_session_take_known_proofs(dx_session *session) {
    int error = DX_OK;
    for (size_t i = session->proof_count; error == DX_OK && i-- > 0;) {
        dx_feed *feed;
        error = find_forked(session, session->proofs[i].id, &feed);
        if (error == DX_OK && feed != NULL) {
            error = take_proof(session, feed, dx_buf_view(&session->proofs[i].bytes));
            drop_proof(session, i);
        }
    }
    return error;
}

void dx_session_drop_proofs(dx_session *session) {
    const dx_alloc *alloc = session->replica->replication->context->alloc;
    while (session->proof_count > 0) {
        drop_proof(session, session->proof_count - 1);
    }
    if (session->proofs != NULL) {
        dx_alloc_free(alloc, session->proofs, DX_SYNC_PROOFS_MAX * sizeof session->proofs[0]);
    }
}

/* --- Looking for the place ------------------------------------------------------------------------------ */

/* They part below what one of both has: no proof comes of it here. */
static int give_up(dx_session *session) {
    dx_session_feed *row = dx_session_find_feed(session, session->searching);
    dx_session_trace(session, "the branches of feed %lld part below what is here or there",
                     (long long)session->searching);
    if (row != NULL) {
        row->apart = true;
    }
    session->searching = 0;
    return DX_OK;
}

/* Asks the next round, or ends the search: at a place (the other's path is asked for), or without one (it was
 * garbage). */
static int go_on(dx_session *session, const dx_feed *feed) {
    dx_sync_probe probe;
    dx_buf *message = &session->replica->replication->message;
    session->search_ms = session->replica->replication->context->now_ms;
    probe.count = dx_fork_search_probes(&session->search, probe.lengths);
    memcpy(probe.feed_id, feed->id, sizeof probe.feed_id);
    if (probe.count > 0) {
        dx_sync_probe_write(false, &probe, message);
        return dx_session_send(session);
    }
    if (session->search.equal < session->search_from) {
        return give_up(session);
    }
    if (session->search.equal == session->search_shared && feed->frozen) {
        session->searching = 0; /* meanwhile one of us put another branch in force */
        return DX_OK;
    }
    if (session->search.equal == session->search_shared) {
        return DX_E_SIGNATURE; /* the branches agree as far as both go, so what was sent belongs to neither */
    }
    dx_sync_part_write(feed->id, session->search.equal, message);
    return dx_session_send(session);
}

/* A head contradicts what is here and the fork is known, but only by two heads: where the branches part is not.
 * Unless it is found, two replicas may differ below their cut. */
int dx_session_search_exact(dx_session *session, const dx_feed *feed, const dx_head *head) {
    dx_bytes bytes;
    dx_fork_proof proof;
    if (!feed->frozen || session->searching != 0) {
        return DX_OK;
    }
    int error = dx_fork_get(feed, session->replica->replication->context->store, &bytes);
    if (error == DX_OK && dx_fork_read(bytes, &proof) == DX_OK && proof.length == proof.shorter.length) {
        error = dx_session_search_fork(session, feed, head);
    }
    return error == DX_E_NOT_FOUND || error == DX_E_SIGNATURE ? DX_OK : error;
}

/* From where both have it, as far as is known. */
static int begin_search(dx_session *session, const dx_feed *feed) {
    const dx_session_feed *row = dx_session_find_feed(session, feed->local);
    uint64_t theirs = row != NULL ? row->begins : 0;
    session->search_from = theirs > feed->begins ? theirs : feed->begins;
    if (session->search_from > session->search_shared) {
        return give_up(session);
    }
    dx_fork_search_begin(&session->search, session->search_from, session->search_shared);
    return go_on(session, feed);
}

int dx_session_search_again(dx_session *session, const dx_feed *feed) {
    session->search_due++; /* what was asked is perhaps answered all the same */
    return begin_search(session, feed);
}

/* A run under this well signed head did not join what is here. */
int dx_session_search_fork(dx_session *session, const dx_feed *feed, const dx_head *head) {
    int error = dx_head_verify(head, session->replica->space->id, feed->id, feed->identity.key);
    if (error != DX_OK) {
        return error;
    }
    if (session->searching != 0) { /* one at a time: what comes now would not tell which it answers */
        dx_session_feed *row = dx_session_find_feed(session, feed->local);
        if (row != NULL && session->searching != feed->local) {
            row->parted = row->passed_over = true;
        }
        return DX_OK;
    }
    session->searching = feed->local;
    session->search_shared = head->length < feed->length ? head->length : feed->length;
    return begin_search(session, feed);
}

int dx_session_take_probe(dx_session *session, dx_bytes message) {
    dx_context *context = session->replica->replication->context;
    dx_sync_probe probe;
    uint8_t roots[DX_FORK_PROBES_MAX * DX_ROOT_PREFIX_SIZE];
    int error = dx_sync_probe_read(false, message, &probe);
    const dx_feed *feed = error == DX_OK ? dx_space_feed_by_id(session->replica->space, probe.feed_id) : NULL;
    if (feed == NULL || session->state != DX_SESSION_MEMBER) {
        return error;
    }
    for (size_t i = 0; i < probe.count; i++) {
        uint8_t root[DX_HASH_SIZE] = {0}; /* of a branch that is not so long here: none */
        error = dx_feed_root(feed, context->store, probe.lengths[i], root);
        error = error == DX_E_NOT_FOUND && feed->frozen ? DX_OK : error;
        if (error == DX_E_GONE) {
            return dx_session_tell_gone(session, feed); /* they ask another one */
        }
        if (error != DX_OK) {
            return error == DX_E_NOT_FOUND ? DX_E_PROTOCOL
                                           : error; /* they asked for more than we ever announced */
        }
        memcpy(roots + i * DX_ROOT_PREFIX_SIZE, root, DX_ROOT_PREFIX_SIZE);
    }
    probe.roots = dx_bytes_of(roots, probe.count * DX_ROOT_PREFIX_SIZE);
    dx_sync_probe_write(true, &probe, &session->replica->replication->message);
    return dx_session_send(session);
}

void dx_session_search_tick(dx_session *session, uint64_t *deadline_ms) {
    uint64_t due_ms = session->search_ms + DX_SYNC_STALL_MS;
    if (session->searching == 0) {
        return;
    }
    if (session->replica->replication->context->now_ms < due_ms) {
        *deadline_ms = due_ms < *deadline_ms ? due_ms : *deadline_ms;
        return;
    }
    dx_session_feed *row = dx_session_find_feed(session, session->searching);
    if (row != NULL) {
        row->passed_over = true; /* asked for again: perhaps they have another branch by now */
    }
    dx_session_trace(session, "does not tell where the branches of feed %lld part",
                     (long long)session->searching);
    session->searching = 0;
    session->search_due++;
}

/* An answer that fits no question: to one that was given up, or to none. */
static int take_late(dx_session *session) {
    if (session->search_due == 0) {
        return DX_E_PROTOCOL;
    }
    session->search_due--;
    return DX_OK;
}

/* The feed this session looks into, when the answer is about it. */
static dx_feed *searched_feed(dx_session *session, const uint8_t id[static DX_HASH_SIZE]) {
    dx_feed *feed = dx_space_feed_by_id(session->replica->space, id);
    return feed != NULL && feed->local == session->searching ? feed : NULL;
}

int dx_session_take_roots(dx_session *session, dx_bytes message) {
    dx_sync_probe probe;
    uint64_t asked[DX_FORK_PROBES_MAX];
    int error = dx_sync_probe_read(true, message, &probe);
    dx_feed *feed = error == DX_OK ? searched_feed(session, probe.feed_id) : NULL;
    if (feed == NULL) {
        return error != DX_OK ? error : take_late(session);
    }
    size_t count = dx_fork_search_probes(&session->search, asked);
    if (count != probe.count || memcmp(asked, probe.lengths, count * sizeof asked[0]) != 0) {
        return take_late(session);
    }
    error = dx_fork_search_narrow(&session->search, feed, session->replica->replication->context->store,
                                  probe.roots);
    return error == DX_OK ? go_on(session, feed) : error;
}

int dx_session_take_part(dx_session *session, dx_bytes message) {
    dx_context *context = session->replica->replication->context;
    uint8_t id[DX_HASH_SIZE], path[DX_FORK_PATH_SIZE_MAX];
    uint64_t at;
    size_t path_size = 0;
    dx_head head;
    int error = dx_sync_part_read(message, id, &at);
    const dx_feed *feed = error == DX_OK ? dx_space_feed_by_id(session->replica->space, id) : NULL;
    if (feed == NULL || session->state != DX_SESSION_MEMBER) {
        return error;
    }
    error = dx_fork_path(feed, context->store, at, &head, path, &path_size);
    if (error == DX_E_GONE) {
        return dx_session_tell_gone(session, feed);
    }
    if (error == DX_E_NOT_FOUND && feed->frozen) {
        return DX_OK; /* they asked about a branch that is not in force here any more */
    }
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_PROTOCOL : error;
    }
    dx_sync_path_write(id, at, &head, dx_bytes_of(path, path_size), &session->replica->replication->message);
    return dx_session_send(session);
}

int dx_session_take_path(dx_session *session, dx_bytes message) {
    uint8_t id[DX_HASH_SIZE];
    uint64_t at;
    dx_head head;
    dx_bytes path;
    int error = dx_sync_path_read(message, id, &at, &head, &path);
    dx_feed *feed = error == DX_OK ? searched_feed(session, id) : NULL;
    if (feed == NULL || at != session->search.equal) {
        return error != DX_OK ? error : take_late(session);
    }
    uint64_t cut = feed->cut;
    session->searching = 0;
    error = dx_fork_join(feed, session->replica->replication->context->store, at, &head, path);
    if (feed->frozen && dx_error_class_of(error) == DX_CLASS_PEER) {
        return DX_OK; /* no fault: the fork was proven while they searched, and one of us changed branches */
    }
    return error == DX_OK || error == DX_E_EXISTS ? dx_session_note_fork(session, feed, cut) : error;
}
