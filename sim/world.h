/* sim/world.h: whole nodes in virtual time over a faulty network and faulty disks; one seed decides
 * everything.
 *
 * Layer: simulator; includes include/dxos, sim/disk.h and nothing of the core. A world has peers; a peer has
 * a disk (sim/disk.h), what a host would mirror outside of it, a node while it runs, and the requests that
 * wait for answers. Time is a number; events are kept in a heap by (time, number), so equal seeds give equal
 * runs to the byte: `trace` is a hash over every event given to and effect taken from a node. Every fault
 * that happens is counted, so that a run can show what it tried. Violations end the run: world->violation
 * says what, in one line. */
#ifndef DX_SIM_WORLD_H
#define DX_SIM_WORLD_H

#include <dxos/codec.h>
#include <dxos/node.h>

#include "disk.h"

enum {
    SIM_PEERS_MAX = 10,
    SIM_REQUESTS_MAX = 64,
    SIM_PORTS = 3, /* programs that speak to one vault */
    SIM_SPACES_MAX = 2,
    SIM_ADMINS = 2, /* where epochs are made: the owner and the next one */
    SIM_ID_SIZE = 56,
    SIM_PURGES_MAX = 64
};

#define SIM_WALL_START_MS UINT64_C(1790000000000) /* what clocks show when a world begins */

typedef struct sim_world sim_world;
typedef struct sim_peer sim_peer;
typedef struct sim_link sim_link;

/* --- What is counted -------------------------------------------------------------------------------- */

/* X(symbol, words). The first ones are faults: chances per million operations, but for BREAK and CORRUPT:
 * deliveries. */
#define SIM_FAULT_MAP(X)                                                                                     \
    X(POWER, "power losses")                                                                                 \
    X(POWER_INSIDE, "power losses inside a step")                                                            \
    X(POWER_OPENING, "power losses while a vault opened")                                                    \
    X(RESTART, "orderly restarts")                                                                           \
    X(FREEZE, "frozen peers")                                                                                \
    X(SPLIT, "splits of the net")                                                                            \
    X(BREAK, "links broken in a delivery")                                                                   \
    X(CORRUPT, "deliveries with a flipped bit")                                                              \
    X(SET_BACK, "disks set back")                                                                            \
    X(UNSEEN, "of them behind an honest vault's guard")                                                      \
    X(STRANGER, "strangers at the door")                                                                     \
    X(MEMORY, "failed allocations")                                                                          \
    X(FULL, "full disks")                                                                                    \
    X(CLOCK, "wall clocks set")                                                                              \
    X(PORT_GONE, "programs that left")                                                                       \
    X(REBIND, "NATs that forgot")                                                                            \
    X(ROAM, "peers that moved")                                                                              \
    X(DISK, "failed disk calls")

/* Lies of a member who was admitted (hostile.h), then what became of them. */
#define SIM_LIE_MAP(X)                                                                                       \
    X(GARBAGE, "garbage")                                                                                    \
    X(OUT_OF_PLACE, "messages out of place")                                                                 \
    X(FORGED_HEAD, "forged heads")                                                                           \
    X(FORGED_RUN, "runs of blocks changed on their way")                                                     \
    X(FORGED_SIGNER, "blocks signed as another")                                                             \
    X(REPLAY, "messages said again")                                                                         \
    X(HUGE, "huge numbers")                                                                                  \
    X(FLOOD, "floods")                                                                                       \
    X(STRANGE_FEEDS, "announcements of feeds nobody admitted")                                               \
    X(FALSE_PROOF, "false proofs of a fork")                                                                 \
    X(TWIN, "blocks written twice")                                                                          \
    X(SET_BACK_UNSEEN, "set-backs behind the guard")                                                         \
    X(WITHHELD, "messages held back")                                                                        \
    X(DEAD_BLOCK, "blocks that name what is not")                                                            \
    X(FALSE_BLOCK, "blocks against the rules")                                                               \
    X(WITHOUT_RIGHT, "credentials without a right")                                                          \
    X(FALSE_EPOCH, "epochs that are none")                                                                   \
    X(FALSE_PIECE, "false pieces of snapshots")

#define SIM_COUNT_MAP(X)                                                                                     \
    SIM_FAULT_MAP(X)                                                                                         \
    X(STEPS, "steps")                                                                                        \
    X(EVENTS, "events")                                                                                      \
    X(DELIVERIES, "deliveries")                                                                              \
    X(LINKS, "links")                                                                                        \
    X(GAVE_UP, "nodes that gave up")                                                                         \
    X(NOT_OPENED, "openings that failed")                                                                    \
    X(ASKED, "operations asked")                                                                             \
    X(DONE, "done")                                                                                          \
    X(REFUSED, "refused")                                                                                    \
    X(UNKNOWN, "without an answer")                                                                          \
    X(ASKED_AGAIN, "asked again")                                                                            \
    X(SAME_ANSWER, "answered the same again")                                                                \
    X(SKIPPED, "not asked, the peer being off")                                                              \
    X(GLANCES, "glances at a whole space")                                                                   \
    X(TAKEN_BACK, "changes taken back, or done again")                                                       \
    X(EXACTLY_BACK, "things of which nobody else had changed any since")                                     \
    X(PLACED, "rows told with a place")                                                                      \
    X(OTHER_PROGRAM, "programs that became older or newer")                                                  \
    X(MIGRATED, "tasks migrated at the end")                                                                 \
    X(CIRCLES, "circles of moves, counted at each peer")                                                     \
    X(WATCHED, "changes watched")                                                                            \
    X(PURGED, "objects purged")                                                                              \
    X(SCOPED, "times somebody kept another part")                                                            \
    X(FETCHED, "objects fetched")                                                                            \
    X(PARTS, "parts held against the whole")                                                                 \
    X(QUESTIONS, "questions answered from a part as from the whole")                                         \
    X(EPOCH_MADE, "epochs made")                                                                             \
    X(COMPACTED, "histories let go")                                                                         \
    X(JUMPED, "feeds taken over as a state")                                                                 \
    X(AWAY, "people away for long")                                                                          \
    X(RENAMED, "people and spaces renamed")                                                                  \
    X(CAME_BACK, "watchers that came back")                                                                  \
    X(STALLED, "answers held back for a slow program")                                                       \
    X(ADMITTED, "guests admitted")                                                                           \
    X(TURNED_AWAY, "guests turned away")                                                                     \
    SIM_LIE_MAP(X)                                                                                           \
    X(ENDED, "links to the liar ended for what it said")                                                     \
    X(LISTED, "false blocks listed as refused")                                                              \
    X(FORKS, "feeds of the liar proven to be forked")                                                        \
    X(SIGNALS, "messages to a signaling service")                                                            \
    X(SIGNAL_LIES, "lies of it")                                                                             \
    X(SIGNAL_STOPS, "times it stopped")                                                                      \
    X(PEER_LINKS, "links that came about by it")                                                             \
    X(DATAGRAMS, "datagrams")                                                                                \
    X(PATHLESS, "attempts without a path")                                                                   \
    X(ICE_RESTARTS, "new searches for a path")                                                               \
    X(CONSENT_LOST, "links whose path died")                                                                 \
    X(UNVERIFIED, "attempts with another's certificate")                                                     \
    X(MIDDLES, "links with another one in the middle")                                                       \
    X(BOUND, "times a node saw it")

typedef enum sim_count {
#define SIM_COUNT_ROW(symbol, words) SIM_##symbol,
    SIM_COUNT_MAP(SIM_COUNT_ROW)
#undef SIM_COUNT_ROW
        SIM_COUNT_COUNT
} sim_count;

enum {
    SIM_FAULT_COUNT = SIM_DISK + 1,
    SIM_LIE_FIRST = SIM_GARBAGE,
    SIM_LIE_COUNT = SIM_FALSE_PIECE + 1 - SIM_GARBAGE,
    SIM_PLAIN_LIES = SIM_WITHOUT_RIGHT + 1 - SIM_GARBAGE /* the first ones, of worlds without epochs */
};

extern const char *const sim_count_words[SIM_COUNT_COUNT];

/* --- A world ---------------------------------------------------------------------------------------- */

/* A member who lies, beside the honest ones. */
typedef enum sim_liar { SIM_NO_LIAR, SIM_LYING_EDITOR, SIM_LYING_READER, SIM_LYING_ADMIN } sim_liar;

/* A signaling service that peers may meet at. */
typedef enum sim_signaling_kind {
    SIM_NO_SIGNALING,
    SIM_HONEST_SIGNALING, /* it stops now and then */
    SIM_LYING_SIGNALING   /* and lies */
} sim_signaling_kind;

/* What one seed's world is made of. */
typedef struct sim_plan {
    uint64_t seed;
    size_t peers; /* honest ones */
    sim_liar hostile;
    /* Of virtual time in which operations happen; then everything heals and must converge. */
    uint64_t minutes;
    size_t operations;
    sim_signaling_kind signaling;
    bool undiallable;                 /* peers meet there alone */
    uint32_t chance[SIM_FAULT_COUNT]; /* per million */
    uint64_t delay_max_ms;            /* of a delivery */
    uint64_t gather_max_ms;           /* events wait so long to be given together; 0: each alone, at once */
    uint64_t clock_lie_ms;            /* wall clocks are off by up to this */
    size_t spaces;                    /* 1, or 2: the second without the last peer */
    size_t guests;                    /* who come by invitation meanwhile (invite.h) */
    bool models;                      /* people use counters and approvals, too */
    bool texts;                       /* and write in texts */
    bool names;                       /* people and spaces are renamed (names.c) */
    bool undo;                        /* people take back what they did (undo.h) */
    bool skew;                        /* programs of different ages write side by side (skew.h) */
    bool purges;                      /* things are purged (purges.c) */
    bool parts;                       /* people keep a part of a space (parts.c) */
    bool epochs;                      /* epochs are made, and history is let go of (epochs.h) */
    bool
        alone; /* by the owner's device alone, so that one other device's word is enough before history goes */
    uint64_t epoch_size, retention_ms; /* as in dx_node_config */
    size_t epoch_copies;
    bool big; /* objects are large, and one program of each peer reads slowly */
    sim_disk_config disk;
} sim_plan;

/* What became of a request. LOST: the peer lost power or the program left; the outcome is not known. */
typedef enum sim_answer_kind { SIM_ANSWER_NOTE, SIM_ANSWER_LAST, SIM_ANSWER_LOST } sim_answer_kind;

typedef void (*sim_on_answer)(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind,
                              dx_bytes body);

typedef struct sim_request {
    bool used;
    uint8_t id[DX_REQUEST_SIZE];
    char command[24]; /* its name */
    uint64_t port;
    uint64_t due_ms; /* an answer must have come by then, when the peer was up and awake; 0: it goes on */
    sim_on_answer on_answer;
    void *ctx;
} sim_request;

/* An allocator that counts, with a bound that no node may pass, and a planned failure. */
typedef struct sim_memory {
    size_t live, peak;
    uint64_t fail_in; /* 0: none planned */
    uint64_t failures;
} sim_memory;

typedef struct sim_inbox {
    dx_event *events; /* their bodies are copies */
    size_t count, capacity;
    bool due;
} sim_inbox;

struct sim_peer {
    size_t index;
    sim_world *world;
    sim_disk *disk, *backup;
    dx_node *node; /* NULL: switched off */
    sim_memory memory;
    uint64_t random_state;
    int64_t wall_offset_ms;
    bool has_token, other_file; /* other_file: a backup was put in place as a new file */
    bool forked;                /* its disk was set back unseen: it may have written its feeds twice */
    uint8_t backup_token[DX_VAULT_TOKEN_SIZE];
    bool dying;   /* the disk dies at a call that is planned */
    bool suffers; /* disk or memory may fail: commands may be refused for it */
    uint8_t token[DX_VAULT_TOKEN_SIZE];
    char address[16];
    bool member[SIM_SPACES_MAX];
    bool reader;          /* may not write */
    uint64_t timer_ms;    /* of the timer event that is on its way; DX_NO_DEADLINE: none */
    uint64_t deadline_ms; /* what the node asked for */
    uint64_t frozen_until_ms;
    uint64_t backup_ms; /* when the backup was taken */
    uint64_t next_incoming;
    uint64_t next_port;    /* the program that asks next; 0: any */
    uint64_t writes;       /* commands that change something, asked of it */
    uint64_t starts, life; /* life: changes whenever the node does */
    struct {
        uint64_t life;  /* changes whenever another program comes */
        uint64_t at_ms; /* when it has read what is on its way to it */
        size_t unread;  /* bytes on their way to it, or read and not told yet */
        size_t untold;
    } ports[SIM_PORTS + 1];
    sim_inbox inbox;
    sim_request requests[SIM_REQUESTS_MAX];
};

typedef struct sim_event sim_event;
typedef struct sim_workload sim_workload;     /* workload.h */
typedef struct sim_invitation sim_invitation; /* invite.h */
typedef struct sim_hostile sim_hostile;       /* hostile.h */
typedef struct sim_epochs sim_epochs;         /* epochs.h */
typedef struct sim_skew sim_skew;             /* skew.h */
typedef struct sim_undo sim_undo;             /* undo.h */

/* Something that somebody was asked to purge. */
typedef struct sim_purge {
    size_t space;
    char id[SIM_ID_SIZE];
    bool said; /* and that was acknowledged, by one whose disk was never set back */
} sim_purge;

struct sim_world {
    sim_plan plan;
    uint64_t random_state;
    uint64_t now_ms, event_number;
    sim_event *heap;
    size_t heap_count, heap_capacity;
    size_t peer_count;
    sim_peer peers[SIM_PEERS_MAX];
    sim_link *links;
    uint8_t side[SIM_PEERS_MAX]; /* of the partition; peers of different sides do not reach each other */
    bool healing;                /* no more faults */
    char space[SIM_SPACES_MAX][65];
    sim_workload *workload;
    sim_purge purges[SIM_PURGES_MAX];
    size_t purge_count;
    sim_hostile *hostile;            /* NULL: nobody lies */
    sim_invitation *invitation;      /* NULL: nobody is invited */
    sim_epochs *epochs;              /* NULL: nobody makes any */
    sim_undo *undo;                  /* NULL: nobody takes anything back */
    sim_skew *skew;                  /* NULL: all programs are of one age */
    struct sim_signaling *signaling; /* NULL: there is no such service */
    struct sim_udp *udp;             /* NULL: likewise */
    uint64_t trace;
    uint64_t counts[SIM_COUNT_COUNT];
    uint64_t converged_ms; /* from healing to all in step */
    bool verbose, traced;  /* traced: what nodes say of their insides, too */
    char violation[512];
};

/* --- world.c: time, chance, words ------------------------------------------------------------------- */
uint64_t sim_random(uint64_t *state);
uint64_t sim_below(sim_world *world, uint64_t bound);
/* Whether the fault strikes now; counted when it does. */
bool sim_strikes(sim_world *world, sim_count fault);
bool sim_chance(sim_world *world, uint32_t per_million);
void sim_violate(sim_world *world, const char *format, ...) DX_PRINTF(2, 3);
void sim_note(sim_world *world, const char *format, ...) DX_PRINTF(2, 3); /* when verbose */
void sim_world_init(sim_world *world, const sim_plan *plan, size_t peer_count);
void sim_world_deinit(sim_world *world);
/* Runs events until the given time or a violation. */
void sim_run_until(sim_world *world, uint64_t time_ms);
/* Runs until done(ctx), at most until the given time; false when it never was. */
bool sim_run_while(sim_world *world, uint64_t time_ms, bool (*done)(void *ctx), void *ctx);
/* Calls act(world, ctx, number) at a time. */
void sim_at(sim_world *world, uint64_t time_ms, void (*act)(sim_world *world, void *ctx, uint64_t number),
            void *ctx, uint64_t number);
/* Likewise; ctx is from malloc, and freed afterwards. */
void sim_at_owning(sim_world *world, uint64_t time_ms,
                   void (*act)(sim_world *world, void *ctx, uint64_t number), void *ctx, uint64_t number);
void sim_trace_bytes(sim_world *world, const void *data, size_t size);

/* --- peer.c: a node, its disk, and who speaks to it -------------------------------------------------- */
void sim_peer_start(sim_peer *peer);
void sim_peer_stop(sim_peer *peer);  /* closes it in good order */
void sim_peer_crash(sim_peer *peer); /* power loss; it comes back by itself */
/* Power is lost at the at-th call of its disk from now on. */
void sim_peer_crash_inside(sim_peer *peer, uint64_t at);
/* Gives one event to the node, now or together with others, and carries out the effects. */
void sim_peer_event(sim_peer *peer, const dx_event *event);
bool sim_peer_frozen(const sim_peer *peer);
/* Sends a command; false when the peer is off or frozen, or has too many requests open. id NULL: a new one,
 * else of a request asked before. patient: no answer is owed in time. */
bool sim_ask(sim_peer *peer, dx_bytes command, const uint8_t *id, bool patient, sim_on_answer on_answer,
             void *ctx);
/* The same from JSON text. */
bool sim_ask_json(sim_peer *peer, const char *json, const uint8_t *id, bool patient, sim_on_answer on_answer,
                  void *ctx);
/* The answer to an open request, asked patiently, is owed by then after all. */
void sim_owe(sim_peer *peer, const uint8_t *id, uint64_t due_ms);
/* Whoever waited with this ctx waits no more. */
void sim_forget_requests(sim_peer *peer, const void *ctx);
void sim_ignore_answer(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body);
/* A program leaves: its requests and subscriptions end. */
void sim_peer_port_gone(sim_peer *peer, uint64_t port);
/* Every answer that is owed has come. */
void sim_check_answers(sim_world *world);
void sim_peer_deinit(sim_peer *peer);

/* Asks, and lets the world go on until the last answer; rows are gathered as encoded items, one after
 * another. */
typedef struct sim_reply {
    bool done, lost;
    size_t row_count;
    dx_buf rows, body;
} sim_reply;
void sim_reply_init(sim_reply *reply);
void sim_reply_deinit(sim_reply *reply);
/* False, with a violation, when no answer comes. An error is an answer. */
bool sim_ask_wait(sim_peer *peer, const char *json, sim_reply *reply);
/* Text of the error in a reply, empty when there is none; false when there is none. */
bool sim_error_of(dx_bytes body, char *out, size_t size);
extern const dx_alloc sim_heap;

/* --- net.c ------------------------------------------------------------------------------------------- */
void sim_net_effect(sim_peer *peer, const dx_effect *effect); /* LINK_OPEN, LINK_SEND, LINK_CLOSE */
void sim_net_peer_gone(sim_peer *peer);
void sim_net_thaw(sim_peer *peer); /* it moves before its time: what waited for that comes now */
void sim_net_deinit(sim_world *world);
/* A peer link between two that already know its numbers; it is up. middle: its ends were told other certificates than the
 * other shows, and their nodes must see it. */
void sim_net_join(sim_peer *caller, uint64_t number, sim_peer *target, uint64_t target_number, bool middle);
/* This end of it is over, and says nothing of it to the other. */
void sim_net_down(const sim_peer *peer, uint64_t number, int reason, const char *why);
/* A link as its caller's end number sees the other: gone, with bytes or an awakening to come, or up and quiet. */
typedef enum sim_link_state { SIM_LINK_GONE, SIM_LINK_BUSY, SIM_LINK_QUIET } sim_link_state;
sim_link_state sim_net_state(const sim_peer *peer, uint64_t number);
/* A stranger without any secret dials a peer and sends bytes. */
void sim_net_stranger(sim_peer *peer);

/* --- fault.c ----------------------------------------------------------------------------------------- */
/* Which faults a seed has, and how it is made: every fault with a chance of its own. calm: none. */
void sim_plan_draw(sim_plan *plan, bool calm);
/* What may go wrong between two operations. */
void sim_misfortune(sim_world *world);
void sim_heal(sim_world *world);

/* --- setup.c ----------------------------------------------------------------------------------------- */
/* Makes identities and spaces, and joins all peers by invitations; false on a violation. */
bool sim_setup(sim_world *world);
/* The world begins from the vaults of an earlier one of the same form, instead of from nothing. */
void sim_setup_from(sim_world *world, sim_world *template);

/* --- workload.c ----------------------------------------------------------------------------------------- */
void sim_workload_init(sim_world *world);
void sim_workload_deinit(sim_world *world);
void sim_operate(sim_world *world);
/* The peer's disk became what it was at a time: what was acknowledged after it may be lost. */
void sim_workload_set_back(sim_world *world, const sim_peer *peer, uint64_t since_ms);
/* --- check_forks.c: in a world in which an honest peer's disk was set back unseen --- */
void sim_check_forks(sim_world *world, size_t space);

/* --- purges.c ---------------------------------------------------------------------------------------- */
void sim_purges_begin(sim_world *world); /* when the plan has purges: they happen from now on */
/* Whether somebody was asked to purge it: then nothing is promised about it any more. */
bool sim_is_purged(const sim_world *world, size_t space, const char *id);
/* No honest peer holds anything of what is purged. */
void sim_check_purges(sim_world *world, size_t space);

/* --- parts.c ----------------------------------------------------------------------------------------- */
void sim_parts_begin(sim_world *world); /* when the plan has parts: they are chosen from now on */
/* After healing: who keeps a part has it; then all keep all again. */
void sim_parts_end(sim_world *world);
/* --- check_parts.c: it has the blocks that every honest peer has, and asks nobody for sections any more --- */
bool sim_is_in_step(const sim_peer *peer, size_t number);

/* --- invite.c ------------------------------------------------------------------------------------------- */
/* --- names.c ----------------------------------------------------------------------------------------- */
void sim_names_begin(sim_world *world); /* when the plan has renames: they happen from now on */
void sim_check_names(sim_world *world, size_t space);

/* --- epochs.c ---------------------------------------------------------------------------------------- */
void sim_epochs_begin(sim_world *world); /* when the plan has epochs: they are made from now on */
void sim_epochs_end(sim_world *world);
void sim_epochs_deinit(sim_world *world);
/* --- check_epochs.c: what everybody made of them --- */
void sim_check_epochs(sim_world *world, size_t space);

/* --- skew.c ------------------------------------------------------------------------------------------ */
void sim_skew_begin(
    sim_world *world); /* when the plan has programs of different ages; before anything goes wrong */
/* What the peer had shown to know it may know no more. */
void sim_skew_set_back(sim_world *world, const sim_peer *peer);
void sim_skew_deinit(sim_world *world);
/* --- undo.c --- */
void sim_undo_begin(sim_world *world); /* when the plan has people who take back what they did */
void sim_undo_deinit(sim_world *world);
/* --- check_skew.c --- */
/* When all are in step: every program becomes the newer one, all is migrated, and both are judged. */
void sim_skew_end(sim_world *world);
/* Every program becomes the newer one. */
void sim_skew_renew(sim_world *world);

void sim_invite_begin(sim_world *world); /* when the plan has guests: they come soon */
/* After healing: lets all of it come to an end, and judges it. */
void sim_invite_end(sim_world *world);
void sim_invite_deinit(sim_world *world);

/* --- hostile.c, check_hostile.c: the member who lies; its number is the last ------------------------------- */
void sim_hostile_begin(sim_world *world); /* when the plan has one: it lies from now on */
bool sim_is_hostile(const sim_peer *peer);
void sim_hostile_end(sim_world *world); /* it goes for good */
void sim_hostile_deinit(sim_world *world);
/* What honest vaults made of it. */
void sim_check_hostile(sim_world *world);
/* When traced: what feeds each peer holds. */
void sim_tell_feeds(sim_world *world);

/* --- hostile_signaling.c: a signaling service, honest or not, and how peer links come about ----------------------- */
void sim_signaling_begin(sim_world *world); /* when the plan has one: all peers are told of it */
/* LINK_OPEN of its addresses and of peer links, SIGNAL_SEND, LINK_CLOSE of what is not up yet; false: not its. */
bool sim_signaling_effect(sim_peer *peer, const dx_effect *effect);
void sim_signaling_peer_gone(sim_peer *peer);
bool sim_signaling_stands(const sim_world *world); /* and its kube's STUN server */
void sim_signaling_deinit(sim_world *world);

/* --- udp.c, peer_link.c: peers' places in an internet of NATs, and the transports of their peer links --------------- */
#define SIM_STUN_IPV4 "198.51.100.1:3478"
#define SIM_STUN_IPV6 "[2001:db8::1]:3478"
void sim_udp_begin(sim_world *world);
void sim_udp_misfortune(sim_world *world);
/* Whether the two can reach each other by datagrams, both ways; true where there are none. */
bool sim_udp_permits(const sim_world *world, size_t a, size_t b);
void sim_udp_deinit(sim_world *world);
void sim_peer_link_open(sim_peer *peer, uint64_t number, bool offers);
bool sim_peer_link_signal(const sim_peer *peer, uint64_t number, dx_bytes body); /* false: not of one */
bool sim_peer_link_close(const sim_peer *peer, uint64_t number); /* false: not of one on its way up */
/* What the peer sends over the link arrives, at present. */
bool sim_peer_link_carries(const sim_peer *from, uint64_t number);
void sim_peer_link_over(const sim_peer *peer, uint64_t number); /* when there is such a one */
void sim_peer_link_peer_gone(const sim_peer *peer);             /* without a word */
void sim_peer_link_thaw(const sim_peer *peer);
void sim_peer_link_stranger(sim_world *world); /* somebody sends STUN to somebody */

/* --- check.c ----------------------------------------------------------------------------------------- */
/* After the faults end: everyone in step, equal states, nothing acknowledged missing, at rest. */
void sim_check_end(sim_world *world);
/* Waits until all members are in step; a violation when that takes too long. */
void sim_await_step(sim_world *world, size_t space);
/* The bytes hold nothing that was written in clear into a space. */
bool sim_is_sealed(dx_bytes bytes);

#endif
