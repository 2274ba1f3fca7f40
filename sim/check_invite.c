/* sim/check_invite.c: what must hold of an invitation that came to its end among faults.
 *
 * Layer: simulator, checkers; docs/spec/invitation.md. Black box but for the host's counters, which are read
 * from its vault. */
#include <stdio.h>
#include <string.h>

#include "invite.h"
#include "node/state.h"

enum { RECOVER_MS = 120000 }; /* from a full disk that has room again */

static size_t count_rows(sim_peer *peer, const char *json) {
    sim_reply reply;
    sim_reply_init(&reply);
    size_t count = sim_ask_wait(peer, json, &reply) ? reply.row_count : SIZE_MAX;
    sim_reply_deinit(&reply);
    return count;
}

/* The row of the one invitation since the world was set up: the newest to expire. */
static void check_counters(const sim_invitation *invitation) {
    sim_world *world = invitation->world;
    dx_store *store = invitation->host->node->store;
    int error = dx_store_begin(store);
    if (error != DX_OK) {
        sim_violate(world, "the host's vault cannot be read: %s", dx_error_name(error));
        return;
    }
    sqlite3_stmt *rows = dx_store_query(store, "SELECT failures, uses FROM invitation WHERE request = ?1");
    dx_bind_bytes(rows, 1, dx_bytes_of(invitation->id, sizeof invitation->id));
    bool found = dx_step(store, rows);
    int64_t failures = dx_column_int(rows, 0), uses = dx_column_int(rows, 1);
    dx_step_reset(rows);
    dx_store_rollback(store);
    if (!found || failures > SIM_PIN_FAILURES_MAX || uses > 1) {
        sim_violate(world, "an invitation%s counts %lld failures and %lld uses", found ? "" : " is gone, or",
                    (long long)failures, (long long)uses);
    }
}

/* What a peer says to an attempt to write; false when it says nothing. */
static bool try_to_write(sim_peer *peer, int *code) {
    char json[160];
    sim_reply reply;
    sim_reply_init(&reply);
    snprintf(json, sizeof json, "{\"do\": \"object.add\", \"space\": \"%s\", \"type\": \"t0\"}",
             peer->world->space[0]);
    bool answered = sim_ask_wait(peer, json, &reply);
    dx_bytes error = dx_item_get(dx_buf_view(&reply.body), "error");
    *code = (int)dx_item_int(dx_item_get(error, "code"), DX_OK);
    sim_reply_deinit(&reply);
    return answered;
}

/* A reader reads. A node whose disk was full a moment ago refuses for that, whoever may write, until it has
 * tried again: it is asked once more then. */
static void check_reader(sim_peer *peer) {
    sim_world *world = peer->world;
    uint64_t end_ms = world->now_ms + RECOVER_MS;
    int code;
    bool answered = try_to_write(peer, &code);
    while (answered && dx_error_class_of(code) == DX_CLASS_HOST && world->now_ms < end_ms) {
        sim_run_until(world, world->now_ms + 1000);
        answered = try_to_write(peer, &code);
    }
    if (answered && code == DX_OK) {
        sim_violate(world, "peer %zu was admitted as a reader, and writes", peer->index);
    } else if (answered && code != DX_E_DENIED) {
        sim_violate(world, "peer %zu was admitted as a reader, and is refused for another reason: %s",
                    peer->index, dx_error_name(code));
    }
}

static void check_guest(const sim_guest *guest) {
    sim_world *world = guest->invitation->world;
    size_t spaces = count_rows(guest->peer, "{\"do\": \"space.list\"}");
    if (world->violation[0] == 0 && spaces != guest->joined) {
        sim_violate(world, "peer %zu %s, and knows %zu spaces", guest->peer->index,
                    guest->joined ? "joined" : "was refused", spaces);
    }
    if (guest->joined && !guest->knows) {
        sim_violate(world, "peer %zu joined without the PIN", guest->peer->index);
    }
    if (guest->joined && guest->invitation->reader && world->violation[0] == 0) {
        check_reader(guest->peer);
    }
    world->counts[guest->joined ? SIM_ADMITTED : SIM_TURNED_AWAY]++;
}

/* Who was admitted has used it up; but before he came back for a welcome that was lost, another one's wrong
 * PINs may have locked it. */
static bool agrees(const sim_invitation *invitation, size_t joined, size_t admitted) {
    const char *state = invitation->state;
    if (joined > admitted || admitted > 1 || invitation->wrong_told >= SIM_PIN_FAILURES_MAX) {
        return false;
    }
    if (strcmp(state, "success") == 0) {
        return joined == 1;
    }
    if (strcmp(state, "exhausted") == 0) {
        return admitted == 1;
    }
    if (strcmp(state, "locked") == 0 && invitation->guest_count > 1) {
        return true;
    }
    return admitted == 0 && (strcmp(state, "locked") == 0 || strcmp(state, "expired") == 0);
}

void sim_check_invitation(const sim_invitation *invitation) {
    sim_world *world = invitation->world;
    size_t joined = 0;
    char json[160];
    for (size_t i = 0; i < invitation->guest_count; i++) {
        check_guest(&invitation->guests[i]);
        joined += invitation->guests[i].joined;
    }
    snprintf(json, sizeof json, "{\"do\": \"space.members\", \"space\": \"%s\"}", world->space[0]);
    size_t members = count_rows(invitation->host, json);
    if (world->violation[0] != 0) {
        return;
    }
    size_t admitted = members - world->plan.peers;
    if (!agrees(invitation, joined, admitted)) {
        sim_violate(world, "an invitation ended as \"%s\" with %zu joined, %zu admitted, %u wrong PINs told",
                    invitation->state, joined, admitted, invitation->wrong_told);
        return;
    }
    check_counters(invitation);
}
