/* dx/scope.c: `dx space scope`: what of a space this vault keeps; said when one is joined, too. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "input.h"
#include "space.h"

static const dx_column scope_columns[] = {{"partial", DX_CELL_TEXT},   {"types", DX_CELL_VALUE},
                                          {"since", DX_CELL_VALUE},    {"query", DX_CELL_MARK},
                                          {"told_by", DX_CELL_MARK},   {"told_at", DX_CELL_MARK},
                                          {"unasked", DX_CELL_MARK},   {"outside", DX_CELL_NUMBER},
                                          {"missing", DX_CELL_NUMBER}, {NULL, DX_CELL_TEXT}};

/* A date, as JSON writes times: "2026-01-31T00:00:00Z", or its day alone. */
static bool parse_date(const char *text, int64_t *ms) {
    char json[96], message[128];
    dx_buf item;
    dx_writer writer;
    dx_reader reader;
    bool day = strlen(text) == 10;
    if (strlen(text) > 40 || strchr(text, '"') != NULL || strchr(text, '\\') != NULL) {
        return false;
    }
    snprintf(json, sizeof json, "{\"@time\": \"%s%s\"}", text, day ? "T00:00:00Z" : "");
    dx_buf_init(&item, dx_host_alloc(), 256);
    dx_writer_init(&writer, &item);
    bool parsed = dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message) == DX_OK;
    dx_reader_init(&reader, dx_buf_view(&item));
    *ms = parsed ? dx_read_timestamp(&reader) / 1000 : 0;
    parsed = parsed && dx_reader_finish(&reader) == DX_OK;
    dx_buf_deinit(&item);
    return parsed;
}

/* So long ago, or since a date. */
static int take_since(dx_invocation *run, const char *text, int64_t *ms) {
    int64_t ago_ms;
    if (dx_duration_parse(text, &ago_ms) == DX_OK) {
        *ms = (int64_t)time(NULL) * 1000 - ago_ms;
        return DX_EXIT_OK;
    }
    if (!parse_date(text, ms)) {
        return dx_fail(run, DX_E_INVALID, "--since 30d, --since 2026-01-31",
                       "--since takes a time such as 12h or 30d, or a date, not \"%s\"", text);
    }
    return DX_EXIT_OK;
}

void dx_space_types(dx_invocation *run, dx_map_builder *command) {
    size_t count = 0;
    for (size_t i = 0; i < run->given_count; i++) {
        count += strcmp(run->given[i].option->name, "type") == 0;
    }
    if (count == 0) {
        return;
    }
    dx_writer *types = dx_map_builder_key(command, "types");
    dx_write_array(types, count);
    for (size_t i = 0; i < run->given_count; i++) {
        if (strcmp(run->given[i].option->name, "type") == 0) {
            dx_write_text(types, run->given[i].value);
        }
    }
}

int dx_space_part_take(dx_invocation *run, dx_space_part *part) {
    const char *since = dx_invocation_option(run, "since"), *question = dx_invocation_option(run, "query");
    part->since_ms = 0;
    dx_buf_init(&part->question, dx_host_alloc(), 0);
    int code = since == NULL ? DX_EXIT_OK : take_since(run, since, &part->since_ms);
    if (code == DX_EXIT_OK && question != NULL) {
        code = dx_input_json(run, question, "--query", true, &part->question);
    }
    return code;
}

void dx_space_part_write(dx_invocation *run, const dx_space_part *part, dx_map_builder *command) {
    dx_space_types(run, command);
    if (dx_invocation_option(run, "since") != NULL) {
        dx_write_int(dx_map_builder_key(command, "since"), part->since_ms);
    }
    dx_command_item(command, "query", dx_buf_view(&part->question));
}

int dx_run_space_scope(dx_invocation *run) {
    dx_space_part part;
    dx_map_builder command;
    int code = dx_space_part_take(run, &part);
    if (code != DX_EXIT_OK) {
        dx_buf_deinit(&part.question);
        return code;
    }
    dx_space_command(run, &command, "space.scope");
    dx_space_part_write(run, &part, &command);
    dx_buf_deinit(&part.question);
    if (dx_invocation_has(run, "all")) {
        dx_command_bool(&command, "all", true);
    }
    dx_buf reply;
    code = dx_vault_ask(run, &command, NULL, NULL, &reply);
    if (code == DX_EXIT_OK) {
        dx_output_record(&run->output, scope_columns, dx_buf_view(&reply));
    }
    dx_buf_deinit(&reply);
    return code;
}
