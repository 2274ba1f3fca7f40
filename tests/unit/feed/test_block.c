/* tests/unit/feed/test_block.c: feed/block.c: one form per block, leaves that bind every byte, sections bound
 * to their place. */
#include "test.h"

#include "codec/canonical.h"
#include "feed/block.h"

static const uint8_t feed_id[DX_HASH_SIZE] = {0xfe, 1};
static const uint8_t key[DX_KEY_SIZE] = {0x4b, 2};

static void make_dependency(dx_dependency *out, uint8_t name, uint64_t length) {
    memset(out->feed, name, sizeof out->feed);
    memset(out->root, name ^ 0xff, sizeof out->root);
    out->length = length;
}

static dx_bytes bytes_of(const dx_buf *buf) {
    return dx_buf_view(buf);
}

/* A data block with dependencies, two sealed sections and a purged one between them. */
static void make_block(const dx_alloc *alloc, dx_buf *out) {
    dx_dependency auth[1], dependencies[2];
    make_dependency(&auth[0], 9, 1);
    make_dependency(&dependencies[0], 3, 24);
    make_dependency(&dependencies[1], 4, DX_FEED_LENGTH_MAX);
    dx_buf header, items;
    dx_buf_init(&header, alloc, 4096);
    dx_buf_init(&items, alloc, 4096);
    assert_int_equal(dx_block_header_encode(DX_FEED_DATA, DX_BLOCK_CONTINUES, 2, 1700000000000, auth, 1,
                                            dependencies, 2, &header),
                     DX_OK);
    assert_int_equal(dx_section_seal(key, feed_id, 5, 0, dx_bytes_text("first"), &items), DX_OK);
    uint8_t hash[DX_HASH_SIZE];
    dx_hash(DX_HASH_SECTION, dx_bytes_text("purged"), hash);
    dx_writer writer;
    dx_writer_init(&writer, &items);
    dx_write_array(&writer, 1);
    dx_write_bytes(&writer, dx_bytes_of(hash, sizeof hash));
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    assert_int_equal(dx_section_seal(key, feed_id, 5, 2, dx_bytes_text(""), &items), DX_OK);
    dx_buf_init(out, alloc, DX_BLOCK_SIZE_MAX);
    assert_int_equal(dx_block_encode(bytes_of(&header), bytes_of(&items), 3, out), DX_OK);
    dx_buf_deinit(&header);
    dx_buf_deinit(&items);
}

/* Decodes and writes again from the parts alone; asserts the same bytes. */
static void assert_round_trip(const dx_alloc *alloc, dx_bytes bytes) {
    dx_block block;
    assert_int_equal(dx_block_decode(bytes, &block), DX_OK);
    const dx_block_header *parts = &block.header;
    dx_dependency *auth = calloc(parts->auth_count + 1, sizeof *auth);
    dx_dependency *dependencies = calloc(parts->dependency_count + 1, sizeof *dependencies);
    dx_reader cursor;
    dx_reader_init(&cursor, parts->auth);
    for (size_t i = 0; i < parts->auth_count; i++) {
        assert_int_equal(dx_block_dependency(&cursor, &auth[i]), DX_OK);
    }
    assert_int_equal(dx_reader_finish(&cursor), DX_OK);
    dx_reader_init(&cursor, parts->dependencies);
    for (size_t i = 0; i < parts->dependency_count; i++) {
        assert_int_equal(dx_block_dependency(&cursor, &dependencies[i]), DX_OK);
    }
    assert_int_equal(dx_reader_finish(&cursor), DX_OK);
    dx_buf header, again;
    dx_buf_init(&header, alloc, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&again, alloc, 2 * DX_BLOCK_SIZE_MAX);
    assert_int_equal(dx_block_header_encode(parts->feed_class, parts->flags, parts->key_epoch, parts->wall_ms,
                                            auth, parts->auth_count, dependencies, parts->dependency_count,
                                            &header),
                     DX_OK);
    assert_int_equal(dx_block_encode(bytes_of(&header), block.sections, block.section_count, &again), DX_OK);
    assert_true(dx_bytes_equal(bytes, bytes_of(&again)));
    dx_buf_deinit(&header);
    dx_buf_deinit(&again);
    free(auth);
    free(dependencies);
}

static void test_round_trip(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf bytes;
    make_block(&memory.port, &bytes);
    assert_round_trip(&memory.port, bytes_of(&bytes));
    dx_block block;
    assert_int_equal(dx_block_decode(bytes_of(&bytes), &block), DX_OK);
    assert_int_equal(block.header.feed_class, DX_FEED_DATA);
    assert_int_equal(block.header.flags, DX_BLOCK_CONTINUES);
    assert_int_equal(block.header.key_epoch, 2);
    assert_int_equal(block.header.wall_ms, 1700000000000);
    assert_int_equal(block.section_count, 3);
    assert_int_equal(block.hole_count, 1);
    dx_reader cursor;
    dx_reader_init(&cursor, block.sections);
    for (size_t i = 0; i < 3; i++) {
        dx_bytes section;
        bool purged;
        assert_int_equal(dx_block_section(&cursor, &section, &purged), DX_OK);
        assert_int_equal(purged, i == 1);
        assert_int_equal(section.size, (i == 0 ? 5 : 0) + (i == 1 ? DX_HASH_SIZE : DX_SECTION_OVERHEAD));
    }
    assert_int_equal(dx_reader_finish(&cursor), DX_OK);
    dx_buf_deinit(&bytes);
    assert_int_equal(memory.live_bytes, 0);
}

static void test_empty_block(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf header, bytes;
    dx_buf_init(&header, &memory.port, 64);
    dx_buf_init(&bytes, &memory.port, 64);
    assert_int_equal(dx_block_header_encode(DX_FEED_CONTROL, 0, 0, 0, NULL, 0, NULL, 0, &header), DX_OK);
    assert_int_equal(dx_block_encode(bytes_of(&header), dx_bytes_of(NULL, 0), 0, &bytes), DX_OK);
    static const uint8_t expected[] = {0x82, 0x48, 0x87, 1, 0, 0, 0, 0, 0x80, 0x80, 0x80};
    assert_int_equal(bytes.size, sizeof expected);
    assert_memory_equal(bytes.data, expected, sizeof expected);
    assert_round_trip(&memory.port, bytes_of(&bytes));
    dx_buf_deinit(&header);
    dx_buf_deinit(&bytes);
}

/* Whatever one changed byte or a cut makes of a block: it is refused, or it is another block in its one form
 * with another leaf. Only a purged section's hash of equal value may leave the leaf as it is, and a flipped
 * byte cannot make that. */
static void test_mutants_are_refused_or_canonical(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf bytes;
    make_block(&memory.port, &bytes);
    dx_block block;
    uint8_t leaf[DX_HASH_SIZE], other[DX_HASH_SIZE];
    assert_int_equal(dx_block_decode(bytes_of(&bytes), &block), DX_OK);
    dx_block_leaf(&block, feed_id, 5, leaf);
    size_t accepted = 0;
    for (size_t at = 0; at < bytes.size; at++) {
        for (int flip = 1; flip < 256; flip++) {
            bytes.data[at] ^= (uint8_t)flip;
            if (dx_block_decode(bytes_of(&bytes), &block) == DX_OK) {
                accepted++;
                dx_block_leaf(&block, feed_id, 5, other);
                assert_memory_not_equal(leaf, other, DX_HASH_SIZE);
                if (flip % 16 == 1) {
                    assert_round_trip(&memory.port, bytes_of(&bytes));
                }
            }
            bytes.data[at] ^= (uint8_t)flip;
        }
    }
    assert_true(accepted > 150 * 255); /* ciphertext, roots and numbers are free */
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(dx_block_decode(dx_bytes_of(bytes.data, size), &block), DX_E_MALFORMED);
    }
    dx_buf_append_byte(&bytes, 0);
    assert_int_equal(dx_block_decode(bytes_of(&bytes), &block), DX_E_MALFORMED);
    dx_buf_deinit(&bytes);
    assert_int_equal(memory.live_bytes, 0);
}

/* Writes [header, sections] with parts that no encoder of ours would write. */
static int decode_parts(const dx_alloc *alloc, dx_bytes header, dx_bytes items, size_t count) {
    dx_buf bytes;
    dx_buf_init(&bytes, alloc, 4 * DX_BLOCK_SIZE_MAX);
    dx_writer writer;
    dx_writer_init(&writer, &bytes);
    dx_write_array(&writer, 2);
    dx_write_bytes(&writer, header);
    dx_write_array(&writer, count);
    dx_reader reader;
    dx_reader_init(&reader, items);
    for (size_t i = 0; i < count; i++) {
        dx_write_item(&writer, dx_read_item(&reader));
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_block block;
    int error = dx_block_decode(bytes_of(&bytes), &block);
    dx_buf_deinit(&bytes);
    return error;
}

static void test_bad_headers(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
#define ENTRY(prefix, length)                                                                                \
    0x83, 0x50, prefix, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, length, 0x50, 0, 0, 0, 0, 0, 0, 0, 0,   \
        0, 0, 0, 0, 0, 0, 0, 0
    static const struct {
        uint8_t bytes[100];
        size_t size;
        int expected;
    } rows[] = {
        {{0x87, 1, 1, 0, 0, 0, 0x80, 0x80}, 8, DX_OK},
        {{0x87, 2, 1, 0, 0, 0, 0x80, 0x80}, 8, DX_E_MALFORMED},      /* version */
        {{0x87, 1, 2, 0, 0, 0, 0x80, 0x80}, 8, DX_E_MALFORMED},      /* class */
        {{0x87, 1, 1, 2, 0, 0, 0x80, 0x80}, 8, DX_E_MALFORMED},      /* flags */
        {{0x87, 1, 1, 0, 0x20, 0, 0x80, 0x80}, 8, DX_E_MALFORMED},   /* negative epoch */
        {{0x87, 1, 1, 0, 0, 0x20, 0x80, 0x80}, 8, DX_E_MALFORMED},   /* negative time */
        {{0x87, 1, 1, 0, 0, 0, 0x80, 0xa0}, 8, DX_E_MALFORMED},      /* a map */
        {{0x86, 1, 1, 0, 0, 0, 0x80}, 7, DX_E_MALFORMED},            /* an item short */
        {{0x87, 1, 1, 0, 0, 0, 0x80, 0x80, 0}, 9, DX_E_MALFORMED},   /* a byte more */
        {{0x87, 1, 0, 0, 0, 0, 0x80, 0x80}, 8, DX_OK},               /* control … */
        {{0x87, 1, 0, 0, 1, 0, 0x80, 0x80}, 8, DX_E_MALFORMED},      /* … with an epoch */
        {{0x87, 1, 0, 0, 0, 0, 0x81, ENTRY(1, 1), 0x80}, 44, DX_OK}, /* … with control dependencies */
        {{0x87, 1, 0, 0, 0, 0, 0x80, 0x81, ENTRY(1, 1)}, 44, DX_E_MALFORMED}, /* … with data dependencies */
        {{0x87, 1, 1, 0, 0, 0, 0x80, 0x81, ENTRY(1, 1)}, 44, DX_OK},
        {{0x87, 1, 1, 0, 0, 0, 0x80, 0x81, ENTRY(1, 0)}, 44, DX_E_MALFORMED}, /* length 0 */
        {{0x87, 1, 1, 0, 0, 0, 0x80, 0x82, ENTRY(1, 1), ENTRY(2, 1)}, 80, DX_OK},
        {{0x87, 1, 1, 0, 0, 0, 0x80, 0x82, ENTRY(2, 1), ENTRY(1, 1)}, 80, DX_E_MALFORMED}, /* descending */
        {{0x87, 1, 1, 0, 0, 0, 0x80, 0x82, ENTRY(1, 1), ENTRY(1, 2)}, 80, DX_E_MALFORMED}, /* twice */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(
            decode_parts(&memory.port, dx_bytes_of(rows[i].bytes, rows[i].size), dx_bytes_of(NULL, 0), 0),
            rows[i].expected);
    }
}

static void test_bad_sections(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    static const uint8_t data[] = {0x87, 1, 1, 0, 0, 0, 0x80, 0x80},
                         control[] = {0x87, 1, 0, 0, 0, 0, 0x80, 0x80};
    dx_bytes of_data = dx_bytes_of(data, sizeof data), of_control = dx_bytes_of(control, sizeof control);
    uint8_t purged[35] = {0x81, 0x58, 32}, short_hash[34] = {0x81, 0x58, 31},
            two[37] = {0x82, 0x58, 32, [35] = 0x41};
    static const uint8_t text[] = {0x61, 'a'}, number[] = {7};
    assert_int_equal(decode_parts(&memory.port, of_data, dx_bytes_of(purged, sizeof purged), 1), DX_OK);
    assert_int_equal(decode_parts(&memory.port, of_control, dx_bytes_of(purged, sizeof purged), 1),
                     DX_E_MALFORMED);
    assert_int_equal(decode_parts(&memory.port, of_data, dx_bytes_of(short_hash, sizeof short_hash), 1),
                     DX_E_MALFORMED);
    assert_int_equal(decode_parts(&memory.port, of_data, dx_bytes_of(two, sizeof two), 1), DX_E_MALFORMED);
    assert_int_equal(decode_parts(&memory.port, of_data, dx_bytes_of(text, sizeof text), 1), DX_E_MALFORMED);
    assert_int_equal(decode_parts(&memory.port, of_data, dx_bytes_of(number, sizeof number), 1),
                     DX_E_MALFORMED);
}

static void test_limits(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    static const uint8_t header[] = {0x87, 1, 1, 0, 0, 0, 0x80, 0x80};
    dx_buf items, bytes;
    dx_buf_init(&items, &memory.port, 4 * DX_BLOCK_SIZE_MAX);
    dx_buf_init(&bytes, &memory.port, 4 * DX_BLOCK_SIZE_MAX);
    memset(dx_buf_extend(&items, DX_BLOCK_SECTIONS_MAX + 1), 0x40, DX_BLOCK_SECTIONS_MAX + 1);
    dx_bytes most = dx_bytes_of(items.data, DX_BLOCK_SECTIONS_MAX);
    assert_int_equal(dx_block_encode(dx_bytes_of(header, sizeof header), most, most.size, &bytes), DX_OK);
    assert_round_trip(&memory.port, bytes_of(&bytes));
    dx_buf_clear(&bytes);
    assert_int_equal(
        dx_block_encode(dx_bytes_of(header, sizeof header), bytes_of(&items), items.size, &bytes),
        DX_E_LIMIT);
    assert_int_equal(
        decode_parts(&memory.port, dx_bytes_of(header, sizeof header), bytes_of(&items), items.size),
        DX_E_MALFORMED);
    /* One section that makes the block exactly as large as allowed, and one byte larger. */
    for (size_t more = 0; more < 2; more++) {
        dx_buf_clear(&items);
        dx_buf_clear(&bytes);
        dx_writer writer;
        dx_writer_init(&writer, &items);
        size_t size = DX_BLOCK_SIZE_MAX - 1 - (1 + sizeof header) - 1 - 5 + more;
        memset(dx_write_bytes_room(&writer, size), 7, size);
        assert_int_equal(dx_writer_finish(&writer), DX_OK);
        assert_int_equal(dx_block_encode(dx_bytes_of(header, sizeof header), bytes_of(&items), 1, &bytes),
                         more ? DX_E_LIMIT : DX_OK);
        assert_int_equal(bytes.size, more ? 0 : DX_BLOCK_SIZE_MAX);
        assert_int_equal(decode_parts(&memory.port, dx_bytes_of(header, sizeof header), bytes_of(&items), 1),
                         more ? DX_E_MALFORMED : DX_OK);
    }
    dx_buf_deinit(&items);
    dx_buf_deinit(&bytes);
    assert_int_equal(memory.live_bytes, 0);
}

static void test_header_encode_refuses(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf out;
    dx_buf_init(&out, &memory.port, DX_BLOCK_SIZE_MAX);
    dx_dependency pair[2];
    make_dependency(&pair[0], 1, 1);
    make_dependency(&pair[1], 1, 2);
    assert_int_equal(dx_block_header_encode(DX_FEED_DATA, 0, 0, 0, pair, 2, NULL, 0, &out), DX_E_INVALID);
    assert_int_equal(dx_block_header_encode(DX_FEED_DATA, 0, 0, 0, NULL, 0, pair, 2, &out), DX_E_INVALID);
    make_dependency(&pair[0], 1, 0);
    assert_int_equal(dx_block_header_encode(DX_FEED_DATA, 0, 0, 0, pair, 1, NULL, 0, &out), DX_E_INVALID);
    make_dependency(&pair[0], 1, (uint64_t)DX_FEED_LENGTH_MAX + 1);
    assert_int_equal(dx_block_header_encode(DX_FEED_DATA, 0, 0, 0, pair, 1, NULL, 0, &out), DX_E_INVALID);
    make_dependency(&pair[0], 1, 1);
    assert_int_equal(dx_block_header_encode(DX_FEED_CONTROL, 0, 0, 0, NULL, 0, pair, 1, &out), DX_E_INVALID);
    assert_int_equal(dx_block_header_encode(DX_FEED_CONTROL, 0, 1, 0, NULL, 0, NULL, 0, &out), DX_E_INVALID);
    assert_int_equal(dx_block_header_encode(DX_FEED_DATA, 2, 0, 0, NULL, 0, NULL, 0, &out), DX_E_INVALID);
    assert_int_equal(dx_block_header_encode((dx_feed_class)2, 0, 0, 0, NULL, 0, NULL, 0, &out), DX_E_INVALID);
    assert_int_equal(
        dx_block_header_encode(DX_FEED_DATA, 0, 0, 0, pair, DX_BLOCK_DEPENDENCIES_MAX + 1, NULL, 0, &out),
        DX_E_LIMIT);
    assert_int_equal(dx_block_header_encode(DX_FEED_DATA, 0, UINT64_MAX, 0, NULL, 0, NULL, 0, &out),
                     DX_E_INVALID);
    dx_buf_clear(&out);
    static const uint8_t header[] = {0x87, 1, 1, 0, 0, 0, 0x80, 0x80}, items[] = {0x40, 0x40, 0x41};
    dx_bytes valid = dx_bytes_of(header, sizeof header);
    assert_int_equal(dx_block_encode(valid, dx_bytes_of(items, 2), 1, &out), DX_E_INVALID);
    assert_int_equal(dx_block_encode(valid, dx_bytes_of(items, 2), 3, &out), DX_E_INVALID);
    assert_int_equal(dx_block_encode(valid, dx_bytes_of(items, 3), 3, &out), DX_E_INVALID);
    assert_int_equal(out.size, 0);
    dx_buf_deinit(&out);
    memory.fail_at = memory.calls + 1;
    assert_int_equal(dx_block_encode(valid, dx_bytes_of(items, 2), 2, &out), DX_E_NO_MEMORY);
    dx_buf_clear(&out);
    memory.fail_at = memory.calls + 1;
    assert_int_equal(dx_block_header_encode(DX_FEED_DATA, 0, 0, 0, NULL, 0, NULL, 0, &out), DX_E_NO_MEMORY);
    dx_buf_deinit(&out);
}

/* --- Leaves ----------------------------------------------------------------------------------------- */

static void test_leaf_is_bound_to_feed_and_seq(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf bytes;
    make_block(&memory.port, &bytes);
    dx_block block;
    assert_int_equal(dx_block_decode(bytes_of(&bytes), &block), DX_OK);
    uint8_t leaf[DX_HASH_SIZE], other[DX_HASH_SIZE], other_feed[DX_HASH_SIZE];
    dx_block_leaf(&block, feed_id, 5, leaf);
    dx_block_leaf(&block, feed_id, 6, other);
    assert_memory_not_equal(leaf, other, DX_HASH_SIZE);
    memcpy(other_feed, feed_id, DX_HASH_SIZE);
    other_feed[31] ^= 1;
    dx_block_leaf(&block, other_feed, 5, other);
    assert_memory_not_equal(leaf, other, DX_HASH_SIZE);
    dx_buf_deinit(&bytes);
}

/* A purged section's hash stands for it: same leaf, and hole_count tells. */
static void test_leaf_survives_a_purge(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    static const uint8_t header[] = {0x87, 1, 1, 0, 0, 0, 0x80, 0x80};
    dx_buf items, whole, purged;
    dx_buf_init(&items, &memory.port, 4096);
    dx_buf_init(&whole, &memory.port, 4096);
    dx_buf_init(&purged, &memory.port, 4096);
    assert_int_equal(dx_section_seal(key, feed_id, 0, 0, dx_bytes_text("secret"), &items), DX_OK);
    assert_int_equal(dx_block_encode(dx_bytes_of(header, sizeof header), bytes_of(&items), 1, &whole), DX_OK);
    dx_block block;
    assert_int_equal(dx_block_decode(bytes_of(&whole), &block), DX_OK);
    uint8_t leaf[DX_HASH_SIZE], same[DX_HASH_SIZE], hash[DX_HASH_SIZE];
    dx_block_leaf(&block, feed_id, 0, leaf);
    assert_int_equal(block.hole_count, 0);
    dx_hash(DX_HASH_SECTION, dx_item_bytes(bytes_of(&items)), hash);
    dx_buf_clear(&items);
    dx_writer writer;
    dx_writer_init(&writer, &items);
    dx_write_array(&writer, 1);
    dx_write_bytes(&writer, dx_bytes_of(hash, sizeof hash));
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    assert_int_equal(dx_block_encode(dx_bytes_of(header, sizeof header), bytes_of(&items), 1, &purged),
                     DX_OK);
    assert_int_equal(dx_block_decode(bytes_of(&purged), &block), DX_OK);
    assert_int_equal(block.hole_count, 1);
    dx_block_leaf(&block, feed_id, 0, same);
    assert_memory_equal(leaf, same, DX_HASH_SIZE);
    dx_buf_deinit(&items);
    dx_buf_deinit(&whole);
    dx_buf_deinit(&purged);
}

/* --- Sealing ---------------------------------------------------------------------------------------- */

static void test_section_opens_only_at_its_place(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf items, plain;
    dx_buf_init(&items, &memory.port, 4096);
    dx_buf_init(&plain, &memory.port, 4096);
    assert_int_equal(dx_section_seal(key, feed_id, 7, 3, dx_bytes_text("hello"), &items), DX_OK);
    dx_bytes sealed = dx_item_bytes(bytes_of(&items));
    assert_int_equal(sealed.size, 5 + DX_SECTION_OVERHEAD);
    assert_int_equal(dx_section_open(key, feed_id, 7, 3, sealed, &plain), DX_OK);
    assert_true(dx_bytes_equal(bytes_of(&plain), dx_bytes_text("hello")));
    uint8_t other_feed[DX_HASH_SIZE] = {0xfe, 2}, other_key[DX_KEY_SIZE] = {0x4b, 3};
    assert_int_equal(dx_section_open(key, other_feed, 7, 3, sealed, &plain), DX_E_SIGNATURE);
    assert_int_equal(dx_section_open(key, feed_id, 8, 3, sealed, &plain), DX_E_SIGNATURE);
    assert_int_equal(dx_section_open(key, feed_id, 7, 4, sealed, &plain), DX_E_SIGNATURE);
    assert_int_equal(dx_section_open(other_key, feed_id, 7, 3, sealed, &plain), DX_E_SIGNATURE);
    uint8_t changed[64];
    for (size_t at = 0; at < sealed.size; at++) {
        memcpy(changed, sealed.data, sealed.size);
        changed[at] ^= 0x10;
        assert_int_equal(dx_section_open(key, feed_id, 7, 3, dx_bytes_of(changed, sealed.size), &plain),
                         DX_E_SIGNATURE);
    }
    for (size_t size = 0; size < sealed.size; size++) {
        assert_int_equal(dx_section_open(key, feed_id, 7, 3, dx_bytes_of(sealed.data, size), &plain),
                         size < DX_SECTION_OVERHEAD ? DX_E_MALFORMED : DX_E_SIGNATURE);
    }
    assert_int_equal(plain.size, 5);
    dx_buf_deinit(&items);
    dx_buf_deinit(&plain);
    assert_int_equal(memory.live_bytes, 0);
}

/* An empty text into an empty buffer is where a missing check would hide. */
static void test_empty_section_is_authenticated(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf items, plain;
    dx_buf_init(&items, &memory.port, 4096);
    dx_buf_init(&plain, &memory.port, 4096);
    assert_int_equal(dx_section_seal(key, feed_id, 0, 0, dx_bytes_of(NULL, 0), &items), DX_OK);
    dx_bytes sealed = dx_item_bytes(bytes_of(&items));
    assert_int_equal(dx_section_open(key, feed_id, 0, 1, sealed, &plain), DX_E_SIGNATURE);
    assert_int_equal(dx_section_open(key, feed_id, 0, 0, sealed, &plain), DX_OK);
    assert_int_equal(plain.size, 0);
    dx_buf_deinit(&items);
    dx_buf_deinit(&plain);
}

static dx_bytes seal_at(dx_buf *items, uint64_t seq, uint64_t index, const char *text) {
    dx_buf_clear(items);
    assert_int_equal(dx_section_seal(key, feed_id, seq, index, dx_bytes_text(text), items), DX_OK);
    return dx_bytes_of(dx_item_bytes(bytes_of(items)).data, DX_SIV_SIZE);
}

/* A clone that writes another text at the same place never reuses a nonce; the same text gives the same
 * bytes. */
static void test_nonce_follows_the_text(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf one, two;
    dx_buf_init(&one, &memory.port, 4096);
    dx_buf_init(&two, &memory.port, 4096);
    assert_true(dx_bytes_equal(seal_at(&one, 1, 2, "same"), seal_at(&two, 1, 2, "same")));
    assert_true(dx_bytes_equal(bytes_of(&one), bytes_of(&two)));
    assert_false(dx_bytes_equal(seal_at(&one, 1, 2, "same"), seal_at(&two, 1, 2, "Same")));
    assert_false(dx_bytes_equal(seal_at(&one, 1, 2, "same"), seal_at(&two, 1, 3, "same")));
    assert_false(dx_bytes_equal(seal_at(&one, 1, 2, "same"), seal_at(&two, 2, 2, "same")));
    dx_buf_deinit(&one);
    dx_buf_deinit(&two);
}

static void test_sealing_without_memory(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf items, plain;
    dx_buf_init(&items, &memory.port, 4096);
    dx_buf_init(&plain, &memory.port, 4096);
    assert_int_equal(dx_section_seal(key, feed_id, 0, 0, dx_bytes_text("text"), &items), DX_OK);
    memory.fail_at = memory.calls + 1;
    assert_int_equal(dx_section_open(key, feed_id, 0, 0, dx_item_bytes(bytes_of(&items)), &plain),
                     DX_E_NO_MEMORY);
    dx_buf_deinit(&items);
    memory.fail_at = memory.calls + 1;
    assert_int_equal(dx_section_seal(key, feed_id, 0, 0, dx_bytes_text("text"), &items), DX_E_NO_MEMORY);
    dx_buf_deinit(&items);
    dx_buf_deinit(&plain);
    assert_int_equal(memory.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_round_trip), DX_TEST(test_empty_block),
             DX_TEST(test_mutants_are_refused_or_canonical), DX_TEST(test_bad_headers),
             DX_TEST(test_bad_sections), DX_TEST(test_limits), DX_TEST(test_header_encode_refuses),
             DX_TEST(test_leaf_is_bound_to_feed_and_seq), DX_TEST(test_leaf_survives_a_purge),
             DX_TEST(test_section_opens_only_at_its_place), DX_TEST(test_empty_section_is_authenticated),
             DX_TEST(test_nonce_follows_the_text), DX_TEST(test_sealing_without_memory))
