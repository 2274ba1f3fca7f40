/* host/rtc_link.h: one peer link: ICE, DTLS and SCTP put together, and the set it belongs to. Private to rtc*.c.
 *
 * Layer: floor 3, host. Whatever happens to a link marks it (dx_rtc_link_touch); what follows from it is done in one
 * place (dx_rtc_link_settle), at the end of a turn of the loop, a timer or a flush. Only there a link ends, so no
 * callback ever finds its link gone. */
#ifndef DX_HOST_RTC_LINK_H
#define DX_HOST_RTC_LINK_H

#include "rtc.h"
#include "rtc_dtls.h"
#include "rtc_name.h"
#include "rtc_sctp.h"
#include "rtc_socket.h"

#include "net/sdp.h"

typedef struct dx_rtc_link dx_rtc_link;

/* Datagrams, one behind the other, that wait for what they need. */
typedef struct dx_rtc_queue {
    dx_buf bytes; /* each behind its size, two bytes */
    size_t count;
} dx_rtc_queue;

struct dx_rtc_link {
    dx_rtc *rtc;
    dx_rtc_link *next;
    dx_rtc_link *next_ready; /* among those to settle */
    uint64_t number;
    uv_timer_t timer;
    uint64_t armed_ms;
    bool offers, ready, dirty_ice;
    /* how far it is */
    bool described; /* the other side's description is here */
    bool up;
    bool closing; /* the node has closed it, or heard of its end: only last words are left */
    bool gone;    /* nothing is left to say */
    uint64_t opened_ms, linger_ms, restarted_ms;
    uint64_t pathless_ms; /* since when there is no path; 0: there is one */
    int reason;           /* why it is to end; DX_OK: it is not */
    char text[240];
    /* the other side */
    uint8_t fingerprint[DX_RTC_FINGERPRINT_SIZE];
    bool client; /* of DTLS */
    size_t message_max;
    char mid[DX_SDP_MID_MAX];
    uint64_t session, version; /* of our descriptions */
    size_t server_count;       /* STUN, as the node told them; 0: those of the options */
    dx_net_address servers[DX_ICE_SERVERS_MAX];
    unsigned wanted;    /* names of servers that are being looked up, by their places */
    uint64_t lookup_ms; /* until when they are waited for */
    /* the layers */
    dx_ice *ice;
    dx_rtc_dtls *dtls;
    dx_rtc_sctp *sctp;
    dx_rtc_socket *own; /* of a link that offers */
    dx_rtc_socket *out; /* where data leaves now, and whereto; NULL: nowhere yet */
    dx_net_address out_to;
    dx_rtc_queue early, held; /* came before there was DTLS, would leave before there is a path */
    dx_buf pending;           /* bytes to send; those before sent are with SCTP */
    size_t sent;
    size_t untold;
};

/* So that of two hundred links that answer one in six shares its place with another; 40 kB. */
enum { DX_RTC_ROUTES = 1024 };

/* Whose datagrams come from an address; a guess to be looked at first: without it every link would be asked. */
typedef struct dx_rtc_route {
    dx_rtc_link *link;
    uint32_t socket;
    dx_net_address from;
} dx_rtc_route;

struct dx_rtc {
    dx_rtc_options options;
    uv_timer_t watch, tick;
    uv_check_t check;
    int handles;
    int64_t tick_ms;
    bool closed;
    bool busy;       /* links are at work: none may end */
    bool has_untold; /* one of them has sent what the node has not heard of */
    dx_rtc_identity *identity;
    dx_rtc_link *links, *ready;
    dx_rtc_socket *shared;
    uint32_t next_socket;
    size_t local_count;
    dx_net_address locals[DX_ICE_LOCALS_MAX];
    dx_rtc_name names[DX_RTC_NAMES_MAX];
    dx_rtc_name *lookup; /* the one under way; NULL: none */
    dx_rtc_route routes[DX_RTC_ROUTES];
};

/* --- rtc.c --- */
void dx_rtc_link_touch(dx_rtc_link *link);
/* Sockets for each of rtc->locals in a list; those whose address is gone leave it. added and removed (may be NULL) are
 * called for each. */
void dx_rtc_sockets_match(dx_rtc *rtc, dx_rtc_socket **list, dx_rtc_on_datagram on_datagram, void *ctx,
                          void (*added)(void *ctx, dx_rtc_socket *socket),
                          void (*removed)(void *ctx, dx_rtc_socket *socket));
void dx_rtc_share_sockets(dx_rtc *rtc);
/* One of libuv's pieces knows the set no more; with the last its memory goes. */
void dx_rtc_let_go(dx_rtc *rtc);
/* A name has been looked up, with or without success: who waits for it is told. */
void dx_rtc_name_known(dx_rtc *rtc, size_t place);

/* --- rtc_link.c --- */
/* NULL: no memory. */
dx_rtc_link *dx_rtc_link_make(dx_rtc *rtc, uint64_t number, bool offers);
void dx_rtc_link_signal(dx_rtc_link *link, dx_bytes signal);
void dx_rtc_link_send(dx_rtc_link *link, dx_bytes bytes);
void dx_rtc_link_close(dx_rtc_link *link);
/* A datagram that is this link's, or may be; false: it is not. */
bool dx_rtc_link_receive(dx_rtc_link *link, dx_rtc_socket *socket, const dx_net_address *from,
                         dx_bytes bytes);
void dx_rtc_link_add_socket(void *link, dx_rtc_socket *socket);
void dx_rtc_link_remove_socket(void *link, dx_rtc_socket *socket);
/* What is known of a name it waits for. */
void dx_rtc_link_take_name(dx_rtc_link *link, size_t place);
/* This machine's addresses are other ones. */
void dx_rtc_link_move(dx_rtc_link *link);
void dx_rtc_link_settle(dx_rtc_link *link);
/* Sends what can still be sent, closes and, in a later turn, frees. No event. */
void dx_rtc_link_free(dx_rtc_link *link);

#endif
