/* echo/hidden.c: what is hidden, found and taken into states. See hidden.h.
 *
 * Layer: floor 1, echo. */
#include "echo/hidden.h"

#include <string.h>

#include "echo/base.h"
#include "echo/entity_row.h"
#include "echo/floor.h"
#include "echo/key_set.h"
#include "echo/provenance.h"
#include "echo/space_state.h"
#include "echo/touch.h"
#include "echo/trace.h"
#include "echo/vector.h"
#include "echo/withdraw.h"
#include "feed/limb.h"

enum { KEYS_SIZE_MAX = 64 << 20, NAMED_SIZE_MAX = 64 << 20, OPERATIONS_SIZE_MAX = 64 << 20 };

#define FNV UINT64_C(0x100000001b3)

/* --- What floors name ------------------------------------------------------------------------- */

/* One floor: a block of another feed names so much of this one. */
typedef struct naming {
    int64_t source;
    uint64_t seq;
    dx_limb_goal goal;
    bool lost; /* the branch is not here */
} naming;

static naming *naming_at(const dx_buf *namings, size_t index) {
    return (naming *)(void *)namings->data + index;
}

static size_t naming_count(const dx_buf *namings) {
    return namings->size / sizeof(naming);
}

/* All that name more of the feed than `above`, the longest first. */
static int read_namings(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t above,
                        dx_buf *out) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT source, seq, length, root FROM named WHERE feed = ?1 AND"
                                       " length > ?2 ORDER BY length DESC, root, source, seq");
    dx_bind_int(select, 1, feed->local);
    dx_bind_int(select, 2, (int64_t)above);
    bool sound = true;
    while (sound && dx_step(context->store, select)) {
        naming one;
        memset(&one, 0, sizeof one);
        dx_bytes root = dx_column_bytes(select, 3);
        one.source = dx_column_int(select, 0);
        one.seq = (uint64_t)dx_column_int(select, 1);
        one.goal.length = (uint64_t)dx_column_int(select, 2);
        sound = root.size == sizeof one.goal.root;
        if (sound) {
            memcpy(one.goal.root, root.data, root.size);
        }
        const dx_feed *source = dx_space_feed(space, one.source);
        bool counts = sound && source != NULL && dx_floor_counts(space, feed, source, one.seq);
        dx_buf_append(out, &one, counts ? sizeof one : 0);
    }
    dx_step_reset(select);
    int error = dx_store_error(context->store);
    return error != DX_OK ? error : sound ? dx_buf_error(out) : DX_E_CORRUPT;
}

/* --- Branches --------------------------------------------------------------------------------- */

/* Blocks [begin, end) of a branch are hidden. */
typedef struct hidden_run {
    dx_feed view;
    uint64_t begin, end;
} hidden_run;

typedef struct hidden_runs {
    hidden_run items[DX_FEED_LIMBS_MAX + 1];
    size_t count;
} hidden_runs;

static bool has_run(const hidden_runs *runs, int64_t rows) {
    for (size_t i = 0; i < runs->count; i++) {
        if (runs->items[i].view.rows == rows) {
            return true;
        }
    }
    return false;
}

/* How far a branch is the one in force, as far as that has effect. */
static int find_parting(dx_context *context, const dx_feed *feed, const dx_feed *view, uint64_t *parting) {
    uint64_t low = dx_feed_common(feed), high = dx_feed_usable(feed);
    int error = DX_OK;
    high = high < view->length ? high : view->length;
    if (view->rows == feed->rows) {
        *parting = high;
        return DX_OK;
    }
    while (low < high && error == DX_OK) {
        uint8_t root[DX_HASH_SIZE], theirs[DX_HASH_SIZE];
        uint64_t middle = high - (high - low) / 2;
        error = dx_feed_root(feed, context->store, middle, root);
        error = error == DX_OK ? dx_feed_root(view, context->store, middle, theirs) : error;
        if (error == DX_OK && memcmp(root, theirs, sizeof root) == 0) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    *parting = low;
    return error;
}

/* Of what one source names that is not here, the longest is looked for: the others may be part of it. */
static void want_lost(dx_space *space, const dx_feed *feed, const dx_buf *namings, size_t at) {
    naming *one = naming_at(namings, at);
    one->lost = true;
    for (size_t i = 0; i < at; i++) {
        const naming *longer = naming_at(namings, i);
        if (longer->lost && longer->source == one->source) {
            return;
        }
    }
    if (space->lost_count < DX_BRANCHES_WANTED_MAX) {
        space->lost[space->lost_count++] = (dx_wanted_branch){.feed = feed->local, .goal = one->goal};
    }
}

/* The branches that floors name, each up to the longest of them. */
static int find_runs(dx_context *context, dx_space *space, const dx_feed *feed, const dx_buf *namings,
                     hidden_runs *runs) {
    int error = DX_OK;
    runs->count = 0;
    for (size_t i = 0; i < naming_count(namings) && error == DX_OK && runs->count <= DX_FEED_LIMBS_MAX; i++) {
        const naming *one = naming_at(namings, i);
        hidden_run *run = &runs->items[runs->count];
        error = dx_limb_find(feed, context->store, &one->goal, &run->view);
        if (error == DX_OK && !has_run(runs, run->view.rows)) {
            run->end = one->goal.length;
            error = find_parting(context, feed, &run->view, &run->begin);
            runs->count += error == DX_OK && run->begin < run->end;
        } else if (error == DX_E_NOT_FOUND) {
            want_lost(space, feed, namings, i);
            error = DX_OK;
        }
    }
    return error;
}

/* --- Sections --------------------------------------------------------------------------------- */

typedef struct gathering {
    dx_context *context;
    dx_space *space;
    const dx_feed *feed;
    const hidden_run *run;
    uint64_t seq;
} gathering;

/* What stands at the place means the same thing on every branch. */
static bool is_one_thing(dx_space *space, int64_t key) {
    const dx_feed *maker = dx_space_feed(space, dx_entity_key_feed(key));
    return maker != NULL && (!maker->frozen || dx_entity_key_seq(key) < dx_feed_parting(maker));
}

static int gather_section(void *ctx, uint64_t index, const dx_section *section) {
    const gathering *self = ctx;
    dx_store *store = self->context->store;
    int64_t key = section->creates || !section->operates
                      ? 0
                      : dx_touch_place(self->space, self->feed, self->seq, &section->subject);
    if (key == 0 || !is_one_thing(self->space, key)) {
        return DX_OK;
    }
    sqlite3_stmt *insert = dx_store_query(
        store,
        "INSERT INTO hidden(entity, rows, seq, section, feed, operation, mark)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, 2) ON CONFLICT(entity, rows, seq, section) DO UPDATE SET mark = 1");
    dx_bind_int(insert, 1, key);
    dx_bind_int(insert, 2, self->run->view.rows);
    dx_bind_int(insert, 3, (int64_t)self->seq);
    dx_bind_int(insert, 4, (int64_t)index);
    dx_bind_int(insert, 5, self->feed->local);
    dx_bind_bytes(insert, 6, section->operation);
    return dx_step_done(store, insert);
}

static int gather_run(dx_context *context, dx_space *space, const dx_feed *feed, const hidden_run *run,
                      size_t *budget) {
    gathering self = {.context = context, .space = space, .feed = feed, .run = run};
    int error = DX_OK;
    for (self.seq = run->begin; self.seq < run->end && error == DX_OK; self.seq++) {
        dx_block block;
        error = dx_pipeline_block(context, space, &run->view, self.seq, &block);
        if (error == DX_OK && !dx_vector_is_never_applied(space, feed, &block)) {
            error = dx_touch_each(context, space, &run->view, self.seq, &block, gather_section, &self);
        }
        *budget -= *budget != 0;
    }
    return error;
}

static int mark_all(dx_context *context, const dx_feed *feed, int64_t from, int64_t to) {
    sqlite3_stmt *update =
        dx_store_query(context->store, "UPDATE hidden SET mark = ?3 WHERE feed = ?1 AND mark = ?2");
    dx_bind_int(update, 1, feed->local);
    dx_bind_int(update, 2, from);
    dx_bind_int(update, 3, to);
    return dx_step_done(context->store, update);
}

/* Adds the entities of which something is hidden since, or no more. */
static int take_changed(dx_context *context, const dx_feed *feed, dx_buf *keys) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT DISTINCT entity FROM hidden WHERE feed = ?1 AND mark <> 1 ORDER BY entity");
    dx_bind_int(select, 1, feed->local);
    while (dx_step(context->store, select)) {
        dx_key_list_add(keys, dx_column_int(select, 0));
    }
    dx_step_reset(select);
    int error = dx_store_error(context->store);
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM hidden WHERE feed = ?1 AND mark = 0");
    dx_bind_int(remove, 1, feed->local);
    error = error == DX_OK ? dx_step_done(context->store, remove) : error;
    return error == DX_OK ? mark_all(context, feed, 2, 1) : error;
}

/* --- Settling --------------------------------------------------------------------------------- */

/* Whether its branches are here, if it has any. */
static bool has_branches(const dx_feed *feed) {
    return feed->frozen && !feed->own && feed->identity.feed_class == DX_FEED_DATA &&
           feed->begins <= feed->cut && feed->length >= feed->cut;
}

static uint64_t mix(uint64_t version, uint64_t value) {
    return (version ^ value) * FNV;
}

static int count_keys(dx_context *context, const dx_space *space, uint64_t *count) {
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT count(*) FROM space_key WHERE space = ?1");
    dx_bind_int(select, 1, space->local);
    *count = dx_step(context->store, select) ? (uint64_t)dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    return dx_store_error(context->store);
}

/* What is hidden of a feed follows from this. */
static int take_version(dx_context *context, const dx_feed *feed, const dx_buf *namings, uint64_t *version) {
    int64_t rows[DX_FEED_LIMBS_MAX];
    size_t count = 0;
    int error = dx_limb_list(feed, context->store, rows, &count);
    *version = mix(mix(mix(mix(*version, feed->cut), dx_feed_usable(feed)), (uint64_t)feed->rows), count);
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        dx_feed view;
        error = dx_limb_view(feed, context->store, rows[i], &view);
        *version = error == DX_OK ? mix(mix(*version, (uint64_t)rows[i]), view.length) : *version;
    }
    for (size_t i = 0; i < naming_count(namings); i++) {
        const dx_limb_goal *goal = &naming_at(namings, i)->goal;
        uint64_t root;
        memcpy(&root, goal->root, sizeof root);
        *version = mix(mix(*version, goal->length), root);
    }
    return error;
}

static int find_hidden(dx_context *context, dx_space *space, const dx_feed *feed, const dx_buf *namings,
                       size_t *budget, dx_buf *keys) {
    hidden_runs *runs = dx_alloc_take_zeroed(context->alloc, sizeof *runs);
    if (runs == NULL) {
        return DX_E_NO_MEMORY;
    }
    int error = find_runs(context, space, feed, namings, runs);
    error = error == DX_OK ? mark_all(context, feed, 1, 0) : error;
    for (size_t i = 0; i < runs->count && error == DX_OK; i++) {
        error = gather_run(context, space, feed, &runs->items[i], budget);
    }
    dx_alloc_free(context->alloc, runs, sizeof *runs);
    return error == DX_OK ? take_changed(context, feed, keys) : error;
}

/* Of each feed with branches. find false: only what it follows from. */
static int each_feed(dx_context *context, dx_space *space, bool find, uint64_t *version, size_t *budget,
                     dx_buf *keys) {
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        const dx_feed *feed = &space->feeds[i];
        dx_buf namings;
        if (!has_branches(feed)) {
            continue;
        }
        dx_buf_init(&namings, context->alloc, NAMED_SIZE_MAX);
        error = read_namings(context, space, feed, feed->cut, &namings);
        error = error == DX_OK ? take_version(context, feed, &namings, version) : error;
        error = error == DX_OK && find ? find_hidden(context, space, feed, &namings, budget, keys) : error;
        dx_buf_deinit(&namings);
    }
    return error;
}

int dx_hidden_load(dx_context *context, dx_space *space) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT 1 FROM hidden WHERE feed IN (SELECT id FROM feed WHERE space = ?1) LIMIT 1");
    dx_bind_int(select, 1, space->local);
    space->hides = dx_step(context->store, select);
    dx_step_reset(select);
    return dx_store_error(context->store);
}

int dx_hidden_settle(dx_context *context, dx_space *space, size_t *budget) {
    dx_buf keys;
    uint64_t version, found = 0;
    dx_buf_init(&keys, context->alloc, KEYS_SIZE_MAX);
    int error = count_keys(context, space, &version);
    version = mix(version, space->late);
    error = error == DX_OK ? each_feed(context, space, false, &version, budget, &keys) : error;
    if (error == DX_OK && version != space->hidden_version) {
        space->lost_count = 0;
        error = dx_entity_rows_write(context, space); /* what stands was made with what was hidden before */
        error = error == DX_OK ? each_feed(context, space, true, &found, budget, &keys) : error;
        error = error == DX_OK ? dx_hidden_load(context, space) : error;
        space->hidden_version = error == DX_OK ? version : 0;
    }
    for (size_t i = 0; i < space->lost_count && error == DX_OK; i++) {
        dx_floor_want(space, dx_space_feed(space, space->lost[i].feed), &space->lost[i].goal);
    }
    if (error == DX_OK && dx_key_list_count(&keys) != 0) {
        dx_echo_trace(context, "what is hidden of %llu entities is something else",
                      (unsigned long long)dx_key_list_count(&keys));
        error = dx_base_prepare_again(context, space);
        error = error == DX_OK ? dx_withdraw_make_all_again(context, space, &keys) : error;
        space->change++;
    }
    dx_buf_deinit(&keys);
    return error;
}

/* --- States ----------------------------------------------------------------------------------- */

/* One hidden operation; its bytes follow it. */
typedef struct hidden_operation {
    int64_t feed, rows;
    uint64_t seq;
    size_t size;
} hidden_operation;

static int read_operations(dx_context *context, int64_t key, dx_buf *out) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT feed, rows, seq, operation FROM hidden WHERE entity = ?1"
                                       " ORDER BY rows, seq, section");
    dx_bind_int(select, 1, key);
    while (dx_step(context->store, select)) {
        dx_bytes operation = dx_column_bytes(select, 3);
        const hidden_operation one = {.feed = dx_column_int(select, 0),
                                      .rows = dx_column_int(select, 1),
                                      .seq = (uint64_t)dx_column_int(select, 2),
                                      .size = operation.size};
        dx_buf_append(out, &one, sizeof one);
        dx_buf_append(out, operation.data, operation.size);
    }
    dx_step_reset(select);
    int error = dx_store_error(context->store);
    return error != DX_OK ? error : dx_buf_error(out);
}

static bool next_operation(const dx_buf *operations, size_t *at, hidden_operation *one, dx_bytes *bytes) {
    if (*at >= operations->size) {
        return false;
    }
    memcpy(one, operations->data + *at, sizeof *one);
    *at += sizeof *one;
    *bytes = dx_bytes_of(operations->data + *at, one->size);
    *at += one->size;
    return true;
}

/* Whether a block below the cut names the branch beyond this block. */
static int is_named_below(dx_context *context, dx_space *space, const hidden_operation *one,
                          const dx_cut *cut, bool *named) {
    const dx_feed *feed = dx_space_feed(space, one->feed);
    dx_buf namings;
    *named = false;
    if (feed == NULL) {
        return DX_OK;
    }
    dx_buf_init(&namings, context->alloc, NAMED_SIZE_MAX);
    int error = read_namings(context, space, feed, one->seq, &namings);
    for (size_t i = 0; i < naming_count(&namings) && error == DX_OK && !*named; i++) {
        const naming *said = naming_at(&namings, i);
        const dx_feed *source = dx_space_feed(space, said->source);
        dx_feed view;
        if (said->seq < dx_cut_length(cut, source)) {
            error = dx_limb_find(feed, context->store, &said->goal, &view);
            *named = error == DX_OK && view.rows == one->rows;
            error = error == DX_E_NOT_FOUND ? DX_OK : error;
        }
    }
    dx_buf_deinit(&namings);
    return error;
}

/* One operation more; what its model does not take is left out everywhere alike. */
static int hide(dx_context *context, const dx_feed *feed, const dx_model *model,
                const dx_provenance *provenance, const hidden_operation *one, dx_bytes bytes, dx_buf *saved) {
    dx_stamp stamp = {.counter = one->seq};
    dx_buf next;
    memcpy(stamp.feed, feed->id, sizeof stamp.feed);
    dx_buf_init(&next, context->alloc, DX_STATE_SIZE_MAX);
    int error = model->hide(context->alloc, &provenance->created, dx_buf_view(saved), bytes, &stamp, &next);
    if (error == DX_OK) {
        dx_buf before = *saved;
        *saved = next;
        next = before;
    }
    dx_buf_deinit(&next);
    return error == DX_E_MALFORMED || error == DX_E_LIMIT ? DX_OK : error;
}

static int hide_all(dx_context *context, dx_space *space, const dx_model *model,
                    const dx_provenance *provenance, const dx_buf *operations, const dx_cut *below,
                    dx_buf *saved) {
    hidden_operation one;
    dx_bytes bytes;
    int error = DX_OK;
    for (size_t at = 0; error == DX_OK && next_operation(operations, &at, &one, &bytes);) {
        const dx_feed *feed = dx_space_feed(space, one.feed);
        bool counts = feed != NULL;
        error = counts && below != NULL ? is_named_below(context, space, &one, below, &counts) : DX_OK;
        error = error == DX_OK && counts ? hide(context, feed, model, provenance, &one, bytes, saved) : error;
    }
    return error;
}

static int put_state(dx_context *context, dx_space *space, const dx_entity_row *before, const dx_buf *saved,
                     dx_aside *aside) {
    dx_entity_row after = *before;
    after.state = dx_buf_view(saved);
    if (aside == NULL) {
        return dx_entity_row_write(context, space, before, &after);
    }
    dx_buf_clear(aside->state);
    dx_buf_append(aside->state, saved->data, saved->size);
    aside->row.state = dx_buf_view(aside->state);
    return dx_buf_error(aside->state);
}

/* The row's state with what is hidden. Its bytes are copied: any call may end them. */
static int take_into(dx_context *context, dx_space *space, const dx_entity_row *row, const dx_buf *operations,
                     const dx_cut *below, dx_aside *aside) {
    dx_provenance provenance;
    dx_entity_row before = *row;
    dx_type *type;
    int error = row->model < 0 ? DX_E_NOT_FOUND : dx_type_read(context, space, row->model, &type);
    if (error != DX_OK || type->model == NULL || type->model->hide == NULL) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    const dx_model *model = type->model;
    dx_buf held, saved;
    dx_buf_init(&held, context->alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&saved, context->alloc, DX_STATE_SIZE_MAX);
    dx_buf_append(&held, row->state.data, row->state.size);
    dx_buf_append(&saved, row->state.data, row->state.size);
    before.state = dx_buf_view(&held);
    error = dx_buf_error(&held) != DX_OK ? dx_buf_error(&held) : dx_buf_error(&saved);
    if (error == DX_OK) {
        error = dx_provenance_find(context, space, row->key, (uint64_t)row->created, model, &provenance);
    }
    if (error == DX_OK && provenance.floor == 0) {
        error = hide_all(context, space, model, &provenance, operations, below, &saved);
        bool same = dx_bytes_equal(dx_buf_view(&saved), before.state);
        error = error == DX_OK && !same ? put_state(context, space, &before, &saved, aside) : error;
    }
    dx_buf_deinit(&held);
    dx_buf_deinit(&saved);
    return error;
}

int dx_hidden_take(dx_context *context, dx_space *space, int64_t key, const dx_cut *below, dx_aside *aside) {
    dx_buf operations;
    dx_entity_row row;
    if (!space->hides || (aside != NULL && !aside->there)) {
        return DX_OK;
    }
    dx_buf_init(&operations, context->alloc, OPERATIONS_SIZE_MAX);
    int error = read_operations(context, key, &operations);
    if (error == DX_OK && operations.size != 0) {
        error = aside == NULL ? dx_entity_row_read(context, space, key, &row) : DX_OK;
        error = error == DX_OK
                    ? take_into(context, space, aside == NULL ? &row : &aside->row, &operations, below, aside)
                    : error;
    }
    dx_buf_deinit(&operations);
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_hidden_has(dx_context *context, dx_space *space, int64_t key, bool *has) {
    *has = false;
    if (!space->hides) {
        return DX_OK;
    }
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT 1 FROM hidden WHERE entity = ?1 LIMIT 1");
    dx_bind_int(select, 1, key);
    *has = dx_step(context->store, select);
    dx_step_reset(select);
    return dx_store_error(context->store);
}

int dx_hidden_is_beyond(dx_context *context, dx_space *space, int64_t key, const dx_cut *cut, bool *beyond) {
    dx_buf operations;
    hidden_operation one;
    dx_bytes bytes;
    *beyond = false;
    if (!space->hides) {
        return DX_OK;
    }
    dx_buf_init(&operations, context->alloc, OPERATIONS_SIZE_MAX);
    int error = read_operations(context, key, &operations);
    for (size_t at = 0; error == DX_OK && !*beyond && next_operation(&operations, &at, &one, &bytes);) {
        bool named;
        error = is_named_below(context, space, &one, cut, &named);
        *beyond = error == DX_OK && !named;
    }
    dx_buf_deinit(&operations);
    return error;
}

int dx_hidden_forget(dx_context *context, int64_t key) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM hidden WHERE entity = ?1");
    dx_bind_int(remove, 1, key);
    return dx_step_done(context->store, remove);
}
