/* examples/exchange.c: in and out: JSON Lines read in batches, a table by SQL as CSV, and everything out again as lines that
 * `dx import` takes.   cc exchange.c $(pkg-config --cflags --libs dxos-host) -o exchange && ./exchange my-vault [lines.jsonl] */
#include <dxos/client.h>
#include <stdio.h>
#include <string.h>

enum { LINE_SIZE_MAX = 1 << 16, BATCH = 100 };

static const char *const sample[] = {
    "{\"name\": \"ash\", \"height\": 35}", "{\"name\": \"oak, old\", \"height\": 40}",
    "{\"name\": \"elm\", \"height\": 30.5, \"since\": {\"@time\": \"1990-05-01T00:00:00Z\"}}"};

/* Objects of a line each, up to BATCH of them in one transaction. */
typedef struct batch {
    dx_client *dx;
    const char *space;
    dx_buf lines; /* items, one behind the other */
    size_t count;
} batch;

static int write_batch(batch *self) {
    dx_buf command, reply;
    dx_map_builder map;
    dx_writer writer;
    dx_reader lines;
    dx_buf_init(&command, dx_host_alloc(), DX_ANSWER_MAX);
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    dx_writer_init(&writer, &command);
    dx_reader_init(&lines, dx_buf_view(&self->lines));
    dx_map_builder_init(&map, dx_host_alloc(), DX_ANSWER_MAX);
    dx_write_text(dx_map_builder_key(&map, "do"), "batch");
    dx_write_text(dx_map_builder_key(&map, "space"), self->space);
    dx_writer *ops = dx_map_builder_key(&map, "ops");
    dx_write_array(ops, self->count);
    for (size_t i = 0; i < self->count; i++) {
        dx_write_map(ops, 3); /* keys in canonical order: the shorter first */
        dx_write_text(ops, "op");
        dx_write_text(ops, "add");
        dx_write_text(ops, "data");
        dx_write_item(ops, dx_read_item(&lines));
        dx_write_text(ops, "type");
        dx_write_text(ops, "tree");
    }
    dx_map_builder_finish(&map, &writer);
    int error = dx_writer_finish(&writer);
    error = error ? error : dx_client_call(self->dx, dx_buf_view(&command), NULL, NULL, -1, &reply);
    dx_bytes refused = dx_reply_error(dx_buf_view(&reply)); /* {"code", "name", "message", "try"?} */
    if (error == DX_OK && refused.size > 0) {
        error = (int)dx_item_int(dx_item_get(refused, "code"), DX_E_MALFORMED);
    }
    dx_buf_deinit(&reply);
    dx_buf_deinit(&command);
    dx_buf_clear(&self->lines);
    self->count = 0;
    return error;
}

static int take_line(batch *self, const char *line) {
    char what[96];
    dx_writer writer;
    dx_writer_init(&writer, &self->lines);
    int error = dx_json_parse(dx_bytes_text(line), &writer, what, sizeof what);
    if (error != DX_OK) {
        fprintf(stderr, "a line is no JSON: %s\n", what);
        return error;
    }
    return ++self->count == BATCH ? write_batch(self) : DX_OK;
}

static int read_lines(batch *self, const char *path) {
    char line[LINE_SIZE_MAX];
    int error = DX_OK;
    FILE *file = path == NULL ? NULL : fopen(path, "r");
    if (path != NULL && file == NULL) {
        return DX_E_IO;
    }
    for (size_t i = 0; path == NULL && error == DX_OK && i < sizeof sample / sizeof sample[0]; i++) {
        error = take_line(self, sample[i]);
    }
    while (file != NULL && error == DX_OK && fgets(line, sizeof line, file) != NULL) {
        error = take_line(self, line);
    }
    if (file != NULL) {
        fclose(file);
    }
    return error == DX_OK && self->count > 0 ? write_batch(self) : error;
}

/* With a comma, a quote or an end of line in it a text is quoted (RFC 4180). */
static void print_text(dx_bytes text) {
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        quoted = quoted || strchr(",\"\r\n", text.data[i]) != NULL;
    }
    fputs(quoted ? "\"" : "", stdout);
    for (size_t i = 0; i < text.size; i++) {
        fputs(quoted && text.data[i] == '"' ? "\"" : "", stdout);
        putchar(text.data[i]);
    }
    fputs(quoted ? "\"" : "", stdout);
}

/* The first answer is {"columns": […]}, each row an array. */
static void print_csv(void *ctx, dx_bytes row) {
    dx_buf json;
    dx_reader reader;
    (void)ctx;
    dx_buf_init(&json, dx_host_alloc(), DX_ANSWER_MAX);
    dx_reader_init(&reader, dx_item_kind(row) == DX_KIND_MAP ? dx_item_get(row, "columns") : row);
    for (size_t left = dx_read_array(&reader); left > 0; left--) {
        dx_bytes item = dx_read_item(&reader);
        dx_buf_clear(&json);
        if (dx_item_kind(item) == DX_KIND_TEXT) {
            print_text(dx_item_text(item));
        } else if (dx_item_kind(item) != DX_KIND_NULL && dx_json_print(item, &json) == DX_OK) {
            print_text(dx_buf_view(&json));
        }
        putchar(left > 1 ? ',' : '\n');
    }
    dx_buf_deinit(&json);
}

static void write_line(void *ctx, dx_bytes row) {
    dx_buf json;
    dx_buf_init(&json, dx_host_alloc(), DX_ANSWER_MAX);
    *(int *)ctx += dx_json_print(row, &json) == DX_OK; /* a program would write it to its file */
    dx_buf_deinit(&json);
}

static void take_rows(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_rows_each(body, write_line, ctx);
}

/* Any command can be sent as the map it is; what it answers comes as bodies with many rows each, then the reply. */
static int export_lines(dx_client *dx, const char *space, int *lines) {
    dx_buf command, reply;
    dx_writer writer;
    dx_buf_init(&command, dx_host_alloc(), 1024);
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    dx_writer_init(&writer, &command);
    int error = dx_json_format(&writer, "{\"do\": \"export\", \"space\": %s}", space);
    error = error ? error : dx_client_call(dx, dx_buf_view(&command), take_rows, lines, -1, &reply);
    error = error != DX_OK || dx_reply_error(dx_buf_view(&reply)).size == 0 ? error : DX_E_STATE;
    dx_buf_deinit(&reply);
    dx_buf_deinit(&command);
    return error;
}

static bool play(dx_client *dx, const char *path) {
    static const char ask[] = "{\"do\": \"space.sql\", \"space\": %s, \"sql\": %s, \"values\": [%d]}";
    static const char sql[] = "SELECT data ->> '$.name' AS name, data ->> '$.height' AS height FROM tree "
                              "WHERE height >= ? ORDER BY name";
    char space[DX_SPACE_TEXT_MAX];
    int lines = 0, error = dx_client_create_identity(dx, "Alice");
    if ((error != DX_OK && error != DX_E_EXISTS) || dx_client_create_space(dx, "forest", space) != DX_OK) {
        return false;
    }
    batch all = {.dx = dx, .space = space};
    dx_buf_init(&all.lines, dx_host_alloc(), DX_ANSWER_MAX);
    error = read_lines(&all, path);
    dx_buf_deinit(&all.lines);
    if (error != DX_OK || dx_client_ask(dx, print_csv, NULL, NULL, ask, space, sql, 30) != DX_OK ||
        export_lines(dx, space, &lines) != DX_OK) {
        return false;
    }
    printf("%d lines\n", lines);
    return true;
}

int main(int count, char **words) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = count > 1 ? words[1] : "exchange-vault", .create = true};
    dx_client *dx = NULL;
    bool played = dx_client_open(&options, &dx, message) == DX_OK && play(dx, count > 2 ? words[2] : NULL);
    if (!played) {
        fprintf(stderr, "%s\n", dx == NULL ? message : dx_client_message(dx));
    }
    dx_client_close(dx);
    return played ? 0 : 1;
}
