/* examples/epochs.c: bounded history: an epoch says what a space is at a point, and what lies below it may go. Newcomers then load the
 * state, not history.   cc epochs.c $(pkg-config --cflags --libs dxos-host) -o epochs && ./epochs my-vault */
#include <dxos/client.h>
#include <stdio.h>

static void print_epoch(void *ctx, dx_bytes row) {
    (void)ctx;
    printf("epoch %d: %s, %s\n", (int)dx_item_int(dx_item_get(row, "number"), 0),
           dx_item_bool(dx_item_get(row, "confirmed"), false) ? "confirmed" : "not confirmed",
           dx_item_bool(dx_item_get(row, "base"), false) ? "this vault builds on it"
                                                         : "history goes on below it");
}

static bool play(dx_client *dx) {
    static const char list[] = "{\"do\": \"space.epochs\", \"space\": %s}";
    static const char then[] = "{\"do\": \"object.get\", \"space\": %s, \"id\": %s, \"at\": \"1\"}";
    char space[DX_SPACE_TEXT_MAX], id[DX_REFERENCE_TEXT_MAX];
    int error = dx_client_create_identity(dx, "Alice");
    if ((error != DX_OK && error != DX_E_EXISTS) || dx_client_create_space(dx, "diary", space) != DX_OK ||
        dx_client_add(dx, space, "day", id, "{\"words\": %d}", 0) != DX_OK) {
        return false;
    }
    for (int words = 1; words <= 20; words++) { /* what it was in between nobody will ask again */
        if (dx_client_set(dx, space, id, "{\"words\": %d}", words) != DX_OK) {
            return false;
        }
    }
    /* "now" does not wait for the week in which others may still fetch blocks; a space of one needs nobody's word. */
    if (dx_client_ask(dx, NULL, NULL, NULL, "{\"do\": \"space.epoch\", \"space\": %s}", space) != DX_OK ||
        dx_client_ask(dx, print_epoch, NULL, NULL, list, space) != DX_OK ||
        dx_client_ask(dx, NULL, NULL, NULL, "{\"do\": \"space.compact\", \"space\": %s, \"now\": true}",
                      space) != DX_OK ||
        dx_client_ask(dx, print_epoch, NULL, NULL, list, space) != DX_OK) {
        return false;
    }
    error = dx_client_ask(dx, NULL, NULL, NULL, then, space, id);
    printf("its past: %s\n", dx_error_text(error));
    return error == DX_E_GONE && dx_client_set(dx, space, id, "{\"words\": %d}", 21) == DX_OK;
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = count > 1 ? words[1] : "epochs-vault", .create = true};
    dx_client *dx = NULL;
    bool played = dx_client_open(&options, &dx, message) == DX_OK && play(dx);
    if (!played) {
        fprintf(stderr, "%s\n", dx == NULL ? message : dx_client_message(dx));
    }
    dx_client_close(dx);
    return played ? 0 : 1;
}
