/* sim/hostile.h: a member who lies: what its files share.
 *
 * Layer: simulator; looks inside the core, like the checkers. The liar is a peer like any other, admitted by
 * a real invitation, with a real node that goes on doing what honest nodes do. Between that node and its own
 * sealed channel stands this code: the linker puts it in the place of three functions of the core
 * (hostile.c), so that whatever the liar's node says can be changed, held back or added to, with the node's
 * own keys in reach. Honest nodes pass through untouched. A lie is drawn at a time of its own and told in the
 * liar's next step, inside its transaction. Lies that a receiver can recognise by themselves must end the
 * link; blocks that are lies are written down here, and the checkers look for them in every honest vault. */
#ifndef DX_SIM_HOSTILE_H
#define DX_SIM_HOSTILE_H

#include "sync/session.h"
#include "world.h"

enum {
    SIM_LIES_DUE_MAX = 32, /* drawn and not yet told */
    SIM_OVERHEARD = 12,    /* own messages kept for saying them again */
    SIM_FALSE_BLOCKS_MAX = 512,
    SIM_GAPS_MAX = 256, /* links on which a run was held back; on others none is, once so many have one */
    SIM_MESSAGE_MAX = 2 << 20
};

/* What every honest vault that holds a false block must have made of it. */
typedef enum sim_judgement {
    SIM_JUDGED_REFUSED, /* passed over, and listed as refused */
    SIM_JUDGED_WAITING  /* never applied */
} sim_judgement;

typedef struct sim_false_block {
    sim_count lie;
    sim_judgement judgement;
    uint64_t seq;
    uint8_t feed[DX_HASH_SIZE], leaf[DX_HASH_SIZE];
} sim_false_block;

/* A link on which a run of blocks never came. Until its feed is asked for anew, the other end does not look at
 * the runs after it, so what is false in them need not be noticed. */
typedef struct sim_gap {
    uint64_t link, life;
} sim_gap;

struct sim_hostile {
    sim_peer *peer;
    bool reader; /* it may read and not write */
    bool over;
    unsigned habits; /* which lies this seed has: bit lie - SIM_LIE_FIRST */
    sim_count due[SIM_LIES_DUE_MAX];
    size_t due_count;
    unsigned armed;  /* lies that wait for a message they can change */
    size_t withhold; /* so many messages are not sent */
    sim_gap gaps[SIM_GAPS_MAX];
    size_t gap_count;
    dx_buf overheard[SIM_OVERHEARD];
    size_t overheard_count;
    sim_false_block blocks[SIM_FALSE_BLOCKS_MAX];
    size_t block_count;
    uint8_t identity[DX_KEY_SIZE], device[DX_KEY_SIZE];
    sim_disk *image; /* what the disk is set back to */
    uint8_t token[DX_VAULT_TOKEN_SIZE];
};

/* --- hostile.c: the seam ---------------------------------------------------------------------------- */
/* Sends bytes as one message of this session, as they are. */
int sim_hostile_say(dx_session *session, dx_bytes message);
/* The lie was told on this link: whoever heard it must end the link. */
void sim_hostile_watch(sim_hostile *hostile, const dx_session *session, sim_count lie);
/* Whether a run was held back on this link before. */
bool sim_hostile_has_gap(const sim_hostile *hostile, const dx_session *session);
uint64_t sim_hostile_below(sim_hostile *hostile, uint64_t bound);
void sim_hostile_fill(sim_hostile *hostile, uint8_t *out, size_t size);
void sim_hostile_told(sim_hostile *hostile, sim_count lie);

/* --- hostile_message.c: lies that are messages ------------------------------------------------------ */
/* Tells one to a peer, when there is occasion for it. */
int sim_hostile_tell(sim_hostile *hostile, dx_session *session, sim_count lie);

/* --- hostile_run.c: blocks of others and own ones, falsified on their way out ----------------------- */
/* Changes the DATA that is about to be sent, when a lie waits for it. */
int sim_hostile_falsify(sim_hostile *hostile, dx_session *session, dx_buf *message);

/* --- hostile_block.c: own blocks that no honest node writes ----------------------------------------- */
int sim_hostile_write(sim_hostile *hostile, dx_replica *replica, sim_count lie);
/* The encoded sections of a data block whose one object shows this key. Empties items first. */
int sim_hostile_object(dx_replica *replica, const dx_feed *feed, uint64_t seq, const char *key,
                       uint64_t value, dx_buf *items);
/* The section of a control block that admits somebody nobody knows, said in the name of this vault. */
int sim_hostile_admission(sim_hostile *hostile, dx_replica *replica, dx_buf *items);
/* A block of these sections, without dependencies. */
int sim_hostile_block(dx_replica *replica, const dx_feed *feed, uint64_t flags, uint64_t key_epoch,
                      const dx_dependency *named, dx_bytes items, dx_buf *block);

/* --- hostile_epoch.c: false epochs, and false pieces of right ones ----------------------------------- */
int sim_hostile_epoch(sim_hostile *hostile, dx_replica *replica);
/* Changes the PIECE that is about to be sent. */
int sim_hostile_piece(sim_hostile *hostile, dx_buf *message);
/* Says of some feed that it begins late. */
int sim_hostile_gone(sim_hostile *hostile, dx_session *session);

#endif
