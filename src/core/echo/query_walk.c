/* echo/query_walk.c: the ways through the indexes: what a filter may match, and what a step reaches.
 *
 * Layer: floor 1, echo. Every statement is a range of one index in its own order, begun after the place where
 * the last one ended and at most as long as the budget; it is closed before the call returns. CROSS JOIN
 * keeps SQLite to the order of tables written here. */
#include "echo/query_state.h"

/* --- One statement ------------------------------------------------------------------------------- */

typedef struct walk {
    dx_query *query;
    const dx_query_filter *filter; /* what is reached must match it */
    dx_query_reach *reach;
    bool hides_links;                /* links of the house's own types lead nowhere */
    int64_t hidden_type, shown_type; /* the last ones seen of each */
} walk;

static int is_hidden(walk *self, int64_t type_id, bool *hidden) {
    *hidden = self->hides_links && type_id == self->hidden_type;
    if (!self->hides_links || *hidden || type_id == self->shown_type) {
        return DX_OK;
    }
    dx_type *type;
    int error = dx_type_read(self->query->context, self->query->space, type_id, &type);
    if (error == DX_OK) {
        *hidden = dx_type_is_hidden(dx_bytes_of(type->name, type->size));
        *(*hidden ? &self->hidden_type : &self->shown_type) = type_id;
    }
    return error;
}

/* The row's columns are the place (type, end, key), whether the link was deleted, and the entity. */
static int take_row(walk *self, sqlite3_stmt *row) {
    dx_query *query = self->query;
    bool hidden = dx_column_int(row, 3) != 0, matches;
    query->place.type = dx_column_int(row, 0);
    query->place.end = dx_column_int(row, 1);
    query->place.key = dx_column_int(row, 2);
    query->budget--;
    int error = hidden ? DX_OK : is_hidden(self, query->place.type, &hidden);
    if (error != DX_OK || hidden) {
        return error;
    }
    dx_entity entity;
    error = dx_entity_of_row(query->context, query->space, row, 4, &entity);
    if (error == DX_OK) {
        error = dx_filter_matches(query, self->filter, &entity, &matches);
    }
    return error == DX_OK && matches ? self->reach(query, &entity) : error;
}

/* Walks a bound statement to its end, or until the phase changes. *done: it ended within the budget. */
static int walk_rows(walk *self, sqlite3_stmt *rows, bool *done) {
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
        error = take_row(self, rows);
    }
    dx_step_reset(rows);
    query->budget -= query->budget == budget; /* to look and find nothing is work too */
    return error;
}

/* A range that gave fewer rows than this has ended. */
static void bind_limit(sqlite3_stmt *rows, int index, const dx_query *query) {
    dx_bind_int(rows, index, query->budget < INT32_MAX ? (int64_t)query->budget : INT32_MAX);
}

/* --- Filters ------------------------------------------------------------------------------------- */

static int walk_id(walk *self, bool *done) {
    sqlite3_stmt *rows =
        dx_store_query(self->query->context->store, "SELECT entity.type, 0, entity.key, 0, " DX_ENTITY_COLUMNS
                                                    " FROM entity WHERE key = ?1 AND key > ?2");
    dx_bind_int(rows, 1, self->filter->id);
    dx_bind_int(rows, 2, self->query->place.key);
    return walk_rows(self, rows, done);
}

static int walk_parent(walk *self, bool *done) {
    sqlite3_stmt *rows = dx_store_query(self->query->context->store,
                                        "SELECT entity.type, 0, entity.key, 0, " DX_ENTITY_COLUMNS
                                        " FROM entity WHERE parent = ?1 AND key > ?2 ORDER BY key LIMIT ?3");
    dx_bind_int(rows, 1, self->filter->parent);
    dx_bind_int(rows, 2, self->query->place.key);
    bind_limit(rows, 3, self->query);
    return walk_rows(self, rows, done);
}

/* Links of one type, or of any, with this source or target. */
static int walk_end(walk *self, int64_t type, bool *done) {
    static const char *const by_source =
        "SELECT entity.type, entity.target, entity.key, 0, " DX_ENTITY_COLUMNS
        " FROM entity WHERE source = ?1 AND (type, target, key) > (?2, ?3, ?4) AND type <= ?5"
        " ORDER BY type, target, key LIMIT ?6";
    static const char *const by_target =
        "SELECT entity.type, entity.source, entity.key, 0, " DX_ENTITY_COLUMNS
        " FROM entity WHERE target = ?1 AND (type, source, key) > (?2, ?3, ?4) AND type <= ?5"
        " ORDER BY type, source, key LIMIT ?6";
    dx_query *query = self->query;
    bool source = self->filter->has_source;
    sqlite3_stmt *rows = dx_store_query(query->context->store, source ? by_source : by_target);
    dx_bind_int(rows, 1, source ? self->filter->source : self->filter->target);
    dx_bind_int(rows, 2, query->place.type > type ? query->place.type : type);
    dx_bind_int(rows, 3, query->place.end);
    dx_bind_int(rows, 4, query->place.key);
    dx_bind_int(rows, 5, type == 0 ? INT64_MAX : type);
    bind_limit(rows, 6, query);
    return walk_rows(self, rows, done);
}

static int walk_type(walk *self, bool *done) {
    dx_query *query = self->query;
    sqlite3_stmt *rows = dx_store_query(query->context->store,
                                        "SELECT entity.type, 0, entity.key, 0, " DX_ENTITY_COLUMNS
                                        " FROM entity WHERE type = ?1 AND key > ?2 ORDER BY key LIMIT ?3");
    dx_bind_int(rows, 1, query->place.type);
    dx_bind_int(rows, 2, query->place.key);
    bind_limit(rows, 3, query);
    return walk_rows(self, rows, done);
}

/* The number of the filter's type among those of this kind, 0 when there is none. */
static int find_type(dx_query *query, const dx_query_filter *filter, dx_type_kind kind, int64_t *id) {
    dx_type *type;
    int error = dx_type_find(query->context, query->space, kind, filter->type, &type);
    *id = error == DX_OK ? type->id : 0;
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

/* Moves the place to the next type of its kind that the filter may see; *more false when there is none. */
static int next_type(dx_query *query, const dx_query_filter *filter, bool *more) {
    dx_type_kind kind = query->place.kind == DX_ENTITY_LINK ? DX_TYPE_LINK : DX_TYPE_OBJECT;
    int64_t after = query->place.type, id = 0;
    int error;
    if (filter->has_type) {
        error = find_type(query, filter, kind, &id);
        *more = id > after;
    } else {
        dx_store *store = query->context->store;
        sqlite3_stmt *rows = dx_store_query(
            store, "SELECT id, name FROM type WHERE space = ?1 AND kind = ?2 AND id > ?3 ORDER BY id");
        dx_bind_int(rows, 1, query->space->local);
        dx_bind_int(rows, 2, kind);
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

/* Type after type, objects before links. place.type 0: the kind is yet to begin. */
static int walk_types(walk *self, bool *done) {
    dx_query *query = self->query;
    const dx_query_filter *filter = self->filter;
    int phase = (int)query->phase;
    while (query->budget > 0 && (int)query->phase == phase) {
        bool wanted = query->place.kind == DX_ENTITY_LINK ? filter->links : filter->objects;
        bool more = wanted, ended = false;
        int error = DX_OK;
        if (wanted && query->place.type == 0) {
            error = next_type(query, filter, &more);
        }
        if (error == DX_OK && more) {
            error = walk_type(self, &ended);
        }
        if (error == DX_OK && ended) {
            error = next_type(query, filter, &more);
        }
        if (error != DX_OK) {
            return error;
        }
        if (!more) {
            *done = query->place.kind == DX_ENTITY_LINK;
            if (*done) {
                return DX_OK;
            }
            query->place = (dx_query_place){.kind = DX_ENTITY_LINK};
        }
    }
    return DX_OK;
}

int dx_query_walk_filter(dx_query *query, dx_query_reach *reach, bool *done) {
    const dx_query_filter *filter = &query->question.filter;
    walk self = {.query = query, .filter = filter, .reach = reach};
    int64_t type = 0;
    *done = true;
    if (filter->has_id) {
        return walk_id(&self, done);
    }
    if (filter->has_source || filter->has_target) {
        int error = filter->has_type ? find_type(query, filter, DX_TYPE_LINK, &type) : DX_OK;
        return error != DX_OK || (filter->has_type && type == 0) ? error : walk_end(&self, type, done);
    }
    if (filter->has_parent && filter->parent != 0) {
        return walk_parent(&self, done);
    }
    *done = false;
    return walk_types(&self, done);
}

/* --- Steps --------------------------------------------------------------------------------------- */

static const char *const sql_of_way[] = {
    [DX_QUERY_OUT] =
        "SELECT link.type, link.target, link.key, link.deleted, " DX_ENTITY_COLUMNS
        " FROM entity AS link CROSS JOIN entity ON entity.key = link.target WHERE link.source = ?1"
        " AND (link.type, link.target, link.key) > (?2, ?3, ?4) AND link.type <= ?5"
        " ORDER BY link.type, link.target, link.key LIMIT ?6",
    [DX_QUERY_IN] =
        "SELECT link.type, link.source, link.key, link.deleted, " DX_ENTITY_COLUMNS
        " FROM entity AS link CROSS JOIN entity ON entity.key = link.source WHERE link.target = ?1"
        " AND (link.type, link.source, link.key) > (?2, ?3, ?4) AND link.type <= ?5"
        " ORDER BY link.type, link.source, link.key LIMIT ?6",
    [DX_QUERY_CHILDREN] = "SELECT entity.type, 0, entity.key, 0, " DX_ENTITY_COLUMNS
                          " FROM entity WHERE parent = ?1 AND key > ?4 ORDER BY key LIMIT ?6",
    [DX_QUERY_PARENT] = "SELECT entity.type, 0, entity.key, 0, " DX_ENTITY_COLUMNS
                        " FROM entity AS child CROSS JOIN entity ON entity.key = child.parent"
                        " WHERE child.key = ?1 AND entity.key > ?4 LIMIT ?6",
};

int dx_query_walk_step(dx_query *query, const dx_query_step *step, int64_t from, dx_query_reach *reach,
                       bool *done) {
    walk self = {.query = query, .filter = &step->ends, .reach = reach};
    bool over_links = step->way == DX_QUERY_OUT || step->way == DX_QUERY_IN;
    int64_t type = 0;
    if (over_links && step->has_link_type) {
        dx_type *found;
        int error = dx_type_find(query->context, query->space, DX_TYPE_LINK, step->link_type, &found);
        if (error != DX_OK) {
            *done = true;
            return error == DX_E_NOT_FOUND ? DX_OK : error;
        }
        type = found->id;
    }
    self.hides_links = over_links && !step->has_link_type;
    sqlite3_stmt *rows = dx_store_query(query->context->store, sql_of_way[step->way]);
    dx_bind_int(rows, 1, from);
    dx_bind_int(rows, 4, query->place.key);
    bind_limit(rows, 6, query);
    if (over_links) {
        dx_bind_int(rows, 2, query->place.type > type ? query->place.type : type);
        dx_bind_int(rows, 3, query->place.end);
        dx_bind_int(rows, 5, type == 0 ? INT64_MAX : type);
    }
    return walk_rows(&self, rows, done);
}
