/* echo/row_log.c: rows on the disk that are not in their tables yet. See row_log.h.
 *
 * Layer: floor 1, echo. */
#include "echo/row_log.h"

#include <string.h>

#include "codec/cbor.h"

/* With its key a piece of so many bytes fills a leaf of its table, and is read by one page, wherever in it a row stands. A row that
 * is larger is a piece alone. */
enum { PIECE_SIZE = 4000 };

/* --- Writing --------------------------------------------------------------------------------- */

static void write_was(dx_writer *out, const dx_unwritten_row *row) {
    if (!row->was) {
        dx_write_null(out);
        return;
    }
    dx_write_array(out, 3);
    dx_write_int(out, row->before.kind);
    dx_write_int(out, row->before.type);
    dx_write_bool(out, row->before.deleted);
}

static void write_is(dx_writer *out, const dx_unwritten_row *row) {
    const dx_entity_row *is = &row->after;
    if (!row->is) {
        dx_write_null(out);
        return;
    }
    dx_write_array(out, 10);
    dx_write_int(out, is->kind);
    dx_write_int(out, is->type);
    dx_write_int(out, is->model);
    dx_write_int(out, is->created);
    dx_write_int(out, is->parent);
    dx_write_bool(out, is->deleted);
    if (is->has_life) {
        dx_write_array(out, 2);
        dx_write_int(out, is->life_counter);
        dx_write_int(out, is->life_feed);
    } else {
        dx_write_null(out);
    }
    dx_write_int(out, is->source);
    dx_write_int(out, is->target);
    dx_write_bytes(out, is->state);
}

int dx_row_log_write(const dx_unwritten_row *row, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 3);
    dx_write_int(&writer, row->key);
    write_was(&writer, row);
    write_is(&writer, row);
    return dx_writer_finish(&writer);
}

/* The first `size` bytes of what was written; the others begin the next piece. */
static int end_piece(dx_context *context, int64_t space, dx_unwritten *set, dx_buf *rows, size_t size) {
    sqlite3_stmt *insert = dx_store_query(context->store, "INSERT INTO row_log(key, rows) VALUES(?1, ?2)");
    dx_bind_int(insert, 1, space << 32 | set->pieces++);
    dx_bind_bytes(insert, 2, dx_bytes_of(rows->data, size));
    int error = dx_step_done(context->store, insert);
    rows->size -= size;
    memmove(rows->data, rows->data + size, rows->size);
    return error;
}

int dx_row_log_append(dx_context *context, int64_t space, dx_unwritten *set) {
    dx_buf rows;
    int error = DX_OK;
    dx_buf_init(&rows, context->alloc, SIZE_MAX);
    for (size_t i = 0; i < set->row_count && error == DX_OK; i++) {
        dx_unwritten_row *row = dx_unwritten_at(set, i);
        size_t before = rows.size;
        if (row->logged) {
            continue;
        }
        error = dx_row_log_write(row, &rows);
        row->logged = true;
        set->in_log++;
        if (error == DX_OK && rows.size > PIECE_SIZE && before != 0) {
            error = end_piece(context, space, set, &rows, before);
        }
    }
    if (error == DX_OK && rows.size != 0) {
        error = end_piece(context, space, set, &rows, rows.size);
    }
    dx_buf_deinit(&rows);
    return error;
}

/* --- Reading --------------------------------------------------------------------------------- */

/* An opening after a crash reads as many rows as a set may have: their form is one, so heads are taken as they must come, without
 * the reader's account of what is open. */
typedef struct cursor {
    const uint8_t *at, *end;
    bool failed; /* whatever is taken then is nothing */
} cursor;

/* Passes over the byte, if it is the next. */
static bool take_byte(cursor *in, uint8_t byte) {
    bool is_next = in->at < in->end && *in->at == byte;
    in->at += is_next;
    return is_next;
}

static void take_array(cursor *in, uint8_t count) {
    in->failed = !take_byte(in, (uint8_t)(MAJOR_ARRAY << 5 | count)) || in->failed;
}

static bool take_bool(cursor *in) {
    bool is = take_byte(in, BYTE_TRUE);
    in->failed = in->failed || (!is && !take_byte(in, BYTE_FALSE));
    return is;
}

static uint64_t take_head(cursor *in, int *major) {
    uint64_t argument = 0;
    *major = in->at < in->end ? *in->at >> 5 : MAJOR_SIMPLE;
    in->failed = in->failed || *major == MAJOR_SIMPLE || !read_head(&in->at, in->end, &argument);
    return in->failed ? 0 : argument;
}

static int64_t take_int(cursor *in) {
    int major;
    uint64_t argument = take_head(in, &major);
    in->failed = in->failed || major > MAJOR_NEGATIVE || argument > INT64_MAX;
    return in->failed ? 0 : major == MAJOR_NEGATIVE ? -1 - (int64_t)argument : (int64_t)argument;
}

static dx_bytes take_bytes(cursor *in) {
    int major;
    uint64_t size = take_head(in, &major);
    in->failed = in->failed || major != MAJOR_BYTES || size > (size_t)(in->end - in->at);
    dx_bytes bytes = in->failed ? dx_bytes_of(NULL, 0) : dx_bytes_of(in->at, (size_t)size);
    in->at += bytes.size;
    return bytes;
}

static void take_was(cursor *in, dx_unwritten_row *row) {
    row->was = !take_byte(in, BYTE_NULL);
    if (row->was) {
        take_array(in, 3);
        row->before.kind = take_int(in);
        row->before.type = take_int(in);
        row->before.deleted = take_bool(in);
    }
}

static void take_is(cursor *in, dx_unwritten_row *row) {
    dx_entity_row *is = &row->after;
    row->is = !take_byte(in, BYTE_NULL);
    if (!row->is) {
        return;
    }
    take_array(in, 10);
    is->kind = take_int(in);
    is->type = take_int(in);
    is->model = take_int(in);
    is->created = take_int(in);
    is->parent = take_int(in);
    is->deleted = take_bool(in);
    is->has_life = !take_byte(in, BYTE_NULL);
    if (is->has_life) {
        take_array(in, 2);
        is->life_counter = take_int(in);
        is->life_feed = take_int(in);
    }
    is->source = take_int(in);
    is->target = take_int(in);
    is->state = take_bytes(in);
}

static int take_row(cursor *in, dx_unwritten_row *row) {
    *row = (dx_unwritten_row){.logged = true};
    take_array(in, 3);
    row->key = row->before.key = row->after.key = take_int(in);
    take_was(in, row);
    take_is(in, row);
    return in->failed || row->key <= 0 ? DX_E_MALFORMED : DX_OK;
}

int dx_row_log_pack(dx_unwritten *set, uint32_t piece, dx_bytes rows, dx_row_log_weigh *weigh, void *ctx) {
    cursor in = {.at = rows.data, .end = rows.data + rows.size};
    dx_unwritten_row row;
    int error = DX_OK;
    while (error == DX_OK && in.at < in.end) {
        dx_unwritten_packed packed = {.piece = piece, .offset = (uint32_t)(in.at - rows.data)};
        error = take_row(&in, &row);
        packed.was = row.was;
        error = error == DX_OK ? weigh(ctx, &row, &packed) : error;
        error =
            error == DX_OK ? dx_unwritten_pack(set, row.key, &packed, row.is ? row.after.parent : 0) : error;
        set->in_log++;
    }
    return error;
}

/* The row, whose state is in bytes that go. */
static int load_row(dx_unwritten *set, dx_unwritten_row *row) {
    row->after.state = dx_unwritten_keep(set, row->after.state);
    return row->after.state.data == NULL ? DX_E_NO_MEMORY : dx_unwritten_load(set, row);
}

int dx_row_log_unpack_row(dx_unwritten *set, const dx_unwritten_packed *packed, dx_bytes rows) {
    dx_unwritten_row row;
    cursor in = {.at = rows.data + packed->offset, .end = rows.data + rows.size};
    if (packed->offset > rows.size) {
        return DX_E_MALFORMED;
    }
    int error = take_row(&in, &row);
    bool same = error == DX_OK && dx_unwritten_find_packed(set, row.key) == packed;
    return error == DX_OK && !same ? DX_E_MALFORMED : error == DX_OK ? load_row(set, &row) : error;
}

int dx_row_log_unpack_piece(dx_unwritten *set, uint32_t piece, dx_bytes rows) {
    cursor in = {.at = rows.data, .end = rows.data + rows.size};
    dx_unwritten_row row;
    int error = DX_OK;
    while (error == DX_OK && in.at < in.end) {
        size_t offset = (size_t)(in.at - rows.data);
        error = take_row(&in, &row);
        const dx_unwritten_packed *packed = error == DX_OK ? dx_unwritten_find_packed(set, row.key) : NULL;
        if (packed != NULL && packed->piece == piece && packed->offset == offset) {
            error = load_row(set, &row);
        }
    }
    return error;
}

static sqlite3_stmt *select_pieces(dx_context *context, int64_t space) {
    sqlite3_stmt *select =
        dx_store_query(context->store,
                       "SELECT key & 4294967295, rows FROM row_log WHERE key BETWEEN ?1 AND ?2 ORDER BY key");
    dx_bind_int(select, 1, space << 32);
    dx_bind_int(select, 2, space << 32 | UINT32_MAX);
    return select;
}

static int end_reading(dx_context *context, sqlite3_stmt *select, int error) {
    dx_step_reset(select);
    int failed = dx_store_error(context->store);
    return error == DX_E_MALFORMED ? DX_E_CORRUPT : error != DX_OK ? error : failed;
}

int dx_row_log_read(dx_context *context, int64_t space, dx_unwritten *set, dx_row_log_weigh *weigh,
                    void *ctx) {
    sqlite3_stmt *select = select_pieces(context, space);
    int error = DX_OK;
    while (error == DX_OK && dx_step(context->store, select)) {
        error = dx_column_int(select, 0) == set->pieces
                    ? dx_row_log_pack(set, (uint32_t)set->pieces, dx_column_bytes(select, 1), weigh, ctx)
                    : DX_E_MALFORMED;
        set->pieces++;
    }
    return end_reading(context, select, error);
}

int dx_row_log_unpack(dx_context *context, int64_t space, dx_unwritten *set, int64_t key) {
    const dx_unwritten_packed *packed = dx_unwritten_find_packed(set, key);
    if (packed == NULL) {
        return DX_OK;
    }
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT rows FROM row_log WHERE key = ?1 LIMIT 1");
    dx_bind_int(select, 1, space << 32 | packed->piece);
    int error = dx_step(context->store, select)
                    ? dx_row_log_unpack_row(set, packed, dx_column_bytes(select, 0))
                : dx_store_error(context->store) == DX_OK ? DX_E_MALFORMED
                                                          : DX_OK;
    return end_reading(context, select, error);
}

int dx_row_log_unpack_all(dx_context *context, int64_t space, dx_unwritten *set) {
    if (set->packed_left == 0) {
        return DX_OK;
    }
    sqlite3_stmt *select = select_pieces(context, space);
    int error = DX_OK;
    while (error == DX_OK && set->packed_left != 0 && dx_step(context->store, select)) {
        error = dx_row_log_unpack_piece(set, (uint32_t)dx_column_int(select, 0), dx_column_bytes(select, 1));
    }
    error = end_reading(context, select, error);
    return error == DX_OK && set->packed_left != 0 ? DX_E_CORRUPT : error;
}

int dx_row_log_drop(dx_context *context, int64_t space) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM row_log WHERE key BETWEEN ?1 AND ?2");
    dx_bind_int(remove, 1, space << 32);
    dx_bind_int(remove, 2, space << 32 | UINT32_MAX);
    return dx_step_done(context->store, remove);
}
