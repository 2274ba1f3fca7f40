/* text/relative.c: relative positions (dxos/text_history.h): an item's clock and a side of it, or an end of a type. */
#include <dxos/text_history.h>

#include "text/redone.h"
#include "text/units.h"

#include <string.h>

/* What the first number says. */
enum { OF_ITEM = 0, OF_ROOT = 1, OF_TYPE = 2 };

typedef struct position {
    uint64_t of;
    dx_text_id id;  /* OF_ITEM, OF_TYPE */
    dx_bytes root;  /* OF_ROOT: its name */
    uint64_t assoc; /* magnitude */
    bool before;    /* assoc < 0 */
} position;

static void write(const position *self, dx_buf *out) {
    dx_lib0_write_uint(out, self->of);
    if (self->of == OF_ROOT) {
        dx_lib0_write_string(out, self->root);
    } else {
        dx_lib0_write_uint(out, self->id.client);
        dx_lib0_write_uint(out, self->id.clock);
    }
    dx_lib0_write_int(out, self->assoc, self->before);
}

/* Written whole, or not at all. */
static int append(const position *self, dx_buf *out) {
    size_t begun = out->size;
    write(self, out);
    if (dx_buf_error(out) != DX_OK) {
        out->size = begun;
    }
    return dx_buf_error(out);
}

/* Old ones end without assoc. */
static int read(dx_bytes bytes, position *self) {
    dx_lib0_reader reader = dx_lib0_reader_of(bytes);
    *self = (position){.of = dx_lib0_read_uint(&reader)};
    if (self->of > OF_TYPE) {
        return DX_E_MALFORMED;
    }
    if (self->of == OF_ROOT) {
        self->root = dx_lib0_read_string(&reader, NULL);
    } else {
        self->id.client = dx_lib0_read_uint(&reader);
        self->id.clock = dx_lib0_read_uint(&reader);
    }
    if (reader.error == DX_OK && dx_lib0_left(&reader) > 0) {
        self->assoc = dx_lib0_read_int(&reader, &self->before);
        self->before = self->before && self->assoc != 0;
    }
    return reader.error != DX_OK ? reader.error : dx_lib0_left(&reader) != 0 ? DX_E_MALFORMED : DX_OK;
}

/* --- In a document ---------------------------------------------------------------------------- */

static dx_text_id id_at(const dx_text_doc *doc, dx_text_ref ref, uint32_t offset) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    return (dx_text_id){.client = doc->clients.rows[item->client].id,
                        .clock = (uint64_t)item->clock + offset};
}

int dx_text_position_make(const dx_text_doc *doc, dx_text_type type, uint64_t index, int assoc, dx_buf *out) {
    if (doc == NULL || out == NULL || type == 0 || type >= doc->types.count) {
        return DX_E_INVALID;
    }
    const dx_text_type_row *row = &doc->types.rows[type];
    if (row->gone) {
        return DX_E_NOT_FOUND;
    }
    dx_text_unit unit = dx_text_unit_of(doc, type);
    position self = {
        .of = OF_ITEM, .before = assoc < 0, .assoc = assoc < 0 ? 0 - (uint64_t)assoc : (uint64_t)assoc};
    if (index > dx_text_list_length(doc->sequence, row->list, unit)) {
        return DX_E_INVALID;
    }
    dx_text_ref ref = 0;
    uint32_t offset = 0;
    if (assoc >= 0 || index != 0) {
        bool inside = false;
        dx_text_list_find(doc->sequence, row->list, assoc < 0 ? index - 1 : index, unit, &ref, &offset,
                          &inside);
        if (ref != 0 && assoc < 0) {
            /* The last clock of the character: its second half, if it has one. */
            const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
            while (offset + 1 < item->length && item->ref == DX_TEXT_STRING &&
                   dx_text_item_units(doc, ref, 0, offset + 1, DX_TEXT_CODE_POINTS) ==
                       dx_text_item_units(doc, ref, 0, offset, DX_TEXT_CODE_POINTS)) {
                offset++;
            }
        }
    }
    if (ref != 0) {
        self.id = id_at(doc, ref, offset);
    } else if (row->item != 0) {
        self.of = OF_TYPE;
        self.id = id_at(doc, row->item, 0);
    } else {
        self.of = OF_ROOT;
        self.root = dx_text_names_at(&doc->names, row->name);
    }
    return append(&self, out);
}

/* The item that holds an id now, and where in it; 0: not known, or no item any more. */
static dx_text_ref find(const dx_text_doc *doc, dx_text_id id, uint32_t *offset) {
    dx_text_clients clients = doc->clients; /* finding remembers */
    uint32_t client = dx_text_clients_find(&clients, id.client);
    if (client == DX_TEXT_NO_CLIENT || id.clock >= dx_text_ids_state(doc->sequence, client)) {
        return 0;
    }
    dx_text_trace trace = {.client = client, .clock = (uint32_t)id.clock, .length = 1};
    dx_text_redone_follow(doc, &trace);
    dx_text_ref ref = dx_text_ids_find(doc->sequence, trace.client, trace.clock);
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    *offset = trace.clock - item->clock;
    return item->ref == DX_TEXT_GC ? 0 : ref;
}

static int find_end(const dx_text_doc *doc, const position *self, dx_text_type *type) {
    if (self->of == OF_ROOT) {
        dx_text_name name = dx_text_names_find(&doc->names, DX_TEXT_SCOPE_ROOT, self->root);
        *type = name != 0 ? dx_text_names_value(&doc->names, name) : 0;
    } else {
        uint32_t offset;
        dx_text_ref ref = find(doc, self->id, &offset);
        const dx_text_item *item = ref != 0 ? dx_text_item_at(doc->sequence, ref) : NULL;
        *type = item != NULL && item->ref == DX_TEXT_TYPE ? item->payload : 0;
    }
    return *type != 0 ? DX_OK : DX_E_NOT_FOUND;
}

static bool is_deleted(const dx_text_doc *doc, dx_text_type type) {
    dx_text_ref ref = doc->types.rows[type].item;
    return doc->types.rows[type].gone ||
           (ref != 0 && (dx_text_item_at(doc->sequence, ref)->flags & DX_ITEM_DELETED) != 0);
}

int dx_text_position_find(const dx_text_doc *doc, dx_bytes bytes, dx_text_type *type, uint64_t *index) {
    position self = {.of = OF_ITEM};
    if (doc == NULL || type == NULL || index == NULL) {
        return DX_E_INVALID;
    }
    int error = read(bytes, &self);
    if (error != DX_OK) {
        return error;
    }
    if (self.of != OF_ITEM) {
        dx_text_type found = 0;
        error = find_end(doc, &self, &found);
        if (error == DX_OK) {
            *type = found;
            *index = self.before ? 0
                                 : dx_text_list_length(doc->sequence, doc->types.rows[found].list,
                                                       dx_text_unit_of(doc, found));
        }
        return error;
    }
    uint32_t offset;
    dx_text_ref ref = find(doc, self.id, &offset);
    if (ref == 0) {
        return DX_E_NOT_FOUND;
    }
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    dx_text_type parent = dx_text_doc_parent(doc, ref);
    *type = parent;
    *index = 0;
    if (!is_deleted(doc, parent)) {
        dx_text_unit unit = dx_text_unit_of(doc, parent);
        *index = dx_text_item_index(doc->sequence, ref, unit);
        if (dx_text_item_live(item)) {
            *index += dx_text_item_units(doc, ref, 0, offset + (self.before ? 1 : 0), unit);
        }
    }
    return DX_OK;
}

/* --- As JSON ---------------------------------------------------------------------------------- */

/* The position as an object, in lib0's form. */
static void write_object(const position *self, dx_buf *any) {
    dx_buf_append_byte(any, DX_ANY_OBJECT);
    dx_lib0_write_uint(any, 2);
    dx_lib0_write_string(any, dx_bytes_text(self->of == OF_ITEM   ? "item"
                                            : self->of == OF_ROOT ? "tname"
                                                                  : "type"));
    if (self->of == OF_ROOT) {
        dx_buf_append_byte(any, DX_ANY_STRING);
        dx_lib0_write_string(any, self->root);
    } else {
        dx_buf_append_byte(any, DX_ANY_OBJECT);
        dx_lib0_write_uint(any, 2);
        dx_lib0_write_string(any, dx_bytes_text("client"));
        dx_lib0_write_number(any, (double)self->id.client);
        dx_lib0_write_string(any, dx_bytes_text("clock"));
        dx_lib0_write_number(any, (double)self->id.clock);
    }
    dx_lib0_write_string(any, dx_bytes_text("assoc"));
    dx_lib0_write_number(any, self->before ? -(double)self->assoc : (double)self->assoc);
}

int dx_text_position_to_json(dx_bytes bytes, dx_buf *json) {
    position self = {.of = OF_ITEM};
    if (json == NULL) {
        return DX_E_INVALID;
    }
    int error = read(bytes, &self);
    if (error != DX_OK) {
        return error;
    }
    dx_buf any;
    dx_buf_init(&any, json->alloc, SIZE_MAX / 2);
    write_object(&self, &any);
    error = dx_buf_error(&any);
    size_t begun = json->size;
    if (error == DX_OK) {
        dx_any_to_json(dx_buf_view(&any), json);
        error = dx_buf_error(json);
    }
    if (error != DX_OK) {
        json->size = begun;
    }
    dx_buf_deinit(&any);
    return error;
}

static bool is_key(dx_bytes key, const char *text) {
    return dx_bytes_equal(key, dx_bytes_text(text));
}

/* A whole number of a value. */
static bool read_number(dx_lib0_reader *reader, double low, double *number) {
    dx_lib0_reader value = dx_lib0_reader_of(dx_lib0_take_any(reader));
    uint8_t tag = dx_lib0_read_byte(&value);
    uint64_t bits = 0;
    size_t left = dx_lib0_left(&value);
    if (tag == DX_ANY_INTEGER) {
        bool negative;
        *number = (double)dx_lib0_read_int(&value, &negative);
        *number = negative ? -*number : *number;
    } else if ((tag == DX_ANY_FLOAT32 && left == 4) || (tag == DX_ANY_FLOAT64 && left == 8)) {
        for (size_t i = 0; i < left; i++) {
            bits = bits << 8 | dx_lib0_read_byte(&value);
        }
        uint32_t narrow = (uint32_t)bits;
        float single;
        memcpy(&single, &narrow, sizeof single);
        memcpy(number, &bits, sizeof *number);
        *number = left == 4 ? (double)single : *number;
    } else {
        return false;
    }
    return *number >= low && *number <= (double)DX_LIB0_UINT_MAX;
}

static bool read_id(dx_lib0_reader *reader, dx_text_id *id) {
    uint8_t tag = dx_lib0_read_byte(reader);
    uint64_t count = tag == DX_ANY_OBJECT ? dx_lib0_read_uint(reader) : 0;
    bool client = false, clock = false;
    while (count-- > 0) {
        dx_bytes key = dx_lib0_read_bytes(reader);
        double number;
        if (is_key(key, "client") || is_key(key, "clock")) {
            if (!read_number(reader, 0, &number)) {
                return false;
            }
            *(is_key(key, "client") ? &id->client : &id->clock) = (uint64_t)number;
            *(is_key(key, "client") ? &client : &clock) = true;
        } else {
            (void)dx_lib0_take_any(reader);
        }
    }
    return client && clock;
}

/* Which of the three it names: the item before all, then the root, as Yjs writes it. null is nothing. */
static int read_object(dx_bytes any, position *self) {
    dx_lib0_reader reader = dx_lib0_reader_of(any);
    dx_text_id type = {0, 0};
    bool has_item = false, has_root = false, has_type = false;
    if (dx_lib0_read_byte(&reader) != DX_ANY_OBJECT) {
        return DX_E_MALFORMED;
    }
    for (uint64_t count = dx_lib0_read_uint(&reader); count-- > 0;) {
        dx_bytes key = dx_lib0_read_bytes(&reader);
        bool good = true;
        if (dx_lib0_left(&reader) != 0 && *reader.at == DX_ANY_NULL) {
            (void)dx_lib0_take_any(&reader);
        } else if (is_key(key, "item")) {
            good = has_item = read_id(&reader, &self->id);
        } else if (is_key(key, "type")) {
            good = has_type = read_id(&reader, &type);
        } else if (is_key(key, "tname")) {
            good = has_root = dx_lib0_read_byte(&reader) == DX_ANY_STRING;
            self->root = dx_lib0_read_bytes(&reader);
        } else if (is_key(key, "assoc")) {
            double number;
            good = read_number(&reader, -(double)INT32_MAX, &number);
            self->before = good && number < 0;
            self->assoc = good ? (uint64_t)(number < 0 ? -number : number) : 0;
        } else {
            (void)dx_lib0_take_any(&reader);
        }
        if (!good) {
            return DX_E_MALFORMED;
        }
    }
    if (!has_item && !has_root && has_type) {
        self->id = type;
    }
    self->of = has_item ? OF_ITEM : has_root ? OF_ROOT : OF_TYPE;
    return has_item || has_root || has_type ? DX_OK : DX_E_MALFORMED;
}

int dx_text_position_from_json(const dx_alloc *alloc, const char *json, dx_buf *out) {
    if (alloc == NULL || json == NULL || out == NULL) {
        return DX_E_INVALID;
    }
    position self = {.of = OF_ITEM};
    dx_buf any;
    dx_buf_init(&any, alloc, SIZE_MAX / 2);
    int error = dx_any_from_json(dx_bytes_text(json), &any);
    if (error == DX_OK) {
        error = read_object(dx_buf_view(&any), &self);
    }
    if (error == DX_OK) {
        error = append(&self, out);
    }
    dx_buf_deinit(&any);
    return error;
}
