/* tests/unit/text/test_text_message.c: messages of sync, with and without their envelope; two documents that come together by them. */
#include "fixtures.h"

#include <dxos/text_protocol.h>

static void test_both_ways(void **state) {
    (void)state;
    static const struct {
        dx_text_message_kind kind;
        const char *payload, *bare, *enveloped;
    } rows[] = {{DX_TEXT_STEP_1, "010614", "0003010614", "000003010614"},
                {DX_TEXT_STEP_2, "0000", "01020000", "0001020000"},
                {DX_TEXT_UPDATE, "0000", "02020000", "0002020000"},
                {DX_TEXT_AWARENESS, "00", NULL, "010100"},
                {DX_TEXT_DENIED, "6e6f", NULL, "0200026e6f"},
                {DX_TEXT_ASK_AWARENESS, "", NULL, "03"}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int enveloped = 0; enveloped < 2; enveloped++) {
            const char *hex = enveloped ? rows[i].enveloped : rows[i].bare;
            dx_buf payload = from_hex(&alloc, rows[i].payload), out = buffer(&alloc);
            dx_text_message message = {rows[i].kind, dx_buf_view(&payload)}, again;
            size_t size;
            assert_int_equal(dx_text_message_write(message, enveloped, &out),
                             hex == NULL ? DX_E_INVALID : DX_OK);
            if (hex != NULL) {
                assert_hex_equal(&alloc, dx_buf_view(&out), hex);
                dx_buf_append(&out, "more", 4);
                assert_int_equal(dx_text_message_read(dx_buf_view(&out), enveloped, &again, &size), DX_OK);
                assert_int_equal(size, out.size - 4);
                assert_int_equal(again.kind, rows[i].kind);
                assert_bytes_equal(again.payload, dx_buf_view(&payload));
            }
            dx_buf_deinit(&payload);
            dx_buf_deinit(&out);
        }
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        bool enveloped;
        int error;
    } rows[] = {{"", true, DX_E_MALFORMED},
                {"", false, DX_E_MALFORMED},
                {"04", true, DX_E_UNSUPPORTED},
                {"0003", true, DX_E_UNSUPPORTED},
                {"03", false, DX_E_UNSUPPORTED},
                {"0005", false, DX_E_MALFORMED},
                {"0201", true, DX_E_UNSUPPORTED},
                {"020001ff", true, DX_E_MALFORMED},
                {"01ffffffff0f", true, DX_E_MALFORMED}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf bytes = from_hex(&alloc, rows[i].hex);
        dx_text_message message;
        size_t size;
        assert_int_equal(dx_text_message_read(dx_buf_view(&bytes), rows[i].enveloped, &message, &size),
                         rows[i].error);
        assert_int_equal(size, 0);
        dx_buf_deinit(&bytes);
    }
}

/* What one document sends for the first message of the other one is all it lacks. */
static void test_two_documents(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_doc *docs[2];
    dx_text_type roots[2];
    for (uint64_t i = 0; i < 2; i++) {
        dx_text_options options = {.client = i + 1};
        assert_int_equal(dx_text_create(&alloc.port, &options, &docs[i]), DX_OK);
        assert_int_equal(dx_text_root(docs[i], "t", DX_TEXT_KIND_TEXT, &roots[i]), DX_OK);
    }
    assert_int_equal(dx_text_insert(docs[0], roots[0], 0, dx_bytes_text("hello"), NULL), DX_OK);
    dx_buf vector = buffer(&alloc), ask = buffer(&alloc), answer = buffer(&alloc), text = buffer(&alloc);
    dx_text_message message;
    size_t size;
    assert_int_equal(dx_text_state_vector(docs[1], &vector), DX_OK);
    assert_int_equal(
        dx_text_message_write((dx_text_message){DX_TEXT_STEP_1, dx_buf_view(&vector)}, true, &ask), DX_OK);
    assert_int_equal(dx_text_message_read(dx_buf_view(&ask), true, &message, &size), DX_OK);
    assert_int_equal(dx_text_message_handle(docs[0], message, true, &answer), DX_OK);
    assert_int_equal(dx_text_message_read(dx_buf_view(&answer), true, &message, &size), DX_OK);
    assert_int_equal(message.kind, DX_TEXT_STEP_2);
    assert_int_equal(size, answer.size);
    assert_int_equal(dx_text_message_handle(docs[1], message, true, &answer), DX_OK);
    assert_int_equal(dx_text_read(docs[1], roots[1], &text), DX_OK);
    assert_bytes_equal(dx_buf_view(&text), dx_bytes_text("hello"));
    message.kind = DX_TEXT_AWARENESS;
    assert_int_equal(dx_text_message_handle(docs[1], message, true, &answer), DX_E_INVALID);
    dx_buf_deinit(&vector);
    dx_buf_deinit(&ask);
    dx_buf_deinit(&answer);
    dx_buf_deinit(&text);
    dx_text_destroy(docs[0]);
    dx_text_destroy(docs[1]);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_fixtures(void **state) {
    (void)state;
    fixtures file;
    if (!fixtures_open(&file, "generated/positions-sync.json")) {
        skip();
    }
    static const char *const names[] = {"syncStep1", "syncStep2", "update"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        dx_buf bytes = hex_of(&file.alloc, dx_item_get(dx_buf_view(&file.item), names[i])),
               out = buffer(&file.alloc);
        dx_text_message message;
        size_t size;
        assert_int_equal(dx_text_message_read(dx_buf_view(&bytes), false, &message, &size), DX_OK);
        assert_int_equal(message.kind, i);
        assert_int_equal(size, bytes.size);
        assert_int_equal(dx_text_message_write(message, false, &out), DX_OK);
        assert_bytes_equal(dx_buf_view(&out), dx_buf_view(&bytes));
        dx_buf_deinit(&bytes);
        dx_buf_deinit(&out);
    }
    fixtures_close(&file);
}

static void test_no_memory(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf out = buffer(&alloc);
    alloc.fail_at = 1;
    assert_int_equal(dx_text_message_write((dx_text_message){.kind = DX_TEXT_ASK_AWARENESS}, true, &out),
                     DX_E_NO_MEMORY);
    assert_int_equal(out.size, 0);
    assert_int_equal(dx_text_message_write((dx_text_message){.kind = DX_TEXT_ASK_AWARENESS}, true, &out),
                     DX_OK);
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_both_ways), DX_TEST(test_refused), DX_TEST(test_two_documents),
             DX_TEST(test_fixtures), DX_TEST(test_no_memory))
