/* node/commands_query.c: query, object.ls, link.ls, export, watch and space.digest: reading, in bounded
 * pieces.
 *
 * Layer: floor 1, node. docs/spec/commands.md. Each is a request that examines at most DX_STEP_ENTITIES_MAX
 * rows a step and waits while its port is full. */
#include <string.h>

#include "base/limits.h"
#include "node/query_rows.h"

typedef struct dx_reading {
    dx_query *query;
    dx_digest_cursor *digest;
    dx_buf next_query; /* export: the second pass (links) */
    bool explains;     /* no rows: what it did */
    bool goes_on;      /* an answer that its limit ended says where */
} dx_reading;

static void drop_reading(dx_node *node, dx_request *request) {
    (void)node;
    dx_reading *reading = request->task;
    dx_query_destroy(reading->query);
    if (reading->digest != NULL) {
        uint8_t ignored[DX_HASH_SIZE];
        int64_t objects;
        dx_digest_end(reading->digest, ignored, &objects);
    }
    if (reading->next_query.alloc != NULL) {
        dx_buf_deinit(&reading->next_query);
    }
}

typedef struct dx_row_sink {
    dx_node *node;
    dx_request *request;
    dx_space *space;
    size_t sent; /* in this step */
} dx_row_sink;

static int send_nothing(void *ctx, const dx_query_row *row) {
    (void)ctx;
    (void)row;
    return DX_OK;
}

static int send_row(void *ctx, const dx_query_row *answer) {
    dx_row_sink *sink = ctx;
    dx_writer row = dx_request_row(sink->node, sink->request);
    int error = dx_node_write_query_row(sink->node, sink->space, answer, NULL, &row);
    return error == DX_OK ? dx_request_row_end(sink->node, sink->request, &row) : error;
}

/* Looks at how much was said every few rows: objects may be large, and what a step says is kept in memory. */
static int send_row_while_there_is_room(void *ctx, const dx_query_row *answer) {
    dx_row_sink *sink = ctx;
    int error = send_row(sink, answer);
    if (error == DX_OK && ++sink->sent % DX_ROWS_SLICE == 0 &&
        (!dx_request_can_send(sink->node, sink->request) || dx_node_said_enough(sink->node))) {
        error = DX_QUERY_PAUSE;
    }
    return error;
}

static int read_rows(dx_node *node, dx_request *request, dx_row_sink *sink, bool *more) {
    const dx_reading *reading = request->task;
    (void)node;
    return dx_query_run(reading->query, DX_STEP_ENTITIES_MAX,
                        reading->explains ? send_nothing : send_row_while_there_is_room, sink, more);
}

/* The count, and where to go on when the limit ended it. */
static int reply_end(dx_node *node, dx_request *request) {
    dx_reading *reading = request->task;
    dx_map_builder map;
    dx_buf cursor;
    int error = dx_request_flush(node, request);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_init(&cursor, &node->config.alloc, DX_ROW_SIZE_MAX);
    error = reading->goes_on ? dx_query_cursor(reading->query, &cursor) : DX_OK;
    dx_answer_init(node, &map);
    dx_write_int(dx_map_builder_key(&map, "count"), request->total);
    if (error == DX_OK && cursor.size > 0) {
        dx_write_text_bytes(dx_map_builder_key(&map, "cursor"), dx_buf_view(&cursor));
    }
    dx_buf_deinit(&cursor);
    return dx_request_reply_unless(node, request, error, &map);
}

static int reply_plan(dx_node *node, dx_request *request) {
    dx_reading *reading = request->task;
    dx_query_plan plan;
    dx_map_builder map;
    dx_query_explain(reading->query, &plan);
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "begins"), plan.begins);
    if (plan.type.size > 0) {
        dx_write_text_bytes(dx_map_builder_key(&map, "type"), plan.type);
    }
    if (plan.path.size > 0) {
        dx_write_text_bytes(dx_map_builder_key(&map, "path"), plan.path);
        dx_write_text(dx_map_builder_key(&map, "made"), plan.automatic ? "by itself" : "declared");
    }
    dx_write_text(dx_map_builder_key(&map, "order"), plan.order);
    dx_write_int(dx_map_builder_key(&map, "examined"), plan.examined);
    dx_write_int(dx_map_builder_key(&map, "read"), plan.rows_read);
    dx_write_int(dx_map_builder_key(&map, "remembered"), plan.remembered);
    dx_write_int(dx_map_builder_key(&map, "count"), dx_query_count(reading->query));
    if (plan.advice_path.size > 0) {
        dx_writer *advice = dx_map_builder_key(&map, "advice");
        dx_write_map(advice, 2);
        dx_write_text(advice, "path");
        dx_write_text_bytes(advice, plan.advice_path);
        dx_write_text(advice, "type");
        dx_write_text_bytes(advice, plan.advice_type);
    }
    return dx_request_reply(node, request, &map);
}

static int go_on_reading(dx_node *node, dx_request *request, bool *again) {
    dx_reading *reading = request->task;
    dx_row_sink sink = {.node = node, .request = request, .space = dx_node_space(node, request->space)};
    if (request->cancelled || sink.space == NULL) {
        return DX_E_CANCELLED;
    }
    bool more = false;
    int error = read_rows(node, request, &sink, &more);
    if (error == DX_OK && !more && reading->next_query.size > 0) {
        dx_query_destroy(reading->query);
        reading->query = NULL;
        error = dx_node_create_query(node, sink.space, dx_buf_view(&reading->next_query), &reading->query);
        dx_buf_clear(&reading->next_query);
        more = true;
    }
    if (error == DX_E_LIMIT) {
        return dx_node_refuse_large_query(node, error);
    }
    if (error != DX_OK) {
        return error;
    }
    if (more) {
        *again = *again || dx_request_can_send(node, request);
        return DX_PENDING;
    }
    if (reading->explains) {
        return reply_plan(node, request);
    }
    if (dx_query_counts(reading->query)) {
        request->total = dx_query_count(reading->query);
    }
    return reply_end(node, request);
}

static int begin_reading(dx_node *node, dx_request *request, dx_space *space, dx_bytes query_item) {
    dx_query *query = NULL;
    int error = dx_node_create_query(node, space, query_item, &query);
    if (error != DX_OK) {
        return error;
    }
    dx_reading *reading = dx_request_continue(node, request, sizeof *reading, go_on_reading, drop_reading);
    if (reading == NULL) {
        dx_query_destroy(query);
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    request->space = space->local;
    reading->query = query;
    return DX_PENDING;
}

static int query(dx_node *node, dx_request *request, dx_bytes body) {
    static const uint8_t empty_map[] = {0xa0};
    dx_space *space;
    dx_bytes item;
    if (dx_item_get(body, "spaces").size > 0) {
        return dx_node_query_spaces(node, request, body);
    }
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = dx_take_optional_map(node, body, "query", &item);
    }
    if (error != DX_OK) {
        return error;
    }
    error =
        begin_reading(node, request, space, item.size != 0 ? item : dx_bytes_of(empty_map, sizeof empty_map));
    if (error == DX_PENDING) {
        dx_reading *reading = request->task;
        reading->explains = dx_item_bool(dx_item_get(body, "explain"), false);
        reading->goes_on = true;
    }
    return error;
}

/* Makes a query map from the fields of a command that a query has too, and a kind. */
static int narrow_query(dx_node *node, dx_bytes body, const char *kind, const char *deleted,
                        const char *const *fields, size_t field_count, dx_buf *out) {
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "kind"), kind);
    if (deleted != NULL) {
        dx_write_text(dx_map_builder_key(&map, "deleted"), deleted);
    }
    for (size_t i = 0; i < field_count; i++) {
        dx_bytes item = dx_item_get(body, fields[i]);
        if (item.size != 0 && dx_item_kind(item) != DX_KIND_NULL) {
            dx_write_item(dx_map_builder_key(&map, fields[i]), item);
        }
    }
    dx_buf_init(out, &node->config.alloc, DX_ANSWER_SIZE_MAX);
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_map_builder_finish(&map, &writer);
    return dx_writer_finish(&writer);
}

static int list(dx_node *node, dx_request *request, dx_bytes body, const char *kind,
                const char *const *fields, size_t field_count) {
    dx_space *space;
    int error = dx_take_space(node, request, body, &space);
    if (error != DX_OK) {
        return error;
    }
    dx_buf item;
    error = narrow_query(node, body, kind, NULL, fields, field_count, &item);
    if (error == DX_OK) {
        error = begin_reading(node, request, space, dx_buf_view(&item));
    }
    dx_buf_deinit(&item);
    return error;
}

static int object_ls(dx_node *node, dx_request *request, dx_bytes body) {
    static const char *const fields[] = {"type", "deleted", "limit", "parent"};
    return list(node, request, body, "object", fields, 4);
}

static int link_ls(dx_node *node, dx_request *request, dx_bytes body) {
    static const char *const fields[] = {"type", "source", "target", "deleted", "limit"};
    return list(node, request, body, "link", fields, 5);
}

static int export_space(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    int error = dx_take_space(node, request, body, &space);
    if (error != DX_OK) {
        return error;
    }
    dx_buf objects, links;
    error = narrow_query(node, body, "object", "show", NULL, 0, &objects);
    if (error == DX_OK) {
        error = begin_reading(node, request, space, dx_buf_view(&objects));
    }
    dx_buf_deinit(&objects);
    if (error != DX_PENDING) {
        return error;
    }
    error = narrow_query(node, body, "link", "show", NULL, 0, &links);
    ((dx_reading *)request->task)->next_query = links; /* freed with the task */
    return error == DX_OK ? DX_PENDING : error;
}

/* --- Digest ------------------------------------------------------------------------------------- */

static int go_on_digesting(dx_node *node, dx_request *request, bool *again) {
    dx_reading *reading = request->task;
    if (request->cancelled || dx_node_space(node, request->space) == NULL) {
        return DX_E_CANCELLED;
    }
    bool more = false;
    int error = dx_digest_run(reading->digest, DX_STEP_ENTITIES_MAX, &more);
    if (error != DX_OK) {
        return error;
    }
    if (more) {
        *again = true;
        return DX_PENDING;
    }
    uint8_t digest[DX_HASH_SIZE];
    int64_t objects = 0;
    dx_digest_end(reading->digest, digest, &objects);
    reading->digest = NULL;
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_hex(dx_map_builder_key(&map, "digest"), digest, sizeof digest);
    dx_write_int(dx_map_builder_key(&map, "objects"), objects);
    return dx_request_reply(node, request, &map);
}

static int space_digest(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_digest_cursor *cursor = NULL;
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = dx_digest_begin(&node->context, space, &cursor);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_reading *reading = dx_request_continue(node, request, sizeof *reading, go_on_digesting, drop_reading);
    if (reading == NULL) {
        uint8_t ignored[DX_HASH_SIZE];
        int64_t objects;
        dx_digest_end(cursor, ignored, &objects);
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    request->space = space->local;
    reading->digest = cursor;
    return DX_PENDING;
}

/* --- Watching ------------------------------------------------------------------------------------ */

typedef struct dx_watching {
    dx_node *node;
    dx_request *request;
    dx_subscription *subscription;
    bool tells_positions; /* its watcher may want to come back */
    bool has_told;        /* in this call */
} dx_watching;

static void drop_watching(dx_node *node, dx_request *request) {
    (void)node;
    dx_subscription_destroy(((dx_watching *)request->task)->subscription);
}

/* Sends what waits; with the position behind it once all that was missed is told. */
static int flush_watch(dx_watching *watching) {
    dx_node *node = watching->node;
    uint8_t bytes[16];
    char at[2 * sizeof bytes + 1];
    if (!watching->tells_positions || dx_subscription_is_behind(watching->subscription)) {
        return dx_request_flush(node, watching->request);
    }
    watching->has_told = true;
    dx_position position = dx_subscriptions_position(node->subscriptions);
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(position.life >> (56 - 8 * i));
        bytes[8 + i] = (uint8_t)(position.number >> (56 - 8 * i));
    }
    dx_hex_encode(dx_bytes_of(bytes, sizeof bytes), at);
    return dx_request_flush_at(node, watching->request, at);
}

/* Learns what matches, and tells what was missed. */
static int go_on_watching(dx_node *node, dx_request *request, bool *again) {
    dx_watching *watching = request->task;
    if (request->cancelled || dx_node_space(node, request->space) == NULL) {
        return DX_E_CANCELLED;
    }
    watching->has_told = false;
    bool more = false, was_behind = dx_subscription_is_behind(watching->subscription);
    int error = dx_subscription_run(watching->subscription, DX_STEP_ENTITIES_MAX, &more);
    dx_request_rest(node, request, !more && !request->cancelled);
    *again = *again || more;
    if (error == DX_E_LIMIT) {
        return dx_node_refuse(node, error, "a question with a limit, or that matches less",
                              "a watch with an order or groups holds too many rows");
    }
    if (error == DX_OK && was_behind && !watching->has_told) {
        error = flush_watch(watching);
    }
    return error == DX_OK ? DX_PENDING : error;
}

static int send_change(void *ctx, dx_bytes row) {
    const dx_watching *watching = ctx;
    if (watching->request->answered) {
        return DX_OK;
    }
    dx_writer writer = dx_request_row(watching->node, watching->request);
    dx_write_item(&writer, row);
    return dx_request_row_end(watching->node, watching->request, &writer);
}

static int end_changes(void *ctx) {
    dx_watching *watching = ctx;
    if (watching->request->answered) {
        return DX_OK;
    }
    dx_request *request = watching->request;
    dx_request_rest(watching->node, request,
                    !request->cancelled && !dx_subscription_has_more(watching->subscription));
    return flush_watch(watching);
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
static int come_back(dx_watching *watching, dx_space *space, const dx_position *position, dx_bytes held,
                     bool *comes) {
    const dx_alloc *alloc = &watching->node->config.alloc;
    size_t count;
    int64_t *keys = dx_alloc_take(alloc, DX_WINDOW_HELD_MAX * sizeof *keys);
    if (keys == NULL) {
        return DX_E_NO_MEMORY;
    }
    *comes = read_held(watching->node, space, held, keys, &count);
    int error = *comes ? dx_subscription_come_back(watching->subscription, position, keys, count) : DX_OK;
    dx_alloc_free(alloc, keys, DX_WINDOW_HELD_MAX * sizeof *keys);
    return error;
}

/* From a position on, or from now on with positions. */
static int begin_at(dx_watching *watching, dx_space *space, dx_bytes since, dx_bytes held) {
    static const uint8_t refresh[] = {0xa1, 0x66, 'c', 'h', 'a', 'n', 'g', 'e',
                                      0x67, 'r',  'e', 'f', 'r', 'e', 's', 'h'};
    dx_node *node = watching->node;
    dx_position position;
    watching->tells_positions = true;
    int error = since.size == 0 ? DX_OK : read_position(since, &position);
    if (error != DX_OK) {
        return dx_node_refuse(node, error, NULL, "\"since\" is what a watch told as \"at\", or empty");
    }
    bool goes_on = since.size == 0;
    if (!goes_on && dx_subscription_has_order(watching->subscription)) {
        error = come_back(watching, space, &position, held, &goes_on);
    } else if (!goes_on) {
        goes_on = dx_subscription_resume(watching->subscription, &position);
    }
    if (error == DX_OK && !goes_on) {
        error = send_change(watching, dx_bytes_of(refresh, sizeof refresh));
    }
    return error == DX_OK ? flush_watch(watching) : error;
}

static int watch(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_bytes item, since;
    char message[DX_NODE_MESSAGE_SIZE] = "";
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = dx_take_optional_map(node, body, "query", &item);
    }
    if (error == DX_OK) {
        error = dx_take_optional_text(node, body, "since", 64, &since);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_watching *watching =
        dx_request_continue(node, request, sizeof *watching, go_on_watching, drop_watching);
    if (watching == NULL) {
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    *watching = (dx_watching){.node = node, .request = request};
    const dx_subscriber subscriber = {.ctx = watching, .on_row = send_change, .on_end = end_changes};
    error = dx_subscription_create(node->subscriptions, &node->context, space, item, &subscriber, message,
                                   sizeof message, &watching->subscription);
    if (error != DX_OK) {
        return message[0] == 0 ? error : dx_node_refuse(node, error, "dx help query", "%s", message);
    }
    request->space = space->local;
    error = since.data == NULL ? DX_OK : begin_at(watching, space, since, dx_item_get(body, "holds"));
    return error == DX_OK ? DX_PENDING : error;
}

const dx_command dx_commands_query[] = {
    {"query", false, query},     {"object.ls", false, object_ls},
    {"link.ls", false, link_ls}, {"export", false, export_space},
    {"watch", false, watch},     {"space.digest", false, space_digest},
    {NULL, false, NULL},
};
