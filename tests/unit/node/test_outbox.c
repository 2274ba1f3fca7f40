/* node/outbox.c: effects in order, held until released, forgotten when undone. */
#include "node/outbox.h"

#include "base/limits.h"
#include "test.h"

static const uint8_t request[DX_REQUEST_SIZE] = {1, [15] = 16};

static void test_every_kind_in_order(void **state) {
    (void)state;
    test_alloc alloc;
    dx_outbox outbox;
    char body[] = "hello";
    test_alloc_init(&alloc);
    dx_outbox_init(&outbox, &alloc.port);
    dx_outbox_link_open(&outbox, 1, dx_bytes_text("mem:bob"));
    dx_outbox_link_send(&outbox, 1, dx_bytes_text(body));
    dx_outbox_link_close(&outbox, 1, DX_E_FLOOD);
    dx_outbox_answer(&outbox, false, 2, request, dx_bytes_text("row"));
    dx_outbox_answer(&outbox, true, 2, request, (dx_bytes){0});
    body[0] = 'j'; /* it was copied */
    static const dx_effect_kind kinds[] = {DX_EFFECT_LINK_OPEN, DX_EFFECT_LINK_SEND, DX_EFFECT_LINK_CLOSE,
                                           DX_EFFECT_NOTIFY, DX_EFFECT_REPLY};
    assert_int_equal(outbox.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(outbox.effects[i].kind, kinds[i]);
    }
    assert_true(dx_bytes_equal(outbox.effects[1].body, dx_bytes_text("hello")));
    assert_int_equal(outbox.effects[2].reason, DX_E_FLOOD);
    assert_memory_equal(outbox.effects[3].request, request, sizeof request);
    assert_int_equal(outbox.effects[4].port, 2);
    assert_int_equal(outbox.effects[4].body.size, 0);
    assert_int_equal(outbox.size, 7 + 5 + 3);
    dx_outbox_deinit(&outbox);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_rewind_and_clear(void **state) {
    (void)state;
    test_alloc alloc;
    dx_outbox outbox;
    test_alloc_init(&alloc);
    dx_outbox_init(&outbox, &alloc.port);
    dx_outbox_answer(&outbox, true, 1, request, dx_bytes_text("true"));
    dx_outbox_answer(&outbox, true, 1, request, dx_bytes_text("the pin is 123456"));
    dx_outbox_link_send(&outbox, 1, dx_bytes_text("never"));
    const uint8_t *secret = outbox.effects[1].body.data;
    dx_outbox_rewind(&outbox, 1);
    assert_int_equal(outbox.count, 1);
    assert_int_equal(outbox.size, 4);
    assert_true(dx_bytes_equal(outbox.effects[0].body, dx_bytes_text("true")));
    for (size_t i = 0; i < 17; i++) {
        assert_int_equal(secret[i], 0); /* the arena still holds the place, not what stood there */
    }
    const uint8_t *kept = outbox.effects[0].body.data;
    dx_outbox_clear(&outbox);
    assert_int_equal(outbox.count, 0);
    assert_int_equal(outbox.size, 0);
    assert_int_equal(kept[0], 0);
    dx_outbox_deinit(&outbox);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A failure sticks until what was said is taken back; nothing said after it is half said. */
static void test_no_memory(void **state) {
    (void)state;
    for (uint64_t at = 1;; at++) {
        test_alloc alloc;
        dx_outbox outbox;
        test_alloc_init(&alloc);
        alloc.fail_at = at;
        dx_outbox_init(&outbox, &alloc.port);
        size_t said = 0;
        for (size_t i = 0; i < 40; i++) {
            dx_outbox_link_send(&outbox, i, dx_bytes_text("a body"));
            said += dx_outbox_error(&outbox) == DX_OK;
        }
        assert_int_equal(outbox.count, said);
        bool failed = said < 40;
        assert_int_equal(dx_outbox_error(&outbox), failed ? DX_E_NO_MEMORY : DX_OK);
        dx_outbox_rewind(&outbox, 0);
        dx_outbox_link_send(&outbox, 1, dx_bytes_text("again"));
        assert_int_equal(dx_outbox_error(&outbox), DX_OK);
        assert_int_equal(outbox.count, 1);
        dx_outbox_deinit(&outbox);
        assert_int_equal(alloc.live_bytes, 0);
        if (!failed) {
            assert_true(at > 2);
            break;
        }
    }
}

static void test_too_much(void **state) {
    (void)state;
    test_alloc alloc;
    dx_outbox outbox;
    test_alloc_init(&alloc);
    dx_outbox_init(&outbox, &alloc.port);
    uint8_t *megabyte = calloc(1, 1 << 20);
    for (size_t i = 0; i < DX_OUTBOX_SIZE_MAX >> 20; i++) {
        dx_outbox_link_send(&outbox, 1, dx_bytes_of(megabyte, 1 << 20));
    }
    assert_int_equal(dx_outbox_error(&outbox), DX_E_NO_MEMORY);
    assert_true(alloc.live_bytes <= DX_OUTBOX_SIZE_MAX + (1 << 20));
    free(megabyte);
    dx_outbox_clear(&outbox);
    assert_int_equal(dx_outbox_error(&outbox), DX_OK);
    assert_true(alloc.live_bytes <=
                DX_ARENA_KEPT_SIZE_MAX + (1 << 16)); /* it does not keep what it once took */
    dx_outbox_deinit(&outbox);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_every_kind_in_order), DX_TEST(test_rewind_and_clear), DX_TEST(test_no_memory),
             DX_TEST(test_too_much))
