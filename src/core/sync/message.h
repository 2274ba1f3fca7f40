/* sync/message.h: what two members of a space say to each other; reader and writer of each message in one file.
 *
 * Layer: floor 1, sync. docs/spec/sync.md. Every message is one canonical array that begins with its number:
 *   HELLO      [0, version, device 32, signature 64, control digest 32, data digest 32, [address…]]
 *              signature by the device key, context "dxos hello/1", over role byte ‖ handshake hash ‖ space id
 *   STATE      [1, control digest, data digest, [entry…]], entry = [class, device 32, feed key 32, head]:
 *              feeds that grew, or the answer to an ASK
 *   ASK        [2, class]: send the heads of all feeds of this class
 *   WANT       [3, feed id, from]: send this feed from there on, also what comes later, as credit allows
 *   DATA       [4, feed id, from, head, [block: bstr…], proof: bstr]: proof from the run's end to the head
 *   MORE       [5, bytes]: so many bytes of DATA are durably stored; as many more may come
 *   PING PONG  [6], [7]
 *   ADDRESSES  [8, [address…]]
 *   FORK       [9, feed id, proof: bstr]: two heads that cannot both be (feed/fork.h)
 *   PROBE      [10, feed id, [length…]], ROOTS [11, feed id, [length…], roots: bstr]: where branches part
 *   PART       [12, feed id, at], PATH [13, feed id, at, head, path: bstr]: the other side of an exact fork proof
 *   BRANCH     [14, feed id, from, length, root 16]: the branch of a forked feed that has this root at this length
 *   LIMB       [15, feed id, from, head, [block…], proof]: a run of it; LACK [16, feed id]: it is not here
 *   GONE       [17, feed id, begins]: blocks of this feed before that one are not here any more
 *   FETCH      [18, snapshot root, index]: its manifest (0), or its chunk index - 1
 *   PIECE      [19, snapshot root, index, bytes]: that; no bytes: it is not here
 *   HOLES      [20, feed id, root 16, [[seq, index]…]]: sections of which only the hash is here, ascending by place, on
 *              the branch that has this root behind the last of these blocks
 *   SECTIONS   [21, feed id, count, [[seq, index, section: bstr]…]]: of the first `count` places asked for, those that
 *              are there
 *   SCOPE      [22, number, [[type…] or null, since]]: what of data feeds I keep from now on (echo/space_scope.h)
 *   SEEK       [23, [entity: bstr 22…], after]: all sections about these entities, at most 256; after = [] or [counter, feed 16], the
 *              stamp up to which those about the first came already
 *   SOUGHT     [24, answered, next, whole, [[feed 16, seq, index, section: bstr]…]]: what is here about the first
 *              `answered` of them, and about one more up to the stamp `next` if that is not []; whole: nothing else that
 *              was ever said of them is known to be missing here
 *   SCOPED     [25, number, all]: what follows is cut by that scope; all: what else is not here, it leaves out
 *   MATCH      [26, number, question, sums: bstr]: which entities match (echo/matching.h), where it differs from what
 *              matches at the asker's: of it the sum of each bucket, 8 bytes, 1 to 256 of them, a power of two
 *   MATCHED    [27, number, rows: bstr, end]: of those buckets, rows of 30 bytes (entity 22, sum 8), at most 1024; end = [],
 *              or [verdict, [bucket…]], ascending: which buckets were told, and what the answer is worth
 *   POST       [28, channel, message: bstr]: for programs of members that listen to the channel now; nobody keeps it
 * Ownership: decoded views point into the message. */
#ifndef DX_SYNC_MESSAGE_H
#define DX_SYNC_MESSAGE_H

#include "echo/space_scope.h"
#include "feed/fork.h"
#include "feed/limb.h"

enum {
    DX_SYNC_VERSION = 1,
    DX_SYNC_ENTRIES_MAX = 256, /* per STATE: 45 KB */
    DX_SYNC_ADDRESSES_MAX = 8,
    DX_SYNC_BLOCKS_MAX = 1024,  /* per DATA */
    DX_SYNC_PLACES_MAX = 1024,  /* per HOLES: 10 KB */
    DX_SYNC_SEEKS_MAX = 256,    /* entities per SEEK: 6 KB */
    DX_SYNC_SOUGHT_MAX = 1024,  /* sections per SOUGHT */
    DX_SYNC_MATCHED_MAX = 1024, /* rows per MATCHED: 30 KB */
    DX_SYNC_MATCHED_ROW_SIZE = DX_ID_SIZE + 8,
    DX_SYNC_CHANNEL_SIZE_MAX = 128,
    DX_SYNC_POST_SIZE_MAX = 16 * 1024
};

typedef enum dx_sync_kind {
    DX_SYNC_HELLO,
    DX_SYNC_STATE,
    DX_SYNC_ASK,
    DX_SYNC_WANT,
    DX_SYNC_DATA,
    DX_SYNC_MORE,
    DX_SYNC_PING,
    DX_SYNC_PONG,
    DX_SYNC_ADDRESSES,
    DX_SYNC_FORK,
    DX_SYNC_PROBE,
    DX_SYNC_ROOTS,
    DX_SYNC_PART,
    DX_SYNC_PATH,
    DX_SYNC_BRANCH,
    DX_SYNC_LIMB,
    DX_SYNC_LACK,
    DX_SYNC_GONE,
    DX_SYNC_FETCH,
    DX_SYNC_PIECE,
    DX_SYNC_HOLES,
    DX_SYNC_SECTIONS,
    DX_SYNC_SCOPE,
    DX_SYNC_SEEK,
    DX_SYNC_SOUGHT,
    DX_SYNC_SCOPED,
    DX_SYNC_MATCH,
    DX_SYNC_MATCHED,
    DX_SYNC_POST,
    DX_SYNC_KIND_COUNT
} dx_sync_kind;

typedef struct dx_sync_digests {
    uint8_t control[DX_HASH_SIZE], data[DX_HASH_SIZE];
} dx_sync_digests;

typedef struct dx_sync_hello {
    uint8_t device[DX_KEY_SIZE], signature[DX_SIGNATURE_SIZE];
    dx_sync_digests digests;
    size_t address_count;
    dx_bytes addresses[DX_SYNC_ADDRESSES_MAX];
} dx_sync_hello;

typedef struct dx_sync_entry {
    dx_feed_class feed_class;
    uint8_t device[DX_KEY_SIZE], key[DX_KEY_SIZE];
    dx_head head;
} dx_sync_entry;

typedef struct dx_sync_data {
    uint8_t feed_id[DX_HASH_SIZE];
    uint64_t from;
    dx_head head;
    size_t block_count;
    dx_bytes blocks[DX_SYNC_BLOCKS_MAX];
    dx_bytes proof;
} dx_sync_data;

/* A section of a feed. */
typedef struct dx_sync_place {
    uint64_t seq, index;
} dx_sync_place;

/* What a hello's signature covers; out of DX_SYNC_PROOF_SIZE bytes. */
enum { DX_SYNC_PROOF_SIZE = 1 + 64 + DX_HASH_SIZE };
void dx_sync_hello_proof(bool initiator, const uint8_t handshake_hash[static 64],
                         const uint8_t space_id[static DX_HASH_SIZE], uint8_t out[static DX_SYNC_PROOF_SIZE]);

/* Number of a message, DX_SYNC_KIND_COUNT when unknown or malformed. */
dx_sync_kind dx_sync_message_kind(dx_bytes message);

/* Writers append one message to out (its errors are sticky). Readers are strict: DX_OK or DX_E_MALFORMED. */
void dx_sync_hello_write(const dx_sync_hello *hello, dx_buf *out);
DX_MUST_USE int dx_sync_hello_read(dx_bytes message, dx_sync_hello *out);
/* Header of a STATE with `count` entries, which the caller appends with dx_sync_entry_write. */
void dx_sync_state_begin(const dx_sync_digests *digests, size_t count, dx_buf *out);
void dx_sync_entry_write(const dx_sync_entry *entry, dx_buf *out);
/* Reads digests and leaves the reader before the first of `count` entries. */
DX_MUST_USE int dx_sync_state_read(dx_bytes message, dx_sync_digests *digests, size_t *count,
                                   dx_reader *entries);
DX_MUST_USE int dx_sync_entry_read(dx_reader *entries, dx_sync_entry *out);
void dx_sync_ask_write(dx_feed_class feed_class, dx_buf *out);
DX_MUST_USE int dx_sync_ask_read(dx_bytes message, dx_feed_class *out);
void dx_sync_want_write(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t from, dx_buf *out);
DX_MUST_USE int dx_sync_want_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], uint64_t *from);
/* Header of a DATA; the caller appends `block_count` blocks with dx_sync_block_write, then ends it with the
 * proof. */
void dx_sync_data_begin(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t from, const dx_head *head,
                        size_t block_count, dx_buf *out);
/* A LIMB has the form of a DATA. */
void dx_sync_limb_begin(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t from, const dx_head *head,
                        size_t block_count, dx_buf *out);
DX_MUST_USE int dx_sync_limb_read(dx_bytes message, dx_sync_data *out);
void dx_sync_block_write(dx_bytes block, dx_buf *out);
void dx_sync_data_end(dx_bytes proof, dx_buf *out);
DX_MUST_USE int dx_sync_data_read(dx_bytes message, dx_sync_data *out);
void dx_sync_more_write(uint64_t bytes, dx_buf *out);
DX_MUST_USE int dx_sync_more_read(dx_bytes message, uint64_t *bytes);
void dx_sync_ping_write(bool pong, dx_buf *out);
DX_MUST_USE int dx_sync_ping_read(bool pong, dx_bytes message);
void dx_sync_addresses_write(const dx_bytes *addresses, size_t count, dx_buf *out);
DX_MUST_USE int dx_sync_addresses_read(dx_bytes message, dx_bytes *addresses,
                                       size_t *count); /* room for DX_SYNC_ADDRESSES_MAX */
void dx_sync_fork_write(const uint8_t feed_id[static DX_HASH_SIZE], dx_bytes proof, dx_buf *out);
DX_MUST_USE int dx_sync_fork_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], dx_bytes *proof);

/* A question about where branches part, or its answer (roots: the answer's, empty in a question). */
typedef struct dx_sync_probe {
    uint8_t feed_id[DX_HASH_SIZE];
    size_t count;
    uint64_t lengths[DX_FORK_PROBES_MAX];
    dx_bytes roots;
} dx_sync_probe;

void dx_sync_probe_write(bool answer, const dx_sync_probe *probe, dx_buf *out);
DX_MUST_USE int dx_sync_probe_read(bool answer, dx_bytes message, dx_sync_probe *out);
void dx_sync_part_write(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t at, dx_buf *out);
DX_MUST_USE int dx_sync_part_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], uint64_t *at);
/* The branch that has this root at this length, from a block on; and that it is not here. */
void dx_sync_branch_write(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t from, const dx_limb_goal *goal,
                          dx_buf *out);
DX_MUST_USE int dx_sync_branch_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], uint64_t *from,
                                    dx_limb_goal *goal);
void dx_sync_lack_write(const uint8_t feed_id[static DX_HASH_SIZE], dx_buf *out);
DX_MUST_USE int dx_sync_lack_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE]);
void dx_sync_gone_write(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t begins, dx_buf *out);
DX_MUST_USE int dx_sync_gone_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], uint64_t *begins);
void dx_sync_fetch_write(const uint8_t root[static DX_HASH_SIZE], uint64_t index, dx_buf *out);
DX_MUST_USE int dx_sync_fetch_read(dx_bytes message, uint8_t root[static DX_HASH_SIZE], uint64_t *index);
void dx_sync_piece_write(const uint8_t root[static DX_HASH_SIZE], uint64_t index, dx_bytes bytes,
                         dx_buf *out);
DX_MUST_USE int dx_sync_piece_read(dx_bytes message, uint8_t root[static DX_HASH_SIZE], uint64_t *index,
                                   dx_bytes *bytes);
void dx_sync_path_write(const uint8_t feed_id[static DX_HASH_SIZE], uint64_t at, const dx_head *head,
                        dx_bytes path, dx_buf *out);
DX_MUST_USE int dx_sync_path_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE], uint64_t *at,
                                  dx_head *head, dx_bytes *path);
/* Places ascend, each once; at least one. The root is that of the branch behind the last of their blocks. */
void dx_sync_holes_write(const uint8_t feed_id[static DX_HASH_SIZE],
                         const uint8_t root[static DX_ROOT_PREFIX_SIZE], const dx_sync_place *places,
                         size_t count, dx_buf *out);
DX_MUST_USE int dx_sync_holes_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE],
                                   dx_limb_goal *branch, dx_sync_place places[static DX_SYNC_PLACES_MAX],
                                   size_t *count);
/* Header of a SECTIONS with `sections` of them, which the caller appends with dx_sync_section_write. */
void dx_sync_sections_begin(const uint8_t feed_id[static DX_HASH_SIZE], size_t answered, size_t sections,
                            dx_buf *out);
void dx_sync_section_write(const dx_sync_place *place, dx_bytes section, dx_buf *out);
/* Leaves the reader before the first of `sections` sections; their places ascend: the caller's to check. */
DX_MUST_USE int dx_sync_sections_read(dx_bytes message, uint8_t feed_id[static DX_HASH_SIZE],
                                      size_t *answered, size_t *sections, dx_reader *reader);
DX_MUST_USE int dx_sync_section_read(dx_reader *reader, dx_sync_place *place, dx_bytes *section);

void dx_sync_scope_write(uint64_t number, const dx_space_scope *scope, dx_buf *out);
/* Into an initialised scope. DX_E_NO_MEMORY, too. */
DX_MUST_USE int dx_sync_scope_read(dx_bytes message, uint64_t *number, dx_space_scope *scope);
void dx_sync_scoped_write(uint64_t number, bool all, dx_buf *out);
DX_MUST_USE int dx_sync_scoped_read(dx_bytes message, uint64_t *number, bool *all);

/* Up to which stamp something is told of an entity; `some` false: nothing is. */
typedef struct dx_sync_progress {
    bool some;
    dx_stamp stamp;
} dx_sync_progress;

typedef struct dx_sync_seek {
    size_t count; /* at least one */
    uint8_t entities[DX_SYNC_SEEKS_MAX][DX_ID_SIZE];
    dx_sync_progress after;
} dx_sync_seek;

typedef struct dx_sync_answer {
    size_t answered, sections;
    dx_sync_progress next;
    bool whole;
} dx_sync_answer;

typedef struct dx_sync_sought {
    uint8_t feed[DX_PREFIX_SIZE];
    dx_sync_place place;
    dx_bytes section;
} dx_sync_sought;

void dx_sync_seek_write(const dx_sync_seek *seek, dx_buf *out);
DX_MUST_USE int dx_sync_seek_read(dx_bytes message, dx_sync_seek *out);
/* Header of a SOUGHT, to which the caller appends its sections. */
void dx_sync_sought_begin(const dx_sync_answer *answer, dx_buf *out);
void dx_sync_sought_write(const dx_sync_sought *section, dx_buf *out);
/* Leaves the reader before the first section. */
DX_MUST_USE int dx_sync_sought_open(dx_bytes message, dx_sync_answer *out, dx_reader *sections);
DX_MUST_USE int dx_sync_sought_read(dx_reader *sections, dx_sync_sought *out);

typedef struct dx_sync_match {
    uint64_t number;
    dx_bytes question; /* one item, a map */
    size_t buckets;    /* a power of two, at most DX_MATCH_BUCKETS_MAX */
    uint64_t sums[DX_MATCH_BUCKETS_MAX];
} dx_sync_match;

/* What an answer is worth. */
typedef enum dx_sync_verdict {
    DX_VERDICT_PART,   /* that is what is here: there may be more */
    DX_VERDICT_ALL,    /* as far as is known here, there is nothing more */
    DX_VERDICT_REFUSED /* it was not answered: no question of this space, or too much to look at */
} dx_sync_verdict;

typedef struct dx_sync_matched {
    uint64_t number;
    dx_bytes rows;
    bool ended;
    dx_sync_verdict verdict;
    size_t bucket_count;
    uint8_t buckets[DX_MATCH_BUCKETS_MAX]; /* ascending */
} dx_sync_matched;

void dx_sync_match_write(const dx_sync_match *match, dx_buf *out);
DX_MUST_USE int dx_sync_match_read(dx_bytes message, dx_sync_match *out);
void dx_sync_matched_write(const dx_sync_matched *matched, dx_buf *out);
/* A message that is not the last one has rows. */
DX_MUST_USE int dx_sync_matched_read(dx_bytes message, dx_sync_matched *out);
void dx_sync_matched_row_write(const uint8_t id[static DX_ID_SIZE], uint64_t sum, dx_buf *rows);
/* The row at a place, of rows.size / DX_SYNC_MATCHED_ROW_SIZE. */
void dx_sync_matched_row(dx_bytes rows, size_t index, uint8_t id[static DX_ID_SIZE], uint64_t *sum);

/* Both within their limits, the channel not empty. */
void dx_sync_post_write(dx_bytes channel, dx_bytes message, dx_buf *out);
DX_MUST_USE int dx_sync_post_read(dx_bytes message, dx_bytes *channel, dx_bytes *posted);

#endif
