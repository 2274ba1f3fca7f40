/* dx/version.c: `dx version`: what this program is. */
#include "qr.h"
#include "vault.h"

static const dx_column columns[] = {
    {"version", DX_CELL_TEXT}, {"compiler", DX_CELL_TEXT}, {"qr", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};

int dx_run_version(dx_invocation *run) {
    dx_map_builder map;
    dx_map_builder_init(&map, dx_host_alloc(), DX_HOST_MESSAGE_MAX);
    dx_command_text(&map, "version", DX_VERSION);
    dx_command_text(&map, "compiler", __VERSION__);
    dx_write_bool(dx_map_builder_key(&map, "qr"), dx_qr_is_built_in());
    dx_output_map(&run->output, columns, &map);
    return DX_EXIT_OK;
}
