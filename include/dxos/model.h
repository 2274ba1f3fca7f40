/* dxos/model.h: how the operations of one object become its state.
 *
 * Layer: public, floor 1. A model is a const, versioned vtable registered by name. The engine knows nothing
 * of what an operation means; the model knows nothing of feeds, disks or peers. Laws (dxos/model_laws.h tries
 * them on any model): for any order of the same set of (operation, stamp) the saved state is the same bytes;
 * applying twice is applying once; restore∘save is the identity; an operation that is refused changes nothing;
 * equal bytes natively and in wasm. apply is pure: no clock, no randomness, no memory but alloc. What save
 * writes is canonical: digests are taken over it. The row in the database is that, or what amend made of it. */
#ifndef DXOS_MODEL_H
#define DXOS_MODEL_H

#include <dxos/base.h>
#include <dxos/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DX_MODEL_VERSION = 1, DX_FEED_PREFIX_SIZE = 16 };

/* The place of an operation in the order all replicas agree on: larger counter is later, ties by feed
 * (memcmp). */
typedef struct dx_stamp {
    uint64_t counter;
    uint8_t feed[DX_FEED_PREFIX_SIZE];
} dx_stamp;

DX_API int dx_stamp_compare(const dx_stamp *a, const dx_stamp *b);

/* How operations meet. MERGE: apply commutes. ORDERED: the engine hands operations over in the order of their stamps,
 * which differ, and when one comes late it goes back and applies what follows once more. */
typedef enum dx_model_kind { DX_MODEL_MERGE, DX_MODEL_ORDERED } dx_model_kind;

typedef struct dx_model {
    int version;      /* DX_MODEL_VERSION this vtable was written for */
    const char *name; /* "dx/object/1": name and major version, on the wire */
    dx_model_kind kind;

    /* An empty state. Every opaque state below is made by create and given back to destroy. NULL: no memory.
     */
    void *(*create)(const dx_alloc *alloc, const dx_stamp *created);
    void (*destroy)(const dx_alloc *alloc, void *state);
    /* One operation. DX_OK; DX_E_MALFORMED: refused, DX_E_LIMIT: the state would become too large,
     * DX_E_NO_MEMORY: in all three nothing changed. */
    int (*apply)(void *state, dx_bytes operation, const dx_stamp *stamp);
    /* Canonical bytes, and back. restore gets an empty state; DX_E_CORRUPT when the bytes are not save's. */
    int (*save)(const void *state, dx_buf *out);
    int (*restore)(void *state, dx_bytes saved);
    /* The value people and queries see, one canonical item (a map for objects). */
    int (*view)(const void *state, dx_writer *out);
    /* May be NULL. What stands at a path of the view, straight from saved bytes, for queries over many rows:
     * a view into them, size 0 when nothing stands there. DX_E_UNSUPPORTED: it takes the view to tell. */
    int (*peek)(dx_bytes saved, dx_bytes path, dx_bytes *item);
    /* May be NULL: what programs ask for is the operation itself. Appends the operation that says what is asked, in
     * the state as it is here, by an author who will write with this feed (DX_FEED_PREFIX_SIZE bytes): "add 1"
     * becomes a total, "insert at 3" a neighbour. A state created with a stamp of counter 0 is of what is yet to be made: the
     * operation is the creation's. DX_E_INVALID: it cannot be asked. */
    int (*prepare)(const void *state, const uint8_t *feed, dx_bytes request, dx_buf *operation);
    /* May be NULL: what is done with it cannot be taken back. Appends the operation that takes back what one author's
     * transaction did, as far as it stands, or nothing when there is nothing to do: `before` it, just `after` it, and now.
     * Its blocks stand from `first` to `last`, of one feed. *kept is set when something of it stays, for another wrote over
     * it since. */
    int (*invert)(const void *before, const void *after, const void *now, const dx_stamp *first,
                  const dx_stamp *last, dx_buf *operation, bool *kept);

    /* May be NULL: apply and save do it. Appends what `saved` (size 0: the empty state) becomes by one more operation, without
     * making a state of it. Errors of apply; DX_E_CORRUPT. */
    int (*amend)(const dx_alloc *alloc, const dx_stamp *created, dx_bytes saved, dx_bytes operation,
                 const dx_stamp *stamp, dx_buf *out);
    /* May be NULL: saved bytes are canonical. With it restore takes on trust what amend appended, which may depend on the order in
     * which operations came; this appends the bytes that save would, for digests and for whoever has them from others.
     * DX_E_CORRUPT: they are no state's. */
    int (*canonical)(const dx_alloc *alloc, dx_bytes saved, dx_buf *out);
    /* May be NULL: what has no effect leaves nothing. As amend, by an operation that is hidden (docs/spec/ordering.md): it is not shown
     * and does nothing, and what others did to what it made still stands where they meant it. In any order with others, and should
     * the operation take effect as well, it counts as that alone. stamp: its feed, and a counter that grows along that. Wants amend. */
    int (*hide)(const dx_alloc *alloc, const dx_stamp *created, dx_bytes saved, dx_bytes operation,
                const dx_stamp *stamp, dx_buf *out);
} dx_model;

/* Models of a program's own, beside those below. Both the array and the vtables outlive the node they are given to. */
enum { DX_MODELS_MAX = 64, DX_MODEL_NAME_SIZE_MAX = 256 };

typedef struct dx_model_registry {
    const dx_model *const *models;
    size_t count; /* at most DX_MODELS_MAX; names differ from one another and from those below */
} dx_model_registry;

/* The built-in model of objects and links: last write wins per key, nested keys (docs/spec/object-model.md).
 * Operation: [ {path: value…}, [path…] ], sets and deletes. */
DX_API extern const dx_model dx_object_model;
/* A number that several people add to; request: what is added (docs/spec/counter-model.md). */
DX_API extern const dx_model dx_counter_model;
/* A list that several people rearrange; requests by places (docs/spec/list-model.md). */
DX_API extern const dx_model dx_list_model;
/* A text that many write in at once, in Yjs's own bytes; requests by places (docs/spec/text-model.md). */
DX_API extern const dx_model dx_text_model;
/* Draft, submitted, approved or rejected; of the ordered kind (docs/spec/approval-model.md). */
DX_API extern const dx_model dx_approval_model;

#ifdef __cplusplus
}
#endif
#endif
