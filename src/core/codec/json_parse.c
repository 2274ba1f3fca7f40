/* codec/json_parse.c: JSON text to canonical CBOR.
 *
 * Layer: floor 1, codec. Recursive descent into a buffer of its own (`item`), so that the caller's writer
 * sees nothing of a failed parse. An object's members are encoded where they stand in the text, remembered in
 * `members`, and put in key order when the object ends. Recursion is bounded by NESTING_MAX. */
#include "base/limits.h"
#include "codec/canonical.h"
#include "codec/cbor.h"
#include "codec/decimal.h"
#include "codec/json_text.h"
#include "codec/timestamp.h"

#include <string.h>

/* Deepest text that can mean a value within the codec's nesting: each level a @map, which is three in JSON,
 * at the bottom a @ref, and in it its string. */
enum { NESTING_MAX = 3 * DX_CODEC_DEPTH_MAX + 2 };

/* One pair of a map, as a place in `item`. */
typedef struct member {
    size_t start, key_size, size;
    size_t source; /* offset in the text, for the message */
} member;

typedef struct parser {
    const uint8_t *begin, *at, *end;
    dx_buf item;    /* the encoding so far */
    dx_buf scratch; /* the tail of item that is being rewritten */
    dx_buf members; /* of every object still open, innermost last; a pair takes two bytes of item at least */
    int nesting;
    int error;
    const uint8_t *wrong_at;
    const char *wrong;
} parser;

static bool refuse(parser *it, const uint8_t *at, int error, const char *what) {
    it->error = error;
    it->wrong_at = at;
    it->wrong = what;
    return false;
}

static bool refuse_here(parser *it, const char *what) {
    return refuse(it, it->at, DX_E_INVALID, what);
}

/* --- Emitting -------------------------------------------------------------------------------- */

/* The buffers' errors are sticky and looked at when the parse ends; until then offsets past a failed append
 * must not be used. */
static bool buffers_hold(parser *it) {
    int error = it->item.error != DX_OK      ? it->item.error
                : it->scratch.error != DX_OK ? it->scratch.error
                                             : it->members.error;
    return error == DX_OK || refuse(it, it->at, error, dx_error_text(error));
}

static void append_head(dx_buf *buf, int major, uint64_t argument) {
    uint8_t head[HEAD_SIZE_MAX];
    dx_buf_append(buf, head, put_head(head, major, argument));
}

/* The scratch becomes the item's bytes from start on. */
static bool replace_tail(parser *it, size_t start) {
    it->item.size = start;
    dx_buf_append(&it->item, it->scratch.data, it->scratch.size);
    return buffers_hold(it);
}

static dx_bytes tail(const parser *it, size_t start) {
    return dx_bytes_of(it->item.data + start, it->item.size - start);
}

/* --- Maps ------------------------------------------------------------------------------------ */

static member *members_from(parser *it, size_t first) {
    return (member *)(void *)it->members.data + first;
}

static size_t member_count(const parser *it) {
    return it->members.size / sizeof(member);
}

static bool add_member(parser *it, member pair) {
    dx_buf_append(&it->members, &pair, sizeof pair);
    return buffers_hold(it);
}

static int compare_members(const parser *it, const member *a, const member *b) {
    return dx_key_compare(dx_bytes_of(it->item.data + a->start, a->key_size),
                          dx_bytes_of(it->item.data + b->start, b->key_size));
}

/* Restores the heap below root: every parent at or above its children. */
static void sift_down(const parser *it, member *pairs, size_t root, size_t count) {
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && compare_members(it, &pairs[child], &pairs[child + 1]) < 0) {
            child++;
        }
        if (compare_members(it, &pairs[root], &pairs[child]) >= 0) {
            return;
        }
        member lower = pairs[root];
        pairs[root] = pairs[child];
        pairs[child] = lower;
    }
}

/* Heapsort: no recursion, no memory, and no order of the input makes it slow. */
static void sort_members(const parser *it, member *pairs, size_t count) {
    bool sorted = true;
    for (size_t i = 1; i < count && sorted; i++) {
        sorted = compare_members(it, &pairs[i - 1], &pairs[i]) < 0;
    }
    if (sorted) {
        return;
    }
    for (size_t root = count / 2; root > 0; root--) {
        sift_down(it, pairs, root - 1, count);
    }
    for (size_t last = count - 1; last > 0; last--) {
        member highest = pairs[0];
        pairs[0] = pairs[last];
        pairs[last] = highest;
        sift_down(it, pairs, 0, last);
    }
}

/* Replaces the item's tail from start by the map of the members from first on, and forgets them. */
static bool close_map(parser *it, size_t start, size_t first) {
    size_t count = member_count(it) - first;
    member *pairs = members_from(it, first);
    sort_members(it, pairs, count);
    dx_buf_clear(&it->scratch);
    append_head(&it->scratch, MAJOR_MAP, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && compare_members(it, &pairs[i - 1], &pairs[i]) == 0) {
            size_t later = pairs[i].source > pairs[i - 1].source ? pairs[i].source : pairs[i - 1].source;
            return refuse(it, it->begin + later, DX_E_INVALID, "this member occurs twice in its object");
        }
        dx_buf_append(&it->scratch, it->item.data + pairs[i].start, pairs[i].size);
    }
    it->members.size = first * sizeof(member);
    return replace_tail(it, start);
}

/* --- Special objects ------------------------------------------------------------------------- */

/* Appends a byte string that stands in the text as base64url to the scratch; wrong says what it is not. */
static bool append_base64url(parser *it, dx_bytes text, const uint8_t *source, const char *wrong) {
    dx_buf bytes;
    dx_buf_init(&bytes, it->item.alloc, it->item.max);
    int error = dx_base64url_decode(text, &bytes);
    append_head(&it->scratch, MAJOR_BYTES, bytes.size);
    dx_buf_append(&it->scratch, bytes.data, bytes.size);
    dx_buf_deinit(&bytes);
    return error == DX_OK || refuse(it, source, error, error == DX_E_INVALID ? wrong : dx_error_text(error));
}

static bool take_reference(parser *it, size_t start, dx_bytes text, const uint8_t *source) {
    static const char wrong[] = "@ref holds no whole id (NUMBER-PLACE-FEED, with ! at the end when strong)";
    uint8_t id[DX_STRONG_REFERENCE_SIZE];
    bool strong = text.size > 0 && text.data[text.size - 1] == DX_JSON_STRONG_REFERENCE;
    dx_buf_clear(&it->scratch);
    append_head(&it->scratch, MAJOR_TAG, DX_TAG_REFERENCE);
    if (dx_reference_parse(dx_bytes_of(text.data, text.size - strong), id) == DX_OK) {
        id[DX_REFERENCE_SIZE] = DX_REFERENCE_STRONG;
        size_t size = strong ? DX_STRONG_REFERENCE_SIZE : DX_REFERENCE_SIZE;
        append_head(&it->scratch, MAJOR_BYTES, size);
        dx_buf_append(&it->scratch, id, size);
        return replace_tail(it, start);
    }
    if (text.size == 0 || text.data[0] != DX_JSON_OTHER_REFERENCE) {
        return refuse(it, source, DX_E_INVALID, wrong);
    }
    dx_bytes other = dx_bytes_of(text.data + 1, text.size - 1);
    return append_base64url(it, other, source, wrong) && replace_tail(it, start);
}

static bool take_bytes(parser *it, size_t start, dx_bytes text, const uint8_t *source) {
    dx_buf_clear(&it->scratch);
    return append_base64url(it, text, source, "@bytes is not base64url without padding") &&
           replace_tail(it, start);
}

static bool take_time(parser *it, size_t start, dx_bytes value, const uint8_t *source) {
    static const char wrong[] = "@time is not an RFC 3339 time with at most six decimals";
    int64_t micros;
    dx_writer writer;
    if (dx_timestamp_parse(dx_item_text(value), &micros) != DX_OK) {
        return refuse(it, source, DX_E_INVALID, wrong);
    }
    dx_buf_clear(&it->scratch);
    dx_writer_init(&writer, &it->scratch);
    dx_write_timestamp(&writer, micros);
    /* With its offset taken off, the year may have left its four digits. */
    return writer.error == DX_E_INVALID ? refuse(it, source, DX_E_INVALID, wrong) : replace_tail(it, start);
}

/* What no digits say; the other doubles have digits, and only those. */
static bool take_double(parser *it, size_t start, dx_bytes text, const uint8_t *source) {
    static const struct {
        const char *name;
        uint8_t item[3];
    } doubles[] = {
        {"NaN", {0xf9, 0x7e, 0x00}}, {"Infinity", {0xf9, 0x7c, 0x00}}, {"-Infinity", {0xf9, 0xfc, 0x00}}};
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        if (dx_bytes_equal(text, dx_bytes_text(doubles[i].name))) {
            dx_buf_clear(&it->scratch);
            dx_buf_append(&it->scratch, doubles[i].item, sizeof doubles[i].item);
            return replace_tail(it, start);
        }
    }
    return refuse(it, source, DX_E_INVALID, "@double is none of NaN, Infinity and -Infinity");
}

/* The pairs of a @map are arrays of two in the item's tail: they become members of a map. Height: the array
 * and its pairs are not there in the result. */
static bool take_map(parser *it, size_t start, dx_bytes value, const uint8_t *source, int *height) {
    size_t first = member_count(it);
    dx_reader reader;
    dx_reader_init(&reader, value);
    size_t count = dx_read_array(&reader);
    for (size_t i = 0; i < count && reader.error == DX_OK; i++) {
        if (dx_read_array(&reader) != 2) {
            dx_reader_fail(&reader);
        }
        dx_kind kind = dx_reader_peek(&reader);
        dx_bytes key = dx_read_item(&reader);
        dx_bytes content = dx_read_item(&reader);
        if (reader.error != DX_OK || (kind != DX_KIND_INT && kind != DX_KIND_TEXT)) {
            dx_reader_fail(&reader);
            break;
        }
        member pair = {.start = (size_t)(key.data - it->item.data),
                       .key_size = key.size,
                       .size = key.size + content.size,
                       .source = (size_t)(source - it->begin)};
        if (!add_member(it, pair)) {
            return false;
        }
    }
    if (dx_reader_finish(&reader) != DX_OK) {
        return refuse(it, source, DX_E_INVALID, "@map is not an array of pairs with text or integer keys");
    }
    *height = count == 0 ? 1 : *height - 2;
    return close_map(it, start, first);
}

/* Gives the object of one member that is the item's tail its meaning. source is where the object's text
 * begins. */
static bool close_special(parser *it, size_t start, dx_bytes name, dx_bytes value, const uint8_t *source,
                          int *height) {
    if (!is_special_member(name)) { /* escaped: the member's name loses one @ */
        dx_buf_clear(&it->scratch);
        append_head(&it->scratch, MAJOR_MAP, 1);
        append_head(&it->scratch, MAJOR_TEXT, name.size - 1);
        dx_buf_append(&it->scratch, name.data + 1, name.size - 1);
        dx_buf_append(&it->scratch, value.data, value.size);
        return replace_tail(it, start);
    }
    if (dx_bytes_equal(name, dx_bytes_text(DX_JSON_MAP))) {
        return take_map(it, start, value, source, height);
    }
    *height = 0;
    if (dx_bytes_equal(name, dx_bytes_text(DX_JSON_TIME))) {
        return take_time(it, start, value, source);
    }
    if (dx_item_kind(value) != DX_KIND_TEXT) {
        return refuse(it, source, DX_E_INVALID, "@ref, @bytes and @double take a string");
    }
    if (dx_bytes_equal(name, dx_bytes_text(DX_JSON_DOUBLE))) {
        return take_double(it, start, dx_item_text(value), source);
    }
    return dx_bytes_equal(name, dx_bytes_text(DX_JSON_REF))
               ? take_reference(it, start, dx_item_text(value), source)
               : take_bytes(it, start, dx_item_text(value), source);
}

/* --- Tokens ---------------------------------------------------------------------------------- */

static void skip_space(parser *it) {
    while (it->at < it->end && (*it->at == ' ' || *it->at == '\t' || *it->at == '\n' || *it->at == '\r')) {
        it->at++;
    }
}

/* The next character, 0 at the end of the text (a NUL in the text is no token's beginning either). */
static uint8_t next_char(const parser *it) {
    return it->at < it->end ? *it->at : 0;
}

static bool take_char(parser *it, char c) {
    if (next_char(it) == (uint8_t)c) {
        it->at++;
        return true;
    }
    return false;
}

static bool take_word(parser *it, const char *word, uint8_t encoded) {
    dx_bytes wanted = dx_bytes_text(word);
    if ((size_t)(it->end - it->at) < wanted.size || memcmp(it->at, wanted.data, wanted.size) != 0) {
        return refuse_here(it, "a value must begin here");
    }
    it->at += wanted.size;
    dx_buf_append_byte(&it->item, encoded);
    return buffers_hold(it);
}

static size_t skip_digits(parser *it) {
    const uint8_t *start = it->at;
    while (next_char(it) >= '0' && next_char(it) <= '9') {
        it->at++;
    }
    return (size_t)(it->at - start);
}

/* Moves past a number of JSON's grammar (RFC 8259 §6); whole tells that it has neither fraction nor exponent.
 */
static bool skip_number(parser *it, bool *whole) {
    *whole = true;
    (void)take_char(it, '-');
    if (!take_char(it, '0') && skip_digits(it) == 0) {
        return refuse_here(it, "a digit must follow the minus");
    }
    if (take_char(it, '.')) {
        *whole = false;
        if (skip_digits(it) == 0) {
            return refuse_here(it, "a digit must follow the decimal point");
        }
    }
    if (take_char(it, 'e') || take_char(it, 'E')) {
        *whole = false;
        if (!take_char(it, '+')) {
            (void)take_char(it, '-');
        }
        if (skip_digits(it) == 0) {
            return refuse_here(it, "the exponent has no digits");
        }
    }
    return true;
}

/* False when it does not fit. */
static bool whole_number(dx_bytes text, int64_t *value) {
    bool negative = text.data[0] == '-';
    uint64_t magnitude = 0;
    for (size_t i = negative ? 1 : 0; i < text.size; i++) {
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (magnitude > ((uint64_t)INT64_MAX + 1 - digit) / 10) {
            return false;
        }
        magnitude = magnitude * 10 + digit;
    }
    if (!negative && magnitude > INT64_MAX) {
        return false;
    }
    *value = negative && magnitude != 0 ? -1 - (int64_t)(magnitude - 1) : (int64_t)magnitude;
    return true;
}

static bool parse_number(parser *it) {
    const uint8_t *start = it->at;
    bool whole;
    if (!skip_number(it, &whole)) {
        return false;
    }
    dx_bytes text = dx_bytes_of(start, (size_t)(it->at - start));
    int64_t integer;
    double value;
    dx_writer writer;
    dx_writer_init(&writer, &it->item);
    if (whole && whole_number(text, &integer)) {
        dx_write_int(&writer, integer);
    } else if (text.size > DX_JSON_NUMBER_MAX) {
        return refuse(it, start, DX_E_LIMIT, "this number has too many digits");
    } else if (!dx_decimal_read(text, &value)) {
        return refuse(it, start, DX_E_INVALID, "this number is beyond the range of a double");
    } else {
        dx_write_double(&writer, value);
    }
    return buffers_hold(it);
}

/* --- Strings --------------------------------------------------------------------------------- */

/* The value of four hexadecimal digits at the cursor, which moves past them; -1 when they are not there. */
static int32_t take_hex4(parser *it) {
    uint8_t value[2];
    if (it->end - it->at < 4 || dx_hex_decode((const char *)it->at, 4, value, sizeof value) != DX_OK) {
        return -1;
    }
    it->at += 4;
    return value[0] << 8 | value[1];
}

/* The character after a backslash (RFC 8259 §7), which is already taken; -1 after refusing. */
static int32_t take_escape(parser *it) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const uint8_t *start = it->at - 1;
    const char *letter = next_char(it) == 0 ? NULL : strchr(letters, next_char(it));
    if (letter != NULL) {
        it->at++;
        return meanings[letter - letters];
    }
    int32_t unit = take_char(it, 'u') ? take_hex4(it) : -1;
    if (unit < 0) {
        (void)refuse(it, start, DX_E_INVALID, "this escape is not one of JSON's");
        return -1;
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        return unit;
    }
    /* A surrogate: only a high one followed by an escaped low one is a character. */
    int32_t low = unit < 0xdc00 && take_char(it, '\\') && take_char(it, 'u') ? take_hex4(it) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        (void)refuse(it, start, DX_E_INVALID, "a lone surrogate is not a character");
        return -1;
    }
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

static size_t put_utf8(int32_t character, uint8_t out[static 4]) {
    if (character < 0x80) {
        out[0] = (uint8_t)character;
        return 1;
    }
    size_t size = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (character & 63));
        character >>= 6;
    }
    out[0] = (uint8_t)((0xf00 >> size & 0xff) | character); /* size ones, then the rest */
    return size;
}

/* Appends the content up to the closing quote to the scratch. */
static bool unescape(parser *it) {
    while (next_char(it) != '"') {
        const uint8_t *run = it->at;
        while (it->at < it->end && *it->at != '"' && *it->at != '\\' && *it->at >= 0x20) {
            it->at++;
        }
        if (!dx_utf8_check(run, (size_t)(it->at - run))) {
            return refuse(it, run, DX_E_INVALID, "the string is not UTF-8 somewhere after this");
        }
        dx_buf_append(&it->scratch, run, (size_t)(it->at - run));
        if (it->at == it->end) {
            return refuse_here(it, "the string has no end");
        }
        if (*it->at < 0x20) {
            return refuse_here(it, "a control character must be escaped");
        }
        if (take_char(it, '\\')) {
            uint8_t encoded[4];
            int32_t character = take_escape(it);
            if (character < 0) {
                return false;
            }
            dx_buf_append(&it->scratch, encoded, put_utf8(character, encoded));
        }
    }
    it->at++;
    return buffers_hold(it);
}

static bool parse_string(parser *it) {
    if (!take_char(it, '"')) {
        return refuse_here(it, "a string must begin here");
    }
    dx_buf_clear(&it->scratch);
    if (!unescape(it)) {
        return false;
    }
    append_head(&it->item, MAJOR_TEXT, it->scratch.size);
    dx_buf_append(&it->item, it->scratch.data, it->scratch.size);
    return buffers_hold(it);
}

/* --- Values ---------------------------------------------------------------------------------- */

static bool parse_value(parser *it, int *height);

/* After an entry: true when another follows, false at the closing bracket or after refusing. */
static bool another_entry(parser *it, char closing) {
    skip_space(it);
    if (take_char(it, ',')) {
        return true;
    }
    if (!take_char(it, closing)) {
        (void)refuse_here(it, closing == ']' ? "a comma or ] must follow" : "a comma or } must follow");
    }
    return false;
}

static bool parse_array(parser *it, int *height) {
    size_t start = it->item.size, count = 0;
    int highest = 0;
    it->at++;
    skip_space(it);
    if (!take_char(it, ']')) {
        do {
            int entry;
            if (!parse_value(it, &entry)) {
                return false;
            }
            highest = entry > highest ? entry : highest;
            count++;
        } while (another_entry(it, ']'));
    }
    if (it->error != DX_OK) {
        return false;
    }
    *height = highest + 1;
    uint8_t head[HEAD_SIZE_MAX];
    size_t head_size = put_head(head, MAJOR_ARRAY, count);
    if (dx_buf_extend(&it->item, head_size) != NULL) {
        uint8_t *place = it->item.data + start;
        memmove(place + head_size, place, it->item.size - head_size - start);
        memcpy(place, head, head_size);
    }
    return buffers_hold(it);
}

static bool parse_member(parser *it, int *height) {
    skip_space(it);
    member pair = {.start = it->item.size, .source = (size_t)(it->at - it->begin)};
    if (!parse_string(it)) {
        return false;
    }
    pair.key_size = it->item.size - pair.start;
    skip_space(it);
    if (!take_char(it, ':')) {
        return refuse_here(it, "a colon must follow the member's name");
    }
    if (!parse_value(it, height)) {
        return false;
    }
    pair.size = it->item.size - pair.start;
    return add_member(it, pair);
}

static bool parse_object(parser *it, int *height) {
    const uint8_t *source = it->at;
    size_t start = it->item.size, first = member_count(it);
    int highest = 0;
    it->at++;
    skip_space(it);
    if (!take_char(it, '}')) {
        do {
            int entry;
            if (!parse_member(it, &entry)) {
                return false;
            }
            highest = entry > highest ? entry : highest;
        } while (another_entry(it, '}'));
    }
    if (it->error != DX_OK) {
        return false;
    }
    *height = highest + 1;
    if (member_count(it) - first == 1) {
        size_t key_size = members_from(it, first)->key_size;
        dx_bytes name = dx_item_text(dx_bytes_of(it->item.data + start, key_size));
        if (is_escaped_member(name)) {
            it->members.size = first * sizeof(member);
            return close_special(it, start, name, tail(it, start + key_size), source, height);
        }
    }
    return close_map(it, start, first);
}

/* One value with the space around it; height receives how deep arrays and maps nest in its encoding. */
static bool parse_value(parser *it, int *height) {
    bool parsed;
    *height = 0;
    skip_space(it);
    if (it->nesting == NESTING_MAX) {
        return refuse(it, it->at, DX_E_LIMIT, "nested too deeply");
    }
    it->nesting++;
    switch (next_char(it)) {
    case '{':
        parsed = parse_object(it, height);
        break;
    case '[':
        parsed = parse_array(it, height);
        break;
    case '"':
        parsed = parse_string(it);
        break;
    case 't':
        parsed = take_word(it, "true", BYTE_TRUE);
        break;
    case 'f':
        parsed = take_word(it, "false", BYTE_FALSE);
        break;
    case 'n':
        parsed = take_word(it, "null", BYTE_NULL);
        break;
    default:
        parsed = next_char(it) == '-' || (next_char(it) >= '0' && next_char(it) <= '9')
                     ? parse_number(it)
                     : refuse_here(it, "a value must begin here");
        break;
    }
    it->nesting--;
    skip_space(it);
    return parsed;
}

/* --- The whole text -------------------------------------------------------------------------- */

static void append_message(char *message, size_t size, size_t *used, const char *text, size_t text_size) {
    size_t room = size - 1 - *used;
    text_size = text_size < room ? text_size : room;
    memcpy(message + *used, text, text_size);
    *used += text_size;
    message[*used] = '\0';
}

/* "what at byte N". */
static void write_message(const parser *it, char *message, size_t size) {
    char digits[20];
    size_t used = 0, at = sizeof digits;
    size_t offset = (size_t)(it->wrong_at - it->begin);
    if (message == NULL || size == 0) {
        return;
    }
    do {
        digits[--at] = (char)('0' + offset % 10);
        offset /= 10;
    } while (offset != 0);
    append_message(message, size, &used, it->wrong, strlen(it->wrong));
    append_message(message, size, &used, ", at byte ", 10);
    append_message(message, size, &used, digits + at, sizeof digits - at);
}

int dx_json_parse(dx_bytes json, dx_writer *out, char *message, size_t message_size) {
    static const uint8_t nothing = 0;
    const dx_alloc *alloc = out->out->alloc;
    size_t max = out->out->max;
    parser it = {.begin = json.size == 0 ? &nothing : json.data};
    int height;
    it.at = it.begin;
    it.end = it.begin + json.size;
    dx_buf_init(&it.item, alloc, max);
    dx_buf_init(&it.scratch, alloc, max);
    dx_buf_init(&it.members, alloc, max > SIZE_MAX / sizeof(member) ? SIZE_MAX : max / 2 * sizeof(member));
    if (parse_value(&it, &height)) {
        if (it.at != it.end) {
            (void)refuse_here(&it, "something follows the value");
        } else if (height > DX_CODEC_DEPTH_MAX) {
            (void)refuse(&it, it.begin, DX_E_LIMIT, "nested too deeply");
        }
    }
    if (it.error == DX_OK) {
        dx_write_item(out, dx_buf_view(&it.item));
        if (out->error != DX_OK) { /* what stands in out already leaves no room for it */
            (void)refuse(&it, it.end, out->error, dx_error_text(out->error));
        }
    }
    if (it.error != DX_OK) {
        write_message(&it, message, message_size);
    }
    dx_buf_deinit(&it.item);
    dx_buf_deinit(&it.scratch);
    dx_buf_deinit(&it.members);
    return it.error;
}
