/* dx/invitation.c: `dx invitation`: what was given out by `dx space share`, also after that program has gone. */
#include "space.h"

static const dx_column columns[] = {
    {"id", DX_CELL_HEX},      {"space", DX_CELL_HEX},       {"name", DX_CELL_TEXT},
    {"role", DX_CELL_TEXT},   {"state", DX_CELL_TEXT},      {"expires", DX_CELL_TEXT},
    {"uses", DX_CELL_NUMBER}, {"uses_max", DX_CELL_NUMBER}, {"failures", DX_CELL_NUMBER},
    {"app", DX_CELL_TEXT},    {NULL, DX_CELL_TEXT}};

int dx_run_invitation_list(dx_invocation *run) {
    dx_map_builder command;
    dx_command_begin(&command, "invitation.list");
    dx_command_text(&command, "space", dx_invocation_argument(run, 0));
    dx_command_bool(&command, "ended", dx_invocation_has(run, "ended"));
    return dx_vault_ask_rows(run, &command, columns);
}

int dx_run_invitation_cancel(dx_invocation *run) {
    dx_map_builder command;
    dx_command_begin(&command, "invitation.cancel");
    dx_command_text(&command, "id", dx_invocation_argument(run, 0));
    return dx_vault_ask_record(run, &command, columns);
}
