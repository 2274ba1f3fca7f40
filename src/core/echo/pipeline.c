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
#include "echo/withdraw.h"
#include "feed/hole.h"
#include "halo/control_purge.h"

/* Why a feed's next transaction is not applied now. */
typedef enum wait_kind {
    WAIT_NOT,         /* it is ready */
    WAIT_END,         /* the rest of its transaction is not here */
    WAIT_FEED,        /* it names a feed that is not known here */
    WAIT_BLOCK,       /* it names a block that is not applied here */
    WAIT_ROOT,        /* it names another content of a feed than is here: one of the two was forked */
    WAIT_BRANCH,      /* it names a branch of a forked feed that is not here, or not judged yet */
    WAIT_ADMISSION,   /* its feed is not admitted */
    WAIT_KEY,         /* the key it is sealed with is not here */
    WAIT_CREDENTIALS, /* the control state takes no more credentials that wait */
    WAIT_NEVER        /* against the rules: it is refused */
} wait_kind;

typedef struct wait_reason {
    wait_kind kind;
    int64_t feed;    /* BLOCK, ROOT, BRANCH: the one named */
    uint64_t number; /* BLOCK: the missing one; ROOT, BRANCH: length; KEY: epoch */
} wait_reason;

/* --- Changes --------------------------------------------------------------------------------- */

void dx_changes_init(dx_changes *changes, const dx_alloc *alloc) {
    memset(changes, 0, sizeof *changes);
    changes->alloc = alloc;
}

void dx_changes_deinit(dx_changes *changes) {
    dx_alloc_free(changes->alloc, changes->items, changes->capacity * sizeof *changes->items);
    memset(changes, 0, sizeof *changes);
}

void dx_changes_clear(dx_changes *changes) {
    changes->count = 0;
    changes->overflow = false;
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

int dx_changes_note(dx_context *context, const dx_space *space, const dx_entity_row *row, bool created) {
    const dx_change change = {.key = row->key,
                              .created = created,
                              .deleted = row->deleted,
                              .space = space->local,
                              .type = row->type,
                              .source = row->source,
                              .target = row->target};
    return context->changes == NULL || context->changes->overflow ? DX_OK
                                                                  : dx_changes_add(context->changes, &change);
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

/* --- Dependencies ---------------------------------------------------------------------------- */

static int read_root(dx_context *context, const dx_feed *feed, uint64_t length,
                     uint8_t out[static DX_HASH_SIZE]) {
    if (length == feed->length) {
        dx_mmr_root(&feed->mmr, out);
        return DX_OK;
    }
    return dx_feed_root(feed, context->store, length, out);
}

/* What a block names of a forked feed beyond the cut: in force, hidden for good (then nothing is waited for),
 * or to be judged when its branch is here. */
static int check_branch(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                        const dx_feed *named, const dx_dependency *dependency, wait_reason *reason) {
    dx_named_standing standing;
    int error = dx_floor_judge(context, space, named, feed, seq, dependency, &standing);
    if (error == DX_OK && standing == DX_NAMED_UNKNOWN) {
        *reason = (wait_reason){.kind = WAIT_BRANCH, .feed = named->local, .number = dependency->length};
    } else if (error == DX_OK && standing == DX_NAMED_IN_FORCE && dependency->length > named->applied) {
        *reason = (wait_reason){.kind = WAIT_BLOCK, .feed = named->local, .number = dependency->length - 1};
    }
    return error;
}

static int check_dependency(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                            dx_feed_class named_class, const dx_dependency *dependency, wait_reason *reason) {
    const dx_feed *named = dx_space_feed_by_prefix(space, dependency->feed);
    if (named == NULL) {
        reason->kind = WAIT_FEED;
        return DX_OK;
    }
    reason->feed = named->local;
    if (named == feed || named->identity.feed_class != named_class) {
        reason->kind = WAIT_NEVER;
        return DX_OK;
    }
    if (dependency->length <= named->begins) {
        return DX_OK; /* below the base, where no root can be compared any more */
    }
#if defined(DX_PLANT) && DX_PLANT == 51
    bool agreed = false;
#else
    bool agreed = named_class == DX_FEED_DATA && dependency->length <= named->agreed;
#endif
    if (dependency->length > named->cut && !agreed) {
        return check_branch(context, space, feed, seq, named, dependency, reason);
    }
#if defined(DX_PLANT) && DX_PLANT == 4
    if (dependency->length > named->length || dependency->length > named->applied + 1) {
#else
    if (dependency->length > named->applied) {
#endif
        reason->kind = WAIT_BLOCK;
        reason->number = dependency->length - 1;
        return DX_OK;
    }
    if (agreed) { /* who loaded the state there cannot look at roots, and everybody must decide alike */
        return DX_OK;
    }
    uint8_t root[DX_HASH_SIZE];
    int error = read_root(context, named, dependency->length, root);
    if (error == DX_OK && memcmp(root, dependency->root, sizeof dependency->root) != 0) {
        reason->kind = WAIT_ROOT;
        reason->number = dependency->length;
    }
    return error;
}

static int check_dependencies(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                              dx_feed_class named_class, dx_bytes entries, size_t count,
                              wait_reason *reason) {
    dx_reader cursor;
    dx_reader_init(&cursor, entries);
    for (size_t i = 0; i < count && reason->kind == WAIT_NOT; i++) {
        dx_dependency dependency;
        int error = dx_block_dependency(&cursor, &dependency);
        if (error == DX_OK) {
            error = check_dependency(context, space, feed, seq, named_class, &dependency, reason);
        }
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

static int check_key(dx_context *context, dx_space *space, uint64_t epoch, wait_reason *reason) {
    uint8_t key[DX_KEY_SIZE];
    int error = dx_space_key(context, space, epoch, key);
    dx_wipe(key, sizeof key);
    if (error == DX_E_NOT_FOUND) {
        *reason = (wait_reason){.kind = WAIT_KEY, .number = epoch};
        return DX_OK;
    }
    return error;
}

/* Whether a block may be applied as far as it depends on others. */
static int check_block(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                       const dx_block *block, wait_reason *reason) {
    const dx_block_header *header = &block->header;
    int error = check_dependencies(context, space, feed, seq, DX_FEED_CONTROL, header->auth,
                                   header->auth_count, reason);
    if (error == DX_OK && reason->kind == WAIT_NOT) {
        error = check_dependencies(context, space, feed, seq, DX_FEED_DATA, header->dependencies,
                                   header->dependency_count, reason);
    }
    if (error != DX_OK || reason->kind != WAIT_NOT) {
        return error;
    }
    if (feed->identity.feed_class == DX_FEED_CONTROL) {
        /* The first block brings the admission; nothing after it counts before that is in effect. What the
         * control state had no room for is not looked at again in vain: a block of forgeries costs much. */
        if (seq != 0 && dx_control_find_feed(space->control, feed->id) == NULL) {
            reason->kind = WAIT_ADMISSION;
        } else if (dx_control_is_full(space->control, feed->local)) {
            reason->kind = WAIT_CREDENTIALS;
        }
        return DX_OK;
    }
    if (dx_control_authorize(space->control, feed->id) != DX_OK) {
        reason->kind = WAIT_ADMISSION;
        return DX_OK;
    }
    return check_key(context, space, header->key_epoch, reason);
}

/* The feed's next transaction is [applied, *end), as far as it was looked at; reason tells whether all of it
 * may be applied, *holes whether a block of it has some. The last block checked is in *block. */
static int check_transaction(dx_context *context, dx_space *space, const dx_feed *feed, dx_block *block,
                             uint64_t *end, bool *holes, wait_reason *reason) {
    uint64_t usable = dx_feed_usable(feed);
    *holes = false;
    *reason = (wait_reason){.kind = WAIT_NOT};
    for (uint64_t seq = feed->applied; seq < usable; seq++) {
        int error = dx_pipeline_block(context, space, feed, seq, block);
        if (error == DX_OK) {
            error = check_block(context, space, feed, seq, block, reason);
        }
        if (error != DX_OK || (reason->kind != WAIT_NOT && reason->kind != WAIT_NEVER)) {
            return error;
        }
        *end = seq + 1;
        *holes = *holes || block->hole_count != 0;
        bool goes_on = (block->header.flags & DX_BLOCK_CONTINUES) != 0 && reason->kind == WAIT_NOT;
        if (!goes_on || *end - feed->applied == DX_TRANSACTION_BLOCKS_MAX) {
            return DX_OK;
        }
    }
    reason->kind = WAIT_END;
    return DX_OK;
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
    wait_reason reason;
    bool holes;
    *work = 0;
    int error = check_transaction(context, space, feed, &block, &end, &holes, &reason);
    if (error != DX_OK) {
        return error;
    }
    if (reason.kind == WAIT_BLOCK) {
        feed->waits.applied = feed->applied;
        feed->waits.feed = reason.feed;
        feed->waits.number = reason.number;
    }
    if (reason.kind == WAIT_ROOT) {
        /* The block stays where it is, as evidence; its feed goes no further. */
        return refuse_block(context, space, feed, feed->applied, DX_E_FORK);
    }
    if (reason.kind == WAIT_NEVER) {
        error = skip_transaction(context, space, feed, end);
        *work = (size_t)(feed->applied - begin);
    } else if (reason.kind != WAIT_NOT) {
        return DX_OK;
    }
    if (error == DX_OK && holes && reason.kind == WAIT_NOT) { /* for what comes late of it */
        error = dx_vector_keep(context, feed, begin, &feed->timeframe);
    }
    for (uint64_t seq = begin; reason.kind == WAIT_NOT && seq < end && error == DX_OK; seq++) {
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

/* --- Writing --------------------------------------------------------------------------------- */

typedef struct named_feeds {
    dx_dependency *items;
    size_t count;
} named_feeds;

/* How much of a feed an own block may build on. */
static uint64_t in_force(const dx_feed *feed) {
    uint64_t usable = dx_feed_usable(feed);
    return feed->applied < usable ? feed->applied : usable;
}

/* Whether the feed went on since the own feed last named it, or another branch of it was put in force. */
static int has_news(dx_context *context, dx_space *space, const dx_feed *own, const dx_feed *feed,
                    bool *is_news) {
    uint64_t seen = dx_timeframe_get(&own->timeframe, feed->local);
    *is_news = in_force(feed) > seen;
    if (*is_news || !feed->frozen || seen <= dx_feed_parting(feed) ||
        in_force(feed) <= dx_feed_parting(feed)) {
        return DX_OK;
    }
    bool saw;
    int error = dx_floor_saw(context, space, feed, own, own->length, &saw);
    *is_news = !saw;
    return error;
}

/* The feeds of a class that went on since the own feed's previous block, ascending prefix. */
static int gather_named(dx_context *context, dx_space *space, const dx_feed *own, dx_feed_class named_class,
                        named_feeds *out) {
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        bool is_news = false;
        if (feed == own || feed->identity.feed_class != named_class) {
            continue;
        }
        int failed = has_news(context, space, own, feed, &is_news);
        if (failed != DX_OK) {
            return failed;
        }
        if (!is_news) {
            continue;
        }
        dx_dependency named = {.length = in_force(feed)};
        uint8_t root[DX_HASH_SIZE];
        int error = read_root(context, feed, named.length, root);
        if (error != DX_OK) {
            return error;
        }
        memcpy(named.feed, feed->id, sizeof named.feed);
        memcpy(named.root, root, sizeof named.root);
        size_t at = out->count++;
        for (; at > 0 && memcmp(out->items[at - 1].feed, named.feed, sizeof named.feed) > 0; at--) {
            out->items[at] = out->items[at - 1];
        }
        out->items[at] = named;
    }
    return DX_OK;
}

static int append_block(dx_context *context, dx_space *space, dx_feed *feed, uint64_t flags, dx_bytes items,
                        size_t count, const named_feeds *auth, const named_feeds *dependencies) {
    bool control = feed->identity.feed_class == DX_FEED_CONTROL;
    dx_buf header, block;
    dx_buf_init(&header, context->alloc, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&block, context->alloc, DX_BLOCK_SIZE_MAX);
    int error = dx_block_header_encode(feed->identity.feed_class, flags, control ? 0 : space->key_epoch,
                                       context->wall_ms, auth->items, auth->count, dependencies->items,
                                       dependencies->count, &header);
    if (error == DX_OK) {
        error = dx_block_encode(dx_buf_view(&header), items, count, &block);
    }
    if (error == DX_OK) {
        error = dx_feed_append(feed, context->store, dx_buf_view(&block));
    }
    dx_buf_deinit(&header);
    dx_buf_deinit(&block);
    if (error == DX_OK) {
        dx_echo_trace(context, "wrote block %llu of %s feed %lld: %llu sections, names %llu feeds",
                      (unsigned long long)feed->length - 1, control ? "control" : "data",
                      (long long)feed->local, (unsigned long long)count,
                      (unsigned long long)(auth->count + dependencies->count));
    }
    return error;
}

int dx_pipeline_append(dx_context *context, dx_space *space, int64_t local, uint64_t flags, dx_bytes items,
                       size_t count, bool declares) {
    dx_feed *feed = dx_space_feed(space, local);
    DX_ASSERT(feed != NULL && feed->own);
    size_t size = space->feed_count * sizeof(dx_dependency);
    named_feeds auth = {NULL, 0}, dependencies = {NULL, 0};
    auth.items = dx_alloc_take(context->alloc, size);
    dependencies.items = dx_alloc_take(context->alloc, size);
    int error = auth.items == NULL || dependencies.items == NULL ? DX_E_NO_MEMORY : DX_OK;
    if (error == DX_OK && declares) {
        error = gather_named(context, space, feed, DX_FEED_CONTROL, &auth);
    }
    if (error == DX_OK && declares && feed->identity.feed_class == DX_FEED_DATA) {
        error = gather_named(context, space, feed, DX_FEED_DATA, &dependencies);
    }
    if (error == DX_OK) {
        error = append_block(context, space, feed, flags, items, count, &auth, &dependencies);
    }
    dx_alloc_free(context->alloc, auth.items, size);
    dx_alloc_free(context->alloc, dependencies.items, size);
    return error;
}

int dx_pipeline_next_stamp(dx_context *context, dx_space *space, int64_t local, dx_stamp *out) {
    const dx_feed *own = dx_space_feed(space, local);
    DX_ASSERT(own != NULL && own->own && own->identity.feed_class == DX_FEED_DATA);
    *out = (dx_stamp){.counter = own->length + 1};
    memcpy(out->feed, own->id, sizeof out->feed);
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        uint64_t seen = dx_timeframe_get(&own->timeframe, feed->local);
        bool is_news = false;
        if (feed == own || feed->identity.feed_class != DX_FEED_DATA) {
            continue;
        }
        int error = has_news(context, space, own, feed, &is_news);
        if (error != DX_OK) {
            return error;
        }
        out->counter += is_news && in_force(feed) > seen ? in_force(feed) : seen;
    }
    return DX_OK;
}

/* --- Telling why ----------------------------------------------------------------------------- */

static void describe(const dx_feed *feed, const wait_reason *reason, char *out, size_t size) {
    int room = size > INT32_MAX ? INT32_MAX : (int)size;
    sqlite3_int64 local = feed->local, named = reason->feed;
    sqlite3_uint64 number = reason->number;
    switch (reason->kind) {
    case WAIT_NOT:
    case WAIT_NEVER:
        sqlite3_snprintf(room, out, "feed %lld goes on with the next step", local);
        break;
    case WAIT_END:
        sqlite3_snprintf(room, out, "feed %lld waits for the rest of a transaction", local);
        break;
    case WAIT_FEED:
        sqlite3_snprintf(room, out, "feed %lld waits for a feed that is not known here yet", local);
        break;
    case WAIT_BLOCK:
        sqlite3_snprintf(room, out, "feed %lld waits for block %llu of feed %lld", local, number, named);
        break;
    case WAIT_ROOT:
        sqlite3_snprintf(
            room, out,
            "feed %lld names another content of feed %lld at length %llu: one of them was written "
            "twice at the same place",
            local, named, number);
        break;
    case WAIT_BRANCH:
        sqlite3_snprintf(
            room, out,
            "feed %lld waits for the branch of feed %lld that it names at length %llu: that feed "
            "was written twice",
            local, named, number);
        break;
    case WAIT_ADMISSION:
        sqlite3_snprintf(room, out, "feed %lld waits for its admission", local);
        break;
    case WAIT_KEY:
        sqlite3_snprintf(room, out, "feed %lld waits for the key of epoch %llu", local, number);
        break;
    case WAIT_CREDENTIALS:
        sqlite3_snprintf(room, out, "feed %lld waits: too many credentials have no premises yet", local);
    }
}

bool dx_pipeline_waiting(dx_context *context, dx_space *space, char *out, size_t size) {
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        dx_block block;
        uint64_t end;
        wait_reason reason;
        bool holes;
        if (feed->applied >= dx_feed_usable(feed) ||
            check_transaction(context, space, feed, &block, &end, &holes, &reason) != DX_OK) {
            continue;
        }
        if (reason.kind == WAIT_NOT && feed->identity.feed_class == DX_FEED_CONTROL) {
            reason.kind = WAIT_CREDENTIALS;
        }
        describe(feed, &reason, out, size);
        return true;
    }
    return false;
}
