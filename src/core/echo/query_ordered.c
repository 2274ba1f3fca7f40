/* echo/query_ordered.c: the first rows of an order, by the index on what decides it.
 *
 * Layer: floor 1, echo. Entries come in the order of their values; rows of one value are noted and put in order like any
 * (query_sort.c: further paths, whole forms where an entry is cut, ids), so the walk may end where a value does and the limit
 * is reached. What has nothing at the path is in no index and stands last either way: its type is gone through for it, only
 * when the entries gave too few. Where another index holds what the conditions ask for, entries are tried no longer than
 * that one would have taken, and then it is asked after all: an order may begin with thousands that do not match. */
#include <string.h>

#include "base/limits.h"
#include "echo/index_entry.h"
#include "echo/query_state.h"

enum {
    LIMIT_MAX = 4096,    /* beyond it all is put in order at once */
    COUNTED_MAX = 16384, /* entries of the other index, for comparing the two: half a millisecond */
    COUNTED_FREE = 64    /* so few are quicker read and put in order */
};

/* --- Choosing ------------------------------------------------------------------------------------ */

/* Living objects, or links, of the type. */
static int count_type(dx_query *query, int64_t *count) {
    int error = dx_types_save(query->context, query->space);
    sqlite3_stmt *row = dx_store_query(query->context->store, "SELECT live FROM type WHERE id = ?1");
    dx_bind_int(row, 1, query->type);
    *count = dx_step(query->context->store, row) ? dx_column_int(row, 0) : 0;
    dx_step_reset(row);
    return error != DX_OK ? error : dx_store_error(query->context->store);
}

/* Whether trying entries in their order promises less than reading what the other index holds, or all of the type: of n
 * entries of that one among N of the type, every N/n-th matches. *rows: how many may be tried. */
static int compare(dx_query *query, bool *better, int64_t *rows) {
    const dx_query_range *other = &query->range;
    const dx_query_filter *filter = &query->question.filter;
    int64_t all = 0;
    *rows = INT64_MAX;
    *better = other->index == 0;
    int error = count_type(query, &all);
    if (other->index == 0) {
        *rows = filter->begin < filter->end || filter->has_parent ? all / 4 + COUNTED_FREE : INT64_MAX;
    } else if (error == DX_OK && !other->is_set) {
        error = dx_entry_count(
            query->context, other->index, dx_bytes_of(query->bounds.data + other->low, other->low_size),
            dx_bytes_of(query->bounds.data + other->high, other->high_size), COUNTED_MAX, rows);
        *better = *rows > COUNTED_FREE && all / *rows < *rows / query->question.limit;
    }
    return error;
}

static size_t keep(dx_query *query, dx_bytes form) {
    size_t at = query->bounds.size;
    dx_buf_append(&query->bounds, form.data, form.size);
    return at;
}

/* The form of the first path in a cursor, as an index has it. False: there was nothing at the path. */
static bool read_first_part(dx_bytes record, bool descending, dx_buf *form) {
    const uint8_t turned = descending ? 0xff : 0;
    size_t i = 1;
    dx_buf_clear(form);
    if (record.size == 0 || record.data[0] != 1) {
        return false;
    }
    while (i + 1 < record.size && form->size < DX_ORDER_INDEXED_MAX) {
        uint8_t byte = record.data[i] ^ turned;
        if (byte == 0 && (record.data[i + 1] ^ turned) == 0) {
            break;
        }
        dx_buf_append_byte(form, byte);
        i += byte == 0 ? 2 : 1;
    }
    return true;
}

/* Where entries begin: at the end of the range, or where the last page ended. */
static int begin(dx_query *query) {
    static const uint8_t zero = 0;
    const dx_query_range *range = &query->range;
    bool descending = query->ordered.descending;
    dx_bytes edge = descending ? dx_bytes_of(query->bounds.data + range->high, range->high_size)
                               : dx_bytes_of(query->bounds.data + range->low, range->low_size);
    dx_buf_clear(&query->edge);
    dx_buf_append(&query->edge, edge.data, edge.size);
    query->place = (dx_query_place){0};
    if (query->behind.size == 0) {
        return dx_buf_error(&query->edge);
    }
    if (!read_first_part(dx_buf_view(&query->behind), descending, &query->form)) {
        query->ordered.ended = true;
        return DX_OK;
    }
    if (descending) {
        dx_buf_append(&query->form, &zero, 1); /* behind all entries of this value */
    }
    int order = dx_bytes_compare(dx_buf_view(&query->form), dx_buf_view(&query->edge));
    if (descending ? order < 0 : order > 0) {
        dx_buf_clear(&query->edge);
        dx_buf_append(&query->edge, query->form.data, query->form.size);
    }
    return dx_buf_error(&query->form) != DX_OK ? dx_buf_error(&query->form) : dx_buf_error(&query->edge);
}

int dx_query_choose_order(dx_query *query) {
    static const uint8_t first = 0, last = 0xff; /* before and behind all classes of values */
    const dx_question *question = &query->question;
    const dx_query_filter *filter = &question->filter;
    bool fits = query->type != 0 && question->order_count > 0 && question->limit > 0 &&
                question->limit <= LIMIT_MAX && question->text.size == 0 && !question->counts &&
                dx_query_is_plain(query) && filter->deleted == DX_QUERY_HIDE && !filter->has_id &&
                !filter->has_source && !filter->has_target && !(filter->has_parent && filter->parent != 0);
    /* entries of one value are in no order but that of what is left */
    if (!fits || (query->range.is_value && dx_bytes_equal(query->range.path, question->orders[0].path))) {
        return DX_OK;
    }
    int error = dx_indexes_load(query->context, query->space);
    const dx_index *index =
        error == DX_OK ? dx_index_find(query->space, query->type, question->orders[0].path) : NULL;
    if (index == NULL) {
        return error;
    }
    query->ordered.descending = question->orders[0].descending;
    if (query->range.index == index->id) {
        query->ordered.on = query->ordered.holds_all = !query->range.is_set;
        query->ordered.rows_left = INT64_MAX;
        return query->ordered.on ? begin(query) : DX_OK;
    }
    error = compare(query, &query->ordered.on, &query->ordered.rows_left);
    if (error != DX_OK || !query->ordered.on) {
        return error;
    }
    query->ordered.instead = query->range;
    query->range = (dx_query_range){.index = index->id,
                                    .automatic = index->automatic,
                                    .path = question->orders[0].path,
                                    .low = keep(query, dx_bytes_of(&first, 1)),
                                    .low_size = 1,
                                    .high = keep(query, dx_bytes_of(&last, 1)),
                                    .high_size = 1};
    return dx_buf_error(&query->bounds) != DX_OK ? dx_buf_error(&query->bounds) : begin(query);
}

/* --- Walking ------------------------------------------------------------------------------------- */

/* The other index is asked after all. */
static void turn_back(dx_query *query) {
    query->ordered.on = false;
    query->range = query->ordered.instead;
    query->place = (dx_query_place){0};
    dx_buf_clear(&query->records.bytes);
    dx_buf_clear(&query->records.places);
    dx_buf_clear(&query->edge);
}

static int take(dx_query *query, int64_t key) {
    dx_entity entity;
    bool matches;
    int error = dx_entity_read(query->context, query->space, key, &entity);
    query->rows_read++;
    query->ordered.rows_left--;
    if (error == DX_OK) {
        error = dx_query_matches(query, &entity, &matches);
    }
    if (error != DX_OK || !matches) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return dx_query_note(query, &entity);
}

/* What matches and has nothing at the path. */
static int take_missing(dx_query *query, const dx_entity *entity) {
    dx_bytes item;
    int error = dx_query_look(query, entity, query->question.orders[0].path, &item);
    return error == DX_OK && item.size == 0 ? dx_query_note(query, entity) : error;
}

static bool has_enough(const dx_query *query) {
    return query->records.places.size / sizeof(uint32_t) >= (uint64_t)query->question.limit;
}

/* Entries up to the budget. *ended: there are no more, or enough is noted. */
static int walk_entries(dx_query *query, bool *ended) {
    const dx_query_range *range = &query->range;
    size_t budget = query->budget;
    bool descending = query->ordered.descending;
    dx_entry_walk walk;
    dx_buf edge; /* the walk borrows it */
    dx_buf_init(&edge, query->context->alloc, query->edge.max);
    dx_buf_append(&edge, query->edge.data, query->edge.size);
    int error = dx_buf_error(&edge);
    dx_entry_walk_begin(
        &walk, query->context,
        &(dx_entry_span){.index = range->index,
                         .descending = descending,
                         .edge = dx_buf_view(&edge),
                         .key = query->place.key,
                         .bound = descending
                                      ? dx_bytes_of(query->bounds.data + range->low, range->low_size)
                                      : dx_bytes_of(query->bounds.data + range->high, range->high_size)});
    *ended = false;
    while (error == DX_OK && !*ended && query->budget > 0 && query->ordered.rows_left > 0) {
        if (!dx_entry_walk_next(&walk)) {
            *ended = true;
            break;
        }
        dx_bytes value = dx_entry_walk_value(&walk);
        query->place.key = walk.key;
        query->budget--;
        if (!dx_bytes_equal(value, dx_buf_view(&query->edge))) {
            *ended = has_enough(query);
            dx_buf_clear(&query->edge);
            dx_buf_append(&query->edge, value.data, value.size);
            error = dx_buf_error(&query->edge);
        }
        error = error == DX_OK && !*ended ? take(query, query->place.key) : error;
    }
    int failed = dx_entry_walk_end(&walk);
    dx_buf_deinit(&edge);
    query->examined += (int64_t)(budget - query->budget);
    query->budget -= query->budget == budget;
    return error != DX_OK ? error : failed;
}

int dx_query_walk_ordered(dx_query *query, bool *done) {
    bool ended = false;
    *done = false;
    if (query->ordered.ended) { /* then those that no index has */
        if (query->ordered.holds_all || has_enough(query)) {
            *done = true;
            return DX_OK;
        }
        return dx_query_walk_filter(query, take_missing, done);
    }
    int error = walk_entries(query, &ended);
    if (error == DX_OK && ended) {
        query->ordered.ended = true;
        query->place = (dx_query_place){0};
    } else if (error == DX_OK && query->ordered.rows_left <= 0) {
        turn_back(query);
    }
    return error;
}
