/* tests/unit/net/test_ice_world.c: two agents in a simulated internet: they connect exactly where their NATs allow
 * it, in bounded time and with bounded packets, and stay connected through what networks do.
 * Reaches net/ice_check.c, net/ice_answer.c, net/ice_gather.c and net/ice_list.c through their door, net/ice.h. */
#include "nat_world.h"

enum { SEEDS = 200 };

static world w; /* a few megabytes */

/* A STUN server, and each side behind a NAT of its kind (-1: none). */
static void build(uint64_t seed, int kind_a, int kind_b) {
    world_init(&w, seed);
    world_add_port(&w, WORLD_SERVER, 0, 0, "198.51.100.1:3478");
    int kinds[2] = {kind_a, kind_b};
    static const char *const outsides[2] = {"203.0.113.10", "203.0.113.20"};
    for (int i = 0; i < 2; i++) {
        if (kinds[i] < 0) {
            world_add_port(&w, i, 0, 1, i ? "203.0.113.21:5000" : "203.0.113.11:5000");
        } else {
            int lan = world_add_lan(&w, world_add_nat(&w, (sim_nat_kind)kinds[i], outsides[i]));
            /* The same inside address on both sides: homes are like that. */
            world_add_port(&w, i, lan, 1, "192.168.1.5:5000");
        }
    }
}

static void start(void) {
    dx_net_address server = world_address("198.51.100.1:3478");
    world_start(&w, &server, 1);
}

/* -1: no NAT. */
static bool can_connect(int a, int b) {
    return sim_nats_permit(a < 0 ? SIM_NAT_FULL_CONE : (sim_nat_kind)a,
                           b < 0 ? SIM_NAT_FULL_CONE : (sim_nat_kind)b);
}

static void check_data_both_ways(void) {
    unsigned before[2] = {w.peers[0].data_received, w.peers[1].data_received};
    for (int i = 0; i < 40; i++) { /* some are lost */
        assert_true(world_send_data(&w, 0) && world_send_data(&w, 1));
    }
    world_run(&w, 500);
    assert_true(w.peers[0].data_received > before[0] && w.peers[1].data_received > before[1]);
}

/* Every pair of kinds, without loss: the table, and how long it takes at most. */
static void test_the_table_of_nats(void **state) {
    (void)state;
    for (int a = -1; a <= SIM_NAT_BLOCKED; a++) {
        for (int b = -1; b <= SIM_NAT_BLOCKED; b++) {
            for (uint64_t seed = 0; seed < 6; seed++) {
                build(seed + 1, a, b);
                start();
                world_run(&w, 25000);
                if (world_connected(&w) != can_connect(a, b)) {
                    fail_msg("%s with %s, seed %d", a < 0 ? "public" : sim_nat_words((sim_nat_kind)a),
                             b < 0 ? "public" : sim_nat_words((sim_nat_kind)b), (int)seed);
                }
                for (int i = 0; i < 2; i++) {
                    assert_int_equal(w.peers[i].failed_count, can_connect(a, b) ? 0 : 1);
                    assert_true(w.peers[i].datagrams_sent < 120);
                    assert_int_equal(w.peers[i].ends_told, 1);
                }
                if (can_connect(a, b)) {
                    assert_true(w.peers[0].selected_ms < 3500 && w.peers[1].selected_ms < 3500);
                    check_data_both_ways();
                } else {
                    assert_true(w.peers[0].failed_ms <= 1000 + 200 + DX_ICE_GIVE_UP_MS);
                    assert_int_equal(dx_ice_deadline(w.peers[0].ice), DX_NO_DEADLINE); /* and is quiet */
                }
                world_deinit(&w);
            }
        }
    }
}

/* The same with a bad network: a fifth lost, a tenth twice, delays that turn the order. */
static void test_hundreds_of_bad_networks(void **state) {
    (void)state;
    unsigned possible = 0, connected = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        test_random choice;
        test_random_init(&choice, seed * 77);
        int a = (int)(test_random_next(&choice) % 5) - 1, b = (int)(test_random_next(&choice) % 5) - 1;
        build(seed, a, b);
        w.loss_percent = (unsigned)(test_random_next(&choice) % 21);
        w.duplicate_percent = 10;
        w.delay_high_ms = 5 + test_random_next(&choice) % 300;
        w.signal_ms = test_random_next(&choice) % 800;
        start();
        world_run(&w, 25000);
        possible += can_connect(a, b);
        connected += world_connected(&w);
        if (!can_connect(a, b)) {
            assert_false(world_connected(&w));
        } else if (!world_connected(&w)) {
            fail_msg("seed %d did not connect", (int)seed);
        } else {
            check_data_both_ways();
        }
        assert_true(w.peers[0].datagrams_sent < 200 && w.peers[1].datagrams_sent < 200);
        world_deinit(&w);
    }
    assert_int_equal(connected, possible);
    assert_true(possible > SEEDS / 2);
}

/* Two at home: by their own addresses, whatever the NAT is. */
static void test_one_local_network(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        world_init(&w, seed);
        world_add_port(&w, WORLD_SERVER, 0, 0, "198.51.100.1:3478");
        int lan = world_add_lan(
            &w, world_add_nat(&w, seed % 2 ? SIM_NAT_SYMMETRIC : SIM_NAT_BLOCKED, "203.0.113.10"));
        world_add_port(&w, 0, lan, 1, "192.168.1.5:5000");
        world_add_port(&w, 1, lan, 1, "192.168.1.6:5000");
        start();
        world_run(&w, 1500);
        assert_true(world_connected(&w));
        dx_net_address other = world_address("192.168.1.6:5000");
        assert_true(dx_net_address_equal(&w.peers[0].selected.remote, &other));
        assert_int_equal(w.peers[0].selected.remote_type, DX_CANDIDATE_HOST);
        assert_true(w.peers[0].selected.rtt_ms >= 10 && w.peers[0].selected.rtt_ms <= 50);
        world_deinit(&w);
    }
}

/* Two networks behind one NAT that do not route to each other: only a hairpin joins them. */
static void test_hairpin(void **state) {
    (void)state;
    for (int hairpin = 0; hairpin < 2; hairpin++) {
        world_init(&w, 5);
        world_add_port(&w, WORLD_SERVER, 0, 0, "198.51.100.1:3478");
        int nat = world_add_nat(&w, SIM_NAT_PORT_RESTRICTED, "203.0.113.10");
        w.net.nats[nat].hairpin = hairpin == 1;
        world_add_port(&w, 0, world_add_lan(&w, nat), 1, "192.168.1.5:5000");
        world_add_port(&w, 1, world_add_lan(&w, nat), 1, "192.168.2.5:5000");
        start();
        world_run(&w, 25000);
        assert_int_equal(world_connected(&w), hairpin == 1);
        world_deinit(&w);
    }
}

static void test_ipv6_beside_a_bad_nat(void **state) {
    (void)state;
    build(3, SIM_NAT_SYMMETRIC, SIM_NAT_SYMMETRIC);
    world_add_port(&w, 0, 0, 2, "[2001:db8:1::5]:5000");
    world_add_port(&w, 1, 0, 2, "[2001:db8:2::5]:5000");
    world_add_port(&w, 1, 2, 3, "[fe80::5]:5000"); /* reaches nobody here */
    start();
    world_run(&w, 2000);
    assert_true(world_connected(&w));
    assert_int_equal(w.peers[0].selected.remote.family, DX_NET_IPV6);
    assert_int_equal(w.peers[0].selected.socket, 2);
    world_deinit(&w);
}

/* No server told anything: one side is public, so its partner's checks show the way (all is peer-reflexive). */
static void test_peer_reflexive_alone(void **state) {
    (void)state;
    for (int kind = 0; kind < SIM_NAT_BLOCKED; kind++) {
        build(9, kind, -1);
        world_start(&w, NULL, 0);
        world_run(&w, 3000);
        assert_true(world_connected(&w));
        assert_int_equal(w.peers[1].selected.remote_type, DX_CANDIDATE_PEER_REFLEXIVE);
        assert_int_equal(w.peers[0].selected.local_type, DX_CANDIDATE_PEER_REFLEXIVE);
        check_data_both_ways();
        world_deinit(&w);
    }
}

/* A dead server and a dead interface hold nobody up. */
static void test_dead_server_and_interface(void **state) {
    (void)state;
    build(4, SIM_NAT_FULL_CONE, SIM_NAT_RESTRICTED);
    int island = world_add_lan(&w, SIM_NO_NAT);
    world_add_port(&w, 0, island, 7, "10.9.9.9:5000");
    world_add_port(&w, 1, island, 7, "10.9.9.10:5000");
    w.net.ports[w.net.port_count - 1].up = false; /* nobody there */
    dx_net_address servers[2] = {world_address("198.51.100.77:3478"), world_address("198.51.100.1:3478")};
    world_start(&w, servers, 2);
    world_run(&w, 3000);
    assert_true(world_connected(&w));
    world_run(&w, 12000);
    assert_int_equal(w.peers[0].ends_told, 1); /* the dead one was given up */
    world_deinit(&w);
}

static void test_both_begin_with_one_role(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        bool role = seed % 2;
        build(seed, SIM_NAT_RESTRICTED, -1);
        dx_net_address server = world_address("198.51.100.1:3478");
        world_create(&w, 0, role, &server, 1);
        world_create(&w, 1, role, &server, 1);
        for (int i = 0; i < 2; i++) {
            world_tell_credentials(&w, i);
            world_add_locals(&w, i);
        }
        world_run(&w, 5000);
        assert_true(world_connected(&w));
        assert_int_not_equal(dx_ice_is_controlling(w.peers[0].ice), dx_ice_is_controlling(w.peers[1].ice));
        check_data_both_ways();
        world_deinit(&w);
    }
}

/* An hour without data: consent goes on, and costs a packet every few seconds. */
static void test_an_idle_hour(void **state) {
    (void)state;
    build(11, SIM_NAT_PORT_RESTRICTED, SIM_NAT_RESTRICTED);
    w.loss_percent = 5;
    start();
    world_run(&w, 5000);
    assert_true(world_connected(&w));
    unsigned before = w.peers[0].datagrams_sent;
    world_run(&w, 3600 * 1000);
    assert_true(world_connected(&w));
    assert_int_equal(w.peers[0].failed_count, 0);
    unsigned sent = w.peers[0].datagrams_sent - before;
    assert_in_range(sent, 3600 / 6 * 2 - 300, 3600 / 4 * 2 + 500); /* checks and answers */
    world_deinit(&w);
}

static void test_consent_ends(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        build(seed, -1, SIM_NAT_RESTRICTED);
        start();
        world_run(&w, 5000);
        assert_true(world_connected(&w));
        w.loss_percent = 100;
        uint64_t cut_ms = w.now_ms;
        world_run(&w, DX_ICE_CONSENT_LOST_MS - 7000);
        assert_int_equal(dx_ice_state_of(w.peers[0].ice), DX_ICE_CONNECTED);
        world_run(&w, 8000);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(w.peers[i].failed_count, 1);
            assert_int_equal(w.peers[i].reason, DX_ICE_CONSENT_LOST);
            assert_true(w.peers[i].failed_ms <= cut_ms + DX_ICE_CONSENT_LOST_MS);
            assert_false(world_send_data(&w, i));
        }
        world_deinit(&w);
    }
}

/* A NAT forgets its mappings: the other side sees a new address and follows it. */
static void test_rebinding_is_followed(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        int side = (int)(seed % 2);
        build(seed, side ? -1 : (int)(seed % 4), side ? (int)(seed / 2 % 4) : -1);
        start();
        world_run(&w, 8000);
        assert_true(world_connected(&w));
        for (int i = 0; i < 3; i++) {
            world_rebind(&w, 0);
            world_run(&w, 7500); /* a consent check shows it, a second of doubt settles it */
            assert_true(world_connected(&w));
            check_data_both_ways();
        }
        assert_int_equal(w.peers[0].failed_count + w.peers[1].failed_count, 0);
        world_deinit(&w);
    }
}

/* A NAT forgets who is silent; consent is not, so what is in use stays. */
static void test_mappings_expire(void **state) {
    (void)state;
    enum { LIFETIME_MS = 20000 };
    build(7, SIM_NAT_PORT_RESTRICTED, -1);
    w.net.nats[0].lifetime_ms = LIFETIME_MS;
    start();
    world_run(&w, 10 * 60 * 1000);
    assert_true(world_connected(&w));
    assert_int_equal(w.peers[0].selected_count, 1);
    check_data_both_ways();
    const sim_udp_port *inside = sim_internet_find_port(&w.net, 1, &w.peers[0].selected.local);
    const sim_udp_port *outside = sim_internet_find_port(&w.net, 0, &w.peers[0].selected.remote);
    assert_true(inside && outside);
    sim_arrival there, back;
    assert_true(sim_internet_route(&w.net, w.now_ms, inside, &outside->address, &there));
    assert_true(sim_internet_route(&w.net, w.now_ms + LIFETIME_MS - 1, outside, &there.from, &back));
    assert_true(dx_net_address_equal(&back.to, &inside->address));
    assert_false(sim_internet_route(&w.net, w.now_ms + LIFETIME_MS, outside, &there.from, &back));
    world_deinit(&w);
}

/* A hundred rebindings: the list of addresses does not fill up with those of the past. */
static void test_many_rebindings(void **state) {
    (void)state;
    build(6, SIM_NAT_RESTRICTED, -1);
    start();
    for (int i = 0; i < 100; i++) {
        world_run(&w, 15000);
        assert_true(world_connected(&w));
        world_rebind(&w, 0);
    }
    world_run(&w, 15000);
    check_data_both_ways();
    world_deinit(&w);
}

/* A cable is pulled: the radio that is up already takes over without a word through signaling. */
static void test_a_second_interface_takes_over(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        build(seed, -1, -1);
        world_add_port(&w, 0, 0, 2, "203.0.113.12:5000");
        start();
        world_run(&w, 6000);
        assert_true(world_connected(&w));
        uint32_t lost = w.peers[0].selected.socket;
        for (size_t i = 0; i < w.net.port_count; i++) {
            w.net.ports[i].up &= !(w.net.ports[i].peer == 0 && w.net.ports[i].socket == lost);
        }
        if (seed % 2) { /* the system tells; otherwise silence does */
            dx_ice_remove_local(w.peers[0].ice, w.now_ms, lost);
            world_pump(&w, 0);
        }
        world_run(&w, 20000);
        assert_true(world_connected(&w));
        assert_int_not_equal(w.peers[0].selected.socket, lost);
        check_data_both_ways();
        world_deinit(&w);
    }
}

/* Another network, other addresses: new credentials through signaling, the old path in use until then. */
static void test_restart(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        int who = (int)(seed % 2);
        build(seed, (int)(seed % 4), -1);
        start();
        world_run(&w, 6000);
        assert_true(world_connected(&w));
        unsigned selected[2] = {w.peers[0].selected_count, w.peers[1].selected_count};
        char old[DX_ICE_UFRAG_SIZE + 1];
        memcpy(old, dx_ice_ufrag(w.peers[who].ice), sizeof old);
        dx_ice_restart(w.peers[who].ice, w.now_ms);
        assert_string_not_equal(dx_ice_ufrag(w.peers[who].ice), old);
        world_tell_credentials(&w, who);
        world_pump(&w, who);
        for (int i = 0; i < 30; i++) { /* not a datagram is without a way, none is refused */
            unsigned refused = w.peers[0].data_lost + w.peers[1].data_lost;
            assert_true(world_send_data(&w, 0) && world_send_data(&w, 1));
            world_run(&w, 60);
            assert_int_equal(w.peers[0].data_lost + w.peers[1].data_lost, refused);
        }
        for (int i = 0; i < 2; i++) {
            assert_int_equal(w.peers[i].failed_count, 0);
            assert_true(w.peers[i].selected_count > selected[i]);
        }
        assert_true(world_connected(&w));
        check_data_both_ways();
        world_deinit(&w);
    }
}

/* Both restart at once, as both see the network change. */
static void test_both_restart(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        build(seed, SIM_NAT_RESTRICTED, SIM_NAT_FULL_CONE);
        start();
        world_run(&w, 6000);
        for (int i = 0; i < 2; i++) {
            dx_ice_restart(w.peers[i].ice, w.now_ms);
            world_tell_credentials(&w, i);
            world_pump(&w, i);
            world_run(&w, seed % 30);
        }
        world_run(&w, 6000);
        assert_true(world_connected(&w));
        check_data_both_ways();
        world_deinit(&w);
    }
}

static void restart_offerer(void) {
    dx_ice_restart(w.peers[0].ice, w.now_ms);
    w.peers[0].offers = true;
    world_tell_credentials(&w, 0);
    world_pump(&w, 0);
}

/* The restart is heard by nobody: the old path goes on as long as it is good, and its end is told. */
static void test_a_restart_that_leads_nowhere(void **state) {
    (void)state;
    build(8, SIM_NAT_FULL_CONE, -1);
    start();
    world_run(&w, 6000);
    w.signals_cut = true;
    dx_ice_restart(w.peers[0].ice, w.now_ms);
    world_pump(&w, 0);
    world_run(&w, 120000);
    assert_true(world_connected(&w));
    check_data_both_ways();
    w.loss_percent = 100;
    world_run(&w, DX_ICE_CONSENT_LOST_MS + 1000);
    assert_int_equal(dx_ice_state_of(w.peers[0].ice),
                     DX_ICE_WAITING); /* the answer to the restart may still come */
    world_run(&w, DX_ICE_GIVE_UP_MS);
    assert_int_equal(w.peers[0].failed_count, 1);
    assert_int_equal(w.peers[0].reason, DX_ICE_CONSENT_LOST);
    world_deinit(&w);
}

/* A roaming peer: its addresses go, others come, a restart tells of them. */
static void test_address_change_with_restart(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        build(seed, SIM_NAT_RESTRICTED, SIM_NAT_PORT_RESTRICTED);
        start();
        world_run(&w, 6000);
        assert_true(world_connected(&w));
        int lan = world_add_lan(&w, world_add_nat(&w, SIM_NAT_FULL_CONE, "203.0.113.99"));
        for (size_t i = 0; i < w.net.port_count; i++) {
            w.net.ports[i].up &= w.net.ports[i].peer != 0;
        }
        const sim_udp_port *port = world_add_port(&w, 0, lan, 9, "172.16.0.9:5000");
        dx_ice_remove_local(w.peers[0].ice, w.now_ms, 1);
        assert_int_equal(dx_ice_add_local(w.peers[0].ice, w.now_ms, 9, &port->address), DX_OK);
        dx_ice_restart(w.peers[0].ice, w.now_ms);
        world_tell_credentials(&w, 0);
        world_pump(&w, 0);
        world_run(&w, 4000);
        assert_true(world_connected(&w));
        check_data_both_ways();
        world_deinit(&w);
    }
}

static void happen(void) {
    int who = (int)world_draw(&w, 2);
    switch (world_draw(&w, 6)) {
    case 0:
        world_rebind(&w, who);
        break;
    case 1:
        restart_offerer();
        break;
    case 2: /* the second interface comes or goes, and the system says so */
        for (size_t i = 0; i < w.net.port_count; i++) {
            sim_udp_port *port = &w.net.ports[i];
            if (port->peer == who && port->socket == 2) {
                port->up = !port->up;
                if (port->up) {
                    assert_int_equal(dx_ice_add_local(w.peers[who].ice, w.now_ms, 2, &port->address), DX_OK);
                } else {
                    dx_ice_remove_local(w.peers[who].ice, w.now_ms, 2);
                }
                world_pump(&w, who);
            }
        }
        break;
    case 3:
        w.loss_percent = (unsigned)world_draw(&w, 50);
        break;
    case 4:
        w.loss_percent = world_draw(&w, 3) == 0 ? 100 : 0;
        break;
    default:
        w.delay_high_ms = 5 + world_draw(&w, 500);
    }
}

/* Everything at once for some minutes, restarts on the heels of restarts among it; then it is calm, and at the latest a restart brings both together. */
static void test_stormy_minutes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        build(seed, (int)(seed % 3), (int)(seed / 3 % 3));
        world_add_port(&w, 0, 1, 2, "192.168.1.7:5000");
        world_add_port(&w, 1, 2, 2, "192.168.1.8:5000");
        start();
        for (int i = 0; i < 25; i++) {
            happen();
            world_run(&w, world_draw(&w, 8000));
        }
        w.loss_percent = 0;
        w.delay_high_ms = 25;
        world_run(&w, 40000);
        if (!world_connected(&w) || w.peers[0].failed_count + w.peers[1].failed_count > 0) {
            restart_offerer();
            world_run(&w, 5000);
        }
        assert_true(world_connected(&w));
        check_data_both_ways();
        world_deinit(&w);
    }
}

/* After a failure a restart begins anew. */
static void test_failed_and_begun_again(void **state) {
    (void)state;
    build(2, SIM_NAT_BLOCKED, -1);
    start();
    world_run(&w, 25000);
    assert_int_equal(w.peers[0].failed_count, 1);
    w.net.nats[0].kind = SIM_NAT_RESTRICTED;
    dx_ice_restart(w.peers[0].ice, w.now_ms);
    assert_int_equal(dx_ice_state_of(w.peers[0].ice), DX_ICE_WAITING);
    world_tell_credentials(&w, 0);
    world_pump(&w, 0);
    world_run(&w, 3000);
    assert_true(world_connected(&w));
    world_deinit(&w);
}

/* Everything on loopback, where milliseconds count. */
static void test_loopback_is_quick(void **state) {
    (void)state;
    world_init(&w, 1);
    world_add_port(&w, 0, 0, 1, "127.0.0.1:5000");
    world_add_port(&w, 1, 0, 1, "127.0.0.1:5001");
    w.delay_low_ms = w.delay_high_ms = 0;
    w.signal_ms = 1;
    world_create(&w, 0, true, NULL, 0);
    world_create(&w, 1, false, NULL, 0);
    world_tell_credentials(&w, 0);
    world_add_locals(&w, 0);
    world_tell_credentials(&w, 1);
    world_add_locals(&w, 1);
    world_run(&w, 30);
    uint32_t socket = 0;
    dx_net_address to;
    assert_true(dx_ice_path(w.peers[0].ice, &socket, &to) && dx_ice_path(w.peers[1].ice, &socket, &to));
    world_run(&w, 40);
    assert_true(world_connected(&w));
    world_deinit(&w);
}

DX_TEST_MAIN(DX_TEST(test_the_table_of_nats), DX_TEST(test_hundreds_of_bad_networks),
             DX_TEST(test_one_local_network), DX_TEST(test_hairpin), DX_TEST(test_ipv6_beside_a_bad_nat),
             DX_TEST(test_peer_reflexive_alone), DX_TEST(test_dead_server_and_interface),
             DX_TEST(test_both_begin_with_one_role), DX_TEST(test_an_idle_hour), DX_TEST(test_consent_ends),
             DX_TEST(test_rebinding_is_followed), DX_TEST(test_mappings_expire),
             DX_TEST(test_many_rebindings), DX_TEST(test_a_second_interface_takes_over),
             DX_TEST(test_restart), DX_TEST(test_both_restart), DX_TEST(test_a_restart_that_leads_nowhere),
             DX_TEST(test_address_change_with_restart), DX_TEST(test_stormy_minutes),
             DX_TEST(test_failed_and_begun_again), DX_TEST(test_loopback_is_quick))
