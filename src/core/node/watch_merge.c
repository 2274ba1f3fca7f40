/* node/watch_merge.c: ordered watches of several spaces. See watch_merge.h.
 *
 * Layer: floor 1, node. */
#include "node/watch_merge.h"

#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "node/query_rows.h"

#define NOWHERE SIZE_MAX

/* A row that some space's window shows. */
typedef struct shown {
    int64_t space, key;
    uint8_t space_id[DX_HASH_SIZE], id[DX_ID_SIZE]; /* to be told when the space is no more */
    size_t size;
    uint8_t place[]; /* what decides the order */
} shown;

struct dx_watch_merge {
    dx_node *node;
    dx_request *request;
    size_t limit;
    shown **rows; /* in their order */
    size_t count, capacity, told;
    size_t size; /* of all places */
};

int dx_watch_merge_create(dx_node *node, dx_request *request, size_t limit, dx_watch_merge **out) {
    dx_watch_merge *merge = *out = dx_alloc_take_zeroed(&node->config.alloc, sizeof *merge);
    if (merge == NULL) {
        return DX_E_NO_MEMORY;
    }
    merge->node = node;
    merge->request = request;
    merge->limit = limit;
    return DX_OK;
}

static void free_row(dx_watch_merge *merge, shown *row) {
    merge->size -= row->size;
    dx_alloc_free(&merge->node->config.alloc, row, sizeof *row + row->size);
}

void dx_watch_merge_destroy(dx_watch_merge *merge) {
    if (merge == NULL) {
        return;
    }
    const dx_alloc *alloc = &merge->node->config.alloc;
    while (merge->count > 0) {
        free_row(merge, merge->rows[--merge->count]);
    }
    dx_alloc_free(alloc, merge->rows, merge->capacity * sizeof *merge->rows);
    dx_alloc_free(alloc, merge, sizeof *merge);
}

/* --- Telling -------------------------------------------------------------------------------------------- */

static int write_row(dx_watch_merge *merge, dx_bytes row, const uint8_t *space_id, const char *change,
                     size_t from, size_t to) {
    char name[2 * DX_HASH_SIZE + 1];
    dx_hex_encode(dx_bytes_of(space_id, DX_HASH_SIZE), name);
    dx_writer out = dx_request_row(merge->node, merge->request);
    dx_node_write_row_at(row, name, change, from, to, &out);
    return dx_request_row_end(merge->node, merge->request, &out);
}

/* One that comes because another went is read: its window told it before. DX_E_NOT_FOUND: it went with its space. */
static int tell_read(dx_watch_merge *merge, const shown *row, size_t to) {
    dx_space *space = dx_node_space(merge->node, row->space);
    dx_entity entity;
    dx_buf bytes;
    int error =
        space == NULL ? DX_E_NOT_FOUND : dx_entity_read(&merge->node->context, space, row->key, &entity);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_init(&bytes, &merge->node->config.alloc, DX_ROW_SIZE_MAX);
    error = dx_entity_write_row(&merge->node->context, space, &entity, &bytes);
    error =
        error == DX_OK ? write_row(merge, dx_buf_view(&bytes), row->space_id, "added", NOWHERE, to) : error;
    dx_buf_deinit(&bytes);
    return error;
}

/* {"id"} is all that is said of it. */
static int tell_removed(dx_watch_merge *merge, const shown *row, size_t from) {
    static const uint8_t head[] = {0xa1, 0x62, 'i', 'd'};
    char text[DX_ID_TEXT_MAX];
    dx_buf map;
    dx_writer writer;
    dx_id_print(row->id, text);
    dx_buf_init(&map, &merge->node->config.alloc, sizeof head + 2 + sizeof text);
    dx_buf_append(&map, head, sizeof head);
    dx_writer_init(&writer, &map);
    dx_write_text(&writer, text);
    int error = dx_writer_finish(&writer);
    error =
        error == DX_OK ? write_row(merge, dx_buf_view(&map), row->space_id, "removed", from, NOWHERE) : error;
    dx_buf_deinit(&map);
    return error;
}

/* --- What is kept --------------------------------------------------------------------------------------- */

/* The first that is not before the place. */
static size_t rank_of(const dx_watch_merge *merge, dx_bytes place) {
    size_t low = 0, high = merge->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const shown *row = merge->rows[middle];
        if (dx_bytes_compare(dx_bytes_of(row->place, row->size), place) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static size_t find(const dx_watch_merge *merge, int64_t space, int64_t key) {
    for (size_t i = 0; i < merge->count; i++) {
        if (merge->rows[i]->key == key && merge->rows[i]->space == space) {
            return i;
        }
    }
    return NOWHERE;
}

static int grow(dx_watch_merge *merge) {
    size_t capacity = merge->capacity == 0 ? 64 : 2 * merge->capacity;
    shown **rows = dx_alloc_grow(&merge->node->config.alloc, merge->rows, merge->capacity * sizeof *rows,
                                 capacity * sizeof *rows);
    if (rows == NULL) {
        return DX_E_NO_MEMORY;
    }
    merge->rows = rows;
    merge->capacity = capacity;
    return DX_OK;
}

/* Where it stands then, by *rank. */
static int put_in(dx_watch_merge *merge, dx_space *space, int64_t key, dx_bytes place, size_t *rank) {
    if (merge->count == DX_WATCH_MERGED_MAX || merge->size + place.size > DX_WATCH_MERGED_SIZE_MAX) {
        return DX_E_LIMIT;
    }
    int error = merge->count == merge->capacity ? grow(merge) : DX_OK;
    if (error != DX_OK) {
        return error;
    }
    shown *row = dx_alloc_take_zeroed(&merge->node->config.alloc, sizeof *row + place.size);
    if (row == NULL) {
        return DX_E_NO_MEMORY;
    }
    row->space = space->local;
    row->key = key;
    row->size = place.size;
    merge->size += place.size;
    memcpy(row->space_id, space->id, sizeof row->space_id);
    memcpy(row->place, place.data, place.size);
    *rank = rank_of(merge, place);
    memmove(merge->rows + *rank + 1, merge->rows + *rank, (merge->count - *rank) * sizeof(shown *));
    merge->rows[*rank] = row;
    merge->count++;
    return DX_OK;
}

static shown *take_out(dx_watch_merge *merge, size_t rank) {
    shown *row = merge->rows[rank];
    memmove(merge->rows + rank, merge->rows + rank + 1, (merge->count - rank - 1) * sizeof(shown *));
    merge->count--;
    return row;
}

/* --- What a window tells -------------------------------------------------------------------------------- */

/* Puts in, at its place, what the window has at a rank of its own; told behind what was told, or among it. from: where the
 * watcher holds it, NOWHERE: not at all. */
static int take_shown(dx_watch_merge *merge, dx_space *space, const dx_subscription *window, size_t at,
                      size_t from, dx_bytes row) {
    dx_bytes place;
    int64_t key;
    size_t to = NOWHERE;
    uint8_t id[DX_ID_SIZE];
    dx_subscription_place_at(window, at, &key, &place);
    int error = dx_key_to_id(space, key, id);
    error = error == DX_OK ? put_in(merge, space, key, place, &to) : error;
    if (error != DX_OK) {
        return error;
    }
    memcpy(merge->rows[to]->id, id, sizeof id);
    if (to < merge->told || (to == merge->told && merge->told < merge->limit)) {
        merge->told++;
        return write_row(merge, row, space->id, from == NOWHERE ? "added" : "changed", from, to);
    }
    return from == NOWHERE ? DX_OK : tell_removed(merge, merge->rows[to], from);
}

/* Takes out what is known by its key; *from: where the watcher held it, NOWHERE: nowhere. */
static shown *take_known(dx_watch_merge *merge, int64_t space, int64_t key, size_t *from) {
    size_t rank = find(merge, space, key);
    *from = rank != NOWHERE && rank < merge->told ? rank : NOWHERE;
    merge->told -= *from != NOWHERE;
    return rank == NOWHERE ? NULL : take_out(merge, rank);
}

static int take_gone(dx_watch_merge *merge, dx_space *space, dx_bytes row) {
    int64_t key;
    size_t from;
    int error = dx_id_parse(&merge->node->context, space, dx_item_text(dx_item_get(row, "id")), &key);
    if (error != DX_OK) {
        return error;
    }
    shown *gone = take_known(merge, space->local, key, &from);
    if (gone == NULL) {
        return DX_OK;
    }
    error = from == NOWHERE ? DX_OK : tell_removed(merge, gone, from);
    free_row(merge, gone);
    return error;
}

int dx_watch_merge_take(dx_watch_merge *merge, dx_space *space, const dx_subscription *window, dx_bytes row) {
    dx_bytes change = dx_item_text(dx_item_get(row, "change"));
    if (dx_bytes_equal(change, dx_bytes_text("refresh"))) {
        return dx_watch_merge_drop(merge, space->local);
    }
    if (dx_bytes_equal(change, dx_bytes_text("removed"))) {
        return take_gone(merge, space, row);
    }
    if (dx_bytes_equal(change, dx_bytes_text("listed"))) {
        return DX_OK;
    }
    size_t at = (size_t)dx_item_int(dx_item_get(row, "to"), 0), from = NOWHERE;
    int64_t key;
    dx_bytes place;
    dx_subscription_place_at(window, at, &key, &place);
    shown *before = take_known(merge, space->local, key, &from);
    if (before != NULL) {
        free_row(merge, before);
    }
    return take_shown(merge, space, window, at, from, row);
}

int dx_watch_merge_drop(dx_watch_merge *merge, int64_t space) {
    int error = DX_OK;
    for (size_t i = merge->count; i-- > 0 && error == DX_OK;) {
        if (merge->rows[i]->space != space) {
            continue;
        }
        bool was_told = i < merge->told;
        merge->told -= was_told;
        shown *row = take_out(merge, i);
        error = was_told ? tell_removed(merge, row, i) : DX_OK;
        free_row(merge, row);
    }
    return error;
}

int dx_watch_merge_settle(dx_watch_merge *merge, size_t budget) {
    int error = DX_OK;
    while (merge->told > merge->limit && error == DX_OK) {
        merge->told--;
        error = tell_removed(merge, merge->rows[merge->told], merge->told);
    }
    while (dx_watch_merge_has_more(merge) && budget > 0 && error == DX_OK) {
        error = tell_read(merge, merge->rows[merge->told], merge->told);
        if (error == DX_E_NOT_FOUND) { /* its space went, and with it whoever would say so */
            free_row(merge, take_out(merge, merge->told));
            error = DX_OK;
            continue;
        }
        merge->told++;
        budget--;
    }
    return error;
}

bool dx_watch_merge_has_more(const dx_watch_merge *merge) {
    return merge->told < merge->limit && merge->told < merge->count;
}
