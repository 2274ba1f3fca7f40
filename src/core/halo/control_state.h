/* halo/control_state.h: what a control state is made of, for the files of this room that build, judge and ask
 * it.
 *
 * Layer: floor 1, halo, private to this room. The one truth is `entries`, the set of credentials taken;
 * everything else is an index over the entries in effect and could be made anew from them. Ownership: the
 * control state owns entries; the indexes point to them. */
#ifndef DX_HALO_CONTROL_STATE_H
#define DX_HALO_CONTROL_STATE_H

#include "halo/control.h"
#include "halo/control_epoch.h"
#include "halo/control_purge.h"
#include "halo/sorted.h"

typedef enum dx_standing {
    DX_STANDING_WAITING, /* something it rests on is not here: `awaits` */
    DX_STANDING_IN_EFFECT,
    DX_STANDING_UNKNOWN, /* signed well, its parents stand, of a type this version does not know */
    DX_STANDING_REFUSED  /* by the rules, for good; only its id is kept */
} dx_standing;

/* One credential of the set. */
typedef struct dx_control_entry {
    uint8_t id[DX_HASH_SIZE];
    uint8_t issuer[DX_KEY_SIZE], subject[DX_KEY_SIZE];
    /* While waiting: the id of the first missing parent, or (DEVICE) the identity that is no member yet. */
    uint8_t awaits[DX_HASH_SIZE];
    uint64_t type;
    uint64_t number; /* MEMBER: role; FEED: class; KEY_EPOCH, KEY_GRANT: epoch; EPOCH: its number */
    unsigned depth; /* admissions from the genesis: MEMBER: of the one admitted; else of the issuer's right */
    dx_standing standing;
    int64_t source;
    struct dx_control_entry *next; /* in the list of the just settled */
    /* KEY_GRANT: the KEY_EPOCH for which it was found to open to nothing; NULL: not tried, or it opens. */
    const struct dx_control_entry *useless_for;
    size_t size;
    uint8_t bytes[]; /* the credential */
} dx_control_entry;

typedef struct dx_control_device_row {
    uint8_t device[DX_KEY_SIZE], identity[DX_KEY_SIZE], noise[DX_KEY_SIZE];
    uint8_t credential[DX_HASH_SIZE];
} dx_control_device_row;

/* An EPOCH in effect. */
typedef struct dx_epoch_row {
    const dx_control_entry *entry;
    uint64_t sum; /* of its cut's lengths */
    bool confirmed;
} dx_epoch_row;

typedef struct dx_epoch_ack {
    uint8_t epoch[DX_HASH_SIZE], identity[DX_KEY_SIZE], device[DX_KEY_SIZE];
} dx_epoch_ack;

/* What one feed brought; counts are in units of DX_CREDENTIAL_SIZE_MAX, begun. */
typedef struct dx_control_source {
    int64_t source;
    size_t total, waiting;
    size_t
        full_at; /* 1 + what had settled in all when there was no room for one of it; 0: there always was */
} dx_control_source;

struct dx_control {
    const dx_alloc *alloc;
    uint8_t space_id[DX_HASH_SIZE];
    dx_sorted entries; /* dx_control_entry *, by id */
    dx_sorted waiting; /* dx_control_entry *, by (what kind of thing it awaits, awaits, id) */
    dx_sorted members; /* dx_member, by identity */
    /* dx_control_device_row, by device: one each, the smallest identity, then credential. */
    dx_sorted devices;
    dx_sorted feeds;      /* dx_admitted_feed, by id */
    dx_sorted key_epochs; /* dx_control_entry *, by (epoch, depth, id) */
    dx_sorted grants;     /* dx_control_entry *, by (device, epoch, depth, id) */
    dx_sorted sources;    /* dx_control_source, by source */
    dx_sorted epochs;     /* dx_epoch_row, by (number, sum, id) */
    dx_sorted acks;       /* dx_epoch_ack, by itself */
    dx_sorted cuts;       /* dx_dependency, by feed: of all confirmed epochs the greatest length */
    dx_sorted purges;     /* ids of entities, DX_PURGED_ID_SIZE bytes each, by themselves */
    uint64_t purge_version;
    bool epochs_stale; /* which of them are confirmed is to be found anew */
    uint64_t epoch_version;
    size_t waiting_units; /* of all sources */
    size_t in_effect, refused, unknown;
    const dx_control_entry *genesis; /* NULL: not known yet */
};

/* What the rules make of a credential, given what is known now. */
typedef struct dx_verdict {
    int error;             /* DX_OK, DX_E_STATE (awaits), DX_E_UNAUTHORIZED */
    unsigned depth;        /* DX_OK */
    const uint8_t *awaits; /* DX_E_STATE: DX_HASH_SIZE bytes, borrowed from the credential */
} dx_verdict;

/* --- authorize.c: the rules, in one place ----------------------------------------------------- */

/* The claims of a known type are exactly those it has: fills number. DX_OK or DX_E_MALFORMED. */
DX_MUST_USE int dx_control_check_form(const dx_credential *credential, uint64_t *number);
dx_verdict dx_control_judge(const dx_control *control, const dx_credential *credential, uint64_t number);

/* --- control_epoch.c -------------------------------------------------------------------------- */

/* The claims of an EPOCH, strictly; out->confirmed and acks are not filled. False: they are not in form. */
bool dx_epoch_read(const dx_credential *credential, dx_epoch *out);
/* Whether this says that something is left out: it is not zeros. */
bool dx_epoch_leaves_out(const uint8_t purged[static DX_HASH_SIZE]);
/* What is in effect now. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_control_add_epoch(dx_control *control, const dx_control_entry *entry,
                                     const dx_credential *credential);
DX_MUST_USE int dx_control_add_ack(dx_control *control, const dx_credential *credential);
/* Finds the confirmed ones anew when something changed that they follow from. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_control_weigh_epochs(dx_control *control);

/* --- control_purge.c -------------------------------------------------------------------------- */

/* Whether the claims are a PURGE's. */
bool dx_purge_is_in_form(const dx_credential *credential);
DX_MUST_USE int dx_control_add_purge(dx_control *control, const dx_control_entry *entry,
                                     const dx_credential *credential);

/* --- control.c -------------------------------------------------------------------------------- */

/* As dx_control_take; trusted: from our own rows, so signatures and limits were checked before. */
DX_MUST_USE int dx_control_admit(dx_control *control, dx_bytes bytes, int64_t source, bool trusted);
const dx_control_entry *dx_control_entry_of(const dx_control *control, const uint8_t id[static DX_HASH_SIZE]);
/* Of feeds whose ids share the prefix one alone is admitted; NULL: none. */
const dx_admitted_feed *dx_control_feed_by_prefix(const dx_control *control,
                                                  const uint8_t prefix[static DX_PREFIX_SIZE]);
const dx_control_device_row *dx_control_device_of(const dx_control *control,
                                                  const uint8_t device[static DX_KEY_SIZE]);
/* The KEY_EPOCH that counts for this number; NULL: none. */
const dx_control_entry *dx_control_key_epoch_of(const dx_control *control, uint64_t epoch);
/* The KEY_GRANTs of an epoch for a device, the nearest to the genesis first; NULL: no more. */
const dx_control_entry *dx_control_grant_of(const dx_control *control, uint64_t epoch,
                                            const uint8_t device[static DX_KEY_SIZE], size_t index);
/* What a KEY_EPOCH commits to. */
void dx_control_commitment(const dx_control_entry *epoch, uint8_t out[static DX_HASH_SIZE]);

#endif
