/* dx/source.h: the records of a file to import, whatever its form: lines of JSON or stanzas of dpkg.
 *
 * Layer: apps. The first line decides. Reading twice gives the same records in the same order. */
#ifndef DX_APP_SOURCE_H
#define DX_APP_SOURCE_H

#include "lines.h"
#include "record.h"

typedef struct dx_source {
    dx_lines lines;
    dx_mapping mapping;
    bool dpkg;
    uint64_t number; /* of the line where the last record began */
    dx_buf item, stanza;
    char why[160]; /* after DX_E_INVALID: what is wrong with that record */
} dx_source;

/* mapping is what the options said; dpkg's own replaces what they left open. Errors as dx_lines_open. */
DX_MUST_USE int dx_source_open(dx_source *source, const char *path, const dx_mapping *mapping);
/* The lines of a space in an archive (dx_lines_attach). DX_E_IO. */
DX_MUST_USE int dx_source_attach(dx_source *source, gzFile file, uint64_t size, uint64_t begin,
                                 uint64_t parts);
/* The next record, borrowed until the next call. DX_E_NOT_FOUND: that was all. DX_E_INVALID: this one is not
 * to be used, the next may be. DX_E_MALFORMED: the file is damaged. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_source_next(dx_source *source, dx_record *out);
DX_MUST_USE int dx_source_rewind(dx_source *source);
void dx_source_close(dx_source *source);

#endif
