/* text/marks.c: see marks.h. */
#include "text/marks.h"

#include "base/limits.h"
#include "text/pen.h"
#include "text/room.h"
#include "text/type_json.h"

#include <dxos/text_history.h>
#include <string.h>

enum { AFTER = 1, BEFORE = 2 }; /* bits of expand */

typedef struct rule {
    dx_bytes name; /* in the schema's bytes */
    uint8_t expand;
    bool multiple;
} rule;

struct dx_text_marks {
    dx_buf schema; /* in lib0's form */
    rule *rules;
    size_t count, capacity;
};

/* --- The schema ------------------------------------------------------------------------------- */

static bool read_word(dx_lib0_reader *reader, const char *const *words, size_t count, size_t *word) {
    if (dx_lib0_read_byte(reader) != DX_ANY_STRING) {
        return false;
    }
    dx_bytes text = dx_lib0_read_bytes(reader);
    for (*word = 0; *word < count; ++*word) {
        if (dx_bytes_equal(text, dx_bytes_text(words[*word]))) {
            return true;
        }
    }
    return false;
}

static int read_rule(dx_lib0_reader *reader, rule *out) {
    static const char *const expand[] = {"none", "after", "before", "both"};
    static const char *const overlap[] = {"replace", "multiple"};
    if (dx_lib0_read_byte(reader) != DX_ANY_OBJECT) {
        return DX_E_INVALID;
    }
    for (uint64_t left = dx_lib0_read_uint(reader); left > 0; left--) {
        dx_bytes member = dx_lib0_read_bytes(reader);
        size_t word;
        if (dx_bytes_equal(member, dx_bytes_text("expand")) && read_word(reader, expand, 4, &word)) {
            out->expand = (uint8_t)word;
        } else if (dx_bytes_equal(member, dx_bytes_text("overlap")) && read_word(reader, overlap, 2, &word)) {
            out->multiple = word == 1;
        } else {
            return DX_E_INVALID;
        }
    }
    return DX_OK;
}

static int read_schema(const dx_alloc *alloc, struct dx_text_marks *marks) {
    dx_lib0_reader reader = dx_lib0_reader_of(dx_buf_view(&marks->schema));
    if (dx_lib0_read_byte(&reader) != DX_ANY_OBJECT) {
        return DX_E_INVALID;
    }
    for (uint64_t left = dx_lib0_read_uint(&reader); left > 0; left--) {
        rule row = {.name = dx_lib0_read_bytes(&reader), .expand = AFTER};
        int error = read_rule(&reader, &row);
        if (error != DX_OK) {
            return error;
        }
        if (!dx_text_make_room(alloc, &marks->rules, &marks->capacity, marks->count + 1,
                               sizeof *marks->rules)) {
            return DX_E_NO_MEMORY;
        }
        marks->rules[marks->count++] = row;
    }
    return DX_OK;
}

static void destroy(const dx_alloc *alloc, struct dx_text_marks *marks) {
    if (marks != NULL) {
        dx_alloc_free(alloc, marks->rules, marks->capacity * sizeof *marks->rules);
        dx_buf_deinit(&marks->schema);
        dx_alloc_free(alloc, marks, sizeof *marks);
    }
}

void dx_text_marks_deinit(dx_text_doc *doc) {
    destroy(&doc->alloc, doc->marks);
    doc->marks = NULL;
}

int dx_text_set_marks(dx_text_doc *doc, const char *schema) {
    if (doc == NULL) {
        return DX_E_INVALID;
    }
    if (schema == NULL) {
        dx_text_marks_deinit(doc);
        return DX_OK;
    }
    struct dx_text_marks *marks = dx_alloc_take_zeroed(&doc->alloc, sizeof *marks);
    if (marks == NULL) {
        return dx_text_doc_error(doc, DX_E_NO_MEMORY);
    }
    dx_buf_init(&marks->schema, &doc->alloc, DX_TEXT_VALUE_MAX);
    int error = dx_any_from_json(dx_bytes_text(schema), &marks->schema);
    error = error != DX_OK ? error : read_schema(&doc->alloc, marks);
    if (error != DX_OK) {
        destroy(&doc->alloc, marks);
        return dx_text_doc_error(doc, error);
    }
    dx_text_marks_deinit(doc);
    doc->marks = marks;
    return DX_OK;
}

/* The rule of a key: its own name, or of marks that may overlap its name, two hyphens, and what tells it apart. */
static const rule *rule_of(const struct dx_text_marks *marks, dx_bytes key) {
    enum { HYPHENS = 2 };
    for (size_t i = 0; i < marks->count; i++) {
        const rule *row = &marks->rules[i];
        bool begins = key.size >= row->name.size && memcmp(key.data, row->name.data, row->name.size) == 0;
        if (begins &&
            (key.size == row->name.size || (row->multiple && key.size > row->name.size + HYPHENS &&
                                            memcmp(key.data + row->name.size, "--", HYPHENS) == 0))) {
            return row;
        }
    }
    return NULL;
}

int dx_text_marks_check(const dx_text_doc *doc, dx_bytes key) {
    const rule *row = doc->marks != NULL ? rule_of(doc->marks, key) : NULL;
    return row != NULL && row->multiple && row->name.size == key.size ? DX_E_INVALID : DX_OK;
}

/* --- At a place ------------------------------------------------------------------------------- */

static bool grows(const dx_text_doc *doc, dx_text_name key, uint8_t way) {
    const rule *row = rule_of(doc->marks, dx_text_names_at(&doc->names, key));
    return ((row != NULL ? row->expand : AFTER) & way) != 0;
}

/* What is in force at the next live unit, from what is in force before `ref`. */
static int step_over_markers(const dx_text_doc *doc, dx_text_ref ref, dx_text_attributes *attributes) {
    for (; ref != 0 && !dx_text_item_live(dx_text_item_at(doc->sequence, ref));
         ref = dx_text_item_next(doc->sequence, ref)) {
        if (!dx_text_is_marker(doc, ref)) {
            continue;
        }
        dx_text_attribute row = dx_text_attribute_of(doc, ref);
        int error = dx_text_attributes_reserve(attributes, 1);
        if (error != DX_OK) {
            return error;
        }
        if (dx_text_value_is_null(&doc->names, row.value)) {
            dx_text_attributes_remove(attributes, row.key);
        } else {
            dx_text_attributes_set(attributes, row);
        }
    }
    return DX_OK;
}

static bool has(const dx_text_attributes *attributes, dx_text_attribute row) {
    const dx_text_attribute *there = dx_text_attributes_find(attributes, row.key);
    return there != NULL && there->value == row.value;
}

/* A mark that goes on across the place is in force; one that ends or begins there, if it grows that way. */
static int choose(const dx_text_doc *doc, const dx_text_attributes *left, const dx_text_attributes *right,
                  dx_text_attributes *chosen) {
    int error = dx_text_attributes_reserve(chosen, left->count + right->count);
    for (size_t i = 0; error == DX_OK && i < left->count; i++) {
        if (has(right, left->rows[i]) || grows(doc, left->rows[i].key, AFTER)) {
            dx_text_attributes_set(chosen, left->rows[i]);
        }
    }
    for (size_t i = 0; error == DX_OK && i < right->count; i++) {
        if (dx_text_attributes_find(chosen, right->rows[i].key) == NULL &&
            grows(doc, right->rows[i].key, BEFORE)) {
            dx_text_attributes_set(chosen, right->rows[i]);
        }
    }
    return error;
}

static bool equal(const dx_text_attributes *a, const dx_text_attributes *b) {
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = has(b, a->rows[i]);
    }
    return same;
}

int dx_text_marks_at(dx_text_doc *doc, dx_text_list list, uint64_t index, dx_buf *any) {
    dx_text_spot spot;
    if (doc->marks == NULL || !dx_text_is_formatted(doc, list)) {
        return DX_OK;
    }
    int error = dx_text_spot_at(doc, list, index, false, &spot);
    if (error != DX_OK || spot.offset != 0) {
        return error;
    }
    dx_text_pen pen;
    dx_text_pen_init(&pen, doc, list);
    error = dx_text_pen_aim(&pen, spot);
    error = error != DX_OK ? error : dx_text_attributes_copy(&pen.restored, &pen.current);
    error = error != DX_OK ? error : step_over_markers(doc, pen.right, &pen.restored);
    error = error != DX_OK ? error : choose(doc, &pen.current, &pen.restored, &pen.wanted);
    if (error == DX_OK && !equal(&pen.wanted, &pen.current)) {
        dx_text_append_object(doc, &pen.wanted, any);
        error = dx_buf_error(any);
    }
    dx_text_pen_deinit(&pen);
    return dx_text_doc_error(doc, error);
}
