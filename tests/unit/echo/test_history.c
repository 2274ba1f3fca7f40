/* tests/unit/echo/test_history.c: an entity as it was, what changed it, its way back, undo and redo (echo/history.h,
 * echo/touch.h, echo/timeline.h, echo/undo.h). */
#include "codec/canonical.h"
#include "echo/history.h"

#include "echo/timeline.h"
#include "echo/undo.h"
#include "peer.h"

enum { TOLD_MAX = 2048 };

/* --- Looking ---------------------------------------------------------------------------------- */

typedef struct listing {
    char told[TOLD_MAX];
    dx_stamp stamps[32];
    size_t count;
} listing;

static int note(void *ctx, const dx_version *version) {
    listing *self = ctx;
    size_t at = strlen(self->told);
    const dx_section *section = &version->section;
    snprintf(self->told + at, sizeof self->told - at, "%s%s%s%s", at == 0 ? "" : ", ",
             section->creates ? "made" : "", section->operates && !section->creates ? "set" : "",
             section->life == DX_LIFE_DELETE    ? "deleted"
             : section->life == DX_LIFE_RESTORE ? "restored"
                                                : "");
    self->stamps[self->count++] = version->stamp;
    return DX_OK;
}

/* Newest first. */
static void list(peer *self, int64_t key, const dx_stamp *before, size_t limit, bool expect_more,
                 listing *out) {
    bool more;
    memset(out, 0, sizeof *out);
    peer_begin(self);
    assert_int_equal(dx_history_versions(&self->context, self->space, key, before, limit, note, out, &more),
                     DX_OK);
    peer_commit(self);
    assert_int_equal(more, expect_more);
}

static void show_at(peer *self, int64_t key, const dx_stamp *point, char *out, size_t size) {
    dx_entity entity;
    dx_buf state, row, text;
    dx_writer writer;
    dx_buf_init(&state, &self->alloc.port, DX_STATE_SIZE_MAX);
    dx_buf_init(&row, &self->alloc.port, 4 << 20);
    dx_buf_init(&text, &self->alloc.port, 4 << 20);
    peer_begin(self);
    int error = dx_history_entity(&self->context, self->space, key, point, &state, &entity);
    if (error == DX_E_NOT_FOUND) {
        snprintf(out, size, "nothing");
    } else {
        assert_int_equal(error, DX_OK);
        dx_writer_init(&writer, &row);
        assert_int_equal(dx_entity_view(&self->context, self->space, &entity, &writer), DX_OK);
        assert_int_equal(dx_json_print(dx_buf_view(&row), &text), DX_OK);
        snprintf(out, size, "%.*s%s", (int)text.size, (const char *)text.data,
                 entity.deleted ? " deleted" : "");
    }
    peer_commit(self);
    dx_buf_deinit(&state);
    dx_buf_deinit(&row);
    dx_buf_deinit(&text);
}

#define assert_showed(self, key, point, expected)                                                            \
    do {                                                                                                     \
        char shown[1024];                                                                                    \
        show_at(self, key, point, shown, sizeof shown);                                                      \
        assert_string_equal(shown, expected);                                                                \
    } while (0)

static int undo(peer *self, bool redo, dx_undone *out) {
    peer_begin(self);
    int error = dx_undo(&self->context, self->space, redo, NULL, out);
    peer_commit(self);
    return error;
}

static void expect_undo(peer *self, bool redo, size_t entities, size_t kept) {
    dx_undone undone;
    assert_int_equal(undo(self, redo, &undone), DX_OK);
    assert_int_equal(undone.entities, entities);
    assert_int_equal(undone.kept, kept);
}

static void expect_nothing(peer *self, bool redo) {
    dx_undone undone;
    assert_int_equal(undo(self, redo, &undone), DX_E_NOT_FOUND);
}

static void two_peers(peer *alice, peer *bob) {
    peer_init(alice, 1, "Alice");
    peer_init(bob, 2, "Bob");
    peer_create_space(alice, "Garden");
    peer_admit(alice, bob, DX_ROLE_EDITOR);
}

/* --- Points ----------------------------------------------------------------------------------- */

static void test_points_are_read_as_they_are_printed(void **state) {
    (void)state;
    dx_stamp point = {.counter = 1234567, .feed = {0xab, 0xcd, [15] = 0x01}}, again;
    char text[DX_POINT_TEXT_MAX];
    dx_point_print(&point, text);
    assert_string_equal(text, "1234567-abcd0000000000000000000000000001");
    assert_int_equal(dx_point_parse(dx_bytes_text(text), &again), DX_OK);
    assert_int_equal(dx_stamp_compare(&point, &again), 0);
    /* What is left out stands for the last that it can be. */
    assert_int_equal(dx_point_parse(dx_bytes_text("1234567"), &again), DX_OK);
    assert_true(dx_stamp_compare(&point, &again) < 0);
    assert_int_equal(dx_point_parse(dx_bytes_text("1234567-ab"), &again), DX_OK);
    assert_true(dx_stamp_compare(&point, &again) < 0);
    assert_int_equal(again.feed[0], 0xab);
    const char *bad[] = {"",
                         "-",
                         "x",
                         "1-",
                         "1-xy",
                         "1--",
                         "1-abcd00000000000000000000000000011",
                         "-1",
                         "1 ",
                         "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(dx_point_parse(dx_bytes_text(bad[i]), &again), DX_E_INVALID);
    }
}

static void test_before_a_point(void **state) {
    (void)state;
    dx_stamp point = {.counter = 7, .feed = {0x10}}, before = dx_point_before(&point);
    assert_true(dx_stamp_compare(&before, &point) < 0);
    assert_int_equal(before.counter, 7);
    memset(point.feed, 0, sizeof point.feed);
    before = dx_point_before(&point);
    assert_int_equal(before.counter, 6);
    assert_int_equal(before.feed[0], 0xff);
}

/* --- Versions and states ----------------------------------------------------------------------- */

static void test_each_version_is_seen_as_it_was(void **state) {
    (void)state;
    peer alice;
    listing all, page;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t oak = peer_add(&alice, "tree", "{\"name\":\"oak\",\"in\":{\"a\":1,\"b\":2}}");
    peer_set(&alice, oak, "age", "3");
    peer_set(&alice, oak, "in.a", NULL);
    peer_change_life(&alice, oak, true);
    peer_change_life(&alice, oak, false);
    list(&alice, oak, NULL, 32, false, &all);
    assert_string_equal(all.told, "restored, deleted, set, set, made");
    assert_showed(&alice, oak, &all.stamps[4], "{\"in\":{\"a\":1,\"b\":2},\"name\":\"oak\"}");
    assert_showed(&alice, oak, &all.stamps[3], "{\"in\":{\"a\":1,\"b\":2},\"age\":3,\"name\":\"oak\"}");
    assert_showed(&alice, oak, &all.stamps[2], "{\"in\":{\"b\":2},\"age\":3,\"name\":\"oak\"}");
    assert_showed(&alice, oak, &all.stamps[1], "{\"in\":{\"b\":2},\"age\":3,\"name\":\"oak\"} deleted");
    assert_showed(&alice, oak, &all.stamps[0], "{\"in\":{\"b\":2},\"age\":3,\"name\":\"oak\"}");
    dx_stamp earlier = dx_point_before(&all.stamps[4]);
    assert_showed(&alice, oak, &earlier, "nothing");
    /* In pages. */
    list(&alice, oak, NULL, 2, true, &page);
    assert_string_equal(page.told, "restored, deleted");
    dx_stamp last = page.stamps[1];
    list(&alice, oak, &last, 3, false, &page);
    assert_string_equal(page.told, "set, set, made");
    /* Looking changes nothing. */
    assert_shows(&alice, oak, "{\"in\":{\"b\":2},\"age\":3,\"name\":\"oak\"}");
    peer_deinit(&alice);
}

static void test_two_replicas_see_the_same_past(void **state) {
    (void)state;
    peer alice, bob;
    listing here, there;
    two_peers(&alice, &bob);
    int64_t oak = peer_add(&alice, "tree", "{\"name\":\"oak\"}");
    peer_pull(&bob, &alice, 9);
    int64_t bobs = peer_key(&bob, &alice, oak);
    /* Apart: two write the same key, and both write more. */
    peer_set(&alice, oak, "name", "\"elm\"");
    peer_set(&bob, bobs, "name", "\"ash\"");
    peer_set(&bob, bobs, "age", "9");
    peer_set(&alice, oak, "tall", "true");
    peer_pull(&bob, &alice, 1);
    peer_pull(&alice, &bob, 9);
    assert_same_state(&alice, &bob);
    list(&alice, oak, NULL, 32, false, &here);
    list(&bob, bobs, NULL, 32, false, &there);
    assert_int_equal(here.count, 5);
    assert_int_equal(there.count, 5);
    for (size_t i = 0; i < here.count; i++) {
        char mine[512], others[512];
        assert_int_equal(dx_stamp_compare(&here.stamps[i], &there.stamps[i]), 0);
        show_at(&alice, oak, &here.stamps[i], mine, sizeof mine);
        show_at(&bob, bobs, &here.stamps[i], others, sizeof others);
        assert_string_equal(mine, others);
    }
    peer_deinit(&alice);
    peer_deinit(&bob);
}

static void bring_back(peer *self, int64_t key, const dx_stamp *point) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_history_bring_back(transaction, &self->context, self->space, key, point), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

static void test_what_was_comes_back_as_a_new_write(void **state) {
    (void)state;
    peer alice, bob;
    listing all;
    two_peers(&alice, &bob);
    int64_t oak = peer_add(&alice, "tree", "{\"a.b\":1,\"list\":[1,2],\"name\":\"oak\"}");
    peer_set(&alice, oak, "name", "\"elm\"");
    peer_set(&alice, oak, "a\\.b", NULL);
    peer_set(&alice, oak, "new", "{\"x\":{\"y\":1}}");
    peer_change_life(&alice, oak, true);
    list(&alice, oak, NULL, 32, false, &all);
    bring_back(&alice, oak, &all.stamps[all.count - 1]);
    assert_shows(&alice, oak, "{\"a.b\":1,\"list\":[1,2],\"name\":\"oak\"}");
    list(&alice, oak, NULL, 32, false, &all);
    assert_int_equal(all.count, 6); /* one more: the past stays what it was */
    /* And to when it was deleted. */
    bring_back(&alice, oak, &all.stamps[1]);
    assert_shows(&alice, oak, "{\"new\":{\"x\":{\"y\":1}},\"list\":[1,2],\"name\":\"elm\"} deleted");
    peer_pull(&bob, &alice, 9);
    peer_pull(&alice, &bob, 9);
    assert_same_state(&alice, &bob);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* --- Timeline --------------------------------------------------------------------------------- */

static int note_moment(void *ctx, const dx_moment *moment) {
    listing *self = ctx;
    size_t at = strlen(self->told);
    snprintf(self->told + at, sizeof self->told - at, "%s%zu+%zu-%zu", at == 0 ? "" : " ", moment->made,
             moment->changed, moment->deleted);
    self->stamps[self->count++] = moment->stamp;
    return DX_OK;
}

static void list_space(peer *self, const dx_stamp *before, size_t limit, bool expect_more, listing *out) {
    bool more;
    memset(out, 0, sizeof *out);
    peer_begin(self);
    assert_int_equal(dx_timeline(&self->context, self->space, before, limit, note_moment, out, &more), DX_OK);
    peer_commit(self);
    assert_int_equal(more, expect_more);
}

static void test_what_happened_in_a_space(void **state) {
    (void)state;
    peer alice, bob;
    listing here, there, page;
    two_peers(&alice, &bob);
    list_space(&alice, NULL, 32, false, &here);
    assert_string_equal(here.told, "");
    int64_t oak = peer_add(&alice, "tree", "{\"n\":1}");
    peer_pull(&bob, &alice, 9);
    peer_add(&bob, "tree", "{}");
    peer_set(&bob, peer_key(&bob, &alice, oak), "n", "2");
    peer_set(&alice, oak, "n", "3");
    peer_change_life(&alice, oak, true);
    peer_pull(&alice, &bob, 9);
    peer_pull(&bob, &alice, 9);
    list_space(&alice, NULL, 32, false, &here);
    list_space(&bob, NULL, 32, false, &there);
    assert_int_equal(here.count, 5);
    assert_string_equal(here.told, there.told);
    for (size_t i = 0; i < here.count; i++) {
        assert_int_equal(dx_stamp_compare(&here.stamps[i], &there.stamps[i]), 0);
        assert_true(i == 0 || dx_stamp_compare(&here.stamps[i], &here.stamps[i - 1]) < 0);
    }
    /* In pages of one the same comes. */
    dx_stamp before = {0};
    for (size_t i = 0; i < here.count; i++) {
        list_space(&bob, i == 0 ? NULL : &before, 1, i + 1 < here.count, &page);
        assert_int_equal(page.count, 1);
        before = page.stamps[0];
        assert_int_equal(dx_stamp_compare(&before, &here.stamps[i]), 0);
    }
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* --- Undo ------------------------------------------------------------------------------------- */

static void test_undo_and_redo_go_back_and_forth(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    expect_nothing(&alice, false); /* what founds a space is nobody's edit */
    expect_nothing(&alice, true);
    int64_t oak = peer_add(&alice, "tree", "{\"name\":\"oak\"}");
    peer_set(&alice, oak, "name", "\"elm\"");
    peer_set(&alice, oak, "age", "3");
    expect_undo(&alice, false, 1, 0);
    assert_shows(&alice, oak, "{\"name\":\"elm\"}");
    expect_undo(&alice, false, 1, 0);
    assert_shows(&alice, oak, "{\"name\":\"oak\"}");
    expect_undo(&alice, false, 1, 0);
    assert_shows(&alice, oak, "{\"name\":\"oak\"} deleted");
    expect_nothing(&alice, false);
    expect_undo(&alice, true, 1, 0);
    assert_shows(&alice, oak, "{\"name\":\"oak\"}");
    expect_undo(&alice, true, 1, 0);
    assert_shows(&alice, oak, "{\"name\":\"elm\"}");
    /* What was done again can be undone again, also after a restart. */
    peer_reopen(&alice);
    expect_undo(&alice, false, 1, 0);
    assert_shows(&alice, oak, "{\"name\":\"oak\"}");
    expect_undo(&alice, true, 1, 0);
    expect_undo(&alice, true, 1, 0);
    assert_shows(&alice, oak, "{\"age\":3,\"name\":\"elm\"}");
    expect_nothing(&alice, true);
    /* Something new ends what could be redone. */
    expect_undo(&alice, false, 1, 0);
    peer_set(&alice, oak, "new", "1");
    expect_nothing(&alice, true);
    expect_undo(&alice, false, 1, 0);
    assert_shows(&alice, oak, "{\"name\":\"elm\"}");
    peer_deinit(&alice);
}

static void test_undo_leaves_what_others_wrote(void **state) {
    (void)state;
    peer alice, bob;
    two_peers(&alice, &bob);
    int64_t oak = peer_add(&alice, "tree", "{\"name\":\"oak\",\"age\":1}");
    peer_pull(&bob, &alice, 9);
    int64_t bobs = peer_key(&bob, &alice, oak);
    peer_begin(&alice);
    dx_transaction *transaction;
    assert_int_equal(dx_transaction_begin(&alice.context, alice.space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_set(transaction, oak, dx_bytes_text("name"),
                                        dx_bytes_of("\x63"
                                                    "elm",
                                                    4)),
                     DX_OK);
    assert_int_equal(dx_transaction_set(transaction, oak, dx_bytes_text("age"), dx_bytes_of("\x02", 1)),
                     DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(&alice);
    peer_pull(&bob, &alice, 9);
    peer_set(&bob, bobs, "name", "\"ash\"");
    peer_set(&bob, bobs, "his", "1");
    peer_pull(&alice, &bob, 9);
    expect_undo(&alice, false, 1, 1);
    assert_shows(&alice, oak, "{\"age\":1,\"his\":1,\"name\":\"ash\"}");
    peer_pull(&bob, &alice, 9);
    assert_same_state(&alice, &bob);
    /* Bob's undo is of what Bob did. */
    expect_undo(&bob, false, 1, 0);
    assert_shows(&bob, bobs, "{\"age\":1,\"name\":\"ash\"}");
    peer_deinit(&alice);
    peer_deinit(&bob);
}

static void test_undo_over_objects_and_links(void **state) {
    (void)state;
    peer alice;
    int64_t oak, elm, link = 0, ash = 0;
    dx_transaction *transaction;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    oak = peer_add(&alice, "tree", "{\"n\":1}");
    elm = peer_add(&alice, "tree", "{\"n\":2}");
    peer_begin(&alice);
    assert_int_equal(dx_transaction_begin(&alice.context, alice.space, &transaction), DX_OK);
    assert_int_equal(
        dx_transaction_add_link(transaction, dx_bytes_text("near"), oak, elm, (dx_bytes){0}, &link), DX_OK);
    assert_int_equal(dx_transaction_add_object(transaction, dx_bytes_text("tree"), 0, (dx_bytes){0}, &ash),
                     DX_OK);
    assert_int_equal(dx_transaction_set(transaction, oak, dx_bytes_text("n"), dx_bytes_of("\x09", 1)), DX_OK);
    assert_int_equal(dx_transaction_delete(transaction, elm), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(&alice);
    assert_shows(&alice, elm, "{\"n\":2} deleted");
    expect_undo(&alice, false, 4, 0);
    assert_shows(&alice, oak, "{\"n\":1}");
    assert_shows(&alice, elm, "{\"n\":2}");
    assert_shows(&alice, link, "{} deleted");
    assert_shows(&alice, ash, "{} deleted");
    expect_undo(&alice, true, 4, 0);
    assert_shows(&alice, oak, "{\"n\":9}");
    assert_shows(&alice, elm, "{\"n\":2} deleted");
    assert_shows(&alice, link, "{}");
    peer_deinit(&alice);
}

static void move(peer *self, int64_t key, int64_t parent) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_move(transaction, key, parent), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

static void expect_parent(peer *self, int64_t key, int64_t parent) {
    dx_entity entity;
    peer_begin(self);
    assert_int_equal(dx_entity_read(&self->context, self->space, key, &entity), DX_OK);
    peer_commit(self);
    assert_int_equal(entity.parent, parent);
}

static void test_moves_are_taken_back(void **state) {
    (void)state;
    peer alice;
    listing all;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t oak = peer_add(&alice, "tree", "{}"), elm = peer_add(&alice, "tree", "{}");
    move(&alice, oak, elm);
    list(&alice, oak, NULL, 32, false, &all);
    assert_int_equal(all.count, 2);
    expect_undo(&alice, false, 1, 0);
    expect_parent(&alice, oak, 0);
    expect_undo(&alice, true, 1, 0);
    expect_parent(&alice, oak, elm);
    bring_back(&alice, oak, &all.stamps[1]);
    expect_parent(&alice, oak, 0);
    bring_back(&alice, oak, &all.stamps[0]);
    expect_parent(&alice, oak, elm);
    /* Back to where it would stand below itself: it stays. */
    move(&alice, oak, 0);
    move(&alice, elm, oak);
    bring_back(&alice, oak, &all.stamps[0]);
    expect_parent(&alice, oak, 0);
    peer_deinit(&alice);
}

/* A transaction of several blocks is taken back whole. */
static void test_undo_of_a_long_transaction(void **state) {
    (void)state;
    enum { BIG = 600 * 1024 };
    peer alice;
    dx_transaction *transaction;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t oak = peer_add(&alice, "tree", "{\"n\":1}");
    uint64_t length = dx_space_feed(alice.space, alice.space->own_data)->length;
    dx_buf big;
    dx_writer writer;
    dx_buf_init(&big, &alice.alloc.port, 2 * BIG);
    dx_writer_init(&writer, &big);
    memset(dx_write_bytes_room(&writer, BIG), 7, BIG);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    peer_begin(&alice);
    assert_int_equal(dx_transaction_begin(&alice.context, alice.space, &transaction), DX_OK);
    for (int i = 0; i < 3; i++) {
        const char *paths[] = {"a", "b", "c"};
        assert_int_equal(dx_transaction_set(transaction, oak, dx_bytes_text(paths[i]), dx_buf_view(&big)),
                         DX_OK);
    }
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(&alice);
    assert_true(dx_space_feed(alice.space, alice.space->own_data)->length >= length + 3);
    expect_undo(&alice, false, 1, 0);
    assert_shows(&alice, oak, "{\"n\":1}");
    expect_undo(&alice, false, 1, 0);
    assert_shows(&alice, oak, "{\"n\":1} deleted");
    dx_buf_deinit(&big);
    peer_deinit(&alice);
}

DX_TEST_MAIN(DX_TEST(test_points_are_read_as_they_are_printed), DX_TEST(test_before_a_point),
             DX_TEST(test_each_version_is_seen_as_it_was), DX_TEST(test_two_replicas_see_the_same_past),
             DX_TEST(test_what_happened_in_a_space), DX_TEST(test_what_was_comes_back_as_a_new_write),
             DX_TEST(test_undo_and_redo_go_back_and_forth), DX_TEST(test_undo_leaves_what_others_wrote),
             DX_TEST(test_undo_over_objects_and_links), DX_TEST(test_undo_of_a_long_transaction),
             DX_TEST(test_moves_are_taken_back))
