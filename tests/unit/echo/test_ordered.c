/* tests/unit/echo/test_ordered.c: whatever order operations come in, the state is that of their order by stamps, and a
 * late one costs the way back to the nearest checkpoint. */
#include "echo/ordered.h"

#include "peer.h"

/* "test/chain/1": every operation changes what those before it left, so any other order is another state. Operation: an
 * integer, 13 is refused. State and view: an integer. */
typedef struct chain {
    int64_t value;
} chain;

static size_t applied;

static void *chain_create(const dx_alloc *alloc, const dx_stamp *created) {
    (void)created;
    return dx_alloc_take_zeroed(alloc, sizeof(chain));
}

static void chain_destroy(const dx_alloc *alloc, void *state) {
    dx_alloc_free(alloc, state, sizeof(chain));
}

static int chain_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    chain *self = state;
    int64_t number = dx_item_int(operation, 13);
    applied++;
    if (number == 13) {
        return DX_E_MALFORMED;
    }
    self->value = (self->value * 31 + number + (int64_t)stamp->counter) % 1000003;
    return DX_OK;
}

static int chain_save(const void *state, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_int(&writer, ((const chain *)state)->value);
    return dx_writer_finish(&writer);
}

static int chain_restore(void *state, dx_bytes saved) {
    ((chain *)state)->value = dx_item_int(saved, 0);
    return dx_item_kind(saved) == DX_KIND_INT ? DX_OK : DX_E_CORRUPT;
}

static int chain_view(const void *state, dx_writer *out) {
    dx_write_int(out, ((const chain *)state)->value);
    return DX_OK;
}

static const dx_model chain_model = {.version = DX_MODEL_VERSION,
                                     .name = "test/chain/1",
                                     .kind = DX_MODEL_ORDERED,
                                     .create = chain_create,
                                     .destroy = chain_destroy,
                                     .apply = chain_apply,
                                     .save = chain_save,
                                     .restore = chain_restore,
                                     .view = chain_view};

enum { STEPS = 400, KEY = 77 };

typedef struct fixture {
    peer alice;
    dx_buf saved, next;
} fixture;

static void fixture_init(fixture *f) {
    peer_init(&f->alice, 1, "Alice");
    dx_buf_init(&f->saved, &f->alice.alloc.port, 1 << 16);
    dx_buf_init(&f->next, &f->alice.alloc.port, 1 << 16);
    peer_begin(&f->alice);
}

static void fixture_deinit(fixture *f) {
    dx_store_rollback(f->alice.context.store);
    dx_buf_deinit(&f->saved);
    dx_buf_deinit(&f->next);
    peer_deinit(&f->alice);
}

static void start_over(fixture *f) {
    assert_int_equal(dx_ordered_forget(&f->alice.context, KEY), DX_OK);
    dx_buf_clear(&f->saved);
}

static dx_stamp stamp_of(size_t number) {
    dx_stamp stamp = {.counter = 10 + number / 2}; /* two feeds write at each counter */
    memset(stamp.feed, number % 2 == 0 ? 0x00 : 0xff, sizeof stamp.feed);
    return stamp;
}

/* Every seventh is refused. */
static int64_t operation_of(size_t number) {
    return number % 7 == 6 ? 13 : (int64_t)(number * number % 11);
}

static int operate(fixture *f, size_t number) {
    const dx_stamp created = {.counter = 1}, stamp = stamp_of(number);
    const dx_provenance provenance = dx_provenance_none(&created);
    uint8_t item[1] = {(uint8_t)operation_of(number)};
    int refusal = DX_OK;
    dx_buf_clear(&f->next);
    assert_int_equal(dx_ordered_operate(&f->alice.context, KEY, &chain_model, &provenance,
                                        dx_buf_view(&f->saved), &stamp, dx_bytes_of(item, 1), &f->next,
                                        &refusal),
                     DX_OK);
    dx_buf_clear(&f->saved);
    dx_buf_append(&f->saved, f->next.data, f->next.size);
    return refusal;
}

/* What the numbers below `count` for which `has` is set come to. */
static void assert_state(fixture *f, const bool *has, size_t count) {
    chain expected = {0};
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        uint8_t item[1] = {(uint8_t)operation_of(i)};
        dx_stamp stamp = stamp_of(i);
        if (has == NULL || has[i]) {
            any = chain_apply(&expected, dx_bytes_of(item, 1), &stamp) == DX_OK || any;
        }
    }
    assert_int_equal(f->saved.size != 0, any);
    assert_int_equal(dx_item_int(dx_buf_view(&f->saved), 0), expected.value);
}

static size_t choose(fixture *f, size_t count) {
    uint8_t bytes[2];
    f->alice.random.port.fill(f->alice.random.port.ctx, bytes, sizeof bytes);
    return (size_t)(bytes[0] << 8 | bytes[1]) % count;
}

static void test_any_order(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    for (size_t round = 0; round < 20; round++) {
        size_t order[STEPS], count = 1 + choose(&f, round < 15 ? 20 : STEPS);
        bool has[STEPS] = {false};
        start_over(&f);
        for (size_t i = 0; i < count; i++) {
            size_t other = choose(&f, i + 1);
            order[i] = order[other];
            order[other] = i;
        }
        for (size_t i = 0; i < count; i++) {
            (void)operate(&f, order[i]);
            has[order[i]] = true;
            if (i % 16 == 0) {
                assert_state(&f, has, count);
            }
        }
        assert_state(&f, NULL, count);
        (void)operate(&f, order[0]); /* again is nothing */
        assert_state(&f, NULL, count);
    }
    fixture_deinit(&f);
}

/* In order each costs one; a late one goes back to a checkpoint, not to the beginning. */
static void test_what_a_late_one_costs(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < STEPS; i++) {
        if (i == 10 || i == STEPS - 40) {
            continue;
        }
        applied = 0;
        int refusal = operate(&f, i);
        assert_int_equal(applied, 1);
        assert_int_equal(refusal, operation_of(i) == 13 ? DX_E_MALFORMED : DX_OK);
    }
    applied = 0;
    (void)operate(&f, STEPS - 40);
    assert_true(applied <= 40 + DX_STEPS_APART);
    applied = 0;
    (void)operate(&f, STEPS - 40); /* asked again, it is found to change nothing at the same price */
    assert_true(applied <= 40 + DX_STEPS_APART);
    applied = 0;
    (void)operate(&f, 10);
    assert_int_equal(applied, STEPS); /* before the first checkpoint */
    assert_state(&f, NULL, STEPS);
    fixture_deinit(&f);
}

/* There are never more checkpoints than are kept, however long it goes on. */
static void test_checkpoints_are_bounded(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < (DX_CHECKPOINTS_KEPT + 4) * DX_STEPS_APART; i++) {
        (void)operate(&f, i);
    }
    sqlite3_stmt *select =
        dx_store_query(f.alice.context.store, "SELECT count(*) FROM step WHERE state IS NOT NULL");
    assert_true(dx_step(f.alice.context.store, select));
    assert_int_equal(dx_column_int(select, 0), DX_CHECKPOINTS_KEPT);
    dx_step_reset(select);
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_any_order), DX_TEST(test_what_a_late_one_costs),
             DX_TEST(test_checkpoints_are_bounded))
