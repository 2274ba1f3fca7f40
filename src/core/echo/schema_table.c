/* echo/schema_table.c: the definitions of a space. See schema_table.h.
 *
 * Layer: floor 1, echo. */
#include "echo/schema_table.h"

#include <string.h>

#include "echo/entity.h"
#include "echo/query.h"

/* --- Reading --------------------------------------------------------------------------------------- */

typedef struct reading {
    dx_context *context;
    dx_space *space;
    size_t offsets[DX_SCHEMAS_MAX + 1]; /* where each object's data begin in the text */
    int64_t keys[DX_SCHEMAS_MAX];
    size_t count;
} reading;

static int read_one(void *ctx, const dx_query_row *row) {
    reading *self = ctx;
    const dx_entity *entity = row->entity;
    dx_buf *text = &self->space->schemas.text;
    dx_writer writer;
    size_t begin = text->size;
    if (self->count == DX_SCHEMAS_MAX || entity->state.size > DX_SCHEMAS_SIZE_MAX - begin) {
        return DX_OK; /* more than a space may have: nothing is judged by it */
    }
    dx_writer_init(&writer, text);
    int error = dx_entity_view(self->context, self->space, entity, &writer);
    if (error == DX_OK) {
        error = dx_writer_finish(&writer);
    }
    if (error == DX_E_LIMIT) {
        text->size = begin;
        return DX_OK;
    }
    self->keys[self->count++] = entity->key;
    self->offsets[self->count] = text->size;
    return error;
}

static int read_all(reading *self) {
    static const uint8_t question[] = {0xa1, 0x64, 't', 'y', 'p', 'e', 0x69, 'd',
                                       'x',  '.',  's', 'c', 'h', 'e', 'm',  'a'};
    enum { SLICE = 256 };
    char message[DX_QUERY_MESSAGE_SIZE];
    dx_query *query;
    bool more = true;
    int error = dx_query_create(self->context, self->space, dx_bytes_of(question, sizeof question), message,
                                sizeof message, &query);
    while (error == DX_OK && more) {
        error = dx_query_run(query, SLICE, read_one, self, &more);
    }
    dx_query_destroy(query);
    return error;
}

static void take_schema(dx_schema *out, int64_t key, dx_bytes data) {
    dx_schema_fault fault;
    dx_bytes definition = dx_item_get(data, "schema"), migration = dx_item_get(data, "migrate");
    *out = (dx_schema){.key = key,
                       .version = dx_item_int(dx_item_get(data, "version"), 0),
                       .type = dx_item_text(dx_item_get(data, "type"))};
    bool sound = out->type.size > 0 && out->version > 0 && out->version <= DX_SCHEMA_VERSION_MAX &&
                 definition.size > 0 && dx_schema_check(definition, &fault) == DX_OK;
    out->definition = sound ? definition : (dx_bytes){NULL, 0};
    out->migration = dx_item_kind(migration) == DX_KIND_ARRAY ? migration : (dx_bytes){NULL, 0};
}

/* By type, the newest version first; of equal versions, made apart, the one whose definition is the greater: so that every
 * replica holds the same for the newest. */
static int compare(const dx_schema *x, const dx_schema *y) {
    int order = dx_bytes_compare(x->type, y->type);
    if (order != 0) {
        return order;
    }
    if (x->version != y->version) {
        return x->version > y->version ? -1 : 1;
    }
    return dx_bytes_compare(y->definition, x->definition);
}

static void forget(dx_schemas *schemas, const dx_alloc *alloc) {
    dx_alloc_free(alloc, schemas->items, schemas->count * sizeof *schemas->items);
    schemas->items = NULL;
    schemas->count = 0;
    schemas->fresh = false;
}

static int fill(dx_schemas *schemas, const dx_alloc *alloc, const reading *read) {
    if (read->count == 0) {
        return DX_OK;
    }
    schemas->items = dx_alloc_take_zeroed(alloc, read->count * sizeof *schemas->items);
    if (schemas->items == NULL) {
        return DX_E_NO_MEMORY;
    }
    schemas->count = read->count;
    for (size_t i = 0; i < read->count; i++) {
        dx_schema schema;
        size_t at = i;
        take_schema(
            &schema, read->keys[i],
            dx_bytes_of(schemas->text.data + read->offsets[i], read->offsets[i + 1] - read->offsets[i]));
        for (; at > 0 && compare(&schema, &schemas->items[at - 1]) < 0; at--) {
            schemas->items[at] = schemas->items[at - 1];
        }
        schemas->items[at] = schema;
    }
    return DX_OK;
}

int dx_schemas_read(dx_context *context, dx_space *space, const dx_schemas **out) {
    dx_schemas *schemas = &space->schemas;
    *out = schemas;
    if (schemas->fresh) {
        return DX_OK;
    }
    forget(schemas, context->alloc);
    if (schemas->text.alloc == NULL) {
        dx_buf_init(&schemas->text, context->alloc, DX_SCHEMAS_SIZE_MAX);
    }
    dx_buf_clear(&schemas->text);
    dx_type *type;
    int error = dx_type_find(context, space, DX_TYPE_OBJECT, dx_bytes_text(DX_SCHEMA_TYPE), &type);
    schemas->type_id = error == DX_OK ? type->id : 0;
    if (error == DX_E_NOT_FOUND) {
        schemas->fresh = true;
        return DX_OK;
    }
    reading *read = error == DX_OK ? dx_alloc_take_zeroed(context->alloc, sizeof *read) : NULL;
    if (read == NULL) {
        return error == DX_OK ? DX_E_NO_MEMORY : error;
    }
    read->context = context;
    read->space = space;
    error = read_all(read);
    if (error == DX_OK) {
        error = fill(schemas, context->alloc, read);
    }
    dx_alloc_free(context->alloc, read, sizeof *read);
    schemas->fresh = error == DX_OK;
    return error;
}

void dx_schemas_note(dx_space *space, int64_t type_id) {
    space->schemas.fresh = space->schemas.fresh && type_id != space->schemas.type_id;
}

void dx_schemas_deinit(dx_schemas *schemas, const dx_alloc *alloc) {
    forget(schemas, alloc);
    if (schemas->text.alloc != NULL) {
        dx_buf_deinit(&schemas->text);
    }
}

/* --- Judging --------------------------------------------------------------------------------------- */

size_t dx_schemas_of_type(const dx_schemas *schemas, dx_bytes type, size_t *first) {
    size_t count = 0;
    *first = 0;
    for (size_t i = 0; i < schemas->count && type.size > 0; i++) {
        if (dx_bytes_equal(schemas->items[i].type, type)) {
            *first = count == 0 ? i : *first;
            count++;
        }
    }
    return count;
}

typedef struct looking {
    dx_context *context;
    dx_space *space;
} looking;

static int find_type(void *ctx, dx_bytes id, dx_bytes *type) {
    looking *self = ctx;
    int64_t key;
    dx_entity entity;
    id = dx_reference_id(id);
    int error = id.data == NULL ? DX_E_NOT_FOUND : dx_id_to_key(self->space, id.data, &key);
    if (error == DX_OK) {
        error = dx_entity_read(self->context, self->space, key, &entity);
    }
    *type = error == DX_OK ? entity.type : (dx_bytes){NULL, 0};
    return error;
}

int dx_schemas_judge(dx_context *context, dx_space *space, dx_bytes type, dx_bytes data,
                     dx_schema_fault *fault, int64_t *by) {
    looking self = {.context = context, .space = space};
    const dx_schema_lookup lookup = {.ctx = &self, .type_of = find_type};
    const dx_schemas *schemas;
    size_t first, count;
    bool judged = false;
    *by = 0;
    int error = dx_schemas_read(context, space, &schemas);
    if (error != DX_OK) {
        return error;
    }
    count = dx_schemas_of_type(schemas, type, &first);
    for (size_t i = first; i < first + count; i++) {
        const dx_schema *schema = &schemas->items[i];
        dx_schema_fault own;
        if (schema->definition.size == 0) {
            continue;
        }
        error = dx_schema_judge(schema->definition, data, &lookup, judged ? &own : fault);
        if (error != DX_E_INVALID) {
            return error;
        }
        *by = judged ? *by : schema->version;
        judged = true;
    }
    return judged ? DX_E_INVALID : DX_OK;
}
