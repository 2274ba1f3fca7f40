/* dx/vault.c: see vault.h. */
#include "vault.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "terminal.h"

enum {
    CANCEL_MS = 3000, /* for the vault to call a request off, durably */
    BUSY_MS = 2000,   /* how long to wait for another command that holds the vault */
    BUSY_RETRY_MS = 50
};

/* --- Interruption
 * ------------------------------------------------------------------------------------------- */

/* The one client a signal handler may wake; signals have no other way to be told. */
static dx_client *volatile interruptible;
static volatile sig_atomic_t interruptions;

static void on_signal(int number) {
    (void)number;
    if (++interruptions > 1) {
        _exit(DX_EXIT_INTERRUPTED); /* asked twice: at once; the vault is as safe as after a power cut */
    }
    if (interruptible != NULL) {
        dx_client_interrupt(interruptible);
    }
}

static void watch_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;
        /* nohup, and shells for what runs in their background, have said that it is to be ignored. */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &action, NULL);
        }
    }
}

bool dx_vault_interrupted(void) {
    return interruptions > 0;
}

/* --- Opening
 * ------------------------------------------------------------------------------------------------ */

static void trace(void *ctx, const char *room, const char *text) {
    const dx_invocation *run = ctx;
    dx_output_words(&run->output, "%s: %s", room, text);
}

/* A vault without its key is found wanting, not missing. */
static bool is_there(const dx_invocation *run) {
    dx_vault_folder folder;
    return dx_vault_folder_find(run->vault, run->profile, &folder) == DX_OK &&
           access(folder.store, F_OK) == 0;
}

int dx_vault_unopened(dx_invocation *run, int error, const char *message) {
    const char *why = message[0] == 0 ? dx_error_text(error) : message;
    switch (error) {
    case DX_E_NOT_FOUND:
        return is_there(run) ? dx_fail(run, DX_E_CORRUPT, "dx doctor", "%s", why)
                             : dx_fail(run, DX_E_NO_IDENTITY, "dx halo create NAME", "%s", why);
    case DX_E_BUSY:
        return dx_fail(run, error, "wait for it to end, or dx agent start, so that several can share it",
                       "%s", why);
    case DX_E_DENIED:
        return dx_fail(run, error, "dx doctor, or --vault with a folder of yours", "%s", why);
    case DX_E_NO_SPACE:
        return dx_fail(run, error, "make room on its disk", "%s", why);
    default:
        return dx_fail(run, error, "dx doctor", "%s", why);
    }
}

bool dx_vault_is_worth_waiting(const dx_invocation *run, int64_t *until_ms) {
    int64_t left_ms = dx_vault_left_ms(run), now_ms = dx_clock_ms();
    if (*until_ms == 0) {
        *until_ms = now_ms + (left_ms >= 0 && left_ms < BUSY_MS ? left_ms : BUSY_MS);
    }
    if (now_ms >= *until_ms) {
        return false;
    }
    struct timespec pause = {.tv_nsec = BUSY_RETRY_MS * 1000000};
    nanosleep(&pause, NULL);
    return true;
}

static int open_patiently(dx_invocation *run, const dx_client_options *options, char *message) {
    int64_t until_ms = 0;
    int error;
    do {
        error = dx_client_open(options, &run->client, message);
    } while (error == DX_E_BUSY && dx_vault_is_worth_waiting(run, &until_ms));
    return error;
}

int dx_vault_open(dx_invocation *run, unsigned flags) {
    char message[DX_HOST_MESSAGE_MAX] = "";
    if (run->client != NULL) {
        return DX_EXIT_OK;
    }
    dx_client_options options = {.vault = run->vault,
                                 .profile = run->profile,
                                 .create = (flags & DX_VAULT_CREATE) != 0,
                                 .network = (flags & DX_VAULT_NETWORK) != 0,
                                 .trace = run->trace ? trace : NULL,
                                 .trace_ctx = run};
    int error = open_patiently(run, &options, message);
    if (error != DX_OK) {
        return dx_vault_unopened(run, error, message);
    }
    if (message[0] != 0) {
        dx_output_words(&run->output, "warning: %s; try: make room on its disk", message);
    }
    interruptible = run->client;
    watch_signals();
    return DX_EXIT_OK;
}

void dx_vault_close(dx_invocation *run) {
    interruptible = NULL;
    dx_client_close(run->client);
    run->client = NULL;
}

int64_t dx_vault_left_ms(const dx_invocation *run) {
    if (run->deadline_ms < 0) {
        return -1;
    }
    int64_t left_ms = run->deadline_ms - dx_clock_ms();
    return left_ms > 0 ? left_ms : 0;
}

/* --- Commands
 * ------------------------------------------------------------------------------------------------ */

void dx_command_begin(dx_map_builder *command, const char *name) {
    dx_map_builder_init(command, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_write_text(dx_map_builder_key(command, "do"), name);
}

void dx_command_text(dx_map_builder *command, const char *key, const char *value) {
    if (value != NULL) {
        dx_write_text(dx_map_builder_key(command, key), value);
    }
}

void dx_command_bool(dx_map_builder *command, const char *key, bool value) {
    if (value) {
        dx_write_bool(dx_map_builder_key(command, key), true);
    }
}

void dx_command_item(dx_map_builder *command, const char *key, dx_bytes item) {
    if (item.size > 0) {
        dx_write_item(dx_map_builder_key(command, key), item);
    }
}

int dx_command_finish(dx_invocation *run, dx_map_builder *command, dx_buf *out) {
    dx_writer writer;
    dx_buf_init(out, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_writer_init(&writer, out);
    dx_map_builder_finish(command, &writer);
    int error = dx_writer_finish(&writer);
    switch (error) {
    case DX_OK:
        return DX_EXIT_OK;
    case DX_E_INVALID:
        return dx_fail(run, error, NULL, "a word of the command line is not UTF-8");
    default:
        return dx_fail(run, error, NULL, "the command is too large: %s", dx_error_text(error));
    }
}

/* --- Asking
 * -------------------------------------------------------------------------------------------------- */

int dx_vault_failed(dx_invocation *run, int error) {
    switch (error) {
    case DX_E_CANCELLED:
        return run->output.closed ? DX_EXIT_OK : DX_EXIT_INTERRUPTED;
    case DX_E_TIMEOUT:
        return dx_fail(run, error, "a larger --timeout", "the time given ran out");
    case DX_E_IO:
        if (run->client != NULL && dx_client_has_agent(run->client)) {
            int pid = 0;
            bool listens = dx_agent_pid(run->vault, run->profile, &pid) == DX_OK;
            return dx_fail(run, DX_E_NO_AGENT, listens ? "dx doctor" : "dx agent start",
                           "the agent went away; what it acknowledged is kept");
        }
        return dx_fail(run, error, "dx doctor", "%s", dx_error_text(error));
    default:
        return dx_fail(run, error, "dx doctor", "%s", dx_error_text(error));
    }
}

void dx_vault_cancel(dx_invocation *run, const uint8_t request[DX_REQUEST_SIZE], const bool *ended) {
    dx_map_builder command;
    dx_buf body, reply;
    dx_command_begin(&command, "request.cancel");
    dx_write_bytes(dx_map_builder_key(&command, "of"), dx_bytes_of(request, DX_REQUEST_SIZE));
    if (dx_command_finish(run, &command, &body) == DX_EXIT_OK) {
        dx_buf_init(&reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
        int error = dx_client_call(run->client, dx_buf_view(&body), NULL, NULL, CANCEL_MS, &reply);
        for (int64_t end_ms = dx_clock_ms() + CANCEL_MS; error == DX_OK && !*ended;) {
            int64_t left_ms = end_ms - dx_clock_ms();
            error = left_ms <= 0 ? DX_E_TIMEOUT : dx_client_wait(run->client, left_ms);
        }
        dx_buf_deinit(&reply);
    }
    dx_buf_deinit(&body);
}

dx_bytes dx_address_plain(dx_bytes address) {
    static const char scheme[] = "tcp:";
    size_t size = sizeof scheme - 1;
    return address.size > size && memcmp(address.data, scheme, size) == 0
               ? (dx_bytes){address.data + size, address.size - size}
               : address;
}

dx_bytes dx_reply_listen(dx_bytes reply) {
    dx_bytes listen = dx_item_get(reply, "listen");
    dx_reader reader;
    dx_reader_init(&reader, listen);
    bool some = listen.size > 0 && dx_item_kind(listen) == DX_KIND_ARRAY && dx_read_array(&reader) > 0;
    return some ? dx_address_plain(dx_read_text(&reader)) : (dx_bytes){0};
}

bool dx_address_is_here(dx_bytes plain) {
    static const char *const beginnings[] = {"127.", "[::1]:"};
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        size_t size = strlen(beginnings[i]);
        if (plain.size > size && memcmp(plain.data, beginnings[i], size) == 0) {
            return true;
        }
    }
    return false;
}

int dx_vault_ask(dx_invocation *run, dx_map_builder *command, dx_on_answer on_answer, void *ctx,
                 dx_buf *reply) {
    dx_buf body, own_reply;
    dx_buf *answer = reply != NULL ? reply : &own_reply;
    dx_buf_init(answer, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    int code = dx_command_finish(run, command, &body);
    if (code == DX_EXIT_OK) {
        code = dx_vault_open(run, 0);
    }
    if (code == DX_EXIT_OK) {
        int error =
            dx_client_call(run->client, dx_buf_view(&body), on_answer, ctx, dx_vault_left_ms(run), answer);
        if (error != DX_OK) {
            code = dx_vault_failed(run, error);
        } else if (dx_reply_error(dx_buf_view(answer)).size > 0) {
            code = dx_fail_reply(run, dx_reply_error(dx_buf_view(answer)));
        }
    }
    dx_buf_deinit(&body);
    if (reply == NULL) {
        dx_buf_deinit(&own_reply);
    }
    return code;
}

typedef struct dx_called {
    dx_buf *reply;
    bool last;
} dx_called;

static void on_called(void *ctx, bool last, dx_bytes body) {
    dx_called *called = ctx;
    if (last) {
        dx_buf_append(called->reply, body.data, body.size);
        called->last = true;
    }
}

int dx_vault_call_as(dx_invocation *run, dx_bytes command, const uint8_t request[DX_REQUEST_SIZE],
                     dx_buf *reply) {
    dx_called called = {.reply = reply};
    int error = dx_client_send(run->client, command, request, on_called, &called, NULL);
    while (error == DX_OK && !called.last) {
        error = dx_client_wait(run->client, dx_vault_left_ms(run));
    }
    return error == DX_OK ? dx_buf_error(reply) : error;
}

int dx_vault_ask_as(dx_invocation *run, dx_map_builder *command, const uint8_t request[DX_REQUEST_SIZE],
                    dx_buf *reply) {
    dx_buf body;
    dx_buf_init(reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    int code = dx_command_finish(run, command, &body);
    code = code == DX_EXIT_OK ? dx_vault_open(run, 0) : code;
    if (code == DX_EXIT_OK) {
        int error = dx_vault_call_as(run, dx_buf_view(&body), request, reply);
        dx_bytes refused = error == DX_OK ? dx_reply_error(dx_buf_view(reply)) : (dx_bytes){0};
        code = error != DX_OK     ? dx_vault_failed(run, error)
               : refused.size > 0 ? dx_fail_reply(run, refused)
                                  : code;
    }
    dx_buf_deinit(&body);
    return code;
}

typedef struct dx_row_printer {
    dx_invocation *run;
    dx_table table;
} dx_row_printer;

static void print_row(void *ctx, dx_bytes row) {
    dx_row_printer *printer = ctx;
    dx_table_row(&printer->table, row);
}

static void print_rows(void *ctx, bool last, dx_bytes body) {
    dx_row_printer *printer = ctx;
    (void)last;
    dx_rows_each(body, print_row, printer);
    if (printer->run->output.closed) {
        dx_client_interrupt(printer->run->client);
    }
}

void dx_vault_tell_partial(dx_invocation *run, int code, dx_bytes reply) {
    if (code == DX_EXIT_OK && dx_item_bool(dx_item_get(reply, "partial"), false)) {
        dx_bytes teller = dx_item_text(dx_item_get(reply, "told_by"));
        dx_output_words(&run->output,
                        "this vault keeps a part of the space: there may be more (dx space scope)");
        if (teller.size >= 8) {
            dx_output_words(&run->output, "all that matched was here when %.8s told it last",
                            (const char *)teller.data);
        }
    }
}

int dx_vault_ask_rows(dx_invocation *run, dx_map_builder *command, const dx_column *columns) {
    dx_row_printer printer = {.run = run};
    dx_table_begin(&printer.table, &run->output, columns);
    dx_buf reply;
    int code = dx_vault_ask(run, command, print_rows, &printer, &reply);
    dx_table_end(&printer.table);
    dx_vault_tell_partial(run, code, dx_buf_view(&reply));
    dx_buf_deinit(&reply);
    return code;
}

int dx_vault_ask_record(dx_invocation *run, dx_map_builder *command, const dx_column *columns) {
    dx_buf reply;
    int code = dx_vault_ask(run, command, NULL, NULL, &reply);
    if (code == DX_EXIT_OK) {
        dx_output_record(&run->output, columns, dx_buf_view(&reply));
    }
    dx_vault_tell_partial(run, code, dx_buf_view(&reply));
    dx_buf_deinit(&reply);
    return code;
}
