/* node/commands_sql.c: space.sql: a statement of SQL that reads one space.
 *
 * Layer: floor 1, node. docs/spec/sql.md, docs/spec/commands.md. A request that goes on like any reading: rows in pieces, as
 * fast as its port takes them. Rows are arrays, since columns may share a name; their names go before them. */
#include "base/limits.h"
#include "echo/sql.h"
#include "node/state.h"

typedef struct dx_selecting {
    dx_node *node;
    dx_request *request;
    dx_sql *sql;
} dx_selecting;

static void drop_selecting(dx_node *node, dx_request *request) {
    (void)node;
    dx_sql_destroy(((dx_selecting *)request->task)->sql);
}

static int refuse(dx_node *node, int error, const char *message) {
    if (message[0] == '\0') {
        return error != DX_E_LIMIT
                   ? error
                   : dx_node_refuse(node, error, "fewer columns, or less of each: substr(data, 1, 1000)",
                                    "a row is larger than an answer may be (4 MiB)");
    }
    return dx_node_refuse(node, error,
                          error == DX_E_LIMIT ? "look at less, or dx sql --patience 20" : "dx help sql", "%s",
                          message);
}

static int send_columns(dx_selecting *selecting) {
    dx_map_builder map;
    size_t count = dx_sql_column_count(selecting->sql);
    dx_answer_init(selecting->node, &map);
    dx_writer *columns = dx_map_builder_key(&map, "columns");
    dx_write_array(columns, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_text(columns, dx_sql_column_name(selecting->sql, i));
    }
    return dx_request_notify(selecting->node, selecting->request, &map);
}

static int send_row(void *ctx, dx_sql *sql) {
    const dx_selecting *selecting = ctx;
    dx_writer row = dx_request_row(selecting->node, selecting->request);
    int error = dx_sql_write_row(sql, &row);
    error = error == DX_OK ? dx_request_row_end(selecting->node, selecting->request, &row) : error;
    bool enough =
        !dx_request_can_send(selecting->node, selecting->request) || dx_node_said_enough(selecting->node);
    return error == DX_OK && enough ? DX_SQL_ENOUGH : error;
}

static int go_on_selecting(dx_node *node, dx_request *request, bool *again) {
    dx_selecting *selecting = request->task;
    if (request->cancelled || dx_node_space(node, request->space) == NULL) {
        return DX_E_CANCELLED;
    }
    bool more = true;
    int error = dx_sql_run(selecting->sql, DX_STEP_ENTITIES_MAX, send_row, selecting, &more);
    if (error != DX_OK) {
        return refuse(node, error, dx_sql_message(selecting->sql));
    }
    if (more) {
        *again = *again || dx_request_can_send(node, request);
        return DX_PENDING;
    }
    return dx_request_reply_count(node, request);
}

/* How long the person lets the vault stand still for it. */
static int64_t patience_of(const dx_request *request, dx_bytes body) {
    int64_t asked = dx_item_int(dx_item_get(body, "patience_ms"), DX_SQL_PATIENCE_MS);
    int64_t most = request->app == NULL ? DX_SQL_PATIENCE_MAX_MS : DX_SQL_PATIENCE_APP_MS;
    return asked < 1 ? 1 : asked < most ? asked : most;
}

static int select_rows(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_bytes text;
    char message[DX_SQL_MESSAGE_SIZE];
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = dx_take_text(node, body, "sql", DX_SQL_SIZE_MAX, &text);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_selecting *selecting =
        dx_request_continue(node, request, sizeof *selecting, go_on_selecting, drop_selecting);
    if (selecting == NULL) {
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    *selecting = (dx_selecting){.node = node, .request = request};
    error = dx_sql_create(&node->context, space, text, dx_item_get(body, "values"),
                          patience_of(request, body), message, &selecting->sql);
    if (error != DX_OK) {
        return refuse(node, error, message);
    }
    request->space = space->local;
    error = dx_node_is_short(node, space, NULL, &request->partial);
    error = error == DX_OK ? send_columns(selecting) : error;
    return error == DX_OK ? DX_PENDING : error;
}

const dx_command dx_commands_sql[] = {
    {"space.sql", false, select_rows},
    {NULL, false, NULL},
};
