/* echo/admission.c: who joins a space: the guest's side and the host's.
 *
 * Layer: floor 1, echo. Contract in space.h, docs/spec/space.md; the bundle that passes between them is
 * halo/welcome.h's. */
#include "echo/space.h"

#include "echo/name.h"
#include "echo/own_feed.h"
#include "echo/space_state.h"
#include "halo/welcome.h"

/* --- Joining --------------------------------------------------------------------------------- */

static int store_credentials(dx_context *context, const dx_space *space, const dx_welcome *welcome) {
    dx_reader cursor;
    int error = DX_OK;
    dx_reader_init(&cursor, welcome->credentials);
    for (size_t i = 0; i < welcome->credential_count && error == DX_OK; i++) {
        dx_credential_place place = {.space = space->local, .position = (int64_t)i};
        error = dx_control_store(context->store, &place, dx_welcome_credential(&cursor));
    }
    return error;
}

/* A space that is being forgotten is forgotten to the end before it is joined anew. */
static int sweep_all(dx_context *context) {
    int error = DX_OK;
    for (bool more = true; more && error == DX_OK;) {
        error = dx_space_sweep(context, SIZE_MAX, &more);
    }
    return error;
}

/* The rows of the new space: what the welcome brought, and what this device adds to it. */
static int settle_in(dx_context *context, dx_space *space, const dx_welcome *welcome) {
    dx_credential_list list;
    dx_list_begin(context, &list);
    int error = dx_control_discovery(space->control, space->discovery) ? DX_OK : DX_E_VERIFY;
    if (error == DX_OK) {
        error = store_credentials(context, space, welcome);
    }
    if (error == DX_OK) {
        error = dx_space_take_keys(context, space);
    }
    if (error == DX_OK) {
        error = dx_space_make_own_feeds(context, space, &list);
    }
    if (error == DX_OK) {
        error = dx_list_write(context, space, &list);
    }
    if (error == DX_OK) {
        error = dx_space_write_system_objects(context, space, false, (dx_bytes){NULL, 0});
    }
    dx_list_end(&list);
    return error;
}

/* A welcome that verifies may still be of no use (it has no key, or fills what this device would have to add
 * to): then the space is forgotten in the transaction that began it, or the vault would hold half of one. */
static int give_up(dx_context *context, const dx_space *space, int error) {
    if (dx_error_class_of(error) == DX_CLASS_HOST) {
        return error; /* the transaction is undone */
    }
    int failed = dx_space_forget(context, space->local);
    return failed != DX_OK ? failed : dx_error_class_of(error) == DX_CLASS_CALLER ? DX_E_VERIFY : error;
}

int dx_space_join(dx_context *context, dx_bytes bytes, dx_space **out) {
    dx_welcome welcome;
    dx_control *control = NULL;
    dx_space *space = NULL;
    int64_t local;
    *out = NULL;
    if (!context->identity->present) {
        return DX_E_NO_IDENTITY;
    }
    int error = dx_welcome_decode(bytes, &welcome);
    if (error == DX_OK) {
        error = dx_space_find(context, welcome.space_id, &local);
        if (error != DX_E_NOT_FOUND) {
            return error == DX_OK ? DX_E_EXISTS : error;
        }
        error = dx_welcome_verify(&welcome, context->alloc, context->identity, &control);
    }
    if (error == DX_OK) {
        error = sweep_all(context);
    }
    if (error == DX_OK) {
        error = dx_space_insert(context, welcome.space_id, &space);
    }
    if (error != DX_OK) {
        dx_control_destroy(control);
        return error;
    }
    space->control = control;
    error = settle_in(context, space, &welcome);
    if (error != DX_OK) {
        error = give_up(context, space, error);
        dx_space_destroy(context, space);
        return error;
    }
    *out = space;
    return DX_OK;
}

/* --- Admitting ------------------------------------------------------------------------------- */

/* Grants every key this device holds and has not granted yet: what others granted may not open. */
static int grant_keys(dx_context *context, dx_space *space, const dx_credential *device,
                      const uint8_t noise[static DX_KEY_SIZE], dx_credential_list *list, dx_buf *credential) {
    int error = DX_OK;
    for (uint64_t epoch = 0; epoch <= space->key_epoch && error == DX_OK; epoch++) {
        uint8_t key[DX_KEY_SIZE];
        if (dx_control_granted_by(space->control, epoch, device->subject, context->identity->device)) {
            continue;
        }
        error = dx_space_key(context, space, epoch, key);
        if (error == DX_OK) {
            error = dx_control_issue_key_grant(space->control, context->identity, context->random, epoch, key,
                                               device->subject, noise, credential);
        }
        if (error == DX_OK) {
            error = dx_list_issue(space, list, credential);
        }
        dx_wipe(key, sizeof key);
        if (error == DX_OK && list->items.size > DX_LIST_SIZE_MAX - 2 * DX_CREDENTIAL_SIZE_MAX) {
            error = dx_list_write(context, space, list);
        }
        error = error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return error;
}

static int issue_admission(dx_context *context, dx_space *space, const dx_credential *device, dx_role role,
                           dx_bytes invitation_id, dx_credential_list *list, dx_buf *credential) {
    uint8_t admission[DX_HASH_SIZE];
    int error = DX_OK;
    if (!dx_control_find_admission(space->control, device->issuer, invitation_id, admission)) {
        error = dx_control_may_admit(space->control, context->identity->identity, role);
        if (error == DX_OK) {
            error = dx_control_issue_member(space->control, context->identity, device->issuer, role,
                                            invitation_id, credential);
        }
        if (error == DX_OK) {
            error = dx_list_issue(space, list, credential);
        }
    }
    uint8_t identity[DX_KEY_SIZE];
    if (error == DX_OK && !dx_control_device(space->control, device->subject, identity, NULL)) {
        dx_buf_append(credential, device->bytes.data, device->bytes.size);
        error = dx_buf_error(credential);
        if (error == DX_OK) {
            error = dx_list_issue(space, list, credential);
        }
    }
    return error;
}

int dx_space_admit(dx_context *context, dx_space *space, dx_bytes device_credential, dx_role role,
                   const uint8_t invitation_id[static 16], dx_buf *welcome) {
    dx_credential device;
    const uint8_t *noise = NULL;
    int error = dx_credential_decode(device_credential, &device);
    if (error == DX_OK) {
        error = dx_device_credential_check(&device, &noise);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_credential_list list;
    dx_buf credential;
    dx_list_begin(context, &list);
    dx_buf_init(&credential, context->alloc, DX_CREDENTIAL_SIZE_MAX);
    error =
        issue_admission(context, space, &device, role, dx_bytes_of(invitation_id, 16), &list, &credential);
    if (error == DX_OK) {
        error = grant_keys(context, space, &device, noise, &list, &credential);
    }
    if (error == DX_OK) {
        error = dx_list_write(context, space, &list);
    }
    if (error == DX_OK) {
        error = dx_welcome_encode(space->control, device.subject, NULL, 0, welcome);
    }
    dx_buf_deinit(&credential);
    dx_list_end(&list);
    return error;
}
