/* test_stand_in_integrity.c: what the simulator's stand-in for STUN's keyed hash keeps. This program is linked with
 * sim/stand_in_integrity.c before the library. */
#include "net/stun.h"
#include "test.h"

static dx_bytes write_check(dx_stun_writer *writer, const char *key) {
    static const uint8_t transaction[DX_STUN_TRANSACTION_SIZE] = "transaction";
    dx_stun_begin(writer, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    dx_stun_add_username(writer, dx_bytes_text("there"), dx_bytes_text("here"));
    dx_stun_add_integrity(writer, dx_bytes_text(key));
    return dx_stun_written(writer);
}

static bool holds(dx_bytes datagram, const char *key) {
    dx_stun_message message;
    return dx_stun_decode(datagram, &message) == DX_OK &&
           dx_stun_verify(&message, dx_bytes_text(key)) == DX_OK;
}

static void test_it_holds_under_its_key_alone(void **state) {
    (void)state;
    dx_stun_writer writer, other;
    dx_bytes datagram = write_check(&writer, "a password");
    assert_true(holds(datagram, "a password"));
    assert_false(holds(datagram, "a passwore"));
    assert_false(holds(datagram, ""));
    dx_bytes others = write_check(&other, "another");
    assert_memory_not_equal(datagram.data + datagram.size - DX_STUN_INTEGRITY_SIZE,
                            others.data + others.size - DX_STUN_INTEGRITY_SIZE, DX_STUN_INTEGRITY_SIZE);
}

static void test_what_was_changed_does_not_hold(void **state) {
    (void)state;
    dx_stun_writer writer;
    dx_bytes datagram = write_check(&writer, "a password");
    for (size_t i = 8; i < datagram.size; i++) { /* before it stands what says that it is STUN */
        writer.bytes[i] ^= 1;
        assert_false(holds(datagram, "a password"));
        writer.bytes[i] ^= 1;
    }
    assert_true(holds(datagram, "a password"));
}

DX_TEST_MAIN(DX_TEST(test_it_holds_under_its_key_alone), DX_TEST(test_what_was_changed_does_not_hold))
