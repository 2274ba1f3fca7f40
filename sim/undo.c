/* sim/undo.c: sessions of edits that are taken back. See undo.h. */
#include "undo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/state.h"

enum {
    THINGS_MAX = 4, /* two objects, a link, a counter */
    LEVELS_MAX = 4, /* edits that are not taken back, and the beginning */
    PAUSE_MAX_MS = 20000,
    VIEW_SIZE_MAX = 1 << 20,
    JSON_SIZE = 2400,
    KEY_SIZE = 64
};

typedef enum thing_kind { THING_OBJECT, THING_LINK, THING_COUNTER } thing_kind;

typedef struct sim_thing {
    thing_kind kind;
    char id[SIM_ID_SIZE];
} sim_thing;

/* What a thing showed, and how many changes of it there were then. */
typedef struct sim_look {
    bool steady; /* nothing came between what was read of it, and its whole history is here */
    bool begins_late;
    size_t foreign, all, all_again;
    dx_buf view; /* the answer to object.get; size 0: none */
} sim_look;

typedef struct sim_session sim_session;

struct sim_session {
    sim_session *next;
    sim_peer *peer;
    size_t space, number;
    uint64_t life, writes; /* of the peer, as far as they are this session's */
    const char *script;    /* what is left to do */
    bool acted, over;      /* acted: the looks under way come after the action */
    bool adds;             /* the latest edit makes something new, too */
    size_t level, thing_count, awaited;
    sim_thing things[THINGS_MAX];
    sim_look looks[LEVELS_MAX][THINGS_MAX]; /* of each level, as it was left or come to last */
    sim_look now[THINGS_MAX], before[THINGS_MAX];
};

struct sim_undo {
    sim_session *sessions;
    size_t numbers;
};

static void go_on(sim_session *session);

/* --- Looks ----------------------------------------------------------------------------------------------- */

static void copy_look(sim_look *to, const sim_look *from) {
    dx_buf view = to->view;
    *to = *from;
    to->view = view;
    dx_buf_clear(&to->view);
    dx_buf_append(&to->view, from->view.data, from->view.size);
}

static dx_bytes shown(const sim_look *look) {
    return dx_item_get(dx_buf_view(&look->view), "data");
}

static bool is_deleted(const sim_look *look) {
    return dx_item_bool(dx_item_get(dx_buf_view(&look->view), "deleted"), false);
}

static bool is_quiet(const sim_look *since, const sim_look *until) {
    return since->steady && until->steady && since->foreign == until->foreign;
}

/* --- What is compared ------------------------------------------------------------------------------------ */

static dx_bytes member(dx_bytes map, dx_bytes key) {
    char name[KEY_SIZE];
    DX_ASSERT(key.size < sizeof name);
    snprintf(name, sizeof name, "%.*s", (int)key.size, (const char *)key.data);
    return dx_item_kind(map) == DX_KIND_MAP ? dx_item_get(map, name) : dx_bytes_of(NULL, 0);
}

static size_t open_map(dx_bytes map, dx_reader *reader) {
    dx_reader_init(reader, map);
    return map.size > 0 && dx_item_kind(map) == DX_KIND_MAP ? dx_read_map(reader) : 0;
}

static size_t open_array(dx_bytes array, dx_reader *reader) {
    dx_reader_init(reader, array);
    return array.size > 0 && dx_item_kind(array) == DX_KIND_ARRAY ? dx_read_array(reader) : 0;
}

/* Nothing, or what is left of an edit that was taken back: an empty array, or maps that hold no more than that. */
static bool is_empty(dx_bytes item) {
    dx_reader reader;
    bool empty = item.size == 0 || dx_item_kind(item) == DX_KIND_MAP ||
                 (dx_item_kind(item) == DX_KIND_ARRAY && open_array(item, &reader) == 0);
    for (size_t pairs = open_map(item, &reader); empty && pairs > 0; pairs--) {
        (void)dx_read_item(&reader);
        empty = is_empty(dx_read_item(&reader));
    }
    return empty;
}

static bool shows_all_of(dx_bytes a, dx_bytes b);

static bool is_alike(dx_bytes a, dx_bytes b) {
    bool maps = a.size > 0 && b.size > 0 && dx_item_kind(a) == DX_KIND_MAP && dx_item_kind(b) == DX_KIND_MAP;
    return (is_empty(a) && is_empty(b)) ||
           (maps ? shows_all_of(a, b) && shows_all_of(b, a) : dx_bytes_equal(a, b));
}

static bool shows_all_of(dx_bytes a, dx_bytes b) {
    dx_reader reader;
    bool well = true;
    for (size_t pairs = open_map(a, &reader); well && pairs > 0; pairs--) {
        dx_bytes key = dx_read_text(&reader), value = dx_read_item(&reader);
        well = is_alike(value, member(b, key));
    }
    return well;
}

static bool is_ours(dx_bytes item) {
    dx_bytes text = dx_item_kind(item) == DX_KIND_TEXT ? dx_item_text(item) : dx_bytes_of(NULL, 0);
    return text.size > 1 && text.data[0] == 'u' && text.data[1] >= '0' && text.data[1] <= '9';
}

static size_t count_equal(dx_bytes array, dx_bytes value) {
    dx_reader reader;
    size_t count = 0;
    for (size_t left = open_array(array, &reader); left > 0; left--) {
        count += dx_bytes_equal(dx_read_item(&reader), value);
    }
    return count;
}

/* What others put into an array is in it still. */
static bool keeps_items(dx_bytes before, dx_bytes after) {
    dx_reader reader;
    bool well = true;
    for (size_t left = open_array(before, &reader); well && left > 0; left--) {
        dx_bytes value = dx_read_item(&reader);
        well = is_ours(value) || count_equal(after, value) >= count_equal(before, value);
    }
    return well;
}

/* Numbers that sessions count up, too; or something came back below, for which a value gives way. */
static bool may_differ(dx_bytes key, dx_bytes before, dx_bytes after) {
    bool counted = dx_bytes_equal(key, dx_bytes_text("count")) || dx_bytes_equal(key, dx_bytes_text("m"));
    bool gave_way = after.size > 0 && dx_item_kind(after) == DX_KIND_MAP;
    return gave_way || (counted && dx_item_kind(before) == DX_KIND_INT);
}

/* Whatever shows before that is not a session's shows after. */
static bool keeps_others(dx_bytes before, dx_bytes after) {
    dx_reader reader;
    bool well = true;
    for (size_t pairs = open_map(before, &reader); well && pairs > 0; pairs--) {
        dx_bytes key = dx_read_text(&reader), value = dx_read_item(&reader), there = member(after, key);
        dx_kind kind = dx_item_kind(value);
        if (kind == DX_KIND_MAP) {
            well = keeps_others(value, there);
        } else if (kind == DX_KIND_ARRAY) {
            well = may_differ(key, value, there) || keeps_items(value, there);
        } else {
            well = is_ours(value) || dx_bytes_equal(value, there) || may_differ(key, value, there);
        }
    }
    return well;
}

/* --- Judgement ------------------------------------------------------------------------------------------- */

static void tell(const sim_session *session, const sim_thing *thing, const char *words, dx_bytes wanted,
                 dx_bytes found) {
    dx_buf left, right;
    dx_buf_init(&left, &sim_heap, 2 * VIEW_SIZE_MAX);
    dx_buf_init(&right, &sim_heap, 2 * VIEW_SIZE_MAX);
    bool printed = dx_json_print(wanted, &left) == DX_OK && dx_json_print(found, &right) == DX_OK;
    DX_ASSERT(printed);
    sim_violate(session->peer->world, "peer %zu, session %zu: %s of %s: %.*s, not %.*s", session->peer->index,
                session->number, words, thing->id, (int)right.size, (const char *)right.data, (int)left.size,
                (const char *)left.data);
    dx_buf_deinit(&left);
    dx_buf_deinit(&right);
}

static void judge_thing(sim_session *session, size_t i, bool redo) {
    const sim_thing *thing = &session->things[i];
    const sim_look *then = &session->looks[session->level][i], *before = &session->before[i],
                   *now = &session->now[i];
    sim_world *world = session->peer->world;
    if (now->view.size == 0 || before->view.size == 0) {
        return;
    }
    /* What stands there by an undo of the session is its own word, whoever's it was first: a redo takes it back. */
    if (!redo && thing->kind != THING_COUNTER && is_quiet(before, now) &&
        !keeps_others(shown(before), shown(now))) {
        tell(session, thing, "an undo took what others wrote", shown(before), shown(now));
    }
    if (then->view.size == 0 || !is_quiet(then, now)) {
        return;
    }
    world->counts[SIM_EXACTLY_BACK]++;
    if (!is_alike(shown(then), shown(now)) || is_deleted(then) != is_deleted(now)) {
        tell(session, thing, redo ? "a redo does not show what showed" : "an undo does not show what showed",
             dx_buf_view(&then->view), dx_buf_view(&now->view));
    }
}

/* Whether an undo would take this back and no other: restoring what is not deleted is no transaction, and an undo that finds
 * nothing to do is passed over by a redo. */
static bool wrote_something(const sim_session *session, bool adds) {
    bool wrote = adds;
    for (size_t i = 0; i < session->thing_count; i++) {
        const sim_look *before = &session->before[i], *now = &session->now[i];
        wrote = wrote || now->all - now->foreign > before->all - before->foreign;
    }
    return wrote;
}

/* After an action: what it led to is the level's look from now on. */
static void judge(sim_session *session, char action) {
    if (action == 'E') {
        session->level++;
        session->over = session->over || !wrote_something(session, session->adds);
    } else {
        session->over = session->over || !wrote_something(session, false);
        session->level = action == 'U' ? session->level - 1 : session->level + 1;
        session->peer->world->counts[SIM_TAKEN_BACK]++;
        for (size_t i = 0; i < session->thing_count && session->peer->world->violation[0] == 0; i++) {
            judge_thing(session, i, action == 'R');
        }
    }
    for (size_t i = 0; i < session->thing_count; i++) {
        copy_look(&session->looks[session->level][i], &session->now[i]);
    }
}

/* --- Looking --------------------------------------------------------------------------------------------- */

static bool is_ended(const sim_session *session) {
    const sim_peer *peer = session->peer;
    return session->over || peer->node == NULL || peer->life != session->life || peer->world->healing ||
           peer->world->violation[0] != 0;
}

/* ctx of an answer about one thing: its session and number in one. */
static sim_session *session_of(const sim_world *world, const void *ctx, size_t *i) {
    sim_session *session = world->undo->sessions;
    const sim_look *now = ctx;
    while (session != NULL && (now < session->now || now >= session->now + THINGS_MAX)) {
        session = session->next;
    }
    DX_ASSERT(session != NULL);
    *i = (size_t)(now - session->now);
    return session;
}

static void count_rows(const sim_peer *peer, sim_look *now, dx_bytes body, bool again) {
    char own[2 * DX_KEY_SIZE + 1];
    dx_bytes rows = dx_item_get(body, "rows");
    dx_reader reader;
    dx_hex_encode(dx_bytes_of(peer->node->identity.device, DX_KEY_SIZE), own);
    dx_reader_init(&reader, rows);
    for (size_t left = rows.size > 0 ? dx_read_array(&reader) : 0; left > 0; left--) {
        dx_bytes row = dx_read_item(&reader);
        bool foreign = !dx_bytes_equal(dx_item_text(dx_item_get(row, "device")), dx_bytes_text(own));
        now->begins_late = now->begins_late || dx_item_get(row, "epoch").size > 0;
        now->all += !again;
        now->all_again += again;
        now->foreign += !again && foreign;
    }
}

/* Whether more is to be done with the answer. */
static bool takes(sim_session *session, sim_answer_kind kind, dx_bytes body) {
    bool failed = kind == SIM_ANSWER_LOST || (kind == SIM_ANSWER_LAST && dx_item_get(body, "error").size > 0);
    session->over = session->over || failed;
    return !is_ended(session);
}

static void on_history(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    size_t i;
    sim_session *session = session_of(world, ctx, &i);
    if (takes(session, kind, body) && kind == SIM_ANSWER_NOTE) {
        count_rows(peer, ctx, body, false);
    }
}

static void on_shown(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    size_t i;
    sim_look *now = ctx;
    sim_session *session = session_of(world, ctx, &i);
    (void)peer;
    if (takes(session, kind, body) && kind == SIM_ANSWER_LAST) {
        dx_buf_append(&now->view, body.data, body.size);
    }
}

static void on_history_again(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind,
                             dx_bytes body) {
    size_t i;
    sim_look *now = ctx;
    sim_session *session = session_of(world, ctx, &i);
    if (!takes(session, kind, body)) {
        return;
    }
    if (kind == SIM_ANSWER_NOTE) {
        count_rows(peer, now, body, true);
        return;
    }
    now->steady = now->all == now->all_again && !now->begins_late;
    if (--session->awaited == 0) {
        go_on(session);
    }
}

static void ask(sim_session *session, const char *json, sim_on_answer on_answer, void *ctx) {
    session->peer->next_port = 1; /* in the order in which it asks */
    session->over = !sim_ask_json(session->peer, json, NULL, true, on_answer, ctx) || session->over;
    session->peer->next_port = 0;
}

static void look_at_all(sim_session *session) {
    char list[JSON_SIZE], get[JSON_SIZE];
    const char *space = session->peer->world->space[session->space];
    session->awaited = session->thing_count;
    for (size_t i = 0; i < session->thing_count && !is_ended(session); i++) {
        sim_look *now = &session->now[i];
        dx_buf_clear(&now->view);
        now->steady = now->begins_late = false;
        now->foreign = now->all = now->all_again = 0;
        snprintf(list, sizeof list,
                 "{\"do\": \"history.list\", \"space\": \"%s\", \"id\": \"%s\", \"limit\": 1000}", space,
                 session->things[i].id);
        snprintf(get, sizeof get, "{\"do\": \"object.get\", \"space\": \"%s\", \"id\": \"%s\"}", space,
                 session->things[i].id);
        ask(session, list, on_history, now);
        ask(session, get, on_shown, now);
        ask(session, list, on_history_again, now);
    }
}

/* --- Acting ---------------------------------------------------------------------------------------------- */

static void on_acted(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_session *session = ctx;
    (void)world;
    (void)peer;
    if (takes(session, kind, body) && kind == SIM_ANSWER_LAST) {
        session->acted = true;
        look_at_all(session);
    }
}

/* One op of a batch about an object; u: a value of the session's. */
static void write_object_op(sim_world *world, const char *id, size_t u, char *out, size_t size) {
    static const char *const ops[] = {
        "\"op\": \"set\", \"id\": \"%s\", \"set\": {\"mine.a\": \"u%zu\", \"mine.b\": \"u0\"}",
        "\"op\": \"set\", \"id\": \"%s\", \"set\": {\"mine\": {\"b\": {\"c\": \"u%zu\"}}}",
        "\"op\": \"set\", \"id\": \"%s\", \"set\": {\"deep.m\": \"u%zu\"}",
        "\"op\": \"set\", \"id\": \"%s\", \"set\": {\"deep.m.n\": \"u%zu\"}",
        "\"op\": \"set\", \"id\": \"%s\", \"set\": {\"deep.m\": {\"n\": {\"o\": \"u%zu\"}}}",
        "\"op\": \"set\", \"id\": \"%s\", \"set\": {\"list\": [\"u%zu\"]}",
        "\"op\": \"unset\", \"id\": \"%s\", \"unset\": [\"deep.m\", \"list\"]",
        "\"op\": \"unset\", \"id\": \"%s\", \"unset\": [\"deep.m.n\", \"count\", \"mine\"]",
        "\"op\": \"edit\", \"id\": \"%s\", \"key\": \"list\", \"push\": [\"u%zu\"]",
        "\"op\": \"edit\", \"id\": \"%s\", \"key\": \"list\", \"insert\": [\"u%zu\"], \"at\": 0",
        "\"op\": \"edit\", \"id\": \"%s\", \"key\": \"list\", \"remove\": 1, \"at\": 0",
        "\"op\": \"edit\", \"id\": \"%s\", \"key\": \"list\", \"replace\": \"u%zu\", \"at\": 0",
        "\"op\": \"edit\", \"id\": \"%s\", \"key\": \"list\", \"reorder\": 1, \"at\": 0",
        "\"op\": \"edit\", \"id\": \"%s\", \"key\": \"list\", \"include\": [\"u%zu\"]",
        "\"op\": \"edit\", \"id\": \"%s\", \"key\": \"list\", \"exclude\": [\"i\"]",
        "\"op\": \"edit\", \"id\": \"%s\", \"key\": \"count\", \"increment\": 3",
        "\"op\": \"rm\", \"id\": \"%s\"",
        "\"op\": \"restore\", \"id\": \"%s\""};
    const char *op = ops[sim_below(world, sizeof ops / sizeof ops[0])], *at = strstr(op, "%s"),
               *number = strstr(op, "u%zu");
    size_t first = (size_t)(at - op), second = number == NULL ? strlen(at + 2) : (size_t)(number - at) - 1;
    char value[24] = "";
    if (number != NULL) {
        snprintf(value, sizeof value, "%zu", u);
    }
    snprintf(out, size, "{%.*s%s%.*s%s%s}", (int)first, op, id, (int)second, at + 2, value,
             number == NULL ? "" : number + 4);
}

static void write_op(sim_world *world, const sim_thing *thing, size_t u, char *out, size_t size) {
    if (thing->kind == THING_COUNTER) {
        snprintf(out, size, "{\"op\": \"apply\", \"id\": \"%s\", \"operation\": %u}", thing->id,
                 1 + (unsigned)sim_below(world, 9));
    } else if (thing->kind == THING_LINK && sim_below(world, 2) == 0) {
        snprintf(out, size, "{\"op\": \"%s\", \"id\": \"%s\"}", sim_below(world, 2) == 0 ? "rm" : "restore",
                 thing->id);
    } else {
        write_object_op(world, thing->id, u, out, size);
    }
}

/* One or more of the things, and now and then something new that is linked with the first. */
static void write_edit(sim_session *session, char *json, size_t size) {
    sim_world *world = session->peer->world;
    char op[JSON_SIZE / 4];
    const char *comma = "";
    size_t only = (size_t)sim_below(world, 2 * session->thing_count), u = world->undo->numbers++;
    size_t at = (size_t)snprintf(json, size, "{\"do\": \"batch\", \"space\": \"%s\", \"ops\": [",
                                 world->space[session->space]);
    for (size_t i = 0; i < session->thing_count; i++) {
        if (only >= session->thing_count || only == i) {
            write_op(world, &session->things[i], u, op, sizeof op);
            at += (size_t)snprintf(json + at, size - at, "%s%s", comma, op);
            comma = ", ";
        }
    }
    if (sim_below(world, 4) == 0) {
        at +=
            (size_t)snprintf(json + at, size - at,
                             "%s{\"op\": \"add\", \"type\": \"u\", \"parent\": \"%s\", \"data\": {\"mine\": "
                             "\"u%zu\"}}",
                             comma, session->things[0].id, u);
    }
    snprintf(json + at, size - at, "]}");
}

static bool is_left_alone(const sim_session *session) {
    for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
        const sim_request *request = &session->peer->requests[i];
        if (request->used && strcmp(request->command, "schema.migrate") == 0) {
            return false; /* it goes on writing, in transactions of its own */
        }
    }
    return session->peer->writes == session->writes;
}

static void act(sim_session *session) {
    char json[JSON_SIZE];
    char action = session->script[0];
    if (!is_left_alone(session)) {
        session->over = true; /* what it would take back is something else */
        return;
    }
    if (action == 'E') {
        write_edit(session, json, sizeof json);
    } else {
        snprintf(json, sizeof json, "{\"do\": \"%s\", \"space\": \"%s\"}", action == 'U' ? "undo" : "redo",
                 session->peer->world->space[session->space]);
    }
    sim_note(session->peer->world, "peer %zu, session %zu: %s", session->peer->index, session->number, json);
    ask(session, json, on_acted, session);
    session->writes++;
}

static void on_time(sim_world *world, void *ctx, uint64_t number) {
    sim_session *session = ctx;
    (void)world;
    (void)number;
    if (!is_ended(session) && !sim_peer_frozen(session->peer)) {
        session->acted = false;
        look_at_all(session);
    }
}

/* All things were looked at: before the next action, or after one. */
static void go_on(sim_session *session) {
    sim_world *world = session->peer->world;
    if (session->acted) {
        judge(session, session->script[0]);
        session->script++;
        if (session->script[0] != 0 && !session->over) {
            sim_at(world, world->now_ms + sim_below(world, PAUSE_MAX_MS), on_time, session, 0);
        }
        return;
    }
    for (size_t i = 0; i < session->thing_count; i++) {
        copy_look(&session->before[i], &session->now[i]);
        if (session->script[0] == 'E') {
            copy_look(&session->looks[session->level][i], &session->now[i]);
        }
    }
    act(session);
}

/* --- Life ------------------------------------------------------------------------------------------------ */

static void add_thing(sim_session *session, thing_kind kind, const char *id) {
    for (size_t i = 0; id != NULL && i < session->thing_count; i++) {
        id = strcmp(session->things[i].id, id) == 0 ? NULL : id;
    }
    if (id != NULL) {
        sim_thing *added = &session->things[session->thing_count++];
        added->kind = kind;
        snprintf(added->id, sizeof added->id, "%s", id);
    }
}

static void init_looks(sim_look *looks, size_t count) {
    for (size_t i = 0; i < count; i++) {
        dx_buf_init(&looks[i].view, &sim_heap, VIEW_SIZE_MAX);
    }
}

static void free_looks(sim_look *looks, size_t count) {
    for (size_t i = 0; i < count; i++) {
        dx_buf_deinit(&looks[i].view);
    }
}

void sim_undo_operate(sim_world *world, sim_peer *peer, size_t space) {
    static const char *const scripts[] = {"EU", "EUR", "EURU", "EEUU", "EEUURR", "EEURUU", "EEEUUURR"};
    if (peer->node == NULL || sim_peer_frozen(peer) || !peer->member[space] || peer->reader || peer->forked) {
        return;
    }
    sim_session *session = calloc(1, sizeof *session);
    DX_ASSERT(session != NULL);
    *session = (sim_session){.next = world->undo->sessions,
                             .peer = peer,
                             .space = space,
                             .number = world->undo->numbers++,
                             .life = peer->life,
                             .writes = peer->writes,
                             .script = scripts[sim_below(world, sizeof scripts / sizeof scripts[0])]};
    world->undo->sessions = session;
    for (size_t level = 0; level < LEVELS_MAX; level++) {
        init_looks(session->looks[level], THINGS_MAX);
    }
    init_looks(session->now, THINGS_MAX);
    init_looks(session->before, THINGS_MAX);
    add_thing(session, THING_OBJECT, sim_some_thing(world, space, SIM_OP_ADD));
    add_thing(session, THING_OBJECT,
              sim_below(world, 2) == 0 ? sim_some_thing(world, space, SIM_OP_ADD) : NULL);
    add_thing(session, THING_LINK,
              sim_below(world, 2) == 0 ? sim_some_thing(world, space, SIM_OP_LINK) : NULL);
    add_thing(session, THING_COUNTER, sim_below(world, 2) == 0 ? sim_some_counter(world, space) : NULL);
    if (session->thing_count > 0) {
        session->acted = false;
        look_at_all(session);
    }
}

void sim_undo_begin(sim_world *world) {
    if (world->plan.undo) {
        world->undo = calloc(1, sizeof *world->undo);
        DX_ASSERT(world->undo != NULL);
    }
}

void sim_undo_deinit(sim_world *world) {
    while (world->undo != NULL && world->undo->sessions != NULL) {
        sim_session *session = world->undo->sessions;
        world->undo->sessions = session->next;
        for (size_t level = 0; level < LEVELS_MAX; level++) {
            free_looks(session->looks[level], THINGS_MAX);
        }
        free_looks(session->now, THINGS_MAX);
        free_looks(session->before, THINGS_MAX);
        free(session);
    }
    free(world->undo);
    world->undo = NULL;
}
