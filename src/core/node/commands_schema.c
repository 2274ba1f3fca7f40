/* node/commands_schema.c: schema.*: definitions of types, what does not fit them, and bringing it to a newer version.
 *
 * Layer: floor 1, node. docs/spec/schema.md. A definition is an object of type "dx.schema"; a migration is ordinary changes of
 * objects, in transactions of at most MIGRATED_MAX, that do nothing where they were done before. */
#include <string.h>

#include "base/limits.h"
#include "echo/mutation.h"
#include "model/object_path.h"
#include "node/state.h"

enum { MIGRATED_MAX = 256 /* objects changed in one step: a block, some milliseconds */ };

/* --- Words ------------------------------------------------------------------------------------------- */

static int take_type(dx_node *node, dx_bytes body, dx_bytes *out) {
    int error = dx_take_text(node, body, "type", DX_TYPE_SIZE_MAX, out);
    if (error == DX_OK && (out->size == 0 || dx_type_is_hidden(*out))) {
        return dx_node_refuse(node, DX_E_INVALID, NULL,
                              "a type that can be defined has a name, not of the system's (dx.)");
    }
    return error;
}

static int take_version(dx_node *node, dx_bytes body, int64_t without, int64_t *out) {
    dx_bytes item = dx_item_get(body, "version");
    *out = item.size == 0 || dx_item_kind(item) == DX_KIND_NULL ? without : dx_item_int(item, -1);
    if (*out != without && (*out < 1 || *out > DX_SCHEMA_VERSION_MAX)) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "\"version\" must be a whole number from 1 on");
    }
    return DX_OK;
}

static int write_schema(dx_node *node, dx_space *space, const dx_schema *schema, dx_map_builder *map) {
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX];
    (void)node;
    int error = dx_key_to_id(space, schema->key, id);
    dx_id_print(id, text);
    dx_write_text(dx_map_builder_key(map, "id"), text);
    dx_write_text_bytes(dx_map_builder_key(map, "type"), schema->type);
    dx_write_int(dx_map_builder_key(map, "version"), schema->version);
    dx_write_bool(dx_map_builder_key(map, "sound"), schema->definition.size > 0);
    if (schema->definition.size > 0) {
        dx_write_item(dx_map_builder_key(map, "schema"), schema->definition);
    } else {
        dx_write_null(dx_map_builder_key(map, "schema"));
    }
    if (schema->migration.size > 0) {
        dx_write_item(dx_map_builder_key(map, "migrate"), schema->migration);
    }
    return error;
}

/* --- Migrations -------------------------------------------------------------------------------------- */

/* A step: {"rename": [from, to]}, {"remove": path} or {"default": path, "value": v}. */
typedef struct dx_migration_step {
    dx_bytes from, to, value; /* rename: from, to; remove: from; default: to, value */
} dx_migration_step;

static bool read_step(dx_bytes item, dx_migration_step *out) {
    dx_bytes rename = dx_item_get(item, "rename"), removed = dx_item_get(item, "remove"),
             without = dx_item_get(item, "default");
    *out = (dx_migration_step){.value = {NULL, 0}};
    if ((rename.size > 0) + (removed.size > 0) + (without.size > 0) != 1) {
        return false;
    }
    if (rename.size > 0) {
        dx_reader reader;
        dx_reader_init(&reader, rename);
        if (dx_item_kind(rename) != DX_KIND_ARRAY || dx_read_array(&reader) != 2) {
            return false;
        }
        out->from = dx_item_text(dx_read_item(&reader));
        out->to = dx_item_text(dx_read_item(&reader));
    } else {
        out->from = dx_item_text(removed);
        out->to = dx_item_text(without);
        out->value = dx_item_get(item, "value");
    }
    bool has_from = dx_object_path_check(out->from) > 0, has_to = dx_object_path_check(out->to) > 0;
    return has_from == (without.size == 0) && has_to == (removed.size == 0) &&
           (out->value.size > 0) == (without.size > 0);
}

static int take_migration(dx_node *node, dx_bytes body, dx_bytes *out) {
    dx_bytes list = dx_item_get(body, "migrate");
    *out = (dx_bytes){NULL, 0};
    if (list.size == 0 || dx_item_kind(list) == DX_KIND_NULL) {
        return DX_OK;
    }
    dx_reader reader;
    dx_reader_init(&reader, list);
    size_t count = dx_item_kind(list) == DX_KIND_ARRAY ? dx_read_array(&reader) : DX_SCHEMA_STEPS_MAX + 1;
    bool sound = count <= DX_SCHEMA_STEPS_MAX;
    for (size_t i = 0; sound && i < count; i++) {
        dx_migration_step step;
        sound = read_step(dx_read_item(&reader), &step);
    }
    *out = list;
    return sound ? DX_OK
                 : dx_node_refuse(
                       node, DX_E_INVALID, "dx help schema",
                       "\"migrate\" must be a list of at most %d steps, each {\"rename\": [from, to]}, "
                       "{\"remove\": key} or {\"default\": key, \"value\": value}",
                       DX_SCHEMA_STEPS_MAX);
}

static int do_step(dx_transaction *transaction, int64_t key, const dx_migration_step *step, dx_bytes data,
                   bool *did) {
    dx_bytes old = step->from.size > 0 ? dx_view_at(data, step->from) : (dx_bytes){NULL, 0};
    dx_bytes now = step->to.size > 0 ? dx_view_at(data, step->to) : (dx_bytes){NULL, 0};
#if defined(DX_PLANT) && DX_PLANT == 78
    now = (dx_bytes){NULL, 0};
#endif
    dx_bytes value = step->from.size > 0 ? old : step->value;
    int error = DX_OK;
    if (step->to.size > 0 && now.size == 0 && value.size > 0) {
        error = dx_transaction_set(transaction, key, step->to, value);
        *did = true;
    }
    if (error == DX_OK && old.size > 0) {
        error = dx_transaction_unset(transaction, key, step->from);
        *did = true;
    }
    return error;
}

/* --- Going through the objects of a type ------------------------------------------------------------- */

typedef struct dx_going {
    dx_query *query;
    bool migrates;
    int64_t version; /* only definitions up to this one */
    size_t type_size;
    uint8_t type[DX_TYPE_SIZE_MAX];
    int64_t found[MIGRATED_MAX]; /* keys of this step */
    size_t found_count;
    int64_t changed;
} dx_going;

static void drop_going(dx_node *node, dx_request *request) {
    (void)node;
    dx_query_destroy(((dx_going *)request->task)->query);
}

static int note_key(void *ctx, const dx_query_row *row) {
    dx_going *going = ctx;
    DX_ASSERT(going->found_count < MIGRATED_MAX); /* a call examines no more, and each once */
    going->found[going->found_count++] = row->key;
    return DX_OK;
}

static int write_fault(dx_node *node, dx_request *request, dx_space *space, int64_t key, dx_bytes type,
                       int64_t by, const dx_schema_fault *fault) {
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX];
    dx_map_builder map;
    int error = dx_key_to_id(space, key, id);
    dx_id_print(id, text);
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "id"), text);
    dx_write_text_bytes(dx_map_builder_key(&map, "type"), type);
    dx_write_int(dx_map_builder_key(&map, "version"), by);
    dx_write_text(dx_map_builder_key(&map, "path"), fault->path);
    dx_write_text(dx_map_builder_key(&map, "rule"), fault->rule);
    dx_write_text(dx_map_builder_key(&map, "message"), fault->message);
    dx_writer row = dx_request_row(node, request);
    dx_map_builder_finish(&map, &row);
    int written = dx_request_row_end(node, request, &row);
    return error != DX_OK ? error : written;
}

static int view_of(dx_node *node, dx_space *space, int64_t key, dx_entity *entity, dx_buf *view) {
    dx_writer writer;
    dx_buf_clear(view);
    dx_writer_init(&writer, view);
    int error = dx_entity_read(&node->context, space, key, entity);
    return error == DX_OK ? dx_entity_view(&node->context, space, entity, &writer) : error;
}

static int check_one(dx_node *node, dx_request *request, dx_space *space, int64_t key, dx_buf *view) {
    dx_schema_fault fault;
    dx_entity entity;
    int64_t by;
    uint8_t held[DX_TYPE_SIZE_MAX];
    int error = view_of(node, space, key, &entity, view);
    if (error != DX_OK || entity.type.size > sizeof held) {
        return error;
    }
    dx_bytes type = dx_bytes_of(held, entity.type.size);
    if (type.size > 0) {
        memcpy(held, entity.type.data, type.size);
    }
    error = dx_schemas_judge(&node->context, space, type, dx_buf_view(view), &fault, &by);
    if (error == DX_E_LIMIT) {
        fault = (dx_schema_fault){.rule = "", .message = "it is too large to be held against its type"};
        error = DX_E_INVALID;
    }
    return error == DX_E_INVALID ? write_fault(node, request, space, key, type, by, &fault) : error;
}

/* All steps of all versions up to the wanted one, the oldest first. */
static int migrate_one(dx_node *node, dx_space *space, dx_transaction *transaction, dx_going *going,
                       int64_t key, dx_buf *view) {
    const dx_schemas *schemas;
    size_t first;
    bool did = false;
    int error = dx_schemas_read(&node->context, space, &schemas);
    size_t count =
        error == DX_OK ? dx_schemas_of_type(schemas, dx_bytes_of(going->type, going->type_size), &first) : 0;
    for (size_t i = count; error == DX_OK && i-- > 0;) {
        const dx_schema *schema = &schemas->items[first + i];
        dx_reader reader;
        dx_reader_init(&reader, schema->migration);
        size_t steps =
            schema->migration.size == 0 || schema->version > going->version ? 0 : dx_read_array(&reader);
        for (size_t n = 0; error == DX_OK && n < steps && n < DX_SCHEMA_STEPS_MAX; n++) {
            dx_migration_step step;
            dx_writer writer;
            dx_buf_clear(view);
            dx_writer_init(&writer, view);
            if (!read_step(dx_read_item(&reader), &step)) {
                continue; /* written by another hand, or a newer program */
            }
            error = dx_transaction_view(transaction, key, &writer);
            if (error == DX_OK) {
                error = do_step(transaction, key, &step, dx_buf_view(view), &did);
            }
        }
    }
    going->changed += did;
    return error == DX_E_UNSUPPORTED || error == DX_E_STATE ? DX_OK
                                                            : error; /* of another model; deleted meanwhile */
}

static int migrate_some(dx_node *node, dx_space *space, dx_going *going, dx_buf *view) {
    dx_transaction *transaction;
    if (going->found_count == 0) {
        return DX_OK;
    }
    int error = dx_transaction_begin(&node->context, space, &transaction);
    if (error != DX_OK) {
        return dx_node_explain_edit(node, space, error);
    }
    for (size_t i = 0; error == DX_OK && i < going->found_count; i++) {
        error = migrate_one(node, space, transaction, going, going->found[i], view);
    }
    if (error != DX_OK) {
        dx_transaction_abort(transaction);
        return dx_node_explain_edit(node, space, error);
    }
    return dx_transaction_commit(transaction);
}

static int go_on(dx_node *node, dx_request *request, bool *again) {
    dx_going *going = request->task;
    dx_space *space = dx_node_space(node, request->space);
    bool more = false;
    dx_buf view;
    if (request->cancelled || space == NULL) {
        return DX_E_CANCELLED;
    }
    if (!dx_request_can_send(node, request)) {
        return DX_PENDING;
    }
    going->found_count = 0;
    int error = dx_query_run(going->query, MIGRATED_MAX, note_key, going, &more);
    dx_buf_init(&view, &node->config.alloc, DX_STATE_SIZE_MAX);
    if (error == DX_OK && going->migrates) {
        error = migrate_some(node, space, going, &view);
    }
    for (size_t i = 0; error == DX_OK && !going->migrates && i < going->found_count; i++) {
        error = check_one(node, request, space, going->found[i], &view);
    }
    dx_buf_deinit(&view);
    if (error != DX_OK) {
        return error;
    }
    if (more) {
        *again = true;
        return DX_PENDING;
    }
    if (!going->migrates) {
        return dx_request_reply_count(node, request);
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_int(dx_map_builder_key(&map, "changed"), going->changed);
    return dx_request_reply(node, request, &map);
}

/* type of size 0: objects and links of every type. */
static int create_query(dx_node *node, dx_space *space, dx_bytes type, dx_query **out) {
    char message[DX_NODE_MESSAGE_SIZE] = "";
    dx_map_builder map;
    dx_writer writer;
    dx_buf item;
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "kind"), "any");
    if (type.size > 0) {
        dx_write_text_bytes(dx_map_builder_key(&map, "type"), type);
    }
    dx_buf_init(&item, &node->config.alloc, DX_ANSWER_SIZE_MAX);
    dx_writer_init(&writer, &item);
    dx_map_builder_finish(&map, &writer);
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        error = dx_query_create(&node->context, space, dx_buf_view(&item), message, sizeof message, out);
    }
    dx_buf_deinit(&item);
    return error;
}

static int begin_going(dx_node *node, dx_request *request, dx_space *space, dx_bytes type, dx_going **out) {
    dx_query *query = NULL;
    int error = create_query(node, space, type, &query);
    if (error != DX_OK) {
        return error;
    }
    dx_going *going = dx_request_continue(node, request, sizeof *going, go_on, drop_going);
    if (going == NULL) {
        dx_query_destroy(query);
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    request->space = space->local;
    going->query = query;
    going->type_size = type.size;
    if (type.size > 0) {
        memcpy(going->type, type.data, type.size);
    }
    *out = going;
    return DX_PENDING;
}

/* --- Commands ---------------------------------------------------------------------------------------- */

/* The version that is asked for, 0: the newest. */
static int find_schema(dx_node *node, dx_space *space, dx_bytes type, int64_t version,
                       const dx_schema **out) {
    const dx_schemas *schemas;
    size_t first;
    int error = dx_schemas_read(&node->context, space, &schemas);
    size_t count = error == DX_OK ? dx_schemas_of_type(schemas, type, &first) : 0;
    *out = NULL;
    for (size_t i = 0; i < count && *out == NULL; i++) {
        const dx_schema *schema = &schemas->items[first + i];
        *out = version == 0 || schema->version == version ? schema : NULL;
    }
    if (error != DX_OK || *out != NULL) {
        return error;
    }
    return dx_node_refuse(node, DX_E_NOT_FOUND, "dx schema ls SPACE",
                          "this space defines no such %s of \"%.*s\"", version == 0 ? "type as" : "version",
                          (int)(type.size < 64 ? type.size : 64), (const char *)type.data);
}

/* The version that a new definition is, when none is said. */
static int next_version(dx_node *node, dx_space *space, dx_bytes type, int64_t *version) {
    const dx_schemas *schemas;
    size_t first;
    int error = dx_schemas_read(&node->context, space, &schemas);
    if (error != DX_OK) {
        return error;
    }
    size_t count = dx_schemas_of_type(schemas, type, &first);
    if (*version == 0) {
        *version = count == 0 ? 1 : schemas->items[first].version + 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (schemas->items[first + i].version == *version) {
            return dx_node_refuse(node, DX_E_EXISTS, "leave out the version, for the next one",
                                  "version %lld of that type is defined already", (long long)*version);
        }
    }
    if (schemas->count >= DX_SCHEMAS_MAX) {
        return dx_node_refuse(node, DX_E_LIMIT, "dx schema rm SPACE TYPE",
                              "a space has at most %d definitions", DX_SCHEMAS_MAX);
    }
    return DX_OK;
}

static int write_definition(dx_node *node, dx_space *space, dx_bytes type, int64_t version,
                            dx_bytes definition, dx_bytes migration, int64_t *key) {
    dx_transaction *transaction;
    dx_map_builder map;
    dx_writer writer;
    dx_buf data;
    dx_answer_init(node, &map);
    dx_write_text_bytes(dx_map_builder_key(&map, "type"), type);
    dx_write_int(dx_map_builder_key(&map, "version"), version);
    dx_write_item(dx_map_builder_key(&map, "schema"), definition);
    if (migration.size > 0) {
        dx_write_item(dx_map_builder_key(&map, "migrate"), migration);
    }
    dx_buf_init(&data, &node->config.alloc, DX_ANSWER_SIZE_MAX);
    dx_writer_init(&writer, &data);
    dx_map_builder_finish(&map, &writer);
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        error = dx_transaction_begin(&node->context, space, &transaction);
    }
    if (error == DX_OK) {
        error =
            dx_transaction_add_object(transaction, dx_bytes_text(DX_SCHEMA_TYPE), 0, dx_buf_view(&data), key);
        if (error == DX_OK) {
            error = dx_transaction_commit(transaction);
        } else {
            dx_transaction_abort(transaction);
        }
    }
    dx_buf_deinit(&data);
    return dx_node_explain_edit(node, space, error);
}

static int schema_add(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_bytes type = {NULL, 0}, definition, migration = {NULL, 0};
    dx_schema_fault fault;
    int64_t version = 0, key = 0;
    int error = dx_need_identity(node);
    if (error == DX_OK) {
        error = dx_take_space(node, request, body, &space);
    }
    if (error == DX_OK) {
        error = take_type(node, body, &type);
    }
    if (error == DX_OK) {
        error = take_version(node, body, 0, &version);
    }
    if (error == DX_OK) {
        error = take_migration(node, body, &migration);
    }
    definition = dx_item_get(body, "schema");
    if (error == DX_OK && definition.size == 0) {
        error = dx_node_refuse(node, DX_E_INVALID, "dx help schema", "\"schema\" is missing");
    }
    if (error == DX_OK && dx_schema_check(definition, &fault) != DX_OK) {
        error = dx_node_refuse(node, DX_E_INVALID, "dx help schema", "%s", fault.message);
    }
    if (error == DX_OK) {
        error = next_version(node, space, type, &version);
    }
    if (error == DX_OK) {
        error = write_definition(node, space, type, version, definition, migration, &key);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    const dx_schema schema = {
        .key = key, .version = version, .type = type, .definition = definition, .migration = migration};
    error = write_schema(node, space, &schema, &map);
    return dx_request_reply_unless(node, request, error, &map);
}

static int schema_list(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_bytes type;
    const dx_schemas *schemas = NULL;
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = dx_take_optional_text(node, body, "type", DX_TYPE_SIZE_MAX, &type);
    }
    if (error == DX_OK) {
        error = dx_schemas_read(&node->context, space, &schemas);
    }
    for (size_t i = 0; error == DX_OK && i < schemas->count; i++) {
        const dx_schema *schema = &schemas->items[i];
        if (type.data != NULL && !dx_bytes_equal(type, schema->type)) {
            continue;
        }
        dx_map_builder map;
        dx_answer_init(node, &map);
        error = write_schema(node, space, schema, &map);
        dx_writer row = dx_request_row(node, request);
        dx_map_builder_finish(&map, &row);
        int written = dx_request_row_end(node, request, &row);
        error = error == DX_OK ? written : error;
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

static int schema_rm(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_bytes type;
    const dx_schema *schema = NULL;
    dx_transaction *transaction;
    int64_t version = 0;
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = take_type(node, body, &type);
    }
    if (error == DX_OK) {
        error = take_version(node, body, 0, &version);
    }
    if (error == DX_OK) {
        error = find_schema(node, space, type, version, &schema);
    }
    if (schema == NULL) {
        return error;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    int64_t key = schema->key;
    int written = write_schema(node, space, schema, &map);
    error = dx_transaction_begin(&node->context, space, &transaction);
    if (error == DX_OK) {
        error = dx_transaction_delete(transaction, key);
        if (error == DX_OK) {
            error = dx_transaction_commit(transaction);
        } else {
            dx_transaction_abort(transaction);
        }
    }
    error = error == DX_OK ? written : dx_node_explain_edit(node, space, error);
    return dx_request_reply_unless(node, request, error, &map);
}

static int schema_check(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_bytes type;
    dx_going *going;
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = dx_take_optional_text(node, body, "type", DX_TYPE_SIZE_MAX, &type);
    }
    return error == DX_OK ? begin_going(node, request, space, type, &going) : error;
}

static int schema_migrate(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_bytes type;
    const dx_schema *schema = NULL;
    dx_going *going = NULL;
    int64_t version = 0;
    if (dx_store_is_read_only(node->store)) {
        return dx_node_reply_full(node, request);
    }
    int error = dx_need_identity(node);
    if (error == DX_OK) {
        error = dx_take_space(node, request, body, &space);
    }
    if (error == DX_OK) {
        error = take_type(node, body, &type);
    }
    if (error == DX_OK) {
        error = take_version(node, body, 0, &version);
    }
    if (error == DX_OK) {
        error = find_schema(node, space, type, version, &schema);
    }
    if (schema == NULL) {
        return error;
    }
    version = schema->version;
    error = begin_going(node, request, space, type, &going);
    if (going != NULL) {
        going->migrates = true;
        going->version = version;
    }
    return error;
}

const dx_command dx_commands_schema[] = {
    {"schema.add", true, schema_add},
    {"schema.list", false, schema_list},
    {"schema.rm", true, schema_rm},
    {"schema.check", false, schema_check},
    {"schema.migrate", false, schema_migrate},
    {NULL, false, NULL},
};
