/* dx/csv.c: `dx query --csv`. See csv.h. */
#include "csv.h"

#include <string.h>
#include <sys/random.h>

#include "input.h"
#include "space.h"
#include "terminal.h"

enum { LINE_SIZE_MAX = 64 << 20 };

static const char *const own_names[] = {"id", "type", "parent", "source", "target", "deleted"};

void dx_csv_init(dx_csv *csv, dx_output *output, uint64_t key) {
    *csv = (dx_csv){.output = output};
    dx_names_init(&csv->keys, key);
    dx_buf_init(&csv->heading, dx_host_alloc(), SIZE_MAX / 2);
    dx_buf_init(&csv->line, dx_host_alloc(), LINE_SIZE_MAX);
}

void dx_csv_deinit(dx_csv *csv) {
    dx_names_deinit(&csv->keys);
    dx_buf_deinit(&csv->heading);
    dx_buf_deinit(&csv->line);
}

/* --- Looking -------------------------------------------------------------------------------------------- */

static dx_bytes data_of(dx_bytes row) {
    dx_bytes data = dx_item_get(row, "data");
    return data.size > 0 && dx_item_kind(data) == DX_KIND_MAP ? data : (dx_bytes){0};
}

static void look_at_key(dx_csv *csv, dx_bytes key) {
    uint32_t column = (uint32_t)csv->keys.count, given = column;
    if (dx_names_find(&csv->keys, key) != DX_NAMES_NONE || csv->error != DX_OK) {
        return;
    }
    if (column == DX_CSV_COLUMNS_MAX) {
        csv->error = DX_E_LIMIT;
        return;
    }
    csv->error = dx_names_add(&csv->keys, key, &given);
    dx_buf_append(&csv->heading, key.data, key.size);
    csv->error = csv->error == DX_OK ? dx_buf_error(&csv->heading) : csv->error;
}

void dx_csv_look(dx_csv *csv, dx_bytes row) {
    dx_reader reader;
    dx_bytes parent = dx_item_get(row, "parent"), data = data_of(row);
    csv->has_ends = csv->has_ends || dx_item_get(row, "source").size > 0;
    csv->has_parent = csv->has_parent || (parent.size > 0 && dx_item_kind(parent) != DX_KIND_NULL);
    csv->has_deleted = csv->has_deleted || dx_item_bool(dx_item_get(row, "deleted"), false);
    dx_reader_init(&reader, data);
    for (size_t left = data.size > 0 ? dx_read_map(&reader) : 0; left > 0; left--) {
        dx_bytes key = dx_read_item(&reader);
        look_at_key(csv, key);
        (void)dx_read_item(&reader);
    }
}

/* --- Printing ---------------------------------------------------------------------------------------------- */

static void write_text(dx_bytes text, dx_buf *out) {
    bool quoted = text.size == 0 || text.data[0] == ' ' || text.data[text.size - 1] == ' ';
    for (size_t i = 0; !quoted && i < text.size; i++) {
        quoted = text.data[i] == '"' || text.data[i] == ',' || text.data[i] == '\n' || text.data[i] == '\r';
    }
    if (!quoted) {
        dx_buf_append(out, text.data, text.size);
        return;
    }
    dx_buf_append_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        dx_buf_append(out, "\"", text.data[i] == '"');
        dx_buf_append_byte(out, text.data[i]);
    }
    dx_buf_append_byte(out, '"');
}

static void write_cell(dx_bytes item, dx_buf *out) {
    dx_buf json;
    if (item.size == 0 || dx_item_kind(item) == DX_KIND_NULL) {
        return;
    }
    if (dx_item_kind(item) == DX_KIND_TEXT) {
        write_text(dx_item_text(item), out);
        return;
    }
    dx_buf_init(&json, dx_host_alloc(), LINE_SIZE_MAX);
    if (dx_json_print(item, &json) == DX_OK) {
        write_text(dx_buf_view(&json), out);
    }
    dx_buf_deinit(&json);
}

static bool has_own(const dx_csv *csv, size_t column) {
    return column < 2 || (column == 2 && csv->has_parent) ||
           ((column == 3 || column == 4) && csv->has_ends) || (column == 5 && csv->has_deleted);
}

/* On a terminal nothing of it may act. */
static void print_line(dx_csv *csv) {
    dx_buf shown;
    if (!csv->output->table) {
        dx_output_line(csv->output, dx_buf_view(&csv->line));
    } else {
        dx_buf_init(&shown, dx_host_alloc(), 4 * (size_t)LINE_SIZE_MAX);
        dx_terminal_text(dx_buf_view(&csv->line), SIZE_MAX, &shown);
        dx_output_line(csv->output, dx_buf_view(&shown));
        dx_buf_deinit(&shown);
    }
    dx_buf_clear(&csv->line);
}

/* A key of the data that is called as a column of the house stands behind "data.". */
static void write_key(dx_bytes key, dx_buf *out) {
    dx_buf name;
    dx_buf_init(&name, dx_host_alloc(), LINE_SIZE_MAX);
    for (size_t i = 0; i < sizeof own_names / sizeof own_names[0]; i++) {
        if (dx_bytes_equal(key, dx_bytes_text(own_names[i]))) {
            dx_buf_append(&name, "data.", strlen("data."));
        }
    }
    dx_buf_append(&name, key.data, key.size);
    write_text(dx_buf_view(&name), out);
    dx_buf_deinit(&name);
}

void dx_csv_print_heading(dx_csv *csv) {
    dx_reader reader;
    for (size_t i = 0; i < sizeof own_names / sizeof own_names[0]; i++) {
        if (has_own(csv, i)) {
            dx_buf_append(&csv->line, ",", i > 0);
            dx_buf_append(&csv->line, own_names[i], strlen(own_names[i]));
        }
    }
    dx_reader_init(&reader, dx_buf_view(&csv->heading));
    while (dx_reader_peek(&reader) != DX_KIND_NONE) {
        dx_buf_append_byte(&csv->line, ',');
        write_key(dx_item_text(dx_read_item(&reader)), &csv->line);
    }
    print_line(csv);
}

void dx_csv_print(dx_csv *csv, dx_bytes row) {
    dx_bytes cells[DX_CSV_COLUMNS_MAX];
    dx_bytes data = data_of(row);
    dx_reader reader;
    memset(cells, 0, csv->keys.count * sizeof cells[0]);
    dx_reader_init(&reader, data);
    for (size_t left = data.size > 0 ? dx_read_map(&reader) : 0; left > 0; left--) {
        dx_bytes key = dx_read_item(&reader), value = dx_read_item(&reader);
        uint32_t column = dx_names_find(&csv->keys, key);
        if (column != DX_NAMES_NONE) {
            cells[column] = value;
        }
    }
    for (size_t i = 0; i < sizeof own_names / sizeof own_names[0]; i++) {
        if (has_own(csv, i)) {
            dx_buf_append(&csv->line, ",", i > 0);
            write_cell(dx_item_get(row, own_names[i]), &csv->line);
        }
    }
    for (size_t i = 0; i < csv->keys.count; i++) {
        dx_buf_append_byte(&csv->line, ',');
        write_cell(cells[i], &csv->line);
    }
    print_line(csv);
}

void dx_csv_print_row(dx_csv *csv, dx_bytes row) {
    dx_reader reader;
    dx_reader_init(&reader, row);
    size_t count = dx_read_array(&reader);
    for (size_t i = 0; i < count; i++) {
        dx_buf_append(&csv->line, ",", i > 0);
        write_cell(dx_read_item(&reader), &csv->line);
    }
    print_line(csv);
}

/* --- The question, asked twice ------------------------------------------------------------------------------- */

typedef struct dx_csv_answer {
    dx_csv csv;
    dx_invocation *run;
    bool printing;
} dx_csv_answer;

static void take_row(void *ctx, dx_bytes row) {
    dx_csv_answer *answer = ctx;
    if (answer->printing) {
        dx_csv_print(&answer->csv, row);
    } else {
        dx_csv_look(&answer->csv, row);
    }
}

static void take_rows(void *ctx, bool last, dx_bytes body) {
    dx_csv_answer *answer = ctx;
    (void)last;
    dx_rows_each(body, take_row, answer);
    if (answer->run->output.closed) {
        dx_client_interrupt(answer->run->client);
    }
}

static int ask(dx_csv_answer *answer, dx_bytes question) {
    dx_map_builder command;
    dx_space_command(answer->run, &command, "query");
    dx_command_item(&command, "query", question);
    return dx_vault_ask(answer->run, &command, take_rows, answer, NULL);
}

int dx_query_csv(dx_invocation *run, dx_bytes question) {
    dx_csv_answer answer = {.run = run};
    uint64_t key = 0;
    if (getrandom(&key, sizeof key, 0) != (ssize_t)sizeof key) {
        return dx_vault_failed(run, DX_E_IO);
    }
    dx_csv_init(&answer.csv, &run->output, key);
    int code = ask(&answer, question);
    if (code == DX_EXIT_OK && answer.csv.error == DX_E_LIMIT) {
        code = dx_fail(run, DX_E_LIMIT, "a question for one type",
                       "the objects have more than %d different keys", DX_CSV_COLUMNS_MAX);
    } else if (code == DX_EXIT_OK && answer.csv.error != DX_OK) {
        code = dx_vault_failed(run, answer.csv.error);
    }
    if (code == DX_EXIT_OK) {
        answer.printing = true;
        dx_csv_print_heading(&answer.csv);
        code = ask(&answer, question);
        dx_output_flush(&run->output);
    }
    dx_csv_deinit(&answer.csv);
    return code;
}
