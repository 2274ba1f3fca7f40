/* feed/feed.h: an append-only log with one writer, a Merkle mountain range over it, and one signed head.
 *
 * Layer: floor 1, feed (over store and crypto). docs/spec/feed.md. Only heads are signed, once per commit.
 * Rows: tables `feed` and `block` (store/schema.c); a block's key is local << 32 | its number in the feed.
 * Invariants:
 *   rows [0, length) are contiguous and verified; applied <= length.
 *   `head` covers [0, head.length), head.length <= length; of an own feed, all of it once it is signed.
 *   `target` covers the rest: when length > head.length, it is there, and target.length > length. The proof
 *   that leads from length to it is stored beside it, so a partial replica serves and proves all it has.
 * Memory is changed only after the store was. All calls happen inside an open store transaction; after a
 * rollback the feed in memory is stale: deinit it and load it again. A transaction that appended commits
 * only after dx_feed_sign.
 * Bounded history: blocks [0, begins) are not here (any more); of them the nodes are kept that later roots and proofs
 * need, the peaks at `begins`, and the version vector there (begin.h). What lies below is DX_E_GONE. A feed that was
 * loaded up to a length instead of received has no head until it hears one that covers it: then head.length is 0.
 * Forks (fork.h): what contradicts stored rows is refused. Either way the proof is stored and the feed
 * frozen at its cut, which callers see in `frozen` and `cut` after receive and hear. Rows beyond the cut are
 * kept, never applied, and still taken when asked for. A feed may have more branches: one is in force and is
 * what this header speaks of, the others are limbs beside it (limb.h).
 * Blocks of data feeds may come, and be stored, with sections of which only the hash is here (hole.h).
 * Ownership: a dx_feed is loaded into the caller's (the space's) memory and deinited by it. */
#ifndef DX_FEED_FEED_H
#define DX_FEED_FEED_H

#include "feed/block.h"
#include "feed/head.h"
#include "feed/mmr.h"
#include "feed/timeframe.h"
#include "store/store.h"

#define DX_FEED_NO_CUT UINT64_MAX

typedef struct dx_feed {
    int64_t local; /* number in this vault: 1 … DX_FEED_LOCAL_MAX */
    int64_t space; /* the space's number in this vault */
    dx_feed_identity identity;
    uint8_t id[DX_HASH_SIZE];
    bool own;       /* this vault writes it (a retired own feed: false) */
    bool frozen;    /* a fork is proven: nothing at or beyond cut is applied */
    uint64_t cut;   /* DX_FEED_NO_CUT, or the smallest cut of the proofs known */
    uint64_t floor; /* blocks [0, floor) of this branch stand in spite of the cut, floor <= length; 0: none */
    uint64_t begins; /* blocks below are not here; at most applied, 0: all are */
    uint64_t agreed; /* the greatest length at which a confirmed epoch cuts it: echo's, not stored; 0: none */
    uint64_t
        settled; /* of a forked feed: blocks [0, settled) are those that a confirmed epoch names, settled <= floor */
    uint64_t
        judged; /* of a forked feed: by which parting changes were judged last; DX_FEED_NO_CUT: by none yet */
    uint64_t length;  /* verified and stored */
    uint64_t applied; /* processed by the pipeline; above dx_feed_limit until its caller has withdrawn what
                         is beyond */
    uint64_t
        reached; /* how far it was applied when the store last heard of it, applied or beyond: what applied blocks
                         make may follow them (echo/entity_row.h) */
    bool unsaved;   /* echo's: applied is not in the store */
    uint64_t until; /* echo's: blocks from here on rest for now; DX_FEED_NO_CUT: none does */
    uint64_t
        yields; /* echo's, not stored: blocks from here on contradict a state that is to take their place: they are
                 not applied, and go with it; DX_FEED_NO_CUT: none does */
    uint64_t kept; /* blocks [applied, kept) are in effect already and only walked again; 0: none */
    int64_t rows;  /* the number its blocks from `parts` on are stored under: local, or a limb's (limb.h) */
    int64_t
        trunk; /* the number of the branch that came first; local, until nothing of that one is left (limb.h) */
    uint64_t parts; /* blocks below are the trunk's, stored under its number */
    bool is_limb;   /* a view of a branch that is not in force: it is saved in its own row (limb.h) */
    dx_mmr mmr;     /* at length */
    dx_head head; /* newest head whose blocks are all here; length 0: none (own: length after dx_feed_sign) */
    dx_head heard;      /* the last head whose signature was verified, not stored: its blocks often follow */
    dx_head target;     /* newest head that covers more than is here; length 0: none */
    bool hollow;        /* some of its blocks may have holes (hole.h); false: none has */
    bool unsigned_tail; /* own blocks appended since the last head */
    dx_timeframe timeframe; /* accumulated declarations at applied */
    struct {
        uint64_t applied; /* of this feed, when it was found to wait */
        int64_t feed;     /* 0: not known to wait */
        uint64_t number;
    } waits; /* echo's, not stored: the block of another feed that the next transaction waits for */
    const dx_alloc *alloc;
} dx_feed;

/* Registers a feed (own or remote) with length 0. DX_E_EXISTS when the id or, within the space, its 16-byte
 * prefix is taken; DX_E_LIMIT when DX_FEED_LOCAL_MAX feeds exist; store errors. */
DX_MUST_USE int dx_feed_create(dx_store *store, const dx_alloc *alloc, int64_t space,
                               const dx_feed_identity *identity, bool own, dx_feed *out);
/* The space id is the caller's knowledge: the row holds the space's local number. DX_E_NOT_FOUND,
 * DX_E_CORRUPT when the row contradicts itself, the space or the blocks. */
DX_MUST_USE int dx_feed_load(dx_store *store, const dx_alloc *alloc,
                             const uint8_t space_id[static DX_HASH_SIZE], int64_t local, dx_feed *out);
/* Local numbers of a space's feeds, ascending; a callback's error ends the walk and is returned. The callback
 * may use the store. */
DX_MUST_USE int dx_feed_each(dx_store *store, int64_t space, int (*on_feed)(void *ctx, int64_t local),
                             void *ctx);
void dx_feed_deinit(dx_feed *feed);
/* Blocks at or beyond it are never applied: the cut, or above it the floor or where the feed begins, or where it yields;
 * DX_FEED_NO_CUT: none. */
uint64_t dx_feed_limit(const dx_feed *feed);
/* What all branches share that can be here: up to the cut, or where the feed begins if that lies above. */
uint64_t dx_feed_common(const dx_feed *feed);
/* Where branches may differ: the cut, or what a confirmed epoch settled above it; DX_FEED_NO_CUT: they do not. */
uint64_t dx_feed_parting(const dx_feed *feed);
/* Blocks up to here, floor at the most, are those of a confirmed epoch; and by the parting that follows changes of what
 * the feed made are judged from now on (dx_feed.judged). */
DX_MUST_USE int dx_feed_set_settled(dx_feed *feed, dx_store *store, uint64_t settled);
/* Raises or lowers the floor, floor <= length. */
DX_MUST_USE int dx_feed_set_floor(dx_feed *feed, dx_store *store, uint64_t floor);

/* Own feed: appends one encoded block (not yet speakable: sign at commit). DX_E_STATE when not own or frozen,
 * DX_E_MALFORMED, DX_E_LIMIT at DX_FEED_LENGTH_MAX, store errors. */
DX_MUST_USE int dx_feed_append(dx_feed *feed, dx_store *store, dx_bytes block);
/* Own feed: signs the head over the present length and stores it. A no-op when nothing was appended. */
DX_MUST_USE int dx_feed_sign(dx_feed *feed, dx_store *store, const dx_sign_key *key);
/* Own-feed guard: this vault never writes the feed again (it was restored or cloned, or written elsewhere);
 * from then on it is received like anyone's, so that nothing of its other life is lost. DX_E_STATE when not
 * own or not signed. */
DX_MUST_USE int dx_feed_retire(dx_feed *feed, dx_store *store);

/* Remote feed: takes blocks [from, from + count), from <= length, that head covers, proof leading from their
 * end to head->length. Exactly once: blocks that are here already must be equal and are passed over. count
 * may be 0: a head alone, from = length. All or nothing: signature, every block, the chain and the root hold,
 * or nothing is stored. head becomes `head` when its blocks are all here, `target` otherwise. DX_E_STATE: own
 * feed, or from > length; DX_E_LIMIT: count > DX_FEED_RUN_MAX; DX_E_MALFORMED; DX_E_SIGNATURE: signature, proof or root do not hold; DX_E_FORK:
 * all hold, and contradict blocks that are here: the fork's proof is stored, the feed frozen; store errors. A
 * head that contradicts only the target, of which no block is here, is taken in its place (a feed below its
 * cut must stay receivable), and the fork is proven too. DX_E_GONE: from < begins. */
DX_MUST_USE int dx_feed_receive(dx_feed *feed, dx_store *store, const dx_head *head, uint64_t from,
                                const dx_bytes *blocks, size_t count, dx_bytes proof);
/* Whether blocks [0, count) of a feed that is not kept hold by themselves: the same checks, nothing stored.
 * Errors of dx_feed_receive but for DX_E_STATE, DX_E_FORK and those of the store. */
DX_MUST_USE int dx_feed_check_beginning(const dx_alloc *alloc, const dx_feed_identity *identity,
                                        const dx_head *head, const dx_bytes *blocks, size_t count,
                                        dx_bytes proof);
/* A head was announced. DX_OK: signed, and either agreeing with what is here, or beyond it, or so old that nothing here
 * can tell; DX_E_SIGNATURE;
 * DX_E_FORK: it contradicts a head or blocks that are here: proven, stored, frozen; DX_E_CONFLICT: an own
 * feed was written elsewhere: retire it. */
DX_MUST_USE int dx_feed_hear(dx_feed *feed, dx_store *store, const dx_head *head);

/* The stored block; bytes die with the next store call. DX_E_NOT_FOUND past length, DX_E_GONE below begins, DX_E_CORRUPT
 * when the row is missing. */
DX_MUST_USE int dx_feed_read(const dx_feed *feed, dx_store *store, uint64_t seq, dx_bytes *block);
/* Root at a length <= feed->length (from the stored nodes). DX_E_NOT_FOUND past length, DX_E_GONE below begins. */
DX_MUST_USE int dx_feed_root(const dx_feed *feed, dx_store *store, uint64_t length,
                             uint8_t out[static DX_HASH_SIZE]);
/* The smallest head that covers blocks [0, end), end <= length: `head` or `target`; NULL for an unsigned own
 * tail, and where a loaded feed has heard of none. */
const dx_head *dx_feed_cover(const dx_feed *feed, uint64_t end);
/* Proof from `from` <= length to `to`, which is <= length or the length of head or target. DX_E_NOT_FOUND
 * otherwise, DX_E_GONE from below begins. */
DX_MUST_USE int dx_feed_prove(const dx_feed *feed, dx_store *store, uint64_t from, uint64_t to,
                              uint8_t proof[static DX_MMR_PROOF_SIZE_MAX]);
/* Records that the pipeline processed blocks up to `applied` with the feed's timeframe, that all they make is in the
 * store, and `kept`. */
DX_MUST_USE int dx_feed_save_applied(dx_feed *feed, dx_store *store);
/* Records that the pipeline processed blocks up to `applied`; what they make may follow. */
DX_MUST_USE int dx_feed_save_reached(dx_feed *feed, dx_store *store);

#endif
