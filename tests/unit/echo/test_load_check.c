/* tests/unit/echo/test_load_check.c: items stand in chunks as a packer puts them, and no other way; chunks are sealed as they
 * are made today. What the items say: test_epoch_hostile.c. */
#include "echo/load_check.h"
#include "test.h"

enum { ITEMS = 400, ITEM_MAX = 3 * DX_SNAPSHOT_CHUNK_SIZE };

static int take_chunk(void *ctx, uint64_t index, dx_bytes sealed) {
    uint64_t *chunks = ctx;
    assert_int_equal(index, *chunks);
    assert_true(sealed.size != 0);
    ++*chunks;
    return DX_OK;
}

/* Sizes that fill a chunk to the byte, miss it by one, and go over several. */
static size_t draw_size(const dx_random *random, size_t filled) {
    uint8_t drawn[4];
    random->fill(random->ctx, drawn, sizeof drawn);
    size_t any = (size_t)drawn[1] << 16 | (size_t)drawn[2] << 8 | drawn[3];
    size_t left = DX_SNAPSHOT_CHUNK_SIZE - filled;
    switch (drawn[0] % 8) {
    case 0:
        return left == 0 ? 1 : left;
    case 1:
        return left + 1;
    case 2:
        return DX_SNAPSHOT_CHUNK_SIZE;
    case 3:
        return DX_SNAPSHOT_CHUNK_SIZE + 1;
    case 4:
        return 1 + any % ITEM_MAX;
    default:
        return 1 + any % (DX_SNAPSHOT_CHUNK_SIZE / 4);
    }
}

static void test_as_packed(void **state) {
    (void)state;
    static const uint8_t bytes[ITEM_MAX];
    test_alloc alloc;
    test_random random;
    test_alloc_init(&alloc);
    test_random_init(&random, 5);
    const dx_chunk_seal seal = {.number = 1};
    dx_load_check check = {.filled = 0};
    dx_packer packer;
    uint64_t chunks = 0;
    size_t began = 0, cut = 0;
    dx_packer_init(&packer, &alloc.port, &seal, take_chunk, &chunks);
    for (size_t i = 0; i < ITEMS; i++) {
        size_t under_way = packer.plain.size;
        uint64_t index = packer.index;
        dx_bytes item = dx_bytes_of(bytes, draw_size(&random.port, under_way == 0 ? 0 : under_way - 1));
        assert_int_equal(dx_packer_add(&packer, 0, item), DX_OK);
        dx_load_place place = {.begins = under_way == 0 || packer.index != index, .last = i % 50 == 7};
        place.whole = packer.plain.size != 0;
        began += place.begins && under_way != 0;
        cut += !place.whole;
        dx_load_check other = check;
        dx_load_place wrong = place;
        wrong.begins = !place.begins;
        assert_int_equal(dx_load_check_item(&other, item, &wrong), DX_E_MALFORMED);
        wrong = place;
        wrong.whole = !place.whole;
        assert_int_equal(dx_load_check_item(&other, item, &wrong), DX_E_MALFORMED);
        assert_int_equal(dx_load_check_item(&check, item, &place), DX_OK);
        assert_int_equal(place.last ? dx_packer_flush(&packer) : DX_OK, DX_OK);
        assert_int_equal(check.filled, packer.plain.size == 0 ? 0 : packer.plain.size - 1);
    }
    assert_true(began > 20 && cut > 20 && chunks > ITEMS / 10);
    dx_packer_deinit(&packer);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_chunk(void **state) {
    (void)state;
    const size_t most = DX_SNAPSHOT_CHUNK_SIZE, over = 1 + DX_SECTION_OVERHEAD;
    assert_int_equal(dx_load_check_chunk(DX_CHUNK_WHOLE, 1, 1 + over), DX_OK);
    assert_int_equal(dx_load_check_chunk(DX_CHUNK_LAST, most, most + over), DX_OK);
    assert_int_equal(dx_load_check_chunk(DX_CHUNK_PIECE, most, most + over), DX_OK);
    assert_int_equal(dx_load_check_chunk(DX_CHUNK_PIECE, most - 1, most - 1 + over), DX_E_MALFORMED);
    assert_int_equal(dx_load_check_chunk(DX_CHUNK_WHOLE, most + 1, most + 1 + over), DX_E_MALFORMED);
    /* with a nonce of its own, as sections were sealed once: another sealed form of the same text */
    assert_int_equal(dx_load_check_chunk(DX_CHUNK_WHOLE, 1, 2 + DX_SECTION_OVERHEAD_OLD), DX_E_MALFORMED);
}

DX_TEST_MAIN(DX_TEST(test_as_packed), DX_TEST(test_chunk))
