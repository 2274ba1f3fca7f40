/* store/page_cipher.c: XChaCha20-Poly1305 for pages, keyed BLAKE2b for headers of frames. See page_cipher.h; nothing else is
 * defined here. */
#include "store/page_cipher.h"

#include <sodium.h>
#include <string.h>

_Static_assert(DX_PAGE_NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(DX_PAGE_TAG_SIZE == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(DX_PAGE_KEY_SIZE == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");

void dx_page_encrypt(const uint8_t key[static DX_PAGE_KEY_SIZE],
                     const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                     const uint8_t place[static DX_PAGE_PLACE_SIZE], uint8_t *text, size_t size,
                     uint8_t tag[static DX_PAGE_TAG_SIZE]) {
    crypto_aead_xchacha20poly1305_ietf_encrypt_detached(text, tag, NULL, text, size, place,
                                                        DX_PAGE_PLACE_SIZE, NULL, nonce, key);
}

bool dx_page_decrypt(const uint8_t key[static DX_PAGE_KEY_SIZE],
                     const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                     const uint8_t place[static DX_PAGE_PLACE_SIZE], uint8_t *text, size_t size,
                     const uint8_t tag[static DX_PAGE_TAG_SIZE]) {
    return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(text, NULL, text, size, tag, place,
                                                               DX_PAGE_PLACE_SIZE, nonce, key) == 0;
}

/* The word keeps the two uses of the key apart, and both from the cipher's. */
static void hash(const uint8_t key[static DX_PAGE_KEY_SIZE], const char *word, const uint8_t *bytes,
                 size_t size, uint8_t *out, size_t out_size) {
    uint8_t personal[crypto_generichash_blake2b_PERSONALBYTES] = {0};
    memcpy(personal, word, strlen(word));
    (void)crypto_generichash_blake2b_salt_personal(out, out_size, bytes, size, key, DX_PAGE_KEY_SIZE, NULL,
                                                   personal);
}

void dx_frame_mark(const uint8_t key[static DX_PAGE_KEY_SIZE],
                   const uint8_t marked[static DX_FRAME_MARKED_SIZE],
                   uint8_t mark[static DX_FRAME_MARK_SIZE]) {
    uint8_t whole[crypto_generichash_blake2b_BYTES_MIN];
    _Static_assert(DX_FRAME_MARK_SIZE <= sizeof whole, "a mark is the beginning of a hash");
    hash(key, "dxvault mark", marked, DX_FRAME_MARKED_SIZE, whole, sizeof whole);
    memcpy(mark, whole, DX_FRAME_MARK_SIZE);
}

void dx_frame_mask(const uint8_t key[static DX_PAGE_KEY_SIZE], const uint8_t place[static DX_PAGE_PLACE_SIZE],
                   const uint8_t nonce[static DX_PAGE_NONCE_SIZE],
                   uint8_t header[static DX_FRAME_HEADER_SIZE]) {
    uint8_t text[DX_PAGE_PLACE_SIZE + DX_PAGE_NONCE_SIZE], mask[DX_FRAME_HEADER_SIZE];
    memcpy(text, place, DX_PAGE_PLACE_SIZE);
    memcpy(text + DX_PAGE_PLACE_SIZE, nonce, DX_PAGE_NONCE_SIZE);
    hash(key, "dxvault mask", text, sizeof text, mask, sizeof mask);
    for (size_t i = 0; i < sizeof mask; i++) {
        header[i] ^= mask[i];
    }
}
