/* dx/input.c: see input.h. */
#include "input.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"

bool dx_input_may_ask(const dx_invocation *run) {
    return !run->no_input && dx_terminal_is(STDIN_FILENO) && dx_terminal_is(STDERR_FILENO);
}

/* Byte by byte: what follows the line belongs to whoever reads next. */
int dx_input_line(char *out, size_t size) {
    size_t used = 0;
    for (char byte; read(STDIN_FILENO, &byte, 1) == 1;) {
        if (byte == '\n') {
            out[used] = 0;
            return DX_OK;
        }
        if (used + 1 == size) {
            return DX_E_LIMIT;
        }
        if (byte != '\r') {
            out[used++] = byte;
        }
    }
    out[used] = 0;
    return used > 0 ? DX_OK : DX_E_NOT_FOUND;
}

static int read_all(dx_buf *out) {
    uint8_t chunk[16384];
    for (ssize_t got; (got = read(STDIN_FILENO, chunk, sizeof chunk)) != 0;) {
        if (got < 0) {
            return DX_E_IO;
        }
        dx_buf_append(out, chunk, (size_t)got);
        if (dx_buf_error(out) != DX_OK) {
            return dx_buf_error(out);
        }
    }
    return DX_OK;
}

int dx_input_json_text(dx_invocation *run, dx_bytes text, const char *name, bool must_be_map, dx_buf *out) {
    char message[96] = "";
    dx_writer writer;
    dx_buf_init(out, dx_host_alloc(), DX_INPUT_SIZE_MAX);
    dx_writer_init(&writer, out);
    int error = dx_json_parse(text, &writer, message, sizeof message);
    if (error != DX_OK) {
        return dx_fail(run, error,
                       must_be_map ? "quote it for the shell: '{\"key\": \"value\"}'"
                                   : "texts in quotes of their own: title='\"tea\"'",
                       "%s is no JSON: %s", name, message[0] == 0 ? dx_error_text(error) : message);
    }
    if (must_be_map && dx_item_kind(dx_buf_view(out)) != DX_KIND_MAP) {
        return dx_fail(run, DX_E_INVALID, "'{\"key\": \"value\"}'", "%s must be an object of keys and values",
                       name);
    }
    return DX_EXIT_OK;
}

int dx_input_json(dx_invocation *run, const char *text, const char *name, bool must_be_map, dx_buf *out) {
    if (strcmp(text, "-") != 0) {
        return dx_input_json_text(run, dx_bytes_text(text), name, must_be_map, out);
    }
    dx_buf typed;
    dx_buf_init(&typed, dx_host_alloc(), DX_INPUT_SIZE_MAX);
    dx_buf_init(out, dx_host_alloc(), 0);
    int error = read_all(&typed);
    int code = error == DX_OK ? dx_input_json_text(run, dx_buf_view(&typed), name, must_be_map, out)
                              : dx_fail(run, error, NULL, "stdin cannot be read: %s", dx_error_text(error));
    dx_buf_deinit(&typed);
    return code;
}

bool dx_input_ask(const dx_invocation *run, const char *question, char *out, size_t size) {
    out[0] = 0;
    if (!dx_input_may_ask(run)) {
        return false;
    }
    fprintf(stderr, "%s ", question);
    return dx_input_line(out, size) == DX_OK;
}

int dx_input_number(dx_invocation *run, const char *text, const char *name, int64_t *out) {
    char *end = NULL;
    long long number = text[0] >= '0' && text[0] <= '9' ? strtoll(text, &end, 10) : 0;
    if (end == NULL || *end != 0) {
        return dx_fail(run, DX_E_INVALID, NULL, "%s takes a number, not \"%s\"", name, text);
    }
    *out = number;
    return DX_EXIT_OK;
}

/* --- PINs
 * ---------------------------------------------------------------------------------------------------- */

void dx_pin_entry_begin(dx_pin_entry *entry, const char *question) {
    *entry = (dx_pin_entry){.hidden = dx_terminal_hide_typing(true)};
    fprintf(stderr, "%s ", question);
}

int dx_pin_entry_poll(dx_pin_entry *entry) {
    struct pollfd typed = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&typed, 1, 0) == 1) {
        char byte;
        if (read(STDIN_FILENO, &byte, 1) != 1) {
            return -1;
        }
        if (byte == '\n') {
            entry->line[entry->size] = 0;
            return 1;
        }
        if (entry->size + 1 < sizeof entry->line) {
            entry->line[entry->size++] = byte;
        }
    }
    return 0;
}

void dx_pin_entry_end(dx_pin_entry *entry) {
    if (entry->hidden) {
        dx_terminal_hide_typing(false);
    }
    fprintf(stderr, "\n");
    explicit_bzero(entry->line, sizeof entry->line);
    *entry = (dx_pin_entry){.size = 0};
}
