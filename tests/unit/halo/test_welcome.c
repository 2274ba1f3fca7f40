/* tests/unit/halo/test_welcome.c: a welcome proves itself from the genesis, or is refused. */
#include "world.h"

#include "halo/welcome.h"

enum { PARTS_MAX = 32 };

/* Alice's space; Bob is an admin and admitted Carol, the guest. */
typedef struct fixture {
    test_alloc alloc;
    test_random random;
    dx_identity alice, bob, carol, dan;
    uint8_t space_id[DX_HASH_SIZE], key[DX_KEY_SIZE];
    uint64_t epochs;
    dx_control *control;
    dx_buf made, welcome;
    dx_bytes parts[PARTS_MAX]; /* the credentials of the welcome */
    size_t count;
} fixture;

static void take_made(fixture *f) {
    assert_int_equal(dx_control_take(f->control, dx_buf_view(&f->made), 1), DX_OK);
    dx_buf_clear(&f->made);
}

static void admit(fixture *f, const dx_identity *by, const dx_identity *of, dx_role role) {
    assert_int_equal(
        dx_control_issue_member(f->control, by, of->identity, role, dx_bytes_of(NULL, 0), &f->made), DX_OK);
    take_made(f);
    assert_int_equal(dx_control_take(f->control, dx_buf_view(&of->device_credential), 1), DX_OK);
}

static void grant(fixture *f, uint64_t epoch, const dx_identity *to) {
    assert_int_equal(dx_control_issue_key_grant(f->control, &f->bob, &f->random.port, epoch, f->key,
                                                to->device, to->noise, &f->made),
                     DX_OK);
    take_made(f);
}

/* The next epoch, under the same key for simplicity, granted to Carol. */
static void add_epoch(fixture *f) {
    assert_int_equal(dx_control_issue_key_epoch(f->control, &f->alice, f->epochs, f->key, &f->made), DX_OK);
    take_made(f);
    grant(f, f->epochs++, &f->carol);
}

static void begin(fixture *f) {
    memset(f, 0, sizeof *f);
    test_alloc_init(&f->alloc);
    test_random_init(&f->random, 2);
    dx_buf_init(&f->made, &f->alloc.port, 4096);
    dx_buf_init(&f->welcome, &f->alloc.port, DX_WELCOME_SIZE_MAX);
    person_init(&f->alice, &f->alloc.port, 'A');
    person_init(&f->bob, &f->alloc.port, 'B');
    person_init(&f->carol, &f->alloc.port, 'C');
    person_init(&f->dan, &f->alloc.port, 'D');
    memset(f->key, 'k', sizeof f->key);
    uint8_t nonce[DX_KEY_SIZE] = {1};
    assert_int_equal(dx_space_credential_issue(&f->alice.identity_key, nonce, &f->made, f->space_id), DX_OK);
    assert_int_equal(dx_control_create(&f->alloc.port, f->space_id, &f->control), DX_OK);
    take_made(f);
    assert_int_equal(dx_control_take(f->control, dx_buf_view(&f->alice.device_credential), 1), DX_OK);
    admit(f, &f->alice, &f->bob, DX_ROLE_ADMIN);
    admit(f, &f->bob, &f->carol, DX_ROLE_EDITOR);
    add_epoch(f);
}

static void end(fixture *f) {
    dx_control_destroy(f->control);
    dx_buf_deinit(&f->made);
    dx_buf_deinit(&f->welcome);
    person_deinit(&f->alice);
    person_deinit(&f->bob);
    person_deinit(&f->carol);
    person_deinit(&f->dan);
    assert_int_equal(f->alloc.live_bytes, 0);
}

static void encode(fixture *f) {
    dx_buf_clear(&f->welcome);
    assert_int_equal(dx_welcome_encode(f->control, f->carol.device, NULL, 0, &f->welcome), DX_OK);
}

/* The welcome taken apart. */
static void split(fixture *f, dx_welcome *decoded) {
    dx_reader cursor;
    assert_int_equal(dx_welcome_decode(dx_buf_view(&f->welcome), decoded), DX_OK);
    assert_true(decoded->credential_count <= PARTS_MAX);
    f->count = decoded->credential_count;
    dx_reader_init(&cursor, decoded->credentials);
    for (size_t i = 0; i < f->count; i++) {
        f->parts[i] = dx_welcome_credential(&cursor);
    }
    assert_int_equal(dx_reader_finish(&cursor), DX_OK);
}

/* And put together again, of other parts. */
static void join(const uint8_t *space_id, const uint8_t *admission, const dx_bytes *parts, size_t count,
                 dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 5);
    dx_write_uint(&writer, 1);
    dx_write_bytes(&writer, dx_bytes_of(space_id, DX_HASH_SIZE));
    dx_write_bytes(&writer, dx_bytes_of(admission, DX_HASH_SIZE));
    dx_write_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_bytes(&writer, parts[i]);
    }
    dx_write_array(&writer, 0);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
}

static int verify(fixture *f, dx_bytes bytes, const dx_identity *guest) {
    dx_welcome decoded;
    assert_int_equal(dx_welcome_decode(bytes, &decoded), DX_OK);
    return dx_welcome_verify(&decoded, &f->alloc.port, guest, NULL);
}

static int verify_parts(fixture *f, const uint8_t *space_id, const uint8_t *admission, const dx_bytes *parts,
                        size_t count) {
    dx_buf bytes;
    dx_buf_init(&bytes, &f->alloc.port, DX_WELCOME_SIZE_MAX);
    join(space_id, admission, parts, count, &bytes);
    int error = verify(f, dx_buf_view(&bytes), &f->carol);
    dx_buf_deinit(&bytes);
    return error;
}

static void test_round_trip(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    const dx_bytes addresses[] = {dx_bytes_text("tcp:10.0.0.1:7000"), dx_bytes_text("tcp:[::1]:7000")};
    assert_int_equal(dx_welcome_encode(f.control, f.carol.device, addresses, 2, &f.welcome), DX_OK);
    dx_welcome decoded;
    dx_control *control;
    uint8_t key[DX_KEY_SIZE];
    assert_int_equal(dx_welcome_decode(dx_buf_view(&f.welcome), &decoded), DX_OK);
    assert_int_equal(dx_welcome_verify(&decoded, &f.alloc.port, &f.carol, &control), DX_OK);
    assert_memory_equal(decoded.space_id, f.space_id, DX_HASH_SIZE);
    assert_int_equal(dx_control_role(control, f.carol.identity), DX_ROLE_EDITOR);
    assert_int_equal(dx_control_role(control, f.alice.identity), DX_ROLE_OWNER);
    assert_int_equal(
        dx_control_open_key(control, 0, f.carol.device, f.carol.noise_secret, &(size_t){SIZE_MAX}, key),
        DX_OK);
    assert_memory_equal(key, f.key, DX_KEY_SIZE);
    dx_reader cursor;
    dx_reader_init(&cursor, decoded.addresses);
    assert_int_equal(decoded.address_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(dx_bytes_equal(dx_welcome_address(&cursor), addresses[i]));
    }
    dx_control_destroy(control);
    end(&f);
}

/* Taken in the order they stand in, only devices wait (for the membership behind them). */
static void test_behind_their_parents(void **state) {
    (void)state;
    fixture f;
    dx_welcome decoded;
    dx_control *control;
    begin(&f);
    add_epoch(&f);
    encode(&f);
    split(&f, &decoded);
    assert_int_equal(dx_control_create(&f.alloc.port, f.space_id, &control), DX_OK);
    for (size_t i = 0; i < f.count; i++) {
        dx_credential credential;
        assert_int_equal(dx_credential_decode(f.parts[i], &credential), DX_OK);
        for (size_t p = 0; p < credential.parent_count; p++) {
            assert_non_null(dx_control_entry_of(control, credential.parents[p]));
        }
        int error = dx_control_take(control, f.parts[i], 0);
        assert_true(error == DX_OK || error == DX_E_STATE);
    }
    assert_int_equal(dx_control_waiting_count(control), 0);
    dx_control_destroy(control);
    end(&f);
}

/* Nothing in it is idle: without any one of its credentials it is no proof. */
static void test_every_part_counts(void **state) {
    (void)state;
    fixture f;
    dx_welcome decoded;
    begin(&f);
    encode(&f);
    split(&f, &decoded);
    assert_int_equal(f.count, 8); /* genesis, three devices, two admissions, epoch, grant */
    assert_int_equal(verify_parts(&f, f.space_id, decoded.admission, f.parts, f.count), DX_OK);
    for (size_t without = 0; without < f.count; without++) {
        dx_bytes rest[PARTS_MAX];
        size_t count = 0;
        for (size_t i = 0; i < f.count; i++) {
            if (i != without) {
                rest[count++] = f.parts[i];
            }
        }
        assert_int_equal(verify_parts(&f, f.space_id, decoded.admission, rest, count), DX_E_VERIFY);
    }
    end(&f);
}

static void test_refused(void **state) {
    (void)state;
    fixture f;
    dx_welcome decoded;
    begin(&f);
    encode(&f);
    split(&f, &decoded);
    uint8_t other[DX_HASH_SIZE] = {1}, id[DX_HASH_SIZE];
    dx_bytes parts[PARTS_MAX];
    memcpy(parts, f.parts, sizeof parts);
    assert_int_equal(verify(&f, dx_buf_view(&f.welcome), &f.dan), DX_E_VERIFY); /* somebody else's */
    assert_int_equal(verify_parts(&f, other, decoded.admission, parts, f.count),
                     DX_E_VERIFY); /* another space */
    assert_int_equal(verify_parts(&f, f.space_id, other, parts, f.count), DX_E_VERIFY);
    credential_id(dx_buf_view(&f.carol.device_credential), id); /* not an admission */
    assert_int_equal(verify_parts(&f, f.space_id, id, parts, f.count), DX_E_VERIFY);
    memcpy(id, dx_control_member_of(f.control, f.bob.identity)->admission, DX_HASH_SIZE); /* another's */
    assert_int_equal(verify_parts(&f, f.space_id, id, parts, f.count), DX_E_VERIFY);
    parts[f.count] = parts[0]; /* one twice */
    assert_int_equal(verify_parts(&f, f.space_id, decoded.admission, parts, f.count + 1), DX_E_VERIFY);
    parts[f.count] = dx_bytes_text("no credential");
    assert_int_equal(verify_parts(&f, f.space_id, decoded.admission, parts, f.count + 1), DX_E_VERIFY);
    /* One more that is refused by the rules. */
    saying said = {.type = DX_CREDENTIAL_MEMBER,
                   .issuer = f.dan.identity,
                   .subject = f.carol.identity,
                   .space = f.space_id,
                   .signer = &f.dan.identity_key,
                   .number = DX_ROLE_ADMIN};
    say(&said, &f.made);
    parts[f.count] = dx_buf_view(&f.made);
    assert_int_equal(verify_parts(&f, f.space_id, decoded.admission, parts, f.count + 1), DX_E_VERIFY);
    /* One that first waits and is refused in the end: Carol's word as an admin, which she is not. */
    saying claim = {.type = DX_CREDENTIAL_MEMBER,
                    .issuer = f.carol.identity,
                    .subject = f.dan.identity,
                    .space = f.space_id,
                    .signer = &f.carol.device_key,
                    .number = DX_ROLE_READER,
                    .parents = {dx_buf_view(&f.carol.device_credential)},
                    .parent_count = 1};
    dx_bytes early[PARTS_MAX];
    dx_buf_clear(&f.made);
    say(&claim, &f.made);
    early[0] = dx_buf_view(&f.made);
    memcpy(early + 1, parts, f.count * sizeof *parts);
    assert_int_equal(verify_parts(&f, f.space_id, decoded.admission, early, f.count + 1), DX_E_VERIFY);
    /* One more that waits for ever. */
    parts[f.count] = dx_buf_view(&f.dan.device_credential);
    assert_int_equal(verify_parts(&f, f.space_id, decoded.admission, parts, f.count + 1), DX_E_VERIFY);
    /* A flipped signature. */
    uint8_t flipped[DX_CREDENTIAL_SIZE_MAX];
    memcpy(flipped, parts[3].data, parts[3].size);
    flipped[parts[3].size - 1] ^= 1;
    parts[3].data = flipped;
    assert_int_equal(verify_parts(&f, f.space_id, decoded.admission, parts, f.count), DX_E_VERIFY);
    end(&f);
}

static void test_key_does_not_open(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    encode(&f);
    dx_identity broken = f.carol;
    broken.noise_secret[5] ^= 1;
    assert_int_equal(verify(&f, dx_buf_view(&f.welcome), &broken), DX_E_VERIFY);
    end(&f);
}

static void test_not_ready(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    assert_int_equal(dx_welcome_encode(f.control, f.dan.device, NULL, 0, &f.welcome), DX_E_NOT_FOUND);
    assert_int_equal(dx_welcome_encode(f.control, f.bob.device, NULL, 0, &f.welcome),
                     DX_E_NOT_FOUND); /* no grant */
    const dx_bytes bad = dx_bytes_text("a b");
    const dx_bytes good = dx_bytes_text("a");
    const dx_bytes many[] = {good, good, good, good, good, good, good, good, good};
    assert_int_equal(dx_welcome_encode(f.control, f.carol.device, &bad, 1, &f.welcome), DX_E_INVALID);
    assert_int_equal(dx_welcome_encode(f.control, f.carol.device, many, 9, &f.welcome), DX_E_INVALID);
    assert_int_equal(f.welcome.size, 0);
    end(&f);
}

/* Epochs come newest first as far as they fit; when not even the newest does, keys come with the feeds. */
static void test_many_epochs(void **state) {
    (void)state;
    fixture f;
    dx_welcome decoded;
    dx_control *control;
    uint8_t key[DX_KEY_SIZE], commitment[DX_HASH_SIZE];
    begin(&f);
    while (f.epochs < 100) {
        add_epoch(&f);
    }
    encode(&f);
    assert_int_equal(dx_welcome_decode(dx_buf_view(&f.welcome), &decoded), DX_OK);
    assert_int_equal(dx_welcome_verify(&decoded, &f.alloc.port, &f.carol, &control), DX_OK);
    assert_int_equal(dx_control_key_epoch(control, commitment), 99);
    assert_int_equal(
        dx_control_open_key(control, 99, f.carol.device, f.carol.noise_secret, &(size_t){SIZE_MAX}, key),
        DX_OK);
    assert_int_equal(
        dx_control_open_key(control, 0, f.carol.device, f.carol.noise_secret, &(size_t){SIZE_MAX}, key),
        DX_E_NOT_FOUND);
    dx_control_destroy(control);
    while (f.epochs < 200) {
        add_epoch(&f);
    }
    encode(&f);
    assert_int_equal(dx_welcome_decode(dx_buf_view(&f.welcome), &decoded), DX_OK);
    assert_int_equal(dx_welcome_verify(&decoded, &f.alloc.port, &f.carol, &control), DX_OK);
    assert_int_equal(dx_control_key_epoch(control, commitment), 0);
    assert_int_equal(dx_control_role(control, f.carol.identity), DX_ROLE_EDITOR);
    dx_control_destroy(control);
    end(&f);
}

/* An unknown type of nearly the largest size, resting on others. */
static void add_ballast(fixture *f, uint64_t number, const dx_bytes *parents, size_t parent_count,
                        size_t size, dx_buf *out) {
    static const uint8_t filling[DX_CREDENTIAL_SIZE_MAX];
    uint8_t ids[DX_CREDENTIAL_PARENTS_MAX][DX_HASH_SIZE];
    dx_buf claims;
    dx_writer writer;
    for (size_t i = 0; i < parent_count; i++) {
        credential_id(parents[i], ids[i]);
    }
    dx_buf_init(&claims, &f->alloc.port, 4096);
    dx_writer_init(&writer, &claims);
    dx_write_map(&writer, 1);
    dx_write_uint(&writer, number);
    dx_write_bytes(&writer, dx_bytes_of(filling, size));
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_statement statement = {.type = 1000,
                              .issuer = f->bob.identity,
                              .subject = f->bob.identity,
                              .space = f->space_id,
                              .claims = dx_buf_view(&claims),
                              .parents = (const uint8_t(*)[DX_HASH_SIZE])ids,
                              .parent_count = parent_count};
    dx_buf_init(out, &f->alloc.port, 4096);
    assert_int_equal(dx_credential_issue(&statement, &f->bob.identity_key, out), DX_OK);
    assert_int_equal(dx_control_take(f->control, dx_buf_view(out), 1), DX_OK);
    dx_buf_deinit(&claims);
}

/* An admin lets an admission rest on something of a type nobody knows, which rests on what he keeps to himself:
 * such an admission waits, and nobody passes on half of it. */
static void test_premise_of_unknown_type_is_withheld(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_buf never, unknown;
    dx_buf_init(&never, &f.alloc.port, 4096);
    dx_buf_init(&unknown, &f.alloc.port, 4096);
    saying said = {.type = DX_CREDENTIAL_MEMBER,
                   .issuer = f.alice.identity,
                   .subject = f.dan.identity,
                   .space = f.space_id,
                   .signer = &f.alice.identity_key,
                   .number = DX_ROLE_READER};
    say(&said, &never);
    said.type = 1000;
    said.parents[said.parent_count++] = dx_buf_view(&never);
    say(&said, &unknown);
    (void)!dx_control_take(f.control, dx_buf_view(&unknown), 1);
    uint8_t admission[DX_HASH_SIZE];
    memcpy(admission, dx_control_member_of(f.control, f.bob.identity)->admission, sizeof admission);
    dx_bytes right = dx_control_credential(f.control, admission);
    said = (saying){.type = DX_CREDENTIAL_MEMBER,
                    .issuer = f.bob.identity,
                    .subject = f.carol.identity,
                    .space = f.space_id,
                    .signer = &f.bob.identity_key,
                    .number = DX_ROLE_ADMIN,
                    .parents = {right, dx_buf_view(&unknown)},
                    .parent_count = 2};
    say(&said, &f.made);
    (void)!dx_control_take(f.control, dx_buf_view(&f.made), 1);
    encode(&f);
    assert_int_equal(verify(&f, dx_buf_view(&f.welcome), &f.carol), DX_OK);
    dx_buf_deinit(&unknown);
    dx_buf_deinit(&never);
    end(&f);
}

/* An admission that drags more than a welcome may hold behind it. */
static void test_admission_does_not_fit(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_buf ballast[28];
    dx_bytes views[28];
    for (size_t i = 0; i < 28; i++) {
        bool middle = i == 16;
        add_ballast(&f, i, middle ? views : NULL, middle ? 16 : 0, middle ? 16 : 2600, &ballast[i]);
        views[i] = dx_buf_view(&ballast[i]);
    }
    uint8_t bob_admission[DX_HASH_SIZE];
    memcpy(bob_admission, dx_control_member_of(f.control, f.bob.identity)->admission, DX_HASH_SIZE);
    saying said = {
        .type = DX_CREDENTIAL_MEMBER,
        .issuer = f.bob.identity,
        .subject = f.dan.identity,
        .space = f.space_id,
        .signer = &f.bob.device_key,
        .number = DX_ROLE_READER,
        .parents = {dx_buf_view(&f.bob.device_credential), dx_control_credential(f.control, bob_admission)},
        .parent_count = 2};
    for (size_t i = 16; i < 28; i++) {
        said.parents[said.parent_count++] = views[i];
    }
    dx_buf_clear(&f.made);
    say(&said, &f.made);
    take_made(&f);
    assert_int_equal(dx_control_take(f.control, dx_buf_view(&f.dan.device_credential), 1), DX_OK);
    grant(&f, 0, &f.dan);
    assert_int_equal(dx_welcome_encode(f.control, f.dan.device, NULL, 0, &f.welcome), DX_E_LIMIT);
    assert_int_equal(f.welcome.size, 0);
    for (size_t i = 0; i < 28; i++) {
        dx_buf_deinit(&ballast[i]);
    }
    end(&f);
}

/* A space without keys yet, and the owner's own. */
static void test_without_keys(void **state) {
    (void)state;
    fixture f;
    dx_control *bare;
    dx_welcome decoded;
    begin(&f);
    uint8_t id[DX_HASH_SIZE];
    encode(&f);
    split(&f, &decoded);
    assert_int_equal(dx_control_create(&f.alloc.port, f.space_id, &bare), DX_OK);
    for (size_t i = 0; i < f.count; i++) {
        dx_credential credential;
        assert_int_equal(dx_credential_decode(f.parts[i], &credential), DX_OK);
        if (credential.type < DX_CREDENTIAL_KEY_EPOCH) {
            int error = dx_control_take(bare, f.parts[i], 0);
            assert_true(error == DX_OK || error == DX_E_STATE);
        }
    }
    dx_buf out;
    dx_buf_init(&out, &f.alloc.port, DX_WELCOME_SIZE_MAX);
    assert_int_equal(dx_welcome_encode(bare, f.carol.device, NULL, 0, &out), DX_OK);
    assert_int_equal(verify(&f, dx_buf_view(&out), &f.carol), DX_OK);
    dx_buf_clear(&out);
    assert_int_equal(dx_welcome_encode(bare, f.alice.device, NULL, 0, &out), DX_OK);
    assert_int_equal(verify(&f, dx_buf_view(&out), &f.alice), DX_OK);
    assert_int_equal(dx_welcome_decode(dx_buf_view(&out), &decoded), DX_OK);
    memcpy(id, dx_control_member_of(bare, f.alice.identity)->admission, DX_HASH_SIZE);
    assert_memory_equal(decoded.admission, id, DX_HASH_SIZE);
    dx_buf_deinit(&out);
    dx_control_destroy(bare);
    end(&f);
}

static void test_malformed(void **state) {
    (void)state;
    fixture f;
    dx_welcome decoded;
    begin(&f);
    encode(&f);
    for (size_t size = 0; size < f.welcome.size; size++) {
        assert_int_equal(dx_welcome_decode(dx_bytes_of(f.welcome.data, size), &decoded), DX_E_MALFORMED);
    }
    uint8_t kept = f.welcome.data[1];
    f.welcome.data[1] = 2; /* another version */
    assert_int_equal(dx_welcome_decode(dx_buf_view(&f.welcome), &decoded), DX_E_MALFORMED);
    f.welcome.data[1] = kept;
    f.welcome.data[0] = 0x84; /* one field less */
    assert_int_equal(dx_welcome_decode(dx_buf_view(&f.welcome), &decoded), DX_E_MALFORMED);
    f.welcome.data[0] = 0x85;
    f.welcome.data[f.welcome.size - 1] = 0x81; /* an address that is not there */
    assert_int_equal(dx_welcome_decode(dx_buf_view(&f.welcome), &decoded), DX_E_MALFORMED);
    f.welcome.data[f.welcome.size - 1] = 0x89; /* nine */
    for (int i = 0; i < 9; i++) {
        dx_buf_append(&f.welcome, "aa", 2);
    }
    assert_int_equal(dx_welcome_decode(dx_buf_view(&f.welcome), &decoded), DX_E_MALFORMED);
    static uint8_t large[DX_WELCOME_SIZE_MAX + 1];
    assert_int_equal(dx_welcome_decode(dx_bytes_of(large, sizeof large), &decoded), DX_E_MALFORMED);
    end(&f);
}

static void test_addresses(void **state) {
    (void)state;
    char longest[DX_ADDRESS_SIZE_MAX];
    memset(longest, '~', sizeof longest);
    assert_true(dx_address_check(dx_bytes_text("!")));
    assert_true(dx_address_check(dx_bytes_of(longest, DX_ADDRESS_SIZE_MAX - 1)));
    assert_false(dx_address_check(dx_bytes_of(longest, DX_ADDRESS_SIZE_MAX)));
    assert_false(dx_address_check(dx_bytes_of(NULL, 0)));
    assert_false(dx_address_check(dx_bytes_text("a b")));
    assert_false(dx_address_check(dx_bytes_text("a\x7f")));
    assert_false(dx_address_check(dx_bytes_text("\x1b[31m")));
    assert_false(dx_address_check(dx_bytes_text("\xc3\xa4")));
    assert_true(dx_address_check(dx_bytes_text("ws://[::1]:8100/.well-known/dx/signal")));
    assert_true(dx_address_check(dx_bytes_text("wss://kube.example/.well-known/dx/signal")));
    /* Nobody is sent to another path of somebody's server. */
    static const char *const strange[] = {"ws://",
                                          "ws:///.well-known/dx/signal",
                                          "ws://router.example/reboot?now=1",
                                          "ws://router.example/reboot?/.well-known/dx/signal",
                                          "ws://router.example/x/.well-known/dx/signal",
                                          "ws://user@router.example/.well-known/dx/signal",
                                          "wss://router.example#/.well-known/dx/signal",
                                          "wss://router.example/.well-known/dx/signal?x",
                                          "wss://router.example/.well-known/dx/signals"};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        assert_false(dx_address_check(dx_bytes_text(strange[i])));
    }
}

static void test_no_memory(void **state) {
    (void)state;
    fixture f;
    dx_welcome decoded;
    begin(&f);
    encode(&f);
    assert_int_equal(dx_welcome_decode(dx_buf_view(&f.welcome), &decoded), DX_OK);
    bool failed = true;
    for (uint64_t fail_at = 1; failed; fail_at++) {
        test_alloc alloc;
        dx_control *control;
        test_alloc_init(&alloc);
        alloc.fail_at = fail_at;
        int error = dx_welcome_verify(&decoded, &alloc.port, &f.carol, &control);
        failed = alloc.calls >= fail_at;
        assert_int_equal(error, failed ? DX_E_NO_MEMORY : DX_OK);
        dx_control_destroy(control);
        assert_int_equal(alloc.live_bytes, 0);
    }
    dx_buf small;
    dx_buf_init(&small, &f.alloc.port, 200);
    assert_int_equal(dx_welcome_encode(f.control, f.carol.device, NULL, 0, &small), DX_E_LIMIT);
    dx_buf_deinit(&small);
    end(&f);
}

DX_TEST_MAIN(DX_TEST(test_round_trip), DX_TEST(test_behind_their_parents), DX_TEST(test_every_part_counts),
             DX_TEST(test_refused), DX_TEST(test_key_does_not_open), DX_TEST(test_not_ready),
             DX_TEST(test_many_epochs), DX_TEST(test_premise_of_unknown_type_is_withheld),
             DX_TEST(test_admission_does_not_fit), DX_TEST(test_without_keys), DX_TEST(test_malformed),
             DX_TEST(test_addresses), DX_TEST(test_no_memory))
