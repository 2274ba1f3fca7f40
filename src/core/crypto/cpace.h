/* crypto/cpace.h: CPace, a balanced password-authenticated key exchange (draft-irtf-cfrg-cpace, suite
 * CPACE-RISTR255-SHA512). One online guess per run, nothing to attack off line.
 *
 * Layer: floor 1, crypto. Machine without I/O: each side sends one public share, then both derive the
 * intermediate session key (ISK) and two confirmation MACs. */
#ifndef DX_CRYPTO_CPACE_H
#define DX_CRYPTO_CPACE_H

#include "crypto/keys.h"

enum { DX_CPACE_SHARE_SIZE = 32, DX_CPACE_ISK_SIZE = 64, DX_CPACE_CONFIRM_SIZE = 32 };

typedef struct dx_cpace {
    uint8_t scalar[32];
    uint8_t share[DX_CPACE_SHARE_SIZE]; /* what to send: Ya or Yb */
    uint8_t sid[64];
    size_t sid_size;
    bool initiator;
} dx_cpace;

/* generator = map(PRS, CI, sid); scalar_seed: 64 fresh random bytes reduced to the scalar. sid at most 64
 * bytes. */
DX_MUST_USE int dx_cpace_init(dx_cpace *cpace, bool initiator, dx_bytes password, dx_bytes channel_identifier,
                              dx_bytes sid, const uint8_t scalar_seed[static 64]);
/* Initiator-responder mode transcript: lv_cat(Ya, ADa) ‖ lv_cat(Yb, ADb), ADs given here. DX_E_SIGNATURE when
 * the share is not a valid point or the result is the neutral element. */
DX_MUST_USE int dx_cpace_finish(dx_cpace *cpace, const uint8_t remote_share[static DX_CPACE_SHARE_SIZE],
                                dx_bytes ad_initiator, dx_bytes ad_responder,
                                uint8_t isk[static DX_CPACE_ISK_SIZE]);
/* Key confirmation: MAC by the ISK over the sender's role and share (draft §"Explicit key confirmation"). */
void dx_cpace_confirm(const uint8_t isk[static DX_CPACE_ISK_SIZE], bool by_initiator, dx_bytes transcript,
                      uint8_t out[static DX_CPACE_CONFIRM_SIZE]);
void dx_cpace_deinit(dx_cpace *cpace);

#endif
