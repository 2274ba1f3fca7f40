/* sync/post.c: messages between members that nobody keeps: to who is connected now and listens now.
 *
 * Layer: floor 1, sync. docs/spec/sync.md, Posts. What is said faster than DX_SYNC_POST_PER_S is not sent, so that a slow
 * link gathers none and nobody is taken for a flood. */
#include <string.h>

#include "base/limits.h"
#include "sync/session.h"

/* What it counts for: a small one costs its handling. */
static size_t cost_of(size_t size) {
    return size < DX_SYNC_POST_LEAST ? DX_SYNC_POST_LEAST : size;
}

/* Who may read what is in the space: others, such as a relay that passes sealed blocks on, neither say nor hear. */
static bool reads(const dx_session *session) {
    const dx_space *space = session->replica->space;
    return session->state == DX_SESSION_MEMBER &&
           dx_control_role(space->control, session->identity) >= DX_ROLE_READER;
}

static bool may_say(dx_session *session, size_t size) {
    uint64_t now_ms = session->replica->replication->context->now_ms;
    uint64_t passed_ms = now_ms - session->post_ms;
    uint64_t full_ms = UINT64_C(1000) * DX_SYNC_POST_MAX / DX_SYNC_POST_PER_S;
    size_t gained = passed_ms >= full_ms ? DX_SYNC_POST_MAX : (size_t)(passed_ms * DX_SYNC_POST_PER_S / 1000);
    session->posted = session->posted > gained ? session->posted - gained : 0;
    session->post_ms = now_ms;
    if (session->posted + cost_of(size) > DX_SYNC_POST_MAX) {
        return false;
    }
    session->posted += cost_of(size);
    return true;
}

void dx_replication_hear_posts(dx_replication *replication, dx_post_handler handler) {
    replication->posts = handler;
}

int dx_replication_post(dx_replication *replication, dx_space *space, dx_bytes channel, dx_bytes message) {
    dx_replica *replica = dx_replica_find(replication, space);
    dx_session *session = replica == NULL ? NULL : replica->sessions;
    int error = DX_OK;
    for (; error == DX_OK && session != NULL; session = session->next) {
        if (reads(session) && may_say(session, message.size)) {
            dx_sync_post_write(channel, message, &replication->message);
            error = dx_session_send(session);
        }
    }
    return error;
}

int dx_session_take_post(dx_session *session, dx_bytes message) {
    const dx_post_handler *handler = &session->replica->replication->posts;
    dx_post post = {.identity = session->identity, .device = session->device};
    int error = dx_sync_post_read(message, &post.channel, &post.message);
    error = error == DX_OK
                ? dx_session_spend(session, (int64_t)(cost_of(post.message.size) / DX_SYNC_POST_WORK_SIZE))
                : error;
    bool heard = error == DX_OK && handler->on_post != NULL && reads(session);
    return heard ? handler->on_post(handler->ctx, session->replica->space, &post) : error;
}
