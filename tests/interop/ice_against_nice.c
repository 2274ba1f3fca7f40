/* tests/interop/ice_against_nice.c: our ICE agent against libnice's, over real sockets on loopback: both roles, a
 * conflict of roles, nomination of both kinds, IPv6, trickled candidates, a restart; then data both ways.
 *
 * Skipped where libnice is not installed (meson.build). TAP on stdout; exit status 1 when a row failed. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <agent.h>
#include <dxos/host.h>

#include "net/ice.h"
#include "net/stun.h"

enum { LIMIT_MS = 8000, SOCKET = 1 };

typedef struct row {
    const char *name, *host;
    bool controlling, nice_controlling, regular, trickle, restart;
} row;

static const row rows[] = {
    {"ours offers", "127.0.0.1", true, false, true, false, false},
    {"ours answers", "127.0.0.1", false, true, true, false, false},
    {"ours answers to aggressive nomination", "127.0.0.1", false, true, false, false, false},
    {"both want control", "127.0.0.1", true, true, true, false, false},
    {"none wants control", "127.0.0.1", false, false, true, false, false},
    {"IPv6", "::1", true, false, true, false, false},
    {"libnice learns our address from checks", "127.0.0.1", true, false, true, true, false},
    {"a restart, ours offers", "127.0.0.1", true, false, true, false, true},
    {"a restart, ours answers", "127.0.0.1", false, true, true, false, true},
};

typedef struct meeting {
    const row *row;
    dx_ice *ice;
    int fd;
    NiceAgent *nice;
    GMainContext *context;
    guint stream;
    bool gathered;
    unsigned data_here, data_there, selected;
    char line[DX_CANDIDATE_TEXT_MAX + 2];
} meeting;

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    if (getrandom(out, size, 0) != (ssize_t)size) {
        abort();
    }
}

static const dx_random randomness = {NULL, fill_random};

/* --- Our sockets --------------------------------------------------------------------------------------------------- */

static socklen_t to_system(const dx_net_address *address, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (address->family == DX_NET_IPV4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(address->port);
        memcpy(&in->sin_addr, address->bytes, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(address->port);
    memcpy(&in6->sin6_addr, address->bytes, 16);
    return sizeof *in6;
}

static dx_net_address from_system(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        return dx_net_ipv4((const uint8_t *)&in->sin_addr, ntohs(in->sin_port));
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    return dx_net_ipv6((const uint8_t *)&in6->sin6_addr, ntohs(in6->sin6_port));
}

static void send_to(const meeting *m, const dx_net_address *to, const void *data, size_t size) {
    struct sockaddr_storage address;
    socklen_t address_size = to_system(to, &address);
    (void)!sendto(m->fd, data, size, 0, (struct sockaddr *)&address, address_size);
}

static bool open_socket(meeting *m, dx_net_address *local) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (dx_net_host_parse(dx_bytes_text(m->row->host), 0, local) != DX_OK) {
        return false;
    }
    m->fd = socket(local->family == DX_NET_IPV4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    socklen_t bound_size = to_system(local, &address);
    if (m->fd < 0 || bind(m->fd, (struct sockaddr *)&address, bound_size) != 0 ||
        getsockname(m->fd, (struct sockaddr *)&address, &size) != 0) {
        return false;
    }
    *local = from_system(&address);
    return true;
}

/* --- Signaling ------------------------------------------------------------------------------------------------------- */

static void tell_nice_line(meeting *m, dx_bytes line) {
    if (line.size == 0 || m->row->trickle) { /* then it hears nothing of us but our checks */
        return;
    }
    snprintf(m->line, sizeof m->line, "a=%.*s", (int)line.size, (const char *)line.data);
    NiceCandidate *candidate = nice_agent_parse_remote_candidate_sdp(m->nice, m->stream, m->line);
    if (candidate) {
        GSList *list = g_slist_prepend(NULL, candidate);
        nice_agent_set_remote_candidates(m->nice, m->stream, 1, list);
        g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
    } else {
        printf("# libnice does not read %s\n", m->line);
    }
}

static void look(meeting *m) {
    dx_ice_output output;
    while (dx_ice_next(m->ice, &output)) {
        switch (output.kind) {
        case DX_ICE_OUTPUT_DATAGRAM:
            send_to(m, &output.to, output.bytes.data, output.bytes.size);
            break;
        case DX_ICE_OUTPUT_CANDIDATE:
            tell_nice_line(m, output.line);
            break;
        case DX_ICE_OUTPUT_SELECTED:
            m->selected++;
            break;
        case DX_ICE_OUTPUT_FAILED:
            printf("# ours failed: %s\n", dx_ice_reason_text(output.reason));
            break;
        }
    }
}

static bool exchange(meeting *m) {
    gchar *ufrag = NULL, *password = NULL;
    bool well =
        nice_agent_get_local_credentials(m->nice, m->stream, &ufrag, &password) &&
        nice_agent_set_remote_credentials(m->nice, m->stream, dx_ice_ufrag(m->ice), dx_ice_password(m->ice));
    dx_ice_remote remote = {dx_bytes_text(ufrag), dx_bytes_text(password), false, 0, m->row->controlling};
    well = well && dx_ice_set_remote(m->ice, now_ms(), &remote) == DX_OK;
    GSList *candidates = nice_agent_get_local_candidates(m->nice, m->stream, 1);
    for (GSList *at = candidates; well && at; at = at->next) {
        gchar *line = nice_agent_generate_local_candidate_sdp(m->nice, at->data);
        well = dx_ice_add_remote(m->ice, now_ms(), dx_bytes_text(line)) == DX_OK;
        g_free(line);
    }
    g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
    g_free(ufrag);
    g_free(password);
    look(m);
    return well;
}

/* --- The loop ---------------------------------------------------------------------------------------------------------- */

static void on_gathered(NiceAgent *agent, guint stream, gpointer ctx) {
    (void)agent;
    (void)stream;
    ((meeting *)ctx)->gathered = true;
}

static void on_data(NiceAgent *agent, guint stream, guint component, guint size, gchar *data, gpointer ctx) {
    (void)agent;
    (void)stream;
    (void)component;
    ((meeting *)ctx)->data_there += size == 4 && memcmp(data, "\x16our", 4) == 0;
}

static void receive(meeting *m) {
    uint8_t bytes[2048];
    struct sockaddr_storage address;
    socklen_t address_size = sizeof address;
    ssize_t size;
    while ((size = recvfrom(m->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&address, &address_size)) >=
           0) {
        dx_net_address from = from_system(&address);
        dx_bytes datagram = {bytes, (size_t)size};
        if (dx_stun_is(datagram)) {
            dx_ice_receive(m->ice, now_ms(), SOCKET, &from, datagram);
            look(m);
        } else if (dx_ice_wants(m->ice, SOCKET, &from, datagram)) {
            m->data_here += size == 5 && memcmp(bytes, "\x16nice", 5) == 0;
        }
        address_size = sizeof address;
    }
}

static void turn(meeting *m) {
    struct pollfd wait = {m->fd, POLLIN, 0};
    (void)!poll(&wait, 1, 2);
    receive(m);
    while (g_main_context_iteration(m->context, FALSE)) {
    }
    if (dx_ice_deadline(m->ice) <= now_ms()) {
        dx_ice_tick(m->ice, now_ms());
        look(m);
    }
}

static bool nice_is_ready(const meeting *m) {
    return nice_agent_get_component_state(m->nice, m->stream, 1) == NICE_COMPONENT_STATE_READY;
}

static bool wait_until_connected(meeting *m, unsigned selected) {
    uint64_t until_ms = now_ms() + LIMIT_MS;
    while (now_ms() < until_ms && !(m->selected >= selected && nice_is_ready(m))) {
        turn(m);
    }
    return m->selected >= selected && nice_is_ready(m);
}

static bool data_passes(meeting *m) {
    uint32_t socket = 0;
    dx_net_address to;
    uint64_t until_ms = now_ms() + LIMIT_MS;
    m->data_here = m->data_there = 0;
    while (now_ms() < until_ms && (m->data_here == 0 || m->data_there == 0)) {
        if (dx_ice_path(m->ice, &socket, &to)) {
            send_to(m, &to, "\x16our", 4);
        }
        (void)nice_agent_send(m->nice, m->stream, 1, 5, "\x16nice");
        turn(m);
    }
    return m->data_here > 0 && m->data_there > 0;
}

/* --- A row --------------------------------------------------------------------------------------------------------------- */

static void open_nice(meeting *m) {
    NiceAddress address;
    m->context = g_main_context_new();
    m->nice = nice_agent_new_full(m->context, NICE_COMPATIBILITY_RFC5245,
                                  (m->row->regular ? NICE_AGENT_OPTION_REGULAR_NOMINATION : 0) |
                                      NICE_AGENT_OPTION_ICE_TRICKLE | NICE_AGENT_OPTION_CONSENT_FRESHNESS);
    g_object_set(m->nice, "controlling-mode", m->row->nice_controlling, "upnp", FALSE, "ice-tcp", FALSE,
                 NULL);
    nice_address_init(&address);
    nice_address_set_from_string(&address, m->row->host);
    nice_agent_add_local_address(m->nice, &address);
    m->stream = nice_agent_add_stream(m->nice, 1);
    g_signal_connect(m->nice, "candidate-gathering-done", G_CALLBACK(on_gathered), m);
    nice_agent_attach_recv(m->nice, m->stream, 1, m->context, on_data, m);
    nice_agent_gather_candidates(m->nice, m->stream);
    for (uint64_t until_ms = now_ms() + LIMIT_MS; !m->gathered && now_ms() < until_ms;) {
        g_main_context_iteration(m->context, FALSE);
    }
}

static const char *meet(meeting *m) {
    dx_net_address local;
    dx_ice_options options = {
        .alloc = dx_host_alloc(), .random = &randomness, .controlling = m->row->controlling};
    if (!open_socket(m, &local) || dx_ice_create(&options, &m->ice) != DX_OK ||
        dx_ice_add_local(m->ice, now_ms(), SOCKET, &local) != DX_OK) {
        return "no socket";
    }
    dx_ice_end_local(m->ice, now_ms());
    if (!exchange(m) || !wait_until_connected(m, 1)) {
        return "not connected";
    }
    if (!data_passes(m)) {
        return "no data";
    }
    if (m->row->restart) {
        nice_agent_restart(m->nice);
        dx_ice_restart(m->ice, now_ms());
        if (!exchange(m) || !wait_until_connected(m, 2) || !data_passes(m)) {
            return "no restart";
        }
    }
    return NULL;
}

static bool run(const row *wanted, size_t number) {
    meeting m = {.row = wanted, .fd = -1};
    uint64_t began_ms = now_ms();
    open_nice(&m);
    const char *problem = m.gathered ? meet(&m) : "libnice does not gather";
    printf("%s %zu - %s%s%s (%d ms)\n", problem ? "not ok" : "ok", number, wanted->name, problem ? ": " : "",
           problem ? problem : "", (int)(now_ms() - began_ms));
    g_object_unref(m.nice);
    g_main_context_unref(m.context);
    dx_ice_destroy(m.ice);
    if (m.fd >= 0) {
        close(m.fd);
    }
    return problem == NULL;
}

int main(void) {
    size_t count = sizeof rows / sizeof *rows;
    bool well = true;
    for (size_t i = 0; i < count; i++) {
        well &= run(&rows[i], i + 1);
    }
    printf("1..%zu\n", count);
    return well ? 0 : 1;
}
