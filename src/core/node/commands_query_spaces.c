/* node/commands_query_spaces.c: one question asked of several spaces, and one answer.
 *
 * Layer: floor 1, node. docs/spec/query.md, Several spaces. Each space is asked by itself (echo/query.h): nothing leads from
 * one into another. Rows without an order come space after space, those with one and groups are merged by what decides
 * their order, which is the same bytes in every space; so memory is a row of each, beside what each puts in order.
 * What the spaces hold for that counts together against the limits of one question. */
#include <string.h>

#include "base/limits.h"
#include "node/query_rows.h"

enum {
    SPACES_MAX = 256, /* what a person has, several times over; each holds a question */
    SPACE_TEXT_SIZE = 2 * DX_HASH_SIZE + 1,
    EXAMINED_MAX = 256 /* of one space, before others have their turn */
};

/* One space: what it was asked, and the row of it that comes next, encoded. */
typedef struct part {
    int64_t local;
    char id[SPACE_TEXT_SIZE];
    dx_query *query; /* NULL: not begun, or at its end */
    bool ended, has_row;
    dx_buf row, order;
    int64_t count; /* of a group */
} part;

typedef struct dx_asking {
    dx_node *node;
    dx_request *request;
    dx_buf item;   /* the question without its cursor */
    dx_buf cursor; /* of an answer in order: where each space goes on */
    bool merges, groups, counts;
    int64_t limit;
    part *parts; /* in the order of their ids */
    size_t count, at;
    dx_buf first;  /* of rows space after space: where the first space goes on */
    dx_buf behind; /* the cursor behind the row sent last */
    part *taking;
} dx_asking;

static void drop_asking(dx_node *node, dx_request *request) {
    dx_asking *self = request->task;
    for (size_t i = 0; i < self->count; i++) {
        dx_query_destroy(self->parts[i].query);
        dx_buf_deinit(&self->parts[i].row);
        dx_buf_deinit(&self->parts[i].order);
    }
    dx_alloc_free(&node->config.alloc, self->parts,
                  self->parts == NULL ? 0 : SPACES_MAX * sizeof *self->parts);
    dx_buf_deinit(&self->item);
    dx_buf_deinit(&self->cursor);
    dx_buf_deinit(&self->first);
    dx_buf_deinit(&self->behind);
}

static bool reads_space(const dx_request *request, int64_t space) {
    const dx_asking *self = request->task;
    for (size_t i = 0; self != NULL && i < self->count; i++) { /* NULL: it is answered */
        if (self->parts[i].local == space) {
            return true;
        }
    }
    return false;
}

/* --- Which spaces ---------------------------------------------------------------------------------- */

static int deny(dx_node *node, dx_request *request) {
    request->app->denied++;
    node->counts.apps_denied++;
    return dx_app_deny(node);
}

/* Kept in the order of ids, each once. */
static int add_space(void *ctx, dx_space *space) {
    dx_asking *self = ctx;
    char id[SPACE_TEXT_SIZE];
    size_t at = self->count;
    dx_hex_encode(dx_bytes_of(space->id, DX_HASH_SIZE), id);
    while (at > 0 && strcmp(self->parts[at - 1].id, id) >= 0) {
        at--;
    }
    if (at < self->count && strcmp(self->parts[at].id, id) == 0) {
        return DX_OK;
    }
    if (self->count == SPACES_MAX) {
        return dx_node_refuse(self->node, DX_E_LIMIT, "name some of them",
                              "a question asks at most %d spaces", SPACES_MAX);
    }
    memmove(&self->parts[at + 1], &self->parts[at], (self->count - at) * sizeof *self->parts);
    self->parts[at] = (part){.local = space->local};
    memcpy(self->parts[at].id, id, sizeof id);
    dx_buf_init(&self->parts[at].row, &self->node->config.alloc, DX_ANSWER_SIZE_MAX);
    dx_buf_init(&self->parts[at].order, &self->node->config.alloc, DX_QUERY_SORTED_SIZE_MAX);
    self->count++;
    return DX_OK;
}

static int add_all(dx_node *node, const dx_request *request, dx_on_space on_space, void *ctx) {
    int error = DX_OK;
    for (size_t i = 0; i < node->space_count && error == DX_OK; i++) {
        dx_space *space = node->spaces[i];
        if (dx_app_level(request->app, space->id) >= DX_LEVEL_READ) {
            error = on_space(ctx, space);
        }
    }
    return error;
}

int dx_node_take_spaces(dx_node *node, dx_request *request, dx_bytes spaces, dx_on_space on_space,
                        void *ctx) {
    static const char wrong[] = "\"spaces\" is a list of spaces, or \"all\"";
    dx_reader reader;
    int error = DX_OK;
    if (dx_bytes_equal(dx_item_text(spaces), dx_bytes_text("all"))) {
        return add_all(node, request, on_space, ctx);
    }
    if (dx_item_kind(spaces) != DX_KIND_ARRAY) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "%s", wrong);
    }
    dx_reader_init(&reader, spaces);
    for (size_t count = dx_read_array(&reader); count > 0 && error == DX_OK; count--) {
        dx_space *space;
        dx_bytes name = dx_item_text(dx_read_item(&reader));
        if (name.data == NULL) {
            return dx_node_refuse(node, DX_E_INVALID, NULL, "%s", wrong);
        }
        error = dx_find_space(node, request->app, name, &space);
        if (error == DX_E_NOT_FOUND && request->app != NULL) {
            return deny(node, request);
        }
        error = error == DX_OK ? on_space(ctx, space) : error;
    }
    return error;
}

static int take_spaces(dx_asking *self, dx_bytes body) {
    dx_bytes spaces = dx_item_get(body, "spaces");
    if (dx_item_get(body, "space").size > 0 || dx_item_bool(dx_item_get(body, "explain"), false)) {
        return dx_node_refuse(self->node, DX_E_INVALID, NULL,
                              "\"spaces\" stands for \"space\", and explains nothing: ask one space");
    }
    return dx_node_take_spaces(self->node, self->request, spaces, add_space, self);
}

/* --- The question ---------------------------------------------------------------------------------- */

/* The question with another cursor, size 0: none. */
static int write_question(dx_asking *self, dx_bytes item, dx_bytes cursor, dx_buf *out) {
    dx_map_builder map;
    dx_writer writer;
    dx_reader reader;
    dx_reader_init(&reader, item);
    size_t count = dx_read_map(&reader);
    dx_buf_clear(out);
    dx_map_builder_init(&map, &self->node->config.alloc, 2 * DX_QUERY_SIZE_MAX);
    for (; count > 0 && reader.error == DX_OK; count--) {
        char key[32];
        dx_bytes name = dx_read_text(&reader), value = dx_read_item(&reader);
        if (name.size >= sizeof key || map.count == DX_MAP_BUILDER_PAIRS_MAX - 1) {
            reader.error = DX_E_INVALID;
            break;
        }
        memcpy(key, name.data, name.size);
        key[name.size] = '\0';
        if (strcmp(key, "cursor") != 0) {
            dx_write_item(dx_map_builder_key(&map, key), value);
        }
    }
    if (cursor.size > 0) {
        dx_write_text_bytes(dx_map_builder_key(&map, "cursor"), cursor);
    }
    dx_writer_init(&writer, out);
    dx_map_builder_finish(&map, &writer);
    int error = dx_writer_finish(&writer);
    return reader.error != DX_OK ? dx_node_refuse(self->node, DX_E_INVALID, "dx help query",
                                                  "a query has no key as long as one of these")
                                 : error;
}

/* Rows space after space go on in one of them, whose id stands before its own cursor; those in an order in all. */
static int take_cursor(dx_asking *self, dx_bytes cursor) {
    if (cursor.size == 0) {
        return DX_OK;
    }
    if (self->merges) {
        dx_buf_append(&self->cursor, cursor.data, cursor.size);
        return dx_buf_error(&self->cursor);
    }
    enum { HEAD = SPACE_TEXT_SIZE }; /* the id and a dot */
    if (cursor.size <= HEAD || cursor.data[HEAD - 1] != '.') {
        return dx_node_refuse(self->node, DX_E_INVALID, "dx help query",
                              "\"cursor\" is that of an earlier answer to the same query");
    }
    while (self->at < self->count && memcmp(self->parts[self->at].id, cursor.data, HEAD - 1) < 0) {
        self->parts[self->at++].ended = true;
    }
    if (self->at < self->count && memcmp(self->parts[self->at].id, cursor.data, HEAD - 1) == 0) {
        dx_buf_append(&self->first, cursor.data + HEAD, cursor.size - HEAD);
    }
    return dx_buf_error(&self->first);
}

static int take_question(dx_asking *self, dx_bytes body) {
    static const uint8_t empty_map[] = {0xa0};
    dx_bytes item;
    int error = dx_take_optional_map(self->node, body, "query", &item);
    item = item.size > 0 ? item : dx_bytes_of(empty_map, sizeof empty_map);
    if (error != DX_OK) {
        return error;
    }
    if (item.size > DX_QUERY_SIZE_MAX) {
        return dx_node_refuse(self->node, DX_E_INVALID, "dx help query", "a query has at most 64 KiB");
    }
    if (dx_item_get(item, "after").size > 0) {
        return dx_node_refuse(self->node, DX_E_INVALID, "dx help query",
                              "an answer of several spaces goes on by its \"cursor\"");
    }
    self->groups = dx_item_get(item, "group").size > 0;
    self->counts = dx_item_bool(dx_item_get(item, "count"), false);
    bool walks = dx_item_get(item, "follow").size > 0 || dx_item_get(item, "path").size > 0;
    self->merges = !self->counts && (self->groups || dx_item_get(item, "order").size > 0 ||
                                     (dx_item_get(item, "text").size > 0 && !walks));
    self->limit = dx_item_int(dx_item_get(item, "limit"), INT64_MAX);
    error = take_cursor(self, dx_item_text(dx_item_get(item, "cursor")));
    return error == DX_OK ? write_question(self, item, dx_bytes_of(NULL, 0), &self->item) : error;
}

/* --- One space ------------------------------------------------------------------------------------- */

static int begin_part(dx_asking *self, part *one) {
    dx_bytes cursor = self->merges ? dx_buf_view(&self->cursor) : dx_buf_view(&self->first);
    dx_space *space = dx_node_space(self->node, one->local);
    dx_buf item;
    dx_buf_init(&item, &self->node->config.alloc, 2 * DX_QUERY_SIZE_MAX);
    int error = write_question(self, dx_buf_view(&self->item), cursor, &item);
    error = error == DX_OK ? dx_node_create_query(self->node, space, dx_buf_view(&item), &one->query) : error;
    dx_buf_deinit(&item);
    dx_buf_clear(&self->first);
    return error;
}

static int take_row(void *ctx, const dx_query_row *row) {
    dx_asking *self = ctx;
    part *one = self->taking;
    dx_writer writer;
    dx_buf_clear(&one->row);
    dx_buf_clear(&one->order);
    dx_writer_init(&writer, &one->row);
    one->count = row->count;
    dx_buf_append(&one->order, row->order.data, row->order.size);
    int error = self->groups && row->key == 0
                    ? DX_OK
                    : dx_node_write_query_row(self->node, dx_node_space(self->node, one->local), row, one->id,
                                              &writer);
    if (self->groups) { /* its number is known when all spaces were asked */
        dx_buf_append(&one->row, row->value.data, row->value.size);
        error = dx_buf_error(&one->row);
    }
    error = error == DX_OK ? dx_writer_finish(&writer) : error;
    error = error == DX_OK ? dx_buf_error(&one->order) : error;
    one->has_row = error == DX_OK;
    return error == DX_OK ? DX_QUERY_PAUSE : error;
}

static int64_t examined(const part *one) {
    dx_query_plan plan;
    dx_query_explain(one->query, &plan);
    return plan.examined;
}

/* Its next row, if there is one and the budget lasts. */
static int pull(dx_asking *self, part *one, size_t *budget) {
    bool more = true;
    int error = one->query == NULL ? begin_part(self, one) : DX_OK;
    self->taking = one;
    while (error == DX_OK && more && !one->has_row && *budget > 0) {
        int64_t before = examined(one);
        error =
            dx_query_run(one->query, *budget < EXAMINED_MAX ? *budget : EXAMINED_MAX, take_row, self, &more);
        size_t done = 1 + (size_t)(examined(one) - before);
        *budget -= done < *budget ? done : *budget;
    }
    one->ended = one->ended || (error == DX_OK && !more && !one->has_row);
    return error;
}

/* --- The answer ------------------------------------------------------------------------------------ */

static int send(dx_asking *self, const part *one) {
    dx_writer row = dx_request_row(self->node, self->request);
    dx_write_item(&row, dx_buf_view(&one->row));
    return dx_request_row_end(self->node, self->request, &row);
}

static int send_group(dx_asking *self, const part *one, int64_t count) {
    dx_writer row = dx_request_row(self->node, self->request);
    dx_write_map(&row, 1u + (one->row.size != 0));
    dx_write_text(&row, "count");
    dx_write_int(&row, count);
    if (one->row.size != 0) {
        dx_write_text(&row, "value");
        dx_write_item(&row, dx_buf_view(&one->row));
    }
    return dx_request_row_end(self->node, self->request, &row);
}

/* Where the answer goes on, when its limit ends it with this row. */
static int note_cursor(dx_asking *self, const part *one) {
    if (self->groups || self->counts || self->request->total != self->limit) {
        return DX_OK;
    }
    dx_buf_clear(&self->behind);
    if (!self->merges) {
        dx_buf_append(&self->behind, one->id, SPACE_TEXT_SIZE - 1);
        dx_buf_append_byte(&self->behind, '.');
    }
    size_t head = self->behind.size;
    int error = dx_query_cursor_behind(one->query, &self->behind);
    self->behind.size = self->behind.size == head ? 0 : self->behind.size;
    return error == DX_OK ? dx_buf_error(&self->behind) : error;
}

static bool is_enough(const dx_asking *self) {
    return self->request->total >= self->limit || !dx_request_can_send(self->node, self->request) ||
           dx_node_said_enough(self->node);
}

/* Space after space. *done: nothing is left. */
static int go_through(dx_asking *self, size_t *budget, bool *done) {
    int error = DX_OK;
    while (error == DX_OK && *budget > 0 && self->at < self->count && !is_enough(self)) {
        part *one = &self->parts[self->at];
        if (one->ended) {
            if (self->counts && one->query != NULL) {
                self->request->total += dx_query_count(one->query);
            }
            dx_query_destroy(one->query);
            one->query = NULL;
            self->at++;
            continue;
        }
        error = pull(self, one, budget);
        if (error == DX_OK && one->has_row) {
            one->has_row = false;
            error = send(self, one);
            error = error == DX_OK ? note_cursor(self, one) : error;
        }
    }
    *done = self->at == self->count || self->request->total >= self->limit;
    return error;
}

/* What all spaces put in order is no more than one may. */
static int check_held(const dx_asking *self) {
    size_t rows = 0, size = 0;
    for (size_t i = 0; i < self->count; i++) {
        size_t more = 0;
        rows += self->parts[i].query != NULL ? dx_query_held(self->parts[i].query, &more) : 0;
        size += more;
    }
    return rows > DX_QUERY_SORTED_MAX || size > DX_QUERY_SORTED_SIZE_MAX ? DX_E_LIMIT : DX_OK;
}

/* Every space that is not at its end has its next row. */
static int pull_all(dx_asking *self, size_t *budget, bool *ready) {
    int error = DX_OK;
    *ready = true;
    for (size_t i = 0; i < self->count && error == DX_OK; i++) {
        part *one = &self->parts[i];
        if (!one->ended && !one->has_row) {
            error = pull(self, one, budget);
            error = error == DX_OK ? check_held(self) : error;
        }
        *ready = *ready && (one->ended || one->has_row);
    }
    return error;
}

static part *find_least(dx_asking *self) {
    part *least = NULL;
    for (size_t i = 0; i < self->count; i++) {
        part *one = &self->parts[i];
        if (one->has_row &&
            (least == NULL || dx_bytes_compare(dx_buf_view(&one->order), dx_buf_view(&least->order)) < 0)) {
            least = one;
        }
    }
    return least;
}

/* Groups of one value become one. */
static int64_t join_groups(dx_asking *self, const part *least) {
    int64_t count = 0;
    for (size_t i = 0; i < self->count; i++) {
        part *one = &self->parts[i];
        if (one->has_row && dx_bytes_equal(dx_buf_view(&one->order), dx_buf_view(&least->order))) {
            count += one->count;
            one->has_row = false;
        }
    }
    return count;
}

static int merge(dx_asking *self, size_t *budget, bool *done) {
    bool ready = true;
    int error = DX_OK;
    *done = false;
    while (error == DX_OK && ready && *budget > 0 && !is_enough(self) && !*done) {
        error = pull_all(self, budget, &ready);
        part *least = error == DX_OK && ready ? find_least(self) : NULL;
        *done = error == DX_OK && ready && least == NULL;
        if (least == NULL) {
            continue;
        }
        if (self->groups) {
            error = send_group(self, least, join_groups(self, least));
        } else {
            least->has_row = false;
            error = send(self, least);
            error = error == DX_OK ? note_cursor(self, least) : error;
        }
    }
    *done = *done || self->request->total >= self->limit;
    return error;
}

static int reply(dx_asking *self) {
    dx_map_builder map;
    int error = dx_request_flush(self->node, self->request);
    if (error != DX_OK) {
        return error;
    }
    dx_answer_init(self->node, &map);
    dx_write_int(dx_map_builder_key(&map, "count"),
                 self->request->total < self->limit ? self->request->total : self->limit);
    if (self->behind.size > 0) {
        dx_write_text_bytes(dx_map_builder_key(&map, "cursor"), dx_buf_view(&self->behind));
    }
    if (self->request->partial) {
        dx_write_bool(dx_map_builder_key(&map, "partial"), true);
    }
    return dx_request_reply(self->node, self->request, &map);
}

/* A grant may shrink, and a space go, between two steps. */
static int check_spaces(const dx_asking *self) {
    for (size_t i = 0; i < self->count; i++) {
        const dx_space *space = dx_node_space(self->node, self->parts[i].local);
        if (space == NULL) {
            return DX_E_CANCELLED;
        }
        if (dx_app_level(self->request->app, space->id) < DX_LEVEL_READ) {
            return deny(self->node, self->request);
        }
    }
    return DX_OK;
}

static int go_on_asking(dx_node *node, dx_request *request, bool *again) {
    dx_asking *self = request->task;
    size_t budget = DX_STEP_ENTITIES_MAX;
    bool done = false;
    int error = request->cancelled ? DX_E_CANCELLED : check_spaces(self);
    if (error == DX_OK) {
        error = self->merges ? merge(self, &budget, &done) : go_through(self, &budget, &done);
    }
    if (error == DX_E_LIMIT && node->message[0] == '\0') {
        return dx_node_refuse_large_query(node, error);
    }
    if (error != DX_OK) {
        return error;
    }
    if (done) {
        return reply(self);
    }
    *again = *again || dx_request_can_send(node, request);
    return DX_PENDING;
}

/* One of them that is not all here is enough. */
static int judge_parts(dx_asking *self) {
    int error = DX_OK;
    for (size_t i = 0; i < self->count && error == DX_OK && !self->request->partial; i++) {
        dx_space *space = dx_node_space(self->node, self->parts[i].local);
        error = space == NULL ? DX_OK
                              : dx_node_question_is_short(self->node, space, dx_buf_view(&self->item),
                                                          &self->request->partial);
    }
    return error;
}

int dx_node_query_spaces(dx_node *node, dx_request *request, dx_bytes body) {
    dx_asking *self = dx_request_continue(node, request, sizeof *self, go_on_asking, drop_asking);
    if (self == NULL) {
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    *self = (dx_asking){.node = node, .request = request};
    dx_buf_init(&self->item, &node->config.alloc, 2 * DX_QUERY_SIZE_MAX);
    dx_buf_init(&self->cursor, &node->config.alloc, DX_QUERY_SIZE_MAX);
    dx_buf_init(&self->first, &node->config.alloc, DX_QUERY_SIZE_MAX);
    dx_buf_init(&self->behind, &node->config.alloc, DX_ANSWER_SIZE_MAX / 2);
    self->parts = dx_alloc_take_zeroed(&node->config.alloc, SPACES_MAX * sizeof *self->parts);
    int error = self->parts == NULL ? DX_E_NO_MEMORY : take_spaces(self, body);
    error = error == DX_OK ? take_question(self, body) : error;
    error = error == DX_OK ? judge_parts(self) : error;
    /* What is wrong with the question is wrong in every space: told now. */
    if (error == DX_OK && self->at < self->count) {
        error = begin_part(self, &self->parts[self->at]);
    }
    if (error != DX_OK) {
        return error;
    }
    request->reads = reads_space;
    return DX_PENDING;
}
