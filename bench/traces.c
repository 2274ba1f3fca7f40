/* bench/traces.c: reads editing traces. */
#include "traces.h"

#include "reading.h"

#include <dxos/codec.h>
#include <dxos/host.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Arrays grow while they are filled; the program ends without memory. */
static void *grown(void *array, size_t count, size_t size) {
    if (count != 0 && (count & (count - 1)) != 0) {
        return array;
    }
    array = realloc(array, (count == 0 ? 1 : 2 * count) * size);
    if (array == NULL) {
        fputs("no memory for a trace\n", stderr);
        exit(1);
    }
    return array;
}

static bool read_patches(text_trace *it, trace_step *step, dx_bytes patches) {
    dx_reader reader;
    dx_reader_init(&reader, patches);
    step->first_edit = (uint32_t)it->edit_count;
    for (size_t left = dx_read_array(&reader); left > 0; left--) {
        if (dx_read_array(&reader) != 3) {
            return false;
        }
        it->edits = grown(it->edits, it->edit_count, sizeof *it->edits);
        trace_edit *edit = &it->edits[it->edit_count++];
        edit->at = (uint32_t)dx_read_uint_max(&reader, UINT32_MAX);
        edit->removed = (uint32_t)dx_read_uint_max(&reader, UINT32_MAX);
        edit->inserted = dx_read_text(&reader);
        for (size_t i = 0; i < edit->inserted.size; i++) {
            if (edit->inserted.data[i] >= 0xf0) {
                return false;
            }
        }
        step->edit_count++;
    }
    return dx_reader_finish(&reader) == DX_OK;
}

static bool read_step(text_trace *it, dx_bytes item, size_t *parents) {
    it->steps = grown(it->steps, it->step_count, sizeof *it->steps);
    trace_step *step = &it->steps[it->step_count];
    *step = (trace_step){.first_parent = (uint32_t)*parents};
    if (it->concurrent) {
        dx_reader reader;
        dx_reader_init(&reader, dx_item_get(item, "agent"));
        step->agent = (uint32_t)dx_read_uint_max(&reader, it->agents - 1);
        if (dx_reader_finish(&reader) != DX_OK) {
            return false;
        }
        dx_reader_init(&reader, dx_item_get(item, "parents"));
        for (size_t left = dx_read_array(&reader); left > 0; left--) {
            it->parents = grown(it->parents, *parents, sizeof *it->parents);
            it->parents[(*parents)++] = (uint32_t)dx_read_uint_max(&reader, it->step_count);
            step->parent_count++;
        }
        if (dx_reader_finish(&reader) != DX_OK) {
            return false;
        }
    }
    it->step_count++;
    return read_patches(it, step, dx_item_get(item, "patches"));
}

static bool read_trace(text_trace *it, dx_bytes item) {
    dx_reader reader;
    size_t parents = 0;
    it->concurrent = dx_bytes_equal(dx_item_text(dx_item_get(item, "kind")), dx_bytes_text("concurrent"));
    it->start = dx_item_text(dx_item_get(item, "startContent"));
    it->end = dx_item_text(dx_item_get(item, "endContent"));
    it->agents = 1;
    if (it->concurrent) {
        dx_reader_init(&reader, dx_item_get(item, "numAgents"));
        it->agents = (uint32_t)dx_read_uint_max(&reader, 1000);
        if (dx_reader_finish(&reader) != DX_OK || it->agents == 0) {
            return false;
        }
    }
    dx_reader_init(&reader, dx_item_get(item, "txns"));
    for (size_t left = dx_read_array(&reader); left > 0; left--) {
        if (!read_step(it, dx_read_item(&reader), &parents)) {
            return false;
        }
    }
    return dx_reader_finish(&reader) == DX_OK;
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *name = strdup(slash != NULL ? slash + 1 : path);
    if (name != NULL && strchr(name, '.') != NULL) {
        *strchr(name, '.') = '\0';
    }
    return name;
}

text_trace *trace_read(const char *path) {
    char message[160];
    dx_buf text, item;
    dx_writer writer;
    text_trace *it = calloc(1, sizeof *it);
    dx_buf_init(&text, dx_host_alloc(), SIZE_MAX);
    dx_buf_init(&item, dx_host_alloc(), SIZE_MAX); /* kept for good: the trace points into it */
    if (it == NULL || !reading_file(path, &text)) {
        fprintf(stderr, "%s could not be read\n", path);
        return NULL;
    }
    it->name = name_of(path);
    dx_writer_init(&writer, &item);
    if (it->name == NULL || dx_json_parse(dx_buf_view(&text), &writer, message, sizeof message) != DX_OK) {
        fprintf(stderr, "%s: %s\n", path, message);
        return NULL;
    }
    dx_buf_deinit(&text);
    if (!read_trace(it, dx_buf_view(&item))) {
        fprintf(stderr, "%s is no trace of this kind\n", path);
        return NULL;
    }
    return it;
}
