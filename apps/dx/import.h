/* dx/import.h: records of a source into a space: for `dx import` and for archives.
 *
 * Layer: apps. */
#ifndef DX_APP_IMPORT_H
#define DX_APP_IMPORT_H

#include "source.h"
#include "vault.h"

typedef struct dx_import_result {
    uint64_t objects, links, unresolved, rejected;
    double seconds;
    /* The journal of what is done, to be removed when nothing can keep the caller from being done; empty: there is none. */
    char journal[DX_PATH_MAX + 80];
} dx_import_result;

/* Everything the source holds becomes objects and links of the space (its id, or a name that stands for it). What an import of the
 * same lines into the same space did before it was ended is not done again (journal.h), unless `anew`. whole: a record that is no record, or that the vault refuses,
 * ends it as a failure. Told; an exit code; DX_EXIT_PARTIAL when records were rejected and told. result is
 * true in any case: what was acknowledged. */
int dx_import_source(dx_invocation *run, const char *space, dx_source *source, bool whole, bool anew,
                     dx_import_result *result);

#endif
