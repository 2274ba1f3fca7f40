/* bench/query.c: questions to a space of packages, in pieces of PIECE entities as a node asks them.
 *
 *   query.where    one package by a property: the whole type is read
 *   query.hop      how many need the package that most need: one step against the links, counted
 *   query.rows     the same with every row read and written out
 *   query.path     shortest paths between packages chosen without choice: each alone
 *   query.digest   the digest of the whole space
 * ops are rows found; a piece's longest time stands beside. Layer: measuring programs; looks inside the core.
 */
#include "query.h"

#include <stdio.h>
#include <string.h>

#include "echo/digest.h"
#include "echo/query.h"

enum { PIECE = 1000, PATHS = 300, RUNS = 5 };

typedef struct asking {
    dx_context *context;
    dx_space *space;
    dx_buf row;
    uint64_t rows;
    double piece_max_ms;
} asking;

static int write_row(void *ctx, const dx_query_row *row) {
    asking *it = ctx;
    dx_writer writer;
    it->rows++;
    if (row->entity == NULL) {
        return DX_OK;
    }
    dx_buf_clear(&it->row);
    dx_writer_init(&writer, &it->row);
    return dx_entity_write(it->context, it->space, row->entity, &writer);
}

static void begin(asking *it) {
    bench_must(dx_store_begin(it->context->store), "beginning");
}

static void end(asking *it) {
    bench_must(dx_store_commit(it->context->store), "ending");
}

static void note_piece(asking *it, bench_clock *piece) {
    bench_stop(piece);
    it->piece_max_ms = piece->wall_s * 1e3 > it->piece_max_ms ? piece->wall_s * 1e3 : it->piece_max_ms;
}

/* Rows given, or counted. */
static uint64_t ask(asking *it, const char *json) {
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    dx_query *query;
    dx_buf item;
    dx_writer writer;
    bool more = true;
    dx_buf_init(&item, dx_host_alloc(), DX_QUERY_SIZE_MAX);
    dx_writer_init(&writer, &item);
    bench_must(dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message), message);
    bench_must(dx_query_create(it->context, it->space, dx_buf_view(&item), message, sizeof message, &query),
               message);
    while (more) {
        bench_clock piece;
        bench_start(&piece);
        bench_must(dx_query_run(query, PIECE, write_row, it, &more), "asking");
        note_piece(it, &piece);
    }
    uint64_t count = (uint64_t)dx_query_count(query);
    dx_query_destroy(query);
    dx_buf_deinit(&item);
    return count;
}

static void say(asking *it, const char *name, uint64_t ops, const bench_clock *clock) {
    bench_line_begin(name);
    bench_line_work(ops, 0, clock);
    bench_line_number("piece_max_ms", it->piece_max_ms);
    bench_line_end();
    it->piece_max_ms = 0;
}

/* The quickest of a few runs: what else the machine does only ever adds. */
static void measure(asking *it, const char *name, const char *json) {
    bench_clock best = {0};
    uint64_t ops = 0;
    for (int run = 0; run < RUNS; run++) {
        bench_clock clock;
        begin(it);
        bench_start(&clock);
        ops = ask(it, json);
        bench_stop(&clock);
        end(it);
        if (run == 0 || clock.cpu_s < best.cpu_s) {
            best = clock;
        }
    }
    say(it, name, ops, &best);
}

static void print_id(const asking *it, int64_t key, char out[static DX_ID_TEXT_MAX]) {
    uint8_t id[DX_ID_SIZE];
    bench_must(dx_key_to_id(it->space, key, id), "an id");
    dx_id_print(id, out);
}

/* The place of the package that most others depend on. */
static size_t most_needed(const bench_input *input) {
    uint32_t *counts = dx_alloc_take_zeroed(dx_host_alloc(), input->package_count * sizeof *counts);
    size_t best = 0;
    if (counts == NULL) {
        bench_fail("no memory for counts");
    }
    for (size_t i = 0; i < input->edge_count; i++) {
        uint32_t target = input->edges[i].target;
        counts[target]++;
        best = counts[target] > counts[best] ? target : best;
    }
    dx_alloc_free(dx_host_alloc(), counts, input->package_count * sizeof *counts);
    return best;
}

static void measure_paths(asking *it, const bench_input *input, const int64_t *keys) {
    static double samples_ms[PATHS], cpu_ms[PATHS];
    bench_clock total = {0};
    uint64_t rows = 0;
    for (size_t i = 0; i < PATHS; i++) {
        char json[256], from[DX_ID_TEXT_MAX], to[DX_ID_TEXT_MAX];
        bench_clock clock;
        print_id(it, keys[i * 7919 % input->package_count], from);
        print_id(it, keys[input->edges[i * 104729 % input->edge_count].target], to);
        snprintf(json, sizeof json, "{\"id\":\"%s\",\"path\":{\"to\":{\"id\":\"%s\"},\"out\":\"depends\"}}",
                 from, to);
        begin(it);
        bench_start(&clock);
        rows += ask(it, json);
        bench_stop(&clock);
        end(it);
        samples_ms[i] = clock.wall_s * 1e3;
        cpu_ms[i] = clock.cpu_s * 1e3;
        total.cpu_s += clock.cpu_s;
        total.wall_s += clock.wall_s;
    }
    bench_line_begin("query.path");
    bench_line_work(PATHS, 0, &total);
    bench_line_count("rows", rows);
    bench_line_latency("path", samples_ms, PATHS);
    bench_line_latency("path_cpu", cpu_ms, PATHS);
    bench_line_end();
    it->piece_max_ms = 0;
}

static void measure_digest(asking *it) {
    uint8_t digest[DX_HASH_SIZE];
    int64_t objects;
    dx_digest_cursor *cursor;
    bool more = true;
    bench_clock clock;
    begin(it);
    bench_start(&clock);
    bench_must(dx_digest_begin(it->context, it->space, &cursor), "a digest");
    while (more) {
        bench_clock piece;
        bench_start(&piece);
        bench_must(dx_digest_run(cursor, PIECE, &more), "digesting");
        note_piece(it, &piece);
    }
    dx_digest_end(cursor, digest, &objects);
    bench_stop(&clock);
    end(it);
    say(it, "query.digest", (uint64_t)objects, &clock);
}

void bench_query(const bench_input *input, dx_context *context, dx_space *space, const int64_t *keys) {
    asking it = {.context = context, .space = space};
    char json[256], id[DX_ID_TEXT_MAX];
    dx_buf_init(&it.row, dx_host_alloc(), SIZE_MAX);
    measure(&it, "query.where", "{\"type\":\"package\",\"where\":{\"name\":\"bash\"}}");
    print_id(&it, keys[most_needed(input)], id);
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"follow\":[{\"in\":\"depends\"}],\"count\":true}", id);
    measure(&it, "query.hop", json);
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"follow\":[{\"in\":\"depends\"}]}", id);
    measure(&it, "query.rows", json);
    measure_paths(&it, input, keys);
    measure_digest(&it);
    dx_buf_deinit(&it.row);
}
