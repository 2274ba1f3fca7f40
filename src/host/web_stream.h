/* host/web_stream.h: a TCP connection of the web, plain or within TLS, on the loop; the server's and the client's.
 *
 * Layer: floor 3, host. Bytes are written at once as far as the kernel takes them; the rest waits here, and the owner bounds
 * it by looking at dx_web_stream_waiting. Within a call of the owner's only begin, flush and
 * finish call back. Ownership: embedded in what owns it, whose memory may go only once on_gone was called. */
#ifndef DX_HOST_WEB_STREAM_H
#define DX_HOST_WEB_STREAM_H

#include <uv.h>

#include <dxos/base.h>

#include "tls.h"

enum {
    DX_WEB_READ_SIZE = 64 * 1024,
    DX_WEB_STREAM_WAITING_MAX =
        4 << 20 /* above any owner's bound: what passes it is a bug, and ends the connection */
};

typedef struct dx_web_stream_owner {
    void (*on_ready)(void *ctx); /* TLS stands, or none is needed: sending may begin */
    void (*on_data)(void *ctx, dx_bytes bytes);
    void (*on_drained)(void *ctx); /* all that was sent is with the kernel; what is sent now is flushed */
    void (*on_lost)(void *ctx, int error, const char *why); /* DX_E_*; the owner closes */
    void (*on_gone)(void *ctx);                             /* closed: the memory is the owner's again */
} dx_web_stream_owner;

typedef struct dx_web_stream {
    uv_tcp_t handle;
    const dx_web_stream_owner *owner;
    void *ctx;
    uint64_t received_total, sent_total; /* of plain bytes */
    /* private */
    uv_write_t write;
    uv_shutdown_t shutdown;
    dx_tls *tls;
    dx_buf pending, writing, plain;
    uint64_t left_total;
    bool ready, busy, closing, finishing, shut, reading, lost, flushing;
} dx_web_stream;

/* handle is made, and closed in any case by dx_web_stream_close. */
void dx_web_stream_init(dx_web_stream *stream, uv_loop_t *loop, const dx_web_stream_owner *owner, void *ctx);
/* The connection stands: reading begins. tls may be NULL, and is the stream's from now on. */
void dx_web_stream_begin(dx_web_stream *stream, dx_tls *tls);
/* Gathers bytes; dx_web_stream_flush writes them. A failure is told by the flush. */
void dx_web_stream_send(dx_web_stream *stream, dx_bytes bytes);
void dx_web_stream_flush(dx_web_stream *stream);
size_t dx_web_stream_waiting(const dx_web_stream *stream); /* bytes of the wire not yet with the kernel */
uint64_t dx_web_stream_left(const dx_web_stream *stream);  /* those that are: grows as the other end reads */
/* Reading pauses, goes on; what was received already is still told. */
void dx_web_stream_pause(dx_web_stream *stream);
void dx_web_stream_resume(dx_web_stream *stream);
/* The last word, after all that was sent: the other end hears of it before what it still sends is thrown away (a reset
 * could overtake our answer). on_data is not called any more; on_lost once they end, too. */
void dx_web_stream_finish(dx_web_stream *stream);
/* Empties a buffer of a connection, and gives back all but a little of its memory: connections are many, and idle. */
void dx_web_buf_empty(dx_buf *buf);
/* Now. on_gone follows from the loop. Again: nothing. */
void dx_web_stream_close(dx_web_stream *stream);

#endif
