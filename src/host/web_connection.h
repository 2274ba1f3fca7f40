/* host/web_connection.h: what web_server.c (connections) and web_answer.c (answers) share.
 *
 * Layer: floor 3, host, private to these two. */
#ifndef DX_HOST_WEB_CONNECTION_H
#define DX_HOST_WEB_CONNECTION_H

#include "host.h"
#include "net/websocket.h"
#include "web_policy.h"
#include "web_server.h"
#include "web_site.h"
#include "web_stream.h"

enum {
    DX_WEB_PEER_SIZE = 64,
    /* Received and not yet looked at: reading pauses above one head, and one read may bring so much more. */
    DX_WEB_IN_MAX = DX_HTTP_HEAD_SIZE_MAX + 3 * DX_WEB_READ_SIZE
};

typedef enum dx_web_state {
    DX_WEB_READING,
    DX_WEB_ANSWERING,
    DX_WEB_SOCKET,
    DX_WEB_LINGERING,
    DX_WEB_ENDED
} dx_web_state;

typedef struct dx_web_connection {
    dx_web_stream stream;
    dx_web_server *server;
    dx_web_state state;
    size_t slot;
    uint64_t number;
    uint64_t deadline_ms;
    uint64_t left, progress_ms; /* what had left when last looked at, and when that changed */
    uint64_t requests, turn_ms; /* since when a request is waited for */
    uint64_t began_ms;          /* when the first byte of the request to come was there; 0: none is */
    dx_buf in;
    size_t seen;
    dx_http_cookies cookies;
    bool keep_alive;     /* of the request that is answered */
    bool unread;         /* the next request may be here, and waits for its turn */
    dx_bytes body;       /* what is left of a file */
    dx_web_sites *sites; /* which that file is of, held */
    char peer[DX_WEB_PEER_SIZE];
    uint8_t household[16];
    bool is_local;
    /* a WebSocket */
    bool is_socket, opened, receiving, unsent, overrun, pinged;
    dx_websocket socket;
    uint64_t heard_ms;
} dx_web_connection;

struct dx_web_server {
    dx_web_options options;
    dx_web_patience patience;
    uv_tcp_t listener;
    uv_idle_t waker;
    uv_timer_t sweeper;
    dx_tls_context *tls;
    dx_web_sites *sites;
    dx_web_connection *slots[DX_WEB_CONNECTIONS_MAX];
    uint64_t generation;
    uint64_t fault_minute, faults_told; /* of the log */
    uint64_t last_words_ms;             /* until when a stopping server waits */
    int alive;                          /* handles not yet closed */
    int port, stun_port;
    bool stopping, waiting;
    dx_web_counts counts;
};

void dx_web_log(const dx_web_server *server, const char *line);
/* Writes the head of the answer (status 0: as the request deserves, else this error; request NULL when it could not be
 * read) into the stream, with a small body, and a file's into connection->body. May set keep_alive to false. */
void dx_web_answer(dx_web_connection *connection, const dx_http_head *request, int status);
void dx_web_open_socket(dx_web_connection *connection, const dx_http_head *request);

#endif
