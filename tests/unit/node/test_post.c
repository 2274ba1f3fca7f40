/* tests/unit/node/test_post.c: messages between programs of members that nobody keeps (node/commands_post.c, sync/post.c): who hears them and who
 * does not, what is refused, and that a flood of them costs nobody the link. */
#include "street.h"

#define SAY    "{'do': 'space.post', 'space': 'Garden', 'channel': 'bed', 'message': {'@bytes': 'aGVsbG8'}}"
#define HELLO  "{\"@bytes\":\"aGVsbG8\"}"
#define LISTEN "{'do': 'space.listen', 'space': 'Garden', 'channel': 'bed'}"

static street road;
static vault *alice, *bob;

static void begin(const char *role) {
    street_init(&road);
    alice = street_person(&road, "alice");
    bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_join_as(alice, bob, "Garden", role);
    street_pass(&road, 1000);
}

static void forget(void) {
    alice->told[0] = 0;
    bob->told[0] = 0;
}

static size_t count(const char *text, const char *word) {
    size_t found = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        found++;
    }
    return found;
}

static void test_who_listens_hears(void **state) {
    (void)state;
    char me[80], from[96];
    begin("reader");
    uint64_t listening = vault_begin(bob, LISTEN);
    vault_begin(alice, LISTEN);
    vault_begin(bob, "{'do': 'space.listen', 'space': 'Garden', 'channel': 'tree'}");
    forget();
    vault_ask(alice, SAY);
    street_pass(&road, 100);
    street_field(vault_ask(alice, "{'do': 'halo.identity'}"), "identity", me, sizeof me);
    snprintf(from, sizeof from, "\"identity\":\"%s\"", me);
    assert_int_equal(count(bob->told, HELLO), 1);
    assert_non_null(strstr(bob->told, from));
    assert_int_equal(count(alice->told, HELLO), 0); /* who says it knows */
    /* A reader says, too; and who begins to listen later has missed it. */
    forget();
    vault_ask(bob, SAY);
    street_pass(&road, 100);
    assert_int_equal(count(alice->told, HELLO), 1);
    forget();
    vault_begin(bob, LISTEN);
    street_pass(&road, 1000);
    assert_int_equal(count(bob->told, HELLO), 0);
    /* Another program of one's own hears; one that is gone does not. */
    vault_connect(alice, 2, "");
    forget();
    vault_ask_by(alice, 2, SAY);
    street_pass(&road, 100);
    assert_int_equal(count(alice->told, HELLO), 1);
    assert_int_equal(count(bob->told, HELLO), 2);
    vault_refer(bob, "request.cancel", listening, NULL);
    forget();
    vault_ask(alice, SAY);
    street_pass(&road, 100);
    assert_int_equal(count(bob->told, HELLO), 1);
    street_deinit(&road);
}

static void test_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "{'do': 'space.post', 'space': 'Garden', 'channel': '', 'message': {'@bytes': ''}}",
        "{'do': 'space.post', 'space': 'Garden', 'channel': 'bed', 'message': 'text'}",
        "{'do': 'space.post', 'space': 'Garden', 'channel': 'bed'}",
        "{'do': 'space.listen', 'space': 'Garden'}",
        "{'do': 'space.post', 'space': 'Nowhere', 'channel': 'bed', 'message': {'@bytes': ''}}",
    };
    begin("editor");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_non_null(strstr(vault_ask(alice, bad[i]), "\"error\""));
    }
    street_deinit(&road);
}

static void test_a_flood_is_passed_over(void **state) {
    (void)state;
    begin("editor");
    vault_begin(bob, LISTEN);
    bob->notified = 0;
    for (size_t i = 0; i < 400; i++) {
        vault_ask(alice, SAY);
        bob->told[0] = 0;
    }
    street_pass(&road, 100);
    assert_in_range(bob->notified, 100, 200); /* 64 KiB at once, 512 bytes each */
    street_pass(&road, 5000);
    forget();
    vault_ask(alice, SAY);
    street_pass(&road, 100);
    assert_int_equal(count(bob->told, HELLO), 1);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'space.status', 'space': 'Garden'}"), "\"peers\":1"));
    street_deinit(&road);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_listens_hears),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_a_flood_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
