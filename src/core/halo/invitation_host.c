/* halo/invitation_host.c: the inviting side: one invitation, one guest at the door at a time.
 *
 * Layer: floor 1, halo. Contract in halo/invitation.h, protocol in docs/spec/invitation.md.
 * Invariants: a state changes only by `go`, along the table of successors; failures on disk are never fewer
 * than the wrong proofs that were answered, because a proof is verified only after the commit that counted it
 * as wrong; an admission uses up at most one use. */
#include "halo/invitation_message.h"

#include <string.h>

/* --- States ----------------------------------------------------------------------------------- */

#define BIT(symbol) (UINT32_C(1) << DX_HOST_##symbol)
#define ENDS        (BIT(CANCELLED) | BIT(EXPIRED) | BIT(LOCKED) | BIT(EXHAUSTED))

/* Where each state may lead. */
static uint32_t successors(dx_host_state state) {
    switch (state) {
    case DX_HOST_ADVERTISING:
        return BIT(CONNECTED) | BIT(SUCCESS) | ENDS;
    case DX_HOST_CONNECTED:
        return BIT(PIN_WAIT) | BIT(ADVERTISING) | ENDS;
    case DX_HOST_PIN_WAIT:
        return BIT(PROVING) | BIT(ADVERTISING) | ENDS;
    case DX_HOST_PROVING:
        return BIT(VERIFYING) | BIT(ADVERTISING) | ENDS;
    case DX_HOST_VERIFYING:
        return BIT(ADMITTING) | BIT(PIN_WAIT) | BIT(ADVERTISING) | ENDS;
    case DX_HOST_ADMITTING:
        return BIT(ADMITTED) | BIT(ADVERTISING) | ENDS;
    case DX_HOST_ADMITTED:
        return BIT(SUCCESS) | BIT(ADVERTISING) | ENDS;
    case DX_HOST_SUCCESS:
    case DX_HOST_CANCELLED:
    case DX_HOST_EXPIRED:
    case DX_HOST_LOCKED:
    case DX_HOST_EXHAUSTED:
        break;
    }
    return 0;
}

static uint64_t lasts_ms(dx_host_state state) {
    switch (state) {
#define LASTS_ROW(symbol, number, name, deadline_ms, sentence)                                               \
    case DX_HOST_##symbol:                                                                                   \
        return deadline_ms;
        DX_HOST_STATES(LASTS_ROW)
#undef LASTS_ROW
    }
    return 0;
}

static bool used_up(const dx_invitation_host *host) {
#if defined(DX_PLANT) && DX_PLANT == 26
    return host->invitation.uses > host->invitation.uses_max;
#else
    return host->invitation.uses >= host->invitation.uses_max;
#endif
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void go(dx_invitation_host *host, dx_host_state next, uint64_t now_ms) {
    DX_ASSERT((successors(host->state) & UINT32_C(1) << next) != 0);
    host->state = next;
    if (dx_host_state_ends(next)) {
        host->deadline_ms = UINT64_MAX;
        host->invitation.state = next;
        host->actions |= DX_HOST_DO_SAVE;
        dx_wipe(host->invitation.pin, sizeof host->invitation.pin);
    } else if (next == DX_HOST_ADVERTISING) {
        /* A locked invitation only waits for the tick that ends it. */
        host->deadline_ms = host->invitation.failures >= DX_INVITATION_FAILURES_MAX ? now_ms : host->end_ms;
    } else if (next < DX_HOST_VERIFYING) {
        host->deadline_ms = earlier(now_ms + lasts_ms(next), host->end_ms);
    } else {
        host->deadline_ms = now_ms + lasts_ms(next);
    }
}

/* How the invitation must end now, or its present state when it need not. A right PIN is not turned away by
 * an expiry that falls between proof and admission. */
static dx_host_state due_end(const dx_invitation_host *host, uint64_t now_ms, uint64_t wall_ms) {
    if (host->state >= DX_HOST_VERIFYING) {
        return host->state;
    }
    if (host->invitation.failures >= DX_INVITATION_FAILURES_MAX) {
        return DX_HOST_LOCKED;
    }
    if (now_ms >= host->end_ms || wall_ms >= host->invitation.expires_ms) {
        return used_up(host) ? DX_HOST_EXHAUSTED : DX_HOST_EXPIRED;
    }
    return host->state;
}

/* What a guest is told about an invitation that ended so. */
static int error_of_end(dx_host_state state) {
    switch (state) {
    case DX_HOST_SUCCESS:
    case DX_HOST_EXHAUSTED:
        return DX_E_EXHAUSTED;
    case DX_HOST_EXPIRED:
        return DX_E_EXPIRED;
    case DX_HOST_LOCKED:
        return DX_E_LOCKED;
    case DX_HOST_CANCELLED:
        return DX_E_WITHDRAWN;
    case DX_HOST_ADVERTISING:
    case DX_HOST_CONNECTED:
    case DX_HOST_PIN_WAIT:
    case DX_HOST_PROVING:
    case DX_HOST_VERIFYING:
    case DX_HOST_ADMITTING:
    case DX_HOST_ADMITTED:
        break;
    }
    return DX_OK; /* it goes on */
}

/* --- Attempts --------------------------------------------------------------------------------- */

static uint64_t attempts_left(const dx_invitation_host *host) {
    uint64_t failures = host->invitation.failures;
    return failures < DX_INVITATION_FAILURES_MAX ? DX_INVITATION_FAILURES_MAX - failures : 0;
}

static int tell(const dx_invitation_message *message, dx_buf *out) {
    return dx_invitation_message_encode(message, out);
}

static int tell_error(const dx_invitation_host *host, int error, dx_buf *out) {
    return tell(
        &(dx_invitation_message){.kind = DX_MESSAGE_ERROR, .error = error, .number = attempts_left(host)},
        out);
}

static void forget_attempt(dx_invitation_host *host) {
    dx_wipe(host->expected, sizeof host->expected);
    dx_wipe(host->claimed, sizeof host->claimed);
    dx_wipe(host->proof, sizeof host->proof);
    host->asked = false;
    dx_buf_deinit(&host->request.device_credential);
}

/* The caller is to close the link; host->link keeps its number until another comes. */
static void close_link(dx_invitation_host *host, int reason) {
    host->has_link = false;
    host->reason = reason;
    host->actions |= DX_HOST_DO_CLOSE;
}

/* The guest is gone, one way or the other. A proof that was already counted is still verified, so that a lost
 * connection does not cost an honest guest an attempt. */
static void leave_door(dx_invitation_host *host, uint64_t now_ms) {
    host->has_link = false;
    if (host->state == DX_HOST_VERIFYING) {
        return;
    }
    forget_attempt(host);
    go(host, DX_HOST_ADVERTISING, now_ms);
}

/* Ends the attempt with an error the guest is told. */
static int drop_guest(dx_invitation_host *host, int error, uint64_t now_ms, dx_buf *out) {
    int failed = tell_error(host, error, out);
    close_link(host, error);
    leave_door(host, now_ms);
    return failed;
}

/* Ends the invitation; a guest at the door is told. */
static int end_invitation(dx_invitation_host *host, dx_host_state state, uint64_t now_ms, dx_buf *out) {
    int failed = DX_OK;
    if (host->has_link) {
        bool joined = state == DX_HOST_SUCCESS;
        failed = joined ? DX_OK : tell_error(host, error_of_end(state), out);
        close_link(host, joined ? DX_OK : error_of_end(state));
    }
    forget_attempt(host);
    go(host, state, now_ms);
    return failed;
}

/* --- Life ------------------------------------------------------------------------------------- */

/* Only who was admitted is still served, and not for long. */
static void begin_return(dx_invitation_host *host, uint64_t now_ms) {
    host->end_ms = earlier(host->end_ms, now_ms + DX_INVITATION_RETURN_MS);
}

void dx_invitation_host_init(dx_invitation_host *host, const dx_alloc *alloc, const dx_random *random,
                             const dx_invitation *invitation, uint64_t now_ms, uint64_t wall_ms) {
    memset(host, 0, sizeof *host);
    host->alloc = alloc;
    host->random = random;
    host->invitation = *invitation;
    host->state = invitation->state;
    dx_buf_init(&host->request.device_credential, alloc, DX_CREDENTIAL_SIZE_MAX);
    dx_invitation_host_wind(host, now_ms, wall_ms);
}

void dx_invitation_host_wind(dx_invitation_host *host, uint64_t now_ms, uint64_t wall_ms) {
    const dx_invitation *invitation = &host->invitation;
    if (host->state != DX_HOST_ADVERTISING) {
        host->deadline_ms = dx_host_state_ends(host->state) ? UINT64_MAX : host->deadline_ms;
        return;
    }
    /* Expiry is the wall clock's; but a clock that stands still or is set back does not keep an invitation
     * open. */
    uint64_t life_ms = invitation->expires_ms > wall_ms ? invitation->expires_ms - wall_ms : 0;
    host->end_ms = now_ms + earlier(life_ms, DX_INVITATION_LIFE_MAX_MS);
    if (used_up(host)) {
        begin_return(host, now_ms);
    }
    host->deadline_ms = invitation->failures >= DX_INVITATION_FAILURES_MAX ? now_ms : host->end_ms;
}

void dx_invitation_host_deinit(dx_invitation_host *host) {
    dx_buf_deinit(&host->request.device_credential);
    dx_wipe(host, sizeof *host);
}

unsigned dx_invitation_host_actions(dx_invitation_host *host) {
    unsigned actions = host->actions;
    host->actions = 0;
    return actions;
}

/* Why nobody may come to the door now, or DX_OK. */
static int refuse(const dx_invitation_host *host, uint64_t now_ms, uint64_t wall_ms) {
    dx_host_state end = due_end(host, now_ms, wall_ms); /* the tick that is due will end it */
    return dx_host_state_ends(end)              ? error_of_end(end)
           : host->state != DX_HOST_ADVERTISING ? DX_E_BUSY
                                                : DX_OK;
}

static void meet(dx_invitation_host *host, uint64_t link,
                 const uint8_t handshake_hash[static DX_NOISE_HASH_SIZE],
                 const uint8_t guest_key[static DX_KEY_SIZE], uint64_t now_ms) {
    host->link = link;
    host->has_link = true;
    host->attempt = 0;
    memcpy(host->handshake_hash, handshake_hash, DX_NOISE_HASH_SIZE);
    memcpy(host->guest_key, guest_key, DX_KEY_SIZE);
    go(host, DX_HOST_CONNECTED, now_ms);
}

int dx_invitation_host_open(dx_invitation_host *host, uint64_t link,
                            const uint8_t handshake_hash[static DX_NOISE_HASH_SIZE],
                            const uint8_t guest_key[static DX_KEY_SIZE], uint64_t now_ms, uint64_t wall_ms,
                            dx_buf *out) {
    int refusal = refuse(host, now_ms, wall_ms);
    if (refusal != DX_OK) {
        int failed = tell_error(host, refusal, out);
        return failed != DX_OK ? failed : refusal;
    }
    meet(host, link, handshake_hash, guest_key, now_ms);
    return DX_OK;
}

void dx_parked_guest_init(dx_parked_guest *guest, uint64_t link,
                          const uint8_t handshake_hash[static DX_NOISE_HASH_SIZE],
                          const uint8_t guest_key[static DX_KEY_SIZE], uint64_t now_ms) {
    *guest = (dx_parked_guest){.link = link, .until_ms = now_ms + lasts_ms(DX_HOST_CONNECTED)};
    memcpy(guest->handshake_hash, handshake_hash, sizeof guest->handshake_hash);
    memcpy(guest->guest_key, guest_key, sizeof guest->guest_key);
}

bool dx_invitation_host_is_kept_waiting(const dx_invitation_host *host, uint64_t now_ms) {
    return host->state == DX_HOST_PROVING &&
           now_ms + lasts_ms(DX_HOST_PROVING) >= host->deadline_ms + DX_INVITATION_PROOF_MS;
}

bool dx_invitation_host_park(dx_invitation_host *host, uint64_t now_ms, dx_parked_guest *out) {
    bool waits = host->state == DX_HOST_CONNECTED || host->state == DX_HOST_PIN_WAIT;
    if (!host->has_link || !waits) {
        return false;
    }
    *out = (dx_parked_guest){.link = host->link,
                             .attempt = host->attempt,
                             .until_ms = host->deadline_ms,
                             .greeted = host->state == DX_HOST_PIN_WAIT};
    memcpy(out->handshake_hash, host->handshake_hash, sizeof out->handshake_hash);
    memcpy(out->guest_key, host->guest_key, sizeof out->guest_key);
    leave_door(host, now_ms);
    return true;
}

int dx_invitation_host_resume(dx_invitation_host *host, const dx_parked_guest *guest, uint64_t now_ms,
                              uint64_t wall_ms) {
    int refusal = refuse(host, now_ms, wall_ms);
    if (refusal != DX_OK) {
        return refusal;
    }
    meet(host, guest->link, guest->handshake_hash, guest->guest_key, now_ms);
    if (guest->greeted) {
        go(host, DX_HOST_PIN_WAIT, now_ms);
    }
    host->attempt = guest->attempt;
    host->deadline_ms = earlier(host->deadline_ms, guest->until_ms);
    return DX_OK;
}

void dx_invitation_host_closed(dx_invitation_host *host, uint64_t link, uint64_t now_ms) {
    if (host->has_link && host->link == link) {
        leave_door(host, now_ms);
    }
}

/* --- Messages --------------------------------------------------------------------------------- */

static int take_hello(dx_invitation_host *host, const dx_invitation_message *message, uint64_t now_ms,
                      dx_buf *out) {
    if (message->number != DX_INVITATION_VERSION) {
        return drop_guest(host, DX_E_UNSUPPORTED, now_ms, out);
    }
    if (memcmp(message->bytes.data, host->invitation.id, DX_INVITATION_ID_SIZE) != 0) {
        return drop_guest(host, DX_E_LINK, now_ms, out);
    }
    go(host, DX_HOST_PIN_WAIT, now_ms);
    return tell(&(dx_invitation_message){.kind = DX_MESSAGE_READY, .number = attempts_left(host)}, out);
}

/* Answers a share and keeps what the guest must prove. Aborts up to here teach a guest nothing and cost no
 * attempt. */
static int take_share(dx_invitation_host *host, const dx_invitation_message *message, uint64_t now_ms,
                      dx_buf *out) {
    uint8_t channel[DX_INVITATION_CHANNEL_SIZE], seed[64], isk[DX_CPACE_ISK_SIZE];
    if (message->number != host->attempt + 1) {
        return drop_guest(host, DX_E_PROTOCOL, now_ms, out);
    }
    host->attempt++;
    dx_invitation_channel(host->invitation.id, host->invitation.host_key, host->guest_key, host->attempt,
                          channel);
    host->random->fill(host->random->ctx, seed, sizeof seed);
    dx_cpace cpace;
    const dx_bytes none = dx_bytes_of(NULL, 0);
    int error = dx_cpace_init(&cpace, false, dx_bytes_of(host->invitation.pin, DX_PIN_SIZE),
                              dx_bytes_of(channel, sizeof channel),
                              dx_bytes_of(host->handshake_hash, DX_NOISE_HASH_SIZE), seed);
    if (error == DX_OK) {
        error = dx_cpace_finish(&cpace, message->bytes.data, none, none, isk);
    }
    if (error == DX_OK) {
        dx_cpace_confirm(isk, true, none, host->expected);
        dx_cpace_confirm(isk, false, none, host->proof);
        go(host, DX_HOST_PROVING, now_ms);
        error = tell(&(dx_invitation_message){.kind = DX_MESSAGE_ANSWER,
                                              .bytes = dx_bytes_of(cpace.share, DX_CPACE_SHARE_SIZE)},
                     out);
    } else {
        error = drop_guest(host, DX_E_PROTOCOL, now_ms, out);
    }
    dx_cpace_deinit(&cpace);
    dx_wipe(seed, sizeof seed);
    dx_wipe(isk, sizeof isk);
    return error;
}

/* Counts the failure first; whether it was one is looked at after that is durable (dx_invitation_host_tick).
 */
static void take_proof(dx_invitation_host *host, const dx_invitation_message *message, uint64_t now_ms) {
    memcpy(host->claimed, message->bytes.data, DX_CPACE_CONFIRM_SIZE);
#if defined(DX_PLANT) && DX_PLANT == 25
    host->invitation.failures += host->invitation.failures + 1 < DX_INVITATION_FAILURES_MAX;
#else
    host->invitation.failures++;
#endif
    host->uncommitted = true;
    host->actions |= DX_HOST_DO_SAVE;
    go(host, DX_HOST_VERIFYING, now_ms);
}

static int verify_proof(dx_invitation_host *host, uint64_t now_ms, dx_buf *out) {
    if (dx_secret_equal(host->claimed, host->expected, DX_CPACE_CONFIRM_SIZE)) {
        host->invitation.failures--;
        host->actions |= DX_HOST_DO_SAVE;
        if (!host->has_link) {
            forget_attempt(host);
            go(host, DX_HOST_ADVERTISING, now_ms);
            return DX_OK;
        }
        go(host, DX_HOST_ADMITTING, now_ms);
        return tell(&(dx_invitation_message){.kind = DX_MESSAGE_HOST_PROOF,
                                             .bytes = dx_bytes_of(host->proof, DX_CPACE_CONFIRM_SIZE)},
                    out);
    }
    if (attempts_left(host) == 0) {
        return end_invitation(host, DX_HOST_LOCKED, now_ms, out);
    }
    forget_attempt(host);
    if (!host->has_link) {
        go(host, DX_HOST_ADVERTISING, now_ms);
        return DX_OK;
    }
    go(host, DX_HOST_PIN_WAIT, now_ms);
    return tell_error(host, DX_E_PIN, out);
}

/* The credential must be good, and its device present on this very connection. */
static int check_request(const dx_invitation_host *host, const dx_invitation_message *message,
                         dx_admission_request *request) {
    dx_credential credential;
    const uint8_t *noise;
    uint8_t presence[DX_INVITATION_PRESENCE_SIZE];
    int error = dx_credential_decode(message->bytes, &credential);
    if (error == DX_OK) {
        error = dx_device_credential_check(&credential, &noise);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_invitation_presence(host->handshake_hash, host->invitation.id, presence);
    error = dx_sign_verify(credential.subject, dx_invitation_presence_context,
                           dx_bytes_of(presence, sizeof presence), message->signature.data);
    if (error == DX_OK) {
        memcpy(request->identity, credential.issuer, DX_KEY_SIZE);
        memcpy(request->device, credential.subject, DX_KEY_SIZE);
        memcpy(request->noise, noise, DX_KEY_SIZE);
    }
    return error;
}

/* Whether the one who asks may be admitted, by the rights of this moment. */
static int decide(const dx_invitation_host *host, const dx_control *control, const uint8_t *admitter) {
    if (host->request.already) {
        return DX_OK;
    }
    if (used_up(host)) {
        return DX_E_EXHAUSTED;
    }
    return dx_control_may_admit(control, admitter, host->invitation.role) == DX_OK ? DX_OK : DX_E_DENIED;
}

static int take_request(dx_invitation_host *host, const dx_control *control, const uint8_t *admitter,
                        const dx_invitation_message *message, uint64_t now_ms, dx_buf *out) {
    dx_admission_request *request = &host->request;
    int error = host->asked ? DX_E_PROTOCOL : check_request(host, message, request);
    if (error == DX_OK) {
        request->already = dx_control_role(control, request->identity) >= host->invitation.role;
        error = decide(host, control, admitter);
    }
    if (error != DX_OK) {
        return drop_guest(host, error, now_ms, out);
    }
    dx_buf_clear(&request->device_credential);
    dx_buf_append(&request->device_credential, message->bytes.data, message->bytes.size);
    host->asked = true;
    host->actions |= DX_HOST_DO_ADMIT;
    return dx_buf_error(&request->device_credential);
}

int dx_invitation_host_admitted(dx_invitation_host *host, dx_bytes welcome, uint64_t now_ms, dx_buf *out) {
    DX_ASSERT(host->state == DX_HOST_ADMITTING && host->asked);
    host->asked = false;
    if (!host->request.already) {
        host->invitation.uses++;
        host->actions |= DX_HOST_DO_SAVE;
    }
    if (used_up(host)) {
        begin_return(host, now_ms);
    }
    go(host, DX_HOST_ADMITTED, now_ms);
    return tell(&(dx_invitation_message){.kind = DX_MESSAGE_WELCOME, .bytes = welcome}, out);
}

int dx_invitation_host_refused(dx_invitation_host *host, int error, uint64_t now_ms, dx_buf *out) {
    DX_ASSERT(host->state == DX_HOST_ADMITTING && host->asked);
    return drop_guest(host, error, now_ms, out);
}

static int take_done(dx_invitation_host *host, uint64_t now_ms, dx_buf *out) {
    if (used_up(host)) {
        return end_invitation(host, DX_HOST_SUCCESS, now_ms, out);
    }
    close_link(host, DX_OK);
    leave_door(host, now_ms);
    return DX_OK;
}

int dx_invitation_host_receive(dx_invitation_host *host, const dx_control *control,
                               const uint8_t admitter[static DX_KEY_SIZE], dx_bytes bytes, uint64_t now_ms,
                               uint64_t wall_ms, dx_buf *out) {
    dx_invitation_message message;
    if (!host->has_link) {
        return DX_OK; /* closed already; what was on its way does not count */
    }
    dx_host_state end = due_end(host, now_ms, wall_ms);
    if (end != host->state) {
        return end_invitation(host, end, now_ms, out);
    }
    if (dx_invitation_message_decode(bytes, &message) != DX_OK) {
        return drop_guest(host, DX_E_MALFORMED, now_ms, out);
    }
    if (message.kind == DX_MESSAGE_ERROR) {
        close_link(host, message.error);
        leave_door(host, now_ms);
        return DX_OK;
    }
    /* When all uses are, only who was admitted and lost the link is still served: others could not be let in, but their
     * wrong PINs would lock him out. */
    if (used_up(host) && host->state < DX_HOST_VERIFYING && !dx_control_has_noise(control, host->guest_key)) {
        return drop_guest(host, DX_E_EXHAUSTED, now_ms, out);
    }
    if (host->state == DX_HOST_CONNECTED && message.kind == DX_MESSAGE_HELLO) {
        return take_hello(host, &message, now_ms, out);
    }
    if (host->state == DX_HOST_PIN_WAIT && message.kind == DX_MESSAGE_SHARE) {
        return take_share(host, &message, now_ms, out);
    }
    if (host->state == DX_HOST_PROVING && message.kind == DX_MESSAGE_PROOF) {
        take_proof(host, &message, now_ms);
        return DX_OK;
    }
    if (host->state == DX_HOST_ADMITTING && message.kind == DX_MESSAGE_REQUEST) {
        return take_request(host, control, admitter, &message, now_ms, out);
    }
    if (host->state == DX_HOST_ADMITTED && message.kind == DX_MESSAGE_DONE) {
        return take_done(host, now_ms, out);
    }
    return drop_guest(host, DX_E_PROTOCOL, now_ms, out);
}

/* --- Time ------------------------------------------------------------------------------------- */

void dx_invitation_host_committed(dx_invitation_host *host, uint64_t now_ms) {
    if (host->uncommitted) {
        host->uncommitted = false;
        if (host->state == DX_HOST_VERIFYING) {
            host->deadline_ms = now_ms;
        }
    }
}

int dx_invitation_host_tick(dx_invitation_host *host, uint64_t now_ms, uint64_t wall_ms, dx_buf *out) {
    if (dx_host_state_ends(host->state)) {
        return DX_OK;
    }
    if (host->state == DX_HOST_VERIFYING && !host->uncommitted) {
        return verify_proof(host, now_ms, out);
    }
    dx_host_state end = due_end(host, now_ms, wall_ms);
    if (end != host->state) {
        return end_invitation(host, end, now_ms, out);
    }
    if (now_ms < host->deadline_ms || host->state == DX_HOST_ADVERTISING) {
        return DX_OK;
    }
    /* A guest who kept the door too long. Without a commit the proof stays counted, whatever it was. */
    bool told = host->has_link;
    if (host->state == DX_HOST_VERIFYING) {
        forget_attempt(host);
        host->uncommitted = false;
        int failed = told ? tell_error(host, DX_E_TIMEOUT, out) : DX_OK;
        if (told) {
            close_link(host, DX_E_TIMEOUT);
        }
        go(host, DX_HOST_ADVERTISING, now_ms);
        return failed;
    }
    return drop_guest(host, DX_E_TIMEOUT, now_ms, out);
}

bool dx_invitation_host_awaits(const dx_invitation_host *host) {
    return host->state == DX_HOST_ADVERTISING && used_up(host);
}

int dx_invitation_host_met(dx_invitation_host *host, const uint8_t device[static DX_KEY_SIZE],
                           uint64_t now_ms, dx_buf *out) {
    bool returned = dx_invitation_host_awaits(host) && memcmp(host->request.device, device, DX_KEY_SIZE) == 0;
    return returned ? end_invitation(host, DX_HOST_SUCCESS, now_ms, out) : DX_OK;
}

int dx_invitation_host_cancel(dx_invitation_host *host, dx_buf *out) {
    if (dx_host_state_ends(host->state)) {
        return DX_OK;
    }
    /* Who is admitted is admitted: then there is nothing left to cancel. */
    return end_invitation(host, used_up(host) ? DX_HOST_EXHAUSTED : DX_HOST_CANCELLED, 0, out);
}
