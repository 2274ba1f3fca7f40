/* text/struct_reader.c: updates, struct by struct.
 *
 * Layer: floor 1, text. Both forms say the same in the same order; where a field stands is all they differ in, and the small
 * functions at the top know it. Each column and the rest fail for themselves and give zeros then, so errors are looked at once
 * for each struct. */
#include "text/struct_reader.h"
#include "base/limits.h"
#include "text/wtf8.h"

#include <string.h>

enum { REF_BITS = 0x1f, SUB_BIT = 0x20, RIGHT_BIT = 0x40, ORIGIN_BIT = 0x80 };
enum { TYPE_REF_LAST = DX_TEXT_KIND_XML_TEXT };
/* Names by number that may come beside those that take bytes of their own. */
enum { KEYS_FREE = 1024 };

/* --- Fields ---------------------------------------------------------------------------------- */

static void fail(dx_text_reader *reader, int error) {
    dx_lib0_fail(&reader->rest, error);
}

static bool is_v1(const dx_text_reader *reader) {
    return reader->form == DX_TEXT_V1;
}

static uint64_t read_client(dx_text_reader *reader) {
    return is_v1(reader) ? dx_lib0_read_uint(&reader->rest) : dx_column_read_uint(&reader->client);
}

static dx_text_id read_left_id(dx_text_reader *reader) {
    uint64_t client = read_client(reader);
    return (dx_text_id){client, is_v1(reader) ? dx_lib0_read_uint(&reader->rest)
                                              : dx_column_read_difference(&reader->left_clock)};
}

static dx_text_id read_right_id(dx_text_reader *reader) {
    uint64_t client = read_client(reader);
    return (dx_text_id){client, is_v1(reader) ? dx_lib0_read_uint(&reader->rest)
                                              : dx_column_read_difference(&reader->right_clock)};
}

static uint64_t read_length(dx_text_reader *reader) {
    return is_v1(reader) ? dx_lib0_read_uint(&reader->rest) : dx_column_read_uint(&reader->length);
}

/* The next characters of v2's one string. With a scratch, a pair may be cut at either end; without, that is malformed. */
static dx_bytes take_string(dx_text_reader *reader, dx_buf *scratch, uint64_t *units) {
    bool inside;
    *units = dx_column_read_uint(&reader->string_length);
    if (*units > reader->string_units) {
        fail(reader, DX_E_MALFORMED);
        *units = 0;
    }
    if (*units == 0) {
        return dx_bytes_of(NULL, 0);
    }
    uint64_t skipped = reader->torn ? 1 : 0;
    size_t size = (size_t)*units;
    if (reader->string_units == reader->strings.size) {
        inside = false; /* all that is left is ASCII */
    } else {
        size = dx_wtf8_offset(reader->strings, skipped + *units, &inside);
    }
    dx_bytes text = {reader->strings.data, size};
    if (reader->torn || inside) {
        if (scratch == NULL) {
            fail(reader, DX_E_MALFORMED);
            return dx_bytes_of(NULL, 0);
        }
        size_t start = scratch->size;
        dx_wtf8_slice(reader->strings, skipped, skipped + *units, scratch);
        text = dx_bytes_of(scratch->data + start, scratch->size - start);
    }
    reader->strings = dx_bytes_of(reader->strings.data + size, reader->strings.size - size);
    reader->string_units -= *units;
    reader->torn = inside;
    return text;
}

static dx_bytes read_name(dx_text_reader *reader) {
    uint64_t units;
    return is_v1(reader) ? dx_lib0_read_string(&reader->rest, NULL) : take_string(reader, NULL, &units);
}

/* A name that v2 may say by the number it came as. */
static dx_bytes read_key(dx_text_reader *reader) {
    if (is_v1(reader)) {
        return dx_lib0_read_string(&reader->rest, NULL);
    }
    uint64_t number = dx_column_read_difference(&reader->key_clock);
    size_t count = reader->keys.size / sizeof(dx_bytes);
    if (number < count) {
        return ((const dx_bytes *)(const void *)reader->keys.data)[number];
    }
    dx_bytes key = read_name(reader);
    if (count == reader->keys_max) {
        fail(reader, DX_E_LIMIT);
    }
    dx_buf_append(&reader->keys, &key, sizeof key);
    return key;
}

/* --- Content --------------------------------------------------------------------------------- */

/* A value that v1 has as JSON. Markers mostly say true or null: these need no place of their own. */
static dx_bytes read_json(dx_text_reader *reader) {
    static const struct {
        const char *word;
        uint8_t value;
    } words[] = {{"true", DX_ANY_TRUE}, {"null", DX_ANY_NULL}, {"false", DX_ANY_FALSE}};
    dx_bytes json = dx_lib0_read_bytes(&reader->rest);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (json.size == strlen(words[i].word) && memcmp(json.data, words[i].word, json.size) == 0) {
            return dx_bytes_of(&words[i].value, 1);
        }
    }
    int error = reader->rest.error == DX_OK ? dx_any_from_json(json, &reader->scratch) : DX_OK;
    if (error != DX_OK) {
        fail(reader, error == DX_E_INVALID ? DX_E_MALFORMED : error);
    }
    return dx_buf_view(&reader->scratch);
}

static dx_bytes read_value(dx_text_reader *reader) {
    return is_v1(reader) ? read_json(reader) : dx_lib0_read_any(&reader->rest);
}

/* One text of the legacy content: JSON, or a word that JSON lacks. The scratch is as long as before. */
static void check_json(dx_text_reader *reader, dx_bytes json) {
    static const char undefined[] = "undefined";
    if (json.size == sizeof undefined - 1 && memcmp(json.data, undefined, json.size) == 0) {
        return;
    }
    size_t before = reader->scratch.size;
    int error = dx_any_from_json(json, &reader->scratch);
    reader->scratch.size = before;
    if (error != DX_OK) {
        fail(reader, error == DX_E_INVALID ? DX_E_MALFORMED : error);
    }
}

static dx_bytes read_json_list(dx_text_reader *reader, uint64_t count) {
    const uint8_t *start = reader->rest.at;
    for (uint64_t i = 0; i < count && reader->rest.error == DX_OK; i++) {
        if (is_v1(reader)) {
            check_json(reader, dx_lib0_read_bytes(&reader->rest));
        } else {
            dx_bytes json = read_name(reader);
            check_json(reader, json);
            dx_lib0_write_bytes(&reader->scratch, json);
        }
    }
    return is_v1(reader) ? dx_bytes_of(start, (size_t)(reader->rest.at - start))
                         : dx_buf_view(&reader->scratch);
}

static dx_bytes read_any_list(dx_text_reader *reader, uint64_t count) {
    const uint8_t *start = reader->rest.at;
    for (uint64_t i = 0; i < count && reader->rest.error == DX_OK; i++) {
        (void)dx_lib0_read_any(&reader->rest);
    }
    return dx_bytes_of(start, (size_t)(reader->rest.at - start));
}

static void read_type(dx_text_reader *reader, dx_text_struct *out) {
    uint64_t ref = is_v1(reader) ? dx_lib0_read_uint(&reader->rest) : dx_column_read_uint(&reader->type_ref);
    if (ref > TYPE_REF_LAST) {
        fail(reader, DX_E_UNSUPPORTED);
        return;
    }
    out->type_ref = (uint8_t)ref;
    if (ref == DX_TEXT_KIND_XML_ELEMENT || ref == DX_TEXT_KIND_XML_HOOK) {
        out->key = read_key(reader);
    }
}

static void read_content(dx_text_reader *reader, dx_text_struct *out) {
    out->length = 1;
    switch (out->ref) {
    case DX_TEXT_DELETED:
        out->length = read_length(reader);
        break;
    case DX_TEXT_JSON:
        out->length = read_length(reader);
        out->content = read_json_list(reader, out->length);
        break;
    case DX_TEXT_BINARY:
        out->content = dx_lib0_read_bytes(&reader->rest);
        break;
    case DX_TEXT_STRING:
        out->content = is_v1(reader) ? dx_lib0_read_string(&reader->rest, &out->length)
                                     : take_string(reader, &reader->scratch, &out->length);
        break;
    case DX_TEXT_EMBED:
        out->content = read_value(reader);
        break;
    case DX_TEXT_FORMAT:
        out->key = read_key(reader);
        out->content = read_value(reader);
        break;
    case DX_TEXT_TYPE:
        read_type(reader, out);
        break;
    case DX_TEXT_ANY:
        out->length = read_length(reader);
        out->content = read_any_list(reader, out->length);
        break;
    case DX_TEXT_DOC:
        out->key = read_name(reader);
        out->content = dx_lib0_read_any(&reader->rest);
        break;
    default:
        fail(reader, DX_E_UNSUPPORTED);
    }
}

/* --- Structs --------------------------------------------------------------------------------- */

static void read_parent(dx_text_reader *reader, dx_text_struct *out) {
    uint64_t root =
        is_v1(reader) ? dx_lib0_read_uint(&reader->rest) : dx_column_read_byte(&reader->parent_info);
    if (root > 1) {
        fail(reader, DX_E_MALFORMED);
    } else if (root == 1) {
        out->parent = DX_TEXT_PARENT_ROOT;
        out->parent_name = read_name(reader);
    } else {
        out->parent = DX_TEXT_PARENT_ID;
        out->parent_id = read_left_id(reader);
    }
    if (out->has_sub) {
        out->sub = read_name(reader);
    }
}

static void read_item(dx_text_reader *reader, uint8_t info, dx_text_struct *out) {
    out->has_origin = (info & ORIGIN_BIT) != 0;
    out->has_right = (info & RIGHT_BIT) != 0;
    out->has_sub = (info & SUB_BIT) != 0;
    if (out->has_origin) {
        out->origin = read_left_id(reader);
    }
    if (out->has_right) {
        out->right = read_right_id(reader);
    }
    if (!out->has_origin && !out->has_right) {
        read_parent(reader, out);
    }
    read_content(reader, out);
}

static int first_error(const dx_text_reader *reader) {
    const int errors[] = {reader->error,
                          reader->rest.error,
                          reader->keys.error,
                          reader->scratch.error,
                          reader->key_clock.bytes.error,
                          reader->client.bytes.error,
                          reader->left_clock.bytes.error,
                          reader->right_clock.bytes.error,
                          reader->info.bytes.error,
                          reader->parent_info.bytes.error,
                          reader->type_ref.bytes.error,
                          reader->length.bytes.error,
                          reader->string_length.bytes.error};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i] != DX_OK) {
            return errors[i];
        }
    }
    return DX_OK;
}

/* Columns beside the rest fail for themselves; v1 has none. */
static bool holds(dx_text_reader *reader) {
    int bits = reader->rest.error | reader->scratch.error;
    if (!is_v1(reader)) {
        bits |= reader->keys.error | reader->key_clock.bytes.error | reader->client.bytes.error |
                reader->left_clock.bytes.error | reader->right_clock.bytes.error | reader->info.bytes.error |
                reader->parent_info.bytes.error | reader->type_ref.bytes.error | reader->length.bytes.error |
                reader->string_length.bytes.error;
    }
    if (bits == 0) {
        return true;
    }
    reader->error = first_error(reader);
    return false;
}

/* Field by field: compilers clear a struct of this size by an instruction that is slow to begin. */
static void begin(dx_text_struct *out, dx_text_id id, uint8_t ref) {
    static const dx_bytes none = {NULL, 0};
    out->id = id;
    out->length = 0;
    out->ref = ref;
    out->has_origin = out->has_right = out->has_sub = false;
    out->parent = DX_TEXT_PARENT_COPIED;
    out->type_ref = 0;
    out->parent_name = out->sub = out->key = out->content = none;
}

bool dx_text_reader_struct(dx_text_reader *reader, dx_text_struct *out) {
    if (reader->structs == 0 || reader->error != DX_OK) {
        return false;
    }
    if (reader->allowance == 0) {
        reader->error = DX_E_LIMIT;
        return false;
    }
    reader->allowance--;
    reader->structs--;
    reader->scratch.size = 0;
    uint8_t info = is_v1(reader) ? dx_lib0_read_byte(&reader->rest) : dx_column_read_byte(&reader->info);
    begin(out, reader->next, info & REF_BITS);
    if (info == DX_TEXT_GC) {
        out->length = read_length(reader);
    } else if (info == DX_TEXT_SKIP) {
        out->length = dx_lib0_read_uint(&reader->rest);
    } else if (out->ref == DX_TEXT_GC || out->ref == DX_TEXT_SKIP) {
        fail(reader, DX_E_MALFORMED);
    } else {
        read_item(reader, info, out);
    }
    if (out->length == 0 || out->length > DX_LIB0_UINT_MAX - reader->next.clock) {
        fail(reader, DX_E_MALFORMED);
    }
    reader->next.clock += out->length;
    return holds(reader);
}

bool dx_text_reader_section(dx_text_reader *reader, dx_text_section *section) {
    dx_text_struct passed;
    while (dx_text_reader_struct(reader, &passed)) {
    }
    if (reader->sections == 0 || reader->error != DX_OK) {
        return false;
    }
    reader->sections--;
    reader->structs = dx_lib0_read_uint(&reader->rest);
    section->client = read_client(reader);
    section->clock = dx_lib0_read_uint(&reader->rest);
    section->count = reader->structs;
    reader->next = (dx_text_id){section->client, section->clock};
    return holds(reader);
}

bool dx_text_reader_delete(dx_text_reader *reader, dx_id_range *range) {
    dx_text_section passed;
    while (!reader->deleting && dx_text_reader_section(reader, &passed)) {
    }
    if (!reader->deleting && reader->error == DX_OK) {
        reader->deleting = true;
        reader->delete_clients = dx_lib0_read_uint(&reader->rest);
    }
    while (holds(reader) && (reader->deletes > 0 || reader->delete_clients > 0)) {
        if (reader->deletes == 0) {
            reader->delete_clients--;
            reader->delete_client = dx_lib0_read_uint(&reader->rest);
            reader->deletes = dx_lib0_read_uint(&reader->rest);
            reader->delete_end = 0;
            continue;
        }
        reader->deletes--;
        range->client = reader->delete_client;
        if (dx_id_range_read(reader->form, &reader->rest, reader->delete_end, range)) {
            reader->delete_end = range->clock + range->length;
            if (range->length > 0) {
                return true;
            }
        }
    }
    return false;
}

int dx_text_reader_deletes(dx_text_reader *reader, dx_id_set *deletes) {
    dx_id_range range;
    while (dx_text_reader_delete(reader, &range)) {
        int error = dx_id_set_add(deletes, range.client, range.clock, range.length);
        if (error != DX_OK) {
            return error;
        }
    }
    dx_id_set_settle(deletes);
    return dx_text_reader_finish(reader);
}

int dx_text_reader_finish(dx_text_reader *reader) {
    dx_id_range passed;
    while (dx_text_reader_delete(reader, &passed)) {
    }
    return reader->error;
}

/* --- Life ------------------------------------------------------------------------------------ */

void dx_text_reader_init(dx_text_reader *reader, const dx_alloc *alloc) {
    *reader = (dx_text_reader){.form = DX_TEXT_V1};
    dx_buf_init(&reader->keys, alloc, SIZE_MAX);
    dx_buf_init(&reader->scratch, alloc, SIZE_MAX);
}

void dx_text_reader_deinit(dx_text_reader *reader) {
    dx_buf_deinit(&reader->keys);
    dx_buf_deinit(&reader->scratch);
}

static void open_columns(dx_text_reader *reader) {
    if (dx_lib0_read_uint(&reader->rest) != 0) { /* features nobody has yet */
        fail(reader, DX_E_UNSUPPORTED);
    }
    dx_column_reader *before[] = {&reader->key_clock, &reader->client, &reader->left_clock,
                                  &reader->right_clock, &reader->info};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        dx_column_open(before[i], dx_lib0_read_bytes(&reader->rest));
    }
    dx_lib0_reader string = dx_lib0_reader_of(dx_lib0_read_bytes(&reader->rest));
    dx_column_reader *behind[] = {&reader->parent_info, &reader->type_ref, &reader->length};
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        dx_column_open(behind[i], dx_lib0_read_bytes(&reader->rest));
    }
    /* The column of strings: all characters, and behind them without a length of their own the lengths. */
    if (reader->rest.error == DX_OK) {
        reader->strings = dx_lib0_read_string(&string, &reader->string_units);
        dx_column_open(&reader->string_length, dx_bytes_of(string.at, dx_lib0_left(&string)));
        reader->string_length.bytes.error = string.error;
    }
    reader->keys_max = KEYS_FREE + reader->strings.size;
}

void dx_text_reader_open(dx_text_reader *reader, dx_text_form form, dx_bytes update) {
    dx_buf keys = reader->keys, scratch = reader->scratch;
    keys.size = scratch.size = 0;
    keys.error = scratch.error = DX_OK;
    *reader =
        (dx_text_reader){.rest = dx_lib0_reader_of(update), .form = form, .keys = keys, .scratch = scratch};
    reader->allowance = DX_TEXT_STRUCTS_FREE + (uint64_t)DX_TEXT_STRUCTS_PER_BYTE * update.size;
    if (!is_v1(reader)) {
        open_columns(reader);
    }
    reader->sections = dx_lib0_read_uint(&reader->rest);
    (void)holds(reader);
}
