/* sync/replication.c, mesh/swarm.c, node/node.c in the middle of replication: the n-th allocation or the n-th
 * call of the disk fails, once or from then on, while two vaults that wrote apart meet again. Nothing leaks,
 * nothing stored is lost, and when the bad luck is over both agree.
 *
 * Every disk call is tried; of the allocations points that are spread over all, so that the program stays
 * quick. */
#include "street.h"

enum { POINTS = 16, PAGES = 16, TEXT_SIZE = 9000 };

static street home, road;
static vault *alice_left, *bob_left;

/* Made once; every reunion begins from copies. */
static void part(void) {
    if (bob_left != NULL) {
        return;
    }
    street_init(&home);
    alice_left = street_move_in(&home, "alice");
    bob_left = street_move_in(&home, "bob");
    vault_ask(alice_left, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(bob_left, "{'do': 'halo.create', 'name': 'Bob'}");
    vault_ask(alice_left, "{'do': 'space.create', 'name': 'Book'}");
    street_join(alice_left, bob_left, "Book");
    street_pass(&home, 60000);
    home.closed = true;
    street_break(&home);
    street_run(&home);
    static char json[TEXT_SIZE + 200];
    int size =
        snprintf(json, sizeof json, "{'do': 'object.add', 'space': 'Book', 'type': 'page', 'data': {'a': '");
    memset(json + size, 'x', TEXT_SIZE);
    memcpy(json + size + TEXT_SIZE, "'}}", sizeof "'}}");
    for (int i = 0; i < PAGES / 2; i++) {
        vault_ask(alice_left, json);
        vault_ask(bob_left, json);
    }
    vault_leave(alice_left);
    vault_leave(bob_left);
}

static vault *begin(void) {
    part();
    street_init(&road);
    vault *alice = street_move_in_with(&road, "alice", alice_left);
    street_move_in_with(&road, "bob", bob_left);
    alice->mends = true;
    return alice;
}

static uint64_t count_disk_calls(const vault *of) {
    const sim_disk_counts *counts = sim_disk_counters(of->disk);
    uint64_t sum = 0;
    for (size_t i = 0; i < SIM_DISK_CALL_COUNT; i++) {
        sum += counts->calls[i];
    }
    return sum;
}

/* Whatever happened: the bad luck ends, they meet, both hold all pages; also after a restart. */
static void end_well(vault *alice) {
    sim_disk_heal(alice->disk);
    alice->alloc.fail_at = 0;
    street_pass(&road, 180000);
    street_agree(&road, "Book");
    vault_leave(alice);
    vault_open(alice);
    assert_asks(alice, "{'do': 'query', 'space': 'Book', 'query': {'type': 'page', 'count': true}}",
                "{\"count\":16}");
    street_deinit(&road); /* asserts that all memory was given back */
}

static void test_disk(void **state) {
    (void)state;
    vault *alice = begin();
    uint64_t before = count_disk_calls(alice);
    street_pass(&road, 20000);
    uint64_t total = count_disk_calls(alice) - before;
    end_well(alice);
    assert_true(total > 10);
    for (uint64_t at = 1; at <= total; at++) {
        for (int how = 0; how < 3; how++) {
            alice = begin();
            sim_disk_plan(alice->disk,
                          &(sim_disk_fault){
                              .calls = SIM_DISK_ALL_CALLS, .at = at, .sticky = how != 0, .full = how == 2});
            street_pass(&road, 20000);
            assert_true(sim_disk_counters(alice->disk)->faults > 0);
            assert_in_range(road.link_count, 1,
                            24); /* a disk that stays bad is no reason to dial in a circle */
            end_well(alice);
        }
    }
}

static void test_memory(void **state) {
    (void)state;
    vault *alice = begin();
    uint64_t before = alice->alloc.calls;
    street_pass(&road, 20000);
    uint64_t total = alice->alloc.calls - before;
    end_well(alice);
    assert_true(total > POINTS);
    for (uint64_t point = 0; point < 2 * POINTS; point++) {
        alice = begin();
        uint64_t at = alice->alloc.calls + 1 + point / 2 * total / POINTS;
        alice->alloc.fail_at = at;
        alice->alloc.sticky = point % 2 == 1;
        street_pass(&road, 20000);
        assert_true(alice->alloc.calls >= at);
        end_well(alice);
    }
}

DX_TEST_MAIN(DX_TEST(test_disk), DX_TEST(test_memory))
