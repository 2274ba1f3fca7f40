/* text/document.h: a document's parts, and what every call of the engine begins with.
 *
 * Layer: floor 1, text, private to the engine. A call checks, asks for all the memory it can need (dx_text_need), then changes the
 * document by calls that cannot fail. Nothing of a document refers to where it lies in memory but by pointers from here.
 * Transactions: what is new, what was deleted and what was split is noted, so that commit can collect what died, merge neighbours as
 * Yjs does, and write the update that says just that. */
#ifndef DX_TEXT_DOCUMENT_H
#define DX_TEXT_DOCUMENT_H

#include "text/clients.h"
#include "text/clocks.h"
#include "text/id_set.h"
#include "text/pending.h"
#include "text/redone.h"
#include "text/sequence.h"
#include "text/struct_reader.h"
#include "text/struct_writer.h"
#include "text/types.h"
#include "text/values.h"

enum { DX_TEXT_OWN_CLIENT = 0 }; /* the document's own, the first in the table */

/* Clocks of one client, named by its index. */
typedef struct dx_text_span {
    uint32_t client, clock, length;
} dx_text_span;

typedef struct dx_text_transaction {
    bool open;
    bool implied; /* of one editing call alone */
    bool made;    /* of records: without any, and nothing deleted, no neighbours can have come to merge */
    bool applied; /* of an update */
    bool told;    /* who follows the document has heard of it, or hears it now: nothing more can be changed */
    bool telling;
    struct dx_text_undo_manager *undoes; /* the one that takes back a step by it */
    dx_text_span *deleted;               /* in the order it happened; some may touch */
    size_t deleted_count, deleted_capacity;
    dx_text_span *
        seams; /* items, by their first clock, whose neighbours may merge: splits, what hung below a deleted type */
    size_t seam_count, seam_capacity;
    uint32_t *touched; /* clients with new clocks */
    size_t touched_count, touched_capacity;
} dx_text_transaction;

struct dx_text_doc {
    dx_alloc alloc; /* counts */
    const dx_alloc *host;
    size_t taken;
    bool over; /* max_bytes stood in the way last */
    dx_text_options options;
    dx_text_sequence *sequence;
    dx_text_clients clients;
    dx_text_names names;
    dx_text_values values;
    dx_text_types types;
    dx_text_redone redone;
    dx_text_transaction transaction;
    dx_text_pending_part pending;
    size_t items;          /* records in use */
    uint32_t keys;         /* of formatting, so far */
    dx_text_reader reader; /* kept for their memory */
    dx_text_writer writer;
    dx_buf scratch;    /* content put together for the writer */
    dx_id_set deletes; /* to be written */
    struct dx_text_plan *plan;
    uint64_t origin;                   /* the caller's word about the transactions that follow */
    struct dx_text_undo_manager *undo; /* the first one */
    struct dx_text_observer *observers;
    struct dx_text_marks *marks; /* NULL: no schema */
};

/* What a call can need at most. */
typedef struct dx_text_need {
    uint64_t clocks; /* of the document's own client */
    size_t items;    /* new ones */
    size_t splits;
    size_t deletes;    /* of items, without what hangs below them */
    size_t text_bytes; /* characters of new strings */
    size_t values, value_bytes;
    size_t types, chains;
    size_t names, name_bytes;
    bool nested;  /* an item that holds a type may be deleted */
    size_t below; /* what hangs below those that are here; what comes may hang there, too */
} dx_text_need;

/* One item more is deleted, with what hangs below it. */
void dx_text_need_delete(dx_text_doc *doc, dx_text_ref ref, dx_text_need *need);

/* All of it, or DX_E_NO_MEMORY, DX_E_LIMIT (max_bytes among them) and nothing changed. */
int dx_text_doc_reserve(dx_text_doc *doc, const dx_text_need *need);
/* DX_E_NO_MEMORY as it is to be told: DX_E_LIMIT when it was max_bytes. */
int dx_text_doc_error(dx_text_doc *doc, int error);
/* Clients, as dx_text_clients_add takes them, with what belongs to each elsewhere. */
int dx_text_doc_add_clients(dx_text_doc *doc, const uint64_t *ids, size_t count);

/* --- Items ------------------------------------------------------------------------------------ */

/* A zeroed record (reserved before). */
dx_text_ref dx_text_doc_take(dx_text_doc *doc);
/* The item that holds a clock the document has, with a seam behind it, or before it, by a split where none is (reserved before).
 * GC is never split. */
dx_text_ref dx_text_doc_item_ending(dx_text_doc *doc, uint32_t client, uint32_t clock);
dx_text_ref dx_text_doc_item_beginning(dx_text_doc *doc, uint32_t client, uint32_t clock);
/* Cuts an item (0 < at < length); what is right of the seam. */
dx_text_ref dx_text_doc_split(dx_text_doc *doc, dx_text_ref ref, uint32_t at);
/* Deletes an item, and all that hangs below it; nothing when it is. */
void dx_text_doc_delete(dx_text_doc *doc, dx_text_ref ref);
/* Lets go of the content of a deleted item, and of all below it. Takes no memory. */
void dx_text_doc_collect(dx_text_doc *doc, dx_text_ref ref);
/* The type whose list or chain holds the item. */
dx_text_type dx_text_doc_parent(const dx_text_doc *doc, dx_text_ref ref);
/* The item as the wire has it. Content in several pieces is put together in doc->scratch, for as long as that is not used again:
 * DX_E_NO_MEMORY. */
int dx_text_doc_describe(dx_text_doc *doc, dx_text_ref ref, dx_text_struct *out);
/* Gives the writer each client's items beginning with the clock that `from` says. */
int dx_text_doc_write_clients(dx_text_doc *doc,
                              uint32_t (*from)(const dx_text_doc *doc, uint32_t client, const void *known),
                              const void *known);

/* Notes that the transaction makes clocks of that client; before it makes the first. */
void dx_text_doc_touch(dx_text_doc *doc, uint32_t client);

/* --- Markers ---------------------------------------------------------------------------------- */

/* A marker's payload is the number of its key and value together (the value's bytes); equal ones have equal numbers. A key's value in the
 * names is its own small number, which the items of its markers have in `spare`. */
int dx_text_doc_marker(dx_text_doc *doc, dx_bytes key, dx_bytes value, uint32_t *marker);
dx_text_name dx_text_doc_marker_key(const dx_text_doc *doc, uint32_t marker);
dx_text_name dx_text_doc_marker_value(const dx_text_doc *doc, uint32_t marker);
uint16_t dx_text_doc_marker_number(const dx_text_doc *doc,
                                   uint32_t marker); /* its key's, at most UINT16_MAX */

/* --- Transactions ----------------------------------------------------------------------------- */

void dx_text_transaction_begin(dx_text_doc *doc, bool implied);
/* Notes. */
void dx_text_transaction_deleted(dx_text_doc *doc, dx_text_ref ref);
void dx_text_transaction_seam(dx_text_doc *doc, dx_text_ref ref);
/* Collects what died, merges. Takes no memory; done twice it does nothing more. */
void dx_text_transaction_settle(dx_text_doc *doc);
/* Merges all neighbours that can be. Takes no memory but what brings strings together, and does without where there is none. */
void dx_text_transaction_join_all(dx_text_doc *doc);
/* The transaction's update; nothing when it did nothing. */
int dx_text_transaction_write(dx_text_doc *doc, dx_text_form form, dx_buf *update);
void dx_text_transaction_end(dx_text_doc *doc);

#endif
