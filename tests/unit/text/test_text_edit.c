/* Editing of texts: text/pen.c, text/attributes.c, text/text_insert.c, text/text_format.c, text/text_delete.c. The updates expected here are
 * those that Yjs 13.6.33 writes for the same calls; formatting is held against a list of characters that each have their attributes. */
#include "text_case.h"

#include "text/attributes.h"
#include "text/lib0.h"
#include "text/types.h"

static void test_plain(void **state) {
    (void)state;
    text_case self;
    text_case_init(&self, 1, DX_TEXT_UTF16);
    expect_update(&self, dx_text_insert(self.doc, self.text, 0, dx_bytes_text("hello"), NULL),
                  "01010100040101740568656c6c6f00");
    expect_update(&self, dx_text_insert(self.doc, self.text, 5, dx_bytes_text("!"), NULL),
                  "01010105840104012100");
    expect_update(&self, dx_text_insert(self.doc, self.text, 2, dx_bytes_text("-"), NULL),
                  "01010106c401010102012d00");
    expect_update(&self, dx_text_delete(self.doc, self.text, 1, 3), "0001010201020601");
    expect_delta(&self, "[{\"insert\":\"hlo!\"}]");
    expect_update(&self, dx_text_insert(self.doc, self.text, 4, dx_bytes_text(""), NULL), "");
    assert_int_equal(dx_text_insert(self.doc, self.text, 5, dx_bytes_text("x"), NULL), DX_E_INVALID);
    assert_int_equal(dx_text_delete(self.doc, self.text, 3, 2), DX_E_INVALID);
    assert_int_equal(dx_text_delete(self.doc, self.text, 1, UINT64_MAX), DX_E_INVALID);
    assert_int_equal(dx_text_insert(self.doc, self.text, 0, dx_bytes_text("\xff"), NULL), DX_E_INVALID);
    assert_int_equal(dx_text_insert(self.doc, 0, 0, dx_bytes_text("x"), NULL), DX_E_INVALID);
    assert_int_equal(dx_text_insert(self.doc, 77, 0, dx_bytes_text("x"), NULL), DX_E_INVALID);
    text_case_deinit(&self);
}

static void test_formatting(void **state) {
    (void)state;
    text_case self;
    text_case_init(&self, 1, DX_TEXT_UTF16);
    assert_int_equal(dx_text_insert(self.doc, self.text, 0, dx_bytes_text("one two"), NULL), DX_OK);
    assert_int_equal(dx_text_format(self.doc, self.text, 0, 3, "{\"bold\":true}"), DX_OK);
    expect_delta(&self, "[{\"insert\":\"one\",\"attributes\":{\"bold\":true}},{\"insert\":\" two\"}]");
    assert_int_equal(dx_text_insert(self.doc, self.text, 3, dx_bytes_text("s"), NULL), DX_OK);
    expect_delta(&self, "[{\"insert\":\"ones\",\"attributes\":{\"bold\":true}},{\"insert\":\" two\"}]");
    assert_int_equal(dx_text_insert(self.doc, self.text, 0, dx_bytes_text("x"), NULL), DX_OK);
    expect_delta(
        &self,
        "[{\"insert\":\"x\"},{\"insert\":\"ones\",\"attributes\":{\"bold\":true}},{\"insert\":\" two\"}]");
    assert_int_equal(dx_text_insert(self.doc, self.text, 3, dx_bytes_text("y"), "{\"link\":{\"to\":\"z\"}}"),
                     DX_OK);
    expect_delta(&self, "[{\"insert\":\"x\"},{\"insert\":\"on\",\"attributes\":{\"bold\":true}},{\"insert\":"
                        "\"y\",\"attributes\":{\"link\":{\"to\":\"z\"}}},"
                        "{\"insert\":\"es\",\"attributes\":{\"bold\":true}},{\"insert\":\" two\"}]");
    assert_int_equal(dx_text_format(self.doc, self.text, 1, 5, "{\"bold\":null,\"link\":null}"), DX_OK);
    expect_delta(&self, "[{\"insert\":\"xonyes two\"}]");
    assert_int_equal(dx_text_format(self.doc, self.text, 8, 4, "{\"h\":1}"), DX_OK);
    expect_delta(&self, "[{\"insert\":\"xonyes t\"},{\"insert\":\"wo\\n\\n\",\"attributes\":{\"h\":1}}]");
    dx_buf json;
    dx_buf_init(&json, &self.alloc.port, 1000);
    assert_int_equal(dx_text_attributes_at(self.doc, self.text, 9, &json), DX_OK);
    assert_int_equal(dx_text_attributes_at(self.doc, self.text, 8, &json), DX_OK);
    assert_true(dx_bytes_equal(dx_buf_view(&json), dx_bytes_text("{\"h\":1}{}")));
    dx_buf_deinit(&json);
    assert_int_equal(dx_text_format(self.doc, self.text, 0, 100000, "{\"h\":1}"), DX_E_LIMIT);
    assert_int_equal(dx_text_format(self.doc, self.text, 0, 1, "[]"), DX_E_INVALID);
    assert_int_equal(dx_text_format(self.doc, self.text, 0, 1, "{"), DX_E_INVALID);
    assert_int_equal(dx_text_format(self.doc, self.text, 0, 1, NULL), DX_E_INVALID);
    assert_int_equal(dx_text_format(self.doc, self.text, 13, 1, "{}"), DX_E_INVALID);
    text_case_deinit(&self);
}

/* A position within a character goes to its beginning, the end of a range to its end; in each unit. */
static void test_rounding(void **state) {
    (void)state;
    static const struct {
        dx_text_unit unit;
        uint64_t inside, before, length;
    } rows[] = {{DX_TEXT_UTF16, 2, 1, 4},
                {DX_TEXT_UTF8, 3, 1, 6},
                {DX_TEXT_UTF8, 4, 1, 6},
                {DX_TEXT_CODE_POINTS, 1, 1, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        text_case self;
        text_case_init(&self, 1, rows[i].unit);
        assert_int_equal(dx_text_insert(self.doc, self.text, 0, dx_bytes_text("a\xf0\x9f\x98\x80z"), NULL),
                         DX_OK);
        assert_int_equal(dx_text_length(self.doc, self.text), rows[i].length);
        assert_int_equal(dx_text_insert(self.doc, self.text, rows[i].inside, dx_bytes_text("-"), NULL),
                         DX_OK);
        expect_delta(&self, "[{\"insert\":\"a-\xf0\x9f\x98\x80z\"}]");
        assert_int_equal(dx_text_format(self.doc, self.text, rows[i].inside + 1, 1, "{\"b\":1}"), DX_OK);
        expect_delta(&self, "[{\"insert\":\"a-\"},{\"insert\":\"\xf0\x9f\x98\x80\",\"attributes\":{\"b\":1}},"
                            "{\"insert\":\"z\"}]");
        assert_int_equal(dx_text_delete(self.doc, self.text, rows[i].before, 2), DX_OK);
        expect_delta(&self, "[{\"insert\":\"az\"}]");
        text_case_deinit(&self);
    }
}

static void test_embeds(void **state) {
    (void)state;
    text_case self;
    dx_text_type child, map;
    text_case_init(&self, 1, DX_TEXT_UTF16);
    assert_int_equal(dx_text_insert(self.doc, self.text, 0, dx_bytes_text("ab"), "{\"bold\":true}"), DX_OK);
    expect_update(&self, dx_text_insert_embed(self.doc, self.text, 1, "{\"image\":\"x.png\"}", NULL),
                  "01030104c60101010204626f6c64046e756c6cc501040102117b22696d616765223a22782e706e67227dc60105"
                  "010204626f6c64047472756500");
    expect_delta(&self,
                 "[{\"insert\":\"a\",\"attributes\":{\"bold\":true}},{\"insert\":{\"image\":\"x.png\"}},"
                 "{\"insert\":\"b\",\"attributes\":{\"bold\":true}}]");
    assert_int_equal(
        dx_text_insert_type(self.doc, self.text, 3, DX_TEXT_KIND_TEXT, NULL, "{\"i\":1}", &child), DX_OK);
    assert_int_equal(dx_text_insert(self.doc, child, 0, dx_bytes_text("in"), NULL), DX_OK);
    assert_int_equal(dx_text_array_type(self.doc, self.text, 3), child);
    assert_int_equal(dx_text_array_type(self.doc, self.text, 2), 0);
    assert_int_equal(dx_text_insert_embed(self.doc, self.text, 0, "null", NULL), DX_E_INVALID);
    assert_int_equal(dx_text_insert_embed(self.doc, self.text, 0, NULL, NULL), DX_E_INVALID);
    assert_int_equal(dx_text_insert_type(self.doc, self.text, 0, DX_TEXT_KIND_UNKNOWN, NULL, NULL, &map),
                     DX_E_INVALID);
    assert_int_equal(dx_text_insert_type(self.doc, self.text, 0, DX_TEXT_KIND_XML_ELEMENT, NULL, NULL, &map),
                     DX_E_INVALID);
    assert_int_equal(dx_text_insert_type(self.doc, self.text, 0, DX_TEXT_KIND_MAP, "p", NULL, &map),
                     DX_E_INVALID);
    assert_int_equal(dx_text_delete(self.doc, self.text, 2, 2), DX_OK);
    assert_int_equal(dx_text_insert(self.doc, child, 0, dx_bytes_text("late"), NULL), DX_E_NOT_FOUND);
    expect_delta(&self,
                 "[{\"insert\":\"a\",\"attributes\":{\"bold\":true}},{\"insert\":{\"image\":\"x.png\"}}]");
    text_case_deinit(&self);
}

/* --- Against characters that each have their attributes ------------------------------------------------------------ */

enum { MODEL_KEYS = 3, MODEL_MAX = 400 };
static const char *const model_keys[MODEL_KEYS] = {"bold", "color", "7"};

/* Values: 0 none, 1 and 2 two of them. */
typedef struct unit {
    char letter;
    uint8_t values[MODEL_KEYS];
} unit;

typedef struct model {
    unit units[MODEL_MAX];
    size_t count;
} model;

/* The values as an object: those that are there, or (named) those of named keys, null for none. */
static void print_values(const uint8_t *values, const uint8_t *named, char *out, size_t size) {
    size_t at = (size_t)snprintf(out, size, "{");
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        if (named != NULL ? named[i] != 0 : values[i] != 0) {
            at += (size_t)snprintf(out + at, size - at, values[i] != 0 ? "%s\"%s\":%u" : "%s\"%s\":null",
                                   at > 1 ? "," : "", model_keys[i], (unsigned)values[i]);
        }
    }
    (void)snprintf(out + at, size - at, "}");
}

/* Past a text that must stand there. */
static const char *past(const char *at, const char *text) {
    assert_memory_equal(at, text, strlen(text));
    return at + strlen(text);
}

/* What a delta says, character for character. */
static void read_delta(const char *at, model *out) {
    out->count = 0;
    at = past(at, "[");
    while (*at != ']') {
        unit one = {0, {0, 0, 0}};
        size_t begin = out->count;
        at = past(at, *at == ',' ? ",{\"insert\":\"" : "{\"insert\":\"");
        while (*at != '"') {
            out->units[out->count++].letter = *at++;
        }
        at = past(at, "\"");
        if (*at == ',') {
            at = past(at, ",\"attributes\":{");
            while (*at != '}') {
                size_t key = 0;
                at = past(at, *at == ',' ? ",\"" : "\"");
                while (key < MODEL_KEYS && strncmp(at, model_keys[key], strlen(model_keys[key])) != 0) {
                    key++;
                }
                assert_true(key < MODEL_KEYS);
                at = past(past(at, model_keys[key]), "\":");
                one.values[key] = (uint8_t)(*at++ - '0');
            }
            at = past(at, "}");
        }
        at = past(at, "}");
        for (size_t i = begin; i < out->count; i++) {
            memcpy(out->units[i].values, one.values, MODEL_KEYS);
        }
    }
}

static void expect_model(text_case *self, const model *wanted, uint64_t seed, int step) {
    static model is;
    dx_buf json;
    dx_buf_init(&json, &self->alloc.port, 1 << 20);
    assert_int_equal(dx_text_delta(self->doc, self->text, &json), DX_OK);
    dx_buf_append_byte(&json, 0);
    read_delta((const char *)json.data, &is);
    bool same = is.count == wanted->count;
    for (size_t i = 0; same && i < is.count; i++) {
        same = is.units[i].letter == wanted->units[i].letter &&
               memcmp(is.units[i].values, wanted->units[i].values, MODEL_KEYS) == 0;
    }
    if (!same) {
        fail_msg("seed %llu step %d: %s", (unsigned long long)seed, step, (const char *)json.data);
    }
    dx_buf_deinit(&json);
}

static void model_step(text_case *self, model *known, test_random *random) {
    uint64_t kind = test_random_next(random) % 10;
    size_t at = (size_t)(test_random_next(random) % (known->count + 1)),
           length = (size_t)(test_random_next(random) % 8 + 1);
    uint8_t values[MODEL_KEYS], named[MODEL_KEYS];
    char json[200];
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        values[i] = (uint8_t)(test_random_next(random) % 3);
        named[i] = test_random_next(random) % 2 == 0;
    }
    if (kind < 5 && known->count + length < MODEL_MAX) {
        char letters[8];
        for (size_t i = 0; i < length; i++) {
            letters[i] = (char)('a' + test_random_next(random) % 26);
        }
        bool given = kind < 2;
        if (!given) {
            memset(values, 0, sizeof values);
            if (at > 0) {
                memcpy(values, known->units[at - 1].values, sizeof values);
            }
        }
        print_values(values, NULL, json, sizeof json);
        assert_int_equal(
            dx_text_insert(self->doc, self->text, at, dx_bytes_of(letters, length), given ? json : NULL),
            DX_OK);
        memmove(known->units + at + length, known->units + at, (known->count - at) * sizeof(unit));
        for (size_t i = 0; i < length; i++) {
            known->units[at + i].letter = letters[i];
            memcpy(known->units[at + i].values, values, sizeof values);
        }
        known->count += length;
        return;
    }
    length = length < known->count - at ? length : known->count - at;
    if (length == 0) {
        return;
    }
    if (kind < 8) {
        print_values(values, named, json, sizeof json);
        assert_int_equal(dx_text_format(self->doc, self->text, at, length, json), DX_OK);
        for (size_t i = at; i < at + length; i++) {
            for (size_t k = 0; k < MODEL_KEYS; k++) {
                known->units[i].values[k] = named[k] ? values[k] : known->units[i].values[k];
            }
        }
    } else {
        assert_int_equal(dx_text_delete(self->doc, self->text, at, length), DX_OK);
        memmove(known->units + at, known->units + at + length, (known->count - at - length) * sizeof(unit));
        known->count -= length;
    }
}

static void test_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        text_case self;
        test_random random;
        static model known;
        known.count = 0;
        test_random_init(&random, seed);
        text_case_init(&self, seed, DX_TEXT_UTF16);
        for (int step = 0; step < 120; step++) {
            model_step(&self, &known, &random);
            expect_model(&self, &known, seed, step);
        }
        text_case_deinit(&self);
    }
}

/* --- Memory ----------------------------------------------------------------------------------------------------------- */

static int prepare_formatted(text_case *self) {
    return dx_text_apply_delta(
        self->doc, self->text,
        "[{\"insert\":\"abcdef\",\"attributes\":{\"bold\":true}},{\"insert\":\"ghijkl\"}]");
}
static int prepare_plain(text_case *self) {
    return dx_text_insert(self->doc, self->text, 0, dx_bytes_text("a plain text"), NULL);
}
static int edit_insert(text_case *self) {
    return dx_text_insert(self->doc, self->text, 3, dx_bytes_text("new words that need room of their own"),
                          "{\"x\":[1,{\"y\":2}],\"z\":\"w\"}");
}
static int edit_append(text_case *self) {
    return dx_text_insert(self->doc, self->text, 2, dx_bytes_text("plain"), NULL);
}
static int edit_embed(text_case *self) {
    return dx_text_insert_embed(self->doc, self->text, 4, "{\"image\":\"one of many\"}", "{\"new\":true}");
}
static int edit_type(text_case *self) {
    dx_text_type child;
    return dx_text_insert_type(self->doc, self->text, 1, DX_TEXT_KIND_XML_ELEMENT, "p", NULL, &child);
}
static int edit_format(text_case *self) {
    return dx_text_format(self->doc, self->text, 1, 9, "{\"bold\":null,\"u\":{\"v\":1}}");
}
static int edit_delete(text_case *self) {
    return dx_text_delete(self->doc, self->text, 1, 7);
}
static int edit_delta(text_case *self) {
    return dx_text_apply_delta(self->doc, self->text,
                               "[{\"retain\":2,\"attributes\":{\"q\":1}},{\"insert\":\"two\",\"attributes\":{"
                               "\"bold\":2}},{\"delete\":3},{\"insert\":{\"e\":1}},{\"retain\":9}]");
}

static void test_memory(void **state) {
    (void)state;
    static const text_edit edits[] = {edit_insert, edit_append, edit_embed, edit_type,
                                      edit_format, edit_delete, edit_delta};
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        expect_all_or_nothing(prepare_formatted, edits[i]);
    }
    expect_all_or_nothing(prepare_plain, edit_append);
    expect_all_or_nothing(prepare_plain, edit_delete);
}

/* --- Attributes ------------------------------------------------------------------------------------------------------- */

static dx_text_attribute row_of(dx_text_names *names, const char *key, const char *json) {
    dx_text_attribute row = {.source = 0};
    dx_buf any;
    dx_buf_init(&any, names->alloc, 1000);
    assert_int_equal(dx_any_from_json(dx_bytes_text(json), &any), DX_OK);
    assert_int_equal(dx_text_names_add(names, DX_TEXT_SCOPE_KEY, dx_bytes_text(key), &row.key), DX_OK);
    assert_int_equal(dx_text_names_add(names, DX_TEXT_SCOPE_VALUE, dx_buf_view(&any), &row.value), DX_OK);
    dx_buf_deinit(&any);
    return row;
}

static void test_attributes(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal, same;
    } rows[] = {
        {"1", "1", true, true},
        {"1", "2", false, false},
        {"\"a\"", "\"a\"", true, true},
        {"0", "-0", true, true},
        {"null", "null", true, true},
        {"null", "false", false, false},
        {"{}", "{}", true, false},
        {"{}", "null", false, false},
        {"{}", "[]", false, false},
        {"[1,2]", "[1,2]", true, false},
        {"[1,2]", "[2,1]", false, false},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true, false},
        {"{\"a\":1}", "{\"b\":1}", false, false},
        {"{\"a\":[]}", "{\"a\":[]}", false, false},
        {"{\"a\":1}", "{\"a\":1,\"b\":1}", false, false},
    };
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_names names;
    dx_text_names_init(&names, &alloc.port);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_text_attribute a = row_of(&names, "k", rows[i].a), b = row_of(&names, "k", rows[i].b);
        assert_int_equal(dx_text_value_equal(&names, a, b), rows[i].equal);
        assert_int_equal(dx_text_value_same(&names, a, b), rows[i].same);
        a.source = b.source = 5;
        assert_true(dx_text_value_same(&names, a, b));
    }
    dx_text_attributes list, copy;
    dx_text_attributes_init(&list, &alloc.port);
    dx_text_attributes_init(&copy, &alloc.port);
    assert_int_equal(dx_text_attributes_reserve(&list, 8), DX_OK);
    static const char *const keys[] = {"b", "10", "a", "2", "01", "b"}, *const order[] = {"2", "10", "b", "a",
                                                                                          "01"};
    for (size_t i = 0; i < 6; i++) {
        dx_text_attributes_set_object(&list, &names, row_of(&names, keys[i], "1"));
    }
    assert_int_equal(dx_text_attributes_copy(&copy, &list), DX_OK);
    assert_int_equal(copy.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(dx_bytes_equal(dx_text_names_at(&names, copy.rows[i].key), dx_bytes_text(order[i])));
    }
    dx_text_attributes_remove(&list, copy.rows[0].key);
    assert_null(dx_text_attributes_find(&list, copy.rows[0].key));
    assert_int_equal(list.count, 4);
    dx_text_attributes_deinit(&copy);
    dx_text_attributes_deinit(&list);
    dx_text_names_deinit(&names);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_plain), DX_TEST(test_formatting), DX_TEST(test_rounding), DX_TEST(test_embeds),
             DX_TEST(test_model), DX_TEST(test_memory), DX_TEST(test_attributes))
