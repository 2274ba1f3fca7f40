/* net/stun.c: STUN messages, read and written.
 *
 * Layer: floor 2, net. RFC 8489; section numbers below are its own unless another RFC stands with them.
 * Invariants: a length is compared before a byte is read; what is decoded lies inside the datagram. Ownership:
 * nothing is kept. */
#include "net/stun.h"

#include <string.h>

#include "crypto/keys.h"
#include "net/stun_integrity.h"

enum {
    MAGIC_COOKIE = 0x2112a442,
    ATTRIBUTE_HEADER = 4,
    FINGERPRINT_XOR = 0x5354554e, /* "STUN", §14.7 */
    METHOD_MAX = 0xfff,
};

/* §18.3.1, RFC 8445 §16.1 */
enum {
    MAPPED_ADDRESS = 0x0001,
    USERNAME = 0x0006,
    MESSAGE_INTEGRITY = 0x0008,
    ERROR_CODE = 0x0009,
    UNKNOWN_ATTRIBUTES = 0x000a,
    XOR_MAPPED_ADDRESS = 0x0020,
    PRIORITY = 0x0024,
    USE_CANDIDATE = 0x0025,
    COMPREHENSION_OPTIONAL = 0x8000, /* from here on what is not known is passed over */
    FINGERPRINT = 0x8028,
    ICE_CONTROLLED = 0x8029,
    ICE_CONTROLLING = 0x802a,
};

static uint16_t read16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t read32(const uint8_t *at) {
    return (uint32_t)read16(at) << 16 | read16(at + 2);
}

static uint64_t read64(const uint8_t *at) {
    return (uint64_t)read32(at) << 32 | read32(at + 4);
}

static void write16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void write32(uint8_t *at, uint32_t value) {
    write16(at, (uint16_t)(value >> 16));
    write16(at + 2, (uint16_t)value);
}

static void write64(uint8_t *at, uint64_t value) {
    write32(at, (uint32_t)(value >> 32));
    write32(at + 4, (uint32_t)value);
}

static size_t padded(size_t size) {
    return (size + 3) & ~(size_t)3;
}

/* ISO 3309, the polynomial of zlib and Ethernet, four bits at a time. */
static uint32_t crc32_of(const uint8_t *data, size_t size) {
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* §14.5: HMAC-SHA1 over the message up to the attribute at offset `end`, with the header's length as if the
 * attribute were the last. */
static void compute_integrity(const uint8_t *message, size_t end, dx_bytes key,
                              uint8_t out[static DX_STUN_INTEGRITY_SIZE]) {
    uint8_t patched[DX_STUN_SIZE_MAX];
    DX_ASSERT(end >= DX_STUN_HEADER_SIZE && end <= sizeof patched);
    memcpy(patched, message, end);
    write16(patched + 2, (uint16_t)(end - DX_STUN_HEADER_SIZE + ATTRIBUTE_HEADER + DX_STUN_INTEGRITY_SIZE));
    dx_stun_integrity(key, dx_bytes_of(patched, end), out);
}

/* --- Reading ------------------------------------------------------------------------------------------ */

bool dx_stun_is(dx_bytes datagram) {
    const uint8_t *at = datagram.data;
    return datagram.size >= DX_STUN_HEADER_SIZE && (at[0] & 0xc0) == 0 && read32(at + 4) == MAGIC_COOKIE &&
           (at[3] & 3) == 0 && (size_t)DX_STUN_HEADER_SIZE + read16(at + 2) == datagram.size;
}

/* §14.1, §14.2. The address is XORed with the cookie and the transaction where the attribute says so. */
static int read_address(dx_bytes value, const uint8_t *header, bool masked, dx_net_address *out) {
    static const uint8_t nothing[DX_NET_ADDRESS_BYTES];
    if (value.size < 4) {
        return DX_E_MALFORMED;
    }
    uint8_t family = value.data[1];
    size_t size = family == 1 ? 4 : family == 2 ? 16 : 0;
    if (size == 0 || value.size != 4 + size) {
        return DX_E_MALFORMED;
    }
    const uint8_t *mask = masked ? header + 4 : nothing; /* cookie ‖ transaction */
    uint16_t port = (uint16_t)(read16(value.data + 2) ^ read16(mask));
    uint8_t bytes[DX_NET_ADDRESS_BYTES];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = value.data[4 + i] ^ mask[i];
    }
    *out = size == 4 ? dx_net_ipv4(bytes, port) : dx_net_ipv6(bytes, port);
    return DX_OK;
}

static int read_error_code(dx_bytes value, dx_stun_message *out) {
    if (value.size < 4) {
        return DX_E_MALFORMED;
    }
    int hundreds = value.data[2] & 7, rest = value.data[3];
    if (hundreds < 3 || hundreds > 6 || rest > 99) {
        return DX_E_MALFORMED;
    }
    if (out->error_code == 0) {
        out->error_code = hundreds * 100 + rest;
    }
    return DX_OK;
}

static int read_role(dx_stun_role role, dx_bytes value, dx_stun_message *out) {
    if (value.size != 8) {
        return DX_E_MALFORMED;
    }
    if (out->role == DX_STUN_NO_ROLE) {
        out->role = role;
        out->tie_breaker = read64(value.data);
    }
    return DX_OK;
}

static int read_attribute(uint16_t type, dx_bytes value, dx_stun_message *out) {
    const uint8_t *header = out->datagram.data;
    dx_net_address address;
    int error = DX_OK;
    switch (type) {
    case USERNAME:
        if (!out->has_username) {
            out->has_username = true;
            out->username = value;
        }
        return value.size <= DX_STUN_USERNAME_MAX ? DX_OK : DX_E_MALFORMED;
    case XOR_MAPPED_ADDRESS:
    case MAPPED_ADDRESS:
        error = read_address(value, header, type == XOR_MAPPED_ADDRESS, &address);
        if (error == DX_OK && out->mapped.family == DX_NET_NONE) {
            out->mapped = address;
        }
        return error;
    case PRIORITY:
        if (value.size != 4) {
            return DX_E_MALFORMED;
        }
        if (!out->has_priority) {
            out->has_priority = true;
            out->priority = read32(value.data);
        }
        return DX_OK;
    case USE_CANDIDATE:
        out->use_candidate = true;
        return value.size == 0 ? DX_OK : DX_E_MALFORMED;
    case ICE_CONTROLLED:
        return read_role(DX_STUN_CONTROLLED, value, out);
    case ICE_CONTROLLING:
        return read_role(DX_STUN_CONTROLLING, value, out);
    case ERROR_CODE:
        return read_error_code(value, out);
    case UNKNOWN_ATTRIBUTES:
        return DX_OK;
    default:
        if (type < COMPREHENSION_OPTIONAL && out->unknown_count < DX_STUN_UNKNOWN_MAX) {
            out->unknown[out->unknown_count++] = type;
        }
        return DX_OK;
    }
}

static int read_fingerprint(size_t at, dx_bytes value, dx_stun_message *out) {
    const uint8_t *data = out->datagram.data;
    bool last = at + ATTRIBUTE_HEADER + 4 == out->datagram.size;
    if (value.size != 4 || !last || read32(value.data) != (crc32_of(data, at) ^ FINGERPRINT_XOR)) {
        return DX_E_MALFORMED;
    }
    out->has_fingerprint = true;
    return DX_OK;
}

int dx_stun_decode(dx_bytes datagram, dx_stun_message *out) {
    memset(out, 0, sizeof *out);
    if (!dx_stun_is(datagram) || datagram.size > DX_STUN_SIZE_MAX) {
        return DX_E_MALFORMED;
    }
    const uint8_t *data = datagram.data;
    uint16_t type = read16(data);
    out->datagram = datagram;
    /* §5: M11..M7 C1 M6..M4 C0 M3..M0 */
    out->class = (dx_stun_class)((type >> 7 & 2) | (type >> 4 & 1));
    out->method = (uint16_t)((type >> 2 & 0xf80) | (type >> 1 & 0x70) | (type & 0xf));
    memcpy(out->transaction, data + 8, DX_STUN_TRANSACTION_SIZE);
    size_t at = DX_STUN_HEADER_SIZE;
    for (int count = 0; at < datagram.size; count++) {
        if (count == DX_STUN_ATTRIBUTES_MAX || datagram.size - at < ATTRIBUTE_HEADER) {
            return DX_E_MALFORMED;
        }
        uint16_t attribute = read16(data + at);
        dx_bytes value = {data + at + ATTRIBUTE_HEADER, read16(data + at + 2)};
        if (padded(value.size) > datagram.size - at - ATTRIBUTE_HEADER) {
            return DX_E_MALFORMED;
        }
        int error = DX_OK;
        if (attribute == FINGERPRINT) {
            error = read_fingerprint(at, value, out);
        } else if (attribute == MESSAGE_INTEGRITY && out->integrity_at == 0) {
            out->integrity_at = at;
            error = value.size == DX_STUN_INTEGRITY_SIZE ? DX_OK : DX_E_MALFORMED;
        } else if (out->integrity_at == 0) {
            error = read_attribute(attribute, value, out);
        }
        if (error != DX_OK) {
            return error;
        }
        at += ATTRIBUTE_HEADER + padded(value.size);
    }
    return DX_OK;
}

int dx_stun_verify(const dx_stun_message *message, dx_bytes key) {
    uint8_t expected[DX_STUN_INTEGRITY_SIZE];
    if (message->integrity_at == 0) {
        return DX_E_SIGNATURE;
    }
    compute_integrity(message->datagram.data, message->integrity_at, key, expected);
    const uint8_t *given = message->datagram.data + message->integrity_at + ATTRIBUTE_HEADER;
    return dx_secret_equal(expected, given, sizeof expected) ? DX_OK : DX_E_SIGNATURE;
}

dx_bytes dx_stun_addressee(dx_bytes datagram) {
    dx_stun_message message;
    if (dx_stun_decode(datagram, &message) != DX_OK || message.class != DX_STUN_REQUEST ||
        message.method != DX_STUN_BINDING || message.username.size == 0) {
        return (dx_bytes){0};
    }
    const uint8_t *colon = memchr(message.username.data, ':', message.username.size);
    return (dx_bytes){message.username.data, colon ? (size_t)(colon - message.username.data) : 0};
}

/* --- Writing ------------------------------------------------------------------------------------------ */

static uint8_t *add_attribute(dx_stun_writer *writer, uint16_t type, size_t size) {
    uint8_t *at = writer->bytes + writer->size;
    size_t whole = ATTRIBUTE_HEADER + padded(size);
    DX_ASSERT(writer->size >= DX_STUN_HEADER_SIZE && whole <= DX_STUN_SIZE_MAX - writer->size);
    memset(at, 0, whole);
    write16(at, type);
    write16(at + 2, (uint16_t)size);
    writer->size += whole;
    write16(writer->bytes + 2, (uint16_t)(writer->size - DX_STUN_HEADER_SIZE));
    return at + ATTRIBUTE_HEADER;
}

void dx_stun_begin(dx_stun_writer *writer, dx_stun_class class, uint16_t method,
                   const uint8_t transaction[static DX_STUN_TRANSACTION_SIZE]) {
    unsigned bits = (unsigned)class;
    DX_ASSERT(bits <= DX_STUN_ERROR && method <= METHOD_MAX);
    write16(writer->bytes, (uint16_t)((method & 0xf80u) << 2 | (bits & 2) << 7 | (method & 0x70u) << 1 |
                                      (bits & 1) << 4 | (method & 0xfu)));
    write16(writer->bytes + 2, 0);
    write32(writer->bytes + 4, MAGIC_COOKIE);
    memcpy(writer->bytes + 8, transaction, DX_STUN_TRANSACTION_SIZE);
    writer->size = DX_STUN_HEADER_SIZE;
}

void dx_stun_add_username(dx_stun_writer *writer, dx_bytes first, dx_bytes second) {
    DX_ASSERT(first.size < DX_STUN_USERNAME_MAX && second.size < DX_STUN_USERNAME_MAX - first.size);
    uint8_t *at = add_attribute(writer, USERNAME, first.size + 1 + second.size);
    memcpy(at, first.data, first.size);
    at[first.size] = ':';
    memcpy(at + first.size + 1, second.data, second.size);
}

void dx_stun_add_mapped(dx_stun_writer *writer, const dx_net_address *address) {
    DX_ASSERT(address->family != DX_NET_NONE);
    size_t size = address->family == DX_NET_IPV4 ? 4 : 16;
    const uint8_t *mask = writer->bytes + 4;
    uint8_t *at = add_attribute(writer, XOR_MAPPED_ADDRESS, 4 + size);
    at[1] = size == 4 ? 1 : 2;
    write16(at + 2, address->port ^ read16(mask));
    for (size_t i = 0; i < size; i++) {
        at[4 + i] = address->bytes[i] ^ mask[i];
    }
}

void dx_stun_add_priority(dx_stun_writer *writer, uint32_t priority) {
    write32(add_attribute(writer, PRIORITY, 4), priority);
}

void dx_stun_add_use_candidate(dx_stun_writer *writer) {
    add_attribute(writer, USE_CANDIDATE, 0);
}

void dx_stun_add_role(dx_stun_writer *writer, dx_stun_role role, uint64_t tie_breaker) {
    DX_ASSERT(role != DX_STUN_NO_ROLE);
    write64(add_attribute(writer, role == DX_STUN_CONTROLLING ? ICE_CONTROLLING : ICE_CONTROLLED, 8),
            tie_breaker);
}

void dx_stun_add_error(dx_stun_writer *writer, int code) {
    const char *phrase = code == DX_STUN_BAD_REQUEST         ? "Bad Request"
                         : code == DX_STUN_UNAUTHENTICATED   ? "Unauthenticated"
                         : code == DX_STUN_UNKNOWN_ATTRIBUTE ? "Unknown Attribute"
                         : code == DX_STUN_ROLE_CONFLICT     ? "Role Conflict"
                                                             : "";
    DX_ASSERT(code >= 300 && code <= 699);
    uint8_t *at = add_attribute(writer, ERROR_CODE, 4 + strlen(phrase));
    at[2] = (uint8_t)(code / 100);
    at[3] = (uint8_t)(code % 100);
    memcpy(at + 4, phrase, strlen(phrase));
}

void dx_stun_add_unknown(dx_stun_writer *writer, const uint16_t *types, size_t count) {
    DX_ASSERT(count <= DX_STUN_UNKNOWN_MAX);
    uint8_t *at = add_attribute(writer, UNKNOWN_ATTRIBUTES, 2 * count);
    for (size_t i = 0; i < count; i++) {
        write16(at + 2 * i, types[i]);
    }
}

void dx_stun_add_integrity(dx_stun_writer *writer, dx_bytes key) {
    size_t end = writer->size;
    uint8_t *at = add_attribute(writer, MESSAGE_INTEGRITY, DX_STUN_INTEGRITY_SIZE);
    compute_integrity(writer->bytes, end, key, at);
}

void dx_stun_add_fingerprint(dx_stun_writer *writer) {
    size_t end = writer->size;
    uint8_t *at = add_attribute(writer, FINGERPRINT, 4);
    write32(at, crc32_of(writer->bytes, end) ^ FINGERPRINT_XOR);
}

dx_bytes dx_stun_written(const dx_stun_writer *writer) {
    return (dx_bytes){writer->bytes, writer->size};
}

bool dx_stun_respond(dx_bytes datagram, const dx_net_address *from, dx_stun_writer *answer) {
    dx_stun_message message;
    if (dx_stun_decode(datagram, &message) != DX_OK || message.class != DX_STUN_REQUEST ||
        message.method != DX_STUN_BINDING || message.has_username || message.integrity_at != 0 ||
        from->family == DX_NET_NONE) {
        return false;
    }
    if (message.unknown_count > 0) {
        dx_stun_begin(answer, DX_STUN_ERROR, DX_STUN_BINDING, message.transaction);
        dx_stun_add_error(answer, DX_STUN_UNKNOWN_ATTRIBUTE);
        dx_stun_add_unknown(answer, message.unknown, message.unknown_count);
    } else {
        dx_stun_begin(answer, DX_STUN_SUCCESS, DX_STUN_BINDING, message.transaction);
        dx_stun_add_mapped(answer, from);
    }
    if (message.has_fingerprint) {
        dx_stun_add_fingerprint(answer);
    }
    return true;
}
