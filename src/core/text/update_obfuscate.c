/* text/update_obfuscate.c: an update that shows a fault and nothing of what was written.
 *
 * Layer: floor 1, text. What is equal stays equal where it decides anything: keys of maps, keys and values of formatting and names of
 * elements become numbers, one for each there is. */
#include "text/update.h"
#include "text/wtf8.h"

#include <string.h>

/* A name that was met, copied, since a reader's views go with the struct. */
typedef struct name {
    size_t at, size; /* in bytes */
    uint64_t number;
} name;

typedef struct obfuscation {
    dx_text_rewrite update;
    dx_buf bytes;   /* of all names */
    dx_buf sorted;  /* name each, by its bytes */
    dx_buf content; /* of the struct that is written */
    dx_buf key, sub;
} obfuscation;

static size_t count_of(const obfuscation *it) {
    return it->sorted.size / sizeof(name);
}

static name *name_at(const obfuscation *it, size_t index) {
    return (name *)(void *)it->sorted.data + index;
}

/* The number of these bytes, the next one when they are new. */
static uint64_t number_of(obfuscation *it, dx_bytes bytes) {
    size_t low = 0, high = count_of(it), count = high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const name *known = name_at(it, middle);
        const uint8_t *at = known->size == 0
                                ? NULL
                                : it->bytes.data + known->at; /* of empty names alone there are no bytes */
        int order = dx_bytes_compare(dx_bytes_of(at, known->size), bytes);
        if (order == 0) {
            return known->number;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    name fresh = {it->bytes.size, bytes.size, count};
    dx_buf_append(&it->bytes, bytes.data, bytes.size);
    if (dx_buf_error(&it->bytes) == DX_OK) {
        dx_buf_append(&it->sorted, &fresh, sizeof fresh);
    }
    if (count_of(it) > count) {
        memmove(name_at(it, low + 1), name_at(it, low), (count - low) * sizeof(name));
        *name_at(it, low) = fresh;
    }
    return count;
}

static dx_bytes print_number(dx_buf *out, char kind, uint64_t number) {
    char digits[21];
    size_t at = sizeof digits;
    out->size = 0;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    dx_buf_append_byte(out, (uint8_t)kind);
    dx_buf_append(out, digits + at, sizeof digits - at);
    return dx_buf_view(out);
}

static dx_bytes rename_key(obfuscation *it, dx_buf *out, char kind, dx_bytes key) {
    return print_number(out, kind, number_of(it, key));
}

/* The same bytes so many times. */
static dx_bytes repeat(dx_buf *out, const char *bytes, size_t size, uint64_t times) {
    out->size = 0;
    for (uint64_t i = 0; i < times && dx_buf_error(out) == DX_OK; i++) {
        dx_buf_append(out, bytes, size);
    }
    return dx_buf_view(out);
}

static dx_bytes other_value(obfuscation *it, dx_bytes value) {
    if (value.size == 1 && value.data[0] == DX_ANY_NULL) {
        return value;
    }
    it->content.size = 0;
    dx_lib0_write_number(&it->content, (double)number_of(it, value));
    return dx_buf_view(&it->content);
}

static void obfuscate(obfuscation *it, dx_text_struct *one) {
    static const uint8_t no_members[] = {DX_ANY_OBJECT, 0};
    switch (one->ref) {
    case DX_TEXT_STRING:
        one->content = repeat(&it->content, "x", 1, one->length);
        break;
    case DX_TEXT_BINARY:
        one->content = repeat(&it->content, "", 1, one->content.size);
        break;
    case DX_TEXT_JSON:
        one->content = repeat(&it->content,
                              "\1"
                              "0",
                              2, one->length);
        break;
    case DX_TEXT_ANY:
        one->content = repeat(&it->content, "\175\0", 2, one->length);
        break;
    case DX_TEXT_EMBED:
        one->content = dx_bytes_of(no_members, sizeof no_members);
        break;
    case DX_TEXT_FORMAT:
        one->content = other_value(it, one->content);
        one->key = rename_key(it, &it->key, 'f', one->key);
        break;
    case DX_TEXT_TYPE:
        if (one->key.size > 0) {
            one->key = rename_key(it, &it->key, 'e', one->key);
        }
        break;
    case DX_TEXT_DOC:
        one->content = dx_bytes_of(no_members, sizeof no_members);
        one->key = rename_key(it, &it->key, 'd', one->key);
        break;
    default:
        break;
    }
    if (one->has_sub && one->parent != DX_TEXT_PARENT_COPIED) {
        one->sub = rename_key(it, &it->sub, 'k', one->sub);
    }
}

static int first_error(const obfuscation *it) {
    const int errors[] = {it->bytes.error, it->sorted.error, it->content.error, it->key.error, it->sub.error};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i] != DX_OK) {
            return errors[i];
        }
    }
    return DX_OK;
}

int dx_text_obfuscate_update(const dx_alloc *alloc, dx_text_form form, dx_bytes update, dx_buf *obfuscated) {
    obfuscation it;
    dx_text_section section;
    dx_text_struct one;
    dx_buf *const bufs[] = {&it.bytes, &it.sorted, &it.content, &it.key, &it.sub};
    if (!dx_text_form_check(form)) {
        return DX_E_INVALID;
    }
    dx_text_rewrite_init(&it.update, alloc);
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
        dx_buf_init(bufs[i], alloc, SIZE_MAX);
    }
    size_t before = obfuscated->size;
    dx_text_reader_open(&it.update.reader, form, update);
    dx_text_rewrite_begin(&it.update, form, obfuscated);
    while (first_error(&it) == DX_OK && dx_text_reader_section(&it.update.reader, &section)) {
        while (first_error(&it) == DX_OK && dx_text_reader_struct(&it.update.reader, &one)) {
            obfuscate(&it, &one);
            if (first_error(&it) == DX_OK) {
                dx_text_rewrite_struct(&it.update, &one, 0);
            }
        }
    }
    int error = dx_text_rewrite_finish(&it.update);
    int named = first_error(&it);
    if (named != DX_OK) {
        obfuscated->size = before;
    }
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) {
        dx_buf_deinit(bufs[i]);
    }
    return named != DX_OK ? named : error;
}
