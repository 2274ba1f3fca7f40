/* dx/export.c: `dx export`, and the lines of an archive. See export.h. */
#include "export.h"

#include "entity.h"

enum {
    ROW_SIZE_LARGE =
        512 * 1024, /* from here on in pieces: a line of 8 MiB is the longest that import reads */
    LINE_SIZE_MAX = 64 << 20
};

static void tell_line(dx_export *export) {
    if (!export->stopped && dx_buf_error(&export->line) == DX_OK) {
        export->on_line(export->ctx, dx_buf_view(&export->line));
    }
    dx_buf_clear(&export->line);
}

/* The row with other data, and with how much is missing when that is not 0. Appends. */
static int write_bare(dx_bytes row, bool empty, int64_t omitted, dx_buf *out) {
    static const char *const keys[] = {"id", "type", "parent", "source", "target", "deleted"};
    dx_map_builder map;
    dx_writer writer;
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        dx_command_item(&map, keys[i], dx_item_get(row, keys[i]));
    }
    if (empty) {
        dx_write_map(dx_map_builder_key(&map, "data"), 0);
    } else {
        dx_write_null(dx_map_builder_key(&map, "data"));
        dx_write_int(dx_map_builder_key(&map, "omitted"), omitted);
    }
    dx_writer_init(&writer, out);
    dx_map_builder_finish(&map, &writer);
    return dx_writer_finish(&writer);
}

static void take_row(void *ctx, dx_bytes row) {
    dx_export *export = ctx;
    int64_t omitted = dx_item_int(dx_item_get(row, "omitted"), 0);
    bool link = dx_item_get(row, "source").size > 0;
    export->links += link;
    export->objects += !link;
    bool has_model = dx_item_get(row, "model").size > 0; /* it has no pieces */
    if (omitted > 0 || (row.size > ROW_SIZE_LARGE && !has_model)) {
        export->large.error =
            write_bare(row, false, omitted > 0 ? omitted : (int64_t)row.size, &export->large);
        return;
    }
    dx_entity_write_json(row, &export->line);
    tell_line(export);
}

static void take_rows(void *ctx, bool last, dx_bytes body) {
    dx_export *export = ctx;
    (void)last;
    dx_rows_each(body, take_row, export);
    if (export->stopped) {
        dx_client_interrupt(export->run->client);
    }
}

/* --- Large objects -------------------------------------------------------------------------------------- */

static void tell_row(dx_export *export, dx_bytes row) {
    dx_entity_write_json(row, &export->line);
    tell_line(export);
}

/* Its line without data, before its first piece. */
static void tell_empty(dx_export *export, dx_bytes row) {
    dx_buf empty;
    dx_buf_init(&empty, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    if (write_bare(row, true, 0, &empty) == DX_OK) {
        tell_row(export, dx_buf_view(&empty));
    }
    dx_buf_deinit(&empty);
}

typedef struct dx_pieces {
    dx_export *export;
    dx_bytes row;
    bool begun;
} dx_pieces;

static void take_piece(void *ctx, dx_bytes piece) {
    static const char *const keys[] = {"id", "set", NULL};
    dx_pieces *pieces = ctx;
    if (!pieces->begun) {
        tell_empty(pieces->export, pieces->row);
        pieces->begun = true;
    }
    dx_output_write_keys(piece, keys, &pieces->export->line);
    tell_line(pieces->export);
}

static void take_pieces(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, take_piece, ctx);
}

static int ask_pieces(dx_export *export, dx_bytes row) {
    dx_pieces pieces = {.export = export, .row = row};
    dx_invocation *run = export->run;
    dx_map_builder command;
    dx_buf body, reply;
    dx_command_begin(&command, "object.pieces");
    dx_command_text(&command, "space", export->space);
    dx_command_item(&command, "id", dx_item_get(row, "id"));
    int code = dx_command_finish(run, &command, &body);
    dx_buf_init(&reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    if (code == DX_EXIT_OK) {
        int error = dx_client_call(run->client, dx_buf_view(&body), take_pieces, &pieces,
                                   dx_vault_left_ms(run), &reply);
        dx_bytes refused = error == DX_OK ? dx_reply_error(dx_buf_view(&reply)) : (dx_bytes){0};
        if (error != DX_OK) {
            code = dx_vault_failed(run, error);
        } else if (dx_item_int(dx_item_get(refused, "code"), 0) == DX_E_LIMIT) {
            export->omitted++;
            tell_row(export, row);
        } else if (refused.size > 0) {
            code = dx_fail_reply(run, refused);
        } else if (!pieces.begun) {
            tell_empty(export, row);
        }
    }
    dx_buf_deinit(&body);
    dx_buf_deinit(&reply);
    return code;
}

static int tell_large(dx_export *export) {
    dx_reader reader;
    int code = DX_EXIT_OK;
    dx_reader_init(&reader, dx_buf_view(&export->large));
    while (code == DX_EXIT_OK && !export->stopped && dx_reader_peek(&reader) != DX_KIND_NONE) {
        code = ask_pieces(export, dx_read_item(&reader));
    }
    return code;
}

/* --- Members ------------------------------------------------------------------------------------------------ */

static void take_member(void *ctx, dx_bytes row) {
    static const char *const keys[] = {"id", "member", "name", NULL};
    dx_export *export = ctx;
    dx_map_builder map;
    dx_writer writer;
    dx_buf member;
    if (dx_item_text(dx_item_get(row, "object")).size == 0) {
        return; /* nothing can lead to it */
    }
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_command_item(&map, "id", dx_item_get(row, "object"));
    dx_command_item(&map, "member", dx_item_get(row, "identity"));
    dx_command_item(&map, "name", dx_item_get(row, "name"));
    dx_buf_init(&member, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_writer_init(&writer, &member);
    dx_map_builder_finish(&map, &writer);
    if (dx_writer_finish(&writer) == DX_OK) {
        dx_output_write_keys(dx_buf_view(&member), keys, &export->line);
        tell_line(export);
    }
    dx_buf_deinit(&member);
}

static void take_members(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, take_member, ctx);
}

/* --- The whole ----------------------------------------------------------------------------------------------- */

/* What the objects of a type are to look like: a type of the house that says nothing of this space's people. */
static int ask_schemas(dx_export *export) {
    dx_map_builder command;
    dx_command_begin(&command, "query");
    dx_command_text(&command, "space", export->space);
    dx_writer *query = dx_map_builder_key(&command, "query");
    dx_write_map(query, 2);
    dx_write_text(query, "type");
    dx_write_text(query, "dx.schema");
    dx_write_text(query, "deleted");
    dx_write_text(query, "show");
    return dx_vault_ask(export->run, &command, take_rows, export, NULL);
}

static int ask_members(dx_export *export) {
    dx_map_builder command;
    dx_command_begin(&command, "space.members");
    dx_command_text(&command, "space", export->space);
    return dx_vault_ask(export->run, &command, take_members, export, NULL);
}

static int ask_rows(dx_export *export) {
    dx_map_builder command;
    dx_command_begin(&command, "export");
    dx_command_text(&command, "space", export->space);
    dx_write_bool(dx_map_builder_key(&command, "provenance"), true);
    return dx_vault_ask(export->run, &command, take_rows, export, NULL);
}

int dx_export_run(dx_export *export) {
    dx_buf_init(&export->line, dx_host_alloc(), LINE_SIZE_MAX);
    dx_buf_init(&export->large, dx_host_alloc(), SIZE_MAX / 2);
    int code = export->members ? ask_members(export) : DX_EXIT_OK;
    if (code == DX_EXIT_OK) {
        code = ask_rows(export);
    }
    if (code == DX_EXIT_OK && !export->stopped) {
        code = ask_schemas(export);
    }
    if (code == DX_EXIT_OK && dx_buf_error(&export->large) != DX_OK) {
        code = dx_vault_failed(export->run, dx_buf_error(&export->large));
    }
    if (code == DX_EXIT_OK) {
        code = tell_large(export);
    }
    dx_buf_deinit(&export->line);
    dx_buf_deinit(&export->large);
    return export->stopped ? DX_EXIT_OK : code;
}

static void print_line(void *ctx, dx_bytes line) {
    dx_export *export = ctx;
    dx_output_line(&export->run->output, line);
    export->stopped = export->run->output.closed;
}

int dx_run_export(dx_invocation *run) {
    dx_export export = {
        .run = run, .space = dx_invocation_argument(run, 0), .on_line = print_line, .ctx = &export};
    int code = dx_export_run(&export);
    dx_output_flush(&run->output);
    if (code == DX_EXIT_OK && export.omitted > 0) {
        dx_output_words(
            &run->output,
            "%llu of the objects are too large to be exported: \"omitted\" in the line says how large",
            (unsigned long long)export.omitted);
        code = DX_EXIT_PARTIAL;
    }
    return code;
}
