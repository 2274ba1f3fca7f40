/* tests/wasm/framework/cmocka.h: as much of cmocka as tests/lib/test.h and the unit tests use, for programs
 * inside wasm.
 *
 * wasi has no setjmp, so a failed assertion cannot leave its test: it says where and what, and ends the
 * program with 1. Everything is in this header, since each test is one program. */
#ifndef DX_TESTS_WASM_CMOCKA_H
#define DX_TESTS_WASM_CMOCKA_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
};

#define cmocka_unit_test(function)                                                                           \
    { #function, function, NULL, NULL }
#define cmocka_unit_test_setup_teardown(function, setup, teardown)                                           \
    { #function, function, setup, teardown }
#define cmocka_run_group_tests(tests, setup, teardown)                                                       \
    run_tests(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#define fail_msg(...)                                                                                        \
    do {                                                                                                     \
        printf("# %s:%d: ", __FILE__, __LINE__);                                                             \
        printf(__VA_ARGS__);                                                                                 \
        printf("\nnot ok - %s\n", __func__);                                                                 \
        exit(1);                                                                                             \
    } while (0)
#define fail() fail_msg("failed")
#define hold(condition, text)                                                                                \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fail_msg("%s", text);                                                                            \
        }                                                                                                    \
    } while (0)
#define hold_numbers(a, comparison, b)                                                                       \
    do {                                                                                                     \
        uintmax_t held_left = (uintmax_t)(a), held_right = (uintmax_t)(b); /* no name a test has */          \
        if (!(held_left comparison held_right)) {                                                            \
            fail_msg("%s is %#jx, not " #comparison " %s, %#jx", #a, held_left, #b, held_right);             \
        }                                                                                                    \
    } while (0)

#define print_message(...)         printf("# " __VA_ARGS__)
#define print_error(...)           printf("# " __VA_ARGS__)
#define assert_true(a)             hold(a, "true: " #a)
#define assert_false(a)            hold(!(a), "false: " #a)
#define assert_null(a)             hold((a) == NULL, "NULL: " #a)
#define assert_non_null(a)         hold((a) != NULL, "not NULL: " #a)
#define assert_ptr_equal(a, b)     hold((const void *)(a) == (const void *)(b), "one pointer: " #a ", " #b)
#define assert_ptr_not_equal(a, b) hold((const void *)(a) != (const void *)(b), "two pointers: " #a ", " #b)
#define assert_int_equal(a, b)     hold_numbers(a, ==, b)
#define assert_int_not_equal(a, b) hold_numbers(a, !=, b)
#define assert_in_range(a, low, high)                                                                        \
    do {                                                                                                     \
        hold_numbers(a, >=, low);                                                                            \
        hold_numbers(a, <=, high);                                                                           \
    } while (0)
#define assert_memory_equal(a, b, size)     hold(memcmp(a, b, size) == 0, "equal bytes: " #a ", " #b)
#define assert_memory_not_equal(a, b, size) hold(memcmp(a, b, size) != 0, "different bytes: " #a ", " #b)
#define assert_string_equal(a, b)                                                                            \
    do {                                                                                                     \
        const char *left = (a), *right = (b);                                                                \
        if (strcmp(left, right) != 0) {                                                                      \
            fail_msg("\"%s\" is not \"%s\"", left, right);                                                   \
        }                                                                                                    \
    } while (0)
#define assert_string_not_equal(a, b) hold(strcmp(a, b) != 0, "different texts: " #a ", " #b)

static inline int run_tests(const struct CMUnitTest *tests, size_t count, int (*setup)(void **),
                            int (*teardown)(void **)) {
    void *group = NULL;
    if (setup != NULL && setup(&group) != 0) {
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        void *state = group;
        if (tests[i].setup != NULL && tests[i].setup(&state) != 0) {
            printf("not ok - %s (setup)\n", tests[i].name);
            return 1;
        }
        tests[i].test(&state);
        if (tests[i].teardown != NULL && tests[i].teardown(&state) != 0) {
            printf("not ok - %s (teardown)\n", tests[i].name);
            return 1;
        }
        printf("ok %zu - %s\n", i + 1, tests[i].name);
    }
    printf("1..%zu\n", count);
    return teardown != NULL ? teardown(&group) : 0;
}

#endif
