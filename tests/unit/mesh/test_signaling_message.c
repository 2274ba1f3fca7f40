/* mesh/signaling_message.c: every message there and back, what is refused, proofs, names of a day, sealed bodies. */
#include "mesh/signaling_message.h"

#include "test.h"

static test_alloc alloc;
static test_random numbers;

static const uint8_t secret[DX_KEY_SIZE] = {1, 2, 3}, other_secret[DX_KEY_SIZE] = {1, 2, 4};
static const uint8_t ice[] = {0x81, 0x83, 0x66, 's', 't', 'u', 'n', ':', 'x', 0x60, 0x60};

static int begin(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    test_random_init(&numbers, 1);
    return 0;
}

static int end(void **state) {
    (void)state;
    return alloc.live_bytes == 0 ? 0 : -1;
}

static dx_signaling_message sample(dx_signaling_kind kind) {
    return (dx_signaling_message){.kind = kind,
                                  .version = DX_SIGNALING_VERSION,
                                  .nonce = {1},
                                  .limits = {16512, 10, 300000, 100, 75000},
                                  .key = {2},
                                  .signature = {3},
                                  .name = dx_bytes_text("kube.example"),
                                  .ice = dx_bytes_of(ice, sizeof ice),
                                  .topic = {4},
                                  .peer = {5},
                                  .ttl_ms = 60000,
                                  .code = DX_E_LIMIT,
                                  .refused = DX_SIGNALING_JOIN,
                                  .body = dx_bytes_text("body")};
}

static void test_messages_there_and_back(void **state) {
    (void)state;
    for (dx_signaling_kind kind = DX_SIGNALING_HELLO; kind < DX_SIGNALING_KIND_END; kind++) {
        dx_buf first, second;
        dx_signaling_message in = sample(kind), out;
        dx_buf_init(&first, &alloc.port, DX_SIGNALING_FRAME_MAX);
        dx_buf_init(&second, &alloc.port, DX_SIGNALING_FRAME_MAX);
        assert_int_equal(dx_signaling_encode(&in, &first), DX_OK);
        assert_int_equal(dx_signaling_decode(dx_buf_view(&first), &out), DX_OK);
        assert_int_equal(out.kind, kind);
        assert_int_equal(dx_signaling_encode(&out, &second), DX_OK);
        assert_true(dx_bytes_equal(dx_buf_view(&first), dx_buf_view(&second)));
        for (size_t cut = 0; cut < first.size; cut++) {
            assert_int_equal(dx_signaling_decode(dx_bytes_of(first.data, cut), &out), DX_E_MALFORMED);
        }
        dx_buf_append_byte(&first, 0);
        assert_int_equal(dx_signaling_decode(dx_buf_view(&first), &out), DX_E_MALFORMED);
        first.data[1] = DX_SIGNALING_KIND_END;
        assert_int_equal(dx_signaling_decode(dx_buf_view(&first), &out), DX_E_MALFORMED);
        assert_string_not_equal(dx_signaling_kind_name(kind), "unknown");
        dx_buf_deinit(&first);
        dx_buf_deinit(&second);
    }
    assert_string_equal(dx_signaling_kind_name(DX_SIGNALING_KIND_END), "unknown");
    assert_string_equal(dx_signaling_kind_name((dx_signaling_kind)0), "unknown");
}

static int decode(const void *bytes, size_t size) {
    dx_signaling_message out;
    return dx_signaling_decode(dx_bytes_of(bytes, size), &out);
}

static void test_what_is_refused(void **state) {
    static const uint8_t version_2[] = {0x83, 0x01, 0x02, 0xf6}, zero[] = {0x81, 0x00}, none[] = {0x80};
    static const uint8_t refusal_of_nothing_wrong[] = {0x85, 0x0a, 0x00};
    static uint8_t long_frame[DX_SIGNALING_FRAME_MAX + 1] = {0x81, 0x0b};
    (void)state;
    assert_int_equal(decode(version_2, sizeof version_2), DX_E_UNSUPPORTED);
    assert_int_equal(decode(zero, sizeof zero), DX_E_MALFORMED);
    assert_int_equal(decode(none, sizeof none), DX_E_MALFORMED);
    assert_int_equal(decode(refusal_of_nothing_wrong, sizeof refusal_of_nothing_wrong), DX_E_MALFORMED);
    assert_int_equal(decode(long_frame, 2), DX_OK); /* a ping */
    assert_int_equal(decode(long_frame, sizeof long_frame), DX_E_MALFORMED);
    static const uint8_t nine[] = {0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0}, pair[] = {0x81, 0x82, 0x61, 'x', 0x60};
    static const uint8_t nameless[] = {0x81, 0x83, 0x60, 0x60, 0x60},
                         spaced[] = {0x81, 0x83, 0x61, ' ', 0x60, 0x60};
    assert_int_equal(dx_signaling_check_ice(dx_bytes_of(nine, sizeof nine)), DX_E_MALFORMED);
    assert_int_equal(dx_signaling_check_ice(dx_bytes_of(pair, sizeof pair)), DX_E_MALFORMED);
    assert_int_equal(dx_signaling_check_ice(dx_bytes_of(nameless, sizeof nameless)), DX_E_MALFORMED);
    assert_int_equal(dx_signaling_check_ice(dx_bytes_of(spaced, sizeof spaced)), DX_E_MALFORMED);
}

static void test_a_key_is_for_one_service(void **state) {
    static const uint8_t seed[DX_KEY_SIZE] = {9}, nonce[DX_SIGNALING_NONCE_SIZE] = {7};
    uint8_t other_nonce[DX_SIGNALING_NONCE_SIZE] = {8};
    dx_bytes one, two;
    dx_sign_key key, other_key;
    (void)state;
    assert_int_equal(dx_signaling_service_name(dx_bytes_text("wss://a.example/x"), &one), DX_OK);
    assert_int_equal(dx_signaling_service_name(dx_bytes_text("ws://b.example/x"), &two), DX_OK);
    assert_true(dx_bytes_equal(one, dx_bytes_text("a.example/x")));
    assert_int_equal(dx_signaling_service_name(dx_bytes_text("tcp:a.example:1"), &two), DX_E_INVALID);
    assert_int_equal(dx_signaling_service_name(dx_bytes_text("ws://"), &two), DX_E_INVALID);
    assert_int_equal(dx_signaling_service_name(dx_bytes_text("ws://a b"), &two), DX_E_INVALID);
    two = dx_bytes_text("b.example/x");
    dx_signaling_key(seed, one, &key);
    dx_signaling_key(seed, two, &other_key);
    assert_memory_not_equal(key.public_key, other_key.public_key, DX_KEY_SIZE);
    dx_signaling_message prove = {.kind = DX_SIGNALING_PROVE, .name = one};
    memcpy(prove.key, key.public_key, sizeof prove.key);
    dx_signaling_prove(&key, one, nonce, prove.signature);
    assert_int_equal(dx_signaling_check(&prove, nonce), DX_OK);
    assert_int_equal(dx_signaling_check(&prove, other_nonce), DX_E_SIGNATURE);
    prove.name = two; /* what was shown to one is of no use at another */
    assert_int_equal(dx_signaling_check(&prove, nonce), DX_E_SIGNATURE);
}

static void test_names_change_by_day(void **state) {
    uint8_t today[DX_SIGNALING_NAME_SIZE], tomorrow[DX_SIGNALING_NAME_SIZE], other[DX_SIGNALING_NAME_SIZE];
    (void)state;
    dx_signaling_tag(secret, 20000, today);
    dx_signaling_tag(secret, 20001, tomorrow);
    dx_signaling_tag(other_secret, 20000, other);
    assert_memory_not_equal(today, tomorrow, sizeof today);
    assert_memory_not_equal(today, other, sizeof today);
    dx_signaling_tag(secret, 20000, other);
    assert_memory_equal(today, other, sizeof today);
}

static void test_bodies_open_for_one_route_only(void **state) {
    dx_buf body, text;
    dx_signaling_route route = {.tag = {1}, .from = {2}, .to = {3}};
    dx_signaling_signal in = {.session = {4}, .sequence = 5, .signal = dx_bytes_text("offer")}, out;
    (void)state;
    dx_buf_init(&body, &alloc.port, DX_SIGNALING_BODY_MAX);
    dx_buf_init(&text, &alloc.port, DX_SIGNALING_BODY_MAX);
    assert_int_equal(dx_signaling_seal(secret, &numbers.port, &route, &in, &body), DX_OK);
    assert_int_equal(dx_signaling_open(secret, &route, dx_buf_view(&body), &text, &out), DX_OK);
    assert_int_equal(out.sequence, 5);
    assert_int_equal(out.session[0], 4);
    assert_true(dx_bytes_equal(out.signal, in.signal));
    dx_signaling_route wrong[] = {route, route, route};
    wrong[0].tag[0]++, wrong[1].from[0]++, wrong[2].to[0]++;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(dx_signaling_open(secret, &wrong[i], dx_buf_view(&body), &text, &out),
                         DX_E_SIGNATURE);
    }
    assert_int_equal(dx_signaling_open(other_secret, &route, dx_buf_view(&body), &text, &out),
                     DX_E_SIGNATURE);
    for (size_t size = 0; size < body.size; size++) {
        int error = dx_signaling_open(secret, &route, dx_bytes_of(body.data, size), &text, &out);
        assert_true(error == DX_E_MALFORMED || error == DX_E_SIGNATURE);
    }
    text.max = 3;
    dx_buf_deinit(&text);
    assert_int_not_equal(dx_signaling_open(secret, &route, dx_buf_view(&body), &text, &out), DX_OK);
    dx_buf_deinit(&body);
    dx_buf_deinit(&text);
}

static void test_the_largest_body_fits(void **state) {
    static uint8_t large[DX_SIGNAL_SIZE_MAX + 1];
    dx_buf body, frame;
    const dx_signaling_route route = {.tag = {1}};
    dx_signaling_signal in = {.sequence = DX_SIGNALING_SEQUENCE_MAX - 1,
                              .signal = dx_bytes_of(large, sizeof large - 1)};
    dx_signaling_message message = {.kind = DX_SIGNALING_SEND}, out;
    (void)state;
    dx_buf_init(&body, &alloc.port, DX_SIGNALING_BODY_MAX);
    dx_buf_init(&frame, &alloc.port, DX_SIGNALING_FRAME_MAX);
    assert_int_equal(dx_signaling_seal(secret, &numbers.port, &route, &in, &body), DX_OK);
    message.body = dx_buf_view(&body);
    assert_int_equal(dx_signaling_encode(&message, &frame), DX_OK);
    assert_int_equal(dx_signaling_decode(dx_buf_view(&frame), &out), DX_OK);
    in.signal.size++;
    assert_int_equal(dx_signaling_seal(secret, &numbers.port, &route, &in, &body), DX_E_LIMIT);
    in.signal.size = 0;
    in.sequence++;
    assert_int_equal(dx_signaling_seal(secret, &numbers.port, &route, &in, &body), DX_E_LIMIT);
    dx_buf_deinit(&body);
    dx_buf_deinit(&frame);
}

#define WITH_MEMORY(function) cmocka_unit_test_setup_teardown(function, begin, end)

DX_TEST_MAIN(WITH_MEMORY(test_messages_there_and_back), WITH_MEMORY(test_what_is_refused),
             WITH_MEMORY(test_a_key_is_for_one_service), WITH_MEMORY(test_names_change_by_day),
             WITH_MEMORY(test_bodies_open_for_one_route_only), WITH_MEMORY(test_the_largest_body_fits))
