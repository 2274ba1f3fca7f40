/* model/list_element.h: what a list is made of: elements by id, each joined from what operations say of it.
 *
 * Layer: floor 1, model. docs/spec/list-model.md. What an element says of itself only grows towards a maximum, so joining knows
 * no order. A run is elements that ascend by id, one of each; its views point into the bytes it was read from. */
#ifndef DX_MODEL_LIST_ELEMENT_H
#define DX_MODEL_LIST_ELEMENT_H

#include <dxos/model.h>

enum {
    DX_LIST_ELEMENTS_MAX = 1 << 20,
    DX_LIST_EDITS_MAX = 4096 /* of one operation */
};

/* Of an operation. */
enum { DX_LIST_EDIT_INSERT, DX_LIST_EDIT_MOVE, DX_LIST_EDIT_DELETE, DX_LIST_EDIT_SET };

typedef struct dx_list_id {
    dx_stamp stamp;
    uint64_t index; /* of the edit in its operation */
} dx_list_id;

typedef enum dx_list_origin {
    DX_LIST_ORIGIN_INSERT,
    DX_LIST_ORIGIN_MOVE,
    DX_LIST_ORIGIN_NONE
} dx_list_origin;

/* What is known of an id. Of one that was named before it was made: no origin yet. */
typedef struct dx_list_element {
    dx_list_id id;
    dx_list_origin origin;
    bool has_parent, right; /* position: child of the parent, of the beginning of the list without one */
    dx_list_id parent;
    dx_list_id item; /* MOVE: whose position this is */
    dx_bytes value;  /* INSERT */
    bool has_set, deleted;
    dx_stamp set_at; /* the latest other value, when has_set */
    dx_bytes set_value;
} dx_list_element;

typedef struct dx_list_run {
    dx_list_element *items;
    size_t count, capacity;
} dx_list_run;

int dx_list_id_compare(const dx_list_id *a, const dx_list_id *b);
void dx_list_id_write(dx_writer *out, const dx_list_id *id);
dx_list_id dx_list_id_read(dx_reader *in);
dx_list_id dx_list_id_read_parts(dx_reader *in); /* behind the head of its array */
/* One item that is not nested too deep to be shown inside a row of an answer. */
dx_bytes dx_list_value_read(dx_reader *in);

void dx_list_element_join(dx_list_element *into, const dx_list_element *other);
/* The one it was made with, or the latest other. */
dx_bytes dx_list_element_value(const dx_list_element *element);
void dx_list_element_write(dx_writer *out, const dx_list_element *item);

/* DX_E_NO_MEMORY. */
DX_MUST_USE int dx_list_run_append(const dx_alloc *alloc, dx_list_run *run, const dx_list_element *item);
/* The caller ends the run, also after an error. DX_E_CORRUPT, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_list_run_read(const dx_alloc *alloc, dx_bytes saved, dx_list_run *out);
void dx_list_run_deinit(const dx_alloc *alloc, dx_list_run *run);
const dx_list_element *dx_list_run_find(const dx_list_run *run,
                                        const dx_list_id *id); /* NULL: it is not there */

#endif
