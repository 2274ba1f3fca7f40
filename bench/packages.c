/* bench/packages.c: the input of the measurements: packages and the dependencies between them.
 *
 * Everything is read before any clock starts, and stays in memory until the program ends. */
#include "bench.h"
#include "reading.h"

#include <dxos/codec.h>
#include <stdlib.h>
#include <string.h>

enum { CBOR_MAX = 1 << 20 };

static void *take(size_t size) {
    void *block = calloc(1, size == 0 ? 1 : size);
    if (block == NULL) {
        bench_fail("no memory for the input");
    }
    return block;
}

static dx_bytes encode(dx_bytes json, size_t line) {
    char message[96];
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, dx_host_alloc(), CBOR_MAX);
    dx_writer_init(&writer, &item);
    if (dx_json_parse(json, &writer, message, sizeof message) != DX_OK) {
        bench_fail("line %zu of the packages: %s", line, message);
    }
    return dx_buf_view(&item); /* kept for good */
}

/* --- Names to places: a hash table with open addressing ---------------------------------------- */

typedef struct name_table {
    uint32_t *slots; /* place + 1, 0: free */
    size_t mask;
} name_table;

static size_t slot_of(const name_table *names, const bench_input *input, dx_bytes name) {
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ name.data[i]) * UINT64_C(1099511628211);
    }
    for (size_t slot = hash & names->mask;; slot = (slot + 1) & names->mask) {
        if (names->slots[slot] == 0 ||
            dx_bytes_equal(dx_item_text(dx_item_get(input->packages[names->slots[slot] - 1].cbor, "name")),
                           name)) {
            return slot;
        }
    }
}

static void index_names(name_table *names, const bench_input *input) {
    names->mask = 1;
    while (names->mask < 2 * input->package_count) {
        names->mask *= 2;
    }
    names->slots = take(names->mask * sizeof *names->slots);
    names->mask--;
    for (size_t i = 0; i < input->package_count; i++) {
        dx_bytes name = dx_item_text(dx_item_get(input->packages[i].cbor, "name"));
        names->slots[slot_of(names, input, name)] = (uint32_t)i + 1;
    }
}

/* Calls to count and to fill are the same walk; edges may be NULL. */
static size_t find_edges(const bench_input *input, const name_table *names, bench_edge *edges) {
    size_t count = 0;
    for (size_t i = 0; i < input->package_count; i++) {
        dx_bytes depends = dx_item_get(input->packages[i].cbor, "depends");
        dx_reader reader;
        dx_reader_init(&reader, depends);
        size_t names_left = depends.size == 0 ? 0 : dx_read_array(&reader);
        for (; names_left > 0; names_left--) {
            uint32_t target = names->slots[slot_of(names, input, dx_read_text(&reader))];
            if (target != 0) {
                if (edges != NULL) {
                    edges[count] = (bench_edge){(uint32_t)i, target - 1};
                }
                count++;
            }
        }
    }
    return count;
}

void bench_load_packages(bench_input *input, const char *path) {
    dx_buf text;
    dx_buf_init(&text, dx_host_alloc(), SIZE_MAX);
    if (!reading_file(path, &text)) {
        bench_fail("%s could not be read to its end", path);
    }
    const uint8_t *at = text.data, *end = text.data + text.size;
    for (const uint8_t *c = at; c < end; c++) {
        input->package_count += *c == '\n';
    }
    if (input->package_count == 0) {
        bench_fail("%s holds no lines", path);
    }
    input->packages = take(input->package_count * sizeof *input->packages);
    for (size_t i = 0; i < input->package_count; i++) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        bench_package *package = &input->packages[i];
        package->json = dx_bytes_of(at, (size_t)(newline - at));
        package->cbor = encode(package->json, i + 1);
        input->json_bytes += package->json.size;
        input->cbor_bytes += package->cbor.size;
        at = newline + 1;
    }
    name_table names;
    index_names(&names, input);
    input->edge_count = find_edges(input, &names, NULL);
    input->edges = take(input->edge_count * sizeof *input->edges);
    find_edges(input, &names, input->edges);
    free(names.slots);
}
