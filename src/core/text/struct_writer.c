/* text/struct_writer.c: updates, struct by struct.
 *
 * Layer: floor 1, text. Where a field goes is all the forms differ in, and the small functions at the top know it. A count that is
 * not known yet has one byte; behind a count that needs more the section moves once. */
#include "text/struct_writer.h"
#include "text/wtf8.h"

#include <string.h>

enum { SUB_BIT = 0x20, RIGHT_BIT = 0x40, ORIGIN_BIT = 0x80 };
/* Of an item before its content: info byte, two origins. */
enum { ITEM_HEAD_MAX = 1 + 4 * (DX_LIB0_UINT_SIZE_MAX + 2) };

static dx_column_writer *const *columns_of(dx_text_writer *writer, dx_column_writer *columns[static 9]) {
    columns[0] = &writer->key_clock;
    columns[1] = &writer->client;
    columns[2] = &writer->left_clock;
    columns[3] = &writer->right_clock;
    columns[4] = &writer->info;
    columns[5] = &writer->parent_info;
    columns[6] = &writer->type_ref;
    columns[7] = &writer->length;
    columns[8] = &writer->string_length;
    return columns;
}

enum { COLUMN_COUNT = 9 };

/* --- Fields ---------------------------------------------------------------------------------- */

static bool is_v1(const dx_text_writer *writer) {
    return writer->form == DX_TEXT_V1;
}

/* A count to be put here later. Returns its place. */
static size_t leave_count(dx_buf *body) {
    dx_buf_append_byte(body, 0);
    return body->size - 1;
}

static void put_count(dx_buf *body, size_t at, uint64_t count) {
    uint8_t head[DX_LIB0_UINT_SIZE_MAX + 2];
    size_t size = dx_lib0_put_uint(head, count);
    if (dx_buf_error(body) != DX_OK) {
        return;
    }
    size_t behind = body->size - at - 1;
    if (size > 1 && dx_buf_extend(body, size - 1) != NULL) {
        memmove(body->data + at + size, body->data + at + 1, behind);
    }
    if (dx_buf_error(body) == DX_OK) {
        memcpy(body->data + at, head, size);
    }
}

static void write_left_id(dx_text_writer *writer, dx_text_id id) {
    dx_column_write_uint(&writer->client, id.client);
    dx_column_write_difference(&writer->left_clock, id.clock);
}

static void write_right_id(dx_text_writer *writer, dx_text_id id) {
    dx_column_write_uint(&writer->client, id.client);
    dx_column_write_difference(&writer->right_clock, id.clock);
}

static void write_length(dx_text_writer *writer, uint64_t length) {
    if (is_v1(writer)) {
        dx_lib0_write_uint(writer->body, length);
    } else {
        dx_column_write_uint(&writer->length, length);
    }
}

static void write_name(dx_text_writer *writer, dx_bytes name) {
    if (is_v1(writer)) {
        dx_lib0_write_string(writer->body, name);
    } else {
        dx_buf_append(&writer->string, name.data, name.size);
        dx_column_write_uint(&writer->string_length, dx_wtf8_units(name));
    }
}

/* Always a number of its own and the name: a table of names Yjs keeps and never fills. */
static void write_key(dx_text_writer *writer, dx_bytes key) {
    if (!is_v1(writer)) {
        dx_column_write_difference(&writer->key_clock, writer->keys++);
    }
    write_name(writer, key);
}

/* --- Content --------------------------------------------------------------------------------- */

static void write_string(dx_text_writer *writer, const dx_text_struct *from, uint64_t offset) {
    if (!is_v1(writer)) {
        dx_column_write_uint(&writer->string_length, from->length - offset);
        if (offset == 0) {
            dx_buf_append(&writer->string, from->content.data, from->content.size);
        } else {
            dx_wtf8_slice(from->content, offset, from->length, &writer->string);
        }
    } else if (offset == 0) {
        dx_lib0_write_string(writer->body, from->content);
    } else {
        writer->string.size = 0;
        dx_wtf8_slice(from->content, offset, from->length, &writer->string);
        dx_lib0_write_string(writer->body, dx_buf_view(&writer->string));
    }
}

/* A value that v1 has as JSON. */
static void write_value(dx_text_writer *writer, dx_bytes any) {
    if (!is_v1(writer)) {
        dx_lib0_write_any(writer->body, any);
        return;
    }
    writer->string.size = 0;
    dx_any_to_json(any, &writer->string);
    dx_lib0_write_bytes(writer->body, dx_buf_view(&writer->string));
}

static void write_json_list(dx_text_writer *writer, const dx_text_struct *from, uint64_t offset) {
    dx_lib0_reader reader = dx_lib0_reader_of(from->content);
    for (uint64_t i = 0; i < from->length; i++) {
        dx_bytes json = dx_lib0_read_bytes(&reader);
        if (i >= offset) {
            write_name(writer, json);
        }
    }
}

static void write_any_list(dx_text_writer *writer, const dx_text_struct *from, uint64_t offset) {
    dx_lib0_reader reader = dx_lib0_reader_of(from->content);
    for (uint64_t i = 0; i < offset; i++) {
        (void)dx_lib0_take_any(&reader);
    }
    if (!dx_wtf8_has_half(from->content)) {
        dx_buf_append(writer->body, reader.at, dx_lib0_left(&reader));
        return;
    }
    for (uint64_t i = offset; i < from->length; i++) {
        dx_lib0_write_any(writer->body, dx_lib0_take_any(&reader));
    }
}

static void write_type(dx_text_writer *writer, const dx_text_struct *from) {
    if (is_v1(writer)) {
        dx_lib0_write_uint(writer->body, from->type_ref);
    } else {
        dx_column_write_uint(&writer->type_ref, from->type_ref);
    }
    if (from->type_ref == DX_TEXT_KIND_XML_ELEMENT || from->type_ref == DX_TEXT_KIND_XML_HOOK) {
        write_key(writer, from->key);
    }
}

static void write_content(dx_text_writer *writer, const dx_text_struct *from, uint64_t offset) {
    switch (from->ref) {
    case DX_TEXT_DELETED:
        write_length(writer, from->length - offset);
        break;
    case DX_TEXT_JSON:
        write_length(writer, from->length - offset);
        write_json_list(writer, from, offset);
        break;
    case DX_TEXT_BINARY:
        dx_lib0_write_bytes(writer->body, from->content);
        break;
    case DX_TEXT_STRING:
        write_string(writer, from, offset);
        break;
    case DX_TEXT_EMBED:
        write_value(writer, from->content);
        break;
    case DX_TEXT_FORMAT:
        write_key(writer, from->key);
        write_value(writer, from->content);
        break;
    case DX_TEXT_TYPE:
        write_type(writer, from);
        break;
    case DX_TEXT_ANY:
        write_length(writer, from->length - offset);
        write_any_list(writer, from, offset);
        break;
    case DX_TEXT_DOC:
        write_name(writer, from->key);
        dx_lib0_write_any(writer->body, from->content);
        break;
    default:
        DX_ASSERT(false);
    }
}

/* --- Structs --------------------------------------------------------------------------------- */

static void write_parent(dx_text_writer *writer, const dx_text_struct *from) {
    bool root = from->parent == DX_TEXT_PARENT_ROOT;
    DX_ASSERT(from->parent != DX_TEXT_PARENT_COPIED);
    if (is_v1(writer)) {
        dx_buf_append_byte(writer->body, root ? 1 : 0);
    } else {
        dx_column_write_byte(&writer->parent_info, root ? 1 : 0);
    }
    if (root) {
        write_name(writer, from->parent_name);
    } else if (is_v1(writer)) {
        dx_lib0_write_uint(writer->body, from->parent_id.client);
        dx_lib0_write_uint(writer->body, from->parent_id.clock);
    } else {
        write_left_id(writer, from->parent_id);
    }
    if (from->has_sub) {
        write_name(writer, from->sub);
    }
}

/* The head of an item in v1, in one piece. */
static void write_head(dx_text_writer *writer, uint8_t info, dx_text_id origin, dx_text_id right) {
    uint8_t head[ITEM_HEAD_MAX];
    size_t size = 0;
    head[size++] = info;
    if ((info & ORIGIN_BIT) != 0) {
        size += dx_lib0_put_uint(head + size, origin.client);
        size += dx_lib0_put_uint(head + size, origin.clock);
    }
    if ((info & RIGHT_BIT) != 0) {
        size += dx_lib0_put_uint(head + size, right.client);
        size += dx_lib0_put_uint(head + size, right.clock);
    }
    dx_buf_append(writer->body, head, size);
}

static void write_head_columns(dx_text_writer *writer, uint8_t info, dx_text_id origin, dx_text_id right) {
    dx_column_write_byte(&writer->info, info);
    if ((info & ORIGIN_BIT) != 0) {
        write_left_id(writer, origin);
    }
    if ((info & RIGHT_BIT) != 0) {
        write_right_id(writer, right);
    }
}

static void write_item(dx_text_writer *writer, const dx_text_struct *from, uint64_t offset) {
    bool has_origin = from->has_origin || offset > 0;
    dx_text_id origin =
        offset > 0 ? (dx_text_id){from->id.client, from->id.clock + offset - 1} : from->origin;
    uint8_t info = (uint8_t)(from->ref | (has_origin ? ORIGIN_BIT : 0) | (from->has_right ? RIGHT_BIT : 0) |
                             (from->has_sub ? SUB_BIT : 0));
    if (is_v1(writer)) {
        write_head(writer, info, origin, from->right);
    } else {
        write_head_columns(writer, info, origin, from->right);
    }
    if (!has_origin && !from->has_right) {
        write_parent(writer, from);
    }
    write_content(writer, from, offset);
}

void dx_text_writer_struct(dx_text_writer *writer, const dx_text_struct *from, uint64_t offset) {
    DX_ASSERT(offset < from->length);
    writer->structs++;
    if (from->ref != DX_TEXT_GC && from->ref != DX_TEXT_SKIP) {
        write_item(writer, from, offset);
        return;
    }
    if (is_v1(writer)) {
        dx_buf_append_byte(writer->body, from->ref);
    } else {
        dx_column_write_byte(&writer->info, from->ref);
    }
    if (from->ref == DX_TEXT_GC) {
        write_length(writer, from->length - offset);
    } else {
        dx_lib0_write_uint(writer->body, from->length - offset);
    }
}

static void end_section(dx_text_writer *writer) {
    if (writer->sections > 0) {
        put_count(writer->body, writer->structs_at, writer->structs);
    }
}

void dx_text_writer_section(dx_text_writer *writer, uint64_t client, uint64_t clock) {
    end_section(writer);
    writer->sections++;
    writer->structs = 0;
    writer->structs_at = writer->body->size;
    uint8_t head[1 + 2 * (DX_LIB0_UINT_SIZE_MAX + 2)] = {0}; /* the count's byte */
    size_t size = 1;
    if (is_v1(writer)) {
        size += dx_lib0_put_uint(head + size, client);
    } else {
        dx_column_write_uint(&writer->client, client);
    }
    size += dx_lib0_put_uint(head + size, clock);
    dx_buf_append(writer->body, head, size);
}

/* --- Life ------------------------------------------------------------------------------------ */

void dx_text_writer_init(dx_text_writer *writer, const dx_alloc *alloc) {
    dx_column_writer *columns[COLUMN_COUNT];
    *writer = (dx_text_writer){.form = DX_TEXT_V1};
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        dx_column_init(columns_of(writer, columns)[i], alloc);
    }
    dx_buf_init(&writer->string, alloc, SIZE_MAX);
    dx_buf_init(&writer->rest, alloc, SIZE_MAX);
}

void dx_text_writer_deinit(dx_text_writer *writer) {
    dx_column_writer *columns[COLUMN_COUNT];
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        dx_column_deinit(columns_of(writer, columns)[i]);
    }
    dx_buf_deinit(&writer->string);
    dx_buf_deinit(&writer->rest);
}

static void empty(dx_buf *buf) {
    buf->size = 0;
    buf->error = DX_OK;
}

void dx_text_writer_begin(dx_text_writer *writer, dx_text_form form, dx_buf *out) {
    writer->form = form;
    writer->out = out;
    writer->body = form == DX_TEXT_V1 ? out : &writer->rest;
    writer->begun = out->size;
    writer->sections = writer->keys = 0;
    empty(&writer->string);
    if (form == DX_TEXT_V2) {
        dx_column_writer *columns[COLUMN_COUNT];
        for (size_t i = 0; i < COLUMN_COUNT; i++) {
            dx_column_begin(columns_of(writer, columns)[i]);
        }
        empty(&writer->rest);
    }
    writer->sections_at = leave_count(writer->body);
}

static void end_columns(dx_text_writer *writer) {
    dx_column_end_difference(&writer->key_clock);
    dx_column_end_uint(&writer->client);
    dx_column_end_difference(&writer->left_clock);
    dx_column_end_difference(&writer->right_clock);
    dx_column_end_uint(&writer->type_ref);
    dx_column_end_uint(&writer->length);
    dx_column_end_uint(&writer->string_length);
}

/* The strings are one string, so that halves of pairs that came apart are joined; behind it stands the column of their lengths.
 * The rest has been written: what is behind it in that buffer is free. */
static void append_strings(dx_text_writer *writer) {
    size_t end = writer->rest.size;
    dx_lib0_write_string(&writer->rest, dx_buf_view(&writer->string));
    dx_buf_append(&writer->rest, writer->string_length.bytes.data, writer->string_length.bytes.size);
    if (dx_buf_error(&writer->rest) == DX_OK) {
        dx_lib0_write_bytes(writer->out, dx_bytes_of(writer->rest.data + end, writer->rest.size - end));
        writer->rest.size = end;
    }
}

static void append_columns(dx_text_writer *writer) {
    const dx_column_writer *before[] = {&writer->key_clock, &writer->client, &writer->left_clock,
                                        &writer->right_clock, &writer->info};
    const dx_column_writer *behind[] = {&writer->parent_info, &writer->type_ref, &writer->length};
    end_columns(writer);
    dx_buf_append_byte(writer->out, 0); /* features: none */
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        dx_lib0_write_bytes(writer->out, dx_buf_view(&before[i]->bytes));
    }
    append_strings(writer);
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        dx_lib0_write_bytes(writer->out, dx_buf_view(&behind[i]->bytes));
    }
    dx_buf_append(writer->out, writer->rest.data, writer->rest.size);
}

static int first_error(dx_text_writer *writer) {
    dx_column_writer *columns[COLUMN_COUNT];
    const int errors[] = {writer->out->error, writer->string.error,
                          writer->form == DX_TEXT_V2 ? writer->rest.error : DX_OK};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i] != DX_OK) {
            return errors[i];
        }
    }
    for (size_t i = 0; i < COLUMN_COUNT && writer->form == DX_TEXT_V2; i++) {
        const dx_column_writer *column = columns_of(writer, columns)[i];
        if (column->bytes.error != DX_OK) {
            return column->bytes.error;
        }
    }
    return DX_OK;
}

int dx_text_writer_finish(dx_text_writer *writer, const dx_id_set *deletes) {
    end_section(writer);
    put_count(writer->body, writer->sections_at, writer->sections);
    if (deletes == NULL) {
        dx_lib0_write_uint(writer->body, 0);
    } else {
        dx_id_set_write(deletes, writer->form, writer->body);
    }
    if (writer->form == DX_TEXT_V2) {
        append_columns(writer);
    }
    int error = first_error(writer);
    if (error != DX_OK) {
        writer->out->size = writer->begun;
        writer->out->error = DX_OK;
    }
    return error;
}
