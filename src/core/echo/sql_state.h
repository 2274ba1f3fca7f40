/* echo/sql_state.h: a statement at work, shared by the files of sql and by no one else.
 *
 * Layer: floor 1, echo, private to this room. sql.c runs it, sql_guard.c says what it may do and when it has done enough,
 * sql_column.c knows what columns a type has and what a value is in SQL, sql_plan.c what of a statement is a question, sql_table.c gives the rows. */
#ifndef DX_ECHO_SQL_STATE_H
#define DX_ECHO_SQL_STATE_H

#include "base/arena.h"
#include "echo/sql.h"

/* What a table is made of. */
typedef enum dx_sql_kind {
    DX_SQL_OBJECTS,
    DX_SQL_LINKS,
    DX_SQL_ALL_OBJECTS, /* deleted ones among them */
    DX_SQL_ALL_LINKS,
    DX_SQL_TABLES, /* what tables and columns there are */
    DX_SQL_OF_TYPE
} dx_sql_kind;

/* What a column shows. */
typedef enum dx_sql_shown {
    DX_SQL_ID,
    DX_SQL_TYPE,
    DX_SQL_PARENT,
    DX_SQL_SOURCE,
    DX_SQL_TARGET,
    DX_SQL_DELETED,
    DX_SQL_DATA,
    DX_SQL_MODEL,
    DX_SQL_SIZE,
    DX_SQL_MADE,
    DX_SQL_AUTHOR,
    DX_SQL_TEXT, /* to be matched with */
    DX_SQL_RANK,
    DX_SQL_SNIPPET,
    DX_SQL_PROPERTY
} dx_sql_shown;

/* What values a column of a property shows; others are NULL in it. */
typedef enum dx_sql_class {
    DX_SQL_ANY,
    DX_SQL_NUMBER,
    DX_SQL_TEXTS,
    DX_SQL_TRUTH, /* 0 and 1 */
    DX_SQL_TIME,
    DX_SQL_BYTES,
    DX_SQL_REFERENCE,
    DX_SQL_WHOLE /* arrays and maps, as JSON */
} dx_sql_class;

typedef struct dx_sql_column {
    const char *name;
    dx_sql_shown shown;
    bool hidden;      /* not among SELECT * */
    const char *path; /* of a property */
    dx_sql_class holds;
    bool indexed;
} dx_sql_column;

typedef struct dx_sql_columns {
    dx_sql_column items[DX_SQL_COLUMNS_MAX];
    size_t count;
} dx_sql_columns;

typedef struct dx_sql_table {
    struct dx_sql *sql;
    dx_sql_kind kind;
    const char *name; /* of the table, and of its type */
} dx_sql_table;

enum { DX_SQL_TABLES_MAX = DX_SQL_TYPES_MAX + DX_SQL_OF_TYPE };

struct dx_sql {
    dx_context *context;
    dx_space *space;
    dx_arena names; /* of tables and columns */
    dx_sql_table *tables;
    size_t table_count;
    sqlite3 *db;
    sqlite3_stmt *statement;
    size_t column_count;
    int error; /* of the vault's, met by a table; the statement then ended for it */
    char message[DX_SQL_MESSAGE_SIZE];
    /* sql_guard.c */
    bool declares; /* a table says what columns it has, as SQLite wants it: in the words of a CREATE TABLE */
    const char *refused; /* what it may not */
    int64_t patience_ms;
    int64_t deadline_ms;       /* of the piece, 0: the clock stands still */
    int64_t steps, steps_left; /* of the piece */
    bool ran_out;              /* of either */
    bool at_work;              /* the memory is bounded now */
    int64_t memory_begin; /* in use by all of SQLite when it began, but for what others took and gave since */
    int64_t memory_max;   /* of the statement */
    int64_t memory_paused; /* in use when it was left last */
    int64_t memory_prior;  /* the process's own limit, 0: none */
};

/* --- sql_guard.c --- */
extern const char dx_sql_only_reads[]; /* a sentence */
/* Refuses all but SELECT over our tables, and functions that are not listed; replaces those that could take long in one call. */
DX_MUST_USE int dx_sql_guard(dx_sql *sql);
/* A piece of work begins: what it may take is counted anew. memory: what the statement may have in all. */
void dx_sql_begin(dx_sql *sql, int64_t memory);
void dx_sql_end(dx_sql *sql);
/* A table is asked, and has answered: what the vault itself takes is not the statement's. */
void dx_sql_pause(dx_sql *sql);
void dx_sql_resume(dx_sql *sql);
/* So many steps' worth of work was done for it. False: it had enough, and is to end. */
bool dx_sql_spend(dx_sql *sql, int64_t steps);
/* Why it ended with this result of SQLite's: one of ours, and words in sql->message. */
int dx_sql_explain(dx_sql *sql, int result);

/* --- sql_column.c --- */
/* Those of a table: fixed ones, of a type's also its properties by its definitions and by indexes. */
DX_MUST_USE int dx_sql_columns_of(dx_sql *sql, const dx_sql_table *table, dx_sql_columns *out);
const char *dx_sql_class_name(const dx_sql_column *column);
/* What a value is in a column of this class. */
void dx_sql_result(sqlite3_context *result, dx_sql_class holds, dx_bytes item, dx_buf *scratch);
/* Writes the value as an item that a question compares with, of anything and of references as all that show as it; false: the question cannot stand for the comparison. */
bool dx_sql_comparand(dx_sql_class holds, bool equals, sqlite3_value *value, dx_writer *out);
/* Binds an item to a parameter. */
DX_MUST_USE int dx_sql_bind(dx_sql *sql, int index, dx_bytes item);

/* --- sql_plan.c --- */
/* A table as SQLite holds it. */
typedef struct dx_sql_tab {
    sqlite3_vtab base;
    const dx_sql_table *table;
    dx_sql *sql;
    int64_t rows; /* about so many */
    dx_sql_columns columns;
} dx_sql_tab;

/* Of sqlite3_module: which comparisons are taken, how many rows are left, what it costs. */
int dx_sql_choose(sqlite3_vtab *base, sqlite3_index_info *info);
/* The question of a plan, as an item; *nothing: no row can be meant. */
DX_MUST_USE int dx_sql_question(const dx_sql_tab *tab, const char *plan, sqlite3_value **values, dx_buf *out,
                                bool *nothing);

/* --- sql_table.c --- */
extern const sqlite3_module dx_sql_rows_module, dx_sql_tables_module;

#endif
