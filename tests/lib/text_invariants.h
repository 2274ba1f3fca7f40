/* tests/lib/text_invariants.h: what holds of every document between calls; for tests and fuzz targets. */
#ifndef DX_TESTS_LIB_TEXT_INVARIANTS_H
#define DX_TESTS_LIB_TEXT_INVARIANTS_H

#include "text/document.h"

/* Clocks without holes, neighbours that agree, nothing in two places. Counts into *items. NULL: all is well. */
static inline const char *text_invariants_ids(const dx_text_doc *doc, size_t *items) {
    for (uint32_t client = 0; client < doc->clients.count; client++) {
        uint64_t clock = 0;
        dx_text_ref before = 0;
        if (doc->clients.rows[client].touched) {
            return "a client is touched outside of a transaction";
        }
        for (dx_text_ref ref = dx_text_ids_first(doc->sequence, client); ref != 0;
             ref = dx_text_ids_next(doc->sequence, ref)) {
            const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
            if (item->client != client || item->clock != clock || item->length == 0) {
                return "clocks have a hole";
            }
            if (dx_text_ids_prev(doc->sequence, ref) != before ||
                dx_text_ids_find(doc->sequence, client, item->clock + item->length - 1) != ref) {
                return "an id is not found";
            }
            if (item->flags & (DX_ITEM_MARK | DX_ITEM_CONFLICTING)) {
                return "a mark was left";
            }
            if ((item->ref == DX_TEXT_GC) != (dx_text_item_list(doc->sequence, ref) == 0)) {
                return "an item is in no list";
            }
            if ((item->ref == DX_TEXT_GC || item->ref == DX_TEXT_DELETED) &&
                (item->flags & DX_ITEM_DELETED) == 0) {
                return "nothing lives";
            }
            clock += item->length;
            before = ref;
            *items += 1;
        }
        if (dx_text_ids_state(doc->sequence, client) != clock) {
            return "a state is wrong";
        }
    }
    return NULL;
}

/* An origin that is an item stands in the same list, before. */
static inline bool text_invariants_origin(const dx_text_doc *doc, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    if ((item->flags & DX_ITEM_ORIGIN) == 0) {
        return true;
    }
    dx_text_ref origin = dx_text_ids_find(doc->sequence, item->origin_client, item->origin_clock);
    return origin != 0 && dx_text_item_list(doc->sequence, origin) == dx_text_item_list(doc->sequence, ref) &&
           dx_text_item_before(doc->sequence, origin, ref);
}

static inline const char *text_invariants_list(const dx_text_doc *doc, dx_text_list list, bool chain,
                                               size_t *items) {
    dx_text_ref before = 0;
    uint64_t live = 0;
    for (dx_text_ref ref = dx_text_list_first(doc->sequence, list); ref != 0;
         ref = dx_text_item_next(doc->sequence, ref)) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        if (dx_text_item_list(doc->sequence, ref) != list ||
            dx_text_item_prev(doc->sequence, ref) != before) {
            return "neighbours disagree";
        }
        if (!text_invariants_origin(doc, ref)) {
            return "an origin does not stand before";
        }
        if (chain && (item->flags & DX_ITEM_DELETED) == 0 && dx_text_item_next(doc->sequence, ref) != 0) {
            return "an entry was overwritten and lives";
        }
        if (item->ref == DX_TEXT_STRING) {
            uint64_t units = 0;
            dx_bytes run;
            for (size_t at = 0; (run = dx_text_item_run(doc->sequence, ref, at)).size != 0; at += run.size) {
                for (size_t i = 0; i < run.size; i++) {
                    units += (run.data[i] & 0xc0) != 0x80;
                    units += run.data[i] >= 0xf0;
                }
            }
            if (units != item->length) {
                return "characters and clocks differ";
            }
        }
        live += dx_text_item_live(item) ? item->length : 0;
        before = ref;
        *items += 1;
    }
    if (dx_text_list_last(doc->sequence, list) != before || dx_text_list_live(doc->sequence, list) != live) {
        return "a list's count is wrong";
    }
    return NULL;
}

static inline const char *text_invariants(const dx_text_doc *doc) {
    size_t by_id = 0, by_list = 0, gc = 0;
    const char *wrong = text_invariants_ids(doc, &by_id);
    for (dx_text_type type = 1; wrong == NULL && type < doc->types.count; type++) {
        const dx_text_type_row *row = &doc->types.rows[type];
        wrong = text_invariants_list(doc, row->list, false, &by_list);
        for (uint32_t chain = row->first_chain; wrong == NULL && chain != 0;
             chain = doc->types.chains[chain].next) {
            wrong = text_invariants_list(doc, doc->types.chains[chain].list, true, &by_list);
        }
    }
    for (uint32_t client = 0; client < doc->clients.count; client++) {
        for (dx_text_ref ref = dx_text_ids_first(doc->sequence, client); ref != 0;
             ref = dx_text_ids_next(doc->sequence, ref)) {
            gc += dx_text_item_at(doc->sequence, ref)->ref == DX_TEXT_GC;
        }
    }
    if (wrong == NULL && (by_id != by_list + gc || by_id != doc->items)) {
        wrong = "an item is counted twice, or not at all";
    }
    return wrong;
}

#endif
