/* dx/generate.c: C and TypeScript from a definition of a type. See generate.h.
 *
 * C gets a struct, with has_NAME beside what may be missing, and functions that read it from an object's data and add it to a
 * map; texts, bytes, lists and nested objects stand in it as what they are encoded as. TypeScript gets an interface as the client
 * package reads it. */
#include "generate.h"

#include <stdio.h>
#include <string.h>

static void put(dx_buf *out, const char *text) {
    dx_buf_append(out, (const uint8_t *)text, strlen(text));
}

static void put_bytes(dx_buf *out, dx_bytes text) {
    dx_buf_append(out, text.data, text.size);
}

static bool is_letter(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* --- Definitions -------------------------------------------------------------------------------------- */

static bool has_type(dx_bytes definition, const char *name) {
    dx_bytes types = dx_item_get(definition, "type");
    dx_reader reader;
    if (dx_item_kind(types) == DX_KIND_TEXT) {
        return dx_bytes_equal(dx_item_text(types), dx_bytes_text(name));
    }
    dx_reader_init(&reader, types);
    for (size_t left = dx_item_kind(types) == DX_KIND_ARRAY ? dx_read_array(&reader) : 0; left > 0; left--) {
        if (dx_bytes_equal(dx_item_text(dx_read_item(&reader)), dx_bytes_text(name))) {
            return true;
        }
    }
    return false;
}

static bool has_one_type(dx_bytes definition) {
    return dx_item_kind(dx_item_get(definition, "type")) == DX_KIND_TEXT;
}

static bool is_required(dx_bytes definition, dx_bytes name) {
    dx_bytes list = dx_item_get(definition, "required");
    dx_reader reader;
    dx_reader_init(&reader, list);
    for (size_t left = list.size > 0 ? dx_read_array(&reader) : 0; left > 0; left--) {
        if (dx_bytes_equal(dx_item_text(dx_read_item(&reader)), name)) {
            return true;
        }
    }
    return false;
}

static size_t properties_of(dx_bytes definition, dx_reader *reader) {
    dx_bytes properties = dx_item_get(definition, "properties");
    dx_reader_init(reader, properties);
    return properties.size > 0 ? dx_read_map(reader) : 0;
}

/* A "title" or "description", as far as a comment may hold it. */
static void put_words(dx_buf *out, dx_bytes words) {
    for (size_t i = 0; i < words.size; i++) {
        uint8_t c = words.data[i] < 0x20 ? ' ' : words.data[i];
        bool ends = c == '/' && i > 0 && words.data[i - 1] == '*';
        put(out, ends ? " " : "");
        dx_buf_append(out, &c, 1);
    }
}

static void put_comment(dx_buf *out, const char *indent, dx_bytes definition) {
    dx_bytes words = dx_item_text(dx_item_get(definition, "description"));
    words = words.size > 0 ? words : dx_item_text(dx_item_get(definition, "title"));
    if (words.size > 0) {
        put(out, indent);
        put(out, "/* ");
        put_words(out, words);
        put(out, " */\n");
    }
}

/* --- C ------------------------------------------------------------------------------------------------ */

static bool is_reserved(dx_bytes name) {
    static const char *const words[] = {
        "auto",     "bool",    "break",  "case",     "char",   "class",    "const",   "continue", "default",
        "delete",   "do",      "double", "else",     "enum",   "extern",   "false",   "float",    "for",
        "goto",     "if",      "inline", "int",      "long",   "new",      "private", "public",   "register",
        "restrict", "return",  "short",  "signed",   "sizeof", "static",   "struct",  "switch",   "this",
        "true",     "typedef", "union",  "unsigned", "void",   "volatile", "while",   NULL};
    for (size_t i = 0; words[i] != NULL; i++) {
        if (dx_bytes_equal(name, dx_bytes_text(words[i]))) {
            return true;
        }
    }
    return false;
}

/* A name as C takes it. Two that become the same the compiler tells apart, by refusing them. */
static void put_c_name(dx_buf *out, dx_bytes name) {
    put(out, name.size > 0 && is_digit(name.data[0]) ? "_" : "");
    for (size_t i = 0; i < name.size; i++) {
        bool plain = is_letter(name.data[i]) || is_digit(name.data[i]);
        dx_buf_append(out, plain ? &name.data[i] : (const uint8_t *)"_", 1);
    }
    put(out, is_reserved(name) ? "_" : "");
}

/* A literal: what is not plain in three octal digits, so that nothing behind it joins in. */
static void put_c_text(dx_buf *out, dx_bytes text) {
    put(out, "\"");
    for (size_t i = 0; i < text.size; i++) {
        char octal[8];
        bool plain = text.data[i] >= 0x20 && text.data[i] < 0x7f && strchr("\"\\?", text.data[i]) == NULL;
        snprintf(octal, sizeof octal, plain ? "%c" : "\\%03o", text.data[i]);
        put(out, octal);
    }
    put(out, "\"");
}

typedef enum dx_c_kind { C_ITEM, C_BOOL, C_INT, C_DOUBLE, C_TEXT, C_BYTES } dx_c_kind;

static dx_c_kind c_kind(dx_bytes definition) {
    static const struct {
        const char *type;
        dx_c_kind kind;
    } kinds[] = {{"boolean", C_BOOL},
                 {"integer", C_INT},
                 {"number", C_DOUBLE},
                 {"string", C_TEXT},
                 {"bytes", C_BYTES}};
    for (size_t i = 0; has_one_type(definition) && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (has_type(definition, kinds[i].type)) {
            return kinds[i].kind;
        }
    }
    return C_ITEM;
}

static const char *const c_types[] = {"dx_bytes ", "bool ", "int64_t ", "double ", "dx_bytes ", "dx_bytes "};
static const char *const c_notes[] = {" /* an encoded item */", "", "", "", "", ""};

/* Before and after the item that is read, and what writes a value. */
static const char *const c_reads[][2] = {{"", ""},
                                         {"dx_item_bool(", ", false)"},
                                         {"dx_item_int(", ", 0)"},
                                         {"dx_generated_double(", ")"},
                                         {"dx_item_text(", ")"},
                                         {"dx_item_bytes(", ")"}};
static const char *const c_writes[] = {"dx_write_item",   "dx_write_bool",       "dx_write_int",
                                       "dx_write_double", "dx_write_text_bytes", "dx_write_bytes"};

static void put_c_member(dx_buf *out, dx_bytes name, dx_bytes definition) {
    dx_c_kind kind = c_kind(definition);
    put_comment(out, "    ", definition);
    put(out, "    bool has_");
    put_c_name(out, name);
    put(out, ";\n    ");
    put(out, c_types[kind]);
    put_c_name(out, name);
    put(out, ";");
    put(out, c_notes[kind]);
    put(out, "\n");
}

static void put_c_read(dx_buf *out, dx_bytes name, dx_bytes definition) {
    dx_c_kind kind = c_kind(definition);
    put(out, "    item = dx_item_get(data, ");
    put_c_text(out, name);
    put(out, ");\n    out->has_");
    put_c_name(out, name);
    put(out, " = item.size > 0;\n    out->");
    put_c_name(out, name);
    put(out, " = ");
    put(out, c_reads[kind][0]);
    put(out, "item");
    put(out, c_reads[kind][1]);
    put(out, ";\n");
}

static void put_c_write(dx_buf *out, dx_bytes name, dx_bytes definition) {
    put(out, "    if (from->has_");
    put_c_name(out, name);
    put(out, ") {\n        ");
    put(out, c_writes[c_kind(definition)]);
    put(out, "(dx_map_builder_key(map, ");
    put_c_text(out, name);
    put(out, "), from->");
    put_c_name(out, name);
    put(out, ");\n    }\n");
}

static void each_property(dx_buf *out, dx_bytes definition, void (*write)(dx_buf *, dx_bytes, dx_bytes)) {
    dx_reader reader;
    for (size_t left = properties_of(definition, &reader); left > 0; left--) {
        dx_bytes name = dx_item_text(dx_read_item(&reader));
        write(out, name, dx_read_item(&reader));
    }
}

static void generate_c(dx_bytes type, int64_t version, dx_bytes definition, dx_buf *out) {
    char number[64];
    dx_reader reader;
    bool empty = properties_of(definition, &reader) == 0;
    snprintf(number, sizeof number, "/* version %lld */\n", (long long)version);
    put(out, "\n");
    put_comment(out, "", definition);
    put(out, number);
    put(out, "typedef struct ");
    put_c_name(out, type);
    put(out, " {\n");
    each_property(out, definition, put_c_member);
    put(out, empty ? "    bool has_nothing_defined;\n} " : "} ");
    put_c_name(out, type);
    put(out, ";\n\nstatic inline void ");
    put_c_name(out, type);
    put(out, "_read(dx_bytes data, ");
    put_c_name(out, type);
    put(out, " *out) {\n    dx_bytes item = {NULL, 0};\n    (void)data, (void)out, (void)item;\n");
    each_property(out, definition, put_c_read);
    put(out, "}\n\nstatic inline void ");
    put_c_name(out, type);
    put(out, "_write(const ");
    put_c_name(out, type);
    put(out, " *from, dx_map_builder *map) {\n    (void)from, (void)map;\n");
    each_property(out, definition, put_c_write);
    put(out, "}\n");
}

/* --- TypeScript ---------------------------------------------------------------------------------------- */

static void put_ts_text(dx_buf *out, dx_bytes text) {
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, out->alloc, DX_GENERATE_SIZE_MAX);
    dx_writer_init(&writer, &item);
    dx_write_text_bytes(&writer, text);
    if (dx_writer_finish(&writer) != DX_OK || dx_json_print(dx_buf_view(&item), out) != DX_OK) {
        put(out, "\"\"");
    }
    dx_buf_deinit(&item);
}

static void put_ts_key(dx_buf *out, dx_bytes name) {
    bool plain = name.size > 0 && !is_digit(name.data[0]);
    for (size_t i = 0; i < name.size; i++) {
        plain = plain && (is_letter(name.data[i]) || is_digit(name.data[i]));
    }
    if (plain) {
        put_bytes(out, name);
    } else {
        put_ts_text(out, name);
    }
}

/* shopping-list becomes ShoppingList. */
static void put_ts_name(dx_buf *out, dx_bytes name) {
    bool begins = true;
    put(out, name.size == 0 || is_digit(name.data[0]) ? "T" : "");
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (!is_letter(c) && !is_digit(c)) {
            begins = true;
            continue;
        }
        c = begins && c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
        dx_buf_append(out, &c, 1);
        begins = false;
    }
}

static void put_ts_type(dx_buf *out, dx_bytes definition, int depth);

static void put_ts_members(dx_buf *out, dx_bytes definition, int depth) {
    dx_reader reader;
    dx_bytes others = dx_item_get(definition, "additionalProperties");
    put(out, "{\n");
    for (size_t left = properties_of(definition, &reader); left > 0; left--) {
        dx_bytes name = dx_item_text(dx_read_item(&reader)), property = dx_read_item(&reader);
        char indent[80];
        snprintf(indent, sizeof indent, "%*s", 2 * depth + 2, "");
        put_comment(out, indent, property);
        put(out, indent);
        put_ts_key(out, name);
        put(out, is_required(definition, name) ? ": " : "?: ");
        put_ts_type(out, property, depth + 1);
        put(out, ";\n");
    }
    if (dx_item_bool(others, true)) {
        char line[120];
        snprintf(line, sizeof line, "%*s[key: string]: unknown;\n", 2 * depth + 2, "");
        put(out, line);
    }
    char end[80];
    snprintf(end, sizeof end, "%*s}", 2 * depth, "");
    put(out, end);
}

static bool is_simple(dx_bytes item) {
    dx_kind kind = dx_item_kind(item);
    return kind == DX_KIND_TEXT || kind == DX_KIND_INT || kind == DX_KIND_BOOL || kind == DX_KIND_NULL ||
           kind == DX_KIND_DOUBLE;
}

static void put_ts_enum(dx_buf *out, dx_bytes values) {
    dx_reader reader;
    dx_reader_init(&reader, values);
    size_t count = dx_read_array(&reader);
    for (size_t i = 0; i < count; i++) {
        dx_bytes value = dx_read_item(&reader);
        put(out, i > 0 ? " | " : "");
        if (!is_simple(value) || dx_json_print(value, out) != DX_OK) {
            put(out, "unknown");
        }
    }
}

static void put_ts_array(dx_buf *out, dx_bytes definition, int depth) {
    dx_bytes items = dx_item_get(definition, "items");
    put(out, "Array<");
    if (items.size > 0) {
        put_ts_type(out, items, depth);
    } else {
        put(out, "unknown");
    }
    put(out, ">");
}

static void put_ts_type(dx_buf *out, dx_bytes definition, int depth) {
    static const char *const types[][2] = {
        {"null", "null"},     {"boolean", "boolean"},  {"integer", "number"}, {"number", "number"},
        {"string", "string"}, {"bytes", "Uint8Array"}, {"time", "Date"},      {"reference", "object"}};
    dx_bytes values = dx_item_get(definition, "enum");
    size_t written = 0;
    if (values.size > 0) {
        put_ts_enum(out, values);
        return;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        bool twice = strcmp(types[i][0], "number") == 0 && has_type(definition, "integer");
        if (has_type(definition, types[i][0]) && !twice) {
            put(out, written++ > 0 ? " | " : "");
            put(out, types[i][1]);
        }
    }
    if (has_type(definition, "array")) {
        put(out, written++ > 0 ? " | " : "");
        put_ts_array(out, definition, depth);
    }
    if (has_type(definition, "object") && depth < DX_CODEC_DEPTH_MAX) {
        put(out, written++ > 0 ? " | " : "");
        put_ts_members(out, definition, depth);
    }
    put(out, written == 0 ? "unknown" : "");
}

static void generate_ts(dx_bytes type, int64_t version, dx_bytes definition, dx_buf *out) {
    char number[64];
    snprintf(number, sizeof number, "/* version %lld */\n", (long long)version);
    put(out, "\n");
    put_comment(out, "", definition);
    put(out, number);
    put(out, "export interface ");
    put_ts_name(out, type);
    put(out, " ");
    put_ts_members(out, definition, 0);
    put(out, "\n");
}

/* --- Both ---------------------------------------------------------------------------------------------- */

void dx_generate_head(dx_generate_language language, dx_buf *out) {
    put(out, "/* Made by `dx schema generate` from the definitions in a space: make it anew rather than "
             "change it. */\n");
    if (language == DX_GENERATE_C) {
        put(out, "#include <dxos/codec.h>\n\n"
                 "static inline double dx_generated_double(dx_bytes item) {\n"
                 "    dx_reader reader;\n"
                 "    dx_reader_init(&reader, item);\n"
                 "    return dx_item_kind(item) == DX_KIND_INT      ? (double)dx_item_int(item, 0)\n"
                 "           : dx_item_kind(item) == DX_KIND_DOUBLE ? dx_read_double(&reader)\n"
                 "                                                  : 0;\n"
                 "}\n");
    }
}

void dx_generate_type(dx_generate_language language, dx_bytes type, int64_t version, dx_bytes definition,
                      dx_buf *out) {
    if (language == DX_GENERATE_C) {
        generate_c(type, version, definition, out);
    } else {
        generate_ts(type, version, definition, out);
    }
}
