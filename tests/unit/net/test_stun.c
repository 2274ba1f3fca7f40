/* tests/unit/net/test_stun.c: STUN messages: the vectors of RFC 5769, every way to be malformed, every attribute
 * written and read back, and the server that keeps nothing. Reaches net/stun_integrity.c by the vectors. */
#include "net/stun.h"
#include "test.h"

enum { DATAGRAM_MAX = 2048 };

/* RFC 5769 §2.1 to §2.4. */
static const char password[] = "VOkJxbRl1RmTxUk/WvJxBt";
static const char sample_request[] =
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008"
    "932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf";
static const char sample_ipv4[] =
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147"
    "e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
static const char sample_ipv6[] =
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a147"
    "0113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004c8fb0b4c";
static const char sample_long_term[] =
    "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c662f2f"
    "3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014f6702465"
    "6dd64a3e02b8e0712e85c9a28ca89666";
/* MD5 of "<name>:example.org:TheMatrIX" (RFC 8489 §9.2.2) */
static const char long_term_key[] = "e8ca7ad59d5eb0518e312911d2dab2a9";

static const uint8_t transaction[DX_STUN_TRANSACTION_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static dx_bytes from_hex(const char *hex, uint8_t out[static DATAGRAM_MAX]) {
    size_t size = strlen(hex) / 2;
    assert_int_equal(dx_hex_decode(hex, strlen(hex), out, size), DX_OK);
    return dx_bytes_of(out, size);
}

static dx_net_address address_of(const char *text) {
    dx_net_address address;
    assert_int_equal(dx_net_address_parse(dx_bytes_text(text), &address), DX_OK);
    return address;
}

static void test_sample_request(void **state) {
    (void)state;
    uint8_t bytes[DATAGRAM_MAX];
    dx_stun_message message;
    dx_bytes datagram = from_hex(sample_request, bytes);
    assert_true(dx_stun_is(datagram));
    assert_int_equal(dx_stun_decode(datagram, &message), DX_OK);
    assert_int_equal(message.class, DX_STUN_REQUEST);
    assert_int_equal(message.method, DX_STUN_BINDING);
    assert_memory_equal(message.transaction, bytes + 8, DX_STUN_TRANSACTION_SIZE);
    assert_true(message.has_fingerprint && message.has_username && message.has_priority);
    assert_true(dx_bytes_equal(message.username, dx_bytes_text("evtj:h6vY")));
    assert_int_equal(message.priority, 0x6e0001ff);
    assert_int_equal(message.role, DX_STUN_CONTROLLED);
    assert_true(message.tie_breaker == 0x932ff9b151263b36u);
    assert_false(message.use_candidate);
    assert_int_equal(message.unknown_count, 0);
    assert_int_equal(dx_stun_verify(&message, dx_bytes_text(password)), DX_OK);
    assert_int_equal(dx_stun_verify(&message, dx_bytes_text("VOkJxbRl1RmTxUk/WvJxBu")), DX_E_SIGNATURE);
    assert_true(dx_bytes_equal(dx_stun_addressee(datagram), dx_bytes_text("evtj")));
}

static void test_sample_responses(void **state) {
    (void)state;
    static const struct {
        const char *hex, *mapped;
    } rows[] = {{sample_ipv4, "192.0.2.1:32853"},
                {sample_ipv6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"}};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[DATAGRAM_MAX];
        dx_stun_message message;
        dx_bytes datagram = from_hex(rows[i].hex, bytes);
        dx_net_address mapped = address_of(rows[i].mapped);
        assert_int_equal(dx_stun_decode(datagram, &message), DX_OK);
        assert_int_equal(message.class, DX_STUN_SUCCESS);
        assert_true(dx_net_address_equal(&message.mapped, &mapped));
        assert_int_equal(dx_stun_verify(&message, dx_bytes_text(password)), DX_OK);
        assert_int_equal(dx_stun_addressee(datagram).size, 0);
    }
}

static void test_sample_long_term(void **state) {
    (void)state;
    uint8_t bytes[DATAGRAM_MAX], key[DATAGRAM_MAX];
    dx_stun_message message;
    assert_int_equal(dx_stun_decode(from_hex(sample_long_term, bytes), &message), DX_OK);
    assert_int_equal(dx_stun_verify(&message, from_hex(long_term_key, key)), DX_OK);
    assert_false(message.has_fingerprint);
    assert_int_equal(message.unknown_count, 2); /* NONCE and REALM are no part of ICE */
    assert_int_equal(message.unknown[0], 0x15);
    assert_int_equal(message.unknown[1], 0x14);
}

/* Whatever bit of a signed and fingerprinted message is turned, it is refused or no longer signed; but for those
 * that make the fingerprint another, unknown attribute: the signature still covers all the rest. */
static void test_every_changed_bit_shows(void **state) {
    (void)state;
    uint8_t bytes[DATAGRAM_MAX];
    dx_bytes datagram = from_hex(sample_request, bytes);
    for (size_t bit = 0; bit < datagram.size * 8; bit++) {
        dx_stun_message message;
        bool in_fingerprint_type = bit / 8 == 100 || bit / 8 == 101;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int error = dx_stun_decode(datagram, &message);
        assert_true(error == DX_E_MALFORMED || !message.has_fingerprint);
        assert_true(error == DX_E_MALFORMED || in_fingerprint_type ||
                    dx_stun_verify(&message, dx_bytes_text(password)) == DX_E_SIGNATURE);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_every_cut_is_malformed(void **state) {
    (void)state;
    uint8_t bytes[DATAGRAM_MAX];
    dx_bytes datagram = from_hex(sample_request, bytes);
    for (size_t size = 0; size < datagram.size; size++) {
        dx_stun_message message;
        assert_false(dx_stun_is((dx_bytes){bytes, size}));
        assert_int_equal(dx_stun_decode((dx_bytes){bytes, size}, &message), DX_E_MALFORMED);
    }
}

static void test_other_traffic_is_not_stun(void **state) {
    (void)state;
    uint8_t bytes[DATAGRAM_MAX];
    dx_bytes datagram = from_hex(sample_request, bytes);
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 20}, {0, 64}, {0, 128}, {0, 255}, {3, 0x59}, {3, 0x5c}, {4, 0}, {7, 0x43}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint8_t old = bytes[changes[i].at];
        bytes[changes[i].at] = changes[i].value;
        if (changes[i].value != 20) { /* 20 has the bits of STUN; only the fingerprint tells */
            assert_false(dx_stun_is(datagram));
        }
        bytes[changes[i].at] = old;
    }
    assert_false(dx_stun_is((dx_bytes){0}));
}

/* The 20 bytes of a header and one attribute after it, lengths made to fit. */
static int decode_attribute(uint16_t type, const void *value, size_t size, dx_stun_message *message) {
    static uint8_t bytes[DATAGRAM_MAX];
    size_t padded = (size + 3) / 4 * 4;
    dx_stun_writer writer;
    dx_stun_begin(&writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, writer.bytes, DX_STUN_HEADER_SIZE);
    bytes[2] = (uint8_t)((padded + 4) >> 8);
    bytes[3] = (uint8_t)(padded + 4);
    bytes[20] = (uint8_t)(type >> 8);
    bytes[21] = (uint8_t)type;
    bytes[22] = (uint8_t)(size >> 8);
    bytes[23] = (uint8_t)size;
    if (size > 0) {
        memcpy(bytes + 24, value, size);
    }
    return dx_stun_decode((dx_bytes){bytes, 24 + padded}, message);
}

static void test_attributes_of_wrong_size(void **state) {
    (void)state;
    static const struct {
        uint16_t type;
        size_t good;
    } rows[] = {{0x0024, 4}, {0x0025, 0}, {0x8029, 8}, {0x802a, 8}, {0x0008, 20}};
    uint8_t value[600] = {0};
    dx_stun_message message;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t size = 0; size < 32; size++) {
            int expected = size == rows[i].good ? DX_OK : DX_E_MALFORMED;
            assert_int_equal(decode_attribute(rows[i].type, value, size, &message), expected);
        }
    }
    assert_int_equal(decode_attribute(0x0006, value, DX_STUN_USERNAME_MAX, &message), DX_OK);
    assert_int_equal(decode_attribute(0x0006, value, DX_STUN_USERNAME_MAX + 1, &message), DX_E_MALFORMED);
    assert_int_equal(decode_attribute(0x8028, value, 4, &message),
                     DX_E_MALFORMED); /* a fingerprint of zeros */
}

static void test_addresses_of_every_form(void **state) {
    (void)state;
    static const struct {
        size_t size;
        uint8_t family;
        int result;
    } rows[] = {{8, 1, DX_OK},           {20, 2, DX_OK},         {8, 2, DX_E_MALFORMED},
                {20, 1, DX_E_MALFORMED}, {8, 0, DX_E_MALFORMED}, {8, 3, DX_E_MALFORMED},
                {3, 1, DX_E_MALFORMED},  {0, 0, DX_E_MALFORMED}, {12, 1, DX_E_MALFORMED},
                {19, 2, DX_E_MALFORMED}, {4, 1, DX_E_MALFORMED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t value[32] = {0, rows[i].family, 0x12, 0x34, 192, 0, 2, 1};
        dx_stun_message message;
        assert_int_equal(decode_attribute(0x0020, value, rows[i].size, &message), rows[i].result);
        assert_int_equal(decode_attribute(0x0001, value, rows[i].size, &message), rows[i].result);
        if (rows[i].result == DX_OK && rows[i].family == 1) { /* MAPPED-ADDRESS is as it stands */
            dx_net_address expected = address_of("192.0.2.1:4660");
            assert_true(dx_net_address_equal(&message.mapped, &expected));
        }
    }
}

static void test_error_codes(void **state) {
    (void)state;
    static const struct {
        uint8_t hundreds, rest;
        int code;
    } rows[] = {{4, 87, 487}, {3, 0, 300}, {6, 99, 699}, {2, 99, 0}, {7, 0, 0}, {4, 100, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t value[6] = {0, 0, rows[i].hundreds, rows[i].rest, 'n', 'o'};
        dx_stun_message message;
        assert_int_equal(decode_attribute(0x0009, value, sizeof value, &message),
                         rows[i].code ? DX_OK : DX_E_MALFORMED);
        if (rows[i].code) {
            assert_int_equal(message.error_code, rows[i].code);
        }
        assert_int_equal(decode_attribute(0x0009, value, 3, &message), DX_E_MALFORMED);
    }
}

static void test_unknown_attributes_are_listed(void **state) {
    (void)state;
    dx_stun_message message;
    assert_int_equal(decode_attribute(0x7fff, "x", 1, &message), DX_OK);
    assert_int_equal(message.unknown_count, 1);
    assert_int_equal(message.unknown[0], 0x7fff);
    assert_int_equal(decode_attribute(0xc057, "x", 1, &message), DX_OK); /* Chromium's */
    assert_int_equal(message.unknown_count, 0);
}

/* A header, then count empty attributes of a type. */
static int decode_many(uint16_t type, size_t count, dx_stun_message *message) {
    static uint8_t bytes[DATAGRAM_MAX];
    dx_stun_writer writer;
    dx_stun_begin(&writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    memcpy(bytes, writer.bytes, DX_STUN_HEADER_SIZE);
    for (size_t i = 0; i < count; i++) {
        uint8_t attribute[4] = {(uint8_t)(type >> 8), (uint8_t)type, 0, 0};
        memcpy(bytes + 20 + 4 * i, attribute, 4);
    }
    bytes[2] = (uint8_t)(count * 4 >> 8);
    bytes[3] = (uint8_t)(count * 4);
    return dx_stun_decode((dx_bytes){bytes, 20 + 4 * count}, message);
}

static void test_bounds(void **state) {
    (void)state;
    dx_stun_message message;
    static uint8_t large[DATAGRAM_MAX];
    assert_int_equal(decode_many(0x7ffe, DX_STUN_ATTRIBUTES_MAX, &message), DX_OK);
    assert_int_equal(message.unknown_count, DX_STUN_UNKNOWN_MAX);
    assert_int_equal(decode_many(0x7ffe, DX_STUN_ATTRIBUTES_MAX + 1, &message), DX_E_MALFORMED);
    assert_int_equal(decode_attribute(0xffff, large, DX_STUN_SIZE_MAX - 24, &message), DX_OK);
    assert_int_equal(decode_attribute(0xffff, large, DX_STUN_SIZE_MAX - 20, &message), DX_E_MALFORMED);
}

/* An attribute whose length leads out of the message, and one cut in its header. */
static void test_lengths_that_lead_out(void **state) {
    (void)state;
    uint8_t bytes[28];
    dx_stun_writer writer;
    dx_stun_message message;
    dx_stun_begin(&writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    memcpy(bytes, writer.bytes, DX_STUN_HEADER_SIZE);
    for (unsigned size = 5; size <= 0xffff; size = size * 2 + 1) {
        uint8_t attribute[8] = {0x80, 0x22, (uint8_t)(size >> 8), (uint8_t)size};
        memcpy(bytes + 20, attribute, sizeof attribute);
        bytes[3] = sizeof attribute;
        assert_int_equal(dx_stun_decode((dx_bytes){bytes, sizeof bytes}, &message), DX_E_MALFORMED);
    }
}

static void test_repeated_attributes_count_once(void **state) {
    (void)state;
    dx_stun_writer writer;
    dx_stun_message message;
    dx_net_address first = address_of("192.0.2.1:1"), second = address_of("192.0.2.2:2");
    dx_stun_begin(&writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    for (int i = 0; i < 2; i++) {
        dx_stun_add_username(&writer, dx_bytes_text(i ? "second" : "first"), dx_bytes_text("x"));
        dx_stun_add_priority(&writer, i ? 2 : 1);
        dx_stun_add_mapped(&writer, i ? &second : &first);
        dx_stun_add_role(&writer, i ? DX_STUN_CONTROLLED : DX_STUN_CONTROLLING, i ? 2 : 1);
    }
    assert_int_equal(dx_stun_decode(dx_stun_written(&writer), &message), DX_OK);
    assert_true(dx_bytes_equal(message.username, dx_bytes_text("first:x")));
    assert_int_equal(message.priority, 1);
    assert_true(dx_net_address_equal(&message.mapped, &first));
    assert_int_equal(message.role, DX_STUN_CONTROLLING);
    assert_int_equal(message.tie_breaker, 1);
}

/* What stands behind MESSAGE-INTEGRITY is not signed, and not read; behind FINGERPRINT nothing may stand. */
static void test_order_of_the_last_two(void **state) {
    (void)state;
    dx_stun_writer writer;
    dx_stun_message message;
    dx_stun_begin(&writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    dx_stun_add_integrity(&writer, dx_bytes_text("key"));
    dx_stun_add_use_candidate(&writer);
    dx_stun_add_fingerprint(&writer);
    assert_int_equal(dx_stun_decode(dx_stun_written(&writer), &message), DX_OK);
    assert_false(message.use_candidate);
    assert_int_equal(dx_stun_verify(&message, dx_bytes_text("key")), DX_OK);
    dx_stun_add_use_candidate(&writer);
    assert_int_equal(dx_stun_decode(dx_stun_written(&writer), &message), DX_E_MALFORMED);
    dx_stun_begin(&writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    assert_int_equal(dx_stun_decode(dx_stun_written(&writer), &message), DX_OK);
    assert_int_equal(dx_stun_verify(&message, dx_bytes_text("key")), DX_E_SIGNATURE);
}

static uint32_t crc32_slowly(const uint8_t *data, size_t size) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < 8 * size; i++) {
        crc ^= i % 8 == 0 ? data[i / 8] : 0;
        crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

/* A fingerprint that is right and not the last. */
static void test_nothing_follows_a_fingerprint(void **state) {
    (void)state;
    for (int last = 0; last < 2; last++) {
        dx_stun_writer writer;
        dx_stun_message message;
        dx_stun_begin(&writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
        dx_stun_add_fingerprint(&writer);
        if (!last) {
            dx_stun_add_use_candidate(&writer);
        }
        uint32_t crc = crc32_slowly(writer.bytes, DX_STUN_HEADER_SIZE) ^ 0x5354554e;
        for (int i = 0; i < 4; i++) {
            writer.bytes[24 + i] = (uint8_t)(crc >> (24 - 8 * i));
        }
        assert_int_equal(dx_stun_decode(dx_stun_written(&writer), &message), last ? DX_OK : DX_E_MALFORMED);
    }
}

static void test_every_class_and_method_comes_back(void **state) {
    (void)state;
    for (unsigned class = DX_STUN_REQUEST; class <= DX_STUN_ERROR; class ++) {
        for (uint16_t method = 0; method <= 0xfff; method++) {
            dx_stun_writer writer;
            dx_stun_message message;
            dx_stun_begin(&writer, (dx_stun_class) class, method, transaction);
            assert_int_equal(dx_stun_decode(dx_stun_written(&writer), &message), DX_OK);
            assert_int_equal(message.class, class);
            assert_int_equal(message.method, method);
        }
    }
}

static void test_a_check_written_and_read(void **state) {
    (void)state;
    dx_stun_writer writer;
    dx_stun_message message;
    dx_stun_begin(&writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    dx_stun_add_username(&writer, dx_bytes_text("remote"), dx_bytes_text("mine"));
    dx_stun_add_priority(&writer, 0x7effffff);
    dx_stun_add_role(&writer, DX_STUN_CONTROLLING, UINT64_MAX - 1);
    dx_stun_add_use_candidate(&writer);
    dx_stun_add_integrity(&writer, dx_bytes_text(password));
    dx_stun_add_fingerprint(&writer);
    assert_int_equal(dx_stun_decode(dx_stun_written(&writer), &message), DX_OK);
    assert_true(dx_bytes_equal(message.username, dx_bytes_text("remote:mine")));
    assert_int_equal(message.priority, 0x7effffff);
    assert_int_equal(message.role, DX_STUN_CONTROLLING);
    assert_true(message.tie_breaker == UINT64_MAX - 1);
    assert_true(message.use_candidate && message.has_fingerprint);
    assert_int_equal(dx_stun_verify(&message, dx_bytes_text(password)), DX_OK);
}

static void test_errors_written_and_read(void **state) {
    (void)state;
    static const int codes[] = {DX_STUN_BAD_REQUEST,
                                DX_STUN_UNAUTHENTICATED,
                                DX_STUN_UNKNOWN_ATTRIBUTE,
                                DX_STUN_ROLE_CONFLICT,
                                300,
                                699};
    static const uint16_t types[] = {0x0003, 0x7fff, 0x0015};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        dx_stun_writer writer;
        dx_stun_message message;
        dx_stun_begin(&writer, DX_STUN_ERROR, DX_STUN_BINDING, transaction);
        dx_stun_add_error(&writer, codes[i]);
        dx_stun_add_unknown(&writer, types, 3);
        assert_int_equal(dx_stun_decode(dx_stun_written(&writer), &message), DX_OK);
        assert_int_equal(message.error_code, codes[i]);
        assert_int_equal(message.unknown_count, 0);
    }
}

static void test_the_server_answers(void **state) {
    (void)state;
    static const char *const senders[] = {"203.0.113.9:4000", "[2001:db8::9]:1"};
    for (size_t i = 0; i < 4; i++) {
        dx_stun_writer request, answer;
        dx_stun_message message;
        dx_net_address from = address_of(senders[i % 2]);
        bool with_fingerprint = i >= 2;
        dx_stun_begin(&request, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
        if (with_fingerprint) {
            dx_stun_add_fingerprint(&request);
        }
        assert_true(dx_stun_respond(dx_stun_written(&request), &from, &answer));
        assert_true(dx_stun_written(&answer).size <= 52);
        assert_int_equal(dx_stun_decode(dx_stun_written(&answer), &message), DX_OK);
        assert_int_equal(message.class, DX_STUN_SUCCESS);
        assert_memory_equal(message.transaction, transaction, sizeof transaction);
        assert_true(dx_net_address_equal(&message.mapped, &from));
        assert_int_equal(message.has_fingerprint, with_fingerprint);
    }
}

static void test_the_server_says_what_it_does_not_know(void **state) {
    (void)state;
    uint8_t bytes[DATAGRAM_MAX];
    dx_stun_writer answer;
    dx_stun_message message;
    dx_net_address from = address_of("203.0.113.9:4000");
    dx_bytes request = from_hex("000100082112a4420102030405060708090a0b0c0003000400000006", bytes);
    assert_true(dx_stun_respond(request, &from, &answer));
    assert_int_equal(dx_stun_decode(dx_stun_written(&answer), &message), DX_OK);
    assert_int_equal(message.class, DX_STUN_ERROR);
    assert_int_equal(message.error_code, DX_STUN_UNKNOWN_ATTRIBUTE);
}

static void test_the_server_is_silent(void **state) {
    (void)state;
    uint8_t bytes[DATAGRAM_MAX];
    dx_stun_writer request, answer;
    dx_net_address from = address_of("203.0.113.9:4000"), nobody = {0};
    assert_false(dx_stun_respond(from_hex(sample_request, bytes), &from, &answer)); /* for an agent */
    assert_false(dx_stun_respond(from_hex(sample_ipv4, bytes), &from, &answer));
    assert_false(dx_stun_respond(dx_bytes_text("hello"), &from, &answer));
    dx_stun_begin(&request, DX_STUN_REQUEST, 3, transaction); /* Allocate: no relay here */
    assert_false(dx_stun_respond(dx_stun_written(&request), &from, &answer));
    dx_stun_begin(&request, DX_STUN_INDICATION, DX_STUN_BINDING, transaction);
    assert_false(dx_stun_respond(dx_stun_written(&request), &from, &answer));
    dx_stun_begin(&request, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    assert_false(dx_stun_respond(dx_stun_written(&request), &nobody, &answer));
    dx_stun_add_integrity(&request, dx_bytes_text("key"));
    assert_false(dx_stun_respond(dx_stun_written(&request), &from, &answer));
}

static void test_addressee(void **state) {
    (void)state;
    static const struct {
        const char *hex, *addressee;
    } rows[] = {
        {"0001000c2112a4420102030405060708090a0b0c0006000561613a6262000000", "aa"},
        {"000100082112a4420102030405060708090a0b0c0006000461626364", ""}, /* no colon */
        {"000100082112a4420102030405060708090a0b0c000600043a626364", ""}, /* nobody before it */
        {"001100082112a4420102030405060708090a0b0c00060004613a6364", ""}, /* an indication */
        {"000200082112a4420102030405060708090a0b0c00060004613a6364", ""}, /* another method */
        {"000100002112a4420102030405060708090a0b0c", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[DATAGRAM_MAX];
        assert_true(dx_bytes_equal(dx_stun_addressee(from_hex(rows[i].hex, bytes)),
                                   dx_bytes_text(rows[i].addressee)));
    }
}

DX_TEST_MAIN(DX_TEST(test_sample_request), DX_TEST(test_sample_responses), DX_TEST(test_sample_long_term),
             DX_TEST(test_every_changed_bit_shows), DX_TEST(test_every_cut_is_malformed),
             DX_TEST(test_other_traffic_is_not_stun), DX_TEST(test_attributes_of_wrong_size),
             DX_TEST(test_addresses_of_every_form), DX_TEST(test_error_codes),
             DX_TEST(test_unknown_attributes_are_listed), DX_TEST(test_bounds),
             DX_TEST(test_lengths_that_lead_out), DX_TEST(test_repeated_attributes_count_once),
             DX_TEST(test_order_of_the_last_two), DX_TEST(test_nothing_follows_a_fingerprint),
             DX_TEST(test_every_class_and_method_comes_back), DX_TEST(test_a_check_written_and_read),
             DX_TEST(test_errors_written_and_read), DX_TEST(test_the_server_answers),
             DX_TEST(test_the_server_says_what_it_does_not_know), DX_TEST(test_the_server_is_silent),
             DX_TEST(test_addressee))
