/* tests/unit/echo/test_space.c: spaces begin, are joined, loaded, counted, named, and change their feeds. */
#include "peer.h"

static void test_create_and_load(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    for (int round = 0; round < 2; round++) {
        char name[64];
        int64_t objects, links;
        peer_begin(&alice);
        assert_true(dx_space_name(&alice.context, alice.space, name, sizeof name));
        assert_string_equal(name, "Garden");
        assert_true(
            dx_space_member_name(&alice.context, alice.space, alice.identity.identity, name, sizeof name));
        assert_string_equal(name, "Alice");
        assert_int_equal(dx_space_count(&alice.context, alice.space, &objects, &links), DX_OK);
        assert_int_equal(objects, 0);
        assert_int_equal(links, 0);
        assert_int_equal(alice.space->feed_count, 2);
        assert_int_equal(alice.space->blocked, 0);
        assert_int_equal(alice.space->refused, 0);
        peer_commit(&alice);
        peer_reopen(&alice);
    }
    peer_deinit(&alice);
}

DX_TEST_MAIN(DX_TEST(test_create_and_load))
