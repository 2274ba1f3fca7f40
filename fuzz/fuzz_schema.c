/* fuzz_schema.c: definitions of types, and values held against them. Input: [definition, value] as JSON when it begins with
 * a bracket, as an encoded item otherwise. Checks: who refuses names a rule and says it in a text with an end; what is a
 * definition judges any value, the same each time; without words that mean something everything is well. */
#include <dxos/codec.h>

#include <string.h>

#include "echo/schema.h"
#include "fuzz.h"

static void check_fault(const dx_schema_fault *fault) {
    FUZZ_CHECK(fault->rule != NULL && fault->rule[0] != '\0' && fault->message[0] != '\0');
    FUZZ_CHECK(memchr(fault->message, 0, sizeof fault->message) != NULL &&
               memchr(fault->path, 0, sizeof fault->path) != NULL);
}

/* Whatever it is that a reference leads to. */
static int type_of(void *ctx, dx_bytes id, dx_bytes *type) {
    (void)ctx;
    *type = dx_bytes_text("a");
    return id.size % 2 == 0 ? DX_OK : DX_E_NOT_FOUND;
}

static void judge(dx_bytes definition, dx_bytes value) {
    static const uint8_t anything[] = {0xa0};
    const dx_schema_lookup lookup = {.type_of = type_of};
    dx_schema_fault fault, again;
    int error = dx_schema_check(definition, &fault);
    if (error != DX_OK) {
        FUZZ_CHECK(error == DX_E_INVALID);
        check_fault(&fault);
        return;
    }
    error = dx_schema_judge(definition, value, &lookup, &fault);
    FUZZ_CHECK(error == DX_OK || error == DX_E_INVALID || error == DX_E_LIMIT);
    FUZZ_CHECK(dx_schema_judge(definition, value, &lookup, &again) == error);
    if (error == DX_E_INVALID) {
        check_fault(&fault);
        FUZZ_CHECK(strcmp(fault.message, again.message) == 0);
    }
    FUZZ_CHECK(dx_schema_judge(dx_bytes_of(anything, sizeof anything), value, NULL, &fault) == DX_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_buf item;
    dx_buf_init(&item, &fuzz_alloc, 1 << 20);
    if (size > 0 && data[0] == '[') {
        dx_writer writer;
        dx_writer_init(&writer, &item);
        if (dx_json_parse(dx_bytes_of(data, size), &writer, NULL, 0) != DX_OK) {
            dx_buf_clear(&item);
        }
    } else {
        dx_buf_append(&item, data, size);
    }
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&item));
    if (dx_item_check(dx_buf_view(&item)) == DX_OK && dx_item_kind(dx_buf_view(&item)) == DX_KIND_ARRAY &&
        dx_read_array(&reader) == 2) {
        dx_bytes definition = dx_read_item(&reader);
        judge(definition, dx_read_item(&reader));
    }
    dx_buf_deinit(&item);
    return 0;
}
