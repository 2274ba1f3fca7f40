/* tests/stories/story_update_cost.c: what one update costs once two vaults know each other.
 *
 * Asserted: Alice's change is one sync of her log, Bob's vault takes it with one of its own, and nothing is
 * said beyond the block, the digests behind it, and Bob's digests. A second transaction on the way, or a
 * question asked while the answer travels, would show here. */
#include "street.h"

#include "base/limits.h"
#include "store/page_seal.h"

enum { WARM_UP = 60, UPDATES = 100, FRAMES_HERE_MAX = 7, FRAMES_THERE_MAX = 5 };

static street road;

typedef struct cost {
    uint64_t syncs, written_bytes, grown_bytes;
} cost;

static uint64_t log_size(const vault *of) {
    return sim_disk_file(of->disk, "vault-wal").size;
}

static cost count(const vault *of) {
    const sim_disk_counts *counts = sim_disk_counters(of->disk);
    return (cost){counts->calls[SIM_DISK_SYNC], counts->bytes_written, log_size(of)};
}

/* Since then, but for the log's growing ahead, which nobody waits for. */
static cost spent(const vault *of, cost before) {
    cost now = count(of);
    uint64_t grown = now.grown_bytes - before.grown_bytes;
    assert_int_equal(grown % DX_STORE_LOG_AHEAD_SIZE, 0);
    return (cost){now.syncs - before.syncs - grown / DX_STORE_LOG_AHEAD_SIZE,
                  now.written_bytes - before.written_bytes - grown, grown};
}

static void change(vault *who, const char *id, int n) {
    char json[160];
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'Garden', 'id': '%s', 'set': {'n': %d}}", id,
             n);
    vault_ask(who, json);
}

static void test_story(void **state) {
    (void)state;
    char id[64];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_field(vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'type': 'bed', 'data': {'n': 0}}"),
                 "id", id, sizeof id);
    street_join(alice, bob, "Garden");
    vault_begin(bob, "{'do': 'watch', 'space': 'Garden', 'query': {'type': 'bed'}}");
    for (int i = 1; i <= WARM_UP; i++) {
        change(alice, id, i);
    }
    street_run(&road);

    cost here = count(alice), there = count(bob);
    alice->sends = bob->sends = 0;
    bob->notified = 0;
    for (int i = 1; i <= UPDATES; i++) {
        change(alice, id, WARM_UP + i);
        assert_int_equal(bob->notified, i);
    }
    here = spent(alice, here);
    there = spent(bob, there);
    assert_int_equal(here.syncs, UPDATES);
    assert_int_equal(there.syncs, UPDATES);
    assert_true(here.written_bytes <= (uint64_t)UPDATES * FRAMES_HERE_MAX * DX_FRAME_SIZE);
    assert_true(there.written_bytes <= (uint64_t)UPDATES * FRAMES_THERE_MAX * DX_FRAME_SIZE);
    assert_int_equal(alice->sends, 2 * UPDATES);
    assert_int_equal(bob->sends, UPDATES);
    print_message("# %.1f pages here, %.1f there\n", (double)here.written_bytes / DX_FRAME_SIZE / UPDATES,
                  (double)there.written_bytes / DX_FRAME_SIZE / UPDATES);
    street_agree(&road, "Garden");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_story))
