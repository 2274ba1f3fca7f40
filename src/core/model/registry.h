/* model/registry.h: models by name.
 *
 * Layer: floor 1, model. The built-in models are a const table; a node brings its own as an array of vtables
 * that outlive it. An object whose model is not found stays opaque: its operations are kept and replicated,
 * its data shows as null. */
#ifndef DX_MODEL_REGISTRY_H
#define DX_MODEL_REGISTRY_H

#include <dxos/model.h>

#include "base/limits.h"

/* Whether these may be a node's own models. DX_E_EXISTS (a name twice, or that of a built-in one),
 * DX_E_VERSION (written for another vtable), DX_E_INVALID (a function missing, a kind unknown, a name empty,
 * too long or not printable ASCII without spaces), DX_E_LIMIT (more than DX_MODELS_MAX). */
DX_MUST_USE int dx_models_check(const dx_model *const *models, size_t count);
/* Among the built-in ones and these (NULL when there are none). NULL: not known here. */
const dx_model *dx_model_find(const dx_model *const *models, size_t count, dx_bytes name);

#endif
