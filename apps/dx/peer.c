/* dx/peer.c: `dx peer`: who this vault speaks to. */
#include <stdio.h>
#include <string.h>

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
    char address[DX_HOST_MESSAGE_MAX];
    const char *given = dx_invocation_argument(run, 1);
    dx_map_builder command;
    dx_space_command(run, &command, "peer.connect");
    snprintf(address, sizeof address, strncmp(given, "tcp:", 4) == 0 ? "%s" : "tcp:%s", given);
    dx_command_text(&command, "address", address);
    int code = dx_vault_ask(run, &command, NULL, NULL, NULL);
    if (code == DX_EXIT_OK) {
        dx_output_words(&run->output, "%s is remembered; dx peer list shows whether it answers", given);
    }
    return code;
}
