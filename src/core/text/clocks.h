/* text/clocks.h: state vectors: of each client the next clock that is expected.
 *
 * Layer: floor 1, text. Sorted by client, the greatest first, as they are written. A client that is not in it has clock 0. */
#ifndef DX_TEXT_CLOCKS_H
#define DX_TEXT_CLOCKS_H

#include "text/lib0.h"

typedef struct dx_text_clock {
    uint64_t client, clock;
} dx_text_clock;

typedef struct dx_text_clocks {
    const dx_alloc *alloc;
    dx_text_clock *entries;
    size_t count, capacity;
} dx_text_clocks;

void dx_text_clocks_init(dx_text_clocks *clocks, const dx_alloc *alloc);
void dx_text_clocks_deinit(dx_text_clocks *clocks);
void dx_text_clocks_clear(dx_text_clocks *clocks); /* memory stays */
uint64_t dx_text_clocks_get(const dx_text_clocks *clocks, uint64_t client);
/* Sets it, whatever it was. In descending order of clients this appends; else it moves what stands behind. */
int dx_text_clocks_set(dx_text_clocks *clocks, uint64_t client, uint64_t clock);

void dx_text_clocks_write(const dx_text_clocks *clocks, dx_buf *out);
/* Fills it anew; clients in any order. A client twice: DX_E_MALFORMED. What follows stays in the reader. */
int dx_text_clocks_read(dx_text_clocks *clocks, dx_lib0_reader *reader);
/* The bytes are one state vector and nothing else; no bytes at all: an empty one. */
int dx_text_clocks_decode(dx_text_clocks *clocks, dx_bytes state_vector);

#endif
