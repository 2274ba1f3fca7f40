/* text/undo_stack.h: an undo manager's parts.
 *
 * Layer: floor 1, text, private to undo.c and undo_step.c. Spans of all steps lie one behind another, a step's are those from the end of
 * the step before. */
#ifndef DX_TEXT_UNDO_STACK_H
#define DX_TEXT_UNDO_STACK_H

#include "text/undo.h"

#include <dxos/text_history.h>

enum { DX_TEXT_UNDO = 0, DX_TEXT_REDO = 1 };

typedef struct dx_text_undo_row {
    size_t made_end, deleted_end;
} dx_text_undo_row;

typedef struct dx_text_undo_stack {
    dx_text_span *made, *deleted;
    dx_text_undo_row *steps;
    size_t made_count, made_capacity, deleted_count, deleted_capacity, step_count, step_capacity;
} dx_text_undo_stack;

struct dx_text_undo_manager {
    dx_text_doc *doc;
    dx_text_undo_manager *next; /* of the document */
    dx_text_type *types;
    uint64_t *origins;
    size_t type_count, origin_count;
    uint64_t window, now, last;
    bool over_others;
    bool joins;  /* the next transaction may join the last step */
    int inverse; /* while it takes back: the stack that takes the inverse */
    dx_text_undo_stack stacks[2];
    dx_id_set made, deleted, due; /* of the step that is taken back; due: deleted by it, and not made by it */
    dx_buf text;                  /* characters under way */
};

typedef struct dx_text_undo_view {
    const dx_text_span *spans;
    size_t count;
} dx_text_undo_view;

/* The spans of the last step; there is one. */
void dx_text_undo_top(const dx_text_undo_stack *stack, dx_text_undo_view *made, dx_text_undo_view *deleted);
void dx_text_undo_pop(dx_text_undo_stack *stack);
/* Whether an item is of a type the manager is for, or below one. */
bool dx_text_undo_covers(const dx_text_undo_manager *manager, dx_text_ref ref);
/* Whether a step deleted that clock. */
bool dx_text_undo_holds(const dx_text_undo_manager *manager, uint32_t client, uint32_t clock);
/* What a step deleted need not be kept any more. */
void dx_text_undo_release(dx_text_undo_manager *manager, dx_text_span span);

#endif
