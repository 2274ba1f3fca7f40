/* examples/together.c: values that several people change at once, and that merge: a counter, a set and a list inside an object;
 * objects that are a counter or a list as a whole; several changes as one.
 *   cc together.c $(pkg-config --cflags --libs dxos-host) -o together && ./together my-vault */
#include <dxos/client.h>
#include <stdio.h>

#define EDIT  "{\"do\": \"object.edit\", \"space\": %s, \"id\": %s, "
#define APPLY "{\"do\": \"object.apply\", \"space\": %s, \"id\": %s, \"operation\": "

static void print_row(void *ctx, dx_bytes row) {
    dx_buf json;
    (void)ctx;
    dx_buf_init(&json, dx_host_alloc(), DX_ANSWER_MAX);
    if (dx_json_print(dx_item_get(row, "data"), &json) == DX_OK) {
        printf("%.*s\n", (int)json.size, (const char *)json.data);
    }
    dx_buf_deinit(&json);
}

/* A party: how many chairs there are, who comes, what is to be done in which order. */
static bool plan(dx_client *dx, const char *space, const char *id) {
    return dx_client_ask(dx, NULL, NULL, NULL, EDIT "\"key\": \"chairs\", \"increment\": %d}", space, id,
                         4) == DX_OK &&
           dx_client_ask(dx, NULL, NULL, NULL, EDIT "\"key\": \"chairs\", \"increment\": %d}", space, id,
                         -1) == DX_OK &&
           dx_client_ask(dx, NULL, NULL, NULL, EDIT "\"key\": \"guests\", \"include\": [%s, %s]}", space, id,
                         "Bob", "Eve") == DX_OK &&
           dx_client_ask(dx, NULL, NULL, NULL, EDIT "\"key\": \"guests\", \"exclude\": [%s]}", space, id,
                         "Eve") == DX_OK &&
           dx_client_ask(dx, NULL, NULL, NULL, EDIT "\"key\": \"todo\", \"push\": [%s, %s]}", space, id,
                         "cook", "eat") == DX_OK &&
           dx_client_ask(dx, NULL, NULL, NULL, EDIT "\"key\": \"todo\", \"insert\": [%s], \"at\": 0}", space,
                         id, "shop") == DX_OK &&
           dx_client_ask(dx, NULL, NULL, NULL, EDIT "\"key\": \"todo\", \"reorder\": 2, \"at\": 0}", space,
                         id) == DX_OK;
}

/* A new object with a model of its own; its id goes to id. */
static bool make(dx_client *dx, const char *space, const dx_model *model, char *id) {
    static const char add[] = "{\"do\": \"object.add\", \"space\": %s, \"type\": \"whole\", \"model\": %s}";
    dx_buf reply;
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    int error = dx_client_ask(dx, NULL, NULL, &reply, add, space, model->name);
    dx_bytes made = dx_item_text(dx_item_get(dx_buf_view(&reply), "id"));
    snprintf(id, DX_REFERENCE_TEXT_MAX, "%.*s", (int)made.size,
             made.size == 0 ? "" : (const char *)made.data);
    dx_buf_deinit(&reply);
    return error == DX_OK;
}

static bool play(dx_client *dx) {
    char space[DX_SPACE_TEXT_MAX], party[DX_REFERENCE_TEXT_MAX];
    char visits[DX_REFERENCE_TEXT_MAX], songs[DX_REFERENCE_TEXT_MAX];
    int error = dx_client_create_identity(dx, "Alice");
    if ((error != DX_OK && error != DX_E_EXISTS) || dx_client_create_space(dx, "party", space) != DX_OK ||
        dx_client_add(dx, space, "party", party, "{\"chairs\": %d}", 10) != DX_OK ||
        !plan(dx, space, party) ||
        dx_client_query(dx, space, print_row, NULL, "{\"id\": %s}", party) != DX_OK) {
        return false;
    }
    if (!make(dx, space, &dx_counter_model, visits) || !make(dx, space, &dx_list_model, songs) ||
        dx_client_ask(dx, NULL, NULL, NULL, APPLY "%d}", space, visits, 2) != DX_OK ||
        dx_client_ask(dx, NULL, NULL, NULL, APPLY "%d}", space, visits, 3) != DX_OK ||
        dx_client_ask(dx, NULL, NULL, NULL, APPLY "{\"insert\": 0, \"values\": [%s, %s]}}", space, songs,
                      "one", "two") != DX_OK ||
        dx_client_ask(dx, NULL, NULL, NULL, APPLY "{\"move\": 1, \"to\": 0}}", space, songs) != DX_OK ||
        dx_client_query(dx, space, print_row, NULL, "{\"type\": \"whole\"}") != DX_OK) {
        return false;
    }
    /* A batch is one transaction: all of it or nothing. An op names another one of the batch by its number. */
    return dx_client_ask(dx, NULL, NULL, NULL,
                         "{\"do\": \"batch\", \"space\": %s, \"ops\": ["
                         "{\"op\": \"add\", \"type\": \"gift\", \"data\": {\"title\": %s}},"
                         "{\"op\": \"link\", \"type\": \"for\", \"source\": 0, \"target\": %s},"
                         "{\"op\": \"edit\", \"id\": %s, \"key\": \"gifts\", \"increment\": 1}]}",
                         space, "book", party, party) == DX_OK &&
           dx_client_query(dx, space, print_row, NULL, "{\"type\": \"party\"}") == DX_OK;
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = count > 1 ? words[1] : "together-vault", .create = true};
    dx_client *dx = NULL;
    bool played = dx_client_open(&options, &dx, message) == DX_OK && play(dx);
    if (!played) {
        fprintf(stderr, "%s\n", dx == NULL ? message : dx_client_message(dx));
    }
    dx_client_close(dx);
    return played ? 0 : 1;
}
