/* tests/unit/model/test_text_hidden.c: operations of texts that have no effect: they hold the places that others named, show
 * nothing and delete nothing, in whatever order they come, and count in full once they do have effect. */
#include "model/text_state.h"
#include "text_people.h"

/* A row and what is done to it. */
typedef struct row {
    const fixture *f;
    dx_buf saved;
} row;

static void row_init(row *self, const fixture *f) {
    self->f = f;
    dx_buf_init(&self->saved, &f->alloc.port, 1 << 20);
}

typedef int change(const dx_alloc *alloc, const dx_stamp *created, dx_bytes saved, dx_bytes operation,
                   const dx_stamp *stamp, dx_buf *out);

static int row_do(row *self, change *what, size_t index) {
    dx_buf next;
    dx_buf_init(&next, &self->f->alloc.port, 1 << 20);
    int error = what(&self->f->alloc.port, &made, dx_buf_view(&self->saved),
                     dx_buf_view(&self->f->operations[index]), &self->f->stamps[index], &next);
    if (error == DX_OK) {
        dx_buf before = self->saved;
        self->saved = next;
        next = before;
    }
    dx_buf_deinit(&next);
    return error;
}

static void row_take(row *self, size_t index) {
    assert_int_equal(row_do(self, dx_text_model.amend, index), DX_OK);
}

static void row_hide(row *self, size_t index) {
    assert_int_equal(row_do(self, dx_text_model.hide, index), DX_OK);
}

/* As a restored state of the canonical bytes, which must be the same again. */
static void row_show(row *self, char *out, size_t size) {
    dx_buf canonical, again;
    const dx_alloc *alloc = &self->f->alloc.port;
    void *state = dx_text_model.create(alloc, &made);
    dx_buf_init(&canonical, alloc, 1 << 20);
    dx_buf_init(&again, alloc, 1 << 20);
    assert_int_equal(dx_text_model.canonical(alloc, dx_buf_view(&self->saved), &canonical), DX_OK);
    assert_int_equal(dx_text_model.restore(state, dx_buf_view(&canonical)), DX_OK);
    assert_int_equal(dx_text_model.save(state, &again), DX_OK);
    assert_true(dx_bytes_equal(dx_buf_view(&canonical), dx_buf_view(&again)));
    show(alloc, state, out, size);
    dx_text_model.destroy(alloc, state);
    dx_buf_deinit(&self->saved);
    self->saved = canonical;
    dx_buf_deinit(&again);
}

static void assert_row(row *self, const char *expected) {
    char shown[1024];
    row_show(self, shown, sizeof shown);
    assert_string_equal(shown, expected);
}

/* Alice writes; Mallory writes in the midst of it, formats and deletes; Bob, who saw all of it, writes on among Mallory's words. */
enum { TEA, MIDST, BOLD, GONE, AMONG, ON, ALL };

static void write_together(fixture *f) {
    fixture_init(f);
    assert_int_equal(ask(f, 0, "{\"append\": \"tea, milk\"}"), DX_OK);
    take(f, 1, TEA);
    assert_int_equal(ask(f, 1, "{\"insert\": 3, \"text\": \" and poison\"}"), DX_OK);
    assert_int_equal(ask(f, 1, "{\"format\": 0, \"count\": 3, \"attributes\": {\"bold\": true}}"), DX_OK);
    assert_int_equal(ask(f, 1, "{\"delete\": 16, \"count\": 4}"), DX_OK);
    for (size_t i = TEA; i <= GONE; i++) {
        take(f, 2, i);
    }
    assert_text(
        f, 2,
        "{\"text\":\"tea and poison, \",\"delta\":[{\"insert\":\"tea\",\"attributes\":{\"bold\":true}},"
        "{\"insert\":\" and poison, \"}]}");
    assert_int_equal(ask(f, 2, "{\"insert\": 7, \"text\": \" cake and\"}"), DX_OK);
    assert_int_equal(ask(f, 2, "{\"append\": \"bread\"}"), DX_OK);
}

static bool is_mallorys(size_t index) {
    return index == MIDST || index == BOLD || index == GONE;
}

static void test_hidden_words_hold_their_place(void **state) {
    (void)state;
    fixture f;
    row r;
    write_together(&f);
    row_init(&r, &f);
    row_take(&r, TEA);
    row_take(&r, AMONG);
    row_take(&r, ON);
    assert_row(&r, "{\"text\":\"tea, milk\"}"); /* Bob's words wait for what they stand among */
    for (size_t i = MIDST; i <= GONE; i++) {
        row_hide(&r, i);
    }
    /* Nothing of Mallory's shows, what he deleted stands, and Bob's words are where he put them. */
    assert_row(&r, "{\"text\":\"tea cake and, milkbread\"}");
    dx_buf_deinit(&r.saved);
    fixture_deinit(&f);
}

static void make(row *r, const fixture *f, const size_t order[static ALL], bool effect) {
    row_init(r, f);
    for (size_t i = 0; i < ALL; i++) {
        if (is_mallorys(order[i]) && !effect) {
            row_hide(r, order[i]);
        } else {
            row_take(r, order[i]);
        }
    }
}

/* The next order of numbers, as in a dictionary; false: it was the last. */
static bool next_order(size_t *order, size_t count) {
    size_t at = count - 1, other = count - 1;
    while (at > 0 && order[at - 1] >= order[at]) {
        at--;
    }
    if (at == 0) {
        return false;
    }
    while (order[other] <= order[at - 1]) {
        other--;
    }
    size_t held = order[at - 1];
    order[at - 1] = order[other];
    order[other] = held;
    for (size_t end = count - 1; at < end; at++, end--) {
        held = order[at];
        order[at] = order[end];
        order[end] = held;
    }
    return true;
}

/* All 720 orders make one row, with what is hidden between what is not; and once Mallory's words have effect, after all or before,
 * it is the row in which they always had. */
static void test_any_order_makes_one_row(void **state) {
    size_t order[ALL] = {TEA, MIDST, BOLD, GONE, AMONG, ON};
    (void)state;
    fixture f;
    row first, effect, one;
    char shown[1024];
    write_together(&f);
    make(&first, &f, order, false);
    make(&effect, &f, order, true);
    row_show(&first, shown, sizeof shown);
    assert_row(&effect,
               "{\"text\":\"tea and cake and poison, bread\",\"delta\":[{\"insert\":\"tea\",\"attributes\":"
               "{\"bold\":true}},{\"insert\":\" and cake and poison, bread\"}]}");
    do {
        make(&one, &f, order, false);
        row_show(&one, shown, sizeof shown);
        assert_true(dx_bytes_equal(dx_buf_view(&one.saved), dx_buf_view(&first.saved)));
        for (size_t i = ALL; i-- > 0;) {
            if (is_mallorys(order[i])) {
                row_take(&one, order[i]);
            }
        }
        row_show(&one, shown, sizeof shown);
        assert_true(dx_bytes_equal(dx_buf_view(&one.saved), dx_buf_view(&effect.saved)));
        dx_buf_deinit(&one.saved);
    } while (next_order(order, ALL));
    dx_buf_deinit(&first.saved);
    dx_buf_deinit(&effect.saved);
    fixture_deinit(&f);
}

/* Whoever has the text open is told of it as of deleted characters: a document that had them lets them go, and goes on. */
static void test_documents_are_told_of_deletions(void **state) {
    (void)state;
    fixture f;
    row r;
    dx_buf update, clocks, text;
    dx_text_doc *page;
    dx_text_type type;
    write_together(&f);
    row_init(&r, &f);
    const dx_text_options options = {.client = 5};
    assert_int_equal(dx_text_create(&f.alloc.port, &options, &page), DX_OK);
    assert_int_equal(dx_text_root(page, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    dx_buf_init(&update, &f.alloc.port, 1 << 20);
    dx_buf_init(&clocks, &f.alloc.port, 1 << 20);
    dx_buf_init(&text, &f.alloc.port, 1 << 20);
    for (size_t i = 0; i <= MIDST; i++) {
        int64_t session;
        assert_int_equal(dx_text_apply(page, DX_TEXT_V2, update_of(&f, i, &session)), DX_OK);
    }
    row_take(&r, TEA);
    row_take(&r, AMONG);
    row_hide(&r, MIDST);
    assert_int_equal(dx_text_state_vector(page, &clocks), DX_OK);
    assert_int_equal(
        dx_text_saved_encode(&f.alloc.port, dx_buf_view(&r.saved), DX_TEXT_V2, dx_buf_view(&clocks), &update),
        DX_OK);
    assert_int_equal(dx_text_apply(page, DX_TEXT_V2, dx_buf_view(&update)), DX_OK);
    assert_int_equal(dx_text_read(page, type, &text), DX_OK);
    assert_true(dx_bytes_equal(dx_buf_view(&text), dx_bytes_text("tea cake and, milk")));
    dx_text_destroy(page);
    dx_buf_deinit(&update);
    dx_buf_deinit(&clocks);
    dx_buf_deinit(&text);
    dx_buf_deinit(&r.saved);
    fixture_deinit(&f);
}

/* Who has seen what is hidden writes on in the same session: nothing of his waits any more. */
static void test_one_writes_on(void **state) {
    (void)state;
    fixture f;
    row r;
    dx_buf canonical, request, operation;
    write_together(&f);
    row_init(&r, &f);
    row_take(&r, TEA);
    row_take(&r, AMONG);
    for (size_t i = MIDST; i <= GONE; i++) {
        row_hide(&r, i);
    }
    row_take(&r, ON);
    void *bob = dx_text_model.create(&f.alloc.port, &made);
    dx_buf_init(&canonical, &f.alloc.port, 1 << 20);
    dx_buf_init(&operation, &f.alloc.port, 1 << 20);
    assert_int_equal(dx_text_model.restore(bob, dx_buf_view(&r.saved)), DX_OK);
    parse(&f.alloc.port, "{\"insert\": 8, \"text\": \"s\"}", &request);
    const dx_stamp stamp = stamp_of(&f, 2);
    assert_int_equal(dx_text_model.prepare(bob, stamp.feed, dx_buf_view(&request), &operation), DX_OK);
    assert_int_equal(operation.data[1], 0);
    assert_int_equal(dx_text_model.apply(bob, dx_buf_view(&operation), &stamp), DX_OK);
    char shown[256];
    show(&f.alloc.port, bob, shown, sizeof shown);
    assert_string_equal(shown, "{\"text\":\"tea cakes and, milkbread\"}");
    dx_text_model.destroy(&f.alloc.port, bob);
    dx_buf_deinit(&canonical);
    dx_buf_deinit(&request);
    dx_buf_deinit(&operation);
    dx_buf_deinit(&r.saved);
    fixture_deinit(&f);
}

/* Two branches of one author speak of the same places: what has effect is what stands there, whichever came first. */
static void test_what_has_effect_comes_first(void **state) {
    (void)state;
    fixture f;
    row r;
    fixture_init(&f);
    assert_int_equal(ask(&f, 0, "{\"append\": \"hidden branch\"}"), DX_OK);
    dx_text_model.destroy(&f.alloc.port, f.states[0]);
    f.states[0] = dx_text_model.create(&f.alloc.port, &made);
    assert_int_equal(ask(&f, 0, "{\"append\": \"in force\"}"), DX_OK);
    row_init(&r, &f);
    row_hide(&r, 0);
    assert_row(&r, "{\"text\":\"\"}");
    row_take(&r, 1);
    assert_row(&r, "{\"text\":\"in force\"}");
    dx_buf_deinit(&r.saved);
    fixture_deinit(&f);
}

/* What nobody may say is not kept as hidden either. */
static void test_what_cannot_be_hidden(void **state) {
    (void)state;
    fixture f;
    row r;
    write_together(&f);
    row_init(&r, &f);
    f.stamps[MIDST].feed[0] ^= 1; /* in another's name */
    assert_int_equal(row_do(&r, dx_text_model.hide, MIDST), DX_E_MALFORMED);
    f.stamps[TEA] = made; /* a creation makes what it is about */
    assert_int_equal(row_do(&r, dx_text_model.hide, TEA), DX_E_MALFORMED);
    f.operations[ON].size--;
    assert_int_equal(row_do(&r, dx_text_model.hide, ON), DX_E_MALFORMED);
    row_hide(&r, GONE); /* a deletion has no place to hold */
    assert_row(&r, "{\"text\":\"\"}");
    dx_buf_deinit(&r.saved);
    fixture_deinit(&f);
}

static void test_every_allocation_fails_once(void **state) {
    (void)state;
    fixture f;
    row r;
    write_together(&f);
    row_init(&r, &f);
    row_take(&r, TEA);
    row_take(&r, AMONG);
    change *const changes[] = {dx_text_model.hide, dx_text_model.amend};
    for (size_t i = 0; i < 2; i++) {
        int error = DX_E_NO_MEMORY;
        for (uint64_t fail_at = 1; error == DX_E_NO_MEMORY; fail_at++) {
            size_t live = f.alloc.live_bytes;
            f.alloc.calls = 0;
            f.alloc.fail_at = fail_at;
            error = row_do(&r, changes[i], MIDST + i * (ON - MIDST));
            f.alloc.fail_at = 0;
            assert_true(error == DX_OK || (error == DX_E_NO_MEMORY && f.alloc.live_bytes == live));
        }
    }
    int error = DX_E_NO_MEMORY;
    for (uint64_t fail_at = 1; error == DX_E_NO_MEMORY; fail_at++) {
        dx_buf out;
        size_t live = f.alloc.live_bytes;
        dx_buf_init(&out, &f.alloc.port, 1 << 20);
        f.alloc.calls = 0;
        f.alloc.fail_at = fail_at;
        error = dx_text_model.canonical(&f.alloc.port, dx_buf_view(&r.saved), &out);
        f.alloc.fail_at = 0;
        dx_buf_deinit(&out);
        assert_int_equal(f.alloc.live_bytes, live);
        assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
    }
    dx_buf_deinit(&r.saved);
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_hidden_words_hold_their_place), DX_TEST(test_any_order_makes_one_row),
             DX_TEST(test_documents_are_told_of_deletions), DX_TEST(test_one_writes_on),
             DX_TEST(test_what_has_effect_comes_first), DX_TEST(test_what_cannot_be_hidden),
             DX_TEST(test_every_allocation_fails_once))
