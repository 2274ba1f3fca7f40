/* host/rtc_dtls.h: DTLS 1.2 over datagrams that somebody else sends (RFC 6347, RFC 8827 §6.5).
 *
 * Layer: floor 3, host; OpenSSL. No sockets: datagrams go in by dx_rtc_dtls_receive and come out by the owner's
 * on_datagram, each whole. The other side's certificate is held against the fingerprint of its description within the
 * handshake: with another one the handshake fails, and no data passes either way.
 * Ownership: an identity outlives what was begun with it. The callbacks must not call back into the same object. */
#ifndef DX_HOST_RTC_DTLS_H
#define DX_HOST_RTC_DTLS_H

#include <dxos/base.h>

enum {
    DX_RTC_FINGERPRINT_SIZE = 32,
    /* A datagram of ours, IP and UDP headers left out: 1200 bytes pass everywhere (RFC 8261 §5, RFC 8831 §5). */
    DX_RTC_DATAGRAM_MAX = 1200,
    /* What DTLS adds to it: 13 of header, 8 of nonce and 16 of tag with AES-GCM; others add less. */
    DX_RTC_DTLS_OVERHEAD = 40,
    /* The first wait for an answer, doubled each time: paths are new, and OpenSSL's second is most of a set-up. */
    DX_RTC_DTLS_WAIT_MS = 250,
    DX_RTC_DTLS_WAIT_MAX_MS = 4000,
};

/* A key pair and a self-signed certificate for it, made for this process and kept nowhere; what every handshake shares. */
typedef struct dx_rtc_identity dx_rtc_identity;
typedef struct dx_rtc_dtls dx_rtc_dtls;

/* DX_E_NO_MEMORY, or DX_E_IO when OpenSSL has no randomness. */
DX_MUST_USE int dx_rtc_identity_make(dx_rtc_identity **out);
void dx_rtc_identity_free(dx_rtc_identity *identity);                        /* NULL is allowed */
const uint8_t *dx_rtc_identity_fingerprint(const dx_rtc_identity *identity); /* SHA-256 of the certificate */

typedef struct dx_rtc_dtls_owner {
    void (*on_datagram)(void *ctx, dx_bytes datagram); /* send it; a lost one is repeated */
    void (*on_data)(void *ctx, dx_bytes data); /* what the other side sent, once the handshake is done */
} dx_rtc_dtls_owner;

/* client: this side sends the ClientHello. fingerprint is copied. */
DX_MUST_USE int dx_rtc_dtls_begin(dx_rtc_identity *identity, bool client,
                                  const uint8_t fingerprint[static DX_RTC_FINGERPRINT_SIZE],
                                  const dx_rtc_dtls_owner *owner, void *ctx, dx_rtc_dtls **out);
void dx_rtc_dtls_free(dx_rtc_dtls *dtls); /* NULL is allowed */
/* The client's first flight; a server waits. Errors as of dx_rtc_dtls_receive. */
DX_MUST_USE int dx_rtc_dtls_start(dx_rtc_dtls *dtls);
/* One datagram. DX_OK, also for what is garbage, too old or came twice; DX_E_VERIFY: the certificate is not the one of
 * the fingerprint; DX_E_PROTOCOL: the handshake cannot succeed; DX_E_UNREACHABLE: the other side said its last word. */
DX_MUST_USE int dx_rtc_dtls_receive(dx_rtc_dtls *dtls, dx_bytes datagram);
/* One datagram's worth, after the handshake; before it, and after an error, nothing happens. */
void dx_rtc_dtls_send(dx_rtc_dtls *dtls, dx_bytes data);
void dx_rtc_dtls_finish(dx_rtc_dtls *dtls); /* the last word: close_notify */
/* Repeats a flight that was not answered in time. Errors as of dx_rtc_dtls_receive. */
DX_MUST_USE int dx_rtc_dtls_tick(dx_rtc_dtls *dtls);
/* Milliseconds until the next tick; -1: none is needed. */
int64_t dx_rtc_dtls_wait_ms(dx_rtc_dtls *dtls);
bool dx_rtc_dtls_is_ready(const dx_rtc_dtls *dtls);
/* Why it failed: a sentence's end for people. Static storage. */
const char *dx_rtc_dtls_reason(const dx_rtc_dtls *dtls);

#endif
