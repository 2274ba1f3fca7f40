/* dx/progress.c: see progress.h. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "terminal.h"

enum { QUIET_MS = 1000, REDRAW_MS = 100, LINE_EVERY_MS = 10000, BAR_CELLS = 24 };

void dx_progress_begin(dx_progress *progress, const dx_output *output, const char *work) {
    *progress = (dx_progress){.output = output,
                              .work = work,
                              .began_ms = dx_clock_ms(),
                              .has_bar = dx_terminal_has_cursor(STDERR_FILENO)};
    progress->shown_ms = progress->began_ms;
}

void dx_progress_work(dx_progress *progress, const char *work) {
    progress->work = work;
}

static void draw_bar(const dx_progress *progress, uint64_t done, uint64_t total) {
    char bar[BAR_CELLS * 3 + 1];
    size_t size = 0;
    for (uint64_t cell = 0; cell < BAR_CELLS; cell++) {
        size += (size_t)snprintf(bar + size, sizeof bar - size, "%s",
                                 cell * total < done * BAR_CELLS ? "█" : "░");
    }
    fprintf(stderr, "\r\033[K%s %s %3" PRIu64 " %%  %" PRIu64 " of %" PRIu64, progress->work, bar,
            done >= total ? 100 : done * 100 / total, done, total);
}

void dx_progress_update(dx_progress *progress, uint64_t done, uint64_t total) {
    int64_t now_ms = dx_clock_ms();
    bool bar = progress->has_bar;
    int64_t wait_ms = bar ? (progress->shown ? REDRAW_MS : QUIET_MS) : LINE_EVERY_MS;
    if (progress->output->quiet || now_ms - progress->shown_ms < wait_ms) {
        return;
    }
    progress->shown_ms = now_ms;
    if (!bar) {
        fprintf(stderr, total == 0 ? "%s: %" PRIu64 "\n" : "%s: %" PRIu64 " of %" PRIu64 "\n", progress->work,
                done, total);
        return;
    }
    progress->shown = true;
    if (total == 0) {
        fprintf(stderr, "\r\033[K%s %" PRIu64, progress->work, done);
    } else {
        draw_bar(progress, done, total);
    }
}

void dx_progress_clear(dx_progress *progress) {
    if (progress->shown) {
        fprintf(stderr, "\r\033[K");
        progress->shown = false;
    }
}

double dx_progress_seconds(const dx_progress *progress) {
    return (double)(dx_clock_ms() - progress->began_ms) / 1000;
}
