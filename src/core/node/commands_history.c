/* node/commands_history.c: history.list, history.diff, history.restore, undo, redo: what was, and the way back.
 *
 * Layer: floor 1, node. docs/spec/commands.md, docs/spec/history.md. */
#include <string.h>

#include "base/limits.h"
#include "echo/key_set.h"
#include "echo/timeline.h"
#include "echo/undo.h"
#include "model/object_difference.h"
#include "model/object_editor.h"
#include "node/beginning.h"
#include "node/editing.h"
#include "node/space_difference.h"

/* Rows of one answer: what a person leafs through, each a section that is opened. */
enum { LIST_DEFAULT = 100, LIST_MAX = 1000 };

/* --- history.list ----------------------------------------------------------------------------- */

typedef struct version_sink {
    dx_node *node;
    dx_request *request;
    dx_space *space;
    size_t left;                   /* rows that may still be told */
    const dx_beginning *beginning; /* where history begins, until it is told; NULL: it need not be */
    bool of_space;
} version_sink;

const char *dx_node_section_word(const dx_section *section) {
    return section->creates                       ? "made"
           : section->life == DX_LIFE_DELETE      ? "deleted"
           : section->life == DX_LIFE_RESTORE     ? "restored"
           : section->moves && !section->operates ? "moved"
                                                  : "changed";
}

static void write_author(version_sink *sink, const dx_feed *feed, dx_map_builder *map) {
    char name[256];
    const dx_admitted_feed *admitted = dx_control_find_feed(sink->space->control, feed->id);
    dx_write_hex(dx_map_builder_key(map, "device"), feed->identity.device, DX_KEY_SIZE);
    if (admitted == NULL) {
        dx_write_null(dx_map_builder_key(map, "identity"));
        return;
    }
    dx_write_hex(dx_map_builder_key(map, "identity"), admitted->owner, DX_KEY_SIZE);
    if (dx_space_member_name(&sink->node->context, sink->space, admitted->owner, name, sizeof name) ==
        DX_OK) {
        dx_write_text(dx_map_builder_key(map, "name"), name);
    }
}

/* Nothing when the map or array is empty. */
static void write_some(dx_map_builder *map, const char *key, dx_bytes item) {
    if (item.size > 1) {
        dx_write_item(dx_map_builder_key(map, key), item);
    }
}

/* --- Edits inside values ------------------------------------------------------------------------- */

/* The edits of one path as they are told: two walks, for an array says first how many it has. */
typedef struct edit_list {
    const dx_version *version;
    dx_bytes kinds; /* {kind: [entry…]…} */
    dx_writer *out; /* NULL: they are counted */
    size_t count;
} edit_list;

/* An item this block made carries its place (docs/spec/object-model.md, Arrays). */
static bool is_made_here(const dx_version *version, dx_bytes id) {
    uint64_t seq = 0;
    for (size_t i = 8; i < 12 && id.size == DX_ITEM_ID_SIZE; i++) {
        seq = seq << 8 | id.data[i];
    }
    return id.size == DX_ITEM_ID_SIZE && seq == version->seq && memcmp(id.data, version->feed->id, 8) == 0;
}

static void write_edit(edit_list *list, const char *word, dx_bytes value) {
    list->count++;
    if (list->out != NULL) {
        dx_write_map(list->out, 1);
        dx_write_text(list->out, word);
        if (value.size != 0) {
            dx_write_item(list->out, value);
        } else {
            dx_write_bool(list->out, true);
        }
    }
}

/* [parent, side], with a value behind it; [value]; []. */
static void write_item_edit(edit_list *list, dx_bytes id, dx_bytes payload) {
    const dx_bytes none = dx_bytes_of(NULL, 0);
    dx_reader reader;
    dx_reader_init(&reader, payload);
    size_t fields = dx_reader_peek(&reader) == DX_KIND_ARRAY ? dx_read_array(&reader) : 0;
    dx_bytes value = none;
    for (size_t i = 0; i < fields; i++) {
        value = dx_read_item(&reader);
    }
    if (fields == 1 || fields == 3) {
        write_edit(list, is_made_here(list->version, id) ? "inserted" : "replaced", value);
    } else if (!is_made_here(list->version, id)) { /* else the place of something that is moved */
        write_edit(list, "removed", none);
    }
}

static void take_edit(void *ctx, dx_reader *reader, size_t fields, uint32_t kind) {
    edit_list *list = ctx;
    const dx_bytes none = dx_bytes_of(NULL, 0);
    dx_bytes key = dx_item_bytes(dx_read_item(reader)), payload = none;
    for (size_t i = 1; i < fields; i++) {
        payload = dx_read_item(reader);
    }
    switch (kind) {
    case DX_ELEMENT_COUNT:
        write_edit(list, "counted", payload);
        break;
    case DX_ELEMENT_MEMBER:
        if (dx_item_check(key) == DX_OK) {
            write_edit(list, payload.size != 0 ? "included" : "excluded", key);
        }
        break;
    case DX_ELEMENT_ITEM:
        write_item_edit(list, key, payload);
        break;
    case DX_ELEMENT_MOVE:
        write_edit(list, "moved", none);
        break;
    default: /* of a newer writer */
        write_edit(list, "other", none);
        break;
    }
}

static void walk_edits(edit_list *list) {
    dx_reader reader;
    dx_reader_init(&reader, list->kinds);
    dx_element_read_kinds(&reader, take_edit, list);
}

/* {path: [edit…]…} */
static void write_edits(const dx_version *version, dx_bytes edits, dx_map_builder *map) {
    dx_reader reader;
    if (dx_item_kind(edits) != DX_KIND_MAP) {
        return;
    }
    dx_reader_init(&reader, edits);
    size_t paths = dx_read_map(&reader);
    dx_writer *out = dx_map_builder_key(map, "edits");
    dx_write_map(out, paths);
    for (; paths > 0; paths--) {
        dx_write_item(out, dx_read_item(&reader));
        edit_list list = {.version = version, .kinds = dx_read_item(&reader)};
        walk_edits(&list);
        dx_write_array(out, list.count);
        list.out = out;
        walk_edits(&list);
    }
}

/* The operation of an object, {path: value…} and [path…], as it stands in the block; one that fills a row by itself is
 * told by its size. */
static void write_operation(const dx_version *version, dx_map_builder *map) {
    const dx_section *section = &version->section;
    dx_reader reader;
    if (!section->operates || section->model.size != 0) {
        return;
    }
    if (section->operation.size > DX_ROW_SIZE_MAX / 2) {
        dx_write_uint(dx_map_builder_key(map, "omitted"), section->operation.size);
        return;
    }
    dx_reader_init(&reader, section->operation);
    size_t parts = dx_reader_peek(&reader) == DX_KIND_ARRAY ? dx_read_array(&reader) : 0;
    if (parts < 2) {
        return;
    }
    dx_bytes set = dx_read_item(&reader), unset = dx_read_item(&reader);
    if (dx_item_kind(set) == DX_KIND_MAP && dx_item_kind(unset) == DX_KIND_ARRAY) {
        write_some(map, "set", set);
        write_some(map, "unset", unset);
    }
    if (parts == 3) {
        write_edits(version, dx_read_item(&reader), map);
    }
}

static int write_parent(version_sink *sink, int64_t key, dx_map_builder *map) {
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX];
    if (key == 0) {
        dx_write_null(dx_map_builder_key(map, "parent"));
        return DX_OK;
    }
    int error = dx_key_to_id(sink->space, key, id);
    if (error == DX_OK) {
        dx_id_print(id, text);
        dx_write_text(dx_map_builder_key(map, "parent"), text);
    }
    return error;
}

static int end_row(version_sink *sink, dx_map_builder *map) {
    dx_writer row = dx_request_row(sink->node, sink->request);
    dx_map_builder_finish(map, &row);
    sink->left--;
    return dx_request_row_end(sink->node, sink->request, &row);
}

/* That history begins, in its place among the rows: before one at this stamp, or (NULL) behind all. */
static int tell_beginning(version_sink *sink, const dx_stamp *next) {
    const dx_beginning *beginning = sink->beginning;
    dx_map_builder map;
    if (beginning == NULL || sink->left == 0 ||
        (next != NULL && dx_stamp_compare(next, &beginning->point) > 0)) {
        return DX_OK;
    }
    sink->beginning = NULL;
    dx_answer_init(sink->node, &map);
    int error = dx_node_write_beginning(sink->node, sink->space, beginning, &map);
    if (sink->of_space) {
        dx_write_array(dx_map_builder_key(&map, "ids"), 0);
    } else {
        dx_write_text(dx_map_builder_key(&map, "did"), "begins");
    }
    int written = end_row(sink, &map);
    return error != DX_OK ? error : written;
}

static int tell_version(void *ctx, const dx_version *version) {
    version_sink *sink = ctx;
    char point[DX_POINT_TEXT_MAX];
    dx_map_builder map;
    int told = tell_beginning(sink, &version->stamp);
    if (told != DX_OK || sink->left == 0) {
        return told;
    }
    dx_answer_init(sink->node, &map);
    dx_point_print(&version->stamp, point);
    dx_write_text(dx_map_builder_key(&map, "at"), point);
    dx_write_text(dx_map_builder_key(&map, "did"), dx_node_section_word(&version->section));
    dx_node_write_time(&map, version->wall_ms);
    write_author(sink, version->feed, &map);
    write_operation(version, &map);
    int error = version->section.moves ? write_parent(sink, version->parent, &map) : DX_OK;
    int written = end_row(sink, &map);
    return error != DX_OK ? error : written;
}

/* What a block did, in numbers. */
static void write_counts(const dx_moment *moment, dx_map_builder *map) {
    const struct {
        const char *word;
        size_t count;
    } counts[] = {{"made", moment->made},
                  {"changed", moment->changed},
                  {"deleted", moment->deleted},
                  {"restored", moment->restored},
                  {"moved", moment->moved}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (counts[i].count != 0) {
            dx_write_uint(dx_map_builder_key(map, counts[i].word), counts[i].count);
        }
    }
}

static int write_ids(version_sink *sink, const dx_moment *moment, dx_map_builder *map) {
    int error = DX_OK;
    dx_writer *list = dx_map_builder_key(map, "ids");
    dx_write_array(list, moment->key_count);
    for (size_t i = 0; i < moment->key_count; i++) {
        uint8_t id[DX_ID_SIZE] = {0};
        char text[DX_ID_TEXT_MAX];
        int failure = dx_key_to_id(sink->space, moment->keys[i], id);
        error = error == DX_OK ? failure : error;
        dx_id_print(id, text);
        dx_write_text(list, text);
    }
    return error;
}

static int tell_moment(void *ctx, const dx_moment *moment) {
    version_sink *sink = ctx;
    char point[DX_POINT_TEXT_MAX];
    dx_map_builder map;
    int told = tell_beginning(sink, &moment->stamp);
    if (told != DX_OK || sink->left == 0) {
        return told;
    }
    dx_answer_init(sink->node, &map);
    dx_point_print(&moment->stamp, point);
    dx_write_text(dx_map_builder_key(&map, "at"), point);
    dx_node_write_time(&map, moment->wall_ms);
    write_author(sink, moment->feed, &map);
    write_counts(moment, &map);
    int error = write_ids(sink, moment, &map);
    int written = end_row(sink, &map);
    return error != DX_OK ? error : written;
}

static int history_list(dx_node *node, dx_request *request, dx_bytes body) {
    version_sink sink = {.node = node, .request = request};
    dx_stamp before;
    dx_beginning beginning;
    bool given = false, more;
    int64_t key = 0, limit = dx_item_int(dx_item_get(body, "limit"), LIST_DEFAULT);
    int error = dx_take_space(node, request, body, &sink.space);
    bool of_space = dx_item_get(body, "id").size == 0;
    if (error == DX_OK && !of_space) {
        error = dx_take_id(node, sink.space, dx_item_get(body, "id"), "object", &key);
    }
    if (error == DX_OK) {
        error = dx_node_take_point(node, body, "before", &before, &given);
    }
    if (error == DX_OK && (limit < 1 || limit > LIST_MAX)) {
        error = dx_node_refuse(node, DX_E_INVALID, NULL, "\"limit\" must be 1 to %d", LIST_MAX);
    }
    const dx_stamp *point = given ? &before : NULL;
    error = error == DX_OK ? dx_node_beginning(node, sink.space, &beginning) : error;
    if (error == DX_OK) {
        bool is_later = beginning.number != 0 && (of_space || dx_history_is_cut(sink.space, key));
        bool is_asked = point == NULL || dx_stamp_compare(&beginning.point, point) < 0;
        sink.beginning = is_later && is_asked ? &beginning : NULL;
        sink.left = (size_t)limit;
        sink.of_space = of_space;
        error = of_space
                    ? dx_timeline(&node->context, sink.space, point, sink.left, tell_moment, &sink, &more)
                    : dx_history_versions(&node->context, sink.space, key, point, sink.left, tell_version,
                                          &sink, &more);
    }
    error = error == DX_OK && !more ? tell_beginning(&sink, NULL) : error;
    if (sink.space == NULL) {
        return error; /* said already: there is no such space */
    }
    return error == DX_OK ? dx_request_reply_count(node, request)
                          : dx_node_explain_edit(node, sink.space, error);
}

/* --- The way back ----------------------------------------------------------------------------- */

static int explain_point(dx_node *node, dx_space *space, int error) {
    if (error == DX_E_GONE) {
        return dx_node_refuse_gone(node, space, "");
    }
    return error == DX_E_NOT_FOUND && node->message[0] == 0
               ? dx_node_refuse(node, error, "dx history SPACE ID", "it was not made yet at that point")
               : error;
}

int dx_node_reply_past(dx_node *node, dx_request *request, dx_space *space, int64_t key, dx_bytes body,
                       bool *past) {
    dx_stamp point;
    dx_buf state, row;
    dx_entity entity;
    int error = dx_node_take_point(node, body, "at", &point, past);
    if (error != DX_OK || !*past) {
        return error;
    }
    dx_buf_init(&state, &node->config.alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&row, &node->config.alloc, DX_ANSWER_SIZE_MAX);
    error = dx_history_entity(&node->context, space, key, &point, &state, &entity);
    error = explain_point(node, space, error);
    if (error == DX_OK) {
        error = dx_entity_write_row(&node->context, space, &entity, &row);
    }
    if (error == DX_OK) {
        error = dx_request_reply_item(node, request, dx_buf_view(&row));
    }
    dx_buf_deinit(&state);
    dx_buf_deinit(&row);
    return error;
}

/* Definitions of types, and strong references to what would be deleted again, hold here as for any other write. */
static int judge_one(dx_node *node, const dx_request *request, dx_space *space, dx_transaction *transaction,
                     int64_t key) {
    dx_buf keys;
    dx_buf_init(&keys, &node->config.alloc, sizeof key);
    dx_key_list_add(&keys, key);
    int error = dx_buf_error(&keys);
    error = error == DX_OK ? dx_editing_judge(node, request->app, space, transaction, &keys) : error;
    dx_buf_deinit(&keys);
    return error;
}

static int history_restore(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space = NULL;
    dx_transaction *transaction;
    dx_stamp point;
    bool given = false;
    int64_t key = 0;
    int error = dx_need_identity(node);
    if (error == DX_OK) {
        error = dx_take_space(node, request, body, &space);
    }
    if (error == DX_OK) {
        error = dx_take_id(node, space, dx_item_get(body, "id"), "object", &key);
    }
    if (error == DX_OK) {
        error = dx_node_take_point(node, body, "at", &point, &given);
    }
    if (error == DX_OK && !given) {
        return dx_node_refuse(node, DX_E_INVALID, "dx history SPACE ID", "\"at\" is missing");
    }
    if (error == DX_OK) {
        error = dx_node_check_subject(node, request->app, space, key);
    }
    if (error == DX_OK) {
        error = dx_transaction_begin(&node->context, space, &transaction);
    }
    if (error != DX_OK) {
        return space == NULL ? error : dx_node_explain_edit(node, space, error);
    }
    error =
        explain_point(node, space, dx_history_bring_back(transaction, &node->context, space, key, &point));
    if (error == DX_E_UNSUPPORTED && node->message[0] == 0) {
        error = dx_node_refuse(node, error, NULL, "it is of a model that this program cannot bring back");
    }
    error = error == DX_OK ? judge_one(node, request, space, transaction, key) : error;
    if (error != DX_OK) {
        dx_transaction_abort(transaction);
    } else {
        error = dx_transaction_commit(transaction);
    }
    return error == DX_OK ? dx_node_reply_entity(node, request, space, key)
                          : dx_node_explain_edit(node, space, error);
}

/* --- history.diff ----------------------------------------------------------------------------- */

/* A value on its way into a row; one that fills a row by itself is told by its size. */
static void write_side(dx_map_builder *map, const char *key, const char *omitted, dx_bytes value) {
    if (value.size > DX_ROW_SIZE_MAX / 4) {
        dx_write_uint(dx_map_builder_key(map, omitted), value.size);
    } else if (value.size != 0) {
        dx_write_item(dx_map_builder_key(map, key), value);
    }
}

/* The values are those at the earlier and the later point; an array counts as one. */
static int tell_difference(void *ctx, dx_bytes path, const dx_bytes *values) {
    version_sink *sink = ctx;
    dx_map_builder map;
    dx_bytes from = values[0], to = values[1];
    if (from.size != 0 && to.size != 0 && dx_item_kind(from) == DX_KIND_MAP &&
        dx_item_kind(to) == DX_KIND_MAP) {
        return DX_GO_BELOW;
    }
    dx_answer_init(sink->node, &map);
    dx_write_text_bytes(dx_map_builder_key(&map, "path"), path);
    write_side(&map, "from", "from_omitted", from);
    write_side(&map, "to", "to_omitted", to);
    dx_writer row = dx_request_row(sink->node, sink->request);
    dx_map_builder_finish(&map, &row);
    return dx_request_row_end(sink->node, sink->request, &row);
}

static int reply_difference(dx_node *node, dx_request *request, const dx_glimpse *from,
                            const dx_glimpse *to) {
    dx_map_builder map;
    int error = dx_request_flush(node, request);
    if (error != DX_OK) {
        return error;
    }
    dx_answer_init(node, &map);
    dx_write_int(dx_map_builder_key(&map, "count"), request->total);
    if (from->there != to->there) {
        dx_write_bool(dx_map_builder_key(&map, "made"), to->there);
    }
    if (from->deleted != to->deleted) {
        dx_write_bool(dx_map_builder_key(&map, "deleted"), to->deleted);
    }
    return dx_request_reply(node, request, &map);
}

static int history_diff(dx_node *node, dx_request *request, dx_bytes body) {
    version_sink sink = {.node = node, .request = request};
    dx_stamp first, last;
    bool has_first = false, has_last = false;
    int64_t key = 0;
    int error = dx_take_space(node, request, body, &sink.space);
    bool of_space = dx_item_get(body, "id").size == 0;
    if (error == DX_OK && !of_space) {
        error = dx_take_id(node, sink.space, dx_item_get(body, "id"), "object", &key);
    }
    error = error == DX_OK ? dx_node_take_point(node, body, "from", &first, &has_first) : error;
    error = error == DX_OK ? dx_node_take_point(node, body, "to", &last, &has_last) : error;
    if (error == DX_OK && !has_first) {
        error = dx_node_refuse(node, DX_E_INVALID, "dx history SPACE ID", "\"from\" is missing");
    }
    if (error != DX_OK) {
        return sink.space == NULL ? error : dx_node_explain_edit(node, sink.space, error);
    }
    if (of_space) {
        return dx_node_diff_space(node, request, sink.space, &first, has_last ? &last : NULL);
    }
    dx_glimpse from, to;
    dx_buf_init(&from.view, &node->config.alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&to.view, &node->config.alloc, DX_STATE_SIZE_MAX);
    error = dx_glimpse_take(node, sink.space, key, &first, &from);
    error = error == DX_OK ? dx_glimpse_take(node, sink.space, key, has_last ? &last : NULL, &to) : error;
    if (error == DX_OK) {
        const dx_bytes views[] = {dx_buf_view(&from.view), dx_buf_view(&to.view)};
        error = dx_views_walk(&node->config.alloc, views, 2, tell_difference, &sink);
    }
    error = error == DX_OK ? reply_difference(node, request, &from, &to)
                           : dx_node_explain_edit(node, sink.space, explain_point(node, sink.space, error));
    dx_buf_deinit(&from.view);
    dx_buf_deinit(&to.view);
    return error;
}

/* --- undo, redo ------------------------------------------------------------------------------- */

typedef struct undo_judging {
    dx_node *node;
    dx_app *app;
    dx_space *space;
} undo_judging;

static int judge_undo(void *ctx, dx_transaction *transaction, const dx_buf *keys) {
    const undo_judging *self = ctx;
    return dx_editing_judge(self->node, self->app, self->space, transaction, keys);
}

static int run_undo(dx_node *node, dx_request *request, dx_bytes body, bool redo) {
    dx_space *space = NULL;
    dx_undone undone;
    dx_map_builder map;
    char point[DX_POINT_TEXT_MAX];
    int error = dx_need_identity(node);
    if (error == DX_OK) {
        error = dx_take_space(node, request, body, &space);
    }
    if (error != DX_OK) {
        return error;
    }
    undo_judging judging = {.node = node, .app = request->app, .space = space};
    const dx_undo_judge judge = {.judge = judge_undo, .ctx = &judging};
    bool force = dx_item_bool(dx_item_get(body, "force"), false);
    error = dx_undo(&node->context, space, redo, force ? NULL : &judge, &undone);
    if (error == DX_E_NOT_FOUND) {
        return dx_node_refuse(node, error, NULL,
                              redo ? "nothing was undone here since the last change"
                                   : "this device changed nothing here that it could take back");
    }
    if (error == DX_E_GONE) {
        return dx_node_refuse_gone(node, space,
                                   undone.entities != 0 ? "what was there before it is not known any more: "
                                   : redo               ? "nothing was undone here since: "
                                          : "nothing that this device could take back is younger: ");
    }
    if (error == DX_E_LIMIT && undone.entities == 0) {
        return dx_node_refuse(node, error, "dx history SPACE ID, and dx object restore --at",
                              "the last change is about more than %d objects: too many to take back at once",
                              DX_UNDO_ENTITIES_MAX);
    }
    if (error != DX_OK) {
        return dx_node_explain_edit(node, space, error);
    }
    dx_answer_init(node, &map);
    dx_point_print(&undone.stamp, point);
    dx_write_text(dx_map_builder_key(&map, "at"), point);
    dx_node_write_time(&map, undone.wall_ms);
    dx_write_uint(dx_map_builder_key(&map, "entities"), undone.entities);
    dx_write_uint(dx_map_builder_key(&map, "kept"), undone.kept);
    return dx_request_reply(node, request, &map);
}

static int undo(dx_node *node, dx_request *request, dx_bytes body) {
    return run_undo(node, request, body, false);
}

static int redo(dx_node *node, dx_request *request, dx_bytes body) {
    return run_undo(node, request, body, true);
}

const dx_command dx_commands_history[] = {
    {"history.list", false, history_list},
    {"history.diff", false, history_diff},
    {"history.restore", true, history_restore},
    {"undo", true, undo},
    {"redo", true, redo},
    {NULL, false, NULL},
};
