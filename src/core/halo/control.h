/* halo/control.h: the control state of one space: a pure function of the set of its credentials.
 *
 * Layer: floor 1, halo. Members with roles, devices of identities, admitted feeds, key epochs and grants.
 * Nothing here depends on clocks or arrival. A credential is judged by the parents it names and by nothing
 * else: while one of them is missing it waits; when all are here the verdict is final and the same on every
 * replica. So "unknown" (waits) and "unauthorized" (refused) never mix, and no order of arrival changes a
 * verdict. The rules stand in docs/spec/control.md and in authorize.c.
 *
 * This slice admits only; removal, revocation, demotion and their cuts come with the HALO issue and add credential
 * types, not formats. Epochs: control_epoch.h; purges:
 * control_purge.h.
 *
 * Bounds are per source (the feed that brought it) and in all. What needs no waiting is never turned away
 * for a full waiting room, so a full room delays and never blocks.
 *
 * Ownership: the control state owns copies; it is kept in memory per open space and reloaded from table
 * credential. */
#ifndef DX_HALO_CONTROL_H
#define DX_HALO_CONTROL_H

#include "feed/feed.h"
#include "halo/credential.h"
#include "halo/keyring.h"

enum {
    /* Admissions between the genesis and a member. A right that passed through more hands than this is no
     * longer one the owner can follow; a longer chain is shortened by any ADMIN nearer to the owner admitting
     * the last one again. */
    DX_CONTROL_CHAIN_MAX = 4,
    /* Waiting credentials held, in units of DX_CREDENTIAL_SIZE_MAX begun: 12 MiB at the largest. A newcomer to a space of 2,000 devices may see two per
       feed. */
    DX_CONTROL_WAITING_MAX = 4096,
    DX_CONTROL_WAITING_PER_SOURCE_MAX = 64,
    /* Credentials one feed may bring, in the same units, whatever they are worth: a hundred rotations for 600 devices. */
    DX_CONTROL_PER_SOURCE_MAX = 65536
};

typedef struct dx_control dx_control;

typedef struct dx_member {
    uint8_t identity[DX_KEY_SIZE];
    dx_role role;
    uint8_t admission[DX_HASH_SIZE]; /* id of the credential that gave the role (the genesis for the owner) */
    unsigned depth;                  /* admissions from the genesis: 0 the owner */
} dx_member;

typedef struct dx_admitted_feed {
    uint8_t id[DX_HASH_SIZE];
    dx_feed_identity identity;
    uint8_t owner[DX_KEY_SIZE]; /* identity */
} dx_admitted_feed;

/* Empty state for a space known by its id. */
DX_MUST_USE int dx_control_create(const dx_alloc *alloc, const uint8_t space_id[static DX_HASH_SIZE],
                                  dx_control **out);
void dx_control_destroy(dx_control *control);

/* One credential (form and signature are checked here), brought by `source`: the local number of the feed
 * that carried it, 0 for none. Order of calls never changes the final state.
 *
 * DX_OK: in effect now, with all it completed; or of an unknown type, kept.
 *
 * DX_E_STATE: kept, waits for a parent. DX_E_EXISTS: known already, and not refused.
 *
 * DX_E_UNAUTHORIZED: refused for good, now or before; remembered and counted once. DX_E_MALFORMED,
 * DX_E_SIGNATURE: refused, and not remembered.
 *
 * DX_E_LIMIT: not taken; leave its block unprocessed and come back when something settled
 * (dx_control_is_full).
 *
 * DX_E_NO_MEMORY: the control state must be loaded again. */
DX_MUST_USE int dx_control_take(dx_control *control, dx_bytes credential, int64_t source);

/* Whether DX_E_LIMIT was answered to this source and nothing has settled since: asked again, the answer would
 * be the same. */
bool dx_control_is_full(const dx_control *control, int64_t source);

/* --- Rows ------------------------------------------------------------------------------------- */

/* Table credential keeps all that dx_control_take answered DX_OK, DX_E_STATE or DX_E_UNAUTHORIZED. */

/* Where a credential came from: local feed number, block, section. */
typedef struct dx_credential_place {
    int64_t space, feed, seq, position;
} dx_credential_place;

/* Idempotent; remembers every place. */
DX_MUST_USE int dx_control_store(dx_store *store, const dx_credential_place *place, dx_bytes credential);
/* Takes all rows of the space. Signatures were checked before the rows were written and are not checked
 * again. DX_E_CORRUPT.
 *
 * Once a control feed is forked, what counts are the credentials that a block in force carries, whoever's:
 * one that stands below its feed's limit. What only blocks beyond a limit carry is out of force, with all
 * that rests on it. */
DX_MUST_USE int dx_control_load(dx_store *store, const dx_alloc *alloc, int64_t space,
                                const uint8_t space_id[static DX_HASH_SIZE], dx_control **out);

/* The same, but floors do not count: blocks below the cuts alone. By it floors themselves are weighed. */
DX_MUST_USE int dx_control_load_below_cuts(dx_store *store, const dx_alloc *alloc, int64_t space,
                                           const uint8_t space_id[static DX_HASH_SIZE], dx_control **out);
/* The credentials of the space whose ids come after this one, in their order, each with where it came from first: in
 * force or not. A callback's error ends the walk and is returned; it may not use the store. */
DX_MUST_USE int
dx_control_each(dx_store *store, int64_t space, const uint8_t after[static DX_HASH_SIZE],
                int (*on_credential)(void *ctx, const dx_credential_place *place, dx_bytes bytes), void *ctx);
/* The feed's blocks from seq on carry nothing any more; what that means, the next load tells. */
DX_MUST_USE int dx_control_forget_places(dx_store *store, int64_t feed, uint64_t seq);

/* --- Reading ---------------------------------------------------------------------------------- */

dx_role dx_control_role(const dx_control *control, const uint8_t identity[static DX_KEY_SIZE]);
/* Identity a device of a member speaks for; false when unknown. noise (may be NULL) receives its X25519 key.
 */
bool dx_control_device(const dx_control *control, const uint8_t device[static DX_KEY_SIZE],
                       uint8_t identity[static DX_KEY_SIZE], uint8_t *noise);
/* Whether a device of a member has this X25519 key. */
bool dx_control_has_noise(const dx_control *control, const uint8_t noise[static DX_KEY_SIZE]);
size_t dx_control_member_count(const dx_control *control);
const dx_member *dx_control_member(const dx_control *control, size_t index); /* ascending identity */
const dx_member *dx_control_member_of(const dx_control *control,
                                      const uint8_t identity[static DX_KEY_SIZE]); /* NULL: none */
size_t dx_control_device_count(const dx_control *control);
/* Ascending by device, with the identity it speaks for. */
void dx_control_device_at(const dx_control *control, size_t index, uint8_t device[static DX_KEY_SIZE],
                          uint8_t identity[static DX_KEY_SIZE]);
size_t dx_control_feed_count(const dx_control *control);
const dx_admitted_feed *dx_control_feed(const dx_control *control, size_t index); /* ascending feed id */
const dx_admitted_feed *dx_control_find_feed(const dx_control *control,
                                             const uint8_t feed_id[static DX_HASH_SIZE]);
/* The newest key epoch in effect (0 when only the first, or none yet) and its commitment (zeros: none yet).
 * Of two with one number the one nearer to the genesis counts, then the smaller id. */
uint64_t dx_control_key_epoch(const dx_control *control, uint8_t commitment[static DX_HASH_SIZE]);
/* Whether `signer`, a device, has itself granted that device the key of the epoch that counts. What others granted
 * may open to a key that does not count, or to none; only the device itself can tell. */
bool dx_control_granted_by(const dx_control *control, uint64_t epoch,
                           const uint8_t device[static DX_KEY_SIZE],
                           const uint8_t signer[static DX_KEY_SIZE]);
/* Opens the grants of an epoch for this device (there may be several, honest or not) until one gives a key
 * that its epoch commits to. Each is tried once for the epoch that counts, whoever sent however many, and
 * never again while the control state is in memory: so the device's secret must be the same in every call.
 * *tries: at most so many now, less by those made. DX_E_NOT_FOUND; DX_E_LIMIT: there are untried ones left. */
DX_MUST_USE int dx_control_open_key(dx_control *control, uint64_t epoch,
                                    const uint8_t device[static DX_KEY_SIZE],
                                    const uint8_t noise_secret[static DX_KEY_SIZE], size_t *tries,
                                    uint8_t key[static DX_KEY_SIZE]);
/* H over the sorted ids of the credentials in effect: equal on replicas with equal sets. */
void dx_control_digest(const dx_control *control, uint8_t out[static DX_HASH_SIZE]);
size_t dx_control_waiting_count(const dx_control *control);
size_t dx_control_refused_count(const dx_control *control); /* refused for good by the rules */
/* The genesis payload's secret nonce gives the space's discovery secret: H(DISCOVERY, nonce ‖ space id).
 * False before the genesis is known. */
bool dx_control_discovery(const dx_control *control, uint8_t out[static DX_KEY_SIZE]);
/* The credential with this id, in effect or of an unknown type; empty when there is none. Borrowed from the
 * control state. */
dx_bytes dx_control_credential(const dx_control *control, const uint8_t id[static DX_HASH_SIZE]);

/* May this feed's author write data now? The one question the pipeline asks. */
DX_MUST_USE int
dx_control_authorize(const dx_control *control,
                     const uint8_t feed_id[static DX_HASH_SIZE]); /* DX_OK or DX_E_UNAUTHORIZED */
/* May this identity give that role? DX_OK, DX_E_DENIED (no right, or not to this role), DX_E_LIMIT (too far
 * from the owner). */
DX_MUST_USE int dx_control_may_admit(const dx_control *control, const uint8_t identity[static DX_KEY_SIZE],
                                     dx_role role);
/* The admission of this identity by this invitation, if it is in effect. */
bool dx_control_find_admission(const dx_control *control, const uint8_t identity[static DX_KEY_SIZE],
                               dx_bytes invitation_id, uint8_t id[static DX_HASH_SIZE]);

/* --- Issuing ---------------------------------------------------------------------------------- */

/* Signed by this vault's device, with the parents found here, appended encoded; the caller takes and writes
 * it. */

/* All: DX_E_DENIED when this identity has not the right (or its device is not known here), buffer errors. */
DX_MUST_USE int dx_control_issue_member(const dx_control *control, const dx_identity *by,
                                        const uint8_t identity[static DX_KEY_SIZE], dx_role role,
                                        dx_bytes invitation_id /* 16 bytes or none */, dx_buf *out);
DX_MUST_USE int dx_control_issue_feed(const dx_control *control, const dx_identity *by,
                                      dx_feed_class feed_class, const uint8_t feed_key[static DX_KEY_SIZE],
                                      dx_buf *out);
/* epoch: 0, or one more than an epoch in effect. */
DX_MUST_USE int dx_control_issue_key_epoch(const dx_control *control, const dx_identity *by, uint64_t epoch,
                                           const uint8_t key[static DX_KEY_SIZE], dx_buf *out);
/* Seals the key to the device's noise key; the epoch must be in effect and commit to it (DX_E_INVALID). */
DX_MUST_USE int dx_control_issue_key_grant(const dx_control *control, const dx_identity *by,
                                           const dx_random *random, uint64_t epoch,
                                           const uint8_t key[static DX_KEY_SIZE],
                                           const uint8_t device[static DX_KEY_SIZE],
                                           const uint8_t noise[static DX_KEY_SIZE], dx_buf *out);

#endif
