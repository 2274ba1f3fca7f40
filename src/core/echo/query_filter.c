/* echo/query_filter.c: whether one entity is what a filter asks for.
 *
 * Layer: floor 1, echo. Cheap things first: the row's own columns, then conditions straight from the saved
 * state (dx_model.peek), and a view, made once for all of an entity's conditions, only when the model has no other way
 * to tell. Recursion is as deep as conditions may be nested (DX_QUERY_NESTING_MAX). */
#include <string.h>

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

/* --- Looking ------------------------------------------------------------------------------------- */

/* An entity as its conditions are tried one after another. */
typedef struct looking {
    dx_query *query;
    const dx_entity *entity;
    bool has_view; /* in query->view, made when the state could not tell */
} looking;

static int make_view(looking *self) {
    dx_query *query = self->query;
    dx_writer writer;
    dx_buf_clear(&query->view);
    dx_writer_init(&writer, &query->view);
    int error = dx_entity_view(query->context, query->space, self->entity, &writer);
    self->has_view = true;
    return error == DX_OK ? dx_writer_finish(&writer) : error;
}

/* Data of a model this program does not know are as if empty. */
static int look(looking *self, dx_bytes path, dx_bytes *item) {
    const dx_entity *entity = self->entity;
    *item = dx_bytes_of(NULL, 0);
    if (entity->model == NULL) {
        return DX_OK;
    }
    int error = DX_OK;
    if (!self->has_view) {
        error = entity->model->peek == NULL || entity->state.size == 0
                    ? DX_E_UNSUPPORTED
                    : entity->model->peek(entity->state, path, item);
        if (error != DX_E_UNSUPPORTED) {
            return error;
        }
        error = make_view(self);
    }
    if (error == DX_OK) {
        *item = dx_view_at(dx_buf_view(&self->query->view), path);
    }
    return error;
}

int dx_query_look(dx_query *query, const dx_entity *entity, dx_bytes path, dx_bytes *item) {
    looking self = {.query = query, .entity = entity};
    return look(&self, path, item);
}

/* --- Judging ------------------------------------------------------------------------------------- */

static bool has_element(dx_query *query, dx_bytes array, dx_bytes form) {
    dx_reader reader;
    dx_reader_init(&reader, array);
    if (dx_reader_peek(&reader) != DX_KIND_ARRAY) {
        return false;
    }
    for (size_t count = dx_read_array(&reader); count > 0; count--) {
        dx_buf_clear(&query->form);
        dx_order_write(dx_read_item(&reader), &query->form);
        if (dx_bytes_equal(dx_buf_view(&query->form), form)) {
            return true;
        }
    }
    return false;
}

/* Whether the value stands to the comparand as the condition says. */
static bool compares(dx_query_op op, dx_bytes form, dx_bytes comparand) {
    int order = dx_bytes_compare(form, comparand);
    bool same_class = form.data[0] == comparand.data[0];
    switch ((int)op) {
    case DX_QUERY_EQUAL:
        return order == 0;
    case DX_QUERY_OTHER:
        return order != 0;
    case DX_QUERY_GREATER:
        return same_class && order > 0;
    case DX_QUERY_AT_LEAST:
        return same_class && order >= 0;
    case DX_QUERY_LESS:
        return same_class && order < 0;
    case DX_QUERY_AT_MOST:
        return same_class && order <= 0;
    default:
        return form.size >= comparand.size &&
               memcmp(form.data, comparand.data, comparand.size) == 0; /* PREFIX */
    }
}

static int try_value(looking *self, const dx_query_node *node, bool *holds) {
    dx_query *query = self->query;
    dx_bytes item;
    int error = look(self, node->path, &item);
    if (error != DX_OK) {
        return error;
    }
    if (node->op == DX_QUERY_EXISTS) {
        *holds = (item.size != 0) == (node->key != 0);
        return DX_OK;
    }
    dx_bytes comparand = dx_query_value(&query->question, node);
    if (item.size == 0) {
        *holds = false;
    } else if (node->op == DX_QUERY_HAS) {
        *holds = has_element(query, item, comparand);
    } else {
        dx_buf_clear(&query->form);
        dx_order_write(item, &query->form);
        *holds =
            dx_buf_error(&query->form) == DX_OK && compares(node->op, dx_buf_view(&query->form), comparand);
    }
    return dx_buf_error(&query->form);
}

static int try_node(looking *self, size_t index, bool *holds);

/* Whether all, or any, of the conditions in a run hold; nothing more is tried than decides. */
static int try_run(looking *self, size_t begin, size_t end, bool all, bool *holds) {
    const dx_question *question = &self->query->question;
    int error = DX_OK;
    *holds = all;
    for (size_t at = begin; at < end && error == DX_OK && *holds == all;
         at = dx_query_node_at(question, at)->end) {
        error = try_node(self, at, holds);
    }
    return error;
}

static int try_node(looking *self, size_t index, bool *holds) {
    const dx_query_node *node = dx_query_node_at(&self->query->question, index);
    const dx_entity *entity = self->entity;
    int error = DX_OK;
    switch ((int)node->op) {
    case DX_QUERY_ALL:
    case DX_QUERY_ANY:
        return try_run(self, index + 1, node->end, node->op == DX_QUERY_ALL, holds);
    case DX_QUERY_NOT:
        error = try_run(self, index + 1, node->end, true, holds);
        *holds = !*holds;
        return error;
    case DX_QUERY_IS_TYPE:
        *holds = dx_bytes_equal(node->path, entity->type);
        return DX_OK;
    case DX_QUERY_IS_ID:
        *holds = node->key == entity->key;
        return DX_OK;
    case DX_QUERY_IS_PARENT:
        *holds = entity->kind == DX_ENTITY_OBJECT && node->key == entity->parent;
        return DX_OK;
    case DX_QUERY_IS_SOURCE:
        *holds = node->key == entity->source;
        return DX_OK;
    case DX_QUERY_IS_TARGET:
        *holds = node->key == entity->target;
        return DX_OK;
    default:
        return try_value(self, node, holds);
    }
}

int dx_filter_matches(dx_query *query, const dx_query_filter *filter, const dx_entity *entity,
                      bool *matches) {
    looking self = {.query = query, .entity = entity};
    *matches = dx_filter_could_match(filter, entity) &&
               (filter->deleted == DX_QUERY_SHOW || entity->deleted == (filter->deleted == DX_QUERY_ONLY)) &&
               (!filter->has_parent || filter->parent == entity->parent);
    return *matches && filter->begin < filter->end ? try_run(&self, filter->begin, filter->end, true, matches)
                                                   : DX_OK;
}
