/* echo/query_step.c: what a step reaches from one object by its parent, children and references, and whether what a step
 * reaches is what it asks for.
 *
 * Layer: floor 1, echo. Steps along links are those of query_links.c. Steps read no row of an object unless they ask for a
 * property. INDEXED BY keeps SQLite to the way that is meant. */
#include "base/limits.h"
#include "echo/query_state.h"
#include "echo/referrer.h"

typedef dx_query_walk walk;

/* The place, whose key is what is reached. */
static const char *const sql_of_way[] = {
    [DX_QUERY_CHILDREN] =
        "SELECT 0, 0, 0, key FROM entity INDEXED BY entity_by_parent WHERE parent = ?1 AND key > ?2"
        " ORDER BY key LIMIT ?3",
    [DX_QUERY_PARENT] = "SELECT 0, 0, 0, parent FROM entity WHERE key = ?1 AND parent > ?2 LIMIT ?3",
    [DX_QUERY_REFERRERS] = "SELECT 0, 0, 0, source FROM reference WHERE target = ?1 AND source > ?2"
                           " ORDER BY source LIMIT ?3",
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

/* Whether it shows is looked up later, with others. */
static int gather(walk *self, sqlite3_stmt *row) {
    (void)row;
    return dx_query_add_end(self, self->query->place.key);
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
    return dx_query_add_end(ctx, key);
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
    int64_t key = query->place.key;
    referring looked = {.to = self->from};
    dx_entity entity;
    (void)row;
    if (dx_space_feed(query->space, dx_entity_key_feed(key)) == NULL) {
        return DX_OK;
    }
    int error = dx_entity_read(query->context, query->space, key, &entity);
    int64_t type = error == DX_OK ? entity.type_id : 0;
    query->rows_read++;
    if (error == DX_OK && !entity.deleted && entity.kind == DX_ENTITY_OBJECT) {
        error = dx_query_references(query, &entity, self->path, look_at_reference, &looked);
    }
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    bool is_new = false;
    error = looked.refers ? dx_query_is_new(query, self->repeats, key, &is_new) : DX_OK;
    return is_new ? dx_query_take_end(self, key, type, false) : error;
}

/* All that one object refers to: a value is one piece of work. */
static int walk_references(walk *self, const dx_query_step *step, int64_t from, bool *done) {
    dx_query *query = self->query;
    dx_entity entity;
    int error = dx_entity_read(query->context, query->space, from, &entity);
    *done = true;
    query->rows_read++;
    query->budget--;
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    error = dx_query_references(query, &entity, step->path, collect_key, self);
    return error == DX_OK ? dx_query_take_ends(self) : error;
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

int dx_query_walk_step(dx_query *query, const dx_query_step *step, int64_t from, dx_query_reached *reached,
                       bool *done) {
    walk self = {.query = query,
                 .filter = &step->ends,
                 .take = step->way == DX_QUERY_REFERRERS ? take_referrer : gather,
                 .reached = reached,
                 .repeats = step->repeats,
                 .from = from,
                 .path = step->path};
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
    dx_bind_int(rows, 2, query->place.key);
    dx_query_bind_limit(rows, 3, query);
    error = dx_query_walk_rows(&self, rows, done);
    return error == DX_OK ? dx_query_take_ends(&self) : error;
}
