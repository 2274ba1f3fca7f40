/* model/object_list.c: from elements to the order of items.
 *
 * Layer: floor 1, model. Contract in model/object_list.h. Linear but for looking up ids. Nothing here trusts
 * its input: a place whose neighbour is not there stands at the end, one that stands beside itself nowhere. */
#include "model/object_list.h"

#include <string.h>

/* --- Nodes -------------------------------------------------------------------------------------- */

/* The elements of one kind among those of a path. */
static const dx_element *elements_of(const dx_element *elements, size_t count, uint32_t kind, size_t *found) {
    size_t at = 0, end;
    while (at < count && elements[at].kind < kind) {
        at++;
    }
    for (end = at; end < count && elements[end].kind == kind; end++) {
    }
    *found = end - at;
    return elements + at;
}

/* The index that an id names in the base; DX_LIST_NONE: none. */
static uint32_t base_index(const dx_object_base *base, uint32_t base_count, dx_bytes id) {
    if (base->id_size != DX_BASE_SIZE || id.size != DX_BASE_ITEM_SIZE ||
        memcmp(id.data, base->id, DX_BASE_SIZE) != 0) {
        return DX_LIST_NONE;
    }
    const uint8_t *at = id.data + DX_BASE_SIZE;
    uint32_t index = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return index < base_count ? index : DX_LIST_NONE;
}

typedef struct list_making {
    dx_object_list *list;
    const dx_object_base *base;
    uint32_t base_count;
} list_making;

/* The node with this id: of the base first, then those made by elements, which ascend. */
static uint32_t find_node(const list_making *self, dx_bytes id) {
    uint32_t index = base_index(self->base, self->base_count, id);
    if (index != DX_LIST_NONE) {
        return index;
    }
    uint32_t low = self->base_count, high = self->list->node_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = dx_element_compare_keys(self->list->nodes[middle].id, id);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return DX_LIST_NONE;
}

/* The base's items: each stands to the right of the one before it. */
static void add_base(list_making *self, uint8_t *ids) {
    dx_reader reader;
    dx_reader_init(&reader, self->base->value);
    (void)dx_read_array(&reader);
    for (uint32_t i = 0; i < self->base_count; i++) {
        uint8_t *id = ids + (size_t)i * DX_BASE_ITEM_SIZE;
        memcpy(id, self->base->id, DX_BASE_SIZE);
        id[DX_BASE_SIZE] = (uint8_t)(i >> 24);
        id[DX_BASE_SIZE + 1] = (uint8_t)(i >> 16);
        id[DX_BASE_SIZE + 2] = (uint8_t)(i >> 8);
        id[DX_BASE_SIZE + 3] = (uint8_t)i;
        self->list->nodes[i] = (dx_list_node){.id = dx_bytes_of(id, DX_BASE_ITEM_SIZE),
                                              .value = dx_read_item(&reader),
                                              .parent = i == 0 ? DX_LIST_NONE : i - 1,
                                              .right = true,
                                              .of_base = true};
    }
}

/* One element of kind ITEM: [] or [value] of an item of the base, [parent, side] or [parent, side, value] of an
 * item of its own, whose parent is looked up when all are known. What has neither form is passed over. */
static void add_item(list_making *self, const dx_element *element) {
    dx_reader reader;
    dx_reader_init(&reader, element->payload);
    if (dx_item_kind(element->payload) != DX_KIND_ARRAY) {
        return;
    }
    size_t fields = dx_read_array(&reader);
    uint32_t index = base_index(self->base, self->base_count, element->key);
    if (fields < 2) {
        if (index != DX_LIST_NONE) {
            self->list->nodes[index].payload = element->payload;
            self->list->nodes[index].value = fields == 1 ? dx_read_item(&reader) : dx_bytes_of(NULL, 0);
        }
        return;
    }
    if (fields == 2 || fields == 3) {
        dx_bytes parent = dx_read_item(&reader);
        bool named = dx_item_kind(parent) == DX_KIND_BYTES;
        uint64_t side = dx_read_uint_max(&reader, 1);
        dx_bytes value = fields == 3 ? dx_read_item(&reader) : dx_bytes_of(NULL, 0);
        if (index != DX_LIST_NONE || element->key.size == 0 || reader.error != DX_OK ||
            (!named && dx_item_kind(parent) != DX_KIND_NULL)) {
            return;
        }
        self->list->nodes[self->list->node_count++] = (dx_list_node){
            .id = element->key, .value = value, .payload = element->payload, .right = !named || side == 1};
    }
}

static void find_parents(list_making *self) {
    for (uint32_t i = self->base_count; i < self->list->node_count; i++) {
        dx_list_node *node = &self->list->nodes[i];
        dx_reader reader;
        dx_reader_init(&reader, node->payload);
        (void)dx_read_array(&reader);
        dx_bytes parent = dx_item_bytes(dx_read_item(&reader));
        node->parent = parent.data == NULL ? DX_LIST_NONE : find_node(self, parent);
        node->right = node->right || node->parent == DX_LIST_NONE;
    }
}

/* --- Order -------------------------------------------------------------------------------------- */

/* Numbers of a walk. Node n stands as node_count for the beginning itself. */
typedef struct list_walk {
    uint32_t *starts;   /* per node and side, where its children begin in `children`; one more for the end */
    uint32_t *children; /* by parent, side and number: of the base first, then by id */
    uint32_t *next;     /* per node, the child to go to next */
    uint32_t *stack;
    bool *passed; /* per node: it has its place in the order */
} list_walk;

static size_t slot_of(const dx_object_list *list, const dx_list_node *node) {
#if defined(DX_PLANT) && DX_PLANT == 38
    return 2 * (size_t)(node->parent == DX_LIST_NONE ? list->node_count : node->parent) + 1;
#endif
    return 2 * (size_t)(node->parent == DX_LIST_NONE ? list->node_count : node->parent) + node->right;
}

static void gather_children(const dx_object_list *list, list_walk *walk) {
    size_t slots = 2 * ((size_t)list->node_count + 1);
    memset(walk->starts, 0, (slots + 1) * sizeof *walk->starts);
    for (uint32_t i = 0; i < list->node_count; i++) {
        walk->starts[slot_of(list, &list->nodes[i]) + 1]++;
    }
    for (size_t i = 1; i <= slots; i++) {
        walk->starts[i] += walk->starts[i - 1];
    }
    for (uint32_t i = list->node_count; i > 0; i--) { /* filled from the back, which moves the ends down */
        size_t slot = slot_of(list, &list->nodes[i - 1]);
        walk->children[--walk->starts[slot + 1]] = i - 1;
    }
    for (size_t i = 0; i < slots; i++) { /* each end has become its slot's beginning */
        walk->starts[i] = walk->starts[i + 1];
    }
    walk->starts[slots] = list->node_count;
    for (size_t i = 0; i <= list->node_count; i++) {
        walk->next[i] = walk->starts[2 * i];
    }
}

/* Left children, the node itself, right children, by a stack of its own: a run of inserts is as deep as it is
 * long. */
static void walk_places(dx_object_list *list, list_walk *walk) {
    size_t depth = 1;
    walk->stack[0] = list->node_count;
    memset(walk->passed, 0, (size_t)list->node_count + 1);
    while (depth > 0) {
        uint32_t node = walk->stack[depth - 1];
        if (!walk->passed[node] && walk->next[node] == walk->starts[2 * (size_t)node + 1]) {
            walk->passed[node] = true;
            if (node != list->node_count) {
                list->order[list->order_count++] = node;
            }
        } else if (walk->next[node] < walk->starts[2 * (size_t)node + 2]) {
            walk->stack[depth++] = walk->children[walk->next[node]++];
        } else {
            depth--;
        }
    }
}

/* --- Items -------------------------------------------------------------------------------------- */

/* Where each item stands: in the place it was last moved to, else in its own. */
static void find_places(const list_making *self, const list_walk *walk, const dx_element *elements,
                        size_t count) {
    dx_object_list *list = self->list;
    for (uint32_t i = 0; i < list->node_count; i++) {
        list->at[i] = walk->passed[i] ? i : DX_LIST_NONE;
    }
    size_t moves;
    elements = elements_of(elements, count, DX_ELEMENT_MOVE, &moves);
    for (size_t i = 0; i < moves; i++) {
        dx_bytes place = dx_item_bytes(elements[i].payload);
        uint32_t item = find_node(self, elements[i].key);
        uint32_t at = place.data == NULL ? DX_LIST_NONE : find_node(self, place);
        if (item != DX_LIST_NONE && at != DX_LIST_NONE && walk->passed[at]) {
            list->at[item] = at;
        }
    }
}

/* The items in the order of their places; of several in one place the one with the lesser number comes first. */
static void gather_items(dx_object_list *list, uint32_t *first, uint32_t *next) {
    for (uint32_t i = 0; i < list->node_count; i++) {
        first[i] = DX_LIST_NONE;
    }
    for (uint32_t i = list->node_count; i > 0; i--) {
        uint32_t at = list->nodes[i - 1].value.size == 0 ? DX_LIST_NONE : list->at[i - 1];
        if (at != DX_LIST_NONE) {
            next[i - 1] = first[at];
            first[at] = i - 1;
        }
    }
    for (uint32_t i = 0; i < list->order_count; i++) {
        for (uint32_t item = first[list->order[i]]; item != DX_LIST_NONE; item = next[item]) {
            list->items[list->item_count++] = item;
        }
    }
}

/* --- All ---------------------------------------------------------------------------------------- */

static uint32_t count_base(const dx_object_base *base) {
    dx_reader reader;
    if (base->value.size == 0 || base->id_size != DX_BASE_SIZE) {
        return 0;
    }
    dx_reader_init(&reader, base->value);
    return (uint32_t)dx_read_array(&reader);
}

/* How many numbers the arrays of list and walk hold for n nodes, from the beginning of the block. */
static size_t divide(dx_object_list *list, list_walk *walk, uint32_t *numbers, size_t n) {
    size_t at = 0;
    uint32_t **arrays[] = {&list->order, &list->at, &list->items, &walk->children, &walk->next, &walk->stack};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = numbers == NULL ? NULL : numbers + at;
        at += n + 1;
    }
    walk->starts = numbers == NULL ? NULL : numbers + at;
    return at + 2 * (n + 1) + 1;
}

int dx_object_list_read(dx_object_list *list, const dx_alloc *alloc, const dx_object_base *base,
                        const dx_element *elements, size_t count) {
    list_making self = {.list = list, .base = base, .base_count = count_base(base)};
    list_walk walk;
    size_t made;
    const dx_element *items = elements_of(elements, count, DX_ELEMENT_ITEM, &made);
    *list = (dx_object_list){0};
    size_t n = self.base_count + made;
    size_t nodes_size = n * sizeof(dx_list_node);
    size_t numbers_size = divide(list, &walk, NULL, n) * sizeof(uint32_t);
    list->block_size = nodes_size + numbers_size + n + 1 + (size_t)self.base_count * DX_BASE_ITEM_SIZE;
    list->block = dx_alloc_take(alloc, list->block_size);
    if (list->block == NULL) {
        return DX_E_NO_MEMORY;
    }
    uint8_t *block = list->block;
    list->nodes = (dx_list_node *)(void *)block;
    (void)divide(list, &walk, (uint32_t *)(void *)(block + nodes_size), n);
    walk.passed = (bool *)(block + nodes_size + numbers_size);
    list->node_count = self.base_count;
    add_base(&self, block + nodes_size + numbers_size + n + 1);
    for (size_t i = 0; i < made; i++) {
        add_item(&self, &items[i]);
    }
    find_parents(&self);
    gather_children(list, &walk);
    walk_places(list, &walk);
    find_places(&self, &walk, elements, count);
    gather_items(list, walk.children, walk.next);
    return DX_OK;
}

void dx_object_list_deinit(dx_object_list *list, const dx_alloc *alloc) {
    dx_alloc_free(alloc, list->block, list->block_size);
    *list = (dx_object_list){0};
}
