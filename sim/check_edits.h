/* sim/check_edits.h: what edits make of a value, in the most naive way.
 *
 * Layer: simulator, checkers; the reference of the laws too (tests/laws). Written from docs/spec/object-model.md,
 * "What edits show", and sharing nothing with model. */
#ifndef DX_SIM_CHECK_EDITS_H
#define DX_SIM_CHECK_EDITS_H

#include <dxos/codec.h>

enum { CHECK_BASE_SIZE = 16 };

/* One edit that stands, of one path. */
typedef struct check_edit {
    uint64_t kind;
    dx_bytes key, payload; /* payload of size 0: taken back */
} check_edit;

/* The value that edits name, as they name it: the stamp of the latest write at or above their path. */
typedef struct check_base {
    uint8_t id[CHECK_BASE_SIZE];
    bool is_there;
    dx_bytes value; /* size 0: nothing stands at the path itself */
} check_base;

void check_base_init(check_base *base, uint64_t counter, const uint8_t *feed);
/* Writes what the edits show at a path of this many parts; false, and nothing written, when they show nothing. */
bool check_edits_show(const check_base *base, const check_edit *edits, size_t count, size_t parts,
                      dx_writer *out);

#endif
