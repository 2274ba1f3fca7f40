/* echo/adjacency_pack.c: packs of links and heads, read and written. See adjacency_pack.h.
 *
 * Layer: floor 1, echo. */
#include "echo/adjacency_pack.h"

#include <string.h>

#include "echo/varint.h"

enum { FORM = 0x80, CHECK_AT = 1, COUNT_AT = 5, COLUMNS_AT = 7, WIDTH_MAX = 56, WIDTH_WHOLE = 64 };

_Static_assert(sizeof(dx_adjacent) == DX_ADJACENT_FIELDS * sizeof(int64_t), "an entry is its fields");

/* --- Numbers ------------------------------------------------------------------------------------- */

static uint64_t read_bytes(const uint8_t *from, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)from[i] << 8 * i;
    }
    return value;
}

static void write_bytes(uint64_t value, uint8_t *to, size_t size) {
    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t)(value >> 8 * i);
    }
}

/* Two lanes of eight bytes: a pack is summed up in the time of a few of its entries. Any one bit, and all but one of 2^32 of other
 * changes, makes another sum. */
uint32_t dx_adjacency_pack_sum(dx_bytes bytes) {
    static const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t lanes[2] = {bytes.size, ~(uint64_t)bytes.size};
    size_t at = 0, lane = 0;
    for (; bytes.size - at >= 16; at += 16) {
        const uint8_t *from = bytes.data + at;
        lanes[0] = (lanes[0] ^ read_bytes(from, 8)) * odd;
        lanes[1] = (lanes[1] ^ read_bytes(from + 8, 8)) * odd;
        lanes[0] = lanes[0] << 29 | lanes[0] >> 35;
        lanes[1] = lanes[1] << 29 | lanes[1] >> 35;
    }
    for (; at < bytes.size; at += 8, lane++) {
        size_t left = bytes.size - at;
        lanes[lane] = (lanes[lane] ^ read_bytes(bytes.data + at, left < 8 ? left : 8)) * odd;
    }
    uint64_t sum = (lanes[0] ^ (lanes[1] << 31 | lanes[1] >> 33)) * odd;
    return (uint32_t)(sum >> 32 ^ sum);
}

/* --- Reading ------------------------------------------------------------------------------------- */

dx_adjacent dx_adjacency_pack_entry(const dx_adjacency_pack *pack, size_t index) {
    return (dx_adjacent){.object = dx_adjacency_pack_field(pack, DX_ADJACENT_OBJECT, index),
                         .type = dx_adjacency_pack_field(pack, DX_ADJACENT_TYPE, index),
                         .other = dx_adjacency_pack_field(pack, DX_ADJACENT_OTHER, index),
                         .link = dx_adjacency_pack_field(pack, DX_ADJACENT_LINK, index),
                         .value = dx_adjacency_pack_field(pack, DX_ADJACENT_VALUE, index)};
}

static uint64_t mask_of(unsigned width) {
    return width == WIDTH_WHOLE ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

static size_t column_size(size_t count, unsigned width) {
    return (count * width + 7) / 8;
}

static bool read_column(const uint8_t **at, const uint8_t *end, dx_adjacent_column *out) {
    *out = (dx_adjacent_column){.base = 0};
    if (*at == end) {
        return false;
    }
    out->width = *(*at)++;
    if (out->width > WIDTH_MAX && out->width != WIDTH_WHOLE) {
        return false;
    }
    out->mask = mask_of(out->width);
    if (out->width != 0) {
        if (*at == end) {
            return false;
        }
        out->shift = *(*at)++;
    }
    return out->shift + out->width <= 64 && dx_varint_read(at, end, &out->base) && out->base <= INT64_MAX;
}

/* False: damaged. */
static bool read_columns(dx_bytes bytes, dx_adjacency_pack *out) {
    if (bytes.size < COLUMNS_AT || bytes.size > DX_ADJACENCY_PACK_MAX || bytes.data[0] != FORM ||
        read_bytes(bytes.data + CHECK_AT, COUNT_AT - CHECK_AT) !=
            dx_adjacency_pack_sum(dx_bytes_of(bytes.data + COUNT_AT, bytes.size - COUNT_AT))) {
        return false;
    }
    const uint8_t *at = bytes.data + COLUMNS_AT, *end = bytes.data + bytes.size;
    out->count = (size_t)read_bytes(bytes.data + COUNT_AT, COLUMNS_AT - COUNT_AT);
    for (size_t i = 0; i < DX_ADJACENT_FIELDS; i++) {
        if (!read_column(&at, end, &out->columns[i])) {
            return false;
        }
    }
    size_t place = (size_t)(at - bytes.data);
    for (size_t i = 0; i < DX_ADJACENT_FIELDS; i++) {
        dx_adjacent_column *column = &out->columns[i];
        column->at = column->width == 0 ? 0 : (uint32_t)place;
        place += column_size(out->count, column->width);
    }
    memcpy(out->bytes, bytes.data, bytes.size);
    return out->count > 0 && out->count <= DX_ADJACENCY_COUNT_MAX && place == bytes.size;
}

int dx_adjacency_pack_check(const dx_adjacency_pack *pack) {
    dx_adjacent before = dx_adjacency_pack_entry(pack, 0);
    bool sound = true;
    for (size_t i = 0; i < pack->count && sound; i++) {
        dx_adjacent entry = dx_adjacency_pack_entry(pack, i);
        sound = (entry.object | entry.type | entry.other | entry.link | entry.value) >= 0 &&
                (i == 0 || dx_adjacent_compare(&before, &entry) < 0);
        before = entry;
    }
    return sound ? DX_OK : DX_E_CORRUPT;
}

/* --- Packs of before ----------------------------------------------------------------------------- */

/* A byte that says what is another than in the entry before, and a varint for each: what the object grew by, the differences of
 * type, other and link with their sign in bit 0, the value itself. */
enum { OBJECT = 1, TYPE = 2, OTHER = 4, LINK = 8, VALUE = 16, ALL = 31 };

static bool read_old_field(const uint8_t **at, const uint8_t *end, int64_t *field) {
    uint64_t folded;
    if (!dx_varint_read(at, end, &folded)) {
        return false;
    }
    uint64_t by = folded >> 1 ^ ((folded & 1) != 0 ? UINT64_MAX : 0);
    *field = (int64_t)((uint64_t)*field + by);
    return true;
}

static bool read_old_entry(const uint8_t **at, const uint8_t *end, dx_adjacent *entry) {
    uint8_t says = *(*at)++;
    uint64_t grown = 0, value = (uint64_t)entry->value;
    bool sound = says <= ALL && ((says & OBJECT) == 0 || dx_varint_read(at, end, &grown));
    entry->object = (int64_t)((uint64_t)entry->object + grown);
    sound = sound && ((says & TYPE) == 0 || read_old_field(at, end, &entry->type));
    sound = sound && ((says & OTHER) == 0 || read_old_field(at, end, &entry->other));
    sound = sound && ((says & LINK) == 0 || read_old_field(at, end, &entry->link));
    sound = sound && ((says & VALUE) == 0 || dx_varint_read(at, end, &value));
    entry->value = (int64_t)value;
    return sound;
}

static void put_whole(dx_adjacency_pack *out, const dx_adjacent *entry) {
    int64_t numbers[DX_ADJACENT_FIELDS];
    memcpy(numbers, entry, sizeof numbers);
    for (size_t i = 0; i < DX_ADJACENT_FIELDS; i++) {
        write_bytes((uint64_t)numbers[i], out->bytes + out->columns[i].at + 8 * out->count, 8);
    }
    out->count++;
}

/* Its entries as whole numbers. */
static bool read_old(const dx_adjacent *first, dx_bytes bytes, dx_adjacency_pack *out) {
    const uint8_t *at = bytes.data, *end = bytes.size == 0 ? at : at + bytes.size;
    dx_adjacent entry = *first;
    if (bytes.size > DX_ADJACENCY_OLD_MAX) {
        return false;
    }
    out->count = 0;
    for (size_t i = 0; i < DX_ADJACENT_FIELDS; i++) {
        out->columns[i] = (dx_adjacent_column){
            .mask = UINT64_MAX, .at = (uint32_t)(i * 8 * DX_ADJACENCY_OLD_COUNT_MAX), .width = WIDTH_WHOLE};
    }
    put_whole(out, &entry);
    while (at != end) {
        if (!read_old_entry(&at, end, &entry) || out->count == DX_ADJACENCY_OLD_COUNT_MAX) {
            return false;
        }
        put_whole(out, &entry);
    }
    return dx_adjacency_pack_check(out) == DX_OK;
}

int dx_adjacency_pack_read(const dx_adjacent *first, dx_bytes bytes, dx_adjacency_pack *out) {
    bool sound =
        bytes.size == 0 || bytes.data[0] < FORM ? read_old(first, bytes, out) : read_columns(bytes, out);
    if (sound) {
        dx_adjacent begins = dx_adjacency_pack_entry(out, 0);
        sound = dx_adjacent_compare(&begins, first) == 0 && begins.value == first->value;
    }
    return sound ? DX_OK : DX_E_CORRUPT;
}

/* --- Writing ------------------------------------------------------------------------------------- */

/* What the numbers of a field lie between, and the bits in which any of them is another than the first. */
typedef struct extent {
    uint64_t low, high, first, other;
} extent;

static unsigned width_of(const extent *it, unsigned *shift) {
    *shift = 0;
    if (it->other == 0) {
        return 0;
    }
    unsigned below = (unsigned)__builtin_ctzll(it->other);
    unsigned width = 64 - (unsigned)__builtin_clzll((it->high - it->low) >> below);
    *shift = width <= WIDTH_MAX ? below : 0;
    return width <= WIDTH_MAX ? width : WIDTH_WHOLE;
}

static void begin_extents(extent extents[DX_ADJACENT_FIELDS], const dx_adjacent *entry) {
    uint64_t numbers[DX_ADJACENT_FIELDS];
    memcpy(numbers, entry, sizeof numbers);
    for (size_t i = 0; i < DX_ADJACENT_FIELDS; i++) {
        extents[i] = (extent){numbers[i], numbers[i], numbers[i], 0};
    }
}

static void widen(extent extents[DX_ADJACENT_FIELDS], const dx_adjacent *entry) {
    uint64_t numbers[DX_ADJACENT_FIELDS];
    memcpy(numbers, entry, sizeof numbers);
    for (size_t i = 0; i < DX_ADJACENT_FIELDS; i++) {
        extent *it = &extents[i];
        it->low = numbers[i] < it->low ? numbers[i] : it->low;
        it->high = numbers[i] > it->high ? numbers[i] : it->high;
        it->other |= numbers[i] ^ it->first;
    }
}

static size_t columns_size(const extent extents[DX_ADJACENT_FIELDS], size_t count) {
    size_t size = 0;
    unsigned shift;
    for (size_t i = 0; i < DX_ADJACENT_FIELDS; i++) {
        size += column_size(count, width_of(&extents[i], &shift));
    }
    return size;
}

size_t dx_adjacency_pack_fit(const dx_adjacent *entries, size_t count, bool half) {
    size_t size_max = (size_t)DX_ADJACENCY_COLUMNS_MAX >> half;
    size_t most = (size_t)DX_ADJACENCY_COUNT_MAX >> half, fit = 1;
    extent extents[DX_ADJACENT_FIELDS];
    most = count < most ? count : most;
    if (count == 0) {
        return 0;
    }
    begin_extents(extents, &entries[0]);
    for (; fit < most; fit++) {
        widen(extents, &entries[fit]);
        if (columns_size(extents, fit + 1) > size_max) {
            break;
        }
    }
    return fit;
}

/* Numbers of one field; the room for them is zeros. */
static void write_column(const dx_adjacent *entries, size_t count, size_t field, const extent *of,
                         uint8_t *out) {
    unsigned shift, width = width_of(of, &shift);
    for (size_t i = 0; i < count; i++) {
        uint64_t numbers[DX_ADJACENT_FIELDS];
        size_t bit = i * width;
        memcpy(numbers, &entries[i], sizeof numbers);
        uint64_t number = (numbers[field] - of->low) >> shift;
        write_bytes(read_bytes(out + bit / 8, 8) | number << (bit & 7), out + bit / 8, 8);
    }
}

size_t dx_adjacency_pack_write(const dx_adjacent *entries, size_t count,
                               uint8_t out[static DX_ADJACENCY_PACK_MAX + DX_ADJACENCY_SLACK]) {
    extent extents[DX_ADJACENT_FIELDS];
    size_t size = COLUMNS_AT;
    DX_ASSERT(count > 0 && count <= DX_ADJACENCY_COUNT_MAX);
    if (count == 1) {
        return 0;
    }
    begin_extents(extents, &entries[0]);
    for (size_t i = 1; i < count; i++) {
        widen(extents, &entries[i]);
    }
    DX_ASSERT(columns_size(extents, count) <= DX_ADJACENCY_COLUMNS_MAX);
    memset(out, 0, DX_ADJACENCY_PACK_MAX + DX_ADJACENCY_SLACK);
    out[0] = FORM;
    write_bytes(count, out + COUNT_AT, COLUMNS_AT - COUNT_AT);
    for (size_t i = 0; i < DX_ADJACENT_FIELDS; i++) {
        unsigned shift, width = width_of(&extents[i], &shift);
        out[size++] = (uint8_t)width;
        if (width != 0) {
            out[size++] = (uint8_t)shift;
        }
        size += dx_varint_write(extents[i].low, out + size);
    }
    for (size_t i = 0; i < DX_ADJACENT_FIELDS; i++) {
        unsigned shift, width = width_of(&extents[i], &shift);
        if (width != 0) {
            write_column(entries, count, i, &extents[i], out + size);
        }
        size += column_size(count, width);
    }
    write_bytes(dx_adjacency_pack_sum(dx_bytes_of(out + COUNT_AT, size - COUNT_AT)), out + CHECK_AT,
                COUNT_AT - CHECK_AT);
    return size;
}
