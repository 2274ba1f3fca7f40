/* tests/unit/halo/test_control_prefix.c: two feeds of one space whose ids share 16 bytes (halo/control.c,
 * halo/sorted.c).
 *
 * Nobody can make such ids with the real hash, so this program brings its own dx_feed_id: the id is 16 times
 * the key's first byte, then the rest of the key. (The library is static: its object with the real one stays
 * out.) */
#include "world.h"

void dx_feed_id(const dx_feed_identity *identity, uint8_t out[static DX_HASH_SIZE]) {
    memset(out, identity->key[0], DX_PREFIX_SIZE);
    memcpy(out + DX_PREFIX_SIZE, identity->key + DX_PREFIX_SIZE, DX_HASH_SIZE - DX_PREFIX_SIZE);
}

enum { FEEDS = 5 };

/* First and 17th byte of the feed keys: prefix and rest of the id. */
static const uint8_t feeds[FEEDS][2] = {{1, 5}, {1, 3}, {1, 9}, {2, 7}, {0, 4}};

static void take_feed(dx_control *control, const dx_identity *by, const uint8_t feed[2],
                      const dx_alloc *alloc) {
    uint8_t key[DX_KEY_SIZE] = {0};
    key[0] = feed[0];
    key[DX_PREFIX_SIZE] = feed[1];
    dx_buf out;
    dx_buf_init(&out, alloc, 4096);
    assert_int_equal(dx_control_issue_feed(control, by, DX_FEED_DATA, key, &out), DX_OK);
    assert_int_equal(dx_control_take(control, dx_buf_view(&out), 1), DX_OK);
    dx_buf_deinit(&out);
}

static void check(const dx_control *control) {
    static const uint8_t wanted[][2] = {{0, 4}, {1, 3}, {2, 7}};
    assert_int_equal(dx_control_feed_count(control), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(dx_control_feed(control, i)->id[0], wanted[i][0]);
        assert_int_equal(dx_control_feed(control, i)->id[DX_PREFIX_SIZE], wanted[i][1]);
    }
}

static void take_in_order(const size_t *order) {
    test_alloc alloc;
    dx_identity alice;
    dx_buf genesis;
    dx_control *control;
    uint8_t nonce[DX_KEY_SIZE] = {0}, space_id[DX_HASH_SIZE];
    test_alloc_init(&alloc);
    person_init(&alice, &alloc.port, 'A');
    dx_buf_init(&genesis, &alloc.port, 4096);
    assert_int_equal(dx_space_credential_issue(&alice.identity_key, nonce, &genesis, space_id), DX_OK);
    assert_int_equal(dx_control_create(&alloc.port, space_id, &control), DX_OK);
    assert_int_equal(dx_control_take(control, dx_buf_view(&genesis), 1), DX_OK);
    assert_int_equal(dx_control_take(control, dx_buf_view(&alice.device_credential), 1), DX_OK);
    for (size_t i = 0; i < FEEDS; i++) {
        take_feed(control, &alice, feeds[order[i]], &alloc.port);
    }
    check(control);
    dx_control_destroy(control);
    dx_buf_deinit(&genesis);
    person_deinit(&alice);
    assert_int_equal(alloc.live_bytes, 0);
}

/* The smaller id is the feed, in every order of arrival. */
static void test_smallest_of_a_prefix(void **state) {
    (void)state;
    size_t order[FEEDS], runs = 0;
    for (size_t n = 0; n < 5 * 5 * 5 * 5 * 5; n++) {
        size_t rest = n, seen = 0;
        for (size_t i = 0; i < FEEDS; i++, rest /= FEEDS) {
            order[i] = rest % FEEDS;
            seen |= (size_t)1 << order[i];
        }
        if (seen == 31) {
            take_in_order(order);
            runs++;
        }
    }
    assert_int_equal(runs, 120);
}

DX_TEST_MAIN(DX_TEST(test_smallest_of_a_prefix))
