/* sync/told_address.c: see told_address.h. Sources of the ranges: RFC 6890 (special-purpose addresses), RFC
 * 4291 (IPv6 addresses and their text form). */
#include "sync/told_address.h"

#include <string.h>

enum { GROUPS = 8, OCTETS = 4, PORT_DIGITS_MAX = 5, PORT_MAX = 65535 };

typedef enum address_kind {
    KIND_NAME, /* or nonsense: not figures */
    KIND_NOBODY,
    KIND_LOOPBACK,
    KIND_HOST
} address_kind;

static bool starts_with(dx_bytes text, const char *start) {
    size_t size = strlen(start);
    return text.size >= size && memcmp(text.data, start, size) == 0;
}

static dx_bytes without(dx_bytes text, size_t size) {
    return dx_bytes_of(text.data + size, text.size - size);
}

/* --- IPv4 ------------------------------------------------------------------------------------- */

/* Four plain decimals: no octal, no hexadecimal, no missing parts, which resolvers read each in their way. */
static bool read_ip4(dx_bytes text, uint8_t out[static OCTETS]) {
    size_t at = 0;
    for (int i = 0; i < OCTETS; i++) {
        unsigned value = 0;
        size_t start = at;
        while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9' && at - start < 3) {
            value = value * 10 + (unsigned)(text.data[at++] - '0');
        }
        bool padded = at - start > 1 && text.data[start] == '0';
        bool last = i == OCTETS - 1;
        if (at == start || padded || value > 255 || (!last && (at == text.size || text.data[at] != '.'))) {
            return false;
        }
        out[i] = (uint8_t)value;
        at += !last;
    }
    return at == text.size;
}

static address_kind kind_of_ip4(const uint8_t octets[static OCTETS]) {
    bool nobody = octets[0] == 0 || octets[0] >= 224 || (octets[0] == 169 && octets[1] == 254);
    return nobody ? KIND_NOBODY : octets[0] == 127 ? KIND_LOOPBACK : KIND_HOST;
}

/* --- IPv6 ------------------------------------------------------------------------------------- */

static int digit_of(uint8_t c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Groups of one to four digits between colons. -1: not of that form. */
static int read_groups(dx_bytes text, uint16_t out[static GROUPS]) {
    size_t at = 0;
    int count = 0;
    while (at < text.size) {
        unsigned value = 0;
        size_t start = at;
        while (at < text.size && digit_of(text.data[at]) >= 0 && at - start < 4) {
            value = value * 16 + (unsigned)digit_of(text.data[at++]);
        }
        bool ends = at == text.size;
        if (at == start || count == GROUPS || (!ends && (text.data[at] != ':' || at + 1 == text.size))) {
            return -1;
        }
        out[count++] = (uint16_t)value;
        at += !ends;
    }
    return count;
}

/* "::" stands once for at least one group of zeros. */
static bool read_ip6(dx_bytes text, uint16_t out[static GROUPS]) {
    uint16_t tail[GROUPS];
    size_t gap = 0;
    while (gap + 1 < text.size && !(text.data[gap] == ':' && text.data[gap + 1] == ':')) {
        gap++;
    }
    bool has_gap = gap + 1 < text.size;
    memset(out, 0, GROUPS * sizeof out[0]);
    int first = read_groups(has_gap ? dx_bytes_of(text.data, gap) : text, out);
    if (!has_gap) {
        return first == GROUPS;
    }
    int second = read_groups(without(text, gap + 2), tail);
    if (first < 0 || second < 0 || first + second >= GROUPS) {
        return false;
    }
    memcpy(out + GROUPS - second, tail, (size_t)second * sizeof tail[0]);
    return true;
}

static address_kind kind_of_ip6(const uint16_t groups[static GROUPS]) {
    bool low = true; /* all zeros but the last two groups: unspecified, loopback, IPv4 in old dress */
    for (int i = 0; i < GROUPS - 2; i++) {
        low = low && groups[i] == 0;
    }
    if (low && groups[6] == 0 && groups[7] == 1) {
        return KIND_LOOPBACK;
    }
    bool nobody = low || (groups[0] & 0xffc0) == 0xfe80 || (groups[0] & 0xff00) == 0xff00;
    return nobody ? KIND_NOBODY : KIND_HOST;
}

/* --- Addresses -------------------------------------------------------------------------------- */

static bool read_port(dx_bytes text) {
    unsigned port = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (i == PORT_DIGITS_MAX || text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    return port > 0 && port <= PORT_MAX;
}

static address_kind kind_of_host(dx_bytes host) {
    static const char mapped[] = "::ffff:"; /* IPv4 as an IPv6 socket shows it */
    uint8_t octets[OCTETS];
    uint16_t groups[GROUPS];
    if (host.size < 2 || host.data[0] != '[' || host.data[host.size - 1] != ']') {
        return read_ip4(host, octets) ? kind_of_ip4(octets) : KIND_NAME;
    }
    host = dx_bytes_of(host.data + 1, host.size - 2);
    if (starts_with(host, mapped) && read_ip4(without(host, sizeof mapped - 1), octets)) {
        return kind_of_ip4(octets);
    }
    if (!read_ip6(host, groups)) {
        return KIND_NAME;
    }
    bool is_mapped = groups[5] == 0xffff && (groups[0] | groups[1] | groups[2] | groups[3] | groups[4]) == 0;
    return is_mapped ? KIND_NOBODY : kind_of_ip6(groups);
}

/* "HOST:PORT". */
static address_kind kind_of(dx_bytes address) {
    size_t colon = address.size;
    while (colon > 0 && address.data[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 || !read_port(without(address, colon))) {
        return KIND_NAME;
    }
    return kind_of_host(dx_bytes_of(address.data, colon - 1));
}

bool dx_is_meeting_place(dx_bytes address) {
    return starts_with(address, "ws://") || starts_with(address, "wss://") || starts_with(address, "rtc:");
}

bool dx_told_address_check(dx_bytes address, dx_bytes link) {
    static const char scheme[] = "tcp:";
    if (!starts_with(address, scheme)) {
        return !dx_is_meeting_place(address);
    }
    switch (kind_of(without(address, sizeof scheme - 1))) {
    case KIND_HOST:
        return true;
    case KIND_LOOPBACK:
        return starts_with(link, "tcp:localhost:") ||
               (starts_with(link, scheme) && kind_of(without(link, sizeof scheme - 1)) == KIND_LOOPBACK);
    case KIND_NAME:
    case KIND_NOBODY:
        break;
    }
    return false;
}
