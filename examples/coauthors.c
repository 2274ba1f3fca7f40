/* examples/coauthors.c: two people write in one text: Alice by calls, Bob in a document of his own (any Yjs would do), which is told
 * what she writes as she writes it. Two vaults in one program, as in share.c.
 *   cc coauthors.c $(pkg-config --cflags --libs dxos-host) -o coauthors && ./coauthors my-vault */
#include <dxos/client.h>
#include <dxos/text.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 4096, TURNS_MAX = 4000, TURN_MS = 5 };

/* One side of the invitation. */
typedef struct side {
    char url[TEXT_MAX], pin[32];
    bool ended, failed;
} side;

/* Bob's document. All of this outlives the clients. */
typedef struct scene {
    side host, guest;
    dx_client *alice, *bob;
    char space[DX_SPACE_TEXT_MAX], id[DX_REFERENCE_TEXT_MAX];
    dx_text_doc *doc;
    dx_text_type text;
    uint64_t session;
} scene;

static void hear(void *ctx, bool last, dx_bytes body) {
    side *self = ctx;
    dx_bytes url = dx_item_text(dx_item_get(body, "url")), pin = dx_item_text(dx_item_get(body, "pin"));
    if (url.size > 0) {
        snprintf(self->url, sizeof self->url, "%.*s", (int)url.size, (const char *)url.data);
        snprintf(self->pin, sizeof self->pin, "%.*s", (int)pin.size, (const char *)pin.data);
    }
    self->ended = self->ended || last;
    self->failed = self->failed || (last && dx_reply_error(body).size > 0);
}

/* Sends a command, and does not wait for what becomes of it. */
static bool begin(dx_client *dx, side *self, const char *json, const char *first, const char *second) {
    dx_writer writer;
    dx_buf command;
    dx_buf_init(&command, dx_host_alloc(), 2 * TEXT_MAX);
    dx_writer_init(&writer, &command);
    int error = dx_json_format(&writer, json, first, second);
    error = error ? error : dx_client_send(dx, dx_buf_view(&command), NULL, hear, self, NULL);
    dx_buf_deinit(&command);
    return error == DX_OK;
}

static bool turn(scene *self) {
    return dx_client_wait(self->alice, TURN_MS) != DX_E_IO && dx_client_wait(self->bob, TURN_MS) != DX_E_IO;
}

static bool share(scene *self) {
    side *host = &self->host, *guest = &self->guest;
    if (!begin(self->alice, host, "{\"do\": \"space.share\", \"space\": %s, \"role\": %s}", self->space,
               "editor")) {
        return false;
    }
    while (host->url[0] == 0 && !host->ended && dx_client_wait(self->alice, TURNS_MAX * TURN_MS) == DX_OK) {
    }
    bool asked =
        begin(self->bob, guest, "{\"do\": \"space.join\", \"url\": %s, \"pin\": %s}", host->url, host->pin);
    for (int turns = 0; asked && !guest->ended && turns < TURNS_MAX && turn(self); turns++) {
    }
    return guest->ended && !guest->failed;
}

/* Whether that is what the text says: in Bob's document, or in a vault. */
static bool shows(const scene *self, dx_client *dx, const char *words) {
    dx_buf read;
    dx_buf_init(&read, dx_host_alloc(), DX_ANSWER_MAX);
    int error = dx == NULL ? dx_text_read(self->doc, self->text, &read)
                           : dx_client_read_text(dx, self->space, self->id, &read);
    bool same = error == DX_OK && dx_bytes_equal(dx_buf_view(&read), dx_bytes_text(words));
    dx_buf_deinit(&read);
    return same;
}

static bool wait_for(scene *self, dx_client *dx, const char *words) {
    bool came = false;
    for (int turns = 0; !came && turns < TURNS_MAX && turn(self); turns++) {
        came = shows(self, dx, words);
    }
    printf("%s: %s\n",
           dx == self->alice ? "Alice reads"
           : dx == NULL      ? "Bob's document"
                             : "Bob reads",
           came ? words : "?");
    return came;
}

/* What others wrote, whether told as it came or asked for. */
static void take_row(void *ctx, dx_bytes row) {
    const scene *self = ctx;
    dx_bytes update = dx_item_bytes(dx_item_get(row, "update"));
    if (update.size > 0 && dx_text_apply(self->doc, DX_TEXT_V2, update) != DX_OK) {
        fprintf(stderr, "no update\n");
    }
}

/* A document writes as the client that the vault names. */
static bool open_document(scene *self) {
    dx_text_options options = {.unit = DX_TEXT_CODE_POINTS};
    dx_buf update;
    dx_buf_init(&update, dx_host_alloc(), DX_ANSWER_MAX);
    int error =
        dx_client_open_text(self->bob, self->space, self->id, &options.client, &self->session, &update);
    error = error ? error : dx_text_create(dx_host_alloc(), &options, &self->doc);
    error = error ? error : dx_text_root(self->doc, "text", DX_TEXT_KIND_TEXT, &self->text);
    error = error ? error : dx_text_apply(self->doc, DX_TEXT_V2, dx_buf_view(&update));
    dx_buf_deinit(&update);
    return error == DX_OK;
}

/* From what the document has on: watched, with the request's name, or (NULL) asked for once. */
static bool follow(scene *self, uint8_t *request) {
    dx_buf clocks, update;
    dx_buf_init(&clocks, dx_host_alloc(), DX_ANSWER_MAX);
    dx_buf_init(&update, dx_host_alloc(), DX_ANSWER_MAX);
    int error = dx_text_state_vector(self->doc, &clocks);
    if (error == DX_OK && request != NULL) {
        error = dx_client_watch_text(self->bob, self->space, self->id, self->session, dx_buf_view(&clocks),
                                     take_row, self, request);
    } else if (error == DX_OK) {
        error = dx_client_pull_text(self->bob, self->space, self->id, dx_buf_view(&clocks), &update);
        error = error ? error : dx_text_apply(self->doc, DX_TEXT_V2, dx_buf_view(&update));
    }
    dx_buf_deinit(&clocks);
    dx_buf_deinit(&update);
    return error == DX_OK;
}

/* What Bob types is one update, and kept once the call returns. */
static bool type(scene *self, uint64_t at, const char *words) {
    dx_buf update;
    dx_buf_init(&update, dx_host_alloc(), DX_ANSWER_MAX);
    int error = dx_text_begin(self->doc);
    error = error ? error : dx_text_insert(self->doc, self->text, at, dx_bytes_text(words), NULL);
    error = error ? error : dx_text_commit(self->doc, DX_TEXT_V2, &update);
    error = error
                ? error
                : dx_client_push_text(self->bob, self->space, self->id, self->session, dx_buf_view(&update));
    dx_buf_deinit(&update);
    return error == DX_OK;
}

static bool play(scene *self) {
    dx_client *alice = self->alice, *bob = self->bob;
    const char *space = self->space, *id = self->id;
    uint8_t request[DX_REQUEST_SIZE];
    int hers = dx_client_create_identity(alice, "Alice"), his = dx_client_create_identity(bob, "Bob");
    if ((hers != DX_OK && hers != DX_E_EXISTS) || (his != DX_OK && his != DX_E_EXISTS) ||
        dx_client_create_space(alice, "desk", self->space) != DX_OK || !share(self) ||
        dx_client_add_text(alice, space, "note", dx_bytes_text("Roses want sun."), self->id) != DX_OK ||
        !wait_for(self, bob, "Roses want sun.")) {
        return false;
    }
    return open_document(self) && follow(self, request) &&
           dx_client_insert_text(alice, space, id, 14, dx_bytes_text(" and rain")) == DX_OK &&
           wait_for(self, NULL, "Roses want sun and rain.") && type(self, 24, " So do bees.") &&
           wait_for(self, alice, "Roses want sun and rain. So do bees.") &&
           dx_client_format_text(alice, space, id, 0, 5, "{\"bold\": true}") == DX_OK &&
           dx_client_cancel(bob, request) == DX_OK &&
           dx_client_delete_text(alice, space, id, 14, 9) == DX_OK &&
           wait_for(self, bob, "Roses want sun. So do bees.") && follow(self, NULL) &&
           wait_for(self, NULL, "Roses want sun. So do bees.");
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX], other[1024];
    const char *vault = count > 1 ? words[1] : "coauthors-vault";
    snprintf(other, sizeof other, "%s-bob", vault);
    const dx_client_options hers = {.vault = vault, .create = true, .network = true};
    const dx_client_options his = {.vault = other, .create = true, .network = true};
    scene self = {.session = 0};
    bool opened = dx_client_open(&hers, &self.alice, message) == DX_OK &&
                  dx_client_open(&his, &self.bob, message) == DX_OK;
    bool played = opened && play(&self);
    if (!played) {
        fprintf(stderr, "%s %s\n", opened ? dx_client_message(self.alice) : message,
                opened ? dx_client_message(self.bob) : "");
    }
    dx_client_close(self.bob);
    dx_client_close(self.alice);
    dx_text_destroy(self.doc);
    return played ? 0 : 1;
}
