/* bench/text.c: what the text engine costs, on editing traces, beside a bare gap buffer as the floor.
 *
 * Usage: bench-text [--rounds N] [TRACE.json[.gz]…]; without traces those of the folder DX_TRACES. Prints JSON lines {trace,
 * engine, what, value, unit}. Times are CPU time of this process, the median of the rounds after one that is not measured;
 * memory is what the engine's allocator holds. Programs from npm print the same lines (bench/peers/text.mjs). */
#include "traces.h"

#include <dirent.h>
#include <dxos/host.h>
#include <dxos/text.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS_MAX = 99 };

static size_t rounds = 7;

/* --- Measuring ------------------------------------------------------------------------------- */

static _Noreturn void stop_with(const char *what, int error) {
    fprintf(stderr, "bench-text: %s: %s\n", what, dx_error_text(error));
    exit(1);
}

static void must(int error, const char *what) {
    if (error != DX_OK) {
        stop_with(what, error);
    }
}

static double cpu_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void line(const char *name, const char *engine, const char *what, double value, const char *unit) {
    printf("{\"trace\":\"%s\",\"engine\":\"%s\",\"what\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"}\n", name,
           engine, what, value, unit);
    fflush(stdout);
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* One round of a measurement: says how long the part that counts took. */
typedef double round_of(void *ctx);

static double median(round_of *round, void *ctx) {
    double seconds[ROUNDS_MAX];
    round(ctx);
    for (size_t i = 0; i < rounds; i++) {
        seconds[i] = round(ctx);
    }
    qsort(seconds, rounds, sizeof *seconds, compare);
    return seconds[rounds / 2];
}

/* An allocator that counts what is held. */
static size_t held;

static void *counted(void *ctx, void *old, size_t old_size, size_t size) {
    (void)ctx;
    held += size - old_size;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, size);
}

static const dx_alloc counting = {NULL, counted};

/* --- Documents ------------------------------------------------------------------------------- */

typedef struct document {
    dx_text_doc *doc;
    dx_text_type type;
} document;

static document open_document(uint64_t client) {
    document it;
    dx_text_options options = {.client = client, .unit = DX_TEXT_UTF16};
    must(dx_text_create(&counting, &options, &it.doc), "a document");
    must(dx_text_root(it.doc, "text", DX_TEXT_KIND_TEXT, &it.type), "its text");
    return it;
}

static void make_edit(document *it, const trace_edit *edit) {
    if (edit->removed > 0) {
        must(dx_text_delete(it->doc, it->type, edit->at, edit->removed), "deleting");
    }
    if (edit->inserted.size > 0) {
        must(dx_text_insert(it->doc, it->type, edit->at, edit->inserted, NULL), "inserting");
    }
}

static void check_text(const document *it, dx_bytes expected, const char *what) {
    dx_buf text;
    dx_buf_init(&text, &counting, SIZE_MAX);
    must(dx_text_read(it->doc, it->type, &text), "reading");
    if (expected.data != NULL && !dx_bytes_equal(dx_buf_view(&text), expected)) {
        fprintf(stderr, "bench-text: %s: the text is another\n", what);
        exit(1);
    }
    dx_buf_deinit(&text);
}

/* Updates in a row: bytes, and where each ends. */
typedef struct stream {
    dx_buf bytes;
    size_t *ends;
    size_t count, room;
} stream;

static void stream_mark(stream *it) {
    if (it->count == it->room) {
        it->room = it->room * 2 + 1024;
        it->ends = realloc(it->ends, it->room * sizeof *it->ends);
        if (it->ends == NULL) {
            stop_with("updates", DX_E_NO_MEMORY);
        }
    }
    it->ends[it->count++] = it->bytes.size;
}

static dx_bytes stream_at(const stream *it, size_t i) {
    size_t from = i > 0 ? it->ends[i - 1] : 0;
    return (dx_bytes){it->bytes.data + from, it->ends[i] - from};
}

/* --- The floor ------------------------------------------------------------------------------- */

typedef struct gap_buffer {
    uint16_t *units;
    size_t gap, behind, size; /* the gap; units behind it; room of all */
} gap_buffer;

static void gap_edit(gap_buffer *it, const trace_edit *edit, const uint16_t *units, size_t count) {
    size_t at = edit->at;
    if (at < it->gap) {
        memmove(it->units + it->size - it->behind - (it->gap - at), it->units + at,
                (it->gap - at) * sizeof *units);
        it->behind += it->gap - at;
    } else if (at > it->gap) {
        memmove(it->units + it->gap, it->units + it->size - it->behind, (at - it->gap) * sizeof *units);
        it->behind -= at - it->gap;
    }
    it->gap = at;
    it->behind -= edit->removed;
    memcpy(it->units + at, units, count * sizeof *units);
    it->gap += count;
}

typedef struct floor_run {
    const text_trace *trace;
    gap_buffer buffer;
    uint16_t *units; /* of all that is inserted */
    size_t *ends;
} floor_run;

static double floor_round(void *ctx) {
    floor_run *it = ctx;
    it->buffer.gap = it->buffer.behind = 0;
    double began = cpu_now();
    for (size_t i = 0; i < it->trace->edit_count; i++) {
        size_t from = i > 0 ? it->ends[i - 1] : 0;
        gap_edit(&it->buffer, &it->trace->edits[i], it->units + from, it->ends[i] - from);
    }
    return cpu_now() - began;
}

static void measure_floor(const text_trace *trace) {
    size_t bytes = 0, count = 0;
    for (size_t i = 0; i < trace->edit_count; i++) {
        bytes += trace->edits[i].inserted.size;
    }
    floor_run it = {.trace = trace,
                    .units = malloc((bytes + 1) * 2),
                    .ends = malloc(trace->edit_count * sizeof *it.ends)};
    it.buffer = (gap_buffer){.units = malloc((bytes + 1) * 2), .size = bytes + 1};
    if (it.units == NULL || it.ends == NULL || it.buffer.units == NULL) {
        stop_with("the floor", DX_E_NO_MEMORY);
    }
    for (size_t i = 0; i < trace->edit_count; i++) {
        dx_bytes text = trace->edits[i].inserted;
        for (size_t at = 0; at < text.size;) {
            uint8_t lead = text.data[at];
            size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : 3;
            uint32_t unit = lead < 0x80 ? lead : lead & (size == 2 ? 0x1fu : 0x0fu);
            for (size_t k = 1; k < size; k++) {
                unit = unit << 6 | (text.data[at + k] & 0x3fu);
            }
            it.units[count++] = (uint16_t)unit;
            at += size;
        }
        it.ends[i] = count;
    }
    line(trace->name, "gap buffer", "local edit", median(floor_round, &it) * 1e9 / (double)trace->edit_count,
         "ns/edit");
    free(it.units);
    free(it.ends);
    free(it.buffer.units);
}

/* --- Edits of one's own ---------------------------------------------------------------------- */

typedef struct edit_run {
    const text_trace *trace;
    size_t count; /* of the edits to be made */
    bool with_updates;
    stream updates; /* of the last round */
    document it;    /* of the last round, open */
    uint64_t client;
} edit_run;

static double edit_round(void *ctx) {
    edit_run *run = ctx;
    dx_text_destroy(run->it.doc);
    run->it = open_document(run->client);
    dx_buf_clear(&run->updates.bytes);
    run->updates.count = 0;
    double began = cpu_now();
    for (size_t i = 0; i < run->count; i++) {
        if (run->with_updates) {
            must(dx_text_begin(run->it.doc), "a transaction");
            make_edit(&run->it, &run->trace->edits[i]);
            must(dx_text_commit(run->it.doc, DX_TEXT_V1, &run->updates.bytes), "its update");
            stream_mark(&run->updates);
        } else {
            make_edit(&run->it, &run->trace->edits[i]);
        }
    }
    return cpu_now() - began;
}

static void edit_run_init(edit_run *run, const text_trace *trace, uint64_t client, size_t count) {
    *run = (edit_run){.trace = trace, .client = client, .count = count};
    dx_buf_init(&run->updates.bytes, dx_host_alloc(), SIZE_MAX);
}

static void edit_run_deinit(edit_run *run) {
    dx_text_destroy(run->it.doc);
    dx_buf_deinit(&run->updates.bytes);
    free(run->updates.ends);
}

/* --- Updates of others ----------------------------------------------------------------------- */

typedef struct apply_run {
    const stream *updates; /* one after another, after `base` */
    dx_text_form form;
    dx_bytes base; /* size 0: none; not measured */
    document it;   /* of the last round, open */
} apply_run;

static double apply_round(void *ctx) {
    apply_run *run = ctx;
    dx_text_destroy(run->it.doc);
    run->it = open_document(999);
    if (run->base.size > 0) {
        must(dx_text_apply(run->it.doc, DX_TEXT_V1, run->base), "the base");
    }
    double began = cpu_now();
    for (size_t i = 0; i < run->updates->count; i++) {
        must(dx_text_apply(run->it.doc, run->form, stream_at(run->updates, i)), "an update");
    }
    return cpu_now() - began;
}

static void measure_stream(const text_trace *trace, const stream *updates, dx_bytes expected) {
    apply_run run = {.updates = updates, .form = DX_TEXT_V1};
    double seconds = median(apply_round, &run);
    check_text(&run.it, expected, trace->name);
    line(trace->name, "dxos", "remote updates streamed", seconds * 1e3, "ms");
    line(trace->name, "dxos", "remote update", seconds * 1e6 / (double)updates->count, "us/update");
    dx_text_destroy(run.it.doc);
}

/* Loading and sizes of a document that was made. */
static void measure_state(const text_trace *trace, const document *made, dx_bytes expected) {
    for (dx_text_form form = DX_TEXT_V1; form <= DX_TEXT_V2; form++) {
        stream whole = {0};
        dx_buf_init(&whole.bytes, dx_host_alloc(), SIZE_MAX);
        must(dx_text_encode(made->doc, form, (dx_bytes){NULL, 0}, &whole.bytes), "encoding");
        stream_mark(&whole);
        apply_run run = {.updates = &whole, .form = form};
        double seconds = median(apply_round, &run);
        check_text(&run.it, expected, trace->name);
        line(trace->name, "dxos", form == DX_TEXT_V1 ? "bytes v1" : "bytes v2", (double)whole.bytes.size,
             "B");
        line(trace->name, "dxos", form == DX_TEXT_V1 ? "load v1" : "load v2", seconds * 1e3, "ms");
        if (form == DX_TEXT_V2) {
            dx_text_destroy(run.it.doc);
            run.it.doc = NULL;
            size_t before = held;
            apply_round(&run);
            line(trace->name, "dxos", "memory after load", (double)(held - before), "B");
        }
        dx_text_destroy(run.it.doc);
        dx_buf_deinit(&whole.bytes);
        free(whole.ends);
    }
}

/* --- At rest ---------------------------------------------------------------------------------- */

typedef struct rest_run {
    const dx_text_doc *doc;
    dx_buf checkpoint, text;
} rest_run;

static double save_round(void *ctx) {
    rest_run *run = ctx;
    dx_buf_clear(&run->checkpoint);
    double began = cpu_now();
    must(dx_text_save(run->doc, &run->checkpoint), "saving");
    return cpu_now() - began;
}

static double text_round(void *ctx) {
    rest_run *run = ctx;
    bool plain;
    dx_buf_clear(&run->text);
    double began = cpu_now();
    must(dx_text_checkpoint_text(&counting, dx_buf_view(&run->checkpoint), "text", &run->text, &plain),
         "its text");
    return cpu_now() - began;
}

static double open_round(void *ctx) {
    rest_run *run = ctx;
    document it = {.doc = NULL};
    const dx_text_options options = {.client = 999, .unit = DX_TEXT_UTF16};
    double began = cpu_now();
    must(dx_text_open(&counting, &options, dx_buf_view(&run->checkpoint), &it.doc), "opening");
    double seconds = cpu_now() - began;
    must(dx_text_root(it.doc, "text", DX_TEXT_KIND_TEXT, &it.type), "its text");
    check_text(&it, dx_buf_view(&run->text), "a checkpoint");
    dx_text_destroy(it.doc);
    return seconds;
}

/* What a document takes that is kept, and what it costs to keep it and to have it back. */
static void measure_rest(const text_trace *trace, const document *made) {
    rest_run run = {.doc = made->doc};
    dx_buf_init(&run.checkpoint, &counting, SIZE_MAX);
    dx_buf_init(&run.text, &counting, SIZE_MAX);
    line(trace->name, "dxos", "save checkpoint", median(save_round, &run) * 1e3, "ms");
    line(trace->name, "dxos", "bytes at rest", (double)run.checkpoint.size, "B");
    line(trace->name, "dxos", "load checkpoint to text", median(text_round, &run) * 1e3, "ms");
    check_text(made, dx_buf_view(&run.text), trace->name);
    line(trace->name, "dxos", "load checkpoint", median(open_round, &run) * 1e3, "ms");
    dx_buf_deinit(&run.checkpoint);
    dx_buf_deinit(&run.text);
}

/* --- Traces of one author -------------------------------------------------------------------- */

static void measure_branches(const text_trace *trace) {
    edit_run left, right;
    size_t half = trace->edit_count / 2;
    edit_run_init(&left, trace, 1, half);
    edit_run_init(&right, trace, 2, half);
    edit_round(&left);
    edit_round(&right);
    stream update = {0};
    dx_buf base;
    dx_buf_init(&base, dx_host_alloc(), SIZE_MAX);
    dx_buf_init(&update.bytes, dx_host_alloc(), SIZE_MAX);
    must(dx_text_encode(left.it.doc, DX_TEXT_V1, (dx_bytes){NULL, 0}, &base), "encoding");
    must(dx_text_encode(right.it.doc, DX_TEXT_V1, (dx_bytes){NULL, 0}, &update.bytes), "encoding");
    stream_mark(&update);
    apply_run run = {.updates = &update, .form = DX_TEXT_V1, .base = dx_buf_view(&base)};
    line(trace->name, "dxos", "two branches merged", median(apply_round, &run) * 1e3, "ms");
    dx_text_destroy(run.it.doc);
    dx_buf_deinit(&base);
    dx_buf_deinit(&update.bytes);
    free(update.ends);
    edit_run_deinit(&left);
    edit_run_deinit(&right);
}

static void measure_one_author(const text_trace *trace) {
    edit_run run;
    edit_run_init(&run, trace, 1, trace->edit_count);
    measure_floor(trace);
    line(trace->name, "dxos", "local edit", median(edit_round, &run) * 1e9 / (double)run.count, "ns/edit");
    check_text(&run.it, trace->end, trace->name);
    dx_text_destroy(run.it.doc);
    run.it.doc = NULL;
    size_t before = held;
    edit_round(&run);
    line(trace->name, "dxos", "memory after edits", (double)(held - before), "B");
    measure_state(trace, &run.it, trace->end);
    measure_rest(trace, &run.it);
    run.with_updates = true;
    line(trace->name, "dxos", "local edit with update", median(edit_round, &run) * 1e9 / (double)run.count,
         "ns/edit");
    line(trace->name, "dxos", "update", (double)run.updates.bytes.size / (double)run.count, "B/edit");
    measure_stream(trace, &run.updates, trace->end);
    edit_run_deinit(&run);
    measure_branches(trace);
}

/* --- Traces of several ----------------------------------------------------------------------- */

typedef struct authors {
    const text_trace *trace;
    document *of; /* by agent */
    bool **has;   /* by agent and step */
    stream updates;
    uint32_t *waiting;
} authors;

/* Brings an agent's document to what a step's author saw: what its parents are built on, oldest first. */
static void catch_up(authors *it, uint32_t agent, const trace_step *step) {
    size_t count = 0;
    bool *has = it->has[agent];
    for (uint32_t i = 0; i < step->parent_count; i++) {
        it->waiting[count++] = it->trace->parents[step->first_parent + i];
    }
    while (count > 0) {
        uint32_t at = it->waiting[count - 1];
        const trace_step *before = &it->trace->steps[at];
        size_t more = 0;
        if (has[at]) {
            count--;
            continue;
        }
        for (uint32_t i = 0; i < before->parent_count; i++) {
            uint32_t parent = it->trace->parents[before->first_parent + i];
            if (!has[parent]) {
                it->waiting[count + more++] = parent;
            }
        }
        if (more == 0) {
            must(dx_text_apply(it->of[agent].doc, DX_TEXT_V1, stream_at(&it->updates, at)), "an update");
            has[at] = true;
        }
        count += more;
    }
}

static void measure_authors(const text_trace *trace) {
    authors it = {.trace = trace,
                  .of = calloc(trace->agents, sizeof *it.of),
                  .has = calloc(trace->agents, sizeof *it.has)};
    it.waiting = malloc((2 * trace->step_count + 16) * sizeof *it.waiting);
    dx_buf_init(&it.updates.bytes, dx_host_alloc(), SIZE_MAX);
    for (uint32_t agent = 0; agent < trace->agents; agent++) {
        it.of[agent] = open_document(agent + 1);
        it.has[agent] = calloc(trace->step_count, sizeof **it.has);
        if (it.has[agent] == NULL || it.waiting == NULL) {
            stop_with("authors", DX_E_NO_MEMORY);
        }
    }
    for (size_t i = 0; i < trace->step_count; i++) {
        const trace_step *step = &trace->steps[i];
        document *author = &it.of[step->agent];
        catch_up(&it, step->agent, step);
        must(dx_text_begin(author->doc), "a transaction");
        for (uint32_t k = 0; k < step->edit_count; k++) {
            make_edit(author, &trace->edits[step->first_edit + k]);
        }
        must(dx_text_commit(author->doc, DX_TEXT_V1, &it.updates.bytes), "its update");
        it.has[step->agent][i] = true;
        stream_mark(&it.updates);
    }
    apply_run all = {.updates = &it.updates, .form = DX_TEXT_V1};
    apply_round(&all);
    measure_stream(trace, &it.updates, (dx_bytes){NULL, 0});
    measure_state(trace, &all.it, (dx_bytes){NULL, 0});
    measure_rest(trace, &all.it);
    dx_text_destroy(all.it.doc);
    for (uint32_t agent = 0; agent < trace->agents; agent++) {
        dx_text_destroy(it.of[agent].doc);
        free(it.has[agent]);
    }
    free(it.of);
    free(it.has);
    free(it.waiting);
    dx_buf_deinit(&it.updates.bytes);
    free(it.updates.ends);
}

/* --- Rich text ------------------------------------------------------------------------------- */

/* The same numbers in every engine's measurement. */
static uint32_t next_number(uint32_t *state, uint32_t limit) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % limit;
}

typedef struct rich {
    document of;
    uint32_t steps;
} rich;

static double rich_round(void *ctx) {
    static const char *const formats[] = {"{\"bold\":true}", "{\"italic\":true}", "{\"bold\":null}",
                                          "{\"color\":\"red\"}", "{\"color\":null}"};
    rich *self = ctx;
    document *it = &self->of;
    uint32_t state = 1, length = 0;
    dx_text_destroy(it->doc);
    *it = open_document(1);
    double began = cpu_now();
    for (uint32_t i = 0; i < self->steps; i++) {
        if (next_number(&state, 2) == 0 || length < 20) {
            uint32_t at = next_number(&state, length + 1);
            must(dx_text_insert(it->doc, it->type, at, dx_bytes_text("word "), NULL), "inserting");
            length += 5;
        } else {
            uint32_t at = next_number(&state, length - 10), count = 1 + next_number(&state, 10);
            must(dx_text_format(it->doc, it->type, at, count, formats[next_number(&state, 5)]), "formatting");
        }
    }
    return cpu_now() - began;
}

static void measure_rich(void) {
    static const uint32_t steps[] = {10000, 20000, 50000, 100000};
    size_t all = rounds;
    rounds = 1;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        rich it = {.steps = steps[i]};
        char what[64];
        snprintf(what, sizeof what, "%u formats and inserts", steps[i]);
        line("rich text", "dxos", what, median(rich_round, &it) * 1e3, "ms");
        dx_text_destroy(it.of.doc);
    }
    rounds = all;
}

/* --- What is asked for ----------------------------------------------------------------------- */

static void measure(const char *path) {
    text_trace *trace = trace_read(path);
    if (trace == NULL) {
        exit(1);
    }
    if (trace->concurrent) {
        measure_authors(trace);
    } else {
        measure_one_author(trace);
    }
}

static void measure_folder(const char *folder) {
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[4096];
        if (strstr(entries[i]->d_name, ".json") != NULL &&
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < (int)sizeof path) {
            measure(path);
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
}

int main(int argc, char **argv) {
    int first = 1;
    if (argc > 2 && strcmp(argv[1], "--rounds") == 0) {
        rounds = strtoul(argv[2], NULL, 10);
        rounds = rounds == 0 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
        first = 3;
    }
    for (int i = first; i < argc; i++) {
        measure(argv[i]);
    }
    if (first == argc) {
        const char *folder = getenv("DX_TRACES");
        if (folder == NULL) {
            fputs("bench-text: no traces: name them, or set DX_TRACES to their folder\n", stderr);
            return 2;
        }
        measure_folder(folder);
        measure_rich();
    }
    return 0;
}
