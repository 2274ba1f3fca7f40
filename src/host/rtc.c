/* host/rtc.c: the peer links of a driver: sockets, whose a datagram is, time. See rtc.h.
 *
 * Layer: floor 3, host. */
#include "rtc.h"

#include <stdlib.h>
#include <string.h>

#include "rtc_link.h"

/* --- What is to be settled -------------------------------------------------------------------------------- */

void dx_rtc_link_touch(dx_rtc_link *link) {
    if (!link->ready) {
        link->ready = true;
        link->next_ready = link->rtc->ready;
        link->rtc->ready = link;
    }
}

static void on_tick(uv_timer_t *timer);

/* usrsctp's clock goes faster while something moves. */
static void arm_tick(dx_rtc *rtc) {
    int64_t wait_ms = dx_rtc_sctp_wait_ms(uv_now(rtc->options.loop));
    if (wait_ms == rtc->tick_ms || rtc->closed) {
        return;
    }
    rtc->tick_ms = wait_ms;
    if (wait_ms < 0) {
        uv_timer_stop(&rtc->tick);
    } else {
        uv_timer_start(&rtc->tick, on_tick, (uint64_t)wait_ms, (uint64_t)wait_ms);
    }
}

void dx_rtc_flush(dx_rtc *rtc) {
    if (rtc->busy) {
        return; /* an event has led here: whoever told it goes on with what this brought about */
    }
    rtc->busy = true;
    while (rtc->ready != NULL) {
        dx_rtc_link *link = rtc->ready;
        rtc->ready = link->next_ready;
        link->ready = false;
        dx_rtc_link_settle(link);
    }
    rtc->busy = false;
    arm_tick(rtc);
}

static void on_tick(uv_timer_t *timer) {
    dx_rtc *rtc = timer->data;
    dx_rtc_sctp_tick(uv_now(rtc->options.loop));
    dx_rtc_flush(rtc);
}

static void on_check(uv_check_t *check) {
    dx_rtc_flush(check->data);
}

/* --- Whose a datagram is ---------------------------------------------------------------------------------------- */

static dx_rtc_route *route_of(dx_rtc *rtc, uint32_t socket, const dx_net_address *from) {
    uint32_t hash = 2166136261u ^ socket; /* FNV-1a; who chooses addresses to collide slows down himself */
    for (size_t i = 0; i < sizeof from->bytes; i++) {
        hash = (hash ^ from->bytes[i]) * 16777619u;
    }
    hash = (hash ^ from->port) * 16777619u;
    return &rtc->routes[(hash ^ hash >> 16) % DX_RTC_ROUTES];
}

static void on_shared_datagram(void *ctx, dx_rtc_socket *socket, const dx_net_address *from, dx_bytes bytes) {
    dx_rtc *rtc = ctx;
    dx_rtc_route *route = route_of(rtc, socket->number, from);
    if (route->link != NULL && route->socket == socket->number && dx_net_address_equal(&route->from, from) &&
        dx_rtc_link_receive(route->link, socket, from, bytes)) {
        return;
    }
    for (dx_rtc_link *link = rtc->links; link != NULL; link = link->next) {
        if (!link->offers && dx_rtc_link_receive(link, socket, from, bytes)) {
            *route = (dx_rtc_route){.link = link, .socket = socket->number, .from = *from};
            return;
        }
    }
}

/* --- Addresses of this machine ------------------------------------------------------------------------------------- */

static bool lists(const dx_rtc *rtc, const dx_net_address *address) {
    for (size_t i = 0; i < rtc->local_count; i++) {
        if (dx_net_host_equal(&rtc->locals[i], address)) {
            return true;
        }
    }
    return false;
}

static bool has_socket(dx_rtc_socket *list, const dx_net_address *address) {
    while (list != NULL && !dx_net_host_equal(&list->address, address)) {
        list = list->next;
    }
    return list != NULL;
}

void dx_rtc_sockets_match(dx_rtc *rtc, dx_rtc_socket **list, dx_rtc_on_datagram on_datagram, void *ctx,
                          void (*added)(void *ctx, dx_rtc_socket *socket),
                          void (*removed)(void *ctx, dx_rtc_socket *socket)) {
    for (dx_rtc_socket **at = list; *at != NULL;) {
        dx_rtc_socket *socket = *at;
        if (lists(rtc, &socket->address)) {
            at = &socket->next;
            continue;
        }
        *at = socket->next;
        if (removed != NULL) {
            removed(ctx, socket);
        }
        dx_rtc_socket_close(socket);
    }
    for (size_t i = 0; i < rtc->local_count; i++) {
        dx_rtc_socket *socket;
        if (has_socket(*list, &rtc->locals[i]) ||
            dx_rtc_socket_open(rtc->options.loop, &rtc->locals[i], rtc->next_socket++, on_datagram, ctx,
                               &socket) != DX_OK) {
            continue; /* what cannot be bound now is tried at the next look */
        }
        socket->next = *list;
        *list = socket;
        if (added != NULL) {
            added(ctx, socket);
        }
    }
}

static void lend(void *ctx, dx_rtc_socket *socket) {
    dx_rtc *rtc = ctx;
    for (dx_rtc_link *link = rtc->links; link != NULL; link = link->next) {
        if (!link->offers) {
            dx_rtc_link_add_socket(link, socket);
        }
    }
}

static void withdraw(void *ctx, dx_rtc_socket *socket) {
    dx_rtc *rtc = ctx;
    for (dx_rtc_link *link = rtc->links; link != NULL; link = link->next) {
        if (!link->offers) {
            dx_rtc_link_remove_socket(link, socket);
        }
    }
}

void dx_rtc_share_sockets(dx_rtc *rtc) {
    dx_rtc_sockets_match(rtc, &rtc->shared, on_shared_datagram, rtc, lend, withdraw);
}

static void look_around(dx_rtc *rtc) {
    rtc->local_count = dx_rtc_local_addresses(rtc->options.loopback, rtc->locals);
}

static void on_watch(uv_timer_t *timer) {
    dx_rtc *rtc = timer->data;
    if (rtc->links == NULL) {
        return;
    }
    look_around(rtc);
    rtc->busy = true;
    if (rtc->shared != NULL) {
        dx_rtc_share_sockets(rtc);
    }
    for (dx_rtc_link *link = rtc->links; link != NULL; link = link->next) {
        dx_rtc_link_move(link);
    }
    rtc->busy = false;
    dx_rtc_flush(rtc);
}

/* --- Effects ------------------------------------------------------------------------------------------------------- */

bool dx_rtc_is_address(dx_bytes address) {
    return dx_bytes_equal(address, dx_bytes_text("rtc:offer")) ||
           dx_bytes_equal(address, dx_bytes_text("rtc:answer"));
}

static dx_rtc_link *find_link(const dx_rtc *rtc, uint64_t number) {
    dx_rtc_link *link = rtc->links;
    while (link != NULL && link->number != number) {
        link = link->next;
    }
    return link;
}

static void open_link(dx_rtc *rtc, const dx_effect *effect) {
    if (rtc->links == NULL) {
        look_around(rtc); /* nobody looked while there were no links */
    }
    bool offers = dx_bytes_equal(effect->body, dx_bytes_text("rtc:offer"));
    if (dx_rtc_link_make(rtc, effect->link, offers) == NULL) {
        rtc->options.on_event(
            rtc->options.ctx,
            &(dx_event){.kind = DX_EVENT_LINK_DOWN, .link = effect->link, .reason = DX_E_NO_MEMORY});
    }
}

bool dx_rtc_effect(dx_rtc *rtc, const dx_effect *effect) {
    if (effect->kind == DX_EFFECT_LINK_OPEN) {
        if (!dx_rtc_is_address(effect->body)) {
            return false;
        }
        open_link(rtc, effect);
        return true;
    }
    dx_rtc_link *link = find_link(rtc, effect->link);
    if (link == NULL) {
        return false;
    }
    if (effect->kind == DX_EFFECT_SIGNAL_SEND) {
        dx_rtc_link_signal(link, effect->body);
    } else if (effect->kind == DX_EFFECT_LINK_SEND) {
        dx_rtc_link_send(link, effect->body);
    } else if (effect->kind == DX_EFFECT_LINK_CLOSE) {
        dx_rtc_link_close(link);
    }
    return true;
}

void dx_rtc_tell_written(dx_rtc *rtc) {
    if (!rtc->has_untold) {
        return; /* asked before every step, whatever it is about */
    }
    rtc->has_untold = false;
    for (dx_rtc_link *link = rtc->links; link != NULL; link = link->next) {
        if (link->untold > 0 && !link->closing) {
            rtc->options.on_event(
                rtc->options.ctx,
                &(dx_event){.kind = DX_EVENT_LINK_WRITABLE, .link = link->number, .size = link->untold});
        }
        link->untold = 0;
    }
}

bool dx_rtc_pair(const dx_rtc *rtc, uint64_t number, dx_ice_pair *out) {
    const dx_rtc_link *link = find_link(rtc, number);
    return link != NULL && link->ice != NULL && dx_ice_selected(link->ice, out);
}

void dx_rtc_name_known(dx_rtc *rtc, size_t place) {
    if (rtc->closed) {
        return;
    }
    for (dx_rtc_link *link = rtc->links; link != NULL; link = link->next) {
        dx_rtc_link_take_name(link, place);
    }
    dx_rtc_flush(rtc);
}

/* --- Life ------------------------------------------------------------------------------------------------------------ */

void dx_rtc_let_go(dx_rtc *rtc) {
    if (--rtc->handles == 0) {
        free(rtc);
    }
}

static void on_handle_closed(uv_handle_t *handle) {
    dx_rtc_let_go(handle->data);
}

int dx_rtc_open(const dx_rtc_options *options, dx_rtc **out) {
    *out = NULL;
    dx_rtc *rtc = calloc(1, sizeof *rtc);
    int error = rtc == NULL ? DX_E_NO_MEMORY : dx_rtc_identity_make(&rtc->identity);
    if (error != DX_OK) {
        free(rtc);
        return error;
    }
    rtc->options = *options;
    rtc->options.attempt_ms = options->attempt_ms == 0 ? DX_RTC_ATTEMPT_MS : options->attempt_ms;
    rtc->tick_ms = -1;
    rtc->handles = 3;
    rtc->watch.data = rtc->tick.data = rtc->check.data = rtc;
    uv_timer_init(options->loop, &rtc->watch);
    uv_timer_init(options->loop, &rtc->tick);
    uv_check_init(options->loop, &rtc->check);
    uv_timer_start(&rtc->watch, on_watch, DX_RTC_WATCH_MS, DX_RTC_WATCH_MS);
    uv_check_start(&rtc->check, on_check);
    uv_unref((uv_handle_t *)&rtc->check);
    dx_rtc_sctp_hold();
    *out = rtc;
    return DX_OK;
}

void dx_rtc_close(dx_rtc *rtc) {
    if (rtc == NULL || rtc->closed) {
        return;
    }
    rtc->closed = true;
    while (rtc->links != NULL) {
        dx_rtc_link_free(rtc->links);
    }
    while (rtc->shared != NULL) {
        dx_rtc_socket *socket = rtc->shared;
        rtc->shared = socket->next;
        dx_rtc_socket_close(socket);
    }
    dx_rtc_names_stop(rtc);
    dx_rtc_sctp_release();
    dx_rtc_identity_free(rtc->identity);
    uv_close((uv_handle_t *)&rtc->watch, on_handle_closed);
    uv_close((uv_handle_t *)&rtc->tick, on_handle_closed);
    uv_close((uv_handle_t *)&rtc->check, on_handle_closed);
}
