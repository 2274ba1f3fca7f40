/* model/registry.h: models by name.
 *
 * Layer: floor 1, model. The built-in models are a const table; others come as an array of vtables that outlive
 * the node (dx_context; dxos/node.h has no way yet to hand them over). An object whose model is not found stays opaque: its operations are kept and replicated,
 * its data shows as null. */
#ifndef DX_MODEL_REGISTRY_H
#define DX_MODEL_REGISTRY_H

#include <dxos/model.h>

/* A node's own models. Zeroed: none. */
typedef struct dx_model_registry {
    const dx_model *const *models;
    size_t count;
} dx_model_registry;

/* Among the built-in ones and the registry's (may be NULL). NULL: not known here. */
const dx_model *dx_model_find(const dx_model_registry *registry, dx_bytes name);

#endif
