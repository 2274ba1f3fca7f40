/* echo/query.c: a query's life: seek what the filter matches, follow its steps, give the rows.
 *
 * Layer: floor 1, echo. Contract in query.h. Phases: SEEK walks the filter and gives rows at once, or
 * collects where "follow" and "path" begin; FOLLOW takes one step after another from a sorted list of keys to
 * the next; SEARCH looks for a path; GIVE reads the rows of a list. */
#include <string.h>

#include "echo/query_state.h"

enum { VIEW_SIZE_MAX = 80 << 20 }; /* of one object shown: a state (DX_OBJECT_STATE_SIZE_MAX) and some */

/* --- Life ---------------------------------------------------------------------------------------- */

/* The place in the filter's own order after a row of an earlier run. */
static int begin_after(dx_query *query, char *message, size_t message_size) {
    dx_entity entity;
    if (query->question.after == 0 || query->question.step_count > 0) {
        return DX_OK;
    }
    int error = dx_entity_read(query->context, query->space, query->question.after, &entity);
    if (error == DX_E_NOT_FOUND || (error == DX_OK && !dx_query_could_match(query, &entity))) {
        return dx_question_refuse(message, message_size,
                                  "\"after\" is the id of the last row of the same query");
    }
    query->place = (dx_query_place){.kind = (int)entity.kind,
                                    .type = entity.type_id,
                                    .end = query->question.filter.has_source ? entity.target : entity.source,
                                    .deleted = entity.deleted,
                                    .key = entity.key};
    return error;
}

int dx_query_create(dx_context *context, dx_space *space, dx_bytes item, char *message, size_t message_size,
                    dx_query **out) {
    size_t list_max = (size_t)DX_QUERY_KEYS_MAX * sizeof(int64_t);
    *out = NULL;
    dx_query *query = dx_alloc_take_zeroed(context->alloc, sizeof *query);
    if (query == NULL) {
        return DX_E_NO_MEMORY;
    }
    query->context = context;
    query->space = space;
    dx_buf_init(&query->item, context->alloc, DX_QUERY_SIZE_MAX + 1);
    dx_buf_init(&query->view, context->alloc, VIEW_SIZE_MAX);
    dx_buf_init(&query->from, context->alloc, list_max);
    dx_buf_init(&query->keys, context->alloc, list_max);
    dx_buf_init(&query->order, context->alloc, list_max);
    dx_buf_init(&query->origins, context->alloc, list_max);
    dx_key_table_init(&query->seen, context->alloc, context->random, DX_QUERY_KEYS_MAX);
    dx_buf_append(&query->item, item.data, item.size < DX_QUERY_SIZE_MAX ? item.size : DX_QUERY_SIZE_MAX + 1);
    int error = dx_buf_error(&query->item);
    if (error == DX_OK) {
        error = dx_question_parse(context, space, dx_buf_view(&query->item), message, message_size,
                                  &query->question);
    }
    if (error == DX_OK) {
        error = begin_after(query, message, message_size);
    }
    if (error == DX_OK && query->question.limit == 0) {
        query->phase = DX_QUERY_DONE;
    }
    if (error != DX_OK) {
        dx_query_destroy(query);
        return error;
    }
    *out = query;
    return DX_OK;
}

void dx_query_destroy(dx_query *query) {
    if (query == NULL) {
        return;
    }
    dx_buf_deinit(&query->item);
    dx_buf_deinit(&query->view);
    dx_buf_deinit(&query->from);
    dx_buf_deinit(&query->keys);
    dx_buf_deinit(&query->order);
    dx_buf_deinit(&query->origins);
    dx_key_table_deinit(&query->seen);
    dx_alloc_free(query->context->alloc, query, sizeof *query);
}

int64_t dx_query_count(const dx_query *query) {
    return query->count;
}

bool dx_query_counts(const dx_query *query) {
    return query->question.counts;
}

bool dx_query_is_plain(const dx_query *query) {
    return query->question.step_count == 0 && !query->question.has_path;
}

bool dx_query_is_filter(const dx_query *query) {
    const dx_question *question = &query->question;
    return dx_query_is_plain(query) && !question->counts && question->after == 0 &&
           question->limit == INT64_MAX;
}

int dx_query_matches(dx_query *query, const dx_entity *entity, bool *matches) {
    return dx_filter_matches(query, &query->question.filter, entity, matches);
}

bool dx_query_could_match(dx_query *query, const dx_entity *entity) {
    return dx_filter_could_match(&query->question.filter, entity);
}

/* --- Rows ---------------------------------------------------------------------------------------- */

static int give(dx_query *query, const dx_entity *entity) {
    query->count++;
    if (query->count == query->question.limit) {
        query->phase = DX_QUERY_DONE;
    }
    return query->question.counts ? DX_OK : query->on_entity(query->ctx, entity);
}

/* A full list may be full of repetitions: they go before it is called too long. */
static int collect(dx_query *query, int64_t key) {
    size_t count_max = query->keys.max / sizeof key;
    if (dx_key_list_count(&query->keys) == count_max) {
        dx_key_list_sort(&query->keys);
        if (dx_key_list_count(&query->keys) > count_max / 4 * 3) {
            return DX_E_LIMIT;
        }
    }
    dx_key_list_add(&query->keys, key);
    return dx_buf_error(&query->keys);
}

static int collect_start(dx_query *query, const dx_entity *entity) {
    return collect(query, entity->key);
}

/* Reads and gives the row of one key; what went since it was collected is passed over. */
static int give_key(dx_query *query, int64_t key) {
    dx_entity entity;
    int error = dx_entity_read(query->context, query->space, key, &entity);
    if (error == DX_OK && !entity.deleted) {
        error = give(query, &entity);
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int give_keys(dx_query *query) {
    int error = DX_OK;
    while (query->budget > 0 && error == DX_OK && query->phase == DX_QUERY_GIVE) {
        if (query->at == dx_key_list_count(&query->keys)) {
            query->phase = DX_QUERY_DONE;
            break;
        }
        int64_t key = dx_key_list_at(&query->keys, query->at++);
        query->budget--;
        if (key > query->question.after) {
            error = query->question.counts ? give(query, NULL) : give_key(query, key);
        }
    }
    return error;
}

/* --- Phases -------------------------------------------------------------------------------------- */

/* What was collected, each once and in order, is where the next step begins; after the last it is the answer.
 */
static void begin_step(dx_query *query) {
    dx_key_list_sort(&query->keys);
    query->at = 0;
    query->place = (dx_query_place){0};
    if (query->step == query->question.step_count) {
        query->phase = DX_QUERY_GIVE;
        return;
    }
    dx_buf reached = query->from;
    query->from = query->keys;
    query->keys = reached;
    dx_buf_clear(&query->keys);
    query->phase = DX_QUERY_FOLLOW;
}

static int seek(dx_query *query) {
    const dx_question *question = &query->question;
    bool done, follows = question->step_count > 0;
    int error = dx_query_walk_filter(query,
                                     question->has_path ? dx_query_add_start
                                     : follows          ? collect_start
                                                        : give,
                                     &done);
    if (error != DX_OK || !done || query->phase != DX_QUERY_SEEK) {
        return error;
    }
    if (follows) {
        begin_step(query);
    } else if (question->has_path) {
        query->phase = DX_QUERY_SEARCH;
        query->place = (dx_query_place){0};
        query->level_end = dx_key_list_count(&query->order);
        query->hops = 1;
    } else {
        query->phase = DX_QUERY_DONE;
    }
    return DX_OK;
}

static int follow(dx_query *query) {
    while (query->budget > 0) {
        if (query->at == dx_key_list_count(&query->from)) {
            query->step++;
            begin_step(query);
            return DX_OK;
        }
        bool done;
        int error = dx_query_walk_step(query, &query->question.steps[query->step],
                                       dx_key_list_at(&query->from, query->at), collect, &done);
        if (error != DX_OK) {
            return error;
        }
        if (done) {
            query->at++;
            query->place = (dx_query_place){0};
        }
    }
    return DX_OK;
}

int dx_query_run(dx_query *query, size_t budget, int (*on_entity)(void *ctx, const dx_entity *entity),
                 void *ctx, bool *more) {
    int error = DX_OK;
    query->budget = budget;
    query->on_entity = on_entity;
    query->ctx = ctx;
    while (error == DX_OK && query->budget > 0 && query->phase != DX_QUERY_DONE) {
        switch (query->phase) {
        case DX_QUERY_SEEK:
            error = seek(query);
            break;
        case DX_QUERY_FOLLOW:
            error = follow(query);
            break;
        case DX_QUERY_SEARCH:
            error = dx_query_search(query);
            break;
        case DX_QUERY_GIVE:
            error = give_keys(query);
            break;
        case DX_QUERY_DONE:
            break;
        }
    }
    *more = error == DX_OK && query->phase != DX_QUERY_DONE;
    return error;
}
