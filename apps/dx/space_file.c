/* dx/space_file.c: `dx space export` and `dx space import`: whole spaces in one file (archive.h). */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive.h"
#include "export.h"
#include "import.h"
#include "journal.h"
#include "progress.h"
#include "terminal.h"

enum { REMOVE_MS = 10000 /* for a space that is given up */ };

/* Not the name of any space anybody would want: what is left after a kill is told by it. */
static const char unfinished_name[] = "(import not finished)";

static const dx_column exported_columns[] = {{"space", DX_CELL_HEX},
                                             {"name", DX_CELL_TEXT},
                                             {"lines", DX_CELL_NUMBER},
                                             {"bytes", DX_CELL_NUMBER},
                                             {NULL, DX_CELL_TEXT}};
static const dx_column imported_columns[] = {{"space", DX_CELL_HEX},         {"name", DX_CELL_TEXT},
                                             {"objects", DX_CELL_NUMBER},    {"links", DX_CELL_NUMBER},
                                             {"unresolved", DX_CELL_NUMBER}, {NULL, DX_CELL_TEXT}};

/* Rows are told when everything has gone well. */
static void add_row(dx_buf *rows, dx_map_builder *map) {
    dx_writer writer;
    dx_writer_init(&writer, rows);
    dx_map_builder_finish(map, &writer);
    rows->error = dx_writer_finish(&writer);
}

static void print_rows(dx_invocation *run, const dx_column *columns, const dx_buf *rows) {
    dx_table table;
    dx_reader reader;
    dx_table_begin(&table, &run->output, columns);
    dx_reader_init(&reader, dx_buf_view(rows));
    while (dx_reader_peek(&reader) != DX_KIND_NONE) {
        dx_table_row(&table, dx_read_item(&reader));
    }
    dx_table_end(&table);
}

static void add_space_row(dx_buf *rows, const dx_archive_space *space) {
    dx_map_builder map;
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_write_text(dx_map_builder_key(&map, "space"), space->space);
    dx_write_text(dx_map_builder_key(&map, "name"), space->name);
    dx_write_uint(dx_map_builder_key(&map, "lines"), space->lines);
    dx_write_uint(dx_map_builder_key(&map, "bytes"), space->bytes);
    add_row(rows, &map);
}

static int fail_file(dx_invocation *run, int error, int number, const char *path) {
    const char *name = strcmp(path, "-") == 0 ? "the archive" : path;
    switch (error) {
    case DX_E_EXISTS:
        return dx_fail(run, error, "another name, or --force", "there is a file %s already", name);
    case DX_E_NOT_FOUND:
        return dx_fail(run, error, NULL, "there is no file %s", name);
    case DX_E_IO:
        return dx_fail(run, error, NULL, "%s: %s", name, strerror(number != 0 ? number : EIO));
    default:
        return dx_fail(run, error, NULL, "%s: %s", name, dx_error_text(error));
    }
}

/* --- Export ------------------------------------------------------------------------------------------- */

typedef struct dx_chosen {
    char space[DX_SPACE_TEXT_MAX];
    char name[DX_ARCHIVE_NAME_SIZE_MAX + 1];
    uint64_t things;
} dx_chosen;

typedef struct dx_choice {
    dx_chosen *spaces;
    size_t count, capacity;
    bool failed;
} dx_choice;

static void choose(void *ctx, dx_bytes row) {
    dx_choice *choice = ctx;
    dx_bytes space = dx_item_text(dx_item_get(row, "space")), name = dx_item_text(dx_item_get(row, "name"));
    if (choice->count == choice->capacity) {
        size_t capacity = choice->capacity == 0 ? 16 : 2 * choice->capacity;
        dx_chosen *spaces = realloc(choice->spaces, capacity * sizeof *spaces);
        if (spaces == NULL) {
            choice->failed = true;
            return;
        }
        choice->spaces = spaces;
        choice->capacity = capacity;
    }
    dx_chosen *chosen = &choice->spaces[choice->count++];
    *chosen = (dx_chosen){.things = (uint64_t)dx_item_int(dx_item_get(row, "objects"), 0) +
                                    (uint64_t)dx_item_int(dx_item_get(row, "links"), 0)};
    snprintf(chosen->space, sizeof chosen->space, "%.*s", (int)space.size,
             space.size == 0 ? "" : (const char *)space.data);
    snprintf(chosen->name, sizeof chosen->name, "%.*s", (int)name.size,
             name.size == 0 ? "" : (const char *)name.data);
}

static void choose_rows(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, choose, ctx);
}

static int choose_named(dx_invocation *run, const char *space, dx_choice *choice) {
    dx_map_builder command;
    dx_buf reply;
    dx_command_begin(&command, "space.status");
    dx_command_text(&command, "space", space);
    int code = dx_vault_ask(run, &command, NULL, NULL, &reply);
    if (code == DX_EXIT_OK) {
        choose(choice, dx_buf_view(&reply));
    }
    dx_buf_deinit(&reply);
    return code;
}

static int choose_spaces(dx_invocation *run, dx_choice *choice) {
    dx_map_builder command;
    int code = DX_EXIT_OK;
    if (run->argument_count > 1) {
        for (size_t i = 1; code == DX_EXIT_OK && i < run->argument_count; i++) {
            code = choose_named(run, run->arguments[i], choice);
        }
    } else {
        dx_command_begin(&command, "space.list");
        code = dx_vault_ask(run, &command, choose_rows, choice, NULL);
    }
    return code == DX_EXIT_OK && choice->failed ? dx_vault_failed(run, DX_E_NO_MEMORY) : code;
}

typedef struct dx_writing {
    dx_archive_writer writer;
    dx_export export;
    dx_progress progress;
    uint64_t done, total;
} dx_writing;

static void write_line(void *ctx, dx_bytes line) {
    dx_writing *writing = ctx;
    dx_archive_add_line(&writing->writer, line);
    writing->export.stopped = writing->writer.error != DX_OK;
    writing->done++;
    dx_progress_update(&writing->progress, writing->done,
                       writing->total > writing->done ? writing->total : 0);
}

static int write_spaces(dx_invocation *run, dx_writing *writing, const dx_choice *choice) {
    int code = DX_EXIT_OK;
    for (size_t i = 0; i < choice->count; i++) {
        writing->total += choice->spaces[i].things;
    }
    for (size_t i = 0; code == DX_EXIT_OK && i < choice->count && writing->writer.error == DX_OK; i++) {
        const dx_chosen *space = &choice->spaces[i];
        writing->export = (dx_export){
            .run = run, .space = space->space, .members = true, .on_line = write_line, .ctx = writing};
        dx_archive_begin_space(&writing->writer, space->space, dx_bytes_text(space->name));
        code = dx_export_run(&writing->export);
        dx_archive_end_space(&writing->writer);
        if (code == DX_EXIT_OK && writing->export.omitted > 0) {
            code = dx_fail(run, DX_E_LIMIT, "dx export SPACE, which leaves them out and says so",
                           "%llu objects of \"%s\" are too large to be exported",
                           (unsigned long long)writing->export.omitted, space->name);
        }
    }
    return code;
}

static int export_spaces(dx_invocation *run, const char *path, const dx_choice *choice) {
    dx_writing *writing = calloc(1, sizeof *writing);
    if (writing == NULL) {
        return dx_vault_failed(run, DX_E_NO_MEMORY);
    }
    int error = dx_archive_create(&writing->writer, path, dx_invocation_has(run, "force"));
    if (error != DX_OK) {
        int number = errno;
        free(writing);
        return fail_file(run, error, number, path);
    }
    dx_progress_begin(&writing->progress, &run->output, "exporting");
    int code = write_spaces(run, writing, choice);
    dx_progress_clear(&writing->progress);
    dx_buf rows;
    dx_buf_init(&rows, dx_host_alloc(), SIZE_MAX / 2);
    for (size_t i = 0; i < writing->writer.count; i++) {
        add_space_row(&rows, &writing->writer.spaces[i]);
    }
    error = dx_archive_finish(&writing->writer, code == DX_EXIT_OK);
    if (code == DX_EXIT_OK && error != DX_OK) {
        code = fail_file(run, error, errno, path);
    }
    if (code == DX_EXIT_OK && strcmp(path, "-") != 0) { /* stdout has the archive */
        print_rows(run, exported_columns, &rows);
    }
    dx_buf_deinit(&rows);
    free(writing);
    return code;
}

int dx_run_space_export(dx_invocation *run) {
    const char *path = dx_invocation_argument(run, 0);
    dx_choice choice = {.count = 0};
    if (strcmp(path, "-") == 0 && dx_terminal_is(STDOUT_FILENO)) {
        return dx_fail(run, DX_E_INVALID, "a file's name", "an archive is not for a terminal");
    }
    int code = choose_spaces(run, &choice);
    if (code == DX_EXIT_OK) {
        code = export_spaces(run, path, &choice);
    }
    free(choice.spaces);
    return code;
}

/* --- Import --------------------------------------------------------------------------------------------- */

typedef struct dx_taking {
    dx_invocation *run;
    dx_archive archive;
    dx_archive_file file;
    dx_progress progress;
    char (*made)[DX_SPACE_TEXT_MAX]; /* spaces, one for each of the archive's at most */
    size_t made_count;
    dx_journal journal; /* which spaces an import of this archive that was ended has made */
    uint64_t left_out;  /* objects that could not be made anew */
    dx_buf rows;
} dx_taking;

static void show_check(void *ctx, uint64_t done, uint64_t total) {
    dx_progress_update(ctx, done, total);
}

static int fail_archive(dx_taking *taking, int error, const char *path) {
    dx_invocation *run = taking->run;
    dx_progress_clear(&taking->progress);
    if (taking->archive.why[0] == 0) {
        return fail_file(run, error, errno, path);
    }
    return dx_fail(run, error, "make the archive anew, or dx import for a file of lines", "%s: %s",
                   strcmp(path, "-") == 0 ? "what stdin brings" : path, taking->archive.why);
}

static int open_archive(dx_taking *taking, const char *path) {
    int error = dx_archive_open(&taking->file, path);
    dx_progress_begin(&taking->progress, &taking->run->output, "checking");
    taking->file.on_progress = show_check;
    taking->file.ctx = &taking->progress;
    if (error == DX_OK) {
        error = dx_archive_check(&taking->archive, dx_archive_file_read, &taking->file);
    }
    dx_progress_clear(&taking->progress);
    return error == DX_OK ? DX_EXIT_OK : fail_archive(taking, error, path);
}

static bool is_wanted(const dx_invocation *run, const dx_archive_space *space) {
    for (size_t i = 1; i < run->argument_count; i++) {
        size_t size = strlen(run->arguments[i]);
        if (strcmp(run->arguments[i], space->name) == 0 ||
            (size >= 4 && strncmp(run->arguments[i], space->space, size) == 0)) {
            return true;
        }
    }
    return run->argument_count <= 1;
}

/* Each space named is in the archive. */
static int check_wanted(dx_taking *taking) {
    dx_invocation *run = taking->run;
    for (size_t i = 1; i < run->argument_count; i++) {
        bool found = false;
        const char *arguments[2] = {"", run->arguments[i]};
        dx_invocation one = {.arguments = arguments, .argument_count = 2};
        for (size_t k = 0; k < taking->archive.count; k++) {
            found = found || is_wanted(&one, &taking->archive.spaces[k]);
        }
        if (!found) {
            return dx_fail(run, DX_E_NOT_FOUND, "dx space import FILE --list",
                           "the archive holds no space \"%s\"", run->arguments[i]);
        }
    }
    return DX_EXIT_OK;
}

static int note(dx_taking *taking, char kind, uint32_t number, dx_bytes text) {
    int error = dx_journal_note(&taking->journal, kind, number, text);
    return error == DX_OK ? DX_EXIT_OK
                          : dx_fail(taking->run, error, "make room on its disk",
                                    "the journal beside the vault cannot be written");
}

/* Whether the space that an earlier run made is here still. */
static bool is_here(dx_taking *taking, dx_bytes id) {
    char text[DX_SPACE_TEXT_MAX];
    dx_map_builder command;
    dx_buf body, reply;
    snprintf(text, sizeof text, "%.*s", (int)id.size, (const char *)id.data);
    dx_command_begin(&command, "space.status");
    dx_command_text(&command, "space", text);
    dx_buf_init(&reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    bool here = dx_command_finish(taking->run, &command, &body) == DX_EXIT_OK &&
                dx_vault_open(taking->run, 0) == DX_EXIT_OK &&
                dx_client_call(taking->run->client, dx_buf_view(&body), NULL, NULL,
                               dx_vault_left_ms(taking->run), &reply) == DX_OK &&
                dx_reply_error(dx_buf_view(&reply)).size == 0;
    dx_buf_deinit(&body);
    dx_buf_deinit(&reply);
    return here;
}

/* Under a request id that is on disk before: an import that was ended here asks again, and the same space answers. */
static int create_space(dx_taking *taking, uint32_t number, const dx_archive_space *space, dx_bytes request) {
    uint8_t own[DX_REQUEST_SIZE];
    dx_map_builder command;
    dx_buf reply;
    int code = DX_EXIT_OK;
    if (request.size != sizeof own) {
        randombytes_buf(own, sizeof own);
        code = note(taking, 'r', number, dx_bytes_of(own, sizeof own));
    } else {
        memcpy(own, request.data, sizeof own);
    }
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_command_begin(&command, "space.create");
    dx_command_text(&command, "name", space->name[0] == 0 ? NULL : unfinished_name);
    code = dx_vault_ask_as(taking->run, &command, own, &reply);
    if (code == DX_EXIT_OK) {
        dx_bytes id = dx_item_text(dx_item_get(dx_buf_view(&reply), "space"));
        snprintf(taking->made[taking->made_count++], DX_SPACE_TEXT_MAX, "%.*s", (int)id.size,
                 id.size == 0 ? "" : (const char *)id.data);
        code = note(taking, 's', number, id);
    }
    dx_buf_deinit(&reply);
    return code;
}

static int make_space(dx_taking *taking, uint32_t number, const dx_archive_space *space) {
    dx_bytes request = {0}, id = {0};
    if (!dx_journal_noted(&taking->journal, 's', number, &id)) {
        (void)dx_journal_noted(&taking->journal, 'r', number, &request);
        return create_space(taking, number, space, request);
    }
    if (id.size >= DX_SPACE_TEXT_MAX || !is_here(taking, id)) {
        return create_space(taking, number, space, (dx_bytes){0}); /* somebody removed it meanwhile */
    }
    snprintf(taking->made[taking->made_count++], DX_SPACE_TEXT_MAX, "%.*s", (int)id.size,
             (const char *)id.data);
    return DX_EXIT_OK;
}

static int name_space(dx_taking *taking, const char *id, const dx_archive_space *space) {
    dx_map_builder command;
    if (space->name[0] == 0) {
        return DX_EXIT_OK;
    }
    dx_command_begin(&command, "space.rename");
    dx_command_text(&command, "space", id);
    dx_command_text(&command, "name", space->name);
    return dx_vault_ask(taking->run, &command, NULL, NULL, NULL);
}

static void add_imported(dx_taking *taking, const char *id, const dx_archive_space *space,
                         const dx_import_result *result) {
    dx_map_builder map;
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_write_text(dx_map_builder_key(&map, "space"), id);
    dx_write_text(dx_map_builder_key(&map, "name"), space->name);
    dx_write_uint(dx_map_builder_key(&map, "objects"), result->objects);
    dx_write_uint(dx_map_builder_key(&map, "links"), result->links);
    dx_write_uint(dx_map_builder_key(&map, "unresolved"), result->unresolved);
    add_row(&taking->rows, &map);
}

/* What an earlier run finished; false: it did not. */
static bool take_finished(dx_taking *taking, uint32_t number, const dx_archive_space *space) {
    dx_import_result result;
    uint64_t counts[4];
    dx_bytes id = {0}, noted = {0};
    if (!dx_journal_noted(&taking->journal, 'f', number, &noted) || noted.size != sizeof counts ||
        !dx_journal_noted(&taking->journal, 's', number, &id) || !is_here(taking, id)) {
        return false;
    }
    char *text = taking->made[taking->made_count++];
    snprintf(text, DX_SPACE_TEXT_MAX, "%.*s", (int)id.size, (const char *)id.data);
    memcpy(counts, noted.data, sizeof counts);
    result = (dx_import_result){.objects = counts[0], .links = counts[1], .unresolved = counts[2]};
    taking->left_out += counts[3];
    add_imported(taking, text, space, &result);
    return true;
}

static int note_finished(dx_taking *taking, uint32_t number, const dx_import_result *result) {
    const uint64_t counts[] = {result->objects, result->links, result->unresolved, result->rejected};
    int code = note(taking, 'f', number, dx_bytes_of((const uint8_t *)counts, sizeof counts));
    if (code == DX_EXIT_OK && result->journal[0] != 0) {
        (void)unlink(result->journal);
    }
    return code;
}

static int take_space(dx_taking *taking, uint32_t number, const dx_archive_space *space, dx_source *source) {
    dx_import_result result = {0};
    if (take_finished(taking, number, space)) {
        return DX_EXIT_OK;
    }
    int code = make_space(taking, number, space);
    if (code != DX_EXIT_OK) {
        return code;
    }
    const char *id = taking->made[taking->made_count - 1];
    if (dx_source_attach(source, taking->file.file, taking->file.size, space->begin, space->parts) != DX_OK) {
        code = dx_fail(taking->run, DX_E_IO, NULL, "the archive cannot be read again");
    } else {
        code = dx_import_source(taking->run, id, source, true, false, &result);
    }
    dx_source_close(source);
    code = code == DX_EXIT_OK ? name_space(taking, id, space) : code;
    code = code == DX_EXIT_OK ? note_finished(taking, number, &result) : code;
    if (code == DX_EXIT_OK) {
        taking->left_out += result.rejected;
        add_imported(taking, id, space, &result);
    }
    return code;
}

/* Also after Ctrl-C and when the time ran out: nothing half done is left. */
static void give_up(dx_taking *taking) {
    dx_invocation *run = taking->run;
    size_t left = 0;
    if (taking->made_count == 0) {
        return;
    }
    dx_vault_close(run); /* nothing that was asked before is answered any more: who asked has gone */
    if (dx_vault_open(run, 0) != DX_EXIT_OK) {
        left = taking->made_count;
    }
    for (size_t i = 0; run->client != NULL && i < taking->made_count; i++) {
        dx_map_builder command;
        dx_buf body, reply;
        dx_command_begin(&command, "space.rm");
        dx_command_text(&command, "space", taking->made[i]);
        dx_buf_init(&reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
        int error = dx_command_finish(run, &command, &body) == DX_EXIT_OK ? DX_OK : DX_E_LIMIT;
        error = error == DX_OK
                    ? dx_client_call(run->client, dx_buf_view(&body), NULL, NULL, REMOVE_MS, &reply)
                    : error;
        left += error != DX_OK || dx_reply_error(dx_buf_view(&reply)).size > 0;
        dx_buf_deinit(&body);
        dx_buf_deinit(&reply);
    }
    dx_output_words(&run->output,
                    left == 0 ? "nothing was imported" : "what was begun is in spaces called \"%s\"",
                    unfinished_name);
}

/* The same archive, with the same spaces wanted of it. */
static int open_journal(dx_taking *taking) {
    crypto_generichash_state hash;
    uint8_t key[DX_JOURNAL_KEY_SIZE];
    dx_vault_folder folder;
    crypto_generichash_init(&hash, NULL, 0, sizeof key);
    for (size_t i = 0; i < taking->archive.count; i++) {
        const dx_archive_space *space = &taking->archive.spaces[i];
        const uint8_t wanted = is_wanted(taking->run, space);
        crypto_generichash_update(&hash, space->hash, sizeof space->hash);
        crypto_generichash_update(&hash, (const uint8_t *)space->name, strlen(space->name) + 1);
        crypto_generichash_update(&hash, &wanted, 1);
    }
    crypto_generichash_final(&hash, key, sizeof key);
    int error = dx_vault_folder_find(taking->run->vault, taking->run->profile, &folder);
    error = error == DX_OK ? dx_journal_open(&taking->journal, folder.path, key) : error;
    if (error == DX_E_BUSY) {
        return dx_fail(taking->run, error, "wait for it to end", "this archive is being imported already");
    }
    return error == DX_OK
               ? DX_EXIT_OK
               : dx_fail(taking->run, error, "dx doctor", "the journal beside the vault cannot be written");
}

static int take_spaces(dx_taking *taking) {
    dx_source *source = calloc(1, sizeof *source);
    taking->made = calloc(taking->archive.count + 1, sizeof *taking->made);
    int code =
        source == NULL || taking->made == NULL ? dx_vault_failed(taking->run, DX_E_NO_MEMORY) : DX_EXIT_OK;
    dx_buf_init(&taking->rows, dx_host_alloc(), SIZE_MAX / 2);
    code = code == DX_EXIT_OK ? open_journal(taking) : code;
    for (size_t i = 0; code == DX_EXIT_OK && i < taking->archive.count; i++) {
        if (is_wanted(taking->run, &taking->archive.spaces[i])) {
            code = take_space(taking, (uint32_t)i, &taking->archive.spaces[i], source);
        }
    }
    if (code == DX_EXIT_OK) {
        print_rows(taking->run, imported_columns, &taking->rows);
        code = taking->left_out > 0 ? DX_EXIT_PARTIAL : code;
    } else {
        give_up(taking);
    }
    if (taking->journal.file >=
        0) { /* all of it is done, or nothing is left of it; who is killed up to here finds it so */
        dx_vault_close(taking->run);
        fflush(stdout);
        dx_journal_forget(&taking->journal);
    }
    dx_buf_deinit(&taking->rows);
    free(source);
    free(taking->made);
    return code;
}

static void list_spaces(dx_taking *taking) {
    dx_buf rows;
    dx_buf_init(&rows, dx_host_alloc(), SIZE_MAX / 2);
    for (size_t i = 0; i < taking->archive.count; i++) {
        add_space_row(&rows, &taking->archive.spaces[i]);
    }
    print_rows(taking->run, exported_columns, &rows);
    dx_buf_deinit(&rows);
}

int dx_run_space_import(dx_invocation *run) {
    dx_taking *taking = calloc(1, sizeof *taking);
    if (taking == NULL) {
        return dx_vault_failed(run, DX_E_NO_MEMORY);
    }
    taking->run = run;
    taking->journal.file = -1;
    int code = open_archive(taking, dx_invocation_argument(run, 0));
    code = code == DX_EXIT_OK ? check_wanted(taking) : code;
    if (code == DX_EXIT_OK && dx_invocation_has(run, "list")) {
        list_spaces(taking);
    } else if (code == DX_EXIT_OK) {
        code = take_spaces(taking);
    }
    dx_archive_deinit(&taking->archive);
    dx_archive_close(&taking->file);
    free(taking);
    return code;
}
