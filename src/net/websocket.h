/* net/websocket.h: WebSocket (RFC 6455) as bytes: the opening handshake of both sides, and messages. No
 * sockets, no clock.
 *
 * Layer: floor 2, net. Frames are read and written by wslay's frame codec; what they mean (fragments, control
 * frames between them, masks, closing) is here. No extensions, no subprotocols.
 * A driver gives what it received to dx_websocket_receive and sends what gathers in `out`; whole messages come
 * by a callback. Ends: `ended` is set once nothing more may be received; the driver then sends what `out` still
 * holds and closes the connection.
 * Bounds: a message is at most message_max bytes in at most DX_WEBSOCKET_FRAGMENTS_MAX fragments; `out` at most
 * its own maximum, beyond which the connection ends. */
#ifndef DX_NET_WEBSOCKET_H
#define DX_NET_WEBSOCKET_H

#include <dxos/base.h>

#include "http.h"

enum {
    DX_WEBSOCKET_MESSAGE_MAX = 64 * 1024, /* four times a signaling message */
    DX_WEBSOCKET_FRAGMENTS_MAX = 256, /* a frame of one byte costs six: more of them is a waste of our time */
    DX_WEBSOCKET_CONTROL_MAX = 125,   /* RFC 6455 §5.5 */
    DX_WEBSOCKET_OUT_MAX = 1024 * 1024, /* waiting to leave: whoever does not read is let go */
    DX_WEBSOCKET_KEY_SIZE = 24,         /* 16 random bytes in base64 */
    DX_WEBSOCKET_ACCEPT_SIZE = 28       /* a SHA-1 in base64 */
};

/* Close codes (RFC 6455 §7.4.1) this house sends or tells. */
enum {
    DX_WEBSOCKET_NORMAL = 1000,
    DX_WEBSOCKET_GOING_AWAY = 1001,
    DX_WEBSOCKET_PROTOCOL = 1002,
    DX_WEBSOCKET_UNSUPPORTED = 1003,
    DX_WEBSOCKET_NO_CODE = 1005,  /* never sent: their close named none */
    DX_WEBSOCKET_ABNORMAL = 1006, /* never sent: the connection ended without a close */
    DX_WEBSOCKET_NOT_TEXT = 1007,
    DX_WEBSOCKET_POLICY = 1008,
    DX_WEBSOCKET_TOO_BIG = 1009,
    DX_WEBSOCKET_INTERNAL = 1011,
    DX_WEBSOCKET_TRY_LATER = 1013
};

/* --- Opening (§4) --------------------------------------------------------------------------------- */

/* Whether a request asks for a WebSocket at all: Upgrade names it. */
bool dx_websocket_is_asked(const dx_http_head *request);
/* Checks the rest of §4.2.1; on an error *status is the answer's (400, 405, or 426 for another version). */
DX_MUST_USE int dx_websocket_request_check(const dx_http_head *request, int *status);
/* The server's answer, 101. */
void dx_websocket_response_write(const dx_http_head *request, dx_buf *out);

/* The client's request. origin may be NULL; key receives what dx_websocket_response_check compares with. */
void dx_websocket_request_write(const dx_url *url, const char *origin, const dx_random *random,
                                char key[static DX_WEBSOCKET_KEY_SIZE + 1], dx_buf *out);
/* DX_E_DENIED: another status than 101; DX_E_PROTOCOL: 101, but not to this request. */
DX_MUST_USE int dx_websocket_response_check(const dx_http_head *response, const char *key);

/* --- Messages (§5 to §7) --------------------------------------------------------------------------- */

/* A whole message, borrowed for the call. The machine must not be ended by dx_websocket_deinit meanwhile;
 * sending and closing are allowed. */
typedef void (*dx_on_websocket_message)(void *ctx, bool is_text, dx_bytes message);

typedef struct dx_websocket {
    bool is_client; /* a client masks what it sends, and takes nothing masked; a server the other way round */
    size_t message_max; /* at most DX_WEBSOCKET_MESSAGE_MAX */
    const dx_random *random;
    dx_on_websocket_message on_message;
    void *ctx;
    dx_buf out;          /* to be sent; the driver consumes it */
    bool close_sent;     /* nothing but control frames follows */
    bool ended;          /* nothing more is received */
    uint16_t close_code; /* theirs, or the one we found them guilty of; 0 while open */
    uint64_t pongs;      /* received: a driver that pings watches it */
    /* private */
    void *frames; /* wslay's context */
    dx_bytes input;
    dx_buf message;
    bool in_message, in_frame, is_text;
    int fragments;
    uint64_t frame_left;
    uint8_t frame_opcode, frame_fin;
    uint8_t control[DX_WEBSOCKET_CONTROL_MAX];
    size_t control_size;
} dx_websocket;

/* The struct must not move afterwards. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_websocket_init(dx_websocket *socket, bool is_client, const dx_alloc *alloc,
                                  const dx_random *random, dx_on_websocket_message on_message, void *ctx);
void dx_websocket_deinit(dx_websocket *socket);

/* All bytes are taken. Pings are answered into `out`; a close is answered, too. DX_OK; DX_E_PROTOCOL,
 * DX_E_LIMIT, DX_E_MALFORMED (text that is not UTF-8), DX_E_NO_MEMORY, DX_E_FLOOD (out is full): `ended` is
 * set, and a close with the fitting code stands in `out` where there is room. */
DX_MUST_USE int dx_websocket_receive(dx_websocket *socket, dx_bytes bytes);
/* One message, one frame. DX_E_STATE after a close; DX_E_FLOOD: out is full, and it ended. */
DX_MUST_USE int dx_websocket_send(dx_websocket *socket, bool is_text, dx_bytes message);
void dx_websocket_ping(dx_websocket *socket);
/* The beginning of the end, once: reason is at most 123 bytes. What they still send is read until their close. */
void dx_websocket_close(dx_websocket *socket, uint16_t code, const char *reason);

#endif
