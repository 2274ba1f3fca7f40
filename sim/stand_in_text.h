/* sim/stand_in_text.h: how a stand-in hides a text, and tells whether it is the one that was hidden.
 *
 * Layer: simulator, its stand-ins only. A stream of counters, and for each lane of the text two sums over what
 * is hidden: of its words, and of that sum after each of them. All begin from a mixture of key, nonce and
 * place. A single word that changes always changes its lane's sum; where several do, as in a torn or stale
 * text, which another stream hid, the sums agree by chance alone. Who sets his mind to it forges one at once.
 * Lanes go in pairs, which processors take in one instruction. */
#ifndef DX_SIM_STAND_IN_TEXT_H
#define DX_SIM_STAND_IN_TEXT_H

#include <dxos/base.h>

#include <string.h>

enum { DX_STAND_IN_WORD = 8, DX_STAND_IN_TAG = 16, DX_STAND_IN_PAIRS = 4 };

#define DX_STAND_IN_STEP UINT64_C(0x9e3779b97f4a7c15)

typedef uint64_t dx_stand_in_pair __attribute__((vector_size(16)));

/* What a text begins from: a stream and sums. */
typedef struct dx_stand_in_seed {
    uint64_t stream, sums;
} dx_stand_in_seed;

static inline uint64_t dx_stand_in_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ (z >> 29);
}

/* The bytes at `at`, up to a word of them. */
static inline uint64_t dx_stand_in_load(const uint8_t *at, size_t size) {
    uint64_t word = 0;
    memcpy(&word, at, size < DX_STAND_IN_WORD ? size : DX_STAND_IN_WORD);
    return word;
}

static inline dx_stand_in_seed dx_stand_in_begin(const uint8_t *beginning, size_t size) {
    uint64_t mixed = size;
    for (size_t at = 0; at < size; at += DX_STAND_IN_WORD) {
        mixed = dx_stand_in_mix((mixed ^ dx_stand_in_load(beginning + at, size - at)) + DX_STAND_IN_STEP);
    }
    return (dx_stand_in_seed){.stream = dx_stand_in_mix(mixed + DX_STAND_IN_STEP), .sums = mixed};
}

/* What is left of a text behind its last whole row, word by word; returns their sum. */
static inline uint64_t dx_stand_in_rest(const dx_stand_in_seed *seed, const uint8_t *from, uint8_t *to,
                                        size_t size, bool hides) {
    uint64_t sum = size;
    for (size_t at = 0; at < size; at += DX_STAND_IN_WORD) {
        size_t left = size - at;
        uint64_t word = dx_stand_in_load(from + at, left);
        uint64_t turned = word ^ dx_stand_in_mix(~seed->stream + at);
        memcpy(to + at, &turned, left < DX_STAND_IN_WORD ? left : DX_STAND_IN_WORD);
        sum = dx_stand_in_mix(sum ^ (hides ? dx_stand_in_load(to + at, left) : word));
    }
    return sum;
}

/* Hides, or shows, size bytes from `from` to `to`, which may be the same, and writes the tag of what is hidden.
 */
static inline void dx_stand_in_turn(const dx_stand_in_seed *seed, const uint8_t *from, uint8_t *to,
                                    size_t size, bool hides, uint8_t tag[static DX_STAND_IN_TAG]) {
    enum { PAIR = 2 * DX_STAND_IN_WORD, ROW = DX_STAND_IN_PAIRS * PAIR };
    dx_stand_in_pair stream[DX_STAND_IN_PAIRS], sums[DX_STAND_IN_PAIRS], twice[DX_STAND_IN_PAIRS];
    for (size_t i = 0; i < DX_STAND_IN_PAIRS; i++) {
        uint64_t first = seed->stream + 2 * i * DX_STAND_IN_STEP;
        stream[i] = (dx_stand_in_pair){first, first + DX_STAND_IN_STEP};
        sums[i] = (dx_stand_in_pair){seed->sums + i, ~seed->sums - i};
        twice[i] = (dx_stand_in_pair){0, 0};
    }
    size_t at = 0;
    for (; at + ROW <= size; at += ROW) {
        for (size_t i = 0; i < DX_STAND_IN_PAIRS; i++) {
            dx_stand_in_pair words, turned;
            memcpy(&words, from + at + i * PAIR, PAIR);
            turned = words ^ stream[i];
            memcpy(to + at + i * PAIR, &turned, PAIR);
            stream[i] += 2 * DX_STAND_IN_PAIRS * DX_STAND_IN_STEP;
            sums[i] += hides ? turned : words;
            twice[i] += sums[i];
        }
    }
    uint64_t rest = dx_stand_in_rest(seed, from + at, to + at, size - at, hides);
    uint64_t halves[2] = {rest + size, ~rest};
    for (size_t i = 0; i < DX_STAND_IN_PAIRS; i++) {
        for (size_t lane = 0; lane < 2; lane++) {
            halves[0] = dx_stand_in_mix(halves[0] + sums[i][lane]);
            halves[1] = dx_stand_in_mix(halves[1] + twice[i][lane]);
        }
    }
    memcpy(tag, halves, sizeof halves);
}

#endif
