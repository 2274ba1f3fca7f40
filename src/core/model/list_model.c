/* model/list_model.c: an ordered list that several people insert into, delete from and rearrange at once.
 *
 * Layer: floor 1, model. docs/spec/list-model.md. A state is a set of elements by id, joined one by one: what each
 * says of itself only grows towards a maximum, so no order of operations shows. Where an element stands follows
 * from a tree of positions (each a left or right child of another, as in Fugue), which is worked out when the list is
 * looked at; whole runs that people type at one place stay together. A move is a new position for an old element,
 * and the latest one holds.
 *
 * In memory a state is its saved bytes. Applying streams them together with the operation's elements into new ones:
 * what fails has changed nothing. */
#include <dxos/model.h>
#include <string.h>

enum {
    SAVED_SIZE_MAX = 64 << 20, /* as an object's state (docs/spec/object-model.md) */
    ELEMENTS_MAX = 1 << 20,
    EDITS_MAX = 4096, /* of one operation */
    VALUE_DEPTH_MAX = 24,
    STAMP_MAX_BITS = 63
};

typedef struct element_id {
    dx_stamp stamp;
    uint64_t index; /* of the edit in its operation */
} element_id;

typedef enum origin_kind { ORIGIN_INSERT, ORIGIN_MOVE, ORIGIN_NONE } origin_kind;

/* What is known of an id. Of one that was named before it was made: no origin yet. */
typedef struct element {
    element_id id;
    origin_kind origin;
    bool has_parent, right; /* position: child of the parent, of the beginning of the list without one */
    element_id parent;
    element_id item; /* MOVE: whose position this is */
    dx_bytes value;  /* INSERT */
    bool has_set, deleted;
    dx_stamp set_at; /* the latest other value, when has_set */
    dx_bytes set_value;
} element;

typedef struct list {
    const dx_alloc *alloc;
    dx_buf saved; /* size 0: the empty list */
} list;

typedef struct element_run {
    element *items;
    size_t count, capacity;
} element_run;

static const uint8_t empty_saved[] = {0x80};

/* --- Ids ------------------------------------------------------------------------------------- */

static int id_compare(const element_id *a, const element_id *b) {
    int order = dx_stamp_compare(&a->stamp, &b->stamp);
    return order != 0 ? order : a->index < b->index ? -1 : a->index > b->index;
}

static void write_id(dx_writer *out, const element_id *id) {
    dx_write_array(out, 3);
    dx_write_uint(out, id->stamp.counter);
    dx_write_bytes(out, dx_bytes_of(id->stamp.feed, sizeof id->stamp.feed));
    dx_write_uint(out, id->index);
}

static element_id read_id_parts(dx_reader *in) {
    element_id id = {.index = 0};
    id.stamp.counter = dx_read_uint(in);
    dx_read_bytes_exact(in, id.stamp.feed, sizeof id.stamp.feed);
    id.index = dx_read_uint_max(in, EDITS_MAX - 1);
    return id;
}

static element_id read_id(dx_reader *in) {
    if (dx_read_array(in) != 3) {
        dx_reader_fail(in);
    }
    return read_id_parts(in);
}

/* One item that is not nested too deep to be shown inside a row of an answer. */
static dx_bytes read_value(dx_reader *in) {
    dx_bytes value = dx_read_item(in);
    dx_reader inside;
    dx_reader_init(&inside, value);
    while (in->error == DX_OK && inside.error == DX_OK && inside.at < inside.end) {
        dx_kind kind = dx_reader_peek(&inside);
        if (kind == DX_KIND_ARRAY) {
            (void)dx_read_array(&inside);
        } else if (kind == DX_KIND_MAP) {
            (void)dx_read_map(&inside);
        } else {
            (void)dx_read_item(&inside);
        }
        if (inside.depth > VALUE_DEPTH_MAX) {
            dx_reader_fail(in);
        }
    }
    return value;
}

/* --- Runs of elements ------------------------------------------------------------------------- */

static int reserve(const list *self, element_run *run, size_t capacity) {
    if (capacity <= run->capacity) {
        return DX_OK;
    }
    element *items =
        dx_alloc_grow(self->alloc, run->items, run->capacity * sizeof *items, capacity * sizeof *items);
    if (items == NULL) {
        return DX_E_NO_MEMORY;
    }
    run->items = items;
    run->capacity = capacity;
    return DX_OK;
}

static int append(const list *self, element_run *run, const element *item) {
    int error = DX_OK;
    if (run->count == run->capacity) {
        error = reserve(self, run, run->capacity == 0 ? 16 : 2 * run->capacity);
    }
    if (error == DX_OK) {
        run->items[run->count++] = *item;
    }
    return error;
}

static void free_run(const list *self, element_run *run) {
    dx_alloc_free(self->alloc, run->items, run->capacity * sizeof *run->items);
    *run = (element_run){0};
}

/* The run holds no two of one id and ascends. NULL: it is not there. */
static const element *find(const element_run *run, const element_id *id) {
    size_t low = 0, high = run->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = id_compare(&run->items[middle].id, id);
        if (order == 0) {
            return &run->items[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order > 0 ? middle : high;
    }
    return NULL;
}

/* --- Joining ----------------------------------------------------------------------------------- */

/* An id is made once; should two operations at one stamp make it twice, the greater content stays. */
static int origin_compare(const element *a, const element *b) {
    if (a->origin != b->origin) {
        return a->origin < b->origin ? 1 : -1; /* NONE is least */
    }
    if (a->has_parent != b->has_parent || a->right != b->right) {
        return 2 * a->has_parent + a->right < 2 * b->has_parent + b->right ? -1 : 1;
    }
    int order = a->has_parent ? id_compare(&a->parent, &b->parent) : 0;
    if (order == 0 && a->origin == ORIGIN_MOVE) {
        order = id_compare(&a->item, &b->item);
    }
    return order == 0 && a->origin == ORIGIN_INSERT ? dx_bytes_compare(a->value, b->value) : order;
}

static void take_origin(element *into, const element *from) {
    into->origin = from->origin;
    into->has_parent = from->has_parent;
    into->right = from->right;
    into->parent = from->parent;
    into->item = from->item;
    into->value = from->value;
}

static int set_compare(const element *a, const element *b) {
    if (a->has_set != b->has_set) {
        return a->has_set ? 1 : -1;
    }
    int order = a->has_set ? dx_stamp_compare(&a->set_at, &b->set_at) : 0;
    return order == 0 && a->has_set ? dx_bytes_compare(a->set_value, b->set_value) : order;
}

static void join(element *into, const element *other) {
    if (origin_compare(into, other) < 0) {
        take_origin(into, other);
    }
    if (set_compare(into, other) < 0) {
        into->has_set = true;
        into->set_at = other->set_at;
        into->set_value = other->set_value;
    }
    into->deleted = into->deleted || other->deleted;
}

/* --- Saved bytes ------------------------------------------------------------------------------- */

static void write_element(dx_writer *out, const element *item) {
    dx_write_array(out, item->has_set ? 6 : 5);
    dx_write_uint(out, item->id.stamp.counter);
    dx_write_bytes(out, dx_bytes_of(item->id.stamp.feed, sizeof item->id.stamp.feed));
    dx_write_uint(out, item->id.index);
    if (item->origin == ORIGIN_NONE) {
        dx_write_null(out);
    } else {
        dx_write_array(out, 4);
        dx_write_uint(out, (uint64_t)item->origin);
        if (item->has_parent) {
            write_id(out, &item->parent);
        } else {
            dx_write_null(out);
        }
        dx_write_bool(out, item->right);
        if (item->origin == ORIGIN_INSERT) {
            dx_write_item(out, item->value);
        } else {
            write_id(out, &item->item);
        }
    }
    dx_write_bool(out, item->deleted);
    if (item->has_set) {
        dx_write_array(out, 3);
        dx_write_uint(out, item->set_at.counter);
        dx_write_bytes(out, dx_bytes_of(item->set_at.feed, sizeof item->set_at.feed));
        dx_write_item(out, item->set_value);
    }
}

static void read_origin(dx_reader *in, element *out) {
    if (dx_reader_peek(in) == DX_KIND_NULL) {
        dx_read_null(in);
        out->origin = ORIGIN_NONE;
        return;
    }
    if (dx_read_array(in) != 4) {
        dx_reader_fail(in);
    }
    out->origin = dx_read_uint_max(in, ORIGIN_MOVE) == ORIGIN_INSERT ? ORIGIN_INSERT : ORIGIN_MOVE;
    out->has_parent = dx_reader_peek(in) != DX_KIND_NULL;
    if (out->has_parent) {
        out->parent = read_id(in);
    } else {
        dx_read_null(in);
    }
    out->right = dx_read_bool(in);
    if (out->origin == ORIGIN_INSERT) {
        out->value = read_value(in);
    } else {
        out->item = read_id(in);
    }
}

/* An element of which nothing is known is none. */
static void read_element(dx_reader *in, element *out) {
    *out = (element){.origin = ORIGIN_NONE};
    size_t items = dx_read_array(in);
    out->id = read_id_parts(in);
    read_origin(in, out);
    out->deleted = dx_read_bool(in);
    out->has_set = items == 6;
    if (items != 5 && items != 6) {
        dx_reader_fail(in);
    }
    if (in->error == DX_OK && out->has_set) {
        if (dx_read_array(in) != 3) {
            dx_reader_fail(in);
        }
        out->set_at.counter = dx_read_uint(in);
        dx_read_bytes_exact(in, out->set_at.feed, sizeof out->set_at.feed);
        out->set_value = read_value(in);
    }
    if (out->origin == ORIGIN_NONE && !out->deleted && !out->has_set) {
        dx_reader_fail(in);
    }
}

/* The caller frees the run, also after an error; views point into the bytes. DX_E_CORRUPT. */
static int read_elements(const list *self, dx_bytes saved, element_run *out) {
    dx_reader in;
    *out = (element_run){0};
    if (saved.size == 0) {
        return DX_OK;
    }
    dx_reader_init(&in, saved);
    size_t count = dx_read_array(&in);
    int error = DX_OK;
    for (size_t i = 0; i < count && in.error == DX_OK && error == DX_OK; i++) {
        element item;
        read_element(&in, &item);
        bool ascends = i == 0 || (in.error == DX_OK && id_compare(&out->items[i - 1].id, &item.id) < 0);
        if (!ascends || i == ELEMENTS_MAX) {
            dx_reader_fail(&in);
        }
        error = in.error == DX_OK ? append(self, out, &item) : DX_OK;
    }
    return error != DX_OK ? error : dx_reader_finish(&in) == DX_OK ? DX_OK : DX_E_CORRUPT;
}

/* --- Life ------------------------------------------------------------------------------------- */

static void *list_create(const dx_alloc *alloc, const dx_stamp *created) {
    (void)created;
    list *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self != NULL) {
        self->alloc = alloc;
        dx_buf_init(&self->saved, alloc, SAVED_SIZE_MAX);
    }
    return self;
}

static void list_destroy(const dx_alloc *alloc, void *state) {
    list *self = state;
    dx_buf_deinit(&self->saved);
    dx_alloc_free(alloc, self, sizeof *self);
}

static int list_save(const void *state, dx_buf *out) {
    const list *self = state;
    dx_bytes saved = dx_buf_view(&self->saved);
    dx_buf_append(out, saved.size == 0 ? empty_saved : saved.data,
                  saved.size == 0 ? sizeof empty_saved : saved.size);
    return dx_buf_error(out);
}

/* Every element has one encoding and they ascend, so what is read is what save would write. */
static int list_restore(void *state, dx_bytes saved) {
    list *self = state;
    element_run run;
    int error = read_elements(self, saved, &run);
    size_t count = run.count;
    free_run(self, &run);
    if (error != DX_OK || saved.size == 0) {
        return error == DX_OK ? DX_E_CORRUPT : error;
    }
    dx_buf copy;
    dx_buf_init(&copy, self->alloc, SAVED_SIZE_MAX);
    if (count > 0) {
        dx_buf_append(&copy, saved.data, saved.size);
    }
    error = dx_buf_error(&copy);
    if (error != DX_OK) {
        dx_buf_deinit(&copy);
        return error == DX_E_LIMIT ? DX_E_CORRUPT : error;
    }
    dx_buf_deinit(&self->saved);
    self->saved = copy;
    return DX_OK;
}

/* --- Operations -------------------------------------------------------------------------------- */

enum { EDIT_INSERT, EDIT_MOVE, EDIT_DELETE, EDIT_SET };

/* A place among the edits of one operation, or an id. What is made later in the operation cannot be named. */
static element_id read_target(dx_reader *in, const element_run *edits, const uint8_t *kinds,
                              const dx_stamp *stamp) {
    element_id id = {.stamp = *stamp};
    size_t items = dx_read_array(in);
    if (items == 3) {
        return read_id_parts(in);
    }
    id.index = dx_read_uint_max(in, EDITS_MAX - 1);
    if (items != 1 || id.index >= edits->count || kinds[id.index] > EDIT_MOVE) {
        dx_reader_fail(in);
    }
    return id;
}

/* [0, parent, right, value] | [1, parent, right, item] | [2, item] | [3, item, value] */
static void read_edit(dx_reader *in, const element_run *edits, uint8_t *kinds, const dx_stamp *stamp,
                      element *out) {
    static const size_t items_of[] = {4, 4, 2, 3};
    *out = (element){.origin = ORIGIN_NONE, .id = {.stamp = *stamp, .index = edits->count}};
    size_t items = dx_read_array(in);
    uint64_t kind = dx_read_uint_max(in, EDIT_SET);
    if (items != items_of[kind]) {
        dx_reader_fail(in);
        return;
    }
    kinds[edits->count] = (uint8_t)kind;
    if (kind == EDIT_INSERT || kind == EDIT_MOVE) {
        out->origin = kind == EDIT_INSERT ? ORIGIN_INSERT : ORIGIN_MOVE;
        out->has_parent = dx_reader_peek(in) != DX_KIND_NULL;
        if (out->has_parent) {
            out->parent = read_target(in, edits, kinds, stamp);
        } else {
            dx_read_null(in);
        }
        out->right = dx_read_bool(in);
    } else {
        out->id = read_target(in, edits, kinds, stamp);
    }
    switch (kind) {
    case EDIT_INSERT:
        out->value = read_value(in);
        break;
    case EDIT_MOVE:
        out->item = read_target(in, edits, kinds, stamp);
        break;
    case EDIT_DELETE:
        out->deleted = true;
        break;
    default:
        out->has_set = true;
        out->set_at = *stamp;
        out->set_value = read_value(in);
    }
}

/* Restores the heap below `at`: the greatest id on top. */
static void sift_down(element *items, size_t at, size_t count) {
    element held = items[at];
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && id_compare(&items[child].id, &items[child + 1].id) < 0;
        if (id_compare(&items[child].id, &held.id) <= 0) {
            break;
        }
        items[at] = items[child];
        at = child;
    }
    items[at] = held;
}

/* Ascending, one of each id. Joining does not ask for an order, so an unstable sort will do. */
static void sort_and_join(element_run *run) {
    element *items = run->items;
    size_t kept = 0;
    for (size_t root = run->count / 2; root-- > 0;) {
        sift_down(items, root, run->count);
    }
    for (size_t end = run->count; end-- > 1;) {
        element last = items[0];
        items[0] = items[end];
        items[end] = last;
        sift_down(items, 0, end);
    }
    for (size_t i = 0; i < run->count; i++) {
        if (kept > 0 && id_compare(&items[kept - 1].id, &items[i].id) == 0) {
            join(&items[kept - 1], &items[i]);
        } else {
            items[kept++] = items[i];
        }
    }
    run->count = kept;
}

static int read_operation(const list *self, dx_bytes operation, const dx_stamp *stamp, element_run *out) {
    dx_reader in;
    uint8_t kinds[EDITS_MAX] = {0};
    *out = (element_run){0};
    dx_reader_init(&in, operation);
    size_t count = dx_read_array(&in);
    int error = DX_OK;
    if (count > EDITS_MAX) {
        dx_reader_fail(&in);
    }
    for (size_t i = 0; i < count && in.error == DX_OK && error == DX_OK; i++) {
        element item;
        read_edit(&in, out, kinds, stamp, &item);
        error = in.error == DX_OK ? append(self, out, &item) : DX_OK;
    }
    if (error == DX_OK && dx_reader_finish(&in) != DX_OK) {
        error = DX_E_MALFORMED;
    }
    if (error == DX_OK) {
        sort_and_join(out);
    }
    return error;
}

/* Both ascend. */
static size_t count_joined(const element_run *a, const element_run *b) {
    size_t i = 0, j = 0, count = 0;
    for (; i < a->count || j < b->count; count++) {
        int order = i == a->count ? 1 : j == b->count ? -1 : id_compare(&a->items[i].id, &b->items[j].id);
        i += order <= 0;
        j += order >= 0;
    }
    return count;
}

static int write_joined(const element_run *a, const element_run *b, dx_buf *out) {
    dx_writer writer;
    size_t i = 0, j = 0;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, count_joined(a, b));
    while (i < a->count || j < b->count) {
        int order = i == a->count ? 1 : j == b->count ? -1 : id_compare(&a->items[i].id, &b->items[j].id);
        element item = order <= 0 ? a->items[i] : b->items[j];
        if (order == 0) {
            join(&item, &b->items[j]);
        }
        write_element(&writer, &item);
        i += order <= 0;
        j += order >= 0;
    }
    return dx_writer_finish(&writer);
}

static int list_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    list *self = state;
    element_run edits, there = {0};
    dx_buf joined;
    dx_buf_init(&joined, self->alloc, SAVED_SIZE_MAX);
    int error = read_operation(self, operation, stamp, &edits);
    if (error == DX_OK && edits.count > 0) {
        error = read_elements(self, dx_buf_view(&self->saved), &there);
        if (error == DX_OK && count_joined(&there, &edits) > ELEMENTS_MAX) {
            error = DX_E_LIMIT;
        }
        error = error == DX_OK ? write_joined(&there, &edits, &joined) : error;
        if (error == DX_OK) {
            dx_buf held = self->saved;
            self->saved = joined;
            joined = held;
        }
    }
    dx_buf_deinit(&joined);
    free_run(self, &there);
    free_run(self, &edits);
    return error;
}

/* --- The order of the list ----------------------------------------------------------------------- */

/* The positions in their order, and of each element the position that holds. */
typedef struct layout {
    element_run run;
    uint32_t *children;  /* elements with an origin, ascending by (parent, side, id) */
    uint32_t *positions; /* all that can be reached from the beginning, in order */
    uint32_t *shown;     /* of these, those that hold an element that is not deleted */
    size_t child_count, position_count, shown_count;
} layout;

static const uint32_t nowhere = UINT32_MAX;

static int child_compare(const layout *self, uint32_t a, uint32_t b) {
    const element *x = &self->run.items[a], *y = &self->run.items[b];
    if (x->has_parent != y->has_parent) {
        return x->has_parent ? 1 : -1;
    }
    int order = x->has_parent ? id_compare(&x->parent, &y->parent) : 0;
    if (order == 0 && x->right != y->right) {
        return x->right ? 1 : -1;
    }
    return order != 0 ? order : id_compare(&x->id, &y->id);
}

static void sift_child_down(layout *self, size_t at, size_t count) {
    uint32_t held = self->children[at];
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child +=
            child + 1 < count && child_compare(self, self->children[child], self->children[child + 1]) < 0;
        if (child_compare(self, self->children[child], held) <= 0) {
            break;
        }
        self->children[at] = self->children[child];
        at = child;
    }
    self->children[at] = held;
}

static void sort_children(layout *self) {
    for (uint32_t i = 0; i < self->run.count; i++) {
        if (self->run.items[i].origin != ORIGIN_NONE) {
            self->children[self->child_count++] = i;
        }
    }
    for (size_t root = self->child_count / 2; root-- > 0;) {
        sift_child_down(self, root, self->child_count);
    }
    for (size_t end = self->child_count; end-- > 1;) {
        uint32_t last = self->children[0];
        self->children[0] = self->children[end];
        self->children[end] = last;
        sift_child_down(self, 0, end);
    }
}

/* Whether the child's place in the order is before that of all children of the parent on this side. parent NULL:
 * the beginning of the list. */
static bool is_before_side(const element *child, const element_id *parent, bool right) {
    if (child->has_parent != (parent != NULL)) {
        return parent != NULL;
    }
    int order = parent == NULL ? 0 : id_compare(&child->parent, parent);
    return order != 0 ? order < 0 : !child->right && right;
}

static bool is_on_side(const layout *self, size_t at, const element_id *parent, bool right) {
    if (at >= self->child_count) {
        return false;
    }
    DX_ASSERT(self->run.items != NULL); /* children are among them */
    const element *child = &self->run.items[self->children[at]];
    return child->right == right && child->has_parent == (parent != NULL) &&
           (parent == NULL || id_compare(&child->parent, parent) == 0);
}

/* Where the children of the parent on this side begin in the order of children, if there are any. */
static size_t first_on_side(const layout *self, const element_id *parent, bool right) {
    size_t low = 0, high = self->child_count;
    DX_ASSERT(high == 0 || self->run.items != NULL);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool before = is_before_side(&self->run.items[self->children[middle]], parent, right);
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    return low;
}

typedef struct visit {
    uint32_t element; /* nowhere: the beginning of the list */
    uint32_t next;    /* its next child to visit */
    bool right;       /* of its right children; it stands between the two sides */
} visit;

static const element_id *id_of_visit(const layout *self, const visit *at) {
    return at->element == nowhere ? NULL : &self->run.items[at->element].id;
}

/* Left children, the element, right children. Every element has one parent, so each is come by once at most. */
static void walk(layout *self, visit *stack) {
    size_t depth = 1;
    stack[0] = (visit){.element = nowhere, .next = (uint32_t)first_on_side(self, NULL, false)};
    while (depth > 0) {
        visit *top = &stack[depth - 1];
        const element_id *id = id_of_visit(self, top);
        if (is_on_side(self, top->next, id, top->right)) {
            uint32_t child = self->children[top->next++];
            const element_id *child_id = &self->run.items[child].id;
            stack[depth++] =
                (visit){.element = child, .next = (uint32_t)first_on_side(self, child_id, false)};
        } else if (!top->right) {
            if (top->element != nowhere) {
                self->positions[self->position_count++] = top->element;
            }
            top->right = true;
            top->next = (uint32_t)first_on_side(self, id, true);
        } else {
            depth--;
        }
    }
}

/* The element whose position this is; nowhere: it is not here, or is no element but a position itself. */
static uint32_t item_at(const layout *self, uint32_t position) {
    DX_ASSERT(position < self->run.count && self->run.items != NULL);
    const element *at = &self->run.items[position];
    const element *item = at->origin == ORIGIN_INSERT ? at : find(&self->run, &at->item);
    return item == NULL || item->origin != ORIGIN_INSERT ? nowhere : (uint32_t)(item - self->run.items);
}

/* Of the positions of one element the one that was made last holds. */
static void choose_holders(const layout *self, uint32_t *latest) {
    for (size_t i = 0; i < self->run.count; i++) {
        latest[i] = nowhere;
    }
    for (size_t i = 0; i < self->position_count; i++) {
        uint32_t position = self->positions[i], item = item_at(self, position);
        if (item != nowhere && (latest[item] == nowhere || latest[item] < position)) {
            latest[item] = position; /* the run ascends by id */
        }
    }
}

static void choose_positions(layout *self, uint32_t *latest) {
    choose_holders(self, latest);
    for (size_t i = 0; i < self->position_count; i++) {
        uint32_t position = self->positions[i], item = item_at(self, position);
        if (item != nowhere && latest[item] == position && !self->run.items[item].deleted) {
            self->shown[self->shown_count++] = position;
        }
    }
}

static void layout_deinit(const list *owner, layout *self) {
    size_t size = self->run.count * sizeof(uint32_t);
    dx_alloc_free(owner->alloc, self->children, size);
    dx_alloc_free(owner->alloc, self->positions, size);
    dx_alloc_free(owner->alloc, self->shown, size);
    free_run(owner, &self->run);
}

/* With an error there is nothing to give back. */
static int layout_init(const list *owner, layout *self) {
    *self = (layout){0};
    int error = read_elements(owner, dx_buf_view(&owner->saved), &self->run);
    size_t count = self->run.count, size = count * sizeof(uint32_t);
    if (error != DX_OK || count == 0) {
        free_run(owner, &self->run);
        self->run = (element_run){0};
        return error;
    }
    visit *stack = dx_alloc_take(owner->alloc, (count + 1) * sizeof *stack);
    uint32_t *latest = dx_alloc_take(owner->alloc, size);
    self->children = dx_alloc_take(owner->alloc, size);
    self->positions = dx_alloc_take(owner->alloc, size);
    self->shown = dx_alloc_take(owner->alloc, size);
    if (stack == NULL || latest == NULL || self->children == NULL || self->positions == NULL ||
        self->shown == NULL) {
        error = DX_E_NO_MEMORY;
    } else {
        sort_children(self);
        walk(self, stack);
        choose_positions(self, latest);
    }
    dx_alloc_free(owner->alloc, stack, (count + 1) * sizeof *stack);
    dx_alloc_free(owner->alloc, latest, size);
    if (error != DX_OK) {
        layout_deinit(owner, self);
    }
    return error;
}

/* --- What people see ------------------------------------------------------------------------------ */

static int list_view(const void *state, dx_writer *out) {
    layout order;
    int error = layout_init(state, &order);
    if (error != DX_OK) {
        return error;
    }
    DX_ASSERT(order.shown_count == 0 || order.run.items != NULL);
    dx_write_array(out, order.shown_count);
    for (size_t i = 0; i < order.shown_count; i++) {
        const element *item = &order.run.items[item_at(&order, order.shown[i])];
        bool set = item->has_set && dx_stamp_compare(&item->set_at, &item->id.stamp) >= 0;
        dx_write_item(out, set ? item->set_value : item->value);
    }
    layout_deinit(state, &order);
    return DX_OK;
}

/* --- Requests: by places in the list as it shows here --------------------------------------------- */

/* Writes parent and side of a new position behind the given one (nowhere: at the beginning). As in Fugue: its right
 * child, unless it has one; then the left child of the position that follows it. */
static void write_behind(const layout *order, uint32_t position, dx_writer *out) {
    const element_id *id = position == nowhere ? NULL : &order->run.items[position].id;
    bool taken = is_on_side(order, first_on_side(order, id, true), id, true);
    if (taken) {
        size_t at = 0;
        while (position != nowhere && order->positions[at] != position) {
            at++;
        }
        id = &order->run.items[order->positions[position == nowhere ? 0 : at + 1]].id;
    }
    if (id == NULL) {
        dx_write_null(out);
    } else {
        write_id(out, id);
    }
    dx_write_bool(out, !taken);
}

static uint32_t position_before(const layout *order, uint64_t place) {
    return place == 0 ? nowhere : order->shown[place - 1];
}

static const element_id *shown_id(const layout *order, uint64_t place) {
    DX_ASSERT(place < order->shown_count && order->run.items != NULL);
    return &order->run.items[item_at(order, order->shown[place])].id;
}

static int prepare_insert(const layout *order, uint64_t place, dx_bytes values, dx_writer *out) {
    dx_reader in;
    dx_reader_init(&in, values);
    size_t count = dx_read_array(&in);
    if (in.error != DX_OK || count > EDITS_MAX || place > order->shown_count) {
        return DX_E_INVALID;
    }
    dx_write_array(out, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_array(out, 4);
        dx_write_uint(out, EDIT_INSERT);
        if (i == 0) {
            write_behind(order, position_before(order, place), out);
        } else {
            dx_write_array(out, 1);
            dx_write_uint(out, i - 1);
            dx_write_bool(out, true);
        }
        dx_write_item(out, dx_read_item(&in));
    }
    return DX_OK;
}

static int prepare_delete(const layout *order, uint64_t place, uint64_t count, dx_writer *out) {
    if (count > EDITS_MAX || place > order->shown_count || count > order->shown_count - place) {
        return DX_E_INVALID;
    }
    dx_write_array(out, (size_t)count);
    for (uint64_t i = 0; i < count; i++) {
        dx_write_array(out, 2);
        dx_write_uint(out, EDIT_DELETE);
        write_id(out, shown_id(order, place + i));
    }
    return DX_OK;
}

/* Afterwards the element stands at `to`. */
static int prepare_move(const layout *order, uint64_t from, uint64_t to, dx_writer *out) {
    if (from >= order->shown_count || to >= order->shown_count) {
        return DX_E_INVALID;
    }
    dx_write_array(out, 1);
    dx_write_array(out, 4);
    dx_write_uint(out, EDIT_MOVE);
    write_behind(order, position_before(order, to > from ? to + 1 : to), out);
    write_id(out, shown_id(order, from));
    return DX_OK;
}

static int prepare_set(const layout *order, uint64_t place, dx_bytes value, dx_writer *out) {
    if (place >= order->shown_count || value.size == 0) {
        return DX_E_INVALID;
    }
    dx_write_array(out, 1);
    dx_write_array(out, 3);
    dx_write_uint(out, EDIT_SET);
    write_id(out, shown_id(order, place));
    dx_write_item(out, value);
    return DX_OK;
}

static bool take_place(dx_bytes request, const char *key, uint64_t *place) {
    dx_bytes item = dx_item_get(request, key);
    int64_t value = dx_item_int(item, -1);
    *place = value < 0 ? 0 : (uint64_t)value;
    return item.size != 0 && value >= 0;
}

/* {"insert": place, "values": [value…]} | {"delete": place, "count"?} | {"move": place, "to": place} |
 * {"set": place, "value": value} */
static int list_prepare(const void *state, const uint8_t *feed, dx_bytes request, dx_buf *operation) {
    layout order;
    dx_writer writer;
    uint64_t place, other;
    (void)feed;
    if (dx_item_check(request) != DX_OK) {
        return DX_E_INVALID;
    }
    int error = layout_init(state, &order);
    if (error != DX_OK) {
        return error;
    }
    dx_writer_init(&writer, operation);
    if (take_place(request, "insert", &place)) {
        error = prepare_insert(&order, place, dx_item_get(request, "values"), &writer);
    } else if (take_place(request, "delete", &place)) {
        other = (uint64_t)dx_item_int(dx_item_get(request, "count"), 1);
        error = prepare_delete(&order, place, other, &writer);
    } else if (take_place(request, "move", &place) && take_place(request, "to", &other)) {
        error = prepare_move(&order, place, other, &writer);
    } else if (take_place(request, "set", &place)) {
        error = prepare_set(&order, place, dx_item_get(request, "value"), &writer);
    } else {
        error = DX_E_INVALID;
    }
    layout_deinit(state, &order);
    return error == DX_OK ? dx_writer_finish(&writer) : error;
}

/* --- Taking back ---------------------------------------------------------------------------------- */

typedef struct inversion {
    layout before, after, now;
    uint32_t *held_before, *held_after, *held_now; /* per element, the position that holds */
    const dx_stamp *first, *last;
    dx_writer *out; /* NULL: edits are counted */
    size_t edits;
    bool *kept;
} inversion;

static bool is_authors(const inversion *self, const dx_stamp *stamp) {
    return memcmp(stamp->feed, self->first->feed, sizeof stamp->feed) == 0;
}

static bool is_of_transaction(const inversion *self, const dx_stamp *stamp) {
    return is_authors(self, stamp) && stamp->counter >= self->first->counter &&
           stamp->counter <= self->last->counter;
}

static uint32_t number_of(const layout *order, const element_id *id) {
    const element *found = find(&order->run, id);
    return found == NULL ? nowhere : (uint32_t)(found - order->run.items);
}

static void begin_edit(inversion *self, size_t fields, uint64_t kind) {
    self->edits++;
    if (self->out != NULL) {
        dx_write_array(self->out, fields);
        dx_write_uint(self->out, kind);
    }
}

/* An element that the transaction made. */
static void invert_insert(inversion *self, const element *now) {
    if (now->deleted) {
        return;
    }
    if (now->has_set && !is_authors(self, &now->set_at)) {
        *self->kept = true;
        return;
    }
    begin_edit(self, 2, EDIT_DELETE);
    if (self->out != NULL) {
        write_id(self->out, &now->id);
    }
}

/* A new position just before an old one: left children ascend by id, and this will be the latest. */
static void write_at(const inversion *self, const layout *order, uint32_t position) {
    write_id(self->out, &order->run.items[position].id);
    dx_write_bool(self->out, false);
}

static dx_bytes shown_value(const element *item) {
    bool set = item->has_set && dx_stamp_compare(&item->set_at, &item->id.stamp) >= 0;
    return set ? item->set_value : item->value;
}

/* One that it deleted: deleting is for good, so another element takes its place. */
static void invert_delete(inversion *self, const element *before, uint32_t now) {
    uint32_t position = self->held_now[now];
    if (position == nowhere) {
        return; /* it showed nowhere */
    }
    begin_edit(self, 4, EDIT_INSERT);
    if (self->out != NULL) {
        write_at(self, &self->now, position);
        dx_write_item(self->out, shown_value(before));
    }
}

static void invert_set(inversion *self, const element *before, const element *after, const element *now) {
    if (!is_authors(self, &now->set_at) || !dx_bytes_equal(now->set_value, after->set_value)) {
        *self->kept = true;
        return;
    }
    begin_edit(self, 3, EDIT_SET);
    if (self->out != NULL) {
        write_id(self->out, &now->id);
        dx_write_item(self->out, shown_value(before));
    }
}

static void invert_move(inversion *self, const element *before, const element *now, uint32_t number) {
    const element_id *held = &self->now.run.items[self->held_now[number]].id;
    uint32_t was = self->held_before[before - self->before.run.items];
    if (was == nowhere || !is_authors(self, &held->stamp)) {
        *self->kept = true;
        return;
    }
    begin_edit(self, 4, EDIT_MOVE);
    if (self->out != NULL) {
        write_at(self, &self->before, was);
        write_id(self->out, &now->id);
    }
}

static void invert_element(inversion *self, uint32_t at) {
    const element *after = &self->after.run.items[at];
    uint32_t was = number_of(&self->before, &after->id), is = number_of(&self->now, &after->id);
    if (after->origin != ORIGIN_INSERT || is == nowhere) {
        return;
    }
    const element *before = was == nowhere ? NULL : &self->before.run.items[was];
    const element *now = &self->now.run.items[is];
    if (before == NULL || before->origin != ORIGIN_INSERT) {
        if (is_of_transaction(self, &after->id.stamp)) {
            invert_insert(self, now);
        }
        return;
    }
    if (before->deleted) {
        return;
    }
    if (after->deleted) {
        invert_delete(self, before, is);
        return;
    }
    uint32_t held = self->held_after[at];
    bool set = after->has_set && is_of_transaction(self, &after->set_at);
    bool moved = held != nowhere && is_of_transaction(self, &self->after.run.items[held].id.stamp);
    if (now->deleted) {
        *self->kept = *self->kept || set || moved; /* one that took its place is another element */
        return;
    }
    if (set) {
        invert_set(self, before, after, now);
    }
    if (moved) {
        invert_move(self, before, now, is);
    }
}

static void invert_elements(inversion *self, dx_writer *out) {
    self->out = out;
    self->edits = 0;
    for (uint32_t i = 0; i < self->after.run.count; i++) {
        invert_element(self, i);
    }
}

/* Per element the position that holds, deleted or not; NULL: no memory. */
static uint32_t *holders_of(const list *owner, const layout *order) {
    uint32_t *held = dx_alloc_take(owner->alloc, (order->run.count + 1) * sizeof *held);
    if (held != NULL) {
        choose_holders(order, held);
    }
    return held;
}

static int write_inverse(inversion *self, dx_buf *operation) {
    dx_writer writer;
    invert_elements(self, NULL);
    if (self->edits == 0) {
        return DX_OK;
    }
    if (self->edits > EDITS_MAX) {
        return DX_E_LIMIT;
    }
    dx_writer_init(&writer, operation);
    dx_write_array(&writer, self->edits);
    invert_elements(self, &writer);
    return dx_writer_finish(&writer);
}

static int list_invert(const void *before, const void *after, const void *now, const dx_stamp *first,
                       const dx_stamp *last, dx_buf *operation, bool *kept) {
    const list *lists[] = {before, after, now};
    inversion self = {.first = first, .last = last, .kept = kept};
    layout *orders[] = {&self.before, &self.after, &self.now};
    uint32_t **held[] = {&self.held_before, &self.held_after, &self.held_now};
    size_t read = 0;
    int error = DX_OK;
    while (read < 3 && error == DX_OK) {
        error = layout_init(lists[read], orders[read]);
        if (error == DX_OK) {
            *held[read] = holders_of(lists[read], orders[read]);
            error = *held[read] == NULL ? DX_E_NO_MEMORY : DX_OK;
            read++;
        }
    }
    error = error == DX_OK ? write_inverse(&self, operation) : error;
    while (read > 0) {
        read--;
        dx_alloc_free(lists[read]->alloc, *held[read], (orders[read]->run.count + 1) * sizeof **held[read]);
        layout_deinit(lists[read], orders[read]);
    }
    return error;
}

const dx_model dx_list_model = {
    .version = DX_MODEL_VERSION,
    .name = "dx/list/1",
    .kind = DX_MODEL_MERGE,
    .create = list_create,
    .destroy = list_destroy,
    .apply = list_apply,
    .save = list_save,
    .restore = list_restore,
    .view = list_view,
    .prepare = list_prepare,
    .invert = list_invert,
};
