/* model/registry.c: finds models by name.
 *
 * Layer: floor 1, model. Contract in model/registry.h. A handful of names: a walk is quicker than anything
 * clever. */
#include "model/registry.h"

#include <string.h>

static const dx_model *const built_in[] = {&dx_object_model};

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

static bool is_name(const char *name) {
    size_t size = name == NULL ? 0 : strlen(name);
    for (size_t i = 0; i < size; i++) {
        if (name[i] <= ' ' || name[i] > '~') {
            return false;
        }
    }
    return size > 0 && size <= DX_MODEL_NAME_SIZE_MAX;
}

static bool is_whole(const dx_model *model) {
    bool known_kind = model->kind == DX_MODEL_MERGE || model->kind == DX_MODEL_ORDERED;
    return known_kind && is_name(model->name) && model->create && model->destroy && model->apply &&
           model->save && model->restore && model->view;
}

int dx_model_registry_check(const dx_model_registry *registry) {
    if (registry->count > DX_MODELS_MAX) {
        return DX_E_LIMIT;
    }
    for (size_t i = 0; i < registry->count; i++) {
        const dx_model *model = registry->models[i];
        if (model->version != DX_MODEL_VERSION) {
            return DX_E_VERSION;
        }
        if (!is_whole(model)) {
            return DX_E_INVALID;
        }
        const dx_model_registry before = {registry->models, i};
        if (dx_model_find(&before, dx_bytes_text(model->name)) != NULL) {
            return DX_E_EXISTS;
        }
    }
    return DX_OK;
}
