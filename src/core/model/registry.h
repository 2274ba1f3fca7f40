/* model/registry.h: models by name.
 *
 * Layer: floor 1, model. The built-in models are a const table; others come as an array of vtables that outlive
 * the node (dx_node_config). An object whose model is not found stays opaque: its operations are kept and
 * replicated, its data shows as null. */
#ifndef DX_MODEL_REGISTRY_H
#define DX_MODEL_REGISTRY_H

#include <dxos/model.h>

/* Among the built-in ones and the registry's (may be NULL). NULL: not known here. */
const dx_model *dx_model_find(const dx_model_registry *registry, dx_bytes name);
/* Why a registry cannot be used, a few words; NULL: it can. *which: the model that they are about. */
const char *dx_model_registry_refuse(const dx_model_registry *registry, size_t *which);

/* A number for a name, and one for all names that a program knows: another one when it knows others. */
uint64_t dx_model_mark(dx_bytes name);
uint64_t dx_model_registry_mark(const dx_model_registry *registry);

#endif
