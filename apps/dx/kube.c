/* dx/kube.c: `dx kube`: the process that serves the vault page, apps and signaling. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dxos/kube.h>

#include "vault.h"

enum { STOP_MS = 10000, STATUS_MAX = 64 * 1024, TIME_SIZE = 32, ALLOWED_MAX = 16 };

static const dx_column columns[] = {
    {"pid", DX_CELL_TEXT},           {"listen", DX_CELL_TEXT},    {"stun", DX_CELL_NUMBER},
    {"connections", DX_CELL_NUMBER}, {"sockets", DX_CELL_NUMBER}, {"requests", DX_CELL_NUMBER},
    {"uptime_s", DX_CELL_NUMBER},    {"secure", DX_CELL_TEXT},    {"name", DX_CELL_TEXT},
    {"sites", DX_CELL_VALUE},        {NULL, DX_CELL_TEXT}};

static void print_status(dx_invocation *run, dx_bytes status) {
    dx_reader reader;
    dx_output_record(&run->output, columns, status);
    dx_reader_init(&reader, dx_item_get(status, "sites"));
    size_t count = dx_read_array(&reader);
    for (size_t i = 0; i < count; i++) {
        dx_bytes url = dx_read_text(&reader);
        dx_output_words(&run->output, "%.*s", (int)url.size, (const char *)url.data);
    }
    if (count == 0) {
        dx_output_words(&run->output,
                        "no sites are here: only signaling and STUN; --web names a folder of them");
    }
}

static int no_kube(dx_invocation *run, int error, const char *message) {
    return error == DX_E_NOT_FOUND
               ? dx_fail(run, DX_E_NO_KUBE, "dx kube start", "%s", message)
               : dx_fail(run, error, "dx doctor", "%s", message[0] == 0 ? dx_error_text(error) : message);
}

/* Asks the running kube. */
static int show_kube(dx_invocation *run) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_buf status;
    dx_buf_init(&status, dx_host_alloc(), STATUS_MAX);
    int error = dx_kube_status(run->profile, &status, message);
    int code = DX_EXIT_OK;
    if (error == DX_OK) {
        print_status(run, dx_buf_view(&status));
    } else {
        code = no_kube(run, error, message);
    }
    dx_buf_deinit(&status);
    return code;
}

/* --- Starting ------------------------------------------------------------------------------------------ */

static void on_ready(void *ctx, dx_bytes status) {
    dx_invocation *run = ctx;
    print_status(run, status);
    dx_output_flush(&run->output);
    dx_output_words(&run->output, "listening; Ctrl-C stops the kube");
}

static void on_line(void *ctx, const char *line) {
    char text[TIME_SIZE];
    dx_invocation *run = ctx;
    time_t now = time(NULL);
    struct tm at;
    strftime(text, sizeof text, "%H:%M:%S", localtime_r(&now, &at));
    dx_output_words(&run->output, "%s %s", text, line);
}

static int not_started(dx_invocation *run, int error, const char *message) {
    const char *remedy = NULL;
    if (error == DX_E_EXISTS) {
        remedy = "dx kube status";
    } else if (error == DX_E_BUSY) {
        remedy = "--port with another number, or without it for any";
    } else if (error == DX_E_INVALID || error == DX_E_NOT_FOUND) {
        remedy = "dx help kube start";
    }
    return dx_fail(run, error, remedy, "%s", message[0] == 0 ? dx_error_text(error) : message);
}

/* 1 to 65535; 0: not given; -1: no such number. */
static int port_of(const char *text) {
    size_t size = text == NULL ? 0 : strlen(text);
    if (text == NULL) {
        return 0;
    }
    int port = size > 0 && size <= 5 && strspn(text, "0123456789") == size ? atoi(text) : 0;
    return port > 0 && port < 65536 ? port : -1;
}

/* Of each --allow; out ends with NULL. False: more than it holds. */
static bool take_allowed(const dx_invocation *run, const char *out[static ALLOWED_MAX + 1]) {
    size_t count = 0;
    for (size_t i = 0; i < run->given_count; i++) {
        if (strcmp(run->given[i].option->name, "allow") == 0) {
            if (count == ALLOWED_MAX) {
                return false;
            }
            out[count++] = run->given[i].value;
        }
    }
    out[count] = NULL;
    return true;
}

int dx_run_kube_start(dx_invocation *run) {
    char message[DX_HOST_MESSAGE_MAX] = "";
    const char *allowed[ALLOWED_MAX + 1];
    dx_kube_options options = {.profile = run->profile,
                               .name = dx_invocation_option(run, "host"),
                               .port = port_of(dx_invocation_option(run, "port")),
                               .cert = dx_invocation_option(run, "cert"),
                               .key = dx_invocation_option(run, "key"),
                               .sites = dx_invocation_option(run, "web"),
                               .allowed = allowed,
                               .on_ready = on_ready,
                               .log = on_line,
                               .ctx = run,
                               .log_requests = run->trace};
    if (!take_allowed(run, allowed)) {
        return dx_fail_usage(run, "--allow may stand at most 16 times", "dx help kube start");
    }
    if (options.port < 0) {
        return dx_fail_usage(run, "--port takes a number from 1 to 65535", "dx help kube start");
    }
    if (dx_invocation_has(run, "foreground")) {
        options.log_requests = true;
        int error = dx_kube_run(&options, message);
        return error == DX_OK ? DX_EXIT_OK : not_started(run, error, message);
    }
    int error = dx_kube_start(&options, message);
    return error == DX_OK ? show_kube(run) : not_started(run, error, message);
}

int dx_run_kube_stop(dx_invocation *run) {
    char message[DX_HOST_MESSAGE_MAX] = "";
    int error = dx_kube_stop(run->profile, run->timeout_ms >= 0 ? run->timeout_ms : STOP_MS, message);
    if (error != DX_OK) {
        return no_kube(run, error, message);
    }
    dx_output_words(&run->output, "the kube has stopped");
    return DX_EXIT_OK;
}

int dx_run_kube_status(dx_invocation *run) {
    return show_kube(run);
}
