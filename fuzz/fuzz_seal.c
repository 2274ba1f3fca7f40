/* fuzz_seal.c: sealed boxes. Checks: the input never opens as a box, and a box made from it opens to itself,
 * unless any bit of it was changed. */
#include "crypto/keys.h"
#include "fuzz.h"

enum { TEXT_MAX = 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t secret[DX_KEY_SIZE] = {8, 9};
    uint8_t public_key[DX_KEY_SIZE], ephemeral[DX_KEY_SIZE] = {1, 2}, box[TEXT_MAX + DX_SEAL_OVERHEAD],
                                     out[TEXT_MAX];
    fuzz_input input = {data, size < TEXT_MAX ? size : TEXT_MAX};
    FUZZ_CHECK(dx_seal_open(secret, dx_bytes_of(input.at, input.left), out) == DX_E_SIGNATURE);
    dx_agree_public(secret, public_key);
    uint8_t at = fuzz_byte(&input), flip = fuzz_byte(&input);
    dx_bytes text = fuzz_bytes(&input, TEXT_MAX);
    size_t box_size = text.size + DX_SEAL_OVERHEAD;
    FUZZ_CHECK(dx_seal(public_key, ephemeral, text, box) == DX_OK);
    box[at * box_size / 256] ^= flip;
    int error = dx_seal_open(secret, dx_bytes_of(box, box_size), out);
    FUZZ_CHECK(error == (flip ? DX_E_SIGNATURE : DX_OK));
    FUZZ_CHECK(flip || dx_bytes_equal(text, dx_bytes_of(out, text.size)));
    return 0;
}
