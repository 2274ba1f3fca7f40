/* host/web_stream.c: a TCP connection of the web. See web_stream.h.
 *
 * Layer: floor 3, host. */
#include "web_stream.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "host.h"

enum {
    BUFFER_KEPT_MAX = 4096, /* of a connection that idles, as most do */
    UNSENT_MAX =
        128 *
        1024 /* that the kernel holds for a slow reader: it bounds memory, and shows that something is read */
};

static void flush(dx_web_stream *stream);

void dx_web_buf_empty(dx_buf *buf) {
    if (buf->capacity > BUFFER_KEPT_MAX) {
        size_t max = buf->max;
        dx_buf_deinit(buf);
        dx_buf_init(buf, dx_host_alloc(), max);
    }
    dx_buf_clear(buf);
}

static void lose(dx_web_stream *stream, int error, const char *why) {
    if (!stream->lost && !stream->closing) {
        stream->lost = true;
        stream->owner->on_lost(stream->ctx, error, why);
    }
}

/* --- Writing ------------------------------------------------------------------------------------------ */

static void on_shut(uv_shutdown_t *shutdown, int status) {
    (void)shutdown;
    (void)status; /* what is wrong with the connection is told by reading */
}

static void written(dx_web_stream *stream) {
    dx_web_buf_empty(&stream->pending);
    if (!stream->finishing) {
        stream->owner->on_drained(stream->ctx);
        return;
    }
    if (!stream->shut) {
        stream->shut = true;
        (void)uv_shutdown(&stream->shutdown, (uv_stream_t *)&stream->handle, on_shut);
    }
}

static void on_written(uv_write_t *write, int status) {
    dx_web_stream *stream = write->data;
    stream->busy = false;
    stream->left_total += stream->writing.size;
    dx_web_buf_empty(&stream->writing);
    if (stream->closing) {
        return;
    }
    if (status < 0) {
        lose(stream, DX_E_UNREACHABLE, uv_strerror(status));
        return;
    }
    flush(stream);
}

/* What the kernel did not take at once is written when it can. */
static void write_rest(dx_web_stream *stream) {
    dx_buf empty = stream->writing;
    stream->writing = stream->pending;
    stream->pending = empty;
    uv_buf_t bytes = uv_buf_init((char *)stream->writing.data, (unsigned)stream->writing.size);
    stream->write.data = stream;
    stream->busy = true;
    int status = uv_write(&stream->write, (uv_stream_t *)&stream->handle, &bytes, 1, on_written);
    if (status < 0) {
        stream->busy = false;
        lose(stream, DX_E_UNREACHABLE, uv_strerror(status));
    }
}

/* Once through: what is pending is written, or waits for the kernel. */
static void write_pending(dx_web_stream *stream) {
    uv_buf_t bytes = uv_buf_init((char *)stream->pending.data, (unsigned)stream->pending.size);
    int taken = stream->pending.size == 0 ? 0 : uv_try_write((uv_stream_t *)&stream->handle, &bytes, 1);
    if (taken < 0 && taken != UV_EAGAIN) {
        lose(stream, DX_E_UNREACHABLE, uv_strerror(taken));
        return;
    }
    size_t left = taken < 0 ? 0 : (size_t)taken;
    stream->left_total += left;
    dx_buf_consume(&stream->pending, left);
    if (stream->pending.size > 0) {
        write_rest(stream);
    } else {
        written(stream);
    }
}

static void flush(dx_web_stream *stream) {
    if (stream->flushing) {
        return; /* the owner's on_drained: the loop below goes on */
    }
    stream->flushing = true;
    do {
        if (dx_buf_error(&stream->pending) != DX_OK) {
            lose(stream, dx_buf_error(&stream->pending), "too much waits to be sent");
        }
        if (!stream->busy && !stream->closing && !stream->lost) {
            write_pending(stream);
        }
    } while ((stream->pending.size > 0 || (stream->finishing && !stream->shut)) && !stream->busy &&
             !stream->closing && !stream->lost);
    stream->flushing = false;
}

void dx_web_stream_send(dx_web_stream *stream, dx_bytes bytes) {
    if (stream->closing || stream->finishing) {
        return;
    }
    stream->sent_total += bytes.size;
    if (stream->tls == NULL) {
        dx_buf_append(&stream->pending, bytes.data, bytes.size);
        return;
    }
    if (dx_tls_send(stream->tls, bytes) != DX_OK) {
        stream->pending.error = DX_E_PROTOCOL;
        return;
    }
    dx_tls_take(stream->tls, &stream->pending);
}

void dx_web_stream_flush(dx_web_stream *stream) {
    flush(stream);
}

size_t dx_web_stream_waiting(const dx_web_stream *stream) {
    return stream->pending.size + uv_stream_get_write_queue_size((const uv_stream_t *)&stream->handle);
}

uint64_t dx_web_stream_left(const dx_web_stream *stream) {
    size_t queued = uv_stream_get_write_queue_size((const uv_stream_t *)&stream->handle);
    return stream->left_total + (stream->busy ? stream->writing.size - queued : 0);
}

/* --- Reading ------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    static char room[DX_WEB_READ_SIZE]; /* one thread, and every read is taken at once */
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(room, sizeof room);
}

static void receive_tls(dx_web_stream *stream, dx_bytes bytes) {
    bool was_ready = stream->ready;
    int error = dx_tls_receive(stream->tls, bytes, &stream->plain);
    dx_tls_take(stream->tls, &stream->pending); /* the handshake, and what is told of an error */
    if (error != DX_OK) {
        flush(stream);
        lose(stream, error, dx_tls_reason(stream->tls));
        return;
    }
    stream->ready = dx_tls_is_ready(stream->tls);
    if (stream->ready && !was_ready) {
        stream->owner->on_ready(stream->ctx);
    }
    if (stream->plain.size > 0 && !stream->closing && !stream->finishing) {
        stream->received_total += stream->plain.size;
        stream->owner->on_data(stream->ctx, dx_buf_view(&stream->plain));
    }
    dx_web_buf_empty(&stream->plain);
    if (!stream->closing) {
        flush(stream);
    }
    if (dx_tls_has_ended(stream->tls)) {
        lose(stream, DX_E_UNREACHABLE, "the other end closed the connection");
    }
}

static void on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *bytes) {
    dx_web_stream *stream = handle->data;
    if (size < 0) {
        lose(stream, DX_E_UNREACHABLE,
             size == UV_EOF ? "the other end closed the connection" : uv_strerror((int)size));
    } else if (size > 0 && !stream->finishing) {
        dx_bytes received = dx_bytes_of(bytes->base, (size_t)size);
        if (stream->tls != NULL) {
            receive_tls(stream, received);
            return;
        }
        stream->received_total += received.size;
        stream->owner->on_data(stream->ctx, received);
    }
}

void dx_web_stream_pause(dx_web_stream *stream) {
    if (stream->reading && !stream->closing) {
        stream->reading = false;
        uv_read_stop((uv_stream_t *)&stream->handle);
    }
}

void dx_web_stream_resume(dx_web_stream *stream) {
    if (!stream->reading && !stream->closing && !stream->lost) {
        stream->reading = uv_read_start((uv_stream_t *)&stream->handle, on_alloc, on_read) == 0;
    }
}

/* --- Life ------------------------------------------------------------------------------------------------ */

void dx_web_stream_init(dx_web_stream *stream, uv_loop_t *loop, const dx_web_stream_owner *owner, void *ctx) {
    *stream = (dx_web_stream){.owner = owner, .ctx = ctx};
    dx_buf_init(&stream->pending, dx_host_alloc(), DX_WEB_STREAM_WAITING_MAX);
    dx_buf_init(&stream->writing, dx_host_alloc(), DX_WEB_STREAM_WAITING_MAX);
    dx_buf_init(&stream->plain, dx_host_alloc(), 2 * DX_WEB_READ_SIZE);
    uv_tcp_init(loop, &stream->handle);
    stream->handle.data = stream;
}

void dx_web_stream_begin(dx_web_stream *stream, dx_tls *tls) {
    int unsent = UNSENT_MAX;
    uv_os_fd_t fd;
    stream->tls = tls;
    uv_tcp_nodelay(&stream->handle, 1);
    if (uv_fileno((const uv_handle_t *)&stream->handle, &fd) == 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    }
    dx_web_stream_resume(stream);
    if (tls == NULL) {
        stream->ready = true;
        stream->owner->on_ready(stream->ctx);
        return;
    }
    dx_tls_take(tls, &stream->pending);
    flush(stream);
}

void dx_web_stream_finish(dx_web_stream *stream) {
    if (stream->closing || stream->finishing) {
        return;
    }
    if (stream->tls != NULL) {
        dx_tls_finish(stream->tls);
        dx_tls_take(stream->tls, &stream->pending);
    }
    stream->finishing = true;
    dx_web_stream_resume(stream);
    flush(stream);
}

static void on_closed(uv_handle_t *handle) {
    dx_web_stream *stream = handle->data;
    dx_tls_free(stream->tls);
    dx_buf_deinit(&stream->pending);
    dx_buf_deinit(&stream->writing);
    dx_buf_deinit(&stream->plain);
    stream->owner->on_gone(stream->ctx);
}

void dx_web_stream_close(dx_web_stream *stream) {
    if (!stream->closing) {
        stream->closing = true;
        uv_close((uv_handle_t *)&stream->handle, on_closed);
    }
}
