/* dx/import_object.c: the second reading of an import: objects. See import_state.h. */
#include <string.h>

#include "import_state.h"

static bool on_name(void *ctx, size_t link, dx_bytes name) {
    dx_import *import = ctx;
    uint32_t target = dx_import_resolve(import, name);
    if (target == DX_NAMES_NONE) {
        import->unresolved++;
        return false;
    }
    uint64_t stamp = ((uint64_t)import->number + 1) * DX_MAPPING_LINKS_MAX + link;
    if (import->stamps[target] != stamp) {
        dx_edge edge = {import->number, target, (uint32_t)link};
        dx_buf_append(&import->edges, &edge, sizeof edge);
        import->stamps[target] = stamp;
    }
    return true;
}

static void keep_member(void *ctx, dx_bytes row) {
    dx_import *import = ctx;
    dx_buf_append(&import->members, row.data, row.size);
}

static void keep_members(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, keep_member, ctx);
}

static int ask_members(dx_import *import) {
    dx_map_builder command;
    import->has_members = true;
    dx_command_begin(&command, "space.members");
    dx_command_text(&command, "space", import->space);
    int code = dx_vault_ask(import->run, &command, keep_members, import, NULL);
    int error = dx_buf_error(&import->members);
    return import->code = code == DX_EXIT_OK && error != DX_OK ? dx_vault_failed(import->run, error) : code;
}

/* Who is a member here too is the same person. */
static int find_member(dx_import *import, const dx_record *record) {
    dx_reader reader;
    uint8_t id[DX_REFERENCE_SIZE];
    if (!import->has_members && ask_members(import) != DX_EXIT_OK) {
        return import->code;
    }
    dx_reader_init(&reader, dx_buf_view(&import->members));
    while (dx_reader_peek(&reader) != DX_KIND_NONE) {
        dx_bytes row = dx_read_item(&reader);
        if (dx_bytes_equal(dx_item_get(row, "identity"), record->member) &&
            dx_reference_parse(dx_item_text(dx_item_get(row, "object")), id) == DX_OK) {
            dx_batches_learn(&import->batches, import->number, id);
        }
    }
    import->number++;
    return DX_EXIT_OK;
}

static bool is_schema(const dx_import *import, const dx_record *record) {
    return !import->source->mapping.foreign &&
           dx_bytes_equal(dx_item_text(record->type), dx_bytes_text("dx.schema"));
}

/* Last of all: objects that are as no definition says come back all the same. */
int dx_import_add_schema(dx_import *import, const dx_record *record) {
    uint32_t number = import->number++;
    if (!is_schema(import, record)) {
        return import->code;
    }
    return dx_batches_add(&import->batches, &(dx_batch_op){.kind = DX_BATCH_ADD,
                                                           .number = number,
                                                           .source = DX_BATCH_NONE,
                                                           .target = DX_BATCH_NONE,
                                                           .line = import->source->number,
                                                           .type = record->type,
                                                           .data = record->data});
}

/* --- Objects with a model of their own --- */

static const uint8_t *find_any(void *ctx, const uint8_t id[static DX_REFERENCE_SIZE]) {
    (void)id;
    *(bool *)ctx = true;
    return NULL;
}

/* What is asked of an empty object of the model, so that it shows the same, in import->data; NULL, or why there is none. What
 * others did to it, and who they are, cannot be said again in one person's name. */
static const char *make_operation(dx_import *import, const dx_record *record) {
    dx_bytes model = dx_item_text(record->model), data = record->data;
    dx_kind kind = data.size > 0 ? dx_item_kind(data) : DX_KIND_NULL;
    bool refers = false, changed;
    dx_buf_clear(&import->data);
    if (data.size > 0 && dx_record_rewrite(data, find_any, &refers, &import->data, &changed) != DX_OK) {
        return "what it shows cannot be read";
    }
    dx_buf_clear(&import->data);
    if (refers) {
        return "an object with a model of its own that refers to others cannot be made anew";
    }
    if (dx_bytes_equal(model, dx_bytes_text("dx/counter/1")) && kind == DX_KIND_INT) {
        if (dx_item_int(data, 0) != 0) {
            dx_buf_append(&import->data, data.data, data.size);
        }
        return NULL;
    }
    if (dx_bytes_equal(model, dx_bytes_text("dx/list/1")) && kind == DX_KIND_ARRAY) {
        dx_reader reader;
        dx_writer writer;
        dx_reader_init(&reader, data);
        size_t count = dx_read_array(&reader);
        if (count > LIST_MAX) {
            return "a list of more than 4,096 values cannot be made anew at once";
        }
        if (count > 0) {
            dx_writer_init(&writer, &import->data);
            dx_write_map(&writer, 2);
            dx_write_text(&writer, "insert");
            dx_write_int(&writer, 0);
            dx_write_text(&writer, "values");
            dx_write_item(&writer, data);
        }
        return NULL;
    }
    return "an object of this model cannot be made anew from what it shows";
}

/* Counted and told, and no reason to give up a whole archive. */
static void tell_left_out(dx_import *import, const char *why) {
    import->left_out++;
    dx_progress_clear(&import->progress);
    if (import->left_out <= TOLD_MAX) {
        dx_import_print_rejected(import->source->number, why);
    }
}

int dx_import_add_object(dx_import *import, const dx_record *record) {
    const dx_mapping *mapping = &import->source->mapping;
    if (is_schema(import, record)) {
        import->schemas++;
        if (record->deleted) {
            dx_buf_append(&import->removed, &import->number, sizeof import->number);
        }
        import->number++;
        return import->code;
    }
    if (record->kind == DX_RECORD_MEMBER) {
        return find_member(import, record);
    }
    dx_batch_op op = {.kind = DX_BATCH_ADD,
                      .number = import->number,
                      .source = DX_BATCH_NONE,
                      .target = DX_BATCH_NONE,
                      .line = import->source->number,
                      .type = record->type,
                      .data = record->data};
    int code = DX_EXIT_OK;
    const char *why = record->model.size > 0 ? make_operation(import, record) : NULL;
    if (why != NULL) {
        tell_left_out(import, why);
        import->number++;
        return import->code;
    }
    if (record->model.size > 0) {
        op.model = record->model;
        op.data = dx_buf_view(&import->data);
    }
    if (mapping->foreign) {
        dx_buf_clear(&import->data);
        int error = dx_record_write_data(mapping, record, on_name, import, &import->data);
        error = error == DX_OK ? dx_buf_error(&import->edges) : error;
        if (error != DX_OK) {
            return dx_import_fail(import, error);
        }
        op.type = import->type;
        op.data = dx_buf_view(&import->data);
    } else if (record->parent.size > 0) {
        op.source = dx_import_resolve(import, record->parent);
        import->unresolved += op.source == DX_BATCH_NONE;
    }
    if (op.data.size > OBJECT_SIZE_MAX) {
        dx_import_tell_rejected(import, import->source->number,
                                "the object is larger than 1 MiB, which is all that one block takes");
        import->number++;
        return import->code;
    }
    if (op.source != DX_BATCH_NONE && !dx_import_is_queued(import, op.source)) {
        code = dx_import_hold(import, &op);
    } else {
        code = dx_batches_add(&import->batches, &op);
    }
    if (record->deleted) {
        dx_buf_append(&import->removed, &import->number, sizeof import->number);
    }
    import->number++;
    return code;
}
