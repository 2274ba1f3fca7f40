/* fuzz_dpkg.c: stanzas of dpkg. Checks: any bytes give one canonical map with a name, or nothing, or a
 * refusal with its reason; names of packages hold nothing that belongs to versions, architectures or the next
 * name. */
#include <dxos/host.h>

#include "dpkg.h"
#include "fuzz.h"

static void check_names(dx_bytes list) {
    dx_reader reader;
    dx_reader_init(&reader, list);
    for (size_t left = list.size > 0 ? dx_read_array(&reader) : 0; left > 0; left--) {
        dx_bytes name = dx_read_text(&reader);
        FUZZ_CHECK(name.size > 0);
        for (size_t i = 0; i < name.size; i++) {
            FUZZ_CHECK(memchr(" ,|(:[<\n", name.data[i], 8) == NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_buf out;
    dx_writer writer;
    bool installed = false;
    const char *why = NULL;
    dx_bytes text = dx_bytes_of(data, size);
    dx_buf_init(&out, dx_host_alloc(), 1 << 20);
    dx_writer_init(&writer, &out);
    int error = dx_dpkg_stanza(text, &writer, &installed, &why);
    FUZZ_CHECK(error == DX_OK || error == DX_E_INVALID || error == DX_E_LIMIT);
    FUZZ_CHECK(why != NULL);
    if (error == DX_OK && installed) {
        dx_bytes item = dx_buf_view(&out);
        FUZZ_CHECK(dx_item_check(item) == DX_OK);
        check_names(dx_item_get(item, "depends"));
        check_names(dx_item_get(item, "provides"));
    } else {
        FUZZ_CHECK(error != DX_OK || out.size == 0);
    }
    dx_dpkg_begins(text);
    dx_buf_deinit(&out);
    return 0;
}
