/* fuzz_models.c: the models shipped beside the object model. Input: the model (1 byte), what to do with the rest (1 byte), then
 * operations, each as counter (1 byte), size (2 bytes) and its bytes; or a saved state; or a request. Checks: a refused
 * operation changes nothing, any order saves the same bytes (not of the ordered kind), what was saved is restored, what
 * is restored is what save writes, the view is one canonical item, and an operation made of a request, or to take back
 * another one, is accepted. */
#include <dxos/model.h>

#include "fuzz.h"

enum { OPERATIONS_MAX = 8, STATE_MAX = 1 << 26 };

static const dx_stamp created = {.counter = 3};

typedef struct operation {
    dx_bytes bytes;
    dx_stamp stamp;
    int outcome;
} operation;

static void save(const dx_model *model, const void *state, dx_buf *out) {
    dx_buf_clear(out);
    FUZZ_CHECK(model->save(state, out) == DX_OK);
}

static void check_view(const dx_model *model, const void *state, dx_buf *view) {
    dx_writer writer;
    dx_buf_clear(view);
    dx_writer_init(&writer, view);
    FUZZ_CHECK(model->view(state, &writer) == DX_OK && dx_writer_finish(&writer) == DX_OK);
    FUZZ_CHECK(dx_item_check(dx_buf_view(view)) == DX_OK);
}

/* What is restored saves the same bytes. */
static void check_restore(const dx_model *model, dx_bytes saved, bool must, dx_buf *again) {
    void *state = model->create(&fuzz_alloc, &created);
    int error = model->restore(state, saved);
    FUZZ_CHECK(error == DX_OK || (!must && error == DX_E_CORRUPT));
    if (error == DX_OK) {
        save(model, state, again);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(again), saved));
        check_view(model, state, again);
    }
    model->destroy(&fuzz_alloc, state);
}

/* One of the operations, by what came before and after it in the order of stamps. */
static void take_back(const dx_model *model, const operation *operations, size_t count, const dx_stamp *stamp,
                      dx_buf *bytes) {
    void *states[3];
    bool kept = false;
    if (model->invert == NULL) {
        return;
    }
    for (int which = 0; which < 3; which++) {
        states[which] = model->create(&fuzz_alloc, &created);
        for (size_t i = 0; i < count; i++) {
            int order = dx_stamp_compare(&operations[i].stamp, stamp);
            if (which == 2 || order < 0 || (order == 0 && which == 1)) {
                (void)model->apply(states[which], operations[i].bytes, &operations[i].stamp);
            }
        }
    }
    dx_buf_clear(bytes);
    FUZZ_CHECK(model->invert(states[0], states[1], states[2], stamp, stamp, bytes, &kept) == DX_OK);
    const dx_stamp later = {.counter = 20};
    FUZZ_CHECK(bytes->size == 0 || model->apply(states[2], dx_buf_view(bytes), &later) == DX_OK);
    for (int which = 0; which < 3; which++) {
        model->destroy(&fuzz_alloc, states[which]);
    }
}

static void apply_all(const dx_model *model, fuzz_input *input, dx_buf *a, dx_buf *b) {
    operation operations[OPERATIONS_MAX];
    size_t count = 0;
    void *state = model->create(&fuzz_alloc, &created), *backwards = model->create(&fuzz_alloc, &created);
    save(model, state, a);
    for (; input->left > 0 && count < OPERATIONS_MAX; count++) {
        operation *one = &operations[count];
        one->stamp = (dx_stamp){.counter = fuzz_byte(input) % 8};
        one->stamp.counter = model->kind == DX_MODEL_ORDERED ? 4 + count : one->stamp.counter;
        size_t size = fuzz_byte(input) * 256u;
        one->bytes = fuzz_bytes(input, size + fuzz_byte(input));
        one->outcome = model->apply(state, one->bytes, &one->stamp);
        save(model, state, b);
        FUZZ_CHECK(one->outcome == DX_OK ||
                   (one->outcome == DX_E_MALFORMED && dx_bytes_equal(dx_buf_view(a), dx_buf_view(b))));
        save(model, state, a);
    }
    check_restore(model, dx_buf_view(a), true, b);
    for (size_t i = count; i-- > 0 && model->kind == DX_MODEL_MERGE;) {
        FUZZ_CHECK(model->apply(backwards, operations[i].bytes, &operations[i].stamp) ==
                   operations[i].outcome);
        save(model, backwards, b);
    }
    FUZZ_CHECK(model->kind == DX_MODEL_ORDERED || count == 0 ||
               dx_bytes_equal(dx_buf_view(a), dx_buf_view(b)));
    if (count != 0) {
        take_back(model, operations, count, &operations[count / 2].stamp, b);
    }
    model->destroy(&fuzz_alloc, state);
    model->destroy(&fuzz_alloc, backwards);
}

/* Each request stands on its own list of four, or on a counter. */
static void ask(const dx_model *model, dx_bytes request, dx_buf *operation_bytes) {
    static const uint8_t four[] = {0x84, 0x84, 0x00, 0xf6, 0xf5, 0x01, 0x84, 0x00, 0x81,
                                   0x00, 0xf5, 0x02, 0x84, 0x00, 0x81, 0x00, 0xf4, 0x03,
                                   0x84, 0x01, 0x81, 0x01, 0xf5, 0x81, 0x00};
    const dx_stamp before = {.counter = 5}, stamp = {.counter = 9};
    void *state = model->create(&fuzz_alloc, &created);
    if (model->prepare != NULL) {
        (void)model->apply(state, dx_bytes_of(four, sizeof four), &before);
        dx_buf_clear(operation_bytes);
        int error = model->prepare(state, stamp.feed, request, operation_bytes);
        FUZZ_CHECK(error == DX_OK || error == DX_E_INVALID);
        FUZZ_CHECK(error != DX_OK || model->apply(state, dx_buf_view(operation_bytes), &stamp) == DX_OK);
    }
    model->destroy(&fuzz_alloc, state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const dx_model *const models[] = {&dx_counter_model, &dx_list_model, &dx_approval_model};
    fuzz_input input = {data, size};
    const dx_model *model = models[fuzz_byte(&input) % 3];
    unsigned what = fuzz_byte(&input) % 3;
    dx_buf a, b;
    dx_buf_init(&a, &fuzz_alloc, STATE_MAX);
    dx_buf_init(&b, &fuzz_alloc, STATE_MAX);
    if (what == 0) {
        apply_all(model, &input, &a, &b);
    } else if (what == 1) {
        check_restore(model, fuzz_bytes(&input, input.left), false, &a);
    } else {
        ask(model, fuzz_bytes(&input, input.left), &a);
    }
    dx_buf_deinit(&a);
    dx_buf_deinit(&b);
    return 0;
}
