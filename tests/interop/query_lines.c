/* tests/interop/query_lines.c: a vault as a filter, for the oracle of queries (tests/interop/query_oracle.py).
 *
 * The argument is an empty folder. Each line of standard input is a command of docs/spec/commands.md as JSON; the answer
 * is one line: {"rows": [row…], "reply": reply}. */
#include <dxos/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE_MAX = 1 << 20, WAIT_MS = 60000 };

static size_t told;

static void print_item(dx_bytes item) {
    dx_buf json;
    dx_buf_init(&json, dx_host_alloc(), DX_ANSWER_MAX);
    if (dx_json_print(item, &json) != DX_OK) {
        fprintf(stderr, "an answer that does not print\n");
        exit(1);
    }
    fwrite(json.data, 1, json.size, stdout);
    dx_buf_deinit(&json);
}

static void print_row(void *ctx, dx_bytes row) {
    (void)ctx;
    printf("%s", told++ > 0 ? "," : "");
    print_item(row);
}

static void print_rows(void *ctx, bool last, dx_bytes body) {
    if (!last) {
        dx_rows_each(body, print_row, ctx);
    }
}

static void answer(dx_client *client, dx_bytes line) {
    char message[96];
    dx_buf command, reply;
    dx_writer writer;
    dx_buf_init(&command, dx_host_alloc(), LINE_SIZE_MAX);
    dx_buf_init(&reply, dx_host_alloc(), DX_ANSWER_MAX);
    dx_writer_init(&writer, &command);
    if (dx_json_parse(line, &writer, message, sizeof message) != DX_OK) {
        fprintf(stderr, "%s\n", message);
        exit(1);
    }
    told = 0;
    printf("{\"rows\":[");
    if (dx_client_call(client, dx_buf_view(&command), print_rows, NULL, WAIT_MS, &reply) != DX_OK) {
        fprintf(stderr, "no answer\n");
        exit(1);
    }
    printf("],\"reply\":");
    print_item(dx_buf_view(&reply));
    printf("}\n");
    fflush(stdout);
    dx_buf_deinit(&command);
    dx_buf_deinit(&reply);
}

int main(int argc, char **argv) {
    static char line[LINE_SIZE_MAX];
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = argc == 2 ? argv[1] : NULL, .create = true, .never_agent = true};
    dx_client *client;
    if (argc != 2 || dx_client_open(&options, &client, message) != DX_OK) {
        fprintf(stderr, "%s\n", argc != 2 ? "query_lines FOLDER" : message);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        answer(client, dx_bytes_of(line, strcspn(line, "\n")));
    }
    dx_client_close(client);
    return 0;
}
