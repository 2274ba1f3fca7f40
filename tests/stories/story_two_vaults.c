/* tests/stories/story_two_vaults.c: two people, two vaults, one space: shared by link and PIN, edited
 * together, edited apart, the same again.
 *
 * Asserted: what each is answered, and that after every reunion both digests are equal. */
#include "street.h"

static street road;

static void test_story(void **state) {
    (void)state;
    char id[64], json[256];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_field(
        vault_ask(
            alice,
            "{'do': 'object.add', 'space': 'Garden', 'type': 'bed', 'data': {'plant': 'rose', 'rows': 1}}"),
        "id", id, sizeof id);

    /* Alice shares, Bob joins; what was there before comes along. */
    street_join(alice, bob, "Garden");
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Garden', 'id': '%s'}", id);
    char expected[256];
    snprintf(expected, sizeof expected,
             "{\"id\":\"%s\",\"data\":{\"rows\":1,\"plant\":\"rose\"},\"type\":\"bed\",\"parent\":null,"
             "\"deleted\":false}",
             id);
    assert_asks(bob, json, expected);
    street_agree(&road, "Garden");

    /* While both are there a change is seen at once. */
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'Garden', 'id': '%s', 'set': {'rows': 2}}",
             id);
    vault_ask(bob, json);
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Garden', 'id': '%s'}", id);
    assert_non_null(strstr(vault_ask(alice, json), "\"rows\":2"));

    /* Apart, each goes on: on the same thing and on things of their own. */
    road.closed = true;
    street_break(&road);
    street_run(&road);
    snprintf(json, sizeof json,
             "{'do': 'object.set', 'space': 'Garden', 'id': '%s', 'set': {'plant': 'lily'}}", id);
    vault_ask(alice, json);
    snprintf(json, sizeof json,
             "{'do': 'object.set', 'space': 'Garden', 'id': '%s', 'set': {'plant': 'iris', 'wet': true}}",
             id);
    vault_ask(bob, json);
    vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'type': 'bed', 'data': {'plant': 'mint'}}");
    vault_ask(bob, "{'do': 'object.add', 'space': 'Garden', 'type': 'bed', 'data': {'plant': 'sage'}}");
    assert_non_null(strstr(vault_ask(alice, "{'do': 'space.status', 'space': 'Garden'}"), "\"peers\":0"));

    /* Together again they agree, whatever came first: nothing but the losing value of "plant" is gone. */
    road.closed = false;
    street_pass(&road, 120000);
    street_agree(&road, "Garden");
    assert_asks(alice, "{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'count': true}}",
                "{\"count\":3}");
    snprintf(json, sizeof json, "{'do': 'object.get', 'space': 'Garden', 'id': '%s'}", id);
    const char *bed = vault_ask(alice, json);
    assert_non_null(strstr(bed, "\"wet\":true"));
    assert_non_null(strstr(bed, "\"rows\":2"));
    char seen_by_alice[512];
    snprintf(seen_by_alice, sizeof seen_by_alice, "%s", bed);
    assert_asks(bob, json, seen_by_alice);
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_story))
