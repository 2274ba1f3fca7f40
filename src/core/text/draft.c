/* text/draft.c: see draft.h. */
#include "text/draft.h"

#include "text/place.h"
#include "text/room.h"

/* How full leaves are made: the next items find room without cutting one. */
enum { FULL_ITEMS = DX_TEXT_LEAF_ITEMS - 2, FULL_TEXT = DX_TEXT_LEAF_TEXT / 8 * 7 };

void dx_text_draft_init(dx_text_draft *draft, dx_text_sequence *sequence) {
    *draft = (dx_text_draft){.sequence = sequence};
}

void dx_text_draft_deinit(dx_text_draft *draft) {
    const dx_alloc *alloc = draft->sequence->alloc;
    dx_alloc_free(alloc, draft->next, draft->next_room * sizeof *draft->next);
    dx_alloc_free(alloc, draft->from, draft->from_room * sizeof *draft->from);
}

void dx_text_draft_forget(dx_text_draft *draft) {
    dx_text_slab_deinit(&draft->sequence->items);
}

dx_text_ref dx_text_draft_take(dx_text_draft *draft) {
    dx_text_sequence *sequence = draft->sequence;
    size_t needed = (size_t)sequence->items.used + 2;
    if (dx_text_slab_reserve(&sequence->items, 1) != DX_OK ||
        !dx_text_make_room(sequence->alloc, &draft->next, &draft->next_room, needed, sizeof *draft->next) ||
        !dx_text_make_room(sequence->alloc, &draft->from, &draft->from_room, needed, sizeof *draft->from)) {
        return 0;
    }
    dx_text_ref ref = dx_text_slab_take(&sequence->items);
    draft->next[ref] = 0;
    draft->from[ref] = 0;
    return ref;
}

int dx_text_draft_reserve(dx_text_draft *draft, const dx_text_draft_need *need) {
    dx_text_sequence *sequence = draft->sequence;
    size_t items = need->items, text = need->text_bytes;
    if (text > UINT32_MAX / 2) {
        return DX_E_LIMIT;
    }
    /* A leaf is full of items; or it and the next have more than a full one's characters; or it is a span, or before one, or a
     * list's last. Each rounds up its handles, by two thirds at most, and its characters, by 63. */
    size_t leaves =
        items / FULL_ITEMS + 2 * text / FULL_TEXT + 3 * text / (DX_TEXT_LEAF_TEXT - 3) + need->lists + 1;
    size_t nodes = leaves / 8 + need->lists;
    size_t blocks = 2 * items * sizeof(dx_text_ref) + leaves * (16 + 63) + text +
                    nodes * dx_text_pool_size(sizeof(dx_text_inner)) +
                    dx_text_ids_fill_blocks(items, need->clients);
    int error = dx_text_slab_reserve(&sequence->leaves, leaves);
    error = error == DX_OK ? dx_text_pool_reserve(&sequence->pool, blocks) : error;
    return error == DX_OK ? dx_text_sequence_reserve_lists(sequence, need->lists) : error;
}

/* --- Leaves ----------------------------------------------------------------------------------- */

static dx_text_leaf *add_leaf(dx_text_sequence *sequence, dx_text_list handle) {
    dx_text_order *list = dx_text_tree_list(sequence, handle);
    uint32_t self = dx_text_slab_take(&sequence->leaves);
    dx_text_leaf *leaf = dx_text_tree_leaf(sequence, self);
    leaf->self = self;
    leaf->list = handle;
    leaf->prev = list->last;
    *(list->last != 0 ? &dx_text_tree_leaf(sequence, list->last)->next : &list->first) = self;
    list->last = self;
    return leaf;
}

/* The end of a leaf that begins at an item: what stands behind it; how many are in it, and of how many bytes. */
static dx_text_ref leaf_end(const dx_text_draft *draft, dx_text_ref ref, uint32_t *count, uint32_t *bytes) {
    uint32_t items = 0, size = 0;
    for (; ref != 0 && items < FULL_ITEMS; ref = draft->next[ref], items++) {
        uint32_t more = dx_text_item_size(dx_text_tree_item(draft->sequence, ref));
        if (items != 0 && size + more > FULL_TEXT) {
            break;
        }
        size += more;
    }
    *count = items;
    *bytes = size;
    return ref;
}

static void take_blocks(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t count, uint32_t bytes) {
    leaf->room = (uint8_t)dx_text_leaf_handles(count);
    leaf->refs = dx_text_pool_take(&sequence->pool, leaf->room * sizeof *leaf->refs);
    if (bytes != 0) {
        leaf->text_room = (uint16_t)dx_text_pool_size(bytes);
        leaf->text = dx_text_pool_take(&sequence->pool, leaf->text_room);
    }
}

static void count_leaf(const dx_text_draft *draft, dx_text_leaf *leaf) {
    uint32_t byte = 0;
    bool wide = (leaf->flags & DX_TEXT_LEAF_WIDE) != 0;
    for (uint32_t i = 0; i < leaf->count; i++) {
        const dx_text_item *item = dx_text_tree_item(draft->sequence, leaf->refs[i]);
        uint32_t size = dx_text_item_size(item);
        if (dx_text_item_live(item)) {
            dx_text_counts live = {{item->length, item->length, item->length}};
            if (wide && size != 0) {
                live = dx_text_leaf_measure(leaf, byte, size);
            }
            for (int unit = 0; unit < 3; unit++) {
                leaf->live.unit[unit] += live.unit[unit];
            }
        }
        leaf->marks |= dx_text_mark_of(item);
        byte += size;
    }
}

static void fill_leaf(dx_text_draft *draft, dx_text_leaf *leaf, dx_text_ref ref, uint32_t count,
                      uint32_t bytes) {
    take_blocks(draft->sequence, leaf, count, bytes);
    uint8_t *text = leaf->text;
    for (uint32_t i = 0; i < count; i++, ref = draft->next[ref]) {
        dx_text_item *item = dx_text_tree_item(draft->sequence, ref);
        uint32_t size = dx_text_item_size(item);
        if (size != 0) {
            memcpy(text, draft->text + draft->from[ref], size);
            text += size;
        }
        item->place = leaf->self;
        leaf->refs[i] = ref;
    }
    leaf->count = (uint8_t)count;
    dx_text_leaf_written(draft->sequence, leaf, bytes);
    count_leaf(draft, leaf);
}

/* A string longer than a leaf. */
static void fill_spans(dx_text_draft *draft, dx_text_list list, dx_text_ref ref) {
    dx_text_item *item = dx_text_tree_item(draft->sequence, ref);
    dx_bytes text = {draft->text + draft->from[ref], item->payload};
    uint32_t first = 0;
    while (text.size != 0) {
        uint32_t size = dx_text_place_whole(text, DX_TEXT_LEAF_TEXT);
        dx_text_leaf *leaf = add_leaf(draft->sequence, list);
        take_blocks(draft->sequence, leaf, 1, size);
        leaf->flags = DX_TEXT_LEAF_SPAN;
        leaf->refs[0] = ref;
        leaf->count = 1;
        memcpy(leaf->text, text.data, size);
        dx_text_leaf_written(draft->sequence, leaf, size);
        if (dx_text_item_live(item)) {
            leaf->live = dx_text_leaf_measure(leaf, 0, size);
        }
        first = first != 0 ? first : leaf->self;
        text = (dx_bytes){text.data + size, text.size - size};
    }
    item->place = first;
}

/* --- Nodes ------------------------------------------------------------------------------------ */

static void add_child(dx_text_inner *node, dx_text_node child, const dx_text_counts *live, uint16_t marks) {
    node->child[node->count] = child;
    node->live[node->count] = *live;
    node->marks[node->count] = marks;
    node->count++;
}

static dx_text_inner *new_node(dx_text_sequence *sequence, uint32_t level) {
    dx_text_inner *node = dx_text_pool_take(&sequence->pool, sizeof *node);
    memset(node, 0, sizeof *node);
    node->level = (uint8_t)level;
    return node;
}

/* Nodes above all leaves, as a row: each knows the next one by `parent`. */
static dx_text_inner *above_leaves(dx_text_sequence *sequence, uint32_t leaf) {
    dx_text_inner *first = NULL, *last = NULL;
    while (leaf != 0) {
        dx_text_leaf *it = dx_text_tree_leaf(sequence, leaf);
        if (last == NULL || last->count == DX_TEXT_FANOUT) {
            dx_text_inner *node = new_node(sequence, 1);
            *(last != NULL ? &last->parent : &first) = node;
            last = node;
        }
        it->parent = last;
        it->slot = last->count;
        add_child(last, (dx_text_node){.leaf = it}, &it->live, it->marks);
        leaf = it->next;
    }
    return first;
}

/* Likewise above a row of nodes. */
static dx_text_inner *above_nodes(dx_text_sequence *sequence, dx_text_inner *row) {
    dx_text_inner *first = NULL, *last = NULL;
    while (row != NULL) {
        dx_text_inner *next = row->parent;
        dx_text_counts live = {{0, 0, 0}};
        uint16_t marks = 0;
        for (uint32_t i = 0; i < row->count; i++) {
            for (int unit = 0; unit < 3; unit++) {
                live.unit[unit] += row->live[i].unit[unit];
            }
            marks |= row->marks[i];
        }
        if (last == NULL || last->count == DX_TEXT_FANOUT) {
            dx_text_inner *node = new_node(sequence, row->level + 1u);
            *(last != NULL ? &last->parent : &first) = node;
            last = node;
        }
        row->parent = last;
        row->slot = last->count;
        add_child(last, (dx_text_node){.inner = row}, &live, marks);
        row = next;
    }
    return first;
}

static void build_nodes(dx_text_sequence *sequence, dx_text_order *list) {
    if (list->first == list->last) {
        list->root.leaf = dx_text_tree_leaf(sequence, list->first);
        return;
    }
    dx_text_inner *row = above_leaves(sequence, list->first);
    while (row->parent != NULL) {
        row = above_nodes(sequence, row);
    }
    list->root.inner = row;
    list->level = row->level;
    if (list->level > sequence->level) {
        sequence->level = list->level;
    }
}

void dx_text_draft_build(dx_text_draft *draft, dx_text_list handle, dx_text_ref first) {
    dx_text_sequence *sequence = draft->sequence;
    dx_text_order *list = dx_text_tree_list(sequence, handle);
    DX_ASSERT(list->first == 0);
    for (dx_text_ref ref = first, end; ref != 0; ref = end) {
        if (dx_text_item_size(dx_text_tree_item(sequence, ref)) > DX_TEXT_LEAF_TEXT) {
            fill_spans(draft, handle, ref);
            end = draft->next[ref];
            continue;
        }
        uint32_t count, bytes;
        end = leaf_end(draft, ref, &count, &bytes);
        fill_leaf(draft, add_leaf(sequence, handle), ref, count, bytes);
    }
    for (uint32_t leaf = list->first; leaf != 0; leaf = dx_text_tree_leaf(sequence, leaf)->next) {
        for (int unit = 0; unit < 3; unit++) {
            list->live.unit[unit] += dx_text_tree_leaf(sequence, leaf)->live.unit[unit];
        }
    }
    if (list->first != 0) {
        build_nodes(sequence, list);
    }
    sequence->step.level = UINT32_MAX;
}
