/* net/url.h: addresses of the web: http, https, ws and wss, and the HOST[:PORT] of a Host field.
 *
 * Layer: floor 2, net. RFC 3986 as far as such an address needs it, and strict: no user name, no fragment, no
 * character outside of ASCII, no other scheme. What is parsed borrows from the text. */
#ifndef DX_NET_URL_H
#define DX_NET_URL_H

#include <dxos/base.h>

enum {
    DX_URL_SIZE_MAX = 2048, /* what any browser and any log line takes */
    DX_HOST_SIZE_MAX = 253  /* RFC 1035 §2.3.4, without the last dot */
};

typedef enum dx_scheme { DX_SCHEME_HTTP, DX_SCHEME_HTTPS, DX_SCHEME_WS, DX_SCHEME_WSS } dx_scheme;

/* HOST[:PORT]. A host is letters, digits, '-' and '.' (a name, or IPv4), or an IPv6 address without its brackets. */
typedef struct dx_authority {
    dx_bytes host;
    bool is_six;    /* stood in brackets */
    bool is_figure; /* an address in figures, not a name */
    bool has_port;
    uint16_t port; /* 0 without one */
} dx_authority;

typedef struct dx_url {
    dx_scheme scheme;
    dx_authority authority; /* its port is the scheme's when none is written */
    dx_bytes target;        /* path and query: begins with '/' unless it is empty (which means "/") */
} dx_url;

/* DX_E_INVALID: not of this form. */
DX_MUST_USE int dx_authority_parse(dx_bytes text, dx_authority *out);
DX_MUST_USE int dx_url_parse(dx_bytes text, dx_url *out);
/* https and wss. */
bool dx_scheme_is_secure(dx_scheme scheme);
/* Names without regard to case (RFC 3986 §3.2.2). */
bool dx_host_equal(dx_bytes a, dx_bytes b);
/* Whether name is `label` '.' `domain`; label then holds what stands before. */
bool dx_host_under(dx_bytes name, dx_bytes domain, dx_bytes *label);
/* "localhost" and the names under it: this machine, whatever a resolver says (RFC 6761 §6.3). */
bool dx_host_is_local(dx_bytes name);

/* The path of a target (up to '?') with its %XX decoded, written with a terminator into out (size bytes room).
 * DX_E_INVALID: does not begin with '/', has a broken %XX, NUL or another control character, '\', an encoded
 * '/', or a segment "." or ".."; DX_E_LIMIT: longer than out. So a path that passes names nothing above its root. */
DX_MUST_USE int dx_path_decode(dx_bytes target, char *out, size_t size);

#endif
