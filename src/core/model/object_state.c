/* model/object_state.c: reads and writes saved states.
 *
 * Layer: floor 1, model. Contract in model/object_state.h. */
#include "model/object_state.h"

#include <string.h>

/* --- Reading ------------------------------------------------------------------------------------ */

/* How much there is to read, before memory is asked for. Trusts nothing: a count is bounded by the bytes
 * behind it. */
static bool measure(dx_bytes saved, size_t *stamps, size_t *registers) {
    dx_reader reader;
    dx_reader_init(&reader, saved);
    if (dx_read_array(&reader) != 2) {
        return false;
    }
    *stamps = dx_read_array(&reader);
    for (size_t i = 0; i < *stamps && reader.error == DX_OK; i++) {
        (void)dx_read_item(&reader);
    }
    *registers = dx_read_map(&reader);
    return reader.error == DX_OK && *stamps <= *registers && *registers <= DX_OBJECT_STATE_REGISTERS_MAX;
}

static int take_block(dx_object_content *content, const dx_alloc *alloc, size_t stamps, size_t registers) {
    size_t stamps_size = stamps * sizeof(dx_stamp); /* the strictest alignment comes first */
    size_t registers_size = registers * sizeof(dx_register);
    content->block_size = stamps_size + registers_size + stamps * sizeof(uint32_t);
    content->block = dx_alloc_take(alloc, content->block_size);
    if (content->block == NULL) {
        return DX_E_NO_MEMORY;
    }
    uint8_t *block = content->block;
    content->stamps = (dx_stamp *)(void *)block;
    content->registers = (dx_register *)(void *)(block + stamps_size);
    content->uses = (uint32_t *)(void *)(block + stamps_size + registers_size);
    memset(content->uses, 0, stamps * sizeof(uint32_t));
    return DX_OK;
}

static void read_stamps(dx_reader *reader, dx_object_content *content) {
    size_t count = dx_read_array(reader);
    for (size_t i = 1; i <= count && reader->error == DX_OK; i++) {
        dx_stamp *stamp = &content->stamps[i];
        if (dx_read_array(reader) != 2) {
            dx_reader_fail(reader);
        }
        stamp->counter = dx_read_uint(reader);
        dx_read_bytes_exact(reader, stamp->feed, sizeof stamp->feed);
        if (dx_stamp_compare(stamp, &content->stamps[0]) == 0 ||
            (i > 1 && dx_stamp_compare(stamp - 1, stamp) >= 0)) {
            dx_reader_fail(reader);
        }
    }
    content->stamp_count = count + 1;
}

static void read_register(dx_reader *reader, const dx_object_content *content, dx_register *out) {
    *out = (dx_register){.path = dx_read_text(reader)};
    out->parts = (uint16_t)dx_object_path_check(out->path);
    size_t fields = dx_read_array(reader);
    out->stamp = (uint32_t)dx_read_uint_max(reader, content->stamp_count - 1);
    if (fields == 2) {
        out->payload = dx_read_item(reader);
    }
    if (reader->error != DX_OK || out->parts == 0 || (fields != 1 && fields != 2) ||
        (fields == 2 && !dx_register_check_payload(out->payload, out->parts))) {
        dx_reader_fail(reader);
    }
}

int dx_object_content_read(dx_object_content *content, const dx_alloc *alloc, const dx_stamp *created,
                           dx_bytes saved) {
    size_t stamps, registers;
    *content = (dx_object_content){0};
    if (saved.size > DX_OBJECT_STATE_SIZE_MAX || !measure(saved, &stamps, &registers)) {
        return DX_E_CORRUPT;
    }
    int error = take_block(content, alloc, stamps + 2, registers);
    if (error != DX_OK) {
        return error;
    }
    content->stamps[0] = *created;
    dx_reader reader;
    dx_reader_init(&reader, saved);
    (void)dx_read_array(&reader);
    read_stamps(&reader, content);
    content->count = dx_read_map(&reader);
    for (size_t i = 0; i < content->count && reader.error == DX_OK; i++) {
        read_register(&reader, content, &content->registers[i]);
    }
    if (dx_reader_finish(&reader) != DX_OK) {
        dx_object_content_deinit(content, alloc);
        return DX_E_CORRUPT;
    }
    return DX_OK;
}

bool dx_object_content_check(dx_object_content *content) {
    for (size_t i = 0; i < content->count; i++) {
        const dx_register *item = &content->registers[i], *above;
        content->uses[item->stamp]++;
        size_t at = 0;
        while (item->parts > 1 && (above = dx_register_next_above(content->registers, content->count,
                                                                  item->path, &at)) != NULL) {
            if (dx_stamp_compare(&content->stamps[above->stamp], &content->stamps[item->stamp]) > 0) {
                return false;
            }
        }
    }
    for (size_t i = 1; i < content->stamp_count; i++) {
        if (content->uses[i] == 0) {
            return false;
        }
    }
    return true;
}

void dx_object_content_deinit(dx_object_content *content, const dx_alloc *alloc) {
    dx_alloc_free(alloc, content->block, content->block_size);
    *content = (dx_object_content){0};
}

/* --- Writing ------------------------------------------------------------------------------------ */

uint32_t dx_object_content_add_stamp(dx_object_content *content, const dx_stamp *stamp) {
    if (dx_stamp_compare(stamp, &content->stamps[0]) == 0) {
        return 0;
    }
    size_t place = content->stamp_count;
    while (place > 1 && dx_stamp_compare(&content->stamps[place - 1], stamp) > 0) {
        place--;
    }
    if (place > 1 && dx_stamp_compare(&content->stamps[place - 1], stamp) == 0) {
        return (uint32_t)(place - 1);
    }
    memmove(content->stamps + place + 1, content->stamps + place,
            (content->stamp_count - place) * sizeof *stamp);
    content->stamps[place] = *stamp;
    content->stamp_count++;
    for (size_t i = 0; i < content->count; i++) {
        content->registers[i].stamp += content->registers[i].stamp >= place;
    }
    return (uint32_t)place;
}

/* Upper bounds of what CBOR adds. */
enum { FRAME_SIZE_MAX = 32, STAMP_SIZE_MAX = 1 + 9 + 1 + DX_FEED_PREFIX_SIZE, REGISTER_SIZE_MAX = 3 + 1 + 5 };

/* Counts what is kept, and how much room it may need. */
static size_t count_kept(uint32_t *uses, const dx_register *items, size_t count, size_t *size) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!items[i].dropped) {
            kept++;
            uses[items[i].stamp]++;
            *size += REGISTER_SIZE_MAX + items[i].path.size + items[i].payload.size;
        }
    }
    return kept;
}

static void write_stamps(dx_object_content *content, dx_writer *writer) {
    uint32_t count = 0;
    for (size_t i = 1; i < content->stamp_count; i++) {
        count += content->uses[i] != 0;
    }
    dx_write_array(writer, count);
    content->uses[0] = count = 0;
    for (size_t i = 1; i < content->stamp_count; i++) {
        if (content->uses[i] != 0) {
            content->uses[i] = ++count; /* from here on: its index when saved */
            dx_write_array(writer, 2);
            dx_write_uint(writer, content->stamps[i].counter);
            dx_write_bytes(writer, dx_bytes_of(content->stamps[i].feed, DX_FEED_PREFIX_SIZE));
        }
    }
}

static void write_register(const dx_object_content *content, const dx_register *item, dx_writer *writer) {
    dx_write_item(writer, dx_register_key(item));
    dx_write_array(writer, item->payload.size == 0 ? 1 : 2);
    dx_write_uint(writer, content->uses[item->stamp]);
    if (item->payload.size != 0) {
        dx_write_item(writer, item->payload);
    }
}

int dx_object_content_write(dx_object_content *content, const dx_register *more, size_t more_count,
                            dx_buf *out) {
    const dx_register *items = content->registers;
    size_t size = FRAME_SIZE_MAX + content->stamp_count * STAMP_SIZE_MAX;
    size_t kept = count_kept(content->uses, items, content->count, &size);
    kept += count_kept(content->uses, more, more_count, &size);
    if (kept > DX_OBJECT_STATE_REGISTERS_MAX) {
        return DX_E_LIMIT;
    }
    (void)dx_buf_extend(out, size < out->max ? size : out->max); /* one allocation */
    if (dx_buf_error(out) != DX_OK) {
        return dx_buf_error(out);
    }
    dx_buf_clear(out);
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    write_stamps(content, &writer);
    dx_write_map(&writer, kept);
    size_t i = 0, j = 0;
    while (i < content->count || j < more_count) {
        bool own = j == more_count ||
                   (i < content->count && dx_register_compare_paths(items[i].path, more[j].path) <= 0);
        const dx_register *next = own ? &items[i++] : &more[j++];
        if (!next->dropped) {
            write_register(content, next, &writer);
        }
    }
    return dx_writer_finish(&writer);
}
