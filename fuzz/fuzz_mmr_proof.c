/* fuzz/fuzz_mmr_proof.c: proofs between any two lengths, changed in any way, and lengths that no proof fits.
 *
 * Properties: a proof leads to the root exactly when nothing of it was changed; a proof of another size is
 * refused and leaves the range as it was; no length makes the code read beyond the proof. */
#include "feed/mmr.h"
#include "fuzz.h"

enum { LEAVES = 600 };

static uint8_t nodes[2 * LEAVES][DX_HASH_SIZE];

static int read_node(void *ctx, unsigned level, uint64_t index, uint8_t out[static DX_HASH_SIZE]) {
    (void)ctx;
    uint64_t last = ((index + 1) << level) - 1;
    FUZZ_CHECK(last < LEAVES);
    memcpy(out, nodes[dx_mmr_node_count(last) + level], DX_HASH_SIZE);
    return DX_OK;
}

static void build_nodes(void) {
    dx_mmr mmr = {.length = 0};
    for (uint64_t n = 0; n < LEAVES; n++) {
        uint8_t leaf[DX_HASH_SIZE] = {(uint8_t)n, (uint8_t)(n >> 8), 1};
        (void)dx_mmr_append(&mmr, leaf, nodes[dx_mmr_node_count(n)]);
    }
}

static uint64_t take_number(fuzz_input *input, int bytes) {
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++) {
        number = number << 8 | fuzz_byte(input);
    }
    return number;
}

/* A range of any length and a proof of any bytes: refused by size, or joined without harm. */
static void check_any_lengths(fuzz_input input) {
    dx_mmr mmr = {.length = take_number(&input, 4) & DX_MMR_LENGTH_MAX}, before = mmr;
    uint64_t to =
        take_number(&input, 1) % 4 == 0 ? take_number(&input, 8) : mmr.length + take_number(&input, 3);
    dx_bytes proof = fuzz_bytes(&input, DX_MMR_PROOF_SIZE_MAX);
    bool fits =
        to >= mmr.length && to <= DX_MMR_LENGTH_MAX && dx_mmr_proof_size(mmr.length, to) == proof.size;
    FUZZ_CHECK((dx_mmr_extend(&mmr, to, proof) == DX_OK) == fits);
    FUZZ_CHECK(fits ? mmr.length == to : memcmp(&mmr, &before, sizeof mmr) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (nodes[0][2] == 0) {
        build_nodes();
    }
    fuzz_input input = {data, size};
    check_any_lengths(input);
    uint64_t to = take_number(&input, 2) % (LEAVES + 1), from = take_number(&input, 2) % (to + 1);
    dx_mmr mmr, whole;
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX], root[DX_HASH_SIZE], expected[DX_HASH_SIZE];
    FUZZ_CHECK(dx_mmr_load(&mmr, read_node, NULL, from) == DX_OK &&
               dx_mmr_load(&whole, read_node, NULL, to) == DX_OK);
    FUZZ_CHECK(dx_mmr_prove(read_node, NULL, from, to, proof) == DX_OK);
    size_t proof_size = dx_mmr_proof_size(from, to);
    bool changed = false;
    for (size_t i = 0; i < proof_size && input.left > 0; i++) {
        uint8_t flip = fuzz_byte(&input);
        proof[i] ^= flip;
        changed |= flip != 0;
    }
    FUZZ_CHECK(dx_mmr_extend(&mmr, to, dx_bytes_of(proof, proof_size)) == DX_OK);
    dx_mmr_root(&mmr, root);
    dx_mmr_root(&whole, expected);
    FUZZ_CHECK((memcmp(root, expected, sizeof root) == 0) == !changed);
    return 0;
}
