/* sim/stand_in_page_cipher.c: stands in for the cipher of pages in the simulator, never in the product.
 *
 * Layer: simulator; takes the place of src/core/store/page_cipher.c in the program `sim`, as stand_in_sign.c
 * does for signatures. What it keeps: the file below shows nothing of the text, and a page or frame that is
 * torn, flipped, stale, in another's place or under another key does not open. What it does not keep: that
 * nobody could find the key or forge a tag who set his mind to it; the simulator's disk tears, it does not
 * forge. How: stand_in_text.h. */
#include "store/page_cipher.h"

#include "stand_in_text.h"

/* What tools/tidy looks for where it must not be. */
extern const char dx_stand_in_page_cipher[];
const char dx_stand_in_page_cipher[] = "stand-in for the cipher of pages";

_Static_assert(sizeof(uint8_t[DX_STAND_IN_TAG]) == DX_PAGE_TAG_SIZE, "a page's tag");

static dx_stand_in_seed begin(const uint8_t *key, const uint8_t *nonce, const uint8_t *place) {
    uint8_t text[DX_PAGE_NONCE_SIZE + DX_PAGE_PLACE_SIZE + DX_PAGE_KEY_SIZE];
    memcpy(text, nonce, DX_PAGE_NONCE_SIZE);
    memcpy(text + DX_PAGE_NONCE_SIZE, place, DX_PAGE_PLACE_SIZE);
    memcpy(text + DX_PAGE_NONCE_SIZE + DX_PAGE_PLACE_SIZE, key, DX_PAGE_KEY_SIZE);
    return dx_stand_in_begin(text, sizeof text);
}

void dx_page_encrypt(const uint8_t key[static DX_PAGE_KEY_SIZE],
                     const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                     const uint8_t place[static DX_PAGE_PLACE_SIZE], uint8_t *text, size_t size,
                     uint8_t tag[static DX_PAGE_TAG_SIZE]) {
    dx_stand_in_seed from = begin(key, nonce, place);
    dx_stand_in_turn(&from, text, text, size, true, tag);
}

bool dx_page_decrypt(const uint8_t key[static DX_PAGE_KEY_SIZE],
                     const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                     const uint8_t place[static DX_PAGE_PLACE_SIZE], uint8_t *text, size_t size,
                     const uint8_t tag[static DX_PAGE_TAG_SIZE]) {
    dx_stand_in_seed from = begin(key, nonce, place);
    uint8_t wanted[DX_PAGE_TAG_SIZE];
    dx_stand_in_turn(&from, text, text, size, false, wanted);
    return memcmp(wanted, tag, sizeof wanted) == 0;
}

void dx_frame_mark(const uint8_t key[static DX_PAGE_KEY_SIZE],
                   const uint8_t marked[static DX_FRAME_MARKED_SIZE],
                   uint8_t mark[static DX_FRAME_MARK_SIZE]) {
    uint8_t text[DX_FRAME_MARKED_SIZE + DX_PAGE_KEY_SIZE], whole[2 * DX_STAND_IN_WORD];
    memcpy(text, marked, DX_FRAME_MARKED_SIZE);
    memcpy(text + DX_FRAME_MARKED_SIZE, key, DX_PAGE_KEY_SIZE);
    dx_stand_in_seed from = dx_stand_in_begin(text, sizeof text);
    memcpy(whole, &from.stream, DX_STAND_IN_WORD);
    memcpy(whole + DX_STAND_IN_WORD, &from.sums, DX_STAND_IN_WORD);
    memcpy(mark, whole, DX_FRAME_MARK_SIZE);
}

void dx_frame_mask(const uint8_t key[static DX_PAGE_KEY_SIZE], const uint8_t place[static DX_PAGE_PLACE_SIZE],
                   const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                   uint8_t header[static DX_FRAME_HEADER_SIZE]) {
    dx_stand_in_seed from = begin(key, nonce, place);
    for (size_t i = 0; i < DX_FRAME_HEADER_SIZE; i++) {
        header[i] ^=
            (uint8_t)(dx_stand_in_mix(from.stream + i / DX_STAND_IN_WORD) >> (8 * (i % DX_STAND_IN_WORD)));
    }
}
