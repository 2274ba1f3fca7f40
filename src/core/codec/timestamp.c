/* codec/timestamp.c: times as text, and the calendar arithmetic behind it.
 *
 * Layer: floor 1, codec. Contract in codec/timestamp.h. A year is counted from 1 March, so that the leap day
 * is its last. */
#include "codec/timestamp.h"

#include <dxos/codec.h>

enum {
    MICROS = 1000000,
    DAY_SECONDS = 86400,
    ERA_YEARS = 400,
    ERA_DAYS = 146097,
    EPOCH_DAY = 719468 /* 1970-01-01 */
};

/* Days since 1970-01-01. */
static int64_t day_of(int year, int month, int day) {
    int64_t march_year = month <= 2 ? year - 1 : year;
    int64_t era = (march_year >= 0 ? march_year : march_year - ERA_YEARS + 1) / ERA_YEARS;
    int64_t year_of_era = march_year - era * ERA_YEARS;
    int64_t day_of_year =
        (153 * ((month + 9) % 12) + 2) / 5 + day - 1; /* 153 days in each five months from March */
    return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - EPOCH_DAY;
}

static int month_days(int year, int month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* A cursor over the text; takes digits and marks, remembers the first thing that was wrong. */
typedef struct scanner {
    dx_bytes text;
    size_t at;
    bool wrong;
} scanner;

static int take_number(scanner *it, int digits, int least, int most) {
    int value = 0;
    for (int i = 0; i < digits; i++, it->at++) {
        if (it->at >= it->text.size || it->text.data[it->at] < '0' || it->text.data[it->at] > '9') {
            it->wrong = true;
            return least;
        }
        value = value * 10 + (it->text.data[it->at] - '0');
    }
    if (value < least || value > most) {
        it->wrong = true;
        return least;
    }
    return value;
}

static bool take_mark(scanner *it, char mark) {
    if (it->at < it->text.size && it->text.data[it->at] == (uint8_t)mark) {
        it->at++;
        return true;
    }
    return false;
}

static void need_mark(scanner *it, char mark) {
    it->wrong |= !take_mark(it, mark);
}

static int take_fraction(scanner *it) {
    if (!take_mark(it, '.')) {
        return 0;
    }
    int micros = take_number(it, 1, 0, 9);
    int digits = 1;
    for (; it->at < it->text.size && it->text.data[it->at] >= '0' && it->text.data[it->at] <= '9'; digits++) {
        if (digits == 6) {
            it->wrong = true;
            return 0;
        }
        micros = micros * 10 + take_number(it, 1, 0, 9);
    }
    for (; digits < 6; digits++) {
        micros *= 10;
    }
    return micros;
}

/* Seconds east of UTC. */
static int take_offset(scanner *it) {
    if (take_mark(it, 'Z')) {
        return 0;
    }
    int sign = take_mark(it, '-') ? -1 : 1;
    if (sign > 0) {
        need_mark(it, '+');
    }
    int hours = take_number(it, 2, 0, 23);
    need_mark(it, ':');
    return sign * (hours * 3600 + take_number(it, 2, 0, 59) * 60);
}

int dx_timestamp_parse(dx_bytes text, int64_t *micros) {
    scanner it = {.text = text};
    int year = take_number(&it, 4, 0, 9999);
    need_mark(&it, '-');
    int month = take_number(&it, 2, 1, 12);
    need_mark(&it, '-');
    int day = take_number(&it, 2, 1, month_days(year, month));
    need_mark(&it, 'T');
    int hour = take_number(&it, 2, 0, 23);
    need_mark(&it, ':');
    int minute = take_number(&it, 2, 0, 59);
    need_mark(&it, ':');
    int second = take_number(&it, 2, 0, 59);
    int fraction = take_fraction(&it);
    int offset = take_offset(&it);
    if (it.wrong || it.at != text.size) {
        return DX_E_INVALID;
    }
    int64_t seconds = day_of(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second - offset;
    *micros = seconds * MICROS + fraction;
    return DX_OK;
}

static char *put_number(char *out, int64_t value, int digits) {
    for (int i = digits; i > 0; i--) {
        out[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits;
}

size_t dx_timestamp_print(int64_t micros, char *out) {
    if (micros < day_of(0, 1, 1) * DAY_SECONDS * MICROS ||
        micros >= day_of(10000, 1, 1) * DAY_SECONDS * MICROS) {
        return 0;
    }
    /* Counted from 0000-03-01 less one era, everything below is positive. */
    int64_t second_of_all =
        micros / MICROS - (micros % MICROS < 0 ? 1 : 0) + (int64_t)(EPOCH_DAY + ERA_DAYS) * DAY_SECONDS;
    int64_t fraction = (micros % MICROS + MICROS) % MICROS;
    int64_t day = second_of_all / DAY_SECONDS, second = second_of_all % DAY_SECONDS;
    int64_t era = day / ERA_DAYS, day_of_era = day % ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / (365 * 4) + day_of_era / (365 * 100 + 24) - day_of_era / (ERA_DAYS - 1)) /
        365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    int64_t year = (era - 1) * ERA_YEARS + year_of_era + (month <= 2 ? 1 : 0);
    char *at = put_number(out, year, 4);
    *at++ = '-';
    at = put_number(at, month, 2);
    *at++ = '-';
    at = put_number(at, day_of_year - (153 * march_month + 2) / 5 + 1, 2);
    *at++ = 'T';
    at = put_number(at, second / 3600, 2);
    *at++ = ':';
    at = put_number(at, second / 60 % 60, 2);
    *at++ = ':';
    at = put_number(at, second % 60, 2);
    if (fraction != 0) {
        *at++ = '.';
        at = fraction % 1000 == 0 ? put_number(at, fraction / 1000, 3) : put_number(at, fraction, 6);
    }
    *at++ = 'Z';
    return (size_t)(at - out);
}

bool dx_timestamp_is_canonical(dx_bytes text) {
    char printed[DX_TIMESTAMP_TEXT_MAX];
    int64_t micros;
    return dx_timestamp_parse(text, &micros) == DX_OK &&
           dx_bytes_equal(dx_bytes_of(printed, dx_timestamp_print(micros, printed)), text);
}

/* An empty text is no time, which is how the writer learns of a year that cannot be written. */
void dx_write_timestamp(dx_writer *writer, int64_t micros) {
    char text[DX_TIMESTAMP_TEXT_MAX];
    dx_write_tag(writer, DX_TAG_TIMESTAMP);
    dx_write_text_bytes(writer, dx_bytes_of(text, dx_timestamp_print(micros, text)));
}

int64_t dx_read_timestamp(dx_reader *reader) {
    int64_t micros = 0;
    if (dx_read_tag(reader) != DX_TAG_TIMESTAMP ||
        dx_timestamp_parse(dx_read_text(reader), &micros) != DX_OK) {
        dx_reader_fail(reader);
    }
    return micros;
}
