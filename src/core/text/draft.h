/* text/draft.h: a document whose items are known and stand nowhere yet.
 *
 * Layer: floor 1, text, private to the sequence and to who loads whole documents (load.h). Records are filled, and said is what stands
 * behind what; then leaves are made full, and the nodes above them, from the bottom up: nothing is looked for and nothing moves.
 * Only for a sequence that never had an item. */
#ifndef DX_TEXT_DRAFT_H
#define DX_TEXT_DRAFT_H

#include "text/tree.h"

typedef struct dx_text_draft {
    dx_text_sequence *sequence;
    const uint8_t *text; /* holds all characters: WTF-8 */
    uint32_t *next;      /* by handle: the item behind it in its list, 0: none */
    uint32_t *from;      /* by handle of a string: where its characters begin in `text`; `payload` bytes */
    size_t next_room, from_room;
} dx_text_draft;

/* What the whole document takes. */
typedef struct dx_text_draft_need {
    size_t items, text_bytes; /* the characters of all strings */
    size_t lists;             /* that get items, and so many are new at most */
    size_t clients;           /* that have items */
} dx_text_draft_need;

void dx_text_draft_init(dx_text_draft *draft, dx_text_sequence *sequence);
void dx_text_draft_deinit(dx_text_draft *draft);
/* A zeroed record, with its place in the arrays. 0: no memory (or no handle left). */
dx_text_ref dx_text_draft_take(dx_text_draft *draft);
/* Memory for all that follows. DX_E_NO_MEMORY, DX_E_LIMIT: nothing changed. */
int dx_text_draft_reserve(dx_text_draft *draft, const dx_text_draft_need *need);
/* Puts the items into an empty list, from `first` on. Strings have their characters' size as payload. */
void dx_text_draft_build(dx_text_draft *draft, dx_text_list list, dx_text_ref first);
/* The ids of a client that has none: all of its items in the order of their clocks, which begin at 0. */
void dx_text_ids_fill(dx_text_sequence *sequence, uint32_t client, const dx_text_ref *refs, size_t count);
/* It is not to be: all records go, the sequence is as it was. */
void dx_text_draft_forget(dx_text_draft *draft);

#endif
