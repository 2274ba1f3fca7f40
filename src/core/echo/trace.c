/* echo/trace.c: what happens to blocks, told in lines for people and for stories. See trace.h. */
#include "echo/trace.h"

#include <stdarg.h>

void dx_echo_trace(const dx_context *context, const char *format, ...) {
    if (context->tracer == NULL || context->tracer->line == NULL) {
        return;
    }
    char line[DX_TRACE_LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    sqlite3_vsnprintf(sizeof line, line, format, arguments);
    va_end(arguments);
    context->tracer->line(context->tracer->ctx, "echo", line);
}
