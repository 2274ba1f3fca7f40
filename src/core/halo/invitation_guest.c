/* halo/invitation_guest.c: the invited side: from a link and a PIN to a verified welcome.
 *
 * Layer: floor 1, halo. Contract in halo/invitation.h, protocol in docs/spec/invitation.md.
 * Invariants: a state changes only by `go`, along the table of successors; the PIN leaves this file only as
 * CPace's password; at most DX_INVITATION_FAILURES_MAX proofs are sent in one life, whatever a host answers,
 * because each is one guess for a false host too. */
#include "halo/invitation_message.h"

#include <string.h>

/* --- States ----------------------------------------------------------------------------------- */

#define BIT(symbol) (UINT32_C(1) << DX_GUEST_##symbol)

static uint32_t successors(dx_guest_state state) {
    switch (state) {
    case DX_GUEST_PARSED:
        return BIT(CONNECTING) | BIT(FAILED);
    case DX_GUEST_CONNECTING:
        return BIT(HANDSHAKE) | BIT(FAILED);
    case DX_GUEST_HANDSHAKE:
        return BIT(PIN_REQUIRED) | BIT(PROVING) | BIT(CONNECTING) | BIT(FAILED);
    case DX_GUEST_PIN_REQUIRED:
        return BIT(PROVING) | BIT(CONNECTING) | BIT(FAILED);
    case DX_GUEST_PROVING:
        return BIT(REQUESTED) | BIT(PIN_REQUIRED) | BIT(CONNECTING) | BIT(FAILED);
    case DX_GUEST_REQUESTED:
        return BIT(JOINING) | BIT(CONNECTING) | BIT(FAILED);
    case DX_GUEST_JOINING:
        return BIT(READY) | BIT(FAILED);
    case DX_GUEST_READY:
    case DX_GUEST_FAILED:
        break;
    }
    return 0;
}

static uint64_t lasts_ms(dx_guest_state state) {
    switch (state) {
#define LASTS_ROW(symbol, number, name, deadline_ms, sentence)                                               \
    case DX_GUEST_##symbol:                                                                                  \
        return deadline_ms;
        DX_GUEST_STATES(LASTS_ROW)
#undef LASTS_ROW
    }
    return 0;
}

static void go(dx_invitation_guest *guest, dx_guest_state next, uint64_t now_ms) {
    DX_ASSERT((successors(guest->state) & UINT32_C(1) << next) != 0);
    guest->state = next;
    uint64_t deadline_ms = now_ms + lasts_ms(next);
    guest->deadline_ms = dx_guest_state_ends(next)     ? UINT64_MAX
                         : deadline_ms < guest->end_ms ? deadline_ms
                                                       : guest->end_ms;
}

static void forget_pin(dx_invitation_guest *guest) {
    dx_wipe(guest->pin, sizeof guest->pin);
    guest->has_pin = false;
}

static void forget_attempt(dx_invitation_guest *guest) {
    dx_cpace_deinit(&guest->cpace);
    dx_wipe(guest->expected, sizeof guest->expected);
    guest->proved = false;
}

/* --- Endings ---------------------------------------------------------------------------------- */

static int tell(const dx_invitation_message *message, dx_buf *out) {
    return dx_invitation_message_encode(message, out);
}

static void close_link(dx_invitation_guest *guest, int reason) {
    guest->has_link = false;
    guest->reason = reason;
    guest->actions |= DX_GUEST_DO_CLOSE;
}

/* The one way to fail. told: the host knows already, it said so. */
static int fail(dx_invitation_guest *guest, int error, bool told, dx_buf *out) {
    int failed = DX_OK;
    if (guest->has_link) {
        failed = told ? DX_OK : tell(&(dx_invitation_message){.kind = DX_MESSAGE_ERROR, .error = error}, out);
        close_link(guest, error);
    }
    guest->error = error;
    guest->actions &= DX_GUEST_DO_CLOSE;
    forget_pin(guest);
    forget_attempt(guest);
    go(guest, DX_GUEST_FAILED, 0);
    return failed;
}

/* Back to looking for the host; error says why for as long as it lasts. */
static void look_again(dx_invitation_guest *guest, int error, uint64_t now_ms) {
    guest->error = error;
    guest->actions &= DX_GUEST_DO_CLOSE; /* nobody to answer to any more */
    forget_attempt(guest);
    go(guest, DX_GUEST_CONNECTING, now_ms);
}

/* --- Life ------------------------------------------------------------------------------------- */

void dx_invitation_guest_init(dx_invitation_guest *guest, const dx_alloc *alloc, const dx_random *random,
                              const dx_identity *identity, const dx_invitation_link *link, uint64_t now_ms) {
    memset(guest, 0, sizeof *guest);
    guest->alloc = alloc;
    guest->random = random;
    guest->identity = identity;
    guest->link = *link;
    dx_buf_init(&guest->welcome, alloc, DX_WELCOME_SIZE_MAX);
    guest->end_ms = now_ms + DX_INVITATION_GUEST_LIFE_MS;
    guest->state = DX_GUEST_PARSED;
    guest->deadline_ms = now_ms + lasts_ms(DX_GUEST_PARSED);
}

void dx_invitation_guest_deinit(dx_invitation_guest *guest) {
    dx_buf_deinit(&guest->welcome);
    dx_wipe(guest, sizeof *guest);
}

unsigned dx_invitation_guest_actions(dx_invitation_guest *guest) {
    unsigned actions = guest->actions;
    guest->actions = 0;
    return actions;
}

void dx_invitation_guest_dial(dx_invitation_guest *guest, uint64_t now_ms) {
    if (guest->state == DX_GUEST_PARSED) {
        go(guest, DX_GUEST_CONNECTING, now_ms);
    }
}

int dx_invitation_guest_open(dx_invitation_guest *guest,
                             const uint8_t handshake_hash[static DX_NOISE_HASH_SIZE],
                             const uint8_t host_key[static DX_KEY_SIZE],
                             const uint8_t guest_key[static DX_KEY_SIZE], uint64_t now_ms, dx_buf *out) {
    dx_invitation_guest_dial(guest, now_ms);
    if (guest->state != DX_GUEST_CONNECTING) {
        return DX_E_STATE; /* another link was first, or it is over */
    }
    guest->has_link = true;
    if (memcmp(host_key, guest->link.host_key, DX_KEY_SIZE) != 0) {
        return fail(guest, DX_E_HOST_PROOF, false, out);
    }
    memcpy(guest->handshake_hash, handshake_hash, DX_NOISE_HASH_SIZE);
    memcpy(guest->guest_key, guest_key, DX_KEY_SIZE);
    guest->attempt = 0;
    go(guest, DX_GUEST_HANDSHAKE, now_ms);
    return tell(&(dx_invitation_message){.kind = DX_MESSAGE_HELLO,
                                         .number = DX_INVITATION_VERSION,
                                         .bytes = dx_bytes_of(guest->link.id, DX_INVITATION_ID_SIZE)},
                out);
}

void dx_invitation_guest_closed(dx_invitation_guest *guest, int reason, uint64_t now_ms) {
    if (!guest->has_link) {
        return;
    }
    guest->has_link = false;
    if (guest->state != DX_GUEST_JOINING) {
        look_again(guest, reason == DX_OK ? DX_E_UNREACHABLE : reason, now_ms);
    }
}

/* --- The PIN ---------------------------------------------------------------------------------- */

static void ask_pin(dx_invitation_guest *guest, int error, uint64_t now_ms) {
    guest->error = error;
    forget_pin(guest);
    guest->actions |= DX_GUEST_DO_ASK;
    go(guest, DX_GUEST_PIN_REQUIRED, now_ms);
}

static int begin_proof(dx_invitation_guest *guest, uint64_t now_ms, dx_buf *out) {
    if (guest->proofs == DX_INVITATION_FAILURES_MAX) {
        return fail(guest, DX_E_PIN, false, out);
    }
    uint8_t channel[DX_INVITATION_CHANNEL_SIZE], seed[64];
    guest->attempt++;
    dx_invitation_channel(guest->link.id, guest->link.host_key, guest->guest_key, guest->attempt, channel);
    guest->random->fill(guest->random->ctx, seed, sizeof seed);
    int error = dx_cpace_init(&guest->cpace, true, dx_bytes_of(guest->pin, DX_PIN_SIZE),
                              dx_bytes_of(channel, sizeof channel),
                              dx_bytes_of(guest->handshake_hash, DX_NOISE_HASH_SIZE), seed);
    dx_wipe(seed, sizeof seed);
    if (error != DX_OK) {
        return fail(guest, DX_E_PROTOCOL, false, out);
    }
    guest->error = DX_OK;
    go(guest, DX_GUEST_PROVING, now_ms);
    return tell(&(dx_invitation_message){.kind = DX_MESSAGE_SHARE,
                                         .number = guest->attempt,
                                         .bytes = dx_bytes_of(guest->cpace.share, DX_CPACE_SHARE_SIZE)},
                out);
}

int dx_invitation_guest_enter_pin(dx_invitation_guest *guest, dx_bytes pin, uint64_t now_ms, dx_buf *out) {
    if (guest->state > DX_GUEST_PIN_REQUIRED) {
        return DX_E_STATE;
    }
    int error = dx_pin_check(pin);
    if (error != DX_OK) {
        return error;
    }
    memcpy(guest->pin, pin.data, DX_PIN_SIZE);
    guest->has_pin = true;
    guest->unanswered = false; /* another PIN than the one a verdict is missing for */
    if (guest->state != DX_GUEST_PIN_REQUIRED) {
        return DX_OK;
    }
    guest->actions &= ~(unsigned)DX_GUEST_DO_ASK;
    return begin_proof(guest, now_ms, out);
}

/* --- Messages --------------------------------------------------------------------------------- */

static int take_ready(dx_invitation_guest *guest, const dx_invitation_message *message, uint64_t now_ms,
                      dx_buf *out) {
    if (message->number == 0 || message->number > DX_INVITATION_FAILURES_MAX) {
        return fail(guest, DX_E_PROTOCOL, false, out);
    }
    guest->left = message->number;
    /* The connection broke before a verdict, and there are fewer attempts than before: the PIN was wrong, or
     * the host crashed after counting. The person decides whether to spend another attempt. */
    bool doubtful = guest->unanswered && guest->left < guest->left_before;
    guest->unanswered = false;
    if (guest->has_pin && !doubtful) {
        return begin_proof(guest, now_ms, out);
    }
    ask_pin(guest, doubtful ? DX_E_UNREACHABLE : DX_OK, now_ms);
    return DX_OK;
}

static int take_answer(dx_invitation_guest *guest, const dx_invitation_message *message, dx_buf *out) {
    uint8_t isk[DX_CPACE_ISK_SIZE], proof[DX_CPACE_CONFIRM_SIZE];
    const dx_bytes none = dx_bytes_of(NULL, 0);
    if (dx_cpace_finish(&guest->cpace, message->bytes.data, none, none, isk) != DX_OK) {
        return fail(guest, DX_E_PROTOCOL, false, out);
    }
    dx_cpace_confirm(isk, true, none, proof);
    dx_cpace_confirm(isk, false, none, guest->expected);
    dx_wipe(isk, sizeof isk);
    guest->proved = true;
    guest->proofs++;
    guest->unanswered = true;
    guest->left_before = guest->left;
    return tell(&(dx_invitation_message){.kind = DX_MESSAGE_PROOF, .bytes = dx_bytes_of(proof, sizeof proof)},
                out);
}

static int take_host_proof(dx_invitation_guest *guest, const dx_invitation_message *message, uint64_t now_ms,
                           dx_buf *out) {
    guest->unanswered = false;
    if (!dx_secret_equal(message->bytes.data, guest->expected, DX_CPACE_CONFIRM_SIZE)) {
        return fail(guest, DX_E_HOST_PROOF, false, out);
    }
    uint8_t presence[DX_INVITATION_PRESENCE_SIZE], signature[DX_SIGNATURE_SIZE];
    dx_invitation_presence(guest->handshake_hash, guest->link.id, presence);
    dx_sign(&guest->identity->device_key, dx_invitation_presence_context,
            dx_bytes_of(presence, sizeof presence), signature);
    forget_attempt(guest);
    go(guest, DX_GUEST_REQUESTED, now_ms);
    return tell(&(dx_invitation_message){.kind = DX_MESSAGE_REQUEST,
                                         .bytes = dx_buf_view(&guest->identity->device_credential),
                                         .signature = dx_bytes_of(signature, sizeof signature)},
                out);
}

static int take_welcome(dx_invitation_guest *guest, const dx_invitation_message *message, uint64_t now_ms,
                        dx_buf *out) {
    if (message->bytes.size > DX_WELCOME_SIZE_MAX) {
        return fail(guest, DX_E_VERIFY, false, out);
    }
    dx_buf_clear(&guest->welcome);
    dx_buf_append(&guest->welcome, message->bytes.data, message->bytes.size);
    int error = dx_buf_error(&guest->welcome);
    if (error != DX_OK) {
        return error;
    }
    error = dx_welcome_decode(dx_buf_view(&guest->welcome), &guest->bundle);
    if (error == DX_OK) {
        error = dx_welcome_verify(&guest->bundle, guest->alloc, guest->identity, NULL);
    }
    if (error == DX_E_NO_MEMORY) {
        return error;
    }
    if (error != DX_OK) {
        return fail(guest, DX_E_VERIFY, false, out);
    }
    forget_pin(guest);
    guest->actions |= DX_GUEST_DO_JOIN;
    go(guest, DX_GUEST_JOINING, now_ms);
    return DX_OK;
}

/* The host refuses, or says that the PIN was wrong. */
static int take_error(dx_invitation_guest *guest, const dx_invitation_message *message, uint64_t now_ms,
                      dx_buf *out) {
    if (message->error == DX_E_PIN && guest->state == DX_GUEST_PROVING && guest->proved) {
        if (message->number == 0 || message->number > DX_INVITATION_FAILURES_MAX) {
            return fail(guest, DX_E_PROTOCOL, false, out);
        }
        guest->left = message->number;
        guest->unanswered = false;
        if (guest->proofs == DX_INVITATION_FAILURES_MAX) {
            return fail(guest, DX_E_PIN, false, out);
        }
        forget_attempt(guest);
        ask_pin(guest, DX_E_PIN, now_ms);
        return DX_OK;
    }
    if (message->error == DX_E_BUSY) {
        close_link(guest, DX_E_BUSY);
        look_again(guest, DX_E_BUSY, now_ms);
        return DX_OK;
    }
    guest->left = message->number <= DX_INVITATION_FAILURES_MAX ? message->number : 0;
    return fail(guest, message->error, true, out);
}

int dx_invitation_guest_receive(dx_invitation_guest *guest, dx_bytes bytes, uint64_t now_ms, dx_buf *out) {
    dx_invitation_message message;
    if (!guest->has_link || guest->state == DX_GUEST_JOINING) {
        return DX_OK; /* over, or with all it needs: what still comes does not count */
    }
    if (dx_invitation_message_decode(bytes, &message) != DX_OK) {
        return fail(guest, DX_E_MALFORMED, false, out);
    }
    if (message.kind == DX_MESSAGE_ERROR) {
        return take_error(guest, &message, now_ms, out);
    }
    if (guest->state == DX_GUEST_HANDSHAKE && message.kind == DX_MESSAGE_READY) {
        return take_ready(guest, &message, now_ms, out);
    }
    if (guest->state == DX_GUEST_PROVING && message.kind == DX_MESSAGE_ANSWER && !guest->proved) {
        return take_answer(guest, &message, out);
    }
    if (guest->state == DX_GUEST_PROVING && message.kind == DX_MESSAGE_HOST_PROOF && guest->proved) {
        return take_host_proof(guest, &message, now_ms, out);
    }
    if (guest->state == DX_GUEST_REQUESTED && message.kind == DX_MESSAGE_WELCOME) {
        return take_welcome(guest, &message, now_ms, out);
    }
    return fail(guest, DX_E_PROTOCOL, false, out);
}

int dx_invitation_guest_joined(dx_invitation_guest *guest, int error, uint64_t now_ms, dx_buf *out) {
    DX_ASSERT(guest->state == DX_GUEST_JOINING);
    if (error != DX_OK) {
        return fail(guest, error, false, out);
    }
    int failed = DX_OK;
    if (guest->has_link) {
        failed = tell(&(dx_invitation_message){.kind = DX_MESSAGE_DONE}, out);
        close_link(guest, DX_OK);
    }
    guest->error = DX_OK;
    go(guest, DX_GUEST_READY, now_ms);
    return failed;
}

/* --- Time ------------------------------------------------------------------------------------- */

int dx_invitation_guest_tick(dx_invitation_guest *guest, uint64_t now_ms, dx_buf *out) {
    if (dx_guest_state_ends(guest->state) || now_ms < guest->deadline_ms) {
        return DX_OK;
    }
    if (guest->state != DX_GUEST_CONNECTING) {
        return fail(guest, DX_E_TIMEOUT, false, out);
    }
    return fail(guest, guest->error == DX_OK ? DX_E_NO_HOST : guest->error, false, out);
}

int dx_invitation_guest_cancel(dx_invitation_guest *guest, dx_buf *out) {
    return dx_guest_state_ends(guest->state) ? DX_OK : fail(guest, DX_E_CANCELLED, false, out);
}
