/* halo/credential.h: signed statements, content-addressed: who is who and who may what.
 *
 * Layer: floor 1, halo. Format in docs/spec/credential.md:
 *   credential = [payload: bstr, signature: bstr 64]      id = H(CREDENTIAL, payload)
 *   payload    = {0: 1, 1: type, 2: issuer 32, 3: signer 32, 4: subject 32, 5: claims map, 6: [parent id
 * 32…], 7: space id 32} issuer is the identity in whose name it speaks; signer the key that signed (the
 * identity itself, or a device whose DEVICE credential is known). Parents, ascending and unique, name the
 * credentials it rests on: it is judged by them and by nothing else. Key 7 binds it to one space, so that an
 * admission cannot be carried into another; only DEVICE and SPACE leave it out. Context of the signature:
 * "dxos credential/1"; an EPOCH, whose claims are long, is signed by its id, "dxos epoch/1". An unknown type is kept,
 * replicated and shown, and has no effect. Ownership: a decoded credential points into its bytes. */
#ifndef DX_HALO_CREDENTIAL_H
#define DX_HALO_CREDENTIAL_H

#include <dxos/codec.h>

#include "base/limits.h"
#include "crypto/keys.h"

enum {
    /* Premises are at most three today (signer's device, issuer's right, an earlier key epoch); the rest is
     * room for types that name a control frontier. */
    DX_CREDENTIAL_PARENTS_MAX = 16,
    /* Sixteen parents, all fields and 2 KiB of claims; and what is signed must stay below DX_SIGNED_MAX. */
    DX_CREDENTIAL_SIZE_MAX = 3072,
    /* An EPOCH names the data feeds of its space, all of them at the most: 40 bytes each (163 KiB). */
    DX_EPOCH_SIZE_MAX = DX_CREDENTIAL_SIZE_MAX + DX_SPACE_FEEDS_MAX * 40,
    /* The one form of what a snapshot's chunks are made of (docs/spec/epoch.md). */
    DX_EPOCH_FORMAT = 1,
    DX_SEALED_KEY_SIZE = DX_KEY_SIZE + DX_SEAL_OVERHEAD
};

/* X(symbol, number). Numbers are on the wire: append, never renumber. */
/* clang-format off */
#define DX_CREDENTIAL_TYPES(X) \
    X(DEVICE, 1)   /* identity → device key; claims {1: noise key 32, 2: the device key's own signature 64} */ \
    X(SPACE, 2)    /* genesis: subject = issuer = signer = the owner; claims {1: secret nonce 32} */ \
    X(MEMBER, 3)   /* admitter → identity; claims {1: role, 2: invitation id 16 (may be absent)} */ \
    X(FEED, 4)     /* device → feed key; claims {1: class}; issuer: the device's identity */ \
    X(KEY_EPOCH, 5)/* admitter → space id; claims {1: epoch, 2: commitment 32} */ \
    X(KEY_GRANT, 6)/* admitter → device key; claims {1: epoch, 2: sealed key 80} */ \
    X(EPOCH, 7)    /* admitter → space id; claims {1: number, 2: cut, 3: snapshot's root 32, 4: its size, 5: key \
                      epoch, 6: format} (halo/control_epoch.h) */ \
    X(EPOCH_ACK, 8)/* who may write → space id; claims {1: id of the EPOCH that was made again here, and is right} */ \
    X(PURGE, 9)    /* admitter, or who made it → space id; claims {1: entity id 22} */
/* clang-format on */

typedef enum dx_credential_type {
#define DX_CREDENTIAL_ROW(symbol, number) DX_CREDENTIAL_##symbol = (number),
    DX_CREDENTIAL_TYPES(DX_CREDENTIAL_ROW)
#undef DX_CREDENTIAL_ROW
} dx_credential_type;

/* Ordered by right: a larger number may do all a smaller may. */
typedef enum dx_role {
    DX_ROLE_NONE = 0,
    DX_ROLE_PULL = 10,
    DX_ROLE_READER = 20,
    DX_ROLE_EDITOR = 30,
    DX_ROLE_ADMIN = 40,
    DX_ROLE_OWNER = 50
} dx_role;

const char *dx_role_name(dx_role role);       /* "owner" … "pull", "none" */
dx_role dx_role_from_name(dx_bytes name);     /* DX_ROLE_NONE when unknown */
dx_role dx_role_from_number(uint64_t number); /* likewise */

typedef struct dx_credential {
    dx_bytes bytes, payload;
    uint8_t id[DX_HASH_SIZE];
    uint64_t type;
    uint8_t issuer[DX_KEY_SIZE], signer[DX_KEY_SIZE], subject[DX_KEY_SIZE];
    dx_bytes claims; /* an encoded map with integer keys */
    size_t parent_count;
    uint8_t parents[DX_CREDENTIAL_PARENTS_MAX][DX_HASH_SIZE];
    bool has_space;
    uint8_t space[DX_HASH_SIZE];
    uint8_t signature[DX_SIGNATURE_SIZE];
} dx_credential;

/* Form only: DX_OK or DX_E_MALFORMED. */
DX_MUST_USE int dx_credential_decode(dx_bytes bytes, dx_credential *out);
/* Signature only: DX_OK or DX_E_SIGNATURE. What it is worth is control.h's business. */
DX_MUST_USE int dx_credential_verify(const dx_credential *credential);
/* One claim by its integer key as encoded item; size 0 when absent. */
dx_bytes dx_credential_claim(const dx_credential *credential, uint64_t key);

/* What is said, before it is signed. claims: an encoded canonical map; parents in any order, repetitions
 * allowed. */
typedef struct dx_statement {
    uint64_t type;
    const uint8_t *issuer, *subject; /* DX_KEY_SIZE bytes each */
    const uint8_t *space;            /* DX_HASH_SIZE bytes, NULL: of no space */
    dx_bytes claims;
    const uint8_t (*parents)[DX_HASH_SIZE];
    size_t parent_count;
} dx_statement;

/* Signs the statement and appends the encoded credential. DX_E_LIMIT when too many parents or bytes,
 * DX_E_INVALID when claims is no map, buffer errors. For credentials of a space use control.h, which finds
 * the parents. */
DX_MUST_USE int dx_credential_issue(const dx_statement *statement, const dx_sign_key *signer, dx_buf *out);
/* DEVICE: the identity names the device, and the device key agrees ("dxos device/1" over identity ‖ device ‖
 * noise), so that nobody can claim another's device. */
DX_MUST_USE int dx_device_credential_issue(const dx_sign_key *identity, const dx_sign_key *device,
                                           const uint8_t noise[static DX_KEY_SIZE], dx_buf *out);
/* A DEVICE credential that says what it seems to say: form, both signatures, signed by the identity itself.
 * noise (may be NULL) points into the credential. DX_OK, DX_E_MALFORMED, DX_E_SIGNATURE, DX_E_UNAUTHORIZED.
 */
DX_MUST_USE int dx_device_credential_check(const dx_credential *credential, const uint8_t **noise);
/* SPACE: a new space owned by this identity; space_id = H(SPACE_ID, payload). */
DX_MUST_USE int dx_space_credential_issue(const dx_sign_key *owner, const uint8_t nonce[static DX_KEY_SIZE],
                                          dx_buf *out, uint8_t space_id[static DX_HASH_SIZE]);

#endif
