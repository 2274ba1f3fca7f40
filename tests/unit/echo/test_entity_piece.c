/* tests/unit/echo/test_entity_piece.c: the pieces of a large object give it again: echo/entity_piece.c. */
#include "peer.h"

enum { PIECES_MAX = 64 };

typedef struct pieces {
    size_t count;
    dx_buf sets[PIECES_MAX];
    peer *owner;
} pieces;

static int keep_piece(void *ctx, dx_bytes set) {
    pieces *self = ctx;
    assert_true(self->count < PIECES_MAX);
    assert_int_equal(dx_item_check(set), DX_OK);
    assert_true(set.size <= DX_PIECE_SIZE + 64 || dx_item_kind(set) == DX_KIND_MAP);
    dx_buf_init(&self->sets[self->count], &self->owner->alloc.port, 8 << 20);
    dx_buf_append(&self->sets[self->count++], set.data, set.size);
    return DX_OK;
}

static void view(peer *self, int64_t key, dx_buf *out) {
    dx_entity entity;
    dx_writer writer;
    dx_buf_init(out, &self->alloc.port, 64 << 20);
    peer_begin(self);
    assert_int_equal(dx_entity_read(&self->context, self->space, key, &entity), DX_OK);
    dx_writer_init(&writer, out);
    assert_int_equal(dx_entity_view(&self->context, self->space, &entity, &writer), DX_OK);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    peer_commit(self);
}

static void take_pieces(peer *self, int64_t key, pieces *out) {
    dx_entity entity;
    *out = (pieces){.owner = self};
    peer_begin(self);
    assert_int_equal(dx_entity_read(&self->context, self->space, key, &entity), DX_OK);
    assert_int_equal(dx_entity_write_pieces(&self->context, self->space, &entity, keep_piece, out), DX_OK);
    peer_commit(self);
}

static void set_piece(peer *self, int64_t key, dx_bytes set) {
    dx_transaction *transaction;
    dx_reader reader;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    dx_reader_init(&reader, set);
    for (size_t left = dx_read_map(&reader); left > 0; left--) {
        dx_bytes path = dx_item_text(dx_read_item(&reader)), value = dx_read_item(&reader);
        assert_int_equal(dx_transaction_set(transaction, key, path, value), DX_OK);
    }
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

/* Its view, put together from its pieces on a new object, is the same. */
static size_t expect_again(peer *self, int64_t key) {
    pieces all;
    dx_buf before, after;
    int64_t again = peer_add(self, "copy", "{}");
    take_pieces(self, key, &all);
    for (size_t i = 0; i < all.count; i++) {
        set_piece(self, again, dx_buf_view(&all.sets[i]));
        dx_buf_deinit(&all.sets[i]);
    }
    view(self, key, &before);
    view(self, again, &after);
    assert_true(dx_bytes_equal(dx_buf_view(&before), dx_buf_view(&after)));
    dx_buf_deinit(&before);
    dx_buf_deinit(&after);
    return all.count;
}

/* A text of so many letters as JSON. */
static void set_long(peer *self, int64_t key, const char *path, size_t letters) {
    char *json = malloc(letters + 3);
    assert_non_null(json);
    memset(json, 'x', letters + 2);
    json[0] = json[letters + 1] = '"';
    json[letters + 2] = 0;
    peer_set(self, key, path, json);
    free(json);
}

static void test_pieces_give_the_object_again(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Attic");
    assert_int_equal(expect_again(&alice, peer_add(&alice, "empty", "{}")), 0);
    int64_t small =
        peer_add(&alice, "small", "{\"a\": 1, \"b\": {\"c\": [1, {\"d\": {}}], \"e\": {}}, \"z.z\": null}");
    assert_int_equal(expect_again(&alice, small), 1);
    int64_t large = peer_add(&alice, "large", "{\"list\": [1, 2], \"flat\": {}}");
    set_long(&alice, large, "one", 900000);
    set_long(&alice, large, "two", 300000);
    set_long(&alice, large, "deep.in.a\\.b", 400000);
    set_long(&alice, large, "deep.in.b", 400000);
    set_long(&alice, large, "deep.over.c", 100000);
    peer_set(&alice, large, "deep.in.\\\\.k", "{\"l\": {}}");
    assert_true(expect_again(&alice, large) >= 4);
    peer_deinit(&alice);
}

/* Keys whose paths do not ascend as the keys do: each begins a piece of its own. */
static void test_escaped_keys(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 2, "Alice");
    peer_create_space(&alice, "Attic");
    int64_t odd =
        peer_add(&alice, "odd", "{\"..\": 1, \"zz\": 2, \"aaa\": 3, \"\\\\\": 4, \"b.c\": {\"d.e\": 5}}");
    assert_true(expect_again(&alice, odd) >= 2);
    peer_deinit(&alice);
}

DX_TEST_MAIN(DX_TEST(test_pieces_give_the_object_again), DX_TEST(test_escaped_keys))
