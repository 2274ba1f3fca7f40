/* sync/address.c: where peers of a space may be found: remembered, dialled, told on.
 *
 * Layer: floor 1, sync. Only what a member says is believed and only members are told: what a peer says
 * before it is known as one waits in its session (session.h). A hello carries our own addresses alone; the
 * others' follow once the peer is known. Not everything told is dialled: told_address.h. Of an address is kept
 * who says so and what the word is worth: what is known to be somebody's goes before hearsay, and nobody's
 * word pushes out another's (docs/spec/sync.md). */
#include <string.h>

#include "base/limits.h"
#include "sync/session.h"
#include "sync/told_address.h"

/* --- Knowing them ----------------------------------------------------------------------------------- */

int dx_replica_dial_known(dx_replica *replica) {
    dx_replication *replication = replica->replication;
    sqlite3_stmt *select = dx_store_query(replication->context->store,
                                          "SELECT address FROM address WHERE space = ?1 GROUP BY address "
                                          "ORDER BY max(standing) DESC, address");
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

/* One word for an address. */
typedef struct dx_address_claim {
    dx_bytes address;
    dx_bytes who; /* the identity that said so or was reached; empty: the person here, or nobody knows */
    dx_address_standing standing;
} dx_address_claim;

/* *standing: of the best word for it; -1: it is not known. */
static int find_standing(dx_store *store, const dx_space *space, dx_bytes address, int *standing) {
    sqlite3_stmt *select = dx_store_query(
        store, "SELECT standing FROM address WHERE space = ?1 AND address = ?2 ORDER BY standing DESC");
    dx_bind_int(select, 1, space->local);
    dx_bind_text(select, 2, address);
    *standing = dx_step(store, select) ? (int)dx_column_int(select, 0) : -1;
    dx_step_reset(select);
    return dx_store_error(store);
}

/* *changed: it says more than what was kept. */
static int insert_claim(dx_store *store, const dx_space *space, const dx_address_claim *claim,
                        uint64_t wall_ms, bool *changed) {
    sqlite3_stmt *insert = dx_store_query(
        store, "INSERT INTO address(space, address, who, standing, told_ms) VALUES(?1, ?2, ?3, ?4, ?5)"
               " ON CONFLICT DO UPDATE SET standing = excluded.standing, told_ms = excluded.told_ms"
               " WHERE excluded.standing > standing");
    dx_bind_int(insert, 1, space->local);
    dx_bind_text(insert, 2, claim->address);
    dx_bind_bytes(insert, 3, claim->who);
    dx_bind_int(insert, 4, claim->standing);
    dx_bind_int(insert, 5, (int64_t)wall_ms);
    int error = dx_step_done(store, insert);
    *changed = error == DX_OK && dx_store_changes(store) > 0;
    if (!*changed || claim->standing == DX_ADDRESS_HEARSAY) {
        return error;
    }
    sqlite3_stmt *outdone = dx_store_query(
        store,
        "DELETE FROM address WHERE space = ?1 AND address = ?2 AND standing = 0"); /* no use any more */
    dx_bind_int(outdone, 1, space->local);
    dx_bind_text(outdone, 2, claim->address);
    return dx_step_done(store, outdone);
}

/* Of what this one said, its newest stay: whoever says much displaces himself. What the person here said is
 * bounded by the space alone. */
static int prune_teller(dx_store *store, const dx_space *space, const dx_address_claim *claim) {
    bool known = claim->standing > DX_ADDRESS_HEARSAY;
    if (known && claim->who.size == 0) {
        return DX_OK;
    }
    sqlite3_stmt *prune = dx_store_query(
        store, "DELETE FROM address WHERE space = ?1 AND who = ?2 AND (standing > 0) = ?3 AND address NOT IN "
               "(SELECT address FROM address WHERE space = ?1 AND who = ?2 AND (standing > 0) = ?3"
               " ORDER BY standing DESC, told_ms DESC, address LIMIT ?4)");
    dx_bind_int(prune, 1, space->local);
    dx_bind_bytes(prune, 2, claim->who);
    dx_bind_int(prune, 3, known);
    dx_bind_int(prune, 4, known ? DX_MEMBER_ADDRESSES_MAX : DX_TELLER_HEARSAY_MAX);
    return dx_step_done(store, prune);
}

/* What is known goes before hearsay, then everyone's newest before anyone's second newest, and so on: many
 * words of one push out none of another who says fewer. standing_max: of rows up to this standing. */
static int prune_space(dx_store *store, const dx_space *space, dx_address_standing standing_max,
                       int64_t limit) {
    sqlite3_stmt *prune = dx_store_query(
        store, "DELETE FROM address WHERE space = ?1 AND standing <= ?2 AND (address, who) NOT IN "
               "(SELECT address, who FROM address AS a WHERE space = ?1 AND standing <= ?2"
               " ORDER BY standing = 3 DESC, standing > 0 DESC,"
               " (SELECT count(*) FROM address AS b WHERE b.space = ?1 AND b.who = a.who"
               " AND (b.standing > 0) = (a.standing > 0)"
               " AND (b.told_ms, a.address) > (a.told_ms, b.address)),"
               " told_ms DESC, address, who LIMIT ?3)");
    dx_bind_int(prune, 1, space->local);
    dx_bind_int(prune, 2, standing_max);
    dx_bind_int(prune, 3, limit);
    return dx_step_done(store, prune);
}

/* *fresh: it was not known, or only by hearsay; *changed: rows came or went. Bounded. A word that was said
 * before, as in every new session, leaves all as it is: the bounds held when it came. */
static int store_claim(dx_replication *replication, const dx_space *space, const dx_address_claim *claim,
                       bool *fresh, bool *changed) {
    dx_store *store = replication->context->store;
    int before = -1;
    int error = find_standing(store, space, claim->address, &before);
    bool hearsay = claim->standing == DX_ADDRESS_HEARSAY;
    *fresh = before <= DX_ADDRESS_HEARSAY && !hearsay;
    if (error != DX_OK || (hearsay && before > DX_ADDRESS_HEARSAY)) {
        return error;
    }
    error = insert_claim(store, space, claim, replication->context->wall_ms, changed);
    if (error != DX_OK || !*changed) {
        return error;
    }
    error = prune_teller(store, space, claim);
    if (error == DX_OK) {
        error = prune_space(store, space, DX_ADDRESS_HEARSAY, DX_SPACE_HEARSAY_MAX);
    }
    return error == DX_OK ? prune_space(store, space, DX_ADDRESS_TYPED, DX_SPACE_ADDRESSES_MAX) : error;
}

/* What is dialled follows the rows: an address that gave way is let go of. */
static int drop_gone(dx_replication *replication, const dx_space *space) {
    uint64_t topic = (uint64_t)space->local;
    dx_swarm_way way;
    int standing, error = DX_OK;
    for (size_t i = 0; error == DX_OK && dx_swarm_address_state(replication->swarm, topic, i, &way);) {
        error = find_standing(replication->context->store, space, dx_bytes_text(way.address), &standing);
        if (error == DX_OK && standing < 0) {
            dx_swarm_remove_address(replication->swarm, topic, dx_bytes_text(way.address));
        } else {
            i++;
        }
    }
    return error;
}

/* changed: rows came or went since what is dialled last followed them. */
static int dial_stored(dx_replication *replication, const dx_space *space, dx_bytes address, bool changed) {
    int standing = DX_ADDRESS_HEARSAY; /* unchanged: it has a row */
    int error = changed ? drop_gone(replication, space) : DX_OK;
    if (error == DX_OK && changed) {
        error = find_standing(replication->context->store, space, address, &standing);
    }
    return error == DX_OK && standing >= 0
               ? dx_swarm_add_address(replication->swarm, (uint64_t)space->local, address)
               : error;
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

/* Whoever makes up new addresses of his own again and again has few of them told on, and leaves the rest of the rate,
 * and of what others keep by our word, to others. */
static bool may_tell_of(dx_replica *replica, dx_bytes who) {
    uint64_t now_ms = replica->replication->context->now_ms;
    size_t at = 0;
    if (who.size == 0) {
        return true; /* the person here said it */
    }
    for (size_t i = 0; i < DX_SYNC_ADDRESSES_TOLD_OF_KEPT; i++) {
        if (memcmp(replica->told_of[i].who, who.data, DX_KEY_SIZE) == 0) {
            at = i;
            break;
        }
        at = replica->told_of[i].since_ms < replica->told_of[at].since_ms ? i : at;
    }
    bool known = memcmp(replica->told_of[at].who, who.data, DX_KEY_SIZE) == 0;
    if (!known || now_ms - replica->told_of[at].since_ms >= DX_SYNC_ADDRESSES_TOLD_OF_MS) {
        memcpy(replica->told_of[at].who, who.data, DX_KEY_SIZE);
        replica->told_of[at].since_ms = now_ms;
        replica->told_of[at].count = 0;
    }
    return replica->told_of[at].count++ < DX_SYNC_ADDRESSES_TOLD_OF_MAX;
}

/* What is new is told on, so that guests of one host find each other; what is known is not, so that it ends.
 * Hearsay waits until it is borne out: what one member makes up does not spread as the word of others. */
static int add_claim(dx_replication *replication, dx_space *space, const dx_address_claim *claim) {
    if (!dx_address_check(claim->address)) {
        return DX_E_INVALID;
    }
    if (is_own_address(replication, claim->address)) {
        return DX_OK;
    }
    bool fresh = false, changed = false;
    int error = store_claim(replication, space, claim, &fresh, &changed);
    if (error == DX_OK) {
        error = dial_stored(replication, space, claim->address, changed);
        error = error == DX_E_LIMIT ? DX_OK : error; /* all places are taken by addresses that work */
    }
    dx_replica *replica = dx_replica_find(replication, space);
    bool tells = error == DX_OK && fresh && replica != NULL && may_tell_of(replica, claim->who) &&
                 may_tell_on(replica);
    return tells ? tell_members(replica, &claim->address, 1) : error;
}

int dx_replication_add_address(dx_replication *replication, dx_space *space, dx_bytes address,
                               dx_address_standing standing) {
    const dx_address_claim claim = {.address = address, .standing = standing};
    return add_claim(replication, space, &claim);
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

static void keep_offer(dx_session *session, dx_bytes address, dx_address_standing standing) {
    if (session->offered_count == DX_SYNC_ADDRESSES_MAX || !dx_address_check(address) ||
        offered(session, address)) {
        return;
    }
    session->offered_standing[session->offered_count] = standing;
    char *kept = session->offered[session->offered_count++];
    memcpy(kept, address.data, address.size);
    kept[address.size] = 0;
}

/* The word of the session's member; a form that nobody dials is passed over. */
static int believe(dx_session *session, dx_bytes address, dx_address_standing standing) {
    const dx_address_claim claim = {
        .address = address, .who = dx_bytes_of(session->identity, DX_KEY_SIZE), .standing = standing};
    int error = add_claim(session->replica->replication, session->replica->space, &claim);
    return dx_error_class_of(error) == DX_CLASS_CALLER ? DX_OK : error;
}

int dx_session_take_addresses(dx_session *session, const dx_bytes *addresses, size_t count,
                              dx_address_standing standing) {
    int error = DX_OK;
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        if (!dx_told_address_check(addresses[i], dx_bytes_text(session->address))) {
            dx_session_trace(session, "an address it told is not dialled");
            continue;
        }
        keep_offer(session, addresses[i], standing);
        if (session->state == DX_SESSION_MEMBER) {
            error = believe(session, addresses[i], standing);
        }
    }
    return error;
}

/* Those of the space that are neither hearsay nor the peer's own, as one ADDRESSES: everyone's newest before anyone's
 * second newest; none: nothing is said. */
static int tell_others(dx_session *session) {
    dx_replication *replication = session->replica->replication;
    dx_store *store = replication->context->store;
    char text[DX_SYNC_ADDRESSES_MAX][DX_ADDRESS_SIZE_MAX];
    dx_bytes addresses[DX_SYNC_ADDRESSES_MAX];
    size_t count = 0;
    sqlite3_stmt *select = dx_store_query(
        store, "SELECT address FROM address AS a WHERE space = ?1 AND standing > 0 GROUP BY address"
               " ORDER BY min((SELECT count(*) FROM address AS b WHERE b.space = ?1 AND b.who = a.who"
               " AND b.standing > 0 AND (b.told_ms, a.address) > (a.told_ms, b.address))),"
               " max(told_ms) DESC, address");
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
    dx_bytes address = dx_bytes_text(session->address);
    bool dialled = session->initiator && !dx_is_meeting_place(address);
    int error = dialled ? believe(session, address, DX_ADDRESS_REACHED) : DX_OK;
    for (size_t i = 0; error == DX_OK && i < session->offered_count; i++) {
        error = believe(session, dx_bytes_text(session->offered[i]), session->offered_standing[i]);
    }
    return error == DX_OK ? tell_others(session) : error;
}
