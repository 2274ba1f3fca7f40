/* echo/subscription.c: turns the changes of a step into rows for one watcher.
 *
 * Layer: floor 1, echo. Contract in subscription.h. The keys that matched last are remembered, so what stops
 * matching is told once, and what never matched is not told at all. While they are still being learnt, or
 * when they are too many, the row's own marks decide as well as they can. */
#include "echo/subscription.h"

#include "echo/query_state.h"

enum { ROW_SIZE_MAX = 80 << 20 }; /* one entity shown */

struct dx_subscription {
    dx_context *context;
    dx_space *space;
    dx_query *query;   /* judges changes */
    dx_query *learner; /* walks what matches already; NULL: learnt, or given up */
    dx_buf item;       /* the question, to begin learning anew */
    dx_key_table known;
    bool certain;      /* `known` is all that matches */
    dx_key_table told; /* in the step under way */
    dx_buf entity, row;
};

/* --- Life ---------------------------------------------------------------------------------------- */

static int begin_learning(dx_subscription *self) {
    char message[DX_QUERY_MESSAGE_SIZE];
    dx_query_destroy(self->learner);
    self->certain = false;
    dx_key_table_clear(&self->known);
    return dx_query_create(self->context, self->space, dx_buf_view(&self->item), message, sizeof message,
                           &self->learner);
}

int dx_subscription_create(dx_context *context, dx_space *space, dx_bytes query, char *message,
                           size_t message_size, dx_subscription **out) {
    static const uint8_t everything[] = {0xa1, 0x64, 'k', 'i', 'n', 'd', 0x63, 'a', 'n', 'y'};
    *out = NULL;
    dx_subscription *self = dx_alloc_take_zeroed(context->alloc, sizeof *self);
    if (self == NULL) {
        return DX_E_NO_MEMORY;
    }
    self->context = context;
    self->space = space;
    dx_buf_init(&self->item, context->alloc, DX_QUERY_SIZE_MAX);
    dx_buf_init(&self->entity, context->alloc, ROW_SIZE_MAX);
    dx_buf_init(&self->row, context->alloc, ROW_SIZE_MAX);
    dx_key_table_init(&self->told, context->alloc, context->random, DX_CHANGES_MAX);
    dx_key_table_init(&self->known, context->alloc, context->random, DX_SUBSCRIPTION_KEYS_MAX);
    if (query.size == 0) {
        query = dx_bytes_of(everything, sizeof everything);
    }
    int error = dx_query_create(context, space, query, message, message_size, &self->query);
    if (error == DX_OK && !dx_query_is_filter(self->query)) {
        error = dx_question_refuse(message, message_size,
                                   "watch takes a filter alone, without follow, path, order, group, limit, "
                                   "after, cursor, ids or count");
    }
    if (error == DX_OK) {
        dx_buf_append(&self->item, query.data, query.size);
        error = dx_buf_error(&self->item);
    }
    if (error == DX_OK) {
        error = begin_learning(self);
    }
    if (error != DX_OK) {
        dx_subscription_destroy(self);
        return error;
    }
    *out = self;
    return DX_OK;
}

void dx_subscription_destroy(dx_subscription *self) {
    if (self == NULL) {
        return;
    }
    dx_query_destroy(self->query);
    dx_query_destroy(self->learner);
    dx_key_table_deinit(&self->known);
    dx_buf_deinit(&self->item);
    dx_buf_deinit(&self->entity);
    dx_buf_deinit(&self->row);
    dx_key_table_deinit(&self->told);
    dx_alloc_free(self->context->alloc, self, sizeof *self);
}

void dx_subscription_limit(dx_subscription *self, size_t keys_max) {
    self->known.count_max = keys_max;
}

/* --- What matches -------------------------------------------------------------------------------- */

/* Remembering one too many ends all remembering. */
static int remember(dx_subscription *self, int64_t key) {
    int error = dx_key_table_add(&self->known, key, 0);
    if (error == DX_E_LIMIT) {
        self->certain = false;
        dx_key_table_clear(&self->known);
        dx_query_destroy(self->learner);
        self->learner = NULL;
        return DX_OK;
    }
    return error == DX_E_EXISTS ? DX_OK : error;
}

typedef struct learning {
    dx_subscription *self;
    bool full;
} learning;

static int learn(void *ctx, const dx_query_row *row) {
    learning *state = ctx;
    int error = dx_key_table_add(&state->self->known, row->key, 0);
    state->full |= error == DX_E_LIMIT;
    return error == DX_E_EXISTS || error == DX_E_LIMIT ? DX_OK : error;
}

int dx_subscription_run(dx_subscription *self, size_t budget, bool *more) {
    *more = false;
    if (self->learner == NULL) {
        return DX_OK;
    }
    learning state = {.self = self};
    int error = dx_query_run(self->learner, budget, learn, &state, more);
    if (error != DX_OK) {
        return error;
    }
    if (state.full) {
        dx_key_table_clear(&self->known);
        *more = false;
    }
    if (!*more) {
        dx_query_destroy(self->learner);
        self->learner = NULL;
        self->certain = !state.full;
    }
    return DX_OK;
}

/* --- Rows ---------------------------------------------------------------------------------------- */

/* The entity's map with "change" in its place among the keys. */
static int write_row(dx_subscription *self, const char *change, const dx_entity *entity) {
    static const char name[] = "change";
    static const uint8_t encoded_name[] = {0x66, 'c', 'h', 'a', 'n', 'g', 'e'};
    dx_writer writer;
    dx_reader reader;
    bool written = false;
    dx_buf_clear(&self->row);
    if (entity != NULL) {
        dx_buf_clear(&self->entity);
        int error = dx_entity_write_row(self->context, self->space, entity, &self->entity);
        if (error != DX_OK) {
            return error;
        }
        dx_reader_init(&reader, dx_buf_view(&self->entity));
    }
    size_t count = entity == NULL ? 0 : dx_read_map(&reader);
    dx_writer_init(&writer, &self->row);
    dx_write_map(&writer, count + 1);
    for (size_t i = 0; i < count; i++) {
        dx_bytes key = dx_read_item(&reader);
        if (!written && dx_key_compare(key, dx_bytes_of(encoded_name, sizeof encoded_name)) > 0) {
            dx_write_text(&writer, name);
            dx_write_text(&writer, change);
            written = true;
        }
        dx_write_item(&writer, key);
        dx_write_item(&writer, dx_read_item(&reader));
    }
    if (!written) {
        dx_write_text(&writer, name);
        dx_write_text(&writer, change);
    }
    return dx_writer_finish(&writer);
}

/* What to say of an entity, NULL for nothing, and what to remember. */
static int judge(dx_subscription *self, const dx_entity *entity, bool created, const char **change) {
    bool matches, known = dx_key_table_find(&self->known, entity->key) != NULL;
    int error = dx_query_matches(self->query, entity, &matches);
    *change = NULL;
    if (error != DX_OK) {
        return error;
    }
    if (matches) {
        *change = !known && (created || self->certain) ? "added" : "changed";
        return known || (!self->certain && self->learner == NULL) ? DX_OK : remember(self, entity->key);
    }
    if (dx_key_table_remove(&self->known, entity->key) ||
        (!self->certain && !created && dx_query_could_match(self->query, entity))) {
        *change = "removed";
    }
    return DX_OK;
}

/* One key's row, if it has one. An entity that is not here any more went with its space. */
static int take_change(dx_subscription *self, const dx_change *change, int (*on_row)(void *ctx, dx_bytes row),
                       void *ctx) {
    dx_entity entity;
    const char *word;
    int error = dx_entity_read(self->context, self->space, change->key, &entity);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    error = judge(self, &entity, change->created, &word);
    if (error != DX_OK || word == NULL) {
        return error;
    }
    error = write_row(self, word, &entity);
    return error == DX_OK ? on_row(ctx, dx_buf_view(&self->row)) : error;
}

int dx_subscription_take(dx_subscription *self, const dx_changes *changes,
                         int (*on_row)(void *ctx, dx_bytes row), void *ctx) {
    if (changes->overflow) {
        int error = begin_learning(self);
        if (error == DX_OK) {
            error = write_row(self, "refresh", NULL);
        }
        return error == DX_OK ? on_row(ctx, dx_buf_view(&self->row)) : error;
    }
    /* One row per entity, by its first change: whether the step created it is known there, and the row shows
     * it as it is now. */
    int error = DX_OK;
    for (size_t i = 0; i < changes->count && error == DX_OK; i++) {
        error = dx_key_table_add(&self->told, changes->items[i].key, 0);
        if (error == DX_OK) {
            error = take_change(self, &changes->items[i], on_row, ctx);
        } else if (error == DX_E_EXISTS) {
            error = DX_OK;
        }
    }
    dx_key_table_clear(&self->told);
    return error;
}
