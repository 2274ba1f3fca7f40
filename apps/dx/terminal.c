/* dx/terminal.c: see terminal.h. */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

static bool is_dumb(void) {
    const char *term = getenv("TERM");
    return term == NULL || term[0] == 0 || strcmp(term, "dumb") == 0;
}

bool dx_terminal_is(int fd) {
    return isatty(fd) == 1;
}

bool dx_terminal_has_cursor(int fd) {
    return dx_terminal_is(fd) && !is_dumb();
}

bool dx_terminal_has_colour(int fd) {
    const char *off = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE");
    if (off != NULL && off[0] != 0) {
        return false;
    }
    if (force != NULL && force[0] != 0 && strcmp(force, "0") != 0) {
        return true;
    }
    return dx_terminal_has_cursor(fd);
}

size_t dx_terminal_columns(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
}

int64_t dx_clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Marks that turn the direction of the text around them (Unicode, "Trojan Source"). */
static bool turns_text(uint32_t point) {
    return point == 0x061c || point == 0x200e || point == 0x200f || (point >= 0x202a && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

/* One code point of UTF-8; anything else is one byte of 0xfffd. */
static size_t read_point(const uint8_t *at, size_t left, uint32_t *point) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80             ? 1
                  : (at[0] & 0xe0) == 0xc0 ? 2
                  : (at[0] & 0xf0) == 0xe0 ? 3
                  : (at[0] & 0xf8) == 0xf0 ? 4
                                           : 0;
    if (size == 1) {
        *point = at[0];
        return 1;
    }
    *point = 0xfffd;
    if (size == 0 || size > left) {
        return 1;
    }
    uint32_t value = at[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 1;
        }
        value = value << 6 | (at[i] & 0x3f);
    }
    if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
        return 1;
    }
    *point = value;
    return size;
}

size_t dx_terminal_text(dx_bytes text, size_t columns, dx_buf *out) {
    size_t width = 0, at = 0, cut_size = out->size, cut_width = 0;
    while (at < text.size) {
        uint32_t point;
        size_t size = read_point(text.data + at, text.size - at, &point);
        bool unsafe = point < 0x20 || (point >= 0x7f && point < 0xa0) || turns_text(point);
        int cells = unsafe ? 1 : wcwidth((wchar_t)point);
        if (cells < 0) { /* not printable here */
            unsafe = true;
            cells = 1;
        }
        if (width + (size_t)cells > columns) {
            if (columns == 0) {
                return 0;
            }
            out->size = cut_size; /* one column is left for the ellipsis */
            dx_buf_append(out, "…", strlen("…"));
            return cut_width + 1;
        }
        if (unsafe || (point == 0xfffd && size == 1)) {
            dx_buf_append(out, "·", strlen("·"));
        } else {
            dx_buf_append(out, text.data + at, size);
        }
        width += (size_t)cells;
        at += size;
        if (width < columns) {
            cut_size = out->size;
            cut_width = width;
        }
    }
    return width;
}

void dx_terminal_utf8(dx_bytes text, dx_buf *out) {
    for (size_t at = 0, size; at < text.size; at += size) {
        static const char replacement[] = "\357\277\275";
        uint32_t point;
        size = read_point(text.data + at, text.size - at, &point);
        bool broken = point == 0xfffd && size == 1;
        dx_buf_append(out, broken ? (const void *)replacement : text.data + at,
                      broken ? sizeof replacement - 1 : size);
    }
}

/* --- Wrapping --------------------------------------------------------------------------------- */

enum { WIDE_LINE = 72, HANG_MAX = 40, COLUMNS_LEAST = 40 };

size_t dx_terminal_wrap_columns(int fd) {
    size_t columns = dx_terminal_is(fd) ? dx_terminal_columns(fd) : SIZE_MAX;
    return columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns;
}

/* Columns of the first `size` bytes: a colour takes none, a character one. */
static size_t width_of(const char *text, size_t size) {
    size_t width = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\033') {
            i += strcspn(text + i, "m");
        } else {
            width += ((unsigned char)text[i] & 0xc0) != 0x80;
        }
    }
    return width;
}

/* Where the line's last column begins: behind its last two spaces, if that is not too far to the right. */
static size_t hang_of(const char *line, size_t size) {
    size_t hang = strspn(line, " ");
    hang = hang < size ? hang : size;
    size_t width = hang;
    for (size_t i = hang; i + 2 < size && width_of(line, i) < HANG_MAX; i++) {
        if (line[i] == ' ' && line[i + 1] == ' ' && line[i + 2] != ' ') {
            width = width_of(line, i + 2);
        }
    }
    return width < HANG_MAX ? width : hang;
}

static void wrap_line(const char *line, size_t size, size_t columns, FILE *out) {
    size_t hang = hang_of(line, size), start = 0, room = columns;
    while (width_of(line + start, size - start) > room) {
        size_t end = 0;
        for (size_t i = 1; start + i < size && width_of(line + start, i) <= room; i++) {
            end = line[start + i] == ' ' && (start > 0 || width_of(line, i) > hang) ? i : end;
        }
        if (end == 0) { /* one long word: the terminal breaks it */
            break;
        }
        fprintf(out, "%.*s\n%*s", (int)end, line + start, (int)hang, "");
        start += end + 1;
        room = columns - hang;
    }
    fprintf(out, "%.*s\n", (int)(size - start), line + start);
}

/* The whole of what stands on a line, with those that were only broken for its width. Its size; *next: where
 * it goes on. */
static size_t gather_line(const char *text, bool join, char *line, size_t line_size, const char **next) {
    size_t used = 0;
    for (;;) {
        size_t size = strcspn(text, "\n");
        size_t fits = size < line_size - used ? size : line_size - used;
        memcpy(line + used, text, fits);
        used += fits;
        text += size + (text[size] == '\n');
        bool goes_on = join && size > WIDE_LINE && text[0] != 0 && text[0] != '\n' && text[0] != ' ';
        if (!goes_on || used == line_size) {
            *next = text;
            return used;
        }
        line[used++] = ' ';
    }
}

void dx_terminal_wrap(const char *text, size_t columns, FILE *out) {
    char line[2048];
    while (*text != 0) {
        size_t size = gather_line(text, columns != SIZE_MAX, line, sizeof line, &text);
        if (columns == SIZE_MAX) {
            fprintf(out, "%.*s\n", (int)size, line);
        } else {
            wrap_line(line, size, columns, out);
        }
    }
}

bool dx_terminal_hide_typing(bool hide) {
    struct termios settings;
    if (tcgetattr(STDIN_FILENO, &settings) != 0) {
        return false;
    }
    settings.c_lflag = hide ? settings.c_lflag & ~(tcflag_t)ECHO : settings.c_lflag | ECHO;
    return tcsetattr(STDIN_FILENO, TCSANOW, &settings) == 0;
}
