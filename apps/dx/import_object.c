/* dx/import_object.c: the second reading of an import: objects. See import_state.h. */
#include <string.h>

#include "import_state.h"
#include "model_request.h"

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

/* Counted and told, and no reason to give up a whole archive. */
static void tell_left_out(dx_import *import, const char *why) {
    import->left_out++;
    dx_progress_clear(&import->progress);
    if (import->left_out <= TOLD_MAX) {
        dx_import_print_rejected(import->source->number, why);
    }
}

/* What its model is asked, in import->data; false: the object is left out, or the import fails. */
static bool ask_model(dx_import *import, const dx_record *record, dx_batch_op *op) {
    dx_model_request request;
    const char *why;
    dx_buf_clear(&import->data);
    int error = dx_model_request_write(record, &import->data, &request, &why);
    if (error != DX_OK) {
        dx_import_fail(import, error);
        return false;
    }
    if (request == DX_MODEL_REQUEST_REFUSED) {
        tell_left_out(import, why);
        return false;
    }
    import->lists += request == DX_MODEL_REQUEST_LATER;
    op->model = record->model;
    op->data = dx_buf_view(&import->data);
    op->provenance = request == DX_MODEL_REQUEST_PROVENANCE;
    return true;
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
    if (record->model.size > 0 && !ask_model(import, record, &op)) {
        import->number++;
        return import->code;
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
