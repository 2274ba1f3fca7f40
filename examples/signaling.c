/* examples/signaling.c: a signaling service inside a program of one's own (dxos/signaling.h): where vaults meet that cannot dial each
 * other. The sockets are the program's; here a node in the same process is the only client, and the program carries its messages.
 *   cc signaling.c $(pkg-config --cflags --libs dxos) -o signaling && ./signaling my-vault */
#include <dxos/node.h>
#include <dxos/signaling.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES_MAX = 64, FRAME_SIZE_MAX = 1 << 16, TURNS_MAX = 2000, PORT = 1, SOCKET = 7 };

typedef struct world {
    dx_node *node;
    dx_signaling_service *service;
    uint64_t now_ms, deadline_ms, link, request;
    bool closed;
    struct {
        uint8_t bytes[FRAME_SIZE_MAX];
        size_t size;
        bool to_service;
    } frames[FRAMES_MAX]; /* under way, in order */
    size_t first, last;
} world;

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

static void fill(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    randombytes_buf(out, size);
}

static const dx_alloc heap = {NULL, resize};
static const dx_random chance = {NULL, fill};

static void carry(world *self, dx_bytes frame, bool to_service) {
    if (self->last - self->first < FRAMES_MAX && frame.size <= FRAME_SIZE_MAX) {
        size_t at = self->last++ % FRAMES_MAX;
        memcpy(self->frames[at].bytes, frame.data, frame.size);
        self->frames[at].size = frame.size;
        self->frames[at].to_service = to_service;
    }
}

/* The service's port: what it says to a connection, and that it ends one. */
static void send_frame(void *ctx, uint64_t number, dx_bytes frame) {
    (void)number;
    carry(ctx, frame, false);
}

static void close_socket(void *ctx, uint64_t number, int reason) {
    (void)number;
    printf("the service ends the connection: %s\n", dx_error_text(reason));
    ((world *)ctx)->closed = true;
}

static bool step(world *self, dx_event event) {
    dx_effects effects;
    event.time_ms = self->now_ms;
    event.wall_ms = UINT64_C(1700000000000) + self->now_ms;
    if (dx_node_step(self->node, &event, 1, &effects) != DX_OK) {
        return false;
    }
    self->deadline_ms = effects.deadline_ms;
    uint64_t dialled = 0;
    for (size_t i = 0; i < effects.count; i++) {
        const dx_effect *effect = &effects.items[i];
        dialled = effect->kind == DX_EFFECT_LINK_OPEN ? effect->link : dialled;
        if (effect->kind == DX_EFFECT_SIGNAL_SEND) {
            carry(self, effect->body, true);
        }
    }
    if (dialled != 0 && self->link == 0) { /* the only address it knows is ours */
        self->link = dialled;
        return dx_signaling_service_open(self->service, SOCKET, "127.0.0.1", self->now_ms) == DX_OK &&
               step(self, (dx_event){.kind = DX_EVENT_LINK_UP, .link = dialled});
    }
    return true;
}

static bool command(world *self, const char *json, const char *value) {
    dx_event event = {.kind = DX_EVENT_COMMAND, .port = PORT};
    uint8_t bytes[512];
    dx_buf body;
    dx_writer writer;
    dx_buf_init(&body, &heap, sizeof bytes);
    dx_writer_init(&writer, &body);
    memcpy(event.request, &self->request, sizeof self->request);
    self->request++;
    bool well = dx_json_format(&writer, json, value) == DX_OK;
    event.body = dx_buf_view(&body);
    well = well && step(self, event);
    dx_buf_deinit(&body);
    return well;
}

/* Frames one after another; when there are none, time goes on. */
static bool run_until_joined(world *self) {
    for (int turn = 0; turn < TURNS_MAX && dx_signaling_service_counts(self->service)->joins == 0; turn++) {
        bool well = true;
        if (self->first < self->last) {
            size_t at = self->first++ % FRAMES_MAX;
            dx_bytes frame = dx_bytes_of(self->frames[at].bytes, self->frames[at].size);
            if (self->frames[at].to_service) {
                dx_signaling_service_receive(self->service, SOCKET, frame, self->now_ms);
            } else {
                well = step(self, (dx_event){.kind = DX_EVENT_SIGNAL, .link = self->link, .body = frame});
            }
        } else {
            self->now_ms = self->deadline_ms != DX_NO_DEADLINE && self->deadline_ms > self->now_ms
                               ? self->deadline_ms
                               : self->now_ms + 1;
            well = step(self, (dx_event){.kind = DX_EVENT_CLOCK});
        }
        if (!well || self->closed) {
            return false;
        }
    }
    return dx_signaling_service_counts(self->service)->joins > 0;
}

static void print_counts(const world *self, const char *when) {
    const dx_service_counts *counts = dx_signaling_service_counts(self->service);
    printf("%s: %d connected, %d present\n", when, (int)counts->connections, (int)counts->joins);
}

static bool play(world *self) {
    if (!step(self, (dx_event){.kind = DX_EVENT_PORT_UP, .port = PORT}) ||
        !command(self, "{\"do\": \"halo.create\", \"name\": %s}", "Alice") ||
        !command(self, "{\"do\": \"space.create\", \"name\": %s}", "home") ||
        !command(self, "{\"do\": \"signal.add\", \"url\": %s}", "ws://meet.example/.well-known/dx/signal") ||
        !run_until_joined(self)) {
        return false;
    }
    print_counts(self, "a vault looks for its peers");
    /* A connection that breaks may come back for a while as if nothing had been; then its presence runs out. */
    dx_signaling_service_close(self->service, SOCKET, self->now_ms);
    print_counts(self, "its connection broke");
    for (int turn = 0; turn < TURNS_MAX && dx_signaling_service_counts(self->service)->joins > 0; turn++) {
        uint64_t next_ms = dx_signaling_service_tick(self->service, self->now_ms);
        self->now_ms = next_ms == DX_NO_DEADLINE ? self->now_ms
                       : next_ms > self->now_ms  ? next_ms
                                                 : self->now_ms + 1;
    }
    print_counts(self, "it did not come back");
    /* Who ends it in order is gone at once; here a stranger who has proven nothing. */
    if (dx_signaling_service_open(self->service, SOCKET + 1, "127.0.0.1", self->now_ms) != DX_OK) {
        return false;
    }
    dx_signaling_service_leave(self->service, SOCKET + 1, self->now_ms);
    return dx_signaling_service_counts(self->service)->connections == 0;
}

int main(int count, char **words) {
    static world self = {.deadline_ms = DX_NO_DEADLINE};
    char path[1024], message[256] = "";
    const dx_service_port port = {.ctx = &self, .send = send_frame, .close = close_socket};
    snprintf(path, sizeof path, "%s.db", count > 1 ? words[1] : "signaling");
    dx_node_config config = {.alloc = heap, .random = chance, .path = path, .create = true};
    randombytes_buf(config.vault_key, sizeof config.vault_key);
    int error = dx_signaling_service_create(&heap, &chance, &port, &dx_service_limits_usual,
                                            dx_bytes_of(NULL, 0), &self.service);
    error = error ? error : dx_node_open(&config, &self.node, message, sizeof message);
    bool well = error == DX_OK && play(&self);
    if (error != DX_OK) {
        fprintf(stderr, "%s: %s\n", dx_error_text(error), message);
    }
    dx_node_close(self.node);
    dx_signaling_service_destroy(self.service);
    remove(path);
    return well ? 0 : 1;
}
