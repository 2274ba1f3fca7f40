/* model/object_amend.c: a saved state, read once and copied around what changes. See model/object_amend.h.
 *
 * Layer: floor 1, model. Counts and indices of stamps are at most 23 here, so that each is one byte of CBOR. */
#include "model/object_amend.h"

#include "model/object_register.h"

#include <string.h>

enum {
    SMALL_MAX = 23, /* CBOR's largest number in one byte */
    SAVED_SIZE_MAX = 4096,
    ITEM_UINT = 0x00,
    ITEM_BYTES = 0x40,
    ITEM_ARRAY = 0x80,
    ITEM_MAP = 0xa0,
    STAMP_SIZE_MAX = 1 + 9 + 1 + DX_FEED_PREFIX_SIZE
};

typedef struct saved_register {
    dx_bytes path, payload;
    uint64_t stamp;
} saved_register;

typedef struct saved_state {
    dx_bytes stamps[SMALL_MAX]; /* as they are encoded; the one with index i is at i - 1 */
    size_t stamp_count;
    saved_register registers[SMALL_MAX];
    size_t count;
} saved_state;

/* --- Reading ------------------------------------------------------------------------------------ */

/* One path of one part, and a value for it that is no map; nothing deleted, nothing edited. */
static bool read_operation(dx_bytes operation, saved_register *out) {
    dx_reader reader;
    dx_reader_init(&reader, operation);
    bool fits = operation.size <= SAVED_SIZE_MAX && dx_read_array(&reader) == 2 && dx_read_map(&reader) == 1;
    if (!fits) {
        return false;
    }
    out->path = dx_read_text(&reader);
    out->payload = dx_read_item(&reader);
    return dx_read_array(&reader) == 0 && dx_reader_finish(&reader) == DX_OK &&
           dx_object_path_check(out->path) == 1 && dx_item_kind(out->payload) != DX_KIND_MAP &&
           dx_register_check_payload(out->payload, 1);
}

/* Ascending, none the creation's, all before the new one. */
static bool read_stamps(dx_reader *reader, const dx_stamp *created, const dx_stamp *new, saved_state *out) {
    dx_stamp last = {.counter = 0};
    out->stamp_count = dx_read_array(reader);
    if (out->stamp_count >= SMALL_MAX) {
        return false;
    }
    for (size_t i = 0; i < out->stamp_count; i++) {
        dx_stamp stamp;
        const uint8_t *begin = reader->at;
        size_t fields = dx_read_array(reader);
        stamp.counter = dx_read_uint(reader);
        dx_read_bytes_exact(reader, stamp.feed, sizeof stamp.feed);
        if (reader->error != DX_OK || fields != 2 || dx_stamp_compare(&stamp, created) == 0 ||
            (i > 0 && dx_stamp_compare(&last, &stamp) >= 0)) {
            return false;
        }
        out->stamps[i] = dx_bytes_of(begin, (size_t)(reader->at - begin));
        last = stamp;
    }
    return dx_stamp_compare(created, new) < 0 && (out->stamp_count == 0 || dx_stamp_compare(&last, new) < 0);
}

static bool read_register(dx_reader *reader, const saved_state *state, saved_register *out) {
    out->path = dx_read_text(reader);
    size_t fields = dx_read_array(reader);
    out->stamp = dx_read_uint_max(reader, state->stamp_count);
    out->payload = fields == 2 ? dx_read_item(reader) : dx_bytes_of(NULL, 0);
    return reader->error == DX_OK && (fields == 1 || fields == 2) && dx_object_path_check(out->path) == 1 &&
           (fields == 1 || dx_register_check_payload(out->payload, 1));
}

static void count_uses(const saved_state *state, size_t uses[static SMALL_MAX + 1]) {
    for (size_t i = 0; i < state->count; i++) {
        uses[state->registers[i].stamp]++;
    }
}

static bool all_used(const saved_state *state) {
    size_t uses[SMALL_MAX + 1] = {0}, i = 1;
    count_uses(state, uses);
    while (i <= state->stamp_count && uses[i] != 0) {
        i++;
    }
    return i > state->stamp_count;
}

static bool read_saved(dx_bytes saved, const dx_stamp *created, const dx_stamp *new, saved_state *out) {
    dx_reader reader;
    dx_reader_init(&reader, saved);
    if (saved.size > SAVED_SIZE_MAX || dx_read_array(&reader) != 2 ||
        !read_stamps(&reader, created, new, out)) {
        return false;
    }
    out->count = dx_read_map(&reader);
    if (out->count >= SMALL_MAX) {
        return false;
    }
    for (size_t i = 0; i < out->count; i++) {
        if (!read_register(&reader, out, &out->registers[i])) {
            return false;
        }
    }
    return dx_reader_finish(&reader) == DX_OK && all_used(out);
}

/* --- Changing ----------------------------------------------------------------------------------- */

/* Puts the register in its place, or in that of the one which it overtakes. */
static void put_register(saved_state *state, const saved_register *new) {
    size_t at = 0;
    int order = 1;
    while (at < state->count &&
           (order = dx_register_compare_paths(state->registers[at].path, new->path)) < 0) {
        at++;
    }
    if (at == state->count || order > 0) {
        memmove(&state->registers[at + 1], &state->registers[at],
                (state->count - at) * sizeof *state->registers);
        state->count++;
    }
    state->registers[at] = *new;
}

/* --- Writing ------------------------------------------------------------------------------------ */

static uint8_t *put_byte(uint8_t *out, unsigned kind, size_t value) {
    *out = (uint8_t)(kind | value);
    return out + 1;
}

static uint8_t *put_bytes(uint8_t *out, dx_bytes bytes) {
    memcpy(out, bytes.data, bytes.size);
    return out + bytes.size;
}

/* The stamps that are used; uses becomes the index of each when it is saved. */
static uint8_t *put_stamps(const saved_state *state, size_t uses[static SMALL_MAX + 1], uint8_t *out) {
    uint8_t *head = out++;
    size_t count = 0;
    for (size_t i = 1; i <= state->stamp_count; i++) {
        if (uses[i] != 0) {
            uses[i] = ++count;
            out = put_bytes(out, state->stamps[i - 1]);
        }
    }
    uses[0] = 0;
    (void)put_byte(head, ITEM_ARRAY, count);
    return out;
}

static uint8_t *put_registers(const saved_state *state, const size_t uses[static SMALL_MAX + 1],
                              uint8_t *out) {
    out = put_byte(out, ITEM_MAP, state->count);
    for (size_t i = 0; i < state->count; i++) {
        const saved_register *one = &state->registers[i];
        out += dx_register_put_key(one->path, out);
        out = put_byte(out, ITEM_ARRAY, one->payload.size == 0 ? 1 : 2);
        out = put_byte(out, ITEM_UINT, uses[one->stamp]);
        if (one->payload.size != 0) {
            out = put_bytes(out, one->payload);
        }
    }
    return out;
}

/* RFC 8949 §3: a number in as few bytes as hold it. */
static uint8_t *put_uint(uint8_t *out, uint64_t value) {
    unsigned size_class = value <= UINT8_MAX ? 0 : value <= UINT16_MAX ? 1 : value <= UINT32_MAX ? 2 : 3;
    if (value <= SMALL_MAX) {
        return put_byte(out, ITEM_UINT, (size_t)value);
    }
    *out++ = (uint8_t)(SMALL_MAX + 1 + size_class);
    for (unsigned shift = 8u << size_class; shift > 0; shift -= 8) {
        *out++ = (uint8_t)(value >> (shift - 8));
    }
    return out;
}

static dx_bytes write_stamp(const dx_stamp *stamp, uint8_t bytes[static STAMP_SIZE_MAX]) {
    uint8_t *at = put_byte(bytes, ITEM_ARRAY, 2);
    at = put_uint(at, stamp->counter);
    at = put_byte(at, ITEM_BYTES, sizeof stamp->feed);
    at = put_bytes(at, dx_bytes_of(stamp->feed, sizeof stamp->feed));
    return dx_bytes_of(bytes, (size_t)(at - bytes));
}

int dx_object_amend(const dx_stamp *created, dx_bytes saved, dx_bytes operation, const dx_stamp *stamp,
                    dx_buf *out) {
    saved_state state;
    saved_register new;
    uint8_t stamp_bytes[STAMP_SIZE_MAX];
    DX_ASSERT(out->size == 0);
    if (stamp->counter > INT64_MAX || !read_operation(operation, &new) ||
        !read_saved(saved, created, stamp, &state)) {
        return DX_E_UNSUPPORTED;
    }
    state.stamps[state.stamp_count++] = write_stamp(stamp, stamp_bytes);
    new.stamp = state.stamp_count;
    put_register(&state, &new);
    size_t uses[SMALL_MAX + 1] = {0};
    count_uses(&state, uses);
    uint8_t *begin = dx_buf_extend(out, saved.size + operation.size + STAMP_SIZE_MAX);
    if (begin == NULL) {
        return dx_buf_error(out);
    }
    uint8_t *end = put_byte(begin, ITEM_ARRAY, 2);
    end = put_registers(&state, uses, put_stamps(&state, uses, end));
    out->size = (size_t)(end - begin);
    return DX_OK;
}
