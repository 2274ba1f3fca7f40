/* sync/scope.c: what of a space each side keeps, and what is left out for it. See session.h.
 *
 * Layer: floor 1, sync. docs/spec/sync.md, "Scopes"; docs/spec/partial.md. Who keeps a part tells members so, by number; what
 * a peer sends behind its SCOPED with that number is cut by it. That what is missing of it was left out by the scope, and
 * for nothing else, is the peer's word (`all`): it says so before it sends what it holds for, and takes it back before it
 * sends something of which it has not all itself. Without that word every hole is asked of others. With it, what one
 * identity alone says to be outside is asked once of a member of another that keeps everything: so nobody hides for long,
 * by pretending the scope, what others have (hole.c). A peer that keeps a part itself is asked last. Types are told to none
 * but who can read them. */
#include <string.h>

#include "base/limits.h"
#include "feed/hole.h"
#include "sync/session.h"

/* --- What this vault keeps ------------------------------------------------------------------------- */

/* A relay, which has no keys, sends everything and is told no types. */
bool dx_session_may_know(const dx_session *session) {
    return session->state == DX_SESSION_MEMBER &&
           dx_control_role(session->replica->space->control, session->identity) > DX_ROLE_PULL;
}

int dx_session_tell_scope(dx_session *session) {
    const dx_space *space = session->replica->space;
    dx_buf *message = &session->replica->replication->message;
    if (session->scope_told == space->scope_version || !dx_session_may_know(session)) {
        return DX_OK;
    }
    session->scope_told = space->scope_version;
    dx_sync_scope_write(space->scope_version, space->scope, message);
    dx_session_trace(session, "is told what this vault keeps");
    return dx_session_send(session);
}

int dx_session_take_scoped(dx_session *session, dx_bytes message) {
    uint64_t number;
    bool all;
    int error = dx_sync_scoped_read(message, &number, &all);
    if (error != DX_OK || number > session->scope_told || number < session->scope_cuts) {
        return error != DX_OK ? error : DX_E_PROTOCOL;
    }
    session->scope_cuts = number;
    session->scope_all = all;
    return DX_OK;
}

bool dx_session_explains_holes(const dx_session *session) {
    const dx_space *space = session->replica->space;
    return dx_space_scope_is_partial(space->scope) && !space->scope_resets && session->scope_all &&
           session->scope_told == space->scope_version && session->scope_cuts == space->scope_version;
}

/* Of an own device that keeps everything, nobody else has to say the same. */
static int64_t word_of(const dx_session *session) {
    const uint8_t *own = session->replica->replication->context->identity->identity;
    int64_t word;
    memcpy(&word, session->identity, sizeof word);
    bool final = memcmp(session->identity, own, DX_KEY_SIZE) == 0 && !dx_session_keeps_part(session);
    return final ? 0 : word == 0 ? 1 : word;
}

int dx_session_excuse(dx_session *session, const dx_feed *feed, uint64_t from, uint64_t end) {
    int error =
        dx_space_scope_excuse(session->replica->replication->context, feed, from, end, word_of(session));
    for (dx_session *other = session->replica->sessions; other != NULL; other = other->next) {
        dx_session_feed *row = dx_session_find_feed(other, feed->local);
        if (other != session && row != NULL && row->doubts.seq >= from) {
            row->doubts = (dx_sync_place){.seq = from}; /* they may know better */
        }
    }
    return error;
}

bool dx_session_tells_doubts(const dx_session *session) {
    const dx_space *space = session->replica->space;
    return dx_space_scope_is_partial(space->scope) && session->scope_told == space->scope_version &&
           session->scope_cuts == space->scope_version && !dx_session_keeps_part(session);
}

int dx_session_find_doubt(const dx_session *session, const dx_feed *feed, uint64_t from, dx_holes *out) {
    return dx_hole_doubted(feed, session->replica->replication->context->store, from, word_of(session), out);
}

/* --- What they keep -------------------------------------------------------------------------------- */

int dx_session_take_scope(dx_session *session, dx_bytes message) {
    uint64_t number;
    dx_replication *replication = session->replica->replication;
    int error = dx_sync_scope_read(message, &number, &session->scope);
    if (error != DX_OK || number <= session->scope_number) {
        return error != DX_OK ? error : DX_E_PROTOCOL;
    }
    dx_session_trace(session, "keeps %s", dx_space_scope_is_partial(&session->scope) ? "a part" : "all");
    session->scope_number = number;
    session->scope_said = true;
    dx_sync_scoped_write(number, true, &replication->message);
    return dx_session_send(session);
}

int dx_session_say_all(dx_session *session, bool all) {
#if defined(DX_PLANT) && DX_PLANT == 66
    all = true;
#endif
    if (session->scope_number == 0 || session->scope_said == all) {
        return DX_OK;
    }
    session->scope_said = all;
    dx_sync_scoped_write(session->scope_number, all, &session->replica->replication->message);
    return dx_session_send(session);
}

bool dx_session_keeps_part(const dx_session *session) {
    return dx_space_scope_is_partial(&session->scope);
}

dx_scope_judge dx_session_judge(dx_session *session) {
    return (dx_scope_judge){.context = session->replica->replication->context,
                            .space = session->replica->space,
                            .scope = &session->scope};
}

int dx_session_gather_part(dx_session *session, const dx_feed *feed, uint64_t from, uint64_t end,
                           dx_buf *blocks, size_t *count, bool *all) {
    dx_scope_judge judge = dx_session_judge(session);
    dx_buf block;
    int error = DX_OK;
    *count = 0;
    *all = true;
    dx_buf_init(&block, judge.context->alloc, DX_BLOCK_SIZE_MAX);
    while (error == DX_OK && from + *count < end && *count < DX_SYNC_BLOCKS_MAX &&
           blocks->size < DX_SYNC_DATA_SIZE) {
        bool lacks = false;
        dx_buf_clear(&block);
        error = dx_scope_judge_block(&judge, feed, from + *count, &block, &lacks);
        *all = *all && !lacks;
        dx_sync_block_write(dx_buf_view(&block), blocks);
        ++*count;
    }
    dx_buf_deinit(&block);
    return error != DX_OK ? error : dx_buf_error(blocks);
}
