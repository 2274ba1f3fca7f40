/* node/inspect_rows.h: rows of inspect.*, of its two files of commands.
 *
 * Layer: floor 1, node, private to this room. docs/spec/commands.md. */
#ifndef DX_NODE_INSPECT_ROWS_H
#define DX_NODE_INSPECT_ROWS_H

#include "node/state.h"

/* The command's "limit": how many rows at most. */
DX_MUST_USE int dx_inspect_take_limit(dx_node *node, dx_bytes body, size_t *limit);
DX_MUST_USE int dx_inspect_end_row(dx_node *node, dx_request *request, dx_map_builder *map);

#endif
