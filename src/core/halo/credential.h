/* halo/credential.h: signed statements, content-addressed: who is who and who may what.
 *
 * Layer: floor 1, halo. Format in docs/spec/credential.md:
 *   credential = [payload: bstr, signature: bstr 64]      id = H(CREDENTIAL, payload)
 *   payload    = {0: 1, 1: type, 2: issuer 32, 3: signer 32, 4: subject 32, 5: claims map, 6: [parent id 32…]}
 * issuer is the identity in whose name it speaks; signer the key that signed (the identity itself, or a device
 * whose DEVICE credential is known). Context of the signature: "dxos credential/1". An unknown type is kept, replicated and
 * shown, and has no effect. Ownership: a decoded credential points into its bytes. */
#ifndef DX_HALO_CREDENTIAL_H
#define DX_HALO_CREDENTIAL_H

#include <dxos/codec.h>

#include "crypto/keys.h"

enum { DX_CREDENTIAL_PARENTS_MAX = 16, DX_CREDENTIAL_SIZE_MAX = 3072 };

/* X(symbol, number, name). Numbers are on the wire: append, never renumber. */
#define DX_CREDENTIAL_TYPES(X) \
    X(DEVICE, 1, "device")         /* identity → device key; claims {1: noise key 32} */ \
    X(SPACE, 2, "space")           /* genesis: subject = issuer = the owner; claims {1: secret nonce 32} */ \
    X(MEMBER, 3, "member")         /* space's admitter → identity; claims {1: role, 2: invitation id 16 (optional)} */ \
    X(FEED, 4, "feed")             /* device → feed key; claims {1: class}; issuer: the device's identity */ \
    X(KEY_EPOCH, 5, "key-epoch")   /* admitter; claims {1: epoch, 2: commitment 32} */ \
    X(KEY_GRANT, 6, "key-grant")   /* admitter → device; claims {1: epoch, 2: sealed key 80} */

typedef enum dx_credential_type {
#define DX_CREDENTIAL_ROW(symbol, number, name) DX_CREDENTIAL_##symbol = (number),
    DX_CREDENTIAL_TYPES(DX_CREDENTIAL_ROW)
#undef DX_CREDENTIAL_ROW
} dx_credential_type;

/* Ordered by right: a larger number may do all a smaller may. */
typedef enum dx_role { DX_ROLE_NONE = 0, DX_ROLE_PULL = 10, DX_ROLE_READER = 20, DX_ROLE_EDITOR = 30, DX_ROLE_ADMIN = 40, DX_ROLE_OWNER = 50 } dx_role;

const char *dx_role_name(dx_role role);          /* "owner" … "pull", "none" */
dx_role dx_role_from_name(dx_bytes name);        /* DX_ROLE_NONE when unknown */

typedef struct dx_credential {
    dx_bytes bytes, payload;
    uint8_t id[DX_HASH_SIZE];
    uint64_t type;
    uint8_t issuer[DX_KEY_SIZE], signer[DX_KEY_SIZE], subject[DX_KEY_SIZE];
    dx_bytes claims; /* an encoded map with integer keys */
    size_t parent_count;
    uint8_t parents[DX_CREDENTIAL_PARENTS_MAX][DX_HASH_SIZE];
    uint8_t signature[DX_SIGNATURE_SIZE];
} dx_credential;

/* Form only: DX_OK or DX_E_MALFORMED. */
DX_MUST_USE int dx_credential_decode(dx_bytes bytes, dx_credential *out);
/* Signature only: DX_OK or DX_E_SIGNATURE. What it is worth is control.h's business. */
DX_MUST_USE int dx_credential_verify(const dx_credential *credential);
/* Fills payload, id and signature from type, issuer, subject, claims and parents, appends the encoded credential. */
DX_MUST_USE int dx_credential_issue(dx_credential_type type, const uint8_t issuer[static DX_KEY_SIZE], const dx_sign_key *signer,
                                    const uint8_t subject[static DX_KEY_SIZE], dx_bytes claims,
                                    const uint8_t (*parents)[DX_HASH_SIZE], size_t parent_count, dx_buf *out);
/* One claim by its integer key as encoded item; size 0 when absent. */
dx_bytes dx_credential_claim(const dx_credential *credential, uint64_t key);

#endif
