/* fuzz/asked.h: a vault in memory for questions about its spaces: made by the first input and kept, since questions change
 * nothing. The same in every process.
 *
 * Layer: test programs. */
#ifndef DX_FUZZ_ASKED_H
#define DX_FUZZ_ASKED_H

#include "disk.h"
#include "echo/index.h"
#include "echo/mutation.h"
#include "fuzz.h"

typedef struct asked {
    dx_identity identity;
    dx_context context;
    dx_space *space, *other; /* NULL: the target has one space */
} asked;

static inline void asked_fill(void *ctx, uint8_t *out, size_t size) {
    uint64_t *state = ctx;
    for (size_t i = 0; i < size; i++) {
        *state = *state * UINT64_C(6364136223846793005) + 1;
        out[i] = (uint8_t)(*state >> 56);
    }
}

static uint64_t asked_random_state = 1;
static const dx_random asked_random = {&asked_random_state, asked_fill};

static inline dx_space *asked_space(asked *self, const char *name) {
    dx_space *space;
    FUZZ_CHECK(dx_space_create(&self->context, dx_bytes_text(name), &space) == DX_OK);
    return space;
}

/* A vault with one identity and an empty space S. */
static inline void asked_init(asked *self) {
    sim_disk_config disk = {0};
    dx_store_config config = {.alloc = &fuzz_alloc,
                              .random = &asked_random,
                              .vfs = sim_disk_vfs(sim_disk_create(1, &disk)),
                              .path = "vault",
                              .create = true};
    self->context = (dx_context){.alloc = &fuzz_alloc, .random = &asked_random, .identity = &self->identity};
    FUZZ_CHECK(dx_store_open(&config, &self->context.store) == DX_OK);
    FUZZ_CHECK(dx_store_begin(self->context.store) == DX_OK);
    FUZZ_CHECK(dx_identity_create(self->context.store, &fuzz_alloc, &asked_random, dx_bytes_text("A"),
                                  &self->identity) == DX_OK);
    self->space = asked_space(self, "S");
}

static inline void asked_build_indexes(asked *self) {
    bool more = true;
    while (more) {
        FUZZ_CHECK(dx_indexes_build(&self->context, self->space, 100, &more) == DX_OK);
    }
}

#endif
