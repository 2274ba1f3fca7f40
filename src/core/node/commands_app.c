/* node/commands_app.c: app.*: an app asks, the person answers, and looks at what was granted.
 *
 * Layer: floor 1, node. docs/spec/commands.md. A question is a request that stays open; it ends with the
 * decision, and with its port. What is granted stands in grant.c. */
#include <string.h>

#include "base/limits.h"
#include "codec/line.h"
#include "node/invite.h"
#include "node/roll.h"

/* --- Rights as texts ------------------------------------------------------------------------------------- */

static const char *const level_names[] = {"none", "read", "write", "share"};

const char *dx_level_name(dx_level level) {
    return level_names[level];
}

static bool read_level(dx_bytes text, dx_level *out) {
    for (int level = DX_LEVEL_READ; level <= DX_LEVEL_SHARE; level++) {
        if (dx_bytes_equal(text, dx_bytes_text(level_names[level]))) {
            *out = (dx_level)level;
            return true;
        }
    }
    return false;
}

static const struct {
    const char *name;
    dx_rights rights;
} scope_names[] = {{"identity", {DX_SCOPE_IDENTITY, DX_LEVEL_NONE}},
                   {"create", {DX_SCOPE_CREATE, DX_LEVEL_NONE}},
                   {"join", {DX_SCOPE_JOIN, DX_LEVEL_NONE}},
                   {"all:read", {0, DX_LEVEL_READ}},
                   {"all:write", {0, DX_LEVEL_WRITE}},
                   {"all:share", {0, DX_LEVEL_SHARE}}};

enum { SCOPE_NAMES = sizeof scope_names / sizeof scope_names[0] };

static bool add_right(dx_bytes text, dx_rights *rights) {
    for (size_t i = 0; i < SCOPE_NAMES; i++) {
        if (dx_bytes_equal(text, dx_bytes_text(scope_names[i].name))) {
            dx_level level = scope_names[i].rights.everywhere;
            rights->scopes |= scope_names[i].rights.scopes;
            rights->everywhere = level > rights->everywhere ? level : rights->everywhere;
            return true;
        }
    }
    return false;
}

/* A list of scopes under a key that may be missing. */
static int take_rights(dx_node *node, dx_bytes body, const char *key, dx_rights *out) {
    dx_bytes list = dx_item_get(body, key);
    dx_reader reader;
    *out = (dx_rights){0};
    if (list.size == 0) {
        return DX_OK;
    }
    dx_reader_init(&reader, list);
    size_t count = dx_item_kind(list) == DX_KIND_ARRAY ? dx_read_array(&reader) : 0;
    bool sound = dx_item_kind(list) == DX_KIND_ARRAY;
    for (size_t i = 0; sound && i < count; i++) {
        sound = add_right(dx_item_text(dx_read_item(&reader)), out);
    }
    return sound ? DX_OK
                 : dx_node_refuse(node, DX_E_INVALID, NULL,
                                  "\"%s\" must be a list of identity, create, join, all:read, all:write, "
                                  "all:share",
                                  key);
}

/* Whether the rights are told by this name. */
static bool is_told_by(dx_rights rights, dx_rights named) {
    return named.scopes != 0 ? (rights.scopes & named.scopes) != 0 : rights.everywhere == named.everywhere;
}

static void write_rights(dx_writer *writer, dx_rights rights) {
    size_t count = 0;
    for (size_t i = 0; i < SCOPE_NAMES; i++) {
        count += is_told_by(rights, scope_names[i].rights);
    }
    dx_write_array(writer, count);
    for (size_t i = 0; i < SCOPE_NAMES; i++) {
        if (is_told_by(rights, scope_names[i].rights)) {
            dx_write_text(writer, scope_names[i].name);
        }
    }
}

static void write_spaces(dx_node *node, const dx_app *app, dx_writer *writer) {
    dx_map_builder map;
    dx_answer_init(node, &map);
    for (size_t i = 0; i < app->space_count; i++) {
        char id[2 * DX_HASH_SIZE + 1];
        dx_hex_encode(dx_bytes_of(app->spaces[i].id, DX_HASH_SIZE), id);
        dx_write_text(dx_map_builder_key(&map, id), dx_level_name(app->spaces[i].level));
    }
    dx_map_builder_finish(&map, writer);
}

/* What the app itself is told. */
static void write_grant(dx_node *node, const dx_app *app, dx_map_builder *map) {
    dx_write_text(dx_map_builder_key(map, "origin"), app->origin);
    write_rights(dx_map_builder_key(map, "scopes"), app->rights);
    write_spaces(node, app, dx_map_builder_key(map, "spaces"));
}

/* --- Asking ---------------------------------------------------------------------------------------------- */

typedef struct dx_question {
    char name[DX_APP_NAME_SIZE_MAX + 1];
    dx_rights wanted;
    bool shown; /* neither a refusal nor too many questions are in its way any more */
} dx_question;

static int hold_question(dx_node *node, dx_request *request, bool *again) {
    (void)again;
    dx_question *question = request->task;
    if (request->cancelled) {
        request->app->version++;
        return DX_E_CANCELLED;
    }
    if (!question->shown) {
        question->shown = dx_app_may_ask(node, request->app, &request->deadline_ms);
        request->app->version += question->shown;
    }
    return DX_PENDING;
}

static bool is_question(const dx_request *request, const dx_app *app) {
    return request->app == app && request->resume == hold_question && !request->answered;
}

/* All tabs of an app ask as one: the newest name, and everything wanted. False: it asks nothing. */
static bool gather_question(const dx_node *node, const dx_app *app, dx_question *out) {
    *out = (dx_question){0};
    for (const dx_request *request = node->requests; request != NULL; request = request->next) {
        const dx_question *question = is_question(request, app) ? request->task : NULL;
        if (question == NULL || !question->shown) {
            continue;
        }
        if (!out->shown) {
            memcpy(out->name, question->name, sizeof out->name);
        }
        out->shown = true;
        out->wanted.scopes |= question->wanted.scopes;
        if (question->wanted.everywhere > out->wanted.everywhere) {
            out->wanted.everywhere = question->wanted.everywhere;
        }
    }
    return out->shown;
}

/* A name is shown beside the origin, which alone is true, and must not reach into it. */
static int take_name(dx_node *node, dx_bytes body, dx_bytes *name) {
    int error = dx_take_optional_text(node, body, "name", DX_APP_NAME_SIZE_MAX, name);
    if (error == DX_OK && !dx_line_check(*name)) {
        return dx_node_refuse(node, DX_E_INVALID, NULL,
                              "\"name\" must be one line, without characters that are not seen or that turn "
                              "the direction of writing");
    }
    return error;
}

static int app_ask(dx_node *node, dx_request *request, dx_bytes body) {
    dx_app *app = request->app;
    dx_bytes name;
    dx_rights wanted;
    if (app == NULL) {
        return dx_node_refuse(node, DX_E_STATE, NULL, "own programs need no grant");
    }
    int error = take_name(node, body, &name);
    if (error == DX_OK) {
        error = take_rights(node, body, "want", &wanted);
    }
    if (error != DX_OK) {
        return error;
    }
    if (app->granted && dx_rights_hold(app->rights, wanted)) {
        dx_map_builder map;
        dx_answer_init(node, &map);
        write_grant(node, app, &map);
        return dx_request_reply(node, request, &map);
    }
    dx_question *question = dx_request_continue(node, request, sizeof *question, hold_question, NULL);
    if (question == NULL) {
        return DX_E_NO_MEMORY;
    }
    question->wanted = wanted;
    if (name.size > 0) {
        memcpy(question->name, name.data, name.size);
    }
    return DX_PENDING;
}

/* Ends the app's questions; error DX_OK: with its grant. */
static int answer_questions(dx_node *node, dx_app *app, int error) {
    for (dx_request *request = node->requests; request != NULL; request = request->next) {
        if (!is_question(request, app)) {
            continue;
        }
        int failed;
        if (error == DX_OK) {
            dx_map_builder map;
            dx_answer_init(node, &map);
            write_grant(node, app, &map);
            failed = dx_request_reply(node, request, &map);
        } else {
            dx_node_refuse(node, error, NULL, "the person did not agree");
            failed = dx_node_end_request(node, request, error);
        }
        if (failed != DX_OK) {
            return failed;
        }
    }
    app->version++;
    return DX_OK;
}

/* --- An app's own grant ------------------------------------------------------------------------------------- */

typedef struct dx_grant_watching {
    bool told;
    uint64_t grants; /* app->grants when it was */
} dx_grant_watching;

static int tell_grant(dx_node *node, dx_request *request, bool *again) {
    (void)again;
    dx_grant_watching *watching = request->task;
    if (request->cancelled) {
        return DX_E_CANCELLED;
    }
    if (watching->told && watching->grants == request->app->grants) {
        return DX_PENDING;
    }
    *watching = (dx_grant_watching){true, request->app->grants};
    dx_map_builder map;
    dx_answer_init(node, &map);
    write_grant(node, request->app, &map);
    int error = dx_request_notify(node, request, &map);
    return error == DX_OK ? DX_PENDING : error;
}

static int grant_watch(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    if (request->app == NULL) {
        return dx_node_refuse(node, DX_E_STATE, NULL, "own programs need no grant");
    }
    bool made = dx_request_continue(node, request, sizeof(dx_grant_watching), tell_grant, NULL) != NULL;
    return made ? DX_PENDING : DX_E_NO_MEMORY;
}

/* --- Looking ----------------------------------------------------------------------------------------------- */

static int fill_app(dx_node *node, dx_request *request, const void *thing, dx_map_builder *map) {
    (void)request;
    const dx_app *app = thing;
    dx_question question;
    bool asks = gather_question(node, app, &question);
    write_grant(node, app, map);
    dx_write_text(dx_map_builder_key(map, "name"), asks ? question.name : app->name);
    dx_write_bool(dx_map_builder_key(map, "granted"), app->granted);
    dx_writer *wanted = dx_map_builder_key(map, "asks");
    if (asks) {
        write_rights(wanted, question.wanted);
    } else {
        dx_write_null(wanted);
    }
    dx_write_uint(dx_map_builder_key(map, "ports"), app->port_count);
    dx_write_uint(dx_map_builder_key(map, "denied"), app->denied);
    return DX_OK;
}

static bool is_listed(const dx_node *node, const dx_app *app) {
    dx_question question;
    return app->granted || gather_question(node, app, &question);
}

static int app_list(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    int error = DX_OK;
    for (const dx_app *app = node->apps; error == DX_OK && app != NULL; app = app->next) {
        if (!is_listed(node, app)) {
            continue;
        }
        dx_map_builder map;
        dx_answer_init(node, &map);
        error = fill_app(node, request, app, &map);
        dx_writer row = dx_request_row(node, request);
        dx_map_builder_finish(&map, &row);
        int written = dx_request_row_end(node, request, &row);
        error = error == DX_OK ? written : error;
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

static void drop_roll(dx_node *node, dx_request *request) {
    dx_roll_free(node, request->task);
}

static int tell_apps(dx_node *node, dx_request *request, bool *again) {
    (void)again;
    dx_roll *roll = request->task;
    int error = request->cancelled ? DX_E_CANCELLED : DX_OK;
    dx_roll_begin(roll);
    for (const dx_app *app = node->apps; error == DX_OK && app != NULL; app = app->next) {
        if (is_listed(node, app)) {
            error = dx_roll_take(node, request, roll, app->origin, app->version, app, fill_app);
        }
    }
    error = error == DX_OK ? dx_roll_end(node, request, roll) : error;
    return error == DX_OK ? DX_PENDING : error;
}

static int app_watch(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    dx_roll *roll = dx_request_continue(node, request, sizeof *roll, tell_apps, drop_roll);
    if (roll == NULL) {
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    roll->key = "origin";
    return DX_PENDING;
}

/* --- Deciding ---------------------------------------------------------------------------------------------- */

static int take_origin(dx_node *node, dx_bytes body, dx_bytes *out) {
    int error = dx_take_text(node, body, "origin", DX_ORIGIN_SIZE_MAX, out);
    if (error == DX_OK && !dx_origin_check(*out)) {
        return dx_node_refuse(node, DX_E_INVALID, "https://todo.example", "\"origin\" is not an origin");
    }
    return error;
}

/* The app that has a grant, or asks. */
static int take_app(dx_node *node, dx_bytes body, dx_app **out) {
    dx_bytes origin;
    int error = take_origin(node, body, &origin);
    if (error != DX_OK) {
        return error;
    }
    *out = dx_app_find(node, origin);
    if (*out == NULL || !is_listed(node, *out)) {
        return dx_node_refuse(node, DX_E_NOT_FOUND, "dx app ls", "no such app has a grant or asks for one");
    }
    return DX_OK;
}

/* "spaces": {SPACE: level}, at most DX_GRANT_SPACES_MAX of them. */
static int take_spaces(dx_node *node, dx_bytes body, dx_app_space **out, size_t *count, size_t *capacity) {
    dx_bytes map;
    int error = dx_take_optional_map(node, body, "spaces", &map);
    dx_reader reader;
    dx_reader_init(&reader, map);
    *out = NULL;
    *count = 0;
    *capacity = error == DX_OK && map.size > 0 ? dx_read_map(&reader) : 0;
    if (error != DX_OK || *capacity == 0) {
        return error;
    }
    if (*capacity > DX_GRANT_SPACES_MAX) {
        *capacity = 0;
        return dx_node_refuse(node, DX_E_LIMIT, "all:LEVEL in \"scopes\" means every space",
                              "a grant names at most %d spaces", DX_GRANT_SPACES_MAX);
    }
    *out = dx_alloc_take_zeroed(&node->config.alloc, *capacity * sizeof **out);
    if (*out == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (; error == DX_OK && *count < *capacity; ++*count) {
        dx_space *space = NULL;
        dx_app_space *entry = &(*out)[*count];
        error = dx_find_space(node, NULL, dx_read_text(&reader), &space);
        if (error == DX_OK && !read_level(dx_item_text(dx_read_item(&reader)), &entry->level)) {
            error = dx_node_refuse(node, DX_E_INVALID, NULL, "a level is read, write or share");
        }
        if (error == DX_OK) {
            memcpy(entry->id, space->id, DX_HASH_SIZE);
        }
    }
    return error;
}

static int reply_app(dx_node *node, dx_request *request, const dx_app *app) {
    dx_map_builder map;
    dx_answer_init(node, &map);
    int error = fill_app(node, request, app, &map);
    return dx_request_reply_unless(node, request, error, &map);
}

/* Takes away what is at work and no longer granted. */
static int recheck(dx_node *node, dx_app *app, bool all) {
    int error = dx_node_recheck_app(node, app, all);
    return error == DX_OK ? dx_invite_recheck_app(node, app) : error;
}

static int grant(dx_node *node, dx_request *request, dx_app *app, dx_bytes given, dx_rights rights,
                 const dx_app_space *spaces, size_t count) {
    dx_question question;
    if (given.size == 0 && !gather_question(node, app, &question)) {
        memcpy(question.name, app->name, sizeof question.name);
    }
    dx_bytes name = given.size > 0 ? given : dx_bytes_text(question.name);
    int error = dx_app_grant(node, app, name, rights, spaces, count);
    if (error == DX_E_LIMIT) {
        return dx_node_refuse(node, error, "dx app revoke ORIGIN", "%d apps have a grant already",
                              DX_GRANTS_MAX);
    }
    app->refused_until_ms = 0;
    app->asked_count = 0;
    if (error == DX_OK) {
        error = answer_questions(node, app, DX_OK);
    }
    if (error == DX_OK) {
        error = recheck(node, app, false);
    }
    return error == DX_OK ? reply_app(node, request, app) : error;
}

static int app_grant(dx_node *node, dx_request *request, dx_bytes body) {
    dx_bytes origin, name;
    dx_rights rights;
    dx_app *app = NULL;
    dx_app_space *spaces = NULL;
    size_t count = 0, capacity = 0;
    int error = take_origin(node, body, &origin);
    if (error == DX_OK) {
        error = take_name(node, body, &name);
    }
    if (error == DX_OK) {
        error = take_rights(node, body, "scopes", &rights);
    }
    if (error == DX_OK) {
        error = take_spaces(node, body, &spaces, &count, &capacity);
    }
    if (error == DX_OK) {
        error = dx_app_take(node, origin, &app);
    }
    if (error == DX_OK) {
        error = grant(node, request, app, name, rights, spaces, count);
    }
    dx_alloc_free(&node->config.alloc, spaces, capacity * sizeof *spaces);
    return error;
}

/* Also one that asks nothing now: it may have called off what the person is looking at, and ask again next. */
static int app_refuse(dx_node *node, dx_request *request, dx_bytes body) {
    dx_app *app = NULL;
    dx_bytes origin;
    int error = take_origin(node, body, &origin);
    if (error == DX_OK) {
        error = dx_app_take(node, origin, &app);
    }
    if (error != DX_OK) {
        return error;
    }
    app->refused_until_ms = node->context.now_ms + DX_APP_REFUSED_MS;
    error = answer_questions(node, app, DX_E_DENIED);
    return error == DX_OK ? reply_app(node, request, app) : error;
}

static int app_revoke(dx_node *node, dx_request *request, dx_bytes body) {
    dx_app *app = NULL;
    int error = take_app(node, body, &app);
    if (error == DX_OK && !app->granted) {
        error = dx_node_refuse(node, DX_E_NOT_FOUND, "dx app refuse ORIGIN", "this app has no grant");
    }
    if (error == DX_OK) {
        error = dx_app_revoke(node, app);
    }
    if (error == DX_OK) {
        error = recheck(node, app, true);
    }
    return error == DX_OK ? reply_app(node, request, app) : error;
}

const dx_command dx_commands_app[] = {
    {"app.ask", false, app_ask},      {"grant.watch", false, grant_watch},
    {"app.list", false, app_list},    {"app.watch", false, app_watch},
    {"app.grant", true, app_grant},   {"app.refuse", false, app_refuse},
    {"app.revoke", true, app_revoke}, {NULL, false, NULL},
};
