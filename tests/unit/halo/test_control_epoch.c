/* tests/unit/halo/test_control_epoch.c: which epochs are in effect, confirmed and current, whatever came first.
 *
 * Worlds at random, honest and not, each compared over many orders of arrival with a naive authorizer that goes over the
 * whole set until nothing changes and then counts. */
#include "crowd.h"
#include "halo/control_state.h"

enum { ORDERS = 12, WORLDS = 120 };

/* --- What is said ------------------------------------------------------------------------------- */

static void add_right(crowd *w, const dx_identity *issuer, saying *said) {
    add_parent(said, pick_of(w, DX_CREDENTIAL_DEVICE, issuer->identity, issuer->device));
    add_parent(said, issuer == &w->people[0] ? dx_buf_view(&w->pool[0])
                                             : pick_of(w, DX_CREDENTIAL_MEMBER, NULL, issuer->identity));
}

static void say_member(crowd *w, const dx_identity *who, dx_role role) {
    saying said = {.type = DX_CREDENTIAL_MEMBER,
                   .issuer = w->people[0].identity,
                   .subject = who->identity,
                   .space = w->space_id,
                   .signer = &w->people[0].device_key,
                   .number = (uint64_t)role};
    add_right(w, &w->people[0], &said);
    say(&said, add(w));
}

static void say_feed(crowd *w, const dx_identity *who, uint8_t byte, uint8_t id[DX_HASH_SIZE]) {
    uint8_t key[DX_KEY_SIZE] = {byte};
    dx_feed_identity identity = {.feed_class = DX_FEED_DATA};
    saying said = {.type = DX_CREDENTIAL_FEED,
                   .issuer = who->identity,
                   .subject = key,
                   .space = w->space_id,
                   .signer = &who->device_key,
                   .number = DX_FEED_DATA};
    add_right(w, who, &said);
    say(&said, add(w));
    memcpy(identity.space_id, w->space_id, DX_HASH_SIZE);
    memcpy(identity.device, who->device, DX_KEY_SIZE);
    memcpy(identity.key, key, DX_KEY_SIZE);
    dx_feed_id(&identity, id);
}

static int compare_dependencies(const void *a, const void *b) {
    return memcmp(a, b, DX_PREFIX_SIZE);
}

/* A cut of some of the feeds; longer than `after` where it has them, if there is one. */
static size_t make_cut(crowd *w, dx_bytes after, dx_dependency cut[FEEDS]) {
    dx_credential c;
    dx_epoch earlier = {.cut_count = 0};
    size_t count = 0, alone = chance(w, 30) ? pick(w, FEEDS) : FEEDS;
    if (after.size != 0) {
        assert_int_equal(dx_credential_decode(after, &c), DX_OK);
        assert_true(dx_epoch_read(&c, &earlier));
    }
    for (size_t i = 0; i < FEEDS; i++) {
        dx_dependency before = dx_epoch_entry(&earlier, w->feeds[i]);
        uint64_t length = before.length + pick(w, 3);
        if ((alone != FEEDS && alone != i && before.length == 0) || length == 0 || chance(w, 5)) {
            continue;
        }
        cut[count] = (dx_dependency){.length = length};
        memcpy(cut[count].feed, w->feeds[i], DX_PREFIX_SIZE);
        memset(cut[count].root, (int)length + (chance(w, 5) ? 100 : 0), DX_ROOT_PREFIX_SIZE);
        count++;
    }
    qsort(cut, count, sizeof *cut, compare_dependencies);
    return count;
}

static void write_claims(dx_buf *claims, uint64_t number, const dx_dependency *cut, size_t count,
                         uint8_t root) {
    uint8_t hash[DX_HASH_SIZE] = {root};
    dx_writer writer;
    dx_writer_init(&writer, claims);
    dx_write_map(&writer, 6);
    dx_write_uint(&writer, 1);
    dx_write_uint(&writer, number);
    dx_write_uint(&writer, 2);
    assert_int_equal(dx_dependencies_write(&writer, cut, count), DX_OK);
    dx_write_uint(&writer, 3);
    dx_write_bytes(&writer, dx_bytes_of(hash, sizeof hash));
    dx_write_uint(&writer, 4);
    dx_write_uint(&writer, 1000);
    dx_write_uint(&writer, 5);
    dx_write_uint(&writer, 0);
    dx_write_uint(&writer, 6);
    dx_write_uint(&writer, DX_EPOCH_FORMAT);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
}

static void say_epoch(crowd *w) {
    const dx_identity *issuer = &w->people[pick(w, PEOPLE)];
    dx_dependency cut[FEEDS];
    dx_bytes after = chance(w, 70) ? pick_of(w, DX_CREDENTIAL_EPOCH, NULL, NULL) : dx_bytes_of(NULL, 0);
    size_t count = make_cut(w, after, cut);
    saying said = {.type = DX_CREDENTIAL_EPOCH,
                   .issuer = issuer->identity,
                   .subject = chance(w, 96) ? w->space_id : issuer->identity,
                   .space = w->space_id,
                   .signer = chance(w, 85) ? &issuer->device_key : &issuer->identity_key};
    dx_buf claims;
    if (count == 0) {
        return;
    }
    dx_buf_init(&claims, &w->alloc.port, DX_EPOCH_SIZE_MAX);
    write_claims(&claims, number_of(after) + (chance(w, 93) ? 1 : 2), cut, count, (uint8_t)pick(w, 4));
    said.claims = dx_buf_view(&claims);
    add_right(w, issuer, &said);
    add_parent(&said, chance(w, 95) ? after : pick_of(w, DX_CREDENTIAL_EPOCH, NULL, NULL));
    if (chance(w, 4)) {
        add_parent(&said, pick_of(w, DX_CREDENTIAL_EPOCH, NULL, NULL));
    }
    say(&said, add(w));
    dx_buf_deinit(&claims);
}

static void say_ack(crowd *w) {
    const dx_identity *issuer = &w->people[pick(w, PEOPLE)];
    dx_bytes about = pick_of(w, DX_CREDENTIAL_EPOCH, NULL, NULL);
    uint8_t id[DX_HASH_SIZE];
    saying said = {.type = DX_CREDENTIAL_EPOCH_ACK,
                   .issuer = issuer->identity,
                   .subject = w->space_id,
                   .space = w->space_id,
                   .signer = chance(w, 90) ? &issuer->device_key : &issuer->identity_key};
    if (about.size == 0) {
        return;
    }
    credential_id(about, id);
    dx_buf claims;
    dx_writer writer;
    dx_buf_init(&claims, &w->alloc.port, 64);
    dx_writer_init(&writer, &claims);
    dx_write_map(&writer, 1);
    dx_write_uint(&writer, 1);
    dx_write_bytes(&writer, dx_bytes_of(id, sizeof id));
    said.claims = dx_buf_view(&claims);
    add_right(w, issuer, &said);
    add_parent(&said, chance(w, 93) ? about : pick_of(w, DX_CREDENTIAL_EPOCH, NULL, NULL));
    say(&said, add(w));
    dx_buf_deinit(&claims);
}

/* Alice owns the space, Bob is an admin, Carol writes, Dave reads or writes. */
static void world_init(crowd *w, uint64_t seed) {
    crowd_init(w, seed);
    say_member(w, &w->people[1], DX_ROLE_ADMIN);
    say_member(w, &w->people[2], DX_ROLE_EDITOR);
    say_member(w, &w->people[3], chance(w, 50) ? DX_ROLE_READER : DX_ROLE_EDITOR);
    for (size_t i = 0; i < FEEDS; i++) {
        say_feed(w, &w->people[chance(w, 40) ? 0 : i], (uint8_t)(10 + i), w->feeds[i]);
    }
    size_t epochs = 3 + pick(w, 8), acks = pick(w, 10);
    while (epochs + acks > 0) {
        if (epochs > 0 && (acks == 0 || chance(w, 50))) {
            say_epoch(w);
            epochs--;
        } else {
            say_ack(w);
            acks--;
        }
    }
}

/* --- The naive authorizer ----------------------------------------------------------------------- */

typedef enum standing { OPEN, GOOD, BAD } standing;

typedef struct naive_item {
    dx_credential credential;
    dx_epoch epoch;
    standing standing;
} naive_item;

typedef struct naive {
    const crowd *w;
    naive_item items[POOL];
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

static uint64_t naive_role(const dx_credential *c, const uint8_t *identity) {
    if (!same(c->subject, identity)) {
        return 0;
    }
    return c->type == DX_CREDENTIAL_SPACE    ? DX_ROLE_OWNER
           : c->type == DX_CREDENTIAL_MEMBER ? (uint64_t)dx_item_int(dx_credential_claim(c, 1), 0)
                                             : 0;
}

/* Entry by entry, each looked for in all of the other's. */
static bool naive_dominates(const dx_epoch *a, const dx_epoch *b) {
    dx_reader cursor;
    dx_dependency entry;
    dx_reader_init(&cursor, b->cut);
    for (size_t i = 0; i < b->cut_count; i++) {
        assert_int_equal(dx_block_dependency(&cursor, &entry), DX_OK);
        dx_dependency other = dx_epoch_entry(a, entry.feed);
        if (other.length < entry.length ||
            (other.length == entry.length && memcmp(other.root, entry.root, 16) != 0)) {
            return false;
        }
    }
    return true;
}

static standing naive_judge(naive *all, naive_item *item) {
    const dx_credential *c = &item->credential;
    bool right = false, device = false, rests = false;
    size_t epochs = 0;
    uint64_t needed = c->type == DX_CREDENTIAL_FEED        ? DX_ROLE_PULL
                      : c->type == DX_CREDENTIAL_EPOCH_ACK ? DX_ROLE_EDITOR
                                                           : DX_ROLE_ADMIN;
    if (c->type == DX_CREDENTIAL_SPACE) {
        return GOOD;
    }
    if (c->type == DX_CREDENTIAL_DEVICE) {
        for (size_t i = 0; i < all->count; i++) {
            if (all->items[i].standing == GOOD && naive_role(&all->items[i].credential, c->issuer) > 0) {
                return GOOD;
            }
        }
        return OPEN;
    }
    if (c->type >= DX_CREDENTIAL_EPOCH && !same(c->subject, all->w->space_id)) {
        return BAD;
    }
    for (size_t i = 0; i < c->parent_count; i++) {
        naive_item *parent = naive_find(all, c->parents[i]);
        if (parent == NULL || parent->standing == OPEN) {
            return OPEN;
        }
        if (parent->standing == BAD) {
            return BAD;
        }
        const dx_credential *p = &parent->credential;
        right |= naive_role(p, c->issuer) >= needed;
        device |=
            p->type == DX_CREDENTIAL_DEVICE && same(p->issuer, c->issuer) && same(p->subject, c->signer);
        if (p->type == DX_CREDENTIAL_EPOCH) {
            epochs++;
            rests |= c->type == DX_CREDENTIAL_EPOCH
                         ? parent->epoch.number + 1 == item->epoch.number &&
                               naive_dominates(&item->epoch, &parent->epoch)
                         : dx_bytes_equal(dx_item_bytes(dx_credential_claim(c, 1)), dx_bytes_of(p->id, 32));
        }
    }
    bool speaks = device || (c->type != DX_CREDENTIAL_FEED && c->type != DX_CREDENTIAL_EPOCH_ACK &&
                             same(c->issuer, c->signer));
    if (c->type == DX_CREDENTIAL_EPOCH && item->epoch.number == 1) {
        rests = epochs == 0;
    } else if (c->type >= DX_CREDENTIAL_EPOCH) {
        rests = rests && epochs == 1;
    } else {
        rests = true;
    }
    return right && speaks && rests ? GOOD : BAD;
}

static void naive_init(naive *all, const crowd *w, const size_t *numbers, size_t count) {
    memset(all, 0, sizeof *all);
    all->w = w;
    for (size_t i = 0; i < count; i++) {
        naive_item *item = &all->items[all->count];
        assert_int_equal(dx_credential_decode(dx_buf_view(&w->pool[numbers[i]]), &item->credential), DX_OK);
        if (naive_find(all, item->credential.id) == NULL || all->count == 0) {
            if (item->credential.type == DX_CREDENTIAL_EPOCH) {
                assert_true(dx_epoch_read(&item->credential, &item->epoch));
            }
            all->count++;
        }
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < all->count; i++) {
            if (all->items[i].standing == OPEN) {
                all->items[i].standing = naive_judge(all, &all->items[i]);
                changed |= all->items[i].standing != OPEN;
            }
        }
    }
}

/* The identity whose feed it is, if that was admitted. */
static const uint8_t *naive_owner(const naive *all, const uint8_t *feed) {
    for (size_t i = 0; i < all->count; i++) {
        const dx_credential *c = &all->items[i].credential;
        dx_feed_identity identity = {.feed_class = DX_FEED_DATA};
        uint8_t id[DX_HASH_SIZE];
        if (c->type != DX_CREDENTIAL_FEED || all->items[i].standing != GOOD) {
            continue;
        }
        memcpy(identity.space_id, all->w->space_id, DX_HASH_SIZE);
        memcpy(identity.device, c->signer, DX_KEY_SIZE);
        memcpy(identity.key, c->subject, DX_KEY_SIZE);
        dx_feed_id(&identity, id);
        if (memcmp(id, feed, DX_PREFIX_SIZE) == 0) {
            return c->issuer;
        }
    }
    return NULL;
}

static bool naive_confirmed(const naive *all, const naive_item *item) {
    dx_reader cursor;
    dx_dependency entry;
    for (size_t i = 0; i < all->count; i++) {
        const naive_item *ack = &all->items[i];
        if (ack->standing == GOOD && ack->credential.type == DX_CREDENTIAL_EPOCH_ACK &&
            !same(ack->credential.issuer, item->credential.issuer) &&
            same(dx_item_bytes(dx_credential_claim(&ack->credential, 1)).data, item->credential.id)) {
            return true;
        }
    }
    if (!same(item->credential.issuer, all->w->people[0].identity)) {
        return false; /* only the owner speaks for himself alone */
    }
    dx_reader_init(&cursor, item->epoch.cut);
    for (size_t i = 0; i < item->epoch.cut_count; i++) {
        assert_int_equal(dx_block_dependency(&cursor, &entry), DX_OK);
        const uint8_t *owner = naive_owner(all, entry.feed);
        if (owner == NULL || !same(owner, item->credential.issuer)) {
            return false;
        }
    }
    return true;
}

static bool naive_later(const dx_epoch *a, const dx_epoch *b) {
    return a->number != b->number ? a->number > b->number
           : a->sum != b->sum     ? a->sum > b->sum
                                  : memcmp(a->id, b->id, 32) > 0;
}

/* --- Comparison --------------------------------------------------------------------------------- */

typedef struct tally {
    size_t in_effect, confirmed, refused, waiting;
} tally;

static void check_lengths(const naive *all, const dx_control *control) {
    for (size_t f = 0; f < FEEDS; f++) {
        uint64_t length = 0, wanted = 0;
        uint8_t root[DX_ROOT_PREFIX_SIZE];
        for (size_t i = 0; i < all->count; i++) {
            const naive_item *item = &all->items[i];
            if (item->credential.type == DX_CREDENTIAL_EPOCH && item->standing == GOOD &&
                naive_confirmed(all, item)) {
                dx_dependency entry = dx_epoch_entry(&item->epoch, all->w->feeds[f]);
                wanted = entry.length > wanted ? entry.length : wanted;
            }
        }
        assert_int_equal(dx_control_epoch_length(control, all->w->feeds[f], &length, root), wanted != 0);
        assert_int_equal(length, wanted);
    }
}

static void check_all(const naive *all, const dx_control *control, tally *seen) {
    const dx_epoch *last = NULL;
    size_t in_effect = 0;
    dx_epoch found, before = {.number = 0};
    for (size_t i = 0; i < all->count; i++) {
        const naive_item *item = &all->items[i];
        bool is_epoch = item->credential.type == DX_CREDENTIAL_EPOCH, good = item->standing == GOOD;
        const dx_control_entry *entry = dx_control_entry_of(control, item->credential.id);
        assert_non_null(entry);
        assert_int_equal(entry->standing, good                    ? DX_STANDING_IN_EFFECT
                                          : item->standing == BAD ? DX_STANDING_REFUSED
                                                                  : DX_STANDING_WAITING);
        if (!is_epoch) {
            continue;
        }
        assert_int_equal(dx_control_epoch(control, item->credential.id, &found), good);
        seen->refused += item->standing == BAD;
        seen->waiting += item->standing == OPEN;
        if (!good) {
            continue;
        }
        in_effect++;
        bool confirmed = naive_confirmed(all, item);
        assert_int_equal(found.confirmed, confirmed);
        assert_int_equal(found.sum, item->epoch.sum);
        seen->confirmed += confirmed;
        if (confirmed && (last == NULL || naive_later(&item->epoch, last))) {
            last = &item->epoch;
        }
    }
    seen->in_effect += in_effect;
    assert_int_equal(dx_control_epoch_count(control), in_effect);
    for (size_t i = 0; i < in_effect; i++) {
        assert_true(dx_control_epoch_at(control, i, &found));
        assert_true(i == 0 || naive_later(&found, &before));
        before = found;
    }
    assert_int_equal(dx_control_current_epoch(control, &found), last != NULL);
    assert_true(last == NULL || same(found.id, last->id));
    assert_int_equal(dx_control_epoch_version(control) != 0, last != NULL);
    check_lengths(all, control);
}

static void shuffle(crowd *w, size_t *numbers, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t k = pick(w, i), kept = numbers[k];
        numbers[k] = numbers[i - 1];
        numbers[i - 1] = kept;
    }
}

static void test_every_order_is_one(void **state) {
    (void)state;
    tally seen = {.in_effect = 0};
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        crowd w;
        naive all;
        size_t numbers[POOL];
        world_init(&w, seed);
        for (size_t i = 0; i < w.count; i++) {
            numbers[i] = i;
        }
        shuffle(&w, numbers, w.count);
        size_t count = w.count - seed % 3; /* some premises never come */
        naive_init(&all, &w, numbers, count);
        uint64_t version = 0;
        for (int order = 0; order < ORDERS; order++) {
            dx_control *control;
            bool trusted = order % 4 != 0; /* as it is loaded, and as it arrives */
            shuffle(&w, numbers, count);
            assert_int_equal(dx_control_create(&w.alloc.port, w.space_id, &control), DX_OK);
            for (size_t i = 0; i < count; i++) {
                int error = dx_control_admit(control, dx_buf_view(&w.pool[numbers[i]]), 1, trusted);
                assert_true(error == DX_OK || error == DX_E_STATE || error == DX_E_UNAUTHORIZED ||
                            error == DX_E_EXISTS);
            }
            assert_int_equal(dx_control_weigh_epochs(control), DX_OK);
            check_all(&all, control, &seen);
            assert_true(order == 0 || version == dx_control_epoch_version(control));
            version = dx_control_epoch_version(control);
            dx_control_destroy(control);
        }
        crowd_deinit(&w);
    }
    /* They were worth trying. */
    assert_true(seen.in_effect > 1500 && seen.confirmed > 500 && seen.confirmed < seen.in_effect &&
                seen.refused > 1000 && seen.waiting > 1000);
}

/* --- By hand ------------------------------------------------------------------------------------ */

typedef struct space_of_two {
    crowd w;
    dx_control *control;
    dx_buf out;
} space_of_two;

static void begin(space_of_two *s) {
    memset(&s->w, 0, sizeof s->w);
    test_alloc_init(&s->w.alloc);
    test_random_init(&s->w.random, 1);
    uint8_t nonce[DX_KEY_SIZE] = {1};
    for (uint8_t i = 0; i < PEOPLE; i++) {
        person_init(&s->w.people[i], &s->w.alloc.port, (uint8_t)('A' + i));
    }
    dx_buf_init(&s->out, &s->w.alloc.port, DX_EPOCH_SIZE_MAX);
    assert_int_equal(
        dx_space_credential_issue(&s->w.people[0].identity_key, nonce, add(&s->w), s->w.space_id), DX_OK);
    for (size_t i = 0; i < PEOPLE; i++) {
        dx_buf *device = add(&s->w);
        dx_buf_append(device, s->w.people[i].device_credential.data, s->w.people[i].device_credential.size);
    }
    say_feed(&s->w, &s->w.people[0], 10, s->w.feeds[0]);
    say_member(&s->w, &s->w.people[1], DX_ROLE_ADMIN);
    say_feed(&s->w, &s->w.people[1], 11, s->w.feeds[1]);
    assert_int_equal(dx_control_create(&s->w.alloc.port, s->w.space_id, &s->control), DX_OK);
    for (size_t i = 0; i < s->w.count; i++) {
        int error = dx_control_take(s->control, dx_buf_view(&s->w.pool[i]), 1);
        assert_true(error == DX_OK || error == DX_E_STATE);
    }
}

static void end(space_of_two *s) {
    dx_control_destroy(s->control);
    dx_buf_deinit(&s->out);
    crowd_deinit(&s->w);
}

static int issue(space_of_two *s, size_t who, uint64_t first, uint64_t second) {
    dx_dependency cut[2];
    const uint64_t lengths[] = {first, second};
    dx_epoch_draft draft = {.cut = cut, .cut_count = 0, .size_bytes = 5};
    for (size_t i = 0; i < 2; i++) {
        dx_dependency *entry = &cut[draft.cut_count];
        memset(entry, 0, sizeof *entry);
        entry->length = lengths[i];
        memcpy(entry->feed, s->w.feeds[i], DX_PREFIX_SIZE);
        memset(entry->root, (int)lengths[i], DX_ROOT_PREFIX_SIZE);
        draft.cut_count += lengths[i] != 0;
    }
    qsort(cut, draft.cut_count, sizeof *cut, compare_dependencies);
    dx_buf_clear(&s->out);
    return dx_control_issue_epoch(s->control, &s->w.people[who], &draft, &s->out);
}

static void take(space_of_two *s) {
    assert_int_equal(dx_control_take(s->control, dx_buf_view(&s->out), 1), DX_OK);
}

static void test_what_is_issued_holds(void **state) {
    (void)state;
    space_of_two s;
    dx_epoch epoch;
    begin(&s);
    assert_false(dx_control_current_epoch(s.control, &epoch));
    /* Of the own feed alone: nobody has to say that it is right, if it is the owner who says so. */
    assert_int_equal(issue(&s, 1, 0, 4), DX_OK);
    take(&s);
    assert_false(dx_control_current_epoch(s.control, &epoch));
    assert_int_equal(issue(&s, 0, 3, 0), DX_OK);
    take(&s);
    assert_true(dx_control_current_epoch(s.control, &epoch));
    assert_int_equal(epoch.number, 1);
    assert_int_equal(epoch.acks, 0);
    /* The next one has Bob's feed in it, too: confirmed by his word, not by Alice's own. */
    assert_int_equal(issue(&s, 0, 2, 9), DX_E_INVALID);
    assert_int_equal(issue(&s, 2, 5, 5), DX_E_DENIED);
    assert_int_equal(issue(&s, 0, 5, 5), DX_OK);
    take(&s);
    assert_int_equal(dx_control_epoch_count(s.control), 3);
    assert_true(dx_control_epoch_at(s.control, 2, &epoch));
    assert_int_equal(epoch.number, 2);
    assert_false(epoch.confirmed);
    uint8_t id[DX_HASH_SIZE];
    memcpy(id, epoch.id, sizeof id);
    for (size_t who = 0; who < 2; who++) {
        dx_buf_clear(&s.out);
        assert_int_equal(dx_control_issue_epoch_ack(s.control, &s.w.people[who], id, &s.out), DX_OK);
        take(&s);
        assert_true(dx_control_epoch(s.control, id, &epoch));
        assert_int_equal(epoch.confirmed, who == 1);
        assert_int_equal(epoch.acks, who + 1);
        assert_true(dx_control_acked(s.control, id, s.w.people[who].device));
    }
    assert_true(dx_control_current_epoch(s.control, &epoch) && epoch.number == 2);
    /* And goes on from there. */
    assert_int_equal(issue(&s, 1, 4, 9), DX_E_INVALID);
    assert_int_equal(issue(&s, 1, 5, 9), DX_OK);
    dx_buf_clear(&s.out);
    assert_int_equal(dx_control_issue_epoch_ack(s.control, &s.w.people[2], id, &s.out), DX_E_DENIED);
    memset(id, 7, sizeof id);
    assert_int_equal(dx_control_issue_epoch_ack(s.control, &s.w.people[1], id, &s.out), DX_E_NOT_FOUND);
    end(&s);
}

/* The largest there may be, and one claim too many. */
static void test_sizes(void **state) {
    (void)state;
    space_of_two s;
    dx_credential credential;
    begin(&s);
    static dx_dependency cut[DX_SPACE_FEEDS_MAX];
    for (size_t i = 0; i < DX_SPACE_FEEDS_MAX; i++) {
        cut[i] = (dx_dependency){.feed = {(uint8_t)(i >> 8), (uint8_t)i}, .length = DX_FEED_LENGTH_MAX};
    }
    dx_epoch_draft draft = {.cut = cut, .cut_count = DX_SPACE_FEEDS_MAX, .size_bytes = UINT64_C(1) << 62};
    assert_int_equal(dx_control_issue_epoch(s.control, &s.w.people[0], &draft, &s.out), DX_OK);
    assert_true(s.out.size > 160 * 1024 && s.out.size <= DX_EPOCH_SIZE_MAX);
    take(&s);
    dx_epoch epoch;
    assert_true(dx_control_epoch_at(s.control, 0, &epoch));
    assert_int_equal(epoch.cut_count, DX_SPACE_FEEDS_MAX);
    /* The same statement as another type is too long for that. */
    dx_buf claims;
    dx_buf_init(&claims, &s.w.alloc.port, DX_EPOCH_SIZE_MAX);
    write_claims(&claims, 1, cut, 100, 1);
    saying said = {.type = DX_CREDENTIAL_EPOCH_ACK,
                   .issuer = s.w.people[0].identity,
                   .subject = s.w.space_id,
                   .space = s.w.space_id,
                   .signer = &s.w.people[0].device_key,
                   .claims = dx_buf_view(&claims)};
    dx_statement statement = {.type = said.type,
                              .issuer = said.issuer,
                              .subject = said.subject,
                              .space = said.space,
                              .claims = said.claims};
    dx_buf_clear(&s.out);
    assert_int_equal(dx_credential_issue(&statement, said.signer, &s.out), DX_E_LIMIT);
    statement.type = DX_CREDENTIAL_EPOCH;
    assert_int_equal(dx_credential_issue(&statement, said.signer, &s.out), DX_OK);
    assert_int_equal(dx_credential_decode(dx_buf_view(&s.out), &credential), DX_OK);
    assert_int_equal(dx_credential_verify(&credential), DX_OK);
    /* Signed by its id, in a context of its own: one bit of the cut, and it is another statement. */
    s.out.data[s.out.size / 2] ^= 1;
    assert_int_equal(dx_credential_decode(dx_buf_view(&s.out), &credential), DX_OK);
    assert_int_equal(dx_credential_verify(&credential), DX_E_SIGNATURE);
    dx_buf_deinit(&claims);
    end(&s);
}

/* Many epochs that wait fill no more of the waiting room than their bytes: one source holds a few large ones. */
static void test_large_ones_wait_by_their_size(void **state) {
    (void)state;
    space_of_two s;
    begin(&s);
    static dx_dependency cut[1000];
    uint8_t missing[1][DX_HASH_SIZE] = {{9}};
    size_t waiting = 0;
    for (size_t i = 0; i < 1000; i++) {
        cut[i] = (dx_dependency){.feed = {(uint8_t)(i >> 8), (uint8_t)i}, .length = DX_FEED_LENGTH_MAX};
    }
    for (uint8_t i = 0; i < 10; i++) {
        dx_buf claims;
        dx_buf_init(&claims, &s.w.alloc.port, DX_EPOCH_SIZE_MAX);
        write_claims(&claims, 2, cut, 1000, i);
        dx_statement statement = {.type = DX_CREDENTIAL_EPOCH,
                                  .issuer = s.w.people[0].identity,
                                  .subject = s.w.space_id,
                                  .space = s.w.space_id,
                                  .claims = dx_buf_view(&claims),
                                  .parents = (const uint8_t(*)[DX_HASH_SIZE])missing,
                                  .parent_count = 1};
        dx_buf_clear(&s.out);
        assert_int_equal(dx_credential_issue(&statement, &s.w.people[0].device_key, &s.out), DX_OK);
        int error = dx_control_take(s.control, dx_buf_view(&s.out), 7);
        assert_true(error == DX_E_STATE || error == DX_E_LIMIT);
        waiting += error == DX_E_STATE;
        dx_buf_deinit(&claims);
    }
    assert_int_equal(waiting, DX_CONTROL_WAITING_PER_SOURCE_MAX / (1 + 38000 / DX_CREDENTIAL_SIZE_MAX));
    end(&s);
}

DX_TEST_MAIN(DX_TEST(test_every_order_is_one), DX_TEST(test_what_is_issued_holds), DX_TEST(test_sizes),
             DX_TEST(test_large_ones_wait_by_their_size))
