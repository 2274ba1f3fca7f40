/* echo/sql_plan.c: what of a statement's conditions the question of a table answers.
 *
 * Layer: floor 1, echo. See sql_state.h. SQLite offers comparisons; those that are taken are told in a plan, four characters
 * each, and a cursor makes its question of the plan and of the values compared with. */
#include <string.h>

#include "codec/cbor.h"
#include "echo/sql_state.h"

enum { COMPARISONS_MAX = 60 };

/* --- Choosing ------------------------------------------------------------------------------------- */

/* What is handed on to the question, one for each argument: this character and the column's number in three digits. */
static char op_of(const dx_sql_column *column, int op) {
    bool property = column->shown == DX_SQL_PROPERTY;
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return property || column->shown <= DX_SQL_TARGET ? '=' : '\0';
    case SQLITE_INDEX_CONSTRAINT_ISNULL:
        return column->shown == DX_SQL_TYPE || column->shown == DX_SQL_PARENT ? '0' : '\0';
    case SQLITE_INDEX_CONSTRAINT_MATCH:
        return column->shown == DX_SQL_TEXT ? 'm' : '\0';
    default:
        break;
    }
    if (!property || (column->holds != DX_SQL_NUMBER && column->holds != DX_SQL_TEXTS)) {
        return '\0';
    }
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_GT:
        return '>';
    case SQLITE_INDEX_CONSTRAINT_GE:
        return ')';
    case SQLITE_INDEX_CONSTRAINT_LT:
        return '<';
    case SQLITE_INDEX_CONSTRAINT_LE:
        return '(';
    case SQLITE_INDEX_CONSTRAINT_GLOB:
        return column->holds == DX_SQL_TEXTS ? '*' : '\0';
    default:
        return '\0';
    }
}

/* How many of the rows are left by it, as a divisor, and whether they are found without looking at the others. */
static double divisor_of(const dx_sql_column *column, char op, double rows, bool *found) {
    *found = true;
    switch ((int)column->shown) {
    case DX_SQL_ID:
        return rows;
    case DX_SQL_TYPE:
        return 8;
    case DX_SQL_TEXT:
        return 100;
    case DX_SQL_PROPERTY:
        *found = column->indexed;
        return op == '=' ? 100 : 4;
    default:
        *found = op != '0';
        return op == '0' ? 2 : rows / 8;
    }
}

static bool is_binary(sqlite3_index_info *info, int constraint) {
    return sqlite3_stricmp(sqlite3_vtab_collation(info, constraint), "BINARY") == 0;
}

int dx_sql_choose(sqlite3_vtab *base, sqlite3_index_info *info) {
    dx_sql_tab *self = (dx_sql_tab *)(void *)base;
    char plan[4 * COMPARISONS_MAX + 1];
    int count = 0;
    double rows = self->rows < 1 ? 1 : (double)self->rows, left = rows, looked_at = rows;
    bool matches = false, is_one = false;
    for (int i = 0; i < info->nConstraint && count < COMPARISONS_MAX; i++) {
        const struct sqlite3_index_constraint *offered = &info->aConstraint[i];
        if (!offered->usable || offered->iColumn < 0 || self->table->kind == DX_SQL_TABLES) {
            continue;
        }
        const dx_sql_column *column = &self->columns.items[offered->iColumn];
        char op = op_of(column, offered->op);
        if (op == '\0' || (op != 'm' && op != '0' && !is_binary(info, i)) || (op == 'm' && matches)) {
            continue;
        }
        bool found;
        double divisor = divisor_of(column, op, rows, &found);
        left = left / (divisor < 1 ? 1 : divisor);
        looked_at = found && rows / (divisor < 1 ? 1 : divisor) < looked_at ? rows / divisor : looked_at;
        is_one = is_one || (op == '=' && column->shown == DX_SQL_ID);
        matches = matches || op == 'm';
        sqlite3_snprintf(5, plan + 4 * (size_t)count, "%c%03d", op, offered->iColumn);
        info->aConstraintUsage[i].argvIndex = ++count;
        info->aConstraintUsage[i].omit = op == 'm';
    }
    plan[4 * count] = '\0';
    info->idxStr = sqlite3_mprintf("%s", plan);
    info->needToFreeIdxStr = 1;
    info->idxNum = count;
    info->estimatedRows = left < 1 ? 1 : (sqlite3_int64)left;
    info->estimatedCost = 10 + 2 * (looked_at < 1 ? 1 : looked_at);
    info->idxFlags = is_one ? SQLITE_INDEX_SCAN_UNIQUE : 0;
    return info->idxStr == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

/* --- Asking --------------------------------------------------------------------------------------- */

/* A question under construction. */
typedef struct asking {
    const dx_sql_tab *tab;
    dx_map_builder map;
    bool nothing; /* no row can be meant */
    bool matches;
    bool is_written[DX_SQL_COLUMNS_MAX]; /* properties */
} asking;

static dx_bytes text_of(sqlite3_value *value) {
    const unsigned char *text = sqlite3_value_type(value) == SQLITE_TEXT ? sqlite3_value_text(value) : NULL;
    return dx_bytes_of(text, text == NULL ? 0 : (size_t)sqlite3_value_bytes(value));
}

/* A key of the map once only: SQLite looks at the second comparison by itself. */
static bool is_new(dx_sql_shown shown, bool *seen) {
    bool first = !seen[shown];
    seen[shown] = true;
    return first;
}

/* One column that is no property. */
static void add_fixed(asking *self, dx_sql_shown shown, char op, sqlite3_value *value, bool *seen) {
    static const char *const keys[] = {
        [DX_SQL_ID] = "id",         [DX_SQL_TYPE] = "type",     [DX_SQL_PARENT] = "parent",
        [DX_SQL_SOURCE] = "source", [DX_SQL_TARGET] = "target", [DX_SQL_TEXT] = "text"};
    uint8_t id[DX_REFERENCE_SIZE];
    dx_bytes text = text_of(value);
    if (op == '0') {
        if (is_new(shown, seen)) {
            dx_write_null(dx_map_builder_key(&self->map, keys[shown]));
        }
        return;
    }
    if (sqlite3_value_type(value) == SQLITE_NULL) {
        self->nothing = true;
        return;
    }
    if (sqlite3_value_type(value) != SQLITE_TEXT || !dx_utf8_check(text.data, text.size)) {
        return;
    }
    if (shown == DX_SQL_TYPE || shown == DX_SQL_TEXT) {
        self->nothing = self->nothing || (shown == DX_SQL_TYPE && text.size > DX_TYPE_SIZE_MAX);
        if (!self->nothing && is_new(shown, seen)) {
            self->matches = self->matches || shown == DX_SQL_TEXT;
            dx_write_text_bytes(dx_map_builder_key(&self->map, keys[shown]), text);
        }
    } else if (dx_reference_parse(text, id) != DX_OK) {
        self->nothing = true; /* ids show in one form */
    } else if (is_new(shown, seen)) {
        dx_write_bytes(dx_map_builder_key(&self->map, keys[shown]), dx_bytes_of(id, sizeof id));
    }
}

/* What a pattern of GLOB begins with. */
static dx_bytes beginning(dx_bytes pattern) {
    size_t size = 0;
    while (size < pattern.size && strchr("*?[", pattern.data[size]) == NULL) {
        size++;
    }
    return dx_bytes_of(pattern.data, size);
}

/* One operator of a property into its map. */
static void add_operator(const dx_sql_column *column, char op, sqlite3_value *value,
                         dx_map_builder *operators, dx_buf *item) {
    static const struct {
        char op;
        const char *name;
    } names[] = {{'=', "eq"}, {'>', "gt"}, {')', "ge"}, {'<', "lt"}, {'(', "le"}};
    dx_writer writer;
    dx_buf_clear(item);
    dx_writer_init(&writer, item);
    if (op == '*') {
        dx_bytes text = beginning(text_of(value));
        if (text.size > 0 && text.size <= DX_SQL_PATTERN_MAX && dx_utf8_check(text.data, text.size)) {
            dx_write_text_bytes(dx_map_builder_key(operators, "prefix"), text);
        }
        return;
    }
    if (!dx_sql_comparand(column->holds, op == '=', value, &writer) || dx_writer_finish(&writer) != DX_OK) {
        return;
    }
    if (column->holds == DX_SQL_ANY || column->holds == DX_SQL_REFERENCE) {
        dx_write_item(dx_map_builder_key(operators, "in"), dx_buf_view(item));
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].op == op) {
            dx_write_item(dx_map_builder_key(operators, names[i].name), dx_buf_view(item));
        }
    }
}

/* All comparisons with one property, each operator once. */
static void add_property(asking *self, const char *plan, int column_number, sqlite3_value **values,
                         dx_map_builder *where, dx_buf *item) {
    const dx_sql_tab *tab = self->tab;
    const dx_sql_column *column = &tab->columns.items[column_number];
    char seen[8] = "";
    size_t seen_count = 0;
    dx_map_builder operators;
    dx_map_builder_init(&operators, tab->sql->context->alloc, DX_QUERY_SIZE_MAX);
    for (int i = 0; plan[4 * i] != '\0'; i++) {
        char op = plan[4 * i];
        int number = (plan[4 * i + 1] - '0') * 100 + (plan[4 * i + 2] - '0') * 10 + (plan[4 * i + 3] - '0');
        if (number != column_number || memchr(seen, op, seen_count) != NULL) {
            continue;
        }
        seen[seen_count++] = op;
        self->nothing = self->nothing || sqlite3_value_type(values[i]) == SQLITE_NULL;
        add_operator(column, op, values[i], &operators, item);
    }
    if (operators.count > 0 && where->count < DX_QUERY_CONDITIONS_MAX) {
        dx_map_builder_finish(&operators, dx_map_builder_key(where, column->path));
        return;
    }
    dx_buf none;
    dx_writer nowhere;
    dx_buf_init(&none, tab->sql->context->alloc, DX_QUERY_SIZE_MAX);
    dx_writer_init(&nowhere, &none);
    dx_map_builder_finish(&operators, &nowhere);
    dx_buf_deinit(&none);
}

static void add_comparisons(asking *self, const char *plan, sqlite3_value **values) {
    const dx_sql_tab *tab = self->tab;
    bool seen[DX_SQL_PROPERTY + 1] = {false};
    dx_map_builder where;
    dx_buf item;
    dx_map_builder_init(&where, tab->sql->context->alloc, DX_QUERY_SIZE_MAX);
    dx_buf_init(&item, tab->sql->context->alloc, DX_QUERY_SIZE_MAX);
    for (int i = 0; plan[4 * i] != '\0'; i++) {
        int number = (plan[4 * i + 1] - '0') * 100 + (plan[4 * i + 2] - '0') * 10 + (plan[4 * i + 3] - '0');
        const dx_sql_column *column = &tab->columns.items[number];
        if (column->shown != DX_SQL_PROPERTY) {
            add_fixed(self, column->shown, plan[4 * i], values[i], seen);
        } else if (!self->is_written[number]) {
            self->is_written[number] = true;
            add_property(self, plan, number, values, &where, &item);
        }
    }
    dx_map_builder_finish(&where, dx_map_builder_key(&self->map, "where"));
    dx_buf_deinit(&item);
}

int dx_sql_question(const dx_sql_tab *tab, const char *plan, sqlite3_value **values, dx_buf *out,
                    bool *nothing) {
    asking self = {.tab = tab};
    dx_sql_kind kind = tab->table->kind;
    bool link = kind == DX_SQL_LINKS || kind == DX_SQL_ALL_LINKS;
    bool all = kind == DX_SQL_ALL_LINKS || kind == DX_SQL_ALL_OBJECTS;
    dx_writer writer;
    dx_map_builder_init(&self.map, tab->sql->context->alloc, DX_QUERY_SIZE_MAX);
    dx_write_text(dx_map_builder_key(&self.map, "kind"), link ? "link" : "object");
    dx_write_text(dx_map_builder_key(&self.map, "deleted"), all ? "show" : "hide");
    if (kind == DX_SQL_OF_TYPE) {
        dx_write_text(dx_map_builder_key(&self.map, "type"), tab->table->name);
    }
    add_comparisons(&self, plan, values);
    if (self.matches) {
        dx_write_bool(dx_map_builder_key(&self.map, "snippet"), true);
    }
    dx_writer_init(&writer, out);
    dx_map_builder_finish(&self.map, &writer);
    *nothing = self.nothing;
    return dx_writer_finish(&writer);
}
