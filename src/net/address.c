/* net/address.c: parsing, printing, comparing and classifying net addresses.
 *
 * Layer: floor 2, net. No system call: inet_pton and its kin take forms this house does not want (zones,
 * leading zeros), and differ between systems. Nothing here allocates or owns. */
#include "net/address.h"

#include <string.h>

#include "net/scan.h"

enum { GROUPS = 8 }; /* of 16 bits in an IPv6 address */

dx_net_address dx_net_ipv4(const uint8_t bytes[static 4], uint16_t port) {
    dx_net_address address = {.family = DX_NET_IPV4, .port = port};
    memcpy(address.bytes, bytes, 4);
    return address;
}

dx_net_address dx_net_ipv6(const uint8_t bytes[static 16], uint16_t port) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 §2.5.5.2 */
    if (memcmp(bytes, mapped, sizeof mapped) == 0) {
        return dx_net_ipv4(bytes + sizeof mapped, port);
    }
    dx_net_address address = {.family = DX_NET_IPV6, .port = port};
    memcpy(address.bytes, bytes, DX_NET_ADDRESS_BYTES);
    return address;
}

/* --- Reading ------------------------------------------------------------------------------------------ */

/* A decimal number without leading zeros, all of the text; -1 when it is none or above max. */
static int32_t parse_decimal(dx_bytes text, int32_t max) {
    uint64_t value = 0;
    bool padded = text.size > 1 && text.data[0] == '0';
    return !padded && dx_scan_decimal(text, (uint64_t)max, &value) ? (int32_t)value : -1;
}

static bool parse_ipv4(dx_bytes text, uint8_t out[static 4]) {
    for (int i = 0; i < 4; i++) {
        size_t before = text.size;
        dx_bytes part = dx_scan_until(&text, '.');
        bool dotted = part.size < before;
        int32_t value = parse_decimal(part, 255);
        if (value < 0 || dotted != (i < 3)) {
            return false;
        }
        out[i] = (uint8_t)value;
    }
    return true;
}

static int32_t parse_group(dx_bytes text) {
    if (text.size == 0 || text.size > 4) {
        return -1;
    }
    int32_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        int32_t digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* Groups of one side of "::" (or of all) into bytes; their count, or -1. The last may be an IPv4 address. */
static int parse_groups(dx_bytes text, bool ipv4_at_end, uint8_t out[static 16]) {
    int count = 0;
    if (text.size == 0) {
        return 0;
    }
    for (;;) {
        size_t before = text.size;
        dx_bytes part = dx_scan_until(&text, ':');
        bool last = part.size == before;
        if (last && ipv4_at_end && count <= GROUPS - 2 && parse_ipv4(part, out + 2 * (size_t)count)) {
            return count + 2;
        }
        int32_t value = parse_group(part);
        if (value < 0 || count == GROUPS) {
            return -1;
        }
        out[2 * count] = (uint8_t)(value >> 8);
        out[2 * count + 1] = (uint8_t)value;
        count++;
        if (last) {
            return count;
        }
    }
}

static bool parse_ipv6(dx_bytes text, uint8_t out[static 16]) {
    size_t gap = 0;
    while (gap + 1 < text.size && !(text.data[gap] == ':' && text.data[gap + 1] == ':')) {
        gap++;
    }
    if (gap + 1 >= text.size) {
        return parse_groups(text, true, out) == GROUPS;
    }
    uint8_t head[16] = {0}, tail[16] = {0};
    int head_count = parse_groups((dx_bytes){text.data, gap}, false, head);
    int tail_count = parse_groups((dx_bytes){text.data + gap + 2, text.size - gap - 2}, true, tail);
    if (head_count < 0 || tail_count < 0 || head_count + tail_count >= GROUPS) {
        return false;
    }
    memset(out, 0, DX_NET_ADDRESS_BYTES);
    memcpy(out, head, 2 * (size_t)head_count);
    memcpy(out + DX_NET_ADDRESS_BYTES - 2 * (size_t)tail_count, tail, 2 * (size_t)tail_count);
    return true;
}

int dx_net_host_parse(dx_bytes text, uint16_t port, dx_net_address *out) {
    uint8_t bytes[DX_NET_ADDRESS_BYTES];
    *out = (dx_net_address){0};
    if (parse_ipv4(text, bytes)) {
        *out = dx_net_ipv4(bytes, port);
        return DX_OK;
    }
    if (text.size < DX_NET_HOST_TEXT_MAX + 6 && parse_ipv6(text, bytes)) {
        *out = dx_net_ipv6(bytes, port);
        return DX_OK;
    }
    return DX_E_INVALID;
}

int dx_net_address_parse(dx_bytes text, dx_net_address *out) {
    *out = (dx_net_address){0};
    bool bracketed = text.size > 0 && text.data[0] == '[';
    dx_bytes rest = bracketed ? (dx_bytes){text.data + 1, text.size - 1} : text;
    dx_bytes host = dx_scan_until(&rest, bracketed ? ']' : ':');
    if (bracketed && (rest.size == 0 || rest.data[0] != ':')) {
        return DX_E_INVALID;
    }
    if (bracketed) {
        rest = (dx_bytes){rest.data + 1, rest.size - 1};
    }
    int32_t port = parse_decimal(rest, UINT16_MAX);
    bool colons = host.size > 0 && memchr(host.data, ':', host.size);
    if (port < 0 || bracketed != colons) {
        return DX_E_INVALID;
    }
    return dx_net_host_parse(host, (uint16_t)port, out);
}

/* --- Writing ------------------------------------------------------------------------------------------ */

static size_t print_group(uint32_t value, char *out) {
    size_t size = 0;
    for (int shift = 12; shift >= 0; shift -= 4) {
        if (value >> shift != 0 || shift == 0) {
            out[size++] = "0123456789abcdef"[value >> shift & 15];
        }
    }
    return size;
}

static size_t print_ipv4(const uint8_t *bytes, char *out) {
    size_t size = 0;
    for (int i = 0; i < 4; i++) {
        if (i > 0) {
            out[size++] = '.';
        }
        size += dx_scan_print_decimal(bytes[i], out + size);
    }
    return size;
}

/* RFC 5952 §4: lower case, no leading zeros, "::" for the longest run of at least two zero groups, the first
 * of equals. */
static size_t print_ipv6(const uint8_t *bytes, char *out) {
    int gap_at = -1, gap_size = 1;
    for (int i = 0, run = 0; i < GROUPS; i++) {
        run = bytes[2 * i] == 0 && bytes[2 * i + 1] == 0 ? run + 1 : 0;
        if (run > gap_size) {
            gap_size = run;
            gap_at = i + 1 - run;
        }
    }
    size_t size = 0;
    for (int i = 0; i < GROUPS;) {
        if (i == gap_at) {
            out[size++] = ':';
            out[size++] = ':';
            i += gap_size;
            continue;
        }
        if (i > 0 && !(gap_at >= 0 && i == gap_at + gap_size)) {
            out[size++] = ':';
        }
        size += print_group((uint32_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]), out + size);
        i++;
    }
    return size;
}

size_t dx_net_host_print(const dx_net_address *address, char out[static DX_NET_HOST_TEXT_MAX]) {
    size_t size = address->family == DX_NET_IPV4   ? print_ipv4(address->bytes, out)
                  : address->family == DX_NET_IPV6 ? print_ipv6(address->bytes, out)
                                                   : 0;
    out[size] = '\0';
    return size;
}

size_t dx_net_address_print(const dx_net_address *address, char out[static DX_NET_ADDRESS_TEXT_MAX]) {
    size_t size = 0;
    bool bracketed = address->family == DX_NET_IPV6;
    if (address->family == DX_NET_NONE) {
        out[0] = '\0';
        return 0;
    }
    if (bracketed) {
        out[size++] = '[';
    }
    size += dx_net_host_print(address, out + size);
    if (bracketed) {
        out[size++] = ']';
    }
    out[size++] = ':';
    size += dx_scan_print_decimal(address->port, out + size);
    out[size] = '\0';
    return size;
}

/* --- Looking ------------------------------------------------------------------------------------------ */

int dx_net_address_compare(const dx_net_address *a, const dx_net_address *b) {
    if (a->family != b->family) {
        return a->family < b->family ? -1 : 1;
    }
    int order = memcmp(a->bytes, b->bytes, DX_NET_ADDRESS_BYTES);
    return order != 0 ? order : (a->port > b->port) - (a->port < b->port);
}

bool dx_net_address_equal(const dx_net_address *a, const dx_net_address *b) {
    return a->port == b->port && dx_net_host_equal(a, b);
}

bool dx_net_host_equal(const dx_net_address *a, const dx_net_address *b) {
    return a->family == b->family && memcmp(a->bytes, b->bytes, DX_NET_ADDRESS_BYTES) == 0;
}

static dx_net_class classify_ipv4(const uint8_t *b) {
    if (b[0] == 0 || b[0] >= 240) {
        return DX_NET_UNUSABLE;
    }
    if (b[0] >= 224) {
        return DX_NET_MULTICAST;
    }
    if (b[0] == 127) {
        return DX_NET_LOOPBACK;
    }
    if (b[0] == 169 && b[1] == 254) {
        return DX_NET_LINK_LOCAL;
    }
    bool shared = b[0] == 100 && b[1] >= 64 && b[1] < 128;
    bool private = b[0] == 10 || (b[0] == 172 && b[1] >= 16 && b[1] < 32) || (b[0] == 192 && b[1] == 168);
    return shared || private ? DX_NET_PRIVATE : DX_NET_GLOBAL;
}

static dx_net_class classify_ipv6(const uint8_t *b) {
    static const uint8_t zero[DX_NET_ADDRESS_BYTES];
    if (memcmp(b, zero, 15) == 0 && b[15] <= 1) {
        return b[15] == 1 ? DX_NET_LOOPBACK : DX_NET_UNUSABLE;
    }
    if (b[0] == 0xff) {
        return DX_NET_MULTICAST;
    }
    if (b[0] == 0xfe && b[1] >= 0x80) {
        return b[1] < 0xc0 ? DX_NET_LINK_LOCAL : DX_NET_PRIVATE;
    }
    return (b[0] & 0xfe) == 0xfc ? DX_NET_PRIVATE : DX_NET_GLOBAL;
}

dx_net_class dx_net_classify(const dx_net_address *address) {
    return address->family == DX_NET_IPV4   ? classify_ipv4(address->bytes)
           : address->family == DX_NET_IPV6 ? classify_ipv6(address->bytes)
                                            : DX_NET_UNUSABLE;
}

const char *dx_net_class_name(dx_net_class class) {
    static const char *const names[] = {
#define DX_NET_CLASS_NAME(symbol, name) name,
        DX_NET_CLASSES(DX_NET_CLASS_NAME)
#undef DX_NET_CLASS_NAME
    };
    return (unsigned)class < DX_NET_CLASS_COUNT ? names[class] : "unknown";
}

bool dx_net_address_usable(const dx_net_address *address) {
    dx_net_class class = dx_net_classify(address);
    return address->port != 0 && class != DX_NET_UNUSABLE && class != DX_NET_MULTICAST;
}
