/* tests/unit/echo/test_purge.c: what is purged leaves neither row nor section nor text: with who was there, with who comes
 * later, with who was away and changed it meanwhile, and in the file itself. Of echo/purge.c, echo/purge_place.c and
 * echo/purge_look.c. */
#include "echo/entity_row.h"
#include "echo/late.h"
#include "echo/touch.h"
#include "purged.h"
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
    assert_true(sections >= 1);
    assert_int_equal(sections, excused);
    assert_nothing_opens(self);
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

/* A block that waits for another one is looked through all the same. */
static void test_a_block_that_waits(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    peer_set(&f.carol, peer_key(&f.carol, &f.alice, f.elm), "more", "1");
    peer_pull(&f.bob, &f.carol, 9);
    char json[64];
    snprintf(json, sizeof json, "\"%s, says Bob once more\"", secret);
    peer_set(&f.bob, peer_key(&f.bob, &f.alice, f.oak), "text", json);
    const dx_feed *carols =
        dx_space_feed_by_id(f.alice.space, dx_space_feed(f.carol.space, f.carol.space->own_data)->id);
    uint64_t before = carols->length;
    peer_begin(&f.alice); /* Bob's block alone, not Carol's below it */
    peer_begin(&f.bob);
    dx_feed *source = dx_space_feed(f.bob.space, f.bob.space->own_data);
    assert_int_equal(peer_carry(&f.alice, &f.bob, source, source->length), DX_OK);
    peer_run(&f.alice);
    peer_commit(&f.bob);
    peer_commit(&f.alice);
    assert_int_equal(carols->length, before);
    assert_int_equal(f.alice.space->blocked, 1);
    assert_int_equal(purge(&f.alice, f.id), DX_OK);
    assert_gone(&f, &f.alice);
    assert_int_equal(f.alice.space->blocked, 1);
    pull_all(&f);
    assert_gone(&f, &f.alice);
    assert_gone(&f, &f.bob);
    assert_same_state(&f.alice, &f.bob);
    fixture_deinit(&f);
}

/* Who comes later gets holes, knows by the PURGE's places that nobody has to look for them, and puts nothing into them. */
static void test_who_comes_later(void **state) {
    (void)state;
    fixture f;
    peer dave;
    fixture_init(&f);
    assert_int_equal(purge(&f.alice, f.id), DX_OK);
    peer_pull(&f.bob, &f.alice, 9);
    peer_init(&dave, 4, "Dave");
    peer_admit(&f.alice, &dave, DX_ROLE_READER);
    peer_pull(&dave, &f.bob, 9);
    peer_pull(&dave, &f.alice, 9);
    peer_pull(&f.alice, &dave, 9);
    peer_pull(&f.bob, &f.alice, 9);
    assert_gone(&f, &dave);
    /* Carol still has the sections: blocks that are here are not taken again, and a section for a hole is refused. */
    peer_pull(&dave, &f.carol, 9);
    int64_t oak = peer_key(&f.carol, &f.alice, f.oak);
    const dx_feed *from = dx_space_feed(f.carol.space, dx_entity_key_feed(oak));
    const dx_feed *to = dx_space_feed_by_id(dave.space, from->id);
    dx_block block;
    dx_reader cursor;
    dx_bytes section;
    bool hole;
    dx_late late;
    peer_begin(&f.carol);
    assert_int_equal(dx_pipeline_block(&f.carol.context, f.carol.space, from, dx_entity_key_seq(oak), &block),
                     DX_OK);
    dx_reader_init(&cursor, block.sections);
    for (uint64_t i = 0; i <= dx_entity_key_index(oak); i++) {
        assert_int_equal(dx_block_section(&cursor, &section, &hole), DX_OK);
    }
    assert_false(hole);
    peer_begin(&dave);
    const dx_section_change change = {.index = dx_entity_key_index(oak), .sealed = section};
    assert_int_equal(dx_late_begin(&late, &dave.context, dave.space), DX_OK);
    int error = dx_late_change(&late, to, dx_entity_key_seq(oak), &change, 1);
    assert_int_equal(dx_late_finish(&late, error), DX_OK);
    peer_commit(&dave);
    peer_commit(&f.carol);
    assert_gone(&f, &dave);
    peer_pull(&f.carol, &f.alice, 9);
    assert_same_state(&f.alice, &dave);
    assert_same_state(&f.alice, &f.carol);
    peer_deinit(&dave);
    fixture_deinit(&f);
}

/* A link, one that is deleted, one with children, one that another holds. */
static void test_of_every_kind(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    char json[128], text[DX_ID_TEXT_MAX];
    int64_t keys[4];
    keys[0] = peer_link(&f.alice, "near", f.oak, f.elm);
    keys[1] = peer_add(&f.alice, "tree", "{\"gone\":true}");
    peer_change_life(&f.alice, keys[1], true);
    keys[2] = f.oak;
    keys[3] = peer_add(&f.alice, "tree", "{}");
    peer_begin(&f.alice);
    uint8_t id[DX_ID_SIZE];
    assert_int_equal(dx_key_to_id(f.alice.space, keys[3], id), DX_OK);
    dx_id_print(id, text);
    peer_commit(&f.alice);
    snprintf(json, sizeof json, "{\"@ref\": \"%s!\"}", text);
    peer_set(&f.alice, f.elm, "holds", json);
    dx_transaction *transaction;
    peer_begin(&f.alice);
    assert_int_equal(dx_transaction_begin(&f.alice.context, f.alice.space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_move(transaction, f.elm, f.oak), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(&f.alice);
    pull_all(&f);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(dx_key_to_id(f.alice.space, keys[i], f.id), DX_OK);
        assert_int_equal(purge(&f.alice, f.id), DX_OK);
        pull_all(&f);
        assert_gone(&f, &f.alice);
        assert_gone(&f, &f.bob);
        assert_same_state(&f.alice, &f.bob);
        assert_same_state(&f.alice, &f.carol);
    }
    fixture_deinit(&f);
}

/* The file itself, what is behind its key: pages as they lie on the disk, none of them in memory, and no log. */
/* Rows wait in their log (echo/row_log.h), and one of them says it. */
static void log_rows(peer *self, int64_t key) {
    char json[64];
    snprintf(json, sizeof json, "\"%s, while rows wait\"", secret);
    peer_set(self, key, "late", json);
    peer_begin(self);
    assert_int_equal(dx_entity_rows_log(&self->context, self->space), DX_OK);
    sqlite3_stmt *select =
        dx_store_query(self->context.store, "SELECT count(*) FROM row_log WHERE instr(rows, ?1) > 0");
    dx_bind_bytes(select, 1, dx_bytes_text(secret));
    assert_true(dx_step(self->context.store, select));
    assert_int_equal(dx_column_int(select, 0), 1);
    dx_step_reset(select);
    peer_commit(self);
}

static void test_no_page_holds_it(void **state) {
    (void)state;
    enum { OBJECTS = 60, SIZE = 300 };
    fixture f;
    char json[SIZE + 64];
    fixture_init(&f);
    int64_t keys[OBJECTS];
    for (int i = 0; i < OBJECTS; i++) { /* rows of many sizes, so that pages are split and joined */
        bool says = i % 3 == 0;
        snprintf(
            json, sizeof json, "{\"text\": \"%s %.*s\"}", says ? secret : "nothing", 5 + i * 37 % SIZE,
            "................................................................................................"
            "................................................................................................"
            "..............................................................................................."
            ".");
        keys[i] = peer_add(&f.alice, "tree", json);
    }
    for (int i = 0; i < OBJECTS; i++) {
        snprintf(json, sizeof json, "\"%s, and then %d\"", i % 3 == 0 ? secret : "nothing", i);
        peer_set(&f.alice, keys[i], i % 2 == 0 ? "text" : "more", json);
    }
    for (int purged = 0; purged < 2; purged++) {
        sqlite3_int64 size = 0;
        peer_settle(&f.alice);
        dx_store_upkeep(f.alice.context.store, true);
        peer_reopen(&f.alice);
        peer_begin(&f.alice);
        sqlite3 *db = sqlite3_db_handle(dx_store_query(f.alice.context.store, "SELECT 1"));
        peer_commit(&f.alice);
        dx_store_reset_statements(f.alice.context.store);
        unsigned char *image = sqlite3_serialize(db, "main", &size, 0);
        assert_non_null(image);
        bool found = holds(image, (size_t)size, secret);
        sqlite3_free(image);
        assert_int_equal(found, purged == 0);
        if (purged == 0) {
            log_rows(&f.alice, keys[0]);
        }
        for (int i = 0; i < OBJECTS && purged == 0; i += 3) {
            uint8_t id[DX_ID_SIZE];
            assert_int_equal(dx_key_to_id(f.alice.space, keys[i], id), DX_OK);
            assert_int_equal(purge(&f.alice, id), DX_OK);
        }
        if (purged == 0) {
            assert_int_equal(purge(&f.alice, f.id), DX_OK);
            assert_true(dx_store_wal_bytes(f.alice.context.store) > 0);
            dx_store_upkeep(f.alice.context.store, false);
            assert_int_equal(dx_store_wal_bytes(f.alice.context.store), 0);
        }
    }
    fixture_deinit(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everywhere),      cmocka_unit_test(test_a_late_block),
        cmocka_unit_test(test_who_may),         cmocka_unit_test(test_a_block_that_waits),
        cmocka_unit_test(test_who_comes_later), cmocka_unit_test(test_of_every_kind),
        cmocka_unit_test(test_no_page_holds_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
