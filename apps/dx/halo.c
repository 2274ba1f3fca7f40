/* dx/halo.c: `dx halo`: who this vault is. */
#include "vault.h"

static const dx_column columns[] = {{"identity", DX_CELL_HEX},
                                    {"device", DX_CELL_HEX},
                                    {"name", DX_CELL_TEXT},
                                    {"device_name", DX_CELL_DETAIL},
                                    {NULL, DX_CELL_TEXT}};

int dx_run_halo_create(dx_invocation *run) {
    dx_map_builder command;
    int code = dx_vault_open(run, DX_VAULT_CREATE);
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_command_begin(&command, "halo.create");
    dx_command_text(&command, "name", dx_invocation_argument(run, 0));
    return dx_vault_ask_record(run, &command, columns);
}

int dx_run_halo_identity(dx_invocation *run) {
    dx_map_builder command;
    dx_command_begin(&command, "halo.identity");
    return dx_vault_ask_record(run, &command, columns);
}

int dx_run_halo_rename(dx_invocation *run) {
    dx_map_builder command;
    dx_command_begin(&command, "halo.rename");
    dx_command_text(&command, "name", dx_invocation_argument(run, 0));
    return dx_vault_ask_record(run, &command, columns);
}
