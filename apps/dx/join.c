/* dx/join.c: `dx space join`: the guest's side of an invitation, until the space is here. */
#include <stdio.h>
#include <string.h>

#include "input.h"
#include "space.h"

enum { TYPING_POLL_MS = 100 };

static const dx_column columns[] = {{"space", DX_CELL_HEX}, {"state", DX_CELL_TEXT}, {NULL, DX_CELL_TEXT}};

typedef struct dx_joining {
    dx_invocation *run;
    const char *pin; /* given once in the command; a second question means it was wrong */
    bool pin_from_stdin;
    bool ended, asked; /* asked: the vault waits for a PIN */
    bool was_wrong;
    int64_t left;
    uint8_t request[DX_REQUEST_SIZE];
    dx_buf reply;
    char url[4096];
} dx_joining;

static void on_answer(void *ctx, bool last, dx_bytes body) {
    dx_joining *joining = ctx;
    dx_bytes state = dx_item_text(dx_item_get(body, "state"));
    dx_bytes message = dx_item_text(dx_item_get(body, "message"));
    if (last) {
        joining->ended = true;
        joining->asked = false;
        dx_buf_append(&joining->reply, body.data, body.size);
        return;
    }
    joining->asked = dx_bytes_equal(state, dx_bytes_text("pin-required"));
    if (joining->asked) {
        joining->left = dx_item_int(dx_item_get(body, "left"), -1);
        joining->was_wrong = joining->left >= 0;
    }
    if (message.size > 0 && (!joining->asked || joining->was_wrong)) {
        dx_output_words(&joining->run->output, "%.*s", (int)message.size, (const char *)message.data);
    }
}

/* --- The PIN
 * ----------------------------------------------------------------------------------------------------- */

/* Hands the vault a PIN. A refusal of its form is told and the question stands. */
static int enter_pin(dx_joining *joining, const char *pin) {
    dx_invocation *run = joining->run;
    dx_map_builder command;
    dx_buf body, reply;
    dx_command_begin(&command, "space.pin");
    dx_command_text(&command, "pin", pin);
    dx_write_bytes(dx_map_builder_key(&command, "of"), dx_bytes_of(joining->request, DX_REQUEST_SIZE));
    int code = dx_command_finish(run, &command, &body);
    if (code == DX_EXIT_OK) {
        joining->asked = false;
        dx_buf_init(&reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
        int error =
            dx_client_call(run->client, dx_buf_view(&body), NULL, NULL, dx_vault_left_ms(run), &reply);
        dx_bytes refused = error == DX_OK ? dx_reply_error(dx_buf_view(&reply)) : (dx_bytes){0};
        if (error != DX_OK) {
            code = dx_vault_failed(run, error);
        } else if (refused.size > 0 && !joining->ended) {
            dx_bytes why = dx_item_text(dx_item_get(refused, "message"));
            dx_output_words(&run->output, "%.*s", (int)why.size, why.size == 0 ? "" : (const char *)why.data);
            joining->asked = true;
        }
        dx_buf_deinit(&reply);
    }
    dx_buf_deinit(&body);
    return code;
}

/* Asks the person while the vault goes on working: it may give up meanwhile. */
static int ask_person(dx_joining *joining) {
    dx_invocation *run = joining->run;
    char question[96] = "PIN:";
    dx_pin_entry entry;
    int typed = 0, error = DX_E_TIMEOUT;
    if (joining->was_wrong) {
        snprintf(question, sizeof question, "PIN (%lld %s left):", (long long)joining->left,
                 joining->left == 1 ? "attempt" : "attempts");
    }
    dx_pin_entry_begin(&entry, question);
    while (typed == 0 && joining->asked && (error == DX_OK || error == DX_E_TIMEOUT) &&
           dx_vault_left_ms(run) != 0) {
        error = dx_client_wait(run->client, TYPING_POLL_MS);
        typed = dx_pin_entry_poll(&entry);
    }
    char pin[sizeof entry.line];
    memcpy(pin, entry.line, sizeof pin);
    dx_pin_entry_end(&entry);
    int code = error == DX_OK || error == DX_E_TIMEOUT ? DX_EXIT_OK : dx_vault_failed(run, error);
    if (code == DX_EXIT_OK && typed == 0 && dx_vault_left_ms(run) == 0) {
        code = dx_vault_failed(run, DX_E_TIMEOUT);
    } else if (code == DX_EXIT_OK && typed < 0) {
        code = DX_EXIT_INTERRUPTED;
    } else if (code == DX_EXIT_OK && typed > 0 && joining->asked) {
        code = enter_pin(joining, pin);
    }
    explicit_bzero(pin, sizeof pin);
    return code;
}

static int answer_question(dx_joining *joining) {
    dx_invocation *run = joining->run;
    char pin[64];
    if (joining->pin_from_stdin && dx_input_line(pin, sizeof pin) == DX_OK) {
        int code = enter_pin(joining, pin);
        explicit_bzero(pin, sizeof pin);
        return code;
    }
    if (dx_input_may_ask(run) && !joining->pin_from_stdin) {
        return ask_person(joining);
    }
    if (joining->was_wrong) {
        return dx_fail(run, DX_E_PIN, "ask for the PIN again", "the PIN is wrong; %lld %s left",
                       (long long)joining->left, joining->left == 1 ? "attempt is" : "attempts are");
    }
    return dx_fail(run, DX_E_INVALID, "dx space join URL --pin N", "a PIN is needed and nobody can be asked");
}

/* --- The verb
 * ----------------------------------------------------------------------------------------------------- */

static int follow(dx_joining *joining, dx_bytes command) {
    dx_invocation *run = joining->run;
    int code = DX_EXIT_OK;
    int error = dx_client_send(run->client, command, NULL, on_answer, joining, joining->request);
    while (error == DX_OK && code == DX_EXIT_OK && !joining->ended) {
        if (joining->asked) {
            code = answer_question(joining);
        } else {
            error = dx_client_wait(run->client, dx_vault_left_ms(run));
        }
    }
    if (!joining->ended) {
        dx_vault_cancel(run, joining->request, &joining->ended);
    }
    return error == DX_OK ? code : dx_vault_failed(run, error);
}

static void print_joined(dx_invocation *run, dx_bytes space, const char *state) {
    dx_map_builder map;
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_command_item(&map, "space", space);
    dx_command_text(&map, "state", state);
    dx_output_map(&run->output, columns, &map);
}

/* A member now. Without an agent nobody else would fetch the space. */
static int finish(dx_joining *joining) {
    dx_invocation *run = joining->run;
    dx_bytes reply = dx_buf_view(&joining->reply);
    dx_bytes space = dx_item_get(reply, "space"), text = dx_item_text(space);
    char id[128];
    snprintf(id, sizeof id, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
    if (dx_client_has_agent(run->client)) {
        dx_output_words(
            &run->output,
            "joined; the agent fetches the space (dx space status %.8s --wait-synced waits for it)", id);
        print_joined(run, space, "ready");
        return DX_EXIT_OK;
    }
    dx_output_words(&run->output, "joined; fetching the space");
    dx_buf status;
    int code = dx_space_wait_synced(run, id, "fetching blocks", -1, &status);
    if (code == DX_EXIT_OK) {
        dx_output_words(&run->output, "in step: %lld objects",
                        (long long)dx_item_int(dx_item_get(dx_buf_view(&status), "objects"), 0));
        print_joined(run, space, "synced");
    }
    dx_buf_deinit(&status);
    return code;
}

static int build(dx_joining *joining, dx_buf *body) {
    dx_invocation *run = joining->run;
    const char *url = dx_invocation_argument(run, 0), *pin = dx_invocation_option(run, "pin");
    dx_space_part part;
    dx_map_builder command;
    int code = dx_space_part_take(run, &part);
    if (code == DX_EXIT_OK && strcmp(url, "-") == 0) {
        if (dx_input_line(joining->url, sizeof joining->url) != DX_OK) {
            code = dx_fail(run, DX_E_INVALID, NULL, "there is no link on stdin");
        }
        url = joining->url;
    }
    if (code != DX_EXIT_OK) {
        dx_buf_deinit(&part.question);
        return code;
    }
    joining->pin_from_stdin = pin != NULL && strcmp(pin, "-") == 0;
    dx_command_begin(&command, "space.join");
    dx_command_text(&command, "url", url);
    dx_command_text(&command, "pin", joining->pin_from_stdin ? NULL : pin);
    dx_space_part_write(run, &part, &command);
    dx_buf_deinit(&part.question);
    return dx_command_finish(run, &command, body);
}

int dx_run_space_join(dx_invocation *run) {
    dx_joining joining = {.run = run};
    dx_buf body = {0};
    int code = build(&joining, &body);
    dx_buf_init(&joining.reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    if (code == DX_EXIT_OK) {
        code = dx_vault_open(run, DX_VAULT_NETWORK);
    }
    if (code == DX_EXIT_OK) {
        code = follow(&joining, dx_buf_view(&body));
    }
    dx_bytes refused = dx_reply_error(dx_buf_view(&joining.reply));
    if (code == DX_EXIT_OK) {
        code = refused.size > 0 ? dx_fail_reply(run, refused) : finish(&joining);
    }
    dx_buf_deinit(&joining.reply);
    if (body.alloc != NULL) {
        dx_buf_deinit(&body);
    }
    return code;
}
