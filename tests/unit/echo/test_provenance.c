/* tests/unit/echo/test_provenance.c: an object that comes from another space is what it was there, to the byte, whether its model
 * is known or not; what is done to it here is later than all of that; and nobody brings what others did in this very space. */
#include "echo/provenance.h"

#include "echo/ordered.h"
#include "peer.h"

/* --- Models ------------------------------------------------------------------------------------------- */

/* "test/latest/1" merges: the value with the greatest stamp. "test/digits/1" is ordered: each operation is one more digit. Both
 * save when and by whom the object was made. 13 is refused. */
typedef struct record {
    dx_stamp created, at;
    int64_t value;
} record;

static void *record_create(const dx_alloc *alloc, const dx_stamp *created) {
    record *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self != NULL) {
        self->created = *created;
    }
    return self;
}

static void record_destroy(const dx_alloc *alloc, void *state) {
    dx_alloc_free(alloc, state, sizeof(record));
}

static int latest_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    record *self = state;
    int64_t value = dx_item_int(operation, 13);
    if (value == 13) {
        return DX_E_MALFORMED;
    }
    if (dx_stamp_compare(stamp, &self->at) >= 0) {
        self->at = *stamp;
        self->value = value;
    }
    return DX_OK;
}

static int digits_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    record *self = state;
    int64_t value = dx_item_int(operation, 13);
    if (value == 13) {
        return DX_E_MALFORMED;
    }
    assert_true(dx_stamp_compare(stamp, &self->at) > 0);
    self->at = *stamp;
    self->value = self->value * 10 + value;
    return DX_OK;
}

static void write_stamp(const dx_stamp *stamp, dx_writer *out) {
    dx_write_uint(out, stamp->counter);
    dx_write_bytes(out, dx_bytes_of(stamp->feed, sizeof stamp->feed));
}

static int record_save(const void *state, dx_buf *out) {
    const record *self = state;
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 5);
    write_stamp(&self->created, &writer);
    write_stamp(&self->at, &writer);
    dx_write_int(&writer, self->value);
    return dx_writer_finish(&writer);
}

static void read_stamp(dx_reader *in, dx_stamp *out) {
    out->counter = dx_read_uint(in);
    dx_read_bytes_exact(in, out->feed, sizeof out->feed);
}

static int record_restore(void *state, dx_bytes saved) {
    record *self = state;
    dx_reader in;
    dx_reader_init(&in, saved);
    (void)dx_read_array(&in);
    read_stamp(&in, &self->created);
    read_stamp(&in, &self->at);
    self->value = dx_read_int(&in);
    return dx_reader_finish(&in) == DX_OK ? DX_OK : DX_E_CORRUPT;
}

static int record_view(const void *state, dx_writer *out) {
    dx_write_int(out, ((const record *)state)->value);
    return DX_OK;
}

#define RECORD(symbol, title, how, operate)                                                                  \
    static const dx_model symbol = {.version = DX_MODEL_VERSION,                                             \
                                    .name = title,                                                           \
                                    .kind = how,                                                             \
                                    .create = record_create,                                                 \
                                    .destroy = record_destroy,                                               \
                                    .apply = operate,                                                        \
                                    .save = record_save,                                                     \
                                    .restore = record_restore,                                               \
                                    .view = record_view}
RECORD(latest_model, "test/latest/1", DX_MODEL_MERGE, latest_apply);
RECORD(digits_model, "test/digits/1", DX_MODEL_ORDERED, digits_apply);

static const dx_model *const test_models[] = {&latest_model, &digits_model};
static const dx_model_registry registry = {.models = test_models, .count = 2};

enum { KINDS = 2, WRITES = 12 };

static const char *const kinds[KINDS] = {"test/latest/1", "test/digits/1"};

/* --- Spaces ------------------------------------------------------------------------------------------- */

static void begin_space(peer *self, uint64_t seed, bool knows) {
    peer_init(self, seed, "Writer");
    self->context.models = knows ? &registry : NULL;
    peer_create_space(self, "Garden");
}

static int64_t add_of(peer *self, const char *model, uint8_t number) {
    dx_transaction *transaction;
    int64_t key;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_add_object_of(transaction, dx_bytes_text(model), dx_bytes_text("thing"),
                                                  0, dx_bytes_of(&number, 1), &key),
                     DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
    return key;
}

static int try_add_from(peer *self, const char *model, dx_bytes provenance, int64_t *key) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    int error = dx_transaction_add_object_from(transaction, dx_bytes_text(model), dx_bytes_text("thing"), 0,
                                               provenance, key);
    if (error == DX_OK) {
        assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    } else {
        dx_transaction_abort(transaction);
    }
    peer_commit(self);
    return error;
}

static int64_t add_from(peer *self, const char *model, const dx_buf *provenance) {
    int64_t key = 0;
    assert_int_equal(try_add_from(self, model, dx_buf_view(provenance), &key), DX_OK);
    return key;
}

static void ask(peer *self, int64_t key, uint8_t number) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_apply(transaction, key, dx_bytes_of(&number, 1)), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

static void take(peer *self, int64_t key, dx_buf *out) {
    dx_buf_init(out, &self->alloc.port, DX_PROVENANCE_SIZE_MAX);
    peer_settle(self);
    peer_begin(self);
    assert_int_equal(dx_provenance_write(&self->context, self->space, key, out), DX_OK);
    peer_commit(self);
}

static void take_state(peer *self, int64_t key, dx_buf *out) {
    dx_entity entity;
    dx_buf_init(out, &self->alloc.port, 1 << 16);
    peer_begin(self);
    assert_int_equal(dx_entity_read(&self->context, self->space, key, &entity), DX_OK);
    dx_buf_append(out, entity.state.data, entity.state.size);
    peer_commit(self);
    assert_int_equal(dx_buf_error(out), DX_OK);
}

static void assert_equal(dx_buf *a, dx_buf *b) {
    assert_true(a->size > 0);
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->data, b->data, a->size);
}

static void assert_same_saved(peer *a, int64_t key_a, peer *b, int64_t key_b) {
    dx_buf x, y;
    take_state(a, key_a, &x);
    take_state(b, key_b, &y);
    assert_equal(&x, &y);
    dx_buf_deinit(&x);
    dx_buf_deinit(&y);
}

static void assert_same_provenance(peer *a, int64_t key_a, peer *b, int64_t key_b) {
    dx_buf x, y;
    take(a, key_a, &x);
    take(b, key_b, &y);
    assert_equal(&x, &y);
    dx_buf_deinit(&x);
    dx_buf_deinit(&y);
}

static int64_t shown(peer *self, int64_t key) {
    dx_entity entity;
    dx_buf view;
    dx_writer writer;
    dx_buf_init(&view, &self->alloc.port, 64);
    dx_writer_init(&writer, &view);
    peer_begin(self);
    assert_int_equal(dx_entity_read(&self->context, self->space, key, &entity), DX_OK);
    assert_int_equal(dx_entity_view(&self->context, self->space, &entity, &writer), DX_OK);
    peer_commit(self);
    int64_t value = dx_item_int(dx_buf_view(&view), -1);
    dx_buf_deinit(&view);
    return value;
}

/* Two people's work on one object, at counters far beyond those of a space that has just begun. */
typedef struct elsewhere {
    peer alice, bob;
    int64_t keys[KINDS];
} elsewhere;

static void elsewhere_init(elsewhere *self) {
    begin_space(&self->alice, 1, true);
    peer_init(&self->bob, 2, "Bob");
    self->bob.context.models = &registry;
    peer_admit(&self->alice, &self->bob, DX_ROLE_EDITOR);
    for (size_t i = 0; i < KINDS; i++) {
        self->keys[i] = add_of(&self->alice, kinds[i], 1);
    }
    peer_pull(&self->bob, &self->alice, PEER_RUN_MAX);
    for (size_t n = 0; n < WRITES; n++) {
        for (size_t i = 0; i < KINDS; i++) {
            bool by_bob = (n + i) % 3 == 0;
            peer *writer = by_bob ? &self->bob : &self->alice;
            ask(writer, by_bob ? peer_key(&self->bob, &self->alice, self->keys[i]) : self->keys[i],
                (uint8_t)(n % 10));
        }
        if (n % 4 == 0) {
            peer_pull(&self->bob, &self->alice, PEER_RUN_MAX);
            peer_pull(&self->alice, &self->bob, PEER_RUN_MAX);
        }
    }
    peer_pull(&self->alice, &self->bob, PEER_RUN_MAX);
}

static void elsewhere_deinit(elsewhere *self) {
    peer_deinit(&self->alice);
    peer_deinit(&self->bob);
}

/* --- Tests --------------------------------------------------------------------------------------------- */

static void test_it_is_what_it_was_and_lives_on(void **state) {
    (void)state;
    elsewhere from;
    peer here, there;
    elsewhere_init(&from);
    begin_space(&here, 3, true);
    begin_space(&there, 4, true);
    for (size_t i = 0; i < KINDS; i++) {
        dx_buf provenance, again;
        take(&from.alice, from.keys[i], &provenance);
        int64_t key = add_from(&here, kinds[i], &provenance);
        assert_same_saved(&from.alice, from.keys[i], &here, key);
        assert_same_provenance(&from.alice, from.keys[i], &here, key);
        /* A counter here is far below those there, and later all the same. */
        int64_t before = shown(&here, key);
        ask(&here, key, 7);
        assert_int_equal(shown(&here, key), i == 0 ? 7 : before * 10 + 7);
        peer_reopen(&here);
        ask(&here, key, 8);
        assert_int_equal(shown(&here, key), i == 0 ? 8 : before * 100 + 78);
        /* And once more, with what was done here. */
        take(&here, key, &again);
        int64_t further = add_from(&there, kinds[i], &again);
        assert_same_saved(&here, key, &there, further);
        ask(&there, further, 9);
        assert_int_equal(shown(&there, further), i == 0 ? 9 : before * 1000 + 789);
        dx_buf_deinit(&provenance);
        dx_buf_deinit(&again);
    }
    peer_deinit(&here);
    peer_deinit(&there);
    elsewhere_deinit(&from);
}

/* Brought by who does not know its model, to one who does not either, and then they do. */
static void test_an_unknown_model(void **state) {
    (void)state;
    elsewhere from;
    peer plain, reader;
    elsewhere_init(&from);
    begin_space(&plain, 3, false);
    peer_init(&reader, 4, "Reader");
    reader.context.models = &registry;
    peer_admit(&plain, &reader, DX_ROLE_EDITOR);
    for (size_t i = 0; i < KINDS; i++) {
        dx_buf provenance;
        take(&from.alice, from.keys[i], &provenance);
        int64_t key = add_from(&plain, kinds[i], &provenance);
        assert_same_provenance(&from.alice, from.keys[i], &plain, key);
        peer_pull(&reader, &plain, PEER_RUN_MAX); /* one who knows sees it whole at once */
        int64_t theirs = peer_key(&reader, &plain, key);
        assert_same_saved(&from.alice, from.keys[i], &reader, theirs);
        ask(&reader, theirs, 5);
        peer_pull(&plain, &reader, PEER_RUN_MAX);
        assert_same_provenance(&reader, theirs, &plain, key);
        plain.context.models = &registry;
        peer_reopen(&plain);
        assert_same_saved(&reader, theirs, &plain, key);
        ask(&plain, key, 6);
        peer_pull(&reader, &plain, PEER_RUN_MAX);
        assert_same_saved(&reader, theirs, &plain, key);
        plain.context.models = NULL;
        peer_reopen(&plain);
        dx_buf_deinit(&provenance);
    }
    peer_deinit(&plain);
    peer_deinit(&reader);
    elsewhere_deinit(&from);
}

/* Wherever a byte is another one, it is refused, or means something that its model takes; nothing stands here then. */
static void test_damage(void **state) {
    (void)state;
    elsewhere from;
    peer here;
    dx_buf provenance;
    int64_t key = 0;
    elsewhere_init(&from);
    begin_space(&here, 3, true);
    take(&from.alice, from.keys[0], &provenance);
    assert_int_equal(try_add_from(&from.alice, kinds[0], dx_buf_view(&provenance), &key), DX_E_INVALID);
    assert_int_equal(try_add_from(&here, "dx/counter/1", dx_buf_view(&provenance), &key), DX_E_INVALID);
    dx_stamp made = {.counter = 1};
    for (size_t at = 0; at < provenance.size; at++) {
        dx_provenance read;
        provenance.data[at] ^= 0x41;
        dx_bytes bytes = dx_buf_view(&provenance);
        bool is = dx_item_check(bytes) == DX_OK && dx_provenance_is(dx_bytes_text(kinds[0]), bytes);
        int error = is ? dx_provenance_decode(bytes, here.space->id, &made, &read) : DX_E_MALFORMED;
        assert_true(error == DX_OK || error == DX_E_MALFORMED);
        assert_true(error != DX_OK || (read.floor >= read.created.counter && read.created.counter > 0));
        provenance.data[at] ^= 0x41;
    }
    for (size_t size = 1; size < provenance.size; size++) {
        dx_bytes bytes = dx_bytes_of(provenance.data, size);
        dx_provenance read;
        assert_true(!dx_provenance_is(dx_bytes_text(kinds[0]), bytes) ||
                    dx_provenance_decode(bytes, here.space->id, &made, &read) == DX_E_MALFORMED);
    }
    dx_buf_deinit(&provenance);
    peer_deinit(&here);
    elsewhere_deinit(&from);
}

/* A program that is not honest writes it all the same: its object is there, and nothing of what it claims. */
static int any_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    (void)state;
    (void)operation;
    (void)stamp;
    return DX_OK;
}

RECORD(any_model, "test/latest/1", DX_MODEL_MERGE, any_apply);
static const dx_model *const any_models[] = {&any_model};
static const dx_model_registry any_registry = {.models = any_models, .count = 1};

static void test_a_forged_one_is_refused(void **state) {
    (void)state;
    elsewhere from;
    dx_buf provenance;
    dx_transaction *transaction;
    int64_t key;
    elsewhere_init(&from);
    take(&from.alice, from.keys[0], &provenance); /* of what Alice did: Bob says it again in the same space */
    peer *bob = &from.bob;
    uint64_t refused = from.alice.space->refused;
    bob->context.models = &any_registry;
    peer_begin(bob);
    assert_int_equal(dx_transaction_begin(&bob->context, bob->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_add_object_of(transaction, dx_bytes_text(kinds[0]),
                                                  dx_bytes_text("thing"), 0, dx_buf_view(&provenance), &key),
                     DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(bob);
    peer_pull(&from.alice, bob, PEER_RUN_MAX);
    assert_int_equal(from.alice.space->refused, refused + 1);
    int64_t forged = peer_key(&from.alice, bob, key);
    assert_int_equal(shown(&from.alice, forged), 0);
    ask(&from.alice, forged, 4); /* an object that was made here */
    assert_int_equal(shown(&from.alice, forged), 4);
    dx_buf_deinit(&provenance);
    elsewhere_deinit(&from);
}

static int64_t count_kept(peer *self) {
    sqlite3_stmt *select = dx_store_query(self->context.store, "SELECT count(*) FROM provenance");
    assert_true(dx_step(self->context.store, select));
    int64_t count = dx_column_int(select, 0);
    dx_step_reset(select);
    return count;
}

static void test_it_goes_with_its_object(void **state) {
    (void)state;
    elsewhere from;
    peer here;
    dx_buf provenance;
    elsewhere_init(&from);
    begin_space(&here, 3, true);
    take(&from.alice, from.keys[1], &provenance);
    int64_t key = add_from(&here, kinds[1], &provenance);
    peer_begin(&here);
    assert_int_equal(count_kept(&here), 1);
    assert_int_equal(dx_ordered_forget(&here.context, key), DX_OK);
    assert_int_equal(count_kept(&here), 0);
    dx_store_rollback(here.context.store);
    dx_buf_deinit(&provenance);
    peer_deinit(&here);
    elsewhere_deinit(&from);
}

DX_TEST_MAIN(DX_TEST(test_it_is_what_it_was_and_lives_on), DX_TEST(test_an_unknown_model),
             DX_TEST(test_damage), DX_TEST(test_a_forged_one_is_refused),
             DX_TEST(test_it_goes_with_its_object))
