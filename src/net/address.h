/* net/address.h: net addresses: an IPv4 or IPv6 address and a port, as sockets, STUN and candidates have them.
 *
 * Layer: floor 2, net (no sockets). A plain value, compared field by field. Invariants of every one made here:
 * bytes past the family's length are zero, and an IPv4 address written as IPv6 (::ffff:a.b.c.d, what a
 * dual-stack socket reports) is IPv4. No names are looked up and no zones kept: a link-local address belongs
 * to the socket it was met on. */
#ifndef DX_NET_ADDRESS_H
#define DX_NET_ADDRESS_H

#include <dxos/base.h>

enum {
    DX_NET_ADDRESS_BYTES = 16,
    DX_NET_HOST_TEXT_MAX = 40,    /* 39 characters of IPv6 and the terminator */
    DX_NET_ADDRESS_TEXT_MAX = 48, /* "[" 39 "]:65535" and the terminator */
};

typedef enum dx_net_family { DX_NET_NONE = 0, DX_NET_IPV4 = 4, DX_NET_IPV6 = 6 } dx_net_family;

typedef struct dx_net_address {
    dx_net_family family; /* NONE: no address; all else is zero then */
    uint16_t port;
    uint8_t bytes[DX_NET_ADDRESS_BYTES]; /* network order; IPv4: the first four */
} dx_net_address;

/* What an address is good for. X(symbol, name) */
/* clang-format off */
#define DX_NET_CLASSES(X) \
    X(UNUSABLE,   "unusable")   /* none, 0.0.0.0/8, ::, 240.0.0.0/4, broadcast: nothing is ever sent there */ \
    X(MULTICAST,  "multicast")  /* 224.0.0.0/4, ff00::/8: nor there */ \
    X(LOOPBACK,   "loopback")   /* 127.0.0.0/8, ::1 */ \
    X(LINK_LOCAL, "link-local") /* 169.254.0.0/16, fe80::/10 */ \
    X(PRIVATE,    "private")    /* RFC 1918, 100.64.0.0/10 (RFC 6598), fc00::/7, fec0::/10 */ \
    X(GLOBAL,     "global")     /* all others, the ranges for documentation among them */
/* clang-format on */

typedef enum dx_net_class {
#define DX_NET_CLASS_ROW(symbol, name) DX_NET_##symbol,
    DX_NET_CLASSES(DX_NET_CLASS_ROW)
#undef DX_NET_CLASS_ROW
        DX_NET_CLASS_COUNT
} dx_net_class;

dx_net_address dx_net_ipv4(const uint8_t bytes[static 4], uint16_t port);
/* A mapped IPv4 address comes out as IPv4. */
dx_net_address dx_net_ipv6(const uint8_t bytes[static 16], uint16_t port);

/* A literal, no name: "192.0.2.1" or "2001:db8::1" (RFC 4291 §2.2), without brackets or zone. DX_E_INVALID
 * otherwise, out is none then. Leading zeros in IPv4 are refused: some read them as octal. */
DX_MUST_USE int dx_net_host_parse(dx_bytes text, uint16_t port, dx_net_address *out);
/* "192.0.2.1:80", "[2001:db8::1]:80". */
DX_MUST_USE int dx_net_address_parse(dx_bytes text, dx_net_address *out);
/* The host alone (IPv6 as RFC 5952 wants it), "" for none; and with its port, as parsed above. Both return the
 * characters written, without the terminator. */
size_t dx_net_host_print(const dx_net_address *address, char out[static DX_NET_HOST_TEXT_MAX]);
size_t dx_net_address_print(const dx_net_address *address, char out[static DX_NET_ADDRESS_TEXT_MAX]);

/* Family, bytes, port: <0, 0, >0. */
int dx_net_address_compare(const dx_net_address *a, const dx_net_address *b);
bool dx_net_address_equal(const dx_net_address *a, const dx_net_address *b);
/* The same whatever the port. */
bool dx_net_host_equal(const dx_net_address *a, const dx_net_address *b);

dx_net_class dx_net_classify(const dx_net_address *address);
const char *dx_net_class_name(dx_net_class class);
/* A datagram may be sent there: neither UNUSABLE nor MULTICAST, and a port. */
bool dx_net_address_usable(const dx_net_address *address);

#endif
