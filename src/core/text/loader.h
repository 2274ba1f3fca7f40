/* text/loader.h: a document on its way from an update to its trees (load.h).
 *
 * Layer: floor 1, text, private to the loading of documents: load.c reads and makes it show, load_place.c finds places. */
#ifndef DX_TEXT_LOADER_H
#define DX_TEXT_LOADER_H

#include "text/document.h"
#include "text/draft.h"

/* The structs of one client, which have handles in a row, and how far they have their place. */
typedef struct dx_text_load_section {
    uint64_t id;
    uint32_t client, state; /* state: the next clock behind all of them */
    dx_text_ref first, at, end;
    bool waits;
    uint32_t shift;           /* clocks of a mark, as a power of two */
    const dx_text_ref *marks; /* the struct that holds the first clock of each, and the last struct */
} dx_text_load_section;

typedef struct dx_text_loader {
    dx_text_doc *doc;
    dx_text_draft draft;
    dx_bytes update;
    bool declined; /* the general way is to take it */
    int error;
    dx_text_load_section *sections; /* the greatest client first */
    size_t section_count, section_capacity;
    uint32_t *section_of; /* by client: its section's number + 1 */
    size_t section_of_count;
    uint32_t *stack;    /* of sections */
    dx_text_ref *marks; /* of all sections */
    size_t marks_room;
    dx_text_ref *pieces; /* by handle: the piece cut off it that follows; NULL: nothing was cut */
    size_t pieces_room, cuts, structs, steps;
    dx_text_ref *firsts; /* by list: its first item */
    size_t firsts_room;
    uint64_t last_id;
    uint32_t last_client;
    size_t types_before, roots_before, lists_before; /* what the document had */
    size_t text_bytes, items;                        /* what it will have */
    bool died;                                       /* something was deleted that had content */
    bool apart;                                      /* neighbours that merge have their characters apart */
} dx_text_loader;

static inline dx_text_item *dx_text_loader_item(const dx_text_loader *it, dx_text_ref ref) {
    return dx_text_tree_item(it->draft.sequence, ref);
}

static inline bool dx_text_loader_goes_on(const dx_text_loader *it) {
    return it->error == DX_OK && !it->declined;
}

static inline void dx_text_loader_fail(dx_text_loader *it, int error) {
    it->error = it->error == DX_OK ? error : it->error;
}

/* What follows an item of the section in clocks, 0: nothing. *whole: the struct it is of, as it was read. */
static inline dx_text_ref dx_text_loader_next(const dx_text_loader *it, const dx_text_load_section *of,
                                              dx_text_ref *whole, dx_text_ref ref) {
    dx_text_ref piece = it->pieces != NULL ? it->pieces[ref] : 0;
    if (piece != 0) {
        return piece;
    }
    *whole += 1;
    return *whole != of->end ? *whole : 0;
}

/* What an item without origins says of its parent stands where they would, until it has its place: a root's name in `place`, or
 * the parent's id as its origin; and where in the update its key is. */
#define DX_TEXT_LOAD_NO_KEY UINT32_MAX

static inline void dx_text_loader_set_key(dx_text_item *item, uint32_t at, uint32_t size) {
    item->right_client = at;
    item->right_clock = size;
}

/* All structs get their place, as dx_text_integrate gives it; declined: something waits. */
void dx_text_loader_place(dx_text_loader *it);
/* Clocks of one client are deleted; declined: not all of them are here. */
void dx_text_loader_delete(dx_text_loader *it, const dx_id_range *range);
/* Lets go of the content of all that is deleted. */
void dx_text_loader_collect(dx_text_loader *it);

#endif
