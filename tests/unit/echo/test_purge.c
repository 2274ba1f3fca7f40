/* tests/unit/echo/test_purge.c: what is purged leaves neither row nor section nor text: with who was there, with who comes
 * later, with who was away and changed it meanwhile, and in the file itself. */
#include "echo/purge.h"
#include "echo/touch.h"

#include "echo/entity_row.h"
#include "feed/hole.h"
#include "peer.h"
#include "store/store_state.h"

static const char secret[] = "forget-me-not-please";

typedef struct fixture {
    peer alice, bob, carol; /* Alice owns, Bob edits, Carol was away */
    int64_t oak, elm;       /* Alice's keys */
    uint8_t id[DX_ID_SIZE];
} fixture;

static void pull_all(fixture *f) {
    peer_pull(&f->alice, &f->bob, 9);
    peer_pull(&f->alice, &f->carol, 9);
    peer_pull(&f->bob, &f->alice, 9);
    peer_pull(&f->carol, &f->alice, 9);
}

static void fixture_init(fixture *f) {
    char json[128];
    peer_init(&f->alice, 1, "Alice");
    peer_init(&f->bob, 2, "Bob");
    peer_init(&f->carol, 3, "Carol");
    peer_create_space(&f->alice, "Garden");
    peer_admit(&f->alice, &f->bob, DX_ROLE_EDITOR);
    peer_admit(&f->alice, &f->carol, DX_ROLE_EDITOR);
    pull_all(f);
    pull_all(f);
    snprintf(json, sizeof json, "{\"text\": \"%s\"}", secret);
    f->oak = peer_add(&f->alice, "tree", json);
    f->elm = peer_add(&f->alice, "tree", "{\"text\": \"stays\"}");
    pull_all(f);
    snprintf(json, sizeof json, "\"%s, says Bob\"", secret);
    peer_set(&f->bob, peer_key(&f->bob, &f->alice, f->oak), "text", json);
    pull_all(f);
    peer_link(&f->alice, "near", f->elm, f->oak);
    pull_all(f);
    assert_int_equal(dx_key_to_id(f->alice.space, f->oak, f->id), DX_OK);
}

static void fixture_deinit(fixture *f) {
    peer_deinit(&f->alice);
    peer_deinit(&f->bob);
    peer_deinit(&f->carol);
}

static int purge(peer *self, const uint8_t *id) {
    peer_begin(self);
    int error = dx_space_purge(&self->context, self->space, id);
    peer_commit(self);
    peer_begin(self);
    peer_run(self);
    peer_commit(self);
    return error;
}

/* No row, no touch, no section that opens, no mention in what others are told. */
static void assert_gone(fixture *f, peer *self) {
    int64_t key;
    dx_entity entity;
    peer_begin(self);
    assert_int_equal(dx_id_to_key(self->space, f->id, &key), DX_OK);
    assert_int_equal(dx_entity_read(&self->context, self->space, key, &entity), DX_E_NOT_FOUND);
    assert_int_equal(dx_entity_rows_write(&self->context, self->space), DX_OK);
    dx_stamp at = {.counter = 0};
    dx_touch touch;
    bool found;
    assert_int_equal(dx_touch_find(&self->context, self->space, key, true, &at, &touch, &found), DX_OK);
    assert_false(found);
    uint64_t sections = 0, excused = 0;
    for (size_t i = 0; i < self->space->feed_count; i++) {
        uint64_t some, among;
        assert_int_equal(dx_hole_count(&self->space->feeds[i], self->context.store, &some, &among), DX_OK);
        sections += some;
        excused += among;
    }
    assert_true(sections >= 2);
    assert_int_equal(sections, excused);
    peer_commit(self);
}

static void test_everywhere(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(purge(&f.alice, f.id), DX_OK);
    assert_gone(&f, &f.alice);
    assert_int_equal(purge(&f.alice, f.id), DX_OK); /* twice is once */
    pull_all(&f);
    assert_gone(&f, &f.bob);
    assert_gone(&f, &f.carol);
    assert_same_state(&f.alice, &f.bob);
    assert_same_state(&f.alice, &f.carol);
    peer_reopen(&f.bob);
    assert_gone(&f, &f.bob);
    assert_same_state(&f.alice, &f.bob);
    fixture_deinit(&f);
}

/* Who was away wrote about it; it goes in the step that applies the block, and its own vault gives it up, too. */
static void test_a_late_block(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    char json[64];
    snprintf(json, sizeof json, "\"%s, says Carol\"", secret);
    peer_set(&f.carol, peer_key(&f.carol, &f.alice, f.oak), "text", json);
    peer_set(&f.carol, peer_key(&f.carol, &f.alice, f.elm), "more", "1");
    assert_int_equal(purge(&f.alice, f.id), DX_OK);
    peer_pull(&f.bob, &f.alice, 9);
    peer_pull(&f.alice, &f.carol, 9);
    peer_pull(&f.bob, &f.carol, 9);
    assert_gone(&f, &f.alice);
    assert_gone(&f, &f.bob);
    peer_pull(&f.carol, &f.alice, 9);
    assert_gone(&f, &f.carol);
    assert_same_state(&f.alice, &f.bob);
    assert_same_state(&f.alice, &f.carol);
    assert_shows(&f.bob, peer_key(&f.bob, &f.alice, f.elm), "{\"more\":1,\"text\":\"stays\"}");
    fixture_deinit(&f);
}

/* The maker may, and admins; nobody else. */
static void test_who_may(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(purge(&f.bob, f.id), DX_E_DENIED);
    int64_t own = peer_add(&f.bob, "tree", "{}");
    uint8_t id[DX_ID_SIZE];
    assert_int_equal(dx_key_to_id(f.bob.space, own, id), DX_OK);
    pull_all(&f);
    assert_int_equal(purge(&f.bob, id), DX_OK);
    pull_all(&f);
    int64_t here;
    dx_entity entity;
    assert_int_equal(dx_id_to_key(f.alice.space, id, &here), DX_OK);
    peer_begin(&f.alice);
    assert_int_equal(dx_entity_read(&f.alice.context, f.alice.space, here, &entity), DX_E_NOT_FOUND);
    peer_commit(&f.alice);
    assert_same_state(&f.alice, &f.bob);
    fixture_deinit(&f);
}

static bool holds(const uint8_t *bytes, size_t size, const char *text) {
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= size; i++) {
        if (memcmp(bytes + i, text, length) == 0) {
            return true;
        }
    }
    return false;
}

/* The pages themselves, as SQLite sees them, in the same transaction as the last row: nothing says it any more. */
static void test_no_page_holds_it(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    sqlite3 *db;
    for (int purged = 0; purged < 2; purged++) {
        bool found = false;
        sqlite3_int64 size = 0;
        peer_begin(&f.alice);
        assert_int_equal(dx_entity_rows_write(&f.alice.context, f.alice.space), DX_OK);
        db = sqlite3_db_handle(dx_store_query(f.alice.context.store, "SELECT 1"));
        peer_commit(&f.alice);
        dx_store_reset_statements(f.alice.context.store);
        unsigned char *image = sqlite3_serialize(db, "main", &size, 0);
        assert_non_null(image);
        found = holds(image, (size_t)size, secret);
        sqlite3_free(image);
        assert_int_equal(found, purged == 0);
        if (purged == 0) {
            assert_int_equal(purge(&f.alice, f.id), DX_OK);
        }
    }
    fixture_deinit(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_everywhere), cmocka_unit_test(test_a_late_block),
                                       cmocka_unit_test(test_who_may),
                                       cmocka_unit_test(test_no_page_holds_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
