/* halo/control_rows.c: a control state as rows of table credential.
 *
 * Layer: floor 1, halo. Contract in halo/control.h. The rows are the set and nothing else; what follows from
 * it is made anew at load. */
#include "halo/control_state.h"

static int store_place(dx_store *store, const dx_credential_place *place,
                       const uint8_t id[static DX_HASH_SIZE]) {
    sqlite3_stmt *insert =
        dx_store_query(store, "INSERT OR IGNORE INTO carried(space, id, feed, seq) VALUES(?1, ?2, ?3, ?4)");
    dx_bind_int(insert, 1, place->space);
    dx_bind_bytes(insert, 2, dx_bytes_of(id, DX_HASH_SIZE));
    dx_bind_int(insert, 3, place->feed);
    dx_bind_int(insert, 4, place->seq);
    return dx_step_done(store, insert);
}

int dx_control_store(dx_store *store, const dx_credential_place *place, dx_bytes bytes) {
    dx_credential credential;
    int error = dx_credential_decode(bytes, &credential);
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *insert =
        dx_store_query(store, "INSERT OR IGNORE INTO credential(id, space, feed, seq, position, bytes) "
                              "VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    dx_bind_bytes(insert, 1, dx_bytes_of(credential.id, DX_HASH_SIZE));
    dx_bind_int(insert, 2, place->space);
    dx_bind_int(insert, 3, place->feed);
    dx_bind_int(insert, 4, place->seq);
    dx_bind_int(insert, 5, place->position);
    dx_bind_bytes(insert, 6, bytes);
    error = dx_step_done(store, insert);
    return error != DX_OK || place->feed == 0 ? error : store_place(store, place, credential.id);
}

int dx_control_each(dx_store *store, int64_t space, const uint8_t after[static DX_HASH_SIZE],
                    int (*on_credential)(void *ctx, const dx_credential_place *place, dx_bytes bytes),
                    void *ctx) {
    int error = DX_OK;
    sqlite3_stmt *select = dx_store_query(
        store, "SELECT feed, seq, position, bytes FROM credential WHERE space = ?1 AND id > ?2 ORDER BY id");
    dx_bind_int(select, 1, space);
    dx_bind_bytes(select, 2, dx_bytes_of(after, DX_HASH_SIZE));
    while (error == DX_OK && dx_step(store, select)) {
        dx_credential_place place = {space, dx_column_int(select, 0), dx_column_int(select, 1),
                                     dx_column_int(select, 2)};
        error = on_credential(ctx, &place, dx_column_bytes(select, 3));
    }
    if (error == DX_OK) {
        return dx_store_error(store);
    }
    dx_step_reset(select);
    return error;
}

int dx_control_forget_places(dx_store *store, int64_t feed, uint64_t seq) {
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM carried WHERE feed = ?1 AND seq >= ?2");
    dx_bind_int(remove, 1, feed);
    dx_bind_int(remove, 2, (int64_t)seq);
    return dx_step_done(store, remove);
}

static int load(dx_store *store, const dx_alloc *alloc, int64_t space,
                const uint8_t space_id[static DX_HASH_SIZE], bool with_floors, dx_control **out) {
    int error = dx_control_create(alloc, space_id, out);
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *select = dx_store_query(
        store, "SELECT bytes, feed FROM credential WHERE space = ?1 AND"
               " (NOT EXISTS (SELECT 1 FROM feed WHERE space = ?1 AND class = 0 AND cut IS NOT NULL) OR"
               " EXISTS (SELECT 1 FROM carried JOIN feed ON feed.id = carried.feed"
               " WHERE carried.space = ?1 AND carried.id = credential.id AND (feed.cut IS NULL OR"
               " carried.seq < feed.cut OR (?2 AND carried.seq < feed.floor)))) ORDER BY id");
    dx_bind_int(select, 1, space);
    dx_bind_int(select, 2, with_floors);
    while (error == DX_OK && dx_step(store, select)) {
        int taken = dx_control_admit(*out, dx_column_bytes(select, 0), dx_column_int(select, 1), true);
        if (taken == DX_E_NO_MEMORY) {
            error = taken;
        } else if (taken != DX_OK && taken != DX_E_STATE && taken != DX_E_UNAUTHORIZED) {
            error = DX_E_CORRUPT;
        }
    }
    if (error == DX_OK) {
        error = dx_store_error(store);
    } else {
        dx_step_reset(select);
    }
    error = error != DX_OK ? error : dx_control_weigh_epochs(*out);
    if (error != DX_OK) {
        dx_control_destroy(*out);
        *out = NULL;
    }
    return error;
}

int dx_control_load(dx_store *store, const dx_alloc *alloc, int64_t space,
                    const uint8_t space_id[static DX_HASH_SIZE], dx_control **out) {
    return load(store, alloc, space, space_id, true, out);
}

int dx_control_load_below_cuts(dx_store *store, const dx_alloc *alloc, int64_t space,
                               const uint8_t space_id[static DX_HASH_SIZE], dx_control **out) {
    return load(store, alloc, space, space_id, false, out);
}
