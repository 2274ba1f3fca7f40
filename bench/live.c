/* bench/live.c: what watches cost those who write.
 *
 *   live.none      nobody watches, in both vaults: what such a comparison shows when there is nothing to see
 *   live.others    1,000 watches, each of a type of its own, which the writes do not concern
 *   live.values    1,000 watches of the very type, each of another value of one property
 *   live.windows   1,000 watches in an order, each of another type and with a limit
 *   live.all       1,000 watches that the writes all concern
 * One object is changed at a time, each write a step of a whole node and a commit. Two vaults are written in turn, a few writes each,
 * one with watches and one without: what else the machine does meets both. plain_us, step_us: CPU time of a write without and
 * with watches, medians over the turns; watch_us: the median of the differences, with their quartiles. The watches are of a node in
 * this process, whose effects nobody carries anywhere. Layer: measuring programs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include <dxos/codec.h>
#include <dxos/host.h>
#include <dxos/node.h>

#include "bench.h"

enum { WATCHES = 1000, PORTS = 8, WRITES = 20, TURNS = 300, NAME_SIZE = 300 };

typedef struct living {
    dx_node *node;
    uint64_t now_ms, next_request;
    char id[64], path[NAME_SIZE];
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

/* CPU time of one write, in microseconds. */
static double write_some(living *it, size_t turn, bench_clock *all) {
    char json[256];
    bench_clock clock;
    bench_start(&clock);
    for (size_t i = 0; i < WRITES; i++) {
        snprintf(json, sizeof json,
                 "{\"do\": \"object.set\", \"space\": \"live\", \"id\": \"%s\", \"set\": {\"n\": %zu}}",
                 it->id, turn * WRITES + i);
        ask(it, 1, json, NULL);
    }
    bench_stop(&clock);
    all->cpu_s += clock.cpu_s;
    all->wall_s += clock.wall_s;
    return clock.cpu_s * 1e6 / WRITES;
}

static void measure(living *plain, living *watched, const char *name) {
    static double without[TURNS], with[TURNS], beyond[TURNS];
    bench_clock all = {0}, ignored = {0};
    for (size_t turn = 0; turn < TURNS; turn++) {
        bool first = turn % 2 == 0; /* whoever goes second finds caches as the other left them */
        without[turn] = first ? write_some(plain, turn, &ignored) : 0;
        with[turn] = write_some(watched, turn, &all);
        without[turn] = first ? without[turn] : write_some(plain, turn, &ignored);
        beyond[turn] = with[turn] - without[turn];
    }
    qsort(without, TURNS, sizeof without[0], compare);
    qsort(with, TURNS, sizeof with[0], compare);
    qsort(beyond, TURNS, sizeof beyond[0], compare);
    bench_line_begin(name);
    bench_line_work(TURNS * WRITES, 0, &all);
    bench_line_number("plain_us", without[TURNS / 2]);
    bench_line_number("step_us", with[TURNS / 2]);
    bench_line_number("watch_us", beyond[TURNS / 2]);
    bench_line_number("watch_us_25", beyond[TURNS / 4]);
    bench_line_number("watch_us_75", beyond[TURNS - TURNS / 4]);
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

static void begin(living *it, const bench_input *input, const char *name) {
    char message[256] = "";
    *it = (living){.next_request = 1};
    snprintf(it->path, sizeof it->path, "%s/%s.vault", input->directory, name);
    remove(it->path);
    dx_node_config config = {
        .alloc = *dx_host_alloc(), .random = {NULL, fill_random}, .path = it->path, .create = true};
    bench_must(dx_node_open(&config, &it->node, message, sizeof message), message);
    open_ports(it);
    ask(it, 1, "{\"do\": \"halo.create\", \"name\": \"Live\"}", NULL);
    ask(it, 1, "{\"do\": \"space.create\", \"name\": \"live\"}", NULL);
    ask(it, 1,
        "{\"do\": \"object.add\", \"space\": \"live\", \"type\": \"task\", \"data\": {\"list\": \"none\", "
        "\"n\": 0}}",
        it->id);
}

static void end(living *it) {
    dx_node_close(it->node);
    remove(it->path);
}

void bench_live(const bench_input *input) {
    static const struct {
        const char *name, *query;
    } cases[] = {{"live.others", "{\"type\": \"other%zu\"}"},
                 {"live.values", "{\"type\": \"task\", \"where\": {\"list\": \"list %zu\"}}"},
                 {"live.windows", "{\"type\": \"other%zu\", \"order\": \"n\", \"limit\": 20}"},
                 {"live.all", "{\"type\": \"task\", \"where\": {\"list\": \"none\"}}"}};
    living plain, watched;
    begin(&plain, input, "live-plain");
    begin(&watched, input, "live-watched");
    measure(&plain, &watched, "live.none");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_ports(&watched);
        watch_all(&watched, cases[i].query);
        measure(&plain, &watched, cases[i].name);
    }
    end(&plain);
    end(&watched);
}
