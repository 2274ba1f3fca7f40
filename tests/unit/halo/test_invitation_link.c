/* tests/unit/halo/test_invitation_link.c: the text of an invitation, the grammar of a PIN, and the words for
 * people. */
#include "test.h"

#include "halo/invitation.h"

static dx_invitation_link example(void) {
    dx_invitation_link link = {.expires_ms = UINT64_C(1700000000000), .address_count = 2};
    memset(link.id, 1, sizeof link.id);
    memset(link.topic_secret, 2, sizeof link.topic_secret);
    memset(link.host_key, 3, sizeof link.host_key);
    memcpy(link.addresses[0], "tcp:127.0.0.1:7000", 19);
    memcpy(link.addresses[1], "tcp:[::1]:7000", 15);
    return link;
}

/* The layout in docs/spec/invitation.md, written by hand. */
static void write_by_hand(test_alloc *alloc, dx_buf *url) {
    dx_buf array;
    uint8_t hash[DX_HASH_SIZE];
    dx_buf_init(&array, &alloc->port, 1024);
    static const uint8_t head[] = {0x88, 0x01, 0x00, 0x50};
    dx_buf_append(&array, head, sizeof head);
    for (uint8_t part = 1; part <= 3; part++) {
        static const uint8_t string[] = {0x58, 32};
        uint8_t filling[32];
        memset(filling, part, sizeof filling);
        if (part > 1) {
            dx_buf_append(&array, string, sizeof string);
        }
        dx_buf_append(&array, filling, part == 1 ? 16 : 32);
    }
    static const uint8_t tail[] = {0x1b, 0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x00, 0x82, 0x72};
    dx_buf_append(&array, tail, sizeof tail);
    dx_buf_append(&array, "tcp:127.0.0.1:7000", 18);
    dx_buf_append_byte(&array, 0x6e);
    dx_buf_append(&array, "tcp:[::1]:7000", 14);
    dx_hash(DX_HASH_LINK, dx_buf_view(&array), hash);
    dx_buf_append_byte(&array, 0x44);
    dx_buf_append(&array, hash, 4);
    dx_buf_append(url, "dxos://join#", 12);
    dx_base64url_encode(dx_buf_view(&array), url);
    dx_buf_deinit(&array);
}

static void test_round_trip(void **state) {
    (void)state;
    test_alloc alloc;
    dx_buf url, wanted;
    dx_invitation_link link = example(), again;
    test_alloc_init(&alloc);
    dx_buf_init(&url, &alloc.port, DX_INVITATION_URL_MAX);
    dx_buf_init(&wanted, &alloc.port, DX_INVITATION_URL_MAX);
    assert_int_equal(dx_invitation_link_encode(&link, &url), DX_OK);
    write_by_hand(&alloc, &wanted);
    assert_true(dx_bytes_equal(dx_buf_view(&url), dx_buf_view(&wanted)));
    assert_int_equal(dx_invitation_link_decode(&alloc.port, dx_buf_view(&url), &again), DX_OK);
    assert_memory_equal(&link, &again, sizeof link);
    uint8_t hash[DX_HASH_SIZE], expected[DX_HASH_SIZE];
    dx_invitation_link_hash(dx_buf_view(&url), hash);
    dx_hash(DX_HASH_LINK, dx_buf_view(&url), expected);
    assert_memory_equal(hash, expected, DX_HASH_SIZE);
    dx_buf_deinit(&wanted);
    dx_buf_deinit(&url);
    assert_int_equal(alloc.live_bytes, 0);
}

/* What a page shows, and what people paste around it, is the one canonical text; all else stays as it is. */
static void test_canonical(void **state) {
    (void)state;
    static const struct {
        const char *text, *canonical;
    } texts[] = {{"https://halo.example/#join=AbC-_9", "dxos://join#AbC-_9"},
                 {"http://halo.home.localhost:4100/vault?x=1#join=A", "dxos://join#A"},
                 {"#join=A", "dxos://join#A"},
                 {"come in: https://x/#join=", "dxos://join#"},
                 {"https://x/#join=a#join=b", "dxos://join#b"},
                 {"https://x/#join=a b", "dxos://join#a b"}, /* which does not decode */
                 {"dxos://join#A", "dxos://join#A"},
                 {"https://x/#Join=A", "https://x/#Join=A"},
                 {"#join", "#join"},
                 {"", ""}};
    test_alloc alloc;
    dx_buf url, page;
    dx_invitation_link link = example(), again;
    test_alloc_init(&alloc);
    dx_buf_init(&url, &alloc.port, DX_INVITATION_URL_MAX);
    dx_buf_init(&page, &alloc.port, 2 * DX_INVITATION_TEXT_MAX);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        dx_buf_clear(&url);
        assert_int_equal(dx_invitation_link_canonical(dx_bytes_text(texts[i].text), &url), DX_OK);
        assert_true(dx_bytes_equal(dx_buf_view(&url), dx_bytes_text(texts[i].canonical)));
    }
    dx_buf_clear(&url);
    assert_int_equal(dx_invitation_link_encode(&link, &url), DX_OK);
    dx_buf_append(&page, "https://halo.example/#join=", 27);
    dx_buf_append(&page, url.data + 12, url.size - 12);
    dx_buf_clear(&url);
    assert_int_equal(dx_invitation_link_canonical(dx_buf_view(&page), &url), DX_OK);
    assert_int_equal(dx_invitation_link_decode(&alloc.port, dx_buf_view(&url), &again), DX_OK);
    assert_memory_equal(again.id, link.id, sizeof link.id);
    /* A page's address may be long, a link may not. */
    dx_buf_clear(&page);
    while (page.size < DX_INVITATION_URL_MAX + 1) {
        dx_buf_append(&page, "x", 1);
    }
    dx_buf_clear(&url);
    assert_int_equal(dx_invitation_link_canonical(dx_buf_view(&page), &url), DX_E_LINK);
    dx_buf_append(&page, "#join=A", 7);
    assert_int_equal(dx_invitation_link_canonical(dx_buf_view(&page), &url), DX_OK);
    while (page.size < 2 * DX_INVITATION_URL_MAX + 64) {
        dx_buf_append(&page, "A", 1);
    }
    dx_buf_clear(&url);
    assert_int_equal(dx_invitation_link_canonical(dx_buf_view(&page), &url), DX_E_LINK);
    dx_buf_deinit(&page);
    dx_buf_deinit(&url);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Any one character mistyped, left out, doubled or swapped with its neighbour gives DX_E_LINK. */
static void test_mistyped(void **state) {
    (void)state;
    test_alloc alloc;
    dx_buf url;
    dx_invitation_link link = example(), again;
    char text[DX_INVITATION_URL_MAX + 2];
    test_alloc_init(&alloc);
    dx_buf_init(&url, &alloc.port, DX_INVITATION_URL_MAX);
    assert_int_equal(dx_invitation_link_encode(&link, &url), DX_OK);
    size_t size = url.size;
    for (size_t i = 0; i < size; i++) {
        memcpy(text, url.data, size);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        assert_int_equal(dx_invitation_link_decode(&alloc.port, dx_bytes_of(text, size), &again), DX_E_LINK);
        text[i] = ' ';
        assert_int_equal(dx_invitation_link_decode(&alloc.port, dx_bytes_of(text, size), &again), DX_E_LINK);
        memcpy(text, url.data, size);
        memmove(text + i, text + i + 1, size - i - 1);
        assert_int_equal(dx_invitation_link_decode(&alloc.port, dx_bytes_of(text, size - 1), &again),
                         DX_E_LINK);
        memcpy(text, url.data, i + 1);
        memcpy(text + i + 1, url.data + i, size - i);
        assert_int_equal(dx_invitation_link_decode(&alloc.port, dx_bytes_of(text, size + 1), &again),
                         DX_E_LINK);
        memcpy(text, url.data, size);
        if (i + 1 < size && text[i] != text[i + 1]) {
            char kept = text[i];
            text[i] = text[i + 1];
            text[i + 1] = kept;
            assert_int_equal(dx_invitation_link_decode(&alloc.port, dx_bytes_of(text, size), &again),
                             DX_E_LINK);
        }
    }
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(dx_invitation_link_decode(&alloc.port, dx_bytes_of(url.data, cut), &again),
                         DX_E_LINK);
    }
    static const dx_invitation_link empty;
    assert_memory_equal(&again, &empty, sizeof empty);
    dx_buf_deinit(&url);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A well checksummed link of another shape. */
static int decode_shape(test_alloc *alloc, size_t fields, uint64_t version, uint64_t kind, size_t id_size,
                        size_t addresses, const char *address) {
    static const uint8_t zeros[DX_KEY_SIZE + 1] = {0};
    dx_buf array, url;
    uint8_t hash[DX_HASH_SIZE];
    dx_writer writer;
    dx_invitation_link link;
    dx_buf_init(&array, &alloc->port, 4096);
    dx_buf_init(&url, &alloc->port, 8192);
    dx_writer_init(&writer, &array);
    dx_write_array(&writer, fields);
    dx_write_uint(&writer, version);
    dx_write_uint(&writer, kind);
    dx_write_bytes(&writer, dx_bytes_of(zeros, id_size));
    dx_write_bytes(&writer, dx_bytes_of(zeros, DX_KEY_SIZE));
    dx_write_bytes(&writer, dx_bytes_of(zeros, DX_KEY_SIZE));
    dx_write_uint(&writer, 0);
    dx_write_array(&writer, addresses);
    for (size_t i = 0; i < addresses; i++) {
        dx_write_text(&writer, address);
    }
    dx_hash(DX_HASH_LINK, dx_buf_view(&array), hash);
    dx_write_bytes(&writer, dx_bytes_of(hash, 4));
    if (fields == 9) {
        dx_write_null(&writer);
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_buf_append(&url, "dxos://join#", 12);
    dx_base64url_encode(dx_buf_view(&array), &url);
    int error = dx_invitation_link_decode(&alloc->port, dx_buf_view(&url), &link);
    dx_buf_deinit(&url);
    dx_buf_deinit(&array);
    return error;
}

static void test_shapes(void **state) {
    (void)state;
    test_alloc alloc;
    char longest[DX_ADDRESS_SIZE_MAX + 1];
    test_alloc_init(&alloc);
    memset(longest, 'a', sizeof longest);
    longest[DX_ADDRESS_SIZE_MAX - 1] = '\0';
    assert_int_equal(decode_shape(&alloc, 8, 1, 0, 16, 0, ""), DX_OK);
    assert_int_equal(decode_shape(&alloc, 8, 1, 0, 16, 8, "tcp:x:1"), DX_OK);
    assert_int_equal(decode_shape(&alloc, 8, 1, 0, 16, 1, longest), DX_OK);
    longest[DX_ADDRESS_SIZE_MAX - 1] = 'a';
    longest[DX_ADDRESS_SIZE_MAX] = '\0';
    assert_int_equal(decode_shape(&alloc, 8, 1, 0, 16, 1, longest), DX_E_LINK);
    assert_int_equal(decode_shape(&alloc, 8, 1, 0, 16, 9, "tcp:x:1"), DX_E_LINK);
    assert_int_equal(decode_shape(&alloc, 8, 1, 0, 16, 1, ""), DX_E_LINK);
    assert_int_equal(decode_shape(&alloc, 8, 1, 0, 16, 1, "tcp: x"), DX_E_LINK);
    assert_int_equal(decode_shape(&alloc, 8, 1, 0, 16, 1, "tcp:\xc3\xa4"), DX_E_LINK);
    assert_int_equal(decode_shape(&alloc, 8, 2, 0, 16, 0, ""), DX_E_LINK);
    assert_int_equal(decode_shape(&alloc, 8, 1, 1, 16, 0, ""), DX_E_LINK);
    assert_int_equal(decode_shape(&alloc, 8, 1, 0, 15, 0, ""), DX_E_LINK);
    assert_int_equal(decode_shape(&alloc, 9, 1, 0, 16, 0, ""), DX_E_LINK);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_encode_refuses(void **state) {
    (void)state;
    test_alloc alloc;
    dx_buf url;
    test_alloc_init(&alloc);
    dx_buf_init(&url, &alloc.port, DX_INVITATION_URL_MAX);
    dx_invitation_link link = example();
    link.kind = 1;
    assert_int_equal(dx_invitation_link_encode(&link, &url), DX_E_INVALID);
    link = example();
    link.address_count = 9;
    assert_int_equal(dx_invitation_link_encode(&link, &url), DX_E_INVALID);
    link = example();
    link.addresses[1][0] = '\0';
    assert_int_equal(dx_invitation_link_encode(&link, &url), DX_E_INVALID);
    memset(link.addresses[1], 'a', DX_ADDRESS_SIZE_MAX); /* no terminator */
    assert_int_equal(dx_invitation_link_encode(&link, &url), DX_E_INVALID);
    link = example();
    link.expires_ms = UINT64_MAX;
    assert_int_equal(dx_invitation_link_encode(&link, &url), DX_E_INVALID);
    /* Eight of the longest do not fit a URL. */
    link.expires_ms = 0;
    link.address_count = 8;
    for (size_t i = 0; i < 8; i++) {
        memset(link.addresses[i], 'a', DX_ADDRESS_SIZE_MAX - 1);
        link.addresses[i][DX_ADDRESS_SIZE_MAX - 1] = '\0';
    }
    assert_int_equal(dx_invitation_link_encode(&link, &url), DX_E_LIMIT);
    assert_int_equal(url.size, 0);
    dx_buf_deinit(&url);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_no_memory(void **state) {
    (void)state;
    bool failed = true;
    for (uint64_t fail_at = 1; failed; fail_at++) {
        test_alloc alloc;
        dx_buf url;
        dx_invitation_link link = example(), again;
        test_alloc_init(&alloc);
        alloc.fail_at = fail_at;
        dx_buf_init(&url, &alloc.port, DX_INVITATION_URL_MAX);
        int error = dx_invitation_link_encode(&link, &url);
        if (error == DX_OK) {
            error = dx_invitation_link_decode(&alloc.port, dx_buf_view(&url), &again);
        }
        failed = alloc.calls >= fail_at;
        assert_int_equal(error, failed ? DX_E_NO_MEMORY : DX_OK);
        dx_buf_deinit(&url);
        assert_int_equal(alloc.live_bytes, 0);
    }
}

/* --- PIN -------------------------------------------------------------------------------------- */

static void test_pin_grammar(void **state) {
    (void)state;
    static const char *const good[] = {"000000", "123456", "999999"};
    static const char *const bad[] = {"",
                                      "1",
                                      "12345",
                                      "1234567",
                                      "12345a",
                                      " 12345",
                                      "12345 ",
                                      "12 456",
                                      "+12345",
                                      "-12345",
                                      "0x1234",
                                      "1e1000",
                                      "12345\n",
                                      "\xd9\xa1\xd9\xa2\xd9\xa3",
                                      ("123\xd9\xa1"
                                       "4"),
                                      ("\xef\xbc\x91"
                                       "234")};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(dx_pin_check(dx_bytes_text(good[i])), DX_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(dx_pin_check(dx_bytes_text(bad[i])), DX_E_INVALID);
    }
    assert_int_equal(dx_pin_check(dx_bytes_of("12345\0", 6)), DX_E_INVALID);
    assert_int_equal(dx_pin_check(dx_bytes_of(NULL, 0)), DX_E_INVALID);
}

/* A random port that says what it is told. */
typedef struct script {
    dx_random port;
    const uint8_t *bytes;
    size_t at;
} script;

static void script_fill(void *ctx, uint8_t *out, size_t size) {
    script *self = ctx;
    memcpy(out, self->bytes + self->at, size);
    self->at += size;
}

static void test_pin_is_fair(void **state) {
    (void)state;
    /* 16,000,000 and above are drawn again; below, the remainder by a million. */
    static const uint8_t draws[] = {0xff, 0xff, 0xff, 0xf4, 0x24, 0x00, 0xf4, 0x23, 0xff};
    script scripted = {.bytes = draws};
    char pin[DX_PIN_SIZE + 1];
    scripted.port = (dx_random){.ctx = &scripted, .fill = script_fill};
    dx_pin_make(&scripted.port, pin);
    assert_int_equal(scripted.at, sizeof draws);
    assert_string_equal(pin, "999999");
    static const uint8_t small[] = {0x00, 0x00, 0x07};
    scripted.bytes = small;
    scripted.at = 0;
    dx_pin_make(&scripted.port, pin);
    assert_string_equal(pin, "000007");
    /* Each digit comes about as often as any other, at each place. */
    enum { PINS = 20000 };
    unsigned seen[DX_PIN_SIZE][10] = {{0}};
    test_random random;
    test_random_init(&random, 4);
    for (int n = 0; n < PINS; n++) {
        dx_pin_make(&random.port, pin);
        assert_int_equal(dx_pin_check(dx_bytes_text(pin)), DX_OK);
        for (size_t i = 0; i < DX_PIN_SIZE; i++) {
            seen[i][pin[i] - '0']++;
        }
    }
    for (size_t i = 0; i < DX_PIN_SIZE; i++) {
        for (size_t digit = 0; digit < 10; digit++) {
            assert_in_range(seen[i][digit], 1750, 2250); /* 2000 expected, deviation 42 */
        }
    }
}

/* --- Words ------------------------------------------------------------------------------------ */

static void test_words(void **state) {
    (void)state;
    assert_string_equal(dx_host_state_name(DX_HOST_PIN_WAIT), "pin-wait");
    assert_string_equal(dx_host_state_sentence(DX_HOST_LOCKED),
                        "three wrong PINs; share again for a new one");
    assert_string_equal(dx_guest_state_name(DX_GUEST_PIN_REQUIRED), "pin-required");
    assert_string_equal(dx_guest_state_sentence(DX_GUEST_READY), "joined");
    assert_string_equal(dx_host_state_name((dx_host_state)99), "unknown");
    assert_string_equal(dx_host_state_sentence((dx_host_state)99), "unknown");
    assert_string_equal(dx_guest_state_name((dx_guest_state)99), "unknown");
    assert_string_equal(dx_guest_state_sentence((dx_guest_state)99), "unknown");
    assert_false(dx_host_state_ends(DX_HOST_ADMITTED));
    assert_true(dx_host_state_ends(DX_HOST_SUCCESS));
    assert_false(dx_guest_state_ends(DX_GUEST_JOINING));
    assert_true(dx_guest_state_ends(DX_GUEST_FAILED));
    assert_string_equal(dx_invitation_remedy(DX_OK), "");
    static const int errors[] = {DX_E_LINK,        DX_E_PIN,       DX_E_LOCKED,     DX_E_EXPIRED,
                                 DX_E_CANCELLED,   DX_E_EXHAUSTED, DX_E_NO_HOST,    DX_E_TIMEOUT,
                                 DX_E_BUSY,        DX_E_DENIED,    DX_E_STORE,      DX_E_NO_SPACE,
                                 DX_E_UNREACHABLE, DX_E_VERIFY,    DX_E_HOST_PROOF, DX_E_PROTOCOL};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        assert_true(strlen(dx_invitation_remedy(errors[i])) > 20);
    }
    assert_string_equal(dx_invitation_remedy(DX_E_LOCKED), "ask the host for a new invitation");
}

/* Every state that goes on has a deadline, every end has none, and each says a sentence. */
static void test_deadlines(void **state) {
    (void)state;
#define HOST_ROW(symbol, number, name, deadline_ms, sentence)                                                \
    assert_int_equal(dx_host_state_ends(DX_HOST_##symbol), (deadline_ms) == 0);                              \
    assert_true(strlen(sentence) > 0);
    DX_HOST_STATES(HOST_ROW)
#undef HOST_ROW
#define GUEST_ROW(symbol, number, name, deadline_ms, sentence)                                               \
    assert_int_equal(dx_guest_state_ends(DX_GUEST_##symbol), (deadline_ms) == 0);                            \
    assert_true(strlen(sentence) > 0);
    DX_GUEST_STATES(GUEST_ROW)
#undef GUEST_ROW
}

DX_TEST_MAIN(DX_TEST(test_round_trip), DX_TEST(test_canonical), DX_TEST(test_mistyped), DX_TEST(test_shapes),
             DX_TEST(test_encode_refuses), DX_TEST(test_no_memory), DX_TEST(test_pin_grammar),
             DX_TEST(test_pin_is_fair), DX_TEST(test_words), DX_TEST(test_deadlines))
