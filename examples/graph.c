/* examples/graph.c: objects and what holds them together: links, references weak and strong, a deletion and the way back.
 *   cc graph.c $(pkg-config --cflags --libs dxos-host) -o graph && ./graph my-vault */
#include <dxos/client.h>
#include <stdio.h>

static void print_row(void *ctx, dx_bytes row) {
    dx_bytes title = dx_item_text(dx_item_get(dx_item_get(row, "data"), "title"));
    printf("%s%.*s\n", (const char *)ctx, (int)title.size, (const char *)title.data);
}

/* What the vault has of an object, as one line of JSON. */
static int print_object(dx_client *dx, const char *space, const char *id) {
    dx_buf row, json;
    dx_buf_init(&row, dx_host_alloc(), DX_ANSWER_MAX);
    dx_buf_init(&json, dx_host_alloc(), DX_ANSWER_MAX);
    int error = dx_client_get(dx, space, id, &row);
    if (error == DX_OK) {
        error = dx_json_print(dx_item_get(dx_buf_view(&row), "data"), &json);
        bool deleted = dx_item_bool(dx_item_get(dx_buf_view(&row), "deleted"), false);
        printf("%.*s%s\n", (int)json.size, (const char *)json.data, deleted ? " (deleted)" : "");
    }
    dx_buf_deinit(&json);
    dx_buf_deinit(&row);
    return error;
}

static bool play(dx_client *dx) {
    char space[DX_SPACE_TEXT_MAX], book[DX_REFERENCE_TEXT_MAX], ann[DX_REFERENCE_TEXT_MAX];
    char page[DX_REFERENCE_TEXT_MAX], wrote[DX_REFERENCE_TEXT_MAX], strong[DX_REFERENCE_TEXT_MAX + 1];
    int error = dx_client_create_identity(dx, "Alice");
    if ((error != DX_OK && error != DX_E_EXISTS) || dx_client_create_space(dx, "library", space) != DX_OK ||
        dx_client_add(dx, space, "person", ann, "{\"title\": %s}", "Ann") != DX_OK ||
        dx_client_add(dx, space, "page", page, "{\"title\": %s}", "page one") != DX_OK) {
        return false;
    }
    /* A strong reference: the book is not whole without its page. In text it is the id with "!" behind it. */
    snprintf(strong, sizeof strong, "%s!", page);
    if (dx_client_add(dx, space, "book", book,
                      "{\"title\": %s, \"draft\": true, \"pages\": [{\"@ref\": %s}]}", "Gardens",
                      strong) != DX_OK ||
        dx_client_link(dx, space, "wrote", ann, book, wrote, "{\"year\": %d}", 2024) != DX_OK) {
        return false;
    }
    /* Paths reach into what an object holds; the others stay as they are. */
    if (dx_client_set(dx, space, book, "{\"shelf.room\": %s, \"shelf.row\": %d}", "north", 3) != DX_OK ||
        dx_client_unset(dx, space, book, "draft") != DX_OK ||
        dx_client_query(dx, space, print_row, "Ann wrote ",
                        "{\"id\": %s, \"follow\": [{\"out\": \"wrote\"}]}", ann) != DX_OK ||
        dx_client_query(dx, space, print_row, "with ", "{\"id\": %s, \"follow\": [{\"ref\": \"pages\"}]}",
                        book) != DX_OK) {
        return false;
    }
    /* What a strong reference holds is not deleted under it: an error has a name, a sentence, and what to do about it. */
    error = dx_client_remove(dx, space, page);
    bool told = dx_client_message(dx)[0] != 0;
    printf("%s, %s; %s\n", dx_error_name(error), told ? "with a sentence" : "without a word",
           dx_client_remedy(dx));
    /* A deleted object comes back whole. */
    return error == DX_E_STATE && dx_client_remove(dx, space, book) == DX_OK &&
           print_object(dx, space, book) == DX_OK && dx_client_restore(dx, space, book) == DX_OK &&
           print_object(dx, space, book) == DX_OK && dx_client_unlink(dx, space, wrote) == DX_OK &&
           dx_client_query(dx, space, print_row, "nobody wrote ", "{\"type\": \"book\"}") == DX_OK;
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = count > 1 ? words[1] : "graph-vault", .create = true};
    dx_client *dx = NULL;
    bool played = dx_client_open(&options, &dx, message) == DX_OK && play(dx);
    if (!played) {
        fprintf(stderr, "%s\n", dx == NULL ? message : dx_client_message(dx));
    }
    dx_client_close(dx);
    return played ? 0 : 1;
}
