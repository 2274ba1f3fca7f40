/* tests/unit/echo/test_query.c: questions and their answers, whatever the budget; and what is wrong with
 * wrong ones.
 *
 * Names echo/query_ordered.c, echo/query_parse.c, echo/query_filter.c, echo/query_walk.c, echo/query_step.c, echo/query_links.c and
 * echo/query_path.c too. */
#include "echo/query_state.h"
#include "peer.h"
#include "test_item.h"

/* A small distribution. Packages are called by one letter:
 *   a → b → d → e → f     depends; a → c → d too; f → a closes a circle
 *   c → a                 likes
 *   g                     deleted, a → g; h → b by a deleted link
 *   x, y                  files, children of a; z a file without parent; n an object without type */
typedef struct world {
    peer alice;
    int64_t a, b, c, d, e, f, g, h, x, y, z, n;
    int64_t a_b, c_a, h_b;
} world;

static int64_t add_child(peer *self, const char *type, int64_t parent, const char *json) {
    dx_transaction *transaction;
    dx_buf data;
    int64_t key = 0;
    peer_item(self, json, &data);
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(
        dx_transaction_add_object(transaction, dx_bytes_text(type), parent, dx_buf_view(&data), &key), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
    dx_buf_deinit(&data);
    return key;
}

static void begin(world *w) {
    peer *alice = &w->alice;
    peer_init(alice, 1, "Alice");
    peer_create_space(alice, "Garden");
    w->a = peer_add(alice, "pkg", "{\"name\":\"a\",\"n\":1,\"in\":{\"deep\":{\"k\":\"v\"}}}");
    w->z = add_child(alice, "file", 0, "{\"name\":\"z\"}");
    w->b = peer_add(alice, "pkg", "{\"name\":\"b\",\"n\":2,\"x.y\":true}");
    w->c = peer_add(alice, "pkg", "{\"name\":\"c\",\"n\":2.0,\"list\":[1,2]}");
    w->d = peer_add(alice, "pkg", "{\"name\":\"d\",\"n\":null}");
    w->e = peer_add(alice, "pkg", "{\"name\":\"e\",\"n\":2.5}");
    w->x = add_child(alice, "file", w->a, "{\"name\":\"x\"}");
    w->f = peer_add(alice, "pkg", "{\"name\":\"f\"}");
    w->g = peer_add(alice, "pkg", "{\"name\":\"g\",\"n\":2}");
    w->h = peer_add(alice, "pkg", "{\"name\":\"h\"}");
    w->y = add_child(alice, "file", w->a, "{\"name\":\"y\"}");
    w->n = add_child(alice, "", 0, "{\"name\":\"n\"}");
    w->a_b = peer_link(alice, "depends", w->a, w->b);
    peer_link(alice, "depends", w->a, w->c);
    peer_link(alice, "depends", w->a, w->g);
    peer_link(alice, "depends", w->a, w->c); /* twice */
    peer_link(alice, "depends", w->b, w->d);
    peer_link(alice, "depends", w->c, w->d);
    peer_link(alice, "depends", w->d, w->e);
    peer_link(alice, "depends", w->e, w->f);
    peer_link(alice, "depends", w->f, w->a);
    w->c_a = peer_link(alice, "likes", w->c, w->a);
    peer_link(alice, "dx.hint", w->f, w->z);
    w->h_b = peer_link(alice, "depends", w->h, w->b);
    peer_change_life(alice, w->g, true);
    peer_change_life(alice, w->h_b, true);
    peer_set(alice, w->z, "n", "2");
    peer_set(alice, w->z, "in.deep", "{\"k\":\"v\"}");
}

static void end(world *w) {
    peer_deinit(&w->alice);
}

/* --- Asking -------------------------------------------------------------------------------------- */

typedef struct answer {
    world *world;
    bool pauses; /* a row at a time, whatever the budget */
    char text[512];
} answer;

static void append(char *text, size_t text_size, const char *more, size_t size) {
    size_t at = strlen(text);
    snprintf(text + at, text_size - at, "%.*s", (int)size, more);
}

static void add_word(answer *self, const char *word) {
    append(self->text, sizeof self->text, word, strlen(word));
}

static void append_name(answer *self, int64_t key) {
    dx_entity entity;
    dx_buf view;
    dx_writer writer;
    peer *alice = &self->world->alice;
    dx_buf_init(&view, &alice->alloc.port, 1 << 16);
    dx_writer_init(&writer, &view);
    assert_int_equal(dx_entity_read(&alice->context, alice->space, key, &entity), DX_OK);
    assert_int_equal(dx_entity_view(&alice->context, alice->space, &entity, &writer), DX_OK);
    dx_bytes name = dx_item_text(dx_item_get(dx_buf_view(&view), "name"));
    append(self->text, sizeof self->text, name.size == 0 ? "?" : (const char *)name.data,
           name.size == 0 ? 1 : name.size);
    dx_buf_deinit(&view);
}

/* An id as the name of what has it; a group as value:count. */
static int note_short(answer *self, const dx_query_row *row) {
    char text[128] = "";
    add_word(self, self->text[0] == '\0' ? "" : " ");
    if (row->key != 0) {
        append_name(self, row->key);
        return DX_OK;
    }
    dx_buf json;
    dx_buf_init(&json, &self->world->alice.alloc.port, sizeof text);
    if (row->value.size != 0) {
        assert_int_equal(dx_json_print(row->value, &json), DX_OK);
    }
    snprintf(text, sizeof text, "%.*s:%lld", (int)json.size, (const char *)json.data, (long long)row->count);
    add_word(self, text);
    dx_buf_deinit(&json);
    return DX_OK;
}

static int note(void *ctx, const dx_query_row *row) {
    answer *self = ctx;
    const dx_entity *entity = row->entity;
    if (entity == NULL) {
        int error = note_short(self, row);
        return error == DX_OK && self->pauses ? DX_QUERY_PAUSE : error;
    }
    int64_t key = entity->key, source = entity->source, target = entity->target;
    bool link = entity->kind == DX_ENTITY_LINK, deleted = entity->deleted;
    add_word(self, self->text[0] == '\0' ? "" : " ");
    if (link) {
        append_name(self, source);
        add_word(self, ">");
        append_name(self, target);
    } else {
        append_name(self, key);
    }
    add_word(self, deleted ? "!" : "");
    return self->pauses ? DX_QUERY_PAUSE : DX_OK;
}

/* Puts the text of an id where the query says $. */
static dx_bytes question(world *w, const char *json, int64_t key) {
    char text[512], id_text[DX_ID_TEXT_MAX] = "";
    uint8_t id[DX_ID_SIZE];
    if (key != 0) {
        assert_int_equal(dx_key_to_id(w->alice.space, key, id), DX_OK);
        dx_id_print(id, id_text);
    }
    size_t at = 0;
    for (; *json != '\0'; json++) {
        at += (size_t)snprintf(text + at, sizeof text - at, *json == '$' ? "%s" : "%.1s",
                               *json == '$' ? id_text : json);
    }
    return test_item(text);
}

static void ask(world *w, const char *json, int64_t key, size_t budget, answer *out, int64_t *count) {
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    dx_query *query;
    bool more = true;
    size_t calls = 0;
    out->world = w;
    out->text[0] = '\0';
    peer_begin(&w->alice);
    if (dx_query_create(&w->alice.context, w->alice.space, question(w, json, key), message, sizeof message,
                        &query) != DX_OK) {
        fail_msg("%s: %s", json, message);
    }
    while (more) {
        assert_int_equal(dx_query_run(query, budget, note, out, &more), DX_OK);
        assert_true(++calls < 1000);
        peer_commit(&w->alice); /* nothing stays open between two calls */
        peer_begin(&w->alice);
    }
    *count = dx_query_count(query);
    dx_query_destroy(query);
    peer_commit(&w->alice);
}

/* Whatever the budget, and whether what was given is taken at once or after a pause. */
static void expect(world *w, const char *json, int64_t key, const char *expected) {
    static const size_t budgets[] = {1, 2, 3, 7, 1000, SIZE_MAX};
    for (size_t i = 0; i < 2 * sizeof budgets / sizeof budgets[0]; i++) {
        answer got = {.pauses = i % 2 != 0};
        int64_t count;
        ask(w, json, key, budgets[i / 2], &got, &count);
        if (strcmp(got.text, expected) != 0) {
            fail_msg("%s\n  budget %zu: \"%s\", expected \"%s\"", json, budgets[i / 2], got.text, expected);
        }
    }
}

static void expect_count(world *w, const char *json, int64_t expected) {
    for (size_t budget = 1; budget <= 1000; budget += 333) {
        answer got = {.pauses = false};
        int64_t count;
        ask(w, json, 0, budget, &got, &count);
        assert_string_equal(got.text, "");
        assert_int_equal(count, expected);
    }
}

/* --- Filters ------------------------------------------------------------------------------------- */

static void test_filters(void **state) {
    (void)state;
    world w;
    begin(&w);
    /* type after type in the order they came; within one, in the order of making */
    expect(&w, "{}", 0, "a b c d e f h z x y n");
    expect(&w, "{\"type\":\"pkg\"}", 0, "a b c d e f h");
    expect(&w, "{\"type\":\"file\"}", 0, "z x y");
    expect(&w, "{\"type\":null}", 0, "n");
    expect(&w, "{\"type\":\"none such\"}", 0, "");
    expect(&w, "{\"deleted\":\"show\",\"type\":\"pkg\"}", 0, "a b c d e f g! h");
    expect(&w, "{\"deleted\":\"only\"}", 0, "g!");
    expect(&w, "{\"id\":\"$\"}", w.d, "d");
    expect(&w, "{\"id\":\"$\"}", w.c_a, "c>a");
    expect(&w, "{\"id\":\"$\"}", w.g, "");
    expect(&w, "{\"id\":\"$\",\"deleted\":\"show\"}", w.g, "g!");
    expect(&w, "{\"id\":\"$\",\"type\":\"file\"}", w.d, "");
    expect(&w, "{\"id\":\"9999-1\"}", 0, "");
    expect(&w, "{\"parent\":\"$\"}", w.a, "x y");
    expect(&w, "{\"parent\":\"$\",\"type\":\"pkg\"}", w.a, "");
    expect(&w, "{\"parent\":\"9999-1\"}", 0, "");
    expect(&w, "{\"parent\":null,\"type\":\"file\"}", 0, "z");
    expect(&w, "{\"kind\":\"link\",\"type\":\"likes\"}", 0, "c>a");
    expect(&w, "{\"kind\":\"link\",\"deleted\":\"only\"}", 0, "h>b!");
    expect(&w, "{\"kind\":\"any\",\"type\":\"likes\"}", 0, "c>a");
    expect(&w, "{\"kind\":\"any\"}", 0, "a b c d e f h z x y n a>b a>c a>g a>c b>d c>d d>e e>f f>a c>a");
    expect(&w, "{\"source\":\"$\"}", w.c, "c>d c>a");
    expect(&w, "{\"source\":\"$\",\"type\":\"likes\"}", w.c, "c>a");
    expect(&w, "{\"source\":\"$\",\"type\":\"none such\"}", w.c, "");
    expect(&w, "{\"target\":\"$\",\"kind\":\"link\"}", w.a, "f>a c>a");
    expect(&w, "{\"target\":\"$\",\"deleted\":\"show\"}", w.b, "a>b h>b!");
    expect(&w, "{\"target\":\"9999-1\"}", 0, "");
    expect(&w, "{\"source\":\"$\"}", w.f, "f>a"); /* the house's own link type only when named */
    expect(&w, "{\"source\":\"$\",\"type\":\"dx.hint\"}", w.f, "f>z");
    expect(&w, "{\"type\":\"dx.space\",\"count\":false,\"where\":{\"name\":\"Garden\"}}", 0, "Garden");
    end(&w);
}

static void test_where(void **state) {
    (void)state;
    world w;
    begin(&w);
    expect(&w, "{\"where\":{\"name\":\"e\"}}", 0, "e");
    expect(&w, "{\"where\":{\"n\":2}}", 0, "b c z"); /* 2 and 2.0 are one number */
    expect(&w, "{\"where\":{\"n\":2.0}}", 0, "b c z");
    expect(&w, "{\"where\":{\"n\":2.5}}", 0, "e");
    expect(&w, "{\"where\":{\"n\":null}}", 0, "d"); /* null is there, not missing */
    expect(&w, "{\"where\":{\"n\":\"2\"}}", 0, "");
    expect(&w, "{\"where\":{\"n\":2,\"name\":\"c\"}}", 0, "c");
    expect(&w, "{\"where\":{\"in.deep.k\":\"v\"}}", 0, "a z");
    expect(&w, "{\"where\":{\"in\":{\"eq\":{\"deep\":{\"k\":\"v\"}}}}}", 0, "a z"); /* however it was set */
    expect(&w, "{\"where\":{\"in.deep\":{\"eq\":{}}}}", 0, "");
    expect(&w, "{\"where\":{\"x\\\\.y\":true}}", 0, "b");
    expect(&w, "{\"where\":{\"x.y\":true}}", 0, "");
    expect(&w, "{\"where\":{\"list\":[1,2]}}", 0, "c");
    expect(&w, "{\"where\":{\"list\":[2,1]}}", 0, "");
    expect(&w, "{\"kind\":\"link\",\"where\":{\"name\":\"e\"}}", 0, "");
    expect(&w, "{\"where\":{\"name\":\"g\"},\"deleted\":\"only\"}", 0, "g!");
    end(&w);
}

static void test_operators(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"where\":{\"n\":{\"gt\":2}}}", "e"},
        {"{\"where\":{\"n\":{\"ge\":2}}}", "b c e z"},
        {"{\"where\":{\"n\":{\"lt\":2}}}", "a"},
        {"{\"where\":{\"n\":{\"le\":2.0}}}", "a b c z"},
        {"{\"where\":{\"n\":{\"gt\":1,\"lt\":2.5}}}", "b c z"},
        {"{\"where\":{\"n\":{\"ne\":2}}}", "a d e"}, /* something stands there: null is one */
        {"{\"where\":{\"n\":{\"gt\":\"\"}}}", ""},   /* no number is greater than a text, or less */
        {"{\"where\":{\"name\":{\"gt\":\"f\"}}}", "h z x y n"},
        {"{\"where\":{\"name\":{\"prefix\":\"\"}},\"type\":\"file\"}", "z x y"},
        {"{\"where\":{\"in.deep.k\":{\"prefix\":\"v\"}}}", "a z"},
        {"{\"where\":{\"in.deep.k\":{\"prefix\":\"vv\"}}}", ""},
        {"{\"where\":{\"name\":{\"in\":[\"x\",\"a\",\"none\"]}}}", "a x"},
        {"{\"where\":{\"name\":{\"in\":[]}}}", ""},
        {"{\"where\":{\"n\":{\"exists\":true}}}", "a b c d e z"},
        {"{\"where\":{\"n\":{\"exists\":false}}}", "f h x y n"},
        {"{\"where\":{\"list\":{\"has\":2}}}", "c"},
        {"{\"where\":{\"list\":{\"has\":3}}}", ""},
        {"{\"where\":{\"n\":{\"eq\":2}}}", "b c z"},
        {"{\"where\":{\"in\":{\"ne\":{\"deep\":1}}}}", "a z"},
        {"{\"or\":[{\"where\":{\"n\":1}},{\"where\":{\"name\":\"y\"}}]}", "a y"},
        {"{\"or\":[{\"where\":{\"n\":2}},{\"where\":{\"n\":1}}],\"type\":\"pkg\"}", "a b c"},
        {"{\"not\":{\"where\":{\"n\":{\"exists\":true}}}}", "f h x y n"},
        {"{\"not\":{\"type\":\"pkg\"}}", "z x y n"},
        {"{\"not\":{\"type\":\"pkg\",\"where\":{\"n\":2}}}", "a d e f h z x y n"}, /* not both */
        {"{\"and\":[{\"or\":[{\"type\":\"file\"},{\"type\":null}]},{\"not\":{\"where\":{\"name\":\"x\"}}}]}",
         "z y n"},
        {"{\"not\":{\"or\":[{\"type\":\"pkg\"},{\"parent\":null}]}}", "x y"},
        {"{\"kind\":\"any\",\"type\":\"likes\",\"not\":{\"where\":{\"n\":1}}}", "c>a"},
        {"{\"not\":{}}", ""},
    };
    world w;
    begin(&w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect(&w, cases[i][0], 0, cases[i][1]);
    }
    end(&w);
}

static void test_order_and_groups(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"type\":\"pkg\",\"order\":\"name\"}", "a b c d e f h"},
        {"{\"type\":\"pkg\",\"order\":{\"path\":\"name\",\"descending\":true}}", "h f e d c b a"},
        {"{\"order\":\"n\"}", "d a z b c e x f h y n"}, /* null first, what is missing last, ties by id */
        {"{\"order\":{\"path\":\"n\",\"descending\":true}}", "e z b c a d x f h y n"},
        {"{\"order\":[\"n\",{\"path\":\"name\",\"descending\":true}]}", "d a z c b e y x n h f"},
        {"{\"order\":\"n\",\"limit\":2}", "d a"},
        {"{\"order\":\"name\",\"ids\":true,\"type\":\"file\"}", "x y z"},
        {"{\"where\":{\"name\":\"a\"},\"follow\":[{\"out\":\"depends\"}],\"order\":{\"path\":\"name\","
         "\"descending\":true}}",
         "c b"},
        {"{\"deleted\":\"show\",\"order\":\"name\",\"type\":\"pkg\"}", "a b c d e f g! h"},
        {"{\"group\":\"n\"}", "null:1 1:1 2:3 2.5:1 :5"},
        {"{\"group\":\"n\",\"limit\":2}", "null:1 1:1"},
        {"{\"group\":\"in.deep.k\",\"type\":\"pkg\"}", "\"v\":1 :6"},
        {"{\"where\":{\"name\":\"d\"},\"follow\":[{\"in\":\"depends\"}],\"group\":\"n\"}", "2:2"},
        {"{\"ids\":true,\"type\":\"file\"}", "z x y"},
        {"{\"ids\":true,\"follow\":[{\"parent\":true}]}", "a"},
    };
    world w;
    begin(&w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect(&w, cases[i][0], 0, cases[i][1]);
    }
    end(&w);
}

static void test_repeat(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"where\":{\"name\":\"a\"},\"follow\":[{\"out\":\"depends\",\"repeat\":1}]}", "b c"},
        {"{\"where\":{\"name\":\"a\"},\"follow\":[{\"out\":\"depends\",\"repeat\":2}]}", "b c d"},
        {"{\"where\":{\"name\":\"a\"},\"follow\":[{\"out\":\"depends\",\"repeat\":true}]}", "a b c d e f"},
        {"{\"where\":{\"name\":\"e\"},\"follow\":[{\"in\":\"depends\",\"repeat\":3}]}", "a b c d"},
        {"{\"where\":{\"name\":\"a\"},\"follow\":[{\"out\":\"depends\",\"repeat\":true,\"where\":{\"n\":{"
         "\"ge\":2}}}]}",
         "b c e"}, /* what does not match is passed through */
        {"{\"where\":{\"name\":\"y\"},\"follow\":[{\"ancestors\":true}]}", "a"},
        {"{\"where\":{\"name\":\"a\"},\"follow\":[{\"descendants\":true}]}", "x y"},
        {"{\"where\":{\"name\":\"a\"},\"follow\":[{\"descendants\":true,\"repeat\":1,\"where\":{\"name\":"
         "\"y\"}}]}",
         "y"},
        {"{\"where\":{\"name\":\"y\"},\"follow\":[{\"ancestors\":true},{\"out\":\"depends\",\"repeat\":2}]}",
         "b c d"},
    };
    world w;
    begin(&w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect(&w, cases[i][0], 0, cases[i][1]);
    }
    end(&w);
}

/* A value that refers to `to`, or an array with it. */
static void refer(world *w, int64_t from, const char *path, int64_t to, bool in_array) {
    char json[160], id_text[DX_ID_TEXT_MAX];
    uint8_t id[DX_ID_SIZE];
    assert_int_equal(dx_key_to_id(w->alice.space, to, id), DX_OK);
    dx_id_print(id, id_text);
    snprintf(json, sizeof json, in_array ? "[1,{\"@ref\":\"%s\"}]" : "{\"@ref\":\"%s\"}", id_text);
    peer_set(&w->alice, from, path, json);
}

static void index_add(world *w, const char *type, const char *path) {
    bool more = true;
    peer_begin(&w->alice);
    assert_int_equal(dx_index_add(&w->alice.context, w->alice.space, DX_TYPE_OBJECT, dx_bytes_text(type),
                                  dx_bytes_text(path)),
                     DX_OK);
    while (more) {
        assert_int_equal(dx_indexes_build(&w->alice.context, w->alice.space, 3, &more), DX_OK);
    }
    peer_commit(&w->alice);
}

static void test_references(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"where\":{\"name\":\"a\"},\"follow\":[{\"ref\":\"to\"}]}", "x"},
        {"{\"type\":\"pkg\",\"follow\":[{\"ref\":\"to\"}]}", "z b x"}, /* g is deleted */
        {"{\"type\":\"pkg\",\"follow\":[{\"ref\":\"to\",\"where\":{\"name\":\"z\"}}]}", "z"},
        {"{\"where\":{\"name\":\"x\"},\"follow\":[{\"referrers\":\"to\"}]}", "a d"},
        {"{\"where\":{\"name\":\"x\"},\"follow\":[{\"referrers\":\"to\",\"type\":\"pkg\"}]}", "a d"},
        {"{\"where\":{\"name\":\"x\"},\"follow\":[{\"referrers\":\"to\",\"type\":\"file\"}]}", ""},
        {"{\"type\":\"file\",\"follow\":[{\"referrers\":\"to\",\"repeat\":true}]}", "a b d e"},
        {"{\"where\":{\"name\":\"z\"},\"follow\":[{\"referrers\":\"to\",\"repeat\":true,\"where\":{\"n\":2.5}"
         "}]}",
         "e"}, /* through b, which does not match */
    };
    world w;
    begin(&w);
    refer(&w, w.a, "to", w.x, false);
    refer(&w, w.d, "to", w.x, true);
    refer(&w, w.b, "to", w.z, false);
    refer(&w, w.c, "to", w.g, false);
    refer(&w, w.e, "to", w.b, false);
    for (int indexed = 0; indexed < 2; indexed++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            expect(&w, cases[i][0], 0, cases[i][1]);
        }
        if (indexed == 0) {
            index_add(&w, "pkg", "to");
        }
    }
    end(&w);
}

/* The same answers whether an index helps or not, after every kind of change. */
static void test_with_indexes(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"{\"type\":\"pkg\",\"where\":{\"n\":2}}", "b c"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":2},\"ids\":true}", "b c"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"ge\":2}}}", "b c e"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"gt\":2}},\"ids\":true}", "e"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"lt\":2.5}}}", "a b c"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"le\":2.5}},\"limit\":2}", "a b"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"gt\":1,\"le\":2}},\"ids\":true}", "b c"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"eq\":1,\"gt\":2}}}", ""},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"in\":[2.5,1,1,7]}},\"ids\":true}", "a e"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"in\":[2.5,1,2],\"lt\":2}}}", "a"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":null}}", "d"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":2,\"name\":\"c\"}}", "c"},
        {"{\"type\":\"pkg\",\"where\":{\"name\":{\"prefix\":\"\"}},\"limit\":3}", "a b c"},
        {"{\"type\":\"pkg\",\"where\":{\"name\":{\"prefix\":\"long\"}}}", "f"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":2},\"order\":{\"path\":\"name\",\"descending\":true}}", "c b"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"gt\":0}},\"group\":\"n\"}", "1:1 2:2 2.5:1"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":2},\"deleted\":\"show\"}", "b c g!"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"le\":2}},\"follow\":[{\"out\":\"depends\"}]}", "b c d"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":1},\"path\":{\"to\":{\"where\":{\"n\":2.5}}}}", "a b d e"},
        {"{\"type\":\"pkg\",\"parent\":null,\"where\":{\"n\":2}}", "b c"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"in\":[2,1,2.0]}},\"group\":\"n\"}", "1:1 2:2"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"in\":[2,1,2]}},\"order\":\"name\"}", "a b c"},
        {"{\"type\":\"pkg\",\"order\":\"n\",\"limit\":3}", "d a b"},
        {"{\"type\":\"pkg\",\"order\":{\"path\":\"n\",\"descending\":true},\"limit\":4}", "e b c a"},
        {"{\"type\":\"pkg\",\"where\":{\"n\":{\"ge\":1}},\"order\":\"n\",\"limit\":10}", "a b c e"},
        {("{\"type\":\"pkg\",\"where\":{\"n\":{\"gt\":1}},\"order\":[{\"path\":\"n\",\"descending\":true},"
          "{\"path\":\"name\",\"descending\":true}],\"limit\":2}"),
         "e c"},
    };
    world w;
    begin(&w);
    for (int indexed = 0; indexed < 3; indexed++) {
        if (indexed == 1) {
            index_add(&w, "pkg", "n");
            index_add(&w, "pkg", "name");
        }
        if (indexed == 2) { /* there and back again */
            peer_set(&w.alice, w.a, "n", "7");
            peer_change_life(&w.alice, w.b, true);
            peer_change_life(&w.alice, w.g, false);
            expect(&w, "{\"type\":\"pkg\",\"where\":{\"n\":7},\"ids\":true}", 0, "a");
            expect(&w, "{\"type\":\"pkg\",\"where\":{\"n\":2},\"ids\":true}", 0, "c g");
            peer_set(&w.alice, w.a, "n", "1");
            peer_change_life(&w.alice, w.b, false);
            peer_change_life(&w.alice, w.g, true);
        }
        peer_set(&w.alice, w.f, "name",
                 "\"long name beyond what an index keeps of a value: -------------------------------"
                 "----------------------------------------------------------------------\"");
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            if (strstr(cases[i][0], "long") == NULL) {
                expect(&w, cases[i][0], 0, cases[i][1]);
            } else {
                expect_count(
                    &w, "{\"type\":\"pkg\",\"where\":{\"name\":{\"prefix\":\"long\"}},\"count\":true}", 1);
            }
        }
    }
    end(&w);
}

/* --- Orders from indexes -------------------------------------------------------------------------- */

static int gather_key(void *ctx, const dx_query_row *row) {
    dx_key_list_add(ctx, row->key);
    return DX_OK;
}

/* All pages of an answer; returns what the first of them did. */
static dx_query_plan gather(world *w, const char *json, size_t budget, dx_buf *keys) {
    char message[DX_QUERY_MESSAGE_SIZE] = "", text[1024], cursor[512] = "";
    dx_query_plan plan = {.examined = 0}, first = {.examined = 0};
    dx_buf out;
    dx_buf_init(&out, &w->alice.alloc.port, sizeof cursor - 1);
    dx_buf_clear(keys);
    do {
        dx_query *query;
        bool more = true;
        snprintf(text, sizeof text, "{%s%s%s%s", cursor[0] == '\0' ? "" : "\"cursor\":\"", cursor,
                 cursor[0] == '\0' ? "" : "\",", json + 1);
        peer_begin(&w->alice);
        assert_int_equal(dx_query_create(&w->alice.context, w->alice.space, test_item(text), message,
                                         sizeof message, &query),
                         DX_OK);
        while (more) {
            assert_int_equal(dx_query_run(query, budget, gather_key, keys, &more), DX_OK);
        }
        dx_query_explain(query, &plan);
        first = cursor[0] == '\0' ? plan : first;
        dx_buf_clear(&out);
        assert_int_equal(dx_query_cursor(query, &out), DX_OK);
        snprintf(cursor, sizeof cursor, "%.*s", (int)out.size, (const char *)out.data);
        dx_query_destroy(query);
        peer_commit(&w->alice);
    } while (cursor[0] != '\0');
    dx_buf_deinit(&out);
    return first;
}

/* The rows are those that sorting all would give, page after page, in whatever pieces; the index reads few of them; and where it
 * would read many for nothing the other one is taken. */
static void test_order_from_index(void **state) {
    (void)state;
    enum { ITEMS = 1000 };
    static const struct {
        const char *json, *order;
        int64_t examined_max;
    } cases[] = {
        {"{\"type\":\"item\",\"order\":\"size\",\"limit\":20}", "index", 40},
        {"{\"type\":\"item\",\"where\":{\"color\":3},\"order\":{\"path\":\"size\",\"descending\":true},"
         "\"limit\":5}",
         "index", 100},
        {"{\"type\":\"item\",\"where\":{\"size\":{\"lt\":100}},\"order\":{\"path\":\"size\",\"descending\":"
         "true},"
         "\"limit\":7}",
         "index", 20},
        {"{\"type\":\"item\",\"order\":[\"color\",\"size\"],\"limit\":40}", "index", 160},
        {"{\"type\":\"item\",\"where\":{\"low\":true},\"order\":{\"path\":\"size\",\"descending\":true},"
         "\"limit\":4}",
         "sorted", 400},
        {"{\"type\":\"item\",\"where\":{\"color\":3},\"order\":\"size\",\"limit\":90}", "sorted", 400},
    };
    world w;
    dx_transaction *transaction;
    dx_buf keys[8];
    begin(&w);
    peer_begin(&w.alice);
    assert_int_equal(dx_transaction_begin(&w.alice.context, w.alice.space, &transaction), DX_OK);
    for (int i = 0; i < ITEMS; i++) {
        char json[96];
        int64_t key;
        int size = i * 7919 % ITEMS;
        dx_buf data;
        if (i % 50 == 7) { /* nothing at the path */
            snprintf(json, sizeof json, "{\"color\":%d}", i % 10);
        } else {
            snprintf(json, sizeof json, "{\"color\":%d,\"size\":%d%s}", i % 10, size,
                     size < 100 ? ",\"low\":true" : "");
        }
        peer_item(&w.alice, json, &data);
        assert_int_equal(
            dx_transaction_add_object(transaction, dx_bytes_text("item"), 0, dx_buf_view(&data), &key),
            DX_OK);
        dx_buf_deinit(&data);
    }
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(&w.alice);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dx_buf_init(&keys[i], &w.alice.alloc.port, 1 << 16);
        assert_string_equal(gather(&w, cases[i].json, 4096, &keys[i]).order, "sorted");
    }
    index_add(&w, "item", "size");
    index_add(&w, "item", "color");
    index_add(&w, "item", "low");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const size_t budgets[] = {4096, 1, 3};
        for (size_t k = 0; k < 3; k++) {
            dx_buf again;
            dx_buf_init(&again, &w.alice.alloc.port, 1 << 16);
            dx_query_plan plan = gather(&w, cases[i].json, budgets[k], &again);
            if (strcmp(plan.order, cases[i].order) != 0 || plan.examined > cases[i].examined_max ||
                !dx_bytes_equal(dx_buf_view(&again), dx_buf_view(&keys[i]))) {
                fail_msg("%s: order %s, examined %d, %zu rows", cases[i].json, plan.order, (int)plan.examined,
                         dx_key_list_count(&again));
            }
            dx_buf_deinit(&again);
        }
        dx_buf_deinit(&keys[i]);
    }
    end(&w);
}

/* --- Limits -------------------------------------------------------------------------------------- */

static void test_limit_and_count(void **state) {
    (void)state;
    world w;
    begin(&w);
    expect(&w, "{\"type\":\"pkg\",\"limit\":3}", 0, "a b c");
    expect(&w, "{\"limit\":0}", 0, "");
    expect(&w, "{\"type\":\"file\",\"limit\":3}", 0, "z x y");
    expect_count(&w, "{\"count\":true}", 11);
    expect_count(&w, "{\"count\":true,\"limit\":4}", 4);
    expect_count(&w, "{\"count\":true,\"kind\":\"link\"}", 10);
    expect_count(&w, "{\"count\":true,\"type\":\"pkg\",\"follow\":[{\"out\":\"depends\"}]}", 6);
    end(&w);
}

/* Pages of two, each beginning after the last row of the one before, are the whole answer. */
static void expect_pages(world *w, const char *filter, const char *expected) {
    char json[256], id_text[DX_ID_TEXT_MAX], all[512] = "";
    uint8_t id[DX_ID_SIZE];
    const int64_t keys[] = {w->a, w->b, w->c, w->d, w->e, w->f, w->h, w->x, w->y, w->z, w->n};
    const char *names = "abcdefhxyzn", *last = NULL;
    for (size_t page = 0; page < 10; page++) {
        answer got = {.pauses = false};
        int64_t count;
        if (last != NULL) {
            assert_int_equal(dx_key_to_id(w->alice.space, keys[strchr(names, *last) - names], id), DX_OK);
            dx_id_print(id, id_text);
        }
        snprintf(json, sizeof json, "{%s\"limit\":2%s%s%s}", filter, last ? ",\"after\":\"" : "",
                 last ? id_text : "", last ? "\"" : "");
        ask(w, json, 0, 3, &got, &count);
        if (got.text[0] == '\0') {
            break;
        }
        append(all, sizeof all, " ", all[0] != '\0');
        append(all, sizeof all, got.text, strlen(got.text));
        last = strchr(names, got.text[strlen(got.text) - 1]);
    }
    assert_string_equal(all, expected);
}

static void test_after(void **state) {
    (void)state;
    world w;
    begin(&w);
    expect_pages(&w, "", "a b c d e f h z x y n");
    expect_pages(&w, "\"type\":\"pkg\",", "a b c d e f h");
    expect_pages(&w, "\"type\":\"pkg\",\"follow\":[{\"in\":null}],", "a b c d e f");
    end(&w);
}

static void test_after_links(void **state) {
    (void)state;
    world w;
    begin(&w);
    expect(&w, "{\"kind\":\"link\",\"after\":\"$\"}", w.a_b, "a>c a>g a>c b>d c>d d>e e>f f>a c>a");
    expect(&w, "{\"kind\":\"any\",\"after\":\"$\"}", w.n, "a>b a>c a>g a>c b>d c>d d>e e>f f>a c>a");
    end(&w);
}

/* Pages by cursor are the whole answer, whatever is written between them. */
static void test_cursor(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"\"type\":\"pkg\"", "a b c d e f h"},
        {"\"type\":\"pkg\",\"order\":{\"path\":\"name\",\"descending\":true}", "h f e d c b a"},
        {"\"order\":\"n\"", "d a z b c e x f h y n"},
        {"\"type\":\"pkg\",\"ids\":true,\"follow\":[{\"in\":null}]", "a b c d e f"},
        {"\"type\":\"pkg\",\"where\":{\"n\":{\"ge\":2}}", "b c e"}, /* d has something below */
        {"\"type\":\"pkg\",\"where\":{\"n\":{\"in\":[2.5,2,1]}}", "a b c e"},
    };
    world w;
    begin(&w);
    index_add(&w, "pkg", "n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[1024], all[512] = "";
        dx_buf cursor;
        dx_buf_init(&cursor, &w.alice.alloc.port, 4096);
        for (size_t page = 0; page < 10 && (page == 0 || cursor.size != 0); page++) {
            char message[DX_QUERY_MESSAGE_SIZE];
            answer got = {.world = &w};
            dx_query *query;
            bool more = true;
            snprintf(json, sizeof json, "{%s,\"limit\":2%s%.*s%s}", cases[i][0], page ? ",\"cursor\":\"" : "",
                     (int)cursor.size, (const char *)cursor.data, page ? "\"" : "");
            peer_begin(&w.alice);
            if (dx_query_create(&w.alice.context, w.alice.space, test_item(json), message, sizeof message,
                                &query) != DX_OK) {
                fail_msg("%s: %s", json, message);
            }
            while (more) {
                assert_int_equal(dx_query_run(query, 3, note, &got, &more), DX_OK);
            }
            dx_buf_clear(&cursor);
            assert_int_equal(dx_query_cursor(query, &cursor), DX_OK);
            dx_query_destroy(query);
            peer_commit(&w.alice);
            append(all, sizeof all, " ", all[0] != '\0' && got.text[0] != '\0');
            append(all, sizeof all, got.text, strlen(got.text));
        }
        assert_string_equal(all, cases[i][1]);
        dx_buf_deinit(&cursor);
    }
    end(&w);
}

/* --- Steps --------------------------------------------------------------------------------------- */

static void test_follow(void **state) {
    (void)state;
    world w;
    begin(&w);
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"out\":\"depends\"}]}", w.a, "b c"); /* once each, g is deleted */
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"out\":null}]}", w.c, "a d");
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"out\":null}]}", w.f, "a");
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"out\":\"dx.hint\"}]}", w.f, "z");
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"in\":\"depends\"}]}", w.b, "a"); /* h's link is deleted */
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"in\":\"none such\"}]}", w.b, "");
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"in\":\"depends\"},{\"in\":\"depends\"}]}", w.d, "a");
    expect(&w,
           "{\"id\":\"$\",\"follow\":[{\"out\":\"depends\"},{\"out\":\"depends\"},{\"out\":\"depends\"}]}",
           w.a, "e");
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"children\":true}]}", w.a, "x y");
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"children\":true},{\"parent\":true}]}", w.a, "a");
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"parent\":true}]}", w.a, "");
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"children\":true,\"where\":{\"name\":\"y\"}}]}", w.a, "y");
    expect(&w, "{\"id\":\"$\",\"follow\":[{\"out\":null,\"type\":\"file\"}]}", w.a, "");
    expect(&w, "{\"type\":\"pkg\",\"follow\":[{\"out\":\"depends\",\"where\":{\"n\":2}}]}", 0, "b c");
    expect(&w, "{\"type\":\"pkg\",\"follow\":[{\"out\":\"depends\"}],\"limit\":2}", 0, "a b");
    expect(&w, "{\"deleted\":\"only\",\"follow\":[{\"in\":\"depends\"}]}", 0, "a");
    expect(&w, "{\"follow\":[]}", 0, "a b c d e f h z x y n");
    end(&w);
}

static void test_path(void **state) {
    (void)state;
    world w;
    begin(&w);
    expect(&w,
           "{\"where\":{\"name\":\"a\"},\"path\":{\"to\":{\"where\":{\"name\":\"e\"}},\"out\":\"depends\"}}",
           0, "a b d e");
    expect(&w, "{\"where\":{\"name\":\"a\"},\"path\":{\"to\":{\"id\":\"$\"},\"in\":\"depends\"}}", w.e,
           "a f e");
    expect(&w, "{\"where\":{\"name\":\"c\"},\"path\":{\"to\":{\"where\":{\"name\":\"b\"}}}}", 0, "c a b");
    expect(&w, "{\"where\":{\"name\":\"a\"},\"path\":{\"to\":{\"where\":{\"name\":\"a\"}}}}", 0, "a");
    expect(&w, "{\"where\":{\"name\":\"a\"},\"path\":{\"to\":{\"id\":\"$\"},\"max\":3}}", w.e, "a b d e");
    expect(&w, "{\"where\":{\"name\":\"a\"},\"path\":{\"to\":{\"id\":\"$\"},\"max\":2}}", w.e, "");
    expect(&w, "{\"where\":{\"name\":\"a\"},\"path\":{\"to\":{\"id\":\"$\"}}}", w.g, ""); /* deleted */
    expect(&w, "{\"where\":{\"name\":\"a\"},\"path\":{\"to\":{\"id\":\"$\"}}}", w.h,
           ""); /* nothing leads there */
    expect(&w, "{\"where\":{\"name\":\"f\"},\"path\":{\"to\":{\"type\":\"file\"}}}", 0, ""); /* hidden link */
    expect(&w, "{\"where\":{\"name\":\"f\"},\"path\":{\"to\":{\"type\":\"file\"},\"out\":\"dx.hint\"}}", 0,
           "f z");
    expect(&w, "{\"deleted\":\"only\",\"path\":{\"to\":{\"where\":{\"name\":\"a\"}},\"in\":\"depends\"}}", 0,
           "g! a");
    /* from any of several to any of several: the nearest pair */
    expect(&w, "{\"where\":{\"n\":2},\"path\":{\"to\":{\"where\":{\"name\":\"f\"}}}}", 0, "b d e f");
    expect(&w, "{\"type\":\"pkg\",\"path\":{\"to\":{\"where\":{\"n\":2.5}}},\"limit\":1}", 0, "e");
    end(&w);
}

/* --- Questions that are none --------------------------------------------------------------------- */

static void expect_refused(world *w, const char *json, const char *expected) {
    char message[DX_QUERY_MESSAGE_SIZE];
    dx_query *query;
    memset(message, 'x', sizeof message);
    peer_begin(&w->alice);
    assert_int_equal(
        dx_query_create(&w->alice.context, w->alice.space, test_item(json), message, sizeof message, &query),
        DX_E_INVALID);
    assert_string_equal(message, expected);
    assert_null(query);
    peer_commit(&w->alice);
}

#define ONE_WAY                                                                                              \
    "a step is a map with one way: \"out\", \"in\", \"children\", \"parent\", \"ref\", \"referrers\""

static void test_refused(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"[]", "a query is a map"},
        {"{\"tpye\":\"pkg\"}", "a query has no key \"tpye\""},
        {"{\"a very long key that nobody would ever want to see whole\":1}",
         "a query has no key \"a very long key that nobody would ever w...\""},
        {"{\"type\":1}", "\"type\" takes the name of a type, or null"},
        {"{\"id\":1}", "\"id\" takes an id"},
        {"{\"id\":\"nonsense\"}", "\"id\" takes an id"},
        {"{\"parent\":\"1\"}", "\"parent\" takes an id"},
        {"{\"where\":[]}", "\"where\" takes a map from path to value"},
        {"{\"where\":{\"a..b\":1}}", "\"where\" has \"a..b\", which is no path: parts joined by dots"},
        {"{\"kind\":\"thing\"}", "\"kind\" is \"object\", \"link\" or \"any\""},
        {"{\"deleted\":true}", "\"deleted\" is \"hide\", \"show\" or \"only\""},
        {"{\"source\":\"1-1\",\"kind\":\"object\"}",
         "\"source\" and \"target\" are of links, not of objects"},
        {"{\"parent\":\"1-1\",\"kind\":\"any\"}", "\"parent\" is of objects, not of links"},
        {"{\"follow\":{}}", "\"follow\" takes an array of steps"},
        {"{\"follow\":[1]}", ONE_WAY},
        {"{\"follow\":[{}]}", ONE_WAY},
        {"{\"follow\":[{\"out\":null,\"in\":null}]}", ONE_WAY},
        {"{\"follow\":[{\"out\":1}]}", "\"out\" takes the name of a type, or null"},
        {"{\"follow\":[{\"children\":false}]}", "\"children\" takes true"},
        {"{\"follow\":[{\"out\":null,\"id\":\"1-1\"}]}",
         "a step has no key \"id\"; it has one way, \"repeat\" and conditions"},
        {"{\"follow\":[{\"out\":null,\"repeat\":0}]}", "\"repeat\" takes a number from 1 to 64"},
        {"{\"follow\":[{\"out\":null,\"repeat\":\"x\"}]}", "\"repeat\" takes true, or a number from 1 to 64"},
        {"{\"follow\":[{\"ref\":true}]}", "\"ref\" takes a path: parts joined by dots"},
        {"{\"where\":{\"a\":{\"deep\":1}}}",
         "a condition has no operator \"deep\"; a map as a value is {\"eq\": map}"},
        {"{\"where\":{\"a\":{}}}", "\"a\" has no operator; an empty map as a value is {\"eq\": {}}"},
        {"{\"where\":{\"a\":{\"in\":1}}}", "\"in\" takes an array of values"},
        {"{\"where\":{\"a\":{\"gt\":null}}}",
         "\"gt\" takes a number, a text, bytes, a time, a truth or a reference"},
        {"{\"where\":{\"a\":{\"prefix\":1}}}", "\"prefix\" takes a text or bytes"},
        {"{\"where\":{\"a\":{\"exists\":1}}}", "\"exists\" takes true or false"},
        {"{\"or\":[]}", "\"or\" takes an array of 1 to 64 conditions"},
        {"{\"or\":[1]}", "\"and\", \"or\" and \"not\" take conditions, which are maps"},
        {"{\"not\":{\"limit\":1}}", "a condition has no key \"limit\""},
        {"{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{}}}}}}}}}}",
         "conditions are nested at most 8 deep"},
        {"{\"order\":[]}", "\"order\" takes 1 to 4 paths"},
        {"{\"order\":\"a..b\"}", "\"order\" takes a path: parts joined by dots"},
        {"{\"order\":{\"descending\":true}}",
         "an order is a path, or {\"path\": path, \"descending\": true}"},
        {"{\"order\":\"n\",\"after\":\"0-1\"}",
         "with \"order\" an answer goes on by its \"cursor\", not by \"after\""},
        {"{\"group\":\"n\",\"count\":true}",
         "\"group\" is in the order of its values, with a \"limit\" at most"},
        {"{\"cursor\":\"AAAA\"}", "\"cursor\" is that of an earlier answer to the same query"},
        {"{\"cursor\":\"?\"}", "\"cursor\" is that of an earlier answer to the same query"},
        {"{\"ids\":1}", "\"ids\" takes true or false"},
        {"{\"kind\":\"link\",\"follow\":[{\"out\":null}]}",
         "\"follow\" and \"path\" lead from objects to objects"},
        {"{\"source\":\"1-1\",\"follow\":[{\"out\":null}]}",
         "\"follow\" and \"path\" lead from objects to objects"},
        {"{\"follow\":[{\"out\":null}],\"path\":{\"to\":{}}}",
         "a query has \"follow\" or \"path\", not both"},
        {"{\"path\":{}}", "\"path\" is a map with \"to\" and at most one of \"out\" and \"in\""},
        {"{\"path\":1}", "\"path\" is a map with \"to\" and at most one of \"out\" and \"in\""},
        {"{\"path\":{\"to\":1}}", "\"to\" takes a filter, which is a map"},
        {"{\"path\":{\"to\":{\"limit\":1}}}", "a filter has no key \"limit\""},
        {"{\"path\":{\"to\":{\"deleted\":\"show\"}}}", "a path leads past nothing that is deleted"},
        {"{\"path\":{\"to\":{},\"max\":0}}", "\"max\" takes a number from 1 to 64"},
        {"{\"path\":{\"to\":{},\"max\":65}}", "\"max\" takes a number from 1 to 64"},
        {"{\"path\":{\"to\":{},\"via\":0}}",
         "\"path\" has no key \"via\"; it has \"to\", \"out\" or \"in\", and \"max\""},
        {"{\"limit\":-1}", "\"limit\" takes a number, 0 or more"},
        {"{\"limit\":1.5}", "\"limit\" takes a number, 0 or more"},
        {"{\"count\":1}", "\"count\" takes true or false"},
        {"{\"after\":\"9999-1\"}", "\"after\" is the id of the last row of an earlier answer"},
    };
    world w;
    begin(&w);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        expect_refused(&w, wrong[i][0], wrong[i][1]);
    }
    char text[DX_ID_TEXT_MAX], json[128];
    uint8_t id[DX_ID_SIZE];
    assert_int_equal(dx_key_to_id(w.alice.space, w.x, id), DX_OK);
    dx_id_print(id, text);
    snprintf(json, sizeof json, "{\"type\":\"pkg\",\"after\":\"%s\"}", text);
    expect_refused(&w, json, "\"after\" is the id of the last row of the same query");
    snprintf(json, sizeof json, "{\"path\":{\"to\":{}},\"after\":\"%s\"}", text);
    expect_refused(&w, json, "a path has no \"after\": it is one answer");
    end(&w);
}

static void test_refused_in_bulk(void **state) {
    (void)state;
    world w;
    begin(&w);
    char json[4096] = "{\"where\":{";
    for (int i = 0; i <= DX_QUERY_CONDITIONS_MAX; i++) {
        char condition[32];
        append(json, sizeof json, condition,
               (size_t)snprintf(condition, sizeof condition, "%s\"k%d\":1", i ? "," : "", i));
    }
    append(json, sizeof json, "}}", 2);
    expect_refused(&w, json, "\"where\" takes at most 16 paths");
    snprintf(json, sizeof json, "{\"follow\":[{\"out\":null}");
    for (int i = 0; i < DX_QUERY_STEPS_MAX; i++) {
        append(json, sizeof json, ",{\"out\":null}", 13);
    }
    append(json, sizeof json, "]}", 2);
    expect_refused(&w, json, "\"follow\" takes at most 16 steps");
    /* a message is cut where its room ends */
    char message[8];
    dx_query *query;
    peer_begin(&w.alice);
    assert_int_equal(
        dx_query_create(&w.alice.context, w.alice.space, test_item("[]"), message, sizeof message, &query),
        DX_E_INVALID);
    assert_string_equal(message, "a query");
    peer_commit(&w.alice);
    end(&w);
}

/* --- The examples of the spec -------------------------------------------------------------------- */

#ifndef __wasm__ /* there are no files there */

/* A file of the source tree, by way of this one's name. */
static char *read_source(const char *path) {
    char name[512];
    const char *here = strstr(__FILE__, "tests/unit/");
    assert_non_null(here);
    snprintf(name, sizeof name, "%.*s%s", (int)(here - __FILE__), __FILE__, path);
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        fail_msg("cannot read %s: tests run in the build directory", name);
    }
    char *text = calloc(1, 1 << 16);
    assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    return text;
}

/* Each example gives the answer it states, and stands in the spec as it is written here. */
static void test_examples(void **state) {
    (void)state;
    world w;
    begin(&w);
    char *examples = read_source("examples/queries/queries.jsonl"), *spec = read_source("docs/spec/query.md"),
         *rest;
    size_t asked = 0;
    for (char *line = strtok_r(examples, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest), asked++) {
        char json[512];
        const char *from = strstr(line, "\"query\": ") + strlen("\"query\": ");
        const char *count = strstr(from, ", \"count\": "), *rows = strstr(from, ", \"rows\": ");
        while (count != NULL && strstr(count + 1, ", \"count\": ") != NULL) {
            count = strstr(count + 1, ", \"count\": "); /* the last one is the answer's */
        }
        snprintf(json, sizeof json, "%.*s", (int)((rows != NULL ? rows : count) - from), from);
        if (strstr(spec, json) == NULL) {
            fail_msg("docs/spec/query.md does not show %s", json);
        }
        if (rows != NULL) {
            char expected[64];
            assert_int_equal(sscanf(rows, ", \"rows\": \"%63[^\"]", expected), 1);
            expect(&w, json, 0, expected);
        } else {
            expect_count(&w, json, strtol(count + strlen(", \"count\": "), NULL, 10));
        }
    }
    assert_int_equal(asked, 14);
    free(examples);
    free(spec);
    end(&w);
}

#else
static void test_examples(void **state) {
    (void)state;
}
#endif

/* --- Failures and costs -------------------------------------------------------------------------- */

static int count_row(void *ctx, const dx_query_row *row) {
    (void)row;
    ++*(int *)ctx;
    return DX_OK;
}

static int refuse_row(void *ctx, const dx_query_row *row) {
    (void)ctx;
    (void)row;
    return DX_E_CANCELLED;
}

/* Memory that is refused ends a question. */
static void test_memory(void **state) {
    (void)state;
    static const char *const queries[] = {
        "{\"where\":{\"in\":{\"eq\":{\"deep\":{\"k\":\"v\"}}}}}",
        "{\"type\":\"pkg\",\"follow\":[{\"out\":\"depends\"},{\"out\":null}]}",
        "{\"where\":{\"name\":\"a\"},\"path\":{\"to\":{\"where\":{\"name\":\"e\"}}}}",
        ("{\"type\":\"pkg\",\"or\":[{\"where\":{\"n\":{\"ge\":2}}}],\"order\":[\"n\",{\"path\":\"name\","
         "\"descending\":true}]}"),
        "{\"group\":\"n\",\"type\":\"pkg\"}",
        "{\"where\":{\"name\":\"a\"},\"follow\":[{\"out\":\"depends\",\"repeat\":true}]}",
    };
    world w;
    begin(&w);
    peer_settle(&w.alice);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        dx_bytes item = test_item(queries[i]);
        int done = 0, rows = 0;
        for (uint64_t fail_at = 1; !done; fail_at++) {
            char message[DX_QUERY_MESSAGE_SIZE];
            dx_query *query;
            bool more = true;
            rows = 0;
            peer_begin(&w.alice);
            w.alice.alloc.calls = 0;
            w.alice.alloc.fail_at = fail_at;
            int error =
                dx_query_create(&w.alice.context, w.alice.space, item, message, sizeof message, &query);
            while (error == DX_OK && more) {
                error = dx_query_run(query, 5, count_row, &rows, &more);
            }
            done = w.alice.alloc.calls < fail_at;
            w.alice.alloc.fail_at = 0;
            static const int expected[] = {2, 6, 4, 3, 5, 6};
            assert_true(error == DX_OK || (error == DX_E_NO_MEMORY && !done));
            assert_true(error != DX_OK || rows == expected[i]);
            dx_query_destroy(query);
            peer_commit(&w.alice);
        }
    }
    end(&w);
}

static void test_callback_ends_the_call(void **state) {
    (void)state;
    world w;
    begin(&w);
    static const char *const queries[] = {"{}", "{\"type\":\"pkg\",\"follow\":[{\"out\":null}]}"};
    for (size_t i = 0; i < 2; i++) {
        char message[DX_QUERY_MESSAGE_SIZE];
        dx_query *query;
        bool more = true;
        peer_begin(&w.alice);
        assert_int_equal(dx_query_create(&w.alice.context, w.alice.space, test_item(queries[i]), message,
                                         sizeof message, &query),
                         DX_OK);
        assert_int_equal(dx_query_run(query, 1000, refuse_row, NULL, &more), DX_E_CANCELLED);
        assert_int_equal(dx_query_count(query), 1);
        dx_query_destroy(query);
        peer_commit(&w.alice);
    }
    end(&w);
}

/* As many entities as a query may hold: repetitions make room, too many different ones end it. */
static void test_too_many(void **state) {
    (void)state;
    static const struct {
        const char *json;
        size_t keys_max;
        int error;
    } cases[] = {
        {"{\"type\":\"pkg\",\"follow\":[{\"out\":\"depends\"}]}", 8, DX_OK}, /* 7 begin, 9 links reach 6 */
        {"{\"type\":\"pkg\",\"follow\":[{\"out\":\"depends\"}]}", 6, DX_E_LIMIT},
        {"{\"type\":\"pkg\",\"follow\":[{\"out\":\"depends\"}]}", 4, DX_E_LIMIT},
        {"{\"type\":\"file\",\"path\":{\"to\":{\"type\":\"none such\"}}}", 3, DX_OK},
        {"{\"type\":\"file\",\"path\":{\"to\":{\"type\":\"none such\"}}}", 2, DX_E_LIMIT},
    };
    world w;
    begin(&w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char message[DX_QUERY_MESSAGE_SIZE];
        dx_query *query;
        bool more = true;
        int rows = 0, error = DX_OK;
        peer_begin(&w.alice);
        assert_int_equal(dx_query_create(&w.alice.context, w.alice.space, test_item(cases[i].json), message,
                                         sizeof message, &query),
                         DX_OK);
        query->keys.max = query->from.max = cases[i].keys_max * sizeof(int64_t);
        query->sides[0].seen.count_max = cases[i].keys_max;
        while (more && error == DX_OK) {
            error = dx_query_run(query, 5, count_row, &rows, &more);
        }
        assert_int_equal(error, cases[i].error);
        dx_query_destroy(query);
        peer_commit(&w.alice);
    }
    end(&w);
}

/* No statement over entities scans the table or sorts: SQLite itself counts both. */
static void test_indexes_are_used(void **state) {
    (void)state;
    world w;
    begin(&w);
    answer got = {.pauses = false};
    int64_t count;
    ask(&w, "{\"kind\":\"any\",\"deleted\":\"show\"}", 0, 5, &got, &count);
    ask(&w, "{\"source\":\"$\"}", w.a, 5, &got, &count);
    ask(&w, "{\"source\":\"$\",\"type\":\"depends\"}", w.a, 5, &got, &count);
    ask(&w, "{\"target\":\"$\"}", w.a, 5, &got, &count);
    ask(&w, "{\"parent\":\"$\"}", w.a, 5, &got, &count);
    ask(&w,
        "{\"id\":\"$\",\"follow\":[{\"out\":null},{\"in\":\"depends\"},{\"children\":true},{\"parent\":true}]"
        "}",
        w.a, 5, &got, &count);
    peer_begin(&w.alice);
    sqlite3 *database = sqlite3_db_handle(dx_store_query(w.alice.context.store, "SELECT 1"));
    size_t checked = 0;
    for (sqlite3_stmt *each = sqlite3_next_stmt(database, NULL); each != NULL;
         each = sqlite3_next_stmt(database, each)) {
        if (strstr(sqlite3_sql(each), "FROM entity") != NULL) {
            if (sqlite3_stmt_status(each, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0) != 0 ||
                sqlite3_stmt_status(each, SQLITE_STMTSTATUS_SORT, 0) != 0 ||
                sqlite3_stmt_status(each, SQLITE_STMTSTATUS_AUTOINDEX, 0) != 0) {
                fail_msg("no index for %s", sqlite3_sql(each));
            }
            checked++;
        }
    }
    assert_true(checked >= 8);
    peer_commit(&w.alice);
    end(&w);
}

DX_TEST_MAIN(DX_TEST(test_filters), DX_TEST(test_where), DX_TEST(test_operators),
             DX_TEST(test_order_and_groups), DX_TEST(test_repeat), DX_TEST(test_references),
             DX_TEST(test_with_indexes), DX_TEST(test_order_from_index), DX_TEST(test_cursor),
             DX_TEST(test_limit_and_count), DX_TEST(test_after), DX_TEST(test_after_links),
             DX_TEST(test_follow), DX_TEST(test_path), DX_TEST(test_refused), DX_TEST(test_refused_in_bulk),
             DX_TEST(test_examples), DX_TEST(test_memory), DX_TEST(test_too_many),
             DX_TEST(test_callback_ends_the_call), DX_TEST(test_indexes_are_used))
