/* examples/driver.c: two nodes without an operating system under them: this program is their network, their clock and their chance. What
 * goes between them, and what they want of the world, passes in its canonical bytes, as it would through a pipe or into a journal.
 *   cc driver.c $(pkg-config --cflags --libs dxos) -o driver && ./driver my-vault */
#include <dxos/codec.h>
#include <dxos/node.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ITEM_MAX = 4 << 20,
    QUEUE_MAX = 64 << 20,
    LINKS_MAX = 16,
    TURNS_MAX = 20000,
    TEXT_MAX = 4096,
    PORT = 1
};

typedef struct vault {
    dx_node_config config;
    dx_node *node;
    dx_buf inbox; /* encoded events, one behind the other */
    uint64_t deadline_ms;
    uint64_t requests, awaited; /* how many there were; the one whose reply is waited for */
    char path[1024], url[TEXT_MAX], pin[32], said[TEXT_MAX], space[65]; /* what it told its program */
    bool wants_pin;
} vault;

typedef struct world {
    vault vaults[2];
    uint64_t now_ms;
    struct {
        uint64_t numbers[2]; /* of one link, at each end */
    } links[LINKS_MAX];
    size_t link_count;
} world;

/* Assertions are for bugs of the library's own, and stop at once; who can print says which one. */
void dx_assert_failed(const char *expression, const char *file, int line) {
    fprintf(stderr, "%s:%d: %s\n", file, line, expression);
    abort();
}

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

/* --- What happens to a node ------------------------------------------------------------------------------ */

static bool post(world *self, vault *to, dx_event event) {
    event.time_ms = self->now_ms;
    event.wall_ms = UINT64_C(1700000000000) + self->now_ms;
    return dx_event_encode(&event, &to->inbox) == DX_OK;
}

static bool command(world *self, vault *to, const char *json, ...) DX_PRINTF(3, 4);

static bool command(world *self, vault *to, const char *json, ...) {
    dx_event event = {.kind = DX_EVENT_COMMAND, .port = PORT};
    dx_buf body;
    dx_writer writer;
    va_list values;
    dx_buf_init(&body, &heap, ITEM_MAX);
    dx_writer_init(&writer, &body);
    va_start(values, json);
    bool well = dx_json_format_list(&writer, NULL, 0, json, values) == DX_OK;
    va_end(values);
    to->said[0] = 0;
    to->awaited = to->requests++;
    memcpy(event.request, &to->awaited, sizeof to->awaited); /* an id of its own for each */
    event.body = dx_buf_view(&body);
    well = well && post(self, to, event);
    dx_buf_deinit(&body);
    return well;
}

/* --- What a node wants of the world ----------------------------------------------------------------------- */

static void take_text(dx_bytes item, char *out, size_t size) {
    dx_bytes text = dx_item_text(item);
    if (text.size > 0) {
        snprintf(out, size, "%.*s", (int)text.size, (const char *)text.data);
    }
}

static void hear(vault *self, const dx_effect *effect) {
    dx_buf json;
    dx_bytes state = dx_item_text(dx_item_get(effect->body, "state"));
    bool is_awaited =
        effect->kind == DX_EFFECT_REPLY && memcmp(effect->request, &self->awaited, sizeof self->awaited) == 0;
    take_text(dx_item_get(effect->body, "url"), self->url, sizeof self->url);
    take_text(dx_item_get(effect->body, "pin"), self->pin, sizeof self->pin);
    take_text(dx_item_get(effect->body, "space"), self->space, sizeof self->space);
    self->wants_pin = self->wants_pin || dx_bytes_equal(state, dx_bytes_text("pin-required"));
    dx_buf_init(&json, &heap, ITEM_MAX);
    if (is_awaited && dx_json_print(effect->body, &json) == DX_OK) {
        snprintf(self->said, sizeof self->said, "%.*s", (int)json.size, (const char *)json.data);
    }
    dx_buf_deinit(&json);
}

/* The number of a link at the other end; 0: there is none. Dialled ones are odd, those that come in even. */
static uint64_t other_end(const world *self, size_t me, uint64_t number) {
    for (size_t i = 0; i < self->link_count; i++) {
        if (self->links[i].numbers[me] == number) {
            return self->links[i].numbers[1 - me];
        }
    }
    return 0;
}

static bool dial(world *self, size_t me, const dx_effect *effect) {
    if (self->link_count == LINKS_MAX) {
        return false;
    }
    uint64_t there = 2 * (uint64_t)(self->link_count + 1);
    self->links[self->link_count].numbers[me] = effect->link;
    self->links[self->link_count++].numbers[1 - me] = there;
    return post(
               self, &self->vaults[1 - me],
               (dx_event){.kind = DX_EVENT_LINK_UP, .link = there, .body = dx_bytes_text("memory:caller")}) &&
           post(self, &self->vaults[me],
                (dx_event){.kind = DX_EVENT_LINK_UP, .link = effect->link, .body = effect->body});
}

static bool carry_out(world *self, size_t me, const dx_effect *effect) {
    vault *from = &self->vaults[me], *to = &self->vaults[1 - me];
    uint64_t there = other_end(self, me, effect->link);
    dx_event event = {.kind = DX_EVENT_PORT_WRITABLE, .port = PORT, .size = effect->body.size};
    switch (effect->kind) {
    case DX_EFFECT_REPLY:
    case DX_EFFECT_NOTIFY:
        hear(from, effect);
        return post(self, from, event); /* read: more may come */
    case DX_EFFECT_LINK_OPEN:
        return dial(self, me, effect);
    case DX_EFFECT_LINK_SEND:
        event = (dx_event){.kind = DX_EVENT_LINK_DATA, .link = there, .body = effect->body};
        return post(self, to, event) &&
               post(self, from,
                    (dx_event){
                        .kind = DX_EVENT_LINK_WRITABLE, .link = effect->link, .size = effect->body.size});
    case DX_EFFECT_LINK_CLOSE:
        event = (dx_event){.kind = DX_EVENT_LINK_DOWN, .link = there, .reason = DX_E_UNREACHABLE};
        return post(self, to, event);
    case DX_EFFECT_SIGNAL_SEND: /* no signaling service here: examples/signaling.c has one */
    case DX_EFFECT_KIND_COUNT:
        break;
    }
    return true;
}

/* --- Steps ------------------------------------------------------------------------------------------------- */

/* One event, one transaction: effects are said only once it is on the disk. They live until the next step; their bytes as long as one
 * likes. */
static bool step(world *self, size_t me, const dx_event *event) {
    vault *one = &self->vaults[me];
    dx_effects effects;
    dx_effect effect;
    dx_buf bytes;
    dx_reader reader;
    dx_buf_init(&bytes, &heap, QUEUE_MAX);
    bool well = dx_node_step(one->node, event, 1, &effects) == DX_OK;
    one->deadline_ms = well ? effects.deadline_ms : DX_NO_DEADLINE;
    for (size_t i = 0; well && i < effects.count; i++) {
        well = dx_effect_encode(&effects.items[i], &bytes) == DX_OK;
    }
    memcpy(one->config.token, dx_node_token(one->node),
           DX_VAULT_TOKEN_SIZE); /* mirrored: a copied vault is known by it */
    dx_reader_init(&reader, dx_buf_view(&bytes));
    while (well && dx_reader_peek(&reader) != DX_KIND_NONE) {
        well = dx_effect_decode(dx_read_item(&reader), &effect) == DX_OK && carry_out(self, me, &effect);
    }
    dx_buf_deinit(&bytes);
    return well;
}

static bool step_next(world *self, size_t me) {
    vault *one = &self->vaults[me];
    dx_buf item;
    dx_reader reader;
    dx_event event;
    dx_reader_init(&reader, dx_buf_view(&one->inbox));
    dx_bytes first = dx_read_item(&reader);
    dx_buf_init(&item, &heap, ITEM_MAX);
    dx_buf_append(&item, first.data, first.size);
    dx_buf_consume(&one->inbox, first.size);
    bool well = dx_event_decode(dx_buf_view(&item), &event) == DX_OK && step(self, me, &event);
    dx_buf_deinit(&item);
    return well;
}

/* Whose turn it is: who has something to do; where nobody has, time goes on to the next deadline. */
static bool take_turn(world *self) {
    const vault *vaults = self->vaults;
    size_t me = vaults[0].inbox.size > 0 ? 0 : 1;
    if (vaults[me].inbox.size == 0) {
        me = vaults[0].deadline_ms <= vaults[1].deadline_ms ? 0 : 1;
        uint64_t next_ms = vaults[me].deadline_ms;
        self->now_ms = next_ms != DX_NO_DEADLINE && next_ms > self->now_ms ? next_ms : self->now_ms + 1;
        if (!post(self, &self->vaults[me], (dx_event){.kind = DX_EVENT_CLOCK})) {
            return false;
        }
    }
    return step_next(self, me);
}

/* Runs both until a text is there. */
static bool run_until(world *self, const char *text) {
    for (int turn = 0; text[0] == 0 && turn < TURNS_MAX && take_turn(self); turn++) {
    }
    return text[0] != 0;
}

static bool ask(world *self, vault *of, const char *what) {
    bool answered = run_until(self, of->said), refused = strstr(of->said, "\"error\"") != NULL;
    printf("%s: %s\n", what, refused ? of->said : answered ? "done" : "no answer");
    return answered && !refused;
}

static bool open_vault(world *self, vault *one, const char *address) {
    char message[256] = "";
    int error = dx_node_open(&one->config, &one->node, message, sizeof message);
    if (error != DX_OK || dx_node_is_read_only(one->node)) {
        fprintf(stderr, "%s: %s\n", dx_error_text(error), message);
        return false;
    }
    memcpy(one->config.token, dx_node_token(one->node), DX_VAULT_TOKEN_SIZE);
    one->config.has_token = one->config.same_file = true;
    return post(self, one, (dx_event){.kind = DX_EVENT_PORT_UP, .port = PORT}) &&
           post(self, one, (dx_event){.kind = DX_EVENT_LISTENING, .body = dx_bytes_text(address)});
}

static bool join(world *self, vault *alice, vault *bob) {
    uint8_t request[DX_REQUEST_SIZE] = {0};
    uint64_t joining = bob->requests;
    dx_buf of;
    dx_buf_init(&of, &heap, 64);
    memcpy(request, &joining, sizeof joining);
    dx_base64url_encode(dx_bytes_of(request, sizeof request), &of);
    dx_buf_append_byte(&of, 0);
    bool well = command(self, bob, "{\"do\": \"space.join\", \"url\": %s}", alice->url);
    for (int turn = 0; well && !bob->wants_pin && turn < TURNS_MAX; turn++) {
        well = take_turn(self);
    }
    well = well && command(self, bob, "{\"do\": \"space.pin\", \"pin\": %s, \"of\": {\"@bytes\": %s}}",
                           alice->pin, (const char *)of.data);
    bob->awaited = joining;
    dx_buf_deinit(&of);
    return well && ask(self, bob, "Bob joins it");
}

static bool play(world *self) {
    vault *alice = &self->vaults[0], *bob = &self->vaults[1];
    return open_vault(self, alice, "memory:alice") && open_vault(self, bob, "memory:bob") &&
           command(self, alice, "{\"do\": \"halo.create\", \"name\": %s}", "Alice") &&
           ask(self, alice, "Alice is somebody") &&
           command(self, bob, "{\"do\": \"halo.create\", \"name\": %s}", "Bob") &&
           ask(self, bob, "so is Bob") &&
           command(self, alice, "{\"do\": \"space.create\", \"name\": \"home\"}") &&
           ask(self, alice, "she makes a space") &&
           command(self, alice, "{\"do\": \"object.add\", \"space\": \"home\", \"data\": {\"n\": %d}}", 1) &&
           ask(self, alice, "and an object") &&
           command(self, alice, "{\"do\": \"space.share\", \"space\": \"home\"}") &&
           run_until(self, alice->url) && join(self, alice, bob) &&
           command(self, bob, "{\"do\": \"space.status\", \"space\": %s, \"wait_synced\": true}",
                   alice->space) &&
           ask(self, bob, "both are in step");
}

/* Closed and opened again, a vault is what it was. */
static bool play_again(world *self) {
    vault *alice = &self->vaults[0];
    dx_node_close(alice->node);
    alice->node = NULL;
    dx_buf_clear(&alice->inbox);
    alice->config.create = false;
    return open_vault(self, alice, "memory:alice") &&
           command(self, alice, "{\"do\": \"space.digest\", \"space\": \"home\"}") &&
           ask(self, alice, "opened again");
}

int main(int count, char **words) {
    static world self;
    const char *const names[] = {"alice", "bob"};
    for (size_t i = 0; i < 2; i++) {
        vault *one = &self.vaults[i];
        snprintf(one->path, sizeof one->path, "%s-%s.db", count > 1 ? words[1] : "driver", names[i]);
        one->config =
            (dx_node_config){.alloc = heap, .random = {NULL, fill}, .path = one->path, .create = true};
        randombytes_buf(one->config.vault_key,
                        sizeof one->config.vault_key); /* who means to come back keeps it */
        one->deadline_ms = DX_NO_DEADLINE;
        dx_buf_init(&one->inbox, &heap, QUEUE_MAX);
    }
    bool well = play(&self) && play_again(&self);
    for (size_t i = 0; i < 2; i++) {
        dx_node_close(self.vaults[i].node);
        dx_buf_deinit(&self.vaults[i].inbox);
        remove(self.vaults[i].path);
    }
    return well ? 0 : 1;
}
