/* examples/part.c: a vault that keeps a part of a space, from the day it joins: answers that say so, one object brought when somebody
 * looks at it, and everything after all. Two vaults in one program, as in share.c.
 *   cc part.c $(pkg-config --cflags --libs dxos-host) -o part && ./part my-vault */
#include <dxos/client.h>
#include <stdio.h>

enum { TEXT_MAX = 4096, TURNS_MAX = 4000, TURN_MS = 5 };

/* One side of an invitation; it outlives both clients. */
typedef struct side {
    char url[TEXT_MAX], pin[32];
    bool ended, failed;
} side;

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

/* Both run until the flag stands, or, without one, for a moment. */
static bool turn(dx_client *alice, dx_client *bob, const bool *flag) {
    for (int turns = 0; (flag == NULL || !*flag) && turns < (flag == NULL ? 20 : TURNS_MAX); turns++) {
        if (dx_client_wait(alice, TURN_MS) == DX_E_IO || dx_client_wait(bob, TURN_MS) == DX_E_IO) {
            return false;
        }
    }
    return flag == NULL || *flag;
}

static void count_row(void *ctx, dx_bytes row) {
    (void)row;
    ++*(int *)ctx;
}

/* How many Bob finds, and whether these are all. */
static bool count(dx_client *bob, const char *space, const char *type) {
    int rows = 0;
    if (dx_client_query(bob, space, count_row, &rows, "{\"type\": %s}", type) != DX_OK) {
        return false;
    }
    printf("of type %s Bob has %d, %s\n", type, rows,
           dx_client_is_partial(bob) ? "and there may be more" : "which is all");
    return true;
}

/* Waits until Bob has all of a type, so many; what he lacks comes meanwhile. */
static bool wait_for(dx_client *alice, dx_client *bob, const char *space, const char *type, int wanted) {
    bool all = false;
    for (int turns = 0; !all && turns < TURNS_MAX && turn(alice, bob, NULL); turns++) {
        int rows = 0;
        if (dx_client_query(bob, space, count_row, &rows, "{\"type\": %s}", type) != DX_OK) {
            return false;
        }
        all = rows == wanted && !dx_client_is_partial(bob);
    }
    return all;
}

/* What a person at Bob's sees of one object, brought by the network. It is sent, as Alice has to run meanwhile; where she is another
 * machine, dx_client_fetch(bob, space, id, &row) is all there is to do. */
static bool look(dx_client *alice, dx_client *bob, const char *space, const char *id) {
    static const char get[] = "{\"do\": \"object.get\", \"space\": %s, \"id\": %s, \"fetch\": true}";
    side fetched = {.ended = false};
    dx_buf row;
    dx_buf_init(&row, dx_host_alloc(), DX_ANSWER_MAX);
    bool here = dx_client_get(bob, space, id, &row) == DX_OK; /* it is not */
    bool came =
        !here && begin(bob, &fetched, get, space, id) && turn(alice, bob, &fetched.ended) && !fetched.failed;
    came = came && dx_client_get(bob, space, id, &row) == DX_OK && dx_client_is_partial(bob);
    dx_bytes text = dx_item_text(dx_item_get(dx_item_get(dx_buf_view(&row), "data"), "text"));
    printf("fetched: %.*s\n", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
    dx_buf_deinit(&row);
    return came;
}

/* What is here, and all of it, needs nobody. */
static bool is_whole(dx_client *bob, const char *space, const char *id) {
    dx_buf row;
    dx_buf_init(&row, dx_host_alloc(), DX_ANSWER_MAX);
    int error = dx_client_fetch(bob, space, id, &row);
    dx_buf_deinit(&row);
    return error == DX_OK && !dx_client_is_partial(bob);
}

/* By a question, too; and what is kept now is told. */
static bool keep_some(dx_client *bob, const char *space) {
    dx_buf kept;
    dx_buf_init(&kept, dx_host_alloc(), DX_ANSWER_MAX);
    int error = dx_client_keep(
        bob, space, "{\"query\": {\"type\": %s, \"where\": {\"text\": {\"prefix\": %s}}}}", "note", "buy");
    error = error ? error : dx_client_kept(bob, space, &kept);
    dx_bytes type = dx_item_text(dx_item_get(dx_item_get(dx_buf_view(&kept), "query"), "type"));
    printf("what is kept is asked for by type: %.*s\n", (int)type.size,
           type.size == 0 ? "" : (const char *)type.data);
    dx_buf_deinit(&kept);
    return error == DX_OK;
}

static bool play(side *host, side *guest, dx_client *alice, dx_client *bob) {
    char space[DX_SPACE_TEXT_MAX], note[DX_REFERENCE_TEXT_MAX];
    int hers = dx_client_create_identity(alice, "Alice"), his = dx_client_create_identity(bob, "Bob");
    if ((hers != DX_OK && hers != DX_E_EXISTS) || (his != DX_OK && his != DX_E_EXISTS) ||
        dx_client_create_space(alice, "album", space) != DX_OK ||
        dx_client_add(alice, space, "photo", NULL, "{\"title\": %s}", "the sea") != DX_OK ||
        dx_client_add(alice, space, "note", note, "{\"text\": %s}", "buy film") != DX_OK ||
        !begin(alice, host, "{\"do\": \"space.share\", \"space\": %s, \"role\": %s}", space, "editor")) {
        return false;
    }
    while (host->url[0] == 0 && !host->ended && dx_client_wait(alice, TURNS_MAX * TURN_MS) == DX_OK) {
    }
    /* He says what he will keep as he joins: the rest never comes to him. */
    return begin(bob, guest, "{\"do\": \"space.join\", \"url\": %s, \"pin\": %s, \"types\": [\"photo\"]}",
                 host->url, host->pin) &&
           turn(alice, bob, &guest->ended) && !guest->failed && wait_for(alice, bob, space, "photo", 1) &&
           count(bob, space, "photo") && count(bob, space, "note") && look(alice, bob, space, note) &&
           dx_client_keep(bob, space, "{\"types\": [%s, %s]}", "photo", "note") == DX_OK &&
           wait_for(alice, bob, space, "note", 1) && keep_some(bob, space) &&
           dx_client_keep(bob, space, "{\"all\": true}") == DX_OK && wait_for(alice, bob, space, "note", 1) &&
           count(bob, space, "note") && is_whole(bob, space, note);
}

int main(int count_of, char **words) {
    char message[DX_HOST_MESSAGE_MAX], other[1024];
    const char *vault = count_of > 1 ? words[1] : "part-vault";
    snprintf(other, sizeof other, "%s-bob", vault);
    const dx_client_options hers = {.vault = vault, .create = true, .network = true};
    const dx_client_options his = {.vault = other, .create = true, .network = true};
    dx_client *alice = NULL, *bob = NULL;
    side host = {.ended = false}, guest = {.ended = false};
    bool opened =
        dx_client_open(&hers, &alice, message) == DX_OK && dx_client_open(&his, &bob, message) == DX_OK;
    bool played = opened && play(&host, &guest, alice, bob);
    if (!played) {
        fprintf(stderr, "%s\n", opened ? dx_client_message(bob) : message);
    }
    dx_client_close(bob);
    dx_client_close(alice);
    return played ? 0 : 1;
}
