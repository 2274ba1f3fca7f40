/* tests/unit/feed/test_mmr.c: feed/mmr.c against a recursive reference that knows only what node(l, i) is. */
#include "test.h"

#include "feed/mmr.h"

enum { SMALL = 130 };

/* Leaf n of a test is a function of n (and of a branch), so that ranges of any length need no memory. */
static void make_leaf(uint64_t n, uint8_t branch, uint8_t out[DX_HASH_SIZE]) {
    memset(out, branch, DX_HASH_SIZE);
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(n >> (8 * i));
    }
}

/* --- The reference: recursion over the definition ------------------------------------------------ */

static void reference_node(uint64_t start, uint64_t covered, uint8_t out[DX_HASH_SIZE]) {
    if (covered == 1) {
        make_leaf(start, 0, out);
        return;
    }
    uint8_t input[8 + 2 * DX_HASH_SIZE];
    for (int i = 0; i < 8; i++) {
        input[i] = (uint8_t)(covered >> (8 * i));
    }
    reference_node(start, covered / 2, input + 8);
    reference_node(start + covered / 2, covered / 2, input + 8 + DX_HASH_SIZE);
    dx_hash(DX_HASH_NODE, dx_bytes_of(input, sizeof input), out);
}

static void reference_root(uint64_t length, uint8_t out[DX_HASH_SIZE]) {
    uint8_t input[8 + 64 * DX_HASH_SIZE];
    size_t size = 8;
    for (int i = 0; i < 8; i++) {
        input[i] = (uint8_t)(length >> (8 * i));
    }
    uint64_t start = 0;
    for (int bit = 63; bit >= 0; bit--) {
        uint64_t covered = (uint64_t)1 << bit;
        if (length & covered) {
            reference_node(start, covered, input + size);
            start += covered;
            size += DX_HASH_SIZE;
        }
    }
    dx_hash(DX_HASH_ROOT, dx_bytes_of(input, size), out);
}

/* --- A stored range: nodes as rows keep them ------------------------------------------------------ */

typedef struct range {
    dx_mmr mmr;
    uint64_t capacity;
    uint8_t (*nodes)[DX_HASH_SIZE];
    int fail; /* the error every read gives, DX_OK: none */
} range;

static void range_build(range *self, uint64_t length) {
    memset(self, 0, sizeof *self);
    self->nodes = malloc((size_t)dx_mmr_node_count(length) * DX_HASH_SIZE + 1);
    uint64_t at = 0;
    for (uint64_t n = 0; n < length; n++) {
        uint8_t leaf[DX_HASH_SIZE];
        make_leaf(n, 0, leaf);
        assert_int_equal(dx_mmr_node_count(n), at);
        at += dx_mmr_append(&self->mmr, leaf, self->nodes[at]) / DX_HASH_SIZE;
    }
    assert_int_equal(dx_mmr_node_count(length), at);
}

static int range_read(void *ctx, unsigned level, uint64_t index, uint8_t out[static DX_HASH_SIZE]) {
    range *self = ctx;
    uint64_t last = ((index + 1) << level) - 1;
    assert_true(last < self->mmr.length);
    memcpy(out, self->nodes[dx_mmr_node_count(last) + level], DX_HASH_SIZE);
    return self->fail;
}

/* --- Tests ---------------------------------------------------------------------------------------- */

static void test_root_equals_reference(void **state) {
    (void)state;
    dx_mmr mmr = {0};
    for (uint64_t length = 0; length <= SMALL; length++) {
        uint8_t root[DX_HASH_SIZE], expected[DX_HASH_SIZE], leaf[DX_HASH_SIZE];
        dx_mmr_root(&mmr, root);
        reference_root(length, expected);
        assert_memory_equal(root, expected, DX_HASH_SIZE);
        make_leaf(length, 0, leaf);
        uint8_t nodes[DX_MMR_NODES_SIZE_MAX];
        size_t created = dx_mmr_append(&mmr, leaf, nodes);
        assert_memory_equal(nodes, leaf, DX_HASH_SIZE);
        assert_int_equal(created, DX_HASH_SIZE * (1 + __builtin_ctzll(length + 1)));
    }
}

/* Every pair of lengths: loaded peaks are right, the proof joins them, its size is what proof_count says. */
static void test_proofs_of_all_small_pairs(void **state) {
    (void)state;
    range all;
    range_build(&all, SMALL);
    for (uint64_t from = 0; from <= SMALL; from++) {
        for (uint64_t to = from; to <= SMALL; to++) {
            dx_mmr mmr;
            uint8_t proof[DX_MMR_PROOF_SIZE_MAX], root[DX_HASH_SIZE], expected[DX_HASH_SIZE];
            assert_int_equal(dx_mmr_load(&mmr, range_read, &all, from), DX_OK);
            dx_mmr_root(&mmr, root);
            reference_root(from, expected);
            assert_memory_equal(root, expected, DX_HASH_SIZE);
            assert_int_equal(dx_mmr_prove(range_read, &all, from, to, proof), DX_OK);
            size_t size = dx_mmr_proof_size(from, to);
            assert_true(size <= 2 * 8 * DX_HASH_SIZE);
            assert_int_equal(dx_mmr_extend(&mmr, to, dx_bytes_of(proof, size)), DX_OK);
            assert_int_equal(mmr.length, to);
            dx_mmr_root(&mmr, root);
            if (from % 16 == 0) {
                reference_root(to, expected);
            } else {
                dx_mmr loaded;
                assert_int_equal(dx_mmr_load(&loaded, range_read, &all, to), DX_OK);
                dx_mmr_root(&loaded, expected);
            }
            assert_memory_equal(root, expected, DX_HASH_SIZE);
        }
    }
    free(all.nodes);
}

static void test_proofs_up_to_a_million(void **state) {
    (void)state;
    enum { LARGE = 1000000 };
    range all;
    range_build(&all, LARGE);
    uint8_t expected[DX_HASH_SIZE], root[DX_HASH_SIZE];
    dx_mmr_root(&all.mmr, root);
    reference_root(LARGE, expected);
    assert_memory_equal(root, expected, DX_HASH_SIZE);
    test_random random;
    test_random_init(&random, 2);
    for (int i = 0; i < 500; i++) {
        uint64_t to = test_random_next(&random) % (LARGE + 1);
        uint64_t from = test_random_next(&random) % (to + 1);
        dx_mmr mmr, loaded;
        uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
        assert_int_equal(dx_mmr_load(&mmr, range_read, &all, from), DX_OK);
        assert_int_equal(dx_mmr_load(&loaded, range_read, &all, to), DX_OK);
        assert_int_equal(dx_mmr_prove(range_read, &all, from, to, proof), DX_OK);
        assert_int_equal(dx_mmr_extend(&mmr, to, dx_bytes_of(proof, dx_mmr_proof_size(from, to))), DX_OK);
        dx_mmr_root(&mmr, root);
        dx_mmr_root(&loaded, expected);
        assert_memory_equal(root, expected, DX_HASH_SIZE);
    }
    free(all.nodes);
}

static void assert_other_root(const dx_mmr *base, uint64_t to, dx_bytes proof,
                              const uint8_t good[DX_HASH_SIZE]) {
    dx_mmr mmr = *base;
    uint8_t root[DX_HASH_SIZE];
    assert_int_equal(dx_mmr_extend(&mmr, to, proof), DX_OK);
    dx_mmr_root(&mmr, root);
    assert_memory_not_equal(root, good, DX_HASH_SIZE);
}

static void exchange_nodes(uint8_t *a, uint8_t *b) {
    uint8_t kept[DX_HASH_SIZE];
    memcpy(kept, a, DX_HASH_SIZE);
    memcpy(a, b, DX_HASH_SIZE);
    memcpy(b, kept, DX_HASH_SIZE);
}

/* Any changed byte, a missing, an added or an exchanged node gives another root or is refused. */
static void test_wrong_proofs(void **state) {
    (void)state;
    range all;
    range_build(&all, 100);
    static const uint64_t pairs[][2] = {{0, 1}, {0, 100}, {1, 64}, {37, 100}, {63, 64}, {64, 100}, {99, 100}};
    for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; p++) {
        uint64_t from = pairs[p][0], to = pairs[p][1];
        dx_mmr base, honest;
        uint8_t proof[DX_MMR_PROOF_SIZE_MAX + DX_HASH_SIZE] = {0}, good[DX_HASH_SIZE];
        assert_int_equal(dx_mmr_load(&base, range_read, &all, from), DX_OK);
        assert_int_equal(dx_mmr_prove(range_read, &all, from, to, proof), DX_OK);
        size_t size = dx_mmr_proof_size(from, to);
        honest = base;
        assert_int_equal(dx_mmr_extend(&honest, to, dx_bytes_of(proof, size)), DX_OK);
        dx_mmr_root(&honest, good);
        for (size_t at = 0; at < size; at++) {
            proof[at] ^= (uint8_t)(1 << (at % 8));
            assert_other_root(&base, to, dx_bytes_of(proof, size), good);
            proof[at] ^= (uint8_t)(1 << (at % 8));
        }
        for (size_t at = DX_HASH_SIZE; at < size; at += DX_HASH_SIZE) {
            exchange_nodes(proof + at - DX_HASH_SIZE, proof + at);
            assert_other_root(&base, to, dx_bytes_of(proof, size), good);
            exchange_nodes(proof + at - DX_HASH_SIZE, proof + at);
        }
        dx_mmr mmr = base;
        assert_int_equal(dx_mmr_extend(&mmr, to, dx_bytes_of(proof, size - DX_HASH_SIZE)), DX_E_SIGNATURE);
        assert_int_equal(dx_mmr_extend(&mmr, to, dx_bytes_of(proof, size + DX_HASH_SIZE)), DX_E_SIGNATURE);
        assert_int_equal(dx_mmr_extend(&mmr, to, dx_bytes_of(proof, size - 1)), DX_E_SIGNATURE);
        assert_memory_equal(&mmr, &base, sizeof mmr);
    }
    free(all.nodes);
}

static void test_extend_refuses_lengths_out_of_range(void **state) {
    (void)state;
    dx_mmr mmr = {0};
    uint8_t leaf[DX_HASH_SIZE] = {1}, nodes[DX_MMR_NODES_SIZE_MAX];
    assert_int_equal(dx_mmr_append(&mmr, leaf, nodes), DX_HASH_SIZE);
    assert_int_equal(dx_mmr_extend(&mmr, 0, dx_bytes_of(NULL, 0)), DX_E_SIGNATURE);
    assert_int_equal(dx_mmr_extend(&mmr, (uint64_t)DX_MMR_LENGTH_MAX + 1, dx_bytes_of(NULL, 0)),
                     DX_E_SIGNATURE);
    assert_int_equal(dx_mmr_extend(&mmr, UINT64_MAX, dx_bytes_of(NULL, 0)), DX_E_SIGNATURE);
    assert_int_equal(dx_mmr_extend(&mmr, 1, dx_bytes_of(NULL, 0)), DX_OK);
    assert_int_equal(mmr.length, 1);
}

/* The constants are exact: nothing within the largest length needs more, and the largest case needs all. */
static void test_sizes_at_the_largest_length(void **state) {
    (void)state;
    assert_int_equal(dx_mmr_peak_count(DX_MMR_LENGTH_MAX), DX_MMR_PEAKS_MAX);
    assert_int_equal(dx_mmr_proof_size(0, DX_MMR_LENGTH_MAX), DX_MMR_PEAKS_MAX * DX_HASH_SIZE);
    assert_int_equal(dx_mmr_proof_size(1, DX_MMR_LENGTH_MAX), DX_MMR_PROOF_SIZE_MAX);
    test_random random;
    test_random_init(&random, 3);
    for (int i = 0; i < 100000; i++) {
        uint64_t to = test_random_next(&random) % DX_MMR_LENGTH_MAX + 1;
        uint64_t from = test_random_next(&random) % to;
        assert_true(dx_mmr_proof_size(from, to) <= DX_MMR_PROOF_SIZE_MAX);
    }
    dx_mmr mmr = {.length = (1u << 30) - 1};
    uint8_t nodes[DX_MMR_NODES_SIZE_MAX], leaf[DX_HASH_SIZE] = {0};
    assert_int_equal(dx_mmr_append(&mmr, leaf, nodes), DX_MMR_NODES_SIZE_MAX);
}

static void test_read_errors_pass_through(void **state) {
    (void)state;
    range all;
    range_build(&all, 10);
    all.fail = DX_E_CORRUPT;
    dx_mmr mmr;
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    assert_int_equal(dx_mmr_load(&mmr, range_read, &all, 7), DX_E_CORRUPT);
    assert_int_equal(mmr.length, 0);
    assert_int_equal(dx_mmr_prove(range_read, &all, 1, 10, proof), DX_E_CORRUPT);
    free(all.nodes);
}

DX_TEST_MAIN(DX_TEST(test_root_equals_reference), DX_TEST(test_proofs_of_all_small_pairs),
             DX_TEST(test_proofs_up_to_a_million), DX_TEST(test_wrong_proofs),
             DX_TEST(test_extend_refuses_lengths_out_of_range), DX_TEST(test_sizes_at_the_largest_length),
             DX_TEST(test_read_errors_pass_through))
