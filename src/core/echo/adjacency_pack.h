/* echo/adjacency_pack.h: the form of a pack of links or heads (adjacency.h).
 *
 * Layer: floor 1, echo, private to this room. A pack of one entry is empty: its row's key says it. Of more it is
 *
 *   form (1 byte, 0x80), check (4), count (2), then of object, type, other, link and value each: width in bits (1 byte: 0 to 56, or
 *   64), shift (1 byte, unless the width is 0) and base (varint, 7 bits a byte, lowest first); behind these of each field that has a
 *   width one number an entry, (field - base) >> shift, in `width` bits, lowest first, the first of a field in a byte of its own
 *
 * with whole numbers lowest byte first. So any entry is read without those before it, by a shift and a mask, and fields that all entries
 * share take no room. The check is over all that stands behind it.
 *
 * Packs of before began with a byte below 0x80: entries behind the first, each as what is another than before it. They are read, and
 * written in the form above when they change.
 *
 * Ownership: a read pack holds a copy of its bytes. */
#ifndef DX_ECHO_ADJACENCY_PACK_H
#define DX_ECHO_ADJACENCY_PACK_H

#include "echo/base.h"

/* In the order of the fields but the last; none is negative. */
typedef struct dx_adjacent {
    int64_t object, type, other, link;
    int64_t value;
} dx_adjacent;

typedef enum dx_adjacent_field {
    DX_ADJACENT_OBJECT,
    DX_ADJACENT_TYPE,
    DX_ADJACENT_OTHER,
    DX_ADJACENT_LINK,
    DX_ADJACENT_VALUE
} dx_adjacent_field;

enum {
    DX_ADJACENT_FIELDS = DX_ADJACENT_VALUE + 1,
    DX_ADJACENCY_COLUMNS_MAX =
        468, /* bytes of a pack's numbers: seven packs to a page, and none in pages of its own */
    DX_ADJACENCY_COUNT_MAX = 256, /* of entries: as many are read and written when one changes */
    DX_ADJACENCY_HEAD_MAX = 7 + DX_ADJACENT_FIELDS * (2 + 9),
    DX_ADJACENCY_PACK_MAX = DX_ADJACENCY_HEAD_MAX + DX_ADJACENCY_COLUMNS_MAX,
    /* Of packs of before: */
    DX_ADJACENCY_OLD_MAX = 480,
    DX_ADJACENCY_OLD_COUNT_MAX = 1 + DX_ADJACENCY_OLD_MAX / 2,
    DX_ADJACENCY_SLACK = 8 /* bytes that may be read behind a number */
};

/* Where the numbers of a field stand. */
typedef struct dx_adjacent_column {
    uint64_t base, mask;
    uint32_t at; /* in the pack's bytes */
    uint8_t width, shift;
} dx_adjacent_column;

typedef struct dx_adjacency_pack {
    size_t count;
    dx_adjacent_column columns[DX_ADJACENT_FIELDS];
    uint8_t bytes[DX_ADJACENCY_OLD_COUNT_MAX * DX_ADJACENT_FIELDS * 8 + DX_ADJACENCY_SLACK];
} dx_adjacency_pack;

/* Below 0, 0, above 0; values are not looked at. */
static inline int dx_adjacent_compare(const dx_adjacent *a, const dx_adjacent *b) {
    if (a->object != b->object) {
        return a->object < b->object ? -1 : 1;
    }
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    if (a->other != b->other) {
        return a->other < b->other ? -1 : 1;
    }
    return a->link < b->link ? -1 : a->link > b->link;
}

/* One field of one entry. */
static inline int64_t dx_adjacency_pack_field(const dx_adjacency_pack *pack, dx_adjacent_field field,
                                              size_t index) {
    const dx_adjacent_column *column = &pack->columns[field];
    size_t bit = index * column->width;
    const uint8_t *at = pack->bytes + column->at + bit / 8;
    uint64_t x = (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
                 (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 |
                 (uint64_t)at[7] << 56;
    return (int64_t)(column->base + ((x >> (bit & 7) & column->mask) << column->shift));
}

dx_adjacent dx_adjacency_pack_entry(const dx_adjacency_pack *pack, size_t index);

/* The pack of a row that begins with this entry. DX_E_CORRUPT: it is damaged, or another row's. What is read may still not ascend:
 * dx_adjacency_pack_check. */
DX_MUST_USE int dx_adjacency_pack_read(const dx_adjacent *first, dx_bytes bytes, dx_adjacency_pack *out);
/* DX_E_CORRUPT unless entries ascend and no number is negative. */
DX_MUST_USE int dx_adjacency_pack_check(const dx_adjacency_pack *pack);

/* How many of some entries, from the first on, make a pack: at least one, when there is any. Of a small one: half a pack. */
size_t dx_adjacency_pack_fit(const dx_adjacent *entries, size_t count, bool half);
/* Bytes written. All of the entries fit. */
size_t dx_adjacency_pack_write(const dx_adjacent *entries, size_t count,
                               uint8_t out[static DX_ADJACENCY_PACK_MAX + DX_ADJACENCY_SLACK]);

/* Over what stands behind it in a pack. */
uint32_t dx_adjacency_pack_sum(dx_bytes bytes);

#endif
