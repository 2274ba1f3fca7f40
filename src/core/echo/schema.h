/* echo/schema.h: the shape that a program wants the objects of a type to have, and whether a value has it.
 *
 * Layer: floor 1, echo. docs/spec/schema.md. A definition is a map in the words of JSON Schema, a small part of
 * them; words that are not of that part are kept and mean nothing. Both functions are pure and bounded: a definition
 * is no larger than DX_SCHEMA_SIZE_MAX, and judging a value ends after DX_SCHEMA_WORK_MAX bytes were looked at. */
#ifndef DX_ECHO_SCHEMA_H
#define DX_ECHO_SCHEMA_H

#include <dxos/codec.h>

enum {
    DX_SCHEMA_SIZE_MAX = 64 * 1024, /* an encoded definition: some hundreds of properties with their words */
    DX_SCHEMA_WORK_MAX =
        256 * 1024 * 1024, /* a tenth of a second; a value of 1 MiB against what people write: a tenth */
    DX_SCHEMA_PATH_MAX = 96,
    DX_SCHEMA_MESSAGE_MAX = 200
};

/* What is wrong, and where. */
typedef struct dx_schema_fault {
    const char *rule;              /* the word of the definition that is not met */
    char path[DX_SCHEMA_PATH_MAX]; /* as object.set takes it, [n] for an item of an array; empty: the whole */
    char message[DX_SCHEMA_MESSAGE_MAX]; /* one sentence without a full stop */
} dx_schema_fault;

/* What a reference leads to; NULL: nobody looks. */
typedef struct dx_schema_lookup {
    void *ctx;
    /* DX_OK, DX_E_NOT_FOUND: not here, which is no fault; any other error ends the judging. */
    int (*type_of)(void *ctx, dx_bytes id, dx_bytes *type);
} dx_schema_lookup;

/* Whether an encoded, canonical item is a definition: DX_OK, DX_E_INVALID with the fault. */
DX_MUST_USE int dx_schema_check(dx_bytes definition, dx_schema_fault *fault);
/* Whether the value, a canonical item, is as a checked definition says: DX_OK, DX_E_INVALID with the fault, DX_E_LIMIT:
 * it is too large to tell; or lookup's error. */
DX_MUST_USE int dx_schema_judge(dx_bytes definition, dx_bytes value, const dx_schema_lookup *lookup,
                                dx_schema_fault *fault);

#endif
