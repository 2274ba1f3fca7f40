/* net/http.h: HTTP/1.1 as bytes: heads of requests and responses read and written. No sockets, no clock.
 *
 * Layer: floor 2, net. RFC 9112 (messages) and RFC 9110 (meaning). Reading is strict where leniency has made
 * request smuggling possible: lines end in CRLF and nothing else, no folded fields (§5.2), no space before a
 * colon (§5.1), exactly one Host, at most one Content-Length and in figures alone, no Transfer-Encoding, every
 * byte of a name a token's and of a value printable. A message has a body of Content-Length bytes, or none.
 * Ownership: a head borrows from the bytes it was read from. */
#ifndef DX_NET_HTTP_H
#define DX_NET_HTTP_H

#include <dxos/base.h>

#include "url.h"

enum {
    DX_HTTP_TARGET_SIZE_MAX = DX_URL_SIZE_MAX, /* else 414 */
    DX_HTTP_HEAD_SIZE_MAX = 16 * 1024, /* first line and all fields, else 431: browsers send below 4 KiB */
    DX_HTTP_FIELDS_MAX = 64,           /* else 431: browsers send below 30 */
    /* Of values of Cookie fields, which nobody here wants: browsers keep 180 cookies of 4 KiB for a site. */
    DX_HTTP_COOKIES_SIZE_MAX = 1024 * 1024
};

typedef struct dx_http_field {
    dx_bytes name, value; /* value without the space around it */
} dx_http_field;

typedef enum dx_http_method {
    DX_HTTP_GET,
    DX_HTTP_HEAD,
    DX_HTTP_KNOWN, /* of RFC 9110 §9.3, which this house answers with 405 */
    DX_HTTP_UNKNOWN
} dx_http_method;

typedef struct dx_http_head {
    dx_http_method method; /* of a request */
    dx_bytes target;       /* origin-form, or "*" */
    dx_authority host;     /* of a request: Host, parsed */
    int status;            /* of a response */
    int minor;             /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;       /* whether another message may follow on this connection (RFC 9112 §9.3) */
    uint64_t body_size;    /* Content-Length; 0 without it */
    bool has_body_size;
    dx_http_field fields[DX_HTTP_FIELDS_MAX];
    size_t field_count;
} dx_http_head;

/* Looks for the end of a head in all bytes received so far. *seen (0 at first) remembers how far it looked, so
 * that bytes that come one by one cost no more than all at once. Size of the head with its empty line; 0: not
 * whole yet; DX_E_MALFORMED (negative): a line ends otherwise than by CRLF, or holds a control character;
 * DX_E_LIMIT: no end within DX_HTTP_HEAD_SIZE_MAX. */
int64_t dx_http_head_find(dx_bytes bytes, size_t *seen);

/* How far values of cookies were taken out of a head that is still coming; 0 at first. */
typedef struct dx_http_cookies {
    size_t at, line; /* what was looked at, and where its last line begins */
    size_t dropped;
    bool is_field;  /* the line is not the first one */
    bool is_cookie; /* ... and what comes of it is a cookie's value */
    bool ended;     /* the head is whole: what comes is none of it */
} dx_http_cookies;

/* Takes the values of Cookie fields out of all bytes received so far, in place, and returns how many are left: a
 * neighbour can set more of them for all names of a site than a head may hold. The fields stay, empty; a byte that
 * no value may hold stays too, for the reader to refuse. Call it before dx_http_head_find, with all that came. */
size_t dx_http_cookies_drop(dx_http_cookies *self, uint8_t *bytes, size_t size);

/* Reads a whole head. On an error *status is the answer's (400, 413, 414, 431, 501, 505). */
DX_MUST_USE int dx_http_request_read(dx_bytes head, dx_http_head *out, int *status);
/* DX_E_MALFORMED. */
DX_MUST_USE int dx_http_response_read(dx_bytes head, dx_http_head *out);

/* The first field of a name (any case); data NULL when there is none. */
dx_bytes dx_http_field_find(const dx_http_head *head, const char *name);
size_t dx_http_field_count(const dx_http_head *head, const char *name);
/* Whether a list of tokens, over all fields of that name, holds one (any case). */
bool dx_http_has_token(const dx_http_head *head, const char *name, const char *token);
/* Whether Accept-Encoding names a coding and not with q=0 (RFC 9110 §12.5.3; "*" counts). */
bool dx_http_accepts_coding(const dx_http_head *head, const char *coding);
/* Whether If-None-Match names this entity tag (with its quotes), compared weakly (RFC 9110 §13.1.2), or "*". */
bool dx_http_matches_tag(const dx_http_head *head, const char *tag);

/* --- Writing ------------------------------------------------------------------------------------ */

/* The usual words for a status; "" for one that this house does not send. */
const char *dx_http_reason(int status);
void dx_http_response_begin(dx_buf *out, int status);
void dx_http_request_begin(dx_buf *out, const char *method, dx_bytes target);
/* A value with a byte that no field may hold (a line end, for one) is our own bug and asserted. */
void dx_http_field_write(dx_buf *out, const char *name, const char *value);
void dx_http_field_write_number(dx_buf *out, const char *name, uint64_t value);
void dx_http_head_end(dx_buf *out);

#endif
