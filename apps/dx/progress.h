/* dx/progress.h: how far a long piece of work is, on stderr.
 *
 * Layer: apps. Nothing for the first second; then a bar that redraws itself on a terminal, or one line every
 * ten seconds elsewhere. Not with --quiet. Words printed meanwhile go through dx_progress_clear first. */
#ifndef DX_APP_PROGRESS_H
#define DX_APP_PROGRESS_H

#include "output.h"

typedef struct dx_progress {
    const dx_output *output;
    const char *work; /* "adding objects" */
    int64_t began_ms, shown_ms;
    bool has_bar; /* else lines are told */
    bool shown;   /* a bar stands on the terminal's line */
} dx_progress;

void dx_progress_begin(dx_progress *progress, const dx_output *output, const char *work);
/* Another piece of the same work begins. */
void dx_progress_work(dx_progress *progress, const char *work);
/* total 0: not known. May be called as often as one likes. */
void dx_progress_update(dx_progress *progress, uint64_t done, uint64_t total);
/* Takes the bar away. */
void dx_progress_clear(dx_progress *progress);
/* Seconds since it began. */
double dx_progress_seconds(const dx_progress *progress);

#endif
