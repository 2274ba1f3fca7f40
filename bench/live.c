/* bench/live.c: what watches cost those who write.
 *
 *   live.none      one object changed at a time, each a step of a whole node: nobody watches
 *   live.others    the same beside 1,000 watches, each of a type of its own, which the writes do not concern
 *   live.values    the same beside 1,000 watches of the very type, each of another value of one property
 *   live.windows   the same beside 1,000 watches in an order, each of another type and with a limit
 *   live.all       the same with 1,000 watches that the writes all concern
 * ops are writes, one a commit; step_us: CPU time of a write, the median of rounds. watch_us: beyond live.none. The watches are
 * of a node in this process, whose effects nobody carries anywhere. Layer: measuring programs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include <dxos/codec.h>
#include <dxos/host.h>
#include <dxos/node.h>

#include "bench.h"

enum { WATCHES = 1000, PORTS = 8, WRITES = 400, ROUNDS = 5, NAME_SIZE = 300 };

typedef struct living {
    dx_node *node;
    uint64_t now_ms, next_request;
    char id[64];
    double none_us;
} living;

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    randombytes_buf(out, size);
}

static void step(living *it, const dx_event *event, char *id) {
    dx_effects effects;
    dx_event timed = *event;
    timed.time_ms = ++it->now_ms;
    timed.wall_ms = 1700000000000 + it->now_ms;
    bench_must(dx_node_step(it->node, &timed, 1, &effects), "a step");
    for (size_t i = 0; i < effects.count; i++) {
        const dx_effect *effect = &effects.items[i];
        dx_bytes text = dx_item_text(dx_item_get(effect->body, "id"));
        if (effect->kind == DX_EFFECT_REPLY && dx_item_get(effect->body, "error").size > 0) {
            bench_fail("a command was refused");
        }
        if (effect->kind == DX_EFFECT_REPLY && id != NULL && text.size > 0) {
            snprintf(id, 64, "%.*s", (int)text.size, (const char *)text.data);
        }
    }
    dx_event taken[PORTS];
    size_t count = 0;
    for (uint64_t port = 1; port <= PORTS; port++) { /* what was said is taken at once */
        uint64_t size = 0;
        for (size_t i = 0; i < effects.count; i++) {
            bool is_answer =
                effects.items[i].kind == DX_EFFECT_NOTIFY || effects.items[i].kind == DX_EFFECT_REPLY;
            size += is_answer && effects.items[i].port == port ? effects.items[i].body.size : 0;
        }
        if (size > 0) {
            taken[count++] =
                (dx_event){.kind = DX_EVENT_PORT_WRITABLE, .port = port, .size = size, .time_ms = it->now_ms};
        }
    }
    if (count > 0) {
        bench_must(dx_node_step(it->node, taken, count, &effects), "taking");
    }
}

static void ask(living *it, uint64_t port, const char *json, char *id) {
    dx_buf item;
    dx_writer writer;
    dx_event event = {.kind = DX_EVENT_COMMAND, .port = port};
    dx_buf_init(&item, dx_host_alloc(), 1 << 16);
    dx_writer_init(&writer, &item);
    bench_must(dx_json_parse(dx_bytes_text(json), &writer, NULL, 0), "a command");
    event.body = dx_buf_view(&item);
    memcpy(event.request, &it->next_request, sizeof it->next_request);
    it->next_request++;
    step(it, &event, id);
    dx_buf_deinit(&item);
}

static void settle(living *it) {
    for (int i = 0; i < 20; i++) {
        step(it, &(dx_event){.kind = DX_EVENT_CLOCK}, NULL);
    }
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void measure(living *it, const char *name) {
    double rounds[ROUNDS];
    char json[256];
    bench_clock all = {0};
    for (size_t round = 0; round < ROUNDS; round++) {
        bench_clock clock;
        bench_start(&clock);
        for (size_t i = 0; i < WRITES; i++) {
            snprintf(json, sizeof json,
                     "{\"do\": \"object.set\", \"space\": \"live\", \"id\": \"%s\", \"set\": {\"n\": %zu}}",
                     it->id, round * WRITES + i);
            ask(it, 1, json, NULL);
        }
        bench_stop(&clock);
        rounds[round] = clock.cpu_s * 1e6 / WRITES;
        all.cpu_s += clock.cpu_s;
        all.wall_s += clock.wall_s;
    }
    qsort(rounds, ROUNDS, sizeof rounds[0], compare);
    double median = rounds[ROUNDS / 2];
    bench_line_begin(name);
    bench_line_work(ROUNDS * WRITES, 0, &all);
    bench_line_number("step_us", median);
    if (it->none_us == 0) {
        it->none_us = median;
    } else {
        bench_line_number("watch_us", median - it->none_us);
    }
    bench_line_end();
}

/* query: with one place for the number of the watch. */
static void watch_all(living *it, const char *query) {
    char json[512], inner[256];
    for (size_t i = 0; i < WATCHES; i++) {
        snprintf(inner, sizeof inner, query, i);
        snprintf(json, sizeof json, "{\"do\": \"watch\", \"space\": \"live\", \"query\": %s}", inner);
        ask(it, 2 + i % (PORTS - 1), json, NULL);
    }
    settle(it);
}

static void open_ports(living *it) {
    for (uint64_t port = 1; port <= PORTS; port++) {
        step(it, &(dx_event){.kind = DX_EVENT_PORT_DOWN, .port = port}, NULL);
        step(it, &(dx_event){.kind = DX_EVENT_PORT_UP, .port = port}, NULL);
    }
}

void bench_live(const bench_input *input) {
    char path[NAME_SIZE], message[256] = "";
    living it = {.next_request = 1};
    snprintf(path, sizeof path, "%s/live.vault", input->directory);
    remove(path);
    dx_node_config config = {
        .alloc = *dx_host_alloc(), .random = {NULL, fill_random}, .path = path, .create = true};
    bench_must(dx_node_open(&config, &it.node, message, sizeof message), message);
    open_ports(&it);
    ask(&it, 1, "{\"do\": \"halo.create\", \"name\": \"Live\"}", NULL);
    ask(&it, 1, "{\"do\": \"space.create\", \"name\": \"live\"}", NULL);
    ask(&it, 1,
        "{\"do\": \"object.add\", \"space\": \"live\", \"type\": \"task\", \"data\": {\"list\": \"none\", "
        "\"n\": 0}}",
        it.id);
    measure(&it, "live.none");
    watch_all(&it, "{\"type\": \"other%zu\"}");
    measure(&it, "live.others");
    open_ports(&it);
    watch_all(&it, "{\"type\": \"task\", \"where\": {\"list\": \"list %zu\"}}");
    measure(&it, "live.values");
    open_ports(&it);
    watch_all(&it, "{\"type\": \"other%zu\", \"order\": \"n\", \"limit\": 20}");
    measure(&it, "live.windows");
    open_ports(&it);
    watch_all(&it, "{\"type\": \"task\", \"where\": {\"list\": \"none\"}}");
    measure(&it, "live.all");
    dx_node_close(it.node);
    remove(path);
}
