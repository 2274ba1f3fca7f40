/* text/load.c: see load.h.
 *
 * All that can fail comes first: reading, places, deletes, joining; then memory for the trees; then what shows. */
#include "text/load.h"

#include "text/draft.h"
#include "text/integrate.h"
#include "text/room.h"
#include "text/wtf8.h"

enum {
    ROOTS_MAX = 16,     /* looked for one after another */
    CLIENTS_MAX = 4096, /* added one after another */
    CUTS_FREE = 64      /* cuts of items, beside one for every second item: pieces of one are walked along */
};

typedef struct root {
    dx_text_name name;
    dx_text_ref first;
    bool formatted;
} root;

/* The structs of one client, and how far they have their place. */
typedef struct section {
    uint64_t id;
    uint32_t client, state; /* state: the next clock behind all of them */
    dx_text_ref first, at, end;
    bool waits;
    uint32_t shift;           /* clocks of a mark, as a power of two */
    const dx_text_ref *marks; /* the struct that holds the first clock of each, and the last struct */
} section;

typedef struct loader {
    dx_text_doc *doc;
    dx_text_draft draft;
    dx_bytes update;
    bool declined;
    int error;
    section *sections; /* the greatest client first */
    size_t section_count, section_capacity;
    uint32_t *section_of; /* by client: its section's number + 1 */
    size_t section_of_count;
    uint32_t *stack;     /* of sections */
    dx_text_ref *pieces; /* by handle: the piece cut off it that follows; NULL: nothing was cut */
    size_t pieces_room, cuts, structs;
    uint64_t last_id;
    uint32_t last_client;
    dx_text_ref *marks; /* of all sections */
    size_t marks_room;
    root roots[ROOTS_MAX];
    size_t root_count;
    size_t text_bytes, items;
    bool apart; /* neighbours that merge have their characters apart */
} loader;

static dx_text_item *item_at(const loader *it, dx_text_ref ref) {
    return dx_text_tree_item(it->draft.sequence, ref);
}

static bool goes_on(const loader *it) {
    return it->error == DX_OK && !it->declined;
}

static void fail(loader *it, int error) {
    it->error = it->error == DX_OK ? error : it->error;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static uint32_t client_of(loader *it, uint64_t id) {
    if (id != it->last_id) {
        dx_text_clients *clients = &it->doc->clients;
        uint32_t client = dx_text_clients_find(clients, id);
        if (client == DX_TEXT_NO_CLIENT) {
            it->declined |= clients->count == CLIENTS_MAX;
            fail(it, goes_on(it) ? dx_text_doc_add_clients(it->doc, &id, 1) : DX_OK);
            client = goes_on(it) ? clients->count - 1 : 0;
        }
        it->last_id = id;
        it->last_client = client;
    }
    return it->last_client;
}

/* The root's number + 1, which stands for the list until there is one. */
static uint32_t root_of(loader *it, dx_bytes text) {
    dx_text_name name;
    int error = dx_text_names_add(&it->doc->names, DX_TEXT_SCOPE_ROOT, text, &name);
    fail(it, error);
    for (size_t i = 0; error == DX_OK && i < it->root_count; i++) {
        if (it->roots[i].name == name) {
            return (uint32_t)i + 1;
        }
    }
    if (error != DX_OK || it->root_count == ROOTS_MAX) {
        it->declined = true;
        return 0;
    }
    it->roots[it->root_count++] = (root){.name = name};
    return (uint32_t)it->root_count;
}

static void read_values(loader *it, dx_text_item *item, const dx_text_struct *what) {
    uint32_t guid = 0;
    int error = dx_text_values_reserve(&it->doc->values, 1, what->content.size);
    if (error == DX_OK && what->ref == DX_TEXT_DOC) {
        error = dx_text_names_add(&it->doc->names, DX_TEXT_SCOPE_GUID, what->key, &guid);
    }
    fail(it, error);
    if (error == DX_OK) {
        bool many = what->ref == DX_TEXT_ANY || what->ref == DX_TEXT_JSON;
        item->payload = dx_text_values_put(&it->doc->values, what->content, many ? item->length : 1, guid);
    }
}

static void read_content(loader *it, dx_text_ref ref, const dx_text_struct *what) {
    dx_text_item *item = item_at(it, ref);
    switch (what->ref) {
    case DX_TEXT_STRING: {
        uintptr_t at = (uintptr_t)what->content.data - (uintptr_t)it->update.data;
        it->declined |= at >= it->update.size ||
                        at > UINT32_MAX; /* a pair that two structs share is put together elsewhere */
        it->draft.from[ref] = (uint32_t)at;
        item->payload = (uint32_t)what->content.size;
        break;
    }
    case DX_TEXT_FORMAT:
        fail(it, dx_text_doc_marker(it->doc, what->key, what->content, &item->payload));
        item->spare = it->error == DX_OK ? dx_text_doc_marker_number(it->doc, item->payload) : 0;
        break;
    case DX_TEXT_GC:
    case DX_TEXT_DELETED:
        item->flags |= DX_ITEM_DELETED;
        break;
    default:
        read_values(it, item, what);
    }
}

static bool is_flat(const dx_text_struct *what) {
    return what->ref != DX_TEXT_SKIP && what->ref != DX_TEXT_TYPE && !what->has_sub &&
           what->parent != DX_TEXT_PARENT_ID;
}

/* Clocks that can be kept, and nothing named that its own client says only later. */
static bool is_sound(const dx_text_struct *what) {
    return what->id.clock <= UINT32_MAX && what->length <= UINT32_MAX - what->id.clock &&
           !(what->has_origin && what->origin.client == what->id.client &&
             what->origin.clock >= what->id.clock) &&
           !(what->has_right && what->right.client == what->id.client &&
             what->right.clock >= what->id.clock) &&
           (!what->has_origin || what->origin.clock <= UINT32_MAX) &&
           (!what->has_right || what->right.clock <= UINT32_MAX);
}

static void read_struct(loader *it, uint32_t client, const dx_text_struct *what) {
    if (!is_flat(what) || !is_sound(what)) {
        it->declined = true;
        return;
    }
    dx_text_ref ref = dx_text_draft_take(&it->draft);
    if (ref == 0) {
        fail(it, DX_E_NO_MEMORY);
        return;
    }
    dx_text_item *item = item_at(it, ref);
    item->client = client;
    item->clock = (uint32_t)what->id.clock;
    item->length = (uint32_t)what->length;
    item->ref = what->ref;
    if (what->has_origin) {
        item->flags |= DX_ITEM_ORIGIN;
        item->origin_client = client_of(it, what->origin.client);
        item->origin_clock = (uint32_t)what->origin.clock;
    }
    if (what->has_right) {
        item->flags |= DX_ITEM_RIGHT;
        item->right_client = client_of(it, what->right.client);
        item->right_clock = (uint32_t)what->right.clock;
    }
    if (what->parent == DX_TEXT_PARENT_ROOT) {
        item->place = root_of(it, what->parent_name);
    }
    read_content(it, ref, what);
    it->structs++;
}

static void read_section(loader *it, dx_text_reader *reader, const dx_text_section *header) {
    if (header->clock != 0 ||
        (it->section_count != 0 && it->sections[it->section_count - 1].id <= header->client)) {
        it->declined = true;
        return;
    }
    if (!dx_text_make_room(&it->doc->alloc, &it->sections, &it->section_capacity, it->section_count + 1,
                           sizeof *it->sections)) {
        fail(it, DX_E_NO_MEMORY);
        return;
    }
    uint32_t client = client_of(it, header->client), first = it->draft.sequence->items.used + 1;
    dx_text_struct what;
    while (goes_on(it) && dx_text_reader_struct(reader, &what)) {
        read_struct(it, client, &what);
    }
    uint32_t end = it->draft.sequence->items.used + 1;
    if (end != first) {
        it->sections[it->section_count++] = (section){.id = header->client,
                                                      .client = client,
                                                      .state = (uint32_t)reader->next.clock,
                                                      .first = first,
                                                      .at = first,
                                                      .end = end};
    }
}

static void read_structs(loader *it, dx_text_form form) {
    dx_text_reader *reader = &it->doc->reader;
    dx_text_section header;
    dx_text_reader_open(reader, form, it->update);
    while (goes_on(it) && dx_text_reader_section(reader, &header)) {
        read_section(it, reader, &header);
    }
    fail(it, goes_on(it) ? reader->error : DX_OK);
}

/* So many that a mark has about one struct. */
static uint32_t shift_of(const section *of) {
    uint32_t shift = 0;
    while (of->state >> shift > 2 * (of->end - of->first)) {
        shift++;
    }
    return shift;
}

static void make_marks(loader *it, section *of, dx_text_ref *marks) {
    uint32_t next = 0;
    of->marks = marks;
    for (dx_text_ref ref = of->first; ref != of->end; ref++) {
        const dx_text_item *item = item_at(it, ref);
        uint32_t last = (item->clock + item->length - 1) >> of->shift;
        for (; next <= last; next++) {
            marks[next] = ref;
        }
    }
    marks[next] = of->end - 1;
}

static void make_index(loader *it) {
    const dx_alloc *alloc = &it->doc->alloc;
    for (size_t i = 0; i < it->section_count; i++) {
        section *of = &it->sections[i];
        of->shift = shift_of(of);
        it->marks_room += ((of->state - 1) >> of->shift) + 2u;
    }
    it->section_of_count = it->doc->clients.count;
    it->section_of = dx_alloc_take_zeroed(alloc, it->section_of_count * sizeof *it->section_of);
    it->stack = dx_alloc_take(alloc, (it->section_count + 1) * sizeof *it->stack);
    it->marks = dx_alloc_take(alloc, (it->marks_room + 1) * sizeof *it->marks);
    if (it->section_of == NULL || it->stack == NULL || it->marks == NULL) {
        fail(it, DX_E_NO_MEMORY);
        return;
    }
    dx_text_ref *marks = it->marks;
    for (size_t i = 0; i < it->section_count; i++) {
        section *of = &it->sections[i];
        it->section_of[of->client] = (uint32_t)i + 1;
        make_marks(it, of, marks);
        marks += ((of->state - 1) >> of->shift) + 2u;
    }
}

/* --- By id ------------------------------------------------------------------------------------ */

static section *section_of(const loader *it, uint32_t client) {
    uint32_t number = it->section_of[client];
    return number != 0 ? &it->sections[number - 1] : NULL;
}

/* The next clock of those that have their place. */
static uint32_t state_of(const loader *it, const section *of) {
    return of == NULL ? 0 : of->at == of->end ? of->state : item_at(it, of->at)->clock;
}

/* The struct of a section (whole, as it was read) that holds the clock. */
static dx_text_ref find_struct(const loader *it, const section *of, uint32_t clock) {
    const dx_text_ref *mark = &of->marks[clock >> of->shift];
    dx_text_ref low = mark[0], high = mark[1] + 1;
    while (high - low > 1) {
        dx_text_ref middle = low + (high - low) / 2;
        if (item_at(it, middle)->clock <= clock) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Its piece that does. */
static dx_text_ref find_piece(const loader *it, dx_text_ref ref, uint32_t clock) {
    while (it->pieces != NULL && clock - item_at(it, ref)->clock >= item_at(it, ref)->length) {
        ref = it->pieces[ref];
    }
    return ref;
}

/* The item that holds a clock which is here. */
static dx_text_ref find(const loader *it, uint32_t client, uint32_t clock) {
    return find_piece(it, find_struct(it, section_of(it, client), clock), clock);
}

static bool make_pieces(loader *it) {
    size_t before = it->pieces_room;
    if (!dx_text_make_room(&it->doc->alloc, &it->pieces, &it->pieces_room,
                           (size_t)it->draft.sequence->items.used + 2, sizeof *it->pieces)) {
        return false;
    }
    memset(it->pieces + before, 0, (it->pieces_room - before) * sizeof *it->pieces);
    return true;
}

/* Cuts an item; what is right of the seam, 0: it cannot be done. */
static dx_text_ref cut(loader *it, dx_text_ref ref, uint32_t at) {
    const dx_text_item *left = item_at(it, ref);
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
        fail(it, error);
        return 0;
    }
    dx_text_item *item = item_at(it, ref), *right = item_at(it, made);
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

static dx_text_ref find_ending(loader *it, uint32_t client, uint32_t clock) {
    dx_text_ref ref = find(it, client, clock);
    const dx_text_item *item = item_at(it, ref);
    if (item->ref != DX_TEXT_GC && clock - item->clock + 1 < item->length) {
        (void)cut(it, ref, clock - item->clock + 1);
    }
    return ref;
}

static dx_text_ref find_beginning(loader *it, uint32_t client, uint32_t clock) {
    dx_text_ref ref = find(it, client, clock);
    const dx_text_item *item = item_at(it, ref);
    return item->ref != DX_TEXT_GC && clock != item->clock ? cut(it, ref, clock - item->clock) : ref;
}

/* --- Places ----------------------------------------------------------------------------------- */

static dx_text_ref walk_next(void *ctx, dx_text_ref ref) {
    return ((loader *)ctx)->draft.next[ref];
}

static dx_text_ref walk_find(void *ctx, uint32_t client, uint32_t clock) {
    return find(ctx, client, clock);
}

static void become_gc(loader *it, dx_text_item *item) {
    if (item->ref != DX_TEXT_STRING && item->ref != DX_TEXT_FORMAT && item->ref != DX_TEXT_DELETED) {
        dx_text_values_free(&it->doc->values, item->payload);
    }
    *item = (dx_text_item){.client = item->client,
                           .clock = item->clock,
                           .length = item->length,
                           .ref = DX_TEXT_GC,
                           .flags = DX_ITEM_DELETED};
}

/* The right neighbour that an item names, its left one known. */
static dx_text_ref find_right(loader *it, const dx_text_item *item, dx_text_ref *left) {
    dx_text_ref next = *left != 0 ? it->draft.next[*left] : 0;
    if (next != 0) {
        const dx_text_item *right = item_at(it, next);
        if (right->clock == item->right_clock && right->client == item->right_client) {
            return next;
        }
    }
    size_t cuts = it->cuts;
    dx_text_ref right = find_beginning(it, item->right_client, item->right_clock);
    if (*left != 0 && it->cuts != cuts && goes_on(it)) {
        /* A right origin before the left one, which nobody honest says, may have split that off. */
        *left = find(it, item->origin_client, item->origin_clock);
    }
    return right;
}

/* Does what dx_text_integrate does. */
static void place(loader *it, dx_text_ref ref) {
    dx_text_item *item = item_at(it, ref);
    dx_text_ref left = 0, right = 0;
    if (item->ref == DX_TEXT_GC) {
        return;
    }
    if ((item->flags & DX_ITEM_ORIGIN) != 0) {
        left = find_ending(it, item->origin_client, item->origin_clock);
    }
    if ((item->flags & DX_ITEM_RIGHT) != 0 && goes_on(it)) {
        right = find_right(it, item, &left);
    }
    if (!goes_on(it)) {
        return;
    }
    if ((left != 0 && item_at(it, left)->ref == DX_TEXT_GC) ||
        (right != 0 && item_at(it, right)->ref == DX_TEXT_GC)) {
        become_gc(it, item);
        return;
    }
    item->place = left != 0 ? item_at(it, left)->place : right != 0 ? item_at(it, right)->place : item->place;
    root *list = &it->roots[item->place - 1];
    dx_text_ref first = left != 0 ? it->draft.next[left] : list->first;
    if (first != right) {
        const dx_text_walk walk = {it, walk_next, walk_find};
        left = dx_text_integrate_scan(it->doc, &walk, item, left, first, right);
    }
    dx_text_ref *before = left != 0 ? &it->draft.next[left] : &list->first;
    it->draft.next[ref] = *before;
    *before = ref;
    list->formatted |= item->ref == DX_TEXT_FORMAT;
}

/* The section of a client whose clock is not placed yet; NULL: there is none. */
static bool waits_for(const loader *it, const dx_text_item *item, uint32_t *client) {
    if ((item->flags & DX_ITEM_ORIGIN) != 0 && item->origin_client != item->client &&
        item->origin_clock >= state_of(it, section_of(it, item->origin_client))) {
        *client = item->origin_client;
        return true;
    }
    *client = item->right_client;
    return (item->flags & DX_ITEM_RIGHT) != 0 && item->right_client != item->client &&
           item->right_clock >= state_of(it, section_of(it, item->right_client));
}

/* In the order of the plan: the head of the greatest client, and what it waits for before it. */
static void place_all(loader *it) {
    for (size_t i = 0; i < it->section_count; i++) {
        while (goes_on(it) && it->sections[i].at != it->sections[i].end) {
            size_t depth = 1;
            it->stack[0] = (uint32_t)i;
            it->sections[i].waits = true;
            while (depth != 0 && goes_on(it)) {
                section *from = &it->sections[it->stack[depth - 1]];
                uint32_t client;
                if (waits_for(it, item_at(it, from->at), &client)) {
                    section *other = section_of(it, client);
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

static dx_text_ref next_of(const loader *it, const section *of, dx_text_ref *whole, dx_text_ref ref) {
    dx_text_ref piece = it->pieces != NULL ? it->pieces[ref] : 0;
    if (piece != 0) {
        return piece;
    }
    *whole += 1;
    return *whole != of->end ? *whole : 0;
}

static void delete_range(loader *it, const dx_id_range *range) {
    uint32_t client = dx_text_clients_find(&it->doc->clients, range->client);
    const section *of = client != DX_TEXT_NO_CLIENT ? section_of(it, client) : NULL;
    uint64_t end = range->clock + range->length;
    if (of == NULL || range->clock >= of->state || end > of->state) {
        it->declined = true; /* it stays pending */
        return;
    }
    uint32_t clock = (uint32_t)range->clock;
    dx_text_ref whole = find_struct(it, of, clock), ref = find_piece(it, whole, clock);
    const dx_text_item *first = item_at(it, ref);
    if ((first->flags & DX_ITEM_DELETED) == 0 && first->clock != clock) {
        ref = cut(it, ref, clock - first->clock);
    }
    while (ref != 0 && goes_on(it)) {
        dx_text_item *item = item_at(it, ref);
        if (item->clock >= end) {
            break;
        }
        if ((item->flags & DX_ITEM_DELETED) == 0) {
            if (item->clock + (uint64_t)item->length > end) {
                (void)cut(it, ref, (uint32_t)(end - item->clock));
            }
            item_at(it, ref)->flags |= DX_ITEM_DELETED;
        }
        ref = next_of(it, of, &whole, ref);
    }
}

static void read_deletes(loader *it) {
    dx_text_reader *reader = &it->doc->reader;
    dx_id_range range;
    while (goes_on(it) && dx_text_reader_delete(reader, &range)) {
        delete_range(it, &range);
    }
    fail(it, goes_on(it) ? dx_text_reader_finish(reader) : DX_OK);
}

/* --- Joining ---------------------------------------------------------------------------------- */

/* The content of what is deleted goes. */
static void collect(loader *it, dx_text_item *item) {
    if (item->ref == DX_TEXT_GC || item->ref == DX_TEXT_DELETED || it->doc->options.keep_deleted) {
        return;
    }
    if (item->ref != DX_TEXT_STRING && item->ref != DX_TEXT_FORMAT) {
        dx_text_values_free(&it->doc->values, item->payload);
    }
    item->ref = DX_TEXT_DELETED;
    item->payload = 0;
}

/* Whether an item went over to the one before it. */
static bool join(loader *it, dx_text_ref left_ref, dx_text_ref right_ref) {
    dx_text_draft *draft = &it->draft;
    dx_text_item *left = item_at(it, left_ref);
    const dx_text_item *right = item_at(it, right_ref);
    if (!dx_text_item_may_join(left, right) ||
        (left->ref != DX_TEXT_GC && draft->next[left_ref] != right_ref)) {
        return false;
    }
    if (left->ref == DX_TEXT_STRING) {
        if (draft->from[left_ref] + left->payload != draft->from[right_ref]) {
            it->apart = true;
            return false;
        }
        left->payload += right->payload;
    } else if (left->ref == DX_TEXT_ANY || left->ref == DX_TEXT_JSON) {
        dx_text_values_join(&it->doc->values, left->payload, right->payload);
    }
    left->length += right->length;
    draft->next[left_ref] = draft->next[right_ref];
    dx_text_slab_free(&draft->sequence->items, right_ref);
    return true;
}

/* Whatever is new, is tried, which is everything. The handles that stay are put in the order of their clocks. */
static void join_section(loader *it, const section *of) {
    dx_text_ref left = 0, next;
    for (dx_text_ref ref = of->first, whole = of->first; ref != 0; ref = next) {
        dx_text_item *item = item_at(it, ref);
        next = next_of(it, of, &whole, ref);
        if ((item->flags & DX_ITEM_DELETED) != 0) {
            collect(it, item);
        }
        if (left == 0 || !join(it, left, ref)) {
            left = ref;
            it->items++;
            it->text_bytes += dx_text_item_size(item);
        }
    }
}

/* --- What shows ------------------------------------------------------------------------------- */

static int reserve(loader *it) {
    size_t fresh = 0;
    for (size_t i = 0; i < it->root_count; i++) {
        fresh += dx_text_names_value(&it->doc->names, it->roots[i].name) == 0;
    }
    dx_text_draft_need need = {.items = it->items,
                               .text_bytes = it->text_bytes,
                               .lists = it->root_count,
                               .clients = it->section_count};
    int error = fresh == 0 ? DX_OK : dx_text_types_reserve(&it->doc->types, fresh, 0);
    return error == DX_OK ? dx_text_draft_reserve(&it->draft, &need) : error;
}

static void fill_ids(loader *it, const section *of) {
    dx_text_ref *refs = it->draft.from; /* the characters are where they belong */
    size_t count = 0;
    for (dx_text_ref ref = of->first, whole = of->first; ref != 0; ref = next_of(it, of, &whole, ref)) {
        refs[count] = ref;
        count += item_at(it, ref)->length != 0; /* else it was joined, and is free */
    }
    dx_text_ids_fill(it->draft.sequence, of->client, refs, count);
}

static void show(loader *it) {
    dx_text_doc *doc = it->doc;
    for (size_t i = 0; i < it->root_count; i++) {
        const root *from = &it->roots[i];
        dx_text_type type = dx_text_names_value(&doc->names, from->name);
        if (type == 0) {
            type = dx_text_types_put(&doc->types, doc->sequence, DX_TEXT_KIND_UNKNOWN, 0, from->name);
            dx_text_names_set_value(&doc->names, from->name, type);
        }
        doc->types.rows[type].formatted |= from->formatted;
        dx_text_draft_build(&it->draft, doc->types.rows[type].list, from->first);
    }
    for (size_t i = 0; i < it->section_count; i++) {
        fill_ids(it, &it->sections[i]);
    }
    doc->items = it->items;
    if (it->apart) {
        dx_text_transaction_join_all(doc);
    }
    dx_text_sequence_trim(doc->sequence);
}

/* --- All of it -------------------------------------------------------------------------------- */

static void deinit(loader *it) {
    const dx_alloc *alloc = &it->doc->alloc;
    dx_text_draft_deinit(&it->draft);
    dx_alloc_free(alloc, it->sections, it->section_capacity * sizeof *it->sections);
    dx_alloc_free(alloc, it->section_of, it->section_of_count * sizeof *it->section_of);
    dx_alloc_free(alloc, it->marks, (it->marks_room + 1) * sizeof *it->marks);
    dx_alloc_free(alloc, it->stack, (it->section_count + 1) * sizeof *it->stack);
    dx_alloc_free(alloc, it->pieces, it->pieces_room * sizeof *it->pieces);
}

static bool is_blank(const dx_text_doc *doc) {
    return doc->sequence->items.used == 0 && !dx_text_pending(doc) && doc->observers == NULL &&
           doc->undo == NULL;
}

int dx_text_load(dx_text_doc *doc, dx_text_form form, dx_bytes update, bool *taken) {
    *taken = false;
    if (!is_blank(doc) || update.size == 0) {
        return DX_OK;
    }
    loader it = {.doc = doc, .update = update, .last_id = UINT64_MAX};
    dx_text_draft_init(&it.draft, doc->sequence);
    it.draft.text = update.data;
    read_structs(&it, form);
    if (goes_on(&it)) {
        make_index(&it);
    }
    if (goes_on(&it)) {
        place_all(&it);
    }
    if (goes_on(&it)) {
        read_deletes(&it);
    }
    for (size_t i = 0; i < it.section_count && goes_on(&it); i++) {
        join_section(&it, &it.sections[i]);
    }
    if (goes_on(&it)) {
        fail(&it, reserve(&it));
    }
    *taken = goes_on(&it);
    if (*taken) {
        show(&it);
    } else {
        dx_text_draft_forget(&it.draft);
        dx_text_sequence_trim(doc->sequence);
        dx_text_values_deinit(&doc->values);
    }
    deinit(&it);
    return it.error;
}
