/* node/object_ops.h: the ops of a batch, and of the commands that are one op: what is done to an object or a link.
 *
 * Layer: floor 1, node, private to this room. docs/spec/commands.md. Each takes its fields from a map, runs in a
 * transaction under way and says in words what it refuses; nothing of it is written before all of them were judged
 * (editing.h). *key: of what it made, else 0. */
#ifndef DX_NODE_OBJECT_OPS_H
#define DX_NODE_OBJECT_OPS_H

#include "node/editing.h"

typedef int dx_op(dx_editing *edit, dx_bytes op, int64_t *key);

dx_op dx_op_add, dx_op_link, dx_op_set, dx_op_unset, dx_op_edit, dx_op_delete, dx_op_restore, dx_op_move,
    dx_op_apply;
/* The op of a batch by its name; NULL: there is none. */
dx_op *dx_op_named(dx_bytes name);

/* --- Between the files of ops --- */
/* The entity that an op changes. */
DX_MUST_USE int dx_op_take_changed(dx_editing *edit, dx_bytes op, int64_t *key);
/* Why this entity cannot be changed. */
int dx_op_explain_change(dx_editing *edit, int error);

#endif
