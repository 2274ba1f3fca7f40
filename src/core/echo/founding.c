/* echo/founding.c: how a space begins: genesis, own feeds, the first key, a name.
 *
 * Layer: floor 1, echo. Contract in space.h, docs/spec/space.md. */
#include "echo/space.h"

#include <string.h>

#include "echo/name.h"
#include "echo/own_feed.h"
#include "echo/space_state.h"

/* Key epoch 0: made, committed to, granted to this device. */
static int make_first_key(dx_context *context, dx_space *space, dx_credential_list *list) {
    const dx_identity *identity = context->identity;
    uint8_t key[DX_KEY_SIZE];
    dx_buf credential;
    dx_buf_init(&credential, context->alloc, DX_CREDENTIAL_SIZE_MAX);
    context->random->fill(context->random->ctx, key, sizeof key);
    int error = dx_control_issue_key_epoch(space->control, identity, 0, key, &credential);
    if (error == DX_OK) {
        error = dx_list_issue(space, list, &credential);
    }
    if (error == DX_OK) {
        error = dx_control_issue_key_grant(space->control, identity, context->random, 0, key,
                                           identity->device, identity->noise, &credential);
    }
    if (error == DX_OK) {
        error = dx_list_issue(space, list, &credential);
    }
    dx_wipe(key, sizeof key);
    dx_buf_deinit(&credential);
    return error;
}

/* The genesis, made and in effect in a new space. */
static int make_genesis(dx_context *context, dx_space **out) {
    uint8_t nonce[DX_KEY_SIZE], id[DX_HASH_SIZE];
    dx_buf credential;
    dx_buf_init(&credential, context->alloc, DX_CREDENTIAL_SIZE_MAX);
    context->random->fill(context->random->ctx, nonce, sizeof nonce);
    int error = dx_space_credential_issue(&context->identity->identity_key, nonce, &credential, id);
    if (error == DX_OK) {
        error = dx_space_insert(context, id, out);
    }
    if (error == DX_OK) {
        error = dx_control_create(context->alloc, id, &(*out)->control);
    }
    if (error == DX_OK) {
        error = dx_list_take(*out, &credential);
    }
    if (error == DX_OK) {
        error = dx_list_take(*out, &context->identity->device_credential);
    }
    if (error == DX_OK && !dx_control_discovery((*out)->control, (*out)->discovery)) {
        error = DX_E_STATE;
    }
    dx_wipe(nonce, sizeof nonce);
    dx_buf_deinit(&credential);
    return error;
}

int dx_space_create(dx_context *context, dx_bytes name, dx_space **out) {
    dx_credential_list list;
    dx_space *space = NULL;
    *out = NULL;
    if (!context->identity->present) {
        return DX_E_NO_IDENTITY;
    }
    if (name.size > DX_SPACE_NAME_SIZE_MAX) {
        return DX_E_INVALID;
    }
    dx_list_begin(context, &list);
    int error = make_genesis(context, &space);
    if (error == DX_OK) {
        error = dx_space_make_own_feeds(context, space, &list);
    }
    if (error == DX_OK) {
        error = make_first_key(context, space, &list);
    }
    if (error == DX_OK) {
        error = dx_list_write(context, space, &list);
    }
    if (error == DX_OK) {
        error = dx_space_write_system_objects(context, space, true, name);
    }
    dx_list_end(&list);
    if (error != DX_OK) {
        dx_space_destroy(context, space);
        return error;
    }
    *out = space;
    return DX_OK;
}
