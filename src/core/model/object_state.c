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
    size_t fields = dx_read_array(&reader);
    if (fields != 2 && fields != 3) {
        return false;
    }
    *stamps = dx_read_array(&reader);
    for (size_t i = 0; i < *stamps && reader.error == DX_OK; i++) {
        (void)dx_read_item(&reader);
    }
    *registers = dx_read_map(&reader);
    return reader.error == DX_OK && (*stamps <= *registers || fields == 3) &&
           *stamps <= DX_OBJECT_STATE_REGISTERS_MAX && *registers <= DX_OBJECT_STATE_REGISTERS_MAX;
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

typedef struct elements_walk {
    dx_object_content *content;
    const dx_alloc *alloc;
    dx_bytes path;
    size_t parts;
    bool no_memory;
} elements_walk;

/* One element, [key, stamp] or [key, stamp, payload], after the one before it. */
static void take_element(void *ctx, dx_reader *reader, size_t fields, uint32_t kind) {
    elements_walk *self = ctx;
    dx_object_content *content = self->content;
    dx_element element = {.path = self->path, .kind = kind, .key = dx_read_bytes(reader)};
    element.stamp = (uint32_t)dx_read_uint_max(reader, content->stamp_count - 1);
    if (fields == 3) {
        element.payload = dx_read_item(reader);
    }
    const dx_element *before =
        content->element_count == 0 ? NULL : &content->elements[content->element_count - 1];
    if (reader->error != DX_OK || (fields != 2 && fields != 3) || element.key.size > DX_OBJECT_KEY_SIZE_MAX ||
        (fields == 3 && !dx_element_check_payload(element.payload, self->parts)) ||
        content->count + content->element_count == DX_OBJECT_STATE_REGISTERS_MAX ||
        (before != NULL && dx_element_compare(before, &element, content->stamps) >= 0)) {
        dx_reader_fail(reader);
        return;
    }
    if (!dx_element_reserve(self->alloc, &content->elements, content->element_count,
                            &content->element_capacity)) {
        self->no_memory = true;
        dx_reader_fail(reader);
        return;
    }
    content->elements[content->element_count++] = element;
}

static int read_elements(dx_reader *reader, dx_object_content *content, const dx_alloc *alloc) {
    elements_walk walk = {.content = content, .alloc = alloc};
    size_t paths = dx_read_map(reader);
    if (paths == 0) {
        dx_reader_fail(reader);
    }
    while (paths-- > 0 && reader->error == DX_OK) {
        walk.path = dx_read_text(reader);
        walk.parts = dx_object_path_check(walk.path);
        if (walk.parts == 0) {
            dx_reader_fail(reader);
            break;
        }
        dx_element_read_kinds(reader, take_element, &walk);
    }
    return walk.no_memory ? DX_E_NO_MEMORY : DX_OK;
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
    size_t fields = dx_read_array(&reader);
    read_stamps(&reader, content);
    content->count = dx_read_map(&reader);
    for (size_t i = 0; i < content->count && reader.error == DX_OK; i++) {
        read_register(&reader, content, &content->registers[i]);
    }
    if (fields == 3 && reader.error == DX_OK) {
        error = read_elements(&reader, content, alloc);
    }
    if (error == DX_OK && dx_reader_finish(&reader) != DX_OK) {
        error = DX_E_CORRUPT;
    }
    if (error != DX_OK) {
        dx_object_content_deinit(content, alloc);
    }
    return error;
}

const dx_register *dx_object_content_above(const dx_object_content *content, const dx_register *registers,
                                           size_t count, dx_bytes path) {
    const dx_register *latest = count == 0 ? NULL : dx_register_find(registers, count, path), *above;
    size_t at = 0;
    while (count != 0 && (above = dx_register_next_above(registers, count, path, &at)) != NULL) {
        if (latest == NULL ||
            dx_stamp_compare(&content->stamps[above->stamp], &content->stamps[latest->stamp]) > 0) {
            latest = above;
        }
    }
    return latest;
}

/* Whether all elements are later than what stands above them. Counts their uses. */
static bool check_elements(dx_object_content *content) {
    for (size_t i = 0, run; i < content->element_count; i += run) {
        const dx_element *items = &content->elements[i];
        run = dx_element_run(items, content->element_count - i);
        const dx_register *above =
            dx_object_content_above(content, content->registers, content->count, items->path);
        for (size_t k = 0; k < run; k++) {
            content->uses[items[k].stamp]++;
            if (above != NULL &&
                dx_stamp_compare(&content->stamps[above->stamp], &content->stamps[items[k].stamp]) > 0) {
                return false;
            }
        }
    }
    return true;
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
    if (!check_elements(content)) {
        return false;
    }
    for (size_t i = 1; i < content->stamp_count; i++) {
        if (content->uses[i] == 0) {
            return false;
        }
    }
    return true;
}

void dx_object_content_deinit(dx_object_content *content, const dx_alloc *alloc) {
    dx_alloc_free(alloc, content->elements, content->element_capacity * sizeof *content->elements);
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
    for (size_t i = 0; i < content->element_count; i++) {
        content->elements[i].stamp += content->elements[i].stamp >= place;
    }
    return (uint32_t)place;
}

/* Upper bounds of what CBOR adds. */
enum {
    FRAME_SIZE_MAX = 32,
    STAMP_SIZE_MAX = 1 + 9 + 1 + DX_FEED_PREFIX_SIZE,
    REGISTER_SIZE_MAX = 3 + 1 + 5,
    ELEMENT_SIZE_MAX = 1 + 3 + 5 + 10,
    PATH_FRAME_SIZE_MAX = 3 + 5
};

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

static size_t count_kept_elements(uint32_t *uses, const dx_element *items, size_t count, size_t *size) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!items[i].dropped) {
            kept++;
            uses[items[i].stamp]++;
            *size += ELEMENT_SIZE_MAX + items[i].key.size + items[i].payload.size;
            if (i == 0 || items[i - 1].path.data != items[i].path.data) {
                *size += PATH_FRAME_SIZE_MAX + items[i].path.size;
            }
        }
    }
    return kept;
}

/* All that is kept of both runs, in order. */
static void merge_elements(const dx_object_content *content, const dx_object_addition *more,
                           const dx_element **out) {
    size_t i = 0, j = 0;
    while (i < content->element_count || j < more->element_count) {
        bool own = j == more->element_count ||
                   (i < content->element_count &&
                    dx_element_compare(&content->elements[i], &more->elements[j], content->stamps) <= 0);
        const dx_element *next = own ? &content->elements[i++] : &more->elements[j++];
        if (!next->dropped) {
            *out++ = next;
        }
    }
}

/* Where the run of elements on the path (and of the kind) of the first one ends. */
static size_t end_of_run(const dx_element *const *items, size_t count, bool of_kind) {
    size_t end = 1;
    while (end < count && dx_bytes_equal(items[end]->path, items[0]->path) &&
           (!of_kind || items[end]->kind == items[0]->kind)) {
        end++;
    }
    return end;
}

static size_t count_runs(const dx_element *const *items, size_t count, bool of_kind) {
    size_t runs = 0;
    for (size_t i = 0; i < count; i += end_of_run(items + i, count - i, of_kind)) {
        runs++;
    }
    return runs;
}

static void write_kind(const dx_object_content *content, const dx_element *const *items, size_t count,
                       dx_writer *writer) {
    dx_write_uint(writer, items[0]->kind);
    dx_write_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_array(writer, items[i]->payload.size == 0 ? 2 : 3);
        dx_write_bytes(writer, items[i]->key);
        dx_write_uint(writer, content->uses[items[i]->stamp]);
        if (items[i]->payload.size != 0) {
            dx_write_item(writer, items[i]->payload);
        }
    }
}

static void write_elements(const dx_object_content *content, const dx_element *const *items, size_t count,
                           dx_writer *writer) {
    dx_write_map(writer, count_runs(items, count, false));
    for (size_t i = 0, run; i < count; i += run) {
        run = end_of_run(items + i, count - i, false);
        dx_write_text_bytes(writer, items[i]->path);
        dx_write_map(writer, count_runs(items + i, run, true));
        for (size_t k = 0, end; k < run; k += end) {
            end = end_of_run(items + i + k, run - k, true);
            write_kind(content, items + i + k, end, writer);
        }
    }
}

int dx_object_content_write(dx_object_content *content, const dx_alloc *alloc, const dx_object_addition *more,
                            dx_buf *out) {
    const dx_register *items = content->registers;
    size_t size = FRAME_SIZE_MAX + content->stamp_count * STAMP_SIZE_MAX;
    size_t kept = count_kept(content->uses, items, content->count, &size);
    kept += count_kept(content->uses, more->registers, more->count, &size);
    size_t elements = count_kept_elements(content->uses, content->elements, content->element_count, &size) +
                      count_kept_elements(content->uses, more->elements, more->element_count, &size);
    if (kept + elements > DX_OBJECT_STATE_REGISTERS_MAX) {
        return DX_E_LIMIT;
    }
    (void)dx_buf_extend(out, size < out->max ? size : out->max); /* one allocation */
    if (dx_buf_error(out) != DX_OK) {
        return dx_buf_error(out);
    }
    dx_buf_clear(out);
    const dx_element **order = dx_alloc_take(alloc, elements * sizeof(const dx_element *));
    if (order == NULL && elements != 0) {
        return DX_E_NO_MEMORY;
    }
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, elements == 0 ? 2 : 3);
    write_stamps(content, &writer);
    dx_write_map(&writer, kept);
    size_t i = 0, j = 0;
    while (i < content->count || j < more->count) {
        bool own =
            j == more->count ||
            (i < content->count && dx_register_compare_paths(items[i].path, more->registers[j].path) <= 0);
        const dx_register *next = own ? &items[i++] : &more->registers[j++];
        if (!next->dropped) {
            write_register(content, next, &writer);
        }
    }
    if (elements != 0) {
        merge_elements(content, more, order);
        write_elements(content, order, elements, &writer);
    }
    dx_alloc_free(alloc, order, elements * sizeof(const dx_element *));
    return dx_writer_finish(&writer);
}
