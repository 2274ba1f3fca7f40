/* node/commands_inspect.c: inspect.*: what a space is made of: feeds, blocks, credentials, registers.
 *
 * Layer: floor 1, node. docs/spec/commands.md. For people who look for what is wrong, by their own programs: an app's grant
 * never suffices. Reads only; shows no key: of claims their numbers alone, of sections what they say once they
 * are opened. Each answer is made in one step and bounded; long ones go on with "after". */
#include <string.h>

#include "base/limits.h"
#include "echo/purge.h"
#include "echo/section.h"
#include "model/object_state.h"
#include "node/beginning.h"
#include "node/inspect_rows.h"

enum { ROWS_DEFAULT = 1000, ROWS_MAX = 10000 };

int dx_inspect_take_limit(dx_node *node, dx_bytes body, size_t *limit) {
    dx_bytes item = dx_item_get(body, "limit");
    int64_t given = item.size == 0 ? ROWS_DEFAULT : dx_item_int(item, 0);
    if (given < 1 || given > ROWS_MAX) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "\"limit\" must be 1 to %d", ROWS_MAX);
    }
    *limit = (size_t)given;
    return DX_OK;
}

int dx_inspect_end_row(dx_node *node, dx_request *request, dx_map_builder *map) {
    dx_writer row = dx_request_row(node, request);
    dx_map_builder_finish(map, &row);
    return dx_request_row_end(node, request, &row);
}

/* Whose feed it is: its device and, while it is admitted, the identity. */
static void write_author(const dx_space *space, const dx_feed *feed, dx_map_builder *map) {
    const dx_admitted_feed *admitted = dx_control_find_feed(space->control, feed->id);
    dx_write_hex(dx_map_builder_key(map, "device"), feed->identity.device, DX_KEY_SIZE);
    dx_writer *identity = dx_map_builder_key(map, "identity");
    if (admitted == NULL) {
        dx_write_null(identity);
    } else {
        dx_write_hex(identity, admitted->owner, DX_KEY_SIZE);
    }
}

/* --- Feeds ---------------------------------------------------------------------------------------------- */

static int send_feed(dx_node *node, dx_request *request, dx_space *space, const dx_feed *feed) {
    uint8_t root[DX_HASH_SIZE];
    uint64_t hidden = 0;
    dx_map_builder map;
    int error = dx_feed_root(feed, node->store, feed->length, root);
    if (error == DX_OK) {
        error = dx_space_hidden(&node->context, space, feed, &hidden);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_answer_init(node, &map);
    dx_write_hex(dx_map_builder_key(&map, "feed"), feed->id, DX_HASH_SIZE);
    dx_write_text(dx_map_builder_key(&map, "class"),
                  feed->identity.feed_class == DX_FEED_CONTROL ? "control" : "data");
    write_author(space, feed, &map);
    dx_write_bool(dx_map_builder_key(&map, "own"), feed->own);
    dx_write_uint(dx_map_builder_key(&map, "length"), feed->length);
    dx_write_uint(dx_map_builder_key(&map, "begins"), feed->begins);
    dx_write_uint(dx_map_builder_key(&map, "applied"), feed->applied);
    dx_write_hex(dx_map_builder_key(&map, "root"), root, DX_HASH_SIZE);
    dx_write_uint(dx_map_builder_key(&map, "signed"), feed->head.length);
    dx_write_uint(dx_map_builder_key(&map, "announced"), feed->target.length);
    dx_write_uint(dx_map_builder_key(&map, "hidden"), hidden);
    dx_writer *cut = dx_map_builder_key(&map, "cut");
    if (feed->cut == DX_FEED_NO_CUT) {
        dx_write_null(cut);
    } else {
        dx_write_uint(cut, feed->cut);
    }
    return dx_inspect_end_row(node, request, &map);
}

static int inspect_feeds(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    int error = dx_take_space(node, request, body, &space);
    for (size_t i = 0; error == DX_OK && i < space->feed_count; i++) {
        error = send_feed(node, request, space, &space->feeds[i]);
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

/* The feed whose id begins so. */
static int take_feed(dx_node *node, dx_space *space, dx_bytes body, dx_feed **out) {
    dx_bytes text;
    size_t count = 0;
    int error = dx_take_text(node, body, "feed", 2 * DX_HASH_SIZE, &text);
    for (size_t i = 0; error == DX_OK && i < space->feed_count; i++) {
        if (dx_matches_hex(space->feeds[i].id, text)) {
            *out = &space->feeds[i];
            count++;
        }
    }
    if (error == DX_OK && count != 1) {
        error =
            dx_node_refuse(node, count == 0 ? DX_E_NOT_FOUND : DX_E_CONFLICT, "dx inspect SPACE feeds",
                           count == 0 ? "no feed of this space begins with \"%.*s\" (four digits at least)"
                                      : "\"%.*s\" begins several feeds",
                           (int)text.size, (const char *)text.data);
    }
    return error;
}

/* --- Blocks ----------------------------------------------------------------------------------------------- */

static void write_dependencies(dx_bytes entries, size_t count, dx_writer *out) {
    dx_reader cursor;
    dx_reader_init(&cursor, entries);
    dx_write_array(out, count);
    for (size_t i = 0; i < count; i++) {
        dx_dependency entry;
        memset(&entry, 0, sizeof entry);
        if (dx_block_dependency(&cursor, &entry) != DX_OK) {
            dx_write_null(out);
            continue;
        }
        dx_write_array(out, 3);
        dx_write_hex(out, entry.feed, sizeof entry.feed);
        dx_write_uint(out, entry.length);
        dx_write_hex(out, entry.root, sizeof entry.root);
    }
}

static void write_credential_name(dx_bytes bytes, dx_map_builder *map) {
    dx_credential credential;
    if (dx_credential_decode(bytes, &credential) == DX_OK) {
        dx_write_hex(dx_map_builder_key(map, "credential"), credential.id, DX_HASH_SIZE);
    }
}

/* A data block whose sections are told. */
typedef struct block_at {
    dx_space *space;
    const dx_feed *feed;
    uint64_t seq;
    const uint8_t *key; /* NULL: not here */
    dx_holes holes;     /* of this block; sections 0: none */
} block_at;

/* Whose section it is: where the subject says it was made. */
static int64_t key_of_subject(const block_at *at, uint64_t index, const dx_place *subject,
                              char text[static DX_ID_TEXT_MAX]) {
    bool here = subject->form == DX_PLACE_NONE;
    uint64_t seq = here ? at->seq : subject->seq, place = here ? index : subject->index;
    uint8_t id[DX_ID_SIZE];
    int64_t key = 0;
    memcpy(id, subject->form == DX_PLACE_FEED ? subject->feed : at->feed->id, DX_PREFIX_SIZE);
    for (size_t i = 0; i < 4; i++) {
        id[DX_PREFIX_SIZE + i] = (uint8_t)(seq >> (24 - 8 * i));
    }
    id[DX_ID_SIZE - 2] = (uint8_t)(place >> 8);
    id[DX_ID_SIZE - 1] = (uint8_t)place;
    dx_id_print(id, text);
    return dx_id_to_key(at->space, id, &key) == DX_OK ? key : 0;
}

/* What it is of now, where it has a row; what its making says is told by the making itself. */
static int write_entity(dx_node *node, const block_at *at, int64_t key, const dx_section *section,
                        dx_map_builder *map) {
    dx_entity entity;
    int error = key == 0 ? DX_E_NOT_FOUND : dx_entity_read(&node->context, at->space, key, &entity);
    if (error == DX_E_NOT_FOUND && !section->creates) {
        return DX_OK; /* a hole is where it was made, or it is purged */
    }
    if (error != DX_OK && error != DX_E_NOT_FOUND) {
        return error;
    }
    bool link = section->creates ? section->kind == DX_ENTITY_LINK : entity.kind == DX_ENTITY_LINK;
    dx_bytes type = section->creates ? section->type : entity.type;
    dx_write_text(dx_map_builder_key(map, "kind"), link ? "link" : "object");
    if (type.size != 0) {
        dx_write_text_bytes(dx_map_builder_key(map, "type"), type);
    }
    if (section->creates && section->model.size != 0) {
        dx_write_text_bytes(dx_map_builder_key(map, "model"), section->model);
    } else if (section->creates || entity.model != NULL) {
        dx_write_text(dx_map_builder_key(map, "model"),
                      section->creates ? dx_object_model.name : entity.model->name);
    }
    return DX_OK;
}

/* A data section as it is once opened; why it is not, when it cannot be. */
static int write_opened(dx_node *node, const block_at *at, uint64_t index, dx_bytes sealed,
                        dx_map_builder *map) {
    dx_buf plain;
    dx_section section;
    char id[DX_ID_TEXT_MAX];
    dx_buf_init(&plain, &node->config.alloc, DX_BLOCK_SIZE_MAX);
    int error = at->key == NULL ? DX_E_NOT_FOUND
                                : dx_section_open(at->key, at->feed->id, at->seq, index, sealed, &plain);
    bool open = error == DX_OK && dx_item_check(dx_buf_view(&plain)) == DX_OK;
    bool sound = open && dx_section_decode(dx_buf_view(&plain), at->feed->id, &section) == DX_OK;
    dx_write_text(dx_map_builder_key(map, "is"), open ? "open" : "sealed");
    if (open) {
        dx_write_item(dx_map_builder_key(map, "says"), dx_buf_view(&plain));
    } else {
        dx_write_text(dx_map_builder_key(map, "closed"),
                      at->key == NULL ? "its key is not here"
                                      : dx_error_text(error == DX_OK ? DX_E_MALFORMED : error));
    }
    error = DX_OK;
    if (sound) {
        int64_t key = key_of_subject(at, index, &section.subject, id);
        dx_write_text(dx_map_builder_key(map, "id"), id);
        dx_write_text(dx_map_builder_key(map, "did"), dx_node_section_word(&section));
        error = write_entity(node, at, key, &section, map);
    }
    dx_buf_deinit(&plain);
    return error;
}

/* Only its hash is here. Which holes of a block are outside of what the vault keeps is not kept: only how many. */
static int write_hole(dx_node *node, const block_at *at, uint64_t index, dx_bytes hash, dx_map_builder *map) {
    bool purged;
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX];
    int error = dx_purge_at(&node->context, at->space, at->feed, at->seq, index, &purged, id);
    bool outside = at->holes.outside != 0, all = at->holes.sections == at->holes.excused + at->holes.outside;
    dx_write_text(dx_map_builder_key(map, "is"), purged           ? "purged"
                                                 : outside && all ? "outside"
                                                 : outside        ? "outside or missing"
                                                                  : "missing");
    dx_write_hex(dx_map_builder_key(map, "hash"), hash.data, hash.size);
    dx_write_text(dx_map_builder_key(map, "closed"), purged    ? "purged"
                                                     : outside ? "this vault keeps a part of the space"
                                                               : "no peer gave it yet");
    if (purged) {
        dx_id_print(id, text);
        dx_write_text(dx_map_builder_key(map, "id"), text);
    }
    return error;
}

static int send_section(dx_node *node, dx_request *request, const block_at *at, uint64_t index,
                        dx_bytes section, bool hole) {
    dx_map_builder map;
    int error = DX_OK;
    dx_answer_init(node, &map);
    dx_write_uint(dx_map_builder_key(&map, "section"), index);
    dx_write_uint(dx_map_builder_key(&map, "size"), section.size);
    if (hole) {
        error = write_hole(node, at, index, section, &map);
    } else if (at->feed->identity.feed_class == DX_FEED_CONTROL) {
        write_credential_name(section, &map);
    } else {
        error = write_opened(node, at, index, section, &map);
    }
    int ended = dx_inspect_end_row(node, request, &map);
    return error != DX_OK ? error : ended;
}

static int send_sections(dx_node *node, dx_request *request, dx_space *space, const dx_feed *feed,
                         uint64_t seq, const dx_block *block) {
    uint8_t key[DX_KEY_SIZE];
    dx_reader cursor;
    block_at at = {.space = space, .feed = feed, .seq = seq};
    bool sealed = feed->identity.feed_class == DX_FEED_DATA;
    int found = sealed ? dx_space_key(&node->context, space, block->header.key_epoch, key) : DX_E_NOT_FOUND;
    int error = found == DX_E_NOT_FOUND ? DX_OK : found;
    at.key = found == DX_OK ? key : NULL;
    if (error == DX_OK && block->hole_count != 0) {
        error = dx_hole_next(feed, node->store, seq, &at.holes);
    }
    dx_reader_init(&cursor, block->sections);
    for (uint64_t i = 0; error == DX_OK && i < block->section_count; i++) {
        dx_bytes section = {0};
        bool hole = false;
        error = dx_block_section(&cursor, &section, &hole);
        if (error == DX_OK) {
            error = send_section(node, request, &at, i, section, hole);
        }
    }
    dx_wipe(key, sizeof key);
    return error;
}

static int reply_block(dx_node *node, dx_request *request, const dx_feed *feed, uint64_t seq, size_t size,
                       const dx_block *block) {
    uint8_t leaf[DX_HASH_SIZE];
    dx_map_builder map;
    dx_block_leaf(block, feed->id, seq, leaf);
    int error = dx_request_flush(node, request);
    if (error != DX_OK) {
        return error;
    }
    dx_answer_init(node, &map);
    dx_write_hex(dx_map_builder_key(&map, "feed"), feed->id, DX_HASH_SIZE);
    dx_write_uint(dx_map_builder_key(&map, "seq"), seq);
    dx_write_uint(dx_map_builder_key(&map, "size"), size);
    dx_write_hex(dx_map_builder_key(&map, "leaf"), leaf, DX_HASH_SIZE);
    dx_write_bool(dx_map_builder_key(&map, "continues"), (block->header.flags & DX_BLOCK_CONTINUES) != 0);
    dx_write_uint(dx_map_builder_key(&map, "key_epoch"), block->header.key_epoch);
    dx_write_uint(dx_map_builder_key(&map, "wall_ms"), block->header.wall_ms);
    write_dependencies(block->header.auth, block->header.auth_count, dx_map_builder_key(&map, "auth"));
    write_dependencies(block->header.dependencies, block->header.dependency_count,
                       dx_map_builder_key(&map, "deps"));
    dx_write_uint(dx_map_builder_key(&map, "sections"), block->section_count);
    dx_write_bool(dx_map_builder_key(&map, "applied"), seq < feed->applied);
    return dx_request_reply(node, request, &map);
}

static int inspect_block(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_feed *feed = NULL;
    dx_block block;
    dx_bytes bytes;
    dx_buf copy;
    int64_t seq = dx_item_int(dx_item_get(body, "seq"), -1);
    int error = dx_take_space(node, request, body, &space);
    error = error == DX_OK ? take_feed(node, space, body, &feed) : error;
    if (feed == NULL) {
        return error;
    }
    if (error == DX_OK && (seq < 0 || (uint64_t)seq >= feed->length)) {
        error = dx_node_refuse(node, DX_E_NOT_FOUND, "dx inspect SPACE feeds",
                               "this feed has blocks 0 to %lld here", (long long)feed->length - 1);
    }
    if (error == DX_OK) {
        error = dx_feed_read(feed, node->store, (uint64_t)seq, &bytes);
    }
    if (error != DX_OK) {
        return error == DX_E_GONE ? dx_node_refuse_gone(node, space, "") : error;
    }
    dx_buf_init(&copy, &node->config.alloc, DX_BLOCK_SIZE_MAX); /* a key is read meanwhile */
    dx_buf_append(&copy, bytes.data, bytes.size);
    error = dx_buf_error(&copy);
    if (error == DX_OK) {
        error = dx_block_decode(dx_buf_view(&copy), &block);
    }
    if (error == DX_OK) {
        error = send_sections(node, request, space, feed, (uint64_t)seq, &block);
    }
    if (error == DX_OK) {
        error = reply_block(node, request, feed, (uint64_t)seq, copy.size, &block);
    }
    dx_buf_deinit(&copy);
    return error;
}

/* --- Credentials -------------------------------------------------------------------------------------------- */

typedef struct dx_credential_rows {
    dx_node *node;
    dx_request *request;
    dx_space *space;
    size_t left;
} dx_credential_rows;

static const char *type_name(uint64_t type) {
    switch (type) {
#define DX_CREDENTIAL_ROW(symbol, number)                                                                    \
    case DX_CREDENTIAL_##symbol:                                                                             \
        return #symbol;
        DX_CREDENTIAL_TYPES(DX_CREDENTIAL_ROW)
#undef DX_CREDENTIAL_ROW
    default:
        return "unknown";
    }
}

/* A number that is no secret: of a space's genesis and of a key's grant the other claims are. */
static void write_number(const dx_credential *credential, dx_map_builder *map) {
    dx_bytes claim = dx_credential_claim(credential, 1);
    int64_t number = dx_item_int(claim, -1);
    if (credential->type == DX_CREDENTIAL_MEMBER) {
        dx_write_text(dx_map_builder_key(map, "role"), dx_role_name(dx_role_from_number((uint64_t)number)));
    } else if (credential->type == DX_CREDENTIAL_FEED) {
        dx_write_text(dx_map_builder_key(map, "class"), number == DX_FEED_CONTROL ? "control" : "data");
    } else if (credential->type == DX_CREDENTIAL_KEY_EPOCH || credential->type == DX_CREDENTIAL_KEY_GRANT) {
        dx_write_int(dx_map_builder_key(map, "epoch"), number);
    }
}

static int send_credential(void *ctx, const dx_credential_place *place, dx_bytes bytes) {
    dx_credential_rows *rows = ctx;
    dx_credential credential;
    dx_map_builder map;
    if (rows->left == 0) {
        return DX_E_CANCELLED;
    }
    rows->left--;
    int error = dx_credential_decode(bytes, &credential);
    if (error != DX_OK) {
        return DX_E_CORRUPT;
    }
    const dx_feed *feed = dx_space_feed(rows->space, place->feed);
    dx_answer_init(rows->node, &map);
    dx_write_hex(dx_map_builder_key(&map, "credential"), credential.id, DX_HASH_SIZE);
    dx_write_text(dx_map_builder_key(&map, "type"), type_name(credential.type));
    dx_write_hex(dx_map_builder_key(&map, "issuer"), credential.issuer, DX_KEY_SIZE);
    dx_write_hex(dx_map_builder_key(&map, "signer"), credential.signer, DX_KEY_SIZE);
    dx_write_hex(dx_map_builder_key(&map, "subject"), credential.subject, DX_KEY_SIZE);
    write_number(&credential, &map);
    dx_writer *parents = dx_map_builder_key(&map, "parents");
    dx_write_array(parents, credential.parent_count);
    for (size_t i = 0; i < credential.parent_count; i++) {
        dx_write_hex(parents, credential.parents[i], DX_HASH_SIZE);
    }
    dx_write_bool(dx_map_builder_key(&map, "holds"),
                  dx_control_credential(rows->space->control, credential.id).size > 0);
    dx_writer *carrier = dx_map_builder_key(&map, "feed");
    if (feed == NULL) {
        dx_write_null(carrier);
    } else {
        dx_write_hex(carrier, feed->id, DX_HASH_SIZE);
    }
    dx_write_int(dx_map_builder_key(&map, "seq"), place->seq);
    return dx_inspect_end_row(rows->node, rows->request, &map);
}

static int inspect_credentials(dx_node *node, dx_request *request, dx_bytes body) {
    dx_credential_rows rows = {.node = node, .request = request};
    uint8_t after[DX_HASH_SIZE] = {0};
    dx_bytes text;
    int error = dx_take_space(node, request, body, &rows.space);
    error = error == DX_OK ? dx_inspect_take_limit(node, body, &rows.left) : error;
    error = error == DX_OK ? dx_take_optional_text(node, body, "after", 2 * DX_HASH_SIZE, &text) : error;
    if (error == DX_OK && text.size > 0 &&
        dx_hex_decode((const char *)text.data, text.size, after, sizeof after) != DX_OK) {
        error = dx_node_refuse(node, DX_E_INVALID, NULL, "\"after\" is no whole id of a credential");
    }
    if (error == DX_OK) {
        error = dx_control_each(node->store, rows.space->local, after, send_credential, &rows);
    }
    return error == DX_OK || error == DX_E_CANCELLED ? dx_request_reply_count(node, request) : error;
}

/* --- Registers ------------------------------------------------------------------------------------------------ */

static int send_register(dx_node *node, dx_request *request, dx_space *space,
                         const dx_object_content *content, const dx_register *item) {
    const dx_stamp *stamp = &content->stamps[item->stamp];
    const dx_feed *feed = dx_space_feed_by_prefix(space, stamp->feed);
    bool map_marker = item->payload.size == 1 && item->payload.data[0] == dx_register_map[0];
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text_bytes(dx_map_builder_key(&map, "path"), item->path);
    dx_write_text(dx_map_builder_key(&map, "is"), item->payload.size == 0 ? "deleted"
                                                  : map_marker            ? "map"
                                                                          : "value");
    dx_writer *value = dx_map_builder_key(&map, "value");
    if (item->payload.size == 0 || map_marker) {
        dx_write_null(value);
    } else {
        dx_write_item(value, item->payload);
    }
    dx_write_uint(dx_map_builder_key(&map, "stamp"), stamp->counter);
    dx_write_hex(dx_map_builder_key(&map, "feed"), stamp->feed, sizeof stamp->feed);
    if (feed != NULL) {
        write_author(space, feed, &map);
    }
    return dx_inspect_end_row(node, request, &map);
}

static int send_registers(dx_node *node, dx_request *request, dx_space *space, const dx_entity *entity,
                          dx_bytes after, size_t limit) {
    dx_object_content content;
    const dx_feed *feed = dx_space_feed(space, dx_entity_key_feed(entity->key));
    dx_stamp created = {.counter = entity->created};
    memcpy(created.feed, feed->id, sizeof created.feed);
    dx_buf state;
    dx_buf_init(&state, &node->config.alloc, DX_OBJECT_STATE_SIZE_MAX);
    dx_buf_append(&state, entity->state.data, entity->state.size);
    int error = dx_buf_error(&state);
    if (error == DX_OK && state.size > 0) {
        error = dx_object_content_read(&content, &node->config.alloc, &created, dx_buf_view(&state));
        for (size_t i = 0; error == DX_OK && limit > 0 && i < content.count; i++) {
            if (after.size == 0 || dx_register_compare_paths(content.registers[i].path, after) > 0) {
                error = send_register(node, request, space, &content, &content.registers[i]);
                limit--;
            }
        }
        if (error != DX_E_CORRUPT && error != DX_E_NO_MEMORY) {
            dx_object_content_deinit(&content, &node->config.alloc);
        }
    }
    dx_buf_deinit(&state);
    return error;
}

static int inspect_object(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_entity entity;
    dx_bytes after;
    int64_t key = 0;
    size_t limit = 0;
    int error = dx_take_space(node, request, body, &space);
    error = error == DX_OK ? dx_take_id(node, space, dx_item_get(body, "id"), "object", &key) : error;
    error = error == DX_OK ? dx_inspect_take_limit(node, body, &limit) : error;
    error =
        error == DX_OK ? dx_take_optional_text(node, body, "after", DX_OBJECT_PATH_SIZE_MAX, &after) : error;
    error = error == DX_OK ? dx_entity_read(&node->context, space, key, &entity) : error;
    if (error == DX_E_NOT_FOUND && node->message[0] == 0) {
        return dx_node_refuse(node, error, "dx object ls SPACE", "the object is not in this space");
    }
    if (error == DX_OK && entity.model != dx_model_find(NULL, dx_bytes_text("dx/object/1"))) {
        return dx_node_refuse(node, DX_E_UNSUPPORTED, NULL, "it is of a model that keeps no registers");
    }
    error = error == DX_OK ? send_registers(node, request, space, &entity, after, limit) : error;
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

const dx_command dx_commands_inspect[] = {
    {"inspect.feeds", false, inspect_feeds},
    {"inspect.block", false, inspect_block},
    {"inspect.credentials", false, inspect_credentials},
    {"inspect.object", false, inspect_object},
    {NULL, false, NULL},
};
