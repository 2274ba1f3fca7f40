/* echo/query_walk.c: the ways through the indexes: what a filter may match, and what a step reaches.
 *
 * Layer: floor 1, echo. Every statement is a range of one index in its own order, begun after the place where
 * the last one ended and at most as long as the budget; it is closed before the call returns. Steps read no
 * row of an object unless they ask for a property: the indexes hold all that decides (store/schema.c).
 * INDEXED BY and CROSS JOIN keep SQLite to the way that is meant. */
#include "base/limits.h"
#include "echo/query_state.h"
#include "echo/referrer.h"

/* --- One range ----------------------------------------------------------------------------------- */

typedef struct walk {
    dx_query *query;
    const dx_query_filter *filter; /* what is found or reached must match it */
    int (*take)(struct walk *self, sqlite3_stmt *row);
    dx_query_found *found;
    dx_query_reached *reached;
    bool repeats; /* what is reached is told even when it does not match */
    int64_t from; /* steps against references: where from, and at which path */
    dx_bytes path;
    int64_t link_type, end_type;     /* steps: numbers of the types asked for, 0: any that is not hidden */
    int64_t hidden_type, shown_type; /* the last one seen of each */
} walk;

/* Whether a number stands for a type of the house's own. */
static int is_hidden(walk *self, int64_t type_id, bool *hidden) {
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

/* Walks a bound statement to its end, or until the phase changes. Its first columns are the place: type, end,
 * deleted, key. *done: it ended within the budget. */
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

/* A range that gave fewer rows than this has ended. */
static void bind_limit(sqlite3_stmt *rows, int index, const dx_query *query) {
    dx_bind_int(rows, index, query->budget < INT32_MAX ? (int64_t)query->budget : INT32_MAX);
}

/* Links go on after (type, end, deleted, key), parameters 2 to 5, up to a type, parameter 6. */
static void bind_links(sqlite3_stmt *rows, const dx_query *query, int64_t type) {
    const dx_query_place *place = &query->place;
    dx_bind_int(rows, 2, place->type > type ? place->type : type);
    dx_bind_int(rows, 3, place->end);
    dx_bind_int(rows, 4, place->deleted);
    dx_bind_int(rows, 5, place->key);
    dx_bind_int(rows, 6, type == 0 ? INT64_MAX : type);
    bind_limit(rows, 7, query);
}

/* The number of a type's name, 0 when this space has none of that name. */
static int find_type(dx_query *query, dx_type_kind kind, dx_bytes name, int64_t *id) {
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
    return walk_rows(self, rows, done);
}

static int walk_parent(walk *self, bool *done) {
    sqlite3_stmt *rows =
        dx_store_query(self->query->context->store, SELECT_BY_KEY
                       "INDEXED BY entity_by_parent WHERE parent = ?1 AND key > ?2 ORDER BY key LIMIT ?3");
    dx_bind_int(rows, 1, self->filter->parent);
    dx_bind_int(rows, 2, self->query->place.key);
    bind_limit(rows, 3, self->query);
    return walk_rows(self, rows, done);
}

/* Links of one type, or of any, with this source or target. */
static int walk_end(walk *self, int64_t type, bool *done) {
    static const char *const by_source =
        "SELECT entity.type, entity.target, entity.deleted, entity.key, " DX_ENTITY_COLUMNS
        " FROM entity INDEXED BY link_by_source WHERE source = ?1"
        " AND (type, target, deleted, key) > (?2, ?3, ?4, ?5) AND type <= ?6"
        " ORDER BY type, target, deleted, key LIMIT ?7";
    static const char *const by_target =
        "SELECT entity.type, entity.source, entity.deleted, entity.key, " DX_ENTITY_COLUMNS
        " FROM entity INDEXED BY link_by_target WHERE target = ?1"
        " AND (type, source, deleted, key) > (?2, ?3, ?4, ?5) AND type <= ?6"
        " ORDER BY type, source, deleted, key LIMIT ?7";
    bool source = self->filter->has_source;
    sqlite3_stmt *rows = dx_store_query(self->query->context->store, source ? by_source : by_target);
    dx_bind_int(rows, 1, source ? self->filter->source : self->filter->target);
    bind_links(rows, self->query, type);
    return walk_rows(self, rows, done);
}

static int walk_type(walk *self, bool *done) {
    dx_query *query = self->query;
    sqlite3_stmt *rows =
        dx_store_query(query->context->store, SELECT_BY_KEY
                       "INDEXED BY entity_by_type WHERE type = ?1 AND key > ?2 ORDER BY key LIMIT ?3");
    dx_bind_int(rows, 1, query->place.type);
    dx_bind_int(rows, 2, query->place.key);
    bind_limit(rows, 3, query);
    return walk_rows(self, rows, done);
}

static dx_type_kind kind_of_types(const dx_query *query) {
    return query->place.kind == DX_ENTITY_LINK ? DX_TYPE_LINK : DX_TYPE_OBJECT;
}

/* Moves the place to the next type of its kind that the filter may see; *more false when there is none. */
static int next_type(dx_query *query, const dx_query_filter *filter, bool *more) {
    int64_t after = query->place.type, id = 0;
    int error;
    if (filter->has_type) {
        error = find_type(query, kind_of_types(query), filter->type, &id);
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
    return query->question.counts && dx_query_is_plain(query) && filter->deleted == DX_QUERY_HIDE &&
           !filter->has_parent && filter->begin == filter->end;
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
static int walk_types(walk *self, bool *done) {
    dx_query *query = self->query;
    const dx_query_filter *filter = self->filter;
    bool counted = is_counted_by_type(query);
    int error = DX_OK, phase = (int)query->phase;
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
        int error = filter->has_type ? find_type(query, DX_TYPE_LINK, filter->type, &type) : DX_OK;
        return error != DX_OK || (filter->has_type && type == 0) ? error : walk_end(&self, type, done);
    }
    if (filter->has_parent && filter->parent != 0) {
        return walk_parent(&self, done);
    }
    *done = false;
    return walk_types(&self, done);
}

/* --- Ranges of an index on properties -------------------------------------------------------------- */

/* Entries of one value, in the order of keys. */
static int walk_value(dx_query *query, dx_bytes value, int (*found)(dx_query *query, int64_t key),
                      bool *done) {
    dx_store *store = query->context->store;
    size_t budget = query->budget;
    int error = DX_OK, phase = (int)query->phase;
    sqlite3_stmt *rows = dx_store_query(
        store, "SELECT key FROM property WHERE ix = ?1 AND value = ?2 AND key > ?3 ORDER BY key LIMIT ?4");
    dx_bind_int(rows, 1, query->range.index);
    dx_bind_bytes(rows, 2, value);
    dx_bind_int(rows, 3, query->place.key);
    bind_limit(rows, 4, query);
    *done = false;
    while (error == DX_OK && (int)query->phase == phase && query->budget > 0) {
        if (!dx_step(store, rows)) {
            error = dx_store_error(store);
            *done = error == DX_OK;
            break;
        }
        query->place.key = dx_column_int(rows, 0);
        query->budget--;
        error = found(query, query->place.key);
    }
    dx_step_reset(rows);
    query->examined += (int64_t)(budget - query->budget);
    query->budget -= query->budget == budget;
    return error;
}

/* Entries between two values, in the order of values. The value at the place is kept in query->edge. */
static int walk_between(dx_query *query, int (*found)(dx_query *query, int64_t key), bool *done) {
    dx_store *store = query->context->store;
    const dx_query_range *range = &query->range;
    size_t budget = query->budget;
    int error = DX_OK, phase = (int)query->phase;
    if (query->place.key == 0) {
        dx_buf_clear(&query->edge);
        dx_buf_append(&query->edge, query->bounds.data + range->low, range->low_size);
    }
    sqlite3_stmt *rows =
        dx_store_query(store, "SELECT value, key FROM property WHERE ix = ?1 AND (value, key) > (?2, ?3)"
                              " AND value < ?4 ORDER BY value, key LIMIT ?5");
    dx_bind_int(rows, 1, range->index);
    dx_bind_bytes(rows, 2, dx_buf_view(&query->edge));
    dx_bind_int(rows, 3, query->place.key);
    dx_bind_bytes(rows, 4, dx_bytes_of(query->bounds.data + range->high, range->high_size));
    bind_limit(rows, 5, query);
    *done = false;
    while (error == DX_OK && (int)query->phase == phase && query->budget > 0) {
        if (!dx_step(store, rows)) {
            error = dx_store_error(store);
            *done = error == DX_OK;
            break;
        }
        query->place.key = dx_column_int(rows, 1);
        if (--query->budget == 0) { /* here it goes on */
            dx_bytes value = dx_column_bytes(rows, 0);
            dx_buf next;
            dx_buf_init(&next, query->context->alloc, query->edge.max);
            dx_buf_append(&next, value.data, value.size);
            dx_step_reset(rows);
            error = dx_buf_error(&next);
            dx_buf_deinit(&query->edge);
            query->edge = next;
        }
        error = error == DX_OK ? found(query, query->place.key) : error;
    }
    dx_step_reset(rows);
    query->examined += (int64_t)(budget - query->budget);
    query->budget -= query->budget == budget;
    return error;
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

/* --- Steps --------------------------------------------------------------------------------------- */

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

/* An object that a step comes to: passed over when it is not to be seen, given with whether it is what the step asks
 * for. */
static int take_end(walk *self, int64_t key, int64_t type, bool hidden) {
    dx_query *query = self->query;
    bool matches = true;
    int error = DX_OK;
    if (!hidden && (!self->filter->has_type || type != self->end_type)) {
        matches = !self->filter->has_type;
        error = is_hidden(self, type, &hidden);
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
        error = self->link_type != 0 ? DX_OK : is_hidden(self, query->place.type, &hidden);
    }
    return error == DX_OK ? take_end(self, key, type, hidden) : error;
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
    return error == DX_OK && there ? take_end(self, key, type, deleted) : error;
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
    return looked.refers ? take_end(self, key, type, false) : DX_OK;
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

/* The types a step names, as numbers. *none: there is no such type here, so nothing to reach. */
static int resolve_types(walk *self, const dx_query_step *step, bool *none) {
    bool over_links = step->way == DX_QUERY_OUT || step->way == DX_QUERY_IN;
    int error = DX_OK;
    if (over_links && step->has_link_type) {
        error = find_type(self->query, DX_TYPE_LINK, step->link_type, &self->link_type);
    }
    if (error == DX_OK && step->ends.has_type) {
        error = find_type(self->query, DX_TYPE_OBJECT, step->ends.type, &self->end_type);
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

/* The other end of a link: an object to look at once, later. */
static int take_link_end(walk *self, sqlite3_stmt *row, int64_t end) {
    dx_query *query = self->query;
    bool hidden =
        dx_column_int(row, 2) != 0 || (self->repeats && dx_key_table_find(&query->seen, end) != NULL);
    int error = DX_OK;
    if (!hidden && self->link_type == 0) {
        error = is_hidden(self, dx_column_int(row, 0), &hidden);
    }
    if (error == DX_OK && !hidden) {
        dx_key_list_add(&query->ends, end);
        error = dx_buf_error(&query->ends);
    }
    return error;
}

/* Whether the objects whose keys were gathered are to be seen, in the order of their keys. */
static int take_ends(walk *self) {
    static const char sql[] =
        START "SELECT object.type, object.deleted, object.key FROM start CROSS JOIN entity AS object "
              "INDEXED BY object_head ON object.kind = 0 AND object.key = start.key";
    dx_query *query = self->query;
    dx_store *store = query->context->store;
    int error = DX_OK;
    dx_key_list_sort(&query->ends);
    size_t count = dx_key_list_count(&query->ends);
    for (size_t at = 0; at < count && error == DX_OK; at += DX_QUERY_BATCH) {
        sqlite3_stmt *rows = dx_store_query(store, sql);
        for (size_t i = 0; i < DX_QUERY_BATCH && at + i < count; i++) {
            dx_bind_int(rows, (int)i + 1, dx_key_list_at(&query->ends, at + i));
        }
        while (error == DX_OK && dx_step(store, rows)) {
            error =
                take_end(self, dx_column_int(rows, 2), dx_column_int(rows, 0), dx_column_int(rows, 1) != 0);
        }
        dx_step_reset(rows);
        error = error == DX_OK ? dx_store_error(store) : error;
    }
    dx_buf_clear(&query->ends);
    return error;
}

int dx_query_walk_batch(dx_query *query, const dx_query_step *step, size_t *done, dx_query_reached *reached) {
    walk self = {.query = query, .filter = &step->ends, .reached = reached, .repeats = step->repeats};
    dx_store *store = query->context->store;
    size_t left = dx_key_list_count(&query->from) - query->at,
           count = left < DX_QUERY_BATCH ? left : DX_QUERY_BATCH;
    size_t budget = query->budget;
    bool none;
    int64_t last = 0;
    *done = count;
    int error = resolve_types(&self, step, &none);
    if (error != DX_OK || none) {
        query->budget--;
        return error;
    }
    sqlite3_stmt *rows = dx_store_query(store, sql_of_batch[step->way]);
    for (size_t i = 0; i < count; i++) {
        dx_bind_int(rows, (int)i + 1, dx_key_list_at(&query->from, query->at + i));
    }
    dx_bind_int(rows, 33, self.link_type);
    dx_bind_int(rows, 34, self.link_type == 0 ? INT64_MAX : self.link_type);
    dx_bind_int(rows, 35, budget < INT32_MAX ? (int64_t)budget : INT32_MAX);
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
    int error = resolve_types(&self, step, &none);
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
        bind_links(rows, query, self.link_type);
    } else {
        dx_bind_int(rows, 5, query->place.key);
        bind_limit(rows, 7, query);
    }
    return walk_rows(&self, rows, done);
}
