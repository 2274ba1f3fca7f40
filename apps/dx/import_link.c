/* dx/import_link.c: links of an import, references, and what was deleted. See import_state.h. */
#include "import_state.h"
#include "model_request.h"

/* --- References inside data ---------------------------------------------------------------------------------- */

/* As the names of the lines are kept. */
static dx_bytes encode_text(const char *text, dx_buf *room) {
    dx_writer writer;
    dx_buf_clear(room);
    dx_writer_init(&writer, room);
    dx_write_text(&writer, text);
    return dx_writer_finish(&writer) == DX_OK ? dx_buf_view(room) : (dx_bytes){0};
}

static const uint8_t *find_line(void *ctx, const uint8_t id[static DX_REFERENCE_SIZE]) {
    dx_import *import = ctx;
    char text[DX_REFERENCE_TEXT_MAX];
    dx_reference_print(id, text);
    uint32_t number = dx_import_resolve(import, encode_text(text, &import->name));
    bool passed_over = number == DX_NAMES_NONE || (import->links_only && number < import->count);
    return passed_over ? NULL : dx_batches_id(&import->batches, number);
}

static int queue_set(dx_import *import, uint32_t number, dx_bytes set) {
    dx_batch_op op = {.kind = DX_BATCH_SET, .number = number, .line = import->source->number, .data = set};
    return import->code = dx_batches_add(&import->batches, &op);
}

/* --- Links, and what was deleted
 * ------------------------------------------------------------------------------------ */

static int add_link(dx_import *import, dx_batch_op *op) {
    if (!dx_batches_knows(&import->batches, op->source) || !dx_batches_knows(&import->batches, op->target)) {
        import->unresolved++;
        return DX_EXIT_OK;
    }
    return dx_batches_add(&import->batches, op);
}

int dx_import_add_link(dx_import *import, const dx_record *record) {
    dx_bytes data = record->data;
    bool changed;
    if (import->refers && data.size > 0) {
        dx_buf_clear(&import->data);
        int error = dx_record_rewrite(data, find_line, import, &import->data, &changed);
        if (error != DX_OK) {
            return dx_import_fail(import, error);
        }
        data = dx_buf_view(&import->data);
    }
    uint32_t number = import->refers ? import->number++ : DX_BATCH_NONE;
    if (record->deleted && import->refers) {
        dx_buf_append(&import->removed, &number, sizeof number);
    }
    dx_batch_op op = {.kind = DX_BATCH_LINK,
                      .removed = record->deleted && !import->refers,
                      .number = number,
                      .source = dx_import_resolve(import, record->source),
                      .target = dx_import_resolve(import, record->target),
                      .line = import->source->number,
                      .type = record->type,
                      .data = data};
    return add_link(import, &op);
}

int dx_import_add_edges(dx_import *import) {
    const dx_edge *edges = (const dx_edge *)(const void *)import->edges.data;
    for (size_t i = 0; import->code == DX_EXIT_OK && i < import->edges.size / sizeof *edges; i++) {
        dx_batch_op op = {.kind = DX_BATCH_LINK,
                          .number = DX_BATCH_NONE,
                          .source = edges[i].source,
                          .target = edges[i].target,
                          .type = import->link_types[edges[i].link]};
        import->code = add_link(import, &op);
    }
    return import->code;
}

/* --- What needs all ids: references, and the rest of large objects --------------------------------------------- */

/* The members of an object or link that refer to lines, as they are to be now. */
static int set_references(dx_import *import, const dx_record *record) {
    uint32_t number = import->number++;
    dx_reader reader;
    dx_reader_init(&reader, record->data);
    bool has_keys = record->data.size > 0 && record->model.size == 0;
    size_t count = has_keys && dx_batches_knows(&import->batches, number) ? dx_read_map(&reader) : 0;
    for (; import->code == DX_EXIT_OK && count > 0; count--) {
        bool changed;
        dx_bytes key = dx_read_item(&reader), value = dx_read_item(&reader);
        dx_buf_clear(&import->data);
        dx_buf_clear(&import->set);
        int error = dx_record_rewrite(value, find_line, import, &import->data, &changed);
        if (error == DX_OK && changed) {
            error = dx_record_write_set(key, dx_buf_view(&import->data), &import->set);
        }
        if (error != DX_OK) {
            return dx_import_fail(import, error);
        }
        if (changed) {
            queue_set(import, number, dx_buf_view(&import->set));
        }
    }
    return import->code;
}

/* A link was made with the ids of objects that its data name; those of links are known only now. */
static int set_link_references(dx_import *import, const dx_record *record) {
    bool changed = false;
    dx_buf_clear(&import->data);
    import->links_only = true;
    int error = record->data.size == 0
                    ? DX_OK
                    : dx_record_rewrite(record->data, find_line, import, &import->data, &changed);
    import->links_only = false;
    if (error != DX_OK) {
        return dx_import_fail(import, error);
    }
    if (changed) {
        return set_references(import, record);
    }
    import->number++;
    return import->code;
}

static int set_more(dx_import *import, const dx_record *record) {
    bool changed;
    uint32_t number = dx_import_resolve(import, record->key);
    if (!dx_batches_knows(&import->batches, number)) {
        import->unresolved++;
        return import->code;
    }
    dx_buf_clear(&import->data);
    int error = dx_record_rewrite(record->data, find_line, import, &import->data, &changed);
    return error != DX_OK ? dx_import_fail(import, error)
                          : queue_set(import, number, dx_buf_view(&import->data));
}

/* All objects and links have their ids. */
/* A list's values in parts, one to a batch: what a model is asked next depends on what it was asked before. */
static int fill_list(dx_import *import, const dx_record *record) {
    uint32_t number = import->number++;
    dx_model_request request = DX_MODEL_REQUEST_NONE;
    dx_list_parts parts;
    const char *why;
    bool changed;
    dx_buf_clear(&import->set);
    int error = record->model.size > 0 ? dx_model_request_write(record, &import->set, &request, &why) : DX_OK;
    if (error == DX_OK &&
        (request != DX_MODEL_REQUEST_LATER || !dx_batches_knows(&import->batches, number))) {
        return import->code;
    }
    dx_buf_clear(&import->data);
    error =
        error == DX_OK ? dx_record_rewrite(record->data, find_line, import, &import->data, &changed) : error;
    dx_list_parts_init(&parts, dx_buf_view(&import->data));
    while (error == DX_OK && import->code == DX_EXIT_OK) {
        dx_buf_clear(&import->set);
        error = dx_list_parts_next(&parts, &import->set);
        if (error == DX_OK && (import->code = dx_batches_drain(&import->batches)) == DX_EXIT_OK) {
            import->code =
                dx_batches_add(&import->batches, &(dx_batch_op){.kind = DX_BATCH_APPLY,
                                                                .number = number,
                                                                .line = import->source->number,
                                                                .data = dx_buf_view(&import->set)});
        }
    }
    return error == DX_E_NOT_FOUND || import->code != DX_EXIT_OK ? import->code
                                                                 : dx_import_fail(import, error);
}

int dx_import_complete(dx_import *import) {
    if (import->own_sets > 0 && dx_import_each(import, DX_RECORD_SET, set_more) != DX_EXIT_OK) {
        return import->code;
    }
    import->number = 0;
    if (import->lists > 0 && dx_import_each(import, DX_RECORD_OBJECT, fill_list) != DX_EXIT_OK) {
        return import->code;
    }
    if (!import->refers) {
        return import->code;
    }
    import->number = 0;
    if (dx_import_each(import, DX_RECORD_OBJECT, set_references) != DX_EXIT_OK) {
        return import->code;
    }
    import->number = import->count;
    return import->own_links > 0 ? dx_import_each(import, DX_RECORD_LINK, set_link_references) : import->code;
}

int dx_import_remove_deleted(dx_import *import) {
    const uint32_t *removed = (const uint32_t *)(const void *)import->removed.data;
    for (size_t i = 0; import->code == DX_EXIT_OK && i < import->removed.size / sizeof *removed; i++) {
        if (dx_batches_knows(&import->batches, removed[i])) {
            import->code = dx_batches_add(&import->batches,
                                          &(dx_batch_op){.kind = DX_BATCH_REMOVE, .number = removed[i]});
        }
    }
    return import->code;
}
