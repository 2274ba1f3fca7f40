/* fuzz_invitation_link.c: any text as an invitation link, and any array as the inside of one with its
 * checksum made good.
 *
 * Checks: a link that is accepted is the one text of what it says; that text is its own canonical form. */
#include "fuzz.h"

#include "halo/invitation.h"

static void try_url(dx_bytes url) {
    dx_invitation_link link;
    int error = dx_invitation_link_decode(&fuzz_alloc, url, &link);
    if (error != DX_OK) {
        FUZZ_CHECK(error == DX_E_LINK);
        return;
    }
    dx_buf again;
    dx_buf_init(&again, &fuzz_alloc, DX_INVITATION_URL_MAX);
    FUZZ_CHECK(dx_invitation_link_encode(&link, &again) == DX_OK);
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), url));
    dx_buf_clear(&again);
    FUZZ_CHECK(dx_invitation_link_canonical(url, &again) == DX_OK);
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), url));
    dx_buf_deinit(&again);
}

/* As a person pastes it. */
static void try_text(dx_bytes text) {
    dx_buf url;
    dx_buf_init(&url, &fuzz_alloc, DX_INVITATION_URL_MAX);
    int error = dx_invitation_link_canonical(text, &url);
    FUZZ_CHECK(error == DX_OK || error == DX_E_LINK);
    if (error == DX_OK) {
        try_url(dx_buf_view(&url));
    }
    dx_buf_deinit(&url);
}

/* The input as the array's beginning; a checksum behind it that fits. */
static void try_array(dx_bytes inside) {
    uint8_t hash[DX_HASH_SIZE];
    dx_buf array, url;
    dx_buf_init(&array, &fuzz_alloc, inside.size + 16);
    dx_buf_init(&url, &fuzz_alloc, 2 * inside.size + 64);
    dx_buf_append(&array, inside.data, inside.size);
    dx_hash(DX_HASH_LINK, inside, hash);
    dx_buf_append_byte(&array, 0x44);
    dx_buf_append(&array, hash, 4);
    dx_buf_append(&url, "dxos://join#", 12);
    dx_base64url_encode(dx_buf_view(&array), &url);
    FUZZ_CHECK(dx_buf_error(&url) == DX_OK);
    try_url(dx_buf_view(&url));
    dx_buf_deinit(&url);
    dx_buf_deinit(&array);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_bytes bytes = dx_bytes_of(data, size);
    try_url(bytes);
    try_text(bytes);
    try_array(bytes);
    (void)(dx_pin_check(bytes) == DX_OK);
    return 0;
}
