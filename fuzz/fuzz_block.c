/* fuzz/fuzz_block.c: any bytes as a block.
 *
 * Properties: what is accepted is made again from its parts byte for byte; walking it reads what its counts
 * say and stays within it; its leaf depends on its place; none of its sections opens, since nobody sealed
 * them. */
#include "feed/block.h"
#include "fuzz.h"

static void take_dependencies(dx_bytes entries, size_t count, dx_dependency *out) {
    dx_reader cursor;
    dx_reader_init(&cursor, entries);
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(dx_block_dependency(&cursor, &out[i]) == DX_OK);
    }
    FUZZ_CHECK(dx_reader_finish(&cursor) == DX_OK);
}

static void check_sections(const dx_block *block) {
    static const uint8_t key[DX_KEY_SIZE] = {3}, feed_id[DX_HASH_SIZE] = {4};
    dx_buf out;
    dx_buf_init(&out, &fuzz_alloc, DX_BLOCK_SIZE_MAX);
    dx_reader cursor;
    dx_reader_init(&cursor, block->sections);
    size_t hole_count = 0;
    for (size_t i = 0; i < block->section_count; i++) {
        dx_bytes section;
        bool purged;
        FUZZ_CHECK(dx_block_section(&cursor, &section, &purged) == DX_OK);
        hole_count += purged;
        int expected = section.size < DX_SECTION_OVERHEAD ? DX_E_MALFORMED : DX_E_SIGNATURE;
        FUZZ_CHECK(dx_section_open(key, feed_id, 0, i, section, &out) == expected && out.size == 0);
    }
    FUZZ_CHECK(dx_reader_finish(&cursor) == DX_OK && hole_count == block->hole_count);
    dx_buf_deinit(&out);
}

static void check_round_trip(const dx_block *block, dx_bytes input) {
    static dx_dependency auth[DX_BLOCK_DEPENDENCIES_MAX], dependencies[DX_BLOCK_DEPENDENCIES_MAX];
    const dx_block_header *header = &block->header;
    take_dependencies(header->auth, header->auth_count, auth);
    take_dependencies(header->dependencies, header->dependency_count, dependencies);
    dx_buf header_bytes, again;
    dx_buf_init(&header_bytes, &fuzz_alloc, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&again, &fuzz_alloc, 2 * DX_BLOCK_SIZE_MAX);
    FUZZ_CHECK(dx_block_header_encode(header->feed_class, header->flags, header->key_epoch, header->wall_ms,
                                      auth, header->auth_count, dependencies, header->dependency_count,
                                      &header_bytes) == DX_OK);
    FUZZ_CHECK(dx_block_encode(dx_buf_view(&header_bytes), block->sections, block->section_count, &again) ==
               DX_OK);
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), input));
    dx_buf_deinit(&header_bytes);
    dx_buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t feed_id[DX_HASH_SIZE] = {4};
    dx_bytes input = dx_bytes_of(data, size);
    dx_block block;
    if (dx_block_decode(input, &block) == DX_OK) {
        uint8_t leaf[DX_HASH_SIZE], elsewhere[DX_HASH_SIZE];
        check_sections(&block);
        check_round_trip(&block, input);
        dx_block_leaf(&block, feed_id, 1, leaf);
        dx_block_leaf(&block, feed_id, 2, elsewhere);
        FUZZ_CHECK(memcmp(leaf, elsewhere, sizeof leaf) != 0);
    }
    return 0;
}
