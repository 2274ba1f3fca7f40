/* host/rtc_sctp.c: SCTP over DTLS. See rtc_sctp.h.
 *
 * Layer: floor 3, host. usrsctp knows an association by the "address" it sends to. That is a number looked up in a table
 * here, never a pointer: packets may still come out after an association was closed. */
#include "rtc_sctp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <usrsctp.h>

#include "rtc_dtls.h"

enum {
    PPID_DCEP = 50, /* RFC 8832 §8.1 */
    PPID_TEXT = 51,
    PPID_BINARY = 53,
    PPID_TEXT_PART = 52, /* two of before RFC 8831; no harm in taking them */
    PPID_BINARY_PART = 54,
    CHANNEL = 0,
    SLOTS_MAX = 1 << 16,
    CHECKSUM_AT = 8, /* in the common header (RFC 9260 §3.1) */
    HEADER_SIZE = 12,
    FINISH_MS = 20000, /* of usrsctp's time: what it may need to let go of the last association */
    READ_SIZE = 64 * 1024,
    PATH_MTU = (DX_RTC_DATAGRAM_MAX - DX_RTC_DTLS_OVERHEAD) / 4 * 4,
};

struct dx_rtc_sctp {
    dx_rtc_sctp_owner owner;
    void *ctx;
    struct socket *socket;
    uintptr_t handle; /* slot and generation */
    bool soon, up, lost, blocked, closing, closed_here, closed_there;
};

typedef struct slot {
    dx_rtc_sctp *sctp;
    uint32_t generation;
} slot;

/* usrsctp's globals want company: this is all the process-wide state of peer links. */
static struct {
    size_t holds, count, slot_count;
    slot *slots;
    uint64_t ticked_ms, moved_ms, now_ms;
    bool hardware_crc;
} engine;

/* --- Numbers for associations --------------------------------------------------------------------------- */

static dx_rtc_sctp *find(uintptr_t handle) {
    size_t at = handle % SLOTS_MAX;
    return at < engine.slot_count && engine.slots[at].generation == handle / SLOTS_MAX ? engine.slots[at].sctp
                                                                                       : NULL;
}

static bool take_slot(dx_rtc_sctp *sctp) {
    size_t at = 1; /* a handle of 0 would be no address */
    while (at < engine.slot_count && engine.slots[at].sctp != NULL) {
        at++;
    }
    if (at >= engine.slot_count) {
        size_t count = engine.slot_count == 0 ? 16 : engine.slot_count * 2;
        slot *slots = count > SLOTS_MAX ? NULL : realloc(engine.slots, count * sizeof *slots);
        if (slots == NULL) {
            return false;
        }
        memset(slots + engine.slot_count, 0, (count - engine.slot_count) * sizeof *slots);
        engine.slots = slots;
        engine.slot_count = count;
    }
    engine.slots[at].sctp = sctp;
    engine.slots[at].generation++;
    engine.count++;
    sctp->handle = at + (uintptr_t)engine.slots[at].generation * SLOTS_MAX;
    return true;
}

/* --- Checksums -------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t checksum_by_hardware(const uint8_t *data, size_t size) {
    uint64_t crc = UINT32_MAX, word;
    for (; size >= sizeof word; data += sizeof word, size -= sizeof word) {
        memcpy(&word, data, sizeof word);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    uint32_t rest = (uint32_t)crc;
    for (; size > 0; data++, size--) {
        rest = __builtin_ia32_crc32qi(rest, *data);
    }
    return ~rest;
}
#endif

static uint32_t checksum_in_place(uint8_t *data, size_t size) {
#if defined(__x86_64__)
    if (engine.hardware_crc) {
        return checksum_by_hardware(data, size);
    }
#endif
    return usrsctp_crc32c(data, size);
}

uint32_t dx_rtc_sctp_checksum(const uint8_t *data, size_t size) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        return checksum_by_hardware(data, size);
    }
#endif
    return usrsctp_crc32c((void *)(uintptr_t)data, size);
}

/* --- The engine ------------------------------------------------------------------------------------------- */

/* Heartbeats come and go on the calmest links, and are no reason for a faster clock. */
static void note_movement(const uint8_t *packet, size_t size) {
    enum { HEARTBEAT = 4, HEARTBEAT_ACK = 5 }; /* RFC 9260 §3.2, of the first chunk */
    if (size <= HEADER_SIZE || (packet[HEADER_SIZE] != HEARTBEAT && packet[HEADER_SIZE] != HEARTBEAT_ACK)) {
        engine.moved_ms = engine.now_ms;
    }
}

static int on_output(void *address, void *packet, size_t size, uint8_t tos, uint8_t df) {
    (void)tos;
    (void)df;
    dx_rtc_sctp *sctp = find((uintptr_t)address);
    if (sctp == NULL || size < HEADER_SIZE) {
        return 0;
    }
    uint8_t *bytes = packet; /* its checksum is left to us, and zero */
    uint32_t crc = checksum_in_place(bytes, size);
    for (size_t i = 0; i < sizeof crc; i++) {
        bytes[CHECKSUM_AT + i] = (uint8_t)(crc >> (8 * i));
    }
    note_movement(bytes, size);
    sctp->owner.on_packet(sctp->ctx, dx_bytes_of(bytes, size));
    return 0;
}

static void set_defaults(void) {
    usrsctp_enable_crc32c_offload(); /* DTLS has authenticated what arrives; see on_output for what leaves */
    usrsctp_sysctl_set_sctp_sendspace(DX_RTC_SCTP_BUFFER_SIZE);
    usrsctp_sysctl_set_sctp_recvspace(DX_RTC_SCTP_BUFFER_SIZE);
    usrsctp_sysctl_set_sctp_ecn_enable(0); /* these need IP, or nobody's */
    usrsctp_sysctl_set_sctp_asconf_enable(0);
    usrsctp_sysctl_set_sctp_auto_asconf(0);
    usrsctp_sysctl_set_sctp_auth_enable(0);
    usrsctp_sysctl_set_sctp_nr_outgoing_streams_default(DX_RTC_SCTP_STREAMS);
    usrsctp_sysctl_set_sctp_nr_incoming_streams_default(DX_RTC_SCTP_STREAMS);
    usrsctp_sysctl_set_sctp_rto_min_default(200);
    usrsctp_sysctl_set_sctp_rto_max_default(10000);
    usrsctp_sysctl_set_sctp_rto_initial_default(1000);
    usrsctp_sysctl_set_sctp_init_rto_max_default(10000);
    usrsctp_sysctl_set_sctp_delayed_sack_time_default(20);
    usrsctp_sysctl_set_sctp_heartbeat_interval_default(10000);
    usrsctp_sysctl_set_sctp_max_burst_default(10);
    usrsctp_sysctl_set_sctp_initial_cwnd(10);
    usrsctp_sysctl_set_sctp_max_chunks_on_queue(10 * 1024);
}

void dx_rtc_sctp_hold(void) {
    if (engine.holds++ == 0) {
#if defined(__x86_64__)
        engine.hardware_crc = __builtin_cpu_supports("sse4.2") != 0;
#endif
        usrsctp_init_nothreads(0, on_output, NULL);
        set_defaults();
    }
}

void dx_rtc_sctp_release(void) {
    DX_ASSERT(engine.holds > 0);
    if (--engine.holds > 0) {
        return;
    }
    for (int ms = 0; usrsctp_finish() != 0 && ms < FINISH_MS; ms += 100) {
        usrsctp_handle_timers(100);
    }
    free(engine.slots);
    memset(&engine, 0, sizeof engine);
}

void dx_rtc_sctp_tick(uint64_t now_ms) {
    uint64_t since_ms = engine.ticked_ms == 0 || now_ms < engine.ticked_ms ? 0 : now_ms - engine.ticked_ms;
    engine.now_ms = now_ms;
    if (engine.ticked_ms == 0 || since_ms >= DX_RTC_SCTP_TICK_MS / 2) {
        engine.ticked_ms = now_ms;
        usrsctp_handle_timers(since_ms < UINT32_MAX ? (uint32_t)since_ms : UINT32_MAX);
    }
}

int64_t dx_rtc_sctp_wait_ms(uint64_t now_ms) {
    if (engine.count == 0) {
        return -1;
    }
    return now_ms < engine.moved_ms + DX_RTC_SCTP_CALM_MS ? DX_RTC_SCTP_TICK_MS : DX_RTC_SCTP_CALM_TICK_MS;
}

/* --- Beginning and end --------------------------------------------------------------------------------------- */

static void on_upcall(struct socket *socket, void *handle, int flags) {
    (void)socket;
    (void)flags;
    dx_rtc_sctp *sctp = find((uintptr_t)handle);
    if (sctp != NULL && !sctp->soon) {
        sctp->soon = true;
        sctp->owner.on_ready_soon(sctp->ctx);
    }
}

static bool set_option(dx_rtc_sctp *sctp, int level, int name, const void *value, size_t size) {
    return usrsctp_setsockopt(sctp->socket, level, name, value, (socklen_t)size) == 0;
}

static bool set_options(dx_rtc_sctp *sctp) {
    static const uint16_t told[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT};
    const struct linger linger = {.l_onoff = 1, .l_linger = 0}; /* a close is an ABORT */
    const int on = 1, none = 0;
    const struct sctp_assoc_value reset = {.assoc_id = SCTP_ALL_ASSOC,
                                           .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ};
    const struct sctp_initmsg init = {.sinit_num_ostreams = DX_RTC_SCTP_STREAMS,
                                      .sinit_max_instreams = DX_RTC_SCTP_STREAMS};
    struct sctp_paddrparams path;
    memset(&path, 0, sizeof path);
    path.spp_flags = SPP_PMTUD_DISABLE;
    path.spp_pathmtu = PATH_MTU;
    bool set = usrsctp_set_non_blocking(sctp->socket, 1) == 0 &&
               set_option(sctp, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) &&
               set_option(sctp, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on) &&
               set_option(sctp, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on) &&
               set_option(sctp, IPPROTO_SCTP, SCTP_FRAGMENT_INTERLEAVE, &none, sizeof none) &&
               set_option(sctp, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &reset, sizeof reset) &&
               set_option(sctp, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init) &&
               set_option(sctp, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
    for (size_t i = 0; set && i < sizeof told / sizeof told[0]; i++) {
        const struct sctp_event event = {.se_assoc_id = SCTP_ALL_ASSOC, .se_type = told[i], .se_on = 1};
        set = set_option(sctp, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof event);
    }
    return set;
}

static bool connect_both(dx_rtc_sctp *sctp) {
    struct sockaddr_conn address;
    memset(&address, 0, sizeof address);
    address.sconn_family = AF_CONN;
    address.sconn_port = htons(DX_RTC_SCTP_PORT);
    address.sconn_addr = (void *)sctp->handle;
    return usrsctp_bind(sctp->socket, (struct sockaddr *)&address, sizeof address) == 0 &&
           (usrsctp_connect(sctp->socket, (struct sockaddr *)&address, sizeof address) == 0 ||
            errno == EINPROGRESS);
}

int dx_rtc_sctp_begin(const dx_rtc_sctp_owner *owner, void *ctx, dx_rtc_sctp **out) {
    DX_ASSERT(engine.holds > 0);
    *out = NULL;
    dx_rtc_sctp *sctp = calloc(1, sizeof *sctp);
    if (sctp == NULL || !take_slot(sctp)) {
        free(sctp);
        return DX_E_NO_MEMORY;
    }
    sctp->owner = *owner;
    sctp->ctx = ctx;
    usrsctp_register_address((void *)sctp->handle);
    sctp->socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    if (sctp->socket == NULL || !set_options(sctp)) {
        dx_rtc_sctp_free(sctp);
        return DX_E_IO;
    }
    usrsctp_set_upcall(sctp->socket, on_upcall, (void *)sctp->handle);
    if (!connect_both(sctp)) {
        dx_rtc_sctp_free(sctp);
        return DX_E_IO;
    }
    *out = sctp;
    return DX_OK;
}

void dx_rtc_sctp_free(dx_rtc_sctp *sctp) {
    if (sctp == NULL) {
        return;
    }
    if (sctp->socket != NULL) {
        usrsctp_set_upcall(sctp->socket, NULL, NULL);
        usrsctp_close(sctp->socket);
    }
    usrsctp_deregister_address((void *)sctp->handle);
    engine.slots[sctp->handle % SLOTS_MAX].sctp = NULL;
    engine.count--;
    free(sctp);
}

/* --- What arrives ---------------------------------------------------------------------------------------------- */

void dx_rtc_sctp_receive(dx_rtc_sctp *sctp, dx_bytes packet) {
    note_movement(packet.data, packet.size);
    usrsctp_conninput((void *)sctp->handle, packet.data, packet.size, 0);
}

static void lose(dx_rtc_sctp *sctp, const char *why) {
    if (!sctp->lost) {
        sctp->lost = true;
        sctp->owner.on_lost(sctp->ctx, why);
    }
}

/* Stops sending on a stream; the peer hears of it after what was sent on it. */
static bool reset_stream(dx_rtc_sctp *sctp, uint16_t stream) {
    union {
        struct sctp_reset_streams reset;
        uint8_t room[sizeof(struct sctp_reset_streams) + sizeof stream];
    } request;
    memset(&request, 0, sizeof request);
    request.reset.srs_flags = SCTP_STREAM_RESET_OUTGOING;
    request.reset.srs_number_streams = 1;
    memcpy(request.room + sizeof request.reset, &stream, sizeof stream);
    return set_option(sctp, IPPROTO_SCTP, SCTP_RESET_STREAMS, &request, sizeof request.room);
}

static void hear_association(dx_rtc_sctp *sctp, const struct sctp_assoc_change *change) {
    switch (change->sac_state) {
    case SCTP_COMM_UP:
        sctp->up = true;
        sctp->owner.on_up(sctp->ctx);
        break;
    case SCTP_COMM_LOST: /* with the peer's ABORT behind it, if there was one */
        lose(sctp, change->sac_length > sizeof *change ? "the peer ended the connection"
                                                       : "the peer stopped answering");
        break;
    case SCTP_CANT_STR_ASSOC:
        lose(sctp, "the peer did not open the data channel");
        break;
    case SCTP_SHUTDOWN_COMP:
        lose(sctp, "the peer closed the connection");
        break;
    default: /* SCTP_RESTART: the peer began anew beneath DTLS, which nobody does, and what was sent is lost */
        lose(sctp, "the peer began its side anew");
        break;
    }
}

static void hear_reset(dx_rtc_sctp *sctp, const struct sctp_stream_reset_event *event) {
    size_t count = (event->strreset_length - sizeof *event) / sizeof event->strreset_stream_list[0];
    bool ours = count == 0;
    for (size_t i = 0; i < count; i++) {
        ours = ours || event->strreset_stream_list[i] == CHANNEL;
    }
    if (ours && (event->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN) != 0 && !sctp->closed_there) {
        sctp->closed_there = true;
        sctp->owner.on_closed(sctp->ctx);
    }
    if (ours && (event->strreset_flags & SCTP_STREAM_RESET_OUTGOING_SSN) != 0) {
        sctp->closed_here = true;
    }
}

static void hear_notification(dx_rtc_sctp *sctp, const uint8_t *bytes, size_t size) {
    union sctp_notification notification;
    const struct sctp_tlv *head = (const struct sctp_tlv *)bytes;
    if (size < sizeof *head || head->sn_length > size) {
        return;
    }
    if (head->sn_type == SCTP_ASSOC_CHANGE && size >= sizeof notification.sn_assoc_change) {
        hear_association(sctp, (const struct sctp_assoc_change *)bytes);
    } else if (head->sn_type == SCTP_STREAM_RESET_EVENT && size >= sizeof notification.sn_strreset_event) {
        hear_reset(sctp, (const struct sctp_stream_reset_event *)bytes);
    }
}

static void hear_data(dx_rtc_sctp *sctp, const struct sctp_rcvinfo *info, dx_bytes data) {
    uint32_t kind = ntohl(info->rcv_ppid);
    if (info->rcv_sid != CHANNEL) {
        if (kind == PPID_DCEP && data.data[0] == 3) { /* DATA_CHANNEL_OPEN (RFC 8832 §5.1) */
            (void)reset_stream(sctp,
                               info->rcv_sid); /* while another such is under way the peer has to wait */
        }
        return;
    }
    if ((kind == PPID_TEXT || kind == PPID_BINARY || kind == PPID_TEXT_PART || kind == PPID_BINARY_PART) &&
        !sctp->closed_there) {
        sctp->owner.on_data(sctp->ctx, data);
    }
}

static void read_all(dx_rtc_sctp *sctp) {
    static union {
        uint8_t bytes[READ_SIZE];
        union sctp_notification aligned;
    } room; /* one thread, and the owner takes it at once */
    while (!sctp->lost) {
        struct sctp_rcvinfo info;
        struct sockaddr_conn from;
        socklen_t from_size = sizeof from, info_size = sizeof info;
        unsigned info_type = SCTP_RECVV_NOINFO;
        int flags = 0;
        memset(&info, 0, sizeof info);
        ssize_t size = usrsctp_recvv(sctp->socket, room.bytes, sizeof room.bytes, (struct sockaddr *)&from,
                                     &from_size, &info, &info_size, &info_type, &flags);
        if (size < 0 && errno != EWOULDBLOCK && errno != EAGAIN) {
            lose(sctp, "the peer ended the connection");
        }
        if (size <= 0) {
            return;
        }
        if ((flags & MSG_NOTIFICATION) != 0) {
            hear_notification(sctp, room.bytes, (size_t)size);
        } else if (info_type == SCTP_RECVV_RCVINFO) {
            hear_data(sctp, &info, dx_bytes_of(room.bytes, (size_t)size));
        }
    }
}

void dx_rtc_sctp_step(dx_rtc_sctp *sctp) {
    bool woken = sctp->soon;
    sctp->soon = false;
    read_all(sctp);
    if (woken && sctp->blocked && !sctp->lost && (usrsctp_get_events(sctp->socket) & SCTP_EVENT_WRITE) != 0) {
        sctp->blocked = false;
        sctp->owner.on_writable(sctp->ctx);
    }
}

/* --- What leaves -------------------------------------------------------------------------------------------------- */

bool dx_rtc_sctp_send(dx_rtc_sctp *sctp, dx_bytes message) {
    struct sctp_sndinfo info;
    if (!sctp->up || sctp->lost || sctp->closing) {
        return false;
    }
    memset(&info, 0, sizeof info);
    info.snd_sid = CHANNEL;
    info.snd_ppid = htonl(PPID_BINARY);
    ssize_t taken = usrsctp_sendv(sctp->socket, message.data, message.size, NULL, 0, &info, sizeof info,
                                  SCTP_SENDV_SNDINFO, 0);
    sctp->blocked = taken < 0; /* any other error than "not now" is told by the association's end */
    return taken >= 0;
}

void dx_rtc_sctp_close(dx_rtc_sctp *sctp) {
    if (sctp->up && !sctp->lost && !sctp->closing) {
        sctp->closing = true;
        sctp->closed_here = !reset_stream(sctp, CHANNEL);
    }
}

bool dx_rtc_sctp_is_closed(const dx_rtc_sctp *sctp) {
    return !sctp->up || sctp->lost || sctp->closed_here;
}
