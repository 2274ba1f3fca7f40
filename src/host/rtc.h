/* host/rtc.h: peer links: data channels of WebRTC on the loop, for a driver (docs/spec/peer-link.md, decision 0021).
 *
 * Layer: floor 3, host. Addresses "rtc:offer" and "rtc:answer". Events and effects are the seam's: LINK_OPEN, SIGNAL and
 * SIGNAL_SEND until the two sides have found each other, then LINK_UP, LINK_DATA, LINK_SEND, LINK_WRITABLE like TCP's,
 * LINK_CLOSE and LINK_DOWN; LINK_DOWN comes once, and not after LINK_CLOSE.
 * Sockets: a link that offers has some of its own, one for each local address; those that answer share one set. So two
 * sides with several links between them can tell those apart by addresses, though DTLS has no names, and a machine
 * that only answers needs one open port. */
#ifndef DX_HOST_RTC_H
#define DX_HOST_RTC_H

#include <uv.h>

#include <dxos/node.h>

#include "net/ice.h"

enum {
    DX_RTC_ATTEMPT_MS = 20000, /* from LINK_OPEN to LINK_UP */
    DX_RTC_WATCH_MS = 5000,    /* between looks at this machine's addresses */
    DX_RTC_DOUBT_MS = 12000,   /* silence on a path in use before the offering side looks for another */
    DX_RTC_RESTART_MS = 15000, /* between two such searches */
    DX_RTC_LINGER_MS = 5000,   /* for the last words on a link the node closed */
    DX_RTC_FAREWELL_MS = 1000, /* for our answer to a peer that closed */
    DX_RTC_EARLY_MAX = 8, /* datagrams that came or would leave too early, each way; others are repeated */
    DX_RTC_SIGNAL_MAX = 16 * 1024, /* one signal of a peer link (decision 0021) */
    DX_RTC_PENDING_MAX = 16 << 20, /* bytes that wait to leave on a link: twice what a peer's credit allows */
    DX_RTC_UNTOLD_MAX = 64 * 1024, /* bytes that left without the node hearing of it */
};

typedef struct dx_rtc dx_rtc;

typedef struct dx_rtc_options {
    uv_loop_t *loop; /* its data is not touched */
    /* LINK_UP, LINK_DATA, LINK_DOWN, SIGNAL; CLOCK: a step is due, so that dx_rtc_tell_written is called. Bodies are
     * borrowed for the call, which may call back with effects. */
    void (*on_event)(void *ctx, const dx_event *event);
    /* A line about what is no event (a server's name that leads nowhere); NULL: nobody listens. */
    void (*log)(void *ctx, const char *line);
    void *ctx;
    bool loopback; /* addresses of this machine only: for tests, and peers in one machine */
    size_t server_count;
    dx_net_address servers[DX_ICE_SERVERS_MAX]; /* STUN */
    uint32_t attempt_ms;                        /* 0: DX_RTC_ATTEMPT_MS */
} dx_rtc_options;

/* DX_E_NO_MEMORY, DX_E_IO. */
DX_MUST_USE int dx_rtc_open(const dx_rtc_options *options, dx_rtc **out);
/* Every link ends without an event; the peers are told. Memory goes in later turns of the loop. NULL is allowed. */
void dx_rtc_close(dx_rtc *rtc);
/* True: the effect was for a peer link. What it brings about follows with dx_rtc_flush. */
bool dx_rtc_effect(dx_rtc *rtc, const dx_effect *effect);
void dx_rtc_flush(dx_rtc *rtc);
/* LINK_WRITABLE for what has left since the last call. */
void dx_rtc_tell_written(dx_rtc *rtc);
/* Whether an address is one of peer links. */
bool dx_rtc_is_address(dx_bytes address);
/* The pair in use of a link, for people; false: no such link, or none yet. */
bool dx_rtc_pair(const dx_rtc *rtc, uint64_t link, dx_ice_pair *out);

#endif
