/* tests/unit/text/histories.h: random editing below the public calls: whatever an item can be, put anywhere, split, deleted, nested. */
#ifndef DX_TESTS_TEXT_HISTORIES_H
#define DX_TESTS_TEXT_HISTORIES_H

#include "documents.h"

#include "text/edit.h"
#include "text/wtf8.h"

static inline uint32_t below(test_random *random, uint32_t end) {
    return (uint32_t)(test_random_next(random) % end);
}

/* A type that takes edits: a root or one that lives. */
static inline dx_text_type any_type(dx_text_doc *doc, test_random *random) {
    for (int tries = 0; tries < 8; tries++) {
        dx_text_type type = 1 + below(random, (uint32_t)doc->types.count - 1);
        const dx_text_type_row *row = &doc->types.rows[type];
        if (!row->gone &&
            (row->item == 0 || (dx_text_item_at(doc->sequence, row->item)->flags & DX_ITEM_DELETED) == 0)) {
            return type;
        }
    }
    return 1;
}

/* A random item of a list, dead ones too; 0: before all. */
static inline dx_text_ref any_item(dx_text_doc *doc, test_random *random, dx_text_list list) {
    uint32_t count = 0;
    for (dx_text_ref ref = dx_text_list_first(doc->sequence, list); ref != 0;
         ref = dx_text_item_next(doc->sequence, ref)) {
        count++;
    }
    dx_text_ref ref = dx_text_list_first(doc->sequence, list);
    uint32_t at = below(random, count + 1);
    if (at == count) {
        return 0;
    }
    while (at-- != 0) {
        ref = dx_text_item_next(doc->sequence, ref);
    }
    return ref;
}

/* Puts something behind `left`. */
static inline void put_anything(dx_text_doc *doc, test_random *random, dx_text_list list, dx_text_ref left,
                                bool chain) {
    static const char *const words[] = {
        "a", "bc", "def", "\xc3\xa9", "\xf0\x9f\x98\x80", "x\xf0\x9f\x98\x80y", "longer words"};
    static const uint8_t units[] = {1, 2, 3, 1, 2, 4, 12};
    static const uint8_t three[] = {DX_ANY_INTEGER, 5, DX_ANY_STRING, 2, 'h', 'i', DX_ANY_NULL};
    uint32_t which = below(random, 16), word = below(random, 7), marker;
    if (chain && which < 9) {
        which = 9;
    }
    if (which < 8) {
        (void)dx_text_edit_put_string(doc, list, left, dx_bytes_text(words[word]), units[word]);
    } else if (which < 9) {
        static const uint8_t on = DX_ANY_TRUE, off = DX_ANY_NULL;
        const char *key = below(random, 2) ? "bold" : "italic";
        assert_int_equal(dx_text_doc_marker(doc, dx_bytes_text(key),
                                            dx_bytes_of(below(random, 2) ? &on : &off, 1), &marker),
                         DX_OK);
        (void)dx_text_edit_put_marker(doc, list, left, marker);
    } else if (which < 12) {
        (void)dx_text_edit_put_values(doc, list, left, DX_TEXT_ANY,
                                      dx_bytes_of(three, chain ? 2 : sizeof three), chain ? 1 : 3);
    } else if (which < 13) {
        (void)dx_text_edit_put_values(doc, list, left, DX_TEXT_BINARY, dx_bytes_text("bytes"), 1);
    } else if (which < 14) {
        (void)dx_text_edit_put_values(doc, list, left, DX_TEXT_EMBED, dx_bytes_of(three, 2), 1);
    } else {
        static const dx_text_kind kinds[] = {DX_TEXT_KIND_ARRAY, DX_TEXT_KIND_MAP, DX_TEXT_KIND_TEXT};
        (void)dx_text_edit_put_type(doc, list, left, kinds[below(random, 3)], 0);
    }
}

/* A place in an item that cuts no pair of surrogates. */
static inline uint32_t any_seam(dx_text_doc *doc, test_random *random, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    uint32_t at = below(random, item->length + 1);
    if (item->ref != DX_TEXT_STRING) {
        return at;
    }
    dx_buf text;
    dx_bytes run;
    bool inside;
    dx_buf_init(&text, doc->host, SIZE_MAX);
    for (size_t from = 0; (run = dx_text_item_run(doc->sequence, ref, from)).size != 0; from += run.size) {
        dx_buf_append(&text, run.data, run.size);
    }
    (void)dx_wtf8_offset(dx_buf_view(&text), at, &inside);
    dx_buf_deinit(&text);
    return inside ? at - 1 : at;
}

/* One random change of the own client. */
static inline void change_anything(dx_text_doc *doc, test_random *random) {
    dx_text_need need = {.clocks = 16,
                         .items = 1,
                         .splits = 2,
                         .deletes = 8,
                         .text_bytes = 16,
                         .values = 1,
                         .value_bytes = 16,
                         .types = 1,
                         .chains = 1,
                         .names = 1,
                         .name_bytes = 1,
                         .nested = true,
                         .below = SIZE_MAX};
    dx_text_type type = any_type(doc, random);
    assert_int_equal(dx_text_edit_begin(doc, &need), DX_OK);
    if (below(random, 5) == 0) {
        dx_text_list chain = dx_text_edit_make_chain(doc, type, dx_bytes_text(below(random, 2) ? "k" : "l"));
        dx_text_ref last = dx_text_list_last(doc->sequence, chain);
        if (last != 0 && below(random, 3) == 0) {
            dx_text_doc_delete(doc, last);
        } else {
            put_anything(doc, random, chain, last, true);
        }
    } else {
        dx_text_list list = doc->types.rows[type].list;
        dx_text_ref ref = any_item(doc, random, list), right;
        if (ref != 0) {
            dx_text_edit_seam(doc, ref, any_seam(doc, random, ref), &ref, &right);
        }
        if (ref != 0 && below(random, 5) < 2) {
            for (uint32_t left = 1 + below(random, 3); left != 0 && ref != 0; left--) {
                dx_text_doc_delete(doc, ref);
                ref = dx_text_item_next(doc->sequence, ref);
            }
        } else {
            put_anything(doc, random, list, ref, false);
        }
    }
    dx_text_edit_end(doc);
}

#endif
