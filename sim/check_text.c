/* sim/check_text.c: texts, in the reference: all operations at once, in the order of their stamps, by a state that was never kept.
 *
 * Layer: simulator, checkers; docs/spec/text-model.md. See check_state.h. What is in question here is what vaults keep and pass on: rows
 * that are amended, checkpoints, epochs. Whether characters stand where they must is tried against Yjs elsewhere. */
#include "check_state.h"

#include <dxos/model.h>
#include <stdlib.h>
#include <string.h>

enum { MADE_SIZE_MAX = 1 << 20 };

static dx_stamp stamp_of(const check_stamp *stamp) {
    dx_stamp out = {.counter = stamp->counter};
    memcpy(out.feed, stamp->feed, sizeof out.feed);
    return out;
}

static void *create(const check_entity *entity) {
    const dx_stamp created = stamp_of(&entity->created);
    void *state = dx_text_model.create(&sim_heap, &created);
    DX_ASSERT(state != NULL);
    return state;
}

bool check_text_takes(const check_entity *entity, dx_bytes operation, const check_stamp *stamp) {
    void *state = create(entity);
    const dx_stamp at = stamp_of(stamp);
    int error = dx_text_model.apply(state, operation, &at);
    dx_text_model.destroy(&sim_heap, state);
    return error == DX_OK;
}

static int by_stamp(const void *a, const void *b) {
    return check_stamp_order(&((const check_step *)a)->stamp, &((const check_step *)b)->stamp);
}

/* What has no effect holds its places: once all that has is there. */
static void *hide(const check_entity *entity, void *state) {
    dx_buf saved, next;
    dx_buf_init(&saved, &sim_heap, MADE_SIZE_MAX);
    dx_buf_init(&next, &sim_heap, MADE_SIZE_MAX);
    const dx_stamp created = stamp_of(&entity->created);
    int error = dx_text_model.save(state, &saved);
    for (size_t i = 0; i < entity->hidden_count; i++) {
        const dx_stamp at = stamp_of(&entity->hidden[i].stamp);
        dx_buf_clear(&next);
        if (dx_text_model.hide(&sim_heap, &created, dx_buf_view(&saved), entity->hidden[i].operation, &at,
                               &next) == DX_OK) {
            dx_buf before = saved;
            saved = next;
            next = before;
        }
    }
    dx_text_model.destroy(&sim_heap, state);
    state = create(entity);
    error = error == DX_OK ? dx_text_model.restore(state, dx_buf_view(&saved)) : error;
    DX_ASSERT(error == DX_OK);
    dx_buf_deinit(&saved);
    dx_buf_deinit(&next);
    return state;
}

dx_bytes check_text_make(check_space *space, const check_entity *entity, bool saved) {
    dx_buf buf;
    dx_writer writer;
    void *state = create(entity);
    int error = DX_OK;
    dx_buf_init(&buf, &sim_heap, MADE_SIZE_MAX);
    dx_writer_init(&writer, &buf);
    qsort(entity->steps, entity->step_count, sizeof *entity->steps, by_stamp);
    for (size_t i = 0; i < entity->step_count && error == DX_OK; i++) {
        const dx_stamp at = stamp_of(&entity->steps[i].stamp);
        error = dx_text_model.apply(state, entity->steps[i].operation, &at);
    }
    DX_ASSERT(error == DX_OK);
    state = entity->hidden_count == 0 ? state : hide(entity, state);
    error = saved ? dx_text_model.save(state, &buf) : dx_text_model.view(state, &writer);
    DX_ASSERT(error == DX_OK && dx_buf_error(&buf) == DX_OK);
    dx_text_model.destroy(&sim_heap, state);
    dx_bytes made = check_copy(space, dx_buf_view(&buf));
    dx_buf_deinit(&buf);
    return made;
}
