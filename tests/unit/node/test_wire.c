/* node/wire.c: events and effects as canonical bytes: round trips, and nothing else is read. */
#include <dxos/codec.h>
#include <dxos/node.h>

#include "test.h"

static test_alloc alloc;

static const dx_event full_event = {.kind = DX_EVENT_COMMAND,
                                    .time_ms = 1,
                                    .wall_ms = INT64_MAX,
                                    .port = 3,
                                    .link = 4,
                                    .size = 5,
                                    .reason = DX_E_TIMEOUT,
                                    .request = {1, 2, 3, [15] = 9},
                                    .body = {(const uint8_t *)"body", 4}};

static void assert_same_event(const dx_event *a, const dx_event *b) {
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->time_ms, b->time_ms);
    assert_int_equal(a->wall_ms, b->wall_ms);
    assert_int_equal(a->port, b->port);
    assert_int_equal(a->link, b->link);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->reason, b->reason);
    assert_memory_equal(a->request, b->request, DX_REQUEST_SIZE);
    assert_true(dx_bytes_equal(a->body, b->body));
}

static void encode(const dx_event *event, dx_buf *out) {
    dx_buf_init(out, &alloc.port, 4096);
    assert_int_equal(dx_event_encode(event, out), DX_OK);
}

static void test_every_event(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    for (int kind = 0; kind < DX_EVENT_KIND_COUNT; kind++) {
        dx_event event = full_event, read;
        dx_buf bytes;
        event.kind = (dx_event_kind)kind;
        encode(&event, &bytes);
        assert_int_equal(dx_event_decode(dx_buf_view(&bytes), &read), DX_OK);
        assert_same_event(&read, &event);
        assert_ptr_equal(read.body.data, bytes.data + bytes.size - 4); /* a view */
        dx_buf_deinit(&bytes);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_every_effect(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    for (int kind = 0; kind < DX_EFFECT_KIND_COUNT; kind++) {
        dx_effect effect = {.kind = (dx_effect_kind)kind,
                            .port = INT64_MAX,
                            .link = 7,
                            .reason = DX_E_VERSION,
                            .request = {[3] = 4},
                            .body = dx_bytes_text("text")};
        dx_effect read;
        dx_buf bytes;
        dx_buf_init(&bytes, &alloc.port, 4096);
        assert_int_equal(dx_effect_encode(&effect, &bytes), DX_OK);
        assert_int_equal(dx_effect_decode(dx_buf_view(&bytes), &read), DX_OK);
        assert_int_equal(read.kind, effect.kind);
        assert_int_equal(read.port, effect.port);
        assert_int_equal(read.link, effect.link);
        assert_int_equal(read.reason, effect.reason);
        assert_memory_equal(read.request, effect.request, DX_REQUEST_SIZE);
        assert_true(dx_bytes_equal(read.body, effect.body));
        for (size_t size = 0; size < bytes.size; size++) {
            assert_int_equal(dx_effect_decode(dx_bytes_of(bytes.data, size), &read), DX_E_MALFORMED);
        }
        dx_buf_deinit(&bytes);
    }
}

/* The bytes of docs/spec/seam.md. */
static void test_known_bytes(void **state) {
    (void)state;
    static const uint8_t known[] = {0x89, 0x00, 0x18, 0x64, 0x19, 0x03, 0xe8, 0x00, 0x00, 0x00,
                                    0x00, 0x50, 0,    0,    0,    0,    0,    0,    0,    0,
                                    0,    0,    0,    0,    0,    0,    0,    0,    0x40};
    test_alloc_init(&alloc);
    dx_event event = {.kind = DX_EVENT_CLOCK, .time_ms = 100, .wall_ms = 1000};
    dx_buf bytes;
    encode(&event, &bytes);
    assert_int_equal(bytes.size, sizeof known);
    assert_memory_equal(bytes.data, known, sizeof known);
    dx_buf_deinit(&bytes);
}

static void test_truncated(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_event read;
    dx_buf bytes;
    encode(&full_event, &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(dx_event_decode(dx_bytes_of(bytes.data, size), &read), DX_E_MALFORMED);
    }
    dx_buf_append_byte(&bytes, 0);
    assert_int_equal(dx_event_decode(dx_buf_view(&bytes), &read), DX_E_MALFORMED);
    dx_buf_deinit(&bytes);
}

/* Whatever is read encodes to the very bytes it was read from. */
static void test_every_byte_changed(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_buf bytes;
    size_t taken = 0;
    encode(&full_event, &bytes);
    for (size_t at = 0; at < bytes.size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            dx_event read;
            bytes.data[at] ^= (uint8_t)(1u << bit);
            if (dx_event_decode(dx_buf_view(&bytes), &read) == DX_OK) {
                dx_buf again;
                encode(&read, &again);
                assert_true(dx_bytes_equal(dx_buf_view(&again), dx_buf_view(&bytes)));
                dx_buf_deinit(&again);
                taken++;
            }
            bytes.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    assert_in_range(taken, 20 * 8, bytes.size * 8 - 8); /* content may change, form may not */
    dx_buf_deinit(&bytes);
}

static void write_event(dx_buf *out, uint64_t fields, uint64_t kind, int64_t reason, size_t request_size) {
    static const uint8_t zeros[32];
    dx_writer writer;
    dx_buf_init(out, &alloc.port, 4096);
    dx_writer_init(&writer, out);
    dx_write_array(&writer, fields);
    dx_write_uint(&writer, kind);
    for (int i = 0; i < 5; i++) {
        dx_write_uint(&writer, 0);
    }
    dx_write_int(&writer, reason);
    dx_write_bytes(&writer, dx_bytes_of(zeros, request_size));
    dx_write_bytes(&writer, (dx_bytes){0});
}

static void test_out_of_range(void **state) {
    (void)state;
    static const struct {
        uint64_t fields, kind;
        int64_t reason;
        size_t request_size;
        int error;
    } cases[] = {
        {9, 0, 0, 16, DX_OK},
        {9, DX_EVENT_KIND_COUNT - 1, -1000, 16, DX_OK},
        {9, DX_EVENT_KIND_COUNT, 0, 16, DX_E_MALFORMED}, /* a kind nobody knows */
        {9, 0, 1, 16, DX_E_MALFORMED},                   /* reasons are errors */
        {9, 0, -1001, 16, DX_E_MALFORMED},
        {9, 0, INT64_MIN, 16, DX_E_MALFORMED},
        {9, 0, 0, 15, DX_E_MALFORMED},
        {9, 0, 0, 17, DX_E_MALFORMED},
        {8, 0, 0, 16, DX_E_MALFORMED},
        {10, 0, 0, 16, DX_E_MALFORMED},
    };
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dx_buf bytes;
        dx_event event;
        write_event(&bytes, cases[i].fields, cases[i].kind, cases[i].reason, cases[i].request_size);
        assert_int_equal(dx_event_decode(dx_buf_view(&bytes), &event), cases[i].error);
        dx_buf_deinit(&bytes);
    }
}

static void test_no_room(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    dx_buf bytes;
    dx_buf_init(&bytes, &alloc.port, 10);
    assert_int_not_equal(dx_event_encode(&full_event, &bytes), DX_OK);
    dx_buf_deinit(&bytes);
    dx_event too_large = {.kind = DX_EVENT_CLOCK, .time_ms = (uint64_t)INT64_MAX + 1};
    dx_buf_init(&bytes, &alloc.port, 4096);
    assert_int_equal(dx_event_encode(&too_large, &bytes), DX_E_INVALID); /* no number of ours is that large */
    dx_buf_deinit(&bytes);
    alloc.fail_at = alloc.calls + 1;
    dx_buf_init(&bytes, &alloc.port, 4096);
    assert_int_equal(dx_event_encode(&full_event, &bytes), DX_E_NO_MEMORY);
    dx_buf_deinit(&bytes);
}

DX_TEST_MAIN(DX_TEST(test_every_event), DX_TEST(test_every_effect), DX_TEST(test_known_bytes),
             DX_TEST(test_truncated), DX_TEST(test_every_byte_changed), DX_TEST(test_out_of_range),
             DX_TEST(test_no_room))
