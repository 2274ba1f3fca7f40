/* halo/control.h: the control state of one space: a pure function of the set of its credentials.
 *
 * Layer: floor 1, halo. Members with roles, devices of identities, admitted feeds, key epochs and grants. Nothing here depends on
 * clocks or arrival: a credential whose premises are unknown waits, one whose premises contradict it is refused and counted.
 * This slice admits only; removal, revocation, demotion and cuts come with the HALO issue and add credential types, not formats.
 * Rules (docs/spec/control.md):
 *   SPACE    the genesis; space id = H(SPACE_ID, its payload); signed by the owner identity itself; makes it OWNER.
 *   DEVICE   signed by the identity itself.
 *   MEMBER   signer is a known device of an identity whose role is ADMIN or OWNER (or the owner identity) and at least the role given.
 *            An identity's role is the highest validly given.
 *   FEED     signer is a device of a member; comes in block 0 of the control feed that it admits, and in later ones.
 *   KEY_EPOCH, KEY_GRANT  signer's identity is ADMIN or OWNER.
 * Ownership: the control state owns copies; it is kept in memory per open space and reloaded from table credential. */
#ifndef DX_HALO_CONTROL_H
#define DX_HALO_CONTROL_H

#include "halo/credential.h"
#include "halo/keyring.h"
#include "feed/feed.h"

typedef struct dx_control dx_control;

typedef struct dx_member {
    uint8_t identity[DX_KEY_SIZE];
    dx_role role;
    uint8_t admission[DX_HASH_SIZE]; /* id of the credential that gave the role; zeros for the owner by genesis */
} dx_member;

typedef struct dx_admitted_feed {
    uint8_t id[DX_HASH_SIZE];
    dx_feed_identity identity;
    uint8_t owner[DX_KEY_SIZE]; /* identity */
} dx_admitted_feed;

/* Empty state for a space known by its id. */
DX_MUST_USE int dx_control_create(const dx_alloc *alloc, const uint8_t space_id[static DX_HASH_SIZE], dx_control **out);
void dx_control_destroy(dx_control *control);

/* One credential (form and signature are checked here). DX_OK: in effect now, with everything it completed; DX_E_STATE: waits for its premises;
 * DX_E_EXISTS: known already; DX_E_UNAUTHORIZED, DX_E_SIGNATURE, DX_E_MALFORMED: refused. Order of calls never changes the final state. */
DX_MUST_USE int dx_control_take(dx_control *control, dx_bytes credential);

dx_role dx_control_role(const dx_control *control, const uint8_t identity[static DX_KEY_SIZE]);
/* Identity a device speaks for; false when unknown. noise (may be NULL) receives its X25519 key. */
bool dx_control_device(const dx_control *control, const uint8_t device[static DX_KEY_SIZE], uint8_t identity[static DX_KEY_SIZE], uint8_t *noise);
size_t dx_control_member_count(const dx_control *control);
const dx_member *dx_control_member(const dx_control *control, size_t index); /* ascending identity */
size_t dx_control_feed_count(const dx_control *control);
const dx_admitted_feed *dx_control_feed(const dx_control *control, size_t index); /* ascending feed id */
const dx_admitted_feed *dx_control_find_feed(const dx_control *control, const uint8_t feed_id[static DX_HASH_SIZE]);
/* The newest key epoch in effect (0 when only the first), its commitment. */
uint64_t dx_control_key_epoch(const dx_control *control, uint8_t commitment[static DX_HASH_SIZE]);
/* The sealed grant of an epoch for a device; empty when there is none. */
dx_bytes dx_control_key_grant(const dx_control *control, uint64_t epoch, const uint8_t device[static DX_KEY_SIZE]);
/* H over the sorted ids of the credentials in effect: equal on replicas with equal sets. */
void dx_control_digest(const dx_control *control, uint8_t out[static DX_HASH_SIZE]);
size_t dx_control_waiting_count(const dx_control *control);
/* The genesis payload's secret nonce gives the space's discovery secret: H(DISCOVERY, nonce ‖ space id). False before the genesis is known. */
bool dx_control_discovery(const dx_control *control, uint8_t out[static DX_KEY_SIZE]);

/* May this feed's author write data now? The one question the pipeline asks. */
DX_MUST_USE int dx_control_authorize(const dx_control *control, const uint8_t feed_id[static DX_HASH_SIZE]); /* DX_OK or DX_E_UNAUTHORIZED */

#endif
