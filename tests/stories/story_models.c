/* tests/stories/story_models.c: two people, one of whom has a program that knows a model of its own. The other's keeps and passes
 * on what it does not understand, and shows it as soon as a program opens the vault that does; also when it goes back
 * to the old program in between.
 *
 * Asserted: what each is shown, and that after every exchange both digests are equal where both know the models. */
#include "street.h"

static street road;
static dx_model score, paper;
static const dx_model *const models[] = {&score, &paper};

/* Opens the vault by another program: one that knows the models, or not. */
static void change_program(vault *self, bool knows) {
    self->config.models = (dx_model_registry){.models = models, .count = knows ? 2 : 0};
    vault_crash(self);
    vault_open(self);
    street_pass(&road, 120000);
}

static const char *ask(vault *self, const char *what, const char *id, const char *more) {
    char json[512];
    snprintf(json, sizeof json, "{'do': '%s', 'space': 'Garden', 'id': '%s'%s}", what, id, more);
    return vault_ask(self, json);
}

static void assert_data(vault *self, const char *id, const char *data) {
    char wanted[128];
    snprintf(wanted, sizeof wanted, "\"data\":%s,", data);
    const char *told = ask(self, "object.get", id, "");
    if (strstr(told, wanted) == NULL) {
        fail_msg("%s shows %s, not %s", self->name, told, data);
    }
}

#define INDEX "{'do': 'index.add', 'space': 'Garden', 'type': 'leave'"
#define FIND  "{'do': 'query', 'space': 'Garden', 'query': {'type': 'leave', 'count': true, "

/* By indexes, which hold what the program that opened the vault sees. */
static void assert_found(vault *self, int count) {
    char wanted[32];
    snprintf(wanted, sizeof wanted, "{\"count\":%d}", count);
    assert_string_equal(vault_ask(self, FIND "'text': 'draft'}}"), wanted);
    assert_string_equal(vault_ask(self, FIND "'where': {'state': 'draft'}}}"), wanted);
}

static void test_story(void **state) {
    (void)state;
    char points[64], form[64];
    score = dx_counter_model;
    score.name = "story/score/1";
    paper = dx_approval_model;
    paper.name = "story/paper/1";
    street_init(&road);
    vault *alice = street_person(&road, "alice"), *bob = street_person(&road, "bob");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Garden'}");
    street_join(alice, bob, "Garden");
    assert_non_null(
        strstr(vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'model': 'story/score/1'}"),
               "does not know that model"));
    change_program(alice, true);

    /* Alice makes things that Bob's program does not understand. */
    street_field(vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'type': 'game', 'model': "
                                  "'story/score/1', 'operation': 3}"),
                 "id", points, sizeof points);
    street_field(vault_ask(alice, "{'do': 'object.add', 'space': 'Garden', 'type': 'leave', 'model': "
                                  "'story/paper/1'}"),
                 "id", form, sizeof form);
    assert_non_null(strstr(ask(alice, "object.apply", points, ", 'operation': 4"), "\"data\":7,"));
    assert_non_null(strstr(ask(alice, "object.apply", form, ", 'operation': ['submit']"), "fewer reviewers"));
    street_pass(&road, 60000);
    assert_data(bob, points, "null");
    assert_non_null(strstr(ask(bob, "object.get", points, ""), "\"model\":\"story/score/1\""));
    assert_non_null(strstr(ask(bob, "object.apply", points, ", 'operation': 1"), "does not know that model"));
    assert_non_null(strstr(ask(bob, "object.set", points, ", 'set': {'a': 1}"), "error"));
    /* What is not the model's he can do. */
    assert_non_null(strstr(ask(bob, "object.rm", points, ""), "\"deleted\":true"));
    assert_non_null(strstr(ask(bob, "object.restore", points, ""), "\"deleted\":false"));
    assert_non_null(strstr(ask(bob, "object.move", form, ", 'parent': null"), "\"parent\":null"));

    /* He has words and values of leaves looked for quickly, though his program sees none. */
    assert_non_null(strstr(vault_ask(bob, INDEX ", 'text': true}"), "\"type\":\"leave\""));
    assert_non_null(strstr(vault_ask(bob, INDEX ", 'path': 'state'}"), "\"path\":\"state\""));
    street_pass(&road, 1000);
    assert_found(bob, 0);

    /* With a program that knows them, all is there at once. */
    change_program(bob, true);
    assert_data(bob, points, "7");
    assert_found(bob, 1);
    assert_non_null(strstr(ask(bob, "object.get", form, ""), "fewer reviewers"));
    street_agree(&road, "Garden");
    assert_non_null(strstr(ask(bob, "object.apply", points, ", 'operation': 10"), "\"data\":17,"));
    assert_non_null(
        strstr(ask(bob, "object.apply", form, ", 'operation': ['submit']"), "only its owner may"));
    street_pass(&road, 60000);
    assert_data(alice, points, "17");
    street_agree(&road, "Garden");

    /* Back with the old one, what comes meanwhile is kept, too. */
    change_program(bob, false);
    assert_data(bob, points, "null");
    assert_found(bob, 0);
    assert_non_null(strstr(ask(alice, "object.apply", points, ", 'operation': 100"), "\"data\":117,"));
    assert_non_null(strstr(ask(alice, "object.apply", form, ", 'operation': ['withdraw']"), "withdraw"));
    assert_non_null(strstr(ask(alice, "object.apply", points, ", 'operation': 'no number'"), "error"));
    street_pass(&road, 60000);
    assert_data(bob, points, "null");
    change_program(bob, true);
    assert_data(bob, points, "117");
    assert_found(bob, 1);
    street_agree(&road, "Garden");
    assert_non_null(strstr(ask(bob, "object.apply", points, ", 'operation': -17"), "\"data\":100,"));
    street_pass(&road, 60000);
    assert_data(alice, points, "100");
    street_agree(&road, "Garden");
    street_deinit(&road);
}

static void test_models_that_cannot_be_used(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_person(&road, "alice");
    char message[256];
    dx_node *node = NULL;
    dx_node_close(alice->node);
    score = dx_counter_model; /* "dx/counter/1" is built in */
    alice->config.models = (dx_model_registry){.models = models, .count = 1};
    assert_int_equal(dx_node_open(&alice->config, &node, message, sizeof message), DX_E_INVALID);
    assert_non_null(strstr(message, "another model has this name"));
    alice->config.models.count = 0;
    assert_int_equal(dx_node_open(&alice->config, &alice->node, message, sizeof message), DX_OK);
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_story), DX_TEST(test_models_that_cannot_be_used))
