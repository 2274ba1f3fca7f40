/* model/text_model.c: a text that many people write in at once.
 *
 * Layer: floor 1, model. docs/spec/text-model.md. In memory a state is its saved bytes (text_state.h), to which an operation is
 * appended; a document is made of them only when somebody looks. */
#include <dxos/model.h>
#include <string.h>

#include "base/limits.h"
#include "model/text_operation.h"
#include "model/text_request.h"
#include "model/text_shown.h"
#include "model/text_state.h"

typedef struct text {
    const dx_alloc *alloc;
    dx_stamp created;
    dx_buf saved; /* size 0: the empty text */
} text;

static void *text_create(const dx_alloc *alloc, const dx_stamp *created) {
    text *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self != NULL) {
        self->alloc = alloc;
        self->created = *created;
        dx_buf_init(&self->saved, alloc, DX_STATE_SIZE_MAX);
    }
    return self;
}

static void text_destroy(const dx_alloc *alloc, void *state) {
    text *self = state;
    if (self != NULL) {
        dx_buf_deinit(&self->saved);
        dx_alloc_free(alloc, self, sizeof *self);
    }
}

static int text_amend(const dx_alloc *alloc, const dx_stamp *created, dx_bytes saved, dx_bytes operation,
                      const dx_stamp *stamp, dx_buf *out) {
    dx_text_saved held;
    dx_bytes update;
    size_t begin = out->size;
    int error = dx_text_saved_read(saved, &held);
    error = error == DX_OK ? dx_text_operation_read(alloc, created, stamp, operation, &update) : error;
    error = error == DX_OK ? dx_text_saved_write(&held, stamp->counter, &update, out) : error;
    if (error != DX_OK) {
        return error;
    }
    error = dx_text_saved_read(dx_bytes_of(out->data + begin, out->size - begin), &held);
    if (error == DX_OK && dx_text_saved_is_long(&held)) {
        dx_buf folded;
        dx_buf_init(&folded, alloc, DX_STATE_SIZE_MAX);
        error = dx_text_saved_fold(alloc, &held, false, &folded);
        out->size = begin;
        dx_buf_append(out, folded.data, error == DX_OK ? folded.size : 0);
        error = error == DX_OK ? dx_buf_error(out) : error;
        dx_buf_deinit(&folded);
    }
    return error;
}

static int text_hide(const dx_alloc *alloc, const dx_stamp *created, dx_bytes saved, dx_bytes operation,
                     const dx_stamp *stamp, dx_buf *out) {
    dx_text_saved held;
    dx_buf places;
    dx_buf_init(&places, alloc, DX_STATE_SIZE_MAX);
    int error = dx_text_saved_read(saved, &held);
    error = error == DX_OK ? dx_text_operation_hide(alloc, created, stamp, operation, &places) : error;
    if (error == DX_OK && places.size == 0) {
        error = dx_text_saved_write(&held, 0, NULL, out);
    } else if (error == DX_OK) {
        error = dx_text_saved_hide(&held, stamp->counter, dx_buf_view(&places), out);
    }
    dx_buf_deinit(&places);
    return error;
}

static int text_canonical(const dx_alloc *alloc, dx_bytes saved, dx_buf *out) {
    dx_text_saved held;
    int error = dx_text_saved_read(saved, &held);
    return error == DX_OK ? dx_text_saved_fold(alloc, &held, true, out) : error;
}

static int text_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    text *self = state;
    dx_buf amended;
    dx_buf_init(&amended, self->alloc, DX_STATE_SIZE_MAX);
    int error =
        text_amend(self->alloc, &self->created, dx_buf_view(&self->saved), operation, stamp, &amended);
    if (error == DX_OK) {
        dx_buf before = self->saved;
        self->saved = amended;
        amended = before;
    }
    dx_buf_deinit(&amended);
    return error;
}

static int text_save(const void *state, dx_buf *out) {
    const text *self = state;
    return text_canonical(self->alloc, dx_buf_view(&self->saved), out);
}

static int text_restore(void *state, dx_bytes saved) {
    text *self = state;
    dx_text_saved held;
    int error = saved.size == 0 ? DX_E_CORRUPT : dx_text_saved_read(saved, &held);
    dx_buf copy;
    if (error != DX_OK) {
        return error;
    }
    dx_buf_init(&copy, self->alloc, DX_STATE_SIZE_MAX);
    dx_buf_append(&copy, saved.data, saved.size);
    error = dx_buf_error(&copy);
    if (error != DX_OK) {
        dx_buf_deinit(&copy);
        return error == DX_E_LIMIT ? DX_E_CORRUPT : error;
    }
    dx_buf_deinit(&self->saved);
    self->saved = copy;
    return DX_OK;
}

/* --- What people see -------------------------------------------------------------------------- */

/* Whether a delta says more than the characters: formatting, or what is no character. */
static bool says_more(dx_bytes delta) {
    dx_reader in;
    dx_reader_init(&in, delta);
    for (size_t count = dx_read_array(&in); count > 0 && in.error == DX_OK; count--) {
        dx_bytes part = dx_read_item(&in);
        dx_bytes inserted = dx_item_get(part, "insert");
        if (dx_item_get(part, "attributes").size != 0 || inserted.size == 0 ||
            dx_item_kind(inserted) != DX_KIND_TEXT) {
            return true;
        }
    }
    return false;
}

/* The delta as an item; none (size 0) where it says no more than the characters. Values that have no canonical form leave the
 * text to speak alone. */
static int read_delta(const text *self, dx_text_doc *doc, dx_text_type type, dx_buf *item) {
    dx_buf json;
    dx_writer writer;
    dx_buf_init(&json, self->alloc, DX_TEXT_MEMORY_MAX);
    dx_writer_init(&writer, item);
    int error = dx_text_delta(doc, type, &json);
    error = error == DX_OK ? dx_json_parse(dx_buf_view(&json), &writer, NULL, 0) : error;
    if (error == DX_E_INVALID || (error == DX_OK && !says_more(dx_buf_view(item)))) {
        dx_buf_clear(item);
        error = DX_OK;
    }
    dx_buf_deinit(&json);
    return error;
}

/* What shows of a text. */
typedef struct sight {
    dx_buf characters, delta;
} sight;

static void sight_deinit(sight *self) {
    dx_buf_deinit(&self->characters);
    dx_buf_deinit(&self->delta);
}

/* The caller gives it back, also after an error. */
static int look(const text *self, sight *out) {
    dx_text_saved held;
    dx_text_doc *doc = NULL;
    dx_text_type type = 0;
    bool told = false;
    dx_buf_init(&out->characters, self->alloc, DX_TEXT_MEMORY_MAX);
    dx_buf_init(&out->delta, self->alloc, DX_TEXT_MEMORY_MAX);
    int error = dx_text_saved_read(dx_buf_view(&self->saved), &held);
    error = error == DX_OK ? dx_text_shown_alone(self->alloc, &held, &out->characters, &told) : error;
    if (error != DX_OK || told) {
        return error;
    }
    error = dx_text_saved_open(self->alloc, &held, 1, &doc, NULL);
    error = error == DX_OK ? dx_text_shown(self->alloc, doc, &type) : error;
    error = error == DX_OK ? dx_text_read(doc, type, &out->characters) : error;
    error = error == DX_OK ? read_delta(self, doc, type, &out->delta) : error;
    dx_text_destroy(doc);
    return error;
}

static int text_view(const void *state, dx_writer *out) {
    sight shows;
    int error = look(state, &shows);
    if (error == DX_OK) {
        dx_write_map(out, shows.delta.size == 0 ? 1 : 2);
        dx_write_text(out, "text");
        dx_write_text_bytes(out, dx_buf_view(&shows.characters));
    }
    if (error == DX_OK && shows.delta.size != 0) {
        dx_write_text(out, "delta");
        dx_write_item(out, dx_buf_view(&shows.delta));
    }
    sight_deinit(&shows);
    return error;
}

/* By what showed: characters that came go, as far as they are there, and those that went come again where they stood. Formatting
 * stays, and a text with something embedded as it is. */
static int text_invert(const void *before, const void *after, const void *now, const dx_stamp *first,
                       const dx_stamp *last, dx_buf *operation, bool *kept) {
    const text *self = now;
    sight was = {.delta = {0}}, became = {.delta = {0}};
    dx_text_saved held;
    (void)last;
    int error = look(before, &was);
    int second = look(after, &became);
    error = error == DX_OK ? second : error;
    error = error == DX_OK ? dx_text_saved_read(dx_buf_view(&self->saved), &held) : error;
    if (error == DX_OK) {
        dx_bytes from = dx_buf_view(&was.characters), to = dx_buf_view(&became.characters);
        bool same = dx_bytes_equal(from, to);
        *kept = *kept || !dx_bytes_equal(dx_buf_view(&was.delta), dx_buf_view(&became.delta));
        error =
            same ? DX_OK
                 : dx_text_request_back(self->alloc, &self->created, &held, first->feed, from, to, operation);
    }
    if (error == DX_E_INVALID) {
        *kept = true;
        error = DX_OK;
    }
    sight_deinit(&was);
    sight_deinit(&became);
    return error;
}

static int text_prepare(const void *state, const uint8_t *feed, dx_bytes request, dx_buf *operation) {
    const text *self = state;
    dx_text_saved held;
    int error = dx_text_saved_read(dx_buf_view(&self->saved), &held);
    return error == DX_OK ? dx_text_request(self->alloc, &self->created, &held, feed, request, operation)
                          : error;
}

const dx_model dx_text_model = {
    .version = DX_MODEL_VERSION,
    .name = "dx/text/1",
    .kind = DX_MODEL_MERGE,
    .create = text_create,
    .destroy = text_destroy,
    .apply = text_apply,
    .save = text_save,
    .restore = text_restore,
    .view = text_view,
    .prepare = text_prepare,
    .invert = text_invert,
    .amend = text_amend,
    .canonical = text_canonical,
    .hide = text_hide,
};
