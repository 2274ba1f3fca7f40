/* echo/query_plan.c: chooses the index a filter begins with.
 *
 * Layer: floor 1, echo. Conditions that all must hold, and say something of one path, become one range of values;
 * among the indexes that have one, and the children when a parent is asked for, the one with the fewest entries is
 * taken, counted only as far as it matters. */
#include <string.h>

#include "echo/index_entry.h"
#include "echo/query_state.h"

enum { COUNTED_MAX = 256 };

/* A range being put together from the conditions on one path; offsets into query->bounds. */
typedef struct bounds {
    size_t low, low_size, high, high_size;
    bool is_value, is_set, exact;
    size_t node;       /* of a set */
    size_t conditions; /* on the path that the range stands for */
} bounds;

static dx_bytes cut(dx_bytes form) {
    return dx_bytes_of(form.data, form.size < DX_ORDER_INDEXED_MAX ? form.size : DX_ORDER_INDEXED_MAX);
}

static size_t keep(dx_query *query, dx_bytes form) {
    size_t at = query->bounds.size;
    dx_buf_append(&query->bounds, form.data, form.size);
    return at;
}

static dx_bytes kept(const dx_query *query, size_t at, size_t size) {
    return dx_bytes_of(query->bounds.data + at, size);
}

static void raise_low(dx_query *query, bounds *to, dx_bytes form) {
    if (to->low_size == 0 || dx_bytes_compare(form, kept(query, to->low, to->low_size)) > 0) {
        to->low = keep(query, form);
        to->low_size = form.size;
    }
}

/* Nothing stands between a form and the same with a zero byte behind it. */
static void raise_low_behind(dx_query *query, bounds *to, dx_bytes form) {
    uint8_t bytes[DX_ORDER_INDEXED_MAX + 1];
    memcpy(bytes, form.data, form.size);
    bytes[form.size] = 0;
    raise_low(query, to, dx_bytes_of(bytes, form.size + 1));
}

static void lower_high(dx_query *query, bounds *to, dx_bytes form) {
    if (to->high_size == 0 || dx_bytes_compare(form, kept(query, to->high, to->high_size)) < 0) {
        to->high = keep(query, form);
        to->high_size = form.size;
    }
}

/* The form right behind this one, and all that begins with it. */
static void put_behind(dx_query *query, bounds *to, dx_bytes form, bool with_beginnings) {
    uint8_t bytes[DX_ORDER_INDEXED_MAX + 1];
    size_t size = form.size;
    memcpy(bytes, form.data, size);
    if (!with_beginnings) {
        bytes[size++] = 0;
    } else {
        while (bytes[size - 1] == 0xff) { /* the class, which comes first, never is */
            size--;
        }
        bytes[size - 1]++;
    }
    lower_high(query, to, dx_bytes_of(bytes, size));
}

static void narrow(dx_query *query, const dx_query_node *node, size_t index, bounds *to) {
    dx_bytes whole, form;
    uint8_t order_class, behind;
    if (node->op == DX_QUERY_ANY) {
        for (size_t i = index + 1; i < node->end; i++) {
            to->exact = to->exact && dx_query_node_at(&query->question, i)->value_size < DX_ORDER_INDEXED_MAX;
        }
        to->is_set = true;
        to->node = index;
        to->conditions++;
        return;
    }
    whole = dx_query_value(&query->question, node);
    form = cut(whole);
    order_class = form.data[0];
    behind = (uint8_t)(order_class + 1);
    to->exact = to->exact && whole.size < DX_ORDER_INDEXED_MAX;
    to->conditions++;
    switch ((int)node->op) {
    case DX_QUERY_EQUAL:
        to->is_value = true;
        raise_low(query, to, form);
        put_behind(query, to, form, false);
        break;
    case DX_QUERY_GREATER:
    case DX_QUERY_AT_LEAST:
        if (node->op == DX_QUERY_GREATER && whole.size < DX_ORDER_INDEXED_MAX) {
            raise_low_behind(query, to, form);
        } else {
            raise_low(query, to, form);
        }
        lower_high(query, to, dx_bytes_of(&behind, 1));
        break;
    case DX_QUERY_LESS:
    case DX_QUERY_AT_MOST:
        raise_low(query, to, dx_bytes_of(&order_class, 1));
        if (node->op == DX_QUERY_LESS && whole.size < DX_ORDER_INDEXED_MAX) {
            lower_high(query, to, form);
        } else {
            put_behind(query, to, form, false);
        }
        break;
    default: /* PREFIX */
        raise_low(query, to, form);
        put_behind(query, to, form, true);
    }
}

/* Whether a range of an index can stand for the condition. */
static bool is_range(const dx_query_node *node) {
    return (node->op == DX_QUERY_ANY && node->path.size != 0) || node->op == DX_QUERY_EQUAL ||
           (node->op >= DX_QUERY_GREATER && node->op <= DX_QUERY_PREFIX);
}

/* All conditions of the filter on one path as one range. */
static int make_range(dx_query *query, const dx_index *index, size_t first, dx_query_range *range) {
    const dx_question *question = &query->question;
    const dx_query_filter *filter = &question->filter;
    bounds to = {.exact = true};
    size_t conditions = 0;
    for (size_t i = filter->begin; i < filter->end; i = dx_query_node_at(question, i)->end) {
        const dx_query_node *node = dx_query_node_at(question, i);
        conditions++;
        if (is_range(node) && dx_bytes_equal(node->path, index->path)) {
            narrow(query, node, i, &to);
        }
    }
    if (to.is_set && to.conditions > 1) {
        to.exact = false;
    }
    *range = (dx_query_range){.index = index->id,
                              .automatic = index->automatic,
                              .path = dx_query_node_at(question, first)->path,
                              .low = to.low,
                              .low_size = to.low_size,
                              .high = to.high,
                              .high_size = to.high_size,
                              .is_value = to.is_value,
                              .is_set = to.is_set && to.low_size == 0,
                              .decides = to.exact && to.conditions == conditions && !filter->has_parent,
                              .node = to.node};
    return dx_buf_error(&query->bounds);
}

static int count_set(dx_query *query, const dx_query_range *range, int64_t *count) {
    const dx_question *question = &query->question;
    *count = 0;
    int error = DX_OK;
    for (size_t i = range->node + 1; i < dx_query_node_at(question, range->node)->end && error == DX_OK;
         i++) {
        uint8_t high[DX_ORDER_INDEXED_MAX + 1];
        dx_bytes form = cut(dx_query_value(question, dx_query_node_at(question, i)));
        int64_t some;
        memcpy(high, form.data, form.size);
        high[form.size] = 0;
        error = dx_entry_count(query->context, range->index, form, dx_bytes_of(high, form.size + 1),
                               COUNTED_MAX, &some);
        *count += error == DX_OK ? some : 0;
        if (*count >= COUNTED_MAX) {
            break;
        }
    }
    return error;
}

static int count_children(dx_query *query, int64_t *count) {
    sqlite3_stmt *row = dx_store_query(
        query->context->store, "SELECT count(*) FROM (SELECT 1 FROM entity INDEXED BY entity_by_parent "
                               "WHERE parent = ?1 LIMIT ?2)");
    dx_bind_int(row, 1, query->question.filter.parent);
    dx_bind_int(row, 2, COUNTED_MAX);
    *count = dx_step(query->context->store, row) ? dx_column_int(row, 0) : 0;
    dx_step_reset(row);
    return dx_store_error(query->context->store);
}

/* The type's number when all that matches is of one type and one kind; 0 otherwise. */
static int find_only_type(dx_query *query, int64_t *type_id) {
    const dx_query_filter *filter = &query->question.filter;
    dx_type *type;
    *type_id = 0;
    if (!filter->has_type || filter->objects == filter->links) {
        return DX_OK;
    }
    int error = dx_type_find(query->context, query->space, filter->links ? DX_TYPE_LINK : DX_TYPE_OBJECT,
                             filter->type, &type);
    if (error == DX_OK) {
        *type_id = type->id;
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int choose_words(dx_query *query) {
    const dx_query_filter *filter = &query->question.filter;
    int error = dx_indexes_load(query->context, query->space);
    const dx_index *index = error == DX_OK && query->type != 0
                                ? dx_index_find(query->space, query->type, dx_bytes_of(NULL, 0))
                                : NULL;
    if (index != NULL) {
        query->text_index = index->id;
        query->text_decides = filter->begin == filter->end && !filter->has_id && !filter->has_parent &&
                              !filter->has_source && !filter->has_target;
    }
    return error;
}

int dx_query_choose(dx_query *query) {
    const dx_question *question = &query->question;
    const dx_query_filter *filter = &question->filter;
    int64_t least = INT64_MAX;
    int error = find_only_type(query, &query->type);
    if (error == DX_OK && question->text.size != 0) {
        return choose_words(query);
    }
    if (error != DX_OK || query->type == 0 || filter->deleted != DX_QUERY_HIDE || filter->has_id ||
        filter->has_source || filter->has_target) {
        return error;
    }
    error = dx_indexes_load(query->context, query->space);
    for (size_t i = filter->begin; i < filter->end && error == DX_OK;
         i = dx_query_node_at(question, i)->end) {
        const dx_query_node *node = dx_query_node_at(question, i);
        const dx_index *index = is_range(node) ? dx_index_find(query->space, query->type, node->path) : NULL;
        dx_query_range range;
        int64_t count = 0;
        if (index == NULL) {
            continue;
        }
        error = make_range(query, index, i, &range);
        if (error == DX_OK && (filter->end - filter->begin > 1 || filter->has_parent)) {
            error = range.is_set
                        ? count_set(query, &range, &count)
                        : dx_entry_count(query->context, index->id, kept(query, range.low, range.low_size),
                                         kept(query, range.high, range.high_size), COUNTED_MAX, &count);
        }
        if (error == DX_OK && count < least) {
            least = count;
            query->range = range;
        }
    }
    if (error == DX_OK && query->range.index != 0 && filter->has_parent && filter->parent != 0) {
        int64_t children;
        error = count_children(query, &children);
        if (children <= least) {
            query->range.index = 0;
        }
    }
    return error;
}
