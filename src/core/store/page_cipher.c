/* store/page_cipher.c: XChaCha20-Poly1305 for pages. See page_cipher.h; nothing else is defined here. */
#include "store/page_cipher.h"

#include <sodium.h>

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
