/* echo/mutation.c: what a person does becomes blocks of the own data feed.
 *
 * Layer: floor 1, echo. Contract in mutation.h, section form in section.h. Entities are made in
 * mutation_create.c and edited in mutation_edit.c. Everything is checked when it is added, by the rules that
 * replicas apply. */
#include "echo/mutation_state.h"

#include <string.h>

#include "echo/base.h"
#include "echo/entity_row.h"
#include "echo/hierarchy.h"
#include "echo/name.h"
#include "echo/own_feed.h"
#include "echo/pipeline.h"

enum {
    DEPENDENCY_SIZE = 48, /* one encoded entry of a block's header */
    HEADER_FRAME_SIZE = 128,
    TABLE_SIZE_MIN = 64 /* slots; a power of two */
};

/* --- Life ------------------------------------------------------------------------------------ */

int dx_transaction_begin(dx_context *context, dx_space *space, dx_transaction **out) {
    *out = NULL;
    int error = dx_space_make_data_feed(context, space);
    if (error != DX_OK) {
        return error;
    }
    const dx_feed *feed = space->own_data == 0 ? NULL : dx_space_feed(space, space->own_data);
    if (feed == NULL || !feed->own || feed->frozen ||
        dx_control_authorize(space->control, feed->id) != DX_OK) {
        return DX_E_DENIED;
    }
    if (space->base->stage == DX_EPOCH_UNPACKING) {
        return DX_E_STATE; /* rows are being made of what was loaded, soon */
    }
    uint8_t key[DX_KEY_SIZE];
    error = dx_space_key(context, space, space->key_epoch, key);
    dx_wipe(key, sizeof key);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_STATE : error;
    }
    DX_ASSERT(feed->applied == feed->length);
    dx_transaction *transaction = dx_alloc_take_zeroed(context->alloc, sizeof *transaction);
    if (transaction == NULL) {
        return DX_E_NO_MEMORY;
    }
    transaction->context = context;
    transaction->space = space;
    transaction->feed = feed->local;
    transaction->base = feed->length;
    transaction->part_max = DX_BLOCK_SIZE_MAX - HEADER_FRAME_SIZE - DEPENDENCY_SIZE * space->feed_count;
    dx_part_init(&transaction->part, context->alloc, DX_TRANSACTION_SIZE_MAX);
    dx_buf_init(&transaction->sections, context->alloc, DX_TRANSACTION_SIZE_MAX);
    dx_object_editor_init(&transaction->editor, context->alloc);
    dx_buf_init(&transaction->edited_path, context->alloc, DX_OBJECT_PATH_SIZE_MAX);
    *out = transaction;
    return DX_OK;
}

void dx_transaction_abort(dx_transaction *transaction) {
    const dx_alloc *alloc = transaction->context->alloc;
    dx_part_deinit(&transaction->part);
    dx_buf_deinit(&transaction->sections);
    dx_buf_deinit(&transaction->edited_path);
    dx_object_editor_deinit(&transaction->editor);
    dx_alloc_free(alloc, transaction->table, transaction->table_size * sizeof *transaction->table);
    dx_alloc_free(alloc, transaction, sizeof *transaction);
}

/* --- Parts ----------------------------------------------------------------------------------- */

int dx_transaction_close_part(dx_transaction *transaction) {
    if (transaction->part.created.count + transaction->part.changed.count == 0) {
        return DX_OK;
    }
    if (transaction->closed == DX_TRANSACTION_BLOCKS_MAX) {
        return DX_E_LIMIT;
    }
    size_t written;
    int error =
        dx_part_write(&transaction->part, &transaction->space->state, &transaction->sections, &written);
    if (error != DX_OK) {
        return error;
    }
    if (written != 0) {
        transaction->parts[transaction->closed].sections = written;
        transaction->parts[transaction->closed].created = transaction->part.created.count;
        transaction->closed++;
    }
    dx_part_clear(&transaction->part);
    transaction->items = 0;
    return DX_OK;
}

int dx_transaction_reserve(dx_transaction *transaction, size_t content_size) {
    const dx_part *part = &transaction->part;
    size_t size = dx_part_section_size(content_size);
    if (content_size > transaction->part_max || size > transaction->part_max) {
        return DX_E_LIMIT;
    }
    bool full = part->size + size > transaction->part_max ||
                part->created.count + part->changed.count == DX_BLOCK_SECTIONS_MAX;
    return full ? dx_transaction_close_part(transaction) : DX_OK;
}

/* --- Places ---------------------------------------------------------------------------------- */

dx_place dx_transaction_place(const dx_transaction *transaction, int64_t key) {
    dx_place place = {.form = DX_PLACE_NONE};
    if (key == 0) {
        return place;
    }
    int64_t local = dx_entity_key_feed(key);
    place.seq = dx_entity_key_seq(key);
    place.index = dx_entity_key_index(key);
    if (local != transaction->feed) {
        const dx_feed *feed = dx_space_feed(transaction->space, local);
        DX_ASSERT(feed != NULL);
        place.form = DX_PLACE_FEED;
        memcpy(place.feed, feed->id, sizeof place.feed);
    } else if (place.seq == transaction->base + transaction->closed) {
        place.form = DX_PLACE_BLOCK;
        place.seq = 0;
    } else {
        place.form = DX_PLACE_OWN;
    }
    return place;
}

bool dx_transaction_made(const dx_transaction *transaction, int64_t key) {
    uint64_t seq = dx_entity_key_seq(key);
    if (dx_entity_key_feed(key) != transaction->feed || seq < transaction->base ||
        seq > transaction->base + transaction->closed) {
        return false;
    }
    size_t part = (size_t)(seq - transaction->base);
    size_t created =
        part == transaction->closed ? transaction->part.created.count : transaction->parts[part].created;
    return dx_entity_key_index(key) < created;
}

int dx_transaction_check_exists(const dx_transaction *transaction, int64_t key) {
    if (dx_transaction_made(transaction, key)) {
        return DX_OK;
    }
    const dx_feed *maker = key <= 0 ? NULL : dx_space_feed(transaction->space, dx_entity_key_feed(key));
    if (maker == NULL) {
        return DX_E_NOT_FOUND;
    }
    int error = dx_entity_row_find(transaction->context, transaction->space, key);
    bool declared = maker->local == transaction->feed || dx_entity_key_seq(key) < maker->applied ||
                    dx_entity_key_seq(key) < maker->kept;
    return error == DX_OK && !declared ? DX_E_STATE : error;
}

/* --- What was touched ------------------------------------------------------------------------ */

/* The slot of a key, or the free one where it belongs. The order of slots reaches nothing. */
static dx_touched_entity *find_slot(dx_touched_entity *table, size_t size, int64_t key) {
    size_t at = (size_t)((uint64_t)key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (size - 1);
    while (table[at].key != 0 && table[at].key != key) {
        at = (at + 1) & (size - 1);
    }
    return &table[at];
}

static int grow_table(dx_transaction *transaction) {
    const dx_alloc *alloc = transaction->context->alloc;
    size_t size = transaction->table_size == 0 ? TABLE_SIZE_MIN : 2 * transaction->table_size;
    dx_touched_entity *table = dx_alloc_take_zeroed(alloc, size * sizeof *table);
    if (table == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < transaction->table_size; i++) {
        const dx_touched_entity *entry = &transaction->table[i];
        if (entry->key != 0) {
            *find_slot(table, size, entry->key) = *entry;
        }
    }
    dx_alloc_free(alloc, transaction->table, transaction->table_size * sizeof *table);
    transaction->table = table;
    transaction->table_size = size;
    return DX_OK;
}

/* DX_E_DENIED: it is another device's own word. */
static int check_author(const dx_transaction *transaction, int64_t key, int64_t type_id) {
    dx_space *space = transaction->space;
    dx_type *type;
    int error = dx_type_read(transaction->context, space, type_id, &type);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    const dx_feed *maker = dx_space_feed(space, dx_entity_key_feed(key));
    return dx_name_may_change(type, maker, dx_space_feed(space, transaction->feed)) ? DX_OK : DX_E_DENIED;
}

/* DX_E_NOT_FOUND; DX_E_DENIED. */
static int read_touched(const dx_transaction *transaction, int64_t key, dx_touched_entity *out) {
    *out = (dx_touched_entity){.key = key, .at = DX_NOT_CHANGED, .model = &dx_object_model};
    if (dx_transaction_made(transaction, key)) {
        out->fresh = true;
        return DX_OK;
    }
    if (key <= 0) {
        return DX_E_NOT_FOUND;
    }
    dx_entity entity;
    int error = dx_entity_row_hold(transaction->context, transaction->space, key);
    error = error == DX_OK ? dx_entity_read(transaction->context, transaction->space, key, &entity) : error;
    if (error != DX_OK) {
        return error;
    }
    out->deleted = entity.deleted;
    out->link = entity.kind == DX_ENTITY_LINK;
    out->size = entity.state.size;
    out->model = entity.model;
    return check_author(transaction, key, entity.type_id);
}

int dx_transaction_touch(dx_transaction *transaction, int64_t key, dx_touched_entity **out) {
    if (2 * (transaction->table_count + 1) > transaction->table_size) {
        int error = grow_table(transaction);
        if (error != DX_OK) {
            return error;
        }
    }
    dx_touched_entity *entry = find_slot(transaction->table, transaction->table_size, key);
    if (entry->key != key || key == 0) {
        dx_touched_entity fresh;
        int error = read_touched(transaction, key, &fresh);
        if (error != DX_OK) {
            return error;
        }
        *entry = fresh;
        transaction->table_count++;
    }
    *out = entry;
    return DX_OK;
}

int dx_transaction_open_entity(dx_transaction *transaction, dx_touched_entity *entry, dx_part_entity **out) {
    dx_place place = dx_transaction_place(transaction, entry->key);
    if (place.form == DX_PLACE_BLOCK) {
        *out = &transaction->part.created.items[place.index];
        return DX_OK;
    }
    if (entry->at == DX_NOT_CHANGED || entry->part != transaction->closed) {
        size_t at;
        int error = dx_part_change(&transaction->part, &place, &at);
        if (error != DX_OK) {
            return error;
        }
        entry->at = at;
        entry->part = transaction->closed;
    }
    *out = &transaction->part.changed.items[entry->at];
    return DX_OK;
}

/* --- Life of entities ------------------------------------------------------------------------- */

/* What is so already needs no section, unless this part has said otherwise before. */
static int change_life(dx_transaction *transaction, int64_t key, bool deleted) {
    dx_touched_entity *entry;
    int error = dx_transaction_touch(transaction, key, &entry);
    if (error != DX_OK || entry->deleted == deleted) {
        return error;
    }
    error = dx_transaction_reserve(transaction, 0);
    dx_part_entity *entity = NULL;
    if (error == DX_OK) {
        error = dx_transaction_open_entity(transaction, entry, &entity);
    }
    if (error == DX_OK) {
        dx_section_life back = deleted ? DX_LIFE_RESTORE : DX_LIFE_DELETE;
        bool taken_back = entity->section.life == back;
        entity->section.life = taken_back ? DX_LIFE_KEEP : deleted ? DX_LIFE_DELETE : DX_LIFE_RESTORE;
        entry->deleted = deleted;
    }
    return error;
}

int dx_transaction_delete(dx_transaction *transaction, int64_t key) {
    return change_life(transaction, key, true);
}

int dx_transaction_restore(dx_transaction *transaction, int64_t key) {
    return change_life(transaction, key, false);
}

/* DX_E_INVALID, DX_E_STATE. Of what was made in an earlier block of this transaction nothing is at hand. */
static int check_movable(const dx_transaction *transaction, const dx_touched_entity *entry) {
    dx_place place = dx_transaction_place(transaction, entry->key);
    if (entry->fresh && place.form == DX_PLACE_BLOCK) {
        const dx_section *section = &transaction->part.created.items[place.index].section;
        return section->kind == DX_ENTITY_OBJECT ? DX_OK : DX_E_INVALID;
    }
    return entry->link ? DX_E_INVALID : entry->deleted || entry->fresh ? DX_E_STATE : DX_OK;
}

static int write_move(dx_transaction *transaction, dx_touched_entity *entry, int64_t parent) {
    dx_part_entity *entity = NULL;
    int error = dx_transaction_reserve(transaction, 0);
    if (error == DX_OK) {
        error = dx_transaction_open_entity(transaction, entry, &entity);
    }
    if (error == DX_OK && entity->section.creates) {
        entity->section.parent = dx_transaction_place(transaction, parent);
    } else if (error == DX_OK) {
        entity->section.moves = true;
        entity->section.moved_to = dx_transaction_place(transaction, parent);
    }
    return error;
}

/* Of the objects at and above the new parent, those whose latest move yielded are said to stand where they show:
 * else that move could come back by this one, close another circle, and this one would be the latest on it. */
static int confirm_above(dx_transaction *transaction, int64_t key) {
    int64_t yielded, parent;
    int error = dx_hierarchy_yielded_above(transaction->context, transaction->space, key, &yielded, &parent);
    while (error == DX_OK && yielded != 0) {
        dx_touched_entity *entry;
        error = dx_transaction_touch(transaction, yielded, &entry);
        if (error == DX_OK) {
            error = write_move(transaction, entry, parent);
        }
        error = error == DX_E_DENIED ? DX_OK : error; /* another's own word: it stays as it is */
        if (error == DX_OK) {
            error = dx_hierarchy_yielded_above(transaction->context, transaction->space, parent, &yielded,
                                               &parent);
        }
    }
    return error;
}

int dx_transaction_move(dx_transaction *transaction, int64_t key, int64_t parent) {
    dx_touched_entity *entry;
    bool below = key == parent;
    int error = dx_transaction_touch(transaction, key, &entry);
    if (error == DX_OK) {
        error = check_movable(transaction, entry);
    }
    if (error == DX_OK && parent != 0) {
        error = dx_transaction_check_exists(transaction, parent);
    }
    if (error == DX_OK && !below) {
        error = dx_hierarchy_is_below(transaction->context, transaction->space, parent, key, &below);
    }
    if (error == DX_OK && below) {
        error = DX_E_CONFLICT;
    }
    if (error == DX_OK) {
        error = confirm_above(transaction, parent);
    }
    if (error == DX_OK) {
        error = dx_transaction_touch(transaction, key, &entry); /* the table may have grown */
    }
    return error == DX_OK ? write_move(transaction, entry, parent) : error;
}

/* --- Looking --------------------------------------------------------------------------------- */

int dx_transaction_is_deleted(dx_transaction *transaction, int64_t key, bool *deleted) {
    dx_touched_entity *entry;
    int error = dx_transaction_touch(transaction, key, &entry);
    *deleted = error == DX_OK && entry->deleted;
    return error;
}

/* --- Writing --------------------------------------------------------------------------------- */

/* Seals the part's sections, which begin at *at of the plaintext, into items. */
static int seal_part(dx_transaction *transaction, size_t part, const uint8_t key[static DX_KEY_SIZE],
                     size_t *at, dx_buf *items) {
    const dx_feed *feed = dx_space_feed(transaction->space, transaction->feed);
    dx_buf_clear(items);
    for (size_t index = 0; index < transaction->parts[part].sections; index++) {
        uint32_t size;
        memcpy(&size, transaction->sections.data + *at, sizeof size);
        dx_bytes plaintext = dx_bytes_of(transaction->sections.data + *at + sizeof size, size);
        int error = dx_section_seal(key, feed->id, feed->length, index, plaintext, items);
        if (error != DX_OK) {
            return error;
        }
        *at += sizeof size + size;
    }
    return DX_OK;
}

static int write_blocks(dx_transaction *transaction, const uint8_t key[static DX_KEY_SIZE], dx_buf *items) {
    size_t at = 0;
    for (size_t part = 0; part < transaction->closed; part++) {
        int error = seal_part(transaction, part, key, &at, items);
        if (error == DX_OK) {
            uint64_t flags = part + 1 < transaction->closed ? DX_BLOCK_CONTINUES : 0;
            error = dx_pipeline_append(transaction->context, transaction->space, transaction->feed, flags,
                                       dx_buf_view(items), transaction->parts[part].sections, part == 0);
        }
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

static int commit(dx_transaction *transaction) {
    dx_context *context = transaction->context;
    dx_space *space = transaction->space;
    int error = dx_transaction_close_part(transaction);
    if (error != DX_OK || transaction->closed == 0) {
        return error;
    }
    DX_ASSERT(dx_space_feed(space, transaction->feed)->length == transaction->base);
    uint8_t key[DX_KEY_SIZE];
    dx_buf items;
    dx_buf_init(&items, context->alloc, DX_BLOCK_SIZE_MAX);
    error = dx_space_key(context, space, space->key_epoch, key);
    if (error == DX_OK) {
        error = write_blocks(transaction, key, &items);
    }
    dx_wipe(key, sizeof key);
    dx_buf_deinit(&items);
    dx_spoken spoken = {.sections = dx_buf_view(&transaction->sections), .seq = transaction->base};
    return error != DX_OK ? error : dx_pipeline_settle_spoken(context, space, transaction->feed, &spoken);
}

int dx_transaction_commit(dx_transaction *transaction) {
    int error = commit(transaction);
    dx_transaction_abort(transaction);
    return error;
}
