/* echo/admission.c: how a space begins, who joins it, and the feeds each device writes there.
 *
 * Layer: floor 1, echo. Contract in space.h, docs/spec/space.md. A control feed's block 0 carries everything
 * its own admission rests on, from the genesis on, so it is admitted wherever it arrives first. */
#include "echo/space.h"

#include <string.h>

#include "echo/mutation.h"
#include "echo/pipeline.h"
#include "echo/space_state.h"
#include "halo/welcome.h"

/* --- Credentials on their way into a control block ------------------------------------------- */

enum {
    /* What one admission rests on: a chain of DX_CONTROL_CHAIN_MAX members with a device each, the genesis,
       and what is issued with it. */
    GATHERED_MAX = 64,
    /* Credentials in one control block: below half of it, so that the header always fits. */
    LIST_SIZE_MAX = DX_BLOCK_SIZE_MAX / 2
};

typedef struct credential_list {
    dx_buf items; /* encoded byte strings: the sections of a block to be */
    size_t count;
    uint8_t ids[GATHERED_MAX][DX_HASH_SIZE]; /* of the first of them */
} credential_list;

static void begin_list(dx_context *context, credential_list *list) {
    list->count = 0;
    dx_buf_init(&list->items, context->alloc, LIST_SIZE_MAX);
}

static bool is_listed(const credential_list *list, const uint8_t id[static DX_HASH_SIZE]) {
    for (size_t i = 0; i < list->count && i < GATHERED_MAX; i++) {
        if (memcmp(list->ids[i], id, DX_HASH_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static int list_credential(credential_list *list, dx_bytes bytes) {
    dx_credential credential;
    int error = dx_credential_decode(bytes, &credential);
    if (error != DX_OK || is_listed(list, credential.id)) {
        return error;
    }
    dx_writer writer;
    dx_writer_init(&writer, &list->items);
    dx_write_bytes(&writer, bytes);
    if (list->count < GATHERED_MAX) {
        memcpy(list->ids[list->count], credential.id, DX_HASH_SIZE);
    }
    list->count++;
    return dx_writer_finish(&writer);
}

/* Lists the credential after everything it rests on, as far as the list has room: what is left out comes with
 * the feeds that brought it. */
static int list_with_premises(const dx_space *space, credential_list *list, dx_bytes bytes) {
    dx_credential credential;
    int error = dx_credential_decode(bytes, &credential);
    for (size_t i = 0; i < credential.parent_count && error == DX_OK; i++) {
        dx_bytes parent = dx_control_credential(space->control, credential.parents[i]);
        if (parent.size != 0 && !is_listed(list, credential.parents[i]) && list->count < GATHERED_MAX - 1) {
            error = list_with_premises(space, list, parent);
        }
    }
    return error != DX_OK ? error : list_credential(list, bytes);
}

/* Takes what this vault says itself, or has verified, into the control state. */
static int take(dx_space *space, const dx_buf *credential) {
    int verdict = dx_control_take(space->control, dx_buf_view(credential), 0);
    return verdict == DX_E_EXISTS ? DX_OK : verdict;
}

static int write_list(dx_context *context, dx_space *space, credential_list *list) {
    if (list->count == 0) {
        return DX_OK;
    }
    int error = dx_pipeline_append(context, space, space->own_control, 0, dx_buf_view(&list->items),
                                   list->count, true);
    list->count = 0;
    dx_buf_clear(&list->items);
    return error != DX_OK ? error : dx_pipeline_settle(context, space, space->own_control);
}

/* --- Rows ------------------------------------------------------------------------------------ */

static int insert_space(dx_context *context, const uint8_t id[static DX_HASH_SIZE], dx_space **out) {
    sqlite3_stmt *insert = dx_store_query(
        context->store,
        "INSERT INTO space(space_id, own_control, own_data, refused) VALUES(?1, 0, 0, 0) RETURNING id");
    dx_bind_bytes(insert, 1, dx_bytes_of(id, DX_HASH_SIZE));
    int64_t local = dx_step(context->store, insert) ? dx_column_int(insert, 0) : 0;
    dx_step_reset(insert);
    int error = dx_store_error(context->store);
    return error != DX_OK ? error : dx_space_allocate(context, local, id, out);
}

static int save_own_feeds(dx_context *context, const dx_space *space) {
    sqlite3_stmt *update =
        dx_store_query(context->store, "UPDATE space SET own_control = ?2, own_data = ?3 WHERE id = ?1");
    dx_bind_int(update, 1, space->local);
    dx_bind_int(update, 2, space->own_control);
    dx_bind_int(update, 3, space->own_data);
    return dx_step_done(context->store, update);
}

/* --- Own feeds ------------------------------------------------------------------------------- */

/* A new feed of this device, its admission issued, in effect and listed. */
static int make_own_feed(dx_context *context, dx_space *space, dx_feed_class feed_class,
                         credential_list *list, int64_t *local) {
    dx_feed_identity identity = {.feed_class = feed_class};
    dx_sign_key key;
    dx_feed *feed;
    dx_buf credential;
    dx_buf_init(&credential, context->alloc, DX_CREDENTIAL_SIZE_MAX);
    int error = dx_keyring_create(context->store, context->random, "feed", &key);
    if (error == DX_OK) {
        memcpy(identity.space_id, space->id, sizeof identity.space_id);
        memcpy(identity.device, context->identity->device, sizeof identity.device);
        memcpy(identity.key, key.public_key, sizeof identity.key);
        error = dx_space_make_feed(context, space, &identity, true, &feed);
    }
    if (error == DX_OK) {
        *local = feed->local;
        error =
            dx_control_issue_feed(space->control, context->identity, feed_class, key.public_key, &credential);
    }
    if (error == DX_OK) {
        error = take(space, &credential);
    }
    if (error == DX_OK) {
        error = list_with_premises(space, list, dx_buf_view(&credential));
    }
    dx_wipe(&key, sizeof key);
    dx_buf_deinit(&credential);
    return error;
}

/* The feeds this device may write, with the beginning of the first block of the control feed listed. */
static int make_own_feeds(dx_context *context, dx_space *space, credential_list *list) {
    bool writes = dx_control_role(space->control, context->identity->identity) >= DX_ROLE_EDITOR;
    space->own_data = 0;
    space->sign_keys_loaded = false;
    int error = make_own_feed(context, space, DX_FEED_CONTROL, list, &space->own_control);
    if (error == DX_OK && writes) {
        error = make_own_feed(context, space, DX_FEED_DATA, list, &space->own_data);
    }
    return error != DX_OK ? error : save_own_feeds(context, space);
}

/* --- System objects -------------------------------------------------------------------------- */

static int add_properties(dx_context *context, dx_transaction *transaction, dx_bytes name) {
    dx_buf data;
    dx_writer writer;
    int64_t key;
    dx_buf_init(&data, context->alloc, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &data);
    dx_write_map(&writer, name.size == 0 ? 0 : 1);
    if (name.size != 0) {
        dx_write_text(&writer, "name");
        dx_write_text_bytes(&writer, name);
    }
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        error =
            dx_transaction_add_object(transaction, dx_bytes_text("dx.space"), 0, dx_buf_view(&data), &key);
    }
    dx_buf_deinit(&data);
    return error;
}

static int add_profile(dx_context *context, dx_transaction *transaction) {
    const dx_identity *identity = context->identity;
    dx_buf data;
    dx_writer writer;
    int64_t key;
    dx_buf_init(&data, context->alloc, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &data);
    dx_write_map(&writer, 3);
    dx_write_text(&writer, "name");
    dx_write_text(&writer, identity->name);
    dx_write_text(&writer, "device");
    dx_write_bytes(&writer, dx_bytes_of(identity->device, sizeof identity->device));
    dx_write_text(&writer, "identity");
    dx_write_bytes(&writer, dx_bytes_of(identity->identity, sizeof identity->identity));
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        error =
            dx_transaction_add_object(transaction, dx_bytes_text("dx.member"), 0, dx_buf_view(&data), &key);
    }
    dx_buf_deinit(&data);
    return error;
}

/* The first data block: who writes here and, by the founder, what the space is called. */
static int write_system_objects(dx_context *context, dx_space *space, bool founds, dx_bytes name) {
    dx_transaction *transaction;
    if (space->own_data == 0) {
        return DX_OK;
    }
    int error = dx_transaction_begin(context, space, &transaction);
    if (error != DX_OK) {
        return error;
    }
    if (founds) {
        error = add_properties(context, transaction, name);
    }
    if (error == DX_OK) {
        error = add_profile(context, transaction);
    }
    if (error == DX_OK) {
        return dx_transaction_commit(transaction);
    }
    dx_transaction_abort(transaction);
    return error;
}

/* --- Founding -------------------------------------------------------------------------------- */

/* Key epoch 0: made, committed to, granted to this device. */
static int make_first_key(dx_context *context, dx_space *space, credential_list *list) {
    const dx_identity *identity = context->identity;
    uint8_t key[DX_KEY_SIZE];
    dx_buf credential;
    dx_buf_init(&credential, context->alloc, DX_CREDENTIAL_SIZE_MAX);
    context->random->fill(context->random->ctx, key, sizeof key);
    int error = dx_control_issue_key_epoch(space->control, identity, 0, key, &credential);
    if (error == DX_OK) {
        error = take(space, &credential);
    }
    if (error == DX_OK) {
        error = list_credential(list, dx_buf_view(&credential));
    }
    dx_buf_clear(&credential);
    if (error == DX_OK) {
        error = dx_control_issue_key_grant(space->control, identity, context->random, 0, key,
                                           identity->device, identity->noise, &credential);
    }
    if (error == DX_OK) {
        error = take(space, &credential);
    }
    if (error == DX_OK) {
        error = list_credential(list, dx_buf_view(&credential));
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
        error = insert_space(context, id, out);
    }
    if (error == DX_OK) {
        error = dx_control_create(context->alloc, id, &(*out)->control);
    }
    if (error == DX_OK) {
        error = take(*out, &credential);
    }
    if (error == DX_OK) {
        error = take(*out, &context->identity->device_credential);
    }
    if (error == DX_OK && !dx_control_discovery((*out)->control, (*out)->discovery)) {
        error = DX_E_STATE;
    }
    dx_wipe(nonce, sizeof nonce);
    dx_buf_deinit(&credential);
    return error;
}

int dx_space_create(dx_context *context, dx_bytes name, dx_space **out) {
    credential_list list;
    dx_space *space = NULL;
    *out = NULL;
    if (!context->identity->present) {
        return DX_E_NO_IDENTITY;
    }
    if (name.size > DX_SPACE_NAME_SIZE_MAX) {
        return DX_E_INVALID;
    }
    begin_list(context, &list);
    int error = make_genesis(context, &space);
    if (error == DX_OK) {
        error = make_own_feeds(context, space, &list);
    }
    if (error == DX_OK) {
        error = make_first_key(context, space, &list);
    }
    if (error == DX_OK) {
        error = write_list(context, space, &list);
    }
    if (error == DX_OK) {
        error = write_system_objects(context, space, true, name);
    }
    dx_buf_deinit(&list.items);
    if (error != DX_OK) {
        dx_space_destroy(context, space);
        return error;
    }
    *out = space;
    return DX_OK;
}

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
        error = insert_space(context, welcome.space_id, &space);
    }
    if (error != DX_OK) {
        dx_control_destroy(control);
        return error;
    }
    credential_list list;
    begin_list(context, &list);
    space->control = control;
    error = dx_control_discovery(control, space->discovery) ? DX_OK : DX_E_VERIFY;
    if (error == DX_OK) {
        error = store_credentials(context, space, &welcome);
    }
    if (error == DX_OK) {
        error = dx_space_take_keys(context, space);
    }
    if (error == DX_OK) {
        error = make_own_feeds(context, space, &list);
    }
    if (error == DX_OK) {
        error = write_list(context, space, &list);
    }
    if (error == DX_OK) {
        error = write_system_objects(context, space, false, (dx_bytes){NULL, 0});
    }
    dx_buf_deinit(&list.items);
    if (error != DX_OK) {
        dx_space_destroy(context, space);
        return error;
    }
    *out = space;
    return DX_OK;
}

/* --- Admitting ------------------------------------------------------------------------------- */

static int list_issued(dx_space *space, credential_list *list, dx_buf *credential) {
    int error = take(space, credential);
    if (error == DX_OK) {
        error = list_credential(list, dx_buf_view(credential));
    }
    dx_buf_clear(credential);
    return error;
}

/* Grants every key this device holds and the other has no grant of. */
static int grant_keys(dx_context *context, dx_space *space, const dx_credential *device,
                      const uint8_t noise[static DX_KEY_SIZE], credential_list *list, dx_buf *credential) {
    int error = DX_OK;
    for (uint64_t epoch = 0; epoch <= space->key_epoch && error == DX_OK; epoch++) {
        uint8_t key[DX_KEY_SIZE];
        if (dx_control_key_grant(space->control, epoch, device->subject).size != 0) {
            continue;
        }
        error = dx_space_key(context, space, epoch, key);
        if (error == DX_OK) {
            error = dx_control_issue_key_grant(space->control, context->identity, context->random, epoch, key,
                                               device->subject, noise, credential);
        }
        if (error == DX_OK) {
            error = list_issued(space, list, credential);
        }
        dx_wipe(key, sizeof key);
        if (error == DX_OK && list->items.size > LIST_SIZE_MAX - 2 * DX_CREDENTIAL_SIZE_MAX) {
            error = write_list(context, space, list);
        }
        error = error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return error;
}

static int issue_admission(dx_context *context, dx_space *space, const dx_credential *device, dx_role role,
                           dx_bytes invitation_id, credential_list *list, dx_buf *credential) {
    uint8_t admission[DX_HASH_SIZE];
    int error = DX_OK;
    if (!dx_control_find_admission(space->control, device->issuer, invitation_id, admission)) {
        error = dx_control_may_admit(space->control, context->identity->identity, role);
        if (error == DX_OK) {
            error = dx_control_issue_member(space->control, context->identity, device->issuer, role,
                                            invitation_id, credential);
        }
        if (error == DX_OK) {
            error = list_issued(space, list, credential);
        }
    }
    uint8_t identity[DX_KEY_SIZE];
    if (error == DX_OK && !dx_control_device(space->control, device->subject, identity, NULL)) {
        dx_buf_append(credential, device->bytes.data, device->bytes.size);
        error = dx_buf_error(credential);
        if (error == DX_OK) {
            error = list_issued(space, list, credential);
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
    credential_list list;
    dx_buf credential;
    begin_list(context, &list);
    dx_buf_init(&credential, context->alloc, DX_CREDENTIAL_SIZE_MAX);
    error =
        issue_admission(context, space, &device, role, dx_bytes_of(invitation_id, 16), &list, &credential);
    if (error == DX_OK) {
        error = grant_keys(context, space, &device, noise, &list, &credential);
    }
    if (error == DX_OK) {
        error = write_list(context, space, &list);
    }
    if (error == DX_OK) {
        error = dx_welcome_encode(space->control, device.subject, NULL, 0, welcome);
    }
    dx_buf_deinit(&credential);
    dx_buf_deinit(&list.items);
    return error;
}

/* --- Another life ---------------------------------------------------------------------------- */

static int retire(dx_context *context, dx_space *space, int64_t local) {
    dx_feed *feed = local == 0 ? NULL : dx_space_feed(space, local);
    return feed == NULL || !feed->own ? DX_OK : dx_feed_retire(feed, context->store);
}

int dx_space_renew_feeds(dx_context *context, dx_space *space) {
    if (!context->identity->present) {
        return DX_E_NO_IDENTITY;
    }
    credential_list list;
    int error = dx_space_sign_heads(context, space);
    if (error == DX_OK) {
        error = retire(context, space, space->own_control);
    }
    if (error == DX_OK) {
        error = retire(context, space, space->own_data);
    }
    begin_list(context, &list);
    if (error == DX_OK) {
        error = make_own_feeds(context, space, &list);
    }
    if (error == DX_OK) {
        error = write_list(context, space, &list);
    }
    dx_buf_deinit(&list.items);
    return error;
}
