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

#include "batch.h"
#include "import.h"
#include "names.h"
#include "progress.h"
#include "terminal.h"

enum {
    TOLD_MAX = 10,
    WAITING_SIZE_MAX = 1 << 30,
    LIST_MAX = 4096,          /* edits of one operation (docs/spec/list-model.md) */
    OBJECT_SIZE_MAX = 1 << 20 /* what one block takes: no vault makes a larger object at once */
};

typedef struct dx_edge {
    uint32_t source, target;
    uint32_t link; /* which link field */
} dx_edge;

/* An object that waits for its parent: its op with type and data in one buffer. */
typedef struct dx_waiting_object {
    dx_batch_op op;
    size_t at;
    uint32_t next; /* another that waits for the same parent, as index */
} dx_waiting_object;

typedef struct dx_import {
    dx_invocation *run;
    const char *space;
    dx_source *source;
    bool whole, anew;
    crypto_generichash_state content; /* of all records, as they were read */
    dx_journal journal;
    dx_names names, aliases;
    dx_batches batches;
    uint32_t count;        /* objects in the file */
    uint64_t *stamps;      /* of each target: the last source and link field that led to it */
    dx_buf edges, removed; /* dx_edge; uint32_t */
    dx_buf waiting, waiting_bytes;
    dx_buf data, set, name; /* scratch */
    dx_buf types;           /* the encoded types of link fields, one after another */
    dx_bytes type, link_types[DX_MAPPING_LINKS_MAX];
    uint64_t unresolved, own_links, own_sets, schemas, rejected, left_out, twice, told;
    bool refers;      /* data hold references, perhaps to lines: links have numbers too, after the objects */
    bool links_only;  /* references to objects are left as they are */
    bool has_members; /* of the target space were asked for */
    dx_buf members;   /* rows */
    uint32_t number;  /* of the record at hand */
    dx_progress progress;
    int code;
    int refused; /* whole: the exit code that the first rejection ended it with; told */
} dx_import;

/* --- Words
 * ---------------------------------------------------------------------------------------------------- */

/* Also with --quiet, as it is an error; what it says may quote the line. */
static void print_rejected(uint64_t line, const char *why) {
    dx_buf words;
    dx_buf_init(&words, dx_host_alloc(), 4 * DX_HOST_MESSAGE_MAX);
    dx_terminal_text(dx_bytes_text(why), SIZE_MAX, &words);
    fprintf(stderr, "line %" PRIu64 ": %.*s\n", line, (int)words.size, (const char *)words.data);
    dx_buf_deinit(&words);
}

static void tell_rejected(void *ctx, uint64_t line, const char *why) {
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
        print_rejected(line, why);
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

static int fail(dx_import *import, int error) {
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
            tell_rejected(import, import->source->number, import->source->why);
            error = DX_OK;
        }
        dx_progress_update(&import->progress, dx_lines_offset(&import->source->lines),
                           import->source->lines.size);
        check_time(import);
    }
    if (error != DX_E_NOT_FOUND && error != DX_OK) {
        return fail(import, error);
    }
    return import->code;
}

static uint32_t resolve(const dx_import *import, dx_bytes name) {
    uint32_t number = dx_names_find(&import->names, name);
    return number != DX_NAMES_NONE ? number : dx_names_find(&import->aliases, name);
}

/* --- Second reading: objects
 * -------------------------------------------------------------------------------------- */

static bool on_name(void *ctx, size_t link, dx_bytes name) {
    dx_import *import = ctx;
    uint32_t target = resolve(import, name);
    if (target == DX_NAMES_NONE) {
        import->unresolved++;
        return false;
    }
    uint64_t stamp = ((uint64_t)import->number + 1) * DX_MAPPING_LINKS_MAX + link;
    if (import->stamps[target] != stamp) {
        dx_edge edge = {import->number, target, (uint32_t)link};
        dx_buf_append(&import->edges, &edge, sizeof edge);
        import->stamps[target] = stamp;
    }
    return true;
}

/* Keeps an object until its parent is there. */
static int hold(dx_import *import, const dx_batch_op *op) {
    dx_waiting_object waiting = {.op = *op, .at = import->waiting_bytes.size, .next = DX_BATCH_NONE};
    dx_buf_append(&import->waiting_bytes, op->type.data, op->type.size);
    dx_buf_append(&import->waiting_bytes, op->data.data, op->data.size);
    dx_buf_append(&import->waiting_bytes, op->model.data, op->model.size);
    dx_buf_append(&import->waiting, &waiting, sizeof waiting);
    int error = dx_buf_error(&import->waiting_bytes) != DX_OK ? dx_buf_error(&import->waiting_bytes)
                                                              : dx_buf_error(&import->waiting);
    return error == DX_OK ? DX_EXIT_OK : fail(import, error);
}

/* Whether an object of this number is on its way already: they are queued in the order of their numbers, but
 * for those that wait. */
static bool is_queued(const dx_import *import, uint32_t number) {
    const dx_waiting_object *waiting = (const dx_waiting_object *)(const void *)import->waiting.data;
    size_t low = 0, high = import->waiting.size / sizeof *waiting;
    while (low < high) { /* the waiting stand in the order of their numbers too */
        size_t middle = low + (high - low) / 2;
        if (waiting[middle].op.number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool waits = low < import->waiting.size / sizeof *waiting && waiting[low].op.number == number;
    return number < import->number && !waits;
}

static void keep_member(void *ctx, dx_bytes row) {
    dx_import *import = ctx;
    dx_buf_append(&import->members, row.data, row.size);
}

static void keep_members(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, keep_member, ctx);
}

static int ask_members(dx_import *import) {
    dx_map_builder command;
    import->has_members = true;
    dx_command_begin(&command, "space.members");
    dx_command_text(&command, "space", import->space);
    int code = dx_vault_ask(import->run, &command, keep_members, import, NULL);
    int error = dx_buf_error(&import->members);
    return import->code = code == DX_EXIT_OK && error != DX_OK ? dx_vault_failed(import->run, error) : code;
}

/* Who is a member here too is the same person. */
static int find_member(dx_import *import, const dx_record *record) {
    dx_reader reader;
    uint8_t id[DX_REFERENCE_SIZE];
    if (!import->has_members && ask_members(import) != DX_EXIT_OK) {
        return import->code;
    }
    dx_reader_init(&reader, dx_buf_view(&import->members));
    while (dx_reader_peek(&reader) != DX_KIND_NONE) {
        dx_bytes row = dx_read_item(&reader);
        if (dx_bytes_equal(dx_item_get(row, "identity"), record->member) &&
            dx_reference_parse(dx_item_text(dx_item_get(row, "object")), id) == DX_OK) {
            dx_batches_learn(&import->batches, import->number, id);
        }
    }
    import->number++;
    return DX_EXIT_OK;
}

static bool is_schema(const dx_import *import, const dx_record *record) {
    return !import->source->mapping.foreign &&
           dx_bytes_equal(dx_item_text(record->type), dx_bytes_text("dx.schema"));
}

/* Last of all: objects that are as no definition says come back all the same. */
static int add_schema(dx_import *import, const dx_record *record) {
    uint32_t number = import->number++;
    if (!is_schema(import, record)) {
        return import->code;
    }
    return dx_batches_add(&import->batches, &(dx_batch_op){.kind = DX_BATCH_ADD,
                                                           .number = number,
                                                           .source = DX_BATCH_NONE,
                                                           .target = DX_BATCH_NONE,
                                                           .line = import->source->number,
                                                           .type = record->type,
                                                           .data = record->data});
}

/* --- Objects with a model of their own --- */

static const uint8_t *find_any(void *ctx, const uint8_t id[static DX_REFERENCE_SIZE]) {
    (void)id;
    *(bool *)ctx = true;
    return NULL;
}

/* What is asked of an empty object of the model, so that it shows the same, in import->data; NULL, or why there is none. What
 * others did to it, and who they are, cannot be said again in one person's name. */
static const char *make_operation(dx_import *import, const dx_record *record) {
    dx_bytes model = dx_item_text(record->model), data = record->data;
    dx_kind kind = data.size > 0 ? dx_item_kind(data) : DX_KIND_NULL;
    bool refers = false, changed;
    dx_buf_clear(&import->data);
    if (data.size > 0 && dx_record_rewrite(data, find_any, &refers, &import->data, &changed) != DX_OK) {
        return "what it shows cannot be read";
    }
    dx_buf_clear(&import->data);
    if (refers) {
        return "an object with a model of its own that refers to others cannot be made anew";
    }
    if (dx_bytes_equal(model, dx_bytes_text("dx/counter/1")) && kind == DX_KIND_INT) {
        if (dx_item_int(data, 0) != 0) {
            dx_buf_append(&import->data, data.data, data.size);
        }
        return NULL;
    }
    if (dx_bytes_equal(model, dx_bytes_text("dx/list/1")) && kind == DX_KIND_ARRAY) {
        dx_reader reader;
        dx_writer writer;
        dx_reader_init(&reader, data);
        size_t count = dx_read_array(&reader);
        if (count > LIST_MAX) {
            return "a list of more than 4,096 values cannot be made anew at once";
        }
        if (count > 0) {
            dx_writer_init(&writer, &import->data);
            dx_write_map(&writer, 2);
            dx_write_text(&writer, "insert");
            dx_write_int(&writer, 0);
            dx_write_text(&writer, "values");
            dx_write_item(&writer, data);
        }
        return NULL;
    }
    return "an object of this model cannot be made anew from what it shows";
}

/* Counted and told, and no reason to give up a whole archive. */
static void tell_left_out(dx_import *import, const char *why) {
    import->left_out++;
    dx_progress_clear(&import->progress);
    if (import->left_out <= TOLD_MAX) {
        print_rejected(import->source->number, why);
    }
}

static int add_object(dx_import *import, const dx_record *record) {
    const dx_mapping *mapping = &import->source->mapping;
    if (is_schema(import, record)) {
        import->schemas++;
        if (record->deleted) {
            dx_buf_append(&import->removed, &import->number, sizeof import->number);
        }
        import->number++;
        return import->code;
    }
    if (record->kind == DX_RECORD_MEMBER) {
        return find_member(import, record);
    }
    dx_batch_op op = {.kind = DX_BATCH_ADD,
                      .number = import->number,
                      .source = DX_BATCH_NONE,
                      .target = DX_BATCH_NONE,
                      .line = import->source->number,
                      .type = record->type,
                      .data = record->data};
    int code = DX_EXIT_OK;
    const char *why = record->model.size > 0 ? make_operation(import, record) : NULL;
    if (why != NULL) {
        tell_left_out(import, why);
        import->number++;
        return import->code;
    }
    if (record->model.size > 0) {
        op.model = record->model;
        op.data = dx_buf_view(&import->data);
    }
    if (mapping->foreign) {
        dx_buf_clear(&import->data);
        int error = dx_record_write_data(mapping, record, on_name, import, &import->data);
        error = error == DX_OK ? dx_buf_error(&import->edges) : error;
        if (error != DX_OK) {
            return fail(import, error);
        }
        op.type = import->type;
        op.data = dx_buf_view(&import->data);
    } else if (record->parent.size > 0) {
        op.source = resolve(import, record->parent);
        import->unresolved += op.source == DX_BATCH_NONE;
    }
    if (op.data.size > OBJECT_SIZE_MAX) {
        tell_rejected(import, import->source->number,
                      "the object is larger than 1 MiB, which is all that one block takes");
        import->number++;
        return import->code;
    }
    if (op.source != DX_BATCH_NONE && !is_queued(import, op.source)) {
        code = hold(import, &op);
    } else {
        code = dx_batches_add(&import->batches, &op);
    }
    if (record->deleted) {
        dx_buf_append(&import->removed, &import->number, sizeof import->number);
    }
    import->number++;
    return code;
}

/* There is room for as many objects as the first reading counted: a file may grow meanwhile. */
static int fail_grown(dx_import *import) {
    dx_progress_clear(&import->progress);
    return dx_fail(import->run, DX_E_CONFLICT, "a copy of it that nothing writes to",
                   "the file changed while it was read");
}

/* What is done with each record of a kind, members among the objects. Lines are rejected by the same words as in the first reading, where they were told. */
static int each_record(dx_import *import, dx_record_kind kind,
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
    return error == DX_E_NOT_FOUND || import->code != DX_EXIT_OK ? import->code : fail(import, error);
}

/* Adds what waited, from the parents that are there downwards; what is left hangs in a circle, or from an
 * object that was refused, and is added without its parent. */
static int add_waiting(dx_import *import) {
    dx_waiting_object *waiting = (dx_waiting_object *)(void *)import->waiting.data;
    size_t count = import->waiting.size / sizeof *waiting;
    uint32_t *first = malloc(((size_t)import->count + 1) * sizeof *first),
             *queue = malloc((count + 1) * sizeof *queue);
    if (first == NULL || queue == NULL) {
        free(first);
        free(queue);
        return fail(import, DX_E_NO_MEMORY);
    }
    memset(first, 0xff, ((size_t)import->count + 1) * sizeof *first);
    size_t begun = 0, ended = 0;
    for (uint32_t i = (uint32_t)count; i-- > 0;) {
        waiting[i].next = first[waiting[i].op.source];
        first[waiting[i].op.source] = i;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (is_queued(import, waiting[i].op.source)) {
            queue[ended++] = i;
        }
    }
    int code = import->code;
    for (size_t swept = 0; code == DX_EXIT_OK && begun < count;) {
        if (begun == ended) { /* only circles are left: one of them is cut */
            while (waiting[swept].at == SIZE_MAX) {
                swept++;
            }
            waiting[swept].op.source = DX_BATCH_NONE;
            import->unresolved++;
            queue[ended++] = (uint32_t)swept;
        }
        dx_waiting_object *object = &waiting[queue[begun++]];
        if (object->at == SIZE_MAX) {
            continue;
        }
        dx_batch_op op = object->op;
        op.type.data = import->waiting_bytes.data + object->at;
        op.data.data = op.type.data + op.type.size;
        op.model.data = op.data.data + op.data.size;
        object->at = SIZE_MAX;
        code = dx_batches_add(&import->batches, &op);
        for (uint32_t child = first[op.number]; child != DX_BATCH_NONE && ended < count;
             child = waiting[child].next) {
            queue[ended++] = child;
        }
    }
    free(first);
    free(queue);
    return import->code = code;
}

static int drain(dx_import *import) {
    if (import->code == DX_EXIT_OK) {
        import->code = dx_batches_drain(&import->batches);
    }
    return import->code;
}

/* --- References inside data ---------------------------------------------------------------------------------- */

/* As the names of the lines are kept. */
static dx_bytes encode_text(const char *text, dx_buf *room) {
    dx_writer writer;
    dx_buf_clear(room);
    dx_writer_init(&writer, room);
    dx_write_text(&writer, text);
    return dx_writer_finish(&writer) == DX_OK ? dx_buf_view(room) : (dx_bytes){0};
}

static const uint8_t *find_line(void *ctx, const uint8_t id[static DX_REFERENCE_SIZE]) {
    dx_import *import = ctx;
    char text[DX_REFERENCE_TEXT_MAX];
    dx_reference_print(id, text);
    uint32_t number = resolve(import, encode_text(text, &import->name));
    bool passed_over = number == DX_NAMES_NONE || (import->links_only && number < import->count);
    return passed_over ? NULL : dx_batches_id(&import->batches, number);
}

static int queue_set(dx_import *import, uint32_t number, dx_bytes set) {
    dx_batch_op op = {.kind = DX_BATCH_SET, .number = number, .line = import->source->number, .data = set};
    return import->code = dx_batches_add(&import->batches, &op);
}

/* --- Links, and what was deleted
 * ------------------------------------------------------------------------------------ */

static int add_link(dx_import *import, dx_batch_op *op) {
    if (!dx_batches_knows(&import->batches, op->source) || !dx_batches_knows(&import->batches, op->target)) {
        import->unresolved++;
        return DX_EXIT_OK;
    }
    return dx_batches_add(&import->batches, op);
}

static int add_own_link(dx_import *import, const dx_record *record) {
    dx_bytes data = record->data;
    bool changed;
    if (import->refers && data.size > 0) {
        dx_buf_clear(&import->data);
        int error = dx_record_rewrite(data, find_line, import, &import->data, &changed);
        if (error != DX_OK) {
            return fail(import, error);
        }
        data = dx_buf_view(&import->data);
    }
    uint32_t number = import->refers ? import->number++ : DX_BATCH_NONE;
    if (record->deleted && import->refers) {
        dx_buf_append(&import->removed, &number, sizeof number);
    }
    dx_batch_op op = {.kind = DX_BATCH_LINK,
                      .removed = record->deleted && !import->refers,
                      .number = number,
                      .source = resolve(import, record->source),
                      .target = resolve(import, record->target),
                      .line = import->source->number,
                      .type = record->type,
                      .data = data};
    return add_link(import, &op);
}

static int add_edges(dx_import *import) {
    const dx_edge *edges = (const dx_edge *)(const void *)import->edges.data;
    for (size_t i = 0; import->code == DX_EXIT_OK && i < import->edges.size / sizeof *edges; i++) {
        dx_batch_op op = {.kind = DX_BATCH_LINK,
                          .number = DX_BATCH_NONE,
                          .source = edges[i].source,
                          .target = edges[i].target,
                          .type = import->link_types[edges[i].link]};
        import->code = add_link(import, &op);
    }
    return import->code;
}

/* --- What needs all ids: references, and the rest of large objects --------------------------------------------- */

/* The members of an object or link that refer to lines, as they are to be now. */
static int set_references(dx_import *import, const dx_record *record) {
    uint32_t number = import->number++;
    dx_reader reader;
    dx_reader_init(&reader, record->data);
    size_t count =
        record->data.size > 0 && dx_batches_knows(&import->batches, number) ? dx_read_map(&reader) : 0;
    for (; import->code == DX_EXIT_OK && count > 0; count--) {
        bool changed;
        dx_bytes key = dx_read_item(&reader), value = dx_read_item(&reader);
        dx_buf_clear(&import->data);
        dx_buf_clear(&import->set);
        int error = dx_record_rewrite(value, find_line, import, &import->data, &changed);
        if (error == DX_OK && changed) {
            error = dx_record_write_set(key, dx_buf_view(&import->data), &import->set);
        }
        if (error != DX_OK) {
            return fail(import, error);
        }
        if (changed) {
            queue_set(import, number, dx_buf_view(&import->set));
        }
    }
    return import->code;
}

/* A link was made with the ids of objects that its data name; those of links are known only now. */
static int set_link_references(dx_import *import, const dx_record *record) {
    bool changed = false;
    dx_buf_clear(&import->data);
    import->links_only = true;
    int error = record->data.size == 0
                    ? DX_OK
                    : dx_record_rewrite(record->data, find_line, import, &import->data, &changed);
    import->links_only = false;
    if (error != DX_OK) {
        return fail(import, error);
    }
    if (changed) {
        return set_references(import, record);
    }
    import->number++;
    return import->code;
}

static int set_more(dx_import *import, const dx_record *record) {
    bool changed;
    uint32_t number = resolve(import, record->key);
    if (!dx_batches_knows(&import->batches, number)) {
        import->unresolved++;
        return import->code;
    }
    dx_buf_clear(&import->data);
    int error = dx_record_rewrite(record->data, find_line, import, &import->data, &changed);
    return error != DX_OK ? fail(import, error) : queue_set(import, number, dx_buf_view(&import->data));
}

/* All objects and links have their ids. */
static int complete(dx_import *import) {
    if (import->own_sets > 0 && each_record(import, DX_RECORD_SET, set_more) != DX_EXIT_OK) {
        return import->code;
    }
    if (!import->refers) {
        return import->code;
    }
    import->number = 0;
    if (each_record(import, DX_RECORD_OBJECT, set_references) != DX_EXIT_OK) {
        return import->code;
    }
    import->number = import->count;
    return import->own_links > 0 ? each_record(import, DX_RECORD_LINK, set_link_references) : import->code;
}

static int remove_deleted(dx_import *import) {
    const uint32_t *removed = (const uint32_t *)(const void *)import->removed.data;
    for (size_t i = 0; import->code == DX_EXIT_OK && i < import->removed.size / sizeof *removed; i++) {
        if (dx_batches_knows(&import->batches, removed[i])) {
            import->code = dx_batches_add(&import->batches,
                                          &(dx_batch_op){.kind = DX_BATCH_REMOVE, .number = removed[i]});
        }
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
    return error == DX_OK ? DX_EXIT_OK : fail(import, error);
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
        return fail(import, DX_E_LIMIT);
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
        each_record(import, DX_RECORD_LINK, learn_link);
    }
    import->number = 0;
    import->batches.on_refused = tell_rejected;
    import->batches.on_progress = show_progress;
    import->batches.ctx = import;
    import->stamps = calloc((size_t)import->count + 1, sizeof *import->stamps);
    if (import->code == DX_EXIT_OK && import->stamps == NULL) {
        return fail(import, DX_E_NO_MEMORY);
    }
    dx_progress_work(&import->progress, "importing");
    if (import->code != DX_EXIT_OK || each_record(import, DX_RECORD_OBJECT, add_object) != DX_EXIT_OK ||
        add_waiting(import) != DX_EXIT_OK || drain(import) != DX_EXIT_OK || add_edges(import) != DX_EXIT_OK) {
        return import->code;
    }
    import->number = import->count;
    if ((import->own_links > 0 && each_record(import, DX_RECORD_LINK, add_own_link) != DX_EXIT_OK) ||
        drain(import) != DX_EXIT_OK || complete(import) != DX_EXIT_OK || drain(import) != DX_EXIT_OK) {
        return import->code;
    }
    import->number = 0;
    if ((import->schemas > 0 &&
         (each_record(import, DX_RECORD_OBJECT, add_schema) != DX_EXIT_OK || drain(import) != DX_EXIT_OK)) ||
        remove_deleted(import) != DX_EXIT_OK) {
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
