/* model/registry.h: models by name.
 *
 * Layer: floor 1, model. The built-in models are a const table; a node adds its own to a registry it holds,
 * before it loads anything. An object whose model is not found stays opaque: its operations are kept and
 * replicated, its state is not shown. */
#ifndef DX_MODEL_REGISTRY_H
#define DX_MODEL_REGISTRY_H

#include <dxos/model.h>

#include "base/limits.h"

typedef struct dx_model_registry {
    const dx_model *added[DX_MODELS_MAX]; /* borrowed: vtables are const and outlive the node */
    size_t count;
} dx_model_registry;

/* Zeroed memory is an empty registry. DX_E_EXISTS (also for the name of a built-in one), DX_E_VERSION
 * (written for another vtable), DX_E_INVALID (a function missing, a kind unknown, a name empty, too long or
 * not printable ASCII without spaces), DX_E_LIMIT. */
DX_MUST_USE int dx_model_registry_add(dx_model_registry *registry, const dx_model *model);
/* registry NULL: among the built-in ones only. NULL: not known here. */
const dx_model *dx_model_find(const dx_model_registry *registry, dx_bytes name);

#endif
