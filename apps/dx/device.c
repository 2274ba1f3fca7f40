/* dx/device.c: `dx device`: the devices of an identity. */
#include "vault.h"

static const dx_column columns[] = {
    {"device", DX_CELL_HEX}, {"name", DX_CELL_TEXT}, {"current", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};

int dx_run_device_list(dx_invocation *run) {
    dx_map_builder command;
    dx_command_begin(&command, "device.list");
    return dx_vault_ask_rows(run, &command, columns);
}

int dx_run_device_rename(dx_invocation *run) {
    dx_map_builder command;
    dx_command_begin(&command, "device.rename");
    dx_command_text(&command, "name", dx_invocation_argument(run, 0));
    return dx_vault_ask_record(run, &command, columns);
}
