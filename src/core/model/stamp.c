/* model/stamp.c: the order of stamps.
 *
 * Layer: floor 1, model. Contract in dxos/model.h. */
#include <dxos/model.h>
#include <string.h>

int dx_stamp_compare(const dx_stamp *a, const dx_stamp *b) {
    if (a->counter != b->counter) {
        return a->counter < b->counter ? -1 : 1;
    }
#if defined(DX_PLANT) && DX_PLANT == 16
    return memcmp(b->feed, a->feed, sizeof a->feed);
#else
    return memcmp(a->feed, b->feed, sizeof a->feed);
#endif
}
