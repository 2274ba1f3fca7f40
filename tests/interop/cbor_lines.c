/* tests/interop/cbor_lines.c: a filter for comparing our codec with another one's (tests/interop/cbor.py).
 *
 * Each line of standard input is a JSON text; the answer is its canonical CBOR in hexadecimal, a space, and
 * that printed as JSON again; or "error" and why. */
#include <dxos/codec.h>
#include <dxos/host.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_SIZE = 1 << 16 };

static void answer(const dx_alloc *alloc, dx_bytes line) {
    char message[96];
    dx_buf item, json;
    dx_writer writer;
    dx_buf_init(&item, alloc, LINE_MAX_SIZE);
    dx_buf_init(&json, alloc, 8 * LINE_MAX_SIZE);
    dx_writer_init(&writer, &item);
    if (dx_json_parse(line, &writer, message, sizeof message) != DX_OK) {
        printf("error %s\n", message);
    } else if (dx_json_print(dx_buf_view(&item), &json) != DX_OK) {
        printf("error not printed\n");
    } else {
        for (size_t i = 0; i < item.size; i++) {
            printf("%02x", item.data[i]);
        }
        printf(" %.*s\n", (int)json.size, (const char *)json.data);
    }
    dx_buf_deinit(&item);
    dx_buf_deinit(&json);
}

int main(void) {
    static char line[LINE_MAX_SIZE];
    while (fgets(line, sizeof line, stdin) != NULL) {
        answer(dx_host_alloc(), dx_bytes_of(line, strcspn(line, "\n")));
    }
    return 0;
}
