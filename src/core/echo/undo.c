/* echo/undo.c: taking back what this device did, and taking that back. See undo.h.
 *
 * Layer: floor 1, echo. */
#include "echo/undo.h"

#include <string.h>

#include "echo/key_set.h"
#include "echo/query.h"
#include "echo/touch.h"

/* What a transaction is for, as table undo has it; one without a row is WRITE and not done. */
typedef enum undo_role { ROLE_WRITE = 0, ROLE_UNDO = 1, ROLE_REDO = 2 } undo_role;

/* One own transaction: blocks [begin, end) of a data feed of this device. */
typedef struct own_transaction {
    int64_t feed; /* local number */
    uint64_t begin, end;
    undo_role role;
    bool done; /* it was taken back */
    dx_stamp first, last;
    uint64_t wall_ms;
    dx_buf keys; /* of the entities it was about, the house's own left out */
} own_transaction;

enum { KEYS_SIZE_MAX = DX_TRANSACTION_BLOCKS_MAX * DX_BLOCK_SECTIONS_MAX * 8 };

/* --- Reading ---------------------------------------------------------------------------------- */

static int64_t mark_of(int64_t feed, uint64_t seq) {
    return feed << 32 | (int64_t)seq;
}

static int read_mark(dx_context *context, const dx_feed *feed, own_transaction *own) {
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT role, done FROM undo WHERE block = ?1");
    dx_bind_int(select, 1, mark_of(feed->local, own->begin));
    own->role = ROLE_WRITE;
    own->done = false;
    if (dx_step(context->store, select)) {
        own->role = (undo_role)dx_column_int(select, 0);
        own->done = dx_column_int(select, 1) != 0;
        dx_step_reset(select);
    }
    return dx_store_error(context->store);
}

/* The one that ends where the later one begins: it goes back over the blocks that say they go on. */
static int read_extent(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t end,
                       own_transaction *own) {
    dx_block block;
    int error = DX_OK;
    own->end = end;
    own->begin = end - 1;
    while (error == DX_OK && own->begin > feed->begins && end - own->begin < DX_TRANSACTION_BLOCKS_MAX) {
        error = dx_pipeline_block(context, space, feed, own->begin - 1, &block);
        if (error != DX_OK || (block.header.flags & DX_BLOCK_CONTINUES) == 0) {
            break;
        }
        own->begin--;
    }
    return error != DX_OK ? error : read_mark(context, feed, own);
}

static int add_key(dx_context *context, dx_space *space, int64_t key, own_transaction *own) {
    dx_entity entity;
    int error = dx_entity_read(context, space, key, &entity);
    if (error == DX_OK && !dx_type_is_hidden(entity.type)) {
        dx_key_list_add(&own->keys, key);
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

typedef struct block_reading {
    dx_context *context;
    dx_space *space;
    const dx_feed *feed;
    uint64_t seq, counter; /* counter 0: no section told it yet */
    own_transaction *own;
} block_reading;

static int take_section(void *ctx, uint64_t index, const dx_section *section) {
    block_reading *self = ctx;
    int64_t key = dx_touch_entity(self->space, self->feed, self->seq, index, section);
    int error = DX_OK;
    if (self->counter == 0) {
        error =
            dx_touch_counter(self->context, self->space, key, self->feed, self->seq, section, &self->counter);
    }
    return error == DX_OK || error == DX_E_NOT_FOUND ? add_key(self->context, self->space, key, self->own)
                                                     : error;
}

static int read_block(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                      own_transaction *own) {
    block_reading reading = {.context = context, .space = space, .feed = feed, .seq = seq, .own = own};
    dx_block block;
    int error = dx_pipeline_block(context, space, feed, seq, &block);
    if (error == DX_OK) {
        own->wall_ms = block.header.wall_ms;
        error = dx_touch_each(context, space, feed, seq, &block, take_section, &reading);
    }
    if (reading.counter != 0) {
        own->first.counter = own->first.counter == 0 ? reading.counter : own->first.counter;
        own->last.counter = reading.counter;
    }
    return error;
}

/* What it was about, and when. */
static int read_content(dx_context *context, dx_space *space, const dx_feed *feed, own_transaction *own) {
    int error = DX_OK;
    dx_buf_clear(&own->keys);
    own->first = own->last = (dx_stamp){.counter = 0};
    memcpy(own->first.feed, feed->id, sizeof own->first.feed);
    memcpy(own->last.feed, feed->id, sizeof own->last.feed);
    for (uint64_t seq = own->begin; seq < own->end && error == DX_OK; seq++) {
        error = read_block(context, space, feed, seq, own);
    }
    dx_key_list_sort(&own->keys);
    return error != DX_OK ? error : dx_buf_error(&own->keys);
}

/* The same of one feed, from its end on; DX_E_NOT_FOUND: there is none in it. *left: transactions that may be looked at. */
static int choose_in(dx_context *context, dx_space *space, const dx_feed *feed, bool redo, int *left,
                     own_transaction *own) {
    uint64_t end = feed->applied;
    own->feed = feed->local;
    for (; *left > 0 && end > feed->begins; --*left, end = own->begin) {
        int error = read_extent(context, space, feed, end, own);
        if (error != DX_OK) {
            return error;
        }
        if (own->done || (redo ? own->role == ROLE_REDO : own->role == ROLE_UNDO)) {
            continue;
        }
        error = read_content(context, space, feed, own);
        if (error != DX_OK) {
            return error;
        }
        if (dx_key_list_count(&own->keys) != 0) {
            *left = redo && own->role == ROLE_WRITE ? 0 : *left;
            return *left == 0 ? DX_E_NOT_FOUND : DX_OK;
        }
    }
    return *left > 0 && feed->begins != 0 ? DX_E_GONE : DX_E_NOT_FOUND;
}

/* A data feed of this device, made before the one with this local number: a copied vault writes with new ones. */
static const dx_feed *earlier_feed(const dx_context *context, const dx_space *space, int64_t before) {
    const dx_feed *found = NULL;
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->identity.feed_class == DX_FEED_DATA && feed->local < before &&
            memcmp(feed->identity.device, context->identity->device, DX_KEY_SIZE) == 0 &&
            (found == NULL || feed->local > found->local)) {
            found = feed;
        }
    }
    return found;
}

/* The transaction that is to be taken back now: of the feed that was made last, then of those before it. */
static int choose(dx_context *context, dx_space *space, bool redo, own_transaction *own) {
    int left = DX_UNDO_TRANSACTIONS_MAX, error = DX_E_NOT_FOUND;
    const dx_feed *feed = earlier_feed(context, space, INT64_MAX);
    for (; feed != NULL && left > 0 && error == DX_E_NOT_FOUND;
         feed = earlier_feed(context, space, feed->local)) {
        error = choose_in(context, space, feed, redo, &left, own);
    }
    return error;
}

/* What this device ever wrote in the space. */
static int list_feeds(const dx_context *context, const dx_space *space, dx_buf *out) {
    const dx_feed *feed = earlier_feed(context, space, INT64_MAX);
    for (; feed != NULL; feed = earlier_feed(context, space, feed->local)) {
        dx_buf_append(out, feed->id, DX_FEED_PREFIX_SIZE);
    }
    return dx_buf_error(out);
}

/* --- Writing ---------------------------------------------------------------------------------- */

static int write_mark(dx_context *context, int64_t block, undo_role role, bool done) {
    sqlite3_stmt *insert =
        dx_store_query(context->store, "INSERT OR REPLACE INTO undo(block, role, done) VALUES(?1, ?2, ?3)");
    dx_bind_int(insert, 1, block);
    dx_bind_int(insert, 2, role);
    dx_bind_int(insert, 3, done);
    return dx_step_done(context->store, insert);
}

static int invert(dx_context *context, dx_space *space, own_transaction *own, const dx_undo_judge *judge,
                  dx_undone *out) {
    dx_transaction *transaction;
    dx_buf feeds;
    int error = dx_transaction_begin(context, space, &transaction);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_init(&feeds, context->alloc, (size_t)DX_SPACE_FEEDS_MAX * DX_FEED_PREFIX_SIZE);
    error = list_feeds(context, space, &feeds);
    const dx_authorship author = {.first = own->first, .last = own->last, .feeds = dx_buf_view(&feeds)};
    for (size_t i = 0; i < dx_key_list_count(&own->keys) && error == DX_OK; i++) {
        bool kept = false;
        error = dx_history_invert(transaction, context, space, dx_key_list_at(&own->keys, i), &author, &kept);
        if (error == DX_E_UNSUPPORTED || error == DX_E_DENIED) {
            kept = true; /* it is not this program's, or not this device's, to change */
            error = DX_OK;
        }
        out->kept += kept;
    }
    dx_buf_deinit(&feeds);
    if (error == DX_OK && judge != NULL) {
        error = judge->judge(judge->ctx, transaction, &own->keys);
    }
    if (error != DX_OK) {
        dx_transaction_abort(transaction);
        return error;
    }
    return dx_transaction_commit(transaction);
}

int dx_undo(dx_context *context, dx_space *space, bool redo, const dx_undo_judge *judge, dx_undone *out) {
    dx_feed *feed = space->own_data == 0 ? NULL : dx_space_feed(space, space->own_data);
    own_transaction own = {.begin = 0};
    *out = (dx_undone){.kept = 0};
    if (feed == NULL) {
        return DX_E_NOT_FOUND;
    }
    dx_buf_init(&own.keys, context->alloc, KEYS_SIZE_MAX);
    int error = dx_entity_rows_settle(context, space); /* touches are asked for */
    error = error == DX_OK ? choose(context, space, redo, &own) : error;
    if (error == DX_OK && dx_key_list_count(&own.keys) > DX_UNDO_ENTITIES_MAX) {
        error = DX_E_LIMIT;
    }
    uint64_t before = feed->length;
    if (error == DX_OK) {
        out->stamp = own.last;
        out->wall_ms = own.wall_ms;
        out->entities = dx_key_list_count(&own.keys);
        error = invert(context, space, &own, judge, out);
    }
    feed = dx_space_feed(space, space->own_data); /* pointers to feeds die when one is added */
    if (error == DX_OK) {
        error = write_mark(context, mark_of(own.feed, own.begin), own.role, true);
    }
    if (error == DX_OK && feed->length != before) {
        error = write_mark(context, mark_of(feed->local, before), redo ? ROLE_REDO : ROLE_UNDO, false);
    }
    dx_buf_deinit(&own.keys);
    return error;
}
