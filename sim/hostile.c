/* sim/hostile.c: the liar's life: when it lies, where its node's words are caught, and who must notice.
 *
 * Layer: simulator; looks inside the core (hostile.h). The seam is the linker's --wrap: calls of
 * dx_session_send, dx_replication_settle and dx_space_renew_feeds from other files of the core come here
 * first, and go on to the real ones. Whose node calls is told by its allocator, so nothing is global. */
#include "hostile.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIES_PER_OPERATION = 5, /* one lie in so many operations */
    NOTICE_MS = 120000,     /* a search for a fork takes nine round trips at the most */
    NOTICE_AGAIN_MS = 30000,
    WITHHELD_MAX = 5
};

/* NOLINTBEGIN(readability-identifier-naming): the linker's names */
int __wrap_dx_session_send(dx_session *session);
int __real_dx_session_send(dx_session *session);
int __wrap_dx_replication_settle(dx_replication *replication, uint64_t *deadline_ms);
int __real_dx_replication_settle(dx_replication *replication, uint64_t *deadline_ms);
int __wrap_dx_space_renew_feeds(dx_context *context, dx_space *space);
int __real_dx_space_renew_feeds(dx_context *context, dx_space *space);
/* NOLINTEND(readability-identifier-naming) */

/* --- Whose node this is ------------------------------------------------------------------------------- */

/* NULL: an honest one. */
static sim_hostile *liar_of(const dx_context *context) {
    const sim_peer *peer =
        (const sim_peer *)(const void *)((const char *)context->alloc->ctx - offsetof(sim_peer, memory));
    sim_hostile *hostile = peer->world->hostile;
    return hostile != NULL && hostile->peer == peer && !hostile->over ? hostile : NULL;
}

uint64_t sim_hostile_below(sim_hostile *hostile, uint64_t bound) {
    return sim_below(hostile->peer->world, bound);
}

void sim_hostile_fill(sim_hostile *hostile, uint8_t *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)sim_hostile_below(hostile, 256);
    }
}

void sim_hostile_told(sim_hostile *hostile, sim_count lie) {
    hostile->peer->world->counts[lie]++;
    sim_note(hostile->peer->world, "the liar: %s", sim_count_words[lie]);
}

/* --- Who must notice ----------------------------------------------------------------------------------- */

typedef struct sim_notice {
    sim_hostile *hostile;
    uint64_t link, life;
    sim_count lie;
    bool looked; /* it was up and quiet at the last look already */
} sim_notice;

static void look(sim_world *world, void *ctx, uint64_t number);

static void look_again(const sim_notice *notice, uint64_t delay_ms) {
    sim_notice *copy = malloc(sizeof *copy);
    DX_ASSERT(copy != NULL);
    *copy = *notice;
    sim_at_owning(notice->hostile->peer->world, notice->hostile->peer->world->now_ms + delay_ms, look, copy,
                  0);
}

static void look(sim_world *world, void *ctx, uint64_t number) {
    sim_notice *notice = ctx;
    sim_peer *peer = notice->hostile->peer;
    sim_link_state state = sim_net_state(peer, notice->link);
    (void)number;
    if (peer->life != notice->life || state == SIM_LINK_GONE) {
        return;
    }
    if (state == SIM_LINK_QUIET && notice->looked) {
        sim_violate(world, "an honest peer goes on listening after it heard %s (link %d)",
                    sim_count_words[notice->lie], (int)notice->link);
        return;
    }
    notice->looked = state == SIM_LINK_QUIET;
    look_again(notice, NOTICE_AGAIN_MS);
}

void sim_hostile_watch(sim_hostile *hostile, const dx_session *session, sim_count lie) {
    sim_notice notice = {.hostile = hostile, .link = session->link, .life = hostile->peer->life, .lie = lie};
    look_again(&notice, NOTICE_MS);
}

/* --- What its node says -------------------------------------------------------------------------------- */

static void overhear(sim_hostile *hostile, dx_bytes message) {
    size_t at = hostile->overheard_count < SIM_OVERHEARD ? hostile->overheard_count++
                                                         : (size_t)sim_hostile_below(hostile, SIM_OVERHEARD);
    dx_buf_clear(&hostile->overheard[at]);
    dx_buf_append(&hostile->overheard[at], message.data, message.size);
}

int sim_hostile_say(dx_session *session, dx_bytes message) {
    dx_buf *out = &session->replica->replication->message;
    dx_buf_clear(out);
    dx_buf_append(out, message.data, message.size);
    return __real_dx_session_send(session);
}

bool sim_hostile_has_gap(const sim_hostile *hostile, const dx_session *session) {
    for (size_t i = 0; i < hostile->gap_count; i++) {
        if (hostile->gaps[i].link == session->link && hostile->gaps[i].life == hostile->peer->life) {
            return true;
        }
    }
    return false;
}

static void note_gap(sim_hostile *hostile, const dx_session *session) {
    if (!sim_hostile_has_gap(hostile, session)) {
        hostile->gaps[hostile->gap_count++] = (sim_gap){session->link, hostile->peer->life};
    }
}

/* Answers to questions are never held back: who asks would wait, and rightly say nothing. */
static bool may_withhold(const sim_hostile *hostile, dx_bytes message) {
    dx_sync_kind kind = dx_sync_message_kind(message);
    if (kind == DX_SYNC_DATA && hostile->gap_count == SIM_GAPS_MAX) {
        return false;
    }
    return kind == DX_SYNC_STATE || kind == DX_SYNC_WANT || kind == DX_SYNC_DATA || kind == DX_SYNC_MORE ||
           kind == DX_SYNC_ADDRESSES;
}

int __wrap_dx_session_send(dx_session *session) {
    sim_hostile *hostile = liar_of(session->replica->replication->context);
    dx_buf *message = &session->replica->replication->message;
    if (hostile == NULL || dx_buf_error(message) != DX_OK) {
        return __real_dx_session_send(session);
    }
    overhear(hostile, dx_buf_view(message));
    if (hostile->withhold > 0 && may_withhold(hostile, dx_buf_view(message))) {
        hostile->withhold--;
        if (dx_sync_message_kind(dx_buf_view(message)) == DX_SYNC_DATA) {
            note_gap(hostile, session);
        }
        dx_buf_clear(message);
        sim_hostile_told(hostile, SIM_WITHHELD);
        return DX_OK;
    }
    int error = sim_hostile_falsify(hostile, session, message);
    return error == DX_OK ? __real_dx_session_send(session) : error;
}

/* Its vault was set back and it is told so: an honest node would begin new feeds. The liar's goes on, until
 * its feeds are proven to be forked and take nothing more. */
int __wrap_dx_space_renew_feeds(dx_context *context, dx_space *space) {
    const sim_hostile *hostile = liar_of(context);
    bool frozen = false;
    for (size_t i = 0; i < space->feed_count; i++) {
        frozen = frozen || (space->feeds[i].own && space->feeds[i].frozen);
    }
    return hostile != NULL && hostile->image != NULL && !frozen ? DX_OK
                                                                : __real_dx_space_renew_feeds(context, space);
}

/* --- Telling what is due -------------------------------------------------------------------------------- */

static dx_session *choose_session(sim_hostile *hostile, const dx_replica *replica) {
    size_t members = 0;
    dx_session *chosen = NULL;
    for (dx_session *session = replica->sessions; session != NULL; session = session->next) {
        if (session->state == DX_SESSION_MEMBER && sim_hostile_below(hostile, ++members) == 0) {
            chosen = session;
        }
    }
    return chosen;
}

static int tell(sim_hostile *hostile, dx_replica *replica, sim_count lie) {
    switch ((unsigned)lie) {
    case SIM_FORGED_RUN:
    case SIM_FORGED_SIGNER:
    case SIM_TWIN:
        hostile->armed |= 1u << (lie - SIM_LIE_FIRST);
        return DX_OK;
    case SIM_WITHHELD:
        hostile->withhold = 1 + (size_t)sim_hostile_below(hostile, WITHHELD_MAX);
        return DX_OK;
    case SIM_DEAD_BLOCK:
    case SIM_FALSE_BLOCK:
    case SIM_WITHOUT_RIGHT:
        return sim_hostile_write(hostile, replica, lie);
    case SIM_FALSE_EPOCH:
        return sim_hostile_epoch(hostile, replica);
    default:
        break;
    }
    dx_session *session = choose_session(hostile, replica);
    if (lie == SIM_FALSE_PIECE && (session == NULL || sim_hostile_below(hostile, 3) != 0)) {
        hostile->armed |= 1u << (lie - SIM_LIE_FIRST);
        return DX_OK;
    }
    if (lie == SIM_FALSE_PIECE) {
        return sim_hostile_gone(hostile, session);
    }
    return session == NULL ? DX_OK : sim_hostile_tell(hostile, session, lie);
}

int __wrap_dx_replication_settle(dx_replication *replication, uint64_t *deadline_ms) {
    sim_hostile *hostile = liar_of(replication->context);
    size_t count = hostile == NULL ? 0 : hostile->due_count;
    int error = DX_OK;
    if (hostile != NULL) {
        memcpy(hostile->identity, replication->context->identity->identity, sizeof hostile->identity);
        memcpy(hostile->device, replication->context->identity->device, sizeof hostile->device);
    }
    for (size_t i = 0; i < count && error == DX_OK && replication->replicas != NULL; i++) {
        error = dx_replica_refresh(replication->replicas);
        error = error ? error : tell(hostile, replication->replicas, hostile->due[i]);
    }
    if (count > 0) {
        hostile->due_count = 0;
    }
    error = error ? error : __real_dx_replication_settle(replication, deadline_ms);
    if (count > 0) {
        *deadline_ms = replication->context->now_ms; /* what it wrote passes its own pipeline, too */
    }
    return error;
}

/* --- When ----------------------------------------------------------------------------------------------- */

/* The disk becomes what it was, and the token outside of it too: the vault cannot know. */
static void set_back(sim_hostile *hostile) {
    sim_peer *peer = hostile->peer;
    sim_world *world = peer->world;
    sim_peer_stop(peer);
    sim_disk_crash(peer->disk); /* what was not synced is decided, so that the copy is of one disk */
    if (hostile->image == NULL) {
        hostile->image = sim_disk_copy(peer->disk, sim_random(&world->random_state));
        memcpy(hostile->token, peer->token, sizeof hostile->token);
    } else {
        sim_disk_restore(peer->disk, hostile->image);
        memcpy(peer->token, hostile->token, sizeof peer->token);
        sim_hostile_told(hostile, SIM_SET_BACK_UNSEEN);
    }
    sim_peer_start(peer);
}

static unsigned count_lies(const sim_hostile *hostile) {
    return hostile->peer->world->plan.epochs ? SIM_LIE_COUNT : SIM_PLAIN_LIES;
}

static sim_count draw(sim_hostile *hostile) {
    sim_count lie;
    do {
        lie = (sim_count)(SIM_LIE_FIRST + sim_hostile_below(hostile, count_lies(hostile)));
    } while ((hostile->habits >> (lie - SIM_LIE_FIRST) & 1u) == 0);
    return lie;
}

static void on_lie(sim_world *world, void *ctx, uint64_t number) {
    sim_hostile *hostile = ctx;
    (void)number;
    if (hostile->over || hostile->peer->node == NULL || world->violation[0] != 0) {
        return;
    }
    sim_count lie = draw(hostile);
    if (lie == SIM_SET_BACK_UNSEEN) {
        set_back(hostile);
    } else if (hostile->due_count < SIM_LIES_DUE_MAX) {
        hostile->due[hostile->due_count++] = lie;
        sim_peer_event(hostile->peer, &(dx_event){.kind = DX_EVENT_CLOCK});
    }
}

static unsigned bit(sim_count lie) {
    return 1u << (lie - SIM_LIE_FIRST);
}

/* A random set. A vault whose own feed holds what was never applied does not open again, and rightly: who sets
 * it back does not write such blocks. */
static unsigned draw_habits(sim_hostile *hostile) {
    const sim_plan *plan = &hostile->peer->world->plan;
    bool admin = plan->hostile == SIM_LYING_ADMIN;
    unsigned habits = 0;
    while (habits == 0) {
        habits = (unsigned)sim_hostile_below(hostile, 1u << count_lies(hostile));
        habits &= hostile->reader ? ~bit(SIM_SET_BACK_UNSEEN) : ~0u;
        habits &= admin ? ~bit(SIM_WITHOUT_RIGHT) : ~bit(SIM_FALSE_EPOCH);
        habits &= plan->epochs ? ~(bit(SIM_SET_BACK_UNSEEN) | bit(SIM_TWIN)) : ~0u;
    }
    return (habits & bit(SIM_SET_BACK_UNSEEN)) != 0 ? habits & ~bit(SIM_DEAD_BLOCK) : habits;
}

void sim_hostile_begin(sim_world *world) {
    if (world->plan.hostile == SIM_NO_LIAR) {
        return;
    }
    sim_hostile *hostile = calloc(1, sizeof *hostile);
    DX_ASSERT(hostile != NULL);
    world->hostile = hostile;
    hostile->peer = &world->peers[world->peer_count - 1];
    hostile->reader = world->plan.hostile == SIM_LYING_READER;
    hostile->habits = draw_habits(hostile);
    for (size_t i = 0; i < SIM_OVERHEARD; i++) {
        dx_buf_init(&hostile->overheard[i], &sim_heap, SIM_MESSAGE_MAX);
    }
    for (size_t i = 0; i < world->plan.operations / LIES_PER_OPERATION; i++) {
        sim_at(world, world->now_ms + sim_below(world, world->plan.minutes * 60000), on_lie, hostile, i);
    }
}

bool sim_is_hostile(const sim_peer *peer) {
    return peer->world->hostile != NULL && peer->world->hostile->peer == peer;
}

void sim_hostile_end(sim_world *world) {
    if (world->hostile != NULL) {
        sim_note(world, "the liar is gone");
        sim_peer_stop(world->hostile->peer);
        world->hostile->over = true;
    }
}

void sim_hostile_deinit(sim_world *world) {
    sim_hostile *hostile = world->hostile;
    if (hostile == NULL) {
        return;
    }
    for (size_t i = 0; i < SIM_OVERHEARD; i++) {
        dx_buf_deinit(&hostile->overheard[i]);
    }
    sim_disk_destroy(hostile->image);
    free(hostile);
    world->hostile = NULL;
}
