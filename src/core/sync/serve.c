/* sync/serve.c: what a peer wants of us: heads when they grew, blocks as its credit allows. See session.h. */
#include <string.h>

#include "base/limits.h"
#include "echo/purge.h"
#include "sync/session.h"

/* --- Heads ------------------------------------------------------------------------------------------ */

/* Whether anything signed can be shown of it: a feed that a state took the place of has heard of no head yet. */
static bool is_signed(const dx_feed *feed) {
    return feed->head.length > 0 || feed->target.length > 0;
}

static bool must_tell(const dx_session *session, const dx_feed *feed, const dx_session_feed *row) {
    uint64_t length = dx_replica_length(session->replica, feed);
    bool grew = length > row->told && length > row->theirs && !row->serving;
    return length > 0 && is_signed(feed) && (grew || session->answer[feed->identity.feed_class]);
}

static void write_entry(const dx_feed *feed, const dx_head *head, dx_buf *out) {
    dx_sync_entry entry = {.feed_class = feed->identity.feed_class, .head = *head};
    memcpy(entry.device, feed->identity.device, sizeof entry.device);
    memcpy(entry.key, feed->identity.key, sizeof entry.key);
    dx_sync_entry_write(&entry, out);
}

/* One STATE with the entries gathered so far. */
static int send_state(dx_session *session, dx_buf *entries, size_t count) {
    dx_replication *replication = session->replica->replication;
    dx_sync_state_begin(&session->replica->digests, count, &replication->message);
    dx_buf_append(&replication->message, entries->data, entries->size);
    int error = dx_buf_error(entries);
    dx_buf_clear(entries);
    session->told = session->replica->digests;
    return error == DX_OK ? dx_session_send(session) : error;
}

int dx_session_announce(dx_session *session) {
    dx_replica *replica = session->replica;
    bool changed = memcmp(&session->told, &replica->digests, sizeof session->told) != 0;
    if (session->state != DX_SESSION_MEMBER || (!changed && !session->answer[0] && !session->answer[1])) {
        return DX_OK;
    }
    dx_buf entries;
    dx_buf_init(&entries, replica->replication->context->alloc, DX_SYNC_ENTRIES_MAX * 256);
    size_t count = 0;
    int error = DX_OK;
    for (size_t i = 0; error == DX_OK && i < replica->space->feed_count; i++) {
        const dx_feed *feed = &replica->space->feeds[i];
        dx_session_feed *row = dx_session_feed_of(session, feed->local);
        if (row == NULL) {
            error = DX_E_NO_MEMORY;
            break;
        }
        if (!must_tell(session, feed, row)) {
            continue;
        }
        const dx_head *head = feed->head.length > 0 ? &feed->head : &feed->target;
        write_entry(feed, head, &entries);
        row->told = head->length;
        if (++count == DX_SYNC_ENTRIES_MAX) {
            error = send_state(session, &entries, count);
            count = 0;
        }
    }
    session->answer[0] = session->answer[1] = false;
    if (error == DX_OK &&
        (count > 0 || memcmp(&session->told, &replica->digests, sizeof session->told) != 0)) {
        error = send_state(session, &entries, count);
    }
    dx_buf_deinit(&entries);
    return error;
}

/* --- Blocks ----------------------------------------------------------------------------------------- */

int dx_session_gather(dx_session *session, const dx_feed *feed, uint64_t from, uint64_t end, dx_buf *blocks,
                      size_t *count) {
    dx_store *store = session->replica->replication->context->store;
    *count = 0;
    while (from + *count < end && *count < DX_SYNC_BLOCKS_MAX && blocks->size < DX_SYNC_DATA_SIZE) {
        dx_bytes block;
        int error = dx_feed_read(feed, store, from + *count, &block);
        if (error != DX_OK) {
            return error;
        }
        dx_sync_block_write(block, blocks);
        ++*count;
    }
    return dx_buf_error(blocks);
}

static int send_run(dx_session *session, dx_session_feed *row, const dx_feed *feed, uint64_t end) {
    dx_replication *replication = session->replica->replication;
    dx_store *store = replication->context->store;
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    size_t count = 0;
    const dx_head *head = NULL;
    dx_buf blocks;
    bool all = true;
    bool part = dx_session_keeps_part(session) && feed->identity.feed_class == DX_FEED_DATA;
    dx_buf_init(&blocks, replication->context->alloc, DX_SYNC_MESSAGE_MAX);
    int error = part ? dx_session_gather_part(session, feed, row->next, end, &blocks, &count, &all)
                     : dx_session_gather(session, feed, row->next, end, &blocks, &count);
    error = error == DX_OK && part ? dx_session_say_all(session, all) : error;
    if (error == DX_OK) {
        head = dx_feed_cover(feed, row->next + count);
        DX_ASSERT(head != NULL);
        error = dx_feed_prove(feed, store, row->next + count, head->length, proof);
    }
    if (error == DX_OK) {
        dx_sync_data_begin(feed->id, row->next, head, count, &replication->message);
        dx_buf_append(&replication->message, blocks.data, blocks.size);
        dx_sync_data_end(dx_bytes_of(proof, dx_mmr_proof_size(row->next + count, head->length)),
                         &replication->message);
        session->credit -= (int64_t)replication->message.size;
        row->next += count;
        row->told = head->length > row->told ? head->length : row->told;
        error = dx_session_send(session);
    }
    dx_buf_deinit(&blocks);
    return error;
}

/* Where much waits to leave on all links, each peer's next run waits until some of its own has left. */
static bool has_room(const dx_session *session) {
    return dx_swarm_has_room(session->replica->replication->swarm, session->link);
}

static int serve_class(dx_session *session, dx_feed_class feed_class, size_t *budget) {
    for (size_t i = 0; i < session->feed_count; i++) {
        dx_session_feed *row = &session->feeds[i];
        const dx_feed *feed = row->serving ? dx_space_feed(session->replica->space, row->local) : NULL;
        if (feed == NULL || feed->identity.feed_class != feed_class) {
            continue;
        }
        uint64_t end =
            dx_replica_length(session->replica, feed) == 0 || !is_signed(feed)
                ? 0
                : dx_purge_served(session->replica->space, feed); /* also what a head does not end at yet */
        bool head = row->head_asked && row->next == end && end > 0;
        row->head_asked = row->head_asked && end == 0;
        while ((row->next < end || head) && session->credit > 0 && *budget > 0 && has_room(session)) {
            int error = send_run(session, row, feed, end);
            if (error != DX_OK) {
                return error;
            }
            --*budget;
            head = false;
        }
    }
    return DX_OK;
}

int dx_session_serve(dx_session *session, bool *more) {
    if (session->state != DX_SESSION_MEMBER) {
        return DX_OK;
    }
    size_t budget = DX_SYNC_RUNS_PER_STEP;
    int error = serve_class(session, DX_FEED_CONTROL, &budget);
    if (error == DX_OK) {
        error = serve_class(session, DX_FEED_DATA, &budget);
    }
    *more = *more || budget == 0;
    return error;
}
