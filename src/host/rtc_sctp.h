/* host/rtc_sctp.h: SCTP over DTLS (RFC 8261, RFC 8831) by usrsctp without threads: one stream of bytes each way.
 *
 * Layer: floor 3, host; usrsctp. Packets go in by dx_rtc_sctp_receive and come out by the owner's on_packet, within any
 * call. The data channel is negotiated: stream 0, ordered, reliable, no DCEP; a channel opened on another stream is closed
 * again. Where messages begin and end means nothing: what arrives is passed on piece by piece, so that no message, however
 * long, is ever kept here.
 * usrsctp is one for the process, and so is the engine: held by whoever has associations, gone with the last.
 * Callbacks: on_packet and on_ready_soon run while usrsctp holds its locks and must not call anything here;
 * the others run within dx_rtc_sctp_step only, and may call dx_rtc_sctp_send. */
#ifndef DX_HOST_RTC_SCTP_H
#define DX_HOST_RTC_SCTP_H

#include <dxos/base.h>

enum {
    DX_RTC_SCTP_PORT = 5000,
    /* We use one stream; a peer that opens others gets an answer on the first few. Each costs a hundred bytes a link
     * for good, so not the 65535 of browsers. */
    DX_RTC_SCTP_STREAMS = 16,
    /* Within SCTP's buffers; what they hold the peer may send before it is heard again. */
    DX_RTC_SCTP_BUFFER_SIZE = 1 << 20,
    /* What we tell peers they may send at once; we pass it on in pieces anyhow. */
    DX_RTC_SCTP_MESSAGE_MAX = 256 * 1024,
    /* What we send at once: what everybody takes (RFC 8841 §6.1), unless the peer says less. */
    DX_RTC_SCTP_SEND_MAX = 64 * 1024,
    /* Of usrsctp's clock: while something moves, and while nothing did for DX_RTC_SCTP_CALM_MS. */
    DX_RTC_SCTP_TICK_MS = 10,
    DX_RTC_SCTP_CALM_TICK_MS = 100,
    DX_RTC_SCTP_CALM_MS = 2000,
};

typedef struct dx_rtc_sctp dx_rtc_sctp;

typedef struct dx_rtc_sctp_owner {
    void (*on_packet)(void *ctx, dx_bytes packet);
    void (*on_ready_soon)(void *ctx); /* dx_rtc_sctp_step has something to do */
    void (*on_up)(void *ctx);         /* the association stands */
    void (*on_data)(void *ctx, dx_bytes data);
    void (*on_writable)(void *ctx);              /* a send that was refused may be tried again */
    void (*on_closed)(void *ctx);                /* the peer closed the channel, all it sent has been told */
    void (*on_lost)(void *ctx, const char *why); /* the association is gone; once */
} dx_rtc_sctp_owner;

/* The engine: each hold is given back by a release, with the associations made under it freed before. */
void dx_rtc_sctp_hold(void);
void dx_rtc_sctp_release(void);
/* Lets usrsctp's clock run to now_ms (monotonic). Any number of owners may call. */
void dx_rtc_sctp_tick(uint64_t now_ms);
/* When to tick next; -1: there is no association. */
int64_t dx_rtc_sctp_wait_ms(uint64_t now_ms);

/* Sends the first packet at once; both sides do (RFC 8841 §9.3). owner is copied. DX_E_NO_MEMORY, DX_E_IO. */
DX_MUST_USE int dx_rtc_sctp_begin(const dx_rtc_sctp_owner *owner, void *ctx, dx_rtc_sctp **out);
/* Tells the peer (ABORT) when it stands. NULL is allowed. */
void dx_rtc_sctp_free(dx_rtc_sctp *sctp);
void dx_rtc_sctp_receive(dx_rtc_sctp *sctp, dx_bytes packet);
/* Takes what happened and tells it. */
void dx_rtc_sctp_step(dx_rtc_sctp *sctp);
/* Taken whole or not at all; at most DX_RTC_SCTP_SEND_MAX bytes. false: not now, on_writable follows. */
bool dx_rtc_sctp_send(dx_rtc_sctp *sctp, dx_bytes message);
/* Closes the channel: the peer hears of it after all that was sent. */
void dx_rtc_sctp_close(dx_rtc_sctp *sctp);
/* Whether the peer has everything that was sent, the closing of the channel included. */
bool dx_rtc_sctp_is_closed(const dx_rtc_sctp *sctp);

/* CRC-32C as SCTP wants it, of whole bytes (RFC 9260 appendix A); here to be tested. */
uint32_t dx_rtc_sctp_checksum(const uint8_t *data, size_t size);

#endif
