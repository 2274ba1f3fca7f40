/* store/schema.h: every table of a vault, as the list of steps that made it.
 *
 * Layer: floor 1, store. A vault's user_version is the number of steps it has taken; opening takes the
 * missing ones in one transaction. Invariant: a step that was ever released is never changed, only followed.
 */
#ifndef DX_STORE_SCHEMA_H
#define DX_STORE_SCHEMA_H

#include <stddef.h>

enum { DX_STORE_APPLICATION_ID = 0x44584f53 }; /* "DXOS", in SQLite's header */

/* The SQL of each step, one or more statements. */
extern const char *const dx_store_schema[];
extern const int dx_store_schema_version; /* number of steps */

#endif
