/* text/load_place.c: where the structs of a document that is loaded stand (loader.h). */
#include "text/integrate.h"
#include "text/loader.h"
#include "text/room.h"
#include "text/wtf8.h"

enum {
    CUTS_FREE = 64,    /* cuts of items, beside one for every second item */
    STEPS_FREE = 4096, /* from piece to piece of a struct, and along what is deleted */
    STEPS_PER_STRUCT = 8
};

/* Nobody honest makes others walk far: deletes that say one thing many times, and structs in thousands of pieces, are for the general way. */
static void count_step(dx_text_loader *it) {
    it->declined |= ++it->steps > STEPS_FREE + STEPS_PER_STRUCT * it->structs;
}

/* So many that a mark has about one struct. */
static uint32_t shift_of(const dx_text_load_section *of) {
    uint32_t shift = 0;
    while (of->state >> shift > 2 * (of->end - of->first)) {
        shift++;
    }
    return shift;
}

static void make_marks(dx_text_loader *it, dx_text_load_section *of, dx_text_ref *marks) {
    uint32_t next = 0;
    of->marks = marks;
    for (dx_text_ref ref = of->first; ref != of->end; ref++) {
        const dx_text_item *item = dx_text_loader_item(it, ref);
        uint32_t last = (item->clock + item->length - 1) >> of->shift;
        for (; next <= last; next++) {
            marks[next] = ref;
        }
    }
    marks[next] = of->end - 1;
}

/* What finding takes. */
static void make_index(dx_text_loader *it) {
    const dx_alloc *alloc = &it->doc->alloc;
    for (size_t i = 0; i < it->section_count; i++) {
        dx_text_load_section *of = &it->sections[i];
        of->shift = shift_of(of);
        it->marks_room += ((of->state - 1) >> of->shift) + 2u;
    }
    it->section_of_count = it->doc->clients.count;
    it->section_of = dx_alloc_take_zeroed(alloc, it->section_of_count * sizeof *it->section_of);
    it->stack = dx_alloc_take(alloc, (it->section_count + 1) * sizeof *it->stack);
    it->marks = dx_alloc_take(alloc, (it->marks_room + 1) * sizeof *it->marks);
    if (it->section_of == NULL || it->stack == NULL || it->marks == NULL) {
        dx_text_loader_fail(it, DX_E_NO_MEMORY);
        return;
    }
    dx_text_ref *marks = it->marks;
    for (size_t i = 0; i < it->section_count; i++) {
        dx_text_load_section *of = &it->sections[i];
        it->section_of[of->client] = (uint32_t)i + 1;
        make_marks(it, of, marks);
        marks += ((of->state - 1) >> of->shift) + 2u;
    }
}

/* --- By id ------------------------------------------------------------------------------------ */

static dx_text_load_section *section_of(const dx_text_loader *it, uint32_t client) {
    uint32_t number = it->section_of[client];
    return number != 0 ? &it->sections[number - 1] : NULL;
}

/* The next clock of those that have their place. */
static uint32_t state_of(const dx_text_loader *it, const dx_text_load_section *of) {
    return of == NULL ? 0 : of->at == of->end ? of->state : dx_text_loader_item(it, of->at)->clock;
}

/* The struct of a section (whole, as it was read) that holds the clock. */
static dx_text_ref find_struct(const dx_text_loader *it, const dx_text_load_section *of, uint32_t clock) {
    const dx_text_ref *mark = &of->marks[clock >> of->shift];
    dx_text_ref low = mark[0], high = mark[1] + 1;
    while (high - low > 1) {
        dx_text_ref middle = low + (high - low) / 2;
        if (dx_text_loader_item(it, middle)->clock <= clock) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Its piece that does (one before it, when that is too far). */
static dx_text_ref find_piece(dx_text_loader *it, dx_text_ref ref, uint32_t clock) {
    while (it->pieces != NULL && !it->declined &&
           clock - dx_text_loader_item(it, ref)->clock >= dx_text_loader_item(it, ref)->length) {
        ref = it->pieces[ref];
        count_step(it);
    }
    return ref;
}

/* The item that holds a clock which is here. */
static dx_text_ref find(dx_text_loader *it, uint32_t client, uint32_t clock) {
    return find_piece(it, find_struct(it, section_of(it, client), clock), clock);
}

static bool make_pieces(dx_text_loader *it) {
    size_t before = it->pieces_room;
    if (!dx_text_make_room(&it->doc->alloc, &it->pieces, &it->pieces_room,
                           (size_t)it->draft.sequence->items.used + 2, sizeof *it->pieces)) {
        return false;
    }
    memset(it->pieces + before, 0, (it->pieces_room - before) * sizeof *it->pieces);
    return true;
}

/* Cuts an item; what is right of the seam, 0: it cannot be done. */
static dx_text_ref cut(dx_text_loader *it, dx_text_ref ref, uint32_t at) {
    if (!dx_text_loader_goes_on(it)) {
        return 0;
    }
    const dx_text_item *left = dx_text_loader_item(it, ref);
    bool inside = false, values = left->ref == DX_TEXT_ANY || left->ref == DX_TEXT_JSON;
    size_t byte =
        left->ref != DX_TEXT_STRING
            ? 0
            : dx_wtf8_offset((dx_bytes){it->draft.text + it->draft.from[ref], left->payload}, at, &inside);
    if (inside || ++it->cuts > it->structs / 2 + CUTS_FREE) {
        it->declined = true;
        return 0;
    }
    dx_text_ref made = dx_text_draft_take(&it->draft);
    int error = made == 0 || !make_pieces(it) ? DX_E_NO_MEMORY : DX_OK;
    if (error == DX_OK && values) {
        error = dx_text_values_reserve(&it->doc->values, 1, 0);
    }
    if (error != DX_OK) {
        dx_text_loader_fail(it, error);
        return 0;
    }
    dx_text_item *item = dx_text_loader_item(it, ref), *right = dx_text_loader_item(it, made);
    *right = *item;
    right->clock = item->clock + at;
    right->length = item->length - at;
    right->origin_client = item->client;
    right->origin_clock = right->clock - 1;
    right->flags |= DX_ITEM_ORIGIN;
    item->length = at;
    if (item->ref == DX_TEXT_STRING) {
        right->payload = item->payload - (uint32_t)byte;
        item->payload = (uint32_t)byte;
        it->draft.from[made] = it->draft.from[ref] + (uint32_t)byte;
    } else if (values) {
        right->payload = dx_text_values_split(&it->doc->values, item->payload, at, item->ref == DX_TEXT_JSON);
    }
    it->draft.next[made] = it->draft.next[ref];
    it->draft.next[ref] = made;
    it->pieces[made] = it->pieces[ref];
    it->pieces[ref] = made;
    return made;
}

static dx_text_ref find_ending(dx_text_loader *it, uint32_t client, uint32_t clock) {
    dx_text_ref ref = find(it, client, clock);
    const dx_text_item *item = dx_text_loader_item(it, ref);
    if (item->ref != DX_TEXT_GC && clock - item->clock + 1 < item->length) {
        (void)cut(it, ref, clock - item->clock + 1);
    }
    return ref;
}

static dx_text_ref find_beginning(dx_text_loader *it, uint32_t client, uint32_t clock) {
    dx_text_ref ref = find(it, client, clock);
    const dx_text_item *item = dx_text_loader_item(it, ref);
    return item->ref != DX_TEXT_GC && clock != item->clock ? cut(it, ref, clock - item->clock) : ref;
}

/* --- Places ----------------------------------------------------------------------------------- */

static dx_text_ref walk_next(void *ctx, dx_text_ref ref) {
    return ((dx_text_loader *)ctx)->draft.next[ref];
}

static dx_text_ref walk_find(void *ctx, uint32_t client, uint32_t clock) {
    return find(ctx, client, clock);
}

/* Lets go of what content has elsewhere. A type that is there joins those that are to be emptied. */
static void drop_content(dx_text_loader *it, const dx_text_item *item, dx_text_type *below) {
    switch (item->ref) {
    case DX_TEXT_TYPE: {
        dx_text_type_row *type = &it->doc->types.rows[item->payload];
        type->after = *below;
        type->gone = true;
        type->item = 0;
        *below = item->payload;
        break;
    }
    case DX_TEXT_STRING:
    case DX_TEXT_FORMAT:
    case DX_TEXT_DELETED:
    case DX_TEXT_GC:
        break;
    default:
        dx_text_values_free(&it->doc->values, item->payload);
    }
}

static void become_gc(dx_text_item *item) {
    *item = (dx_text_item){.client = item->client,
                           .clock = item->clock,
                           .length = item->length,
                           .ref = DX_TEXT_GC,
                           .flags = DX_ITEM_DELETED};
}

static dx_text_ref *first_of(dx_text_loader *it, dx_text_list list) {
    return &it->firsts[list];
}

static bool make_firsts(dx_text_loader *it) {
    size_t before = it->firsts_room;
    if (!dx_text_make_room(&it->doc->alloc, &it->firsts, &it->firsts_room, it->draft.sequence->list_count + 1,
                           sizeof *it->firsts)) {
        return false;
    }
    memset(it->firsts + before, 0, (it->firsts_room - before) * sizeof *it->firsts);
    return true;
}

/* Room for a type and a chain more, with their lists. */
static bool reserve_lists(dx_text_loader *it) {
    int error = dx_text_types_reserve(&it->doc->types, 1, 1);
    error = error == DX_OK ? dx_text_sequence_reserve_lists(it->draft.sequence, 2) : error;
    dx_text_loader_fail(it, error);
    return error == DX_OK;
}

/* The list that an item without origins names; 0: there is no such type (or an error). */
static dx_text_list named_list(dx_text_loader *it, const dx_text_item *item) {
    dx_text_doc *doc = it->doc;
    dx_text_type type;
    if (!reserve_lists(it)) {
        return 0;
    }
    if (item->place != 0) {
        type = dx_text_names_value(&doc->names, item->place);
        if (type == 0) {
            type = dx_text_types_put(&doc->types, doc->sequence, DX_TEXT_KIND_UNKNOWN, 0, item->place);
            dx_text_names_set_value(&doc->names, item->place, type);
        }
    } else {
        const dx_text_item *parent =
            dx_text_loader_item(it, find(it, item->origin_client, item->origin_clock));
        if (parent->ref != DX_TEXT_TYPE) {
            return 0;
        }
        type = parent->payload;
    }
    dx_text_list list = doc->types.rows[type].list;
    if (item->right_client != DX_TEXT_LOAD_NO_KEY) {
        dx_bytes key = {it->update.data + item->right_client, item->right_clock};
        dx_text_name name;
        int error = dx_text_names_add(&doc->names, type, key, &name);
        dx_text_loader_fail(it, error);
        if (error != DX_OK) {
            return 0;
        }
        list =
            doc->types.chains[dx_text_types_chain(&doc->types, doc->sequence, &doc->names, type, name)].list;
    }
    if (!make_firsts(it)) {
        dx_text_loader_fail(it, DX_E_NO_MEMORY);
        return 0;
    }
    return list;
}

/* --- Deleting --------------------------------------------------------------------------------- */

static void delete_one(dx_text_loader *it, dx_text_item *item, dx_text_type *below) {
    if ((item->flags & DX_ITEM_DELETED) != 0) {
        return;
    }
    item->flags |= DX_ITEM_DELETED;
    it->died = true;
    if (item->ref == DX_TEXT_TYPE) {
        it->doc->types.rows[item->payload].after = *below;
        *below = item->payload;
    }
}

static void delete_list(dx_text_loader *it, dx_text_list list, dx_text_type *below) {
    for (dx_text_ref ref = *first_of(it, list); ref != 0; ref = it->draft.next[ref]) {
        delete_one(it, dx_text_loader_item(it, ref), below);
    }
}

/* Deletes an item, and all that hangs below it. */
static void delete_item(dx_text_loader *it, dx_text_item *item) {
    dx_text_type below = 0;
    delete_one(it, item, &below);
    while (below != 0) {
        const dx_text_type_row *type = &it->doc->types.rows[below];
        below = type->after;
        delete_list(it, type->list, &below);
        for (uint32_t chain = type->first_chain; chain != 0; chain = it->doc->types.chains[chain].next) {
            delete_list(it, it->doc->types.chains[chain].list, &below);
        }
    }
}

/* What hung below a type that is gone is not an item any more. */
static void empty_list(dx_text_loader *it, dx_text_list list, dx_text_type *below) {
    for (dx_text_ref ref = *first_of(it, list), next; ref != 0; ref = next) {
        dx_text_item *item = dx_text_loader_item(it, ref);
        next = it->draft.next[ref];
        it->draft.next[ref] = 0;
        drop_content(it, item, below);
        become_gc(item);
    }
    *first_of(it, list) = 0;
}

static void collect_one(dx_text_loader *it, dx_text_item *item) {
    dx_text_type below = 0;
    drop_content(it, item, &below);
    item->ref = DX_TEXT_DELETED;
    item->payload = 0;
    while (below != 0) {
        const dx_text_type_row *type = &it->doc->types.rows[below];
        below = type->after;
        empty_list(it, type->list, &below);
        for (uint32_t chain = type->first_chain; chain != 0; chain = it->doc->types.chains[chain].next) {
            empty_list(it, it->doc->types.chains[chain].list, &below);
        }
    }
}

void dx_text_loader_collect(dx_text_loader *it) {
    uint32_t used = it->died ? it->draft.sequence->items.used : 0;
    for (dx_text_ref ref = 1; ref <= used; ref++) {
        dx_text_item *item = dx_text_loader_item(it, ref);
        if ((item->flags & DX_ITEM_DELETED) != 0 && item->ref != DX_TEXT_GC && item->ref != DX_TEXT_DELETED) {
            collect_one(it, item);
        }
    }
}

/* --- Neighbours ------------------------------------------------------------------------------- */

/* The right neighbour that an item names, its left one known. */
static dx_text_ref find_right(dx_text_loader *it, const dx_text_item *item, dx_text_ref *left) {
    dx_text_ref next = *left != 0 ? it->draft.next[*left] : 0;
    if (next != 0) {
        const dx_text_item *right = dx_text_loader_item(it, next);
        if (right->clock == item->right_clock && right->client == item->right_client) {
            return next;
        }
    }
    size_t cuts = it->cuts;
    dx_text_ref right = find_beginning(it, item->right_client, item->right_clock);
    if (*left != 0 && it->cuts != cuts && dx_text_loader_goes_on(it)) {
        /* A right origin before the left one, which nobody honest says, may have split that off. */
        *left = find(it, item->origin_client, item->origin_clock);
    }
    return right;
}

/* What the place of an item in a chain, and a parent that is deleted, mean for it. */
static void meet_fate(dx_text_loader *it, dx_text_ref ref, dx_text_ref left) {
    dx_text_item *item = dx_text_loader_item(it, ref);
    uint32_t owner = dx_text_list_owner(it->draft.sequence, item->place);
    const dx_text_type_row *type = &it->doc->types.rows[dx_text_owner_type(&it->doc->types, owner)];
    bool deletes = type->item != 0 && (dx_text_loader_item(it, type->item)->flags & DX_ITEM_DELETED) != 0;
    if (dx_text_owner_is_chain(owner)) {
        bool last = it->draft.next[ref] == 0;
        if (last && left != 0) {
            delete_item(it, dx_text_loader_item(it, left));
        }
        deletes |= !last;
    }
    if (deletes) {
        delete_item(it, item);
    }
}

/* Content that has to do with where it is. */
static void put_content(dx_text_loader *it, dx_text_ref ref) {
    dx_text_item *item = dx_text_loader_item(it, ref);
    dx_text_types *types = &it->doc->types;
    if (item->ref == DX_TEXT_FORMAT) {
        types->rows[dx_text_owner_type(types, dx_text_list_owner(it->draft.sequence, item->place))]
            .formatted = true;
    } else if (item->ref == DX_TEXT_TYPE && reserve_lists(it)) {
        dx_text_kind kind = (dx_text_kind)item->spare;
        item->spare = 0;
        item->payload = dx_text_types_put(types, it->draft.sequence, kind, ref, item->payload);
        if (!make_firsts(it)) {
            dx_text_loader_fail(it, DX_E_NO_MEMORY);
        }
    }
}

/* Does what dx_text_integrate does. */
static void place(dx_text_loader *it, dx_text_ref ref) {
    dx_text_item *item = dx_text_loader_item(it, ref);
    dx_text_ref left = 0, right = 0;
    if (item->ref == DX_TEXT_GC) {
        return;
    }
    if ((item->flags & DX_ITEM_ORIGIN) != 0) {
        left = find_ending(it, item->origin_client, item->origin_clock);
    }
    if ((item->flags & DX_ITEM_RIGHT) != 0 && dx_text_loader_goes_on(it)) {
        right = find_right(it, item, &left);
    }
    dx_text_list list = 0;
    if (!dx_text_loader_goes_on(it)) {
        return;
    }
    if (left == 0 && right == 0) {
        list = named_list(it, item);
        item->origin_client = item->origin_clock = item->right_client = item->right_clock = 0;
    } else if ((left == 0 || dx_text_loader_item(it, left)->ref != DX_TEXT_GC) &&
               (right == 0 || dx_text_loader_item(it, right)->ref != DX_TEXT_GC)) {
        list = dx_text_loader_item(it, left != 0 ? left : right)->place;
    }
    if (list == 0) {
        if (item->ref != DX_TEXT_TYPE) {
            dx_text_type none = 0;
            drop_content(it, item, &none);
        }
        become_gc(item);
        return;
    }
    item->place = list;
    dx_text_ref first = left != 0 ? it->draft.next[left] : *first_of(it, list);
#if !defined(DX_PLANT) || DX_PLANT != 84
    if (first != right) {
        const dx_text_walk walk = {it, walk_next, walk_find};
        left = dx_text_integrate_scan(it->doc, &walk, item, left, first, right);
    }
#endif
    if (item->ref == DX_TEXT_FORMAT || item->ref == DX_TEXT_TYPE) {
        put_content(it, ref);
    }
    dx_text_ref *before = left != 0 ? &it->draft.next[left] : first_of(it, list);
    it->draft.next[ref] = *before;
    *before = ref;
    meet_fate(it, ref, left);
}

/* Which client is waited for, in the order of the plan. */
static bool waits_for(const dx_text_loader *it, const dx_text_item *item, uint32_t *client) {
    if ((item->flags & DX_ITEM_ORIGIN) != 0 && item->origin_client != item->client &&
        item->origin_clock >= state_of(it, section_of(it, item->origin_client))) {
        *client = item->origin_client;
        return true;
    }
    if ((item->flags & DX_ITEM_RIGHT) != 0 && item->right_client != item->client &&
        item->right_clock >= state_of(it, section_of(it, item->right_client))) {
        *client = item->right_client;
        return true;
    }
    if ((item->flags & (DX_ITEM_ORIGIN | DX_ITEM_RIGHT)) != 0 || item->ref == DX_TEXT_GC ||
        item->place != 0) {
        return false;
    }
    *client = item->origin_client; /* the parent's */
    return item->origin_client != item->client &&
           item->origin_clock >= state_of(it, section_of(it, item->origin_client));
}

/* In the order of the plan: the head of the greatest client, and what it waits for before it. */
void dx_text_loader_place(dx_text_loader *it) {
    make_index(it);
    if (dx_text_loader_goes_on(it) && !make_firsts(it)) {
        dx_text_loader_fail(it, DX_E_NO_MEMORY);
    }
    for (size_t i = 0; i < it->section_count; i++) {
        while (dx_text_loader_goes_on(it) && it->sections[i].at != it->sections[i].end) {
            size_t depth = 1;
            it->stack[0] = (uint32_t)i;
            it->sections[i].waits = true;
            while (depth != 0 && dx_text_loader_goes_on(it)) {
                dx_text_load_section *from = &it->sections[it->stack[depth - 1]];
                uint32_t client;
                if (waits_for(it, dx_text_loader_item(it, from->at), &client)) {
                    dx_text_load_section *other = section_of(it, client);
                    if (other == NULL || other->waits || other->at == other->end) {
                        it->declined = true; /* it stays pending */
                    } else {
                        other->waits = true;
                        it->stack[depth++] = (uint32_t)(other - it->sections);
                    }
                    continue;
                }
                place(it, from->at);
                from->at++;
                from->waits = false;
                depth--;
            }
        }
    }
}

/* --- Deletes ---------------------------------------------------------------------------------- */

void dx_text_loader_delete(dx_text_loader *it, const dx_id_range *range) {
    uint32_t client = dx_text_clients_find(&it->doc->clients, range->client);
    const dx_text_load_section *of = client != DX_TEXT_NO_CLIENT ? section_of(it, client) : NULL;
    uint64_t end = range->clock + range->length;
    if (of == NULL || range->clock >= of->state || end > of->state) {
        it->declined = true; /* it stays pending */
        return;
    }
    uint32_t clock = (uint32_t)range->clock;
    dx_text_ref whole = find_struct(it, of, clock), ref = find_piece(it, whole, clock);
    const dx_text_item *first = dx_text_loader_item(it, ref);
    if ((first->flags & DX_ITEM_DELETED) == 0 && first->clock != clock) {
        ref = cut(it, ref, clock - first->clock);
    }
    while (ref != 0 && dx_text_loader_goes_on(it)) {
        dx_text_item *item = dx_text_loader_item(it, ref);
        if (item->clock >= end) {
            break;
        }
        if ((item->flags & DX_ITEM_DELETED) == 0) {
            if (item->clock + (uint64_t)item->length > end) {
                (void)cut(it, ref, (uint32_t)(end - item->clock));
            }
            delete_item(it, item);
        }
        ref = dx_text_loader_next(it, of, &whole, ref);
        count_step(it);
    }
}
