/* sim/hostile_block.c: blocks in the liar's own feeds that no honest node writes.
 *
 * Layer: simulator; looks inside the core (hostile.h). They are hashed and signed as they should be, so they
 * reach every honest vault, by honest peers too; what is wrong is what they say. Each is written down with
 * what must become of it. A reader makes itself a data feed, admitted as the rules allow, and writes there. */
#include "hostile.h"

#include <string.h>

#include "base/limits.h"
#include "codec/canonical.h"
#include "echo/entity.h"
#include "echo/name.h"
#include "echo/own_feed.h"
#include "echo/section.h"
#include "echo/space_state.h"
#include "halo/control_state.h"
#include "model/object_operation.h"

enum { GARBAGE_SIZE = 200, HUGE_SIZE = 400000, BEYOND = 1000, CLAIMS_SIZE_MAX = 256 };

/* A block on its way into an own feed. */
typedef struct lying_block {
    uint64_t flags, key_epoch;
    bool names;
    dx_dependency named;
    bool judged;
    sim_judgement judgement;
    dx_buf items; /* one section */
} lying_block;

static dx_context *context_of(const dx_replica *replica) {
    return replica->replication->context;
}

/* --- Making ------------------------------------------------------------------------------------------------- */

int sim_hostile_block(dx_replica *replica, const dx_feed *feed, uint64_t flags, uint64_t key_epoch,
                      const dx_dependency *named, dx_bytes items, dx_buf *block) {
    bool control = feed->identity.feed_class == DX_FEED_CONTROL;
    dx_buf header;
    dx_buf_init(&header, &sim_heap, DX_BLOCK_SIZE_MAX);
    int error =
        dx_block_header_encode(feed->identity.feed_class, flags, control ? 0 : key_epoch,
                               context_of(replica)->wall_ms, NULL, 0, named, named == NULL ? 0 : 1, &header);
    error = error ? error : dx_block_encode(dx_buf_view(&header), items, 1, block);
    dx_buf_deinit(&header);
    return error;
}

static int seal(dx_replica *replica, const dx_feed *feed, uint64_t seq, dx_bytes plaintext, dx_buf *items) {
    uint8_t key[DX_KEY_SIZE];
    int error = dx_space_key(context_of(replica), replica->space, replica->space->key_epoch, key);
    dx_buf_clear(items);
    return error ? error : dx_section_seal(key, feed->id, seq, 0, plaintext, items);
}

static int write_object(const char *key, uint64_t value, dx_buf *plaintext) {
    dx_buf data, operation;
    dx_writer writer;
    dx_buf_init(&data, &sim_heap, DX_BLOCK_SIZE_MAX);
    dx_buf_init(&operation, &sim_heap, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &data);
    dx_write_map(&writer, 1);
    dx_write_text(&writer, key);
    dx_write_uint(&writer, value);
    int error = dx_object_operation_create(&sim_heap, dx_buf_view(&data), &operation);
    dx_section section = {.creates = true,
                          .kind = DX_ENTITY_OBJECT,
                          .type = dx_bytes_text("lie"),
                          .operates = true,
                          .operation = dx_buf_view(&operation)};
    error = error ? error : dx_section_encode(&section, plaintext);
    dx_buf_deinit(&data);
    dx_buf_deinit(&operation);
    return error;
}

int sim_hostile_object(dx_replica *replica, const dx_feed *feed, uint64_t seq, const char *key,
                       uint64_t value, dx_buf *items) {
    dx_buf plaintext;
    dx_buf_init(&plaintext, &sim_heap, DX_BLOCK_SIZE_MAX);
    int error = write_object(key, value, &plaintext);
    error = error ? error : seal(replica, feed, seq, dx_buf_view(&plaintext), items);
    dx_buf_deinit(&plaintext);
    return error;
}

static void note_block(sim_hostile *hostile, const dx_feed *feed, sim_count lie, const lying_block *block,
                       dx_bytes bytes) {
    dx_block decoded;
    if (!block->judged || hostile->block_count == SIM_FALSE_BLOCKS_MAX ||
        dx_block_decode(bytes, &decoded) != DX_OK) {
        return;
    }
    sim_false_block *noted = &hostile->blocks[hostile->block_count++];
    *noted = (sim_false_block){.lie = lie, .judgement = block->judgement, .seq = feed->length};
    memcpy(noted->feed, feed->id, sizeof noted->feed);
    dx_block_leaf(&decoded, feed->id, feed->length, noted->leaf);
}

/* Appended, signed and written down. */
static int append(sim_hostile *hostile, dx_replica *replica, dx_feed *feed, sim_count lie,
                  const lying_block *block) {
    dx_store *store = context_of(replica)->store;
    dx_sign_key key;
    dx_buf bytes;
    if (feed->frozen) {
        return DX_OK; /* it is known to be forked, and takes nothing more */
    }
    dx_buf_init(&bytes, &sim_heap, SIM_MESSAGE_MAX);
    int error = sim_hostile_block(replica, feed, block->flags, block->key_epoch,
                                  block->names ? &block->named : NULL, dx_buf_view(&block->items), &bytes);
    if (error == DX_OK) {
        note_block(hostile, feed, lie, block, dx_buf_view(&bytes));
        error = dx_feed_append(feed, store, dx_buf_view(&bytes));
    }
    error = error ? error : dx_keyring_sign_key(store, feed->identity.key, &key);
    error = error ? error : dx_feed_sign(feed, store, &key);
    if (error == DX_OK) {
        sim_hostile_told(hostile, lie);
    }
    dx_buf_deinit(&bytes);
    return error;
}

/* --- Data blocks -------------------------------------------------------------------------------------------- */

/* Somebody else's feed of a class that has blocks; NULL: none. For what it names of its own that was written
 * twice nobody would wait (docs/spec/forks.md). */
static const dx_feed *choose_feed(sim_hostile *hostile, const dx_space *space, dx_feed_class feed_class) {
    const dx_feed *chosen = NULL;
    size_t count = 0;
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        bool of_liar = memcmp(feed->identity.device, hostile->device, sizeof hostile->device) == 0;
        if (!of_liar && feed->identity.feed_class == feed_class && feed->length > 0 &&
            sim_hostile_below(hostile, ++count) == 0) {
            chosen = feed;
        }
    }
    return chosen;
}

static void name(lying_block *block, const dx_feed *feed, uint64_t length) {
    block->names = true;
    block->named.length = length;
    memcpy(block->named.feed, feed->id, sizeof block->named.feed);
}

static void judge(lying_block *block, sim_judgement judgement) {
    block->judged = true;
    block->judgement = judgement;
}

/* What it names is not, or is not so. */
static void make_dead(sim_hostile *hostile, const dx_space *space, lying_block *block) {
    const dx_feed *feed = choose_feed(hostile, space, DX_FEED_DATA);
    judge(block, SIM_JUDGED_WAITING);
    sim_hostile_fill(hostile, block->named.root, sizeof block->named.root);
    switch (sim_hostile_below(hostile, 4)) {
    case 0:
        block->key_epoch = 7;
        return;
    case 1:
        if (feed != NULL) {
            name(block, feed, feed->length + BEYOND);
            return;
        }
        break;
    case 2:
        if (feed != NULL) { /* below a confirmed epoch no root is looked at */
            block->judged = !hostile->peer->world->plan.epochs;
            name(block, feed, feed->length);
            return;
        }
        break;
    default:
        break;
    }
    block->names = true;
    block->named.length = 1;
    sim_hostile_fill(hostile, block->named.feed, sizeof block->named.feed);
}

static void write_garbage(sim_hostile *hostile, size_t size, lying_block *block) {
    dx_writer writer;
    dx_buf_clear(&block->items);
    dx_writer_init(&writer, &block->items);
    sim_hostile_fill(hostile, dx_write_bytes_room(&writer, size), size);
}

/* Another member's object of names is given a name, at the place where that member made it (decision 0023). */
static int write_forged_name(const dx_feed *maker, int64_t key, dx_buf *plaintext) {
    dx_buf operation;
    dx_writer writer;
    dx_buf_init(&operation, &sim_heap, DX_BLOCK_SIZE_MAX);
    dx_writer_init(&writer, &operation);
    dx_write_array(&writer, 2);
    dx_write_map(&writer, 1);
    dx_write_text(&writer, "name");
    dx_write_text(&writer, "forged");
    dx_write_array(&writer, 0);
    dx_section section = {
        .subject = {.form = DX_PLACE_FEED, .seq = dx_entity_key_seq(key), .index = dx_entity_key_index(key)},
        .operates = true,
        .operation = dx_buf_view(&operation)};
    memcpy(section.subject.feed, maker->id, sizeof section.subject.feed);
    int error = dx_writer_finish(&writer);
    error = error ? error : dx_section_encode(&section, plaintext);
    dx_buf_deinit(&operation);
    return error;
}

/* *made: there is somebody whose name can be written. */
static int forge_name(sim_hostile *hostile, dx_replica *replica, const dx_feed *feed, lying_block *block,
                      bool *made) {
    dx_context *context = context_of(replica);
    dx_space *space = replica->space;
    const dx_member *member = dx_control_member(
        space->control, (size_t)sim_hostile_below(hostile, dx_control_member_count(space->control)));
    uint8_t root[DX_HASH_SIZE] = {0};
    int64_t key = 0;
    int error = dx_space_member_object(context, space, member->identity, &key);
    const dx_feed *maker = error || key == 0 ? NULL : dx_space_feed(space, dx_entity_key_feed(key));
    *made = maker != NULL && memcmp(maker->identity.device, hostile->device, sizeof hostile->device) != 0;
    if (error || !*made) {
        return error;
    }
    dx_buf plaintext;
    dx_buf_init(&plaintext, &sim_heap, DX_BLOCK_SIZE_MAX);
    name(block, maker, (uint64_t)maker->applied);
    error = dx_feed_root(maker, context->store, block->named.length, root);
    memcpy(block->named.root, root, sizeof block->named.root);
    error = error ? error : write_forged_name(maker, key, &plaintext);
    error = error ? error : seal(replica, feed, feed->length, dx_buf_view(&plaintext), &block->items);
    dx_buf_deinit(&plaintext);
    return error;
}

/* A control feed among what data depends on; sections that do not open, or open to nonsense. */
static int make_false(sim_hostile *hostile, dx_replica *replica, const dx_feed *feed, lying_block *block) {
    uint8_t bytes[GARBAGE_SIZE];
    const dx_feed *control = choose_feed(hostile, replica->space, DX_FEED_CONTROL);
    const sim_plan *plan = &hostile->peer->world->plan;
    judge(block, SIM_JUDGED_REFUSED);
    if (plan->names && plan->chance[SIM_UNSEEN] == 0 && sim_hostile_below(hostile, 2) == 0) {
        bool made;
        int error = forge_name(hostile, replica, feed, block, &made);
        if (error || made) {
            return error;
        }
    }
    switch (sim_hostile_below(hostile, 8)) {
    case 0:
        if (control != NULL) {
            name(block, control, control->length);
            return DX_OK;
        }
        break;
    case 1:
        write_garbage(hostile, HUGE_SIZE, block);
        return DX_OK;
    case 2:
        sim_hostile_fill(hostile, bytes, sizeof bytes);
        bytes[0] |= 0xe0; /* no array */
        return seal(replica, feed, feed->length, dx_bytes_of(bytes, sizeof bytes), &block->items);
    case 3:
        return sim_hostile_object(replica, feed, feed->length + 1, "elsewhere", 1, &block->items);
    case 4:
    case 5:
        block->judged = false; /* an object like any other, now and then */
        return DX_OK;
    default:
        break;
    }
    write_garbage(hostile, GARBAGE_SIZE, block);
    return DX_OK;
}

/* The feed in which the liar writes data; made for a reader, whose right does not reach so far. */
static int find_data_feed(dx_replica *replica, int64_t *local) {
    dx_context *context = context_of(replica);
    dx_space *space = replica->space;
    dx_feed_identity identity = {.feed_class = DX_FEED_DATA};
    dx_sign_key key;
    dx_feed *feed = NULL;
    dx_buf credential;
    for (size_t i = space->feed_count; i > 0; i--) {
        feed = &space->feeds[i - 1];
        if (feed->own && feed->identity.feed_class == DX_FEED_DATA && !feed->frozen) {
            *local = feed->local;
            return DX_OK;
        }
    }
    dx_buf_init(&credential, &sim_heap, DX_CREDENTIAL_SIZE_MAX);
    int error = dx_keyring_create(context->store, context->random, "feed", &key);
    memcpy(identity.space_id, space->id, sizeof identity.space_id);
    memcpy(identity.device, context->identity->device, sizeof identity.device);
    memcpy(identity.key, key.public_key, sizeof identity.key);
    error = error ? error : dx_space_make_feed(context, space, &identity, true, &feed);
    error = error ? error
                  : dx_control_issue_feed(space->control, context->identity, DX_FEED_DATA, key.public_key,
                                          &credential);
    *local = error ? 0 : feed->local;
    dx_credential_list list;
    dx_list_begin(context, &list);
    error = error ? error : dx_list_issue(space, &list, &credential);
    error = error ? error : dx_list_write(context, space, &list);
    dx_list_end(&list);
    dx_buf_deinit(&credential);
    return error ? error : dx_space_sign_heads(context, space);
}

static int write_data(sim_hostile *hostile, dx_replica *replica, sim_count lie) {
    int64_t local = 0;
    const dx_feed *control = dx_space_feed(replica->space, replica->space->own_control);
    if (control == NULL || control->frozen || control->applied != control->length) {
        return DX_OK;
    }
    int error = find_data_feed(replica, &local);
    dx_feed *feed = error ? NULL : dx_space_feed(replica->space, local);
    if (feed == NULL) {
        return error;
    }
    lying_block block = {.key_epoch = replica->space->key_epoch};
    dx_buf_init(&block.items, &sim_heap, SIM_MESSAGE_MAX);
    error = sim_hostile_object(replica, feed, feed->length, hostile->reader ? "forged" : "lie", feed->length,
                               &block.items);
    if (error == DX_OK && hostile->reader) {
        judge(&block, SIM_JUDGED_WAITING);
    } else if (error == DX_OK && lie == SIM_DEAD_BLOCK) {
        make_dead(hostile, replica->space, &block);
    } else if (error == DX_OK) {
        error = make_false(hostile, replica, feed, &block);
    }
    error = error ? error : append(hostile, replica, feed, lie, &block);
    dx_buf_deinit(&block.items);
    return error;
}

/* --- Credentials -------------------------------------------------------------------------------------------- */

/* What is said, before it is signed with the device's key. */
typedef struct claim {
    dx_statement statement;
    uint8_t issuer[DX_KEY_SIZE], subject[DX_KEY_SIZE];
    uint8_t parents[3][DX_HASH_SIZE];
    dx_buf claims;
    dx_writer writer;
} claim;

static void add_parent(claim *made, const uint8_t id[static DX_HASH_SIZE]) {
    memcpy(made->parents[made->statement.parent_count++], id, DX_HASH_SIZE);
}

/* In the name of this vault's identity, about nobody known. */
static void begin_claim(sim_hostile *hostile, const dx_replica *replica, dx_credential_type type,
                        claim *made) {
    const dx_identity *self = context_of(replica)->identity;
    const dx_control *control = replica->space->control;
    const dx_member *member = dx_control_member_of(control, self->identity);
    const dx_control_device_row *device = dx_control_device_of(control, self->device);
    memset(made, 0, sizeof *made);
    dx_buf_init(&made->claims, &sim_heap, CLAIMS_SIZE_MAX);
    dx_writer_init(&made->writer, &made->claims);
    memcpy(made->issuer, self->identity, sizeof made->issuer);
    sim_hostile_fill(hostile, made->subject, sizeof made->subject);
    made->statement = (dx_statement){.type = type,
                                     .issuer = made->issuer,
                                     .subject = made->subject,
                                     .space = control->space_id,
                                     .parents = (const uint8_t(*)[DX_HASH_SIZE])made->parents};
    if (member != NULL && device != NULL) {
        add_parent(made, device->credential);
        add_parent(made, member->admission);
    }
}

/* Appends it as the one section of a control block. */
static int end_claim(const dx_replica *replica, claim *made, dx_buf *items) {
    dx_buf credential;
    dx_writer writer;
    dx_buf_init(&credential, &sim_heap, DX_CREDENTIAL_SIZE_MAX);
    made->statement.claims = dx_buf_view(&made->claims);
    int error =
        dx_credential_issue(&made->statement, &context_of(replica)->identity->device_key, &credential);
    dx_writer_init(&writer, items);
    dx_write_bytes(&writer, dx_buf_view(&credential));
    dx_buf_deinit(&credential);
    dx_buf_deinit(&made->claims);
    return error;
}

static void write_number(claim *made, size_t pairs, uint64_t number) {
    dx_write_map(&made->writer, pairs);
    dx_write_uint(&made->writer, 1);
    dx_write_uint(&made->writer, number);
}

static void write_second(claim *made, const uint8_t *bytes, size_t size) {
    dx_write_uint(&made->writer, 2);
    dx_write_bytes(&made->writer, dx_bytes_of(bytes, size));
}

int sim_hostile_admission(sim_hostile *hostile, dx_replica *replica, dx_buf *items) {
    uint8_t invitation[16];
    claim made;
    begin_claim(hostile, replica, DX_CREDENTIAL_MEMBER, &made);
    sim_hostile_fill(hostile, invitation, sizeof invitation);
    write_number(&made, 2, sim_hostile_below(hostile, 2) == 0 ? DX_ROLE_EDITOR : DX_ROLE_READER);
    write_second(&made, invitation, sizeof invitation); /* used up, or never made: nobody who admits asks */
    return end_claim(replica, &made, items);
}

static int promote_self(sim_hostile *hostile, dx_replica *replica, dx_buf *items) {
    claim made;
    begin_claim(hostile, replica, DX_CREDENTIAL_MEMBER, &made);
    memcpy(made.subject, made.issuer, sizeof made.subject);
    write_number(&made, 1, DX_ROLE_ADMIN);
    return end_claim(replica, &made, items);
}

static const dx_member *owner_of(const dx_control *control) {
    for (size_t i = 0; i < dx_control_member_count(control); i++) {
        if (dx_control_member(control, i)->role == DX_ROLE_OWNER) {
            return dx_control_member(control, i);
        }
    }
    return NULL;
}

/* In the owner's name, on the owner's right, with this device's signature. */
static int speak_for_owner(sim_hostile *hostile, dx_replica *replica, dx_credential_type type,
                           dx_buf *items) {
    const dx_member *owner = owner_of(replica->space->control);
    claim made;
    begin_claim(hostile, replica, type, &made);
    memcpy(made.issuer, owner->identity, sizeof made.issuer);
    if (made.statement.parent_count == 2) {
        memcpy(made.parents[1], owner->admission, DX_HASH_SIZE);
    }
    write_number(&made, 1, type == DX_CREDENTIAL_MEMBER ? (uint64_t)DX_ROLE_ADMIN : (uint64_t)DX_FEED_DATA);
    return end_claim(replica, &made, items);
}

/* A key epoch, or a grant of one, by somebody who may not give keys. */
static int give_keys(sim_hostile *hostile, dx_replica *replica, bool grant, dx_buf *items) {
    const dx_control *control = replica->space->control;
    const dx_control_entry *epoch = dx_control_key_epoch_of(control, 0);
    uint8_t value[DX_SEALED_KEY_SIZE];
    claim made;
    begin_claim(hostile, replica, grant ? DX_CREDENTIAL_KEY_GRANT : DX_CREDENTIAL_KEY_EPOCH, &made);
    if (!grant) {
        memcpy(made.subject, control->space_id, sizeof made.subject);
    }
    if (epoch != NULL) {
        add_parent(&made, epoch->id);
    }
    sim_hostile_fill(hostile, value, sizeof value);
    write_number(&made, 2, grant ? 0 : 1);
    write_second(&made, value, grant ? DX_SEALED_KEY_SIZE : DX_HASH_SIZE);
    return end_claim(replica, &made, items);
}

/* The FEED of another's data feed in which it could say that it made things. */
static const dx_control_entry *admission_of(const dx_control *control, const dx_feed *feed) {
    for (size_t i = 0; i < control->entries.count; i++) {
        const dx_control_entry *entry = *(dx_control_entry *const *)dx_sorted_at(&control->entries, i);
        if (entry->type == DX_CREDENTIAL_FEED && entry->standing == DX_STANDING_IN_EFFECT &&
            memcmp(entry->subject, feed->identity.key, DX_KEY_SIZE) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* What somebody else made is to go, by nobody's right; or on the right of the feed it was made in, which is another's, or of
 * one of the liar's own, in which it was not made. */
static int purge_another(sim_hostile *hostile, dx_replica *replica, dx_buf *items) {
    const dx_space *space = replica->space;
    const dx_feed *feed = choose_feed(hostile, space, DX_FEED_DATA),
                  *own = dx_space_feed(replica->space, space->own_data);
    const dx_control_entry *admission = NULL;
    uint8_t id[DX_ID_SIZE] = {0};
    claim made;
    if (feed == NULL) {
        return sim_hostile_admission(hostile, replica, items);
    }
    uint64_t seq = sim_hostile_below(hostile, feed->length), way = sim_hostile_below(hostile, 3);
    memcpy(id, feed->id, DX_PREFIX_SIZE);
    for (size_t i = 0; i < sizeof(uint32_t); i++) {
        id[DX_PREFIX_SIZE + i] = (uint8_t)(seq >> (24 - 8 * i));
    }
    begin_claim(hostile, replica, DX_CREDENTIAL_PURGE, &made);
    memcpy(made.subject, space->id, sizeof made.subject);
    admission =
        way == 0 || (way == 1 && own == NULL) ? NULL : admission_of(space->control, way == 1 ? own : feed);
    if (admission != NULL) {
        add_parent(&made, admission->id);
    }
    dx_write_map(&made.writer, 1);
    dx_write_uint(&made.writer, 1);
    dx_write_bytes(&made.writer, dx_bytes_of(id, sizeof id));
    return end_claim(replica, &made, items);
}

static int break_signature(sim_hostile *hostile, dx_replica *replica, dx_buf *items) {
    int error = sim_hostile_admission(hostile, replica, items);
    if (error == DX_OK) {
        items->data[items->size - 1 - sim_hostile_below(hostile, DX_SIGNATURE_SIZE)] ^= 1;
    }
    return error;
}

static int make_credential(sim_hostile *hostile, dx_replica *replica, dx_buf *items) {
    uint8_t bytes[GARBAGE_SIZE];
    dx_writer writer;
    switch (sim_hostile_below(hostile, hostile->peer->world->plan.purges ? 12 : 9)) {
    case 9:
    case 10:
    case 11:
        return purge_another(hostile, replica, items);
    case 0:
    case 1:
        return sim_hostile_admission(hostile, replica, items);
    case 2:
        return promote_self(hostile, replica, items);
    case 3:
        return speak_for_owner(hostile, replica, DX_CREDENTIAL_MEMBER, items);
    case 4:
        return speak_for_owner(hostile, replica, DX_CREDENTIAL_FEED, items);
    case 5:
        return give_keys(hostile, replica, false, items);
    case 6:
        return give_keys(hostile, replica, true, items);
    case 7:
        return break_signature(hostile, replica, items);
    default:
        sim_hostile_fill(hostile, bytes, sizeof bytes);
        dx_writer_init(&writer, items);
        dx_write_bytes(&writer, dx_bytes_of(bytes, sizeof bytes));
        return DX_OK;
    }
}

static int write_credential(sim_hostile *hostile, dx_replica *replica, sim_count lie) {
    dx_feed *feed = dx_space_feed(replica->space, replica->space->own_control);
    lying_block block = {.judged = true, .judgement = SIM_JUDGED_REFUSED};
    if (feed == NULL || owner_of(replica->space->control) == NULL) {
        return DX_OK;
    }
    dx_buf_init(&block.items, &sim_heap, SIM_MESSAGE_MAX);
    int error = make_credential(hostile, replica, &block.items);
    error = error ? error : append(hostile, replica, feed, lie, &block);
    dx_buf_deinit(&block.items);
    return error;
}

int sim_hostile_write(sim_hostile *hostile, dx_replica *replica, sim_count lie) {
    return lie == SIM_WITHOUT_RIGHT ? write_credential(hostile, replica, lie)
                                    : write_data(hostile, replica, lie);
}
