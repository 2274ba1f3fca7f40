/* text/delta_write.c: see delta_write.h. */
#include "text/delta_write.h"

#include "text/lib0.h"
#include "text/type_json.h"
#include "text/wtf8.h"

#include <dxos/codec.h>
#include <string.h>

enum { NOTHING, RETAIN, DELETE, TEXT, VALUES, EMBED };

static void append_text(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

static void note(dx_text_delta_writer *self, int error) {
    self->error = self->error != DX_OK ? self->error : error;
}

void dx_text_delta_begin(dx_text_delta_writer *self, const dx_text_doc *doc, dx_buf *json) {
    *self = (dx_text_delta_writer){.doc = doc, .json = json, .begun = json->size, .kind = NOTHING};
    dx_buf_init(&self->content, &doc->alloc, SIZE_MAX / 2);
    dx_buf_init(&self->any, &doc->alloc, SIZE_MAX / 2);
    dx_text_attributes_init(&self->attributes, &doc->alloc);
    append_text(json, "[");
}

/* --- Printing --------------------------------------------------------------------------------- */

static void print_any(dx_text_delta_writer *self) {
    note(self, dx_buf_error(&self->any));
    if (self->error == DX_OK) {
        dx_any_to_json(dx_buf_view(&self->any), self->json);
    }
    dx_buf_clear(&self->any);
}

static void print_attributes(dx_text_delta_writer *self) {
    const dx_text_names *names = &self->doc->names;
    if (self->attributes.count == 0 && self->mark == NULL) {
        return;
    }
    append_text(self->json, ",\"attributes\":");
    dx_buf_append_byte(&self->any, DX_ANY_OBJECT);
    dx_lib0_write_uint(&self->any, self->attributes.count + (self->mark != NULL));
    for (size_t i = 0; i < self->attributes.count; i++) {
        const dx_text_attribute *row = &self->attributes.rows[i];
        dx_text_append_key(dx_text_names_at(names, row->key), &self->any);
        if (row->value == 0) {
            dx_buf_append_byte(&self->any, DX_ANY_NULL);
        } else {
            dx_bytes value = dx_text_names_at(names, row->value);
            dx_buf_append(&self->any, value.data, value.size);
        }
    }
    if (self->mark != NULL) {
        dx_lib0_write_string(&self->any, dx_bytes_text("ychange"));
        dx_buf_append_byte(&self->any, DX_ANY_OBJECT);
        dx_lib0_write_uint(&self->any, 1);
        dx_lib0_write_string(&self->any, dx_bytes_text("type"));
        dx_buf_append_byte(&self->any, DX_ANY_STRING);
        dx_lib0_write_string(&self->any, dx_bytes_text(self->mark));
    }
    print_any(self);
}

static void print_content(dx_text_delta_writer *self) {
    dx_bytes content = dx_buf_view(&self->content);
    note(self, dx_buf_error(&self->content));
    append_text(self->json, self->kind == VALUES ? "{\"insert\":[" : "{\"insert\":");
    if (self->kind == TEXT) {
        dx_buf_append_byte(&self->any, DX_ANY_STRING);
        dx_text_append_key(content, &self->any);
        print_any(self);
    } else {
        dx_buf_append(self->json, content.data, content.size);
        append_text(self->json, self->kind == VALUES ? "]" : "");
    }
}

static void print(dx_text_delta_writer *self) {
    if (self->kind == NOTHING || self->error != DX_OK) {
        return;
    }
    append_text(self->json, self->any_before ? "," : "");
    self->any_before = true;
    if (self->kind == RETAIN || self->kind == DELETE) {
        append_text(self->json, self->kind == RETAIN ? "{\"retain\":" : "{\"delete\":");
        dx_lib0_write_number(&self->any, (double)self->count);
        print_any(self);
    } else {
        print_content(self);
    }
    print_attributes(self);
    append_text(self->json, "}");
    note(self, dx_buf_error(self->json));
}

/* --- Operations ------------------------------------------------------------------------------- */

static bool same_attributes(const dx_text_attributes *a, const dx_text_attributes *b) {
    if (b == NULL || a->count != b->count) {
        return a->count == (b == NULL ? 0 : b->count);
    }
    for (size_t i = 0; i < a->count; i++) {
        const dx_text_attribute *other = dx_text_attributes_find(b, a->rows[i].key);
        if (other == NULL || other->value != a->rows[i].value) {
            return false;
        }
    }
    return true;
}

/* The operation to go on with. An embed is one by itself. */
static void turn_to(dx_text_delta_writer *self, uint8_t kind, const dx_text_attributes *attributes,
                    const char *mark) {
    if (self->kind == kind && kind != EMBED && self->mark == mark &&
        same_attributes(&self->attributes, attributes)) {
        return;
    }
    print(self);
    dx_buf_clear(&self->content);
    self->kind = kind;
    self->count = 0;
    self->mark = mark;
    self->attributes.count = 0;
    if (attributes != NULL) {
        note(self, dx_text_attributes_copy(&self->attributes, attributes));
    }
}

void dx_text_delta_break(dx_text_delta_writer *self) {
    turn_to(self, NOTHING, NULL, NULL);
}

void dx_text_delta_retain(dx_text_delta_writer *self, uint64_t count, const dx_text_attributes *attributes) {
    if (count != 0) {
        turn_to(self, RETAIN, attributes, NULL);
        self->count += count;
    }
}

void dx_text_delta_delete(dx_text_delta_writer *self, uint64_t count) {
    if (count != 0) {
        turn_to(self, DELETE, NULL, NULL);
        self->count += count;
    }
}

static void insert_text(dx_text_delta_writer *self, dx_text_ref ref, uint32_t from, uint32_t to) {
    const dx_text_item *item = dx_text_item_at(self->doc->sequence, ref);
    if (from == 0 && to == item->length) {
        dx_text_append_string(self->doc, ref, &self->content);
        return;
    }
    dx_text_append_string(self->doc, ref, &self->any);
    note(self, dx_buf_error(&self->any));
    if (self->error == DX_OK) {
        dx_wtf8_slice(dx_buf_view(&self->any), from, to, &self->content);
    }
    dx_buf_clear(&self->any);
}

/* Values of a run that lies in pieces, with commas. */
static void insert_run(dx_text_delta_writer *self, const dx_text_item *item, uint32_t from, uint32_t to) {
    bool strings = item->ref == DX_TEXT_JSON;
    uint32_t at = 0;
    for (dx_text_values_ref piece = item->payload; piece != 0;) {
        dx_lib0_reader reader = dx_lib0_reader_of(dx_text_values_piece(&self->doc->values, piece, &piece));
        for (; dx_lib0_left(&reader) > 0 && at < to; at++) {
            dx_bytes value = strings ? dx_lib0_read_bytes(&reader) : dx_lib0_take_any(&reader);
            if (at < from) {
                continue;
            }
            append_text(&self->content, self->content.size != 0 ? "," : "");
            if (!strings) {
                dx_any_to_json(value, &self->content);
            } else if (dx_bytes_equal(value, dx_bytes_text("undefined"))) {
                append_text(&self->content, "null");
            } else {
                dx_buf_append(&self->content, value.data, value.size);
            }
        }
    }
}

void dx_text_delta_insert(dx_text_delta_writer *self, dx_text_ref ref, uint32_t from, uint32_t to,
                          const dx_text_attributes *attributes, const char *mark) {
    const dx_text_item *item = dx_text_item_at(self->doc->sequence, ref);
    dx_text_type parent = dx_text_doc_parent(self->doc, ref);
    uint8_t kind = self->doc->types.rows[parent].kind;
    bool in_text = kind == DX_TEXT_KIND_TEXT || kind == DX_TEXT_KIND_XML_TEXT;
    if (self->error != DX_OK || from >= to) {
        return;
    }
    turn_to(self, item->ref == DX_TEXT_STRING ? TEXT : in_text ? EMBED : VALUES, attributes, mark);
    if (item->ref == DX_TEXT_STRING) {
        insert_text(self, ref, from, to);
    } else if (item->ref == DX_TEXT_ANY || item->ref == DX_TEXT_JSON) {
        insert_run(self, item, from, to);
    } else {
        append_text(&self->content, self->content.size != 0 ? "," : "");
        note(self, dx_text_item_json(self->doc, ref, 0, true, &self->content));
    }
    note(self, dx_buf_error(&self->content));
}

int dx_text_delta_finish(dx_text_delta_writer *self) {
    if (self->kind != RETAIN || self->attributes.count != 0) {
        print(self);
    }
    append_text(self->json, "]");
    note(self, dx_buf_error(self->json));
    if (self->error != DX_OK && self->json->size > self->begun) {
        self->json->size = self->begun;
    }
    dx_buf_deinit(&self->content);
    dx_buf_deinit(&self->any);
    dx_text_attributes_deinit(&self->attributes);
    return self->error;
}
