/* dx/index.c: `dx index`: what this vault keeps ready so that questions about a property are quick. */
#include "space.h"

static const dx_column columns[] = {{"type", DX_CELL_TEXT}, {"path", DX_CELL_TEXT},  {"kind", DX_CELL_TEXT},
                                    {"made", DX_CELL_TEXT}, {"state", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};

int dx_run_index_ls(dx_invocation *run) {
    dx_map_builder command;
    dx_space_command(run, &command, "index.ls");
    return dx_vault_ask_rows(run, &command, columns);
}

static int change(dx_invocation *run, const char *name, const char *words) {
    dx_map_builder command;
    dx_space_command(run, &command, name);
    dx_command_text(&command, "type", dx_invocation_argument(run, 1));
    dx_command_text(&command, "path", dx_invocation_argument(run, 2));
    dx_command_bool(&command, "text", dx_invocation_has(run, "text"));
    if (dx_invocation_has(run, "link")) {
        dx_command_text(&command, "kind", "link");
    }
    int code = dx_vault_ask(run, &command, NULL, NULL, NULL);
    if (code == DX_EXIT_OK) {
        const char *path = dx_invocation_argument(run, 2);
        dx_output_words(&run->output, words, dx_invocation_argument(run, 1), path == NULL ? "texts" : path);
    }
    return code;
}

int dx_run_index_add(dx_invocation *run) {
    return change(run, "index.add",
                  "questions about %s and its %s are answered from an index once it is built");
}

int dx_run_index_rm(dx_invocation *run) {
    return change(run, "index.rm", "the index on %s and its %s is removed");
}
