/* echo/full_text.c: words of the objects of one type: which objects hold them, how well, and where.
 *
 * Layer: floor 1, echo. Contract in full_text.h. Statements name a table made at run time, so they are made at run time
 * too. The ranking is an auxiliary function of FTS5, told to a connection when a statement first misses it. */
#include "echo/full_text.h"

#include <string.h>

enum { SQL_SIZE = 256, WORDS_MAX = 4096, TERM_WORDS_MAX = 64, WORD_SIZE_MAX = 64 };

static sqlite3 *database(dx_context *context) {
    sqlite3_stmt *any = dx_store_query(context->store, "SELECT 1");
    return any == NULL ? NULL : sqlite3_db_handle(any);
}

/* --- The question -------------------------------------------------------------------------------- */

typedef struct term {
    dx_bytes text;
    bool excluded, beginning;
} term;

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next term; false at the end. *error: what is wrong. */
static bool next_term(dx_bytes question, size_t *at, term *out, int *error) {
    *out = (term){{NULL, 0}, false, false};
    while (*at < question.size && is_space(question.data[*at])) {
        (*at)++;
    }
    if (*at == question.size) {
        return false;
    }
    if (question.data[*at] == '-' && *at + 1 < question.size) {
        out->excluded = true;
        (*at)++;
    }
    bool phrase = question.data[*at] == '"';
    size_t begin = *at + phrase;
    *at = begin;
    while (*at < question.size && (phrase ? question.data[*at] != '"' : !is_space(question.data[*at]))) {
        *error = question.data[*at] < 0x20 && !is_space(question.data[*at]) ? DX_E_INVALID : *error;
        (*at)++;
    }
    *error = phrase && *at == question.size ? DX_E_INVALID : *error;
    out->text = dx_bytes_of(question.data + begin, *at - begin);
    *at += phrase && *at < question.size;
    if (phrase && *at < question.size && question.data[*at] == '*') {
        out->beginning = true;
        (*at)++;
    } else if (!phrase && out->text.size > 1 && out->text.data[out->text.size - 1] == '*') {
        out->beginning = true;
        out->text.size--;
    }
    return *error == DX_OK;
}

/* Something that can be a letter or a digit; what has none is no word. */
static bool has_word(dx_bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
            return true;
        }
    }
    return false;
}

static void append_text(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

static void append_term(const term *from, dx_buf *out) {
    dx_buf_append_byte(out, '"');
    for (size_t i = 0; i < from->text.size; i++) {
        if (from->text.data[i] == '"') {
            dx_buf_append_byte(out, '"');
        }
        dx_buf_append_byte(out, from->text.data[i]);
    }
    append_text(out, from->beginning ? "\"*" : "\"");
}

/* All terms that are, or are not, excluded, joined. */
static size_t append_terms(dx_bytes question, bool excluded, const char *before, const char *between,
                           dx_buf *out, int *error) {
    size_t at = 0, count = 0;
    term each;
    while (next_term(question, &at, &each, error)) {
        if (each.excluded == excluded && has_word(each.text)) {
            append_text(out, count++ > 0 ? between : before);
            append_term(&each, out);
        }
    }
    append_text(out, count > 0 ? ")" : "");
    return count;
}

int dx_full_text_parse(dx_bytes question, dx_buf *expression) {
    int error = question.size > DX_FULL_TEXT_QUESTION_MAX ? DX_E_INVALID : DX_OK;
    size_t wanted = 0, excluded = 0;
    if (error == DX_OK) {
        wanted = append_terms(question, false, "(", " AND ", expression, &error);
        excluded = append_terms(question, true, " NOT (", " OR ", expression, &error);
    }
    if (wanted == 0 || wanted + excluded > DX_FULL_TEXT_TERMS_MAX) {
        error = DX_E_INVALID;
    }
    return error != DX_OK ? error : dx_buf_error(expression);
}

/* --- The table ----------------------------------------------------------------------------------- */

static int run(dx_context *context, const char *format, int64_t index) {
    char sql[SQL_SIZE];
    sqlite3_snprintf(sizeof sql, sql, format, (long long)index, (long long)index);
    sqlite3_stmt *statement = dx_store_query_dynamic(context->store, sql);
    int error = dx_step_done(context->store, statement);
    dx_store_discard(statement);
    return error;
}

int dx_full_text_create(dx_context *context, int64_t index) {
    return run(context,
               "CREATE VIRTUAL TABLE text_%lld USING fts5(words, content='', columnsize=0, "
               "tokenize='unicode61 remove_diacritics 2')",
               index);
}

/* SQLite drops no table while anything is being read. */
int dx_full_text_drop(dx_context *context, int64_t index) {
    sqlite3 *db = database(context);
    for (sqlite3_stmt *each = db == NULL ? NULL : sqlite3_next_stmt(db, NULL); each != NULL;
         each = sqlite3_next_stmt(db, each)) {
        if (sqlite3_stmt_busy(each)) {
            sqlite3_reset(each);
        }
    }
    return run(context, "DROP TABLE IF EXISTS text_%lld", index);
}

static int change(dx_context *context, const char *format, int64_t index, int64_t key, dx_bytes words) {
    char sql[SQL_SIZE];
    if (words.size == 0) {
        return DX_OK;
    }
    sqlite3_snprintf(sizeof sql, sql, format, (long long)index, (long long)index);
    sqlite3_stmt *statement = dx_store_query_dynamic(context->store, sql);
    dx_bind_int(statement, 1, key);
    dx_bind_text(statement, 2, words);
    int error = dx_step_done(context->store, statement);
    dx_store_discard(statement);
    return error;
}

int dx_full_text_change(dx_context *context, int64_t index, int64_t key, dx_bytes before, dx_bytes after) {
    if (dx_bytes_equal(before, after)) {
        return DX_OK;
    }
    int error = change(context, "INSERT INTO text_%lld(text_%lld, rowid, words) VALUES('delete', ?1, ?2)",
                       index, key, before);
    return error == DX_OK
               ? change(context, "INSERT INTO text_%lld(rowid, words) VALUES(?1, ?2)", index, key, after)
               : error;
}

int dx_full_text_scrub(dx_context *context, const dx_space *space) {
    int64_t index = 0;
    bool found = true;
    int error = DX_OK;
    while (error == DX_OK && found) {
        sqlite3_stmt *select = dx_store_query(
            context->store, "SELECT id FROM property_index WHERE space = ?1 AND id > ?2 AND EXISTS"
                            " (SELECT 1 FROM sqlite_schema WHERE name = 'text_' || id) ORDER BY id LIMIT 1");
        dx_bind_int(select, 1, space->local);
        dx_bind_int(select, 2, index);
        found = dx_step(context->store, select);
        index = found ? dx_column_int(select, 0) : index;
        dx_step_reset(select);
        error = dx_store_error(context->store);
        if (error == DX_OK && found) {
            error = run(context, "INSERT INTO text_%lld(text_%lld) VALUES('optimize')", index);
        }
    }
    return error;
}

void dx_full_text_gather(dx_bytes view, dx_buf *out) {
    dx_reader reader;
    dx_reader_init(&reader, view);
    if (dx_reader_peek(&reader) != DX_KIND_MAP) {
        return;
    }
    for (size_t count = dx_read_map(&reader); count > 0; count--) {
        (void)dx_read_item(&reader);
        dx_bytes text = dx_item_text(dx_read_item(&reader));
        if (text.size != 0) {
            dx_buf_append(out, text.data, text.size);
            dx_buf_append_byte(out, '\n');
        }
    }
}

/* --- Ranking ------------------------------------------------------------------------------------- */

/* How rare each phrase of a question is; lives as long as its statement. */
typedef struct rarity {
    double of[DX_FULL_TEXT_TERMS_MAX];
} rarity;

static int count_row(const Fts5ExtensionApi *api, Fts5Context *fts, void *ctx) {
    (void)api;
    (void)fts;
    ++*(int64_t *)ctx;
    return SQLITE_OK;
}

/* The logarithm to base 2 of a number that is at least 1, straight between powers of two: ranking needs its growth, not
 * its digits, and the same bytes everywhere. */
static double logarithm(double number) {
    int power = 0;
    while (number >= 2) {
        number /= 2;
        power++;
    }
    return power + (number - 1);
}

static rarity *make_rarity(const Fts5ExtensionApi *api, Fts5Context *fts) {
    rarity *self = sqlite3_malloc64(sizeof *self);
    int phrases = api->xPhraseCount(fts);
    sqlite3_int64 rows = 0;
    if (self == NULL) {
        return NULL;
    }
    (void)api->xRowCount(fts, &rows);
    for (int i = 0; i < DX_FULL_TEXT_TERMS_MAX; i++) {
        int64_t count = 0;
        self->of[i] = 1;
        if (phrases > 1 && i < phrases && api->xQueryPhrase(fts, i, &count, count_row) == SQLITE_OK) {
            self->of[i] = logarithm(1 + (double)rows / ((double)count + 1));
        }
    }
    (void)api->xSetAuxdata(fts, self, sqlite3_free);
    return self;
}

static void rank_row(const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *out, int count,
                     sqlite3_value **values) {
    static const double saturation = 1.2;
    rarity *rarities = api->xGetAuxdata(fts, 0);
    double rank = 0;
    int phrases = api->xPhraseCount(fts);
    (void)count;
    (void)values;
    rarities = rarities != NULL ? rarities : make_rarity(api, fts);
    if (rarities == NULL) {
        sqlite3_result_error_nomem(out);
        return;
    }
    for (int i = 0; i < phrases && i < DX_FULL_TEXT_TERMS_MAX; i++) {
        Fts5PhraseIter at;
        int column = -1, offset = -1, times = 0;
        if (api->xPhraseFirst(fts, i, &at, &column, &offset) != SQLITE_OK) {
            continue;
        }
        for (; column >= 0; api->xPhraseNext(fts, &at, &column, &offset)) {
            times++;
        }
        rank += rarities->of[i] * times / (times + saturation);
    }
    sqlite3_result_double(out, rank);
}

static fts5_api *find_api(sqlite3 *db) {
    fts5_api *api = NULL;
    sqlite3_stmt *select = NULL;
    if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &select, NULL) == SQLITE_OK) {
        (void)sqlite3_bind_pointer(select, 1, &api, "fts5_api_ptr", NULL);
        (void)sqlite3_step(select);
    }
    (void)sqlite3_finalize(select);
    return api;
}

/* A connection knows the ranking or is told it. */
static void teach_ranking(sqlite3 *db, const char *sql) {
    sqlite3_stmt *trial = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &trial, NULL) != SQLITE_OK) {
        fts5_api *api = find_api(db);
        if (api != NULL) {
            (void)api->xCreateFunction(api, "dx_rank", NULL, rank_row, NULL);
        }
    }
    (void)sqlite3_finalize(trial);
}

sqlite3_stmt *dx_full_text_query(dx_context *context, int64_t index, dx_bytes expression, int64_t after,
                                 int64_t limit) {
    char sql[SQL_SIZE];
    sqlite3 *db = database(context);
    if (db == NULL) {
        return NULL;
    }
    sqlite3_snprintf(
        sizeof sql, sql,
        "SELECT rowid, dx_rank(text_%lld) FROM text_%lld WHERE text_%lld MATCH ?1 AND rowid > ?2 "
        "ORDER BY rowid LIMIT ?3",
        (long long)index, (long long)index, (long long)index);
    teach_ranking(db, sql);
    sqlite3_stmt *rows = dx_store_query_dynamic(context->store, sql);
    dx_bind_text(rows, 1, expression);
    dx_bind_int(rows, 2, after);
    dx_bind_int(rows, 3, limit);
    return rows;
}

/* --- Snippets ------------------------------------------------------------------------------------ */

typedef struct word {
    size_t size;
    bool beginning;
    char text[WORD_SIZE_MAX];
} word;

typedef struct place {
    size_t begin, end;
    bool hit;
} place;

typedef struct looking {
    word words[TERM_WORDS_MAX]; /* asked for */
    size_t word_count;
    bool beginning; /* of the term being read */
    place *places;
    size_t place_count;
} looking;

static int take_asked(void *ctx, int flags, const char *text, int size, int begin, int end) {
    looking *self = ctx;
    (void)flags;
    (void)begin;
    (void)end;
    if (self->word_count < TERM_WORDS_MAX && size > 0 && size <= WORD_SIZE_MAX) {
        word *to = &self->words[self->word_count++];
        to->size = (size_t)size;
        to->beginning = self->beginning;
        memcpy(to->text, text, (size_t)size);
    }
    return SQLITE_OK;
}

static int take_place(void *ctx, int flags, const char *text, int size, int begin, int end) {
    looking *self = ctx;
    bool hit = false;
    (void)flags;
    if (self->place_count == WORDS_MAX) {
        return SQLITE_DONE;
    }
    for (size_t i = 0; i < self->word_count && !hit; i++) {
        const word *asked = &self->words[i];
        hit = (asked->beginning ? (size_t)size >= asked->size : (size_t)size == asked->size) &&
              memcmp(text, asked->text, asked->size) == 0;
    }
    self->places[self->place_count++] = (place){(size_t)begin, (size_t)end, hit};
    return SQLITE_OK;
}

/* The first run of words with the most matches. */
static size_t best_window(const looking *self, size_t *hits) {
    size_t best = 0, in = 0;
    *hits = 0;
    for (size_t i = 0; i < self->place_count; i++) {
        in += self->places[i].hit;
        in -= i >= DX_FULL_TEXT_SNIPPET_WORDS && self->places[i - DX_FULL_TEXT_SNIPPET_WORDS].hit;
        if (in > *hits) {
            *hits = in;
            best = i + 1 > DX_FULL_TEXT_SNIPPET_WORDS ? i + 1 - DX_FULL_TEXT_SNIPPET_WORDS : 0;
        }
    }
    return best;
}

static void write_piece(dx_bytes text, size_t begin, size_t end, bool leads, bool trails, dx_buf *scratch,
                        dx_writer *out) {
    dx_buf_clear(scratch);
    append_text(scratch, leads ? "…" : "");
    dx_buf_append(scratch, text.data + begin, end - begin);
    append_text(scratch, trails ? "…" : "");
    dx_write_text_bytes(out, dx_buf_view(scratch));
}

static void write_window(const looking *self, dx_bytes text, size_t from, dx_buf *scratch, dx_writer *out) {
    size_t end = from + DX_FULL_TEXT_SNIPPET_WORDS < self->place_count ? from + DX_FULL_TEXT_SNIPPET_WORDS
                                                                       : self->place_count;
    size_t hits = 0, at = from == 0 ? 0 : self->places[from].begin, last;
    for (size_t i = from; i < end; i++) {
        hits += self->places[i].hit;
    }
    last = end == self->place_count ? text.size : self->places[end - 1].end;
    dx_write_array(out, 2 * hits + 1);
    bool first = true;
    for (size_t i = from; i < end; i++) {
        const place *each = &self->places[i];
        if (each->hit) {
            write_piece(text, at, each->begin, first && from > 0, false, scratch, out);
            write_piece(text, each->begin, each->end, false, false, scratch, out);
            at = each->end;
            first = false;
        }
    }
    write_piece(text, at, last, first && from > 0, end < self->place_count, scratch, out);
}

/* The text at the top of the view whose best run has the most matches. */
static void write_best(looking *self, fts5_tokenizer *tokenizer, Fts5Tokenizer *instance, dx_bytes view,
                       dx_buf *scratch, dx_writer *out) {
    dx_bytes best = {NULL, 0};
    size_t most = 0, from = 0;
    dx_reader reader;
    dx_reader_init(&reader, view);
    for (size_t count = dx_reader_peek(&reader) == DX_KIND_MAP ? dx_read_map(&reader) : 0; count > 0;
         count--) {
        (void)dx_read_item(&reader);
        dx_bytes text = dx_item_text(dx_read_item(&reader));
        size_t hits;
        self->place_count = 0;
        if (text.size == 0 || text.size > INT32_MAX) {
            continue;
        }
        (void)tokenizer->xTokenize(instance, self, FTS5_TOKENIZE_DOCUMENT, (const char *)text.data,
                                   (int)text.size, take_place);
        size_t window = best_window(self, &hits);
        if (hits > most || best.size == 0) {
            best = text;
            most = hits;
            from = window;
        }
    }
    if (best.size == 0) {
        dx_write_array(out, 0);
        return;
    }
    self->place_count = 0;
    (void)tokenizer->xTokenize(instance, self, FTS5_TOKENIZE_DOCUMENT, (const char *)best.data,
                               (int)best.size, take_place);
    write_window(self, best, from, scratch, out);
}

int dx_full_text_snippet(dx_context *context, dx_bytes question, dx_bytes view, dx_buf *out) {
    static const char *options[] = {"remove_diacritics", "2"};
    sqlite3 *db = database(context);
    fts5_api *api = db == NULL ? NULL : find_api(db);
    fts5_tokenizer tokenizer;
    Fts5Tokenizer *instance = NULL;
    void *user = NULL;
    if (api == NULL || api->xFindTokenizer(api, "unicode61", &user, &tokenizer) != SQLITE_OK ||
        tokenizer.xCreate(user, options, 2, &instance) != SQLITE_OK) {
        return DX_E_STORE;
    }
    looking *self = dx_alloc_take_zeroed(context->alloc, sizeof *self);
    place *places = dx_alloc_take(context->alloc, WORDS_MAX * sizeof *places);
    dx_buf scratch;
    dx_buf_init(&scratch, context->alloc, DX_ROW_SIZE_MAX);
    int error = self == NULL || places == NULL ? DX_E_NO_MEMORY : DX_OK;
    if (error == DX_OK) {
        dx_writer writer;
        term each;
        size_t at = 0;
        int wrong = DX_OK;
        self->places = places;
        while (next_term(question, &at, &each, &wrong)) {
            self->beginning = each.beginning;
            if (!each.excluded) {
                (void)tokenizer.xTokenize(instance, self, FTS5_TOKENIZE_QUERY, (const char *)each.text.data,
                                          (int)each.text.size, take_asked);
            }
        }
        dx_writer_init(&writer, out);
        write_best(self, &tokenizer, instance, view, &scratch, &writer);
        error = dx_writer_finish(&writer);
    }
    tokenizer.xDelete(instance);
    dx_buf_deinit(&scratch);
    dx_alloc_free(context->alloc, self, sizeof *self);
    dx_alloc_free(context->alloc, places, WORDS_MAX * sizeof *places);
    return error;
}
