/* dx/link.c: `dx link`: arrows between the objects of a space. */
#include "space.h"

static const dx_column columns[] = {{"id", DX_CELL_PLACE},
                                    {"source", DX_CELL_PLACE},
                                    {"target", DX_CELL_PLACE},
                                    {"type", DX_CELL_TEXT},
                                    {NULL, DX_CELL_TEXT}};

int dx_run_link_add(dx_invocation *run) {
    const dx_command_field fields[] = {{"source", dx_invocation_argument(run, 1)},
                                       {"target", dx_invocation_argument(run, 2)},
                                       {"type", dx_invocation_option(run, "type")},
                                       {NULL, NULL}};
    return dx_space_add(run, "link.add", fields, columns);
}

int dx_run_link_ls(dx_invocation *run) {
    const dx_command_field fields[] = {{"source", dx_invocation_option(run, "source")},
                                       {"target", dx_invocation_option(run, "target")},
                                       {"type", dx_invocation_option(run, "type")},
                                       {NULL, NULL}};
    return dx_space_list(run, "link.ls", fields, columns);
}

int dx_run_link_rm(dx_invocation *run) {
    dx_map_builder command;
    dx_space_command(run, &command, "link.rm");
    dx_command_text(&command, "id", dx_invocation_argument(run, 1));
    return dx_vault_ask_record(run, &command, columns);
}
