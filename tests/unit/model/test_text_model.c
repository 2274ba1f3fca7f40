/* tests/unit/model/test_text_model.c: model/text_model.c and what it stands on, model/text_operation.c, model/text_state.c, model/text_reach.c, model/text_shown.c and model/text_request.c: what people see when they write in one text at once,
 * what is kept.
 * Who may write in whose name: test_text_operation.c; what is hidden: test_text_hidden.c. */
#include "model/text_state.h"
#include "text_people.h"

/* --- What people see -------------------------------------------------------------------------- */

static void test_one_person(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_text(&f, 0, "{\"text\":\"\"}");
    assert_int_equal(ask(&f, 0, "{\"insert\": 0, \"text\": \"tea\"}"), DX_OK);
    assert_int_equal(ask(&f, 0, "{\"insert\": 3, \"text\": \" \xf0\x9f\x8d\xb5!\"}"), DX_OK);
    assert_text(&f, 0, "{\"text\":\"tea \xf0\x9f\x8d\xb5!\"}");
    assert_int_equal(ask(&f, 0, "{\"delete\": 4}"), DX_OK); /* one character, of two units of UTF-16 */
    assert_text(&f, 0, "{\"text\":\"tea !\"}");
    assert_int_equal(ask(&f, 0, "{\"delete\": 0, \"count\": 4}"), DX_OK);
    assert_int_equal(ask(&f, 0, "{\"edit\": \"milk!\\nand tea\\n\"}"), DX_OK);
    assert_text(&f, 0, "{\"text\":\"milk!\\nand tea\\n\"}");
    assert_int_equal(ask(&f, 0, "{\"edit\": \"milk!\\nand tea\\n\"}"), DX_OK); /* nothing */
    exchange(&f);
    assert_text(&f, 1, "{\"text\":\"milk!\\nand tea\\n\"}");
    assert_same(&f);
    fixture_deinit(&f);
}

static void test_formatting_shows_as_a_delta(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(ask(&f, 0, "{\"insert\": 0, \"text\": \"strong tea\"}"), DX_OK);
    assert_int_equal(ask(&f, 0, "{\"format\": 0, \"count\": 6, \"attributes\": {\"bold\": true}}"), DX_OK);
    assert_text(&f, 0,
                "{\"text\":\"strong tea\",\"delta\":[{\"insert\":\"strong\",\"attributes\":{\"bold\":true}},"
                "{\"insert\":\" tea\"}]}");
    assert_int_equal(ask(&f, 0, "{\"format\": 0, \"count\": 6, \"attributes\": {\"bold\": null}}"), DX_OK);
    assert_text(&f, 0, "{\"text\":\"strong tea\"}");
    assert_int_equal(ask(&f, 0, "{\"delta\": [{\"delete\": 7}, {\"insert\": \"green \"}]}"), DX_OK);
    assert_int_equal(ask(&f, 0, "{\"insert\": 0, \"embed\": {\"image\": \"cup\"}}"), DX_OK);
    assert_text(
        &f, 0,
        "{\"text\":\"green tea\",\"delta\":[{\"insert\":{\"image\":\"cup\"}},{\"insert\":\"green tea\"}]}");
    assert_int_equal(ask(&f, 0, "{\"edit\": \"black tea\"}"), DX_E_INVALID); /* where would the cup stand? */
    fixture_deinit(&f);
}

static void test_people_write_at_once(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(ask(&f, 0, "{\"insert\": 0, \"text\": \"one two three\"}"), DX_OK);
    exchange(&f);
    assert_int_equal(ask(&f, 0, "{\"delete\": 4, \"count\": 4}"), DX_OK);
    assert_int_equal(ask(&f, 1, "{\"insert\": 13, \"text\": \" four\"}"), DX_OK);
    assert_int_equal(ask(&f, 2, "{\"insert\": 0, \"text\": \"zero \"}"), DX_OK);
    exchange(&f);
    for (size_t who = 0; who < PEOPLE; who++) {
        assert_text(&f, who, "{\"text\":\"zero one three four\"}");
    }
    assert_same(&f);
    fixture_deinit(&f);
}

static void test_requests_that_cannot_be(void **state) {
    static const char *const requests[] = {"{}",
                                           "1",
                                           "{\"insert\": 2, \"text\": \"x\"}",
                                           "{\"insert\": 0}",
                                           "{\"insert\": 0, \"text\": 5}",
                                           "{\"insert\": 0, \"text\": \"x\", \"embed\": 1}",
                                           "{\"insert\": -1, \"text\": \"x\"}",
                                           "{\"delete\": 0, \"count\": 9}",
                                           "{\"delete\": 0, \"count\": -1}",
                                           "{\"format\": 0}",
                                           "{\"insert\": 0, \"text\": \"x\", \"attributes\": 1}",
                                           "{\"delta\": {}}",
                                           "{\"edit\": 1}",
                                           "{\"update\": \"x\", \"session\": 1}",
                                           "{\"update\": {\"@bytes\": \"AAAA\"}}"};
    (void)state;
    fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        assert_int_equal(ask(&f, 0, requests[i]), DX_E_INVALID);
    }
    assert_text(&f, 0, "{\"text\":\"\"}");
    fixture_deinit(&f);
}

/* --- Updates ---------------------------------------------------------------------------------- */

/* An app's own updates, of either form; and a text that is made of one. */
static void test_updates_of_apps(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    dx_stamp stamp = stamp_of(&f, 0);
    const struct {
        uint64_t client;
        int64_t form;
        dx_text_form is;
        int outcome;
    } rows[] = {{dx_text_client(&made, stamp.feed, 4), 2, DX_TEXT_V2, DX_OK},
                {dx_text_client(&made, stamp.feed, 4), 1, DX_TEXT_V1, DX_OK},
                {dx_text_client(&made, stamp.feed, 4), 3, DX_TEXT_V1, DX_E_INVALID},
                {dx_text_client(&made, stamp.feed, 5), 2, DX_TEXT_V2, DX_E_INVALID},
                {77, 2, DX_TEXT_V2, DX_E_INVALID}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf update, request, operation;
        dx_map_builder map;
        dx_writer writer;
        write_update(&f.alloc.port, rows[i].client, "text", rows[i].is, &update);
        dx_buf_init(&request, &f.alloc.port, 1 << 16);
        dx_buf_init(&operation, &f.alloc.port, 1 << 16);
        dx_map_builder_init(&map, &f.alloc.port, 1 << 16);
        dx_write_bytes(dx_map_builder_key(&map, "update"), dx_buf_view(&update));
        dx_write_int(dx_map_builder_key(&map, "form"), rows[i].form);
        dx_write_int(dx_map_builder_key(&map, "session"), 4);
        dx_writer_init(&writer, &request);
        dx_map_builder_finish(&map, &writer);
        assert_int_equal(dx_text_model.prepare(f.states[0], stamp.feed, dx_buf_view(&request), &operation),
                         rows[i].outcome);
        if (rows[i].outcome == DX_OK) {
            assert_int_equal(dx_text_model.apply(f.states[0], dx_buf_view(&operation), &stamp), DX_OK);
            assert_text(&f, 0, "{\"text\":\"x\"}"); /* the second says the same again */
        }
        dx_buf_deinit(&operation);
        dx_buf_deinit(&request);
        dx_buf_deinit(&update);
    }
    fixture_deinit(&f);
}

/* A text that is yet to be made takes what others wrote elsewhere, under whatever name it has there. */
static void test_making_one_of_an_update(void **state) {
    const dx_stamp none = {.counter = 0, .feed = {5}}, stamp = {.counter = 4, .feed = {5}};
    test_alloc alloc;
    dx_buf update, request, operation;
    dx_map_builder map;
    dx_writer writer;
    char shown[256];
    (void)state;
    test_alloc_init(&alloc);
    write_update(&alloc.port, 77, "quill", DX_TEXT_V2, &update);
    dx_buf_init(&request, &alloc.port, 1 << 16);
    dx_buf_init(&operation, &alloc.port, 1 << 16);
    dx_map_builder_init(&map, &alloc.port, 1 << 16);
    dx_write_bytes(dx_map_builder_key(&map, "update"), dx_buf_view(&update));
    dx_writer_init(&writer, &request);
    dx_map_builder_finish(&map, &writer);
    void *yet = dx_text_model.create(&alloc.port, &none), *text = dx_text_model.create(&alloc.port, &stamp);
    assert_int_equal(dx_text_model.prepare(yet, stamp.feed, dx_buf_view(&request), &operation), DX_OK);
    assert_int_equal(dx_text_model.apply(text, dx_buf_view(&operation), &stamp), DX_OK);
    show(&alloc.port, text, shown, sizeof shown);
    assert_string_equal(shown, "{\"text\":\"x\"}");
    dx_text_model.destroy(&alloc.port, yet);
    dx_text_model.destroy(&alloc.port, text);
    dx_buf_deinit(&update);
    dx_buf_deinit(&request);
    dx_buf_deinit(&operation);
    assert_int_equal(alloc.live_bytes, 0);
}

/* What a text is made of has characters of several authors: each is there for what is written next to it. */
static void test_written_upon_an_import(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    dx_buf update, item;
    dx_writer writer;
    dx_text_doc *docs[2];
    dx_text_type types[2];
    static const char *const words[] = {"one ", "two "};
    dx_buf_init(&update, &f.alloc.port, 1 << 16);
    for (size_t i = 0; i < 2; i++) { /* the author with the lesser id writes behind the other */
        const dx_text_options options = {.client = 70 - i, .unit = DX_TEXT_CODE_POINTS};
        assert_int_equal(dx_text_create(&f.alloc.port, &options, &docs[i]), DX_OK);
        assert_int_equal(dx_text_root(docs[i], "text", DX_TEXT_KIND_TEXT, &types[i]), DX_OK);
        if (i == 1) {
            assert_int_equal(dx_text_apply(docs[1], DX_TEXT_V2, dx_buf_view(&update)), DX_OK);
        }
        assert_int_equal(dx_text_insert(docs[i], types[i], 4 * i, dx_bytes_text(words[i]), NULL), DX_OK);
        dx_buf_clear(&update);
        assert_int_equal(dx_text_encode(docs[i], DX_TEXT_V2, dx_bytes_of(NULL, 0), &update), DX_OK);
    }
    f.stamps[0] = made;
    f.count = 1;
    dx_buf_init(&f.operations[0], &f.alloc.port, 1 << 16);
    dx_writer_init(&writer, &f.operations[0]);
    dx_write_array(&writer, 2);
    dx_write_null(&writer);
    dx_write_bytes(&writer, dx_buf_view(&update));
    take(&f, 0, 0);
    take(&f, 1, 0);
    /* One has it in a checkpoint already, the other as it came. */
    save(&f, 1, &item);
    dx_text_model.destroy(&f.alloc.port, f.states[1]);
    f.states[1] = dx_text_model.create(&f.alloc.port, &made);
    assert_int_equal(dx_text_model.restore(f.states[1], dx_buf_view(&item)), DX_OK);
    assert_int_equal(ask(&f, 0, "{\"append\": \"three\"}"), DX_OK);
    assert_int_equal(ask(&f, 0, "{\"insert\": 0, \"text\": \"zero \"}"), DX_OK);
    take(&f, 1, 1);
    take(&f, 1, 2);
    for (size_t i = 0; i < f.count; i++) {
        take(&f, 2, i);
    }
    for (size_t who = 0; who < PEOPLE; who++) {
        assert_text(&f, who, "{\"text\":\"zero one two three\"}");
    }
    assert_same(&f);
    dx_text_destroy(docs[0]);
    dx_text_destroy(docs[1]);
    dx_buf_deinit(&update);
    dx_buf_deinit(&item);
    fixture_deinit(&f);
}

/* --- What is kept ------------------------------------------------------------------------------ */

/* What names something that never came waits, whole, and is not lost on the way. */
static void test_what_waits(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(ask(&f, 0, "{\"insert\": 0, \"text\": \"first\"}"), DX_OK);
    assert_int_equal(ask(&f, 0, "{\"insert\": 5, \"text\": \" second\"}"), DX_OK);
    assert_int_equal(ask(&f, 0, "{\"delete\": 0, \"count\": 2}"), DX_OK);
    take(&f, 1, 1);
    take(&f, 1, 2);
    take(&f, 2, 2);
    take(&f, 2, 1);
    take(&f, 2, 1);
    assert_text(&f, 1, "{\"text\":\"\"}");
    dx_buf first, other;
    save(&f, 1, &first);
    save(&f, 2, &other);
    assert_true(first.size > 60);
    assert_true(dx_bytes_equal(dx_buf_view(&first), dx_buf_view(&other)));
    void *restored = dx_text_model.create(&f.alloc.port, &made);
    assert_int_equal(dx_text_model.restore(restored, dx_buf_view(&first)), DX_OK);
    assert_int_equal(dx_text_model.apply(restored, dx_buf_view(&f.operations[0]), &f.stamps[0]), DX_OK);
    char shown[64];
    show(&f.alloc.port, restored, shown, sizeof shown);
    assert_string_equal(shown, "{\"text\":\"rst second\"}");
    dx_text_model.destroy(&f.alloc.port, restored);
    dx_buf_deinit(&first);
    dx_buf_deinit(&other);
    exchange(&f);
    assert_same(&f);
    fixture_deinit(&f);
}

/* Who wrote something that waits for ever goes on writing all the same. */
static void test_what_waits_holds_nobody_back(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(ask(&f, 1, "{\"append\": \"lost\"}"), DX_OK);
    take(&f, 0, 0);
    assert_int_equal(ask(&f, 0, "{\"append\": \" on it\"}"), DX_OK);
    /* The first one never comes to the third person, as if it had been cut away; his own program is the author's of the second. */
    void *again = dx_text_model.create(&f.alloc.port, &made);
    assert_int_equal(dx_text_model.apply(again, dx_buf_view(&f.operations[1]), &f.stamps[1]), DX_OK);
    dx_text_model.destroy(&f.alloc.port, f.states[0]);
    f.states[0] = again;
    take(&f, 2, 1);
    assert_int_equal(ask(&f, 0, "{\"append\": \"new\"}"), DX_OK);
    assert_int_equal(ask(&f, 0, "{\"append\": \"er\"}"), DX_OK);
    take(&f, 2, 3);
    take(&f, 2, 2);
    assert_text(&f, 0, "{\"text\":\"newer\"}");
    assert_text(&f, 2, "{\"text\":\"newer\"}");
    exchange(&f);
    assert_same(&f);
    fixture_deinit(&f);
}

/* What one transaction did is taken back around what others wrote since. */
static void test_taking_back(void **state) {
    (void)state;
    fixture f;
    dx_buf before, after, operation;
    bool kept = false;
    fixture_init(&f);
    dx_buf_init(&operation, &f.alloc.port, 1 << 16);
    assert_int_equal(ask(&f, 0, "{\"append\": \"roses want sun\"}"), DX_OK);
    save(&f, 0, &before);
    assert_int_equal(ask(&f, 0, "{\"edit\": \"lilies want no sun\"}"), DX_OK);
    save(&f, 0, &after);
    take(&f, 1, 0);
    take(&f, 1, 1);
    assert_int_equal(ask(&f, 1, "{\"append\": \", I think\"}"), DX_OK);
    take(&f, 0, 2);
    void *was = dx_text_model.create(&f.alloc.port, &made),
         *became = dx_text_model.create(&f.alloc.port, &made);
    assert_int_equal(dx_text_model.restore(was, dx_buf_view(&before)), DX_OK);
    assert_int_equal(dx_text_model.restore(became, dx_buf_view(&after)), DX_OK);
    const dx_stamp *stamp = &f.stamps[1], later = stamp_of(&f, 0);
    assert_int_equal(dx_text_model.invert(was, became, f.states[0], stamp, stamp, &operation, &kept), DX_OK);
    assert_false(kept);
    assert_int_equal(dx_text_model.apply(f.states[0], dx_buf_view(&operation), &later), DX_OK);
    assert_text(&f, 0, "{\"text\":\"roses want sun, I think\"}");
    dx_buf_clear(&operation);
    assert_int_equal(dx_text_model.invert(was, was, f.states[0], stamp, stamp, &operation, &kept), DX_OK);
    assert_true(operation.size == 0 && !kept);
    dx_text_model.destroy(&f.alloc.port, was);
    dx_text_model.destroy(&f.alloc.port, became);
    dx_buf_deinit(&before);
    dx_buf_deinit(&after);
    dx_buf_deinit(&operation);
    fixture_deinit(&f);
}

/* Whichever allocation fails: it is told as such, and what was asked is asked again in vain of nothing. */
static void test_memory(void **state) {
    static const char *const requests[] = {
        "{\"insert\": 1, \"text\": \"x\", \"attributes\": {\"b\": 1}}", "{\"delete\": 0, \"count\": 2}",
        "{\"edit\": \"one\\nthree\\nfour\\n\", \"was\": \"one\\ntwo\\nthree\\n\"}",
        "{\"format\": 0, \"count\": 3, \"attributes\": {\"b\": null}}",
        "{\"delta\": [{\"retain\": 1}, {\"insert\": \"d\"}]}"};
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(ask(&f, 0, "{\"append\": \"one\\ntwo\\nthree\\n\"}"), DX_OK);
    assert_int_equal(ask(&f, 0, "{\"append\": \"more\\n\"}"), DX_OK);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        test_alloc own;
        dx_buf request;
        test_alloc_init(&own);
        parse(&own.port, requests[i], &request);
        const dx_stamp stamp = stamp_of(&f, 0);
        int error = DX_E_NO_MEMORY;
        for (uint64_t fail_at = 1; error == DX_E_NO_MEMORY; fail_at++) {
            dx_buf operation;
            size_t live = f.alloc.live_bytes;
            dx_buf_init(&operation, &own.port, 1 << 20);
            f.alloc.calls = 0;
            f.alloc.fail_at = fail_at;
            error = dx_text_model.prepare(f.states[0], stamp.feed, dx_buf_view(&request), &operation);
            f.alloc.fail_at = 0;
            assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
            assert_int_equal(f.alloc.live_bytes, live);
            assert_true(error != DX_OK || fail_at > 5);
            dx_buf_deinit(&operation);
        }
        dx_buf_deinit(&request);
        assert_int_equal(own.live_bytes, 0);
    }
    fixture_deinit(&f);
}

/* A row grows by what comes and is made short again, however long one writes. */
static void test_rows_stay_short(void **state) {
    test_alloc alloc;
    dx_buf row, next;
    size_t longest = 0;
    dx_stamp stamp = {.counter = 1, .feed = {1}};
    dx_text_doc *doc;
    dx_text_type type;
    (void)state;
    test_alloc_init(&alloc);
    const dx_text_options options = {.client = dx_text_client(&made, stamp.feed, 0)};
    assert_int_equal(dx_text_create(&alloc.port, &options, &doc), DX_OK);
    assert_int_equal(dx_text_root(doc, "text", DX_TEXT_KIND_TEXT, &type), DX_OK);
    dx_buf_init(&row, &alloc.port, 1 << 20);
    dx_buf_init(&next, &alloc.port, 1 << 20);
    for (size_t i = 0; i < 2000; i++) {
        dx_buf update, operation;
        dx_buf_init(&update, &alloc.port, 1 << 16);
        assert_int_equal(dx_text_begin(doc), DX_OK);
        assert_int_equal(dx_text_insert(doc, type, i, dx_bytes_text("k"), NULL), DX_OK);
        assert_int_equal(dx_text_commit(doc, DX_TEXT_V2, &update), DX_OK);
        write_operation(&alloc.port, 0, dx_buf_view(&update), &operation);
        stamp.counter++;
        dx_buf_clear(&next);
        assert_int_equal(dx_text_model.amend(&alloc.port, &made, dx_buf_view(&row), dx_buf_view(&operation),
                                             &stamp, &next),
                         DX_OK);
        dx_buf held = row;
        row = next;
        next = held;
        longest = row.size > longest ? row.size : longest;
        dx_buf_deinit(&operation);
        dx_buf_deinit(&update);
    }
    assert_true(longest < 12000); /* 2,000 characters, and 4 KiB of what came since */
    dx_text_destroy(doc);
    dx_buf_deinit(&row);
    dx_buf_deinit(&next);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_rows_that_are_none(void **state) {
    static const uint8_t rows[][8] = {{0x80},
                                      {0x83, 0x40, 0x40},
                                      {0x83, 0x40, 0x40, 0x40, 0x40},
                                      {0x82, 0x40, 0x40},
                                      {0x83, 0x41, 0xff, 0x40, 0x40},
                                      {0x83, 0x40, 0x41, 0x01, 0x40},
                                      {0x83, 0x40, 0x40, 0x41, 0xff}};
    static const size_t sizes[] = {1, 3, 5, 3, 5, 5, 5};
    test_alloc alloc;
    dx_buf out;
    (void)state;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 1 << 16);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(dx_text_model.canonical(&alloc.port, dx_bytes_of(rows[i], sizes[i]), &out),
                         DX_E_CORRUPT);
    }
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Folded, as rows are when much came: nothing is fresh then. */
static void fold(const fixture *f, void *state, bool canonical) {
    dx_buf row, folded;
    dx_text_saved held;
    dx_buf_init(&row, &f->alloc.port, 1 << 20);
    dx_buf_init(&folded, &f->alloc.port, 1 << 20);
    assert_int_equal(dx_text_model.save(state, &row), DX_OK);
    assert_int_equal(dx_text_saved_read(dx_buf_view(&row), &held), DX_OK);
    assert_int_equal(dx_text_saved_fold(&f->alloc.port, &held, canonical, &folded), DX_OK);
    assert_int_equal(dx_text_model.restore(state, dx_buf_view(&folded)), DX_OK);
    dx_buf_deinit(&row);
    dx_buf_deinit(&folded);
}

/* A row with nothing fresh and nothing but characters is read without its skeleton, the last part of the checkpoint, which no document
 * could be made of here. */
static void test_read_alone(void **state) {
    (void)state;
    fixture f;
    char shown[256];
    dx_buf row, canonical;
    dx_text_saved held;
    fixture_init(&f);
    assert_int_equal(ask(&f, 0, "{\"append\": \"words \"}"), DX_OK);
    assert_int_equal(ask(&f, 0, "{\"insert\": 0, \"text\": \"some \"}"), DX_OK);
    save(&f, 0, &row);
    dx_buf_init(&canonical, &f.alloc.port, 1 << 20);
    assert_int_equal(dx_text_saved_read(dx_buf_view(&row), &held), DX_OK);
    assert_int_equal(dx_text_saved_fold(&f.alloc.port, &held, false, &canonical), DX_OK);
    assert_int_equal(dx_text_saved_read(dx_buf_view(&canonical), &held), DX_OK);
    uint8_t *last = canonical.data + (held.checkpoint.data - canonical.data) + held.checkpoint.size - 6;
    *last = (uint8_t) ~*last;
    void *text = dx_text_model.create(&f.alloc.port, &made);
    assert_int_equal(dx_text_model.restore(text, dx_buf_view(&canonical)), DX_OK);
    show(&f.alloc.port, text, shown, sizeof shown);
    assert_string_equal(shown, "{\"text\":\"some words \"}");
    dx_buf_clear(&row);
    assert_int_equal(dx_text_model.canonical(&f.alloc.port, dx_buf_view(&canonical), &row), DX_E_CORRUPT);
    dx_text_model.destroy(&f.alloc.port, text);
    dx_buf_deinit(&row);
    dx_buf_deinit(&canonical);
    fixture_deinit(&f);
}

/* With formatting, with something embedded, with nothing at all, under another name: what a folded row shows is what the row showed. */
static void test_folded_shows_the_same(void **state) {
    static const char *const requests[] = {
        "{\"append\": \"words\"}", "{\"format\": 0, \"count\": 2, \"attributes\": {\"b\": 1}}",
        "{\"format\": 0, \"count\": 2, \"attributes\": {\"b\": null}}",
        "{\"insert\": 1, \"embed\": {\"image\": 1}}", "{\"delete\": 0, \"count\": 6}"};
    char before[512], after[512];
    (void)state;
    fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        assert_int_equal(ask(&f, 0, requests[i]), DX_OK);
        for (int canonical = 0; canonical < 2; canonical++) {
            show(&f.alloc.port, f.states[0], before, sizeof before);
            fold(&f, f.states[0], canonical != 0);
            show(&f.alloc.port, f.states[0], after, sizeof after);
            assert_string_equal(before, after);
        }
    }
    fixture_deinit(&f);
}

/* A row as a vault keeps it. */
static void replace_row(dx_buf *row, dx_buf *by) {
    dx_buf before = *row;
    *row = *by;
    dx_buf_deinit(&before);
}

static void amend_row(fixture *f, dx_buf *row, size_t index) {
    dx_buf next;
    dx_buf_init(&next, &f->alloc.port, 1 << 20);
    assert_int_equal(dx_text_model.amend(&f->alloc.port, &made, dx_buf_view(row),
                                         dx_buf_view(&f->operations[index]), &f->stamps[index], &next),
                     DX_OK);
    replace_row(row, &next);
}

static void fold_row(fixture *f, dx_buf *row, bool canonical) {
    dx_buf next;
    dx_text_saved held;
    dx_buf_init(&next, &f->alloc.port, 1 << 20);
    assert_int_equal(dx_text_saved_read(dx_buf_view(row), &held), DX_OK);
    assert_int_equal(dx_text_saved_fold(&f->alloc.port, &held, canonical, &next), DX_OK);
    replace_row(row, &next);
}

/* A step of an app's document: characters, and maps that stand among them and in one another. */
static void write_anything(dx_text_doc *doc, dx_text_type text, test_random *random) {
    uint64_t chance = test_random_next(random), length = dx_text_length(doc, text);
    uint64_t at = length == 0 ? 0 : (chance >> 8) % length;
    dx_text_type map = dx_text_array_type(doc, text, at), child;
    const char *key = (chance >> 20) % 2 == 0 ? "k" : "l";
    int error = DX_OK;
    if (map != 0 && chance % 4 != 0) {
        error = chance % 4 == 1   ? dx_text_map_set(doc, map, key, "1")
                : chance % 4 == 2 ? dx_text_map_set_type(doc, map, key, DX_TEXT_KIND_MAP, NULL, &child)
                                  : dx_text_map_delete(doc, map, key);
    } else if (chance % 3 == 0 && length != 0) {
        error = dx_text_delete(doc, text, at, 1 + (chance >> 24) % (length - at > 3 ? 3 : length - at));
    } else if (chance % 3 == 1) {
        error = dx_text_insert_type(doc, text, at, DX_TEXT_KIND_MAP, NULL, NULL, &child);
        error = error == DX_OK ? dx_text_map_set(doc, child, key, "2") : error;
    } else {
        error = dx_text_insert(doc, text, at, dx_bytes_text((chance >> 24) % 2 == 0 ? "ab" : "c"), NULL);
    }
    assert_true(error == DX_OK || error == DX_E_NOT_FOUND);
}

/* Documents of apps, each of which knows some of what the others did. */
static void write_together(fixture *f, test_random *random) {
    dx_text_doc *docs[PEOPLE];
    dx_text_type texts[PEOPLE];
    dx_buf updates[OPERATIONS_MAX];
    for (size_t who = 0; who < PEOPLE; who++) {
        uint8_t feed[DX_FEED_PREFIX_SIZE];
        memset(feed, (int)who + 1, sizeof feed);
        const dx_text_options options = {.client = dx_text_client(&made, feed, 1)};
        assert_int_equal(dx_text_create(&f->alloc.port, &options, &docs[who]), DX_OK);
        assert_int_equal(dx_text_root(docs[who], "text", DX_TEXT_KIND_TEXT, &texts[who]), DX_OK);
    }
    for (int step = 0; step < 40; step++) {
        size_t who = test_random_next(random) % PEOPLE, other = test_random_next(random) % PEOPLE;
        dx_buf *update = &updates[f->count];
        dx_buf_init(update, &f->alloc.port, 1 << 16);
        assert_int_equal(dx_text_begin(docs[who]), DX_OK);
        write_anything(docs[who], texts[who], random);
        assert_int_equal(dx_text_commit(docs[who], DX_TEXT_V2, update), DX_OK);
        if (update->size != 0) {
            f->stamps[f->count] = stamp_of(f, who);
            write_operation(&f->alloc.port, 1, dx_buf_view(update), &f->operations[f->count++]);
        }
        for (; test_random_next(random) % 4 != 0 && f->known[other] < f->count; f->known[other]++) {
            assert_int_equal(dx_text_apply(docs[other], DX_TEXT_V2, dx_buf_view(&updates[f->known[other]])),
                             DX_OK);
        }
    }
    for (size_t who = 0; who < PEOPLE; who++) {
        dx_text_destroy(docs[who]);
    }
    for (size_t i = 0; i < f->count; i++) {
        dx_buf_deinit(&updates[i]);
    }
}

/* Everybody takes everything in an order of his own, folding now and then. */
static bool agree(uint64_t seed) {
    fixture f;
    test_random random;
    dx_buf rows[PEOPLE];
    fixture_init(&f);
    test_random_init(&random, seed);
    write_together(&f, &random);
    for (size_t who = 0; who < PEOPLE; who++) {
        dx_buf_init(&rows[who], &f.alloc.port, 1 << 20);
        for (size_t i = 0; i < f.count; i++) {
            amend_row(&f, &rows[who], who == 0 ? i : who == 1 ? f.count - 1 - i : (i * 7 + 3) % f.count);
            if (test_random_next(&random) % 5 == 0) {
                fold_row(&f, &rows[who], test_random_next(&random) % 3 == 0);
            }
        }
        for (size_t i = 0; i < f.count; i++) { /* each once at least */
            amend_row(&f, &rows[who], i);
        }
        fold_row(&f, &rows[who], true);
    }
    bool same = dx_bytes_equal(dx_buf_view(&rows[0]), dx_buf_view(&rows[1])) &&
                dx_bytes_equal(dx_buf_view(&rows[0]), dx_buf_view(&rows[2]));
    for (size_t who = 0; who < PEOPLE; who++) {
        dx_buf_deinit(&rows[who]);
    }
    fixture_deinit(&f);
    return same;
}

/* Whoever has the same operations has the same canonical bytes: in any order, folded at any time in either form. (Documents that took
 * them in other orders may be cut differently where something nested was deleted: one in six of these histories was.) */
static void test_orders_and_folds(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        if (!agree(seed)) {
            fail_msg("seed %llu", (unsigned long long)seed);
        }
    }
}

DX_TEST_MAIN(DX_TEST(test_read_alone), DX_TEST(test_folded_shows_the_same), DX_TEST(test_orders_and_folds),
             DX_TEST(test_one_person), DX_TEST(test_formatting_shows_as_a_delta),
             DX_TEST(test_people_write_at_once), DX_TEST(test_requests_that_cannot_be),
             DX_TEST(test_updates_of_apps), DX_TEST(test_making_one_of_an_update),
             DX_TEST(test_written_upon_an_import), DX_TEST(test_what_waits),
             DX_TEST(test_what_waits_holds_nobody_back), DX_TEST(test_taking_back), DX_TEST(test_memory),
             DX_TEST(test_rows_stay_short), DX_TEST(test_rows_that_are_none))
