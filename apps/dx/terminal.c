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

bool dx_terminal_has_colour(int fd) {
    const char *off = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE");
    if (off != NULL && off[0] != 0) {
        return false;
    }
    if (force != NULL && force[0] != 0 && strcmp(force, "0") != 0) {
        return true;
    }
    return dx_terminal_is(fd) && !is_dumb();
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
    if (value < least[size] || value > 0x10ffff) {
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

bool dx_terminal_hide_typing(bool hide) {
    struct termios settings;
    if (tcgetattr(STDIN_FILENO, &settings) != 0) {
        return false;
    }
    settings.c_lflag = hide ? settings.c_lflag & ~(tcflag_t)ECHO : settings.c_lflag | ECHO;
    return tcsetattr(STDIN_FILENO, TCSANOW, &settings) == 0;
}
