/* text/sequence.h: the order of items, their characters, and where a position is.
 *
 * Layer: floor 1, text, private to the engine. A list holds the items of one shared type's sequence, or of one key's chain, in
 * the order all replicas agree on. The sequence keeps for each list the count of live units, finds positions, and holds the
 * characters of strings beside their items, so that splitting and merging moves no text.
 * Memory: only dx_text_sequence_reserve allocates; every other call has what it needs then, and cannot fail. So a call of the
 * engine reserves first, and what follows happens whole.
 * What the engine may not know: how items are kept. */
#ifndef DX_TEXT_SEQUENCE_H
#define DX_TEXT_SEQUENCE_H

#include "text/item.h"

/* The pool of records and the order over them; part of the document. */
typedef struct dx_text_sequence dx_text_sequence;

int dx_text_sequence_create(const dx_alloc *alloc, dx_text_sequence **sequence);
void dx_text_sequence_destroy(dx_text_sequence *sequence);
size_t dx_text_sequence_memory(const dx_text_sequence *sequence); /* bytes taken */

/* Room for that many new items, lists, and bytes of characters, wherever they go. DX_E_NO_MEMORY: nothing changed. */
int dx_text_sequence_reserve(dx_text_sequence *sequence, size_t items, size_t lists, size_t text_bytes);
/* Room for ids of that many clients in all: those whose index is below it. Others have no items, and get none. */
int dx_text_ids_reserve(dx_text_sequence *sequence, size_t clients);
/* Gives back what was reserved and not needed; for the end of a large update. */
void dx_text_sequence_trim(dx_text_sequence *sequence);

/* --- Records --- */

dx_text_item *dx_text_item_at(const dx_text_sequence *sequence,
                              dx_text_ref ref);                      /* ref is one of a living item */
dx_text_ref dx_text_item_take(dx_text_sequence *sequence);           /* a zeroed record, reserved before */
void dx_text_item_free(dx_text_sequence *sequence, dx_text_ref ref); /* in no list */

/* --- Order --- */

dx_text_list dx_text_list_take(dx_text_sequence *sequence,
                               uint32_t owner); /* owner: the engine's word about the list */
uint32_t dx_text_list_owner(const dx_text_sequence *sequence, dx_text_list list);
uint64_t dx_text_list_live(const dx_text_sequence *sequence,
                           dx_text_list list); /* live units (UTF-16, elements) */
dx_text_ref dx_text_list_first(const dx_text_sequence *sequence, dx_text_list list);
dx_text_ref dx_text_list_last(const dx_text_sequence *sequence, dx_text_list list);

dx_text_list dx_text_item_list(const dx_text_sequence *sequence, dx_text_ref ref);
dx_text_ref dx_text_item_next(const dx_text_sequence *sequence, dx_text_ref ref);
dx_text_ref dx_text_item_prev(const dx_text_sequence *sequence, dx_text_ref ref);
/* The last live marker of that key (item->spare) before the item (0: before the end), 0: none. Keys from 15 on share what tells where to
 * look, and are found more slowly. */
dx_text_ref dx_text_item_marker_before(const dx_text_sequence *sequence, dx_text_list list, dx_text_ref ref,
                                       uint16_t key);
/* Whether a stands before b; both of one list. */
bool dx_text_item_before(const dx_text_sequence *sequence, dx_text_ref a, dx_text_ref b);

/* Puts an item in place, after `left` (0: first). For a string its characters are given (WTF-8), which are kept here;
 * a deleted one may have them too (kept content). The record is filled otherwise. */
void dx_text_item_insert(dx_text_sequence *sequence, dx_text_list list, dx_text_ref left, dx_text_ref ref,
                         dx_bytes text);
/* Takes it out of its list, its characters go. */
void dx_text_item_remove(dx_text_sequence *sequence, dx_text_ref ref);
/* Typing: more clocks and characters at the end of a live string. */
void dx_text_item_extend(dx_text_sequence *sequence, dx_text_ref ref, uint32_t length, dx_bytes text);
/* Cuts off everything from the `at`th clock on (0 < at < length): `right`, a record taken before, becomes a copy with the clocks
 * and the characters behind the cut, and stands at its right side; the engine sets its origin and splits content of other kinds.
 * Both are found by id from then on. A pair of surrogates that is cut becomes two U+FFFD, as Yjs has it. */
void dx_text_item_split(dx_text_sequence *sequence, dx_text_ref ref, uint32_t at, dx_text_ref right);
/* The right neighbour's clocks and characters go to `ref`, its record leaves the list and the ids, and is freed. Of items in no
 * list (GC) the neighbour by id. false: no memory to bring the characters of both together, and nothing changed; apart they say
 * the same. */
bool dx_text_item_join(dx_text_sequence *sequence, dx_text_ref ref);
/* Sets or clears DX_ITEM_DELETED, and the counts. */
void dx_text_item_set_deleted(dx_text_sequence *sequence, dx_text_ref ref, bool deleted);
/* Its content becomes DX_TEXT_DELETED: characters go. */
void dx_text_item_collect(dx_text_sequence *sequence, dx_text_ref ref);

/* --- Characters and positions --- */

/* The characters of a string item, in as many runs as they lie in: the run that begins at byte `at`, empty at their end.
 *     for (size_t at = 0; (run = dx_text_item_run(sequence, ref, at)).size > 0; at += run.size) …
 * Holds until the next change. A run may end inside of a code point. */
dx_bytes dx_text_item_run(const dx_text_sequence *sequence, dx_text_ref ref, size_t at);
/* How many bytes all of them are. */
size_t dx_text_item_bytes(const dx_text_sequence *sequence, dx_text_ref ref);

/* The live item that holds the unit at `index`, and how many of its units stand before; index = length: *ref 0. unit: what
 * index counts; *offset always counts UTF-16. `inside` is set when index fell inside of a code point, which then begins at
 * *offset. */
void dx_text_list_find(const dx_text_sequence *sequence, dx_text_list list, uint64_t index, dx_text_unit unit,
                       dx_text_ref *ref, uint32_t *offset, bool *inside);
/* Live units before the item. */
uint64_t dx_text_item_index(const dx_text_sequence *sequence, dx_text_ref ref, dx_text_unit unit);
uint64_t dx_text_list_length(const dx_text_sequence *sequence, dx_text_list list, dx_text_unit unit);

/* --- By id --- */

/* Each client's items in the order of their clocks. Items come at the end, or by a split. */
void dx_text_ids_append(dx_text_sequence *sequence, dx_text_ref ref);
/* The item of that client that holds the clock, 0: none. */
dx_text_ref dx_text_ids_find(const dx_text_sequence *sequence, uint32_t client, uint32_t clock);
/* The one that follows it in clocks, 0: none; and the first of a client. */
dx_text_ref dx_text_ids_next(const dx_text_sequence *sequence, dx_text_ref ref);
dx_text_ref dx_text_ids_prev(const dx_text_sequence *sequence, dx_text_ref ref);
dx_text_ref dx_text_ids_first(const dx_text_sequence *sequence, uint32_t client);
/* The next clock of that client. */
uint32_t dx_text_ids_state(const dx_text_sequence *sequence, uint32_t client);

#endif
