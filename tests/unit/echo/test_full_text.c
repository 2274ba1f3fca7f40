/* tests/unit/echo/test_full_text.c: words asked for, found, ranked and shown; the index through every change of a row. */
#include "echo/full_text.h"
#include "echo/query.h"
#include "peer.h"
#include "test_item.h"

static void expect_expression(const char *question, const char *expected) {
    test_alloc alloc;
    dx_buf expression;
    test_alloc_init(&alloc);
    dx_buf_init(&expression, &alloc.port, 4096);
    int error = dx_full_text_parse(dx_bytes_text(question), &expression);
    if (expected == NULL) {
        assert_int_equal(error, DX_E_INVALID);
    } else {
        assert_int_equal(error, DX_OK);
        dx_buf_append_byte(&expression, 0);
        assert_string_equal((const char *)expression.data, expected);
    }
    dx_buf_deinit(&expression);
}

static void test_questions(void **state) {
    (void)state;
    expect_expression("red", "(\"red\")");
    expect_expression("  red  \"old house\" gard* -blue -\"no way\"",
                      "(\"red\" AND \"old house\" AND \"gard\"*) NOT (\"blue\" OR \"no way\")");
    expect_expression("a\"b OR AND NEAR(x) col:y",
                      "(\"a\"\"b\" AND \"OR\" AND \"AND\" AND \"NEAR(x)\" AND \"col:y\")");
    expect_expression("red !!! - \"\"", "(\"red\")");
    expect_expression("", NULL);
    expect_expression("-red", NULL);
    expect_expression("\"red", NULL);
    expect_expression("red\001", NULL);
    expect_expression("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", NULL);
}

/* --- Asking -------------------------------------------------------------------------------------- */

typedef struct world {
    peer alice;
    int64_t house, garden, tree;
    char text[1024];
} world;

static int note(void *ctx, const dx_query_row *row) {
    world *w = ctx;
    size_t at = strlen(w->text);
    const char *name = row->key == w->house    ? "house"
                       : row->key == w->garden ? "garden"
                       : row->key == w->tree   ? "tree"
                                               : "?";
    at += (size_t)snprintf(w->text + at, sizeof w->text - at, "%s%s", at > 0 ? " " : "", name);
    if (row->snippet.size != 0) {
        dx_buf json;
        dx_buf_init(&json, &w->alice.alloc.port, 1024);
        assert_int_equal(dx_json_print(row->snippet, &json), DX_OK);
        snprintf(w->text + at, sizeof w->text - at, "%.*s", (int)json.size, (const char *)json.data);
        dx_buf_deinit(&json);
    }
    return DX_OK;
}

static void expect(world *w, const char *json, const char *expected) {
    static const size_t budgets[] = {1, 2, 1000};
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        char message[DX_QUERY_MESSAGE_SIZE] = "";
        dx_query *query;
        bool more = true;
        w->text[0] = '\0';
        peer_begin(&w->alice);
        int error = dx_query_create(&w->alice.context, w->alice.space, test_item(json), message,
                                    sizeof message, &query);
        if (error != DX_OK) {
            assert_string_equal(message, expected);
            peer_commit(&w->alice);
            return;
        }
        while (more) {
            assert_int_equal(dx_query_run(query, budgets[i], note, w, &more), DX_OK);
        }
        dx_query_destroy(query);
        peer_commit(&w->alice);
        assert_string_equal(w->text, expected);
    }
}

static void begin(world *w) {
    peer_init(&w->alice, 1, "Alice");
    peer_create_space(&w->alice, "Garden");
    w->house = peer_add(&w->alice, "t",
                        "{\"title\":\"The red house\",\"body\":\"A house with a red door\",\"n\":1}");
    w->garden = peer_add(
        &w->alice, "t", "{\"title\":\"Garden\",\"body\":\"Bäume, a red gate; old house beside it\",\"n\":2}");
    peer_add(&w->alice, "other", "{\"title\":\"red house\"}");
}

static bool build(world *w, size_t budget) {
    bool more;
    peer_begin(&w->alice);
    assert_int_equal(dx_indexes_build(&w->alice.context, w->alice.space, budget, &more), DX_OK);
    peer_commit(&w->alice);
    return more;
}

static void add_index(world *w) {
    peer_begin(&w->alice);
    assert_int_equal(dx_index_add(&w->alice.context, w->alice.space, DX_TYPE_OBJECT, dx_bytes_text("t"),
                                  dx_bytes_text("")),
                     DX_OK);
    peer_commit(&w->alice);
}

static void test_found_and_ranked(void **state) {
    (void)state;
    world w;
    begin(&w);
    expect(&w, "{\"type\":\"t\",\"text\":\"red\"}",
           "no text index on this type is ready: dx index add SPACE TYPE --text");
    add_index(&w);
    while (build(&w, 1)) {
    }
    expect(&w, "{\"type\":\"t\",\"text\":\"red\"}", "house garden"); /* twice in one, once in the other */
    expect(&w, "{\"type\":\"t\",\"text\":\"RED hous*\"}", "house garden");
    expect(&w, "{\"type\":\"t\",\"text\":\"baume\"}", "garden"); /* without case and accents */
    expect(&w, "{\"type\":\"t\",\"text\":\"\\\"old house\\\"\"}", "garden");
    expect(&w, "{\"type\":\"t\",\"text\":\"house -door\"}", "garden");
    expect(&w, "{\"type\":\"t\",\"text\":\"house nothing\"}", "");
    expect(&w, "{\"type\":\"t\",\"text\":\"red\",\"where\":{\"n\":2}}", "garden");
    expect(&w, "{\"type\":\"t\",\"text\":\"red\",\"order\":{\"path\":\"n\",\"descending\":true}}",
           "garden house");
    expect(&w, "{\"type\":\"t\",\"text\":\"red\",\"limit\":1,\"ids\":true}", "house");
    expect(&w, "{\"type\":\"t\",\"text\":\"door\",\"limit\":1,\"snippet\":true}",
           "house[\"A house with a red \",\"door\",\"\"]");
    expect(&w, "{\"text\":\"red\"}",
           "\"text\" asks one type, of what is not deleted, and goes on by \"cursor\"");
    expect(&w, "{\"type\":\"t\",\"snippet\":true}", "\"snippet\" shows what \"text\" found");
    expect(&w, "{\"type\":\"t\",\"text\":\"\\\"\"}",
           "\"text\" takes words, \"phrases\", beginnings* and -exclusions, at most 16");
    peer_deinit(&w.alice);
}

/* What is written while the index is built, and after, on either side of the watermark. */
static void test_kept_with_rows(void **state) {
    (void)state;
    world w;
    begin(&w);
    w.tree = peer_add(&w.alice, "t", "{\"title\":\"a green tree\"}");
    add_index(&w);
    assert_true(build(&w, 2));
    peer_set(&w.alice, w.house, "title", "\"The green house\"");
    peer_set(&w.alice, w.tree, "title", "\"a grey tree\"");
    while (build(&w, 2)) {
    }
    expect(&w, "{\"type\":\"t\",\"text\":\"green\"}", "house");
    expect(&w, "{\"type\":\"t\",\"text\":\"grey\"}", "tree");
    peer_change_life(&w.alice, w.house, true);
    expect(&w, "{\"type\":\"t\",\"text\":\"green\"}", "");
    expect(&w, "{\"type\":\"t\",\"text\":\"house\"}", "garden");
    peer_change_life(&w.alice, w.house, false);
    expect(&w, "{\"type\":\"t\",\"text\":\"green\"}", "house");
    peer_set(&w.alice, w.garden, "body", "5");
    expect(&w, "{\"type\":\"t\",\"text\":\"gate\"}", "");
    peer_begin(&w.alice);
    assert_int_equal(dx_index_remove(&w.alice.context, w.alice.space, DX_TYPE_OBJECT, dx_bytes_text("t"),
                                     dx_bytes_text("")),
                     DX_OK);
    peer_commit(&w.alice);
    while (build(&w, 1)) {
    }
    expect(&w, "{\"type\":\"t\",\"text\":\"green\"}",
           "no text index on this type is ready: dx index add SPACE TYPE --text");
    peer_deinit(&w.alice);
}

/* Of a long text the piece with the most matches. */
static void test_snippet_of_a_long_text(void **state) {
    (void)state;
    world w;
    char json[4096] = "{\"title\":\"";
    begin(&w);
    size_t at = strlen(json);
    for (int i = 0; i < 60; i++) {
        at += (size_t)snprintf(json + at, sizeof json - at, "%s",
                               i == 3 || i == 40 || i == 42 ? "stone " : "word ");
    }
    snprintf(json + at, sizeof json - at, "\"}");
    w.tree = peer_add(&w.alice, "t", json);
    add_index(&w);
    while (build(&w, 10)) {
    }
    expect(&w, "{\"type\":\"t\",\"text\":\"stone\",\"snippet\":true}",
           "tree[\"…word word word word word word word word word word word word word \",\"stone\",\" word "
           "\",\"stone\",\"…\"]");
    peer_deinit(&w.alice);
}

enum { MANY = 2600, BEST = 7 };

typedef struct best {
    int64_t keys[BEST];
    size_t count;
} best;

static int note_key(void *ctx, const dx_query_row *row) {
    best *self = ctx;
    assert_true(self->count < BEST);
    self->keys[self->count++] = row->key;
    return DX_OK;
}

/* How often the word stands in one of them. */
static int times_of(size_t i) {
    return 1 + (int)(i * 7919 % 97 % 12);
}

/* Of more than are kept at once, with a limit: those that a look at all of them finds, in their order. */
static void test_the_best_of_many(void **state) {
    (void)state;
    static const char *const questions[] = {
        "{\"type\":\"t\",\"text\":\"red\",\"limit\":7}",
        "{\"type\":\"t\",\"order\":{\"path\":\"n\",\"descending\":true},\"limit\":7}",
        "{\"type\":\"t\",\"text\":\"red\",\"order\":{\"path\":\"n\",\"descending\":true},\"limit\":7}"};
    static int64_t keys[MANY];
    world w;
    dx_transaction *transaction;
    peer_init(&w.alice, 1, "Alice");
    peer_create_space(&w.alice, "Garden");
    add_index(&w);
    peer_begin(&w.alice);
    assert_int_equal(dx_transaction_begin(&w.alice.context, w.alice.space, &transaction), DX_OK);
    for (size_t i = 0; i < MANY; i++) {
        static const char words[] = "red red red red red red red red red red red red";
        char json[160];
        snprintf(json, sizeof json, "{\"text\":\"%.*s\",\"n\":%d}", 4 * times_of(i) - 1, words, times_of(i));
        dx_buf data;
        peer_item(&w.alice, json, &data);
        assert_int_equal(
            dx_transaction_add_object(transaction, dx_bytes_text("t"), 0, dx_buf_view(&data), &keys[i]),
            DX_OK);
        dx_buf_deinit(&data);
    }
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(&w.alice);
    while (build(&w, 1000)) {
    }
    for (size_t k = 0; k < sizeof questions / sizeof questions[0]; k++) {
        char message[DX_QUERY_MESSAGE_SIZE] = "";
        best found = {.count = 0};
        dx_query *query;
        bool more = true;
        peer_begin(&w.alice);
        assert_int_equal(dx_query_create(&w.alice.context, w.alice.space, test_item(questions[k]), message,
                                         sizeof message, &query),
                         DX_OK);
        while (more) {
            assert_int_equal(dx_query_run(query, 500, note_key, &found, &more), DX_OK);
        }
        dx_query_destroy(query);
        peer_commit(&w.alice);
        size_t at = 0;
        for (int times = 12; times > 0 && at < BEST; times--) {
            for (size_t i = 0; i < MANY && at < BEST; i++) {
                if (times_of(i) == times) {
                    assert_int_equal(found.keys[at++], keys[i]);
                }
            }
        }
        assert_int_equal(found.count, BEST);
    }
    peer_deinit(&w.alice);
}

DX_TEST_MAIN(DX_TEST(test_questions), DX_TEST(test_the_best_of_many), DX_TEST(test_found_and_ranked),
             DX_TEST(test_kept_with_rows), DX_TEST(test_snippet_of_a_long_text))
