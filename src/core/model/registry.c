/* model/registry.c: finds models by name.
 *
 * Layer: floor 1, model. Contract in model/registry.h. A handful of names: a walk is quicker than anything
 * clever. */
#include "model/registry.h"

static const dx_model *const built_in[] = {&dx_object_model, &dx_counter_model, &dx_list_model,
                                           &dx_approval_model};

static const dx_model *find_in(const dx_model *const *models, size_t count, dx_bytes name) {
    for (size_t i = 0; i < count; i++) {
        if (dx_bytes_equal(dx_bytes_text(models[i]->name), name)) {
            return models[i];
        }
    }
    return NULL;
}

const dx_model *dx_model_find(const dx_model_registry *registry, dx_bytes name) {
    const dx_model *found = find_in(built_in, sizeof built_in / sizeof built_in[0], name);
    return found != NULL || registry == NULL ? found : find_in(registry->models, registry->count, name);
}
