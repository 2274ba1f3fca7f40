/* tests/unit/halo/pair.h: a host and a guest of one invitation, with a link between them that can break and a
 * host that can crash.
 *
 * Every call of the host's machine is one transaction, as in the node: what it asks to write is staged,
 * becomes durable at the commit together with the credentials of an admission, and only then is what it said
 * put on the link. A crash before the commit loses the staged and the said; a crash after it loses the said.
 * The guest keeps nothing over a crash but the link. */
#ifndef DX_TESTS_HALO_PAIR_H
#define DX_TESTS_HALO_PAIR_H

#include "halo/invitation_message.h"
#include "world.h"

enum { PAIR_QUEUE_MAX = 4, PAIR_MESSAGE_MAX = 3072, PAIR_CREDENTIALS_MAX = 12 };

typedef struct pair_queue {
    uint8_t bytes[PAIR_QUEUE_MAX][PAIR_MESSAGE_MAX];
    size_t sizes[PAIR_QUEUE_MAX];
    size_t count;
} pair_queue;

typedef enum pair_crash {
    PAIR_NO_CRASH,
    PAIR_CRASH_BEFORE_COMMIT,
    PAIR_CRASH_AFTER_COMMIT,
    PAIR_DISK_FULL
} pair_crash;

typedef struct pair {
    test_alloc alloc;
    test_random random;
    const dx_identity *alice, *bob; /* host and guest */
    bool with_keys;                 /* the space has a key epoch; without, runs are cheaper */
    uint8_t space_id[DX_HASH_SIZE], key[DX_KEY_SIZE];
    uint64_t now_ms, wall_ms, links_made;
    char right_pin[DX_PIN_SIZE + 1];

    /* The host's disk, and what the transaction under way would add to it. */
    dx_invitation row, staged_row;
    uint8_t credentials[PAIR_CREDENTIALS_MAX][640];
    size_t credential_sizes[PAIR_CREDENTIALS_MAX];
    size_t committed, staged;

    dx_control *control; /* of the host's memory */
    dx_invitation_host host;
    pair_crash crash; /* what happens in the next transaction that writes or speaks */

    dx_invitation_link link;
    dx_invitation_guest guest;
    bool guest_dialling;
    uint64_t guest_link; /* 0: none */
    pair_queue to_host, to_guest;

    /* What the checker counts. */
    uint64_t admissions;     /* MEMBER credentials on the host's disk */
    uint64_t wrong_verdicts; /* proofs that were looked at and found wrong, answered or not */
    int admit_error;         /* what the space answers to an admission */
} pair;

/* --- The host's disk -------------------------------------------------------------------------- */

static inline void pair_stage(pair *p, dx_bytes credential) {
    size_t at = p->committed + p->staged++;
    assert_true(at < PAIR_CREDENTIALS_MAX && credential.size <= sizeof p->credentials[0]);
    memcpy(p->credentials[at], credential.data, credential.size);
    p->credential_sizes[at] = credential.size;
}

static inline void pair_take(pair *p, dx_bytes credential) {
    int error = dx_control_take(p->control, credential, 1);
    assert_true(error == DX_OK || error == DX_E_STATE || error == DX_E_EXISTS);
}

static inline void pair_load_control(pair *p) {
    dx_control_destroy(p->control);
    assert_int_equal(dx_control_create(&p->alloc.port, p->space_id, &p->control), DX_OK);
    for (size_t i = 0; i < p->committed; i++) {
        pair_take(p, dx_bytes_of(p->credentials[i], p->credential_sizes[i]));
    }
}

/* Takes a credential into the host's control state and stages it. */
static inline void pair_write(pair *p, const dx_buf *credential) {
    pair_take(p, dx_buf_view(credential));
    pair_stage(p, dx_buf_view(credential));
}

/* --- Life ------------------------------------------------------------------------------------- */

static inline void pair_start_host(pair *p) {
    dx_invitation_host_init(&p->host, &p->alloc.port, &p->random.port, &p->row, p->now_ms, p->wall_ms);
}

static inline void pair_start_guest(pair *p) {
    dx_invitation_guest_init(&p->guest, &p->alloc.port, &p->random.port, p->bob, &p->link, p->now_ms);
    dx_invitation_guest_dial(&p->guest, p->now_ms);
}

static inline void pair_make_space(pair *p) {
    dx_buf made;
    uint8_t nonce[DX_KEY_SIZE] = {1};
    dx_buf_init(&made, &p->alloc.port, 8192);
    memset(p->key, 'k', sizeof p->key);
    assert_int_equal(dx_space_credential_issue(&p->alice->identity_key, nonce, &made, p->space_id), DX_OK);
    assert_int_equal(dx_control_create(&p->alloc.port, p->space_id, &p->control), DX_OK);
    pair_write(p, &made);
    pair_write(p, &p->alice->device_credential);
    if (p->with_keys) {
        dx_buf_clear(&made);
        assert_int_equal(dx_control_issue_key_epoch(p->control, p->alice, 0, p->key, &made), DX_OK);
        pair_write(p, &made);
    }
    p->committed = p->staged;
    p->staged = 0;
    dx_buf_deinit(&made);
}

static inline void pair_init(pair *p, const dx_identity *alice, const dx_identity *bob, dx_role role,
                             uint64_t uses_max, bool with_keys) {
    memset(p, 0, sizeof *p);
    p->alice = alice;
    p->bob = bob;
    p->with_keys = with_keys;
    test_alloc_init(&p->alloc);
    test_random_init(&p->random, 11);
    p->now_ms = 1000;
    p->wall_ms = UINT64_C(1700000000000);
    pair_make_space(p);
    memcpy(p->right_pin, "004217", sizeof p->right_pin);
    p->row.space = 1;
    p->row.role = role;
    p->row.uses_max = uses_max;
    p->row.expires_ms = p->wall_ms + DX_INVITATION_LIFE_MS;
    memcpy(p->row.pin, p->right_pin, sizeof p->row.pin);
    memset(p->row.id, 'i', sizeof p->row.id);
    memset(p->row.topic_secret, 't', sizeof p->row.topic_secret);
    memset(p->row.host_key, 'h', sizeof p->row.host_key);
    p->link.expires_ms = p->row.expires_ms;
    memcpy(p->link.id, p->row.id, sizeof p->link.id);
    memcpy(p->link.topic_secret, p->row.topic_secret, sizeof p->link.topic_secret);
    memcpy(p->link.host_key, p->row.host_key, sizeof p->link.host_key);
    p->staged_row = p->row;
    pair_start_host(p);
    pair_start_guest(p);
}

static inline void pair_deinit(pair *p) {
    dx_invitation_guest_deinit(&p->guest);
    dx_invitation_host_deinit(&p->host);
    dx_control_destroy(p->control);
    assert_int_equal(p->alloc.live_bytes, 0);
}

/* --- Links ------------------------------------------------------------------------------------ */

static inline void pair_push(pair_queue *queue, dx_bytes message) {
    if (message.size == 0) {
        return;
    }
    assert_true(queue->count < PAIR_QUEUE_MAX && message.size <= PAIR_MESSAGE_MAX);
    memcpy(queue->bytes[queue->count], message.data, message.size);
    queue->sizes[queue->count++] = message.size;
}

static inline void pair_shift(pair_queue *queue) {
    queue->count--;
    memmove(queue->bytes[0], queue->bytes[1], queue->count * sizeof queue->bytes[0]);
    memmove(queue->sizes, queue->sizes + 1, queue->count * sizeof queue->sizes[0]);
}

/* The link ends for the guest; what was on its way is lost. */
static inline void pair_guest_link_down(pair *p) {
    if (p->guest_link != 0) {
        p->guest_link = 0;
        p->to_host.count = p->to_guest.count = 0;
        dx_invitation_guest_closed(&p->guest, DX_OK, p->now_ms);
    }
}

static inline void pair_break(pair *p) {
    uint64_t link = p->guest_link;
    pair_guest_link_down(p);
    dx_invitation_host_closed(&p->host, link, p->now_ms);
}

/* --- The host's transaction ------------------------------------------------------------------- */

static inline void pair_issue_admission(pair *p, dx_buf *made) {
    uint8_t id[DX_HASH_SIZE];
    const dx_admission_request *request = &p->host.request;
    dx_bytes invitation = dx_bytes_of(p->row.id, sizeof p->row.id);
    if (!request->already) {
        assert_false(dx_control_find_admission(p->control, request->identity, invitation, id));
        dx_buf_clear(made);
        assert_int_equal(
            dx_control_issue_member(p->control, p->alice, request->identity, p->row.role, invitation, made),
            DX_OK);
        pair_write(p, made);
        pair_write(p, &request->device_credential);
    }
    if (p->with_keys && !dx_control_grant_of(p->control, 0, request->device, 0)) {
        dx_buf_clear(made);
        assert_int_equal(dx_control_issue_key_grant(p->control, p->alice, &p->random.port, 0, p->key,
                                                    request->device, request->noise, made),
                         DX_OK);
        pair_write(p, made);
    }
}

static inline void pair_admit(pair *p, dx_buf *out) {
    if (p->admit_error != DX_OK) {
        assert_int_equal(dx_invitation_host_refused(&p->host, p->admit_error, p->now_ms, out), DX_OK);
        return;
    }
    dx_buf made, welcome;
    dx_buf_init(&made, &p->alloc.port, 8192);
    dx_buf_init(&welcome, &p->alloc.port, DX_WELCOME_SIZE_MAX);
    pair_issue_admission(p, &made);
    assert_int_equal(dx_welcome_encode(p->control, p->host.request.device, NULL, 0, &welcome), DX_OK);
    assert_int_equal(dx_invitation_host_admitted(&p->host, dx_buf_view(&welcome), p->now_ms, out), DX_OK);
    dx_buf_deinit(&welcome);
    dx_buf_deinit(&made);
}

/* The machine of a process that begins anew: memory and links are gone, the disk is what it is. */
static inline void pair_restart_host(pair *p) {
    dx_invitation_host_deinit(&p->host);
    p->staged = 0;
    p->staged_row = p->row;
    pair_load_control(p);
    pair_start_host(p);
    pair_guest_link_down(p);
}

static inline void pair_commit(pair *p) {
    p->row = p->staged_row;
    for (; p->staged > 0; p->staged--, p->committed++) {
        dx_credential credential;
        dx_bytes bytes = dx_bytes_of(p->credentials[p->committed], p->credential_sizes[p->committed]);
        assert_int_equal(dx_credential_decode(bytes, &credential), DX_OK);
        p->admissions += credential.type == DX_CREDENTIAL_MEMBER;
    }
}

/* Ends a transaction: performs, commits, releases; or crashes on the way. to: the link that what was said
 * goes to. */
static inline void pair_settle(pair *p, dx_buf *out, uint64_t to) {
    unsigned actions = dx_invitation_host_actions(&p->host);
    if (actions & DX_HOST_DO_ADMIT) {
        pair_admit(p, out);
        actions |= dx_invitation_host_actions(&p->host);
    }
    bool writes = (actions & DX_HOST_DO_SAVE) != 0 || p->staged > 0;
    if (actions & DX_HOST_DO_SAVE) {
        p->staged_row = p->host.invitation;
    }
    pair_crash crash = writes || out->size > 0 ? p->crash : PAIR_NO_CRASH;
    if (crash == PAIR_DISK_FULL && !writes) {
        crash = PAIR_NO_CRASH;
    }
    p->crash = crash == PAIR_NO_CRASH ? p->crash : PAIR_NO_CRASH;
    if (crash == PAIR_CRASH_BEFORE_COMMIT || crash == PAIR_DISK_FULL) {
        dx_buf_deinit(out);
        pair_restart_host(p);
        return;
    }
    pair_commit(p);
    if (crash == PAIR_CRASH_AFTER_COMMIT) {
        dx_buf_deinit(out);
        pair_restart_host(p);
        return;
    }
    if (to != 0 && to == p->guest_link) {
        pair_push(&p->to_guest, dx_buf_view(out));
    }
    dx_buf_deinit(out);
    dx_invitation_host_committed(&p->host, p->now_ms);
}

/* The guest learns of a closing after what was said before it. */
static inline void pair_deliver_close(pair *p) {
    if (p->guest_link != 0 && p->to_guest.count == 0 &&
        !(p->host.has_link && p->host.link == p->guest_link)) {
        pair_guest_link_down(p);
    }
}

/* --- Events ----------------------------------------------------------------------------------- */

static inline void pair_out(pair *p, dx_buf *out) {
    dx_buf_init(out, &p->alloc.port, DX_INVITATION_MESSAGE_MAX);
}

/* What the guest's call raised: joins (the test's space is always made), closes. */
static inline void pair_settle_guest(pair *p, dx_buf *out) {
    unsigned actions = dx_invitation_guest_actions(&p->guest);
    if (actions & DX_GUEST_DO_JOIN) {
        assert_int_equal(dx_invitation_guest_joined(&p->guest, DX_OK, p->now_ms, out), DX_OK);
        actions |= dx_invitation_guest_actions(&p->guest);
    }
    pair_push(&p->to_host, dx_buf_view(out));
    dx_buf_deinit(out);
    if (actions & DX_GUEST_DO_CLOSE) {
        p->guest_link = 0; /* the host hears the rest and then the end, in pair_host_hears_end */
        p->to_guest.count = 0;
    }
}

static inline bool pair_can_connect(const pair *p) {
    return p->guest_link == 0 && p->guest.state == DX_GUEST_CONNECTING && p->to_host.count == 0 &&
           !dx_host_state_ends(p->host.state);
}

static inline void pair_connect(pair *p) {
    uint8_t hash[DX_NOISE_HASH_SIZE] = {0};
    dx_buf out;
    p->guest_link = ++p->links_made;
    memcpy(hash, &p->links_made, sizeof p->links_made);
    p->to_host.count = p->to_guest.count = 0;
    pair_out(p, &out);
    assert_int_equal(
        dx_invitation_guest_open(&p->guest, hash, p->row.host_key, p->bob->noise, p->now_ms, &out), DX_OK);
    pair_settle_guest(p, &out);
    pair_out(p, &out);
    (void)(dx_invitation_host_open(&p->host, p->guest_link, hash, p->bob->noise, p->now_ms, p->wall_ms,
                                   &out) == DX_OK);
    pair_settle(p, &out, p->guest_link);
}

static inline void pair_tell_host(pair *p, dx_bytes message) {
    dx_buf out;
    uint64_t link = p->host.link;
    if (!p->host.has_link) {
        return;
    }
    pair_out(p, &out);
    assert_int_equal(dx_invitation_host_receive(&p->host, p->control, p->alice->identity, message, p->now_ms,
                                                p->wall_ms, &out),
                     DX_OK);
    pair_settle(p, &out, link);
}

static inline void pair_tell_guest(pair *p, dx_bytes message) {
    dx_buf out;
    pair_out(p, &out);
    assert_int_equal(dx_invitation_guest_receive(&p->guest, message, p->now_ms, &out), DX_OK);
    pair_settle_guest(p, &out);
}

/* One message, whichever is first; or the news that the guest closed. False: nothing is on its way. */
static inline bool pair_deliver(pair *p) {
    uint8_t message[PAIR_MESSAGE_MAX];
    if (p->to_host.count > 0) {
        size_t size = p->to_host.sizes[0];
        memcpy(message, p->to_host.bytes[0], size);
        pair_shift(&p->to_host);
        pair_tell_host(p, dx_bytes_of(message, size));
        return true;
    }
    if (p->host.has_link && p->host.link != p->guest_link) {
        dx_invitation_host_closed(&p->host, p->host.link, p->now_ms);
        return true;
    }
    if (p->to_guest.count > 0) {
        size_t size = p->to_guest.sizes[0];
        memcpy(message, p->to_guest.bytes[0], size);
        pair_shift(&p->to_guest);
        pair_tell_guest(p, dx_bytes_of(message, size));
        return true;
    }
    bool up = p->guest_link != 0;
    pair_deliver_close(p);
    return up && p->guest_link == 0;
}

static inline void pair_enter_pin(pair *p, const char *pin) {
    dx_buf out;
    pair_out(p, &out);
    assert_int_equal(dx_invitation_guest_enter_pin(&p->guest, dx_bytes_text(pin), p->now_ms, &out), DX_OK);
    pair_settle_guest(p, &out);
}

static inline void pair_tick_host(pair *p) {
    dx_buf out;
    uint64_t link = p->host.link;
    bool verifies = p->host.state == DX_HOST_VERIFYING && !p->host.uncommitted;
    uint64_t failures = p->host.invitation.failures;
    pair_out(p, &out);
    assert_int_equal(dx_invitation_host_tick(&p->host, p->now_ms, p->wall_ms, &out), DX_OK);
    p->wrong_verdicts += verifies && p->host.invitation.failures == failures;
    pair_settle(p, &out, link);
}

static inline void pair_tick_guest(pair *p) {
    dx_buf out;
    pair_out(p, &out);
    assert_int_equal(dx_invitation_guest_tick(&p->guest, p->now_ms, &out), DX_OK);
    pair_settle_guest(p, &out);
}

static inline void pair_advance(pair *p, uint64_t to_ms) {
    if (to_ms > p->now_ms) {
        p->wall_ms += to_ms - p->now_ms;
        p->now_ms = to_ms;
    }
}

/* The earlier deadline of those that have not ended; false when both have. */
static inline bool pair_pass_time(pair *p) {
    bool host = !dx_host_state_ends(p->host.state), guest = !dx_guest_state_ends(p->guest.state);
    if (!host && !guest) {
        return false;
    }
    bool host_first = host && (!guest || p->host.deadline_ms <= p->guest.deadline_ms);
    pair_advance(p, host_first ? p->host.deadline_ms : p->guest.deadline_ms);
    if (host_first) {
        pair_tick_host(p);
    } else {
        pair_tick_guest(p);
    }
    return true;
}

/* What is due now: a proof that waits for its commit. */
static inline bool pair_due(pair *p) {
    if (dx_host_state_ends(p->host.state) || p->host.deadline_ms > p->now_ms) {
        return false;
    }
    pair_tick_host(p);
    return true;
}

/* Delivers and ticks what is due until nothing moves. */
static inline void pair_run(pair *p) {
    for (int i = 0; i < 200 && (pair_due(p) || pair_deliver(p)); i++) {
    }
}

static inline void pair_cancel_host(pair *p) {
    dx_buf out;
    uint64_t link = p->host.link;
    pair_out(p, &out);
    assert_int_equal(dx_invitation_host_cancel(&p->host, &out), DX_OK);
    pair_settle(p, &out, link);
}

static inline void pair_cancel_guest(pair *p) {
    dx_buf out;
    pair_out(p, &out);
    assert_int_equal(dx_invitation_guest_cancel(&p->guest, &out), DX_OK);
    pair_settle_guest(p, &out);
}

/* A new attempt of the same person with the same link. */
static inline void pair_restart_guest(pair *p) {
    uint64_t link = p->guest_link;
    p->guest_link = 0;
    p->to_host.count = p->to_guest.count = 0;
    dx_invitation_host_closed(&p->host, link, p->now_ms);
    dx_invitation_guest_deinit(&p->guest);
    pair_start_guest(p);
}

#endif
