/* test_object_model.c: what operations do to an object, in examples. Orders and failures of every kind are
 * tried by tests/laws. Names model/object_state.c and model/object_view.c too. */
#include <dxos/model.h>

#include "base/limits.h"
#include "test_item.h"

typedef struct fixture {
    test_alloc alloc;
    void *state;
    dx_buf buf;
} fixture;

static dx_stamp at(uint64_t counter) {
    return (dx_stamp){.counter = counter, .feed = {7}};
}

static void begin(fixture *self) {
    dx_stamp created = at(10);
    test_alloc_init(&self->alloc);
    dx_buf_init(&self->buf, &self->alloc.port, 80 << 20);
    self->state = dx_object_model.create(&self->alloc.port, &created);
    assert_non_null(self->state);
}

static void end(fixture *self) {
    dx_object_model.destroy(&self->alloc.port, self->state);
    dx_buf_deinit(&self->buf);
    assert_int_equal(self->alloc.live_bytes, 0);
}

static int apply(fixture *self, uint64_t counter, const char *operation) {
    dx_stamp stamp = at(counter);
    return dx_object_model.apply(self->state, test_item(operation), &stamp);
}

static void expect_view(fixture *self, const char *json) {
    dx_writer writer;
    dx_buf_clear(&self->buf);
    dx_writer_init(&writer, &self->buf);
    assert_int_equal(dx_object_model.view(self->state, &writer), DX_OK);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    test_expect_item(dx_buf_view(&self->buf), json);
}

static void expect_saved(fixture *self, const char *json) {
    dx_buf_clear(&self->buf);
    assert_int_equal(dx_object_model.save(self->state, &self->buf), DX_OK);
    test_expect_item(dx_buf_view(&self->buf), json);
}

/* Operations with their stamps, then the view. */
typedef struct scene {
    const char *operations[5];
    uint64_t counters[5];
    const char *view;
} scene;

/* Keys of elements: none; what stands at counter 10 of feed 7; an item of its array; two of items made. */
#define NONE           "{\"@bytes\":\"\"}"
#define BASE_10        "{\"@bytes\":\"AAAAAAAAAAoHAAAAAAAAAA\"}"
#define BASE_10_ITEM_1 "{\"@bytes\":\"AAAAAAAAAAoHAAAAAAAAAAAAAAE\"}"
#define TEXT_A         "{\"@bytes\":\"YWE\"}"
#define ID_1           "{\"@bytes\":\"AAAAAAAAAAAAAAAAAAE\"}"
#define ID_2           "{\"@bytes\":\"AAAAAAAAAAAAAAAAAAI\"}"

static const scene scenes[] = {
    {{"[{\"a\":1,\"b\":\"x\"},[]]"}, {10}, "{\"a\":1,\"b\":\"x\"}"},
    {{"[{\"a\":1},[]]", "[{\"a\":2},[]]"}, {12, 11}, "{\"a\":1}"},
    {{"[{\"a\":1},[]]", "[{},[\"a\"]]"}, {11, 12}, "{}"},
    {{"[{},[\"a\"]]", "[{\"a\":1},[]]"}, {12, 11}, "{}"},
    {{"[{},[\"a\"]]", "[{\"a\":1},[]]"}, {11, 12}, "{\"a\":1}"},
    /* nested keys */
    {{"[{\"foo.bar\":100},[]]"}, {11}, "{\"foo\":{\"bar\":100}}"},
    {{"[{\"foo\":5},[]]", "[{\"foo.bar\":100},[]]"}, {11, 12}, "{\"foo\":{\"bar\":100}}"},
    {{"[{\"foo\":5},[]]", "[{\"foo.bar\":100},[]]"}, {12, 11}, "{\"foo\":5}"},
    {{"[{\"foo\":{\"a\":1,\"b\":2}},[]]", "[{\"foo\":{\"c\":3}},[]]"}, {11, 12}, "{\"foo\":{\"c\":3}}"},
    {{"[{\"foo\":{\"a\":1,\"b\":2}},[]]", "[{\"foo.b\":9},[\"foo.a\"]]"}, {11, 12}, "{\"foo\":{\"b\":9}}"},
    {{"[{\"foo\":{\"c\":3}},[]]", "[{\"foo.b\":9},[]]"}, {11, 12}, "{\"foo\":{\"b\":9,\"c\":3}}"},
    {{"[{\"foo\":{\"a\":{\"x\":1}}},[]]", "[{},[\"foo\"]]"}, {11, 12}, "{}"},
    {{"[{},[\"foo\"]]", "[{\"foo.a.x\":1},[]]"}, {11, 12}, "{\"foo\":{\"a\":{\"x\":1}}}"},
    /* empty maps: only where one was set */
    {{"[{\"foo\":{}},[]]"}, {11}, "{\"foo\":{}}"},
    {{"[{\"foo\":{\"a\":1}},[]]", "[{},[\"foo.a\"]]"}, {11, 12}, "{\"foo\":{}}"},
    {{"[{\"foo.a\":1},[]]", "[{},[\"foo.a\"]]"}, {11, 12}, "{}"},
    /* a value gives way to what is written under it, and comes back */
    {{"[{\"foo\":5},[]]", "[{\"foo.bar\":1},[]]", "[{},[\"foo.bar\"]]"}, {11, 12, 13}, "{\"foo\":5}"},
    /* keys with dots, backslashes and other scripts, sorted as a canonical map */
    {{"[{\"a\\\\.b\":1,\"\\\\\\\\\":2,\"zz\":3},[]]"}, {11}, "{\"\\\\\":2,\"zz\":3,\"a.b\":1}"},
    {{"[{\"a\\\\.b.c\":1},[]]", "[{\"a.b.c\":2},[]]"},
     {11, 12},
     "{\"a\":{\"b\":{\"c\":2}},\"a.b\":{\"c\":1}}"},
    {{"[{\"a\":{\"b.c\":1}},[]]", "[{\"a.b\\\\.c\":2},[]]"}, {11, 12}, "{\"a\":{\"b.c\":2}}"},
    {{"[{\"ab\":1,\"\xc3\xa4\":2,\"z\":3},[]]"}, {11}, "{\"z\":3,\"ab\":1,\"\xc3\xa4\":2}"},
    /* one author, one block, two operations: no order between them */
    {{"[{\"a\":1},[]]", "[{\"a\":2},[]]"}, {11, 11}, "{\"a\":2}"},
    {{"[{\"a\":2},[]]", "[{\"a\":1},[]]"}, {11, 11}, "{\"a\":2}"},
    {{"[{\"a.b\":2},[]]", "[{\"a\":1},[]]"}, {11, 11}, "{\"a\":{\"b\":2}}"},
    /* counters: each author's sum upon what stands there (kind 1; the base of counter 10 of feed 7) */
    {{"[{},[],{\"n\":{\"@map\":[[1,[[" NONE ",5]]]]}}]"}, {11}, "{\"n\":5}"},
    {{"[{\"n\":2},[]]", "[{},[],{\"n\":{\"@map\":[[1,[[" BASE_10 ",5]]]]}}]"}, {10, 11}, "{\"n\":7}"},
    {{"[{\"n\":2},[]]", "[{},[],{\"n\":{\"@map\":[[1,[[" BASE_10 ",5]]]]}}]",
      "[{},[],{\"n\":{\"@map\":[[1,[[" BASE_10 ",6]]]]}}]"},
     {10, 11, 12},
     "{\"n\":8}"},
    {{"[{\"n\":2},[]]", "[{\"n\":3},[]]", "[{},[],{\"n\":{\"@map\":[[1,[[" BASE_10 ",5]]]]}}]"},
     {10, 11, 12},
     "{\"n\":3}"},
    {{"[{\"n\":9223372036854775807},[]]", "[{},[],{\"n\":{\"@map\":[[1,[[" BASE_10 ",5]]]]}}]"},
     {10, 11},
     "{\"n\":9223372036854775807}"},
    {{"[{\"n\":\"x\"},[]]", "[{},[],{\"n\":{\"@map\":[[1,[[" BASE_10 ",5]]]]}}]"}, {10, 11}, "{\"n\":\"x\"}"},
    {{"[{},[],{\"n\":{\"@map\":[[1,[[" NONE ",5]]]]}}]", "[{},[\"n\"]]"}, {11, 12}, "{}"},
    {{"[{},[],{\"n\":{\"@map\":[[1,[[" NONE ",5]]]]}}]", "[{\"n.a\":1},[]]"}, {11, 12}, "{\"n\":{\"a\":1}}"},
    /* sets (kind 2) */
    {{"[{},[],{\"s\":{\"@map\":[[2,[[" TEXT_A ",true]]]]}}]"}, {11}, "{\"s\":[\"a\"]}"},
    {{"[{},[],{\"s\":{\"@map\":[[2,[[" TEXT_A ",true]]]]}}]",
      "[{},[],{\"s\":{\"@map\":[[2,[[" TEXT_A "]]]]}}]"},
     {12, 11},
     "{\"s\":[\"a\"]}"},
    {{"[{},[],{\"s\":{\"@map\":[[2,[[" TEXT_A ",true]]]]}}]",
      "[{},[],{\"s\":{\"@map\":[[2,[[" TEXT_A "]]]]}}]"},
     {11, 12},
     "{\"s\":[]}"},
    {{"[{\"s\":[\"b\",\"a\"]},[]]", "[{},[],{\"s\":{\"@map\":[[2,[[" TEXT_A ",true]]]]}}]"},
     {10, 11},
     "{\"s\":[\"b\",\"a\"]}"},
    {{"[{\"s\":[\"a\",\"b\",\"a\"]},[]]", "[{},[],{\"s\":{\"@map\":[[2,[[" TEXT_A "]]]]}}]"},
     {10, 11},
     "{\"s\":[\"b\"]}"},
    {{"[{},[],{\"s\":{\"@map\":[[2,[[" TEXT_A ",true]]]]}}]", "[{\"s\":[\"b\"]},[]]"},
     {12, 11},
     "{\"s\":[\"b\",\"a\"]}"},
    {{"[{},[],{\"s\":{\"@map\":[[2,[[" TEXT_A ",true]]]]}}]", "[{\"s\":[\"b\"]},[]]"},
     {11, 12},
     "{\"s\":[\"b\"]}"},
    /* arrays (kinds 4 and 6) */
    {{"[{},[],{\"l\":{\"@map\":[[4,[[" ID_1 ",[null,1,\"x\"]],[" ID_2 ",[" ID_1 ",1,\"y\"]]]]]}}]"},
     {11},
     "{\"l\":[\"x\",\"y\"]}"},
    {{"[{},[],{\"l\":{\"@map\":[[4,[[" ID_1 ",[null,1,\"x\"]],[" ID_2 ",[" ID_1 ",0,\"y\"]]]]]}}]"},
     {11},
     "{\"l\":[\"y\",\"x\"]}"},
    {{"[{\"l\":[1,2,3]},[]]",
      "[{},[],{\"l\":{\"@map\":[[4,[[" ID_1 ",[" BASE_10_ITEM_1 ",1,\"x\"]],[" BASE_10_ITEM_1 ",[]]]]]}}]"},
     {10, 11},
     "{\"l\":[1,3,\"x\"]}"},
    {{"[{\"l\":[1,2,3]},[]]", "[{},[],{\"l\":{\"@map\":[[4,[[" BASE_10_ITEM_1 ",[\"two\"]]]]]}}]"},
     {10, 11},
     "{\"l\":[1,\"two\",3]}"},
    {{"[{\"l\":[1,2,3]},[]]",
      "[{},[],{\"l\":{\"@map\":[[4,[[" ID_1 ",[null,0]]]],[6,[[" BASE_10_ITEM_1 "," ID_1 "]]]]}}]"},
     {10, 11},
     "{\"l\":[1,3,2]}"},
    /* moved twice: once there, where the later move put it */
    {{"[{\"l\":[1,2]},[]]",
      "[{},[],{\"l\":{\"@map\":[[4,[[" ID_1 ",[null,1]]]],[6,[[" BASE_10_ITEM_1 "," ID_1 "]]]]}}]",
      "[{},[],{\"l\":{\"@map\":[[4,[[" ID_2 ",[" ID_1 ",1]]]],[6,[[" BASE_10_ITEM_1 "," ID_2 "]]]]}}]"},
     {10, 12, 11},
     "{\"l\":[1,2]}"},
    /* removed while moved */
    {{"[{\"l\":[1,2]},[]]", "[{},[],{\"l\":{\"@map\":[[4,[[" BASE_10_ITEM_1 ",[]]]]]}}]",
      "[{},[],{\"l\":{\"@map\":[[4,[[" ID_2 ",[null,1]]]],[6,[[" BASE_10_ITEM_1 "," ID_2 "]]]]}}]"},
     {10, 11, 12},
     "{\"l\":[1]}"},
    /* appended while the whole is set anew */
    {{"[{\"l\":[1,2]},[]]", "[{\"l\":[9]},[]]",
      "[{},[],{\"l\":{\"@map\":[[4,[[" ID_1 ",[" BASE_10_ITEM_1 ",1,\"x\"]]]]]}}]"},
     {10, 11, 12},
     "{\"l\":[9,\"x\"]}"},
    /* a place beside itself, a neighbour that is not there, payloads of no form */
    {{"[{},[],{\"l\":{\"@map\":[[4,[[" ID_1 ",[" ID_1 ",1,\"x\"]],[" ID_2 ",[" BASE_10_ITEM_1
      ",0,\"y\"]]]]]}}]"},
     {11},
     "{\"l\":[\"y\"]}"},
    {{"[{},[],{\"l\":{\"@map\":[[4,[[" ID_1 ",7],[" ID_2 ",[1,2,3,4]]]]]}}]"}, {11}, "{\"l\":[]}"},
    /* kinds that nobody knows */
    {{"[{\"a\":1},[],{\"l\":{\"@map\":[[20,[[" ID_1 ",{\"x\":1}]]]]}}]"}, {11}, "{\"a\":1}"},
    /* values of all kinds */
    {{"[{\"a\":null,\"b\":true,\"c\":-1.5,\"d\":[{\"x\":[]}],\"e\":{\"@bytes\":\"AQI\"},\"f\":"
      "9007199254740993},[]]"},
     {10},
     "{\"a\":null,\"b\":true,\"c\":-1.5,\"d\":[{\"x\":[]}],\"e\":{\"@bytes\":\"AQI\"},\"f\":"
     "9007199254740993}"},
};

static void test_scenes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        fixture self;
        begin(&self);
        for (size_t j = 0; j < 5 && scenes[i].operations[j] != NULL; j++) {
            assert_int_equal(apply(&self, scenes[i].counters[j], scenes[i].operations[j]), DX_OK);
        }
        expect_view(&self, scenes[i].view);
        end(&self);
    }
}

#define FEED "{\"@bytes\":\"BwAAAAAAAAAAAAAAAAAAAA\"}"

static void test_saved_form(void **state) {
    (void)state;
    fixture self;
    begin(&self);
    expect_saved(&self, "[[],{}]");
    assert_int_equal(apply(&self, 10, "[{\"a\":1,\"b\":2},[]]"), DX_OK);
    expect_saved(&self, "[[],{\"a\":[0,1],\"b\":[0,2]}]");
    assert_int_equal(apply(&self, 12, "[{\"a\":3},[]]"), DX_OK);
    assert_int_equal(apply(&self, 11, "[{\"m\":{\"k\":4}},[\"b\"]]"), DX_OK);
    expect_saved(&self, "[[[11," FEED "],[12," FEED "]],{\"a\":[2,3],\"b\":[1],\"m\":[1,{}],\"m.k\":[1,4]}]");
    /* the table forgets stamps that nothing holds any more */
    assert_int_equal(apply(&self, 13, "[{\"m\":0},[\"b\"]]"), DX_OK);
    expect_saved(&self, "[[[12," FEED "],[13," FEED "]],{\"a\":[1,3],\"b\":[2],\"m\":[2,0]}]");
    /* an operation that is late everywhere leaves no trace, not even its stamp */
    assert_int_equal(apply(&self, 11, "[{\"m.x\":1},[\"a\"]]"), DX_OK);
    expect_saved(&self, "[[[12," FEED "],[13," FEED "]],{\"a\":[1,3],\"b\":[2],\"m\":[2,0]}]");
    end(&self);
}

/* Stamps below the creation stamp are possible for a model, whatever the engine allows. */
static void test_earlier_than_creation(void **state) {
    (void)state;
    fixture self;
    begin(&self);
    assert_int_equal(apply(&self, 9, "[{\"a\":1,\"b\":1},[]]"), DX_OK);
    assert_int_equal(apply(&self, 10, "[{\"a\":2},[]]"), DX_OK);
    expect_saved(&self, "[[[9," FEED "]],{\"a\":[0,2],\"b\":[1,1]}]");
    end(&self);
}

static void test_refused(void **state) {
    (void)state;
    fixture self;
    begin(&self);
    assert_int_equal(apply(&self, 10, "[{\"a\":1,\"a.b\":2},[]]"), DX_E_MALFORMED);
    assert_int_equal(apply(&self, 10, "[{\"\":1},[]]"), DX_E_MALFORMED);
    expect_saved(&self, "[[],{}]");
    assert_int_equal(apply(&self, 10, "[{\"a\":1},[]]"), DX_OK);
    assert_int_equal(apply(&self, 11, "{}"), DX_E_MALFORMED);
    assert_int_equal(apply(&self, (uint64_t)INT64_MAX + 1, "[{\"a\":2},[]]"), DX_E_MALFORMED);
    expect_saved(&self, "[[],{\"a\":[0,1]}]");
    end(&self);
}

static int restore(fixture *self, const char *json) {
    return dx_object_model.restore(self->state, test_item(json));
}

#define OTHER "{\"@bytes\":\"CAAAAAAAAAAAAAAAAAAAAA\"}"

static void test_restore_refuses(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "1",
        "[[],{},0]",
        "[{},[]]",
        "[[],{\"a\":[1,1]}]", /* no such stamp */
        "[[],{\"a\":[]}]",
        "[[],{\"a\":[0,1,2]}]",
        "[[],{\"a\":1}]",
        "[[],{\"a\":[0,{\"b\":1}]}]", /* a map is its members' registers */
        "[[],{\"\":[0,1]}]",
        "[[],{\"a.\":[0,1]}]",
        "[[[11," FEED "]],{\"a\":[0,1]}]",                           /* a stamp nothing holds */
        "[[[10," FEED "]],{\"a\":[1,1]}]",                           /* the creation stamp spelt out */
        "[[[12," FEED "],[11," FEED "]],{\"a\":[1,1],\"b\":[2,1]}]", /* descending */
        "[[[11," OTHER "],[11," FEED "]],{\"a\":[1,1],\"b\":[2,1]}]",
        "[[[11," FEED "],[11," FEED "]],{\"a\":[1,1],\"b\":[2,1]}]",
        "[[[11,{\"@bytes\":\"Bw\"}]],{\"a\":[1,1]}]",
        "[[[11]],{\"a\":[1,1]}]",
        "[[[-1," FEED "]],{\"a\":[1,1]}]",
        "[[[11," FEED "]],{\"a\":[1,1],\"a.b\":[0,2]}]", /* under a later one */
        "[[[11," FEED "]],{\"a\":[1],\"a.b.c\":[0,2]}]",
        "[[[11," FEED "],[12," FEED "]],{\"a\":[0,1],\"a.b\":[2],\"a.b.c\":[1,2]}]",
    };
    fixture self;
    begin(&self);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(restore(&self, wrong[i]), DX_E_CORRUPT);
        expect_saved(&self, "[[],{}]");
    }
    const char *right = "[[[11," FEED "],[12," FEED "]],{\"a\":[0,1],\"a.b\":[1],\"a.b.c\":[2,2]}]";
    assert_int_equal(restore(&self, right), DX_OK);
    expect_saved(&self, right);
    expect_view(&self, "{\"a\":{\"b\":{\"c\":2}}}");
    end(&self);
}

/* The whole of what one operation may hold goes through the model: the largest value, the deepest path. */
static void test_extremes(void **state) {
    (void)state;
    fixture self;
    begin(&self);
    dx_writer writer;
    dx_buf operation;
    char path[2 * DX_OBJECT_DEPTH_MAX];
    memset(path, 'p', sizeof path);
    for (size_t i = 1; i < sizeof path - 1; i += 2) {
        path[i] = '.';
    }
    uint8_t *bytes = calloc(1, DX_OBJECT_VALUE_SIZE_MAX);
    dx_buf_init(&operation, &self.alloc.port, 1 << 21);
    dx_writer_init(&writer, &operation);
    dx_write_array(&writer, 2);
    dx_write_map(&writer, 1);
    dx_write_text_bytes(&writer, dx_bytes_of(path, sizeof path - 1));
    dx_write_bytes(&writer, dx_bytes_of(bytes, DX_OBJECT_VALUE_SIZE_MAX - 5));
    dx_write_array(&writer, 0);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_stamp stamp = at(11);
    assert_int_equal(dx_object_model.apply(self.state, dx_buf_view(&operation), &stamp), DX_OK);
    dx_buf_clear(&self.buf);
    assert_int_equal(dx_object_model.save(self.state, &self.buf), DX_OK);
    assert_int_equal(dx_object_model.restore(self.state, dx_buf_view(&self.buf)), DX_OK);
    dx_buf_clear(&self.buf);
    dx_writer_init(&writer, &self.buf);
    assert_int_equal(dx_object_model.view(self.state, &writer), DX_OK);
    assert_int_equal(dx_item_check(dx_buf_view(&self.buf)), DX_OK);
    free(bytes);
    dx_buf_deinit(&operation);
    end(&self);
}

/* [[], {"00": [0, bytes]…}] with this many values as large as may be. */
static void write_full_state(size_t values, dx_bytes bytes, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    dx_write_array(&writer, 0);
    dx_write_map(&writer, values);
    for (size_t i = 0; i < values; i++) {
        char key[8];
        snprintf(key, sizeof key, "%02zu", i);
        dx_write_text(&writer, key);
        dx_write_array(&writer, 2);
        dx_write_uint(&writer, 0);
        dx_write_bytes(&writer, bytes);
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
}

/* More than a state may hold: told as such, and the state is as it was. */
static void test_state_limit(void **state) {
    (void)state;
    fixture self;
    begin(&self);
    uint8_t *bytes = calloc(1, DX_OBJECT_VALUE_SIZE_MAX);
    dx_bytes value = dx_bytes_of(bytes, DX_OBJECT_VALUE_SIZE_MAX - 5);
    write_full_state(64, value, &self.buf);
    assert_int_equal(dx_object_model.restore(self.state, dx_buf_view(&self.buf)), DX_OK);
    dx_buf operation;
    dx_buf_init(&operation, &self.alloc.port, 1 << 21);
    dx_buf_append(&operation, "\x82\xa1\x61z", 4);
    dx_writer writer;
    dx_writer_init(&writer, &operation);
    dx_write_bytes(&writer, value);
    dx_buf_append(&operation, "\x80", 1);
    dx_stamp stamp = at(11);
    assert_int_equal(dx_object_model.apply(self.state, dx_buf_view(&operation), &stamp), DX_E_LIMIT);
    assert_int_equal(apply(&self, 11, "[{\"z\":1},[]]"), DX_OK); /* a little still fits */
    dx_buf_clear(&self.buf);
    write_full_state(65, value, &self.buf);
    assert_int_equal(dx_object_model.restore(self.state, dx_buf_view(&self.buf)), DX_E_CORRUPT);
    free(bytes);
    dx_buf_deinit(&operation);
    end(&self);
}

static void expect_peek(fixture *self, const char *path, const char *json) {
    dx_bytes item;
    dx_buf_clear(&self->buf);
    assert_int_equal(dx_object_model.save(self->state, &self->buf), DX_OK);
    int error = dx_object_model.peek(dx_buf_view(&self->buf), dx_bytes_text(path), &item);
    if (json == NULL) {
        assert_int_equal(error, DX_E_UNSUPPORTED);
    } else if (*json == '\0') {
        assert_int_equal(error, DX_OK);
        assert_int_equal(item.size, 0);
    } else {
        assert_int_equal(error, DX_OK);
        test_expect_item(item, json);
    }
}

static void test_peek(void **state) {
    (void)state;
    fixture self;
    begin(&self);
    assert_int_equal(apply(&self, 10, "[{\"a\":1,\"b\":{\"c\":[2],\"d\":{}},\"x\\\\.y\":3},[]]"), DX_OK);
    assert_int_equal(apply(&self, 11, "[{\"a.z\":4},[\"b.c\"]]"), DX_OK);
    expect_peek(&self, "a.z", "4");
    expect_peek(&self, "a", NULL);
    expect_peek(&self, "b", NULL);
    expect_peek(&self, "b.d", "{}");
    expect_peek(&self, "b.c", "");
    expect_peek(&self, "c", "");
    expect_peek(&self, "x\\.y", "3");
    expect_peek(&self, "x", "");
    end(&self);
    dx_bytes item;
    assert_int_equal(dx_object_model.peek(test_item("[1]"), dx_bytes_text("a"), &item), DX_E_CORRUPT);
}

DX_TEST_MAIN(DX_TEST(test_scenes), DX_TEST(test_saved_form), DX_TEST(test_earlier_than_creation),
             DX_TEST(test_refused), DX_TEST(test_restore_refuses), DX_TEST(test_extremes),
             DX_TEST(test_state_limit), DX_TEST(test_peek))
