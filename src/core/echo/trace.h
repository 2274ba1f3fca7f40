/* echo/trace.h: what happens to blocks, told in lines for people and for stories.
 *
 * Layer: floor 1, echo, private to this room. Costs nothing while nobody listens; never tells content, keys
 * or names. */
#ifndef DX_ECHO_TRACE_H
#define DX_ECHO_TRACE_H

#include "base/trace.h"
#include "echo/space.h"

/* SQLite's printf: of the usual conversions only %s, %d, %lld, %llu. A longer line is cut. */
void dx_echo_trace(const dx_context *context, const char *format, ...) DX_PRINTF(2, 3);

#endif
