/* node/editing.h: a transaction that a command runs, judged as a whole before it is committed.
 *
 * Layer: floor 1, node, private to this room. Every command that writes objects or links is one transaction, one block.
 * When all its ops were run, and before anything reaches the disk, it is looked at as it then is: objects of types with
 * a definition (docs/spec/schema.md), and what is deleted though others refer to it strongly (docs/spec/references.md).
 * What fails refuses the whole. */
#ifndef DX_NODE_EDITING_H
#define DX_NODE_EDITING_H

#include "node/state.h"

/* A transaction under way with what its ops have made so far. */
typedef struct dx_editing {
    dx_node *node;
    dx_app *app; /* who asks; NULL: an own program */
    dx_space *space;
    dx_transaction *transaction;
    /* Keys the ops of a batch made, in order; 0 where an op makes nothing; NULL: no batch. */
    const int64_t *made;
    size_t made_count;
    /* Objects and links whose type has a definition, made or changed here: they are judged as they are when all ops were run. */
    dx_buf judged;
    dx_buf deleted; /* keys of what is deleted here, and not in spite of whoever refers to it */
} dx_editing;

DX_MUST_USE int dx_editing_begin(dx_node *node, const dx_request *request, dx_bytes body, dx_editing *edit);
/* Commits when error is DX_OK and nothing is found wrong, aborts otherwise; what it was, or what went wrong. */
DX_MUST_USE int dx_editing_end(dx_editing *edit, int error);
/* An object or a link of this type is made, or changed, by the transaction: it is judged at the end. */
DX_MUST_USE int dx_editing_note(dx_editing *edit, int64_t key, bool made, dx_bytes type);
DX_MUST_USE int dx_editing_note_change(dx_editing *edit, int64_t key);
/* Judges a transaction that another room runs and ends, after it has changed these entities (key_set.h), whatever it did to
 * them: their data, or their life. */
DX_MUST_USE int dx_editing_judge(dx_node *node, dx_app *app, dx_space *space, dx_transaction *transaction,
                                 const dx_buf *keys);
/* An entity is deleted by the transaction: nothing that is left may refer to it strongly. Forgotten: restored again, or
 * deleted whatever refers to it. */
DX_MUST_USE int dx_editing_note_deleted(dx_editing *edit, int64_t key);
void dx_editing_forget_deleted(dx_editing *edit, int64_t key);
/* Deletes with an entity, which is noted as deleted, what it refers to strongly and nothing else does, and so on
 * through those. DX_E_LIMIT: more than a batch may hold. */
DX_MUST_USE int dx_editing_delete_parts(dx_editing *edit, int64_t key);
/* A space that has no place for a feed of this vault says so, and one whose state is being loaded. */
int dx_editing_explain_place(dx_node *node, dx_space *space, int error);

#endif
