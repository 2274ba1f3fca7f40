/* echo/pipeline.c: the one path of every block, own or remote: order, authorize, open, reduce.
 *
 * Layer: floor 1, echo. Contract in pipeline.h, rules in docs/spec/ordering.md. Whether a block may be
 * applied depends on what it declares and on what is here; what it does depends on what it declares alone. A
 * transaction of several blocks is looked at as a whole first. */
#include "echo/pipeline.h"

#include <string.h>

#include "echo/base.h"
#include "echo/entity_row.h"
#include "echo/floor.h"
#include "echo/purge.h"
#include "echo/reduce.h"
#include "echo/refused.h"
#include "echo/space_state.h"
#include "echo/trace.h"
#include "echo/vector.h"
#include "echo/wait.h"
#include "echo/withdraw.h"
#include "feed/hole.h"
#include "halo/control_purge.h"

/* --- Changes --------------------------------------------------------------------------------- */

void dx_changes_init(dx_changes *changes, const dx_alloc *alloc) {
    memset(changes, 0, sizeof *changes);
    changes->alloc = alloc;
    dx_buf_init(&changes->said, alloc, DX_CHANGES_SAID_MAX);
}

void dx_changes_deinit(dx_changes *changes) {
    dx_alloc_free(changes->alloc, changes->items, changes->capacity * sizeof *changes->items);
    dx_buf_deinit(&changes->said);
    memset(changes, 0, sizeof *changes);
}

void dx_changes_clear(dx_changes *changes) {
    changes->count = 0;
    changes->overflow = false;
    dx_buf_clear(&changes->said);
}

int dx_changes_add(dx_changes *changes, const dx_change *change) {
    if (changes->overflow) {
        return DX_OK;
    }
    if (changes->count == DX_CHANGES_MAX) {
        changes->overflow = true;
        return DX_OK;
    }
    if (changes->count == changes->capacity) {
        size_t capacity = changes->capacity == 0 ? 64 : 2 * changes->capacity;
        dx_change *items = dx_alloc_grow(changes->alloc, changes->items, changes->capacity * sizeof *items,
                                         capacity * sizeof *items);
        if (items == NULL) {
            return DX_E_NO_MEMORY;
        }
        changes->items = items;
        changes->capacity = capacity;
    }
    changes->items[changes->count++] = *change;
    return DX_OK;
}

/* Whose it is stands before the operation. *place: 0 where there is no room. */
static int keep_said(dx_changes *changes, const dx_said *said, size_t *place) {
    size_t size = sizeof said->feed + sizeof said->operation.size + said->operation.size;
    *place = 0;
    if (said->operation.size >= DX_CHANGES_SAID_MAX || size > DX_CHANGES_SAID_MAX - changes->said.size) {
        return DX_OK;
    }
    *place = changes->said.size + 1;
    dx_buf_append(&changes->said, &said->feed, sizeof said->feed);
    dx_buf_append(&changes->said, &said->operation.size, sizeof said->operation.size);
    dx_buf_append(&changes->said, said->operation.data, said->operation.size);
    return dx_buf_error(&changes->said);
}

bool dx_changes_said(const dx_changes *changes, const dx_change *change, dx_said *out) {
    if (change->operation == 0) {
        return false;
    }
    const uint8_t *at = changes->said.data + change->operation - 1;
    memcpy(&out->feed, at, sizeof out->feed);
    memcpy(&out->operation.size, at + sizeof out->feed, sizeof out->operation.size);
    out->operation.data = at + sizeof out->feed + sizeof out->operation.size;
    return true;
}

int dx_changes_note(dx_context *context, const dx_space *space, const dx_entity_row *row, bool created,
                    const dx_said *said) {
    dx_changes *changes = context->changes;
    dx_change change = {.key = row->key,
                        .created = created,
                        .deleted = row->deleted,
                        .space = space->local,
                        .type = row->type,
                        .source = row->source,
                        .target = row->target};
    if (changes == NULL || changes->overflow) {
        return DX_OK;
    }
    bool kept =
        said != NULL && changes->wants != NULL && changes->wants(changes->wants_ctx, space->local, row->key);
    int error = kept ? keep_said(changes, said, &change.operation) : DX_OK;
    return error == DX_OK ? dx_changes_add(changes, &change) : error;
}

/* --- Blocks ---------------------------------------------------------------------------------- */

int dx_pipeline_block(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                      dx_block *out) {
    dx_bytes bytes;
    int error = dx_feed_read(feed, context->store, seq, &bytes);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    dx_buf_clear(&space->block);
    dx_buf_append(&space->block, bytes.data, bytes.size);
    error = dx_buf_error(&space->block);
    if (error == DX_OK && dx_block_decode(dx_buf_view(&space->block), out) != DX_OK) {
        error = DX_E_CORRUPT;
    }
    return error;
}

/* Counts and lists a refusal, once however often the block comes by. */
static int refuse(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq, int64_t section,
                  int reason) {
    dx_refusal refusal = {.feed = feed->local,
                          .seq = (int64_t)seq,
                          .section = section,
                          .error = reason,
                          .wall_ms = context->wall_ms};
    bool listed;
    if (space->replays) {
        return DX_OK; /* it was, and may have left the list since */
    }
    int error = dx_refused_add(context, space, &refusal, &listed);
    if (error != DX_OK || !listed) {
        return error;
    }
    if (section == DX_REFUSED_BLOCK) {
        dx_echo_trace(context, "refused block %llu of feed %lld: %s", (unsigned long long)seq,
                      (long long)feed->local, dx_error_text(reason));
    } else {
        dx_echo_trace(context, "refused section %lld of block %llu of feed %lld: %s", (long long)section,
                      (unsigned long long)seq, (long long)feed->local, dx_error_text(reason));
    }
    return DX_OK;
}

/* The same, of a whole block. */
static int refuse_block(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq, int reason) {
    dx_refused_begin(space);
    int error = refuse(context, space, feed, seq, DX_REFUSED_BLOCK, reason);
    return error != DX_OK ? error : dx_refused_save(context, space);
}

/* --- Applying -------------------------------------------------------------------------------- */

static dx_bytes next_spoken(dx_spoken *spoken) {
    uint32_t size;
    DX_ASSERT(spoken->at + sizeof size <= spoken->sections.size);
    memcpy(&size, spoken->sections.data + spoken->at, sizeof size);
    dx_bytes plaintext = dx_bytes_of(spoken->sections.data + spoken->at + sizeof size, size);
    spoken->at += sizeof size + size;
    DX_ASSERT(spoken->at <= spoken->sections.size);
    return plaintext;
}

/* The section's text: as it was spoken here, or opened into the space's scratch. */
static int open_section(const dx_reduction *reduction, const uint8_t key[static DX_KEY_SIZE], uint64_t index,
                        dx_bytes sealed, dx_bytes *plaintext) {
    dx_space *space = reduction->space;
    if (space->spoken != NULL && reduction->feed->own && reduction->seq >= space->spoken->seq) {
        *plaintext = next_spoken(space->spoken);
        return DX_OK;
    }
    dx_buf_clear(&space->plain);
    int error = dx_section_open(key, reduction->feed->id, reduction->seq, index, sealed, &space->plain);
    *plaintext = dx_buf_view(&space->plain);
    return error;
}

/* Whether the opened section is about what was purged; then it is to be taken out. */
static int is_going(dx_reduction *reduction, uint64_t index, dx_bytes plaintext, bool *goes) {
    dx_space *space = reduction->space;
    uint8_t id[DX_ID_SIZE];
    *goes = dx_purge_covers(space, reduction->feed, reduction->seq, index, plaintext, id);
#if defined(DX_PLANT) && DX_PLANT == 56
    *goes = false;
#endif
    return *goes ? dx_purge_note(reduction->context, space, reduction->feed, reduction->seq, index, id)
                 : DX_OK;
}

static int apply_data_section(dx_reduction *reduction, const uint8_t key[static DX_KEY_SIZE], uint64_t index,
                              dx_bytes sealed, bool *goes) {
    dx_space *space = reduction->space;
    dx_bytes plaintext;
    int refusal = DX_OK;
    int error = open_section(reduction, key, index, sealed, &plaintext);
    if (error == DX_E_SIGNATURE || error == DX_E_MALFORMED) {
        refusal = error;
        error = DX_OK;
    } else if (error == DX_OK) {
        error = is_going(reduction, index, plaintext, goes);
        error = error != DX_OK || *goes ? error : dx_reduce_section(reduction, index, plaintext, &refusal);
    }
    if (error == DX_OK && refusal != DX_OK) {
        error = refuse(reduction->context, space, reduction->feed, reduction->seq, (int64_t)index, refusal);
    }
    return error;
}

static int apply_data_block(dx_context *context, dx_space *space, dx_feed *feed, uint64_t seq,
                            const dx_block *block) {
    dx_reduction reduction = {.context = context,
                              .space = space,
                              .feed = feed,
                              .timeframe = &feed->timeframe,
                              .seq = seq,
                              .stamp = dx_vector_stamp(space, feed, &feed->timeframe)};
    uint8_t key[DX_KEY_SIZE];
    dx_buf going; /* dx_section_change each: what was purged */
    dx_buf_init(&going, context->alloc, DX_BLOCK_SECTIONS_MAX * sizeof(dx_section_change));
    int error = dx_space_key(context, space, block->header.key_epoch, key);
    dx_reader cursor;
    dx_reader_init(&cursor, block->sections);
    dx_echo_trace(context, "opening block %llu of data feed %lld: %llu sections, stamp %llu",
                  (unsigned long long)seq, (long long)feed->local, (unsigned long long)block->section_count,
                  (unsigned long long)reduction.stamp.counter);
    for (size_t index = 0; index < block->section_count && error == DX_OK; index++) {
        dx_bytes section;
        bool hole, goes = false;
        error = dx_block_section(&cursor, &section, &hole);
        if (error == DX_OK && !hole) {
            error = apply_data_section(&reduction, key, index, section, &goes);
        }
        const dx_section_change change = {.index = index, .sealed = {NULL, 0}};
        dx_buf_append(&going, &change, goes ? sizeof change : 0);
    }
    if (error == DX_OK && going.size != 0) {
        size_t changed;
        error = dx_hole_change(feed, context->store, seq, (const dx_section_change *)(const void *)going.data,
                               going.size / sizeof(dx_section_change), &changed);
        feed->hollow = true;
    }
    bool hollow = going.size != 0 || block->hole_count != 0;
    error = error == DX_OK ? dx_buf_error(&going) : error;
    dx_buf_deinit(&going);
    dx_wipe(key, sizeof key);
    error = error == DX_OK ? dx_refused_save(context, space) : error;
    return error == DX_OK && hollow && dx_control_purge_count(space->control) != 0
               ? dx_purge_excuse(context, space, feed, seq)
               : error;
}

/* Whether the credential admits this very feed. */
static bool admits(dx_bytes bytes, const dx_feed *feed) {
    dx_credential credential;
    return dx_credential_decode(bytes, &credential) == DX_OK && credential.type == DX_CREDENTIAL_FEED &&
           memcmp(credential.subject, feed->identity.key, sizeof credential.subject) == 0;
}

static int take_credential(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                           size_t index, dx_bytes bytes) {
    int verdict = dx_control_take(space->control, bytes, feed->local);
    dx_credential_place place = {
        .space = space->local, .feed = feed->local, .seq = (int64_t)seq, .position = (int64_t)index};
    int error = DX_OK;
    switch (verdict) {
    case DX_OK:
    case DX_E_STATE:
    case DX_E_EXISTS:
        return dx_control_store(context->store, &place, bytes);
    case DX_E_UNAUTHORIZED:
        error = dx_control_store(context->store, &place, bytes);
        break;
    case DX_E_MALFORMED:
    case DX_E_SIGNATURE:
        break;
    default:
        return verdict;
    }
    return error != DX_OK ? error : refuse(context, space, feed, seq, (int64_t)index, verdict);
}

/* DX_E_LIMIT: the control state took not all of it; it is safe to come again. */
static int apply_control_block(dx_context *context, dx_space *space, dx_feed *feed, uint64_t seq,
                               const dx_block *block) {
    bool admits_itself = false;
    int error = DX_OK;
    dx_reader cursor;
    dx_reader_init(&cursor, block->sections);
    for (size_t index = 0; index < block->section_count && error == DX_OK; index++) {
        dx_bytes section;
        bool hole;
        error = dx_block_section(&cursor, &section, &hole);
        if (error == DX_OK) {
            error = take_credential(context, space, feed, seq, index, section);
            admits_itself = admits_itself || admits(section, feed);
        }
    }
    if (error == DX_OK && seq == 0 && !admits_itself) {
        error = refuse(context, space, feed, seq, DX_REFUSED_BLOCK, DX_E_UNAUTHORIZED);
    }
    if (error == DX_OK || error == DX_E_LIMIT) {
        int saved = dx_refused_save(context, space);
        error = saved != DX_OK ? saved : error;
    }
    return error != DX_OK ? error : dx_space_take_keys(context, space);
}

static int apply_block(dx_context *context, dx_space *space, dx_feed *feed, uint64_t seq,
                       const dx_block *block) {
    bool control = feed->identity.feed_class == DX_FEED_CONTROL;
    int error = DX_OK;
    dx_refused_begin(space);
    if (control) { /* what follows from blocks that were judged by other credentials is made first */
        error = dx_entity_rows_write(context, space);
        error = error == DX_OK ? apply_control_block(context, space, feed, seq, block) : error;
    }
    if (error == DX_OK) {
        error = dx_vector_raise(space, feed, seq, block, &feed->timeframe);
    }
    if (error == DX_OK && !control) {
        error = apply_data_block(context, space, feed, seq, block);
    }
    if (error == DX_OK) {
        feed->applied = seq + 1;
        feed->unsaved = true;
        space->change++;
        error = feed->frozen && !control ? dx_withdraw_rescue(context, space, feed, seq) : DX_OK;
    }
    if (error == DX_OK && !control) {
        error = dx_entity_rows_bound(context, space);
    }
    if (error == DX_OK) {
        dx_echo_trace(context, "applied block %llu of %s feed %lld", (unsigned long long)seq,
                      control ? "control" : "data", (long long)feed->local);
    }
    return error;
}

/* A block against the rules has no effect, and hides what else its transaction would have done. */
static int skip_transaction(dx_context *context, dx_space *space, dx_feed *feed, uint64_t end) {
    int error = refuse_block(context, space, feed, end - 1, DX_E_MALFORMED);
    if (error == DX_OK) {
        error = dx_timeframe_raise(&feed->timeframe, feed->local, end);
    }
    if (error == DX_OK) {
        feed->applied = end;
        feed->unsaved = true;
        space->change++;
    }
    return error;
}

/* What applying a block takes of a step's budget: an author may put much into one. */
static size_t work_of(const dx_block *block) {
    bool control = block->header.feed_class == DX_FEED_CONTROL;
    return 1 + block->section_count / (control ? DX_STEP_CREDENTIALS : DX_STEP_SECTIONS);
}

/* Applies the feed's next transaction if it is ready. *work: how much that was, in blocks; 0: it is not. */
static int run_transaction(dx_context *context, dx_space *space, dx_feed *feed, size_t *work) {
    dx_block block;
    uint64_t end = feed->applied, begin = feed->applied;
    dx_wait reason;
    bool holes;
    *work = 0;
    int error = dx_wait_check(context, space, feed, &block, &end, &holes, &reason);
    if (error != DX_OK) {
        return error;
    }
    if (reason.kind == DX_WAIT_BLOCK) {
        feed->waits.applied = feed->applied;
        feed->waits.feed = reason.feed;
        feed->waits.number = reason.number;
    }
    if (reason.kind == DX_WAIT_ROOT) {
        /* The block stays where it is, as evidence; its feed goes no further. */
        return refuse_block(context, space, feed, feed->applied, DX_E_FORK);
    }
    if (reason.kind == DX_WAIT_NEVER) {
        error = skip_transaction(context, space, feed, end);
        *work = (size_t)(feed->applied - begin);
    } else if (reason.kind != DX_WAIT_NOT) {
        return DX_OK;
    }
    if (error == DX_OK && holes && reason.kind == DX_WAIT_NOT) { /* for what comes late of it */
        error = dx_vector_keep(context, feed, begin, &feed->timeframe);
    }
    for (uint64_t seq = begin; reason.kind == DX_WAIT_NOT && seq < end && error == DX_OK; seq++) {
        if (end - begin > 1) {
            error = dx_pipeline_block(context, space, feed, seq, &block);
        }
        if (error == DX_OK) {
            error = apply_block(context, space, feed, seq, &block);
        }
        *work += error == DX_OK ? work_of(&block) : 0;
    }
    if (error == DX_E_LIMIT && feed->identity.feed_class == DX_FEED_CONTROL) {
        error = DX_OK; /* what was applied of it stays; the rest comes when the control state has room */
    }
    return error;
}

/* --- Running --------------------------------------------------------------------------------- */

int dx_pipeline_walk(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t before, uint64_t *at,
                     dx_timeframe *vector, size_t *budget) {
    int error = DX_OK;
    while (error == DX_OK && *at < before && *budget != 0) {
        uint64_t end = *at;
        error = dx_vector_walk(context, space, feed, *at, before, vector, &end);
        error = error == DX_OK && end == *at ? DX_E_INVALID : error;
        uint64_t walked = error == DX_OK ? end - *at : 1;
        *at = error == DX_OK ? end : *at;
        *budget -= walked < *budget ? (size_t)walked : *budget;
    }
    return error;
}

/* After a withdrawal: to where the feed was. What is left of a transaction that the limit cuts through goes
 * too. */
static int walk_feed(dx_context *context, dx_space *space, dx_feed *feed, size_t *budget) {
    int error = DX_OK;
    while (error == DX_OK && *budget != 0 && feed->applied < feed->kept &&
           feed->kept <= dx_feed_usable(feed)) {
        uint64_t before = feed->applied, end;
        error = dx_vector_walk(context, space, feed, before, feed->kept, &feed->timeframe, &end);
        feed->applied = error == DX_OK ? end : before;
        if (error == DX_OK && end == before) {
            size_t all = SIZE_MAX;
            error = dx_withdraw_blocks(context, space, feed, feed->applied, &all);
        }
        uint64_t walked = feed->applied > before ? feed->applied - before : 1;
        *budget -= walked < *budget ? (size_t)walked : *budget;
    }
    feed->kept = feed->applied == feed->kept ? 0 : feed->kept;
    return error == DX_OK ? dx_feed_save_applied(feed, context->store) : error;
}

/* Credentials are in their tables with their blocks; entities may follow. */
static int save_feed(dx_context *context, dx_space *space, dx_feed *feed) {
    if (feed->identity.feed_class == DX_FEED_CONTROL) {
        return dx_feed_save_applied(feed, context->store);
    }
#if defined(DX_PLANT) && DX_PLANT == 41
    return dx_feed_save_applied(feed, context->store);
#endif
    return space->replays || !feed->unsaved ? DX_OK : dx_feed_save_reached(feed, context->store);
}

static int run_feed(dx_context *context, dx_space *space, dx_feed *feed, size_t *budget) {
    uint64_t before = feed->applied;
    int error = DX_OK;
    size_t work = 1;
    if (feed->kept != 0 && feed->identity.feed_class == DX_FEED_DATA &&
        dx_control_authorize(space->control, feed->id) != DX_OK) {
        return DX_OK; /* being taken back, for its admission is out of force */
    }
    if (feed->kept != 0) {
        error = walk_feed(context, space, feed, budget);
        if (error != DX_OK || feed->kept != 0) {
            return error;
        }
    }
    while (error == DX_OK && work != 0 && *budget != 0 && feed->applied < dx_feed_usable(feed)) {
        error = run_transaction(context, space, feed, &work);
        *budget -= work < *budget ? work : *budget;
    }
    return error == DX_OK && feed->applied != before ? save_feed(context, space, feed) : error;
}

/* What the feed was found to wait for has not come: to read its block again would find the same. Where one of
 * the two was forked, nothing is known. */
static bool is_still_waiting(dx_space *space, const dx_feed *feed) {
    bool known = feed->waits.feed != 0 && feed->waits.applied == feed->applied && feed->kept == 0;
    const dx_feed *named = known && !feed->frozen ? dx_space_feed(space, feed->waits.feed) : NULL;
    return named != NULL && !named->frozen && named->applied <= feed->waits.number;
}

/* Every feed of a class once. *progress: whether anything was applied. */
static int run_class(dx_context *context, dx_space *space, dx_feed_class feed_class, size_t *budget,
                     bool *progress) {
    for (size_t i = 0; i < space->feed_count && *budget != 0; i++) {
        dx_feed *feed = &space->feeds[i];
        if (feed->identity.feed_class != feed_class || feed->applied >= dx_feed_usable(feed) ||
            is_still_waiting(space, feed)) {
            continue;
        }
        uint64_t before = feed->applied;
        int error = run_feed(context, space, feed, budget);
        if (error != DX_OK) {
            return error;
        }
        *progress = *progress || feed->applied != before;
    }
    return DX_OK;
}

int dx_pipeline_run(dx_context *context, dx_space *space, size_t budget, bool *more) {
    bool progress = true, unsettled = false;
    space->tries_left = DX_STEP_GRANTS;
    bool rests = dx_base_rests(space);
    int error = space->keys_left ? dx_space_take_keys(context, space) : DX_OK;
    error = error == DX_OK && !rests ? dx_floor_settle(context, space, &budget, &unsettled) : error;
    while (error == DX_OK && progress && budget != 0) {
        progress = false;
        error = run_class(context, space, DX_FEED_CONTROL, &budget, &progress);
        dx_floor_agree(space);
        if (error == DX_OK && !progress && !rests) {
            error = run_class(context, space, DX_FEED_DATA, &budget, &progress);
        }
    }
    error = error == DX_OK ? dx_purge_settle(context, space, &budget, &unsettled) : error;
    dx_space_count_blocked(space);
    dx_space_trim(space);
    *more = space->busy = unsettled || space->keys_left || (progress && budget == 0 && space->blocked != 0);
    return error != DX_OK ? error : dx_types_save(context, space);
}

int dx_pipeline_replay(dx_context *context, dx_space *space) {
    struct dx_changes *changes = context->changes;
    size_t budget = SIZE_MAX;
    bool behind = false, progress = true;
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count; i++) {
        dx_feed *feed = &space->feeds[i];
        bool data = feed->identity.feed_class == DX_FEED_DATA && feed->kept == 0;
        feed->until = data ? feed->reached : feed->applied;
        behind = behind || (data && feed->applied < feed->reached);
    }
    context->changes = NULL;
    space->replays = true;
    error = dx_entity_rows_load(context, space);
    while (error == DX_OK && behind && progress) {
        progress = false;
        error = run_class(context, space, DX_FEED_DATA, &budget, &progress);
    }
    space->replays = false;
    context->changes = changes;
    for (size_t i = 0; i < space->feed_count; i++) {
        space->feeds[i].until = DX_FEED_NO_CUT;
    }
    dx_space_trim(space);
    return error;
}

int dx_pipeline_settle(dx_context *context, dx_space *space, int64_t local) {
    dx_feed *feed = dx_space_feed(space, local);
    size_t budget = SIZE_MAX;
    DX_ASSERT(feed != NULL && feed->own);
    int error = run_feed(context, space, feed, &budget);
    dx_space_trim(space);
    if (error == DX_OK && feed->applied != feed->length) {
        DX_ASSERT(feed->identity.feed_class == DX_FEED_CONTROL);
        error = DX_E_LIMIT; /* the control state takes no more from this feed */
    }
    return error != DX_OK ? error : dx_types_save(context, space);
}

int dx_pipeline_settle_spoken(dx_context *context, dx_space *space, int64_t local, dx_spoken *spoken) {
    space->spoken = spoken;
    int error = dx_pipeline_settle(context, space, local);
    space->spoken = NULL;
    return error;
}
