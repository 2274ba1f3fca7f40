/* host/rtc_name.c: STUN servers by name. See rtc_name.h.
 *
 * Layer: floor 3, host. */
#include "rtc_name.h"

#include <stdio.h>
#include <string.h>

#include "rtc_link.h"

enum { STUN_PORT = 3478 }; /* RFC 8489 §8.1 */

static bool is_name_character(uint8_t byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '.' || byte == '_';
}

/* Digits after a colon; 0: none that are a port. */
static uint16_t read_port(dx_bytes digits) {
    unsigned port = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.size > 5 || digits.data[i] < '0' || digits.data[i] > '9') {
            return 0;
        }
        port = port * 10 + (unsigned)(digits.data[i] - '0');
    }
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static bool read_text(dx_bytes text, char host[static DX_RTC_NAME_SIZE_MAX + 1], uint16_t *port) {
    size_t size = 0;
    while (size < text.size && is_name_character(text.data[size])) {
        size++;
    }
    bool has_port = size < text.size && text.data[size] == ':';
    *port = has_port ? read_port(dx_bytes_of(text.data + size + 1, text.size - size - 1)) : STUN_PORT;
    if (size == 0 || size > DX_RTC_NAME_SIZE_MAX || (!has_port && size < text.size) || *port == 0) {
        return false;
    }
    memcpy(host, text.data, size);
    host[size] = '\0';
    return true;
}

/* --- Looking up -------------------------------------------------------------------------------------------- */

static void take_addresses(dx_rtc_name *name, const struct addrinfo *found) {
    for (name->count = 0; found != NULL && name->count < 2; found = found->ai_next) {
        dx_net_address address = dx_rtc_socket_address(found->ai_addr);
        address.port = name->port;
        bool known = name->count > 0 && name->addresses[0].family == address.family;
        if (dx_net_address_usable(&address) && !known) {
            name->addresses[name->count++] = address;
        }
    }
}

static void look_up_next(dx_rtc *rtc);

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
    dx_rtc_name *name = request->data;
    dx_rtc *rtc = name->rtc;
    name->looking = false;
    rtc->lookup = NULL;
    if (status == 0) {
        take_addresses(name, found);
    }
    uv_freeaddrinfo(found);
    bool leads = status == 0 && name->count > 0;
    name->until_ms = uv_now(rtc->options.loop) + (leads ? DX_RTC_NAME_KEPT_MS : DX_RTC_NAME_FAILED_MS);
    if (!leads && !rtc->closed && rtc->options.log != NULL) {
        char line[DX_RTC_NAME_SIZE_MAX + 128];
        snprintf(line, sizeof line, "the STUN server %s could not be looked up: %s", name->host,
                 status == 0 ? "no address" : uv_strerror(status));
        rtc->options.log(rtc->options.ctx, line);
    }
    look_up_next(rtc);
    dx_rtc_name_known(rtc, (size_t)(name - rtc->names));
    dx_rtc_let_go(rtc);
}

/* One at a time, in the order of their places: who tells us names may be a stranger's kube, and the loop has two threads for
 * names, which dialling wants too. */
static void look_up_next(dx_rtc *rtc) {
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    for (size_t i = 0; i < DX_RTC_NAMES_MAX && rtc->lookup == NULL && !rtc->closed; i++) {
        dx_rtc_name *name = &rtc->names[i];
        if (!name->looking) {
            continue;
        }
        name->rtc = rtc;
        name->request.data = name;
        if (uv_getaddrinfo(rtc->options.loop, &name->request, on_found, name->host, NULL, &hints) == 0) {
            rtc->lookup = name;
            rtc->handles++;
        } else {
            name->looking = false; /* it cannot be begun: as if it led nowhere */
        }
    }
}

int dx_rtc_name_find(dx_rtc *rtc, dx_bytes text) {
    char host[DX_RTC_NAME_SIZE_MAX + 1];
    uint16_t port;
    dx_rtc_name *place = NULL;
    uint64_t now_ms = uv_now(rtc->options.loop);
    if (!read_text(text, host, &port)) {
        return -1;
    }
    for (size_t i = 0; i < DX_RTC_NAMES_MAX; i++) {
        dx_rtc_name *name = &rtc->names[i];
        if (name->port == port && strcmp(name->host, host) == 0) {
            place = name;
            break;
        }
        bool older = place == NULL || name->until_ms < place->until_ms; /* free ones are the oldest */
        place = !name->looking && older ? name : place;
    }
    if (place == NULL) {
        return -1;
    }
    bool known = place->port == port && strcmp(place->host, host) == 0;
    if (!known || (!place->looking && now_ms >= place->until_ms)) {
        memcpy(place->host, host, sizeof host);
        place->port = port;
        place->count = 0;
        place->until_ms = 0;
        place->looking = true;
        look_up_next(rtc);
    }
    return (int)(place - rtc->names);
}

void dx_rtc_names_stop(dx_rtc *rtc) {
    if (rtc->lookup != NULL) { /* where it is too late it ends by itself: its callback finds the set closed */
        (void)uv_cancel((uv_req_t *)&rtc->lookup->request);
    }
}
