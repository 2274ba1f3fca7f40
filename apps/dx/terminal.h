/* dx/terminal.h: what the terminal can show, and text that is safe to show on it.
 *
 * Layer: apps. Names and values come from other people: nothing of theirs reaches a terminal as a control
 * character. */
#ifndef DX_APP_TERMINAL_H
#define DX_APP_TERMINAL_H

#include <stdio.h>

#include <dxos/base.h>

bool dx_terminal_is(int fd);
/* Whether it is one that can move its cursor: TERM=dumb cannot. */
bool dx_terminal_has_cursor(int fd);
/* Whether colour is wanted there: NO_COLOR, CLICOLOR_FORCE, TERM. */
bool dx_terminal_has_colour(int fd);
/* Columns of the terminal, 80 when it does not say. */
size_t dx_terminal_columns(int fd);
/* Milliseconds of a clock that only goes forward. */
int64_t dx_clock_ms(void);

/* Appends UTF-8 text with control characters, line breaks and direction marks replaced by "·", cut with an
 * ellipsis to at most `columns` columns (SIZE_MAX: not cut). Returns the columns it takes. */
size_t dx_terminal_text(dx_bytes text, size_t columns, dx_buf *out);

/* Appends the text as it is, but for bytes that are no UTF-8 (of a path, or cut): each becomes U+FFFD. */
void dx_terminal_utf8(dx_bytes text, dx_buf *out);

/* Our own words, which may hold colours, in lines of at most `columns` columns: broken between words, and what
 * follows stands under the line's last column (what came after two or more spaces). Lines that were only
 * broken for a wide terminal are joined before. SIZE_MAX: as they are. */
void dx_terminal_wrap(const char *text, size_t columns, FILE *out);
/* Columns to wrap at: those of the terminal, SIZE_MAX where `fd` is none. */
size_t dx_terminal_wrap_columns(int fd);

/* Turns the echo of what is typed off and on again; false when stdin is no terminal. */
bool dx_terminal_hide_typing(bool hide);

#endif
