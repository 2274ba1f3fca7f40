/* model/object_register.h: registers, what an object's state is made of.
 *
 * Layer: floor 1, model. A register is what the latest operation on one path left there. A set of registers
 * is an array in the canonical order of their paths as map keys: shorter paths first, then bytewise; so a
 * prefix of a path stands before it. Everything a register points at is borrowed. */
#ifndef DX_MODEL_OBJECT_REGISTER_H
#define DX_MODEL_OBJECT_REGISTER_H

#include <dxos/model.h>

#include "model/object_path.h"

typedef struct dx_register {
    dx_bytes path; /* preceded in memory by its head as a CBOR text, so that its key can be copied whole */
    /* Size 0: deleted; a0: a map whose members are registers of their own; else the value. */
    dx_bytes payload;
    uint32_t stamp; /* index into the table of stamps */
    uint16_t parts; /* of the path */
    bool expanded;  /* made from a member of a map that an operation set, not named by it */
    bool dropped;   /* found to be overtaken while two sets are merged */
} dx_register;

/* The payload of a map. */
extern const uint8_t dx_register_map[1];

/* The path as an encoded key (paths are at most DX_OBJECT_PATH_SIZE_MAX long: heads of one to three bytes).
 */
dx_bytes dx_register_key(const dx_register *item);
/* Writes head and text, and returns the size; out must hold path.size + 3. */
size_t dx_register_put_key(dx_bytes path, uint8_t *out);
/* Order of paths as described above. */
int dx_register_compare_paths(dx_bytes a, dx_bytes b);
/* Sorts by that order; spare has room for as many registers. Linear when sorted already. */
void dx_register_sort(dx_register *items, size_t count, dx_register *spare,
                      int (*compare)(dx_bytes path_a, dx_bytes path_b));
/* The register at a path, NULL when there is none. */
const dx_register *dx_register_find(const dx_register *items, size_t count, dx_bytes path);
/* The next register, in order of length, that stands at a proper prefix of path; *at begins at 0. NULL: no
 * more. */
const dx_register *dx_register_next_above(const dx_register *items, size_t count, dx_bytes path, size_t *at);

/* Whether the item may stand as a value under a path of this many parts: of the profile's JSON shape (maps
 * inside arrays have text keys), not nested beyond DX_OBJECT_DEPTH_MAX, not larger than
 * DX_OBJECT_VALUE_SIZE_MAX; of maps only the empty one. The item is canonical. */
bool dx_register_check_payload(dx_bytes item, size_t parts);
/* Whether the item is of the JSON shape and nests at most `levels` arrays and maps. */
bool dx_register_check_shape(dx_bytes item, size_t levels);

#endif
