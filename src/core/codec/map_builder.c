/* codec/map_builder.c: a map whose pairs come in any order.
 *
 * Layer: floor 1, codec. Pairs are written one after another into a buffer of the builder's own and sorted at
 * the end. Invariant: starts[i] is where pair i begins; a pair ends where the next begins. */
#include "codec/cbor.h"

void dx_map_builder_init(dx_map_builder *map, const dx_alloc *alloc, size_t max_size) {
    dx_buf_init(&map->pairs, alloc, max_size);
    dx_writer_init(&map->writer, &map->pairs);
    map->count = 0;
}

dx_writer *dx_map_builder_key(dx_map_builder *map, const char *key) {
    if (map->count == DX_MAP_BUILDER_PAIRS_MAX) {
        map->writer.error = DX_E_STATE;
    } else {
        map->starts[map->count++] = map->pairs.size;
        dx_write_text(&map->writer, key);
    }
    return &map->writer;
}

/* The pairs in key order. No encoded key is the beginning of another, so the order of whole pairs is that of
 * their keys. */
static void sort_pairs(const dx_map_builder *map, dx_bytes *pairs) {
    for (size_t i = 0; i < map->count; i++) {
        size_t start = map->starts[i];
        size_t end = i + 1 < map->count ? map->starts[i + 1] : map->pairs.size;
        dx_bytes pair = dx_bytes_of(map->pairs.data + start, end - start);
        size_t place = i;
        for (; place > 0 && dx_bytes_compare(pairs[place - 1], pair) > 0; place--) {
            pairs[place] = pairs[place - 1];
        }
        pairs[place] = pair;
    }
}

/* Writes the pairs; the writer itself refuses a key that occurs twice. */
static int write_pairs(const dx_map_builder *map, dx_writer *out) {
    dx_bytes pairs[DX_MAP_BUILDER_PAIRS_MAX];
    sort_pairs(map, pairs);
    dx_write_map(out, map->count);
    for (size_t i = 0; i < map->count; i++) {
        dx_reader reader;
        dx_reader_init(&reader, pairs[i]);
        dx_bytes key = dx_read_item(&reader);
        dx_bytes value = dx_read_item(&reader);
        if (dx_reader_finish(&reader) != DX_OK) {
            return DX_E_STATE; /* no value, or more than one */
        }
        dx_write_item(out, key);
        dx_write_item(out, value);
    }
    return DX_OK;
}

void dx_map_builder_finish(dx_map_builder *map, dx_writer *out) {
    int error = map->writer.error;
    if (error == DX_OK) {
        error = write_pairs(map, out);
    }
    if (out->error == DX_OK) {
        out->error = error;
    }
    dx_buf_deinit(&map->pairs);
    map->count = 0;
}
