/* echo/row_log.c: rows on the disk that are not in their tables yet. See row_log.h.
 *
 * Layer: floor 1, echo. */
#include "echo/row_log.h"

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

static void read_was(dx_reader *in, dx_unwritten_row *row) {
    row->was = dx_reader_peek(in) != DX_KIND_NULL;
    if (!row->was) {
        dx_read_null(in);
        return;
    }
    if (dx_read_array(in) != 3) {
        dx_reader_fail(in);
    }
    row->before.kind = dx_read_int(in);
    row->before.type = dx_read_int(in);
    row->before.deleted = dx_read_bool(in);
}

static void read_is(dx_reader *in, dx_unwritten_row *row) {
    dx_entity_row *is = &row->after;
    row->is = dx_reader_peek(in) != DX_KIND_NULL;
    if (!row->is) {
        dx_read_null(in);
        return;
    }
    if (dx_read_array(in) != 10) {
        dx_reader_fail(in);
    }
    is->kind = dx_read_int(in);
    is->type = dx_read_int(in);
    is->model = dx_read_int(in);
    is->created = dx_read_int(in);
    is->parent = dx_read_int(in);
    is->deleted = dx_read_bool(in);
    is->has_life = dx_reader_peek(in) != DX_KIND_NULL;
    if (!is->has_life) {
        dx_read_null(in);
    } else {
        if (dx_read_array(in) != 2) {
            dx_reader_fail(in);
        }
        is->life_counter = dx_read_int(in);
        is->life_feed = dx_read_int(in);
    }
    is->source = dx_read_int(in);
    is->target = dx_read_int(in);
    is->state = dx_read_bytes(in);
}

int dx_row_log_take(dx_unwritten *set, dx_bytes rows) {
    dx_reader in;
    dx_reader_init(&in, rows);
    while (in.error == DX_OK && in.at != in.end) {
        dx_unwritten_row row = {.logged = true};
        if (dx_read_array(&in) != 3) {
            dx_reader_fail(&in);
        }
        row.key = row.before.key = row.after.key = dx_read_int(&in);
        read_was(&in, &row);
        read_is(&in, &row);
        if (row.key <= 0) {
            dx_reader_fail(&in);
        }
        int error = in.error == DX_OK ? dx_unwritten_load(set, &row) : DX_OK;
        set->in_log++;
        if (error != DX_OK) {
            return error;
        }
    }
    return dx_reader_finish(&in);
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
