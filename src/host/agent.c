/* host/agent.c: the agent: a process that holds a vault, serves programs on its socket and peers on TCP. See
 * dxos/host.h.
 *
 * Layer: floor 3, host. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

static void on_signal(uv_signal_t *signal, int number) {
    (void)number;
    dx_driver *driver = signal->data;
    driver->stopping = true;
    uv_stop(&driver->loop);
}

static void watch_signals(dx_driver *driver) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uv_signal_init(&driver->loop, &driver->signals[i]);
        driver->signals[i].data = driver;
        uv_signal_start(&driver->signals[i], on_signal, numbers[i]);
    }
}

static void tell_ready(const dx_driver *driver, const dx_agent_options *options) {
    const char *addresses[8];
    for (size_t i = 0; i < driver->address_count; i++) {
        addresses[i] = driver->addresses[i];
    }
    if (options->on_ready != NULL) {
        options->on_ready(options->ctx, addresses, driver->address_count);
    }
}

int dx_agent_run(const dx_agent_options *options, char *message) {
    dx_vault_folder folder;
    message[0] = 0;
    dx_host_once();
    signal(SIGPIPE, SIG_IGN);
    int error = dx_vault_folder_find(options->vault, options->profile, &folder);
    dx_driver *driver = error == DX_OK ? calloc(1, sizeof *driver) : NULL;
    if (driver == NULL) {
        error = error == DX_OK ? DX_E_NO_MEMORY : error;
        snprintf(message, DX_HOST_MESSAGE_MAX, "%s",
                 error == DX_E_INVALID ? "that cannot be the name of a vault or profile"
                                       : dx_error_text(error));
        return error;
    }
    driver->trace = options->trace;
    driver->trace_ctx = options->ctx;
    driver->models = options->models;
    error = dx_driver_open(driver, &folder, false, message);
    if (error == DX_OK) {
        watch_signals(driver);
        error = dx_tcp_listen(driver, options->listen, message);
    }
    if (error == DX_OK) {
        error = dx_vault_socket_listen(driver, message);
    }
    if (error == DX_OK) {
        dx_vault_holder_note(&folder);
        tell_ready(driver, options);
        while (!driver->stopping && driver->failure == DX_OK) {
            uv_run(&driver->loop, UV_RUN_DEFAULT);
        }
        error = driver->failure;
        if (error != DX_OK) {
            snprintf(message, DX_HOST_MESSAGE_MAX, "the agent stopped: %s", dx_error_text(error));
        }
        unlink(folder.pid);
    }
    dx_driver_close(driver);
    free(driver);
    return error;
}

/* --- Starting in the background ----------------------------------------------------------------------- */

static void on_child_ready(void *ctx, const char *const *addresses, size_t count) {
    char pid[32];
    (void)ctx;
    (void)addresses;
    (void)count;
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    dx_background_ready(pid);
}

static int run_child(void *ctx, char *message) {
    return dx_agent_run(ctx, message);
}

int dx_agent_start(const dx_agent_options *options, int *pid, char *message) {
    dx_vault_folder folder;
    message[0] = 0;
    dx_host_once();
    int error = dx_vault_folder_find(options->vault, options->profile, &folder);
    if (error != DX_OK) {
        return error;
    }
    dx_agent_options child = *options;
    child.vault = folder.path; /* a relative one means nothing any more */
    child.on_ready = on_child_ready;
    error = dx_background_start(folder.log, run_child, &child, message);
    if (error == DX_OK) {
        *pid = atoi(message);
        message[0] = 0;
    } else if (message[0] == 0) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "the agent ended before it listened; its log tells more");
    }
    return error;
}

int dx_agent_stop(const char *vault, const char *profile, int64_t timeout_ms, char *message) {
    static const uint8_t stop[] = {0xa1, 0x62, 'd', 'o', 0x6a, 'a', 'g', 'e',
                                   'n',  't',  '.', 's', 't',  'o', 'p'}; /* {"do": "agent.stop"} */
    dx_client_options options = {.vault = vault, .profile = profile};
    dx_client *client = NULL;
    int pid = 0;
    message[0] = 0;
    if (dx_agent_pid(vault, profile, &pid) != DX_OK) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "no agent runs for this vault");
        return DX_E_NOT_FOUND;
    }
    int error = dx_client_open(&options, &client, message);
    if (error == DX_OK && !dx_client_has_agent(client)) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "no agent runs for this vault");
        error = DX_E_NOT_FOUND;
    }
    if (error == DX_OK) {
        dx_buf reply;
        dx_buf_init(&reply, dx_host_alloc(), 4096);
        error = dx_client_call(client, dx_bytes_of(stop, sizeof stop), NULL, NULL, timeout_ms, &reply);
        error = error == DX_E_IO ? DX_OK : error; /* gone before it could say so */
        dx_buf_deinit(&reply);
    }
    dx_client_close(client);
    for (int64_t waited = 0; error == DX_OK && dx_process_lives(pid); waited += 10) {
        if (timeout_ms >= 0 && waited > timeout_ms) {
            snprintf(message, DX_HOST_MESSAGE_MAX, "process %d did not stop in time", pid);
            return DX_E_TIMEOUT;
        }
        usleep(10000);
    }
    return error;
}
