/* dx/main.c: the `dx` command: from argv to one handler of the table, and out. See verbs.h.
 *
 * Layer: apps (include/dxos only). */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "help.h"
#include "terminal.h"
#include "vault.h"

static int print_help(const dx_invocation *run, const char *noun) {
    if (run->verb != NULL) {
        dx_help_verb(stdout, run->output.colour, run->verb);
    } else if (noun == NULL || !dx_help_noun(stdout, run->output.colour, noun)) {
        dx_help_all(stdout, run->output.colour);
    }
    return DX_EXIT_OK;
}

static int run_verb(dx_invocation *run) {
    if (run->timeout_ms >= 0) {
        run->deadline_ms = dx_clock_ms() + run->timeout_ms;
    }
    int code = run->verb->run(run);
    dx_vault_close(run);
    return code;
}

int main(int count, char **words) {
    char message[DX_USAGE_MESSAGE_MAX], remedy[DX_USAGE_MESSAGE_MAX];
    const char *noun = NULL;
    dx_invocation run;
    umask(077); /* what a vault writes is its owner's alone, whatever the shell's habits */
    setlocale(LC_CTYPE, "C.UTF-8"); /* widths of characters; nothing else of a locale reaches our output */
    dx_parsed parsed = dx_invocation_parse(&run, count - 1, words + 1, &noun, message, remedy);
    dx_output_init(&run.output);
    int code = DX_EXIT_OK;
    switch (parsed) {
    case DX_PARSED_WRONG:
        code = dx_fail_usage(&run, message, remedy);
        break;
    case DX_PARSED_HELP:
        code = print_help(&run, noun);
        break;
    case DX_PARSED_VERB:
        code = run_verb(&run);
        break;
    }
    dx_output_flush(&run.output);
    if (run.output.failure != 0 && code == DX_EXIT_OK) {
        fprintf(stderr, "error: dx — stdout cannot be written: %s\n", strerror(run.output.failure));
        code = DX_EXIT_FAILURE;
    }
    dx_invocation_deinit(&run);
    return code;
}
