/* tests/unit/halo/crowd.h: four people who say things at random about one space, and all that they said: what tests take
 * in many orders. */
#ifndef DX_TESTS_HALO_CROWD_H
#define DX_TESTS_HALO_CROWD_H

#include "world.h"

enum { PEOPLE = 4, FEEDS = 4, POOL = 60 };

typedef struct crowd {
    test_alloc alloc;
    test_random random;
    dx_identity people[PEOPLE];
    uint8_t space_id[DX_HASH_SIZE];
    uint8_t feeds[FEEDS][DX_HASH_SIZE]; /* data feeds, where a test has such */
    dx_buf pool[POOL];                  /* credentials; first the space, then the devices */
    size_t count;
} crowd;

static inline size_t pick(crowd *w, size_t below) {
    return (size_t)(test_random_next(&w->random) % below);
}

static inline bool chance(crowd *w, unsigned percent) {
    return pick(w, 100) < percent;
}

static inline bool same(const uint8_t *a, const uint8_t *b) {
    return memcmp(a, b, 32) == 0;
}

/* Room for one more. */
static inline dx_buf *add(crowd *w) {
    assert_true(w->count < POOL);
    dx_buf *buf = &w->pool[w->count++];
    dx_buf_init(buf, &w->alloc.port, DX_EPOCH_SIZE_MAX);
    return buf;
}

/* One of the pool of this type, by this issuer, about this subject; or nothing. */
static inline dx_bytes pick_of(crowd *w, uint64_t type, const uint8_t *issuer, const uint8_t *subject) {
    size_t start = pick(w, w->count);
    for (size_t i = 0; i < w->count; i++) {
        dx_bytes bytes = dx_buf_view(&w->pool[(start + i) % w->count]);
        dx_credential c;
        assert_int_equal(dx_credential_decode(bytes, &c), DX_OK);
        if (c.type == type && (!issuer || same(c.issuer, issuer)) && (!subject || same(c.subject, subject))) {
            return bytes;
        }
    }
    return dx_bytes_of(NULL, 0);
}

static inline void add_parent(saying *said, dx_bytes parent) {
    if (parent.size > 0) {
        said->parents[said->parent_count++] = parent;
    }
}

/* The number of an epoch (of keys or of state); 0 of nothing. */
static inline uint64_t number_of(dx_bytes epoch) {
    dx_credential c;
    if (epoch.size == 0) {
        return 0;
    }
    assert_int_equal(dx_credential_decode(epoch, &c), DX_OK);
    return (uint64_t)dx_item_int(dx_credential_claim(&c, 1), 0);
}

/* The people, the space of the first of them, and each one's device. */
static inline void crowd_init(crowd *w, uint64_t seed) {
    memset(w, 0, sizeof *w);
    test_alloc_init(&w->alloc);
    test_random_init(&w->random, seed);
    uint8_t nonce[DX_KEY_SIZE] = {(uint8_t)seed};
    for (uint8_t i = 0; i < PEOPLE; i++) {
        person_init(&w->people[i], &w->alloc.port, (uint8_t)('A' + i));
    }
    assert_int_equal(dx_space_credential_issue(&w->people[0].identity_key, nonce, add(w), w->space_id),
                     DX_OK);
    for (size_t i = 0; i < PEOPLE; i++) {
        dx_buf *device = add(w);
        dx_buf_append(device, w->people[i].device_credential.data, w->people[i].device_credential.size);
    }
}

static inline void crowd_deinit(crowd *w) {
    for (size_t i = 0; i < w->count; i++) {
        dx_buf_deinit(&w->pool[i]);
    }
    for (size_t i = 0; i < PEOPLE; i++) {
        person_deinit(&w->people[i]);
    }
    assert_int_equal(w->alloc.live_bytes, 0);
}

#endif
