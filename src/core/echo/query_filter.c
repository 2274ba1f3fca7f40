/* echo/query_filter.c: whether one entity is what a filter asks for.
 *
 * Layer: floor 1, echo. Cheap things first: the row's own columns, then conditions straight from the saved
 * state (dx_model.peek), and a view only when the model has no other way to tell. */
#include <string.h>

#include "base/limits.h"
#include "echo/query_state.h"
#include "model/object_path.h"

bool dx_type_is_hidden(dx_bytes name) {
    return name.size >= 3 && memcmp(name.data, "dx.", 3) == 0;
}

bool dx_filter_could_match(const dx_query_filter *filter, const dx_entity *entity) {
    bool link = entity->kind == DX_ENTITY_LINK;
    return (link ? filter->links : filter->objects) && (!filter->has_id || filter->id == entity->key) &&
           (filter->has_type ? dx_bytes_equal(filter->type, entity->type)
                             : !dx_type_is_hidden(entity->type)) &&
           (!filter->has_source || filter->source == entity->source) &&
           (!filter->has_target || filter->target == entity->target);
}

/* Numbers are equal when they are the same number, however they are written. */
static bool equal_values(dx_bytes a, dx_bytes b) {
    if (dx_bytes_equal(a, b)) {
        return true;
    }
    if (dx_item_kind(a) == DX_KIND_DOUBLE && dx_item_kind(b) == DX_KIND_INT) {
        dx_bytes held = a;
        a = b;
        b = held;
    }
    if (dx_item_kind(a) != DX_KIND_INT || dx_item_kind(b) != DX_KIND_DOUBLE) {
        return false;
    }
    dx_reader reader;
    dx_reader_init(&reader, b);
    int64_t whole = dx_item_int(a, 0);
    double number = dx_read_double(&reader);
    /* Beyond 2^53 a double stands for several integers; equality there would not be one. */
    return whole >= -(INT64_C(1) << 53) && whole <= INT64_C(1) << 53 && (double)whole == number;
}

static int view_matches(dx_query *query, const dx_query_filter *filter, const dx_entity *entity,
                        bool *matches) {
    dx_writer writer;
    dx_buf_clear(&query->view);
    dx_writer_init(&writer, &query->view);
    int error = dx_entity_view(query->context, query->space, entity, &writer);
    if (error == DX_OK) {
        error = dx_writer_finish(&writer);
    }
    for (size_t i = 0; i < filter->condition_count && error == DX_OK && *matches; i++) {
        const dx_query_condition *condition = &filter->conditions[i];
        dx_bytes found = dx_view_at(dx_buf_view(&query->view), condition->path);
        *matches = found.size != 0 && equal_values(found, condition->value);
    }
    return error;
}

static int state_matches(dx_query *query, const dx_query_filter *filter, const dx_entity *entity,
                         bool *matches) {
    if (entity->model == NULL) {
        *matches = false; /* it may be so, but not as far as this program knows */
        return DX_OK;
    }
    if (entity->model->peek == NULL || entity->state.size == 0) {
        return view_matches(query, filter, entity, matches);
    }
    for (size_t i = 0; i < filter->condition_count && *matches; i++) {
        const dx_query_condition *condition = &filter->conditions[i];
        dx_bytes found;
        int error = entity->model->peek(entity->state, condition->path, &found);
        if (error == DX_E_UNSUPPORTED) {
            return view_matches(query, filter, entity, matches);
        }
        if (error != DX_OK) {
            return error;
        }
        *matches = found.size != 0 && equal_values(found, condition->value);
    }
    return DX_OK;
}

int dx_filter_matches(dx_query *query, const dx_query_filter *filter, const dx_entity *entity,
                      bool *matches) {
    *matches = dx_filter_could_match(filter, entity) &&
               (filter->deleted == DX_QUERY_SHOW || entity->deleted == (filter->deleted == DX_QUERY_ONLY)) &&
               (!filter->has_parent || filter->parent == entity->parent);
    return *matches && filter->condition_count != 0 ? state_matches(query, filter, entity, matches) : DX_OK;
}
