/* model/object_editor.c: from numbers to ids, and from wishes to edits.
 *
 * Layer: floor 1, model. Contract in model/object_editor.h. Places are only ever added, so that an item's neighbours
 * are what every replica sees; a gap keeps its place. */
#include "model/object_editor.h"

#include <string.h>

#include "model/object_shown.h"

enum { EDITOR_MEMORY_MAX = DX_REDUCE_MEMORY_MAX, PAYLOAD_SIZE_MAX = DX_OBJECT_OPERATION_SIZE_MAX };

typedef struct editor_place {
    dx_bytes id;
    bool has_right; /* something was made to its right */
} editor_place;

typedef struct editor_item {
    dx_bytes id, parent; /* parent of size 0: the beginning */
    dx_bytes value;      /* size 0: too large to be a member */
    uint64_t mark;       /* of the value, whatever its size */
    bool right, of_base;
} editor_item;

struct dx_editor_entry {
    editor_place *place;
    editor_item *item; /* NULL: nothing stands there */
};

/* --- Reading ------------------------------------------------------------------------------------ */

void dx_object_editor_init(dx_object_editor *editor, const dx_alloc *alloc) {
    *editor = (dx_object_editor){.alloc = alloc};
    dx_arena_init(&editor->arena, alloc, EDITOR_MEMORY_MAX);
    dx_buf_init(&editor->payload, alloc, PAYLOAD_SIZE_MAX);
}

void dx_object_editor_deinit(dx_object_editor *editor) {
    dx_arena_deinit(&editor->arena);
    dx_buf_deinit(&editor->payload);
    dx_alloc_free(editor->alloc, editor->entries, editor->entry_capacity * sizeof *editor->entries);
}

static bool reserve_entry(dx_object_editor *editor) {
    if (editor->entry_count < editor->entry_capacity) {
        return true;
    }
    size_t capacity = editor->entry_capacity == 0 ? 16 : 2 * editor->entry_capacity;
    dx_editor_entry *entries = dx_alloc_grow(
        editor->alloc, editor->entries, editor->entry_capacity * sizeof *entries, capacity * sizeof *entries);
    if (entries == NULL) {
        return false;
    }
    editor->entries = entries;
    editor->entry_capacity = capacity;
    return true;
}

static editor_place *make_place(dx_object_editor *editor, dx_bytes id) {
    editor_place *place = dx_arena_take(&editor->arena, sizeof *place);
    if (place != NULL) {
        *place = (editor_place){.id = dx_arena_copy(&editor->arena, id)};
    }
    return place == NULL || place->id.data == NULL ? NULL : place;
}

static editor_item *make_item(dx_object_editor *editor, dx_bytes id, dx_bytes parent, bool right,
                              bool of_base) {
    editor_item *item = dx_arena_take(&editor->arena, sizeof *item);
    if (item == NULL) {
        return NULL;
    }
    *item = (editor_item){.id = dx_arena_copy(&editor->arena, id), .right = right, .of_base = of_base};
    if (parent.size != 0) {
        item->parent = dx_arena_copy(&editor->arena, parent);
    }
    return item->id.data == NULL || (parent.size != 0 && item->parent.data == NULL) ? NULL : item;
}

/* An element's parent as it is written, also where no such place is here. */
static dx_bytes written_parent(const dx_list_node *node) {
    dx_reader reader;
    if (node->of_base) {
        return dx_bytes_of(NULL, 0);
    }
    dx_reader_init(&reader, node->payload);
    (void)dx_read_array(&reader);
    return dx_item_bytes(dx_read_item(&reader));
}

static bool written_side(const dx_list_node *node) {
    dx_reader reader;
    if (node->of_base) {
        return true;
    }
    dx_reader_init(&reader, node->payload);
    (void)dx_read_array(&reader);
    (void)dx_read_item(&reader);
    return dx_read_uint(&reader) == 1;
}

/* FNV-1a: tells a value again that its author saw before; nobody gains by making two look alike. */
static uint64_t mark_of(dx_bytes value) {
    uint64_t mark = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < value.size; i++) {
        mark = (mark ^ value.data[i]) * UINT64_C(0x100000001b3);
    }
    return mark;
}

/* What could be a member is kept, to be found when it is taken out. */
static bool keep_value(dx_object_editor *editor, editor_item *item, dx_bytes value) {
    item->value = (dx_bytes){NULL, 0};
    item->mark = mark_of(value);
    if (value.size <= DX_OBJECT_KEY_SIZE_MAX) {
        item->value = dx_arena_copy(&editor->arena, value);
        return item->value.data != NULL;
    }
    return true;
}

static int add_entry(dx_object_editor *editor, editor_place *place, const dx_list_node *node) {
    editor_item *item = NULL;
    if (!reserve_entry(editor)) {
        return DX_E_NO_MEMORY;
    }
    if (node != NULL) {
        item = make_item(editor, node->id, written_parent(node), written_side(node), node->of_base);
        if (item == NULL || !keep_value(editor, item, node->value)) {
            return DX_E_NO_MEMORY;
        }
        editor->item_count++;
    }
    editor->entries[editor->entry_count++] = (dx_editor_entry){place, item};
    return DX_OK;
}

static bool is_among(const dx_bytes *values, size_t count, dx_bytes value) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = dx_element_compare_keys(values[middle], value);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

static bool is_excluded(const dx_object_editor *editor, dx_bytes value) {
    return is_among(editor->excluded, editor->excluded_count, value);
}

static int read_members(dx_object_editor *editor, const dx_element *elements, size_t count) {
    editor->excluded = dx_arena_take(&editor->arena, count * sizeof *editor->excluded);
    editor->included = dx_arena_take(&editor->arena, count * sizeof *editor->included);
    if (editor->excluded == NULL || editor->included == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        if (elements[i].kind == DX_ELEMENT_MEMBER) {
            dx_bytes copy = dx_arena_copy(&editor->arena, elements[i].key);
            if (copy.data == NULL) {
                return DX_E_NO_MEMORY;
            }
            if (elements[i].payload.size == 0) {
                editor->excluded[editor->excluded_count++] = copy;
            } else {
                editor->included[editor->included_count++] = copy;
            }
        }
    }
    return DX_OK;
}

/* A place, with each item that stands in it and shows; items come in the order of places. */
static int add_place(dx_object_editor *editor, const dx_object_list *list, uint32_t node, uint32_t *next) {
    editor_place *place = make_place(editor, list->nodes[node].id);
    if (place == NULL) {
        return DX_E_NO_MEMORY;
    }
    int error = DX_OK;
    bool empty = true;
    while (error == DX_OK && *next < list->item_count && list->at[list->items[*next]] == node) {
        const dx_list_node *item = &list->nodes[list->items[(*next)++]];
        if (!is_excluded(editor, item->value)) {
            error = add_entry(editor, place, item);
            empty = false;
        }
    }
    return error == DX_OK && empty ? add_entry(editor, place, NULL) : error;
}

/* Whether something was made to the right of each place: asked by number of node while those are known. */
static int note_rights(dx_object_editor *editor, const dx_object_list *list) {
    size_t size = list->node_count + 1;
    bool *rights = dx_alloc_take_zeroed(editor->alloc, size);
    if (rights == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < list->order_count; i++) {
        const dx_list_node *node = &list->nodes[list->order[i]];
        if (node->right) {
            rights[node->parent == DX_LIST_NONE ? list->node_count : node->parent] = true;
        }
    }
    editor->begins = rights[list->node_count];
    size_t entry = 0;
    for (uint32_t i = 0; i < list->order_count; i++) {
        const editor_place *place = editor->entries[entry].place;
        editor->entries[entry].place->has_right = rights[list->order[i]];
        while (entry < editor->entry_count && editor->entries[entry].place == place) {
            entry++;
        }
    }
    dx_alloc_free(editor->alloc, rights, size);
    return DX_OK;
}

static int read_list(dx_object_editor *editor, const dx_object_base *base, const dx_element *elements,
                     size_t count) {
    dx_object_list list;
    uint32_t next = 0;
    int error = read_members(editor, elements, count);
    if (error == DX_OK) {
        error = dx_object_list_read(&list, editor->alloc, base, elements, count);
    }
    if (error != DX_OK) {
        return error;
    }
    for (uint32_t i = 0; i < list.order_count && error == DX_OK; i++) {
        error = add_place(editor, &list, list.order[i], &next);
    }
    if (error == DX_OK) {
        error = note_rights(editor, &list);
    }
    dx_object_list_deinit(&list, editor->alloc);
    return error;
}

static void read_counts(dx_object_editor *editor, const dx_object_content *content,
                        const dx_object_base *base, const dx_element *elements, size_t count,
                        const uint8_t *feed) {
    dx_object_sum sum = {0, 0};
    dx_object_sum_add(&sum, dx_item_int(base->value, 0));
    for (size_t i = 0; i < count; i++) {
        if (elements[i].kind == DX_ELEMENT_COUNT &&
            dx_bytes_equal(elements[i].key, dx_bytes_of(base->id, base->id_size))) {
            int64_t value = dx_item_int(elements[i].payload, 0);
            const uint8_t *author = content->stamps[elements[i].stamp].feed;
            dx_object_sum_add(&sum, value);
            editor->own_count = memcmp(author, feed, DX_FEED_PREFIX_SIZE) == 0 ? value : editor->own_count;
        }
    }
    editor->shown = dx_object_sum_read(&sum);
}

static bool is_under(dx_bytes path, dx_bytes above) {
    return path.size > above.size && path.data[above.size] == '.' &&
           memcmp(path.data, above.data, above.size) == 0;
}

/* Whether something shows under the path, so that nothing shows at it. */
static bool is_covered(const dx_object_content *content, dx_bytes path) {
    for (size_t i = 0; i < content->count; i++) {
        if (content->registers[i].payload.size != 0 && is_under(content->registers[i].path, path)) {
            return true;
        }
    }
    for (size_t i = 0; i < content->element_count; i++) {
        if (is_under(content->elements[i].path, path)) {
            return true;
        }
    }
    return false;
}

static int read_path(dx_object_editor *editor, const dx_object_content *content, dx_bytes path,
                     const uint8_t *feed) {
    size_t parts = dx_object_path_check(path), at = 0, run = 0;
    dx_object_base base = dx_object_base_of(content, path);
    dx_kind kind = base.value.size == 0 ? DX_KIND_NONE : dx_item_kind(base.value);
    while (at < content->element_count && !dx_bytes_equal(content->elements[at].path, path)) {
        at++;
    }
    const dx_element *elements = content->elements + at;
    run = at == content->element_count ? 0 : dx_element_run(elements, content->element_count - at);
    memcpy(editor->base, base.id, base.id_size);
    editor->base_size = base.id_size;
    bool shows_array = kind == DX_KIND_ARRAY;
    for (size_t i = 0; i < run && kind == DX_KIND_NONE; i++) {
        shows_array |= elements[i].kind == DX_ELEMENT_ITEM || elements[i].kind == DX_ELEMENT_MEMBER;
    }
    read_counts(editor, content, &base, elements, run, feed);
    bool covered = is_covered(content, path), counts = false;
    for (size_t i = 0; i < run; i++) {
        counts |= elements[i].kind == DX_ELEMENT_COUNT && elements[i].payload.size != 0;
    }
    bool open = !covered && parts != 0;
    editor->takes_items =
        open && parts < DX_OBJECT_DEPTH_MAX && (shows_array || (kind == DX_KIND_NONE && !counts));
    editor->takes_counts = open && !shows_array && (kind == DX_KIND_INT || kind == DX_KIND_NONE);
    editor->levels = parts < DX_OBJECT_DEPTH_MAX ? DX_OBJECT_DEPTH_MAX - parts - 1 : 0;
    return editor->takes_items ? read_list(editor, &base, elements, run) : DX_OK;
}

int dx_object_editor_read(dx_object_editor *editor, const dx_stamp *created, dx_bytes saved, dx_bytes path,
                          const uint8_t feed[static DX_FEED_PREFIX_SIZE]) {
    static const uint8_t empty[] = {0x82, 0x80, 0xa0};
    dx_object_content content;
    editor->entry_count = editor->item_count = 0;
    editor->own_count = editor->shown = 0;
    editor->begins = editor->members_changed = false;
    editor->excluded_count = editor->included_count = 0;
    dx_arena_reset(&editor->arena);
    int error = dx_object_content_read(&content, editor->alloc, created,
                                       saved.size == 0 ? dx_bytes_of(empty, sizeof empty) : saved);
    if (error == DX_OK) {
        error = read_path(editor, &content, path, feed);
        dx_object_content_deinit(&content, editor->alloc);
    }
    return error;
}

/* --- Items -------------------------------------------------------------------------------------- */

int dx_object_editor_find(const dx_object_editor *editor, size_t at, dx_bytes value, size_t *found) {
    uint64_t mark = mark_of(value);
    size_t number = 0, best = SIZE_MAX;
    if (!editor->takes_items) {
        return DX_E_CONFLICT;
    }
    for (size_t entry = 0; entry < editor->entry_count; entry++) {
        const editor_item *item = editor->entries[entry].item;
        if (item == NULL) {
            continue;
        }
        if (item->mark == mark && (item->value.size == 0 || dx_bytes_equal(item->value, value))) {
            size_t away = number < at ? at - number : number - at;
            if (away < best) {
                best = away;
                *found = number;
            }
        }
        number++;
    }
    if (best != SIZE_MAX) {
        return DX_OK;
    }
    return is_among(editor->included, editor->included_count, value) ? DX_E_EXISTS : DX_E_NOT_FOUND;
}

/* The entry of the item with this number, from the nearer end. */
static size_t find_entry(const dx_object_editor *editor, size_t at) {
    if (at >= editor->item_count / 2) {
        size_t left = editor->item_count - at, entry = editor->entry_count;
        while (left > 0) {
            left -= editor->entries[--entry].item != NULL;
        }
        return entry;
    }
    size_t entry = 0;
    for (;; entry++) {
        if (editor->entries[entry].item != NULL && at-- == 0) {
            return entry;
        }
    }
}

static int emit(dx_object_editor *editor, const editor_item *item, dx_bytes value, bool fresh,
                dx_edit_taker take, void *ctx) {
    dx_writer writer;
    dx_buf_clear(&editor->payload);
    dx_writer_init(&writer, &editor->payload);
    dx_write_array(&writer, (item->of_base ? 0u : 2u) + (value.size != 0));
    if (!item->of_base) {
        if (item->parent.size == 0) {
            dx_write_null(&writer);
        } else {
            dx_write_bytes(&writer, item->parent);
        }
        dx_write_uint(&writer, item->right);
    }
    if (value.size != 0) {
        dx_write_item(&writer, value);
    }
    int error = dx_writer_finish(&writer);
    return error != DX_OK ? error
                          : take(ctx, DX_ELEMENT_ITEM, item->id, dx_buf_view(&editor->payload), fresh);
}

/* A place with a new id behind the item before `at`, as an entry that is not in the order yet, and where it
 * belongs. */
static int make_room(dx_object_editor *editor, size_t at, const uint8_t *id, editor_item **item,
                     editor_place **place, size_t *entry) {
    editor_place *left = NULL;
    dx_bytes name = dx_bytes_of(id, DX_ITEM_ID_SIZE);
    *entry = 0;
    if (at != 0) {
        *entry = find_entry(editor, at - 1);
        left = editor->entries[*entry].place;
        while (*entry < editor->entry_count && editor->entries[*entry].place == left) {
            ++*entry;
        }
    }
    bool *has_right = left == NULL ? &editor->begins : &left->has_right;
    DX_ASSERT(!*has_right || editor->entries[*entry].place != NULL); /* an entry of the order has its place */
    dx_bytes parent = *has_right     ? editor->entries[*entry].place->id
                      : left == NULL ? dx_bytes_of(NULL, 0)
                                     : left->id;
    *item = make_item(editor, name, parent, !*has_right, false);
    *place = make_place(editor, name);
    if (*item == NULL || *place == NULL || !reserve_entry(editor)) {
        return DX_E_NO_MEMORY;
    }
    *has_right = true;
    return DX_OK;
}

static const uint8_t put_in[] = {0xf5};

/* A value that was taken out of the set would not show as an item either. */
static int readmit(dx_object_editor *editor, dx_bytes value, dx_edit_taker take, void *ctx) {
    return is_excluded(editor, value)
               ? take(ctx, DX_ELEMENT_MEMBER, value, dx_bytes_of(put_in, sizeof put_in), false)
               : DX_OK;
}

static void put_entry(dx_object_editor *editor, size_t at, editor_place *place, editor_item *item) {
    memmove(editor->entries + at + 1, editor->entries + at,
            (editor->entry_count - at) * sizeof *editor->entries);
    editor->entries[at] = (dx_editor_entry){place, item};
    editor->entry_count++;
}

int dx_object_editor_insert(dx_object_editor *editor, size_t at, const uint8_t *id, dx_bytes value,
                            dx_edit_taker take, void *ctx) {
    editor_item *item;
    editor_place *place;
    size_t entry;
    if (!editor->takes_items) {
        return DX_E_CONFLICT;
    }
    if (at > editor->item_count) {
        return DX_E_NOT_FOUND;
    }
    int error = make_room(editor, at, id, &item, &place, &entry);
    if (error == DX_OK) {
        put_entry(editor, entry, place, item);
        editor->item_count++;
        editor->takes_counts = false;
        error = keep_value(editor, item, value) ? emit(editor, item, value, true, take, ctx) : DX_E_NO_MEMORY;
    }
    return error == DX_OK ? readmit(editor, value, take, ctx) : error;
}

/* DX_OK with the entry of an item that is there. */
static int need_entry(const dx_object_editor *editor, size_t at, size_t *entry) {
    if (!editor->takes_items) {
        return DX_E_CONFLICT;
    }
    if (at >= editor->item_count) {
        return DX_E_NOT_FOUND;
    }
    *entry = find_entry(editor, at);
    return DX_OK;
}

int dx_object_editor_replace(dx_object_editor *editor, size_t at, dx_bytes value, dx_edit_taker take,
                             void *ctx) {
    size_t entry;
    int error = need_entry(editor, at, &entry);
    if (error == DX_OK && !keep_value(editor, editor->entries[entry].item, value)) {
        error = DX_E_NO_MEMORY;
    }
    if (error == DX_OK) {
        error = emit(editor, editor->entries[entry].item, value, false, take, ctx);
    }
    return error == DX_OK ? readmit(editor, value, take, ctx) : error;
}

int dx_object_editor_remove(dx_object_editor *editor, size_t at, dx_edit_taker take, void *ctx) {
    size_t entry;
    int error = need_entry(editor, at, &entry);
    if (error == DX_OK) {
        error = emit(editor, editor->entries[entry].item, dx_bytes_of(NULL, 0), false, take, ctx);
    }
    if (error == DX_OK) {
        editor->entries[entry].item = NULL;
        editor->item_count--;
    }
    return error;
}

int dx_object_editor_move(dx_object_editor *editor, size_t from, size_t to, const uint8_t *id,
                          dx_edit_taker take, void *ctx) {
    size_t entry, room;
    editor_item *mark;
    editor_place *place;
    int error = need_entry(editor, from, &entry);
    if (error != DX_OK || from == to) {
        return error;
    }
    if (to >= editor->item_count) {
        return DX_E_NOT_FOUND;
    }
    editor_item *item = editor->entries[entry].item;
    editor->entries[entry].item = NULL;
    editor->item_count--;
    error = make_room(editor, to, id, &mark, &place, &room);
    if (error != DX_OK) {
        return error;
    }
    put_entry(editor, room, place, item);
    editor->item_count++;
    error = emit(editor, mark, dx_bytes_of(NULL, 0), true, take, ctx);
    if (error == DX_OK) {
        dx_writer writer;
        dx_buf_clear(&editor->payload);
        dx_writer_init(&writer, &editor->payload);
        dx_write_bytes(&writer, mark->id);
        error = dx_writer_finish(&writer);
    }
    return error != DX_OK ? error
                          : take(ctx, DX_ELEMENT_MOVE, item->id, dx_buf_view(&editor->payload), false);
}

/* --- Members and counts ------------------------------------------------------------------------- */

/* What shows is removed, so that it does not come back when the value is put in again. */
static int remove_equal(dx_object_editor *editor, dx_bytes value, dx_edit_taker take, void *ctx) {
    int error = DX_OK;
    for (size_t i = 0; i < editor->entry_count && error == DX_OK; i++) {
        editor_item *item = editor->entries[i].item;
        if (item != NULL && dx_bytes_equal(item->value, value)) {
            error = emit(editor, item, dx_bytes_of(NULL, 0), false, take, ctx);
            editor->entries[i].item = NULL;
            editor->item_count--;
        }
    }
    return error;
}

int dx_object_editor_include(dx_object_editor *editor, dx_bytes value, bool in, dx_edit_taker take,
                             void *ctx) {
    if (!editor->takes_items) {
        return DX_E_CONFLICT;
    }
    if (value.size > DX_OBJECT_KEY_SIZE_MAX) {
        return DX_E_LIMIT;
    }
    if (!dx_register_check_shape(value, editor->levels)) {
        return DX_E_INVALID;
    }
    int error = in ? DX_OK : remove_equal(editor, value, take, ctx);
    if (error != DX_OK) {
        return error;
    }
    editor->takes_counts = false;
    editor->members_changed = true;
    return take(ctx, DX_ELEMENT_MEMBER, value, dx_bytes_of(put_in, in ? sizeof put_in : 0), false);
}

static bool add_within(int64_t a, int64_t b, int64_t *sum) {
    if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b) {
        return false;
    }
    *sum = a + b;
    return true;
}

int dx_object_editor_add(dx_object_editor *editor, int64_t by, dx_edit_taker take, void *ctx) {
    int64_t own, shown;
    dx_writer writer;
    if (!editor->takes_counts) {
        return DX_E_CONFLICT;
    }
    if (!add_within(editor->own_count, by, &own) || !add_within(editor->shown, by, &shown)) {
        return DX_E_LIMIT;
    }
    dx_buf_clear(&editor->payload);
    dx_writer_init(&writer, &editor->payload);
    dx_write_int(&writer, own);
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        error = take(ctx, DX_ELEMENT_COUNT, dx_bytes_of(editor->base, editor->base_size),
                     dx_buf_view(&editor->payload), false);
    }
    if (error == DX_OK) {
        editor->own_count = own;
        editor->shown = shown;
        editor->takes_items = false;
    }
    return error;
}
