/* node/request.c: answers to a request: notifications, rows in bounded pieces, one reply.
 *
 * Layer: floor 1, node. See state.h. */
#include <string.h>

#include "base/limits.h"
#include "node/state.h"

void dx_answer_init(dx_node *node, dx_map_builder *map) {
    dx_map_builder_init(map, &node->config.alloc, DX_ANSWER_SIZE_MAX);
}

static int answer(dx_node *node, dx_request *request, bool last, dx_bytes body) {
    dx_outbox_answer(&node->outbox, last, request->port, request->id, body);
    int error = dx_outbox_error(&node->outbox);
    dx_port *port = dx_node_port(node, request->port);
    if (error == DX_OK && port != NULL) {
        port->outstanding += body.size;
    }
    return error;
}

/* Remembers the reply of a writing command, so that asking again answers again. */
static int keep_reply(dx_node *node, const dx_request *request, dx_bytes body) {
#if defined(DX_PLANT) && DX_PLANT == 2
    if (body.size > 200) {
        return DX_OK;
    }
#endif
    sqlite3_stmt *insert = dx_store_query(node->store, "INSERT INTO reply(request, body) VALUES(?1, ?2)");
    dx_bind_bytes(insert, 1, dx_bytes_of(request->key, DX_REQUEST_SIZE));
    dx_bind_bytes(insert, 2, body);
    int error = dx_step_done(node->store, insert);
    if (error != DX_OK) {
        return error;
    }
    int64_t number = dx_store_last_rowid(node->store);
    if (number % DX_REPLIES_PRUNED != 0) {
        return DX_OK;
    }
    sqlite3_stmt *prune = dx_store_query(node->store, "DELETE FROM reply WHERE id <= ?1");
    dx_bind_int(prune, 1, number - DX_REPLIES_KEPT);
    return dx_step_done(node->store, prune);
}

int dx_request_reply_item(dx_node *node, dx_request *request, dx_bytes body) {
    DX_ASSERT(!request->answered);
    int error = DX_OK;
    if (request->command != NULL && request->command->writes) {
        error = keep_reply(node, request, body);
    }
    if (error == DX_OK) {
        error = answer(node, request, true, body);
    }
    request->answered = error == DX_OK;
    return error;
}

/* Sends the map as an answer, unless there was an error before. */
static int finish(dx_node *node, dx_request *request, bool last, int error, dx_map_builder *map) {
    dx_buf body;
    dx_buf_init(&body, &node->config.alloc, DX_ANSWER_SIZE_MAX);
    dx_writer writer;
    dx_writer_init(&writer, &body);
    dx_map_builder_finish(map, &writer);
    int written = dx_writer_finish(&writer);
    error = error == DX_OK ? written : error;
    if (error == DX_OK) {
        error = last ? dx_request_reply_item(node, request, dx_buf_view(&body))
                     : answer(node, request, false, dx_buf_view(&body));
    }
    dx_buf_deinit(&body);
    return error;
}

int dx_request_notify(dx_node *node, dx_request *request, dx_map_builder *map) {
    return finish(node, request, false, DX_OK, map);
}

int dx_request_reply(dx_node *node, dx_request *request, dx_map_builder *map) {
    return finish(node, request, true, DX_OK, map);
}

int dx_request_reply_unless(dx_node *node, dx_request *request, int error, dx_map_builder *map) {
    return finish(node, request, true, error, map);
}

int dx_request_reply_error(dx_node *node, dx_request *request, int error) {
    dx_map_builder outer, inner;
    dx_answer_init(node, &inner);
    dx_write_int(dx_map_builder_key(&inner, "code"), error);
    dx_write_text(dx_map_builder_key(&inner, "name"), dx_error_name(error));
    dx_write_text(dx_map_builder_key(&inner, "message"),
                  node->message[0] != 0 ? node->message : dx_error_text(error));
    if (node->remedy[0] != 0) {
        dx_write_text(dx_map_builder_key(&inner, "try"), node->remedy);
    }
    node->message[0] = node->remedy[0] = 0;
    dx_answer_init(node, &outer);
    dx_map_builder_finish(&inner, dx_map_builder_key(&outer, "error"));
    const dx_command *command = request->command;
    request->command = NULL; /* an error is not kept: asking again tries again */
    int result = dx_request_reply(node, request, &outer);
    request->command = command;
    return result;
}

dx_writer dx_request_row(dx_node *node, dx_request *request) {
    dx_writer writer;
    if (request->rows.alloc == NULL) {
        dx_buf_init(&request->rows, &node->config.alloc, DX_ROWS_SIZE + DX_ANSWER_SIZE_MAX);
    }
    request->row_begin = request->rows.size;
    dx_writer_init(&writer, &request->rows);
    return writer;
}

/* Sends the first `count` rows, which are the first `size` bytes. */
static int send_rows(dx_node *node, dx_request *request, size_t count, size_t size, const char *at) {
    dx_buf body;
    dx_buf_init(&body, &node->config.alloc, DX_ANSWER_SIZE_MAX);
    dx_writer writer;
    dx_writer_init(&writer, &body);
    dx_write_map(&writer, (at == NULL ? 1U : 2U) + request->partial);
    if (at != NULL) {
        dx_write_text(&writer, "at");
        dx_write_text(&writer, at);
    }
    dx_write_text(&writer, "rows");
    dx_write_array(&writer, count);
    dx_buf_append(&body, request->rows.data, size);
    if (request->partial) {
        dx_writer_init(&writer, &body); /* behind rows that it has not seen */
        dx_write_text(&writer, "partial");
        dx_write_bool(&writer, true);
    }
    int error = dx_buf_error(&body);
    if (error == DX_OK) {
        error = answer(node, request, false, dx_buf_view(&body));
    }
    dx_buf_deinit(&body);
    dx_buf_consume(&request->rows, size);
    request->row_count -= count;
    return error;
}

int dx_request_row_end(dx_node *node, dx_request *request, dx_writer *writer) {
    int error = dx_writer_finish(writer);
    if (error == DX_OK && request->rows.size > DX_ROW_SIZE_MAX && request->row_begin > 0) {
        error = send_rows(node, request, request->row_count, request->row_begin, NULL);
    }
    if (error != DX_OK) {
        return error;
    }
    request->row_count++;
    request->total++;
    return request->rows.size >= DX_ROWS_SIZE ? dx_request_flush(node, request) : DX_OK;
}

int dx_request_flush(dx_node *node, dx_request *request) {
    return request->row_count == 0 ? DX_OK
                                   : send_rows(node, request, request->row_count, request->rows.size, NULL);
}

int dx_request_flush_at(dx_node *node, dx_request *request, const char *at) {
    return send_rows(node, request, request->row_count, request->rows.size, at);
}

int dx_request_reply_count(dx_node *node, dx_request *request) {
    int error = dx_request_flush(node, request);
    if (error != DX_OK) {
        return error;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_int(dx_map_builder_key(&map, "count"), request->total);
    if (request->partial) {
        dx_write_bool(dx_map_builder_key(&map, "partial"), true);
    }
    return dx_request_reply(node, request, &map);
}

bool dx_request_can_send(dx_node *node, const dx_request *request) {
    const dx_port *port = dx_node_port(node, request->port);
    return port == NULL || port->outstanding < DX_PORT_OUTSTANDING_MAX;
}

bool dx_node_said_enough(const dx_node *node) {
    return node->outbox.size >= DX_OUTBOX_SIZE_MAX / 4;
}

void *dx_request_continue(dx_node *node, dx_request *request, size_t task_size,
                          int (*resume)(dx_node *, dx_request *, bool *),
                          void (*drop)(dx_node *, dx_request *)) {
    request->task = dx_alloc_take_zeroed(&node->config.alloc, task_size);
    request->task_size = task_size;
    request->resume = resume;
    request->drop = drop;
    request->deadline_ms = DX_NO_DEADLINE;
    return request->task;
}

void dx_request_rest(dx_node *node, dx_request *request, bool idle) {
    node->regroup = node->regroup || request->idle != idle;
    request->idle = idle;
}

void dx_request_cancel(dx_node *node, dx_request *request) {
    request->cancelled = true;
    dx_request_rest(node, request, false);
}

dx_request *dx_request_find(dx_node *node, const uint8_t key[static DX_REQUEST_SIZE]) {
    for (dx_request *request = node->by_key[key[0] ^ key[1]]; request != NULL;
         request = request->next_by_key) {
        if (!request->answered && memcmp(key, request->key, DX_REQUEST_SIZE) == 0) {
            return request;
        }
    }
    return NULL;
}
