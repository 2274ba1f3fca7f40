/* text/any_json.c: values from and to JSON, as JSON.parse and JSON.stringify of JavaScript have them.
 *
 * Layer: floor 1, text. Both ways with a stack of one's own. A value's count of members stands before them, so when an array or
 * object ends its count is put there. Members of an object come in the order of the text, which is JavaScript's but for two
 * things: names that are array indices come first, by number, and of equal names there is one, which has the last one's value.
 * Objects that have either are rare, and are put in order when they end. */
#include "base/limits.h"
#include "codec/decimal.h"
#include "text/lib0.h"
#include "text/wtf8.h"

#include <string.h>

/* --- Reading --------------------------------------------------------------------------------- */

/* A member of an object that is open: where it lies in the value. */
typedef struct member {
    size_t at, size; /* name and value */
    uint64_t index;  /* of the name as array index; NO_INDEX */
    size_t turn;     /* its place in the text */
} member;

#define NO_INDEX UINT64_MAX

typedef struct frame {
    size_t start;        /* of the members, behind the count */
    size_t count;        /* of the members so far */
    size_t member_first; /* in members */
    bool object;
} frame;

typedef struct parser {
    const uint8_t *at, *end;
    dx_buf *out;
    dx_buf members; /* member each, of all open objects */
    dx_buf ordered;
    frame open[DX_TEXT_NESTING_MAX];
    size_t depth;
    int error;
} parser;

static bool fail(parser *it, int error) {
    it->error = it->error == DX_OK ? error : it->error;
    return false;
}

static bool buffers_hold(parser *it) {
    int error = it->out->error != DX_OK      ? it->out->error
                : it->members.error != DX_OK ? it->members.error
                                             : it->ordered.error;
    return error == DX_OK || fail(it, error);
}

static uint8_t next_char(const parser *it) {
    return it->at != it->end ? *it->at : 0;
}

static void skip_space(parser *it) {
    while (it->at != it->end && (*it->at == ' ' || *it->at == '\t' || *it->at == '\n' || *it->at == '\r')) {
        it->at++;
    }
}

static bool take_char(parser *it, char c) {
    if (next_char(it) != (uint8_t)c) {
        return false;
    }
    it->at++;
    return true;
}

static bool take_word(parser *it, const char *word, uint8_t tag) {
    size_t size = strlen(word);
    if ((size_t)(it->end - it->at) < size || memcmp(it->at, word, size) != 0) {
        return fail(it, DX_E_INVALID);
    }
    it->at += size;
    dx_buf_append_byte(it->out, tag);
    return true;
}

static bool skip_digits(parser *it) {
    const uint8_t *start = it->at;
    while (next_char(it) >= '0' && next_char(it) <= '9') {
        it->at++;
    }
    return it->at != start;
}

static bool parse_number(parser *it) {
    const uint8_t *start = it->at;
    bool negative = take_char(it, '-'), held = take_char(it, '0') || skip_digits(it);
    if (held && take_char(it, '.')) {
        held = skip_digits(it);
    }
    if (held && (take_char(it, 'e') || take_char(it, 'E'))) {
        held = (take_char(it, '+') || take_char(it, '-') || true) && skip_digits(it);
    }
    if (!held) {
        return fail(it, DX_E_INVALID);
    }
    double value;
    if (!dx_decimal_read(dx_bytes_of(start, (size_t)(it->at - start)), &value)) {
        uint64_t infinity = UINT64_C(0x7ff) << 52 | (uint64_t)negative << 63;
        memcpy(&value, &infinity, sizeof value);
    }
    dx_lib0_write_number(it->out, value);
    return true;
}

/* --- Strings --- */

static bool take_hex4(parser *it, uint32_t *unit) {
    uint8_t value[2];
    if (it->end - it->at < 4 || dx_hex_decode((const char *)it->at, 4, value, sizeof value) != DX_OK) {
        return fail(it, DX_E_INVALID);
    }
    it->at += 4;
    *unit = (uint32_t)value[0] << 8 | value[1];
    return true;
}

static void append_point(dx_buf *out, uint32_t point) {
    uint8_t bytes[4];
    size_t size = 0;
    if (point < 0x80) {
        bytes[size++] = (uint8_t)point;
    } else if (point < 0x800) {
        bytes[size++] = (uint8_t)(0xc0 | point >> 6);
    } else if (point < 0x10000) {
        bytes[size++] = (uint8_t)(0xe0 | point >> 12);
        bytes[size++] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    } else {
        bytes[size++] = (uint8_t)(0xf0 | point >> 18);
        bytes[size++] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        bytes[size++] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    }
    if (point >= 0x80) {
        bytes[size++] = (uint8_t)(0x80 | (point & 0x3f));
    }
    dx_buf_append(out, bytes, size);
}

/* Behind "\u": a code point, of two escapes when they are a pair; else a half stands alone. */
static bool take_unicode(parser *it) {
    uint32_t unit, second;
    if (!take_hex4(it, &unit)) {
        return false;
    }
    if (unit >> 10 == 0xd800 >> 10 && it->end - it->at >= 2 && it->at[0] == '\\' && it->at[1] == 'u') {
        const uint8_t *before = it->at;
        it->at += 2;
        if (!take_hex4(it, &second)) {
            return false;
        }
        if (second >> 10 == 0xdc00 >> 10) {
            unit = 0x10000 + ((unit & 0x3ff) << 10 | (second & 0x3ff));
        } else {
            it->at = before;
        }
    }
    append_point(it->out, unit);
    return true;
}

static bool take_escape(parser *it) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (take_char(it, 'u')) {
        return take_unicode(it);
    }
    uint8_t letter = next_char(it);
    const char *found = letter == 0 ? NULL : strchr(letters, letter);
    if (found == NULL) {
        return fail(it, DX_E_INVALID);
    }
    it->at++;
    dx_buf_append_byte(it->out, (uint8_t)meanings[found - letters]);
    return true;
}

/* Puts a number before the bytes from `start` on, where room for one byte was left. */
static void put_count(dx_buf *out, size_t start, uint64_t count) {
    uint8_t head[DX_LIB0_UINT_SIZE_MAX + 2];
    size_t size = dx_lib0_put_uint(head, count), behind = out->size - start;
    if (size > 1 && dx_buf_extend(out, size - 1) != NULL) {
        memmove(out->data + start + size - 1, out->data + start, behind);
    }
    if (dx_buf_error(out) == DX_OK) {
        memcpy(out->data + start - 1, head, size);
    }
}

/* A string with its length, at its opening quote. */
static bool parse_string(parser *it) {
    if (!take_char(it, '"')) {
        return fail(it, DX_E_INVALID);
    }
    dx_buf_append_byte(it->out, 0);
    size_t start = it->out->size;
    for (;;) {
        const uint8_t *run = it->at;
        while (it->at != it->end && *it->at != '"' && *it->at != '\\' && *it->at >= 0x20) {
            it->at++;
        }
        dx_buf_append(it->out, run, (size_t)(it->at - run));
        if (take_char(it, '"')) {
            break;
        }
        if (!take_char(it, '\\')) {
            return fail(it, DX_E_INVALID);
        }
        if (!take_escape(it)) {
            return false;
        }
    }
    put_count(it->out, start, it->out->size - start);
    return buffers_hold(it);
}

/* --- Objects --- */

static member *members_of(parser *it, const frame *object) {
    return (member *)(void *)it->members.data + object->member_first;
}

/* The name as an array index of JavaScript: digits without leading zero, below 2^32-1. */
static uint64_t index_of(dx_bytes name) {
    uint64_t index = 0;
    if (name.size == 0 || name.size > 10 || (name.data[0] == '0' && name.size > 1)) {
        return NO_INDEX;
    }
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') {
            return NO_INDEX;
        }
        index = index * 10 + (name.data[i] - '0');
    }
    return index < UINT32_MAX ? index : NO_INDEX;
}

static dx_bytes name_of(const parser *it, const member *of) {
    dx_lib0_reader reader = dx_lib0_reader_of(dx_bytes_of(it->out->data + of->at, of->size));
    return dx_lib0_read_bytes(&reader);
}

static dx_bytes value_of(const parser *it, const member *of) {
    dx_bytes name = name_of(it, of);
    const uint8_t *value = name.data + name.size;
    return dx_bytes_of(value, (size_t)(it->out->data + of->at + of->size - value));
}

static int by_name(const parser *it, const member *a, const member *b) {
    int order = dx_bytes_compare(name_of(it, a), name_of(it, b));
    return order != 0 ? order : (a->turn > b->turn) - (a->turn < b->turn);
}

static int by_place(const parser *it, const member *a, const member *b) {
    (void)it;
    return a->index != b->index ? (a->index > b->index) - (a->index < b->index)
                                : (a->turn > b->turn) - (a->turn < b->turn);
}

typedef int order(const parser *it, const member *a, const member *b);

static void sift_down(const parser *it, order *compare, member *heap, size_t root, size_t count) {
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && compare(it, &heap[child], &heap[child + 1]) < 0) {
            child++;
        }
        if (compare(it, &heap[root], &heap[child]) >= 0) {
            return;
        }
        member lower = heap[root];
        heap[root] = heap[child];
        heap[child] = lower;
    }
}

/* Heapsort: no memory, and no order of the input makes it slow. */
static void sort(const parser *it, order *compare, member *members, size_t count) {
    for (size_t root = count / 2; root > 0; root--) {
        sift_down(it, compare, members, root - 1, count);
    }
    for (size_t last = count; last > 1; last--) {
        member highest = members[0];
        members[0] = members[last - 1];
        members[last - 1] = highest;
        sift_down(it, compare, members, 0, last - 1);
    }
}

/* Whether an object has array indices out of their place. */
static bool has_indices(const member *members, size_t count) {
    bool named = false;
    for (size_t i = 0; i < count; i++) {
        if (members[i].index != NO_INDEX && (named || (i > 0 && members[i].index <= members[i - 1].index))) {
            return true;
        }
        named |= members[i].index == NO_INDEX;
    }
    return false;
}

/* Whether any two have one name; beyond a few, the members are sorted by name to find out. */
static bool has_equals(const parser *it, member *members, size_t count) {
    enum { COMPARED_MAX = 8 };
    bool found = false;
    if (count <= COMPARED_MAX) {
        for (size_t i = 1; i < count; i++) {
            for (size_t k = 0; k < i && !found; k++) {
                found = dx_bytes_equal(name_of(it, &members[i]), name_of(it, &members[k]));
            }
        }
        return found;
    }
    sort(it, by_name, members, count);
    for (size_t i = 1; i < count && !found; i++) {
        found = dx_bytes_equal(name_of(it, &members[i]), name_of(it, &members[i - 1]));
    }
    return found;
}

/* Of equal names the first keeps its place and takes the last one's value; the others go. Returns how many are left. */
static size_t drop_equals(parser *it, member *members, size_t count) {
    size_t kept = 0;
    sort(it, by_name, members, count);
    for (size_t i = 0; i < count;) {
        size_t last = i;
        while (last + 1 < count &&
               dx_bytes_equal(name_of(it, &members[last + 1]), name_of(it, &members[i]))) {
            last++;
        }
        member one = members[last];
        one.turn = members[i].turn;
        members[kept++] = one;
        i = last + 1;
    }
    return kept;
}

static bool order_members(parser *it, frame *object) {
    member *members = members_of(it, object);
    bool moved = has_indices(members, object->count);
    if (!has_equals(it, members, object->count) && !moved) {
        return true;
    }
    object->count = drop_equals(it, members, object->count);
    sort(it, by_place, members, object->count);
    it->ordered.size = 0;
    for (size_t i = 0; i < object->count; i++) {
        dx_lib0_write_bytes(&it->ordered, name_of(it, &members[i]));
        dx_bytes value = value_of(it, &members[i]);
        dx_buf_append(&it->ordered, value.data, value.size);
    }
    if (!buffers_hold(it)) {
        return false;
    }
    memcpy(it->out->data + object->start, it->ordered.data, it->ordered.size);
    it->out->size = object->start + it->ordered.size;
    return true;
}

/* A member's name and colon; its end is known when the next one begins. */
static bool open_member(parser *it, frame *object) {
    size_t at = it->out->size;
    if (!parse_string(it)) {
        return false;
    }
    member one = {.at = at, .turn = object->count};
    dx_lib0_reader reader = dx_lib0_reader_of(dx_bytes_of(it->out->data + at, it->out->size - at));
    one.index = index_of(dx_lib0_read_bytes(&reader));
    dx_buf_append(&it->members, &one, sizeof one);
    skip_space(it);
    return (take_char(it, ':') || fail(it, DX_E_INVALID)) && buffers_hold(it);
}

static bool close_frame(parser *it) {
    frame *ended = &it->open[it->depth - 1];
    if (ended->object && ended->count > 1 && !order_members(it, ended)) {
        return false;
    }
    put_count(it->out, ended->start, ended->count);
    it->members.size = ended->member_first * sizeof(member);
    it->depth--;
    return buffers_hold(it);
}

static bool open_frame(parser *it, bool object) {
    if (it->depth == DX_TEXT_NESTING_MAX) {
        return fail(it, DX_E_LIMIT);
    }
    dx_buf_append_byte(it->out, object ? DX_ANY_OBJECT : DX_ANY_ARRAY);
    dx_buf_append_byte(it->out, 0);
    it->open[it->depth++] =
        (frame){.start = it->out->size, .member_first = it->members.size / sizeof(member), .object = object};
    return true;
}

static bool parse_scalar(parser *it) {
    switch (next_char(it)) {
    case '"':
        dx_buf_append_byte(it->out, DX_ANY_STRING);
        return parse_string(it);
    case 't':
        return take_word(it, "true", DX_ANY_TRUE);
    case 'f':
        return take_word(it, "false", DX_ANY_FALSE);
    case 'n':
        return take_word(it, "null", DX_ANY_NULL);
    default:
        return parse_number(it);
    }
}

/* What stands before the next value of the innermost array or object. *ended: there is none. */
static bool begin_member(parser *it, bool *ended) {
    frame *inner = &it->open[it->depth - 1];
    skip_space(it);
    *ended = take_char(it, inner->object ? '}' : ']');
    if (*ended) {
        return true;
    }
    if (inner->count > 0 && !take_char(it, ',')) {
        return fail(it, DX_E_INVALID);
    }
    skip_space(it);
    if (inner->object && !open_member(it, inner)) {
        return false;
    }
    inner->count++;
    return true;
}

/* A value ended: the member it was, if any, is as long as it is now. */
static void end_value(parser *it) {
    if (it->depth > 0 && it->open[it->depth - 1].object) {
        frame *inner = &it->open[it->depth - 1];
        member *last = members_of(it, inner) + inner->count - 1;
        last->size = it->out->size - last->at;
    }
}

static bool parse(parser *it) {
    do {
        bool ended = false;
        if (it->depth > 0 && !begin_member(it, &ended)) {
            return false;
        }
        skip_space(it);
        if (ended) {
            if (!close_frame(it)) {
                return false;
            }
            end_value(it);
        } else if (next_char(it) == '{' || next_char(it) == '[') {
            if (!open_frame(it, *it->at++ == '{')) {
                return false;
            }
        } else if (parse_scalar(it)) {
            end_value(it);
        } else {
            return false;
        }
        if (!buffers_hold(it)) {
            return false;
        }
    } while (it->depth > 0);
    skip_space(it);
    return it->at == it->end || fail(it, DX_E_INVALID);
}

int dx_any_from_json(dx_bytes json, dx_buf *out) {
    uint64_t units;
    size_t before = out->size;
    if (dx_buf_error(out) != DX_OK) {
        return dx_buf_error(out);
    }
    if (!dx_utf8_units(json, &units)) {
        return DX_E_INVALID;
    }
    parser it; /* its frames are filled when they are opened */
    it.at = json.data;
    it.end = json.size == 0 ? json.data : json.data + json.size;
    it.out = out;
    it.depth = 0;
    it.error = DX_OK;
    dx_buf_init(&it.members, out->alloc, SIZE_MAX);
    dx_buf_init(&it.ordered, out->alloc, SIZE_MAX);
    (void)parse(&it);
    dx_buf_deinit(&it.members);
    dx_buf_deinit(&it.ordered);
    if (it.error != DX_OK) {
        out->size = before;
        out->error = DX_OK;
    }
    return it.error;
}

/* --- Printing -------------------------------------------------------------------------------- */

static void print(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

static void print_uint(dx_buf *out, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    dx_buf_append(out, digits + at, sizeof digits - at);
}

static void print_escape(dx_buf *out, uint8_t c) {
    static const char letters[] = "\"\\bfnrt", meanings[] = "\"\\\b\f\n\r\t";
    const char *meaning = c == 0 ? NULL : strchr(meanings, c);
    char hex[3];
    dx_buf_append_byte(out, '\\');
    if (meaning != NULL) {
        dx_buf_append_byte(out, (uint8_t)letters[meaning - meanings]);
        return;
    }
    dx_hex_encode(dx_bytes_of(&c, 1), hex);
    print(out, "u00");
    dx_buf_append(out, hex, 2);
}

/* A half that stands alone, as the escape of its unit. Two that make a pair are the pair. */
static size_t print_half(dx_buf *out, dx_bytes text) {
    bool pair = text.size >= 6 && text.data[1] < 0xb0 && text.data[3] == 0xed && text.data[4] >= 0xb0;
    if (pair) {
        dx_wtf8_to_utf8(dx_bytes_of(text.data, 6), out);
        return 6;
    }
    uint8_t unit[2] = {(uint8_t)(0xd0 | (text.data[1] >> 2 & 0x0f)),
                       (uint8_t)(text.data[1] << 6 | (text.data[2] & 0x3f))};
    char hex[5];
    dx_hex_encode(dx_bytes_of(unit, sizeof unit), hex);
    print(out, "\\u");
    dx_buf_append(out, hex, 4);
    return 3;
}

static void print_string(dx_buf *out, dx_bytes text) {
    size_t done = 0, i = 0;
    dx_buf_append_byte(out, '"');
    while (i < text.size) {
        uint8_t c = text.data[i];
        bool half = c == 0xed && text.size - i >= 3 && text.data[i + 1] >= 0xa0;
        if (c >= 0x20 && c != '"' && c != '\\' && !half) {
            i++;
            continue;
        }
        dx_buf_append(out, text.data + done, i - done);
        if (half) {
            i += print_half(out, dx_bytes_of(text.data + i, text.size - i));
        } else {
            print_escape(out, c);
            i++;
        }
        done = i;
    }
    if (done < text.size) {
        dx_buf_append(out, text.data + done, text.size - done);
    }
    dx_buf_append_byte(out, '"');
}

static void print_double(dx_buf *out, double value) {
    char text[DX_DECIMAL_TEXT_MAX];
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits >> 52 & 0x7ff) == 0x7ff) {
        print(out, "null");
        return;
    }
    if (bits << 1 == 0) {
        print(out, "0");
        return;
    }
    size_t size = dx_decimal_write(value, text);
    if (size > 2 && memcmp(text + size - 2, ".0", 2) == 0) {
        size -= 2;
    }
    dx_buf_append(out, text, size);
}

static uint64_t read_big_endian(dx_lib0_reader *reader, int size) {
    uint64_t bits = 0;
    for (int i = 0; i < size; i++) {
        bits = bits << 8 | dx_lib0_read_byte(reader);
    }
    return bits;
}

static void print_float(dx_buf *out, dx_lib0_reader *reader, uint8_t tag) {
    double value;
    uint64_t bits = read_big_endian(reader, tag == DX_ANY_FLOAT32 ? 4 : 8);
    if (tag == DX_ANY_FLOAT32) {
        uint32_t narrow_bits = (uint32_t)bits;
        float narrow;
        memcpy(&narrow, &narrow_bits, sizeof narrow);
        value = (double)narrow;
    } else {
        memcpy(&value, &bits, sizeof value);
    }
    print_double(out, value);
}

static void print_bytes(dx_buf *out, dx_bytes bytes) {
    dx_buf_append_byte(out, '{');
    for (size_t i = 0; i < bytes.size; i++) {
        print(out, i == 0 ? "\"" : ",\"");
        print_uint(out, i);
        print(out, "\":");
        print_uint(out, bytes.data[i]);
    }
    dx_buf_append_byte(out, '}');
}

/* A value's beginning, or all of it; of arrays and objects the count of members. */
static uint64_t print_head(dx_buf *out, dx_lib0_reader *reader, uint8_t tag) {
    bool negative;
    uint64_t magnitude;
    switch (tag) {
    case DX_ANY_TRUE:
        print(out, "true");
        return 0;
    case DX_ANY_FALSE:
        print(out, "false");
        return 0;
    case DX_ANY_INTEGER:
        magnitude = dx_lib0_read_int(reader, &negative);
        print(out, negative && magnitude != 0 ? "-" : "");
        print_uint(out, magnitude);
        return 0;
    case DX_ANY_BIGINT:
        magnitude = read_big_endian(reader, 8);
        negative = magnitude >> 63 != 0;
        print(out, negative ? "-" : "");
        print_uint(out, negative ? ~magnitude + 1 : magnitude);
        return 0;
    case DX_ANY_FLOAT32:
    case DX_ANY_FLOAT64:
        print_float(out, reader, tag);
        return 0;
    case DX_ANY_STRING:
        print_string(out, dx_lib0_read_bytes(reader));
        return 0;
    case DX_ANY_BYTES:
        print_bytes(out, dx_lib0_read_bytes(reader));
        return 0;
    case DX_ANY_ARRAY:
    case DX_ANY_OBJECT:
        dx_buf_append_byte(out, tag == DX_ANY_ARRAY ? '[' : '{');
        return dx_lib0_read_uint(reader);
    default:
        print(out, "null");
        return 0;
    }
}

void dx_any_to_json(dx_bytes any, dx_buf *out) {
    struct {
        uint64_t left;
        bool object, begun;
    } open[DX_TEXT_NESTING_MAX];
    dx_lib0_reader reader = dx_lib0_reader_of(any);
    size_t depth = 0;
    do {
        bool printed = true;
        if (depth > 0) {
            open[depth - 1].left--;
            dx_bytes name = open[depth - 1].object ? dx_lib0_read_bytes(&reader) : dx_bytes_of(NULL, 0);
            printed = !open[depth - 1].object || dx_lib0_left(&reader) == 0 || *reader.at != DX_ANY_UNDEFINED;
            if (printed) {
                print(out, open[depth - 1].begun ? "," : "");
                open[depth - 1].begun = true;
            }
            if (printed && open[depth - 1].object) {
                print_string(out, name);
                dx_buf_append_byte(out, ':');
            }
        }
        uint8_t tag = dx_lib0_read_byte(&reader);
        bool nests = tag == DX_ANY_ARRAY || tag == DX_ANY_OBJECT;
        uint64_t members = printed ? print_head(out, &reader, tag) : 0;
        if (nests) {
            DX_ASSERT(depth < DX_TEXT_NESTING_MAX);
            open[depth].left = members;
            open[depth].begun = false;
            open[depth++].object = tag == DX_ANY_OBJECT;
        }
        while (depth > 0 && open[depth - 1].left == 0) {
            depth--;
            dx_buf_append_byte(out, open[depth].object ? '}' : ']');
        }
    } while (depth > 0 && reader.error == DX_OK);
}
