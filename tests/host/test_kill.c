/* kill -9 at any moment: what was acknowledged is there, and the next start is clean. Agents while they open,
 * serve and recover; programs that hold the vault themselves, from its making on; a receiver of replication.
 *
 * DX_KILLS=N asks for another number of kills than the usual 200, DX_SEED for other moments (both are printed
 * first). The moments are drawn from the seed; what the processes have done by then is the machine's. */
#include "scene.h"

#include <sys/time.h>

/* Sanitizers make everything some times slower: fewer kills, later ones. */
enum { KILLS = 200, KILLS_SANITIZED = 50, LATER_SANITIZED = 6 };

static test_random dice;
static int kills_wanted;

static uint64_t roll(uint64_t bound) {
    return test_random_next(&dice) % bound;
}

/* --- The killer ------------------------------------------------------------------------------------------
 */

static volatile sig_atomic_t victim;

static void strike(int number) {
    (void)number;
    kill((pid_t)victim, SIGKILL);
}

static void strike_within(pid_t pid, unsigned most_ms) {
    most_ms *= scene_is_sanitized() ? LATER_SANITIZED : 1;
    uint64_t after_us = 1 + roll((uint64_t)most_ms * 1000);
    struct itimerval when = {
        .it_value = {.tv_sec = (time_t)(after_us / 1000000), .tv_usec = (suseconds_t)(after_us % 1000000)}};
    struct sigaction action = {.sa_handler = strike, .sa_flags = SA_RESTART};
    victim = (sig_atomic_t)pid;
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &when, NULL), 0);
}

static void bury(pid_t pid) {
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* --- What is there ---------------------------------------------------------------------------------------
 */

typedef struct tally {
    const char *field;
    uint8_t *seen; /* how often the field's value was met */
    int64_t size;
} tally;

static void count_row(tally *counts, dx_bytes row) {
    int64_t n = dx_item_int(dx_item_get(dx_item_get(row, "data"), counts->field), -1);
    assert_in_range(n, 0, counts->size - 1);
    counts->seen[n]++;
}

static void count_rows(void *ctx, bool last, dx_bytes body) {
    dx_bytes rows = dx_item_get(body, "rows");
    dx_reader reader;
    (void)last;
    if (rows.size == 0) {
        return;
    }
    dx_reader_init(&reader, rows);
    for (size_t left = dx_read_array(&reader); left > 0; left--) {
        count_row(ctx, dx_read_item(&reader));
    }
}

static void count_objects(dx_client *client, const char *type, tally *counts) {
    char json[128];
    dx_buf reply;
    snprintf(json, sizeof json, "{\"do\": \"object.ls\", \"space\": \"s\", \"type\": \"%s\"}", type);
    memset(counts->seen, 0, (size_t)counts->size);
    assert_int_equal(scene_ask(client, json, count_rows, counts, &reply), DX_OK);
    assert_int_equal(scene_reply_code(&reply), 0);
    dx_buf_deinit(&reply);
}

/* A killed vault is where it was and as it was left: the clone guard may not take it for a copy. */
static void expect_no_clone(dx_client *client) {
    dx_buf reply;
    assert_int_equal(scene_ask(client, "{\"do\": \"status\"}", NULL, NULL, &reply), DX_OK);
    dx_bytes vault = dx_item_get(dx_buf_view(&reply), "vault");
    assert_false(dx_item_bool(dx_item_get(vault, "clone"), true));
    dx_buf_deinit(&reply);
}

/* --- Agents ----------------------------------------------------------------------------------------------
 */

/* A vault keeps its last 4096 replies, so no more may be written between an outcome that is unknown and the question
 * about it, however quick the disk. */
enum { IN_FLIGHT = 6, ROUND_MAX = 2000, UNASKED_MAX = 1000, WRITES_MAX = 300000 };

/* One object.add; n is its place in `writes` and what it writes. */
typedef struct write_asked {
    uint8_t id[DX_REQUEST_SIZE];
    bool acknowledged;
} write_asked;

static write_asked writes[WRITES_MAX];
static int write_count, flying;

static void take_acknowledgement(void *ctx, bool last, dx_bytes body) {
    write_asked *one = ctx;
    assert_true(last);
    one->acknowledged = dx_item_text(dx_item_get(body, "id")).size > 0;
    assert_true(one->acknowledged);
    flying--;
}

static dx_buf describe_write(const write_asked *one, const char *type) {
    char json[160];
    snprintf(json, sizeof json,
             "{\"do\": \"object.add\", \"space\": \"s\", \"type\": \"%s\", \"data\": {\"n\": %d}}", type,
             (int)(one - writes));
    return scene_command(json);
}

/* Writes until the agent is gone. */
static void write_until_killed(const char *vault, const char *type) {
    dx_client_options options = {.vault = vault};
    char message[DX_HOST_MESSAGE_MAX];
    dx_client *client = NULL;
    int error = dx_client_open(&options, &client, message);
    if (error != DX_OK || !dx_client_has_agent(client)) { /* killed between its word and ours */
        dx_client_close(client);
        return;
    }
    flying = 0;
    int end = write_count + ROUND_MAX;
    while (error == DX_OK) {
        while (flying < IN_FLIGHT && write_count < end && error == DX_OK) {
            assert_true(write_count < WRITES_MAX);
            write_asked *one = &writes[write_count++];
            dx_buf command = describe_write(one, type);
            error = dx_client_send(client, dx_buf_view(&command), NULL, take_acknowledgement, one, one->id);
            dx_buf_deinit(&command);
            flying++;
        }
        error = error == DX_OK ? dx_client_wait(client, SCENE_WAIT_MS) : error;
    }
    assert_int_equal(error, DX_E_IO);
    dx_client_close(client);
}

/* Those after `first`: what was acknowledged is there; asking again for the rest, under the same request ids,
 * leaves each there once, whether it had happened or not. */
static void check_writes(const char *vault, const char *type, int first) {
    static uint8_t seen[WRITES_MAX];
    tally counts = {.field = "n", .seen = seen, .size = WRITES_MAX};
    dx_client *client = scene_open(vault, false, true);
    expect_no_clone(client);
    count_objects(client, type, &counts);
    for (int n = first; n < write_count; n++) {
        assert_true(seen[n] == 1 || (seen[n] == 0 && !writes[n].acknowledged));
    }
    for (int n = first; n < write_count; n++) {
        if (writes[n].acknowledged) {
            continue;
        }
        dx_buf command = describe_write(&writes[n], type);
        flying = 1;
        assert_int_equal(dx_client_send(client, dx_buf_view(&command), writes[n].id, take_acknowledgement,
                                        &writes[n], NULL),
                         DX_OK);
        while (flying > 0) {
            assert_int_equal(dx_client_wait(client, SCENE_WAIT_MS), DX_OK);
        }
        dx_buf_deinit(&command);
    }
    count_objects(client, type, &counts);
    for (int n = first; n < write_count; n++) {
        assert_int_equal(seen[n], 1);
    }
    dx_client_close(client);
}

/* Most times the next agent starts upon what the killed one left, and may be killed while it recovers. */
static void test_killed_agents(void **state) {
    (void)state;
    const char *vault = scene_path("v");
    int first = 0, started = 0;
    char type[16] = "t0";
    scene_vault(vault);
    write_count = 0;
    for (int round = 1; round <= kills_wanted * 6 / 10; round++) {
        char address[64];
        int told = -1;
        pid_t pid = scene_agent_fork(vault, &told);
        strike_within(pid, 70);
        bool listens = read(told, address, sizeof address) == (ssize_t)sizeof address;
        close(told);
        started += listens;
        if (listens) {
            write_until_killed(vault, type);
        }
        bury(pid);
        if (roll(4) == 0 || write_count - first > UNASKED_MAX) {
            check_writes(vault, type, first);
            first = write_count;
            snprintf(type, sizeof type, "t%d", round);
        }
    }
    check_writes(vault, type, first);
    int acknowledged = 0;
    for (int n = 0; n < write_count; n++) {
        acknowledged += writes[n].acknowledged;
    }
    assert_int_equal(acknowledged, write_count);
    printf("# %d agents killed, %d of them while they served; %d writes\n", kills_wanted * 6 / 10, started,
           write_count);
    assert_true(started > 0 && write_count > 0);
}

/* --- Programs that hold the vault themselves ---------------------------------------------------------------
 */

enum { BATCH_OBJECTS_MAX = 400, BATCHES_PER_LIFE = 200 };

static int batch_size(int batch) {
    return 1 + (int)((unsigned)batch * 7919u % BATCH_OBJECTS_MAX);
}

static void add_batch(dx_client *client, int batch) {
    static char json[64 * BATCH_OBJECTS_MAX];
    int used = snprintf(json, sizeof json, "{\"do\": \"batch\", \"space\": \"s\", \"ops\": [");
    for (int i = 0; i < batch_size(batch); i++) {
        used += snprintf(json + used, sizeof json - (size_t)used,
                         "%s{\"op\": \"add\", \"type\": \"b\", \"data\": {\"b\": %d}}", i == 0 ? "" : ",",
                         batch % 256);
        assert_true((size_t)used < sizeof json - 64);
    }
    snprintf(json + used, sizeof json - (size_t)used, "]}");
    scene_do(client, json, NULL, NULL, 0);
}

static void count_space(void *ctx, bool last, dx_bytes body) {
    dx_bytes rows = dx_item_get(body, "rows");
    dx_reader reader;
    dx_reader_init(&reader, rows);
    (void)last;
    *(size_t *)ctx += rows.size == 0 ? 0 : dx_read_array(&reader);
}

/* An identity and the space "s", as far as they are not there yet. */
static void make_what_is_missing(dx_client *client) {
    dx_buf reply;
    size_t spaces = 0;
    assert_int_equal(scene_ask(client, "{\"do\": \"halo.create\", \"name\": \"Alice\"}", NULL, NULL, &reply),
                     DX_OK);
    assert_true(scene_reply_code(&reply) == 0 || scene_reply_code(&reply) == DX_E_EXISTS);
    dx_buf_deinit(&reply);
    assert_int_equal(scene_ask(client, "{\"do\": \"space.list\"}", count_space, &spaces, &reply), DX_OK);
    dx_buf_deinit(&reply);
    if (spaces == 0) {
        scene_do(client, "{\"do\": \"space.create\", \"name\": \"s\"}", NULL, NULL, 0);
    }
}

/* The child: makes what is missing and adds batches, a byte for each that was acknowledged. */
static void live(const char *vault, int first, int acknowledgements) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dx_client *client = scene_open(vault, true, true);
    make_what_is_missing(client);
    for (int batch = first; batch < first + BATCHES_PER_LIFE; batch++) {
        add_batch(client, batch);
        if (write(acknowledgements, "", 1) != 1) {
            _exit(3);
        }
    }
    for (;;) {
        pause();
    }
}

/* Runs the child until it is killed; how many batches it had acknowledged. */
static int kill_one_life(const char *vault, int first) {
    int ends[2], acknowledged = 0;
    char byte;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        live(vault, first, ends[1]);
    }
    close(ends[1]);
    strike_within(pid, 70);
    while (read(ends[0], &byte, 1) == 1) {
        acknowledged++;
    }
    close(ends[0]);
    bury(pid);
    return acknowledged;
}

static void count_batch_row(void *ctx, bool last, dx_bytes body) {
    int *counts = ctx;
    dx_bytes rows = dx_item_get(body, "rows");
    dx_reader reader;
    (void)last;
    dx_reader_init(&reader, rows);
    for (size_t left = rows.size == 0 ? 0 : dx_read_array(&reader); left > 0; left--) {
        int64_t batch = dx_item_int(dx_item_get(dx_item_get(dx_read_item(&reader), "data"), "b"), -1);
        assert_in_range(batch, 0, 255);
        counts[batch]++;
    }
}

/* Of this life's batches each is whole or not there, those acknowledged are there, and at most one more. */
static void check_batches(const char *vault, int first, int acknowledged) {
    int counts[256] = {0};
    dx_buf reply;
    dx_client *client = scene_open(vault, true, true);
    make_what_is_missing(client);
    expect_no_clone(client);
    assert_int_equal(scene_ask(client, "{\"do\": \"object.ls\", \"space\": \"s\", \"type\": \"b\"}",
                               count_batch_row, counts, &reply),
                     DX_OK);
    dx_buf_deinit(&reply);
    for (int i = 0; i < BATCHES_PER_LIFE; i++) {
        int count = counts[(first + i) % 256];
        assert_true(count == batch_size(first + i) || (count == 0 && i >= acknowledged));
        assert_true(count == 0 || i <= acknowledged);
    }
    dx_client_close(client);
}

/* Each vault has one life, from its making on, and one more after it. */
static void test_killed_holders(void **state) {
    (void)state;
    int acknowledged = 0, unborn = 0, rounds = kills_wanted * 3 / 10;
    for (int round = 0; round < rounds; round++) {
        char vault[128];
        dx_vault_folder folder;
        snprintf(vault, sizeof vault, "%s/v%d", scene_folder, round);
        assert_int_equal(dx_vault_folder_find(vault, NULL, &folder), DX_OK);
        int first = (int)roll(1000), done = kill_one_life(vault, first);
        unborn += access(folder.store, F_OK) != 0;
        check_batches(vault, first, done);
        acknowledged += done;
    }
    printf("# %d programs killed, %d before there was a vault; %d batches\n", rounds, unborn, acknowledged);
}

/* --- A receiver --------------------------------------------------------------------------------------------
 */

/* Adds objects at the sender's agent, one every few milliseconds, until it is killed. */
static pid_t begin_sending(const char *vault) {
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dx_client *client = scene_open(vault, false, false);
        char id[64];
        for (int n = 0;; n++) {
            scene_add(client, n, id);
            usleep(3000);
        }
    }
    return pid;
}

/* The space's name comes with its first blocks, and what follows asks for it by name. */
static void wait_for_name(dx_client *client) {
    int code = DX_E_NOT_FOUND;
    for (double end_ms = scene_now_ms() + SCENE_WAIT_MS; code == DX_E_NOT_FOUND; usleep(10000)) {
        dx_buf reply;
        assert_true(scene_now_ms() < end_ms);
        assert_int_equal(
            scene_ask(client, "{\"do\": \"space.status\", \"space\": \"s\"}", NULL, NULL, &reply), DX_OK);
        code = scene_reply_code(&reply);
        dx_buf_deinit(&reply);
    }
    assert_int_equal(code, DX_OK);
}

static void join_space(const char *host, const char *guest) {
    scene_invitation invited;
    scene_agent receiver = scene_agent_begin(guest);
    dx_client *at_host = scene_open(host, false, false), *at_guest = scene_open(guest, false, false);
    scene_invite(at_host, &invited);
    scene_do(at_guest, invited.join, NULL, NULL, 0);
    wait_for_name(at_guest);
    dx_client_close(at_host);
    dx_client_close(at_guest);
    assert_int_equal(scene_agent_end(&receiver, SIGKILL), -1);
}

/* Watches at the receiver until its agent is gone. */
static void watch_until_killed(const char *vault, tally *shown) {
    dx_client_options options = {.vault = vault};
    char message[DX_HOST_MESSAGE_MAX];
    dx_client *client = NULL;
    int error = dx_client_open(&options, &client, message);
    if (error == DX_OK && dx_client_has_agent(client)) {
        dx_buf command = scene_command("{\"do\": \"watch\", \"space\": \"s\", \"query\": {\"type\": \"t\"}}");
        error = dx_client_send(client, dx_buf_view(&command), NULL, count_rows, shown, NULL);
        while (error == DX_OK) {
            error = dx_client_wait(client, SCENE_WAIT_MS);
        }
        dx_buf_deinit(&command);
        assert_int_equal(error, DX_E_IO);
    }
    dx_client_close(client);
}

static void space_digest(dx_client *client, char out[static 128]) {
    scene_do(client, "{\"do\": \"space.digest\", \"space\": \"s\"}", "digest", out, 128);
}

/* Both agents run and nothing is written: they come to one state. */
static void expect_convergence(const char *vault, const char *other) {
    char a[128] = "", b[128] = "-";
    scene_agent agent = scene_agent_begin(other);
    dx_client *here = scene_open(vault, false, false), *there = scene_open(other, false, false);
    for (double end_ms = scene_now_ms() + SCENE_WAIT_MS; strcmp(a, b) != 0 && scene_now_ms() < end_ms;) {
        usleep(20000);
        space_digest(here, a);
        space_digest(there, b);
    }
    assert_string_equal(a, b);
    dx_client_close(here);
    dx_client_close(there);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
}

static void test_a_killed_receiver(void **state) {
    (void)state;
    static uint8_t shown_rows[WRITES_MAX], there_rows[WRITES_MAX];
    tally shown = {.field = "n", .seen = shown_rows, .size = WRITES_MAX},
          there = {.field = "n", .seen = there_rows, .size = WRITES_MAX};
    const char *host = scene_path("host"), *guest = scene_path("guest");
    int received = 0, rounds = kills_wanted / 10;
    scene_vault(host);
    dx_client *client = scene_open(guest, true, true);
    scene_do(client, "{\"do\": \"halo.create\", \"name\": \"Bob\"}", NULL, NULL, 0);
    dx_client_close(client);
    scene_agent sender = scene_agent_begin(host);
    join_space(host, guest);
    pid_t writer = begin_sending(host);
    for (int round = 0; round < rounds; round++) {
        char address[64];
        int told = -1;
        pid_t pid = scene_agent_fork(guest, &told);
        strike_within(pid, 300);
        bool listens = read(told, address, sizeof address) == (ssize_t)sizeof address;
        close(told);
        if (listens) {
            watch_until_killed(guest, &shown);
        }
        bury(pid);
        client = scene_open(guest, false, true); /* alone: what is there is on its disk */
        expect_no_clone(client);
        count_objects(client, "t", &there);
        dx_client_close(client);
        for (int n = 0; n < WRITES_MAX; n++) {
            assert_true(there_rows[n] == 1 || (there_rows[n] == 0 && shown_rows[n] == 0));
        }
    }
    kill(writer, SIGKILL);
    bury(writer);
    for (int n = 0; n < WRITES_MAX; n++) {
        received += shown_rows[n] > 0;
    }
    printf("# receiver killed %d times; %d objects had been shown\n", rounds, received);
    assert_true(received > 0);
    expect_convergence(host, guest);
    assert_int_equal(scene_agent_end(&sender, SIGTERM), 0);
}

int main(void) {
    const char *kills = getenv("DX_KILLS"), *seed = getenv("DX_SEED");
    kills_wanted = kills != NULL ? atoi(kills) : scene_is_sanitized() ? KILLS_SANITIZED : KILLS;
    kills_wanted = kills_wanted < 10 ? 10 : kills_wanted;
    uint64_t start = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    test_random_init(&dice, start);
    printf("# DX_KILLS=%d DX_SEED=%llu\n", kills_wanted, (unsigned long long)start);
    const struct CMUnitTest tests[] = {SCENE_TEST(test_killed_agents), SCENE_TEST(test_killed_holders),
                                       SCENE_TEST(test_a_killed_receiver)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
