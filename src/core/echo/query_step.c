/* echo/query_step.c: what a step reaches, asked of the tables.
 *
 * Layer: floor 1, echo. Steps read no row of an object unless they ask for a property: the indexes hold all that decides
 * (store/schema.c). INDEXED BY and CROSS JOIN keep SQLite to the way that is meant. Steps over links come here only where
 * memory has no place for them (query_links.c). */
#include "base/limits.h"
#include "echo/query_state.h"
#include "echo/referrer.h"

typedef dx_query_walk walk;

/* The place, then the object reached: its type, whether it is deleted, its key. */
#define OBJECT_REACHED                                                                                       \
    " CROSS JOIN entity AS object INDEXED BY object_head ON object.kind = 0 AND object.key = "
#define OBJECT_COLUMNS ", object.type, object.deleted, object.key FROM entity AS "

static const char *const sql_of_way[] = {
    [DX_QUERY_OUT] = "SELECT link.type, link.target, link.deleted, link.key" OBJECT_COLUMNS
                     "link INDEXED BY link_by_source" OBJECT_REACHED "link.target WHERE link.source = ?1"
                     " AND (link.type, link.target, link.deleted, link.key) > (?2, ?3, ?4, ?5)"
                     " AND link.type <= ?6 ORDER BY link.type, link.target, link.deleted, link.key LIMIT ?7",
    [DX_QUERY_IN] = "SELECT link.type, link.source, link.deleted, link.key" OBJECT_COLUMNS
                    "link INDEXED BY link_by_target" OBJECT_REACHED "link.source WHERE link.target = ?1"
                    " AND (link.type, link.source, link.deleted, link.key) > (?2, ?3, ?4, ?5)"
                    " AND link.type <= ?6 ORDER BY link.type, link.source, link.deleted, link.key LIMIT ?7",
    [DX_QUERY_CHILDREN] = "SELECT 0, 0, 0, child.key" OBJECT_COLUMNS
                          "child INDEXED BY entity_by_parent" OBJECT_REACHED "child.key"
                          " WHERE child.parent = ?1 AND child.key > ?5 ORDER BY child.key LIMIT ?7",
    [DX_QUERY_PARENT] = "SELECT 0, 0, 0, object.key" OBJECT_COLUMNS "child" OBJECT_REACHED "child.parent"
                        " WHERE child.key = ?1 AND object.key > ?5 LIMIT ?7",
    [DX_QUERY_REFERRERS] =
        "SELECT 0, 0, 0, object.key, object.type, object.deleted, object.key FROM reference" OBJECT_REACHED
        "reference.source WHERE reference.target = ?1"
        " AND reference.source > ?5 ORDER BY reference.source LIMIT ?7",
};

/* A property decides: the row has to be read after all. */
static int conditions_match(walk *self, int64_t key, bool *matches) {
    dx_query *query = self->query;
    dx_entity entity;
    int error = dx_entity_read(query->context, query->space, key, &entity);
    query->rows_read++;
    *matches = false;
    if (error == DX_OK) {
        error = dx_filter_matches(query, self->filter, &entity, matches);
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_query_take_end(walk *self, int64_t key, int64_t type, bool hidden) {
    dx_query *query = self->query;
    bool matches = true;
    int error = DX_OK;
    if (!hidden && (!self->filter->has_type || type != self->end_type)) {
        matches = !self->filter->has_type;
        error = dx_query_type_is_hidden(self, type, &hidden);
    }
    if (error == DX_OK && !hidden && matches && self->filter->begin < self->filter->end) {
        error = conditions_match(self, key, &matches);
    }
    return error == DX_OK && !hidden && (matches || self->repeats) ? self->reached(query, key, matches)
                                                                   : error;
}

static int take_object(walk *self, sqlite3_stmt *row) {
    dx_query *query = self->query;
    int64_t type = dx_column_int(row, 4), key = dx_column_int(row, 6);
#if defined(DX_PLANT) && DX_PLANT == 23
    bool hidden = dx_column_int(row, 5) != 0;
#else
    bool hidden = query->place.deleted != 0 || dx_column_int(row, 5) != 0;
#endif
    int error = DX_OK;
    if (!hidden &&
        query->place.type != 0) { /* a link of the house's own leads nowhere, unless it was named */
        error = self->link_type != 0 ? DX_OK : dx_query_type_is_hidden(self, query->place.type, &hidden);
    }
    return error == DX_OK ? dx_query_take_end(self, key, type, hidden) : error;
}

/* --- References ----------------------------------------------------------------------------------- */

/* The key that a value refers to, 0: none here. */
static int64_t key_of_reference(dx_query *query, dx_bytes item) {
    dx_reader reader;
    int64_t key;
    if (dx_item_kind(item) != DX_KIND_TAG) {
        return 0;
    }
    dx_reader_init(&reader, item);
    dx_bytes id = dx_read_tag(&reader) == DX_TAG_REFERENCE ? dx_reference_id(dx_read_bytes(&reader))
                                                           : dx_bytes_of(NULL, 0);
    return id.data != NULL && dx_id_to_key(query->space, id.data, &key) == DX_OK ? key : 0;
}

int dx_query_references(dx_query *query, const dx_entity *entity, dx_bytes path,
                        int (*on_key)(void *ctx, int64_t key), void *ctx) {
    dx_bytes item;
    dx_reader reader;
    int error = dx_query_look(query, entity, path, &item);
    if (error != DX_OK || dx_item_kind(item) != DX_KIND_ARRAY) {
        int64_t key = error == DX_OK ? key_of_reference(query, item) : 0;
        return key != 0 ? on_key(ctx, key) : error;
    }
    dx_reader_init(&reader, item);
    for (size_t count = dx_read_array(&reader); count > 0 && error == DX_OK; count--) {
        int64_t key = key_of_reference(query, dx_read_item(&reader));
        error = key != 0 ? on_key(ctx, key) : DX_OK;
    }
    return error;
}

static int collect_key(void *ctx, int64_t key) {
    dx_key_list_add(ctx, key);
    return dx_buf_error(ctx);
}

static int take_referred(walk *self, int64_t key) {
    dx_query *query = self->query;
    dx_store *store = query->context->store;
    sqlite3_stmt *row =
        dx_store_query(store, "SELECT type, deleted FROM entity INDEXED BY object_head WHERE kind = 0 "
                              "AND key = ?1");
    dx_bind_int(row, 1, key);
    bool there = dx_step(store, row);
    int64_t type = dx_column_int(row, 0);
    bool deleted = dx_column_int(row, 1) != 0;
    dx_step_reset(row);
    int error = dx_store_error(store);
    query->examined++;
    return error == DX_OK && there ? dx_query_take_end(self, key, type, deleted) : error;
}

typedef struct referring {
    int64_t to;
    bool refers;
} referring;

static int look_at_reference(void *ctx, int64_t key) {
    referring *self = ctx;
    self->refers = self->refers || key == self->to;
    return DX_OK;
}

/* An object that may refer to where the step comes from: its data tell. */
static int take_referrer(walk *self, sqlite3_stmt *row) {
    dx_query *query = self->query;
    int64_t type = dx_column_int(row, 4), key = dx_column_int(row, 6);
    referring looked = {.to = self->from};
    dx_entity entity;
    if (dx_column_int(row, 5) != 0 || dx_space_feed(query->space, dx_entity_key_feed(key)) == NULL) {
        return DX_OK;
    }
    int error = dx_entity_read(query->context, query->space, key, &entity);
    query->rows_read++;
    if (error == DX_OK) {
        error = dx_query_references(query, &entity, self->path, look_at_reference, &looked);
    }
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return looked.refers ? dx_query_take_end(self, key, type, false) : DX_OK;
}

/* All that one object refers to: a value is one piece of work. */
static int walk_references(walk *self, const dx_query_step *step, int64_t from, bool *done) {
    dx_query *query = self->query;
    dx_buf keys;
    dx_entity entity;
    int error = dx_entity_read(query->context, query->space, from, &entity);
    *done = true;
    query->rows_read++;
    query->budget--;
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    dx_buf_init(&keys, query->context->alloc, DX_OBJECT_VALUE_SIZE_MAX);
    error = dx_query_references(query, &entity, step->path, collect_key, &keys);
    for (size_t i = 0; i < dx_key_list_count(&keys) && error == DX_OK; i++) {
        error = take_referred(self, dx_key_list_at(&keys, i));
    }
    dx_buf_deinit(&keys);
    return error;
}

/* --- One step ------------------------------------------------------------------------------------ */

int dx_query_resolve_types(walk *self, const dx_query_step *step, bool *none) {
    bool over_links = step->way == DX_QUERY_OUT || step->way == DX_QUERY_IN;
    int error = DX_OK;
    if (over_links && step->has_link_type) {
        error = dx_query_find_type(self->query, DX_TYPE_LINK, step->link_type, &self->link_type);
    }
    if (error == DX_OK && step->ends.has_type) {
        error = dx_query_find_type(self->query, DX_TYPE_OBJECT, step->ends.type, &self->end_type);
    }
    *none = (over_links && step->has_link_type && self->link_type == 0) ||
            (step->ends.has_type && self->end_type == 0);
    return error;
}

/* Where links lead from many objects at once: a statement's beginning and end cost as much as a few links. Its rows are
 * those of one object, then the place of the object in the batch. */
#define START                                                                                                \
    "WITH start(at, key) AS (VALUES(0,?1),(1,?2),(2,?3),(3,?4),(4,?5),(5,?6),(6,?7),(7,?8),(8,?9),"          \
    "(9,?10),(10,?11),(11,?12),(12,?13),(13,?14),(14,?15),(15,?16),(16,?17),(17,?18),(18,?19),(19,?20),"     \
    "(20,?21),(21,?22),(22,?23),(23,?24),(24,?25),(25,?26),(26,?27),(27,?28),(28,?29),(29,?30),(30,?31),"    \
    "(31,?32)) "
#define FROM_START " FROM start CROSS JOIN entity AS link "
#define LIMITED    " AND link.type BETWEEN ?33 AND ?34 LIMIT ?35"

static const char *const sql_of_batch[] = {
    [DX_QUERY_OUT] = START "SELECT link.type, link.target, link.deleted, link.key, start.at" FROM_START
                           "INDEXED BY link_by_source WHERE link.source = start.key" LIMITED,
    [DX_QUERY_IN] = START "SELECT link.type, link.source, link.deleted, link.key, start.at" FROM_START
                          "INDEXED BY link_by_target WHERE link.target = start.key" LIMITED,
};

sqlite3_stmt *dx_query_links_of(dx_query *query, dx_query_way way, const dx_buf *keys, size_t at,
                                size_t count, int64_t link_type) {
    sqlite3_stmt *rows = dx_store_query(query->context->store, sql_of_batch[way]);
    for (size_t i = 0; i < count; i++) {
        dx_bind_int(rows, (int)i + 1, dx_key_list_at(keys, at + i));
    }
    dx_bind_int(rows, 33, link_type);
    dx_bind_int(rows, 34, link_type == 0 ? INT64_MAX : link_type);
    dx_query_bind_limit(rows, 35, query);
    return rows;
}

sqlite3_stmt *dx_query_heads_of(dx_query *query, const dx_buf *keys, size_t at, size_t count) {
    static const char sql[] =
        START "SELECT object.type, object.deleted, object.key FROM start CROSS JOIN entity AS object "
              "INDEXED BY object_head ON object.kind = 0 AND object.key = start.key";
    sqlite3_stmt *rows = dx_store_query(query->context->store, sql);
    for (size_t i = 0; i < count; i++) {
        dx_bind_int(rows, (int)i + 1, dx_key_list_at(keys, at + i));
    }
    return rows;
}

/* The other end of a link: an object to look at once, later. */
static int take_link_end(walk *self, sqlite3_stmt *row, int64_t end) {
    dx_query *query = self->query;
    bool hidden = dx_column_int(row, 2) != 0 || (self->repeats && dx_key_set_has(&query->reached, end));
    int error = DX_OK;
    if (!hidden && self->link_type == 0) {
        error = dx_query_type_is_hidden(self, dx_column_int(row, 0), &hidden);
    }
    if (error == DX_OK && !hidden) {
        dx_key_list_add(&query->ends, end);
        error = dx_buf_error(&query->ends);
    }
    return error;
}

/* Whether the objects whose keys were gathered are to be seen, in the order of their keys. */
static int take_ends(walk *self) {
    dx_query *query = self->query;
    dx_store *store = query->context->store;
    int error = DX_OK;
    dx_key_list_sort(&query->ends);
    size_t count = dx_key_list_count(&query->ends);
    for (size_t at = 0; at < count && error == DX_OK; at += DX_QUERY_BATCH) {
        size_t many = count - at < DX_QUERY_BATCH ? count - at : DX_QUERY_BATCH;
        sqlite3_stmt *rows = dx_query_heads_of(query, &query->ends, at, many);
        while (error == DX_OK && dx_step(store, rows)) {
            error = dx_query_take_end(self, dx_column_int(rows, 2), dx_column_int(rows, 0),
                                      dx_column_int(rows, 1) != 0);
        }
        dx_step_reset(rows);
        error = error == DX_OK ? dx_store_error(store) : error;
    }
    dx_buf_clear(&query->ends);
    return error;
}

int dx_query_walk_batch(dx_query *query, const dx_query_step *step, const dx_buf *from, size_t end,
                        size_t *done, dx_query_reached *reached) {
    walk self = {.query = query, .filter = &step->ends, .reached = reached, .repeats = step->repeats};
    dx_store *store = query->context->store;
    size_t left = end - query->at, count = left < DX_QUERY_BATCH ? left : DX_QUERY_BATCH;
    size_t budget = query->budget;
    bool none;
    int64_t last = 0;
    *done = count;
    int error = dx_query_resolve_types(&self, step, &none);
    if (error != DX_OK || none) {
        query->budget--;
        return error;
    }
    sqlite3_stmt *rows = dx_query_links_of(query, step->way, from, query->at, count, self.link_type);
    while (error == DX_OK && query->budget > 0 && dx_step(store, rows)) {
        last = dx_column_int(rows, 4);
        query->budget--;
        error = take_link_end(&self, rows, dx_column_int(rows, 1));
    }
    dx_step_reset(rows);
    error = error == DX_OK ? dx_store_error(store) : error;
    query->examined += (int64_t)(budget - query->budget);
    if (query->budget == 0) { /* the last object may have more links */
        *done = (size_t)last;
    }
    query->budget -= query->budget == budget;
    return error == DX_OK ? take_ends(&self) : error;
}

int dx_query_walk_step(dx_query *query, const dx_query_step *step, int64_t from, dx_query_reached *reached,
                       bool *done) {
    walk self = {.query = query,
                 .filter = &step->ends,
                 .take = step->way == DX_QUERY_REFERRERS ? take_referrer : take_object,
                 .reached = reached,
                 .repeats = step->repeats,
                 .from = from,
                 .path = step->path};
    bool over_links = step->way == DX_QUERY_OUT || step->way == DX_QUERY_IN;
    bool none;
    int error = dx_query_resolve_types(&self, step, &none);
    if (error != DX_OK || none) {
        *done = true;
        query->budget--;
        return error;
    }
    if (step->way == DX_QUERY_REFERENCE) {
        return walk_references(&self, step, from, done);
    }
    uint8_t id[DX_ID_SIZE];
    int64_t start = from;
    if (step->way == DX_QUERY_REFERRERS) {
        error = dx_referrers_prepare(query->context, query->space);
        error = error == DX_OK ? dx_key_to_id(query->space, from, id) : error;
        if (error != DX_OK) {
            return error;
        }
        start = dx_referrers_target(id);
    }
    sqlite3_stmt *rows = dx_store_query(query->context->store, sql_of_way[step->way]);
    dx_bind_int(rows, 1, start);
    if (over_links) {
        dx_query_bind_links(rows, query, self.link_type);
    } else {
        dx_bind_int(rows, 5, query->place.key);
        dx_query_bind_limit(rows, 7, query);
    }
    return dx_query_walk_rows(&self, rows, done);
}
