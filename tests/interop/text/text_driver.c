/* tests/interop/text/text_driver.c: the text engine behind lines of JSON, so that other programs can hold it against Yjs.
 *
 * One request per line on standard input, one reply per line on standard output, in the same order: {"ok": true, …} or
 * {"ok": false, "error": "…"}. Any number of lines may be on their way. Bytes are hexadecimal, indexes UTF-16 unless the document was made
 * for another unit, v is the form of updates (1 unless said). A request that is not of the form is answered, nothing of it done.
 * Requests and their members: the table at the end of this file. Of the engine only its public headers are used. */
#include "history_requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* --- Requests ------------------------------------------------------------------------------------------------ */

static int do_new(call *self) {
    dx_bytes name = request_get(&self->in, "doc");
    dx_text_options options = {.client = 0,
                               .unit = DX_TEXT_UTF16,
                               .keep_deleted =
                                   dx_bytes_equal(request_get(&self->in, "gc"), dx_bytes_text("false"))};
    dx_bytes unit = request_get(&self->in, "unit");
    if (unit.size > 0) {
        options.unit = dx_bytes_equal(unit, dx_bytes_text("\"utf-8\""))         ? DX_TEXT_UTF8
                       : dx_bytes_equal(unit, dx_bytes_text("\"code-points\"")) ? DX_TEXT_CODE_POINTS
                                                                                : DX_TEXT_UTF16;
    }
    if (name.size == 0) {
        return DX_E_INVALID;
    }
    if (request_get(&self->in, "client").size == 0) {
        uint32_t made = 0;
        if (getentropy(&made, sizeof made) != 0) {
            return DX_E_IO;
        }
        options.client = (uint64_t)made + 1;
    } else if (request_number(self, "client", &options.client) != DX_OK) {
        return DX_E_INVALID;
    }
    document **at = document_place(name);
    if (*at != NULL) {
        document_forget(at);
        at = document_place(name);
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
    made->client = options.client;
    *at = made;
    return DX_OK;
}

static int do_free(call *self) {
    document_forget(document_place(request_get(&self->in, "doc")));
    return DX_OK;
}

static int do_apply(call *self) {
    int error = request_hex(self, 0, "update");
    return error != DX_OK ? error : dx_text_apply(self->doc, self->form, dx_buf_view(&self->text[0]));
}

static int do_insert(call *self) {
    dx_text_type type;
    uint64_t index;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && request_number(self, "index", &index) == DX_OK &&
        json_string(request_get(&self->in, "text"), &self->text[0]) == DX_OK) {
        return dx_text_insert(self->doc, type, index, dx_buf_view(&self->text[0]),
                              request_json(self, 1, "attributes"));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_embed(call *self) {
    dx_text_type type;
    uint64_t index;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && request_number(self, "index", &index) == DX_OK) {
        return dx_text_insert_embed(self->doc, type, index, request_json_or_null(self, 0, "value"),
                                    request_json(self, 1, "attributes"));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_insert_type(call *self) {
    dx_text_type type, child;
    dx_text_kind kind;
    uint64_t index;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && request_number(self, "index", &index) == DX_OK &&
        request_kind(request_get(&self->in, "kind"), &kind) == DX_OK) {
        return dx_text_insert_type(self->doc, type, index, kind, request_string(self, 0, "node"),
                                   request_json(self, 1, "attributes"), &child);
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_delete(call *self) {
    dx_text_type type;
    uint64_t index, length;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && request_number(self, "index", &index) == DX_OK &&
        request_number(self, "length", &length) == DX_OK) {
        return dx_text_delete(self->doc, type, index, length);
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_format(call *self) {
    dx_text_type type;
    uint64_t index, length;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && request_number(self, "index", &index) == DX_OK &&
        request_number(self, "length", &length) == DX_OK) {
        return dx_text_format(self->doc, type, index, length, request_json_or_null(self, 0, "attributes"));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_apply_delta(call *self) {
    dx_text_type type;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    return error != DX_OK ? error
                          : dx_text_apply_delta(self->doc, type, request_json_or_null(self, 0, "delta"));
}

static int do_delta(call *self) {
    dx_text_type type;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK) {
        error = dx_text_delta(self->doc, type, &self->made);
        reply_json(self, "delta");
    }
    return error;
}

static int do_attributes(call *self) {
    dx_text_type type;
    uint64_t index;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && (error = request_number(self, "index", &index)) == DX_OK) {
        error = dx_text_attributes_at(self->doc, type, index, &self->made);
        reply_json(self, "attributes");
    }
    return error;
}

static int do_json(call *self) {
    dx_text_type type;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK) {
        error = dx_text_json(self->doc, type, &self->made);
        reply_json(self, "json");
    }
    return error;
}

static int do_array_insert(call *self) {
    dx_text_type type;
    uint64_t index;
    int error = request_target(self, DX_TEXT_KIND_ARRAY, &type);
    if (error == DX_OK && request_number(self, "index", &index) == DX_OK) {
        return dx_text_array_insert(self->doc, type, index, request_json_or_null(self, 0, "values"));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_array_bytes(call *self) {
    dx_text_type type;
    uint64_t index;
    int error = request_target(self, DX_TEXT_KIND_ARRAY, &type);
    if (error == DX_OK && request_number(self, "index", &index) == DX_OK &&
        request_hex(self, 0, "bytes") == DX_OK) {
        return dx_text_array_insert_bytes(self->doc, type, index, dx_buf_view(&self->text[0]));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_array_type(call *self) {
    dx_text_type type, child;
    dx_text_kind kind;
    uint64_t index;
    int error = request_target(self, DX_TEXT_KIND_ARRAY, &type);
    if (error == DX_OK && request_number(self, "index", &index) == DX_OK &&
        request_kind(request_get(&self->in, "kind"), &kind) == DX_OK) {
        return dx_text_array_insert_type(self->doc, type, index, kind, request_string(self, 0, "node"),
                                         &child);
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_array_delete(call *self) {
    dx_text_type type;
    uint64_t index, length;
    int error = request_target(self, DX_TEXT_KIND_ARRAY, &type);
    if (error == DX_OK && request_number(self, "index", &index) == DX_OK &&
        request_number(self, "length", &length) == DX_OK) {
        return dx_text_array_delete(self->doc, type, index, length);
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_map_set(call *self) {
    dx_text_type type;
    int error = request_target(self, DX_TEXT_KIND_MAP, &type);
    const char *key = request_string(self, 0, "key");
    if (error == DX_OK && key != NULL) {
        return dx_text_map_set(self->doc, type, key, request_json_or_null(self, 1, "value"));
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_map_type(call *self) {
    dx_text_type type, child;
    dx_text_kind kind;
    int error = request_target(self, DX_TEXT_KIND_MAP, &type);
    const char *key = request_string(self, 0, "key");
    if (error == DX_OK && key != NULL && request_kind(request_get(&self->in, "kind"), &kind) == DX_OK) {
        return dx_text_map_set_type(self->doc, type, key, kind, request_string(self, 1, "node"), &child);
    }
    return error != DX_OK ? error : DX_E_INVALID;
}

static int do_map_delete(call *self) {
    dx_text_type type;
    int error = request_target(self, DX_TEXT_KIND_MAP, &type);
    const char *key = request_string(self, 0, "key");
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
    int error = request_get(&self->in, "sv").size > 0 ? request_hex(self, 0, "sv") : DX_OK;
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
    reply_text(&self->reply, dx_text_pending(self->doc) ? ",\"pending\":true" : ",\"pending\":false");
    return DX_OK;
}

static int do_merge(call *self) {
    dx_bytes list = request_get(&self->in, "updates");
    size_t count = 0, capacity = 0;
    dx_bytes *updates = NULL;
    int error = list.size >= 2 && list.data[0] == '[' ? DX_OK : DX_E_INVALID;
    size_t at = 1;
    while (error == DX_OK && (at = json_skip_space(list, at)) < list.size && list.data[at] != ']') {
        size_t end = json_skip_value(list, at);
        if (end == 0 || (error = json_hex(dx_bytes_of(list.data + at, end - at), &self->text[0])) != DX_OK) {
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
        at = json_skip_space(list, end);
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
    if (request_hex(self, 0, "update") != DX_OK || request_hex(self, 1, "sv") != DX_OK) {
        return DX_E_INVALID;
    }
    int error = dx_text_diff_update(&heap, self->form, dx_buf_view(&self->text[0]),
                                    dx_buf_view(&self->text[1]), &self->made);
    reply_hex(self, "update");
    return error;
}

static int do_convert(call *self) {
    if (request_hex(self, 0, "update") != DX_OK) {
        return DX_E_INVALID;
    }
    dx_text_form other = self->form == DX_TEXT_V1 ? DX_TEXT_V2 : DX_TEXT_V1;
    int error = dx_text_convert_update(&heap, self->form, other, dx_buf_view(&self->text[0]), &self->made);
    reply_hex(self, "update");
    return error;
}

static int do_update_state_vector(call *self) {
    if (request_hex(self, 0, "update") != DX_OK) {
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
    {"observe", do_observe,
     NEEDS_DOC}, /* doc: what the transactions from here on change is noted, the last one's */
    {"event", do_event, NEEDS_DOC},       /* doc, name; → delta, keys, local: of the last transaction */
    {"position", do_position, NEEDS_DOC}, /* doc, name, index, before: of the character before; → position */
    {"position-find", do_position_find,
     NEEDS_DOC},                          /* doc, position, name; → index, here: in the type named */
    {"delta-at", do_delta_at, NEEDS_DOC}, /* doc, name, snapshot, before: another, v; → delta, gone */
    {"version", do_version, NEEDS_DOC}, /* doc, snapshot, v, into: a document that takes it in; → update */
    {"awareness-set", do_awareness_set, NEEDS_DOC},       /* doc, state, now; → changes */
    {"awareness-apply", do_awareness_apply, NEEDS_DOC},   /* doc, update, now; → changes */
    {"awareness-encode", do_awareness_encode, NEEDS_DOC}, /* doc, clients; → update */
    {"awareness", do_awareness, NEEDS_DOC},               /* doc, now; → states */
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
    if (!request_read(line, &self->in)) {
        self->why = "not an object of JSON";
        return DX_E_INVALID;
    }
    dx_bytes op = request_get(&self->in, "op");
    uint64_t form = 1;
    if (request_get(&self->in, "v").size > 0 &&
        (request_number(self, "v", &form) != DX_OK || form < 1 || form > 2)) {
        self->why = "v is 1 or 2";
        return DX_E_INVALID;
    }
    self->form = form == 1 ? DX_TEXT_V1 : DX_TEXT_V2;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (op.size != strlen(table[i].name) + 2 || memcmp(op.data + 1, table[i].name, op.size - 2) != 0) {
            continue;
        }
        if ((table[i].what & NEEDS_DOC) != 0) {
            document *of = document_of(self);
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
    reply_text(&self->reply, "{\"ok\":true");
    int error = answer(self, line);
    error = error != DX_OK                       ? error
            : dx_buf_error(&self->made) != DX_OK ? dx_buf_error(&self->made)
                                                 : dx_buf_error(&self->reply);
    if (error != DX_OK) {
        dx_buf_clear(&self->reply);
        reply_text(&self->reply, "{\"ok\":false,\"error\":\"");
        reply_text(&self->reply, dx_error_name(error));
        reply_text(&self->reply, ": ");
        reply_text(&self->reply, self->why != NULL ? self->why : dx_error_text(error));
        reply_text(&self->reply, "\"");
    }
    reply_text(&self->reply, "}\n");
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
            if (json_skip_space(line, 0) < line.size) {
                answer_line(&self, line, &out);
            }
        }
        dx_buf_consume(&in, begin);
        going = got > 0 && flush(&out);
    }
    bool told = flush(&out);
    document_forget_all();
    for (size_t i = 0; i < sizeof self.text / sizeof self.text[0]; i++) {
        dx_buf_deinit(&self.text[i]);
    }
    dx_buf_deinit(&self.reply);
    dx_buf_deinit(&self.made);
    dx_buf_deinit(&out);
    dx_buf_deinit(&in);
    return told ? 0 : 1;
}
