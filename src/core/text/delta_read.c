/* text/delta_read.c: what stands in a text: its characters, a delta, the formatting at a place. */
#include "text/pen.h"
#include "text/type_json.h"

#include "base/limits.h"
#include "text/lib0.h"
#include "text/wtf8.h"

#include <string.h>

void dx_text_append_string(const dx_text_doc *doc, dx_text_ref ref, dx_buf *wtf8) {
    size_t at = 0;
    for (dx_bytes run = dx_text_item_run(doc->sequence, ref, at); run.size > 0;
         run = dx_text_item_run(doc->sequence, ref, at)) {
        dx_buf_append(wtf8, run.data, run.size);
        at += run.size;
    }
}

int dx_text_characters(const dx_text_doc *doc, dx_text_list list, dx_buf *wtf8) {
    for (dx_text_ref ref = dx_text_list_first(doc->sequence, list); ref != 0;
         ref = dx_text_item_next(doc->sequence, ref)) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        if (item->ref == DX_TEXT_STRING && dx_text_item_live(item)) {
            dx_text_append_string(doc, ref, wtf8);
        }
    }
    return dx_buf_error(wtf8);
}

/* Puts a buffer back to what it was, and gives the error. */
static int settle(dx_buf *out, size_t begin, int error) {
    error = error != DX_OK ? error : dx_buf_error(out);
    if (error != DX_OK && out->size > begin) {
        out->size = begin;
    }
    return error;
}

int dx_text_read(const dx_text_doc *doc, dx_text_type type, dx_buf *utf8) {
    dx_text_list list;
    size_t begin = utf8->size;
    int error = dx_text_editable(doc, type, DX_TEXT_KINDS_TEXT, &list);
    if (error == DX_E_NOT_FOUND) {
        return DX_OK; /* deleted: empty */
    }
    if (error != DX_OK) {
        return error;
    }
    error = dx_text_characters(doc, list, utf8);
    dx_bytes read = dx_bytes_of(utf8->data + begin, utf8->size - begin);
    if (error == DX_OK && read.size > 0 && dx_wtf8_has_half(read)) {
        dx_buf whole;
        dx_buf_init(&whole, &doc->alloc, SIZE_MAX / 2);
        dx_wtf8_to_utf8(read, &whole);
        error = dx_buf_error(&whole);
        utf8->size = begin;
        dx_buf_append(utf8, whole.data, whole.size);
        dx_buf_deinit(&whole);
    }
    return settle(utf8, begin, error);
}

void dx_text_append_key(dx_bytes key, dx_buf *any) {
    dx_lib0_write_uint(any, key.size);
    dx_buf_append(any, key.data, key.size);
}

void dx_text_append_object(const dx_text_doc *doc, const dx_text_attributes *attributes, dx_buf *any) {
    dx_buf_append_byte(any, DX_ANY_OBJECT);
    dx_lib0_write_uint(any, attributes->count);
    for (size_t i = 0; i < attributes->count; i++) {
        dx_bytes value = dx_text_names_at(&doc->names, attributes->rows[i].value);
        dx_text_append_key(dx_text_names_at(&doc->names, attributes->rows[i].key), any);
        dx_buf_append(any, value.data, value.size);
    }
}

int dx_text_attributes_at(const dx_text_doc *doc, dx_text_type type, uint64_t index, dx_buf *json) {
    dx_text_list list;
    dx_text_spot spot;
    size_t begin = json->size;
    int error = dx_text_editable(doc, type, DX_TEXT_KINDS_TEXT, &list);
    error = error != DX_OK ? error : dx_text_spot_at(doc, list, index, false, &spot);
    if (error != DX_OK) {
        return error;
    }
    dx_text_ref end = spot.ref;
    if (spot.offset == 0) {
        /* Right behind the live unit before: markers at the place itself come after it. */
        dx_text_ref before =
            end != 0 ? dx_text_item_prev(doc->sequence, end) : dx_text_list_last(doc->sequence, list);
        while (before != 0 && !dx_text_item_live(dx_text_item_at(doc->sequence, before))) {
            end = before;
            before = dx_text_item_prev(doc->sequence, before);
        }
    }
    dx_text_attributes attributes;
    dx_buf any;
    dx_text_attributes_init(&attributes, &doc->alloc);
    dx_buf_init(&any, &doc->alloc, SIZE_MAX / 2);
    error = dx_text_attributes_before(doc, list, end, &attributes);
    if (error == DX_OK) {
        dx_text_append_object(doc, &attributes, &any);
        error = dx_buf_error(&any);
    }
    if (error == DX_OK) {
        dx_any_to_json(dx_buf_view(&any), json);
    }
    dx_buf_deinit(&any);
    dx_text_attributes_deinit(&attributes);
    return settle(json, begin, error);
}

int dx_text_walk_runs(const dx_text_doc *doc, dx_text_list list, dx_text_run_visit *visit, void *ctx) {
    dx_text_run run = {.ref = 0};
    dx_buf text;
    dx_text_attributes_init(&run.attributes, &doc->alloc);
    dx_buf_init(&text, &doc->alloc, SIZE_MAX / 2);
    int error = DX_OK;
    for (dx_text_ref ref = dx_text_list_first(doc->sequence, list); error == DX_OK;
         ref = dx_text_item_next(doc->sequence, ref)) {
        const dx_text_item *item = ref == 0 ? NULL : dx_text_item_at(doc->sequence, ref);
        bool live = item != NULL && (item->flags & DX_ITEM_DELETED) == 0;
        if (item != NULL && (!live || (item->ref != DX_TEXT_STRING && item->ref != DX_TEXT_FORMAT &&
                                       item->ref != DX_TEXT_EMBED && item->ref != DX_TEXT_TYPE))) {
            continue;
        }
        if (item != NULL && item->ref == DX_TEXT_STRING) {
            dx_text_append_string(doc, ref, &text);
            error = dx_buf_error(&text);
            continue;
        }
        if (text.size > 0) {
            run.ref = 0;
            run.text = dx_buf_view(&text);
            error = visit(ctx, doc, &run);
            text.size = 0;
        }
        if (item == NULL || error != DX_OK) {
            break;
        }
        if (item->ref == DX_TEXT_FORMAT) {
            dx_text_attribute row = dx_text_attribute_of(doc, ref);
            error = dx_text_attributes_reserve(&run.attributes, 1);
            if (error == DX_OK && dx_text_value_is_null(&doc->names, row.value)) {
                dx_text_attributes_remove(&run.attributes, row.key);
            } else if (error == DX_OK) {
                dx_text_attributes_set(&run.attributes, row);
            }
        } else {
            run.ref = ref;
            run.text = dx_bytes_of(NULL, 0);
            error = visit(ctx, doc, &run);
        }
    }
    dx_buf_deinit(&text);
    dx_text_attributes_deinit(&run.attributes);
    return error;
}

typedef struct delta_out {
    dx_buf *json;
    dx_buf any;
    bool begun;
} delta_out;

static void append_text(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

static int print_run(void *ctx, const dx_text_doc *doc, const dx_text_run *run) {
    delta_out *self = ctx;
    int error = DX_OK;
    append_text(self->json, self->begun ? ",{\"insert\":" : "{\"insert\":");
    self->begun = true;
    dx_buf_clear(&self->any);
    if (run->ref == 0) {
        dx_buf_append_byte(&self->any, DX_ANY_STRING);
        dx_text_append_key(run->text, &self->any);
        dx_any_to_json(dx_buf_view(&self->any), self->json);
    } else {
        error = dx_text_item_json(doc, run->ref, 0, true, self->json);
    }
    if (error == DX_OK && run->attributes.count > 0) {
        dx_buf_clear(&self->any);
        dx_text_append_object(doc, &run->attributes, &self->any);
        append_text(self->json, ",\"attributes\":");
        error = dx_buf_error(&self->any);
        if (error == DX_OK) {
            dx_any_to_json(dx_buf_view(&self->any), self->json);
        }
    }
    append_text(self->json, "}");
    return error != DX_OK ? error : dx_buf_error(self->json);
}

int dx_text_delta(const dx_text_doc *doc, dx_text_type type, dx_buf *json) {
    dx_text_list list;
    size_t begin = json->size;
    delta_out out = {.json = json};
    int error = dx_text_editable(doc, type, DX_TEXT_KINDS_TEXT, &list);
    if (error != DX_OK && error != DX_E_NOT_FOUND) {
        return error;
    }
    dx_buf_init(&out.any, &doc->alloc, SIZE_MAX / 2);
    append_text(json, "[");
    error = error == DX_OK ? dx_text_walk_runs(doc, list, print_run, &out) : DX_OK;
    append_text(json, "]");
    dx_buf_deinit(&out.any);
    return settle(json, begin, error);
}
