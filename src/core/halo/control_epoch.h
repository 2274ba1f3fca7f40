/* halo/control_epoch.h: the epochs of a space: what its EPOCH and EPOCH_ACK credentials say, and which of them hold.
 *
 * Layer: floor 1, halo. docs/spec/control.md, Epochs. An epoch names a cut (of every data feed of the space a length and the
 * root there) and the snapshot of the state at it. Somebody with the right says so, others make the snapshot again
 * and say that it is right.
 *   confirmed  a device of another identity than the issuer's acknowledged it; or all feeds of the cut are the issuer's
 *              identity's own: who speaks of nothing but his own work needs no witness
 *   current    of the confirmed ones the last in order of (number, sum of the cut's lengths, id)
 * Both follow from the control state: no clock, no arrival, nothing of what this vault holds. New members and new
 * credentials never take a confirmation away, unless a control feed's fork puts what it rests on out of force.
 * Ownership: a dx_epoch points into the control state and lives until that changes. */
#ifndef DX_HALO_CONTROL_EPOCH_H
#define DX_HALO_CONTROL_EPOCH_H

#include "feed/block.h"
#include "halo/control.h"

typedef struct dx_epoch {
    uint8_t id[DX_HASH_SIZE];
    uint8_t issuer[DX_KEY_SIZE],
        signer[DX_KEY_SIZE];      /* identity; the key that signed: it, or a device of it */
    uint64_t number;              /* from 1 on */
    size_t cut_count;             /* feeds of the cut, at least one */
    dx_bytes cut;                 /* the encoded entries, ascending, walked with dx_block_dependency */
    dx_bytes cut_item;            /* the same as one item, the array of them */
    uint64_t sum;                 /* of the cut's lengths */
    uint8_t root[DX_HASH_SIZE];   /* of the snapshot */
    uint64_t size_bytes;          /* of the snapshot's chunks together */
    uint64_t key_epoch;           /* whose key seals them */
    uint8_t purged[DX_HASH_SIZE]; /* of what was purged below the cut (control_purge.h); zeros: nothing */
    bool confirmed;
    size_t acks; /* devices that acknowledged it */
} dx_epoch;

/* All epochs in effect, ascending by (number, sum, id). */
size_t dx_control_epoch_count(const dx_control *control);
bool dx_control_epoch_at(const dx_control *control, size_t index, dx_epoch *out);
bool dx_control_epoch(const dx_control *control, const uint8_t id[static DX_HASH_SIZE], dx_epoch *out);
/* False while none is confirmed. */
bool dx_control_current_epoch(const dx_control *control, dx_epoch *out);
/* Whether this device acknowledged it. */
bool dx_control_acked(const dx_control *control, const uint8_t id[static DX_HASH_SIZE],
                      const uint8_t device[static DX_KEY_SIZE]);
/* The index-th acknowledgement, ascending by identity, then device; false: no more. */
bool dx_control_ack(const dx_control *control, const uint8_t id[static DX_HASH_SIZE], size_t index,
                    uint8_t identity[static DX_KEY_SIZE], uint8_t device[static DX_KEY_SIZE]);
/* The greatest length at which a confirmed epoch cuts the feed that this prefix names, with the root there; false:
 * none does. Of several epochs with that length the last in their order counts. */
bool dx_control_epoch_length(const dx_control *control, const uint8_t feed[static DX_PREFIX_SIZE],
                             uint64_t *length, uint8_t root[static DX_ROOT_PREFIX_SIZE]);
/* Another number whenever the set of confirmed epochs is another one; 0: there are none. */
uint64_t dx_control_epoch_version(const dx_control *control);

/* The entry of a feed in a cut; length 0: it has none. */
dx_dependency dx_epoch_entry(const dx_epoch *epoch, const uint8_t feed[static DX_PREFIX_SIZE]);
/* Whether a's cut holds all that b's does: of every feed at least as much, and of as much the same. */
bool dx_epoch_dominates(const dx_epoch *a, const dx_epoch *b);

/* What an epoch is to say. */
typedef struct dx_epoch_draft {
    const dx_dependency *cut; /* ascending by feed */
    size_t cut_count;
    uint8_t root[DX_HASH_SIZE];
    uint64_t size_bytes, key_epoch;
    uint8_t purged[DX_HASH_SIZE]; /* zeros: nothing */
} dx_epoch_draft;

/* Appends the EPOCH after the current one (the first: number 1), signed by this vault's device. DX_E_DENIED: no right;
 * DX_E_INVALID: the cut is none or does not hold all that the current epoch's does; buffer errors. */
DX_MUST_USE int dx_control_issue_epoch(const dx_control *control, const dx_identity *by,
                                       const dx_epoch_draft *draft, dx_buf *out);
/* Says that this vault made the snapshot again and found it right. DX_E_DENIED, DX_E_NOT_FOUND: no such epoch. */
DX_MUST_USE int dx_control_issue_epoch_ack(const dx_control *control, const dx_identity *by,
                                           const uint8_t epoch[static DX_HASH_SIZE], dx_buf *out);

#endif
