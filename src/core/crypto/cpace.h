/* crypto/cpace.h: CPace, a balanced password-authenticated key exchange (draft-irtf-cfrg-cpace, suite
 * CPACE-RISTR255-SHA512, initiator-responder mode). One online guess per run, nothing to attack off line.
 *
 * Layer: floor 1, crypto. Machine without I/O: each side sends one public share, then both derive the
 * intermediate session key (ISK) and two confirmation MACs.
 * Ownership: the struct is the caller's and holds a secret; dx_cpace_deinit wipes it. */
#ifndef DX_CRYPTO_CPACE_H
#define DX_CRYPTO_CPACE_H

#include "crypto/keys.h"

enum {
    DX_CPACE_SHARE_SIZE = 32,
    DX_CPACE_SID_MAX = 64, /* a Noise handshake hash is what we use as session identifier */
    DX_CPACE_ISK_SIZE = 64,
    DX_CPACE_CONFIRM_SIZE = 32
};

typedef struct dx_cpace {
    uint8_t scalar[32];
    uint8_t share[DX_CPACE_SHARE_SIZE]; /* what to send: Ya or Yb */
    uint8_t sid[DX_CPACE_SID_MAX];
    size_t sid_size;
    bool initiator;
    bool finished; /* one run, one guess: a second finish is refused */
} dx_cpace;

/* generator = map(PRS, CI, sid); scalar_seed: 64 fresh random bytes reduced to the scalar. DX_E_INVALID when
 * sid is longer than DX_CPACE_SID_MAX or the seed reduces to zero. */
DX_MUST_USE int dx_cpace_init(dx_cpace *cpace, bool initiator, dx_bytes password, dx_bytes channel_identifier,
                              dx_bytes sid, const uint8_t scalar_seed[static 64]);
/* ISK = SHA-512(lv_cat(DSI ‖ "_ISK", sid, K) ‖ lv_cat(Ya, ADa) ‖ lv_cat(Yb, ADb)). Both sides name both ADs
 * alike. DX_E_SIGNATURE when the remote share is no canonical point or the neutral element, DX_E_STATE the
 * second time; the ISK is zeroed then. A wrong password is no error here: it shows when the confirmation
 * differs. */
DX_MUST_USE int dx_cpace_finish(dx_cpace *cpace, const uint8_t remote_share[static DX_CPACE_SHARE_SIZE],
                                dx_bytes ad_initiator, dx_bytes ad_responder,
                                uint8_t isk[static DX_CPACE_ISK_SIZE]);
/* Explicit key confirmation: H(CPACE_CONFIRM keyed by the ISK, role byte ‖ transcript), role 1 when the MAC
 * is the initiator's and 2 when the responder's, so that neither can be sent back to its author. The ISK
 * binds sid, shares and ADs; transcript (may be empty) is what else both must have seen alike. Compare with
 * dx_secret_equal. */
void dx_cpace_confirm(const uint8_t isk[static DX_CPACE_ISK_SIZE], bool by_initiator, dx_bytes transcript,
                      uint8_t out[static DX_CPACE_CONFIRM_SIZE]);
void dx_cpace_deinit(dx_cpace *cpace);

#endif
