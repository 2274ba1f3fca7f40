/* tests/interop/text/history_requests.c: history_requests.h. */
#include "history_requests.h"

#include <stdio.h>
#include <stdlib.h>

enum { CLIENTS_MAX = 64 };

static void reply_number(call *self, const char *name, uint64_t value) {
    char text[64];
    (void)snprintf(text, sizeof text, ",\"%s\":%llu", name, (unsigned long long)value);
    reply_text(&self->reply, text);
}

/* --- Undo: each transaction is a step -------------------------------------------------------------------------- */

int do_undo_manager(call *self) {
    document *of = document_of(self);
    return of->undo != NULL ? DX_E_STATE
                            : dx_text_undo_create(self->doc, &(dx_text_undo_options){.window = 0}, &of->undo);
}

static int take_back(call *self, int (*run)(dx_text_undo_manager *manager, bool *done)) {
    document *of = document_of(self);
    bool done = false;
    int error = of->undo == NULL ? DX_E_STATE : run(of->undo, &done);
    reply_text(&self->reply, done ? ",\"done\":true" : ",\"done\":false");
    return error;
}

int do_undo(call *self) {
    return take_back(self, dx_text_undo);
}

int do_redo(call *self) {
    return take_back(self, dx_text_redo);
}

/* --- Events ---------------------------------------------------------------------------------------------------- */

static void clear_events(document *of) {
    while (of->event_count > 0) {
        dx_buf_deinit(&of->events[--of->event_count].told);
    }
}

static void put_event(document *of, const dx_text_event *news, dx_text_type type) {
    if (of->event_count == of->event_capacity) {
        size_t capacity = 2 * of->event_capacity + 16;
        event *more = realloc(of->events, capacity * sizeof *more);
        if (more == NULL) {
            return; /* the one who asks sees nothing told */
        }
        of->events = more;
        of->event_capacity = capacity;
    }
    event *one = &of->events[of->event_count++];
    one->type = type;
    dx_buf_init(&one->told, &heap, buffer_max);
    reply_text(&one->told, ",\"delta\":");
    int error = dx_text_event_delta(news, type, &one->told);
    reply_text(&one->told, ",\"keys\":");
    error = error != DX_OK ? error : dx_text_event_keys(news, type, &one->told);
    reply_text(&one->told, news->local ? ",\"local\":true" : ",\"local\":false");
    if (error != DX_OK) {
        dx_buf_clear(&one->told);
    }
}

static void told(void *ctx, const dx_text_event *news) {
    document *of = ctx;
    clear_events(of);
    for (size_t i = 0; i < news->type_count; i++) {
        put_event(of, news, news->types[i]);
    }
}

int do_observe(call *self) {
    document *of = document_of(self);
    clear_events(of);
    if (of->observed) {
        return DX_OK;
    }
    int error = dx_text_observe(self->doc, told, of);
    of->observed = error == DX_OK;
    return error;
}

int do_event(call *self) {
    dx_text_type type;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    document *of = document_of(self);
    for (size_t i = 0; error == DX_OK && i < of->event_count; i++) {
        if (of->events[i].type == type) {
            dx_buf_append(&self->reply, of->events[i].told.data, of->events[i].told.size);
            return DX_OK;
        }
    }
    reply_text(&self->reply, ",\"delta\":[],\"keys\":{}");
    return error;
}

/* --- Places ---------------------------------------------------------------------------------------------------- */

int do_position(call *self) {
    dx_text_type type;
    uint64_t index;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    if (error == DX_OK && (error = request_number(self, "index", &index)) == DX_OK) {
        bool before = dx_bytes_equal(request_get(&self->in, "before"), dx_bytes_text("true"));
        error = dx_text_position_make(self->doc, type, index, before ? -1 : 0, &self->made);
        reply_hex(self, "position");
    }
    return error;
}

int do_position_find(call *self) {
    dx_text_type type = 0, here = 0;
    uint64_t index = 0;
    int error = request_hex(self, 0, "position");
    if (error == DX_OK && request_get(&self->in, "name").size > 0) {
        error = request_target(self, DX_TEXT_KIND_TEXT, &here);
    }
    error =
        error != DX_OK ? error : dx_text_position_find(self->doc, dx_buf_view(&self->text[0]), &type, &index);
    if (error == DX_E_NOT_FOUND) {
        reply_text(&self->reply, ",\"index\":null");
        return DX_OK;
    }
    reply_number(self, "index", index);
    reply_text(&self->reply, here != 0 && here == type ? ",\"here\":true" : ",\"here\":false");
    return error;
}

/* --- Versions -------------------------------------------------------------------------------------------------- */

int do_delta_at(call *self) {
    dx_text_type type;
    uint64_t gone = 0;
    int error = request_target(self, DX_TEXT_KIND_TEXT, &type);
    error = error != DX_OK ? error : request_hex(self, 0, "snapshot");
    bool two = request_get(&self->in, "before").size > 0;
    error = error != DX_OK || !two ? error : request_hex(self, 1, "before");
    if (error == DX_OK) {
        dx_bytes before = dx_buf_view(&self->text[1]);
        error = dx_text_delta_at(self->doc, type, self->form, dx_buf_view(&self->text[0]),
                                 two ? &before : NULL, &self->made, &gone);
        reply_json(self, "delta");
        reply_number(self, "gone", gone);
    }
    return error;
}

int do_version(call *self) {
    int error = request_hex(self, 0, "snapshot");
    if (error == DX_OK) {
        document *into = *document_place(request_get(&self->in, "into"));
        error = dx_text_version(self->doc, self->form, dx_buf_view(&self->text[0]), &self->made);
        reply_hex(self, "update");
        if (error == DX_OK && into != NULL) {
            error = dx_text_apply(into->doc, self->form, dx_buf_view(&self->made));
        }
    }
    return error;
}

/* --- Who is there ---------------------------------------------------------------------------------------------- */

static int awareness_of(call *self, dx_text_awareness **out, uint64_t *now) {
    document *of = document_of(self);
    *now = 0;
    int error = request_get(&self->in, "now").size > 0 ? request_number(self, "now", now) : DX_OK;
    if (error == DX_OK && of->awareness == NULL) {
        error = dx_text_awareness_create(&heap, of->client, &of->awareness);
    }
    *out = of->awareness;
    return error;
}

/* The clients a request names; *named: whether it names any. */
static int clients_of(call *self, uint64_t clients[CLIENTS_MAX], size_t *count, bool *named) {
    dx_bytes list = request_get(&self->in, "clients");
    *named = list.size > 0;
    *count = 0;
    size_t at = 1;
    while (*named && (at = json_skip_space(list, at)) < list.size && list.data[at] != ']') {
        size_t end = json_skip_value(list, at);
        if (end == 0 || *count == CLIENTS_MAX || list.data[at] < '0' || list.data[at] > '9') {
            return DX_E_INVALID;
        }
        clients[(*count)++] = strtoull((const char *)list.data + at, NULL, 10);
        at = json_skip_space(list, end);
        at += at < list.size && list.data[at] == ',' ? 1 : 0;
    }
    return DX_OK;
}

static void reply_changes(call *self, const dx_text_awareness *awareness) {
    static const char *const names[] = {"came", "changed", "renewed", "left"};
    size_t count;
    const dx_text_awareness_change *changes = dx_text_awareness_changes(awareness, &count);
    reply_text(&self->reply, ",\"changes\":{");
    for (size_t i = 0; i < count; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s\"%llu\":\"%s\"", i > 0 ? "," : "",
                       (unsigned long long)changes[i].client, names[changes[i].what]);
        reply_text(&self->reply, text);
    }
    reply_text(&self->reply, "}");
}

int do_awareness_set(call *self) {
    dx_text_awareness *awareness;
    uint64_t now;
    int error = awareness_of(self, &awareness, &now);
    error = error != DX_OK ? error : dx_text_awareness_set(awareness, request_json(self, 0, "state"), now);
    if (error == DX_OK) {
        reply_changes(self, awareness);
    }
    return error;
}

int do_awareness_apply(call *self) {
    dx_text_awareness *awareness;
    uint64_t now;
    int error = request_hex(self, 0, "update");
    error = error != DX_OK ? error : awareness_of(self, &awareness, &now);
    error = error != DX_OK ? error : dx_text_awareness_apply(awareness, dx_buf_view(&self->text[0]), now);
    if (error == DX_OK) {
        reply_changes(self, awareness);
    }
    return error;
}

int do_awareness_encode(call *self) {
    dx_text_awareness *awareness;
    uint64_t now, clients[CLIENTS_MAX];
    size_t count;
    bool named;
    int error = awareness_of(self, &awareness, &now);
    error = error != DX_OK ? error : clients_of(self, clients, &count, &named);
    if (error == DX_OK) {
        error = dx_text_awareness_encode(awareness, named ? clients : NULL, count, &self->made);
        reply_hex(self, "update");
    }
    return error;
}

int do_awareness(call *self) {
    dx_text_awareness *awareness;
    uint64_t now, clients[CLIENTS_MAX];
    size_t count = 0;
    int error = awareness_of(self, &awareness, &now);
    if (error != DX_OK) {
        return error;
    }
    dx_text_awareness_tick(awareness, now);
    dx_text_awareness_clients(awareness, clients, CLIENTS_MAX, &count);
    reply_text(&self->reply, ",\"states\":{");
    for (size_t i = 0; i < count && i < CLIENTS_MAX; i++) {
        dx_bytes state = dx_text_awareness_state(awareness, clients[i]);
        char text[32];
        (void)snprintf(text, sizeof text, "%s\"%llu\":", i > 0 ? "," : "", (unsigned long long)clients[i]);
        reply_text(&self->reply, text);
        dx_buf_append(&self->reply, state.data, state.size);
    }
    reply_text(&self->reply, "}");
    return DX_OK;
}
