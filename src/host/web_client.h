/* host/web_client.h: signaling links: WebSockets that the node dials (decision 0021).
 *
 * Layer: floor 3, host. Addresses "ws://…" and "wss://…"; one message a frame, binary. LINK_UP once the upgrade was
 * answered, SIGNAL for each message, LINK_DOWN at the end; SIGNAL_SEND sends, LINK_CLOSE closes. A server's
 * certificate is checked against the system's authorities, and its name against the address. A name under
 * "localhost" is this machine (RFC 6761 §6.3) and is not looked up. */
#ifndef DX_HOST_WEB_CLIENT_H
#define DX_HOST_WEB_CLIENT_H

#include "host.h"

enum {
    DX_WEB_LINK_PING_MS = 30000, /* between pings: within what NATs and proxies keep a connection */
    DX_WEB_LINK_DEAD_MS = 75000, /* silence before it is given up */
    DX_WEB_LINKS_MAX = 16        /* a device has one or two signaling services */
};

/* LINK_OPEN of an address of these schemes, LINK_CLOSE and SIGNAL_SEND of such links; others are not touched.
 * True: the effect was for such a link. */
bool dx_web_client_effect(dx_driver *driver, const dx_effect *effect);
void dx_web_client_stop(dx_driver *driver);

#endif
