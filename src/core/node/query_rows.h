/* node/query_rows.h: rows of questions, as commands answer them.
 *
 * Layer: floor 1, node, private to this room. docs/spec/query.md, Answers. */
#ifndef DX_NODE_QUERY_ROWS_H
#define DX_NODE_QUERY_ROWS_H

#include "node/state.h"

/* Makes the question; what is wrong with it is put into words. */
DX_MUST_USE int dx_node_create_query(dx_node *node, dx_space *space, dx_bytes item, dx_query **out);
/* The same about how things were at a point (NULL: now). */
DX_MUST_USE int dx_node_create_query_at(dx_node *node, dx_space *space, dx_bytes item, const dx_stamp *point,
                                        dx_query **out);
/* Writes one row as one map. space_name: goes with it as "space"; NULL: not. */
DX_MUST_USE int dx_node_write_query_row(dx_node *node, dx_space *space, const dx_query_row *row,
                                        const char *space_name, dx_writer *out);
/* The same, with what brings the object to another space where its model keeps its operations (provenance.h); without that
 * where it is too large, or not all of it is here. Rows must be settled. */
DX_MUST_USE int dx_node_write_exported_row(dx_node *node, dx_space *space, const dx_query_row *row,
                                           dx_writer *out);
/* A row of a watch, with the space it is of. */
void dx_node_write_row_of(dx_bytes row, const char *space_name, dx_writer *out);
/* The same of an ordered watch, with other places than the row has; from, to: SIZE_MAX for none. */
void dx_node_write_row_at(dx_bytes row, const char *space_name, const char *change, size_t from, size_t to,
                          dx_writer *out);
/* What a question that reaches too much is told. */
int dx_node_refuse_large_query(dx_node *node, int error);

/* --- commands_query_spaces.c --- */
/* Calls back for each space of the command's "spaces", a list or "all": of an app those it may read, and the one denial for another. */
typedef int (*dx_on_space)(void *ctx, dx_space *space);
DX_MUST_USE int dx_node_take_spaces(dx_node *node, dx_request *request, dx_bytes spaces, dx_on_space on_space,
                                    void *ctx);
/* The command `query` of several spaces: "spaces" in place of "space". */
DX_MUST_USE int dx_node_query_spaces(dx_node *node, dx_request *request, dx_bytes body);

#endif
