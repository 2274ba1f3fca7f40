/* dx/peer.c: `dx peer`: who this vault speaks to. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "space.h"

static const dx_column columns[] = {
    {"peer", DX_CELL_HEX},   {"space", DX_CELL_HEX}, {"address", DX_CELL_TEXT}, {"state", DX_CELL_TEXT},
    {"error", DX_CELL_TEXT}, {"why", DX_CELL_TEXT},  {"seconds", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};

int dx_run_peer_list(dx_invocation *run) {
    dx_map_builder command;
    dx_command_begin(&command, "peer.list");
    return dx_vault_ask_rows(run, &command, columns);
}

/* HOST:PORT; the host may be a name, an IPv6 one stands in brackets. */
static bool is_address(const char *text) {
    const char *colon = strrchr(text, ':');
    size_t host = colon == NULL ? 0 : (size_t)(colon - text);
    bool bracketed = host > 2 && text[0] == '[' && text[host - 1] == ']';
    bool plain = host > 0 && memchr(text, ':', host) == NULL;
    char *end = NULL;
    long port = colon != NULL && isdigit((unsigned char)colon[1]) ? strtol(colon + 1, &end, 10) : 0;
    return (bracketed || plain) && port > 0 && port <= 65535 && *end == 0;
}

int dx_run_peer_connect(dx_invocation *run) {
    char address[DX_HOST_MESSAGE_MAX];
    const char *given = dx_invocation_argument(run, 1);
    dx_map_builder command;
    snprintf(address, sizeof address, strncmp(given, "tcp:", 4) == 0 ? "%s" : "tcp:%s", given);
    if (!is_address(address + strlen("tcp:"))) {
        return dx_fail(run, DX_E_INVALID,
                       "what dx agent status shows on the other machine, as in 192.0.2.7:40000",
                       "\"%s\" is not HOST:PORT", given);
    }
    dx_space_command(run, &command, "peer.connect");
    dx_command_text(&command, "address", address);
    int code = dx_vault_ask(run, &command, NULL, NULL, NULL);
    if (code == DX_EXIT_OK) {
        dx_output_words(&run->output, "%s is remembered; dx peer list shows whether it answers", given);
    }
    return code;
}
