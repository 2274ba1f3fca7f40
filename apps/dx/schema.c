/* dx/schema.c: `dx schema`: what the objects of a type are to look like (docs/spec/schema.md). */
#include <stdio.h>

#include "generate.h"
#include "input.h"
#include "space.h"

static const dx_column columns[] = {
    {"type", DX_CELL_TEXT},    {"version", DX_CELL_NUMBER}, {"id", DX_CELL_PLACE}, {"sound", DX_CELL_TEXT},
    {"schema", DX_CELL_VALUE}, {"migrate", DX_CELL_VALUE},  {NULL, DX_CELL_TEXT}};
static const dx_column fault_columns[] = {
    {"id", DX_CELL_PLACE},  {"type", DX_CELL_TEXT},    {"version", DX_CELL_NUMBER}, {"path", DX_CELL_TEXT},
    {"rule", DX_CELL_TEXT}, {"message", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column changed_columns[] = {{"changed", DX_CELL_NUMBER}, {NULL, DX_CELL_TEXT}};

/* A command about a type, and a version of it when one is said. */
static int begin(dx_invocation *run, dx_map_builder *command, const char *name) {
    const char *given = dx_invocation_option(run, "version");
    int64_t version = 0;
    int code = given == NULL ? DX_EXIT_OK : dx_input_number(run, given, "--version", &version);
    if (code == DX_EXIT_OK) {
        dx_space_command(run, command, name);
        dx_command_text(command, "type", dx_invocation_argument(run, 1));
        if (given != NULL) {
            dx_write_int(dx_map_builder_key(command, "version"), version);
        }
    }
    return code;
}

static int add(dx_invocation *run, dx_bytes definition, dx_bytes migration) {
    dx_map_builder command;
    int code = begin(run, &command, "schema.add");
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_command_item(&command, "schema", definition);
    dx_command_item(&command, "migrate", migration);
    return dx_vault_ask_record(run, &command, columns);
}

int dx_run_schema_add(dx_invocation *run) {
    const char *steps = dx_invocation_option(run, "migrate");
    dx_buf definition = {0}, migration = {0};
    int code = dx_input_json(run, dx_invocation_argument(run, 2), "the definition", true, &definition);
    if (code == DX_EXIT_OK && steps != NULL) {
        code = dx_input_json(run, steps, "--migrate", false, &migration);
    }
    if (code == DX_EXIT_OK) {
        code = add(run, dx_buf_view(&definition), dx_buf_view(&migration));
    }
    if (definition.alloc != NULL) {
        dx_buf_deinit(&definition);
    }
    if (migration.alloc != NULL) {
        dx_buf_deinit(&migration);
    }
    return code;
}

int dx_run_schema_list(dx_invocation *run) {
    dx_map_builder command;
    dx_space_command(run, &command, "schema.list");
    dx_command_text(&command, "type", dx_invocation_argument(run, 1));
    return dx_vault_ask_rows(run, &command, columns);
}

int dx_run_schema_rm(dx_invocation *run) {
    dx_map_builder command;
    int code = begin(run, &command, "schema.rm");
    return code == DX_EXIT_OK ? dx_vault_ask_record(run, &command, columns) : code;
}

int dx_run_schema_check(dx_invocation *run) {
    dx_map_builder command;
    dx_space_command(run, &command, "schema.check");
    dx_command_text(&command, "type", dx_invocation_argument(run, 1));
    return dx_vault_ask_rows(run, &command, fault_columns);
}

int dx_run_schema_migrate(dx_invocation *run) {
    dx_map_builder command;
    int code = begin(run, &command, "schema.migrate");
    return code == DX_EXIT_OK ? dx_vault_ask_record(run, &command, changed_columns) : code;
}

/* --- Types for programs ----------------------------------------------------------------------------- */

typedef struct dx_generation {
    dx_generate_language language;
    dx_buf text, last; /* what is printed; the type that was written last: its older versions follow it */
} dx_generation;

static void generate_row(void *ctx, dx_bytes row) {
    dx_generation *generation = ctx;
    dx_bytes type = dx_item_text(dx_item_get(row, "type")), definition = dx_item_get(row, "schema");
    if (dx_item_kind(definition) != DX_KIND_MAP || dx_bytes_equal(type, dx_buf_view(&generation->last))) {
        return;
    }
    dx_buf_clear(&generation->last);
    dx_buf_append(&generation->last, type.data, type.size);
    dx_generate_type(generation->language, type, dx_item_int(dx_item_get(row, "version"), 0), definition,
                     &generation->text);
}

static void generate_rows(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, generate_row, ctx);
}

int dx_run_schema_generate(dx_invocation *run) {
    bool c = dx_invocation_has(run, "c"), ts = dx_invocation_has(run, "ts");
    dx_generation generation = {.language = c ? DX_GENERATE_C : DX_GENERATE_TS};
    dx_map_builder command;
    if (c == ts) {
        return dx_fail(run, DX_E_INVALID, "dx schema generate SPACE --ts",
                       "say for which language: --c or --ts");
    }
    dx_buf_init(&generation.text, dx_host_alloc(), DX_GENERATE_SIZE_MAX);
    dx_buf_init(&generation.last, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_space_command(run, &command, "schema.list");
    dx_command_text(&command, "type", dx_invocation_argument(run, 1));
    dx_generate_head(generation.language, &generation.text);
    int code = dx_vault_ask(run, &command, generate_rows, &generation, NULL);
    if (code == DX_EXIT_OK && generation.last.size == 0) {
        code = dx_fail(run, DX_E_NOT_FOUND, "dx schema ls SPACE", "this space defines no such type");
    }
    if (code == DX_EXIT_OK) {
        fwrite(generation.text.data, 1, generation.text.size, stdout);
        dx_output_flush(&run->output);
    }
    dx_buf_deinit(&generation.text);
    dx_buf_deinit(&generation.last);
    return code;
}
