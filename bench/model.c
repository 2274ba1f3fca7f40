/* bench/model.c: the object model on real objects, as the pipeline uses it.
 *
 *   model.create  a state made, the operation of an object's creation applied, saved
 *   model.update  a state restored, one property set, saved
 *   model.view    the map that people see
 * Layer: measuring programs; looks inside the core for the operation of a creation. */
#include "bench.h"

#include <dxos/model.h>
#include <stdlib.h>

#include "model/object_operation.h"

typedef struct model_run {
    size_t count;
    dx_buf *operations, *states;
    dx_buf out;
} model_run;

static const dx_stamp created = {.counter = 7}, later = {.counter = 9, .feed = {1}};

static void *fresh_state(void) {
    void *state = dx_object_model.create(dx_host_alloc(), &created);
    if (state == NULL) {
        bench_fail("no memory for a state");
    }
    return state;
}

static void save(const void *state, dx_buf *out) {
    dx_buf_clear(out);
    bench_must(dx_object_model.save(state, out), "saving");
}

static void create_objects(void *ctx) {
    model_run *it = ctx;
    for (size_t i = 0; i < it->count; i++) {
        void *state = fresh_state();
        bench_must(dx_object_model.apply(state, dx_buf_view(&it->operations[i]), &created), "applying");
        save(state, &it->out);
        dx_object_model.destroy(dx_host_alloc(), state);
    }
}

static void update_objects(void *ctx) {
    static const uint8_t operation[] = {0x82, 0xa1, 0x67, 's', 'e', 'c', 't', 'i', 'o', 'n', 0x61, 'x', 0x80};
    model_run *it = ctx;
    for (size_t i = 0; i < it->count; i++) {
        void *state = fresh_state();
        bench_must(dx_object_model.restore(state, dx_buf_view(&it->states[i])), "restoring");
        bench_must(dx_object_model.apply(state, dx_bytes_of(operation, sizeof operation), &later),
                   "applying");
        save(state, &it->out);
        dx_object_model.destroy(dx_host_alloc(), state);
    }
}

static void view_objects(void *ctx) {
    model_run *it = ctx;
    for (size_t i = 0; i < it->count; i++) {
        dx_writer writer;
        void *state = fresh_state();
        bench_must(dx_object_model.restore(state, dx_buf_view(&it->states[i])), "restoring");
        dx_buf_clear(&it->out);
        dx_writer_init(&writer, &it->out);
        bench_must(dx_object_model.view(state, &writer), "viewing");
        dx_object_model.destroy(dx_host_alloc(), state);
    }
}

static void prepare(model_run *it, const bench_input *input, uint64_t *bytes) {
    it->count = input->package_count;
    it->operations = calloc(it->count, sizeof *it->operations);
    it->states = calloc(it->count, sizeof *it->states);
    if (it->operations == NULL || it->states == NULL) {
        bench_fail("no memory for the objects");
    }
    for (size_t i = 0; i < it->count; i++) {
        dx_buf_init(&it->operations[i], dx_host_alloc(), SIZE_MAX);
        dx_buf_init(&it->states[i], dx_host_alloc(), SIZE_MAX);
        bench_must(dx_object_operation_create(dx_host_alloc(), input->packages[i].cbor, &it->operations[i]),
                   "an operation");
        void *state = fresh_state();
        bench_must(dx_object_model.apply(state, dx_buf_view(&it->operations[i]), &created), "applying");
        save(state, &it->states[i]);
        *bytes += it->states[i].size;
        dx_object_model.destroy(dx_host_alloc(), state);
    }
}

void bench_model(const bench_input *input) {
    model_run it = {0};
    uint64_t bytes = 0;
    dx_buf_init(&it.out, dx_host_alloc(), SIZE_MAX);
    prepare(&it, input, &bytes);
    bench_rounds("model.create", it.count, bytes, create_objects, &it);
    bench_rounds("model.update", it.count, bytes, update_objects, &it);
    bench_rounds("model.view", it.count, bytes, view_objects, &it);
    for (size_t i = 0; i < it.count; i++) {
        dx_buf_deinit(&it.operations[i]);
        dx_buf_deinit(&it.states[i]);
    }
    free(it.operations);
    free(it.states);
    dx_buf_deinit(&it.out);
}
