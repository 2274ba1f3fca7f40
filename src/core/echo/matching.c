/* echo/matching.c: what matches the question of a scope. See matching.h.
 *
 * Layer: floor 1, echo. */
#include "echo/matching.h"

#include <string.h>

#include "base/limits.h"
#include "echo/key_set.h"
#include "echo/query.h"
#include "echo/saved_state.h"

enum { MATCHES_PER_BUCKET = 16 };

struct dx_matching {
    dx_context *context;
    dx_space *space;
    dx_query *query;
    dx_buf found;       /* of dx_match */
    dx_key_table where; /* of a key in it */
    dx_buf state;       /* canonical */
};

/* --- Life ------------------------------------------------------------------------------------------- */

static int check(const dx_matching *self, char *message, size_t message_size) {
    bool fits =
        dx_query_is_filter(self->query) || (dx_query_is_window(self->query) && !dx_query_groups(self->query));
    if (!fits) {
        sqlite3_snprintf(
            (int)message_size, message, "%s",
            "a scope's question is a filter, alone or with \"order\" and \"limit\": no steps, no words, no "
            "groups and no counting");
    }
    return fits ? DX_OK : DX_E_INVALID;
}

int dx_matching_begin(dx_context *context, dx_space *space, dx_bytes question, char *message,
                      size_t message_size, dx_matching **out) {
    dx_matching *self = dx_alloc_take_zeroed(context->alloc, sizeof *self);
    *out = NULL;
    if (self == NULL) {
        return DX_E_NO_MEMORY;
    }
    self->context = context;
    self->space = space;
    dx_buf_init(&self->found, context->alloc, DX_MATCHES_MAX * sizeof(dx_match));
    dx_buf_init(&self->state, context->alloc, DX_STATE_SIZE_MAX);
    dx_key_table_init(&self->where, context->alloc, context->random, DX_MATCHES_MAX);
    int error = dx_query_create(context, space, question, message, message_size, &self->query);
    error = error == DX_OK ? check(self, message, message_size) : error;
    if (error != DX_OK) {
        dx_matching_destroy(self);
        return error;
    }
    *out = self;
    return DX_OK;
}

void dx_matching_destroy(dx_matching *matching) {
    if (matching == NULL) {
        return;
    }
    dx_query_destroy(matching->query);
    dx_key_table_deinit(&matching->where);
    dx_buf_deinit(&matching->found);
    dx_buf_deinit(&matching->state);
    dx_alloc_free(matching->context->alloc, matching, sizeof *matching);
}

/* --- Rows ------------------------------------------------------------------------------------------- */

/* Nothing here names this vault's numbers, and no two rows give the same bytes. */
static int sum_row(dx_matching *self, const dx_entity *entity, uint64_t *sum) {
    uint8_t id[DX_ID_SIZE], parent[DX_ID_SIZE] = {0}, out[DX_HASH_SIZE];
    const uint8_t deleted = entity->deleted;
    dx_hash_state hash;
    dx_bytes state = {0};
    int error = dx_key_to_id(self->space, entity->key, id);
    if (error == DX_OK && entity->parent != 0) {
        error = dx_key_to_id(self->space, entity->parent, parent);
    }
    if (error == DX_OK) {
        error = dx_saved_state_canonical(self->context, entity->model, entity->state, &self->state, &state);
    }
    dx_hash_begin(&hash, DX_HASH_MATCH, dx_bytes_of(NULL, 0));
    dx_hash_add(&hash, id, sizeof id);
    dx_hash_add(&hash, &deleted, sizeof deleted);
    dx_hash_add(&hash, parent, sizeof parent);
    dx_hash_add(&hash, state.data, state.size);
    dx_hash_end(&hash, out);
    *sum = 0;
    for (size_t i = 0; i < sizeof *sum; i++) {
        *sum |= (uint64_t)out[i] << (8 * i);
    }
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

static int take_row(void *ctx, const dx_query_row *row) {
    dx_matching *self = ctx;
    dx_match match = {.key = row->key};
    int error = sum_row(self, row->entity, &match.sum);
    if (error != DX_OK) {
        return error;
    }
    const dx_key_slot *slot = dx_key_table_find(&self->where, match.key);
    if (slot != NULL) { /* it changed while this went on */
        memcpy(self->found.data + slot->value * sizeof match, &match, sizeof match);
        return DX_OK;
    }
    error = dx_key_table_add(&self->where, match.key, (uint32_t)dx_matching_count(self));
    dx_buf_append(&self->found, &match, sizeof match);
    return error != DX_OK ? error : dx_buf_error(&self->found);
}

int dx_matching_run(dx_matching *matching, size_t budget, bool *more) {
    dx_query_plan plan;
    int error = dx_query_run(matching->query, budget, take_row, matching, more);
    dx_query_explain(matching->query, &plan);
    return error == DX_OK && plan.examined > DX_MATCHING_EXAMINED_MAX ? DX_E_LIMIT : error;
}

size_t dx_matching_count(const dx_matching *matching) {
    return matching->found.size / sizeof(dx_match);
}

const dx_match *dx_matching_at(const dx_matching *matching, size_t index) {
    DX_ASSERT(index < dx_matching_count(matching));
    return (const dx_match *)(const void *)matching->found.data + index;
}

const dx_match *dx_matching_find(const dx_matching *matching, int64_t key) {
    const dx_key_slot *slot = dx_key_table_find(&matching->where, key);
    return slot == NULL ? NULL : dx_matching_at(matching, slot->value);
}

/* --- Buckets ---------------------------------------------------------------------------------------- */

size_t dx_match_buckets(size_t matches) {
    size_t buckets = 1;
    while (buckets < DX_MATCH_BUCKETS_MAX && buckets * MATCHES_PER_BUCKET < matches) {
        buckets *= 2;
    }
    return buckets;
}

/* FNV-1a, whose high bits are the better mixed. */
size_t dx_match_bucket(const uint8_t id[static DX_ID_SIZE], size_t buckets) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < DX_ID_SIZE; i++) {
        hash = (hash ^ id[i]) * UINT64_C(0x100000001b3);
    }
    return (size_t)(hash >> 40) & (buckets - 1);
}

int dx_matching_sums(const dx_matching *matching, size_t buckets, uint64_t *sums) {
    int error = DX_OK;
    memset(sums, 0, buckets * sizeof *sums);
    for (size_t i = 0; i < dx_matching_count(matching) && error == DX_OK; i++) {
        const dx_match *match = dx_matching_at(matching, i);
        uint8_t id[DX_ID_SIZE];
        error = dx_key_to_id(matching->space, match->key, id);
        sums[dx_match_bucket(id, buckets)] += error == DX_OK ? match->sum : 0;
    }
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}
