/* tests/unit/halo/test_control.c: the rules of a space, one by one (halo/authorize.c, halo/control.c,
 * halo/control_read.c, halo/control_issue.c), and the bounds of what a control state holds. Orders of
 * arrival: test_control_orders.c. */
#include "halo/control_state.h"
#include "world.h"

enum { LIST_MAX = 16 };

/* A space of Alice's with Bob (ADMIN) and Carol (EDITOR), and Mallory outside. */
typedef struct fixture {
    test_alloc alloc;
    test_random random;
    dx_identity alice, bob, carol, mallory;
    uint8_t space_id[DX_HASH_SIZE], key[DX_KEY_SIZE];
    dx_buf genesis, bob_member, carol_member, epoch, out;
    dx_control *control;
} fixture;

static dx_bytes bytes_of(const dx_buf *buf) {
    return dx_buf_view(buf);
}

static int take(fixture *f, dx_bytes credential) {
    return dx_control_take(f->control, credential, 1);
}

static void begin_empty(fixture *f) {
    memset(f, 0, sizeof *f);
    test_alloc_init(&f->alloc);
    test_random_init(&f->random, 1);
    dx_buf *bufs[] = {&f->genesis, &f->bob_member, &f->carol_member, &f->epoch, &f->out};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
        dx_buf_init(bufs[i], &f->alloc.port, 1 << 16);
    }
    person_init(&f->alice, &f->alloc.port, 'A');
    person_init(&f->bob, &f->alloc.port, 'B');
    person_init(&f->carol, &f->alloc.port, 'C');
    person_init(&f->mallory, &f->alloc.port, 'M');
    memset(f->key, 'k', sizeof f->key);
    uint8_t nonce[DX_KEY_SIZE];
    memset(nonce, 'N', sizeof nonce);
    assert_int_equal(dx_space_credential_issue(&f->alice.identity_key, nonce, &f->genesis, f->space_id),
                     DX_OK);
    assert_int_equal(dx_control_create(&f->alloc.port, f->space_id, &f->control), DX_OK);
}

static void begin(fixture *f) {
    begin_empty(f);
    assert_int_equal(take(f, bytes_of(&f->genesis)), DX_OK);
    assert_int_equal(take(f, bytes_of(&f->alice.device_credential)), DX_OK);
    assert_int_equal(dx_control_issue_member(f->control, &f->alice, f->bob.identity, DX_ROLE_ADMIN,
                                             dx_bytes_of(NULL, 0), &f->bob_member),
                     DX_OK);
    assert_int_equal(take(f, bytes_of(&f->bob_member)), DX_OK);
    assert_int_equal(take(f, bytes_of(&f->bob.device_credential)), DX_OK);
    assert_int_equal(dx_control_issue_member(f->control, &f->bob, f->carol.identity, DX_ROLE_EDITOR,
                                             dx_bytes_of("0123456789abcdef", 16), &f->carol_member),
                     DX_OK);
    assert_int_equal(take(f, bytes_of(&f->carol_member)), DX_OK);
    assert_int_equal(take(f, bytes_of(&f->carol.device_credential)), DX_OK);
    assert_int_equal(dx_control_issue_key_epoch(f->control, &f->alice, 0, f->key, &f->epoch), DX_OK);
    assert_int_equal(take(f, bytes_of(&f->epoch)), DX_OK);
}

static void end(fixture *f) {
    dx_control_destroy(f->control);
    person_deinit(&f->alice);
    person_deinit(&f->bob);
    person_deinit(&f->carol);
    person_deinit(&f->mallory);
    dx_buf *bufs[] = {&f->genesis, &f->bob_member, &f->carol_member, &f->epoch, &f->out};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
        dx_buf_deinit(bufs[i]);
    }
    assert_int_equal(f->alloc.live_bytes, 0);
}

/* Says it and takes it. */
static int say_and_take(fixture *f, const saying *said) {
    dx_buf_clear(&f->out);
    say(said, &f->out);
    return take(f, bytes_of(&f->out));
}

/* An admission by a person with the usual premises: his device, his admission. */
static saying admission(const fixture *f, const dx_identity *by, dx_bytes right, const dx_identity *of,
                        dx_role role) {
    return (saying){.type = DX_CREDENTIAL_MEMBER,
                    .issuer = by->identity,
                    .subject = of->identity,
                    .space = f->space_id,
                    .signer = &by->device_key,
                    .number = (uint64_t)role,
                    .parents = {dx_buf_view(&by->device_credential), right},
                    .parent_count = 2};
}

static void test_a_space(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    assert_int_equal(dx_control_role(f.control, f.alice.identity), DX_ROLE_OWNER);
    assert_int_equal(dx_control_role(f.control, f.bob.identity), DX_ROLE_ADMIN);
    assert_int_equal(dx_control_role(f.control, f.carol.identity), DX_ROLE_EDITOR);
    assert_int_equal(dx_control_role(f.control, f.mallory.identity), DX_ROLE_NONE);
    assert_int_equal(dx_control_member_count(f.control), 3);
    for (size_t i = 0; i + 1 < 3; i++) {
        assert_true(memcmp(dx_control_member(f.control, i)->identity,
                           dx_control_member(f.control, i + 1)->identity, DX_KEY_SIZE) < 0);
    }
    assert_null(dx_control_member(f.control, 3));
    uint8_t identity[DX_KEY_SIZE], noise[DX_KEY_SIZE];
    assert_true(dx_control_device(f.control, f.carol.device, identity, noise));
    assert_memory_equal(identity, f.carol.identity, DX_KEY_SIZE);
    assert_memory_equal(noise, f.carol.noise, DX_KEY_SIZE);
    assert_true(dx_control_device(f.control, f.alice.device, identity, NULL));
    assert_false(dx_control_device(f.control, f.mallory.device, identity, NULL));
    uint8_t id[DX_HASH_SIZE], found[DX_HASH_SIZE];
    credential_id(bytes_of(&f.carol_member), id);
    assert_true(
        dx_control_find_admission(f.control, f.carol.identity, dx_bytes_of("0123456789abcdef", 16), found));
    assert_memory_equal(found, id, DX_HASH_SIZE);
    assert_false(
        dx_control_find_admission(f.control, f.bob.identity, dx_bytes_of("0123456789abcdef", 16), found));
    assert_false(dx_control_find_admission(f.control, f.bob.identity, dx_bytes_of(NULL, 0), found));
    assert_true(dx_bytes_equal(dx_control_credential(f.control, id), bytes_of(&f.carol_member)));
    assert_int_equal(dx_control_waiting_count(f.control), 0);
    assert_int_equal(dx_control_refused_count(f.control), 0);
    end(&f);
}

static void test_discovery(void **state) {
    (void)state;
    fixture f;
    begin_empty(&f);
    uint8_t secret[DX_KEY_SIZE], wanted[DX_KEY_SIZE], text[2 * DX_KEY_SIZE];
    assert_false(dx_control_discovery(f.control, secret));
    assert_int_equal(take(&f, bytes_of(&f.genesis)), DX_OK);
    assert_true(dx_control_discovery(f.control, secret));
    memset(text, 'N', DX_KEY_SIZE);
    memcpy(text + DX_KEY_SIZE, f.space_id, DX_KEY_SIZE);
    dx_hash(DX_HASH_DISCOVERY, dx_bytes_of(text, sizeof text), wanted);
    assert_memory_equal(secret, wanted, DX_KEY_SIZE);
    end(&f);
}

static void test_known_again(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    uint8_t before[DX_HASH_SIZE], after[DX_HASH_SIZE];
    dx_control_digest(f.control, before);
    assert_int_equal(take(&f, bytes_of(&f.bob_member)), DX_E_EXISTS);
    dx_control_digest(f.control, after);
    assert_memory_equal(before, after, DX_HASH_SIZE);
    end(&f);
}

/* --- Genesis and devices ---------------------------------------------------------------------- */

static void test_another_genesis(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    uint8_t nonce[DX_KEY_SIZE] = {0}, space_id[DX_HASH_SIZE];
    assert_int_equal(dx_space_credential_issue(&f.mallory.identity_key, nonce, &f.out, space_id), DX_OK);
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_E_UNAUTHORIZED);
    assert_int_equal(dx_control_role(f.control, f.mallory.identity), DX_ROLE_NONE);
    assert_int_equal(dx_control_refused_count(f.control), 1);
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_E_UNAUTHORIZED); /* remembered, not counted twice */
    assert_int_equal(dx_control_refused_count(f.control), 1);
    end(&f);
}

/* The hash of a genesis is not enough: it is the owner's own word about himself. */
static void test_genesis_of_another_hand(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_credential genesis, forged;
    assert_int_equal(dx_credential_decode(bytes_of(&f.genesis), &genesis), DX_OK);
    const dx_identity *subjects[] = {&f.alice, &f.mallory};
    for (size_t i = 0; i < 2; i++) {
        dx_statement statement = {.type = DX_CREDENTIAL_SPACE,
                                  .issuer = f.alice.identity,
                                  .subject = subjects[i]->identity,
                                  .claims = genesis.claims};
        uint8_t space_id[DX_HASH_SIZE];
        dx_control *control;
        dx_buf_clear(&f.out);
        assert_int_equal(
            dx_credential_issue(&statement, i == 0 ? &f.mallory.identity_key : &f.alice.identity_key, &f.out),
            DX_OK);
        assert_int_equal(dx_credential_decode(bytes_of(&f.out), &forged), DX_OK);
        dx_hash(DX_HASH_SPACE_ID, forged.payload, space_id);
        assert_int_equal(dx_control_create(&f.alloc.port, space_id, &control), DX_OK);
        assert_int_equal(dx_control_take(control, bytes_of(&f.out), 1), DX_E_UNAUTHORIZED);
        assert_int_equal(dx_control_member_count(control), 0);
        dx_control_destroy(control);
    }
    end(&f);
}

/* A device waits for its identity's membership, and is not believed before. */
static void test_device_of_a_stranger(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    uint8_t identity[DX_KEY_SIZE];
    assert_int_equal(take(&f, bytes_of(&f.mallory.device_credential)), DX_E_STATE);
    assert_int_equal(dx_control_waiting_count(f.control), 1);
    assert_false(dx_control_device(f.control, f.mallory.device, identity, NULL));
    saying said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.mallory, DX_ROLE_READER);
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    assert_int_equal(dx_control_waiting_count(f.control), 0);
    assert_true(dx_control_device(f.control, f.mallory.device, identity, NULL));
    end(&f);
}

/* Claims to somebody else's device do not hold, whoever makes them. */
static void test_stolen_device(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_credential consented;
    assert_int_equal(dx_credential_decode(bytes_of(&f.alice.device_credential), &consented), DX_OK);
    dx_statement claim = {.type = DX_CREDENTIAL_DEVICE,
                          .issuer = f.carol.identity,
                          .subject = f.alice.device,
                          .claims = consented.claims};
    assert_int_equal(dx_credential_issue(&claim, &f.carol.identity_key, &f.out), DX_OK);
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_E_SIGNATURE);
    /* Signed by Carol in Alice's name. */
    dx_buf_clear(&f.out);
    claim.issuer = f.alice.identity;
    claim.subject = f.carol.device;
    assert_int_equal(dx_credential_issue(&claim, &f.carol.identity_key, &f.out), DX_OK);
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_E_UNAUTHORIZED);
    /* With a bad signature it is not even a refusal to remember. */
    size_t refused = dx_control_refused_count(f.control);
    claim.subject = f.bob.device;
    dx_buf_clear(&f.out);
    assert_int_equal(dx_credential_issue(&claim, &f.carol.identity_key, &f.out), DX_OK);
    f.out.data[f.out.size - 1] ^= 1;
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_E_SIGNATURE);
    assert_int_equal(dx_control_refused_count(f.control), refused);
    uint8_t identity[DX_KEY_SIZE];
    assert_true(dx_control_device(f.control, f.alice.device, identity, NULL));
    assert_memory_equal(identity, f.alice.identity, DX_KEY_SIZE);
    end(&f);
}

/* --- Members ---------------------------------------------------------------------------------- */

static void test_roles_are_given_downwards_only(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    const dx_bytes genesis = bytes_of(&f.genesis), bob = bytes_of(&f.bob_member),
                   carol = bytes_of(&f.carol_member);
    const struct {
        const char *why;
        saying said;
        int wanted;
    } rows[] = {
        {"an editor admits", admission(&f, &f.carol, carol, &f.mallory, DX_ROLE_READER), DX_E_UNAUTHORIZED},
        {"an editor with another's right", admission(&f, &f.carol, bob, &f.mallory, DX_ROLE_READER),
         DX_E_UNAUTHORIZED},
        {"a stranger with the owner's right", admission(&f, &f.mallory, genesis, &f.carol, DX_ROLE_READER),
         DX_E_STATE},
        {"an admin makes an owner", admission(&f, &f.bob, bob, &f.mallory, DX_ROLE_OWNER), DX_E_UNAUTHORIZED},
        {"the owner makes an owner", admission(&f, &f.alice, genesis, &f.mallory, DX_ROLE_OWNER),
         DX_E_UNAUTHORIZED},
        {"an admin raises himself", admission(&f, &f.bob, bob, &f.bob, DX_ROLE_ADMIN), DX_E_UNAUTHORIZED},
        {"an admin makes an admin", admission(&f, &f.bob, bob, &f.mallory, DX_ROLE_ADMIN), DX_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (say_and_take(&f, &rows[i].said) != rows[i].wanted) {
            fail_msg("%s", rows[i].why);
        }
    }
    assert_int_equal(dx_control_role(f.control, f.mallory.identity), DX_ROLE_ADMIN);
    assert_int_equal(dx_control_role(f.control, f.bob.identity), DX_ROLE_ADMIN);
    end(&f);
}

static void test_premises_must_be_named(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    saying said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.mallory, DX_ROLE_READER);
    said.parent_count = 1; /* the device, not the right */
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    said.parents[0] = bytes_of(&f.bob_member); /* the right, not the device */
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    said.signer = &f.bob.identity_key; /* the identity itself needs no device */
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    said.parent_count = 0;
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    end(&f);
}

static void test_signer_must_speak_for_issuer(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    saying said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.mallory, DX_ROLE_READER);
    said.signer = &f.carol.device_key; /* in Bob's name, with Bob's device as premise */
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    said.parents[0] = bytes_of(&f.carol.device_credential); /* her own device, his name */
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    end(&f);
}

static void test_of_another_space(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    uint8_t elsewhere[DX_HASH_SIZE] = {1};
    saying said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.mallory, DX_ROLE_READER);
    said.space = elsewhere;
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    said.space = NULL;
    assert_int_equal(say_and_take(&f, &said), DX_E_MALFORMED);
    assert_int_equal(dx_control_role(f.control, f.mallory.identity), DX_ROLE_NONE);
    end(&f);
}

/* Unknown waits, however often it is asked; known decides. */
static void test_waits_for_a_parent(void **state) {
    (void)state;
    fixture f;
    begin_empty(&f);
    fixture full;
    begin(&full); /* the same people and space: the same bytes */
    assert_int_equal(take(&f, bytes_of(&full.carol_member)), DX_E_STATE);
    assert_int_equal(take(&f, bytes_of(&full.carol_member)), DX_E_EXISTS);
    assert_int_equal(take(&f, bytes_of(&full.bob_member)), DX_E_STATE);
    assert_int_equal(take(&f, bytes_of(&full.bob.device_credential)), DX_E_STATE);
    assert_int_equal(take(&f, bytes_of(&full.alice.device_credential)), DX_E_STATE);
    assert_int_equal(dx_control_member_count(f.control), 0);
    assert_int_equal(dx_control_waiting_count(f.control), 4);
    uint8_t id[DX_HASH_SIZE];
    credential_id(bytes_of(&full.carol_member), id);
    assert_int_equal(dx_control_credential(f.control, id).size, 0);
    assert_int_equal(take(&f, bytes_of(&f.genesis)), DX_OK); /* completes all of it */
    assert_int_equal(dx_control_waiting_count(f.control), 0);
    assert_int_equal(dx_control_role(f.control, f.carol.identity), DX_ROLE_EDITOR);
    end(&full);
    end(&f);
}

/* What rests on something refused is refused, also when it waited for it. */
static void test_children_of_the_refused(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_buf made, child;
    dx_buf_init(&made, &f.alloc.port, 4096);
    dx_buf_init(&child, &f.alloc.port, 4096);
    saying said = admission(&f, &f.carol, bytes_of(&f.carol_member), &f.mallory, DX_ROLE_ADMIN);
    say(&said, &made);
    assert_int_equal(take(&f, bytes_of(&f.mallory.device_credential)), DX_E_STATE);
    said = admission(&f, &f.mallory, bytes_of(&made), &f.carol, DX_ROLE_ADMIN);
    say(&said, &child);
    assert_int_equal(take(&f, bytes_of(&child)), DX_E_STATE);
    assert_int_equal(take(&f, bytes_of(&made)), DX_E_UNAUTHORIZED);
    /* The child awaits Mallory's device first or is refused already: by the order of ids. Admit Mallory
     * honestly. */
    said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.mallory, DX_ROLE_READER);
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    assert_int_equal(dx_control_waiting_count(f.control), 0);
    assert_int_equal(dx_control_refused_count(f.control), 2);
    assert_int_equal(take(&f, bytes_of(&child)), DX_E_UNAUTHORIZED);
    assert_int_equal(dx_control_role(f.control, f.carol.identity), DX_ROLE_EDITOR);
    dx_buf_deinit(&child);
    dx_buf_deinit(&made);
    end(&f);
}

/* Four admissions from the owner, not five; the fifth is possible again when a nearer admin admits the
 * fourth. */
static void test_chain(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_identity people[5];
    dx_buf admissions[5];
    const dx_identity *by = &f.alice;
    for (uint8_t i = 0; i < 5; i++) {
        person_init(&people[i], &f.alloc.port, (uint8_t)('p' + i));
        dx_buf_init(&admissions[i], &f.alloc.port, 4096);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(dx_control_issue_member(f.control, by, people[i].identity, DX_ROLE_ADMIN,
                                                 dx_bytes_of(NULL, 0), &admissions[i]),
                         DX_OK);
        assert_int_equal(take(&f, bytes_of(&admissions[i])), DX_OK);
        assert_int_equal(take(&f, bytes_of(&people[i].device_credential)), DX_OK);
        by = &people[i];
    }
    assert_int_equal(dx_control_may_admit(f.control, by->identity, DX_ROLE_READER), DX_E_LIMIT);
    assert_int_equal(dx_control_issue_member(f.control, by, people[4].identity, DX_ROLE_READER,
                                             dx_bytes_of(NULL, 0), &admissions[4]),
                     DX_E_LIMIT);
    saying fifth = admission(&f, by, bytes_of(&admissions[3]), &people[4], DX_ROLE_READER);
    assert_int_equal(say_and_take(&f, &fifth), DX_E_UNAUTHORIZED);
    assert_int_equal(dx_control_issue_member(f.control, &f.alice, people[3].identity, DX_ROLE_ADMIN,
                                             dx_bytes_of(NULL, 0), &admissions[4]),
                     DX_OK);
    assert_int_equal(take(&f, bytes_of(&admissions[4])), DX_OK);
    dx_buf_clear(&f.out);
    assert_int_equal(dx_control_issue_member(f.control, by, people[4].identity, DX_ROLE_READER,
                                             dx_bytes_of(NULL, 0), &f.out),
                     DX_OK);
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_OK);
    for (size_t i = 0; i < 5; i++) {
        person_deinit(&people[i]);
        dx_buf_deinit(&admissions[i]);
    }
    end(&f);
}

/* A role is the highest given; a lower one given later takes nothing away. */
static void test_highest_role_counts(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    saying said = admission(&f, &f.alice, bytes_of(&f.genesis), &f.carol, DX_ROLE_PULL);
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    assert_int_equal(dx_control_role(f.control, f.carol.identity), DX_ROLE_EDITOR);
    said.number = DX_ROLE_ADMIN;
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    assert_int_equal(dx_control_role(f.control, f.carol.identity), DX_ROLE_ADMIN);
    said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.alice, DX_ROLE_READER);
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    assert_int_equal(dx_control_role(f.control, f.alice.identity), DX_ROLE_OWNER);
    end(&f);
}

/* Of two admissions that give the same, the one with the smaller id is remembered, whichever came first; and
 * of two rights that are named, the nearer one counts for the distance. */
static void test_equal_admissions(void **state) {
    (void)state;
    uint8_t remembered[2][DX_HASH_SIZE];
    for (size_t order = 0; order < 2; order++) {
        fixture f;
        begin(&f);
        dx_buf made[2];
        for (size_t i = 0; i < 2; i++) {
            saying said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.mallory, DX_ROLE_READER);
            said.value = dx_bytes_text(i == 0 ? "first-invitation" : "other-invitation");
            dx_buf_init(&made[i], &f.alloc.port, 4096);
            say(&said, &made[i]);
        }
        assert_int_equal(take(&f, bytes_of(&made[order])), DX_OK);
        assert_int_equal(take(&f, bytes_of(&made[1 - order])), DX_OK);
        memcpy(remembered[order], dx_control_member_of(f.control, f.mallory.identity)->admission,
               DX_HASH_SIZE);
        dx_buf_deinit(&made[0]);
        dx_buf_deinit(&made[1]);
        end(&f);
    }
    assert_memory_equal(remembered[0], remembered[1], DX_HASH_SIZE);
}

static void test_nearest_right(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_buf far;
    dx_buf_init(&far, &f.alloc.port, 4096);
    saying said =
        admission(&f, &f.bob, bytes_of(&f.bob_member), &f.carol, DX_ROLE_ADMIN); /* Carol at distance 2 */
    say(&said, &far);
    assert_int_equal(take(&f, bytes_of(&far)), DX_OK);
    said = admission(&f, &f.carol, bytes_of(&far), &f.bob, DX_ROLE_ADMIN); /* Bob, farther: 3 */
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    dx_buf second;
    dx_buf_init(&second, &f.alloc.port, 4096);
    dx_buf_append(&second, f.out.data, f.out.size);
    said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.mallory, DX_ROLE_READER);
    said.parents[said.parent_count++] = bytes_of(&second); /* he names both his rights */
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    assert_int_equal(dx_control_member_of(f.control, f.mallory.identity)->depth, 2);
    assert_int_equal(dx_control_member_of(f.control, f.bob.identity)->depth, 1);
    dx_buf_deinit(&second);
    dx_buf_deinit(&far);
    end(&f);
}

/* --- Claims ----------------------------------------------------------------------------------- */

static void test_claims(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    static const uint8_t filling[DX_SEALED_KEY_SIZE + 1] = {0};
    const struct {
        uint64_t type, number;
        size_t value_size;
        int wanted; /* with premises that give every right */
    } rows[] = {
        {DX_CREDENTIAL_MEMBER, DX_ROLE_EDITOR, 0, DX_OK},
        {DX_CREDENTIAL_MEMBER, DX_ROLE_EDITOR, 16, DX_OK},
        {DX_CREDENTIAL_MEMBER, DX_ROLE_EDITOR, 15, DX_E_MALFORMED},
        {DX_CREDENTIAL_MEMBER, DX_ROLE_EDITOR, 17, DX_E_MALFORMED},
        {DX_CREDENTIAL_MEMBER, 0, 0, DX_E_MALFORMED},
        {DX_CREDENTIAL_MEMBER, 31, 0, DX_E_MALFORMED},
        {DX_CREDENTIAL_MEMBER, INT64_MAX, 0, DX_E_MALFORMED},
        {DX_CREDENTIAL_FEED, DX_FEED_CONTROL, 0, DX_OK},
        {DX_CREDENTIAL_FEED, DX_FEED_DATA, 0, DX_OK},
        {DX_CREDENTIAL_FEED, 2, 0, DX_E_MALFORMED},
        {DX_CREDENTIAL_FEED, DX_FEED_DATA, 4, DX_E_MALFORMED},
        {DX_CREDENTIAL_KEY_EPOCH, 0, DX_HASH_SIZE, DX_OK},
        {DX_CREDENTIAL_KEY_EPOCH, 0, 0, DX_E_MALFORMED},
        {DX_CREDENTIAL_KEY_EPOCH, 0, DX_HASH_SIZE - 1, DX_E_MALFORMED},
        {DX_CREDENTIAL_KEY_GRANT, 0, DX_SEALED_KEY_SIZE, DX_OK},
        {DX_CREDENTIAL_KEY_GRANT, 0, DX_SEALED_KEY_SIZE + 1, DX_E_MALFORMED},
        {DX_CREDENTIAL_KEY_GRANT, 0, 0, DX_E_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        saying said = admission(&f, &f.alice, bytes_of(&f.genesis), &f.mallory, DX_ROLE_READER);
        said.parents[said.parent_count++] = bytes_of(&f.epoch);
        said.type = rows[i].type;
        said.number = rows[i].number;
        said.value = dx_bytes_of(filling, rows[i].value_size);
        if (said.type == DX_CREDENTIAL_KEY_EPOCH) {
            said.subject = f.space_id;
        }
        if (say_and_take(&f, &said) != rows[i].wanted) {
            fail_msg("row %zu", i);
        }
    }
    end(&f);
}

/* Kept, counted, shown, of no effect; and it may be a parent. */
static void test_unknown_type(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    uint8_t before[DX_HASH_SIZE], after[DX_HASH_SIZE], id[DX_HASH_SIZE];
    dx_control_digest(f.control, before);
    saying said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.mallory, DX_ROLE_ADMIN);
    said.type = 1000;
    dx_buf unknown;
    dx_buf_init(&unknown, &f.alloc.port, 4096);
    say(&said, &unknown);
    assert_int_equal(take(&f, bytes_of(&unknown)), DX_OK);
    assert_int_equal(f.control->unknown, 1);
    credential_id(bytes_of(&unknown), id);
    assert_true(dx_bytes_equal(dx_control_credential(f.control, id), bytes_of(&unknown)));
    dx_control_digest(f.control, after);
    assert_memory_equal(before, after, DX_HASH_SIZE);
    said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.mallory, DX_ROLE_READER);
    said.parents[said.parent_count++] = bytes_of(&unknown);
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    /* A bad signature is refused whatever the type. */
    unknown.data[unknown.size - 1] ^= 1;
    assert_int_equal(take(&f, bytes_of(&unknown)), DX_E_EXISTS);
    said.type = 1001;
    said.parent_count--; /* it is cleared */
    dx_buf_clear(&unknown);
    say(&said, &unknown);
    unknown.data[unknown.size - 1] ^= 1;
    assert_int_equal(take(&f, bytes_of(&unknown)), DX_E_SIGNATURE);
    dx_buf_deinit(&unknown);
    end(&f);
}

/* Its parents decide about it as about any other. */
static void test_unknown_type_rests_on_its_parents(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_buf made, unknown;
    dx_buf_init(&made, &f.alloc.port, 4096);
    dx_buf_init(&unknown, &f.alloc.port, 4096);
    saying said = admission(&f, &f.alice, bytes_of(&f.genesis), &f.mallory, DX_ROLE_READER);
    say(&said, &made);
    said.type = 1000;
    said.parents[said.parent_count++] = bytes_of(&made);
    say(&said, &unknown);
    assert_int_equal(take(&f, bytes_of(&unknown)), DX_E_STATE);
    assert_int_equal(f.control->unknown, 0);
    assert_int_equal(take(&f, bytes_of(&made)), DX_OK);
    assert_int_equal(f.control->unknown, 1);
    said = admission(&f, &f.carol, bytes_of(&f.carol_member), &f.mallory, DX_ROLE_ADMIN);
    dx_buf_clear(&made);
    say(&said, &made);
    assert_int_equal(take(&f, bytes_of(&made)), DX_E_UNAUTHORIZED);
    said.type = 1000;
    said.parents[said.parent_count++] = bytes_of(&made);
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    dx_buf_deinit(&unknown);
    dx_buf_deinit(&made);
    end(&f);
}

/* A forged signature does not take the place of the true one. */
static void test_forgery_first(void **state) {
    (void)state;
    fixture f;
    begin_empty(&f);
    assert_int_equal(take(&f, bytes_of(&f.genesis)), DX_OK);
    dx_buf_append(&f.out, f.alice.device_credential.data, f.alice.device_credential.size);
    f.out.data[f.out.size - 1] ^= 1;
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_E_SIGNATURE);
    assert_int_equal(take(&f, bytes_of(&f.alice.device_credential)), DX_OK);
    end(&f);
}

/* --- Feeds ------------------------------------------------------------------------------------ */

static void test_feeds(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    uint8_t key[DX_KEY_SIZE];
    uint8_t ids[3][DX_HASH_SIZE];
    const dx_identity *writers[] = {&f.alice, &f.carol, &f.carol};
    const dx_feed_class classes[] = {DX_FEED_DATA, DX_FEED_DATA, DX_FEED_CONTROL};
    for (uint8_t i = 0; i < 3; i++) {
        memset(key, 'f' + i, sizeof key);
        dx_feed_identity identity = {.feed_class = classes[i]};
        memcpy(identity.space_id, f.space_id, DX_HASH_SIZE);
        memcpy(identity.device, writers[i]->device, DX_KEY_SIZE);
        memcpy(identity.key, key, DX_KEY_SIZE);
        dx_feed_id(&identity, ids[i]);
        dx_buf_clear(&f.out);
        assert_int_equal(dx_control_authorize(f.control, ids[i]), DX_E_UNAUTHORIZED);
        assert_int_equal(dx_control_issue_feed(f.control, writers[i], classes[i], key, &f.out), DX_OK);
        assert_int_equal(take(&f, bytes_of(&f.out)), DX_OK);
        const dx_admitted_feed *feed = dx_control_find_feed(f.control, ids[i]);
        assert_non_null(feed);
        assert_memory_equal(feed->owner, writers[i]->identity, DX_KEY_SIZE);
        assert_memory_equal(feed->identity.key, key, DX_KEY_SIZE);
        assert_memory_equal(feed->identity.device, writers[i]->device, DX_KEY_SIZE);
        assert_int_equal(feed->identity.feed_class, classes[i]);
    }
    assert_int_equal(dx_control_authorize(f.control, ids[0]), DX_OK);
    assert_int_equal(dx_control_authorize(f.control, ids[1]), DX_OK);
    assert_int_equal(dx_control_authorize(f.control, ids[2]),
                     DX_E_UNAUTHORIZED); /* a control feed holds no data */
    assert_int_equal(dx_control_feed_count(f.control), 3);
    for (size_t i = 0; i + 1 < 3; i++) {
        assert_true(memcmp(dx_control_feed(f.control, i)->id, dx_control_feed(f.control, i + 1)->id,
                           DX_HASH_SIZE) < 0);
    }
    assert_null(dx_control_feed(f.control, 3));
    end(&f);
}

/* A reader's feeds are admitted and may not write; when he becomes an editor they may. */
static void test_reader_feed(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    saying said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.mallory, DX_ROLE_READER);
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    assert_int_equal(take(&f, bytes_of(&f.mallory.device_credential)), DX_OK);
    uint8_t key[DX_KEY_SIZE] = {1};
    dx_buf_clear(&f.out);
    assert_int_equal(dx_control_issue_feed(f.control, &f.mallory, DX_FEED_DATA, key, &f.out), DX_OK);
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_OK);
    const dx_admitted_feed *feed = dx_control_feed(f.control, 0);
    assert_int_equal(dx_control_authorize(f.control, feed->id), DX_E_UNAUTHORIZED);
    said.number = DX_ROLE_EDITOR;
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    assert_int_equal(dx_control_authorize(f.control, feed->id), DX_OK);
    end(&f);
}

/* The feed's id holds its device, so its credential is signed by that device and by nothing else. */
static void test_feed_is_signed_by_its_device(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    saying said = admission(&f, &f.carol, bytes_of(&f.carol_member), &f.mallory, DX_ROLE_NONE);
    said.type = DX_CREDENTIAL_FEED;
    said.number = DX_FEED_DATA;
    said.signer = &f.carol.identity_key;
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    said.signer = &f.carol.device_key;
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    said.parents[1] = bytes_of(&f.bob_member); /* not her right */
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    end(&f);
}

/* A device that agreed to speak for two members, and a feed both call theirs: the smaller identity's, in both
 * orders. */
static void test_feed_of_two(void **state) {
    (void)state;
    for (size_t order = 0; order < 2; order++) {
        fixture f;
        begin(&f);
        dx_buf device, feeds[2];
        uint8_t key[DX_KEY_SIZE] = {1};
        const dx_identity *owners[] = {&f.bob, &f.carol};
        const dx_bytes rights[] = {bytes_of(&f.bob_member), bytes_of(&f.carol_member)};
        dx_buf_init(&device, &f.alloc.port, 4096);
        assert_int_equal(
            dx_device_credential_issue(&f.carol.identity_key, &f.bob.device_key, f.bob.noise, &device),
            DX_OK);
        assert_int_equal(take(&f, bytes_of(&device)), DX_OK);
        for (size_t i = 0; i < 2; i++) {
            saying said = {
                .type = DX_CREDENTIAL_FEED,
                .issuer = owners[i]->identity,
                .subject = key,
                .space = f.space_id,
                .signer = &f.bob.device_key,
                .number = DX_FEED_DATA,
                .parents = {i == 0 ? bytes_of(&f.bob.device_credential) : bytes_of(&device), rights[i]},
                .parent_count = 2};
            dx_buf_init(&feeds[i], &f.alloc.port, 4096);
            say(&said, &feeds[i]);
        }
        assert_int_equal(take(&f, bytes_of(&feeds[order])), DX_OK);
        assert_int_equal(take(&f, bytes_of(&feeds[1 - order])), DX_OK);
        assert_int_equal(dx_control_feed_count(f.control), 1);
        const uint8_t *smaller =
            memcmp(f.bob.identity, f.carol.identity, DX_KEY_SIZE) < 0 ? f.bob.identity : f.carol.identity;
        assert_memory_equal(dx_control_feed(f.control, 0)->owner, smaller, DX_KEY_SIZE);
        uint8_t identity[DX_KEY_SIZE];
        assert_true(dx_control_device(f.control, f.bob.device, identity, NULL));
        assert_memory_equal(identity, smaller, DX_KEY_SIZE);
        dx_buf_deinit(&device);
        dx_buf_deinit(&feeds[0]);
        dx_buf_deinit(&feeds[1]);
        end(&f);
    }
}

/* --- Keys ------------------------------------------------------------------------------------- */

static void test_keys(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    uint8_t commitment[DX_HASH_SIZE], wanted[DX_HASH_SIZE], key[DX_KEY_SIZE];
    dx_key_commitment(f.key, wanted);
    assert_int_equal(dx_control_key_epoch(f.control, commitment), 0);
    assert_memory_equal(commitment, wanted, DX_HASH_SIZE);
    assert_null(dx_control_grant_of(f.control, 0, f.carol.device, 0));
    assert_int_equal(
        dx_control_open_key(f.control, 0, f.carol.device, f.carol.noise_secret, &(size_t){SIZE_MAX}, key),
        DX_E_NOT_FOUND);
    assert_int_equal(dx_control_issue_key_grant(f.control, &f.bob, &f.random.port, 0, f.key, f.carol.device,
                                                f.carol.noise, &f.out),
                     DX_OK);
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_OK);
    assert_non_null(dx_control_grant_of(f.control, 0, f.carol.device, 0));
    assert_int_equal(
        dx_control_open_key(f.control, 0, f.carol.device, f.carol.noise_secret, &(size_t){SIZE_MAX}, key),
        DX_OK);
    assert_memory_equal(key, f.key, DX_KEY_SIZE);
    assert_int_equal(
        dx_control_open_key(f.control, 0, f.carol.device, f.bob.noise_secret, &(size_t){SIZE_MAX}, key),
        DX_E_NOT_FOUND);
    assert_int_equal(
        dx_control_open_key(f.control, 1, f.carol.device, f.carol.noise_secret, &(size_t){SIZE_MAX}, key),
        DX_E_NOT_FOUND);
    end(&f);
}

/* Epochs follow each other; a hostile admin's epoch 0 or 9,999 counts nowhere. */
static void test_epochs(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    uint8_t next_key[DX_KEY_SIZE] = {2}, commitment[DX_HASH_SIZE], wanted[DX_HASH_SIZE];
    saying said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.bob, DX_ROLE_NONE);
    said.type = DX_CREDENTIAL_KEY_EPOCH;
    said.subject = f.space_id;
    said.value = dx_bytes_of(wanted, sizeof wanted);
    memset(wanted, 7, sizeof wanted);
    said.number = 0;
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    said.number = 9999;
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    said.parents[said.parent_count++] = bytes_of(&f.epoch);
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED);
    said.subject = f.carol.identity;
    said.number = 1;
    assert_int_equal(say_and_take(&f, &said), DX_E_UNAUTHORIZED); /* the subject is the space */
    dx_buf_clear(&f.out);
    assert_int_equal(dx_control_issue_key_epoch(f.control, &f.bob, 2, next_key, &f.out), DX_E_INVALID);
    assert_int_equal(dx_control_issue_key_epoch(f.control, &f.bob, 0, next_key, &f.out), DX_E_DENIED);
    assert_int_equal(dx_control_issue_key_epoch(f.control, &f.bob, 1, next_key, &f.out), DX_OK);
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_OK);
    dx_key_commitment(next_key, wanted);
    assert_int_equal(dx_control_key_epoch(f.control, commitment), 1);
    assert_memory_equal(commitment, wanted, DX_HASH_SIZE);
    /* The owner's epoch of the same number counts more. */
    uint8_t owners_key[DX_KEY_SIZE] = {3};
    dx_buf_clear(&f.out);
    assert_int_equal(dx_control_issue_key_epoch(f.control, &f.alice, 1, owners_key, &f.out), DX_OK);
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_OK);
    dx_key_commitment(owners_key, wanted);
    assert_int_equal(dx_control_key_epoch(f.control, commitment), 1);
    assert_memory_equal(commitment, wanted, DX_HASH_SIZE);
    end(&f);
}

/* Two epochs of one number, equally near: the smaller id, in both orders. */
static void test_equal_epochs(void **state) {
    (void)state;
    uint8_t counted[2][DX_HASH_SIZE];
    for (size_t order = 0; order < 2; order++) {
        fixture f;
        begin(&f);
        dx_buf made[2];
        for (uint8_t i = 0; i < 2; i++) {
            uint8_t key[DX_KEY_SIZE] = {i};
            dx_buf_init(&made[i], &f.alloc.port, 4096);
            assert_int_equal(dx_control_issue_key_epoch(f.control, &f.alice, 1, key, &made[i]), DX_OK);
        }
        assert_int_equal(take(&f, bytes_of(&made[order])), DX_OK);
        assert_int_equal(take(&f, bytes_of(&made[1 - order])), DX_OK);
        dx_control_key_epoch(f.control, counted[order]);
        dx_buf_deinit(&made[0]);
        dx_buf_deinit(&made[1]);
        end(&f);
    }
    assert_memory_equal(counted[0], counted[1], DX_HASH_SIZE);
}

static int open_carols(fixture *f, size_t *tries, uint8_t key[static DX_KEY_SIZE]) {
    return dx_control_open_key(f->control, 0, f->carol.device, f->carol.noise_secret, tries, key);
}

/* A grant that opens to another key than the epoch commits to is passed over for an honest one. */
static void test_false_grant(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    uint8_t false_key[DX_KEY_SIZE] = {9}, seed[DX_KEY_SIZE] = {4}, sealed[DX_SEALED_KEY_SIZE],
            key[DX_KEY_SIZE];
    assert_int_equal(dx_seal(f.carol.noise, seed, dx_bytes_of(false_key, sizeof false_key), sealed), DX_OK);
    saying said = admission(&f, &f.alice, bytes_of(&f.genesis), &f.carol, DX_ROLE_NONE);
    said.type = DX_CREDENTIAL_KEY_GRANT;
    said.subject = f.carol.device;
    said.number = 0;
    said.value = dx_bytes_of(sealed, sizeof sealed);
    said.parents[said.parent_count++] = bytes_of(&f.epoch);
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    assert_int_equal(
        dx_control_open_key(f.control, 0, f.carol.device, f.carol.noise_secret, &(size_t){SIZE_MAX}, key),
        DX_E_NOT_FOUND);
    size_t tries = 1;
    assert_int_equal(open_carols(&f, &tries, key), DX_E_NOT_FOUND);
    assert_int_equal(tries, 1); /* it was tried, and is not again */
    /* Two more: one try is not enough to know, and each is made once. */
    for (uint8_t i = 1; i <= 2; i++) {
        seed[1] = i;
        assert_int_equal(dx_seal(f.carol.noise, seed, dx_bytes_of(false_key, sizeof false_key), sealed),
                         DX_OK);
        assert_int_equal(say_and_take(&f, &said), DX_OK);
    }
    assert_int_equal(open_carols(&f, &tries, key), DX_E_LIMIT);
    assert_int_equal(tries, 0);
    assert_int_equal(open_carols(&f, &tries, key), DX_E_LIMIT);
    tries = 1;
    assert_int_equal(open_carols(&f, &tries, key), DX_E_NOT_FOUND);
    assert_int_equal(tries, 0);
    dx_buf_clear(&f.out);
    assert_int_equal(dx_control_issue_key_grant(f.control, &f.bob, &f.random.port, 0, f.key, f.carol.device,
                                                f.carol.noise, &f.out),
                     DX_OK);
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_OK);
    tries = 1;
    assert_int_equal(open_carols(&f, &tries, key), DX_OK);
    assert_memory_equal(key, f.key, DX_KEY_SIZE);
    tries = 1; /* what opens, opens again */
    assert_int_equal(open_carols(&f, &tries, key), DX_OK);
    /* The issuer refuses early what would never open. */
    dx_buf_clear(&f.out);
    static const uint8_t low_order[DX_KEY_SIZE] = {0};
    assert_int_equal(dx_control_issue_key_grant(f.control, &f.bob, &f.random.port, 0, false_key,
                                                f.carol.device, f.carol.noise, &f.out),
                     DX_E_INVALID);
    assert_int_equal(dx_control_issue_key_grant(f.control, &f.bob, &f.random.port, 0, f.key, f.carol.device,
                                                low_order, &f.out),
                     DX_E_INVALID);
    assert_int_equal(dx_control_issue_key_grant(f.control, &f.carol, &f.random.port, 0, f.key, f.carol.device,
                                                f.carol.noise, &f.out),
                     DX_E_DENIED);
    end(&f);
}

static void test_issue_refuses(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    const dx_bytes none = dx_bytes_of(NULL, 0);
    uint8_t key[DX_KEY_SIZE] = {1};
    assert_int_equal(
        dx_control_issue_member(f.control, &f.carol, f.mallory.identity, DX_ROLE_READER, none, &f.out),
        DX_E_DENIED);
    assert_int_equal(
        dx_control_issue_member(f.control, &f.mallory, f.mallory.identity, DX_ROLE_READER, none, &f.out),
        DX_E_DENIED);
    assert_int_equal(
        dx_control_issue_member(f.control, &f.alice, f.mallory.identity, DX_ROLE_OWNER, none, &f.out),
        DX_E_DENIED);
    assert_int_equal(
        dx_control_issue_member(f.control, &f.alice, f.mallory.identity, DX_ROLE_NONE, none, &f.out),
        DX_E_DENIED);
    assert_int_equal(dx_control_issue_member(f.control, &f.bob, f.bob.identity, DX_ROLE_ADMIN, none, &f.out),
                     DX_E_DENIED);
    assert_int_equal(dx_control_issue_member(f.control, &f.bob, f.mallory.identity, DX_ROLE_ADMIN,
                                             dx_bytes_of(key, 15), &f.out),
                     DX_E_INVALID);
    assert_int_equal(dx_control_issue_feed(f.control, &f.mallory, DX_FEED_DATA, key, &f.out), DX_E_DENIED);
    /* A device that is not known here, though its identity is. */
    dx_identity second = f.bob;
    uint8_t seed[DX_KEY_SIZE] = {5};
    dx_sign_key_from_seed(&second.device_key, seed);
    memcpy(second.device, second.device_key.public_key, DX_KEY_SIZE);
    assert_int_equal(dx_control_issue_feed(f.control, &second, DX_FEED_DATA, key, &f.out), DX_E_DENIED);
    /* One that is known, as another's. */
    memcpy(second.device, f.carol.device, DX_KEY_SIZE);
    assert_int_equal(dx_control_issue_feed(f.control, &second, DX_FEED_DATA, key, &f.out), DX_E_DENIED);
    assert_int_equal(f.out.size, 0);
    end(&f);
}

/* --- Bounds ----------------------------------------------------------------------------------- */

/* The n-th of many admissions that rest on something nobody ever sends. */
static void say_waiting(const fixture *f, uint64_t n, dx_bytes never, dx_buf *out) {
    saying said = admission(f, &f->bob, never, &f->mallory, DX_ROLE_READER);
    uint8_t invitation[16] = {0};
    memcpy(invitation, &n, sizeof n);
    said.value = dx_bytes_of(invitation, sizeof invitation);
    dx_buf_clear(out);
    say(&said, out);
}

/* An admission names any 32 bytes as an identity, also the id of a credential that others wait for. It is not
 * that credential: they go on waiting, and nobody wakes them for ever. */
static void test_member_named_like_a_credential(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_buf never;
    dx_buf_init(&never, &f.alloc.port, 4096);
    saying said = admission(&f, &f.alice, bytes_of(&f.genesis), &f.bob, DX_ROLE_ADMIN);
    said.value = dx_bytes_of("an-invitation-id", 16);
    say(&said, &never);
    say_waiting(&f, 0, bytes_of(&never), &f.out);
    assert_int_equal(take(&f, bytes_of(&f.out)), DX_E_STATE);
    dx_identity named = {.present = true};
    credential_id(bytes_of(&never), named.identity);
    said = admission(&f, &f.alice, bytes_of(&f.genesis), &named, DX_ROLE_READER);
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    assert_int_equal(dx_control_role(f.control, named.identity), DX_ROLE_READER);
    assert_int_equal(dx_control_waiting_count(f.control), 1);
    assert_int_equal(take(&f, bytes_of(&never)), DX_OK);
    assert_int_equal(dx_control_waiting_count(f.control), 0);
    dx_buf_deinit(&never);
    end(&f);
}

static void test_waiting_room_of_a_source(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_buf never;
    dx_buf_init(&never, &f.alloc.port, 4096);
    saying said = admission(&f, &f.alice, bytes_of(&f.genesis), &f.bob, DX_ROLE_ADMIN);
    said.value = dx_bytes_of("an-invitation-id", 16);
    say(&said, &never);
    for (uint64_t n = 0; n < DX_CONTROL_WAITING_PER_SOURCE_MAX; n++) {
        say_waiting(&f, n, bytes_of(&never), &f.out);
        assert_int_equal(dx_control_take(f.control, bytes_of(&f.out), 7), DX_E_STATE);
    }
    say_waiting(&f, 1000, bytes_of(&never), &f.out);
    assert_false(dx_control_is_full(f.control, 7));
    assert_int_equal(dx_control_take(f.control, bytes_of(&f.out), 7), DX_E_LIMIT);
    assert_true(dx_control_is_full(f.control, 7));
    assert_false(dx_control_is_full(f.control, 8));
    assert_int_equal(dx_control_take(f.control, bytes_of(&f.out), 8),
                     DX_E_STATE); /* another feed has its own room */
    /* What needs no waiting passes, also from the full source, and empties the room. */
    assert_int_equal(dx_control_take(f.control, bytes_of(&never), 7), DX_OK);
    assert_int_equal(dx_control_waiting_count(f.control), 0);
    assert_false(dx_control_is_full(f.control, 7));
    say_waiting(&f, 1001, bytes_of(&never), &f.out);
    assert_int_equal(dx_control_take(f.control, bytes_of(&f.out), 7), DX_OK);
    assert_int_equal(dx_control_take(f.control, bytes_of(&f.mallory.device_credential), 7), DX_OK);
    /* There is room to wait again. */
    said.value = dx_bytes_of("an-invitation-iD", 16);
    dx_buf_clear(&never);
    say(&said, &never);
    say_waiting(&f, 1002, bytes_of(&never), &f.out);
    assert_int_equal(dx_control_take(f.control, bytes_of(&f.out), 7), DX_E_STATE);
    dx_buf_deinit(&never);
    end(&f);
}

static void test_waiting_room_in_all(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_buf never;
    dx_buf_init(&never, &f.alloc.port, 4096);
    saying said = admission(&f, &f.alice, bytes_of(&f.genesis), &f.bob, DX_ROLE_ADMIN);
    said.value = dx_bytes_of("an-invitation-id", 16);
    say(&said, &never);
    for (uint64_t n = 0; n < DX_CONTROL_WAITING_MAX; n++) {
        say_waiting(&f, n, bytes_of(&never), &f.out);
        int64_t source = (int64_t)(n / DX_CONTROL_WAITING_PER_SOURCE_MAX);
        assert_int_equal(dx_control_take(f.control, bytes_of(&f.out), source), DX_E_STATE);
    }
    say_waiting(&f, DX_CONTROL_WAITING_MAX, bytes_of(&never), &f.out);
    assert_int_equal(dx_control_take(f.control, bytes_of(&f.out), 1000), DX_E_LIMIT);
    assert_int_equal(dx_control_take(f.control, bytes_of(&never), 1000), DX_OK);
    assert_int_equal(dx_control_waiting_count(f.control), 0);
    dx_buf_deinit(&never);
    end(&f);
}

/* What one feed may bring in all, reached by rows (which are not limited themselves). */
static void test_total_of_a_source(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_control_source *row = NULL;
    for (size_t i = 0; i < f.control->sources.count; i++) {
        row = dx_sorted_at(&f.control->sources, i);
    }
    assert_non_null(row);
    row->total = DX_CONTROL_PER_SOURCE_MAX - 1;
    saying said = admission(&f, &f.bob, bytes_of(&f.bob_member), &f.mallory, DX_ROLE_READER);
    assert_int_equal(say_and_take(&f, &said), DX_OK);
    said.number = DX_ROLE_EDITOR;
    assert_int_equal(say_and_take(&f, &said), DX_E_LIMIT);
    assert_int_equal(dx_control_take(f.control, bytes_of(&f.out), 2), DX_OK);
    end(&f);
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* The space is built again and again while the n-th allocation fails: an error, no leak, no crash. */
static void test_no_memory(void **state) {
    (void)state;
    fixture full;
    begin(&full);
    uint8_t feed_key[DX_KEY_SIZE] = {6}, digest[DX_HASH_SIZE], wanted[DX_HASH_SIZE];
    dx_buf feed, grant;
    dx_buf_init(&feed, &full.alloc.port, 4096);
    dx_buf_init(&grant, &full.alloc.port, 4096);
    assert_int_equal(dx_control_issue_feed(full.control, &full.carol, DX_FEED_DATA, feed_key, &feed), DX_OK);
    assert_int_equal(dx_control_issue_key_grant(full.control, &full.bob, &full.random.port, 0, full.key,
                                                full.carol.device, full.carol.noise, &grant),
                     DX_OK);
    const dx_buf *all[] = {&grant,
                           &feed,
                           &full.epoch,
                           &full.carol_member,
                           &full.carol.device_credential,
                           &full.bob_member,
                           &full.bob.device_credential,
                           &full.alice.device_credential,
                           &full.genesis};
    const size_t count = sizeof all / sizeof all[0];
    assert_int_equal(take(&full, bytes_of(&feed)), DX_OK);
    assert_int_equal(take(&full, bytes_of(&grant)), DX_OK);
    dx_control_digest(full.control, wanted);
    bool failed = true;
    for (uint64_t fail_at = 1; failed; fail_at++) {
        test_alloc alloc;
        test_alloc_init(&alloc);
        alloc.fail_at = fail_at;
        dx_control *control;
        int error = dx_control_create(&alloc.port, full.space_id, &control);
        for (size_t i = 0; i < count && (error == DX_OK || error == DX_E_STATE); i++) {
            error = dx_control_take(control, bytes_of(all[i]), (int64_t)i);
        }
        failed = alloc.calls >= fail_at;
        assert_int_equal(error, failed ? DX_E_NO_MEMORY : DX_OK);
        if (!failed) {
            dx_control_digest(control, digest);
            assert_memory_equal(digest, wanted, DX_HASH_SIZE);
        }
        dx_control_destroy(control);
        assert_int_equal(alloc.live_bytes, 0);
    }
    dx_buf_deinit(&grant);
    dx_buf_deinit(&feed);
    end(&full);
}

static void test_issue_no_memory(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    bool failed = true;
    for (uint64_t fail_at = 1; failed; fail_at++) {
        test_alloc alloc;
        test_alloc_init(&alloc);
        alloc.fail_at = fail_at;
        dx_buf out;
        dx_buf_init(&out, &alloc.port, 4096);
        int error = dx_control_issue_member(f.control, &f.bob, f.mallory.identity, DX_ROLE_READER,
                                            dx_bytes_of(NULL, 0), &out);
        failed = alloc.calls >= fail_at;
        assert_int_equal(error, failed ? DX_E_NO_MEMORY : DX_OK);
        dx_buf_deinit(&out);
        assert_int_equal(alloc.live_bytes, 0);
    }
    end(&f);
}

DX_TEST_MAIN(DX_TEST(test_a_space), DX_TEST(test_discovery), DX_TEST(test_known_again),
             DX_TEST(test_another_genesis), DX_TEST(test_genesis_of_another_hand),
             DX_TEST(test_device_of_a_stranger), DX_TEST(test_stolen_device),
             DX_TEST(test_roles_are_given_downwards_only), DX_TEST(test_premises_must_be_named),
             DX_TEST(test_signer_must_speak_for_issuer), DX_TEST(test_of_another_space),
             DX_TEST(test_waits_for_a_parent), DX_TEST(test_children_of_the_refused), DX_TEST(test_chain),
             DX_TEST(test_highest_role_counts), DX_TEST(test_nearest_right), DX_TEST(test_equal_admissions),
             DX_TEST(test_claims), DX_TEST(test_unknown_type),
             DX_TEST(test_unknown_type_rests_on_its_parents), DX_TEST(test_forgery_first),
             DX_TEST(test_feeds), DX_TEST(test_reader_feed), DX_TEST(test_feed_is_signed_by_its_device),
             DX_TEST(test_feed_of_two), DX_TEST(test_keys), DX_TEST(test_epochs), DX_TEST(test_equal_epochs),
             DX_TEST(test_false_grant), DX_TEST(test_issue_refuses),
             DX_TEST(test_member_named_like_a_credential), DX_TEST(test_waiting_room_of_a_source),
             DX_TEST(test_waiting_room_in_all), DX_TEST(test_total_of_a_source), DX_TEST(test_no_memory),
             DX_TEST(test_issue_no_memory))
