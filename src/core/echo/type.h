/* echo/type.h: names that many entities share: types of objects, types of links, names of models.
 *
 * Layer: floor 1, echo. Table type(id, space, kind, name, live): an entity's row holds the small local number
 * of the name. Every space has its own numbers, so an index on the type alone separates spaces. live counts
 * the entities of a type that are not deleted, so that counting a space reads a few rows. The empty name is a
 * name like any other
 * ("no type").
 *
 * Ownership: dx_types is a bounded cache inside a dx_space; a dx_type* dies with the next dx_type_ call.
 * Counts reach their rows in dx_types_save. */
#ifndef DX_ECHO_TYPE_H
#define DX_ECHO_TYPE_H

#include <dxos/model.h>

#include "base/limits.h"
#include "store/store.h"

typedef struct dx_space dx_space;
struct dx_context;

enum {
    DX_TYPES_CACHED = 64 /* names of a space kept in memory: a data model has a few dozen */
};

typedef enum dx_type_kind { DX_TYPE_OBJECT = 0, DX_TYPE_LINK = 1, DX_TYPE_MODEL = 2 } dx_type_kind;

typedef struct dx_type {
    int64_t id;
    dx_type_kind kind;
    const dx_model *model; /* kind MODEL: its vtable, NULL while this program does not know it */
    int64_t live_change;   /* not yet in the row */
    size_t size;
    uint8_t name[DX_TYPE_SIZE_MAX];
} dx_type;

typedef struct dx_types {
    dx_type *cached; /* DX_TYPES_CACHED slots, taken on first need */
    size_t count, next_victim;
} dx_types;

/* The number of a name, made when it is new. DX_E_INVALID: longer than DX_TYPE_SIZE_MAX. */
DX_MUST_USE int dx_type_intern(struct dx_context *context, dx_space *space, dx_type_kind kind, dx_bytes name,
                               dx_type **out);
/* The same without making it: DX_E_NOT_FOUND. */
DX_MUST_USE int dx_type_find(struct dx_context *context, dx_space *space, dx_type_kind kind, dx_bytes name,
                             dx_type **out);
DX_MUST_USE int dx_type_read(struct dx_context *context, dx_space *space, int64_t id, dx_type **out);
/* Writes the counts that changed. */
DX_MUST_USE int dx_types_save(struct dx_context *context, dx_space *space);
void dx_types_deinit(dx_types *types, const dx_alloc *alloc);

#endif
