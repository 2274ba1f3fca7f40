/* dx/query.c: `dx query`, `dx watch` and `dx api`: answers whose rows are of more than one kind.
 */
#include <stdio.h>
#include <string.h>

#include "csv.h"
#include "entity.h"
#include "input.h"
#include "space.h"

static const dx_column id_columns[] = {{"id", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column space_id_columns[] = {
    {"id", DX_CELL_TEXT}, {"space", DX_CELL_HEX}, {NULL, DX_CELL_TEXT}};
static const dx_column group_columns[] = {
    {"value", DX_CELL_TEXT}, {"count", DX_CELL_NUMBER}, {NULL, DX_CELL_TEXT}};
static const dx_column plan_columns[] = {
    {"begins", DX_CELL_TEXT},     {"type", DX_CELL_TEXT},    {"path", DX_CELL_TEXT},
    {"made", DX_CELL_TEXT},       {"then", DX_CELL_TEXT},    {"order", DX_CELL_TEXT},
    {"examined", DX_CELL_NUMBER}, {"read", DX_CELL_NUMBER},  {"count", DX_CELL_NUMBER},
    {"advice", DX_CELL_TEXT},     {"partial", DX_CELL_MARK}, {NULL, DX_CELL_TEXT}};
static const dx_column count_columns[] = {{"count", DX_CELL_NUMBER},
                                          {"partial", DX_CELL_MARK},
                                          {"told_by", DX_CELL_MARK},
                                          {"told_at", DX_CELL_MARK},
                                          {NULL, DX_CELL_TEXT}};

typedef struct dx_query_answer {
    dx_invocation *run;
    dx_entity_table table;
} dx_query_answer;

static void print_entity(void *ctx, dx_bytes row) {
    dx_entity_table_row(ctx, row);
}

static void print_answer(void *ctx, bool last, dx_bytes body) {
    dx_query_answer *answer = ctx;
    (void)last;
    dx_rows_each(body, print_entity, &answer->table);
    if (answer->table.is_stream) {
        dx_output_flush(&answer->run->output);
    }
    if (answer->run->output.closed) {
        dx_client_interrupt(answer->run->client);
    }
}

/* What the rows of an answer are. */
typedef enum dx_answer_shape {
    DX_ANSWER_ENTITIES,
    DX_ANSWER_COUNT,
    DX_ANSWER_IDS,
    DX_ANSWER_GROUPS
} dx_answer_shape;

static dx_answer_shape shape_of(dx_bytes question) {
    return dx_item_get(question, "group").size > 0               ? DX_ANSWER_GROUPS
           : dx_item_bool(dx_item_get(question, "count"), false) ? DX_ANSWER_COUNT
           : dx_item_bool(dx_item_get(question, "ids"), false)   ? DX_ANSWER_IDS
                                                                 : DX_ANSWER_ENTITIES;
}

/* Several spaces are asked: they are named by options, and the question is the first argument. */
static bool asks_several(const dx_invocation *run) {
    return dx_invocation_has(run, "space") || dx_invocation_has(run, "all-spaces");
}

static const char *question_of(const dx_invocation *run) {
    return dx_invocation_argument(run, asks_several(run) ? 0 : 1);
}

static void begin_command(dx_invocation *run, dx_map_builder *command, const char *name) {
    size_t count = 0;
    if (!asks_several(run)) {
        dx_space_command(run, command, name);
        return;
    }
    dx_command_begin(command, name);
    if (dx_invocation_has(run, "all-spaces")) {
        dx_command_text(command, "spaces", "all");
        return;
    }
    for (size_t i = 0; i < run->given_count; i++) {
        count += strcmp(run->given[i].option->name, "space") == 0;
    }
    dx_writer *spaces = dx_map_builder_key(command, "spaces");
    dx_write_array(spaces, count);
    for (size_t i = 0; i < run->given_count; i++) {
        if (strcmp(run->given[i].option->name, "space") == 0) {
            dx_write_text(spaces, run->given[i].value);
        }
    }
}

/* A space, or several; with several no second argument. */
static int check_spaces(dx_invocation *run) {
    if (!asks_several(run) && run->argument_count == 0) {
        return dx_fail(run, DX_E_INVALID, "name a SPACE, or --all-spaces", "no space is named");
    }
    if (asks_several(run) && run->argument_count > 1) {
        return dx_fail(run, DX_E_INVALID, "--space A --space B JSON", "the spaces are named twice");
    }
    if (asks_several(run) && dx_invocation_has(run, "at")) {
        return dx_fail(run, DX_E_INVALID, "one space",
                       "--at is for questions to one space: a point is a place in its history");
    }
    if (dx_invocation_has(run, "at") && dx_invocation_has(run, "csv")) {
        return dx_fail(run, DX_E_INVALID, "--json", "--csv is of now, and not of an earlier point");
    }
    if (asks_several(run) && (dx_invocation_has(run, "csv") || dx_invocation_has(run, "explain"))) {
        return dx_fail(run, DX_E_INVALID, "one space", "--csv and --explain are for questions to one space");
    }
    return DX_EXIT_OK;
}

/* The question, if there is one. */
static int begin(dx_invocation *run, dx_map_builder *command, const char *name, dx_answer_shape *shape) {
    const char *json = question_of(run);
    dx_buf item = {0};
    int code = json == NULL ? DX_EXIT_OK : dx_input_json(run, json, "the question", true, &item);
    if (code == DX_EXIT_OK) {
        begin_command(run, command, name);
        dx_command_item(command, "query", dx_buf_view(&item));
        *shape = shape_of(dx_buf_view(&item));
    }
    if (item.alloc != NULL) {
        dx_buf_deinit(&item);
    }
    return code;
}

/* Objects and links have columns; numbers of them have none. */
static int query_csv(dx_invocation *run) {
    const char *json = dx_invocation_argument(run, 1);
    dx_buf item = {0};
    int code = json == NULL ? DX_EXIT_OK : dx_input_json(run, json, "the question", true, &item);
    if (code == DX_EXIT_OK && shape_of(dx_buf_view(&item)) != DX_ANSWER_ENTITIES) {
        code = dx_fail(run, DX_E_INVALID, "the question without count, ids and group",
                       "--csv is for objects and links");
    }
    code = code == DX_EXIT_OK ? dx_query_csv(run, dx_buf_view(&item)) : code;
    if (item.alloc != NULL) {
        dx_buf_deinit(&item);
    }
    return code;
}

int dx_run_query(dx_invocation *run) {
    dx_query_answer answer = {.run = run};
    dx_map_builder command;
    dx_answer_shape shape = DX_ANSWER_ENTITIES;
    dx_buf reply;
    int code = check_spaces(run);
    if (code == DX_EXIT_OK && dx_invocation_has(run, "csv")) {
        return query_csv(run);
    }
    code = code == DX_EXIT_OK ? begin(run, &command, "query", &shape) : code;
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_command_text(&command, "at", dx_invocation_option(run, "at"));
    if (dx_invocation_has(run, "explain")) {
        dx_command_bool(&command, "explain", true);
        return dx_vault_ask_record(run, &command, plan_columns);
    }
    if (shape == DX_ANSWER_COUNT) {
        return dx_vault_ask_record(run, &command, count_columns);
    }
    if (shape != DX_ANSWER_ENTITIES) {
        return dx_vault_ask_rows(run, &command,
                                 shape == DX_ANSWER_GROUPS ? group_columns
                                 : asks_several(run)       ? space_id_columns
                                                           : id_columns);
    }
    dx_entity_table_begin(&answer.table, &run->output);
    code = dx_vault_ask(run, &command, print_answer, &answer, &reply);
    dx_entity_table_end(&answer.table);
    dx_bytes cursor = dx_item_text(dx_item_get(dx_buf_view(&reply), "cursor"));
    if (code == DX_EXIT_OK && cursor.size > 0) {
        dx_output_words(&run->output, "there may be more: add \"cursor\": \"%.*s\"", (int)cursor.size,
                        (const char *)cursor.data);
    }
    dx_vault_tell_partial(run, code, dx_buf_view(&reply));
    dx_buf_deinit(&reply);
    return code;
}

int dx_run_watch(dx_invocation *run) {
    dx_query_answer answer = {.run = run};
    dx_map_builder command;
    dx_answer_shape shape = DX_ANSWER_ENTITIES;
    int code = check_spaces(run);
    code = code == DX_EXIT_OK ? begin(run, &command, "watch", &shape) : code;
    if (code == DX_EXIT_OK && (code = dx_vault_open(run, DX_VAULT_NETWORK)) == DX_EXIT_OK) {
        dx_entity_table_begin(&answer.table, &run->output);
        answer.table.is_stream = true;
        code = dx_vault_ask(run, &command, print_answer, &answer, NULL);
        dx_entity_table_end(&answer.table);
    }
    return code;
}

static void print_body(void *ctx, bool last, dx_bytes body) {
    dx_invocation *run = ctx;
    (void)last;
    dx_output_json(&run->output, body);
    dx_output_flush(&run->output);
}

int dx_run_api(dx_invocation *run) {
    dx_buf command, reply;
    int code = dx_input_json(run, dx_invocation_argument(run, 0), "the command", true, &command);
    if (code == DX_EXIT_OK) {
        code = dx_vault_open(run, DX_VAULT_NETWORK);
    }
    if (code == DX_EXIT_OK) {
        dx_buf_init(&reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
        int error = dx_client_call(run->client, dx_buf_view(&command), print_body, run, dx_vault_left_ms(run),
                                   &reply);
        dx_bytes refused = error == DX_OK ? dx_reply_error(dx_buf_view(&reply)) : (dx_bytes){0};
        if (error != DX_OK) {
            code = dx_vault_failed(run, error);
        } else if (refused.size > 0) {
            code = dx_fail_reply(run, refused);
        } else {
            print_body(run, true, dx_buf_view(&reply));
        }
        dx_buf_deinit(&reply);
    }
    dx_buf_deinit(&command);
    return code;
}
