/* sim/stand_in_page_cipher.c: stands in for the cipher of pages in the simulator, never in the product.
 *
 * Layer: simulator; takes the place of src/core/store/page_cipher.c in the program `sim`, as stand_in_sign.c
 * does for signatures. What it keeps: the file below shows nothing of the text, and a page or frame that is
 * torn, flipped, stale, in another's place or under another key does not open. What it does not keep: that
 * nobody could find the key or forge a tag who set his mind to it; the simulator's disk tears, it does not
 * forge. How: a stream of counters and four sums over what stands on the disk, all begun from one
 * SipHash of key, nonce and place. */
#include "store/page_cipher.h"

#include <sodium.h>
#include <string.h>

/* What tools/tidy looks for where it must not be. */
extern const char dx_stand_in_page_cipher[];
const char dx_stand_in_page_cipher[] = "stand-in for the cipher of pages";

enum { LANES = 4, WORD = 8, HASH = crypto_shorthash_siphashx24_BYTES };

/* What one text begins from. */
typedef struct start {
    uint64_t stream;
    uint64_t sums[LANES];
} start;

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ (z >> 29);
}

static start begin(const uint8_t *key, const uint8_t *nonce, const uint8_t *place) {
    uint8_t text[DX_PAGE_NONCE_SIZE + DX_PAGE_PLACE_SIZE + DX_PAGE_KEY_SIZE];
    uint64_t seeds[HASH / WORD];
    start out;
    memcpy(text, nonce, DX_PAGE_NONCE_SIZE);
    memcpy(text + DX_PAGE_NONCE_SIZE, place, DX_PAGE_PLACE_SIZE);
    memcpy(text + DX_PAGE_NONCE_SIZE + DX_PAGE_PLACE_SIZE, key, DX_PAGE_KEY_SIZE);
    crypto_shorthash_siphashx24((uint8_t *)seeds, text, sizeof text, key);
    out.stream = seeds[0];
    for (size_t lane = 0; lane < LANES; lane++) {
        out.sums[lane] = mix(seeds[1] + lane);
    }
    return out;
}

/* One word of the text at `at`; at the end it may be short. */
static uint64_t load(const uint8_t *at, size_t size) {
    uint64_t word = 0;
    memcpy(&word, at, size < WORD ? size : WORD);
    return word;
}

/* Counted up by a large odd step: every byte of it changes from word to word, and a compiler takes several
 * words at once. */
static void apply_stream(const start *from, uint8_t *text, size_t size) {
    uint64_t counter = from->stream;
    size_t whole = size / WORD;
    for (size_t i = 0; i < whole; i++) {
        uint64_t word;
        memcpy(&word, text + i * WORD, WORD);
        word ^= counter + i * UINT64_C(0x9e3779b97f4a7c15);
        memcpy(text + i * WORD, &word, WORD);
    }
    uint64_t word = load(text + whole * WORD, size % WORD) ^ (counter - 1);
    memcpy(text + whole * WORD, &word, size % WORD);
}

/* Each word goes into one sum by a step that can be undone, so no single change stays unseen; the sums go
 * into one another at the end. */
static void sum_up(const start *from, const uint8_t *text, size_t size,
                   uint8_t tag[static DX_PAGE_TAG_SIZE]) {
    uint64_t sums[LANES];
    memcpy(sums, from->sums, sizeof sums);
    size_t i = 0;
    for (; i + (size_t)LANES * WORD <= size; i += (size_t)LANES * WORD) {
        for (size_t lane = 0; lane < LANES; lane++) {
            uint64_t sum = (sums[lane] ^ load(text + i + lane * WORD, WORD)) * UINT64_C(0x9fb21c651e98df25);
            sums[lane] = sum ^ sum >> 32;
        }
    }
    for (; i < size; i += WORD) {
        sums[0] = mix(sums[0] ^ load(text + i, size - i));
    }
    uint64_t halves[2] = {mix(sums[0] ^ size) ^ sums[1], mix(sums[2]) ^ sums[3]};
    halves[0] = mix(halves[0] + mix(halves[1]));
    halves[1] = mix(halves[1] + halves[0]);
    memcpy(tag, halves, sizeof halves);
}

void dx_page_encrypt(const uint8_t key[static DX_PAGE_KEY_SIZE],
                     const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                     const uint8_t place[static DX_PAGE_PLACE_SIZE], uint8_t *text, size_t size,
                     uint8_t tag[static DX_PAGE_TAG_SIZE]) {
    start from = begin(key, nonce, place);
    apply_stream(&from, text, size);
    sum_up(&from, text, size, tag);
}

bool dx_page_decrypt(const uint8_t key[static DX_PAGE_KEY_SIZE],
                     const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                     const uint8_t place[static DX_PAGE_PLACE_SIZE], uint8_t *text, size_t size,
                     const uint8_t tag[static DX_PAGE_TAG_SIZE]) {
    start from = begin(key, nonce, place);
    uint8_t wanted[DX_PAGE_TAG_SIZE];
    sum_up(&from, text, size, wanted);
    if (memcmp(wanted, tag, sizeof wanted) != 0) {
        return false;
    }
    apply_stream(&from, text, size);
    return true;
}
