/* echo/query_path.c: the shortest path along links, breadth first.
 *
 * Layer: floor 1, echo. Entities are numbered as they are seen; of each the number it was reached from is kept, so that
 * what is reached last gives the path backwards. Where the end is one entity known by its id, the search goes from both
 * ends, always on from the one with less to look at (choose_side): neither then sees more than half of the way's neighbourhood. While
 * nothing seen from one end is seen from the other no path is as short as the hops taken together, and only one side goes on
 * at a time, by a whole hop: so the first that both see lies on a shortest path. Of several shortest paths the one seen first
 * is given: the order is that of local keys. */
#include <string.h>

#include "echo/query_state.h"

#define ORIGIN_NONE UINT32_MAX

/* What a side's next hop costs is guessed: of so few entities their links are counted, so far, of more each is taken for
 * one with so many. */
enum { COUNTED_ENTITIES = 4, COUNTED_LINKS = 1024, LINKS_EACH = 8 };

static uint32_t origin_at(const dx_query_side *side, size_t index) {
    uint32_t origin;
    memcpy(&origin, side->origins.data + index * sizeof origin, sizeof origin);
    return origin;
}

static size_t length_to(const dx_query_side *side, size_t index) {
    size_t count = 0;
    for (size_t i = index; i != ORIGIN_NONE; i = origin_at(side, i)) {
        count++;
    }
    return count;
}

/* The way from the beginning to one that its side saw, and, unless `behind` is ORIGIN_NONE, from one that the other side
 * saw to the end, become the rows to give. */
static int finish(dx_query *query, size_t index, size_t behind) {
    const dx_query_side *front = &query->sides[0], *back = &query->sides[1];
    size_t at = length_to(front, index), count = at;
    count += behind == ORIGIN_NONE ? 0 : length_to(back, behind);
    dx_buf_clear(&query->keys);
    int64_t *out = (int64_t *)(void *)dx_buf_extend(&query->keys, count * sizeof *out);
    if (out == NULL) {
        return dx_buf_error(&query->keys);
    }
    for (size_t i = behind, k = at; i != ORIGIN_NONE; i = origin_at(back, i)) {
        out[k++] = dx_key_list_at(&back->order, i);
    }
    for (size_t i = index; i != ORIGIN_NONE; i = origin_at(front, i)) {
        out[--at] = dx_key_list_at(&front->order, i);
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

/* *is_new false: it was seen before. */
static int see(dx_query *query, int side, int64_t key, uint32_t origin, bool *is_new) {
    dx_query_side *self = &query->sides[side];
    size_t number = dx_key_list_count(&self->order);
    *is_new = dx_key_table_find(&self->seen, key) == NULL;
    if (!*is_new) {
        return DX_OK;
    }
    if (number + dx_key_list_count(&query->sides[1 - side].order) == DX_QUERY_KEYS_MAX) {
        return DX_E_LIMIT;
    }
    int error = dx_key_table_add(&self->seen, key, (uint32_t)number);
    if (error != DX_OK) {
        return error;
    }
    dx_key_list_add(&self->order, key);
    dx_buf_append(&self->origins, &origin, sizeof origin);
    return dx_buf_error(&self->order) != DX_OK ? dx_buf_error(&self->order) : dx_buf_error(&self->origins);
}

static int see_from_start(dx_query *query, int64_t key, uint32_t origin) {
    bool is_new, arrived = false;
    int error = see(query, 0, key, origin, &is_new);
    if (error == DX_OK && is_new) {
        error = is_end(query, key, &arrived);
    }
    return error == DX_OK && arrived
               ? finish(query, dx_key_list_count(&query->sides[0].order) - 1, ORIGIN_NONE)
               : error;
}

/* Of what an index found nothing is known but its key: it is of the filter's type, and not deleted. */
int dx_query_add_start(dx_query *query, const dx_entity *entity) {
    const dx_query_filter *filter = &query->question.filter;
    dx_bytes type = entity->type.data != NULL ? entity->type : filter->type;
    query->begins_unseen = query->begins_unseen || entity->deleted || entity->kind != DX_ENTITY_OBJECT ||
                           dx_type_is_hidden(type);
    return see_from_start(query, entity->key, ORIGIN_NONE);
}

int dx_query_note_origin(dx_query *query, int64_t key, bool *is_new) {
    *is_new = dx_key_table_find(&query->sides[query->side].seen, key) == NULL;
    int error = *is_new ? dx_key_table_add(&query->origins, key, (uint32_t)query->at) : DX_OK;
    *is_new = *is_new && error == DX_OK;
    return error == DX_E_EXISTS ? DX_OK : error;
}

static int reach_next(dx_query *query, int64_t key, bool matches) {
    (void)matches; /* a path asks nothing of what lies on it */
    uint32_t origin = dx_key_table_find(&query->origins, key)->value;
    if (query->path_search == DX_PATH_FROM_START) {
        return see_from_start(query, key, origin);
    }
    bool is_new;
    const dx_key_slot *met = dx_key_table_find(&query->sides[1 - query->side].seen, key);
    if (met != NULL) {
        return query->side == 0 ? finish(query, origin, met->value) : finish(query, met->value, origin);
    }
    return see(query, query->side, key, origin, &is_new);
}

/* Goes on from the side with less to look at: one entity that thousands refer to is much. */
static int choose_side(dx_query *query) {
    const dx_query_step *step = &query->question.path_step;
    size_t costs[2] = {0, 0};
    int64_t type = 0;
    int error = step->has_link_type ? dx_query_find_type(query, DX_TYPE_LINK, step->link_type, &type) : DX_OK;
    for (int i = 0; i < 2 && error == DX_OK; i++) {
        const dx_query_side *side = &query->sides[i];
        size_t left = side->level_end - side->at;
        costs[i] = left > COUNTED_ENTITIES ? left * LINKS_EACH : 0;
        for (size_t k = side->at; left <= COUNTED_ENTITIES && k < side->level_end && error == DX_OK; k++) {
            size_t links = 0;
            error = dx_query_count_links(query,
                                         (step->way == DX_QUERY_OUT) == (i == 0) ? DX_QUERY_OUT : DX_QUERY_IN,
                                         type, dx_key_list_at(&side->order, k), COUNTED_LINKS, &links);
            costs[i] += links;
        }
    }
    query->side = costs[1] < costs[0];
    return error;
}

/* Whether the search may go from both ends, and whether it has to go on at all: an end that is one entity must be what a
 * link can lead to. What lies at the beginning unseen would not be found from the end. */
static int choose_ends(dx_query *query, bool *possible) {
    const dx_query_filter *to = &query->question.path_to;
    dx_entity entity;
    *possible = true;
    query->path_search = DX_PATH_FROM_START;
    if (!to->has_id || query->begins_unseen) {
        return DX_OK;
    }
    *possible = false;
    int error = to->id > 0 ? dx_entity_read(query->context, query->space, to->id, &entity) : DX_E_NOT_FOUND;
    query->rows_read += error == DX_OK;
    if (error == DX_OK) {
        error = dx_filter_matches(query, to, &entity, possible);
    }
    if (error != DX_OK || !*possible) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    *possible = entity.kind == DX_ENTITY_OBJECT && !entity.deleted && !dx_type_is_hidden(entity.type);
    query->path_search = DX_PATH_FROM_BOTH;
    bool is_new;
    error = *possible ? see(query, 1, to->id, ORIGIN_NONE, &is_new) : DX_OK;
    query->sides[1].level_end = 1;
    return error == DX_OK && *possible ? choose_side(query) : error;
}

/* All of one hop is done on this side. *on: there is another, and the path may still be short enough. */
static int end_hop(dx_query *query, bool *on) {
    dx_query_side *side = &query->sides[query->side];
    side->hops++;
    side->level_end = dx_key_list_count(&side->order);
    *on = side->level_end > side->at;
    query->budget--;
    return *on && query->path_search == DX_PATH_FROM_BOTH ? choose_side(query) : DX_OK;
}

/* Goes on while the budget lasts. */
int dx_query_search(dx_query *query) {
    bool on = true;
    int error = DX_OK;
    if (query->path_search == DX_PATH_UNDECIDED) {
        error = choose_ends(query, &on);
        query->budget--;
    }
    while (error == DX_OK && on && query->budget > 0 && query->phase == DX_QUERY_SEARCH) {
        dx_query_side *side = &query->sides[query->side];
        dx_query_step step = query->question.path_step;
        if (side->at == side->level_end) {
            error = end_hop(query, &on);
            continue;
        }
        if (query->sides[0].hops + query->sides[1].hops == query->question.path_hops_max) {
            on = false;
            break;
        }
        if (query->side == 1) {
            step.way = step.way == DX_QUERY_OUT ? DX_QUERY_IN : DX_QUERY_OUT;
        }
        query->at = side->at;
        dx_key_table_clear(&query->origins);
        error = dx_query_walk_links(query, &step, &side->order, side->level_end, reach_next);
        if (query->phase == DX_QUERY_SEARCH) {
            side->at = query->at;
        }
    }
    if (error == DX_OK && !on) {
        query->phase = DX_QUERY_DONE;
    }
    return error;
}
