/* dx/share.c: `dx space share`: the host's side of an invitation, as long as it lives. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "input.h"
#include "qr.h"
#include "space.h"
#include "terminal.h"

enum {
    URL_MAX = 4096,
    PAGE_MAX = 1024,   /* of --at: what is left of a link that other vaults take */
    RETURN_MS = 15000, /* for a guest to come back as a member and begin to fetch */
    SERVING_TICK_MS = 500
};

typedef struct dx_sharing {
    dx_invocation *run;
    bool ended, here_only;
    char state[32];
    dx_buf reply;
} dx_sharing;

static const dx_column link_columns[] = {{"url", DX_CELL_TEXT}, {"pin", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};
static const dx_column state_columns[] = {{"state", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};

/* The link, or the address of the page that is to open it. */
static void write_url(const dx_sharing *sharing, dx_bytes link, char *out, size_t size) {
    const char *at = dx_invocation_option(sharing->run, "at");
    const uint8_t *mark = link.size == 0 ? NULL : memchr(link.data, '#', link.size);
    if (at == NULL || mark == NULL) {
        snprintf(out, size, "%.*s", (int)link.size, link.size == 0 ? "" : (const char *)link.data);
        return;
    }
    int payload = (int)(link.data + link.size - mark - 1);
    bool has_path = strchr(strstr(at, "://") + 3, '/') != NULL;
    snprintf(out, size, "%s%s#join=%.*s", at, has_path ? "" : "/", payload, (const char *)mark + 1);
}

static void show_link(dx_sharing *sharing, dx_bytes body) {
    dx_invocation *run = sharing->run;
    dx_output output = run->output;
    char url[URL_MAX];
    dx_map_builder shown;
    write_url(sharing, dx_item_text(dx_item_get(body, "url")), url, sizeof url);
    dx_map_builder_init(&shown, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_command_text(&shown, "url", url);
    dx_command_item(&shown, "pin", dx_item_get(body, "pin"));
    output.quiet = false; /* without the link the command would be useless */
    dx_output_map(&output, link_columns, &shown);
    run->output.closed = output.closed;
    run->output.failure = output.failure;
    /* Where somebody looks; the link itself may go elsewhere. */
    if (output.words && !run->output.json && !run->output.quiet && !dx_invocation_has(run, "no-qr")) {
        dx_qr_print(url, dx_terminal_columns(STDERR_FILENO), output.error_colour);
    }
    dx_output_words(&run->output,
                    "Send the link and the PIN by two different ways; Ctrl-C withdraws the invitation.");
    if (sharing->here_only) {
        dx_output_words(
            &run->output,
            "Only guests on this machine can come in; for others: dx agent %sstart --listen 0.0.0.0:0",
            dx_client_has_agent(run->client) ? "stop, then dx agent " : "");
    }
}

static void show_state(dx_sharing *sharing, dx_bytes body) {
    dx_invocation *run = sharing->run;
    dx_bytes state = dx_item_text(dx_item_get(body, "state"));
    dx_bytes message = dx_item_text(dx_item_get(body, "message"));
    snprintf(sharing->state, sizeof sharing->state, "%.*s", (int)state.size,
             state.size == 0 ? "" : (const char *)state.data);
    if (run->output.json) {
        dx_output_record(&run->output, state_columns, body);
    } else if (message.size > 0) {
        dx_output_words(&run->output, "%.*s", (int)message.size, (const char *)message.data);
    }
}

static void on_answer(void *ctx, bool last, dx_bytes body) {
    dx_sharing *sharing = ctx;
    if (last) {
        sharing->ended = true;
        dx_buf_append(&sharing->reply, body.data, body.size);
    }
    if (dx_item_get(body, "url").size > 0) {
        show_link(sharing, body);
    } else if (dx_item_get(body, "state").size > 0) {
        show_state(sharing, body);
    }
}

static int follow(dx_sharing *sharing, dx_bytes command) {
    dx_invocation *run = sharing->run;
    uint8_t request[DX_REQUEST_SIZE];
    int error = dx_client_send(run->client, command, NULL, on_answer, sharing, request);
    while (error == DX_OK && !sharing->ended) {
        error = dx_client_wait(run->client, dx_vault_left_ms(run));
        if (run->output.closed && error == DX_OK) {
            error = DX_E_CANCELLED;
        }
    }
    if (!sharing->ended) {
        dx_vault_cancel(run, request, &sharing->ended);
    }
    return error == DX_OK ? DX_EXIT_OK : dx_vault_failed(run, error);
}

/* How an invitation may end, and what that means to a script. "exhausted" comes after all its guests. */
static int code_of_end(const char *state) {
    static const struct {
        const char *state;
        int error;
    } ends[] = {{"success", DX_OK},
                {"exhausted", DX_OK},
                {"cancelled", DX_E_CANCELLED},
                {"expired", DX_E_TIMEOUT},
                {"locked", DX_E_LOCKED}};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (strcmp(state, ends[i].state) == 0) {
            return dx_exit_of(ends[i].error);
        }
    }
    return DX_EXIT_FAILURE;
}

/* --- Without an agent: the guest still has to fetch the space, and from whom but this process --- */

typedef struct dx_serving {
    dx_progress progress;
    int64_t peers, began_ms;
    bool met, ended, synced;
} dx_serving;

static void watch_guest(void *ctx, bool last, dx_bytes status) {
    dx_serving *serving = ctx;
    serving->ended = last;
    serving->peers = dx_item_int(dx_item_get(status, "peers"), 0);
    serving->synced = dx_item_bool(dx_item_get(status, "synced"), false);
    serving->met = serving->met || serving->peers > 0;
}

/* The guest went away, or never came back as a member. */
static bool is_gone(const dx_serving *serving) {
    int64_t waited_ms = dx_clock_ms() - serving->began_ms;
    return serving->peers == 0 && waited_ms > RETURN_MS;
}

static int follow_guest(dx_invocation *run, dx_serving *serving, dx_bytes command) {
    uint8_t request[DX_REQUEST_SIZE];
    int error = dx_client_send(run->client, command, NULL, watch_guest, serving, request);
    while (error == DX_OK && !serving->ended && !is_gone(serving) && dx_vault_left_ms(run) != 0) {
        dx_progress_update(&serving->progress, (uint64_t)(dx_clock_ms() - serving->began_ms) / 1000, 0);
        error = dx_client_wait(run->client, SERVING_TICK_MS);
        error = error == DX_E_TIMEOUT ? DX_OK : error;
    }
    if (!serving->ended) {
        dx_vault_cancel(run, request, &serving->ended);
    }
    return error == DX_OK ? DX_EXIT_OK : dx_vault_failed(run, error);
}

static int serve_guest(dx_invocation *run) {
    dx_serving serving = {.began_ms = dx_clock_ms()};
    dx_map_builder command;
    dx_buf body;
    dx_output_words(
        &run->output,
        "staying until the guest has fetched the space (Ctrl-C leaves; an agent would go on serving)");
    dx_progress_begin(&serving.progress, &run->output, "serving the guest, seconds");
    dx_space_command(run, &command, "space.status");
    dx_command_bool(&command, "wait_synced", true);
    int code = dx_command_finish(run, &command, &body);
    if (code == DX_EXIT_OK) {
        code = follow_guest(run, &serving, dx_buf_view(&body));
    }
    dx_buf_deinit(&body);
    dx_progress_clear(&serving.progress);
    if (code == DX_EXIT_OK) {
        dx_output_words(&run->output, "%s",
                        serving.synced ? "the guest has everything"
                        : serving.met
                            ? "the guest has gone; what it lacks it fetches when both are online"
                            : "the guest has not come back yet; it fetches the space when both are online");
    }
    return code;
}

/* --- The verb
 * --------------------------------------------------------------------------------------------------- */

/* A page's address without a fragment of its own. */
static bool is_page(const char *text) {
    const char *rest = strncmp(text, "https://", 8) == 0 ? text + 8 : text + 7;
    bool web = rest != text + 7 || strncmp(text, "http://", 7) == 0;
    for (const char *at = text; *at != 0; at++) {
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || *at == '#') {
            return false;
        }
    }
    return web && *rest != 0 && *rest != '/' && strlen(text) <= PAGE_MAX;
}

static int build(dx_invocation *run, dx_buf *body) {
    char pin[64];
    int64_t expires_ms = 0;
    dx_map_builder command;
    const char *given_pin = dx_invocation_option(run, "pin"), *expires = dx_invocation_option(run, "expires");
    if (expires != NULL && (dx_duration_parse(expires, &expires_ms) != DX_OK || expires_ms == 0)) {
        return dx_fail(run, DX_E_INVALID, "--expires 2h",
                       "--expires takes a time such as 90s, 10m, 2h or 7d, not \"%s\"", expires);
    }
    const char *at = dx_invocation_option(run, "at");
    if (at != NULL && !is_page(at)) {
        return dx_fail(run, DX_E_INVALID, "--at https://halo.example",
                       "--at takes the address of a page, http:// or https://, not \"%s\"", at);
    }
    if (given_pin != NULL && strcmp(given_pin, "-") == 0) {
        if (dx_input_line(pin, sizeof pin) != DX_OK) {
            return dx_fail(run, DX_E_INVALID, "echo 123456 | dx space share SPACE --pin -",
                           "there is no PIN on stdin");
        }
        given_pin = pin;
    }
    dx_space_command(run, &command, "space.share");
    dx_command_text(&command, "role", dx_invocation_option(run, "role"));
    dx_command_text(&command, "pin", given_pin);
    explicit_bzero(pin, sizeof pin);
    dx_command_bool(&command, "multi", dx_invocation_has(run, "multi"));
    if (expires != NULL) {
        dx_write_int(dx_map_builder_key(&command, "expires_ms"), expires_ms);
    }
    return dx_command_finish(run, &command, body);
}

/* A link that names this machine only would send a guest elsewhere looking in vain. */
static int look_at_reach(dx_sharing *sharing) {
    dx_map_builder command;
    dx_buf reply;
    dx_command_begin(&command, "status");
    int code = dx_vault_ask(sharing->run, &command, NULL, NULL, &reply);
    sharing->here_only = code == DX_EXIT_OK && dx_address_is_here(dx_reply_listen(dx_buf_view(&reply)));
    dx_buf_deinit(&reply);
    return code;
}

int dx_run_space_share(dx_invocation *run) {
    dx_sharing sharing = {.run = run};
    dx_buf body = {0};
    int code = build(run, &body);
    dx_buf_init(&sharing.reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    if (code == DX_EXIT_OK) {
        code = dx_vault_open(run, DX_VAULT_NETWORK);
    }
    if (code == DX_EXIT_OK) {
        code = look_at_reach(&sharing);
    }
    if (code == DX_EXIT_OK) {
        code = follow(&sharing, dx_buf_view(&body));
    }
    dx_bytes refused = dx_reply_error(dx_buf_view(&sharing.reply));
    if (code == DX_EXIT_OK && refused.size > 0) {
        code = dx_fail_reply(run, refused);
    } else if (code == DX_EXIT_OK &&
               !run->output.closed) { /* else it was withdrawn because nobody saw the link */
        code = code_of_end(sharing.state);
        if (code == DX_EXIT_OK && !dx_client_has_agent(run->client)) {
            code = serve_guest(run);
        }
    }
    dx_buf_deinit(&sharing.reply);
    if (body.alloc != NULL) {
        dx_buf_deinit(&body);
    }
    return code;
}
