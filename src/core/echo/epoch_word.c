/* echo/epoch_word.c: EPOCH and EPOCH_ACK, issued and written. Contract in epoch_word.h.
 *
 * Layer: floor 1, echo. */
#include "echo/epoch_word.h"

#include <string.h>

#include "echo/own_feed.h"

/* What was issued, into the own control feed. */
static int write_down(dx_context *context, dx_space *space, dx_buf *credential) {
    dx_credential_list list;
    dx_list_begin(context, &list);
    int error = dx_list_issue(space, &list, credential);
    error = error != DX_OK ? error : dx_list_write(context, space, &list);
    dx_list_end(&list);
    return error;
}

static bool can_write(const dx_context *context, dx_space *space) {
    const dx_feed *feed = space->own_control == 0 ? NULL : dx_space_feed(space, space->own_control);
    return context->identity->present && feed != NULL && feed->own && !feed->frozen;
}

int dx_epoch_say(dx_context *context, dx_space *space, const dx_epoch_draft *draft,
                 uint8_t id[static DX_HASH_SIZE]) {
    dx_credential credential;
    dx_buf bytes;
    if (!can_write(context, space)) {
        return DX_E_STATE;
    }
    dx_buf_init(&bytes, context->alloc, DX_EPOCH_SIZE_MAX);
    int error = dx_control_issue_epoch(space->control, context->identity, draft, &bytes);
    if (error == DX_OK) {
        error = dx_credential_decode(dx_buf_view(&bytes), &credential);
        DX_ASSERT(error == DX_OK);
        memcpy(id, credential.id, DX_HASH_SIZE);
        error = write_down(context, space, &bytes);
    }
    dx_buf_deinit(&bytes);
    return error;
}

int dx_epoch_say_right(dx_context *context, dx_space *space, const uint8_t id[static DX_HASH_SIZE]) {
    dx_buf bytes;
    if (!can_write(context, space)) {
        return DX_E_STATE;
    }
    if (dx_control_acked(space->control, id, context->identity->device)) {
        return DX_E_EXISTS;
    }
    dx_buf_init(&bytes, context->alloc, DX_CREDENTIAL_SIZE_MAX);
    int error = dx_control_issue_epoch_ack(space->control, context->identity, id, &bytes);
    error = error != DX_OK ? error : write_down(context, space, &bytes);
    dx_buf_deinit(&bytes);
    return error;
}
