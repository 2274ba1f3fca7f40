/* fuzz_object_model.c: operations of the object model. Input: operations, each as counter (1 byte), size (2
 * bytes) and its bytes. Checks: a refused operation changes nothing, any order saves the same bytes, applying
 * again changes nothing, what was saved is restored, the view is one canonical item, and an operation made
 * from a view is accepted. */
#include <dxos/model.h>

#include "fuzz.h"
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

/* Applies each for the first time, and notes what comes of it. */
static void note_outcomes(operation *operations, size_t count, dx_buf *before, dx_buf *after) {
    void *state = make(NULL, 0, false, before);
    for (size_t i = 0; i < count; i++) {
        operations[i].outcome = dx_object_model.apply(state, operations[i].bytes, &operations[i].stamp);
        save(state, after);
        FUZZ_CHECK(operations[i].outcome == DX_OK ||
                   (operations[i].outcome == DX_E_MALFORMED &&
                    dx_bytes_equal(dx_buf_view(before), dx_buf_view(after))));
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    operation operations[OPERATIONS_MAX];
    size_t count = 0;
    while (input.left > 0 && count < OPERATIONS_MAX) {
        operation *one = &operations[count++];
        one->stamp = (dx_stamp){.counter = fuzz_byte(&input) % 8};
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
    dx_object_model.destroy(&fuzz_alloc, forwards);
    dx_object_model.destroy(&fuzz_alloc, backwards);
    dx_buf_deinit(&a);
    dx_buf_deinit(&b);
    return 0;
}
