/* echo/provenance.c: see provenance.h.
 *
 * Layer: floor 1, echo. */
#include "echo/provenance.h"

#include <string.h>

#include "echo/reduce.h"
#include "echo/remake.h"
#include "echo/snapshot_item.h"
#include "feed/head.h"

static const char form[] = "dx/provenance/1";
static const uint64_t counter_max = (uint64_t)1
                                    << 62; /* what is added to a stamp's counter stays in 63 bits */

/* The feeds of a provenance by their prefixes, in its order. */
typedef struct feed_list {
    uint8_t prefixes[DX_PROVENANCE_FEEDS_MAX][DX_PREFIX_SIZE];
    size_t count;
} feed_list;

/* --- Reading -------------------------------------------------------------------------------------- */

dx_provenance dx_provenance_none(const dx_stamp *made) {
    return (dx_provenance){.made = *made, .created = *made};
}

bool dx_provenance_brings(dx_bytes model) {
    return !dx_snapshot_keeps_state(model);
}

bool dx_provenance_is(dx_bytes model, dx_bytes operation) {
    dx_reader in;
    if (!dx_provenance_brings(model) || operation.size == 0 || dx_item_kind(operation) != DX_KIND_ARRAY) {
        return false;
    }
    dx_reader_init(&in, operation);
    return dx_read_array(&in) == 4 && dx_reader_peek(&in) == DX_KIND_TEXT &&
           dx_bytes_equal(dx_read_text(&in), dx_bytes_text(form));
}

static void read_stamp(dx_reader *in, const feed_list *feeds, dx_stamp *out) {
    out->counter = dx_read_uint_max(in, counter_max);
    uint64_t feed = dx_read_uint(in);
    if (out->counter == 0 || feed >= feeds->count) {
        dx_reader_fail(in);
        memset(out, 0, sizeof *out);
        return;
    }
    memcpy(out->feed, feeds->prefixes[feed], sizeof out->feed);
}

/* Another space's, so that its id cannot be one of this space's. */
static void read_feed(dx_reader *in, const uint8_t *space_id, uint8_t prefix[static DX_PREFIX_SIZE]) {
    uint8_t id[DX_HASH_SIZE];
    dx_feed_identity identity = {.feed_class = DX_FEED_DATA};
    if (dx_read_array(in) != 3) {
        dx_reader_fail(in);
    }
    dx_read_bytes_exact(in, identity.space_id, sizeof identity.space_id);
    dx_read_bytes_exact(in, identity.device, sizeof identity.device);
    dx_read_bytes_exact(in, identity.key, sizeof identity.key);
    if (space_id != NULL && memcmp(identity.space_id, space_id, sizeof identity.space_id) == 0) {
        dx_reader_fail(in);
    }
    dx_feed_id(&identity, id);
    memcpy(prefix, id, DX_PREFIX_SIZE);
}

typedef struct listing {
    feed_list feeds;
    dx_bytes feed_items; /* as they stand there */
    dx_stamp created;
    dx_reader operations; /* at the first */
    size_t count;
} listing;

/* As far as the operations. space_id NULL: what is here was looked at when it came. */
static int read_listing(dx_bytes operation, const uint8_t *space_id, listing *out) {
    dx_reader in, created, feeds;
    *out = (listing){.count = 0};
    dx_reader_init(&in, operation);
    (void)dx_read_array(&in);
    (void)dx_read_text(&in);
    dx_bytes created_item = dx_read_item(&in);
    out->feed_items = dx_read_item(&in);
    if (in.error != DX_OK) {
        return DX_E_MALFORMED;
    }
    dx_reader_init(&feeds, out->feed_items);
    out->feeds.count = dx_read_array(&feeds);
    if (out->feeds.count > DX_PROVENANCE_FEEDS_MAX) {
        return DX_E_MALFORMED;
    }
    for (size_t i = 0; i < out->feeds.count; i++) {
        read_feed(&feeds, space_id, out->feeds.prefixes[i]);
    }
    dx_reader_init(&created, created_item);
    if (dx_read_array(&created) != 2) {
        dx_reader_fail(&created);
    }
    read_stamp(&created, &out->feeds, &out->created);
    out->count = dx_read_array(&in);
    out->operations = in;
    bool sound =
        dx_reader_finish(&feeds) == DX_OK && dx_reader_finish(&created) == DX_OK && in.error == DX_OK;
    return sound ? DX_OK : DX_E_MALFORMED;
}

static dx_bytes next_operation(listing *list, dx_stamp *stamp) {
    if (dx_read_array(&list->operations) != 3) {
        dx_reader_fail(&list->operations);
    }
    read_stamp(&list->operations, &list->feeds, stamp);
    return dx_read_item(&list->operations);
}

int dx_provenance_decode(dx_bytes operation, const uint8_t space_id[static DX_HASH_SIZE],
                         const dx_stamp *made, dx_provenance *out) {
    listing list;
    dx_stamp before, stamp;
    if (operation.size > DX_PROVENANCE_SIZE_MAX) {
        return DX_E_MALFORMED;
    }
    int error = read_listing(operation, space_id, &list);
    before = list.created;
    for (size_t i = 0; i < list.count && error == DX_OK; i++) {
        (void)next_operation(&list, &stamp);
        int order = dx_stamp_compare(&before, &stamp);
        bool ascends = order < 0 || (i == 0 && order == 0);
        error = list.operations.error == DX_OK && ascends ? DX_OK : DX_E_MALFORMED;
        before = stamp;
    }
    if (error != DX_OK || dx_reader_finish(&list.operations) != DX_OK) {
        return DX_E_MALFORMED;
    }
    *out = (dx_provenance){.made = *made, .created = list.created, .floor = before.counter};
    return DX_OK;
}

/* --- Beside the row ------------------------------------------------------------------------------- */

static int stamp_of_key(dx_space *space, int64_t key, uint64_t counter, dx_stamp *out) {
    const dx_feed *maker = dx_space_feed(space, dx_entity_key_feed(key));
    if (maker == NULL) {
        return DX_E_CORRUPT;
    }
    out->counter = counter;
    memcpy(out->feed, maker->id, sizeof out->feed);
    return DX_OK;
}

int dx_provenance_find(dx_context *context, dx_space *space, int64_t key, uint64_t counter,
                       const dx_model *model, dx_provenance *out) {
    dx_stamp made;
    int error = stamp_of_key(space, key, counter, &made);
    if (error != DX_OK) {
        return error;
    }
    *out = dx_provenance_none(&made);
    if (!dx_provenance_brings(dx_bytes_text(model->name))) {
        return DX_OK;
    }
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT counter, feed, floor FROM provenance WHERE entity = ?1");
    dx_bind_int(select, 1, key);
    bool found = dx_step(context->store, select);
    dx_bytes feed = found ? dx_column_bytes(select, 1) : (dx_bytes){0};
    if (found && feed.size == sizeof out->created.feed) {
        out->created.counter = (uint64_t)dx_column_int(select, 0);
        out->floor = (uint64_t)dx_column_int(select, 2);
        memcpy(out->created.feed, feed.data, feed.size);
    } else if (found) {
        error = DX_E_CORRUPT;
    } else {
        error = dx_store_error(context->store);
    }
    dx_step_reset(select);
    return error;
}

int dx_provenance_keep(dx_context *context, int64_t key, const dx_provenance *provenance) {
    sqlite3_stmt *insert = dx_store_query(
        context->store,
        "INSERT OR REPLACE INTO provenance(entity, counter, feed, floor) VALUES(?1, ?2, ?3, ?4)");
    dx_bind_int(insert, 1, key);
    dx_bind_int(insert, 2, (int64_t)provenance->created.counter);
    dx_bind_bytes(insert, 3, dx_bytes_of(provenance->created.feed, sizeof provenance->created.feed));
    dx_bind_int(insert, 4, (int64_t)provenance->floor);
    return dx_step_done(context->store, insert);
}

/* The first of a list of operations; size 0: there is none. */
static dx_bytes first_listed(dx_bytes listed) {
    dx_reader in;
    dx_reader_init(&in, listed);
    if (listed.size == 0 || dx_read_array(&in) == 0 || dx_read_array(&in) != 3) {
        return (dx_bytes){0};
    }
    (void)dx_read_item(&in);
    (void)dx_read_item(&in);
    dx_bytes operation = dx_read_item(&in);
    return in.error == DX_OK ? operation : (dx_bytes){0};
}

static int name_of_model(dx_context *context, dx_space *space, const dx_entity_row *row, dx_bytes *name) {
    dx_type *type;
    int error = dx_type_read(context, space, row->model < 0 ? -row->model : row->model, &type);
    *name = error == DX_OK ? dx_bytes_of(type->name, type->size) : (dx_bytes){0};
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

int dx_provenance_keep_listed(dx_context *context, dx_space *space, const dx_entity_row *row) {
    dx_bytes operation = row->model < 0 ? first_listed(row->state) : (dx_bytes){0}, name;
    dx_provenance provenance;
    dx_stamp made;
    if (operation.size == 0) {
        return DX_OK;
    }
    int error = name_of_model(context, space, row, &name);
    if (error != DX_OK || !dx_provenance_is(name, operation)) {
        return error;
    }
    error = stamp_of_key(space, row->key, (uint64_t)row->created, &made);
    if (error == DX_OK && dx_provenance_decode(operation, space->id, &made, &provenance) == DX_OK) {
        error = dx_provenance_keep(context, row->key, &provenance);
    }
    return error;
}

int dx_provenance_forget(dx_context *context, int64_t key) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM provenance WHERE entity = ?1");
    dx_bind_int(remove, 1, key);
    return dx_step_done(context->store, remove);
}

/* --- Applying ------------------------------------------------------------------------------------- */

dx_stamp dx_provenance_stamp(const dx_provenance *provenance, const dx_stamp *stamp) {
    dx_stamp told = *stamp;
    told.counter += provenance->floor;
    return told;
}

static int apply_all(const dx_model *model, void *state, dx_bytes operation) {
    listing list;
    dx_stamp stamp;
    bool any = false;
    int error = read_listing(operation, NULL, &list);
    for (size_t i = 0; i < list.count && error == DX_OK; i++) {
        dx_bytes one = next_operation(&list, &stamp);
        error = list.operations.error != DX_OK ? DX_E_MALFORMED : model->apply(state, one, &stamp);
        any = any || error == DX_OK;
        error = error == DX_E_MALFORMED || error == DX_E_LIMIT ? list.operations.error : error;
    }
    return error != DX_OK || any || list.count == 0 ? error : DX_E_MALFORMED;
}

int dx_provenance_apply(const dx_provenance *provenance, const dx_model *model, void *state,
                        dx_bytes operation, const dx_stamp *stamp) {
    if (provenance->floor == 0) {
        return model->apply(state, operation, stamp);
    }
    if (dx_stamp_compare(stamp, &provenance->made) == 0) {
        return apply_all(model, state, operation);
    }
    const dx_stamp told = dx_provenance_stamp(provenance, stamp);
    return model->apply(state, operation, &told);
}

/* --- Writing -------------------------------------------------------------------------------------- */

typedef struct draft {
    dx_space *space;
    feed_list feeds;
    size_t count; /* of operations */
    dx_buf feed_items, operations;
    dx_writer feed_writer, writer;
} draft;

static int number_of_feed(draft *self, const uint8_t prefix[static DX_PREFIX_SIZE], size_t *number) {
    size_t at = 0;
    while (at < self->feeds.count && memcmp(self->feeds.prefixes[at], prefix, DX_PREFIX_SIZE) != 0) {
        at++;
    }
    *number = at;
    if (at < self->feeds.count) {
        return DX_OK;
    }
    const dx_feed *feed = dx_space_feed_by_prefix(self->space, prefix);
    if (feed == NULL || at == DX_PROVENANCE_FEEDS_MAX) {
        return feed == NULL ? DX_E_CORRUPT : DX_E_LIMIT;
    }
    const dx_feed_identity *identity = &feed->identity;
    memcpy(self->feeds.prefixes[self->feeds.count++], prefix, DX_PREFIX_SIZE);
    dx_write_array(&self->feed_writer, 3);
    dx_write_bytes(&self->feed_writer, dx_bytes_of(identity->space_id, sizeof identity->space_id));
    dx_write_bytes(&self->feed_writer, dx_bytes_of(identity->device, sizeof identity->device));
    dx_write_bytes(&self->feed_writer, dx_bytes_of(identity->key, sizeof identity->key));
    return dx_buf_error(&self->feed_items);
}

static int write_operation(draft *self, const dx_stamp *stamp, dx_bytes operation) {
    size_t feed;
    int error = number_of_feed(self, stamp->feed, &feed);
    if (error == DX_OK) {
        dx_write_array(&self->writer, 3);
        dx_write_uint(&self->writer, stamp->counter);
        dx_write_uint(&self->writer, feed);
        dx_write_item(&self->writer, operation);
        self->count++;
        error = dx_buf_error(&self->operations);
    }
    return error;
}

/* Goes on with what the object brought here itself. */
static int write_earlier(draft *self, dx_bytes operation) {
    listing list;
    dx_stamp stamp;
    int error = read_listing(operation, NULL, &list);
    if (error != DX_OK) {
        return DX_E_CORRUPT;
    }
    dx_reader feeds;
    dx_reader_init(&feeds, list.feed_items);
    (void)dx_read_array(&feeds);
    self->feeds = list.feeds;
    for (size_t i = 0; i < list.feeds.count; i++) {
        dx_write_item(&self->feed_writer, dx_read_item(&feeds));
    }
    for (size_t i = 0; i < list.count && error == DX_OK; i++) {
        dx_bytes one = next_operation(&list, &stamp);
        error = list.operations.error != DX_OK ? DX_E_CORRUPT : write_operation(self, &stamp, one);
    }
    return error;
}

static int write_listed(draft *self, dx_bytes listed, dx_provenance *provenance, dx_bytes model) {
    dx_reader in;
    int error = DX_OK;
    dx_reader_init(&in, listed);
    size_t count = listed.size == 0 ? 0 : dx_read_array(&in);
    dx_bytes first = first_listed(listed);
    bool came = first.size != 0 && dx_provenance_is(model, first) &&
                dx_provenance_decode(first, self->space->id, &provenance->made, provenance) == DX_OK;
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        dx_stamp stamp;
        if (dx_read_array(&in) != 3) {
            dx_reader_fail(&in);
        }
        stamp.counter = dx_read_uint(&in);
        dx_read_bytes_exact(&in, stamp.feed, sizeof stamp.feed);
        dx_bytes operation = dx_read_item(&in);
        if (in.error == DX_OK && came && i == 0) {
            error = write_earlier(self, operation);
        } else if (in.error == DX_OK) {
            stamp = dx_provenance_stamp(provenance, &stamp);
            error = write_operation(self, &stamp, operation);
        }
    }
    return error != DX_OK ? error : listed.size == 0 || dx_reader_finish(&in) == DX_OK ? DX_OK : DX_E_CORRUPT;
}

/* Of items that stand one behind another. */
static void write_array(dx_writer *out, size_t count, const dx_buf *items) {
    dx_reader in;
    dx_reader_init(&in, dx_buf_view(items));
    dx_write_array(out, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_item(out, dx_read_item(&in));
    }
}

static int write_draft(draft *self, dx_bytes listed, dx_provenance *provenance, dx_bytes model, dx_buf *out) {
    dx_writer writer;
    size_t feed = 0;
    int error = write_listed(self, listed, provenance, model);
    error = error == DX_OK ? number_of_feed(self, provenance->created.feed, &feed) : error;
    if (error != DX_OK) {
        return error;
    }
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 4);
    dx_write_text(&writer, form);
    dx_write_array(&writer, 2);
    dx_write_uint(&writer, provenance->created.counter);
    dx_write_uint(&writer, feed);
    write_array(&writer, self->feeds.count, &self->feed_items);
    write_array(&writer, self->count, &self->operations);
    return dx_writer_finish(&writer);
}

int dx_provenance_write(dx_context *context, dx_space *space, int64_t key, dx_buf *out) {
    const dx_scope everything = {.point = NULL};
    draft self = {.space = space};
    dx_provenance provenance;
    dx_stamp made;
    dx_bytes model;
    dx_buf listed;
    dx_buf_init(&listed, context->alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&self.feed_items, context->alloc, DX_PROVENANCE_SIZE_MAX);
    dx_buf_init(&self.operations, context->alloc, DX_PROVENANCE_SIZE_MAX);
    dx_writer_init(&self.feed_writer, &self.feed_items);
    dx_writer_init(&self.writer, &self.operations);
    dx_aside aside = {.state = &listed, .lists = true};
    int error = dx_remake(context, space, key, &everything, &aside);
    error = error == DX_OK ? name_of_model(context, space, &aside.row, &model) : error;
    if (error == DX_OK && !dx_provenance_brings(model)) {
        error = DX_E_UNSUPPORTED;
    }
    error = error == DX_OK ? stamp_of_key(space, key, (uint64_t)aside.row.created, &made) : error;
    if (error == DX_OK) {
        provenance = dx_provenance_none(&made);
        error = write_draft(&self, aside.row.state, &provenance, model, out);
    }
    dx_buf_deinit(&listed);
    dx_buf_deinit(&self.feed_items);
    dx_buf_deinit(&self.operations);
    return error;
}
