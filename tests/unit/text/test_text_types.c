/* Arrays, maps, XML, and what they print: text/array.c, text/map.c, text/type_json.c, text/xml_markup.c. The bytes and prints are those of Yjs
 * 13.6.33. */
#include "text_case.h"

static void test_array(void **state) {
    (void)state;
    text_case self;
    dx_text_type array, child;
    text_case_init(&self, 1, DX_TEXT_UTF8);
    assert_int_equal(dx_text_root(self.doc, "a", DX_TEXT_KIND_ARRAY, &array), DX_OK);
    expect_update(&self,
                  dx_text_array_insert(self.doc, array, 0, "[1,\"two\",null,{\"b\":[true],\"a\":0.5}]"),
                  "0101010008010161047d01770374776f7e7602016275017801617c3f00000000");
    expect_update(&self, dx_text_array_insert_bytes(self.doc, array, 2, dx_bytes_of("\0\xff", 2)),
                  "01010104c3010101020200ff00");
    expect_update(&self, dx_text_array_insert_type(self.doc, array, 0, DX_TEXT_KIND_XML_ELEMENT, "P", &child),
                  "0101010547010003015000");
    assert_int_equal(dx_text_length(self.doc, array), 6);
    assert_int_equal(dx_text_array_type(self.doc, array, 0), child);
    assert_int_equal(dx_text_array_type(self.doc, array, 1), 0);
    assert_int_equal(dx_text_array_type(self.doc, array, 6), 0);
    assert_int_equal(dx_text_kind_of(self.doc, child), DX_TEXT_KIND_XML_ELEMENT);
    expect_json(&self, array, "[\"<p></p>\",1,\"two\",{\"@bytes\":\"AP8\"},null,{\"b\":[true],\"a\":0.5}]");
    expect_update(&self, dx_text_array_delete(self.doc, array, 2, 3), "0001010201020401");
    expect_json(&self, array, "[\"<p></p>\",1,{\"b\":[true],\"a\":0.5}]");
    expect_update(&self, dx_text_array_insert(self.doc, array, 3, "[]"), "");
    assert_int_equal(dx_text_array_insert(self.doc, array, 4, "[]"), DX_E_INVALID);
    assert_int_equal(dx_text_array_insert(self.doc, array, 4, "[1]"), DX_E_INVALID);
    assert_int_equal(dx_text_array_insert(self.doc, array, 0, "1"), DX_E_INVALID);
    assert_int_equal(dx_text_array_insert(self.doc, array, 0, NULL), DX_E_INVALID);
    assert_int_equal(dx_text_array_delete(self.doc, array, 1, 3), DX_E_INVALID);
    assert_int_equal(dx_text_array_delete(self.doc, array, 4, 0), DX_E_INVALID);
    assert_int_equal(dx_text_array_insert(self.doc, self.text, 0, "[1]"), DX_E_INVALID);
    assert_int_equal(dx_text_array_delete(self.doc, array, 0, 1), DX_OK);
    assert_int_equal(dx_text_array_insert(self.doc, child, 0, "[1]"), DX_E_NOT_FOUND);
    text_case_deinit(&self);
}

static void test_map(void **state) {
    (void)state;
    text_case self;
    dx_text_type map, child, inner;
    text_case_init(&self, 1, DX_TEXT_UTF16);
    assert_int_equal(dx_text_root(self.doc, "m", DX_TEXT_KIND_MAP, &map), DX_OK);
    expect_update(&self, dx_text_map_set(self.doc, map, "k", "\"v\""), "010101002801016d016b0177017600");
    expect_update(&self, dx_text_map_set(self.doc, map, "k", "{\"n\":1}"),
                  "01010101a80100017601016e7d010101010001");
    expect_update(&self, dx_text_map_set_type(self.doc, map, "t", DX_TEXT_KIND_TEXT, NULL, &child),
                  "010101022701016d01740200");
    expect_update(&self, dx_text_insert(self.doc, child, 0, dx_bytes_text("deep"), NULL),
                  "0101010304000102046465657000");
    assert_int_equal(dx_text_map_type(self.doc, map, "t"), child);
    assert_int_equal(dx_text_map_type(self.doc, map, "k"), 0);
    assert_int_equal(dx_text_map_type(self.doc, map, "nothing"), 0);
    assert_int_equal(dx_text_length(self.doc, map), 2);
    expect_json(&self, map, "{\"k\":{\"n\":1},\"t\":\"deep\"}");
    expect_update(&self, dx_text_map_delete(self.doc, map, "k"), "000101010101");
    expect_update(&self, dx_text_map_delete(self.doc, map, "k"), "");
    expect_update(&self, dx_text_map_delete(self.doc, map, "never"), "");
    expect_update(&self, dx_text_map_set(self.doc, map, "t", "null"), "01010107a80102017e0101010205");
    expect_json(&self, map, "{\"t\":null}");
    assert_int_equal(dx_text_insert(self.doc, child, 0, dx_bytes_text("late"), NULL), DX_E_NOT_FOUND);
    assert_int_equal(dx_text_map_set(self.doc, map, "k", "nonsense"), DX_E_INVALID);
    assert_int_equal(dx_text_map_set(self.doc, map, "\xff", "1"), DX_E_INVALID);
    assert_int_equal(dx_text_map_set(self.doc, map, NULL, "1"), DX_E_INVALID);
    assert_int_equal(dx_text_map_set(self.doc, map, "k", NULL), DX_E_INVALID);
    dx_text_type array;
    assert_int_equal(dx_text_root(self.doc, "a", DX_TEXT_KIND_ARRAY, &array), DX_OK);
    assert_int_equal(dx_text_map_set(self.doc, array, "k", "1"), DX_E_INVALID);
    assert_int_equal(dx_text_map_set_type(self.doc, map, "k", DX_TEXT_KIND_ARRAY, NULL, &child), DX_OK);
    assert_int_equal(dx_text_array_insert_type(self.doc, child, 0, DX_TEXT_KIND_MAP, NULL, &inner), DX_OK);
    assert_int_equal(dx_text_map_set(self.doc, inner, "x", "[1]"), DX_OK);
    expect_json(&self, map, "{\"k\":[{\"x\":[1]}],\"t\":null}");
    text_case_deinit(&self);
}

/* Collected pieces below a type that another's entry deletes are joined with those behind them. */
static void test_collected(void **state) {
    (void)state;
    text_case self;
    dx_text_type map, outer, inner;
    dx_buf all;
    uint8_t other[64];
    static const char said[] = "010109002801016d0132017d0100";
    text_case_init(&self, 5, DX_TEXT_UTF16);
    assert_int_equal(dx_text_root(self.doc, "m", DX_TEXT_KIND_MAP, &map), DX_OK);
    assert_int_equal(dx_text_map_set_type(self.doc, map, "2", DX_TEXT_KIND_MAP, NULL, &outer), DX_OK);
    assert_int_equal(dx_text_map_set_type(self.doc, outer, "title", DX_TEXT_KIND_MAP, NULL, &inner), DX_OK);
    assert_int_equal(dx_text_map_set(self.doc, inner, "k", "1"), DX_OK);
    assert_int_equal(dx_text_map_delete(self.doc, outer, "title"), DX_OK);
    assert_int_equal(dx_hex_decode(said, sizeof said - 1, other, (sizeof said - 1) / 2), DX_OK);
    assert_int_equal(dx_text_apply(self.doc, DX_TEXT_V1, dx_bytes_of(other, (sizeof said - 1) / 2)), DX_OK);
    dx_buf_init(&all, &self.alloc.port, TEXT_CASE_SIZE_MAX);
    assert_int_equal(dx_text_encode(self.doc, DX_TEXT_V1, dx_bytes_of(NULL, 0), &all), DX_OK);
    expect_hex(&all, "020109002801016d0132017d010205002101016d01320100020105010003");
    dx_buf_deinit(&all);
    text_case_deinit(&self);
}

static void test_xml(void **state) {
    (void)state;
    text_case self;
    dx_text_type fragment, element, text, below, list;
    text_case_init(&self, 1, DX_TEXT_UTF16);
    assert_int_equal(dx_text_root(self.doc, "x", DX_TEXT_KIND_XML_FRAGMENT, &fragment), DX_OK);
    assert_int_equal(
        dx_text_array_insert_type(self.doc, fragment, 0, DX_TEXT_KIND_XML_ELEMENT, "Para", &element), DX_OK);
    assert_int_equal(dx_text_map_set(self.doc, element, "z", "[1,null,[2,\"x\"]]"), DX_OK);
    assert_int_equal(dx_text_map_set(self.doc, element, "a", "{\"o\":1}"), DX_OK);
    assert_int_equal(dx_text_map_set(self.doc, element, "gone", "1"), DX_OK);
    assert_int_equal(dx_text_map_delete(self.doc, element, "gone"), DX_OK);
    assert_int_equal(dx_text_array_insert_type(self.doc, element, 0, DX_TEXT_KIND_XML_TEXT, NULL, &text),
                     DX_OK);
    assert_int_equal(dx_text_insert(self.doc, text, 0, dx_bytes_text("plain"), NULL), DX_OK);
    assert_int_equal(
        dx_text_insert(self.doc, text, 5, dx_bytes_text("both"), "{\"i\":true,\"b\":{\"y\":2,\"x\":null}}"),
        DX_OK);
    assert_int_equal(dx_text_insert(self.doc, text, 9, dx_bytes_text("red"), "{\"color\":\"ab\"}"), DX_OK);
    assert_int_equal(dx_text_insert_embed(self.doc, text, 0, "7", NULL), DX_OK);
    assert_int_equal(dx_text_insert_type(self.doc, text, 0, DX_TEXT_KIND_TEXT, NULL, NULL, &below), DX_OK);
    assert_int_equal(dx_text_insert_type(self.doc, text, 0, DX_TEXT_KIND_ARRAY, NULL, NULL, &list), DX_OK);
    assert_int_equal(dx_text_insert(self.doc, below, 0, dx_bytes_text("in"), NULL), DX_OK);
    expect_json(&self, fragment,
                "\"<para a=\\\"[object Object]\\\" z=\\\"1,,2,x\\\">[object Object]in7plain<b x=\\\"null\\\" "
                "y=\\\"2\\\"><i>both</i></b>"
                "<color 0=\\\"a\\\" 1=\\\"b\\\">red</color></para>\"");
    assert_int_equal(dx_text_array_delete(self.doc, fragment, 0, 1), DX_OK);
    expect_json(&self, fragment, "\"\"");
    text_case_deinit(&self);
}

/* Nobody's bytes decide how deep a walk goes. */
static void test_depth(void **state) {
    (void)state;
    text_case self;
    dx_text_type root, at, child;
    dx_buf json;
    text_case_init(&self, 1, DX_TEXT_UTF16);
    assert_int_equal(dx_text_root(self.doc, "a", DX_TEXT_KIND_ARRAY, &root), DX_OK);
    at = root;
    for (int depth = 0; depth < 2000; depth++) {
        assert_int_equal(dx_text_array_insert_type(self.doc, at, 0, DX_TEXT_KIND_ARRAY, NULL, &child), DX_OK);
        at = child;
    }
    dx_buf_init(&json, &self.alloc.port, 10000);
    dx_buf_append(&json, "kept", 4);
    assert_int_equal(dx_text_json(self.doc, root, &json), DX_E_LIMIT);
    expect_text(&json, "kept");
    assert_int_equal(dx_text_json(self.doc, 0, &json), DX_E_INVALID);
    dx_buf_deinit(&json);
    assert_int_equal(dx_text_array_delete(self.doc, root, 0, 1), DX_OK);
    expect_json(&self, root, "[]");
    text_case_deinit(&self);
}

static int prepare(text_case *self) {
    dx_text_type array, map, child;
    int error = dx_text_root(self->doc, "a", DX_TEXT_KIND_ARRAY, &array);
    error = error != DX_OK ? error : dx_text_root(self->doc, "m", DX_TEXT_KIND_MAP, &map);
    error = error != DX_OK ? error : dx_text_array_insert(self->doc, array, 0, "[1,2,3]");
    return error != DX_OK ? error
                          : dx_text_map_set_type(self->doc, map, "key", DX_TEXT_KIND_ARRAY, NULL, &child);
}
static dx_text_type root(text_case *self, const char *name, dx_text_kind kind) {
    dx_text_type type = 0;
    assert_int_equal(dx_text_root(self->doc, name, kind, &type), DX_OK);
    return type;
}
static int edit_values(text_case *self) {
    return dx_text_array_insert(self->doc, root(self, "a", DX_TEXT_KIND_ARRAY), 1,
                                "[{\"some\":\"values\"},[1,2,3,4]]");
}
static int edit_child(text_case *self) {
    dx_text_type child;
    return dx_text_array_insert_type(self->doc, root(self, "a", DX_TEXT_KIND_ARRAY), 1,
                                     DX_TEXT_KIND_XML_ELEMENT, "name", &child);
}
static int edit_remove(text_case *self) {
    return dx_text_array_delete(self->doc, root(self, "a", DX_TEXT_KIND_ARRAY), 1, 1);
}
static int edit_set(text_case *self) {
    return dx_text_map_set(self->doc, root(self, "m", DX_TEXT_KIND_MAP), "key", "{\"instead\":true}");
}
static int edit_set_new(text_case *self) {
    return dx_text_map_set(self->doc, root(self, "m", DX_TEXT_KIND_MAP), "another key", "{\"new\":true}");
}
static int edit_set_type(text_case *self) {
    dx_text_type child;
    return dx_text_map_set_type(self->doc, root(self, "m", DX_TEXT_KIND_MAP), "a third", DX_TEXT_KIND_TEXT,
                                NULL, &child);
}
static int edit_unset(text_case *self) {
    return dx_text_map_delete(self->doc, root(self, "m", DX_TEXT_KIND_MAP), "key");
}

static void test_memory(void **state) {
    (void)state;
    static const text_edit edits[] = {edit_values,  edit_child,    edit_remove, edit_set,
                                      edit_set_new, edit_set_type, edit_unset};
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        expect_all_or_nothing(prepare, edits[i]);
    }
}

DX_TEST_MAIN(DX_TEST(test_array), DX_TEST(test_map), DX_TEST(test_collected), DX_TEST(test_xml),
             DX_TEST(test_depth), DX_TEST(test_memory))
