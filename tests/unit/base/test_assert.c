/* tests/unit/base/test_assert.c: a failed assertion ends the process at once, and the core's own handler is
 * what does it.
 *
 * That a host may replace the handler is shown by every test that includes expect_assert.h. */
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int exit_of_child(bool holds) {
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGILL, SIG_DFL); /* the framework catches them to report the test */
        signal(SIGTRAP, SIG_DFL);
        DX_ASSERT(holds);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_assertion_stops_the_process(void **state) {
    (void)state;
    int status = exit_of_child(true);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = exit_of_child(false);
    assert_true(WIFSIGNALED(status));
}

DX_TEST_MAIN(DX_TEST(test_assertion_stops_the_process))
