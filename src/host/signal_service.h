/* host/signal_service.h: the signaling service (dxos/signaling.h) behind the web server's WebSocket.
 *
 * Layer: floor 3, host. The machine decides; this carries its bytes, tells it the time once a second, and closes what it
 * closes with a code a browser can tell apart. */
#ifndef DX_HOST_SIGNAL_SERVICE_H
#define DX_HOST_SIGNAL_SERVICE_H

#include <dxos/signaling.h>

#include "web_server.h"

typedef struct dx_signal_service {
    dx_web_service web; /* for dx_web_options.signal */
    dx_signaling_service *machine;
    dx_web_server *server;
    uv_timer_t timer;
} dx_signal_service;

/* web stands from now on: the server may be started with it, but no loop run before dx_signal_service_start. */
void dx_signal_service_init(dx_signal_service *self);
/* stun: a STUN server's address told to everyone ("stun:HOST:PORT"), NULL: none. timer is to be closed by the caller
 * (uv_close), also on an error. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_signal_service_start(dx_signal_service *self, dx_web_server *server, uv_loop_t *loop,
                                        const char *stun);
void dx_signal_service_free(dx_signal_service *self); /* once the server is gone */

#endif
