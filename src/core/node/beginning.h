/* node/beginning.h: where the history of a space begins in this vault, and how that is said.
 *
 * Layer: floor 1, node. docs/spec/history.md, "Where history begins". A vault that builds on an epoch has no blocks below
 * it. What was before is in the state there, which can be shown from one point on: the latest stamp of what is gone. */
#ifndef DX_NODE_BEGINNING_H
#define DX_NODE_BEGINNING_H

#include "halo/control_epoch.h"
#include "node/state.h"

typedef struct dx_beginning {
    uint64_t number; /* of the epoch; 0: history is whole here, and nothing of the rest holds */
    dx_stamp point;  /* the first point that can be shown of what is older */
    bool known;      /* the epoch's credential is in effect: */
    dx_epoch epoch;
    uint64_t wall_ms; /* when it was made, by its maker's clock; 0: not known */
} dx_beginning;

DX_MUST_USE int dx_node_beginning(dx_node *node, dx_space *space, dx_beginning *out);
/* When an epoch was made, by its maker's clock; 0: not known. */
DX_MUST_USE int dx_node_epoch_time(dx_node *node, dx_space *space, const dx_epoch *epoch, uint64_t *wall_ms);
/* Whether it is the one this vault builds on. */
bool dx_node_is_base(const dx_space *space, const dx_epoch *epoch);
/* A point as people write it, of a command; absent: *given is false. */
DX_MUST_USE int dx_node_take_point(dx_node *node, dx_bytes body, const char *key, dx_stamp *out, bool *given);
/* Refuses with DX_E_GONE: the words, then which epoch history begins with, and of which day that is. */
int dx_node_refuse_gone(dx_node *node, dx_space *space, const char *words);
/* The keys at, epoch, time, device, identity and name of a row of history. */
DX_MUST_USE int dx_node_write_beginning(dx_node *node, dx_space *space, const dx_beginning *beginning,
                                        dx_map_builder *map);
/* The clock of whoever wrote it, which may say any number. */
void dx_node_write_time(dx_map_builder *map, uint64_t wall_ms);

#endif
