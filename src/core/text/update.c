/* text/update.c: updates in another form, from another state on, and what they say of states.
 *
 * Layer: floor 1, text. Each reads the update once, struct by struct, and holds none of it. */
#include "text/update.h"
#include "text/clocks.h"

bool dx_text_form_check(dx_text_form form) {
    return form == DX_TEXT_V1 || form == DX_TEXT_V2;
}

void dx_text_rewrite_init(dx_text_rewrite *it, const dx_alloc *alloc) {
    dx_text_reader_init(&it->reader, alloc);
    dx_text_writer_init(&it->writer, alloc);
    dx_id_set_init(&it->deletes, alloc);
}

void dx_text_rewrite_deinit(dx_text_rewrite *it) {
    dx_text_reader_deinit(&it->reader);
    dx_text_writer_deinit(&it->writer);
    dx_id_set_deinit(&it->deletes);
}

void dx_text_rewrite_begin(dx_text_rewrite *it, dx_text_form form, dx_buf *out) {
    dx_text_writer_begin(&it->writer, form, out);
    it->writing = false;
}

void dx_text_rewrite_struct(dx_text_rewrite *it, const dx_text_struct *from, uint64_t offset) {
    dx_text_struct one = *from;
    one.has_sub = from->has_sub && from->parent != DX_TEXT_PARENT_COPIED;
    if (!it->writing || it->client != from->id.client) {
        dx_text_writer_section(&it->writer, from->id.client, from->id.clock + offset);
        it->writing = true;
        it->client = from->id.client;
    }
    dx_text_writer_struct(&it->writer, &one, offset);
}

int dx_text_rewrite_finish(dx_text_rewrite *it) {
    int error = dx_text_reader_deletes(&it->reader, &it->deletes);
    int written = dx_text_writer_finish(&it->writer, &it->deletes);
    if (error != DX_OK && written == DX_OK) {
        it->writer.out->size = it->writer.begun;
    }
    dx_text_rewrite_deinit(it);
    return error != DX_OK ? error : written;
}

int dx_text_convert_update(const dx_alloc *alloc, dx_text_form from, dx_text_form to, dx_bytes update,
                           dx_buf *converted) {
    dx_text_rewrite it;
    dx_text_section section;
    dx_text_struct one;
    if (!dx_text_form_check(from) || !dx_text_form_check(to)) {
        return DX_E_INVALID;
    }
    dx_text_rewrite_init(&it, alloc);
    dx_text_reader_open(&it.reader, from, update);
    dx_text_rewrite_begin(&it, to, converted);
    while (dx_text_reader_section(&it.reader, &section)) {
        while (dx_text_reader_struct(&it.reader, &one)) {
            dx_text_rewrite_struct(&it, &one, 0);
        }
    }
    return dx_text_rewrite_finish(&it);
}

/* Of one section what a replica with that clock lacks: never a skip first; what stands behind the first struct, whole. */
static void pass_unknown(dx_text_rewrite *it, uint64_t clock) {
    dx_text_struct one;
    bool begun = false;
    while (dx_text_reader_struct(&it->reader, &one)) {
        bool unknown = one.ref != DX_TEXT_SKIP && one.id.clock + one.length > clock;
        if (begun || unknown) {
            dx_text_rewrite_struct(it, &one, begun || clock <= one.id.clock ? 0 : clock - one.id.clock);
            begun = true;
        }
    }
}

int dx_text_diff_update(const dx_alloc *alloc, dx_text_form form, dx_bytes update, dx_bytes state_vector,
                        dx_buf *difference) {
    dx_text_rewrite it;
    dx_text_clocks clocks;
    dx_text_section section;
    if (!dx_text_form_check(form)) {
        return DX_E_INVALID;
    }
    dx_text_clocks_init(&clocks, alloc);
    int error = dx_text_clocks_decode(&clocks, state_vector);
    if (error == DX_OK) {
        dx_text_rewrite_init(&it, alloc);
        dx_text_reader_open(&it.reader, form, update);
        dx_text_rewrite_begin(&it, form, difference);
        while (dx_text_reader_section(&it.reader, &section)) {
            pass_unknown(&it, dx_text_clocks_get(&clocks, section.client));
        }
        error = dx_text_rewrite_finish(&it);
    }
    dx_text_clocks_deinit(&clocks);
    return error;
}

/* Of one section the clock up to which nothing is missing; 0: its first struct is. */
static uint64_t known_clock(dx_text_reader *reader, const dx_text_section *section) {
    dx_text_struct one;
    uint64_t clock = 0;
    bool whole = section->clock == 0;
    while (dx_text_reader_struct(reader, &one)) {
        whole = whole && one.ref != DX_TEXT_SKIP;
        clock = whole ? one.id.clock + one.length : clock;
    }
    return clock;
}

int dx_text_update_state_vector(const dx_alloc *alloc, dx_text_form form, dx_bytes update,
                                dx_buf *state_vector) {
    dx_text_reader reader;
    dx_text_clocks clocks;
    dx_text_section section;
    int error = DX_OK;
    if (!dx_text_form_check(form)) {
        return DX_E_INVALID;
    }
    dx_text_clocks_init(&clocks, alloc);
    dx_text_reader_init(&reader, alloc);
    dx_text_reader_open(&reader, form, update);
    while (error == DX_OK && dx_text_reader_section(&reader, &section)) {
        uint64_t clock = known_clock(&reader, &section);
        if (clock > dx_text_clocks_get(&clocks, section.client)) {
            error = dx_text_clocks_set(&clocks, section.client, clock);
        }
    }
    int read = dx_text_reader_finish(&reader);
    error = error != DX_OK ? error : read;
    if (error == DX_OK) {
        dx_text_clocks_write(&clocks, state_vector);
        error = dx_buf_error(state_vector);
    }
    dx_text_reader_deinit(&reader);
    dx_text_clocks_deinit(&clocks);
    return error;
}

int dx_text_update_ranges(const dx_alloc *alloc, dx_text_form form, dx_bytes update, dx_text_range *ranges,
                          size_t capacity, size_t *count) {
    dx_text_reader reader;
    dx_text_section section;
    dx_text_struct one;
    if (!dx_text_form_check(form)) {
        return DX_E_INVALID;
    }
    *count = 0;
    dx_text_reader_init(&reader, alloc);
    dx_text_reader_open(&reader, form, update);
    while (dx_text_reader_section(&reader, &section)) {
        dx_text_range range = {section.client, section.clock, section.clock};
        while (dx_text_reader_struct(&reader, &one)) {
            range.to = one.id.clock + one.length;
        }
        if (range.to > range.from && (*count)++ < capacity) {
            ranges[*count - 1] = range;
        }
    }
    int error = dx_text_reader_finish(&reader);
    dx_text_reader_deinit(&reader);
    return error;
}
