/* tests/unit/halo/test_invitation.c: what happens in an invitation, told one story at a time with real
 * cryptography (halo/invitation_host.c, halo/invitation_guest.c, halo/invitation_message.c). All the orders:
 * test_invitation_paths.c. */
#include "pair.h"

static test_alloc people_alloc;
static dx_identity alice, bob;

static void begin(pair *p, dx_role role, uint64_t uses_max) {
    test_alloc_init(&people_alloc);
    person_init(&alice, &people_alloc.port, 'A');
    person_init(&bob, &people_alloc.port, 'B');
    pair_init(p, &alice, &bob, role, uses_max, true);
}

static void end(pair *p) {
    pair_deinit(p);
    person_deinit(&alice);
    person_deinit(&bob);
    assert_int_equal(people_alloc.live_bytes, 0);
}

static void connect_and_run(pair *p) {
    pair_connect(p);
    pair_run(p);
}

static void test_joins(void **state) {
    (void)state;
    pair p;
    begin(&p, DX_ROLE_EDITOR, 1);
    assert_int_equal(p.host.state, DX_HOST_ADVERTISING);
    connect_and_run(&p);
    assert_int_equal(p.host.state, DX_HOST_PIN_WAIT);
    assert_int_equal(p.guest.state, DX_GUEST_PIN_REQUIRED);
    assert_int_equal(p.guest.left, 3);
    pair_enter_pin(&p, p.right_pin);
    pair_run(&p);
    assert_int_equal(p.guest.state, DX_GUEST_READY);
    assert_int_equal(p.host.state, DX_HOST_SUCCESS);
    assert_int_equal(p.row.state, DX_HOST_SUCCESS);
    assert_int_equal(p.row.failures, 0);
    assert_int_equal(p.row.uses, 1);
    assert_int_equal(dx_control_role(p.control, p.bob->identity), DX_ROLE_EDITOR);
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
    assert_int_equal(dx_control_role(p.control, p.bob->identity), DX_ROLE_READER);
    end(&p);
}

DX_TEST_MAIN(DX_TEST(test_joins), DX_TEST(test_pin_before_connecting))
