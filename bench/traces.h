/* bench/traces.h: editing traces: what somebody wrote, keystroke by keystroke.
 *
 * JSON, or JSON packed by gzip: {startContent, endContent, txns: [{patches: [[at, removed, "inserted"]…]}…]}; with kind
 * "concurrent" also numAgents and for each transaction its agent and the places of its parents, whose text its positions are in.
 * Positions count UTF-16 here: traces with code points beyond the basic plane are refused. Everything is read before any clock
 * starts and stays until the program ends. */
#ifndef DX_BENCH_TRACES_H
#define DX_BENCH_TRACES_H

#include <dxos/base.h>

typedef struct trace_edit {
    uint32_t at, removed;
    dx_bytes inserted;
} trace_edit;

typedef struct trace_step {
    uint32_t agent;
    uint32_t first_edit, edit_count;
    uint32_t first_parent, parent_count; /* places of steps, in trace.parents */
} trace_step;

typedef struct text_trace {
    const char *name; /* of the file, without folder and ending */
    bool concurrent;
    uint32_t agents;
    dx_bytes start, end; /* its text before and after */
    trace_edit *edits;
    size_t edit_count;
    trace_step *steps;
    size_t step_count;
    uint32_t *parents;
} text_trace;

/* NULL and a sentence on standard error: it cannot be read. */
text_trace *trace_read(const char *path);

#endif
