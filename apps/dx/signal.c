/* dx/signal.c: `dx signal`: the services at which this vault looks for its peers. */
#include <string.h>

#include "space.h"

static const dx_column columns[] = {{"url", DX_CELL_TEXT},     {"state", DX_CELL_TEXT},
                                    {"peers", DX_CELL_TEXT},   {"error", DX_CELL_TEXT},
                                    {"seconds", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};

int dx_run_signal_list(dx_invocation *run) {
    dx_map_builder command;
    dx_command_begin(&command, "signal.list");
    return dx_vault_ask_rows(run, &command, columns);
}

static int change(dx_invocation *run, const char *name, const char *words) {
    dx_map_builder command;
    dx_command_begin(&command, name);
    dx_command_text(&command, "url", dx_invocation_argument(run, 0));
    int code = dx_vault_ask(run, &command, NULL, NULL, NULL);
    if (code == DX_EXIT_OK) {
        dx_output_words(&run->output, words, dx_invocation_argument(run, 0));
    }
    return code;
}

int dx_run_signal_add(dx_invocation *run) {
    return change(run, "signal.add", "%s is remembered; dx signal list shows whether it answers");
}

int dx_run_signal_rm(dx_invocation *run) {
    return change(run, "signal.rm", "%s is not used any more");
}
