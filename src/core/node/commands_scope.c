/* node/commands_scope.c: space.scope, and objects that are fetched when somebody asks for them: a vault that keeps a part
 * of a space, and says so.
 *
 * Layer: floor 1, node. docs/spec/commands.md, docs/spec/partial.md; echo/space_scope.h and sync do the work. */
#include <string.h>

#include "base/limits.h"
#include "echo/matching.h"
#include "echo/purge.h"
#include "echo/query.h"
#include "echo/space_scope.h"
#include "node/state.h"

enum { FETCH_MS = 10000 /* as long as a person waits, and a peer that is silent is waited for */ };

/* --- Saying so -------------------------------------------------------------------------------------- */

int dx_node_is_short(dx_node *node, dx_space *space, const dx_bytes *type, bool *partial) {
    return dx_space_scope_is_short(&node->context, space, type, partial);
}

/* One type alone is asked for, and nothing leads from there to others. */
bool dx_node_question_type(dx_bytes question, dx_bytes *type) {
    dx_bytes item = dx_item_get(question, "type");
    bool walks = dx_item_get(question, "follow").size != 0 || dx_item_get(question, "path").size != 0;
    *type = dx_item_text(item);
    return !walks && item.size != 0 && dx_item_kind(item) == DX_KIND_TEXT;
}

int dx_node_question_is_short(dx_node *node, dx_space *space, dx_bytes question, bool *partial) {
    dx_bytes type;
    return dx_node_is_short(node, space, dx_node_question_type(question, &type) ? &type : NULL, partial);
}

int dx_node_refuse_absent(dx_node *node, dx_space *space) {
    if (space != NULL && dx_space_scope_is_partial(space->scope)) {
        return dx_node_refuse(
            node, DX_E_NOT_FOUND, "dx object get SPACE ID --fetch",
            "the object is not here: this vault keeps a part of the space (dx space scope)");
    }
    return dx_node_refuse(node, DX_E_NOT_FOUND, "dx object ls SPACE", "the object is not in this space");
}

int dx_node_reply_part(dx_node *node, dx_request *request, dx_bytes row, bool reached) {
    dx_map_builder map;
    dx_reader reader;
    dx_answer_init(node, &map);
    dx_reader_init(&reader, row);
    for (size_t pairs = dx_read_map(&reader); pairs > 0; pairs--) {
        char name[32];
        dx_bytes key = dx_item_text(dx_read_item(&reader)), value = dx_read_item(&reader);
        DX_ASSERT(key.size < sizeof name);
        memcpy(name, key.data, key.size);
        name[key.size] = 0;
        dx_write_item(dx_map_builder_key(&map, name), value);
    }
    dx_write_bool(dx_map_builder_key(&map, "partial"), true);
    if (!reached) {
        dx_write_bool(dx_map_builder_key(&map, "reached"), false);
    }
    return dx_request_reply(node, request, &map);
}

static void write_scope(const dx_space_scope *scope, dx_map_builder *map) {
    dx_writer *types = dx_map_builder_key(map, "types");
    if (scope->names_types) {
        dx_write_array(types, scope->type_count);
        for (size_t i = 0; i < scope->type_count; i++) {
            dx_write_text_bytes(types, scope->types[i]);
        }
    } else {
        dx_write_null(types);
    }
    if (scope->since_ms != 0) {
        dx_write_timestamp(dx_map_builder_key(map, "since"), (int64_t)scope->since_ms * 1000);
    } else {
        dx_write_null(dx_map_builder_key(map, "since"));
    }
}

/* Who told last what matches the question, once all of that was here; and that it cannot be asked, as things are. */
static int write_question(dx_node *node, dx_space *space, dx_map_builder *map) {
    char message[DX_QUERY_MESSAGE_SIZE];
    dx_matching *matching;
    if (space->scope->question.size == 0) {
        return DX_OK;
    }
    dx_write_item(dx_map_builder_key(map, "query"), space->scope->question);
    dx_node_write_told(space, map);
    int error =
        dx_matching_begin(&node->context, space, space->scope->question, message, sizeof message, &matching);
    if (error == DX_E_INVALID) {
        dx_write_text(dx_map_builder_key(map, "unasked"), message);
    } else if (dx_replication_refuses_match(node->replication, space)) {
        sqlite3_snprintf(sizeof message, message,
                         "it was not answered: more than %d match, or too many are to be looked at",
                         DX_MATCHES_MAX);
        dx_write_text(dx_map_builder_key(map, "unasked"), message);
    }
    dx_matching_destroy(error == DX_OK ? matching : NULL);
    return error == DX_E_INVALID ? DX_OK : error;
}

void dx_node_write_told(const dx_space *space, dx_map_builder *map) {
    if (space->scope_told_ms != 0) {
        dx_write_hex(dx_map_builder_key(map, "told_by"), space->scope_teller, DX_KEY_SIZE);
        dx_write_timestamp(dx_map_builder_key(map, "told_at"), (int64_t)space->scope_told_ms * 1000);
    }
}

/* The next key of a map and its value that say which rows there are, not which of them, nor what of them. False: no more. */
static bool next_condition(dx_reader *reader, size_t *left, dx_bytes *key, dx_bytes *value) {
    static const char *const others[] = {"count", "cursor", "group", "ids", "limit", "order"};
    while (*left > 0) {
        bool other = false;
        --*left;
        *key = dx_read_text(reader);
        *value = dx_read_item(reader);
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
            other = other || dx_bytes_equal(*key, dx_bytes_text(others[i]));
        }
        if (!other) {
            return true;
        }
    }
    return false;
}

bool dx_node_question_is_told(const dx_space *space, dx_bytes question) {
    dx_bytes kept = space->scope->question, keys[2], values[2];
    dx_reader readers[2];
    if (kept.size == 0 || space->scope_told_ms == 0 || space->scope_resets) {
        return false;
    }
    if (dx_item_get(kept, "limit").size != 0) { /* of what lies behind it, nothing was told */
        return dx_bytes_equal(kept, question);
    }
    dx_reader_init(&readers[0], kept);
    dx_reader_init(&readers[1], question);
    size_t left[2] = {dx_read_map(&readers[0]), dx_read_map(&readers[1])};
    for (;;) {
        bool first = next_condition(&readers[0], &left[0], &keys[0], &values[0]);
        bool second = next_condition(&readers[1], &left[1], &keys[1], &values[1]);
        if (!first || !second) {
            return first == second;
        }
        if (!dx_bytes_equal(keys[0], keys[1]) || !dx_bytes_equal(values[0], values[1])) {
            return false;
        }
    }
}

int dx_node_write_scope_status(dx_node *node, dx_space *space, dx_map_builder *map) {
    uint64_t outside, missing;
    int error = dx_space_scope_count(&node->context, space, &outside, &missing);
    if (dx_space_scope_is_partial(space->scope)) {
        dx_write_bool(dx_map_builder_key(map, "partial"), true);
        write_scope(space->scope, map);
        dx_write_uint(dx_map_builder_key(map, "outside"), outside);
        error = error == DX_OK ? write_question(node, space, map) : error;
    }
    if (missing != 0 || space->scope_resets) {
        dx_write_uint(dx_map_builder_key(map, "missing"), missing + (space->scope_resets ? outside : 0));
    }
    return error;
}

/* --- Keeping a part --------------------------------------------------------------------------------- */

static bool comes_before(dx_bytes a, dx_bytes b) {
    return dx_bytes_compare(a, b) < 0;
}

/* In order, each once. */
static int add_type(dx_node *node, dx_space_scope *scope, dx_bytes type) {
    size_t at = scope->type_count;
    if (type.data == NULL || type.size == 0 || type.size > DX_TYPE_SIZE_MAX) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "\"types\" is a list of names of types");
    }
    if (type.size >= 3 && memcmp(type.data, "dx.", 3) == 0) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "types that begin with dx. are kept by everybody");
    }
    for (size_t i = 0; i < scope->type_count; i++) {
        if (dx_bytes_equal(scope->types[i], type)) {
            return DX_OK;
        }
    }
    if (at == DX_SCOPE_TYPES_MAX) {
        return dx_node_refuse(node, DX_E_LIMIT, NULL, "a scope names at most %d types", DX_SCOPE_TYPES_MAX);
    }
    for (; at > 0 && comes_before(type, scope->types[at - 1]); at--) {
        scope->types[at] = scope->types[at - 1];
    }
    scope->types[at] = type;
    scope->type_count++;
    return DX_OK;
}

int dx_node_take_types(dx_node *node, dx_bytes item, dx_space_scope *scope) {
    dx_reader reader;
    int error = DX_OK;
    if (item.size == 0 || dx_item_kind(item) == DX_KIND_NULL) {
        return DX_OK;
    }
    if (dx_item_kind(item) != DX_KIND_ARRAY) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "\"types\" is a list of names of types");
    }
    dx_reader_init(&reader, item);
    size_t count = dx_read_array(&reader);
    scope->names_types = count != 0;
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        error = add_type(node, scope, dx_item_text(dx_read_item(&reader)));
    }
    return error;
}

static int take_since(dx_node *node, dx_bytes item, dx_space_scope *scope) {
    int64_t ms = dx_item_int(item, -1);
    if (item.size == 0 || dx_item_kind(item) == DX_KIND_NULL) {
        return DX_OK;
    }
    if (ms <= 0) {
        return dx_node_refuse(node, DX_E_INVALID, "dx space scope SPACE --since 30d",
                              "\"since\" is a number of milliseconds since 1970");
    }
    scope->since_ms = (uint64_t)ms;
    return DX_OK;
}

/* What matches is kept beside the types and the time that are named, or alone. */
static int take_question(dx_node *node, dx_bytes item, dx_space_scope *scope) {
    if (item.size == 0 || dx_item_kind(item) == DX_KIND_NULL) {
        return DX_OK;
    }
    if (dx_item_kind(item) != DX_KIND_MAP) {
        return dx_node_refuse(node, DX_E_INVALID, "dx help query", "\"query\" is a question, a map");
    }
    if (item.size > DX_SCOPE_QUESTION_SIZE_MAX) {
        return dx_node_refuse(node, DX_E_LIMIT, "keep a type instead",
                              "the question of a scope has at most %d bytes", DX_SCOPE_QUESTION_SIZE_MAX);
    }
    scope->question = item;
    scope->names_types = scope->names_types || scope->since_ms == 0;
    return DX_OK;
}

int dx_node_take_scope(dx_node *node, dx_bytes body, dx_space_scope *scope) {
    int error = dx_node_take_types(node, dx_item_get(body, "types"), scope);
    error = error == DX_OK ? take_since(node, dx_item_get(body, "since"), scope) : error;
    return error == DX_OK ? take_question(node, dx_item_get(body, "query"), scope) : error;
}

/* A question that cannot be asked of this space is not taken. */
static int check_question(dx_node *node, dx_space *space, dx_bytes question) {
    char message[DX_QUERY_MESSAGE_SIZE];
    dx_matching *matching = NULL;
    int error = question.size == 0
                    ? DX_OK
                    : dx_matching_begin(&node->context, space, question, message, sizeof message, &matching);
    dx_matching_destroy(matching);
    return error == DX_E_INVALID ? dx_node_refuse(node, error, "dx help query", "%s", message) : error;
}

static int reply_scope(dx_node *node, dx_request *request, dx_space *space) {
    uint64_t outside, missing;
    dx_map_builder map;
    int error = dx_space_scope_count(&node->context, space, &outside, &missing);
    dx_answer_init(node, &map);
    dx_write_hex(dx_map_builder_key(&map, "space"), space->id, DX_HASH_SIZE);
    dx_write_bool(dx_map_builder_key(&map, "partial"), dx_space_scope_is_partial(space->scope));
    write_scope(space->scope, &map);
    dx_write_uint(dx_map_builder_key(&map, "outside"), space->scope_resets ? 0 : outside);
    dx_write_uint(dx_map_builder_key(&map, "missing"), missing + (space->scope_resets ? outside : 0));
    error = error == DX_OK ? write_question(node, space, &map) : error;
    return dx_request_reply_unless(node, request, error, &map);
}

/* Without anything named it tells what is kept; what is named is all there is to the new scope. */
static int space_scope(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_space_scope scope;
    bool all = dx_item_bool(dx_item_get(body, "all"), false);
    int error = dx_take_space(node, request, body, &space);
    if (error != DX_OK) {
        return error;
    }
    dx_space_scope_init(&scope, &node->config.alloc);
    error = dx_node_take_scope(node, body, &scope);
    if (error == DX_OK && all && dx_space_scope_is_partial(&scope)) {
        error = dx_node_refuse(node, DX_E_INVALID, NULL, "\"all\" leaves nothing to be named beside it");
    }
    error = error == DX_OK ? check_question(node, space, scope.question) : error;
    if (error == DX_OK && (all || dx_space_scope_is_partial(&scope))) {
        error = dx_space_scope_set(&node->context, space, &scope);
    }
    dx_space_scope_deinit(&scope);
    return error == DX_OK ? reply_scope(node, request, space) : error;
}

/* --- Fetching --------------------------------------------------------------------------------------- */

typedef struct fetching {
    int64_t key, space;
    bool begun;
} fetching;

static void drop_fetching(dx_node *node, dx_request *request) {
    const fetching *task = request->task;
    const dx_space *space = dx_node_space(node, task->space);
    if (task->begun && space != NULL) {
        dx_replication_seek_end(node->replication, space, task->key);
    }
}

/* What came. */
static int reply_fetched(dx_node *node, dx_request *request, dx_space *space, int64_t key,
                         dx_seek_state state) {
    dx_entity entity;
    dx_buf row;
    int error = dx_entity_read(&node->context, space, key, &entity);
    if (error == DX_E_NOT_FOUND && state != DX_SEEK_WHOLE) {
        return dx_node_refuse(node, state == DX_SEEK_PART ? DX_E_NOT_FOUND : DX_E_TIMEOUT,
                              "dx peer list SPACE",
                              state == DX_SEEK_PART ? "nobody who is connected has the object"
                                                    : "nobody was there to fetch the object from");
    }
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND
                   ? dx_node_refuse(node, error, "dx object ls SPACE", "the object is not in this space")
                   : error;
    }
    dx_buf_init(&row, &node->config.alloc, DX_ANSWER_SIZE_MAX);
    error = dx_entity_write_row(&node->context, space, &entity, &row);
    if (error == DX_OK) {
        error = state == DX_SEEK_WHOLE
                    ? dx_request_reply_item(node, request, dx_buf_view(&row))
                    : dx_node_reply_part(node, request, dx_buf_view(&row), state != DX_SEEK_NOBODY);
    }
    dx_buf_deinit(&row);
    return error;
}

static int wait_fetched(dx_node *node, dx_request *request, bool *again) {
    const fetching *task = request->task;
    dx_space *space = dx_node_space(node, task->space);
    (void)again;
    if (request->cancelled || space == NULL) {
        return DX_E_CANCELLED;
    }
    dx_seek_state state = dx_replication_seek_state(node->replication, space, task->key);
    bool late = node->context.now_ms >= request->deadline_ms;
    bool waits = state == DX_SEEK_UNDER_WAY || state == DX_SEEK_NOBODY;
    return waits && !late ? DX_PENDING : reply_fetched(node, request, space, task->key, state);
}

int dx_node_lacks(dx_node *node, dx_space *space, int64_t key, bool *lacks) {
    dx_entity entity;
    int error = dx_entity_read(&node->context, space, key, &entity);
    bool here = error == DX_OK;
    *lacks = true;
    if (!here && (error != DX_E_NOT_FOUND || dx_purge_has(space, key))) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return dx_node_is_short(node, space, here ? &entity.type : NULL, lacks);
}

int dx_node_fetch(dx_node *node, dx_request *request, dx_space *space, int64_t key, int64_t timeout_ms) {
    if (dx_purge_has(space, key)) {
        return dx_node_refuse(node, DX_E_NOT_FOUND, "dx object ls SPACE", "the object was purged");
    }
    if (dx_store_is_read_only(node->store)) {
        return DX_E_NO_SPACE;
    }
    fetching *task = dx_request_continue(node, request, sizeof *task, wait_fetched, drop_fetching);
    if (task == NULL) {
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    *task = (fetching){.key = key, .space = space->local};
    request->space = space->local;
    request->deadline_ms =
        node->context.now_ms + (timeout_ms > 0 ? (uint64_t)timeout_ms : (uint64_t)FETCH_MS);
    int error = dx_replication_seek(node->replication, space, key);
    task->begun = error == DX_OK;
    if (error == DX_E_LIMIT) {
        return dx_node_refuse(node, error, "ask again when they are here",
                              "%d objects are being fetched already", DX_SYNC_URGENT_MAX);
    }
    return error == DX_OK ? DX_PENDING : error;
}

const dx_command dx_commands_scope[] = {
    {"space.scope", true, space_scope},
    {NULL, false, NULL},
};
