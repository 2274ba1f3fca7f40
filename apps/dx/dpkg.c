/* dx/dpkg.c: see dpkg.h. */
#include "dpkg.h"

#include <dxos/host.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STANZA_SIZE_MAX = 8 << 20, NAMES_MAX = 4096 };

/* Fields that are kept as they are; the longest form of a description is not. */
static const struct {
    const char *field, *key;
} texts[] = {{"Package", "name"},      {"Version", "version"},           {"Section", "section"},
             {"Priority", "priority"}, {"Architecture", "architecture"}, {"Maintainer", "maintainer"},
             {"Homepage", "homepage"}, {"Description", "description"}};

/* Fields of names, in the order their names are joined. */
static const struct {
    const char *key, *fields[2];
} lists[] = {{"depends", {"Depends", "Pre-Depends"}},
             {"recommends", {"Recommends", NULL}},
             {"provides", {"Provides", NULL}}};

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

static dx_bytes trim(dx_bytes text) {
    while (text.size > 0 && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (is_blank(text.data[text.size - 1]) || text.data[text.size - 1] == '\r')) {
        text.size--;
    }
    return text;
}

/* Takes the text before the first `end` off the front; the end itself goes too. */
static dx_bytes cut(dx_bytes *text, char end) {
    const uint8_t *found = text->size == 0 ? NULL : memchr(text->data, end, text->size);
    dx_bytes front = {text->data, found == NULL ? text->size : (size_t)(found - text->data)};
    size_t gone = found == NULL ? text->size : front.size + 1;
    text->data = text->size == 0 ? text->data : text->data + gone;
    text->size -= gone;
    return front;
}

static bool is_letter(uint8_t byte) {
    return (byte | 32) >= 'a' && (byte | 32) <= 'z';
}

bool dx_dpkg_begins(dx_bytes line) {
    size_t at = 0;
    while (at < line.size && (line.data[at] == '-' || is_letter(line.data[at]))) {
        at++;
    }
    return at > 0 && at < line.size && line.data[at] == ':' && line.data[0] != '-';
}

/* The value of a field with its continuation lines; size 0: not there. */
static dx_bytes find_field(dx_bytes stanza, const char *field) {
    size_t size = strlen(field);
    while (stanza.size > 0) {
        const uint8_t *from = stanza.data;
        dx_bytes line = cut(&stanza, '\n');
        if (line.size <= size || line.data[size] != ':' ||
            strncasecmp((const char *)from, field, size) != 0) {
            continue;
        }
        while (stanza.size > 0 && is_blank(stanza.data[0])) {
            line.size += 1 + cut(&stanza, '\n').size;
        }
        return trim((dx_bytes){line.data + size + 1, line.size - size - 1});
    }
    return (dx_bytes){0};
}

/* "libfoo:any (>= 1) [amd64] | libbar" is libfoo. */
static dx_bytes bare_name(dx_bytes relation) {
    size_t size = 0;
    relation = trim(cut(&relation, '|'));
    while (relation.size > 0 && relation.data[0] == '\n') {
        relation.data++;
        relation.size--;
        relation = trim(relation);
    }
    while (size < relation.size && memchr(" \t\n(:[<", relation.data[size], 7) == NULL) {
        size++;
    }
    return (dx_bytes){relation.data, size};
}

static size_t gather_names(dx_bytes stanza, const char *const fields[2], dx_bytes *names) {
    size_t count = 0;
    for (size_t i = 0; i < 2 && fields[i] != NULL; i++) {
        dx_bytes value = find_field(stanza, fields[i]);
        while (value.size > 0 && count < NAMES_MAX) {
            names[count] = bare_name(cut(&value, ','));
            count += names[count].size > 0;
        }
    }
    return count;
}

static void write_names(dx_bytes stanza, dx_map_builder *map, dx_bytes *names) {
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        size_t count = gather_names(stanza, lists[i].fields, names);
        if (count == 0) {
            continue;
        }
        dx_writer *writer = dx_map_builder_key(map, lists[i].key);
        dx_write_array(writer, count);
        for (size_t at = 0; at < count; at++) {
            dx_write_text_bytes(writer, names[at]);
        }
    }
}

/* "install ok installed": the last word tells. A list of what could be installed has no such field. */
static bool is_installed(dx_bytes status) {
    dx_bytes word = {0};
    while (status.size > 0) {
        word = cut(&status, ' ');
    }
    return word.size == 0 || dx_bytes_equal(word, dx_bytes_text("installed"));
}

int dx_dpkg_stanza(dx_bytes text, dx_writer *out, bool *installed, const char **why) {
    dx_map_builder map;
    dx_bytes size = find_field(text, "Installed-Size");
    *why = "a stanza without \"Package:\"";
    if (find_field(text, "Package").size == 0) {
        return DX_E_INVALID;
    }
    *installed = is_installed(find_field(text, "Status"));
    if (!*installed) {
        return DX_OK;
    }
    dx_bytes *names = dx_alloc_take(dx_host_alloc(), NAMES_MAX * sizeof *names);
    if (names == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_map_builder_init(&map, dx_host_alloc(), STANZA_SIZE_MAX);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        dx_bytes value = find_field(text, texts[i].field);
        value = trim(cut(&value, '\n'));
        if (value.size > 0) {
            dx_write_text_bytes(dx_map_builder_key(&map, texts[i].key), value);
        }
    }
    if (size.size > 0 && size.size < 16 && size.data[0] >= '0' && size.data[0] <= '9') {
        char digits[16] = {0};
        memcpy(digits, size.data, size.size);
        dx_write_int(dx_map_builder_key(&map, "installedSize"), strtoll(digits, NULL, 10));
    }
    write_names(text, &map, names);
    dx_map_builder_finish(&map, out);
    dx_alloc_free(dx_host_alloc(), names, NAMES_MAX * sizeof *names);
    *why = "a field is not UTF-8";
    return dx_writer_finish(out);
}
