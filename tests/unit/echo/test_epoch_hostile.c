/* tests/unit/echo/test_epoch_hostile.c: chunks under the right hashes that are no state of a space: an admin who means ill can
 * have a root of anything. An honest snapshot is taken apart, one thing in it is made wrong, and it is packed and sealed again. The
 * load is refused, whatever it was; nothing of it is left; the same one is not begun again; and the honest one is loaded
 * after it. Of echo/load_check.c, echo/load.c and echo/snapshot_item.c. */
#include "echo/load_check.h"

#include "echo/base.h"
#include "echo/snapshot_item.h"
#include "epochs.h"

enum { ITEMS_MAX = 64, CHUNKS_MAX = 8, FEEDS = 2, HEADER_ITEMS = 1 + FEEDS };

typedef struct world {
    peer alice, bob, fresh;
    dx_cut cut;
    dx_snapshot_made made;
    dx_chunk_seal seal;
    dx_buf items[ITEMS_MAX]; /* of the honest snapshot, then with something wrong in it */
    size_t count;
    dx_buf chunks[CHUNKS_MAX], manifest; /* as they were packed */
    size_t chunk_count;
    char *before;
} world;

static const dx_alloc *alloc_of(world *w) {
    return &w->alice.alloc.port;
}

/* --- Taking apart, packing again --------------------------------------------------------------------- */

static void add_item(world *w, dx_bytes bytes) {
    assert_true(w->count < ITEMS_MAX);
    dx_buf_init(&w->items[w->count], alloc_of(w), SIZE_MAX);
    dx_buf_append(&w->items[w->count++], bytes.data, bytes.size);
}

static void drop_items(world *w) {
    for (size_t i = 0; i < w->count; i++) {
        dx_buf_deinit(&w->items[i]);
    }
    w->count = 0;
}

static void drop_chunks(world *w) {
    for (size_t i = 0; i < w->chunk_count; i++) {
        dx_buf_deinit(&w->chunks[i]);
    }
    dx_buf_deinit(&w->manifest);
    w->chunk_count = 0;
}

static void take_apart(world *w) {
    dx_chunk_kind kind;
    dx_buf chunk, plain;
    drop_items(w);
    dx_buf_init(&chunk, alloc_of(w), 1 << 20);
    dx_buf_init(&plain, alloc_of(w), 1 << 20);
    peer_begin(&w->alice);
    for (uint64_t i = 0; i < w->made.chunks; i++) {
        dx_buf_clear(&chunk);
        assert_int_equal(dx_snapshot_chunk(&w->alice.context, w->alice.space, w->made.root, i, &chunk),
                         DX_OK);
        assert_int_equal(dx_chunk_open(&w->seal, i, dx_buf_view(&chunk), &kind, &plain), DX_OK);
        assert_int_equal(kind, DX_CHUNK_WHOLE);
    }
    peer_commit(&w->alice);
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&plain));
    while (reader.at < reader.end) {
        add_item(w, dx_read_item(&reader));
        assert_int_equal(reader.error, DX_OK);
    }
    dx_buf_deinit(&chunk);
    dx_buf_deinit(&plain);
    assert_true(w->count > HEADER_ITEMS + 5);
}

static int keep_chunk(void *ctx, uint64_t index, dx_bytes sealed) {
    world *w = ctx;
    uint8_t hash[DX_HASH_SIZE];
    assert_int_equal(index, w->chunk_count);
    assert_true(index < CHUNKS_MAX);
    dx_chunk_hash(sealed, hash);
    dx_buf_append(&w->manifest, hash, sizeof hash);
    dx_buf_init(&w->chunks[index], alloc_of(w), 1 << 20);
    dx_buf_append(&w->chunks[index], sealed.data, sealed.size);
    w->chunk_count++;
    return DX_OK;
}

/* How it is packed, when that is what is wrong. */
typedef enum packing {
    AS_IS,
    HEADER_GOES_ON,
    HALVED,
    FEED_LOST,
    LAST_TWICE,
    ONE_PIECE,
    PIECES_WITHOUT_END
} packing;

static void pack(world *w, packing how) {
    dx_packer packer;
    dx_packer_init(&packer, alloc_of(w), &w->seal, keep_chunk, w);
    dx_buf_init(&w->manifest, alloc_of(w), 1 << 20);
    for (size_t i = 0; i < w->count; i++) {
        bool whole = how != ONE_PIECE && how != PIECES_WITHOUT_END;
        if (!whole && i == w->count - 1) { /* the last one alone, as if it were larger than a chunk */
            assert_int_equal(dx_packer_flush(&packer), DX_OK);
            dx_buf_append_byte(&packer.plain, how == ONE_PIECE ? DX_CHUNK_LAST : DX_CHUNK_PIECE);
            dx_buf_append(&packer.plain, w->items[i].data, w->items[i].size);
            assert_int_equal(dx_packer_flush(&packer), DX_OK);
            break;
        }
        if (how == FEED_LOST && i == HEADER_ITEMS - 1) {
            assert_int_equal(dx_packer_flush(&packer), DX_OK);
            continue;
        }
        assert_int_equal(dx_packer_add(&packer, 0, dx_buf_view(&w->items[i])), DX_OK);
        if ((i == HEADER_ITEMS - 1 && how != HEADER_GOES_ON) || (how == HALVED && i == w->count / 2)) {
            assert_int_equal(dx_packer_flush(&packer), DX_OK);
        }
    }
    if (how == LAST_TWICE) {
        assert_int_equal(dx_packer_flush(&packer), DX_OK);
        assert_int_equal(dx_packer_add(&packer, 0, dx_buf_view(&w->items[w->count - 1])), DX_OK);
    }
    assert_int_equal(dx_packer_flush(&packer), DX_OK);
    dx_packer_deinit(&packer);
}

/* --- The world ---------------------------------------------------------------------------------------- */

static void move(peer *self, int64_t key, int64_t parent) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_move(transaction, key, parent), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

static void world_init(world *w) {
    memset(w, 0, sizeof *w);
    peer_init(&w->alice, 1, "Alice");
    peer_init(&w->bob, 2, "Bob");
    peer_init(&w->fresh, 3, "Fresh");
    peer_create_space(&w->alice, "Garden");
    peer_admit(&w->alice, &w->bob, DX_ROLE_EDITOR);
    peer_admit(&w->alice, &w->fresh, DX_ROLE_READER);
    int64_t a = peer_add(&w->alice, "tree", "{\"name\":\"oak\"}");
    int64_t b = peer_add(&w->alice, "tree", "{\"name\":\"elm\"}");
    peer_link(&w->alice, "near", a, b);
    move(&w->alice, a, b);
    peer_pull(&w->bob, &w->alice, 9);
    peer_set(&w->bob, peer_key(&w->bob, &w->alice, b), "size", "2");
    peer_change_life(&w->bob, peer_key(&w->bob, &w->alice, b), true);
    peer_pull(&w->alice, &w->bob, 9);
    epoch_cut(&w->alice, &w->cut);
    assert_int_equal(w->cut.count, FEEDS);
    w->made = epoch_make(&w->alice, &w->cut, SIZE_MAX);
    peer_begin(&w->alice);
    const dx_snapshot_plan plan = {.number = EPOCH_NUMBER, .key_epoch = 0, .cut = &w->cut};
    assert_int_equal(dx_chunk_seal_init(&w->alice.context, w->alice.space, &plan, &w->seal), DX_OK);
    peer_commit(&w->alice);
    epoch_pull_rights(&w->fresh, &w->alice);
    w->before = peer_state(&w->fresh);
}

static void world_deinit(world *w) {
    drop_items(w);
    free(w->before);
    dx_cut_deinit(&w->cut);
    peer_deinit(&w->alice);
    peer_deinit(&w->bob);
    peer_deinit(&w->fresh);
}

/* --- What is wrong ------------------------------------------------------------------------------------- */

static void put_item(world *w, size_t at, dx_buf *bytes) {
    dx_buf_deinit(&w->items[at]);
    w->items[at] = *bytes;
}

/* The n-th entity that has what the fault is about. */
static size_t find(world *w, bool (*fits)(const dx_snapshot_entity *entity), dx_snapshot_entity *out) {
    for (size_t i = HEADER_ITEMS; i < w->count; i++) {
        assert_int_equal(dx_snapshot_entity_decode(dx_buf_view(&w->items[i]), FEEDS, out), DX_OK);
        if (fits(out)) {
            return i;
        }
    }
    fail_msg("no entity of that kind");
    return 0;
}

static bool is_any(const dx_snapshot_entity *entity) {
    return entity->kind == DX_ENTITY_OBJECT && entity->form == DX_CONTENT_STATE && entity->move_count == 0 &&
           !entity->has_life;
}
static bool is_link(const dx_snapshot_entity *entity) {
    return entity->kind == DX_ENTITY_LINK;
}
static bool is_moved(const dx_snapshot_entity *entity) {
    return entity->move_count != 0;
}
static bool is_deleted(const dx_snapshot_entity *entity) {
    return entity->has_life;
}

static const uint8_t odd_state[] = {0x81, 0x01}, garbage[] = {0xff, 0x00};
static uint8_t list_bytes[64];

/* [[counter, feed, 1]] */
static dx_bytes operations(world *w, uint64_t counter, bool foreign) {
    dx_writer writer;
    dx_buf buf;
    uint8_t feed[DX_PREFIX_SIZE];
    memcpy(feed, w->cut.places[0].feed, sizeof feed);
    feed[0] ^= foreign;
    dx_buf_init(&buf, alloc_of(w), sizeof list_bytes);
    dx_writer_init(&writer, &buf);
    dx_write_array(&writer, 1);
    dx_write_array(&writer, 3);
    dx_write_uint(&writer, counter);
    dx_write_bytes(&writer, dx_bytes_of(feed, sizeof feed));
    dx_write_uint(&writer, 1);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    memcpy(list_bytes, buf.data, buf.size);
    size_t size = buf.size;
    dx_buf_deinit(&buf);
    return dx_bytes_of(list_bytes, size);
}

static void write_moves(world *w, const dx_snapshot_move *moves, size_t count, dx_buf *out) {
    dx_writer writer;
    dx_buf_init(out, alloc_of(w), 1 << 10);
    dx_writer_init(&writer, out);
    for (size_t i = 0; i < count; i++) {
        dx_snapshot_move_write(&moves[i], &writer);
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
}

enum { NOWHERE_SEQ = 1, FAR = 1 << 20 };

/* One entity with one field wrong; false: there are no more. */
static bool spoil_entity(world *w, int which) {
    const dx_snapshot_place nowhere = {.feed = 0, .seq = NOWHERE_SEQ, .index = 77};
    static bool (*const kinds[])(const dx_snapshot_entity *) = {is_any, is_link, is_moved, is_deleted};
    static const uint8_t subjects[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3};
    dx_snapshot_entity e;
    dx_snapshot_move moves[3];
    dx_buf bytes, moved;
    dx_writer writer;
    if ((size_t)which >= sizeof subjects) {
        return false;
    }
    size_t at = find(w, kinds[subjects[which]], &e);
    moves[0] = (dx_snapshot_move){.counter = e.created, .feed = e.place.feed, .parent = {.none = true}};
    moves[1] = (dx_snapshot_move){.counter = e.created + 1, .feed = e.place.feed, .parent = {.none = true}};
    bool moves_again = false;
    switch (which) {
    case 0:
        e.place.seq = FAR; /* beyond the cut */
        break;
    case 1:
        e.kind = DX_ENTITY_LINK; /* between nothing */
        break;
    case 2:
        e.created = 0;
        break;
    case 3:
        e.created = FAR;
        break;
    case 4:
        e.parent = nowhere;
        break;
    case 5:
        e.has_life = e.deleted = true;
        e.life_counter = FAR;
        break;
    case 6:
        e.content = dx_bytes_of(odd_state, sizeof odd_state);
        break;
    case 7:
        e.content = dx_bytes_of(garbage, sizeof garbage);
        break;
    case 8: /* an operation of a feed that has nothing below the cut */
    case 9: /* and one beyond it */
        e.model = dx_bytes_text("test/strange/1");
        e.form = DX_CONTENT_OPERATIONS;
        e.content = operations(w, which == 8 ? e.created : FAR, which == 8);
        break;
    case 10:
        e.model = dx_bytes_text("dx/list/1"); /* whose state another one is */
        break;
    case 11:
        e.source = nowhere;
        break;
    case 12:
        e.target = nowhere;
        break;
    case 13:
        e.source.none = true;
        break;
    case 14:
        e.target.none = true;
        break;
    case 15:
        moves[1].parent = nowhere;
        moves_again = true;
        break;
    case 16:
        moves[0].counter--; /* its creation is not the first */
        moves_again = true;
        break;
    case 17:
        moves[1].counter = FAR;
        moves_again = true;
        break;
    case 18:
        moves[0].feed = 1 - moves[0].feed; /* another one's creation */
        moves_again = true;
        break;
    case 19:
        e.life_counter = e.created - 1;
        break;
    default:
        e.life_counter = FAR;
        break;
    }
    if (moves_again) {
        write_moves(w, moves, 2, &moved);
        e.move_count = 2;
        e.moves = dx_buf_view(&moved);
    }
    dx_buf_init(&bytes, alloc_of(w), 1 << 16);
    dx_writer_init(&writer, &bytes);
    dx_snapshot_entity_write(&e, &writer);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    if (moves_again) {
        dx_buf_deinit(&moved);
    }
    put_item(w, at, &bytes);
    return true;
}

static void swap_items(world *w, size_t a, size_t b) {
    dx_buf held = w->items[a];
    w->items[a] = w->items[b];
    w->items[b] = held;
}

/* Bytes of an item from its end or from its beginning. */
static void flip(world *w, size_t at, size_t from_end) {
    w->items[at].data[w->items[at].size - 1 - from_end] ^= 1;
}

static void rewrite_header(world *w, int which) {
    dx_snapshot_header header;
    dx_buf bytes, ids;
    dx_writer writer;
    dx_reader cursor;
    assert_int_equal(dx_snapshot_header_decode(dx_buf_view(&w->items[0]), &header), DX_OK);
    dx_buf_init(&ids, alloc_of(w), 1 << 10);
    dx_reader_init(&cursor, header.feeds);
    for (size_t i = 0; i < header.feed_count; i++) {
        uint8_t id[DX_HASH_SIZE];
        assert_int_equal(dx_snapshot_header_feed(&cursor, id), DX_OK);
        id[31] ^= which == 2 && i == 0;
        dx_buf_append(&ids, id, which == 3 && i == 0 ? 0 : sizeof id);
    }
    header.space[0] ^= which == 0;
    header.number += which == 1;
    dx_buf_init(&bytes, alloc_of(w), 1 << 10);
    dx_writer_init(&writer, &bytes);
    dx_snapshot_header_write(header.space, header.number, dx_buf_view(&ids), &writer);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_buf_deinit(&ids);
    put_item(w, 0, &bytes);
}

/* [length, peaks, vector] of the first feed. */
static void rewrite_feed(world *w, int which) {
    dx_snapshot_feed feed;
    dx_buf bytes, peaks;
    dx_writer writer;
    dx_bytes item = dx_buf_view(&w->items[1]);
    dx_reader reader;
    assert_int_equal(dx_snapshot_feed_decode(item, FEEDS, 0, &feed), DX_OK);
    dx_buf_init(&peaks, alloc_of(w), 1 << 12);
    dx_buf_append(&peaks, feed.peaks.data, feed.peaks.size);
    peaks.data[0] ^= which == 0;
    dx_buf_init(&bytes, alloc_of(w), 1 << 12);
    dx_writer_init(&writer, &bytes);
    dx_write_array(&writer, 3);
    dx_write_uint(&writer, feed.length + (which == 1 ? 2 * feed.length : 0));
    dx_write_bytes(&writer, dx_buf_view(&peaks));
    dx_write_array(&writer, feed.vector_count);
    dx_reader_init(&reader, feed.vector);
    for (size_t i = 0; i < feed.vector_count; i++) {
        dx_write_item(&writer, dx_read_item(&reader));
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_buf_deinit(&peaks);
    put_item(w, 1, &bytes);
}

/* Whole items; false: there are no more. */
static bool spoil_items(world *w, int which) {
    dx_buf copy;
    switch (which) {
    case 0:
    case 1:
    case 2:
    case 3:
        rewrite_header(w, which);
        return true;
    case 4:
    case 5:
        rewrite_feed(w, which - 4);
        return true;
    case 6:
        swap_items(w, 0, 1);
        return true;
    case 7:
        swap_items(w, 1, 2); /* feeds */
        return true;
    case 8:
        swap_items(w, HEADER_ITEMS, HEADER_ITEMS + 1); /* entities out of their order */
        return true;
    case 9:
        swap_items(w, 2, w->count - 1);
        return true;
    case 10: /* twice */
        dx_buf_init(&copy, alloc_of(w), SIZE_MAX);
        dx_buf_append(&copy, w->items[HEADER_ITEMS].data, w->items[HEADER_ITEMS].size);
        put_item(w, HEADER_ITEMS + 1, &copy);
        return true;
    case 11: /* cut short */
        w->items[w->count - 1].size -= 2;
        return true;
    case 12: /* and longer */
        dx_buf_append_byte(&w->items[w->count - 1], 0xff);
        return true;
    case 13: /* some other item */
        w->items[HEADER_ITEMS].size = 0;
        dx_buf_append_byte(&w->items[HEADER_ITEMS], 0xf6);
        return true;
    case 14: /* bytes that are none */
        flip(w, HEADER_ITEMS, w->items[HEADER_ITEMS].size - 1);
        return true;
    case 15: /* a number in two bytes that fits in one */
        dx_buf_init(&copy, alloc_of(w), SIZE_MAX);
        dx_buf_append(&copy, "\x83\x18\x01", 3);
        put_item(w, 1, &copy);
        return true;
    default:
        return false;
    }
}

/* --- Loading it ---------------------------------------------------------------------------------------- */

static int64_t count_rows(peer *self, const char *sql) {
    peer_begin(self);
    sqlite3_stmt *select = dx_store_query_dynamic(self->context.store, sql);
    assert_true(dx_step(self->context.store, select));
    int64_t count = dx_column_int(select, 0);
    dx_store_discard(select);
    peer_commit(self);
    return count;
}

/* As far as it goes: chunks are what the manifest says, and taken; then they are looked at. */
static void try_load(world *w, const uint8_t root[static DX_HASH_SIZE], size_t budget) {
    peer *self = &w->fresh;
    const dx_snapshot_plan plan = {.number = EPOCH_NUMBER, .key_epoch = 0, .cut = &w->cut};
    bool more = true;
    peer_begin(self);
    assert_int_equal(dx_load_begin(&self->context, self->space, &plan, root, dx_buf_view(&w->manifest)),
                     DX_OK);
    peer_commit(self);
    for (size_t i = 0; i < w->chunk_count; i++) {
        peer_begin(self);
        assert_int_equal(dx_load_chunk(&self->context, self->space, i, dx_buf_view(&w->chunks[i])), DX_OK);
        peer_commit(self);
    }
    for (int steps = 0; more; steps++) {
        assert_true(steps < 1000);
        peer_begin(self);
        assert_int_equal(dx_epoch_run(&self->context, self->space, budget, &more), DX_OK);
        peer_commit(self);
    }
}

static void assert_refused(world *w, packing how, size_t budget) {
    peer *self = &w->fresh;
    const dx_snapshot_plan plan = {.number = EPOCH_NUMBER, .key_epoch = 0, .cut = &w->cut};
    uint8_t root[DX_HASH_SIZE];
    bool refused;
    pack(w, how);
    dx_chunk_root(dx_buf_view(&w->manifest), root);
    try_load(w, root, budget);
    assert_int_equal(self->space->base->stage, DX_EPOCH_IDLE);
    assert_int_equal(self->space->base->number, 0);
    peer_begin(self);
    assert_int_equal(dx_load_was_refused(&self->context, self->space, root, &refused), DX_OK);
    assert_true(refused);
    assert_int_equal(dx_load_begin(&self->context, self->space, &plan, root, dx_buf_view(&w->manifest)),
                     DX_E_MALFORMED);
    peer_commit(self);
    char *after = peer_state(self);
    assert_string_equal(after, w->before);
    free(after);
    assert_int_equal(count_rows(self,
                                "SELECT (SELECT count(*) FROM snapshot_chunk) + (SELECT count(*) FROM"
                                " base_row) + (SELECT count(*) FROM move) + (SELECT count(*) FROM step)"),
                     0);
    drop_chunks(w);
}

static void test_what_is_no_state_is_refused(void **state) {
    (void)state;
    world w;
    int faults = 0;
    world_init(&w);
    for (int pass = 0; pass < 2; pass++) {
        bool any = true;
        for (int which = 0; any; which++) {
            take_apart(&w);
            any = pass == 0 ? spoil_entity(&w, which) : spoil_items(&w, which);
            if (any) {
                assert_refused(&w, AS_IS, 1 + (size_t)which % 3);
                faults++;
            }
        }
    }
    for (packing how = HEADER_GOES_ON; how <= PIECES_WITHOUT_END; how++) {
        take_apart(&w);
        assert_refused(&w, how, 2);
        faults++;
    }
    print_message("# %d of them\n", faults);
    /* None of it stands in the way of what is one. */
    take_apart(&w);
    pack(&w, AS_IS);
    uint8_t root[DX_HASH_SIZE];
    dx_chunk_root(dx_buf_view(&w.manifest), root);
    assert_memory_equal(root, w.made.root, sizeof root);
    try_load(&w, root, 2);
    assert_int_equal(w.fresh.space->base->number, EPOCH_NUMBER);
    assert_same_data(&w.alice, &w.fresh);
    peer_reopen(&w.fresh);
    assert_same_data(&w.alice, &w.fresh);
    drop_chunks(&w);
    world_deinit(&w);
}

/* A strange model's operations, as they should be, are a state. */
static void test_a_strange_model_is_none_of_its_matter(void **state) {
    (void)state;
    world w;
    dx_snapshot_entity e;
    dx_buf bytes;
    dx_writer writer;
    uint8_t root[DX_HASH_SIZE];
    world_init(&w);
    take_apart(&w);
    size_t at = find(&w, is_any, &e);
    e.model = dx_bytes_text("test/strange/1");
    e.form = DX_CONTENT_OPERATIONS;
    e.content = operations(&w, e.created, false);
    dx_buf_init(&bytes, alloc_of(&w), 1 << 16);
    dx_writer_init(&writer, &bytes);
    dx_snapshot_entity_write(&e, &writer);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    put_item(&w, at, &bytes);
    pack(&w, AS_IS);
    dx_chunk_root(dx_buf_view(&w.manifest), root);
    try_load(&w, root, 3);
    assert_int_equal(w.fresh.space->base->number, EPOCH_NUMBER);
    drop_chunks(&w);
    world_deinit(&w);
}

DX_TEST_MAIN(DX_TEST(test_what_is_no_state_is_refused), DX_TEST(test_a_strange_model_is_none_of_its_matter))
