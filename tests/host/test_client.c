/* The client and the agent: equal answers both ways, several at once, the other end gone, the vault taken,
 * descriptors used up: host/client.c, host/agent.c, host/driver.c, host/vault_holder.c. */
#include "scene.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "host.h"

static void gather(void *ctx, bool last, dx_bytes body) {
    dx_buf *all = ctx;
    dx_buf_append_byte(all, last ? 'R' : 'N');
    dx_buf_append(all, body.data, body.size);
}

/* Every answer to these questions, one after the other. */
static dx_buf answers(dx_client *client, const char *id) {
    static const char *const questions[] = {
        "{\"do\": \"halo.identity\"}",
        "{\"do\": \"space.list\"}",
        "{\"do\": \"space.digest\", \"space\": \"s\"}",
        "{\"do\": \"object.get\", \"space\": \"s\", \"id\": \"%s\"}",
        "{\"do\": \"object.ls\", \"space\": \"s\"}",
        "{\"do\": \"query\", \"space\": \"s\", \"query\": {\"type\": \"t\", \"order\": [{\"by\": \"n\"}]}}",
        "{\"do\": \"export\", \"space\": \"s\"}",
        "{\"do\": \"object.get\", \"space\": \"s\", \"id\": \"no such\"}",
        "{\"do\": \"object.ls\", \"space\": \"none\"}",
        "{\"do\": \"no.such\"}",
        "{}",
    };
    dx_buf all;
    dx_buf_init(&all, dx_host_alloc(), 8 << 20);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        char json[256];
        dx_buf reply;
        snprintf(json, sizeof json, questions[i], id);
        assert_int_equal(scene_ask(client, json, gather, &all, &reply), DX_OK);
        dx_buf_append(&all, reply.data, reply.size);
        dx_buf_deinit(&reply);
    }
    assert_int_equal(dx_buf_error(&all), DX_OK);
    return all;
}

static void test_answers_are_equal_with_and_without_an_agent(void **state) {
    (void)state;
    char id[64];
    const char *vault = scene_path("v");
    scene_vault(vault);
    dx_client *here = scene_open(vault, false, true);
    for (int i = 0; i < 200; i++) {
        scene_add(here, i, id);
    }
    dx_buf first = answers(here, id);
    dx_client_close(here);
    scene_agent agent = scene_agent_begin(vault);
    dx_client *there = scene_open(vault, false, false);
    assert_true(dx_client_has_agent(there));
    dx_buf second = answers(there, id);
    dx_client_close(there);
    assert_true(first.size > 10000);
    assert_true(dx_bytes_equal(dx_buf_view(&first), dx_buf_view(&second)));
    dx_buf_deinit(&first);
    dx_buf_deinit(&second);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
}

/* --- Several requests at once ------------------------------------------------------------------------------
 */

enum { FLIGHTS = 64 };

typedef struct flight {
    int replies;
    bool added;
} flight;

static void land(void *ctx, bool last, dx_bytes body) {
    flight *one = ctx;
    one->replies += last;
    one->added = dx_item_text(dx_item_get(body, "id")).size > 0;
}

static void send_all(dx_client *client, flight flights[static FLIGHTS]) {
    for (int i = 0; i < FLIGHTS; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"do\": \"object.add\", \"space\": \"s\", \"data\": {\"n\": %d}}", i);
        dx_buf command = scene_command(json);
        assert_int_equal(dx_client_send(client, dx_buf_view(&command), NULL, land, &flights[i], NULL), DX_OK);
        if (i == FLIGHTS - 1) { /* one more than a client has places for */
            assert_int_equal(dx_client_send(client, dx_buf_view(&command), NULL, land, NULL, NULL),
                             DX_E_LIMIT);
        }
        dx_buf_deinit(&command);
    }
}

static int landed(const flight flights[static FLIGHTS]) {
    int count = 0;
    for (int i = 0; i < FLIGHTS; i++) {
        count += flights[i].replies == 1 && flights[i].added;
    }
    return count;
}

static void check_flights(dx_client *client) {
    flight flights[FLIGHTS] = {{0}};
    send_all(client, flights);
    while (landed(flights) < FLIGHTS) {
        assert_int_equal(dx_client_wait(client, SCENE_WAIT_MS), DX_OK);
    }
    assert_int_equal(dx_client_wait(client, 0), DX_E_TIMEOUT);
    assert_int_equal(landed(flights), FLIGHTS);
}

static void test_many_requests_are_in_flight(void **state) {
    (void)state;
    const char *vault = scene_path("v");
    scene_vault(vault);
    dx_client *here = scene_open(vault, false, true);
    check_flights(here);
    dx_client_close(here);
    scene_agent agent = scene_agent_begin(vault);
    dx_client *there = scene_open(vault, false, false);
    check_flights(there);
    dx_client_close(there);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
}

static void test_a_command_may_not_be_larger_than_a_frame(void **state) {
    (void)state;
    static uint8_t large[DX_COMMAND_BODY_MAX + 1];
    const char *vault = scene_path("v");
    scene_vault(vault);
    for (int i = 0; i < 2; i++) {
        scene_agent agent = {.pid = 0};
        if (i == 1) {
            agent = scene_agent_begin(vault);
        }
        dx_client *client = scene_open(vault, false, false);
        dx_buf reply;
        dx_buf_init(&reply, dx_host_alloc(), 1 << 20);
        dx_bytes body = dx_bytes_of(large, sizeof large);
        assert_int_equal(dx_client_call(client, body, NULL, NULL, SCENE_WAIT_MS, &reply), DX_E_LIMIT);
        body.size--; /* not a map, but it arrives and is answered */
        assert_int_equal(dx_client_call(client, body, NULL, NULL, SCENE_WAIT_MS, &reply), DX_OK);
        assert_int_equal(scene_reply_code(&reply), DX_E_INVALID);
        dx_buf_deinit(&reply);
        dx_client_close(client);
        if (i == 1) {
            assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
        }
    }
}

/* --- Waiting ends -----------------------------------------------------------------------------------------
 */

static void ignore(void *ctx, bool last, dx_bytes body) {
    (void)ctx;
    (void)last;
    (void)body;
}

static void watch(dx_client *client) {
    dx_buf command = scene_command("{\"do\": \"watch\", \"space\": \"s\"}");
    assert_int_equal(dx_client_send(client, dx_buf_view(&command), NULL, ignore, NULL, NULL), DX_OK);
    dx_buf_deinit(&command);
    while (dx_client_wait(client, 100) == DX_OK) {
    }
}

static void test_an_agent_that_goes_ends_the_waiting(void **state) {
    (void)state;
    static const int signals[] = {SIGKILL, SIGTERM};
    const char *vault = scene_path("v");
    scene_vault(vault);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        scene_agent agent = scene_agent_begin(vault);
        dx_client *client = scene_open(vault, false, false);
        watch(client);
        assert_int_equal(scene_agent_end(&agent, signals[i]), i == 0 ? -1 : 0);
        double start_ms = scene_now_ms();
        assert_int_equal(dx_client_wait(client, SCENE_WAIT_MS), DX_E_IO);
        assert_true(scene_now_ms() - start_ms < 1000);
        dx_buf reply;
        assert_int_equal(scene_ask(client, "{\"do\": \"status\"}", NULL, NULL, &reply), DX_E_IO);
        dx_buf_deinit(&reply);
        dx_client_close(client);
        client = scene_open(vault, false, false); /* a socket nobody listens on is no agent */
        assert_false(dx_client_has_agent(client));
        dx_client_close(client);
    }
}

static dx_client *volatile to_interrupt;

static void on_alarm(int number) {
    (void)number;
    dx_client_interrupt(to_interrupt);
}

static void test_a_signal_handler_interrupts(void **state) {
    (void)state;
    const char *vault = scene_path("v");
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault);
    signal(SIGALRM, on_alarm);
    for (int i = 0; i < 2; i++) {
        dx_client *client = scene_open(vault, false, false);
        watch(client);
        to_interrupt = client;
        ualarm(50000, 0);
        double start_ms = scene_now_ms();
        assert_int_equal(dx_client_wait(client, SCENE_WAIT_MS), DX_E_CANCELLED);
        assert_true(scene_now_ms() - start_ms < 5000);
        assert_int_equal(dx_client_wait(client, 0), DX_E_TIMEOUT); /* told once */
        dx_client_interrupt(client);                               /* before the waiting begins */
        assert_int_equal(dx_client_wait(client, SCENE_WAIT_MS), DX_E_CANCELLED);
        scene_do(client, "{\"do\": \"status\"}", NULL, NULL, 0);
        dx_client_close(client);
        if (i == 0) { /* and once more with the vault in this process */
            assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
        }
    }
    signal(SIGALRM, SIG_DFL);
}

static void test_an_agent_that_stands_still_is_not_waited_for(void **state) {
    (void)state;
    const char *vault = scene_path("v");
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault);
    assert_int_equal(kill(agent.pid, SIGSTOP), 0);
    dx_client *client = scene_open(vault, false, false);
    dx_buf command = scene_command("{\"do\": \"status\"}"), reply;
    dx_buf_init(&reply, dx_host_alloc(), 4096);
    assert_int_equal(dx_client_call(client, dx_buf_view(&command), NULL, NULL, 100, &reply), DX_E_TIMEOUT);
    assert_int_equal(kill(agent.pid, SIGCONT), 0);
    scene_do(client, "{\"do\": \"status\"}", NULL, NULL, 0); /* the late answer is nobody's */
    dx_buf_deinit(&command);
    dx_buf_deinit(&reply);
    dx_client_close(client);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
}

/* --- Who holds the vault
 * ------------------------------------------------------------------------------------- */

static void test_a_held_vault_names_its_holder(void **state) {
    (void)state;
    char message[DX_HOST_MESSAGE_MAX], pid[16];
    const char *vault = scene_path("v");
    int ends[2], status;
    scene_vault(vault);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dx_client *client = scene_open(vault, false, true);
        _exit(write(ends[1], "!", 1) == 1 && pause() == -1 && client != NULL ? 0 : 1);
    }
    char ready;
    assert_int_equal(read(ends[0], &ready, 1), 1);
    snprintf(pid, sizeof pid, "process %d", (int)child);
    assert_int_equal(scene_open_error(vault, message), DX_E_BUSY);
    assert_non_null(strstr(message, pid));
    assert_non_null(strstr(message, "host_test"));
    dx_agent_options options = {.vault = vault};
    int started = 0;
    assert_int_equal(dx_agent_start(&options, &started, message), DX_E_BUSY);
    assert_non_null(strstr(message, pid));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_int_equal(scene_open_error(vault, message), DX_OK);

    scene_agent agent = scene_agent_begin(vault);
    snprintf(pid, sizeof pid, "its agent, process %d", (int)agent.pid);
    assert_int_equal(scene_open_error(vault, message), DX_E_BUSY);
    assert_non_null(strstr(message, pid));
    assert_int_equal(dx_agent_start(&options, &started, message), DX_E_BUSY);
    assert_non_null(strstr(message, pid));
    assert_int_equal(dx_agent_pid(vault, NULL, &started), DX_OK);
    assert_int_equal(started, agent.pid);
    dx_client *client = scene_open(vault, false, false); /* the second agent took nothing from the first */
    assert_true(dx_client_has_agent(client));
    dx_client_close(client);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
    close(ends[0]);
    close(ends[1]);
}

static void test_an_agent_starts_and_stops_in_the_background(void **state) {
    (void)state;
    char message[DX_HOST_MESSAGE_MAX], working[256];
    int pid = 0, found = 0, ends[2];
    scene_vault(scene_path("v"));
    assert_non_null(getcwd(working, sizeof working));
    assert_int_equal(chdir(scene_folder), 0);
    assert_int_equal(pipe(ends), 0);
    dx_agent_options options = {.vault = "v"};
    assert_int_equal(dx_agent_stop("v", NULL, 1000, message), DX_E_NOT_FOUND);
    assert_int_equal(dx_agent_start(&options, &pid, message), DX_OK);
    close(ends[1]);
    char nothing;
    assert_int_equal(read(ends[0], &nothing, 1), 0); /* the agent does not hold our pipe open */
    assert_int_equal(dx_agent_pid("v", NULL, &found), DX_OK);
    assert_int_equal(found, pid);
    setenv("XDG_RUNTIME_DIR", scene_path("other"), 1); /* as from cron */
    assert_int_equal(dx_agent_pid("v", NULL, &found), DX_OK);
    assert_int_equal(found, pid);
    assert_int_equal(system("cp -r v copy"), 0); /* what was noted in the folder was copied with it */
    assert_int_equal(dx_agent_pid("copy", NULL, &found), DX_E_NOT_FOUND);
    assert_int_equal(dx_agent_stop("v", NULL, SCENE_WAIT_MS, message), DX_OK);
    assert_int_equal(dx_agent_pid("v", NULL, &found), DX_E_NOT_FOUND);
    assert_int_equal(dx_agent_stop("v", NULL, 1000, message), DX_E_NOT_FOUND);
    options.vault = "none";
    assert_int_equal(dx_agent_start(&options, &pid, message), DX_E_NOT_FOUND);
    assert_non_null(strstr(message, "there is no vault"));
    close(ends[0]);
    assert_int_equal(chdir(working), 0);
}

/* Of many agents started at once one runs, and the others say why they do not. */
static void test_agents_started_at_once(void **state) {
    (void)state;
    enum { AGENTS = 6 };
    const char *vault = scene_path("v");
    pid_t children[AGENTS];
    int running = 0, pid = 0;
    scene_vault(vault);
    for (int i = 0; i < AGENTS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char message[DX_HOST_MESSAGE_MAX];
            dx_agent_options options = {.vault = vault};
            int error = dx_agent_start(&options, &pid, message);
            if (error != DX_OK && error != DX_E_BUSY) {
                printf("# %s: %s\n", dx_error_name(error), message);
                fflush(stdout);
            }
            _exit(error == DX_OK ? 0 : error == DX_E_BUSY && message[0] != 0 ? 1 : 2);
        }
    }
    for (int i = 0; i < AGENTS; i++) {
        int status;
        waitpid(children[i], &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        running += WEXITSTATUS(status) == 0;
    }
    assert_int_equal(running, 1);
    char message[DX_HOST_MESSAGE_MAX];
    assert_int_equal(dx_agent_stop(vault, NULL, SCENE_WAIT_MS, message), DX_OK);
}

/* --- Addresses
 * ------------------------------------------------------------------------------------------------ */

static void test_the_port_is_kept(void **state) {
    (void)state;
    char message[DX_HOST_MESSAGE_MAX], first[64];
    const char *vault = scene_path("v");
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault);
    snprintf(first, sizeof first, "%s", agent.address);
    assert_int_equal(strncmp(first, "tcp:127.0.0.1:", 14), 0);
    assert_int_equal(scene_agent_end(&agent, SIGKILL), -1);
    agent = scene_agent_begin(vault);
    assert_string_equal(agent.address, first);
    scene_vault(scene_path("w"));
    dx_agent_options options = {.vault = scene_path("w"), .listen = first + 4};
    assert_int_equal(dx_agent_run(&options, message), DX_E_IO); /* taken: that port was asked for */
    assert_non_null(strstr(message, "in use"));
    char kept[64];
    snprintf(kept, sizeof kept, "%s\n", first + 4);
    assert_int_equal(dx_file_write(scene_path("w/listen"), kept, strlen(kept)), DX_OK);
    scene_agent other = scene_agent_begin(scene_path("w")); /* taken: that port was merely usual */
    assert_string_not_equal(other.address, first);
    assert_int_equal(scene_agent_end(&other, SIGTERM), 0);
    assert_int_equal(dx_file_write(scene_path("w/listen"), "nonsense", 8), DX_OK);
    other = scene_agent_begin(scene_path("w"));
    assert_int_equal(scene_agent_end(&other, SIGTERM), 0);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
    static const char *const refused[] = {
        "", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "name:1", "127.0.0.1:-1"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        options.listen = refused[i];
        assert_int_equal(dx_agent_run(&options, message), DX_E_INVALID);
        assert_non_null(strstr(message, "HOST:PORT"));
    }
}

typedef struct told {
    size_t count;
    char addresses[8][64];
} told;

static void take_told(void *ctx, const char *const *addresses, size_t count) {
    told *all = ctx;
    all->count = count;
    for (size_t i = 0; i < count; i++) {
        snprintf(all->addresses[i], sizeof all->addresses[i], "%s", addresses[i]);
    }
    kill(getpid(), SIGTERM);
}

static void test_wildcards_are_told_as_addresses(void **state) {
    (void)state;
    static const char *const wildcards[] = {"0.0.0.0:0", "[::]:0", "[::1]:0"};
    char message[DX_HOST_MESSAGE_MAX];
    scene_vault(scene_path("v"));
    for (size_t i = 0; i < sizeof wildcards / sizeof wildcards[0]; i++) {
        told all = {.count = 0};
        dx_agent_options options = {
            .vault = scene_path("v"), .listen = wildcards[i], .on_ready = take_told, .ctx = &all};
        int error = dx_agent_run(&options, message);
        if (error == DX_E_IO && i > 0) {
            continue; /* a machine without IPv6 */
        }
        assert_int_equal(error, DX_OK);
        assert_true(all.count > 0);
        for (size_t k = 0; k < all.count; k++) {
            assert_null(strstr(all.addresses[k], "0.0.0.0"));
            assert_null(strstr(all.addresses[k], "[::]"));
            assert_int_equal(strncmp(all.addresses[k], "tcp:", 4), 0);
        }
    }
}

/* --- Descriptors
 * --------------------------------------------------------------------------------------------- */

/* In a child, so that its limit dies with it. With every small number of descriptors opening ends with an
 * error or works; it never crashes. */
static void test_too_few_descriptors(void **state) {
    (void)state;
    const char *vault = scene_path("v");
    scene_vault(vault);
    for (rlim_t limit = 4; limit <= 24; limit++) {
        int status;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            char message[DX_HOST_MESSAGE_MAX];
            const struct rlimit few = {limit, limit};
            setrlimit(RLIMIT_NOFILE, &few);
            int error = scene_open_error(vault, message);
            _exit(error == DX_OK || (error < 0 && message[0] != 0) ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    dx_client *client = scene_open(vault, false, true);
    dx_client_close(client);
}

DX_TEST_MAIN(SCENE_TEST(test_answers_are_equal_with_and_without_an_agent),
             SCENE_TEST(test_many_requests_are_in_flight),
             SCENE_TEST(test_a_command_may_not_be_larger_than_a_frame),
             SCENE_TEST(test_an_agent_that_goes_ends_the_waiting),
             SCENE_TEST(test_a_signal_handler_interrupts),
             SCENE_TEST(test_an_agent_that_stands_still_is_not_waited_for),
             SCENE_TEST(test_a_held_vault_names_its_holder),
             SCENE_TEST(test_an_agent_starts_and_stops_in_the_background),
             SCENE_TEST(test_agents_started_at_once), SCENE_TEST(test_the_port_is_kept),
             SCENE_TEST(test_wildcards_are_told_as_addresses), SCENE_TEST(test_too_few_descriptors))
