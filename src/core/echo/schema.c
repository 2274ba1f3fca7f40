/* echo/schema.c: definitions of types, and values held against them. See schema.h.
 *
 * Layer: floor 1, echo. Both walk as deep as the codec lets items nest. Properties of a definition and members of a
 * value come in the same canonical order, so that one pass over both finds what belongs together. */
#include "echo/schema.h"

#include <sqlite3.h>
#include <string.h>

#include "codec/canonical.h"
#include "model/object_path.h"

/* --- Kinds of values --------------------------------------------------------------------------------- */

enum {
    KIND_NULL = 1,
    KIND_BOOLEAN = 2,
    KIND_INTEGER = 4,
    KIND_NUMBER = 8, /* with a fraction; the word "number" means both */
    KIND_STRING = 16,
    KIND_ARRAY = 32,
    KIND_OBJECT = 64,
    KIND_BYTES = 128,
    KIND_TIME = 256,
    KIND_REFERENCE = 512
};

static const struct {
    const char *name;
    unsigned kinds;
    const char *words;
} kinds[] = {{"null", KIND_NULL, "null"},
             {"boolean", KIND_BOOLEAN, "a boolean"},
             {"integer", KIND_INTEGER, "an integer"},
             {"number", KIND_INTEGER | KIND_NUMBER, "a number"},
             {"string", KIND_STRING, "a string"},
             {"array", KIND_ARRAY, "an array"},
             {"object", KIND_OBJECT, "an object"},
             {"bytes", KIND_BYTES, "bytes"},
             {"time", KIND_TIME, "a time"},
             {"reference", KIND_REFERENCE, "a reference"}};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static double number_of(dx_bytes item) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    return dx_read_double(&reader);
}

/* A double without a fraction is an integer, as in JSON Schema. Infinities and NaN are numbers. */
static bool is_whole(double number) {
    return number >= -9223372036854775808.0 && number < 9223372036854775808.0 &&
           (double)(int64_t)number == number;
}

static unsigned kind_of(dx_bytes item) {
    dx_reader reader;
    switch (dx_item_kind(item)) {
    case DX_KIND_INT:
        return KIND_INTEGER;
    case DX_KIND_DOUBLE:
        return is_whole(number_of(item)) ? KIND_INTEGER : KIND_NUMBER;
    case DX_KIND_TEXT:
        return KIND_STRING;
    case DX_KIND_BYTES:
        return KIND_BYTES;
    case DX_KIND_ARRAY:
        return KIND_ARRAY;
    case DX_KIND_MAP:
        return KIND_OBJECT;
    case DX_KIND_BOOL:
        return KIND_BOOLEAN;
    case DX_KIND_TAG:
        dx_reader_init(&reader, item);
        return dx_read_tag(&reader) == DX_TAG_TIMESTAMP ? KIND_TIME : KIND_REFERENCE;
    case DX_KIND_NULL:
    case DX_KIND_NONE:
        break;
    }
    return KIND_NULL;
}

static const char *words_of(unsigned kind) {
    size_t i = 0;
    while (i < KINDS - 1 && (kinds[i].kinds & kind) == 0) {
        i++;
    }
    return kind == KIND_NUMBER ? "a number" : kinds[i].words;
}

static unsigned kind_named(dx_bytes name) {
    for (size_t i = 0; i < KINDS; i++) {
        if (dx_bytes_equal(name, dx_bytes_text(kinds[i].name))) {
            return kinds[i].kinds;
        }
    }
    return 0;
}

static bool is_number(dx_bytes item) {
    return (kind_of(item) & (KIND_INTEGER | KIND_NUMBER)) != 0;
}

/* Exact, also where a double cannot tell integers apart; NaN is no number's neighbour and compares as less. */
static int compare_whole(int64_t whole, double number) {
    if (number >= 9223372036854775808.0) {
        return -1;
    }
    if (!(number >= -9223372036854775808.0)) {
        return 1;
    }
    int64_t below = (int64_t)number;
    return whole < below ? -1 : whole > below ? 1 : (double)below < number ? -1 : (double)below > number;
}

static int compare_numbers(dx_bytes a, dx_bytes b) {
    bool a_whole = dx_item_kind(a) == DX_KIND_INT, b_whole = dx_item_kind(b) == DX_KIND_INT;
    if (a_whole && b_whole) {
        int64_t x = dx_item_int(a, 0), y = dx_item_int(b, 0);
        return x < y ? -1 : x > y;
    }
    if (a_whole) {
        return compare_whole(dx_item_int(a, 0), number_of(b));
    }
    if (b_whole) {
        return -compare_whole(dx_item_int(b, 0), number_of(a));
    }
    double x = number_of(a), y = number_of(b);
    return x < y ? -1 : x > y;
}

static bool equal_values(dx_bytes a, dx_bytes b) {
    return dx_bytes_equal(a, b) || (is_number(a) && is_number(b) && compare_numbers(a, b) == 0);
}

/* --- Where, and what is said ------------------------------------------------------------------------- */

/* A step from a value to one inside it; they lie on the stack, the last one first. */
typedef struct place {
    const struct place *above;
    dx_bytes key; /* of a member; data NULL: an item of an array */
    size_t index;
} place;

typedef struct judge {
    const dx_schema_lookup *lookup;
    dx_schema_fault *fault;
    size_t work;
} judge;

static void append(char *text, size_t size_max, const char *more, size_t size) {
    size_t used = strlen(text);
    while (size > 0 && used + 1 < size_max) {
        text[used++] = *more++;
        size--;
    }
    text[used] = '\0';
}

static void write_path(const place *at, char *path) {
    if (at == NULL) {
        return;
    }
    write_path(at->above, path);
    if (at->key.data == NULL) {
        char number[24];
        sqlite3_snprintf(sizeof number, number, "[%llu]", (unsigned long long)at->index);
        append(path, DX_SCHEMA_PATH_MAX, number, strlen(number));
        return;
    }
    if (path[0] != '\0') {
        append(path, DX_SCHEMA_PATH_MAX, ".", 1);
    }
    for (size_t i = 0; i < at->key.size; i++) {
        char c = (char)at->key.data[i];
        append(path, DX_SCHEMA_PATH_MAX, "\\", c == '.' || c == '\\');
        append(path, DX_SCHEMA_PATH_MAX, &c, 1);
    }
}

/* The words after the place. */
static int find_fault(judge *self, const place *at, const char *rule, const char *format, ...)
    DX_PRINTF(4, 5);

static int find_fault(judge *self, const place *at, const char *rule, const char *format, ...) {
    dx_schema_fault *fault = self->fault;
    char words[DX_SCHEMA_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    sqlite3_vsnprintf(sizeof words, words, format, args);
    va_end(args);
    fault->rule = rule;
    fault->path[0] = '\0';
    write_path(at, fault->path);
    if (fault->path[0] == '\0') {
        sqlite3_snprintf(sizeof fault->message, fault->message, "it %s", words);
    } else {
        sqlite3_snprintf(sizeof fault->message, fault->message, "\"%s\" %s", fault->path, words);
    }
    return DX_E_INVALID;
}

/* Members of a map with text keys, one after another. */
typedef struct members {
    dx_reader reader;
    size_t left;
    dx_bytes key, name, value; /* the key encoded, and as a text: data NULL when it is none */
} members;

static bool next_member(members *self) {
    if (self->left == 0) {
        return false;
    }
    self->left--;
    self->key = dx_read_item(&self->reader);
    self->name = dx_item_text(self->key);
    self->value = dx_read_item(&self->reader);
    return true;
}

static members members_of(dx_bytes map) {
    members self = {.left = 0};
    dx_reader_init(&self.reader, map);
    self.left = dx_item_kind(map) == DX_KIND_MAP ? dx_read_map(&self.reader) : 0;
    return self;
}

static size_t items_of(dx_bytes array, dx_reader *reader) {
    dx_reader_init(reader, array);
    return dx_item_kind(array) == DX_KIND_ARRAY ? dx_read_array(reader) : 0;
}

/* --- Definitions ------------------------------------------------------------------------------------- */

static unsigned kinds_in(dx_bytes types) {
    dx_reader reader;
    unsigned found = 0;
    if (dx_item_kind(types) == DX_KIND_TEXT) {
        return kind_named(dx_item_text(types));
    }
    for (size_t left = items_of(types, &reader); left > 0; left--) {
        unsigned kind = kind_named(dx_item_text(dx_read_item(&reader)));
        if (kind == 0) {
            return 0;
        }
        found |= kind;
    }
    return found;
}

static int check_definition(judge *self, const place *at, dx_bytes definition);

static int check_properties(judge *self, const place *at, dx_bytes properties) {
    members all = members_of(properties);
    int error = DX_OK;
    while (error == DX_OK && next_member(&all)) {
        place below = {.above = at, .key = all.name};
        error = all.name.data == NULL || !dx_object_key_check(all.name)
                    ? find_fault(self, at, "properties", "has a property whose name no key may have")
                    : check_definition(self, &below, all.value);
    }
    return error;
}

static bool is_count(dx_bytes item) {
    return dx_item_kind(item) == DX_KIND_INT && dx_item_int(item, -1) >= 0;
}

static bool is_list_of_texts(dx_bytes item) {
    dx_reader reader;
    for (size_t left = items_of(item, &reader); left > 0; left--) {
        if (dx_item_kind(dx_read_item(&reader)) != DX_KIND_TEXT) {
            return false;
        }
    }
    return dx_item_kind(item) == DX_KIND_ARRAY;
}

static bool is_list(dx_bytes item) {
    dx_reader reader;
    return items_of(item, &reader) > 0;
}

static bool is_types(dx_bytes item) {
    return kinds_in(item) != 0;
}

static bool is_text(dx_bytes item) {
    return dx_item_kind(item) == DX_KIND_TEXT;
}

static bool is_map(dx_bytes item) {
    return dx_item_kind(item) == DX_KIND_MAP;
}

static bool is_bool(dx_bytes item) {
    return dx_item_kind(item) == DX_KIND_BOOL;
}

static bool is_map_or_bool(dx_bytes item) {
    return is_map(item) || is_bool(item);
}

/* The words that mean something, and what stands behind them. */
static const struct {
    const char *word;
    bool (*is_form)(dx_bytes item);
    const char *form;
} words[] = {
    {"type", is_types,
     "\"type\" must be null, boolean, integer, number, string, array, object, bytes, time, reference or a "
     "list of them"},
    {"enum", is_list, "\"enum\" must be a list of values"},
    {"properties", is_map, "\"properties\" must be an object of definitions"},
    {"required", is_list_of_texts, "\"required\" must be a list of keys"},
    {"additionalProperties", is_map_or_bool, "\"additionalProperties\" must be true, false or a definition"},
    {"items", is_map, "\"items\" must be a definition"},
    {"minimum", is_number, "\"minimum\" must be a number"},
    {"maximum", is_number, "\"maximum\" must be a number"},
    {"minLength", is_count, "\"minLength\" must be a whole number"},
    {"maxLength", is_count, "\"maxLength\" must be a whole number"},
    {"format", is_text, "\"format\" must be a text"},
    {"to", is_text, "\"to\" must be the name of a type"},
    {"strong", is_bool, "\"strong\" must be true or false"},
};

static int judge_value(judge *self, const place *at, dx_bytes definition, dx_bytes value);

static int check_definition(judge *self, const place *at, dx_bytes definition) {
    if (dx_item_kind(definition) != DX_KIND_MAP) {
        return find_fault(self, at, "type", "must be defined by an object of words and values");
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        dx_bytes item = dx_item_get(definition, words[i].word);
        if (item.size != 0 && !words[i].is_form(item)) {
            return find_fault(self, at, words[i].word, "is defined wrongly: %s", words[i].form);
        }
    }
    int error = check_properties(self, at, dx_item_get(definition, "properties"));
    dx_bytes items = dx_item_get(definition, "items");
    if (error == DX_OK && items.size != 0) {
        place below = {.above = at};
        error = check_definition(self, &below, items);
    }
    dx_bytes others = dx_item_get(definition, "additionalProperties");
    if (error == DX_OK && is_map(others)) {
        error = check_definition(self, at, others);
    }
    dx_bytes without = dx_item_get(definition, "default");
    if (error == DX_OK && without.size != 0 && judge_value(self, at, definition, without) != DX_OK) {
        error = find_fault(self, at, "default", "has a default that is not as it must be itself");
    }
    return error;
}

int dx_schema_check(dx_bytes definition, dx_schema_fault *fault) {
    judge self = {.fault = fault};
    *fault = (dx_schema_fault){.rule = "type"};
    if (definition.size > DX_SCHEMA_SIZE_MAX || dx_item_check(definition) != DX_OK) {
        return find_fault(&self, NULL, "type", "is larger than a definition may be, or none");
    }
    int error = check_definition(&self, NULL, definition);
    dx_bytes types = dx_item_get(definition, "type");
    if (error == DX_OK && types.size != 0 && (kinds_in(types) & KIND_OBJECT) == 0) {
        error = find_fault(&self, NULL, "type", "defines objects, so that its \"type\" must be object");
    }
    return error;
}

/* --- Values ------------------------------------------------------------------------------------------ */

static bool allows_time(dx_bytes definition) {
    return dx_bytes_equal(dx_item_text(dx_item_get(definition, "format")), dx_bytes_text("date-time"));
}

static int judge_kind(judge *self, const place *at, dx_bytes definition, unsigned kind) {
    dx_bytes types = dx_item_get(definition, "type");
    if (types.size == 0) {
        return DX_OK;
    }
    unsigned allowed = kinds_in(types);
    allowed |= (allowed & KIND_STRING) != 0 && allows_time(definition) ? KIND_TIME : 0;
    if ((allowed & kind) != 0) {
        return DX_OK;
    }
    const char *wanted = (allowed & KIND_NUMBER) != 0 ? "a number" : words_of(allowed);
    bool several = dx_item_kind(types) == DX_KIND_ARRAY;
    return find_fault(self, at, "type", "must be %s%s, not %s", wanted,
                      several ? " or another of its types" : "", words_of(kind));
}

static int judge_enum(judge *self, const place *at, dx_bytes definition, dx_bytes value) {
    dx_reader reader;
    dx_bytes list = dx_item_get(definition, "enum");
    for (size_t left = items_of(list, &reader); left > 0; left--) {
        if (equal_values(dx_read_item(&reader), value)) {
            return DX_OK;
        }
    }
    return list.size == 0 ? DX_OK : find_fault(self, at, "enum", "is none of the values it may have");
}

static int judge_number(judge *self, const place *at, dx_bytes definition, dx_bytes value) {
    dx_bytes least = dx_item_get(definition, "minimum"), most = dx_item_get(definition, "maximum");
    if (least.size != 0 && compare_numbers(value, least) < 0) {
        return find_fault(self, at, "minimum", "is less than it may be");
    }
    if (most.size != 0 && compare_numbers(value, most) > 0) {
        return find_fault(self, at, "maximum", "is more than it may be");
    }
    return DX_OK;
}

static size_t count_characters(dx_bytes text) {
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

static bool are_digits(dx_bytes text, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return true;
}

/* The form of RFC 3339, by its places; whether there was such a day is not asked. */
static bool is_date_time(dx_bytes text) {
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    enum { SIZE = sizeof form - 1 };
    if (text.size <= SIZE) {
        return false;
    }
    for (size_t i = 0; i < SIZE; i++) {
        if (form[i] == 'd' ? !are_digits(text, i, i + 1) : text.data[i] != (uint8_t)form[i]) {
            return false;
        }
    }
    size_t at = SIZE;
    if (text.data[at] == '.') {
        for (at++; at < text.size && are_digits(text, at, at + 1); at++) {
        }
        if (at == SIZE + 1) {
            return false;
        }
    }
    if (at + 1 == text.size) {
        return text.data[at] == 'Z';
    }
    return at + 6 == text.size && (text.data[at] == '+' || text.data[at] == '-') &&
           are_digits(text, at + 1, at + 3) && text.data[at + 3] == ':' && are_digits(text, at + 4, at + 6);
}

static int judge_string(judge *self, const place *at, dx_bytes definition, dx_bytes value) {
    dx_bytes text = dx_item_text(value);
    dx_bytes least = dx_item_get(definition, "minLength"), most = dx_item_get(definition, "maxLength");
    int64_t count = (int64_t)count_characters(text);
    if (least.size != 0 && count < dx_item_int(least, 0)) {
        return find_fault(self, at, "minLength", "has %lld characters, fewer than %lld", (long long)count,
                          (long long)dx_item_int(least, 0));
    }
    if (most.size != 0 && count > dx_item_int(most, 0)) {
        return find_fault(self, at, "maxLength", "has %lld characters, more than %lld", (long long)count,
                          (long long)dx_item_int(most, 0));
    }
    if (allows_time(definition) && !is_date_time(text)) {
        return find_fault(self, at, "format", "is no date and time such as 2026-01-31T09:30:00Z");
    }
    return DX_OK;
}

static int judge_reference(judge *self, const place *at, dx_bytes definition, dx_bytes value) {
    dx_bytes wanted = dx_item_get(definition, "to"), strong = dx_item_get(definition, "strong"), type;
    dx_reader reader;
    dx_reader_init(&reader, value);
    dx_read_tag(&reader);
    dx_bytes reference = dx_read_bytes(&reader);
    if (strong.size != 0 && dx_item_bool(strong, false) != dx_reference_is_strong(reference)) {
        return find_fault(self, at, "strong", "must be a %s reference",
                          dx_item_bool(strong, false) ? "strong" : "weak");
    }
    if (wanted.size == 0 || self->lookup == NULL) {
        return DX_OK;
    }
    int error = self->lookup->type_of(self->lookup->ctx, reference, &type);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    wanted = dx_item_text(wanted);
    return dx_bytes_equal(type, wanted)
               ? DX_OK
               : find_fault(self, at, "to", "must lead to an object of type \"%.*s\", not \"%.*s\"",
                            (int)(wanted.size < 40 ? wanted.size : 40), (const char *)wanted.data,
                            (int)(type.size < 40 ? type.size : 40), (const char *)type.data);
}

static int judge_items(judge *self, const place *at, dx_bytes definition, dx_bytes value) {
    dx_bytes items = dx_item_get(definition, "items");
    dx_reader reader;
    int error = DX_OK;
    size_t count = items.size == 0 ? 0 : items_of(value, &reader);
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        place below = {.above = at, .index = i};
        error = judge_value(self, &below, items, dx_read_item(&reader));
    }
    return error;
}

static bool has_member(judge *self, dx_bytes map, dx_bytes name) {
    members all = members_of(map);
    self->work += map.size;
    while (next_member(&all)) {
        if (dx_bytes_equal(all.name, name)) {
            return true;
        }
    }
    return false;
}

static int judge_required(judge *self, const place *at, dx_bytes definition, dx_bytes value) {
    dx_reader reader;
    for (size_t left = items_of(dx_item_get(definition, "required"), &reader); left > 0; left--) {
        dx_bytes name = dx_item_text(dx_read_item(&reader));
        place below = {.above = at, .key = name};
        if (self->work > DX_SCHEMA_WORK_MAX) {
            return DX_E_LIMIT;
        }
        if (!has_member(self, value, name)) {
            return find_fault(self, &below, "required", "is missing");
        }
    }
    return DX_OK;
}

static int judge_member(judge *self, const place *at, dx_bytes others, dx_bytes property,
                        const members *member) {
    place below = {.above = at, .key = member->name};
    if (property.size != 0) {
        return judge_value(self, &below, property, member->value);
    }
    if (dx_item_kind(others) == DX_KIND_MAP) {
        return judge_value(self, &below, others, member->value);
    }
    return dx_item_bool(others, true)
               ? DX_OK
               : find_fault(self, &below, "additionalProperties", "is no key that it may have");
}

static int judge_members(judge *self, const place *at, dx_bytes definition, dx_bytes value) {
    dx_bytes others = dx_item_get(definition, "additionalProperties");
    members known = members_of(dx_item_get(definition, "properties")), all = members_of(value);
    bool has_known = next_member(&known);
    int error = judge_required(self, at, definition, value);
    while (error == DX_OK && next_member(&all)) {
        while (has_known && dx_key_compare(known.key, all.key) < 0) {
            has_known = next_member(&known);
        }
        bool named = has_known && dx_bytes_equal(known.key, all.key);
        error = judge_member(self, at, others, named ? known.value : (dx_bytes){NULL, 0}, &all);
    }
    return error;
}

static int judge_value(judge *self, const place *at, dx_bytes definition, dx_bytes value) {
    unsigned kind = kind_of(value);
    self->work += definition.size;
    if (self->work > DX_SCHEMA_WORK_MAX) {
        return DX_E_LIMIT;
    }
    int error = judge_kind(self, at, definition, kind);
    if (error == DX_OK) {
        error = judge_enum(self, at, definition, value);
    }
    if (error != DX_OK) {
        return error;
    }
    switch (kind) {
    case KIND_INTEGER:
    case KIND_NUMBER:
        return judge_number(self, at, definition, value);
    case KIND_STRING:
        return judge_string(self, at, definition, value);
    case KIND_REFERENCE:
        return judge_reference(self, at, definition, value);
    case KIND_ARRAY:
        return judge_items(self, at, definition, value);
    case KIND_OBJECT:
        return judge_members(self, at, definition, value);
    default:
        return DX_OK;
    }
}

int dx_schema_judge(dx_bytes definition, dx_bytes value, const dx_schema_lookup *lookup,
                    dx_schema_fault *fault) {
    judge self = {.lookup = lookup, .fault = fault};
    *fault = (dx_schema_fault){.rule = ""};
    return judge_value(&self, NULL, definition, value);
}
