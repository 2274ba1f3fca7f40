/* sync/session.h: one authenticated conversation about one space.
 *
 * Layer: floor 1, sync, private to this room. States:
 *   HELLO    the channel stands; the other side has not yet proven its device
 *   UNPROVEN the device is proven, its identity is not a member as far as we know: we ask for control feeds
 *            (which prove themselves) and give nothing
 *   MEMBER   both ways
 * Who has what is kept per feed: what we told, what they told, what we want, what we serve. */
#ifndef DX_SYNC_SESSION_H
#define DX_SYNC_SESSION_H

#include "echo/epoch.h"
#include "echo/matching.h"
#include "feed/hole.h"
#include "halo/welcome.h"
#include "sync/message.h"
#include "sync/replication.h"

typedef enum dx_session_state { DX_SESSION_HELLO, DX_SESSION_UNPROVEN, DX_SESSION_MEMBER } dx_session_state;

typedef struct dx_session_feed {
    int64_t local;
    uint64_t told;        /* the head length they know we have */
    uint64_t theirs;      /* the newest head length they announced */
    uint64_t next;        /* serving: the block to send next */
    uint64_t behind_ms;   /* when they first had more than we */
    uint64_t progress_ms; /* wanted: when it was asked for, or something last came */
    bool serving;         /* they want it */
    bool wanted;          /* we want it from them */
    uint64_t wanted_from; /* wanted: the block that was asked for first */
    bool passed_over;     /* a run came and was not kept: to be asked for again */
    uint64_t begins;      /* blocks before it are not at theirs any more */
    bool head_asked;      /* they are to get the head of what they have */
    bool parted;          /* it did not join, while another feed's branches were being compared */
    bool apart;           /* theirs is another branch, and where it parts is below what is here or there */
    dx_sync_place
        holes; /* the first place of which they were not asked yet whether they have what is a hole here */
    dx_sync_place doubts; /* the same of what others said to be outside */
    int64_t holes_rows;   /* of the branch that was in force then (dx_feed.rows) */
    int64_t holes_limb;   /* of the branch beside it that `holes` is about; 0: of the one in force */
    bool holes_limbs;     /* they were asked about all of those */
} dx_session_feed;

/* A control feed they told of that is none of the space yet. */
typedef struct dx_session_hearsay {
    dx_sync_entry entry;
    uint8_t id[DX_HASH_SIZE];
    uint64_t asked_ms;
    bool asked; /* its beginning is wanted from them */
    bool
        passed_over; /* what came did not prove it, or there was no place: it waits until others admitted it */
} dx_session_hearsay;

/* A proof of a fork of a feed that is neither here nor admitted yet. */
typedef struct dx_session_proof {
    uint8_t id[DX_HASH_SIZE];
    dx_buf bytes;
} dx_session_proof;

/* An entity that somebody waits for. */
typedef struct dx_replica_seek {
    int64_t key;
    size_t waiting; /* so many */
    dx_seek_state state;
    size_t asked_count; /* links that were asked, and answered or were silent */
    uint64_t asked[DX_SYNC_URGENT_ASKED_MAX];
} dx_replica_seek;

/* A piece of a snapshot they were asked for. */
typedef struct dx_session_piece {
    bool asked;
    uint64_t index; /* 0: the manifest */
    uint64_t asked_ms;
} dx_session_piece;

/* A question for entities that they did not answer yet. */
typedef struct dx_session_turn {
    dx_sync_seek asked;
    int64_t keys[DX_SYNC_SEEKS_MAX]; /* of those */
    size_t urgent;                   /* so many of them, the first, a person waits for */
    size_t matched;                  /* so many, the last, they told of */
    uint64_t matched_of;             /* in the answer to the question with this number */
} dx_session_turn;

/* What matches the question of this vault's scope, found out with them:
 *   phase      what ends it                              then
 *   IDLE       their data, or the scope, is another      LOOKING
 *   LOOKING    what matches here is known: MATCH         ASKED
 *   ASKED      MATCHED tells the end                     FETCHING; IDLE where they refused, or are silent
 *   FETCHING   they were asked for all that differs      IDLE
 * A scope that is another one ends every phase in IDLE; the answer that is due is waited for, and passed over. */
typedef enum dx_match_phase {
    DX_MATCH_IDLE,
    DX_MATCH_LOOKING,
    DX_MATCH_ASKED,
    DX_MATCH_FETCHING
} dx_match_phase;

typedef struct dx_session_match {
    dx_match_phase phase;
    dx_matching *here;            /* what matches here; NULL: nothing is known to */
    bool due;                     /* an answer is to come, late or not */
    bool all;                     /* it says that there is nothing more, and all that was fetched is whole */
    bool holds;                   /* such an answer was the last one */
    bool refused;                 /* it was not answered, or not even asked, for it is too much */
    uint64_t number;              /* of the question asked last */
    size_t buckets;               /* of it */
    size_t rows;                  /* told so far */
    dx_buf told;                  /* their keys, as a list (key_set.h) */
    dx_buf keys;                  /* of what is to be fetched of them, likewise */
    size_t asked, fetched;        /* of these, so many were asked for, and so many of them answered */
    uint64_t looks_version;       /* of the scope, when the phase IDLE ended */
    uint64_t scope_version;       /* when they were asked last, 0: never */
    uint8_t theirs[DX_HASH_SIZE]; /* and the digest of their data then */
    uint64_t changed_ms;          /* when that was seen to be another, 0: it is not */
    uint64_t began_ms, progress_ms; /* the phase IDLE ended; something was last told */
    uint64_t next_ms;               /* not to be asked before */
    uint64_t again_ms;              /* to be asked again, for they had not all; 0: not */
    unsigned rounds;                /* of that, so far */
} dx_session_match;

/* An answer to their question which is under way. */
typedef struct dx_session_answer {
    dx_sync_match asked; /* its question points into the buffer */
    dx_buf question;
    dx_matching *matching; /* NULL: not begun */
    bool found;            /* and all of it is */
    bool differs[DX_MATCH_BUCKETS_MAX];
    size_t next; /* match that is to be told, or passed over, next */
} dx_session_answer;

typedef struct dx_session dx_session;
typedef struct dx_replica dx_replica;

struct dx_session {
    dx_session *next;
    dx_replica *replica;
    uint64_t link;
    bool initiator;
    dx_session_state state;
    uint8_t handshake_hash[DX_NOISE_HASH_SIZE];
    uint8_t device[DX_KEY_SIZE], identity[DX_KEY_SIZE];
    char address[DX_ADDRESS_SIZE_MAX];
    dx_sync_digests theirs, told;
    /* The digests of theirs that each class was last judged by: the same as ours, or asked about. To ask again
     * before they change would loop. */
    struct {
        bool done;
        uint8_t theirs[DX_HASH_SIZE];
        uint8_t control[DX_HASH_SIZE]; /* ours: with more admitted, the same answer tells more */
    } asked[2];
    bool answer[2];         /* they asked for all heads of this class */
    dx_session_feed *feeds; /* ascending local */
    size_t feed_count, feed_capacity;
    dx_session_hearsay *hearsay; /* ascending id */
    size_t hearsay_count, hearsay_capacity;
    size_t looked_feeds, looked_admitted; /* feeds made, admitted when hearsay was last held against them */
    dx_session_proof *proofs;             /* NULL, or room for DX_SYNC_PROOFS_MAX */
    size_t proof_count;
    int64_t credit;  /* bytes of DATA we may still send */
    int64_t granted; /* bytes of DATA they may still send */
    uint64_t owed;   /* bytes received and not yet credited back */
    int64_t work;    /* they may still ask for, as of work_ms */
    uint64_t work_ms;
    size_t posted; /* posts said to them count for so many bytes, as of post_ms */
    uint64_t post_ms;
    dx_buf waiting; /* questions not answered yet: length (2 bytes), message */
    uint64_t heard_ms, opened_ms;
    bool pinged, told_forks;
    bool judged;  /* a step ended since its hello: whether it is a member's is known, as far as it can be */
    bool vouched; /* to the swarm, as a member's */
    char offered[DX_SYNC_ADDRESSES_MAX][DX_ADDRESS_SIZE_MAX]; /* what it said first: its own, then others' */
    dx_address_standing offered_standing[DX_SYNC_ADDRESSES_MAX];
    size_t offered_count;
    int64_t searching;   /* local number of a feed whose branches are being compared, 0: none */
    uint64_t search_ms;  /* when the last question about it was asked */
    uint64_t search_due; /* answers to questions of comparisons that were given up: they may still come */
    uint64_t search_from, search_shared;
    dx_fork_search search;
    struct {
        int64_t feed; /* 0: none is asked for */
        dx_limb_goal goal;
        uint64_t asked_ms;
    } branch;              /* the branch of a forked feed that they were asked for last */
    unsigned branches_due; /* answers to come: late ones too */
    struct {
        dx_limb_goal goal;
        uint64_t until_ms;
    } lacks[DX_BRANCHES_WANTED_MAX]; /* what they did not have, not to be asked again before then */
    size_t lacks_next;
    struct {
        int64_t feed; /* whose holes they were asked for last, 0: no answer is due */
        int64_t rows; /* and on which branch (dx_feed.rows) */
        dx_buf asked; /* dx_sync_place each */
        uint64_t asked_ms;
        bool due;        /* an answer is to come, late or not */
        bool silent;     /* they gave none: not asked again in this round */
        bool doubts;     /* that was of what others said to be outside */
        bool ends_block; /* the last block asked about is asked about to its end */
        uint64_t
            doubted; /* a block of which something was not given, for whatever reason; UINT64_MAX: none */
        uint64_t scope_version,
            asked_version; /* of what is kept here: when its holes were looked for, and asked */
        unsigned rounds;   /* through all holes, so far */
        uint64_t again_ms; /* when the next one begins */
    } holes;
    dx_session_piece pieces[DX_SYNC_PIECES_MAX];
    unsigned pieces_due;              /* answers to come: late ones too */
    uint8_t lacks_root[DX_HASH_SIZE]; /* the last snapshot they did not have */
    /* What they keep, by the number they told it with (0: never), and what was said of what they are sent: that it lacks
     * nothing else. */
    dx_space_scope scope;
    uint64_t scope_number;
    bool scope_said;
    /* The version of what is kept here that they were told, the one they cut by, and that they leave out nothing else. */
    uint64_t scope_told, scope_cuts;
    bool scope_all;
    struct {
        dx_session_turn
            *turns;        /* taken when they are first asked for an entity: room for DX_SYNC_SEEKS_DUE_MAX */
        size_t first, due; /* the oldest that is not answered, and how many are not, late or not */
        int64_t after;     /* up to this one, those that are sought were asked for in this round */
        unsigned rounds;   /* so far */
        uint64_t
            brought_ms; /* when they were asked first, or last answered, or brought something that was not here */
        uint64_t again_ms; /* when the next round begins, 0: one is under way */
        bool late;         /* what is due is not waited for any more */
    } seek;
    dx_session_match match;
    dx_session_answer *answer_match; /* NULL: they asked nothing */
};

/* One space in replication. */
struct dx_replica {
    dx_replica *next;
    dx_replication *replication;
    dx_space *space;
    dx_session *sessions;
    uint64_t version; /* of what the digests were taken over */
    bool digested;
    dx_sync_digests digests;
    dx_sync_digests left; /* of the member that left last */
    uint64_t left_count;
    int64_t *order; /* local numbers by ascending feed id */
    size_t order_count, order_capacity;
    uint64_t settled_change; /* space->change at the end of the last step */
    size_t unadmitted;       /* control feeds without admission, counted at each STATE and proof */
    uint64_t told_on_ms, told_on;
    struct {
        uint8_t who[DX_KEY_SIZE];
        uint64_t since_ms;
        unsigned count;
    } told_of[DX_SYNC_ADDRESSES_TOLD_OF_KEPT]; /* whose addresses were told on */
    uint64_t received_blocks, received_bytes;
    struct {
        bool wanted;   /* the state at an epoch is to be had instead of the blocks below it */
        bool possible; /* and a member that is here may have it */
        bool fetching; /* its manifest is here */
        bool unpacks;  /* all of it is here: rows are made of it, and blocks below the cut still not wanted */
        uint8_t root[DX_HASH_SIZE];
        uint64_t number, key_epoch;
        dx_cut cut;
        uint8_t refused[DX_HASH_SIZE]; /* a snapshot that cannot be loaded */
        dx_epoch_stage stage;          /* as it was in the last step */
        uint64_t compared;             /* of which standing of feeds `contradicted` was found; 0: of none */
        bool contradicted; /* something here is another one than the epoch wanted says, for good */
    } load;
    dx_replica_seek *seeks; /* NULL, or room for DX_SYNC_URGENT_MAX: entities that somebody waits for */
    size_t seek_count;
};

struct dx_replication {
    dx_context *context;
    dx_swarm *swarm;
    dx_replica *replicas;
    dx_bytes addresses[DX_SYNC_ADDRESSES_MAX]; /* own, dialable; point into address_text */
    char address_text[DX_SYNC_ADDRESSES_MAX][DX_ADDRESS_SIZE_MAX];
    size_t address_count;
    dx_buf message;    /* scratch for what is being sent */
    dx_sync_data data; /* likewise for blocks being received; it borrows from their message */
    dx_post_handler posts;
};

/* --- session.c: opening, hello, what they say --- */
DX_MUST_USE int dx_session_open(dx_replica *replica, const dx_swarm_link *link);
DX_MUST_USE int dx_session_receive(dx_session *session, const dx_swarm_link *link, dx_bytes message);
void dx_session_close(dx_session *session); /* unlinks and frees */
dx_session *dx_session_find(dx_replica *replica, uint64_t link);
/* The row of a feed, made on first sight. NULL: no memory. */
dx_session_feed *dx_session_feed_of(dx_session *session, int64_t local);
dx_session_feed *dx_session_find_feed(const dx_session *session, int64_t local); /* NULL: none */
/* One line of room "sync" that names space, link and the device's first bytes. */
void dx_session_trace(const dx_session *session, const char *format, ...) DX_PRINTF(2, 3);
/* Sends and clears the scratch message. */
DX_MUST_USE int dx_session_send(dx_session *session);

/* --- question.c: what they may ask for --- */
/* They made us work so much: DX_E_FLOOD when it is more than anybody may. */
DX_MUST_USE int dx_session_spend(dx_session *session, int64_t work);
/* Whether something more may be done for them now, beside what is spent as it comes; *deadline_ms: when it may. */
bool dx_session_may_work(dx_session *session, uint64_t *deadline_ms);
/* ASK, PROBE, PART, BRANCH or HOLES: answered now, or when its turn comes. */
DX_MUST_USE int dx_session_take_question(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_answer_waiting(dx_session *session, uint64_t *deadline_ms);

/* --- post.c: messages that nobody keeps --- */
DX_MUST_USE int dx_session_take_post(dx_session *session, dx_bytes message);

/* --- fetch.c: what we want --- */
DX_MUST_USE int dx_session_take_state(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_take_data(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_fetch(dx_session *session, uint64_t *deadline_ms);
DX_MUST_USE int dx_session_return_credit(dx_session *session, bool *more);

/* --- hearsay.c: control feeds nobody has admitted here --- */
dx_session_hearsay *dx_session_find_hearsay(const dx_session *session,
                                            const uint8_t id[static DX_HASH_SIZE]); /* NULL: none */
/* Keeps what was announced as long as there is room. DX_E_SIGNATURE, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_session_note_hearsay(dx_session *session, const dx_sync_entry *entry,
                                        const uint8_t id[static DX_HASH_SIZE]);
void dx_session_drop_hearsay(dx_session *session, dx_session_hearsay *hearsay);
/* Whether the run begins with the admission of the announced feed, signed by the device it names. */
bool dx_session_is_proven(const dx_session *session, const dx_sync_entry *entry, const dx_sync_data *data);
/* Wants the beginnings; *pending tells that one is still to come. */
DX_MUST_USE int dx_session_fetch_hearsay(dx_session *session, bool *pending, uint64_t *deadline_ms);

/* --- fork.c: branches that contradict --- */
/* After anything that may have proven a fork: tells everyone and withdraws, when the cut is lower than
 * before. The feeds of the space may move in memory. */
DX_MUST_USE int dx_session_note_fork(dx_session *session, const dx_feed *feed, uint64_t cut_before);
DX_MUST_USE int dx_session_tell_forks(dx_session *session);
DX_MUST_USE int dx_session_search_fork(dx_session *session, const dx_feed *feed, const dx_head *head);
/* Their blocks of the feed that is compared begin later than was known: it is compared from there on. */
DX_MUST_USE int dx_session_search_again(dx_session *session, const dx_feed *feed);
/* Gives up a comparison that is not answered, so that others may begin. */
void dx_session_search_tick(dx_session *session, uint64_t *deadline_ms);
DX_MUST_USE int dx_session_search_exact(dx_session *session, const dx_feed *feed, const dx_head *head);
DX_MUST_USE int dx_session_take_fork(dx_session *session, dx_bytes message);
/* Takes proofs that came before their feeds were known; called when more feeds are. */
DX_MUST_USE int dx_session_take_known_proofs(dx_session *session);
void dx_session_drop_proofs(dx_session *session);
DX_MUST_USE int dx_session_take_probe(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_take_roots(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_take_part(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_take_path(dx_session *session, dx_bytes message);

/* --- limb.c: branches that others have named --- */
DX_MUST_USE int dx_session_fetch_branches(dx_session *session, uint64_t *deadline_ms);
DX_MUST_USE int dx_session_take_branch(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_take_limb(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_take_lack(dx_session *session, dx_bytes message);

/* --- hole.c: sections of which only the hashes are here --- */
void dx_session_holes_init(dx_session *session);
void dx_session_holes_deinit(dx_session *session);
DX_MUST_USE int dx_session_fetch_holes(dx_session *session, uint64_t *deadline_ms);
/* Whether something is missing that they were not asked for yet, or did not answer yet. */
bool dx_session_asks_holes(const dx_session *session);
DX_MUST_USE int dx_session_take_holes(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_take_sections(dx_session *session, dx_bytes message);

/* --- scope.c: what each side keeps --- */
/* Whether they may know what this vault keeps: a relay may not. */
bool dx_session_may_know(const dx_session *session);
DX_MUST_USE int dx_session_tell_scope(dx_session *session);
DX_MUST_USE int dx_session_take_scope(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_take_scoped(dx_session *session, dx_bytes message);
/* What they send now, and is not there, is what this vault does not keep. */
bool dx_session_explains_holes(const dx_session *session);
/* The feed's blocks [from, end): what is missing of them is outside, they say. */
DX_MUST_USE int dx_session_excuse(dx_session *session, const dx_feed *feed, uint64_t from, uint64_t end);
/* Whether their word counts for what others said to be outside. */
bool dx_session_tells_doubts(const dx_session *session);
/* The first block from there on of which only somebody else says that something is outside. DX_E_NOT_FOUND. */
DX_MUST_USE int dx_session_find_doubt(const dx_session *session, const dx_feed *feed, uint64_t from,
                                      dx_holes *out);
bool dx_session_keeps_part(const dx_session *session);
/* Before something is sent: whether nothing of it is missing but what they do not keep. */
DX_MUST_USE int dx_session_say_all(dx_session *session, bool all);
/* By what they keep; dies with the session. */
dx_scope_judge dx_session_judge(dx_session *session);
/* dx_session_gather, without what they do not keep. *all: nothing else is missing. */
DX_MUST_USE int dx_session_gather_part(dx_session *session, const dx_feed *feed, uint64_t from, uint64_t end,
                                       dx_buf *blocks, size_t *count, bool *all);

/* --- seek.c: entities that are to be whole --- */
DX_MUST_USE int dx_session_seek(dx_session *session, uint64_t *deadline_ms);
DX_MUST_USE int dx_session_answer_seek(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_take_sought(dx_session *session, dx_bytes message);
void dx_session_seek_deinit(dx_session *session);

/* --- match.c: what matches the question of a scope --- */
void dx_session_match_init(dx_session *session);
void dx_session_match_deinit(dx_session *session);
DX_MUST_USE int dx_session_match_here(dx_session *session, uint64_t *deadline_ms);
/* Whether what matches here was not yet compared with what matches at theirs. */
bool dx_session_asks_match(const dx_session *session);
DX_MUST_USE int dx_session_take_matched(dx_session *session, dx_bytes message);
/* The keys of what differs, from the first on that they were not asked for yet; that they were, for so many; and that they
 * answered for one of those told with that number. */
size_t dx_session_match_keys(const dx_session *session, const int64_t **keys);
void dx_session_match_asked(dx_session *session, size_t count);
void dx_session_match_fetched(dx_session *session, uint64_t number, bool whole);
DX_MUST_USE int dx_session_take_match(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_answer_match(dx_session *session, uint64_t *deadline_ms);

/* --- serve.c: what they want --- */
/* How many blocks [from, from + *count) of a branch fit one message; appended as its items. At least one; a
 * block is never larger than a message. */
DX_MUST_USE int dx_session_gather(dx_session *session, const dx_feed *feed, uint64_t from, uint64_t end,
                                  dx_buf *blocks, size_t *count);
DX_MUST_USE int dx_session_announce(dx_session *session);
DX_MUST_USE int dx_session_serve(dx_session *session, bool *more);

/* --- snapshot.c: a state instead of history --- */
/* Once a step: which epoch is to be loaded, if any. */
DX_MUST_USE int dx_replica_choose_load(dx_replica *replica);
/* Whether what is missing of this feed comes with a snapshot. */
bool dx_replica_loads(const dx_replica *replica, const dx_feed *feed);
DX_MUST_USE int dx_session_fetch_snapshot(dx_session *session, uint64_t *deadline_ms);
DX_MUST_USE int dx_session_take_piece(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_answer_fetch(dx_session *session, dx_bytes message);
DX_MUST_USE int dx_session_tell_gone(dx_session *session, const dx_feed *feed);
DX_MUST_USE int dx_session_take_gone(dx_session *session, dx_bytes message);

/* --- address.c --- */
DX_MUST_USE int dx_replica_dial_known(dx_replica *replica);
/* Believed at once from a member, kept until it is one from anybody else. */
DX_MUST_USE int dx_session_take_addresses(dx_session *session, const dx_bytes *addresses, size_t count,
                                          dx_address_standing standing);
/* The peer is a member: the address where it was reached and what it said are believed, and it is told where
 * others are. */
DX_MUST_USE int dx_session_meet_addresses(dx_session *session);

/* --- replication.c --- */
dx_replica *dx_replica_find(dx_replication *replication, const dx_space *space); /* NULL: none */
/* The length of a feed that is in the digest and served: signed, admitted, within its cut. */
uint64_t dx_replica_length(const dx_replica *replica, const dx_feed *feed);
DX_MUST_USE int dx_replica_refresh(dx_replica *replica); /* digests follow the feeds */

#endif
