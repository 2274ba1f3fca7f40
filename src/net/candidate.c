/* net/candidate.c: ICE candidates as text, their priorities and foundations.
 *
 * Layer: floor 2, net. Nothing here allocates or owns. */
#include "net/candidate.h"

#include <string.h>

#include "net/scan.h"

enum {
    COMPONENT = 1,       /* the only one: data channels have no second */
    TOKEN_MAX = 32,      /* of a word that is looked at: foundation, transport, type */
    HOST_NAME_MAX = 253, /* RFC 1035 §2.3.4 */
    DISCARD_PORT = 9,    /* stands where a related address is not told (RFC 8839 §5.1) */
};

const char *dx_candidate_type_word(dx_candidate_type type) {
    static const char *const words[] = {
#define DX_CANDIDATE_TYPE_WORD(symbol, word, preference) word,
        DX_CANDIDATE_TYPES(DX_CANDIDATE_TYPE_WORD)
#undef DX_CANDIDATE_TYPE_WORD
    };
    return (unsigned)type < DX_CANDIDATE_TYPE_COUNT ? words[type] : "unknown";
}

uint32_t dx_candidate_priority(dx_candidate_type type, uint32_t local_preference) {
    static const uint32_t preferences[] = {
#define DX_CANDIDATE_TYPE_PREFERENCE(symbol, word, preference) preference,
        DX_CANDIDATE_TYPES(DX_CANDIDATE_TYPE_PREFERENCE)
#undef DX_CANDIDATE_TYPE_PREFERENCE
    };
    DX_ASSERT((unsigned)type < DX_CANDIDATE_TYPE_COUNT && local_preference <= UINT16_MAX);
    return preferences[type] << 24 | local_preference << 8 | (256 - COMPONENT);
}

uint64_t dx_candidate_pair_priority(uint32_t controlling, uint32_t controlled) {
    uint64_t low = controlling < controlled ? controlling : controlled;
    uint64_t high = controlling < controlled ? controlled : controlling;
    return (low << 32) + 2 * high + (controlling > controlled ? 1 : 0);
}

void dx_candidate_foundation(dx_candidate_type type, uint32_t base, uint32_t server,
                             char out[static DX_CANDIDATE_FOUNDATION_MAX]) {
    size_t size = 0;
    out[size++] = dx_candidate_type_word(type)[0];
    size += dx_scan_print_decimal(base, out + size);
    if (server != 0) {
        out[size++] = 'x';
        size += dx_scan_print_decimal(server, out + size);
    }
    out[size] = '\0';
}

/* --- Reading ------------------------------------------------------------------------------------------ */

static bool is_host_name(dx_bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_') {
            return false;
        }
    }
    return text.size > 0 && text.size <= HOST_NAME_MAX;
}

static bool is_local_name(dx_bytes text) {
    static const size_t size = sizeof ".local" - 1;
    return text.size > size && dx_scan_is((dx_bytes){text.data + text.size - size, size}, ".local");
}

static void skip(dx_candidate *candidate, dx_candidate_skip why) {
    if (candidate->skip == DX_CANDIDATE_USABLE) {
        candidate->skip = why;
    }
}

/* A literal, or a name of one of two kinds; false: neither. */
static bool read_host(dx_bytes host, uint16_t port, dx_candidate *out) {
    if (dx_net_host_parse(host, port, &out->address) == DX_OK) {
        if (!dx_net_address_usable(&out->address)) {
            skip(out, DX_CANDIDATE_NOWHERE);
        }
        return true;
    }
    skip(out, is_local_name(host) ? DX_CANDIDATE_HIDDEN : DX_CANDIDATE_NAMED);
    return is_host_name(host);
}

static void read_type(dx_bytes word, dx_candidate *out) {
    for (unsigned type = 0; type < DX_CANDIDATE_TYPE_COUNT; type++) {
        if (dx_scan_is(word, dx_candidate_type_word((dx_candidate_type)type))) {
            out->type = (dx_candidate_type)type;
            return;
        }
    }
    skip(out, DX_CANDIDATE_NOWHERE);
}

/* Pairs of a name and a value; those known here are kept, a related address only when it is a literal. */
static int read_extensions(dx_bytes rest, dx_candidate *out) {
    dx_bytes related = {0};
    for (;;) {
        dx_bytes name = dx_scan_word(&rest), value = dx_scan_word(&rest);
        uint64_t port = 0;
        if (name.size == 0) {
            return DX_OK;
        }
        if (value.size == 0) {
            return DX_E_MALFORMED;
        }
        if (dx_scan_is(name, "raddr")) {
            related = value;
        } else if (dx_scan_is(name, "rport")) {
            if (!dx_scan_decimal(value, UINT16_MAX, &port)) {
                return DX_E_MALFORMED;
            }
            if (dx_net_host_parse(related, (uint16_t)port, &out->related) != DX_OK) {
                out->related = (dx_net_address){0};
            }
        } else if (dx_scan_is(name, "ufrag") && dx_scan_is_ice_text(value, 1, DX_CANDIDATE_UFRAG_MAX - 1)) {
            memcpy(out->ufrag, value.data, value.size);
            out->ufrag[value.size] = '\0';
        }
    }
}

int dx_candidate_parse(dx_bytes line, dx_candidate *out) {
    memset(out, 0, sizeof *out);
    if (line.size > DX_CANDIDATE_LINE_MAX) {
        return DX_E_LIMIT;
    }
    dx_bytes rest = dx_scan_trim_end(line);
    (void)dx_scan_prefix(&rest, "a=");
    if (!dx_scan_prefix(&rest, "candidate:")) {
        return DX_E_MALFORMED;
    }
    uint64_t component = 0, priority = 0, port = 0;
    dx_bytes foundation = dx_scan_word(&rest);
    bool numbered = dx_scan_decimal(dx_scan_word(&rest), 256, &component) && component > 0;
    dx_bytes transport = dx_scan_word(&rest);
    bool weighed = dx_scan_decimal(dx_scan_word(&rest), UINT32_MAX, &priority);
    dx_bytes host = dx_scan_word(&rest);
    bool ported = dx_scan_decimal(dx_scan_word(&rest), UINT16_MAX, &port);
    bool typed = dx_scan_is(dx_scan_word(&rest), "typ");
    dx_bytes type = dx_scan_word(&rest);
    if (!dx_scan_is_ice_text(foundation, 1, TOKEN_MAX) || !numbered || transport.size == 0 || !weighed ||
        !ported || !typed || type.size == 0) {
        return DX_E_MALFORMED;
    }
    memcpy(out->foundation, foundation.data, foundation.size);
    out->priority = (uint32_t)priority;
    if (!dx_scan_is(transport, "udp")) {
        skip(out, DX_CANDIDATE_TRANSPORT);
    } else if (component != COMPONENT) {
        skip(out, DX_CANDIDATE_COMPONENT);
    }
    if (!read_host(host, (uint16_t)port, out)) {
        return DX_E_MALFORMED;
    }
    read_type(type, out);
    return read_extensions(rest, out);
}

/* --- Writing ------------------------------------------------------------------------------------------ */

static size_t put_text(const char *text, char *out) {
    size_t size = strlen(text);
    memcpy(out, text, size);
    return size;
}

static size_t put_host(const dx_net_address *address, char *out) {
    char host[DX_NET_HOST_TEXT_MAX];
    size_t size = dx_net_host_print(address, host);
    memcpy(out, host, size);
    return size;
}

/* A candidate that is not a host's says where it came from; one that keeps that to itself says "nowhere". */
static size_t put_related(const dx_candidate *candidate, char *out) {
    dx_net_address related = candidate->related;
    if (related.family == DX_NET_NONE) {
        related = (dx_net_address){.family = candidate->address.family, .port = DISCARD_PORT};
    }
    size_t size = put_text(" raddr ", out);
    size += put_host(&related, out + size);
    size += put_text(" rport ", out + size);
    return size + dx_scan_print_decimal(related.port, out + size);
}

size_t dx_candidate_print(const dx_candidate *candidate, char out[static DX_CANDIDATE_TEXT_MAX]) {
    DX_ASSERT(candidate->address.family != DX_NET_NONE);
    size_t size = put_text("candidate:", out);
    size += put_text(candidate->foundation, out + size);
    size += put_text(" 1 udp ", out + size);
    size += dx_scan_print_decimal(candidate->priority, out + size);
    size += put_text(" ", out + size);
    size += put_host(&candidate->address, out + size);
    size += put_text(" ", out + size);
    size += dx_scan_print_decimal(candidate->address.port, out + size);
    size += put_text(" typ ", out + size);
    size += put_text(dx_candidate_type_word(candidate->type), out + size);
    if (candidate->type != DX_CANDIDATE_HOST) {
        size += put_related(candidate, out + size);
    }
    if (candidate->ufrag[0] != '\0') {
        size += put_text(" ufrag ", out + size);
        size += put_text(candidate->ufrag, out + size);
    }
    out[size] = '\0';
    return size;
}
