/* model/object_model.c: last write wins per key, with nested keys.
 *
 * Layer: floor 1, model. docs/spec/object-model.md. The state in memory is its saved form, so save and
 * restore copy, and apply is one merge of two sorted runs. Why the order of operations cannot matter: per
 * path the greatest (stamp, payload) wins, and a register falls exactly when one above it has a greater
 * stamp; one that falls is always under a later one for good, since whatever replaces or fells that one is
 * later still. Ownership: the state owns its saved bytes. */
#include <dxos/model.h>
#include <string.h>

#include "model/object_operation.h"
#include "model/object_shown.h"
#include "model/object_view.h"

typedef struct object_state {
    const dx_alloc *alloc;
    dx_stamp created;
    dx_buf saved; /* size 0: empty */
} object_state;

static const uint8_t saved_empty[] = {0x82, 0x80, 0xa0};

static dx_bytes saved_of(const object_state *self) {
    return self->saved.size == 0 ? dx_bytes_of(saved_empty, sizeof saved_empty) : dx_buf_view(&self->saved);
}

static void *create_state(const dx_alloc *alloc, const dx_stamp *created) {
    object_state *self = dx_alloc_take(alloc, sizeof *self);
    if (self != NULL) {
        self->alloc = alloc;
        self->created = *created;
        dx_buf_init(&self->saved, alloc, DX_OBJECT_STATE_SIZE_MAX);
    }
    return self;
}

static void destroy_state(const dx_alloc *alloc, void *state) {
    object_state *self = state;
    if (self != NULL) {
        dx_buf_deinit(&self->saved);
        dx_alloc_free(alloc, self, sizeof *self);
    }
}

static void replace_saved(object_state *self, dx_buf *saved) {
    dx_buf_deinit(&self->saved);
    self->saved = *saved;
}

/* --- The first operation of an object, in one pass ------------------------------------------------ */

/* Streams sets of plain values straight into the saved form. False when the operation holds anything else (or
 * is malformed): the long way decides. */
static bool stream_first(dx_bytes operation, dx_buf *out) {
    dx_reader reader;
    dx_writer writer;
    dx_reader_init(&reader, operation);
    dx_writer_init(&writer, out);
    if (dx_read_array(&reader) != 2) {
        return false;
    }
    size_t count = dx_read_map(&reader);
    dx_write_array(&writer, 2);
    dx_write_array(&writer, 0);
    dx_write_map(&writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_register item = {.path = dx_read_text(&reader)};
        if (reader.error != DX_OK || dx_object_path_check(item.path) != 1 ||
            dx_reader_peek(&reader) == DX_KIND_MAP) {
            return false;
        }
        item.payload = dx_read_item(&reader);
        if (reader.error != DX_OK || !dx_register_check_payload(item.payload, 1)) {
            return false;
        }
        dx_write_item(&writer, dx_register_key(&item));
        dx_write_array(&writer, 2);
        dx_write_uint(&writer, 0);
        dx_write_item(&writer, item.payload);
    }
    if (dx_read_array(&reader) != 0 || dx_reader_finish(&reader) != DX_OK) {
        return false;
    }
    return dx_writer_finish(&writer) == DX_OK;
}

/* DX_OK, DX_E_NO_MEMORY, or DX_E_UNSUPPORTED when the long way has to be taken. */
static int apply_first(object_state *self, dx_bytes operation) {
    dx_reader reader;
    dx_reader_init(&reader, operation);
    (void)dx_read_array(&reader);
    size_t count = dx_read_map(&reader);
    if (operation.size > DX_OBJECT_OPERATION_SIZE_MAX || count > DX_OBJECT_OPERATION_REGISTERS_MAX) {
        return DX_E_UNSUPPORTED;
    }
    dx_buf saved;
    dx_buf_init(&saved, self->alloc, DX_OBJECT_STATE_SIZE_MAX);
    (void)dx_buf_extend(&saved, operation.size + 2 * count + 1); /* each register gains two bytes */
    if (dx_buf_error(&saved) != DX_OK) {
        return dx_buf_error(&saved);
    }
    dx_buf_clear(&saved);
    if (!stream_first(operation, &saved)) {
        dx_buf_deinit(&saved);
        return DX_E_UNSUPPORTED;
    }
    replace_saved(self, &saved);
    return DX_OK;
}

/* --- Merging ------------------------------------------------------------------------------------ */

/* Drops registers that stand under one of the others with a greater stamp. Both stamps are indices into the
 * same table. */
static void drop_under(dx_register *items, size_t count, const dx_register *others, size_t other_count,
                       const dx_stamp *stamps) {
    if (other_count == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const dx_register *above;
        size_t at = 0;
        while (items[i].parts > 1 && !items[i].dropped &&
               (above = dx_register_next_above(others, other_count, items[i].path, &at)) != NULL) {
            items[i].dropped = dx_stamp_compare(&stamps[above->stamp], &stamps[items[i].stamp]) > 0;
        }
    }
}

/* Of two registers on one path the one with the greater stamp stays; at equal stamps (two operations of one
 * author in one block) the greater payload, so that even there no order of arrival counts. */
static void drop_overtaken(dx_register *items, size_t count, dx_register *others, size_t other_count,
                           const dx_stamp *stamps) {
    for (size_t i = 0, j = 0; i < count && j < other_count;) {
        int order = dx_register_compare_paths(items[i].path, others[j].path);
        if (order == 0) {
            int age = dx_stamp_compare(&stamps[items[i].stamp], &stamps[others[j].stamp]);
            if (age == 0) {
                age = dx_bytes_compare(items[i].payload, others[j].payload);
            }
            (age >= 0 ? &others[j] : &items[i])->dropped = true;
        }
        i += order <= 0;
        j += order >= 0;
    }
}

/* Drops elements at or under one of the registers with a greater stamp. */
static void drop_swept(dx_element *items, size_t count, const dx_register *registers, size_t register_count,
                       const dx_object_content *content) {
    for (size_t i = 0, run; register_count != 0 && i < count; i += run) {
        run = dx_element_run(items + i, count - i);
        const dx_register *above = dx_object_content_above(content, registers, register_count, items[i].path);
        for (size_t k = i; above != NULL && k < i + run; k++) {
            items[k].dropped =
                dx_stamp_compare(&content->stamps[above->stamp], &content->stamps[items[k].stamp]) > 0;
        }
    }
}

/* Of two elements of one path, kind and key (and author, where authors have their own) one stays, as of two
 * registers. */
static void drop_overtaken_elements(dx_element *items, size_t count, dx_element *others, size_t other_count,
                                    const dx_stamp *stamps) {
    for (size_t i = 0, j = 0; i < count && j < other_count;) {
        int order = dx_element_compare(&items[i], &others[j], stamps);
        if (order == 0) {
            int age = dx_stamp_compare(&stamps[items[i].stamp], &stamps[others[j].stamp]);
            if (age == 0) {
                age = dx_bytes_compare(items[i].payload, others[j].payload);
            }
            (age >= 0 ? &others[j] : &items[i])->dropped = true;
        }
        i += order <= 0;
        j += order >= 0;
    }
}

static int merge(object_state *self, dx_operation_registers *incoming, const dx_stamp *stamp) {
    dx_object_content content;
    int error = dx_object_content_read(&content, self->alloc, &self->created, saved_of(self));
    if (error != DX_OK) {
        return error;
    }
    uint32_t index = dx_object_content_add_stamp(&content, stamp);
    for (size_t i = 0; i < incoming->count; i++) {
        incoming->items[i].stamp = index;
    }
    for (size_t i = 0; i < incoming->element_count; i++) {
        incoming->elements[i].stamp = index;
    }
    /* A register that falls itself still fells what it should: what it falls to is above or in its place, and
     * later. */
    drop_under(content.registers, content.count, incoming->items, incoming->count, content.stamps);
    drop_under(incoming->items, incoming->count, content.registers, content.count, content.stamps);
    drop_overtaken(content.registers, content.count, incoming->items, incoming->count, content.stamps);
    drop_swept(content.elements, content.element_count, incoming->items, incoming->count, &content);
#if !defined(DX_PLANT) || DX_PLANT != 39
    drop_swept(incoming->elements, incoming->element_count, content.registers, content.count, &content);
#endif
    drop_overtaken_elements(content.elements, content.element_count, incoming->elements,
                            incoming->element_count, content.stamps);
    dx_object_addition more = {incoming->items, incoming->count, incoming->elements, incoming->element_count};
    dx_buf saved;
    dx_buf_init(&saved, self->alloc, DX_OBJECT_STATE_SIZE_MAX);
    error = dx_object_content_write(&content, self->alloc, &more, &saved);
    dx_object_content_deinit(&content, self->alloc);
    if (error != DX_OK) {
        dx_buf_deinit(&saved);
        return error;
    }
    replace_saved(self, &saved);
    return DX_OK;
}

static int apply_operation(void *state, dx_bytes operation, const dx_stamp *stamp) {
    object_state *self = state;
    if (stamp->counter > INT64_MAX) {
        return DX_E_MALFORMED;
    }
    if (self->saved.size == 0 && dx_stamp_compare(stamp, &self->created) == 0) {
        int error = apply_first(self, operation);
        if (error != DX_E_UNSUPPORTED) {
            return error;
        }
    }
    dx_operation_registers incoming;
    int error = dx_operation_registers_read(&incoming, self->alloc, operation);
    if (error == DX_OK && incoming.count + incoming.element_count != 0) {
        error = merge(self, &incoming, stamp);
        dx_operation_registers_deinit(&incoming, self->alloc);
    }
    return error;
}

/* --- Save, restore, view ------------------------------------------------------------------------ */

static int save_state(const void *state, dx_buf *out) {
    dx_bytes saved = saved_of(state);
    dx_buf_append(out, saved.data, saved.size);
    return dx_buf_error(out);
}

static int restore_state(void *state, dx_bytes saved) {
    object_state *self = state;
    dx_object_content content;
    int error = dx_object_content_read(&content, self->alloc, &self->created, saved);
    if (error != DX_OK) {
        return error;
    }
    bool canonical = dx_object_content_check(&content);
    dx_object_content_deinit(&content, self->alloc);
    if (!canonical) {
        return DX_E_CORRUPT;
    }
    dx_buf copy;
    dx_buf_init(&copy, self->alloc, DX_OBJECT_STATE_SIZE_MAX);
    dx_buf_append(&copy, saved.data, saved.size);
    if (dx_buf_error(&copy) != DX_OK) {
        return dx_buf_error(&copy);
    }
    replace_saved(self, &copy);
    return DX_OK;
}

static int view_edited(const dx_alloc *alloc, const dx_object_content *content, dx_writer *out) {
    dx_register *registers;
    size_t count, capacity;
    dx_buf made;
    dx_buf_init(&made, alloc, 2 * (size_t)DX_OBJECT_STATE_SIZE_MAX);
    int error = dx_object_shown(content, alloc, &made, &registers, &count, &capacity);
    if (error == DX_OK) {
        error = dx_object_view_write(alloc, registers, count, out);
        dx_alloc_free(alloc, registers, capacity * sizeof *registers);
    }
    dx_buf_deinit(&made);
    return error;
}

static int view_state(const void *state, dx_writer *out) {
    const object_state *self = state;
    dx_object_content content;
    int error = dx_object_content_read(&content, self->alloc, &self->created, saved_of(self));
    if (error != DX_OK) {
        return error;
    }
    error = content.element_count == 0
                ? dx_object_view_write(self->alloc, content.registers, content.count, out)
                : view_edited(self->alloc, &content, out);
    dx_object_content_deinit(&content, self->alloc);
    return error;
}

static bool is_at_or_under(dx_bytes key, dx_bytes path) {
    return key.size >= path.size && memcmp(key.data, path.data, path.size) == 0 &&
           (key.size == path.size || key.data[path.size] == '.');
}

/* One pass: the register at the path, unless something shows under it or edits stand in it. */
static int peek_state(dx_bytes saved, dx_bytes path, dx_bytes *item) {
    dx_reader reader;
    dx_reader_init(&reader, saved);
    size_t parts = dx_read_array(&reader);
    for (size_t stamps = dx_read_array(&reader); stamps > 0 && reader.error == DX_OK; stamps--) {
        (void)dx_read_item(&reader);
    }
    *item = dx_bytes_of(NULL, 0);
    for (size_t count = dx_read_map(&reader); count > 0 && reader.error == DX_OK; count--) {
        dx_bytes key = dx_read_text(&reader), payload = {NULL, 0};
        size_t fields = dx_read_array(&reader);
        (void)dx_read_uint(&reader);
        if (fields == 2) {
            payload = dx_read_item(&reader);
        }
        if (payload.size == 0 || key.size < path.size || memcmp(key.data, path.data, path.size) != 0) {
            continue;
        }
        if (key.size == path.size) {
            *item = payload;
        } else if (key.data[path.size] == '.') {
#if !defined(DX_PLANT) || DX_PLANT != 24
            return DX_E_UNSUPPORTED;
#endif
        }
    }
    for (size_t edited = parts == 3 ? dx_read_map(&reader) : 0; edited > 0 && reader.error == DX_OK;
         edited--) {
        dx_bytes key = dx_read_text(&reader);
        if (is_at_or_under(key, path)) {
            return DX_E_UNSUPPORTED;
        }
        (void)dx_read_item(&reader);
    }
    return reader.error == DX_OK ? DX_OK : DX_E_CORRUPT;
}

const dx_model dx_object_model = {
    .version = DX_MODEL_VERSION,
    .name = "dx/object/1",
    .kind = DX_MODEL_MERGE,
    .create = create_state,
    .destroy = destroy_state,
    .apply = apply_operation,
    .save = save_state,
    .restore = restore_state,
    .view = view_state,
    .peek = peek_state,
};
