/* echo/own_feed.c: the feeds this device writes in a space, and the control blocks it writes there.
 *
 * Layer: floor 1, echo. Contract in own_feed.h; renewal in space.h. */
#include "echo/own_feed.h"

#include <string.h>

#include "echo/name.h"
#include "echo/pipeline.h"
#include "echo/space_state.h"

/* --- Credentials ----------------------------------------------------------------------------- */

void dx_list_begin(dx_context *context, dx_credential_list *list) {
    list->count = 0;
    dx_buf_init(&list->items, context->alloc, DX_LIST_SIZE_MAX);
}

void dx_list_end(dx_credential_list *list) {
    dx_buf_deinit(&list->items);
}

static bool is_listed(const dx_credential_list *list, const uint8_t id[static DX_HASH_SIZE]) {
    for (size_t i = 0; i < list->count && i < DX_LIST_PREMISES_MAX; i++) {
        if (memcmp(list->ids[i], id, DX_HASH_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

int dx_list_add(dx_credential_list *list, dx_bytes bytes) {
    dx_credential credential;
    int error = dx_credential_decode(bytes, &credential);
    if (error != DX_OK || is_listed(list, credential.id)) {
        return error;
    }
    dx_writer writer;
    dx_writer_init(&writer, &list->items);
    dx_write_bytes(&writer, bytes);
    if (list->count < DX_LIST_PREMISES_MAX) {
        memcpy(list->ids[list->count], credential.id, DX_HASH_SIZE);
    }
    list->count++;
    return dx_writer_finish(&writer);
}

/* Lists the credential after everything it rests on, as far as the list has room and so deep: what is left out
 * comes with the feeds that brought it. An admin can let an admission rest on a chain of any length. */
static int list_with_premises(const dx_space *space, dx_credential_list *list, dx_bytes bytes, int depth) {
    dx_credential credential;
    int error = dx_credential_decode(bytes, &credential);
    for (size_t i = 0; depth > 0 && i < credential.parent_count && error == DX_OK; i++) {
        dx_bytes parent = dx_control_credential(space->control, credential.parents[i]);
        bool fits = list->count < DX_LIST_PREMISES_MAX - 1 &&
                    list->items.size + parent.size + bytes.size < DX_LIST_SIZE_MAX - DX_CREDENTIAL_SIZE_MAX;
        if (parent.size != 0 && !is_listed(list, credential.parents[i]) && fits) {
            error = list_with_premises(space, list, parent, depth - 1);
        }
    }
    return error != DX_OK ? error : dx_list_add(list, bytes);
}

int dx_list_take(dx_space *space, const dx_buf *credential) {
    int verdict = dx_control_take(space->control, dx_buf_view(credential), 0);
    return verdict == DX_E_EXISTS ? DX_OK : verdict;
}

int dx_list_write(dx_context *context, dx_space *space, dx_credential_list *list) {
    if (list->count == 0) {
        return DX_OK;
    }
    int error = dx_pipeline_append(context, space, space->own_control, 0, dx_buf_view(&list->items),
                                   list->count, true);
    list->count = 0;
    dx_buf_clear(&list->items);
    return error != DX_OK ? error : dx_pipeline_settle(context, space, space->own_control);
}

int dx_list_issue(dx_space *space, dx_credential_list *list, dx_buf *credential) {
    int error = dx_list_take(space, credential);
    if (error == DX_OK) {
        error = dx_list_add(list, dx_buf_view(credential));
    }
    dx_buf_clear(credential);
    return error;
}

/* --- Rows ------------------------------------------------------------------------------------ */

int dx_space_insert(dx_context *context, const uint8_t id[static DX_HASH_SIZE], dx_space **out) {
    sqlite3_stmt *insert =
        dx_store_query(context->store, "INSERT INTO space(space_id, own_control, own_data, refused, "
                                       "forgotten, referred) VALUES(?1, 0, 0, 0, 0, 1) RETURNING "
                                       "id");
    dx_bind_bytes(insert, 1, dx_bytes_of(id, DX_HASH_SIZE));
    int64_t local = dx_step(context->store, insert) ? dx_column_int(insert, 0) : 0;
    dx_step_reset(insert);
    int error = dx_store_error(context->store);
    error = error != DX_OK ? error : dx_space_allocate(context, local, id, out);
    if (error == DX_OK) {
        (*out)->referred = true;
    }
    return error;
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
                         dx_credential_list *list, int64_t *local) {
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
        error = dx_list_take(space, &credential);
    }
    if (error == DX_OK) {
        error = list_with_premises(space, list, dx_buf_view(&credential), DX_LIST_DEPTH_MAX);
    }
    dx_wipe(&key, sizeof key);
    dx_buf_deinit(&credential);
    return error;
}

static bool may_write(const dx_context *context, const dx_space *space) {
    return dx_control_role(space->control, context->identity->identity) >= DX_ROLE_EDITOR;
}

bool dx_space_lacks_place(const dx_context *context, dx_space *space) {
    const dx_feed *feed = space->own_data == 0 ? NULL : dx_space_feed(space, space->own_data);
    bool writable = feed != NULL && feed->own && !feed->frozen;
    return !writable && space->feed_count >= DX_SPACE_FEEDS_MAX && context->identity->present &&
           may_write(context, space);
}

int dx_space_make_own_feeds(dx_context *context, dx_space *space, dx_credential_list *list) {
    int64_t control_before = space->own_control, data_before = space->own_data;
    space->own_data = 0;
    space->sign_keys_loaded = false;
    int error = make_own_feed(context, space, DX_FEED_CONTROL, list, &space->own_control);
    if (error == DX_OK && may_write(context, space)) {
        error = make_own_feed(context, space, DX_FEED_DATA, list, &space->own_data);
    }
    if (error == DX_OK) {
        error = save_own_feeds(context, space);
    }
    if (error != DX_OK) { /* as the row has it: retired ones, which take no more blocks */
        space->own_control = control_before;
        space->own_data = data_before;
    }
    return error;
}

int dx_space_make_data_feed(dx_context *context, dx_space *space) {
    dx_credential_list list;
    if (!context->identity->present || !may_write(context, space)) {
        return DX_OK;
    }
    if (space->own_data != 0) {
        /* Admitted again after the first admission fell to a cut: that needs new feeds. */
        const dx_feed *feed = dx_space_feed(space, space->own_data);
        bool admitted = feed != NULL && dx_control_find_feed(space->control, feed->id) != NULL;
        return admitted || space->control_version == 0 ? DX_OK : dx_space_renew_feeds(context, space);
    }
    dx_list_begin(context, &list);
    space->sign_keys_loaded = false;
    int error = make_own_feed(context, space, DX_FEED_DATA, &list, &space->own_data);
    if (error == DX_OK) {
        error = dx_list_write(context, space, &list);
    }
    if (error == DX_OK) {
        error = save_own_feeds(context, space);
    }
    dx_list_end(&list);
    if (error == DX_OK) {
        error = dx_space_write_system_objects(context, space, false, (dx_bytes){NULL, 0});
    }
    return error == DX_E_STATE ? DX_OK
                               : error; /* whose turn it is to write is told so, once the key is here */
}

/* --- Another life ---------------------------------------------------------------------------- */

static int retire(dx_context *context, dx_space *space, int64_t local) {
    dx_feed *feed = local == 0 ? NULL : dx_space_feed(space, local);
    return feed == NULL || !feed->own ? DX_OK : dx_feed_retire(feed, context->store);
}

/* The next credential of the space after this one that this device issued and that is in effect; out is empty
 * when there is none. */
static int next_issued(dx_context *context, const dx_space *space, uint8_t after[static DX_HASH_SIZE],
                       dx_bytes *out) {
    for (;;) {
        dx_credential credential;
        sqlite3_stmt *select = dx_store_query(
            context->store,
            "SELECT id, bytes FROM credential WHERE space = ?1 AND id > ?2 ORDER BY id LIMIT 1");
        dx_bind_int(select, 1, space->local);
        dx_bind_bytes(select, 2, dx_bytes_of(after, DX_HASH_SIZE));
        *out = dx_bytes_of(NULL, 0);
        if (!dx_step(context->store, select)) {
            return dx_store_error(context->store);
        }
        dx_bytes id = dx_column_bytes(select, 0);
        bool sound =
            id.size == DX_HASH_SIZE && dx_credential_decode(dx_column_bytes(select, 1), &credential) == DX_OK;
        if (sound) {
            memcpy(after, id.data, DX_HASH_SIZE);
            bool ours = memcmp(credential.signer, context->identity->device, DX_KEY_SIZE) == 0;
            *out = ours ? dx_control_credential(space->control, after) : *out;
        }
        dx_step_reset(select);
        if (!sound || out->size != 0) {
            return sound ? DX_OK : DX_E_CORRUPT;
        }
    }
}

int dx_space_renew_feeds(dx_context *context, dx_space *space) {
    if (!context->identity->present) {
        return DX_E_NO_IDENTITY;
    }
    dx_credential_list list;
    int error = dx_space_sign_heads(context, space);
    if (error == DX_OK) {
        error = retire(context, space, space->own_control);
    }
    if (error == DX_OK) {
        error = retire(context, space, space->own_data);
    }
    dx_list_begin(context, &list);
    if (error == DX_OK) {
        error = dx_space_make_own_feeds(context, space, &list);
    }
    if (error == DX_OK) {
        error = dx_list_write(context, space, &list);
    }
    dx_list_end(&list);
    return error;
}

int dx_space_vouch_again(dx_context *context, dx_space *space) {
    uint8_t after[DX_HASH_SIZE] = {0};
    dx_bytes credential = {NULL, 0};
    const dx_feed *feed = space->own_control == 0 ? NULL : dx_space_feed(space, space->own_control);
    if (feed == NULL || !feed->own || !context->identity->present) {
        return DX_OK;
    }
    dx_credential_list list;
    dx_list_begin(context, &list);
    int error;
    do {
        error = next_issued(context, space, after, &credential);
        if (error == DX_OK && credential.size != 0) {
            error = list_with_premises(space, &list, credential, DX_LIST_DEPTH_MAX);
        }
        if (error == DX_OK && (credential.size == 0 || list.count > DX_LIST_PREMISES_MAX / 2 ||
                               list.items.size > DX_LIST_SIZE_MAX / 2)) {
            error = dx_list_write(context, space, &list);
        }
    } while (error == DX_OK && credential.size != 0);
    dx_list_end(&list);
    return error;
}
