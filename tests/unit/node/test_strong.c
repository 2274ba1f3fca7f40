/* tests/unit/node/test_strong.c: what is held by strong references is not deleted, and goes with what holds it
 * (node/editing.c, docs/spec/references.md). */
#include "node/state.h"
#include "street.h"

static street road;

typedef struct shop {
    vault *alice;
    char invoice[80], order[80], one[80], two[80];
} shop;

static void ask(shop *self, const char *format, ...) {
    char json[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(json, sizeof json, format, values);
    va_end(values);
    vault_ask(self->alice, json);
}

static void add(shop *self, char *id, const char *data) {
    ask(self, "{'do': 'object.add', 'space': 'Shop', 'data': %s}", data);
    street_field(self->alice->last, "id", id, 80);
}

static bool is_there(shop *self, const char *id) {
    ask(self, "{'do': 'object.get', 'space': 'Shop', 'id': '%s'}", id);
    assert_non_null(strstr(self->alice->last, "\"deleted\":"));
    return strstr(self->alice->last, "\"deleted\":false") != NULL;
}

static bool was_refused(const shop *self, const char *words) {
    return strstr(self->alice->last, "E_STATE") != NULL && strstr(self->alice->last, words) != NULL;
}

/* The invoice holds lines one and two, the order holds line two. */
static void open_shop(shop *self) {
    char data[400];
    street_init(&road);
    self->alice = street_person(&road, "alice");
    ask(self, "{'do': 'space.create', 'name': 'Shop'}");
    add(self, self->one, "{'name': 'one'}");
    add(self, self->two, "{'name': 'two'}");
    snprintf(data, sizeof data, "{'lines': [{'@ref': '%s!'}, {'item': {'@ref': '%s!'}}]}", self->one,
             self->two);
    add(self, self->invoice, data);
    snprintf(data, sizeof data, "{'line': {'@ref': '%s!'}, 'see': {'@ref': '%s'}}", self->two, self->one);
    add(self, self->order, data);
}

static void test_what_is_held_stays(void **state) {
    (void)state;
    shop it;
    open_shop(&it);
    ask(&it, "{'do': 'object.rm', 'space': 'Shop', 'id': '%s'}", it.one);
    assert_true(was_refused(&it, "is held by a strong reference in"));
    assert_true(was_refused(&it, it.invoice)); /* it says by which; the order's reference is weak */
    assert_true(is_there(&it, it.one));
    ask(&it, "{'do': 'object.rm', 'space': 'Shop', 'id': '%s'}", it.invoice); /* what holds may go */
    assert_false(is_there(&it, it.invoice));
    assert_true(is_there(&it, it.one));
    ask(&it, "{'do': 'object.rm', 'space': 'Shop', 'id': '%s'}", it.two);
    assert_true(was_refused(&it, it.order));
    ask(&it, "{'do': 'object.rm', 'space': 'Shop', 'id': '%s'}", it.one); /* a deleted one holds nothing */
    assert_false(is_there(&it, it.one));
    ask(&it, "{'do': 'object.rm', 'space': 'Shop', 'id': '%s', 'force': true}", it.two);
    assert_false(is_there(&it, it.two));
    street_deinit(&road);
}

static void test_judged_as_it_is_in_the_end(void **state) {
    (void)state;
    shop it;
    open_shop(&it);
    ask(&it,
        "{'do': 'batch', 'space': 'Shop', 'ops': [{'op': 'rm', 'id': '%s'}, {'op': 'rm', 'id': '%s'},"
        "{'op': 'restore', 'id': '%s'}]}",
        it.one, it.invoice, it.invoice);
    assert_true(was_refused(&it, it.invoice));
    assert_true(is_there(&it, it.one));
    ask(&it,
        "{'do': 'batch', 'space': 'Shop', 'ops': [{'op': 'rm', 'id': '%s'}, {'op': 'restore', 'id': '%s'}]}",
        it.one, it.one);
    assert_true(is_there(&it, it.one));
    ask(&it,
        "{'do': 'batch', 'space': 'Shop', 'ops': [{'op': 'rm', 'id': '%s'}, {'op': 'set', 'id': '%s', 'set': "
        "{'lines': [{'@ref': '%s'}]}}]}",
        it.one, it.invoice, it.one); /* weak from now on */
    assert_false(is_there(&it, it.one));
    ask(&it, "{'do': 'batch', 'space': 'Shop', 'ops': [{'op': 'rm', 'id': '%s'}, {'op': 'rm', 'id': '%s'}]}",
        it.two, it.order);
    assert_false(is_there(&it, it.two));
    street_deinit(&road);
}

static void test_parts_go_with_the_whole(void **state) {
    (void)state;
    shop it;
    char box[80], data[200];
    open_shop(&it);
    snprintf(data, sizeof data, "{'holds': {'@ref': '%s!'}}", it.invoice);
    add(&it, box, data);
    ask(&it, "{'do': 'object.rm', 'space': 'Shop', 'id': '%s', 'parts': true}", box);
    assert_false(is_there(&it, box));
    assert_false(is_there(&it, it.invoice));
    assert_false(is_there(&it, it.one));
    assert_true(is_there(&it, it.two)); /* the order holds it */
    ask(&it, "{'do': 'undo', 'space': 'Shop'}");
    assert_true(is_there(&it, box));
    assert_true(is_there(&it, it.invoice));
    assert_true(is_there(&it, it.one));
    ask(&it,
        "{'do': 'batch', 'space': 'Shop', 'ops': [{'op': 'rm', 'id': '%s'}, {'op': 'rm', 'id': '%s', "
        "'parts': "
        "true}]}",
        it.order, box);
    assert_false(is_there(&it, it.two)); /* both that hold it go */
    street_deinit(&road);
}

/* Two that hold each other, and what only they hold. */
static void test_a_circle(void **state) {
    (void)state;
    shop it;
    char left[80], right[80], data[200];
    open_shop(&it);
    add(&it, left, "{}");
    snprintf(data, sizeof data, "{'other': {'@ref': '%s!'}}", left);
    add(&it, right, data);
    ask(&it, "{'do': 'object.set', 'space': 'Shop', 'id': '%s', 'set': {'other': {'@ref': '%s!'}}}", left,
        right);
    ask(&it, "{'do': 'object.rm', 'space': 'Shop', 'id': '%s'}", left);
    assert_true(was_refused(&it, right));
    ask(&it, "{'do': 'object.rm', 'space': 'Shop', 'id': '%s', 'parts': true}", left);
    assert_false(is_there(&it, left));
    assert_false(is_there(&it, right));
    street_deinit(&road);
}

/* A vault whose rows are older than the index. */
static void test_an_older_vault(void **state) {
    (void)state;
    shop it;
    open_shop(&it);
    dx_store *store = it.alice->node->context.store;
    assert_int_equal(dx_store_begin(store), DX_OK);
    assert_int_equal(dx_step_done(store, dx_store_query(store, "DELETE FROM reference")), DX_OK);
    assert_int_equal(dx_step_done(store, dx_store_query(store, "UPDATE space SET referred = 0")), DX_OK);
    assert_int_equal(dx_store_commit(store), DX_OK);
    vault_leave(it.alice);
    vault_open(it.alice);
    street_run(&road);
    ask(&it, "{'do': 'object.rm', 'space': 'Shop', 'id': '%s'}", it.one);
    assert_true(was_refused(&it, it.invoice));
    ask(&it, "{'do': 'query', 'space': 'Shop', 'query': {'id': '%s', 'follow': [{'referrers': 'see'}]}}",
        it.one);
    assert_non_null(strstr(it.alice->told, it.order));
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_what_is_held_stays), DX_TEST(test_judged_as_it_is_in_the_end),
             DX_TEST(test_parts_go_with_the_whole), DX_TEST(test_a_circle), DX_TEST(test_an_older_vault))
