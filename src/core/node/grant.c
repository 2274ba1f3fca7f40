/* node/grant.c: see grant.h. */
#include "node/grant.h"

#include <string.h>

#include "node/state.h"

const dx_need_row dx_needs[] = {
    /* clang-format off */
    {"halo.create",    DX_NEED_OWN},
    {"halo.identity",  DX_NEED_IDENTITY},
    {"device.list",    DX_NEED_IDENTITY},
    {"space.create",   DX_NEED_CREATE},
    {"halo.watch",     DX_NEED_IDENTITY},
    {"halo.rename",    DX_NEED_OWN},
    {"device.rename",  DX_NEED_OWN},
    {"space.rename",   DX_NEED_WRITE},
    {"space.list",     DX_NEED_GRANT},
    {"space.watch",    DX_NEED_GRANT},
    {"space.rm",       DX_NEED_OWN},
    {"space.members",  DX_NEED_READ},
    {"space.share",    DX_NEED_SHARE},
    {"space.join",     DX_NEED_JOIN},
    {"space.pin",      DX_NEED_JOIN},
    {"invitation.list", DX_NEED_OWN},
    {"invitation.cancel", DX_NEED_OWN},
    {"space.status",   DX_NEED_READ},
    {"space.post",     DX_NEED_WRITE},
    {"space.listen",   DX_NEED_READ},
    {"space.digest",   DX_NEED_READ},
    {"space.epoch",    DX_NEED_SHARE},
    {"space.epochs",   DX_NEED_READ},
    {"space.compact",  DX_NEED_OWN},
    {"space.scope",    DX_NEED_OWN},
    {"object.add",     DX_NEED_WRITE},
    {"object.get",     DX_NEED_READ},
    {"object.pieces",  DX_NEED_READ},
    {"object.set",     DX_NEED_WRITE},
    {"object.unset",   DX_NEED_WRITE},
    {"object.edit",    DX_NEED_WRITE},
    {"object.rm",      DX_NEED_WRITE},
    {"object.purge",   DX_NEED_OWN},
    {"object.restore", DX_NEED_WRITE},
    {"object.move",    DX_NEED_WRITE},
    {"object.apply",   DX_NEED_WRITE},
    {"object.ls",      DX_NEED_READ},
    {"text.open",      DX_NEED_WRITE},
    {"text.pull",      DX_NEED_READ},
    {"text.push",      DX_NEED_WRITE},
    {"text.watch",     DX_NEED_READ},
    {"history.list",   DX_NEED_READ},
    {"history.diff",   DX_NEED_READ},
    {"history.restore", DX_NEED_WRITE},
    {"undo",           DX_NEED_WRITE},
    {"redo",           DX_NEED_WRITE},
    {"link.add",       DX_NEED_WRITE},
    {"link.ls",        DX_NEED_READ},
    {"link.rm",        DX_NEED_WRITE},
    {"batch",          DX_NEED_WRITE},
    {"schema.add",     DX_NEED_SHARE},
    {"schema.list",    DX_NEED_READ},
    {"schema.rm",      DX_NEED_SHARE},
    {"schema.check",   DX_NEED_READ},
    {"schema.migrate", DX_NEED_WRITE},
    {"query",          DX_NEED_READ},
    {"space.sql",      DX_NEED_READ},
    {"watch",          DX_NEED_READ},
    {"index.add",      DX_NEED_WRITE},
    {"index.rm",       DX_NEED_WRITE},
    {"index.ls",       DX_NEED_READ},
    {"export",         DX_NEED_READ},
    {"peer.list",      DX_NEED_OWN},
    {"peer.connect",   DX_NEED_OWN},
    {"signal.add",     DX_NEED_OWN},
    {"signal.rm",      DX_NEED_OWN},
    {"signal.list",    DX_NEED_OWN},
    {"status",         DX_NEED_OWN},
    {"inspect.feeds",  DX_NEED_OWN},
    {"inspect.block",  DX_NEED_OWN},
    {"inspect.credentials", DX_NEED_OWN},
    {"inspect.object", DX_NEED_OWN},
    {"inspect.space", DX_NEED_OWN},
    {"inspect.holes", DX_NEED_OWN},
    {"inspect.purges", DX_NEED_OWN},
    {"vault.check",    DX_NEED_OWN},
    {"vault.compact",  DX_NEED_OWN},
    {"request.cancel", DX_NEED_NOTHING},
    {"app.ask",        DX_NEED_NOTHING},
    {"grant.watch",    DX_NEED_GRANT},
    {"app.list",       DX_NEED_OWN},
    {"app.watch",      DX_NEED_OWN},
    {"app.grant",      DX_NEED_OWN},
    {"app.refuse",     DX_NEED_OWN},
    {"app.revoke",     DX_NEED_OWN},
    {NULL,             DX_NEED_OWN},
    /* clang-format on */
};

static dx_need find_need(dx_bytes command) {
    for (const dx_need_row *row = dx_needs; row->command != NULL; row++) {
        if (dx_bytes_equal(command, dx_bytes_text(row->command))) {
            return row->need;
        }
    }
    return DX_NEED_OWN;
}

/* --- Origins ------------------------------------------------------------------------------------------ */

static bool is_lower(uint8_t byte) {
    return byte >= 'a' && byte <= 'z';
}

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static size_t scheme_size(dx_bytes text) {
    size_t size = 0;
    while (size < text.size &&
           (is_lower(text.data[size]) ||
            (size > 0 && (is_digit(text.data[size]) || memchr("+-.", text.data[size], 3) != NULL)))) {
        size++;
    }
    return size;
}

/* A name, an IPv4 address, or an IPv6 one in brackets. */
static size_t host_size(dx_bytes text) {
    bool bracketed = text.size > 0 && text.data[0] == '[';
    size_t size = bracketed ? 1 : 0;
    while (size < text.size &&
           (is_lower(text.data[size]) || is_digit(text.data[size]) ||
            memchr(bracketed ? ":." : "-._", text.data[size], bracketed ? 2 : 3) != NULL)) {
        size++;
    }
    if (!bracketed) {
        return size;
    }
    return size > 1 && size < text.size && text.data[size] == ']' ? size + 1 : 0;
}

bool dx_origin_check(dx_bytes text) {
    size_t scheme = text.size <= DX_ORIGIN_SIZE_MAX ? scheme_size(text) : 0;
    if (scheme == 0 || text.size - scheme <= 3 || memcmp(text.data + scheme, "://", 3) != 0) {
        return false;
    }
    dx_bytes rest = dx_bytes_of(text.data + scheme + 3, text.size - scheme - 3);
    size_t host = host_size(rest), port = host;
    if (host == 0 || host == rest.size) {
        return host != 0;
    }
    for (port++; port < rest.size && is_digit(rest.data[port]); port++) {
    }
    return rest.data[host] == ':' && port == rest.size && port > host + 1 && port <= host + 6;
}

dx_app *dx_app_find(dx_node *node, dx_bytes origin) {
    dx_app *app = node->apps;
    while (app != NULL && (app->opaque || !dx_bytes_equal(origin, dx_bytes_text(app->origin)))) {
        app = app->next;
    }
    return app;
}

static dx_app *find_opaque(dx_node *node) {
    dx_app *app = node->apps;
    while (app != NULL && !app->opaque) {
        app = app->next;
    }
    return app;
}

int dx_app_take(dx_node *node, dx_bytes origin, dx_app **out) {
    bool sound = dx_origin_check(origin);
    *out = sound ? dx_app_find(node, origin) : find_opaque(node);
    if (*out != NULL) {
        return DX_OK;
    }
    dx_app *app = dx_alloc_take_zeroed(&node->config.alloc, sizeof *app);
    if (app == NULL) {
        return DX_E_NO_MEMORY;
    }
    app->opaque = !sound;
    memcpy(app->origin, sound ? origin.data : (const uint8_t *)"null", sound ? origin.size : 4);
    app->next = node->apps;
    node->apps = app;
    *out = app;
    return DX_OK;
}

static void free_spaces(dx_node *node, dx_app *app) {
    dx_alloc_free(&node->config.alloc, app->spaces, app->space_capacity * sizeof *app->spaces);
    app->spaces = NULL;
    app->space_count = app->space_capacity = 0;
}

static bool has_asked(const dx_node *node, const dx_app *app) {
    return app->asked_count > 0 && node->context.now_ms < app->asked_ms + DX_APP_ASKS_MS;
}

static bool is_remembered(const dx_node *node, const dx_app *app) {
    return app->granted || app->port_count > 0 || node->context.now_ms < app->refused_until_ms ||
           has_asked(node, app);
}

static void free_apps(dx_node *node, bool all) {
    for (dx_app **at = &node->apps; *at != NULL;) {
        dx_app *app = *at;
        if (is_remembered(node, app) && !all) {
            at = &app->next;
            continue;
        }
        *at = app->next;
        free_spaces(node, app);
        dx_alloc_free(&node->config.alloc, app, sizeof *app);
    }
}

void dx_apps_tidy(dx_node *node) {
    free_apps(node, false);
}

void dx_apps_free(dx_node *node) {
    free_apps(node, true);
}

void dx_request_key(const dx_app *app, const uint8_t id[static DX_REQUEST_SIZE],
                    uint8_t out[static DX_REQUEST_SIZE]) {
    if (app == NULL) {
        memcpy(out, id, DX_REQUEST_SIZE);
        return;
    }
    uint8_t hash[DX_HASH_SIZE];
    dx_hash_keyed(DX_HASH_APP_REQUEST, dx_bytes_of(id, DX_REQUEST_SIZE), dx_bytes_text(app->origin), hash);
    memcpy(out, hash, DX_REQUEST_SIZE);
}

/* --- Rows ---------------------------------------------------------------------------------------------- */

static bool is_level(int64_t level) {
    return level >= DX_LEVEL_NONE && level <= DX_LEVEL_SHARE;
}

static void set_name(dx_app *app, dx_bytes name) {
    size_t size = name.size < DX_APP_NAME_SIZE_MAX ? name.size : DX_APP_NAME_SIZE_MAX;
    if (size > 0) {
        memcpy(app->name, name.data, size);
    }
    app->name[size] = 0;
}

static int add_space(dx_node *node, dx_app *app, const uint8_t id[static DX_HASH_SIZE], dx_level level) {
    if (app->space_count == app->space_capacity) {
        size_t capacity = app->space_capacity == 0 ? 4 : 2 * app->space_capacity;
        dx_app_space *spaces = dx_alloc_grow(&node->config.alloc, app->spaces,
                                             app->space_capacity * sizeof *spaces, capacity * sizeof *spaces);
        if (spaces == NULL) {
            return DX_E_NO_MEMORY;
        }
        app->spaces = spaces;
        app->space_capacity = capacity;
    }
    memcpy(app->spaces[app->space_count].id, id, DX_HASH_SIZE);
    app->spaces[app->space_count++].level = level;
    return DX_OK;
}

static int load_apps(dx_node *node) {
    int error = DX_OK;
    sqlite3_stmt *select = dx_store_query(node->store, "SELECT origin, name, scopes, level FROM app");
    while (error == DX_OK && dx_step(node->store, select)) {
        dx_app *app = NULL;
        int64_t level = dx_column_int(select, 3);
        error = dx_origin_check(dx_column_bytes(select, 0)) && is_level(level)
                    ? dx_app_take(node, dx_column_bytes(select, 0), &app)
                    : DX_E_CORRUPT;
        if (error == DX_OK) {
            app->granted = true;
            app->rights = (dx_rights){(unsigned)dx_column_int(select, 2), (dx_level)level};
            set_name(app, dx_column_bytes(select, 1));
        }
    }
    dx_step_reset(select);
    int failed = dx_store_error(node->store);
    return error != DX_OK ? error : failed;
}

static int load_spaces(dx_node *node) {
    int error = DX_OK;
    sqlite3_stmt *select = dx_store_query(node->store, "SELECT origin, space, level FROM app_space");
    while (error == DX_OK && dx_step(node->store, select)) {
        dx_app *app = dx_app_find(node, dx_column_bytes(select, 0));
        dx_bytes id = dx_column_bytes(select, 1);
        int64_t level = dx_column_int(select, 2);
        error = app != NULL && app->granted && id.size == DX_HASH_SIZE && is_level(level)
                    ? add_space(node, app, id.data, (dx_level)level)
                    : DX_E_CORRUPT;
    }
    dx_step_reset(select);
    int failed = dx_store_error(node->store);
    return error != DX_OK ? error : failed;
}

int dx_grants_load(dx_node *node) {
    int error = load_apps(node);
    return error == DX_OK ? load_spaces(node) : error;
}

void dx_grants_unload(dx_node *node) {
    for (dx_app *app = node->apps; app != NULL; app = app->next) {
        app->granted = false;
        app->rights = (dx_rights){0};
        app->name[0] = 0;
        free_spaces(node, app);
    }
}

static int save_app(dx_node *node, const dx_app *app) {
    sqlite3_stmt *write = dx_store_query(
        node->store, "INSERT OR REPLACE INTO app(origin, name, scopes, level) VALUES(?1, ?2, ?3, ?4)");
    dx_bind_text(write, 1, dx_bytes_text(app->origin));
    dx_bind_text(write, 2, dx_bytes_text(app->name));
    dx_bind_int(write, 3, (int64_t)app->rights.scopes);
    dx_bind_int(write, 4, (int64_t)app->rights.everywhere);
    return dx_step_done(node->store, write);
}

static int save_space(dx_node *node, const dx_app *app, const dx_app_space *space) {
    sqlite3_stmt *write = dx_store_query(
        node->store, "INSERT OR REPLACE INTO app_space(origin, space, level) VALUES(?1, ?2, ?3)");
    dx_bind_text(write, 1, dx_bytes_text(app->origin));
    dx_bind_bytes(write, 2, dx_bytes_of(space->id, DX_HASH_SIZE));
    dx_bind_int(write, 3, (int64_t)space->level);
    return dx_step_done(node->store, write);
}

/* --- Changing ------------------------------------------------------------------------------------------ */

static void note_change(dx_app *app) {
    app->grants++;
    app->version++;
}

static dx_app_space *find_space(const dx_app *app, const uint8_t id[static DX_HASH_SIZE]) {
    for (size_t i = 0; i < app->space_count; i++) {
        if (memcmp(app->spaces[i].id, id, DX_HASH_SIZE) == 0) {
            return &app->spaces[i];
        }
    }
    return NULL;
}

static size_t count_granted(const dx_node *node) {
    size_t count = 0;
    for (const dx_app *app = node->apps; app != NULL; app = app->next) {
        count += app->granted;
    }
    return count;
}

int dx_app_revoke(dx_node *node, dx_app *app) {
    sqlite3_stmt *remove = dx_store_query(node->store, "DELETE FROM app WHERE origin = ?1");
    dx_bind_text(remove, 1, dx_bytes_text(app->origin));
    int error = dx_step_done(node->store, remove);
    if (error == DX_OK) {
        remove = dx_store_query(node->store, "DELETE FROM app_space WHERE origin = ?1");
        dx_bind_text(remove, 1, dx_bytes_text(app->origin));
        error = dx_step_done(node->store, remove);
    }
    app->granted = false;
    app->rights = (dx_rights){0};
    app->name[0] = 0;
    note_change(app);
    free_spaces(node, app);
    return error;
}

int dx_app_grant(dx_node *node, dx_app *app, dx_bytes name, dx_rights rights, const dx_app_space *spaces,
                 size_t space_count) {
    if (space_count > DX_GRANT_SPACES_MAX || (!app->granted && count_granted(node) >= DX_GRANTS_MAX)) {
        return DX_E_LIMIT;
    }
    int error = dx_app_revoke(node, app);
    app->granted = true;
    app->rights = rights;
    set_name(app, name);
    if (error == DX_OK) {
        error = save_app(node, app);
    }
    for (size_t i = 0; error == DX_OK && i < space_count; i++) {
        error = dx_app_allow(node, app, spaces[i].id, spaces[i].level);
    }
    return error;
}

int dx_app_allow(dx_node *node, dx_app *app, const uint8_t space[static DX_HASH_SIZE], dx_level level) {
    dx_app_space *known = find_space(app, space);
    int error = DX_OK;
    if (known == NULL && app->space_count >= DX_GRANT_SPACES_MAX) {
        return DX_E_LIMIT;
    }
    if (known == NULL) {
        error = add_space(node, app, space, level);
        known = &app->spaces[app->space_count - 1];
    } else if (known->level < level) {
        known->level = level;
    }
    note_change(app);
    return error == DX_OK ? save_space(node, app, known) : error;
}

int dx_grants_forget_space(dx_node *node, const uint8_t space[static DX_HASH_SIZE]) {
    for (dx_app *app = node->apps; app != NULL; app = app->next) {
        dx_app_space *known = find_space(app, space);
        if (known != NULL) {
            *known = app->spaces[--app->space_count];
            note_change(app);
        }
    }
    sqlite3_stmt *remove = dx_store_query(node->store, "DELETE FROM app_space WHERE space = ?1");
    dx_bind_bytes(remove, 1, dx_bytes_of(space, DX_HASH_SIZE));
    return dx_step_done(node->store, remove);
}

/* --- Judging ------------------------------------------------------------------------------------------- */

dx_level dx_app_level(const dx_app *app, const uint8_t space[static DX_HASH_SIZE]) {
    if (app == NULL) {
        return DX_LEVEL_SHARE;
    }
    const dx_app_space *known = app->granted ? find_space(app, space) : NULL;
    dx_level level = known == NULL ? DX_LEVEL_NONE : known->level;
    return level > app->rights.everywhere ? level : app->rights.everywhere;
}

static dx_level level_of(dx_need need) {
    return need == DX_NEED_READ ? DX_LEVEL_READ : need == DX_NEED_WRITE ? DX_LEVEL_WRITE : DX_LEVEL_SHARE;
}

bool dx_app_may(const dx_app *app, dx_need need, const dx_space *space) {
    if (app == NULL) {
        return true;
    }
    switch (need) {
    case DX_NEED_NOTHING:
        return !app->opaque;
    case DX_NEED_GRANT:
        return app->granted;
    case DX_NEED_IDENTITY:
        return (app->rights.scopes & DX_SCOPE_IDENTITY) != 0;
    case DX_NEED_CREATE:
        return (app->rights.scopes & DX_SCOPE_CREATE) != 0;
    case DX_NEED_JOIN:
        return (app->rights.scopes & DX_SCOPE_JOIN) != 0;
    case DX_NEED_READ:
    case DX_NEED_WRITE:
    case DX_NEED_SHARE:
        return space != NULL && dx_app_level(app, space->id) >= level_of(need);
    case DX_NEED_OWN:
        break;
    }
    return false;
}

bool dx_rights_hold(dx_rights rights, dx_rights wanted) {
    return (wanted.scopes & ~rights.scopes) == 0 && rights.everywhere >= wanted.everywhere;
}

bool dx_app_may_ask(const dx_node *node, dx_app *app, uint64_t *due_ms) {
    uint64_t now_ms = node->context.now_ms;
    if (now_ms < app->refused_until_ms) {
        *due_ms = app->refused_until_ms;
        return false;
    }
    if (!has_asked(node, app)) {
        app->asked_ms = now_ms;
        app->asked_count = 0;
    }
    if (app->asked_count >= DX_APP_ASKS_MAX) {
        *due_ms = app->asked_ms + DX_APP_ASKS_MS;
        return false;
    }
    app->asked_count++;
    *due_ms = DX_NO_DEADLINE;
    return true;
}

int dx_app_deny(dx_node *node) {
    return dx_node_refuse(node, DX_E_DENIED, "app.ask", "this app has no grant for that");
}

int dx_app_judge(dx_node *node, dx_request *request, dx_bytes body) {
    dx_app *app = request->app;
    if (app == NULL) {
        return DX_OK;
    }
    dx_bytes name = dx_item_check(body) == DX_OK ? dx_item_text(dx_item_get(body, "do")) : (dx_bytes){0};
    dx_space *space = NULL;
    request->need = find_need(name);
    bool names_several =
        dx_bytes_equal(name, dx_bytes_text("query")) || dx_bytes_equal(name, dx_bytes_text("watch"));
    if (dx_item_get(body, "spaces").size > 0 && names_several) {
        request->need = DX_NEED_GRANT; /* it looks for itself, at each of them (dx_node_take_spaces) */
    }
    if (request->need >= DX_NEED_READ && app->granted) {
        int error = dx_take_space(node, request, body, &space);
        if (error != DX_OK && error != DX_E_NOT_FOUND) {
            return error;
        }
    }
    if (!dx_app_may(app, request->need, space)) {
        app->denied++;
        node->counts.apps_denied++;
        return dx_app_deny(node);
    }
    request->judged = space != NULL ? space->local : 0;
    return DX_OK;
}
