/* sim/watch_order.c: programs that hold the first few of something, in an order, and believe what they are told of it.
 *
 * Layer: simulator; docs/spec/query.md, Watching in order. Each watcher carries out what it is told on the list that it holds:
 * a place that is none, or a row that is another one than that place holds, is a violation at once. One that lost its
 * program comes back with what it holds. Some watch all spaces of their vault as one list. At the end its list must be what the query answers, row by row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

enum {
    ROW_SIZE_MAX = 1 << 20,
    WATCH_SHARE = 3,
    LIST_MAX = 4096,
    JSON_SIZE = LIST_MAX * (SIM_ID_SIZE + 3) + 400
};

/* By what people fight over, with few and with many shown; and by what most objects lack. */
static const char *const questions[] = {
    "{\"type\": \"t0\", \"order\": \"shared\", \"limit\": 3}",
    "{\"order\": [{\"path\": \"shared\", \"descending\": true}, \"deep.k\"], \"limit\": 20}",
    "{\"where\": {\"count\": {\"exists\": true}}, \"order\": \"count\", \"limit\": 2}",
    "{\"kind\": \"any\", \"order\": \"deep.m\"}"};

struct sim_list {
    bool chosen, watching, several; /* several: of all spaces */
    const char *question;
    char at[40]; /* how far it was told; empty: not at all */
    uint64_t port;
    struct held {
        char id[SIM_ID_SIZE];
        dx_buf item;
    } * rows;
    size_t count;
};

/* --- The list -------------------------------------------------------------------------------------------- */

static void take_out(sim_list *list, size_t from) {
    dx_buf_deinit(&list->rows[from].item);
    list->count--;
    memmove(&list->rows[from], &list->rows[from + 1], (list->count - from) * sizeof *list->rows);
}

static void forget(sim_list *list) {
    while (list->count > 0) {
        take_out(list, list->count - 1);
    }
}

static void put_in(sim_list *list, size_t to, dx_bytes row) {
    dx_bytes id = dx_item_text(dx_item_get(row, "id"));
    DX_ASSERT(list->count < LIST_MAX);
    memmove(&list->rows[to + 1], &list->rows[to], (list->count - to) * sizeof *list->rows);
    list->count++;
    snprintf(list->rows[to].id, sizeof list->rows[to].id, "%.*s", (int)id.size, (const char *)id.data);
    dx_buf_init(&list->rows[to].item, &sim_heap, ROW_SIZE_MAX);
    sim_copy_row(row, &list->rows[to].item);
}

/* The place a row names; SIZE_MAX with a violation: it is none, or holds another. */
static size_t place_of(sim_peer *peer, const sim_list *list, dx_bytes row, const char *key, size_t end) {
    dx_bytes id = dx_item_text(dx_item_get(row, "id"));
    int64_t at = dx_item_int(dx_item_get(row, key), -1);
    bool from = strcmp(key, "from") == 0;
    if (at < 0 || (uint64_t)at >= end || (from && !dx_bytes_equal(id, dx_bytes_text(list->rows[at].id)))) {
        sim_violate(peer->world, "peer %zu: a watcher in order holds %zu rows, and is told of %.*s %s %d",
                    peer->index, list->count, (int)id.size, (const char *)id.data, key, (int)at);
        return SIZE_MAX;
    }
    return (size_t)at;
}

static void take_row(sim_peer *peer, sim_list *list, dx_bytes row) {
    dx_bytes change = dx_item_text(dx_item_get(row, "change"));
    bool added = dx_bytes_equal(change, dx_bytes_text("added")),
         changed = dx_bytes_equal(change, dx_bytes_text("changed")),
         removed = dx_bytes_equal(change, dx_bytes_text("removed"));
    if (dx_bytes_equal(change, dx_bytes_text("refresh"))) {
        forget(list);
    }
    size_t from = changed || removed ? place_of(peer, list, row, "from", list->count) : 0;
    if (from == SIZE_MAX) {
        return;
    }
    if (changed || removed) {
        take_out(list, from);
    }
    size_t to = added || changed ? place_of(peer, list, row, "to", list->count + 1) : SIZE_MAX;
    if (to != SIZE_MAX) {
        put_in(list, to, row);
    }
}

/* --- Watching -------------------------------------------------------------------------------------------- */

static void on_change(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_list *list = ctx;
    dx_bytes rows = dx_item_get(body, "rows"), at = dx_item_text(dx_item_get(body, "at"));
    dx_reader reader;
    if (kind != SIM_ANSWER_NOTE) {
        list->watching = false;
        return;
    }
    dx_reader_init(&reader, rows);
    for (size_t left = rows.size > 0 ? dx_read_array(&reader) : 0; left > 0 && world->violation[0] == 0;
         left--) {
        world->counts[SIM_PLACED]++;
        take_row(peer, list, dx_read_item(&reader));
    }
    if (at.size > 0) {
        snprintf(list->at, sizeof list->at, "%.*s", (int)at.size, (const char *)at.data);
    }
}

/* "space": …, or "spaces": "all" */
static const char *where(const sim_world *world, const sim_list *list) {
    static char text[128];
    snprintf(text, sizeof text, list->several ? "\"spaces\": \"all\"" : "\"space\": \"%s\"", world->space[0]);
    return text;
}

static void tend(sim_peer *peer, sim_list *list) {
    static char json[JSON_SIZE];
    if (peer->node == NULL || sim_peer_frozen(peer) || list->watching) {
        return;
    }
    if (list->at[0] == 0) {
        forget(list);
    }
    size_t at =
        (size_t)snprintf(json, sizeof json, "{\"do\": \"watch\", %s, \"query\": %s, \"since\": \"%s\"",
                         where(peer->world, list), list->question, list->at);
    for (size_t i = 0; i < list->count; i++) {
        at += (size_t)snprintf(json + at, sizeof json - at, "%s\"%s\"", i == 0 ? ", \"holds\": [" : ", ",
                               list->rows[i].id);
    }
    snprintf(json + at, sizeof json - at, list->count > 0 ? "]}" : "}");
    list->port = 1 + sim_below(peer->world, SIM_PORTS);
    peer->next_port = list->port;
    list->watching = true; /* until its end comes, which may be in this very step */
    list->watching = sim_ask_json(peer, json, NULL, true, on_change, list) && list->watching;
    peer->next_port = 0;
}

void sim_order_tend(sim_world *world) {
    for (size_t i = 0; i < world->peer_count; i++) {
        sim_list *list = &world->workload->lists[i];
        if (list->chosen && world->peers[i].member[0]) {
            tend(&world->peers[i], list);
        }
    }
}

void sim_order_forget(const sim_peer *peer) {
    peer->world->workload->lists[peer->index].at[0] = 0;
}

/* --- Life and judgement ---------------------------------------------------------------------------------- */

void sim_order_init(sim_world *world) {
    uint64_t state = world->plan.seed ^ 0x0d3e, several = world->plan.seed ^ 0x5e7e;
    world->workload->lists = calloc(SIM_PEERS_MAX, sizeof *world->workload->lists);
    DX_ASSERT(world->workload->lists != NULL);
    for (size_t i = 0; i < world->peer_count; i++) {
        sim_list *list = &world->workload->lists[i];
        list->chosen = sim_random(&state) % (WATCH_SHARE * world->peer_count) == 0;
        list->question = questions[sim_random(&state) % (sizeof questions / sizeof questions[0])];
        list->several = sim_random(&several) % 2 == 0 && strstr(list->question, "limit") != NULL;
        list->rows = list->chosen ? calloc(LIST_MAX + 1, sizeof *list->rows) : NULL;
        DX_ASSERT(!list->chosen || list->rows != NULL);
    }
}

void sim_order_deinit(sim_world *world) {
    for (size_t i = 0; i < SIM_PEERS_MAX; i++) {
        forget(&world->workload->lists[i]);
        free(world->workload->lists[i].rows);
    }
    free(world->workload->lists);
}

static void compare(sim_peer *peer, const sim_list *list, const sim_reply *reply) {
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&reply->rows));
    if (reply->row_count != list->count) {
        sim_violate(peer->world, "peer %zu: its watcher in order holds %zu rows, not %zu: %s", peer->index,
                    list->count, reply->row_count, list->question);
    }
    for (size_t i = 0; i < reply->row_count && i < list->count; i++) {
        dx_bytes row = dx_read_item(&reader), id = dx_item_text(dx_item_get(row, "id"));
        if (!dx_bytes_equal(row, dx_buf_view(&list->rows[i].item))) {
            sim_violate(peer->world, "peer %zu: row %zu of its watcher in order is %s, not %.*s as it is: %s",
                        peer->index, i, list->rows[i].id, (int)id.size, (const char *)id.data,
                        list->question);
        }
    }
}

void sim_order_check(sim_world *world) {
    for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
        sim_peer *peer = &world->peers[i];
        sim_list *list = &world->workload->lists[i];
        char json[400];
        sim_reply reply;
        if (!list->chosen || !peer->member[0] || !list->watching) {
            continue;
        }
        sim_reply_init(&reply);
        snprintf(json, sizeof json, "{\"do\": \"query\", %s, \"query\": %s}", where(world, list),
                 list->question);
        sim_run_until(world, world->now_ms + 1000);
        sim_run_until(world, peer->ports[list->port].at_ms);
        if (list->watching && sim_ask_wait(peer, json, &reply)) {
            compare(peer, list, &reply);
        }
        sim_reply_deinit(&reply);
    }
}
