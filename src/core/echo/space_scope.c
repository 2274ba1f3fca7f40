/* echo/space_scope.c: what of a space a vault keeps. See space_scope.h.
 *
 * Layer: floor 1, echo. */
#include "echo/space_scope.h"

#include <string.h>

#include "echo/query.h"
#include "echo/touch.h"
#include "echo/trace.h"
#include "feed/hole.h"

/* --- Scopes ---------------------------------------------------------------------------------------- */

void dx_space_scope_init(dx_space_scope *scope, const dx_alloc *alloc) {
    *scope = (dx_space_scope){0};
    dx_buf_init(&scope->item, alloc, DX_SCOPE_SIZE_MAX);
}

void dx_space_scope_deinit(dx_space_scope *scope) {
    dx_buf_deinit(&scope->item);
}

bool dx_space_scope_is_partial(const dx_space_scope *scope) {
    return scope->names_types || scope->since_ms != 0;
}

/* Names that a scope may hold: types of the house's own are in every one. */
static void read_types(dx_reader *reader, dx_space_scope *out) {
    if (dx_reader_peek(reader) == DX_KIND_NULL) {
        dx_read_null(reader);
        return;
    }
    out->names_types = true;
    out->type_count = dx_read_array(reader);
    if (out->type_count > DX_SCOPE_TYPES_MAX) {
        dx_reader_fail(reader);
        out->type_count = 0;
    }
    for (size_t i = 0; i < out->type_count; i++) {
        out->types[i] = dx_read_text(reader);
        if (reader->error == DX_OK && (out->types[i].size == 0 || out->types[i].size > DX_TYPE_SIZE_MAX ||
                                       dx_type_is_hidden(out->types[i]) ||
                                       (i > 0 && dx_bytes_compare(out->types[i - 1], out->types[i]) >= 0))) {
            dx_reader_fail(reader);
        }
    }
}

static int parse(dx_bytes item, dx_space_scope *out) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    size_t fields = dx_read_array(&reader);
    if (fields != 2 && fields != 3) {
        dx_reader_fail(&reader);
    }
    read_types(&reader, out);
    out->since_ms = dx_read_uint_max(&reader, INT64_MAX);
    if (fields == 3) {
        out->question = dx_read_item(&reader);
    }
    if (out->question.size > DX_SCOPE_QUESTION_SIZE_MAX ||
        (fields == 3 && (reader.error != DX_OK || dx_item_kind(out->question) != DX_KIND_MAP))) {
        dx_reader_fail(&reader);
    }
    return dx_reader_finish(&reader);
}

int dx_space_scope_read(dx_space_scope *scope, dx_bytes item) {
    dx_space_scope read;
    dx_space_scope_init(&read, scope->item.alloc);
    dx_buf_append(&read.item, item.data, item.size);
    int error = dx_buf_error(&read.item) == DX_E_LIMIT ? DX_E_MALFORMED : dx_buf_error(&read.item);
    error = error == DX_OK ? parse(dx_buf_view(&read.item), &read) : error;
    if (error != DX_OK) {
        dx_space_scope_deinit(&read);
        return error;
    }
    dx_space_scope_deinit(scope);
    *scope = read;
    return DX_OK;
}

static void write_scope(const dx_space_scope *scope, uint64_t since_ms, dx_bytes question, dx_writer *out) {
    dx_write_array(out, question.size != 0 ? 3 : 2);
    if (scope->names_types) {
        dx_write_array(out, scope->type_count);
        for (size_t i = 0; i < scope->type_count; i++) {
            dx_write_text_bytes(out, scope->types[i]);
        }
    } else {
        dx_write_null(out);
    }
    dx_write_uint(out, since_ms);
    if (question.size != 0) {
        dx_write_item(out, question);
    }
}

void dx_space_scope_write(const dx_space_scope *scope, dx_writer *out) {
    write_scope(scope, scope->since_ms, scope->question, out);
}

void dx_space_scope_write_sections(const dx_space_scope *scope, dx_writer *out) {
    write_scope(scope, scope->since_ms, (dx_bytes){NULL, 0}, out);
}

void dx_space_scope_write_types(const dx_space_scope *scope, dx_writer *out) {
    write_scope(scope, 0, (dx_bytes){NULL, 0}, out);
}

static bool names_type(const dx_space_scope *scope, dx_bytes type) {
    size_t low = 0, high = scope->type_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = dx_bytes_compare(scope->types[middle], type);
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

static bool has_type(const dx_space_scope *scope, dx_bytes type) {
    return !scope->names_types || dx_type_is_hidden(type) || names_type(scope, type);
}

bool dx_space_scope_covers_type(const dx_space_scope *scope, dx_bytes type) {
    return has_type(scope, type) && (scope->since_ms == 0 || dx_type_is_hidden(type));
}

bool dx_space_scope_covers(const dx_space_scope *scope, const dx_space_scope *other) {
    bool covers = scope->since_ms <= other->since_ms && (!scope->names_types || other->names_types);
    for (size_t i = 0; covers && i < other->type_count; i++) {
        covers = has_type(scope, other->types[i]);
    }
    return covers;
}

/* --- The scope of a space here --------------------------------------------------------------------- */

int dx_space_scope_load(dx_context *context, dx_space *space) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT scope, resets, told_by, told_ms FROM space_scope WHERE space = ?1");
    dx_bind_int(select, 1, space->local);
    int error = DX_OK;
    if (dx_step(context->store, select)) {
        dx_bytes teller = dx_column_bytes(select, 2);
        error = dx_space_scope_read(space->scope, dx_column_bytes(select, 0));
        space->scope_resets = dx_column_int(select, 1) != 0;
        space->scope_told_ms = teller.size == DX_KEY_SIZE ? (uint64_t)dx_column_int(select, 3) : 0;
        if (space->scope_told_ms != 0) {
            memcpy(space->scope_teller, teller.data, DX_KEY_SIZE);
        }
        space->scope_version = 1;
        space->scope_lasts = true;
    }
    dx_step_reset(select);
    int failed = dx_store_error(context->store);
    return failed != DX_OK ? failed : error == DX_E_MALFORMED ? DX_E_CORRUPT : error;
}

static int write_row(dx_context *context, const dx_space *space) {
    if (!space->scope_lasts) { /* all, as ever */
        return DX_OK;
    }
    sqlite3_stmt *write = dx_store_query(
        context->store, "INSERT OR REPLACE INTO space_scope(space, scope, resets, told_by, told_ms)"
                        " VALUES(?1, ?2, ?3, ?4, ?5)");
    dx_bind_int(write, 1, space->local);
    dx_bind_bytes(write, 2, dx_buf_view(&space->scope->item));
    dx_bind_int(write, 3, space->scope_resets);
    dx_bind_bytes(write, 4, dx_bytes_of(space->scope_teller, space->scope_told_ms != 0 ? DX_KEY_SIZE : 0));
    dx_bind_int(write, 5, (int64_t)space->scope_told_ms);
    return dx_step_done(context->store, write);
}

/* What they were told of as all of something is not any more, or is by now: they ask anew. */
static void tell_watchers(dx_context *context) {
    if (context->changes != NULL) {
        context->changes->overflow = true;
    }
}

int dx_space_scope_renew(dx_context *context, dx_space *space) {
    space->scope_resets = true;
    space->scope_version++;
    return write_row(context, space);
}

int dx_space_scope_note_told(dx_context *context, dx_space *space, const uint8_t who[static DX_KEY_SIZE]) {
    space->scope_told_ms = context->wall_ms;
    memcpy(space->scope_teller, who, DX_KEY_SIZE);
    return write_row(context, space);
}

int dx_space_scope_set(dx_context *context, dx_space *space, const dx_space_scope *scope) {
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, context->alloc, DX_SCOPE_SIZE_MAX);
    dx_writer_init(&writer, &item);
    dx_space_scope_write(scope, &writer);
    bool resets = space->scope_resets || !dx_space_scope_covers(space->scope, scope);
    bool same = dx_bytes_equal(space->scope->question, scope->question);
    int error = dx_writer_finish(&writer);
    error = error == DX_OK ? dx_space_scope_read(space->scope, dx_buf_view(&item)) : error;
    dx_buf_deinit(&item);
    if (error != DX_OK) {
        return error == DX_E_MALFORMED || error == DX_E_LIMIT ? DX_E_INVALID : error;
    }
#if defined(DX_PLANT) && DX_PLANT == 65
    resets = false;
#endif
    space->scope_resets = resets;
    space->scope_awaited = true;
    space->scope_told_ms = same ? space->scope_told_ms : 0;
    tell_watchers(context);
    space->scope_lasts = space->scope_lasts || dx_space_scope_is_partial(space->scope);
    space->scope_version++;
    dx_echo_trace(context, "space %lld keeps %s from now on", (long long)space->local,
                  dx_space_scope_is_partial(space->scope) ? "a part" : "all");
    return write_row(context, space);
}

/* All is kept again, and all of it came. */
static int end_part(dx_context *context, dx_space *space) {
    uint64_t outside, missing;
    int error = dx_space_scope_count(context, space, &outside, &missing);
    if (error != DX_OK || outside + missing != 0) {
        return error;
    }
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM space_scope WHERE space = ?1");
    dx_bind_int(remove, 1, space->local);
    error = dx_step_done(context->store, remove);
    space->scope_lasts = error != DX_OK;
    space->change += error == DX_OK; /* epochs may be made and checked from now on */
    return error;
}

/* Nothing that belongs to the scope is missing any more. */
static int end_waiting(dx_context *context, dx_space *space) {
    uint64_t outside, missing;
    int error = dx_space_scope_count(context, space, &outside, &missing);
    if (error == DX_OK && missing == 0) {
        space->scope_awaited = false;
        tell_watchers(context);
    }
    return error;
}

int dx_space_scope_run(dx_context *context, dx_space *space, size_t budget, bool *more) {
    int error = DX_OK;
    *more = false;
    if (!space->scope_resets) {
        bool ends = space->scope_lasts && !dx_space_scope_is_partial(space->scope) &&
                    !dx_store_is_read_only(context->store);
        error = space->scope_awaited ? end_waiting(context, space) : DX_OK;
        return error == DX_OK && ends ? end_part(context, space) : error;
    }
    for (size_t i = 0; i < space->feed_count && error == DX_OK && budget != 0; i++) {
        if (space->feeds[i].hollow) {
            error = dx_hole_reset_outside(&space->feeds[i], context->store, &budget);
        }
    }
    *more = budget == 0;
    if (error == DX_OK && !*more) {
        space->scope_resets = false;
        space->change++;
        error = write_row(context, space);
    }
    return error;
}

int dx_space_scope_excuse(dx_context *context, const dx_feed *feed, uint64_t from, uint64_t end,
                          int64_t word) {
    dx_holes holes = {.seq = from};
    int error = DX_OK;
    while (error == DX_OK && from < end) {
        error = dx_hole_missing(feed, context->store, from, &holes);
        from = holes.seq + 1;
        if (error == DX_OK && holes.seq < end) {
            holes.outside = holes.sections - holes.excused;
            holes.word = word;
            error = dx_hole_note(feed, context->store, &holes);
        }
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_space_scope_agree(dx_context *context, const dx_feed *feed, uint64_t seq) {
    dx_holes holes;
    int error = dx_hole_next(feed, context->store, seq, &holes);
    if (error == DX_OK && holes.seq == seq) {
        holes.word = 0;
        error = dx_hole_note(feed, context->store, &holes);
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_space_scope_count(dx_context *context, dx_space *space, uint64_t *outside, uint64_t *missing) {
    int error = DX_OK;
    *outside = *missing = 0;
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        const dx_feed *feed = &space->feeds[i];
        uint64_t sections = 0, excused = 0, left_out = 0;
        if (!feed->hollow) {
            continue;
        }
        error = dx_hole_count(feed, context->store, &sections, &excused);
        error = error == DX_OK ? dx_hole_count_outside(feed, context->store, &left_out) : error;
        *outside += left_out;
        *missing += sections - excused - left_out;
    }
    return error;
}

int dx_space_scope_is_short(dx_context *context, dx_space *space, const dx_bytes *type, bool *is_short) {
    uint64_t outside, missing;
    bool house = type != NULL && dx_type_is_hidden(*type);
    *is_short = space->scope_resets || (type == NULL ? dx_space_scope_is_partial(space->scope)
                                                     : !dx_space_scope_covers_type(space->scope, *type));
#if defined(DX_PLANT) && DX_PLANT == 67
    *is_short = *is_short && type == NULL;
#endif
    if (*is_short || house) {
        return DX_OK;
    }
    int error = dx_space_scope_count(context, space, &outside, &missing);
    *is_short = missing != 0;
    return error;
}

/* --- Sections -------------------------------------------------------------------------------------- */

/* When the author says a block was written; 0: it is not here any more. */
static int look_at_time(dx_scope_judge *judge, const dx_feed *feed, uint64_t seq, uint64_t *wall_ms) {
    dx_bytes bytes;
    dx_block block;
    if (judge->seen_feed == feed->local && judge->seen_seq == seq) {
        *wall_ms = judge->seen_ms;
        return DX_OK;
    }
    int error = dx_feed_read(feed, judge->context->store, seq, &bytes);
    if (error == DX_OK && dx_block_decode(bytes, &block) != DX_OK) {
        error = DX_E_CORRUPT;
    }
    *wall_ms = error == DX_OK ? block.header.wall_ms : 0;
    if (error == DX_OK) {
        judge->seen_feed = feed->local;
        judge->seen_seq = seq;
        judge->seen_ms = *wall_ms;
    }
    return error == DX_E_GONE || error == DX_E_NOT_FOUND ? DX_OK : error;
}

/* The entity's type stands in the scope. *found false: there is no such entity here. */
static int judge_type(dx_scope_judge *judge, int64_t key, bool *found, bool *is_in) {
    dx_entity_row row;
    dx_type *type;
    int error = key == 0 ? DX_E_NOT_FOUND : dx_entity_row_read(judge->context, judge->space, key, &row);
    *found = error == DX_OK;
    *is_in = true;
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    if (judge->type != row.type) {
        error = dx_type_read(judge->context, judge->space, row.type, &type);
        if (error != DX_OK) {
            return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
        }
        dx_bytes name = dx_bytes_of(type->name, type->size);
        judge->type = row.type;
        judge->type_is_in = has_type(judge->scope, name);
        judge->type_is_hidden = dx_type_is_hidden(name);
    }
    *is_in = judge->type_is_in;
    return DX_OK;
}

/* What the rows here say of an entity holds for a block that was applied on them, and where ids are one thing only: on
 * another branch of a feed that was written twice the same id is something else. */
static bool is_told_by_rows(const dx_feed *feed, uint64_t seq, const dx_feed *maker, uint64_t made) {
    return !feed->is_limb && seq < feed->applied && maker != NULL && (!maker->frozen || made < maker->cut);
}

/* A change of something that was made in a block of its own. */
static int judge_change(dx_scope_judge *judge, const dx_feed *feed, uint64_t seq, const dx_block *block,
                        uint64_t index, const dx_section *section, bool *outside) {
    bool found = false, is_in = true;
    uint64_t made_ms = block->header.wall_ms;
    int64_t key = dx_touch_entity(judge->space, feed, seq, index, section);
    const dx_feed *maker = key == 0 ? NULL : dx_space_feed(judge->space, dx_entity_key_feed(key));
    int error = is_told_by_rows(feed, seq, maker, dx_entity_key_seq(key))
                    ? judge_type(judge, key, &found, &is_in)
                    : DX_OK;
    bool is_old = made_ms < judge->scope->since_ms;
    if (error == DX_OK && found && is_in && is_old && !judge->type_is_hidden) {
        error = look_at_time(judge, maker, dx_entity_key_seq(key), &made_ms);
        is_old = made_ms < judge->scope->since_ms;
    }
    *outside = error == DX_OK && found && (!is_in || (is_old && !judge->type_is_hidden));
    return error;
}

int dx_scope_judge_section(dx_scope_judge *judge, const dx_feed *feed, uint64_t seq, const dx_block *block,
                           uint64_t index, dx_bytes sealed, bool *outside) {
    dx_space *space = judge->space;
    uint8_t key[DX_KEY_SIZE];
    dx_section section;
    *outside = false;
    int error = dx_space_key(judge->context, space, block->header.key_epoch, key);
    dx_buf_clear(&space->plain);
    error = error == DX_OK ? dx_section_open(key, feed->id, seq, index, sealed, &space->plain) : error;
    dx_wipe(key, sizeof key);
    if (error == DX_OK && dx_section_decode(dx_buf_view(&space->plain), feed->id, &section) != DX_OK) {
        error = DX_E_MALFORMED;
    }
    if (error != DX_OK) { /* it is no secret to who may open it, and of no effect to who may not */
        return error == DX_E_NOT_FOUND || error == DX_E_SIGNATURE || error == DX_E_MALFORMED ? DX_OK : error;
    }
    if (!section.creates) {
        return judge_change(judge, feed, seq, block, index, &section, outside);
    }
    bool is_old = block->header.wall_ms < judge->scope->since_ms;
    *outside = !has_type(judge->scope, section.type) || (is_old && !dx_type_is_hidden(section.type));
    return DX_OK;
}

int dx_scope_judge_lacks(dx_scope_judge *judge, const dx_feed *feed, uint64_t seq, bool *lacks) {
    dx_holes holes = {.seq = 0};
    bool explains = dx_space_scope_covers(judge->space->scope, judge->scope) && !judge->space->scope_resets;
    int error = feed->hollow ? dx_hole_next(feed, judge->context->store, seq, &holes) : DX_E_NOT_FOUND;
    *lacks =
        error == DX_OK && holes.seq == seq && holes.excused + (explains ? holes.outside : 0) < holes.sections;
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int judge_sections(dx_scope_judge *judge, const dx_feed *feed, uint64_t seq, const dx_block *block,
                          dx_writer *items) {
    dx_reader cursor;
    int error = DX_OK;
    dx_reader_init(&cursor, block->sections);
    for (uint64_t index = 0; index < block->section_count && error == DX_OK; index++) {
        uint8_t hash[DX_HASH_SIZE];
        dx_bytes section;
        bool hole, outside = true;
        error = dx_block_section(&cursor, &section, &hole);
        if (error == DX_OK && !hole) {
            error = dx_scope_judge_section(judge, feed, seq, block, index, section, &outside);
        }
        if (error != DX_OK) {
            break;
        }
        if (!outside || (!hole && section.size < DX_SECTION_OVERHEAD)) { /* a hash would be longer */
            dx_write_bytes(items, section);
            continue;
        }
        if (!hole) {
            dx_hash(DX_HASH_SECTION, section, hash);
        } else {
            memcpy(hash, section.data, sizeof hash);
        }
        dx_write_array(items, 1);
        dx_write_bytes(items, dx_bytes_of(hash, sizeof hash));
    }
    return error;
}

int dx_scope_judge_block(dx_scope_judge *judge, const dx_feed *feed, uint64_t seq, dx_buf *out, bool *lacks) {
    dx_block block;
    dx_buf items;
    dx_writer writer;
    dx_buf_init(&items, judge->context->alloc, 2 * DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &items);
    int error = dx_pipeline_block(judge->context, judge->space, feed, seq, &block);
    error = error == DX_OK ? judge_sections(judge, feed, seq, &block, &writer) : error;
    error = error == DX_OK ? dx_writer_finish(&writer) : error;
    if (error == DX_OK) {
        error = dx_block_encode(block.header_bytes, dx_buf_view(&items), block.section_count, out);
    }
    dx_buf_deinit(&items);
    return error != DX_OK ? error : dx_scope_judge_lacks(judge, feed, seq, lacks);
}

/* --- Entities that are to be whole ----------------------------------------------------------------- */

int dx_space_seek(dx_context *context, const dx_space *space, int64_t key) {
    sqlite3_stmt *insert =
        dx_store_query(context->store, "INSERT OR IGNORE INTO sought(space, entity) VALUES(?1, ?2)");
    dx_bind_int(insert, 1, space->local);
    dx_bind_int(insert, 2, key);
    return dx_step_done(context->store, insert);
}

int dx_space_sought(dx_context *context, const dx_space *space, int64_t after, int64_t *key) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT entity FROM sought WHERE space = ?1 AND entity > ?2 ORDER BY entity LIMIT 1");
    dx_bind_int(select, 1, space->local);
    dx_bind_int(select, 2, after);
    bool found = dx_step(context->store, select);
    *key = found ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    int error = dx_store_error(context->store);
    return error != DX_OK ? error : found ? DX_OK : DX_E_NOT_FOUND;
}

int dx_space_sought_done(dx_context *context, const dx_space *space, int64_t key) {
    sqlite3_stmt *remove =
        dx_store_query(context->store, "DELETE FROM sought WHERE space = ?1 AND entity = ?2");
    dx_bind_int(remove, 1, space->local);
    dx_bind_int(remove, 2, key);
    return dx_step_done(context->store, remove);
}
