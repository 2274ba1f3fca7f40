/* examples/questions.c: questions built in C (dxos/query.h): conditions, a group, steps, an order, pages, all spaces at once.
 * questions VAULT makes a space in the vault there and asks it. Build: cc questions.c $(pkg-config --cflags --libs dxos-host) */
#include <dxos/client.h>
#include <stdio.h>

static void on_row(void *ctx, dx_bytes row) {
    dx_bytes title = dx_item_text(dx_item_get(dx_item_get(row, "data"), "title"));
    printf("  %.*s\n", (int)title.size, (const char *)title.data);
    ++*(int *)ctx;
}

/* Asks until there is no further page; how many rows came. */
static int ask(dx_client *dx, const char *space, dx_query_builder *q) {
    int rows = 0;
    dx_buf reply;
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    if (dx_query_builder_print(q, &reply) == DX_OK) {
        printf("%.*s\n", (int)reply.size, (const char *)reply.data);
    }
    dx_buf_clear(&reply);
    if (dx_client_query_built(dx, space, on_row, &rows, q, &reply) != DX_OK) {
        fprintf(stderr, "%s\n", dx_client_message(dx));
        rows = -1;
    }
    dx_buf_deinit(&reply);
    dx_query_builder_destroy(q);
    return rows;
}

int main(int argc, char **argv) {
    char message[DX_HOST_MESSAGE_MAX], tea[DX_REFERENCE_TEXT_MAX], cup[DX_REFERENCE_TEXT_MAX];
    char home[DX_SPACE_TEXT_MAX];
    dx_client *dx;
    dx_client_options options = {.vault = argc > 1 ? argv[1] : "questions-vault", .create = true};
    if (dx_client_open(&options, &dx, message) != DX_OK) {
        fprintf(stderr, "%s\n", message);
        return 1;
    }
    int error = dx_client_create_identity(dx, "Alice");
    int failed = (error != DX_OK && error != DX_E_EXISTS) || dx_client_create_space(dx, "home", home) ||
                 dx_client_add(dx, home, "errand", tea, "{\"title\": %s, \"rank\": %d}", "tea", 3) ||
                 dx_client_add(dx, home, "errand", cup, "{\"title\": %s, \"done\": true}", "cup") ||
                 dx_client_link(dx, home, "needs", tea, cup, NULL, "{}");

    dx_query_builder *q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_type(q, "errand");
    dx_query_builder_begin(q, DX_QUERY_OR);
    dx_query_builder_where(q, "rank", DX_WHERE_GE, "%d", 3);
    dx_query_builder_where(q, "done", DX_WHERE_EQ, "true");
    dx_query_builder_end(q);
    dx_query_builder_order(q, "title", false);
    failed = failed || ask(dx, NULL, q) < 2; /* of all spaces */

    q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_where(q, "title", DX_WHERE_EQ, "%s", "tea");
    dx_query_builder_step(q, DX_STEP_OUT, "needs");
    dx_query_builder_limit(q, 1);
    failed = failed || ask(dx, home, q) != 1;
    dx_client_close(dx);
    return failed != 0;
}
