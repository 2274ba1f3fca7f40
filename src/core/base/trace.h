/* base/trace.h: one line of text per event, for people and for stories.
 *
 * Layer: floor 1, base. Costs nothing while nobody listens. A line tells names and numbers of the house,
 * never content, keys or PINs; a longer one is cut. */
#ifndef DX_BASE_TRACE_H
#define DX_BASE_TRACE_H

#include <stdarg.h>

#include <dxos/base.h>

enum { DX_TRACE_LINE_SIZE = 256 };

/* tracer may be NULL. room: the room's name. SQLite's printf: of the usual conversions only %s, %d, %lld,
 * %llu. */
void dx_trace(const dx_tracer *tracer, const char *room, const char *format, ...) DX_PRINTF(3, 4);
void dx_trace_list(const dx_tracer *tracer, const char *room, const char *format, va_list arguments)
    DX_PRINTF(3, 0);

#endif
