/* host/rtc_link.c: one peer link. See rtc_link.h.
 *
 * Layer: floor 3, host. */
#include "rtc_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dxos/codec.h>

#include "host.h"

enum {
    QUEUE_SIZE_MAX = 16 * 1024, /* of early or held datagrams: eight of any size a path has */
    COMPACT_SIZE = 1 << 20,     /* what has left is cut off when it is this much, and half of all */
    LOOK_MS = 5000,             /* between looks at how the path in use does */
};

static uint64_t now_of(const dx_rtc_link *link) {
    return uv_now(link->rtc->options.loop);
}

static void tell(dx_rtc_link *link, const dx_event *event) {
    dx_event with_link = *event;
    with_link.link = link->number;
    link->rtc->options.on_event(link->rtc->options.ctx, &with_link);
}

/* Notes that the link is over; the first reason counts. */
static void end(dx_rtc_link *link, int reason, const char *text) {
    if (link->reason == DX_OK && !link->closing) {
        link->reason = reason;
        snprintf(link->text, sizeof link->text, "%s", text);
    }
    dx_rtc_link_touch(link);
}

/* No path: which addresses were tried, and what came of it. */
static void end_pathless(dx_rtc_link *link, int reason) {
    dx_ice_tally tally;
    char text[sizeof link->text], stun[64] = "";
    dx_ice_tally_of(link->ice, &tally);
    if (tally.servers > 0 && tally.answered == 0) {
        snprintf(stun, sizeof stun, "; STUN: no server answered");
    }
    snprintf(text, sizeof text,
             "path: %s (%zu addresses here and %zu seen by STUN, %zu there; %zu of %zu pairs tried%s)",
             tally.reason == DX_ICE_CONSENT_LOST && !link->up ? "none was found in time"
                                                              : dx_ice_reason_text(tally.reason),
             tally.locals, tally.reflexives, tally.remotes, tally.checked, tally.pairs, stun);
    end(link, reason, text);
}

/* --- Queues of datagrams -------------------------------------------------------------------------------- */

static void queue_add(dx_rtc_queue *queue, dx_bytes datagram) {
    if (queue->count < DX_RTC_EARLY_MAX && queue->bytes.size + datagram.size + 2 <= QUEUE_SIZE_MAX) {
        const uint8_t size[2] = {(uint8_t)(datagram.size >> 8), (uint8_t)datagram.size};
        dx_buf_append(&queue->bytes, size, sizeof size);
        dx_buf_append(&queue->bytes, datagram.data, datagram.size);
        queue->count += dx_buf_error(&queue->bytes) == DX_OK;
    }
}

/* The datagram at an offset, which moves on; size 0: there is none. */
static dx_bytes queue_next(const dx_rtc_queue *queue, size_t *at) {
    if (dx_buf_error(&queue->bytes) != DX_OK || *at + 2 > queue->bytes.size) {
        return dx_bytes_of(NULL, 0);
    }
    const uint8_t *head = queue->bytes.data + *at;
    dx_bytes datagram = dx_bytes_of(head + 2, (size_t)head[0] << 8 | head[1]);
    *at += 2 + datagram.size;
    return datagram;
}

static void queue_empty(dx_rtc_queue *queue) {
    dx_buf_deinit(&queue->bytes); /* it is needed once in a link's life */
    dx_buf_init(&queue->bytes, dx_host_alloc(), QUEUE_SIZE_MAX);
    queue->count = 0;
}

/* --- Sockets and ICE ---------------------------------------------------------------------------------------- */

static dx_rtc_socket *socket_of(const dx_rtc_link *link, uint32_t number) {
    dx_rtc_socket *socket = link->offers ? link->own : link->rtc->shared;
    while (socket != NULL && socket->number != number) {
        socket = socket->next;
    }
    return socket;
}

static void on_own_datagram(void *ctx, dx_rtc_socket *socket, const dx_net_address *from, dx_bytes bytes) {
    (void)dx_rtc_link_receive(ctx, socket, from, bytes);
}

void dx_rtc_link_add_socket(void *ctx, dx_rtc_socket *socket) {
    dx_rtc_link *link = ctx;
    if (link->ice != NULL && !link->closing) {
        /* one too many is not told to the peer */
        (void)!dx_ice_add_local(link->ice, now_of(link), socket->number, &socket->address);
        dx_rtc_link_touch(link);
    }
}

void dx_rtc_link_remove_socket(void *ctx, dx_rtc_socket *socket) {
    dx_rtc_link *link = ctx;
    if (link->out == socket) {
        link->out = NULL;
    }
    if (link->ice != NULL) {
        dx_ice_remove_local(link->ice, now_of(link), socket->number);
        dx_rtc_link_touch(link);
    }
}

static bool begin_ice(dx_rtc_link *link) {
    dx_ice_options options = {.alloc = dx_host_alloc(),
                              .random = &dx_host_random,
                              .controlling = link->offers,
                              .server_count = link->rtc->options.server_count,
                              .give_up_ms = link->rtc->options.attempt_ms};
    memcpy(options.servers, link->rtc->options.servers, sizeof options.servers);
    if (link->server_count > 0 || link->wanted != 0) {
        options.server_count = link->server_count;
        memcpy(options.servers, link->servers, sizeof options.servers);
    }
    if (dx_ice_create(&options, &link->ice) != DX_OK) {
        end(link, DX_E_NO_MEMORY, "memory ran out");
        return false;
    }
    if (link->offers) {
        dx_rtc_sockets_match(link->rtc, &link->own, on_own_datagram, link, dx_rtc_link_add_socket, NULL);
    } else {
        dx_rtc_share_sockets(link->rtc);
        for (dx_rtc_socket *socket = link->rtc->shared; socket != NULL; socket = socket->next) {
            dx_rtc_link_add_socket(link, socket); /* those made just now are there already */
        }
    }
    if (link->wanted == 0) {
        dx_ice_end_local(link->ice, now_of(link));
    }
    return true;
}

/* --- Signals ----------------------------------------------------------------------------------------------------- */

static void tell_signal(dx_rtc_link *link, dx_bytes value, const char *type) {
    dx_buf body;
    dx_buf_init(&body, dx_host_alloc(), DX_RTC_SIGNAL_MAX);
    if (dx_sdp_write_signal(value, type, &body) == DX_OK) {
        tell(link, &(dx_event){.kind = DX_EVENT_SIGNAL, .body = dx_buf_view(&body)});
    } else {
        end(link, DX_E_NO_MEMORY, "memory ran out");
    }
    dx_buf_deinit(&body);
}

/* Carries out what ICE wants; candidates go into a description about to be told, or by themselves. */
static void drain_ice(dx_rtc_link *link, dx_sdp *sdp) {
    dx_ice_output output;
    while (link->ice != NULL && dx_ice_next(link->ice, &output)) {
        if (output.kind == DX_ICE_OUTPUT_DATAGRAM) {
            dx_rtc_socket *socket = socket_of(link, output.socket);
            if (socket != NULL) {
                dx_rtc_socket_send(socket, &output.to, output.bytes);
            }
        } else if (output.kind == DX_ICE_OUTPUT_CANDIDATE && sdp != NULL) {
            dx_sdp_add_candidate(sdp, output.line);
        } else if (output.kind == DX_ICE_OUTPUT_CANDIDATE && !link->closing) {
            tell_signal(link, output.line, NULL);
        } else if (output.kind == DX_ICE_OUTPUT_FAILED) {
            end_pathless(link, DX_E_UNREACHABLE);
        }
    }
    uint32_t socket;
    bool found = link->ice != NULL && dx_ice_path(link->ice, &socket, &link->out_to);
    link->out = found ? socket_of(link, socket) : NULL;
    link->pathless_ms = link->out != NULL ? 0 : link->pathless_ms != 0 ? link->pathless_ms : now_of(link);
}

/* Tells this side's description, with the candidates known by now. */
static void describe(dx_rtc_link *link) {
    static dx_sdp sdp; /* one thread, and too large for a stack */
    dx_buf text;
    dx_sdp_init(&sdp);
    drain_ice(link, &sdp);
    sdp.session = link->session;
    sdp.version = ++link->version;
    snprintf(sdp.mid, sizeof sdp.mid, "%s", link->mid);
    snprintf(sdp.ufrag, sizeof sdp.ufrag, "%s", dx_ice_ufrag(link->ice));
    snprintf(sdp.password, sizeof sdp.password, "%s", dx_ice_password(link->ice));
    sdp.trickle = true;
    sdp.pacing_ms = DX_ICE_PACING_MS;
    memcpy(sdp.fingerprint, dx_rtc_identity_fingerprint(link->rtc->identity), sizeof sdp.fingerprint);
    sdp.setup = link->offers ? DX_SDP_ACTPASS : link->client ? DX_SDP_ACTIVE : DX_SDP_PASSIVE;
    sdp.sctp_port = DX_RTC_SCTP_PORT;
    sdp.max_message_size = DX_RTC_SCTP_MESSAGE_MAX;
    dx_buf_init(&text, dx_host_alloc(), DX_SDP_SIZE_MAX);
    if (dx_sdp_write(&sdp, &text) == DX_OK) {
        tell_signal(link, dx_buf_view(&text), link->offers ? "offer" : "answer");
    } else {
        end(link, DX_E_NO_MEMORY, "memory ran out");
    }
    dx_buf_deinit(&text);
}

/* What the other side's description fixes for good: whose certificate it is, who begins DTLS. */
static bool settle_terms(dx_rtc_link *link, const dx_sdp *sdp) {
    if (sdp->sctp_port != DX_RTC_SCTP_PORT) {
        end(link, DX_E_UNSUPPORTED, "the other side wants its data channel on an unusual port");
        return false;
    }
    if (link->offers && sdp->setup == DX_SDP_ACTPASS) {
        end(link, DX_E_PROTOCOL, "the other side's answer leaves open who begins");
        return false;
    }
    if (link->described) {
        if (memcmp(link->fingerprint, sdp->fingerprint, sizeof link->fingerprint) == 0) {
            return true;
        }
        end(link, DX_E_VERIFY, "the other side's description names another certificate than before");
        return false;
    }
    memcpy(link->fingerprint, sdp->fingerprint, sizeof link->fingerprint);
    link->client = sdp->setup != DX_SDP_ACTIVE; /* who answers begins, where it may */
    link->message_max = sdp->max_message_size != 0 && sdp->max_message_size < DX_RTC_SCTP_SEND_MAX
                            ? sdp->max_message_size
                            : DX_RTC_SCTP_SEND_MAX;
    snprintf(link->mid, sizeof link->mid, "%s", sdp->mid);
    return true;
}

static void hear_description(dx_rtc_link *link, dx_bytes text) {
    static dx_sdp sdp; /* likewise */
    const char *problem = NULL;
    uint64_t now_ms = now_of(link);
    int error = dx_sdp_parse(text, &sdp, &problem);
    if (error != DX_OK) {
        end(link, error, problem != NULL ? problem : dx_error_text(error));
        return;
    }
    if (link->offers && link->ice == NULL) {
        end(link, DX_E_PROTOCOL, "the other side answered what was not offered yet");
        return;
    }
    if (!settle_terms(link, &sdp) || (link->ice == NULL && !begin_ice(link))) {
        return;
    }
    const dx_ice_remote remote = {.ufrag = dx_bytes_text(sdp.ufrag),
                                  .password = dx_bytes_text(sdp.password),
                                  .lite = sdp.ice_lite,
                                  .pacing_ms = sdp.pacing_ms,
                                  .answer = link->offers};
    if (dx_ice_set_remote(link->ice, now_ms, &remote) != DX_OK) {
        end(link, DX_E_MALFORMED, "the other side's description names no usable credentials");
        return;
    }
    link->described = true;
    for (size_t i = 0; i < sdp.candidate_count; i++) {
        (void)!dx_ice_add_remote_candidate(link->ice, now_ms,
                                           &sdp.candidates[i]); /* there may be better ones */
    }
    if (sdp.end_of_candidates) {
        (void)!dx_ice_add_remote(link->ice, now_ms, dx_bytes_of(NULL, 0));
    }
    if (!link->offers) {
        describe(link);
    }
}

static void add_server(dx_rtc_link *link, const dx_net_address *address) {
    if (link->server_count < DX_ICE_SERVERS_MAX) {
        link->servers[link->server_count++] = *address;
    }
    if (link->ice != NULL) { /* one too many is not asked */
        (void)!dx_ice_add_server(link->ice, now_of(link), address);
    }
}

static void add_named(dx_rtc_link *link, size_t place) {
    const dx_rtc_name *name = &link->rtc->names[place];
    for (size_t i = 0; i < name->count; i++) {
        add_server(link, &name->addresses[i]);
    }
}

/* No more servers are waited for. */
static void end_names(dx_rtc_link *link) {
    link->wanted = 0;
    if (link->ice != NULL) {
        dx_ice_end_local(link->ice, now_of(link));
    }
    dx_rtc_link_touch(link);
}

void dx_rtc_link_take_name(dx_rtc_link *link, size_t place) {
    unsigned bit = 1u << place;
    if ((link->wanted & bit) == 0 || link->closing) {
        return;
    }
    add_named(link, place);
    link->wanted &= ~bit;
    if (link->wanted == 0) {
        end_names(link);
    }
    dx_rtc_link_touch(link);
}

static void want_name(dx_rtc_link *link, dx_bytes text) {
    int place = dx_rtc_name_find(link->rtc, text);
    if (place >= 0 && link->rtc->names[place].looking) {
        link->wanted |= 1u << place;
        link->lookup_ms = now_of(link) + DX_RTC_LOOKUP_MS;
    } else if (place >= 0) {
        add_named(link, (size_t)place);
    }
}

/* Servers the node names right after it opened the link: [[url, user, password], …]. Those of STUN are of use; there is no
 * TURN. */
static void hear_servers(dx_rtc_link *link, dx_bytes list) {
    static const char scheme[] = "stun:";
    dx_reader reader;
    dx_reader_init(&reader, list);
    for (size_t left = dx_read_array(&reader); left > 0 && reader.error == DX_OK; left--) {
        dx_reader server;
        dx_reader_init(&server, dx_read_item(&reader));
        dx_bytes url = dx_read_array(&server) > 0 ? dx_read_text(&server) : dx_bytes_of(NULL, 0);
        if (url.size <= strlen(scheme) || memcmp(url.data, scheme, strlen(scheme)) != 0) {
            continue;
        }
        dx_net_address address;
        dx_bytes text = dx_bytes_of(url.data + strlen(scheme), url.size - strlen(scheme));
        if (dx_net_address_parse(text, &address) == DX_OK) {
            add_server(link, &address);
        } else {
            want_name(link, text);
        }
    }
}

void dx_rtc_link_signal(dx_rtc_link *link, dx_bytes signal) {
    if (link->closing || link->reason != DX_OK) {
        return;
    }
    dx_rtc_link_touch(link);
    if (signal.size > DX_RTC_SIGNAL_MAX || dx_item_check(signal) != DX_OK) {
        end(link, DX_E_MALFORMED, "the other side's signal is not of the form signals have");
        return;
    }
    dx_bytes type = dx_item_text(dx_item_get(signal, "type"));
    dx_bytes candidate = dx_item_get(signal, "candidate"), servers = dx_item_get(signal, "servers");
    if (type.size > 0) {
        if (!dx_bytes_equal(type, dx_bytes_text(link->offers ? "answer" : "offer"))) {
            end(link, DX_E_PROTOCOL, "both sides offer, or both wait for an offer");
            return;
        }
        hear_description(link, dx_item_text(dx_item_get(signal, "sdp")));
    } else if (dx_item_kind(candidate) == DX_KIND_TEXT) {
        if (link->ice != NULL) {
            (void)!dx_ice_add_remote(link->ice, now_of(link), dx_item_text(candidate));
        }
    } else if (dx_item_kind(servers) == DX_KIND_ARRAY) {
        hear_servers(link, servers);
    } else {
        end(link, DX_E_MALFORMED, "the other side's signal is not of the form signals have");
    }
}

/* --- DTLS ---------------------------------------------------------------------------------------------------------- */

/* Before there is a path a datagram waits: the other side may have one sooner, and a lost flight costs a quarter of a
 * second. */
static void on_dtls_datagram(void *ctx, dx_bytes datagram) {
    dx_rtc_link *link = ctx;
    if (link->out != NULL) {
        dx_rtc_socket_send(link->out, &link->out_to, datagram);
    } else if (link->sctp == NULL) {
        queue_add(&link->held, datagram);
    }
}

static void on_dtls_data(void *ctx, dx_bytes data) {
    dx_rtc_link *link = ctx;
    if (link->sctp != NULL) { /* else its INIT comes again, once ours is out */
        dx_rtc_sctp_receive(link->sctp, data);
    }
}

static void hear_dtls(dx_rtc_link *link, dx_bytes datagram) {
    int error = dx_rtc_dtls_receive(link->dtls, datagram);
    if (error != DX_OK) {
        end(link, error, dx_rtc_dtls_reason(link->dtls));
        link->gone = link->closing;
    }
}

static void begin_dtls(dx_rtc_link *link) {
    static const dx_rtc_dtls_owner owner = {on_dtls_datagram, on_dtls_data};
    if (dx_rtc_dtls_begin(link->rtc->identity, link->client, link->fingerprint, &owner, link, &link->dtls) !=
        DX_OK) {
        end(link, DX_E_NO_MEMORY, "memory ran out");
        return;
    }
    int error = dx_rtc_dtls_start(link->dtls);
    if (error != DX_OK) {
        end(link, error, dx_rtc_dtls_reason(link->dtls));
    }
    dx_bytes datagram;
    for (size_t at = 0; (datagram = queue_next(&link->early, &at)).size > 0;) {
        hear_dtls(link, datagram);
    }
    queue_empty(&link->early);
}

static void release_held(dx_rtc_link *link) {
    dx_bytes datagram;
    for (size_t at = 0; link->held.count > 0 && (datagram = queue_next(&link->held, &at)).size > 0;) {
        dx_rtc_socket_send(link->out, &link->out_to, datagram);
    }
    if (link->held.count > 0) {
        queue_empty(&link->held);
    }
}

bool dx_rtc_link_receive(dx_rtc_link *link, dx_rtc_socket *socket, const dx_net_address *from,
                         dx_bytes bytes) {
    bool dtls = bytes.size > 0 && bytes.data[0] >= 20 && bytes.data[0] <= 63; /* RFC 7983 */
    if (link->ice == NULL || link->gone || !dx_ice_wants(link->ice, socket->number, from, bytes)) {
        return false;
    }
    dx_rtc_link_touch(link);
    link->rtc->busy = true;
    if (!dtls) {
        dx_ice_receive(link->ice, now_of(link), socket->number, from, bytes);
        drain_ice(link, NULL); /* many may come in one turn, and an answer should not wait */
    } else if (link->dtls != NULL) {
        dx_rtc_sctp_tick(now_of(link));
        hear_dtls(link, bytes);
    } else {
        queue_add(&link->early, bytes);
    }
    link->rtc->busy = false;
    return true;
}

/* --- SCTP ------------------------------------------------------------------------------------------------------------ */

static void on_sctp_packet(void *ctx, dx_bytes packet) {
    dx_rtc_link *link = ctx;
    if (link->dtls != NULL) {
        dx_rtc_dtls_send(link->dtls, packet);
    }
}

static void on_sctp_ready_soon(void *ctx) {
    dx_rtc_link_touch(ctx);
}

static void on_sctp_up(void *ctx) {
    dx_rtc_link *link = ctx;
    char address[DX_NET_ADDRESS_TEXT_MAX], text[DX_NET_ADDRESS_TEXT_MAX + 4];
    if (link->closing || link->reason != DX_OK || link->up) {
        return;
    }
    link->up = true;
    link->restarted_ms = now_of(link); /* a path is chosen soon, where one works */
    dx_net_address_print(&link->out_to, address);
    snprintf(text, sizeof text, "rtc:%s", address);
    tell(link, &(dx_event){.kind = DX_EVENT_LINK_UP, .body = dx_bytes_text(text)});
}

static void on_sctp_data(void *ctx, dx_bytes data) {
    dx_rtc_link *link = ctx;
    if (link->up && !link->closing && link->reason == DX_OK) {
        tell(link, &(dx_event){.kind = DX_EVENT_LINK_DATA, .body = data});
    }
}

static void push(dx_rtc_link *link) {
    size_t before = link->sent;
    while (link->up && link->sent < link->pending.size) {
        size_t size = link->pending.size - link->sent;
        size = size < link->message_max ? size : link->message_max;
        if (!dx_rtc_sctp_send(link->sctp, dx_bytes_of(link->pending.data + link->sent, size))) {
            break;
        }
        link->sent += size;
    }
    size_t size = link->sent - before;
    bool many = link->untold + size >= DX_RTC_UNTOLD_MAX && size > 0;
    link->untold += size;
    link->rtc->has_untold = link->rtc->has_untold || size > 0;
    if (link->sent == link->pending.size && link->sent > 0) {
        dx_buf_empty(&link->pending);
        link->sent = 0;
    } else if (link->sent >= COMPACT_SIZE && link->sent >= link->pending.size / 2) {
        dx_buf_consume(&link->pending, link->sent);
        link->sent = 0;
    }
    if (many && !link->closing) {
        tell(link, &(dx_event){.kind = DX_EVENT_CLOCK});
    }
}

static void on_sctp_writable(void *ctx) {
    dx_rtc_link_touch(ctx); /* the settling that called has the pushing before it */
}

static void on_sctp_closed(void *ctx) {
    end(ctx, DX_E_UNREACHABLE, "the peer closed the connection");
}

static void on_sctp_lost(void *ctx, const char *why) {
    dx_rtc_link *link = ctx;
    end(link, DX_E_UNREACHABLE, why);
    link->gone = link->closing;
}

static void begin_sctp(dx_rtc_link *link) {
    static const dx_rtc_sctp_owner owner = {on_sctp_packet,   on_sctp_ready_soon, on_sctp_up,  on_sctp_data,
                                            on_sctp_writable, on_sctp_closed,     on_sctp_lost};
    int error = dx_rtc_sctp_begin(&owner, link, &link->sctp);
    if (error != DX_OK) {
        end(link, error, dx_error_text(error));
    }
}

/* --- What follows ---------------------------------------------------------------------------------------------------------- */

/* An attempt is over: signal, path, encryption, channel, one of them did not come. */
static void end_late(dx_rtc_link *link) {
    if (link->described && link->ice != NULL && link->out == NULL) {
        end_pathless(link, DX_E_TIMEOUT);
        return;
    }
    end(link, DX_E_TIMEOUT,
        !link->described && link->offers ? "signal: the other side did not answer in time"
        : !link->described               ? "signal: the other side's offer did not come in time"
        : link->dtls == NULL || !dx_rtc_dtls_is_ready(link->dtls)
            ? "encryption: a path was found, but no keys were agreed on in time"
            : "channel: a path was found, but the data channel did not open in time");
}

/* Searches may follow each other for ever where nobody answers: a link has as long as an attempt to find another path. */
static uint64_t path_due_ms(const dx_rtc_link *link) {
    bool stands = link->up && link->reason == DX_OK && !link->closing;
    return stands && link->pathless_ms != 0 ? link->pathless_ms + link->rtc->options.attempt_ms
                                            : DX_NO_DEADLINE;
}

/* A path that fell silent, or was lost with its address: the offering side asks for a new search, at times. */
static void look_at_path(dx_rtc_link *link, uint64_t now_ms) {
    dx_ice_pair pair;
    if (!link->offers || !link->up || link->closing || now_ms < link->restarted_ms + DX_RTC_RESTART_MS) {
        return;
    }
    bool chosen = dx_ice_selected(link->ice, &pair);
    if (chosen && pair.heard_ms + DX_RTC_DOUBT_MS > now_ms) {
        return;
    }
    link->restarted_ms = now_ms;
    dx_ice_restart(link->ice, now_ms);
    describe(link);
}

void dx_rtc_link_move(dx_rtc_link *link) {
    if (!link->offers || link->closing || link->ice == NULL) {
        return;
    }
    const dx_rtc_socket *newest = link->own, *in_use = link->out;
    dx_rtc_sockets_match(link->rtc, &link->own, on_own_datagram, link, dx_rtc_link_add_socket,
                         dx_rtc_link_remove_socket);
    if ((link->own != newest || link->out != in_use) && link->up) {
        link->restarted_ms = now_of(link);
        dx_ice_restart(link->ice, link->restarted_ms);
        describe(link);
    }
    dx_rtc_link_touch(link);
}

static void work(dx_rtc_link *link, uint64_t now_ms) {
    if (link->offers && link->ice == NULL && link->reason == DX_OK && !link->closing && begin_ice(link)) {
        describe(link); /* not at once: the node may have named servers meanwhile */
    }
    if (link->wanted != 0 && now_ms >= link->lookup_ms) {
        end_names(link);
    }
    if (link->ice != NULL) {
        if (now_ms >= dx_ice_deadline(link->ice)) {
            dx_ice_tick(link->ice, now_ms);
        }
        drain_ice(link, NULL);
        look_at_path(link, now_ms);
        if (now_ms >= path_due_ms(link)) {
            end(link, DX_E_UNREACHABLE, "path: the one in use was lost, and no other was found in time");
        }
    }
    if (link->reason != DX_OK) {
        return;
    }
    if (link->dtls == NULL && link->described && (link->out != NULL || link->early.count > 0)) {
        begin_dtls(link);
    }
    if (link->dtls != NULL && dx_rtc_dtls_wait_ms(link->dtls) == 0) {
        int error = dx_rtc_dtls_tick(link->dtls);
        if (error != DX_OK) {
            end(link, error, dx_rtc_dtls_reason(link->dtls));
        }
    }
    if (link->out != NULL) {
        release_held(link);
    }
    if (link->reason == DX_OK && link->sctp == NULL && link->dtls != NULL &&
        dx_rtc_dtls_is_ready(link->dtls)) {
        begin_sctp(link);
    }
    if (link->sctp != NULL) {
        dx_rtc_sctp_step(link->sctp);
        push(link);
    }
}

/* The peer's end and ours are told once; what is left is to be polite. */
static void say_farewell(dx_rtc_link *link, uint64_t now_ms) {
    if (link->reason != DX_OK && !link->closing) {
        link->closing = true;
        link->linger_ms = now_ms + DX_RTC_FAREWELL_MS;
        link->gone = !link->up;
        dx_buf_empty(&link->pending);
        link->sent = 0;
        tell(link, &(dx_event){.kind = DX_EVENT_LINK_DOWN,
                               .reason = link->reason,
                               .body = dx_bytes_text(link->text)});
    }
    if (!link->closing) {
        return;
    }
    if (link->sctp == NULL || now_ms >= link->linger_ms) {
        link->gone = true;
        return;
    }
    if (link->sent == link->pending.size) {
        dx_rtc_sctp_close(link->sctp);
        link->gone = link->gone || dx_rtc_sctp_is_closed(link->sctp);
    }
}

static void on_timer(uv_timer_t *timer) {
    dx_rtc_link *link = timer->data;
    link->armed_ms = 0;
    dx_rtc_link_touch(link);
    dx_rtc_flush(link->rtc);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void arm(dx_rtc_link *link, uint64_t now_ms) {
    uint64_t due_ms = link->ice == NULL ? DX_NO_DEADLINE : dx_ice_deadline(link->ice);
    int64_t dtls_ms = link->dtls == NULL ? -1 : dx_rtc_dtls_wait_ms(link->dtls);
    due_ms = dtls_ms < 0 ? due_ms : earlier(due_ms, now_ms + (uint64_t)dtls_ms);
    due_ms = link->up ? due_ms : earlier(due_ms, link->opened_ms + link->rtc->options.attempt_ms);
    due_ms = link->up && link->offers ? earlier(due_ms, now_ms + LOOK_MS) : due_ms;
    due_ms = link->wanted != 0 ? earlier(due_ms, link->lookup_ms) : due_ms;
    due_ms = earlier(due_ms, path_due_ms(link));
    due_ms = link->closing ? earlier(due_ms, link->linger_ms) : due_ms;
    if (due_ms == DX_NO_DEADLINE) {
        uv_timer_stop(&link->timer);
        link->armed_ms = 0;
    } else if (link->armed_ms == 0 ||
               due_ms < link->armed_ms) { /* too early a look costs less than to set it anew */
        link->armed_ms = due_ms;
        uv_timer_start(&link->timer, on_timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
    }
}

void dx_rtc_link_settle(dx_rtc_link *link) {
    uint64_t now_ms = now_of(link);
    work(link, now_ms);
    if (!link->up && link->reason == DX_OK && now_ms >= link->opened_ms + link->rtc->options.attempt_ms) {
        end_late(link);
    }
    say_farewell(link, now_ms);
    if (link->gone) {
        dx_rtc_link_free(link);
    } else {
        arm(link, now_ms);
    }
}

/* --- Life ---------------------------------------------------------------------------------------------------------------- */

dx_rtc_link *dx_rtc_link_make(dx_rtc *rtc, uint64_t number, bool offers) {
    dx_rtc_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return NULL;
    }
    link->rtc = rtc;
    link->number = number;
    link->offers = offers;
    link->opened_ms = uv_now(rtc->options.loop);
    link->message_max = DX_RTC_SCTP_SEND_MAX;
    dx_host_random.fill(dx_host_random.ctx, (uint8_t *)&link->session, sizeof link->session);
    link->session >>= 2; /* o= wants it within 63 bits (RFC 8829 §5.2.1) */
    dx_buf_init(&link->pending, dx_host_alloc(), DX_RTC_PENDING_MAX);
    dx_buf_init(&link->early.bytes, dx_host_alloc(), QUEUE_SIZE_MAX);
    dx_buf_init(&link->held.bytes, dx_host_alloc(), QUEUE_SIZE_MAX);
    uv_timer_init(rtc->options.loop, &link->timer);
    link->timer.data = link;
    link->next = rtc->links;
    rtc->links = link;
    dx_rtc_link_touch(link);
    return link;
}

void dx_rtc_link_send(dx_rtc_link *link, dx_bytes bytes) {
    if (link->closing || link->reason != DX_OK) {
        return;
    }
    dx_buf_append(&link->pending, bytes.data, bytes.size);
    if (dx_buf_error(&link->pending) != DX_OK) {
        end(link, DX_E_UNREACHABLE, "too much waits to be sent");
    }
    dx_rtc_link_touch(link);
}

void dx_rtc_link_close(dx_rtc_link *link) {
    if (!link->closing) {
        link->gone = !link->up || link->reason != DX_OK;
        link->closing = true;
        link->linger_ms = now_of(link) + DX_RTC_LINGER_MS;
    }
    dx_rtc_link_touch(link);
}

static void on_timer_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void forget(dx_rtc *rtc, const dx_rtc_link *link) {
    for (dx_rtc_link **at = &rtc->links; *at != NULL; at = &(*at)->next) {
        if (*at == link) {
            *at = link->next;
            break;
        }
    }
    for (dx_rtc_link **at = &rtc->ready; *at != NULL; at = &(*at)->next_ready) {
        if (*at == link) {
            *at = link->next_ready;
            break;
        }
    }
    for (size_t i = 0; i < DX_RTC_ROUTES; i++) {
        if (rtc->routes[i].link == link) {
            rtc->routes[i].link = NULL;
        }
    }
}

void dx_rtc_link_free(dx_rtc_link *link) {
    dx_rtc_sctp_free(link->sctp);
    if (link->dtls != NULL) {
        dx_rtc_dtls_finish(link->dtls);
    }
    dx_rtc_dtls_free(link->dtls);
    dx_ice_destroy(link->ice);
    while (link->own != NULL) {
        dx_rtc_socket *socket = link->own;
        link->own = socket->next;
        dx_rtc_socket_close(socket);
    }
    dx_buf_deinit(&link->pending);
    dx_buf_deinit(&link->early.bytes);
    dx_buf_deinit(&link->held.bytes);
    forget(link->rtc, link);
    uv_close((uv_handle_t *)&link->timer, on_timer_closed);
}
