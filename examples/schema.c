/* examples/schema.c: types that programs hold to: a definition, what is refused by it, and the way to the next version.
 *   cc schema.c $(pkg-config --cflags --libs dxos-host) -o schema && ./schema my-vault
 * `dx schema generate SPACE --c` makes structs of C from the same definitions. */
#include <dxos/client.h>
#include <stdio.h>

static const char first[] =
    "{\"do\": \"schema.add\", \"space\": %s, \"type\": \"track\", \"schema\": {\"required\": [\"name\"], "
    "\"properties\": {"
    "\"name\": {\"type\": \"string\"}, \"seconds\": {\"type\": \"integer\", \"minimum\": 0}}}}";
static const char second[] =
    "{\"do\": \"schema.add\", \"space\": %s, \"type\": \"track\", \"schema\": {\"required\": [\"title\"], "
    "\"properties\": {"
    "\"title\": {\"type\": \"string\"}, \"seconds\": {\"type\": \"integer\"}, \"stars\": {\"type\": "
    "\"integer\"}}},"
    " \"migrate\": [{\"rename\": [\"name\", \"title\"]}, {\"default\": \"stars\", \"value\": 3}]}";
static const char migrate[] = "{\"do\": \"schema.migrate\", \"space\": %s, \"type\": \"track\"}";

static void print_row(void *ctx, dx_bytes row) {
    dx_buf json;
    (void)ctx;
    dx_buf_init(&json, dx_host_alloc(), DX_ANSWER_MAX);
    if (dx_json_print(dx_item_get(row, "data"), &json) == DX_OK) {
        printf("%.*s\n", (int)json.size, (const char *)json.data);
    }
    dx_buf_deinit(&json);
}

static void count_row(void *ctx, dx_bytes row) {
    (void)row;
    ++*(int *)ctx;
}

static bool play(dx_client *dx) {
    char space[DX_SPACE_TEXT_MAX];
    int wrong = 0, error = dx_client_create_identity(dx, "Alice");
    if ((error != DX_OK && error != DX_E_EXISTS) || dx_client_create_space(dx, "music", space) != DX_OK ||
        dx_client_ask(dx, NULL, NULL, NULL, first, space) != DX_OK ||
        dx_client_add(dx, space, "track", NULL, "{\"name\": %s, \"seconds\": %d}", "Rain", 181) != DX_OK) {
        return false;
    }
    error = dx_client_add(dx, space, "track", NULL, "{\"name\": %s, \"seconds\": %s}", "Snow", "long");
    printf("refused: %s\n", dx_client_message(dx));
    /* Either version may be written until everybody has the newer program; migrating once more does no harm. */
    return error == DX_E_INVALID && dx_client_ask(dx, NULL, NULL, NULL, second, space) == DX_OK &&
           dx_client_ask(dx, NULL, NULL, NULL, migrate, space) == DX_OK &&
           dx_client_query(dx, space, print_row, NULL, "{\"type\": \"track\"}") == DX_OK &&
           dx_client_ask(dx, count_row, &wrong, NULL, "{\"do\": \"schema.check\", \"space\": %s}", space) ==
               DX_OK &&
           wrong == 0;
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = count > 1 ? words[1] : "schema-vault", .create = true};
    dx_client *dx = NULL;
    bool played = dx_client_open(&options, &dx, message) == DX_OK && play(dx);
    if (!played) {
        fprintf(stderr, "%s\n", dx == NULL ? message : dx_client_message(dx));
    }
    dx_client_close(dx);
    return played ? 0 : 1;
}
