/* sync/address.c: where peers of a space may be found: remembered, dialled, told on.
 *
 * Layer: floor 1, sync. Only what a member says is believed and only members are told: what a peer says
 * before it is known as one waits in its session (session.h). A hello carries our own addresses alone; the
 * others' follow once the peer is known. Not everything told is dialled: told_address.h. */
#include <string.h>

#include "base/limits.h"
#include "sync/session.h"
#include "sync/told_address.h"

/* --- Knowing them ----------------------------------------------------------------------------------- */

int dx_replica_dial_known(dx_replica *replica) {
    dx_replication *replication = replica->replication;
    sqlite3_stmt *select = dx_store_query(replication->context->store,
                                          "SELECT address FROM address WHERE space = ?1 ORDER BY address");
    dx_bind_int(select, 1, replica->space->local);
    int error = DX_OK;
    while (error == DX_OK && dx_step(replication->context->store, select)) {
        error = dx_swarm_add_address(replication->swarm, (uint64_t)replica->space->local,
                                     dx_column_bytes(select, 0));
    }
    dx_step_reset(select);
    int failed = dx_store_error(replication->context->store);
    return error != DX_OK ? error : failed;
}

int dx_replication_forget_addresses(dx_replication *replication, const dx_space *space) {
    dx_store *store = replication->context->store;
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM address WHERE space = ?1");
    dx_bind_int(remove, 1, space->local);
    return dx_step_done(store, remove);
}

static bool is_own_address(const dx_replication *replication, dx_bytes address) {
    for (size_t i = 0; i < replication->address_count; i++) {
        if (dx_bytes_equal(replication->addresses[i], address)) {
            return true;
        }
    }
    return false;
}

/* *fresh: it was not known. Bounded: of a space's addresses the newest are kept. */
static int store_address(dx_replication *replication, const dx_space *space, dx_bytes address, bool *fresh) {
    dx_store *store = replication->context->store;
    sqlite3_stmt *select = dx_store_query(store, "SELECT 1 FROM address WHERE space = ?1 AND address = ?2");
    dx_bind_int(select, 1, space->local);
    dx_bind_text(select, 2, address);
    *fresh = !dx_step(store, select);
    dx_step_reset(select);
    int error = dx_store_error(store);
    if (error != DX_OK || !*fresh) {
        return error;
    }
    sqlite3_stmt *insert =
        dx_store_query(store, "INSERT INTO address(space, address, told_ms) VALUES(?1, ?2, ?3)");
    dx_bind_int(insert, 1, space->local);
    dx_bind_text(insert, 2, address);
    dx_bind_int(insert, 3, (int64_t)replication->context->wall_ms);
    error = dx_step_done(store, insert);
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *prune = dx_store_query(
        store, "DELETE FROM address WHERE space = ?1 AND address NOT IN "
               "(SELECT address FROM address WHERE space = ?1 ORDER BY told_ms DESC, address LIMIT ?2)");
    dx_bind_int(prune, 1, space->local);
    dx_bind_int(prune, 2, DX_SPACE_ADDRESSES_MAX);
    return dx_step_done(store, prune);
}

/* --- Telling them ----------------------------------------------------------------------------------- */

/* What the peer would not dial is not told: names that a person typed here, our own loopback. */
static int tell(dx_session *session, const dx_bytes *addresses, size_t count) {
    dx_bytes fit[DX_SYNC_ADDRESSES_MAX];
    size_t fit_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (dx_told_address_check(addresses[i], dx_bytes_text(session->address))) {
            fit[fit_count++] = addresses[i];
        }
    }
    if (count > 0 && fit_count == 0) {
        return DX_OK;
    }
    dx_sync_addresses_write(fit, fit_count, &session->replica->replication->message);
    return dx_session_send(session);
}

static int tell_members(dx_replica *replica, const dx_bytes *addresses, size_t count) {
    int error = DX_OK;
    for (dx_session *session = replica->sessions; error == DX_OK && session != NULL;
         session = session->next) {
        error = session->state == DX_SESSION_MEMBER ? tell(session, addresses, count) : DX_OK;
    }
    return error;
}

/* In a space of more peers than a vault remembers addresses the same one is new again and again: telling on
 * has a rate, so that it ends. */
static bool may_tell_on(dx_replica *replica) {
    uint64_t now_ms = replica->replication->context->now_ms;
    if (now_ms - replica->told_on_ms >= DX_SYNC_ADDRESSES_TOLD_MS) {
        replica->told_on_ms = now_ms;
        replica->told_on = 0;
    }
    return replica->told_on++ < DX_SYNC_ADDRESSES_TOLD_MAX;
}

/* What is new is told on, so that guests of one host find each other; what is known is not, so that it ends.
 */
int dx_replication_add_address(dx_replication *replication, dx_space *space, dx_bytes address) {
    if (!dx_address_check(address)) {
        return DX_E_INVALID;
    }
    if (is_own_address(replication, address)) {
        return DX_OK;
    }
    bool fresh = false;
    int error = store_address(replication, space, address, &fresh);
    if (error == DX_OK) {
        error = dx_swarm_add_address(replication->swarm, (uint64_t)space->local, address);
        error = error == DX_E_LIMIT ? DX_OK : error; /* all places are taken by addresses that work */
    }
    dx_replica *replica = dx_replica_find(replication, space);
    bool tells = error == DX_OK && fresh && replica != NULL && may_tell_on(replica);
    return tells ? tell_members(replica, &address, 1) : error;
}

int dx_replication_set_listening(dx_replication *replication, const char *const *addresses, size_t count) {
    replication->address_count = 0;
    for (size_t i = 0; i < count && i < DX_SYNC_ADDRESSES_MAX; i++) {
        dx_bytes address = dx_bytes_text(addresses[i]);
        if (!dx_address_check(address)) {
            continue;
        }
        char *kept = replication->address_text[replication->address_count];
        memcpy(kept, address.data, address.size);
        replication->addresses[replication->address_count++] = dx_bytes_of(kept, address.size);
        for (dx_replica *replica = replication->replicas; replica != NULL; replica = replica->next) {
            dx_swarm_remove_address(replication->swarm, (uint64_t)replica->space->local,
                                    address); /* never dial ourselves */
        }
    }
    int error = DX_OK;
    for (dx_replica *replica = replication->replicas; error == DX_OK && replica != NULL;
         replica = replica->next) {
        error = tell_members(replica, replication->addresses, replication->address_count);
    }
    return error;
}

/* --- Hearing them ----------------------------------------------------------------------------------- */

static bool offered(const dx_session *session, dx_bytes address) {
    for (size_t i = 0; i < session->offered_count; i++) {
        if (dx_bytes_equal(dx_bytes_text(session->offered[i]), address)) {
            return true;
        }
    }
    return false;
}

static void keep_offer(dx_session *session, dx_bytes address) {
    if (session->offered_count == DX_SYNC_ADDRESSES_MAX || !dx_address_check(address) ||
        offered(session, address)) {
        return;
    }
    char *kept = session->offered[session->offered_count++];
    memcpy(kept, address.data, address.size);
    kept[address.size] = 0;
}

int dx_session_take_addresses(dx_session *session, const dx_bytes *addresses, size_t count) {
    int error = DX_OK;
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        if (!dx_told_address_check(addresses[i], dx_bytes_text(session->address))) {
            dx_session_trace(session, "an address it told is not dialled");
            continue;
        }
        keep_offer(session, addresses[i]);
        if (session->state == DX_SESSION_MEMBER) {
            error = dx_replication_add_address(session->replica->replication, session->replica->space,
                                               addresses[i]);
            error = dx_error_class_of(error) == DX_CLASS_CALLER ? DX_OK : error;
        }
    }
    return error;
}

/* The newest of the space that are neither ours nor the peer's own, as one ADDRESSES; none: nothing is said.
 */
static int tell_others(dx_session *session) {
    dx_replication *replication = session->replica->replication;
    dx_store *store = replication->context->store;
    char text[DX_SYNC_ADDRESSES_MAX][DX_ADDRESS_SIZE_MAX];
    dx_bytes addresses[DX_SYNC_ADDRESSES_MAX];
    size_t count = 0;
    sqlite3_stmt *select =
        dx_store_query(store, "SELECT address FROM address WHERE space = ?1 ORDER BY told_ms DESC, address");
    dx_bind_int(select, 1, session->replica->space->local);
    while (count < DX_SYNC_ADDRESSES_MAX && dx_step(store, select)) {
        dx_bytes address = dx_column_bytes(select, 0);
        if (dx_address_check(address) && !offered(session, address)) {
            memcpy(text[count], address.data, address.size);
            addresses[count] = dx_bytes_of(text[count], address.size);
            count++;
        }
    }
    dx_step_reset(select);
    int error = dx_store_error(store);
    return error == DX_OK && count > 0 ? tell(session, addresses, count) : error;
}

int dx_session_meet_addresses(dx_session *session) {
    int error = DX_OK;
    for (size_t i = 0; error == DX_OK && i < session->offered_count; i++) {
        error = dx_replication_add_address(session->replica->replication, session->replica->space,
                                           dx_bytes_text(session->offered[i]));
        error = dx_error_class_of(error) == DX_CLASS_CALLER ? DX_OK : error;
    }
    return error == DX_OK ? tell_others(session) : error;
}
