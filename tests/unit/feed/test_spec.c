/* tests/unit/feed/test_spec.c: the examples of docs/spec/block.md and docs/spec/feed.md are the bytes this
 * program makes.
 *
 * An example is a fenced block "```example NAME" of hexadecimal lines; what follows # is explanation. A
 * mismatch prints the bytes made. The source tree is found by DX_SOURCE, which the build sets. */
#include <stdio.h>

#include "writer.h"

enum { DOCUMENT_MAX = 1 << 17, EXAMPLE_MAX = 8192 };

static char document[DOCUMENT_MAX];

static void read_document(const char *name) {
    const char *source = getenv("DX_SOURCE");
    char path[512];
    snprintf(path, sizeof path, "%s/docs/spec/%s", source ? source : "../..", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(document, 1, sizeof document - 1, file);
    document[size] = 0;
    fclose(file);
    assert_true(size > 0 && size < sizeof document - 1);
}

static int digit_of(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of the example, or 0 when there is none of that name. */
static size_t read_example(const char *name, uint8_t out[EXAMPLE_MAX]) {
    char fence[64];
    snprintf(fence, sizeof fence, "```example %s\n", name);
    const char *at = strstr(document, fence);
    if (!at) {
        return 0;
    }
    size_t digits = 0;
    for (at += strlen(fence); *at && strncmp(at, "```", 3) != 0; at++) {
        if (*at == '#') {
            at += strcspn(at, "\n");
        }
        int digit = digit_of(*at);
        if (digit >= 0 && digits < 2 * EXAMPLE_MAX) {
            out[digits / 2] = (uint8_t)(digits % 2 ? out[digits / 2] | digit : digit << 4);
            digits++;
        }
    }
    assert_int_equal(digits % 2, 0);
    return digits / 2;
}

static void check_example(const char *name, const void *bytes, size_t size) {
    uint8_t written[EXAMPLE_MAX];
    size_t written_size = read_example(name, written);
    if (written_size != size || memcmp(written, bytes, size) != 0) {
        fprintf(stderr, "the bytes of example %s are\n", name);
        for (size_t i = 0; i < size; i++) {
            fprintf(stderr, "%02x%s", ((const uint8_t *)bytes)[i], i + 1 == size || i % 32 == 31 ? "\n" : "");
        }
    }
    assert_int_equal(written_size, size);
    assert_memory_equal(written, bytes, size);
}

static void check_buf(const char *name, const dx_buf *buf) {
    check_example(name, buf->data, buf->size);
}

/* --- docs/spec/block.md
 * ------------------------------------------------------------------------------------- */

typedef struct scratch {
    test_alloc memory;
    dx_buf header, items, block;
} scratch;

static void scratch_init(scratch *self) {
    test_alloc_init(&self->memory);
    dx_buf_init(&self->header, &self->memory.port, 1024);
    dx_buf_init(&self->items, &self->memory.port, 1024);
    dx_buf_init(&self->block, &self->memory.port, 1024);
}

static void scratch_deinit(scratch *self) {
    dx_buf_deinit(&self->header);
    dx_buf_deinit(&self->items);
    dx_buf_deinit(&self->block);
    assert_int_equal(self->memory.live_bytes, 0);
}

static void check_leaf(const char *name, const dx_buf *bytes, const uint8_t id[DX_HASH_SIZE], uint64_t seq) {
    dx_block block;
    uint8_t leaf[DX_HASH_SIZE];
    assert_int_equal(dx_block_decode(dx_buf_view(bytes), &block), DX_OK);
    dx_block_leaf(&block, id, seq, leaf);
    check_example(name, leaf, sizeof leaf);
}

static void test_control_block(void **state) {
    (void)state;
    read_document("block.md");
    scratch s;
    scratch_init(&s);
    test_writer writer;
    writer_init(&writer, DX_FEED_CONTROL, 1);
    dx_dependency auth = {.length = 3};
    memset(auth.feed, 0xaa, sizeof auth.feed);
    memset(auth.root, 0xbb, sizeof auth.root);
    assert_int_equal(
        dx_block_header_encode(DX_FEED_CONTROL, 0, 0, 1700000000000, &auth, 1, NULL, 0, &s.header), DX_OK);
    dx_writer item;
    dx_writer_init(&item, &s.items);
    dx_write_bytes(&item, dx_bytes_text("hello"));
    assert_int_equal(dx_writer_finish(&item), DX_OK);
    assert_int_equal(dx_block_encode(dx_buf_view(&s.header), dx_buf_view(&s.items), 1, &s.block), DX_OK);
    check_buf("control-block", &s.block);
    check_leaf("control-leaf", &s.block, writer.id, 0);
    scratch_deinit(&s);
}

/* 000102…1f */
static void counting_key(uint8_t out[static DX_KEY_SIZE]) {
    for (uint8_t i = 0; i < DX_KEY_SIZE; i++) {
        out[i] = i;
    }
}

static void test_data_block(void **state) {
    (void)state;
    read_document("block.md");
    scratch s;
    scratch_init(&s);
    test_writer writer;
    writer_init(&writer, DX_FEED_DATA, 1);
    uint8_t key[DX_KEY_SIZE], item[35] = {0x81, 0x58, 32};
    counting_key(key);
    dx_dependency dependency = {.length = 1000};
    memset(dependency.feed, 0xcc, sizeof dependency.feed);
    memset(dependency.root, 0xdd, sizeof dependency.root);
    assert_int_equal(
        dx_block_header_encode(DX_FEED_DATA, 0, 2, 1700000000000, NULL, 0, &dependency, 1, &s.header), DX_OK);
    assert_int_equal(dx_section_seal(key, writer.id, 7, 0, dx_bytes_text("hello"), &s.items), DX_OK);
    dx_bytes sealed = dx_item_bytes(dx_buf_view(&s.items));
    check_example("sealed-section", sealed.data, sealed.size);
    dx_hash(DX_HASH_SECTION, sealed, item + 3);
    assert_int_equal(dx_block_encode(dx_buf_view(&s.header), dx_buf_view(&s.items), 1, &s.block), DX_OK);
    check_buf("data-block", &s.block);
    check_leaf("data-leaf", &s.block, writer.id, 7);
    dx_buf_clear(&s.block);
    assert_int_equal(dx_block_encode(dx_buf_view(&s.header), dx_bytes_of(item, sizeof item), 1, &s.block),
                     DX_OK);
    check_buf("purged-block", &s.block);
    check_leaf("data-leaf", &s.block, writer.id, 7);
    scratch_deinit(&s);
}

/* What older vaults hold stays readable, at its place only and whole; nothing is sealed so any more. */
static void test_old_section(void **state) {
    (void)state;
    read_document("block.md");
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf plain;
    dx_buf_init(&plain, &memory.port, 64);
    test_writer writer;
    writer_init(&writer, DX_FEED_DATA, 1);
    uint8_t key[DX_KEY_SIZE], written[EXAMPLE_MAX];
    counting_key(key);
    dx_bytes sealed = dx_bytes_of(written, read_example("old-section", written));
    assert_int_equal(sealed.size, 5 + DX_SECTION_OVERHEAD_OLD);
    assert_int_equal(dx_section_open(key, writer.id, 7, 0, sealed, &plain), DX_OK);
    assert_true(dx_bytes_equal(dx_buf_view(&plain), dx_bytes_text("hello")));
    assert_int_equal(dx_section_open(key, writer.id, 7, 1, sealed, &plain), DX_E_SIGNATURE);
    assert_int_equal(dx_section_open(key, writer.id, 8, 0, sealed, &plain), DX_E_SIGNATURE);
    for (size_t size = DX_SECTION_OVERHEAD; size < sealed.size; size++) {
        assert_int_equal(dx_section_open(key, writer.id, 7, 0, dx_bytes_of(sealed.data, size), &plain),
                         DX_E_SIGNATURE);
    }
    assert_int_equal(plain.size, 5);
    dx_buf_deinit(&plain);
}

/* --- docs/spec/feed.md
 * -------------------------------------------------------------------------------------- */

static void make_lives(test_writer *one, test_writer *other) {
    writer_init(one, DX_FEED_DATA, 1);
    writer_append(one, 2, "shared");
    *other = *one;
    writer_append(one, 3, "shared");
    writer_append(other, 3, "other");
}

static void test_names_and_tree(void **state) {
    (void)state;
    read_document("feed.md");
    static test_writer writer, other;
    make_lives(&writer, &other);
    check_example("feed-key", writer.identity.key, DX_KEY_SIZE);
    check_example("feed-id", writer.id, DX_HASH_SIZE);
    check_example("nodes", writer.nodes, (size_t)dx_mmr_node_count(3) * DX_HASH_SIZE);
    dx_head head = writer_head(&writer, 3);
    check_example("root", head.root, DX_HASH_SIZE);
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf bytes;
    dx_buf_init(&bytes, &memory.port, DX_HEAD_SIZE_MAX);
    dx_writer out;
    dx_writer_init(&out, &bytes);
    dx_head_write(&head, &out);
    assert_int_equal(dx_writer_finish(&out), DX_OK);
    check_buf("head", &bytes);
    dx_buf_deinit(&bytes);
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    assert_int_equal(dx_mmr_prove(writer_read, &writer, 1, 3, proof), DX_OK);
    check_example("proof", proof, dx_mmr_proof_size(1, 3));
}

static void check_fork(const char *name, const dx_fork_proof *proof, const dx_feed_identity *identity,
                       uint64_t cut) {
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf bytes;
    dx_buf_init(&bytes, &memory.port, DX_FORK_SIZE_MAX);
    assert_int_equal(dx_fork_write(proof, &bytes), DX_OK);
    dx_fork_proof read;
    assert_int_equal(dx_fork_read(dx_buf_view(&bytes), &read), DX_OK);
    assert_int_equal(dx_fork_verify(&read, identity), DX_OK);
    assert_int_equal(dx_fork_cut(&read), cut);
    check_buf(name, &bytes);
    dx_buf_deinit(&bytes);
}

static void test_fork_proofs(void **state) {
    (void)state;
    read_document("feed.md");
    static test_writer one, other;
    make_lives(&one, &other);
    dx_head one_head = writer_head(&one, 3), other_head = writer_head(&other, 3);
    bool in_order = memcmp(one_head.root, other_head.root, DX_HASH_SIZE) > 0;
    test_writer *longer = in_order ? &one : &other, *shorter = in_order ? &other : &one;
    dx_fork_proof proof = {
        .longer = in_order ? one_head : other_head, .shorter = in_order ? other_head : one_head, .length = 3};
    check_fork("fork-heads", &proof, &one.identity, 2);
    proof.length = 2;
    proof.peaks = dx_bytes_of(one.nodes[2], DX_HASH_SIZE);
    proof.longer_path = dx_bytes_of(longer->nodes[3], DX_HASH_SIZE);
    proof.shorter_path = dx_bytes_of(shorter->nodes[3], DX_HASH_SIZE);
    check_fork("fork-exact", &proof, &one.identity, 2);
}

DX_TEST_MAIN(DX_TEST(test_control_block), DX_TEST(test_data_block), DX_TEST(test_old_section),
             DX_TEST(test_names_and_tree), DX_TEST(test_fork_proofs))
