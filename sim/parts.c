/* sim/parts.c: people who keep a part of a space, and what they must have of it.
 *
 * Layer: simulator. Worlds have some that are asked for them (sim --parts): anybody but
 * the owner keeps some types, or what happened of late, or what matches a question, then others, then all again, writes all the
 * while, and has single objects fetched. When all healed: of the types it keeps a peer has what the owner has, byte by byte, and
 * says that these answers are whole; its question it answers as the owner does; what it shows beside them is there with the owner,
 * too; what it wrote itself it has kept. Who kept what
 * was recent shows nothing that the owner has not. Then all keep all again, and are judged as in any world.
 *
 * Nobody moves anything there: which of the moves in a circle yields is known to who has all of them (docs/spec/partial.md, Parents).
 * Worlds with epochs have none: nobody could let go of history there while somebody keeps a part. Nor have those with programs of
 * different ages, which digest what they do not know as it is, with undo, or where nobody is dialled: who reaches others only
 * through one who keeps a part has no more than that one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

enum {
    SCOPES_PER_OPERATION = 16,
    FETCHES_PER_OPERATION = 10,
    RECENT_MAX_MS = 600000,
    POLL_MS = 5000,
    /* Whoever is asked for what is missing is asked again after a minute, then two, then four; a liar may be among them. */
    SETTLE_MS = 30 * 60000,
    FETCH_MS = 20000
};

static const char *const types[] = {"t0", "t1", "t2", "b", "near", "m"};

enum { TYPES = sizeof types / sizeof types[0], NAMES_SIZE = 64, QUESTION_SIZE = 160 };

/* What others change as they write, so that objects come to match and cease to; numbers grow in a world. */
static const char *const questions[] = {
    "{\"type\": \"t0\", \"where\": {\"shared\": {\"ge\": %llu}}}",
    "{\"type\": \"t1\", \"where\": {\"deep.k0\": {\"exists\": true}}}",
    "{\"where\": {\"shared\": {\"lt\": %llu}}}",
    "{\"type\": \"t2\", \"deleted\": \"only\"}",
    "{\"kind\": \"any\", \"or\": [{\"type\": \"near\"}, {\"where\": {\"deep.m.n\": {\"exists\": true}}}]}",
    ("{\"type\": \"t0\", \"where\": {\"count\": {\"ge\": 0}}, \"not\": {\"where\": {\"shared\": {\"lt\": "
     "%llu}}}}")};

enum { QUESTIONS = sizeof questions / sizeof questions[0] };

/* What a peer keeps of a space, as it says itself. */
typedef struct part {
    bool partial, recent, named;
    bool kept[TYPES];
    char names[NAMES_SIZE];       /* as a JSON list */
    char question[QUESTION_SIZE]; /* as JSON; empty: none */
    int64_t missing;
} part;

/* --- Keeping --------------------------------------------------------------------------------------------- */

static void on_kept(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    char message[160];
    (void)ctx;
    if (kind != SIM_ANSWER_LAST) {
        return;
    }
    bool refused = sim_error_of(body, message, sizeof message);
    if (refused && !peer->suffers) {
        sim_violate(world, "peer %zu may not keep a part: %s", peer->index, message);
    }
    world->counts[SIM_SCOPED] += !refused;
}

static bool may_act(const sim_world *world, const sim_peer *peer, size_t space) {
    return peer->node != NULL && !sim_peer_frozen(peer) && world->violation[0] == 0 && peer->member[space] &&
           !sim_is_hostile(peer);
}

/* Behind what was written so far, and the end of it. */
static void draw_question(sim_world *world, char *json, size_t size) {
    char question[QUESTION_SIZE];
    /* One draw after the other: the order of arguments is the compiler's. */
    const char *form = questions[sim_below(world, QUESTIONS)];
    const unsigned long long bound = sim_below(world, world->plan.operations);
    snprintf(question, sizeof question, form, bound);
    snprintf(json, size, ", \"query\": %s}", question);
}

static void on_scope(sim_world *world, void *ctx, uint64_t number) {
    char json[480], names[NAMES_SIZE] = "";
    sim_peer *peer = &world->peers[1 + sim_below(world, world->plan.peers - 1)];
    size_t space = (size_t)sim_below(world, world->plan.spaces);
    uint64_t chosen = 1 + sim_below(world, (1u << TYPES) - 1);
    bool all = sim_below(world, 5) == 0, recent = sim_below(world, 4) == 0, asks = sim_below(world, 3) == 0;
    (void)ctx;
    (void)number;
    if (!may_act(world, peer, space)) {
        return;
    }
    for (size_t i = 0; i < TYPES; i++) {
        if ((chosen >> i & 1) != 0) {
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s\"%s\"",
                     names[0] == 0 ? "" : ", ", types[i]);
        }
    }
    int size =
        snprintf(json, sizeof json, "{\"do\": \"space.scope\", \"space\": \"%s\"", world->space[space]);
    size_t at = (size_t)size;
    if (all) {
        snprintf(json + at, sizeof json - at, ", \"all\": true}");
    } else if (recent) { /* by the clock of whoever is asked */
        int64_t since_ms = (int64_t)(SIM_WALL_START_MS + world->now_ms) + peer->wall_offset_ms -
                           (int64_t)sim_below(world, RECENT_MAX_MS);
        snprintf(json + at, sizeof json - at, ", \"since\": %lld%s%s%s}", (long long)since_ms,
                 chosen % 2 == 0 ? ", \"types\": [" : "", chosen % 2 == 0 ? names : "",
                 chosen % 2 == 0 ? "]" : "");
    } else if (asks) { /* some types beside it, or none */
        if (chosen % 3 == 0) {
            at += (size_t)snprintf(json + at, sizeof json - at, ", \"types\": [%s]", names);
        }
        draw_question(world, json + at, sizeof json - at);
    } else {
        snprintf(json + at, sizeof json - at, ", \"types\": [%s]}", names);
    }
    sim_note(world, "peer %zu keeps: %s", peer->index, json);
    (void)!sim_ask_json(peer, json, NULL, true, on_kept, NULL);
}

/* --- Fetching -------------------------------------------------------------------------------------------- */

static void on_fetched(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    char message[160];
    int64_t code = dx_item_int(dx_item_get(dx_item_get(body, "error"), "code"), 0);
    (void)ctx;
    if (kind != SIM_ANSWER_LAST) {
        return;
    }
    bool refused = sim_error_of(body, message, sizeof message);
    if (refused && !peer->suffers && code != DX_E_NOT_FOUND && code != DX_E_TIMEOUT &&
        code != DX_E_CANCELLED && !(code == DX_E_INVALID && world->counts[SIM_UNSEEN] > 0)) {
        sim_violate(world, "peer %zu fetches an object: %s", peer->index, message);
    }
    world->counts[SIM_FETCHED] += !refused;
}

static void on_fetch(sim_world *world, void *ctx, uint64_t number) {
    char json[256];
    sim_peer *peer = &world->peers[1 + sim_below(world, world->plan.peers - 1)];
    size_t space = (size_t)sim_below(world, world->plan.spaces);
    const char *id = sim_object_made(world, space);
    (void)ctx;
    (void)number;
    if (!may_act(world, peer, space) || id == NULL) {
        return;
    }
    snprintf(json, sizeof json,
             "{\"do\": \"object.get\", \"space\": \"%s\", \"id\": \"%s\", \"fetch\": true, \"timeout_ms\": "
             "%d}",
             world->space[space], id, FETCH_MS);
    (void)!sim_ask_json(peer, json, NULL, true, on_fetched, NULL);
}

void sim_parts_begin(sim_world *world) {
    size_t operations = world->plan.parts ? world->plan.operations : 0;
    for (size_t i = 0; i < operations / SCOPES_PER_OPERATION; i++) {
        sim_at(world, world->now_ms + sim_below(world, world->plan.minutes * 60000), on_scope, NULL, i);
    }
    for (size_t i = 0; i < operations / FETCHES_PER_OPERATION; i++) {
        sim_at(world, world->now_ms + sim_below(world, world->plan.minutes * 60000), on_fetch, NULL, i);
    }
}

/* --- What they say of themselves -------------------------------------------------------------------------- */

static bool ask(sim_peer *peer, size_t space, const char *what, const char *rest, sim_reply *reply) {
    char json[320];
    sim_reply_init(reply);
    snprintf(json, sizeof json, "{\"do\": \"%s\", \"space\": \"%s\"%s}", what, peer->world->space[space],
             rest);
    return sim_ask_wait(peer, json, reply);
}

static size_t type_of(dx_bytes name) {
    size_t at = 0;
    while (at < TYPES && !dx_bytes_equal(name, dx_bytes_text(types[at]))) {
        at++;
    }
    return at;
}

static void read_question(dx_bytes item, char *out, size_t size) {
    dx_buf json;
    dx_buf_init(&json, &sim_heap, 4096);
    out[0] = 0;
    if (item.size != 0 && dx_json_print(item, &json) == DX_OK) {
        DX_ASSERT(json.size < size);
        snprintf(out, size, "%.*s", (int)json.size, (const char *)json.data);
    }
    dx_buf_deinit(&json);
}

static bool read_part(sim_peer *peer, size_t space, part *out) {
    sim_reply reply;
    dx_reader reader;
    *out = (part){.partial = false};
    bool asked = ask(peer, space, "space.scope", "", &reply);
    dx_bytes body = dx_buf_view(&reply.body), list = dx_item_get(body, "types");
    out->partial = dx_item_bool(dx_item_get(body, "partial"), false);
    out->recent = dx_item_kind(dx_item_get(body, "since")) != DX_KIND_NULL && out->partial;
    out->missing = dx_item_int(dx_item_get(body, "missing"), 0);
    out->named = list.size > 0 && dx_item_kind(list) == DX_KIND_ARRAY;
    read_question(dx_item_get(body, "query"), out->question, sizeof out->question);
    dx_reader_init(&reader, list);
    for (size_t count = out->named ? dx_read_array(&reader) : 0; count > 0; count--) {
        size_t type = type_of(dx_item_text(dx_read_item(&reader)));
        DX_ASSERT(type < TYPES);
        out->kept[type] = true;
        snprintf(out->names + strlen(out->names), sizeof out->names - strlen(out->names), "%s\"%s\"",
                 out->names[0] == 0 ? "" : ", ", types[type]);
    }
    for (size_t i = 0; i < TYPES && !out->named; i++) {
        out->kept[i] = true;
    }
    sim_reply_deinit(&reply);
    return asked && peer->world->violation[0] == 0;
}

static void read_digest(sim_peer *peer, size_t space, const part *of, char *out, size_t size) {
    char rest[128] = "";
    sim_reply reply;
    if (of->named) {
        snprintf(rest, sizeof rest, ", \"types\": [%s]", of->names);
    }
    bool asked = ask(peer, space, "space.digest", rest, &reply);
    dx_bytes digest = dx_item_text(dx_item_get(dx_buf_view(&reply.body), "digest"));
    snprintf(out, size, "%.*s", asked ? (int)digest.size : 0,
             digest.size == 0 ? "" : (const char *)digest.data);
    sim_reply_deinit(&reply);
}

static dx_bytes find_row(const sim_reply *rows, dx_bytes id) {
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&rows->rows));
    for (size_t i = 0; i < rows->row_count; i++) {
        dx_bytes row = dx_read_item(&reader);
        if (dx_bytes_equal(dx_item_get(row, "id"), id)) {
            return row;
        }
    }
    return (dx_bytes){0};
}

/* Whether it answers its question as the owner does. */
static bool answers_alike(sim_peer *peer, size_t space, const part *of) {
    char rest[QUESTION_SIZE + 16];
    sim_reply mine, owners;
    snprintf(rest, sizeof rest, ", \"query\": %s", of->question);
    bool alike = ask(peer, space, "query", rest, &mine);
    alike = ask(&peer->world->peers[0], space, "query", rest, &owners) && alike;
    alike = alike && mine.row_count == owners.row_count;
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&mine.rows));
    for (size_t i = 0; alike && i < mine.row_count; i++) {
        dx_bytes row = dx_read_item(&reader);
        alike = dx_bytes_equal(row, find_row(&owners, dx_item_get(row, "id")));
    }
    sim_reply_deinit(&mine);
    sim_reply_deinit(&owners);
    return alike;
}

/* Whether of what it keeps it has what the owner has. */
static bool has_its_part(sim_peer *peer, size_t space, const part *of) {
    char mine[65], owners[65];
    if (of->question[0] != 0 && !answers_alike(peer, space, of)) {
        return false;
    }
    if (of->named && of->names[0] == 0) {
        return true;
    }
    read_digest(peer, space, of, mine, sizeof mine);
    read_digest(&peer->world->peers[0], space, of, owners, sizeof owners);
    return strcmp(mine, owners) == 0;
}

/* Until it holds of every honest peer, or for as long as anything may take. */
static bool settle(sim_world *world, size_t space, size_t *last) {
    uint64_t end_ms = world->now_ms + SETTLE_MS;
    do {
        bool all = true;
        sim_run_until(world, world->now_ms + POLL_MS);
        for (size_t i = 0; i < world->plan.peers && all && world->violation[0] == 0; i++) {
            part of;
            sim_peer *peer = &world->peers[i];
            all = !peer->member[space] || (read_part(peer, space, &of) && sim_is_in_step(peer, space) &&
                                           (of.recent || has_its_part(peer, space, &of)));
            *last = i;
        }
        if (all || world->violation[0] != 0) {
            return world->violation[0] == 0;
        }
    } while (world->now_ms < end_ms);
    return false;
}

/* --- What they show -------------------------------------------------------------------------------------- */

/* Rows of this peer, held against those of the owner. */
static void compare(sim_world *world, size_t number, const part *of, const sim_reply *mine,
                    const sim_reply *owners) {
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&mine->rows));
    for (size_t i = 0; i < mine->row_count && world->violation[0] == 0; i++) {
        dx_bytes row = dx_read_item(&reader), id = dx_item_get(row, "id");
        dx_bytes whole = find_row(owners, id), type = dx_item_text(dx_item_get(row, "type"));
        size_t at = type_of(type);
        bool kept = at < TYPES && of->kept[at] && !of->recent;
        if (whole.size == 0 || !dx_bytes_equal(dx_item_get(whole, "type"), dx_item_get(row, "type"))) {
            sim_violate(world, "peer %zu, which keeps a part, shows %.*s, which the owner has not", number,
                        (int)dx_item_text(id).size, (const char *)dx_item_text(id).data);
        } else if (kept && !dx_bytes_equal(whole, row)) {
            sim_violate(world, "peer %zu keeps %.*s and shows %.*s otherwise than the owner", number,
                        (int)type.size, (const char *)type.data, (int)dx_item_text(id).size,
                        (const char *)dx_item_text(id).data);
        }
    }
}

/* An answer about a type that is kept is whole, one about another is not said to be. */
static void check_word(sim_peer *peer, size_t space, const part *of) {
    for (size_t i = 0; i < TYPES && peer->world->violation[0] == 0; i++) {
        char rest[96];
        sim_reply reply;
        snprintf(rest, sizeof rest, ", \"query\": {\"type\": \"%s\", \"kind\": \"any\", \"count\": true}",
                 types[i]);
        bool asked = ask(peer, space, "query", rest, &reply);
        bool partial = dx_item_bool(dx_item_get(dx_buf_view(&reply.body), "partial"), false);
        bool lacks = of->partial && (of->recent || !of->kept[i]);
        if (asked && (lacks ? !partial : partial && of->missing == 0)) {
            sim_violate(peer->world, "peer %zu says of all of type %s that this is %s", peer->index, types[i],
                        partial ? "a part" : "everything");
        }
        sim_reply_deinit(&reply);
    }
}

static void check_peer(sim_world *world, sim_peer *peer, size_t space, const sim_reply *owners) {
    part of;
    sim_reply mine;
    if (!read_part(peer, space, &of) || !of.partial) {
        return;
    }
    if (ask(peer, space, "export", "", &mine)) {
        if (!dx_item_bool(dx_item_get(dx_buf_view(&mine.body), "partial"), false)) {
            sim_violate(world, "peer %zu keeps a part and exports it as the whole", peer->index);
        }
        compare(world, peer->index, &of, &mine, owners);
        if (world->violation[0] == 0) { /* what it wrote itself */
            sim_check_rows(world, peer, space, dx_buf_view(&mine.rows), world->event_number);
        }
    }
    sim_reply_deinit(&mine);
    check_word(peer, space, &of);
    world->counts[SIM_PARTS] += world->violation[0] == 0;
    world->counts[SIM_QUESTIONS] += world->violation[0] == 0 && of.question[0] != 0;
}

static void judge(sim_world *world, size_t space) {
    sim_reply owners;
    if (ask(&world->peers[0], space, "export", "", &owners)) {
        for (size_t i = 1; i < world->plan.peers && world->violation[0] == 0; i++) {
            if (world->peers[i].member[space]) {
                check_peer(world, &world->peers[i], space, &owners);
            }
        }
    }
    sim_reply_deinit(&owners);
}

static void keep_all(sim_world *world, size_t space) {
    for (size_t i = 1; i < world->plan.peers && world->violation[0] == 0; i++) {
        sim_reply reply;
        if (world->peers[i].member[space]) {
            (void)!ask(&world->peers[i], space, "space.scope", ", \"all\": true", &reply);
            sim_reply_deinit(&reply);
        }
    }
}

void sim_parts_end(sim_world *world) {
    for (size_t space = 0; world->plan.parts && space < world->plan.spaces; space++) {
        size_t last = 0;
        if (world->violation[0] == 0 && !settle(world, space, &last)) {
            judge(world, space); /* which may say what it lacks */
            sim_violate(world, "peer %zu has not what it keeps, %d minutes after healing", last,
                        SETTLE_MS / 60000);
        }
        judge(world, space);
        keep_all(world, space);
        if (world->violation[0] == 0 && !settle(world, space, &last)) {
            sim_violate(world, "peer %zu keeps all again, and has it not %d minutes later", last,
                        SETTLE_MS / 60000);
        }
    }
}
