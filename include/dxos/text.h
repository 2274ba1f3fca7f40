/* dxos/text.h: documents many people write in at once, Yjs byte for byte on the wire.
 *
 * Layer: public, floor 1. Usable alone: no vault, no network, no clock. A document holds shared types (texts, arrays, maps,
 * XML) found by name at its root or inside one another. Replicas exchange updates, which commute and may come twice; whoever
 * has the same updates has the same document. The bytes are those of Yjs 13.6 (updates v1 and v2, state vectors, snapshots,
 * relative positions, awareness): docs/spec/text.md.
 *
 * Positions count UTF-16 units, as every Yjs editor does, unless the document was made for another unit; a position
 * inside of a code point is moved: the beginning of a range down, its end up, so that no character is ever cut.
 * Values (attributes, embeds, members of arrays and maps, deltas) are JSON text in UTF-8, whose order of members is kept.
 *
 * Transactions: every editing call is one, unless it stands between dx_text_begin and dx_text_commit. What commit appends is
 * the update that says what the transaction did, for the other replicas; whoever has it sends it.
 * Errors: DX_OK or negative; then nothing of the call happened. DX_E_INVALID (an argument), DX_E_MALFORMED (bytes that are
 * not of the format), DX_E_UNSUPPORTED (a kind of content nobody knows), DX_E_LIMIT, DX_E_NO_MEMORY, DX_E_STATE.
 * Ownership: a document owns all it holds; bytes given are copied; buffers are the caller's and are appended to. One thread. */
#ifndef DXOS_TEXT_H
#define DXOS_TEXT_H

#include <dxos/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dx_text_doc dx_text_doc;

/* The two forms of updates. */
typedef enum dx_text_form { DX_TEXT_V1 = 1, DX_TEXT_V2 = 2 } dx_text_form;

/* What positions and lengths count. */
typedef enum dx_text_unit { DX_TEXT_UTF16, DX_TEXT_UTF8, DX_TEXT_CODE_POINTS } dx_text_unit;

/* Shared types; the numbers are the wire's. */
typedef enum dx_text_kind {
    DX_TEXT_KIND_ARRAY = 0,
    DX_TEXT_KIND_MAP = 1,
    DX_TEXT_KIND_TEXT = 2,
    DX_TEXT_KIND_XML_ELEMENT = 3,
    DX_TEXT_KIND_XML_FRAGMENT = 4,
    DX_TEXT_KIND_XML_HOOK = 5,
    DX_TEXT_KIND_XML_TEXT = 6,
    DX_TEXT_KIND_UNKNOWN = 255 /* a root that came by an update and has not been asked for by name yet */
} dx_text_kind;

typedef struct dx_text_options {
    uint64_t
        client; /* 1 to 2^53-1, this replica's alone, never used again after a restore from an older state */
    dx_text_unit unit; /* of every position and length in calls on this document */
    bool
        keep_deleted; /* content of what was deleted stays (Yjs: gc false); every newcomer then gets it too */
    size_t max_bytes; /* memory the document may take; 0: no limit of its own */
} dx_text_options;

/* client 0 is refused with DX_E_INVALID. alloc outlives the document. */
DX_API DX_MUST_USE int dx_text_create(const dx_alloc *alloc, const dx_text_options *options,
                                      dx_text_doc **doc);
DX_API void dx_text_destroy(dx_text_doc *doc); /* NULL: nothing */

/* --- Shared types ---------------------------------------------------------------------------- */

/* A shared type of one document, for as long as the document lives. 0: none. A type that was deleted stays a valid
 * handle, is empty, and takes no more edits (DX_E_NOT_FOUND). */
typedef uint32_t dx_text_type;

/* The root of that name, made when nobody did; one that came as UNKNOWN becomes of this kind. DX_E_CONFLICT: it is known as
 * of another kind. */
DX_API DX_MUST_USE int dx_text_root(dx_text_doc *doc, const char *name, dx_text_kind kind,
                                    dx_text_type *type);
DX_API dx_text_kind dx_text_kind_of(const dx_text_doc *doc, dx_text_type type);
/* In the document's unit for texts; elements for arrays, fragments, elements; keys for maps. */
DX_API uint64_t dx_text_length(const dx_text_doc *doc, dx_text_type type);

/* --- Editing of texts (TEXT, XML_TEXT) -------------------------------------------------------- */

/* text: UTF-8. attributes: a JSON object that says all formatting of what is inserted (what is in force there and not named
 * ends), or NULL: that of the character before. index beyond the end: DX_E_INVALID. */
DX_API DX_MUST_USE int dx_text_insert(dx_text_doc *doc, dx_text_type type, uint64_t index, dx_bytes text,
                                      const char *attributes);
/* An embedded value that counts as one, any JSON but null. Embedded values and types without attributes (NULL) have none. */
DX_API DX_MUST_USE int dx_text_insert_embed(dx_text_doc *doc, dx_text_type type, uint64_t index,
                                            const char *value, const char *attributes);
/* An embedded shared type that counts as one; *child is it. name: of an XML element or hook, else NULL. */
DX_API DX_MUST_USE int dx_text_insert_type(dx_text_doc *doc, dx_text_type type, uint64_t index,
                                           dx_text_kind kind, const char *name, const char *attributes,
                                           dx_text_type *child);
/* Beyond the end: DX_E_INVALID. */
DX_API DX_MUST_USE int dx_text_delete(dx_text_doc *doc, dx_text_type type, uint64_t index, uint64_t length);
/* attributes: a JSON object; null for a key ends it. Beyond the end lines are added, as Yjs does, at most 256: DX_E_LIMIT. */
DX_API DX_MUST_USE int dx_text_format(dx_text_doc *doc, dx_text_type type, uint64_t index, uint64_t length,
                                      const char *attributes);
/* A delta as Quill writes it: [{"insert": …, "attributes": …}, {"retain": n}, {"delete": n}…]. All of it or nothing.
 * Beyond the end deletions are cut short, retains add lines as formatting does. */
DX_API DX_MUST_USE int dx_text_apply_delta(dx_text_doc *doc, dx_text_type type, const char *delta);

/* The characters alone, embeds left out. */
DX_API DX_MUST_USE int dx_text_read(const dx_text_doc *doc, dx_text_type type, dx_buf *utf8);
/* The whole type as a delta in JSON. */
DX_API DX_MUST_USE int dx_text_delta(const dx_text_doc *doc, dx_text_type type, dx_buf *json);
/* The formatting that a character inserted at index without attributes would have, a JSON object. */
DX_API DX_MUST_USE int dx_text_attributes_at(const dx_text_doc *doc, dx_text_type type, uint64_t index,
                                             dx_buf *json);

/* --- Arrays, maps, XML ------------------------------------------------------------------------ */

/* values: a JSON array of what is inserted. Arrays, and children of XML types by dx_text_array_insert_type. */
DX_API DX_MUST_USE int dx_text_array_insert(dx_text_doc *doc, dx_text_type type, uint64_t index,
                                            const char *values);
DX_API DX_MUST_USE int dx_text_array_insert_bytes(dx_text_doc *doc, dx_text_type type, uint64_t index,
                                                  dx_bytes value);
/* name: of an XML element or hook, else NULL. */
DX_API DX_MUST_USE int dx_text_array_insert_type(dx_text_doc *doc, dx_text_type type, uint64_t index,
                                                 dx_text_kind kind, const char *name, dx_text_type *child);
DX_API DX_MUST_USE int dx_text_array_delete(dx_text_doc *doc, dx_text_type type, uint64_t index,
                                            uint64_t length);
/* The shared type at that place; 0: another value stands there. */
DX_API dx_text_type dx_text_array_type(const dx_text_doc *doc, dx_text_type type, uint64_t index);

/* Entries of maps; attributes of XML elements, of texts as whole. */
DX_API DX_MUST_USE int dx_text_map_set(dx_text_doc *doc, dx_text_type type, const char *key,
                                       const char *value);
DX_API DX_MUST_USE int dx_text_map_set_type(dx_text_doc *doc, dx_text_type type, const char *key,
                                            dx_text_kind kind, const char *name, dx_text_type *child);
DX_API DX_MUST_USE int dx_text_map_delete(dx_text_doc *doc, dx_text_type type, const char *key);
DX_API dx_text_type dx_text_map_type(const dx_text_doc *doc, dx_text_type type, const char *key);

/* What stands in a type, as JSON: toJSON of Yjs (texts as strings, XML as its markup); bytes as {"@bytes": base64url}.
 * DX_E_LIMIT: types nested deeper than 128. */
DX_API DX_MUST_USE int dx_text_json(const dx_text_doc *doc, dx_text_type type, dx_buf *json);

/* --- Transactions, updates -------------------------------------------------------------------- */

/* DX_E_STATE: one is open. */
DX_API DX_MUST_USE int dx_text_begin(dx_text_doc *doc);
/* Appends what the transaction did, as an update of that form; nothing when it did nothing. update may be NULL. */
DX_API DX_MUST_USE int dx_text_commit(dx_text_doc *doc, dx_text_form form, dx_buf *update);

/* Takes in an update, in any order, any number of times. What it needs and is not here yet is kept (pending) and tried again
 * whenever something of it comes. Not inside a transaction. */
DX_API DX_MUST_USE int dx_text_apply(dx_text_doc *doc, dx_text_form form, dx_bytes update);
/* Whether something waits for what is not here. */
DX_API bool dx_text_pending(const dx_text_doc *doc);

/* What a replica with that state vector lacks (size 0: everything), with all deletes and all that is pending. */
DX_API DX_MUST_USE int dx_text_encode(const dx_text_doc *doc, dx_text_form form, dx_bytes state_vector,
                                      dx_buf *update);
DX_API DX_MUST_USE int dx_text_state_vector(const dx_text_doc *doc, dx_buf *state_vector);
DX_API DX_MUST_USE int dx_text_snapshot(const dx_text_doc *doc, dx_text_form form, dx_buf *snapshot);

/* --- Checkpoints ------------------------------------------------------------------------------ */

/* A document at rest: all that its update says, in a third of the bytes, and its characters to be read alone (docs/spec/text.md,
 * Checkpoints). For the one who keeps it, not for others: the same document may have other bytes another time. Not inside a transaction. */
DX_API DX_MUST_USE int dx_text_save(const dx_text_doc *doc, dx_buf *checkpoint);
/* A document of a checkpoint. DX_E_CORRUPT. */
DX_API DX_MUST_USE int dx_text_open(const dx_alloc *alloc, const dx_text_options *options,
                                    dx_bytes checkpoint, dx_text_doc **doc);
/* Appends the characters of a root, as dx_text_read would; nothing when there is no such root. *plain: that is all there is to say of it;
 * false: something else lives in it, or it takes a document to tell. DX_E_CORRUPT. */
DX_API DX_MUST_USE int dx_text_checkpoint_text(const dx_alloc *alloc, dx_bytes checkpoint, const char *name,
                                               dx_buf *utf8, bool *plain);
/* Appends the update (form v2) that a checkpoint was made of. DX_E_CORRUPT. */
DX_API DX_MUST_USE int dx_text_checkpoint_update(const dx_alloc *alloc, dx_bytes checkpoint, dx_buf *update);

/* --- Updates without a document --------------------------------------------------------------- */

/* One update that says what all of them say. */
DX_API DX_MUST_USE int dx_text_merge_updates(const dx_alloc *alloc, dx_text_form form,
                                             const dx_bytes *updates, size_t count, dx_buf *merged);
/* What of an update a replica with that state vector lacks. */
DX_API DX_MUST_USE int dx_text_diff_update(const dx_alloc *alloc, dx_text_form form, dx_bytes update,
                                           dx_bytes state_vector, dx_buf *difference);
/* The state vector of a document that has nothing but this update. */
DX_API DX_MUST_USE int dx_text_update_state_vector(const dx_alloc *alloc, dx_text_form form, dx_bytes update,
                                                   dx_buf *state_vector);
/* The same update in the other form. */
DX_API DX_MUST_USE int dx_text_convert_update(const dx_alloc *alloc, dx_text_form from, dx_text_form to,
                                              dx_bytes update, dx_buf *converted);

/* The same structure with other content, for reports of faults: characters, values, keys of formatting and of maps, names of
 * elements go; lengths, ids, order and names of roots stay. */
DX_API DX_MUST_USE int dx_text_obfuscate_update(const dx_alloc *alloc, dx_text_form form, dx_bytes update,
                                                dx_buf *obfuscated);

/* Of one client the clocks an update speaks of, holes included. */
typedef struct dx_text_range {
    uint64_t client, from, to;
} dx_text_range;

/* What an update speaks of, in its order; *count may be more than capacity, then the first ones are given. */
DX_API DX_MUST_USE int dx_text_update_ranges(const dx_alloc *alloc, dx_text_form form, dx_bytes update,
                                             dx_text_range *ranges, size_t capacity, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
