/* echo/query_builder.c: questions built in C. Contract in dxos/query.h.
 *
 * Layer: floor 1, echo. A builder is a stack of frames: the filter, then the step or the end of a path at hand, then groups
 * that are open. Filters and steps gather keys and conditions on paths; groups gather branches, each a map of one condition.
 * A condition that has no place among the keys of its frame (a second one of the same kind) becomes a branch of "and". */
#include <dxos/query.h>
#include <string.h>

#include "base/limits.h"
#include "echo/query.h"

enum { FRAMES_MAX = DX_QUERY_NESTING_MAX + 2, KEYS_MAX = 16, WHERES_MAX = DX_QUERY_CONDITIONS_MAX };

/* A key of a map and its value, in the builder's bytes. */
typedef struct pair {
    const char *key;
    size_t at, size;
} pair;

/* A condition on a path. */
typedef struct where {
    size_t path, path_size, at, size; /* in the builder's bytes */
    const char *how;
} where;

typedef enum frame_kind { FRAME_FILTER, FRAME_STEP, FRAME_TO, FRAME_GROUP } frame_kind;

typedef struct frame {
    frame_kind kind;
    dx_query_group group;
    pair keys[KEYS_MAX];
    size_t key_count;
    where wheres[WHERES_MAX];
    size_t where_count;
    dx_buf branches; /* encoded maps, one behind another */
    size_t branch_count;
    const char *way; /* of a path's end */
    pair way_word;
    int hops;
} frame;

struct dx_query_builder {
    const dx_alloc *alloc;
    int error;
    dx_buf bytes; /* paths and encoded values */
    frame frames[FRAMES_MAX];
    size_t depth;         /* frames that are open; the first is the filter */
    pair whole[KEYS_MAX]; /* keys of the question that are no conditions */
    size_t whole_count;
    dx_buf orders, steps; /* encoded */
    size_t order_count, step_count;
};

/* --- Life ---------------------------------------------------------------------------------------- */

dx_query_builder *dx_query_builder_create(const dx_alloc *alloc) {
    dx_query_builder *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->alloc = alloc;
    self->depth = 1;
    dx_buf_init(&self->bytes, alloc, 4 * DX_QUERY_SIZE_MAX);
    dx_buf_init(&self->orders, alloc, DX_QUERY_SIZE_MAX);
    dx_buf_init(&self->steps, alloc, DX_QUERY_SIZE_MAX);
    for (size_t i = 0; i < FRAMES_MAX; i++) {
        dx_buf_init(&self->frames[i].branches, alloc, DX_QUERY_SIZE_MAX);
    }
    return self;
}

void dx_query_builder_destroy(dx_query_builder *self) {
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < FRAMES_MAX; i++) {
        dx_buf_deinit(&self->frames[i].branches);
    }
    dx_buf_deinit(&self->bytes);
    dx_buf_deinit(&self->orders);
    dx_buf_deinit(&self->steps);
    dx_alloc_free(self->alloc, self, sizeof *self);
}

static bool fail(dx_query_builder *self, int error) {
    if (self != NULL && self->error == DX_OK && error != DX_OK) {
        self->error = error;
    }
    return self != NULL && self->error == DX_OK;
}

int dx_query_builder_error(const dx_query_builder *self) {
    return self == NULL ? DX_E_NO_MEMORY : self->error;
}

/* --- Values -------------------------------------------------------------------------------------- */

static dx_bytes view(const dx_query_builder *self, size_t at, size_t size) {
    return dx_bytes_of(self->bytes.data + at, size);
}

/* An encoded text, or null. */
static pair keep_text(dx_query_builder *self, const char *key, const char *text) {
    pair out = {.key = key, .at = self->bytes.size};
    dx_writer writer;
    dx_writer_init(&writer, &self->bytes);
    if (text == NULL) {
        dx_write_null(&writer);
    } else {
        dx_write_text(&writer, text);
    }
    (void)fail(self, dx_writer_finish(&writer));
    out.size = self->bytes.size - out.at;
    return out;
}

static pair keep_int(dx_query_builder *self, const char *key, int64_t number) {
    pair out = {.key = key, .at = self->bytes.size};
    dx_writer writer;
    dx_writer_init(&writer, &self->bytes);
    dx_write_int(&writer, number);
    (void)fail(self, dx_writer_finish(&writer));
    out.size = self->bytes.size - out.at;
    return out;
}

static pair keep_true(dx_query_builder *self, const char *key) {
    pair out = {.key = key, .at = self->bytes.size, .size = 1};
    dx_buf_append_byte(&self->bytes, 0xf5);
    (void)fail(self, dx_buf_error(&self->bytes));
    return out;
}

static frame *top(dx_query_builder *self) {
    return &self->frames[self->depth - 1];
}

/* --- Maps ------------------------------------------------------------------------------------------ */

/* Appends {key: value} to the branches of a frame. */
static void add_branch(dx_query_builder *self, frame *into, const char *key, dx_bytes value) {
    dx_writer writer;
    dx_writer_init(&writer, &into->branches);
    dx_write_map(&writer, 1);
    dx_write_text(&writer, key);
    dx_write_item(&writer, value);
    into->branch_count++;
    (void)fail(self, into->branch_count > DX_QUERY_BRANCHES_MAX ? DX_E_LIMIT : dx_writer_finish(&writer));
}

static bool has_key(const frame *self, const char *key) {
    for (size_t i = 0; i < self->key_count; i++) {
        if (strcmp(self->keys[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static void add_condition(dx_query_builder *self, pair condition) {
    frame *here = top(self);
    if (self->error != DX_OK) {
        return;
    }
    bool is_step = here->kind == FRAME_STEP && strcmp(condition.key, "type") != 0 &&
                   strcmp(condition.key, "repeat") != 0;
    if (here->kind == FRAME_GROUP || is_step || has_key(here, condition.key)) {
        add_branch(self, here, condition.key, view(self, condition.at, condition.size));
    } else if (here->key_count < KEYS_MAX) {
        here->keys[here->key_count++] = condition;
    } else {
        (void)fail(self, DX_E_LIMIT);
    }
}

static bool is_same_path(const dx_query_builder *self, const where *a, const where *b) {
    return dx_bytes_equal(view(self, a->path, a->path_size), view(self, b->path, b->path_size));
}

/* {how: value} as an item; {path: {how: value}} as one. */
static int write_where(const dx_query_builder *self, const where *one, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_map(&writer, 1);
    dx_write_text_bytes(&writer, view(self, one->path, one->path_size));
    dx_write_map(&writer, 1);
    dx_write_text(&writer, one->how);
    dx_write_item(&writer, view(self, one->at, one->size));
    return dx_writer_finish(&writer);
}

/* All conditions of a frame on paths: one map from path to operators. */
static int write_wheres(const dx_query_builder *self, const frame *from, dx_writer *out) {
    dx_map_builder paths;
    dx_map_builder_init(&paths, self->alloc, DX_QUERY_SIZE_MAX);
    for (size_t i = 0; i < from->where_count; i++) {
        char path[DX_OBJECT_PATH_SIZE_MAX + 1];
        dx_map_builder operators;
        bool first = true;
        for (size_t k = 0; k < i; k++) {
            first = first && !is_same_path(self, &from->wheres[k], &from->wheres[i]);
        }
        if (!first) {
            continue;
        }
        dx_map_builder_init(&operators, self->alloc, DX_QUERY_SIZE_MAX);
        for (size_t k = i; k < from->where_count; k++) {
            const where *one = &from->wheres[k];
            if (is_same_path(self, one, &from->wheres[i])) {
                dx_write_item(dx_map_builder_key(&operators, one->how), view(self, one->at, one->size));
            }
        }
        memcpy(path, self->bytes.data + from->wheres[i].path, from->wheres[i].path_size);
        path[from->wheres[i].path_size] = '\0';
        dx_map_builder_finish(&operators, dx_map_builder_key(&paths, path));
    }
    dx_map_builder_finish(&paths, out);
    return out->error;
}

/* Whether a frame holds the same operator on the same path already. */
static bool has_where(const dx_query_builder *self, const frame *in, const where *one) {
    for (size_t i = 0; i < in->where_count; i++) {
        if (strcmp(in->wheres[i].how, one->how) == 0 && is_same_path(self, &in->wheres[i], one)) {
            return true;
        }
    }
    return false;
}

static void write_branches(const frame *from, dx_writer *out) {
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&from->branches));
    dx_write_array(out, from->branch_count);
    for (size_t i = 0; i < from->branch_count; i++) {
        dx_write_item(out, dx_read_item(&reader));
    }
}

/* What a filter, a step or an end says, into a map that is being made. */
static void put_conditions(const dx_query_builder *self, const frame *from, dx_map_builder *map) {
    for (size_t i = 0; i < from->key_count; i++) {
        dx_write_item(dx_map_builder_key(map, from->keys[i].key),
                      view(self, from->keys[i].at, from->keys[i].size));
    }
    if (from->where_count > 0) {
        (void)write_wheres(self, from, dx_map_builder_key(map, "where"));
    }
    if (from->branch_count > 0) {
        write_branches(from, dx_map_builder_key(map, "and"));
    }
}

/* --- Conditions ----------------------------------------------------------------------------------- */

void dx_query_builder_type(dx_query_builder *self, const char *type) {
    if (fail(self, DX_OK)) {
        add_condition(self, keep_text(self, "type", type));
    }
}

void dx_query_builder_parent(dx_query_builder *self, const char *id) {
    if (fail(self, DX_OK)) {
        add_condition(self, keep_text(self, "parent", id));
    }
}

static void add_end(dx_query_builder *self, const char *key, const char *id) {
    if (fail(self, id == NULL ? DX_E_INVALID : DX_OK)) {
        add_condition(self, keep_text(self, key, id));
    }
}

void dx_query_builder_id(dx_query_builder *self, const char *id) {
    add_end(self, "id", id);
}

void dx_query_builder_source(dx_query_builder *self, const char *id) {
    add_end(self, "source", id);
}

void dx_query_builder_target(dx_query_builder *self, const char *id) {
    add_end(self, "target", id);
}

/* Keys that stand in the filter and nowhere else. */
static void add_to_filter(dx_query_builder *self, const char *key, const char *word) {
    if (!fail(self, word == NULL ? DX_E_INVALID : DX_OK)) {
        return;
    }
    bool twice = has_key(&self->frames[0], key);
    if (fail(self, self->depth != 1 || self->step_count > 0 || twice ? DX_E_STATE : DX_OK)) {
        add_condition(self, keep_text(self, key, word));
    }
}

void dx_query_builder_kind(dx_query_builder *self, const char *kind) {
    add_to_filter(self, "kind", kind);
}

void dx_query_builder_deleted(dx_query_builder *self, const char *deleted) {
    add_to_filter(self, "deleted", deleted);
}

void dx_query_builder_where(dx_query_builder *self, const char *path, dx_where how, const char *json, ...) {
    static const char *const names[] = {"eq", "ne", "gt", "ge", "lt", "le", "prefix", "in", "has", "exists"};
    dx_writer writer;
    va_list values;
    size_t path_size = path == NULL ? 0 : strlen(path);
    bool sound = (size_t)how < sizeof names / sizeof names[0] && json != NULL && path_size > 0 &&
                 path_size <= DX_OBJECT_PATH_SIZE_MAX;
    if (!fail(self, sound ? DX_OK : DX_E_INVALID)) {
        return;
    }
    where one = {.path = self->bytes.size, .path_size = path_size, .how = names[how]};
    dx_buf_append(&self->bytes, path, path_size);
    one.at = self->bytes.size;
    dx_writer_init(&writer, &self->bytes);
    va_start(values, json);
    int error = dx_json_format_list(&writer, NULL, 0, json, values);
    va_end(values);
    one.size = self->bytes.size - one.at;
    if (!fail(self, error != DX_OK ? error : dx_buf_error(&self->bytes))) {
        return;
    }
    frame *here = top(self);
    if (here->kind != FRAME_GROUP && here->where_count < WHERES_MAX && !has_where(self, here, &one)) {
        here->wheres[here->where_count++] = one;
        return;
    }
    dx_buf item;
    dx_buf_init(&item, self->alloc, DX_QUERY_SIZE_MAX);
    if (fail(self, write_where(self, &one, &item))) {
        add_branch(self, here, "where", dx_buf_view(&item));
    }
    dx_buf_deinit(&item);
}

static frame *push(dx_query_builder *self, frame_kind kind) {
    if (!fail(self, self->depth == FRAMES_MAX ? DX_E_LIMIT : DX_OK)) {
        return NULL;
    }
    frame *next = &self->frames[self->depth++];
    dx_buf kept = next->branches;
    dx_buf_clear(&kept);
    *next = (frame){.kind = kind, .branches = kept};
    return next;
}

void dx_query_builder_begin(dx_query_builder *self, dx_query_group group) {
    frame *next = fail(self, group > DX_QUERY_NOT ? DX_E_INVALID : DX_OK) ? push(self, FRAME_GROUP) : NULL;
    if (next != NULL) {
        next->group = group;
    }
}

/* Appends {"and": […]}, {"or": […]} or {"not": {"and": […]}} to what the group stands in. */
void dx_query_builder_end(dx_query_builder *self) {
    if (!fail(self, self != NULL && top(self)->kind != FRAME_GROUP ? DX_E_STATE : DX_OK)) {
        return;
    }
    const frame *group = top(self);
    frame *into = &self->frames[--self->depth - 1];
    dx_writer writer;
    if (!fail(self, group->branch_count == 0 ? DX_E_STATE : DX_OK)) {
        return; /* of nothing nobody knows whether it holds */
    }
    dx_writer_init(&writer, &into->branches);
    dx_write_map(&writer, 1);
    if (group->group == DX_QUERY_NOT) {
        dx_write_text(&writer, "not");
        dx_write_map(&writer, 1);
    }
    dx_write_text(&writer, group->group == DX_QUERY_OR ? "or" : "and");
    write_branches(group, &writer);
    into->branch_count++;
    (void)fail(self, into->branch_count > DX_QUERY_BRANCHES_MAX ? DX_E_LIMIT : dx_writer_finish(&writer));
}

/* --- Steps ------------------------------------------------------------------------------------------- */

/* A step that is at hand becomes one of the list. */
static int write_step(const dx_query_builder *self, const frame *step, dx_buf *out) {
    dx_map_builder map;
    dx_writer writer;
    dx_map_builder_init(&map, self->alloc, DX_QUERY_SIZE_MAX);
    put_conditions(self, step, &map);
    dx_writer_init(&writer, out);
    dx_map_builder_finish(&map, &writer);
    return dx_writer_finish(&writer);
}

void dx_query_builder_step(dx_query_builder *self, dx_query_step_way way, const char *word) {
    static const char *const names[] = {"out",         "in",        "children", "parent",
                                        "descendants", "ancestors", "ref",      "referrers"};
    bool names_path = way == DX_STEP_REFERENCE || way == DX_STEP_REFERRERS,
         links = way == DX_STEP_OUT || way == DX_STEP_IN;
    bool sound = (size_t)way < sizeof names / sizeof names[0] && (links || names_path == (word != NULL));
    if (!fail(self, sound ? DX_OK : DX_E_INVALID)) {
        return;
    }
    if (self->depth == 2 && top(self)->kind == FRAME_STEP) {
        (void)fail(self, write_step(self, top(self), &self->steps));
        self->depth--;
    }
    if (!fail(self, self->depth != 1                         ? DX_E_STATE
                    : self->step_count == DX_QUERY_STEPS_MAX ? DX_E_LIMIT
                                                             : DX_OK)) {
        return;
    }
    frame *next = push(self, FRAME_STEP);
    self->step_count++;
    if (next != NULL) {
        next->keys[next->key_count++] =
            links || names_path ? keep_text(self, names[way], word) : keep_true(self, names[way]);
    }
}

void dx_query_builder_repeat(dx_query_builder *self, int hops) {
    if (fail(self, self != NULL && top(self)->kind != FRAME_STEP ? DX_E_STATE
                   : hops < 0                                    ? DX_E_INVALID
                                                                 : DX_OK) &&
        fail(self, has_key(top(self), "repeat") ? DX_E_STATE : DX_OK)) {
        add_condition(self, hops == 0 ? keep_true(self, "repeat") : keep_int(self, "repeat", hops));
    }
}

void dx_query_builder_to(dx_query_builder *self, dx_query_step_way way, const char *type, int hops) {
    bool sound = (way == DX_STEP_OUT || way == DX_STEP_IN) && hops >= 0;
    if (!fail(self, sound ? DX_OK : DX_E_INVALID) ||
        !fail(self, self->depth != 1 || self->step_count > 0 ? DX_E_STATE : DX_OK)) {
        return;
    }
    frame *next = push(self, FRAME_TO);
    if (next != NULL) {
        next->way = way == DX_STEP_OUT ? "out" : "in";
        next->way_word = keep_text(self, next->way, type);
        next->hops = hops;
    }
}

/* --- The answer -------------------------------------------------------------------------------------- */

/* Of the whole question, wherever it is said; each once. */
static void add_whole(dx_query_builder *self, pair key) {
    for (size_t i = 0; i < self->whole_count; i++) {
        if (!fail(self, strcmp(self->whole[i].key, key.key) == 0 ? DX_E_STATE : DX_OK)) {
            return;
        }
    }
    self->whole[self->whole_count++] = key; /* there are fewer such keys than places */
}

void dx_query_builder_order(dx_query_builder *self, const char *path, bool descending) {
    dx_writer writer;
    if (!fail(self, path == NULL ? DX_E_INVALID : DX_OK) ||
        !fail(self, self->order_count == DX_QUERY_ORDERS_MAX ? DX_E_LIMIT : DX_OK)) {
        return;
    }
    dx_writer_init(&writer, &self->orders);
    dx_write_map(&writer, 2);
    dx_write_text(&writer, "path");
    dx_write_text(&writer, path);
    dx_write_text(&writer, "descending");
    dx_write_bool(&writer, descending);
    self->order_count++;
    (void)fail(self, dx_writer_finish(&writer));
}

void dx_query_builder_limit(dx_query_builder *self, int64_t rows) {
    if (fail(self, rows < 0 ? DX_E_INVALID : DX_OK)) {
        add_whole(self, keep_int(self, "limit", rows));
    }
}

void dx_query_builder_cursor(dx_query_builder *self, const char *cursor) {
    if (cursor != NULL && cursor[0] != '\0' && fail(self, DX_OK)) {
        add_whole(self, keep_text(self, "cursor", cursor));
    }
}

void dx_query_builder_text(dx_query_builder *self, const char *words, bool snippet) {
    if (fail(self, words == NULL ? DX_E_INVALID : DX_OK)) {
        add_whole(self, keep_text(self, "text", words));
    }
    if (snippet && fail(self, DX_OK)) {
        add_whole(self, keep_true(self, "snippet"));
    }
}

void dx_query_builder_count(dx_query_builder *self) {
    if (fail(self, DX_OK)) {
        add_whole(self, keep_true(self, "count"));
    }
}

void dx_query_builder_ids(dx_query_builder *self) {
    if (fail(self, DX_OK)) {
        add_whole(self, keep_true(self, "ids"));
    }
}

void dx_query_builder_group(dx_query_builder *self, const char *path) {
    if (fail(self, path == NULL ? DX_E_INVALID : DX_OK)) {
        add_whole(self, keep_text(self, "group", path));
    }
}

/* --- What was built ------------------------------------------------------------------------------------ */

static void put_items(const dx_buf *items, size_t count, dx_writer *out) {
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(items));
    dx_write_array(out, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_item(out, dx_read_item(&reader));
    }
}

/* The list of steps with the one at hand behind it. */
static int put_steps(const dx_query_builder *self, dx_map_builder *map) {
    dx_buf steps;
    dx_buf_init(&steps, self->alloc, 2 * DX_QUERY_SIZE_MAX);
    dx_buf_append(&steps, self->steps.data, self->steps.size);
    int error = write_step(self, &self->frames[1], &steps);
    if (error == DX_OK) {
        put_items(&steps, self->step_count, dx_map_builder_key(map, "follow"));
    }
    dx_buf_deinit(&steps);
    return error;
}

static int put_path(const dx_query_builder *self, dx_map_builder *map) {
    const frame *to = &self->frames[1];
    dx_map_builder path, end;
    dx_map_builder_init(&path, self->alloc, DX_QUERY_SIZE_MAX);
    dx_map_builder_init(&end, self->alloc, DX_QUERY_SIZE_MAX);
    put_conditions(self, to, &end);
    dx_map_builder_finish(&end, dx_map_builder_key(&path, "to"));
    dx_write_item(dx_map_builder_key(&path, to->way), view(self, to->way_word.at, to->way_word.size));
    if (to->hops > 0) {
        dx_write_int(dx_map_builder_key(&path, "max"), to->hops);
    }
    dx_writer *out = dx_map_builder_key(map, "path");
    dx_map_builder_finish(&path, out);
    return out->error;
}

int dx_query_builder_write(const dx_query_builder *self, dx_buf *out) {
    int error = dx_query_builder_error(self);
    if (error != DX_OK) {
        return error;
    }
    if (self->depth > 2 || (self->depth == 2 && self->frames[1].kind == FRAME_GROUP)) {
        return DX_E_STATE; /* a group is open */
    }
    dx_map_builder map;
    dx_writer writer;
    dx_map_builder_init(&map, self->alloc, 2 * DX_QUERY_SIZE_MAX);
    put_conditions(self, &self->frames[0], &map);
    for (size_t i = 0; i < self->whole_count; i++) {
        dx_write_item(dx_map_builder_key(&map, self->whole[i].key),
                      view(self, self->whole[i].at, self->whole[i].size));
    }
    if (self->order_count > 0) {
        put_items(&self->orders, self->order_count, dx_map_builder_key(&map, "order"));
    }
    if (self->depth == 2) {
        error = self->frames[1].kind == FRAME_TO ? put_path(self, &map) : put_steps(self, &map);
    }
    dx_writer_init(&writer, out);
    dx_map_builder_finish(&map, &writer);
    int written = dx_writer_finish(&writer);
    return error != DX_OK ? error : written;
}

int dx_query_builder_print(const dx_query_builder *self, dx_buf *out) {
    dx_buf item;
    int error = dx_query_builder_error(self);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_init(&item, self->alloc, 2 * DX_QUERY_SIZE_MAX);
    error = dx_query_builder_write(self, &item);
    error = error == DX_OK ? dx_json_print(dx_buf_view(&item), out) : error;
    dx_buf_deinit(&item);
    return error;
}
