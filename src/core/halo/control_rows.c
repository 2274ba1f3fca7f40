/* halo/control_rows.c: a control state as rows of table credential.
 *
 * Layer: floor 1, halo. Contract in halo/control.h. The rows are the set and nothing else; what follows from
 * it is made anew at load. */
#include "halo/control_state.h"

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
    return dx_step_done(store, insert);
}

int dx_control_load(dx_store *store, const dx_alloc *alloc, int64_t space,
                    const uint8_t space_id[static DX_HASH_SIZE], dx_control **out) {
    int error = dx_control_create(alloc, space_id, out);
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *select =
        dx_store_query(store, "SELECT bytes, feed FROM credential WHERE space = ?1 ORDER BY id");
    dx_bind_int(select, 1, space);
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
    if (error != DX_OK) {
        dx_control_destroy(*out);
        *out = NULL;
    }
    return error;
}
