/* wasm/random.c: libsodium's own source of randomness inside the module: the page's.
 *
 * Layer: floor 3' (wasm). The core never asks libsodium for randomness (tools/tidy sees to it), but
 * sodium_init draws a canary; without an implementation it would call itself for ever. Set before anything
 * else runs. */
#include "wasm/imports.h"

#include <sodium.h>

static const char *random_name(void) {
    return "imported";
}

static uint32_t random_word(void) {
    uint32_t word;
    random_fill(&word, sizeof word);
    return word;
}

static void fill_bytes(void *const out, const size_t size) {
    random_fill(out, size);
}

static struct randombytes_implementation imported = {
    .implementation_name = random_name,
    .random = random_word,
    .buf = fill_bytes,
};

__attribute__((constructor)) static void use_imported(void) {
    (void)randombytes_set_implementation(&imported);
}
