/* sim/stand_in_text.h: how a stand-in hides a text, and tells whether it is the one that was hidden.
 *
 * Layer: simulator, its stand-ins only. A stream of counters, and for each lane of the text two sums over what
 * is hidden: of its words, and of that sum after each of them. All begin from one SipHash of key, nonce and
 * place. A single word that changes always changes its lane's sum; where several do, as in a torn or stale
 * text, which another stream hid, the sums agree by chance alone. Who sets his mind to it forges one at once.
 * Written so that a compiler takes several words in one instruction. */
#ifndef DX_SIM_STAND_IN_TEXT_H
#define DX_SIM_STAND_IN_TEXT_H

#include <dxos/base.h>

#include <sodium.h>
#include <string.h>

enum { DX_STAND_IN_LANES = 8, DX_STAND_IN_WORD = 8, DX_STAND_IN_TAG = 16 };

#define DX_STAND_IN_STEP UINT64_C(0x9e3779b97f4a7c15)

/* What stands of a text so far. */
typedef struct dx_stand_in_state {
    uint64_t stream[DX_STAND_IN_LANES];
    uint64_t sums[DX_STAND_IN_LANES];
    uint64_t sums_of_sums[DX_STAND_IN_LANES];
} dx_stand_in_state;

static inline uint64_t dx_stand_in_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ (z >> 29);
}

/* key: what SipHash takes, the beginning of the text's own key. */
static inline void dx_stand_in_begin(dx_stand_in_state *state, const uint8_t *beginning, size_t size,
                                     const uint8_t *key) {
    uint64_t seeds[crypto_shorthash_siphashx24_BYTES / DX_STAND_IN_WORD];
    crypto_shorthash_siphashx24((uint8_t *)seeds, beginning, size, key);
    for (size_t lane = 0; lane < DX_STAND_IN_LANES; lane++) {
        state->stream[lane] = seeds[0] + lane * DX_STAND_IN_STEP;
        state->sums[lane] = dx_stand_in_mix(seeds[1] + lane);
        state->sums_of_sums[lane] = 0;
    }
}

/* One word of every lane from `from` to `to`; hidden is the side that is summed up. */
static inline void dx_stand_in_row(dx_stand_in_state *state, const uint8_t *from, uint8_t *to, bool hides) {
    uint64_t words[DX_STAND_IN_LANES], turned[DX_STAND_IN_LANES];
    memcpy(words, from, sizeof words);
    for (size_t lane = 0; lane < DX_STAND_IN_LANES; lane++) {
        turned[lane] = words[lane] ^ state->stream[lane];
        state->stream[lane] += DX_STAND_IN_LANES * DX_STAND_IN_STEP;
        state->sums[lane] += hides ? turned[lane] : words[lane];
        state->sums_of_sums[lane] += state->sums[lane];
    }
    memcpy(to, turned, sizeof turned);
}

/* Hides, or shows, size bytes from `from` to `to`, which may be the same, and writes the tag of what is hidden.
 */
static inline void dx_stand_in_turn(const dx_stand_in_state *beginning, const uint8_t *from, uint8_t *to,
                                    size_t size, bool hides, uint8_t tag[static DX_STAND_IN_TAG]) {
    enum { ROW = DX_STAND_IN_LANES * DX_STAND_IN_WORD };
    dx_stand_in_state state = *beginning;
    size_t at = 0;
    for (; at + ROW <= size; at += ROW) {
        dx_stand_in_row(&state, from + at, to + at, hides);
    }
    if (at < size) { /* the rest as a row that ends in zeros, in whatever is summed */
        uint8_t row[ROW] = {0};
        memcpy(row, from + at, size - at);
        for (size_t i = size - at; i < ROW && hides; i++) {
            row[i] = ((const uint8_t *)state.stream)[i];
        }
        dx_stand_in_row(&state, row, row, hides);
        memcpy(to + at, row, size - at);
    }
    uint64_t halves[2] = {size, ~(uint64_t)size};
    for (size_t lane = 0; lane < DX_STAND_IN_LANES; lane++) {
        halves[0] = dx_stand_in_mix(halves[0] + state.sums[lane]) + state.sums_of_sums[lane];
        halves[1] = dx_stand_in_mix(halves[1] ^ state.sums_of_sums[lane]) + halves[0];
    }
    halves[0] = dx_stand_in_mix(halves[0]);
    halves[1] = dx_stand_in_mix(halves[1]);
    memcpy(tag, halves, sizeof halves);
}

#endif
