/* tests/unit/echo/test_referrer.c: the index of references follows the bytes of the rows; what it gives is looked at
 * before it is believed. Deleting what is held: tests/unit/node/test_strong.c. */
#include "echo/referrer.h"

#include "peer.h"

static int64_t entries(peer *self) {
    peer_settle(self);
    peer_begin(self);
    sqlite3_stmt *row = dx_store_query(self->context.store, "SELECT count(*) FROM reference");
    int64_t count = dx_step(self->context.store, row) ? dx_column_int(row, 0) : -1;
    dx_step_reset(row);
    peer_commit(self);
    return count;
}

/* {"@ref": "…"} of an object, with what stands behind the id. */
static const char *to(peer *self, int64_t key, const char *behind) {
    static char json[8][80];
    static unsigned next;
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX], *out = json[next++ % 8];
    assert_int_equal(dx_key_to_id(self->space, key, id), DX_OK);
    dx_id_print(id, text);
    snprintf(out, sizeof json[0], "{\"@ref\":\"%s%s\"}", text, behind);
    return out;
}

static int count_entity(void *ctx, const dx_entity *entity) {
    (void)entity;
    return (*(int *)ctx)++ < 100 ? DX_OK : DX_E_LIMIT;
}

static int holders(peer *self, int64_t key) {
    int count = 0;
    peer_begin(self);
    assert_int_equal(dx_referrers_each_strong(&self->context, self->space, key, count_entity, &count), DX_OK);
    peer_commit(self);
    return count;
}

static void test_follows_the_rows(void **state) {
    (void)state;
    peer alice;
    char list[300];
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t tree = peer_add(&alice, "t", "{}"), bench = peer_add(&alice, "t", "{}");
    int64_t page = peer_add(&alice, "t", "{\"n\":1}");
    assert_int_equal(entries(&alice), 0);
    peer_set(&alice, page, "a", to(&alice, tree, ""));
    assert_int_equal(entries(&alice), 1);
    snprintf(list, sizeof list, "[%s,{\"x\":%s},%s]", to(&alice, tree, ""), to(&alice, bench, "!"),
             to(&alice, tree, ""));
    peer_set(&alice, page, "b", list);
    assert_int_equal(entries(&alice), 3); /* the strong one twice */
    assert_int_equal(holders(&alice, bench), 1);
    assert_int_equal(holders(&alice, tree), 0);
    peer_set(&alice, page, "a", "1"); /* the list still has it */
    assert_int_equal(entries(&alice), 3);
    peer_set(&alice, page, "b", to(&alice, bench, ""));
    assert_int_equal(entries(&alice), 1);
    assert_int_equal(holders(&alice, bench), 0);
    peer_change_life(&alice, page, true);
    assert_int_equal(entries(&alice), 1);
    peer_reopen(&alice);
    peer_change_life(&alice, page, false);
    peer_set(&alice, page, "b", "null");
    assert_int_equal(entries(&alice), 0);
    peer_deinit(&alice);
}

/* What is not written to its table yet, what is deleted, and what only looks like a reference. */
static void test_only_what_shows_holds(void **state) {
    (void)state;
    peer alice;
    uint8_t id[DX_ID_SIZE], looks[DX_ID_SIZE + 4] = {0xd8, 0x27, 0x57};
    char json[120];
    dx_buf text;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t tree = peer_add(&alice, "t", "{}"), page = peer_add(&alice, "t", "{}");
    int64_t other = peer_add(&alice, "t", "{}");
    peer_settle(&alice);
    peer_set(&alice, page, "a", to(&alice, tree, "!"));
    assert_int_equal(holders(&alice, tree), 1);
    peer_change_life(&alice, page, true);
    assert_int_equal(holders(&alice, tree), 0);
    assert_int_equal(dx_key_to_id(alice.space, tree, id), DX_OK);
    memcpy(looks + 3, id, sizeof id);
    looks[sizeof looks - 1] = DX_REFERENCE_STRONG;
    dx_buf_init(&text, alice.context.alloc, 200);
    dx_base64url_encode(dx_bytes_of(looks, sizeof looks), &text);
    snprintf(json, sizeof json, "{\"@bytes\":\"%.*s\"}", (int)text.size, (const char *)text.data);
    peer_set(&alice, other, "a", json);
    assert_int_equal(entries(&alice), 4);
    assert_int_equal(holders(&alice, tree), 0);
    dx_buf_deinit(&text);
    peer_deinit(&alice);
}

/* More than are read in one go. */
static void test_many(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t tree = peer_add(&alice, "t", "{}");
    char json[120];
    snprintf(json, sizeof json, "{\"a\":%s}", to(&alice, tree, "!"));
    for (int i = 0; i < 1100; i++) {
        int64_t key = peer_add(&alice, "t", json);
        if (i < 1050) {
            peer_set(&alice, key, "a", to(&alice, tree, "")); /* weak from now on */
        }
    }
    assert_int_equal(holders(&alice, tree), 50);
    peer_deinit(&alice);
}

DX_TEST_MAIN(DX_TEST(test_follows_the_rows), DX_TEST(test_only_what_shows_holds), DX_TEST(test_many))
