/* tests/unit/halo/test_invitation_paths.c: every way an invitation can go wrong, at every moment of it.
 *
 * A run drives both machines by a plan of PINs and lets things happen at chosen moments: the link breaks, a
 * process crashes before or after a commit, the disk is full, somebody cancels, garbage arrives, a deadline
 * passes, the clock jumps. All runs with one such event, all with two, and many with three, end in a named
 * state in bounded time, admit once, and never look at a fourth wrong PIN. (Signatures and CPace are
 * stand-ins here, cheap_crypto.c; test_invitation.c has the real ones.) */
#include "pair.h"

/* X(symbol): what may happen at a moment. */
#define HAPPENINGS(X)                                                                                        \
    X(NOTHING)                                                                                               \
    X(BREAK)                                                                                                 \
    X(CRASH_BEFORE_COMMIT)                                                                                   \
    X(CRASH_AFTER_COMMIT)                                                                                    \
    X(DISK_FULL)                                                                                             \
    X(HOST_RESTART)                                                                                          \
    X(GUEST_RESTART)                                                                                         \
    X(CANCEL_HOST)                                                                                           \
    X(CANCEL_GUEST)                                                                                          \
    X(GARBAGE_TO_HOST)                                                                                       \
    X(GARBAGE_TO_GUEST)                                                                                      \
    X(STRAY_TO_HOST)                                                                                         \
    X(STRAY_TO_GUEST)                                                                                        \
    X(FALSE_PROOF_TO_HOST)                                                                                   \
    X(FALSE_PROOF_TO_GUEST) X(HOST_DEADLINE) X(GUEST_DEADLINE) X(CLOCK_JUMP) X(CLOCK_BACK)

typedef enum happening {
#define HAPPENING_ROW(symbol) symbol,
    HAPPENINGS(HAPPENING_ROW)
#undef HAPPENING_ROW
        HAPPENING_COUNT
} happening;

static const char *const names[] = {
#define NAME_ROW(symbol) #symbol,
    HAPPENINGS(NAME_ROW)
#undef NAME_ROW
};

enum { STEPS_MAX = 300, EVENTS_MAX = 3, GUESTS_MAX = 4 };

typedef struct moment {
    int step;
    happening what;
} moment;

typedef struct plan {
    const char *pins; /* R right, W wrong, in the order the person enters them */
    dx_role role;
    uint64_t uses_max;
} plan;

typedef struct run {
    pair p;
    const plan *plan;
    moment moments[EVENTS_MAX];
    size_t moment_count;
    size_t pins_entered, guests;
    uint64_t failures_seen;
    int steps;
} run;

static void fail_run(const run *r, const char *why) {
    for (size_t i = 0; i < r->moment_count; i++) {
        print_message("# at step %d: %s\n", r->moments[i].step, names[r->moments[i].what]);
    }
    print_message("# plan %s, host %s, guest %s (%s), failures %u, uses %u, step %d\n", r->plan->pins,
                  dx_host_state_name(r->p.host.state), dx_guest_state_name(r->p.guest.state),
                  dx_error_name(r->p.guest.error), (unsigned)r->p.row.failures, (unsigned)r->p.row.uses,
                  r->steps);
    fail_msg("%s", why);
}

static void expect(const run *r, bool holds, const char *why) {
    if (!holds) {
        fail_run(r, why);
    }
}

/* --- What happens ----------------------------------------------------------------------------- */

static void tick_both(pair *p) {
    if (!dx_host_state_ends(p->host.state) && p->host.deadline_ms <= p->now_ms) {
        pair_tick_host(p);
    }
    if (!dx_guest_state_ends(p->guest.state) && p->guest.deadline_ms <= p->now_ms) {
        pair_tick_guest(p);
    }
}

static bool say_bytes(pair *p, bool to_host, dx_bytes bytes) {
    bool heard = to_host ? p->host.has_link : p->guest_link != 0;
    if (heard && to_host) {
        pair_tell_host(p, bytes);
    } else if (heard) {
        pair_tell_guest(p, bytes);
    }
    return heard;
}

static bool say_to(pair *p, bool to_host, dx_invitation_message message) {
    dx_buf bytes;
    dx_buf_init(&bytes, &p->alloc.port, 4096);
    assert_int_equal(dx_invitation_message_encode(&message, &bytes), DX_OK);
    bool heard = say_bytes(p, to_host, dx_buf_view(&bytes));
    dx_buf_deinit(&bytes);
    return heard;
}

/* Words nobody should say at this moment. False: nobody hears. */
static bool talk(pair *p, happening what) {
    static const uint8_t garbage[] = {0x82, 0x05, 0xff}, zeros[DX_CPACE_CONFIRM_SIZE] = {0};
    const dx_bytes proof = dx_bytes_of(zeros, sizeof zeros);
    switch ((int)what) {
    case GARBAGE_TO_HOST:
    case GARBAGE_TO_GUEST:
        return say_bytes(p, what == GARBAGE_TO_HOST, dx_bytes_of(garbage, sizeof garbage));
    case STRAY_TO_HOST:
        return say_to(p, true,
                      (dx_invitation_message){.kind = DX_MESSAGE_WELCOME, .bytes = dx_bytes_text("no")});
    case STRAY_TO_GUEST:
        return say_to(p, false, (dx_invitation_message){.kind = DX_MESSAGE_DONE});
    case FALSE_PROOF_TO_HOST:
        return say_to(p, true, (dx_invitation_message){.kind = DX_MESSAGE_PROOF, .bytes = proof});
    default:
        return say_to(p, false, (dx_invitation_message){.kind = DX_MESSAGE_HOST_PROOF, .bytes = proof});
    }
}

static bool pass_deadline(pair *p, bool ended, uint64_t deadline_ms) {
    if (!ended) {
        pair_advance(p, deadline_ms);
        tick_both(p);
    }
    return !ended;
}

/* False: at this moment it is nothing. */
static bool happen(run *r, happening what) {
    pair *p = &r->p;
    bool host_ended = dx_host_state_ends(p->host.state), guest_ended = dx_guest_state_ends(p->guest.state);
    switch (what) {
    case BREAK:
        if (p->guest_link == 0) {
            return false;
        }
        pair_break(p);
        return true;
    case CRASH_BEFORE_COMMIT:
        p->crash = PAIR_CRASH_BEFORE_COMMIT;
        return !host_ended;
    case CRASH_AFTER_COMMIT:
        p->crash = PAIR_CRASH_AFTER_COMMIT;
        return !host_ended;
    case DISK_FULL:
        p->crash = PAIR_DISK_FULL;
        return !host_ended;
    case HOST_RESTART:
        pair_restart_host(p);
        return !host_ended;
    case GUEST_RESTART:
        pair_restart_guest(p);
        return true;
    case CANCEL_HOST:
        pair_cancel_host(p);
        return !host_ended;
    case CANCEL_GUEST:
        pair_cancel_guest(p);
        return !guest_ended;
    case HOST_DEADLINE:
        return pass_deadline(p, host_ended, p->host.deadline_ms);
    case GUEST_DEADLINE:
        return pass_deadline(p, guest_ended, p->guest.deadline_ms);
    case CLOCK_JUMP:
        p->wall_ms += 10 * DX_INVITATION_LIFE_MAX_MS;
        return !host_ended;
    case CLOCK_BACK:
        p->wall_ms = 5;
        return !host_ended;
    case NOTHING:
    case HAPPENING_COUNT:
        return false;
    case GARBAGE_TO_HOST:
    case GARBAGE_TO_GUEST:
    case STRAY_TO_HOST:
    case STRAY_TO_GUEST:
    case FALSE_PROOF_TO_HOST:
    case FALSE_PROOF_TO_GUEST:
        break;
    }
    return talk(p, what);
}

/* --- How it goes on otherwise ----------------------------------------------------------------- */

static bool enter_next_pin(run *r) {
    pair *p = &r->p;
    if (p->guest.state != DX_GUEST_PIN_REQUIRED) {
        return false;
    }
    if (r->pins_entered > 0 && p->guest.error == DX_E_UNREACHABLE) {
        r->pins_entered--; /* nobody said that it was wrong */
    }
    if (r->plan->pins[r->pins_entered] == '\0') {
        return false;
    }
    pair_enter_pin(p, r->plan->pins[r->pins_entered++] == 'R' ? p->right_pin : "123456");
    return true;
}

/* A person who was told why takes the link once more, as long as he has a PIN to try. */
static bool try_again(run *r) {
    pair *p = &r->p;
    if (p->guest.state != DX_GUEST_FAILED || r->guests >= GUESTS_MAX ||
        r->plan->pins[r->pins_entered] == '\0' || dx_host_state_ends(p->host.state)) {
        return false;
    }
    r->guests++;
    pair_restart_guest(p);
    return true;
}

static bool progress(run *r) {
    pair *p = &r->p;
    if (pair_due(p) || pair_deliver(p) || enter_next_pin(r)) {
        return true;
    }
    if (pair_can_connect(p)) {
        pair_connect(p);
        return true;
    }
    return try_again(r) || pair_pass_time(p);
}

/* What holds at every moment. */
static void check_moment(run *r) {
    const pair *p = &r->p;
    expect(r, p->row.failures <= DX_INVITATION_FAILURES_MAX, "more than three failures on disk");
    expect(r, p->wrong_verdicts <= p->row.failures, "a wrong PIN was looked at and is not counted on disk");
    expect(r, p->admissions == p->row.uses, "uses and admissions differ");
    expect(r, p->row.uses <= r->plan->uses_max, "more admissions than uses");
    expect(r, p->alloc.live_bytes < 1 << 20, "memory grows");
    bool kept = p->row.state == DX_HOST_ADVERTISING || p->row.pin[0] == '\0';
    expect(r, kept, "an ended invitation keeps its PIN");
}

static void check_end(run *r, uint64_t began_ms) {
    const pair *p = &r->p;
    expect(r, dx_host_state_ends(p->host.state), "the host did not end");
    expect(r, dx_guest_state_ends(p->guest.state), "the guest did not end");
    expect(r, p->row.state == p->host.state, "the end is not on disk");
    /* Each guest's life, and the invitation's own at the longest: a clock may be set back before each
     * restart. */
    uint64_t longest_ms =
        (1 + EVENTS_MAX) * DX_INVITATION_LIFE_MAX_MS + (GUESTS_MAX + 2) * DX_INVITATION_GUEST_LIFE_MS;
    expect(r, p->now_ms - began_ms <= longest_ms, "it took longer than all deadlines together");
    bool member = dx_control_role(p->control, p->bob->identity) >= r->plan->role;
    if (p->guest.state == DX_GUEST_READY) {
        expect(r, member, "ready, and not a member");
        expect(r, p->guest.error == DX_OK, "ready with an error");
    } else {
        expect(r, p->guest.error != DX_OK, "failed without a reason");
        expect(r, dx_invitation_remedy(p->guest.error)[0] != '\0', "failed without a next step");
    }
    expect(r, p->host.state != DX_HOST_SUCCESS || p->row.uses == r->plan->uses_max,
           "success without an admission");
    expect(r, p->host.state != DX_HOST_LOCKED || p->row.failures == DX_INVITATION_FAILURES_MAX,
           "locked too early");
}

/* False: an event was nothing at its moment, so this run is one with fewer events. */
static bool drive(run *r) {
    uint64_t began_ms = r->p.now_ms;
    for (r->steps = 0; r->steps < STEPS_MAX; r->steps++) {
        for (size_t i = 0; i < r->moment_count; i++) {
            if (r->moments[i].step == r->steps) {
                if (!happen(r, r->moments[i].what)) {
                    return false;
                }
                check_moment(r);
            }
        }
        if (!progress(r)) {
            break;
        }
        check_moment(r);
    }
    expect(r, r->steps < STEPS_MAX, "it does not come to an end");
    check_end(r, began_ms);
    return true;
}

static test_alloc people_alloc;
static dx_identity alice, bob;

/* What a run came to. */
typedef struct outcome {
    bool worth_it; /* every event was one */
    int steps;
    dx_guest_state guest;
    dx_host_state host;
} outcome;

/* Runs the plan with these events. */
static outcome try_run(const plan *chosen, const moment *moments, size_t count) {
    static run r;
    memset(&r, 0, sizeof r);
    r.plan = chosen;
    r.moment_count = count;
    if (count > 0) {
        memcpy(r.moments, moments, count * sizeof *moments);
    }
    r.guests = 1;
    pair_init(&r.p, &alice, &bob, chosen->role, chosen->uses_max, false);
    outcome came = {
        .worth_it = drive(&r), .steps = r.steps, .guest = r.p.guest.state, .host = r.p.host.state};
    pair_deinit(&r.p);
    return came;
}

static int make_people(void **state) {
    (void)state;
    test_alloc_init(&people_alloc);
    person_init(&alice, &people_alloc.port, 'A');
    person_init(&bob, &people_alloc.port, 'B');
    return 0;
}

static int forget_people(void **state) {
    (void)state;
    person_deinit(&alice);
    person_deinit(&bob);
    return 0;
}

/* --- The runs --------------------------------------------------------------------------------- */

static const plan plans[] = {{"R", DX_ROLE_EDITOR, 1},    {"WR", DX_ROLE_ADMIN, 1},
                             {"WWR", DX_ROLE_READER, 1},  {"WWWR", DX_ROLE_EDITOR, 1},
                             {"WWWWWW", DX_ROLE_PULL, 1}, {"WR", DX_ROLE_EDITOR, 3}};

enum { PLANS = sizeof plans / sizeof plans[0] };

static void test_plain(void **state) {
    (void)state;
    static const dx_guest_state guests[] = {DX_GUEST_READY,  DX_GUEST_READY,  DX_GUEST_READY,
                                            DX_GUEST_FAILED, DX_GUEST_FAILED, DX_GUEST_READY};
    static const dx_host_state hosts[] = {DX_HOST_SUCCESS, DX_HOST_SUCCESS, DX_HOST_SUCCESS,
                                          DX_HOST_LOCKED,  DX_HOST_LOCKED,  DX_HOST_EXPIRED};
    for (size_t i = 0; i < PLANS; i++) {
        outcome came = try_run(&plans[i], NULL, 0);
        assert_int_equal(came.guest, guests[i]);
        assert_int_equal(came.host, hosts[i]);
    }
}

/* What a person with the right PIN does not even notice: he gets in all the same. */
static bool is_forgivable(happening what) {
    return what == BREAK || what == CRASH_BEFORE_COMMIT || what == CRASH_AFTER_COMMIT || what == DISK_FULL ||
           what == HOST_RESTART || what == CLOCK_BACK;
}

/* Each event at each moment of each plan. */
static void test_one_event(void **state) {
    (void)state;
    size_t runs = 0;
    for (size_t i = 0; i < PLANS; i++) {
        int steps = try_run(&plans[i], NULL, 0).steps;
        for (moment m = {0, BREAK}; m.step <= steps; m.step++) {
            for (m.what = BREAK; m.what < HAPPENING_COUNT; m.what++) {
                outcome came = try_run(&plans[i], &m, 1);
                runs += came.worth_it;
                if (came.worth_it && is_forgivable(m.what) && i == 0 && came.guest != DX_GUEST_READY) {
                    fail_msg("%s at step %d of %s keeps the guest out", names[m.what], m.step, plans[i].pins);
                }
            }
        }
    }
    assert_true(runs > 1000);
}

/* Each two events of the first plan; of the second plan every other moment for the second event. */
static void test_two_events(void **state) {
    (void)state;
    size_t runs = 0;
    for (size_t i = 0; i < 2; i++) {
        int steps = try_run(&plans[i], NULL, 0).steps;
        moment m[2] = {{0, BREAK}, {0, BREAK}};
        for (m[0].step = 0; m[0].step <= steps; m[0].step++) {
            for (m[0].what = BREAK; m[0].what < HAPPENING_COUNT; m[0].what++) {
                outcome first = try_run(&plans[i], m, 1);
                for (m[1].step = m[0].step; first.worth_it && m[1].step <= first.steps;
                     m[1].step += 1 + (int)i) {
                    for (m[1].what = BREAK; m[1].what < HAPPENING_COUNT; m[1].what++) {
                        runs += try_run(&plans[i], m, 2).worth_it;
                    }
                }
            }
        }
    }
    print_message("# %zu runs with two events\n", runs);
    assert_true(runs > 40000);
}

static void test_three_events(void **state) {
    (void)state;
    test_random random;
    test_random_init(&random, 5);
    size_t runs = 0;
    for (int n = 0; n < 10000; n++) {
        moment m[3];
        for (size_t i = 0; i < 3; i++) {
            m[i].step = (int)(test_random_next(&random) % 45);
            m[i].what = (happening)(1 + test_random_next(&random) % (HAPPENING_COUNT - 1));
        }
        runs += try_run(&plans[test_random_next(&random) % PLANS], m, 3).worth_it;
    }
    print_message("# %zu runs with three events\n", runs);
    assert_true(runs > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {DX_TEST(test_plain), DX_TEST(test_one_event), DX_TEST(test_two_events),
                                       DX_TEST(test_three_events)};
    return cmocka_run_group_tests(tests, make_people, forget_people);
}
