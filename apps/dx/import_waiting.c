/* dx/import_waiting.c: objects of an import that wait for their parents. See import_state.h. */
#include <stdlib.h>
#include <string.h>

#include "import_state.h"

/* Keeps an object until its parent is there. */
int dx_import_hold(dx_import *import, const dx_batch_op *op) {
    dx_waiting_object waiting = {.op = *op, .at = import->waiting_bytes.size, .next = DX_BATCH_NONE};
    dx_buf_append(&import->waiting_bytes, op->type.data, op->type.size);
    dx_buf_append(&import->waiting_bytes, op->data.data, op->data.size);
    dx_buf_append(&import->waiting_bytes, op->model.data, op->model.size);
    dx_buf_append(&import->waiting, &waiting, sizeof waiting);
    int error = dx_buf_error(&import->waiting_bytes) != DX_OK ? dx_buf_error(&import->waiting_bytes)
                                                              : dx_buf_error(&import->waiting);
    return error == DX_OK ? DX_EXIT_OK : dx_import_fail(import, error);
}

/* Whether an object of this number is on its way already: they are queued in the order of their numbers, but
 * for those that wait. */
bool dx_import_is_queued(const dx_import *import, uint32_t number) {
    const dx_waiting_object *waiting = (const dx_waiting_object *)(const void *)import->waiting.data;
    size_t low = 0, high = import->waiting.size / sizeof *waiting;
    while (low < high) { /* the waiting stand in the order of their numbers too */
        size_t middle = low + (high - low) / 2;
        if (waiting[middle].op.number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool waits = low < import->waiting.size / sizeof *waiting && waiting[low].op.number == number;
    return number < import->number && !waits;
}

/* Adds what waited, from the parents that are there downwards; what is left hangs in a circle, or from an
 * object that was refused, and is added without its parent. */
int dx_import_add_waiting(dx_import *import) {
    dx_waiting_object *waiting = (dx_waiting_object *)(void *)import->waiting.data;
    size_t count = import->waiting.size / sizeof *waiting;
    uint32_t *first = malloc(((size_t)import->count + 1) * sizeof *first),
             *queue = malloc((count + 1) * sizeof *queue);
    if (first == NULL || queue == NULL) {
        free(first);
        free(queue);
        return dx_import_fail(import, DX_E_NO_MEMORY);
    }
    memset(first, 0xff, ((size_t)import->count + 1) * sizeof *first);
    size_t begun = 0, ended = 0;
    for (uint32_t i = (uint32_t)count; i-- > 0;) {
        waiting[i].next = first[waiting[i].op.source];
        first[waiting[i].op.source] = i;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (dx_import_is_queued(import, waiting[i].op.source)) {
            queue[ended++] = i;
        }
    }
    int code = import->code;
    for (size_t swept = 0; code == DX_EXIT_OK && begun < count;) {
        if (begun == ended) { /* only circles are left: one of them is cut */
            while (waiting[swept].at == SIZE_MAX) {
                swept++;
            }
            waiting[swept].op.source = DX_BATCH_NONE;
            import->unresolved++;
            queue[ended++] = (uint32_t)swept;
        }
        dx_waiting_object *object = &waiting[queue[begun++]];
        if (object->at == SIZE_MAX) {
            continue;
        }
        dx_batch_op op = object->op;
        op.type.data = import->waiting_bytes.data + object->at;
        op.data.data = op.type.data + op.type.size;
        op.model.data = op.data.data + op.data.size;
        object->at = SIZE_MAX;
        code = dx_batches_add(&import->batches, &op);
        for (uint32_t child = first[op.number]; child != DX_BATCH_NONE && ended < count;
             child = waiting[child].next) {
            queue[ended++] = child;
        }
    }
    free(first);
    free(queue);
    return import->code = code;
}
