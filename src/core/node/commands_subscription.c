/* node/commands_subscription.c: watch: what changes in a space, or in several, as it changes.
 *
 * Layer: floor 1, node. docs/spec/query.md, Watching. A watch has a subscription (echo/subscription.h) in each space it is about;
 * a position is of the whole vault, so it is one for all of them. */
#include <string.h>

#include "base/limits.h"
#include "node/query_rows.h"
#include "node/watch_merge.h"

enum { FILL_MAX = 256, SPACES_MAX = 256, SPACE_TEXT_SIZE = 2 * DX_HASH_SIZE + 1 };

typedef struct dx_watching dx_watching;

/* One space, at a place of its own: its subscription points to it. */
typedef struct watched {
    dx_watching *of;
    int64_t local;
    char id[SPACE_TEXT_SIZE];
    dx_subscription *subscription;
    bool is_listed; /* of a merge: all that its window shows was told */
} watched;

struct dx_watching {
    dx_node *node;
    dx_request *request;
    watched *parts[SPACES_MAX];
    size_t count;
    bool several;          /* rows say of which space they are */
    dx_watch_merge *merge; /* of several in an order; NULL: it has none */
    bool is_listed;        /* all that the merge shows was told */
    int failed;            /* it ends with this */
    dx_buf item;           /* the question, for spaces to come */
    bool tells_positions;  /* its watcher may want to come back */
    bool has_told;         /* in this call */
    uint64_t told_at;      /* the number of the position told last */
};

/* --- Spaces --------------------------------------------------------------------------------------------- */

static void drop_part(dx_watching *self, size_t at) {
    watched *part = self->parts[at];
    dx_subscription_destroy(part->subscription);
    dx_alloc_free(&self->node->config.alloc, part, sizeof *part);
    self->parts[at] = self->parts[--self->count];
}

static void drop_watching(dx_node *node, dx_request *request) {
    dx_watching *self = request->task;
    (void)node;
    while (self->count > 0) {
        drop_part(self, self->count - 1);
    }
    dx_watch_merge_destroy(self->merge);
    dx_buf_deinit(&self->item);
}

static size_t find_part(const dx_watching *self, int64_t space) {
    size_t at = 0;
    while (at < self->count && self->parts[at]->local != space) {
        at++;
    }
    return at;
}

static bool reads_space(const dx_request *request, int64_t space) {
    const dx_watching *self = request->task;
    return self != NULL && find_part(self, space) < self->count; /* NULL: it is answered */
}

static bool is_behind(const dx_watching *self) {
    bool behind = false;
    for (size_t i = 0; i < self->count; i++) {
        behind = behind || dx_subscription_is_behind(self->parts[i]->subscription);
    }
    return behind;
}

static bool has_more(const dx_watching *self) {
    bool more = false;
    for (size_t i = 0; i < self->count; i++) {
        more = more || dx_subscription_has_more(self->parts[i]->subscription);
    }
    return more || self->failed != DX_OK || (self->merge != NULL && dx_watch_merge_has_more(self->merge));
}

/* --- Telling -------------------------------------------------------------------------------------------- */

/* Whether rows to come may lack something: what this vault keeps changes while it is watched. */
static int judge_parts(dx_watching *self) {
    int error = DX_OK;
    self->request->partial = false;
    for (size_t i = 0; i < self->count && error == DX_OK && !self->request->partial; i++) {
        dx_space *space = dx_node_space(self->node, self->parts[i]->local);
        error = space == NULL ? DX_OK
                              : dx_node_question_is_short(self->node, space, dx_buf_view(&self->item),
                                                          &self->request->partial);
    }
    return error;
}

/* Sends what waits; with the position behind it once all that was missed is told. */
static int flush_watch(dx_watching *self) {
    dx_node *node = self->node;
    uint8_t bytes[16];
    char at[2 * sizeof bytes + 1];
    int error = judge_parts(self);
    if (error != DX_OK) {
        return error;
    }
    if (!self->tells_positions || is_behind(self)) {
        return dx_request_flush(node, self->request);
    }
    self->has_told = true;
    dx_position position = dx_subscriptions_position(node->subscriptions);
    if (self->several && self->request->row_count == 0 && self->told_at == position.number) {
        return DX_OK; /* another space's rows of this step took it along */
    }
    self->told_at = position.number;
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(position.life >> (56 - 8 * i));
        bytes[8 + i] = (uint8_t)(position.number >> (56 - 8 * i));
    }
    dx_hex_encode(dx_bytes_of(bytes, sizeof bytes), at);
    return dx_request_flush_at(node, self->request, at);
}

/* Errors that are not the host's end the watch when it is run next: what tells rows passes them over. */
static int note_failure(dx_watching *self, int error) {
    self->failed = self->failed == DX_OK ? error : self->failed;
    return error;
}

static int merge_change(watched *part, dx_bytes row) {
    dx_watching *self = part->of;
    dx_space *space = dx_node_space(self->node, part->local);
    dx_bytes change = dx_item_text(dx_item_get(row, "change"));
    if (dx_bytes_equal(change, dx_bytes_text("listed"))) {
        part->is_listed = true;
    } else if (dx_bytes_equal(change, dx_bytes_text("refresh"))) {
        part->is_listed = self->is_listed = false;
    }
    int error = space == NULL ? DX_OK : dx_watch_merge_take(self->merge, space, part->subscription, row);
    return error == DX_OK ? DX_OK : note_failure(self, error);
}

static int send_change(void *ctx, dx_bytes row) {
    watched *part = ctx;
    const dx_watching *self = part->of;
    if (self->request->answered) {
        return DX_OK;
    }
    if (self->merge != NULL) {
        return merge_change(part, row);
    }
    dx_writer writer = dx_request_row(self->node, self->request);
    if (self->several) {
        dx_node_write_row_of(row, part->id, &writer);
    } else {
        dx_write_item(&writer, row);
    }
    return dx_request_row_end(self->node, self->request, &writer);
}

/* After rows of a step: what is shown is as many as are asked for; once all of it was told, that is said. */
static int settle_merge(dx_watching *self) {
    bool listed = !self->is_listed;
    int error = self->failed != DX_OK ? self->failed : dx_watch_merge_settle(self->merge, FILL_MAX);
    for (size_t i = 0; i < self->count; i++) {
        listed = listed && self->parts[i]->is_listed;
    }
    if (error == DX_OK && listed && !dx_watch_merge_has_more(self->merge)) {
        self->is_listed = true;
        dx_writer writer = dx_request_row(self->node, self->request);
        dx_write_map(&writer, 1);
        dx_write_text(&writer, "change");
        dx_write_text(&writer, "listed");
        error = dx_request_row_end(self->node, self->request, &writer);
    }
    return error == DX_OK ? DX_OK : note_failure(self, error);
}

static int end_changes(void *ctx) {
    dx_watching *self = ((const watched *)ctx)->of;
    dx_request *request = self->request;
    if (request->answered) {
        return DX_OK;
    }
    int error = self->merge != NULL ? settle_merge(self) : DX_OK;
    dx_request_rest(self->node, request, !request->cancelled && !has_more(self));
    return error == DX_OK ? flush_watch(self) : error;
}

/* Learns what matches, and tells what was missed. */
static int go_on_watching(dx_node *node, dx_request *request, bool *again) {
    dx_watching *self = request->task;
    bool was_behind, any = false;
    /* What this step changed so far is told first: what is learnt now holds it already, and could not tell what went. */
    int error = request->cancelled ? DX_E_CANCELLED : dx_node_deliver_changes(node);
    was_behind = is_behind(self);
    self->has_told = false;
    for (size_t i = 0; i < self->count && error == DX_OK; i++) {
        bool more = false;
        error =
            dx_subscription_run(self->parts[i]->subscription, 1 + DX_STEP_ENTITIES_MAX / self->count, &more);
        any = any || more;
    }
    if (error == DX_OK && self->merge != NULL) {
        error = settle_merge(self);
        error = error == DX_OK ? flush_watch(self) : error;
        any = any || dx_watch_merge_has_more(self->merge);
    }
    if (error == DX_E_CANCELLED) {
        return error;
    }
    dx_request_rest(node, request, !any);
    *again = *again || any;
    if (error == DX_E_LIMIT) {
        return dx_node_refuse(node, error, "a question with a limit, or that matches less",
                              "a watch with an order or groups holds too many rows");
    }
    if (error == DX_OK && was_behind && !self->has_told) {
        error = flush_watch(self);
    }
    return error == DX_OK ? DX_PENDING : error;
}

/* --- Beginning ------------------------------------------------------------------------------------------ */

static int add_space(void *ctx, dx_space *space) {
    dx_watching *self = ctx;
    dx_node *node = self->node;
    char message[DX_NODE_MESSAGE_SIZE] = "";
    if (find_part(self, space->local) < self->count) {
        return DX_OK;
    }
    if (self->count == SPACES_MAX) {
        return dx_node_refuse(node, DX_E_LIMIT, "name some of them", "a watch is of at most %d spaces",
                              SPACES_MAX);
    }
    watched *part = dx_alloc_take_zeroed(&node->config.alloc, sizeof *part);
    if (part == NULL) {
        return DX_E_NO_MEMORY;
    }
    part->of = self;
    part->local = space->local;
    dx_hex_encode(dx_bytes_of(space->id, DX_HASH_SIZE), part->id);
    const dx_subscriber subscriber = {.ctx = part, .on_row = send_change, .on_end = end_changes};
    int error = dx_subscription_create(node->subscriptions, &node->context, space, dx_buf_view(&self->item),
                                       &subscriber, message, sizeof message, &part->subscription);
    if (error != DX_OK) {
        dx_alloc_free(&node->config.alloc, part, sizeof *part);
        return message[0] == 0 ? error : dx_node_refuse(node, error, "dx help query", "%s", message);
    }
    self->parts[self->count++] = part;
    if (!self->several || !dx_subscription_has_order(part->subscription)) {
        return DX_OK;
    }
    if (dx_item_get(dx_buf_view(&self->item), "group").size > 0) {
        return dx_node_refuse(node, DX_E_INVALID, "dx help query",
                              "a watch of several spaces has no group: watch each");
    }
    int64_t limit = dx_item_int(dx_item_get(dx_buf_view(&self->item), "limit"), INT64_MAX);
    self->is_listed = false;
    return self->merge != NULL
               ? DX_OK
               : dx_watch_merge_create(node, self->request,
                                       limit > DX_WATCH_MERGED_MAX ? SIZE_MAX : (size_t)limit, &self->merge);
}

/* Of a watch of all spaces: one came, or goes, of which what was told is no more. */
static int follow(dx_node *node, dx_request *request, int64_t local, dx_space *came) {
    dx_watching *self = request->task;
    size_t at = find_part(self, local);
    if (came != NULL) {
        bool may = dx_app_level(request->app, came->id) >= DX_LEVEL_READ;
        int error = may ? add_space(self, came) : DX_OK;
        dx_request_rest(node, request, false);
        return error != DX_OK && dx_error_class_of(error) != DX_CLASS_HOST
                   ? dx_node_end_request(node, request, error)
                   : error;
    }
    if (at == self->count) {
        return DX_OK;
    }
    if (self->merge != NULL) {
        int error = dx_watch_merge_drop(self->merge, local);
        drop_part(self, at);
        error = error == DX_OK ? settle_merge(self) : error;
        dx_request_rest(node, request, !has_more(self));
        return error == DX_OK ? dx_request_flush(node, request) : error;
    }
    dx_writer writer = dx_request_row(node, request);
    dx_write_map(&writer, 2);
    dx_write_text(&writer, "space");
    dx_write_text(&writer, self->parts[at]->id);
    dx_write_text(&writer, "change");
    dx_write_text(&writer, "refresh");
    drop_part(self, at);
    int error = dx_request_row_end(node, request, &writer);
    return error == DX_OK ? dx_request_flush(node, request) : error;
}

/* A position as flush_watch writes it. */
static int read_position(dx_bytes text, dx_position *out) {
    uint8_t bytes[16];
    *out = (dx_position){0};
    if (text.size != 2 * sizeof bytes ||
        dx_hex_decode((const char *)text.data, text.size, bytes, sizeof bytes) != DX_OK) {
        return DX_E_INVALID;
    }
    for (size_t i = 0; i < 8; i++) {
        out->life = out->life << 8 | bytes[i];
        out->number = out->number << 8 | bytes[8 + i];
    }
    return DX_OK;
}

/* One id that is held, 22 bytes or its text. */
static int read_id(dx_node *node, dx_space *space, dx_bytes item, int64_t *key) {
    dx_bytes bytes = dx_item_bytes(item), text = dx_item_text(item);
    return text.data != NULL          ? dx_id_parse(&node->context, space, text, key)
           : bytes.size == DX_ID_SIZE ? dx_id_to_key(space, bytes.data, key)
                                      : DX_E_INVALID;
}

/* What the watcher of an order holds. False: something of it is not known here, so that it has to be told all. */
static bool read_held(dx_node *node, dx_space *space, dx_bytes held, int64_t *keys, size_t *count) {
    dx_reader reader;
    *count = 0;
    if (dx_item_kind(held) != DX_KIND_ARRAY) {
        return false;
    }
    dx_reader_init(&reader, held);
    for (size_t left = dx_read_array(&reader); left > 0; left--) {
        if (*count == DX_WINDOW_HELD_MAX ||
            read_id(node, space, dx_read_item(&reader), &keys[*count]) != DX_OK) {
            return false;
        }
        ++*count;
    }
    return true;
}

/* Of a watch with an order: from the position on, when it is known and what is held is. */
static int come_back(const watched *part, const dx_position *position, dx_bytes held, bool *comes) {
    dx_node *node = part->of->node;
    const dx_alloc *alloc = &node->config.alloc;
    size_t count;
    int64_t *keys = dx_alloc_take(alloc, DX_WINDOW_HELD_MAX * sizeof *keys);
    if (keys == NULL) {
        return DX_E_NO_MEMORY;
    }
    *comes = read_held(node, dx_node_space(node, part->local), held, keys, &count);
    int error = *comes ? dx_subscription_come_back(part->subscription, position, keys, count) : DX_OK;
    dx_alloc_free(alloc, keys, DX_WINDOW_HELD_MAX * sizeof *keys);
    return error;
}

/* From a position on, or from now on with positions. */
static int begin_at(dx_watching *self, dx_bytes since, dx_bytes held) {
    dx_position position;
    self->tells_positions = true;
    self->told_at = UINT64_MAX;
    int error = since.size == 0 ? DX_OK : read_position(since, &position);
    if (error != DX_OK) {
        return dx_node_refuse(self->node, error, NULL, "\"since\" is what a watch told as \"at\", or empty");
    }
    bool goes_on = true;
    for (size_t i = 0; i < self->count && since.size != 0 && error == DX_OK; i++) {
        bool comes = true;
        if (self->merge != NULL) {
            comes = false; /* places of several windows are told anew */
        } else if (dx_subscription_has_order(self->parts[i]->subscription)) {
            error = come_back(self->parts[i], &position, held, &comes);
        } else {
            comes = dx_subscription_resume(self->parts[i]->subscription, &position);
        }
        goes_on = goes_on && comes;
    }
    if (error == DX_OK && !goes_on) {
        dx_writer writer = dx_request_row(self->node, self->request);
        dx_write_map(&writer, 1);
        dx_write_text(&writer, "change");
        dx_write_text(&writer, "refresh");
        error = dx_request_row_end(self->node, self->request, &writer);
    }
    return error == DX_OK ? flush_watch(self) : error;
}

static int take_spaces(dx_watching *self, dx_bytes body) {
    dx_bytes spaces = dx_item_get(body, "spaces");
    dx_request *request = self->request;
    dx_space *space;
    if (spaces.size == 0) {
        int error = dx_take_space(self->node, request, body, &space);
        request->space = error == DX_OK ? space->local : 0;
        return error == DX_OK ? add_space(self, space) : error;
    }
    self->several = true;
    request->reads = reads_space;
    if (dx_bytes_equal(dx_item_text(spaces), dx_bytes_text("all"))) {
        request->follows = follow;
    }
    return dx_item_get(body, "space").size > 0
               ? dx_node_refuse(self->node, DX_E_INVALID, NULL, "\"spaces\" stands for \"space\"")
               : dx_node_take_spaces(self->node, request, spaces, add_space, self);
}

static int watch(dx_node *node, dx_request *request, dx_bytes body) {
    dx_bytes item, since;
    int error = dx_take_optional_map(node, body, "query", &item);
    if (error == DX_OK) {
        error = dx_take_optional_text(node, body, "since", 64, &since);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_watching *self = dx_request_continue(node, request, sizeof *self, go_on_watching, drop_watching);
    if (self == NULL) {
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    self->node = node;
    self->request = request;
    dx_buf_init(&self->item, &node->config.alloc, DX_QUERY_SIZE_MAX);
    dx_buf_append(&self->item, item.data, item.size);
    error = dx_buf_error(&self->item) != DX_OK && item.size > DX_QUERY_SIZE_MAX
                ? dx_node_refuse(node, DX_E_INVALID, "dx help query", "a query has at most 64 KiB")
                : dx_buf_error(&self->item);
    error = error == DX_OK ? take_spaces(self, body) : error;
    if (error == DX_OK && since.data != NULL) {
        error = begin_at(self, since, dx_item_get(body, "holds"));
    }
    return error == DX_OK ? DX_PENDING : error;
}

const dx_command dx_commands_subscription[] = {
    {"watch", false, watch},
    {NULL, false, NULL},
};
