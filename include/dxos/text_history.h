/* dxos/text_history.h: places that move with a text, undo and redo, events, versions, marks.
 *
 * Layer: public, floor 1; on top of dxos/text.h, whose rules hold here: units, errors, ownership, one thread. */
#ifndef DXOS_TEXT_HISTORY_H
#define DXOS_TEXT_HISTORY_H

#include <dxos/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- Relative positions ----------------------------------------------------------------------- */

/* A place that stays where it is meant whatever others write: a cursor, an anchor of a comment. assoc >= 0: before the
 * character at index, with which it moves; assoc < 0: behind the one before index. At an end of the type it is that end.
 * Appends it as Yjs has it in bytes. index beyond the end: DX_E_INVALID. */
DX_API DX_MUST_USE int dx_text_position_make(const dx_text_doc *doc, dx_text_type type, uint64_t index,
                                             int assoc, dx_buf *position);
/* Where it is now. What was deleted: where it stood; what an undo here brought back: there. DX_E_NOT_FOUND: the document does
 * not know it yet, or it went with the type it stood in. */
DX_API DX_MUST_USE int dx_text_position_find(const dx_text_doc *doc, dx_bytes position, dx_text_type *type,
                                             uint64_t *index);
/* The form that Yjs has in JSON, {"type", "tname", "item", "assoc"}, and back to bytes. DX_E_MALFORMED, DX_E_INVALID (JSON). */
DX_API DX_MUST_USE int dx_text_position_to_json(dx_bytes position, dx_buf *json);
DX_API DX_MUST_USE int dx_text_position_from_json(const dx_alloc *alloc, const char *json, dx_buf *position);

/* --- Undo and redo ---------------------------------------------------------------------------- */

/* Who makes the transactions that follow, local and applied ones: a number of the caller's, 0 at first. It tells undo managers and
 * observers apart what is whose, and never leaves the document. DX_E_STATE: a transaction is open. */
DX_API int dx_text_set_origin(dx_text_doc *doc, uint64_t origin);

/* Takes back what this replica's transactions did, however far others have written on: what was inserted is deleted, what was
 * deleted is made anew, under new ids, where it stood; formatting by its markers. Nothing of others is undone: what was applied is never
 * noted. An entry of a map that others have set since stays as it is. The content of what may come back is kept until then. */
typedef struct dx_text_undo_manager dx_text_undo_manager;

typedef struct dx_text_undo_options {
    const dx_text_type *types; /* whose changes, with all that is below them; none: the whole document */
    size_t type_count;
    const uint64_t *origins; /* of which transactions; none: every local one */
    size_t origin_count;
    uint64_t window;  /* ms: a transaction this soon after the one before joins its step; 0: each is a step */
    bool over_others; /* entries of maps are set back even when others have set them since */
} dx_text_undo_options;

/* As many managers as are wanted; what is undone by one is no step of another. The document frees what is left at its end. */
DX_API DX_MUST_USE int dx_text_undo_create(dx_text_doc *doc, const dx_text_undo_options *options,
                                           dx_text_undo_manager **manager);
DX_API void dx_text_undo_destroy(dx_text_undo_manager *manager); /* NULL: nothing; not inside a transaction */
/* The time of the transactions that follow, in ms from any beginning, never less than before; 0 at first. */
DX_API void dx_text_undo_time(dx_text_undo_manager *manager, uint64_t now);
/* The next transaction begins a step, however soon it comes. */
DX_API void dx_text_undo_stop(dx_text_undo_manager *manager);
/* Takes back the last step, and does again what was taken back last; steps of which nothing is left are passed over. *done: whether
 * anything changed. A transaction like any edit; DX_E_STATE: one is open and has changed something. */
DX_API DX_MUST_USE int dx_text_undo(dx_text_undo_manager *manager, bool *done);
DX_API DX_MUST_USE int dx_text_redo(dx_text_undo_manager *manager, bool *done);
/* How many steps there are. */
DX_API size_t dx_text_undo_steps(const dx_text_undo_manager *manager);
DX_API size_t dx_text_redo_steps(const dx_text_undo_manager *manager);
/* Forgets all steps; what was kept for them is let go. Not inside a transaction. */
DX_API void dx_text_undo_clear(dx_text_undo_manager *manager);

/* --- Events ------------------------------------------------------------------------------------ */

/* What a transaction did; holds while it is told. */
typedef struct dx_text_event {
    const dx_text_doc *doc;
    uint64_t origin;                    /* as dx_text_set_origin said before it */
    bool local;                         /* of editing calls here; else an update that was applied */
    const dx_text_undo_manager *undoes; /* the one whose undo or redo it is, or NULL */
    /* DX_E_NO_MEMORY, DX_E_LIMIT: what changed could not be put together, no types are named: read anew what is shown. */
    int error;
    const dx_text_type *types; /* those of which something changed, but new ones and deleted ones */
    size_t type_count;
    const struct dx_text_news *news; /* the engine's */
} dx_text_event;

/* Called once after each transaction that changed something. The document may be read then, not changed (DX_E_STATE). */
typedef void dx_text_observe_fn(void *ctx, const dx_text_event *event);
/* Observers are told in the order they came. Nothing is put together when there are none. DX_E_STATE: a transaction is open;
 * DX_E_NOT_FOUND: no such observer. */
DX_API DX_MUST_USE int dx_text_observe(dx_text_doc *doc, dx_text_observe_fn *tell, void *ctx);
DX_API int dx_text_unobserve(dx_text_doc *doc, dx_text_observe_fn *tell, void *ctx);

/* What leads from before to after, for a type of the event. A text, in the document's unit:
 * [{"retain": n}, {"insert": "…", "attributes": {…}}, {"delete": n}, {"retain": n, "attributes": {"key": value or null}}].
 * Arrays and children of XML: inserts are arrays of values; a shared type is {"@type": …, "value": …}. */
DX_API DX_MUST_USE int dx_text_event_delta(const dx_text_event *event, dx_text_type type, dx_buf *json);
/* Entries of a map, attributes of an element: {"key": {"action": "add" | "update" | "delete", "value": …, "oldValue": …}}. */
DX_API DX_MUST_USE int dx_text_event_keys(const dx_text_event *event, dx_text_type type, dx_buf *json);

/* --- Versions ----------------------------------------------------------------------------------- */

/* Of a document at a snapshot that dx_text_snapshot made of it, of that form. DX_E_NOT_FOUND: the document has not all of it yet.
 * Whole versions are there when the document keeps what is deleted (keep_deleted).
 *
 * A text as a delta. before: another snapshot, or NULL; then what is new since has the attribute
 * "ychange": {"type": "added"}, and what was deleted since stands in it with {"type": "removed"}. *gone (may be NULL): how many UTF-16
 * units were there that were not kept, so are left out. */
DX_API DX_MUST_USE int dx_text_delta_at(const dx_text_doc *doc, dx_text_type type, dx_text_form form,
                                        dx_bytes snapshot, const dx_bytes *before, dx_buf *json,
                                        uint64_t *gone);
/* An update of that form that makes of an empty document the one at the snapshot. DX_E_NOT_FOUND as well when content of it was not
 * kept. DX_E_STATE: a transaction is open. */
DX_API DX_MUST_USE int dx_text_version(dx_text_doc *doc, dx_text_form form, dx_bytes snapshot,
                                       dx_buf *update);

/* --- Marks -------------------------------------------------------------------------------------- */

/* How formatting of each name grows, for this replica's insertions without attributes; on the wire it is formatting as any. A JSON
 * object {"name": {"expand": "after" | "before" | "both" | "none", "overlap": "replace" | "multiple"}}, both of which may be left out.
 * expand: whether what is typed right behind the end of a mark gets it (after), right before its beginning (before); what is not named
 * grows after its end, as all does without a schema. overlap multiple: a mark is named NAME--ID, each by itself, so that several
 * of the name may lie over one another; NAME alone is DX_E_INVALID then. NULL: no schema. DX_E_INVALID: not of that form. */
DX_API DX_MUST_USE int dx_text_set_marks(dx_text_doc *doc, const char *schema);

#ifdef __cplusplus
}
#endif
#endif
