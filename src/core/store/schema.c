/* store/schema.c: every table of a vault, as the list of steps that made it. See schema.h. */
#include "store/schema.h"

const char *const dx_store_schema[] = {
    /* What belongs to the vault as a whole, by name. */
    "CREATE TABLE vault(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;",
    /* Replies of writing commands, so that asking again after a crash answers again (node/request.c). */
    "CREATE TABLE reply(id INTEGER PRIMARY KEY, request BLOB NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;"
    /* Where peers of a space may be found (sync/replication.c). */
    "CREATE TABLE address(space INTEGER NOT NULL, address TEXT NOT NULL, told_ms INTEGER NOT NULL, PRIMARY "
    "KEY(space, address)) "
    "WITHOUT ROWID, STRICT;",
};

const int dx_store_schema_version = sizeof dx_store_schema / sizeof dx_store_schema[0];
