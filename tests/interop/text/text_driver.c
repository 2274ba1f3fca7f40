/* tests/interop/text/text_driver.c: the text engine behind lines of JSON, so that other programs can hold it against Yjs.
 *
 * One request per line on standard input, one reply per line on standard output, in the same order: {"ok": true, …} or
 * {"ok": false, "error": "…"}. Any number of lines may be on their way. Bytes are hexadecimal, indexes UTF-16 unless the document was made
 * for another unit, v is the form of updates (1 unless said). A request that is not of the form is answered, nothing of it done.
 * Requests and their members: the table at the end of this file. Only dxos/text.h and dxos/text_history.h are used. */
#include <dxos/text_history.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { MEMBERS_MAX = 16, BUCKETS = 4096, PATH_MAX_STEPS = 4096 };
static const size_t buffer_max = (size_t)1 << 30;

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

static const dx_alloc heap = {NULL, resize};

/* --- JSON: the members of one object, each as the text it stands in ------------------------------------------ */

typedef struct member {
    dx_bytes name, value; /* name between its quotes */
} member;

typedef struct request {
    member members[MEMBERS_MAX];
    size_t count;
} request;

static size_t skip_space(dx_bytes text, size_t at) {
    while (at < text.size && memchr(" \t\r\n", text.data[at], 4) != NULL) {
        at++;
    }
    return at;
}

/* Past the string that begins at `at`; 0: it does not end. */
static size_t skip_string(dx_bytes text, size_t at) {
    for (at++; at < text.size; at++) {
        if (text.data[at] == '\\') {
            at++;
        } else if (text.data[at] == '"') {
            return at + 1;
        }
    }
    return 0;
}

/* Past the value that begins at `at`, brackets counted and strings stepped over; 0: there is none. What it holds is the engine's to judge. */
static size_t skip_value(dx_bytes text, size_t at) {
    size_t depth = 0;
    size_t begin = at;
    while (at < text.size) {
        uint8_t byte = text.data[at];
        if (byte == '"') {
            at = skip_string(text, at);
            if (at == 0) {
                return 0;
            }
        } else if (byte == '{' || byte == '[') {
            depth++;
            at++;
        } else if (byte == '}' || byte == ']') {
            if (depth == 0) {
                break;
            }
            depth--;
            at++;
        } else if (depth == 0 && (byte == ',' || memchr(" \t\r\n", byte, 4) != NULL)) {
            break;
        } else {
            at++;
            continue;
        }
        if (depth == 0) {
            break;
        }
    }
    return depth == 0 && at > begin ? at : 0;
}

static bool read_request(dx_bytes line, request *out) {
    out->count = 0;
    size_t at = skip_space(line, 0);
    if (at >= line.size || line.data[at] != '{') {
        return false;
    }
    at = skip_space(line, at + 1);
    while (at < line.size && line.data[at] == '"' && out->count < MEMBERS_MAX) {
        member *one = &out->members[out->count++];
        size_t end = skip_string(line, at);
        if (end == 0) {
            return false;
        }
        one->name = dx_bytes_of(line.data + at + 1, end - at - 2);
        at = skip_space(line, end);
        if (at >= line.size || line.data[at] != ':') {
            return false;
        }
        at = skip_space(line, at + 1);
        end = skip_value(line, at);
        if (end == 0) {
            return false;
        }
        one->value = dx_bytes_of(line.data + at, end - at);
        at = skip_space(line, end);
        if (at < line.size && line.data[at] == ',') {
            at = skip_space(line, at + 1);
        } else {
            break;
        }
    }
    return at < line.size && line.data[at] == '}' && skip_space(line, at + 1) == line.size;
}

/* The value of a member; size 0: not there, or null. */
static dx_bytes get(const request *from, const char *name) {
    for (size_t i = from->count; i-- > 0;) {
        if (dx_bytes_equal(from->members[i].name, dx_bytes_text(name))) {
            dx_bytes value = from->members[i].value;
            return dx_bytes_equal(value, dx_bytes_text("null")) ? dx_bytes_of(NULL, 0) : value;
        }
    }
    return dx_bytes_of(NULL, 0);
}

static void append_utf8(dx_buf *out, uint32_t code) {
    if (code < 0x80) {
        dx_buf_append_byte(out, (uint8_t)code);
    } else if (code < 0x800) {
        dx_buf_append(out, (uint8_t[]){(uint8_t)(0xc0 | code >> 6), (uint8_t)(0x80 | (code & 63))}, 2);
    } else if (code < 0x10000) {
        dx_buf_append(out,
                      (uint8_t[]){(uint8_t)(0xe0 | code >> 12), (uint8_t)(0x80 | (code >> 6 & 63)),
                                  (uint8_t)(0x80 | (code & 63))},
                      3);
    } else {
        dx_buf_append(out,
                      (uint8_t[]){(uint8_t)(0xf0 | code >> 18), (uint8_t)(0x80 | (code >> 12 & 63)),
                                  (uint8_t)(0x80 | (code >> 6 & 63)), (uint8_t)(0x80 | (code & 63))},
                      4);
    }
}

/* Four digits; above 0xffff: they are none. */
static uint32_t read_unit(dx_bytes text, size_t at) {
    uint8_t two[2];
    if (at + 4 > text.size || dx_hex_decode((const char *)text.data + at, 4, two, 2) != DX_OK) {
        return 0x10000;
    }
    return (uint32_t)two[0] << 8 | two[1];
}

/* A JSON string without its quotes and escapes; half of a pair becomes U+FFFD, as JavaScript writes it in UTF-8. */
static int read_string(dx_bytes value, dx_buf *out) {
    if (value.size < 2 || value.data[0] != '"' || value.data[value.size - 1] != '"') {
        return DX_E_INVALID;
    }
    for (size_t at = 1; at < value.size - 1; at++) {
        if (value.data[at] != '\\') {
            dx_buf_append_byte(out, value.data[at]);
            continue;
        }
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char *simple = memchr(from, value.data[++at], sizeof from - 1);
        if (simple != NULL) {
            dx_buf_append_byte(out, (uint8_t)to[simple - from]);
            continue;
        }
        uint32_t unit = value.data[at] == 'u' ? read_unit(value, at + 1) : 0x10000;
        if (unit > 0xffff) {
            return DX_E_INVALID;
        }
        at += 4;
        if (unit >= 0xd800 && unit < 0xdc00 && at + 2 < value.size && value.data[at + 1] == '\\' &&
            value.data[at + 2] == 'u') {
            uint32_t low = read_unit(value, at + 3);
            if (low >= 0xdc00 && low < 0xe000) {
                unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                at += 6;
            }
        }
        append_utf8(out, unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit);
    }
    return dx_buf_error(out);
}

/* --- Documents ----------------------------------------------------------------------------------------------- */

typedef struct document {
    struct document *next;
    dx_text_doc *doc;
    dx_text_undo_manager *undo; /* NULL: none asked for */
    dx_buf name;                /* as it stands in the requests */
} document;

static document *buckets[BUCKETS];

static document **place_of(dx_bytes name) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ name.data[i]) * 16777619u;
    }
    document **at = &buckets[hash % BUCKETS];
    while (*at != NULL && !dx_bytes_equal(dx_buf_view(&(*at)->name), name)) {
        at = &(*at)->next;
    }
    return at;
}

static void forget(document **at) {
    document *old = *at;
    *at = old->next;
    dx_text_destroy(old->doc);
    dx_buf_deinit(&old->name);
    free(old);
}

/* --- One request under way ----------------------------------------------------------------------------------- */

typedef struct call {
    request in;
    dx_text_doc *doc;
    dx_text_form form;
    dx_buf text[4]; /* strings and bytes out of the request, terminated where they are handed on so */
    dx_buf made;    /* what the engine appended */
    dx_buf reply;
    const char *why; /* beside the error */
} call;

static int number(const call *self, const char *name, uint64_t *out) {
    dx_bytes value = get(&self->in, name);
    if (value.size == 0 || value.size > 16) {
        return DX_E_INVALID;
    }
    *out = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return DX_E_INVALID;
        }
        *out = *out * 10 + (uint64_t)(value.data[i] - '0');
    }
    return DX_OK;
}

/* The text of a JSON value, terminated; NULL: it is not there. */
static const char *json(call *self, int slot, const char *name) {
    dx_bytes value = get(&self->in, name);
    if (value.size == 0) {
        return NULL;
    }
    dx_buf_append(&self->text[slot], value.data, value.size);
    dx_buf_append_byte(&self->text[slot], 0);
    return (const char *)self->text[slot].data;
}

/* As json, but a value that is not there is JSON's null. */
static const char *json_or_null(call *self, int slot, const char *name) {
    const char *value = json(self, slot, name);
    return value != NULL ? value : "null";
}

/* A string, terminated; NULL: it is not there or no string, or holds a zero. */
static const char *string(call *self, int slot, const char *name) {
    dx_buf *out = &self->text[slot];
    if (read_string(get(&self->in, name), out) != DX_OK ||
        (out->size > 0 && memchr(out->data, 0, out->size) != NULL)) {
        return NULL;
    }
    dx_buf_append_byte(out, 0);
    return (const char *)out->data;
}

static int hex_value(dx_bytes value, dx_buf *out) {
    if (value.size < 2 || value.size % 2 != 0 || value.data[0] != '"') {
        return DX_E_INVALID;
    }
    size_t size = (value.size - 2) / 2;
    uint8_t *room = dx_buf_extend(out, size);
    if (dx_buf_error(out) != DX_OK) {
        return dx_buf_error(out);
    }
    return size == 0 ? DX_OK : dx_hex_decode((const char *)value.data + 1, 2 * size, room, size);
}

static int hex(call *self, int slot, const char *name) {
    return hex_value(get(&self->in, name), &self->text[slot]);
}

static const struct {
    const char *name;
    dx_text_kind kind;
} kinds[] = {{"text", DX_TEXT_KIND_TEXT},
             {"array", DX_TEXT_KIND_ARRAY},
             {"map", DX_TEXT_KIND_MAP},
             {"xml", DX_TEXT_KIND_XML_FRAGMENT},
             {"xml-fragment", DX_TEXT_KIND_XML_FRAGMENT},
             {"xml-element", DX_TEXT_KIND_XML_ELEMENT},
             {"xml-text", DX_TEXT_KIND_XML_TEXT},
             {"xml-hook", DX_TEXT_KIND_XML_HOOK}};

static int kind_named(dx_bytes value, dx_text_kind *kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (value.size == strlen(kinds[i].name) + 2 &&
            memcmp(value.data + 1, kinds[i].name, value.size - 2) == 0) {
            *kind = kinds[i].kind;
            return DX_OK;
        }
    }
    return DX_E_INVALID;
}

/* The shared type a request is about: the root of its name, then down its path. */
static int target(call *self, dx_text_kind kind, dx_text_type *type) {
    dx_bytes said = get(&self->in, "type");
    const char *name = string(self, 3, "name");
    if (name == NULL || (said.size > 0 && kind_named(said, &kind) != DX_OK)) {
        return DX_E_INVALID;
    }
    int error = dx_text_root(self->doc, name, kind, type);
    dx_bytes path = get(&self->in, "path");
    size_t at = 1;
    for (int steps = 0; error == DX_OK && path.size > 0 && steps < PATH_MAX_STEPS; steps++) {
        at = skip_space(path, at);
        size_t end = skip_value(path, at);
        if (end == 0) {
            break;
        }
        dx_bytes step = dx_bytes_of(path.data + at, end - at);
        if (step.data[0] == '"') {
            dx_buf_clear(&self->text[3]);
            error = read_string(step, &self->text[3]);
            dx_buf_append_byte(&self->text[3], 0);
            *type = error == DX_OK ? dx_text_map_type(self->doc, *type, (const char *)self->text[3].data) : 0;
        } else {
            *type = dx_text_array_type(self->doc, *type, strtoull((const char *)step.data, NULL, 10));
        }
        if (error == DX_OK && *type == 0) {
            error = DX_E_NOT_FOUND;
        }
        at = skip_space(path, end);
        at += at < path.size && path.data[at] == ',' ? 1 : 0;
    }
    return error;
}

static void append_text(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

static void reply_hex(call *self, const char *name) {
    static const char digits[] = "0123456789abcdef";
    append_text(&self->reply, ",\"");
    append_text(&self->reply, name);
    append_text(&self->reply, "\":\"");
    uint8_t *out = dx_buf_extend(&self->reply, 2 * self->made.size);
    for (size_t i = 0; out != NULL && i < self->made.size; i++) {
        out[2 * i] = (uint8_t)digits[self->made.data[i] >> 4];
        out[2 * i + 1] = (uint8_t)digits[self->made.data[i] & 15];
    }
    append_text(&self->reply, "\"");
}

static void reply_json(call *self, const char *name) {
    append_text(&self->reply, ",\"");
    append_text(&self->reply, name);
    append_text(&self->reply, "\":");
    dx_buf_append(&self->reply, self->made.data, self->made.size);
}

/* --- Requests ------------------------------------------------------------------------------------------------ */

static int do_new(call *self) {
    dx_bytes name = get(&self->in, "doc");
    dx_text_options options = {.client = 0,
                               .unit = DX_TEXT_UTF16,
                               .keep_deleted = dx_bytes_equal(get(&self->in, "gc"), dx_bytes_text("false"))};
    dx_bytes unit = get(&self->in, "unit");
    if (unit.size > 0) {
        options.unit = dx_bytes_equal(unit, dx_bytes_text("\"utf-8\""))         ? DX_TEXT_UTF8
                       : dx_bytes_equal(unit, dx_bytes_text("\"code-points\"")) ? DX_TEXT_CODE_POINTS
                                                                                : DX_TEXT_UTF16;
    }
    if (name.size == 0) {
        return DX_E_INVALID;
    }
    if (get(&self->in, "client").size == 0) {
        uint32_t made = 0;
        if (getentropy(&made, sizeof made) != 0) {
            return DX_E_IO;
        }
        options.client = (uint64_t)made + 1;
    } else if (number(self, "client", &options.client) != DX_OK) {
        return DX_E_INVALID;
    }
    document **at = place_of(name);
    if (*at != NULL) {
        forget(at);
        at = place_of(name);
    }
    document *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_buf_init(&made->name, &heap, buffer_max);
    dx_buf_append(&made->name, name.data, name.size);
    int error = dx_text_create(&heap, &options, &made->doc);
    if (error != DX_OK) {
        dx_buf_deinit(&made->name);
        free(made);
        return error;
    }
    *at = made;
    return DX_OK;
}

static int do_free(call *self) {
    forget(place_of(get(&self->in, "doc")));
    return DX_OK;
}

static int do_apply(call *self) {
    int error = hex(self, 0, "update");
    return error != DX_OK ? error : dx_text_apply(self->doc, self->form, dx_buf_view(&self->text[0]));
}

static int do_insert(call *self) {
    dx_text_type type;
    uint64_t index;
    int error = target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && number(self, "index", &index) == DX_OK &&
        read_string(get(&self->in, "text"), &self->text[0]) == DX_OK) {
        return dx_text_insert(self->doc, type, index, dx_buf_view(&self->text[0]),
                              json(self, 1, "attributes"));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_embed(call *self) {
    dx_text_type type;
    uint64_t index;
    int error = target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && number(self, "index", &index) == DX_OK) {
        return dx_text_insert_embed(self->doc, type, index, json_or_null(self, 0, "value"),
                                    json(self, 1, "attributes"));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_insert_type(call *self) {
    dx_text_type type, child;
    dx_text_kind kind;
    uint64_t index;
    int error = target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && number(self, "index", &index) == DX_OK &&
        kind_named(get(&self->in, "kind"), &kind) == DX_OK) {
        return dx_text_insert_type(self->doc, type, index, kind, string(self, 0, "node"),
                                   json(self, 1, "attributes"), &child);
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_delete(call *self) {
    dx_text_type type;
    uint64_t index, length;
    int error = target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && number(self, "index", &index) == DX_OK &&
        number(self, "length", &length) == DX_OK) {
        return dx_text_delete(self->doc, type, index, length);
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_format(call *self) {
    dx_text_type type;
    uint64_t index, length;
    int error = target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && number(self, "index", &index) == DX_OK &&
        number(self, "length", &length) == DX_OK) {
        return dx_text_format(self->doc, type, index, length, json_or_null(self, 0, "attributes"));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_apply_delta(call *self) {
    dx_text_type type;
    int error = target(self, DX_TEXT_KIND_TEXT, &type);
    return error != DX_OK ? error : dx_text_apply_delta(self->doc, type, json_or_null(self, 0, "delta"));
}

static int do_delta(call *self) {
    dx_text_type type;
    int error = target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK) {
        error = dx_text_delta(self->doc, type, &self->made);
        reply_json(self, "delta");
    }
    return error;
}

static int do_attributes(call *self) {
    dx_text_type type;
    uint64_t index;
    int error = target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && (error = number(self, "index", &index)) == DX_OK) {
        error = dx_text_attributes_at(self->doc, type, index, &self->made);
        reply_json(self, "attributes");
    }
    return error;
}

static int do_json(call *self) {
    dx_text_type type;
    int error = target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK) {
        error = dx_text_json(self->doc, type, &self->made);
        reply_json(self, "json");
    }
    return error;
}

static int do_array_insert(call *self) {
    dx_text_type type;
    uint64_t index;
    int error = target(self, DX_TEXT_KIND_ARRAY, &type);
    if (error == DX_OK && number(self, "index", &index) == DX_OK) {
        return dx_text_array_insert(self->doc, type, index, json_or_null(self, 0, "values"));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_array_bytes(call *self) {
    dx_text_type type;
    uint64_t index;
    int error = target(self, DX_TEXT_KIND_ARRAY, &type);
    if (error == DX_OK && number(self, "index", &index) == DX_OK && hex(self, 0, "bytes") == DX_OK) {
        return dx_text_array_insert_bytes(self->doc, type, index, dx_buf_view(&self->text[0]));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_array_type(call *self) {
    dx_text_type type, child;
    dx_text_kind kind;
    uint64_t index;
    int error = target(self, DX_TEXT_KIND_ARRAY, &type);
    if (error == DX_OK && number(self, "index", &index) == DX_OK &&
        kind_named(get(&self->in, "kind"), &kind) == DX_OK) {
        return dx_text_array_insert_type(self->doc, type, index, kind, string(self, 0, "node"), &child);
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_array_delete(call *self) {
    dx_text_type type;
    uint64_t index, length;
    int error = target(self, DX_TEXT_KIND_ARRAY, &type);
    if (error == DX_OK && number(self, "index", &index) == DX_OK &&
        number(self, "length", &length) == DX_OK) {
        return dx_text_array_delete(self->doc, type, index, length);
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_map_set(call *self) {
    dx_text_type type;
    int error = target(self, DX_TEXT_KIND_MAP, &type);
    const char *key = string(self, 0, "key");
    if (error == DX_OK && key != NULL) {
        return dx_text_map_set(self->doc, type, key, json_or_null(self, 1, "value"));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_map_type(call *self) {
    dx_text_type type, child;
    dx_text_kind kind;
    int error = target(self, DX_TEXT_KIND_MAP, &type);
    const char *key = string(self, 0, "key");
    if (error == DX_OK && key != NULL && kind_named(get(&self->in, "kind"), &kind) == DX_OK) {
        return dx_text_map_set_type(self->doc, type, key, kind, string(self, 1, "node"), &child);
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_map_delete(call *self) {
    dx_text_type type;
    int error = target(self, DX_TEXT_KIND_MAP, &type);
    const char *key = string(self, 0, "key");
    if (error == DX_OK && key != NULL) {
        error = dx_text_map_delete(self->doc, type, key);
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_begin(call *self) {
    return dx_text_begin(self->doc);
}

static int do_commit(call *self) {
    int error = dx_text_commit(self->doc, self->form, &self->made);
    reply_hex(self, "update");
    return error;
}

static int do_encode(call *self) {
    int error = get(&self->in, "sv").size > 0 ? hex(self, 0, "sv") : DX_OK;
    if (error == DX_OK) {
        error = dx_text_encode(self->doc, self->form, dx_buf_view(&self->text[0]), &self->made);
        reply_hex(self, "update");
    }
    return error;
}

static int do_state_vector(call *self) {
    int error = dx_text_state_vector(self->doc, &self->made);
    reply_hex(self, "sv");
    return error;
}

static int do_snapshot(call *self) {
    int error = dx_text_snapshot(self->doc, self->form, &self->made);
    reply_hex(self, "snapshot");
    return error;
}

static int do_pending(call *self) {
    append_text(&self->reply, dx_text_pending(self->doc) ? ",\"pending\":true" : ",\"pending\":false");
    return DX_OK;
}

/* Each transaction is a step. */
static int do_undo_manager(call *self) {
    document *of = *place_of(get(&self->in, "doc"));
    return of->undo != NULL ? DX_E_STATE
                            : dx_text_undo_create(self->doc, &(dx_text_undo_options){.window = 0}, &of->undo);
}

static int take_back(call *self, int (*run)(dx_text_undo_manager *manager, bool *done)) {
    document *of = *place_of(get(&self->in, "doc"));
    bool done = false;
    int error = of->undo == NULL ? DX_E_STATE : run(of->undo, &done);
    append_text(&self->reply, done ? ",\"done\":true" : ",\"done\":false");
    return error;
}

static int do_undo(call *self) {
    return take_back(self, dx_text_undo);
}

static int do_redo(call *self) {
    return take_back(self, dx_text_redo);
}

static int do_merge(call *self) {
    dx_bytes list = get(&self->in, "updates");
    size_t count = 0, capacity = 0;
    dx_bytes *updates = NULL;
    int error = list.size >= 2 && list.data[0] == '[' ? DX_OK : DX_E_INVALID;
    size_t at = 1;
    while (error == DX_OK && (at = skip_space(list, at)) < list.size && list.data[at] != ']') {
        size_t end = skip_value(list, at);
        if (end == 0 || (error = hex_value(dx_bytes_of(list.data + at, end - at), &self->text[0])) != DX_OK) {
            error = error != DX_OK ? error : DX_E_INVALID;
            break;
        }
        if (count == capacity) {
            capacity = 2 * capacity + 16;
            dx_bytes *more = realloc(updates, capacity * sizeof *updates);
            if (more == NULL) {
                error = DX_E_NO_MEMORY;
                break;
            }
            updates = more;
        }
        updates[count++].size = (end - at - 2) / 2;
        at = skip_space(list, end);
        at += at < list.size && list.data[at] == ',' ? 1 : 0;
    }
    /* The buffer stands still only now. */
    size_t begin = 0;
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        updates[i].data = self->text[0].data + begin;
        begin += updates[i].size;
    }
    if (error == DX_OK) {
        error = dx_text_merge_updates(&heap, self->form, updates, count, &self->made);
        reply_hex(self, "update");
    }
    free(updates);
    return error;
}

static int do_diff(call *self) {
    if (hex(self, 0, "update") != DX_OK || hex(self, 1, "sv") != DX_OK) {
        return DX_E_INVALID;
    }
    int error = dx_text_diff_update(&heap, self->form, dx_buf_view(&self->text[0]),
                                    dx_buf_view(&self->text[1]), &self->made);
    reply_hex(self, "update");
    return error;
}

static int do_convert(call *self) {
    if (hex(self, 0, "update") != DX_OK) {
        return DX_E_INVALID;
    }
    dx_text_form other = self->form == DX_TEXT_V1 ? DX_TEXT_V2 : DX_TEXT_V1;
    int error = dx_text_convert_update(&heap, self->form, other, dx_buf_view(&self->text[0]), &self->made);
    reply_hex(self, "update");
    return error;
}

static int do_update_state_vector(call *self) {
    if (hex(self, 0, "update") != DX_OK) {
        return DX_E_INVALID;
    }
    int error = dx_text_update_state_vector(&heap, self->form, dx_buf_view(&self->text[0]), &self->made);
    reply_hex(self, "sv");
    return error;
}

/* An edit is a transaction of its own unless one is open; then its reply has the update. */
enum { NEEDS_DOC = 1, EDITS = 2 };

static const struct {
    const char *name;
    int (*run)(call *self);
    int what;
} table[] = {
    {"new", do_new, 0}, /* doc, client (else random), gc, unit: "utf-16" | "utf-8" | "code-points" */
    {"free", do_free, NEEDS_DOC},   /* doc */
    {"apply", do_apply, NEEDS_DOC}, /* doc, update, v */
    {"insert", do_insert,
     NEEDS_DOC |
         EDITS}, /* doc, name, index, text, attributes; → update; all edits: path, type of the root, v */
    {"embed", do_embed, NEEDS_DOC | EDITS},               /* doc, name, index, value, attributes */
    {"insert-type", do_insert_type, NEEDS_DOC | EDITS},   /* doc, name, index, kind, node, attributes */
    {"delete", do_delete, NEEDS_DOC | EDITS},             /* doc, name, index, length */
    {"format", do_format, NEEDS_DOC | EDITS},             /* doc, name, index, length, attributes */
    {"apply-delta", do_apply_delta, NEEDS_DOC | EDITS},   /* doc, name, delta */
    {"array-insert", do_array_insert, NEEDS_DOC | EDITS}, /* doc, name, index, values */
    {"array-bytes", do_array_bytes, NEEDS_DOC | EDITS},   /* doc, name, index, bytes */
    {"array-type", do_array_type, NEEDS_DOC | EDITS},     /* doc, name, index, kind, node */
    {"array-delete", do_array_delete, NEEDS_DOC | EDITS}, /* doc, name, index, length */
    {"map-set", do_map_set, NEEDS_DOC | EDITS},           /* doc, name, key, value */
    {"map-type", do_map_type, NEEDS_DOC | EDITS},         /* doc, name, key, kind, node */
    {"map-delete", do_map_delete, NEEDS_DOC | EDITS},     /* doc, name, key */
    {"delta", do_delta, NEEDS_DOC},                       /* doc, name; → delta */
    {"attributes", do_attributes, NEEDS_DOC},             /* doc, name, index; → attributes */
    {"json", do_json, NEEDS_DOC},                         /* doc, name, type; → json */
    {"begin", do_begin, NEEDS_DOC},                       /* doc */
    {"commit", do_commit, NEEDS_DOC},                     /* doc, v; → update */
    {"encode", do_encode, NEEDS_DOC},                     /* doc, v, sv; → update */
    {"state-vector", do_state_vector, NEEDS_DOC},         /* doc; → sv */
    {"snapshot", do_snapshot, NEEDS_DOC},                 /* doc, v; → snapshot */
    {"pending", do_pending, NEEDS_DOC},                   /* doc; → pending */
    {"undo-manager", do_undo_manager, NEEDS_DOC},         /* doc */
    {"undo", do_undo, NEEDS_DOC | EDITS},                 /* doc; → done */
    {"redo", do_redo, NEEDS_DOC | EDITS},                 /* doc; → done */
    {"merge", do_merge, 0},                               /* updates, v; → update */
    {"diff", do_diff, 0},                                 /* update, sv, v; → update */
    {"convert", do_convert, 0},                           /* update, v: its form; → update in the other */
    {"update-state-vector", do_update_state_vector, 0},   /* update, v; → sv */
};

static int run_edit(call *self, int (*run)(call *self)) {
    int error = dx_text_begin(self->doc);
    if (error == DX_E_STATE) {
        return run(self);
    }
    if (error != DX_OK) {
        return error;
    }
    error = run(self);
    int committed = dx_text_commit(self->doc, self->form, &self->made);
    reply_hex(self, "update");
    return error != DX_OK ? error : committed;
}

static int answer(call *self, dx_bytes line) {
    if (!read_request(line, &self->in)) {
        self->why = "not an object of JSON";
        return DX_E_INVALID;
    }
    dx_bytes op = get(&self->in, "op");
    uint64_t form = 1;
    if (get(&self->in, "v").size > 0 && (number(self, "v", &form) != DX_OK || form < 1 || form > 2)) {
        self->why = "v is 1 or 2";
        return DX_E_INVALID;
    }
    self->form = form == 1 ? DX_TEXT_V1 : DX_TEXT_V2;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (op.size != strlen(table[i].name) + 2 || memcmp(op.data + 1, table[i].name, op.size - 2) != 0) {
            continue;
        }
        if ((table[i].what & NEEDS_DOC) != 0) {
            document *of = *place_of(get(&self->in, "doc"));
            if (of == NULL) {
                self->why = "no document of that name";
                return DX_E_NOT_FOUND;
            }
            self->doc = of->doc;
        }
        return (table[i].what & EDITS) != 0 ? run_edit(self, table[i].run) : table[i].run(self);
    }
    self->why = "no such op";
    return DX_E_UNSUPPORTED;
}

static void answer_line(call *self, dx_bytes line, dx_buf *out) {
    for (size_t i = 0; i < sizeof self->text / sizeof self->text[0]; i++) {
        dx_buf_clear(&self->text[i]);
    }
    dx_buf_clear(&self->made);
    dx_buf_clear(&self->reply);
    self->doc = NULL;
    self->why = NULL;
    append_text(&self->reply, "{\"ok\":true");
    int error = answer(self, line);
    error = error != DX_OK                       ? error
            : dx_buf_error(&self->made) != DX_OK ? dx_buf_error(&self->made)
                                                 : dx_buf_error(&self->reply);
    if (error != DX_OK) {
        dx_buf_clear(&self->reply);
        append_text(&self->reply, "{\"ok\":false,\"error\":\"");
        append_text(&self->reply, dx_error_name(error));
        append_text(&self->reply, ": ");
        append_text(&self->reply, self->why != NULL ? self->why : dx_error_text(error));
        append_text(&self->reply, "\"");
    }
    append_text(&self->reply, "}\n");
    dx_buf_append(out, self->reply.data, self->reply.size);
}

static bool flush(dx_buf *out) {
    for (size_t at = 0; at < out->size;) {
        ssize_t written = write(STDOUT_FILENO, out->data + at, out->size - at);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        at += written > 0 ? (size_t)written : 0;
    }
    dx_buf_clear(out);
    return true;
}

int main(void) {
    call self = {.doc = NULL};
    dx_buf in, out;
    dx_buf_init(&in, &heap, buffer_max);
    dx_buf_init(&out, &heap, buffer_max);
    dx_buf_init(&self.made, &heap, buffer_max);
    dx_buf_init(&self.reply, &heap, buffer_max);
    for (size_t i = 0; i < sizeof self.text / sizeof self.text[0]; i++) {
        dx_buf_init(&self.text[i], &heap, buffer_max);
    }
    bool going = true;
    while (going) {
        static uint8_t chunk[1 << 16];
        ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got > 0) {
            dx_buf_append(&in, chunk, (size_t)got);
        } else if (in.size > 0) {
            dx_buf_append_byte(&in, '\n');
        }
        if (dx_buf_error(&in) != DX_OK) {
            fprintf(stderr, "text-driver: a line longer than %zu bytes, or no memory\n", buffer_max);
            return 1;
        }
        size_t begin = 0;
        const uint8_t *end;
        while (begin < in.size && (end = memchr(in.data + begin, '\n', in.size - begin)) != NULL) {
            dx_bytes line = dx_bytes_of(in.data + begin, (size_t)(end - in.data) - begin);
            begin += line.size + 1;
            if (skip_space(line, 0) < line.size) {
                answer_line(&self, line, &out);
            }
        }
        dx_buf_consume(&in, begin);
        going = got > 0 && flush(&out);
    }
    bool told = flush(&out);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (buckets[i] != NULL) {
            forget(&buckets[i]);
        }
    }
    for (size_t i = 0; i < sizeof self.text / sizeof self.text[0]; i++) {
        dx_buf_deinit(&self.text[i]);
    }
    dx_buf_deinit(&self.reply);
    dx_buf_deinit(&self.made);
    dx_buf_deinit(&out);
    dx_buf_deinit(&in);
    return told ? 0 : 1;
}
