/* echo/space.h: a space: feeds, control state, entities. The one in-memory object other rooms hold of a
 * space.
 *
 * Layer: floor 1, echo (over feed, halo, model, store). All calls happen inside an open store transaction.
 * After a rollback every open space is destroyed and loaded again: a failed step is a crash in
 * small.
 *
 * Data flow: echo/mutation.c writes a block as a transaction of sections; echo/pipeline.c takes every block,
 * own or remote, in causal order: authorize → open sections → reduce by the model → rows and indexes →
 * changes for subscriptions.
 *
 * Keys: an entity's key is its place: feed local number << 48 | seq << 16 | section index; so ids need no
 * index of their own.
 *
 * Ownership: what dx_space_create, _join and _load give goes back to dx_space_destroy. Pointers to feeds die
 * when a feed is added. */
#ifndef DX_ECHO_SPACE_H
#define DX_ECHO_SPACE_H

#include <dxos/model.h>

#include "base/arena.h"
#include "echo/schema_table.h"
#include "echo/type.h"
#include "feed/limb.h"
#include "halo/control.h"
#include "model/registry.h"

enum {
    DX_ID_SIZE = 22,     /* feed prefix 16 ‖ seq (4, BE) ‖ index (2, BE) */
    DX_ID_TEXT_MAX = 52, /* SEQ-INDEX-FEED: decimal, decimal, 32 hex digits, terminator */
    DX_KEYS_CACHED = 4   /* key epochs kept open in memory per space; the others are rows */
};

/* The ports and the store every call needs. */
typedef struct dx_context {
    const dx_alloc *alloc;
    const dx_random *random;
    const dx_tracer *tracer;
    dx_store *store;
    dx_identity *identity;
    /* Where every applied block's changes are added, for subscriptions; may be NULL. */
    struct dx_changes *changes;
    const dx_model_registry *models; /* known beside the built-in ones; may be NULL */
    size_t rows_max; /* that stand in memory before their tables have them; 0: DX_UNWRITTEN_ROWS_MAX */
    uint64_t now_ms, wall_ms;
} dx_context;

/* A content key that this device was granted, and the epoch it belongs to. */
typedef struct dx_space_epoch_key {
    uint64_t epoch;
    bool present;
    uint8_t key[DX_KEY_SIZE];
} dx_space_epoch_key;

/* A branch of a forked feed that others have named and that is not here. */
typedef struct dx_wanted_branch {
    int64_t feed;
    dx_limb_goal goal;
} dx_wanted_branch;

/* What was refused of the block being applied. */
typedef struct dx_refusing {
    size_t sections; /* that were looked for in the list, or put into it */
    bool again;      /* one of them stood there: the block came by before */
    bool counted;    /* what is not saved yet */
} dx_refusing;

/* What is purged, and how far that was carried out. */
typedef struct dx_purging {
    bool loaded;
    uint64_t done;   /* the version of PURGEs in effect that all was done for (control_purge.h) */
    uint64_t hidden; /* the version for which rows alone went: something else is under way */
    uint64_t
        looked; /* the version for which blocks that are not in effect were looked through, as far as below */
    struct dx_purge_look *looks;
    size_t look_count;
    bool scrubs; /* what was written of it is to leave the log, too */
} dx_purging;

struct dx_space {
    int64_t local;
    uint8_t id[DX_HASH_SIZE];
    uint8_t discovery[DX_KEY_SIZE];
    dx_control *control;
    dx_feed *feeds; /* control and data feeds known here, ascending local number */
    size_t feed_count, feed_capacity;
    int64_t own_control, own_data; /* local numbers, 0: none yet (made on first need) */
    uint64_t key_epoch;            /* the epoch new blocks are sealed with */
    uint64_t blocked;              /* blocks stored but waiting for a dependency or admission */
    bool busy;         /* of those, some could be applied now: the pipeline stopped for its budget */
    bool keys_left;    /* grants of keys are here that no step had the time to try yet */
    size_t tries_left; /* of grants, in this step */
    uint64_t refused;  /* blocks or sections that were refused, since the vault began (persisted) */
    uint64_t change;   /* counter: raised by every applied block (subscriptions, sync) */
    uint64_t taken;    /* raised when sections of applied blocks went: states at cuts may be others since */
    uint64_t late;     /* raised when sections came, or went, of blocks that have no effect */
    bool hides;        /* something is hidden of an entity (echo/hidden.h); */
    uint64_t hidden_version;                       /* and what that was found from; 0: not yet */
    dx_wanted_branch lost[DX_BRANCHES_WANTED_MAX]; /* hidden by what floors name, and not here */
    size_t lost_count;
    bool forks_settled; /* floors and branches of forked feeds are what the blocks here say; whoever stores a
                           limb's blocks clears it */
    struct dx_space_scope *scope; /* what of the space this vault keeps (echo/space_scope.h) */
    bool scope_resets;            /* what was left out by the one before is being taken for missing */
    bool scope_lasts;             /* it is a part, or was one, and not all that is missing came since */
    bool scope_awaited; /* it is another one since the space was opened, and not all of that came yet */
    uint64_t
        scope_told_ms; /* when all was here that matches its question, by the word of a member; 0: never */
    uint8_t scope_teller[DX_KEY_SIZE]; /* that member's identity */
    uint64_t scope_version;            /* another one since the space was opened, 0: all, as ever */
    dx_wanted_branch wanted[DX_BRANCHES_WANTED_MAX]; /* for sync to fetch, the weightiest first */
    size_t wanted_count;

    /* Private to echo. */
    dx_purging purging;  /* how far what is purged is gone (purge.h) */
    bool referred;       /* every row is in the index of references (referrer.h) */
    bool names_digested; /* and no member's name is another one since */
    uint8_t names_digest[DX_HASH_SIZE];
    const dx_alloc *alloc;
    dx_refusing refusing;
    struct dx_base *base;           /* what this vault builds on, and what is under way about it (base.h) */
    struct dx_unwritten *unwritten; /* rows that are not in their tables yet (entity_row.h) */
    struct dx_placed_rows *placed;  /* rows as their tables have them (placed_rows.h) */
    struct dx_spoken *spoken;       /* what own blocks that are being applied say (pipeline.h); mostly NULL */
    struct dx_touch_batch *touches; /* what is being walked through (touch.h) */
    bool replays;                   /* blocks that were applied before are being applied again */
    uint64_t forks_version;         /* of what forks were settled over */
    uint64_t control_version; /* of what the control state was made anew over, 0: no control feed is forked */
    uint64_t
        agreed_version; /* of the confirmed epochs that feeds were told of, and how many feeds they were */
    size_t agreed_feeds;
    dx_types types;
    struct dx_indexes *indexes;     /* on properties (echo/index.h) */
    struct dx_parents *parents;     /* while a deep tree is gone up (echo/parents.h), NULL: not */
    struct dx_adjacency *adjacency; /* changes of links that are not in their table yet (echo/adjacency.h) */
    dx_schemas schemas;
    dx_space_epoch_key keys[DX_KEYS_CACHED];
    bool sign_keys_loaded;
    dx_sign_key control_key, data_key; /* of the own feeds */
    dx_arena arena;                    /* dies with every section */
    dx_buf block, plain, state;        /* scratch of the pipeline */
};

/* Creates a space with its genesis, owner membership, own feeds, key epoch 0 and its properties object
 * ("dx.space" {name}). */
DX_MUST_USE int dx_space_create(dx_context *context, dx_bytes name, dx_space **out);
/* From a welcome bundle (docs/spec/space.md): verifies everything from the genesis, registers the space, its
 * credentials and key epochs, creates own feeds with block 0 = own admission, and a profile object
 * ("dx.member" {identity, name, device}). DX_E_EXISTS: the space
 * is here already (dx_space_find). DX_E_VERIFY when the bundle does not
 * prove that this identity was admitted by a chain from the genesis and can read. With an error the vault holds
 * nothing of the space but rows for dx_space_sweep, and the transaction may be committed. */
DX_MUST_USE int dx_space_join(dx_context *context, dx_bytes welcome, dx_space **out);
/* Admits an identity: appends MEMBER and KEY_GRANTs to the own control feed. Idempotent on (identity, device,
 * invitation id). */
DX_MUST_USE int dx_space_admit(dx_context *context, dx_space *space, dx_bytes device_credential, dx_role role,
                               const uint8_t invitation_id[static 16], dx_buf *welcome);
DX_MUST_USE int dx_space_load(dx_context *context, int64_t local, dx_space **out);
void dx_space_destroy(dx_context *context, dx_space *space);
/* Local number of a space; DX_E_NOT_FOUND. */
DX_MUST_USE int dx_space_find(dx_context *context, const uint8_t id[static DX_HASH_SIZE], int64_t *local);
/* Local numbers of all spaces, ascending. */
DX_MUST_USE int dx_space_each(dx_context *context, int (*on_space)(void *ctx, int64_t local), void *ctx);

/* This vault forgets the space: it is never found or loaded again; its rows go with dx_space_sweep. The space
 * in memory is the caller's to destroy. */
DX_MUST_USE int dx_space_forget(dx_context *context, int64_t local);
/* Removes at most `budget` rows of forgotten spaces. *more tells that there are more: call again, after a
 * restart too. */
DX_MUST_USE int dx_space_sweep(dx_context *context, size_t budget, bool *more);

dx_feed *dx_space_feed(dx_space *space, int64_t local);                                    /* NULL: none */
dx_feed *dx_space_feed_by_id(dx_space *space, const uint8_t feed_id[static DX_HASH_SIZE]); /* NULL: none */
dx_feed *dx_space_feed_by_prefix(dx_space *space,
                                 const uint8_t prefix[static DX_PREFIX_SIZE]); /* NULL: none */
/* Registers a remote feed so that sync can fill it. Control feeds: any (block 0 must then admit it, or it is
 * dropped by the pipeline); data feeds: only admitted ones (DX_E_UNAUTHORIZED). */
DX_MUST_USE int dx_space_add_feed(dx_context *context, dx_space *space, const dx_feed_identity *identity,
                                  dx_feed **out);
/* Quarantine: blocks of the feed that are kept and have no effect, beyond its limit, on other branches, or of
 * a feed whose admission fell. 0 for nearly every feed there is. */
DX_MUST_USE int dx_space_hidden(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t *blocks);
/* Retires the own feeds (this vault is a copy, or a peer holds a longer own feed) and makes new ones with a
 * new admission. What the old ones hold stays in force; what others hold of them beyond that is fetched like
 * any remote feed. */
DX_MUST_USE int dx_space_renew_feeds(dx_context *context, dx_space *space);
/* An own control feed was forked, and what this device issued in it may be out of force soon: all of it that
 * is in effect now goes out again in the present one, so that nobody leaves the space for a restored disk. */
DX_MUST_USE int dx_space_vouch_again(dx_context *context, dx_space *space);
/* Whether this identity may write here, has no data feed to do it in, and there is no place for one. */
bool dx_space_lacks_place(const dx_context *context, dx_space *space);
/* Signs the heads of own feeds that grew. Called once per step, before the commit. */
DX_MUST_USE int dx_space_sign_heads(dx_context *context, dx_space *space);
/* The key of an epoch; DX_E_NOT_FOUND when this device was not granted it (yet). */
DX_MUST_USE int dx_space_key(dx_context *context, dx_space *space, uint64_t epoch,
                             uint8_t out[static DX_KEY_SIZE]);

/* Visible objects: not deleted, not links, type not beginning with "dx.". */
DX_MUST_USE int dx_space_count(dx_context *context, dx_space *space, int64_t *objects, int64_t *links);

#endif
