/* tests/unit/echo/test_late.c: sections that come after their block was applied: the state is a function of the sections
 * that are here, in whatever order they came, and with all of them that of a replica that had them at once. All orders
 * over small worlds; names echo/vector.c too. */
#include "echo/late.h"

#include "hollow.h"
#include "test_item.h"

/* --- Models ----------------------------------------------------------------------------------- */

/* "test/digits/1", ordered: shows its operations as digits, in their order. */
typedef struct digits_state {
    int64_t value;
} digits_state;

static void *digits_create(const dx_alloc *alloc, const dx_stamp *created) {
    (void)created;
    return dx_alloc_take_zeroed(alloc, sizeof(digits_state));
}

static void digits_destroy(const dx_alloc *alloc, void *state) {
    dx_alloc_free(alloc, state, sizeof(digits_state));
}

static int digits_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    (void)stamp;
    if (dx_item_kind(operation) != DX_KIND_INT) {
        return DX_E_MALFORMED;
    }
    ((digits_state *)state)->value = ((digits_state *)state)->value * 10 + dx_item_int(operation, 0);
    return DX_OK;
}

static int digits_save(const void *state, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_int(&writer, ((const digits_state *)state)->value);
    return dx_writer_finish(&writer);
}

static int digits_restore(void *state, dx_bytes saved) {
    ((digits_state *)state)->value = dx_item_int(saved, 0);
    return DX_OK;
}

static int digits_view(const void *state, dx_writer *out) {
    dx_write_int(out, ((const digits_state *)state)->value);
    return DX_OK;
}

static const dx_model digits_model = {.version = DX_MODEL_VERSION,
                                      .name = "test/digits/1",
                                      .kind = DX_MODEL_ORDERED,
                                      .create = digits_create,
                                      .destroy = digits_destroy,
                                      .apply = digits_apply,
                                      .save = digits_save,
                                      .restore = digits_restore,
                                      .view = digits_view};
static const dx_model *const test_models[] = {&digits_model};
static const dx_model_registry registry = {.models = test_models, .count = 1};

/* --- A world ------------------------------------------------------------------------------------ */

typedef struct world {
    peer alice, bob, carol; /* Alice and Bob write, Carol reads, with holes */
    hollow holes;
} world;

static void world_init(world *w) {
    peer_init(&w->alice, 1, "Alice");
    peer_init(&w->bob, 2, "Bob");
    peer_init(&w->carol, 3, "Carol");
    peer_create_space(&w->alice, "Garden");
    peer_admit(&w->alice, &w->bob, DX_ROLE_EDITOR);
    peer_admit(&w->alice, &w->carol, DX_ROLE_READER);
    peer_pull(&w->alice, &w->bob, 9);
    peer_pull(&w->alice, &w->carol, 9);
    peer_pull(&w->bob, &w->alice, 9);
    peer_pull(&w->carol, &w->alice, 9);
    hollow_begin(&w->holes, &w->alice);
}

static void world_deinit(world *w) {
    hollow_deinit(&w->holes);
    peer_deinit(&w->alice);
    peer_deinit(&w->bob);
    peer_deinit(&w->carol);
}

static void exchange(world *w) {
    peer_pull(&w->alice, &w->bob, 9);
    peer_pull(&w->bob, &w->alice, 9);
}

/* --- The law ------------------------------------------------------------------------------------ */

enum { SMALL_MAX = 6 };

typedef struct law {
    world *w;
    char *states[1 << SMALL_MAX]; /* by the set of sections here */
    size_t order[SMALL_MAX];
    size_t orders;
} law;

static void meet(law *self, size_t set) {
    char *state = peer_state_inside(&self->w->carol);
    if (self->states[set] == NULL) {
        self->states[set] = state;
        return;
    }
    assert_string_equal(state, self->states[set]);
    free(state);
}

/* One order, section by section, undone afterwards. */
static void try_order(law *self, size_t count) {
    size_t set = 0;
    peer_begin(&self->w->carol);
    meet(self, 0);
    for (size_t i = 0; i < count; i++) {
        hollow_fill(&self->w->holes, &self->w->carol, &self->order[i], 1);
        set |= (size_t)1 << self->order[i];
        meet(self, set);
    }
    peer_rollback(&self->w->carol);
    self->orders++;
}

static void try_orders(law *self, size_t at, size_t count) {
    if (at == count) {
        try_order(self, count);
        return;
    }
    for (size_t i = at; i < count; i++) {
        size_t held = self->order[at];
        self->order[at] = self->order[i];
        self->order[i] = held;
        try_orders(self, at + 1, count);
        self->order[i] = self->order[at];
        self->order[at] = held;
    }
}

/* What Alice and Bob wrote, hollow with Carol: all orders, every set on the way, and sections in pairs. */
static void check_all_orders(world *w, size_t expected) {
    law self = {.w = w};
    exchange(w);
    assert_same_state(&w->alice, &w->bob);
    hollow_pull(&w->holes, &w->carol, &w->alice);
    size_t count = w->holes.count;
    assert_int_equal(count, expected);
    assert_true(count <= SMALL_MAX);
    for (size_t i = 0; i < count; i++) {
        self.order[i] = i;
    }
    try_orders(&self, 0, count);
    char *whole = peer_state(&w->alice);
    assert_string_equal(self.states[((size_t)1 << count) - 1], whole);
    /* All at once, and with a restart in between. */
    peer_begin(&w->carol);
    hollow_fill(&w->holes, &w->carol, self.order, count / 2);
    peer_commit(&w->carol);
    peer_reopen(&w->carol);
    peer_begin(&w->carol);
    hollow_fill(&w->holes, &w->carol, self.order, count);
    peer_commit(&w->carol);
    assert_same_state(&w->alice, &w->carol);
    uint64_t sections, excused, left = 0;
    peer_begin(&w->carol);
    for (size_t i = 0; i < w->carol.space->feed_count; i++) {
        assert_int_equal(
            dx_hole_count(&w->carol.space->feeds[i], w->carol.context.store, &sections, &excused), DX_OK);
        left += sections;
    }
    peer_commit(&w->carol);
    assert_int_equal(left, 0);
    free(whole);
    for (size_t i = 0; i < (size_t)1 << count; i++) {
        free(self.states[i]);
    }
}

/* --- Worlds ------------------------------------------------------------------------------------- */

static void test_an_object(void **state) {
    (void)state;
    world w;
    world_init(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"n\": 1}");
    exchange(&w);
    peer_set(&w.bob, peer_key(&w.bob, &w.alice, oak), "n", "2");
    peer_set(&w.alice, oak, "n", "3");
    peer_change_life(&w.alice, oak, true);
    exchange(&w);
    peer_change_life(&w.bob, peer_key(&w.bob, &w.alice, oak), false);
    check_all_orders(&w, 5);
    world_deinit(&w);
}

static void move_under(peer *self, int64_t key, int64_t parent) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_move(transaction, key, parent), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

/* Concurrent moves that close a circle, and the creations they are about. */
static void test_moves(void **state) {
    (void)state;
    world w;
    world_init(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{}"), elm = peer_add(&w.alice, "tree", "{}");
    exchange(&w);
    move_under(&w.alice, oak, elm);
    move_under(&w.bob, peer_key(&w.bob, &w.alice, elm), peer_key(&w.bob, &w.alice, oak));
    exchange(&w);
    move_under(&w.alice, oak, 0);
    check_all_orders(&w, 5);
    world_deinit(&w);
}

static void test_links(void **state) {
    (void)state;
    world w;
    world_init(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{}");
    exchange(&w);
    int64_t elm = peer_add(&w.bob, "tree", "{}");
    int64_t link = peer_link(&w.bob, "near", peer_key(&w.bob, &w.alice, oak), elm);
    exchange(&w);
    peer_set(&w.alice, peer_key(&w.alice, &w.bob, link), "far", "true");
    peer_change_life(&w.bob, elm, true);
    check_all_orders(&w, 5);
    world_deinit(&w);
}

static void edit(peer *self, int64_t key, size_t at, const char *json) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_insert(transaction, key, dx_bytes_text("l"), at, test_item(json)), DX_OK);
    assert_int_equal(dx_transaction_increment(transaction, key, dx_bytes_text("n"), 7), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

/* Items that stand behind items which are not here yet. */
static void test_arrays(void **state) {
    (void)state;
    world w;
    world_init(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"l\": [1, 2], \"n\": 1}");
    edit(&w.alice, oak, 1, "\"a\"");
    exchange(&w);
    int64_t bobs = peer_key(&w.bob, &w.alice, oak);
    edit(&w.bob, bobs, 2, "\"b\"");
    edit(&w.alice, oak, 2, "\"c\"");
    exchange(&w);
    edit(&w.bob, bobs, 3, "\"d\"");
    check_all_orders(&w, 5);
    world_deinit(&w);
}

/* One section of JSON each as one block, written without a transaction. */
static void write_sections(peer *self, const char *const *sections, size_t count, uint64_t flags) {
    dx_feed *feed = dx_space_feed(self->space, self->space->own_data);
    dx_buf items;
    uint8_t key[DX_KEY_SIZE];
    dx_buf_init(&items, &self->alloc.port, DX_BLOCK_SIZE_MAX);
    peer_begin(self);
    assert_int_equal(dx_space_key(&self->context, self->space, 0, key), DX_OK);
    for (size_t i = 0; i < count; i++) {
        dx_buf plaintext;
        peer_item(self, sections[i], &plaintext);
        assert_int_equal(dx_section_seal(key, feed->id, feed->length, i, dx_buf_view(&plaintext), &items),
                         DX_OK);
        dx_buf_deinit(&plaintext);
    }
    assert_int_equal(
        dx_pipeline_append(&self->context, self->space, feed->local, flags, dx_buf_view(&items), count, true),
        DX_OK);
    if (flags == 0) {
        assert_int_equal(dx_pipeline_settle(&self->context, self->space, feed->local), DX_OK);
        peer_commit(self);
    } else {
        assert_int_equal(dx_store_commit(self->context.store), DX_OK);
    }
    dx_buf_deinit(&items);
}

/* [seq, index] of an entity in the writer's own feed. */
static void own_place(int64_t key, char *out, size_t size) {
    snprintf(out, size, "%d, %d", (int)dx_entity_key_seq(key), (int)dx_entity_key_index(key));
}

/* An ordered model: every order of arrival gives the order of the stamps. */
static void test_an_ordered_model(void **state) {
    (void)state;
    world w;
    char json[128], place[32];
    const char *section = json;
    world_init(&w);
    w.alice.context.models = w.bob.context.models = w.carol.context.models = &registry;
    const char *create = "[null, [[0, 0, \"t\", \"test/digits/1\", null, null, null], [1, 1]]]";
    write_sections(&w.alice, &create, 1, 0);
    const dx_feed *feed = dx_space_feed(w.alice.space, w.alice.space->own_data);
    own_place(dx_entity_key(feed->local, feed->length - 1, 0), place, sizeof place);
    for (int digit = 2; digit < 6; digit++) {
        snprintf(json, sizeof json, "[[%s], [[1, %d]]]", place, digit);
        write_sections(&w.alice, &section, 1, 0);
    }
    check_all_orders(&w, 5);
    world_deinit(&w);
}

/* The same where the reader does not know the model. */
static void test_an_unknown_model(void **state) {
    (void)state;
    world w;
    char json[128], place[32];
    const char *section = json;
    world_init(&w);
    const char *create = "[null, [[0, 0, \"t\", \"test/digits/1\", null, null, null], [1, 1]]]";
    write_sections(&w.alice, &create, 1, 0);
    const dx_feed *feed = dx_space_feed(w.alice.space, w.alice.space->own_data);
    own_place(dx_entity_key(feed->local, feed->length - 1, 0), place, sizeof place);
    for (int digit = 2; digit < 5; digit++) {
        snprintf(json, sizeof json, "[[%s], [[1, %d]]]", place, digit);
        write_sections(&w.alice, &section, 1, 0);
    }
    check_all_orders(&w, 4);
    world_deinit(&w);
}

/* An author against the rules: sections out of their order. Which of them count is decided by those that are here, and
 * again when others come. */
static void test_sections_out_of_order(void **state) {
    (void)state;
    world w;
    char texts[3][128], oaks[32], elms[32];
    const char *sections[] = {texts[0], texts[1], texts[2]};
    world_init(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{}"), elm = peer_add(&w.alice, "tree", "{}");
    own_place(oak, oaks, sizeof oaks);
    own_place(elm, elms, sizeof elms);
    snprintf(texts[0], sizeof texts[0], "[[%s], [[1, [{\"n\": 1}, []]]]]", elms);
    snprintf(texts[1], sizeof texts[1], "[[%s], [[1, [{\"n\": 2}, []]]]]", oaks);
    snprintf(texts[2], sizeof texts[2], "[[%s], [[1, [{\"n\": 3}, []]]]]", elms);
    write_sections(&w.alice, sections, 3, 0);
    check_all_orders(&w, 5);
    assert_shows(&w.carol, peer_key(&w.carol, &w.alice, oak), "{}");
    assert_shows(&w.carol, peer_key(&w.carol, &w.alice, elm), "{\"n\":1}");
    world_deinit(&w);
}

/* A section that names what its block has not declared to have seen is refused, however late it comes: by then the
 * feed has long declared it. */
static void test_undeclared_places(void **state) {
    (void)state;
    world w;
    char json[256], prefix[64];
    const char *section = json;
    dx_buf text;
    world_init(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{}");
    const dx_feed *feed = dx_space_feed(w.alice.space, w.alice.space->own_data);
    dx_buf_init(&text, &w.alice.alloc.port, 64);
    dx_base64url_encode(dx_bytes_of(feed->id, DX_PREFIX_SIZE), &text);
    snprintf(prefix, sizeof prefix, "%.*s", (int)text.size, (const char *)text.data);
    dx_buf_deinit(&text);
    snprintf(json, sizeof json, "[[%d, %d, {\"@bytes\": \"%s\"}], [[1, [{\"n\": 1}, []]]]]",
             (int)dx_entity_key_seq(oak), (int)dx_entity_key_index(oak), prefix);
    write_sections(&w.bob, &section, 1, 0); /* before he pulled it */
    exchange(&w);
    peer_set(&w.bob, peer_key(&w.bob, &w.alice, oak), "m", "2");
    check_all_orders(&w, 3);
    assert_shows(&w.carol, peer_key(&w.carol, &w.alice, oak), "{\"m\":2}");
    world_deinit(&w);
}

/* A transaction of two blocks, and one of several sections. */
static void test_transactions(void **state) {
    (void)state;
    world w;
    const char *pair[] = {"[null, [[0, 0, \"t\", null, null, null, null]]]",
                          "[null, [[0, 0, \"t\", null, [0], null, null]]]"};
    const char *link = "[null, [[0, 1, \"l\", null, null, [7, 0], [7, 1]]]]";
    char json[128];
    world_init(&w);
    const dx_feed *feed = dx_space_feed(w.alice.space, w.alice.space->own_data);
    int seq = (int)feed->length;
    write_sections(&w.alice, pair, 2, DX_BLOCK_CONTINUES);
    snprintf(json, sizeof json, "[null, [[0, 1, \"l\", null, null, [%d, 0], [%d, 1]]]]", seq, seq);
    link = json;
    write_sections(&w.alice, &link, 1, 0);
    check_all_orders(&w, 3);
    world_deinit(&w);
}

/* Many blocks: vectors are kept some way apart, and made again in between. */
static void test_a_long_feed(void **state) {
    (void)state;
    world w;
    test_random random;
    static size_t order[400];
    test_random_init(&random, 9);
    world_init(&w);
    int64_t oaks[4];
    for (int i = 0; i < 4; i++) {
        oaks[i] = peer_add(&w.alice, "tree", "{\"n\": 0}");
    }
    exchange(&w);
    for (int i = 0; i < 150; i++) {
        char json[16];
        snprintf(json, sizeof json, "%d", i);
        int64_t oak = oaks[test_random_next(&random) % 4];
        if (i % 3 == 0) {
            peer_set(&w.bob, peer_key(&w.bob, &w.alice, oak), "n", json);
        } else {
            peer_set(&w.alice, oak, i % 3 == 1 ? "n" : "m", json);
        }
        if (i % 7 == 0) {
            exchange(&w);
        }
    }
    exchange(&w);
    hollow_pull(&w.holes, &w.carol, &w.alice);
    for (size_t i = 0; i < w.holes.count; i++) {
        order[i] = i;
    }
    for (size_t i = 0; i < w.holes.count; i++) {
        size_t other = i + (size_t)(test_random_next(&random) % (w.holes.count - i)), held = order[i];
        order[i] = order[other];
        order[other] = held;
    }
    size_t half = w.holes.count / 2;
    peer_begin(&w.carol);
    for (size_t i = 0; i < half; i++) {
        hollow_fill(&w.holes, &w.carol, &order[i], 1);
    }
    peer_commit(&w.carol);
    peer_begin(&w.carol);
    hollow_fill(&w.holes, &w.carol, order + half, w.holes.count - half);
    peer_commit(&w.carol);
    assert_same_state(&w.alice, &w.carol);
    world_deinit(&w);
}

/* What has not the hash that stands there is not taken, and changes nothing. */
static void test_another_section_is_refused(void **state) {
    (void)state;
    world w;
    world_init(&w);
    peer_add(&w.alice, "tree", "{\"n\": 1}");
    hollow_pull(&w.holes, &w.carol, &w.alice);
    assert_int_equal(w.holes.count, 1);
    hollow_section *section = &w.holes.sections[0];
    section->sealed[section->size - 1] ^= 1;
    const dx_section_change change = {.index = 0, .sealed = dx_bytes_of(section->sealed, section->size)};
    const dx_section_change beyond = {.index = 1, .sealed = dx_bytes_of(section->sealed, section->size)};
    dx_late late;
    peer_begin(&w.carol);
    const dx_feed *feed = dx_space_feed_by_id(w.carol.space, section->feed);
    assert_int_equal(dx_late_begin(&late, &w.carol.context, w.carol.space), DX_OK);
    assert_int_equal(dx_late_change(&late, feed, section->seq, &change, 1), DX_E_SIGNATURE);
    assert_int_equal(dx_late_change(&late, feed, section->seq, &beyond, 1), DX_E_NOT_FOUND);
    assert_int_equal(dx_late_change(&late, feed, section->seq + 1, &change, 1), DX_E_NOT_FOUND);
    assert_int_equal(dx_late_finish(&late, DX_OK), DX_OK);
    peer_commit(&w.carol);
    peer_reopen(&w.carol);
    section->sealed[section->size - 1] ^= 1;
    size_t first = 0;
    peer_begin(&w.carol);
    hollow_fill(&w.holes, &w.carol, &first, 1);
    peer_commit(&w.carol);
    assert_same_state(&w.alice, &w.carol);
    world_deinit(&w);
}

/* A change of what is a hole is not counted as refused: it waits with its subject. */
static void test_nothing_is_refused_for_a_hole(void **state) {
    (void)state;
    world w;
    world_init(&w);
    int64_t oak = peer_add(&w.alice, "tree", "{\"n\": 1}");
    peer_set(&w.alice, oak, "n", "2");
    uint64_t refused = w.carol.space->refused;
    hollow_pull(&w.holes, &w.carol, &w.alice);
    size_t second = 1;
    peer_begin(&w.carol);
    hollow_fill(&w.holes, &w.carol, &second, 1);
    peer_commit(&w.carol);
    assert_int_equal(w.carol.space->refused, refused);
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_an_object),
                                       cmocka_unit_test(test_moves),
                                       cmocka_unit_test(test_links),
                                       cmocka_unit_test(test_arrays),
                                       cmocka_unit_test(test_an_ordered_model),
                                       cmocka_unit_test(test_an_unknown_model),
                                       cmocka_unit_test(test_sections_out_of_order),
                                       cmocka_unit_test(test_undeclared_places),
                                       cmocka_unit_test(test_transactions),
                                       cmocka_unit_test(test_a_long_feed),
                                       cmocka_unit_test(test_another_section_is_refused),
                                       cmocka_unit_test(test_nothing_is_refused_for_a_hole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
