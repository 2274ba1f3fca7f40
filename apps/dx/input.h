/* dx/input.h: what people type or pipe in: JSON, lines, PINs.
 *
 * Layer: apps. "-" as an argument means stdin. Nothing is asked for unless stdin and stderr are terminals and
 * --no-input is not given. */
#ifndef DX_APP_INPUT_H
#define DX_APP_INPUT_H

#include "failure.h"

enum { DX_INPUT_SIZE_MAX = 4 << 20, DX_INPUT_LINE_MAX = 4096 };

/* Whether a question may be put to a person. */
bool dx_input_may_ask(const dx_invocation *run);
/* One line of stdin without its end. DX_E_NOT_FOUND: there is none left; DX_E_LIMIT. */
int dx_input_line(char *out, size_t size);
/* An argument's JSON, or stdin's for "-", as one canonical item; name is what the person calls it. Told; an
 * exit code. */
int dx_input_json(dx_invocation *run, const char *text, const char *name, bool must_be_map, dx_buf *out);
/* The same for text that "-" does not mean stdin in. */
int dx_input_json_text(dx_invocation *run, dx_bytes text, const char *name, bool must_be_map, dx_buf *out);
/* A question with a line for an answer; empty when it cannot be asked. */
bool dx_input_ask(const dx_invocation *run, const char *question, char *out, size_t size);
/* A non-negative number. Told; an exit code. */
int dx_input_number(dx_invocation *run, const char *text, const char *name, int64_t *out);

/* A PIN being typed while the vault goes on working: call poll between waits. */
typedef struct dx_pin_entry {
    bool hidden; /* echo is off */
    size_t size;
    char line[64];
} dx_pin_entry;

void dx_pin_entry_begin(dx_pin_entry *entry, const char *question);
/* 1: entry->line is complete; 0: not yet; -1: stdin ended. */
int dx_pin_entry_poll(dx_pin_entry *entry);
void dx_pin_entry_end(dx_pin_entry *entry);

#endif
