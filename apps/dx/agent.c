/* dx/agent.c: `dx agent`: the process that keeps a vault in step in the background. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vault.h"

enum { STOP_MS = 10000 };

static const dx_column columns[] = {{"pid", DX_CELL_TEXT}, {"listen", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};

static void print_agent(dx_invocation *run, int pid, dx_bytes listen) {
    dx_map_builder map;
    dx_map_builder_init(&map, dx_host_alloc(), DX_HOST_MESSAGE_MAX);
    dx_write_int(dx_map_builder_key(&map, "pid"), pid);
    if (listen.size > 0) {
        dx_write_text_bytes(dx_map_builder_key(&map, "listen"), listen);
    } else {
        dx_write_null(dx_map_builder_key(&map, "listen"));
    }
    dx_output_map(&run->output, columns, &map);
}

/* Asks the running agent where it listens, and prints it with its pid. */
static int show_agent(dx_invocation *run) {
    int pid = 0;
    dx_map_builder command;
    dx_buf reply;
    if (dx_agent_pid(run->vault, run->profile, &pid) != DX_OK) {
        return dx_fail(run, DX_E_NO_AGENT, "dx agent start", "no agent runs for this vault");
    }
    int code = dx_vault_open(run, 0);
    if (code == DX_EXIT_OK && !dx_client_has_agent(run->client)) {
        code = dx_fail(run, DX_E_NO_AGENT, "dx agent start", "no agent answers for this vault");
    }
    if (code != DX_EXIT_OK) {
        return code;
    }
    dx_command_begin(&command, "status");
    code = dx_vault_ask(run, &command, NULL, NULL, &reply);
    if (code == DX_EXIT_OK) {
        print_agent(run, pid, dx_reply_listen(dx_buf_view(&reply)));
    }
    dx_buf_deinit(&reply);
    return code;
}

static void trace_line(void *ctx, const char *room, const char *text) {
    const dx_invocation *run = ctx;
    dx_output_words(&run->output, "%s: %s", room, text);
}

static void on_ready(void *ctx, const char *const *addresses, size_t count) {
    dx_invocation *run = ctx;
    print_agent(run, (int)getpid(),
                count > 0 ? dx_address_plain(dx_bytes_text(addresses[0])) : (dx_bytes){0});
    dx_output_words(&run->output, "listening; Ctrl-C stops the agent");
}

static int not_started(dx_invocation *run, int error, const char *message) {
    if (error == DX_E_BUSY) {
        return dx_fail(run, error, "end that process, then dx agent start", "%s", message);
    }
    bool address = strstr(message, "cannot listen on") != NULL || strstr(message, "HOST:PORT") != NULL;
    return address
               ? dx_fail(run, error, "--listen 127.0.0.1:0, or 0.0.0.0:0 for every address of this machine",
                         "%s", message)
               : dx_vault_unopened(run, error, message);
}

static int tell_running(dx_invocation *run, int pid, bool wants_address) {
    if (wants_address) {
        return dx_fail(run, DX_E_EXISTS, "dx agent stop", "the agent runs already, as process %d", pid);
    }
    dx_output_words(&run->output, "the agent runs already");
    return show_agent(run);
}

int dx_run_agent_start(dx_invocation *run) {
    char message[DX_HOST_MESSAGE_MAX] = "";
    bool here = dx_invocation_has(run, "foreground");
    int64_t until_ms = 0;
    int pid = 0, error;
    dx_agent_options options = {.vault = run->vault,
                                .profile = run->profile,
                                .listen = dx_invocation_option(run, "listen"),
                                .on_ready = on_ready,
                                .ctx = run,
                                .trace = run->trace ? trace_line : NULL};
    do { /* who holds the vault may be a command, or another that starts the agent just now */
        if (dx_agent_pid(run->vault, run->profile, &pid) == DX_OK) {
            return tell_running(run, pid, options.listen != NULL);
        }
        error = here ? dx_agent_run(&options, message) : dx_agent_start(&options, &pid, message);
    } while (error == DX_E_BUSY && dx_vault_is_worth_waiting(run, &until_ms));
    if (error != DX_OK) {
        return not_started(run, error, message);
    }
    return here ? DX_EXIT_OK : show_agent(run);
}

int dx_run_agent_stop(dx_invocation *run) {
    char message[DX_HOST_MESSAGE_MAX] = "";
    int pid = 0;
    bool known = dx_agent_pid(run->vault, run->profile, &pid) == DX_OK;
    int error =
        dx_agent_stop(run->vault, run->profile, run->timeout_ms >= 0 ? run->timeout_ms : STOP_MS, message);
    if (error == DX_E_NOT_FOUND) {
        return dx_fail(run, DX_E_NO_AGENT, NULL, "no agent runs for this vault");
    }
    if (error != DX_OK) {
        return dx_fail(run, error, "dx doctor", "%s", message[0] == 0 ? dx_error_text(error) : message);
    }
    print_agent(run, known ? pid : 0, (dx_bytes){0});
    return DX_EXIT_OK;
}

int dx_run_agent_status(dx_invocation *run) {
    return show_agent(run);
}
