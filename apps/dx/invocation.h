/* dx/invocation.h: one call of `dx`: the verb, its arguments and options, and what it works with.
 *
 * Layer: apps. Made from argv by the table of verbs; handlers read it and nothing else of the command line.
 * Ownership: texts point into argv and live as long as the process. */
#ifndef DX_APP_INVOCATION_H
#define DX_APP_INVOCATION_H

#include <stdint.h>

#include <dxos/host.h>

#include "output.h"
#include "verbs.h"

typedef struct dx_given {
    const dx_option *option;
    const char *value; /* NULL: a flag */
} dx_given;

struct dx_invocation {
    const dx_verb *verb;
    const char **arguments;
    size_t argument_count;
    dx_given *given;
    size_t given_count;
    /* Global options. */
    const char *vault, *profile;
    int64_t timeout_ms; /* -1: none */
    bool no_input, help, trace;
    dx_output output;
    /* Filled while it runs. */
    int64_t deadline_ms; /* on dx_clock_ms, -1: none */
    dx_client *client;   /* vault.h */
};

typedef enum dx_parsed {
    DX_PARSED_VERB, /* run->verb is there, complete and well formed */
    DX_PARSED_HELP, /* help was asked for, or a noun stood alone: of run->verb, else of *noun, else of all */
    DX_PARSED_WRONG /* message and remedy say what; exit 2 */
} dx_parsed;

enum { DX_USAGE_MESSAGE_MAX = 256 };

/* Reads argv (without the program's name). message and remedy have DX_USAGE_MESSAGE_MAX bytes. Nothing is
 * printed. */
dx_parsed dx_invocation_parse(dx_invocation *run, int count, char **words, const char **noun, char *message,
                              char *remedy);
void dx_invocation_deinit(dx_invocation *run);

/* NULL: not given. */
const char *dx_invocation_argument(const dx_invocation *run, size_t index);
const char *dx_invocation_option(const dx_invocation *run, const char *name);
bool dx_invocation_has(const dx_invocation *run, const char *name);
/* "space share" or "import": the words that name this verb. */
const char *dx_verb_title(const dx_verb *verb, char *out, size_t size);

/* "1500ms", "90s", "10m", "2h", "7d", or a number of seconds (fractions allowed), into milliseconds.
 * DX_E_INVALID. */
int dx_duration_parse(const char *text, int64_t *milliseconds);

#endif
