/* model/object_view.h: registers as the nested map that people see.
 *
 * Layer: floor 1, model. A register shows when it is not a deletion. A path under which something shows is a
 * map; so a value under which a later operation wrote gives way to a map, and comes back when all of that is
 * deleted. A map with nothing in it shows only where an operation set a map. */
#ifndef DX_MODEL_OBJECT_VIEW_H
#define DX_MODEL_OBJECT_VIEW_H

#include "model/object_register.h"

/* Writes one map. registers are sorted by path; they are put in another order. DX_E_NO_MEMORY or the writer's
 * error. */
DX_MUST_USE int dx_object_view_write(const dx_alloc *alloc, dx_register *registers, size_t count,
                                     dx_writer *out);

#endif
