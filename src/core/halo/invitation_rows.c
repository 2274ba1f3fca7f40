/* halo/invitation_rows.c: invitations made, and what of them survives a restart.
 *
 * Layer: floor 1, halo. Contract in halo/invitation.h. Table invitation holds one row each: the PIN only
 * while the invitation is open; the X25519 secret behind host_key, in the keyring, as long as the row. */
#include "halo/invitation.h"

#include <string.h>

/* --- Making ----------------------------------------------------------------------------------- */

static bool terms_are_sound(const dx_invitation_terms *terms) {
    return terms->role >= DX_ROLE_PULL && terms->role <= DX_ROLE_ADMIN &&
           dx_role_from_number((uint64_t)terms->role) != DX_ROLE_NONE &&
           terms->life_ms <= DX_INVITATION_LIFE_MAX_MS && terms->uses_max <= DX_INVITATION_USES_MAX &&
           (terms->pin.size == 0 || dx_pin_check(terms->pin) == DX_OK) &&
           terms->address_count <= DX_INVITATION_ADDRESSES_MAX;
}

/* The link of an invitation, as text in its url. */
static int write_url(const dx_alloc *alloc, const dx_invitation_terms *terms, dx_invitation *out) {
    for (size_t i = 0; i < terms->address_count; i++) {
        if (!dx_address_check(terms->addresses[i])) {
            return DX_E_INVALID;
        }
    }
    dx_invitation_link link = {.kind = DX_INVITATION_KIND_SPACE,
                               .expires_ms = out->expires_ms,
                               .address_count = terms->address_count};
    memcpy(link.id, out->id, sizeof link.id);
    memcpy(link.topic_secret, out->topic_secret, sizeof link.topic_secret);
    memcpy(link.host_key, out->host_key, sizeof link.host_key);
    for (size_t i = 0; i < terms->address_count; i++) {
        memcpy(link.addresses[i], terms->addresses[i].data, terms->addresses[i].size);
    }
    dx_buf url;
    dx_buf_init(&url, alloc, DX_INVITATION_URL_MAX);
    int error = dx_invitation_link_encode(&link, &url);
    dx_wipe(&link, sizeof link);
    if (error == DX_OK) {
        memcpy(out->url, url.data, url.size);
        out->url[url.size] = '\0';
    }
    dx_buf_deinit(&url);
    return error;
}

int dx_invitation_create(dx_store *store, const dx_alloc *alloc, const dx_random *random,
                         const dx_invitation_terms *terms, uint64_t wall_ms, dx_invitation *out) {
    memset(out, 0, sizeof *out);
    if (!terms_are_sound(terms)) {
        return DX_E_INVALID;
    }
    uint64_t life_ms = terms->life_ms ? terms->life_ms : DX_INVITATION_LIFE_MS;
    memcpy(out->request, terms->request, sizeof out->request);
    sqlite3_snprintf(sizeof out->origin, out->origin, "%s", terms->origin == NULL ? "" : terms->origin);
    out->space = terms->space;
    out->role = terms->role;
    out->expires_ms = wall_ms < INT64_MAX - life_ms ? wall_ms + life_ms : INT64_MAX;
    out->uses_max = terms->uses_max ? terms->uses_max : 1;
    out->state = DX_HOST_ADVERTISING;
    random->fill(random->ctx, out->id, sizeof out->id);
    random->fill(random->ctx, out->topic_secret, sizeof out->topic_secret);
    if (terms->pin.size) {
        memcpy(out->pin, terms->pin.data, DX_PIN_SIZE);
    } else {
        dx_pin_make(random, out->pin);
    }
    int error = dx_keyring_create_agreement(store, random, "invitation", out->host_key);
    if (error == DX_OK) {
        error = write_url(alloc, terms, out);
        if (error != DX_OK) { /* the caller is told and the transaction goes on: no key stays behind */
            int removed = dx_keyring_remove(store, out->host_key);
            error = removed != DX_OK ? removed : error;
        }
    }
    if (error == DX_OK) {
        error = dx_invitation_save(store, out);
    }
    if (error != DX_OK) {
        dx_wipe(out, sizeof *out);
    }
    return error;
}

/* --- Rows ------------------------------------------------------------------------------------- */

int dx_invitation_save(dx_store *store, const dx_invitation *invitation) {
    bool ended = dx_host_state_ends(invitation->state);
    sqlite3_stmt *write = dx_store_query(
        store, "INSERT OR REPLACE INTO invitation(id, space, role, expires_ms, multi, topic, host_key, "
               "pin, failures, uses, state, url, request, origin) "
               "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)");
    dx_bind_bytes(write, 1, dx_bytes_of(invitation->id, DX_INVITATION_ID_SIZE));
    dx_bind_int(write, 2, invitation->space);
    dx_bind_int(write, 3, (int64_t)invitation->role);
    dx_bind_int(write, 4, (int64_t)invitation->expires_ms);
    dx_bind_int(write, 5, (int64_t)invitation->uses_max);
    dx_bind_bytes(write, 6, dx_bytes_of(invitation->topic_secret, DX_KEY_SIZE));
    dx_bind_bytes(write, 7, dx_bytes_of(invitation->host_key, DX_KEY_SIZE));
    dx_bind_text(write, 8, dx_bytes_text(ended ? "" : invitation->pin));
    dx_bind_int(write, 9, (int64_t)invitation->failures);
    dx_bind_int(write, 10, (int64_t)invitation->uses);
    dx_bind_int(write, 11, (int64_t)invitation->state);
    dx_bind_text(write, 12, dx_bytes_text(invitation->url));
    dx_bind_bytes(write, 13, dx_bytes_of(invitation->request, DX_INVITATION_REQUEST_SIZE));
    dx_bind_text(write, 14, dx_bytes_text(invitation->origin));
    return dx_step_done(store, write);
}

int dx_invitation_forget(dx_store *store, const dx_invitation *invitation) {
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM invitation WHERE id = ?1");
    dx_bind_bytes(remove, 1, dx_bytes_of(invitation->id, DX_INVITATION_ID_SIZE));
    int error = dx_step_done(store, remove);
    return error == DX_OK ? dx_keyring_remove(store, invitation->host_key) : error;
}

static bool copy_exact(dx_bytes from, void *to, size_t size) {
    if (from.size != size) {
        return false;
    }
    memcpy(to, from.data, size);
    return true;
}

static bool copy_text(dx_bytes from, char *to, size_t size_max) {
    if (from.size > size_max) {
        return false;
    }
    if (from.size) {
        memcpy(to, from.data, from.size);
    }
    to[from.size] = '\0';
    return true;
}

/* A count or time of a row; -1 cannot be one. */
static bool copy_number(sqlite3_stmt *row, int index, uint64_t *to) {
    int64_t value = dx_column_int(row, index);
    *to = (uint64_t)value;
    return value >= 0;
}

static bool state_is_kept(int64_t state) {
    return state == DX_HOST_ADVERTISING || (state >= DX_HOST_SUCCESS && state <= DX_HOST_EXHAUSTED);
}

static bool read_row(sqlite3_stmt *row, dx_invitation *out) {
    int64_t role = dx_column_int(row, 1), state = dx_column_int(row, 9);
    out->space = dx_column_int(row, 0);
    out->role = dx_role_from_number(role < 0 ? 0 : (uint64_t)role);
    bool sound = out->role != DX_ROLE_NONE && state_is_kept(state) && copy_number(row, 2, &out->expires_ms) &&
                 copy_number(row, 3, &out->uses_max) &&
                 copy_exact(dx_column_bytes(row, 4), out->topic_secret, DX_KEY_SIZE) &&
                 copy_exact(dx_column_bytes(row, 5), out->host_key, DX_KEY_SIZE) &&
                 copy_text(dx_column_bytes(row, 6), out->pin, DX_PIN_SIZE) &&
                 copy_number(row, 7, &out->failures) && copy_number(row, 8, &out->uses) &&
                 copy_text(dx_column_bytes(row, 10), out->url, DX_INVITATION_URL_MAX) &&
                 copy_exact(dx_column_bytes(row, 11), out->request, DX_INVITATION_REQUEST_SIZE) &&
                 copy_text(dx_column_bytes(row, 12), out->origin, DX_ORIGIN_SIZE_MAX);
    out->state = (dx_host_state)state;
    return sound && (dx_host_state_ends(out->state) || dx_pin_check(dx_bytes_text(out->pin)) == DX_OK);
}

int dx_invitation_load(dx_store *store, const uint8_t id[static DX_INVITATION_ID_SIZE], dx_invitation *out) {
    memset(out, 0, sizeof *out);
    memcpy(out->id, id, DX_INVITATION_ID_SIZE);
    sqlite3_stmt *select =
        dx_store_query(store, "SELECT space, role, expires_ms, multi, topic, host_key, pin, failures, "
                              "uses, state, url, request, origin FROM invitation WHERE id = ?1");
    dx_bind_bytes(select, 1, dx_bytes_of(id, DX_INVITATION_ID_SIZE));
    if (!dx_step(store, select)) {
        int error = dx_store_error(store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    bool sound = read_row(select, out);
    dx_step_reset(select);
    if (!sound) {
        dx_wipe(out, sizeof *out);
        return DX_E_CORRUPT;
    }
    return DX_OK;
}

/* The first invitation behind this id; empty: the first of all. */
static int next_id(dx_store *store, dx_bytes behind, uint8_t out[static DX_INVITATION_ID_SIZE]) {
    sqlite3_stmt *select =
        dx_store_query(store, "SELECT id FROM invitation WHERE id > ?1 ORDER BY id LIMIT 1");
    dx_bind_bytes(select, 1, behind);
    if (!dx_step(store, select)) {
        int error = dx_store_error(store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    bool sound = copy_exact(dx_column_bytes(select, 0), out, DX_INVITATION_ID_SIZE);
    dx_step_reset(select);
    return sound ? DX_OK : DX_E_CORRUPT;
}

int dx_invitation_each(dx_store *store, int (*on_invitation)(void *ctx, const uint8_t *id), void *ctx) {
    uint8_t id[DX_INVITATION_ID_SIZE], last[DX_INVITATION_ID_SIZE];
    size_t last_size = 0;
    int error;
    /* One statement per row, so that the callback may use the store. */
    while ((error = next_id(store, dx_bytes_of(last, last_size), id)) == DX_OK) {
        error = on_invitation(ctx, id);
        if (error != DX_OK) {
            return error;
        }
        memcpy(last, id, sizeof last);
        last_size = sizeof last;
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}
