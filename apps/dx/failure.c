/* dx/failure.c: see failure.h. */
#include "failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "terminal.h"

enum { MESSAGE_MAX = 1024 };

/* What is not listed is a plain failure. */
static const struct {
    int error;
    dx_exit code;
} exits[] = {
    {DX_OK, DX_EXIT_OK},
    {DX_E_INVALID, DX_EXIT_USAGE},
    {DX_E_UNSUPPORTED, DX_EXIT_USAGE},
    {DX_E_LINK, DX_EXIT_USAGE},
    {DX_E_NOT_FOUND, DX_EXIT_NOT_FOUND},
    {DX_E_GONE, DX_EXIT_NOT_FOUND},
    {DX_E_NO_IDENTITY, DX_EXIT_NO_IDENTITY},
    {DX_E_DENIED, DX_EXIT_DENIED},
    {DX_E_UNAUTHORIZED, DX_EXIT_DENIED},
    {DX_E_PIN, DX_EXIT_DENIED},
    {DX_E_LOCKED, DX_EXIT_DENIED},
    {DX_E_EXPIRED, DX_EXIT_DENIED},
    {DX_E_EXHAUSTED, DX_EXIT_DENIED},
    {DX_E_WITHDRAWN, DX_EXIT_DENIED},
    {DX_E_HOST_PROOF, DX_EXIT_DENIED},
    {DX_E_EXISTS, DX_EXIT_CONFLICT},
    {DX_E_CONFLICT, DX_EXIT_CONFLICT},
    {DX_E_BUSY, DX_EXIT_CONFLICT},
    {DX_E_UNREACHABLE, DX_EXIT_UNREACHABLE},
    {DX_E_NO_HOST, DX_EXIT_UNREACHABLE},
    {DX_E_TIMEOUT, DX_EXIT_TIMEOUT},
    {DX_E_NO_AGENT, DX_EXIT_NO_AGENT},
    {DX_E_NO_KUBE, DX_EXIT_NO_AGENT},
    {DX_E_CANCELLED, DX_EXIT_INTERRUPTED},
};

int dx_exit_of(int error) {
    for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++) {
        if (exits[i].error == error) {
            return (int)exits[i].code;
        }
    }
    return DX_EXIT_FAILURE;
}

const char *dx_failure_name(int error) {
    return error == DX_E_NO_AGENT ? "E_NO_AGENT" : error == DX_E_NO_KUBE ? "E_NO_KUBE" : dx_error_name(error);
}

static void tell_json(dx_output *output, const char *name, const char *message, const char *remedy) {
    static const char *const keys[] = {"code", "message", "try", NULL};
    dx_map_builder error;
    dx_buf item;
    dx_writer writer;
    dx_map_builder_init(&error, dx_host_alloc(), MESSAGE_MAX * 8);
    dx_write_text(dx_map_builder_key(&error, "code"), name);
    dx_output_write_words(dx_map_builder_key(&error, "message"), message);
    if (remedy[0] != 0) {
        dx_output_write_words(dx_map_builder_key(&error, "try"), remedy);
    } else {
        dx_write_null(dx_map_builder_key(&error, "try"));
    }
    dx_buf_init(&item, dx_host_alloc(), MESSAGE_MAX * 8);
    dx_writer_init(&writer, &item);
    dx_map_builder_finish(&error, &writer);
    if (dx_writer_finish(&writer) == DX_OK) {
        dx_output_json_named(output, "error", dx_buf_view(&item), keys);
        dx_output_flush(output);
    }
    dx_buf_deinit(&item);
}

static void tell_words(const dx_output *output, const char *what, const char *why, const char *remedy) {
    dx_buf line;
    dx_buf_init(&line, dx_host_alloc(), MESSAGE_MAX * 8);
    const char *red = output->error_colour ? "\033[31m" : "", *plain = output->error_colour ? "\033[0m" : "";
    dx_terminal_text(dx_bytes_text(what), SIZE_MAX, &line);
    dx_buf_append(&line, " — ", strlen(" — "));
    dx_terminal_text(dx_bytes_text(why), SIZE_MAX, &line);
    if (remedy[0] != 0) {
        dx_buf_append(&line, "; try: ", strlen("; try: "));
        dx_terminal_text(dx_bytes_text(remedy), SIZE_MAX, &line);
    }
    fflush(stdout);
    fprintf(stderr, "%serror:%s %.*s\n", red, plain, (int)line.size, (const char *)line.data);
    dx_buf_deinit(&line);
}

static int tell(dx_invocation *run, int error, const char *name, const char *message, const char *remedy) {
    char what[96] = "dx", title[64];
    if (run->verb != NULL) {
        snprintf(what, sizeof what, "dx %s", dx_verb_title(run->verb, title, sizeof title));
    }
    if (run->output.json) {
        tell_json(&run->output, name, message, remedy);
    } else {
        tell_words(&run->output, what, message, remedy);
    }
    return dx_exit_of(error);
}

int dx_fail(dx_invocation *run, int error, const char *remedy, const char *format, ...) {
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return tell(run, error, dx_failure_name(error), message, remedy == NULL ? "" : remedy);
}

int dx_fail_reply(dx_invocation *run, dx_bytes error_item) {
    char message[MESSAGE_MAX], remedy[MESSAGE_MAX];
    int error = (int)dx_item_int(dx_item_get(error_item, "code"), DX_E_MALFORMED);
    dx_bytes text = dx_item_text(dx_item_get(error_item, "message"));
    dx_bytes hint = dx_item_text(dx_item_get(error_item, "try"));
    const char *sentence = dx_error_text(error);
    /* With this remedy the vault answers a command it does not know: this program knows all its own. */
    bool is_unknown = error == DX_E_UNSUPPORTED && dx_bytes_equal(hint, dx_bytes_text("dx help"));
    if (is_unknown && run->client != NULL && dx_client_has_agent(run->client)) {
        hint = dx_bytes_text("dx agent stop; dx agent start: the one that runs may be of an older version");
    }
    snprintf(message, sizeof message, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
    snprintf(remedy, sizeof remedy, "%.*s", (int)hint.size, hint.size == 0 ? "" : (const char *)hint.data);
    return tell(run, error, dx_failure_name(error), message[0] == 0 ? sentence : message, remedy);
}

int dx_fail_usage(dx_invocation *run, const char *message, const char *remedy) {
    return dx_fail(run, DX_E_INVALID, remedy, "%s", message);
}
