/* sim/workload.c: what people do: edit the same and different things at once, on and off line. See
 * workload.h. */
#include "skew.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "undo.h"

enum {
    REPLY_SIZE_MAX = 1 << 20,
    AGAIN_DELAY_MAX_MS = 120000,
    TWINS_EVERY = 16, /* one in so many operations is done by all peers at once */
    TWINS_SHARE = 2,  /* room for them and for storms: half as many operations more */
    STORM_MOVES = 4,  /* of each peer */
    MAKES_TEXT = 3    /* key of an operation that makes a text; 0: a counter, 1 and 2: an approval */
};

static const char *const kind_words[] = {[SIM_OP_ADD] = "adds",
                                         [SIM_OP_SET] = "sets keys of",
                                         [SIM_OP_SET_MAP] = "sets deep of",
                                         [SIM_OP_UNSET] = "unsets keys of",
                                         [SIM_OP_TRIM] = "trims",
                                         [SIM_OP_EDIT] = "edits inside",
                                         [SIM_OP_REMOVE] = "removes",
                                         [SIM_OP_RESTORE] = "restores",
                                         [SIM_OP_LINK] = "links from",
                                         [SIM_OP_UNLINK] = "unlinks",
                                         [SIM_OP_MOVE] = "moves",
                                         [SIM_OP_MAKE] = "makes",
                                         [SIM_OP_APPLY] = "asks",
                                         [SIM_OP_TASK] = "writes down a task,",
                                         [SIM_OP_TEND] = "tends",
                                         [SIM_OP_BATCH] = "batches about"};

/* --- Life --------------------------------------------------------------------------------------------------
 */

void sim_workload_init(sim_world *world) {
    sim_workload *workload = calloc(1, sizeof *workload);
    DX_ASSERT(workload != NULL);
    workload->op_capacity = world->plan.operations + world->plan.operations / TWINS_SHARE + SIM_PEERS_MAX;
    workload->ops = calloc(workload->op_capacity + 1, sizeof *workload->ops);
    DX_ASSERT(workload->ops != NULL);
    world->workload = workload;
    sim_watch_init(world);
    sim_order_init(world);
}

void sim_workload_deinit(sim_world *world) {
    sim_workload *workload = world->workload;
    if (workload == NULL) {
        return;
    }
    sim_watch_deinit(world);
    sim_order_deinit(world);
    for (size_t i = 0; i < workload->op_count; i++) {
        free(workload->ops[i].json);
        dx_buf_deinit(&workload->ops[i].reply);
    }
    free(workload->ops);
    free(workload);
    world->workload = NULL;
}

void sim_workload_set_back(sim_world *world, const sim_peer *peer, uint64_t since_ms) {
    for (size_t i = 0; i < world->workload->op_count; i++) {
        sim_op *op = &world->workload->ops[i];
        bool after = op->state != SIM_OP_DONE || op->answered_ms >= since_ms;
        op->set_back = op->set_back || (op->peer == peer->index && after);
    }
    sim_skew_set_back(world, peer);
}

/* --- Answers
 * ------------------------------------------------------------------------------------------------ */

static void ask(sim_world *world, sim_op *op);

static void ask_again(sim_world *world, void *ctx, uint64_t number) {
    sim_op *op = ctx;
    (void)number;
    if (op->set_back || op->state == SIM_OP_OPEN || op->state == SIM_OP_REFUSED) {
        return;
    }
    sim_peer *peer = &world->peers[op->peer];
    if (peer->node == NULL || sim_peer_frozen(peer)) {
        return;
    }
    world->counts[SIM_ASKED_AGAIN]++;
    op->asked_again = true;
    ask(world, op);
}

static void ask_later(sim_world *world, sim_op *op) {
    bool again = op->state == SIM_OP_UNKNOWN ? sim_below(world, 4) != 0 : sim_below(world, 16) == 0;
    if (again && !world->healing) {
        sim_at(world, world->now_ms + sim_below(world, AGAIN_DELAY_MAX_MS), ask_again, op, 0);
    }
}

static void take_done(sim_world *world, sim_op *op, dx_bytes body) {
    if (op->reply.size > 0 && dx_item_get(body, "purged").size > 0 && world->purge_count != 0) {
        return; /* what it was answered is gone with what it showed */
    }
    dx_bytes id = dx_item_text(dx_item_get(body, "id"));
    char key[24];
    snprintf(key, sizeof key, "op%zu", op->number);
    if (op->reply.size > 0 && !dx_bytes_equal(body, dx_buf_view(&op->reply))) {
        sim_violate(world, "operation %zu, asked again, was answered differently by peer %zu", op->number,
                    op->peer);
    }
    world->counts[SIM_SAME_ANSWER] += op->reply.size > 0;
    if (op->reply.size == 0) {
        world->counts[SIM_DONE]++;
        op->answered_ms = world->now_ms;
        op->done_number = world->event_number;
        dx_buf_append(&op->reply, body.data, body.size);
    }
    if (op->kind == SIM_OP_ADD || op->kind == SIM_OP_LINK || op->kind == SIM_OP_MAKE ||
        op->kind == SIM_OP_TASK) {
        snprintf(op->object, sizeof op->object, "%.*s", (int)id.size, (const char *)id.data);
    }
    if ((op->kind == SIM_OP_SET || op->kind == SIM_OP_SET_MAP || op->kind == SIM_OP_TEND) &&
        dx_item_int(dx_item_get(dx_item_get(body, "data"), key), -1) != (int64_t)op->number) {
        sim_violate(world, "operation %zu was acknowledged by peer %zu without being there", op->number,
                    op->peer);
    }
    if (op->kind == SIM_OP_MOVE &&
        !dx_bytes_equal(dx_item_text(dx_item_get(body, "parent")), dx_bytes_text(op->under))) {
        sim_violate(world, "operation %zu moved an object at peer %zu, and it does not stand there",
                    op->number, op->peer);
    }
    sim_skew_take_done(world, &world->peers[op->peer], op);
    op->state = SIM_OP_DONE;
}

/* Answers that a healthy vault gives: the object is not here yet, was deleted by then, or would stand below itself; two
 * reviewers are one, or somebody has counted beyond 64 bits. Where a feed was
 * written twice, an id names a place on either branch: what was an object on the one is perhaps a link on the
 * other. */
static bool is_usual(const sim_world *world, const sim_op *op, int64_t code) {
    if (sim_skew_is_usual(world, &world->peers[op->peer], op, code)) {
        return true;
    }
    bool conflicts = op->kind == SIM_OP_MOVE || op->kind == SIM_OP_EDIT;
    if (code == DX_E_UNSUPPORTED) { /* on the other branch it is an object of another model */
        return world->counts[SIM_UNSEEN] > 0;
    }
    return (code == DX_E_CONFLICT && conflicts) || code == DX_E_NOT_FOUND || code == DX_E_STATE ||
           (code == DX_E_INVALID && (world->counts[SIM_UNSEEN] > 0 || op->kind == SIM_OP_APPLY));
}

static bool is_of_host(int64_t code) {
    return code == DX_E_NO_MEMORY || code == DX_E_STORE || code == DX_E_NO_SPACE || code == DX_E_BUSY;
}

static void take_error(sim_world *world, sim_peer *peer, sim_op *op, dx_bytes body) {
    char message[160];
    int64_t code = dx_item_int(dx_item_get(dx_item_get(body, "error"), "code"), 0);
    (void)sim_error_of(body, message, sizeof message);
    if (!is_usual(world, op, code) && !(is_of_host(code) && peer->suffers)) {
        sim_violate(world, "operation %zu at peer %zu: unexpected error %s: %s", op->number, peer->index,
                    dx_error_name((int)code), message);
    }
    if (op->reply.size > 0 && !is_of_host(code)) {
        sim_violate(world, "operation %zu, asked again after its answer, is refused by peer %zu: %s",
                    op->number, peer->index, message);
    }
    if (op->reply.size == 0) {
        /* An error of the host's says that nothing happened, unless the first answer was lost. */
        op->state = op->asked_again && is_of_host(code) ? SIM_OP_UNKNOWN : SIM_OP_REFUSED;
        world->counts[SIM_REFUSED]++;
    }
}

/* For the story. */
static void note_answer(sim_world *world, const sim_peer *peer, const sim_op *op, dx_bytes body) {
    dx_buf json;
    if (!world->verbose) {
        return;
    }
    dx_buf_init(&json, &sim_heap, REPLY_SIZE_MAX);
    int error = dx_json_print(body, &json);
    sim_note(world, "peer %zu answers #%zu: %.*s", peer->index, op->number,
             error == DX_OK ? (int)json.size : 0, (const char *)json.data);
    dx_buf_deinit(&json);
}

static void on_answer(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_op *op = ctx;
    if (kind == SIM_ANSWER_NOTE) {
        return;
    }
    if (kind == SIM_ANSWER_LOST) {
        world->counts[SIM_UNKNOWN]++;
        op->state = op->reply.size > 0 ? SIM_OP_DONE : SIM_OP_UNKNOWN;
        sim_note(world, "peer %zu: the answer to #%zu is lost", peer->index, op->number);
        ask_later(world, op);
        return;
    }
    note_answer(world, peer, op, body);
    if (dx_item_get(body, "error").size > 0) {
        take_error(world, peer, op, body);
    } else {
        take_done(world, op, body);
    }
    ask_later(world, op);
}

static void ask(sim_world *world, sim_op *op) {
    sim_peer *peer = &world->peers[op->peer];
    sim_note(world, "peer %zu %s%s %s (#%zu)", peer->index, op->asked_again ? "once more " : "",
             kind_words[op->kind], op->object[0] == 0 ? "something new" : op->object, op->number);
    op->state = SIM_OP_OPEN;
    if (!sim_ask_json(peer, op->json, op->id, false, on_answer, op)) {
        op->state = op->reply.size > 0 ? SIM_OP_DONE : op->asked_again ? SIM_OP_UNKNOWN : SIM_OP_REFUSED;
        world->counts[SIM_SKIPPED]++;
    }
}

/* --- Operations
 * ---------------------------------------------------------------------------------------------- */

const char *sim_some_thing(sim_world *world, size_t space, sim_op_kind kind) {
    const sim_workload *workload = world->workload;
    for (size_t tries = 0; tries < 8 && workload->op_count > 0; tries++) {
        const sim_op *op = &workload->ops[sim_below(world, workload->op_count)];
        if (op->kind == kind && op->state == SIM_OP_DONE && op->space == space) {
            return op->object;
        }
    }
    return NULL;
}

const char *sim_object_made(sim_world *world, size_t space) {
    return sim_some_thing(world, space, SIM_OP_ADD);
}

bool sim_has_made(const sim_world *world, const char *object, const sim_peer *peer) {
    for (size_t i = 0; i < world->workload->op_count; i++) {
        const sim_op *op = &world->workload->ops[i];
        if (op->kind == SIM_OP_ADD && strcmp(op->object, object) == 0) {
            return op->peer == peer->index;
        }
    }
    return false;
}

/* One of the first few that were made: their moves meet. */
static const char *something_to_move(sim_world *world, size_t space) {
    const char *few[SIM_CONTENDED_OBJECTS];
    size_t count = 0;
    for (size_t i = 0; i < world->workload->op_count && count < SIM_CONTENDED_OBJECTS; i++) {
        const sim_op *op = &world->workload->ops[i];
        if (op->kind == SIM_OP_ADD && op->state == SIM_OP_DONE && op->space == space) {
            few[count++] = op->object;
        }
    }
    return count == 0 ? NULL : few[sim_below(world, count)];
}

/* What most deletions and restorations are about, so that they meet. */
static const char *something_contended(const sim_world *world, size_t space) {
    for (size_t i = 0; i < world->workload->op_count; i++) {
        const sim_op *op = &world->workload->ops[i];
        if (op->kind == SIM_OP_ADD && op->state == SIM_OP_DONE && op->space == space) {
            return op->object;
        }
    }
    return NULL;
}

/* One of the few counters and approvals; NULL: there are not that many yet. */
static const char *something_made(sim_world *world, size_t space) {
    for (size_t i = 0, skip = (size_t)sim_below(world, 4); i < world->workload->op_count; i++) {
        const sim_op *op = &world->workload->ops[i];
        if (op->kind == SIM_OP_MAKE && op->state == SIM_OP_DONE && op->space == space && skip-- == 0) {
            return op->object;
        }
    }
    return NULL;
}

/* One of the few tasks: changes of them meet. */
static const char *some_task(sim_world *world) {
    for (size_t i = 0, skip = (size_t)sim_below(world, SIM_CONTENDED_OBJECTS); i < world->workload->op_count;
         i++) {
        const sim_op *op = &world->workload->ops[i];
        if (op->kind == SIM_OP_TASK && op->state == SIM_OP_DONE && skip-- == 0) {
            return op->object;
        }
    }
    return NULL;
}

static sim_op_kind draw_kind(sim_world *world) {
    static const struct {
        sim_op_kind kind;
        unsigned weight;
    } weights[] = {{SIM_OP_ADD, 21}, {SIM_OP_SET, 28},   {SIM_OP_SET_MAP, 5}, {SIM_OP_UNSET, 3},
                   {SIM_OP_TRIM, 4}, {SIM_OP_EDIT, 12},  {SIM_OP_REMOVE, 4},  {SIM_OP_RESTORE, 5},
                   {SIM_OP_LINK, 6}, {SIM_OP_UNLINK, 2}, {SIM_OP_MOVE, 3},    {SIM_OP_BATCH, 7}};
    uint64_t at = sim_below(world, 100);
    size_t i = 0;
    for (; at >= weights[i].weight; i++) {
        at -= weights[i].weight;
    }
    return weights[i].kind;
}

static void write_add(sim_world *world, const sim_op *op, const char *pad, char *json, size_t size) {
    const char *parent = sim_below(world, 3) == 0 ? sim_some_thing(world, op->space, SIM_OP_ADD) : NULL;
    size_t n = op->number;
    snprintf(json, size,
             "{\"do\": \"object.add\", \"space\": \"%s\", \"type\": \"t%u\", \"data\": {\"op%zu\": %zu, "
             "\"shared\": %zu, \"deep\": {\"k\": %zu}, \"secret\": \"sesame %zu\"%s%s%s}%s%s%s}",
             world->space[op->space], (unsigned)sim_below(world, 3), n, n, n, n, n,
             pad[0] == 0 ? "" : ", \"pad\": \"", pad, pad[0] == 0 ? "" : "\"",
             parent == NULL ? "" : ", \"parent\": \"", parent == NULL ? "" : parent,
             parent == NULL ? "" : "\"");
}

/* What is set beside deep.k<i>: values above and under each other, so that they give way, come back and are
 * swept away. */
static const char *draw_nested(sim_world *world) {
    static const char *const nested[] = {"\"deep.m\": %zu",     "\"deep.m.n\": %zu",
                                         "\"deep.m.n.o\": %zu", "\"deep.m\": {\"n\": {\"o\": %zu}}",
                                         "\"deep.m.n\": [%zu]", "\"a\\\\.b.c\": %zu",
                                         "\"list\": [0, %zu]",  "\"count\": %zu"};
    return nested[sim_below(world, sizeof nested / sizeof nested[0])];
}

static void write_set(sim_world *world, const sim_op *op, char *json, size_t size) {
    char nested[64] = "";
    size_t n = op->number;
    if (sim_below(world, 2) == 0) {
        snprintf(nested, sizeof nested, draw_nested(world), n);
    }
    snprintf(json, size,
             "{\"do\": \"object.set\", \"space\": \"%s\", \"id\": \"%s\", \"set\": {\"op%zu\": %zu, "
             "\"shared\": %zu, \"deep.k%u\": %zu%s%s}}",
             world->space[op->space], op->object, n, n, n, op->key, n, nested[0] == 0 ? "" : ", ", nested);
}

static void write_change(sim_world *world, const sim_op *op, char *json, size_t size) {
    static const char *const trimmed[] = {"deep.m", "deep.m.n", "deep.m.n.o", "a\\\\.b"};
    const char *space = world->space[op->space], *id = op->object;
    unsigned key = op->key;
    size_t n = op->number;
    switch (op->kind) {
    case SIM_OP_SET:
        write_set(world, op, json, size);
        break;
    case SIM_OP_SET_MAP:
        snprintf(
            json, size,
            "{\"do\": \"object.set\", \"space\": \"%s\", \"id\": \"%s\", \"set\": {\"op%zu\": %zu, \"deep\": "
            "{\"k%u\": %zu, \"m\": {\"n\": %zu}}}}",
            space, id, n, n, key, n, n);
        break;
    case SIM_OP_UNSET:
        snprintf(json, size,
                 "{\"do\": \"object.unset\", \"space\": \"%s\", \"id\": \"%s\", \"unset\": [\"shared\", "
                 "\"deep\"]}",
                 space, id);
        break;
    case SIM_OP_TRIM:
        snprintf(json, size,
                 "{\"do\": \"object.unset\", \"space\": \"%s\", \"id\": \"%s\", \"unset\": [\"%s\"]}", space,
                 id, trimmed[sim_below(world, sizeof trimmed / sizeof trimmed[0])]);
        break;
    case SIM_OP_ADD:
    case SIM_OP_EDIT:
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
        snprintf(json, size, "{\"do\": \"%s\", \"space\": \"%s\", \"id\": \"%s\"}",
                 op->kind == SIM_OP_REMOVE    ? "object.rm"
                 : op->kind == SIM_OP_RESTORE ? "object.restore"
                                              : "link.rm",
                 space, id);
        break;
    }
}

static void write_move(sim_world *world, sim_op *op, char *json, size_t size) {
    const char *parent = sim_below(world, 5) == 0 ? NULL : something_to_move(world, op->space);
    const char *quote = parent == NULL ? "" : "\"";
    snprintf(op->under, sizeof op->under, "%s", parent == NULL ? "" : parent);
    snprintf(json, size, "{\"do\": \"object.move\", \"space\": \"%s\", \"id\": \"%s\", \"parent\": %s%s%s}",
             world->space[op->space], op->object, quote, parent == NULL ? "null" : parent, quote);
}

static void write_link(sim_world *world, const sim_op *op, char *json, size_t size) {
    const char *other = sim_some_thing(world, op->space, SIM_OP_ADD);
    snprintf(json, size,
             "{\"do\": \"link.add\", \"space\": \"%s\", \"source\": \"%s\", \"target\": \"%s\", \"type\": "
             "\"near\", \"data\": {\"op%zu\": %zu}}",
             world->space[op->space], op->object, other == NULL ? op->object : other, op->number, op->number);
}

/* The second setting of deep.k0 goes into a block of its own, after the map that it changes. */
static void write_batch(sim_world *world, const sim_op *op, char *json, size_t size) {
    size_t n = op->number;
    snprintf(json, size,
             "{\"do\": \"batch\", \"space\": \"%s\", \"ops\": [{\"op\": \"add\", \"type\": \"b\", \"data\": "
             "{\"op%zu\": %zu, \"half\": 1}}, {\"op\": \"add\", \"type\": \"b\", \"parent\": 0, \"data\": "
             "{\"op%zu\": %zu, \"half\": 2}}, {\"op\": \"link\", \"type\": \"near\", \"source\": 1, "
             "\"target\": \"%s\"}, {\"op\": \"set\", \"id\": \"%s\", \"set\": {\"deep\": {\"b\": %zu}}}, "
             "{\"op\": \"set\", \"id\": \"%s\", \"set\": {\"deep.k0\": %zu, \"shared\": %zu}}]}",
             world->space[op->space], n, n, n, n, op->object, op->object, n, op->object, n, n);
}

/* One to five edits, of one array most often: runs of inserts at one spot, and what others have just moved. Some name
 * an item that is not there any more, or find a number where an array was: then the whole batch is refused. */
static void write_edits(sim_world *world, const sim_op *op, char *json, size_t size) {
    static const char *const edits[] = {
        "\"push\": [%zu, \"p\"]",       "\"insert\": [%zu, \"i\", \"j\"], \"at\": 0",
        "\"insert\": [%zu], \"at\": 1", "\"replace\": %zu, \"at\": 0",
        "\"remove\": 1, \"at\": 0",     "\"reorder\": 0, \"at\": 1",
        "\"reorder\": 1, \"at\": 0",    "\"include\": [\"i\", \"m\"]",
        "\"exclude\": [\"i\"]"};
    static const char *const paths[] = {"list", "list", "list", "deep.list", "deep.m"};
    size_t n = op->number;
    size_t at =
        (size_t)snprintf(json, size,
                         "{\"do\": \"batch\", \"space\": \"%s\", \"ops\": [{\"op\": \"set\", \"id\": \"%s\", "
                         "\"set\": {\"op%zu\": %zu}}",
                         world->space[op->space], op->object, n, n);
    for (uint64_t left = 1 + sim_below(world, 5); left > 0; left--) {
        char edit[64];
        const char *path = paths[sim_below(world, sizeof paths / sizeof paths[0])];
        if (sim_below(world, 5) == 0) {
            path = sim_below(world, 4) == 0 ? "deep.m" : "count";
            snprintf(edit, sizeof edit, "\"increment\": %d", (int)sim_below(world, 9) - 4);
        } else {
            snprintf(edit, sizeof edit, edits[sim_below(world, sizeof edits / sizeof edits[0])], n);
        }
        at += (size_t)snprintf(json + at, size - at,
                               ", {\"op\": \"edit\", \"id\": \"%s\", \"key\": \"%s\", %s}", op->object, path,
                               edit);
    }
    snprintf(json + at, size - at, "]}");
}

/* In a world with programs of different ages half of these are of models that only the newer ones know. */
static void write_make(sim_world *world, sim_op *op, char *json, size_t size) {
    static const char *const names[2][2] = {{"dx/approval/1", "dx/counter/1"}, {SIM_PAPER, SIM_TALLY}};
    op->key = (unsigned)sim_below(world, 3);
    if (world->plan.texts && sim_below(world, 3) != 0) {
        op->key = MAKES_TEXT;
        snprintf(json, size,
                 "{\"do\": \"object.add\", \"space\": \"%s\", \"type\": \"m\", \"model\": \"dx/text/1\"%s}",
                 world->space[op->space],
                 sim_below(world, 2) == 0 ? ", \"operation\": {\"append\": \"once upon a time\"}" : "");
        return;
    }
    op->own_model = world->skew != NULL && sim_below(world, 2) == 0;
    snprintf(json, size, "{\"do\": \"object.add\", \"space\": \"%s\", \"type\": \"m\", \"model\": \"%s\"%s}",
             world->space[op->space], names[op->own_model][op->key == 0],
             op->key == 0 && sim_below(world, 2) == 0 ? ", \"operation\": 5" : "");
}

/* Who made something reviews: any object of a person's stands for them. */
static void write_assignment(sim_world *world, const sim_op *op, char *json, size_t size) {
    const char *one = sim_some_thing(world, op->space, SIM_OP_ADD),
               *two = sim_some_thing(world, op->space, SIM_OP_ADD);
    if (one == NULL || two == NULL) {
        snprintf(json, size, "[\"submit\"]");
        return;
    }
    snprintf(json, size, "[\"assign\", [{\"@ref\": \"%s\"}, {\"@ref\": \"%s\"}], %u]", one, two,
             1 + (unsigned)sim_below(world, 2));
}

const sim_op *sim_op_maker(const sim_world *world, const char *object) {
    for (size_t i = 0; i < world->workload->op_count; i++) {
        const sim_op *op = &world->workload->ops[i];
        if (op->kind == SIM_OP_MAKE && strcmp(op->object, object) == 0) {
            return op;
        }
    }
    return NULL;
}

static bool is_counter(const sim_world *world, const char *object) {
    const sim_op *maker = sim_op_maker(world, object);
    return maker != NULL && maker->key == 0;
}

const char *sim_some_counter(sim_world *world, size_t space) {
    const char *found = something_made(world, space);
    return found != NULL && is_counter(world, found) ? found : NULL;
}

static bool is_text(const sim_world *world, const char *object) {
    const sim_op *maker = sim_op_maker(world, object);
    return maker != NULL && maker->key == MAKES_TEXT;
}

/* Many write near the beginning, where they meet; what lies beyond the end by now is refused. */
static void write_words(sim_world *world, const sim_op *op, char *json, size_t size) {
    unsigned at = (unsigned)sim_below(world, 6), count = 1 + (unsigned)sim_below(world, 4);
    switch (sim_below(world, 7)) {
    case 0:
        snprintf(json, size, "{\"append\": \" the end %zu\"}", op->number);
        break;
    case 1:
    case 2:
        snprintf(json, size, "{\"delete\": %u, \"count\": %u}", at, count);
        break;
    case 3:
        snprintf(json, size, "{\"format\": %u, \"count\": %u, \"attributes\": {\"bold\": %s}}", at, count,
                 sim_below(world, 2) == 0 ? "true" : "null");
        break;
    case 4:
        snprintf(json, size, "{\"edit\": \"number %zu\\nwas here\\n\", \"was\": \"once\\nwas here\\n\"}",
                 op->number);
        break;
    default:
        snprintf(json, size, "{\"insert\": %u, \"text\": \"%zu \"}", at, op->number);
    }
}

/* An approval's steps, in any order and by anybody: most are refused when their turn comes, and who comes second differs
 * from replica to replica until all is there. */
static void write_apply(sim_world *world, const sim_op *op, char *json, size_t size) {
    static const char *const asked[] = {"[\"submit\"]",  "[\"approve\"]",        "[\"approve\"]",
                                        "[\"approve\"]", "[\"reject\", \"no\"]", "[\"withdraw\"]",
                                        "[\"reopen\"]"};
    char operation[SIM_OPERATION_JSON_MAX / 2];
    if (is_counter(world, op->object)) {
        snprintf(operation, sizeof operation, "%d", (int)sim_below(world, 9) - 3);
    } else if (is_text(world, op->object)) {
        write_words(world, op, operation, sizeof operation);
    } else if (sim_below(world, 4) == 0) {
        write_assignment(world, op, operation, sizeof operation);
    } else {
        snprintf(operation, sizeof operation, "%s", asked[sim_below(world, sizeof asked / sizeof asked[0])]);
    }
    snprintf(json, size, "{\"do\": \"object.apply\", \"space\": \"%s\", \"id\": \"%s\", \"operation\": %s}",
             world->space[op->space], op->object, operation);
}

/* In some seeds objects are large, so that a whole space is more than a program may leave unread. */
static char *draw_pad(sim_world *world, const sim_op *op) {
    size_t size = world->plan.big && op->kind == SIM_OP_ADD ? 1 + (size_t)sim_below(world, SIM_PAD_MAX) : 0;
    char *pad = malloc(size + 1);
    DX_ASSERT(pad != NULL);
    memset(pad, 'x', size);
    pad[size] = 0;
    return pad;
}

static void write_operation(sim_world *world, sim_op *op) {
    static char json[SIM_OPERATION_JSON_MAX + SIM_PAD_MAX];
    if (op->kind == SIM_OP_ADD) {
        char *pad = draw_pad(world, op);
        write_add(world, op, pad, json, sizeof json);
        free(pad);
    } else if (op->kind == SIM_OP_LINK) {
        write_link(world, op, json, sizeof json);
    } else if (op->kind == SIM_OP_EDIT) {
        write_edits(world, op, json, sizeof json);
    } else if (op->kind == SIM_OP_MOVE) {
        write_move(world, op, json, sizeof json);
    } else if (op->kind == SIM_OP_MAKE) {
        write_make(world, op, json, sizeof json);
    } else if (op->kind == SIM_OP_APPLY) {
        write_apply(world, op, json, sizeof json);
    } else if (op->kind == SIM_OP_TASK || op->kind == SIM_OP_TEND) {
        sim_skew_write(world, op, json, sizeof json);
    } else if (op->kind == SIM_OP_BATCH) {
        write_batch(world, op, json, sizeof json);
    } else {
        write_change(world, op, json, sizeof json);
    }
    op->json = malloc(strlen(json) + 1);
    DX_ASSERT(op->json != NULL);
    memcpy(op->json, json, strlen(json) + 1);
}

static bool makes_one(sim_op_kind kind) {
    return kind == SIM_OP_ADD || kind == SIM_OP_MAKE || kind == SIM_OP_TASK;
}

/* One peer does something about an object or link; NULL: there is none yet. */
static void operate(sim_world *world, sim_peer *peer, size_t space, sim_op_kind kind, const char *subject) {
    sim_workload *workload = world->workload;
    if (peer->node == NULL || sim_peer_frozen(peer) || !peer->member[space] || peer->reader ||
        workload->op_count == workload->op_capacity) {
        world->counts[SIM_SKIPPED]++;
        return;
    }
    sim_op *op = &workload->ops[workload->op_count];
    *op = (sim_op){.number = workload->op_count++,
                   .peer = peer->index,
                   .space = space,
                   .kind = subject == NULL && !makes_one(kind) ? SIM_OP_ADD : kind,
                   .key = (unsigned)sim_below(world, SIM_CONTENDED_KEYS),
                   .set_back = peer->forked, /* what it does in another life may be hidden */
                   .asked_ms = world->now_ms};
    dx_buf_init(&op->reply, &sim_heap, REPLY_SIZE_MAX);
    if (!makes_one(op->kind)) {
        snprintf(op->object, sizeof op->object, "%s", subject);
    }
    for (size_t i = 0; i < sizeof op->id; i++) {
        op->id[i] = (uint8_t)sim_below(world, 256);
    }
    write_operation(world, op);
    world->counts[SIM_ASKED]++;
    ask(world, op);
}

void sim_operate(sim_world *world) {
    size_t space = (size_t)sim_below(world, world->plan.spaces);
    sim_op_kind kind = draw_kind(world);
    kind = kind == SIM_OP_MOVE && world->plan.parts ? SIM_OP_SET : kind; /* docs/spec/partial.md, Parents */
    const char *subject = sim_some_thing(world, space, kind == SIM_OP_UNLINK ? SIM_OP_LINK : SIM_OP_ADD);
    if ((kind == SIM_OP_REMOVE || kind == SIM_OP_RESTORE || kind == SIM_OP_EDIT) &&
        sim_below(world, 4) != 0) {
        subject = something_contended(world, space);
    }
    if (world->plan.models && sim_below(world, 5) == 0) {
        subject = something_made(world, space);
        kind = subject == NULL ? SIM_OP_MAKE : SIM_OP_APPLY;
    }
    if (world->plan.texts && sim_below(world, 2) == 0) {
        subject = sim_below(world, 12) == 0 ? NULL : something_made(world, space);
        kind = subject == NULL ? SIM_OP_MAKE : SIM_OP_APPLY;
    }
    if (world->skew != NULL && sim_below(world, 4) == 0) {
        space = 0;
        subject = sim_below(world, 3) == 0 ? NULL : some_task(world);
        kind = subject == NULL ? SIM_OP_TASK : SIM_OP_TEND;
    }
    if (sim_below(world, 24) == 0) {
        sim_glance(world);
    }
    sim_watch_tend(world);
    sim_order_tend(world);
    sim_check_answers(world);
    if (world->undo != NULL && sim_below(world, 6) == 0) {
        for (size_t i = 0, all = sim_below(world, TWINS_EVERY) == 0 ? world->peer_count : 1; i < all; i++) {
            sim_undo_operate(world, &world->peers[sim_below(world, world->peer_count)], space);
        }
    }
    /* Now and then several do the same at the same moment: those who are in step then tie. */
    size_t first = (size_t)sim_below(world, world->peer_count);
    size_t count = sim_below(world, TWINS_EVERY) == 0 ? world->peer_count : 1;
    if (kind == SIM_OP_MOVE && sim_below(world, 2) == 0) { /* a storm: all move what they like at once */
        count = STORM_MOVES * world->peer_count;
    }
    for (size_t i = 0; i < count && world->violation[0] == 0; i++) {
        subject = kind == SIM_OP_MOVE ? something_to_move(world, space) : subject;
        operate(world, &world->peers[(first + i) % world->peer_count], space, kind, subject);
    }
}
