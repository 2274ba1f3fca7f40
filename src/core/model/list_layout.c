/* model/list_layout.c: the order of a list. See list_layout.h.
 *
 * Layer: floor 1, model. */
#include "model/list_layout.h"

static int child_compare(const dx_list_layout *self, uint32_t a, uint32_t b) {
    const dx_list_element *x = &self->run.items[a], *y = &self->run.items[b];
    if (x->has_parent != y->has_parent) {
        return x->has_parent ? 1 : -1;
    }
    int order = x->has_parent ? dx_list_id_compare(&x->parent, &y->parent) : 0;
    if (order == 0 && x->right != y->right) {
        return x->right ? 1 : -1;
    }
    return order != 0 ? order : dx_list_id_compare(&x->id, &y->id);
}

static void sift_child_down(dx_list_layout *self, size_t at, size_t count) {
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

static void sort_children(dx_list_layout *self) {
    for (uint32_t i = 0; i < self->run.count; i++) {
        if (self->run.items[i].origin != DX_LIST_ORIGIN_NONE) {
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
static bool is_before_side(const dx_list_element *child, const dx_list_id *parent, bool right) {
    if (child->has_parent != (parent != NULL)) {
        return parent != NULL;
    }
    int order = parent == NULL ? 0 : dx_list_id_compare(&child->parent, parent);
    return order != 0 ? order < 0 : !child->right && right;
}

bool dx_list_layout_is_on_side(const dx_list_layout *self, size_t at, const dx_list_id *parent, bool right) {
    if (at >= self->child_count) {
        return false;
    }
    DX_ASSERT(self->run.items != NULL); /* children are among them */
    const dx_list_element *child = &self->run.items[self->children[at]];
    return child->right == right && child->has_parent == (parent != NULL) &&
           (parent == NULL || dx_list_id_compare(&child->parent, parent) == 0);
}

size_t dx_list_layout_first_on_side(const dx_list_layout *self, const dx_list_id *parent, bool right) {
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

static const dx_list_id *id_of_visit(const dx_list_layout *self, const visit *at) {
    return at->element == DX_LIST_NOWHERE ? NULL : &self->run.items[at->element].id;
}

/* Left children, the element, right children. Every element has one parent, so each is come by once at most. */
static void walk(dx_list_layout *self, visit *stack) {
    size_t depth = 1;
    stack[0] = (visit){.element = DX_LIST_NOWHERE,
                       .next = (uint32_t)dx_list_layout_first_on_side(self, NULL, false)};
    while (depth > 0) {
        visit *top = &stack[depth - 1];
        const dx_list_id *id = id_of_visit(self, top);
        if (dx_list_layout_is_on_side(self, top->next, id, top->right)) {
            uint32_t child = self->children[top->next++];
            const dx_list_id *child_id = &self->run.items[child].id;
            stack[depth++] = (visit){.element = child,
                                     .next = (uint32_t)dx_list_layout_first_on_side(self, child_id, false)};
        } else if (!top->right) {
            if (top->element != DX_LIST_NOWHERE) {
                self->positions[self->position_count++] = top->element;
            }
            top->right = true;
            top->next = (uint32_t)dx_list_layout_first_on_side(self, id, true);
        } else {
            depth--;
        }
    }
}

uint32_t dx_list_layout_item(const dx_list_layout *self, uint32_t position) {
    DX_ASSERT(position < self->run.count && self->run.items != NULL);
    const dx_list_element *at = &self->run.items[position];
    const dx_list_element *item =
        at->origin == DX_LIST_ORIGIN_INSERT ? at : dx_list_run_find(&self->run, &at->item);
    return item == NULL || item->origin != DX_LIST_ORIGIN_INSERT ? DX_LIST_NOWHERE
                                                                 : (uint32_t)(item - self->run.items);
}

void dx_list_layout_holders(const dx_list_layout *self, uint32_t *latest) {
    for (size_t i = 0; i < self->run.count; i++) {
        latest[i] = DX_LIST_NOWHERE;
    }
    for (size_t i = 0; i < self->position_count; i++) {
        uint32_t position = self->positions[i], item = dx_list_layout_item(self, position);
        if (item != DX_LIST_NOWHERE && (latest[item] == DX_LIST_NOWHERE || latest[item] < position)) {
            latest[item] = position; /* the run ascends by id */
        }
    }
}

static void choose_positions(dx_list_layout *self, uint32_t *latest) {
    dx_list_layout_holders(self, latest);
    for (size_t i = 0; i < self->position_count; i++) {
        uint32_t position = self->positions[i], item = dx_list_layout_item(self, position);
        if (item != DX_LIST_NOWHERE && latest[item] == position && !self->run.items[item].deleted) {
            self->shown[self->shown_count++] = position;
        }
    }
}

void dx_list_layout_deinit(const dx_alloc *alloc, dx_list_layout *self) {
    size_t size = self->run.count * sizeof(uint32_t);
    dx_alloc_free(alloc, self->children, size);
    dx_alloc_free(alloc, self->positions, size);
    dx_alloc_free(alloc, self->shown, size);
    dx_list_run_deinit(alloc, &self->run);
}

int dx_list_layout_init(const dx_alloc *alloc, dx_bytes saved, dx_list_layout *self) {
    *self = (dx_list_layout){0};
    int error = dx_list_run_read(alloc, saved, &self->run);
    size_t count = self->run.count, size = count * sizeof(uint32_t);
    if (error != DX_OK || count == 0) {
        dx_list_run_deinit(alloc, &self->run);
        self->run = (dx_list_run){0};
        return error;
    }
    visit *stack = dx_alloc_take(alloc, (count + 1) * sizeof *stack);
    uint32_t *latest = dx_alloc_take(alloc, size);
    self->children = dx_alloc_take(alloc, size);
    self->positions = dx_alloc_take(alloc, size);
    self->shown = dx_alloc_take(alloc, size);
    if (stack == NULL || latest == NULL || self->children == NULL || self->positions == NULL ||
        self->shown == NULL) {
        error = DX_E_NO_MEMORY;
    } else {
        sort_children(self);
        walk(self, stack);
        choose_positions(self, latest);
    }
    dx_alloc_free(alloc, stack, (count + 1) * sizeof *stack);
    dx_alloc_free(alloc, latest, size);
    if (error != DX_OK) {
        dx_list_layout_deinit(alloc, self);
    }
    return error;
}
