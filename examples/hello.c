/* examples/hello.c: a vault, a space, an object, a question, and what changes: by the vault's agent when one runs,
 * otherwise in this process.   cc hello.c $(pkg-config --cflags --libs dxos-host) -o hello && ./hello my-vault */
#include <dxos/client.h>
#include <stdio.h>

static void print_task(void *told, dx_bytes row) {
    dx_bytes title = dx_item_text(dx_item_get(dx_item_get(row, "data"), "title"));
    printf("%s: %.*s\n", told == NULL ? "found" : "changed", (int)title.size, (const char *)title.data);
    if (told != NULL) {
        *(bool *)told = true;
    }
}

static int greet(dx_client *dx) {
    char space[DX_SPACE_TEXT_MAX], id[DX_REFERENCE_TEXT_MAX];
    bool told = false;
    int error = dx_client_create_identity(dx, "Alice");
    error = error == DX_OK || error == DX_E_EXISTS ? dx_client_create_space(dx, "notes", space) : error;
    error = error ? error : dx_client_add(dx, space, "task", id, "{\"title\": %s, \"n\": %d}", "tea", 1);
    error = error ? error : dx_client_query(dx, space, print_task, NULL, "{\"type\": \"task\"}");
    error = error ? error : dx_client_watch(dx, space, print_task, &told, NULL, "{\"type\": \"task\"}");
    error = error ? error : dx_client_set(dx, space, id, "{\"title\": %s}", "drink tea");
    while (error == DX_OK && !told) {
        error = dx_client_wait(dx, 5000);
    }
    return error;
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = count > 1 ? words[1] : "hello-vault", .create = true};
    dx_client *dx = NULL;
    int error = dx_client_open(&options, &dx, message);
    error = error ? error : greet(dx);
    if (error != DX_OK) {
        fprintf(stderr, "%s\n", dx == NULL ? message : dx_client_message(dx));
    }
    dx_client_close(dx);
    return error == DX_OK ? 0 : 1;
}
