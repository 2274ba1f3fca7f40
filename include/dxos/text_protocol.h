/* dxos/text_protocol.h: what replicas of a text document tell each other, as y-protocols has it.
 *
 * Layer: public, floor 1. Messages that bring two replicas together and keep them so (sync), who is there and where their cursors
 * stand (awareness), and snapshots compared. The bytes are those of y-protocols 1.0 in the envelope of y-websocket
 * (docs/spec/text.md, Protocols); how they travel is the caller's matter.
 * Errors and ownership as in dxos/text.h; a buffer that is appended to is as it was when a call fails. */
#ifndef DXOS_TEXT_PROTOCOL_H
#define DXOS_TEXT_PROTOCOL_H

#include <dxos/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- Messages --------------------------------------------------------------------------------- */

typedef enum dx_text_message_kind {
    DX_TEXT_STEP_1,       /* payload: the sender's state vector; is answered by step 2 */
    DX_TEXT_STEP_2,       /* an update v1: what the other one lacks */
    DX_TEXT_UPDATE,       /* an update v1, as it happened */
    DX_TEXT_AWARENESS,    /* an awareness update */
    DX_TEXT_DENIED,       /* why the document may not be read, in words */
    DX_TEXT_ASK_AWARENESS /* no payload; is answered by all that is known */
} dx_text_message_kind;

typedef struct dx_text_message {
    dx_text_message_kind kind;
    dx_bytes payload; /* a view of what was read */
} dx_text_message;

/* Appends a message. enveloped: with the number of its protocol before it, as y-websocket and its kin send it; without, only the
 * three kinds of sync are written and read. */
DX_API DX_MUST_USE int dx_text_message_write(dx_text_message message, bool enveloped, dx_buf *out);
/* Reads the first message of the input; *size is what it took: several may stand in one frame. DX_E_UNSUPPORTED: of another protocol. */
DX_API DX_MUST_USE int dx_text_message_read(dx_bytes input, bool enveloped, dx_text_message *message,
                                            size_t *size);
/* Does what a message of sync asks for: takes an update in, or appends the answer, a message itself. Other kinds: DX_E_INVALID. */
DX_API DX_MUST_USE int dx_text_message_handle(dx_text_doc *doc, dx_text_message message, bool enveloped,
                                              dx_buf *answer);

/* --- Snapshots -------------------------------------------------------------------------------- */

/* Whether two snapshots of that form say the same. */
DX_API DX_MUST_USE int dx_text_snapshots_equal(const dx_alloc *alloc, dx_text_form form, dx_bytes a,
                                               dx_bytes b, bool *equal);
/* Whether a document at that snapshot has all that an update says; both of that form. */
DX_API DX_MUST_USE int dx_text_snapshot_contains(const dx_alloc *alloc, dx_text_form form, dx_bytes snapshot,
                                                 dx_bytes update, bool *contains);

/* --- Awareness -------------------------------------------------------------------------------- */

/* Who is there: for each client one state, a JSON value (a name, a colour, a cursor), forgotten when it is not said again.
 * A replica says its own again every DX_TEXT_RENEW_MS; who has not been heard of for DX_TEXT_GONE_MS is gone.
 * Time is the caller's, in milliseconds of a clock that does not go back. */
enum { DX_TEXT_RENEW_MS = 15000, DX_TEXT_GONE_MS = 30000 };

typedef struct dx_text_awareness dx_text_awareness;

/* client: this replica's, as in dx_text_options. It has no state yet. */
DX_API DX_MUST_USE int dx_text_awareness_create(const dx_alloc *alloc, uint64_t client,
                                                dx_text_awareness **awareness);
DX_API void dx_text_awareness_destroy(dx_text_awareness *awareness); /* NULL: nothing */

/* This replica's state, a JSON text; NULL: it leaves. DX_E_LIMIT: longer than DX_TEXT_STATE_SIZE_MAX. */
DX_API DX_MUST_USE int dx_text_awareness_set(dx_text_awareness *awareness, const char *state,
                                             uint64_t now_ms);
/* The state of a client as JSON, empty: it is not there. Holds until the next call that changes anything. */
DX_API dx_bytes dx_text_awareness_state(const dx_text_awareness *awareness, uint64_t client);
/* Clients that are there, ascending; *count may be more than capacity, then the first ones are given. */
DX_API void dx_text_awareness_clients(const dx_text_awareness *awareness, uint64_t *clients, size_t capacity,
                                      size_t *count);

typedef enum dx_text_presence {
    DX_TEXT_CAME,
    DX_TEXT_CHANGED,
    DX_TEXT_RENEWED, /* said the same again; of this replica's own: somebody said it had left, which it tells the others is not so */
    DX_TEXT_LEFT
} dx_text_presence;

typedef struct dx_text_awareness_change {
    uint64_t client;
    dx_text_presence what;
} dx_text_awareness_change;

/* What the last of set, apply and tick changed: what is to be sent on, and shown. Holds until the next of them. */
DX_API const dx_text_awareness_change *dx_text_awareness_changes(const dx_text_awareness *awareness,
                                                                 size_t *count);

/* Takes in an awareness update: all of it or nothing. What is older than known is passed over. DX_E_LIMIT: more than
 * DX_TEXT_PRESENT_MAX clients, or a state that is too long. */
DX_API DX_MUST_USE int dx_text_awareness_apply(dx_text_awareness *awareness, dx_bytes update,
                                               uint64_t now_ms);
/* Appends an update that says the states of those clients, of whom nothing is known left out; clients NULL: of all that are there. */
DX_API DX_MUST_USE int dx_text_awareness_encode(const dx_text_awareness *awareness, const uint64_t *clients,
                                                size_t count, dx_buf *update);
/* Says the own state again when it is time, and lets go who has not been heard of. */
DX_API void dx_text_awareness_tick(dx_text_awareness *awareness, uint64_t now_ms);
/* When tick has something to do; DX_NO_DEADLINE: nobody is there. */
DX_API uint64_t dx_text_awareness_deadline(const dx_text_awareness *awareness);

enum { DX_TEXT_PRESENT_MAX = 4096, DX_TEXT_STATE_SIZE_MAX = 64 * 1024 };

#ifdef __cplusplus
}
#endif
#endif
