/* host/web_server.h: HTTP/1.1 and WebSocket on the one loop, plain or over TLS: the sites of a kube, its own pages,
 * and WebSockets handed to a service.
 *
 * Layer: floor 3, host. net/http and net/websocket decide what bytes mean; this decides who is served what.
 * Host rules: a site is served at LABEL.NAME[:port] alone, everything else of ours also at NAME, at "localhost" and at addresses in
 * figures; another name is answered with 421, so that a foreign name that was made to lead here (DNS rebinding)
 * opens nothing. An Origin must be one of ours wherever a connection is made or something changes.
 * Files are read at the start and served from memory by exact name: no path of a request reaches the disk.
 * Ownership: everything here belongs to the server; a service is the caller's and outlives it. */
#ifndef DX_HOST_WEB_SERVER_H
#define DX_HOST_WEB_SERVER_H

#include <uv.h>

#include <dxos/base.h>

enum {
    DX_WEB_CONNECTIONS_MAX = 1024, /* at once, WebSockets included */
    DX_WEB_CONNECTIONS_OF_ONE_MAX =
        256, /* of these from one address (IPv6: one /64): a household behind one NAT */
    DX_WEB_SOCKET_OUT_MAX = 1 << 20,  /* waiting to leave on one WebSocket: whoever does not read is let go */
    DX_WEB_SITE_SIZE_MAX = 256 << 20, /* bytes of all files of all sites */
    DX_WEB_FILES_MAX = 4096,
    DX_WEB_SITES_MAX = 64,
    DX_WEB_LABEL_MAX = 63 /* RFC 1035 §2.3.4 */
};

typedef struct dx_web_server dx_web_server;

/* How long is waited for others; looked at every sweep_ms. */
typedef struct dx_web_patience {
    uint32_t head_ms;   /* from a connection's or request's first byte to the end of its head */
    uint32_t idle_ms;   /* between two requests */
    uint32_t send_ms;   /* without any progress in what waits to leave */
    uint32_t linger_ms; /* for the other end to hear our last word */
    uint32_t ping_ms;   /* silence on a WebSocket before it is pinged, */
    uint32_t dead_ms;   /* and before it is given up */
    uint32_t sweep_ms;
} dx_web_patience;

#define DX_WEB_PATIENCE                                                                                      \
    { 10000, 60000, 30000, 2000, 30000, 75000, 1000 }

/* --- WebSockets for a service --------------------------------------------------------------------- */

/* A WebSocket is a number, never used twice. Every callback comes from the loop, never from within a call of the
 * service's own (a close by the service brings no on_close). */
typedef struct dx_web_service {
    void *ctx;
    /* peer: its address in figures, without a port. Not DX_OK refuses it (closed with DX_WEBSOCKET_TRY_LATER). */
    int (*on_open)(void *ctx, uint64_t socket, const char *peer);
    void (*on_message)(void *ctx, uint64_t socket, dx_bytes message);
    /* in_order: the other end said that it leaves (a close with DX_WEBSOCKET_NORMAL or _GOING_AWAY). */
    void (*on_close)(void *ctx, uint64_t socket, bool in_order);
    void (*metrics)(void *ctx, dx_buf *out); /* appends rows for /metrics; NULL: none */
} dx_web_service;

/* One binary message. A socket that is gone is no error: its on_close is on the way. */
void dx_web_socket_send(dx_web_server *server, uint64_t socket, dx_bytes message);
/* Bytes sent and not yet with the kernel; 0 for a socket that is gone. */
size_t dx_web_socket_waiting(dx_web_server *server, uint64_t socket);
/* After what was sent has left; reason is text for people, at most 123 bytes. */
void dx_web_socket_close(dx_web_server *server, uint64_t socket, uint16_t code, const char *reason);

/* --- The server ------------------------------------------------------------------------------------ */

typedef struct dx_web_options {
    uv_loop_t *loop;
    const char *name;       /* NAME of the host rules: lower case */
    const char *address;    /* to listen on, in figures */
    int port;               /* 0: any */
    const char *cert, *key; /* files in PEM: TLS; both NULL: plain */
    const char *sites;      /* folder: each folder in it a site named after it; NULL: none */
    const char *vault;      /* the site that holds vaults, which others may frame; NULL: none */
    const char *const
        *allowed; /* origins elsewhere whose pages may use what is here as our own do; ends with NULL */
    const char *version;             /* of this program, told in the configuration */
    const dx_web_service *signal;    /* at /.well-known/dx/signal; NULL: 503 */
    const dx_web_patience *patience; /* NULL: DX_WEB_PATIENCE */
    /* One line about something that happened; NULL: none. log_requests: about each request, too. */
    void (*log)(void *ctx, const char *line);
    void *log_ctx;
    bool log_requests;
} dx_web_options;

typedef struct dx_web_counts {
    uint64_t connections, connections_total, refused_total;
    uint64_t sockets, sockets_total;
    uint64_t requests_total, bytes_total;
    uint64_t status_total[6]; /* by class: 1xx to 5xx */
    uint64_t files, sites;
} dx_web_counts;

/* Reads the sites and listens. message (DX_HOST_MESSAGE_MAX) tells why not: DX_E_IO, DX_E_INVALID, DX_E_LIMIT,
 * DX_E_NO_MEMORY, DX_E_NOT_FOUND (a file). */
DX_MUST_USE int dx_web_server_start(const dx_web_options *options, dx_web_server **out, char *message);
int dx_web_server_port(const dx_web_server *server);
/* A STUN server stands on this UDP port of the same machine: told in the configuration. 0: none. */
void dx_web_server_tell_stun(dx_web_server *server, int port);
const dx_web_counts *dx_web_server_counts(const dx_web_server *server);
size_t dx_web_server_site_count(const dx_web_server *server);
const char *dx_web_server_site_label(const dx_web_server *server, size_t index); /* until the next reload */
/* The sites' files and the certificate anew; the old ones stay when that fails. */
DX_MUST_USE int dx_web_server_reload(dx_web_server *server, char *message);
/* Whether the loop has nothing of the server's left. */
bool dx_web_server_is_gone(const dx_web_server *server);
/* No more connections; WebSockets are closed with DX_WEBSOCKET_GOING_AWAY, answers in flight may leave for a
 * moment; then the server is gone from the loop. */
void dx_web_server_stop(dx_web_server *server);
/* Once it is gone. */
void dx_web_server_free(dx_web_server *server);

#endif
