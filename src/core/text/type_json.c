/* text/type_json.c: see type_json.h. */
#include "text/type_json.h"

#include "base/limits.h"
#include "text/edit.h"
#include "text/lib0.h"
#include "text/pen.h"

#include <dxos/codec.h>
#include <string.h>

static void append_text(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

/* A string as JSON. */
static int append_string(const dx_text_doc *doc, dx_bytes wtf8, dx_buf *json) {
    dx_buf any;
    dx_buf_init(&any, &doc->alloc, SIZE_MAX / 2);
    dx_buf_append_byte(&any, DX_ANY_STRING);
    dx_text_append_key(wtf8, &any);
    int error = dx_buf_error(&any);
    if (error == DX_OK) {
        dx_any_to_json(dx_buf_view(&any), json);
    }
    dx_buf_deinit(&any);
    return error != DX_OK ? error : dx_buf_error(json);
}

static int append_characters(const dx_text_doc *doc, dx_text_type type, size_t depth, dx_buf *json) {
    const dx_text_type_row *row = &doc->types.rows[type];
    dx_buf text;
    dx_buf_init(&text, &doc->alloc, SIZE_MAX / 2);
    int error = row->kind == DX_TEXT_KIND_TEXT ? dx_text_characters(doc, row->list, &text)
                                               : dx_text_markup(doc, type, depth, &text);
    error = error != DX_OK ? error : append_string(doc, dx_buf_view(&text), json);
    dx_buf_deinit(&text);
    return error;
}

static int type_json(const dx_text_doc *doc, dx_text_type type, size_t depth, dx_buf *json);

static const char *kind_name(uint8_t kind) {
    static const char *const names[] = {"array",        "map",      "text",    "xml-element",
                                        "xml-fragment", "xml-hook", "xml-text"};
    return kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}

static int child_json(const dx_text_doc *doc, dx_text_type child, size_t depth, bool tagged, dx_buf *json) {
    if (tagged) {
        append_text(json, "{\"@type\":\"");
        append_text(json, kind_name(doc->types.rows[child].kind));
        append_text(json, "\",\"value\":");
    }
    int error = type_json(doc, child, depth + 1, json);
    append_text(json, tagged ? "}" : "");
    return error;
}

/* The values of one piece; before the first of an item no comma. */
static void values_json(dx_bytes piece, bool json_text, bool *begun, dx_buf *json) {
    dx_lib0_reader reader = dx_lib0_reader_of(piece);
    while (dx_lib0_left(&reader) > 0) {
        dx_bytes value = json_text ? dx_lib0_read_bytes(&reader) : dx_lib0_read_any(&reader);
        append_text(json, *begun ? "," : "");
        *begun = true;
        if (!json_text) {
            dx_any_to_json(value, json);
        } else if (dx_bytes_equal(value, dx_bytes_text("undefined"))) {
            append_text(json, "null");
        } else {
            dx_buf_append(json, value.data, value.size);
        }
    }
}

int dx_text_item_json(const dx_text_doc *doc, dx_text_ref ref, size_t depth, bool tagged, dx_buf *json) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    if (item->ref == DX_TEXT_TYPE) {
        return child_json(doc, dx_text_edit_type_of(doc, ref), depth, tagged, json);
    }
    if (item->ref == DX_TEXT_STRING) {
        dx_buf text;
        dx_buf_init(&text, &doc->alloc, SIZE_MAX / 2);
        dx_text_append_string(doc, ref, &text);
        int error = dx_buf_error(&text);
        error = error != DX_OK ? error : append_string(doc, dx_buf_view(&text), json);
        dx_buf_deinit(&text);
        return error;
    }
    bool begun = false;
    dx_text_values_ref at = item->payload;
    if (item->ref == DX_TEXT_BINARY) {
        append_text(json, "{\"@bytes\":\"");
        dx_base64url_encode(dx_text_values_piece(&doc->values, at, &at), json);
        append_text(json, "\"}");
    } else if (item->ref == DX_TEXT_DOC) {
        append_text(json, "{\"@doc\":");
        int error =
            append_string(doc, dx_text_names_at(&doc->names, dx_text_values_name(&doc->values, at)), json);
        append_text(json, "}");
        return error;
    } else {
        while (at != 0) {
            dx_bytes piece = dx_text_values_piece(&doc->values, at, &at);
            values_json(piece, item->ref == DX_TEXT_JSON, &begun, json);
        }
    }
    return dx_buf_error(json);
}

dx_bytes dx_text_last_value(const dx_text_doc *doc, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    dx_bytes last = {NULL, 0};
    dx_text_values_ref at = item->ref == DX_TEXT_ANY || item->ref == DX_TEXT_EMBED ? item->payload : 0;
    while (at != 0) {
        dx_bytes piece = dx_text_values_piece(&doc->values, at, &at);
        dx_lib0_reader reader = dx_lib0_reader_of(piece);
        while (dx_lib0_left(&reader) > 0) {
            last = dx_lib0_read_any(&reader);
        }
    }
    return last;
}

static int array_json(const dx_text_doc *doc, dx_text_list list, size_t depth, dx_buf *json) {
    int error = DX_OK;
    bool begun = false;
    append_text(json, "[");
    for (dx_text_ref ref = dx_text_list_first(doc->sequence, list); error == DX_OK && ref != 0;
         ref = dx_text_item_next(doc->sequence, ref)) {
        if (dx_text_item_live(dx_text_item_at(doc->sequence, ref))) {
            append_text(json, begun ? "," : "");
            begun = true;
            error = dx_text_item_json(doc, ref, depth, false, json);
        }
    }
    append_text(json, "]");
    return error;
}

static int map_json(const dx_text_doc *doc, dx_text_type type, size_t depth, dx_buf *json) {
    int error = DX_OK;
    bool begun = false;
    append_text(json, "{");
    for (uint32_t at = doc->types.rows[type].first_chain; error == DX_OK && at != 0;
         at = doc->types.chains[at].next) {
        const dx_text_chain_row *chain = &doc->types.chains[at];
        dx_text_ref ref = dx_text_list_last(doc->sequence, chain->list);
        if (ref == 0 || !dx_text_item_live(dx_text_item_at(doc->sequence, ref))) {
            continue;
        }
        append_text(json, begun ? "," : "");
        begun = true;
        error = append_string(doc, dx_text_names_at(&doc->names, chain->key), json);
        append_text(json, ":");
        dx_bytes value = dx_text_last_value(doc, ref);
        if (error == DX_OK && value.size > 0) {
            dx_any_to_json(value, json);
        } else if (error == DX_OK) {
            error = dx_text_item_json(doc, ref, depth, false, json);
        }
    }
    append_text(json, "}");
    return error;
}

static int type_json(const dx_text_doc *doc, dx_text_type type, size_t depth, dx_buf *json) {
    if (depth > DX_TEXT_NESTING_MAX) {
        return DX_E_LIMIT;
    }
    const dx_text_type_row *row = &doc->types.rows[type];
    int error = DX_OK;
    switch (row->kind) {
    case DX_TEXT_KIND_ARRAY:
        error = array_json(doc, row->list, depth, json);
        break;
    case DX_TEXT_KIND_MAP:
    case DX_TEXT_KIND_XML_HOOK:
        error = map_json(doc, type, depth, json);
        break;
    case DX_TEXT_KIND_UNKNOWN:
        append_text(json, "null");
        break;
    default:
        error = append_characters(doc, type, depth, json);
    }
    return error != DX_OK ? error : dx_buf_error(json);
}

int dx_text_json(const dx_text_doc *doc, dx_text_type type, dx_buf *json) {
    if (type == 0 || type >= doc->types.count) {
        return DX_E_INVALID;
    }
    size_t begin = json->size;
    int error = type_json(doc, type, 0, json);
    if (error != DX_OK && json->size > begin) {
        json->size = begin;
    }
    return error;
}
