/* bench/codec.c: the codec on real objects: each package is one item. */
#include "bench.h"

#include <dxos/codec.h>

enum { ITEM_MAX = 1 << 20 };

typedef struct codec_run {
    const bench_input *input;
    dx_buf buf;
} codec_run;

static void parse_json(void *ctx) {
    codec_run *it = ctx;
    for (size_t i = 0; i < it->input->package_count; i++) {
        dx_writer writer;
        dx_buf_clear(&it->buf);
        dx_writer_init(&writer, &it->buf);
        bench_must(dx_json_parse(it->input->packages[i].json, &writer, NULL, 0), "reading JSON");
    }
}

static void print_json(void *ctx) {
    codec_run *it = ctx;
    for (size_t i = 0; i < it->input->package_count; i++) {
        dx_buf_clear(&it->buf);
        bench_must(dx_json_print(it->input->packages[i].cbor, &it->buf), "printing JSON");
    }
}

static void check_items(void *ctx) {
    codec_run *it = ctx;
    for (size_t i = 0; i < it->input->package_count; i++) {
        bench_must(dx_item_check(it->input->packages[i].cbor), "checking an item");
    }
}

/* Reads an item by hand and, given a writer, writes it again. */
static void walk(dx_reader *reader, dx_writer *writer) {
    dx_kind kind = dx_reader_peek(reader);
    if (kind == DX_KIND_MAP || kind == DX_KIND_ARRAY) {
        size_t count = kind == DX_KIND_MAP ? dx_read_map(reader) : dx_read_array(reader);
        if (writer != NULL && kind == DX_KIND_MAP) {
            dx_write_map(writer, count);
        } else if (writer != NULL) {
            dx_write_array(writer, count);
        }
        for (size_t left = kind == DX_KIND_MAP ? 2 * count : count; left > 0; left--) {
            walk(reader, writer);
        }
    } else if (kind == DX_KIND_TEXT) {
        dx_bytes text = dx_read_text(reader);
        if (writer != NULL) {
            dx_write_text_bytes(writer, text);
        }
    } else if (kind == DX_KIND_INT) {
        int64_t value = dx_read_int(reader);
        if (writer != NULL) {
            dx_write_int(writer, value);
        }
    } else {
        dx_bytes other = dx_read_item(reader);
        if (writer != NULL) {
            dx_write_item(writer, other);
        }
    }
}

static void read_items(void *ctx) {
    codec_run *it = ctx;
    for (size_t i = 0; i < it->input->package_count; i++) {
        dx_reader reader;
        dx_reader_init(&reader, it->input->packages[i].cbor);
        walk(&reader, NULL);
        bench_must(dx_reader_finish(&reader), "reading CBOR");
    }
}

static void copy_items(void *ctx) {
    codec_run *it = ctx;
    for (size_t i = 0; i < it->input->package_count; i++) {
        dx_reader reader;
        dx_writer writer;
        dx_buf_clear(&it->buf);
        dx_writer_init(&writer, &it->buf);
        dx_reader_init(&reader, it->input->packages[i].cbor);
        walk(&reader, &writer);
        bench_must(dx_reader_finish(&reader), "reading CBOR");
        bench_must(dx_writer_finish(&writer), "writing CBOR");
    }
}

void bench_codec(const bench_input *input) {
    codec_run it = {.input = input};
    uint64_t ops = input->package_count;
    dx_buf_init(&it.buf, dx_host_alloc(), ITEM_MAX);
    bench_rounds("codec.json_parse", ops, input->json_bytes, parse_json, &it);
    bench_rounds("codec.json_print", ops, input->json_bytes, print_json, &it);
    bench_rounds("codec.item_check", ops, input->cbor_bytes, check_items, &it);
    bench_rounds("codec.read", ops, input->cbor_bytes, read_items, &it);
    bench_rounds("codec.read_and_write", ops, input->cbor_bytes, copy_items, &it);
    dx_buf_deinit(&it.buf);
}
