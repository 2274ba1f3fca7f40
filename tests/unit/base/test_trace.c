/* base/trace.c: lines reach who listens, whole or cut, and nobody else pays. */
#include "base/trace.h"
#include "test.h"

static char heard_room[16], heard[DX_TRACE_LINE_SIZE + 8];

static void hear(void *ctx, const char *room, const char *text) {
    ++*(int *)ctx;
    snprintf(heard_room, sizeof heard_room, "%s", room);
    snprintf(heard, sizeof heard, "%s", text);
}

static void test_line(void **state) {
    (void)state;
    int count = 0;
    const dx_tracer tracer = {.ctx = &count, .line = hear};
    dx_trace(&tracer, "mesh", "link %llu %s: %d", 7ull, "closed", -3);
    assert_string_equal(heard_room, "mesh");
    assert_string_equal(heard, "link 7 closed: -3");
    assert_int_equal(count, 1);
}

static void test_long_line_is_cut(void **state) {
    (void)state;
    int count = 0;
    char text[2 * DX_TRACE_LINE_SIZE];
    const dx_tracer tracer = {.ctx = &count, .line = hear};
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    dx_trace(&tracer, "mesh", "%s", text);
    assert_int_equal(strlen(heard), DX_TRACE_LINE_SIZE - 1);
}

static void test_nobody_listens(void **state) {
    (void)state;
    const dx_tracer silent = {0};
    dx_trace(NULL, "mesh", "%d", 1);
    dx_trace(&silent, "mesh", "%d", 1);
}

DX_TEST_MAIN(DX_TEST(test_line), DX_TEST(test_long_line_is_cut), DX_TEST(test_nobody_listens))
