/* dxos/model_laws.h: does a model keep the laws that replication rests on?
 *
 * Layer: public, test support (library dxos-laws, not part of the core). For authors of models: give the
 * vtable and a maker of operations, and the suite tries the laws of dxos/model.h on seeded, repeatable
 * rounds:
 *   order       every order of the same operations saves the same bytes (all orders of few, random orders of many);
 *               of the ordered kind: the same operations in their order save the same bytes each time
 *   idempotent  an operation applied again changes nothing (not of the ordered kind: its are handed over once)
 *   restore     restore(save) is the identity, at any point between two operations
 *   canonical   restore refuses bytes that save would not produce, and then changes nothing; of a model with
 *               `canonical` it is that which judges. What amend makes of them becomes what apply and save make
 *   refusal     an operation that is refused changes nothing; damaged operations never break another law
 *   view        is one canonical item, and the same for equal states
 *   memory      whichever allocation fails, nothing changes, nothing leaks, and trying again succeeds
 *
 * Operations of one author on one object in one block share a stamp; the suite makes such stamps too, but for the
 * ordered kind, whose stamps ascend from one operation to the next. Pure: no clock,
 * no output, no memory but the allocator given. */
#ifndef DXOS_MODEL_LAWS_H
#define DXOS_MODEL_LAWS_H

#include <dxos/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes operations. write appends one that the model accepts (the suite damages some itself), chosen by
 * random alone, and returns DX_OK or an error that ends the run. Operations that meet (few keys, few places)
 * try a model hardest. */
typedef struct dx_model_generator {
    void *ctx;
    int (*write)(void *ctx, const dx_random *random, dx_buf *out);
    /* May be NULL. Instead of write, for models whose operations say who wrote them: the operation number `index` (from 0, a
     * new round) that the author with this stamp makes of an object created with that one. Stamps of a round ascend. */
    int (*write_as)(void *ctx, const dx_random *random, size_t index, const dx_stamp *created,
                    const dx_stamp *stamp, dx_buf *out);
} dx_model_generator;

typedef struct dx_model_report {
    const char *law;  /* the broken one, NULL when none is; static storage */
    const char *what; /* one sentence about it; static storage */
    uint64_t seed;    /* of the round that broke it: the same seed with one round repeats it */
    uint64_t applied; /* operations applied in all */
    uint64_t refused; /* of these, damaged ones that were refused */
    uint64_t digest;  /* of all that was saved, the same wherever the same rounds run */
} dx_model_report;

/* Runs rounds with seeds seed, seed + 1, …. DX_OK: no law was seen broken; DX_E_CONFLICT: see the report; an
 * error of the generator; DX_E_NO_MEMORY when alloc itself fails. */
DX_API DX_MUST_USE int dx_model_laws_run(const dx_model *model, const dx_model_generator *generator,
                                         const dx_alloc *alloc, uint64_t seed, size_t rounds,
                                         dx_model_report *report);

#ifdef __cplusplus
}
#endif
#endif
