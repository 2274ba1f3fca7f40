/* fuzz_invitation.c: both machines of an invitation, driven by the input's bytes: honest messages delivered,
 * lost or overtaken by hostile ones, clocks moved, links broken, the host restarted from its row, commits
 * told late.
 *
 * Checks: states stay in their tables (asserted inside); three wrong proofs at most are looked at; failures
 * and uses on disk stay within bounds; a machine that ended stays ended; what is said is one whole message.
 * (Signatures and CPace: cheap_crypto.c.) */
#include "fuzz.h"

#include "halo/invitation_message.h"

typedef struct world {
    dx_identity alice, bob;
    uint8_t space_id[DX_HASH_SIZE];
    dx_control *control;
    dx_invitation row;
    dx_invitation_link link;
    dx_invitation_host host;
    dx_invitation_guest guest;
    dx_buf to_host, to_guest; /* the last honest message each way */
    uint64_t now_ms, wall_ms, links, looks;
} world;

static uint64_t random_state;

static void fill(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    for (size_t i = 0; i < size; i++) {
        random_state = random_state * UINT64_C(6364136223846793005) + 1;
        out[i] = (uint8_t)(random_state >> 56);
    }
}

static const dx_random fuzz_random = {NULL, fill};

static void make_person(dx_identity *person, uint8_t byte) {
    uint8_t seed[DX_KEY_SIZE];
    memset(person, 0, sizeof *person);
    memset(seed, byte, sizeof seed);
    dx_sign_key_from_seed(&person->identity_key, seed);
    seed[0] ^= 1;
    dx_sign_key_from_seed(&person->device_key, seed);
    memcpy(person->identity, person->identity_key.public_key, DX_KEY_SIZE);
    memcpy(person->device, person->device_key.public_key, DX_KEY_SIZE);
    memset(person->noise, byte, DX_KEY_SIZE);
    dx_buf_init(&person->device_credential, &fuzz_alloc, DX_CREDENTIAL_SIZE_MAX);
    FUZZ_CHECK(dx_device_credential_issue(&person->identity_key, &person->device_key, person->noise,
                                          &person->device_credential) == DX_OK);
}

static void begin(world *w, fuzz_input *input) {
    static const char pin[] = "271828";
    uint8_t nonce[DX_KEY_SIZE] = {0};
    dx_buf genesis;
    memset(w, 0, sizeof *w);
    random_state = 1;
    make_person(&w->alice, 'A');
    make_person(&w->bob, 'B');
    dx_buf_init(&genesis, &fuzz_alloc, 4096);
    FUZZ_CHECK(dx_space_credential_issue(&w->alice.identity_key, nonce, &genesis, w->space_id) == DX_OK);
    FUZZ_CHECK(dx_control_create(&fuzz_alloc, w->space_id, &w->control) == DX_OK);
    FUZZ_CHECK(dx_control_take(w->control, dx_buf_view(&genesis), 1) == DX_OK);
    FUZZ_CHECK(dx_control_take(w->control, dx_buf_view(&w->alice.device_credential), 1) == DX_OK);
    dx_buf_deinit(&genesis);
    w->wall_ms = 1000000;
    w->row.role = DX_ROLE_EDITOR;
    w->row.uses_max = 1 + fuzz_byte(input) % 3;
    w->row.expires_ms = w->wall_ms + 4000000;
    memcpy(w->row.pin, pin, sizeof pin);
    dx_buf_init(&w->to_host, &fuzz_alloc, DX_INVITATION_MESSAGE_MAX);
    dx_buf_init(&w->to_guest, &fuzz_alloc, DX_INVITATION_MESSAGE_MAX);
    dx_invitation_host_init(&w->host, &fuzz_alloc, &fuzz_random, &w->row, w->now_ms, w->wall_ms);
    dx_invitation_guest_init(&w->guest, &fuzz_alloc, &fuzz_random, &w->bob, &w->link, w->now_ms);
}

static void end(world *w) {
    dx_invitation_host_deinit(&w->host);
    dx_invitation_guest_deinit(&w->guest);
    dx_control_destroy(w->control);
    dx_buf_deinit(&w->alice.device_credential);
    dx_buf_deinit(&w->bob.device_credential);
    dx_buf_deinit(&w->to_host);
    dx_buf_deinit(&w->to_guest);
}

static void expect_one_message(const dx_buf *out) {
    dx_invitation_message message;
    FUZZ_CHECK(out->size == 0 || dx_invitation_message_decode(dx_buf_view(out), &message) == DX_OK);
}

static void admit(world *w, dx_buf *out) {
    dx_buf made;
    dx_buf_init(&made, &fuzz_alloc, DX_WELCOME_SIZE_MAX);
    if (!w->host.request.already) {
        FUZZ_CHECK(dx_control_issue_member(w->control, &w->alice, w->host.request.identity, w->row.role,
                                           dx_bytes_of(w->row.id, sizeof w->row.id), &made) == DX_OK);
        FUZZ_CHECK(dx_control_take(w->control, dx_buf_view(&made), 1) == DX_OK);
        (void)(dx_control_take(w->control, dx_buf_view(&w->host.request.device_credential), 1) == DX_OK);
        dx_buf_clear(&made);
    }
    FUZZ_CHECK(dx_welcome_encode(w->control, w->host.request.device, NULL, 0, &made) == DX_OK);
    FUZZ_CHECK(dx_invitation_host_admitted(&w->host, dx_buf_view(&made), w->now_ms, out) == DX_OK);
    dx_buf_deinit(&made);
}

/* After each call of the host's. commit: the transaction is told as durable now, otherwise later. */
static void settle_host(world *w, dx_buf *out, bool commit) {
    unsigned actions = dx_invitation_host_actions(&w->host);
    if (actions & DX_HOST_DO_ADMIT) {
        if (w->host.request.noise[0] & 1) {
            FUZZ_CHECK(dx_invitation_host_refused(&w->host, DX_E_DENIED, w->now_ms, out) == DX_OK);
        } else {
            admit(w, out);
        }
        actions |= dx_invitation_host_actions(&w->host);
    }
    if (actions & DX_HOST_DO_SAVE) {
        FUZZ_CHECK(!dx_host_state_ends(w->row.state));
        w->row = w->host.invitation;
    }
    if (commit) {
        dx_invitation_host_committed(&w->host, w->now_ms);
    }
    expect_one_message(out);
    if (out->size > 0) {
        dx_buf_clear(&w->to_guest);
        dx_buf_append(&w->to_guest, out->data, out->size);
    }
    FUZZ_CHECK(w->row.failures <= DX_INVITATION_FAILURES_MAX && w->row.uses <= w->row.uses_max);
    FUZZ_CHECK(w->looks <= w->row.failures);
    FUZZ_CHECK(dx_host_state_ends(w->host.state) == (w->host.deadline_ms == UINT64_MAX));
}

static void settle_guest(world *w, dx_buf *out) {
    unsigned actions = dx_invitation_guest_actions(&w->guest);
    if (actions & DX_GUEST_DO_JOIN) {
        FUZZ_CHECK(dx_invitation_guest_joined(&w->guest, DX_OK, w->now_ms, out) == DX_OK);
        (void)dx_invitation_guest_actions(&w->guest);
        FUZZ_CHECK(dx_control_role(w->control, w->bob.identity) >= w->row.role);
    }
    expect_one_message(out);
    if (out->size > 0) {
        dx_buf_clear(&w->to_host);
        dx_buf_append(&w->to_host, out->data, out->size);
    }
    FUZZ_CHECK(w->guest.proofs <= DX_INVITATION_FAILURES_MAX);
    FUZZ_CHECK(w->guest.state != DX_GUEST_FAILED || w->guest.error != DX_OK);
    FUZZ_CHECK(dx_guest_state_ends(w->guest.state) == (w->guest.deadline_ms == UINT64_MAX));
}

/* A message made of the input: often of a right shape. */
static dx_bytes hostile(fuzz_input *input, dx_buf *out) {
    static const int sizes[] = {0, 16, 0, 32, 32, 32, 32, 40, 60, 0};
    uint8_t kind = fuzz_byte(input), filling[64];
    if (kind >= 40) {
        dx_bytes raw = fuzz_bytes(input, kind);
        dx_buf_append(out, raw.data, raw.size);
        return dx_buf_view(out);
    }
    kind %= 10;
    memset(filling, fuzz_byte(input), sizeof filling);
    dx_invitation_message message = {.kind = (dx_invitation_message_kind)kind,
                                     .error = -(int)(fuzz_byte(input) % 64),
                                     .number = fuzz_byte(input) % 5,
                                     .bytes = dx_bytes_of(filling, (size_t)sizes[kind]),
                                     .signature = dx_bytes_of(filling, DX_SIGNATURE_SIZE)};
    FUZZ_CHECK(dx_invitation_message_encode(&message, out) == DX_OK);
    return dx_buf_view(out);
}

static void tell_host(world *w, dx_bytes message, dx_buf *out) {
    FUZZ_CHECK(dx_invitation_host_receive(&w->host, w->control, w->alice.identity, message, w->now_ms,
                                          w->wall_ms, out) == DX_OK);
}

static void tell_guest(world *w, dx_bytes message, dx_buf *out) {
    FUZZ_CHECK(dx_invitation_guest_receive(&w->guest, message, w->now_ms, out) == DX_OK);
}

static void tick_host(world *w, dx_buf *out) {
    bool looks = w->host.state == DX_HOST_VERIFYING && !w->host.uncommitted;
    uint64_t failures = w->host.invitation.failures;
    FUZZ_CHECK(dx_invitation_host_tick(&w->host, w->now_ms, w->wall_ms, out) == DX_OK);
    w->looks += looks && w->host.invitation.failures == failures;
}

static void open_both(world *w, bool guest_too) {
    uint8_t hash[DX_NOISE_HASH_SIZE] = {0};
    dx_buf out;
    dx_buf_init(&out, &fuzz_alloc, DX_INVITATION_MESSAGE_MAX);
    w->links++;
    memcpy(hash, &w->links, sizeof w->links);
    (void)(dx_invitation_host_open(&w->host, w->links, hash, w->bob.noise, w->now_ms, w->wall_ms, &out) ==
           DX_OK);
    settle_host(w, &out, true);
    dx_buf_clear(&out);
    if (guest_too) {
        (void)(dx_invitation_guest_open(&w->guest, hash, w->link.host_key, w->bob.noise, w->now_ms, &out) ==
               DX_OK);
        settle_guest(w, &out);
    }
    dx_buf_deinit(&out);
}

static void move_time(world *w, uint8_t how) {
    static const uint64_t steps_ms[] = {1, 1000, 20000, 60000, 180000, 600000, 3600000, 20001};
    w->now_ms += steps_ms[how % 8];
    w->wall_ms += how & 8 ? 0 : steps_ms[how / 16 % 8];
}

static void host_event(world *w, uint8_t what, fuzz_input *input, dx_buf *out) {
    dx_buf made;
    dx_buf_init(&made, &fuzz_alloc, DX_INVITATION_MESSAGE_MAX);
    switch (what % 8) {
    case 0:
    case 1:
        tell_host(w, dx_buf_view(&w->to_host), out);
        break;
    case 2:
        tell_host(w, hostile(input, &made), out);
        break;
    case 3:
    case 4:
        tick_host(w, out);
        break;
    case 5:
        dx_invitation_host_closed(&w->host, w->host.link, w->now_ms);
        break;
    case 6:
        if (fuzz_byte(input) > 200) {
            FUZZ_CHECK(dx_invitation_host_cancel(&w->host, out) == DX_OK);
        }
        break;
    default:
        dx_invitation_host_deinit(&w->host);
        dx_invitation_host_init(&w->host, &fuzz_alloc, &fuzz_random, &w->row, w->now_ms, w->wall_ms);
        break;
    }
    dx_buf_deinit(&made);
    settle_host(w, out, what < 200);
}

static void guest_event(world *w, uint8_t what, fuzz_input *input, dx_buf *out) {
    dx_buf made;
    dx_buf_init(&made, &fuzz_alloc, DX_INVITATION_MESSAGE_MAX);
    switch (what % 8) {
    case 0:
    case 1:
    case 2:
        tell_guest(w, dx_buf_view(&w->to_guest), out);
        break;
    case 3:
        tell_guest(w, hostile(input, &made), out);
        break;
    case 4:
        (void)(dx_invitation_guest_enter_pin(&w->guest, dx_bytes_text(what & 8 ? "271828" : "314159"),
                                             w->now_ms, out) == DX_OK);
        break;
    case 5:
        FUZZ_CHECK(dx_invitation_guest_tick(&w->guest, w->now_ms, out) == DX_OK);
        break;
    case 6:
        dx_invitation_guest_closed(&w->guest, DX_OK, w->now_ms);
        break;
    default:
        dx_invitation_guest_deinit(&w->guest);
        dx_invitation_guest_init(&w->guest, &fuzz_alloc, &fuzz_random, &w->bob, &w->link, w->now_ms);
        break;
    }
    dx_buf_deinit(&made);
    settle_guest(w, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static world w;
    fuzz_input input = {data, size};
    begin(&w, &input);
    for (int events = 0; input.left > 0 && events < 400; events++) {
        uint8_t what = fuzz_byte(&input), more = fuzz_byte(&input);
        dx_host_state before = w.host.state;
        dx_buf out;
        dx_buf_init(&out, &fuzz_alloc, DX_INVITATION_MESSAGE_MAX);
        if (what % 4 == 0) {
            host_event(&w, more, &input, &out);
        } else if (what % 4 == 1) {
            guest_event(&w, more, &input, &out);
        } else if (what % 4 == 2) {
            open_both(&w, more < 250);
        } else {
            move_time(&w, more);
        }
        FUZZ_CHECK(!dx_host_state_ends(before) || w.host.state == before);
        dx_buf_deinit(&out);
    }
    end(&w);
    return 0;
}
