/* echo/query_anchor.c: what of a filter a change can be found by, without asking the filter.
 *
 * Layer: floor 1, echo. For subscriptions (subscription.c): of many filters those that a change may concern are found by
 * hash. Hashes are equal wherever the filter would hold the things equal; that others have the same is no harm, as the
 * filter itself judges. */
#include "echo/query_state.h"

enum { WHOLE_MAX_BITS = 53 }; /* whole numbers to which one double each is equal */

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

uint64_t dx_anchor_value_hash(uint64_t anchor, dx_bytes path, dx_bytes item) {
    const int64_t whole_max = INT64_C(1) << WHOLE_MAX_BITS;
    dx_reader reader;
    int64_t whole = dx_item_int(item, INT64_MAX);
    uint64_t hash = mix(mix(anchor, &path.size, sizeof path.size), path.data, path.size);
    if (dx_item_kind(item) == DX_KIND_DOUBLE) {
        dx_reader_init(&reader, item);
        double number = dx_read_double(&reader);
        bool fits = number >= -(double)whole_max && number <= (double)whole_max;
        whole = fits && (double)(int64_t)number == number ? (int64_t)number : INT64_MAX;
    }
    bool number = dx_item_kind(item) == DX_KIND_INT || dx_item_kind(item) == DX_KIND_DOUBLE;
    return number && whole >= -whole_max && whole <= whole_max ? mix(hash, &whole, sizeof whole)
                                                               : mix(hash, item.data, item.size);
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
    if (!by_key && filter->condition_count > 0) {
        out->path = filter->conditions[0].path;
        out->value = filter->conditions[0].value;
    }
}
