/* sim/skew.h: programs of different ages that write into one space side by side.
 *
 * Layer: simulator; looks inside the core, like the checkers. One world in SKEW_RARITY (fault.c) has them. Every life of a
 * peer is an older program's or a newer one's, drawn when it starts: vaults go forth and back between the two.
 * - The newer one knows two models of its own, a merged and an ordered one, under names that the older one never heard.
 * - The newer one knows the word "maximum" of definitions; to the older one it means nothing.
 * - People make and change objects of the type "task" by the first version of its definition, by the second, and by none;
 *   the second one comes into the space meanwhile, and anybody migrates.
 *
 * What must hold: what fits the first version is always taken, what fits none that is known never, the "maximum" decides
 * where it is known alone; nothing is judged that others wrote (the reference, check_state.h, knows no definitions); what
 * an older program keeps of an unknown model is what the newer one made; a migration does to every task what its steps
 * say, once (check_skew.c). */
#ifndef DX_SIM_SKEW_H
#define DX_SIM_SKEW_H

#include <dxos/model.h>

#include "workload.h"

#define SIM_TALLY "sim/tally/1"
#define SIM_PAPER "sim/paper/1"

enum { SIM_WEIGHT_MOST = 100 }; /* what the second version allows, to those who know the word */

struct sim_skew {
    dx_model tally, paper;
    const dx_model *models[2];
    bool old[SIM_PEERS_MAX];          /* what runs there now is the older program */
    bool knows_first[SIM_PEERS_MAX];  /* it had the first version before anything went wrong */
    bool knows_second[SIM_PEERS_MAX]; /* it has shown that it holds the second one, and lost nothing since */
};

/* The models of the program that starts now; the plan may have no such programs. */
dx_model_registry sim_skew_start(sim_peer *peer);
/* Writes what to ask for into json; the op's fit is known then. */
void sim_skew_write(sim_world *world, sim_op *op, char *json, size_t size);
/* Judges the first answer to an operation. */
void sim_skew_take_done(sim_world *world, const sim_peer *peer, const sim_op *op);
/* Whether an error is what such a program answers to such a thing. */
bool sim_skew_is_usual(const sim_world *world, const sim_peer *peer, const sim_op *op, int64_t code);

#endif
