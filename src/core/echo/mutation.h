/* echo/mutation.h: a local transaction: what a person does becomes one block of the own data feed.
 *
 * Layer: floor 1, echo. Everything is validated when it is added, by the rules replicas apply: an error
 * leaves nothing changed, and what was added before it stands. Commit appends the block(s) and runs the
 * pipeline over them, so a local write is a block received from ourselves. One section per entity and block
 * (section.h); a transaction that outgrows a block, or changes what it has set before in a way that one
 * operation cannot say, goes on in the next block, and all of them apply together (DX_BLOCK_CONTINUES).
 *
 * Ownership: one transaction at a time per space; commit and abort both end it. Nothing else may write to the
 * space in between. */
#ifndef DX_ECHO_MUTATION_H
#define DX_ECHO_MUTATION_H

#include "echo/entity.h"

typedef struct dx_transaction dx_transaction;

/* Makes the own data feed first when the right to write came after joining. DX_E_DENIED: no right to write
 * here. DX_E_STATE: the key of the space is not here yet. */
DX_MUST_USE int dx_transaction_begin(dx_context *context, dx_space *space, dx_transaction **out);
/* All below: DX_E_NOT_FOUND when an entity they name is not here, DX_E_INVALID when a type, path or value has
 * not the form, DX_E_LIMIT when it fits in no block, the transaction is full, or an entity would grow
 * beyond DX_OBJECT_WRITTEN_SIZE_MAX, DX_E_NO_MEMORY, store errors. */

/* data: an encoded map (or size 0); parent: key or 0. The new entity's key is decided here (this feed's next
 * place). */
DX_MUST_USE int dx_transaction_add_object(dx_transaction *transaction, dx_bytes type, int64_t parent,
                                          dx_bytes data, int64_t *key);
/* The same of another model (dxos/model.h). request: what its first operation is to be made of, or size 0.
 * DX_E_UNSUPPORTED: this program does not know the model, or it is that of objects. */
DX_MUST_USE int dx_transaction_add_object_of(dx_transaction *transaction, dx_bytes model, dx_bytes type,
                                             int64_t parent, dx_bytes request, int64_t *key);
/* One that was made in another space, with all that was done to it there (provenance.h); the model need not be known.
 * DX_E_INVALID: that is no provenance, names a feed of this space, or the model takes none of it. */
DX_MUST_USE int dx_transaction_add_object_from(dx_transaction *transaction, dx_bytes model, dx_bytes type,
                                               int64_t parent, dx_bytes provenance, int64_t *key);
DX_MUST_USE int dx_transaction_add_link(dx_transaction *transaction, dx_bytes type, int64_t source,
                                        int64_t target, dx_bytes data, int64_t *key);
/* Dotted path (a literal dot in a part is written \.); value: one encoded item. DX_E_STATE: the entity is
 * deleted; DX_E_UNSUPPORTED: it is of a model that this program cannot write; DX_E_DENIED: it says what another
 * member is called (name.h). */
DX_MUST_USE int dx_transaction_set(dx_transaction *transaction, int64_t key, dx_bytes path, dx_bytes value);
DX_MUST_USE int dx_transaction_unset(dx_transaction *transaction, int64_t key, dx_bytes path);
/* Edits inside the value at a path, which merge with those of others (docs/spec/object-model.md). Errors as above, and
 * DX_E_CONFLICT: what stands there is no array (of an increment: no integer); DX_E_NOT_FOUND: it has no item with that
 * number, counted from 0 as it shows with all this transaction did before. insert: at DX_AT_END behind the last. reorder:
 * the item `from` becomes item `to`, at DX_AT_END the last. include puts a value into a set or takes it out. increment:
 * DX_E_LIMIT when the sum is no 64-bit integer. */
#define DX_AT_END SIZE_MAX
DX_MUST_USE int dx_transaction_insert(dx_transaction *transaction, int64_t key, dx_bytes path, size_t at,
                                      dx_bytes value);
/* The number of the item equal to the value that is nearest to `at`: what a program saw there may stand elsewhere by now.
 * DX_E_NOT_FOUND: there is none; DX_E_EXISTS: it shows as a member put into the set, which has no number. */
DX_MUST_USE int dx_transaction_find_item(dx_transaction *transaction, int64_t key, dx_bytes path, size_t at,
                                         dx_bytes value, size_t *found);
DX_MUST_USE int dx_transaction_replace(dx_transaction *transaction, int64_t key, dx_bytes path, size_t at,
                                       dx_bytes value);
DX_MUST_USE int dx_transaction_remove(dx_transaction *transaction, int64_t key, dx_bytes path, size_t at);
DX_MUST_USE int dx_transaction_reorder(dx_transaction *transaction, int64_t key, dx_bytes path, size_t from,
                                       size_t to);
DX_MUST_USE int dx_transaction_include(dx_transaction *transaction, int64_t key, dx_bytes path,
                                       dx_bytes value, bool in);
DX_MUST_USE int dx_transaction_increment(dx_transaction *transaction, int64_t key, dx_bytes path, int64_t by);
/* One edit as it stands in a block, by element instead of by place: what takes back another one (object_inverse.h).
 * payload of size 0: the element is taken back. */
DX_MUST_USE int dx_transaction_edit(dx_transaction *transaction, int64_t key, dx_bytes path, uint32_t kind,
                                    dx_bytes element, dx_bytes payload);
/* Asks something of an object of another model, once in a transaction and not of what this one made: DX_E_CONFLICT.
 * DX_E_STATE: it is deleted; DX_E_UNSUPPORTED: its model is that of objects, or not known; DX_E_INVALID: the model
 * refuses the request. */
DX_MUST_USE int dx_transaction_apply(dx_transaction *transaction, int64_t key, dx_bytes request);
/* The operation itself, as it stands in a block: what takes back another one (dx_model.invert). Errors as above. */
DX_MUST_USE int dx_transaction_operate(dx_transaction *transaction, int64_t key, dx_bytes operation);
/* What is so already is well. Of any model. DX_E_DENIED as above. */
DX_MUST_USE int dx_transaction_delete(dx_transaction *transaction, int64_t key);
DX_MUST_USE int dx_transaction_restore(dx_transaction *transaction, int64_t key);
/* Puts an object under another one, or with 0 at the top, deleted or not. DX_E_CONFLICT: as things show here it would
 * stand below itself (what this transaction moved before is not looked at: then one of the two moves yields,
 * hierarchy.h). DX_E_STATE: it is deleted, or one that this transaction made in an earlier block. DX_E_INVALID: a link. */
DX_MUST_USE int dx_transaction_move(dx_transaction *transaction, int64_t key, int64_t parent);
/* Whether it is deleted, with all that this transaction did to it so far. */
DX_MUST_USE int dx_transaction_is_deleted(dx_transaction *transaction, int64_t key, bool *deleted);
/* An object's data with all that this transaction did to it so far, one canonical item. DX_E_NOT_FOUND. */
DX_MUST_USE int dx_transaction_view(dx_transaction *transaction, int64_t key, dx_writer *out);
/* Writes the block, applies it. The transaction is gone afterwards, also on error. An empty one writes
 * nothing. */
DX_MUST_USE int dx_transaction_commit(dx_transaction *transaction);
void dx_transaction_abort(dx_transaction *transaction);

#endif
