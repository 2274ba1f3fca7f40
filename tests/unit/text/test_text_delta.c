/* Deltas: text/delta_apply.c, text/delta_read.c. What Yjs 13.6.33 does with the same ones. */
#include "text_case.h"

static void test_apply(void **state) {
    (void)state;
    text_case self;
    text_case_init(&self, 1, DX_TEXT_UTF16);
    static const struct {
        const char *delta, *after;
    } rows[] = {
        {"[]", "[]"},
        {"[{\"insert\":\"one two\"}]", "[{\"insert\":\"one two\"}]"},
        {"[{\"retain\":3,\"attributes\":{\"bold\":true}},{\"insert\":\"!\"}]",
         "[{\"insert\":\"one\",\"attributes\":{\"bold\":true}},{\"insert\":\"! two\"}]"},
        {"[{\"delete\":1},{\"retain\":1},{\"insert\":{\"image\":1},\"attributes\":{\"w\":2}}]",
         "[{\"insert\":\"n\",\"attributes\":{\"bold\":true}},{\"insert\":{\"image\":1},\"attributes\":{\"w\":"
         "2}},{\"insert\":\"e\",\"attributes\":{\"bold\":true}},"
         "{\"insert\":\"! two\"}]"},
        {"[{\"retain\":1},{\"delete\":100}]", "[{\"insert\":\"n\",\"attributes\":{\"bold\":true}}]"},
        {"[{\"retain\":3,\"attributes\":{\"h\":1}},{\"insert\":\"\"}]",
         "[{\"insert\":\"n\",\"attributes\":{\"h\":1,\"bold\":true}},{\"insert\":\"\\n\\n\",\"attributes\":{"
         "\"h\":1}}]"},
        {"[{\"insert\":\"a\\ud83d\\ude00\\u00e9\\\"\"},{\"retain\":3,\"attributes\":null}]",
         "[{\"insert\":\"a\xf0\x9f\x98\x80\xc3\xa9\\\"\"},{\"insert\":\"n\",\"attributes\":{\"h\":1,"
         "\"bold\":true}},{\"insert\":\"\\n\\n\",\"attributes\":{\"h\":1}}]"},
        /* Within a pair of surrogates: to its end. */
        {"[{\"retain\":2},{\"insert\":\"-\"},{\"retain\":0},{\"delete\":0}]",
         "[{\"insert\":\"a\xf0\x9f\x98\x80-\xc3\xa9\\\"\"},{\"insert\":\"n\",\"attributes\":{\"h\":1,"
         "\"bold\":true}},{\"insert\":\"\\n\\n\",\"attributes\":{\"h\":1}}]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(dx_text_apply_delta(self.doc, self.text, rows[i].delta), DX_OK);
        expect_delta(&self, rows[i].after);
    }
    text_case_deinit(&self);
}

/* Of what is not well formed nothing happens, not even what stands before. */
static void test_refused(void **state) {
    (void)state;
    text_case self;
    text_case_init(&self, 1, DX_TEXT_UTF16);
    assert_int_equal(dx_text_insert(self.doc, self.text, 0, dx_bytes_text("kept"), NULL), DX_OK);
    static const struct {
        const char *delta;
        int error;
    } rows[] = {
        {"", DX_E_INVALID},
        {"{}", DX_E_INVALID},
        {"[{\"insert\":\"a\"},1]", DX_E_INVALID},
        {"[{\"insert\":\"a\"},{}]", DX_E_INVALID},
        {"[{\"insert\":\"a\"},{\"insert\":null}]", DX_E_INVALID},
        {"[{\"insert\":\"a\"},{\"retain\":-1}]", DX_E_INVALID},
        {"[{\"insert\":\"a\"},{\"retain\":\"1\"}]", DX_E_INVALID},
        {"[{\"insert\":\"a\"},{\"delete\":1.5}]", DX_E_LIMIT},
        {"[{\"insert\":\"a\"},{\"retain\":1e300}]", DX_E_LIMIT},
        {"[{\"insert\":\"a\"},{\"retain\":1,\"attributes\":[]}]", DX_E_INVALID},
        {"[{\"insert\":\"a\"},{\"retain\":2000}]", DX_E_LIMIT},
        {"[{\"insert\":\"a\"}", DX_E_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(dx_text_apply_delta(self.doc, self.text, rows[i].delta), rows[i].error);
        expect_delta(&self, "[{\"insert\":\"kept\"}]");
    }
    assert_int_equal(dx_text_apply_delta(self.doc, self.text, NULL), DX_E_INVALID);
    text_case_deinit(&self);
}

/* What one delta did is one transaction, and its bytes those of Yjs. */
static void test_bytes(void **state) {
    (void)state;
    text_case self;
    text_case_init(&self, 1, DX_TEXT_UTF16);
    expect_update(&self,
                  dx_text_apply_delta(
                      self.doc, self.text,
                      "[{\"insert\":\"hello \"},{\"insert\":\"world\",\"attributes\":{\"bold\":true}}]"),
                  "01040100040101740668656c6c6f2086010504626f6c64047472756584010605776f726c6486010b04626f6c64"
                  "046e756c6c00");
    expect_update(
        &self,
        dx_text_apply_delta(
            self.doc, self.text,
            "[{\"retain\":2,\"attributes\":{\"link\":{\"to\":\"x\"}}},{\"delete\":6},{\"insert\":\"W\"}]"),
        "0105010d460100046c696e6b0a7b22746f223a2278227dc601010102046c696e6b046e756c6cc60108010904626f6c64046e"
        "756c6cc4010f01090157c60110010904626f6c64047472756501010202040702");
    text_case_deinit(&self);
}

/* One item deleted by two ops, and markers that one op puts and the next deletes: each is a deletion of its own. */
static void test_ops_upon_ops(void **state) {
    (void)state;
    text_case self;
    text_case_init(&self, 1, DX_TEXT_UTF16);
    char delta[4000];
    size_t at = (size_t)snprintf(delta, sizeof delta, "[{\"retain\":1,\"attributes\":{\"b\":1}}");
    for (int i = 0; i < 40; i++) {
        at += (size_t)snprintf(delta + at, sizeof delta - at,
                               ",{\"insert\":\"%d\",\"attributes\":{\"h\":%d}},{\"delete\":2},{\"retain\":1}",
                               i % 10, i);
    }
    (void)snprintf(delta + at, sizeof delta - at, "]");
    char text[200];
    memset(text, 'x', sizeof text);
    assert_int_equal(dx_text_insert(self.doc, self.text, 0, dx_bytes_of(text, sizeof text), NULL), DX_OK);
    assert_int_equal(dx_text_apply_delta(self.doc, self.text, delta), DX_OK);
    assert_int_equal(dx_text_length(self.doc, self.text), 200 - 80 + 40);
    text_case_deinit(&self);
}

static void test_units(void **state) {
    (void)state;
    static const struct {
        dx_text_unit unit;
        const char *delta, *after;
    } rows[] = {
        {DX_TEXT_UTF8, "[{\"retain\":5},{\"delete\":2}]", "[{\"insert\":\"\xf0\x9f\x98\x80z\"}]"},
        {DX_TEXT_UTF16, "[{\"retain\":3},{\"delete\":1}]", "[{\"insert\":\"\xf0\x9f\x98\x80z\xc3\xa9\"}]"},
        {DX_TEXT_CODE_POINTS, "[{\"retain\":1},{\"delete\":2}]",
         "[{\"insert\":\"\xf0\x9f\x98\x80\xc3\xa9\"}]"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        text_case self;
        text_case_init(&self, 1, rows[i].unit);
        assert_int_equal(
            dx_text_insert(self.doc, self.text, 0, dx_bytes_text("\xf0\x9f\x98\x80zz\xc3\xa9"), NULL), DX_OK);
        assert_int_equal(dx_text_apply_delta(self.doc, self.text, rows[i].delta), DX_OK);
        expect_delta(&self, rows[i].after);
        text_case_deinit(&self);
    }
}

static void test_read(void **state) {
    (void)state;
    text_case self;
    text_case_init(&self, 1, DX_TEXT_UTF16);
    dx_buf out;
    dx_buf_init(&out, &self.alloc.port, 1000);
    assert_int_equal(
        dx_text_apply_delta(
            self.doc, self.text,
            "[{\"insert\":\"a\\ud83d\"},{\"insert\":{\"e\":1}},{\"insert\":\"b\",\"attributes\":{\"k\":1}}]"),
        DX_OK);
    dx_buf_append(&out, "> ", 2);
    assert_int_equal(dx_text_read(self.doc, self.text, &out), DX_OK);
    expect_text(&out, "> a\xef\xbf\xbd"
                      "b"); /* half of a pair is no character */
    expect_delta(&self, "[{\"insert\":\"a\xef\xbf\xbd\"},{\"insert\":{\"e\":1}},{\"insert\":\"b\","
                        "\"attributes\":{\"k\":1}}]");
    dx_buf_deinit(&out);
    dx_buf_init(&out, &self.alloc.port, 10);
    dx_buf_append(&out, "kept", 4);
    assert_int_equal(dx_text_delta(self.doc, self.text, &out), DX_E_LIMIT);
    expect_text(&out, "kept");
    dx_buf_deinit(&out);
    dx_text_type map;
    assert_int_equal(dx_text_root(self.doc, "m", DX_TEXT_KIND_MAP, &map), DX_OK);
    dx_buf_init(&out, &self.alloc.port, 1000);
    assert_int_equal(dx_text_read(self.doc, map, &out), DX_E_INVALID);
    assert_int_equal(dx_text_delta(self.doc, map, &out), DX_E_INVALID);
    assert_int_equal(dx_text_attributes_at(self.doc, self.text, 5, &out), DX_E_INVALID);
    dx_buf_deinit(&out);
    text_case_deinit(&self);
}

DX_TEST_MAIN(DX_TEST(test_apply), DX_TEST(test_refused), DX_TEST(test_bytes), DX_TEST(test_ops_upon_ops),
             DX_TEST(test_units), DX_TEST(test_read))
