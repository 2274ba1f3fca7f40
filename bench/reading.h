/* bench/reading.h: files that may be packed. */
#ifndef DX_BENCH_READING_H
#define DX_BENCH_READING_H

#include <dxos/base.h>

/* Appends the whole file; one whose name ends in .gz is unpacked. false: it could not be read to its end. */
bool reading_file(const char *path, dx_buf *out);

#endif
