/* echo/query_past.c: questions about how things were at a point.
 *
 * Layer: floor 1, echo. Rows and indexes are of now, so what never changes of things (id, kind, type, ends of links) says where
 * to look, and each one found there is judged by what it was. Most were not changed since and are as their rows say; others
 * are made again (remake.h). Under what things stood no index knows: whoever asks for children, or for what referred to
 * something, looks at every object once. */
#include <string.h>

#include "echo/base.h"
#include "echo/hierarchy.h"
#include "echo/history.h"
#include "echo/query_state.h"
#include "echo/touch.h"

/* Making an entity again takes as long as looking at so many rows, when it was changed a few times. */
enum { MADE_AGAIN_COST = 32 };

int dx_query_begin_past(dx_query *query, const dx_stamp *point, char *message, size_t message_size) {
    const dx_question *question = &query->question;
    const dx_query_filter *filter = &question->filter;
    if (question->text.size != 0 || question->has_path) {
        return dx_question_refuse(message, message_size,
                                  "\"text\" and \"path\" are asked of now, not of an earlier point");
    }
    query->is_past = true;
    query->point = *point;
    query->gathers = filter->has_parent && filter->parent != 0 && !filter->has_id && !filter->has_source &&
                     !filter->has_target && question->step_count == 0;
    const uint8_t *bytes = point->feed;
    query->fingerprint = (query->fingerprint ^ point->counter) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < sizeof point->feed; i++) {
        query->fingerprint = (query->fingerprint ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    bool gone = query->space->base != NULL && dx_stamp_compare(&query->space->base->horizon, point) > 0;
    return gone ? DX_E_GONE : DX_OK;
}

/* --- Reading --------------------------------------------------------------------------------------- */

static void spend(dx_query *query, size_t cost) {
    query->budget -= cost < query->budget ? cost : query->budget;
}

/* What was made later was not there, whatever is said of it. */
static bool is_later(const dx_query *query, const dx_entity *entity) {
    dx_stamp created = {.counter = entity->created};
    const dx_feed *maker = dx_space_feed(query->space, dx_entity_key_feed(entity->key));
    if (maker == NULL || dx_base_has(query->space, entity->key)) {
        return false;
    }
    memcpy(created.feed, maker->id, sizeof created.feed);
    return dx_stamp_compare(&created, &query->point) > 0;
}

/* Whether its row says what it was: nothing touched it since, and it stands where its latest move says. */
static int look_for_later(dx_query *query, int64_t key, bool *changed) {
    dx_touch touch;
    bool found;
    dx_stamp at = {.counter = INT64_MAX};
    memset(at.feed, 0xff, sizeof at.feed);
    int error = dx_touch_find(query->context, query->space, key, false, &at, &touch, &found);
    *changed = error == DX_OK && found && dx_stamp_compare(&at, &query->point) > 0;
    return error == DX_OK && !*changed ? dx_hierarchy_has_yielded(query->context, key, changed) : error;
}

static int read_past(dx_query *query, int64_t key, dx_entity *out) {
    bool changed;
    int error = dx_entity_read(query->context, query->space, key, out);
    if (error == DX_OK && is_later(query, out)) {
        error = DX_E_NOT_FOUND;
    }
    error = error == DX_OK ? look_for_later(query, key, &changed) : error;
    if (error != DX_OK || !changed) {
        return error == DX_OK ? dx_entity_read(query->context, query->space, key, out) : error;
    }
    spend(query, MADE_AGAIN_COST);
    return dx_history_entity(query->context, query->space, key, &query->point, &query->state, out);
}

int dx_query_read(dx_query *query, int64_t key, dx_entity *out) {
    query->rows_read++;
    return query->is_past ? read_past(query, key, out)
                          : dx_entity_read(query->context, query->space, key, out);
}

int dx_query_take_past(dx_query_walk *walk, int64_t key) {
    dx_query *query = walk->query;
    dx_entity entity;
    bool matches = false;
    int error = dx_query_read(query, key, &entity);
    if (error == DX_OK) {
        error = dx_filter_matches(query, walk->filter, &entity, &matches);
    }
    if (error != DX_OK || !matches) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return walk->found(query, &entity);
}

/* --- Steps ----------------------------------------------------------------------------------------- */

static const dx_query_step *step_of(const dx_query *query) {
    return &query->question.steps[query->step];
}

/* An object that a step leads to, if it showed. */
static int judge_end(dx_query *query, const dx_entity *entity) {
    const dx_query_step *step = step_of(query);
    const dx_query_filter *ends = &step->ends;
    bool matches = false, is_new = false, named = ends->has_type && dx_bytes_equal(ends->type, entity->type);
    if (entity->deleted || entity->kind != DX_ENTITY_OBJECT || (dx_type_is_hidden(entity->type) && !named)) {
        return DX_OK;
    }
    int64_t key = entity->key;
    int error = dx_filter_matches(query, ends, entity, &matches);
    if (error == DX_OK && (matches || step->repeats)) {
        error = dx_query_is_new(query, step->repeats, key, &is_new);
    }
    return is_new ? query->reach(query, key, matches) : error;
}

static int take_end(dx_query *query, int64_t key) {
    dx_entity entity;
    int error = dx_query_read(query, key, &entity);
    return error == DX_OK ? judge_end(query, &entity) : error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int follow_link(dx_query *query, const dx_entity *link) {
    return take_end(query, step_of(query)->way == DX_QUERY_OUT ? link->target : link->source);
}

static int walk_links(dx_query *query, const dx_query_step *step, int64_t from, bool *done) {
    bool out = step->way == DX_QUERY_OUT;
    const dx_query_filter filter = {.links = true,
                                    .has_type = step->has_link_type,
                                    .type = step->link_type,
                                    .has_source = out,
                                    .has_target = !out,
                                    .source = from,
                                    .target = from};
    dx_query_walk walk = {.query = query, .filter = &filter, .found = follow_link};
    int64_t type = 0;
    int error = step->has_link_type ? dx_query_find_type(query, DX_TYPE_LINK, step->link_type, &type) : DX_OK;
    *done = step->has_link_type && type == 0;
    if (error != DX_OK || *done) {
        spend(query, 1);
        return error;
    }
    return dx_query_walk_ends(&walk, type, done);
}

static int collect_key(void *ctx, int64_t key) {
    dx_key_list_add(ctx, key);
    return dx_buf_error(ctx);
}

/* Where its parent, or a reference, leads: what is read of it goes when the next is read. */
static int walk_own(dx_query *query, const dx_query_step *step, int64_t from) {
    dx_entity entity;
    spend(query, 1);
    dx_buf_clear(&query->ends);
    int error = dx_query_read(query, from, &entity);
    if (error == DX_OK && step->way == DX_QUERY_PARENT) {
        error = entity.parent != 0 ? collect_key(&query->ends, entity.parent) : DX_OK;
    } else if (error == DX_OK) {
        error = dx_query_references(query, &entity, step->path, collect_key, &query->ends);
    }
    for (size_t i = 0; i < dx_key_list_count(&query->ends) && error == DX_OK; i++) {
        error = take_end(query, dx_key_list_at(&query->ends, i));
    }
    dx_buf_clear(&query->ends);
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

typedef struct meeting {
    const dx_buf *from; /* sorted */
    bool met;
} meeting;

static int meet(void *ctx, int64_t key) {
    meeting *self = ctx;
    self->met = self->met || dx_key_list_has(self->from, key);
    return DX_OK;
}

/* An object of those that were there: a child of, or one that referred to, any that the step comes from. */
static int look_back(dx_query *query, const dx_entity *entity) {
    const dx_query_step *step = step_of(query);
    meeting met = {.from = &query->from};
    int error = step->way == DX_QUERY_CHILDREN ? meet(&met, entity->parent)
                                               : dx_query_references(query, entity, step->path, meet, &met);
    return error == DX_OK && met.met ? judge_end(query, entity) : error;
}

int dx_query_walk_past_step(dx_query *query, const dx_query_step *step, dx_query_reached *reached) {
    int64_t from = dx_key_list_at(&query->from, query->at);
    bool done = true;
    int error;
    query->reach = reached;
    if (step->way == DX_QUERY_CHILDREN || step->way == DX_QUERY_REFERRERS) {
        bool narrow = step->ends.has_type && !step->repeats;
        const dx_query_filter filter = {.objects = true, .has_type = narrow, .type = step->ends.type};
        dx_query_walk walk = {.query = query, .filter = &filter, .found = look_back};
        done = false;
        error = dx_query_walk_types(&walk, &done);
        query->at = done ? dx_key_list_count(&query->from) : query->at; /* of all at once */
    } else if (step->way == DX_QUERY_OUT || step->way == DX_QUERY_IN) {
        error = walk_links(query, step, from, &done);
        query->at += done;
    } else {
        error = walk_own(query, step, from);
        query->at++;
    }
    if (error == DX_OK && done) {
        query->place = (dx_query_place){0};
    }
    return error;
}
