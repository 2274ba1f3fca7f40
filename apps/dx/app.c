/* dx/app.c: `dx app`: which apps may ask this vault what, by their origin. */
#include <stdio.h>
#include <string.h>

#include "vault.h"

static const dx_column columns[] = {
    {"origin", DX_CELL_TEXT},  {"name", DX_CELL_TEXT},     {"granted", DX_CELL_TEXT},
    {"scopes", DX_CELL_VALUE}, {"spaces", DX_CELL_VALUE},  {"asks", DX_CELL_VALUE},
    {"ports", DX_CELL_NUMBER}, {"denied", DX_CELL_NUMBER}, {NULL, DX_CELL_TEXT}};

int dx_run_app_list(dx_invocation *run) {
    dx_map_builder command;
    dx_command_begin(&command, "app.list");
    return dx_vault_ask_rows(run, &command, columns);
}

/* SPACE=LEVEL; the space's name may have a = of its own. NULL: a scope. */
static const char *level_of(const char *right) {
    const char *equals = strrchr(right, '=');
    return equals == NULL ? NULL : equals + 1;
}

static void write_rights(dx_invocation *run, dx_map_builder *command) {
    dx_map_builder spaces;
    size_t scopes = 0;
    dx_map_builder_init(&spaces, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    for (size_t i = 1; i < run->argument_count; i++) {
        const char *right = run->arguments[i], *level = level_of(right);
        char space[DX_HOST_MESSAGE_MAX];
        scopes += level == NULL;
        if (level != NULL) {
            snprintf(space, sizeof space, "%.*s", (int)(level - 1 - right), right);
            dx_output_write_words(dx_map_builder_key(&spaces, space), level);
        }
    }
    dx_writer *list = dx_map_builder_key(command, "scopes");
    dx_write_array(list, scopes);
    for (size_t i = 1; i < run->argument_count; i++) {
        if (level_of(run->arguments[i]) == NULL) {
            dx_output_write_words(list, run->arguments[i]);
        }
    }
    dx_map_builder_finish(&spaces, dx_map_builder_key(command, "spaces"));
}

static int decide(dx_invocation *run, const char *name, bool rights) {
    dx_map_builder command;
    dx_command_begin(&command, name);
    dx_command_text(&command, "origin", dx_invocation_argument(run, 0));
    if (rights) {
        write_rights(run, &command);
    }
    return dx_vault_ask_record(run, &command, columns);
}

int dx_run_app_grant(dx_invocation *run) {
    return decide(run, "app.grant", true);
}

int dx_run_app_refuse(dx_invocation *run) {
    return decide(run, "app.refuse", false);
}

int dx_run_app_revoke(dx_invocation *run) {
    return decide(run, "app.revoke", false);
}
