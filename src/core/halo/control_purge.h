/* halo/control_purge.h: the purges of a space: which entities PURGE credentials in effect say are to go for good.
 *
 * Layer: floor 1, halo. docs/spec/purge.md. A PURGE names an entity and, as far as its issuer knew them, places of sections
 * about it. That an entity is purged follows from the control state alone. Places decide nothing: what stands there
 * is looked at wherever it is; they say of a section that is not here that nobody has to look for it. */
#ifndef DX_HALO_CONTROL_PURGE_H
#define DX_HALO_CONTROL_PURGE_H

#include "halo/control.h"
#include "halo/control_epoch.h"

enum {
    /* What a PURGE names: an entity's id (echo/space.h, DX_ID_SIZE). */
    DX_PURGED_ID_SIZE = DX_PREFIX_SIZE + 6,
    /* Places in one PURGE: with it a credential has its usual size. More are said by more of them. */
    DX_PURGE_PLACES_MAX = 128
};

/* A section at its place. */
typedef struct dx_purge_place {
    uint8_t feed[DX_PREFIX_SIZE];
    uint64_t seq, index;
} dx_purge_place;

/* Whether a PURGE of the entity is in effect; and all that are, ascending, each once. */
bool dx_control_is_purged(const dx_control *control, const uint8_t id[static DX_PURGED_ID_SIZE]);
size_t dx_control_purge_count(const dx_control *control);
const uint8_t *dx_control_purge(const dx_control *control, size_t index);
/* Another number whenever other PURGEs are in effect; 0: none. */
uint64_t dx_control_purge_version(const dx_control *control);
/* Goes over the places that count: those an admin names, and of others those in feeds of the issuer's own. The
 * callback's error ends the walk and is returned. */
DX_MUST_USE int dx_control_purge_places(const dx_control *control,
                                        int (*on_place)(void *ctx, const uint8_t *id,
                                                        const dx_purge_place *place),
                                        void *ctx);

/* What is purged of the entities made below a cut (its entries, ascending), as an EPOCH says it: a hash over their ids;
 * zeros: none. */
void dx_control_purged_below(const dx_control *control, dx_bytes cut, size_t cut_count,
                             uint8_t out[static DX_HASH_SIZE]);
/* Whether other entities below its cut are purged here than its maker knew of: then its snapshot is one that nobody who
 * knows them can make, or check. */
bool dx_control_epoch_is_stale(const dx_control *control, const dx_epoch *epoch);

/* Appends a PURGE of the entity with the first of these places (ascending by feed, seq, index), *taken of them.
 * DX_E_DENIED: neither the right nor the maker. */
DX_MUST_USE int dx_control_issue_purge(const dx_control *control, const dx_identity *by,
                                       const uint8_t id[static DX_PURGED_ID_SIZE],
                                       const dx_purge_place *places, size_t count, size_t *taken,
                                       dx_buf *out);

#endif
