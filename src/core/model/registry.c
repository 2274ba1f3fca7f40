/* model/registry.c: finds models by name.
 *
 * Layer: floor 1, model. Contract in model/registry.h. A handful of names: a walk is quicker than anything
 * clever. */
#include "model/registry.h"

static const dx_model *const built_in[] = {&dx_object_model, &dx_counter_model, &dx_list_model,
                                           &dx_text_model, &dx_approval_model};

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

/* FNV-1a, of 64 bits: it tells names apart that people chose. */
uint64_t dx_model_mark(dx_bytes name) {
    uint64_t mark = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < name.size; i++) {
        mark = (mark ^ name.data[i]) * UINT64_C(0x100000001b3);
    }
    return mark;
}

uint64_t dx_model_registry_mark(const dx_model_registry *registry) {
    uint64_t mark = 0;
    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++) {
        mark += dx_model_mark(dx_bytes_text(built_in[i]->name));
    }
    for (size_t i = 0; registry != NULL && i < registry->count; i++) {
        mark += dx_model_mark(dx_bytes_text(registry->models[i]->name));
    }
    return mark;
}

static bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '/';
}

static bool is_name(const char *name) {
    size_t size = 0;
    while (name != NULL && size <= DX_MODEL_NAME_SIZE_MAX && is_name_character(name[size])) {
        size++;
    }
    return size != 0 && size <= DX_MODEL_NAME_SIZE_MAX && name[size] == 0;
}

static bool is_whole(const dx_model *model) {
    return model->create != NULL && model->destroy != NULL && model->apply != NULL && model->save != NULL &&
           model->restore != NULL && model->view != NULL;
}

const char *dx_model_registry_refuse(const dx_model_registry *registry, size_t *which) {
    *which = 0;
    if (registry->count > DX_MODELS_MAX) {
        return "there are too many models";
    }
    for (size_t i = 0; i < registry->count; i++) {
        const dx_model *model = registry->models[i];
        *which = i;
        if (model == NULL || model->version != DX_MODEL_VERSION) {
            return "it was written for another version of dxos/model.h";
        }
        if (!is_name(model->name)) {
            return "its name is not of the form DOMAIN/NOUN/MAJOR";
        }
        if (!is_whole(model) || (model->kind != DX_MODEL_MERGE && model->kind != DX_MODEL_ORDERED)) {
            return "a function is missing, or its kind is none";
        }
        const dx_model_registry before = {.models = registry->models, .count = i};
        if (dx_model_find(&before, dx_bytes_text(model->name)) != NULL) {
            return "another model has this name";
        }
    }
    return NULL;
}
