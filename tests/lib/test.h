/* tests/lib/test.h: the one door to the test framework (cmocka), so that test files name no ritual.
 * A test file defines static void test_something(void **state) functions and ends with
 * DX_TEST_MAIN(DX_TEST(test_something), ...). */
#ifndef DX_TESTS_LIB_TEST_H
#define DX_TESTS_LIB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dxos/base.h>

#define DX_TEST(function) cmocka_unit_test(function)

/* What cannot be tried here says so and ends; tools/test counts it apart. cmocka's own word for it, "not ok # SKIP", is a failure to
 * who reads TAP. In a test function itself. */
#undef skip
#define skip()                                                                                               \
    do {                                                                                                     \
        print_message("# skipped: what it needs is not here\n");                                             \
        return;                                                                                              \
    } while (0)
#define DX_TEST_MAIN(...)                                                                                    \
    int main(void) {                                                                                         \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                                     \
        return cmocka_run_group_tests(tests, NULL, NULL);                                                    \
    }

/* An allocator over malloc that counts what is live, fails the test above limit_bytes (0: no limit), and
 * fails the fail_at-th call (1-based; 0 never), once, or from then on when sticky. Check test_alloc_live() ==
 * 0 at the end of a test. */
typedef struct test_alloc {
    dx_alloc port;
    size_t live_bytes, limit_bytes;
    uint64_t calls;
    uint64_t fail_at;
    bool sticky;
} test_alloc;

static inline void *test_alloc_resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    test_alloc *self = ctx;
    if (new_size == 0) {
        free(old);
        self->live_bytes -= old_size;
        return NULL;
    }
    self->calls++;
    if (self->fail_at != 0 && (self->sticky ? self->calls >= self->fail_at : self->calls == self->fail_at)) {
        return NULL;
    }
    void *block = realloc(old, new_size);
    assert_non_null(block);
    self->live_bytes += new_size - old_size;
    assert_true(self->limit_bytes == 0 || self->live_bytes <= self->limit_bytes);
    return block;
}

static inline void test_alloc_init(test_alloc *self) {
    memset(self, 0, sizeof *self);
    self->port.ctx = self;
    self->port.resize = test_alloc_resize;
}

/* A reproducible random port (splitmix64 over a seed); for tests only. */
typedef struct test_random {
    dx_random port;
    uint64_t state;
} test_random;

static inline uint64_t test_random_next(test_random *self) {
    uint64_t z = (self->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline void test_random_fill(void *ctx, uint8_t *out, size_t size) {
    test_random *self = ctx;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)test_random_next(self);
    }
}

static inline void test_random_init(test_random *self, uint64_t seed) {
    self->state = seed;
    self->port.ctx = self;
    self->port.fill = test_random_fill;
}

#endif
