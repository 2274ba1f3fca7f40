/* node/roll.h: a list that is told in full and then kept up to date, as rows with a "change".
 *
 * Layer: floor 1, node, private to this room. One round: dx_roll_begin, dx_roll_take for each thing there is,
 * dx_roll_end. The first round tells every row as added and then {"state": "listed"}; later ones tell what was
 * added, changed or removed since. A thing whose stamp is the one it had is not looked at again. */
#ifndef DX_NODE_ROLL_H
#define DX_NODE_ROLL_H

#include "node/state.h"

typedef struct dx_roll_entry {
    char id[DX_ORIGIN_SIZE_MAX + 1]; /* in the row, under the roll's key */
    uint64_t stamp;
    uint8_t shown[DX_HASH_SIZE]; /* digest of the row as it was told */
    bool here;                   /* in the round under way */
} dx_roll_entry;

typedef struct dx_roll {
    const char *key;
    dx_roll_entry *entries;
    size_t count, capacity;
    bool listed;
} dx_roll;

/* Writes the row of a thing, its id included. */
typedef int (*dx_roll_fill)(dx_node *node, dx_request *request, const void *thing, dx_map_builder *map);

void dx_roll_begin(dx_roll *roll);
DX_MUST_USE int dx_roll_take(dx_node *node, dx_request *request, dx_roll *roll, const char *id,
                             uint64_t stamp, const void *thing, dx_roll_fill fill);
DX_MUST_USE int dx_roll_end(dx_node *node, dx_request *request, dx_roll *roll);
void dx_roll_free(dx_node *node, dx_roll *roll);

#endif
