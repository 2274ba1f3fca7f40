/* dx/sql.c: `dx sql`: statements of SQL about a space, from the command line, from stdin or one after another.
 *
 * Rows are arrays (docs/spec/sql.md); their columns come before them. Without an agent the vault is held only while a
 * statement is at work, so that a session left open keeps nobody out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csv.h"
#include "input.h"
#include "space.h"
#include "terminal.h"

enum { COLUMNS_MAX = DX_COLUMNS_MAX - 1, STATEMENT_SIZE_MAX = 64 * 1024, NAME_SIZE_MAX = 4096 };

typedef struct dx_selection {
    dx_invocation *run;
    bool csv;
    bool begun;
    dx_column columns[DX_COLUMNS_MAX];
    dx_buf names; /* of the columns, each ended by a zero */
    dx_table table;
    dx_csv sheet;
} dx_selection;

/* --- Answers --------------------------------------------------------------------------------------- */

static bool is_taken(const dx_selection *self, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(self->columns[i].key, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Two columns may share a name; as keys of an object the second is called "name:2". */
static void name_column(dx_selection *self, size_t index, dx_bytes name, char *out, size_t size) {
    dx_buf shown;
    dx_buf_init(&shown, dx_host_alloc(), (size_t)4 * NAME_SIZE_MAX);
    bool terminal = self->run->output.table && !self->run->output.json;
    name.size = name.size < NAME_SIZE_MAX / 2 ? name.size : NAME_SIZE_MAX / 2;
    if (terminal) {
        dx_terminal_text(name, 40, &shown);
    } else {
        dx_terminal_utf8(name, &shown);
    }
    snprintf(out, size, "%.*s", (int)shown.size, shown.size == 0 ? "" : (const char *)shown.data);
    size_t end = strlen(out);
    for (unsigned n = 2; is_taken(self, index, out) && end + 16 < size; n++) {
        snprintf(out + end, size - end, ":%u", n);
    }
    dx_buf_deinit(&shown);
}

static void begin_rows(dx_selection *self, dx_bytes columns) {
    dx_reader reader;
    char name[NAME_SIZE_MAX];
    dx_reader_init(&reader, columns);
    size_t count = dx_read_array(&reader), at[COLUMNS_MAX];
    count = count < COLUMNS_MAX ? count : COLUMNS_MAX;
    for (size_t i = 0; i < count; i++) {
        name_column(self, i, dx_read_text(&reader), name, sizeof name);
        at[i] = self->names.size;
        dx_buf_append(&self->names, name, strlen(name) + 1);
        for (size_t k = 0; k <= i; k++) { /* the buffer may have moved */
            self->columns[k] = (dx_column){(const char *)self->names.data + at[k], DX_CELL_VALUE};
        }
    }
    self->columns[count] = (dx_column){NULL, DX_CELL_TEXT};
    self->begun = dx_buf_error(&self->names) == DX_OK;
    if (self->csv) {
        dx_csv_init(&self->sheet, &self->run->output, 0);
        dx_csv_print_row(&self->sheet, columns);
    } else {
        dx_table_begin(&self->table, &self->run->output, self->columns);
    }
}

static void take_row(void *ctx, dx_bytes row) {
    dx_selection *self = ctx;
    if (self->csv) {
        dx_csv_print_row(&self->sheet, row);
    } else {
        dx_table_row(&self->table, row);
    }
}

static void take_answer(void *ctx, bool last, dx_bytes body) {
    dx_selection *self = ctx;
    (void)last;
    dx_bytes columns = dx_item_get(body, "columns");
    if (!self->begun && columns.size > 0 && dx_item_kind(columns) == DX_KIND_ARRAY) {
        begin_rows(self, columns);
    } else if (self->begun) {
        dx_rows_each(body, take_row, self);
    }
    if (self->run->output.closed) {
        dx_client_interrupt(self->run->client);
    }
}

static void end_rows(dx_selection *self) {
    if (self->begun && self->csv) {
        dx_csv_deinit(&self->sheet);
    } else if (self->begun) {
        dx_table_end(&self->table);
    }
    dx_output_flush(&self->run->output);
    dx_buf_deinit(&self->names);
}

/* values: an encoded array, or size 0. */
static int run_statement(dx_invocation *run, const char *statement, dx_bytes values) {
    dx_selection *self = calloc(1, sizeof *self);
    dx_map_builder command;
    int64_t patience_ms = -1;
    const char *patience = dx_invocation_option(run, "patience");
    if (self == NULL) {
        return dx_vault_failed(run, DX_E_NO_MEMORY);
    }
    if (patience != NULL && (dx_duration_parse(patience, &patience_ms) != DX_OK || patience_ms < 0)) {
        free(self);
        return dx_fail(run, DX_E_INVALID, "--patience 10", "--patience takes a number of seconds");
    }
    self->run = run;
    self->csv = dx_invocation_has(run, "csv");
    dx_buf_init(&self->names, dx_host_alloc(), (size_t)COLUMNS_MAX * NAME_SIZE_MAX);
    dx_space_command(run, &command, "space.sql");
    dx_command_text(&command, "sql", statement);
    dx_command_item(&command, "values", values);
    if (patience_ms >= 0) {
        dx_write_int(dx_map_builder_key(&command, "patience_ms"), patience_ms);
    }
    dx_buf reply;
    int code = dx_vault_ask(run, &command, take_answer, self, &reply);
    end_rows(self);
    dx_vault_tell_partial(run, code, dx_buf_view(&reply));
    dx_buf_deinit(&reply);
    free(self);
    return code;
}

/* --- Statements one after another --------------------------------------------------------------------- */

/* Where a statement ends: behind a semicolon that stands in no text, name or comment. NULL: it goes on. */
static const char *end_of_statement(const char *text) {
    for (const char *at = text; *at != '\0';) {
        char closing = *at == '\'' || *at == '"' || *at == '`' ? *at : *at == '[' ? ']' : '\0';
        if (closing != '\0') {
            at = strchr(at + 1, closing);
        } else if (at[0] == '-' && at[1] == '-') {
            at = strchr(at, '\n');
        } else if (at[0] == '/' && at[1] == '*') {
            at = strstr(at + 2, "*/");
            at = at == NULL ? NULL : at + 1;
        } else if (*at == ';') {
            return at + 1;
        }
        if (at == NULL) {
            return NULL;
        }
        at++;
    }
    return NULL;
}

static bool is_blank(const char *text) {
    return text[strspn(text, " \t\r\n;")] == '\0';
}

/* What is asked at the prompt and is no SQL. True: it was; *ends: it ends the session. */
static bool run_word(dx_invocation *run, const char *line, bool *ends) {
    char word[64] = "";
    *ends = false;
    if (sscanf(line, " .%63s", word) != 1) {
        return false;
    }
    if (strcmp(word, "quit") == 0 || strcmp(word, "exit") == 0) {
        *ends = true;
    } else if (strcmp(word, "tables") == 0) {
        (void)run_statement(run, "SELECT name, count(*) AS columns FROM tables GROUP BY name ORDER BY name",
                            (dx_bytes){0});
    } else if (strcmp(word, "columns") == 0) {
        (void)run_statement(run, "SELECT name AS \"table\", \"column\", holds FROM tables", (dx_bytes){0});
    } else {
        dx_output_words(&run->output, "statements end with a semicolon; .tables, .columns, .quit");
    }
    return true;
}

static void leave_vault(dx_invocation *run) {
    if (run->client != NULL && !dx_client_has_agent(run->client)) {
        dx_vault_close(run);
    }
}

/* Runs what is complete in the text, and keeps the rest. */
static int run_complete(dx_invocation *run, char *text, bool asks) {
    const char *end;
    int code = DX_EXIT_OK;
    while ((code == DX_EXIT_OK || asks) && (end = end_of_statement(text)) != NULL) {
        size_t size = (size_t)(end - text);
        char kept = text[size];
        text[size] = '\0';
        code = is_blank(text) ? DX_EXIT_OK : run_statement(run, text, (dx_bytes){0});
        text[size] = kept;
        memmove(text, end, strlen(end) + 1);
    }
    return code;
}

static int fail_long(dx_invocation *run) {
    return dx_fail(run, DX_E_LIMIT, NULL, "a statement has at most %d bytes", STATEMENT_SIZE_MAX);
}

static int run_lines(dx_invocation *run, bool asks) {
    char *text = calloc(1, STATEMENT_SIZE_MAX + 1), *line = NULL;
    size_t line_size = 0;
    int code = text == NULL ? dx_vault_failed(run, DX_E_NO_MEMORY) : DX_EXIT_OK;
    bool ends = false;
    while (text != NULL && !ends && (code == DX_EXIT_OK || asks) && code != DX_EXIT_INTERRUPTED) {
        if (asks) {
            leave_vault(run);
            fprintf(stderr, "%s", is_blank(text) ? "sql> " : "...> ");
        }
        if (getline(&line, &line_size, stdin) < 0) {
            break;
        }
        if (asks && is_blank(text) && run_word(run, line, &ends)) {
            continue;
        }
        if (strlen(text) + strlen(line) > STATEMENT_SIZE_MAX) {
            text[0] = '\0';
            code = fail_long(run);
            continue;
        }
        strncat(text, line, STATEMENT_SIZE_MAX - strlen(text));
        code = run_complete(run, text, asks);
    }
    if (code == DX_EXIT_OK && text != NULL && !is_blank(text) && !ends) {
        code = run_statement(run, text, (dx_bytes){0}); /* the last one may end with the input */
    }
    free(text);
    free(line);
    return asks && code != DX_EXIT_INTERRUPTED ? DX_EXIT_OK : code;
}

/* --- The verb ------------------------------------------------------------------------------------------ */

/* The options --value as one array. */
static int take_values(dx_invocation *run, dx_buf *out) {
    dx_buf items, item;
    dx_writer writer;
    size_t count = 0;
    int code = DX_EXIT_OK;
    dx_buf_init(&items, dx_host_alloc(), DX_INPUT_SIZE_MAX);
    for (size_t i = 0; i < run->given_count && code == DX_EXIT_OK; i++) {
        if (strcmp(run->given[i].option->name, "value") != 0) {
            continue;
        }
        code = dx_input_json_text(run, dx_bytes_text(run->given[i].value), "--value", false, &item);
        dx_buf_append(&items, item.data, item.size);
        dx_buf_deinit(&item);
        count++;
    }
    dx_writer_init(&writer, out);
    if (count > 0) {
        dx_write_array(&writer, count);
        dx_buf_append(out, items.data, items.size);
    }
    dx_buf_deinit(&items);
    return code;
}

int dx_run_sql(dx_invocation *run) {
    const char *statement = dx_invocation_argument(run, 1);
    bool asks = statement == NULL && dx_input_may_ask(run);
    if (statement == NULL || strcmp(statement, "-") == 0) {
        if (asks) {
            dx_output_words(&run->output,
                            "SQL that reads the space; .tables shows what there is, .quit ends");
        }
        return run_lines(run, asks);
    }
    dx_buf values;
    dx_buf_init(&values, dx_host_alloc(), DX_INPUT_SIZE_MAX);
    int code = take_values(run, &values);
    code = code == DX_EXIT_OK ? run_statement(run, statement, dx_buf_view(&values)) : code;
    dx_buf_deinit(&values);
    return code;
}
