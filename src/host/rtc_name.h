/* host/rtc_name.h: STUN servers by name, looked up on the loop. Private to rtc*.c.
 *
 * Layer: floor 3, host. Looking up takes a thread of libuv's and as long as name servers take; nobody waits for it but the
 * end of a link's candidates, and that for DX_RTC_LOOKUP_MS. What is known is kept for a while, so many links ask
 * once; a name that leads nowhere is told once in that while, and links go without. */
#ifndef DX_HOST_RTC_NAME_H
#define DX_HOST_RTC_NAME_H

#include <uv.h>

#include "net/address.h"

enum {
    DX_RTC_NAMES_MAX = 8,          /* of all links: a kube tells one or two */
    DX_RTC_NAME_SIZE_MAX = 253,    /* RFC 1035 */
    DX_RTC_NAME_KEPT_MS = 300000,  /* addresses, */
    DX_RTC_NAME_FAILED_MS = 30000, /* and that there are none */
    DX_RTC_LOOKUP_MS = 5000        /* a link waits for */
};

typedef struct dx_rtc dx_rtc;

typedef struct dx_rtc_name {
    uv_getaddrinfo_t request;
    dx_rtc *rtc;
    char host[DX_RTC_NAME_SIZE_MAX + 1]; /* empty: a free place */
    uint16_t port;
    bool looking;                /* it is being looked up, or waits for its turn */
    uint64_t until_ms;           /* what is known holds until then */
    size_t count;                /* 0: it leads nowhere */
    dx_net_address addresses[2]; /* the first of each family */
} dx_rtc_name;

/* NAME or NAME:PORT (3478 without one). Its place; looked up when it is not known. -1: not of that form, or there is no place. */
int dx_rtc_name_find(dx_rtc *rtc, dx_bytes text);
/* No more is looked up, and nobody is told of what was begun. */
void dx_rtc_names_stop(dx_rtc *rtc);

#endif
