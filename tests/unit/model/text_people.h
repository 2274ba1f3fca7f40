/* tests/unit/model/text_people.h: some people who write in one text: what each asks and takes, and what he sees. */
#ifndef DX_TEST_TEXT_PEOPLE_H
#define DX_TEST_TEXT_PEOPLE_H

#include <dxos/model.h>

#include "model/text_operation.h"
#include "test.h"

enum { PEOPLE = 3, OPERATIONS_MAX = 512 };

typedef struct fixture {
    test_alloc alloc;
    const dx_stamp *created;
    void *states[PEOPLE];
    uint64_t counter;
    dx_buf operations[OPERATIONS_MAX];
    dx_stamp stamps[OPERATIONS_MAX];
    size_t count;
    size_t known[PEOPLE]; /* operations that each has taken */
} fixture;

static const dx_stamp made = {.counter = 1, .feed = {9}};

static inline void fixture_init(fixture *f) {
    memset(f, 0, sizeof *f);
    test_alloc_init(&f->alloc);
    for (size_t i = 0; i < PEOPLE; i++) {
        f->states[i] = dx_text_model.create(&f->alloc.port, &made);
        assert_non_null(f->states[i]);
    }
    f->counter = 1;
}

static inline void fixture_deinit(fixture *f) {
    for (size_t i = 0; i < PEOPLE; i++) {
        dx_text_model.destroy(&f->alloc.port, f->states[i]);
    }
    for (size_t i = 0; i < f->count; i++) {
        dx_buf_deinit(&f->operations[i]);
    }
    assert_int_equal(f->alloc.live_bytes, 0);
}

static inline void parse(const dx_alloc *alloc, const char *json, dx_buf *item) {
    dx_writer writer;
    dx_buf_init(item, alloc, 1 << 20);
    dx_writer_init(&writer, item);
    assert_int_equal(dx_json_parse(dx_bytes_text(json), &writer, NULL, 0), DX_OK);
}

static inline dx_stamp stamp_of(fixture *f, size_t who) {
    dx_stamp stamp = {.counter = ++f->counter};
    memset(stamp.feed, (int)who + 1, sizeof stamp.feed);
    return stamp;
}

/* One person asks for something; it takes effect there. */
static inline int ask(fixture *f, size_t who, const char *json) {
    dx_buf request, *operation = &f->operations[f->count];
    parse(&f->alloc.port, json, &request);
    dx_buf_init(operation, &f->alloc.port, 1 << 20);
    f->stamps[f->count] = stamp_of(f, who);
    const dx_stamp *stamp = &f->stamps[f->count];
    int error = dx_text_model.prepare(f->states[who], stamp->feed, dx_buf_view(&request), operation);
    dx_buf_deinit(&request);
    if (error == DX_OK) {
        assert_int_equal(dx_text_model.apply(f->states[who], dx_buf_view(operation), stamp), DX_OK);
        f->count++;
    } else {
        dx_buf_deinit(operation);
    }
    return error;
}

static inline void take(fixture *f, size_t who, size_t index) {
    assert_int_equal(
        dx_text_model.apply(f->states[who], dx_buf_view(&f->operations[index]), &f->stamps[index]), DX_OK);
}

/* Everybody takes everything. */
static inline void exchange(fixture *f) {
    for (size_t who = 0; who < PEOPLE; who++) {
        for (size_t i = 0; i < f->count; i++) {
            take(f, who, who == 1 ? f->count - 1 - i : i);
        }
    }
}

static inline void show(const dx_alloc *alloc, const void *state, char *out, size_t size) {
    dx_buf item, json;
    dx_writer writer;
    dx_buf_init(&item, alloc, 1 << 20);
    dx_buf_init(&json, alloc, 1 << 20);
    dx_writer_init(&writer, &item);
    assert_int_equal(dx_text_model.view(state, &writer), DX_OK);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    assert_int_equal(dx_item_check(dx_buf_view(&item)), DX_OK);
    assert_int_equal(dx_json_print(dx_buf_view(&item), &json), DX_OK);
    snprintf(out, size, "%.*s", (int)json.size, (const char *)json.data);
    dx_buf_deinit(&item);
    dx_buf_deinit(&json);
}

#define assert_text(f, who, expected)                                                                        \
    do {                                                                                                     \
        char shown[1024];                                                                                    \
        show(&(f)->alloc.port, (f)->states[who], shown, sizeof shown);                                       \
        assert_string_equal(shown, expected);                                                                \
    } while (0)

static inline void save(const fixture *f, size_t who, dx_buf *out) {
    dx_buf_init(out, &f->alloc.port, 1 << 20);
    assert_int_equal(dx_text_model.save(f->states[who], out), DX_OK);
}

static inline void assert_same(fixture *f) {
    dx_buf first, other;
    save(f, 0, &first);
    for (size_t who = 1; who < PEOPLE; who++) {
        save(f, who, &other);
        assert_true(dx_bytes_equal(dx_buf_view(&first), dx_buf_view(&other)));
        dx_buf_deinit(&other);
    }
    dx_buf_deinit(&first);
}

/* An update that a document of that client makes by writing "x". */
static inline void write_update(const dx_alloc *alloc, uint64_t client, const char *root, dx_text_form form,
                                dx_buf *out) {
    const dx_text_options options = {.client = client};
    dx_text_doc *doc;
    dx_text_type type;
    dx_buf_init(out, alloc, 1 << 16);
    assert_int_equal(dx_text_create(alloc, &options, &doc), DX_OK);
    assert_int_equal(dx_text_root(doc, root, DX_TEXT_KIND_TEXT, &type), DX_OK);
    assert_int_equal(dx_text_insert(doc, type, 0, dx_bytes_text("x"), NULL), DX_OK);
    assert_int_equal(dx_text_encode(doc, form, dx_bytes_of(NULL, 0), out), DX_OK);
    dx_text_destroy(doc);
}

/* [session, update]; below 0: that of a creation. */
static inline void write_operation(const dx_alloc *alloc, int64_t session, dx_bytes update, dx_buf *out) {
    dx_writer writer;
    dx_buf_init(out, alloc, 1 << 16);
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    if (session < 0) {
        dx_write_null(&writer);
    } else {
        dx_write_int(&writer, session);
    }
    dx_write_bytes(&writer, update);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
}

/* The update that somebody's operation carries. */
static inline dx_bytes update_of(const fixture *f, size_t index, int64_t *session) {
    dx_reader in;
    dx_reader_init(&in, dx_buf_view(&f->operations[index]));
    assert_int_equal(dx_read_array(&in), 2);
    *session = (int64_t)dx_read_uint(&in);
    dx_bytes update = dx_read_bytes(&in);
    assert_int_equal(dx_reader_finish(&in), DX_OK);
    return update;
}

#endif
