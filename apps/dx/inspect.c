/* dx/inspect.c: `dx inspect`: what a space is made of. Reads only, and never shows a key. */
#include <string.h>

#include "input.h"
#include "space.h"

static const dx_column feed_columns[] = {
    {"feed", DX_CELL_HEX},         {"class", DX_CELL_TEXT},     {"identity", DX_CELL_HEX},
    {"length", DX_CELL_NUMBER},    {"applied", DX_CELL_NUMBER}, {"signed", DX_CELL_NUMBER},
    {"announced", DX_CELL_NUMBER}, {"hidden", DX_CELL_NUMBER},  {"cut", DX_CELL_VALUE},
    {"own", DX_CELL_TEXT},         {"root", DX_CELL_HEX},       {"device", DX_CELL_HEX},
    {"begins", DX_CELL_NUMBER},    {NULL, DX_CELL_TEXT}};
static const dx_column block_columns[] = {
    {"feed", DX_CELL_HEX},        {"seq", DX_CELL_NUMBER},     {"size", DX_CELL_NUMBER},
    {"leaf", DX_CELL_HEX},        {"continues", DX_CELL_TEXT}, {"key_epoch", DX_CELL_NUMBER},
    {"wall_ms", DX_CELL_NUMBER},  {"auth", DX_CELL_VALUE},     {"deps", DX_CELL_VALUE},
    {"sections", DX_CELL_NUMBER}, {"applied", DX_CELL_TEXT},   {NULL, DX_CELL_TEXT}};
static const dx_column section_columns[] = {
    {"section", DX_CELL_NUMBER}, {"is", DX_CELL_TEXT},     {"id", DX_CELL_TEXT},
    {"did", DX_CELL_TEXT},       {"kind", DX_CELL_TEXT},   {"type", DX_CELL_TEXT},
    {"model", DX_CELL_TEXT},     {"size", DX_CELL_NUMBER}, {"closed", DX_CELL_TEXT},
    {"credential", DX_CELL_HEX}, {"hash", DX_CELL_HEX},    {"says", DX_CELL_VALUE},
    {NULL, DX_CELL_TEXT}};
static const dx_column space_columns[] = {
    {"space", DX_CELL_HEX},     {"objects", DX_CELL_NUMBER},      {"links", DX_CELL_NUMBER},
    {"feeds", DX_CELL_NUMBER},  {"forked", DX_CELL_NUMBER},       {"blocks", DX_CELL_NUMBER},
    {"holes", DX_CELL_NUMBER},  {"holes_purged", DX_CELL_NUMBER}, {"holes_outside", DX_CELL_NUMBER},
    {"purges", DX_CELL_NUMBER}, {"epoch", DX_CELL_TEXT},          {"base", DX_CELL_TEXT},
    {"begins", DX_CELL_TEXT},   {"history", DX_CELL_TEXT},        {"percent", DX_CELL_TEXT},
    {"snapshot", DX_CELL_HEX},  {"done", DX_CELL_TEXT},           {"total", DX_CELL_TEXT},
    {"mismatch", DX_CELL_TEXT}, {"kept", DX_CELL_TEXT},           {"until", DX_CELL_VALUE},
    {"partial", DX_CELL_MARK},  {"types", DX_CELL_VALUE},         {"since", DX_CELL_VALUE},
    {"outside", DX_CELL_TEXT},  {"missing", DX_CELL_TEXT},        {NULL, DX_CELL_TEXT}};
static const dx_column hole_columns[] = {{"feed", DX_CELL_HEX},        {"seq", DX_CELL_NUMBER},
                                         {"sections", DX_CELL_NUMBER}, {"purged", DX_CELL_NUMBER},
                                         {"outside", DX_CELL_NUMBER},  {"missing", DX_CELL_NUMBER},
                                         {"place", DX_CELL_TEXT},      {NULL, DX_CELL_TEXT}};
static const dx_column purge_columns[] = {{"id", DX_CELL_TEXT}, {"done", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column credential_columns[] = {
    {"credential", DX_CELL_HEX}, {"type", DX_CELL_TEXT},  {"holds", DX_CELL_TEXT},
    {"role", DX_CELL_TEXT},      {"class", DX_CELL_TEXT}, {"epoch", DX_CELL_TEXT},
    {"subject", DX_CELL_HEX},    {"issuer", DX_CELL_HEX}, {"signer", DX_CELL_HEX},
    {"feed", DX_CELL_HEX},       {"seq", DX_CELL_NUMBER}, {"parents", DX_CELL_VALUE},
    {NULL, DX_CELL_TEXT}};
static const dx_column register_columns[] = {
    {"path", DX_CELL_TEXT},  {"is", DX_CELL_TEXT},  {"stamp", DX_CELL_NUMBER}, {"identity", DX_CELL_HEX},
    {"device", DX_CELL_HEX}, {"feed", DX_CELL_HEX}, {"value", DX_CELL_VALUE},  {NULL, DX_CELL_TEXT}};

static int begin(dx_invocation *run, dx_map_builder *command, const char *name) {
    const char *limit = dx_invocation_option(run, "limit");
    int64_t most = 0;
    int code = limit == NULL ? DX_EXIT_OK : dx_input_number(run, limit, "--limit", &most);
    if (code == DX_EXIT_OK) {
        dx_space_command(run, command, name);
        dx_command_text(command, "after", dx_invocation_option(run, "after"));
        if (limit != NULL) {
            dx_write_int(dx_map_builder_key(command, "limit"), most);
        }
    }
    return code;
}

static int list(dx_invocation *run, const char *name, const char *key, const dx_column *columns) {
    dx_map_builder command;
    int code = begin(run, &command, name);
    if (code == DX_EXIT_OK) {
        dx_command_text(&command, key, dx_invocation_argument(run, 2));
        code = dx_vault_ask_rows(run, &command, columns);
    }
    return code;
}

/* --- One feed ------------------------------------------------------------------------------------------ */

typedef struct dx_feed_search {
    dx_invocation *run;
    const char *beginning;
    size_t found;
} dx_feed_search;

static void take_feed(void *ctx, dx_bytes row) {
    dx_feed_search *search = ctx;
    dx_bytes feed = dx_item_text(dx_item_get(row, "feed"));
    size_t size = strlen(search->beginning);
    if (size >= 4 && size <= feed.size && memcmp(feed.data, search->beginning, size) == 0) {
        search->found++;
        dx_output_record(&search->run->output, feed_columns, row);
    }
}

static void take_feeds(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, take_feed, ctx);
}

static int show_feed(dx_invocation *run) {
    dx_feed_search search = {.run = run, .beginning = dx_invocation_argument(run, 2)};
    dx_map_builder command;
    dx_space_command(run, &command, "inspect.feeds");
    int code = dx_vault_ask(run, &command, take_feeds, &search, NULL);
    if (code == DX_EXIT_OK && search.found == 0) {
        code = dx_fail(run, DX_E_NOT_FOUND, "dx inspect SPACE feeds",
                       "no feed of this space begins with \"%s\" (four digits at least)", search.beginning);
    }
    return code;
}

/* --- One block ------------------------------------------------------------------------------------------- */

typedef struct dx_block_sections {
    dx_buf rows;
} dx_block_sections;

static void take_section(void *ctx, dx_bytes row) {
    dx_block_sections *sections = ctx;
    dx_buf_append(&sections->rows, row.data, row.size);
}

static void take_sections(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, take_section, ctx);
}

/* The block first, as its header comes first; the vault tells it last. */
static void print_block(dx_invocation *run, dx_bytes block, dx_bytes sections) {
    dx_table table;
    dx_reader reader;
    dx_output_record(&run->output, block_columns, block);
    dx_table_begin(&table, &run->output, section_columns);
    dx_reader_init(&reader, sections);
    while (dx_reader_peek(&reader) != DX_KIND_NONE) {
        dx_table_row(&table, dx_read_item(&reader));
    }
    dx_table_end(&table);
}

static int show_block(dx_invocation *run) {
    dx_block_sections sections;
    dx_map_builder command;
    dx_buf reply;
    int64_t seq = 0;
    int code = dx_input_number(run, dx_invocation_argument(run, 3), "SEQ", &seq);
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_buf_init(&sections.rows, dx_host_alloc(), 64 << 20);
    dx_space_command(run, &command, "inspect.block");
    dx_command_text(&command, "feed", dx_invocation_argument(run, 2));
    dx_write_int(dx_map_builder_key(&command, "seq"), seq);
    code = dx_vault_ask(run, &command, take_sections, &sections, &reply);
    if (code == DX_EXIT_OK) {
        print_block(run, dx_buf_view(&reply), dx_buf_view(&sections.rows));
    }
    dx_buf_deinit(&reply);
    dx_buf_deinit(&sections.rows);
    return code;
}

static int show_space(dx_invocation *run) {
    dx_map_builder command;
    dx_space_command(run, &command, "inspect.space");
    return dx_vault_ask_record(run, &command, space_columns);
}

int dx_run_inspect(dx_invocation *run) {
    static const struct {
        const char *what;
        size_t arguments; /* with SPACE and WHAT */
    } forms[] = {{"feeds", 2},  {"feed", 3},  {"block", 4}, {"credentials", 2},
                 {"object", 3}, {"space", 2}, {"holes", 2}, {"purges", 2}};
    const char *what = run->argument_count > 1 ? dx_invocation_argument(run, 1) : "feeds";
    size_t given = run->argument_count > 1 ? run->argument_count : 2, form = 0;
    while (form < sizeof forms / sizeof forms[0] && strcmp(forms[form].what, what) != 0) {
        form++;
    }
    if (form == sizeof forms / sizeof forms[0] || forms[form].arguments != given) {
        return dx_fail_usage(run,
                             "it takes SPACE and: space, feeds, feed ID, block FEED SEQ, holes, purges, "
                             "credentials or object ID",
                             "dx inspect -h");
    }
    switch (form) {
    case 0:
        return list(run, "inspect.feeds", "id", feed_columns);
    case 1:
        return show_feed(run);
    case 2:
        return show_block(run);
    case 3:
        return list(run, "inspect.credentials", "id", credential_columns);
    case 4:
        return list(run, "inspect.object", "id", register_columns);
    case 5:
        return show_space(run);
    case 6:
        return list(run, "inspect.holes", "id", hole_columns);
    default:
        return list(run, "inspect.purges", "id", purge_columns);
    }
}
