/* echo/index_entry.c: packs of keys, changed and walked. See index_entry.h.
 *
 * Layer: floor 1, echo. */
#include "echo/index_entry.h"

#include <string.h>

#include "echo/varint.h"

enum {
    VARINT_SIZE_MAX = 9,                                /* keys are positive: 63 bits */
    REST_ROOM = DX_ENTRY_REST_MAX + 2 * VARINT_SIZE_MAX /* of a pack and one key more */
};

/* Room for one more than fits, for the moment before it is cut. */
typedef struct pack {
    int64_t keys[DX_ENTRY_KEYS_MAX + 1];
    size_t count;
    uint8_t rest[REST_ROOM];
} pack;

/* --- Packs --------------------------------------------------------------------------------------- */

int dx_entry_read_keys(int64_t first, dx_bytes rest, int64_t keys[static DX_ENTRY_KEYS_MAX], size_t *count) {
    uint64_t last = (uint64_t)first;
    keys[0] = first;
    *count = 1;
    if (first <= 0 || rest.size > DX_ENTRY_REST_MAX) {
        return DX_E_CORRUPT;
    }
    const uint8_t *at = rest.data, *end = rest.size == 0 ? at : at + rest.size;
    while (at < end) {
        uint64_t step;
        if (!dx_varint_read(&at, end, &step) || step == 0 || step > (uint64_t)INT64_MAX - last) {
            return DX_E_CORRUPT;
        }
        last += step;
        keys[(*count)++] = (int64_t)last;
    }
    return DX_OK;
}

/* The pack whose keys begin at this one or before; count 0: there is none. */
static int read_pack(dx_context *context, int64_t index, dx_bytes form, int64_t key, pack *out) {
    sqlite3_stmt *row =
        dx_store_query(context->store, "SELECT key, rest FROM property WHERE ix = ?1 AND value = ?2 AND "
                                       "key <= ?3 ORDER BY key DESC LIMIT 1");
    int error = DX_OK;
    out->count = 0;
    dx_bind_int(row, 1, index);
    dx_bind_bytes(row, 2, form);
    dx_bind_int(row, 3, key);
    if (dx_step(context->store, row)) {
        error = dx_entry_read_keys(dx_column_int(row, 0), dx_column_bytes(row, 1), out->keys, &out->count);
    }
    dx_step_reset(row);
    return error == DX_OK ? dx_store_error(context->store) : error;
}

/* Where a key stands, or would. */
static size_t find_key(const pack *in, int64_t key) {
    size_t low = 0, high = in->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (in->keys[middle] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What stands behind the first of some keys, which are at most one more than a pack has. */
static size_t write_rest(const int64_t *keys, size_t count, uint8_t out[static REST_ROOM]) {
    size_t size = 0;
    for (size_t i = 1; i < count; i++) {
        size += dx_varint_write((uint64_t)(keys[i] - keys[i - 1]), out + size);
    }
    return size;
}

static int write_pack(dx_context *context, int64_t index, dx_bytes form, bool is_new, int64_t first,
                      dx_bytes rest) {
    sqlite3_stmt *write = dx_store_query(
        context->store, is_new ? "INSERT INTO property(ix, value, key, rest) VALUES(?1, ?2, ?3, ?4)"
                               : "UPDATE property SET rest = ?4 WHERE ix = ?1 AND value = ?2 AND key = ?3");
    dx_bind_int(write, 1, index);
    dx_bind_bytes(write, 2, form);
    dx_bind_int(write, 3, first);
    dx_bind_bytes(write, 4, rest);
    return dx_step_done(context->store, write);
}

static int write_keys(dx_context *context, int64_t index, dx_bytes form, bool is_new, const int64_t *keys,
                      size_t count) {
    uint8_t rest[REST_ROOM];
    size_t size = write_rest(keys, count, rest);
    DX_ASSERT(size <= DX_ENTRY_REST_MAX);
    return write_pack(context, index, form, is_new, keys[0], dx_bytes_of(rest, size));
}

static int remove_pack(dx_context *context, int64_t index, dx_bytes form, int64_t key) {
    sqlite3_stmt *remove =
        dx_store_query(context->store, "DELETE FROM property WHERE ix = ?1 AND value = ?2 AND key = ?3");
    dx_bind_int(remove, 1, index);
    dx_bind_bytes(remove, 2, form);
    dx_bind_int(remove, 3, key);
    return dx_step_done(context->store, remove);
}

/* --- Changing ------------------------------------------------------------------------------------ */

int dx_entry_add(dx_context *context, int64_t index, dx_bytes form, int64_t key) {
    pack in;
    int error = read_pack(context, index, form, key, &in);
    size_t at = find_key(&in, key), count = in.count;
    if (error != DX_OK || (at < count && in.keys[at] == key)) {
        return error;
    }
    memmove(in.keys + at + 1, in.keys + at, (count - at) * sizeof *in.keys);
    in.keys[at] = key;
    size_t size = write_rest(in.keys, count + 1, in.rest);
    if (size <= DX_ENTRY_REST_MAX) {
        return write_pack(context, index, form, count == 0, in.keys[0], dx_bytes_of(in.rest, size));
    }
    if (at == count) { /* keys mostly come ascending: the full one is left alone */
        return write_keys(context, index, form, true, &key, 1);
    }
    size_t half = (count + 1) / 2;
    error = write_keys(context, index, form, false, in.keys, half);
    return error == DX_OK ? write_keys(context, index, form, true, in.keys + half, count + 1 - half) : error;
}

int dx_entry_remove(dx_context *context, int64_t index, dx_bytes form, int64_t key) {
    pack in;
    int error = read_pack(context, index, form, key, &in);
    size_t at = find_key(&in, key);
    if (error != DX_OK || at == in.count || in.keys[at] != key) {
        return error;
    }
    in.count--;
    memmove(in.keys + at, in.keys + at + 1, (in.count - at) * sizeof *in.keys);
    if (at == 0) {
        error = remove_pack(context, index, form, key);
    }
    return error == DX_OK && in.count > 0 ? write_keys(context, index, form, at == 0, in.keys, in.count)
                                          : error;
}

int dx_entry_count(dx_context *context, int64_t index, dx_bytes low, dx_bytes high, int64_t most,
                   int64_t *count) {
    sqlite3_stmt *rows = dx_store_query(
        context->store, "SELECT rest FROM property WHERE ix = ?1 AND value >= ?2 AND value < ?3");
    dx_bind_int(rows, 1, index);
    dx_bind_bytes(rows, 2, low);
    dx_bind_bytes(rows, 3, high);
    *count = 0;
    while (*count < most && dx_step(context->store, rows)) {
        dx_bytes rest = dx_column_bytes(rows, 0);
        (*count)++;
        for (size_t i = 0; i < rest.size; i++) {
            *count += rest.data[i] < 0x80;
        }
    }
    dx_step_reset(rows);
    *count = *count < most ? *count : most;
    return dx_store_error(context->store);
}

/* --- Walking ------------------------------------------------------------------------------------- */

void dx_entry_walk_begin(dx_entry_walk *walk, dx_context *context, const dx_entry_span *span) {
    static const char *const upwards =
        "SELECT value, key, rest FROM property WHERE ix = ?1 AND (value, key) >= (?2, coalesce((SELECT "
        "max(key) FROM property WHERE ix = ?1 AND value = ?2 AND key <= ?3), 0)) AND value < ?4 "
        "ORDER BY value, key";
    static const char *const downwards =
        "SELECT value, key, rest FROM property WHERE ix = ?1 AND (value, key) <= (?2, ?3) AND value >= ?4 "
        "ORDER BY value DESC, key DESC";
    walk->store = context->store;
    walk->span = *span;
    walk->begun = false;
    walk->at = walk->count = 0;
    walk->error = DX_OK;
    walk->rows = dx_store_query(context->store, span->descending ? downwards : upwards);
    dx_bind_int(walk->rows, 1, span->index);
    dx_bind_bytes(walk->rows, 2, span->edge);
    dx_bind_int(walk->rows, 3, span->key);
    dx_bind_bytes(walk->rows, 4, span->bound);
}

/* Of the first pack, what stands behind the edge's key is told, or what stands before it. */
static void leave_out(dx_entry_walk *walk) {
    const dx_entry_span *span = &walk->span;
    walk->begun = true;
    if (span->key == 0 || !dx_bytes_equal(dx_entry_walk_value(walk), span->edge)) {
        return;
    }
    while (walk->at < walk->count && !span->descending && walk->keys[walk->at] <= span->key) {
        walk->at++;
    }
    while (walk->count > 0 && span->descending && walk->keys[walk->count - 1] >= span->key) {
        walk->count--;
    }
}

dx_bytes dx_entry_walk_value(const dx_entry_walk *walk) {
    return dx_column_bytes(walk->rows, 0);
}

bool dx_entry_walk_next(dx_entry_walk *walk) {
    while (walk->at == walk->count) {
        if (walk->error != DX_OK || !dx_step(walk->store, walk->rows)) {
            return false;
        }
        walk->at = 0;
        walk->error = dx_entry_read_keys(dx_column_int(walk->rows, 1), dx_column_bytes(walk->rows, 2),
                                         walk->keys, &walk->count);
        if (walk->error != DX_OK) {
            walk->count = 0;
        } else if (!walk->begun) {
            leave_out(walk);
        }
    }
    walk->key = walk->span.descending ? walk->keys[--walk->count] : walk->keys[walk->at++];
    return true;
}

int dx_entry_walk_end(dx_entry_walk *walk) {
    dx_step_reset(walk->rows);
    int error = dx_store_error(walk->store);
    return walk->error != DX_OK ? walk->error : error;
}
