/* tests/unit/halo/test_control_orders.c: the control state is a function of the set of credentials.
 *
 * Every order of small sets, many orders of large ones, made at random from honest and hostile statements;
 * each compared with a second, naive authorizer that knows nothing of order: it goes over the whole set again
 * and again until nothing changes. */
#include "crowd.h"
#include "halo/control_state.h"

enum { SAID = 40, SMALL = 7 };

/* --- The naive authorizer --------------------------------------------------------------------- */

typedef enum standing { OPEN, GOOD, KEPT, BAD } standing;

typedef struct naive_item {
    dx_credential credential;
    standing standing;
    uint64_t number;
    unsigned depth;
} naive_item;

typedef struct naive {
    const uint8_t *space_id;
    naive_item items[SAID];
    size_t count;
} naive;

static naive_item *naive_find(naive *all, const uint8_t *id) {
    for (size_t i = 0; i < all->count; i++) {
        if (same(all->items[i].credential.id, id)) {
            return &all->items[i];
        }
    }
    return NULL;
}

/* Whether the item is a good statement that this identity is a member with at least this role. */
static bool naive_gives(const naive_item *item, const uint8_t *identity, uint64_t role) {
    if (item->standing != GOOD || !same(item->credential.subject, identity)) {
        return false;
    }
    return item->credential.type == DX_CREDENTIAL_SPACE ||
           (item->credential.type == DX_CREDENTIAL_MEMBER && item->number >= role);
}

static standing naive_root(naive *all, const naive_item *item) {
    const dx_credential *c = &item->credential;
    if (c->type == DX_CREDENTIAL_SPACE) {
        uint8_t id[DX_HASH_SIZE];
        dx_hash(DX_HASH_SPACE_ID, c->payload, id);
        return same(id, all->space_id) && same(c->issuer, c->subject) && same(c->issuer, c->signer) ? GOOD
                                                                                                    : BAD;
    }
    if (!same(c->issuer, c->signer) || same(c->issuer, c->subject)) {
        return BAD;
    }
    for (size_t i = 0; i < all->count; i++) {
        if (naive_gives(&all->items[i], c->issuer, 0)) {
            return GOOD;
        }
    }
    return OPEN;
}

static standing naive_judge(naive *all, naive_item *item) {
    const dx_credential *c = &item->credential;
    if (c->type == DX_CREDENTIAL_SPACE || c->type == DX_CREDENTIAL_DEVICE) {
        return naive_root(all, item);
    }
    if (c->has_space && !same(c->space, all->space_id)) {
        return BAD;
    }
    if (c->type == DX_CREDENTIAL_MEMBER && (item->number == DX_ROLE_OWNER || same(c->issuer, c->subject))) {
        return BAD;
    }
    if (c->type == DX_CREDENTIAL_KEY_EPOCH && !same(c->subject, all->space_id)) {
        return BAD;
    }
    bool has_right = false, owner = false, by_device = false, epoch = false;
    unsigned nearest = 1000;
    uint64_t needed = c->type == DX_CREDENTIAL_FEED ? 0 : DX_ROLE_ADMIN;
    uint64_t before = c->type == DX_CREDENTIAL_KEY_EPOCH ? item->number - 1 : item->number;
    for (size_t i = 0; i < c->parent_count; i++) {
        const naive_item *parent = naive_find(all, c->parents[i]);
        if (!parent || parent->standing == OPEN) {
            return OPEN;
        }
        if (parent->standing == BAD) {
            return BAD;
        }
        if (naive_gives(parent, c->issuer, needed)) {
            has_right = true;
            owner |= parent->credential.type == DX_CREDENTIAL_SPACE;
            nearest = parent->depth < nearest ? parent->depth : nearest;
        }
        by_device |= parent->credential.type == DX_CREDENTIAL_DEVICE &&
                     same(parent->credential.issuer, c->issuer) &&
                     same(parent->credential.subject, c->signer);
        epoch |= parent->credential.type == DX_CREDENTIAL_KEY_EPOCH && parent->number == before;
    }
    if (c->type > DX_CREDENTIAL_KEY_GRANT) {
        return KEPT;
    }
    bool good = has_right && (by_device || (same(c->signer, c->issuer) && c->type != DX_CREDENTIAL_FEED));
    if (c->type == DX_CREDENTIAL_MEMBER) {
        good = good && nearest < 4;
        item->depth = nearest + 1;
    } else {
        item->depth = nearest;
    }
    if (c->type == DX_CREDENTIAL_KEY_EPOCH) {
        good = good && (item->number == 0 ? owner : epoch);
    }
    if (c->type == DX_CREDENTIAL_KEY_GRANT) {
        good = good && epoch;
    }
    return good ? GOOD : BAD;
}

static void naive_settle(naive *all) {
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < all->count; i++) {
            naive_item *item = &all->items[i];
            if (item->standing == OPEN) {
                item->standing = naive_judge(all, item);
                changed |= item->standing != OPEN;
            }
        }
    }
}

static size_t naive_count(const naive *all, standing wanted) {
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        count += all->items[i].standing == wanted;
    }
    return count;
}

/* --- Comparison ------------------------------------------------------------------------------- */

static int compare_hashes(const void *a, const void *b) {
    return memcmp(a, b, DX_HASH_SIZE);
}

static void check_digest(const naive *all, const dx_control *control) {
    uint8_t ids[SAID][DX_HASH_SIZE], wanted[DX_HASH_SIZE], digest[DX_HASH_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (all->items[i].standing == GOOD) {
            memcpy(ids[count++], all->items[i].credential.id, DX_HASH_SIZE);
        }
    }
    qsort(ids, count, DX_HASH_SIZE, compare_hashes);
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_CONTROL_DIGEST, dx_bytes_of(NULL, 0));
    dx_hash_add(&hash, all->space_id, DX_HASH_SIZE);
    dx_hash_add(&hash, ids, count * DX_HASH_SIZE);
    dx_hash_end(&hash, wanted);
    dx_control_digest(control, digest);
    assert_memory_equal(digest, wanted, DX_HASH_SIZE);
}

/* Whether a is the better admission of the two for one identity. */
static bool naive_better(const naive_item *a, const naive_item *b) {
    uint64_t role_a = a->credential.type == DX_CREDENTIAL_SPACE ? DX_ROLE_OWNER : a->number;
    uint64_t role_b = b->credential.type == DX_CREDENTIAL_SPACE ? DX_ROLE_OWNER : b->number;
    if (role_a != role_b) {
        return role_a > role_b;
    }
    return a->depth != b->depth ? a->depth < b->depth : memcmp(a->credential.id, b->credential.id, 32) < 0;
}

static void check_members(naive *all, const dx_control *control) {
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const naive_item *item = &all->items[i];
        if (!naive_gives(item, item->credential.subject, 0)) {
            continue;
        }
        bool best = true;
        for (size_t k = 0; k < all->count; k++) {
            best &= k == i || !naive_gives(&all->items[k], item->credential.subject, 0) ||
                    !naive_better(&all->items[k], item);
        }
        if (best) {
            const dx_member *member = dx_control_member_of(control, item->credential.subject);
            assert_non_null(member);
            uint64_t role = item->credential.type == DX_CREDENTIAL_SPACE ? DX_ROLE_OWNER : item->number;
            assert_int_equal(member->role, role);
            assert_int_equal(member->depth, item->depth);
            assert_memory_equal(member->admission, item->credential.id, DX_HASH_SIZE);
            count++;
        }
    }
    assert_int_equal(dx_control_member_count(control), count);
}

static void check_devices(const naive *all, const dx_control *control) {
    for (size_t i = 0; i < all->count; i++) {
        const dx_credential *c = &all->items[i].credential;
        if (c->type != DX_CREDENTIAL_DEVICE) {
            continue;
        }
        const uint8_t *smallest = NULL;
        for (size_t k = 0; k < all->count; k++) {
            const naive_item *other = &all->items[k];
            if (other->standing == GOOD && other->credential.type == DX_CREDENTIAL_DEVICE &&
                same(other->credential.subject, c->subject) &&
                (!smallest || memcmp(other->credential.issuer, smallest, 32) < 0)) {
                smallest = other->credential.issuer;
            }
        }
        uint8_t identity[DX_KEY_SIZE];
        assert_int_equal(dx_control_device(control, c->subject, identity, NULL), smallest != NULL);
        if (smallest) {
            assert_memory_equal(identity, smallest, DX_KEY_SIZE);
        }
    }
}

static void naive_feed_id(const naive *all, const dx_credential *c, uint64_t feed_class,
                          uint8_t id[DX_HASH_SIZE]) {
    dx_feed_identity identity = {.feed_class = (dx_feed_class)feed_class};
    memcpy(identity.space_id, all->space_id, DX_HASH_SIZE);
    memcpy(identity.device, c->signer, DX_KEY_SIZE);
    memcpy(identity.key, c->subject, DX_KEY_SIZE);
    dx_feed_id(&identity, id);
}

static void check_feeds(const naive *all, const dx_control *control) {
    uint8_t ids[SAID][DX_HASH_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const naive_item *item = &all->items[i];
        uint8_t id[DX_HASH_SIZE];
        if (item->standing != GOOD || item->credential.type != DX_CREDENTIAL_FEED) {
            continue;
        }
        naive_feed_id(all, &item->credential, item->number, id);
        const dx_admitted_feed *feed = dx_control_find_feed(control, id);
        assert_non_null(feed);
        assert_true(memcmp(feed->owner, item->credential.issuer, DX_KEY_SIZE) <= 0);
        bool known = false;
        for (size_t k = 0; k < count; k++) {
            known |= same(ids[k], id);
        }
        if (!known) {
            memcpy(ids[count++], id, DX_HASH_SIZE);
        }
    }
    assert_int_equal(dx_control_feed_count(control), count);
}

static void check_epoch(const naive *all, const dx_control *control) {
    const naive_item *newest = NULL;
    for (size_t i = 0; i < all->count; i++) {
        const naive_item *item = &all->items[i];
        if (item->standing != GOOD || item->credential.type != DX_CREDENTIAL_KEY_EPOCH) {
            continue;
        }
        if (!newest || item->number > newest->number ||
            (item->number == newest->number &&
             (item->depth < newest->depth || (item->depth == newest->depth &&
                                              memcmp(item->credential.id, newest->credential.id, 32) < 0)))) {
            newest = item;
        }
    }
    uint8_t commitment[DX_HASH_SIZE], none[DX_HASH_SIZE] = {0};
    uint64_t epoch = dx_control_key_epoch(control, commitment);
    assert_int_equal(epoch, newest ? newest->number : 0);
    const uint8_t *wanted = newest ? dx_item_bytes(dx_credential_claim(&newest->credential, 2)).data : none;
    assert_memory_equal(commitment, wanted, DX_HASH_SIZE);
}

static void check_all(naive *all, const dx_control *control) {
    check_digest(all, control);
    check_members(all, control);
    check_devices(all, control);
    check_feeds(all, control);
    check_epoch(all, control);
    assert_int_equal(dx_control_waiting_count(control), naive_count(all, OPEN));
    assert_int_equal(dx_control_refused_count(control), naive_count(all, BAD));
    assert_int_equal(control->unknown, naive_count(all, KEPT));
}

/* --- Worlds at random ------------------------------------------------------------------------- */

/* What an honest program would name, or anything. */
static void pick_parents(crowd *w, const dx_identity *issuer, saying *said) {
    if (chance(w, 20)) {
        for (size_t n = pick(w, 4); n > 0; n--) {
            add_parent(said, dx_buf_view(&w->pool[pick(w, w->count)]));
        }
        return;
    }
    add_parent(said, pick_of(w, DX_CREDENTIAL_DEVICE, issuer->identity, issuer->device));
    add_parent(said, issuer == &w->people[0] && chance(w, 80)
                         ? dx_buf_view(&w->pool[0])
                         : pick_of(w, DX_CREDENTIAL_MEMBER, NULL, issuer->identity));
    if (said->type >= DX_CREDENTIAL_KEY_EPOCH) {
        add_parent(said, pick_of(w, DX_CREDENTIAL_KEY_EPOCH, NULL, NULL));
    }
}

static void say_anything(crowd *w) {
    static const uint64_t types[] = {DX_CREDENTIAL_MEMBER,    DX_CREDENTIAL_MEMBER,
                                     DX_CREDENTIAL_MEMBER,    DX_CREDENTIAL_MEMBER,
                                     DX_CREDENTIAL_FEED,      DX_CREDENTIAL_FEED,
                                     DX_CREDENTIAL_KEY_EPOCH, DX_CREDENTIAL_KEY_EPOCH,
                                     DX_CREDENTIAL_KEY_GRANT, 1000};
    static const uint64_t roles[] = {DX_ROLE_ADMIN,  DX_ROLE_ADMIN, DX_ROLE_EDITOR,
                                     DX_ROLE_READER, DX_ROLE_PULL,  DX_ROLE_OWNER};
    uint8_t filling[DX_SEALED_KEY_SIZE], key[DX_KEY_SIZE] = {0}, elsewhere[DX_HASH_SIZE] = {3};
    memset(filling, (int)pick(w, 250), sizeof filling);
    const dx_identity *issuer = &w->people[pick(w, PEOPLE)], *other = &w->people[pick(w, PEOPLE)];
    saying said = {.type = types[pick(w, 10)],
                   .issuer = issuer->identity,
                   .subject = other->identity,
                   .space = chance(w, 96) ? w->space_id : elsewhere,
                   .signer = chance(w, 80)   ? &issuer->device_key
                             : chance(w, 50) ? &issuer->identity_key
                                             : &other->device_key};
    pick_parents(w, issuer, &said);
    dx_bytes epoch = said.parent_count > 0 ? said.parents[said.parent_count - 1] : dx_bytes_of(NULL, 0);
    switch (said.type) {
    case DX_CREDENTIAL_MEMBER:
        said.number = roles[pick(w, 6)];
        break;
    case DX_CREDENTIAL_FEED:
        said.number = pick(w, 2);
        key[0] = (uint8_t)pick(w, 3);
        said.subject = key;
        break;
    case DX_CREDENTIAL_KEY_EPOCH:
        said.number = chance(w, 40) ? 0 : number_of(epoch) + chance(w, 90);
        said.subject = chance(w, 95) ? w->space_id : other->identity;
        said.value = dx_bytes_of(filling, DX_HASH_SIZE);
        break;
    case DX_CREDENTIAL_KEY_GRANT:
        said.number = number_of(epoch);
        said.subject = other->device;
        said.value = dx_bytes_of(filling, DX_SEALED_KEY_SIZE);
        break;
    default:
        break;
    }
    say(&said, add(w));
}

static void world_init(crowd *w, uint64_t seed, size_t size) {
    crowd_init(w, seed);
    /* A device that agrees to speak for two. */
    assert_int_equal(dx_device_credential_issue(&w->people[3].identity_key, &w->people[1].device_key,
                                                w->people[1].noise, add(w)),
                     DX_OK);
    while (w->count < size) {
        say_anything(w);
    }
}

/* The different credentials of a list of pool numbers, for the naive one. */
static void naive_init(naive *all, const crowd *w, const size_t *numbers, size_t count) {
    memset(all, 0, sizeof *all);
    all->space_id = w->space_id;
    for (size_t i = 0; i < count; i++) {
        naive_item *item = &all->items[all->count];
        assert_int_equal(dx_credential_decode(dx_buf_view(&w->pool[numbers[i]]), &item->credential), DX_OK);
        bool known = false;
        for (size_t k = 0; k < all->count; k++) {
            known |= same(all->items[k].credential.id, item->credential.id);
        }
        if (!known) {
            item->number = (uint64_t)dx_item_int(dx_credential_claim(&item->credential, 1), 0);
            all->count++;
        }
    }
    naive_settle(all);
}

static void take_in_order(crowd *w, naive *all, const size_t *numbers, size_t count, bool trusted) {
    dx_control *control;
    assert_int_equal(dx_control_create(&w->alloc.port, w->space_id, &control), DX_OK);
    for (size_t i = 0; i < count; i++) {
        dx_bytes bytes = dx_buf_view(&w->pool[numbers[i]]);
        int error = trusted ? dx_control_admit(control, bytes, 1, true) : dx_control_take(control, bytes, 1);
        assert_true(error == DX_OK || error == DX_E_STATE || error == DX_E_UNAUTHORIZED ||
                    error == DX_E_EXISTS);
    }
    check_all(all, control);
    dx_control_destroy(control);
}

/* --- Small sets, every order ------------------------------------------------------------------ */

/* A credential and what it rests on, into the set, as far as there is room. */
static void choose(crowd *w, size_t number, size_t *numbers, size_t *count) {
    for (size_t i = 0; i < *count; i++) {
        if (numbers[i] == number) {
            return;
        }
    }
    if (*count == SMALL) {
        return;
    }
    numbers[(*count)++] = number;
    dx_credential c;
    assert_int_equal(dx_credential_decode(dx_buf_view(&w->pool[number]), &c), DX_OK);
    for (size_t p = 0; p < c.parent_count; p++) {
        for (size_t i = 0; i < w->count; i++) {
            uint8_t id[DX_HASH_SIZE];
            credential_id(dx_buf_view(&w->pool[i]), id);
            if (same(id, c.parents[p]) && chance(w, 95)) {
                choose(w, i, numbers, count);
            }
        }
    }
}

static void every_order(crowd *w, naive *all, size_t *numbers, size_t fixed, size_t *orders) {
    if (fixed == SMALL) {
        take_in_order(w, all, numbers, SMALL, true);
        ++*orders;
        return;
    }
    for (size_t i = fixed; i < SMALL; i++) {
        size_t first = numbers[fixed];
        numbers[fixed] = numbers[i];
        numbers[i] = first;
        every_order(w, all, numbers, fixed + 1, orders);
        first = numbers[fixed];
        numbers[fixed] = numbers[i];
        numbers[i] = first;
    }
}

/* Whether the credential is in effect when the whole pool is there: two thirds of the small sets are of such.
 */
static bool stands_in_full(const crowd *w, size_t number) {
    naive all;
    size_t numbers[SAID];
    uint8_t id[DX_HASH_SIZE];
    for (size_t i = 0; i < w->count; i++) {
        numbers[i] = i;
    }
    naive_init(&all, w, numbers, w->count);
    credential_id(dx_buf_view(&w->pool[number]), id);
    return naive_find(&all, id)->standing == GOOD;
}

static void test_every_order_of_small_sets(void **state) {
    (void)state;
    size_t orders = 0, in_effect = 0, refused = 0, waiting = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        crowd w;
        naive all;
        world_init(&w, seed, SAID);
        size_t numbers[SMALL], count = 0;
        if (seed % 6 != 0) {
            choose(&w, 0, numbers, &count);
        }
        for (int tries = 0; count < SMALL; tries++) {
            size_t number = pick(&w, w.count);
            if (seed % 3 == 0 || tries > 60 || stands_in_full(&w, number)) {
                choose(&w, number, numbers, &count);
            }
        }
        naive_init(&all, &w, numbers, SMALL);
        every_order(&w, &all, numbers, 0, &orders);
        in_effect += naive_count(&all, GOOD);
        refused += naive_count(&all, BAD);
        waiting += naive_count(&all, OPEN);
        crowd_deinit(&w);
    }
    assert_int_equal(orders, 12 * 5040);
    /* The sets were worth trying: they hold all kinds of standing. */
    assert_true(in_effect >= 30 && refused >= 8 && waiting >= 8);
}

/* The honest life of a space, seven statements, by hand: nothing waits in the end. */
static void test_every_order_of_a_life(void **state) {
    (void)state;
    crowd w;
    naive all;
    world_init(&w, 1, PEOPLE + 2);
    const dx_identity *alice = &w.people[0], *bob = &w.people[1], *carol = &w.people[2];
    uint8_t feed_key[DX_KEY_SIZE] = {8};
    saying said = {.type = DX_CREDENTIAL_MEMBER,
                   .issuer = alice->identity,
                   .subject = bob->identity,
                   .space = w.space_id,
                   .signer = &alice->device_key,
                   .number = DX_ROLE_ADMIN,
                   .parents = {dx_buf_view(&w.pool[1]), dx_buf_view(&w.pool[0])},
                   .parent_count = 2};
    say(&said, add(&w)); /* 6: Bob is an admin */
    said.issuer = bob->identity;
    said.subject = carol->identity;
    said.signer = &bob->device_key;
    said.number = DX_ROLE_EDITOR;
    said.parents[0] = dx_buf_view(&w.pool[2]);
    said.parents[1] = dx_buf_view(&w.pool[6]);
    say(&said, add(&w)); /* 7: Carol by Bob */
    said.type = DX_CREDENTIAL_FEED;
    said.issuer = carol->identity;
    said.subject = feed_key;
    said.signer = &carol->device_key;
    said.number = DX_FEED_DATA;
    said.parents[0] = dx_buf_view(&w.pool[3]);
    said.parents[1] = dx_buf_view(&w.pool[7]);
    say(&said, add(&w)); /* 8: her feed */
    size_t numbers[SMALL] = {0, 1, 2, 3, 6, 7, 8}, orders = 0;
    naive_init(&all, &w, numbers, SMALL);
    assert_int_equal(naive_count(&all, GOOD), SMALL);
    every_order(&w, &all, numbers, 0, &orders);
    assert_int_equal(orders, 5040);
    crowd_deinit(&w);
}

/* --- Large sets, many orders ------------------------------------------------------------------ */

static void shuffle(crowd *w, size_t *numbers, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t k = pick(w, i), kept = numbers[k];
        numbers[k] = numbers[i - 1];
        numbers[i - 1] = kept;
    }
}

static void test_many_orders_of_large_sets(void **state) {
    (void)state;
    for (uint64_t seed = 100; seed < 160; seed++) {
        crowd w;
        naive all;
        size_t numbers[SAID];
        world_init(&w, seed, SAID);
        for (size_t i = 0; i < SAID; i++) {
            numbers[i] = i;
        }
        shuffle(&w, numbers, SAID);
        size_t count = SAID - seed % 5; /* some premises never come */
        naive_init(&all, &w, numbers, count);
        for (int order = 0; order < 25; order++) {
            shuffle(&w, numbers, count);
            take_in_order(&w, &all, numbers, count, order > 0); /* once with the signatures checked */
        }
        crowd_deinit(&w);
    }
}

/* A set that arrives in two parts, some of it twice, through a restart: the same. */
static void test_again_and_in_parts(void **state) {
    (void)state;
    for (uint64_t seed = 200; seed < 220; seed++) {
        crowd w;
        naive all;
        size_t numbers[SAID + 10];
        world_init(&w, seed, SAID);
        for (size_t i = 0; i < SAID; i++) {
            numbers[i] = i;
        }
        naive_init(&all, &w, numbers, SAID);
        for (size_t i = 0; i < 10; i++) {
            numbers[SAID + i] = pick(&w, SAID);
        }
        shuffle(&w, numbers, SAID + 10);
        take_in_order(&w, &all, numbers, SAID + 10, true);
        crowd_deinit(&w);
    }
}

DX_TEST_MAIN(DX_TEST(test_every_order_of_small_sets), DX_TEST(test_every_order_of_a_life),
             DX_TEST(test_many_orders_of_large_sets), DX_TEST(test_again_and_in_parts))
