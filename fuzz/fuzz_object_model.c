/* fuzz_object_model.c: operations of the object model. Input: operations, each as counter (1 byte), size (2
 * bytes) and its bytes. Checks: a refused operation changes nothing, any order saves the same bytes, applying
 * again changes nothing, amending makes the same, what was saved is restored, the view is one canonical item, an operation made
 * from a view is accepted, and so is what takes back one of the operations. */
#include <dxos/model.h>

#include "fuzz.h"
#include "model/object_amend.h"
#include "model/object_inverse.h"
#include "model/object_operation.h"

enum { OPERATIONS_MAX = 8, STATE_MAX = 1 << 26 };

typedef struct operation {
    dx_bytes bytes;
    dx_stamp stamp;
    int outcome;
} operation;

static void save(const void *state, dx_buf *out) {
    dx_buf_clear(out);
    FUZZ_CHECK(dx_object_model.save(state, out) == DX_OK);
}

static void *make(const operation *operations, size_t count, bool backwards, dx_buf *out) {
    const dx_stamp created = {.counter = 3};
    void *state = dx_object_model.create(&fuzz_alloc, &created);
    for (size_t i = 0; i < count; i++) {
        const operation *one = &operations[backwards ? count - 1 - i : i];
        FUZZ_CHECK(dx_object_model.apply(state, one->bytes, &one->stamp) == one->outcome);
    }
    save(state, out);
    return state;
}

/* Amending makes what the model made, or leaves it alone. */
static void amend(dx_bytes saved, const operation *one, dx_bytes made) {
    const dx_stamp created = {.counter = 3};
    dx_buf amended;
    dx_buf_init(&amended, &fuzz_alloc, STATE_MAX);
    int error = dx_object_amend(&created, saved, one->bytes, &one->stamp, &amended);
    FUZZ_CHECK(error == DX_OK ? one->outcome == DX_OK && dx_bytes_equal(dx_buf_view(&amended), made)
                              : error == DX_E_UNSUPPORTED && amended.size == 0);
    dx_buf_deinit(&amended);
}

/* Applies each for the first time, and notes what comes of it. */
static void note_outcomes(operation *operations, size_t count, dx_buf *before, dx_buf *after) {
    void *state = make(NULL, 0, false, before);
    for (size_t i = 0; i < count; i++) {
        operations[i].outcome = dx_object_model.apply(state, operations[i].bytes, &operations[i].stamp);
        save(state, after);
        FUZZ_CHECK(operations[i].outcome == DX_OK ||
                   (operations[i].outcome == DX_E_MALFORMED &&
                    dx_bytes_equal(dx_buf_view(before), dx_buf_view(after))));
        amend(dx_buf_view(before), &operations[i], dx_buf_view(after));
        save(state, before);
    }
    dx_object_model.destroy(&fuzz_alloc, state);
}

static void check_view(const void *state, dx_buf *view, dx_buf *operation_bytes) {
    dx_writer writer;
    dx_operation_registers registers;
    dx_buf_clear(view);
    dx_writer_init(&writer, view);
    FUZZ_CHECK(dx_object_model.view(state, &writer) == DX_OK && dx_writer_finish(&writer) == DX_OK);
    FUZZ_CHECK(dx_item_check(dx_buf_view(view)) == DX_OK);
    dx_buf_clear(operation_bytes);
    FUZZ_CHECK(dx_object_operation_create(&fuzz_alloc, dx_buf_view(view), operation_bytes) == DX_OK);
    FUZZ_CHECK(dx_operation_registers_read(&registers, &fuzz_alloc, dx_buf_view(operation_bytes)) == DX_OK);
    dx_operation_registers_deinit(&registers, &fuzz_alloc);
}

/* --- Taking back ------------------------------------------------------------------------------ */

/* A state of the operations up to a stamp, saved and shown. */
typedef struct sight {
    dx_buf saved, view;
} sight;

static void look(const operation *operations, size_t count, const dx_stamp *last, bool with, sight *out) {
    operation some[OPERATIONS_MAX];
    size_t kept = 0;
    dx_writer writer;
    for (size_t i = 0; i < count; i++) {
        int order = last == NULL ? -1 : dx_stamp_compare(&operations[i].stamp, last);
        if (order < 0 || (order == 0 && with)) {
            some[kept++] = operations[i];
        }
    }
    dx_buf_init(&out->saved, &fuzz_alloc, STATE_MAX);
    dx_buf_init(&out->view, &fuzz_alloc, STATE_MAX);
    void *state = make(some, kept, false, &out->saved);
    dx_writer_init(&writer, &out->view);
    FUZZ_CHECK(dx_object_model.view(state, &writer) == DX_OK && dx_writer_finish(&writer) == DX_OK);
    dx_object_model.destroy(&fuzz_alloc, state);
}

static void look_deinit(sight *at) {
    dx_buf_deinit(&at->saved);
    dx_buf_deinit(&at->view);
}

typedef struct taking {
    void *state;
    dx_stamp stamp;
} taking;

static int apply_written(taking *self, dx_writer *writer, dx_buf *operation_bytes) {
    FUZZ_CHECK(dx_writer_finish(writer) == DX_OK);
    self->stamp.counter++;
    FUZZ_CHECK(dx_object_model.apply(self->state, dx_buf_view(operation_bytes), &self->stamp) == DX_OK);
    dx_buf_deinit(operation_bytes);
    return DX_OK;
}

static int take_set(void *ctx, dx_bytes path, dx_bytes value) {
    dx_buf bytes;
    dx_writer writer;
    dx_buf_init(&bytes, &fuzz_alloc, STATE_MAX);
    dx_writer_init(&writer, &bytes);
    dx_write_array(&writer, 2);
    dx_write_map(&writer, value.size != 0);
    if (value.size != 0) {
        dx_write_text_bytes(&writer, path);
        dx_write_item(&writer, value);
    }
    dx_write_array(&writer, value.size == 0);
    if (value.size == 0) {
        dx_write_text_bytes(&writer, path);
    }
    return apply_written(ctx, &writer, &bytes);
}

static int take_edit(void *ctx, dx_bytes path, uint32_t kind, dx_bytes key, dx_bytes payload) {
    dx_buf bytes;
    dx_writer writer;
    dx_buf_init(&bytes, &fuzz_alloc, STATE_MAX);
    dx_writer_init(&writer, &bytes);
    dx_write_array(&writer, 3);
    dx_write_map(&writer, 0);
    dx_write_array(&writer, 0);
    dx_write_map(&writer, 1);
    dx_write_text_bytes(&writer, path);
    dx_write_map(&writer, 1);
    dx_write_uint(&writer, kind);
    dx_write_array(&writer, 1);
    dx_write_array(&writer, payload.size == 0 ? 1 : 2);
    dx_write_bytes(&writer, key);
    if (payload.size != 0) {
        dx_write_item(&writer, payload);
    }
    return apply_written(ctx, &writer, &bytes);
}

static void take_back(const operation *operations, size_t count, const dx_stamp *stamp) {
    sight before, after, now;
    bool kept = false;
    dx_buf unused;
    dx_buf_init(&unused, &fuzz_alloc, STATE_MAX);
    look(operations, count, stamp, false, &before);
    look(operations, count, stamp, true, &after);
    look(operations, count, NULL, true, &now);
    taking self = {.state = make(operations, count, false, &unused), .stamp = {.counter = 8}};
    memcpy(self.stamp.feed, stamp->feed, sizeof stamp->feed);
    dx_buf_deinit(&unused);
    const dx_object_inverse inverse = {
        .alloc = &fuzz_alloc,
        .created = {.counter = 3},
        .before = {dx_buf_view(&before.saved), dx_buf_view(&before.view)},
        .after = {dx_buf_view(&after.saved), dx_buf_view(&after.view)},
        .now = {dx_buf_view(&now.saved), dx_buf_view(&now.view)},
        .first = *stamp,
        .last = *stamp,
        .authors = dx_bytes_of(stamp->feed, sizeof stamp->feed),
        .writer = stamp->feed,
        .set = take_set,
        .edit = take_edit,
        .ctx = &self,
    };
    FUZZ_CHECK(dx_object_invert(&inverse, &kept) == DX_OK);
    dx_object_model.destroy(&fuzz_alloc, self.state);
    look_deinit(&before);
    look_deinit(&after);
    look_deinit(&now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    operation operations[OPERATIONS_MAX];
    size_t count = 0;
    while (input.left > 0 && count < OPERATIONS_MAX) {
        operation *one = &operations[count++];
        uint8_t stamp = fuzz_byte(&input);
        one->stamp = (dx_stamp){.counter = stamp % 8, .feed = {stamp / 8 % 2}};
        size_t bytes = fuzz_byte(&input) * 256u;
        one->bytes = fuzz_bytes(&input, bytes + fuzz_byte(&input));
    }
    dx_buf a, b;
    dx_buf_init(&a, &fuzz_alloc, STATE_MAX);
    dx_buf_init(&b, &fuzz_alloc, STATE_MAX);
    note_outcomes(operations, count, &a, &b);
    void *forwards = make(operations, count, false, &a);
    void *backwards = make(operations, count, true, &b);
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&a), dx_buf_view(&b)));
    FUZZ_CHECK(dx_object_model.restore(backwards, dx_buf_view(&a)) == DX_OK);
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(dx_object_model.apply(backwards, operations[i].bytes, &operations[i].stamp) ==
                   operations[i].outcome);
    }
    save(backwards, &b);
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&a), dx_buf_view(&b)));
    check_view(forwards, &a, &b);
    if (count != 0) {
        take_back(operations, count, &operations[count / 2].stamp);
    }
    dx_object_model.destroy(&fuzz_alloc, forwards);
    dx_object_model.destroy(&fuzz_alloc, backwards);
    dx_buf_deinit(&a);
    dx_buf_deinit(&b);
    return 0;
}
