/* dx/link.c: `dx link`: arrows between the objects of a space. */
#include "input.h"
#include "space.h"

static const dx_column columns[] = {{"id", DX_CELL_PLACE},
                                    {"source", DX_CELL_PLACE},
                                    {"target", DX_CELL_PLACE},
                                    {"type", DX_CELL_TEXT},
                                    {NULL, DX_CELL_TEXT}};

int dx_run_link_add(dx_invocation *run) {
    const char *data = dx_invocation_option(run, "data");
    dx_buf item = {0};
    dx_map_builder command;
    int code = data == NULL ? DX_EXIT_OK : dx_input_json(run, data, "--data", true, &item);
    if (code == DX_EXIT_OK) {
        dx_space_command(run, &command, "link.add");
        dx_command_text(&command, "source", dx_invocation_argument(run, 1));
        dx_command_text(&command, "target", dx_invocation_argument(run, 2));
        dx_command_text(&command, "type", dx_invocation_option(run, "type"));
        dx_command_item(&command, "data", dx_buf_view(&item));
        code = dx_vault_ask_record(run, &command, columns);
    }
    if (item.alloc != NULL) {
        dx_buf_deinit(&item);
    }
    return code;
}

int dx_run_link_ls(dx_invocation *run) {
    const char *limit = dx_invocation_option(run, "limit");
    int64_t most = 0;
    dx_map_builder command;
    int code = limit == NULL ? DX_EXIT_OK : dx_input_number(run, limit, "--limit", &most);
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_space_command(run, &command, "link.ls");
    dx_command_text(&command, "source", dx_invocation_option(run, "source"));
    dx_command_text(&command, "target", dx_invocation_option(run, "target"));
    dx_command_text(&command, "type", dx_invocation_option(run, "type"));
    if (limit != NULL) {
        dx_write_int(dx_map_builder_key(&command, "limit"), most);
    }
    return dx_vault_ask_rows(run, &command, columns);
}

int dx_run_link_rm(dx_invocation *run) {
    dx_map_builder command;
    dx_space_command(run, &command, "link.rm");
    dx_command_text(&command, "id", dx_invocation_argument(run, 1));
    return dx_vault_ask_record(run, &command, columns);
}
