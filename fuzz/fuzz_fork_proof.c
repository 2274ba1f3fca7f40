/* fuzz/fuzz_fork_proof.c: any bytes as a fork proof, and true proofs with the input laid over them.
 *
 * Properties: what is read is written again byte for byte; of all changes to a true proof only no change
 * verifies, so nobody can be accused, and no cut be moved, by whoever has seen a proof. */
#include "feed/fork.h"
#include "fuzz.h"

enum { PARTED = 50, LIVES = 2, LENGTH_MAX = 100 };

/* Two lives of one feed, as their nodes; leaves need no blocks here. */
static struct {
    bool ready;
    dx_feed_identity identity;
    uint8_t nodes[LIVES][2 * LENGTH_MAX][DX_HASH_SIZE];
    dx_head heads[LIVES];
    uint8_t peaks[2][DX_MMR_PROOF_SIZE_MAX], paths[LIVES][DX_FORK_PATH_SIZE_MAX],
        tiles[DX_MMR_PROOF_SIZE_MAX];
    dx_fork_proof exact, of_heads;
} forked;

static const uint64_t lengths[LIVES] = {100, 90};

static int read_node(void *ctx, unsigned level, uint64_t index, uint8_t out[static DX_HASH_SIZE]) {
    uint64_t last = ((index + 1) << level) - 1;
    const uint8_t(*nodes)[DX_HASH_SIZE] = ctx;
    memcpy(out, nodes[dx_mmr_node_count(last) + level], DX_HASH_SIZE);
    return DX_OK;
}

static void make_life(int life, const dx_sign_key *key, const uint8_t id[DX_HASH_SIZE]) {
    dx_mmr mmr = {.length = 0};
    for (uint64_t n = 0; n < lengths[life]; n++) {
        uint8_t leaf[DX_HASH_SIZE] = {(uint8_t)n, (uint8_t)(n >= PARTED ? life + 1 : 0)};
        (void)dx_mmr_append(&mmr, leaf, forked.nodes[life][dx_mmr_node_count(n)]);
    }
    forked.heads[life].length = lengths[life];
    dx_mmr_root(&mmr, forked.heads[life].root);
    dx_head_sign(&forked.heads[life], key, forked.identity.space_id, id);
    uint8_t *path = forked.paths[life];
    FUZZ_CHECK(read_node(forked.nodes[life], 0, PARTED, path) == DX_OK);
    FUZZ_CHECK(dx_mmr_prove(read_node, forked.nodes[life], PARTED + 1, lengths[life], path + DX_HASH_SIZE) ==
               DX_OK);
}

static dx_bytes path_of(int life) {
    return dx_bytes_of(forked.paths[life], DX_HASH_SIZE + dx_mmr_proof_size(PARTED + 1, lengths[life]));
}

static void make_proofs(void) {
    static const uint8_t seed[DX_KEY_SIZE] = {1};
    dx_sign_key key;
    uint8_t id[DX_HASH_SIZE];
    dx_sign_key_from_seed(&key, seed);
    memcpy(forked.identity.key, key.public_key, DX_KEY_SIZE);
    dx_feed_id(&forked.identity, id);
    make_life(0, &key, id);
    make_life(1, &key, id);
    FUZZ_CHECK(dx_mmr_prove(read_node, forked.nodes[0], 0, PARTED, forked.peaks[0]) == DX_OK);
    FUZZ_CHECK(dx_mmr_prove(read_node, forked.nodes[0], 0, lengths[1], forked.peaks[1]) == DX_OK);
    FUZZ_CHECK(dx_mmr_prove(read_node, forked.nodes[0], lengths[1], lengths[0], forked.tiles) == DX_OK);
    forked.exact = (dx_fork_proof){
        forked.heads[0], forked.heads[1], PARTED, dx_bytes_of(forked.peaks[0], dx_mmr_proof_size(0, PARTED)),
        path_of(0),      path_of(1)};
    forked.of_heads = (dx_fork_proof){forked.heads[0],
                                      forked.heads[1],
                                      lengths[1],
                                      dx_bytes_of(forked.peaks[1], dx_mmr_proof_size(0, lengths[1])),
                                      dx_bytes_of(forked.tiles, dx_mmr_proof_size(lengths[1], lengths[0])),
                                      {NULL, 0}};
    forked.ready = true;
}

static void check_any_bytes(dx_bytes input) {
    dx_fork_proof proof;
    if (dx_fork_read(input, &proof) != DX_OK) {
        return;
    }
    dx_buf again;
    dx_buf_init(&again, &fuzz_alloc, DX_FORK_SIZE_MAX);
    FUZZ_CHECK(dx_fork_write(&proof, &again) == DX_OK);
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), input));
    FUZZ_CHECK(dx_fork_cut(&proof) < DX_FEED_LENGTH_MAX);
    int error = dx_fork_verify(&proof, &forked.identity);
    FUZZ_CHECK(error == DX_OK || error == DX_E_SIGNATURE);
    dx_buf_deinit(&again);
}

/* The input is a list of (offset, flip) pairs: three bytes each. */
static void check_changed(const dx_fork_proof *honest, fuzz_input input) {
    dx_buf bytes, original;
    dx_buf_init(&bytes, &fuzz_alloc, DX_FORK_SIZE_MAX);
    dx_buf_init(&original, &fuzz_alloc, DX_FORK_SIZE_MAX);
    FUZZ_CHECK(dx_fork_write(honest, &bytes) == DX_OK && dx_fork_write(honest, &original) == DX_OK);
    while (input.left > 0) {
        size_t at = (size_t)fuzz_byte(&input) << 8 | fuzz_byte(&input);
        bytes.data[at % bytes.size] ^= fuzz_byte(&input);
    }
    bool changed = !dx_bytes_equal(dx_buf_view(&bytes), dx_buf_view(&original));
    dx_fork_proof proof;
    bool holds = dx_fork_read(dx_buf_view(&bytes), &proof) == DX_OK &&
                 dx_fork_verify(&proof, &forked.identity) == DX_OK;
    FUZZ_CHECK(holds == !changed);
    dx_buf_deinit(&bytes);
    dx_buf_deinit(&original);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!forked.ready) {
        make_proofs();
    }
    check_any_bytes(dx_bytes_of(data, size));
    check_changed(&forked.exact, (fuzz_input){data, size});
    check_changed(&forked.of_heads, (fuzz_input){data, size});
    return 0;
}
