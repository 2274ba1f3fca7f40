/* fuzz_cpace.c: a CPace run against a share, a password and associated data of the input's choosing. Checks:
 * only a run with the right password agrees with the honest side, and a bad share leaves nothing behind. */
#include "crypto/cpace.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t zeros[DX_CPACE_ISK_SIZE];
    fuzz_input input = {data, size};
    uint8_t seed[64] = {7}, isk[2][DX_CPACE_ISK_SIZE];
    dx_cpace honest, guest;
    FUZZ_CHECK(dx_cpace_init(&honest, true, dx_bytes_text("123456"), dx_bytes_text("ci"),
                             dx_bytes_text("sid"), seed) == DX_OK);
    if (fuzz_byte(&input) % 2) {
        uint8_t share[DX_CPACE_SHARE_SIZE] = {0};
        dx_bytes chosen = fuzz_bytes(&input, sizeof share);
        if (chosen.size > 0) {
            memcpy(share, chosen.data, chosen.size);
        }
        int error = dx_cpace_finish(&honest, share, fuzz_bytes(&input, 200), fuzz_bytes(&input, 200), isk[0]);
        FUZZ_CHECK(error == DX_OK || (error == DX_E_SIGNATURE && memcmp(isk[0], zeros, sizeof zeros) == 0));
    } else {
        dx_bytes password = fuzz_bytes(&input, fuzz_byte(&input));
        dx_bytes sid = fuzz_bytes(&input, fuzz_byte(&input) % 80);
        seed[0] = (uint8_t)(fuzz_byte(&input) | 1);
        int error = dx_cpace_init(&guest, false, password, dx_bytes_text("ci"), sid, seed);
        FUZZ_CHECK(error == (sid.size > DX_CPACE_SID_MAX ? DX_E_INVALID : DX_OK));
        if (error == DX_OK) {
            dx_bytes none = dx_bytes_of(NULL, 0);
            FUZZ_CHECK(dx_cpace_finish(&honest, guest.share, none, none, isk[0]) == DX_OK);
            FUZZ_CHECK(dx_cpace_finish(&guest, honest.share, none, none, isk[1]) == DX_OK);
            bool alike = dx_bytes_equal(password, dx_bytes_text("123456")) &&
                         dx_bytes_equal(sid, dx_bytes_text("sid"));
            FUZZ_CHECK((memcmp(isk[0], isk[1], DX_CPACE_ISK_SIZE) == 0) == alike);
        }
    }
    return 0;
}
