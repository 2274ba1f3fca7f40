/* node/commands_text_watch.c: text.watch: what others write in a text, as it comes, for documents of apps.
 *
 * Layer: floor 1, node. docs/spec/text-model.md, Documents of apps. A watcher is told operations as their authors made them, so
 * nobody makes a document of the text for a key that was typed. That goes as long as it is known how far the watcher has come and
 * that each operation shows by itself; else, as when its port took no more for a while, it falls behind: nothing is kept for it but
 * how far it was, and it is told what it lacks as one update later. */
#include <string.h>

#include "base/limits.h"
#include "model/text_state.h"
#include "node/text_subject.h"

typedef struct dx_text_watching {
    struct dx_text_watching *next;
    dx_request *request;
    int64_t space, key;
    int64_t session; /* of the watcher's document, which has what it wrote; -1: it has none */
    dx_text_form form;
    dx_text_reach reach; /* what it has, or was told */
    bool is_behind;
    bool waits; /* operations of the text do: what is done to it may show more than what was said */
} dx_text_watching;

/* --- All at once ------------------------------------------------------------------------------------------ */

static int tell_row(dx_node *node, const dx_text_watching *self, dx_bytes update) {
    dx_writer writer = dx_request_row(node, self->request);
    dx_write_map(&writer, 1);
    dx_write_text(&writer, "update");
    dx_write_bytes(&writer, update);
    return dx_request_row_end(node, self->request, &writer);
}

static int encode_rest(dx_node *node, dx_text_watching *self, dx_bytes state, dx_buf *update) {
    dx_buf clocks;
    dx_buf_init(&clocks, &node->config.alloc, DX_STATE_SIZE_MAX);
    int error = dx_text_reach_write(&self->reach, &clocks);
    error = error == DX_OK ? dx_text_saved_catch_up(&node->config.alloc, state, self->form,
                                                    dx_buf_view(&clocks), &self->reach, &self->waits, update)
                           : error;
    dx_buf_deinit(&clocks);
    return error;
}

static int catch_up(dx_node *node, dx_text_watching *self) {
    dx_space *space = dx_node_space(node, self->space);
    dx_entity entity;
    dx_buf update;
    int error = dx_entity_read(&node->context, space, self->key, &entity);
    if (error != DX_OK || entity.model != &dx_text_model) {
        return error == DX_OK ? DX_E_UNSUPPORTED : error;
    }
    dx_buf_init(&update, &node->config.alloc, DX_ROW_SIZE_MAX / 2);
    error = dx_explain_text_update(node, encode_rest(node, self, entity.state, &update));
    error = error == DX_OK ? tell_row(node, self, dx_buf_view(&update)) : error;
    dx_buf_deinit(&update);
    self->is_behind = error != DX_OK;
    return error == DX_OK ? dx_request_flush(node, self->request) : error;
}

/* --- One by one ------------------------------------------------------------------------------------------- */

static int tell_update(dx_node *node, const dx_text_watching *self, dx_bytes update) {
    dx_buf converted;
    if (self->form == DX_TEXT_V2) {
        return tell_row(node, self, update);
    }
    dx_buf_init(&converted, &node->config.alloc, DX_BLOCK_SIZE_MAX);
    int error = dx_text_convert_update(&node->config.alloc, DX_TEXT_V2, self->form, update, &converted);
    error = error == DX_OK ? tell_row(node, self, dx_buf_view(&converted)) : error;
    dx_buf_deinit(&converted);
    return error;
}

/* Operations have been checked: they are applied. */
static int take_said(dx_node *node, dx_text_watching *self, const dx_said *said) {
    const dx_space *space = dx_node_space(node, self->space);
    dx_reader reader;
    bool ready = false;
    dx_reader_init(&reader, said->operation);
    dx_read_array(&reader);
    int64_t session = dx_item_int(dx_read_item(&reader), -1);
    dx_bytes update = dx_read_bytes(&reader);
    int error = dx_text_reach_take(&self->reach, update, &ready);
    self->is_behind = error == DX_OK && !ready;
    bool own = self->session >= 0 && session == self->session && said->feed == space->own_data;
    return error != DX_OK || self->is_behind || own ? error : tell_update(node, self, update);
}

static int take_change(dx_node *node, dx_text_watching *self, const dx_change *change) {
    dx_said said;
    if (self->waits || !dx_request_can_send(node, self->request) ||
        !dx_changes_said(&node->changes, change, &said)) {
        self->is_behind = true;
        return DX_OK;
    }
    return take_said(node, self, &said);
}

static int take_changes(dx_node *node, dx_text_watching *self) {
    const dx_changes *changes = &node->changes;
    int error = DX_OK;
    self->is_behind = self->is_behind || changes->overflow;
    for (size_t i = 0; i < changes->count && error == DX_OK && !self->is_behind; i++) {
        const dx_change *change = &changes->items[i];
        if (change->key == self->key && change->space == self->space) {
            error = take_change(node, self, change);
        }
    }
    return error == DX_OK ? dx_request_flush(node, self->request) : error;
}

static bool can_catch_up(dx_node *node, const dx_text_watching *self) {
    return self->is_behind && dx_request_can_send(node, self->request) && !dx_node_said_enough(node);
}

static int tell(dx_node *node, dx_text_watching *self) {
    node->message[0] = node->remedy[0] = 0;
    int error = take_changes(node, self);
    error = error == DX_OK && can_catch_up(node, self) ? catch_up(node, self) : error;
    dx_request_rest(node, self->request, !self->is_behind);
    return error != DX_OK && dx_error_class_of(error) != DX_CLASS_HOST
               ? dx_node_end_request(node, self->request, error)
               : error;
}

int dx_node_tell_texts(dx_node *node) {
    dx_text_watching *next;
    int error = DX_OK;
    for (dx_text_watching *one = node->texts; one != NULL && error == DX_OK; one = next) {
        next = one->next; /* telling may end this one */
        error = one->request->answered || one->request->cancelled ? DX_OK : tell(node, one);
    }
    return error;
}

bool dx_node_has_texts_to_tell(dx_node *node) {
    const dx_text_watching *one = node->texts;
    while (one != NULL && (!one->is_behind || !dx_request_can_send(node, one->request))) {
        one = one->next;
    }
    return one != NULL;
}

static bool is_watched(void *ctx, int64_t space, int64_t key) {
    const dx_text_watching *one = ((const dx_node *)ctx)->texts;
    while (one != NULL && (one->key != key || one->space != space || one->is_behind)) {
        one = one->next;
    }
    return one != NULL;
}

void dx_node_hear_texts(dx_node *node) {
    node->changes.wants = is_watched;
    node->changes.wants_ctx = node;
}

/* --- The command ------------------------------------------------------------------------------------------ */

static int go_on(dx_node *node, dx_request *request, bool *again) {
    dx_text_watching *self = request->task;
    (void)again; /* resumed because its port takes more, or it is new */
    /* What this step changed so far is told first: what is told of all of it now holds it already. */
    int error = request->cancelled ? DX_E_CANCELLED : dx_node_deliver_changes(node);
    if (error == DX_OK && self->is_behind) {
        error = catch_up(node, self);
    }
    if (error == DX_OK) {
        dx_request_rest(node, request, true);
    }
    return error == DX_OK ? DX_PENDING : error;
}

static void drop(dx_node *node, dx_request *request) {
    dx_text_watching *self = request->task, **place = &node->texts;
    while (*place != self) {
        place = &(*place)->next;
    }
    *place = self->next;
    dx_text_reach_deinit(&self->reach);
}

static int take_clocks(dx_node *node, dx_text_watching *self, dx_bytes body) {
    dx_bytes item = dx_item_get(body, "clocks");
    bool given = item.size != 0 && dx_item_kind(item) == DX_KIND_BYTES;
    int error = item.size != 0 && !given ? DX_E_MALFORMED
                                         : dx_text_clocks_decode(&self->reach.clocks, dx_item_bytes(item));
    return dx_explain_text_update(node, error);
}

static int text_watch(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space = NULL;
    dx_entity entity;
    dx_text_form form = DX_TEXT_V2;
    int64_t key = 0;
    int error = dx_take_space(node, request, body, &space);
    error = error == DX_OK ? dx_take_text_form(node, body, &form) : error;
    error = error == DX_OK ? dx_take_text_entity(node, space, body, &key, &entity) : error;
    if (error != DX_OK) {
        return error;
    }
    dx_text_watching *self = dx_request_continue(node, request, sizeof *self, go_on, drop);
    if (self == NULL) {
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    request->space = self->space = space->local;
    self->request = request;
    self->key = key;
    self->session = dx_item_int(dx_item_get(body, "session"), -1);
    self->form = form;
    self->is_behind = true;
    dx_text_reach_init(&self->reach, &node->config.alloc);
    self->next = node->texts;
    node->texts = self;
    error = take_clocks(node, self, body);
    return error == DX_OK ? DX_PENDING : error;
}

const dx_command dx_commands_text_watch[] = {
    {"text.watch", false, text_watch},
    {NULL, false, NULL},
};
