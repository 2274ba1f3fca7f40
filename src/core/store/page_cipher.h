/* store/page_cipher.h: the cipher under a page: bytes of any size, a key, a nonce and a place; and what covers a frame's header.
 *
 * Layer: floor 1, store. XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with the tag beside the text. A file
 * of its own, and with nothing else in it, so that the simulator can put a cheap stand-in before it
 * (docs/SIMULATION.md); page_seal.h says what a page is. */
#ifndef DX_STORE_PAGE_CIPHER_H
#define DX_STORE_PAGE_CIPHER_H

#include "store/page_seal.h"

enum {
    DX_PAGE_PLACE_SIZE = 16,
    DX_FRAME_MARK_SIZE = 12, /* the last bytes of a frame's nonce */
    DX_FRAME_MARKED_SIZE = DX_PAGE_PLACE_SIZE + DX_PAGE_NONCE_SIZE - DX_FRAME_MARK_SIZE + DX_FRAME_HEADER_SIZE
};

/* In place; writes the tag. A nonce serves one text. */
void dx_page_encrypt(const uint8_t key[static DX_PAGE_KEY_SIZE],
                     const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                     const uint8_t place[static DX_PAGE_PLACE_SIZE], uint8_t *text, size_t size,
                     uint8_t tag[static DX_PAGE_TAG_SIZE]);
/* In place. False when key, nonce, place, text or tag is another; what then stands in text is not to be used.
 */
DX_MUST_USE bool dx_page_decrypt(const uint8_t key[static DX_PAGE_KEY_SIZE],
                                 const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                                 const uint8_t place[static DX_PAGE_PLACE_SIZE], uint8_t *text, size_t size,
                                 const uint8_t tag[static DX_PAGE_TAG_SIZE]);
/* A keyed hash (BLAKE2b) of what a frame's header is bound to: place, the nonce's first bytes, header. */
void dx_frame_mark(const uint8_t key[static DX_PAGE_KEY_SIZE],
                   const uint8_t marked[static DX_FRAME_MARKED_SIZE],
                   uint8_t mark[static DX_FRAME_MARK_SIZE]);
/* Covers or uncovers the header, in place: XOR with a keyed hash of place and nonce. */
void dx_frame_mask(const uint8_t key[static DX_PAGE_KEY_SIZE], const uint8_t place[static DX_PAGE_PLACE_SIZE],
                   const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                   uint8_t header[static DX_FRAME_HEADER_SIZE]);

#endif
