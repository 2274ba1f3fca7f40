/* sim/skew.c: which program is the older one, what people do to tasks, and the seam that makes a program older. See skew.h. */
#include "skew.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "echo/schema_table.h"
#include "epochs.h"

enum {
    SECOND_TRIES = 3, /* somebody says the second version, until one has */
    MIGRATIONS = 5,   /* asked for meanwhile, by anybody */
    KNOWN_MS = 20000, /* until all have the first version, before anything goes wrong */
    DEFINITION_MAX = 4096
};

static const char first_version[] =
    "{\"do\": \"schema.add\", \"space\": \"%s\", \"type\": \"task\", \"version\": 1, \"schema\": {\"type\": "
    "\"object\", \"required\": [\"title\"], \"properties\": {\"title\": {\"type\": \"string\"}, \"weight\": "
    "{\"type\": \"integer\"}, \"done\": {\"type\": \"boolean\"}}}}";

static const char second_version[] =
    "{\"do\": \"schema.add\", \"space\": \"%s\", \"type\": \"task\", \"version\": 2, \"schema\": {\"type\": "
    "\"object\", \"x-colour\": \"green\", \"required\": [\"name\", \"state\"], \"properties\": {\"name\": "
    "{\"type\": \"string\"}, \"state\": {\"enum\": [\"open\", \"done\"]}, \"weight\": {\"type\": "
    "\"integer\", \"maximum\": %d}}}, \"migrate\": [{\"rename\": [\"title\", \"name\"]}, {\"default\": "
    "\"state\", \"value\": \"open\"}, {\"remove\": \"done\"}]}";

static const char migrate[] = "{\"do\": \"schema.migrate\", \"space\": \"%s\", \"type\": \"task\"}";

/* NOLINTBEGIN(readability-identifier-naming): the linker's names */
int __wrap_dx_schemas_judge(dx_context *context, dx_space *space, dx_bytes type, dx_bytes data,
                            dx_schema_fault *fault, int64_t *by);
int __real_dx_schemas_judge(dx_context *context, dx_space *space, dx_bytes type, dx_bytes data,
                            dx_schema_fault *fault, int64_t *by);
int __wrap_dx_schema_judge(dx_bytes definition, dx_bytes value, const dx_schema_lookup *lookup,
                           dx_schema_fault *fault);
int __real_dx_schema_judge(dx_bytes definition, dx_bytes value, const dx_schema_lookup *lookup,
                           dx_schema_fault *fault);
/* NOLINTEND(readability-identifier-naming) */

/* --- The seam: an older program's words ------------------------------------------------------------------ */

static bool runs_old(const dx_context *context) {
    const sim_peer *peer = sim_peer_of(context->alloc);
    const sim_skew *skew = peer->world->skew;
    return skew != NULL && skew->old[peer->index];
}

/* Between the two calls: whose words are known. A simulator has one thread. */
static bool judges_old;

int __wrap_dx_schemas_judge(dx_context *context, dx_space *space, dx_bytes type, dx_bytes data,
                            dx_schema_fault *fault, int64_t *by) {
    judges_old = runs_old(context);
    int error = __real_dx_schemas_judge(context, space, type, data, fault, by);
    judges_old = false;
    return error;
}

static bool is_newer_word(dx_bytes key) {
    return dx_bytes_equal(key, dx_bytes_text("maximum"));
}

/* The definition as if it had been written without the words that came later. */
static void copy_known(dx_bytes item, dx_writer *out) {
    dx_reader reader;
    size_t kept = 0;
    if (dx_item_kind(item) != DX_KIND_MAP) {
        dx_write_item(out, item);
        return;
    }
    dx_reader_init(&reader, item);
    for (size_t pairs = dx_read_map(&reader); pairs > 0; pairs--) {
        kept += !is_newer_word(dx_read_text(&reader));
        (void)dx_read_item(&reader);
    }
    dx_write_map(out, kept);
    dx_reader_init(&reader, item);
    for (size_t pairs = dx_read_map(&reader); pairs > 0; pairs--) {
        dx_bytes key = dx_read_text(&reader), value = dx_read_item(&reader);
        if (!is_newer_word(key)) {
            dx_write_text_bytes(out, key);
            copy_known(value, out);
        }
    }
}

int __wrap_dx_schema_judge(dx_bytes definition, dx_bytes value, const dx_schema_lookup *lookup,
                           dx_schema_fault *fault) {
    dx_buf known;
    dx_writer writer;
    if (!judges_old) {
        return __real_dx_schema_judge(definition, value, lookup, fault);
    }
    dx_buf_init(&known, &sim_heap, DEFINITION_MAX);
    dx_writer_init(&writer, &known);
    copy_known(definition, &writer);
    int error = dx_writer_finish(&writer);
    DX_ASSERT(error == DX_OK);
    error = __real_dx_schema_judge(dx_buf_view(&known), value, lookup, fault);
    dx_buf_deinit(&known);
    return error;
}

/* --- Programs -------------------------------------------------------------------------------------------- */

dx_model_registry sim_skew_start(sim_peer *peer) {
    sim_world *world = peer->world;
    sim_skew *skew = world->skew;
    if (skew == NULL) {
        return (dx_model_registry){0};
    }
    bool old = !world->healing && sim_below(world, 2) == 0;
    world->counts[SIM_OTHER_PROGRAM] += old != skew->old[peer->index];
    skew->old[peer->index] = old;
    sim_note(world, "peer %zu: its program is the %s one", peer->index, old ? "older" : "newer");
    return (dx_model_registry){.models = skew->models, .count = old ? 0 : 2};
}

static void on_ask(sim_world *world, void *ctx, uint64_t second) {
    char json[1024];
    sim_peer *peer = &world->peers[sim_below(world, world->plan.peers)];
    (void)ctx;
    if (!peer->member[0] || peer->reader || world->violation[0] != 0) {
        return;
    }
    if (second) {
        snprintf(json, sizeof json, second_version, world->space[0], SIM_WEIGHT_MOST);
    } else {
        snprintf(json, sizeof json, migrate, world->space[0]);
    }
    sim_note(world, "peer %zu: %s", peer->index, json);
    (void)!sim_ask_json(peer, json, NULL, true, sim_ignore_answer, NULL);
}

static bool lists_first(sim_peer *peer) {
    char json[160];
    sim_reply reply;
    sim_reply_init(&reply);
    snprintf(json, sizeof json, "{\"do\": \"schema.list\", \"space\": \"%s\"}", peer->world->space[0]);
    bool listed = sim_ask_wait(peer, json, &reply) && reply.row_count == 1;
    sim_reply_deinit(&reply);
    return listed;
}

/* Everybody who is there now knows the first version, as far as the net lets it, and every second program is a newer one. */
static void agree_on_first(sim_world *world, sim_skew *skew) {
    char json[1024];
    snprintf(json, sizeof json, first_version, world->space[0]);
    bool asked = sim_ask_json(&world->peers[0], json, NULL, true, sim_ignore_answer, NULL);
    DX_ASSERT(asked);
    sim_run_until(world, world->now_ms + KNOWN_MS);
    for (size_t i = 0; i < world->plan.peers && world->violation[0] == 0; i++) {
        sim_peer_stop(&world->peers[i]);
        sim_peer_start(&world->peers[i]);
        skew->knows_first[i] = lists_first(&world->peers[i]);
    }
}

void sim_skew_begin(sim_world *world) {
    uint64_t length_ms = world->plan.minutes * 60000;
    if (!world->plan.skew) {
        return;
    }
    sim_skew *skew = calloc(1, sizeof *skew);
    DX_ASSERT(skew != NULL);
    skew->tally = dx_counter_model;
    skew->tally.name = SIM_TALLY;
    skew->paper = dx_approval_model;
    skew->paper.name = SIM_PAPER;
    skew->models[0] = &skew->tally;
    skew->models[1] = &skew->paper;
    memset(skew->old, 1, sizeof skew->old); /* the setup's programs knew nothing else */
    world->skew = skew;
    agree_on_first(world, skew);
    for (size_t i = 0; i < SECOND_TRIES + MIGRATIONS; i++) {
        bool second = i < SECOND_TRIES;
        sim_at(world, world->now_ms + sim_below(world, second ? length_ms / 2 : length_ms), on_ask, NULL,
               second);
    }
}

void sim_skew_deinit(sim_world *world) {
    free(world->skew);
    world->skew = NULL;
}

void sim_skew_set_back(sim_world *world, const sim_peer *peer) {
    if (world->skew != NULL) {
        world->skew->knows_second[peer->index] = false;
    }
}

/* --- What is asked --------------------------------------------------------------------------------------- */

/* Most by one of the versions, some by none. */
static const struct {
    sim_fit fit;
    const char *data;
} made[] = {{SIM_FIT_FIRST, "\"title\": \"t#\""},
            {SIM_FIT_FIRST, "\"title\": \"t#\", \"done\": true, \"weight\": 7"},
            {SIM_FIT_FIRST, "\"title\": \"t#\", \"name\": \"of both\""},
            {SIM_FIT_SECOND, "\"name\": \"n#\", \"state\": \"open\", \"colour\": {\"hue\": 3}"},
            {SIM_FIT_SECOND, "\"name\": \"n#\", \"state\": \"done\", \"weight\": 100"},
            {SIM_FIT_HEAVY, "\"name\": \"n#\", \"state\": \"open\", \"weight\": 500"},
            {SIM_FIT_NONE, "\"name\": \"n#\", \"state\": \"later\""},
            {SIM_FIT_NONE, "\"title\": #"}};

static const char *const changed[] = {"\"title\": \"t#\"",
                                      "\"name\": \"n#\"",
                                      "\"state\": \"done\", \"mark\": #",
                                      "\"state\": \"later\", \"mark\": #",
                                      "\"weight\": #",
                                      "\"weight\": 500, \"mark\": #",
                                      "\"done\": true, \"mark\": #",
                                      "\"colour.hue\": #"};

/* The data, with the operation's number where they say #. */
static void put_number(const char *data, size_t number, char *out, size_t size) {
    size_t before = strcspn(data, "#");
    snprintf(out, size, "%.*s%zu%s", (int)before, data, number, data + before + 1);
}

void sim_skew_write(sim_world *world, sim_op *op, char *json, size_t size) {
    char data[128];
    size_t at;
    if (op->kind == SIM_OP_TASK) {
        at = (size_t)sim_below(world, sizeof made / sizeof made[0]);
        op->fit = made[at].fit;
        put_number(made[at].data, op->number, data, sizeof data);
        snprintf(
            json, size,
            "{\"do\": \"object.add\", \"space\": \"%s\", \"type\": \"task\", \"data\": {\"op%zu\": %zu, %s}}",
            world->space[op->space], op->number, op->number, data);
        return;
    }
    at = (size_t)sim_below(world, sizeof changed / sizeof changed[0]);
    put_number(changed[at], op->number, data, sizeof data);
    snprintf(json, size,
             "{\"do\": \"object.set\", \"space\": \"%s\", \"id\": \"%s\", \"set\": {\"op%zu\": %zu, %s}}",
             world->space[op->space], op->object, op->number, op->number, data);
}

/* --- What is answered ------------------------------------------------------------------------------------ */

static bool is_of_own_model(const sim_world *world, const sim_op *op) {
    const sim_op *maker = op->kind == SIM_OP_APPLY ? sim_op_maker(world, op->object) : op;
    return maker != NULL && maker->own_model;
}

void sim_skew_take_done(sim_world *world, const sim_peer *peer, const sim_op *op) {
    sim_skew *skew = world->skew;
    if (skew == NULL || op->asked_again) {
        return;
    }
    bool old = skew->old[peer->index], first = skew->knows_first[peer->index];
    if (first && (op->fit == SIM_FIT_NONE || (op->fit == SIM_FIT_HEAVY && !old))) {
        sim_violate(world, "operation %zu at peer %zu was taken, and fits no version of its type", op->number,
                    peer->index);
    }
    if (old && is_of_own_model(world, op)) {
        sim_violate(world, "operation %zu was taken by peer %zu, whose program does not know that model",
                    op->number, peer->index);
    }
    bool shows_second = first && (op->fit == SIM_FIT_SECOND || op->fit == SIM_FIT_HEAVY);
    skew->knows_second[peer->index] = skew->knows_second[peer->index] || shows_second;
}

bool sim_skew_is_usual(const sim_world *world, const sim_peer *peer, const sim_op *op, int64_t code) {
    const sim_skew *skew = world->skew;
    if (skew == NULL) {
        return false;
    }
    if (code == DX_E_UNSUPPORTED) {
        return is_of_own_model(world, op) && skew->old[peer->index];
    }
    if (code != DX_E_INVALID || (op->kind != SIM_OP_TASK && op->kind != SIM_OP_TEND)) {
        return false;
    }
    bool first = skew->knows_first[peer->index], second = skew->knows_second[peer->index],
         old = skew->old[peer->index];
    bool must_be_taken = (op->fit == SIM_FIT_FIRST && first) || (op->fit == SIM_FIT_SECOND && second) ||
                         (op->fit == SIM_FIT_HEAVY && second && old);
    /* Where a feed is written twice, a definition may be hidden. */
    return !must_be_taken || world->plan.chance[SIM_UNSEEN] > 0 || op->asked_again;
}
