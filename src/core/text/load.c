/* text/load.c: see load.h.
 *
 * All that can fail comes first: reading, places, deletes, joining; then memory for the trees; then what shows. */
#include "text/load.h"

#include "text/loader.h"
#include "text/room.h"

enum { CLIENTS_MAX = 4096 /* added one after another */ };

/* --- Reading ---------------------------------------------------------------------------------- */

static uint32_t client_of(dx_text_loader *it, uint64_t id) {
    if (id != it->last_id) {
        dx_text_clients *clients = &it->doc->clients;
        uint32_t client = dx_text_clients_find(clients, id);
        if (client == DX_TEXT_NO_CLIENT) {
            it->declined |= clients->count == CLIENTS_MAX;
            dx_text_loader_fail(it, dx_text_loader_goes_on(it) ? dx_text_doc_add_clients(it->doc, &id, 1)
                                                               : DX_OK);
            client = dx_text_loader_goes_on(it) ? clients->count - 1 : 0;
        }
        it->last_id = id;
        it->last_client = client;
    }
    return it->last_client;
}

/* Where bytes of the update lie in it. What the reader put together elsewhere (a pair of surrogates that two structs share) is for the
 * general way. */
static uint32_t place_of(dx_text_loader *it, dx_bytes view) {
    uintptr_t at = (uintptr_t)view.data - (uintptr_t)it->update.data;
    if (view.size == 0) {
        return 0;
    }
    it->declined |= at >= it->update.size || at >= UINT32_MAX;
    return (uint32_t)at;
}

/* A name, the number of which is known then. */
static uint32_t read_name(dx_text_loader *it, uint32_t scope, dx_bytes bytes) {
    dx_text_name name = 0;
    dx_text_loader_fail(it, dx_text_names_add(&it->doc->names, scope, bytes, &name));
    return name;
}

static void read_values(dx_text_loader *it, dx_text_item *item, const dx_text_struct *what) {
    uint32_t guid = what->ref == DX_TEXT_DOC ? read_name(it, DX_TEXT_SCOPE_GUID, what->key) : 0;
    dx_text_loader_fail(it, dx_text_values_reserve(&it->doc->values, 1, what->content.size));
    if (it->error == DX_OK) {
        bool many = what->ref == DX_TEXT_ANY || what->ref == DX_TEXT_JSON;
        item->payload = dx_text_values_put(&it->doc->values, what->content, many ? item->length : 1, guid);
    }
}

static void read_content(dx_text_loader *it, dx_text_ref ref, const dx_text_struct *what) {
    dx_text_item *item = dx_text_loader_item(it, ref);
    switch (what->ref) {
    case DX_TEXT_STRING:
        it->draft.from[ref] = place_of(it, what->content);
        item->payload = (uint32_t)what->content.size;
        break;
    case DX_TEXT_TYPE:
        item->spare = what->type_ref;
        if (what->type_ref == DX_TEXT_KIND_XML_ELEMENT || what->type_ref == DX_TEXT_KIND_XML_HOOK) {
            item->payload = read_name(it, DX_TEXT_SCOPE_KEY, what->key);
        }
        break;
    case DX_TEXT_FORMAT:
        dx_text_loader_fail(it, dx_text_doc_marker(it->doc, what->key, what->content, &item->payload));
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

static bool is_sound_id(const dx_text_struct *what, const dx_text_id *id) {
    return id->clock <= UINT32_MAX && (id->client != what->id.client || id->clock < what->id.clock);
}

/* Clocks that can be kept, and nothing named that its own client says only later. */
static bool is_sound(const dx_text_struct *what) {
    return what->ref != DX_TEXT_SKIP && what->id.clock <= UINT32_MAX &&
           what->length <= UINT32_MAX - what->id.clock &&
           (!what->has_origin || is_sound_id(what, &what->origin)) &&
           (!what->has_right || is_sound_id(what, &what->right)) &&
           (what->parent != DX_TEXT_PARENT_ID || is_sound_id(what, &what->parent_id));
}

static void read_parent(dx_text_loader *it, dx_text_item *item, const dx_text_struct *what) {
    if (what->parent == DX_TEXT_PARENT_ROOT) {
        item->place = read_name(it, DX_TEXT_SCOPE_ROOT, what->parent_name);
    } else {
        item->origin_client = client_of(it, what->parent_id.client);
        item->origin_clock = (uint32_t)what->parent_id.clock;
    }
    dx_text_loader_set_key(item, what->has_sub ? place_of(it, what->sub) : DX_TEXT_LOAD_NO_KEY,
                           (uint32_t)what->sub.size);
}

static void read_struct(dx_text_loader *it, uint32_t client, const dx_text_struct *what) {
    if (!is_sound(what)) {
        it->declined = true;
        return;
    }
    dx_text_ref ref = dx_text_draft_take(&it->draft);
    if (ref == 0) {
        dx_text_loader_fail(it, DX_E_NO_MEMORY);
        return;
    }
    dx_text_item *item = dx_text_loader_item(it, ref);
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
    if (what->parent != DX_TEXT_PARENT_COPIED) {
        read_parent(it, item, what);
    }
    read_content(it, ref, what);
    it->structs++;
}

static void read_section(dx_text_loader *it, dx_text_reader *reader, const dx_text_section *header) {
    if (header->clock != 0 ||
        (it->section_count != 0 && it->sections[it->section_count - 1].id <= header->client)) {
        it->declined = true;
        return;
    }
    if (!dx_text_make_room(&it->doc->alloc, &it->sections, &it->section_capacity, it->section_count + 1,
                           sizeof *it->sections)) {
        dx_text_loader_fail(it, DX_E_NO_MEMORY);
        return;
    }
    uint32_t client = client_of(it, header->client), first = it->draft.sequence->items.used + 1;
    dx_text_struct what;
    while (dx_text_loader_goes_on(it) && dx_text_reader_struct(reader, &what)) {
        read_struct(it, client, &what);
    }
    uint32_t end = it->draft.sequence->items.used + 1;
    if (end != first) {
        it->sections[it->section_count++] = (dx_text_load_section){.id = header->client,
                                                                   .client = client,
                                                                   .state = (uint32_t)reader->next.clock,
                                                                   .first = first,
                                                                   .at = first,
                                                                   .end = end};
    }
}

static void read_structs(dx_text_loader *it, dx_text_form form) {
    dx_text_reader *reader = &it->doc->reader;
    dx_text_section header;
    dx_text_reader_open(reader, form, it->update);
    while (dx_text_loader_goes_on(it) && dx_text_reader_section(reader, &header)) {
        read_section(it, reader, &header);
    }
    dx_text_loader_fail(it, dx_text_loader_goes_on(it) ? reader->error : DX_OK);
}

/* --- Deletes ---------------------------------------------------------------------------------- */

static void read_deletes(dx_text_loader *it) {
    dx_text_reader *reader = &it->doc->reader;
    dx_id_range range;
    while (dx_text_loader_goes_on(it) && dx_text_reader_delete(reader, &range)) {
        dx_text_loader_delete(it, &range);
    }
    dx_text_loader_fail(it, dx_text_loader_goes_on(it) ? dx_text_reader_finish(reader) : DX_OK);
}

/* --- Joining ---------------------------------------------------------------------------------- */

/* Whether an item went over to the one before it. */
static bool join(dx_text_loader *it, dx_text_ref left_ref, dx_text_ref right_ref) {
    dx_text_draft *draft = &it->draft;
    dx_text_item *left = dx_text_loader_item(it, left_ref);
    const dx_text_item *right = dx_text_loader_item(it, right_ref);
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
static void join_section(dx_text_loader *it, const dx_text_load_section *of) {
    dx_text_ref left = 0, next;
    for (dx_text_ref ref = of->first, whole = of->first; ref != 0; ref = next) {
        it->text_bytes += dx_text_item_size(dx_text_loader_item(it, ref));
        next = dx_text_loader_next(it, of, &whole, ref);
        if (left == 0 || !join(it, left, ref)) {
            left = ref;
            it->items++;
        }
    }
}

/* --- What shows ------------------------------------------------------------------------------- */

static int reserve(dx_text_loader *it) {
    size_t lists = 0;
    for (dx_text_list list = 1; list <= it->draft.sequence->list_count; list++) {
        lists += it->firsts[list] != 0;
    }
    dx_text_draft_need need = {
        .items = it->items, .text_bytes = it->text_bytes, .lists = lists, .clients = it->section_count};
    return dx_text_draft_reserve(&it->draft, &need);
}

static void fill_ids(dx_text_loader *it, const dx_text_load_section *of) {
    dx_text_ref *refs = it->draft.from; /* the characters are where they belong */
    size_t count = 0;
    for (dx_text_ref ref = of->first, whole = of->first; ref != 0;
         ref = dx_text_loader_next(it, of, &whole, ref)) {
        refs[count] = ref;
        count += dx_text_loader_item(it, ref)->length != 0; /* else it was joined, and is free */
    }
    dx_text_ids_fill(it->draft.sequence, of->client, refs, count);
}

/* Cannot fail. */
static void show(dx_text_loader *it) {
    dx_text_doc *doc = it->doc;
    for (dx_text_list list = 1; list <= it->draft.sequence->list_count; list++) {
        if (it->firsts[list] != 0) {
            dx_text_draft_build(&it->draft, list, it->firsts[list]);
        }
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

/* The document is as it was; names and clients may have come. */
static void take_back(dx_text_loader *it) {
    dx_text_doc *doc = it->doc;
    dx_text_types *types = &doc->types;
    for (size_t i = 1; i < types->chain_count; i++) {
        dx_text_names_set_value(&doc->names, types->chains[i].key, 0);
    }
    for (size_t i = it->types_before; i < types->count; i++) {
        if (types->rows[i].item == 0 && !types->rows[i].gone) {
            dx_text_names_set_value(&doc->names, types->rows[i].name, 0);
        }
    }
    for (size_t i = 1; i < it->types_before; i++) {
        types->rows[i].first_chain = types->rows[i].last_chain = 0;
        types->rows[i].formatted = false;
    }
    types->count = it->types_before;
    types->root_count = it->roots_before;
    types->chain_count = 1;
    doc->sequence->list_count = it->lists_before;
    dx_text_draft_forget(&it->draft);
    dx_text_sequence_trim(doc->sequence);
    dx_text_values_deinit(&doc->values);
}

static void deinit(dx_text_loader *it) {
    const dx_alloc *alloc = &it->doc->alloc;
    dx_text_draft_deinit(&it->draft);
    dx_alloc_free(alloc, it->sections, it->section_capacity * sizeof *it->sections);
    dx_alloc_free(alloc, it->section_of, it->section_of_count * sizeof *it->section_of);
    dx_alloc_free(alloc, it->marks, (it->marks_room + 1) * sizeof *it->marks);
    dx_alloc_free(alloc, it->stack, (it->section_count + 1) * sizeof *it->stack);
    dx_alloc_free(alloc, it->firsts, it->firsts_room * sizeof *it->firsts);
    dx_alloc_free(alloc, it->pieces, it->pieces_room * sizeof *it->pieces);
}

static bool is_blank(const dx_text_doc *doc) {
    return doc->sequence->items.used == 0 && doc->types.chain_count == 1 && !dx_text_pending(doc) &&
           doc->observers == NULL && doc->undo == NULL;
}

int dx_text_load(dx_text_doc *doc, dx_text_form form, dx_bytes update, bool *taken) {
    *taken = false;
    if (!is_blank(doc) || update.size == 0) {
        return DX_OK;
    }
    dx_text_loader it = {.doc = doc, .update = update, .last_id = UINT64_MAX};
    it.types_before = doc->types.count;
    it.roots_before = doc->types.root_count;
    it.lists_before = doc->sequence->list_count;
    dx_text_draft_init(&it.draft, doc->sequence);
    it.draft.text = update.data;
    read_structs(&it, form);
    if (dx_text_loader_goes_on(&it)) {
        dx_text_loader_place(&it);
    }
    if (dx_text_loader_goes_on(&it)) {
        read_deletes(&it);
    }
    if (dx_text_loader_goes_on(&it) && !doc->options.keep_deleted) {
        dx_text_loader_collect(&it);
    }
    for (size_t i = 0; i < it.section_count && dx_text_loader_goes_on(&it); i++) {
        join_section(&it, &it.sections[i]);
    }
    if (dx_text_loader_goes_on(&it)) {
        dx_text_loader_fail(&it, reserve(&it));
    }
    *taken = dx_text_loader_goes_on(&it);
    if (*taken) {
        show(&it);
    } else {
        take_back(&it);
    }
    deinit(&it);
    return it.error;
}
