/* dx/model_request.c: see model_request.h. */
#include "model_request.h"

enum {
    LIST_MAX = 4096, /* edits of one operation (docs/spec/list-model.md) */
    PART_SIZE_MAX = 256 * 1024,
    TEXT_SIZE_MAX = 896 * 1024 /* characters and formatting that fit one operation of a block */
};

static const uint8_t *find_any(void *ctx, const uint8_t id[static DX_REFERENCE_SIZE]) {
    (void)id;
    *(bool *)ctx = true;
    return NULL;
}

static int refers(dx_bytes data, dx_buf *scratch, bool *out) {
    bool changed;
    size_t size = scratch->size;
    *out = false;
    int error = dx_record_rewrite(data, find_any, out, scratch, &changed);
    scratch->size = error == DX_OK ? size : scratch->size;
    return error;
}

static int write_list(dx_bytes data, dx_buf *out, dx_model_request *request) {
    bool any = false;
    dx_list_parts parts;
    dx_list_parts_init(&parts, data);
    size_t count = parts.left;
    int error = refers(data, out, &any);
    bool later = any || count > LIST_MAX || data.size > PART_SIZE_MAX;
    *request = count == 0 ? DX_MODEL_REQUEST_NONE
               : later    ? DX_MODEL_REQUEST_LATER
                          : DX_MODEL_REQUEST_OPERATION;
    return error == DX_OK && *request == DX_MODEL_REQUEST_OPERATION ? dx_list_parts_next(&parts, out) : error;
}

/* Its characters and their formatting; who wrote them when does not travel. */
static int write_text(dx_bytes data, dx_buf *out, dx_model_request *request, const char **why) {
    dx_writer writer;
    dx_bytes text = dx_item_get(data, "text"), delta = dx_item_get(data, "delta");
    if (data.size > TEXT_SIZE_MAX) {
        *request = DX_MODEL_REQUEST_REFUSED;
        *why = "the text is larger than one step may bring (896 KiB): dx text export, dx text import";
        return DX_OK;
    }
    *request = DX_MODEL_REQUEST_NONE;
    if (delta.size == 0 && dx_item_text(text).size == 0) {
        return DX_OK;
    }
    *request = DX_MODEL_REQUEST_OPERATION;
    dx_writer_init(&writer, out);
    dx_write_map(&writer, 1);
    dx_write_text(&writer, delta.size != 0 ? "delta" : "append");
    dx_write_item(&writer, delta.size != 0 ? delta : text);
    return dx_writer_finish(&writer);
}

int dx_model_request_write(const dx_record *record, dx_buf *out, dx_model_request *request,
                           const char **why) {
    dx_bytes model = dx_item_text(record->model), data = record->data;
    dx_kind kind = data.size > 0 ? dx_item_kind(data) : DX_KIND_NULL;
    *why = NULL;
    if (dx_bytes_equal(model, dx_bytes_text("dx/counter/1")) && kind == DX_KIND_INT) {
        bool any = dx_item_int(data, 0) != 0;
        *request = any ? DX_MODEL_REQUEST_OPERATION : DX_MODEL_REQUEST_NONE;
        dx_buf_append(out, data.data, any ? data.size : 0);
        return dx_buf_error(out);
    }
    if (dx_bytes_equal(model, dx_bytes_text("dx/list/1")) && kind == DX_KIND_ARRAY) {
        return write_list(data, out, request);
    }
    if (dx_bytes_equal(model, dx_bytes_text("dx/text/1")) && kind == DX_KIND_MAP) {
        return write_text(data, out, request, why);
    }
    if (record->provenance.size > 0) {
        *request = DX_MODEL_REQUEST_PROVENANCE;
        dx_buf_append(out, record->provenance.data, record->provenance.size);
        return dx_buf_error(out);
    }
    *request = DX_MODEL_REQUEST_REFUSED;
    *why = "an object of this model comes with its provenance, and the line has none: it was too large, or "
           "not all of the "
           "object was there";
    return DX_OK;
}

void dx_list_parts_init(dx_list_parts *parts, dx_bytes values) {
    *parts = (dx_list_parts){.place = 0};
    dx_reader_init(&parts->values, values);
    parts->left = dx_read_array(&parts->values);
}

int dx_list_parts_next(dx_list_parts *parts, dx_buf *out) {
    dx_reader ahead = parts->values;
    dx_writer writer;
    size_t count = 0, size = 0;
    for (; count < parts->left && count < LIST_MAX; count++) {
        size += dx_read_item(&ahead).size;
        if (count > 0 && size > PART_SIZE_MAX) {
            break;
        }
    }
    if (count == 0) {
        return DX_E_NOT_FOUND;
    }
    dx_writer_init(&writer, out);
    dx_write_map(&writer, 2);
    dx_write_text(&writer, "insert");
    dx_write_uint(&writer, parts->place);
    dx_write_text(&writer, "values");
    dx_write_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_item(&writer, dx_read_item(&parts->values));
    }
    parts->place += count;
    parts->left -= count;
    return dx_writer_finish(&writer);
}
