/* examples/questions.c: questions built in C (dxos/query.h): conditions and groups, steps and shortest paths, an order, pages, numbers,
 * full text, one space or all.   cc questions.c $(pkg-config --cflags --libs dxos-host) -o questions && ./questions my-vault */
#include <dxos/client.h>
#include <stdio.h>

enum { TEXT_MAX = 4096, LOOKS_MAX = 1000 };

typedef struct town {
    dx_client *dx;
    char home[DX_SPACE_TEXT_MAX];
    char tea[DX_REFERENCE_TEXT_MAX], cup[DX_REFERENCE_TEXT_MAX], buy[DX_REFERENCE_TEXT_MAX];
    char shop[DX_REFERENCE_TEXT_MAX];
} town;

static void on_row(void *ctx, dx_bytes row) {
    dx_bytes type = dx_item_text(dx_item_get(row, "type")), value = dx_item_text(dx_item_get(row, "value"));
    dx_bytes title = dx_item_text(dx_item_get(dx_item_get(row, "data"), "title"));
    dx_bytes count = dx_item_get(row, "count");
    if (count.size > 0) {
        printf("  %.*s %d\n", (int)value.size, (const char *)value.data, (int)dx_item_int(count, 0));
    } else if (type.size > 0) {
        printf("  %.*s %.*s\n", (int)type.size, (const char *)type.data, (int)title.size,
               (const char *)title.data);
    } else {
        printf("  an id\n");
    }
    ++*(int *)ctx;
}

/* Asks, and frees the question: how many rows came, or the number that was asked for; -1: it failed. cursor (TEXT_MAX, may be NULL)
 * receives where a further page begins, empty when there is none. */
static int ask(const town *self, const char *space, const char *what, dx_query_builder *q, char *cursor) {
    int rows = 0;
    dx_buf reply;
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    printf("%s:\n", what);
    int error = dx_query_builder_error(q); /* whatever was said to it wrongly, first of all */
    error = error ? error : dx_client_query_built(self->dx, space, on_row, &rows, q, &reply);
    if (error != DX_OK) {
        fprintf(stderr, "%s: %s\n", dx_error_text(error), dx_client_message(self->dx));
    }
    dx_bytes more = dx_item_text(dx_item_get(dx_buf_view(&reply), "cursor"));
    if (cursor != NULL) {
        snprintf(cursor, TEXT_MAX, "%.*s", (int)more.size, more.size == 0 ? "" : (const char *)more.data);
    }
    int count = (int)dx_item_int(dx_item_get(dx_buf_view(&reply), "count"), rows);
    dx_buf_deinit(&reply);
    dx_query_builder_destroy(q);
    return error == DX_OK ? count : -1;
}

static bool conditions(const town *self) {
    dx_buf json;
    dx_query_builder *q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_type(q, "errand");
    dx_query_builder_begin(q, DX_QUERY_OR);
    dx_query_builder_where(q, "rank", DX_WHERE_GE, "%d", 3);
    dx_query_builder_where(q, "done", DX_WHERE_EQ, "true");
    dx_query_builder_end(q);
    dx_query_builder_order(q, "title", false);
    dx_buf_init(&json, dx_host_alloc(), TEXT_MAX);
    if (dx_query_builder_print(q, &json) == DX_OK) { /* what would have been written */
        printf("%.*s\n", (int)json.size, (const char *)json.data);
    }
    dx_buf_deinit(&json);
    bool well = ask(self, NULL, "errands of all spaces that are urgent or done", q, NULL) >= 2;
    q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_type(q, "errand");
    dx_query_builder_parent(q, self->shop);
    well = well && ask(self, self->home, "errands under the shop", q, NULL) == 2;
    q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_kind(q, "any");
    dx_query_builder_deleted(q, "only");
    return well && ask(self, self->home, "what was deleted", q, NULL) == 1;
}

static bool steps(const town *self) {
    dx_query_builder *q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_id(q, self->tea);
    dx_query_builder_step(q, DX_STEP_OUT, "needs");
    dx_query_builder_repeat(q, 0);
    bool well = ask(self, self->home, "all that tea needs", q, NULL) == 2;
    q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_id(q, self->tea);
    dx_query_builder_to(q, DX_STEP_OUT, "needs", 5);
    dx_query_builder_id(q, self->buy);
    well = well && ask(self, self->home, "the way from tea to buying", q, NULL) == 3;
    q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_source(q, self->tea);
    dx_query_builder_target(q, self->cup);
    return well && ask(self, self->home, "links from tea to the cup", q, NULL) == 1;
}

static bool answers(const town *self) {
    char cursor[TEXT_MAX] = "";
    int pages = 0, rows = 0;
    do { /* page by page; the first has no cursor yet */
        dx_query_builder *page = dx_query_builder_create(dx_host_alloc());
        dx_query_builder_type(page, "errand");
        dx_query_builder_order(page, "title", true);
        dx_query_builder_limit(page, 2);
        dx_query_builder_cursor(page, cursor);
        rows = ask(self, self->home, "a page", page, cursor);
    } while (rows >= 0 && ++pages < LOOKS_MAX && cursor[0] != 0);
    dx_query_builder *q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_type(q, "errand");
    dx_query_builder_group(q, "where");
    bool well = rows >= 0 && pages == 2 && ask(self, self->home, "errands by place", q, NULL) == 2;
    q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_type(q, "errand");
    dx_query_builder_count(q);
    well = well && ask(self, self->home, "their number", q, NULL) == 3;
    q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_type(q, "errand");
    dx_query_builder_ids(q);
    return well && ask(self, self->home, "ids alone", q, NULL) == 3;
}

static void print_snippet(void *ctx, dx_bytes row) {
    dx_buf json;
    dx_buf_init(&json, dx_host_alloc(), TEXT_MAX);
    *(bool *)ctx = dx_json_print(dx_item_get(row, "snippet"), &json) == DX_OK;
    printf("  %.*s\n", (int)json.size,
           (const char *)json.data); /* by turns outside and inside of what was found */
    dx_buf_deinit(&json);
}

static void look_ready(void *ctx, dx_bytes row) {
    *(bool *)ctx = dx_bytes_equal(dx_item_text(dx_item_get(row, "state")), dx_bytes_text("ready"));
}

/* Words are found by an index, which is made once, in pieces between other work. */
static bool full_text(const town *self) {
    static const char add[] = "{\"do\": \"index.add\", \"space\": %s, \"type\": \"errand\", \"text\": true}";
    static const char list[] = "{\"do\": \"index.ls\", \"space\": %s}";
    bool ready = false, found = false;
    int error = dx_client_ask(self->dx, NULL, NULL, NULL, add, self->home);
    for (int looks = 0; error == DX_OK && !ready && looks < LOOKS_MAX; looks++) {
        error = dx_client_ask(self->dx, look_ready, &ready, NULL, list, self->home);
    }
    dx_query_builder *q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_type(q, "errand");
    dx_query_builder_text(q, "clean*", true);
    error = error ? error : dx_client_query_built(self->dx, self->home, print_snippet, &found, q, NULL);
    dx_query_builder_destroy(q);
    return error == DX_OK && found;
}

/* A question may be a part of a command: here of one that tells how it would be answered. */
static bool explain(const town *self) {
    dx_map_builder map;
    dx_writer writer;
    dx_buf question, command, reply;
    dx_buf_init(&question, dx_host_alloc(), TEXT_MAX);
    dx_buf_init(&command, dx_host_alloc(), TEXT_MAX);
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    dx_query_builder *q = dx_query_builder_create(dx_host_alloc());
    dx_query_builder_type(q, "errand");
    dx_query_builder_where(q, "rank", DX_WHERE_GT, "%d", 0);
    int error = dx_query_builder_write(q, &question);
    dx_query_builder_destroy(q);
    dx_map_builder_init(&map, dx_host_alloc(), TEXT_MAX);
    dx_write_text(dx_map_builder_key(&map, "do"), "query");
    dx_write_text(dx_map_builder_key(&map, "space"), self->home);
    dx_write_item(dx_map_builder_key(&map, "query"), dx_buf_view(&question));
    dx_write_bool(dx_map_builder_key(&map, "explain"), true);
    dx_writer_init(&writer, &command);
    dx_map_builder_finish(&map, &writer);
    error = error ? error : dx_writer_finish(&writer);
    error = error ? error : dx_client_call(self->dx, dx_buf_view(&command), NULL, NULL, -1, &reply);
    dx_bytes begins = dx_item_text(dx_item_get(dx_buf_view(&reply), "begins"));
    printf("it begins with: %.*s\n", (int)begins.size, (const char *)begins.data);
    dx_buf_deinit(&reply);
    dx_buf_deinit(&command);
    dx_buf_deinit(&question);
    return error == DX_OK && begins.size > 0;
}

static bool build(town *self) {
    static const char move[] = "{\"do\": \"object.move\", \"space\": %s, \"id\": %s, \"parent\": %s}";
    static const char errand[] = "{\"title\": %s, \"rank\": %d, \"where\": %s, \"done\": true}";
    char gone[DX_REFERENCE_TEXT_MAX];
    dx_client *dx = self->dx;
    int error = dx_client_create_identity(dx, "Alice");
    return (error == DX_OK || error == DX_E_EXISTS) &&
           dx_client_create_space(dx, "home", self->home) == DX_OK &&
           dx_client_add(dx, self->home, "place", self->shop, "{\"title\": %s}", "shop") == DX_OK &&
           dx_client_add(dx, self->home, "errand", self->tea, "{\"title\": %s, \"rank\": %d, \"where\": %s}",
                         "tea", 3, "home") == DX_OK &&
           dx_client_add(dx, self->home, "errand", self->cup, errand, "a clean cup", 1, "shop") == DX_OK &&
           dx_client_add(dx, self->home, "errand", self->buy, "{\"title\": %s, \"where\": %s}", "buy",
                         "shop") == DX_OK &&
           dx_client_add(dx, self->home, "errand", gone, "{\"title\": %s}", "old") == DX_OK &&
           dx_client_remove(dx, self->home, gone) == DX_OK &&
           dx_client_link(dx, self->home, "needs", self->tea, self->cup, NULL, "{}") == DX_OK &&
           dx_client_link(dx, self->home, "needs", self->cup, self->buy, NULL, "{}") == DX_OK &&
           dx_client_ask(dx, NULL, NULL, NULL, move, self->home, self->cup, self->shop) == DX_OK &&
           dx_client_ask(dx, NULL, NULL, NULL, move, self->home, self->buy, self->shop) == DX_OK;
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX];
    town self = {.dx = NULL};
    dx_client_options options = {.vault = count > 1 ? words[1] : "questions-vault", .create = true};
    if (dx_client_open(&options, &self.dx, message) != DX_OK) {
        fprintf(stderr, "%s\n", message);
        return 1;
    }
    bool well = build(&self) && conditions(&self) && steps(&self) && answers(&self) && full_text(&self) &&
                explain(&self);
    if (!well) {
        fprintf(stderr, "%s\n", dx_client_message(self.dx));
    }
    int gone = dx_client_ask(self.dx, NULL, NULL, NULL, "{\"do\": \"space.rm\", \"space\": %s}", self.home);
    dx_client_close(self.dx);
    return well && gone == DX_OK ? 0 : 1;
}
