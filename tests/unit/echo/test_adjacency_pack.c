/* tests/unit/echo/test_adjacency_pack.c: one pack: numbers of every size come back; as many as fit; what is damaged is said.
 *
 * Names echo/adjacency_pack.c. */
#include "echo/adjacency_pack.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

static uint64_t state_of_draw = 7;

static uint64_t draw(uint64_t below) {
    state_of_draw = state_of_draw * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (state_of_draw >> 33) % below;
}

/* Small ones, large ones, such with zeros at their end, and the ends of what there can be. */
static int64_t draw_number(unsigned kind) {
    static const int64_t ends[] = {0, 1, 255, 65535, INT64_C(1) << 40, INT64_MAX - 1, INT64_MAX};
    switch (kind) {
    case 0:
        return 5;
    case 1:
        return (int64_t)draw(300);
    case 2:
        return (int64_t)(draw(1000) << 16 | UINT64_C(3) << 48);
    case 3:
        return (int64_t)(draw(UINT32_MAX) << 31 | draw(UINT32_MAX));
    default:
        return ends[draw(sizeof ends / sizeof ends[0])];
    }
}

static int compare(const void *a, const void *b) {
    return dx_adjacent_compare(a, b);
}

/* Entries that ascend, each once. */
static size_t draw_entries(dx_adjacent *out, size_t count) {
    unsigned kinds[DX_ADJACENT_FIELDS];
    size_t kept = 0;
    for (size_t i = 0; i < DX_ADJACENT_FIELDS; i++) {
        kinds[i] = (unsigned)draw(5);
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = (dx_adjacent){draw_number(kinds[0]), draw_number(kinds[1]), draw_number(kinds[2]),
                               draw_number(kinds[3]), draw_number(kinds[4])};
    }
    qsort(out, count, sizeof *out, compare);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || dx_adjacent_compare(&out[kept - 1], &out[i]) != 0) {
            out[kept++] = out[i];
        }
    }
    return kept;
}

static void test_entries_come_back(void **state) {
    (void)state;
    static dx_adjacent entries[400];
    static dx_adjacency_pack pack;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[DX_ADJACENCY_PACK_MAX + DX_ADJACENCY_SLACK];
        size_t count = draw_entries(entries, 1 + draw(round % 50 == 0 ? 400 : 40));
        size_t fit = dx_adjacency_pack_fit(entries, count, false),
               half = dx_adjacency_pack_fit(entries, count, true);
        assert_in_range(fit, 1, count < DX_ADJACENCY_COUNT_MAX ? count : DX_ADJACENCY_COUNT_MAX);
        assert_in_range(half, 1, fit);
        assert_true(half == count || half < fit || fit == 1);
        size_t size = dx_adjacency_pack_write(entries, fit, bytes);
        assert_true(size <= DX_ADJACENCY_PACK_MAX && (size == 0) == (fit == 1));
        assert_int_equal(dx_adjacency_pack_read(&entries[0], dx_bytes_of(bytes, size), &pack), DX_OK);
        assert_int_equal(dx_adjacency_pack_check(&pack), DX_OK);
        assert_int_equal(pack.count, fit);
        for (size_t i = 0; i < fit; i++) {
            dx_adjacent entry = dx_adjacency_pack_entry(&pack, i);
            assert_memory_equal(&entry, &entries[i], sizeof entry);
        }
    }
}

/* Each bit that turns, each byte that is missing or too many. */
static void test_damage(void **state) {
    (void)state;
    static dx_adjacent entries[60];
    static dx_adjacency_pack pack;
    for (int round = 0; round < 40; round++) {
        uint8_t bytes[DX_ADJACENCY_PACK_MAX + DX_ADJACENCY_SLACK] = {0};
        size_t count = draw_entries(entries, 2 + draw(58));
        count = dx_adjacency_pack_fit(entries, count, false);
        size_t size = dx_adjacency_pack_write(entries, count, bytes);
        if (count == 1) {
            continue;
        }
        for (size_t bit = 0; bit < 8 * size; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(dx_adjacency_pack_read(&entries[0], dx_bytes_of(bytes, size), &pack),
                             DX_E_CORRUPT);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t cut = 1; cut < size; cut++) {
            assert_int_equal(dx_adjacency_pack_read(&entries[0], dx_bytes_of(bytes, cut), &pack),
                             DX_E_CORRUPT);
        }
        assert_int_equal(dx_adjacency_pack_read(&entries[0], dx_bytes_of(bytes, size + 1), &pack),
                         DX_E_CORRUPT);
        assert_int_equal(dx_adjacency_pack_read(&entries[1], dx_bytes_of(bytes, size), &pack), DX_E_CORRUPT);
    }
}

/* Written by hand from the header's words: two heads, 65,536 apart, of types 1 and 2. */
static void test_the_form(void **state) {
    (void)state;
    static dx_adjacency_pack pack;
    const dx_adjacent entries[] = {{.object = 0x30000, .value = 2}, {.object = 0x40000, .value = 4}};
    static const uint8_t behind_check[] = {2, 0, 1, 16, 0x80, 0x80, 0x0c, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2};
    uint8_t bytes[DX_ADJACENCY_PACK_MAX + DX_ADJACENCY_SLACK];
    assert_int_equal(dx_adjacency_pack_write(entries, 2, bytes), 5 + sizeof behind_check);
    assert_int_equal(bytes[0], 0x80);
    assert_memory_equal(bytes + 5, behind_check, sizeof behind_check);
    uint32_t sum = dx_adjacency_pack_sum(dx_bytes_of(behind_check, sizeof behind_check));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(bytes[1 + i], sum >> 8 * i & 0xff);
    }
    assert_int_equal(dx_adjacency_pack_read(&entries[0], dx_bytes_of(bytes, 5 + sizeof behind_check), &pack),
                     DX_OK);
}

DX_TEST_MAIN(DX_TEST(test_entries_come_back), DX_TEST(test_damage), DX_TEST(test_the_form))
