/* dx/import.c: `dx import`: a file of objects and links into a space.
 *
 * The file is read twice. First every name is learned, so that a line may refer to a later one; then objects
 * are added, and after them the links between them, the rest of large objects, and what had been deleted. Where
 * lines of an export refer to one another inside their data, they are read once more when all ids are known, and those
 * members set anew; only then do links need names. Memory: a name, an id and a few bytes per object, 16 bytes per link; an object whose parent stands
 * after it in the file waits in memory. */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "import_state.h"
#include "terminal.h"

/* --- Words
 * ---------------------------------------------------------------------------------------------------- */

/* Also with --quiet, as it is an error; what it says may quote the line. */
void dx_import_print_rejected(uint64_t line, const char *why) {
    dx_buf words;
    dx_buf_init(&words, dx_host_alloc(), 4 * DX_HOST_MESSAGE_MAX);
    dx_terminal_text(dx_bytes_text(why), SIZE_MAX, &words);
    fprintf(stderr, "line %" PRIu64 ": %.*s\n", line, (int)words.size, (const char *)words.data);
    dx_buf_deinit(&words);
}

void dx_import_tell_rejected(void *ctx, uint64_t line, const char *why) {
    dx_import *import = ctx;
    import->rejected++;
    if (import->whole && import->refused == DX_EXIT_OK) {
        dx_progress_clear(&import->progress);
        import->refused = dx_fail(import->run, DX_E_CORRUPT, "make the archive anew",
                                  "line %" PRIu64 " of the space: %s", line, why);
    }
    if (import->whole) {
        return;
    }
    if (import->told < TOLD_MAX) {
        import->told++;
        dx_progress_clear(&import->progress);
        dx_import_print_rejected(line, why);
    } else if (import->told == TOLD_MAX) {
        import->told++;
        fprintf(stderr, "more lines are rejected; they are counted\n");
    }
}

static void show_progress(void *ctx) {
    dx_import *import = ctx;
    uint64_t links = import->edges.size / sizeof(dx_edge) + import->own_links;
    dx_progress_update(&import->progress, import->batches.objects + import->batches.links,
                       import->count + links);
}

int dx_import_fail(dx_import *import, int error) {
    if (import->code != DX_EXIT_OK) {
        return import->code;
    }
    dx_progress_clear(&import->progress);
    if (error == DX_E_MALFORMED) {
        return import->code = dx_fail(import->run, error, "make the file anew",
                                      "the compressed file is damaged or cut short after line %" PRIu64,
                                      import->source->lines.number);
    }
    return import->code = dx_vault_failed(import->run, error);
}

/* Reading and reckoning hear of Ctrl-C and --timeout too. */
static void check_time(dx_import *import) {
    if (import->code == DX_EXIT_OK) {
        import->code = import->refused;
    }
    if (import->code == DX_EXIT_OK && dx_vault_interrupted()) {
        import->code = DX_EXIT_INTERRUPTED;
    } else if (import->code == DX_EXIT_OK && dx_vault_left_ms(import->run) == 0) {
        dx_progress_clear(&import->progress);
        import->code = dx_vault_failed(import->run, DX_E_TIMEOUT);
    }
}

/* --- First reading: names
 * --------------------------------------------------------------------------------------- */

static int learn_aliases(dx_import *import, dx_bytes names) {
    dx_reader reader;
    dx_reader_init(&reader, names);
    size_t count = names.size > 0 && dx_item_kind(names) == DX_KIND_ARRAY ? dx_read_array(&reader) : 0;
    int error = DX_OK;
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        uint32_t number = import->count;
        error = dx_names_add(&import->aliases, dx_read_item(&reader), &number);
    }
    return error;
}

/* Any reference at all is reason to look again: whether it leads to a line is known after the last one. */
static const uint8_t *note_reference(void *ctx, const uint8_t id[static DX_REFERENCE_SIZE]) {
    (void)id;
    ((dx_import *)ctx)->refers = true;
    return NULL;
}

static int look_for_references(dx_import *import, const dx_record *record) {
    bool changed;
    if (import->source->mapping.foreign || import->refers || record->data.size == 0) {
        return DX_OK;
    }
    dx_buf_clear(&import->data);
    return dx_record_rewrite(record->data, note_reference, import, &import->data, &changed);
}

static int learn(dx_import *import, const dx_record *record) {
    const dx_mapping *mapping = &import->source->mapping;
    int error = look_for_references(import, record);
    if (error != DX_OK) {
        return error;
    }
    if (record->kind == DX_RECORD_LINK || record->kind == DX_RECORD_SET) {
        import->own_links += record->kind == DX_RECORD_LINK;
        import->own_sets += record->kind == DX_RECORD_SET;
        return DX_OK;
    }
    if (import->count == DX_BATCH_NONE - 1) {
        return DX_E_LIMIT;
    }
    if (record->key.size > 0) {
        uint32_t number = import->count;
        error = dx_names_add(&import->names, record->key, &number);
        import->twice += number != import->count;
    }
    if (error == DX_OK && mapping->aliases != NULL) {
        error = learn_aliases(import, dx_item_get(record->data, mapping->aliases));
    }
    import->count++;
    return error;
}

static void note_content(dx_import *import) {
    const dx_buf *item = &import->source->item;
    crypto_generichash_update(&import->content, item->data, item->size);
}

static int learn_names(dx_import *import) {
    dx_record record;
    int error = DX_OK;
    dx_progress_work(&import->progress, "reading");
    while (import->code == DX_EXIT_OK && error == DX_OK) {
        error = dx_source_next(import->source, &record);
        if (error == DX_OK) {
            note_content(import);
            error = learn(import, &record);
        } else if (error == DX_E_INVALID) {
            dx_import_tell_rejected(import, import->source->number, import->source->why);
            error = DX_OK;
        }
        dx_progress_update(&import->progress, dx_lines_offset(&import->source->lines),
                           import->source->lines.size);
        check_time(import);
    }
    if (error != DX_E_NOT_FOUND && error != DX_OK) {
        return dx_import_fail(import, error);
    }
    return import->code;
}

uint32_t dx_import_resolve(const dx_import *import, dx_bytes name) {
    uint32_t number = dx_names_find(&import->names, name);
    return number != DX_NAMES_NONE ? number : dx_names_find(&import->aliases, name);
}

/* There is room for as many objects as the first reading counted: a file may grow meanwhile. */
static int fail_grown(dx_import *import) {
    dx_progress_clear(&import->progress);
    return dx_fail(import->run, DX_E_CONFLICT, "a copy of it that nothing writes to",
                   "the file changed while it was read");
}

/* What is done with each record of a kind, members among the objects. Lines are rejected by the same words as in the first reading, where they were told. */
int dx_import_each(dx_import *import, dx_record_kind kind,
                   int (*act)(dx_import *import, const dx_record *record)) {
    dx_record record;
    int error = dx_source_rewind(import->source);
    uint64_t end = kind == DX_RECORD_OBJECT ? import->count
                   : import->refers         ? import->count + import->own_links
                                            : UINT64_MAX;
    while (import->code == DX_EXIT_OK && (error == DX_OK || error == DX_E_INVALID)) {
        error = dx_source_next(import->source, &record);
        dx_record_kind found = record.kind == DX_RECORD_MEMBER ? DX_RECORD_OBJECT : record.kind;
        if (error == DX_OK && found == kind) {
            bool grown = kind != DX_RECORD_SET && import->number >= end;
            import->code = grown ? fail_grown(import) : act(import, &record);
        }
        check_time(import);
    }
    return error == DX_E_NOT_FOUND || import->code != DX_EXIT_OK ? import->code
                                                                 : dx_import_fail(import, error);
}

static int drain(dx_import *import) {
    if (import->code == DX_EXIT_OK) {
        import->code = dx_batches_drain(&import->batches);
    }
    return import->code;
}

/* --- The whole
 * -------------------------------------------------------------------------------------------------------- */

/* The space, the type and the links' types as encoded texts; views are set once the buffer has stopped
 * moving. */
static int encode_types(dx_import *import, const char *space, dx_bytes *space_item) {
    const dx_mapping *mapping = &import->source->mapping;
    size_t ends[DX_MAPPING_LINKS_MAX + 2] = {0};
    const char *texts[DX_MAPPING_LINKS_MAX + 2] = {space, mapping->type};
    dx_bytes *views[DX_MAPPING_LINKS_MAX + 2] = {space_item, &import->type};
    for (size_t i = 0; i < mapping->link_count; i++) {
        texts[i + 2] = mapping->links[i];
        views[i + 2] = &import->link_types[i];
    }
    dx_writer writer;
    dx_writer_init(&writer, &import->types);
    for (size_t i = 0; i < mapping->link_count + 2; i++) {
        if (texts[i] != NULL) {
            dx_write_text(&writer, texts[i]);
        }
        ends[i] = import->types.size;
    }
    int error = dx_writer_finish(&writer);
    if (error != DX_OK) {
        return dx_fail(import->run, error, NULL, "a word of the command line is not UTF-8");
    }
    for (size_t i = 0; i < mapping->link_count + 2; i++) {
        size_t from = i == 0 ? 0 : ends[i - 1];
        *views[i] = dx_bytes_of(import->types.data + from, ends[i] - from);
    }
    return DX_EXIT_OK;
}

/* A name that an object has stays the object's. */
static int learn_link(dx_import *import, const dx_record *record) {
    uint32_t number = import->number++;
    int error = dx_names_add(&import->names, record->key, &number);
    return error == DX_OK ? DX_EXIT_OK : dx_import_fail(import, error);
}

/* The same records by the same options into the same space are the same import. */
static void make_key(dx_import *import, uint8_t key[static DX_JOURNAL_KEY_SIZE]) {
    const dx_mapping *mapping = &import->source->mapping;
    const char *const words[] = {import->space, mapping->type, mapping->key};
    for (size_t i = 0; i < sizeof words / sizeof words[0] + mapping->link_count; i++) {
        const char *word = i < 3 ? words[i] : mapping->links[i - 3];
        word = word == NULL ? "" : word;
        crypto_generichash_update(&import->content, (const uint8_t *)word, strlen(word) + 1);
    }
    crypto_generichash_final(&import->content, key, DX_JOURNAL_KEY_SIZE);
}

static int open_journal(dx_import *import) {
    uint8_t key[DX_JOURNAL_KEY_SIZE];
    dx_vault_folder folder;
    make_key(import, key);
    int error = dx_vault_folder_find(import->run->vault, import->run->profile, &folder);
    error = error == DX_OK ? dx_journal_open(&import->journal, folder.path, key) : error;
    if (error == DX_OK && import->anew && import->journal.count > 0) {
        dx_journal_forget(&import->journal);
        error = dx_journal_open(&import->journal, folder.path, key);
    }
    if (error == DX_E_BUSY) {
        return dx_fail(import->run, error, "wait for it to end", "this file is being imported there already");
    }
    if (error != DX_OK) {
        return dx_fail(import->run, error, "make room on its disk",
                       "the journal beside the vault cannot be written: %s", dx_error_text(error));
    }
    if (import->journal.count > 0) {
        dx_progress_clear(&import->progress);
        dx_output_words(&import->run->output, "an import of this that was not finished goes on");
    }
    return DX_EXIT_OK;
}

static int write_all(dx_import *import) {
    dx_bytes space = {0};
    uint64_t things = import->count + (import->refers ? import->own_links : 0);
    import->code = encode_types(import, import->space, &space);
    if (import->code == DX_EXIT_OK && things >= DX_BATCH_NONE) {
        return dx_import_fail(import, DX_E_LIMIT);
    }
    if (import->code == DX_EXIT_OK) {
        import->code = dx_batches_init(&import->batches, import->run, space, (uint32_t)things);
    }
    if (import->code == DX_EXIT_OK) {
        import->code = open_journal(import);
        import->batches.journal = &import->journal;
    }
    import->number = import->count;
    if (import->code == DX_EXIT_OK && import->refers && import->own_links > 0) {
        dx_import_each(import, DX_RECORD_LINK, learn_link);
    }
    import->number = 0;
    import->batches.on_refused = dx_import_tell_rejected;
    import->batches.on_progress = show_progress;
    import->batches.ctx = import;
    import->stamps = calloc((size_t)import->count + 1, sizeof *import->stamps);
    if (import->code == DX_EXIT_OK && import->stamps == NULL) {
        return dx_import_fail(import, DX_E_NO_MEMORY);
    }
    dx_progress_work(&import->progress, "importing");
    if (import->code != DX_EXIT_OK ||
        dx_import_each(import, DX_RECORD_OBJECT, dx_import_add_object) != DX_EXIT_OK ||
        dx_import_add_waiting(import) != DX_EXIT_OK || drain(import) != DX_EXIT_OK ||
        dx_import_add_edges(import) != DX_EXIT_OK) {
        return import->code;
    }
    import->number = import->count;
    if ((import->own_links > 0 && dx_import_each(import, DX_RECORD_LINK, dx_import_add_link) != DX_EXIT_OK) ||
        drain(import) != DX_EXIT_OK || dx_import_complete(import) != DX_EXIT_OK ||
        drain(import) != DX_EXIT_OK) {
        return import->code;
    }
    import->number = 0;
    if ((import->schemas > 0 &&
         (dx_import_each(import, DX_RECORD_OBJECT, dx_import_add_schema) != DX_EXIT_OK ||
          drain(import) != DX_EXIT_OK)) ||
        dx_import_remove_deleted(import) != DX_EXIT_OK) {
        return import->code;
    }
    return drain(import);
}

static void tell_result(const dx_import *import) {
    if (import->twice > 0) {
        dx_output_words(&import->run->output,
                        "%" PRIu64 " objects have a name that an earlier one had; links lead to the first",
                        import->twice);
    }
    if (import->rejected > 0) {
        dx_output_words(&import->run->output, "%" PRIu64 " lines were rejected", import->rejected);
    }
    if (import->left_out > 0) {
        dx_output_words(&import->run->output, "%" PRIu64 " objects of models of their own were left out",
                        import->left_out);
    }
}

static void print_result(dx_invocation *run, const dx_import_result *result) {
    static const dx_column columns[] = {{"objects", DX_CELL_NUMBER},
                                        {"links", DX_CELL_NUMBER},
                                        {"unresolved", DX_CELL_NUMBER},
                                        {NULL, DX_CELL_TEXT}};
    dx_map_builder map;
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_write_uint(dx_map_builder_key(&map, "objects"), result->objects);
    dx_write_uint(dx_map_builder_key(&map, "links"), result->links);
    dx_write_uint(dx_map_builder_key(&map, "unresolved"), result->unresolved);
    dx_output_map(&run->output, columns, &map);
    dx_output_words(&run->output, "imported in %.1f s", result->seconds);
}

static int take_mapping(dx_invocation *run, dx_mapping *mapping) {
    *mapping =
        (dx_mapping){.type = dx_invocation_option(run, "type"), .key = dx_invocation_option(run, "key")};
    for (size_t i = 0; i < run->given_count; i++) {
        if (strcmp(run->given[i].option->name, "link") == 0) {
            if (mapping->link_count == DX_MAPPING_LINKS_MAX) {
                return dx_fail(run, DX_E_INVALID, NULL, "at most %d fields may be links",
                               DX_MAPPING_LINKS_MAX);
            }
            mapping->links[mapping->link_count++] = run->given[i].value;
        }
    }
    mapping->foreign = mapping->type != NULL || mapping->key != NULL || mapping->link_count > 0;
    return DX_EXIT_OK;
}

static int open_source(dx_invocation *run, dx_source *source) {
    dx_mapping mapping;
    const char *path = dx_invocation_argument(run, 1);
    int code = take_mapping(run, &mapping);
    if (code != DX_EXIT_OK) {
        return code;
    }
    int error = dx_source_open(source, path, &mapping);
    switch (error) {
    case DX_OK:
        return DX_EXIT_OK;
    case DX_E_NOT_FOUND:
        return dx_fail(run, error, NULL, "there is no file %s", path);
    case DX_E_MALFORMED:
        return dx_fail(run, error, "make the file anew", "%s is damaged",
                       strcmp(path, "-") == 0 ? "what stdin brings" : path);
    default:
        return dx_vault_interrupted() ? DX_EXIT_INTERRUPTED
                                      : dx_fail(run, error, NULL, "%s: %s", path, strerror(errno));
    }
}

/* Before a long reading: that there is such a space, and that this identity may write; and its id. */
static int check_space(dx_invocation *run, char id[static DX_SPACE_TEXT_MAX]) {
    dx_map_builder command;
    dx_buf reply;
    dx_command_begin(&command, "space.status");
    dx_command_text(&command, "space", dx_invocation_argument(run, 0));
    int code = dx_vault_ask(run, &command, NULL, NULL, &reply);
    dx_bytes text =
        code == DX_EXIT_OK ? dx_item_text(dx_item_get(dx_buf_view(&reply), "space")) : (dx_bytes){0};
    snprintf(id, DX_SPACE_TEXT_MAX, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
    dx_buf_deinit(&reply);
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_command_begin(&command, "batch");
    dx_command_text(&command, "space", dx_invocation_argument(run, 0));
    dx_write_array(dx_map_builder_key(&command, "ops"), 0);
    return dx_vault_ask(run, &command, NULL, NULL, NULL);
}

static void init(dx_import *import, dx_invocation *run, const char *space, dx_source *source) {
    uint64_t key = 0;
    *import = (dx_import){.run = run, .space = space, .source = source, .journal = {.file = -1}};
    crypto_generichash_init(&import->content, NULL, 0, DX_JOURNAL_KEY_SIZE);
    if (getrandom(&key, sizeof key, 0) != (ssize_t)sizeof key) {
        key = (uint64_t)(uintptr_t)import ^ UINT64_C(0x9e3779b97f4a7c15);
    }
    dx_names_init(&import->names, key);
    dx_names_init(&import->aliases, key);
    dx_buf_init(&import->edges, dx_host_alloc(), SIZE_MAX / 2);
    dx_buf_init(&import->removed, dx_host_alloc(), SIZE_MAX / 2);
    dx_buf_init(&import->waiting, dx_host_alloc(), WAITING_SIZE_MAX);
    dx_buf_init(&import->waiting_bytes, dx_host_alloc(), WAITING_SIZE_MAX);
    dx_buf_init(&import->data, dx_host_alloc(), 2 * DX_LINE_SIZE_MAX);
    dx_buf_init(&import->name, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_buf_init(&import->set, dx_host_alloc(), 2 * DX_LINE_SIZE_MAX);
    dx_buf_init(&import->types, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_buf_init(&import->members, dx_host_alloc(), SIZE_MAX / 2);
    dx_progress_begin(&import->progress, &run->output, "reading");
}

static void deinit(dx_import *import) {
    dx_buf *const buffers[] = {&import->edges,         &import->removed, &import->waiting,
                               &import->waiting_bytes, &import->data,    &import->set,
                               &import->name,          &import->types,   &import->members};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        dx_buf_deinit(buffers[i]);
    }
    dx_batches_deinit(&import->batches);
    dx_names_deinit(&import->names);
    dx_names_deinit(&import->aliases);
    free(import->stamps);
}

int dx_import_source(dx_invocation *run, const char *space, dx_source *source, bool whole, bool anew,
                     dx_import_result *result) {
    dx_import *import = calloc(1, sizeof *import);
    *result = (dx_import_result){0};
    if (import == NULL) {
        return dx_vault_failed(run, DX_E_NO_MEMORY);
    }
    init(import, run, space, source);
    import->whole = whole;
    import->anew = anew;
    int code = learn_names(import);
    code = code == DX_EXIT_OK ? write_all(import) : code;
    code = import->refused != DX_EXIT_OK ? import->refused : code;
    dx_progress_clear(&import->progress);
    *result = (dx_import_result){.objects = import->batches.objects,
                                 .links = import->batches.links,
                                 .unresolved = import->unresolved,
                                 .rejected = import->rejected + import->left_out,
                                 .seconds = dx_progress_seconds(&import->progress)};
    if (code == DX_EXIT_OK) {
        tell_result(import);
        code = import->rejected > 0 || (import->left_out > 0 && !whole) ? DX_EXIT_PARTIAL : code;
    }
    bool done = code == DX_EXIT_OK || code == DX_EXIT_PARTIAL;
    if (done) {
        snprintf(result->journal, sizeof result->journal, "%s", import->journal.path);
    }
    if (!done && whole) { /* nothing of it is kept */
        dx_journal_forget(&import->journal);
    } else {
        dx_journal_close(&import->journal);
    }
    deinit(import);
    free(import);
    return code;
}

int dx_run_import(dx_invocation *run) {
    dx_import_result result = {0};
    dx_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        return dx_vault_failed(run, DX_E_NO_MEMORY);
    }
    char space[DX_SPACE_TEXT_MAX];
    int code = check_space(run, space);
    if (code == DX_EXIT_OK && (code = open_source(run, source)) == DX_EXIT_OK) {
        code = dx_import_source(run, space, source, false, dx_invocation_has(run, "anew"), &result);
        if (code == DX_EXIT_OK || code == DX_EXIT_PARTIAL) {
            print_result(run, &result);
        } else if (result.objects > 0) {
            dx_output_words(&run->output,
                            "%" PRIu64 " objects and %" PRIu64
                            " links were added before that; the same command goes on from there",
                            result.objects, result.links);
        }
    }
    dx_source_close(source);
    free(source);
    if (result.journal[0] != 0) { /* who is killed up to here finds it done */
        dx_vault_close(run);
        fflush(stdout);
        (void)unlink(result.journal);
    }
    return code;
}
