/* dx/export.h: a space as lines, in the order and form in which `dx import` takes them.
 *
 * Layer: apps. One line per object and link as the vault tells them; an object too large for one line comes as a line
 * without its data and lines {"id", "set"} behind all others (docs/spec/archive.md). */
#ifndef DX_APP_EXPORT_H
#define DX_APP_EXPORT_H

#include "vault.h"

typedef struct dx_export {
    dx_invocation *run;
    const char *space;
    bool members; /* tell them too, as lines {"id", "member", "name"}: links may lead to them */
    void (*on_line)(void *ctx, dx_bytes line); /* without its end */
    void *ctx;
    bool stopped; /* set by on_line: no more are wanted */
    uint64_t objects, links;
    uint64_t omitted; /* too large even for pieces: their lines say so */
    dx_buf line, large;
} dx_export;

/* Told; an exit code. DX_EXIT_OK when it was stopped. */
int dx_export_run(dx_export *export);

#endif
