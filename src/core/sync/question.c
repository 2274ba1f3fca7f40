/* sync/question.c: how much work a peer may ask for. See session.h.
 *
 * Layer: floor 1, sync. Credit bounds what a peer sends and is sent of blocks; this bounds the rest. Whatever makes
 * us check signatures or read trees is counted, in units of one signature checked, against what flows back with
 * time. What must be taken as it comes (announcements, proofs, addresses) ends the link when nothing is left;
 * questions wait instead, because one who fetches a long branch asks many in a row and means no harm. */
#include <string.h>

#include "base/limits.h"
#include "sync/session.h"

enum {
    LENGTH_SIZE = 2,
    ASK_FEEDS_PER_UNIT = 16,
    PATH_WORK = 4,
    BRANCH_WORK = 16,
    HOLES_WORK = 64,
    PIECE_WORK = 32,
    SEEK_WORK = 64
};

static void refill(dx_session *session) {
    uint64_t now_ms = session->replica->replication->context->now_ms;
    uint64_t passed_ms = now_ms - session->work_ms;
    uint64_t full_ms = 2 * DX_SYNC_WORK_MAX * UINT64_C(1000) / DX_SYNC_WORK_PER_S;
    passed_ms = passed_ms < full_ms ? passed_ms : full_ms;
    int64_t work = session->work + (int64_t)(passed_ms * DX_SYNC_WORK_PER_S / 1000);
    session->work = work < DX_SYNC_WORK_MAX ? work : DX_SYNC_WORK_MAX;
    session->work_ms = now_ms;
}

int dx_session_spend(dx_session *session, int64_t work) {
    refill(session);
    session->work -= work;
    if (session->work < 0) {
        dx_session_trace(session, "asks for more work than anybody may");
        return DX_E_FLOOD;
    }
    return DX_OK;
}

/* Work of an answer: nodes of a tree, or a run of blocks, or the heads of all feeds. */
static int64_t work_of(const dx_session *session, dx_sync_kind kind) {
    if (kind == DX_SYNC_ASK) {
        return (int64_t)(1 + session->replica->space->feed_count / ASK_FEEDS_PER_UNIT);
    }
    return kind == DX_SYNC_BRANCH  ? BRANCH_WORK
           : kind == DX_SYNC_HOLES ? HOLES_WORK
           : kind == DX_SYNC_FETCH ? PIECE_WORK
           : kind == DX_SYNC_SEEK  ? SEEK_WORK
                                   : PATH_WORK;
}

static int take_ask(dx_session *session, dx_bytes message) {
    dx_feed_class feed_class;
    int error = dx_sync_ask_read(message, &feed_class);
    if (error == DX_OK) {
        session->answer[feed_class] = true;
    }
    return error;
}

bool dx_session_may_work(dx_session *session, uint64_t *deadline_ms) {
    refill(session);
    if (session->work < DX_SYNC_WORK_KEPT) {
        uint64_t missing = (uint64_t)(DX_SYNC_WORK_KEPT - session->work);
        uint64_t due_ms = session->work_ms + missing * 1000 / DX_SYNC_WORK_PER_S + 1;
        *deadline_ms = due_ms < *deadline_ms ? due_ms : *deadline_ms;
        return false;
    }
    return session->judged && session->credit > 0 &&
           dx_swarm_has_room(session->replica->replication->swarm, session->link);
}

/* The oldest question that waits. */
static dx_bytes first_waiting(const dx_session *session) {
    const uint8_t *at = session->waiting.data;
    return dx_bytes_of(at + LENGTH_SIZE, (size_t)at[0] << 8 | at[1]);
}

static int answer(dx_session *session, dx_bytes message) {
    dx_sync_kind kind = dx_sync_message_kind(message);
    session->work -= work_of(session, kind);
    return kind == DX_SYNC_ASK     ? take_ask(session, message)
           : kind == DX_SYNC_PROBE ? dx_session_take_probe(session, message)
           : kind == DX_SYNC_PART  ? dx_session_take_part(session, message)
           : kind == DX_SYNC_HOLES ? dx_session_take_holes(session, message)
           : kind == DX_SYNC_FETCH ? dx_session_answer_fetch(session, message)
           : kind == DX_SYNC_SEEK  ? dx_session_answer_seek(session, message)
                                   : dx_session_take_branch(session, message);
}

/* What was answered before must have left, too; and a question that comes with the hello waits until it is known whether a
 * member asks. */
static bool may_answer(dx_session *session, dx_sync_kind kind) {
    refill(session);
    return session->judged && session->work >= DX_SYNC_WORK_KEPT &&
           ((kind != DX_SYNC_FETCH && kind != DX_SYNC_SEEK) || session->credit > 0) &&
           dx_swarm_has_room(session->replica->replication->swarm, session->link);
}

int dx_session_take_question(dx_session *session, dx_bytes message) {
    dx_sync_kind kind = dx_sync_message_kind(message);
    if (session->waiting.size == 0 && kind != DX_SYNC_SEEK && may_answer(session, kind)) {
        return answer(session, message);
    }
    if (message.size + LENGTH_SIZE > session->waiting.max - session->waiting.size) {
        dx_session_trace(session, "asks faster than anybody may");
        return DX_E_FLOOD;
    }
    const uint8_t length[LENGTH_SIZE] = {(uint8_t)(message.size >> 8), (uint8_t)message.size};
    dx_buf_append(&session->waiting, length, sizeof length);
    dx_buf_append(&session->waiting, message.data, message.size);
    return dx_buf_error(&session->waiting);
}

/* One SEEK in a step: its answer is on its way, and stored there, while the next is put together. */
int dx_session_answer_waiting(dx_session *session, uint64_t *deadline_ms) {
    bool sought = false;
    while (session->waiting.size > 0 && may_answer(session, dx_sync_message_kind(first_waiting(session)))) {
        dx_bytes question = first_waiting(session);
        bool seeks = dx_sync_message_kind(question) == DX_SYNC_SEEK;
        if (seeks && sought) {
            *deadline_ms = session->work_ms;
            return DX_OK;
        }
        sought = sought || seeks;
        int error = answer(session, question);
        dx_buf_consume(&session->waiting, LENGTH_SIZE + question.size);
        if (error != DX_OK) {
            return error;
        }
    }
    if (session->waiting.size > 0 &&
        session->work < DX_SYNC_WORK_KEPT) { /* otherwise something must leave first */
        uint64_t missing = (uint64_t)(DX_SYNC_WORK_KEPT - session->work);
        uint64_t due_ms = session->work_ms + missing * 1000 / DX_SYNC_WORK_PER_S + 1;
        *deadline_ms = due_ms < *deadline_ms ? due_ms : *deadline_ms;
    }
    return DX_OK;
}
