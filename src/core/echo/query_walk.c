/* echo/query_walk.c: the ways through the indexes: what a filter may match.
 *
 * Layer: floor 1, echo. Every statement is a range of one index in its own order, begun after the place where
 * the last one ended and at most as long as the budget; it is closed before the call returns.
 * INDEXED BY keeps SQLite to the way that is meant. */
#include <string.h>

#include "base/limits.h"
#include "echo/index_entry.h"
#include "echo/query_state.h"

/* --- One range ----------------------------------------------------------------------------------- */

typedef dx_query_walk walk;

int dx_query_type_is_hidden(walk *self, int64_t type_id, bool *hidden) {
    *hidden = type_id == self->hidden_type;
    if (*hidden || type_id == self->shown_type) {
        return DX_OK;
    }
    dx_type *type;
    int error = dx_type_read(self->query->context, self->query->space, type_id, &type);
    if (error == DX_OK) {
        *hidden = dx_type_is_hidden(dx_bytes_of(type->name, type->size));
        *(*hidden ? &self->hidden_type : &self->shown_type) = type_id;
    }
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

int dx_query_walk_rows(walk *self, sqlite3_stmt *rows, bool *done) {
    dx_query *query = self->query;
    dx_store *store = query->context->store;
    size_t budget = query->budget;
    int error = DX_OK, phase = (int)query->phase;
    *done = false;
    while (error == DX_OK && (int)query->phase == phase && query->budget > 0) {
        if (!dx_step(store, rows)) {
            error = dx_store_error(store);
            *done = error == DX_OK;
            break;
        }
        query->place.type = dx_column_int(rows, 0);
        query->place.end = dx_column_int(rows, 1);
        query->place.deleted = dx_column_int(rows, 2);
        query->place.key = dx_column_int(rows, 3);
        query->budget--;
        query->examined++;
        error = self->take(self, rows);
    }
    dx_step_reset(rows);
    query->budget -= query->budget == budget; /* to look and find nothing is work too */
    return error;
}

void dx_query_bind_limit(sqlite3_stmt *rows, int index, const dx_query *query) {
    dx_bind_int(rows, index, query->budget < INT32_MAX ? (int64_t)query->budget : INT32_MAX);
}

int dx_query_find_type(dx_query *query, dx_type_kind kind, dx_bytes name, int64_t *id) {
    dx_type *type;
    int error = dx_type_find(query->context, query->space, kind, name, &type);
    *id = error == DX_OK ? type->id : 0;
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

/* --- Filters ------------------------------------------------------------------------------------- */

/* An entity's row stands behind the place. */
static int take_entity(walk *self, sqlite3_stmt *row) {
    dx_query *query = self->query;
    dx_entity entity;
    bool matches;
    if (query->is_past) {
        return dx_query_take_past(self, query->place.key);
    }
    int error = dx_entity_of_row(query->context, query->space, row, 4, &entity);
    query->rows_read++;
    if (error == DX_OK) {
        error = dx_filter_matches(query, self->filter, &entity, &matches);
    }
    return error == DX_OK && matches ? self->found(query, &entity) : error;
}

#define SELECT_BY_KEY "SELECT entity.type, 0, 0, entity.key, " DX_ENTITY_COLUMNS " FROM entity "

static int walk_id(walk *self, bool *done) {
    sqlite3_stmt *rows =
        dx_store_query(self->query->context->store, SELECT_BY_KEY "WHERE key = ?1 AND key > ?2");
    dx_bind_int(rows, 1, self->filter->id);
    dx_bind_int(rows, 2, self->query->place.key);
    return dx_query_walk_rows(self, rows, done);
}

static int walk_parent(walk *self, bool *done) {
    sqlite3_stmt *rows =
        dx_store_query(self->query->context->store, SELECT_BY_KEY
                       "INDEXED BY entity_by_parent WHERE parent = ?1 AND key > ?2 ORDER BY key LIMIT ?3");
    dx_bind_int(rows, 1, self->filter->parent);
    dx_bind_int(rows, 2, self->query->place.key);
    dx_query_bind_limit(rows, 3, self->query);
    return dx_query_walk_rows(self, rows, done);
}

static int walk_type(walk *self, bool *done) {
    dx_query *query = self->query;
    sqlite3_stmt *rows =
        dx_store_query(query->context->store, SELECT_BY_KEY
                       "INDEXED BY entity_by_type WHERE type = ?1 AND key > ?2 ORDER BY key LIMIT ?3");
    dx_bind_int(rows, 1, query->place.type);
    dx_bind_int(rows, 2, query->place.key);
    dx_query_bind_limit(rows, 3, query);
    return dx_query_walk_rows(self, rows, done);
}

static dx_type_kind kind_of_types(const dx_query *query) {
    return query->place.kind == DX_ENTITY_LINK ? DX_TYPE_LINK : DX_TYPE_OBJECT;
}

/* Moves the place to the next type of its kind that the filter may see; *more false when there is none. */
static int next_type(dx_query *query, const dx_query_filter *filter, bool *more) {
    int64_t after = query->place.type, id = 0;
    int error;
    if (filter->has_type) {
        error = dx_query_find_type(query, kind_of_types(query), filter->type, &id);
        *more = id > after;
    } else {
        dx_store *store = query->context->store;
        sqlite3_stmt *rows = dx_store_query(
            store, "SELECT id, name FROM type WHERE space = ?1 AND kind = ?2 AND id > ?3 ORDER BY id");
        dx_bind_int(rows, 1, query->space->local);
        dx_bind_int(rows, 2, kind_of_types(query));
        dx_bind_int(rows, 3, after);
        *more = false;
        while (!*more && dx_step(store, rows)) {
            id = dx_column_int(rows, 0);
            *more = !dx_type_is_hidden(dx_column_bytes(rows, 1));
        }
        dx_step_reset(rows);
        error = dx_store_error(store);
    }
    query->place.type = id;
    query->place.key = 0;
    return error;
}

/* All of the type at the place at once, when only their number is asked for: the table of types keeps it. */
static int count_type(dx_query *query) {
    dx_store *store = query->context->store;
    int error = dx_types_save(query->context, query->space);
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *row = dx_store_query(store, "SELECT live FROM type WHERE id = ?1");
    dx_bind_int(row, 1, query->place.type);
    if (dx_step(store, row)) {
        int64_t left = query->question.limit - query->count, live = dx_column_int(row, 0);
        query->count += live < left ? live : left;
    }
    dx_step_reset(row);
    query->budget--;
    return dx_store_error(store);
}

static bool is_counted_by_type(const dx_query *query) {
    const dx_query_filter *filter = &query->question.filter;
    return query->question.counts && !query->is_past && dx_query_is_plain(query) &&
           filter->deleted == DX_QUERY_HIDE && !filter->has_parent && filter->begin == filter->end;
}

/* The type at the place, and then the next one. *more: there is something left of this kind. */
static int walk_type_on(walk *self, bool counted, bool *more) {
    dx_query *query = self->query;
    bool ended = counted;
    int error = DX_OK;
    *more = true;
    if (query->place.type == 0) { /* the kind is yet to begin */
        error = next_type(query, self->filter, more);
    }
    if (error == DX_OK && *more) {
        error = counted ? count_type(query) : walk_type(self, &ended);
    }
    return error == DX_OK && *more && ended ? next_type(query, self->filter, more) : error;
}

/* Type after type, objects before links. */
int dx_query_walk_types(walk *self, bool *done) {
    dx_query *query = self->query;
    const dx_query_filter *filter = self->filter;
    bool counted = is_counted_by_type(query);
    int error = DX_OK, phase = (int)query->phase;
    self->take = take_entity;
    while (error == DX_OK && query->budget > 0 && (int)query->phase == phase && !*done) {
        bool link = query->place.kind == DX_ENTITY_LINK, more = false;
        if (link ? filter->links : filter->objects) {
            error = walk_type_on(self, counted, &more);
        }
        if (error == DX_OK && !more) {
            *done = link;
            query->place = (dx_query_place){.kind = DX_ENTITY_LINK};
        }
    }
    return error;
}

int dx_query_walk_filter(dx_query *query, dx_query_found *found, bool *done) {
    const dx_query_filter *filter = &query->question.filter;
    walk self = {.query = query, .filter = filter, .take = take_entity, .found = found};
    *done = true;
    if (filter->has_id) {
        return walk_id(&self, done);
    }
    if (filter->has_source || filter->has_target) {
        int64_t type = 0;
        int error = filter->has_type ? dx_query_find_type(query, DX_TYPE_LINK, filter->type, &type) : DX_OK;
        return error != DX_OK || (filter->has_type && type == 0) ? error
                                                                 : dx_query_walk_ends(&self, type, done);
    }
    if (filter->has_parent && filter->parent != 0 && !query->is_past) {
        return walk_parent(&self, done);
    }
    *done = false;
    return dx_query_walk_types(&self, done);
}

/* --- Ranges of an index on properties -------------------------------------------------------------- */

/* Entries from (edge, the key at the place) on. Where it ends early, the value it came to is kept in query->edge. */
static int walk_entries(dx_query *query, dx_bytes edge, dx_bytes bound,
                        int (*found)(dx_query *query, int64_t key), bool *done) {
    size_t budget = query->budget;
    int error = DX_OK, phase = (int)query->phase;
    dx_entry_walk entries;
    dx_entry_walk_begin(
        &entries, query->context,
        &(dx_entry_span){.index = query->range.index, .edge = edge, .key = query->place.key, .bound = bound});
    *done = false;
    while (error == DX_OK && (int)query->phase == phase && query->budget > 0 && !*done) {
        *done = !dx_entry_walk_next(&entries);
        if (!*done) {
            query->place.key = entries.key;
            query->budget--;
            error = found(query, entries.key);
        }
    }
    dx_buf next; /* the walk borrows the edge */
    dx_buf_init(&next, query->context->alloc, query->edge.max);
    dx_bytes value = *done ? edge : dx_entry_walk_value(&entries);
    bool moved = !dx_bytes_equal(value, edge);
    if (moved) {
        dx_buf_append(&next, value.data, value.size);
        error = dx_buf_error(&next) != DX_OK ? dx_buf_error(&next) : error;
    }
    int failed = dx_entry_walk_end(&entries);
    *done = *done && failed == DX_OK;
    if (moved) {
        dx_buf_deinit(&query->edge);
        query->edge = next;
    }
    query->examined += (int64_t)(budget - query->budget);
    query->budget -= query->budget == budget;
    return error != DX_OK ? error : failed;
}

/* Entries of one value, in the order of keys. */
static int walk_value(dx_query *query, dx_bytes value, int (*found)(dx_query *query, int64_t key),
                      bool *done) {
    uint8_t behind[DX_ORDER_INDEXED_MAX + 1];
    memcpy(behind, value.data, value.size);
    behind[value.size] = 0;
    return walk_entries(query, value, dx_bytes_of(behind, value.size + 1), found, done);
}

/* Entries between two values, in the order of values. The value at the place is kept in query->edge. */
static int walk_between(dx_query *query, int (*found)(dx_query *query, int64_t key), bool *done) {
    const dx_query_range *range = &query->range;
    if (query->place.key == 0) {
        dx_buf_clear(&query->edge);
        dx_buf_append(&query->edge, query->bounds.data + range->low, range->low_size);
    }
    return walk_entries(query, dx_buf_view(&query->edge),
                        dx_bytes_of(query->bounds.data + range->high, range->high_size), found, done);
}

/* One value of an "in" after another. */
static int walk_set(dx_query *query, int (*found)(dx_query *query, int64_t key), bool *done) {
    const dx_question *question = &query->question;
    size_t end = dx_query_node_at(question, query->range.node)->end;
    int error = DX_OK;
    *done = false;
    while (error == DX_OK && query->budget > 0) {
        size_t node = query->range.node + 1 + query->member;
        bool ended;
        if (node >= end) {
            *done = true;
            return DX_OK;
        }
        dx_bytes value = dx_query_value(question, dx_query_node_at(question, node));
        value.size = value.size < DX_ORDER_INDEXED_MAX ? value.size : DX_ORDER_INDEXED_MAX;
        error = walk_value(query, value, found, &ended);
        if (ended) {
            query->member++;
            query->place.key = 0;
        }
    }
    return error;
}

int dx_query_walk_range(dx_query *query, int (*found)(dx_query *query, int64_t key), bool *done) {
    const dx_query_range *range = &query->range;
    if (range->is_set) {
        return walk_set(query, found, done);
    }
    dx_bytes low = dx_bytes_of(query->bounds.data + range->low, range->low_size);
    dx_bytes high = dx_bytes_of(query->bounds.data + range->high, range->high_size);
    if (dx_bytes_compare(low, high) >= 0) {
        *done = true;
        query->budget--;
        return DX_OK;
    }
    return range->is_value ? walk_value(query, low, found, done) : walk_between(query, found, done);
}

int dx_query_walk_text(dx_query *query, int (*found)(dx_query *query, int64_t key), bool *done) {
    dx_store *store = query->context->store;
    size_t budget = query->budget;
    int error = DX_OK, phase = (int)query->phase;
    sqlite3_stmt *rows =
        dx_full_text_query(query->context, query->text_index, dx_buf_view(&query->question.expression),
                           query->place.key, budget < INT32_MAX ? (int64_t)budget : INT32_MAX);
    *done = false;
    while (error == DX_OK && (int)query->phase == phase && query->budget > 0) {
        if (!dx_step(store, rows)) {
            error = dx_store_error(store);
            *done = error == DX_OK;
            break;
        }
        query->place.key = dx_column_int(rows, 0);
        query->rank = sqlite3_column_double(rows, 1);
        query->budget--;
        error = found(query, query->place.key);
    }
    dx_store_discard(rows);
    query->examined += (int64_t)(budget - query->budget);
    query->budget -= query->budget == budget;
    return error;
}
