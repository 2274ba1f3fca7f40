/* store/schema.c: every table of a vault, as the list of steps that made it. See schema.h. */
#include "store/schema.h"

const char *const dx_store_schema[] = {
    /* What belongs to the vault as a whole, by name. */
    "CREATE TABLE vault(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;",
    /* Feeds, their blocks (key: feed.id << 32 | number in the feed) and what is known of their forks;
     * feed/feed.h. cut is NULL while no fork is known. */
    ("CREATE TABLE feed(id INTEGER PRIMARY KEY, space INTEGER NOT NULL, feed_id BLOB NOT NULL UNIQUE,"
     " prefix BLOB NOT NULL, device BLOB NOT NULL, key BLOB NOT NULL, class INTEGER NOT NULL,"
     " own INTEGER NOT NULL, cut INTEGER, length INTEGER NOT NULL, applied INTEGER NOT NULL,"
     " peaks BLOB NOT NULL, head BLOB NOT NULL, target BLOB NOT NULL, timeframe BLOB NOT NULL,"
     " UNIQUE(space, prefix)) STRICT;"
     "CREATE TABLE block(key INTEGER PRIMARY KEY, nodes BLOB NOT NULL, body BLOB NOT NULL) STRICT;"
     "CREATE TABLE fork(feed INTEGER PRIMARY KEY, proof BLOB NOT NULL) STRICT;"),
    /* Replies of writing commands, so that asking again after a crash answers again (node/request.c). */
    ("CREATE TABLE reply(id INTEGER PRIMARY KEY, request BLOB NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;"
     /* Where peers of a space may be found (sync/replication.c). */
     "CREATE TABLE address(space INTEGER NOT NULL, address TEXT NOT NULL, told_ms INTEGER NOT NULL, PRIMARY "
     "KEY(space, address)) "
     "WITHOUT ROWID, STRICT;"),
    /* The secrets of this vault (halo/keyring.c). */
    ("CREATE TABLE key(public BLOB PRIMARY KEY, kind TEXT NOT NULL, seed BLOB NOT NULL) WITHOUT ROWID, "
     "STRICT;"
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
     "STRICT;"),
    /* Spaces, the keys of their epochs, names that entities share, the entities themselves, and what was
       refused (docs/spec/entities.md). */
    ("CREATE TABLE space(id INTEGER PRIMARY KEY AUTOINCREMENT, space_id BLOB NOT NULL UNIQUE, own_control "
     "INTEGER NOT NULL,"
     " own_data INTEGER NOT NULL, refused INTEGER NOT NULL, forgotten INTEGER NOT NULL) STRICT;"
     "CREATE TABLE space_key(space INTEGER NOT NULL, epoch INTEGER NOT NULL, key BLOB NOT NULL,"
     " PRIMARY KEY(space, epoch)) WITHOUT ROWID, STRICT;"
     "CREATE TABLE type(id INTEGER PRIMARY KEY, space INTEGER NOT NULL, kind INTEGER NOT NULL, name TEXT NOT "
     "NULL,"
     " live INTEGER NOT NULL, UNIQUE(space, kind, name)) STRICT;"
     "CREATE TABLE entity(key INTEGER PRIMARY KEY, kind INTEGER NOT NULL, type INTEGER NOT NULL, model "
     "INTEGER NOT NULL,"
     " created INTEGER NOT NULL, parent INTEGER, deleted INTEGER NOT NULL, deleted_counter INTEGER, "
     "deleted_feed INTEGER,"
     " source INTEGER, target INTEGER, state BLOB) STRICT;"
     "CREATE INDEX entity_by_type ON entity(type);"
     "CREATE INDEX entity_by_parent ON entity(parent) WHERE parent IS NOT NULL;"
     /* Walks along links touch these three alone: links with both ends, and of objects what decides whether
       they show. */
     "CREATE INDEX link_by_source ON entity(source, type, target, deleted) WHERE source IS NOT NULL;"
     "CREATE INDEX link_by_target ON entity(target, type, source, deleted) WHERE target IS NOT NULL;"
     "CREATE INDEX object_head ON entity(key, type, deleted) WHERE kind = 0;"
     "CREATE TABLE refused(id INTEGER PRIMARY KEY, space INTEGER NOT NULL, feed INTEGER NOT NULL, seq "
     "INTEGER "
     "NOT NULL,"
     " section INTEGER NOT NULL, error INTEGER NOT NULL, wall_ms INTEGER NOT NULL) STRICT;"
     "CREATE INDEX refused_by_space ON refused(space, feed, seq, section);"),
    /* An ended invitation keeps its key as long as its row, to answer by it; those that ended before have
       none. */
    "DELETE FROM invitation WHERE state <> 0;",
    /* Which request asked for it. */
    ("ALTER TABLE invitation ADD COLUMN request BLOB NOT NULL DEFAULT "
     "x'00000000000000000000000000000000';"),
    /* Forked feeds: the branch in force is the feed's row (rows 0: its own blocks; feed/feed.h), the others
     * are limbs (feed/limb.h); what other feeds name of them, and how far each was looked through
     * (echo/floor.c). */
    ("ALTER TABLE feed ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE feed ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE feed ADD COLUMN rows INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE feed ADD COLUMN parts INTEGER NOT NULL DEFAULT 0;"
     "CREATE TABLE limb(rows INTEGER PRIMARY KEY, feed INTEGER NOT NULL, parts INTEGER NOT NULL,"
     " length INTEGER NOT NULL, peaks BLOB NOT NULL, head BLOB NOT NULL, target BLOB NOT NULL,"
     " goal_length INTEGER, goal_root BLOB) STRICT;"
     "CREATE INDEX limb_by_feed ON limb(feed);"
     "CREATE TABLE named(feed INTEGER NOT NULL, source INTEGER NOT NULL, length INTEGER NOT NULL,"
     " root BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(feed, source, length, root,"
     " seq)) WITHOUT ROWID, STRICT;"
     "CREATE INDEX named_by_seq ON named(feed, source, seq);"
     "CREATE TABLE looked(feed INTEGER NOT NULL, source INTEGER NOT NULL, next INTEGER NOT NULL,"
     " PRIMARY KEY(feed, source)) WITHOUT ROWID, STRICT;"
     /* Which blocks changed an entity that stands elsewhere, in the order of their stamps, so that it can be
     * made again without some of them (echo/withdraw.c). block: feed << 32 | seq. */
     "CREATE TABLE touch(entity INTEGER NOT NULL, counter INTEGER NOT NULL, block INTEGER NOT NULL,"
     " section INTEGER NOT NULL, PRIMARY KEY(entity, counter, block, section)) WITHOUT ROWID, STRICT;"),
    /* Every block that carried a credential: it counts as long as one of them does (halo/control_rows.c). */
    ("CREATE TABLE carried(space INTEGER NOT NULL, id BLOB NOT NULL, feed INTEGER NOT NULL,"
     " seq INTEGER NOT NULL, PRIMARY KEY(space, id, feed, seq)) WITHOUT ROWID, STRICT;"
     "CREATE INDEX carried_by_feed ON carried(feed, seq);"
     "INSERT INTO carried SELECT space, id, feed, seq FROM credential WHERE feed <> 0;"),
    /* Who says so of an address, and what the word is worth (dx_address_standing): one row for each who says
     * it, so that nobody takes another's place by saying the same first. Of older rows nobody knows. */
    ("ALTER TABLE address RENAME TO told;"
     "CREATE TABLE address(space INTEGER NOT NULL, address TEXT NOT NULL, who BLOB NOT NULL,"
     " standing INTEGER NOT NULL, told_ms INTEGER NOT NULL, PRIMARY KEY(space, address, who))"
     " WITHOUT ROWID, STRICT;"
     "INSERT INTO address SELECT space, address, x'', 1, told_ms FROM told;"
     "DROP TABLE told;"),
    /* Signaling services the person named (node/commands_signal.c). */
    "CREATE TABLE signal(url TEXT PRIMARY KEY) WITHOUT ROWID, STRICT;",
    /* What apps may ask, by origin (node/grant.c), and which of them gave out an invitation: it ends with its
     * grant. level: on every space, 0 none. */
    ("CREATE TABLE app(origin TEXT PRIMARY KEY, name TEXT NOT NULL, scopes INTEGER NOT NULL,"
     " level INTEGER NOT NULL) WITHOUT ROWID, STRICT;"
     "CREATE TABLE app_space(origin TEXT NOT NULL, space BLOB NOT NULL, level INTEGER NOT NULL,"
     " PRIMARY KEY(origin, space)) WITHOUT ROWID, STRICT;"
     "ALTER TABLE invitation ADD COLUMN origin TEXT NOT NULL DEFAULT '';"),
    /* What became of this device's own transactions, by their first blocks (echo/undo.c). */
    ("CREATE TABLE undo(block INTEGER PRIMARY KEY, role INTEGER NOT NULL, done INTEGER NOT NULL) STRICT;"),
    /* Every move of an object that was ever moved, its creation among them (parent 0: to the top), and which
     * objects stand by an older one because the latest would close a circle (echo/hierarchy.h). */
    ("CREATE TABLE move(child INTEGER NOT NULL, counter INTEGER NOT NULL, feed BLOB NOT NULL,"
     " parent INTEGER NOT NULL, PRIMARY KEY(child, counter, feed)) WITHOUT ROWID, STRICT;"
     "CREATE TABLE yielded(child INTEGER PRIMARY KEY, counter INTEGER, feed BLOB, knot INTEGER NOT NULL) "
     "STRICT;"
     "CREATE INDEX yielded_by_knot ON yielded(knot);"),
    /* Indexes on properties (echo/index.h). Their entries are one tree in the order they are asked in. */
    ("CREATE TABLE property_index(id INTEGER PRIMARY KEY AUTOINCREMENT, space INTEGER NOT NULL,"
     " type INTEGER NOT NULL, path TEXT NOT NULL, automatic INTEGER NOT NULL, stage INTEGER NOT NULL,"
     " built INTEGER NOT NULL, models INTEGER NOT NULL) STRICT;"
     "CREATE INDEX property_index_by_space ON property_index(space);"
     "CREATE TABLE property(ix INTEGER NOT NULL, value BLOB NOT NULL, key INTEGER NOT NULL,"
     " PRIMARY KEY(ix, value, key)) WITHOUT ROWID, STRICT;"),
    /* Operations of objects whose model wants them in order, some with the state after them (echo/ordered.h). */
    ("CREATE TABLE step(entity INTEGER NOT NULL, counter INTEGER NOT NULL, feed BLOB NOT NULL,"
     " operation BLOB NOT NULL, state BLOB, PRIMARY KEY(entity, counter, feed)) WITHOUT ROWID, STRICT;"),
    /* applied: what the rows hold. reached: how far the pipeline was; blocks between are applied again
     * (echo/entity_row.h). */
    "ALTER TABLE feed ADD COLUMN reached INTEGER NOT NULL DEFAULT 0; UPDATE feed SET reached = applied;",
    /* What changed lately, for watchers that were away (echo/change_log.h). */
    "CREATE TABLE changed(number INTEGER PRIMARY KEY, entities BLOB NOT NULL) STRICT;",
    /* What refers to an entity, by a number made of its id; of spaces that are older than this table nothing is in it
     * until somebody asks (echo/referrer.h). */
    ("CREATE TABLE reference(target INTEGER NOT NULL, source INTEGER NOT NULL, PRIMARY KEY(target, source))"
     " WITHOUT ROWID, STRICT;"
     "ALTER TABLE space ADD COLUMN referred INTEGER NOT NULL DEFAULT 0;"),
    /* How much of a forked feed a confirmed epoch settled, and where its branches were taken to part when changes of
     * what it made were judged (echo/floor.c). */
    ("ALTER TABLE feed ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE feed ADD COLUMN judged INTEGER;"),
    /* Blocks with sections of which only the hash is here (feed/hole.h), by their keys in table block, and how many there
     * are under each number; the version vectors of feeds, here and there, for what comes late (echo/late.h). */
    ("CREATE TABLE hole(block INTEGER PRIMARY KEY, sections INTEGER NOT NULL, excused INTEGER NOT NULL) "
     "STRICT;"
     "CREATE TABLE hole_count(rows INTEGER PRIMARY KEY, sections INTEGER NOT NULL, excused INTEGER NOT NULL) "
     "STRICT;"
     "CREATE TABLE vector(feed INTEGER NOT NULL, length INTEGER NOT NULL, timeframe BLOB NOT NULL,"
     " PRIMARY KEY(feed, length)) WITHOUT ROWID, STRICT;"),
    /* Touches packed into sorted runs (echo/touch_run.h); those there are become a run of each space, unpacked. */
    ("ALTER TABLE touch RENAME TO touched;"
     "CREATE TABLE touch_run(id INTEGER PRIMARY KEY, space INTEGER NOT NULL, level INTEGER NOT NULL,"
     " stage INTEGER NOT NULL) STRICT;"
     "CREATE INDEX touch_run_by_space ON touch_run(space);"
     "CREATE TABLE touch(run INTEGER NOT NULL, entity INTEGER NOT NULL, counter INTEGER NOT NULL,"
     " block INTEGER NOT NULL, section INTEGER NOT NULL, rest BLOB NOT NULL,"
     " PRIMARY KEY(run, entity, counter, block, section)) WITHOUT ROWID, STRICT;"
     "INSERT INTO touch_run SELECT id, id, 0, 1 FROM space;"
     "INSERT INTO touch SELECT feed.space, entity, counter, block, section, x'' FROM touched"
     " JOIN feed ON feed.id = entity >> 48;"
     "DROP TABLE touched;"),
    /* Bounded history. begins, vector: blocks below are not here, and what the feed had declared there (feed/begin.h).
     * base: which epoch a space builds on, and what is under way about it (echo/epoch.h); base_row: entities as they were
     * there that changed since; a row of another generation than the base's counts for nothing. Moves know the block
     * they stand in. snapshot: states at cuts that were made or are being loaded here (echo/snapshot.h); of each chunk its
     * hash and the entity it begins with, by which it is made again, or the chunk itself. */
    ("ALTER TABLE feed ADD COLUMN begins INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE feed ADD COLUMN vector BLOB NOT NULL DEFAULT x'';"
     "ALTER TABLE move ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;"
     "UPDATE move SET seq = coalesce((SELECT touch.block & 4294967295 FROM touch JOIN feed ON feed.id ="
     " touch.block >> 32 WHERE touch.entity = move.child AND touch.counter = move.counter AND feed.prefix ="
     " move.feed), (move.child >> 16) & 4294967295);"
     "CREATE TABLE base(space INTEGER PRIMARY KEY, number INTEGER NOT NULL, generation INTEGER NOT NULL,"
     " stage INTEGER NOT NULL, goal INTEGER NOT NULL, goal_generation INTEGER NOT NULL, key_epoch INTEGER "
     "NOT NULL,"
     " cut BLOB NOT NULL, root BLOB NOT NULL, at INTEGER NOT NULL) STRICT;"
     "CREATE TABLE base_row(entity INTEGER NOT NULL, generation INTEGER NOT NULL, kind INTEGER NOT NULL,"
     " type INTEGER NOT NULL, model INTEGER NOT NULL, created INTEGER NOT NULL, parent INTEGER,"
     " deleted INTEGER NOT NULL, deleted_counter INTEGER, deleted_feed INTEGER, source INTEGER, target "
     "INTEGER,"
     " state BLOB, PRIMARY KEY(entity, generation)) WITHOUT ROWID, STRICT;"
     "CREATE TABLE snapshot(id INTEGER PRIMARY KEY AUTOINCREMENT, space INTEGER NOT NULL, root BLOB NOT NULL,"
     " number INTEGER NOT NULL, key_epoch INTEGER NOT NULL, cut BLOB NOT NULL, whole INTEGER NOT NULL,"
     " UNIQUE(space, root)) STRICT;"
     "CREATE TABLE snapshot_chunk(snapshot INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL,"
     " entity INTEGER, piece INTEGER, sealed BLOB, PRIMARY KEY(snapshot, number)) STRICT;"),
    /* What this vault found of an epoch, and when it saw it confirmed (node/epochs.h). */
    ("CREATE TABLE epoch_seen(space INTEGER NOT NULL, id BLOB NOT NULL, verdict INTEGER NOT NULL,"
     " since_ms INTEGER NOT NULL, PRIMARY KEY(space, id)) WITHOUT ROWID, STRICT;"),
    /* Entries of indexes, packed (echo/index_entry.h): those there are built anew. */
    ("DROP TABLE property;"
     "CREATE TABLE property(ix INTEGER NOT NULL, value BLOB NOT NULL, key INTEGER NOT NULL, rest BLOB NOT "
     "NULL, PRIMARY KEY(ix, value, key)) WITHOUT ROWID, STRICT;"
     "UPDATE property_index SET stage = 0, built = 0 WHERE stage = 1 AND path <> '';"),
    /* Rows that are not in their tables yet (echo/row_log.h). */
    "CREATE TABLE row_log(key INTEGER PRIMARY KEY, rows BLOB NOT NULL) STRICT;",
    /* last: the entity that a load made a row of last (echo/load_rows.h). */
    "ALTER TABLE base ADD COLUMN last INTEGER NOT NULL DEFAULT 0;",
    /* Partial replicas. outside: of a block's holes, those that a peer left out by this vault's scope
     * (echo/space_scope.h); resets: they are being taken for missing again, since the scope is another one. Entities of
     * which all sections are to be fetched, whatever the scope says (sync/seek.c). */
    ("ALTER TABLE hole ADD COLUMN outside INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE hole_count ADD COLUMN outside INTEGER NOT NULL DEFAULT 0;"
     "CREATE INDEX hole_missing ON hole(block) WHERE sections > excused + outside;"
     "CREATE INDEX hole_outside ON hole(block) WHERE outside <> 0;"
     "CREATE TABLE space_scope(space INTEGER PRIMARY KEY, scope BLOB NOT NULL, resets INTEGER NOT NULL) "
     "STRICT;"
     "CREATE TABLE sought(space INTEGER NOT NULL, entity INTEGER NOT NULL, PRIMARY KEY(space, entity))"
     " WITHOUT ROWID, STRICT;"),
    /* Entities whose purge was carried out here (echo/purge.h); where sections about purged entities stood, which were taken
     * out here or are named by who purged them; and which set of PURGEs all of that was done for. */
    ("CREATE TABLE purged(space INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY(space, id)) WITHOUT ROWID, "
     "STRICT;"
     "CREATE TABLE purged_place(space INTEGER NOT NULL, feed BLOB NOT NULL, seq INTEGER NOT NULL,"
     " section INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY(space, feed, seq, section)) WITHOUT ROWID, "
     "STRICT;"
     "CREATE TABLE purges_done(space INTEGER PRIMARY KEY, version INTEGER NOT NULL) STRICT;"),
    /* Links of objects and what decides whether these show, packed (echo/adjacency.h): those there are become packs of one
     * entry, which grow together as they change. */
    ("CREATE TABLE adjacency(side INTEGER NOT NULL, object INTEGER NOT NULL, type INTEGER NOT NULL,"
     " other INTEGER NOT NULL, link INTEGER NOT NULL, value INTEGER NOT NULL, rest BLOB NOT NULL,"
     " PRIMARY KEY(side, object, type, other, link)) WITHOUT ROWID, STRICT;"
     "INSERT INTO adjacency SELECT 0, source, type, coalesce(target, 0), key, deleted, x'' FROM entity"
     " WHERE source IS NOT NULL ORDER BY source, type, target, key;"
     "INSERT INTO adjacency SELECT 1, target, type, coalesce(source, 0), key, deleted, x'' FROM entity"
     " WHERE target IS NOT NULL ORDER BY target, type, source, key;"
     "INSERT INTO adjacency SELECT 2, key, 0, 0, 0, type * 2 + deleted, x'' FROM entity WHERE kind = 0"
     " ORDER BY key;"
     "DROP INDEX link_by_source; DROP INDEX link_by_target; DROP INDEX object_head;"),
    /* Spaces in which this vault makes no epochs by itself (node/epochs.h). */
    "CREATE TABLE epoch_by_hand(space INTEGER PRIMARY KEY) STRICT;",
    /* Who alone said of a block's holes that they are outside (feed/hole.h). */
    ("ALTER TABLE hole ADD COLUMN word INTEGER NOT NULL DEFAULT 0;"
     "CREATE INDEX hole_word ON hole(word, block) WHERE word <> 0;"),
    /* Packs of links are of another form (echo/adjacency_pack.h): those there are stay as they are until they change. */
    "ALTER TABLE adjacency RENAME COLUMN rest TO pack;",
    /* Entities that came from another space with their operations (echo/provenance.h). */
    ("CREATE TABLE provenance(entity INTEGER PRIMARY KEY, counter INTEGER NOT NULL, feed BLOB NOT NULL,"
     " floor INTEGER NOT NULL) STRICT;"),
    /* The number under which the blocks stand that a feed's branches share (feed/limb.h); 0: the feed's own. */
    "ALTER TABLE feed ADD COLUMN trunk INTEGER NOT NULL DEFAULT 0;",
    /* How a pack of touches is written (echo/touch_run.c): those there are stay as they are until runs are made one. */
    "ALTER TABLE touch ADD COLUMN form INTEGER NOT NULL DEFAULT 0;",
    /* Who told last what matches a scope's question, and when (echo/space_scope.h). */
    ("ALTER TABLE space_scope ADD COLUMN told_by BLOB NOT NULL DEFAULT x'';"
     "ALTER TABLE space_scope ADD COLUMN told_ms INTEGER NOT NULL DEFAULT 0;"),
    /* Operations that have no effect and hold places for others (echo/hidden.h). */
    ("CREATE TABLE hidden(entity INTEGER NOT NULL, rows INTEGER NOT NULL, seq INTEGER NOT NULL,"
     " section INTEGER NOT NULL, feed INTEGER NOT NULL, operation BLOB NOT NULL, mark INTEGER NOT NULL,"
     " PRIMARY KEY(entity, rows, seq, section)) WITHOUT ROWID, STRICT;"
     "CREATE INDEX hidden_by_feed ON hidden(feed, mark);"),
};

const int dx_store_schema_version = sizeof dx_store_schema / sizeof dx_store_schema[0];
