/* tests/unit/halo/test_invitation.c: what happens in an invitation, told one story at a time with real
 * cryptography (halo/invitation_host.c, halo/invitation_guest.c, halo/invitation_message.c). All the orders:
 * test_invitation_paths.c. */
#include "pair.h"

static test_alloc people_alloc;
static dx_identity alice, bob, carol;

static void begin(pair *p, dx_role role, uint64_t uses_max) {
    test_alloc_init(&people_alloc);
    person_init(&alice, &people_alloc.port, 'A');
    person_init(&bob, &people_alloc.port, 'B');
    person_init(&carol, &people_alloc.port, 'C');
    pair_init(p, &alice, &bob, role, uses_max, true);
}

static void end(pair *p) {
    pair_deinit(p);
    person_deinit(&alice);
    person_deinit(&bob);
    person_deinit(&carol);
    assert_int_equal(people_alloc.live_bytes, 0);
}

static void connect_and_run(pair *p) {
    pair_connect(p);
    pair_run(p);
}

static void enter_and_run(pair *p, const char *pin) {
    pair_enter_pin(p, pin);
    pair_run(p);
}

/* The next person takes the link. */
static void next_guest(pair *p, const dx_identity *person) {
    p->bob = person;
    pair_restart_guest(p);
    connect_and_run(p);
}

/* Likewise, with a PIN typed before he comes. */
static void next_guest_with(pair *p, const dx_identity *person, const char *pin) {
    p->bob = person;
    pair_restart_guest(p);
    pair_enter_pin(p, pin);
    connect_and_run(p);
}

static dx_bytes encode(pair *p, dx_invitation_message message, dx_buf *out) {
    dx_buf_init(out, &p->alloc.port, 8192);
    assert_int_equal(dx_invitation_message_encode(&message, out), DX_OK);
    return dx_buf_view(out);
}

static void say_to_host(pair *p, dx_invitation_message message) {
    dx_buf bytes;
    pair_tell_host(p, encode(p, message, &bytes));
    dx_buf_deinit(&bytes);
}

static void say_to_guest(pair *p, dx_invitation_message message) {
    dx_buf bytes;
    pair_tell_guest(p, encode(p, message, &bytes));
    dx_buf_deinit(&bytes);
}

/* --- Joining ---------------------------------------------------------------------------------- */

static void test_joins(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    connect_and_run(&p);
    assert_int_equal(p.host.state, DX_HOST_PIN_WAIT);
    assert_int_equal(p.guest.state, DX_GUEST_PIN_REQUIRED);
    assert_int_equal(p.guest.left, 3);
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    assert_int_equal(p.host.state, DX_HOST_SUCCESS);
    assert_int_equal(p.row.state, DX_HOST_SUCCESS);
    assert_int_equal(p.row.failures, 0);
    assert_int_equal(p.row.uses, 1);
    assert_int_equal(dx_control_role(p.control, bob.identity), DX_ROLE_EDITOR);
    assert_memory_equal(p.guest.bundle.space_id, p.space_id, DX_HASH_SIZE);
    end(&p);
}

static void test_pin_before_connecting(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_READER, 1);
    pair_enter_pin(&p, p.right_pin);
    connect_and_run(&p);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    assert_int_equal(dx_control_role(p.control, bob.identity), DX_ROLE_READER);
    end(&p);
}

static void test_wrong_then_right(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    enter_and_run(&p, "999999");
    assert_int_equal(p.guest.state, DX_GUEST_PIN_REQUIRED);
    assert_int_equal(p.guest.error, DX_E_PIN);
    assert_int_equal(p.guest.left, 2);
    assert_int_equal(p.row.failures, 1);
    enter_and_run(&p, "999998");
    assert_int_equal(p.guest.left, 1);
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    assert_int_equal(p.row.failures, 2); /* the wrong ones stay counted, the right one was given back */
    end(&p);
}

static void test_three_wrong(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    enter_and_run(&p, "999999");
    enter_and_run(&p, "999998");
    enter_and_run(&p, "999997");
    assert_int_equal(p.guest.state, DX_GUEST_FAILED);
    assert_int_equal(p.guest.error, DX_E_LOCKED);
    assert_int_equal(p.guest.left, 0);
    assert_int_equal(p.host.state, DX_HOST_LOCKED);
    assert_int_equal(p.row.state, DX_HOST_LOCKED);
    /* It does not open again, for nobody and after no restart. */
    pair_restart_host(&p);
    pair_restart_guest(&p);
    uint8_t hash[DX_NOISE_HASH_SIZE] = {0};
    dx_buf out;
    dx_invitation_message said;
    dx_buf_init(&out, &p.alloc.port, 256);
    assert_int_equal(dx_invitation_host_open(&p.host, 9, hash, bob.noise, p.now_ms, p.wall_ms, &out),
                     DX_E_LOCKED);
    assert_int_equal(dx_invitation_message_decode(dx_buf_view(&out), &said), DX_OK);
    assert_int_equal(said.error, DX_E_LOCKED);
    dx_buf_deinit(&out);
    end(&p);
}

/* Reconnecting, restarting the host, other people: the budget is the invitation's. */
static void test_budget_survives(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 5);
    connect_and_run(&p);
    enter_and_run(&p, "999999");
    pair_break(&p);
    pair_restart_host(&p);
    next_guest(&p, &carol);
    assert_int_equal(p.guest.left, 2);
    enter_and_run(&p, "999998");
    pair_restart_host(&p);
    next_guest(&p, &bob);
    assert_int_equal(p.guest.left, 1);
    enter_and_run(&p, "999997");
    assert_int_equal(p.host.state, DX_HOST_LOCKED);
    end(&p);
}

/* What is not a PIN is refused here, sends nothing and costs nothing. */
static void test_grammar_costs_nothing(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    static const char *const bad[] = {"", "12345", "1234567", "12345a", "\xd9\xa1\xd9\xa2\xd9\xa3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dx_buf out;
        dx_buf_init(&out, &p.alloc.port, 256);
        assert_int_equal(dx_invitation_guest_enter_pin(&p.guest, dx_bytes_text(bad[i]), p.now_ms, &out),
                         DX_E_INVALID);
        assert_int_equal(out.size, 0);
        assert_int_equal(p.guest.state, DX_GUEST_PIN_REQUIRED);
        dx_buf_deinit(&out);
    }
    assert_int_equal(p.row.failures, 0);
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    dx_buf out;
    dx_buf_init(&out, &p.alloc.port, 256);
    assert_int_equal(dx_invitation_guest_enter_pin(&p.guest, dx_bytes_text("123456"), p.now_ms, &out),
                     DX_E_STATE);
    dx_buf_deinit(&out);
    end(&p);
}

/* --- Impostors -------------------------------------------------------------------------------- */

static void test_another_host_key(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    uint8_t hash[DX_NOISE_HASH_SIZE] = {0}, false_key[DX_KEY_SIZE] = {7};
    dx_buf out;
    dx_buf_init(&out, &p.alloc.port, 256);
    assert_int_equal(dx_invitation_guest_open(&p.guest, hash, false_key, bob.noise, p.now_ms, &out), DX_OK);
    assert_int_equal(p.guest.state, DX_GUEST_FAILED);
    assert_int_equal(p.guest.error, DX_E_HOST_PROOF);
    dx_buf_deinit(&out);
    end(&p);
}

/* A host that does not know the PIN cannot prove it, and learns nothing it could try again. */
static void test_host_without_the_pin(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    memcpy(p.host.invitation.pin, "111111", DX_PIN_SIZE); /* it guesses */
    pair_enter_pin(&p, p.right_pin);
    assert_true(pair_deliver(&p)); /* share */
    assert_true(pair_deliver(&p)); /* answer */
    assert_int_equal(p.guest.proofs, 1);
    uint8_t proof[DX_CPACE_CONFIRM_SIZE] = {0};
    say_to_guest(&p, (dx_invitation_message){.kind = DX_MESSAGE_HOST_PROOF,
                                             .bytes = dx_bytes_of(proof, sizeof proof)});
    assert_int_equal(p.guest.state, DX_GUEST_FAILED);
    assert_int_equal(p.guest.error, DX_E_HOST_PROOF);
    static const char none[DX_PIN_SIZE + 1];
    assert_memory_equal(p.guest.pin, none, sizeof none);
    end(&p);
}

/* A host that says "wrong" for ever gets three proofs, not more. */
static void test_guest_gives_three_proofs(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    for (int tries = 0; tries < 3; tries++) {
        assert_int_equal(p.guest.state, DX_GUEST_PIN_REQUIRED);
        p.host.invitation.failures = 0;
        enter_and_run(&p, "999999");
    }
    assert_int_equal(p.guest.state, DX_GUEST_FAILED);
    assert_int_equal(p.guest.error, DX_E_PIN);
    end(&p);
}

/* The method is the link's: a host that asks for no PIN is refused. */
static void test_no_downgrade(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    pair_connect(&p);
    say_to_guest(&p, (dx_invitation_message){.kind = DX_MESSAGE_WELCOME, .bytes = dx_bytes_text("x")});
    assert_int_equal(p.guest.state, DX_GUEST_FAILED);
    assert_int_equal(p.guest.error, DX_E_PROTOCOL);
    pair_run(&p);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    assert_int_equal(p.host.reason, DX_E_PROTOCOL);
    end(&p);
}

/* A recorded proof is worth nothing on another link, nor another try's on the same. */
static void test_replayed_proof(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    pair_enter_pin(&p, p.right_pin);
    uint8_t share[PAIR_MESSAGE_MAX], proof[PAIR_MESSAGE_MAX];
    size_t share_size = p.to_host.sizes[0];
    memcpy(share, p.to_host.bytes[0], share_size);
    assert_true(pair_deliver(&p));
    assert_true(pair_deliver(&p));
    size_t proof_size = p.to_host.sizes[0];
    memcpy(proof, p.to_host.bytes[0], proof_size);
    pair_break(&p);
    /* Mallory has the link and the recording, not the PIN. */
    pair_connect(&p);
    assert_true(pair_deliver(&p)); /* hello */
    p.to_guest.count = 0;
    pair_tell_host(&p, dx_bytes_of(share, share_size));
    assert_int_equal(p.host.state, DX_HOST_PROVING);
    pair_tell_host(&p, dx_bytes_of(proof, proof_size));
    pair_tick_host(&p);
    assert_int_equal(p.host.state, DX_HOST_PIN_WAIT);
    assert_int_equal(p.row.failures, 1);
    /* The same share again is not the next try. */
    pair_tell_host(&p, dx_bytes_of(share, share_size));
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    end(&p);
}

/* A point of small order gives nobody a key. */
static void test_neutral_share(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    static const uint8_t neutral[DX_CPACE_SHARE_SIZE] = {0};
    connect_and_run(&p);
    say_to_host(&p, (dx_invitation_message){
                        .kind = DX_MESSAGE_SHARE, .number = 1, .bytes = dx_bytes_of(neutral, 32)});
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    assert_int_equal(p.host.reason, DX_E_PROTOCOL);
    assert_int_equal(p.row.failures, 0);
    pair_run(&p);
    pair_restart_guest(&p);
    connect_and_run(&p);
    pair_enter_pin(&p, p.right_pin);
    say_to_guest(&p, (dx_invitation_message){.kind = DX_MESSAGE_ANSWER, .bytes = dx_bytes_of(neutral, 32)});
    assert_int_equal(p.guest.error, DX_E_PROTOCOL);
    end(&p);
}

/* Bob knows the PIN and shows Carol's credential: her device is not here. */
static void test_anothers_credential(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    dx_identity mixed = bob;
    mixed.device_credential = carol.device_credential;
    p.bob = &mixed;
    pair_restart_guest(&p);
    connect_and_run(&p);
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.error, DX_E_SIGNATURE);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    assert_int_equal(p.admissions, 0);
    p.bob = &bob;
    end(&p);
}

/* Neither side ever says the PIN, or anything that it alone would open. */
static void test_pin_is_never_said(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    pair_connect(&p);
    pair_enter_pin(&p, p.right_pin);
    for (int i = 0; i < 100; i++) {
        const pair_queue *queues[] = {&p.to_host, &p.to_guest};
        for (size_t q = 0; q < 2; q++) {
            for (size_t m = 0; m < queues[q]->count; m++) {
                for (size_t at = 0; at + DX_PIN_SIZE <= queues[q]->sizes[m]; at++) {
                    assert_memory_not_equal(queues[q]->bytes[m] + at, p.right_pin, DX_PIN_SIZE);
                }
            }
        }
        if (!pair_due(&p) && !pair_deliver(&p)) {
            break;
        }
    }
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    end(&p);
}

/* The link breaks before the verdict on a wrong PIN: it is not spent a second time unasked. */
static void test_no_second_try_unasked(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    pair_enter_pin(&p, "999999");
    while (p.host.state != DX_HOST_VERIFYING) {
        assert_true(pair_deliver(&p));
    }
    pair_break(&p);
    pair_run(&p); /* the host looks at it all the same */
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    connect_and_run(&p);
    assert_int_equal(p.guest.state, DX_GUEST_PIN_REQUIRED);
    assert_int_equal(p.guest.error, DX_E_UNREACHABLE);
    assert_int_equal(p.guest.left, 2);
    assert_int_equal(p.row.failures, 1);
    /* The question dies with the link it was asked over. */
    assert_int_equal(dx_invitation_guest_actions(&p.guest), 0);
    p.guest.actions = DX_GUEST_DO_ASK;
    pair_break(&p);
    assert_int_equal(dx_invitation_guest_actions(&p.guest), 0);
    end(&p);
}

/* The same with the right PIN: it is not counted, and spent again by itself. */
static void test_second_try_of_the_right(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    pair_enter_pin(&p, p.right_pin);
    while (p.host.state != DX_HOST_VERIFYING) {
        assert_true(pair_deliver(&p));
    }
    pair_break(&p);
    pair_run(&p);
    assert_int_equal(p.row.failures, 0);
    connect_and_run(&p);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    end(&p);
}

/* --- Others at the door ----------------------------------------------------------------------- */

static void test_busy(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    uint8_t hash[DX_NOISE_HASH_SIZE] = {0};
    dx_buf out;
    dx_buf_init(&out, &p.alloc.port, 256);
    assert_int_equal(dx_invitation_host_open(&p.host, 50, hash, carol.noise, p.now_ms, p.wall_ms, &out),
                     DX_OK);
    assert_int_equal(out.size, 0);
    connect_and_run(&p); /* Bob comes second */
    assert_int_equal(p.guest.state, DX_GUEST_CONNECTING);
    assert_int_equal(p.guest.error, DX_E_BUSY);
    assert_int_equal(p.host.link, 50);
    dx_invitation_host_closed(&p.host, 50, p.now_ms);
    connect_and_run(&p);
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    dx_buf_deinit(&out);
    end(&p);
}

/* Who waits steps aside, and stands where he stood when his turn comes; a proof under way is not disturbed. */
static void test_parked(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    uint8_t hash[DX_NOISE_HASH_SIZE] = {7};
    dx_parked_guest first, other;
    dx_buf out;
    dx_buf_init(&out, &p.alloc.port, 256);
    assert_false(dx_invitation_host_park(&p.host, p.now_ms, &first));
    dx_parked_guest_init(&other, 50, hash, carol.noise, p.now_ms);
    assert_int_equal(dx_invitation_host_resume(&p.host, &other, p.now_ms, p.wall_ms), DX_OK);
    assert_int_equal(p.host.state, DX_HOST_CONNECTED);
    assert_true(dx_invitation_host_park(&p.host, p.now_ms, &other));
    assert_false(other.greeted);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);

    connect_and_run(&p); /* Bob, who is asked for the PIN, and waits meanwhile */
    assert_int_equal(p.host.state, DX_HOST_PIN_WAIT);
    uint64_t link = p.host.link, until_ms = p.host.deadline_ms;
    p.host.attempt = 1; /* as after a wrong PIN */
    assert_true(dx_invitation_host_park(&p.host, p.now_ms, &first));
    assert_true(first.greeted && first.link == link && first.attempt == 1 && first.until_ms == until_ms);
    assert_int_equal(dx_invitation_host_resume(&p.host, &other, p.now_ms, p.wall_ms), DX_OK);
    assert_int_equal(dx_invitation_host_resume(&p.host, &first, p.now_ms, p.wall_ms), DX_E_BUSY);
    dx_invitation_host_closed(&p.host, 50, p.now_ms);
    assert_int_equal(dx_invitation_host_resume(&p.host, &first, p.now_ms + 1000, p.wall_ms), DX_OK);
    assert_int_equal(p.host.state, DX_HOST_PIN_WAIT);
    assert_int_equal(p.host.attempt, 1);
    assert_int_equal(p.host.deadline_ms, until_ms); /* waiting gave him no more time */
    p.host.attempt = 0;
    assert_false(dx_invitation_host_is_kept_waiting(&p.host, until_ms));
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    assert_false(dx_invitation_host_park(&p.host, p.now_ms, &first));
    assert_int_equal(dx_invitation_host_resume(&p.host, &other, p.now_ms, p.wall_ms), DX_E_EXHAUSTED);
    dx_buf_deinit(&out);
    end(&p);
}

/* A share without its proof keeps others away for two seconds, not twenty. */
static void test_kept_waiting(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    dx_parked_guest guest;
    p.host.state = DX_HOST_PROVING;
    p.host.deadline_ms = p.now_ms + 20000;
    assert_false(dx_invitation_host_park(&p.host, p.now_ms, &guest));
    assert_false(dx_invitation_host_is_kept_waiting(&p.host, p.now_ms + DX_INVITATION_PROOF_MS - 1));
    assert_true(dx_invitation_host_is_kept_waiting(&p.host, p.now_ms + DX_INVITATION_PROOF_MS));
    p.host.state = DX_HOST_VERIFYING;
    assert_false(dx_invitation_host_park(&p.host, p.now_ms, &guest));
    assert_false(dx_invitation_host_is_kept_waiting(&p.host, p.now_ms + 19000));
    p.host.state = DX_HOST_PIN_WAIT;
    end(&p);
}

/* A host that stays busy is told by its name in the end. */
static void test_busy_to_the_end(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    uint8_t hash[DX_NOISE_HASH_SIZE] = {0};
    dx_buf out;
    dx_buf_init(&out, &p.alloc.port, 256);
    assert_int_equal(dx_invitation_host_open(&p.host, 50, hash, carol.noise, p.now_ms, p.wall_ms, &out),
                     DX_OK);
    connect_and_run(&p);
    pair_advance(&p, p.guest.deadline_ms);
    pair_tick_guest(&p);
    assert_int_equal(p.guest.state, DX_GUEST_FAILED);
    assert_int_equal(p.guest.error, DX_E_BUSY);
    dx_buf_deinit(&out);
    end(&p);
}

static void test_multi_use(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 2);
    pair_enter_pin(&p, p.right_pin);
    connect_and_run(&p);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    assert_int_equal(p.row.uses, 1);
    /* Bob once more: nothing is used up. */
    next_guest(&p, &bob);
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    assert_int_equal(p.row.uses, 1);
    assert_int_equal(p.admissions, 1);
    next_guest(&p, &carol);
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    assert_int_equal(p.row.uses, 2);
    assert_int_equal(p.host.state, DX_HOST_SUCCESS);
    assert_int_equal(p.admissions, 2);
    p.bob = &bob;
    end(&p);
}

/* Admitted, then the link and the host's process are gone before the welcome: Bob comes back and is let in,
 * once. */
static void test_comes_back_after_admission(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    pair_enter_pin(&p, p.right_pin);
    while (p.host.state != DX_HOST_ADMITTING) {
        assert_true(pair_due(&p) || pair_deliver(&p));
    }
    p.crash = PAIR_CRASH_AFTER_COMMIT;
    pair_run(&p);
    assert_int_equal(p.row.uses, 1);
    assert_int_equal(p.guest.state, DX_GUEST_CONNECTING);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    /* Somebody else with the PIN is too late. */
    next_guest_with(&p, &carol, p.right_pin);
    assert_int_equal(p.guest.error, DX_E_EXHAUSTED);
    assert_int_equal(p.admissions, 1);
    /* And somebody without it cannot lock the invitation any more. */
    for (int i = 0; i < 2 * DX_INVITATION_FAILURES_MAX; i++) {
        next_guest_with(&p, &carol, "999999");
        assert_int_equal(p.guest.error, DX_E_EXHAUSTED);
    }
    assert_int_equal(p.row.failures, 0);
    next_guest(&p, &bob);
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    assert_int_equal(p.host.state, DX_HOST_SUCCESS);
    assert_int_equal(p.row.uses, 1);
    assert_int_equal(p.admissions, 1);
    p.bob = &bob;
    end(&p);
}

/* His last word is lost with the link; met as a member he has joined all the same. Nobody else counts, nor does he before
 * he was admitted. */
static void test_met_as_member(void **state) {
    (void)state;
    pair p;
    dx_buf out;
    begin(&p, DX_ROLE_EDITOR, 1);
    dx_buf_init(&out, &p.alloc.port, 256);
    assert_false(dx_invitation_host_awaits(&p.host));
    assert_int_equal(dx_invitation_host_met(&p.host, bob.device, p.now_ms, &out), DX_OK);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    pair_enter_pin(&p, p.right_pin);
    pair_connect(&p);
    while (p.host.state != DX_HOST_ADMITTED) {
        assert_true(pair_due(&p) || pair_deliver(&p));
    }
    assert_int_equal(dx_invitation_host_met(&p.host, bob.device, p.now_ms, &out), DX_OK);
    assert_int_equal(p.host.state, DX_HOST_ADMITTED); /* his word may still come */
    pair_break(&p);
    assert_true(dx_invitation_host_awaits(&p.host));
    assert_int_equal(dx_invitation_host_met(&p.host, carol.device, p.now_ms, &out), DX_OK);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    assert_int_equal(dx_invitation_host_met(&p.host, bob.device, p.now_ms, &out), DX_OK);
    assert_int_equal(p.host.state, DX_HOST_SUCCESS);
    assert_int_equal(out.size, 0);
    pair_cancel_guest(&p);
    dx_buf_deinit(&out);
    end(&p);
}

/* Nobody comes back: it ends soon, and says that it was used. */
static void test_nobody_comes_back(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    pair_enter_pin(&p, p.right_pin);
    pair_connect(&p);
    while (p.host.state != DX_HOST_ADMITTED) {
        assert_true(pair_due(&p) || pair_deliver(&p));
    }
    pair_break(&p);
    pair_cancel_guest(&p);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    uint64_t began_ms = p.now_ms;
    assert_true(pair_pass_time(&p));
    assert_int_equal(p.host.state, DX_HOST_EXHAUSTED);
    assert_true(p.now_ms - began_ms <= DX_INVITATION_RETURN_MS);
    end(&p);
}

/* --- Rights ----------------------------------------------------------------------------------- */

/* The role is looked at when it is given, not when the link was made. */
static void test_inviter_without_the_right(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    p.alice = &carol; /* in this space she is nobody */
    connect_and_run(&p);
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.error, DX_E_DENIED);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    assert_int_equal(p.row.uses, 0);
    p.alice = &alice;
    end(&p);
}

static void test_space_refuses(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    p.admit_error = DX_E_LIMIT;
    connect_and_run(&p);
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.error, DX_E_LIMIT);
    assert_int_equal(p.row.uses, 0);
    assert_int_equal(p.row.failures, 0);
    end(&p);
}

/* --- Time ------------------------------------------------------------------------------------- */

static void test_expires_while_typing(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    p.wall_ms = p.row.expires_ms; /* by the host's clock */
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.host.state, DX_HOST_EXPIRED);
    assert_int_equal(p.guest.error, DX_E_EXPIRED);
    assert_int_equal(p.admissions, 0);
    end(&p);
}

static void test_expiry_spares_the_proven(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    pair_enter_pin(&p, p.right_pin);
    while (p.host.state != DX_HOST_ADMITTING) {
        assert_true(pair_due(&p) || pair_deliver(&p));
    }
    p.wall_ms = p.row.expires_ms + 1000;
    pair_run(&p);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    end(&p);
}

/* A clock set back does not keep it open beyond what was left when it was read. */
static void test_clock_set_back(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    p.wall_ms = 0;
    p.now_ms += DX_INVITATION_LIFE_MS;
    pair_tick_host(&p);
    assert_int_equal(p.host.state, DX_HOST_EXPIRED);
    end(&p);
}

static void test_expired_at_the_door(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    p.wall_ms = p.row.expires_ms;
    connect_and_run(&p);
    assert_int_equal(p.guest.error, DX_E_EXPIRED);
    pair_tick_host(&p);
    assert_int_equal(p.host.state, DX_HOST_EXPIRED);
    end(&p);
}

static void test_nobody_answers(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    uint64_t began_ms = p.now_ms;
    pair_advance(&p, p.guest.deadline_ms);
    pair_tick_guest(&p);
    assert_int_equal(p.guest.state, DX_GUEST_FAILED);
    assert_int_equal(p.guest.error, DX_E_NO_HOST);
    assert_int_equal(p.now_ms - began_ms, 60000);
    end(&p);
}

/* --- Protocol --------------------------------------------------------------------------------- */

static void test_hello(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    static const uint8_t other[DX_INVITATION_ID_SIZE] = {1};
    pair_connect(&p);
    say_to_host(&p, (dx_invitation_message){
                        .kind = DX_MESSAGE_HELLO, .number = 2, .bytes = dx_bytes_of(p.row.id, 16)});
    pair_run(&p);
    assert_int_equal(p.guest.error, DX_E_UNSUPPORTED);
    pair_restart_guest(&p);
    pair_connect(&p);
    say_to_host(
        &p, (dx_invitation_message){.kind = DX_MESSAGE_HELLO, .number = 1, .bytes = dx_bytes_of(other, 16)});
    pair_run(&p);
    assert_int_equal(p.guest.error, DX_E_LINK);
    end(&p);
}

static void test_numbers_of_the_host(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    const uint64_t bad[] = {0, 4, UINT64_C(1) << 40};
    for (size_t i = 0; i < 3; i++) {
        pair_connect(&p);
        say_to_guest(&p, (dx_invitation_message){.kind = DX_MESSAGE_READY, .number = bad[i]});
        assert_int_equal(p.guest.error, DX_E_PROTOCOL);
        pair_run(&p);
        pair_restart_guest(&p);
        connect_and_run(&p);
        pair_enter_pin(&p, "999999");
        assert_true(pair_deliver(&p) && pair_deliver(&p));
        say_to_guest(&p,
                     (dx_invitation_message){.kind = DX_MESSAGE_ERROR, .error = DX_E_PIN, .number = bad[i]});
        assert_int_equal(p.guest.error, DX_E_PROTOCOL);
        pair_restart_guest(&p);
    }
    end(&p);
}

/* "Wrong PIN" before a proof is no verdict. */
static void test_verdict_without_proof(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    say_to_guest(&p, (dx_invitation_message){.kind = DX_MESSAGE_ERROR, .error = DX_E_PIN, .number = 2});
    assert_int_equal(p.guest.state, DX_GUEST_FAILED);
    assert_int_equal(p.guest.error, DX_E_PIN);
    end(&p);
}

static void test_false_welcome(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    pair_enter_pin(&p, p.right_pin);
    while (p.guest.state != DX_GUEST_REQUESTED) {
        assert_true(pair_due(&p) || pair_deliver(&p));
    }
    p.to_guest.count = p.to_host.count = 0;
    say_to_guest(
        &p, (dx_invitation_message){.kind = DX_MESSAGE_WELCOME, .bytes = dx_bytes_text("not a welcome")});
    assert_int_equal(p.guest.state, DX_GUEST_FAILED);
    assert_int_equal(p.guest.error, DX_E_VERIFY);
    pair_run(&p);
    assert_int_equal(p.host.reason, DX_E_VERIFY); /* the host is told */
    end(&p);
}

static void test_second_link(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    pair_connect(&p);
    uint8_t hash[DX_NOISE_HASH_SIZE] = {0};
    dx_buf out;
    dx_buf_init(&out, &p.alloc.port, 256);
    assert_int_equal(dx_invitation_guest_open(&p.guest, hash, p.row.host_key, bob.noise, p.now_ms, &out),
                     DX_E_STATE);
    assert_int_equal(out.size, 0);
    dx_buf_deinit(&out);
    end(&p);
}

/* The guest could not make the space: he says so, and stays out. */
static void test_join_fails(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    pair_enter_pin(&p, p.right_pin);
    while (p.host.state != DX_HOST_ADMITTED) {
        assert_true(pair_due(&p) || pair_deliver(&p));
    }
    dx_buf out;
    dx_buf_init(&out, &p.alloc.port, 4096);
    assert_int_equal(p.to_guest.count, 1);
    assert_int_equal(dx_invitation_guest_receive(
                         &p.guest, dx_bytes_of(p.to_guest.bytes[0], p.to_guest.sizes[0]), p.now_ms, &out),
                     DX_OK);
    assert_int_equal(dx_invitation_guest_actions(&p.guest), DX_GUEST_DO_JOIN);
    assert_int_equal(dx_invitation_guest_joined(&p.guest, DX_E_NO_SPACE, p.now_ms, &out), DX_OK);
    assert_int_equal(p.guest.state, DX_GUEST_FAILED);
    assert_int_equal(p.guest.error, DX_E_NO_SPACE);
    assert_int_equal(dx_invitation_guest_actions(&p.guest), DX_GUEST_DO_CLOSE);
    dx_buf_deinit(&out);
    end(&p);
}

/* The commit that counts a proof is never told: nothing is looked at, and the door is free again. */
static void test_commit_is_never_told(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    pair_enter_pin(&p, p.right_pin);
    while (p.host.state != DX_HOST_PROVING || p.to_host.count == 0) {
        assert_true(pair_deliver(&p));
    }
    dx_buf out;
    dx_invitation_message said;
    dx_buf_init(&out, &p.alloc.port, 256);
    assert_int_equal(dx_invitation_host_receive(&p.host, p.control, alice.identity,
                                                dx_bytes_of(p.to_host.bytes[0], p.to_host.sizes[0]), p.now_ms,
                                                p.wall_ms, &out),
                     DX_OK);
    assert_int_equal(dx_invitation_host_actions(&p.host), DX_HOST_DO_SAVE);
    assert_int_equal(dx_invitation_host_tick(&p.host, p.now_ms, p.wall_ms, &out), DX_OK);
    assert_int_equal(p.host.state, DX_HOST_VERIFYING);
    assert_int_equal(out.size, 0);
    assert_int_equal(dx_invitation_host_tick(&p.host, p.host.deadline_ms, p.wall_ms, &out), DX_OK);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    assert_int_equal(dx_invitation_host_actions(&p.host), DX_HOST_DO_CLOSE);
    assert_int_equal(dx_invitation_message_decode(dx_buf_view(&out), &said), DX_OK);
    assert_int_equal(said.error, DX_E_TIMEOUT);
    assert_int_equal(p.host.invitation.failures, 1);
    dx_buf_deinit(&out);
    end(&p);
}

static void test_bad_request(void **state) {
    (void)state;
    static const uint8_t signature[DX_SIGNATURE_SIZE];
    uint8_t forged[DX_CREDENTIAL_SIZE_MAX];
    for (int kind = 0; kind < 2; kind++) {
        pair p;
        begin(&p, DX_ROLE_EDITOR, 1);
        connect_and_run(&p);
        pair_enter_pin(&p, p.right_pin);
        while (p.host.state != DX_HOST_ADMITTING) {
            assert_true(pair_due(&p) || pair_deliver(&p));
        }
        size_t size = bob.device_credential.size;
        memcpy(forged, bob.device_credential.data, size);
        forged[size - 1] ^= 1;
        say_to_host(&p, (dx_invitation_message){.kind = DX_MESSAGE_REQUEST,
                                                .bytes = kind == 0 ? dx_bytes_text("nothing")
                                                                   : dx_bytes_of(forged, size),
                                                .signature = dx_bytes_of(signature, sizeof signature)});
        assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
        assert_int_equal(p.host.reason, kind == 0 ? DX_E_MALFORMED : DX_E_SIGNATURE);
        end(&p);
    }
}

static void zero_fill(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    memset(out, 0, size);
}

/* A random port that gives nothing ends the attempt on either side, instead of a key everybody knows. */
static void test_no_randomness(void **state) {
    (void)state;
    static const dx_random zeros = {NULL, zero_fill};
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    p.guest.random = &zeros;
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.error, DX_E_PROTOCOL);
    pair_restart_guest(&p);
    connect_and_run(&p);
    p.host.random = &zeros;
    enter_and_run(&p, p.right_pin);
    assert_int_equal(p.guest.error, DX_E_PROTOCOL);
    assert_int_equal(p.row.failures, 0);
    end(&p);
}

static void test_welcome_too_large(void **state) {
    (void)state;
    static uint8_t large[DX_WELCOME_SIZE_MAX + 1];
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    pair_enter_pin(&p, p.right_pin);
    while (p.guest.state != DX_GUEST_REQUESTED) {
        assert_true(pair_due(&p) || pair_deliver(&p));
    }
    dx_buf message;
    dx_buf_init(&message, &p.alloc.port, 2 * sizeof large);
    const dx_invitation_message said = {.kind = DX_MESSAGE_WELCOME,
                                        .bytes = dx_bytes_of(large, sizeof large)};
    assert_int_equal(dx_invitation_message_encode(&said, &message), DX_OK);
    pair_tell_guest(&p, dx_buf_view(&message));
    assert_int_equal(p.guest.error, DX_E_VERIFY);
    dx_buf_deinit(&message);
    end(&p);
}

/* --- Messages --------------------------------------------------------------------------------- */

static void test_messages(void **state) {
    (void)state;
    test_alloc alloc;
    uint8_t filling[80] = {0};
    dx_buf out;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 8192);
    const dx_bytes id = dx_bytes_of(filling, 16), share = dx_bytes_of(filling, 32),
                   signature = dx_bytes_of(filling, 64);
    const dx_invitation_message all[] = {
        {.kind = DX_MESSAGE_ERROR, .error = DX_E_PIN, .number = 2},
        {.kind = DX_MESSAGE_HELLO, .number = 1, .bytes = id},
        {.kind = DX_MESSAGE_READY, .number = 3},
        {.kind = DX_MESSAGE_SHARE, .number = 1, .bytes = share},
        {.kind = DX_MESSAGE_ANSWER, .bytes = share},
        {.kind = DX_MESSAGE_PROOF, .bytes = share},
        {.kind = DX_MESSAGE_HOST_PROOF, .bytes = share},
        {.kind = DX_MESSAGE_REQUEST, .bytes = dx_bytes_of(filling, 80), .signature = signature},
        {.kind = DX_MESSAGE_WELCOME, .bytes = dx_bytes_of(filling, 80)},
        {.kind = DX_MESSAGE_DONE},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        dx_invitation_message again;
        dx_buf_clear(&out);
        assert_int_equal(dx_invitation_message_encode(&all[i], &out), DX_OK);
        assert_int_equal(dx_invitation_message_decode(dx_buf_view(&out), &again), DX_OK);
        assert_int_equal(again.kind, all[i].kind);
        assert_int_equal(again.error, all[i].error);
        assert_int_equal(again.number, all[i].number);
        assert_true(dx_bytes_equal(again.bytes, all[i].bytes));
        assert_true(dx_bytes_equal(again.signature, all[i].signature));
        for (size_t size = 0; size < out.size; size++) {
            assert_int_equal(dx_invitation_message_decode(dx_bytes_of(out.data, size), &again),
                             DX_E_MALFORMED);
        }
        dx_buf_append_byte(&out, 0);
        assert_int_equal(dx_invitation_message_decode(dx_buf_view(&out), &again), DX_E_MALFORMED);
    }
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_malformed_messages(void **state) {
    (void)state;
    static const char *const bad[] = {
        "80",         /* nothing */
        "810a",       /* no such kind */
        "8120",       /* a negative kind */
        "820901",     /* done with more */
        "8101",       /* hello with nothing */
        "8301015000", /* cut */
        "8202f5",     /* a truth for a number */
        "83004000",   /* bytes for a code */
        "830020",     /* an error without attempts */
        "820440",     /* a share of no bytes */
        "a0",         "f6",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t bytes[32];
        size_t size = strlen(bad[i]) / 2;
        dx_invitation_message message;
        assert_int_equal(dx_hex_decode(bad[i], 2 * size, bytes, size), DX_OK);
        assert_int_equal(dx_invitation_message_decode(dx_bytes_of(bytes, size), &message), DX_E_MALFORMED);
    }
    /* Codes of no meaning here are a breach of protocol, whatever they are. */
    static const char *const codes[] = {"83003a7fffffff00", "83003903e700", "83000000", "8300186400",
                                        "83003b7fffffffffffffff00"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        uint8_t bytes[32];
        size_t size = strlen(codes[i]) / 2;
        dx_invitation_message message;
        assert_int_equal(dx_hex_decode(codes[i], 2 * size, bytes, size), DX_OK);
        assert_int_equal(dx_invitation_message_decode(dx_bytes_of(bytes, size), &message), DX_OK);
        assert_int_equal(message.error, DX_E_PROTOCOL);
    }
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* The guest's memory runs out at each of its allocations in turn: an error to the caller, no leak, no
 * half-joined state. */
static void test_guest_no_memory(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    connect_and_run(&p);
    pair_enter_pin(&p, p.right_pin);
    while (p.host.state != DX_HOST_ADMITTED) {
        assert_true(pair_due(&p) || pair_deliver(&p));
    }
    assert_int_equal(p.to_guest.count, 1);
    bool failed = true;
    for (uint64_t fail_at = 1; failed; fail_at++) {
        test_alloc alloc;
        dx_buf out;
        test_alloc_init(&alloc);
        alloc.fail_at = fail_at;
        dx_invitation_guest guest = p.guest;
        guest.alloc = &alloc.port;
        dx_buf_init(&guest.welcome, &alloc.port, DX_WELCOME_SIZE_MAX);
        dx_buf_init(&out, &alloc.port, 4096);
        int error = dx_invitation_guest_receive(&guest, dx_bytes_of(p.to_guest.bytes[0], p.to_guest.sizes[0]),
                                                p.now_ms, &out);
        failed = alloc.calls >= fail_at;
        assert_int_equal(error, failed ? DX_E_NO_MEMORY : DX_OK);
        assert_int_equal(guest.state, failed ? DX_GUEST_REQUESTED : DX_GUEST_JOINING);
        dx_buf_deinit(&guest.welcome);
        dx_buf_deinit(&out);
        assert_int_equal(alloc.live_bytes, 0);
    }
    end(&p);
}

/* Nothing can be said for want of memory: the caller hears of it. */
static void test_host_no_memory(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    uint8_t hash[DX_NOISE_HASH_SIZE] = {0};
    test_alloc alloc;
    dx_buf out, hello;
    test_alloc_init(&alloc);
    alloc.fail_at = 1;
    alloc.sticky = true;
    dx_buf_init(&out, &alloc.port, 4096);
    assert_int_equal(dx_invitation_host_open(&p.host, 1, hash, bob.noise, p.now_ms, p.wall_ms, &out), DX_OK);
    assert_int_equal(dx_invitation_host_open(&p.host, 2, hash, bob.noise, p.now_ms, p.wall_ms, &out),
                     DX_E_NO_MEMORY);
    dx_buf_clear(&out);
    dx_bytes message = encode(
        &p,
        (dx_invitation_message){.kind = DX_MESSAGE_HELLO, .number = 1, .bytes = dx_bytes_of(p.row.id, 16)},
        &hello);
    assert_int_equal(
        dx_invitation_host_receive(&p.host, p.control, alice.identity, message, p.now_ms, p.wall_ms, &out),
        DX_E_NO_MEMORY);
    dx_buf_deinit(&hello);
    dx_buf_deinit(&out);
    end(&p);
}

DX_TEST_MAIN(DX_TEST(test_joins), DX_TEST(test_pin_before_connecting), DX_TEST(test_wrong_then_right),
             DX_TEST(test_three_wrong), DX_TEST(test_met_as_member), DX_TEST(test_budget_survives),
             DX_TEST(test_grammar_costs_nothing), DX_TEST(test_another_host_key),
             DX_TEST(test_host_without_the_pin), DX_TEST(test_guest_gives_three_proofs),
             DX_TEST(test_no_downgrade), DX_TEST(test_replayed_proof), DX_TEST(test_neutral_share),
             DX_TEST(test_anothers_credential), DX_TEST(test_pin_is_never_said),
             DX_TEST(test_no_second_try_unasked), DX_TEST(test_second_try_of_the_right), DX_TEST(test_busy),
             DX_TEST(test_parked), DX_TEST(test_kept_waiting), DX_TEST(test_busy_to_the_end),
             DX_TEST(test_multi_use), DX_TEST(test_comes_back_after_admission),
             DX_TEST(test_nobody_comes_back), DX_TEST(test_inviter_without_the_right),
             DX_TEST(test_space_refuses), DX_TEST(test_expires_while_typing),
             DX_TEST(test_expiry_spares_the_proven), DX_TEST(test_clock_set_back),
             DX_TEST(test_expired_at_the_door), DX_TEST(test_nobody_answers), DX_TEST(test_hello),
             DX_TEST(test_numbers_of_the_host), DX_TEST(test_verdict_without_proof),
             DX_TEST(test_false_welcome), DX_TEST(test_second_link), DX_TEST(test_join_fails),
             DX_TEST(test_commit_is_never_told), DX_TEST(test_bad_request), DX_TEST(test_no_randomness),
             DX_TEST(test_welcome_too_large), DX_TEST(test_messages), DX_TEST(test_malformed_messages),
             DX_TEST(test_guest_no_memory), DX_TEST(test_host_no_memory))
