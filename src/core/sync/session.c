/* sync/session.c: a conversation's beginning: prove the device, learn whether it speaks for a member. See
 * session.h. */
#include "sync/session.h"

#include <stdarg.h>
#include <string.h>

#include "base/limits.h"
#include "base/trace.h"

static const char hello_context[] = "dxos hello/1";

dx_session *dx_session_find(dx_replica *replica, uint64_t link) {
    dx_session *session = replica->sessions;
    while (session != NULL && session->link != link) {
        session = session->next;
    }
    return session;
}

int dx_session_send(dx_session *session) {
    dx_buf *message = &session->replica->replication->message;
    int error = dx_buf_error(message);
    if (error == DX_OK) {
        error = dx_swarm_send(session->replica->replication->swarm, session->link, dx_buf_view(message));
    }
    dx_buf_clear(message);
    return error == DX_E_NOT_FOUND ? DX_OK : error; /* the link went in this very step: its on_close comes */
}

void dx_session_trace(const dx_session *session, const char *format, ...) {
    const dx_tracer *tracer = session->replica->replication->context->tracer;
    char what[DX_TRACE_LINE_SIZE / 2], device[9];
    if (tracer == NULL || tracer->line == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    sqlite3_vsnprintf(sizeof what, what, format, arguments);
    va_end(arguments);
    dx_hex_encode(dx_bytes_of(session->device, 4), device);
    dx_trace(tracer, "sync", "space %lld, link %llu, device %s: %s",
             (long long)session->replica->space->local, (unsigned long long)session->link,
             session->state == DX_SESSION_HELLO ? "unknown" : device, what);
}

static int send_hello(dx_session *session) {
    dx_replication *replication = session->replica->replication;
    const dx_identity *identity = replication->context->identity;
    dx_sync_hello hello = {.digests = session->replica->digests, .address_count = replication->address_count};
    uint8_t proof[DX_SYNC_PROOF_SIZE];
    memcpy(hello.addresses, replication->addresses, sizeof hello.addresses);
    memcpy(hello.device, identity->device, sizeof hello.device);
    dx_sync_hello_proof(session->initiator, session->handshake_hash, session->replica->space->id, proof);
    dx_sign(&identity->device_key, hello_context, dx_bytes_of(proof, sizeof proof), hello.signature);
    dx_sync_hello_write(&hello, &replication->message);
    session->told = hello.digests;
    return dx_session_send(session);
}

int dx_session_open(dx_replica *replica, const dx_swarm_link *link) {
    dx_context *context = replica->replication->context;
    dx_session *session = dx_alloc_take_zeroed(context->alloc, sizeof *session);
    if (session == NULL) {
        return DX_E_NO_MEMORY;
    }
    session->replica = replica;
    session->link = link->link;
    session->initiator = link->initiator;
    session->credit = session->granted = DX_SYNC_CREDIT;
    session->heard_ms = session->opened_ms = session->work_ms = context->now_ms;
    session->work = DX_SYNC_WORK_MAX;
    dx_buf_init(&session->waiting, context->alloc, DX_SYNC_WAITING_SIZE_MAX);
    dx_session_holes_init(session);
    dx_session_match_init(session);
    dx_space_scope_init(&session->scope, context->alloc);
    memcpy(session->handshake_hash, link->handshake_hash, sizeof session->handshake_hash);
    memcpy(session->address, link->address, sizeof session->address);
    session->next = replica->sessions;
    replica->sessions = session;
    int error = dx_replica_refresh(replica);
    return error == DX_OK ? send_hello(session) : error;
}

void dx_session_close(dx_session *session) {
    dx_replica *replica = session->replica;
    dx_session **at = &replica->sessions;
    while (*at != session) {
        at = &(*at)->next;
    }
    *at = session->next;
    if (session->state == DX_SESSION_MEMBER) {
        replica->left = session->theirs;
        replica->left_count++;
    }
    const dx_alloc *alloc = replica->replication->context->alloc;
    dx_alloc_free(alloc, session->feeds, session->feed_capacity * sizeof session->feeds[0]);
    dx_alloc_free(alloc, session->hearsay, session->hearsay_capacity * sizeof session->hearsay[0]);
    dx_session_drop_proofs(session);
    dx_buf_deinit(&session->waiting);
    dx_session_holes_deinit(session);
    dx_session_seek_deinit(session);
    dx_session_match_deinit(session);
    dx_space_scope_deinit(&session->scope);
    dx_alloc_free(alloc, session, sizeof *session);
}

/* Index of the feed's row, or of where it belongs. */
static size_t place_feed(const dx_session *session, int64_t local) {
    size_t low = 0, high = session->feed_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (session->feeds[middle].local < local) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

dx_session_feed *dx_session_find_feed(const dx_session *session, int64_t local) {
    size_t at = place_feed(session, local);
    return at < session->feed_count && session->feeds[at].local == local ? &session->feeds[at] : NULL;
}

dx_session_feed *dx_session_feed_of(dx_session *session, int64_t local) {
    size_t at = place_feed(session, local);
    if (at < session->feed_count && session->feeds[at].local == local) {
        return &session->feeds[at];
    }
    if (session->feed_count == session->feed_capacity) {
        const dx_alloc *alloc = session->replica->replication->context->alloc;
        size_t capacity = session->feed_capacity == 0 ? 16 : session->feed_capacity * 2;
        dx_session_feed *feeds = dx_alloc_grow(alloc, session->feeds, session->feed_capacity * sizeof *feeds,
                                               capacity * sizeof *feeds);
        if (feeds == NULL) {
            return NULL;
        }
        session->feeds = feeds;
        session->feed_capacity = capacity;
    }
    memmove(&session->feeds[at + 1], &session->feeds[at],
            (session->feed_count - at) * sizeof session->feeds[0]);
    session->feed_count++;
    session->feeds[at] = (dx_session_feed){.local = local};
    return &session->feeds[at];
}

/* The handshake carried the device credential: its identity vouches for the device, the device for the Noise
 * key that encrypts this link, and the hello's signature binds the device to this very handshake, so that
 * nothing can be relayed. */
static int check_hello(dx_session *session, const dx_swarm_link *link, const dx_sync_hello *hello) {
    dx_credential credential;
    int error = dx_credential_decode(link->remote_payload, &credential);
    if (error != DX_OK) {
        return error;
    }
    dx_bytes noise = dx_item_bytes(dx_credential_claim(&credential, 1));
    bool fits = credential.type == DX_CREDENTIAL_DEVICE &&
                memcmp(credential.subject, hello->device, DX_KEY_SIZE) == 0 &&
                dx_bytes_equal(noise, dx_bytes_of(link->remote_static, DX_KEY_SIZE)) &&
                memcmp(credential.signer, credential.issuer, DX_KEY_SIZE) == 0;
    if (!fits) {
        return DX_E_VERIFY;
    }
    error = dx_credential_verify(&credential);
    if (error != DX_OK) {
        return error;
    }
    uint8_t proof[DX_SYNC_PROOF_SIZE];
    dx_sync_hello_proof(!session->initiator, session->handshake_hash, session->replica->space->id, proof);
    error = dx_sign_verify(hello->device, hello_context, dx_bytes_of(proof, sizeof proof), hello->signature);
    memcpy(session->device, hello->device, DX_KEY_SIZE);
    memcpy(session->identity, credential.issuer, DX_KEY_SIZE);
    return error;
}

static int take_hello(dx_session *session, const dx_swarm_link *link, dx_bytes message) {
    dx_sync_hello hello;
    int error = dx_sync_hello_read(message, &hello);
    if (error == DX_OK) {
        error = check_hello(session, link, &hello);
    }
    if (error != DX_OK) {
        return error;
    }
    session->theirs = hello.digests;
    session->state = DX_SESSION_UNPROVEN; /* settle raises it when the control state knows the member */
    dx_session_trace(session, "said hello");
    return dx_session_take_addresses(session, hello.addresses, hello.address_count, DX_ADDRESS_OWN);
}

static int take_want(dx_session *session, dx_bytes message) {
    uint8_t id[DX_HASH_SIZE];
    uint64_t from;
    int error = dx_sync_want_read(message, id, &from);
    dx_feed *feed = error == DX_OK ? dx_space_feed_by_id(session->replica->space, id) : NULL;
    if (feed == NULL || session->state != DX_SESSION_MEMBER) {
        return error; /* nothing to give: they hear of it when there is */
    }
    dx_session_feed *row = dx_session_feed_of(session, feed->local);
    if (row == NULL) {
        return DX_E_NO_MEMORY;
    }
    if (from < feed->begins) {
        row->serving = false;
        return dx_session_tell_gone(session, feed);
    }
    row->serving = true;
    row->head_asked = from > 0;
    row->next = from;
    return DX_OK;
}

static int take_credit(dx_session *session, dx_bytes message) {
    uint64_t bytes;
    int error = dx_sync_more_read(message, &bytes);
    if (error != DX_OK) {
        return error;
    }
#if defined(DX_PLANT) && DX_PLANT == 15
    if (bytes > DX_SYNC_CREDIT) {
#else
    if (bytes > DX_SYNC_CREDIT || session->credit + (int64_t)bytes > DX_SYNC_CREDIT) {
#endif
        return DX_E_PROTOCOL; /* more than was ever spent */
    }
    session->credit += (int64_t)bytes;
    return DX_OK;
}

static int take_ping(dx_session *session, dx_bytes message) {
    int error = dx_sync_ping_read(false, message);
    if (error != DX_OK) {
        return error;
    }
    dx_sync_ping_write(true, &session->replica->replication->message);
    return dx_session_send(session);
}

static int take_more_addresses(dx_session *session, dx_bytes message) {
    dx_bytes addresses[DX_SYNC_ADDRESSES_MAX];
    size_t count = 0;
    int error = dx_sync_addresses_read(message, addresses, &count);
    return error == DX_OK ? dx_session_take_addresses(session, addresses, count, DX_ADDRESS_HEARSAY) : error;
}

/* What taking this message costs beside what is counted as it is read (entries of a STATE, DATA that brings nothing):
 * a few signatures or statements of the store, and of the largest ones as many as fit a message. */
static int64_t work_of(dx_sync_kind kind) {
    bool proves = kind == DX_SYNC_FORK || kind == DX_SYNC_ROOTS || kind == DX_SYNC_PATH ||
                  kind == DX_SYNC_LIMB || kind == DX_SYNC_SECTIONS || kind == DX_SYNC_SOUGHT ||
                  kind == DX_SYNC_SCOPE || kind == DX_SYNC_MATCH || kind == DX_SYNC_MATCHED;
    return proves ? 4 : kind == DX_SYNC_ADDRESSES ? 5 * DX_SYNC_ADDRESSES_MAX : 0;
}

int dx_session_receive(dx_session *session, const dx_swarm_link *link, dx_bytes message) {
    dx_sync_kind kind = dx_sync_message_kind(message);
    session->heard_ms = session->replica->replication->context->now_ms;
    session->pinged = false;
    if ((session->state == DX_SESSION_HELLO) != (kind == DX_SYNC_HELLO)) {
        return kind == DX_SYNC_KIND_COUNT ? DX_E_MALFORMED : DX_E_PROTOCOL;
    }
    int error = dx_session_spend(session, work_of(kind));
    if (error != DX_OK) {
        return error;
    }
    switch (kind) {
    case DX_SYNC_HELLO:
        return take_hello(session, link, message);
    case DX_SYNC_STATE:
        return dx_session_take_state(session, message);
    case DX_SYNC_ASK:
    case DX_SYNC_PROBE:
    case DX_SYNC_PART:
    case DX_SYNC_BRANCH:
    case DX_SYNC_HOLES:
    case DX_SYNC_FETCH:
    case DX_SYNC_SEEK:
        return dx_session_take_question(session, message);
    case DX_SYNC_SCOPE:
        return dx_session_take_scope(session, message);
    case DX_SYNC_SCOPED:
        return dx_session_take_scoped(session, message);
    case DX_SYNC_SOUGHT:
        return dx_session_take_sought(session, message);
    case DX_SYNC_POST:
        return dx_session_take_post(session, message);
    case DX_SYNC_MATCH:
        return dx_session_take_match(session, message);
    case DX_SYNC_MATCHED:
        return dx_session_take_matched(session, message);
    case DX_SYNC_GONE:
        return dx_session_take_gone(session, message);
    case DX_SYNC_PIECE:
        return dx_session_take_piece(session, message);
    case DX_SYNC_WANT:
        return take_want(session, message);
    case DX_SYNC_DATA:
        return dx_session_take_data(session, message);
    case DX_SYNC_MORE:
        return take_credit(session, message);
    case DX_SYNC_PING:
        return take_ping(session, message);
    case DX_SYNC_PONG:
        return dx_sync_ping_read(true, message);
    case DX_SYNC_ADDRESSES:
        return take_more_addresses(session, message);
    case DX_SYNC_FORK:
        return dx_session_take_fork(session, message);
    case DX_SYNC_ROOTS:
        return dx_session_take_roots(session, message);
    case DX_SYNC_PATH:
        return dx_session_take_path(session, message);
    case DX_SYNC_LIMB:
        return dx_session_take_limb(session, message);
    case DX_SYNC_LACK:
        return dx_session_take_lack(session, message);
    case DX_SYNC_SECTIONS:
        return dx_session_take_sections(session, message);
    case DX_SYNC_KIND_COUNT:
        break;
    }
    return DX_E_MALFORMED;
}
