/* tests/laws/test_laws_shipped.c: the models shipped beside the object model keep the laws; each digest is the same
 * natively and in wasm, where these tests run too. */
#include "test.h"
#include "text_generator.h"

#include <dxos/model_laws.h>

static size_t choose(const dx_random *random, size_t count) {
    uint8_t bytes[2];
    random->fill(random->ctx, bytes, sizeof bytes);
    return (size_t)(bytes[0] << 8 | bytes[1]) % count;
}

/* The feeds that the suite writes from. */
static void write_feed(const dx_random *random, dx_writer *out, size_t size) {
    static const uint8_t fills[] = {0x00, 0x7f, 0xff};
    uint8_t feed[DX_REFERENCE_SIZE];
    memset(feed, fills[choose(random, sizeof fills)], sizeof feed);
    dx_write_bytes(out, dx_bytes_of(feed, size));
}

static int write_total(void *ctx, const dx_random *random, dx_buf *out) {
    dx_writer writer;
    (void)ctx;
    dx_writer_init(&writer, out);
    int64_t value = (int64_t)choose(random, 9) - 4;
    dx_write_int(&writer, choose(random, 20) == 0 ? INT64_MAX - value * value : value);
    return dx_writer_finish(&writer);
}

/* An element that one of the other operations may make. */
static void write_element_id(const dx_random *random, size_t edits, dx_writer *out) {
    if (edits > 0 && choose(random, 2) == 0) {
        dx_write_array(out, 1);
        dx_write_uint(out, 0); /* the first edit always makes one */
        return;
    }
    dx_write_array(out, 3);
    dx_write_uint(out, 3 + choose(random, 12));
    write_feed(random, out, DX_FEED_PREFIX_SIZE);
    dx_write_uint(out, choose(random, 3));
}

static int write_edits(void *ctx, const dx_random *random, dx_buf *out) {
    static const size_t items_of[] = {4, 4, 2, 3};
    size_t count = 1 + choose(random, 4);
    dx_writer writer;
    (void)ctx;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        size_t kind = i == 0 ? choose(random, 2) : choose(random, 4);
        dx_write_array(&writer, items_of[kind]);
        dx_write_uint(&writer, kind);
        if (kind < 2) {
            if (choose(random, 4) == 0) {
                dx_write_null(&writer);
            } else {
                write_element_id(random, i, &writer);
            }
            dx_write_bool(&writer, choose(random, 2) == 0);
        }
        if (kind != 0) {
            write_element_id(random, i, &writer);
        }
        if (kind == 0 || kind == 3) {
            dx_write_uint(&writer, choose(random, 50));
        }
    }
    return dx_writer_finish(&writer);
}

static int write_step(void *ctx, const dx_random *random, dx_buf *out) {
    static const char *const words[] = {"assign",  "submit", "submit",   "approve",
                                        "approve", "reject", "withdraw", "reopen"};
    size_t at = choose(random, sizeof words / sizeof words[0]);
    dx_writer writer;
    (void)ctx;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, at == 0 ? 3 : at == 5 ? 2 : 1);
    dx_write_text(&writer, words[at]);
    if (at == 0) {
        dx_write_array(&writer, 1);
        dx_write_tag(&writer, DX_TAG_REFERENCE);
        write_feed(random, &writer, DX_REFERENCE_SIZE);
        dx_write_uint(&writer, 1);
    } else if (at == 5) {
        dx_write_text(&writer, choose(random, 2) == 0 ? "" : "not yet");
    }
    return dx_writer_finish(&writer);
}

static void generator_keeps_laws(const dx_model *model, const dx_model_generator *generator,
                                 uint64_t digest) {
    dx_model_report report;
    test_alloc alloc;
    test_alloc_init(&alloc);
    int error = dx_model_laws_run(model, generator, &alloc.port, 1, 100, &report);
    if (error != DX_OK) {
        fail_msg("%s: %s, law %s, seed %llu: %s", model->name, dx_error_name(error), report.law,
                 (unsigned long long)report.seed, report.what);
    }
    assert_int_equal(alloc.live_bytes, 0);
    assert_true(report.refused > 100);
    if (report.digest != digest) {
        fail_msg("%s: digest %llx", model->name, (unsigned long long)report.digest);
    }
}

static void keeps_laws(const dx_model *model, int (*write)(void *, const dx_random *, dx_buf *),
                       uint64_t digest) {
    const dx_model_generator generator = {.write = write};
    generator_keeps_laws(model, &generator, digest);
}

static void test_counter(void **state) {
    (void)state;
    keeps_laws(&dx_counter_model, write_total, UINT64_C(0xca44aa6fd1c819a8));
}

static void test_list(void **state) {
    (void)state;
    keeps_laws(&dx_list_model, write_edits, UINT64_C(0x2beeed0b20e945fe));
}

static void test_text(void **state) {
    test_alloc alloc;
    (void)state;
    test_alloc_init(&alloc);
    text_generator authors = {.alloc = &alloc.port};
    const dx_model_generator generator = {.ctx = &authors, .write_as = text_generator_write_as};
    generator_keeps_laws(&dx_text_model, &generator, UINT64_C(0x25befaa10d75bade));
    text_generator_clear(&authors);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_approval(void **state) {
    (void)state;
    keeps_laws(&dx_approval_model, write_step, UINT64_C(0xbecbe3501cca40e0));
}

/* --- Ordered models that break their laws are seen --------------------------------------------------- */

static void expect_broken(const dx_model *model, const char *law) {
    const dx_model_generator generator = {.write = write_step};
    dx_model_report report;
    test_alloc alloc;
    test_alloc_init(&alloc);
    assert_int_equal(dx_model_laws_run(model, &generator, &alloc.port, 1, 50, &report), DX_E_CONFLICT);
    assert_string_equal(report.law, law);
}

static int arrivals;

/* Remembers beside its state how often it was asked. */
static int apply_and_count(void *state, dx_bytes operation, const dx_stamp *stamp) {
    dx_stamp other = *stamp;
    other.counter += (uint64_t)(arrivals++ % 7);
    return dx_approval_model.apply(state, operation, &other);
}

static void *create_without_stamp(const dx_alloc *alloc, const dx_stamp *created) {
    static const dx_stamp none = {.counter = 0};
    static size_t calls;
    return dx_approval_model.create(alloc, calls++ % 2 == 0 ? created : &none);
}

static void test_broken_ordered_models_are_seen(void **state) {
    (void)state;
    dx_model model = dx_approval_model;
    model.apply = apply_and_count;
    expect_broken(&model, "order");
    model = dx_approval_model;
    model.create = create_without_stamp;
    expect_broken(&model, "order");
}

DX_TEST_MAIN(DX_TEST(test_counter), DX_TEST(test_list), DX_TEST(test_text), DX_TEST(test_approval),
             DX_TEST(test_broken_ordered_models_are_seen))
