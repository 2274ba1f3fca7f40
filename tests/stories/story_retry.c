/* tests/stories/story_retry.c: asked, and the power fails before the answer is read; asked again.
 *
 * Whatever moment the power fails at, asking again with the same request id gives one object, one invitation
 * with one link and one PIN, one joined space: never two and never none. Asserted for a crash before every
 * change of the disk that the command makes, and for many ways in which a disk loses what was not synced. */
#include "street.h"

#include "halo/invitation.h"

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

/* From here on the disk's changes are counted, and it is kept as it is before the given one. */
static void count_from_here(vault *self, uint64_t at,
                            void (*watcher)(void *ctx, const sim_disk *disk, sim_disk_call call)) {
    changes = 0;
    crash_at = at;
    sim_disk_watch(self->disk, watcher, NULL);
}

/* Tried at every moment, each with several disks, until a command is over before it. */
static void try_every_moment(bool (*try)(uint64_t at), uint64_t disks) {
    uint64_t moments = 0;
    for (bool more = true; more; moments += more) {
        for (seed = 1; seed <= disks; seed++) {
            more = try(moments + 1);
        }
    }
    assert_true(moments >= 2); /* the log is written, then synced */
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
    vault *alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'List'}");
    count_from_here(alice, at, watch);
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

static void test_add_every_moment(void **state) {
    (void)state;
    try_every_moment(crash_and_ask_again, 16);
}

/* --- An invitation ------------------------------------------------------------------------------- */

static int count_one(void *ctx, const uint8_t *id) {
    (void)id;
    ++*(size_t *)ctx;
    return DX_OK;
}

/* How many invitations the vault holds, and whether this text stands in one of its stored replies. */
static size_t count_invitations(vault *self, const char *pin, bool *replied) {
    size_t count = 0;
    dx_store *store;
    dx_store_config config = {.alloc = &self->alloc.port,
                              .random = &self->random.port,
                              .vfs = sim_disk_vfs(self->disk),
                              .path = "vault"};
    vault_leave(self);
    assert_int_equal(dx_store_open(&config, &store), DX_OK);
    assert_int_equal(dx_store_begin(store), DX_OK);
    assert_int_equal(dx_invitation_each(store, count_one, &count), DX_OK);
    sqlite3_stmt *select =
        dx_store_query(store, "SELECT 1 FROM reply WHERE instr(body, CAST(?1 AS BLOB)) > 0");
    dx_bind_text(select, 1, dx_bytes_text(pin));
    *replied = dx_step(store, select);
    dx_step_reset(select);
    dx_store_rollback(store);
    dx_store_close(store);
    vault_open(self);
    return count;
}

static bool crash_and_share_again(uint64_t at) {
    static const char share[] = "{'do': 'space.share', 'space': 'List'}";
    static char first[2100], url[2100];
    char first_pin[7], pin[7];
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'List'}");
    count_from_here(alice, at, watch);
    uint64_t request = vault_begin(alice, share);
    sim_disk_watch(alice->disk, NULL, NULL);
    bool failed = crashed != NULL, replied;
    street_field(alice->told, "url", first, sizeof first);
    street_field(alice->told, "pin", first_pin, sizeof first_pin);
    if (failed) {
        fail_power(alice);
    } else {
        vault_leave(alice);
    }
    vault_open(alice);
    street_run(&road);
    for (int again = 0; again < 3; again++) {
        alice->told[0] = '\0';
        vault_ask_as(alice, request, share);
        street_field(alice->told, "url", url, sizeof url);
        street_field(alice->told, "pin", pin, sizeof pin);
        if (!failed) { /* it was told: it holds */
            assert_string_equal(url, first);
            assert_string_equal(pin, first_pin);
        }
        snprintf(first, sizeof first, "%s", url);
        snprintf(first_pin, sizeof first_pin, "%s", pin);
        failed = false;
        assert_int_equal(count_invitations(alice, pin, &replied), 1);
        assert_false(replied);
        street_run(&road);
    }
    /* Withdrawn, it answers with its end, and makes no other. */
    vault_ask_as(alice, request, share);
    vault_refer(alice, "request.cancel", request, NULL);
    street_run(&road);
    vault_leave(alice);
    vault_open(alice);
    street_run(&road);
    alice->told[0] = '\0';
    vault_ask_as(alice, request, share);
    street_run(&road);
    assert_non_null(strstr(alice->last, "\"cancelled\""));
    assert_string_equal(alice->told, "");
    assert_int_equal(count_invitations(alice, pin, &replied), 1);
    bool more = changes >= at;
    street_deinit(&road);
    return more;
}

static void test_share_every_moment(void **state) {
    (void)state;
    try_every_moment(crash_and_share_again, 4);
}

/* --- A join ---------------------------------------------------------------------------------------- */

/* The power fails, so nothing more is heard of the guest. */
static void watch_and_cut(void *ctx, const sim_disk *disk, sim_disk_call call) {
    watch(ctx, disk, call);
    if (crashed != NULL && changes == crash_at) {
        road.cut_after = 1;
        road.closed = true;
    }
}

static bool crash_and_join_again(uint64_t at) {
    static char url[2100], json[2300], space[80], again[80];
    char pin[7];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    street_field(vault_ask(alice, "{'do': 'space.create', 'name': 'List'}"), "space", space, sizeof space);
    street_share(alice, "List", url, sizeof url, pin);
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s', 'pin': '%s'}", url, pin);
    count_from_here(bob, at, watch_and_cut);
    uint64_t request = vault_begin(bob, json);
    while (bob->last[0] == '\0' && crashed == NULL && road.now_ms < 10000) {
        street_pass(&road, 10);
    }
    sim_disk_watch(bob->disk, NULL, NULL);
    bool failed = crashed != NULL;
    if (failed) {
        fail_power(bob);
        road.cut_after = 0;
        road.closed = false;
        vault_open(bob);
    }
    street_pass(&road, 1000);
    bob->last[0] = '\0';
    vault_ask_as(bob, request, json);
    street_pass(&road, 5000);
    if (strstr(bob->last, "\"ready\"") == NULL) {
        fail_msg("moment %llu, seed %llu: %s", (unsigned long long)at, (unsigned long long)seed, bob->last);
    }
    assert_string_equal(street_field(bob->last, "space", again, sizeof again), space);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'space.members', 'space': 'List'}"), "{\"count\":2}"));
    assert_asks(bob, "{'do': 'space.list'}", "{\"count\":1}");
    street_deinit(&road);
    return failed;
}

static void test_join_every_moment(void **state) {
    (void)state;
    try_every_moment(crash_and_join_again, 4);
}

DX_TEST_MAIN(DX_TEST(test_share_every_moment), DX_TEST(test_join_every_moment),
             DX_TEST(test_add_every_moment))
