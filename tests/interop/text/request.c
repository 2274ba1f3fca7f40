/* tests/interop/text/request.c: requests read, replies written, documents found (request.h). */
#include "request.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096, PATH_MAX_STEPS = 4096 };

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

const dx_alloc heap = {NULL, resize};

/* --- JSON: the members of one object, each as the text it stands in ------------------------------------------ */

size_t json_skip_space(dx_bytes text, size_t at) {
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
size_t json_skip_value(dx_bytes text, size_t at) {
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

bool request_read(dx_bytes line, request *out) {
    out->count = 0;
    size_t at = json_skip_space(line, 0);
    if (at >= line.size || line.data[at] != '{') {
        return false;
    }
    at = json_skip_space(line, at + 1);
    while (at < line.size && line.data[at] == '"' && out->count < MEMBERS_MAX) {
        member *one = &out->members[out->count++];
        size_t end = skip_string(line, at);
        if (end == 0) {
            return false;
        }
        one->name = dx_bytes_of(line.data + at + 1, end - at - 2);
        at = json_skip_space(line, end);
        if (at >= line.size || line.data[at] != ':') {
            return false;
        }
        at = json_skip_space(line, at + 1);
        end = json_skip_value(line, at);
        if (end == 0) {
            return false;
        }
        one->value = dx_bytes_of(line.data + at, end - at);
        at = json_skip_space(line, end);
        if (at < line.size && line.data[at] == ',') {
            at = json_skip_space(line, at + 1);
        } else {
            break;
        }
    }
    return at < line.size && line.data[at] == '}' && json_skip_space(line, at + 1) == line.size;
}

/* The value of a member; size 0: not there, or null. */
dx_bytes request_get(const request *from, const char *name) {
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
int json_string(dx_bytes value, dx_buf *out) {
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

static document *buckets[BUCKETS];

document **document_place(dx_bytes name) {
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

void document_forget(document **at) {
    document *old = *at;
    *at = old->next;
    while (old->event_count > 0) {
        dx_buf_deinit(&old->events[--old->event_count].told);
    }
    free(old->events);
    dx_text_awareness_destroy(old->awareness);
    dx_text_destroy(old->doc);
    dx_buf_deinit(&old->name);
    free(old);
}

document *document_of(const call *self) {
    return *document_place(request_get(&self->in, "doc"));
}

void document_forget_all(void) {
    for (size_t i = 0; i < BUCKETS; i++) {
        while (buckets[i] != NULL) {
            document_forget(&buckets[i]);
        }
    }
}

/* --- One request under way ----------------------------------------------------------------------------------- */

int request_number(const call *self, const char *name, uint64_t *out) {
    dx_bytes value = request_get(&self->in, name);
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
const char *request_json(call *self, int slot, const char *name) {
    dx_bytes value = request_get(&self->in, name);
    if (value.size == 0) {
        return NULL;
    }
    dx_buf_append(&self->text[slot], value.data, value.size);
    dx_buf_append_byte(&self->text[slot], 0);
    return (const char *)self->text[slot].data;
}

/* As json, but a value that is not there is JSON's null. */
const char *request_json_or_null(call *self, int slot, const char *name) {
    const char *value = request_json(self, slot, name);
    return value != NULL ? value : "null";
}

/* A string, terminated; NULL: it is not there or no string, or holds a zero. */
const char *request_string(call *self, int slot, const char *name) {
    dx_buf *out = &self->text[slot];
    if (json_string(request_get(&self->in, name), out) != DX_OK ||
        (out->size > 0 && memchr(out->data, 0, out->size) != NULL)) {
        return NULL;
    }
    dx_buf_append_byte(out, 0);
    return (const char *)out->data;
}

int json_hex(dx_bytes value, dx_buf *out) {
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

int request_hex(call *self, int slot, const char *name) {
    return json_hex(request_get(&self->in, name), &self->text[slot]);
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

int request_kind(dx_bytes value, dx_text_kind *kind) {
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
int request_target(call *self, dx_text_kind kind, dx_text_type *type) {
    dx_bytes said = request_get(&self->in, "type");
    const char *name = request_string(self, 3, "name");
    if (name == NULL || (said.size > 0 && request_kind(said, &kind) != DX_OK)) {
        return DX_E_INVALID;
    }
    int error = dx_text_root(self->doc, name, kind, type);
    dx_bytes path = request_get(&self->in, "path");
    size_t at = 1;
    for (int steps = 0; error == DX_OK && path.size > 0 && steps < PATH_MAX_STEPS; steps++) {
        at = json_skip_space(path, at);
        size_t end = json_skip_value(path, at);
        if (end == 0) {
            break;
        }
        dx_bytes step = dx_bytes_of(path.data + at, end - at);
        if (step.data[0] == '"') {
            dx_buf_clear(&self->text[3]);
            error = json_string(step, &self->text[3]);
            dx_buf_append_byte(&self->text[3], 0);
            *type = error == DX_OK ? dx_text_map_type(self->doc, *type, (const char *)self->text[3].data) : 0;
        } else {
            *type = dx_text_array_type(self->doc, *type, strtoull((const char *)step.data, NULL, 10));
        }
        if (error == DX_OK && *type == 0) {
            error = DX_E_NOT_FOUND;
        }
        at = json_skip_space(path, end);
        at += at < path.size && path.data[at] == ',' ? 1 : 0;
    }
    return error;
}

void reply_text(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

void reply_hex(call *self, const char *name) {
    static const char digits[] = "0123456789abcdef";
    reply_text(&self->reply, ",\"");
    reply_text(&self->reply, name);
    reply_text(&self->reply, "\":\"");
    uint8_t *out = dx_buf_extend(&self->reply, 2 * self->made.size);
    for (size_t i = 0; out != NULL && i < self->made.size; i++) {
        out[2 * i] = (uint8_t)digits[self->made.data[i] >> 4];
        out[2 * i + 1] = (uint8_t)digits[self->made.data[i] & 15];
    }
    reply_text(&self->reply, "\"");
}

void reply_json(call *self, const char *name) {
    reply_text(&self->reply, ",\"");
    reply_text(&self->reply, name);
    reply_text(&self->reply, "\":");
    dx_buf_append(&self->reply, self->made.data, self->made.size);
}
