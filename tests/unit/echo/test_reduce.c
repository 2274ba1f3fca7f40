/* tests/unit/echo/test_reduce.c: models: known, unknown, learnt later, ordered; and the register of deletion.
 */
#include "echo/reduce.h"

#include "peer.h"

/* "test/sum/1": adds numbers. Operation and state: an integer. Applying twice is not the engine's habit, so
 * the law of idempotence is not its concern here. */
typedef struct sum_state {
    const dx_alloc *alloc;
    int64_t value;
} sum_state;

static void *sum_create(const dx_alloc *alloc, const dx_stamp *created) {
    (void)created;
    sum_state *state = dx_alloc_take_zeroed(alloc, sizeof *state);
    if (state != NULL) {
        state->alloc = alloc;
    }
    return state;
}

static void sum_destroy(const dx_alloc *alloc, void *state) {
    dx_alloc_free(alloc, state, sizeof(sum_state));
}

static int sum_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    (void)stamp;
    if (dx_item_kind(operation) != DX_KIND_INT) {
        return DX_E_MALFORMED;
    }
    ((sum_state *)state)->value += dx_item_int(operation, 0);
    return DX_OK;
}

static int sum_save(const void *state, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_int(&writer, ((const sum_state *)state)->value);
    return dx_writer_finish(&writer);
}

static int sum_restore(void *state, dx_bytes saved) {
    ((sum_state *)state)->value = dx_item_int(saved, 0);
    return DX_OK;
}

static int sum_view(const void *state, dx_writer *out) {
    dx_write_int(out, ((const sum_state *)state)->value);
    return DX_OK;
}

/* "test/digits/1", ordered: shows its operations as digits, in their order. */
static int digits_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    (void)stamp;
    if (dx_item_kind(operation) != DX_KIND_INT) {
        return DX_E_MALFORMED;
    }
    ((sum_state *)state)->value = ((sum_state *)state)->value * 10 + dx_item_int(operation, 0);
    return DX_OK;
}

static const dx_model sum_model = {.version = DX_MODEL_VERSION,
                                   .name = "test/sum/1",
                                   .kind = DX_MODEL_MERGE,
                                   .create = sum_create,
                                   .destroy = sum_destroy,
                                   .apply = sum_apply,
                                   .save = sum_save,
                                   .restore = sum_restore,
                                   .view = sum_view};
static const dx_model digits_model = {.version = DX_MODEL_VERSION,
                                      .name = "test/digits/1",
                                      .kind = DX_MODEL_ORDERED,
                                      .create = sum_create,
                                      .destroy = sum_destroy,
                                      .apply = digits_apply,
                                      .save = sum_save,
                                      .restore = sum_restore,
                                      .view = sum_view};
static const dx_model *const test_models[] = {&sum_model, &digits_model};
static const dx_model_registry registry = {.models = test_models, .count = 2};

typedef struct fixture {
    peer alice, bob;
} fixture;

/* Alice knows the models, Bob does not. */
static void fixture_init(fixture *f) {
    peer_init(&f->alice, 1, "Alice");
    peer_init(&f->bob, 2, "Bob");
    f->alice.context.models = &registry;
    peer_create_space(&f->alice, "Garden");
    peer_admit(&f->alice, &f->bob, DX_ROLE_EDITOR);
}

static void exchange(fixture *f) {
    peer_pull(&f->alice, &f->bob, 9);
    peer_pull(&f->bob, &f->alice, 9);
}

static void fixture_deinit(fixture *f) {
    peer_deinit(&f->alice);
    peer_deinit(&f->bob);
}

/* Writes one section of JSON as a block, without applying it; so that a pull may come in between. */
static void write_section(peer *self, const char *json) {
    dx_feed *feed = dx_space_feed(self->space, self->space->own_data);
    dx_buf plaintext, items;
    uint8_t key[DX_KEY_SIZE];
    peer_item(self, json, &plaintext);
    dx_buf_init(&items, &self->alloc.port, DX_BLOCK_SIZE_MAX);
    peer_begin(self);
    assert_int_equal(dx_space_key(&self->context, self->space, 0, key), DX_OK);
    assert_int_equal(dx_section_seal(key, feed->id, feed->length, 0, dx_buf_view(&plaintext), &items), DX_OK);
    assert_int_equal(
        dx_pipeline_append(&self->context, self->space, feed->local, 0, dx_buf_view(&items), 1, true), DX_OK);
    assert_int_equal(dx_pipeline_settle(&self->context, self->space, feed->local), DX_OK);
    peer_commit(self);
    dx_buf_deinit(&plaintext);
    dx_buf_deinit(&items);
}

static int64_t last_key(peer *self) {
    const dx_feed *feed = dx_space_feed(self->space, self->space->own_data);
    return dx_entity_key(feed->local, feed->length - 1, 0);
}

/* A section that changes Alice's entity with this operation, as Bob writes it. */
static void operate_as_bob(fixture *f, int64_t key, const char *operation) {
    char json[256], prefix[64];
    dx_buf text;
    const dx_feed *feed = dx_space_feed(f->alice.space, f->alice.space->own_data);
    dx_buf_init(&text, &f->alice.alloc.port, 64);
    dx_base64url_encode(dx_bytes_of(feed->id, DX_PREFIX_SIZE), &text);
    snprintf(prefix, sizeof prefix, "%.*s", (int)text.size, (const char *)text.data);
    dx_buf_deinit(&text);
    snprintf(json, sizeof json, "[[%d, %d, {\"@bytes\": \"%s\"}], [[1, %s]]]", (int)dx_entity_key_seq(key),
             (int)dx_entity_key_index(key), prefix, operation);
    write_section(&f->bob, json);
}

static void operate_as_alice(fixture *f, int64_t key, const char *operation) {
    char json[256];
    snprintf(json, sizeof json, "[[%d, %d], [[1, %s]]]", (int)dx_entity_key_seq(key),
             (int)dx_entity_key_index(key), operation);
    write_section(&f->alice, json);
}

static void test_unknown_model(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    write_section(
        &f.alice,
        "[null, [[0, 0, \"sum\", \"test/sum/1\", null, null, null]]]"); /* nothing ever happens to it */
    write_section(
        &f.alice,
        "[null, [[0, 0, \"sum\", \"test/sum/1\", null, null, null], [1, null]]]"); /* nothing valid */
    write_section(&f.alice, "[null, [[0, 0, \"sum\", \"test/sum/1\", null, null, null], [1, 5]]]");
    int64_t key = last_key(&f.alice);
    exchange(&f);
    int64_t bobs = peer_key(&f.bob, &f.alice, key);
    operate_as_alice(&f, key, "20");
    operate_as_bob(&f, key, "300");
    operate_as_bob(&f, key, "\"no number\"");
    exchange(&f);
    assert_shows(&f.alice, key, "325");
    assert_shows(&f.bob, bobs, "null"); /* listed, without data */
    peer_begin(&f.bob);
    dx_entity entity;
    assert_int_equal(dx_entity_read(&f.bob.context, f.bob.space, bobs, &entity), DX_OK);
    assert_null(entity.model);
    assert_true(dx_bytes_equal(entity.type, dx_bytes_text("sum")));
    dx_transaction *transaction;
    assert_int_equal(dx_transaction_begin(&f.bob.context, f.bob.space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_set(transaction, bobs, dx_bytes_text("a"), dx_bytes_text("\x01")),
                     DX_E_UNSUPPORTED);
    dx_transaction_abort(transaction);
    peer_commit(&f.bob);
    assert_int_equal(f.alice.space->refused, 2); /* by the model */
    f.bob.context.models = &registry;
    peer_reopen(&f.bob); /* now he knows it: what was kept becomes live */
    assert_shows(&f.bob, bobs, "325");
    assert_same_state(&f.alice, &f.bob);
    operate_as_alice(&f, key, "4000");
    exchange(&f);
    assert_shows(&f.bob, bobs, "4325");
    assert_same_state(&f.alice, &f.bob);
    fixture_deinit(&f);
}

static void test_ordered_model(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    write_section(&f.alice, "[null, [[0, 0, \"digits\", \"test/digits/1\", null, null, null], [1, 1]]]");
    int64_t key = last_key(&f.alice);
    exchange(&f);
    int64_t bobs = peer_key(&f.bob, &f.alice, key);
    operate_as_bob(&f, key, "2");
    operate_as_bob(&f, key, "4");
    operate_as_alice(&f, key, "3"); /* concurrent with both: somewhere among them, everywhere the same */
    exchange(&f);
    operate_as_bob(&f, key, "5");
    exchange(&f);
    f.bob.context.models = &registry;
    peer_reopen(&f.bob);
    char alices[64], bobs_view[64];
    peer_show(&f.alice, key, alices, sizeof alices);
    peer_show(&f.bob, bobs, bobs_view, sizeof bobs_view);
    assert_string_equal(alices, bobs_view);
    assert_true(strcmp(alices, "12345") == 0 || strcmp(alices, "13245") == 0 || strcmp(alices, "12435") == 0);
    assert_same_state(&f.alice, &f.bob);
    fixture_deinit(&f);
}

static void test_latest_life_holds(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    int64_t key = peer_add(&f.alice, "t", "{\"a\": 1}");
    exchange(&f);
    int64_t bobs = peer_key(&f.bob, &f.alice, key), objects, links;
    peer_change_life(&f.alice, key, true);
    peer_change_life(&f.bob, bobs, true);
    peer_change_life(&f.bob, bobs, false); /* one block further: later by stamp */
    exchange(&f);
    assert_shows(&f.alice, key, "{\"a\":1}");
    assert_same_state(&f.alice, &f.bob);
    peer_begin(&f.alice);
    assert_int_equal(dx_space_count(&f.alice.context, f.alice.space, &objects, &links), DX_OK);
    assert_int_equal(objects, 1);
    peer_commit(&f.alice);
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_unknown_model), DX_TEST(test_ordered_model), DX_TEST(test_latest_life_holds))
