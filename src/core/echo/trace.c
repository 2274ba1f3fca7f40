/* echo/trace.c: what happens to blocks, told in lines for people and for stories. See trace.h. */
#include "echo/trace.h"

#include <stdarg.h>

void dx_echo_trace(const dx_context *context, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    dx_trace_list(context->tracer, "echo", format, arguments);
    va_end(arguments);
}
