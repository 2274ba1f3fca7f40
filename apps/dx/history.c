/* dx/history.c: `dx history`, `dx undo`, `dx redo`: what was, and the way back. */
#include "space.h"

static const dx_column version_columns[] = {
    {"at", DX_CELL_PLACE},     {"did", DX_CELL_TEXT},     {"name", DX_CELL_TEXT},
    {"time", DX_CELL_VALUE},   {"set", DX_CELL_VALUE},    {"unset", DX_CELL_VALUE},
    {"edits", DX_CELL_VALUE},  {"parent", DX_CELL_PLACE}, {"omitted", DX_CELL_DETAIL},
    {"identity", DX_CELL_HEX}, {"device", DX_CELL_HEX},   {NULL, DX_CELL_TEXT}};
static const dx_column moment_columns[] = {
    {"at", DX_CELL_PLACE},        {"name", DX_CELL_TEXT},      {"time", DX_CELL_VALUE},
    {"made", DX_CELL_NUMBER},     {"changed", DX_CELL_NUMBER}, {"deleted", DX_CELL_NUMBER},
    {"restored", DX_CELL_NUMBER}, {"moved", DX_CELL_NUMBER},   {"ids", DX_CELL_VALUE},
    {"identity", DX_CELL_HEX},    {"device", DX_CELL_HEX},     {NULL, DX_CELL_TEXT}};
static const dx_column difference_columns[] = {
    {"path", DX_CELL_TEXT},           {"from", DX_CELL_VALUE},        {"to", DX_CELL_VALUE},
    {"from_omitted", DX_CELL_DETAIL}, {"to_omitted", DX_CELL_DETAIL}, {NULL, DX_CELL_TEXT}};
static const dx_column undone_columns[] = {{"at", DX_CELL_PLACE},
                                           {"time", DX_CELL_VALUE},
                                           {"entities", DX_CELL_NUMBER},
                                           {"kept", DX_CELL_NUMBER},
                                           {NULL, DX_CELL_TEXT}};

int dx_run_history(dx_invocation *run) {
    const char *id = dx_invocation_argument(run, 1), *from = dx_invocation_option(run, "from");
    if (from != NULL) {
        const dx_command_field points[] = {
            {"id", id}, {"from", from}, {"to", dx_invocation_option(run, "to")}, {NULL, NULL}};
        return dx_space_list(run, "history.diff", points, difference_columns);
    }
    const dx_command_field fields[] = {
        {"id", id}, {"before", dx_invocation_option(run, "before")}, {NULL, NULL}};
    return dx_space_list(run, "history.list", fields, id == NULL ? moment_columns : version_columns);
}

static int act(dx_invocation *run, const char *name) {
    dx_map_builder command;
    dx_space_command(run, &command, name);
    return dx_vault_ask_record(run, &command, undone_columns);
}

int dx_run_undo(dx_invocation *run) {
    return act(run, "undo");
}

int dx_run_redo(dx_invocation *run) {
    return act(run, "redo");
}
