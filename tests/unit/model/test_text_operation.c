/* tests/unit/model/test_text_operation.c: nobody writes in another's name: operations of texts whose structs are not their
 * author's, in every way they can come. */
#include <dxos/text.h>

#include "text_people.h"

static int apply_update(fixture *f, int64_t session, uint64_t client, const dx_stamp *stamp) {
    dx_buf update, operation;
    write_update(&f->alloc.port, client, "text", DX_TEXT_V2, &update);
    write_operation(&f->alloc.port, session, dx_buf_view(&update), &operation);
    int error = dx_text_model.apply(f->states[0], dx_buf_view(&operation), stamp);
    dx_buf_deinit(&operation);
    dx_buf_deinit(&update);
    return error;
}

static void test_nobody_writes_as_another(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    const dx_stamp stamp = stamp_of(&f, 0), others = stamp_of(&f, 1);
    uint64_t own = dx_text_client(&made, stamp.feed, 3);
    assert_int_equal(apply_update(&f, 3, dx_text_client(&made, others.feed, 3), &stamp), DX_E_MALFORMED);
    assert_int_equal(apply_update(&f, 2, own, &stamp), DX_E_MALFORMED); /* of another session */
    assert_int_equal(apply_update(&f, 3, own, &others), DX_E_MALFORMED);
    assert_int_equal(apply_update(&f, -1, own, &stamp), DX_E_MALFORMED); /* not with which it is made */
    assert_text(&f, 0, "{\"text\":\"\"}");
    assert_int_equal(apply_update(&f, 3, own, &stamp), DX_OK);
    assert_int_equal(apply_update(&f, -1, 12345, &made), DX_OK);
    assert_text(&f, 0, "{\"text\":\"xx\"}");
    fixture_deinit(&f);
}

static void test_clients_differ(void **state) {
    dx_stamp other = made;
    uint8_t feed[DX_FEED_PREFIX_SIZE] = {1}, neighbour[DX_FEED_PREFIX_SIZE] = {2};
    (void)state;
    uint64_t client = dx_text_client(&made, feed, 0);
    assert_true(client > 0 && client < UINT64_C(1) << 53);
    assert_true(client == dx_text_client(&made, feed, 0));
    assert_true(client != dx_text_client(&made, neighbour, 0));
    assert_true(client != dx_text_client(&made, feed, 1));
    other.counter++;
    assert_true(client != dx_text_client(&other, feed, 0));
}

/* --- Attacks ---------------------------------------------------------------------------------- */

typedef struct attack {
    fixture f;
    dx_stamp thief;
    uint64_t own, victim; /* clients: of the thief's session 0, and of whom he would be */
} attack;

/* Bob has written in the text, and the thief has seen it. */
static void attack_init(attack *self) {
    fixture_init(&self->f);
    assert_int_equal(ask(&self->f, 1, "{\"append\": \"Bob's words\"}"), DX_OK);
    take(&self->f, 0, 0);
    self->thief = stamp_of(&self->f, 0);
    self->own = dx_text_client(&made, self->thief.feed, 0);
    self->victim = dx_text_client(&made, self->f.stamps[0].feed, 0);
}

/* Session 0 of the thief says this. It is refused, and nothing is another than before; or it counts. */
static int say(attack *self, dx_bytes update) {
    dx_buf operation, before, after;
    save(&self->f, 0, &before);
    write_operation(&self->f.alloc.port, 0, update, &operation);
    int error = dx_text_model.apply(self->f.states[0], dx_buf_view(&operation), &self->thief);
    save(&self->f, 0, &after);
    assert_int_equal(error != DX_OK, dx_bytes_equal(dx_buf_view(&before), dx_buf_view(&after)));
    dx_buf_deinit(&before);
    dx_buf_deinit(&after);
    dx_buf_deinit(&operation);
    return error;
}

/* What a document of that client, begun with all that Bob wrote, says about one more word. */
static void continue_as(attack *self, uint64_t client, dx_buf *out) {
    const dx_text_options options = {.client = client, .unit = DX_TEXT_CODE_POINTS};
    dx_text_doc *doc;
    dx_text_type type;
    dx_buf_init(out, &self->f.alloc.port, 1 << 16);
    assert_int_equal(dx_text_create(&self->f.alloc.port, &options, &doc), DX_OK);
    int64_t session;
    dx_bytes bob = update_of(&self->f, 0, &session);
    assert_int_equal(dx_text_apply(doc, DX_TEXT_V2, bob), DX_OK);
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    assert_int_equal(dx_text_begin(doc), DX_OK);
    assert_int_equal(dx_text_insert(doc, type, 3, dx_bytes_text(" forged"), NULL), DX_OK);
    assert_int_equal(dx_text_commit(doc, DX_TEXT_V2, out), DX_OK);
    dx_text_destroy(doc);
}

static void test_no_client_but_the_authors(void **state) {
    (void)state;
    attack a;
    attack_init(&a);
    dx_stamp other_text = made;
    other_text.counter++;
    const uint64_t clients[] = {
        a.victim,                                     /* behind what Bob wrote */
        dx_text_client(&made, a.f.stamps[0].feed, 1), /* a session of Bob's that he never had */
        dx_text_client(&other_text, a.thief.feed, 0), /* the thief's own, in another text of his */
        dx_text_client(&made, a.thief.feed, 1),       /* his own, of another session than he says */
        a.own + 1,
        1,
        (UINT64_C(1) << 53) - 1};
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        dx_buf update;
        continue_as(&a, clients[i], &update);
        assert_int_equal(say(&a, dx_buf_view(&update)), DX_E_MALFORMED);
        dx_buf_deinit(&update);
    }
    dx_buf own;
    continue_as(&a, a.own, &own);
    assert_int_equal(say(&a, dx_buf_view(&own)), DX_OK);
    assert_text(&a.f, 0, "{\"text\":\"Bob forged's words\"}");
    dx_buf_deinit(&own);
    fixture_deinit(&a.f);
}

/* His own section is sound, and there is another one in front of it or behind it. */
static void test_no_section_beside_the_authors(void **state) {
    (void)state;
    attack a;
    attack_init(&a);
    const uint64_t others[] = {a.victim, 1, (UINT64_C(1) << 53) - 1};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        dx_buf parts[2], both;
        continue_as(&a, a.own, &parts[0]);
        continue_as(&a, others[i], &parts[1]);
        const dx_bytes updates[] = {dx_buf_view(&parts[0]), dx_buf_view(&parts[1])};
        dx_buf_init(&both, &a.f.alloc.port, 1 << 16);
        assert_int_equal(dx_text_merge_updates(&a.f.alloc.port, DX_TEXT_V2, updates, 2, &both), DX_OK);
        assert_int_equal(say(&a, dx_buf_view(&both)), DX_E_MALFORMED);
        dx_buf_deinit(&both);
        dx_buf_deinit(&parts[0]);
        dx_buf_deinit(&parts[1]);
    }
    fixture_deinit(&a.f);
}

/* What Bob said, once more: even the very same bytes are not the thief's to say. */
static void test_no_repeating_of_anothers_words(void **state) {
    (void)state;
    attack a;
    attack_init(&a);
    int64_t session;
    dx_bytes bob = update_of(&a.f, 0, &session);
    assert_int_equal(say(&a, bob), DX_E_MALFORMED);
    assert_int_equal(dx_text_model.apply(a.f.states[0], dx_buf_view(&a.f.operations[0]), &a.thief),
                     DX_E_MALFORMED);
    assert_text(&a.f, 0, "{\"text\":\"Bob's words\"}");
    fixture_deinit(&a.f);
}

/* A gap in his own clocks would be his place to fill, twice. */
static void test_no_gaps(void **state) {
    (void)state;
    attack a;
    attack_init(&a);
    const dx_text_options options = {.client = a.own};
    dx_text_doc *doc;
    dx_text_type type;
    dx_buf first, second, third, gap;
    dx_buf *const said[] = {&first, &second, &third};
    assert_int_equal(dx_text_create(&a.f.alloc.port, &options, &doc), DX_OK);
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    for (size_t i = 0; i < 3; i++) {
        dx_buf_init(said[i], &a.f.alloc.port, 1 << 16);
        assert_int_equal(dx_text_begin(doc), DX_OK);
        assert_int_equal(dx_text_insert(doc, type, 0, dx_bytes_text("ab"), NULL), DX_OK);
        assert_int_equal(dx_text_commit(doc, DX_TEXT_V2, said[i]), DX_OK);
    }
    const dx_bytes updates[] = {dx_buf_view(&first), dx_buf_view(&third)};
    dx_buf_init(&gap, &a.f.alloc.port, 1 << 16);
    assert_int_equal(dx_text_merge_updates(&a.f.alloc.port, DX_TEXT_V2, updates, 2, &gap), DX_OK);
    assert_int_equal(say(&a, dx_buf_view(&gap)), DX_E_MALFORMED);
    assert_int_equal(say(&a, dx_buf_view(&first)), DX_OK);
    dx_buf_deinit(&gap);
    for (size_t i = 0; i < 3; i++) {
        dx_buf_deinit(said[i]);
    }
    dx_text_destroy(doc);
    fixture_deinit(&a.f);
}

/* Deletes may name anybody's characters: whoever may write here may delete. */
static void test_deletes_are_anybodys(void **state) {
    (void)state;
    attack a;
    attack_init(&a);
    assert_int_equal(ask(&a.f, 0, "{\"delete\": 0, \"count\": 6}"), DX_OK);
    assert_text(&a.f, 0, "{\"text\":\"words\"}");
    take(&a.f, 1, 1);
    assert_text(&a.f, 1, "{\"text\":\"words\"}");
    fixture_deinit(&a.f);
}

DX_TEST_MAIN(DX_TEST(test_nobody_writes_as_another), DX_TEST(test_clients_differ),
             DX_TEST(test_no_client_but_the_authors), DX_TEST(test_no_section_beside_the_authors),
             DX_TEST(test_no_repeating_of_anothers_words), DX_TEST(test_no_gaps),
             DX_TEST(test_deletes_are_anybodys))
