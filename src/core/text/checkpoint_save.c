/* text/checkpoint_save.c: a checkpoint of a document (dxos/text.h). */
#include "text/checkpoint.h"
#include "text/document.h"
#include "text/skeleton.h"
#include "text/type_json.h"
#include "text/wtf8.h"

#include <string.h>

typedef struct saving {
    dx_text_doc *doc;
    dx_text_skeleton skeleton;
    uint32_t *clients; /* of the skeleton, by the document's */
    uint32_t *places;  /* in the skeleton, counted from 1, by item of the document */
    size_t place_count;
    dx_buf roots, text, heads, contents, whole;
} saving;

/* --- Items ------------------------------------------------------------------------------------ */

static size_t count_lists(const dx_text_doc *doc, size_t *last_ref) {
    size_t lists = 0;
    *last_ref = 0;
    for (size_t i = 1; i < doc->types.count; i++) {
        lists += dx_text_list_first(doc->sequence, doc->types.rows[i].list) != 0;
    }
    for (size_t i = 1; i < doc->types.chain_count; i++) {
        lists += dx_text_list_first(doc->sequence, doc->types.chains[i].list) != 0;
    }
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        dx_text_ref ref = dx_text_ids_first(doc->sequence, i);
        for (; ref != 0; ref = dx_text_ids_next(doc->sequence, ref)) {
            *last_ref = ref > *last_ref ? ref : *last_ref;
        }
    }
    return lists;
}

static int take_memory(saving *it) {
    dx_text_doc *doc = it->doc;
    size_t last_ref, lists = count_lists(doc, &last_ref);
    it->clients = dx_alloc_take_zeroed(&doc->alloc, doc->clients.count * sizeof *it->clients);
    it->places = dx_alloc_take_zeroed(&doc->alloc, (last_ref + 1) * sizeof *it->places);
    it->place_count = it->places == NULL ? 0 : last_ref + 1;
    return it->clients == NULL || it->places == NULL
               ? DX_E_NO_MEMORY
               : dx_text_skeleton_prepare(&it->skeleton, doc->clients.count, doc->items, lists);
}

/* Content that is not among the live characters. */
static int add_content(saving *it, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(it->doc->sequence, ref);
    dx_text_struct described;
    if (item->ref == DX_TEXT_GC || item->ref == DX_TEXT_DELETED ||
        (item->ref == DX_TEXT_STRING && dx_text_item_live(item))) {
        return DX_OK;
    }
    int error = dx_text_doc_describe(it->doc, ref, &described);
    if (error != DX_OK) {
        return error;
    }
    if (item->ref == DX_TEXT_TYPE) {
        dx_buf_append_byte(&it->contents, described.type_ref);
    }
    if (item->ref == DX_TEXT_FORMAT || item->ref == DX_TEXT_TYPE || item->ref == DX_TEXT_DOC) {
        dx_lib0_write_bytes(&it->contents, described.key);
    }
    if (item->ref != DX_TEXT_TYPE) {
        dx_lib0_write_bytes(&it->contents, described.content);
    }
    return DX_OK;
}

static int add_items(saving *it) {
    dx_text_doc *doc = it->doc;
    dx_text_skeleton *skeleton = &it->skeleton;
    int error = DX_OK;
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        uint32_t client = doc->clients.sorted[i], first = (uint32_t)skeleton->item_count;
        dx_text_ref ref = dx_text_ids_first(doc->sequence, client);
        it->clients[client] = (uint32_t)skeleton->client_count;
        for (; ref != 0 && error == DX_OK; ref = dx_text_ids_next(doc->sequence, ref)) {
            skeleton->items[skeleton->item_count++] = *dx_text_item_at(doc->sequence, ref);
            it->places[ref] = (uint32_t)skeleton->item_count;
            error = add_content(it, ref);
        }
        if (skeleton->item_count != first) {
            skeleton->clients[skeleton->client_count++] =
                (dx_text_skeleton_client){.id = doc->clients.rows[client].id,
                                          .first = first,
                                          .count = (uint32_t)skeleton->item_count - first};
        }
    }
    for (size_t i = 0; i < skeleton->item_count; i++) {
        dx_text_item *item = &skeleton->items[i];
        item->client = it->clients[item->client];
        item->origin_client = it->clients[item->origin_client];
        item->right_client = it->clients[item->right_client];
        item->place = 0;
    }
    return error;
}

/* --- Lists ------------------------------------------------------------------------------------ */

/* *plain: nothing but characters lives in it. */
static void add_list(saving *it, dx_text_list list, dx_text_ref owner, bool *plain) {
    const dx_text_sequence *sequence = it->doc->sequence;
    dx_text_skeleton *skeleton = &it->skeleton;
    dx_text_skeleton_list *row = &skeleton->lists[skeleton->list_count++];
    *row = (dx_text_skeleton_list){.owner = owner == 0 ? 0 : it->places[owner],
                                   .first = (uint32_t)skeleton->order_count};
    *plain = true;
    for (dx_text_ref ref = dx_text_list_first(sequence, list); ref != 0;
         ref = dx_text_item_next(sequence, ref)) {
        const dx_text_item *item = dx_text_item_at(sequence, ref);
        uint32_t place = it->places[ref] - 1;
        skeleton->items[place].place = (uint32_t)skeleton->list_count;
        skeleton->order[skeleton->order_count++] = place;
        if (item->ref == DX_TEXT_STRING && dx_text_item_live(item)) {
            dx_text_append_string(it->doc, ref, &it->text);
        }
        *plain = *plain && (item->ref == DX_TEXT_STRING || (item->flags & DX_ITEM_DELETED) != 0);
    }
    row->count = (uint32_t)skeleton->order_count - row->first;
}

/* Behind the roots' lists: whose it is where that is no item, and its key. */
static void add_head(saving *it, const dx_text_type_row *type, int kind, dx_text_name key) {
    const dx_text_names *names = &it->doc->names;
    dx_buf_append_byte(&it->heads, (uint8_t)kind);
    if (type->item == 0) {
        dx_lib0_write_bytes(&it->heads, dx_text_names_at(names, type->name));
    }
    if (kind == DX_TEXT_CHECKPOINT_CHAIN) {
        dx_lib0_write_bytes(&it->heads, dx_text_names_at(names, key));
    }
}

static void add_lists(saving *it) {
    const dx_text_types *types = &it->doc->types;
    const dx_text_sequence *sequence = it->doc->sequence;
    bool plain;
    for (size_t i = 1; i < types->count; i++) {
        const dx_text_type_row *type = &types->rows[i];
        if (type->item == 0 && dx_text_list_first(sequence, type->list) != 0) {
            size_t before = it->text.size;
            add_list(it, type->list, 0, &plain);
            dx_lib0_write_bytes(&it->roots, dx_text_names_at(&it->doc->names, type->name));
            dx_lib0_write_uint(&it->roots, (uint64_t)(it->text.size - before) << 1 | plain);
        }
    }
    for (size_t i = 1; i < types->count; i++) {
        const dx_text_type_row *type = &types->rows[i];
        if (type->item != 0 && dx_text_list_first(sequence, type->list) != 0) {
            add_list(it, type->list, type->item, &plain);
            add_head(it, type, DX_TEXT_CHECKPOINT_LIST, 0);
        }
    }
    for (size_t i = 1; i < types->chain_count; i++) {
        const dx_text_chain_row *chain = &types->chains[i];
        const dx_text_type_row *type = &types->rows[chain->type];
        if (dx_text_list_first(sequence, chain->list) != 0) {
            add_list(it, chain->list, type->item, &plain);
            add_head(it, type, DX_TEXT_CHECKPOINT_CHAIN, chain->key);
        }
    }
}

/* --- Bytes ------------------------------------------------------------------------------------ */

static int write_parts(saving *it, dx_buf *out) {
    dx_buf skeleton;
    dx_range_coder coder;
    dx_buf_init(&skeleton, &it->doc->alloc, SIZE_MAX);
    dx_range_write(&coder, &skeleton);
    int error = dx_text_skeleton_code(&it->skeleton, &coder, SIZE_MAX);
    dx_range_finish(&coder);
    error = error == DX_OK ? dx_buf_error(&skeleton) : error;
    dx_buf_append(&it->heads, it->contents.data, it->contents.size);
    const dx_buf *all[] = {&it->roots, &it->text, &it->heads, &it->contents};
    for (size_t i = 0; i < sizeof all / sizeof all[0] && error == DX_OK; i++) {
        error = dx_buf_error(all[i]);
    }
    if (error == DX_OK) {
        dx_buf_append_byte(out, DX_TEXT_CHECKPOINT_OWN);
        dx_lib0_write_bytes(out, dx_buf_view(&it->roots));
        error = dx_text_pack(&it->doc->alloc, dx_buf_view(&it->text), out);
    }
    error = error == DX_OK ? dx_text_pack(&it->doc->alloc, dx_buf_view(&it->heads), out) : error;
    if (error == DX_OK) {
        dx_lib0_write_bytes(out, dx_buf_view(&skeleton));
        error = dx_buf_error(out);
    }
    dx_buf_deinit(&skeleton);
    return error;
}

/* As an update. */
static int write_whole(saving *it, dx_buf *out) {
    int error = dx_text_encode(it->doc, DX_TEXT_V2, dx_bytes_of(NULL, 0), &it->whole);
    if (error == DX_OK) {
        dx_buf_append_byte(out, DX_TEXT_CHECKPOINT_UPDATE);
        error = dx_text_pack(&it->doc->alloc, dx_buf_view(&it->whole), out);
    }
    return error;
}

/* Updates tell halves of pairs only where pairs are whole; so these documents are kept as updates. */
static bool has_halves(const saving *it) {
    return dx_wtf8_has_half(dx_buf_view(&it->text)) || dx_wtf8_has_half(dx_buf_view(&it->heads)) ||
           dx_wtf8_has_half(dx_buf_view(&it->contents));
}

int dx_text_save(const dx_text_doc *doc, dx_buf *checkpoint) {
    if (doc == NULL || checkpoint == NULL) {
        return DX_E_INVALID;
    }
    saving it = {.doc = (dx_text_doc *)(uintptr_t)doc}; /* only its scratch changes */
    if (doc->transaction.open) {
        return DX_E_STATE;
    }
    dx_buf *buffers[] = {&it.roots, &it.text, &it.heads, &it.contents, &it.whole};
    size_t begun = checkpoint->size;
    dx_text_skeleton_init(&it.skeleton, &it.doc->alloc);
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        dx_buf_init(buffers[i], &it.doc->alloc, SIZE_MAX);
    }
    bool whole = dx_text_pending(doc);
    int error = DX_OK;
    if (!whole) {
        error = take_memory(&it);
        error = error == DX_OK ? add_items(&it) : error;
        if (error == DX_OK) {
            add_lists(&it);
            whole = has_halves(&it);
        }
    }
    if (error == DX_OK) {
        error = whole ? write_whole(&it, checkpoint) : write_parts(&it, checkpoint);
    }
    if (error != DX_OK) {
        checkpoint->size = begun;
    }
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        dx_buf_deinit(buffers[i]);
    }
    dx_text_skeleton_deinit(&it.skeleton);
    dx_alloc_free(&doc->alloc, it.clients, it.clients == NULL ? 0 : doc->clients.count * sizeof *it.clients);
    dx_alloc_free(&doc->alloc, it.places, it.place_count * sizeof *it.places);
    return dx_text_doc_error(it.doc, error);
}
