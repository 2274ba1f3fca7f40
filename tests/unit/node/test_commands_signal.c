/* node/commands_signal.c: services added, listed, removed, kept; whom a vault dials for them. */
#include "fair.h"
#include "street.h"

static street road;
static fair ground;

static bool carry_out(street *self, vault *from, const dx_effect *effect) {
    return fair_effect(self->beyond_ctx, from, effect);
}

static void give(void *who, const dx_event *event) {
    street_post(((vault *)who)->street, who, *event);
}

static vault *begin(void) {
    street_init(&road);
    fair_init(&ground, give);
    road.beyond = carry_out;
    road.beyond_ctx = &ground;
    return street_move_in(&road, "alice");
}

static void end(void) {
    street_deinit(&road);
    fair_deinit(&ground);
}

static const char *list(vault *one) {
    vault_ask(one, "{'do': 'signal.list'}");
    return one->told;
}

static int count_rows(const char *rows) {
    int count = 0;
    while ((rows = strstr(rows, "\"url\"")) != NULL) {
        rows++;
        count++;
    }
    return count;
}

static const char *ask_url(vault *one, const char *command, const char *url) {
    char json[512];
    snprintf(json, sizeof json, "{'do': '%s', 'url': '%s'}", command, url);
    return vault_ask(one, json);
}

static void test_services_are_kept(void **state) {
    (void)state;
    vault *alice = begin();
    assert_string_equal(list(alice), "");
    assert_non_null(strstr(ask_url(alice, "signal.add", fair_url), fair_url));
    assert_non_null(strstr(ask_url(alice, "signal.add", fair_url), fair_url)); /* twice is once */
    assert_non_null(strstr(list(alice), "waiting to dial"));
    assert_int_equal(count_rows(list(alice)), 1);
    vault_ask(alice, "{'do': 'halo.create', 'name': 'Alice'}");
    assert_int_equal(count_rows(list(alice)), 1);
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}"); /* now there is somebody to look for */
    street_pass(&road, 1000);
    assert_non_null(strstr(list(alice), "\"state\":\"ready\""));
    assert_non_null(strstr(vault_ask(alice, "{'do': 'status'}"), "\"state\":\"ready\""));
    fair_stop(&ground);
    street_run(&road);
    assert_non_null(strstr(list(alice), dx_error_text(DX_E_UNREACHABLE)));
    vault_leave(alice);
    vault_open(alice);
    assert_non_null(strstr(list(alice), fair_url));
    assert_non_null(strstr(ask_url(alice, "signal.rm", fair_url), fair_url));
    assert_string_equal(list(alice), "");
    vault_leave(alice);
    vault_open(alice);
    assert_string_equal(list(alice), "");
    end();
}

static void test_what_is_refused(void **state) {
    char url[300];
    (void)state;
    vault *alice = begin();
    assert_non_null(strstr(ask_url(alice, "signal.add", "http://x"), "E_INVALID"));
    assert_non_null(strstr(ask_url(alice, "signal.add", "ws://"), "E_INVALID"));
    assert_non_null(strstr(ask_url(alice, "signal.add", "ws://router.example/reboot"), "E_INVALID"));
    assert_non_null(strstr(vault_ask(alice, "{'do': 'signal.add'}"), "E_INVALID"));
    memset(url, 'x', sizeof url);
    memcpy(url, "ws://", 5);
    url[DX_SIGNALING_TEXT_MAX + 1] = 0;
    assert_non_null(strstr(ask_url(alice, "signal.add", url), "error"));
    assert_non_null(strstr(ask_url(alice, "signal.rm", fair_url), "E_NOT_FOUND"));
    for (int i = 0; i < DX_SIGNALING_SERVICES_MAX; i++) {
        snprintf(url, sizeof url, "ws://%d.example/.well-known/dx/signal", i);
        assert_non_null(strstr(ask_url(alice, "signal.add", url), url));
    }
    assert_non_null(strstr(ask_url(alice, "signal.add", fair_url), "E_LIMIT"));
    assert_int_equal(count_rows(list(alice)), DX_SIGNALING_SERVICES_MAX);
    end();
}

DX_TEST_MAIN(DX_TEST(test_services_are_kept), DX_TEST(test_what_is_refused))
