/* echo/saved_state.c: see saved_state.h.
 *
 * Layer: floor 1, echo. */
#include "echo/saved_state.h"

int dx_saved_state_canonical(const dx_context *context, const dx_model *model, dx_bytes saved, dx_buf *room,
                             dx_bytes *out) {
    *out = saved;
#if defined(DX_PLANT) && DX_PLANT == 83
    return DX_OK;
#endif
    if (model == NULL || model->canonical == NULL || saved.size == 0) {
        return DX_OK;
    }
    dx_buf_clear(room);
    int error = model->canonical(context->alloc, saved, room);
    error = error == DX_OK ? dx_buf_error(room) : error;
    *out = dx_buf_view(room);
    return error;
}
