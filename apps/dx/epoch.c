/* dx/epoch.c: `dx space epoch, epochs, compact`: a state that members agree upon, and history that may go below it. */
#include <string.h>

#include "failure.h"
#include "input.h"
#include "space.h"

static const dx_column made_columns[] = {{"number", DX_CELL_NUMBER}, {"id", DX_CELL_HEX},
                                         {"size", DX_CELL_NUMBER},   {"blocks", DX_CELL_NUMBER},
                                         {"acks", DX_CELL_NUMBER},   {"confirmed", DX_CELL_TEXT},
                                         {NULL, DX_CELL_TEXT}};
static const dx_column list_columns[] = {
    {"number", DX_CELL_NUMBER}, {"by", DX_CELL_HEX},      {"size", DX_CELL_NUMBER},
    {"blocks", DX_CELL_NUMBER}, {"acks", DX_CELL_NUMBER}, {"confirmed", DX_CELL_TEXT},
    {"current", DX_CELL_TEXT},  {"here", DX_CELL_TEXT},   {"base", DX_CELL_TEXT},
    {"time", DX_CELL_VALUE},    {NULL, DX_CELL_TEXT}};
static const dx_column auto_columns[] = {{"auto", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column base_columns[] = {{"base", DX_CELL_NUMBER}, {NULL, DX_CELL_TEXT}};

int dx_run_space_epoch(dx_invocation *run) {
    dx_map_builder command;
    const char *choice = dx_invocation_option(run, "auto");
    dx_space_command(run, &command, "space.epoch");
    if (choice != NULL && strcmp(choice, "on") != 0 && strcmp(choice, "off") != 0) {
        return dx_fail(run, DX_E_INVALID, NULL, "--auto takes on or off, not \"%s\"", choice);
    }
    if (choice != NULL) {
        dx_write_bool(dx_map_builder_key(&command, "auto"), strcmp(choice, "on") == 0);
        return dx_vault_ask_record(run, &command, auto_columns);
    }
    return dx_vault_ask_record(run, &command, made_columns);
}

int dx_run_space_epochs(dx_invocation *run) {
    dx_map_builder command;
    dx_space_command(run, &command, "space.epochs");
    return dx_vault_ask_rows(run, &command, list_columns);
}

int dx_run_space_compact(dx_invocation *run) {
    const char *copies = dx_invocation_option(run, "copies");
    int64_t count = 0;
    dx_map_builder command;
    int code = copies == NULL ? DX_EXIT_OK : dx_input_number(run, copies, "--copies", &count);
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_space_command(run, &command, "space.compact");
    dx_command_bool(&command, "now", dx_invocation_has(run, "now"));
    if (copies != NULL) {
        dx_write_int(dx_map_builder_key(&command, "copies"), count);
    }
    return dx_vault_ask_record(run, &command, base_columns);
}
