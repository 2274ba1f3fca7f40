/* Frames of the vault socket: host/frame.c, docs/spec/vault-socket.md. */
#include "test.h"

#include "host.h"

static const uint8_t id[DX_REQUEST_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static dx_buf frame_of(int kind, dx_bytes body) {
    dx_buf frame;
    dx_buf_init(&frame, dx_host_alloc(), 2 * DX_FRAME_SIZE_MAX);
    dx_frame_write(kind, id, body, &frame);
    assert_int_equal(dx_buf_error(&frame), DX_OK);
    return frame;
}

static int64_t read_frame(dx_bytes bytes) {
    int kind;
    uint8_t request[DX_REQUEST_SIZE];
    dx_bytes body;
    return dx_frame_read(bytes, &kind, request, &body);
}

static void test_what_is_written_is_read(void **state) {
    (void)state;
    static uint8_t large[DX_COMMAND_BODY_MAX];
    const dx_bytes bodies[] = {
        {NULL, 0}, dx_bytes_text("x"), dx_bytes_of(large, 70000), dx_bytes_of(large, sizeof large)};
    for (int kind = DX_FRAME_REQUEST; kind <= DX_FRAME_REPLY; kind++) {
        for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
            int kind_read = -1;
            uint8_t request[DX_REQUEST_SIZE];
            dx_bytes body;
            dx_buf frame = frame_of(kind, bodies[i]);
            size_t one = frame.size;
            dx_frame_write(DX_FRAME_NOTIFY, id, bodies[1], &frame); /* another behind it is left alone */
            assert_int_equal(dx_frame_read(dx_buf_view(&frame), &kind_read, request, &body), one);
            assert_int_equal(kind_read, kind);
            assert_memory_equal(request, id, DX_REQUEST_SIZE);
            assert_true(dx_bytes_equal(body, bodies[i]));
            dx_buf_deinit(&frame);
        }
    }
}

/* [3, request, n]: bytes of answers that were taken; a number, and none below zero. */
static void test_bytes_taken(void **state) {
    (void)state;
    static const uint8_t good[] = {0x1a, 0, 1, 0, 0}, below[] = {0x20}, text[] = {0x61, 'x'};
    int kind;
    uint8_t request[DX_REQUEST_SIZE];
    dx_bytes body;
    dx_buf frame = frame_of(DX_FRAME_TAKEN, dx_bytes_of(good, sizeof good));
    assert_int_equal(dx_frame_read(dx_buf_view(&frame), &kind, request, &body), frame.size);
    assert_int_equal(kind, DX_FRAME_TAKEN);
    assert_int_equal(dx_item_int(body, -1), 65536);
    dx_buf_deinit(&frame);
    frame = frame_of(DX_FRAME_TAKEN, dx_bytes_of(below, sizeof below));
    assert_int_equal(read_frame(dx_buf_view(&frame)), DX_E_MALFORMED);
    dx_buf_deinit(&frame);
    frame = frame_of(DX_FRAME_TAKEN, dx_bytes_of(text, sizeof text));
    assert_int_equal(read_frame(dx_buf_view(&frame)), DX_E_MALFORMED);
    dx_buf_deinit(&frame);
}

static void test_a_part_waits_for_the_rest(void **state) {
    (void)state;
    dx_buf frame = frame_of(DX_FRAME_REQUEST, dx_bytes_text("{}"));
    for (size_t size = 0; size < frame.size; size++) {
        assert_int_equal(read_frame(dx_bytes_of(frame.data, size)), 0);
    }
    assert_int_equal(read_frame(dx_buf_view(&frame)), frame.size);
    dx_buf_deinit(&frame);
}

/* Said to be too large, it is refused by its first four bytes: nobody waits for 4 GiB. */
static void test_sizes_out_of_bounds(void **state) {
    (void)state;
    const uint32_t sizes[] = {0, DX_FRAME_SIZE_MAX + 1, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const uint8_t bytes[] = {(uint8_t)(sizes[i] >> 24), (uint8_t)(sizes[i] >> 16),
                                 (uint8_t)(sizes[i] >> 8), (uint8_t)sizes[i]};
        assert_int_equal(read_frame(dx_bytes_of(bytes, 4)), DX_E_MALFORMED);
    }
}

static void test_what_is_no_frame_is_refused(void **state) {
    (void)state;
    dx_buf frame = frame_of(DX_FRAME_REQUEST, dx_bytes_text("{}"));
    const size_t array_at = 4, kind_at = 5, id_at = 6;
    const struct {
        size_t at;
        uint8_t value;
    } damages[] = {
        {array_at, 0x82}, {array_at, 0x84}, {array_at, 0x60}, {kind_at, 3}, {kind_at, 0x20},
        {kind_at, 0x18},  {id_at, 0x4f},    {id_at, 0x70},    {3, 1},       {3, (uint8_t)(frame.size - 5)}};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        uint8_t before = frame.data[damages[i].at];
        frame.data[damages[i].at] = damages[i].value;
        assert_int_equal(read_frame(dx_buf_view(&frame)), DX_E_MALFORMED);
        frame.data[damages[i].at] = before;
    }
    dx_buf_append_byte(&frame, 0); /* a byte too many inside it */
    frame.data[3]++;
    assert_int_equal(read_frame(dx_buf_view(&frame)), DX_E_MALFORMED);
    dx_buf_deinit(&frame);
}

static void test_a_full_buffer_keeps_its_error(void **state) {
    (void)state;
    dx_buf small;
    dx_buf_init(&small, dx_host_alloc(), 20);
    dx_frame_write(DX_FRAME_REPLY, id, dx_bytes_text("body"), &small);
    assert_int_equal(dx_buf_error(&small), DX_E_LIMIT);
    dx_buf_deinit(&small);
}

static void test_an_emptied_buffer_gives_large_memory_back(void **state) {
    (void)state;
    dx_buf buf;
    dx_buf_init(&buf, dx_host_alloc(), 4 << 20);
    dx_buf_append(&buf, "x", 1);
    size_t usual = buf.capacity;
    dx_buf_empty(&buf);
    assert_int_equal(buf.capacity, usual);
    assert_non_null(dx_buf_extend(&buf, 2 * DX_BUFFER_KEPT_MAX));
    dx_buf_empty(&buf);
    assert_int_equal(buf.capacity, 0);
    assert_int_equal(buf.max, 4 << 20);
    dx_buf_deinit(&buf);
}

DX_TEST_MAIN(DX_TEST(test_what_is_written_is_read), DX_TEST(test_bytes_taken),
             DX_TEST(test_a_part_waits_for_the_rest), DX_TEST(test_sizes_out_of_bounds),
             DX_TEST(test_what_is_no_frame_is_refused), DX_TEST(test_a_full_buffer_keeps_its_error),
             DX_TEST(test_an_emptied_buffer_gives_large_memory_back))
