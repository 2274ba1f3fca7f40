/* base/trace.c: one line of text per event. See trace.h. */
#include "base/trace.h"

#include <sqlite3.h>

void dx_trace_list(const dx_tracer *tracer, const char *room, const char *format, va_list arguments) {
    if (tracer == NULL || tracer->line == NULL) {
        return;
    }
    char line[DX_TRACE_LINE_SIZE];
    sqlite3_vsnprintf(sizeof line, line, format, arguments);
    tracer->line(tracer->ctx, room, line);
}

void dx_trace(const dx_tracer *tracer, const char *room, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    dx_trace_list(tracer, room, format, arguments);
    va_end(arguments);
}
