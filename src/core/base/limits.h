/* base/limits.h: every limit of the house, each with its reason.
 *
 * Layer: floor 1, base. A limit a peer, a file or a caller can run into stands here and nowhere else; a room
 * adds its own in its own group. Sizes are bytes unless the name says otherwise. The nesting limit of the
 * encoding is public and stands in dxos/codec.h (DX_CODEC_DEPTH_MAX). */
#ifndef DX_BASE_LIMITS_H
#define DX_BASE_LIMITS_H

enum {
    /* --- codec --- */
    /* Characters of a JSON number: the smallest double written out in full needs 1,077; a bound on the text
     * bounds the arithmetic behind it. */
    DX_JSON_NUMBER_MAX = 2048,

    /* --- text --- */
    /* Arrays and objects within one another in a value. Editors' attributes have three or four; what reads a value keeps
     * a place for each level on its stack. */
    DX_TEXT_NESTING_MAX = 128,
    /* An update v2 holds structs of no bytes of their own (a thousand empty maps are one run in each column), and each
     * costs a record when it is taken in: so many are free, and so many more for each byte, which is more than v1 can
     * say in a byte. */
    DX_TEXT_STRUCTS_FREE = 1 << 20,
    DX_TEXT_STRUCTS_PER_BYTE = 4,
    /* Clients of one document: a row and a place in the order each, 28 bytes. */
    DX_TEXT_CLIENTS_MAX = 16 * 1024 * 1024,
    /* Structs, ranges and bytes for which a document keeps the memory of its last update: those of typing. */
    DX_TEXT_PLAN_KEPT = 1024,
    /* Ranges deleted and seams for which the memory of a transaction is kept. */
    DX_TEXT_SPANS_KEPT = 1024,
    /* What one call gives: a value, formatting, a delta, in the form of the wire. A book is a megabyte. */
    DX_TEXT_VALUE_MAX = 256 * 1024 * 1024,
    /* Lines that formatting beyond the end of a text adds, as Yjs does: editors count one line that is not in the text. */
    DX_TEXT_LINES_ADDED_MAX = 256,

    /* --- mesh: channel --- */
    /* One frame of ciphertext: large enough that its 18 bytes of overhead and its call of the cipher vanish,
     * small enough that a receiver begins at once and a stranger's half frame costs little. */
    DX_CHANNEL_FRAME_MAX = 16 * 1024,
    /* One message, all its frames together: twice a block, so one with its head and proofs always fits. */
    DX_CHANNEL_MESSAGE_MAX = 2 * 1024 * 1024,
    /* What a handshake carries: a credential chain of a few times 2 KiB. */
    DX_CHANNEL_PAYLOAD_MAX = 8 * 1024,
    /* A preface is 37 bytes; a stranger's first frame may not be longer than this. */
    DX_CHANNEL_PREFACE_MAX = 64,
    /* What callers bind into the handshake: two DTLS fingerprints and a hash, with room for one more. */
    DX_CHANNEL_PROLOGUE_MAX = 128,
    /* From link up to the end of the handshake: generous for three messages over a slow relay. */
    DX_CHANNEL_HANDSHAKE_MS = 10000,
    /* Message memory kept between messages; what a large one took beyond it is given back. */
    DX_CHANNEL_KEPT_MAX = 128 * 1024,
    /* Bytes under one key, then the sender rekeys (2 GiB): far below any bound of the cipher, and the key of
     * a long session does not open its whole past. */
    DX_CHANNEL_REKEY_MAX = 2147483647,

    /* --- mesh: swarm --- */
    /* First wait before an address is dialled again, and the longest: a restarted peer is found at once, a
     * gone one costs a packet a minute. */
    DX_DIAL_FIRST_MS = 200,
    DX_DIAL_LAST_MS = 60000,
    /* A dialled link that did not come up: a host that says nothing is not waited for. */
    DX_DIAL_ANSWER_MS = 30000,
    /* A link that lasted this long was worth dialling: the next wait is a first one again. One that ends
     * sooner, as with a peer that always refuses, counts as a failure. */
    DX_DIAL_SETTLED_MS = 5000,
    /* A link ended that the other side had dialled: it dials again, and this side waits two first waits and
     * two handshakes like the last one, at most this long, so that both do not meet in the middle. */
    DX_DIAL_YIELD_MS = 10000,
    /* Links of one node, dialled and accepted, strangers included: a meeting costs 2 KiB before it is secret.
     */
    DX_LINKS_MAX = 1024,
    /* Of these accepted ones: a few less than the native host takes (256), so that it is the node that chooses who
     * gives way when places are short, for it alone knows who is a member. */
    DX_LINKS_ACCEPTED_MAX = 240,
    /* Links of one identity in one space that are a member's and do not give way: a few for each of its devices. */
    DX_MEMBER_LINKS_MAX = 16,
    /* Memory of all links together: messages that have arrived in part, and what was given to the host and not yet
     * taken. Some 30 of the longest messages, or more than 200 usual ones, under way at once. */
    DX_LINKS_HELD_MAX = 64 * 1024 * 1024,
    /* What may wait to leave on one link however much waits on others: a usual run of blocks. */
    DX_LINK_SHARE = 256 * 1024,
    /* Bytes given to the host for one link and not yet taken from it: four times a peer's credit. A peer that claims
     * to have stored what it never took, or asks without listening, is not written to for ever. */
    DX_LINK_OUTSTANDING_MAX = 16 * 1024 * 1024,
    /* Two links dialled from both ends within this time met in the middle; a later one replaces a dead one.
     */
    DX_GLARE_MS = 5000,

    /* --- mesh: signaling --- */
    /* What a transport tells the one at the other end: a description of some forty candidates. */
    DX_SIGNAL_SIZE_MAX = 16 * 1024,
    /* The same sealed: session, sequence, nonce and tag beside it. */
    DX_SIGNALING_BODY_MAX = DX_SIGNAL_SIZE_MAX + 128,
    /* One message between client and service: a body, a topic, a name and heads. */
    DX_SIGNALING_FRAME_MAX = DX_SIGNALING_BODY_MAX + 64,
    /* Signals of one attempt in one direction: a description and its candidates; each number is seen once. */
    DX_SIGNALING_SEQUENCE_MAX = 64,
    /* A name of a service, a user or a password in a message; also the longest address of a service. */
    DX_SIGNALING_TEXT_MAX = 255,
    /* ICE servers a service names: a few ways in. */
    DX_SIGNALING_ICE_MAX = 8,
    /* From the connection to the proof, and to the welcome: a signature over a slow line. */
    DX_SIGNALING_PROVE_MS = 5000,
    /* How long a presence is asked to last; it is renewed when half of it is over. */
    DX_SIGNALING_TTL_MS = 60000,
    /* Around midnight UTC a topic is joined under the neighbouring day's tag too: what clocks may be off by. */
    DX_SIGNALING_OVERLAP_MS = 2 * 3600 * 1000,
    /* First wait before a lost service is dialled again, and the longest. */
    DX_SIGNALING_FIRST_MS = 100,
    DX_SIGNALING_LAST_MS = 30000,
    /* A connection that lasted so long was worth it: the next wait is a first one again. */
    DX_SIGNALING_SETTLED_MS = 5000,
    /* Silence before a ping, and before the service is given up: below the patience of most NATs. */
    DX_SIGNALING_PING_MS = 25000,
    DX_SIGNALING_DEAD_MS = 60000,
    /* Services of one vault side by side: one of one's own, those of friends. */
    DX_SIGNALING_SERVICES_MAX = 8,
    /* Peers of one topic that are kept in mind, of one service and day: a small space several times over. */
    DX_SIGNALING_PEERS_MAX = 64,

    /* A peer link from its opening to the channel's beginning: ICE through a bad network, and a person's patience. The
     * host has 20 s, and knows which step failed: here it is only seen to that it speaks. */
    DX_PEER_LINK_MS = 25000,
    /* Why a link ended, in the host's words: a sentence for each step, with figures. */
    DX_LINK_WHY_MAX = 240,
    /* Peer links on their way up at once: each costs its host sockets and a gathering of candidates. */
    DX_ATTEMPTS_MAX = 16,

    /* --- kube: signaling service --- */
    /* The shortest and longest presence: what joins in between is announced once, who vanishes is not shown long. */
    DX_SERVICE_TTL_MIN_MS = 5000,
    DX_SERVICE_TTL_MAX_MS = 300000,
    /* A cut connection's presence outlasts it so long: who comes back has not been away. */
    DX_SERVICE_GRACE_MS = 10000,
    /* Presence is looked through this often. */
    DX_SERVICE_SWEEP_MS = 1000,
    /* What waits to leave on one connection before messages to it are refused. */
    DX_SERVICE_WAITING_MAX = 256 * 1024,
    /* Refusals of one connection within a minute before it is ended. */
    DX_SERVICE_REFUSALS_MAX = 256,

    /* --- feed --- */
    /* A block, sealed: small enough to hold whole in memory on every link, large enough that a bulk import
     * commits thousands of mutations at once. Larger transactions continue in the next block. */
    DX_BLOCK_SIZE_MAX = 1024 * 1024,
    /* Sections of a block: the index must fit the 16 bits it has in an object's local integer key. */
    DX_BLOCK_SECTIONS_MAX = 65535,
    /* Feeds one block can name, of each class: more than a space will ever advance between two blocks of one
     * feed, and both lists together stay below a third of a block. */
    DX_BLOCK_DEPENDENCIES_MAX = 4096,
    /* Feeds of one vault: 15 bits of an object's local integer key, which SQLite keeps as a signed 64-bit
     * number with the block's number in the next 32. */
    DX_FEED_LOCAL_MAX = 32767,
    /* Blocks of one feed: 32 bits of that key. One bit less keeps every sum of lengths far from overflow. */
    DX_FEED_LENGTH_MAX = 0x7fffffff,
    /* Blocks verified and stored at once: bounds the memory for their tree nodes to a quarter of a megabyte;
     * a larger run gains nothing, since one signature check is lost in a thousand hashes. */
    DX_FEED_RUN_MAX = 4096,
    /* Branches of one forked feed kept beside the one in force: a vault that was restored too often makes a
     * handful; each is fetched only because a member named it. */
    DX_FEED_LIMBS_MAX = 64,
    /* Blocks looked through in one step for what they name of a forked feed: headers only, some
     * milliseconds. */
    DX_FLOOR_BLOCKS_MAX = 1024,
    /* Floors of one feed about another that count: the longest ones; more is no honest author's. */
    DX_FLOORS_PER_FEED_MAX = 256,
    /* Branches looked for at once, in a space. */
    DX_BRANCHES_WANTED_MAX = 16,

    /* --- model: objects --- */
    /* An operation: it travels inside one section of one block, so nothing larger could arrive. */
    DX_OBJECT_OPERATION_SIZE_MAX = DX_BLOCK_SIZE_MAX,
    /* A path as text: far longer than keys people write, short enough that one per register stays cheap. */
    DX_OBJECT_PATH_SIZE_MAX = 1024,
    /* A value at one path, so that an operation of this one path always fits (head and path 3 + 1024, and
     * three bytes of operation). */
    DX_OBJECT_VALUE_SIZE_MAX = DX_OBJECT_OPERATION_SIZE_MAX - DX_OBJECT_PATH_SIZE_MAX - 6,
    /* Parts of a path plus arrays and maps inside its value: leaves eight of the codec's levels for what
     * objects are packed in (rows, replies, sections). */
    DX_OBJECT_DEPTH_MAX = 24,
    /* The key of an element, what an edit inside a value is about: a member of a set stands there whole, and what
     * is larger is better an object of its own. */
    DX_OBJECT_KEY_SIZE_MAX = 1024,
    /* Registers one operation may write. A set of a map names each path in full, so few bytes could ask for
     * much memory; both figures stop that. Large collections are arrays, which are one register. */
    DX_OBJECT_OPERATION_REGISTERS_MAX = 65536,
    DX_OBJECT_EXPANDED_SIZE_MAX = 4 * DX_OBJECT_OPERATION_SIZE_MAX,
    /* The state of one object, a row in the database: what a small device can still load and merge. Reached
     * only by 64 full blocks upon one object from an admitted author (docs/spec/object-model.md). */
    DX_OBJECT_STATE_SIZE_MAX = 64 * 1024 * 1024,
    /* Up to here this device itself adds to an object: a quarter of what it takes from others, so that honest
     * devices that write while apart do not reach the limit at which replicas may differ. */
    DX_OBJECT_WRITTEN_SIZE_MAX = 16 * 1024 * 1024,
    DX_OBJECT_STATE_REGISTERS_MAX = 1024 * 1024,
    /* Memory of one text while it is looked at: its items and characters, of a state of the largest size several times over.
     */
    DX_TEXT_MEMORY_MAX = 512 * 1024 * 1024,

    /* --- echo --- */
    /* UTF-8 bytes of a type's name: shown in tables, compared often. */
    DX_TYPE_SIZE_MAX = 256,
    /* Types that the scope of a partial replica names: an app has a few dozen. Told to every peer in one message. */
    DX_SCOPE_TYPES_MAX = 64,
    /* The question that a scope may have, encoded: conditions that somebody wrote. It is sent whenever it is asked. */
    DX_SCOPE_QUESTION_SIZE_MAX = 4096,
    DX_SCOPE_SIZE_MAX = DX_SCOPE_TYPES_MAX * (DX_TYPE_SIZE_MAX + 4) + DX_SCOPE_QUESTION_SIZE_MAX + 64,
    /* What may match it: what a small device keeps by a question is fetched by id, one by one. 1 MiB on each side while they
     * are compared. */
    DX_MATCHES_MAX = 64 * 1024,
    /* Rows looked at for one answer: as many as the largest type of a large space has. */
    DX_MATCHING_EXAMINED_MAX = 1024 * 1024,
    DX_MATCH_BUCKETS_MAX = 256,
    /* Blocks a step takes for missing again when the scope became another one. */
    DX_SCOPE_RESET_BLOCKS = 2048,
    /* UTF-8 bytes of a space's name: a line of text. */
    DX_SPACE_NAME_SIZE_MAX = 127,
    /* Feeds of one space, of both classes: so that one block can name them all. */
    DX_SPACE_FEEDS_MAX = DX_BLOCK_DEPENDENCIES_MAX,
    /* Of these, places that only this vault's own feeds take: members who fill all others keep nobody from going
     * on in new feeds, two at a time, after a restore. */
    DX_SPACE_FEEDS_KEPT = 64,
    /* Refusals listed per space, the newest: what a person reads to find out; all are counted. */
    DX_REFUSED_LISTED_MAX = 256,
    /* Changes of a step told to subscriptions one by one: beyond it a subscriber is cheaper off asking again.
     */
    DX_CHANGES_MAX = 4096,
    /* Bytes of operations kept with them for who watches texts: what people type, not what an import brings at once. */
    DX_CHANGES_SAID_MAX = 64 * 1024,
    /* Encoded sections of one transaction: every replica looks at all of it before it applies any of it. */
    DX_TRANSACTION_SIZE_MAX = 32 * 1024 * 1024,
    /* Blocks of one transaction: its size fits twice. A longer run is cut here, on every replica alike. */
    DX_TRANSACTION_BLOCKS_MAX = 64,
    /* Paths one operation sets on one entity in a local transaction: each new one is compared with all. More
       go on in the next block. */
    DX_PART_SETS_MAX = 256,
    /* Edits of one entity there: new items are not compared with any, and all are sorted once. More go on likewise. */
    DX_PART_EDITS_MAX = 4096,
    /* A saved state of any model. What would pass it is refused, the one case in which replicas that took
     * different ways may differ (docs/spec/entities.md). */
    DX_STATE_SIZE_MAX = DX_OBJECT_STATE_SIZE_MAX,
    /* What a model may take while it works on one state. Above all that the object model's own limits let it
     * ask for, so that it is never what decides about an operation. */
    DX_REDUCE_MEMORY_MAX = 1024 * 1024 * 1024,
    /* Scratch a space keeps from step to step: a usual block; what a large one took is given back. */
    DX_SPACE_SCRATCH_KEPT_MAX = 64 * 1024,

    /* --- echo: sql (docs/spec/sql.md) --- */
    /* A statement, and what it is given for its parameters: long enough for a page of SQL. */
    DX_SQL_SIZE_MAX = 64 * 1024,
    DX_SQL_VALUES_MAX = 256,
    /* One value of a statement, also while it is worked out: an ordinary object as JSON several times over; a call of a
     * function on it is a few milliseconds, and nothing can end it before. */
    DX_SQL_VALUE_MAX = 1024 * 1024,
    /* What LIKE and GLOB take for a pattern, and instr and replace look for: their cost is pattern times text. */
    DX_SQL_PATTERN_MAX = 128,
    /* Depth of expressions, parts of a UNION; steps of a compiled statement: far beyond what people write. */
    DX_SQL_DEPTH_MAX = 100,
    DX_SQL_PROGRAM_MAX = 100 * 1000,
    /* Memory that one statement takes for sorting, grouping and being compiled. */
    DX_SQL_MEMORY_MAX = 64 * 1024 * 1024,
    DX_SQL_COMPILED_MAX = 16 * 1024 * 1024,
    /* The time up to the next row: one piece of work, in which the node does nothing else. An app, whose statements nobody
     * has read, gets less; a person may give more, up to what peers wait for. Where no clock runs, steps of SQLite's
     * machine count instead. */
    DX_SQL_PATIENCE_MS = 2000,
    DX_SQL_PATIENCE_APP_MS = 100,
    DX_SQL_PATIENCE_MAX_MS = 30000,
    DX_SQL_STEPS_PER_MS = 25000,
    /* Types of a space that are tables of their own, and columns of one. */
    DX_SQL_TYPES_MAX = 1000,
    DX_SQL_COLUMNS_MAX = 256,
    /* Plaintext of one chunk of a snapshot: some thousand objects, a few milliseconds to make or to take, and one message
     * however large its largest object is. */
    DX_SNAPSHOT_CHUNK_SIZE = 256 * 1024,
    /* Chunks of a snapshot, 8 GiB of state: their hashes are one message. */
    DX_SNAPSHOT_CHUNKS_MAX = 32768,

    /* --- store --- */
    /* Frames in the log (4120 bytes each) at which a commit is followed by a checkpoint: 8 MB, which a
     * restart after a crash reads in some 10 ms; with the pages of a large commit more. */
    DX_STORE_LOG_FRAMES = 2000,
    /* Frames at which it is made as soon as nobody waits for an answer, so that few commits ever have to. */
    DX_STORE_LOG_FRAMES_TIDY = 1400,
    /* Frames from which a vault that was left alone for a while makes one: what a restart after a crash reads
     * in some 4 ms. Fewer would write hot pages to the vault file again and again. */
    DX_STORE_LOG_FRAMES_IDLE = 500,
    /* Log left alone for so long is idle: longer than a person pauses between two strokes. */
    DX_STORE_IDLE_MS = 1000,
    /* The log is grown ahead by so much when less than half of it is left: some fifty frames, ten usual
     * commits, written and synced in about the time of one. */
    DX_STORE_LOG_AHEAD_SIZE = 256 * 1024,
    /* A log that could not be checkpointed (the disk is full) may grow to 64 MB; then a step must fail. */
    DX_STORE_LOG_FRAMES_MAX = 16000,
    /* Bytes the log file keeps after it grew beyond its bound in one large transaction. */
    DX_STORE_LOG_KEPT_SIZE = 16 * 1024 * 1024,
    /* SQLite's page cache: the working set of a space of some 100,000 objects, and what a phone can spare. */
    DX_STORE_CACHE_SIZE = 16 * 1024 * 1024,
    /* A statement journal: the old content of all pages one statement changes. */
    DX_STORE_TEMP_SIZE_MAX = 64 * 1024 * 1024,
    /* Steps of SQLite's machine in one statement: about a second, so that no query holds up a node for long.
     */
    DX_STORE_STEPS_MAX = 50 * 1000 * 1000,
    /* Cached statements; every SQL text in the house is a literal, so only a bug reaches this. */
    DX_STORE_STATEMENTS_MAX = 4096,

    /* A file is made smaller by itself when more than half of it, and 8 MiB, is unused, and what is left is at most 16 MiB, which is
     * held in memory and takes some 0.2 s of CPU; when somebody asks for it, up to 256 MiB. */
    DX_STORE_UNUSED_SIZE_MIN = 8 * 1024 * 1024,
    DX_STORE_COMPACT_SIZE_IDLE = 16 * 1024 * 1024,
    DX_STORE_COMPACT_SIZE_MAX = 256 * 1024 * 1024,

    /* A check while the vault is at work: pages read in one step (some 10 ms), and the largest vault (64 MB)
     * whose structure is then looked over at once; that of a larger one is table by table. */
    DX_STORE_CHECK_PAGES = 2048,
    DX_STORE_CHECK_WHOLE_PAGES = 16384,

    /* --- memory --- */
    /* First chunk of an arena: a typical step's effects fit in it. */
    DX_ARENA_CHUNK_SIZE = 16 * 1024,
    /* Largest chunk an arena keeps over a reset: memory follows the usual step, not the largest one ever. */
    DX_ARENA_KEPT_SIZE_MAX = 1024 * 1024,

    /* --- sync --- */
    /* Bytes of DATA in flight to one peer before it must say that they are on its disk: covers a fast local
     * link's delay and a slow disk's commit without letting a peer fill our memory. */
    DX_SYNC_CREDIT = 4 * 1024 * 1024,
    /* What a sender may overdraw: it checks before each DATA, so by one message. */
    DX_SYNC_OVERDRAFT_MAX = DX_CHANNEL_MESSAGE_MAX,
    /* Blocks of one DATA are gathered up to this size: one signature check in a quarter of a megabyte. */
    DX_SYNC_DATA_SIZE = 256 * 1024,
    /* A DATA is at most what is gathered plus one whole block, its head and proof. */
    DX_SYNC_MESSAGE_MAX = DX_CHANNEL_MESSAGE_MAX,
    /* DATA messages per session and step: bounded work, other peers get their turn. */
    DX_SYNC_RUNS_PER_STEP = 8,
    /* Blocks stored but not applied above which no more credit is given back. */
    DX_SYNC_BACKLOG_MAX = 4096,
    /* Work that one session may ask for, in units of one signature checked (some 50 us): at once, and in a second (a
     * tenth of a core). At once covers the heads of all feeds of the largest space, both classes, twice; a search
     * for a fork is forty units, a branch sixteen for each quarter of a megabyte. */
    DX_SYNC_WORK_MAX = 16 * 1024,
    DX_SYNC_WORK_PER_S = 2048,
    /* Questions are answered down to this, so that what must be taken at once does not end the link of one who asks
     * much; the others wait, so many bytes of them. An honest peer has two or three under way, and beside them
     * DX_SYNC_SEEKS_DUE_MAX for entities, of 6 KB. */
    DX_SYNC_WORK_KEPT = DX_SYNC_WORK_MAX / 2,
    DX_SYNC_WAITING_SIZE_MAX = 40 * 1024,
    /* Questions for entities that one peer is asked at once: it answers while what came before is stored here, and a link's
     * delay is filled. */
    DX_SYNC_SEEKS_DUE_MAX = 4,
    /* A wanted feed that brought nothing for so long is asked of another peer too. */
    DX_SYNC_STALL_MS = 10000,
    /* Pieces of a snapshot asked of one peer at once: a link's delay is filled, and a peer that dies holds up little. */
    DX_SYNC_PIECES_MAX = 4,
    /* Blocks missing below an epoch that are fetched rather than its state, where somebody still has them: they tell
     * history, too. */
    DX_SYNC_HISTORY_MAX = 4096,
    /* A peer that has not the branch somebody named is asked for it again after so long. */
    DX_SYNC_LACK_MS = 60000,
    /* Bytes of blocks read to answer one question for sections: each may lie in a block of its own. */
    DX_SYNC_SECTIONS_READ_MAX = 4 * 1024 * 1024,
    /* Sections of which only the hash is here are asked for again after so long, then twice as long, and so on up to an
     * hour: a peer may have been given them since. */
    DX_SYNC_HOLES_MS = 60000,
    DX_SYNC_HOLES_MS_MAX = 3600 * 1000,
    /* What matches the question of a scope is compared with a member at most so often, and where comparing takes long, four
     * times as long lies between: whoever writes much is asked for all of it together. */
    DX_SYNC_MATCH_MS = 1000,
    /* A member that had not all is asked again after so long, then twice as long, and so on up to an hour. */
    DX_SYNC_MATCH_AGAIN_MS = 2000,
    /* Others wait so long for who is asked: two that are asked at once tell the same twice. */
    DX_SYNC_MATCH_TURN_MS = 30000,
    /* Messages that nobody keeps: bytes to one member at once and a second, one counting as so many at least (64 cursors a
     * second); and by how many bytes of it one unit of work is taken: a quarter of what a peer may ask for. */
    DX_SYNC_POST_MAX = 64 * 1024,
    DX_SYNC_POST_PER_S = 32 * 1024,
    DX_SYNC_POST_LEAST = 512,
    DX_SYNC_POST_WORK_SIZE = 64,
    /* Rows looked at in a step for a peer's question; some 5 us each, and as much work as DX_SYNC_MATCH_WORK says. */
    DX_SYNC_MATCH_ROWS = 1024,
    DX_SYNC_MATCH_WORK = 64,
    /* Entities that are fetched at once because somebody waits for them, and members asked for each: more are as good as
     * none, for whoever has all of it says so. */
    DX_SYNC_URGENT_MAX = 256,
    DX_SYNC_URGENT_ASKED_MAX = 8,
    /* An answer that somebody waits for, and that brings nothing for so long, is asked of the next member beside: a few of
     * them within the time that a person waits. */
    DX_SYNC_URGENT_MS = 2500,
    /* Control feeds taken whose first block, signed by a device nobody knows, has not admitted them: from peers that
     * are not known as members, all together (128 MB at the worst, once, from one who knows the space's secret), and
     * from members. As many that were only told of are kept in memory for each link (300 KB). */
    DX_SYNC_STRANGER_FEEDS_MAX = 64,
    DX_SYNC_UNADMITTED_FEEDS_MAX = 1024,
    /* Proofs of forks kept for one link until their feeds are admitted here: some hundred kilobytes. */
    DX_SYNC_PROOFS_MAX = 64,
    /* Beside these, of each device that the control state knows as a member's, signed by itself: a newcomer finds a
     * place however many feeds others invented. A device has one control feed, and a new one after it was restored or cloned. */
    DX_SYNC_DEVICE_FEEDS_MAX = 8,
    /* New addresses of a space told on within a minute: a small space at once, and no storm in a large one.
     */
    DX_SYNC_ADDRESSES_TOLD_MAX = 64,
    DX_SYNC_ADDRESSES_TOLD_MS = 60000,
    /* Of these, of one identity within an hour: who makes up ever new ones of his own takes no more than half of what
     * others keep by our word. Devices that wander tell those they meet themselves. */
    DX_SYNC_ADDRESSES_TOLD_OF_MAX = 4,
    DX_SYNC_ADDRESSES_TOLD_OF_MS = 3600 * 1000,
    /* Identities this is remembered of, the latest. */
    DX_SYNC_ADDRESSES_TOLD_OF_KEPT = 64,
    /* Device proof after the channel stands. */
    DX_SYNC_HELLO_MS = 10000,
    /* Silence before a ping, and before the link is given up: between a NAT's patience and a person's. */
    DX_SYNC_PING_MS = 30000,
    DX_SYNC_DEAD_MS = 90000,
    /* Addresses kept per space: a few per peer of a small space. */
    DX_SPACE_ADDRESSES_MAX = 64,
    /* Of these such as somebody said of others and nobody was reached at: half, and of one teller as many as
     * one message tells. */
    DX_SPACE_HEARSAY_MAX = 32,
    DX_TELLER_HEARSAY_MAX = 8,
    /* Of one identity, said of itself or reached: a few devices with a few addresses each. */
    DX_MEMBER_ADDRESSES_MAX = 16,

    /* --- node --- */
    /* Effects of one step: every peer's share of DATA and every port's rows. */
    DX_OUTBOX_SIZE_MAX = 64 * 1024 * 1024,
    /* One answer: an object as large as a block, in its text form. */
    DX_ANSWER_SIZE_MAX = 4 * 1024 * 1024,
    /* One row: an answer of its own, with the heads around it. A larger object is shown without its data. */
    DX_ROW_SIZE_MAX = DX_ANSWER_SIZE_MAX - 1024,
    /* A piece of a large object's data (object.pieces): half a block, so that it is written again as one. */
    DX_PIECE_SIZE = 512 * 1024,
    /* All pieces of one object leave in one step, beside what else it says: twice what a device itself writes. */
    DX_PIECES_STATE_SIZE_MAX = 32 * 1024 * 1024,
    /* Rows are sent when so many bytes have gathered. */
    DX_ROWS_SIZE = 48 * 1024,
    /* Rows read between two looks at how much was said: eight of the largest fit the outbox beside the rest.
     */
    DX_ROWS_SLICE = 8,
    /* Programs connected to one vault, and requests of each that go on at once: a page may watch a hundred
     * things; a program gone wild fills no memory. */
    DX_PORTS_MAX = 1024,
    DX_PORT_REQUESTS_MAX = 256,
    /* An origin: a scheme, a host name of 253 bytes, a port. */
    DX_ORIGIN_SIZE_MAX = 272,
    /* What an app calls itself: a line of a list. */
    DX_APP_NAME_SIZE_MAX = 64,
    /* Apps with a grant, and spaces named in one: what a person could still look through; who needs more spaces is
     * granted all of them. */
    DX_GRANTS_MAX = 256,
    DX_GRANT_SPACES_MAX = 1024,
    /* After a refusal the app's next question is shown so much later: nobody is worn down by asking. */
    DX_APP_REFUSED_MS = 60000,
    /* Questions of one app that are shown in so long; those beyond wait. Pages that are loaded again while they ask
     * stay below it, and asking and calling off in turn keeps nobody busy. */
    DX_APP_ASKS_MAX = 8,
    DX_APP_ASKS_MS = 60000,
    /* After an event failed for the host's reasons (a full disk), work that waits is tried again. */
    DX_STEP_RETRY_MS = 1000,
    /* Bytes of answers a port may leave untaken before its requests wait. */
    DX_PORT_OUTSTANDING_MAX = 1024 * 1024,
    /* Replies remembered for askers that ask again after a crash. */
    DX_REPLIES_KEPT = 4096,
    /* The oldest beyond them go so many at a time: each lies in two pages of its own that a commit would have
     * to write. */
    DX_REPLIES_PRUNED = 32,
    /* Blocks applied and rows read in one step: some tens of milliseconds. */
    DX_STEP_BLOCKS_MAX = 64,
    /* Sections that count as one block more: of data a few milliseconds; of a control block each is a signature. */
    DX_STEP_SECTIONS = 512,
    DX_STEP_CREDENTIALS = 64,
    /* Key grants one step tries to open in a space, each a key agreement of some 50 us: whoever may issue them
     * can send a device tens of thousands that open to nothing. */
    DX_STEP_GRANTS = 256,
    DX_STEP_ENTITIES_MAX = 4096,
    /* Rows of a space that follow their blocks: so many, in so many bytes, written in one step of a tenth of a second. A
     * page of the vault holds some forty: of those that change at random each page written has several. Rows just made are
     * neighbours and win nothing by waiting: a part of it. An opening after a crash has a twentieth of a second: it makes so
     * many changes again that are in no log (echo/row_log.h), 5 us each, or 15 where the row has to be read from its page, and
     * reads no more rows from the log than the set may have, 0.5 us each. */
    DX_UNWRITTEN_ROWS_MAX = 32768,
    DX_UNWRITTEN_PARTS = 4,
    DX_UNWRITTEN_CHANGES_MAX = 2048,
    DX_UNWRITTEN_READ_CHANGES = 2,
    DX_UNWRITTEN_SIZE_MAX = 24 * 1024 * 1024,
    /* And no longer than this while there is time to write them. */
    DX_UNWRITTEN_MS = 1000,
    /* Spaces that are told a new name in one step: a block is written and signed in each. */
    DX_STEP_NAMES_MAX = 32,
    /* So much history, in blocks that no epoch covers, is worth one, if it is twice the state besides: less than this is
     * fetched in a second or two, and who comes has the state in half the bytes at the most. */
    DX_EPOCH_SIZE = 4 << 20,
    /* History is weighed this often at most, and so long after a vault was opened: commands that come and go do not. */
    DX_EPOCH_WEIGH_MS = 10000,
    /* How long history below a confirmed epoch is kept, unless the vault says otherwise: who was away for a week still
     * finds the blocks themselves. */
    DX_EPOCH_RETENTION_MS = 7 * 24 * 3600 * 1000,
    /* So much later each next device of an admin makes an epoch that the ones before it did not. */
    DX_EPOCH_RANK_MS = 10 * 60 * 1000,
    /* A snapshot that something came in the way of is begun again after so long. */
    DX_EPOCH_AGAIN_MS = 5000,
    /* The retention window is looked at this often: clocks are set. */
    DX_EPOCH_LOOK_MS = 3600 * 1000,
    /* Entities gone over in one step, for a snapshot or a base: some ten milliseconds. */
    DX_STEP_SNAPSHOT = 1024,
    /* Ops of one batch command: one block holds them all. */
    DX_BATCH_OPS_MAX = 4096
};

#endif
