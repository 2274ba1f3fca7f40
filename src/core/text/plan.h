/* text/plan.h: what an update will do, found out before anything is done.
 *
 * Layer: floor 1, text, private to the engine. Reads the whole update, checks it, and says in which order its structs can be taken in,
 * together with what waited for them: clients descending, and what a struct needs of another client before it, as Yjs does it. That
 * depends on clocks alone, so it needs no document but for them. What cannot be placed yet, with all that follows it of its client,
 * becomes the new pending part. Retried to a fixpoint.
 * Ownership: what is planned points into the update, into the pending part of the document and into the plan; it holds until the plan
 * is cleared. */
#ifndef DX_TEXT_PLAN_H
#define DX_TEXT_PLAN_H

#include "text/document.h"

typedef struct dx_text_planned {
    dx_text_struct what;
    uint32_t root; /* PARENT_ROOT: its name */
    uint32_t name; /* FORMAT: the marker. TYPE: name of its node or 0. DOC: guid */
} dx_text_planned;

typedef struct dx_text_step {
    uint32_t planned;
    uint32_t offset; /* clocks of it that are here already */
} dx_text_step;

typedef struct dx_text_plan dx_text_plan;

int dx_text_plan_create(const dx_alloc *alloc, dx_text_plan **plan);
void dx_text_plan_destroy(dx_text_plan *plan);

/* Reads an update and checks it, then plans. Changes nothing of the document that shows; clients and names may be added. */
int dx_text_plan_read(dx_text_plan *plan, dx_text_doc *doc, dx_text_form form, dx_bytes update);
int dx_text_plan_make(dx_text_plan *plan, dx_text_doc *doc);
/* What was read, when it is one struct and no deletes; else NULL. */
const dx_text_struct *dx_text_plan_alone(const dx_text_plan *plan);
/* What it takes. */
const dx_text_need *dx_text_plan_need(const dx_text_plan *plan);
size_t dx_text_plan_steps(const dx_text_plan *plan);
const dx_text_planned *dx_text_plan_step(const dx_text_plan *plan, size_t at, uint32_t *offset);
/* Deletes of what is here when all steps are done; settled. */
const dx_id_set *dx_text_plan_deletes(const dx_text_plan *plan);
/* The document's pending part becomes the plan's; cannot fail. */
void dx_text_plan_take_pending(dx_text_plan *plan, dx_text_doc *doc);
void dx_text_plan_clear(dx_text_plan *plan);

#endif
