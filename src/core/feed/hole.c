/* feed/hole.c: sections of stored blocks of which only the hash is here. See hole.h.
 *
 * Layer: floor 1, feed. */
#include "feed/hole.h"

#include <string.h>

#include "feed/feed_state.h"

/* --- Rows ---------------------------------------------------------------------------------------- */

/* The number that a block is stored under, with its number in the feed below (feed_state.h). */
static int64_t rows_of(int64_t key) {
    return key >> 32;
}

static int read_row(dx_store *store, int64_t key, dx_holes *out) {
    sqlite3_stmt *select =
        dx_store_query(store, "SELECT sections, excused, outside, word FROM hole WHERE block = ?1");
    dx_bind_int(select, 1, key);
    bool found = dx_step(store, select);
    out->seq = (uint64_t)key & UINT32_MAX;
    out->sections = found ? (uint64_t)dx_column_int(select, 0) : 0;
    out->excused = found ? (uint64_t)dx_column_int(select, 1) : 0;
    out->outside = found ? (uint64_t)dx_column_int(select, 2) : 0;
    out->word = found ? dx_column_int(select, 3) : 0;
    dx_step_reset(select);
    return dx_store_error(store);
}

/* By what another row of a block changes. */
static int add_to_count(dx_store *store, int64_t rows, const dx_holes *before, const dx_holes *after) {
    sqlite3_stmt *upsert = dx_store_query(
        store,
        "INSERT INTO hole_count(rows, sections, excused, outside) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(rows)"
        " DO UPDATE SET sections = sections + ?2, excused = excused + ?3, outside = outside + ?4");
    dx_bind_int(upsert, 1, rows);
    dx_bind_int(upsert, 2, (int64_t)after->sections - (int64_t)before->sections);
    dx_bind_int(upsert, 3, (int64_t)after->excused - (int64_t)before->excused);
    dx_bind_int(upsert, 4, (int64_t)after->outside - (int64_t)before->outside);
    return dx_step_done(store, upsert);
}

static int write_row(dx_store *store, int64_t key, const dx_holes *holes) {
    sqlite3_stmt *write = dx_store_query(
        store, holes->sections == 0 ? "DELETE FROM hole WHERE block = ?1"
                                    : "INSERT OR REPLACE INTO hole(block, sections, excused, outside, word)"
                                      " VALUES(?1, ?2, ?3, ?4, ?5)");
    dx_bind_int(write, 1, key);
    if (holes->sections != 0) {
        dx_bind_int(write, 2, (int64_t)holes->sections);
        dx_bind_int(write, 3, (int64_t)holes->excused);
        dx_bind_int(write, 4, (int64_t)holes->outside);
        dx_bind_int(write, 5, holes->outside == 0 ? 0 : holes->word);
    }
    return dx_step_done(store, write);
}

static int set_row(dx_store *store, int64_t key, const dx_holes *holes) {
    dx_holes before;
    int64_t word = holes->outside == 0 ? 0 : holes->word;
    DX_ASSERT(holes->excused + holes->outside <= holes->sections);
    int error = read_row(store, key, &before);
    if (error || (before.sections == holes->sections && before.excused == holes->excused &&
                  before.outside == holes->outside && before.word == word)) {
        return error;
    }
    error = write_row(store, key, holes);
    return error ? error : add_to_count(store, rows_of(key), &before, holes);
}

/* At most what is neither excused nor gone. */
static void limit_outside(dx_holes *holes) {
    uint64_t rest = holes->sections - holes->excused;
    holes->outside = holes->outside < rest ? holes->outside : rest;
}

static bool are_some_missing(const dx_holes *holes) {
    return holes->sections > holes->excused + holes->outside;
}

int dx_hole_excuse(const dx_feed *feed, dx_store *store, uint64_t seq, uint64_t excused) {
    dx_holes holes;
    int64_t key = dx_feed_block_key(feed, seq);
    int error = read_row(store, key, &holes);
    if (error) {
        return error;
    }
    bool unknown = are_some_missing(&holes) && excused > holes.excused;
    DX_ASSERT(excused <= holes.sections);
    holes.excused = excused;
    holes.outside = unknown ? 0 : holes.outside;
    limit_outside(&holes);
    return set_row(store, key, &holes);
}

int dx_hole_note(const dx_feed *feed, dx_store *store, const dx_holes *holes) {
    return set_row(store, dx_feed_block_key(feed, holes->seq), holes);
}

/* Which rows are looked for. */
typedef struct wanted_rows {
    enum { ANY, MISSING, OF_WORD } which;
    int64_t word;
} wanted_rows;

/* The first row of blocks [from, end), all stored under one number. */
static int next_between(const dx_feed *feed, dx_store *store, wanted_rows wanted, uint64_t from, uint64_t end,
                        dx_holes *out) {
    if (from >= end) {
        return DX_E_NOT_FOUND;
    }
    sqlite3_stmt *select = dx_store_query(
        store,
        wanted.which == ANY
            ? "SELECT block, sections, excused, outside, word FROM hole NOT INDEXED WHERE block"
              " BETWEEN ?1 AND ?2 ORDER BY block LIMIT 1"
        : wanted.which == MISSING
            ? "SELECT block, sections, excused, outside, word FROM hole INDEXED BY hole_missing WHERE block"
              " BETWEEN ?1 AND ?2 AND sections > excused + outside ORDER BY block LIMIT 1"
            : "SELECT block, sections, excused, outside, word FROM hole INDEXED BY hole_word WHERE word <> 0"
              " AND word = ?3 AND block BETWEEN ?1 AND ?2 ORDER BY block LIMIT 1");
    dx_bind_int(select, 1, dx_feed_block_key(feed, from));
    dx_bind_int(select, 2, dx_feed_block_key(feed, end - 1));
    if (wanted.which == OF_WORD) {
        dx_bind_int(select, 3, wanted.word);
    }
    bool found = dx_step(store, select);
    *out = (dx_holes){.seq = (uint64_t)dx_column_int(select, 0) & UINT32_MAX,
                      .sections = (uint64_t)dx_column_int(select, 1),
                      .excused = (uint64_t)dx_column_int(select, 2),
                      .outside = (uint64_t)dx_column_int(select, 3),
                      .word = dx_column_int(select, 4)};
    dx_step_reset(select);
    int error = dx_store_error(store);
    return error ? error : found ? DX_OK : DX_E_NOT_FOUND;
}

static int find_next(const dx_feed *feed, dx_store *store, wanted_rows wanted, uint64_t from, dx_holes *out) {
    from = from > feed->begins ? from : feed->begins; /* rows below wait for a sweep at most */
    uint64_t shared = feed->parts < feed->length ? feed->parts : feed->length;
    int error = next_between(feed, store, wanted, from, shared, out);
    return error != DX_E_NOT_FOUND
               ? error
               : next_between(feed, store, wanted, from > shared ? from : shared, feed->length, out);
}

int dx_hole_next(const dx_feed *feed, dx_store *store, uint64_t from, dx_holes *out) {
    return find_next(feed, store, (wanted_rows){.which = ANY}, from, out);
}

int dx_hole_missing(const dx_feed *feed, dx_store *store, uint64_t from, dx_holes *out) {
    return find_next(feed, store, (wanted_rows){.which = MISSING}, from, out);
}

/* The word behind one, of those that stand in the table. DX_E_NOT_FOUND. */
static int next_word(dx_store *store, bool first, int64_t *word) {
    sqlite3_stmt *select = dx_store_query(
        store, first ? "SELECT min(word) FROM hole INDEXED BY hole_word WHERE word <> 0"
                     : "SELECT min(word) FROM hole INDEXED BY hole_word WHERE word <> 0 AND word > ?1");
    if (!first) {
        dx_bind_int(select, 1, *word);
    }
    bool found = dx_step(store, select) && !dx_column_is_null(select, 0);
    *word = found ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    int error = dx_store_error(store);
    return error ? error : found ? DX_OK : DX_E_NOT_FOUND;
}

int dx_hole_doubted(const dx_feed *feed, dx_store *store, uint64_t from, int64_t who, dx_holes *out) {
    wanted_rows wanted = {.which = OF_WORD};
    bool some = false;
    int error = next_word(store, true, &wanted.word);
    for (; !error; error = next_word(store, false, &wanted.word)) {
        dx_holes holes;
        error = wanted.word == who ? DX_E_NOT_FOUND : find_next(feed, store, wanted, from, &holes);
        if (error && error != DX_E_NOT_FOUND) {
            return error;
        }
        if (!error && (!some || holes.seq < out->seq)) {
            *out = holes;
            some = true;
        }
    }
    return error == DX_E_NOT_FOUND && some ? DX_OK : error;
}

int dx_hole_count(const dx_feed *feed, dx_store *store, uint64_t *sections, uint64_t *excused) {
    sqlite3_stmt *select = dx_store_query(
        store,
        "SELECT coalesce(sum(sections), 0), coalesce(sum(excused), 0) FROM hole_count WHERE rows IN (?1, ?2)"
        " OR rows IN (SELECT rows FROM limb WHERE feed = ?1)");
    dx_bind_int(select, 1, feed->local);
    dx_bind_int(select, 2, feed->rows);
    bool found = dx_step(store, select);
    *sections = found ? (uint64_t)dx_column_int(select, 0) : 0;
    *excused = found ? (uint64_t)dx_column_int(select, 1) : 0;
    dx_step_reset(select);
    return dx_store_error(store);
}

int dx_hole_count_outside(const dx_feed *feed, dx_store *store, uint64_t *outside) {
    sqlite3_stmt *select =
        dx_store_query(store, "SELECT coalesce(sum(outside), 0) FROM hole_count WHERE rows IN (?1, ?2)"
                              " OR rows IN (SELECT rows FROM limb WHERE feed = ?1)");
    dx_bind_int(select, 1, feed->local);
    dx_bind_int(select, 2, feed->rows);
    *outside = dx_step(store, select) ? (uint64_t)dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    return dx_store_error(store);
}

/* A block of the feed of which some holes are outside. DX_E_NOT_FOUND. */
static int next_outside(const dx_feed *feed, dx_store *store, int64_t *key) {
    sqlite3_stmt *select = dx_store_query(
        store, "SELECT (SELECT block FROM hole INDEXED BY hole_outside WHERE block BETWEEN rows << 32 AND"
               " (rows + 1 << 32) - 1 AND outside <> 0 ORDER BY block LIMIT 1) FROM hole_count"
               " WHERE outside <> 0 AND (rows IN (?1, ?2) OR rows IN (SELECT rows FROM limb WHERE feed = ?1))"
               " LIMIT 1");
    dx_bind_int(select, 1, feed->local);
    dx_bind_int(select, 2, feed->rows);
    bool found = dx_step(store, select) && !dx_column_is_null(select, 0);
    *key = found ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    int error = dx_store_error(store);
    return error ? error : found ? DX_OK : DX_E_NOT_FOUND;
}

int dx_hole_reset_outside(const dx_feed *feed, dx_store *store, size_t *budget) {
    int error = DX_OK;
    for (; *budget != 0 && !error; --*budget) {
        int64_t key;
        dx_holes holes;
        error = next_outside(feed, store, &key);
        if (error) {
            break;
        }
        error = read_row(store, key, &holes);
        holes.outside = 0;
        holes.word = 0;
        error = error ? error : set_row(store, key, &holes);
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_hole_forget(dx_store *store, int64_t first, int64_t last) {
    const dx_holes none = {.seq = 0};
    dx_holes gone = {.seq = 0};
    sqlite3_stmt *sum = dx_store_query(store, "SELECT sum(sections), sum(excused), sum(outside) FROM hole"
                                              " WHERE block BETWEEN ?1 AND ?2");
    dx_bind_int(sum, 1, first);
    dx_bind_int(sum, 2, last);
    bool any = dx_step(store, sum) && !dx_column_is_null(sum, 0);
    if (any) {
        gone.sections = (uint64_t)dx_column_int(sum, 0);
        gone.excused = (uint64_t)dx_column_int(sum, 1);
        gone.outside = (uint64_t)dx_column_int(sum, 2);
    }
    dx_step_reset(sum);
    int error = dx_store_error(store);
    if (error || !any) {
        return error;
    }
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM hole WHERE block BETWEEN ?1 AND ?2");
    dx_bind_int(remove, 1, first);
    dx_bind_int(remove, 2, last);
    error = dx_step_done(store, remove);
    return error ? error : add_to_count(store, rows_of(first), &gone, &none);
}

/* --- Sections -------------------------------------------------------------------------------------- */

/* A block's sections being written anew. */
typedef struct rewriting {
    const dx_section_change *changes;
    size_t count, next; /* the change that comes next */
    dx_buf items;
    dx_writer writer;
    uint64_t holes, filled;
    size_t changed;
} rewriting;

static void write_hash(dx_writer *writer, const uint8_t hash[static DX_HASH_SIZE]) {
    dx_write_array(writer, 1);
    dx_write_bytes(writer, dx_bytes_of(hash, DX_HASH_SIZE));
}

/* The section of this index, as it was and as it shall be. */
static int rewrite_section(rewriting *self, uint64_t index, dx_bytes section, bool is_hole) {
    const dx_section_change *change = self->next < self->count && self->changes[self->next].index == index
                                          ? &self->changes[self->next]
                                          : NULL;
    uint8_t hash[DX_HASH_SIZE];
    self->next += change != NULL;
    bool fills = change != NULL && change->sealed.data != NULL && is_hole;
    bool digs =
        change != NULL && change->sealed.data == NULL && !is_hole && section.size >= DX_SECTION_OVERHEAD;
    if (fills) {
        dx_hash(DX_HASH_SECTION, change->sealed, hash);
        if (memcmp(hash, section.data, DX_HASH_SIZE) != 0) {
            return DX_E_SIGNATURE;
        }
        dx_write_bytes(&self->writer, change->sealed);
    } else if (digs) {
        dx_hash(DX_HASH_SECTION, section, hash);
        write_hash(&self->writer, hash);
    } else if (is_hole) {
        write_hash(&self->writer, section.data);
    } else {
        dx_write_bytes(&self->writer, section);
    }
    self->filled += fills;
    self->changed += fills || digs;
    self->holes += digs || (is_hole && !fills);
    return DX_OK;
}

static int rewrite_sections(rewriting *self, const dx_block *block) {
    dx_reader cursor;
    int error = DX_OK;
    dx_reader_init(&cursor, block->sections);
    for (uint64_t index = 0; index < block->section_count && !error; index++) {
        dx_bytes section;
        bool is_hole;
        error = dx_block_section(&cursor, &section, &is_hole);
        error = error ? error : rewrite_section(self, index, section, is_hole);
    }
    return error ? error : self->next < self->count ? DX_E_NOT_FOUND : dx_writer_finish(&self->writer);
}

static int write_body(const dx_feed *feed, dx_store *store, uint64_t seq, dx_bytes body) {
    sqlite3_stmt *update = dx_store_query(store, "UPDATE block SET body = ?2 WHERE key = ?1");
    dx_bind_int(update, 1, dx_feed_block_key(feed, seq));
    dx_bind_bytes(update, 2, body);
    return dx_step_done(store, update);
}

/* Encodes the block with its new sections and stores it. */
static int store_rewritten(const dx_feed *feed, dx_store *store, uint64_t seq, const dx_block *block,
                           const rewriting *self) {
    dx_buf body;
    dx_holes holes;
    dx_buf_init(&body, feed->alloc, DX_BLOCK_SIZE_MAX);
    int error = dx_block_encode(block->header_bytes, dx_buf_view(&self->items), block->section_count, &body);
    error = error ? error : write_body(feed, store, seq, dx_buf_view(&body));
    dx_buf_deinit(&body);
    error = error ? error : read_row(store, dx_feed_block_key(feed, seq), &holes);
    if (error) {
        return error;
    }
    holes.outside = are_some_missing(&holes) && self->filled != 0 ? 0 : holes.outside;
    holes.sections = self->holes;
    holes.excused = holes.excused < holes.sections ? holes.excused : holes.sections;
    limit_outside(&holes);
    return dx_hole_note(feed, store, &holes);
}

int dx_hole_change(const dx_feed *feed, dx_store *store, uint64_t seq, const dx_section_change *changes,
                   size_t count, size_t *changed) {
    rewriting self = {.changes = changes, .count = count};
    dx_bytes stored;
    dx_buf bytes;
    dx_block block;
    *changed = 0;
    int error = dx_feed_read(feed, store, seq, &stored);
    if (error) {
        return error;
    }
    dx_buf_init(&bytes, feed->alloc, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&self.items, feed->alloc, 2 * DX_BLOCK_SIZE_MAX);
    dx_writer_init(&self.writer, &self.items);
    dx_buf_append(&bytes, stored.data, stored.size);
    error = dx_buf_error(&bytes);
    if (!error && dx_block_decode(dx_buf_view(&bytes), &block)) {
        error = DX_E_CORRUPT;
    }
    error = error ? error : rewrite_sections(&self, &block);
    if (!error && self.changed != 0) {
        error = store_rewritten(feed, store, seq, &block, &self);
        *changed = error ? 0 : self.changed;
    }
    dx_buf_deinit(&bytes);
    dx_buf_deinit(&self.items);
    return error;
}
