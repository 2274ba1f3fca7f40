/* host/tls.h: TLS 1.2 and 1.3 over bytes: OpenSSL with memory on both sides, no sockets.
 *
 * Layer: floor 3, host. The owner of a connection gives it what came over the wire, and sends what dx_tls_take finds.
 * A server shows one certificate and speaks HTTP/1.1 (ALPN); a client trusts the system's authorities and checks the name. */
#ifndef DX_HOST_TLS_H
#define DX_HOST_TLS_H

#include <dxos/base.h>

typedef struct dx_tls_context dx_tls_context; /* what connections of one kind share */
typedef struct dx_tls dx_tls;                 /* one connection */

/* cert: a PEM file with the chain, the server's own first; key: its private key. DX_E_NOT_FOUND, DX_E_INVALID: message
 * (DX_HOST_MESSAGE_MAX) says which file, and why. */
DX_MUST_USE int dx_tls_context_serve(const char *cert, const char *key, dx_tls_context **out, char *message);
/* DX_E_NO_MEMORY, DX_E_IO: no authorities can be read. */
DX_MUST_USE int dx_tls_context_dial(dx_tls_context **out);
void dx_tls_context_free(dx_tls_context *context); /* NULL is allowed; connections keep what they need */

/* name: the server's, as a client dials it (a name, or an address in figures); NULL on the server. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_tls_begin(dx_tls_context *context, const char *name, dx_tls **out);
void dx_tls_free(dx_tls *tls); /* NULL is allowed */

/* Takes what came, appends what it says to plain. DX_OK, also while the handshake goes on; DX_E_VERIFY: the certificate is
 * not to be trusted, or another's; DX_E_PROTOCOL: no TLS, or broken; DX_E_LIMIT, DX_E_NO_MEMORY: plain's. */
DX_MUST_USE int dx_tls_receive(dx_tls *tls, dx_bytes wire, dx_buf *plain);
/* After the handshake. DX_E_STATE before it. */
DX_MUST_USE int dx_tls_send(dx_tls *tls, dx_bytes plain);
/* The last word (close_notify). */
void dx_tls_finish(dx_tls *tls);
/* Appends what is to be sent to wire; its error is wire's. */
void dx_tls_take(dx_tls *tls, dx_buf *wire);
bool dx_tls_is_ready(const dx_tls *tls);  /* the handshake is done */
bool dx_tls_has_ended(const dx_tls *tls); /* they said their last word */
/* Why DX_E_VERIFY or DX_E_PROTOCOL, in OpenSSL's words. Static storage. */
const char *dx_tls_reason(const dx_tls *tls);

#endif
