/* fuzz_signaling.c: a signaling service, a client of it and three who speak as the input says: they prove themselves or
 * not, join, leave, send, send bytes of any kind, come and go; frames between the client and the service may be lost,
 * changed, repeated, swapped for what the input holds.
 *
 * Checks: frames the machines say are of the format and of kinds their side may say; nobody hears anything but HELLO before
 * the proof; a message comes from who is in the topic; what the client hears of a peer is balanced; deadlines are never
 * past; memory is bounded and given back. */
#include "fuzz.h"
#include "kube/signaling_service.h"
#include "mesh/peer_signal.h"
#include "mesh/signaling.h"

enum {
    SPEAKERS = 4, /* 0 is the client */
    OPERATIONS_MAX = 400,
    FRAMES_MAX = 64,
    SOCKETS_MAX = OPERATIONS_MAX + SPEAKERS,
    MEMORY_MAX = 4 << 20
};

typedef struct frame {
    size_t size;
    uint8_t bytes[DX_SIGNALING_FRAME_MAX];
} frame;

typedef struct speaker {
    uint64_t socket; /* 0: none */
    bool proven;
    uint8_t nonce[DX_SIGNALING_NONCE_SIZE];
} speaker;

static speaker speakers[SPEAKERS];
static frame waiting[2][FRAMES_MAX]; /* to the service, to the client */
static size_t waiting_count[2];
static dx_signaling_service *service;
static dx_signaling *client;
static uint64_t client_link, next_link, next_socket, now_ms, wall_ms;
static size_t live_bytes, peers_here;
static uint8_t random_state;

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    live_bytes += new_size - old_size;
    FUZZ_CHECK(live_bytes <= MEMORY_MAX);
    return fuzz_resize(ctx, old, old_size, new_size);
}

static const dx_alloc counted = {NULL, resize};

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    for (size_t i = 0; i < size; i++) {
        out[i] = random_state = (uint8_t)(random_state * 5 + 17);
    }
}

static const dx_random numbers = {NULL, fill_random};
static const char url[] = "ws://kube.localhost/signal";
static const uint8_t secret[DX_KEY_SIZE] = {7};

static void keep(size_t to_client, dx_bytes bytes) {
    FUZZ_CHECK(bytes.size <= DX_SIGNALING_FRAME_MAX);
    if (waiting_count[to_client] < FRAMES_MAX) {
        frame *kept = &waiting[to_client][waiting_count[to_client]++];
        kept->size = bytes.size;
        memcpy(kept->bytes, bytes.data, bytes.size);
    }
}

/* --- The service's side -------------------------------------------------------------------------------- */

static speaker *speaker_at(uint64_t socket) {
    for (size_t i = 0; i < SPEAKERS; i++) {
        if (speakers[i].socket == socket) {
            return &speakers[i];
        }
    }
    return NULL;
}

static void service_send(void *ctx, uint64_t socket, dx_bytes bytes) {
    dx_signaling_message message;
    speaker *to = speaker_at(socket);
    (void)ctx;
    FUZZ_CHECK(to != NULL && dx_signaling_decode(bytes, &message) == DX_OK);
    FUZZ_CHECK(message.kind != DX_SIGNALING_PROVE && message.kind != DX_SIGNALING_JOIN &&
               message.kind != DX_SIGNALING_LEAVE && message.kind != DX_SIGNALING_SEND);
    if (message.kind == DX_SIGNALING_HELLO) {
        memcpy(to->nonce, message.nonce, sizeof to->nonce);
    } else {
        to->proven = to->proven || message.kind == DX_SIGNALING_WELCOME;
        FUZZ_CHECK(to->proven);
    }
    if (to == &speakers[0]) {
        keep(1, bytes);
    }
}

static void drop_client(int reason) {
    waiting_count[0] = waiting_count[1] = 0;
    if (client_link != 0) {
        client_link = 0;
        dx_signaling_down(client, reason, now_ms);
    }
}

static void service_close(void *ctx, uint64_t socket, int reason) {
    speaker *gone = speaker_at(socket);
    (void)ctx;
    FUZZ_CHECK(gone != NULL);
    gone->socket = 0;
    if (gone == &speakers[0]) {
        drop_client(reason);
    }
}

static void open_socket(speaker *self) {
    static const char *const addresses[] = {"192.0.2.1", "2001:db8::1", "192.0.2.3"};
    self->proven = false;
    self->socket = ++next_socket;
    if (dx_signaling_service_open(service, self->socket, addresses[next_socket % 3], now_ms) != DX_OK) {
        self->socket = 0;
    }
}

static void close_socket(speaker *self) {
    uint64_t socket = self->socket;
    self->socket = 0;
    dx_signaling_service_close(service, socket, now_ms);
    if (self == &speakers[0]) {
        drop_client(DX_E_UNREACHABLE);
    }
}

/* --- The client's side ---------------------------------------------------------------------------------- */

static uint64_t client_open(void *ctx, dx_bytes address) {
    (void)ctx;
    FUZZ_CHECK(dx_bytes_equal(address, dx_bytes_text(url)) && client_link == 0);
    return client_link = next_link += 2;
}

static void client_send(void *ctx, uint64_t link, dx_bytes bytes) {
    dx_signaling_message message;
    (void)ctx;
    FUZZ_CHECK(link == client_link && dx_signaling_decode(bytes, &message) == DX_OK);
    FUZZ_CHECK(message.kind == DX_SIGNALING_PROVE || message.kind == DX_SIGNALING_JOIN ||
               message.kind == DX_SIGNALING_LEAVE || message.kind == DX_SIGNALING_SEND ||
               message.kind >= DX_SIGNALING_PING);
    keep(0, bytes);
}

static void client_close(void *ctx, uint64_t link, int reason) {
    (void)ctx;
    (void)reason;
    FUZZ_CHECK(link == client_link);
    client_link = 0;
    waiting_count[0] = waiting_count[1] = 0;
    if (speakers[0].socket != 0) {
        uint64_t socket = speakers[0].socket;
        speakers[0].socket = 0;
        dx_signaling_service_close(service, socket, now_ms);
    }
}

static int on_present(void *ctx, dx_signaling *from, const dx_signaling_place *place) {
    const dx_signaling_signal signal = {.session = {1}, .signal = dx_bytes_text("offer")};
    (void)ctx;
    FUZZ_CHECK(++peers_here <= 2 * DX_SIGNALING_PEERS_MAX && place->topic == 1);
    return dx_signaling_send(from, place, &signal);
}

static void on_left(void *ctx, dx_signaling *from, const dx_signaling_place *place) {
    (void)ctx;
    (void)from;
    (void)place;
    FUZZ_CHECK(peers_here-- > 0);
}

static int on_signal(void *ctx, dx_signaling *from, const dx_signaling_place *place,
                     const dx_signaling_signal *signal) {
    (void)ctx;
    (void)from;
    FUZZ_CHECK(place->topic == 1 && signal->signal.size <= DX_SIGNAL_SIZE_MAX);
    return DX_OK;
}

static void tick(void) {
    uint64_t deadline_ms = DX_NO_DEADLINE;
    FUZZ_CHECK(dx_signaling_service_tick(service, now_ms) > now_ms);
    dx_signaling_tick(client, now_ms, wall_ms, 0, &deadline_ms);
    FUZZ_CHECK(deadline_ms > now_ms);
    if (dx_signaling_state_of(client) == DX_SIGNALING_DIALLED && speakers[0].socket == 0) {
        dx_signaling_up(client, now_ms);
        open_socket(&speakers[0]);
        if (speakers[0].socket == 0) {
            drop_client(DX_E_LIMIT);
        }
    }
}

/* The oldest frame one way; the input may change, lose or repeat it. */
static void pass_frame(size_t to_client, fuzz_input *input) {
    static frame one;
    uint8_t fate = fuzz_byte(input);
    if (waiting_count[to_client] == 0 || speakers[0].socket == 0 || client_link == 0) {
        return;
    }
    one = waiting[to_client][0];
    if (fate % 8 != 7) { /* otherwise it comes once more */
        memmove(&waiting[to_client][0], &waiting[to_client][1],
                --waiting_count[to_client] * sizeof waiting[0][0]);
    }
    if (fate % 8 == 6) {
        return;
    }
    if (fate % 8 == 5 && one.size > 0) {
        one.bytes[fuzz_byte(input) % one.size] ^= (uint8_t)(1u << fate / 32);
    }
    dx_bytes bytes = dx_bytes_of(one.bytes, one.size);
    if (to_client) {
        FUZZ_CHECK(dx_signaling_receive(client, bytes, now_ms) == DX_OK);
    } else {
        dx_signaling_service_receive(service, speakers[0].socket, bytes, now_ms);
    }
}

/* --- Speakers -------------------------------------------------------------------------------------------- */

static void prove(speaker *self, uint8_t device) {
    const uint8_t seed[DX_KEY_SIZE] = {(uint8_t)(device % 3)};
    dx_signaling_message message = {.kind = DX_SIGNALING_PROVE, .name = dx_bytes_text("x")};
    uint8_t room[256];
    dx_buf out;
    dx_sign_key key;
    dx_signaling_key(seed, message.name, &key);
    memcpy(message.key, key.public_key, sizeof message.key);
    dx_signaling_prove(&key, message.name, self->nonce, message.signature);
    dx_buf_init(&out, &fuzz_alloc, sizeof room);
    FUZZ_CHECK(dx_signaling_encode(&message, &out) == DX_OK);
    dx_signaling_service_receive(service, self->socket, dx_buf_view(&out), now_ms);
    dx_buf_deinit(&out);
}

static void speak(speaker *self, fuzz_input *input) {
    dx_signaling_message message = {.ttl_ms = 1000u * fuzz_byte(input), .code = DX_E_LIMIT};
    static const dx_signaling_kind words[] = {DX_SIGNALING_JOIN, DX_SIGNALING_JOIN, DX_SIGNALING_LEAVE,
                                              DX_SIGNALING_SEND, DX_SIGNALING_SEND, DX_SIGNALING_PRESENT,
                                              DX_SIGNALING_PING};
    message.kind = words[fuzz_byte(input) % (sizeof words / sizeof words[0])];
    dx_signaling_tag(secret, wall_ms / 86400000, message.topic);
    message.topic[0] ^= fuzz_byte(input) % 4;
    message.peer[0] = fuzz_byte(input) % 8;
    message.body = fuzz_bytes(input, fuzz_byte(input));
    dx_buf out;
    dx_buf_init(&out, &fuzz_alloc, DX_SIGNALING_FRAME_MAX);
    FUZZ_CHECK(dx_signaling_encode(&message, &out) == DX_OK);
    dx_signaling_service_receive(service, self->socket, dx_buf_view(&out), now_ms);
    dx_buf_deinit(&out);
}

static void operate(fuzz_input *input) {
    uint8_t word = fuzz_byte(input);
    speaker *self = &speakers[1 + word / 16 % (SPEAKERS - 1)];
    switch (word % 16) {
    case 0:
    case 1:
    case 2:
        pass_frame(0, input);
        return;
    case 3:
    case 4:
    case 5:
        pass_frame(1, input);
        return;
    case 6:
        now_ms += (uint64_t)fuzz_byte(input) * 100;
        wall_ms += (uint64_t)fuzz_byte(input) * 1000;
        tick();
        return;
    case 7:
        wall_ms += (uint64_t)fuzz_byte(input) * 3600000;
        tick();
        return;
    case 8:
        if (client_link != 0 && speakers[0].socket != 0) {
            FUZZ_CHECK(dx_signaling_receive(client, fuzz_bytes(input, fuzz_byte(input)), now_ms) == DX_OK);
        }
        return;
    case 9:
        if (word >= 192 && speakers[0].socket != 0) {
            close_socket(&speakers[0]);
        }
        return;
    default:
        break;
    }
    if (self->socket == 0) {
        open_socket(self);
    } else if (word % 16 == 10) {
        close_socket(self);
    } else if (word % 16 == 11) {
        dx_signaling_service_receive(service, self->socket, fuzz_bytes(input, fuzz_byte(input)), now_ms);
    } else if (!self->proven) {
        prove(self, fuzz_byte(input));
    } else {
        speak(self, input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t device[DX_KEY_SIZE] = {1};
    fuzz_input input = {data, size};
    const dx_service_port service_port = {.send = service_send, .close = service_close};
    const dx_signaling_port client_port = {.open = client_open,
                                           .send = client_send,
                                           .close = client_close,
                                           .on_present = on_present,
                                           .on_signal = on_signal,
                                           .on_left = on_left};
    dx_peer_signal signal;
    FUZZ_CHECK(dx_peer_signal_read(dx_bytes_of(data, size), &signal) == DX_OK || size > 0 ||
               signal.text.size == 0);
    memset(speakers, 0, sizeof speakers);
    waiting_count[0] = waiting_count[1] = 0;
    client_link = next_link = next_socket = 0;
    peers_here = 0;
    random_state = 1;
    now_ms = 1000;
    wall_ms = UINT64_C(20000) * 86400000;
    FUZZ_CHECK(dx_signaling_service_create(&counted, &numbers, &service_port, &dx_service_limits_usual,
                                           dx_bytes_of(NULL, 0), &service) == DX_OK);
    FUZZ_CHECK(dx_signaling_create(&counted, &numbers, NULL, &client_port, dx_bytes_text(url), device,
                                   &client) == DX_OK);
    FUZZ_CHECK(dx_signaling_add_topic(client, 1, secret) == DX_OK);
    tick();
    for (int i = 0; i < OPERATIONS_MAX && input.left > 0; i++) {
        operate(&input);
    }
    const dx_service_counts *counts = dx_signaling_service_counts(service);
    FUZZ_CHECK(counts->strangers <= counts->connections && counts->topics <= counts->joins);
    dx_signaling_destroy(client);
    for (size_t i = 1; i < SPEAKERS; i++) {
        if (speakers[i].socket != 0) {
            close_socket(&speakers[i]);
        }
    }
    now_ms += 1000000;
    (void)dx_signaling_service_tick(service, now_ms);
    FUZZ_CHECK(counts->connections == 0 && counts->joins == 0 && counts->topics == 0);
    FUZZ_CHECK(dx_signaling_service_tick(service, now_ms + DX_SERVICE_SWEEP_MS) == DX_NO_DEADLINE);
    dx_signaling_service_destroy(service);
    FUZZ_CHECK(live_bytes == 0);
    return 0;
}
