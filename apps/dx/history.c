/* dx/history.c: `dx history`, `dx undo`, `dx redo`: what was, and the way back. */
#include <inttypes.h>
#include <string.h>

#include "input.h"
#include "space.h"

static const dx_column version_columns[] = {
    {"at", DX_CELL_PLACE},     {"did", DX_CELL_TEXT},     {"name", DX_CELL_TEXT},
    {"time", DX_CELL_VALUE},   {"set", DX_CELL_VALUE},    {"unset", DX_CELL_VALUE},
    {"edits", DX_CELL_VALUE},  {"parent", DX_CELL_PLACE}, {"omitted", DX_CELL_DETAIL},
    {"identity", DX_CELL_HEX}, {"device", DX_CELL_HEX},   {"epoch", DX_CELL_NUMBER},
    {NULL, DX_CELL_TEXT}};
static const dx_column moment_columns[] = {
    {"at", DX_CELL_PLACE},        {"name", DX_CELL_TEXT},      {"time", DX_CELL_VALUE},
    {"made", DX_CELL_NUMBER},     {"changed", DX_CELL_NUMBER}, {"deleted", DX_CELL_NUMBER},
    {"restored", DX_CELL_NUMBER}, {"moved", DX_CELL_NUMBER},   {"ids", DX_CELL_VALUE},
    {"identity", DX_CELL_HEX},    {"device", DX_CELL_HEX},     {"epoch", DX_CELL_NUMBER},
    {NULL, DX_CELL_TEXT}};
static const dx_column difference_columns[] = {
    {"path", DX_CELL_TEXT},           {"from", DX_CELL_VALUE},        {"to", DX_CELL_VALUE},
    {"from_omitted", DX_CELL_DETAIL}, {"to_omitted", DX_CELL_DETAIL}, {NULL, DX_CELL_TEXT}};
static const dx_column space_columns[] = {{"id", DX_CELL_PLACE},       {"did", DX_CELL_TEXT},
                                          {"kind", DX_CELL_TEXT},      {"type", DX_CELL_TEXT},
                                          {"changes", DX_CELL_VALUE},  {"parent", DX_CELL_PLACE},
                                          {"omitted", DX_CELL_DETAIL}, {NULL, DX_CELL_TEXT}};
static const dx_column undone_columns[] = {{"at", DX_CELL_PLACE},
                                           {"time", DX_CELL_VALUE},
                                           {"entities", DX_CELL_NUMBER},
                                           {"kept", DX_CELL_NUMBER},
                                           {NULL, DX_CELL_TEXT}};

enum { DAY_SIZE = sizeof "2000-01-01" - 1 };

/* Rows on their way into a table; of an epoch's, which says where history begins, what words repeat. */
typedef struct history_printer {
    dx_invocation *run;
    dx_table table;
    int64_t epoch; /* 0: none came */
    char day[DAY_SIZE + 1];
} history_printer;

/* {"@time": "2026-11-22T…"}: the day of it. */
static void take_day(dx_bytes time, char day[static DAY_SIZE + 1]) {
    dx_buf text;
    size_t at = 0;
    dx_buf_init(&text, dx_host_alloc(), 64);
    if (dx_json_print(time, &text) == DX_OK) {
        while (at < text.size && (text.data[at] < '0' || text.data[at] > '9')) {
            at++;
        }
        memcpy(day, text.data + at, text.size - at < DAY_SIZE ? 0 : DAY_SIZE);
    }
    dx_buf_deinit(&text);
}

static void print_row(void *ctx, dx_bytes row) {
    history_printer *printer = ctx;
    int64_t epoch = dx_item_int(dx_item_get(row, "epoch"), 0);
    dx_table_row(&printer->table, row);
    if (epoch > 0) {
        printer->epoch = epoch;
        take_day(dx_item_get(row, "time"), printer->day);
    }
}

static void print_rows(void *ctx, bool last, dx_bytes body) {
    history_printer *printer = ctx;
    (void)last;
    dx_rows_each(body, print_row, printer);
    if (printer->run->output.closed) {
        dx_client_interrupt(printer->run->client);
    }
}

static int list(dx_invocation *run, const char *id) {
    const char *limit = dx_invocation_option(run, "limit");
    history_printer printer = {.run = run};
    int64_t most = 0;
    dx_map_builder command;
    int code = limit == NULL ? DX_EXIT_OK : dx_input_number(run, limit, "--limit", &most);
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_space_command(run, &command, "history.list");
    dx_command_text(&command, "id", id);
    dx_command_text(&command, "before", dx_invocation_option(run, "before"));
    if (limit != NULL) {
        dx_write_int(dx_map_builder_key(&command, "limit"), most);
    }
    dx_table_begin(&printer.table, &run->output, id == NULL ? moment_columns : version_columns);
    code = dx_vault_ask(run, &command, print_rows, &printer, NULL);
    dx_table_end(&printer.table);
    if (printer.epoch != 0 && !run->output.json) {
        dx_output_words(
            &run->output, "history begins at epoch %" PRId64 "%s%s%s: what came before is in the state there",
            printer.epoch, printer.day[0] == 0 ? "" : " (", printer.day, printer.day[0] == 0 ? "" : ")");
    }
    return code;
}

int dx_run_history(dx_invocation *run) {
    const char *id = dx_invocation_argument(run, 1), *from = dx_invocation_option(run, "from");
    if (from != NULL) {
        const dx_command_field points[] = {
            {"id", id}, {"from", from}, {"to", dx_invocation_option(run, "to")}, {NULL, NULL}};
        return dx_space_list(run, "history.diff", points, id == NULL ? space_columns : difference_columns);
    }
    return list(run, id);
}

static int act(dx_invocation *run, const char *name) {
    dx_map_builder command;
    dx_space_command(run, &command, name);
    if (dx_invocation_has(run, "force")) {
        dx_write_bool(dx_map_builder_key(&command, "force"), true);
    }
    return dx_vault_ask_record(run, &command, undone_columns);
}

int dx_run_undo(dx_invocation *run) {
    return act(run, "undo");
}

int dx_run_redo(dx_invocation *run) {
    return act(run, "redo");
}
