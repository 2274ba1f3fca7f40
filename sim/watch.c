/* sim/watch.c: programs that know a space only by what they are told of it.
 *
 * Layer: simulator. Each watcher subscribes, reads everything once, and from then on believes what it is
 * told. At the end its picture must be the peer's own. A watcher that lost its program goes on from where it was; one whose
 * vault does not know that any more, as after each start, begins anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

enum { ROW_SIZE_MAX = 1 << 20, WATCH_SHARE = 2 };

typedef struct sim_row {
    char id[SIM_ID_SIZE];
    dx_buf item;
} sim_row;

struct sim_mirror {
    bool chosen;            /* one of the peers that are watched in this seed */
    bool watching, reading; /* subscribed; the first reading is under way */
    bool stale;             /* too much changed at once: everything must be read again */
    char at[40];            /* how far it was told; empty: not at all */
    uint64_t port;          /* one program watches and reads, so that it hears both in their order */
    sim_row *rows;
    size_t count, capacity;
};

/* --- Rows --------------------------------------------------------------------------------------------------
 */

static void forget_rows(sim_mirror *mirror) {
    for (size_t i = 0; i < mirror->count; i++) {
        dx_buf_deinit(&mirror->rows[i].item);
    }
    mirror->count = 0;
}

static size_t find_row(const sim_mirror *mirror, dx_bytes id) {
    size_t at = 0;
    while (at < mirror->count && !dx_bytes_equal(id, dx_bytes_text(mirror->rows[at].id))) {
        at++;
    }
    return at;
}

static void drop_row(sim_mirror *mirror, size_t at) {
    dx_buf_deinit(&mirror->rows[at].item);
    mirror->rows[at] = mirror->rows[--mirror->count];
}

static sim_row *put_row(sim_mirror *mirror, dx_bytes id) {
    size_t at = find_row(mirror, id);
    if (at == mirror->count) {
        if (mirror->count == mirror->capacity) {
            mirror->capacity = mirror->capacity == 0 ? 64 : 2 * mirror->capacity;
            mirror->rows = realloc(mirror->rows, mirror->capacity * sizeof *mirror->rows);
            DX_ASSERT(mirror->rows != NULL);
        }
        sim_row *row = &mirror->rows[mirror->count++];
        snprintf(row->id, sizeof row->id, "%.*s", (int)id.size, (const char *)id.data);
        dx_buf_init(&row->item, &sim_heap, ROW_SIZE_MAX);
    }
    dx_buf_clear(&mirror->rows[at].item);
    return &mirror->rows[at];
}

static bool is_of_watching(dx_bytes key) {
    return dx_bytes_equal(key, dx_bytes_text("change")) || dx_bytes_equal(key, dx_bytes_text("from")) ||
           dx_bytes_equal(key, dx_bytes_text("to"));
}

void sim_copy_row(dx_bytes row, dx_buf *out) {
    dx_reader reader;
    dx_writer writer;
    dx_reader_init(&reader, row);
    dx_writer_init(&writer, out);
    size_t pairs = dx_read_map(&reader);
    dx_write_map(&writer, pairs - (dx_item_get(row, "change").size > 0) -
                              (dx_item_get(row, "from").size > 0) - (dx_item_get(row, "to").size > 0));
    for (; pairs > 0; pairs--) {
        dx_bytes key = dx_read_text(&reader), value = dx_read_item(&reader);
        if (!is_of_watching(key)) {
            dx_write_text_bytes(&writer, key);
            dx_write_item(&writer, value);
        }
    }
    int error = dx_writer_finish(&writer);
    DX_ASSERT(error == DX_OK && reader.error == DX_OK);
}

static void take_row(sim_mirror *mirror, dx_bytes row) {
    dx_bytes change = dx_item_text(dx_item_get(row, "change")), id = dx_item_text(dx_item_get(row, "id"));
    if (dx_bytes_equal(change, dx_bytes_text("refresh"))) {
        mirror->stale = true;
    } else if (dx_bytes_equal(change, dx_bytes_text("removed"))) {
        size_t at = find_row(mirror, id);
        if (at < mirror->count) {
            drop_row(mirror, at);
        }
    } else {
        sim_copy_row(row, &put_row(mirror, id)->item);
    }
}

/* --- Watching
 * ------------------------------------------------------------------------------------------------ */

static sim_mirror *mirror_of(const sim_peer *peer) {
    return &peer->world->workload->mirrors[peer->index];
}

static void take_rows(sim_mirror *mirror, dx_bytes body) {
    dx_bytes rows = dx_item_get(body, "rows");
    dx_reader reader;
    dx_reader_init(&reader, rows);
    for (size_t count = rows.size > 0 ? dx_read_array(&reader) : 0; count > 0; count--) {
        take_row(mirror, dx_read_item(&reader));
    }
}

static void on_change(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_mirror *mirror = mirror_of(peer);
    (void)ctx;
    if (kind != SIM_ANSWER_NOTE) {
        mirror->watching = false;
        return;
    }
    dx_bytes at = dx_item_text(dx_item_get(body, "at"));
    world->counts[SIM_WATCHED]++;
    take_rows(mirror, body);
    if (at.size > 0) {
        snprintf(mirror->at, sizeof mirror->at, "%.*s", (int)at.size, (const char *)at.data);
    }
}

static void on_read(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_mirror *mirror = mirror_of(peer);
    (void)world;
    (void)ctx;
    if (kind == SIM_ANSWER_NOTE) {
        take_rows(mirror, body);
        return;
    }
    mirror->reading = false;
    mirror->stale = mirror->stale || kind == SIM_ANSWER_LOST || dx_item_get(body, "error").size > 0;
}

/* *asked is true from now on, until the answer comes or is lost, which may be in this very step. */
static void ask(sim_peer *peer, const sim_mirror *mirror, const char *json, sim_on_answer on_answer,
                bool *asked) {
    peer->next_port = mirror->port;
    *asked = true;
    if (!sim_ask_json(peer, json, NULL, true, on_answer, NULL)) {
        *asked = false;
    }
    peer->next_port = 0;
}

/* A change that comes between two notes of the reading is told by the subscription as well, after the row. */
static void read_all(sim_peer *peer, sim_mirror *mirror) {
    char json[160];
    snprintf(json, sizeof json, "{\"do\": \"query\", \"space\": \"%s\", \"query\": {\"kind\": \"any\"}}",
             peer->world->space[0]);
    forget_rows(mirror);
    mirror->stale = false;
    ask(peer, mirror, json, on_read, &mirror->reading);
    mirror->stale = mirror->stale || !mirror->reading;
}

static void tend(sim_peer *peer, sim_mirror *mirror) {
    char json[200];
    if (peer->node == NULL || sim_peer_frozen(peer) || mirror->reading) {
        return;
    }
    if (!mirror->watching) {
        snprintf(json, sizeof json, "{\"do\": \"watch\", \"space\": \"%s\", \"since\": \"%s\"}",
                 peer->world->space[0], mirror->at);
        mirror->port = 1 + sim_below(peer->world, SIM_PORTS);
        mirror->stale = mirror->stale || mirror->at[0] == 0;
        peer->world->counts[SIM_CAME_BACK] += !mirror->stale;
        ask(peer, mirror, json, on_change, &mirror->watching);
    }
    if (mirror->watching && mirror->stale) {
        read_all(peer, mirror);
    }
}

void sim_watch_tend(sim_world *world) {
    for (size_t i = 0; i < world->peer_count; i++) {
        sim_mirror *mirror = &world->workload->mirrors[i];
        if (mirror->chosen && world->peers[i].member[0]) {
            tend(&world->peers[i], mirror);
        }
    }
}

/* --- Life and judgement
 * ---------------------------------------------------------------------------------------- */

void sim_watch_init(sim_world *world) {
    uint64_t state = world->plan.seed ^ 0x77a7c4;
    world->workload->mirrors = calloc(SIM_PEERS_MAX, sizeof *world->workload->mirrors);
    DX_ASSERT(world->workload->mirrors != NULL);
    for (size_t i = 0; i < world->peer_count; i++) {
        world->workload->mirrors[i].chosen = sim_random(&state) % (WATCH_SHARE * world->peer_count) == 0;
    }
}

void sim_watch_deinit(sim_world *world) {
    for (size_t i = 0; i < SIM_PEERS_MAX; i++) {
        forget_rows(&world->workload->mirrors[i]);
        free(world->workload->mirrors[i].rows);
    }
    free(world->workload->mirrors);
}

void sim_watch_forget(const sim_peer *peer) {
    mirror_of(peer)->at[0] = 0;
}

static bool has_row(const sim_reply *reply, const char *id) {
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&reply->rows));
    for (size_t i = 0; i < reply->row_count; i++) {
        if (dx_bytes_equal(dx_item_text(dx_item_get(dx_read_item(&reader), "id")), dx_bytes_text(id))) {
            return true;
        }
    }
    return false;
}

static void compare(sim_peer *peer, const sim_mirror *mirror, const sim_reply *reply) {
    sim_world *world = peer->world;
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&reply->rows));
    for (size_t i = 0; i < reply->row_count; i++) {
        dx_bytes row = dx_read_item(&reader), id = dx_item_text(dx_item_get(row, "id"));
        size_t at = find_row(mirror, id);
        if (at == mirror->count) {
            sim_violate(world, "peer %zu: its watcher was never told of %.*s", peer->index, (int)id.size,
                        (const char *)id.data);
        } else if (!dx_bytes_equal(row, dx_buf_view(&mirror->rows[at].item))) {
            sim_violate(world, "peer %zu: its watcher was not told how %s changed", peer->index,
                        mirror->rows[at].id);
        }
    }
    for (size_t i = 0; i < mirror->count && mirror->count != reply->row_count; i++) {
        if (!has_row(reply, mirror->rows[i].id)) {
            sim_violate(world, "peer %zu: its watcher still holds %s", peer->index, mirror->rows[i].id);
        }
    }
}

static bool is_read(void *ctx) {
    return !((const sim_mirror *)ctx)->reading;
}

/* What was said is heard. */
static void read_to_the_end(sim_peer *peer) {
    for (uint64_t port = 1; port <= SIM_PORTS; port++) {
        sim_run_until(peer->world, peer->ports[port].at_ms);
    }
}

void sim_watch_check(sim_world *world) {
    for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
        sim_peer *peer = &world->peers[i];
        sim_mirror *mirror = &world->workload->mirrors[i];
        char json[160];
        if (!mirror->chosen || !peer->member[0] || !mirror->watching || mirror->stale) {
            continue; /* it lost its place at the very end, and nothing is there to compare */
        }
        sim_reply reply;
        sim_reply_init(&reply);
        snprintf(json, sizeof json, "{\"do\": \"query\", \"space\": \"%s\", \"query\": {\"kind\": \"any\"}}",
                 world->space[0]);
        sim_run_while(world, world->now_ms + 60000, is_read, mirror);
        read_to_the_end(peer);
        if (sim_ask_wait(peer, json, &reply)) {
            compare(peer, mirror, &reply);
        }
        sim_reply_deinit(&reply);
    }
}
