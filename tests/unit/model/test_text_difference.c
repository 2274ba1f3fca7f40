/* tests/unit/model/test_text_difference.c: model/text_difference.c: changes that make one text of another. */
#include "model/text_difference.h"

#include "test.h"

typedef struct replay {
    dx_buf text;
    size_t changes;
    uint64_t gone, come, last; /* characters */
    int fails_with;
} replay;

static size_t offset_of(dx_bytes text, uint64_t characters) {
    size_t at = 0;
    while (characters > 0) {
        at++;
        assert_true(at <= text.size);
        characters -= at == text.size || (text.data[at] & 0xc0) != 0x80;
    }
    return at;
}

static uint64_t characters_of(dx_bytes text) {
    uint64_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

static int take(void *ctx, uint64_t at, uint64_t count, dx_bytes inserted) {
    replay *self = ctx;
    dx_buf *text = &self->text;
    size_t begin = offset_of(dx_buf_view(text), at), end = offset_of(dx_buf_view(text), at + count);
    assert_true(at >= self->last); /* from the beginning to the end */
    self->last = at;
    if (self->fails_with != 0) {
        return self->fails_with;
    }
    size_t rest = text->size - end;
    uint8_t tail[4096];
    assert_true(rest <= sizeof tail);
    if (rest != 0) { /* an empty buffer has no bytes at all */
        memcpy(tail, text->data + end, rest);
    }
    text->size = begin;
    dx_buf_append(text, inserted.data, inserted.size);
    dx_buf_append(text, tail, rest);
    self->changes++;
    self->gone += count;
    self->come += characters_of(inserted);
    return DX_OK;
}

static void run(replay *self, const dx_alloc *alloc, const char *from, const char *to) {
    *self = (replay){.changes = 0};
    dx_buf_init(&self->text, alloc, 1 << 16);
    dx_buf_append(&self->text, from, strlen(from));
    assert_int_equal(dx_text_difference(alloc, dx_bytes_text(from), dx_bytes_text(to), take, self), DX_OK);
    assert_true(dx_bytes_equal(dx_buf_view(&self->text), dx_bytes_text(to)));
    dx_buf_deinit(&self->text);
}

static void test_few_changes(void **state) {
    static const struct {
        const char *from, *to;
        size_t changes, gone, come;
    } rows[] = {
        {"", "", 0, 0, 0},
        {"same", "same", 0, 0, 0},
        {"", "all of it", 1, 0, 9},
        {"all of it", "", 1, 9, 0},
        {"tea and milk", "tea and oat milk", 1, 0, 4},
        {"one\ntwo\nthree\n", "one\nthree\n", 1, 4, 0},
        {"one\ntwo\nthree\n", "zero\none\ntwo, too\nthree\n", 2, 0, 10},
        {"caf\xc3\xa9", "caf\xc3\xa8", 1, 1, 1},             /* they share a byte */
        {"\xf0\x9f\x98\x80x", "\xf0\x9f\x98\x81x", 1, 1, 1}, /* and these three */
        {"\xc3\xa9", "\xe2\x82\xa9", 1, 1, 1},               /* a last byte in common */
        {"aXbYc", "abc", 2, 2, 0},
    };
    test_alloc alloc;
    (void)state;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        replay self;
        run(&self, &alloc.port, rows[i].from, rows[i].to);
        assert_int_equal(self.changes, rows[i].changes);
        assert_int_equal(self.gone, rows[i].gone);
        assert_int_equal(self.come, rows[i].come);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static uint32_t next(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

static void make_text(uint32_t *seed, char *out, size_t pieces_max) {
    static const char *const pieces[] = {"a", "b", "\n", "\xc3\xa9", "\xc3\xa8", "\xf0\x9f\x98\x80", "ab\n"};
    size_t count = next(seed) % (pieces_max + 1), at = 0;
    for (size_t i = 0; i < count; i++) {
        const char *piece = pieces[next(seed) % 7];
        memcpy(out + at, piece, strlen(piece));
        at += strlen(piece);
    }
    out[at] = 0;
}

static void test_any_two_texts(void **state) {
    test_alloc alloc;
    uint32_t seed = 7;
    (void)state;
    test_alloc_init(&alloc);
    for (size_t round = 0; round < 20000; round++) {
        char from[512], to[512];
        replay self;
        make_text(&seed, from, 1 + round % 60);
        make_text(&seed, to, 1 + round % 60);
        run(&self, &alloc.port, from, to);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

/* So much differs that nobody looks for what stays. */
static void test_beyond_the_bound(void **state) {
    static char from[4096], to[4096];
    test_alloc alloc;
    replay self;
    (void)state;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < 3000; i++) {
        from[i] = (char)('a' + i % 7);
        to[i] = (char)('A' + i % 11);
    }
    run(&self, &alloc.port, from, to);
    assert_int_equal(self.changes, 1);
    assert_int_equal(self.gone, 3000);
}

static void test_memory_and_refusal(void **state) {
    test_alloc alloc;
    (void)state;
    test_alloc_init(&alloc);
    replay self = {.fails_with = DX_E_LIMIT};
    dx_buf_init(&self.text, &alloc.port, 64);
    dx_buf_append(&self.text, "ab", 2);
    assert_int_equal(dx_text_difference(&alloc.port, dx_bytes_text("ab"), dx_bytes_text("xb"), take, &self),
                     DX_E_LIMIT);
    dx_buf_deinit(&self.text);
    for (uint64_t fail_at = 1;; fail_at++) {
        test_alloc failing;
        test_alloc_init(&failing);
        failing.fail_at = fail_at;
        self = (replay){.changes = 0};
        dx_buf_init(&self.text, &alloc.port, 64);
        dx_buf_append(&self.text, "a\nb\n", 4);
        int error =
            dx_text_difference(&failing.port, dx_bytes_text("a\nb\n"), dx_bytes_text("x\ny\n"), take, &self);
        dx_buf_deinit(&self.text);
        assert_int_equal(failing.live_bytes, 0);
        if (error == DX_OK) {
            assert_true(fail_at > 3);
            break;
        }
        assert_int_equal(error, DX_E_NO_MEMORY);
    }
}

DX_TEST_MAIN(DX_TEST(test_few_changes), DX_TEST(test_any_two_texts), DX_TEST(test_beyond_the_bound),
             DX_TEST(test_memory_and_refusal))
