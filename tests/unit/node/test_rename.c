/* tests/unit/node/test_rename.c: a new name is told where it can be (node/commands_halo.c): not by a reader, later
 * where the space's key has not come yet, and the words for a device's. */
#include "node/state.h"
#include "street.h"

static street road;

static bool shows(vault *self, const char *json, const char *part) {
    vault_ask(self, json);
    return strstr(self->told, part) != NULL;
}

/* He reads, and has no object to say it in: his own vault knows it, and goes on. */
static void test_a_reader(void **state) {
    (void)state;
    char url[2100], pin[7], json[2300];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Book'}");
    vault_ask(bob, "{'do': 'space.create', 'name': 'Own'}");
    vault_begin(alice, "{'do': 'space.share', 'space': 'Book', 'role': 'reader'}");
    street_field(alice->told, "url", url, sizeof url);
    street_field(alice->told, "pin", pin, sizeof pin);
    snprintf(json, sizeof json, "{'do': 'space.join', 'url': '%s', 'pin': '%s'}", url, pin);
    vault_begin(bob, json);
    street_pass(&road, 5000);
    bob->traces = "node";
    assert_non_null(strstr(vault_ask(bob, "{'do': 'halo.rename', 'name': 'Bobby'}"), "\"Bobby\""));
    assert_non_null(strstr(bob->trace, "was not told the name: E_DENIED"));
    assert_true(shows(bob, "{'do': 'space.members', 'space': 'Own'}", "\"name\":\"Bobby\""));
    assert_true(shows(alice, "{'do': 'space.members', 'space': 'Book'}",
                      "{\"name\":null,\"role\":\"reader\",\"object\":null"));
    vault_ask(bob, "{'do': 'space.rename', 'space': 'Book', 'name': 'Mine'}");
    assert_non_null(strstr(bob->last, "this identity may not write here"));
    street_deinit(&road);
}

/* What could not be told for now is told when the vault is opened again. */
static void test_a_key_that_comes_later(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'One'}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Two'}");
    alice->node->spaces[0]->key_epoch = 7; /* whose key nobody has granted her */
    alice->traces = "node";
    vault_ask(alice, "{'do': 'halo.rename', 'name': 'Al'}");
    assert_non_null(strstr(alice->trace, "was not told the name: E_STATE"));
    vault_ask(alice, "{'do': 'space.rename', 'space': 'One', 'name': 'First'}");
    assert_non_null(strstr(alice->last, "the key of this space has not arrived yet"));
    assert_true(shows(alice, "{'do': 'space.members', 'space': 'One'}", "\"name\":\"Alice\""));
    assert_true(shows(alice, "{'do': 'space.members', 'space': 'Two'}", "\"name\":\"Al\""));
    vault_leave(alice);
    vault_open(alice);
    street_run(&road);
    assert_true(shows(alice, "{'do': 'space.members', 'space': 'One'}", "\"name\":\"Al\""));
    alice->trace[0] = 0;
    vault_leave(alice); /* and then all are told */
    vault_open(alice);
    street_run(&road);
    assert_false(alice->node->telling);
    assert_string_equal(alice->trace, "");
    street_deinit(&road);
}

static void test_a_device(void **state) {
    (void)state;
    char device[80], json[160];
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'device.list'}");
    street_field(alice->told, "device", device, sizeof device);
    assert_non_null(strstr(alice->told, "\"name\":\"this device\""));
    snprintf(json, sizeof json, "{'do': 'device.rename', 'name': 'laptop', 'device': '%.6s'}", device);
    assert_non_null(strstr(vault_ask(alice, json), "\"name\":\"laptop\""));
    snprintf(json, sizeof json, "{'do': 'device.rename', 'name': 'x', 'device': '%.3s'}", device);
    assert_non_null(strstr(vault_ask(alice, json), "E_NOT_FOUND")); /* too few digits to mean one */
    vault_leave(alice);
    vault_open(alice);
    assert_true(shows(alice, "{'do': 'device.list'}", "\"name\":\"laptop\""));
    assert_non_null(strstr(vault_ask(alice, "{'do': 'halo.identity'}"), "\"device_name\":\"laptop\""));
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_a_reader), DX_TEST(test_a_key_that_comes_later), DX_TEST(test_a_device))
