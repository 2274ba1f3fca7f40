/* echo/row_log.c: rows on the disk that are not in their tables yet. See row_log.h.
 *
 * Layer: floor 1, echo. */
#include "echo/row_log.h"

#include "codec/cbor.h"

enum { PIECE_SIZE = 64 * 1024 }; /* a piece ends behind the row that reaches it */

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

static int end_piece(dx_context *context, int64_t space, dx_unwritten *set, dx_buf *piece) {
    sqlite3_stmt *insert = dx_store_query(context->store, "INSERT INTO row_log(key, rows) VALUES(?1, ?2)");
    dx_bind_int(insert, 1, space << 32 | set->pieces++);
    dx_bind_bytes(insert, 2, dx_buf_view(piece));
    int error = dx_step_done(context->store, insert);
    dx_buf_clear(piece);
    return error;
}

int dx_row_log_append(dx_context *context, int64_t space, dx_unwritten *set) {
    dx_buf piece;
    int error = DX_OK;
    dx_buf_init(&piece, context->alloc, SIZE_MAX);
    for (size_t i = 0; i < set->row_count && error == DX_OK; i++) {
        dx_unwritten_row *row = dx_unwritten_at(set, i);
        if (!row->logged) {
            error = dx_row_log_write(row, &piece);
            row->logged = true;
            set->in_log++;
        }
        if (error == DX_OK && piece.size >= PIECE_SIZE) {
            error = end_piece(context, space, set, &piece);
        }
    }
    if (error == DX_OK && piece.size != 0) {
        error = end_piece(context, space, set, &piece);
    }
    dx_buf_deinit(&piece);
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

int dx_row_log_take(dx_unwritten *set, dx_bytes rows) {
    dx_bytes kept = dx_unwritten_keep(set, rows);
    cursor in = {.at = kept.data, .end = kept.data + kept.size};
    int error = kept.data == NULL ? DX_E_NO_MEMORY : DX_OK;
    while (error == DX_OK && in.at < in.end) {
        dx_unwritten_row row = {.logged = true};
        take_array(&in, 3);
        row.key = row.before.key = row.after.key = take_int(&in);
        take_was(&in, &row);
        take_is(&in, &row);
        error = in.failed || row.key <= 0 ? DX_E_MALFORMED : dx_unwritten_load(set, &row);
        set->in_log++;
    }
    return error;
}

int dx_row_log_read(dx_context *context, int64_t space, dx_unwritten *set) {
    sqlite3_stmt *select =
        dx_store_query(context->store,
                       "SELECT key & 4294967295, rows FROM row_log WHERE key BETWEEN ?1 AND ?2 ORDER BY key");
    int error = DX_OK;
    dx_bind_int(select, 1, space << 32);
    dx_bind_int(select, 2, space << 32 | UINT32_MAX);
    while (error == DX_OK && dx_step(context->store, select)) {
        error = dx_column_int(select, 0) == set->pieces ? dx_row_log_take(set, dx_column_bytes(select, 1))
                                                        : DX_E_MALFORMED;
        set->pieces++;
    }
    dx_step_reset(select);
    int failed = dx_store_error(context->store);
    return error == DX_E_MALFORMED ? DX_E_CORRUPT : error != DX_OK ? error : failed;
}

int dx_row_log_drop(dx_context *context, int64_t space) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM row_log WHERE key BETWEEN ?1 AND ?2");
    dx_bind_int(remove, 1, space << 32);
    dx_bind_int(remove, 2, space << 32 | UINT32_MAX);
    return dx_step_done(context->store, remove);
}
