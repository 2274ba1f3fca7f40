/* echo/reduce.h: one opened section becomes rows.
 *
 * Layer: floor 1, echo, private to this room. What a section may touch is decided by what its block declared
 * to have seen and by nothing that happens to be here, so every replica decides alike
 * (docs/spec/entities.md). A section that breaks the rules changes nothing; one whose operation its model
 * refuses still creates, deletes and restores.
 *
 * Ownership: a dx_reduction lives on the stack for one block; scratch memory is the space's. */
#ifndef DX_ECHO_REDUCE_H
#define DX_ECHO_REDUCE_H

#include "echo/entity_row.h"
#include "echo/pipeline.h"
#include "echo/provenance.h"
#include "echo/section.h"

/* One entity made beside the table: what sections about it would write comes here, and nothing else of the vault
 * changes. Begins empty, with the caller's buffer. */
typedef struct dx_aside {
    dx_entity_row row; /* once `there`; its state is in the buffer */
    bool there;
    bool lists; /* of a model whose state is no part of a snapshot: its operations, known or not */
    dx_buf *state;
} dx_aside;

typedef struct dx_reduction {
    dx_context *context;
    dx_space *space;
    dx_feed *feed;
    const dx_timeframe *timeframe; /* the block's, itself included; NULL: the section was taken before and its
                                      entity is being made again (withdraw.h) */
    uint64_t seq;
    dx_stamp stamp;
    bool has_subject;
    dx_aside *aside;  /* NULL: the entity is the table's */
    dx_place subject; /* the last one that was not created here: they ascend */
} dx_reduction;

/* Applies the section with this index. *refusal tells why not, DX_OK when it was. The result is an error of
 * the host only. */
DX_MUST_USE int dx_reduce_section(dx_reduction *reduction, uint64_t index, dx_bytes plaintext, int *refusal);

/* The first half of it: whether the block may say this, whatever is here, and the entity it is about. Called for each of
 * a block's sections in order. DX_OK or DX_E_INVALID. */
DX_MUST_USE int dx_reduce_resolve(dx_reduction *reduction, uint64_t index, const dx_section *section,
                                  int64_t *key);

/* The saved state made of the listed operations of a model that was not known when they came; appended to
 * out, nothing when none of them counts. */
DX_MUST_USE int dx_reduce_listed(dx_context *context, dx_space *space, const dx_model *model,
                                 const dx_provenance *provenance, dx_bytes listed, dx_buf *out);
/* Puts a row in its place that was made elsewhere, of an entity that is not here: where its state is the list of its
 * operations and the model is known, the state (and the steps) that follow from it. */
DX_MUST_USE int dx_reduce_place(dx_context *context, dx_space *space, const dx_entity_row *row);
/* An allocator over the space's arena: nothing is freed before the arena is reset. */
dx_alloc dx_space_scratch(dx_space *space);

#endif
