/* dxos/client.h: a program's way to a vault: open it, write, ask, hear what changes.
 *
 * Layer: public, floor 3 (libuv, POSIX). It speaks to the vault's agent when one runs, and otherwise holds the vault
 * in this process; commands and answers are the same (docs/spec/commands.md). examples/hello.c is the shortest tour.
 * Everything runs on the caller's thread: answers and changes are told inside of calls, by callbacks, which may
 * not make calls of their own with this client (DX_E_STATE).
 * Ownership: what a callback is given is borrowed until it returns; a dx_buf belongs to the caller, who inits it
 * (dx_buf_init(&buf, dx_host_alloc(), DX_ANSWER_MAX)) and deinits it. */
#ifndef DXOS_CLIENT_H
#define DXOS_CLIENT_H

#include <dxos/codec.h>
#include <dxos/node.h>
#include <dxos/query.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    DX_HOST_MESSAGE_MAX = 512, /* a sentence for people, with its terminator */
    DX_ANSWER_MAX = 4 << 20,   /* bytes of one answer */
    DX_SPACE_TEXT_MAX = 64 + 1 /* a space's id in hexadecimal, with its terminator */
};

typedef struct dx_client dx_client;

/* --- Opening ------------------------------------------------------------------------------------------ */

typedef struct dx_client_options {
    const char *vault, *profile; /* a folder; NULL: that of the profile; NULL: "default" */
    bool create;                 /* make the vault when there is none */
    bool never_agent;            /* hold the vault in this process, DX_E_BUSY when an agent does */
    bool network;                /* in this process: listen and dial (share, join); an agent does so anyway */
    const char *listen;          /* HOST:PORT; NULL: the kept address, else 127.0.0.1:0 */
    void (*trace)(void *ctx, const char *room, const char *text); /* NULL: none */
    void *trace_ctx;
    dx_model_registry models; /* in this process: beside the built-in ones; an agent has its own */
} dx_client_options;

/* message (DX_HOST_MESSAGE_MAX) receives one sentence for people with what and why; with DX_OK a warning, or
 * nothing. Errors as dx_node_open, and DX_E_IO. */
DX_API DX_MUST_USE int dx_client_open(const dx_client_options *options, dx_client **out, char *message);
/* Ends subscriptions without a word. client may be NULL. */
DX_API void dx_client_close(dx_client *client);
DX_API bool dx_client_has_agent(const dx_client *client);
/* An allocator over malloc, for programs. */
DX_API const dx_alloc *dx_host_alloc(void);

/* --- Calls: ask and wait -------------------------------------------------------------------------------- */

/* Each call below sends one command and returns with its answer: DX_OK or the error the vault gave, of which
 * dx_client_message then says more. Spaces go by name, id or the beginning of an id, objects and links by id (docs/spec/entities.md). `json` is a
 * text with holes, filled by what follows it (dx_json_format): dx_client_add(client, "notes", "task", id,
 * "{\"title\": %s, \"rank\": %d}", title, 3). */

/* How long a call waits: -1 (as at first) without end, else DX_E_TIMEOUT after so many milliseconds; what it asked for
 * may then still happen. */
DX_API void dx_client_set_timeout(dx_client *client, int64_t timeout_ms);
/* Of the last call that failed: what happened and why, one sentence; and what to do about it, empty when nothing is
 * known. Until the next call. */
DX_API const char *dx_client_message(const dx_client *client);
DX_API const char *dx_client_remedy(const dx_client *client);

/* One row of an answer, one encoded map. dx_item_get and its kin read it. */
typedef void (*dx_on_row)(void *ctx, dx_bytes row);

/* The person of this vault. DX_E_EXISTS: there is one. */
DX_API DX_MUST_USE int dx_client_create_identity(dx_client *client, const char *name);
/* id (DX_SPACE_TEXT_MAX) may be NULL. */
DX_API DX_MUST_USE int dx_client_create_space(dx_client *client, const char *name, char *id);
/* A new object; type may be NULL; id (DX_REFERENCE_TEXT_MAX) may be NULL. */
DX_API DX_MUST_USE int dx_client_add(dx_client *client, const char *space, const char *type, char *id,
                                     const char *json, ...) DX_PRINTF(5, 6);
/* A new link from one object to another. */
DX_API DX_MUST_USE int dx_client_link(dx_client *client, const char *space, const char *type,
                                      const char *source, const char *target, char *id, const char *json, ...)
    DX_PRINTF(7, 8);
/* Sets paths of an object: "{\"done\": true, \"address.city\": %s}". */
DX_API DX_MUST_USE int dx_client_set(dx_client *client, const char *space, const char *id, const char *json,
                                     ...) DX_PRINTF(4, 5);
/* Takes one path of an object away. */
DX_API DX_MUST_USE int dx_client_unset(dx_client *client, const char *space, const char *id,
                                       const char *path);
/* Deletes an object, brings it back, deletes a link. */
DX_API DX_MUST_USE int dx_client_remove(dx_client *client, const char *space, const char *id);
DX_API DX_MUST_USE int dx_client_restore(dx_client *client, const char *space, const char *id);
DX_API DX_MUST_USE int dx_client_unlink(dx_client *client, const char *space, const char *id);
/* Takes an object or link out of every vault of the space for good, with its history (docs/spec/purge.md): nothing brings it back.
 * DX_E_DENIED: neither an admin nor who made it. */
DX_API DX_MUST_USE int dx_client_purge(dx_client *client, const char *space, const char *id);
/* The object {"id", "type", "parent", "data", "deleted"}, appended to row as one encoded map. */
DX_API DX_MUST_USE int dx_client_get(dx_client *client, const char *space, const char *id, dx_buf *row);
/* The same, where the vault keeps a part of the space: all of it, brought from members. When it is not all (dx_client_is_partial),
 * it is what is here: {…, "partial": true}, with "reached": false when no member was there to be asked. DX_E_TIMEOUT: none was, and
 * nothing is here. */
DX_API DX_MUST_USE int dx_client_fetch(dx_client *client, const char *space, const char *id, dx_buf *row);
/* What of a space this vault keeps from now on (docs/spec/partial.md): "{\"types\": [%s]}", "{\"since\": %lld}" (ms since
 * 1970), "{\"query\": {\"type\": %s, \"where\": {\"year\": {\"ge\": %d}}}}", some of these, or "{\"all\": true}". */
DX_API DX_MUST_USE int dx_client_keep(dx_client *client, const char *space, const char *json, ...)
    DX_PRINTF(3, 4);
/* What it keeps now: {"partial", "types", "since", "query"?, "outside", "missing", "told_by"?, "told_at"?, …} (docs/spec/commands.md,
 * space.scope), appended to reply. */
DX_API DX_MUST_USE int dx_client_kept(dx_client *client, const char *space, dx_buf *reply);
/* Whether there may be more than the last answer told, because the vault keeps a part of what was asked about. */
DX_API bool dx_client_is_partial(const dx_client *client);
/* Time (docs/spec/history.md). A point is a text, as the rows say it in "at"; feed and dash may be left out. DX_E_GONE: history here
 * begins later than that.
 *   History: each change of an object or link, the newest first, {"at", "did", "time", …}; id NULL: each of the space's, {"at", "time", "made"?,
 * "changed"?, …, "ids"}. limit: how many rows at most, 0: 100.
 *   As it was: the object at a point, appended to row. DX_E_NOT_FOUND: it was not made yet.
 *   Difference: of an object at two points, path by path {"path", "from"?, "to"?}; id NULL: of all that shows otherwise in the space, a row
 * each. to NULL: now. */
DX_API DX_MUST_USE int dx_client_history(dx_client *client, const char *space, const char *id, size_t limit,
                                         dx_on_row on_row, void *ctx);
DX_API DX_MUST_USE int dx_client_get_at(dx_client *client, const char *space, const char *id,
                                        const char *point, dx_buf *row);
DX_API DX_MUST_USE int dx_client_difference(dx_client *client, const char *space, const char *id,
                                            const char *from, const char *to, dx_on_row on_row, void *ctx);
/* The way back, as new writes. Restore: the object is made what it was at a point. Undo takes back the latest transaction of this
 * device in the space, redo the latest undo; {"at", "time", "entities", "kept"} is appended to reply (may be NULL).
 * DX_E_NOT_FOUND: there is none. */
DX_API DX_MUST_USE int dx_client_restore_at(dx_client *client, const char *space, const char *id,
                                            const char *point);
DX_API DX_MUST_USE int dx_client_undo(dx_client *client, const char *space, dx_buf *reply);
DX_API DX_MUST_USE int dx_client_redo(dx_client *client, const char *space, dx_buf *reply);
/* What the question found at a point: a question without "text" and "path" (docs/spec/query.md, "Of a point"). */
DX_API DX_MUST_USE int dx_client_query_at(dx_client *client, const char *space, const char *point,
                                          dx_on_row on_row, void *ctx, const char *json, ...) DX_PRINTF(6, 7);
/* Each object or link that the question (docs/spec/query.md) finds; "{}" finds every object. space NULL: of all spaces, whose
 * rows say in "space" where they are. */
DX_API DX_MUST_USE int dx_client_query(dx_client *client, const char *space, dx_on_row on_row, void *ctx,
                                       const char *json, ...) DX_PRINTF(5, 6);
/* The same of a question that was built (dxos/query.h). The reply {"count", "cursor"?} is appended to reply (may be NULL): with a limit, where it goes on. */
DX_API DX_MUST_USE int dx_client_query_built(dx_client *client, const char *space, dx_on_row on_row,
                                             void *ctx, const dx_query_builder *query, dx_buf *reply);
/* Any command at all: rows, and states of what takes its time, go to on_row (may be NULL), the reply is appended to
 * reply (may be NULL): dx_client_ask(client, NULL, NULL, &reply, "{\"do\": \"space.digest\", \"space\": %s}", space). */
DX_API DX_MUST_USE int dx_client_ask(dx_client *client, dx_on_row on_row, void *ctx, dx_buf *reply,
                                     const char *json, ...) DX_PRINTF(5, 6);

/* --- Texts: what several people write in at once (docs/spec/text-model.md) --------------------------------- */

/* Places count characters (code points) from 0; words are UTF-8. What is inserted or deleted at once is one operation and has to fit
 * a block (1 MiB): DX_E_LIMIT. */

/* A new text that begins with these words (size 0: empty); type may be NULL; id (DX_REFERENCE_TEXT_MAX) may be NULL. */
DX_API DX_MUST_USE int dx_client_add_text(dx_client *client, const char *space, const char *type,
                                          dx_bytes words, char *id);
/* Its characters, appended to words. Formatting and what is embedded: dx_client_get, "data". */
DX_API DX_MUST_USE int dx_client_read_text(dx_client *client, const char *space, const char *id,
                                           dx_buf *words);
/* In front of the character at a place; place -1: at the end. */
DX_API DX_MUST_USE int dx_client_insert_text(dx_client *client, const char *space, const char *id, int64_t at,
                                             dx_bytes words);
DX_API DX_MUST_USE int dx_client_delete_text(dx_client *client, const char *space, const char *id, int64_t at,
                                             int64_t count);
/* Formats `count` characters: "{\"bold\": true}"; null for a key ends it. */
DX_API DX_MUST_USE int dx_client_format_text(dx_client *client, const char *space, const char *id, int64_t at,
                                             int64_t count, const char *json, ...) DX_PRINTF(6, 7);

/* For programs with a document of their own upon a text (dxos/text.h, any Yjs): updates are Yjs's, of form v2.
 *   Open: the document's client id, the session it pushes in, and all of the text, appended to update (may be NULL).
 *   Pull: what a document with that state vector (size 0: an empty one) lacks, appended to update.
 *   Push: what one transaction of the document did, kept once this returns. DX_E_INVALID: no update of that session; open anew.
 *   Watch: rows {"update": bytes}, told as those of dx_client_watch: first what the state vector lacks, then what others write, as it
 * comes, but for that session (0: none is left out). */
DX_API DX_MUST_USE int dx_client_open_text(dx_client *client, const char *space, const char *id,
                                           uint64_t *author, uint64_t *session, dx_buf *update);
DX_API DX_MUST_USE int dx_client_pull_text(dx_client *client, const char *space, const char *id,
                                           dx_bytes state_vector, dx_buf *update);
DX_API DX_MUST_USE int dx_client_push_text(dx_client *client, const char *space, const char *id,
                                           uint64_t session, dx_bytes update);
DX_API DX_MUST_USE int dx_client_watch_text(dx_client *client, const char *space, const char *id,
                                            uint64_t session, dx_bytes state_vector, dx_on_row on_row,
                                            void *ctx, uint8_t *request);

/* --- Subscriptions: what changes, as it changes ------------------------------------------------------------ */

/* From now on on_row is told each change of what the question finds, as an object or link with "change" in it (docs/spec/query.md, "Watching"), during this
 * client's calls and dx_client_wait, until dx_client_cancel or dx_client_close. space NULL: of all spaces, also those to come; no group
 * then. When the subscription ends by itself, its last row is {"error": …}. request (DX_REQUEST_SIZE) names it, may be NULL. */
DX_API DX_MUST_USE int dx_client_watch(dx_client *client, const char *space, dx_on_row on_row, void *ctx,
                                       uint8_t *request, const char *json, ...) DX_PRINTF(6, 7);
/* Ends a subscription, quietly. DX_E_NOT_FOUND: it ended before. */
DX_API DX_MUST_USE int dx_client_cancel(dx_client *client, const uint8_t *request);
/* Runs the loop until something was told, dx_client_interrupt was called, or timeout_ms passed (-1: no
 * limit). DX_OK; DX_E_TIMEOUT; DX_E_IO when the agent went away; DX_E_CANCELLED when interrupted. */
DX_API DX_MUST_USE int dx_client_wait(dx_client *client, int64_t timeout_ms);
/* From a signal handler: makes a running or the next wait return DX_E_CANCELLED. */
DX_API void dx_client_interrupt(dx_client *client);

/* --- Commands as they are ------------------------------------------------------------------------------------ */

/* For programs that build their commands themselves, have several at work, or resend one by its id. */

/* An answer to a request; body is borrowed for the call. last: the reply. */
typedef void (*dx_on_answer)(void *ctx, bool last, dx_bytes body);

/* Sends one command (an encoded map). At most 64 may be at work, subscriptions among them: DX_E_LIMIT. id may be NULL
 * (made at random); out_id (DX_REQUEST_SIZE) may be NULL. */
DX_API DX_MUST_USE int dx_client_send(dx_client *client, dx_bytes command, const uint8_t *id,
                                      dx_on_answer on_answer, void *ctx, uint8_t *out_id);
/* Sends and waits for the reply; notifications go to on_answer (may be NULL) before. reply receives the
 * reply's body. The reply may be an {"error"} map: that is DX_OK here. */
DX_API DX_MUST_USE int dx_client_call(dx_client *client, dx_bytes command, dx_on_answer on_answer, void *ctx,
                                      int64_t timeout_ms, dx_buf *reply);
/* Calls back for each row of an answer; does nothing when it has none. */
DX_API void dx_rows_each(dx_bytes body, dx_on_row on_row, void *ctx);
/* The "error" of a reply, size 0 when it is none. */
DX_API dx_bytes dx_reply_error(dx_bytes reply);

#ifdef __cplusplus
}
#endif
#endif
