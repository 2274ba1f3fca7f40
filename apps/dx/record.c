/* dx/record.c: see record.h. */
#include "record.h"

#include <dxos/host.h>
#include <string.h>

enum { RECORD_SIZE_MAX = 8 << 20 };

static dx_bytes get(dx_bytes item, const char *key) {
    dx_bytes value = dx_item_get(item, key);
    return value.size == 0 || dx_item_kind(value) == DX_KIND_NULL ? (dx_bytes){0} : value;
}

static bool is_name(dx_bytes item) {
    dx_kind kind = dx_item_kind(item);
    return kind == DX_KIND_TEXT || kind == DX_KIND_INT;
}

static int refuse(const char **why, const char *what) {
    *why = what;
    return DX_E_INVALID;
}

/* What such a line is by the members it has. */
static dx_record_kind kind_of(dx_bytes item) {
    return get(item, "source").size > 0 || get(item, "target").size > 0 ? DX_RECORD_LINK
           : get(item, "set").size > 0                                  ? DX_RECORD_SET
           : get(item, "member").size > 0                               ? DX_RECORD_MEMBER
                                                                        : DX_RECORD_OBJECT;
}

static int read_own(dx_bytes item, dx_record *out, const char **why) {
    *out = (dx_record){.kind = kind_of(item),
                       .key = get(item, "id"),
                       .type = get(item, "type"),
                       .parent = get(item, "parent"),
                       .source = get(item, "source"),
                       .target = get(item, "target"),
                       .data = get(item, "data"),
                       .model = get(item, "model"),
                       .provenance = get(item, "provenance"),
                       .member = get(item, "member"),
                       .deleted = dx_item_bool(dx_item_get(item, "deleted"), false)};
    if (out->kind == DX_RECORD_SET) {
        out->data = get(item, "set");
    }
    if (out->key.size == 0 || !is_name(out->key)) {
        return refuse(
            why, "no line of `dx export`: it has no \"id\" (for other JSON give --type, --key or --link)");
    }
    if (get(item, "omitted").size > 0) {
        return refuse(why, "its data were too large for an answer and are not in the export");
    }
    if (out->kind == DX_RECORD_LINK && (!is_name(out->source) || !is_name(out->target))) {
        return refuse(why, "a link needs a \"source\" and a \"target\"");
    }
    if (out->type.size > 0 && dx_item_kind(out->type) != DX_KIND_TEXT) {
        return refuse(why, "\"type\" is no text");
    }
    if (out->model.size > 0 && (dx_item_kind(out->model) != DX_KIND_TEXT || out->kind != DX_RECORD_OBJECT)) {
        return refuse(why, "\"model\" is the name of an object's model");
    }
    if (out->provenance.size > 0 &&
        (out->model.size == 0 || dx_item_kind(out->provenance) != DX_KIND_ARRAY)) {
        return refuse(why, "\"provenance\" is a list, of an object with a model of its own");
    }
    if (out->data.size > 0 && out->model.size == 0 && dx_item_kind(out->data) != DX_KIND_MAP) {
        return refuse(why, out->kind == DX_RECORD_SET ? "\"set\" is no object" : "\"data\" is no object");
    }
    if (out->kind == DX_RECORD_MEMBER && dx_item_kind(out->member) != DX_KIND_TEXT) {
        return refuse(why, "\"member\" is no text");
    }
    return DX_OK;
}

int dx_record_read(const dx_mapping *mapping, dx_bytes item, dx_record *out, const char **why) {
    if (dx_item_kind(item) != DX_KIND_MAP) {
        return refuse(why, "the line is no JSON object");
    }
    if (!mapping->foreign) {
        return read_own(item, out, why);
    }
    *out = (dx_record){.data = item};
    if (mapping->key != NULL) {
        out->key = get(item, mapping->key);
        if (out->key.size > 0 && !is_name(out->key)) {
            return refuse(why, "the field named by --key is neither a text nor a number");
        }
    }
    return DX_OK;
}

/* --- Data without what became links
 * ---------------------------------------------------------------------------- */

static size_t link_of_field(const dx_mapping *mapping, dx_bytes key) {
    size_t link = 0;
    while (link < mapping->link_count && !dx_bytes_equal(key, dx_bytes_text(mapping->links[link]))) {
        link++;
    }
    return link;
}

/* Only the head: what follows is already encoded. */
static void write_head(bool map, size_t count, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    if (map) {
        dx_write_map(&writer, count);
    } else {
        dx_write_array(&writer, count);
    }
}

/* The value of a link field without the names that became links; false: nothing is left of it. */
static bool write_rest(dx_bytes value, size_t link, dx_on_name on_name, void *ctx, dx_buf *out) {
    if (is_name(value)) {
        if (on_name(ctx, link, value)) {
            return false;
        }
        dx_buf_append(out, value.data, value.size);
        return true;
    }
    if (dx_item_kind(value) != DX_KIND_ARRAY) {
        dx_buf_append(out, value.data, value.size);
        return true;
    }
    dx_buf rest;
    dx_reader reader;
    dx_buf_init(&rest, dx_host_alloc(), RECORD_SIZE_MAX);
    dx_reader_init(&reader, value);
    size_t count = dx_read_array(&reader), left = 0;
    for (size_t i = 0; i < count; i++) {
        dx_bytes name = dx_read_item(&reader);
        if (!is_name(name) || !on_name(ctx, link, name)) {
            dx_buf_append(&rest, name.data, name.size);
            left++;
        }
    }
    bool keep = left > 0 || count == 0;
    if (keep) {
        write_head(false, left, out);
        dx_buf_append(out, rest.data, rest.size);
    }
    if (dx_buf_error(&rest) != DX_OK) {
        out->error = out->error == DX_OK ? dx_buf_error(&rest) : out->error;
    }
    dx_buf_deinit(&rest);
    return keep;
}

int dx_record_write_data(const dx_mapping *mapping, const dx_record *record, dx_on_name on_name, void *ctx,
                         dx_buf *out) {
    dx_buf pairs;
    dx_reader reader;
    dx_buf_init(&pairs, dx_host_alloc(), RECORD_SIZE_MAX);
    dx_reader_init(&reader, record->data);
    size_t count = dx_read_map(&reader), kept = 0;
    for (size_t i = 0; i < count; i++) {
        dx_bytes key = dx_read_item(&reader), value = dx_read_item(&reader);
        size_t link = link_of_field(mapping, dx_item_text(key)), begin = pairs.size;
        dx_buf_append(&pairs, key.data, key.size);
        bool keep = true;
        if (link < mapping->link_count) {
            keep = write_rest(value, link, on_name, ctx, &pairs);
        } else {
            dx_buf_append(&pairs, value.data, value.size);
        }
        pairs.size = keep || pairs.size < begin ? pairs.size : begin;
        kept += keep;
    }
    write_head(true, kept, out);
    dx_buf_append(out, pairs.data, pairs.size);
    int error = dx_buf_error(&pairs);
    dx_buf_deinit(&pairs);
    return error != DX_OK ? error : dx_buf_error(out);
}

/* --- References inside data ------------------------------------------------------------------------ */

typedef struct rewriting {
    dx_on_reference on_reference;
    void *ctx;
    uint8_t *copy;
    const uint8_t *original;
    bool changed;
} rewriting;

/* A reference keeps its size, so that it is overwritten where the copy has it. */
static void rewrite_next(rewriting *self, dx_reader *reader) {
    size_t count = 0;
    switch (dx_reader_peek(reader)) {
    case DX_KIND_ARRAY:
        count = dx_read_array(reader);
        break;
    case DX_KIND_MAP:
        count = 2 * dx_read_map(reader);
        break;
    case DX_KIND_TAG:
        if (dx_read_tag(reader) == DX_TAG_REFERENCE) {
            dx_bytes id = dx_reference_id(dx_read_bytes(reader));
            const uint8_t *other = id.data != NULL ? self->on_reference(self->ctx, id.data) : NULL;
            if (other != NULL) {
                memcpy(self->copy + (id.data - self->original), other, DX_REFERENCE_SIZE);
                self->changed = true;
            }
        } else {
            (void)dx_read_item(reader);
        }
        return;
    case DX_KIND_INT:
    case DX_KIND_BYTES:
    case DX_KIND_TEXT:
    case DX_KIND_BOOL:
    case DX_KIND_NULL:
    case DX_KIND_DOUBLE:
    case DX_KIND_NONE:
        (void)dx_read_item(reader);
        return;
    }
    for (; count > 0 && reader->error == DX_OK; count--) {
        rewrite_next(self, reader);
    }
}

int dx_record_rewrite(dx_bytes item, dx_on_reference on_reference, void *ctx, dx_buf *out, bool *changed) {
    uint8_t *copy = dx_buf_extend(out, item.size);
    *changed = false;
    if (copy == NULL) {
        return dx_buf_error(out);
    }
    memcpy(copy, item.data, item.size);
    rewriting self = {on_reference, ctx, copy, item.data, false};
    dx_reader reader;
    dx_reader_init(&reader, item);
    rewrite_next(&self, &reader);
    *changed = self.changed;
    return dx_reader_finish(&reader);
}

int dx_record_write_set(dx_bytes key, dx_bytes value, dx_buf *out) {
    dx_buf path;
    dx_writer writer;
    dx_bytes name = dx_item_text(key);
    dx_buf_init(&path, dx_host_alloc(), 2 * RECORD_SIZE_MAX);
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '.' || name.data[i] == '\\') {
            dx_buf_append_byte(&path, '\\');
        }
        dx_buf_append_byte(&path, name.data[i]);
    }
    dx_writer_init(&writer, out);
    dx_write_map(&writer, 1);
    dx_write_text_bytes(&writer, dx_buf_view(&path));
    dx_write_item(&writer, value);
    int error = dx_buf_error(&path) != DX_OK ? dx_buf_error(&path) : dx_writer_finish(&writer);
    dx_buf_deinit(&path);
    return error;
}
