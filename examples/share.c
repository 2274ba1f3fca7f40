/* examples/share.c: two people, two vaults, one space: an invitation given and taken, and what one writes, read by the other. Here both
 * stand in one program, which turns from one to the other; in life they are two machines, and the link travels by mail.
 *   cc share.c $(pkg-config --cflags --libs dxos-host) -o share && ./share my-vault */
#include <dxos/client.h>
#include <stdio.h>

enum { TEXT_MAX = 4096, TURNS_MAX = 4000, TURN_MS = 5 };

/* One side of the invitation. */
typedef struct side {
    char url[TEXT_MAX], pin[32];
    uint8_t request[DX_REQUEST_SIZE];
    bool wants_pin, ended, failed;
} side;

/* What answers and rows are written to: it outlives both clients, which may be answered until they are closed. */
typedef struct meeting {
    side host, guest;
    bool seen;
} meeting;

static void take_text(dx_bytes item, char *out, size_t size) {
    dx_bytes text = dx_item_text(item);
    snprintf(out, size, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
}

/* What a vault says while the invitation is under way, and at its end. */
static void hear(void *ctx, bool last, dx_bytes body) {
    side *self = ctx;
    dx_bytes state = dx_item_text(dx_item_get(body, "state"));
    if (last) {
        self->ended = true;
        self->failed = dx_reply_error(body).size > 0;
    } else if (dx_item_get(body, "url").size > 0) {
        take_text(dx_item_get(body, "url"), self->url, sizeof self->url);
        take_text(dx_item_get(body, "pin"), self->pin, sizeof self->pin);
    } else if (dx_bytes_equal(state, dx_bytes_text("pin-required"))) {
        self->wants_pin = true;
    }
}

/* Sends a command whose answers go to hear, and does not wait for them. */
static bool begin(dx_client *dx, side *self, const char *command, const char *key, const char *value) {
    dx_map_builder map;
    dx_writer writer;
    dx_buf body;
    dx_buf_init(&body, dx_host_alloc(), 2 * TEXT_MAX);
    dx_writer_init(&writer, &body);
    dx_map_builder_init(&map, dx_host_alloc(), 2 * TEXT_MAX);
    dx_write_text(dx_map_builder_key(&map, "do"), command);
    dx_write_text(dx_map_builder_key(&map, key), value);
    dx_map_builder_finish(&map, &writer);
    int error = dx_writer_finish(&writer);
    error = error ? error : dx_client_send(dx, dx_buf_view(&body), NULL, hear, self, self->request);
    dx_buf_deinit(&body);
    return error == DX_OK;
}

/* Lets both run until the flag stands; false: it does not come. */
static bool turn_until(dx_client *alice, dx_client *bob, const bool *flag) {
    for (int turn = 0; !*flag && turn < TURNS_MAX; turn++) {
        if (dx_client_wait(alice, TURN_MS) == DX_E_IO || dx_client_wait(bob, TURN_MS) == DX_E_IO) {
            return false;
        }
    }
    return *flag;
}

static bool meet(meeting *self, dx_client *alice, dx_client *bob, const char *space) {
    static const char pin[] = "{\"do\": \"space.pin\", \"pin\": %s, \"of\": {\"@bytes\": %s}}";
    side *host = &self->host, *guest = &self->guest;
    if (!begin(alice, host, "space.share", "space", space)) {
        return false;
    }
    while (host->url[0] == 0 && !host->ended && dx_client_wait(alice, TURNS_MAX * TURN_MS) == DX_OK) {
    }
    printf("Alice has a link, and a PIN of %d digits\n", (int)dx_bytes_text(host->pin).size);
    if (!begin(bob, guest, "space.join", "url", host->url) || !turn_until(alice, bob, &guest->wants_pin)) {
        return false;
    }
    /* Who sees the link has not seen the PIN, which goes another way: by telephone, say. It is of Bob's request. */
    dx_buf of;
    dx_buf_init(&of, dx_host_alloc(), 64);
    dx_base64url_encode(dx_bytes_of(guest->request, DX_REQUEST_SIZE), &of);
    dx_buf_append_byte(&of, 0);
    int error = dx_buf_error(&of);
    error = error ? error : dx_client_ask(bob, NULL, NULL, NULL, pin, host->pin, (const char *)of.data);
    dx_buf_deinit(&of);
    return error == DX_OK && turn_until(alice, bob, &guest->ended) && !guest->failed;
}

static void found(void *ctx, dx_bytes row) {
    dx_bytes title = dx_item_text(dx_item_get(dx_item_get(row, "data"), "title"));
    printf("Bob reads: %.*s\n", (int)title.size, (const char *)title.data);
    *(bool *)ctx = true;
}

static bool play(meeting *self, dx_client *alice, dx_client *bob) {
    char space[DX_SPACE_TEXT_MAX];
    int hers = dx_client_create_identity(alice, "Alice"), his = dx_client_create_identity(bob, "Bob");
    if ((hers != DX_OK && hers != DX_E_EXISTS) || (his != DX_OK && his != DX_E_EXISTS) ||
        dx_client_create_space(alice, "home", space) != DX_OK || !meet(self, alice, bob, space) ||
        dx_client_watch(bob, space, found, &self->seen, NULL, "{\"type\": \"note\"}") != DX_OK ||
        dx_client_add(alice, space, "note", NULL, "{\"title\": %s}", "back at five") != DX_OK) {
        return false;
    }
    return turn_until(alice, bob, &self->seen);
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX], other[1024];
    const char *vault = count > 1 ? words[1] : "share-vault";
    snprintf(other, sizeof other, "%s-bob", vault);
    /* A vault that this process holds meets others only when it is told to; an agent does so anyway. */
    const dx_client_options hers = {.vault = vault, .create = true, .network = true};
    const dx_client_options his = {.vault = other, .create = true, .network = true};
    dx_client *alice = NULL, *bob = NULL;
    meeting both = {.seen = false};
    bool opened =
        dx_client_open(&hers, &alice, message) == DX_OK && dx_client_open(&his, &bob, message) == DX_OK;
    bool met = opened && play(&both, alice, bob);
    if (!met) {
        fprintf(stderr, "%s\n", opened ? dx_client_message(bob) : message);
    }
    dx_client_close(bob);
    dx_client_close(alice);
    return met ? 0 : 1;
}
