/* sim/check_skew.c: what is left in a space in which programs of different ages wrote.
 *
 * Layer: simulator, checkers; docs/spec/schema.md, models.md. When all are in step: what an older program shows of a model
 * that it does not know; what is as no version says (every peer lists the same, and what a naive look finds); then one
 * migrates, and every task is what the steps make of it; once that has come to all, nobody has anything left to migrate,
 * and migrating did it once. Programs become newer ones before: what they kept must be what the reference says later. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "skew.h"

enum { ROWS_MAX = 4096 };

/* The rows of a reply, one after another. */
typedef struct row_list {
    dx_bytes items[ROWS_MAX];
    size_t count;
} row_list;

static bool is_text(dx_bytes item, const char *text) {
    return dx_bytes_equal(dx_item_text(item), dx_bytes_text(text));
}

static void list_rows(const sim_reply *reply, const char *type, row_list *out) {
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&reply->rows));
    out->count = 0;
    for (size_t i = 0; i < reply->row_count; i++) {
        dx_bytes row = dx_read_item(&reader);
        if (type == NULL || is_text(dx_item_get(row, "type"), type)) {
            DX_ASSERT(out->count < ROWS_MAX);
            out->items[out->count++] = row;
        }
    }
}

static bool ask(sim_peer *peer, const char *what, sim_reply *reply) {
    char json[200];
    sim_reply_init(reply);
    snprintf(json, sizeof json, "{\"do\": %s, \"space\": \"%s\"}", what, peer->world->space[0]);
    return sim_ask_wait(peer, json, reply);
}

static dx_bytes find_row(const row_list *rows, dx_bytes id) {
    for (size_t i = 0; i < rows->count; i++) {
        if (dx_bytes_equal(dx_item_text(dx_item_get(rows->items[i], "id")), id)) {
            return rows->items[i];
        }
    }
    return dx_bytes_of(NULL, 0);
}

static bool is_deleted(dx_bytes row) {
    return dx_item_bool(dx_item_get(row, "deleted"), false);
}

/* --- What does not fit ------------------------------------------------------------------------------------- */

static bool is_of_kind(dx_bytes item, dx_kind kind) {
    return item.size > 0 && dx_item_kind(item) == kind;
}

static bool is_weight(dx_bytes data, int64_t most) {
    dx_bytes weight = dx_item_get(data, "weight");
    return weight.size == 0 || (dx_item_kind(weight) == DX_KIND_INT && dx_item_int(weight, 0) <= most);
}

static bool fits_first(dx_bytes data) {
    dx_bytes done = dx_item_get(data, "done");
    return is_of_kind(dx_item_get(data, "title"), DX_KIND_TEXT) && is_weight(data, INT64_MAX) &&
           (done.size == 0 || dx_item_kind(done) == DX_KIND_BOOL);
}

static bool fits_second(dx_bytes data) {
    dx_bytes state = dx_item_get(data, "state");
    return is_of_kind(dx_item_get(data, "name"), DX_KIND_TEXT) && is_weight(data, SIM_WEIGHT_MOST) &&
           (is_text(state, "open") || is_text(state, "done"));
}

/* The versions that stand in the space, a bit each: the second was perhaps never said. */
static unsigned versions_of(sim_peer *peer) {
    sim_reply reply;
    unsigned versions = 0;
    dx_reader reader;
    if (ask(peer, "\"schema.list\"", &reply)) {
        dx_reader_init(&reader, dx_buf_view(&reply.rows));
        for (size_t i = 0; i < reply.row_count; i++) {
            versions |= 1u << dx_item_int(dx_item_get(dx_read_item(&reader), "version"), 0);
        }
    }
    sim_reply_deinit(&reply);
    return versions;
}

static bool should_be_listed(dx_bytes row, unsigned versions) {
    dx_bytes data = dx_item_get(row, "data");
    return !is_deleted(row) && versions != 0 && !((versions & 2u) != 0 && fits_first(data)) &&
           !((versions & 4u) != 0 && fits_second(data));
}

/* Every peer lists the tasks that fit no version: these and no others. */
static void check_listed(sim_peer *peer, const row_list *tasks, unsigned versions) {
    static row_list listed;
    sim_reply reply;
    size_t expected = 0;
    if (ask(peer, "\"schema.check\"", &reply)) {
        list_rows(&reply, "task", &listed);
        for (size_t i = 0; i < tasks->count; i++) {
            dx_bytes id = dx_item_text(dx_item_get(tasks->items[i], "id"));
            bool should = should_be_listed(tasks->items[i], versions);
            expected += should;
            if (should != (find_row(&listed, id).size > 0)) {
                sim_violate(peer->world, "peer %zu says that %.*s %s of its type", peer->index, (int)id.size,
                            (const char *)id.data, should ? "fits a version" : "fits no version");
            }
        }
        if (listed.count != expected) {
            sim_violate(peer->world, "peer %zu lists %zu tasks that fit no version, not %zu", peer->index,
                        listed.count, expected);
        }
    }
    sim_reply_deinit(&reply);
}

/* --- Migration ------------------------------------------------------------------------------------------- */

/* What stands at a key afterwards, by the steps of the second version; size 0: nothing. */
static dx_bytes migrated_at(dx_bytes before, dx_bytes key) {
    static const uint8_t open[] = {0x64, 'o', 'p', 'e', 'n'};
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)(key.size < 31 ? key.size : 31), (const char *)key.data);
    dx_bytes now = dx_item_get(before, name);
    if (strcmp(name, "title") == 0 || strcmp(name, "done") == 0) {
        return dx_bytes_of(NULL, 0);
    }
    if (now.size == 0 && strcmp(name, "name") == 0) {
        return dx_item_get(before, "title");
    }
    return now.size == 0 && strcmp(name, "state") == 0 ? dx_bytes_of(open, sizeof open) : now;
}

static size_t migrated_size(dx_bytes before) {
    dx_reader reader;
    dx_reader_init(&reader, before);
    bool title = dx_item_get(before, "title").size > 0, name = dx_item_get(before, "name").size > 0;
    return dx_read_map(&reader) - (title && name) - (dx_item_get(before, "done").size > 0) +
           (dx_item_get(before, "state").size == 0);
}

static bool is_migrated(dx_bytes before, dx_bytes after) {
    dx_reader reader;
    dx_reader_init(&reader, after);
    size_t pairs = dx_item_kind(after) == DX_KIND_MAP ? dx_read_map(&reader) : SIZE_MAX;
    bool well = pairs == migrated_size(before);
    for (; well && pairs > 0; pairs--) {
        dx_bytes key = dx_read_text(&reader), value = dx_read_item(&reader);
        well = dx_bytes_equal(value, migrated_at(before, key));
    }
    return well;
}

static bool needs_migration(dx_bytes row) {
    dx_bytes data = dx_item_get(row, "data");
    return !is_deleted(row) && (dx_item_get(data, "title").size > 0 || dx_item_get(data, "done").size > 0 ||
                                dx_item_get(data, "state").size == 0);
}

/* How many it says that it changed; -1 with a violation. */
static int64_t migrate(sim_peer *peer) {
    sim_reply reply;
    int64_t changed = -1;
    if (ask(peer, "\"schema.migrate\", \"type\": \"task\"", &reply)) {
        changed = dx_item_int(dx_item_get(dx_buf_view(&reply.body), "changed"), -1);
        if (changed < 0) {
            sim_violate(peer->world, "peer %zu cannot migrate", peer->index);
        }
    }
    sim_reply_deinit(&reply);
    return changed;
}

static void check_migrated(sim_peer *peer, const row_list *before) {
    static row_list after;
    sim_world *world = peer->world;
    sim_reply reply;
    int64_t expected = 0, changed = migrate(peer);
    if (world->violation[0] != 0 || !ask(peer, "\"export\"", &reply)) {
        return;
    }
    list_rows(&reply, "task", &after);
    for (size_t i = 0; i < before->count; i++) {
        dx_bytes id = dx_item_text(dx_item_get(before->items[i], "id")), row = find_row(&after, id);
        dx_bytes was = dx_item_get(before->items[i], "data"), is = dx_item_get(row, "data");
        bool well = is_deleted(before->items[i]) ? dx_bytes_equal(was, is) : is_migrated(was, is);
        expected += needs_migration(before->items[i]);
        if (!well) {
            sim_violate(world, "peer %zu: the task %.*s is not what a migration makes of it", peer->index,
                        (int)id.size, (const char *)id.data);
        }
    }
    world->counts[SIM_MIGRATED] += (uint64_t)changed;
    if (changed != expected || after.count != before->count) {
        sim_violate(world, "peer %zu migrated %d tasks, not %d", peer->index, (int)changed, (int)expected);
    }
    sim_reply_deinit(&reply);
}

/* --- Models ---------------------------------------------------------------------------------------------- */

static bool is_own_model(dx_bytes row) {
    dx_bytes model = dx_item_get(row, "model");
    return is_text(model, SIM_TALLY) || is_text(model, SIM_PAPER);
}

/* What stands there of the models of newer programs: shown by those, listed without data by the others. */
static void check_models(sim_peer *peer, const sim_reply *reply) {
    bool old = peer->world->skew->old[peer->index];
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&reply->rows));
    for (size_t i = 0; i < reply->row_count; i++) {
        dx_bytes row = dx_read_item(&reader), id = dx_item_text(dx_item_get(row, "id"));
        bool shown = dx_item_kind(dx_item_get(row, "data")) != DX_KIND_NULL;
        if (is_own_model(row) && shown == old) {
            sim_violate(peer->world, "peer %zu, whose program is the %s one, %s the data of %.*s",
                        peer->index, old ? "older" : "newer", shown ? "shows" : "does not show", (int)id.size,
                        (const char *)id.data);
        }
    }
}

/* --- All of it ------------------------------------------------------------------------------------------- */

static void look_at(sim_peer *peer, unsigned versions, bool models_alone) {
    static row_list tasks;
    sim_reply reply;
    if (ask(peer, "\"export\"", &reply)) {
        check_models(peer, &reply);
        list_rows(&reply, "task", &tasks);
        if (!models_alone) {
            check_listed(peer, &tasks, versions);
        }
    }
    sim_reply_deinit(&reply);
}

void sim_skew_renew(sim_world *world) {
    for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
        if (world->peers[i].member[0] && world->skew->old[i]) {
            sim_peer_stop(&world->peers[i]);
            sim_peer_start(&world->peers[i]);
        }
    }
}

/* The first one who may write. */
static sim_peer *writer_of(sim_world *world) {
    for (size_t i = 0; i < world->peer_count; i++) {
        if (world->peers[i].member[0] && !world->peers[i].reader) {
            return &world->peers[i];
        }
    }
    return NULL;
}

void sim_skew_end(sim_world *world) {
    static row_list before;
    sim_reply reply;
    sim_peer *writer = writer_of(world);
    for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
        if (world->peers[i].member[0]) {
            look_at(&world->peers[i], 0, true);
        }
    }
    sim_skew_renew(world);
    unsigned versions = writer == NULL || world->violation[0] != 0 ? 0 : versions_of(writer);
    for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
        if (world->peers[i].member[0]) {
            look_at(&world->peers[i], versions, false);
        }
    }
    if ((versions & 4u) == 0 || world->violation[0] != 0 || !ask(writer, "\"export\"", &reply)) {
        return; /* nobody ever said the second version */
    }
    list_rows(&reply, "task", &before);
    check_migrated(writer, &before);
    sim_reply_deinit(&reply);
    sim_await_step(world, 0);
    for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
        sim_peer *peer = &world->peers[i];
        int64_t changed = peer->member[0] && !peer->reader ? migrate(peer) : 0;
        if (changed > 0) {
            sim_violate(world, "peer %zu migrated %d tasks that were migrated", i, (int)changed);
        }
    }
}
