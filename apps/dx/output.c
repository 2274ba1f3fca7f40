/* dx/output.c: tables, TSV, NDJSON. See output.h. */
#include "output.h"

#include <dxos/host.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"

enum {
    LINE_MAX_SIZE = 64 << 20, /* one row as text: an object as large as a block, escaped */
    SHORT_DIGITS = 8
};

static const uint8_t null_item[] = {0xf6};

void dx_output_init(dx_output *output) {
    output->table = dx_terminal_is(STDOUT_FILENO);
    output->words = dx_terminal_is(STDERR_FILENO);
    output->colour = dx_terminal_has_colour(STDOUT_FILENO);
    output->error_colour = dx_terminal_has_colour(STDERR_FILENO);
}

static void give_up(dx_output *output) {
    output->closed = true;
    output->failure = errno == EPIPE ? 0 : errno;
}

static void print(dx_output *output, const dx_buf *line) {
    if (dx_buf_error(line) != DX_OK) {
        errno = ENOMEM; /* not even room for one line */
        give_up(output);
    } else if (!output->closed && fwrite(line->data, 1, line->size, stdout) != line->size) {
        give_up(output);
    }
}

void dx_output_flush(dx_output *output) {
    if (!output->closed && fflush(stdout) != 0) {
        give_up(output);
    }
}

/* --- Cells -------------------------------------------------------------------------------------------------
 */

static dx_bytes find_cell(const dx_table *table, dx_bytes row, size_t column) {
    dx_reader reader;
    dx_reader_init(&reader, row);
    if (dx_reader_peek(&reader) != DX_KIND_ARRAY) {
        return dx_item_get(row, table->columns[column].key);
    }
    for (size_t left = dx_read_array(&reader); left > 0; left--) {
        dx_bytes item = dx_read_item(&reader);
        if (column-- == 0) {
            return item;
        }
    }
    return (dx_bytes){0};
}

static dx_bytes cell_item(const dx_table *table, dx_bytes row, size_t column) {
    dx_bytes item = find_cell(table, row, column);
    return item.size == 0 ? dx_bytes_of(null_item, sizeof null_item) : item;
}

/* A name as JSON writes it; most are as they are. */
static void write_key(const char *key, dx_buf *out) {
    dx_buf item;
    dx_writer writer;
    if (strpbrk(key, "\"\\") == NULL &&
        strcspn(key, "\001\002\003\004\005\006\007\b\t\n\v\f\r\016\017\020\021\022\023\024"
                     "\025\026\027\030\031\032\033\034\035\036\037") == strlen(key)) {
        dx_buf_append_byte(out, '"');
        dx_buf_append(out, key, strlen(key));
        dx_buf_append_byte(out, '"');
        return;
    }
    dx_buf_init(&item, dx_host_alloc(), LINE_MAX_SIZE);
    dx_writer_init(&writer, &item);
    dx_write_text(&writer, key);
    if (dx_writer_finish(&writer) != DX_OK || dx_json_print(dx_buf_view(&item), out) != DX_OK) {
        dx_buf_append(out, "\"\"", 2);
    }
    dx_buf_deinit(&item);
}

/* A time's text is what its tag is over. */
static dx_bytes characters(dx_bytes item) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    if (dx_reader_peek(&reader) != DX_KIND_TAG || dx_read_tag(&reader) != DX_TAG_TIMESTAMP) {
        return dx_item_text(item);
    }
    return dx_read_text(&reader);
}

/* The cell as plain text: of texts and times their characters, of all else its JSON, of null nothing. */
static void write_plain(dx_bytes item, dx_buf *out) {
    dx_bytes text = characters(item);
    if (text.data != NULL) {
        dx_buf_append(out, text.data, text.size);
    } else if (dx_item_kind(item) != DX_KIND_NULL && dx_json_print(item, out) != DX_OK) {
        dx_buf_append(out, "?", 1);
    }
}

static dx_bytes shorten(dx_cell cell, dx_bytes text) {
    size_t keep = text.size;
    if (cell == DX_CELL_HEX && text.size > SHORT_DIGITS) {
        keep = SHORT_DIGITS;
    } else if (cell == DX_CELL_PLACE) {
        size_t at = text.size; /* of the feed's digits */
        while (at > 0 && text.data[at - 1] != '-') {
            at--;
        }
        keep = at + SHORT_DIGITS < text.size ? at + SHORT_DIGITS : text.size;
    }
    return (dx_bytes){text.data, keep};
}

/* The cell as a terminal shows it; returns its columns. */
static size_t write_shown(dx_bytes item, dx_cell cell, size_t columns, dx_buf *out) {
    dx_buf plain;
    dx_buf_init(&plain, dx_host_alloc(), LINE_MAX_SIZE);
    write_plain(item, &plain);
    if (plain.size == 0) {
        dx_buf_append(&plain, "-", 1);
    }
    size_t width = dx_terminal_text(shorten(cell, dx_buf_view(&plain)), columns, out);
    dx_buf_deinit(&plain);
    return width;
}

/* U+0000 to U+001F, U+007F, U+0080 to U+009F: what a terminal at the pipe's end would act on. Bytes of it, or 0. */
static size_t control_size(dx_bytes text, size_t at) {
    uint8_t c = text.data[at];
    if (c < 0x20 || c == 0x7f) {
        return 1;
    }
    return c == 0xc2 && at + 1 < text.size && text.data[at + 1] < 0xa0 ? 2 : 0;
}

/* Tabs and line breaks would end the cell: they are written as \t and \n, a backslash as two, other control
 * characters as \u001b. JSON in a cell has its own escapes. */
static void write_tsv(dx_bytes item, dx_buf *out) {
    size_t from = out->size;
    dx_buf plain;
    dx_buf_init(&plain, dx_host_alloc(), LINE_MAX_SIZE);
    write_plain(item, &plain);
    for (size_t i = 0; i < plain.size; i++) {
        static const char special[] = "\t\n\r\\", names[] = "tnr\\";
        const char *found = plain.data[i] == 0 ? NULL : strchr(special, plain.data[i]);
        size_t control = control_size(dx_buf_view(&plain), i);
        if (dx_item_kind(item) == DX_KIND_TEXT && found != NULL) {
            dx_buf_append(out, "\\", 1);
            dx_buf_append(out, &names[found - special], 1);
        } else if (dx_item_kind(item) == DX_KIND_TEXT && control > 0) {
            char escape[8];
            i += control - 1;
            snprintf(escape, sizeof escape, "\\u00%02x", plain.data[i]);
            dx_buf_append(out, escape, strlen(escape));
        } else {
            dx_buf_append_byte(out, plain.data[i]);
        }
    }
    if (dx_buf_error(&plain) != DX_OK) {
        out->size = from;
    }
    dx_buf_deinit(&plain);
}

/* --- Rows --------------------------------------------------------------------------------------------------
 */

static void write_json_row(const dx_table *table, dx_bytes row, dx_buf *out) {
    bool first = true;
    for (size_t i = 0; i < table->count; i++) {
        const dx_column *column = &table->columns[i];
        if (column->cell == DX_CELL_DETAIL ||
            (column->cell == DX_CELL_MARK && find_cell(table, row, i).size == 0)) {
            continue;
        }
        dx_buf_append(out, first ? "{" : ",", 1);
        write_key(column->key, out);
        dx_buf_append(out, ":", 1);
        if (dx_json_print(cell_item(table, row, i), out) != DX_OK) {
            dx_buf_append(out, "null", 4);
        }
        first = false;
    }
    dx_buf_append(out, first ? "{}\n" : "}\n", first ? 3 : 2);
}

static void write_quiet_row(const dx_table *table, dx_bytes row, dx_buf *out) {
    write_tsv(cell_item(table, row, 0), out);
    dx_buf_append(out, "\n", 1);
}

static void write_tsv_row(const dx_table *table, dx_bytes row, dx_buf *out) {
    for (size_t i = 0; i < table->count; i++) {
        if (table->columns[i].cell == DX_CELL_DETAIL || table->columns[i].cell == DX_CELL_MARK) {
            continue;
        }
        if (i > 0) {
            dx_buf_append(out, "\t", 1);
        }
        write_tsv(cell_item(table, row, i), out);
    }
    dx_buf_append(out, "\n", 1);
}

static void write_spaces(dx_buf *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        dx_buf_append(out, " ", 1);
    }
}

static void write_coloured(const dx_output *output, const char *colour, const char *text, dx_buf *out) {
    dx_buf_append(out, colour, output->colour ? strlen(colour) : 0);
    dx_buf_append(out, text, strlen(text));
    dx_buf_append(out, "\033[0m", output->colour ? 4 : 0);
}

/* The last column takes what is left of the line, all others what they need. */
static void write_table_row(const dx_table *table, dx_bytes row, dx_buf *out) {
    size_t used = 0, line = dx_terminal_columns(STDOUT_FILENO);
    for (size_t i = 0; i < table->count; i++) {
        bool last = i + 1 == table->count;
        size_t room = last ? (line > used + 8 ? line - used : 8) : table->widths[i];
        if (table->columns[i].cell == DX_CELL_NUMBER && !last) {
            dx_buf cell;
            dx_buf_init(&cell, dx_host_alloc(), LINE_MAX_SIZE);
            size_t width = write_shown(cell_item(table, row, i), DX_CELL_NUMBER, SIZE_MAX, &cell);
            write_spaces(out, width < room ? room - width : 0);
            dx_buf_append(out, cell.data, cell.size);
            dx_buf_deinit(&cell);
        } else {
            size_t width = write_shown(cell_item(table, row, i), table->columns[i].cell, room, out);
            write_spaces(out, last ? 0 : room - width);
        }
        write_spaces(out, last ? 0 : 2);
        used += room + 2;
    }
    dx_buf_append(out, "\n", 1);
}

static void write_heading(const dx_table *table, dx_buf *out) {
    for (size_t i = 0; i < table->count; i++) {
        bool last = i + 1 == table->count, number = table->columns[i].cell == DX_CELL_NUMBER && !last;
        size_t width = strlen(table->columns[i].key), room = last ? width : table->widths[i];
        write_spaces(out, number ? room - width : 0);
        write_coloured(table->output, "\033[1m", table->columns[i].key, out);
        write_spaces(out, (number || last ? 0 : room - width) + (last ? 0 : 2));
    }
    dx_buf_append(out, "\n", 1);
}

/* Widths from the rows held; a column of values gets at most 40 columns when others follow it. */
static void lay_out(dx_table *table) {
    dx_buf scratch;
    dx_buf_init(&scratch, dx_host_alloc(), LINE_MAX_SIZE);
    for (size_t i = 0; i < table->count; i++) {
        table->widths[i] = strlen(table->columns[i].key);
    }
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&table->held));
    for (size_t row = 0; row < table->held_count; row++) {
        dx_bytes item = dx_read_item(&reader);
        for (size_t i = 0; i < table->count; i++) {
            dx_buf_clear(&scratch);
            size_t width = write_shown(cell_item(table, item, i), table->columns[i].cell, 40, &scratch);
            table->widths[i] = width > table->widths[i] ? width : table->widths[i];
        }
    }
    dx_buf_deinit(&scratch);
    table->laid_out = true;
}

static void write_record(const dx_table *table, dx_bytes row, dx_buf *out) {
    size_t widest = 0;
    for (size_t i = 0; i < table->count; i++) {
        size_t width = strlen(table->columns[i].key);
        widest = width > widest ? width : widest;
    }
    for (size_t i = 0; i < table->count; i++) {
        const dx_column *column = &table->columns[i];
        dx_bytes item = find_cell(table, row, i);
        if (item.size == 0 && (column->cell == DX_CELL_DETAIL || column->cell == DX_CELL_MARK)) {
            continue;
        }
        write_coloured(table->output, "\033[1m", column->key, out);
        write_spaces(out, widest - strlen(column->key) + 2);
        write_shown(cell_item(table, row, i), DX_CELL_TEXT, SIZE_MAX, out);
        dx_buf_append(out, "\n", 1);
    }
}

static void print_held(dx_table *table) {
    dx_buf line;
    dx_buf_init(&line, dx_host_alloc(), LINE_MAX_SIZE);
    if (!table->laid_out) {
        lay_out(table);
        if (table->held_count > 0) {
            write_heading(table, &line);
        }
    }
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&table->held));
    for (size_t row = 0; row < table->held_count; row++) {
        write_table_row(table, dx_read_item(&reader), &line);
        print(table->output, &line);
        dx_buf_clear(&line);
    }
    dx_buf_deinit(&line);
    dx_buf_clear(&table->held);
    table->held_count = 0;
}

void dx_table_begin(dx_table *table, dx_output *output, const dx_column *columns) {
    *table = (dx_table){.output = output, .columns = columns};
    while (table->count < DX_COLUMNS_MAX && columns[table->count].key != NULL) {
        table->count++;
    }
    dx_buf_init(&table->held, dx_host_alloc(), (size_t)DX_TABLE_ROWS_HELD * (4u << 20));
}

void dx_table_row(dx_table *table, dx_bytes row) {
    const dx_output *output = table->output;
    table->printed++;
    if (output->closed) {
        return;
    }
    if (output->table && !output->json && !output->quiet && !table->record) {
        dx_buf_append(&table->held, row.data, row.size);
        table->held_count++;
        if (table->held_count == DX_TABLE_ROWS_HELD || table->laid_out) {
            print_held(table);
        }
        return;
    }
    dx_buf line;
    dx_buf_init(&line, dx_host_alloc(), LINE_MAX_SIZE);
    if (output->json) {
        write_json_row(table, row, &line);
    } else if (output->quiet) {
        write_quiet_row(table, row, &line);
    } else if (output->table) {
        write_record(table, row, &line);
    } else {
        write_tsv_row(table, row, &line);
    }
    print(table->output, &line);
    dx_buf_deinit(&line);
}

void dx_table_flush(dx_table *table) {
    if (table->held_count > 0) {
        print_held(table);
    }
}

void dx_table_end(dx_table *table) {
    dx_table_flush(table);
    dx_buf_deinit(&table->held);
    dx_output_flush(table->output);
}

void dx_output_record(dx_output *output, const dx_column *columns, dx_bytes row) {
    dx_table table;
    dx_table_begin(&table, output, columns);
    table.record = true;
    dx_table_row(&table, row);
    dx_table_end(&table);
}

void dx_output_map(dx_output *output, const dx_column *columns, dx_map_builder *map) {
    dx_buf row;
    dx_writer writer;
    dx_buf_init(&row, dx_host_alloc(), LINE_MAX_SIZE);
    dx_writer_init(&writer, &row);
    dx_map_builder_finish(map, &writer);
    if (dx_writer_finish(&writer) == DX_OK) {
        dx_output_record(output, columns, dx_buf_view(&row));
    }
    dx_buf_deinit(&row);
}

void dx_output_write_words(dx_writer *writer, const char *words) {
    dx_buf text;
    dx_buf_init(&text, dx_host_alloc(), LINE_MAX_SIZE);
    dx_terminal_utf8(dx_bytes_text(words), &text);
    dx_write_text_bytes(writer, dx_buf_view(&text));
    dx_buf_deinit(&text);
}

void dx_output_json(dx_output *output, dx_bytes item) {
    dx_buf line;
    dx_buf_init(&line, dx_host_alloc(), LINE_MAX_SIZE);
    if (dx_json_print(item, &line) == DX_OK) {
        dx_buf_append(&line, "\n", 1);
        print(output, &line);
    }
    dx_buf_deinit(&line);
}

void dx_output_write_keys(dx_bytes map, const char *const *keys, dx_buf *out) {
    const char *separator = "{\"";
    for (; *keys != NULL; keys++) {
        dx_bytes item = dx_item_get(map, *keys);
        if (item.size == 0) {
            continue;
        }
        dx_buf_append(out, separator, 2);
        dx_buf_append(out, *keys, strlen(*keys));
        dx_buf_append(out, "\":", 2);
        if (dx_json_print(item, out) != DX_OK) {
            dx_buf_append(out, "null", 4);
        }
        separator = ",\"";
    }
    dx_buf_append(out, separator[0] == '{' ? "{}" : "}", separator[0] == '{' ? 2 : 1);
}

void dx_output_json_keys(dx_output *output, dx_bytes map, const char *const *keys) {
    dx_buf line;
    dx_buf_init(&line, dx_host_alloc(), LINE_MAX_SIZE);
    dx_output_write_keys(map, keys, &line);
    dx_buf_append(&line, "\n", 1);
    print(output, &line);
    dx_buf_deinit(&line);
}

void dx_output_line(dx_output *output, dx_bytes line) {
    dx_buf whole;
    dx_buf_init(&whole, dx_host_alloc(), LINE_MAX_SIZE);
    dx_buf_append(&whole, line.data, line.size);
    dx_buf_append(&whole, "\n", 1);
    print(output, &whole);
    dx_buf_deinit(&whole);
}

void dx_output_json_named(dx_output *output, const char *name, dx_bytes map, const char *const *keys) {
    dx_buf line;
    dx_buf_init(&line, dx_host_alloc(), LINE_MAX_SIZE);
    dx_buf_append(&line, "{\"", 2);
    dx_buf_append(&line, name, strlen(name));
    dx_buf_append(&line, "\":", 2);
    dx_output_write_keys(map, keys, &line);
    dx_buf_append(&line, "}\n", 2);
    print(output, &line);
    dx_buf_deinit(&line);
}

void dx_output_words(const dx_output *output, const char *format, ...) {
    if (output->quiet) {
        return;
    }
    char words[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    dx_buf line;
    dx_buf_init(&line, dx_host_alloc(), sizeof words * 4);
    dx_terminal_text(dx_bytes_text(words), SIZE_MAX, &line);
    fprintf(stderr, "%.*s\n", (int)line.size, (const char *)line.data);
    dx_buf_deinit(&line);
}
