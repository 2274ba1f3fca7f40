/* sim/check_blocks.c: reads a space's blocks out of a peer's vault and takes them apart, by the book.
 *
 * Layer: simulator, checkers; docs/spec/block.md, ordering.md, section.md, entities.md. See check_state.h.
 * Each feed is walked by itself: a block's version vector is made of its own feed's declarations alone, so
 * its stamp needs nobody else. First everything that was made is found, then everything that changed it. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "check_state.h"
#include "halo/control_purge.h"
#include "node/state.h"

enum {
    FLAG_CONTINUES = 1,
    TRANSACTION_BLOCKS_MAX = 64,
    SECTIONS_MAX = 65535,
    NAME_SIZE_MAX = 256,
    SIV_SIZE = 16,
    SEQ_MAX = INT32_MAX
};

/* --- Memory ------------------------------------------------------------------------------------------- */

struct check_chunk {
    check_chunk *next;
    uint8_t bytes[];
};

void *check_take(check_space *space, size_t size) {
    check_chunk *chunk = calloc(1, sizeof *chunk + size + 1);
    DX_ASSERT(chunk != NULL);
    chunk->next = space->chunks;
    space->chunks = chunk;
    return chunk->bytes;
}

dx_bytes check_copy(check_space *space, dx_bytes bytes) {
    uint8_t *copy = check_take(space, bytes.size);
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return dx_bytes_of(copy, bytes.size);
}

void check_space_free(check_space *space) {
    while (space->chunks != NULL) {
        check_chunk *next = space->chunks->next;
        free(space->chunks);
        space->chunks = next;
    }
    *space = (check_space){0};
}

/* --- Places ------------------------------------------------------------------------------------------- */

int check_stamp_order(const check_stamp *a, const check_stamp *b) {
    return a->counter != b->counter ? (a->counter < b->counter ? -1 : 1)
                                    : memcmp(a->feed, b->feed, sizeof a->feed);
}

bool check_place_is(const check_place *a, const check_place *b) {
    return a->feed == b->feed && a->seq == b->seq && a->index == b->index;
}

check_entity *check_find(const check_space *space, const check_place *place) {
    for (size_t i = 0; i < space->entity_count; i++) {
        if (check_place_is(&space->entities[i].place, place)) {
            return &space->entities[i];
        }
    }
    return NULL;
}

void check_id_text(const check_space *space, const check_place *place, char *out) {
    char hex[2 * CHECK_PREFIX_SIZE + 1];
    dx_hex_encode(dx_bytes_of(space->feeds[place->feed].id, CHECK_PREFIX_SIZE), hex);
    snprintf(out, CHECK_ID_TEXT_SIZE, "%u-%u-%s", (unsigned)place->seq, (unsigned)place->index, hex);
}

static int feed_of_prefix(const check_space *space, const uint8_t *prefix) {
    for (size_t i = 0; i < space->feed_count; i++) {
        if (memcmp(space->feeds[i].id, prefix, CHECK_PREFIX_SIZE) == 0) {
            return (int)i;
        }
    }
    return CHECK_NOWHERE;
}

/* --- Rows --------------------------------------------------------------------------------------------- */

static void add_feed(check_space *space, sqlite3_stmt *row) {
    check_feed feed = {.local = dx_column_int(row, 0),
                       .data = dx_column_int(row, 2) == 1,
                       .length = (uint64_t)dx_column_int(row, 3),
                       .applied = (uint64_t)dx_column_int(row, 4),
                       .floor = (uint64_t)dx_column_int(row, 5),
                       .cut = dx_column_is_null(row, 6) ? UINT64_MAX : (uint64_t)dx_column_int(row, 6)};
    size_t at = space->feed_count++;
    memcpy(feed.id, dx_column_bytes(row, 1).data, sizeof feed.id);
    memcpy(feed.device, dx_column_bytes(row, 7).data, sizeof feed.device);
    for (; at > 0 && memcmp(feed.id, space->feeds[at - 1].id, sizeof feed.id) < 0; at--) {
        space->feeds[at] = space->feeds[at - 1];
    }
    space->feeds[at] = feed;
}

static void read_feeds(check_space *space, dx_store *store, int64_t local) {
    sqlite3_stmt *count = dx_store_query(store, "SELECT count(*) FROM feed WHERE space = ?1");
    dx_bind_int(count, 1, local);
    bool there = dx_step(store, count);
    space->feeds = check_take(space, there ? (size_t)dx_column_int(count, 0) * sizeof *space->feeds : 0);
    dx_step_reset(count);
    sqlite3_stmt *rows =
        dx_store_query(store, "SELECT id, feed_id, class, length, reached, floor, cut, device "
                              "FROM feed WHERE space = ?1");
    dx_bind_int(rows, 1, local);
    while (dx_step(store, rows)) {
        add_feed(space, rows);
    }
}

static void read_keys(check_space *space, dx_store *store, int64_t local) {
    sqlite3_stmt *rows = dx_store_query(store, "SELECT epoch, key FROM space_key WHERE space = ?1");
    dx_bind_int(rows, 1, local);
    while (dx_step(store, rows)) {
        check_key *keys = check_take(space, (space->key_count + 1) * sizeof *keys);
        if (space->key_count > 0) {
            memcpy(keys, space->keys, space->key_count * sizeof *keys);
        }
        keys[space->key_count++] = (check_key){.epoch = (uint64_t)dx_column_int(rows, 0),
                                               .key = check_copy(space, dx_column_bytes(rows, 1))};
        space->keys = keys;
    }
}

static void read_purges(check_space *space, const dx_control *control) {
    space->purged_count = dx_control_purge_count(control);
    space->purged = check_take(space, space->purged_count * sizeof *space->purged);
    for (size_t i = 0; i < space->purged_count; i++) {
        memcpy(space->purged[i], dx_control_purge(control, i), CHECK_ID_SIZE);
    }
}

bool check_is_purged(const check_space *space, const char *id) {
    for (size_t i = 0; i < space->purged_count; i++) {
        const uint8_t *bytes = space->purged[i];
        char hex[2 * CHECK_PREFIX_SIZE + 1], text[CHECK_ID_TEXT_SIZE];
        uint32_t seq = 0;
        for (size_t at = 0; at < 4; at++) {
            seq = seq << 8 | bytes[CHECK_PREFIX_SIZE + at];
        }
        dx_hex_encode(dx_bytes_of(bytes, CHECK_PREFIX_SIZE), hex);
        snprintf(text, sizeof text, "%u-%u-%s", seq,
                 (unsigned)(bytes[CHECK_PREFIX_SIZE + 4] << 8 | bytes[CHECK_PREFIX_SIZE + 5]), hex);
        if (strcmp(text, id) == 0) {
            return true;
        }
    }
    return false;
}

static int read_vault(check_space *space, dx_node *node, const char *hex) {
    uint8_t id[CHECK_HASH_SIZE];
    dx_space *found = NULL;
    int error = dx_hex_decode(hex, strlen(hex), id, sizeof id);
    for (size_t i = 0; error == DX_OK && i < node->space_count; i++) {
        if (memcmp(node->spaces[i]->id, id, sizeof id) == 0) {
            found = node->spaces[i];
        }
    }
    if (found == NULL) {
        return DX_E_NOT_FOUND;
    }
    dx_control_digest(found->control, space->control_digest);
    read_purges(space, found->control);
    error = dx_store_begin(node->store);
    if (error != DX_OK) {
        return error;
    }
    read_feeds(space, node->store, found->local);
    read_keys(space, node->store, found->local);
    for (size_t i = 0; i < space->feed_count; i++) {
        if (space->feeds[i].data) {
            check_read_branches(space, node->store, &space->feeds[i],
                                dx_space_feed(found, space->feeds[i].local));
        }
        check_read_standing(found->control, &space->feeds[i]);
    }
    error = dx_store_error(node->store);
    dx_store_rollback(node->store);
    return error;
}

/* --- Blocks ------------------------------------------------------------------------------------------- */

typedef struct read_block {
    uint64_t flags, epoch;
    dx_bytes auth, deps; /* arrays, as items */
    dx_reader sections;
    size_t section_count;
} read_block;

static bool decode_block(dx_bytes bytes, read_block *out) {
    dx_reader reader, header;
    dx_reader_init(&reader, bytes);
    (void)dx_read_array(&reader);
    dx_reader_init(&header, dx_read_bytes(&reader));
    out->section_count = dx_read_array(&reader);
    out->sections = reader;
    (void)dx_read_array(&header);
    (void)dx_read_uint(&header); /* version */
    (void)dx_read_uint(&header); /* class */
    out->flags = dx_read_uint(&header);
    out->epoch = dx_read_uint(&header);
    (void)dx_read_uint(&header); /* wall */
    out->auth = dx_read_item(&header);
    out->deps = dx_read_item(&header);
    return bytes.size > 0 && dx_reader_finish(&header) == DX_OK && reader.error == DX_OK;
}

/* What a walk along one feed knows. */
typedef struct walk {
    check_space *space;
    int feed;
    uint64_t *vector; /* version vector, by position of the feed */
    bool making;      /* first pass: what is made; second: what changes it */
} walk;

dx_reader check_named_in(dx_bytes bytes, bool data) {
    read_block block = {.flags = 0};
    dx_reader reader;
    bool readable = decode_block(bytes, &block);
    dx_reader_init(&reader, !readable ? dx_bytes_of(NULL, 0) : data ? block.deps : block.auth);
    if (readable) {
        (void)dx_read_array(&reader);
    }
    return reader;
}

bool check_next_named(const check_space *space, dx_reader *list, check_named *out) {
    uint8_t prefix[CHECK_PREFIX_SIZE];
    if (list->error != DX_OK || list->at == list->end) {
        return false;
    }
    (void)dx_read_array(list);
    dx_read_bytes_exact(list, prefix, sizeof prefix);
    out->length = dx_read_uint(list);
    dx_read_bytes_exact(list, out->root, sizeof out->root);
    out->feed = feed_of_prefix(space, prefix);
    return list->error == DX_OK;
}

/* Whether the named feeds are of this class and others than the own one. */
static bool names_well(const walk *self, dx_bytes block, bool data) {
    dx_reader list = check_named_in(block, data);
    check_named named;
    while (check_next_named(self->space, &list, &named)) {
        if (named.feed == self->feed ||
            (named.feed != CHECK_NOWHERE && self->space->feeds[named.feed].data != data)) {
            return false;
        }
    }
    return true;
}

/* Takes what the block declares into the version vector. What it builds on must be in effect: it was applied. */
static void declare(walk *self, uint64_t seq, bool data) {
    const check_space *space = self->space;
    const check_feed *own = &space->feeds[self->feed];
    dx_reader list = check_named_in(own->blocks[seq], data);
    check_named named;
    while (check_next_named(space, &list, &named)) {
        if (named.feed == CHECK_NOWHERE || !check_may_build_on(own, seq, &space->feeds[named.feed], &named)) {
            sim_violate(space->world, "peer %zu applied block %d of feed %02x%02x… without one that it names",
                        space->peer, (int)seq, own->id[0], own->id[1]);
            return;
        }
        if (self->vector[named.feed] < named.length) {
            self->vector[named.feed] = named.length;
        }
    }
}

static check_stamp stamp_of(const walk *self) {
    check_stamp stamp = {.counter = 0};
    memcpy(stamp.feed, self->space->feeds[self->feed].id, sizeof stamp.feed);
    for (size_t i = 0; i < self->space->feed_count; i++) {
        stamp.counter += self->space->feeds[i].data ? self->vector[i] : 0;
    }
    return stamp;
}

/* --- Sections ----------------------------------------------------------------------------------------- */

typedef enum place_form { FORM_NONE, FORM_BLOCK, FORM_OWN, FORM_FEED } place_form;

typedef struct place {
    place_form form;
    uint64_t seq, index;
    uint8_t feed[CHECK_PREFIX_SIZE];
} place;

typedef struct read_section {
    place subject, parent, source, target, moved_to;
    bool creates, link, operates, lives, dies, moves;
    dx_bytes type, model, operation;
} read_section;

static place read_place(dx_reader *in, const uint8_t *own, bool in_block) {
    place out = {.form = FORM_NONE};
    if (dx_reader_peek(in) == DX_KIND_NULL) {
        dx_read_null(in);
        return out;
    }
    size_t items = dx_read_array(in);
    out.form = items == 3 ? FORM_FEED : items == 2 ? FORM_OWN : FORM_BLOCK;
    if (items < 1 || items > 3 || (out.form == FORM_BLOCK && !in_block)) {
        dx_reader_fail(in);
        return out;
    }
    out.seq = out.form == FORM_BLOCK ? 0 : dx_read_uint_max(in, SEQ_MAX);
    out.index = dx_read_uint_max(in, SECTIONS_MAX - 1);
    if (out.form == FORM_FEED) {
        dx_read_bytes_exact(in, out.feed, sizeof out.feed);
        if (memcmp(out.feed, own, sizeof out.feed) == 0) {
            dx_reader_fail(in);
        }
    }
    return out;
}

static dx_bytes read_name(dx_reader *in) {
    dx_bytes name = {NULL, 0};
    if (dx_reader_peek(in) == DX_KIND_NULL) {
        dx_read_null(in);
    } else {
        name = dx_read_text(in);
        if (name.size == 0 || name.size > NAME_SIZE_MAX) {
            dx_reader_fail(in);
        }
    }
    return name;
}

static void read_create(dx_reader *in, const uint8_t *own, read_section *out) {
    out->creates = true;
    out->link = dx_read_uint_max(in, 1) == 1;
    out->type = read_name(in);
    out->model = read_name(in);
    out->parent = read_place(in, own, true);
    out->source = read_place(in, own, true);
    out->target = read_place(in, own, true);
    bool ends = out->source.form != FORM_NONE && out->target.form != FORM_NONE;
    bool none = out->source.form == FORM_NONE && out->target.form == FORM_NONE;
    bool well = out->link ? ends && out->parent.form == FORM_NONE : none;
    if (!well || dx_bytes_equal(out->model, dx_bytes_text("dx/object/1"))) {
        dx_reader_fail(in);
    }
}

/* The kinds of the ops must ascend; delete (2) and restore (3) exclude each other, and so do create (0) and move (4). */
static bool decode_section(dx_bytes plain, const uint8_t *own, read_section *out) {
    static const size_t items_of[] = {7, 2, 1, 1, 2};
    dx_reader in;
    int last = -1;
    *out = (read_section){.creates = false};
    dx_reader_init(&in, plain);
    bool well = dx_read_array(&in) == 2;
    out->subject = read_place(&in, own, false);
    size_t ops = dx_read_array(&in);
    well = well && ops >= 1;
    for (; well && ops > 0 && in.error == DX_OK; ops--) {
        size_t items = dx_read_array(&in);
        int kind = (int)dx_read_uint_max(&in, 4);
        well = in.error == DX_OK && items == items_of[kind] && kind > last && (last < 2 || kind == 4) &&
               !(kind == 4 && out->creates);
        last = kind;
        if (well && kind == 0) {
            read_create(&in, own, out);
        } else if (well && kind == 1) {
            out->operates = true;
            out->operation = dx_read_item(&in);
        }
        if (well && kind == 4) {
            out->moves = true;
            out->moved_to = read_place(&in, own, true);
        }
        out->dies = out->dies || kind == 2;
        out->lives = out->lives || kind == 3;
    }
    return well && dx_reader_finish(&in) == DX_OK && out->creates == (out->subject.form == FORM_NONE);
}

/* The entity's place; false when the block has not declared to have seen it. */
static bool resolve(const walk *self, uint64_t seq, const place *named, check_place *out) {
    *out = (check_place){.feed = CHECK_NOWHERE};
    if (named->form == FORM_NONE) {
        return true;
    }
    *out = (check_place){.feed = self->feed, .seq = named->seq, .index = named->index};
    if (named->form == FORM_BLOCK) {
        out->seq = seq;
        return true;
    }
    if (named->form == FORM_OWN) {
        return named->seq < seq;
    }
    out->feed = feed_of_prefix(self->space, named->feed);
    return out->feed != CHECK_NOWHERE && self->space->feeds[out->feed].data &&
           named->seq < self->vector[out->feed];
}

static void settle_life(check_entity *entity, const read_section *section, const check_stamp *stamp) {
    if ((section->lives || section->dies) &&
        (!entity->has_life || check_stamp_order(stamp, &entity->life) > 0)) {
        entity->has_life = true;
        entity->deleted = section->dies;
        entity->life = *stamp;
    }
}

/* An operation that the model refuses changes nothing; the section's other ops count. */
static void operate(walk *self, check_entity *entity, const read_section *section, const check_stamp *stamp) {
    bool (*takes)(check_space *, check_entity *, dx_bytes, const check_stamp *) =
        entity->model.size > 0 ? check_model_operate : check_object_operate;
    if (section->operates && !takes(self->space, entity, section->operation, stamp)) {
        self->space->refused++;
    }
    settle_life(entity, section, stamp);
}

static void make(walk *self, uint64_t seq, uint64_t index, const read_section *section,
                 const check_stamp *stamp) {
    check_space *space = self->space;
    check_entity entity = {.place = {.feed = self->feed, .seq = seq, .index = index},
                           .link = section->link,
                           .type = section->type,
                           .model = section->model,
                           .created = *stamp};
    if (!resolve(self, seq, &section->parent, &entity.parent) ||
        !resolve(self, seq, &section->source, &entity.source) ||
        !resolve(self, seq, &section->target, &entity.target)) {
        space->refused++;
        return;
    }
    if (space->entity_count == space->entity_capacity) {
        size_t capacity = space->entity_capacity == 0 ? 256 : 2 * space->entity_capacity;
        check_entity *entities = check_take(space, capacity * sizeof *entities);
        if (space->entity_count > 0) {
            memcpy(entities, space->entities, space->entity_count * sizeof *entities);
        }
        space->entities = entities;
        space->entity_capacity = capacity;
    }
    space->entities[space->entity_count] = entity;
    operate(self, &space->entities[space->entity_count++], section, stamp);
}

/* Own feed first, then by feed, seq and index. */
static bool is_before(const place *a, const place *b) {
    int order = a->form != b->form ? (a->form < b->form ? -1 : 1) : memcmp(a->feed, b->feed, sizeof a->feed);
    if (order != 0) {
        return order < 0;
    }
    return a->seq != b->seq ? a->seq < b->seq : a->index < b->index;
}

/* What a member is called says its own device alone. */
static bool may_change(const walk *self, const check_entity *entity) {
    static const char own_word[] = "dx.member";
    const check_feed *feeds = self->space->feeds;
    bool is_own_word = !entity->link && entity->type.size == sizeof own_word - 1 &&
                       memcmp(entity->type.data, own_word, sizeof own_word - 1) == 0;
    return !is_own_word ||
           memcmp(feeds[self->feed].device, feeds[entity->place.feed].device, sizeof feeds->device) == 0;
}

static void change(walk *self, uint64_t seq, const read_section *section, const check_stamp *stamp,
                   place *last) {
    check_place subject;
    if (!resolve(self, seq, &section->subject, &subject) ||
        (last->form != FORM_NONE && !is_before(last, &section->subject))) {
        self->space->refused++;
        return;
    }
    *last = section->subject;
    check_move moved = {.stamp = *stamp};
    if (section->moves && !resolve(self, seq, &section->moved_to, &moved.parent)) {
        self->space->refused++;
        return;
    }
    const check_feed *maker = &self->space->feeds[subject.feed];
    bool sees = subject.feed == self->feed || subject.seq < maker->cut ||
                check_saw(self->space, &self->space->feeds[self->feed], seq, maker);
    check_entity *entity = sees ? check_find(self->space, &subject) : NULL;
    if (entity == NULL || !may_change(self, entity) || (section->moves && entity->link)) {
        self->space->refused++;
        return;
    }
    operate(self, entity, section, stamp);
    if (section->moves) {
        check_hierarchy_move(self->space, entity, &moved);
    }
}

static void put_number(uint8_t *out, uint64_t number) {
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(number >> (8 * i));
    }
}

/* Size 0: it does not open. What stands before the text is its nonce and must be the hash of what comes out. */
static dx_bytes open_section(walk *self, dx_bytes key, uint64_t seq, uint64_t index, dx_bytes sealed) {
    uint8_t bound[CHECK_HASH_SIZE + 16], nonce[crypto_stream_xchacha20_NONCEBYTES] = {0},
                                         hash[CHECK_HASH_SIZE];
    const uint8_t person[crypto_generichash_blake2b_PERSONALBYTES + 1] = "dx section nonce";
    crypto_generichash_blake2b_state state;
    if (sealed.size <= SIV_SIZE || key.size != crypto_stream_xchacha20_KEYBYTES) {
        return dx_bytes_of(NULL, 0);
    }
    size_t size = sealed.size - SIV_SIZE;
    memcpy(bound, self->space->feeds[self->feed].id, CHECK_HASH_SIZE);
    put_number(bound + CHECK_HASH_SIZE, seq);
    put_number(bound + CHECK_HASH_SIZE + 8, index);
    memcpy(nonce, sealed.data, SIV_SIZE);
    uint8_t *plain = check_take(self->space, size);
    crypto_stream_xchacha20_xor(plain, sealed.data + SIV_SIZE, size, nonce, key.data);
    crypto_generichash_blake2b_init_salt_personal(&state, key.data, key.size, sizeof hash, NULL, person);
    crypto_generichash_blake2b_update(&state, bound, sizeof bound);
    crypto_generichash_blake2b_update(&state, plain, size);
    crypto_generichash_blake2b_final(&state, hash, sizeof hash);
    return dx_bytes_of(plain, memcmp(hash, sealed.data, SIV_SIZE) == 0 ? size : 0);
}

/* What is purged has no section left anywhere; blocks that a vault let go of are kept here as they were then, with what was
 * purged later, which is nobody's any more. */
static bool is_purged(const walk *self, uint64_t seq, uint64_t index, const read_section *section) {
    const check_space *space = self->space;
    const place *subject = &section->subject;
    bool elsewhere = !section->creates && subject->form == FORM_FEED;
    uint8_t id[CHECK_ID_SIZE];
    memcpy(id, elsewhere ? subject->feed : space->feeds[self->feed].id, CHECK_PREFIX_SIZE);
    uint64_t at = section->creates || subject->form == FORM_BLOCK ? seq : subject->seq;
    uint64_t number = section->creates ? index : subject->index;
    for (size_t i = 0; i < 4; i++) {
        id[CHECK_PREFIX_SIZE + i] = (uint8_t)(at >> (24 - 8 * i));
    }
    id[CHECK_PREFIX_SIZE + 4] = (uint8_t)(number >> 8);
    id[CHECK_PREFIX_SIZE + 5] = (uint8_t)number;
    for (size_t i = 0; i < space->purged_count; i++) {
        if (memcmp(space->purged[i], id, sizeof id) != 0) {
            continue;
        }
        if (seq >= space->feeds[self->feed].begins) {
            sim_violate(space->world, "peer %zu holds section %d of block %d about something that is purged",
                        space->peer, (int)index, (int)seq);
        }
        return true;
    }
    return false;
}

static void walk_sections(walk *self, uint64_t seq, read_block *block) {
    check_stamp stamp = stamp_of(self);
    const uint8_t *own = self->space->feeds[self->feed].id;
    place last = {.form = FORM_NONE};
    dx_bytes key = {NULL, 0};
    for (size_t i = 0; i < self->space->key_count; i++) {
        key = self->space->keys[i].epoch == block->epoch ? self->space->keys[i].key : key;
    }
    for (uint64_t index = 0; index < block->section_count; index++) {
        read_section section;
        if (dx_reader_peek(&block->sections) == DX_KIND_ARRAY) {
            (void)dx_read_item(&block->sections); /* purged */
            continue;
        }
        dx_bytes plain = open_section(self, key, seq, index, dx_read_bytes(&block->sections));
        bool readable = plain.size != 0 && decode_section(plain, own, &section);
        if (!readable) {
            self->space->refused += self->making;
        } else if (is_purged(self, seq, index, &section)) {
            continue;
        } else if (section.creates && self->making) {
            make(self, seq, index, &section, &stamp);
        } else if (!section.creates && !self->making) {
            change(self, seq, &section, &stamp, &last);
        }
    }
}

/* --- What is hidden -------------------------------------------------------------------------------------- */

static void hide(walk *self, uint64_t seq, const read_section *section) {
    check_space *space = self->space;
    const place *named = &section->subject;
    check_place at = {.feed = self->feed, .seq = named->seq, .index = named->index};
    at.feed = named->form == FORM_FEED ? feed_of_prefix(space, named->feed) : at.feed;
    check_entity *entity = at.feed == CHECK_NOWHERE || at.seq >= check_parting(&space->feeds[at.feed])
                               ? NULL
                               : check_find(space, &at);
    check_step step = {.stamp = {.counter = seq}, .operation = section->operation};
    memcpy(step.stamp.feed, space->feeds[self->feed].id, sizeof step.stamp.feed);
    if (entity == NULL || !dx_bytes_equal(entity->model, dx_bytes_text("dx/text/1"))) {
        return;
    }
    if (entity->hidden_count == entity->hidden_capacity) {
        size_t capacity = entity->hidden_capacity == 0 ? 16 : 2 * entity->hidden_capacity;
        check_step *all = check_take(space, capacity * sizeof *all);
        if (entity->hidden_count > 0) {
            memcpy(all, entity->hidden, entity->hidden_count * sizeof *all);
        }
        entity->hidden = all;
        entity->hidden_capacity = capacity;
    }
    entity->hidden[entity->hidden_count++] = step;
}

static void hide_block(walk *self, uint64_t seq, dx_bytes bytes) {
    const uint8_t *own = self->space->feeds[self->feed].id;
    dx_bytes key = {NULL, 0};
    read_block block;
    if (!decode_block(bytes, &block) || !names_well(self, bytes, false) || !names_well(self, bytes, true)) {
        return;
    }
    for (size_t i = 0; i < self->space->key_count; i++) {
        key = self->space->keys[i].epoch == block.epoch ? self->space->keys[i].key : key;
    }
    for (uint64_t index = 0; index < block.section_count; index++) {
        read_section section;
        if (dx_reader_peek(&block.sections) == DX_KIND_ARRAY) {
            (void)dx_read_item(&block.sections); /* purged */
            continue;
        }
        dx_bytes plain = open_section(self, key, seq, index, dx_read_bytes(&block.sections));
        if (plain.size != 0 && decode_section(plain, own, &section) && !section.creates && section.operates &&
            !is_purged(self, seq, index, &section)) {
            hide(self, seq, &section);
        }
    }
}

/* Once all that has effect was made. */
static void walk_hidden(walk *self) {
    check_space *space = self->space;
    for (self->feed = 0; self->feed < (int)space->feed_count; self->feed++) {
        const check_feed *feed = &space->feeds[self->feed];
        space->blind = space->blind || (feed->data && feed->cut != UINT64_MAX && feed->begins > feed->cut);
        check_hidden_run *runs = check_take(space, (feed->branch_count + 1) * sizeof *runs);
        size_t count = feed->data ? check_find_hidden(space, feed, runs) : 0;
        for (size_t i = 0; i < count; i++) {
            for (uint64_t seq = runs[i].begin; seq < runs[i].end; seq++) {
                hide_block(self, seq, runs[i].branch->blocks[seq]);
            }
        }
    }
}

/* --- Transactions --------------------------------------------------------------------------------------- */

/* The end of the transaction that begins here; *skipped: one of its blocks is against the rules, and nothing
 * of it counts. */
static uint64_t end_of_transaction(const walk *self, uint64_t begin, bool *skipped) {
    const check_feed *feed = &self->space->feeds[self->feed];
    *skipped = false;
    for (uint64_t seq = begin; seq < feed->applied; seq++) {
        read_block block;
        if (!decode_block(feed->blocks[seq], &block)) {
            return 0;
        }
        *skipped = !names_well(self, feed->blocks[seq], false) || !names_well(self, feed->blocks[seq], true);
        bool goes_on = (block.flags & FLAG_CONTINUES) != 0 && seq + 1 - begin < TRANSACTION_BLOCKS_MAX;
        if (*skipped || !goes_on) {
            return seq + 1;
        }
    }
    return 0;
}

static bool walk_feed(walk *self) {
    const check_feed *feed = &self->space->feeds[self->feed];
    memset(self->vector, 0, self->space->feed_count * sizeof *self->vector);
    for (uint64_t seq = 0; seq < feed->applied;) {
        bool skipped;
        uint64_t end = end_of_transaction(self, seq, &skipped);
        if (end == 0) {
            sim_violate(self->space->world, "peer %zu applied a feed up to the middle of a transaction",
                        self->space->peer);
            return false;
        }
        for (; seq < end; seq++) {
            read_block block;
            bool readable = decode_block(feed->blocks[seq], &block);
            DX_ASSERT(readable);
            if (!skipped) {
                declare(self, seq, false);
                declare(self, seq, true);
            }
            self->vector[self->feed] = seq + 1;
            if (!skipped) {
                walk_sections(self, seq, &block);
            }
        }
    }
    return self->space->world->violation[0] == 0;
}

bool check_space_read(check_space *space, sim_peer *peer, size_t number) {
    *space = (check_space){.world = peer->world, .peer = peer->index};
    int error = read_vault(space, peer->node, peer->world->space[number]);
    if (error != DX_OK) {
        sim_violate(peer->world, "the blocks of peer %zu cannot be read: %s", peer->index,
                    dx_error_name(error));
        return false;
    }
    check_decide(space);
    if (peer->world->violation[0] != 0) {
        return false;
    }
    walk self = {.space = space, .vector = check_take(space, space->feed_count * sizeof *self.vector)};
    for (int pass = 0; pass < 2; pass++) {
        self.making = pass == 0;
        for (self.feed = 0; self.feed < (int)space->feed_count; self.feed++) {
            if (space->feeds[self.feed].data && !walk_feed(&self)) {
                return false;
            }
        }
    }
    walk_hidden(&self);
    check_hierarchy_work_out(space);
    return true;
}
