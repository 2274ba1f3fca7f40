/* sync/limb.c: the branches of forked feeds that members have named, fetched from whoever has them.
 *
 * Layer: floor 1, sync. The space says which it lacks (echo/floor.h). One is asked for at a time in a
 * session, and of one session at a time; each answer is one run of it, as large as a DATA, so what is on its
 * way is bounded and needs no credit. What comes is verified like any run before it is stored, beside the
 * branch in force; when it ends elsewhere than its goal it is dropped, and others are asked. */
#include <string.h>

#include "base/limits.h"
#include "sync/session.h"

static bool is_same_goal(const dx_limb_goal *a, const dx_limb_goal *b) {
    return a->length == b->length && memcmp(a->root, b->root, sizeof a->root) == 0;
}

/* --- Asking ----------------------------------------------------------------------------------------- */

/* They are not asked for this one again soon. */
static void rest(dx_session *session) {
    session->lacks[session->lacks_next].goal = session->branch.goal;
    session->lacks[session->lacks_next].until_ms =
        session->replica->replication->context->now_ms + DX_SYNC_LACK_MS;
    session->lacks_next = (session->lacks_next + 1) % DX_BRANCHES_WANTED_MAX;
    session->branch.feed = 0;
}

/* They have it not, or not rightly: others are asked first. */
static void note_lack(dx_session *session) {
    dx_session_trace(session, "has not the branch of feed %lld that others named at %llu",
                     (long long)session->branch.feed, (unsigned long long)session->branch.goal.length);
    rest(session);
}

static bool lacks(const dx_session *session, const dx_limb_goal *goal, uint64_t *until_ms) {
    uint64_t now_ms = session->replica->replication->context->now_ms;
    for (size_t i = 0; i < DX_BRANCHES_WANTED_MAX; i++) {
        if (session->lacks[i].until_ms > now_ms && is_same_goal(&session->lacks[i].goal, goal)) {
            *until_ms = session->lacks[i].until_ms;
            return true;
        }
    }
    return false;
}

static bool is_asked_elsewhere(const dx_session *session, const dx_wanted_branch *wanted) {
    for (const dx_session *other = session->replica->sessions; other != NULL; other = other->next) {
        if (other != session && other->branch.feed == wanted->feed) {
            return true; /* one branch of a feed after the other */
        }
    }
    return false;
}

static int ask(dx_session *session, const dx_feed *feed, const dx_limb_goal *goal) {
    dx_context *context = session->replica->replication->context;
    dx_feed view;
    int error = dx_limb_for(feed, context->store, goal, &view);
    if (error != DX_OK && error != DX_E_NOT_FOUND) {
        return error;
    }
    session->branch.feed = feed->local;
    session->branch.goal = *goal;
    session->branch.asked_ms = context->now_ms;
    session->branches_due++;
    dx_session_trace(session, "is asked for the branch of feed %lld that others named at %llu",
                     (long long)feed->local, (unsigned long long)goal->length);
    dx_sync_branch_write(feed->id, error == DX_OK ? view.length : dx_feed_common(feed), goal,
                         &session->replica->replication->message);
    return dx_session_send(session);
}

int dx_session_fetch_branches(dx_session *session, uint64_t *deadline_ms) {
    const dx_space *space = session->replica->space;
    uint64_t now_ms = session->replica->replication->context->now_ms, next_ms = DX_NO_DEADLINE;
    if (session->branch.feed != 0 && now_ms - session->branch.asked_ms >= DX_SYNC_STALL_MS) {
        note_lack(session);
    }
    for (size_t i = 0; i < space->wanted_count && session->branch.feed == 0; i++) {
        const dx_wanted_branch *wanted = &space->wanted[i];
        const dx_feed *feed = dx_space_feed(session->replica->space, wanted->feed);
        uint64_t until_ms = DX_NO_DEADLINE;
        if (feed == NULL || !feed->frozen || is_asked_elsewhere(session, wanted)) {
            continue;
        }
        if (lacks(session, &wanted->goal, &until_ms)) {
            next_ms = until_ms < next_ms ? until_ms : next_ms;
            continue;
        }
        int error = ask(session, feed, &wanted->goal);
        if (error != DX_OK) {
            return error;
        }
    }
    if (session->branch.feed != 0) {
        next_ms = session->branch.asked_ms + DX_SYNC_STALL_MS;
    }
    *deadline_ms = next_ms < *deadline_ms ? next_ms : *deadline_ms;
    return DX_OK;
}

/* --- Answering -------------------------------------------------------------------------------------- */

static int send_limb(dx_session *session, const dx_feed *view, uint64_t from, uint64_t end) {
    dx_replication *replication = session->replica->replication;
    dx_store *store = replication->context->store;
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    size_t count = 0;
    dx_buf blocks;
    dx_buf_init(&blocks, replication->context->alloc, DX_SYNC_MESSAGE_MAX);
    int error = dx_session_gather(session, view, from, end, &blocks, &count);
    const dx_head *head = error == DX_OK ? dx_feed_cover(view, from + count) : NULL;
    if (error == DX_OK && head == NULL) {
        dx_sync_lack_write(view->id, &replication->message); /* not signed yet */
    } else if (error == DX_OK) {
        error = dx_feed_prove(view, store, from + count, head->length, proof);
        dx_sync_limb_begin(view->id, from, head, count, &replication->message);
        dx_buf_append(&replication->message, blocks.data, blocks.size);
        dx_sync_data_end(dx_bytes_of(proof, dx_mmr_proof_size(from + count, head->length)),
                         &replication->message);
    }
    dx_buf_deinit(&blocks);
    return error == DX_OK ? dx_session_send(session) : error;
}

int dx_session_take_branch(dx_session *session, dx_bytes message) {
    dx_replica *replica = session->replica;
    dx_context *context = replica->replication->context;
    uint8_t id[DX_HASH_SIZE];
    uint64_t from;
    dx_limb_goal goal;
    dx_feed view;
    int error = dx_sync_branch_read(message, id, &from, &goal);
    if (error != DX_OK || session->state != DX_SESSION_MEMBER) {
        return error;
    }
    const dx_feed *feed = dx_space_feed_by_id(replica->space, id);
    error = feed == NULL ? DX_E_NOT_FOUND : dx_limb_find(feed, context->store, &goal, &view);
    error = error != DX_OK ? error : send_limb(session, &view, from, goal.length);
    if (error != DX_E_NOT_FOUND && error != DX_E_GONE) {
        return error;
    }
    error = error == DX_E_GONE ? dx_session_tell_gone(session, feed) : DX_OK; /* so they look for the state */
    if (error != DX_OK) {
        return error;
    }
    dx_sync_lack_write(id, &replica->replication->message);
    return dx_session_send(session);
}

/* --- What they send --------------------------------------------------------------------------------- */

/* The feed that was asked for, if this message is about it. NULL: it comes too late, which is no fault.
 * DX_E_PROTOCOL: nobody asked. */
static int find_asked(dx_session *session, const uint8_t id[static DX_HASH_SIZE], dx_feed **out) {
    dx_feed *feed =
        session->branch.feed == 0 ? NULL : dx_space_feed(session->replica->space, session->branch.feed);
    *out = feed != NULL && memcmp(feed->id, id, DX_HASH_SIZE) == 0 ? feed : NULL;
    if (session->branches_due == 0) {
        return DX_E_PROTOCOL;
    }
    session->branches_due--;
    return DX_OK;
}

/* The run is stored: it ends short of the goal, at it, or beyond. */
static int judge_limb(dx_session *session, const dx_feed *view) {
    dx_store *store = session->replica->replication->context->store;
    const dx_limb_goal *goal = &session->branch.goal;
    uint8_t root[DX_HASH_SIZE];
    if (view->length < goal->length) {
        session->branch.feed = 0; /* the next run is asked for at the end of this step */
        return DX_OK;
    }
    int error = dx_feed_root(view, store, goal->length, root);
    if (error != DX_OK) {
        return error;
    }
    if (memcmp(root, goal->root, sizeof goal->root) != 0) {
        note_lack(session);
        return dx_limb_drop(view, store);
    }
    session->replica->space->forks_settled = false;
    dx_session_trace(session, "brought the branch of feed %lld that others named at %llu",
                     (long long)view->local, (unsigned long long)goal->length);
    rest(session); /* where it did not settle what it is wanted for, neither does having it again at once */
    return dx_limb_finish(view, store);
}

/* The disk's fault, or that of what is stored here: what came may be well, and what is here of the limb is not
 * dropped for it. The link ends with it as it does for a run of a feed, and nothing is held against the peer. */
static bool is_ours(int error) {
    dx_error_class class = dx_error_class_of(error);
    return class == DX_CLASS_HOST || class == DX_CLASS_DATA;
}

static int take_run(dx_session *session, dx_feed *feed, const dx_sync_data *data) {
    dx_store *store = session->replica->replication->context->store;
    dx_feed view;
    int error = dx_limb_for(feed, store, &session->branch.goal, &view);
    if (error == DX_E_NOT_FOUND) {
        error = dx_limb_make(feed, store, &session->branch.goal, &view);
    }
    if (error == DX_E_LIMIT || error == DX_E_STATE) {
        note_lack(session);
        return DX_OK;
    }
    if (error != DX_OK) {
        return error;
    }
    uint64_t before = view.length, cut = feed->cut, common = dx_feed_common(feed);
    error = data->from == before ? dx_feed_receive(&view, store, &data->head, data->from, data->blocks,
                                                   data->block_count, data->proof)
                                 : DX_E_STATE;
    feed->cut = view.cut; /* a proof may have been among it */
    feed->hollow = feed->hollow || view.hollow;
    if (error == DX_OK && view.length > before) {
        error = judge_limb(session, &view);
    } else if (error == DX_OK || !is_ours(error)) {
        bool apart =
            error == DX_E_SIGNATURE && before == common; /* perhaps the branches part lower than known */
        note_lack(session);
        error = dx_limb_drop(&view, store);
        error = error == DX_OK && apart ? dx_session_search_fork(session, feed, &data->head) : error;
        error = error == DX_E_SIGNATURE ? DX_OK : error; /* it was garbage */
    }
    return error == DX_OK ? dx_session_note_fork(session, feed, cut) : error;
}

int dx_session_take_limb(dx_session *session, dx_bytes message) {
    const dx_alloc *alloc = session->replica->replication->context->alloc;
    dx_sync_data *data = dx_alloc_take(alloc, sizeof *data);
    if (data == NULL) {
        return DX_E_NO_MEMORY;
    }
    int error = dx_sync_limb_read(message, data);
    dx_feed *feed = NULL;
    error = error == DX_OK ? find_asked(session, data->feed_id, &feed) : error;
    if (error == DX_OK && feed != NULL) {
        error = take_run(session, feed, data);
    }
    dx_alloc_free(alloc, data, sizeof *data);
    return error;
}

int dx_session_take_lack(dx_session *session, dx_bytes message) {
    uint8_t id[DX_HASH_SIZE];
    dx_feed *feed = NULL;
    int error = dx_sync_lack_read(message, id);
    error = error == DX_OK ? find_asked(session, id, &feed) : error;
    if (error == DX_OK && feed != NULL) {
        note_lack(session);
    }
    return error;
}
