/* store/schema.c: every table of a vault, as the list of steps that made it. See schema.h. */
#include "store/schema.h"

const char *const dx_store_schema[] = {
    /* What belongs to the vault as a whole, by name. */
    "CREATE TABLE vault(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;",
};

const int dx_store_schema_version = sizeof dx_store_schema / sizeof dx_store_schema[0];
