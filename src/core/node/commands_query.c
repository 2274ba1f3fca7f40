/* node/commands_query.c: query, object.ls, link.ls, export and space.digest: reading, in bounded
 * pieces.
 *
 * Layer: floor 1, node. docs/spec/commands.md. Each is a request that examines at most DX_STEP_ENTITIES_MAX
 * rows a step and waits while its port is full. */
#include <string.h>

#include "base/limits.h"
#include "node/beginning.h"
#include "node/query_rows.h"

typedef struct dx_reading {
    dx_query *query;
    dx_digest_cursor *digest;
    dx_buf next_query; /* export: the second pass (links) */
    bool exports;      /* objects are told as they are brought to another space */
    bool explains;     /* no rows: what it did */
    bool goes_on;      /* an answer that its limit ended says where */
    bool told;         /* a member told all that matches, and it is here */
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
    bool exports;
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
    int error = sink->exports ? dx_node_write_exported_row(sink->node, sink->space, answer, &row)
                              : dx_node_write_query_row(sink->node, sink->space, answer, NULL, &row);
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
    if (request->partial) {
        dx_write_bool(dx_map_builder_key(&map, "partial"), true);
    }
    const dx_space *space = dx_node_space(node, request->space);
    if (reading->told && space != NULL) {
        dx_node_write_told(space, &map);
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
    if (plan.then != NULL) {
        dx_write_text(dx_map_builder_key(&map, "then"), plan.then);
    }
    dx_write_text(dx_map_builder_key(&map, "order"), plan.order);
    dx_write_int(dx_map_builder_key(&map, "examined"), plan.examined);
    dx_write_int(dx_map_builder_key(&map, "read"), plan.rows_read);
    dx_write_int(dx_map_builder_key(&map, "count"), dx_query_count(reading->query));
    if (request->partial) {
        dx_write_bool(dx_map_builder_key(&map, "partial"), true);
    }
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
    sink.exports = reading->exports;
    int error = sink.exports ? dx_entity_rows_settle(&node->context, sink.space) : DX_OK;
    error = error == DX_OK ? read_rows(node, request, &sink, &more) : error;
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
    if (error == DX_E_GONE) { /* an epoch took the place of it meanwhile */
        return dx_node_refuse_gone(node, sink.space, "");
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

/* point: NULL, as it is when it is asked. */
static int begin_reading(dx_node *node, dx_request *request, dx_space *space, dx_bytes query_item,
                         const dx_stamp *point) {
    dx_query *query = NULL;
    int error = dx_node_question_is_short(node, space, query_item, &request->partial);
    error = error == DX_OK ? dx_node_create_query_at(node, space, query_item, point, &query) : error;
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
    reading->told = request->partial && point == NULL && dx_node_question_is_told(space, query_item);
    return DX_PENDING;
}

static int query(dx_node *node, dx_request *request, dx_bytes body) {
    static const uint8_t empty_map[] = {0xa0};
    dx_space *space;
    dx_bytes item;
    dx_stamp point;
    bool past;
    int error = dx_node_take_point(node, body, "at", &point, &past);
    if (error == DX_OK && dx_item_get(body, "spaces").size > 0) {
        return past ? dx_node_refuse(node, DX_E_INVALID, "ask one space after another",
                                     "points are of one space: \"at\" is for questions to one")
                    : dx_node_query_spaces(node, request, body);
    }
    error = error == DX_OK ? dx_take_space(node, request, body, &space) : error;
    if (error == DX_OK) {
        error = dx_take_optional_map(node, body, "query", &item);
    }
    if (error != DX_OK) {
        return error;
    }
    error =
        begin_reading(node, request, space, item.size != 0 ? item : dx_bytes_of(empty_map, sizeof empty_map),
                      past ? &point : NULL);
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
        error = begin_reading(node, request, space, dx_buf_view(&item), NULL);
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
        error = begin_reading(node, request, space, dx_buf_view(&objects), NULL);
    }
    dx_buf_deinit(&objects);
    if (error != DX_PENDING) {
        return error;
    }
    error = narrow_query(node, body, "link", "show", NULL, 0, &links);
    dx_reading *reading = request->task;
    reading->next_query = links; /* freed with the task */
    reading->exports = dx_item_bool(dx_item_get(body, "provenance"), false);
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
    if (request->partial) {
        dx_write_bool(dx_map_builder_key(&map, "partial"), true);
    }
    return dx_request_reply(node, request, &map);
}

/* Of what this vault keeps; of some types, when they are named: so vaults that keep different parts can compare what both
 * have. */
static int space_digest(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_digest_cursor *cursor = NULL;
    dx_space_scope scope;
    dx_space_scope_init(&scope, &node->config.alloc);
    int error = dx_take_space(node, request, body, &space);
    error = error == DX_OK ? dx_node_take_types(node, dx_item_get(body, "types"), &scope) : error;
    const dx_space_scope *types = scope.names_types ? &scope : error == DX_OK ? space->scope : NULL;
    request->partial = error == DX_OK && dx_space_scope_is_partial(space->scope);
    error = error == DX_OK ? dx_digest_begin_part(&node->context, space, types, &cursor) : error;
    dx_space_scope_deinit(&scope);
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

const dx_command dx_commands_query[] = {
    {"query", false, query},         {"object.ls", false, object_ls},       {"link.ls", false, link_ls},
    {"export", false, export_space}, {"space.digest", false, space_digest}, {NULL, false, NULL},
};
