/* dx/vault_file.c: `dx vault compact`: the vault's file gives back the room that nothing takes any more. */
#include "output.h"
#include "vault.h"
#include "verbs.h"

static void print_size(dx_invocation *run, dx_bytes reply) {
    static const dx_column columns[] = {
        {"before", DX_CELL_NUMBER}, {"after", DX_CELL_NUMBER}, {NULL, DX_CELL_TEXT}};
    int64_t before = dx_item_int(dx_item_get(reply, "before"), 0),
            after = dx_item_int(dx_item_get(reply, "after"), 0);
    dx_map_builder map;
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_write_int(dx_map_builder_key(&map, "before"), before);
    dx_write_int(dx_map_builder_key(&map, "after"), after);
    dx_output_map(&run->output, columns, &map);
    dx_output_words(&run->output, "the vault's file takes %.1f MB, it took %.1f", (double)after / 1e6,
                    (double)before / 1e6);
}

int dx_run_vault_compact(dx_invocation *run) {
    dx_map_builder command;
    dx_buf reply;
    dx_command_begin(&command, "vault.compact");
    int code = dx_vault_ask(run, &command, NULL, NULL, &reply);
    if (code == DX_EXIT_OK) {
        print_size(run, dx_buf_view(&reply));
    }
    dx_buf_deinit(&reply);
    return code;
}
