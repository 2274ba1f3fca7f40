/* dx/peer.c: `dx peer`: who this vault speaks to. */
#include "space.h"

static const dx_column columns[] = {
    {"peer", DX_CELL_HEX},   {"space", DX_CELL_HEX},    {"address", DX_CELL_TEXT}, {"state", DX_CELL_TEXT},
    {"error", DX_CELL_TEXT}, {"seconds", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};

int dx_run_peer_list(dx_invocation *run) {
    dx_map_builder command;
    dx_command_begin(&command, "peer.list");
    return dx_vault_ask_rows(run, &command, columns);
}

int dx_run_peer_connect(dx_invocation *run) {
    dx_map_builder command;
    dx_space_command(run, &command, "peer.connect");
    dx_command_text(&command, "address", dx_invocation_argument(run, 1));
    int code = dx_vault_ask(run, &command, NULL, NULL, NULL);
    if (code == DX_EXIT_OK) {
        dx_output_words(&run->output, "%s is remembered; dx peer list shows whether it answers",
                        dx_invocation_argument(run, 1));
    }
    return code;
}
