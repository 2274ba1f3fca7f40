/* test_object_amend.c: what amending makes is what the model makes, to the byte; and what it leaves to the model. */
#include "model/object_amend.h"

#include "base/limits.h"
#include "test_item.h"

enum { ROUNDS = 400, STEPS = 60 };

static dx_stamp at(uint64_t counter, uint8_t feed) {
    return (dx_stamp){.counter = counter, .feed = {feed}};
}

/* The long way; the model's error. */
static int make(const test_alloc *alloc, const dx_stamp *created, dx_bytes saved, dx_bytes operation,
                const dx_stamp *stamp, dx_buf *out) {
    void *state = dx_object_model.create(&alloc->port, created);
    assert_non_null(state);
    int error = saved.size == 0 ? DX_OK : dx_object_model.restore(state, saved);
    error = error == DX_OK ? dx_object_model.apply(state, operation, stamp) : error;
    dx_buf_clear(out);
    if (error == DX_OK) {
        assert_int_equal(dx_object_model.save(state, out), DX_OK);
    }
    dx_object_model.destroy(&alloc->port, state);
    return error;
}

static uint64_t draw_below(test_random *random, uint64_t limit) {
    return test_random_next(random) % limit;
}

/* --- Chains of changes -------------------------------------------------------------------------- */

static void write_change(test_random *random, dx_buf *out) {
    static const char *const keys[] = {"a",  "b",  "c",   "aa",
                                       "bb", "dd", "ccc", "long enough to need a longer head",
                                       "e1", "e2", "a.b", "a\\.b"};
    dx_writer writer;
    bool deletes = draw_below(random, 12) == 0;
    const char *key = keys[draw_below(random, deletes || draw_below(random, 20) == 0 ? 12 : 10)];
    dx_buf_clear(out);
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    dx_write_map(&writer, !deletes);
    if (!deletes) {
        dx_write_text(&writer, key);
        if (draw_below(random, 3) == 0) {
            dx_write_text(&writer, "what is written here");
        } else {
            dx_write_uint(&writer, draw_below(random, 100000));
        }
    }
    dx_write_array(&writer, deletes);
    if (deletes) {
        dx_write_text(&writer, key);
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
}

static void test_as_the_model(void **state) {
    (void)state;
    test_alloc alloc;
    test_random random;
    dx_buf saved, made, amended, operation;
    size_t taken = 0, left = 0;
    test_alloc_init(&alloc);
    test_random_init(&random, 5);
    dx_buf_init(&saved, &alloc.port, 1 << 16);
    dx_buf_init(&made, &alloc.port, 1 << 16);
    dx_buf_init(&amended, &alloc.port, 1 << 16);
    dx_buf_init(&operation, &alloc.port, 1 << 16);
    for (size_t round = 0; round < ROUNDS; round++) {
        const dx_stamp created = at(1 + draw_below(&random, 300), (uint8_t)draw_below(&random, 3));
        uint64_t counter = created.counter;
        dx_buf_clear(&saved);
        for (size_t step = 0; step < STEPS; step++) {
            /* mostly later than all, in steps that lengthen the number; sometimes of the past */
            uint64_t behind = draw_below(&random, 8) == 0 ? draw_below(&random, 40) : 0;
            counter += draw_below(&random, 8) == 0 ? counter : draw_below(&random, 2);
            const dx_stamp stamp =
                at(counter > behind ? counter - behind : 1, (uint8_t)draw_below(&random, 3));
            write_change(&random, &operation);
            assert_int_equal(
                make(&alloc, &created, dx_buf_view(&saved), dx_buf_view(&operation), &stamp, &made), DX_OK);
            dx_buf_clear(&amended);
            int error =
                dx_object_amend(&created, dx_buf_view(&saved), dx_buf_view(&operation), &stamp, &amended);
            if (error == DX_OK) {
                assert_true(dx_bytes_equal(dx_buf_view(&amended), dx_buf_view(&made)));
                taken++;
            } else {
                assert_int_equal(error, DX_E_UNSUPPORTED);
                assert_int_equal(amended.size, 0);
                left++;
            }
            dx_buf_clear(&saved);
            dx_buf_append(&saved, made.data, made.size);
        }
    }
    assert_true(taken > ROUNDS * STEPS / 10);
    assert_true(left > ROUNDS * STEPS / 10);
    dx_buf_deinit(&saved);
    dx_buf_deinit(&made);
    dx_buf_deinit(&amended);
    dx_buf_deinit(&operation);
}

/* --- One by one --------------------------------------------------------------------------------- */

#define FEED(first) "{\"@bytes\":\"" first "AAAAAAAAAAAAAAAAAAAAA\"}"

static const struct {
    const char *saved, *operation;
    uint64_t counter;
    const char *amended; /* NULL: left to the model */
} cases[] = {
    {"[[],{\"a\":[0,1],\"b\":[0,2]}]", "[{\"b\":3},[]]", 11,
     "[[[11," FEED("B") "]],{\"a\":[0,1],\"b\":[1,3]}]"},
    {"[[],{\"a\":[0,1]}]", "[{\"b\":3},[]]", 11, "[[[11," FEED("B") "]],{\"a\":[0,1],\"b\":[1,3]}]"},
    {"[[],{\"b\":[0,1]}]", "[{\"a\":3},[]]", 11, "[[[11," FEED("B") "]],{\"a\":[1,3],\"b\":[0,1]}]"},
    {"[[],{}]", "[{\"a\":3},[]]", 11, "[[[11," FEED("B") "]],{\"a\":[1,3]}]"},
    /* a stamp that nothing has any more goes, and the later ones move up; what is deleted keeps its own */
    {"[[[11," FEED("B") "],[12," FEED("B") "]],{\"a\":[1,1],\"b\":[2]}]", "[{\"a\":3},[]]", 13,
     "[[[12," FEED("B") "],[13," FEED("B") "]],{\"a\":[2,3],\"b\":[1]}]"},
    {"[[[11," FEED("B") "]],{\"a\":[1,1],\"b\":[1,2]}]", "[{\"a\":3},[]]", 13,
     "[[[11," FEED("B") "],[13," FEED("B") "]],{\"a\":[2,3],\"b\":[1,2]}]"},
    {"[[[11," FEED("B") "]],{\"a\":[1]}]", "[{\"a\":[1,2]},[]]", 65536,
     "[[[65536," FEED("B") "]],{\"a\":[1,[1,2]]}]"},
    {"[[],{\"a\":[0,1]}]", "[{\"a\":3},[]]", 10,
     "[[[10," FEED("B") "]],{\"a\":[1,3]}]"}, /* ties go by feed */
    /* not later than all there is */
    {"[[],{\"a\":[0,1]}]", "[{\"a\":3},[]]", 9, NULL},
    {"[[[11," FEED("B") "]],{\"a\":[1,1]}]", "[{\"a\":3},[]]", 11, NULL},
    {"[[[12," FEED("B") "]],{\"a\":[1,1]}]", "[{\"a\":3},[]]", 11, NULL},
    /* other operations, and none */
    {"[[],{\"a\":[0,1]}]", "[{\"a\":3,\"b\":3},[]]", 11, NULL},
    {"[[],{\"a\":[0,1]}]", "[{},[\"a\"]]", 11, NULL},
    {"[[],{\"a\":[0,1]}]", "[{\"a\":3},[\"b\"]]", 11, NULL},
    {"[[],{\"a\":[0,1]}]", "[{\"a\":{}},[]]", 11, NULL},
    {"[[],{\"a\":[0,1]}]", "[{\"a.b\":3},[]]", 11, NULL},
    {"[[],{\"a\":[0,1]}]", "[{\"\":3},[]]", 11, NULL},
    {"[[],{\"a\":[0,1]}]", "[{\"a\":3},[],{}]", 11, NULL},
    {"[[],{\"a\":[0,1]}]", "[{\"a\":3}]", 11, NULL},
    {"[[],{\"a\":[0,1]}]", "7", 11, NULL},
    /* other states, and none */
    {"[[],{\"a\":[0,1],\"b.c\":[0,1]}]", "[{\"b\":3},[]]", 11, NULL},
    {"[[],{\"a\":[0,1]},{}]", "[{\"a\":3},[]]", 11, NULL},
    {"[[],{\"a\":[1,1]}]", "[{\"a\":3},[]]", 11, NULL},
    {"[[[11," FEED("B") "]],{\"a\":[0,1]}]", "[{\"a\":3},[]]", 12, NULL},
    {"[[[10," FEED("A") "]],{\"a\":[1,1]}]", "[{\"a\":3},[]]", 12, NULL},
    {"[[[12," FEED("B") "],[11," FEED("B") "]],{\"a\":[1,1],\"b\":[2,1]}]", "[{\"a\":3},[]]", 13, NULL},
    {"[[],{\"a\":[0,1,2]}]", "[{\"b\":3},[]]", 11, NULL},
    {"[[],{\"a\":[]}]", "[{\"b\":3},[]]", 11, NULL},
    {"[[],{\"a\":[0,{\"x\":1}]}]", "[{\"b\":3},[]]", 11, NULL},
    {"[[]]", "[{\"b\":3},[]]", 11, NULL},
};

static void test_cases(void **state) {
    (void)state;
    const dx_stamp created = at(10, 0);
    test_alloc alloc;
    dx_buf out;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const dx_stamp stamp = at(cases[i].counter, 4);
        dx_buf_clear(&out);
        int error =
            dx_object_amend(&created, test_item(cases[i].saved), test_item(cases[i].operation), &stamp, &out);
        if (cases[i].amended == NULL) {
            assert_int_equal(error, DX_E_UNSUPPORTED);
            assert_int_equal(out.size, 0);
        } else {
            assert_int_equal(error, DX_OK);
            test_expect_item(dx_buf_view(&out), cases[i].amended);
        }
    }
    dx_buf_deinit(&out);
}

/* Every beginning of a state and of an operation, and both with a byte more. */
static void test_cut_short(void **state) {
    (void)state;
    const dx_stamp created = at(10, 0), stamp = at(12, 4);
    dx_bytes saved = test_item("[[[11," FEED("B") "]],{\"a\":[1,1],\"b\":[0,\"text\"]}]");
    dx_bytes operation = test_item("[{\"a\":30000},[]]");
    test_alloc alloc;
    dx_buf out, longer;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 1 << 16);
    dx_buf_init(&longer, &alloc.port, 1 << 16);
    for (size_t size = 0; size < saved.size; size++) {
        assert_int_equal(dx_object_amend(&created, dx_bytes_of(saved.data, size), operation, &stamp, &out),
                         DX_E_UNSUPPORTED);
    }
    for (size_t size = 0; size < operation.size; size++) {
        assert_int_equal(dx_object_amend(&created, saved, dx_bytes_of(operation.data, size), &stamp, &out),
                         DX_E_UNSUPPORTED);
    }
    dx_buf_append(&longer, saved.data, saved.size);
    dx_buf_append_byte(&longer, 0);
    assert_int_equal(dx_object_amend(&created, dx_buf_view(&longer), operation, &stamp, &out),
                     DX_E_UNSUPPORTED);
    dx_buf_clear(&longer);
    dx_buf_append(&longer, operation.data, operation.size);
    dx_buf_append_byte(&longer, 0);
    assert_int_equal(dx_object_amend(&created, saved, dx_buf_view(&longer), &stamp, &out), DX_E_UNSUPPORTED);
    assert_int_equal(dx_object_amend(&created, saved, operation, &stamp, &out), DX_OK);
    dx_buf_deinit(&out);
    dx_buf_deinit(&longer);
}

static void test_without_memory(void **state) {
    (void)state;
    const dx_stamp created = at(10, 0), stamp = at(12, 4);
    dx_buf out;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 4);
    assert_int_not_equal(
        dx_object_amend(&created, test_item("[[],{\"a\":[0,1]}]"), test_item("[{\"a\":2},[]]"), &stamp, &out),
        DX_OK);
    dx_buf_deinit(&out);
}

DX_TEST_MAIN(DX_TEST(test_as_the_model), DX_TEST(test_cases), DX_TEST(test_cut_short),
             DX_TEST(test_without_memory))
