/* tests/unit/text/test_marks.c: a schema says how marks grow, and nothing else changes (text/marks.c). */
#include "desk.h"

static void marks(desk *it, const char *schema) {
    assert_int_equal(dx_text_set_marks(it->doc, schema), DX_OK);
}

static void format(desk *it, uint64_t index, uint64_t length, const char *attributes) {
    assert_int_equal(dx_text_format(it->doc, it->text, index, length, attributes), DX_OK);
}

/* "abcdef" with one mark on "cd"; typed at the beginning, inside and at the end of it. */
static void test_expand(void **state) {
    (void)state;
    static const struct {
        const char *expand;
        bool begin, end;
    } rows[] = {
        {"after", false, true}, {"before", true, false}, {"both", true, true}, {"none", false, false}};
    static const char
        *const at_begin[] =
            {"[{\"insert\":\"abX\"},{\"insert\":\"cd\",\"attributes\":{\"m\":1}},{\"insert\":\"ef\"}]",
             "[{\"insert\":\"ab\"},{\"insert\":\"Xcd\",\"attributes\":{\"m\":1}},{\"insert\":\"ef\"}]"},
               *const at_end[] = {
                   "[{\"insert\":\"ab\"},{\"insert\":\"cd\",\"attributes\":{\"m\":1}},{\"insert\":\"Xef\"}]",
                   "[{\"insert\":\"ab\"},{\"insert\":\"cdX\",\"attributes\":{\"m\":1}},{\"insert\":\"ef\"}]"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (uint64_t at = 2; at <= 4; at++) {
            desk it, peer;
            char schema[64];
            desk_open(&it, 1);
            desk_open(&peer, 2);
            type_in(&it, 0, "abcdef");
            format(&it, 2, 2, "{\"m\":1}");
            snprintf(schema, sizeof schema, "{\"m\":{\"expand\":\"%s\"}}", rows[i].expand);
            marks(&it, schema);
            type_in(&it, at, "X");
            const char *wanted = at == 2   ? at_begin[rows[i].begin]
                                 : at == 3 ? "[{\"insert\":\"ab\"},{\"insert\":\"cXd\",\"attributes\":{\"m\":"
                                             "1}},{\"insert\":\"ef\"}]"
                                           : at_end[rows[i].end];
            assert_delta(&it, wanted);
            exchange(&it, &peer);
            dx_buf ours = buffer(&it.alloc), theirs = buffer(&it.alloc);
            assert_int_equal(dx_text_delta(it.doc, it.text, &ours), DX_OK);
            assert_int_equal(dx_text_delta(peer.doc, peer.text, &theirs), DX_OK);
            assert_bytes_equal(dx_buf_view(&theirs), dx_buf_view(&ours));
            dx_buf_deinit(&ours);
            dx_buf_deinit(&theirs);
            desk_close(&it);
            desk_close(&peer);
        }
    }
}

/* Bold grows, the link does not; at both ends of the text, too; two links side by side stay two. */
static void test_together(void **state) {
    (void)state;
    desk it;
    desk_open(&it, 1);
    marks(&it, "{\"link\":{\"expand\":\"none\"}}");
    type_in(&it, 0, "ab");
    format(&it, 0, 2, "{\"b\":true,\"link\":\"x\"}");
    type_in(&it, 2, "c");
    assert_delta(&it, "[{\"insert\":\"ab\",\"attributes\":{\"b\":true,\"link\":\"x\"}},"
                      "{\"insert\":\"c\",\"attributes\":{\"b\":true}}]");
    format(&it, 2, 1, "{\"link\":\"y\"}");
    type_in(&it, 2, "-");
    assert_delta(&it, "[{\"insert\":\"ab\",\"attributes\":{\"b\":true,\"link\":\"x\"}},"
                      "{\"insert\":\"-\",\"attributes\":{\"b\":true}},"
                      "{\"insert\":\"c\",\"attributes\":{\"b\":true,\"link\":\"y\"}}]");
    /* What is said is done, whatever the schema. */
    assert_int_equal(dx_text_insert(it.doc, it.text, 4, dx_bytes_text("d"), "{\"link\":\"y\"}"), DX_OK);
    type_in(&it, 5, "e");
    marks(&it, NULL);
    dx_buf text = buffer(&it.alloc);
    assert_int_equal(dx_text_attributes_at(it.doc, it.text, 5, &text), DX_OK);
    assert_buf_text(&text, "{\"link\":\"y\"}");
    desk_close(&it);
}

static void test_multiple(void **state) {
    (void)state;
    desk it;
    desk_open(&it, 1);
    type_in(&it, 0, "abcdef");
    marks(&it, "{\"note\":{\"overlap\":\"multiple\",\"expand\":\"none\"}}");
    assert_int_equal(dx_text_format(it.doc, it.text, 0, 4, "{\"note\":1}"), DX_E_INVALID);
    assert_int_equal(dx_text_insert(it.doc, it.text, 0, dx_bytes_text("x"), "{\"note\":1}"), DX_E_INVALID);
    format(&it, 0, 4, "{\"note--a\":1}");
    format(&it, 2, 4, "{\"note--b\":2}");
    type_in(&it, 4, "-");
    assert_delta(&it, "[{\"insert\":\"ab\",\"attributes\":{\"note--a\":1}},"
                      "{\"insert\":\"cd\",\"attributes\":{\"note--a\":1,\"note--b\":2}},"
                      "{\"insert\":\"-ef\",\"attributes\":{\"note--b\":2}}]");
    desk_close(&it);
}

/* A schema that has nothing to say changes no byte. */
static void test_same_bytes(void **state) {
    (void)state;
    desk with, without;
    desk_open(&with, 1);
    desk_open(&without, 1);
    marks(&with, "{\"link\":{\"expand\":\"none\"}}");
    desk *desks[] = {&with, &without};
    dx_buf updates[2];
    for (size_t i = 0; i < 2; i++) {
        type_in(desks[i], 0, "one two three");
        format(desks[i], 4, 3, "{\"b\":true,\"i\":1}");
        type_in(desks[i], 7, "!");
        type_in(desks[i], 4, "?");
        format(desks[i], 5, 1, "{\"link\":\"x\"}");
        type_in(desks[i], 1, "-");
        updates[i] = buffer(&desks[i]->alloc);
        assert_int_equal(dx_text_encode(desks[i]->doc, DX_TEXT_V1, dx_bytes_of(NULL, 0), &updates[i]), DX_OK);
    }
    assert_bytes_equal(dx_buf_view(&updates[0]), dx_buf_view(&updates[1]));
    dx_buf_deinit(&updates[0]);
    dx_buf_deinit(&updates[1]);
    desk_close(&with);
    desk_close(&without);
}

static void test_bad(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "1",
                                      "[]",
                                      "{\"m\":1}",
                                      "{\"m\":{\"expand\":\"up\"}}",
                                      "{\"m\":{\"expand\":1}}",
                                      "{\"m\":{\"grow\":\"after\"}}",
                                      "{\"m\":{\"overlap\":true}}"};
    desk it;
    desk_open(&it, 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(dx_text_set_marks(it.doc, bad[i]), DX_E_INVALID);
    }
    desk_close(&it);
}

static void test_no_memory(void **state) {
    (void)state;
    for (uint64_t at = 1;; at++) {
        desk it;
        desk_open(&it, 1);
        type_in(&it, 0, "abcd");
        format(&it, 1, 2, "{\"m\":1}");
        it.alloc.calls = 0;
        it.alloc.fail_at = at;
        int error = dx_text_set_marks(it.doc, "{\"m\":{\"expand\":\"none\"}}");
        bool set = error == DX_OK;
        error = error != DX_OK ? error : dx_text_insert(it.doc, it.text, 3, dx_bytes_text("X"), NULL);
        it.alloc.fail_at = 0;
        static const char before[] =
            "[{\"insert\":\"a\"},{\"insert\":\"bc\",\"attributes\":{\"m\":1}},{\"insert\":\"d\"}]";
        if (error == DX_OK) {
            assert_delta(
                &it, "[{\"insert\":\"a\"},{\"insert\":\"bc\",\"attributes\":{\"m\":1}},{\"insert\":\"Xd\"}]");
            desk_close(&it);
            break;
        }
        assert_int_equal(error, DX_E_NO_MEMORY);
        assert_delta(&it, before);
        if (set) {
            type_in(&it, 3, "X");
            assert_delta(
                &it, "[{\"insert\":\"a\"},{\"insert\":\"bc\",\"attributes\":{\"m\":1}},{\"insert\":\"Xd\"}]");
        }
        desk_close(&it);
    }
}

DX_TEST_MAIN(DX_TEST(test_expand), DX_TEST(test_together), DX_TEST(test_multiple), DX_TEST(test_same_bytes),
             DX_TEST(test_bad), DX_TEST(test_no_memory))
