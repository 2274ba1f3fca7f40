/* text/xml_markup.c: XML types as Yjs prints them: elements with their attributes sorted, formatting as elements around characters. Nothing is
 * escaped; this is for reading and comparing. */
#include "text/edit.h"
#include "text/type_json.h"

#include "base/limits.h"
#include "text/lib0.h"
#include "text/wtf8.h"

#include <string.h>

/* A member, its value of lib0's form, or (size 0) the content of an item. */
typedef struct member {
    dx_bytes key, value;
    dx_text_ref ref;
} member;

/* In the order of their keys, by bytes. */
static bool is_before(const member *a, const member *b) {
    return dx_bytes_compare(a->key, b->key) < 0;
}

static void sink(member *rows, size_t at, size_t count) {
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && is_before(&rows[child], &rows[child + 1]) ? 1 : 0;
        if (!is_before(&rows[at], &rows[child])) {
            return;
        }
        member swapped = rows[at];
        rows[at] = rows[child];
        rows[child] = swapped;
        at = child;
    }
}

static void sort(member *rows, size_t count) {
    for (size_t at = count / 2; at-- > 0;) {
        sink(rows, at, count);
    }
    while (count > 1) {
        member last = rows[--count];
        rows[count] = rows[0];
        rows[0] = last;
        sink(rows, 0, count);
    }
}

static void append_text(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

/* JavaScript's String(value). */
static void print_value(dx_bytes any, dx_buf *out) {
    dx_lib0_reader reader = dx_lib0_reader_of(any);
    uint8_t tag = dx_lib0_read_byte(&reader);
    if (tag == DX_ANY_STRING) {
        dx_bytes text = dx_lib0_read_bytes(&reader);
        dx_buf_append(out, text.data, text.size);
    } else if (tag == DX_ANY_ARRAY) {
        uint64_t count = dx_lib0_read_uint(&reader);
        for (uint64_t i = 0; i < count; i++) {
            dx_bytes value = dx_lib0_read_any(&reader);
            append_text(out, i > 0 ? "," : "");
            if (value.data[0] != DX_ANY_NULL && value.data[0] != DX_ANY_UNDEFINED) {
                print_value(value, out);
            }
        }
    } else if (tag == DX_ANY_OBJECT) {
        append_text(out, "[object Object]");
    } else if (tag == DX_ANY_UNDEFINED) {
        append_text(out, "undefined");
    } else {
        dx_any_to_json(any, out);
    }
}

static int print_item(const dx_text_doc *doc, dx_text_ref ref, size_t depth, dx_buf *out) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    if (item->ref == DX_TEXT_TYPE) {
        dx_text_type child = dx_text_edit_type_of(doc, ref);
        const dx_text_type_row *row = &doc->types.rows[child];
        if (row->kind == DX_TEXT_KIND_TEXT) {
            return dx_text_characters(doc, row->list, out);
        }
        if (row->kind == DX_TEXT_KIND_ARRAY || row->kind == DX_TEXT_KIND_MAP ||
            row->kind == DX_TEXT_KIND_XML_HOOK) {
            append_text(out, "[object Object]");
            return dx_buf_error(out);
        }
        return dx_text_markup(doc, child, depth + 1, out);
    }
    if (item->ref == DX_TEXT_STRING) {
        dx_text_append_string(doc, ref, out);
    } else {
        dx_bytes value = dx_text_last_value(doc, ref);
        if (value.size > 0) {
            print_value(value, out);
        } else {
            append_text(out, "[object Object]");
        }
    }
    return dx_buf_error(out);
}

static member *members_of(const dx_buf *rows, size_t *count) {
    *count = rows->size / sizeof(member);
    return (member *)(void *)rows->data;
}

/* `in` lists the members of an object; of an array or a string the elements under their indexes, whose digits stand in `digits`. */
static int list_members(const dx_text_doc *doc, dx_bytes any, dx_buf *members, dx_buf *digits) {
    dx_lib0_reader reader = dx_lib0_reader_of(any);
    uint8_t tag = dx_lib0_read_byte(&reader);
    uint64_t count = 0;
    dx_bytes text = {NULL, 0};
    if (tag == DX_ANY_STRING) {
        text = dx_lib0_read_bytes(&reader);
        count = dx_wtf8_units(text);
    } else if (tag == DX_ANY_OBJECT || tag == DX_ANY_ARRAY) {
        count = dx_lib0_read_uint(&reader);
    }
    for (uint64_t i = 0; i < count && dx_buf_error(digits) == DX_OK; i++) {
        member one = {.ref = 0};
        if (tag == DX_ANY_OBJECT) {
            one.key = dx_lib0_read_bytes(&reader);
        } else {
            char number[20];
            size_t at = sizeof number;
            uint64_t left = i;
            do {
                number[--at] = (char)('0' + left % 10);
                left /= 10;
            } while (left > 0);
            dx_buf_append(digits, number + at, sizeof number - at);
            one.key = dx_bytes_of(NULL, sizeof number - at);
        }
        if (tag == DX_ANY_STRING) {
            size_t begin = digits->size;
            dx_buf_append_byte(digits, DX_ANY_STRING);
            dx_buf unit;
            dx_buf_init(&unit, &doc->alloc, 16);
            dx_wtf8_slice(text, i, i + 1, &unit);
            dx_text_append_key(dx_buf_view(&unit), digits);
            dx_buf_deinit(&unit);
            one.value = dx_bytes_of(NULL, digits->size - begin);
        } else {
            one.value = dx_lib0_read_any(&reader);
        }
        dx_buf_append(members, &one, sizeof one);
    }
    /* The digits lie still only now. */
    size_t rows, at = 0;
    member *row = members_of(members, &rows);
    for (size_t i = 0; tag != DX_ANY_OBJECT && dx_buf_error(digits) == DX_OK && i < rows; i++) {
        row[i].key.data = digits->data + at;
        at += row[i].key.size;
        if (tag == DX_ANY_STRING) {
            row[i].value.data = digits->data + at;
            at += row[i].value.size;
        }
    }
    return dx_buf_error(digits) != DX_OK ? dx_buf_error(digits) : dx_buf_error(members);
}

/* The start tag that stands for one key of formatting. */
static int open_format(const dx_text_doc *doc, const member *format, dx_buf *out) {
    dx_buf members, digits;
    dx_buf_init(&members, &doc->alloc, SIZE_MAX / 2);
    dx_buf_init(&digits, &doc->alloc, SIZE_MAX / 2);
    int error = list_members(doc, format->value, &members, &digits);
    size_t count;
    member *rows = members_of(&members, &count);
    if (error == DX_OK) {
        sort(rows, count);
        append_text(out, "<");
        dx_buf_append(out, format->key.data, format->key.size);
        for (size_t i = 0; i < count; i++) {
            append_text(out, " ");
            dx_buf_append(out, rows[i].key.data, rows[i].key.size);
            append_text(out, "=\"");
            print_value(rows[i].value, out);
            append_text(out, "\"");
        }
        append_text(out, ">");
    }
    dx_buf_deinit(&digits);
    dx_buf_deinit(&members);
    return error;
}

typedef struct text_markup {
    dx_buf *out;
    size_t depth;
} text_markup;

static int print_run(void *ctx, const dx_text_doc *doc, const dx_text_run *run) {
    text_markup *self = ctx;
    dx_buf formats;
    dx_buf_init(&formats, &doc->alloc, SIZE_MAX / 2);
    for (size_t i = 0; i < run->attributes.count; i++) {
        member one = {.key = dx_text_names_at(&doc->names, run->attributes.rows[i].key),
                      .value = dx_text_names_at(&doc->names, run->attributes.rows[i].value)};
        dx_buf_append(&formats, &one, sizeof one);
    }
    int error = dx_buf_error(&formats);
    size_t count;
    member *rows = members_of(&formats, &count);
    if (error == DX_OK) {
        sort(rows, count);
    }
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        error = open_format(doc, &rows[i], self->out);
    }
    if (error == DX_OK && run->ref != 0) {
        error = print_item(doc, run->ref, self->depth, self->out);
    } else if (error == DX_OK) {
        dx_buf_append(self->out, run->text.data, run->text.size);
    }
    for (size_t i = error == DX_OK ? count : 0; i-- > 0;) {
        append_text(self->out, "</");
        dx_buf_append(self->out, rows[i].key.data, rows[i].key.size);
        append_text(self->out, ">");
    }
    dx_buf_deinit(&formats);
    return error != DX_OK ? error : dx_buf_error(self->out);
}

static int print_attributes(const dx_text_doc *doc, dx_text_type type, size_t depth, dx_buf *out) {
    dx_buf members;
    dx_buf_init(&members, &doc->alloc, SIZE_MAX / 2);
    for (uint32_t at = doc->types.rows[type].first_chain; at != 0; at = doc->types.chains[at].next) {
        const dx_text_chain_row *chain = &doc->types.chains[at];
        member one = {.ref = dx_text_list_last(doc->sequence, chain->list)};
        if (one.ref != 0 && dx_text_item_live(dx_text_item_at(doc->sequence, one.ref))) {
            one.key = dx_text_names_at(&doc->names, chain->key);
            dx_buf_append(&members, &one, sizeof one);
        }
    }
    int error = dx_buf_error(&members);
    size_t count;
    member *rows = members_of(&members, &count);
    if (error == DX_OK) {
        sort(rows, count);
    }
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        append_text(out, " ");
        dx_buf_append(out, rows[i].key.data, rows[i].key.size);
        append_text(out, "=\"");
        error = print_item(doc, rows[i].ref, depth, out);
        append_text(out, "\"");
    }
    dx_buf_deinit(&members);
    return error;
}

/* Capital letters of ASCII become small. */
static void print_name(dx_bytes name, dx_buf *out) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        dx_buf_append_byte(out, byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte);
    }
}

int dx_text_markup(const dx_text_doc *doc, dx_text_type type, size_t depth, dx_buf *wtf8) {
    if (depth > DX_TEXT_NESTING_MAX) {
        return DX_E_LIMIT;
    }
    const dx_text_type_row *row = &doc->types.rows[type];
    if (row->kind == DX_TEXT_KIND_XML_TEXT) {
        text_markup self = {.out = wtf8, .depth = depth};
        return dx_text_walk_runs(doc, row->list, print_run, &self);
    }
    bool element = row->kind == DX_TEXT_KIND_XML_ELEMENT;
    int error = DX_OK;
    if (element) {
        append_text(wtf8, "<");
        print_name(dx_text_names_at(&doc->names, row->name), wtf8);
        error = print_attributes(doc, type, depth, wtf8);
        append_text(wtf8, ">");
    }
    for (dx_text_ref ref = dx_text_list_first(doc->sequence, row->list); error == DX_OK && ref != 0;
         ref = dx_text_item_next(doc->sequence, ref)) {
        if (dx_text_item_live(dx_text_item_at(doc->sequence, ref))) {
            error = print_item(doc, ref, depth, wtf8);
        }
    }
    if (element) {
        append_text(wtf8, "</");
        print_name(dx_text_names_at(&doc->names, row->name), wtf8);
        append_text(wtf8, ">");
    }
    return error != DX_OK ? error : dx_buf_error(wtf8);
}
