/* examples/encoding.c: values as bytes that are the same everywhere (dxos/codec.h): a weather report written by hand, read again without
 * trust, printed as JSON, sent in frames.   cc encoding.c $(pkg-config --cflags --libs dxos) -o encoding && ./encoding */
#include <dxos/codec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_MAX = 4096, SAMPLES_MAX = 100, SERIAL_SIZE = 4, FRAME_HEAD = 2 };

/* The library takes memory from where its program says. */
static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

static const dx_alloc heap = {NULL, resize};
static const uint8_t serial[SERIAL_SIZE] = {0xca, 0xfe, 0x00, 0x07};

typedef struct report {
    uint8_t serial[SERIAL_SIZE];
    int64_t at_micros, offset;
    uint64_t version;
    bool calibrated, strong;
    double *samples;
    size_t count, room, missing;
    char station[DX_REFERENCE_TEXT_MAX];
} report;

/* [version, serial, at, calibrated, offset, station, [sample or null…], {word: text…}] */
static int write_report(const uint8_t *station, dx_buf *out) {
    dx_writer writer;
    dx_map_builder words;
    dx_buf strong;
    dx_buf_init(&strong, &heap, DX_STRONG_REFERENCE_SIZE);
    dx_buf_append(&strong, station, DX_REFERENCE_SIZE);
    dx_buf_append_byte(&strong, DX_REFERENCE_STRONG);
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 8);
    dx_write_uint(&writer, 1);
    dx_write_bytes(&writer, dx_bytes_of(serial, sizeof serial));
    dx_write_timestamp(&writer, INT64_C(1700000000) * 1000000);
    dx_write_bool(&writer, true);
    dx_write_int(&writer, -3);
    dx_write_tag(&writer, DX_TAG_REFERENCE);
    dx_write_bytes(&writer, dx_buf_view(&strong));
    dx_write_array(&writer, 3);
    dx_write_double(&writer, 21.5);
    dx_write_null(&writer);
    dx_write_double(&writer, 22.25);
    dx_map_builder_init(&words, &heap, REPORT_MAX); /* takes keys in any order, and writes them in theirs */
    dx_write_text(dx_map_builder_key(&words, "weather"), "fair");
    dx_write_text(dx_map_builder_key(&words, "by"), "Ann");
    dx_map_builder_finish(&words, &writer);
    dx_buf_deinit(&strong);
    return dx_writer_finish(&writer);
}

/* Room for one more, doubling. */
static bool add_sample(report *self, double value) {
    if (self->count == self->room) {
        size_t room = self->room == 0 ? 1 : 2 * self->room;
        double *samples = self->room == 0 ? dx_alloc_take(&heap, sizeof *samples)
                                          : dx_alloc_grow(&heap, self->samples, self->room * sizeof *samples,
                                                          room * sizeof *samples);
        if (samples == NULL) {
            return false;
        }
        self->samples = samples;
        self->room = room;
    }
    self->samples[self->count++] = value;
    return true;
}

static void read_words(dx_reader *reader) {
    for (size_t words = dx_read_map(reader); words > 0; words--) {
        dx_bytes key = dx_read_text(reader), word = dx_item_text(dx_read_item(reader));
        printf("%.*s: %.*s\n", (int)key.size, (const char *)key.data, (int)word.size,
               (const char *)word.data);
    }
}

/* Read as it is said to be, and checked once at its end: after the first thing that was wrong every read gave nothing. */
static int read_report(dx_bytes item, report *out) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    bool whole = dx_read_array(&reader) == 8;
    out->version = dx_read_uint_max(&reader, 1);
    dx_read_bytes_exact(&reader, out->serial, sizeof out->serial);
    out->at_micros = dx_read_timestamp(&reader);
    out->calibrated = dx_read_bool(&reader);
    out->offset = dx_read_int(&reader);
    bool refers = dx_read_tag(&reader) == DX_TAG_REFERENCE;
    dx_bytes reference = dx_read_bytes(&reader), id = dx_reference_id(reference);
    size_t left = dx_read_array(&reader);
    if (!whole || !refers || id.size != DX_REFERENCE_SIZE || left > SAMPLES_MAX) {
        dx_reader_fail(&reader); /* well formed, and no report */
        return dx_reader_finish(&reader);
    }
    out->strong = dx_reference_is_strong(reference);
    dx_reference_print(id.data, out->station);
    for (; left > 0; left--) {
        if (dx_reader_peek(&reader) == DX_KIND_NULL) {
            dx_read_null(&reader);
            out->missing++;
        } else if (!add_sample(out, dx_read_double(&reader))) {
            return DX_E_NO_MEMORY;
        }
    }
    read_words(&reader);
    return dx_reader_finish(&reader);
}

/* A pipe carries frames: two bytes of size, then an item. */
static int put_frame(dx_buf *pipe, dx_bytes item) {
    uint8_t *head = dx_buf_extend(pipe, FRAME_HEAD);
    if (head != NULL) {
        head[0] = (uint8_t)(item.size >> 8);
        head[1] = (uint8_t)item.size;
    }
    dx_buf_append(pipe, item.data, item.size);
    return dx_buf_error(pipe);
}

/* Takes one off the front; false: there is none that is whole and an item. */
static bool take_frame(dx_buf *pipe, dx_buf *item) {
    dx_bytes waiting = dx_buf_view(pipe);
    size_t size = waiting.size < FRAME_HEAD ? 0 : (size_t)waiting.data[0] << 8 | waiting.data[1];
    if (waiting.size < FRAME_HEAD || waiting.size < FRAME_HEAD + size) {
        return false;
    }
    dx_buf_clear(item);
    dx_buf_append(item, waiting.data + FRAME_HEAD, size);
    dx_buf_consume(pipe, FRAME_HEAD + size);
    return dx_buf_error(item) == DX_OK && dx_item_check(dx_buf_view(item)) == DX_OK;
}

/* The same bytes as text: hexadecimal, base64url for addresses, JSON for people. */
static bool print_forms(dx_bytes item) {
    char hex[2 * SERIAL_SIZE + 1];
    uint8_t bytes[SERIAL_SIZE];
    dx_buf text, back;
    dx_buf_init(&text, &heap, REPORT_MAX);
    dx_buf_init(&back, &heap, REPORT_MAX);
    dx_hex_encode(dx_bytes_of(serial, sizeof serial), hex);
    bool same = dx_hex_decode(hex, 2 * SERIAL_SIZE, bytes, sizeof bytes) == DX_OK &&
                dx_bytes_compare(dx_bytes_of(bytes, sizeof bytes), dx_bytes_of(serial, sizeof serial)) == 0;
    dx_base64url_encode(item, &text);
    same = same && dx_base64url_decode(dx_buf_view(&text), &back) == DX_OK &&
           dx_bytes_equal(dx_buf_view(&back), item);
    printf("%s, %d characters in a URL\n", hex, (int)text.size);
    dx_buf_clear(&text);
    same = same && dx_json_print(item, &text) == DX_OK;
    printf("%.*s\n", (int)text.size, (const char *)text.data);
    dx_buf_deinit(&back);
    dx_buf_deinit(&text);
    return same;
}

/* JSON becomes an item; a map's values are looked up by name, each with what it is when it is missing or something else. */
static bool read_settings(void) {
    static const char settings[] =
        "{\"every\": 60, \"of\": {\"@bytes\": \"yv4ABw\"}, \"on\": true, \"to\": \"us\"}";
    char what[96];
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, &heap, REPORT_MAX);
    dx_writer_init(&writer, &item);
    bool well = dx_json_parse(dx_bytes_text(settings), &writer, what, sizeof what) == DX_OK;
    dx_bytes map = dx_buf_view(&item), to = dx_item_text(dx_item_get(map, "to"));
    well = well && dx_item_kind(map) == DX_KIND_MAP &&
           dx_bytes_equal(dx_item_bytes(dx_item_get(map, "of")), dx_bytes_of(serial, sizeof serial));
    printf("every %d seconds to %.*s, %s\n", (int)dx_item_int(dx_item_get(map, "every"), 600), (int)to.size,
           (const char *)to.data, dx_item_bool(dx_item_get(map, "on"), false) ? "on" : "off");
    dx_buf_deinit(&item);
    return well;
}

int main(void) {
    static const char station[] = "7-0-000102030405060708090a0b0c0d0e0f";
    uint8_t id[DX_REFERENCE_SIZE];
    dx_buf item, pipe;
    report seen = {.count = 0};
    dx_buf_init(&item, &heap, REPORT_MAX);
    dx_buf_init(&pipe, &heap, REPORT_MAX);
    bool well = dx_reference_parse(dx_bytes_text(station), id) == DX_OK && write_report(id, &item) == DX_OK &&
                print_forms(dx_buf_view(&item)) && put_frame(&pipe, dx_buf_view(&item)) == DX_OK &&
                take_frame(&pipe, &item) && read_report(dx_buf_view(&item), &seen) == DX_OK &&
                strcmp(seen.station, station) == 0 && read_settings();
    printf("%d samples, %d missing, at %lld, offset %d, %s station\n", (int)seen.count, (int)seen.missing,
           (long long)(seen.at_micros / 1000000), (int)seen.offset, seen.strong ? "with its" : "with a");
    dx_alloc_free(&heap, seen.samples, seen.room * sizeof *seen.samples);
    dx_buf_deinit(&pipe);
    dx_buf_deinit(&item);
    return well ? 0 : 1;
}
