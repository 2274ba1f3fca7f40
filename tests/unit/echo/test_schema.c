/* tests/unit/echo/test_schema.c: definitions that are none, and values held against definitions. */
#include "echo/schema.h"
#include "test_item.h"

static void test_definitions(void **state) {
    (void)state;
    static const struct {
        const char *definition, *message; /* NULL: it is one */
    } cases[] = {
        {"{}", NULL},
        {"{\"type\": \"object\", \"title\": \"Task\", \"$comment\": 3, \"x-colour\": {\"type\": 7}}", NULL},
        {"{\"type\": [\"object\", \"null\"]}", NULL},
        {"{\"properties\": {\"a\": {\"type\": \"string\", \"default\": \"x\", \"maxLength\": 1}}}", NULL},
        {"{\"additionalProperties\": {\"items\": {\"enum\": [1, null]}}}", NULL},
        {"3", "it must be defined by an object of words and values"},
        {"{\"type\": \"string\"}", "it defines objects, so that its \"type\" must be object"},
        {"{\"type\": \"text\"}",
         "it is defined wrongly: \"type\" must be null, boolean, integer, number, string, array, "
         "object, bytes, time, reference or a list of them"},
        {"{\"properties\": {\"a\": {\"type\": []}}}",
         "\"a\" is defined wrongly: \"type\" must be null, boolean, integer, number, string, array, object, "
         "bytes, time, "
         "reference or a list of them"},
        {"{\"properties\": {\"a\": 3}}", "\"a\" must be defined by an object of words and values"},
        {"{\"properties\": []}", "it is defined wrongly: \"properties\" must be an object of definitions"},
        {"{\"properties\": {\"\": {}}}", "it has a property whose name no key may have"},
        {"{\"required\": [1]}", "it is defined wrongly: \"required\" must be a list of keys"},
        {"{\"required\": \"a\"}", "it is defined wrongly: \"required\" must be a list of keys"},
        {"{\"additionalProperties\": 1}",
         "it is defined wrongly: \"additionalProperties\" must be true, false or a definition"},
        {"{\"properties\": {\"a\": {\"items\": {\"items\": true}}}}",
         "\"a[0]\" is defined wrongly: \"items\" must be a definition"},
        {"{\"properties\": {\"a.b\": {\"minLength\": -1}}}",
         "\"a\\.b\" is defined wrongly: \"minLength\" must be a whole number"},
        {"{\"properties\": {\"a\": {\"minimum\": \"1\"}}}",
         "\"a\" is defined wrongly: \"minimum\" must be a number"},
        {"{\"properties\": {\"a\": {\"enum\": []}}}",
         "\"a\" is defined wrongly: \"enum\" must be a list of values"},
        {"{\"properties\": {\"a\": {\"type\": \"string\", \"default\": 3}}}",
         "\"a\" has a default that is not as it must be itself"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dx_schema_fault fault;
        int error = dx_schema_check(test_item(cases[i].definition), &fault);
        if (error != (cases[i].message == NULL ? DX_OK : DX_E_INVALID) ||
            (cases[i].message != NULL && strcmp(fault.message, cases[i].message) != 0)) {
            fail_msg("%s: %d %s", cases[i].definition, error, fault.message);
        }
    }
}

#define TASK                                                                                                 \
    "{\"type\": \"object\", \"required\": [\"title\"], \"properties\": {\"title\": {\"type\": \"string\", "  \
    "\"minLength\": 2, \"maxLength\": 4}, \"done\": {\"type\": \"boolean\"}, \"count\": {\"type\": "         \
    "\"integer\", "                                                                                          \
    "\"minimum\": 0, \"maximum\": 9007199254740993}, \"share\": {\"type\": \"number\", \"minimum\": 0.5, "   \
    "\"maximum\": 1}, \"state\": {\"enum\": [\"open\", 1, null, [2]]}, \"due\": {\"type\": \"string\", "     \
    "\"format\": \"date-time\"}, \"at\": {\"type\": \"time\"}, \"of\": {\"type\": \"reference\"}, \"raw\": " \
    "{\"type\": [\"bytes\", \"null\"]}, \"tags\": {\"type\": \"array\", \"items\": {\"type\": \"string\", "  \
    "\"maxLength\": 3}}, \"place\": {\"type\": \"object\", \"required\": [\"city\"], "                       \
    "\"additionalProperties\": "                                                                             \
    "false, \"properties\": {\"city\": {\"type\": \"string\"}}}}, \"additionalProperties\": {\"type\": "     \
    "[\"integer\", "                                                                                         \
    "\"string\"]}}"

static void test_values(void **state) {
    (void)state;
    static const struct {
        const char *value, *rule, *message; /* NULL: it is as it must be */
    } cases[] = {
        {"{\"title\": \"tea\"}", NULL, NULL},
        {"{\"title\": \"\u00e4\u00f6\u00fc\u00df\", \"done\": true, \"count\": 0, \"share\": 1, \"state\": "
         "\"open\"}",
         NULL, NULL},
        {"{\"title\": \"tea\", \"count\": 9007199254740993, \"state\": 1.0, \"share\": 0.5}", NULL, NULL},
        {"{\"title\": \"tea\", \"count\": 3.0, \"state\": null}", NULL, NULL},
        {"{\"title\": \"tea\", \"due\": \"2026-01-31T09:30:00.25+02:00\", \"state\": [2]}", NULL, NULL},
        {"{\"title\": \"tea\", \"due\": {\"@time\": \"2026-01-31T09:30:00Z\"}, \"at\": {\"@time\": "
         "\"2026-01-31T09:30:00Z\"}}",
         NULL, NULL},
        {"{\"title\": \"tea\", \"raw\": {\"@bytes\": \"AA\"}, \"tags\": [], \"place\": {\"city\": \"Bonn\"}}",
         NULL, NULL},
        {"{\"title\": \"tea\", \"raw\": null, \"tags\": [\"a\", \"bcd\"], \"newer\": 3, \"other\": \"x\"}",
         NULL, NULL},
        {"{}", "required", "\"title\" is missing"},
        {"{\"title\": 3}", "type", "\"title\" must be a string, not an integer"},
        {"{\"title\": \"t\"}", "minLength", "\"title\" has 1 characters, fewer than 2"},
        {"{\"title\": \"\u00e4\u00f6\u00fc\u00df\u00e4\"}", "maxLength",
         "\"title\" has 5 characters, more than 4"},
        {"{\"title\": \"tea\", \"done\": \"yes\"}", "type", "\"done\" must be a boolean, not a string"},
        {"{\"title\": \"tea\", \"count\": -1}", "minimum", "\"count\" is less than it may be"},
        {"{\"title\": \"tea\", \"count\": 9007199254740994}", "maximum", "\"count\" is more than it may be"},
        {"{\"title\": \"tea\", \"count\": 1e300}", "type", "\"count\" must be an integer, not a number"},
        {"{\"title\": \"tea\", \"count\": 2.5}", "type", "\"count\" must be an integer, not a number"},
        {"{\"title\": \"tea\", \"share\": 0.49}", "minimum", "\"share\" is less than it may be"},
        {"{\"title\": \"tea\", \"share\": 2}", "maximum", "\"share\" is more than it may be"},
        {"{\"title\": \"tea\", \"state\": \"shut\"}", "enum", "\"state\" is none of the values it may have"},
        {"{\"title\": \"tea\", \"due\": \"tomorrow\"}", "format",
         "\"due\" is no date and time such as 2026-01-31T09:30:00Z"},
        {"{\"title\": \"tea\", \"due\": \"2026-01-31T09:30:00.Z\"}", "format",
         "\"due\" is no date and time such as 2026-01-31T09:30:00Z"},
        {"{\"title\": \"tea\", \"due\": \"2026-01-31T09:30:00\"}", "format",
         "\"due\" is no date and time such as 2026-01-31T09:30:00Z"},
        {"{\"title\": \"tea\", \"at\": \"2026-01-31T09:30:00Z\"}", "type",
         "\"at\" must be a time, not a string"},
        {"{\"title\": \"tea\", \"of\": \"2-0\"}", "type", "\"of\" must be a reference, not a string"},
        {"{\"title\": \"tea\", \"raw\": 1}", "type",
         "\"raw\" must be null or another of its types, not an integer"},
        {"{\"title\": \"tea\", \"tags\": [\"a\", \"b\", \"four\"]}", "maxLength",
         "\"tags[2]\" has 4 characters, more than 3"},
        {"{\"title\": \"tea\", \"tags\": {}}", "type", "\"tags\" must be an array, not an object"},
        {"{\"title\": \"tea\", \"place\": {}}", "required", "\"place.city\" is missing"},
        {"{\"title\": \"tea\", \"place\": {\"city\": \"Bonn\", \"a.b\": 1}}", "additionalProperties",
         "\"place.a\\.b\" is no key that it may have"},
        {"{\"title\": \"tea\", \"newer\": []}", "type",
         "\"newer\" must be an integer or another of its types, not an array"},
        {"[]", "type", "it must be an object, not an array"},
    };
    dx_schema_fault fault;
    dx_bytes definition = test_item(TASK);
    assert_int_equal(dx_schema_check(definition, &fault), DX_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int error = dx_schema_judge(definition, test_item(cases[i].value), NULL, &fault);
        if (error != (cases[i].rule == NULL ? DX_OK : DX_E_INVALID) ||
            (cases[i].rule != NULL &&
             (strcmp(fault.rule, cases[i].rule) != 0 || strcmp(fault.message, cases[i].message) != 0))) {
            fail_msg("%s: %d %s %s", cases[i].value, error, fault.rule, fault.message);
        }
    }
}

/* A long path is cut, and stays a text with an end. */
static void test_long_paths(void **state) {
    (void)state;
    char definition[1024], value[1024], key[200];
    dx_schema_fault fault;
    memset(key, '.', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    snprintf(definition, sizeof definition, "{\"properties\": {\"%s\": {\"type\": \"null\"}}}", key);
    snprintf(value, sizeof value, "{\"%s\": 1}", key);
    assert_int_equal(dx_schema_judge(test_item(definition), test_item(value), NULL, &fault), DX_E_INVALID);
    assert_int_equal(strlen(fault.path), DX_SCHEMA_PATH_MAX - 1);
    assert_true(strlen(fault.message) < DX_SCHEMA_MESSAGE_MAX);
}

/* Many items against a large definition: it ends, and says that it cannot tell. */
static void test_work_has_an_end(void **state) {
    (void)state;
    enum { PROPERTIES = 3000, ITEMS = 20000 };
    test_alloc alloc;
    dx_buf definition, value;
    dx_writer writer;
    dx_schema_fault fault;
    test_alloc_init(&alloc);
    dx_buf_init(&definition, &alloc.port, DX_SCHEMA_SIZE_MAX);
    dx_buf_init(&value, &alloc.port, 1 << 20);
    dx_writer_init(&writer, &definition);
    dx_write_map(&writer, 1);
    dx_write_text(&writer, "properties");
    dx_write_map(&writer, 1);
    dx_write_text(&writer, "a");
    dx_write_map(&writer, 1);
    dx_write_text(&writer, "items");
    dx_write_map(&writer, 1);
    dx_write_text(&writer, "enum");
    dx_write_array(&writer, PROPERTIES);
    for (int i = 0; i < PROPERTIES; i++) {
        dx_write_text(&writer, "0123456789abcdef");
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    assert_int_equal(dx_schema_check(dx_buf_view(&definition), &fault), DX_OK);
    dx_writer_init(&writer, &value);
    dx_write_map(&writer, 1);
    dx_write_text(&writer, "a");
    dx_write_array(&writer, ITEMS);
    for (int i = 0; i < ITEMS; i++) {
        dx_write_text(&writer, "0123456789abcdef");
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    assert_int_equal(dx_schema_judge(dx_buf_view(&definition), dx_buf_view(&value), NULL, &fault),
                     DX_E_LIMIT);
    dx_buf_deinit(&definition);
    dx_buf_deinit(&value);
}

static int type_of(void *ctx, dx_bytes id, dx_bytes *type) {
    (void)ctx;
    *type = dx_bytes_text("person");
    return id.size == DX_REFERENCE_SIZE && id.data[21] == 0 ? DX_OK
           : id.data[21] == 1                               ? DX_E_NOT_FOUND
                                                            : DX_E_IO;
}

static void test_references(void **state) {
    (void)state;
    const dx_schema_lookup lookup = {.type_of = type_of};
    static const char value[] = "{\"of\": {\"@ref\": \"2-%d-0123456789abcdef0123456789abcdef\"}}";
    char json[128];
    dx_schema_fault fault;
    dx_bytes people = test_item("{\"properties\": {\"of\": {\"type\": \"reference\", \"to\": \"person\"}}}");
    dx_bytes lists = test_item("{\"properties\": {\"of\": {\"type\": \"reference\", \"to\": \"list\"}}}");
    snprintf(json, sizeof json, value, 0);
    assert_int_equal(dx_schema_judge(people, test_item(json), &lookup, &fault), DX_OK);
    assert_int_equal(dx_schema_judge(lists, test_item(json), NULL, &fault), DX_OK);
    assert_int_equal(dx_schema_judge(lists, test_item(json), &lookup, &fault), DX_E_INVALID);
    assert_string_equal(fault.message, "\"of\" must lead to an object of type \"list\", not \"person\"");
    snprintf(json, sizeof json, value, 1); /* not here: perhaps it comes */
    assert_int_equal(dx_schema_judge(lists, test_item(json), &lookup, &fault), DX_OK);
    snprintf(json, sizeof json, value, 2);
    assert_int_equal(dx_schema_judge(lists, test_item(json), &lookup, &fault), DX_E_IO);
}

DX_TEST_MAIN(DX_TEST(test_definitions), DX_TEST(test_values), DX_TEST(test_long_paths),
             DX_TEST(test_work_has_an_end), DX_TEST(test_references))
