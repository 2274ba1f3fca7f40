/* dx/failure.h: how a failure is told, and with which exit code.
 *
 * Layer: apps. One table from errors of the house to exit codes; one form of words:
 *   error: <what> — <why>; try: <command>      on stderr
 *   {"error": {"code", "message", "try"}}      on stdout with --json */
#ifndef DX_APP_FAILURE_H
#define DX_APP_FAILURE_H

#include "invocation.h"

typedef enum dx_exit {
    DX_EXIT_OK = 0,
    DX_EXIT_FAILURE = 1,
    DX_EXIT_USAGE = 2,
    DX_EXIT_NOT_FOUND = 3,
    DX_EXIT_NO_IDENTITY = 4,
    DX_EXIT_DENIED = 5,
    DX_EXIT_CONFLICT = 6,
    DX_EXIT_UNREACHABLE = 7,
    DX_EXIT_TIMEOUT = 8,
    DX_EXIT_NO_AGENT = 9,
    DX_EXIT_PARTIAL = 10,
    DX_EXIT_INTERRUPTED = 130
} dx_exit;

/* Errors that are dx's own: no agent, no kube runs where one is needed. */
enum { DX_E_NO_AGENT = -1000, DX_E_NO_KUBE = -1001 };

int dx_exit_of(int error);
/* "E_NOT_FOUND" and so on, also for these two. */
const char *dx_failure_name(int error);
/* Tells a failure of this command and returns its exit code. remedy may be NULL or empty. */
int dx_fail(dx_invocation *run, int error, const char *remedy, const char *format, ...) DX_PRINTF(4, 5);
/* Tells the {"error": …} of a reply. */
int dx_fail_reply(dx_invocation *run, dx_bytes error_item);
/* A command line that cannot be understood. */
int dx_fail_usage(dx_invocation *run, const char *message, const char *remedy);

#endif
