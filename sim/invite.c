/* sim/invite.c: the host who shares and the guests who join, as persons. See invite.h. */
#include "invite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 1000,
    JSON_SIZE = 2400,
    LIFE_MIN_MS = 240000, /* an invitation's; half an hour of operations is the whole of a small seed */
    LIFE_MORE_MS = 1200000,
    WRONG_MAX = 5,
    TYPING_MAX_MS = 30000,
    PATIENCE_MAX_MS = 40000, /* between two attempts */
    /* Deadlines of halo/invitation.h: a guest's whole attempt; how long a used invitation serves who comes back,
     * with an admission under way before it. Twenty seconds for the answer, as for any other. */
    GUEST_LIFE_MS = 900000,
    HOST_RETURN_MS = 600000,
    HOST_ADMITTING_MS = 300000,
    ANSWER_MS = 20000
};

static void draw_id(sim_world *world, uint8_t *id) {
    for (size_t i = 0; i < DX_REQUEST_SIZE; i++) {
        id[i] = (uint8_t)sim_below(world, 256);
    }
}

static void copy_text(dx_bytes map, const char *key, char *out, size_t size) {
    dx_bytes text = dx_item_text(dx_item_get(map, key));
    snprintf(out, size, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
}

static int64_t error_code(dx_bytes body) {
    return dx_item_int(dx_item_get(dx_item_get(body, "error"), "code"), DX_OK);
}

/* --- The host ------------------------------------------------------------------------------------------- */

static void take_link(sim_invitation *invitation, dx_bytes body) {
    char url[sizeof invitation->url];
    copy_text(body, "url", url, sizeof url);
    if (url[0] == 0) {
        return;
    }
    if (invitation->url[0] != 0 && strcmp(url, invitation->url) != 0) {
        sim_violate(invitation->world, "peer %zu made a second invitation of one request",
                    invitation->host->index);
    }
    memcpy(invitation->url, url, sizeof url);
    copy_text(body, "pin", invitation->pin, sizeof invitation->pin);
}

static void on_share(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_invitation *invitation = ctx;
    if (kind == SIM_ANSWER_NOTE) {
        take_link(invitation, body);
        return;
    }
    invitation->asked = false;
    int64_t code = kind == SIM_ANSWER_LOST ? DX_OK : error_code(body);
    if (code != DX_OK || kind == SIM_ANSWER_LOST) {
        sim_note(world, "peer %zu does not share: %s", peer->index,
                 kind == SIM_ANSWER_LOST ? "no answer" : dx_error_name((int)code));
    }
    if (kind == SIM_ANSWER_LAST && code == DX_OK) {
        invitation->ended = true;
        copy_text(body, "state", invitation->state, sizeof invitation->state);
        sim_note(world, "peer %zu: its invitation ended: %s", peer->index, invitation->state);
    } else if (code != DX_OK && dx_error_class_of((int)code) != DX_CLASS_HOST && code != DX_E_CANCELLED &&
               code != DX_E_STATE) {
        sim_violate(world, "peer %zu cannot share: %s", peer->index, dx_error_name((int)code));
    }
}

/* Asked for once, and again by the same request when the answer was lost. */
static void tend_host(sim_invitation *invitation) {
    sim_world *world = invitation->world;
    char json[JSON_SIZE];
    if (invitation->asked || invitation->ended) {
        return;
    }
    snprintf(json, sizeof json,
             "{\"do\": \"space.share\", \"space\": \"%s\", \"role\": \"%s\", \"expires_ms\": %llu}",
             world->space[0], invitation->reader ? "reader" : "editor",
             (unsigned long long)invitation->life_ms);
    invitation->asked = true; /* before asking: the answer may be lost in the very step */
    if (!sim_ask_json(invitation->host, json, invitation->id, true, on_share, invitation)) {
        invitation->asked = false;
    }
    if (invitation->asked && invitation->url[0] == 0) {
        invitation->end_ms =
            world->now_ms + invitation->life_ms + HOST_RETURN_MS + HOST_ADMITTING_MS + ANSWER_MS;
    }
    if (invitation->asked) {
        uint64_t soon_ms = world->now_ms + ANSWER_MS;
        sim_owe(invitation->host, invitation->id,
                invitation->end_ms > soon_ms ? invitation->end_ms : soon_ms);
    }
}

/* --- Guests --------------------------------------------------------------------------------------------- */

/* Ends that another attempt would not change. */
static bool is_final(int64_t code) {
    return code == DX_E_LOCKED || code == DX_E_EXHAUSTED || code == DX_E_EXPIRED || code == DX_E_WITHDRAWN;
}

/* Ends that a link, a disk or a clock explains; a flipped bit may look like any offence. */
static bool is_passing(const sim_world *world, int64_t code) {
    return code == DX_E_PIN || code == DX_E_NO_HOST || code == DX_E_TIMEOUT || code == DX_E_CANCELLED ||
           dx_error_class_of((int)code) == DX_CLASS_HOST || world->plan.chance[SIM_CORRUPT] > 0;
}

static void join_ended(sim_guest *guest, dx_bytes body) {
    sim_world *world = guest->invitation->world;
    int64_t code = error_code(body);
    guest->proving = false;
    sim_note(world, "peer %zu: its attempt to join ended: %s", guest->peer->index,
             code == DX_OK ? "ready" : dx_error_name((int)code));
    if (code == DX_OK) {
        guest->ended = guest->joined = true;
        guest->peer->member[0] = true;
        guest->peer->reader = guest->invitation->reader;
    } else if (is_final(code)) {
        guest->ended = true;
        guest->error = (int)code;
    } else if (!is_passing(world, code)) {
        sim_violate(world, "peer %zu cannot join: %s", guest->peer->index, dx_error_name((int)code));
    }
    guest->again = false;
    guest->next_ms = world->now_ms + 1000 + sim_below(world, PATIENCE_MAX_MS);
}

static void on_join(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_guest *guest = ctx;
    char state[24];
    (void)peer;
    if (kind == SIM_ANSWER_NOTE) {
        copy_text(body, "state", state, sizeof state);
        if (strcmp(state, "pin-required") == 0) {
            guest->pin_ms = world->now_ms + 1 + sim_below(world, TYPING_MAX_MS);
            guest->invitation->wrong_told += guest->proving && dx_item_get(body, "left").size > 0;
            guest->proving = false;
        }
        return;
    }
    guest->asked = false;
    guest->pin_ms = 0;
    if (kind == SIM_ANSWER_LOST) {
        guest->again = true;
        guest->proving = false; /* nobody will know */
        guest->next_ms = world->now_ms + 1000;
        return;
    }
    join_ended(guest, body);
}

static void ask_join(sim_guest *guest) {
    sim_world *world = guest->invitation->world;
    char json[JSON_SIZE];
    if (!guest->again) {
        draw_id(world, guest->id);
    }
    snprintf(json, sizeof json, "{\"do\": \"space.join\", \"url\": \"%s\"}", guest->invitation->url);
    guest->asked = true;
    if (!sim_ask_json(guest->peer, json, guest->id, true, on_join, guest)) {
        guest->asked = false;
    }
    if (guest->asked) {
        sim_owe(guest->peer, guest->id, world->now_ms + GUEST_LIFE_MS + ANSWER_MS);
    }
}

static void type_pin(sim_guest *guest) {
    sim_world *world = guest->invitation->world;
    char json[128], pin[8], of[2 * DX_REQUEST_SIZE];
    dx_buf text;
    memcpy(pin, guest->invitation->pin, sizeof pin);
    bool wrong = guest->wrong_left > 0;
    if (wrong) {
        guest->wrong_left--;
        pin[sim_below(world, 6)] ^= 1; /* another digit: '0' and '1', '2' and '3', …, '8' and '9' */
    }
    dx_buf_init(&text, &sim_heap, sizeof of);
    dx_base64url_encode(dx_bytes_of(guest->id, DX_REQUEST_SIZE), &text);
    snprintf(of, sizeof of, "%.*s", (int)text.size, (const char *)text.data);
    dx_buf_deinit(&text);
    snprintf(json, sizeof json, "{\"do\": \"space.pin\", \"pin\": \"%s\", \"of\": {\"@bytes\": \"%s\"}}", pin,
             of);
    sim_note(world, "peer %zu types a %s PIN", guest->peer->index, wrong ? "wrong" : "right");
    guest->pin_ms = 0;
    guest->proving = true;
    guest->knows = guest->knows || !wrong;
    if (!sim_ask_json(guest->peer, json, NULL, true, sim_ignore_answer, NULL)) {
        guest->proving = false;
    }
}

static void tend_guest(sim_guest *guest) {
    sim_world *world = guest->invitation->world;
    if (guest->ended || guest->invitation->url[0] == 0 || world->now_ms < guest->next_ms) {
        return;
    }
    if (!guest->asked) {
        ask_join(guest);
    } else if (guest->pin_ms != 0 && world->now_ms >= guest->pin_ms) {
        type_pin(guest);
    }
}

/* --- Time ------------------------------------------------------------------------------------------------ */

static bool has_ended(void *ctx) {
    const sim_invitation *invitation = ctx;
    bool ended = invitation->ended;
    for (size_t i = 0; i < invitation->guest_count; i++) {
        ended = ended && invitation->guests[i].ended;
    }
    return ended;
}

static void on_tick(sim_world *world, void *ctx, uint64_t number) {
    sim_invitation *invitation = ctx;
    tend_host(invitation);
    for (size_t i = 0; i < invitation->guest_count && world->violation[0] == 0; i++) {
        tend_guest(&invitation->guests[i]);
    }
    sim_check_answers(world);
    if (!has_ended(invitation)) {
        sim_at(world, world->now_ms + TICK_MS, on_tick, invitation, number);
    }
}

void sim_invite_begin(sim_world *world) {
    if (world->plan.guests == 0) {
        return;
    }
    sim_invitation *invitation = calloc(1, sizeof *invitation);
    DX_ASSERT(invitation != NULL && world->plan.guests <= SIM_GUESTS_MAX);
    world->invitation = invitation;
    invitation->world = world;
    invitation->host = &world->peers[0];
    invitation->reader = sim_below(world, 3) == 0;
    invitation->life_ms = LIFE_MIN_MS + sim_below(world, LIFE_MORE_MS);
    invitation->guest_count = world->plan.guests;
    draw_id(world, invitation->id);
    for (size_t i = 0; i < invitation->guest_count; i++) {
        invitation->guests[i] = (sim_guest){
            .invitation = invitation,
            .peer = &world->peers[world->plan.peers + i],
            .wrong_left = (unsigned)sim_below(world, sim_below(world, 2) == 0 ? 2 : WRONG_MAX + 1)};
    }
    sim_at(world, world->now_ms + sim_below(world, world->plan.minutes * 40000), on_tick, invitation, 0);
}

void sim_invite_end(sim_world *world) {
    sim_invitation *invitation = world->invitation;
    if (invitation == NULL || world->violation[0] != 0) {
        return;
    }
    uint64_t end_ms =
        world->now_ms + invitation->life_ms + HOST_RETURN_MS + HOST_ADMITTING_MS + 2 * GUEST_LIFE_MS;
    if (!sim_run_while(world, end_ms, has_ended, invitation)) {
        sim_violate(world, "an invitation did not come to its end: host %s, guests %d and %d",
                    invitation->ended ? invitation->state : "none", invitation->guests[0].ended,
                    invitation->guests[1].ended);
    }
    if (world->violation[0] == 0) {
        sim_check_invitation(invitation);
    }
}

void sim_invite_deinit(sim_world *world) {
    free(world->invitation);
    world->invitation = NULL;
}
