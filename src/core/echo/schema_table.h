/* echo/schema_table.h: the definitions that stand in a space, and judging an object's data by those of its type.
 *
 * Layer: floor 1, echo. docs/spec/schema.md. A definition is an object of type "dx.schema" like any other: it is
 * replicated, and whatever stands there is read anew after one changed. Versions of a type stand side by side: data
 * that are as one of them says are well. Only what is written here is judged, never what comes from others.
 *
 * Ownership: the table is the space's; what it gives dies with the next change of the space, or with the table. */
#ifndef DX_ECHO_SCHEMA_TABLE_H
#define DX_ECHO_SCHEMA_TABLE_H

#include "base/limits.h"
#include "echo/schema.h"
#include "store/store.h"

typedef struct dx_space dx_space;
struct dx_context;

enum {
    DX_SCHEMAS_MAX = 1024,                 /* read of one space, all versions: more than a data model has */
    DX_SCHEMAS_SIZE_MAX = 4 * 1024 * 1024, /* of memory that they take in a space */
    DX_SCHEMA_VERSION_MAX = 1000000000,
    DX_SCHEMA_STEPS_MAX = 256 /* of the migration to one version */
};

/* The type of the objects that hold definitions. */
#define DX_SCHEMA_TYPE "dx.schema"

typedef struct dx_schema {
    int64_t key; /* of its object */
    int64_t version;
    dx_bytes type;
    dx_bytes definition; /* size 0: none, or not a sound one: nothing is judged by it */
    dx_bytes migration;  /* an array, size 0: none */
} dx_schema;

typedef struct dx_schemas {
    dx_schema *items; /* by type, the newest version first */
    size_t count;
    bool fresh;      /* nothing changed since they were read */
    int64_t type_id; /* of their objects, 0: the space knows no such type yet */
    dx_buf text;     /* what the items point at */
} dx_schemas;

/* The space's definitions, read when something changed. DX_E_NO_MEMORY, store errors. */
DX_MUST_USE int dx_schemas_read(struct dx_context *context, dx_space *space, const dx_schemas **out);
/* The range of a type's versions in the table; 0: it has none. */
size_t dx_schemas_of_type(const dx_schemas *schemas, dx_bytes type, size_t *first);
/* Whether data are as one version of the type says, or the type has none. DX_E_INVALID: the fault, and the newest
 * version in *by; DX_E_LIMIT: too large to tell. data: an encoded map. */
DX_MUST_USE int dx_schemas_judge(struct dx_context *context, dx_space *space, dx_bytes type, dx_bytes data,
                                 dx_schema_fault *fault, int64_t *by);
/* A row of an object of this type is another one. */
void dx_schemas_note(dx_space *space, int64_t type_id);
void dx_schemas_deinit(dx_schemas *schemas, const dx_alloc *alloc);

#endif
