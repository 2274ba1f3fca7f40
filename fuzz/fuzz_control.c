/* fuzz_control.c: a space's control state under statements of every kind. Structured input: each few bytes
 * say who says what of whom, resting on which earlier statements; then the set is taken in two orders, by two
 * sources, once in parts with the limits on.
 *
 * Checks: both orders give the same digest, members, feeds, epochs and which are confirmed, what is purged, waiting and
 * refused; members have an admission in effect; the owner is the genesis' and nobody else; a state loaded again from what was kept is the same.
 * (Signatures are stand-ins: cheap_crypto.c.) */
#include "fuzz.h"

#include "halo/control_purge.h"
#include "halo/control_state.h"

enum { PEOPLE = 4, POOL_MAX = 48, CLAIMS_MAX = 512, CUT_FEEDS = 3 };

typedef struct person {
    dx_sign_key identity, device;
} person;

typedef struct pool {
    person people[PEOPLE];
    uint8_t space_id[DX_HASH_SIZE];
    dx_buf items[POOL_MAX];
    uint8_t ids[POOL_MAX][DX_HASH_SIZE];
    size_t count;
} pool;

static dx_buf *next_item(pool *all) {
    dx_buf_init(&all->items[all->count], &fuzz_alloc, DX_CREDENTIAL_SIZE_MAX);
    return &all->items[all->count];
}

static void keep_item(pool *all) {
    dx_credential credential;
    FUZZ_CHECK(dx_credential_decode(dx_buf_view(&all->items[all->count]), &credential) == DX_OK);
    memcpy(all->ids[all->count++], credential.id, DX_HASH_SIZE);
}

static void begin_pool(pool *all) {
    uint8_t seed[DX_KEY_SIZE] = {0}, noise[DX_KEY_SIZE] = {9};
    memset(all, 0, sizeof *all);
    for (uint8_t i = 0; i < PEOPLE; i++) {
        seed[0] = i;
        seed[1] = 1;
        dx_sign_key_from_seed(&all->people[i].identity, seed);
        seed[1] = 2;
        dx_sign_key_from_seed(&all->people[i].device, seed);
    }
    FUZZ_CHECK(dx_space_credential_issue(&all->people[0].identity, noise, next_item(all), all->space_id) ==
               DX_OK);
    keep_item(all);
    for (size_t i = 0; i < PEOPLE; i++) {
        FUZZ_CHECK(dx_device_credential_issue(&all->people[i].identity, &all->people[i].device, noise,
                                              next_item(all)) == DX_OK);
        keep_item(all);
    }
}

static void write_claims(uint64_t type, fuzz_input *input, dx_buf *out) {
    static const uint64_t roles[] = {40, 40, 30, 20, 10, 50, 0, 35};
    static const uint8_t filling[DX_SEALED_KEY_SIZE];
    static const size_t sizes[] = {16, 16, 0, 0, DX_HASH_SIZE, DX_SEALED_KEY_SIZE};
    uint8_t choice = fuzz_byte(input);
    bool with_value =
        type >= DX_CREDENTIAL_KEY_EPOCH ? choice < 250 : type == DX_CREDENTIAL_MEMBER && (choice & 8) != 0;
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_map(&writer, with_value ? 2 : 1);
    dx_write_uint(&writer, 1);
    dx_write_uint(&writer, type == DX_CREDENTIAL_MEMBER ? roles[choice % 8] : choice % 3);
    if (with_value) {
        dx_write_uint(&writer, 2);
        dx_write_bytes(&writer, dx_bytes_of(filling, type <= DX_CREDENTIAL_KEY_GRANT ? sizes[type - 1] : 1));
    }
    FUZZ_CHECK(dx_writer_finish(&writer) == DX_OK);
}

/* The prefix of a data feed with this key of this person's. */
static void feed_prefix(const pool *all, const person *by, uint8_t key, uint8_t out[DX_PREFIX_SIZE]) {
    dx_feed_identity identity = {.feed_class = DX_FEED_DATA};
    uint8_t id[DX_HASH_SIZE];
    memcpy(identity.space_id, all->space_id, DX_HASH_SIZE);
    memcpy(identity.device, by->device.public_key, DX_KEY_SIZE);
    memcpy(identity.key, all->people[key % PEOPLE].identity.public_key, DX_KEY_SIZE);
    dx_feed_id(&identity, id);
    memcpy(out, id, DX_PREFIX_SIZE);
}

/* An EPOCH over up to three feeds, each of somebody; what the fuzzer says twice is left out. */
static void write_epoch(const pool *all, fuzz_input *input, dx_buf *out) {
    static const uint8_t root[DX_HASH_SIZE];
    dx_dependency cut[CUT_FEEDS];
    size_t count = 0;
    uint8_t choice = fuzz_byte(input);
    for (size_t wanted = 1 + choice / 64U % CUT_FEEDS; wanted > 0; wanted--) {
        uint8_t whose = fuzz_byte(input);
        dx_dependency entry = {.length = 1 + whose % 4U, .root = {whose / 4U % 2U}};
        feed_prefix(all, &all->people[whose / 16 % PEOPLE], whose / 64, entry.feed);
        size_t at = count;
        while (at > 0 && memcmp(cut[at - 1].feed, entry.feed, DX_PREFIX_SIZE) > 0) {
            at--;
        }
        if (at > 0 && memcmp(cut[at - 1].feed, entry.feed, DX_PREFIX_SIZE) == 0) {
            continue;
        }
        memmove(cut + at + 1, cut + at, (count - at) * sizeof *cut);
        cut[at] = entry;
        count++;
    }
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_map(&writer, 6);
    dx_write_uint(&writer, 1);
    dx_write_uint(&writer, choice % 4);
    dx_write_uint(&writer, 2);
    FUZZ_CHECK(dx_dependencies_write(&writer, cut, count) == DX_OK);
    dx_write_uint(&writer, 3);
    dx_write_bytes(&writer, dx_bytes_of(root, sizeof root));
    dx_write_uint(&writer, 4);
    dx_write_uint(&writer, choice);
    dx_write_uint(&writer, 5);
    dx_write_uint(&writer, 0);
    dx_write_uint(&writer, 6);
    dx_write_uint(&writer, 1 + (choice / 16U % 4U == 3));
    FUZZ_CHECK(dx_writer_finish(&writer) == DX_OK);
}

static void write_ack(const pool *all, fuzz_input *input, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_map(&writer, 1);
    dx_write_uint(&writer, 1);
    dx_write_bytes(&writer, dx_bytes_of(all->ids[fuzz_byte(input) % all->count], DX_HASH_SIZE));
    FUZZ_CHECK(dx_writer_finish(&writer) == DX_OK);
}

/* A PURGE of something in one of a few feeds, with up to three lists of places, as they come: ascending or not, empty, odd. */
static void write_purge(const pool *all, fuzz_input *input, dx_buf *out) {
    uint8_t id[DX_PURGED_ID_SIZE] = {0}, feed[DX_PREFIX_SIZE], what = fuzz_byte(input),
            how = fuzz_byte(input);
    size_t lists = how % 4, size = how / 4 % 8 == 7 ? DX_PURGED_ID_SIZE - 1 : DX_PURGED_ID_SIZE;
    dx_writer writer;
    dx_writer_init(&writer, out);
    feed_prefix(all, &all->people[what % PEOPLE], what / 4 % 4, id);
    id[DX_PURGED_ID_SIZE - 1] = what / 16 % 4;
    dx_write_map(&writer, how >= 128 ? 2 : 1);
    dx_write_uint(&writer, 1);
    dx_write_bytes(&writer, dx_bytes_of(id, size));
    if (how >= 128) {
        dx_write_uint(&writer, 2);
        dx_write_array(&writer, lists);
        for (size_t i = 0; i < lists; i++) {
            uint8_t where = fuzz_byte(input);
            size_t numbers = where / 16 % 8;
            feed_prefix(all, &all->people[where % PEOPLE], where / 4 % 4, feed);
            dx_write_array(&writer, 2);
            dx_write_bytes(&writer, dx_bytes_of(feed, sizeof feed));
            dx_write_array(&writer, numbers);
            for (size_t n = 0; n < numbers; n++) {
                dx_write_uint(&writer, fuzz_byte(input));
            }
        }
    }
    FUZZ_CHECK(dx_writer_finish(&writer) == DX_OK);
}

static void say(pool *all, fuzz_input *input) {
    uint8_t parents[4][DX_HASH_SIZE], claims_bytes = fuzz_byte(input), who = fuzz_byte(input);
    const person *issuer = &all->people[who % PEOPLE], *other = &all->people[who / 16 % PEOPLE];
    static const uint64_t types[] = {DX_CREDENTIAL_MEMBER, DX_CREDENTIAL_FEED, DX_CREDENTIAL_KEY_EPOCH,
                                     DX_CREDENTIAL_KEY_GRANT, 1000};
    uint64_t type = claims_bytes >= 224   ? DX_CREDENTIAL_EPOCH_ACK
                    : claims_bytes >= 176 ? DX_CREDENTIAL_EPOCH
                    : claims_bytes >= 160 ? DX_CREDENTIAL_PURGE
                                          : types[claims_bytes % 5];
    dx_buf claims;
    dx_buf_init(&claims, &fuzz_alloc, CLAIMS_MAX);
    if (type == DX_CREDENTIAL_EPOCH) {
        write_epoch(all, input, &claims);
    } else if (type == DX_CREDENTIAL_PURGE) {
        write_purge(all, input, &claims);
    } else if (type == DX_CREDENTIAL_EPOCH_ACK) {
        write_ack(all, input, &claims);
    } else {
        write_claims(type, input, &claims);
    }
    uint8_t how = fuzz_byte(input);
    dx_statement statement = {.type = type,
                              .issuer = issuer->identity.public_key,
                              .subject = (how & 1)   ? all->space_id
                                         : (how & 2) ? other->device.public_key
                                                     : other->identity.public_key,
                              .space = how >= 250   ? NULL
                                       : how >= 240 ? all->ids[1]
                                                    : all->space_id,
                              .claims = dx_buf_view(&claims),
                              .parents = (const uint8_t(*)[DX_HASH_SIZE])parents};
    const dx_sign_key *signer = (how & 4)          ? &issuer->identity
                                : (how & 24) == 24 ? &other->device
                                                   : &issuer->device;
    for (size_t count = fuzz_byte(input) % 5; statement.parent_count < count; statement.parent_count++) {
        memcpy(parents[statement.parent_count], all->ids[fuzz_byte(input) % all->count], DX_HASH_SIZE);
    }
    FUZZ_CHECK(dx_credential_issue(&statement, signer, next_item(all)) == DX_OK);
    keep_item(all);
    dx_buf_deinit(&claims);
}

/* Each place by itself, so that the order in which they are told is nothing. */
static int sum_place(void *ctx, const uint8_t *id, const dx_purge_place *place) {
    uint64_t *sum = ctx;
    uint8_t hash[DX_HASH_SIZE];
    dx_hash_state state;
    dx_hash_begin(&state, DX_HASH_STATE_DIGEST, dx_bytes_of(NULL, 0));
    dx_hash_add(&state, id, DX_PURGED_ID_SIZE);
    dx_hash_add(&state, place->feed, sizeof place->feed);
    dx_hash_add_u64(&state, place->seq);
    dx_hash_add_u64(&state, place->index);
    dx_hash_end(&state, hash);
    for (size_t i = 0; i < 8; i++) {
        *sum += (uint64_t)hash[i] << 8 * i;
    }
    return DX_OK;
}

static void summarize_purges(const dx_control *control, dx_hash_state *hash) {
    uint64_t places = 0;
    for (size_t i = 0; i < dx_control_purge_count(control); i++) {
        const uint8_t *id = dx_control_purge(control, i);
        FUZZ_CHECK(dx_control_is_purged(control, id));
        FUZZ_CHECK(i == 0 || memcmp(dx_control_purge(control, i - 1), id, DX_PURGED_ID_SIZE) < 0);
        dx_hash_add(hash, id, DX_PURGED_ID_SIZE);
    }
    FUZZ_CHECK((dx_control_purge_count(control) == 0) == (dx_control_purge_version(control) == 0));
    FUZZ_CHECK(dx_control_purge_places(control, sum_place, &places) == DX_OK);
    dx_hash_add_u64(hash, places);
}

/* What a state comes to, as one hash. */
static void summarize(const dx_control *control, uint8_t out[DX_HASH_SIZE]) {
    uint8_t part[DX_HASH_SIZE];
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_STATE_DIGEST, dx_bytes_of(NULL, 0));
    dx_control_digest(control, part);
    dx_hash_add(&hash, part, sizeof part);
    for (size_t i = 0; i < dx_control_member_count(control); i++) {
        const dx_member *member = dx_control_member(control, i);
        dx_hash_add(&hash, member->identity, DX_KEY_SIZE);
        dx_hash_add(&hash, member->admission, DX_HASH_SIZE);
        dx_hash_add_u64(&hash, (uint64_t)member->role);
        dx_hash_add_u64(&hash, member->depth);
    }
    for (size_t i = 0; i < dx_control_feed_count(control); i++) {
        dx_hash_add(&hash, dx_control_feed(control, i)->id, DX_HASH_SIZE);
        dx_hash_add(&hash, dx_control_feed(control, i)->owner, DX_KEY_SIZE);
    }
    dx_hash_add_u64(&hash, dx_control_key_epoch(control, part));
    dx_hash_add(&hash, part, sizeof part);
    dx_hash_add_u64(&hash, dx_control_waiting_count(control));
    dx_hash_add_u64(&hash, dx_control_refused_count(control));
    dx_hash_add_u64(&hash, control->unknown);
    dx_hash_add_u64(&hash, dx_control_epoch_version(control));
    summarize_purges(control, &hash);
    dx_epoch epoch;
    for (size_t i = 0; dx_control_epoch_at(control, i, &epoch); i++) {
        dx_hash_add(&hash, epoch.id, DX_HASH_SIZE);
        dx_hash_add_u64(&hash, epoch.acks);
        dx_hash_add_u64(&hash, epoch.confirmed);
    }
    dx_hash_end(&hash, out);
}

static void check_members(const pool *all, const dx_control *control) {
    for (size_t i = 0; i < dx_control_member_count(control); i++) {
        const dx_member *member = dx_control_member(control, i);
        FUZZ_CHECK(dx_control_credential(control, member->admission).size > 0);
        FUZZ_CHECK(member->depth <= DX_CONTROL_CHAIN_MAX);
        bool genesis = memcmp(member->identity, all->people[0].identity.public_key, DX_KEY_SIZE) == 0;
        FUZZ_CHECK((member->role == DX_ROLE_OWNER) == genesis);
    }
}

static void take_all(const pool *all, bool backwards, bool trusted, int64_t sources,
                     uint8_t out[DX_HASH_SIZE]) {
    dx_control *control;
    FUZZ_CHECK(dx_control_create(&fuzz_alloc, all->space_id, &control) == DX_OK);
    for (size_t i = 0; i < all->count; i++) {
        size_t at = backwards ? all->count - 1 - i : i;
        int error = dx_control_admit(control, dx_buf_view(&all->items[at]), (int64_t)at % sources, trusted);
        FUZZ_CHECK(error != DX_E_SIGNATURE && error != DX_E_LIMIT && error != DX_E_NO_MEMORY);
    }
    FUZZ_CHECK(dx_control_weigh_epochs(control) == DX_OK);
    check_members(all, control);
    summarize(control, out);
    dx_control_destroy(control);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static pool all;
    uint8_t forwards[DX_HASH_SIZE], backwards[DX_HASH_SIZE], trusted[DX_HASH_SIZE];
    fuzz_input input = {data, size};
    begin_pool(&all);
    while (input.left > 0 && all.count < POOL_MAX) {
        say(&all, &input);
    }
    take_all(&all, false, false, 1, forwards);
    take_all(&all, true, false, 3, backwards);
    take_all(&all, true, true, 1, trusted);
    FUZZ_CHECK(memcmp(forwards, backwards, DX_HASH_SIZE) == 0);
    FUZZ_CHECK(memcmp(forwards, trusted, DX_HASH_SIZE) == 0);
    for (size_t i = 0; i < all.count; i++) {
        dx_buf_deinit(&all.items[i]);
    }
    return 0;
}
