/* tests/unit/node/test_inspect.c: what a space is made of, as its own people see it, and that no secret is among it
 * (node/commands_inspect.c, node/commands_inspect_space.c, halo/control_rows.c). That no grant suffices is in test_grant.c. */
#include <stdlib.h>

#include "street.h"

static street road;

static size_t count(const char *text, const char *word) {
    size_t found = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word)) {
        found++;
    }
    return found;
}

static void assert_tells(vault *self, const char *ask, const char *part, size_t times) {
    vault_ask(self, ask);
    if (count(self->told, part) != times) {
        fail_msg("%s tells %s %zu times, not %zu: %s %s", ask, part, count(self->told, part), times,
                 self->told, self->last);
    }
}

/* The first feed of a class whose rows the vault told. */
static const char *feed_of(vault *self, const char *class_name, char out[static 65]) {
    char wanted[32];
    vault_ask(self, "{'do': 'inspect.feeds', 'space': 'Garden'}");
    snprintf(wanted, sizeof wanted, "\"class\":\"%s\"", class_name);
    for (const char *at = self->told; (at = strstr(at, "\"feed\":\"")) != NULL; at++) {
        const char *end = strchr(at, '}'),
                   *found = strstr(at - 200 > self->told ? at - 200 : self->told, wanted);
        if (found != NULL && end != NULL && found < end) {
            snprintf(out, 65, "%.64s", at + strlen("\"feed\":\""));
            return out;
        }
    }
    fail_msg("no %s feed in %s", class_name, self->told);
    return NULL;
}

static void test_feeds_blocks_and_registers(void **state) {
    (void)state;
    char feed[65], json[256], id[64];
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    vault_ask(alice,
              "{'do': 'object.add', 'space': 'Garden', 'type': 'tree', 'data': {'a': {'b': 'oak'}, 'c': 1}}");
    street_field(alice->last, "id", id, sizeof id);
    snprintf(json, sizeof json, "{'do': 'object.unset', 'space': 'Garden', 'id': '%s', 'unset': ['c']}", id);
    vault_ask(alice, json);
    assert_tells(alice, "{'do': 'inspect.feeds', 'space': 'Garden'}", "\"own\":true", 2);
    assert_tells(alice, "{'do': 'inspect.feeds', 'space': 'Garden'}", "\"cut\":null", 2);
    feed_of(alice, "data", feed);
    snprintf(json, sizeof json, "{'do': 'inspect.block', 'space': 'Garden', 'feed': '%.8s', 'seq': 1}", feed);
    assert_tells(alice, json, "\"says\":[null,[[0,0,\"tree\",null,null,null,null]", 1);
    assert_non_null(strstr(alice->last, "\"applied\":true"));
    assert_non_null(strstr(alice->last, "\"sections\":1"));
    snprintf(json, sizeof json, "{'do': 'inspect.object', 'space': 'Garden', 'id': '%s'}", id);
    assert_tells(alice, json, "\"path\":", 3);
    assert_tells(alice, json, "\"is\":\"map\"", 1);
    assert_tells(alice, json, "\"is\":\"deleted\"", 1);
    assert_tells(alice, json, "\"value\":\"oak\"", 1);
    snprintf(json, sizeof json,
             "{'do': 'inspect.object', 'space': 'Garden', 'id': '%s', 'limit': 1, 'after': 'a'}", id);
    assert_tells(alice, json, "\"path\":\"c\"", 1);
    street_deinit(&road);
}

static void test_credentials_without_their_secrets(void **state) {
    (void)state;
    char feed[65], json[256];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_join(alice, bob, "Garden");
    /* In pieces, as a person with many of them would. */
    static const char *const words[] = {
        "\"credential\":",     "\"holds\":true",      "\"type\":\"SPACE\"", "\"type\":\"DEVICE\"",
        "\"type\":\"MEMBER\"", "\"role\":\"editor\"", "\"type\":\"FEED\"",  "\"type\":\"KEY_GRANT\"",
        "\"claims\"",          "\"nonce\"",           "\"sealed\""};
    static const size_t expected[] = {11, 11, 1, 2, 1, 1, 4, 2, 0, 0, 0};
    size_t found[sizeof words / sizeof words[0]] = {0};
    char after[65] = "";
    for (size_t told = 3; told == 3;) {
        snprintf(json, sizeof json, "{'do': 'inspect.credentials', 'space': 'Garden', 'limit': 3%s%s%s}",
                 after[0] == 0 ? "" : ", 'after': '", after, after[0] == 0 ? "" : "'");
        vault_ask(alice, json);
        told = count(alice->told, words[0]);
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            found[i] += count(alice->told, words[i]);
        }
        for (const char *at = alice->told; (at = strstr(at, "\"credential\":\"")) != NULL; at++) {
            snprintf(after, sizeof after, "%.64s", at + strlen("\"credential\":\""));
        }
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (found[i] != expected[i]) {
            fail_msg("%s: %zu times, not %zu", words[i], found[i], expected[i]);
        }
    }
    feed_of(alice, "control", feed);
    snprintf(json, sizeof json, "{'do': 'inspect.block', 'space': 'Garden', 'feed': '%s', 'seq': 0}", feed);
    vault_ask(alice, json);
    assert_true(count(alice->told, "\"credential\":") > 0);
    assert_int_equal(count(alice->told, "\"says\":"), 0);
    street_deinit(&road);
}

/* What is not here: purged, or outside of what this vault keeps; and whose a section is. */
static void test_holes(void **state) {
    (void)state;
    char feed[65], json[512], bed[64], tree[64], place[128];
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_join(alice, bob, "Garden");
    vault_ask(bob, "{'do': 'space.scope', 'space': 'Garden', 'types': ['bed']}");
    street_pass(&road, 20000);
    vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'type': 'bed', 'data': {'n': 1}}");
    street_field(alice->last, "id", bed, sizeof bed);
    vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'type': 'tree', 'data': {'n': 2}}");
    street_field(alice->last, "id", tree, sizeof tree);
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'Garden', 'id': '%s', 'set': {'n': 3}}", tree);
    vault_ask(alice, json);
    street_pass(&road, 20000);
    feed_of(alice, "data", feed);
    uint64_t seq = strtoull(tree, NULL, 10);
    snprintf(json, sizeof json, "{'do': 'inspect.block', 'space': 'Garden', 'feed': '%s', 'seq': %d}", feed,
             (int)seq + 1);
    assert_tells(alice, json, "\"is\":\"open\"", 1);
    assert_tells(alice, json, tree, 1);
    assert_tells(alice, json, "\"did\":\"changed\"", 1);
    assert_tells(alice, json, "\"type\":\"tree\"", 1);
    assert_tells(alice, json, "\"model\":\"dx/object/1\"", 1);
    assert_tells(bob, json, "\"is\":\"outside\"", 1);
    assert_tells(bob, json, "\"hash\":", 1);
    assert_non_null(strstr(vault_ask(alice, "{'do': 'inspect.space', 'space': 'Garden'}"), "\"holes\":0"));
    vault_ask(bob, "{'do': 'inspect.space', 'space': 'Garden'}");
    assert_non_null(strstr(bob->last, "\"holes_outside\":2"));
    assert_non_null(strstr(bob->last, "\"types\":[\"bed\"]"));
    snprintf(json, sizeof json, "{'do': 'object.purge', 'space': 'Garden', 'id': '%s'}", bed);
    vault_ask(alice, json);
    street_pass(&road, 20000);
    snprintf(json, sizeof json, "{'do': 'inspect.block', 'space': 'Garden', 'feed': '%s', 'seq': %d}", feed,
             atoi(bed));
    assert_tells(bob, json, "\"is\":\"purged\"", 1);
    assert_tells(bob, json, bed, 1);
    assert_tells(bob, "{'do': 'inspect.purges', 'space': 'Garden'}", bed, 1);
    assert_tells(bob, "{'do': 'inspect.purges', 'space': 'Garden'}", "\"done\":true", 1);
    assert_tells(alice, "{'do': 'inspect.holes', 'space': 'Garden'}", "\"purged\":1", 1);
    assert_tells(alice, "{'do': 'inspect.holes', 'space': 'Garden'}", "\"seq\":", 1);
    /* Block by block, and on behind the last one told. */
    assert_tells(bob, "{'do': 'inspect.holes', 'space': 'Garden'}", "\"seq\":", 3);
    assert_tells(bob, "{'do': 'inspect.holes', 'space': 'Garden'}", "\"outside\":1", 2);
    assert_tells(bob, "{'do': 'inspect.holes', 'space': 'Garden', 'limit': 1}", "\"seq\":", 1);
    street_field(bob->told, "place", place, sizeof place);
    snprintf(json, sizeof json, "{'do': 'inspect.holes', 'space': 'Garden', 'after': '%s'}", place);
    assert_tells(bob, json, "\"seq\":", 2);
    street_deinit(&road);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const asks[][2] = {
        {"{'do': 'inspect.feeds', 'space': 'Nowhere'}", "E_NOT_FOUND"},
        {"{'do': 'inspect.block', 'space': 'Garden', 'seq': 0}", "E_INVALID"},
        {"{'do': 'inspect.block', 'space': 'Garden', 'feed': 'zzzz', 'seq': 0}", "E_NOT_FOUND"},
        {"{'do': 'inspect.credentials', 'space': 'Garden', 'limit': 0}", "E_INVALID"},
        {"{'do': 'inspect.credentials', 'space': 'Garden', 'limit': 10001}", "E_INVALID"},
        {"{'do': 'inspect.credentials', 'space': 'Garden', 'after': 'ab'}", "E_INVALID"},
        {"{'do': 'inspect.holes', 'space': 'Garden', 'after': '00-1'}", "E_INVALID"},
        {"{'do': 'inspect.purges', 'space': 'Garden', 'after': '1-0'}", "E_INVALID"},
        {"{'do': 'inspect.space', 'space': 'Nowhere'}", "E_NOT_FOUND"},
        {"{'do': 'inspect.object', 'space': 'Garden'}", "E_INVALID"},
        {"{'do': 'inspect.object', 'space': 'Garden', 'id': '900-0'}", "E_NOT_FOUND"},
    };
    char feed[65], json[256];
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        if (strstr(vault_ask(alice, asks[i][0]), asks[i][1]) == NULL) {
            fail_msg("%s: %s", asks[i][0], alice->last);
        }
    }
    feed_of(alice, "data", feed);
    snprintf(json, sizeof json, "{'do': 'inspect.block', 'space': 'Garden', 'feed': '%s', 'seq': 99}", feed);
    assert_non_null(strstr(vault_ask(alice, json), "this feed has blocks 0 to"));
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_feeds_blocks_and_registers), DX_TEST(test_credentials_without_their_secrets),
             DX_TEST(test_holes), DX_TEST(test_refusals))
