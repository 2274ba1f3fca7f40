/* tests/stories/story_retry.c: asked, and the power fails before the answer is read; asked again.
 *
 * Whatever moment the power fails at, asking again with the same request id gives one object, never two and
 * never none. Asserted for a crash before every change of the disk that
 * the command makes, and for many ways in which a disk loses what was not synced. */
#include "street.h"

static street road;
static const char add[] = "{'do': 'object.add', 'space': 'List', 'type': 'item', 'data': {'buy': 'bread'}}";

static sim_disk *crashed;                /* the disk as it was when the power failed */
static uint64_t crash_at, changes, seed; /* the seed decides what of the unsynced a crash keeps */

static void watch(void *ctx, const sim_disk *disk, sim_disk_call call) {
    (void)ctx;
    (void)call;
    if (++changes == crash_at) {
        crashed = sim_disk_copy(disk, seed);
    }
}

/* Sets the vault back to the moment, with a crash. */
static void fail_power(vault *self) {
    vault_leave(self);
    sim_disk_crash(crashed);
    sim_disk_restore(self->disk, crashed);
    sim_disk_destroy(crashed);
    crashed = NULL;
}

/* False: the command was over before that many changes of the disk. */
static bool crash_and_ask_again(uint64_t at) {
    street_init(&road);
    vault *alice = street_move_in(&road, "alice");
    vault_ask(alice, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'List'}");
    changes = 0;
    crash_at = at;
    sim_disk_watch(alice->disk, watch, NULL);
    uint64_t request = vault_begin(alice, add);
    sim_disk_watch(alice->disk, NULL, NULL);
    bool failed = crashed != NULL;
    if (failed) {
        fail_power(alice);
        vault_open(alice);
    }
    char first[256];
    alice->last[0] = '\0';
    vault_ask_as(alice, request, add);
    snprintf(first, sizeof first, "%s", alice->last);
    assert_non_null(strstr(first, "\"id\""));
    alice->last[0] = '\0';
    vault_ask_as(alice, request, add);
    assert_string_equal(alice->last, first);
    assert_asks(alice, "{'do': 'query', 'space': 'List', 'query': {'type': 'item', 'count': true}}",
                "{\"count\":1}");
    street_deinit(&road);
    return failed;
}

static void test_every_moment(void **state) {
    (void)state;
    uint64_t moments = 0;
    for (bool more = true; more; moments += more) {
        for (seed = 1; seed <= 16; seed++) {
            more = crash_and_ask_again(moments + 1);
        }
    }
    assert_true(moments >= 2); /* the log is written, then synced */
}

DX_TEST_MAIN(DX_TEST(test_every_moment))
