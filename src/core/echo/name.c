/* echo/name.c: what a space and its members are called. See name.h.
 *
 * Layer: floor 1, echo. */
#include "echo/name.h"

#include <string.h>

#include "echo/entity_row.h"
#include "echo/mutation.h"
#include "echo/section.h"

static const char properties_type[] = "dx.space", profile_type[] = "dx.member";

/* --- Own words ------------------------------------------------------------------------------- */

bool dx_name_is_own_word(const dx_type *type) {
    return type->kind == DX_TYPE_OBJECT &&
           dx_bytes_equal(dx_bytes_of(type->name, type->size), dx_bytes_text(profile_type));
}

/* By the device and not by the identity: a feed's device is part of its id, so nothing that comes later makes
 * another of it. */
bool dx_name_may_change(const dx_type *type, const dx_feed *maker, const dx_feed *author) {
#if defined(DX_PLANT) && DX_PLANT == 35
    return true;
#endif
    return memcmp(maker->identity.device, author->identity.device, DX_KEY_SIZE) == 0 ||
           !dx_name_is_own_word(type);
}

/* --- Which object counts ----------------------------------------------------------------------- */

/* The first object of a type in a feed. */
typedef struct named_object {
    int64_t key; /* 0: none */
    bool deleted;
    dx_role role; /* of its author; of objects of one author it does not matter */
    dx_stamp created;
} named_object;

/* The first object of the type with a key in (after, last]. */
static int find_first(dx_context *context, dx_space *space, int64_t type_id, int64_t after, int64_t last,
                      named_object *out) {
    *out = (named_object){.key = 0};
    int error = dx_entity_rows_settle_house(context, space);
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT key, deleted, created FROM entity WHERE type = ?1 AND key > "
                                       "?2 AND key <= ?3 ORDER BY key LIMIT 1");
    dx_bind_int(select, 1, type_id);
    dx_bind_int(select, 2, after);
    dx_bind_int(select, 3, last);
    if (dx_step(context->store, select)) {
        out->key = dx_column_int(select, 0);
        out->deleted = dx_column_int(select, 1) != 0;
        out->created.counter = (uint64_t)dx_column_int(select, 2);
    }
    dx_step_reset(select);
    const dx_feed *feed = out->key == 0 ? NULL : dx_space_feed(space, dx_entity_key_feed(out->key));
    if (feed != NULL) {
        memcpy(out->created.feed, feed->id, sizeof out->created.feed);
    }
    return dx_store_error(context->store);
}

/* 0 when no object of that type was ever seen here. */
static int find_type(dx_context *context, dx_space *space, const char *name, int64_t *id) {
    dx_type *type;
    int error = dx_type_find(context, space, DX_TYPE_OBJECT, dx_bytes_text(name), &type);
    *id = error == DX_OK ? type->id : 0;
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int64_t last_of_feed(int64_t local) {
    return dx_entity_key(local, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1);
}

static dx_role role_of(dx_space *space, int64_t key) {
    const dx_feed *feed = dx_space_feed(space, dx_entity_key_feed(key));
    const dx_admitted_feed *admitted = feed == NULL ? NULL : dx_control_find_feed(space->control, feed->id);
    return admitted == NULL ? DX_ROLE_NONE : dx_control_role(space->control, admitted->owner);
}

/* What is there goes before what was deleted, then the highest role, then the earliest stamp. */
static bool names_before(const named_object *a, const named_object *b) {
    if (b->key == 0 || a->deleted != b->deleted) {
        return b->key == 0 || b->deleted;
    }
    return a->role != b->role ? a->role > b->role : dx_stamp_compare(&a->created, &b->created) < 0;
}

static int find_properties(dx_context *context, dx_space *space, named_object *best) {
    int64_t type_id, after = 0;
    int error = find_type(context, space, properties_type, &type_id);
    *best = (named_object){.key = 0};
    while (error == DX_OK && type_id != 0) {
        named_object next;
        error = find_first(context, space, type_id, after, INT64_MAX, &next);
        if (error != DX_OK || next.key == 0) {
            break;
        }
        next.role = role_of(space, next.key);
        if (names_before(&next, best)) {
            *best = next;
        }
        after = last_of_feed(dx_entity_key_feed(next.key));
    }
    return error;
}

/* Whether the feed is one of whom the object is looked for. */
typedef bool (*is_theirs)(const dx_space *space, const dx_feed *feed, const uint8_t key[static DX_KEY_SIZE]);

static bool is_of_identity(const dx_space *space, const dx_feed *feed,
                           const uint8_t key[static DX_KEY_SIZE]) {
    const dx_admitted_feed *admitted = dx_control_find_feed(space->control, feed->id);
    return admitted != NULL && memcmp(admitted->owner, key, DX_KEY_SIZE) == 0;
}

static bool is_of_device(const dx_space *space, const dx_feed *feed, const uint8_t key[static DX_KEY_SIZE]) {
    (void)space;
    return memcmp(feed->identity.device, key, DX_KEY_SIZE) == 0;
}

/* Of several that of the latest stamp: another is only made where the one before was not to be found. */
static int find_profile(dx_context *context, dx_space *space, is_theirs theirs,
                        const uint8_t key[static DX_KEY_SIZE], named_object *best) {
    int64_t type_id;
    int error = find_type(context, space, profile_type, &type_id);
    *best = (named_object){.key = 0};
    for (size_t i = 0; error == DX_OK && type_id != 0 && i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        named_object next = {.key = 0};
        if (feed->identity.feed_class == DX_FEED_DATA && theirs(space, feed, key)) {
            error = find_first(context, space, type_id, dx_entity_key(feed->local, 0, 0) - 1,
                               last_of_feed(feed->local), &next);
        }
        if (next.key != 0 &&
            (best->key == 0 || best->deleted > next.deleted ||
             (best->deleted == next.deleted && dx_stamp_compare(&next.created, &best->created) > 0))) {
            *best = next;
        }
    }
    return error;
}

/* --- Reading ----------------------------------------------------------------------------------- */

/* Copies as much of the text as fits, cut between characters. */
static void copy_text(dx_bytes text, char *out, size_t size) {
    size_t fits = text.size < size ? text.size : size - 1;
    while (fits < text.size && fits > 0 && (text.data[fits] & 0xc0) == 0x80) {
        fits--;
    }
    memcpy(out, text.data, fits);
    out[fits] = '\0';
}

/* The text under "name" in the object's data; DX_E_NOT_FOUND when there is none. */
static int read_name(dx_context *context, dx_space *space, const named_object *object, char *out,
                     size_t size) {
    dx_entity entity;
    dx_buf view;
    dx_writer writer;
    out[0] = '\0';
    if (object->key == 0 || object->deleted) {
        return DX_E_NOT_FOUND;
    }
    int error = dx_entity_read(context, space, object->key, &entity);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_init(&view, context->alloc, DX_STATE_SIZE_MAX);
    dx_writer_init(&writer, &view);
    error = dx_entity_view(context, space, &entity, &writer);
    if (error == DX_OK) {
        error = dx_writer_finish(&writer);
    }
    if (error == DX_OK) {
        dx_bytes name = dx_item_text(dx_item_get(dx_buf_view(&view), "name"));
        if (name.size != 0) {
            copy_text(name, out, size);
        }
        error = name.size == 0 ? DX_E_NOT_FOUND : DX_OK;
    }
    dx_buf_deinit(&view);
    return error;
}

int dx_space_name(dx_context *context, dx_space *space, char *out, size_t size) {
    named_object properties;
    out[0] = '\0';
    int error = find_properties(context, space, &properties);
    return error == DX_OK ? read_name(context, space, &properties, out, size) : error;
}

int dx_space_member_name(dx_context *context, dx_space *space, const uint8_t identity[static DX_KEY_SIZE],
                         char *out, size_t size) {
    named_object profile;
    out[0] = '\0';
    int error = find_profile(context, space, is_of_identity, identity, &profile);
    return error == DX_OK ? read_name(context, space, &profile, out, size) : error;
}

int dx_space_member_object(dx_context *context, dx_space *space, const uint8_t identity[static DX_KEY_SIZE],
                           int64_t *key) {
    named_object profile;
    int error = find_profile(context, space, is_of_identity, identity, &profile);
    *key = profile.deleted ? 0 : profile.key;
    return error;
}

/* --- The digest -------------------------------------------------------------------------------- */

/* Over an object as every replica has it: its state, or nothing when it is deleted. */
static int add_state(dx_context *context, dx_space *space, const named_object *object, dx_hash_state *hash) {
    dx_entity_row row;
    int error = dx_entity_row_read(context, space, object->key, &row);
    if (error == DX_OK && !object->deleted) {
        dx_hash_add(hash, object->created.feed, sizeof object->created.feed);
        dx_hash_add_u64(hash, row.state.size);
        dx_hash_add(hash, row.state.data, row.state.size);
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int hash_names(dx_context *context, dx_space *space) {
    int64_t type_id, after = 0;
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_SYNC_DIGEST, (dx_bytes){NULL, 0});
    int error = find_type(context, space, profile_type, &type_id);
    while (error == DX_OK && type_id != 0) {
        named_object next;
        error = find_first(context, space, type_id, after, INT64_MAX, &next);
        if (error != DX_OK || next.key == 0) {
            break;
        }
        error = add_state(context, space, &next, &hash);
        after = last_of_feed(dx_entity_key_feed(next.key));
    }
    dx_hash_end(&hash, space->names_digest);
    return error;
}

int dx_space_names_digest(dx_context *context, dx_space *space, uint8_t out[static DX_HASH_SIZE]) {
    int error = space->names_digested ? DX_OK : hash_names(context, space);
    space->names_digested = error == DX_OK;
    memcpy(out, space->names_digest, DX_HASH_SIZE);
    return error;
}

/* --- Writing ----------------------------------------------------------------------------------- */

static int add_properties(dx_context *context, dx_transaction *transaction, dx_bytes name) {
    dx_buf data;
    dx_writer writer;
    int64_t key;
    dx_buf_init(&data, context->alloc, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &data);
    dx_write_map(&writer, name.size == 0 ? 0 : 1);
    if (name.size != 0) {
        dx_write_text(&writer, "name");
        dx_write_text_bytes(&writer, name);
    }
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        error = dx_transaction_add_object(transaction, dx_bytes_text(properties_type), 0, dx_buf_view(&data),
                                          &key);
    }
    dx_buf_deinit(&data);
    return error;
}

static int add_profile(dx_context *context, dx_transaction *transaction) {
    const dx_identity *identity = context->identity;
    dx_buf data;
    dx_writer writer;
    int64_t key;
    dx_buf_init(&data, context->alloc, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &data);
    dx_write_map(&writer, 3);
    dx_write_text(&writer, "name");
    dx_write_text(&writer, identity->name);
    dx_write_text(&writer, "device");
    dx_write_bytes(&writer, dx_bytes_of(identity->device, sizeof identity->device));
    dx_write_text(&writer, "identity");
    dx_write_bytes(&writer, dx_bytes_of(identity->identity, sizeof identity->identity));
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        error =
            dx_transaction_add_object(transaction, dx_bytes_text(profile_type), 0, dx_buf_view(&data), &key);
    }
    dx_buf_deinit(&data);
    return error;
}

static int end(dx_transaction *transaction, int error) {
    if (error == DX_OK) {
        return dx_transaction_commit(transaction);
    }
    dx_transaction_abort(transaction);
    return error;
}

int dx_space_write_system_objects(dx_context *context, dx_space *space, bool founds, dx_bytes name) {
    dx_transaction *transaction;
    if (space->own_data == 0) {
        return DX_OK;
    }
    int error = dx_transaction_begin(context, space, &transaction);
    if (error != DX_OK) {
        return error;
    }
    if (founds) {
        error = add_properties(context, transaction, name);
    }
    return end(transaction, error == DX_OK ? add_profile(context, transaction) : error);
}

static int set_name(dx_context *context, dx_transaction *transaction, const named_object *object,
                    dx_bytes name) {
    dx_buf value;
    dx_writer writer;
    dx_buf_init(&value, context->alloc, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &value);
    dx_write_text_bytes(&writer, name);
    int error = object->deleted ? dx_transaction_restore(transaction, object->key) : DX_OK;
    error = error == DX_OK ? dx_writer_finish(&writer) : error;
    if (error == DX_OK) {
        error = dx_transaction_set(transaction, object->key, dx_bytes_text("name"), dx_buf_view(&value));
    }
    dx_buf_deinit(&value);
    return error;
}

/* Whether this is what the object says already. */
static int says(dx_context *context, dx_space *space, const named_object *object, dx_bytes name, bool *said) {
    char shown[2 * DX_IDENTITY_NAME_SIZE];
    int error = read_name(context, space, object, shown, sizeof shown);
    *said = error == DX_OK && dx_bytes_equal(dx_bytes_text(shown), name);
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_space_rename(dx_context *context, dx_space *space, dx_bytes name) {
    named_object properties;
    dx_transaction *transaction;
    bool said = false;
    int error = find_properties(context, space, &properties);
    if (error == DX_OK) {
        error = says(context, space, &properties, name, &said);
    }
    if (error != DX_OK || said) {
        return error;
    }
    error = dx_transaction_begin(context, space, &transaction);
    if (error != DX_OK) {
        return error;
    }
    return end(transaction, properties.key == 0 ? add_properties(context, transaction, name)
                                                : set_name(context, transaction, &properties, name));
}

int dx_space_tell_name(dx_context *context, dx_space *space) {
    const dx_identity *identity = context->identity;
    dx_bytes name = dx_bytes_text(identity->name);
    named_object profile;
    dx_transaction *transaction;
    bool said = false;
    int error = find_profile(context, space, is_of_device, identity->device, &profile);
    if (error == DX_OK) {
        error = says(context, space, &profile, name, &said);
    }
    if (error != DX_OK || said) {
        return error;
    }
    error = dx_transaction_begin(context, space, &transaction);
    if (error != DX_OK) {
        return error;
    }
    if (profile.key == 0) { /* a data feed that was made just now begins with it */
        error = find_profile(context, space, is_of_device, identity->device, &profile);
        said = profile.key != 0;
    }
    if (error == DX_OK && !said) {
        error = profile.key == 0 ? add_profile(context, transaction)
                                 : set_name(context, transaction, &profile, name);
    }
    return end(transaction, error);
}
