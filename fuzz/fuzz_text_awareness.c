/* fuzz/fuzz_text_awareness.c: any bytes as awareness updates, one after another, and time that passes.
 *
 * Properties: an update that is refused changes nothing; nobody else takes the own state away; what is encoded another replica
 * takes in and then shows the same; who is not heard of goes. Memory in proportion to the bytes. */
#include "fuzz.h"

#include <dxos/text_protocol.h>

enum { ME = 7, SHOWN_MAX = 64, STEPS_MAX = 16, FREE = 8192, PER_BYTE = 256 };

typedef struct bounded_alloc {
    dx_alloc port;
    size_t live, limit;
} bounded_alloc;

static void *bounded_resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    bounded_alloc *self = ctx;
    self->live += new_size;
    self->live -= old_size;
    FUZZ_CHECK(self->live <= self->limit);
    return fuzz_resize(NULL, old, old_size, new_size);
}

static dx_buf encode(const dx_alloc *alloc, const dx_text_awareness *from) {
    dx_buf out;
    dx_buf_init(&out, alloc, SIZE_MAX);
    FUZZ_CHECK(dx_text_awareness_encode(from, NULL, 0, &out) == DX_OK);
    return out;
}

/* Another replica that hears all of it shows the same; clock 0 alone is no news to it. */
static void check_heard(const dx_alloc *alloc, const dx_text_awareness *from) {
    dx_text_awareness *other;
    uint64_t clients[SHOWN_MAX];
    size_t count;
    dx_buf update = encode(alloc, from);
    FUZZ_CHECK(dx_text_awareness_create(alloc, ME + 1, &other) == DX_OK);
    FUZZ_CHECK(dx_text_awareness_apply(other, dx_buf_view(&update), 0) == DX_OK);
    dx_text_awareness_clients(other, clients, SHOWN_MAX, &count);
    for (size_t i = 0; i < count && i < SHOWN_MAX; i++) {
        FUZZ_CHECK(dx_bytes_equal(dx_text_awareness_state(other, clients[i]),
                                  dx_text_awareness_state(from, clients[i])));
    }
    dx_text_awareness_destroy(other);
    dx_buf_deinit(&update);
}

static void apply(const dx_alloc *alloc, dx_text_awareness *it, dx_bytes update, uint64_t now_ms) {
    dx_buf before = encode(alloc, it);
    if (dx_text_awareness_apply(it, update, now_ms) != DX_OK) {
        dx_buf after = encode(alloc, it);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&before), dx_buf_view(&after)));
        dx_buf_deinit(&after);
    }
    dx_buf_deinit(&before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bounded_alloc bounded = {.limit = FREE + PER_BYTE * size};
    bounded.port = (dx_alloc){&bounded, bounded_resize};
    fuzz_input input = {data, size};
    dx_text_awareness *it;
    uint64_t now_ms = 0;
    FUZZ_CHECK(dx_text_awareness_create(&bounded.port, ME, &it) == DX_OK);
    FUZZ_CHECK(dx_text_awareness_set(it, "{\"me\":true}", 0) == DX_OK);
    for (int step = 0; step < STEPS_MAX && input.left > 0; step++) {
        uint8_t gap = fuzz_byte(&input);
        now_ms += (uint64_t)gap * 1000;
        dx_text_awareness_tick(it, now_ms);
        FUZZ_CHECK(dx_text_awareness_deadline(it) > now_ms);
        apply(&bounded.port, it, fuzz_bytes(&input, step + 1 == STEPS_MAX ? input.left : fuzz_byte(&input)),
              now_ms);
        FUZZ_CHECK(dx_text_awareness_state(it, ME).size > 0);
    }
    check_heard(&bounded.port, it);
    dx_text_awareness_destroy(it);
    FUZZ_CHECK(bounded.live == 0);
    return 0;
}
