/* tests/unit/echo/test_entity.c: ids as keys, bytes and text; rows as people see them. */
#include "echo/section.h"
#include "peer.h"

static void test_keys(void **state) {
    (void)state;
    const int64_t feeds[] = {1, 2, DX_FEED_LOCAL_MAX};
    const uint64_t seqs[] = {0, 1, DX_PLACE_SEQ_MAX}, indexes[] = {0, 1, DX_BLOCK_SECTIONS_MAX - 1};
    int64_t before = 0;
    for (int f = 0; f < 3; f++) {
        for (int s = 0; s < 3; s++) {
            for (int i = 0; i < 3; i++) {
                int64_t key = dx_entity_key(feeds[f], seqs[s], indexes[i]);
                assert_true(key > before); /* rows of a feed stand together, in the order they were made */
                before = key;
                assert_int_equal(dx_entity_key_feed(key), feeds[f]);
                assert_int_equal(dx_entity_key_seq(key), seqs[s]);
                assert_int_equal(dx_entity_key_index(key), indexes[i]);
            }
        }
    }
}

static int parse(peer *self, const char *text, int64_t *key) {
    peer_begin(self);
    int error = dx_id_parse(&self->context, self->space, dx_bytes_text(text), key);
    peer_commit(self);
    return error;
}

static void test_texts(void **state) {
    (void)state;
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    int64_t key = peer_add(&alice, "t", "{}"), found;
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX], shorter[DX_ID_TEXT_MAX];
    assert_int_equal(dx_key_to_id(alice.space, key, id), DX_OK);
    dx_id_print(id, text);
    assert_true(strncmp(text, "1-0-", 4) == 0);
    assert_int_equal(strlen(text), 4 + 32);
    assert_int_equal(dx_id_to_key(alice.space, id, &found), DX_OK);
    assert_int_equal(found, key);
    assert_int_equal(parse(&alice, text, &found), DX_OK);
    assert_int_equal(found, key);
    for (size_t digits = 1; digits <= 32; digits++) {
        snprintf(shorter, sizeof shorter, "%.*s", (int)(4 + digits), text);
        assert_int_equal(parse(&alice, shorter, &found), DX_OK);
        assert_int_equal(found, key);
    }
    for (char *at = text; *at; at++) {
        *at = *at >= 'a' && *at <= 'f' ? (char)(*at - 'a' + 'A') : *at;
    }
    assert_int_equal(parse(&alice, text, &found), DX_OK);
    assert_int_equal(parse(&alice, "1-0", &found), DX_OK);
    assert_int_equal(found, key);
    assert_int_equal(parse(&alice, "0-1", &found), DX_OK); /* her own profile */
    peer_pull(&alice, &bob, 9);
    assert_int_equal(parse(&alice, "0-0", &found), DX_E_CONFLICT); /* both made something there */
    assert_int_equal(parse(&alice, "1-1", &found), DX_E_NOT_FOUND);
    text[4] = text[4] == '0' ? '1' : '0';
    assert_int_equal(parse(&alice, text, &found), DX_E_NOT_FOUND);
    static const char *const invalid[] = {"",
                                          "1",
                                          "1-",
                                          "-0",
                                          "1-0-",
                                          "1-0-g",
                                          "01-0",
                                          "1-00",
                                          "1 -0",
                                          "1-0 ",
                                          "a-0",
                                          "1-b",
                                          "1--0",
                                          "2147483648-0",
                                          "0-65535",
                                          "18446744073709551617-0",
                                          "1-0-00000000000000000000000000000000f"};
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        assert_int_equal(parse(&alice, invalid[i], &found), DX_E_INVALID);
    }
    memset(id, 0xee, sizeof id);
    assert_int_equal(dx_id_to_key(alice.space, id, &found), DX_E_NOT_FOUND);
    assert_int_equal(dx_key_to_id(alice.space, dx_entity_key(999, 0, 0), id), DX_E_NOT_FOUND);
    uint8_t largest[DX_ID_SIZE];
    memset(largest, 0xff, sizeof largest);
    dx_id_print(largest, text); /* the longest text there is */
    assert_string_equal(text, "4294967295-65535-ffffffffffffffffffffffffffffffff");
    peer_deinit(&alice);
    peer_deinit(&bob);
}

static void expect_row(peer *self, int64_t key, const char *expected) {
    dx_entity entity;
    dx_buf row, text;
    dx_writer writer;
    dx_buf_init(&row, &self->alloc.port, 1 << 20);
    dx_buf_init(&text, &self->alloc.port, 1 << 20);
    peer_begin(self);
    assert_int_equal(dx_entity_read(&self->context, self->space, key, &entity), DX_OK);
    dx_writer_init(&writer, &row);
    assert_int_equal(dx_entity_write(&self->context, self->space, &entity, &writer), DX_OK);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    peer_commit(self);
    assert_int_equal(dx_item_check(dx_buf_view(&row)), DX_OK);
    assert_int_equal(dx_json_print(dx_buf_view(&row), &text), DX_OK);
    dx_buf_append_byte(&text, 0);
    /* The feed's digits differ by key; every id in the text is cut to its place. */
    char *at = (char *)text.data, *to = at;
    while (*at) {
        *to++ = *at;
        bool ends = at[0] == '-' && strspn(at + 1, "0123456789abcdef") == 32;
        at += ends ? 33 : 1;
    }
    *to = 0;
    assert_string_equal((char *)text.data, expected);
    dx_buf_deinit(&row);
    dx_buf_deinit(&text);
}

static void test_rows(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    dx_transaction *transaction;
    int64_t tree, leaf, link;
    peer_begin(&alice);
    assert_int_equal(dx_transaction_begin(&alice.context, alice.space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_add_object(transaction, dx_bytes_text("tree"), 0,
                                               dx_bytes_text("\xa1\x61\x61\x01"), &tree),
                     DX_OK);
    assert_int_equal(
        dx_transaction_add_object(transaction, (dx_bytes){NULL, 0}, tree, (dx_bytes){NULL, 0}, &leaf), DX_OK);
    assert_int_equal(
        dx_transaction_add_link(transaction, dx_bytes_text("of"), leaf, tree, (dx_bytes){NULL, 0}, &link),
        DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(&alice);
    peer_change_life(&alice, leaf, true);
    expect_row(&alice, tree,
               "{\"id\":\"1-0-\",\"data\":{\"a\":1},\"type\":\"tree\",\"parent\":null,\"deleted\":false}");
    expect_row(&alice, leaf,
               "{\"id\":\"1-1-\",\"data\":{},\"type\":null,\"parent\":\"1-0-\",\"deleted\":true}");
    expect_row(&alice, link,
               "{\"id\":\"1-2-\",\"data\":{},\"type\":\"of\",\"source\":\"1-1-\",\"target\":\"1-0-\","
               "\"deleted\":false}");
    peer_begin(&alice);
    dx_entity entity;
    assert_int_equal(dx_entity_read(&alice.context, alice.space, link + 1, &entity), DX_E_NOT_FOUND);
    assert_int_equal(dx_entity_read(&alice.context, alice.space, dx_entity_key(77, 0, 0), &entity),
                     DX_E_NOT_FOUND);
    peer_commit(&alice);
    peer_deinit(&alice);
}

DX_TEST_MAIN(DX_TEST(test_keys), DX_TEST(test_texts), DX_TEST(test_rows))
