/* echo/query_anchor.c: what of a filter a change can be found by, without asking the filter.
 *
 * Layer: floor 1, echo. For subscriptions (subscription.c): of many filters those that a change may concern are found by
 * hash. Hashes are equal wherever the filter would hold the things equal; that others have the same is no harm, as the
 * filter itself judges. */
#include "echo/order.h"
#include "echo/query_state.h"

static uint64_t mix(uint64_t hash, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t dx_anchor_hash(int64_t space, dx_query_anchor_kind kind, int64_t key, dx_bytes type) {
    const int64_t head[] = {space, kind, key};
    return mix(mix(UINT64_C(0xcbf29ce484222325), head, sizeof head), type.data, type.size);
}

uint64_t dx_anchor_value_hash(uint64_t anchor, dx_bytes path, dx_bytes form) {
    return mix(mix(mix(anchor, &path.size, sizeof path.size), path.data, path.size), form.data, form.size);
}

int dx_query_value_hash(dx_query *query, const dx_entity *entity, dx_bytes path, uint64_t anchor, bool *there,
                        uint64_t *hash) {
    dx_bytes item;
    int error = dx_query_look(query, entity, path, &item);
    *there = error == DX_OK && item.size > 0;
    if (*there) {
        dx_buf_clear(&query->form);
        dx_order_write(item, &query->form);
        error = dx_buf_error(&query->form);
        *hash = dx_anchor_value_hash(anchor, path, dx_buf_view(&query->form));
    }
    return error;
}

/* The first value that all that matches has; NULL: none is asked for. */
static const dx_query_node *find_value(const dx_question *question) {
    const dx_query_filter *filter = &question->filter;
    for (size_t i = filter->begin; i < filter->end;) {
        const dx_query_node *node = dx_query_node_at(question, i);
        if (node->op == DX_QUERY_EQUAL) {
            return node;
        }
        i = node->op == DX_QUERY_ALL ? i + 1 : node->end; /* all of these must hold, too */
    }
    return NULL;
}

void dx_query_anchor_of(const dx_query *query, dx_query_anchor *out) {
    const dx_query_filter *filter = &query->question.filter;
    *out = (dx_query_anchor){.kind = filter->has_id       ? DX_ANCHOR_ID
                                     : filter->has_source ? DX_ANCHOR_SOURCE
                                     : filter->has_target ? DX_ANCHOR_TARGET
                                     : filter->has_type   ? DX_ANCHOR_TYPE
                                                          : DX_ANCHOR_NONE};
    out->key = filter->has_id ? filter->id : filter->has_source ? filter->source : filter->target;
    bool by_key = out->kind != DX_ANCHOR_TYPE && out->kind != DX_ANCHOR_NONE;
    out->key = by_key ? out->key : 0;
    out->type = out->kind == DX_ANCHOR_TYPE ? filter->type : dx_bytes_of(NULL, 0);
    const dx_query_node *value = by_key ? NULL : find_value(&query->question);
    if (value != NULL) {
        out->path = value->path;
        out->form = dx_query_value(&query->question, value);
    }
}
