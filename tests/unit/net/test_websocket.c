/* net/websocket.c: the opening of both sides, and messages: two machines against each other, and frames made by hand. */
#include "net/websocket.h"
#include "test.h"

/* Both ends of one connection; what a side was told. */
typedef struct told {
    dx_websocket socket;
    test_random random;
    int messages;
    bool is_text;
    size_t size;
    uint8_t first, last;
    const char *answer; /* sent back from within the callback */
} told;

static test_alloc alloc;
static told client, server;

static void on_message(void *ctx, bool is_text, dx_bytes message) {
    told *side = ctx;
    side->messages++;
    side->is_text = is_text;
    side->size = message.size;
    side->first = message.size > 0 ? message.data[0] : 0;
    side->last = message.size > 0 ? message.data[message.size - 1] : 0;
    if (side->answer != NULL) {
        assert_int_equal(dx_websocket_send(&side->socket, true, dx_bytes_text(side->answer)), DX_OK);
    }
}

static void begin(void) {
    memset(&client, 0, sizeof client);
    memset(&server, 0, sizeof server);
    test_alloc_init(&alloc);
    test_random_init(&client.random, 1);
    test_random_init(&server.random, 2);
    assert_int_equal(
        dx_websocket_init(&client.socket, true, &alloc.port, &client.random.port, on_message, &client),
        DX_OK);
    assert_int_equal(
        dx_websocket_init(&server.socket, false, &alloc.port, &server.random.port, on_message, &server),
        DX_OK);
}

static void finish(void) {
    dx_websocket_deinit(&client.socket);
    dx_websocket_deinit(&server.socket);
    assert_int_equal(alloc.live_bytes, 0);
}

/* What one side wrote goes to the other, in pieces. */
static int carry(dx_websocket *from, dx_websocket *to, size_t piece) {
    int error = DX_OK;
    while (from->out.size > 0 && error == DX_OK) {
        size_t size = from->out.size < piece ? from->out.size : piece;
        uint8_t bytes[65536];
        size = size < sizeof bytes ? size : sizeof bytes;
        memcpy(bytes, from->out.data, size);
        dx_buf_consume(&from->out, size);
        error = dx_websocket_receive(to, dx_bytes_of(bytes, size));
    }
    return error;
}

/* --- Opening ------------------------------------------------------------------------------------------ */

#define ASK                                                                                                  \
    "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"        \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static int ask(const char *text, int *status) {
    static dx_http_head request;
    assert_int_equal(dx_http_request_read(dx_bytes_text(text), &request, status), DX_OK);
    return dx_websocket_request_check(&request, status);
}

/* The example of RFC 6455 §1.3. */
static void test_the_example_of_the_standard(void **state) {
    dx_http_head request, response;
    dx_buf out;
    int status;
    (void)state;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 4096);
    assert_int_equal(
        dx_http_request_read(dx_bytes_text(ASK "Sec-WebSocket-Version: 13\r\n\r\n"), &request, &status),
        DX_OK);
    assert_true(dx_websocket_is_asked(&request));
    assert_int_equal(dx_websocket_request_check(&request, &status), DX_OK);
    dx_websocket_response_write(&request, &out);
    assert_int_equal(dx_http_response_read(dx_buf_view(&out), &response), DX_OK);
    assert_true(dx_bytes_equal(dx_http_field_find(&response, "sec-websocket-accept"),
                               dx_bytes_text("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    assert_int_equal(dx_websocket_response_check(&response, "dGhlIHNhbXBsZSBub25jZQ=="), DX_OK);
    assert_int_equal(dx_websocket_response_check(&response, "dGhlIHNhbXBsZSBub25jZg=="), DX_E_PROTOCOL);
    dx_buf_deinit(&out);
}

static void test_openings_that_are_refused(void **state) {
#define OTHER(key, rest)                                                                                     \
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nSec-WebSocket-Key: " key "\r\n" rest "\r\n"
    static const struct {
        int status;
        const char *text;
    } rows[] = {
        {426, ASK "\r\n"},
        {426, ASK "Sec-WebSocket-Version: 8\r\n\r\n"},
        {426, ASK "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n\r\n"},
        {400, ASK "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"},
        {400, ASK "Sec-WebSocket-Version: 13\r\nContent-Length: 1\r\n\r\n"},
        {400, OTHER("dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13\r\n")},
        {400, OTHER("dGhlIHNhbXBsZSBub25jZ===", "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n")},
        {400, OTHER("dGhlIHNhbXBsZSBub25jZR==", "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n")},
        {400, OTHER("dGhlIHNhbXBsZSBub25j", "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n")},
        {400, OTHER("", "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n")},
        {405, "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"},
        {400, "GET / HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int status = 0;
        if (ask(rows[i].text, &status) != DX_E_PROTOCOL || status != rows[i].status) {
            fail_msg("%s: %d", rows[i].text, status);
        }
    }
}

static void test_a_client_opens(void **state) {
    static const struct {
        const char *url, *host, *target;
    } rows[] = {{"ws://a.example:8100/x?y", "a.example:8100", "/x?y"},
                {"ws://a.example:80", "a.example", "/"},
                {"wss://a.example:80/", "a.example:80", "/"},
                {"wss://[::1]/", "[::1]", "/"},
                {"ws://[::1]:65535/", "[::1]:65535", "/"},
                {"ws://a:7/", "a:7", "/"}};
    (void)state;
    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char key[DX_WEBSOCKET_KEY_SIZE + 1];
        dx_http_head request, response;
        dx_url url;
        dx_buf out, answer;
        int status;
        dx_buf_init(&out, &alloc.port, 4096);
        dx_buf_init(&answer, &alloc.port, 4096);
        assert_int_equal(dx_url_parse(dx_bytes_text(rows[i].url), &url), DX_OK);
        dx_websocket_request_write(&url, i == 0 ? "http://a.example" : NULL, &client.random.port, key, &out);
        assert_int_equal(dx_http_request_read(dx_buf_view(&out), &request, &status), DX_OK);
        assert_true(dx_bytes_equal(dx_http_field_find(&request, "host"), dx_bytes_text(rows[i].host)));
        assert_true(dx_bytes_equal(request.target, dx_bytes_text(rows[i].target)));
        assert_int_equal(dx_http_field_count(&request, "origin"), i == 0);
        assert_int_equal(dx_websocket_request_check(&request, &status), DX_OK);
        dx_websocket_response_write(&request, &answer);
        assert_int_equal(dx_http_response_read(dx_buf_view(&answer), &response), DX_OK);
        assert_int_equal(dx_websocket_response_check(&response, key), DX_OK);
        dx_buf_deinit(&out);
        dx_buf_deinit(&answer);
    }
    finish();
}

static void test_answers_that_are_refused(void **state) {
    static const struct {
        int error;
        const char *text;
    } rows[] = {
        {DX_E_DENIED, "HTTP/1.1 200 OK\r\n\r\n"},
        {DX_E_PROTOCOL, "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"},
        {DX_E_PROTOCOL, "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"},
        {DX_E_PROTOCOL, "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
                        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"},
        {DX_E_PROTOCOL,
         "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: x\r\n\r\n"},
        {DX_E_PROTOCOL,
         "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: x\r\n\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_http_head response;
        assert_int_equal(dx_http_response_read(dx_bytes_text(rows[i].text), &response), DX_OK);
        assert_int_equal(dx_websocket_response_check(&response, "dGhlIHNhbXBsZSBub25jZQ=="), rows[i].error);
    }
}

/* --- Messages ------------------------------------------------------------------------------------------- */

static void test_messages_of_all_sizes_both_ways(void **state) {
    static const size_t sizes[] = {0, 1, 125, 126, 127, 4096, 65535, 65536};
    static uint8_t bytes[DX_WEBSOCKET_MESSAGE_MAX];
    (void)state;
    begin();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t piece = 1; piece <= 65536; piece = piece * 251 + 3) {
            memset(bytes, (int)i + 1, sizeof bytes);
            assert_int_equal(dx_websocket_send(&client.socket, false, dx_bytes_of(bytes, sizes[i])), DX_OK);
            assert_int_equal(carry(&client.socket, &server.socket, piece), DX_OK);
            assert_true(server.messages == 1 && server.size == sizes[i] && !server.is_text);
            assert_true(sizes[i] == 0 || (server.first == i + 1 && server.last == i + 1));
            assert_int_equal(dx_websocket_send(&server.socket, true, dx_bytes_of(bytes, sizes[i])), DX_OK);
            assert_int_equal(carry(&server.socket, &client.socket, piece), DX_OK);
            assert_true(client.messages == 1 && client.size == sizes[i] && client.is_text);
            client.messages = server.messages = 0;
        }
    }
    finish();
}

static void test_what_a_client_sends_is_masked(void **state) {
    static const uint8_t zeros[64];
    (void)state;
    begin();
    assert_int_equal(dx_websocket_send(&client.socket, false, dx_bytes_of(zeros, sizeof zeros)), DX_OK);
    assert_int_equal(client.socket.out.data[1], 0x80 | 64);
    assert_memory_not_equal(client.socket.out.data + 6, zeros, sizeof zeros);
    uint8_t mask[4];
    memcpy(mask, client.socket.out.data + 2, 4);
    dx_buf_clear(&client.socket.out);
    assert_int_equal(dx_websocket_send(&client.socket, false, dx_bytes_of(zeros, sizeof zeros)), DX_OK);
    assert_memory_not_equal(client.socket.out.data + 2, mask, 4); /* another one each time */
    assert_int_equal(dx_websocket_send(&server.socket, false, dx_bytes_of(zeros, sizeof zeros)), DX_OK);
    assert_int_equal(server.socket.out.data[1], 64);
    finish();
}

static void test_an_answer_from_within(void **state) {
    (void)state;
    begin();
    server.answer = "yes";
    assert_int_equal(dx_websocket_send(&client.socket, true, dx_bytes_text("well?")), DX_OK);
    assert_int_equal(carry(&client.socket, &server.socket, 3), DX_OK);
    assert_int_equal(carry(&server.socket, &client.socket, 3), DX_OK);
    assert_true(client.messages == 1 && client.size == 3 && client.first == 'y');
    finish();
}

static void test_pings_and_pongs(void **state) {
    (void)state;
    begin();
    dx_websocket_ping(&client.socket);
    assert_int_equal(carry(&client.socket, &server.socket, 1), DX_OK);
    assert_int_equal(carry(&server.socket, &client.socket, 1), DX_OK);
    assert_int_equal(client.socket.pongs, 1);
    assert_int_equal(server.socket.pongs, 0);
    finish();
}

static void test_a_closing_in_order(void **state) {
    (void)state;
    begin();
    assert_int_equal(dx_websocket_send(&server.socket, false, dx_bytes_text("on its way")), DX_OK);
    dx_websocket_close(&client.socket, DX_WEBSOCKET_GOING_AWAY, "good night");
    assert_int_equal(dx_websocket_send(&client.socket, false, dx_bytes_text("late")), DX_E_STATE);
    assert_int_equal(carry(&server.socket, &client.socket, 1), DX_OK);
    assert_int_equal(client.messages, 0); /* read, and nobody's any more */
    assert_false(client.socket.ended);
    assert_int_equal(carry(&client.socket, &server.socket, 1), DX_OK);
    assert_true(server.socket.ended && server.socket.close_code == DX_WEBSOCKET_GOING_AWAY);
    assert_int_equal(carry(&server.socket, &client.socket, 1), DX_OK);
    assert_true(client.socket.ended && client.socket.close_code == DX_WEBSOCKET_GOING_AWAY);
    dx_websocket_ping(&client.socket);
    dx_websocket_close(&client.socket, DX_WEBSOCKET_NORMAL, "");
    assert_int_equal(client.socket.out.size, 0);
    finish();
}

/* --- Frames made by hand ------------------------------------------------------------------------------------ */

/* To a client, for frames without a mask are easier to read. */
static int tell_client(const char *bytes, size_t size) {
    return dx_websocket_receive(&client.socket, dx_bytes_of(bytes, size));
}
#define TELL(bytes) tell_client(bytes, sizeof bytes - 1)

/* The close that the client answers with: its code, unmasked by hand. */
static int close_sent_by(const dx_websocket *socket) {
    const uint8_t *out = socket->out.data;
    if (socket->out.size < 8 || out[0] != 0x88) {
        return 0;
    }
    return (out[6] ^ out[2]) << 8 | (out[7] ^ out[3]);
}

static void test_fragments(void **state) {
    (void)state;
    begin();
    assert_int_equal(TELL("\x02\x02"
                          "ab"),
                     DX_OK);
    assert_int_equal(TELL("\x89\x01"
                          "p"),
                     DX_OK); /* a ping between two of them */
    assert_int_equal(TELL("\x00\x00"), DX_OK);
    assert_int_equal(client.messages, 0);
    assert_int_equal(TELL("\x80\x01"
                          "c"),
                     DX_OK);
    assert_true(client.messages == 1 && client.size == 3 && client.first == 'a' && client.last == 'c');
    assert_int_equal(client.socket.out.data[0], 0x8a);
    finish();
}

static void test_frames_that_are_refused(void **state) {
#define ROW(error, code, bytes)                                                                              \
    { error, code, bytes, sizeof bytes - 1 }
    static const struct {
        int error, code;
        const char *bytes;
        size_t size;
    } rows[] = {
        ROW(DX_E_PROTOCOL, 1002, "\xc2\x00"),         /* reserved bits */
        ROW(DX_E_PROTOCOL, 1002, "\x83\x00"),         /* reserved opcodes */
        ROW(DX_E_PROTOCOL, 1002, "\x8b\x00"),         /* */
        ROW(DX_E_PROTOCOL, 1002, "\x80\x00"),         /* goes on with nothing */
        ROW(DX_E_PROTOCOL, 1002, "\x02\x00\x82\x00"), /* begins within another */
        ROW(DX_E_PROTOCOL, 1002, "\x09\x00"),         /* a control frame in fragments */
        ROW(DX_E_PROTOCOL, 1002, "\x89\x7e\x00\x80"), /* a long control frame */
        ROW(DX_E_PROTOCOL, 1002, "\x82\x7e\x00\x7d"), /* a length in a longer form than needed */
        ROW(DX_E_PROTOCOL, 1002, "\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"),
        ROW(DX_E_PROTOCOL, 1002, "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"),
        ROW(DX_E_PROTOCOL, 1002,
            "\x82\x81\x00\x00\x00\x00"
            "a"), /* masked, to a client */
        ROW(DX_E_LIMIT, 1009,
            "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x01"
            "a"),
        ROW(DX_E_LIMIT, 1009,
            "\x02\x01"
            "a"
            "\x80\x7f\x00\x00\x00\x00\x00\x01\x00\x00"
            "a"),
        ROW(DX_E_MALFORMED, 1007, "\x81\x02\xc3\x28"), /* text that is none */
        ROW(DX_E_MALFORMED, 1007, "\x01\x01\xc3\x80\x01\x28"),
        ROW(DX_E_PROTOCOL, 1002, "\x88\x01\x03"),     /* closes */
        ROW(DX_E_PROTOCOL, 1002, "\x88\x02\x03\xed"), /* 1005 */
        ROW(DX_E_PROTOCOL, 1002, "\x88\x02\x03\xe7"), /* 999 */
        ROW(DX_E_PROTOCOL, 1002, "\x88\x02\x13\x88"), /* 5000 */
        ROW(DX_E_MALFORMED, 1007, "\x88\x03\x03\xe8\xff"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        int error = tell_client(rows[i].bytes, rows[i].size);
        if (error != rows[i].error || close_sent_by(&client.socket) != rows[i].code || !client.socket.ended ||
            client.socket.close_code != rows[i].code || client.messages != 0) {
            fail_msg("row %zu: %d, close %d", i, error, close_sent_by(&client.socket));
        }
        assert_int_equal(TELL("\x82\x00"), DX_OK); /* nothing is read after the end */
        assert_int_equal(client.messages, 0);
        finish();
    }
    begin();
    assert_int_equal(dx_websocket_receive(&server.socket, dx_bytes_of("\x82\x01"
                                                                      "a",
                                                                      3)),
                     DX_E_PROTOCOL); /* no mask */
    finish();
}

static void test_closes_that_are_taken(void **state) {
    (void)state;
    begin();
    assert_int_equal(TELL("\x88\x00"), DX_OK);
    assert_true(client.socket.ended && client.socket.close_code == DX_WEBSOCKET_NO_CODE);
    assert_int_equal(client.socket.out.size, 6); /* answered without a code */
    finish();
    begin();
    assert_int_equal(TELL("\x88\x06\x0f\xa0"
                          "bye!"),
                     DX_OK);
    assert_true(client.socket.close_code == 4000 && close_sent_by(&client.socket) == 4000);
    finish();
}

static void test_too_many_fragments(void **state) {
    (void)state;
    begin();
    assert_int_equal(TELL("\x02\x00"), DX_OK);
    for (int i = 1; i < DX_WEBSOCKET_FRAGMENTS_MAX; i++) {
        assert_int_equal(TELL("\x00\x00"), DX_OK);
    }
    assert_int_equal(TELL("\x00\x00"), DX_E_LIMIT);
    assert_int_equal(close_sent_by(&client.socket), DX_WEBSOCKET_POLICY);
    finish();
}

static void test_who_does_not_read_is_let_go(void **state) {
    char ping[2 + DX_WEBSOCKET_CONTROL_MAX] = "\x89\x7d";
    int error = DX_OK;
    (void)state;
    begin();
    for (int i = 0; i < 20000 && error == DX_OK; i++) {
        error = tell_client(ping, sizeof ping);
    }
    assert_int_equal(error, DX_E_FLOOD);
    assert_true(client.socket.ended && client.socket.out.size <= DX_WEBSOCKET_OUT_MAX);
    finish();
    begin();
    static const uint8_t message[DX_WEBSOCKET_MESSAGE_MAX];
    for (int i = 0; i < 20 && error != DX_E_STATE; i++) {
        error = dx_websocket_send(&server.socket, false, dx_bytes_of(message, sizeof message));
    }
    assert_int_equal(error, DX_E_STATE); /* after one DX_E_FLOOD */
    assert_true(server.socket.ended);
    finish();
}

static void test_memory_that_ends(void **state) {
    static const uint8_t message[4096];
    (void)state;
    for (uint64_t at = 1; at < 12; at++) {
        begin();
        alloc.fail_at = at;
        alloc.sticky = true;
        int error = dx_websocket_send(&server.socket, false, dx_bytes_of(message, sizeof message));
        error = error != DX_OK ? error : carry(&server.socket, &client.socket, 100);
        assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
        assert_true(error == DX_OK || server.socket.ended || client.socket.ended);
        alloc.fail_at = 0;
        finish();
    }
}

DX_TEST_MAIN(DX_TEST(test_the_example_of_the_standard), DX_TEST(test_openings_that_are_refused),
             DX_TEST(test_a_client_opens), DX_TEST(test_answers_that_are_refused),
             DX_TEST(test_messages_of_all_sizes_both_ways), DX_TEST(test_what_a_client_sends_is_masked),
             DX_TEST(test_an_answer_from_within), DX_TEST(test_pings_and_pongs),
             DX_TEST(test_a_closing_in_order), DX_TEST(test_fragments), DX_TEST(test_frames_that_are_refused),
             DX_TEST(test_closes_that_are_taken), DX_TEST(test_too_many_fragments),
             DX_TEST(test_who_does_not_read_is_let_go), DX_TEST(test_memory_that_ends))
