/* echo/query_links.c: steps along links, and links of one object, asked of their packs (adjacency.h).
 *
 * Layer: floor 1, echo. A step takes objects in the order of their keys, so that it goes through the packs once; what their
 * links lead to is gathered, and looked up likewise: which of it shows. No row is read but where a step has
 * conditions. */
#include "base/limits.h"
#include "echo/adjacency.h"
#include "echo/query_state.h"

enum {
    ENTRIES_FOR_ONE = 16,      /* entries of packs cost as much as one row of a table */
    GATHERED_MAX = 256 * 1024, /* entries of which the ends are looked up at once */
    LINKS_AT_ONCE = 256,       /* rows of links read after one walk */
    WITHOUT_LIMIT = INT32_MAX  /* of entries: more than there can be in one call */
};

/* --- Ends ---------------------------------------------------------------------------------------- */

int dx_query_take_ends(dx_query_walk *walk) {
    dx_query *query = walk->query;
    int error = DX_OK, phase = (int)query->phase;
    dx_adjacency_walk heads;
    dx_key_list_sort(&query->ends);
    size_t count = dx_key_list_count(&query->ends);
    dx_adjacency_walk_begin(&heads, query->context, DX_ADJACENCY_HEADS);
    for (size_t i = 0; i < count && error == DX_OK && (int)query->phase == phase; i++) {
        dx_adjacent to = {.object = dx_key_list_at(&query->ends, i)};
        if (!dx_adjacency_walk_seek(&heads, &to)) {
            break;
        }
        if (dx_adjacency_walk_field(&heads, DX_ADJACENT_OBJECT) == to.object) {
            int64_t head = dx_adjacency_walk_field(&heads, DX_ADJACENT_VALUE);
            error = dx_query_take_end(walk, to.object, head >> 1, (head & 1) != 0);
        }
    }
    int failed = dx_adjacency_walk_end(&heads);
    query->examined += (int64_t)count;
    dx_buf_clear(&query->ends);
    return error != DX_OK ? error : failed;
}

int dx_query_is_new(dx_query *query, bool repeats, int64_t key, bool *is_new) {
    int error = repeats ? dx_key_set_add(&query->reached, key) : DX_OK;
    *is_new = error == DX_OK;
    return error == DX_E_EXISTS ? DX_OK : error;
}

int dx_query_add_end(dx_query_walk *walk, int64_t key) {
    bool is_new;
    int error = dx_query_is_new(walk->query, walk->repeats, key, &is_new);
    if (error == DX_OK && is_new) {
        dx_key_list_add(&walk->query->ends, key);
        error = dx_buf_error(&walk->query->ends);
    }
    return error;
}

/* Where a link leads: an object to look up, once. */
static inline int gather(dx_query_walk *walk, const dx_adjacency_walk *link) {
    dx_query *query = walk->query;
    bool hidden = dx_adjacency_walk_field(link, DX_ADJACENT_VALUE) != 0;
    int64_t other = dx_adjacency_walk_field(link, DX_ADJACENT_OTHER);
    int error = DX_OK;
#if defined(DX_PLANT) && DX_PLANT == 23
    hidden = false;
#endif
    if (!hidden && walk->link_type == 0) { /* one of the house's own leads nowhere, unless it was named */
        error = dx_query_type_is_hidden(walk, dx_adjacency_walk_field(link, DX_ADJACENT_TYPE), &hidden);
    }
    if (error != DX_OK || hidden) {
        return error;
    }
    if (query->phase == DX_QUERY_SEARCH) {
        bool is_new;
        error = dx_query_note_origin(query, other, &is_new);
        if (error != DX_OK || !is_new) {
            return error;
        }
    }
    return dx_query_add_end(walk, other);
}

/* --- Steps --------------------------------------------------------------------------------------- */

static dx_adjacency_side side_of(dx_query_way way) {
    return way == DX_QUERY_OUT ? DX_ADJACENCY_OUT : DX_ADJACENCY_IN;
}

/* Of the object's links the first, or the one behind the place. */
static dx_adjacent place_of(const dx_query_place *place, int64_t object, int64_t type) {
    return place->key == 0
               ? (dx_adjacent){.object = object, .type = type}
               : (dx_adjacent){
                     .object = object, .type = place->type, .other = place->end, .link = place->key + 1};
}

static inline bool is_of(const dx_adjacency_walk *link, int64_t object, int64_t type) {
    return dx_adjacency_walk_field(link, DX_ADJACENT_OBJECT) == object &&
           (type == 0 || dx_adjacency_walk_field(link, DX_ADJACENT_TYPE) == type);
}

/* Behind a link. */
static dx_query_place place_behind(const dx_adjacent *link) {
    return (dx_query_place){.type = link->type, .end = link->other, .key = link->link};
}

/* Whether what a step leads to is looked at by its row. */
static bool reads_ends(const dx_query *query, const dx_query_step *step) {
    return step->ends.begin < step->ends.end ||
           (query->phase == DX_QUERY_SEARCH && !query->question.path_to.has_id);
}

/* Links of one object from the place on, as many as `most`; *all: there are no more. Otherwise the place is behind the last. */
static int gather_links(dx_query_walk *walk, dx_adjacency_walk *links, int64_t object, size_t most,
                        size_t *count, bool *all) {
    dx_query_place *place = &walk->query->place;
    dx_adjacent to = place_of(place, object, walk->link_type);
    bool is = dx_adjacency_walk_seek(links, &to);
    int error = DX_OK;
    *count = 0;
    while (error == DX_OK && is && is_of(links, object, walk->link_type) && *count < most) {
        error = gather(walk, links);
        if (++*count == most) {
            dx_adjacent last = dx_adjacency_walk_entry(links);
            *place = place_behind(&last);
        }
        is = dx_adjacency_walk_next(links);
    }
    *all = !is || !is_of(links, object, walk->link_type);
    return error != DX_OK ? error : links->error;
}

int dx_query_walk_links(dx_query *query, const dx_query_step *step, const dx_buf *from, size_t end,
                        dx_query_reached *reached) {
    dx_query_walk self = {
        .query = query, .filter = &step->ends, .reached = reached, .repeats = step->repeats};
    dx_adjacency_walk links;
    size_t for_one = reads_ends(query, step) ? 1 : ENTRIES_FOR_ONE, spent = 0, begun = query->at;
    size_t left = query->budget < WITHOUT_LIMIT / for_one ? query->budget * for_one : WITHOUT_LIMIT;
    bool none, all = true;
    int error = dx_query_resolve_types(&self, step, &none);
    if (error == DX_OK && none) {
        query->at = end;
        query->budget--;
        return DX_OK;
    }
    dx_adjacency_walk_begin(&links, query->context, side_of(step->way));
    /* What was reached hop after hop ascends piece by piece. */
    while (error == DX_OK && query->at < end && spent < left && spent < GATHERED_MAX &&
           (query->at == begun || dx_key_list_at(from, query->at) > dx_key_list_at(from, query->at - 1))) {
        size_t count, most = left < GATHERED_MAX ? left - spent : GATHERED_MAX - spent;
        error = gather_links(&self, &links, dx_key_list_at(from, query->at), most, &count, &all);
        spent += count + 1;
        query->examined += (int64_t)count;
        if (error == DX_OK && all) {
            query->at++;
            query->place = (dx_query_place){0};
        }
    }
    int failed = dx_adjacency_walk_end(&links);
    error = error != DX_OK ? error : failed;
    size_t cost = (spent + for_one - 1) / for_one;
    query->budget -= cost < query->budget ? cost : query->budget;
    return error == DX_OK ? dx_query_take_ends(&self) : error;
}

int dx_query_count_links(dx_query *query, dx_query_way way, int64_t type, int64_t object, size_t most,
                         size_t *count) {
    dx_adjacency_walk links;
    dx_adjacent to = {.object = object, .type = type};
    dx_adjacency_walk_begin(&links, query->context, side_of(way));
    bool is = dx_adjacency_walk_seek(&links, &to) && is_of(&links, object, type);
    *count = is ? dx_adjacency_walk_count(&links, type, most) : 0;
    return dx_adjacency_walk_end(&links);
}

/* --- Links of one object, as rows ------------------------------------------------------------------ */

static int take_link(dx_query_walk *walk, const dx_adjacent *link) {
    dx_query *query = walk->query;
    dx_entity entity;
    bool matches = false;
    query->place = place_behind(link);
    query->budget -= query->budget != 0;
    query->examined++;
    if (query->is_past) {
        return dx_query_take_past(walk, link->link);
    }
    if (link->value != 0 && walk->filter->deleted == DX_QUERY_HIDE) {
        return DX_OK;
    }
    int error = dx_entity_read(query->context, query->space, link->link, &entity);
    query->rows_read++;
    if (error == DX_OK) {
        error = dx_filter_matches(query, walk->filter, &entity, &matches);
    }
    return error == DX_OK && matches ? walk->found(query, &entity) : error;
}

int dx_query_walk_ends(dx_query_walk *walk, int64_t type, bool *done) {
    dx_query *query = walk->query;
    const dx_query_filter *filter = walk->filter;
    int error = DX_OK, phase = (int)query->phase;
    *done = false;
    while (error == DX_OK && !*done && query->budget > 0 && (int)query->phase == phase) {
        dx_adjacent found[LINKS_AT_ONCE];
        size_t count = 0, most = query->is_past                  ? 1
                                 : query->budget < LINKS_AT_ONCE ? query->budget
                                                                 : LINKS_AT_ONCE;
        int64_t object = filter->has_source ? filter->source : filter->target;
        dx_adjacency_walk links;
        dx_adjacent to = place_of(&query->place, object, type);
        dx_adjacency_walk_begin(&links, query->context,
                                filter->has_source ? DX_ADJACENCY_OUT : DX_ADJACENCY_IN);
        bool is = dx_adjacency_walk_seek(&links, &to);
        while (is && is_of(&links, object, type) && count < most) {
            found[count++] = dx_adjacency_walk_entry(&links);
            is = dx_adjacency_walk_next(&links);
        }
        bool all = !is || !is_of(&links, object, type);
        error = dx_adjacency_walk_end(&links);
        for (size_t i = 0; i < count && error == DX_OK && (int)query->phase == phase; i++) {
            error = take_link(walk, &found[i]);
        }
        query->budget -= count == 0; /* to look and find nothing is work too */
        *done = all && error == DX_OK && (int)query->phase == phase;
    }
    return error;
}
