/* sim/check_rows.c: what a whole space, as one peer shows it, must say of the operations that were asked.
 *
 * Layer: simulator. Black box: rows and answers are all it knows. An operation that was acknowledged stands
 * there exactly once, with its own key, on its own object; one that was refused does not; one without an
 * answer stands there once or not at all; a batch whole or not at all. A contended key holds what somebody
 * wrote, and nobody who had seen that value has written the key since. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

enum { ROWS_MAX = 100000 };

typedef struct rows_check {
    sim_world *world;
    const sim_peer *peer;
    size_t space;
    uint64_t asked_number; /* 0: at the end */
    unsigned char *counts; /* by operation: how often its key stands somewhere */
} rows_check;

static bool is_text(dx_bytes item, const char *text) {
    return dx_bytes_equal(dx_item_text(item), dx_bytes_text(text));
}

/* The number behind "op", or SIZE_MAX when the key is no operation's. */
static size_t operation_of(dx_bytes key) {
    size_t number = 0;
    if (key.size < 3 || key.size > 12 || memcmp(key.data, "op", 2) != 0) {
        return SIZE_MAX;
    }
    for (size_t i = 2; i < key.size; i++) {
        if (key.data[i] < '0' || key.data[i] > '9') {
            return SIZE_MAX;
        }
        number = number * 10 + (size_t)(key.data[i] - '0');
    }
    return number;
}

/* --- Keys of operations
 * -------------------------------------------------------------------------------------- */

static void count_key(rows_check *check, dx_bytes id, size_t number, dx_bytes value) {
    const sim_workload *workload = check->world->workload;
    const sim_op *op = number < workload->op_count ? &workload->ops[number] : NULL;
    if (op == NULL || op->space != check->space || !sim_op_leaves_key(op->kind) ||
        dx_item_int(value, -1) != (int64_t)number) {
        sim_violate(check->world, "peer %zu shows a key op%zu that nobody wrote so", check->peer->index,
                    number);
        return;
    }
    bool known_place = op->kind == SIM_OP_SET || op->kind == SIM_OP_SET_MAP || op->kind == SIM_OP_EDIT ||
                       op->kind == SIM_OP_TEND ||
                       ((op->kind == SIM_OP_ADD || op->kind == SIM_OP_TASK) && op->object[0] != 0);
    if (known_place && !is_text(id, op->object)) {
        sim_violate(check->world, "peer %zu shows operation %zu on another object than it was made on",
                    check->peer->index, number);
    }
    if (check->counts[number] < UINT8_MAX) {
        check->counts[number]++;
    }
}

static void count_row(rows_check *check, dx_bytes row) {
    dx_bytes data = dx_item_get(row, "data"), id = dx_item_get(row, "id");
    dx_reader reader;
    dx_reader_init(&reader, data);
    if (data.size == 0 || dx_item_kind(data) != DX_KIND_MAP) {
        return;
    }
    for (size_t pairs = dx_read_map(&reader); pairs > 0 && reader.error == DX_OK; pairs--) {
        size_t number = operation_of(dx_read_text(&reader));
        dx_bytes value = dx_read_item(&reader);
        if (number != SIZE_MAX) {
            count_key(check, id, number, value);
        }
    }
}

/* Whether the operation was done to something that one whose disk was set back may have made: if that is
 * hidden, so is what was done to it. */
static bool rests_on_set_back(const rows_check *check, const sim_op *op) {
    const sim_workload *workload = check->world->workload;
    for (size_t i = 0; i < workload->op_count && check->world->counts[SIM_UNSEEN] > 0; i++) {
        const sim_op *other = &workload->ops[i];
        if (other->set_back && other->object[0] != 0 && strcmp(other->object, op->object) == 0) {
            return true;
        }
    }
    return false;
}

static const char *verdict(const rows_check *check, const sim_op *op) {
    size_t count = check->counts[op->number], whole = op->kind == SIM_OP_BATCH ? 2 : 1;
    bool promised = op->state == SIM_OP_DONE && !op->set_back &&
                    (check->asked_number == 0 ||
                     (op->peer == check->peer->index && op->done_number <= check->asked_number));
    if (count > whole) {
        return "happened twice";
    }
    if (count != 0 && count != whole) {
        return "happened by half";
    }
    if (op->state == SIM_OP_REFUSED && count != 0) {
        return "was refused, and happened";
    }
    promised = promised && !sim_is_purged(check->world, op->space, op->object);
    return promised && count == 0 && !rests_on_set_back(check, op) ? "was acknowledged, and is missing"
                                                                   : NULL;
}

static void judge_operations(const rows_check *check) {
    const sim_workload *workload = check->world->workload;
    for (size_t i = 0; i < workload->op_count; i++) {
        const sim_op *op = &workload->ops[i];
        const char *words =
            op->space == check->space && sim_op_leaves_key(op->kind) ? verdict(check, op) : NULL;
        if (words != NULL) {
            sim_violate(check->world, "operation %zu of peer %zu %s at peer %zu", i, op->peer, words,
                        check->peer->index);
        }
    }
}

/* --- Contended keys
 * ------------------------------------------------------------------------------------------ */

/* Whether the operation writes or unsets the key: shared, or deep.k<key>. */
static bool writes(const sim_op *op, bool shared, unsigned key) {
    switch (op->kind) {
    case SIM_OP_SET:
        return shared || op->key == key;
    case SIM_OP_SET_MAP:
        return !shared;
    case SIM_OP_UNSET:
        return true;
    case SIM_OP_TRIM:
    case SIM_OP_EDIT:
    case SIM_OP_ADD:
    case SIM_OP_REMOVE:
    case SIM_OP_RESTORE:
    case SIM_OP_LINK:
    case SIM_OP_UNLINK:
    case SIM_OP_MOVE:
    case SIM_OP_MAKE:
    case SIM_OP_APPLY:
    case SIM_OP_TASK:
    case SIM_OP_TEND:
    case SIM_OP_BATCH:
        break;
    }
    return false;
}

/* The winner of a key may not have been seen by one who wrote the key afterwards. The answer to a change
 * shows the object with the keys of all operations that were there. */
static void judge_winner(const rows_check *check, dx_bytes id, dx_bytes value, bool shared, unsigned key) {
    const sim_workload *workload = check->world->workload;
    char winner_key[24];
    int64_t winner = dx_item_int(value, -1);
    if (winner < 0 || (size_t)winner >= workload->op_count) {
        return;
    }
    snprintf(winner_key, sizeof winner_key, "op%lld", (long long)winner);
    for (size_t i = 0; i < workload->op_count; i++) {
        const sim_op *op = &workload->ops[i];
        if (op->reply.size == 0 || op->set_back || (int64_t)i == winner || !writes(op, shared, key) ||
            !is_text(id, op->object) || rests_on_set_back(check, op)) {
            continue;
        }
        dx_bytes seen = dx_item_get(dx_item_get(dx_buf_view(&op->reply), "data"), winner_key);
        if (seen.size > 0) {
            sim_violate(
                check->world,
                "operation %zu overwrote %s of operation %lld, which it had seen, and yet peer %zu shows "
                "the older one",
                i, shared ? "shared" : "deep.k", (long long)winner, check->peer->index);
        }
    }
}

static void judge_contended(const rows_check *check, dx_bytes row) {
    dx_bytes data = dx_item_get(row, "data"), id = dx_item_get(row, "id");
    dx_bytes deep = dx_item_get(data, "deep");
    judge_winner(check, id, dx_item_get(data, "shared"), true, 0);
    for (unsigned key = 0; key < SIM_CONTENDED_KEYS; key++) {
        char name[4] = {'k', (char)('0' + key), 0};
        judge_winner(check, id, dx_item_get(deep, name), false, key);
    }
}

/* --- All of it
 * ------------------------------------------------------------------------------------------------ */

void sim_check_rows(sim_world *world, const sim_peer *peer, size_t space, dx_bytes rows,
                    uint64_t asked_number) {
    rows_check check = {.world = world, .peer = peer, .space = space, .asked_number = asked_number};
    dx_reader reader;
    check.counts = calloc(world->workload->op_count + 1, 1);
    DX_ASSERT(check.counts != NULL);
    dx_reader_init(&reader, rows);
    while (reader.error == DX_OK && reader.at < reader.end) {
        dx_bytes row = dx_read_item(&reader);
        count_row(&check, row);
        if (asked_number == 0) {
            judge_contended(&check, row);
        }
    }
    DX_ASSERT(reader.error == DX_OK);
    judge_operations(&check);
    free(check.counts);
}

/* --- Glances
 * -------------------------------------------------------------------------------------------------- */

typedef struct sim_glance_state {
    size_t space;
    uint64_t asked_number;
    dx_buf rows;
} sim_glance_state;

static void on_glance(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_glance_state *glance = ctx;
    dx_bytes rows = dx_item_get(body, "rows");
    if (kind == SIM_ANSWER_NOTE && rows.size > 0) {
        dx_reader reader;
        dx_reader_init(&reader, rows);
        (void)dx_read_array(&reader);
        dx_buf_append(&glance->rows, reader.at, (size_t)(reader.end - reader.at));
        return;
    }
    if (kind == SIM_ANSWER_LAST && dx_item_get(body, "error").size == 0) {
        world->counts[SIM_GLANCES]++;
        sim_check_rows(world, peer, glance->space, dx_buf_view(&glance->rows), glance->asked_number);
    }
    dx_buf_deinit(&glance->rows);
    free(glance);
}

void sim_glance(sim_world *world) {
    sim_peer *peer = &world->peers[sim_below(world, world->peer_count)];
    size_t space = (size_t)sim_below(world, world->plan.spaces);
    char json[160];
    if (!peer->member[space]) {
        return;
    }
    sim_glance_state *glance = calloc(1, sizeof *glance);
    DX_ASSERT(glance != NULL);
    glance->space = space;
    glance->asked_number = world->event_number;
    dx_buf_init(&glance->rows, &sim_heap, 64 << 20);
    snprintf(json, sizeof json, "{\"do\": \"export\", \"space\": \"%s\"}", world->space[space]);
    if (!sim_ask_json(peer, json, NULL, false, on_glance, glance)) {
        free(glance);
    }
}
