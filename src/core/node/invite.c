/* node/invite.c: space.share, space.join, space.pin, invitation.*: invitation machines joined to links, commands
 * and the space.
 *
 * Layer: floor 1, node. Every call of a machine ends in `perform`: what it appended is sent, what it asks for
 * is done in the same transaction. */
#include "node/invite.h"

#include <string.h>

#include "halo/invitation.h"
#include "node/state.h"
#include "sync/told_address.h"

typedef struct dx_invite dx_invite;

struct dx_invite {
    dx_invite *next;
    dx_node *node;
    uint64_t topic; /* number in the swarm */
    uint64_t link;  /* guest: the link in use */
    bool has_link;
    bool is_host;
    bool wound; /* host: its machine knows the clocks */
    bool told_any;
    int told_state;
    uint8_t request[DX_REQUEST_SIZE];    /* key of the one that is told; it may be gone */
    char origin[DX_ORIGIN_SIZE_MAX + 1]; /* of the app that asked; empty: an own program */
    uint8_t space_id[DX_HASH_SIZE];      /* guest: what was joined */
    dx_buf out;
    dx_buf scope; /* guest: what will be kept of the space (echo/space_scope.h), empty: all */
    dx_parked_guest beside[DX_INVITATION_GUESTS_MAX - 1]; /* host: who waits while another is at the door */
    size_t beside_count;
    union {
        dx_invitation_host host;
        dx_invitation_guest guest;
    } machine;
};

/* Topics of invitations are numbered above every space's local number. */
enum { INVITE_TOPIC_SHIFT = 32 };

/* --- Performing what a machine asks for ------------------------------------------------------------- */

static int send_out(dx_invite *invite, uint64_t link) {
    int error = dx_buf_error(&invite->out);
    if (error == DX_OK && invite->out.size > 0) {
        error = dx_swarm_send(invite->node->swarm, link, dx_buf_view(&invite->out));
        error = error == DX_E_NOT_FOUND ? DX_OK
                                        : error; /* gone in this very step: the machine is told by on_close */
    }
    dx_buf_clear(&invite->out);
    return error;
}

static int admit(dx_invite *invite) {
    dx_node *node = invite->node;
    dx_invitation_host *host = &invite->machine.host;
    dx_space *space = dx_node_space(node, host->invitation.space);
    if (space == NULL) {
        return dx_invitation_host_refused(host, DX_E_NOT_FOUND, node->context.now_ms, &invite->out);
    }
    dx_buf welcome;
    dx_buf_init(&welcome, &node->config.alloc, DX_WELCOME_SIZE_MAX);
    int error = dx_space_admit(&node->context, space, dx_buf_view(&host->request.device_credential),
                               host->invitation.role, host->invitation.id, &welcome);
    if (error == DX_OK) {
        error = dx_invitation_host_admitted(host, dx_buf_view(&welcome), node->context.now_ms, &invite->out);
    } else if (dx_error_class_of(error) != DX_CLASS_HOST) {
        error = dx_invitation_host_refused(host, error, node->context.now_ms, &invite->out);
    }
    dx_buf_deinit(&welcome);
    return error;
}

/* --- Beside the door: several guests of one invitation ------------------------------------------------ */

static void leave_place(dx_invite *invite, size_t index) {
    memmove(&invite->beside[index], &invite->beside[index + 1],
            (invite->beside_count - index - 1) * sizeof invite->beside[0]);
    invite->beside_count--;
}

static void send_away(dx_invite *invite, size_t index, int reason) {
    uint64_t link = invite->beside[index].link;
    leave_place(invite, index);
    dx_swarm_close(invite->node->swarm, link, reason);
}

static void wait_beside(dx_invite *invite, const dx_parked_guest *guest) {
    if (invite->beside_count == DX_INVITATION_GUESTS_MAX - 1) {
        send_away(invite, 0, DX_E_BUSY);
    }
    invite->beside[invite->beside_count++] = *guest;
}

/* Whoever holds the door without need steps aside. */
static void clear_door(dx_invite *invite) {
    dx_invitation_host *host = &invite->machine.host;
    uint64_t now_ms = invite->node->context.now_ms, link = host->link;
    dx_parked_guest guest;
    if (dx_invitation_host_park(host, now_ms, &guest)) {
        wait_beside(invite, &guest);
    } else if (dx_invitation_host_is_kept_waiting(host, now_ms)) {
        dx_invitation_host_closed(host, link, now_ms);
        dx_swarm_close(invite->node->swarm, link, DX_E_BUSY);
    }
}

/* Brings the guest who speaks to the door. False: another's proof is under way, or he is unknown. */
static bool take_turn(dx_invite *invite, uint64_t link) {
    dx_invitation_host *host = &invite->machine.host;
    const dx_context *context = &invite->node->context;
    if (host->has_link && host->link == link) {
        return true;
    }
    size_t index = 0;
    while (index < invite->beside_count && invite->beside[index].link != link) {
        index++;
    }
    if (index == invite->beside_count) {
        return false;
    }
    dx_parked_guest guest = invite->beside[index];
    leave_place(invite, index);
    clear_door(invite);
    int error = dx_invitation_host_resume(host, &guest, context->now_ms, context->wall_ms);
    if (error != DX_OK) {
        dx_swarm_close(invite->node->swarm, link, error);
    }
    return error == DX_OK;
}

/* Who waited longer than his state allows; all of them once the invitation is over: coming again they are told
 * how it ended. */
static void see_off(dx_invite *invite) {
    bool over = dx_host_state_ends(invite->machine.host.state);
    for (size_t i = invite->beside_count; i-- > 0;) {
        bool late = invite->node->context.now_ms >= invite->beside[i].until_ms;
        if (over || late) {
            send_away(invite, i, over ? DX_E_BUSY : DX_E_TIMEOUT);
        }
    }
}

static int perform_host(dx_invite *invite) {
    dx_node *node = invite->node;
    dx_invitation_host *host = &invite->machine.host;
    for (;;) {
        uint64_t link = host->link;
        unsigned actions = dx_invitation_host_actions(host);
        int error = DX_OK;
        if ((actions & DX_HOST_DO_ADMIT) != 0) {
            error = admit(invite);
            unsigned more = dx_invitation_host_actions(host);
            actions = (actions & ~(unsigned)DX_HOST_DO_ADMIT) | more;
        }
        if (error == DX_OK && (actions & DX_HOST_DO_SAVE) != 0) {
            error = dx_invitation_save(node->store, &host->invitation);
        }
        if (error == DX_OK) {
            error = send_out(invite, link);
        }
        if (error != DX_OK) {
            return error;
        }
        if ((actions & DX_HOST_DO_CLOSE) == 0) {
            see_off(invite);
            return DX_OK;
        }
        dx_swarm_close(node->swarm, link, host->reason);
        dx_invitation_host_closed(host, link, node->context.now_ms);
    }
}

static dx_space *find_space(dx_node *node, const uint8_t id[static DX_HASH_SIZE]) {
    for (size_t i = 0; i < node->space_count; i++) {
        if (memcmp(node->spaces[i]->id, id, DX_HASH_SIZE) == 0) {
            return node->spaces[i];
        }
    }
    return NULL;
}

/* The host was reached by one of the link's addresses. */
static bool may_be_told(const dx_invitation_link *link, dx_bytes address) {
    for (size_t i = 0; i < link->address_count; i++) {
        if (dx_told_address_check(address, dx_bytes_text(link->addresses[i]))) {
            return true;
        }
    }
    return false;
}

static int dial_host(dx_node *node, dx_space *space, const dx_invitation_link *link,
                     const dx_welcome *bundle) {
    dx_reader cursor;
    dx_reader_init(&cursor, bundle->addresses);
    int error = DX_OK;
    for (size_t i = 0; error == DX_OK && i < bundle->address_count; i++) {
        dx_bytes address = dx_welcome_address(&cursor);
        if (may_be_told(link, address)) {
            error = dx_replication_add_address(node->replication, space, address, DX_ADDRESS_HEARSAY);
            error = error == DX_E_INVALID ? DX_OK : error;
        }
    }
    return error;
}

/* The app by which the space came is granted it; a space that was here before it is not. */
static int allow_asker(const dx_invite *invite, const dx_space *space) {
    dx_app *app = dx_app_find(invite->node, dx_bytes_text(invite->origin));
    int error =
        app != NULL && app->granted ? dx_app_allow(invite->node, app, space->id, DX_LEVEL_SHARE) : DX_OK;
    return error == DX_E_LIMIT ? DX_OK : error; /* the person may still grant it */
}

/* Before anything of it is asked for. */
static int keep_part(const dx_invite *invite, dx_space *space) {
    dx_context *context = &invite->node->context;
    dx_space_scope scope;
    if (invite->scope.size == 0) {
        return DX_OK;
    }
    dx_space_scope_init(&scope, context->alloc);
    int error = dx_space_scope_read(&scope, dx_buf_view(&invite->scope));
    error = error == DX_OK ? dx_space_scope_set(context, space, &scope) : error;
    dx_space_scope_deinit(&scope);
    return error;
}

static int join(dx_invite *invite) {
    dx_node *node = invite->node;
    dx_invitation_guest *guest = &invite->machine.guest;
    dx_space *space = find_space(node, guest->bundle.space_id); /* joining twice is success */
    int error = DX_OK;
    if (space == NULL) {
        error = dx_space_join(&node->context, dx_buf_view(&guest->welcome), &space);
        node->sweeping = node->sweeping || error != DX_OK;
        if (error == DX_OK) {
            error = keep_part(invite, space);
        }
        if (error == DX_OK) {
            error = dx_node_add_space(node, space);
        }
        if (error == DX_OK) {
            error = allow_asker(invite, space);
        }
    }
    if (error == DX_OK) {
        memcpy(invite->space_id, space->id, DX_HASH_SIZE);
        error = dial_host(node, space, &guest->link, &guest->bundle);
    }
    /* The link's own addresses too: they are known to have worked. */
    for (size_t i = 0; error == DX_OK && i < guest->link.address_count; i++) {
        error = dx_replication_add_address(node->replication, space, dx_bytes_text(guest->link.addresses[i]),
                                           DX_ADDRESS_TYPED);
        error = error == DX_E_INVALID ? DX_OK : error;
    }
    if (error != DX_OK && dx_error_class_of(error) == DX_CLASS_HOST) {
        return error;
    }
    return dx_invitation_guest_joined(guest, error, node->context.now_ms, &invite->out);
}

static int ask_pin(dx_invite *invite, dx_request *request) {
    dx_node *node = invite->node;
    dx_invitation_guest *guest = &invite->machine.guest;
    if (request == NULL) {
        return DX_OK; /* who asks the same again is told */
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "state"), dx_guest_state_name(guest->state));
    dx_write_text(dx_map_builder_key(&map, "message"), guest->error != DX_OK
                                                           ? dx_error_text(guest->error)
                                                           : dx_guest_state_sentence(guest->state));
    if (guest->error == DX_E_PIN) {
        dx_write_uint(dx_map_builder_key(&map, "left"), guest->left);
    }
    return dx_request_notify(node, request, &map);
}

static int perform_guest(dx_invite *invite) {
    dx_node *node = invite->node;
    dx_invitation_guest *guest = &invite->machine.guest;
    for (unsigned actions; (actions = dx_invitation_guest_actions(guest)) != 0 || invite->out.size > 0;) {
        int error = DX_OK;
        if ((actions & DX_GUEST_DO_JOIN) != 0) {
            error = join(invite);
        }
        if (error == DX_OK && (actions & DX_GUEST_DO_ASK) != 0) {
            error = ask_pin(invite, dx_request_find(node, invite->request));
        }
        if (error == DX_OK) {
            error = send_out(invite, invite->link);
        }
        if (error != DX_OK) {
            return error;
        }
        if ((actions & DX_GUEST_DO_CLOSE) != 0 && invite->has_link) {
            invite->has_link = false;
            dx_swarm_close(node->swarm, invite->link, guest->reason);
        }
    }
    return DX_OK;
}

static bool has_ended(const dx_invite *invite) {
    return invite->is_host ? dx_host_state_ends(invite->machine.host.state)
                           : dx_guest_state_ends(invite->machine.guest.state);
}

static int perform(dx_invite *invite) {
    return invite->is_host ? perform_host(invite) : perform_guest(invite);
}

/* --- Links --------------------------------------------------------------------------------------- */

static int open_door(dx_invite *invite, const dx_swarm_link *link) {
    const dx_context *context = &invite->node->context;
    clear_door(invite);
    int error = dx_invitation_host_open(&invite->machine.host, link->link, link->handshake_hash,
                                        link->remote_static, context->now_ms, context->wall_ms, &invite->out);
    if (error == DX_E_BUSY) { /* a proof is under way, which takes a moment */
        dx_parked_guest guest;
        dx_buf_clear(&invite->out);
        dx_parked_guest_init(&guest, link->link, link->handshake_hash, link->remote_static, context->now_ms);
        wait_beside(invite, &guest);
        error = DX_OK;
    }
    return error;
}

static int on_open(void *ctx, const dx_swarm_link *link) {
    dx_invite *invite = ctx;
    const dx_context *context = &invite->node->context;
    int error;
    if (invite->is_host) {
        error = open_door(invite, link);
        if (error != DX_OK && error != DX_E_NO_MEMORY) {
            int sent = send_out(invite, link->link);
            return sent != DX_OK ? sent : error;
        }
    } else {
        error = dx_invitation_guest_open(&invite->machine.guest, link->handshake_hash, link->remote_static,
                                         invite->node->identity.noise, context->now_ms, &invite->out);
        if (error == DX_E_STATE) {
            return error; /* one more, of somebody else's or too late: what goes on goes on over its own link */
        }
        invite->link = link->link;
        invite->has_link = true;
    }
    return error == DX_OK ? perform(invite) : error;
}

static int on_message(void *ctx, const dx_swarm_link *link, dx_bytes message) {
    dx_invite *invite = ctx;
    dx_node *node = invite->node;
    const dx_context *context = &node->context;
    int error;
    if (invite->is_host) {
        dx_space *space = dx_node_space(node, invite->machine.host.invitation.space);
        if (space == NULL) {
            return DX_E_NOT_FOUND;
        }
        if (!take_turn(invite, link->link)) {
            return DX_OK;
        }
        error = dx_invitation_host_receive(&invite->machine.host, space->control, node->identity.identity,
                                           message, context->now_ms, context->wall_ms, &invite->out);
    } else {
        error = dx_invitation_guest_receive(&invite->machine.guest, message, context->now_ms, &invite->out);
    }
    return error == DX_OK ? perform(invite) : error;
}

static void on_close(void *ctx, const dx_swarm_link *link, int reason) {
    dx_invite *invite = ctx;
    uint64_t now_ms = invite->node->context.now_ms;
    if (invite->is_host) {
        dx_invitation_host_closed(&invite->machine.host, link->link, now_ms);
        for (size_t i = invite->beside_count; i-- > 0;) {
            if (invite->beside[i].link == link->link) {
                leave_place(invite, i);
            }
        }
    } else if (invite->has_link && invite->link == link->link) {
        invite->has_link = false;
        dx_invitation_guest_closed(&invite->machine.guest, reason, now_ms);
    }
}

/* --- Life -------------------------------------------------------------------------------------------- */

static dx_invite *create_invite(dx_node *node, bool is_host) {
    dx_invite *invite = dx_alloc_take_zeroed(&node->config.alloc, sizeof *invite);
    if (invite != NULL) {
        uint64_t highest = UINT64_C(1) << INVITE_TOPIC_SHIFT;
        for (const dx_invite *other = node->invites; other != NULL; other = other->next) {
            highest = other->topic > highest ? other->topic : highest;
        }
        invite->node = node;
        invite->is_host = is_host;
        invite->topic = highest + 1;
        dx_buf_init(&invite->out, &node->config.alloc, DX_INVITATION_MESSAGE_MAX);
        dx_buf_init(&invite->scope, &node->config.alloc, DX_SCOPE_SIZE_MAX);
        invite->next = node->invites;
        node->invites = invite;
    }
    return invite;
}

static void destroy_invite(dx_invite *invite) {
    dx_node *node = invite->node;
    dx_invite **at = &node->invites;
    while (*at != invite) {
        at = &(*at)->next;
    }
    *at = invite->next;
    dx_swarm_remove_topic(node->swarm, invite->topic);
    if (invite->is_host) {
        dx_invitation_host_deinit(&invite->machine.host);
    } else {
        dx_invitation_guest_deinit(&invite->machine.guest);
    }
    dx_buf_deinit(&invite->out);
    dx_buf_deinit(&invite->scope);
    dx_alloc_free(&node->config.alloc, invite, sizeof *invite);
}

static int add_topic(dx_invite *invite, dx_bytes url, const uint8_t secret[static DX_KEY_SIZE],
                     const uint8_t static_secret[static DX_KEY_SIZE]) {
    dx_topic topic = {
        .number = invite->topic,
        .handler = {.ctx = invite, .on_open = on_open, .on_message = on_message, .on_close = on_close}};
    memcpy(topic.secret, secret, DX_KEY_SIZE);
    memcpy(topic.static_secret, static_secret, DX_KEY_SIZE);
    dx_invitation_link_hash(url, topic.prologue);
    int error = dx_swarm_add_topic(invite->node->swarm, &topic);
    dx_wipe(&topic, sizeof topic);
    return error;
}

static int start_host(dx_node *node, const dx_invitation *invitation, dx_invite **out) {
    uint8_t secret[DX_KEY_SIZE];
    int error = dx_keyring_secret(node->store, invitation->host_key, secret);
    if (error != DX_OK) {
        return error;
    }
    dx_invite *invite = create_invite(node, true);
    if (invite == NULL) {
        return DX_E_NO_MEMORY;
    }
    memcpy(invite->request, invitation->request, DX_REQUEST_SIZE);
    memcpy(invite->origin, invitation->origin, sizeof invite->origin);
    dx_invitation_host_init(&invite->machine.host, &node->config.alloc, &node->config.random, invitation,
                            node->context.now_ms, node->context.wall_ms);
    error = add_topic(invite, dx_bytes_text(invitation->url), invitation->topic_secret, secret);
    dx_wipe(secret, sizeof secret);
    *out = invite;
    return error;
}

static int load_one(void *ctx, const uint8_t *id) {
    dx_node *node = ctx;
    dx_invitation invitation;
    dx_invite *invite;
    int error = dx_invitation_load(node->store, id, &invitation);
    if (error == DX_OK) {
        error = start_host(node, &invitation, &invite);
    }
    dx_wipe(&invitation, sizeof invitation);
    return error;
}

int dx_invite_load(dx_node *node) {
    return dx_invitation_each(node->store, load_one, node);
}

void dx_invite_unload(dx_node *node) {
    while (node->invites != NULL) {
        destroy_invite(node->invites);
    }
}

int dx_invite_cancel_space(dx_node *node, int64_t space) {
    int error = DX_OK;
    for (dx_invite *invite = node->invites; error == DX_OK && invite != NULL; invite = invite->next) {
        if (!invite->is_host || invite->machine.host.invitation.space != space || has_ended(invite)) {
            continue;
        }
        error = dx_invitation_host_cancel(&invite->machine.host, &invite->out);
        if (error == DX_OK) {
            error = perform(invite);
        }
    }
    return error;
}

int dx_invite_recheck_app(dx_node *node, const dx_app *app) {
    int error = DX_OK;
    for (dx_invite *invite = node->invites; error == DX_OK && invite != NULL; invite = invite->next) {
        const dx_space *space =
            invite->is_host ? dx_node_space(node, invite->machine.host.invitation.space) : NULL;
        if (strcmp(invite->origin, app->origin) != 0 || has_ended(invite) ||
            dx_app_may(app, invite->is_host ? DX_NEED_SHARE : DX_NEED_JOIN, space)) {
            continue;
        }
        error = invite->is_host ? dx_invitation_host_cancel(&invite->machine.host, &invite->out)
                                : dx_invitation_guest_cancel(&invite->machine.guest, &invite->out);
        if (error == DX_OK) {
            error = perform(invite);
        }
    }
    return error;
}

static uint64_t due(const dx_invite *invite) {
    if (!invite->is_host) {
        return invite->machine.guest.deadline_ms;
    }
    uint64_t due_ms = invite->machine.host.deadline_ms;
    for (size_t i = 0; i < invite->beside_count; i++) {
        due_ms = invite->beside[i].until_ms < due_ms ? invite->beside[i].until_ms : due_ms;
    }
    return due_ms;
}

void dx_invite_committed(dx_node *node, uint64_t *deadline_ms) {
    for (dx_invite *invite = node->invites; invite != NULL; invite = invite->next) {
        if (invite->is_host) {
            dx_invitation_host_committed(&invite->machine.host, node->context.now_ms);
            uint64_t deadline = due(invite);
            *deadline_ms = deadline < *deadline_ms ? deadline : *deadline_ms;
        }
    }
}

/* --- Telling the person -------------------------------------------------------------------------------- */

static int tell_host(dx_invite *invite, dx_request *request, bool ended) {
    dx_node *node = invite->node;
    dx_host_state state = invite->machine.host.state;
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "state"), dx_host_state_name(state));
    dx_write_text(dx_map_builder_key(&map, "message"), dx_host_state_sentence(state));
    return ended ? dx_request_reply(node, request, &map) : dx_request_notify(node, request, &map);
}

static int tell_guest(dx_invite *invite, dx_request *request, bool ended) {
    dx_node *node = invite->node;
    dx_invitation_guest *guest = &invite->machine.guest;
    if (ended && guest->state == DX_GUEST_FAILED) {
        int error = guest->error == DX_OK ? DX_E_CANCELLED : guest->error;
        dx_node_refuse(node, error, dx_invitation_remedy(error), "not joined: %s", dx_error_text(error));
        return dx_request_reply_error(node, request, error);
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "state"), dx_guest_state_name(guest->state));
    if (ended) {
        dx_write_hex(dx_map_builder_key(&map, "space"), invite->space_id, DX_HASH_SIZE);
        return dx_request_reply(node, request, &map);
    }
    dx_write_text(dx_map_builder_key(&map, "message"), dx_guest_state_sentence(guest->state));
    return dx_request_notify(node, request, &map);
}

/* A request that follows an invitation; its id is what the invitation remembers. */
static int follow(dx_node *node, dx_request *request, bool *again) {
    (void)again;
    dx_invite *invite = node->invites;
    while (invite != NULL && memcmp(invite->request, request->key, DX_REQUEST_SIZE) != 0) {
        invite = invite->next;
    }
    if (invite == NULL) {
        return DX_E_CANCELLED;
    }
    int error = DX_OK;
    if (request->cancelled && !has_ended(invite)) {
        error = invite->is_host ? dx_invitation_host_cancel(&invite->machine.host, &invite->out)
                                : dx_invitation_guest_cancel(&invite->machine.guest, &invite->out);
        if (error == DX_OK) {
            error = perform(invite);
        }
    }
    int state = invite->is_host ? (int)invite->machine.host.state : (int)invite->machine.guest.state;
    bool asked =
        !invite->is_host && state == DX_GUEST_PIN_REQUIRED; /* told with its attempts left by ask_pin */
    if (error != DX_OK || (invite->told_any && state == invite->told_state) || asked) {
        invite->told_state = state;
        return error == DX_OK ? DX_PENDING : error;
    }
    invite->told_any = true;
    invite->told_state = state;
    bool ended = has_ended(invite);
    error = invite->is_host ? tell_host(invite, request, ended) : tell_guest(invite, request, ended);
    return error == DX_OK && !ended ? DX_PENDING : error;
}

static int tick(dx_invite *invite) {
    const dx_context *context = &invite->node->context;
    int error =
        invite->is_host
            ? dx_invitation_host_tick(&invite->machine.host, context->now_ms, context->wall_ms, &invite->out)
            : dx_invitation_guest_tick(&invite->machine.guest, context->now_ms, &invite->out);
    return error == DX_OK ? perform(invite) : error;
}

/* Whether the guest who used an invitation up is here already, as a member. */
static int meet_members(dx_invite *invite) {
    dx_node *node = invite->node;
    dx_invitation_host *host = &invite->machine.host;
    dx_space *space = dx_node_space(node, host->invitation.space);
    uint8_t device[DX_KEY_SIZE];
    char address[DX_ADDRESS_SIZE_MAX];
    bool synced;
    int error = DX_OK;
    for (size_t at = 0;
         error == DX_OK && space != NULL && dx_invitation_host_awaits(host) &&
         dx_replication_peer(node->replication, space, at, device, address, sizeof address, &synced);
         at++) {
        error = dx_invitation_host_met(host, device, node->context.now_ms, &invite->out);
    }
    return error == DX_OK ? perform(invite) : error;
}

/* A vault is opened before anybody told the time: life is counted from the first step. */
static void wind(dx_invite *invite) {
    if (invite->is_host && !invite->wound) {
        const dx_context *context = &invite->node->context;
        dx_invitation_host_wind(&invite->machine.host, context->now_ms, context->wall_ms);
        invite->wound = true;
    }
}

/* Of the ended invitations that answer who still comes, the one that expired first; *count: how many. */
static dx_invite *oldest_ended(dx_node *node, size_t *count) {
    dx_invite *oldest = NULL;
    *count = 0;
    for (dx_invite *invite = node->invites; invite != NULL; invite = invite->next) {
        if (!invite->is_host || !has_ended(invite) || dx_request_find(node, invite->request) != NULL) {
            continue;
        }
        ++*count;
        if (oldest == NULL ||
            invite->machine.host.invitation.expires_ms < oldest->machine.host.invitation.expires_ms) {
            oldest = invite;
        }
    }
    return oldest;
}

static int forget_old(dx_node *node) {
    dx_invite *oldest;
    for (size_t count; (oldest = oldest_ended(node, &count)) != NULL;) {
        const dx_invitation *invitation = &oldest->machine.host.invitation;
        uint64_t wall_ms = node->context.wall_ms;
        bool is_old =
            wall_ms > invitation->expires_ms && wall_ms - invitation->expires_ms > DX_INVITATION_KEPT_MS;
        if (!is_old && count <= DX_INVITATIONS_ENDED_MAX) {
            break;
        }
        int error = dx_invitation_forget(node->store, invitation);
        if (error != DX_OK) {
            return error;
        }
        destroy_invite(oldest);
    }
    return DX_OK;
}

int dx_invite_settle(dx_node *node, uint64_t *deadline_ms) {
    for (dx_invite *invite = node->invites, *next; invite != NULL; invite = next) {
        next = invite->next;
        uint64_t now_ms = node->context.now_ms;
        wind(invite);
        int error = DX_OK;
        if (invite->is_host && dx_invitation_host_awaits(&invite->machine.host)) {
            error = meet_members(invite);
        }
        if (error == DX_OK && !has_ended(invite) && now_ms >= due(invite)) {
            error = tick(invite);
        }
        if (error != DX_OK) {
            return error;
        }
        const dx_request *request = dx_request_find(node, invite->request);
        if (!has_ended(invite)) {
            *deadline_ms = due(invite) < *deadline_ms ? due(invite) : *deadline_ms;
        } else if (request == NULL && !invite->is_host) {
            destroy_invite(invite);
        } else if (request != NULL && dx_request_can_send(node, request)) {
            *deadline_ms = now_ms; /* its request is told in the next step */
        }
    }
    return forget_old(node);
}

/* --- Commands -------------------------------------------------------------------------------------- */

static int take_terms(dx_node *node, dx_bytes body, dx_invitation_terms *terms) {
    dx_bytes role;
    int error = dx_take_optional_text(node, body, "role", 16, &role);
    if (error == DX_OK) {
        error = dx_take_optional_text(node, body, "pin", 64, &terms->pin);
    }
    if (error != DX_OK) {
        return error;
    }
    terms->role = role.data == NULL ? DX_ROLE_EDITOR : dx_role_from_name(role);
    if (terms->role == DX_ROLE_NONE || terms->role == DX_ROLE_OWNER) {
        return dx_node_refuse(node, DX_E_INVALID, "--role editor",
                              "\"role\" must be admin, editor, reader or pull");
    }
    if (terms->pin.data != NULL && dx_pin_check(terms->pin) != DX_OK) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "a PIN is six digits");
    }
    int64_t life_ms = dx_item_int(dx_item_get(body, "expires_ms"), 0);
    if (life_ms < 0 || (uint64_t)life_ms > DX_INVITATION_LIFE_MAX_MS) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "an invitation lives at most thirty days");
    }
    terms->life_ms = (uint64_t)life_ms;
    terms->uses_max = dx_item_bool(dx_item_get(body, "multi"), false) ? DX_INVITATION_USES_MAX : 1;
    return DX_OK;
}

static int tell_link(dx_node *node, dx_request *request, const dx_invitation *invitation) {
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "url"), invitation->url);
    dx_write_text(dx_map_builder_key(&map, "pin"), invitation->pin);
    return dx_request_notify(node, request, &map);
}

static dx_invite *find_asked(dx_node *node, bool is_host, const uint8_t key[static DX_REQUEST_SIZE]) {
    dx_invite *invite = node->invites;
    while (invite != NULL &&
           (invite->is_host != is_host || memcmp(key, invite->request, DX_REQUEST_SIZE) != 0)) {
        invite = invite->next;
    }
    return invite;
}

/* Asked again after its asker went, or after a crash: the invitation answers from where it stands. Its PIN is
 * in its own row as long as it is open, so no stored reply has to hold it. */
static int ask_again(dx_invite *invite, dx_request *request) {
    dx_node *node = invite->node;
    int error = DX_OK;
    invite->told_any = false;
    if (dx_request_continue(node, request, 1, follow, NULL) == NULL) {
        return DX_E_NO_MEMORY;
    }
    if (invite->is_host && !has_ended(invite)) {
        error = tell_link(node, request, &invite->machine.host.invitation);
    } else if (!invite->is_host && invite->machine.guest.state == DX_GUEST_PIN_REQUIRED) {
        error = ask_pin(invite, request);
    }
    return error == DX_OK ? DX_PENDING : error;
}

/* Where a guest who can dial nobody finds this vault; most of the link is left to addresses. */
static size_t take_services(const dx_node *node, dx_bytes addresses[static DX_INVITATION_ADDRESSES_MAX]) {
    enum { NAMED_MAX = 2 };
    dx_swarm_service_state service;
    size_t count = 0;
    for (size_t i = 0; count < NAMED_MAX && dx_swarm_service_at(node->swarm, i, &service); i++) {
        if (service.kept) {
            addresses[count++] = service.url;
        }
    }
    return count;
}

static int space_share(dx_node *node, dx_request *request, dx_bytes body) {
    _Static_assert((int)DX_INVITATION_REQUEST_SIZE == (int)DX_REQUEST_SIZE, "one kind of request");
    dx_invite *asked = find_asked(node, true, request->key);
    if (asked != NULL) {
        return ask_again(asked, request);
    }
    if (dx_store_is_read_only(node->store)) {
        return dx_node_reply_full(node, request);
    }
    dx_space *space;
    dx_bytes addresses[DX_INVITATION_ADDRESSES_MAX];
    dx_invitation_terms terms = {.addresses = addresses};
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = take_terms(node, body, &terms);
    }
    if (error != DX_OK) {
        return error;
    }
    size_t service_count = take_services(node, addresses);
    if (node->address_count + service_count == 0) {
        return dx_node_refuse(node, DX_E_STATE, "dx agent start, dx signal add URL",
                              "this vault listens nowhere, so no guest could reach it");
    }
    if (dx_control_role(space->control, node->identity.identity) < DX_ROLE_ADMIN) {
        return dx_node_refuse(node, DX_E_DENIED, "ask an admin or the owner to share it",
                              "only admins of a space may invite");
    }
    memcpy(terms.request, request->key, DX_REQUEST_SIZE);
    terms.origin = request->app != NULL ? request->app->origin : NULL;
    terms.space = space->local;
    terms.address_count = service_count;
    for (size_t i = 0; i < node->address_count && terms.address_count < DX_INVITATION_ADDRESSES_MAX; i++) {
        addresses[terms.address_count++] = dx_bytes_text(node->addresses[i]);
    }
    dx_invitation invitation;
    dx_invite *invite = NULL;
    error = dx_invitation_create(node->store, &node->config.alloc, &node->config.random, &terms,
                                 node->context.wall_ms, &invitation);
    if (error == DX_OK) {
        error = start_host(node, &invitation, &invite);
    }
    if (error == DX_OK) {
        error = tell_link(node, request, &invitation);
    }
    dx_wipe(&invitation, sizeof invitation);
    if (error == DX_OK && dx_request_continue(node, request, 1, follow, NULL) == NULL) {
        error = DX_E_NO_MEMORY;
    }
    return error == DX_OK ? DX_PENDING : error;
}

static int start_guest(dx_node *node, dx_request *request, dx_bytes url, const dx_invitation_link *link,
                       dx_bytes pin, dx_bytes scope) {
    dx_invite *invite = create_invite(node, false);
    if (invite == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_invitation_guest *guest = &invite->machine.guest;
    memcpy(invite->request, request->key, DX_REQUEST_SIZE);
    if (request->app != NULL) {
        memcpy(invite->origin, request->app->origin, sizeof invite->origin);
    }
    dx_invitation_guest_init(guest, &node->config.alloc, &node->config.random, &node->identity, link,
                             node->context.now_ms);
    dx_buf_append(&invite->scope, scope.data, scope.size);
    int error = dx_buf_error(&invite->scope);
    error = error == DX_OK ? add_topic(invite, url, link->topic_secret, node->identity.noise_secret) : error;
    for (size_t i = 0; error == DX_OK && i < link->address_count; i++) {
        error = dx_swarm_add_address(node->swarm, invite->topic, dx_bytes_text(link->addresses[i]));
    }
    if (error == DX_OK) {
        dx_invitation_guest_dial(guest, node->context.now_ms);
        if (pin.data != NULL) {
            error = dx_invitation_guest_enter_pin(guest, pin, node->context.now_ms, &invite->out);
        }
    }
    if (error == DX_OK) {
        error = perform(invite);
    }
    if (error == DX_OK && dx_request_continue(node, request, 1, follow, NULL) == NULL) {
        error = DX_E_NO_MEMORY;
    }
    if (error != DX_OK) {
        destroy_invite(invite);
    }
    return error == DX_OK ? DX_PENDING : error;
}

static int join_by_text(dx_node *node, dx_request *request, dx_bytes text, dx_bytes pin, dx_bytes scope) {
    dx_buf url;
    dx_buf_init(&url, &node->config.alloc, DX_INVITATION_URL_MAX);
    dx_invitation_link *link = dx_alloc_take_zeroed(&node->config.alloc, sizeof *link);
    int error = link == NULL ? DX_E_NO_MEMORY : dx_invitation_link_canonical(text, &url);
    if (error == DX_OK) {
        error = dx_invitation_link_decode(&node->config.alloc, dx_buf_view(&url), link);
    }
    if (error == DX_E_LINK) {
        dx_node_refuse(node, error, "copy the whole link again, or ask for a new one",
                       "this is not an invitation link");
    }
    if (error == DX_OK) {
        error = start_guest(node, request, dx_buf_view(&url), link, pin, scope);
    }
    if (link != NULL) {
        dx_wipe(link, sizeof *link);
    }
    dx_alloc_free(&node->config.alloc, link, sizeof *link);
    dx_buf_deinit(&url);
    return error;
}

/* What of the space will be kept; an app has no say in it. */
static int take_scope(dx_node *node, const dx_request *request, dx_bytes body, dx_buf *out) {
    dx_space_scope scope;
    dx_writer writer;
    dx_space_scope_init(&scope, &node->config.alloc);
    int error = dx_node_take_scope(node, body, &scope);
    bool part = dx_space_scope_is_partial(&scope);
    if (error == DX_OK && part && request->app != NULL) {
        error = dx_node_refuse(node, DX_E_DENIED, NULL, "what a vault keeps is its person's to say");
    }
    dx_writer_init(&writer, out);
    if (error == DX_OK && part) {
        dx_space_scope_write(&scope, &writer);
        error = dx_writer_finish(&writer);
    }
    dx_space_scope_deinit(&scope);
    return error;
}

static int space_join(dx_node *node, dx_request *request, dx_bytes body) {
    dx_invite *asked = find_asked(node, false, request->key);
    if (asked != NULL) {
        return ask_again(asked, request);
    }
    dx_bytes url, pin;
    int error = dx_need_identity(node);
    if (error == DX_OK) {
        error = dx_take_text(node, body, "url", DX_INVITATION_TEXT_MAX, &url);
    }
    if (error == DX_OK) {
        error = dx_take_optional_text(node, body, "pin", 64, &pin);
    }
    if (error != DX_OK) {
        return error;
    }
    if (pin.data != NULL && dx_pin_check(pin) != DX_OK) {
        return dx_node_refuse(node, DX_E_INVALID, "type the six digits the host shows",
                              "a PIN is six digits");
    }
    dx_buf scope;
    dx_buf_init(&scope, &node->config.alloc, DX_SCOPE_SIZE_MAX);
    error = take_scope(node, request, body, &scope);
    error = error == DX_OK ? join_by_text(node, request, url, pin, dx_buf_view(&scope)) : error;
    dx_buf_deinit(&scope);
    return error;
}

static int space_pin(dx_node *node, dx_request *request, dx_bytes body) {
    dx_bytes pin, of = dx_item_bytes(dx_item_get(body, "of"));
    int error = dx_take_text(node, body, "pin", 64, &pin);
    if (error != DX_OK) {
        return error;
    }
    dx_invite *invite = NULL;
    if (of.size == DX_REQUEST_SIZE) {
        uint8_t key[DX_REQUEST_SIZE];
        dx_request_key(request->app, of.data, key);
        invite = find_asked(node, false, key);
    }
    if (invite == NULL) {
        return dx_node_refuse(node, DX_E_NOT_FOUND, NULL, "there is no such join at work");
    }
    error = dx_invitation_guest_enter_pin(&invite->machine.guest, pin, node->context.now_ms, &invite->out);
    if (error == DX_E_INVALID) {
        return dx_node_refuse(node, error, "type the six digits the host shows", "a PIN is six digits");
    }
    if (error == DX_OK) {
        error = perform(invite);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    return dx_request_reply(node, request, &map);
}

/* --- Invitations whose program may be gone -------------------------------------------------------------- */

static int write_invitation(dx_invite *invite, dx_map_builder *map) {
    dx_node *node = invite->node;
    const dx_invitation *invitation = &invite->machine.host.invitation;
    dx_host_state state = invite->machine.host.state;
    dx_space *space = dx_node_space(node, invitation->space);
    char name[256] = "";
    int error = space == NULL ? DX_E_NOT_FOUND : dx_space_name(&node->context, space, name, sizeof name);
    dx_write_hex(dx_map_builder_key(map, "id"), invitation->id, DX_INVITATION_ID_SIZE);
    if (space == NULL) {
        dx_write_null(dx_map_builder_key(map, "space")); /* of a space this vault forgot */
    } else {
        dx_write_hex(dx_map_builder_key(map, "space"), space->id, DX_HASH_SIZE);
    }
    if (error == DX_OK) {
        dx_write_text(dx_map_builder_key(map, "name"), name);
    } else {
        dx_write_null(dx_map_builder_key(map, "name"));
    }
    dx_write_text(dx_map_builder_key(map, "role"), dx_role_name(invitation->role));
    dx_write_text(dx_map_builder_key(map, "state"), dx_host_state_name(state));
    dx_write_text(dx_map_builder_key(map, "message"), dx_host_state_sentence(state));
    dx_write_timestamp(dx_map_builder_key(map, "expires"), (int64_t)invitation->expires_ms * 1000);
    dx_write_uint(dx_map_builder_key(map, "uses"), invitation->uses);
    dx_write_uint(dx_map_builder_key(map, "uses_max"), invitation->uses_max);
    dx_write_uint(dx_map_builder_key(map, "failures"), invitation->failures);
    if (invite->origin[0] != '\0') {
        dx_write_text(dx_map_builder_key(map, "app"), invite->origin);
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

/* Neither link nor PIN: they were told to who made it, and a list is looked at by others' eyes too. */
static int invitation_list(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space = NULL;
    bool ended = dx_item_bool(dx_item_get(body, "ended"), false);
    int error = dx_item_get(body, "space").size == 0 ? DX_OK : dx_take_space(node, request, body, &space);
    for (dx_invite *invite = node->invites; error == DX_OK && invite != NULL; invite = invite->next) {
        if (!invite->is_host || (has_ended(invite) && !ended) ||
            (space != NULL && invite->machine.host.invitation.space != space->local)) {
            continue;
        }
        dx_map_builder map;
        dx_answer_init(node, &map);
        error = write_invitation(invite, &map);
        dx_writer row = dx_request_row(node, request);
        dx_map_builder_finish(&map, &row);
        int written = dx_request_row_end(node, request, &row);
        error = error == DX_OK ? written : error;
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

/* By its id, or the beginning of it that no other has. */
static int take_invitation(dx_node *node, dx_bytes body, dx_invite **out) {
    enum { BEGINNING_MIN = 4 };
    dx_bytes text;
    int error = dx_take_text(node, body, "id", (size_t)2 * DX_INVITATION_ID_SIZE, &text);
    *out = NULL;
    if (error != DX_OK) {
        return error;
    }
    dx_invite *found = NULL;
    size_t count = 0;
    for (dx_invite *invite = node->invites; invite != NULL; invite = invite->next) {
        char hex[2 * DX_INVITATION_ID_SIZE + 1];
        if (!invite->is_host || text.size < BEGINNING_MIN) {
            continue;
        }
        dx_hex_encode(dx_bytes_of(invite->machine.host.invitation.id, DX_INVITATION_ID_SIZE), hex);
        if (memcmp(hex, text.data, text.size) == 0) {
            found = invite;
            count++;
        }
    }
    if (count == 1) {
        *out = found;
        return DX_OK;
    }
    return count > 1
               ? dx_node_refuse(node, DX_E_CONFLICT, "write more of the id", "%.*s could mean %d invitations",
                                (int)text.size, (const char *)text.data, (int)count)
               : dx_node_refuse(node, DX_E_NOT_FOUND, "dx invitation list",
                                "this vault made no invitation \"%.*s\"", (int)text.size,
                                (const char *)text.data);
}

static int invitation_cancel(dx_node *node, dx_request *request, dx_bytes body) {
    dx_invite *invite;
    int error = take_invitation(node, body, &invite);
    if (invite == NULL) {
        return error;
    }
    if (has_ended(invite)) {
        return dx_node_refuse(node, DX_E_STATE, NULL, "it has ended before: %s",
                              dx_host_state_sentence(invite->machine.host.state));
    }
    error = dx_invitation_host_cancel(&invite->machine.host, &invite->out);
    if (error == DX_OK) {
        error = perform(invite);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    error = write_invitation(invite, &map);
    return dx_request_reply_unless(node, request, error, &map);
}

const dx_command dx_commands_invitation[] = {
    {"space.share", false, space_share},
    {"space.join", true, space_join},
    {"space.pin", false, space_pin},
    {"invitation.list", false, invitation_list},
    {"invitation.cancel", true, invitation_cancel},
    {NULL, false, NULL},
};
