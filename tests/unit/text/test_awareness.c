/* tests/unit/text/test_awareness.c: who is there: states said, renewed, let go, and what nobody can say of another one. */
#include "fixtures.h"

#include <dxos/text_protocol.h>

enum { ME = 1, OTHER = 12 };

static dx_text_awareness *create(test_alloc *alloc, uint64_t client) {
    dx_text_awareness *it;
    assert_int_equal(dx_text_awareness_create(&alloc->port, client, &it), DX_OK);
    return it;
}

static int apply(test_alloc *alloc, dx_text_awareness *it, const char *hex, uint64_t now_ms) {
    dx_buf update = from_hex(alloc, hex);
    int error = dx_text_awareness_apply(it, dx_buf_view(&update), now_ms);
    dx_buf_deinit(&update);
    return error;
}

static void assert_change(const dx_text_awareness *it, uint64_t client, int what) {
    size_t count;
    const dx_text_awareness_change *changes = dx_text_awareness_changes(it, &count);
    assert_int_equal(count, what < 0 ? 0 : 1);
    if (what >= 0) {
        assert_int_equal(changes[0].client, client);
        assert_int_equal(changes[0].what, what);
    }
}

static void assert_state(const dx_text_awareness *it, uint64_t client, const char *json) {
    assert_bytes_equal(dx_text_awareness_state(it, client), dx_bytes_text(json));
}

static void assert_encoded(test_alloc *alloc, const dx_text_awareness *it, const uint64_t *clients,
                           size_t count, const char *hex) {
    dx_buf out = buffer(alloc);
    assert_int_equal(dx_text_awareness_encode(it, clients, count, &out), DX_OK);
    assert_hex_equal(alloc, dx_buf_view(&out), hex);
    dx_buf_deinit(&out);
}

static void test_own_state(void **state) {
    (void)state;
    static const uint64_t asked[] = {ME, 99};
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_awareness *it = create(&alloc, ME);
    assert_int_equal(dx_text_awareness_deadline(it), DX_NO_DEADLINE);
    assert_int_equal(dx_text_awareness_set(it, "{ }", 100), DX_OK);
    assert_change(it, ME, DX_TEXT_CAME);
    assert_state(it, ME, "{}");
    assert_encoded(&alloc, it, NULL, 0, "010100027b7d");
    assert_int_equal(dx_text_awareness_set(it, "{\"a\":1}", 200), DX_OK);
    assert_change(it, ME, DX_TEXT_CHANGED);
    assert_int_equal(dx_text_awareness_set(it, "{\"a\":1}", 300), DX_OK);
    assert_change(it, ME, DX_TEXT_RENEWED);
    assert_int_equal(dx_text_awareness_set(it, "{", 300), DX_E_INVALID);
    assert_encoded(&alloc, it, asked, 2, "010102077b2261223a317d");
    assert_int_equal(dx_text_awareness_set(it, NULL, 400), DX_OK);
    assert_change(it, ME, DX_TEXT_LEFT);
    assert_encoded(&alloc, it, asked, 2, "010103046e756c6c");
    assert_encoded(&alloc, it, NULL, 0, "00");
    dx_text_awareness_destroy(it);
    dx_text_awareness_destroy(NULL);
    assert_int_equal(alloc.live_bytes, 0);
}

/* What is taken of what others say, by the clock that is known. */
static void test_table(void **state) {
    (void)state;
    static const struct {
        const char *known, *said;
        int what; /* -1: nothing */
        const char *wanted;
    } rows[] = {{NULL, "010c01027b7d", DX_TEXT_CAME, "{}"},
                {NULL, "010c00027b7d", -1, ""}, /* as in y-protocols: clock 0 is no news */
                {NULL, "010c01046e756c6c", -1, ""},
                {"010c05027b7d", "010c05027b7d", -1, "{}"},
                {"010c05027b7d", "010c04046e756c6c", -1, "{}"},
                {"010c05027b7d", "010c06027b7d", DX_TEXT_RENEWED, "{}"},
                {"010c05027b7d", "010c060131", DX_TEXT_CHANGED, "1"},
                {"010c05027b7d", "010c05046e756c6c", DX_TEXT_LEFT, ""},
                {"010c05027b7d", "010c06046e756c6c", DX_TEXT_LEFT, ""},
                {"010c05046e756c6c", "010c05027b7d", -1,
                 ""}, /* who left is not brought back by what was said before */
                {"010c05046e756c6c", "010c06027b7d", DX_TEXT_CAME, "{}"}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_text_awareness *it = create(&alloc, ME);
        if (rows[i].known != NULL) {
            assert_int_equal(apply(&alloc, it, rows[i].known, 0), DX_OK);
        }
        assert_int_equal(apply(&alloc, it, rows[i].said, 1), DX_OK);
        assert_change(it, OTHER, rows[i].what);
        assert_state(it, OTHER, rows[i].wanted);
        dx_text_awareness_destroy(it);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_nobody_removes_me(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_awareness *it = create(&alloc, ME);
    assert_int_equal(dx_text_awareness_set(it, "1", 0), DX_OK);
    assert_int_equal(apply(&alloc, it, "010107046e756c6c", 5), DX_OK);
    assert_change(it, ME, DX_TEXT_RENEWED);
    assert_state(it, ME, "1");
    assert_encoded(&alloc, it, NULL, 0, "0101080131");
    dx_text_awareness_destroy(it);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_time(void **state) {
    (void)state;
    test_alloc alloc;
    uint64_t clients[2];
    size_t count;
    test_alloc_init(&alloc);
    dx_text_awareness *it = create(&alloc, ME);
    assert_int_equal(dx_text_awareness_set(it, "1", 1000), DX_OK);
    assert_int_equal(apply(&alloc, it, "010c05027b7d", 2000), DX_OK);
    dx_text_awareness_clients(it, clients, 2, &count);
    assert_int_equal(count, 2);
    assert_int_equal(clients[0], ME);
    assert_int_equal(clients[1], OTHER);
    assert_int_equal(dx_text_awareness_deadline(it), 1000 + DX_TEXT_RENEW_MS);
    dx_text_awareness_tick(it, 1000 + DX_TEXT_RENEW_MS - 1);
    assert_change(it, 0, -1);
    dx_text_awareness_tick(it, 1000 + DX_TEXT_RENEW_MS);
    assert_change(it, ME, DX_TEXT_RENEWED);
    dx_text_awareness_tick(it, 1000 + 2 * DX_TEXT_RENEW_MS);
    assert_change(it, ME, DX_TEXT_RENEWED);
    assert_int_equal(dx_text_awareness_deadline(it), 2000 + DX_TEXT_GONE_MS);
    dx_text_awareness_tick(it, 2000 + DX_TEXT_GONE_MS);
    assert_change(it, OTHER, DX_TEXT_LEFT);
    assert_state(it, OTHER, "");
    dx_text_awareness_clients(it, clients, 0, &count);
    assert_int_equal(count, 1);
    assert_int_equal(apply(&alloc, it, "010c05027b7d", 40000), DX_OK); /* the same word again is old */
    assert_change(it, 0, -1);
    dx_text_awareness_destroy(it);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_refused(void **state) {
    (void)state;
    static const char *const rows[] = {
        "", "01", "010c", "010c01", "010c01027b", "010c01017b", "020c01027b7d", "ffffffff0f", "010c0102ff7d"};
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_awareness *it;
    assert_int_equal(dx_text_awareness_create(&alloc.port, 0, &it), DX_E_INVALID);
    assert_int_equal(dx_text_awareness_create(&alloc.port, UINT64_MAX, &it), DX_E_INVALID);
    it = create(&alloc, ME);
    alloc.limit_bytes = 64 * 1024;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(apply(&alloc, it, rows[i], 0), DX_E_MALFORMED);
        assert_state(it, OTHER, "");
    }
    dx_text_awareness_destroy(it);
    assert_int_equal(alloc.live_bytes, 0);
}

static void write_number(dx_buf *out, uint64_t value) {
    for (; value > 0x7f; value >>= 7) {
        dx_buf_append_byte(out, (uint8_t)(value | 0x80));
    }
    dx_buf_append_byte(out, (uint8_t)value);
}

/* An update that says one state of each client from first on. */
static int say(test_alloc *alloc, dx_text_awareness *it, uint64_t first, uint64_t count, const char *json,
               uint64_t now_ms) {
    dx_buf update = buffer(alloc);
    write_number(&update, count);
    for (uint64_t i = 0; i < count; i++) {
        write_number(&update, first + i);
        write_number(&update, now_ms);
        write_number(&update, strlen(json));
        dx_buf_append(&update, json, strlen(json));
    }
    int error = dx_text_awareness_apply(it, dx_buf_view(&update), now_ms);
    dx_buf_deinit(&update);
    return error;
}

/* The table has an end; who left makes room, who left longest ago first. */
static void test_full(void **state) {
    (void)state;
    test_alloc alloc;
    size_t count;
    test_alloc_init(&alloc);
    dx_text_awareness *it = create(&alloc, ME);
    assert_int_equal(say(&alloc, it, 10, DX_TEXT_PRESENT_MAX - 1, "1", 1), DX_OK);
    assert_int_equal(say(&alloc, it, 100000, 1, "1", 2), DX_E_LIMIT);
    assert_int_equal(dx_text_awareness_set(it, "1", 2), DX_OK);
    assert_int_equal(say(&alloc, it, 20, 1, "null", 3), DX_OK);
    assert_int_equal(say(&alloc, it, 21, 1, "null", 4), DX_OK);
    assert_int_equal(say(&alloc, it, 100000, 1, "2", 5), DX_OK);
    assert_state(it, 100000, "2");
    dx_text_awareness_clients(it, NULL, 0, &count);
    assert_int_equal(count, DX_TEXT_PRESENT_MAX - 1);
    /* 20 made room and is forgotten; 21 is still known to have left */
    assert_int_equal(say(&alloc, it, 21, 1, "1", 4), DX_OK);
    assert_state(it, 21, "");
    dx_text_awareness_tick(it, 5 + DX_TEXT_GONE_MS);
    (void)dx_text_awareness_changes(it, &count);
    assert_int_equal(count, DX_TEXT_PRESENT_MAX - 1);
    dx_text_awareness_destroy(it);
    assert_int_equal(alloc.live_bytes, 0);

    it = create(&alloc, ME);
    char *large = malloc(DX_TEXT_STATE_SIZE_MAX + 2);
    memset(large, '1', DX_TEXT_STATE_SIZE_MAX + 1);
    large[DX_TEXT_STATE_SIZE_MAX + 1] = 0;
    assert_int_equal(dx_text_awareness_set(it, large, 0), DX_E_LIMIT);
    assert_int_equal(say(&alloc, it, 5, 1, large, 1), DX_E_LIMIT);
    free(large);
    dx_text_awareness_destroy(it);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_no_memory(void **state) {
    (void)state;
    int error = DX_E_NO_MEMORY;
    for (uint64_t fail_at = 1; error == DX_E_NO_MEMORY; fail_at++) {
        test_alloc alloc, inputs;
        test_alloc_init(&alloc);
        test_alloc_init(&inputs);
        dx_text_awareness *it = NULL;
        alloc.fail_at = fail_at;
        error = dx_text_awareness_create(&alloc.port, ME, &it);
        if (error == DX_OK) {
            error = dx_text_awareness_set(it, "{\"a\":[1,2]}", 0);
            assert_true(error == DX_OK || dx_text_awareness_state(it, ME).size == 0);
        }
        if (error == DX_OK) {
            error = apply(&inputs, it, "020c05027b7d0d010131", 1);
            assert_true(error == DX_OK || dx_text_awareness_state(it, OTHER).size == 0);
        }
        assert_true(error == DX_E_NO_MEMORY || (error == DX_OK && fail_at > 8));
        dx_text_awareness_destroy(it);
        assert_int_equal(alloc.live_bytes, 0);
    }
}

/* What y-protocols sent is taken in and sent on the same. */
static void test_fixtures(void **state) {
    (void)state;
    fixtures file;
    if (!fixtures_open(&file, "generated/positions-sync.json")) {
        skip();
    }
    static const uint64_t asked[] = {OTHER};
    dx_text_awareness *it = create(&file.alloc, ME);
    dx_bytes list = dx_item_get(dx_buf_view(&file.item), "awareness"), row;
    size_t rows = 0;
    for (dx_reader at = elements_of(list); next_element(&at, &row); rows++) {
        char *hex = text_of(row);
        assert_int_equal(apply(&file.alloc, it, hex, rows), DX_OK);
        assert_change(it, OTHER, rows == 0 ? DX_TEXT_CAME : DX_TEXT_LEFT);
        assert_encoded(&file.alloc, it, asked, 1, hex);
        free(hex);
    }
    assert_int_equal(rows, 2);
    dx_text_awareness_destroy(it);
    fixtures_close(&file);
}

DX_TEST_MAIN(DX_TEST(test_own_state), DX_TEST(test_table), DX_TEST(test_nobody_removes_me),
             DX_TEST(test_time), DX_TEST(test_refused), DX_TEST(test_full), DX_TEST(test_no_memory),
             DX_TEST(test_fixtures))
