/* fuzz_pack.c: packs of links and heads, of both forms, and packs of an index's keys, as they stand in rows. The first byte says which,
 * and whether the check of a pack is made right before it is read. Checks: nothing beyond a pack is read; numbers are where the header
 * says; what is sound ascends, is not negative and comes back from being written. */
#include "echo/adjacency_pack.h"
#include "echo/index_entry.h"

#include "fuzz.h"

enum { KEYS = 1, MENDED = 2, FIRST_GIVEN = 4, CHECK_AT = 1, CHECKED_AT = 5 };

static int64_t take_number(fuzz_input *input) {
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number = number << 8 | fuzz_byte(input);
    }
    return (int64_t)(number >> 1);
}

static void read_keys(fuzz_input *input) {
    int64_t keys[DX_ENTRY_KEYS_MAX], first = take_number(input);
    size_t count;
    int error = dx_entry_read_keys(first, dx_bytes_of(input->at, input->left), keys, &count);
    FUZZ_CHECK(error == DX_OK || error == DX_E_CORRUPT);
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        FUZZ_CHECK(i == 0 ? keys[i] == first && first > 0 : keys[i] > keys[i - 1]);
    }
}

/* What is sound, as as many packs as it takes: of before there may be more entries than fit now. */
static void write_again(const dx_adjacency_pack *pack) {
    static dx_adjacent entries[DX_ADJACENCY_OLD_COUNT_MAX + DX_ADJACENCY_COUNT_MAX];
    static dx_adjacency_pack again;
    uint8_t bytes[DX_ADJACENCY_PACK_MAX + DX_ADJACENCY_SLACK];
    for (size_t i = 0; i < pack->count; i++) {
        entries[i] = dx_adjacency_pack_entry(pack, i);
        FUZZ_CHECK(entries[i].object >= 0 && entries[i].value >= 0);
        FUZZ_CHECK(i == 0 || dx_adjacent_compare(&entries[i - 1], &entries[i]) < 0);
    }
    for (size_t at = 0; at < pack->count;) {
        size_t fit = dx_adjacency_pack_fit(entries + at, pack->count - at, false);
        FUZZ_CHECK(fit > 0 && fit <= pack->count - at);
        size_t size = dx_adjacency_pack_write(entries + at, fit, bytes);
        FUZZ_CHECK(dx_adjacency_pack_read(&entries[at], dx_bytes_of(bytes, size), &again) == DX_OK);
        FUZZ_CHECK(again.count == fit);
        for (size_t i = 0; i < fit; i++) {
            dx_adjacent entry = dx_adjacency_pack_entry(&again, i);
            FUZZ_CHECK(memcmp(&entry, &entries[at + i], sizeof entry) == 0);
        }
        at += fit;
    }
}

static void read_links(fuzz_input *input, uint8_t says) {
    static dx_adjacency_pack pack;
    dx_adjacent first = {.object = 0};
    if ((says & FIRST_GIVEN) != 0) {
        first = (dx_adjacent){take_number(input), fuzz_byte(input), take_number(input), take_number(input),
                              fuzz_byte(input)};
    }
    uint8_t *bytes = malloc(input->left + 1); /* of its own, so that what is read behind it is seen */
    size_t size = input->left;
    FUZZ_CHECK(bytes != NULL);
    memcpy(bytes, input->at, size);
    if ((says & MENDED) != 0 && size > CHECKED_AT) {
        uint32_t sum = dx_adjacency_pack_sum(dx_bytes_of(bytes + CHECKED_AT, size - CHECKED_AT));
        for (int i = 0; i < CHECKED_AT - CHECK_AT; i++) {
            bytes[CHECK_AT + i] = (uint8_t)(sum >> 8 * i);
        }
    }
    int error = dx_adjacency_pack_read(&first, dx_bytes_of(bytes, size), &pack);
    FUZZ_CHECK(error == DX_OK || error == DX_E_CORRUPT);
    if (error == DX_OK && dx_adjacency_pack_check(&pack) == DX_OK) {
        write_again(&pack);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    uint8_t says = fuzz_byte(&input);
    if ((says & KEYS) != 0) {
        read_keys(&input);
    } else {
        read_links(&input, says);
    }
    return 0;
}
