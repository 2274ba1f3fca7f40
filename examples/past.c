/* examples/past.c: time: what changed an object and how it was, the way back as new writes, undo and redo.
 *   cc past.c $(pkg-config --cflags --libs dxos-host) -o past && ./past my-vault */
#include <dxos/client.h>
#include <stdio.h>

enum { POINT_MAX = 64, CHANGES_MAX = 8 };

typedef struct past {
    char points[CHANGES_MAX][POINT_MAX]; /* the newest first */
    int count;
} past;

static void note(void *ctx, dx_bytes row) {
    past *self = ctx;
    dx_bytes at = dx_item_text(dx_item_get(row, "at")), did = dx_item_text(dx_item_get(row, "did"));
    dx_bytes who = dx_item_text(dx_item_get(row, "name"));
    printf("  %.*s by %.*s\n", (int)did.size, (const char *)did.data, (int)who.size, (const char *)who.data);
    if (self->count < CHANGES_MAX) {
        snprintf(self->points[self->count++], POINT_MAX, "%.*s", (int)at.size, (const char *)at.data);
    }
}

static void print_json(void *ctx, dx_bytes item) {
    dx_buf json;
    dx_buf_init(&json, dx_host_alloc(), DX_ANSWER_MAX);
    if (dx_json_print(item, &json) == DX_OK) {
        printf("%s%.*s\n", (const char *)ctx, (int)json.size, (const char *)json.data);
    }
    dx_buf_deinit(&json);
}

static void print_row(void *ctx, dx_bytes row) {
    print_json(ctx, dx_item_get(row, "data"));
}

static bool show(dx_client *dx, char *when, const char *space, const char *id) {
    return dx_client_query(dx, space, print_row, when, "{\"id\": %s}", id) == DX_OK;
}

static bool show_first(dx_client *dx, const char *space, const char *id, const char *point) {
    dx_buf row;
    dx_buf_init(&row, dx_host_alloc(), DX_ANSWER_MAX);
    bool found = dx_client_get_at(dx, space, id, point, &row) == DX_OK;
    if (found) {
        print_json("it was: ", dx_item_get(dx_buf_view(&row), "data"));
    }
    dx_buf_deinit(&row);
    return found;
}

static bool play(dx_client *dx) {
    char space[DX_SPACE_TEXT_MAX], id[DX_REFERENCE_TEXT_MAX];
    past seen = {.count = 0};
    int error = dx_client_create_identity(dx, "Alice");
    if ((error != DX_OK && error != DX_E_EXISTS) || dx_client_create_space(dx, "poems", space) != DX_OK ||
        dx_client_add(dx, space, "poem", id, "{\"line\": %s}", "roses are red") != DX_OK ||
        dx_client_set(dx, space, id, "{\"line\": %s, \"draft\": true}", "roses are read") != DX_OK ||
        dx_client_set(dx, space, id, "{\"line\": %s}", "noses are read") != DX_OK) {
        return false;
    }
    printf("what happened, the newest first:\n");
    if (dx_client_history(dx, space, id, 0, note, &seen) != DX_OK || seen.count != 3) {
        return false;
    }
    /* A point says how it was, of an object or of all that a question finds; two say what became of it. */
    const char *first = seen.points[2];
    return dx_client_difference(dx, space, id, first, NULL, print_json, "  ") == DX_OK &&
           dx_client_difference(dx, space, NULL, first, NULL, print_json, "in the space: ") == DX_OK &&
           show_first(dx, space, id, first) &&
           dx_client_query_at(dx, space, first, print_row,
                              "drafts then: ", "{\"where\": {\"draft\": true}}") == DX_OK &&
           dx_client_query_at(dx, space, seen.points[1], print_row,
                              "and after: ", "{\"where\": {\"draft\": true}}") == DX_OK &&
           dx_client_undo(dx, space, NULL) == DX_OK && show(dx, "undone: ", space, id) &&
           dx_client_redo(dx, space, NULL) == DX_OK && show(dx, "done again: ", space, id) &&
           dx_client_restore_at(dx, space, id, first) == DX_OK && show(dx, "as at first: ", space, id) &&
           /* For good: nothing shows it any more, in the past either. */
           dx_client_purge(dx, space, id) == DX_OK && show(dx, "never: ", space, id) &&
           dx_client_query_at(dx, space, first, print_row, "never: ", "{}") == DX_OK;
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = count > 1 ? words[1] : "past-vault", .create = true};
    dx_client *dx = NULL;
    bool played = dx_client_open(&options, &dx, message) == DX_OK && play(dx);
    if (!played) {
        fprintf(stderr, "%s\n", dx == NULL ? message : dx_client_message(dx));
    }
    dx_client_close(dx);
    return played ? 0 : 1;
}
