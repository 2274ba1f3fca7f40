/* echo/space.c: a space in memory: its feeds, keys and counts.
 *
 * Layer: floor 1, echo. Contract in space.h. How a space begins is founding.c, who joins it admission.c. */
#include "echo/space.h"
#include "echo/floor.h"

#include <string.h>

#include "echo/adjacency.h"
#include "echo/base.h"
#include "echo/entity_row.h"
#include "echo/hidden.h"
#include "echo/index.h"
#include "echo/parents.h"
#include "echo/pipeline.h"
#include "echo/placed_rows.h"
#include "echo/purge.h"
#include "echo/reduce.h"
#include "echo/space_scope.h"
#include "echo/space_state.h"
#include "echo/touch.h"

enum { FEEDS_CAPACITY_MIN = 8 };

/* --- Life ------------------------------------------------------------------------------------ */

int dx_space_allocate(dx_context *context, int64_t local, const uint8_t id[static DX_HASH_SIZE],
                      dx_space **out) {
    dx_space *space = dx_alloc_take_zeroed(context->alloc, sizeof *space);
    *out = space;
    if (space == NULL) {
        return DX_E_NO_MEMORY;
    }
    space->unwritten = dx_entity_rows_create(context);
    space->placed = dx_placed_rows_create(context->alloc);
    if (space->unwritten == NULL || space->placed == NULL) {
        dx_entity_rows_destroy(context->alloc, space->unwritten);
        dx_placed_rows_destroy(space->placed);
        dx_alloc_free(context->alloc, space, sizeof *space);
        *out = NULL;
        return DX_E_NO_MEMORY;
    }
    space->local = local;
    space->alloc = context->alloc;
    space->tries_left = DX_STEP_GRANTS;
    memcpy(space->id, id, sizeof space->id);
    dx_arena_init(&space->arena, context->alloc, DX_REDUCE_MEMORY_MAX);
    dx_buf_init(&space->block, context->alloc, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&space->plain, context->alloc, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&space->state, context->alloc, DX_STATE_SIZE_MAX);
    space->indexes = dx_indexes_create(context->alloc);
    space->adjacency = dx_adjacency_create(context->alloc);
    space->scope = dx_alloc_take(context->alloc, sizeof *space->scope);
    if (space->scope != NULL) {
        dx_space_scope_init(space->scope, context->alloc);
    }
    if (space->indexes == NULL || space->adjacency == NULL || space->scope == NULL ||
        dx_base_create(context, space) != DX_OK) {
        dx_space_destroy(context, space);
        *out = NULL;
        return DX_E_NO_MEMORY;
    }
    return DX_OK;
}

void dx_space_trim(dx_space *space) {
    dx_parents_destroy(space->parents, space->alloc);
    space->parents = NULL;
    dx_buf *scratch[] = {&space->block, &space->plain, &space->state};
    for (size_t i = 0; i < sizeof scratch / sizeof scratch[0]; i++) {
        if (scratch[i]->capacity > DX_SPACE_SCRATCH_KEPT_MAX) {
            size_t max = scratch[i]->max;
            dx_buf_deinit(scratch[i]);
            dx_buf_init(scratch[i], space->alloc, max);
        }
    }
}

void dx_space_destroy(dx_context *context, dx_space *space) {
    if (space == NULL) {
        return;
    }
    for (size_t i = 0; i < space->feed_count; i++) {
        dx_feed_deinit(&space->feeds[i]);
    }
    dx_alloc_free(context->alloc, space->feeds, space->feed_capacity * sizeof *space->feeds);
    if (space->control != NULL) {
        dx_control_destroy(space->control);
    }
    dx_entity_rows_destroy(space->alloc, space->unwritten);
    dx_placed_rows_destroy(space->placed);
    dx_touch_batch_destroy(space);
    dx_base_destroy(space->alloc, space->base);
    dx_types_deinit(&space->types, context->alloc);
    dx_indexes_destroy(space->indexes, context->alloc);
    dx_adjacency_destroy(space->adjacency);
    if (space->scope != NULL) {
        dx_space_scope_deinit(space->scope);
        dx_alloc_free(context->alloc, space->scope, sizeof *space->scope);
    }
    dx_parents_destroy(space->parents, space->alloc);
    dx_purging_deinit(space);
    dx_schemas_deinit(&space->schemas, context->alloc);
    dx_arena_deinit(&space->arena);
    dx_buf_deinit(&space->block);
    dx_buf_deinit(&space->plain);
    dx_buf_deinit(&space->state);
    dx_wipe(space, sizeof *space);
    dx_alloc_free(context->alloc, space, sizeof *space);
}

typedef struct load_state {
    dx_context *context;
    dx_space *space;
} load_state;

/* An own feed is signed, and everything in it was applied: both happen in the transaction that appends. */
static int check_own(const dx_feed *feed) {
    return !feed->own || (feed->head.length == feed->length && feed->reached == feed->length) ? DX_OK
                                                                                              : DX_E_CORRUPT;
}

/* And is again, unless a fork that was heard of since keeps it from that. */
static int check_replayed(const dx_space *space) {
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->own && !feed->frozen && feed->applied != feed->length) {
            return DX_E_CORRUPT;
        }
    }
    return DX_OK;
}

static int load_feed(void *ctx, int64_t local) {
    const load_state *state = ctx;
    dx_space *space = state->space;
    int error = dx_space_reserve_feed(space);
    if (error == DX_OK) {
        error = dx_feed_load(state->context->store, space->alloc, space->id, local,
                             &space->feeds[space->feed_count]);
    }
    return error != DX_OK ? error : check_own(&space->feeds[space->feed_count++]);
}

static int load_row(dx_context *context, int64_t local, dx_space **out) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT space_id, own_control, own_data, refused, referred FROM space "
                                       "WHERE id = ?1 AND forgotten = 0");
    dx_bind_int(select, 1, local);
    if (!dx_step(context->store, select)) {
        int error = dx_store_error(context->store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    dx_bytes id = dx_column_bytes(select, 0);
    int error = id.size == DX_HASH_SIZE ? dx_space_allocate(context, local, id.data, out) : DX_E_CORRUPT;
    if (error == DX_OK) {
        (*out)->own_control = dx_column_int(select, 1);
        (*out)->own_data = dx_column_int(select, 2);
        (*out)->refused = (uint64_t)dx_column_int(select, 3);
        (*out)->referred = dx_column_int(select, 4) != 0;
    }
    dx_step_reset(select);
    return error;
}

static bool is_known_feed(dx_space *space, int64_t local, dx_feed_class feed_class) {
    const dx_feed *feed = local == 0 ? NULL : dx_space_feed(space, local);
    return local == 0 || (feed != NULL && feed->identity.feed_class == feed_class);
}

int dx_space_load(dx_context *context, int64_t local, dx_space **out) {
    *out = NULL;
    dx_space *space = NULL;
    int error = load_row(context, local, &space);
    if (error == DX_OK) {
        error = dx_control_load(context->store, context->alloc, local, space->id, &space->control);
    }
    if (error == DX_OK) {
        load_state state = {.context = context, .space = space};
        error = dx_feed_each(context->store, local, load_feed, &state);
    }
    if (error == DX_OK && (!is_known_feed(space, space->own_control, DX_FEED_CONTROL) ||
                           !is_known_feed(space, space->own_data, DX_FEED_DATA) ||
                           !dx_control_discovery(space->control, space->discovery))) {
        error = DX_E_CORRUPT;
    }
    if (error == DX_OK) {
        error = dx_base_load(context, space);
    }
    if (error == DX_OK) {
        error = dx_hidden_load(context, space);
    }
    if (error == DX_OK) {
        error = dx_space_scope_load(context, space);
    }
    if (error == DX_OK) {
        error = dx_space_take_keys(context, space);
    }
    if (error == DX_OK) {
        dx_floor_agree(space);
        error = dx_pipeline_replay(context, space);
    }
    if (error == DX_OK) {
        error = check_replayed(space);
    }
    if (error != DX_OK) {
        dx_space_destroy(context, space);
        return error;
    }
    dx_space_count_blocked(space);
    space->busy = space->blocked != 0 || space->keys_left;
    *out = space;
    return DX_OK;
}

int dx_space_find(dx_context *context, const uint8_t id[static DX_HASH_SIZE], int64_t *local) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT id FROM space WHERE space_id = ?1 AND forgotten = 0");
    dx_bind_bytes(select, 1, dx_bytes_of(id, DX_HASH_SIZE));
    bool found = dx_step(context->store, select);
    *local = found ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    int error = dx_store_error(context->store);
    return error != DX_OK ? error : found ? DX_OK : DX_E_NOT_FOUND;
}

int dx_space_each(dx_context *context, int (*on_space)(void *ctx, int64_t local), void *ctx) {
    int error = DX_OK;
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT id FROM space WHERE forgotten = 0 ORDER BY id");
    while (error == DX_OK && dx_step(context->store, select)) {
        error = on_space(ctx, dx_column_int(select, 0));
    }
    dx_step_reset(select);
    return error != DX_OK ? error : dx_store_error(context->store);
}

/* --- Feeds ----------------------------------------------------------------------------------- */

int dx_space_reserve_feed(dx_space *space) {
    if (space->feed_count < space->feed_capacity) {
        return DX_OK;
    }
    size_t capacity = space->feed_capacity == 0 ? FEEDS_CAPACITY_MIN : 2 * space->feed_capacity;
    dx_feed *feeds = dx_alloc_grow(space->alloc, space->feeds, space->feed_capacity * sizeof *feeds,
                                   capacity * sizeof *feeds);
    if (feeds == NULL) {
        return DX_E_NO_MEMORY;
    }
    space->feeds = feeds;
    space->feed_capacity = capacity;
    return DX_OK;
}

dx_feed *dx_space_feed(dx_space *space, int64_t local) {
    size_t low = 0, high = space->feed_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (space->feeds[middle].local < local) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < space->feed_count && space->feeds[low].local == local ? &space->feeds[low] : NULL;
}

dx_feed *dx_space_feed_by_id(dx_space *space, const uint8_t feed_id[static DX_HASH_SIZE]) {
    dx_feed *feed = dx_space_feed_by_prefix(space, feed_id);
    return feed != NULL && memcmp(feed->id, feed_id, DX_HASH_SIZE) == 0 ? feed : NULL;
}

dx_feed *dx_space_feed_by_prefix(dx_space *space, const uint8_t prefix[static DX_PREFIX_SIZE]) {
    for (size_t i = 0; i < space->feed_count; i++) {
        if (memcmp(space->feeds[i].id, prefix, DX_PREFIX_SIZE) == 0) {
            return &space->feeds[i];
        }
    }
    return NULL;
}

/* Registers the feed and puts it in its place by local number. */
int dx_space_make_feed(dx_context *context, dx_space *space, const dx_feed_identity *identity, bool own,
                       dx_feed **out) {
    size_t most = own ? DX_SPACE_FEEDS_MAX : DX_SPACE_FEEDS_MAX - DX_SPACE_FEEDS_KEPT;
    if (space->feed_count >= most) {
        return DX_E_LIMIT;
    }
    int error = dx_space_reserve_feed(space);
    dx_feed feed;
    if (error == DX_OK) {
        error = dx_feed_create(context->store, space->alloc, space->local, identity, own, &feed);
    }
    if (error != DX_OK) {
        return error;
    }
    size_t at = space->feed_count++;
    for (; at > 0 && space->feeds[at - 1].local > feed.local; at--) {
        space->feeds[at] = space->feeds[at - 1];
    }
    space->feeds[at] = feed;
    *out = &space->feeds[at];
    return DX_OK;
}

int dx_space_add_feed(dx_context *context, dx_space *space, const dx_feed_identity *identity, dx_feed **out) {
    uint8_t id[DX_HASH_SIZE];
    if (memcmp(identity->space_id, space->id, sizeof space->id) != 0) {
        return DX_E_INVALID;
    }
    dx_feed_id(identity, id);
    *out = dx_space_feed_by_id(space, id);
    if (*out != NULL) {
        return DX_OK;
    }
    if (identity->feed_class == DX_FEED_DATA && dx_control_find_feed(space->control, id) == NULL) {
        return DX_E_UNAUTHORIZED;
    }
    return dx_space_make_feed(context, space, identity, false, out);
}

uint64_t dx_feed_usable(const dx_feed *feed) {
    uint64_t limit = dx_feed_limit(feed);
    limit = limit < feed->until ? limit : feed->until;
    return feed->length < limit ? feed->length : limit;
}

void dx_space_count_blocked(dx_space *space) {
    space->blocked = 0;
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        uint64_t usable = dx_feed_usable(feed);
        space->blocked += usable > feed->applied ? usable - feed->applied : 0;
    }
}

static int load_sign_keys(dx_context *context, dx_space *space) {
    int error = DX_OK;
    if (space->sign_keys_loaded) {
        return DX_OK;
    }
    const dx_feed *control = dx_space_feed(space, space->own_control);
    const dx_feed *data = dx_space_feed(space, space->own_data);
    if (control != NULL) {
        error = dx_keyring_sign_key(context->store, control->identity.key, &space->control_key);
    }
    if (error == DX_OK && data != NULL) {
        error = dx_keyring_sign_key(context->store, data->identity.key, &space->data_key);
    }
    space->sign_keys_loaded = error == DX_OK;
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

int dx_space_sign_heads(dx_context *context, dx_space *space) {
    dx_feed *feeds[] = {dx_space_feed(space, space->own_control), dx_space_feed(space, space->own_data)};
    const dx_sign_key *keys[] = {&space->control_key, &space->data_key};
    for (size_t i = 0; i < 2; i++) {
        if (feeds[i] == NULL || !feeds[i]->own || !feeds[i]->unsigned_tail) {
            continue;
        }
        int error = load_sign_keys(context, space);
        if (error == DX_OK) {
            error = dx_feed_sign(feeds[i], context->store, keys[i]);
        }
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

/* --- Keys ------------------------------------------------------------------------------------ */

int dx_space_key(dx_context *context, dx_space *space, uint64_t epoch, uint8_t out[static DX_KEY_SIZE]) {
    dx_space_epoch_key *cached = &space->keys[epoch % DX_KEYS_CACHED];
    memset(out, 0, DX_KEY_SIZE);
    if (!cached->present || cached->epoch != epoch) {
        sqlite3_stmt *select =
            dx_store_query(context->store, "SELECT key FROM space_key WHERE space = ?1 AND epoch = ?2");
        dx_bind_int(select, 1, space->local);
        dx_bind_int(select, 2, (int64_t)epoch);
        if (!dx_step(context->store, select)) {
            int error = dx_store_error(context->store);
            return error != DX_OK ? error : DX_E_NOT_FOUND;
        }
        dx_bytes key = dx_column_bytes(select, 0);
        if (key.size == DX_KEY_SIZE) {
            *cached = (dx_space_epoch_key){.epoch = epoch, .present = true};
            memcpy(cached->key, key.data, sizeof cached->key);
        }
        size_t size = key.size;
        dx_step_reset(select);
        if (size != DX_KEY_SIZE) {
            return DX_E_CORRUPT;
        }
    }
    memcpy(out, cached->key, DX_KEY_SIZE);
    return DX_OK;
}

int dx_space_store_key(dx_context *context, dx_space *space, uint64_t epoch,
                       const uint8_t key[static DX_KEY_SIZE]) {
    sqlite3_stmt *insert =
        dx_store_query(context->store, "INSERT INTO space_key(space, epoch, key) VALUES(?1, ?2, ?3)");
    dx_bind_int(insert, 1, space->local);
    dx_bind_int(insert, 2, (int64_t)epoch);
    dx_bind_bytes(insert, 3, dx_bytes_of(key, DX_KEY_SIZE));
    return dx_step_done(context->store, insert);
}

static int take_key(dx_context *context, dx_space *space, uint64_t epoch) {
    uint8_t key[DX_KEY_SIZE];
    const dx_identity *identity = context->identity;
    int error = dx_space_key(context, space, epoch, key);
    if (error == DX_E_NOT_FOUND) {
        error = dx_control_open_key(space->control, epoch, identity->device, identity->noise_secret,
                                    &space->tries_left, key);
        if (error == DX_OK) {
            error = dx_space_store_key(context, space, epoch, key);
        }
    }
    dx_wipe(key, sizeof key);
    space->keys_left = space->keys_left || error == DX_E_LIMIT;
    return error == DX_E_NOT_FOUND || error == DX_E_LIMIT ? DX_OK : error;
}

int dx_space_take_keys(dx_context *context, dx_space *space) {
    uint8_t commitment[DX_HASH_SIZE];
    const uint8_t none[DX_HASH_SIZE] = {0};
    space->key_epoch = dx_control_key_epoch(space->control, commitment);
    space->keys_left = false;
    if (!context->identity->present || memcmp(commitment, none, sizeof none) == 0) {
        return DX_OK;
    }
    int error = DX_OK;
    for (uint64_t epoch = space->key_epoch + 1; epoch > 0 && error == DX_OK; epoch--) {
        error = take_key(context, space, epoch - 1); /* the newest first: by it this device writes */
    }
    return error;
}

/* --- What people see ------------------------------------------------------------------------- */

int dx_space_count(dx_context *context, dx_space *space, int64_t *objects, int64_t *links) {
    *objects = *links = 0;
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT kind, live, name GLOB 'dx.*' FROM type "
                                                          "WHERE space = ?1 AND kind <> ?2");
    dx_bind_int(select, 1, space->local);
    dx_bind_int(select, 2, DX_TYPE_MODEL);
    while (dx_step(context->store, select)) {
        if (dx_column_int(select, 0) == DX_TYPE_LINK) {
            *links += dx_column_int(select, 1);
        } else if (dx_column_int(select, 2) == 0) {
            *objects += dx_column_int(select, 1);
        }
    }
    int error = dx_store_error(context->store);
    return error == DX_OK ? dx_entity_rows_count(context, space, objects, links) : error;
}
