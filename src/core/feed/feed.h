/* feed/feed.h: an append-only log with one writer, a Merkle mountain range over it, and one signed head.
 *
 * Layer: floor 1, feed (over store and crypto). feed_id = H(FEED_ID, space id ‖ device key ‖ class ‖ feed key).
 * Only heads are signed, once per commit. Rows: tables `feed` and `block` (store/schema.c); block key = local << 32 | seq.
 * Invariants: rows [0, length) are contiguous and verified; a head that covers length is stored with them; applied <= length.
 * All calls happen inside an open store transaction; after a rollback the in-memory feed must be reloaded.
 * Ownership: a dx_feed is loaded into the caller's (the space's) memory and deinited by it. */
#ifndef DX_FEED_FEED_H
#define DX_FEED_FEED_H

#include "feed/block.h"
#include "feed/mmr.h"
#include "feed/timeframe.h"
#include "store/store.h"

enum { DX_FEED_LOCAL_MAX = 32767, DX_FEED_LENGTH_MAX = 0x7fffffff };

/* What one signature covers. Signed bytes: space id ‖ feed id ‖ length (8, BE) ‖ root, context "dxos head/1". */
typedef struct dx_head {
    uint64_t length;
    uint8_t root[DX_HASH_SIZE];
    uint8_t signature[DX_SIGNATURE_SIZE];
} dx_head;

DX_MUST_USE int dx_head_verify(const dx_head *head, const uint8_t space_id[static DX_HASH_SIZE],
                               const uint8_t feed_id[static DX_HASH_SIZE], const uint8_t feed_key[static DX_KEY_SIZE]);
void dx_head_sign(dx_head *head, const dx_sign_key *key, const uint8_t space_id[static DX_HASH_SIZE],
                  const uint8_t feed_id[static DX_HASH_SIZE]);
/* [length, root, signature] */
void dx_head_write(const dx_head *head, dx_writer *out);
void dx_head_read(dx_reader *in, dx_head *out);

/* What names a feed before any block is here. */
typedef struct dx_feed_identity {
    uint8_t space_id[DX_HASH_SIZE];
    uint8_t device[DX_KEY_SIZE];
    uint8_t key[DX_KEY_SIZE];
    dx_feed_class feed_class;
} dx_feed_identity;

void dx_feed_id(const dx_feed_identity *identity, uint8_t out[static DX_HASH_SIZE]);

typedef struct dx_feed {
    int64_t local; /* number in this vault: 1 … DX_FEED_LOCAL_MAX */
    int64_t space; /* the space's number in this vault */
    dx_feed_identity identity;
    uint8_t id[DX_HASH_SIZE];
    bool own;              /* this vault writes it (a frozen own feed: false) */
    bool frozen;           /* a fork was proven: nothing beyond cut is applied */
    uint64_t cut;          /* UINT64_MAX, or the effective cut */
    uint64_t length;       /* verified and stored */
    uint64_t applied;      /* processed by the pipeline */
    dx_mmr mmr;            /* at length */
    dx_head head;          /* newest signed head with head.length == length (own: after dx_feed_sign) */
    bool unsigned_tail;    /* own blocks appended since the last head */
    dx_timeframe timeframe; /* accumulated declarations at applied */
} dx_feed;

/* Registers a feed (own or remote) with length 0. DX_E_EXISTS when the id or, within the space, its 16-byte prefix is taken. */
DX_MUST_USE int dx_feed_create(dx_store *store, const dx_alloc *alloc, int64_t space, const dx_feed_identity *identity, bool own, dx_feed *out);
DX_MUST_USE int dx_feed_load(dx_store *store, const dx_alloc *alloc, int64_t local, dx_feed *out);
/* Local numbers of a space's feeds, ascending; calls back for each. */
DX_MUST_USE int dx_feed_each(dx_store *store, int64_t space, int (*on_feed)(void *ctx, int64_t local), void *ctx);
void dx_feed_deinit(dx_feed *feed);

/* Own feed: appends one encoded block (not yet speakable: sign at commit). */
DX_MUST_USE int dx_feed_append(dx_feed *feed, dx_store *store, dx_bytes block);
/* Own feed: signs the head over the present length and stores it. A no-op when nothing was appended. */
DX_MUST_USE int dx_feed_sign(dx_feed *feed, dx_store *store, const dx_sign_key *key);

/* Remote feed: takes blocks [feed->length, feed->length + count) that head covers, proof leading from their end to head.length.
 * Nothing is stored unless the signature, the chain and the root hold. The stored head is only replaced when the run reaches head.length;
 * until then the target head is kept beside it so that the rows stay verifiable. DX_E_SIGNATURE, DX_E_FORK (root at a length we hold a signed
 * head for differs), DX_E_MALFORMED, DX_E_LIMIT, store errors. */
DX_MUST_USE int dx_feed_receive(dx_feed *feed, dx_store *store, const dx_head *head, const dx_bytes *blocks, size_t count,
                                const uint8_t (*proof)[DX_HASH_SIZE], size_t proof_count);

/* The stored block; bytes die with the next store call. DX_E_NOT_FOUND past length. */
DX_MUST_USE int dx_feed_read(const dx_feed *feed, dx_store *store, uint64_t seq, dx_bytes *block);
/* Root at a length <= feed->length (from the stored nodes). */
DX_MUST_USE int dx_feed_root(const dx_feed *feed, dx_store *store, uint64_t length, uint8_t out[static DX_HASH_SIZE]);
DX_MUST_USE int dx_feed_prove(const dx_feed *feed, dx_store *store, uint64_t from, uint64_t to, uint8_t proof[][DX_HASH_SIZE], size_t *count);
/* Records that the pipeline processed blocks up to `applied` with the feed's timeframe. */
DX_MUST_USE int dx_feed_save_applied(dx_feed *feed, dx_store *store);

#endif
