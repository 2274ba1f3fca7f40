/* bench/vaults.c: what people wait for, between real processes: import, opening, first replication, one
 * update there and back.
 *
 *   vaults.import     `dx import` of the whole graph, objects and links, into a vault on this disk
 *   vaults.open       a vault with all of it behind: opened, asked one thing, closed; whole process and the opening alone
 *   vaults.replicate  Bob joins by link and PIN until his vault holds and has applied all of it, both agents on loopback
 *   vaults.update     one object changed at Alice: until her reply (durable there), and until Bob's subscriber is told
 *                     (durable there)
 *   vaults.epoch      Alice makes an epoch of all of it; Bob acknowledges it, and she lets go of what lies below
 *   vaults.replicate_epoch  Carol joins, and gets the state instead of history
 *
 * The vaults are encrypted as always. CPU seconds of agents
 * are read from /proc before they stop. Beside the reference lines of the same run (reference.commit for
 * vaults.update). */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <dxos/codec.h>

#include "bench.h"

enum { UPDATES = 500, WAIT_MS = 120000, OPENS = 21 };

typedef struct vault {
    char folder[512];
    int agent;
} vault;

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- Asking ------------------------------------------------------------------------------------------ */

static dx_client *open_client(const vault *of) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = of->folder, .create = true};
    dx_client *client;
    if (dx_client_open(&options, &client, message) != DX_OK) {
        bench_fail("%s", message);
    }
    return client;
}

/* A command from JSON; the buffer is the caller's to deinit. */
static dx_buf command_of(const char *json) {
    char message[128];
    dx_buf command;
    dx_writer writer;
    dx_buf_init(&command, dx_host_alloc(), 1 << 16);
    dx_writer_init(&writer, &command);
    bench_must(dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message), json);
    return command;
}

/* Asks and waits; the reply's text field into out (may be NULL). */
static void ask(dx_client *client, const char *json, dx_on_answer on_answer, void *ctx, const char *field,
                char *out, size_t size) {
    dx_buf command = command_of(json), reply;
    dx_buf_init(&reply, dx_host_alloc(), 1 << 20);
    bench_must(dx_client_call(client, dx_buf_view(&command), on_answer, ctx, WAIT_MS, &reply), json);
    dx_bytes text = dx_item_text(dx_item_get(dx_item_get(dx_buf_view(&reply), "error"), "message"));
    if (text.size > 0) {
        bench_fail("%s: %.*s", json, (int)text.size, (const char *)text.data);
    }
    if (field != NULL) {
        text = dx_item_text(dx_item_get(dx_buf_view(&reply), field));
        snprintf(out, size, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
    }
    dx_buf_deinit(&command);
    dx_buf_deinit(&reply);
}

static void start_agent(vault *of) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_agent_options options = {.vault = of->folder};
    if (dx_agent_start(&options, &of->agent, message) != DX_OK) {
        bench_fail("%s", message);
    }
}

static void stop_agent(const vault *of) {
    char message[DX_HOST_MESSAGE_MAX];
    bench_must(dx_agent_stop(of->folder, NULL, 30000, message), "stopping an agent");
}

/* User and system time of a process so far (proc(5), fields 14 and 15 of stat). */
static double cpu_of(int pid) {
    char path[64], text[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL) {
        fclose(file);
    }
    const char *after_name = size == 0 ? NULL : strrchr(text, ')');
    unsigned long user = 0, system = 0;
    if (after_name == NULL ||
        sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) {
        bench_fail("no CPU time of process %d", pid);
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* --- Import and opening ----------------------------------------------------------------------------------
 */

static void run_dx(const char *dx, const char *const *arguments) {
    const char *words[16] = {dx};
    for (size_t i = 0; arguments[i] != NULL; i++) {
        words[i + 1] = arguments[i];
    }
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        dup2(null, 2);
        execv(dx, (char *const *)words);
        _exit(127);
    }
    int status = 0;
    /* 10: done, and names that resolve to nothing were met, as they are in this data */
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 10)) {
        bench_fail("%s %s ended with status %d", dx, arguments[0], status);
    }
}

static void bench_import(const bench_input *input, const char *dx, const vault *alice) {
    const char *arguments[] = {"--vault",   alice->folder, "--quiet", "import", "graph",
                               input->path, "--type",      "package", "--key",  "name",
                               "--link",    "depends",     NULL};
    bench_clock clock;
    bench_start(&clock);
    run_dx(dx, arguments);
    bench_stop(&clock);
    bench_line_begin("vaults.import");
    bench_line_work(input->package_count + input->edge_count, input->json_bytes, &clock);
    bench_line_end();
}

static void bench_open(const char *dx, const vault *alice) {
    const char *arguments[] = {"--vault", alice->folder, "halo", "identity", NULL};
    double opening_ms[OPENS], process_ms[OPENS];
    for (size_t i = 0; i < OPENS; i++) {
        double start = now_s();
        dx_client *client = open_client(alice);
        opening_ms[i] = (now_s() - start) * 1e3;
        dx_client_close(client);
        start = now_s();
        run_dx(dx, arguments);
        process_ms[i] = (now_s() - start) * 1e3;
    }
    bench_line_begin("vaults.open");
    bench_line_latency("opening", opening_ms, OPENS);
    bench_line_latency("process", process_ms, OPENS);
    bench_line_end();
}

/* --- Replication
 * -------------------------------------------------------------------------------------------- */

typedef struct invitation {
    char url[2100], pin[8];
    bool told;
} invitation;

static void on_share(void *ctx, bool last, dx_bytes body) {
    invitation *made = ctx;
    dx_bytes url = dx_item_text(dx_item_get(body, "url")), pin = dx_item_text(dx_item_get(body, "pin"));
    if (!last && url.size > 0) {
        snprintf(made->url, sizeof made->url, "%.*s", (int)url.size, (const char *)url.data);
        snprintf(made->pin, sizeof made->pin, "%.*s", (int)pin.size, (const char *)pin.data);
        made->told = true;
    }
}

static void bench_replicate(const char *name, const bench_input *input, const vault *alice, const vault *bob,
                            dx_client *at_alice, dx_client *at_bob, const char *space) {
    invitation made = {.told = false};
    char json[2400];
    dx_buf command = command_of("{\"do\": \"space.share\", \"space\": \"graph\"}");
    bench_must(dx_client_send(at_alice, dx_buf_view(&command), NULL, on_share, &made, NULL), "sharing");
    dx_buf_deinit(&command);
    while (!made.told) {
        bench_must(dx_client_wait(at_alice, WAIT_MS), "the invitation");
    }
    double start = now_s(), alice_cpu = cpu_of(alice->agent), bob_cpu = cpu_of(bob->agent);
    snprintf(json, sizeof json, "{\"do\": \"space.join\", \"url\": \"%s\", \"pin\": \"%s\"}", made.url,
             made.pin);
    ask(at_bob, json, NULL, NULL, NULL, NULL, 0);
    double joined = now_s();
    snprintf(json, sizeof json, "{\"do\": \"space.status\", \"space\": \"%s\", \"wait_synced\": true}",
             space);
    ask(at_bob, json, NULL, NULL, NULL, NULL, 0);
    double end = now_s();
    bench_line_begin(name);
    bench_line_count("ops", input->package_count + input->edge_count);
    bench_line_number("joined_s", joined - start);
    bench_line_number("wall_s", end - start);
    bench_line_number("sender_cpu_s", cpu_of(alice->agent) - alice_cpu);
    bench_line_number("receiver_cpu_s", cpu_of(bob->agent) - bob_cpu);
    bench_line_end();
}

/* --- One update
 * ----------------------------------------------------------------------------------------------- */

static void on_seen(void *ctx, bool last, dx_bytes body) {
    (void)last;
    *(double *)ctx = dx_item_get(body, "rows").size > 0 ? now_s() : *(double *)ctx;
}

static void on_reply(void *ctx, bool last, dx_bytes body) {
    (void)body;
    *(double *)ctx = last ? now_s() : *(double *)ctx;
}

typedef struct update_cost {
    double cpu_s;
    int64_t syncs, pages;
} update_cost;

static update_cost cost_of(const vault *of, dx_client *client) {
    dx_buf command = command_of("{\"do\": \"status\"}"), reply;
    dx_buf_init(&reply, dx_host_alloc(), 1 << 20);
    bench_must(dx_client_call(client, dx_buf_view(&command), NULL, NULL, WAIT_MS, &reply), "status");
    dx_bytes in_vault = dx_item_get(dx_buf_view(&reply), "vault");
    update_cost cost = {.cpu_s = cpu_of(of->agent),
                        .syncs = dx_item_int(dx_item_get(in_vault, "syncs"), 0),
                        .pages = dx_item_int(dx_item_get(in_vault, "pages_written"), 0)};
    dx_buf_deinit(&command);
    dx_buf_deinit(&reply);
    return cost;
}

/* The log's growing and checkpoints are in it. */
static void tell_cost(const char *name, update_cost before, update_cost after) {
    char key[64];
    snprintf(key, sizeof key, "%s_cpu_ms", name);
    bench_line_number(key, (after.cpu_s - before.cpu_s) * 1e3 / UPDATES);
    snprintf(key, sizeof key, "%s_syncs", name);
    bench_line_number(key, (double)(after.syncs - before.syncs) / UPDATES);
    snprintf(key, sizeof key, "%s_pages", name);
    bench_line_number(key, (double)(after.pages - before.pages) / UPDATES);
}

/* What is measured includes that the program finds out: it waits for its agents, and does not spin. */
static void bench_update(const bench_input *input, const vault *alice, const vault *bob, dx_client *at_alice,
                         dx_client *at_bob) {
    double here_ms[UPDATES], there_ms[UPDATES], raw_ms[UPDATES], seen_s = 0, done_s = 0;
    bench_plain *plain = bench_plain_open(input, "beside.sqlite");
    char id[64], json[256];
    ask(at_alice, "{\"do\": \"object.add\", \"space\": \"graph\", \"type\": \"bench\", \"data\": {\"n\": 0}}",
        NULL, NULL, "id", id, sizeof id);
    dx_buf watch = command_of("{\"do\": \"watch\", \"space\": \"graph\", \"query\": {\"type\": \"bench\"}}");
    bench_must(dx_client_send(at_bob, dx_buf_view(&watch), NULL, on_seen, &seen_s, NULL), "watching");
    dx_buf_deinit(&watch);
    for (double until = now_s() + 0.5; now_s() < until;) {
        (void)!dx_client_wait(at_bob, 50);
    }
    update_cost here = cost_of(alice, at_alice), there = cost_of(bob, at_bob);
    for (size_t i = 0; i < UPDATES; i++) {
        raw_ms[i] = bench_plain_commit(plain);
        snprintf(json, sizeof json,
                 "{\"do\": \"object.set\", \"space\": \"graph\", \"id\": \"%s\", \"set\": {\"n\": %zu}}", id,
                 i + 1);
        dx_buf command = command_of(json);
        seen_s = done_s = 0;
        double start = now_s();
        bench_must(dx_client_send(at_alice, dx_buf_view(&command), NULL, on_reply, &done_s, NULL),
                   "an update");
        while (done_s == 0 && now_s() < start + 10) {
            (void)!dx_client_wait(at_alice, 10000);
        }
        while (seen_s == 0 && now_s() < start + 10) {
            (void)!dx_client_wait(at_bob, 10000);
        }
        dx_buf_deinit(&command);
        if (seen_s == 0 || done_s == 0) {
            bench_fail("update %zu was not seen in 10 seconds", i);
        }
        here_ms[i] = (done_s - start) * 1e3;
        there_ms[i] = (seen_s - start) * 1e3;
    }
    bench_plain_close(plain);
    bench_line_begin("vaults.update");
    bench_line_count("ops", UPDATES);
    tell_cost("here", here, cost_of(alice, at_alice));
    tell_cost("there", there, cost_of(bob, at_bob));
    bench_line_latency("raw_commit", raw_ms, UPDATES);
    bench_line_latency("durable_here", here_ms, UPDATES);
    bench_line_latency("durable_there", there_ms, UPDATES);
    bench_line_number("goal_p50_ms", 2 * bench_rank(raw_ms, UPDATES, 50) + 0.5);
    bench_line_number("goal_p99_ms", 2 * bench_rank(raw_ms, UPDATES, 99) + 1);
    bench_line_end();
}

/* --- An epoch
 * ------------------------------------------------------------------------------------------------------- */

static double file_mib(const vault *of) {
    char path[600];
    struct stat found;
    snprintf(path, sizeof path, "%s/vault.db", of->folder);
    return stat(path, &found) == 0 ? (double)found.st_size / (1 << 20) : 0;
}

/* Whether it was done; what is not the case yet is no failure. */
static bool may_ask(dx_client *client, const char *json) {
    dx_buf command = command_of(json), reply;
    dx_buf_init(&reply, dx_host_alloc(), 1 << 20);
    bench_must(dx_client_call(client, dx_buf_view(&command), NULL, NULL, WAIT_MS, &reply), json);
    bool done = dx_item_get(dx_buf_view(&reply), "error").size == 0;
    dx_buf_deinit(&command);
    dx_buf_deinit(&reply);
    return done;
}

/* Alice makes it, Bob makes it again and says so, Alice lets go of what lies below. */
static void bench_epoch(const vault *alice, dx_client *at_alice) {
    double cpu = cpu_of(alice->agent), before = file_mib(alice);
    ask(at_alice, "{\"do\": \"space.epoch\", \"space\": \"graph\"}", NULL, NULL, NULL, NULL, 0);
    double made = cpu_of(alice->agent), until = now_s() + 60;
    while (!may_ask(at_alice, "{\"do\": \"space.compact\", \"space\": \"graph\", \"now\": true}")) {
        if (now_s() > until) {
            bench_fail("the epoch was not acknowledged in a minute");
        }
        usleep(100000);
    }
    bench_line_begin("vaults.epoch");
    bench_line_number("made_cpu_s", made - cpu);
    bench_line_number("compacted_cpu_s", cpu_of(alice->agent) - made);
    bench_line_number("file_before_mib", before);
    bench_line_number("file_after_mib", file_mib(alice));
    bench_line_end();
}

/* --- All
 * ------------------------------------------------------------------------------------------------------- */

static void make_vault(const bench_input *input, const char *name, vault *out) {
    char json[64];
    snprintf(out->folder, sizeof out->folder, "%s/%s", input->directory, name);
    dx_client *client = open_client(out);
    snprintf(json, sizeof json, "{\"do\": \"halo.create\", \"name\": \"%s\"}", name);
    ask(client, json, NULL, NULL, NULL, NULL, 0);
    dx_client_close(client);
}

void bench_vaults(const bench_input *input) {
    vault alice, bob, carol;
    char space[72];
    if (input->dx == NULL) {
        fprintf(stderr, "vaults: left out, --dx PROGRAM is not given\n");
        return;
    }
    /* What the vaults keep outside their folders stays in this run's too. */
    setenv("XDG_STATE_HOME", input->directory, 1);
    setenv("XDG_RUNTIME_DIR", input->directory, 1);
    make_vault(input, "alice", &alice);
    make_vault(input, "bob", &bob);
    dx_client *client = open_client(&alice);
    ask(client, "{\"do\": \"space.create\", \"name\": \"graph\"}", NULL, NULL, "space", space, sizeof space);
    dx_client_close(client);
    bench_import(input, input->dx, &alice);
    bench_open(input->dx, &alice);
    start_agent(&alice);
    start_agent(&bob);
    dx_client *at_alice = open_client(&alice), *at_bob = open_client(&bob);
    bench_replicate("vaults.replicate", input, &alice, &bob, at_alice, at_bob, space);
    bench_update(input, &alice, &bob, at_alice, at_bob);
    bench_epoch(&alice, at_alice);
    make_vault(input, "carol", &carol);
    start_agent(&carol);
    dx_client *at_carol = open_client(&carol);
    bench_replicate("vaults.replicate_epoch", input, &alice, &carol, at_alice, at_carol, space);
    dx_client_close(at_carol);
    stop_agent(&carol);
    dx_client_close(at_alice);
    dx_client_close(at_bob);
    stop_agent(&alice);
    stop_agent(&bob);
}
