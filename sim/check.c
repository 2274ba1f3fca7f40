/* sim/check.c: what must hold whatever happened. Stands outside the nodes: it asks them like any program.
 *
 * Layer: simulator. After the faults end: every peer opens, all come in step within a time that follows from
 * the product's own waits (liveness), their digests over the canonical state are equal and so are the rows
 * they show (convergence), both, and answers to queries, are what the blocks say to a naive reference
 * (check_state.h), every acknowledged operation is in them, once (durability), watchers were told what the
 * rows say, nothing was refused and no feed forked (nobody here is dishonest), then they rest, start again
 * and are what they were; what lies on their disks shows
 * nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "check_state.h"
#include "epochs.h"

enum {
    POLL_MS = 2000,
    BESIDE_LIAR_MS = 30 * 60000, /* a liar costs time, and no constant says how much */
    /* From healing to all in step, by the constants of those who dial. At worst a link that died without a word
     * is noticed only now; its end counts as one failure more after many, so that the longest wait follows; a dial
     * that was under way then is given up first; the other side leaves the dialling to this one; and the
     * handshake takes all the time it has. What is missing goes over in milliseconds here. */
    IN_STEP_MS = DX_SYNC_DEAD_MS + DX_DIAL_ANSWER_MS + DX_DIAL_LAST_MS + DX_DIAL_YIELD_MS +
                 DX_CHANNEL_HANDSHAKE_MS + POLL_MS,
    REST_MS = 180000,
    /* Deliveries of one link while nothing changes: a ping and its answer every half minute, both ways, each
     * perhaps in two pieces, and a margin. */
    REST_DELIVERIES_MAX = 60
};

static const char secret[] = "sesame";

bool sim_is_sealed(dx_bytes bytes) {
    const uint8_t *at = bytes.data, *end = bytes.data + bytes.size;
    while ((size_t)(end - at) >= sizeof secret - 1 &&
           (at = memchr(at, secret[0], (size_t)(end - at) - (sizeof secret - 2))) != NULL) {
        if (memcmp(at, secret, sizeof secret - 1) == 0) {
            return false;
        }
        at++;
    }
    return true;
}

static size_t member_count(const sim_world *world, size_t space) {
    size_t count = 0;
    for (size_t i = 0; i < world->peer_count; i++) {
        count += world->peers[i].member[space];
    }
    return count;
}

/* --- Liveness ------------------------------------------------------------------------------------------ */

typedef struct sim_status {
    bool answered, synced;
    int64_t peers, pending, refused;
    char waiting[200], error[200];
} sim_status;

static void copy_text(dx_bytes map, const char *key, char *out, size_t size) {
    dx_bytes text = dx_item_text(dx_item_get(map, key));
    snprintf(out, size, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
}

static void on_status(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_status *status = &((sim_status *)ctx)[peer->index];
    (void)world;
    if (kind != SIM_ANSWER_LAST) {
        return;
    }
    status->answered = true;
    status->synced = dx_item_bool(dx_item_get(body, "synced"), false);
    status->peers = dx_item_int(dx_item_get(body, "peers"), 0);
    status->pending = dx_item_int(dx_item_get(body, "pending"), 0);
    status->refused = dx_item_int(dx_item_get(body, "refused"), 0);
    copy_text(body, "waiting", status->waiting, sizeof status->waiting);
    copy_text(dx_item_get(body, "error"), "message", status->error, sizeof status->error);
}

/* Asks every member and lets the world go on. */
static void ask_all(sim_world *world, size_t space, sim_status *status) {
    char json[160];
    memset(status, 0, SIM_PEERS_MAX * sizeof *status);
    snprintf(json, sizeof json, "{\"do\": \"space.status\", \"space\": \"%s\"}", world->space[space]);
    for (size_t i = 0; i < world->peer_count; i++) {
        if (world->peers[i].member[space]) {
            sim_ask_json(&world->peers[i], json, NULL, true, on_status, status);
        }
    }
    sim_run_until(world, world->now_ms + POLL_MS);
    for (size_t i = 0; i < world->peer_count; i++) {
        sim_forget_requests(&world->peers[i], status);
    }
}

/* Those a member must be connected with: all, but where nobody is dialled those whom it can reach through the NATs of both;
 * what others have it hears of through a third. */
static int64_t count_reachable(const sim_world *world, size_t space, size_t member) {
    int64_t count = 0;
    for (size_t i = 0; i < world->peer_count; i++) {
        count += i != member && world->peers[i].member[space] &&
                 (!world->plan.undiallable || sim_udp_permits(world, member, i));
    }
    return count;
}

static bool is_in_step(const sim_world *world, size_t space, size_t member, const sim_status *status) {
    return status->answered && status->synced && status->peers >= count_reachable(world, space, member);
}

static bool all_in_step(const sim_world *world, size_t space, const sim_status *status) {
    for (size_t i = 0; i < world->peer_count; i++) {
        if (world->peers[i].member[space] && !is_in_step(world, space, i, &status[i])) {
            return false;
        }
    }
    return true;
}

void sim_await_step(sim_world *world, size_t space) {
    sim_status status[SIM_PEERS_MAX];
    uint64_t start_ms = world->now_ms;
    do {
        ask_all(world, space, status);
        if (world->violation[0] != 0) {
            return;
        }
        if (all_in_step(world, space, status)) {
            world->converged_ms += world->now_ms - start_ms;
            break;
        }
    } while (world->now_ms < start_ms + IN_STEP_MS);
    for (size_t i = 0; i < world->peer_count; i++) {
        if (!world->peers[i].member[space]) {
            continue;
        }
        if (!is_in_step(world, space, i, &status[i])) {
            sim_violate(
                world,
                "peer %zu is not in step %d seconds after healing: up %d, answered %d, synced %d, %d peers, "
                "%d pending, %s%s",
                i, IN_STEP_MS / 1000, world->peers[i].node != NULL, status[i].answered, status[i].synced,
                (int)status[i].peers, (int)status[i].pending, status[i].waiting, status[i].error);
        }
        if (status[i].refused != 0 && world->hostile == NULL && world->counts[SIM_UNSEEN] == 0) {
            sim_violate(world, "peer %zu refused %d things of honest peers", i, (int)status[i].refused);
        }
    }
}

/* --- Convergence ------------------------------------------------------------------------------------------
 */

static bool read_digest(sim_peer *peer, size_t space, char *out, size_t size) {
    char json[160];
    sim_reply reply;
    sim_reply_init(&reply);
    snprintf(json, sizeof json, "{\"do\": \"space.digest\", \"space\": \"%s\"}", peer->world->space[space]);
    bool well = sim_ask_wait(peer, json, &reply);
    copy_text(dx_buf_view(&reply.body), "digest", out, size);
    if (well && out[0] == 0) {
        sim_violate(peer->world, "peer %zu gives no digest", peer->index);
    }
    sim_reply_deinit(&reply);
    return well;
}

/* --- Rows
 * --------------------------------------------------------------------------------------------------- */

static int compare_rows(const void *a, const void *b) {
    return dx_bytes_compare(dx_item_get(*(const dx_bytes *)a, "id"), dx_item_get(*(const dx_bytes *)b, "id"));
}

/* The rows as an array in the order of their ids; the caller frees it. */
static dx_bytes *sort_rows(const sim_reply *reply) {
    dx_bytes *rows = calloc(reply->row_count + 1, sizeof *rows);
    dx_reader reader;
    DX_ASSERT(rows != NULL);
    dx_reader_init(&reader, dx_buf_view(&reply->rows));
    for (size_t i = 0; i < reply->row_count; i++) {
        rows[i] = dx_read_item(&reader);
    }
    qsort(rows, reply->row_count, sizeof *rows, compare_rows);
    return rows;
}

/* The id of the first row that is another in one of them, or is only in one; no data: they are the same. */
static dx_bytes find_difference(const dx_bytes *a, size_t a_count, const dx_bytes *b, size_t b_count) {
    size_t i = 0;
    while (i < a_count && i < b_count && dx_bytes_equal(a[i], b[i])) {
        i++;
    }
    if (i == a_count && i == b_count) {
        return (dx_bytes){0};
    }
    bool from_a = i == b_count || (i < a_count && compare_rows(&a[i], &b[i]) <= 0);
    return dx_item_text(dx_item_get(from_a ? a[i] : b[i], "id"));
}

/* Into `out`; empty when nothing differs. */
static void name_difference(const sim_reply *ours, const sim_reply *theirs, char *out, size_t size) {
    dx_bytes *a = sort_rows(ours), *b = sort_rows(theirs);
    dx_bytes id = find_difference(a, ours->row_count, b, theirs->row_count);
    snprintf(out, size, "%.*s", (int)id.size, (const char *)id.data);
    free(a);
    free(b);
}

static void compare_shown(sim_world *world, size_t peer, const sim_reply *ours, const sim_reply *theirs) {
    char id[80];
    name_difference(ours, theirs, id, sizeof id);
    if (id[0] != 0) {
        sim_violate(world, "peer %zu shows %s otherwise than the first peer (%zu rows, %zu)", peer, id,
                    theirs->row_count, ours->row_count);
    }
}

static bool read_rows(sim_peer *peer, size_t space, sim_reply *reply) {
    char json[160];
    sim_reply_init(reply);
    snprintf(json, sizeof json, "{\"do\": \"export\", \"space\": \"%s\"}", peer->world->space[space]);
    return sim_ask_wait(peer, json, reply);
}

/* For the story: the row of that id. */
static void note_row(sim_world *world, size_t peer, const sim_reply *reply, const char *id) {
    dx_bytes *rows = sort_rows(reply);
    for (size_t i = 0; world->verbose && i < reply->row_count; i++) {
        dx_buf json;
        dx_buf_init(&json, &sim_heap, 1 << 20);
        if (dx_bytes_equal(dx_item_text(dx_item_get(rows[i], "id")), dx_bytes_text(id)) &&
            dx_json_print(rows[i], &json) == DX_OK) {
            sim_note(world, "peer %zu shows %.*s", peer, (int)json.size, (const char *)json.data);
        }
        dx_buf_deinit(&json);
    }
    free(rows);
}

/* Where two states part: the first object, of those that are shown. */
static void tell_difference(sim_world *world, size_t space, size_t a, size_t b, char *out, size_t size) {
    sim_reply ours, theirs;
    bool read = read_rows(&world->peers[a], space, &ours);
    read = read_rows(&world->peers[b], space, &theirs) && read;
    snprintf(out, size, "nothing");
    if (read) {
        char id[80];
        name_difference(&ours, &theirs, id, sizeof id);
        snprintf(out, size, "%s", id[0] != 0 ? id : "nothing");
        note_row(world, a, &ours, id);
        note_row(world, b, &theirs, id);
    }
    sim_reply_deinit(&ours);
    sim_reply_deinit(&theirs);
}

static void check_digests(sim_world *world, size_t space, char *first, size_t size) {
    char digest[65];
    size_t last = 0;
    first[0] = 0;
    for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
        if (!world->peers[i].member[space] || !read_digest(&world->peers[i], space, digest, sizeof digest)) {
            continue;
        }
        if (first[0] != 0 && strcmp(digest, first) != 0) {
            char what[80];
            tell_difference(world, space, last, i, what, sizeof what);
            sim_violate(
                world, "peer %zu holds another state: %.16s… instead of %.16s…; of what both show %s differs",
                i, digest, first, what);
        }
        snprintf(first, size, "%s", digest);
        last = i;
    }
}

static void check_rows(sim_world *world, size_t space, const char *digest) {
    sim_reply first;
    if (!read_rows(&world->peers[0], space, &first)) {
        sim_reply_deinit(&first);
        return;
    }
    sim_check_rows(world, &world->peers[0], space, dx_buf_view(&first.rows), 0);
    if (world->violation[0] == 0) {
        check_state(&world->peers[0], space, dx_buf_view(&first.rows), digest);
    }
    for (size_t i = 1; i < world->peer_count && world->violation[0] == 0; i++) {
        sim_reply other;
        if (!world->peers[i].member[space]) {
            continue;
        }
        if (read_rows(&world->peers[i], space, &other)) {
            compare_shown(world, i, &first, &other);
        }
        sim_reply_deinit(&other);
    }
    sim_reply_deinit(&first);
}

/* --- Rest
 * ------------------------------------------------------------------------------------------------------ */

static void check_rest(sim_world *world) {
    uint64_t before = world->counts[SIM_DELIVERIES], links = 0;
    for (size_t space = 0; space < world->plan.spaces; space++) {
        size_t members = member_count(world, space);
        links += members * (members - 1) / 2;
    }
    sim_run_until(world, world->now_ms + REST_MS);
    uint64_t deliveries = world->counts[SIM_DELIVERIES] - before;
    if (deliveries > links * REST_DELIVERIES_MAX) {
        sim_violate(world, "no rest: %u deliveries in %d seconds over %u links", (unsigned)deliveries,
                    REST_MS / 1000, (unsigned)links);
    }
}

/* Everyone is closed in good order, opened again, and is what he was. */
static void check_restart(sim_world *world) {
    char before[65], after[65];
    check_digests(world, 0, before, sizeof before);
    for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
        sim_peer_stop(&world->peers[i]);
        if (world->violation[0] == 0 && !sim_is_hostile(&world->peers[i])) {
            sim_peer_start(&world->peers[i]);
        }
    }
    check_digests(world, 0, after, sizeof after);
    if (world->violation[0] == 0 && strcmp(before, after) != 0) {
        sim_violate(world, "the state is another after a restart: %.16s… instead of %.16s…", after, before);
    }
}

static void check_disks(sim_world *world) {
    static const char *const names[] = {"vault.db", "vault.db-wal"};
    for (size_t i = 0; i < 2 * world->peer_count; i++) {
        if (!sim_is_sealed(sim_disk_file(world->peers[i / 2].disk, names[i % 2]))) {
            sim_violate(world, "peer %zu: %s shows in clear what was written into a space", i / 2,
                        names[i % 2]);
        }
    }
}

/* --- All of it
 * --------------------------------------------------------------------------------------------------- */

/* Whoever is asked takes a step, in which an epoch may be made whose time has come: the others have not that one yet. */
static void await_epochs(sim_world *world, size_t space) {
    char digest[65];
    uint64_t made;
    do {
        made = world->counts[SIM_EPOCH_MADE];
        sim_await_step(world, space);
        for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
            (void)(world->peers[i].member[space] &&
                   read_digest(&world->peers[i], space, digest, sizeof digest));
        }
    } while (world->violation[0] == 0 && world->counts[SIM_EPOCH_MADE] != made);
}

static void judge_space(sim_world *world, size_t space) {
    char digest[65];
    await_epochs(world, space);
    if (world->violation[0] == 0) {
        check_digests(world, space, digest, sizeof digest);
    }
    if (world->violation[0] == 0) {
        check_rows(world, space, digest);
    }
    if (world->violation[0] == 0) {
        sim_check_names(world, space);
    }
    if (world->violation[0] == 0) {
        sim_check_epochs(world, space);
    }
    if (world->violation[0] == 0) {
        sim_check_purges(world, space);
    }
    if (world->violation[0] == 0 && world->counts[SIM_UNSEEN] > 0) {
        sim_check_forks(world, space);
    }
}

static bool hold_one_state(sim_world *world) {
    char first[65] = "", digest[65] = "";
    bool equal = true;
    for (size_t i = 0; i < world->plan.peers && world->violation[0] == 0; i++) {
        read_digest(&world->peers[i], 0, digest, sizeof digest);
        memcpy(first, i == 0 ? digest : first, sizeof first);
        equal = equal && strcmp(first, digest) == 0;
    }
    return equal;
}

/* The liar is still among them, and says nothing new: the honest must come to one state all the same. */
static void check_beside_liar(sim_world *world) {
    sim_status status[SIM_PEERS_MAX];
    uint64_t start_ms = world->now_ms;
    do {
        ask_all(world, 0, status);
        if (world->violation[0] != 0 || hold_one_state(world)) {
            return;
        }
    } while (world->now_ms < start_ms + BESIDE_LIAR_MS);
    for (size_t i = 0; i < world->plan.peers; i++) {
        sim_note(world, "peer %zu: %d peers, %d pending, %d refused, %s%s", i, (int)status[i].peers,
                 (int)status[i].pending, (int)status[i].refused, status[i].waiting, status[i].error);
    }
    sim_violate(world, "honest peers hold different states %d minutes after healing, with a liar among them",
                BESIDE_LIAR_MS / 60000);
}

void sim_check_end(sim_world *world) {
    sim_heal(world);
    for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
        sim_peer_start(&world->peers[i]);
    }
    sim_invite_end(world);
    if (world->hostile != NULL && world->skew != NULL) {
        sim_skew_renew(world); /* those who know a model digest another thing than those who do not */
    }
    sim_parts_end(world);
    if (world->hostile != NULL && world->violation[0] == 0) {
        check_beside_liar(world);
        sim_hostile_end(world);
    }
    bool acts_go_on = world->epochs != NULL || world->skew != NULL;
    for (size_t space = 0; acts_go_on && space < world->plan.spaces; space++) {
        sim_await_step(world, space);
    }
    sim_epochs_end(world);
    if (world->skew != NULL && world->violation[0] == 0) {
        sim_skew_end(world);
    }
    sim_archive_take_all(world);
    for (size_t space = 0; space < world->plan.spaces && world->violation[0] == 0; space++) {
        judge_space(world, space);
    }
    if (world->violation[0] == 0) {
        sim_watch_check(world);
        sim_order_check(world);
        check_disks(world);
        sim_check_hostile(world);
    }
    if (world->violation[0] != 0) {
        sim_tell_feeds(world);
    }
    if (world->violation[0] == 0 && world->plan.seed % 8 == 0) {
        check_rest(world);
    }
    if (world->violation[0] == 0 && world->plan.seed % 8 == 1) {
        check_restart(world);
    }
}
