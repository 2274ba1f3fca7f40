/* tests/lib/expect_assert.h: lets a test see one of our assertions fail: EXPECT_ASSERT(call);
 *
 * Replaces the core's weak dx_assert_failed; include it in one file of a test program, after test.h. cmocka's
 * own expect_assert_failure would do, but for the line it prints in the middle of the TAP output. */
#ifndef DX_TESTS_LIB_EXPECT_ASSERT_H
#define DX_TESTS_LIB_EXPECT_ASSERT_H

#include "test.h"

#ifdef __wasm__
/* There is no way back from a failed assertion in wasm, so it is not provoked there. */
#define EXPECT_ASSERT(call) ((void)0)
#else

static jmp_buf assert_return;
static bool assert_expected;

void dx_assert_failed(const char *expression, const char *file, int line) {
    if (assert_expected) {
        longjmp(assert_return, 1);
    }
    fail_msg("%s:%d: %s does not hold", file, line, expression);
    abort();
}

#define EXPECT_ASSERT(call)                                                                                  \
    do {                                                                                                     \
        assert_expected = true;                                                                              \
        if (setjmp(assert_return) == 0) {                                                                    \
            call;                                                                                            \
            assert_expected = false;                                                                         \
            fail_msg("no assertion failed in %s", #call);                                                    \
        }                                                                                                    \
        assert_expected = false;                                                                             \
    } while (0)

#endif
#endif
