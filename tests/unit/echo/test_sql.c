/* tests/unit/echo/test_sql.c: statements about a space: what they see, what they may not, when they end.
 *
 * Names echo/sql_table.c, echo/sql_plan.c, echo/sql_column.c, echo/sql_guard.c and store/scratch.c too. */
#include "echo/sql.h"

#include "echo/index.h"
#include "peer.h"
#include "test_item.h"

/* Tasks of all sorts in one space, and something in another that nobody may see from here. */
typedef struct world {
    peer alice;
    dx_space *other;
    int64_t a, b, c, d, e, gone, a_b;
} world;

static void define(peer *alice, const char *json) {
    dx_transaction *transaction;
    dx_buf data;
    int64_t key;
    peer_item(alice, json, &data);
    peer_begin(alice);
    assert_int_equal(dx_transaction_begin(&alice->context, alice->space, &transaction), DX_OK);
    assert_int_equal(
        dx_transaction_add_object(transaction, dx_bytes_text("dx.schema"), 0, dx_buf_view(&data), &key),
        DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(alice);
    dx_buf_deinit(&data);
}

static int64_t add_child(peer *alice, int64_t parent, const char *json) {
    dx_transaction *transaction;
    dx_buf data;
    int64_t key = 0;
    peer_item(alice, json, &data);
    peer_begin(alice);
    assert_int_equal(dx_transaction_begin(&alice->context, alice->space, &transaction), DX_OK);
    assert_int_equal(
        dx_transaction_add_object(transaction, dx_bytes_text("task"), parent, dx_buf_view(&data), &key),
        DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(alice);
    dx_buf_deinit(&data);
    return key;
}

/* Refers to apple, weakly or strongly, at two paths: one whose class is known and one that holds anything. */
static void refer(world *w, int64_t from, const char *strong) {
    char json[128], text[DX_ID_TEXT_MAX];
    uint8_t id[DX_ID_SIZE];
    assert_int_equal(dx_key_to_id(w->alice.space, w->a, id), DX_OK);
    dx_id_print(id, text);
    snprintf(json, sizeof json, "{\"@ref\":\"%s%s\"}", text, strong);
    peer_set(&w->alice, from, "of", json);
    peer_set(&w->alice, from, "whom", json);
}

static void begin(world *w) {
    peer *alice = &w->alice;
    peer_init(alice, 1, "Alice");
    peer_create_space(alice, "Hidden");
    peer_add(alice, "task", "{\"title\":\"secret\",\"rank\":7}");
    w->other = alice->space;
    peer_create_space(alice, "Garden");
    w->a = peer_add(
        alice, "task",
        "{\"title\":\"apple\",\"rank\":1,\"done\":true,\"due\":{\"@time\":\"2026-01-02T00:00:00Z\"}}");
    w->b = peer_add(alice, "task",
                    "{\"title\":\"beet\",\"rank\":2.5,\"done\":false,\"tags\":[\"x\",\"y\"],\"any\":5}");
    w->c = peer_add(alice, "task", "{\"title\":\"5\",\"rank\":\"5\",\"any\":\"5\"}");
    w->d = add_child(alice, w->a, "{\"title\":null,\"rank\":-3,\"any\":true,\"blob\":{\"@bytes\":\"AAEC\"}}");
    w->e = peer_add(alice, "task",
                    "{\"title\":\"\",\"rank\":5,\"any\":1,\"a.b\":\"dot\",\"in\":{\"deep\":\"k\"}}");
    refer(w, w->b, "");
    refer(w, w->c, "!");
    w->gone = peer_add(alice, "task", "{\"title\":\"gone\"}");
    peer_add(alice, "Note", "{\"text\":\"a note\",\"id\":\"mine\",\"size\":3}");
    peer_add(alice, "twin", "{}");
    peer_add(alice, "TWIN", "{}");
    peer_add(alice, "objects", "{}");
    peer_add(alice, "odd \"name\"", "{}");
    w->a_b = peer_link(alice, "after", w->a, w->b);
    peer_link(alice, "after", w->b, w->c);
    peer_link(alice, "dx.hint", w->b, w->c);
    peer_change_life(alice, w->gone, true);
    define(alice, "{\"type\":\"task\",\"version\":1,\"schema\":{\"type\":\"object\",\"properties\":{"
                  "\"title\":{\"type\":[\"string\",\"null\"]},"
                  "\"rank\":{\"type\":\"number\"},\"done\":{\"type\":\"boolean\"},\"due\":{\"type\":\"time\"}"
                  ",\"tags\":{\"type\":\"array\"},"
                  "\"blob\":{\"type\":\"bytes\"},\"any\":{},\"a.b\":{\"type\":\"string\"},\"of\":{\"type\":"
                  "\"reference\"}}}}");
    define(alice, "{\"type\":\"Note\",\"version\":1,\"schema\":{\"type\":\"object\",\"properties\":{\"text\":"
                  "{\"type\":\"string\"},"
                  "\"id\":{\"type\":\"string\"},\"size\":{\"type\":\"integer\"}}}}");
    define(alice, "{\"type\":\"Note\",\"version\":2,\"schema\":{\"type\":\"object\",\"properties\":{\"size\":"
                  "{\"type\":\"string\"}}}}");
}

static void end(world *w) {
    dx_space_destroy(&w->alice.context, w->other);
    peer_deinit(&w->alice);
}

/* --- Asking -------------------------------------------------------------------------------------- */

typedef struct answer {
    dx_buf text;
    test_alloc alloc;
} answer;

static int note(void *ctx, dx_sql *sql) {
    answer *self = ctx;
    dx_buf row;
    dx_writer writer;
    dx_buf_init(&row, &self->alloc.port, 1 << 24);
    dx_writer_init(&writer, &row);
    assert_int_equal(dx_sql_write_row(sql, &writer), DX_OK);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_buf_append(&self->text, " ", self->text.size > 0);
    assert_int_equal(dx_json_print(dx_buf_view(&row), &self->text), DX_OK);
    dx_buf_deinit(&row);
    return DX_OK;
}

/* The rows as JSON, or the error's message; static until the next question. */
static const char *ask_with(world *w, const char *statement, dx_bytes values, size_t rows,
                            int64_t patience_ms, int *error) {
    static char kept[1 << 16];
    char message[DX_SQL_MESSAGE_SIZE];
    answer self;
    dx_sql *sql;
    peer *alice = &w->alice;
    bool more = true;
    test_alloc_init(&self.alloc);
    dx_buf_init(&self.text, &self.alloc.port, 1 << 26);
    peer_begin(alice);
    *error = dx_sql_create(&alice->context, alice->space, dx_bytes_text(statement), values, patience_ms,
                           message, &sql);
    snprintf(kept, sizeof kept, "%s", message);
    while (*error == DX_OK && more) {
        *error = dx_sql_run(sql, rows, note, &self, &more);
        if (*error != DX_OK) {
            snprintf(kept, sizeof kept, "%s", dx_sql_message(sql));
        }
        peer_commit(alice); /* nothing is open between two calls */
        peer_begin(alice);
    }
    if (*error == DX_OK) {
        snprintf(kept, sizeof kept, "%.*s", (int)self.text.size,
                 self.text.size == 0 ? "" : (const char *)self.text.data);
    }
    dx_sql_destroy(sql);
    peer_commit(alice);
    dx_buf_deinit(&self.text);
    return kept;
}

static void expect(world *w, const char *statement, const char *rows) {
    int error;
    const char *said = ask_with(w, statement, dx_bytes_of(NULL, 0), 2, 1000, &error);
    if (error != DX_OK || strcmp(said, rows) != 0) {
        fail_msg("%s: %d %s, not %s", statement, error, said, rows);
    }
}

static void refuse(world *w, const char *statement, int wanted, const char *words) {
    int error;
    const char *said = ask_with(w, statement, dx_bytes_of(NULL, 0), 100, 100, &error);
    if (error != wanted || strstr(said, words) == NULL) {
        fail_msg("%s: %d %s, not %d %s", statement, error, said, wanted, words);
    }
}

/* --- What is seen -------------------------------------------------------------------------------- */

static void test_tables(void **state) {
    world w;
    (void)state;
    begin(&w);
    expect(&w, "SELECT type, count(*) FROM objects GROUP BY type ORDER BY type",
           "[\"Note\",1] [\"TWIN\",1] [\"objects\",1] [\"odd \\\"name\\\"\",1] [\"task\",5] [\"twin\",1]");
    expect(&w, "SELECT title, rank, done, due, tags, blob, \"a.b\" FROM task ORDER BY rowid",
           "[\"apple\",1,1,\"2026-01-02T00:00:00Z\",null,null,null] "
           "[\"beet\",2.5,0,null,\"[\\\"x\\\",\\\"y\\\"]\",null,null]"
           " [\"5\",null,null,null,null,null,null] [null,-3,null,null,null,{\"@bytes\":\"AAEC\"},null]"
           " [\"\",5,null,null,null,null,\"dot\"]");
    expect(&w, "SELECT any FROM task ORDER BY rowid", "[null] [5] [\"5\"] [1] [1]");
    expect(&w, "SELECT count(*), sum(deleted) FROM all_objects WHERE type = 'task'", "[6,1]");
    expect(&w, "SELECT count(*) FROM objects WHERE type = 'dx.space'", "[0]");
    expect(&w, "SELECT data ->> '$.name' FROM \"dx.space\"", "[\"Garden\"]");
    expect(&w,
           "SELECT a.title, b.title FROM links l JOIN task a ON a.id = l.source JOIN task b ON b.id = "
           "l.target ORDER BY 1",
           "[\"apple\",\"beet\"] [\"beet\",\"5\"]");
    expect(&w, "SELECT title FROM task WHERE parent = (SELECT id FROM task WHERE title = 'apple')", "[null]");
    expect(&w, "SELECT count(*) FROM task WHERE parent IS NULL", "[4]");
    expect(&w,
           "WITH RECURSIVE r(id) AS (SELECT id FROM task WHERE title = 'apple' UNION SELECT target FROM "
           "links JOIN r ON "
           "source = r.id) SELECT count(*) FROM r",
           "[3]");
    expect(&w, "SELECT \"data.id\", text, size, _size > 0, _text FROM note",
           "[\"mine\",\"a note\",3,1,null]");
    expect(&w, "SELECT count(*) FROM \"odd \"\"name\"\"\"", "[1]");
    expect(
        &w,
        "SELECT json_extract(data, '$.in.deep'), made, length(author), model FROM task WHERE \"a.b\" = 'dot'",
        "[\"k\",\"2023-11-14T22:13:20Z\",64,\"dx/object/1\"]");
    expect(&w, "SELECT holds FROM tables WHERE name = 'task' AND \"column\" = 'due'", "[\"a time\"]");
    expect(&w, "SELECT value FROM task, json_each(task.tags) WHERE title = 'beet'", "[\"x\"] [\"y\"]");
    expect(&w, "VALUES (1, 'a', x'00', 1.5, NULL, CAST(x'ff' AS TEXT))",
           "[1,\"a\",{\"@bytes\":\"AA\"},1.5,null,{\"@bytes\":\"_w\"}]");
    expect(&w, "SELECT 1 WHERE 0; -- nothing", "");
    /* A type that differs from another by case alone, and one that is called as a table of ours, have no table. */
    refuse(&w, "SELECT * FROM twin", DX_E_INVALID, "no such table: twin");
    expect(&w, "SELECT count(*) > 5 FROM objects", "[1]");
    end(&w);
}

static void test_other_space_is_not_there(void **state) {
    world w;
    (void)state;
    begin(&w);
    expect(&w, "SELECT count(*) FROM all_objects WHERE data LIKE '%secret%'", "[0]");
    expect(&w, "SELECT count(*) FROM task WHERE title = 'secret'", "[0]");
    char statement[256], text[DX_ID_TEXT_MAX];
    uint8_t id[DX_ID_SIZE];
    peer_begin(&w.alice);
    const dx_feed *feed = dx_space_feed(w.other, w.other->own_data);
    assert_int_equal(dx_key_to_id(w.other, dx_entity_key(feed->local, 1, 0), id), DX_OK);
    dx_id_print(id, text);
    peer_commit(&w.alice);
    snprintf(statement, sizeof statement, "SELECT count(*) FROM all_objects WHERE id = '%s'", text);
    expect(&w, statement, "[0]");
    end(&w);
}

static void test_values(void **state) {
    world w;
    int error;
    (void)state;
    begin(&w);
    assert_string_equal(ask_with(&w, "SELECT title FROM task WHERE rank > ?1 AND title <> ?2 ORDER BY 1",
                                 test_item("[0.5, \"beet\"]"), 9, 1000, &error),
                        "[\"\"] [\"apple\"]");
    assert_string_equal(
        ask_with(&w, "SELECT :a, @b, $c, :d",
                 test_item("{\"a\":{\"@time\":\"2026-01-01T00:00:00Z\"},\"b\":[1],\"c\":true}"), 9, 1000,
                 &error),
        "[\"2026-01-01T00:00:00Z\",\"[1]\",1,null]");
    assert_string_equal(ask_with(&w, "SELECT ?1", test_item("[{\"@bytes\":\"_w\"}]"), 9, 1000, &error),
                        "[{\"@bytes\":\"_w\"}]");
    assert_string_equal(ask_with(&w, "SELECT 1", test_item("[1]"), 9, 1000, &error),
                        "there are more values than parameters");
    assert_int_equal(error, DX_E_INVALID);
    (void)ask_with(&w, "SELECT ?1", test_item("7"), 9, 1000, &error);
    assert_int_equal(error, DX_E_INVALID);
    end(&w);
}

/* --- What is handed on changes nothing ------------------------------------------------------------ */

/* Each comparison as it is, which a question may answer, and with a plus before its column, which keeps it with SQLite. */
static void compare_all(world *w) {
    static const char *const columns[] = {"title",  "rank",    "done", "due",  "any", "id",
                                          "parent", "\"a.b\"", "blob", "tags", "of"};
    static const char *const comparands[] = {"'apple'",
                                             "'5'",
                                             "5",
                                             "5.0",
                                             "1",
                                             "0",
                                             "-3",
                                             "2.5",
                                             "''",
                                             "NULL",
                                             "x'000102'",
                                             "'2026-01-02T00:00:00Z'",
                                             "'b'",
                                             "9223372036854775807",
                                             "1e300",
                                             "'[\"x\",\"y\"]'",
                                             "CAST('x' AS TEXT)",
                                             "'1-0-0123'",
                                             "(SELECT id FROM task WHERE title = 'apple')"};
    static const char *const operators[] = {"=", "<", "<=", ">", ">=", "<>", "IS", "GLOB", "LIKE"};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        for (size_t k = 0; k < sizeof comparands / sizeof comparands[0]; k++) {
            for (size_t o = 0; o < sizeof operators / sizeof operators[0]; o++) {
                char statement[512], wanted[4096];
                int error;
                const char *form = "SELECT rowid, title FROM task WHERE %s%s %s %s ORDER BY rowid";
                snprintf(statement, sizeof statement, form, "+", columns[i], operators[o], comparands[k]);
                snprintf(wanted, sizeof wanted, "%s",
                         ask_with(w, statement, dx_bytes_of(NULL, 0), 9, 1000, &error));
                assert_int_equal(error, DX_OK);
                snprintf(statement, sizeof statement, form, "", columns[i], operators[o], comparands[k]);
                expect(w, statement, wanted);
            }
        }
    }
    expect(w, "SELECT title FROM task WHERE title IN ('apple', 'beet', 7) ORDER BY 1",
           "[\"apple\"] [\"beet\"]");
    expect(w, "SELECT title FROM task WHERE title GLOB 'b*' AND rank BETWEEN 1 AND 3", "[\"beet\"]");
    expect(w, "SELECT title FROM task WHERE rank > 1 AND rank > 2 AND rank < 5", "[\"beet\"]");
    expect(w, "SELECT title FROM task WHERE title = 'APPLE' COLLATE NOCASE", "[\"apple\"]");
    expect(w, "SELECT count(*) FROM task WHERE title = 'apple' OR rank = 5", "[2]");
}

static void add_index(world *w, const char *type, const char *path) {
    bool more = true;
    peer *alice = &w->alice;
    peer_begin(alice);
    assert_int_equal(
        dx_index_add(&alice->context, alice->space, DX_TYPE_OBJECT, dx_bytes_text(type), dx_bytes_text(path)),
        DX_OK);
    while (more) {
        assert_int_equal(dx_indexes_build(&alice->context, alice->space, 100, &more), DX_OK);
    }
    peer_commit(alice);
}

static void test_comparisons(void **state) {
    world w;
    (void)state;
    begin(&w);
    compare_all(&w);
    static const char *const paths[] = {"title", "rank", "done", "due", "any", "in.deep", "of", "whom"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        add_index(&w, "task", paths[i]);
    }
    compare_all(&w);
    expect(&w, "SELECT count(*) FROM task WHERE \"in.deep\" = 'k'", "[1]");
    expect(&w, "SELECT a.title, count(*) FROM task a, task b WHERE b.of = a.id AND b.whom = a.id",
           "[\"apple\",2]");
    expect(&w, "SELECT indexed FROM tables WHERE name = 'task' AND path = 'in.deep'", "[1]");
    end(&w);
}

static void test_full_text(void **state) {
    world w;
    (void)state;
    begin(&w);
    refuse(&w, "SELECT * FROM task WHERE text MATCH 'apple'", DX_E_INVALID, "no text index");
    add_index(&w, "task", "");
    peer_add(&w.alice, "task", "{\"title\":\"an apple, and an apple pie\"}");
    expect(&w, "SELECT title, snippet FROM task WHERE text MATCH 'app*' ORDER BY _rank",
           "[\"an apple, and an apple pie\",\"an [apple], and an [apple] pie\"] [\"apple\",\"[apple]\"]");
    expect(&w, "SELECT count(*) FROM objects WHERE type = 'task' AND text MATCH 'apple -pie'", "[1]");
    refuse(&w, "SELECT * FROM objects WHERE text MATCH 'apple'", DX_E_INVALID, "asks one type");
    refuse(&w, "SELECT * FROM task WHERE text MATCH '\"'", DX_E_INVALID, "takes words");
    end(&w);
}

/* --- What it may not, and when it ends ------------------------------------------------------------- */

static void test_attacks(void **state) {
    world w;
    (void)state;
    begin(&w);
    static const char *const denied[] = {"SELECT * FROM sqlite_master",
                                         "SELECT count(*) FROM sqlite_schema",
                                         "SELECT * FROM sqlite_temp_master",
                                         "SELECT * FROM entity",
                                         "SELECT * FROM main.entity",
                                         "PRAGMA user_version",
                                         "PRAGMA query_only = 0",
                                         "SELECT * FROM pragma_table_info('objects')",
                                         "ATTACH 'vault' AS v",
                                         "ATTACH ':memory:' AS v",
                                         "DETACH main",
                                         "CREATE TABLE t(a)",
                                         "CREATE TEMP VIEW v AS SELECT 1",
                                         "CREATE VIRTUAL TABLE v USING fts5(a)",
                                         "INSERT INTO objects(id) VALUES (1)",
                                         "UPDATE objects SET id = 1",
                                         "DELETE FROM task",
                                         "DROP TABLE objects",
                                         "BEGIN",
                                         "COMMIT",
                                         "SAVEPOINT a",
                                         "VACUUM",
                                         "VACUUM INTO 'x'",
                                         "REINDEX",
                                         "ANALYZE",
                                         "SELECT load_extension('x')",
                                         "SELECT fts5_source_id()",
                                         "SELECT sqlite_version()",
                                         "SELECT sqlite_compileoption_get(0)",
                                         "SELECT random()",
                                         "SELECT randomblob(9)",
                                         "SELECT zeroblob(9)",
                                         "SELECT writefile('x', 'y')",
                                         "SELECT readfile('x')",
                                         "SELECT changes()",
                                         "SELECT last_insert_rowid()",
                                         "SELECT json_patch('{}', '{}')",
                                         "SELECT fts3_tokenizer('x')",
                                         "SELECT * FROM fts3tokenize",
                                         "SELECT * FROM sqlite_stmt",
                                         "SELECT name FROM dbstat",
                                         "SELECT 1; SELECT 2",
                                         "",
                                         " ",
                                         "-- c",
                                         ";",
                                         "SELECT \"no such\"",
                                         "SELECT",
                                         "EXPLAIN DELETE FROM objects",
                                         "SELECT trim('a', 'b')",
                                         "WITH a AS (DELETE FROM task) SELECT 1"};
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        refuse(&w, denied[i], DX_E_INVALID, "");
    }
    refuse(&w, "DROP TABLE x", DX_E_INVALID, "no such table");
    refuse(&w, "PRAGMA user_version", DX_E_INVALID, "only reads");
    end(&w);
}

static void test_bombs(void **state) {
    world w;
    char *text = malloc(1 << 16);
    size_t at;
    (void)state;
    begin(&w);
    refuse(&w, "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r",
           DX_E_LIMIT, "too long");
    refuse(&w,
           "SELECT count(*) FROM task a, task b, task c, task d, task e, task f, task g, task h, task i, "
           "task j, task k",
           DX_E_LIMIT, "too long");
    expect(&w, "SELECT printf('%.*c', 2000000, 'x')", "[null]");
    refuse(&w, "WITH RECURSIVE r(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM r) SELECT max(s) FROM r",
           DX_E_LIMIT, "too large");
    refuse(&w,
           "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r LIMIT 500) SELECT i FROM r ORDER "
           "BY printf('%.*c%d', 900000, 'x', i)",
           DX_E_LIMIT, "memory");
    refuse(&w, "SELECT instr(printf('%.*c', 900000, 'a'), printf('%.*c', 400000, 'a') || 'b')", DX_E_INVALID,
           "128 bytes");
    refuse(&w, "SELECT printf('%.*c', 900000, 'a') LIKE printf('%.*c', 400000, '%')", DX_E_INVALID,
           "too complex");
    refuse(&w, "SELECT replace(printf('%.*c', 900000, 'a'), 'a', 'aa')", DX_E_LIMIT, "too large");
    /* Names that stand for twice as much as the one before, and depth. */
    at = (size_t)snprintf(text, 1 << 16, "WITH a0 AS (SELECT 1 x)");
    for (int i = 1; i < 24; i++) {
        at += (size_t)snprintf(text + at, (1 << 16) - at, ", a%d AS (SELECT 1 AS x FROM a%d p, a%d q)", i,
                               i - 1, i - 1);
    }
    snprintf(text + at, (1 << 16) - at, " SELECT count(*) FROM a23");
    refuse(&w, text, DX_E_LIMIT, "memory");
    memset(text, '(', 1 << 15);
    snprintf(text + (1 << 15), 64, "1");
    memcpy(text, "SELECT ", 7);
    refuse(&w, text, DX_E_INVALID, "");
    memset(text, ' ', (1 << 16) - 1);
    text[(1 << 16) - 1] = '\0';
    refuse(&w, text, DX_E_INVALID, "no statement");
    free(text);
    /* What went on comes to its end afterwards; and nothing of the limits is left. */
    expect(&w, "SELECT count(*) FROM task", "[5]");
    assert_int_equal(sqlite3_hard_heap_limit64(-1), 0);
    end(&w);
}

static void test_functions(void **state) {
    world w;
    (void)state;
    begin(&w);
    expect(&w,
           "SELECT instr('abcabc', 'ca'), instr('a\xc3\xb6z', 'z'), instr('a', ''), instr('a', 'b'), "
           "instr(NULL, 'a'), instr(x'c3b6aa', x'aa')",
           "[3,3,1,0,null,3]");
    expect(&w,
           "SELECT replace('abcabc', 'b', 'xx'), replace('a', '', 'b'), replace('aaa', 'aa', ''), "
           "replace(NULL, 'a', 'b')",
           "[\"axxcaxxc\",\"a\",\"a\",null]");
    expect(&w,
           "SELECT trim('  a '), upper('a'), round(2.5), date('2026-01-31', '+1 day'), row_number() OVER ()",
           "[\"a\",\"A\",3.0,\"2026-02-01\",1]");
    end(&w);
}

/* A row that goes between two pieces shows without what is gone; one larger than a value shows no data. */
static void test_large(void **state) {
    world w;
    (void)state;
    begin(&w);
    char *json = malloc(3 << 20);
    size_t at = (size_t)snprintf(json, 64, "{\"title\":\"");
    memset(json + at, 'x', 1 << 19);
    snprintf(json + at + (1 << 19), 64, "\"}");
    peer_add(&w.alice, "task", json);
    expect(&w,
           "SELECT length(title), length(t.data) > 500000, t.size > 524288, o.size > 0 FROM task t JOIN "
           "objects o USING (id) "
           "WHERE length(title) > 10",
           "[524288,1,1,1]");
    free(json);
    end(&w);
}

/* Every allocation fails once: what was undone is undone whole, and the next one succeeds. */
static void test_no_memory(void **state) {
    world w;
    int error = DX_E_NO_MEMORY;
    (void)state;
    begin(&w);
    const char *statement = "SELECT title, data, made FROM task WHERE rank > 0 ORDER BY title";
    char wanted[4096];
    snprintf(wanted, sizeof wanted, "%s", ask_with(&w, statement, dx_bytes_of(NULL, 0), 9, 1000, &error));
    for (uint64_t n = 1; n < 2000; n++) {
        char message[DX_SQL_MESSAGE_SIZE];
        answer self;
        dx_sql *sql;
        bool more = true;
        peer *alice = &w.alice;
        test_alloc_init(&self.alloc);
        dx_buf_init(&self.text, &self.alloc.port, 1 << 20);
        peer_begin(alice);
        alice->alloc.calls = 0;
        alice->alloc.fail_at = n;
        error = dx_sql_create(&alice->context, alice->space, dx_bytes_text(statement), dx_bytes_of(NULL, 0),
                              1000, message, &sql);
        while (error == DX_OK && more) {
            error = dx_sql_run(sql, 9, note, &self, &more);
        }
        bool reached = alice->alloc.calls >= n;
        alice->alloc.fail_at = 0;
        dx_sql_destroy(sql);
        dx_buf_deinit(&self.text);
        if (error != DX_OK) {
            assert_int_equal(error, DX_E_NO_MEMORY);
            peer_rollback(alice);
        } else {
            peer_commit(alice);
        }
        if (!reached) {
            break;
        }
    }
    assert_int_equal(error, DX_OK);
    expect(&w, statement, wanted);
    end(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),    cmocka_unit_test(test_other_space_is_not_there),
        cmocka_unit_test(test_values),    cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_full_text), cmocka_unit_test(test_attacks),
        cmocka_unit_test(test_bombs),     cmocka_unit_test(test_functions),
        cmocka_unit_test(test_large),     cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
