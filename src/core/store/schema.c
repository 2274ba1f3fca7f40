/* store/schema.c: every table of a vault, as the list of steps that made it. See schema.h. */
#include "store/schema.h"

const char *const dx_store_schema[] = {
    /* What belongs to the vault as a whole, by name. */
    "CREATE TABLE vault(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;",
    /* Feeds, their blocks (key: feed.id << 32 | number in the feed) and what is known of their forks;
     * feed/feed.h. cut is NULL while no fork is known. */
    "CREATE TABLE feed(id INTEGER PRIMARY KEY, space INTEGER NOT NULL, feed_id BLOB NOT NULL UNIQUE,"
    " prefix BLOB NOT NULL, device BLOB NOT NULL, key BLOB NOT NULL, class INTEGER NOT NULL,"
    " own INTEGER NOT NULL, cut INTEGER, length INTEGER NOT NULL, applied INTEGER NOT NULL,"
    " peaks BLOB NOT NULL, head BLOB NOT NULL, target BLOB NOT NULL, timeframe BLOB NOT NULL,"
    " UNIQUE(space, prefix)) STRICT;"
    "CREATE TABLE block(key INTEGER PRIMARY KEY, nodes BLOB NOT NULL, body BLOB NOT NULL) STRICT;"
    "CREATE TABLE fork(feed INTEGER PRIMARY KEY, proof BLOB NOT NULL) STRICT;",
    /* Replies of writing commands, so that asking again after a crash answers again (node/request.c). */
    "CREATE TABLE reply(id INTEGER PRIMARY KEY, request BLOB NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;"
    /* Where peers of a space may be found (sync/replication.c). */
    "CREATE TABLE address(space INTEGER NOT NULL, address TEXT NOT NULL, told_ms INTEGER NOT NULL, PRIMARY "
    "KEY(space, address)) "
    "WITHOUT ROWID, STRICT;",
    /* The secrets of this vault (halo/keyring.c). */
    "CREATE TABLE key(public BLOB PRIMARY KEY, kind TEXT NOT NULL, seed BLOB NOT NULL) WITHOUT ROWID, STRICT;"
    /* The credentials of a space and where they came from (halo/control_rows.c). */
    "CREATE TABLE credential(id BLOB NOT NULL, space INTEGER NOT NULL, feed INTEGER NOT NULL, seq INTEGER "
    "NOT NULL, "
    "position INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(space, id)) WITHOUT ROWID, STRICT;"
    /* Invitations this vault gave out (halo/invitation.c). */
    "CREATE TABLE invitation(id BLOB PRIMARY KEY, space INTEGER NOT NULL, role INTEGER NOT NULL, expires_ms "
    "INTEGER "
    "NOT NULL, multi INTEGER NOT NULL, topic BLOB NOT NULL, host_key BLOB NOT NULL, pin TEXT NOT NULL, "
    "failures "
    "INTEGER NOT NULL, uses INTEGER NOT NULL, state INTEGER NOT NULL, url TEXT NOT NULL) WITHOUT ROWID, "
    "STRICT;",
};

const int dx_store_schema_version = sizeof dx_store_schema / sizeof dx_store_schema[0];
