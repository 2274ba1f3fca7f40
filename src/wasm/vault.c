/* wasm/vault.c: the node behind the wasm boundary: encoded events in, encoded effects out.
 *
 * Layer: floor 3' (wasm); public headers only. One instance of the module holds at most one node.
 * Every call returns 0 or a DX_E_ code and leaves its bytes in the output, which dx_wasm_output and
 * dx_wasm_output_size show until the next call; after an error the output is a sentence for people (UTF-8),
 * possibly empty. Input bytes are borrowed for the call. Formats (docs/spec/seam.md):
 *   open   in:  map {"create": bool, "key": bytes 32, "path": text, "same_file": bool, "token": bytes 16 (may be absent)}
 *          out: bytes, the token of this opening
 *   step   in:  events, one item after another
 *          out: deadline_ms or null, token or null, then effects, one item after another
 * A token is for the page to mirror (dxos/node.h): open's before the first step (empty: the vault is read-only,
 * there is nothing to mirror), and whenever a step gives one, which it does only when it is another one. */
#include "wasm/imports.h"

#include <dxos/codec.h>
#include <dxos/node.h>

#include <sodium.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define WASM_EXPORT(name) __attribute__((export_name(#name))) name

/* An output is one step's effects; the node bounds a step's work well below this. */
enum { OUTPUT_SIZE_MAX = 256 * 1024 * 1024, PATH_SIZE_MAX = 256, MESSAGE_SIZE = 256 };

int WASM_EXPORT(dx_wasm_open)(const uint8_t *config, size_t size);
int WASM_EXPORT(dx_wasm_step)(const uint8_t *data, size_t size);
void WASM_EXPORT(dx_wasm_close)(void);
const uint8_t *WASM_EXPORT(dx_wasm_output)(void);
size_t WASM_EXPORT(dx_wasm_output_size)(void);

static void *resize_heap(void *ctx, void *old, size_t old_size, size_t new_size) {
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    random_fill(out, size);
}

static void tell_line(void *ctx, const char *room, const char *text) {
    (void)ctx;
    trace_line(room, strlen(room), text, strlen(text));
}

static const dx_alloc heap = {.resize = resize_heap};
static dx_node *node;
static dx_buf output;
static uint8_t told_token[DX_VAULT_TOKEN_SIZE]; /* that the page was given; zeros: none */

/* Our own bug: told to the page, then a trap, which ends this instance. */
void dx_assert_failed(const char *expression, const char *file, int line) {
    (void)line;
    trace_line(file, strlen(file), expression, strlen(expression));
    __builtin_trap();
}

static void clear_output(void) {
    dx_buf_deinit(&output);
    dx_buf_init(&output, &heap, OUTPUT_SIZE_MAX);
}

const uint8_t *dx_wasm_output(void) {
    return output.data;
}

size_t dx_wasm_output_size(void) {
    return output.size;
}

static int fail_with(int error, const char *message) {
    clear_output();
    dx_buf_append(&output, message, strlen(message));
    return error;
}

/* The node's token, if it has one and the page does not know it; else empty. */
static dx_bytes token_to_tell(void) {
    const uint8_t *token = dx_node_token(node);
    if (token == NULL || memcmp(token, told_token, sizeof told_token) == 0) {
        return dx_bytes_of(NULL, 0);
    }
    memcpy(told_token, token, sizeof told_token);
    return dx_bytes_of(told_token, sizeof told_token);
}

/* Copies a field of exactly size bytes; false when it is absent or of another size. */
static bool copy_field(dx_bytes config, const char *key, uint8_t *out, size_t size) {
    dx_bytes value = dx_item_bytes(dx_item_get(config, key));
    if (value.data == NULL || value.size != size) {
        return false;
    }
    memcpy(out, value.data, size);
    return true;
}

int dx_wasm_open(const uint8_t *config_data, size_t size) {
    dx_bytes config = dx_bytes_of(config_data, size);
    if (node != NULL) {
        return fail_with(DX_E_STATE, "this instance holds a vault already");
    }
    if (dx_item_check(config) != DX_OK) {
        return fail_with(DX_E_MALFORMED, "the configuration is not one canonical item");
    }
    dx_node_config native = {
        .alloc = heap,
        .random = {.fill = fill_random},
        .tracer = {.line = tell_line},
        .create = dx_item_bool(dx_item_get(config, "create"), false),
        .same_file = dx_item_bool(dx_item_get(config, "same_file"), false),
    };
    char path[PATH_SIZE_MAX];
    dx_bytes path_text = dx_item_text(dx_item_get(config, "path"));
    if (path_text.data == NULL || path_text.size >= sizeof path ||
        memchr(path_text.data, 0, path_text.size)) {
        return fail_with(DX_E_INVALID, "the configuration has no path, or one that is too long");
    }
    memcpy(path, path_text.data, path_text.size);
    path[path_text.size] = 0;
    native.path = path;
    if (!copy_field(config, "key", native.vault_key, DX_VAULT_KEY_SIZE)) {
        return fail_with(DX_E_INVALID, "the configuration has no key of 32 bytes");
    }
    native.has_token = copy_field(config, "token", native.token, DX_VAULT_TOKEN_SIZE);

    char message[MESSAGE_SIZE] = "";
    int error = dx_node_open(&native, &node, message, sizeof message);
    sodium_memzero(native.vault_key, sizeof native.vault_key);
    if (error != DX_OK) {
        node = NULL;
        return fail_with(error, message);
    }
    clear_output();
    dx_writer writer;
    dx_writer_init(&writer, &output);
    memset(told_token, 0, sizeof told_token);
    dx_write_bytes(&writer, token_to_tell());
    return dx_writer_finish(&writer);
}

static int write_effects(const dx_effects *effects) {
    dx_writer writer;
    clear_output();
    dx_writer_init(&writer, &output);
    if (effects->deadline_ms == DX_NO_DEADLINE) {
        dx_write_null(&writer);
    } else {
        dx_write_uint(&writer, effects->deadline_ms);
    }
    dx_bytes token = token_to_tell();
    if (token.size == 0) {
        dx_write_null(&writer);
    } else {
        dx_write_bytes(&writer, token);
    }
    int error = dx_writer_finish(&writer);
    for (size_t i = 0; i < effects->count && error == DX_OK; i++) {
        error = dx_effect_encode(&effects->items[i], &output);
    }
    return error;
}

/* Reads the events that fill data, into events where that is given; *count of them. Counted first, they take no
 * more memory than there are: bodies can be long. */
static int read_events(dx_bytes data, dx_event *events, size_t *count) {
    dx_reader reader;
    dx_reader_init(&reader, data);
    *count = 0;
    while (reader.error == DX_OK && reader.at < reader.end) {
        dx_bytes item = dx_read_item(&reader);
        if (item.size == 0 || (events != NULL && dx_event_decode(item, &events[*count]) != DX_OK)) {
            return DX_E_MALFORMED;
        }
        (*count)++;
    }
    return dx_reader_finish(&reader);
}

int dx_wasm_step(const uint8_t *data, size_t size) {
    if (node == NULL) {
        return fail_with(DX_E_STATE, "no vault is open");
    }
    size_t count = 0;
    dx_effects effects = {.deadline_ms = DX_NO_DEADLINE};
    int error = read_events(dx_bytes_of(data, size), NULL, &count);
    dx_event *events = error == DX_OK ? calloc(count + 1, sizeof *events) : NULL;
    if (error == DX_OK && events == NULL) {
        error = DX_E_NO_MEMORY;
    }
    if (error == DX_OK) {
        error = read_events(dx_bytes_of(data, size), events, &count);
    }
    if (error == DX_OK) {
        error = dx_node_step(node, events, count, &effects);
    }
    free(events);
    if (error == DX_OK) {
        error = write_effects(&effects);
    }
    return error == DX_OK ? DX_OK : fail_with(error, dx_error_text(error));
}

void dx_wasm_close(void) {
    dx_node_close(node);
    node = NULL;
    clear_output();
}
