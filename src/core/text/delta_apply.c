/* text/delta_apply.c: a delta as Quill writes it, taken in whole or not at all. */
#include "text/pen.h"

#include "base/limits.h"
#include "text/lib0.h"
#include "text/wtf8.h"

typedef enum delta_step { STEP_INSERT, STEP_RETAIN, STEP_DELETE } delta_step;

typedef struct delta_op {
    delta_step step;
    dx_bytes insert;     /* a value */
    dx_bytes attributes; /* likewise; size 0: none */
    uint64_t length;     /* of what is retained or deleted, in the document's unit */
} delta_op;

/* Whole numbers as JSON writes them. */
static int read_length(dx_bytes any, uint64_t *length) {
    dx_lib0_reader reader = dx_lib0_reader_of(any);
    uint8_t tag = dx_lib0_read_byte(&reader);
    bool negative = false;
    if (tag == DX_ANY_INTEGER) {
        *length = dx_lib0_read_int(&reader, &negative);
        return negative ? DX_E_INVALID : DX_OK;
    }
    return tag == DX_ANY_FLOAT32 || tag == DX_ANY_FLOAT64 ? DX_E_LIMIT : DX_E_INVALID;
}

static bool is_named(dx_bytes key, const char *name) {
    return dx_bytes_equal(key, dx_bytes_text(name));
}

/* The next op of the list; as Yjs has it, an insert goes before a retain, and that before a delete. */
static int read_op(dx_lib0_reader *reader, delta_op *op) {
    dx_bytes insert = {NULL, 0}, retain = insert, delete = insert;
    *op = (delta_op){.step = STEP_INSERT};
    if (dx_lib0_read_byte(reader) != DX_ANY_OBJECT) {
        return DX_E_INVALID;
    }
    for (uint64_t left = dx_lib0_read_uint(reader); left > 0; left--) {
        dx_bytes key = dx_lib0_read_bytes(reader);
        dx_bytes value = dx_lib0_read_any(reader);
        if (is_named(key, "insert")) {
            insert = value;
        } else if (is_named(key, "retain")) {
            retain = value;
        } else if (is_named(key, "delete")) {
            delete = value;
        } else if (is_named(key, "attributes") && value.data[0] != DX_ANY_NULL) {
            op->attributes = value;
        }
    }
    if (op->attributes.size != 0 && op->attributes.data[0] != DX_ANY_OBJECT) {
        return DX_E_INVALID;
    }
    if (insert.size != 0) {
        op->insert = insert;
        return insert.data[0] == DX_ANY_NULL ? DX_E_INVALID : DX_OK;
    }
    op->step = retain.size != 0 ? STEP_RETAIN : STEP_DELETE;
    return retain.size != 0   ? read_length(retain, &op->length)
           : delete.size != 0 ? read_length(delete, &op->length)
                              : DX_E_INVALID;
}

/* The list of ops within a value. */
static dx_lib0_reader ops_of(dx_bytes delta, uint64_t *count) {
    dx_lib0_reader reader = dx_lib0_reader_of(delta);
    (void)dx_lib0_read_byte(&reader);
    *count = dx_lib0_read_uint(&reader);
    return reader;
}

static int insertion_of(const delta_op *op, dx_text_insertion *what) {
    if (op->insert.data[0] != DX_ANY_STRING) {
        *what = (dx_text_insertion){.ref = DX_TEXT_EMBED, .content = op->insert};
        return DX_OK;
    }
    dx_lib0_reader reader = dx_lib0_reader_of(op->insert);
    (void)dx_lib0_read_byte(&reader);
    *what = (dx_text_insertion){.ref = DX_TEXT_STRING, .content = dx_lib0_read_bytes(&reader)};
    uint64_t units = dx_wtf8_units(what->content);
    what->units = (uint32_t)units;
    return units > UINT32_MAX ? DX_E_LIMIT : DX_OK;
}

/* How far the ops before have come in the text as it was: in the document's unit, and in UTF-16. Beyond its end, lines are added. */
typedef struct delta_reach {
    uint64_t index, units, lines;
} delta_reach;

/* The UTF-16 units that a retain or delete of the text as it was covers, and with `lines` those it goes on behind its end. */
static int cover(const dx_text_doc *doc, dx_text_list list, uint64_t length, delta_reach *reach,
                 uint64_t *units, uint64_t *lines) {
    uint64_t all = dx_text_list_length(doc->sequence, list, doc->options.unit);
    uint64_t within = length < all - reach->index ? length : all - reach->index;
    dx_text_spot spot;
    int error = dx_text_spot_at(doc, list, reach->index + within, true, &spot);
    if (error == DX_OK) {
        uint64_t end = dx_text_spot_index(doc, list, spot);
        *units = end - reach->units;
        *lines = length - within;
        reach->index += within;
        reach->units = end;
    }
    return error;
}

/* All that the ops ask for, added up; their attributes become names. `keys` gathers each key once. */
static int plan(dx_text_pen *pen, dx_bytes delta, dx_text_need *need) {
    dx_text_doc *doc = pen->doc;
    uint64_t count, edits = 0;
    dx_lib0_reader reader = ops_of(delta, &count);
    delta_reach reach = {0, 0, 0};
    int error = DX_OK;
    dx_text_attributes keys;
    dx_text_attributes_init(&keys, &doc->alloc);
    for (; error == DX_OK && count > 0; count--) {
        delta_op op;
        error = read_op(&reader, &op);
        if (error == DX_OK && op.attributes.size != 0) {
            error = dx_text_attributes_read(doc, op.attributes, &keys);
        }
        if (error != DX_OK) {
            break;
        }
        edits++;
        if (op.step == STEP_INSERT) {
            dx_text_insertion what;
            error = insertion_of(&op, &what);
            if (what.ref == DX_TEXT_STRING) {
                need->text_bytes += what.content.size;
                need->clocks += what.units;
            } else {
                need->values += 1;
                need->value_bytes += what.content.size;
                need->clocks += 1;
            }
        } else {
            uint64_t units, lines = 0;
            error = cover(doc, pen->list, op.length, &reach, &units, &lines);
            reach.lines += op.step == STEP_RETAIN ? lines : 0;
        }
    }
    if (error == DX_OK && (reach.lines > DX_TEXT_LINES_ADDED_MAX || edits > UINT32_MAX)) {
        error = DX_E_LIMIT;
    }
    /* Everything the ops go over, and behind it up to what is live: its keys, too, may have to be ended. */
    for (size_t i = 0; error == DX_OK && i < keys.count; i++) {
        error = dx_text_attribute_null(doc, keys.rows[i].key, &keys.rows[i]);
    }
    error = error != DX_OK ? error : dx_text_pen_survey(pen, reach.units, true, need);
    for (dx_text_ref ref = pen->right; error == DX_OK && ref != 0 && dx_text_is_formatted(doc, pen->list);
         ref = dx_text_item_next(doc->sequence, ref)) {
        if (dx_text_is_marker(doc, ref)) {
            error = dx_text_attributes_reserve(&keys, 1);
            if (error == DX_OK) {
                dx_text_attributes_set(&keys, dx_text_attribute_of(doc, ref));
            }
        }
    }
    error = error != DX_OK ? error : dx_text_attributes_reserve(&pen->wanted, keys.count);
    error = error != DX_OK ? error : dx_text_attributes_reserve(&pen->current, keys.count);
    error = error != DX_OK ? error : dx_text_attributes_reserve(&pen->restored, keys.count);
    if (error == DX_OK && edits > SIZE_MAX / 4 / (keys.count + 1)) {
        error = DX_E_LIMIT;
    }
    need->items += (size_t)edits * (2 * keys.count + 1);
    need->splits += (size_t)edits;
    /* What an op puts or cuts off a later one may delete. */
    need->deletes += need->items + (size_t)edits;
    need->text_bytes += (size_t)reach.lines;
    need->clocks += reach.lines + edits * 2 * keys.count;
    dx_text_attributes_deinit(&keys);
    return error;
}

/* What plan looked at; nothing of it can fail now. The first pass over the places was of the text as it was: so are they gone over
 * again before anything changes it. */
static void run(dx_text_pen *pen, dx_bytes delta, const uint64_t *lengths) {
    uint64_t count;
    dx_lib0_reader reader = ops_of(delta, &count);
    for (; count > 0; count--) {
        delta_op op;
        dx_text_insertion what;
        int error = read_op(&reader, &op);
        pen->wanted.count = 0;
        if (error == DX_OK && op.attributes.size != 0) {
            error = dx_text_attributes_read(pen->doc, op.attributes, &pen->wanted);
        }
        DX_ASSERT(error == DX_OK);
        uint64_t length = op.step == STEP_INSERT ? 0 : *lengths++;
        if (op.step == STEP_INSERT && insertion_of(&op, &what) == DX_OK &&
            (what.ref != DX_TEXT_STRING || what.units > 0)) {
            dx_text_pen_insert(pen, &what);
        } else if (op.step == STEP_RETAIN && length > 0) {
            dx_text_pen_format(pen, length);
        } else if (op.step == STEP_DELETE && length > 0) {
            dx_text_pen_delete(pen, length);
        }
    }
}

/* Of each retain and delete the UTF-16 units, in `lengths`. */
static int measure(const dx_text_pen *pen, dx_bytes delta, dx_buf *lengths) {
    uint64_t count;
    dx_lib0_reader reader = ops_of(delta, &count);
    delta_reach reach = {0, 0, 0};
    int error = DX_OK;
    for (; error == DX_OK && count > 0; count--) {
        delta_op op;
        error = read_op(&reader, &op);
        if (error == DX_OK && op.step != STEP_INSERT) {
            uint64_t units = 0, lines = 0;
            error = cover(pen->doc, pen->list, op.length, &reach, &units, &lines);
            units += op.step == STEP_RETAIN ? lines : 0;
            dx_buf_append(lengths, &units, sizeof units);
        }
    }
    return error != DX_OK ? error : dx_buf_error(lengths);
}

int dx_text_apply_delta(dx_text_doc *doc, dx_text_type type, const char *delta) {
    dx_text_list list;
    int error = dx_text_editable(doc, type, DX_TEXT_KINDS_TEXT, &list);
    if (error != DX_OK || delta == NULL) {
        return error != DX_OK ? error : DX_E_INVALID;
    }
    dx_buf any, lengths;
    dx_text_pen pen;
    dx_text_need need = {.items = 0};
    dx_buf_init(&any, &doc->alloc, DX_TEXT_VALUE_MAX);
    dx_buf_init(&lengths, &doc->alloc, SIZE_MAX / 2);
    dx_text_pen_init(&pen, doc, list);
    error = dx_text_given(doc, delta, &any);
    if (error == DX_OK && any.data[0] != DX_ANY_ARRAY) {
        error = DX_E_INVALID;
    }
    pen.right = dx_text_list_first(doc->sequence, list);
    error = error != DX_OK ? error : plan(&pen, dx_buf_view(&any), &need);
    error = error != DX_OK ? error : measure(&pen, dx_buf_view(&any), &lengths);
    error = error != DX_OK ? error : dx_text_edit_begin(doc, &need);
    if (error == DX_OK) {
        run(&pen, dx_buf_view(&any), (const uint64_t *)(const void *)lengths.data);
        dx_text_edit_end(doc);
    }
    dx_text_pen_deinit(&pen);
    dx_buf_deinit(&lengths);
    dx_buf_deinit(&any);
    return dx_text_doc_error(doc, error);
}
