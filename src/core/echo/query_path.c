/* echo/query_path.c: the shortest path along links, breadth first.
 *
 * Layer: floor 1, echo. Entities are numbered as they are seen; of each the number it was reached from is
 * kept, so the first one that matches the end gives the path backwards. Of several shortest paths the one
 * seen first is given: the order is that of local keys. */
#include <string.h>

#include "echo/query_state.h"

#define ORIGIN_NONE UINT32_MAX

static uint32_t origin_at(const dx_query *query, size_t index) {
    uint32_t origin;
    memcpy(&origin, query->origins.data + index * sizeof origin, sizeof origin);
    return origin;
}

/* The path to the entity seen last, in the order of walking, becomes the rows to give. */
static int finish(dx_query *query) {
    dx_buf *keys = &query->keys;
    size_t count = 0, last = dx_key_list_count(&query->order) - 1;
    for (size_t i = last; i != ORIGIN_NONE; i = origin_at(query, i)) {
        count++;
    }
    dx_buf_clear(keys);
    int64_t *out = (int64_t *)(void *)dx_buf_extend(keys, count * sizeof *out);
    if (out == NULL) {
        return dx_buf_error(keys);
    }
    for (size_t i = last; i != ORIGIN_NONE; i = origin_at(query, i)) {
        out[--count] = dx_key_list_at(&query->order, i);
    }
    query->phase = DX_QUERY_GIVE;
    query->at = 0;
    return DX_OK;
}

/* Whether the search ends here. An id tells without a look at the row. */
static int is_end(dx_query *query, int64_t key, bool *arrived) {
    const dx_query_filter *to = &query->question.path_to;
    dx_entity entity;
    *arrived = false;
    if (to->has_id && to->id != key) {
        return DX_OK;
    }
    int error = dx_entity_read(query->context, query->space, key, &entity);
    return error == DX_OK ? dx_filter_matches(query, to, &entity, arrived) : error;
}

static int see(dx_query *query, int64_t key, uint32_t origin) {
    int error = dx_key_table_add(&query->seen, key, (uint32_t)dx_key_list_count(&query->order));
    if (error != DX_OK) {
        return error == DX_E_EXISTS ? DX_OK : error;
    }
    dx_key_list_add(&query->order, key);
    dx_buf_append(&query->origins, &origin, sizeof origin);
    error =
        dx_buf_error(&query->order) != DX_OK ? dx_buf_error(&query->order) : dx_buf_error(&query->origins);
    bool arrived = false;
    if (error == DX_OK) {
        error = is_end(query, key, &arrived);
    }
    return error == DX_OK && arrived ? finish(query) : error;
}

int dx_query_add_start(dx_query *query, const dx_entity *entity) {
    return see(query, entity->key, ORIGIN_NONE);
}

static int reach_next(dx_query *query, int64_t key, bool matches) {
    (void)matches; /* a path asks nothing of what lies on it */
    return see(query, key, (uint32_t)query->at);
}

/* Goes on while the budget lasts. Entities [at, level_end) are `hops` away from the start. */
int dx_query_search(dx_query *query) {
    while (query->budget > 0 && query->phase == DX_QUERY_SEARCH) {
        size_t seen = dx_key_list_count(&query->order);
        if (query->at == query->level_end) {
            query->hops++;
            query->level_end = seen;
        }
        if (query->at == seen || query->hops > query->question.path_hops_max) {
            query->phase = DX_QUERY_DONE;
            break;
        }
        bool done;
        int error = dx_query_walk_step(query, &query->question.path_step,
                                       dx_key_list_at(&query->order, query->at), reach_next, &done);
        if (error != DX_OK) {
            return error;
        }
        if (done && query->phase == DX_QUERY_SEARCH) {
            query->at++;
            query->place = (dx_query_place){0};
        }
    }
    return DX_OK;
}
