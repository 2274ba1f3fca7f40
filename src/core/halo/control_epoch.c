/* halo/control_epoch.c: epochs of a control state: read, confirmed, asked about.
 *
 * Layer: floor 1, halo. Contract in control_epoch.h. Table-like indexes over the entries in effect: epochs by their
 * order, acknowledgements by epoch, and of all confirmed cuts together the greatest length of each feed. */
#include "halo/control_epoch.h"

#include <string.h>

#include "halo/control_state.h"

enum {
    CLAIM_NUMBER = 1,
    CLAIM_CUT,
    CLAIM_ROOT,
    CLAIM_SIZE,
    CLAIM_KEY_EPOCH,
    CLAIM_FORMAT,
    CLAIM_PURGED /* only where there are some */
};

/* --- Reading ---------------------------------------------------------------------------------- */

bool dx_epoch_leaves_out(const uint8_t purged[static DX_HASH_SIZE]) {
    uint8_t any = 0;
    for (size_t i = 0; i < DX_HASH_SIZE; i++) {
        any |= purged[i];
    }
    return any != 0;
}

static void expect(dx_reader *in, uint64_t number) {
    if (dx_read_uint(in) != number) {
        dx_reader_fail(in);
    }
}

static void add_lengths(dx_epoch *epoch) {
    dx_reader cursor;
    dx_dependency entry;
    dx_reader_init(&cursor, epoch->cut);
    for (size_t i = 0; i < epoch->cut_count && dx_block_dependency(&cursor, &entry) == DX_OK; i++) {
        epoch->sum += entry.length;
    }
}

bool dx_epoch_read(const dx_credential *credential, dx_epoch *out) {
    dx_reader in;
    memset(out, 0, sizeof *out);
    memcpy(out->id, credential->id, sizeof out->id);
    memcpy(out->issuer, credential->issuer, sizeof out->issuer);
    memcpy(out->signer, credential->signer, sizeof out->signer);
    dx_reader_init(&in, credential->claims);
    size_t claims = dx_read_map(&in);
    if (claims != CLAIM_FORMAT && claims != CLAIM_PURGED) {
        dx_reader_fail(&in);
    }
    expect(&in, CLAIM_NUMBER);
    out->number = dx_read_uint(&in);
    expect(&in, CLAIM_CUT);
    out->cut_item.data = in.at;
    dx_dependencies_read(&in, &out->cut_count, &out->cut);
    out->cut_item.size = (size_t)(in.at - out->cut_item.data);
    expect(&in, CLAIM_ROOT);
    dx_read_bytes_exact(&in, out->root, sizeof out->root);
    expect(&in, CLAIM_SIZE);
    out->size_bytes = dx_read_uint(&in);
    expect(&in, CLAIM_KEY_EPOCH);
    out->key_epoch = dx_read_uint(&in);
    expect(&in, CLAIM_FORMAT);
    expect(&in, DX_EPOCH_FORMAT);
    if (claims == CLAIM_PURGED) {
        expect(&in, CLAIM_PURGED);
        dx_read_bytes_exact(&in, out->purged, sizeof out->purged);
        if (!dx_epoch_leaves_out(out->purged)) { /* how none would be said twice */
            dx_reader_fail(&in);
        }
    }
    if (dx_reader_finish(&in) != DX_OK || out->number == 0 || out->cut_count == 0) {
        return false;
    }
    add_lengths(out);
    return true;
}

dx_dependency dx_epoch_entry(const dx_epoch *epoch, const uint8_t feed[static DX_PREFIX_SIZE]) {
    dx_reader cursor;
    dx_dependency entry;
    dx_reader_init(&cursor, epoch->cut);
    for (size_t i = 0; i < epoch->cut_count && dx_block_dependency(&cursor, &entry) == DX_OK; i++) {
        int order = memcmp(entry.feed, feed, DX_PREFIX_SIZE);
        if (order >= 0) {
            return order == 0 ? entry : (dx_dependency){.length = 0};
        }
    }
    return (dx_dependency){.length = 0};
}

/* Both ascend: one walk over a finds all of b. */
bool dx_epoch_dominates(const dx_epoch *a, const dx_epoch *b) {
    dx_reader above, below;
    dx_dependency one = {.length = 0}, other;
    size_t left = a->cut_count;
    dx_reader_init(&above, a->cut);
    dx_reader_init(&below, b->cut);
    for (size_t i = 0; i < b->cut_count && dx_block_dependency(&below, &other) == DX_OK; i++) {
        while (left > 0 && (one.length == 0 || memcmp(one.feed, other.feed, sizeof one.feed) < 0) &&
               dx_block_dependency(&above, &one) == DX_OK) {
            left--;
        }
        bool same = one.length == other.length && memcmp(one.root, other.root, sizeof one.root) == 0;
        if (one.length == 0 || memcmp(one.feed, other.feed, sizeof one.feed) != 0 ||
            !(one.length > other.length || same)) {
            return false;
        }
    }
    return true;
}

/* --- Orders ----------------------------------------------------------------------------------- */

static int compare_numbers(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int compare_epoch(const void *item, const void *key) {
    const dx_epoch_row *a = item, *b = key;
    int order = compare_numbers(a->entry->number, b->entry->number);
    order = order != 0 ? order : compare_numbers(a->sum, b->sum);
    return order != 0 ? order : memcmp(a->entry->id, b->entry->id, DX_HASH_SIZE);
}

/* By epoch, identity, device, as they stand in the row. */
static int compare_ack(const void *item, const void *key) {
    return memcmp(item, key, sizeof(dx_epoch_ack));
}

static int compare_entry(const void *item, const void *key) {
    const dx_dependency *entry = item;
    return memcmp(entry->feed, key, DX_PREFIX_SIZE);
}

static dx_epoch_row *row_at(const dx_control *control, size_t index) {
    return dx_sorted_at(&control->epochs, index);
}

static void read_row(const dx_control *control, const dx_epoch_row *row, dx_epoch *out) {
    dx_credential credential;
    uint8_t identity[DX_KEY_SIZE], device[DX_KEY_SIZE];
    int error = dx_credential_decode(dx_bytes_of(row->entry->bytes, row->entry->size), &credential);
    DX_ASSERT(error == DX_OK && dx_epoch_read(&credential, out));
    out->confirmed = row->confirmed;
    while (dx_control_ack(control, out->id, out->acks, identity, device)) {
        out->acks++;
    }
}

/* --- Taking ----------------------------------------------------------------------------------- */

int dx_control_add_epoch(dx_control *control, const dx_control_entry *entry,
                         const dx_credential *credential) {
    dx_epoch epoch;
    if (!dx_epoch_read(credential, &epoch)) {
        return DX_E_CORRUPT;
    }
    dx_epoch_row row = {.entry = entry, .sum = epoch.sum};
    dx_epoch_row *slot = dx_sorted_open(&control->epochs, control->alloc,
                                        dx_sorted_find(&control->epochs, &row, compare_epoch));
    if (!slot) {
        return DX_E_NO_MEMORY;
    }
    *slot = row;
    control->epochs_stale = true;
    return DX_OK;
}

int dx_control_add_ack(dx_control *control, const dx_credential *credential) {
    dx_epoch_ack row;
    memcpy(row.epoch, dx_item_bytes(dx_credential_claim(credential, 1)).data, sizeof row.epoch);
    memcpy(row.identity, credential->issuer, sizeof row.identity);
    memcpy(row.device, credential->signer, sizeof row.device);
    size_t at = dx_sorted_find(&control->acks, &row, compare_ack);
    const dx_epoch_ack *there = dx_sorted_at(&control->acks, at);
    if (there && compare_ack(there, &row) == 0) {
        return DX_OK;
    }
    dx_epoch_ack *slot = dx_sorted_open(&control->acks, control->alloc, at);
    if (!slot) {
        return DX_E_NO_MEMORY;
    }
    *slot = row;
    control->epochs_stale = true;
    return DX_OK;
}

/* --- Confirming ------------------------------------------------------------------------------- */

static size_t find_acks(const dx_control *control, const uint8_t id[static DX_HASH_SIZE]) {
    dx_epoch_ack first = {.epoch = {0}};
    memcpy(first.epoch, id, DX_HASH_SIZE);
    return dx_sorted_find(&control->acks, &first, compare_ack);
}

static const dx_epoch_ack *ack_at(const dx_control *control, const uint8_t id[static DX_HASH_SIZE],
                                  size_t at) {
    const dx_epoch_ack *ack = dx_sorted_at(&control->acks, at);
    return ack && memcmp(ack->epoch, id, DX_HASH_SIZE) == 0 ? ack : NULL;
}

static bool has_witness(const dx_control *control, const dx_control_entry *epoch) {
    const dx_epoch_ack *ack;
    for (size_t at = find_acks(control, epoch->id); (ack = ack_at(control, epoch->id, at)) != NULL; at++) {
        if (memcmp(ack->identity, epoch->issuer, DX_KEY_SIZE) != 0) {
            return true;
        }
    }
    return false;
}

const dx_admitted_feed *dx_control_feed_by_prefix(const dx_control *control,
                                                  const uint8_t prefix[static DX_PREFIX_SIZE]) {
    size_t low = 0, high = control->feeds.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const dx_admitted_feed *feed = dx_sorted_at(&control->feeds, middle);
        if (memcmp(feed->id, prefix, DX_PREFIX_SIZE) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const dx_admitted_feed *feed = dx_sorted_at(&control->feeds, low);
    return feed && memcmp(feed->id, prefix, DX_PREFIX_SIZE) == 0 ? feed : NULL;
}

/* Whether the owner issued it, and wrote all that it speaks of. */
static bool is_of_owner_alone(const dx_control *control, const dx_epoch *epoch) {
    dx_reader cursor;
    dx_dependency entry;
#if !defined(DX_PLANT) || DX_PLANT != 74
    if (dx_control_role(control, epoch->issuer) != DX_ROLE_OWNER) {
        return false;
    }
#endif
    dx_reader_init(&cursor, epoch->cut);
    for (size_t i = 0; i < epoch->cut_count && dx_block_dependency(&cursor, &entry) == DX_OK; i++) {
        const dx_admitted_feed *feed = dx_control_feed_by_prefix(control, entry.feed);
        if (!feed || feed->identity.feed_class != DX_FEED_DATA ||
            memcmp(feed->owner, epoch->issuer, DX_KEY_SIZE) != 0) {
            return false;
        }
    }
    return true;
}

/* The lengths of one confirmed epoch, into the greatest of all. */
static int raise_lengths(dx_control *control, const dx_epoch *epoch) {
    dx_reader cursor;
    dx_dependency entry;
    dx_reader_init(&cursor, epoch->cut);
    for (size_t i = 0; i < epoch->cut_count && dx_block_dependency(&cursor, &entry) == DX_OK; i++) {
        size_t at = dx_sorted_find(&control->cuts, entry.feed, compare_entry);
        dx_dependency *there = dx_sorted_at(&control->cuts, at);
        if (!there || compare_entry(there, entry.feed) != 0) {
            there = dx_sorted_open(&control->cuts, control->alloc, at);
            if (!there) {
                return DX_E_NO_MEMORY;
            }
            there->length = 0;
        }
        if (entry.length >= there->length) {
            *there = entry;
        }
    }
    return DX_OK;
}

static int gather_lengths(dx_control *control) {
    int error = DX_OK;
    control->cuts.count = 0;
    control->epoch_version = 0;
    for (size_t i = 0; i < control->epochs.count && error == DX_OK; i++) {
        const dx_epoch_row *row = row_at(control, i);
        dx_epoch epoch;
        if (!row->confirmed) {
            continue;
        }
        for (size_t k = 0; k < DX_HASH_SIZE; k++) { /* FNV-1a */
            control->epoch_version = (control->epoch_version ^ row->entry->id[k]) * UINT64_C(0x100000001b3);
        }
        control->epoch_version |= 1;
        read_row(control, row, &epoch);
        error = raise_lengths(control, &epoch);
    }
    return error;
}

int dx_control_weigh_epochs(dx_control *control) {
    bool changed = false;
    if (!control->epochs_stale) {
        return DX_OK;
    }
    for (size_t i = 0; i < control->epochs.count; i++) {
        dx_epoch_row *row = row_at(control, i);
        dx_epoch epoch;
        bool confirmed = has_witness(control, row->entry);
        if (!confirmed) {
            read_row(control, row, &epoch);
            confirmed = is_of_owner_alone(control, &epoch);
        }
#if defined(DX_PLANT) && DX_PLANT == 50
        confirmed = true;
#endif
        changed = changed || confirmed != row->confirmed;
        row->confirmed = confirmed;
    }
    int error = changed ? gather_lengths(control) : DX_OK;
    control->epochs_stale = error != DX_OK;
    return error;
}

/* --- Asking ----------------------------------------------------------------------------------- */

size_t dx_control_epoch_count(const dx_control *control) {
    return control->epochs.count;
}

bool dx_control_epoch_at(const dx_control *control, size_t index, dx_epoch *out) {
    const dx_epoch_row *row = row_at(control, index);
    if (row) {
        read_row(control, row, out);
    }
    return row != NULL;
}

bool dx_control_epoch(const dx_control *control, const uint8_t id[static DX_HASH_SIZE], dx_epoch *out) {
    for (size_t i = 0; i < control->epochs.count; i++) {
        const dx_epoch_row *row = row_at(control, i);
        if (memcmp(row->entry->id, id, DX_HASH_SIZE) == 0) {
            read_row(control, row, out);
            return true;
        }
    }
    return false;
}

bool dx_control_current_epoch(const dx_control *control, dx_epoch *out) {
    for (size_t i = control->epochs.count; i-- > 0;) {
        const dx_epoch_row *row = row_at(control, i);
        if (row->confirmed) {
            read_row(control, row, out);
            return true;
        }
    }
    return false;
}

bool dx_control_ack(const dx_control *control, const uint8_t id[static DX_HASH_SIZE], size_t index,
                    uint8_t identity[static DX_KEY_SIZE], uint8_t device[static DX_KEY_SIZE]) {
    const dx_epoch_ack *ack = ack_at(control, id, find_acks(control, id) + index);
    if (ack) {
        memcpy(identity, ack->identity, DX_KEY_SIZE);
        memcpy(device, ack->device, DX_KEY_SIZE);
    }
    return ack != NULL;
}

bool dx_control_acked(const dx_control *control, const uint8_t id[static DX_HASH_SIZE],
                      const uint8_t device[static DX_KEY_SIZE]) {
    const dx_epoch_ack *ack;
    for (size_t at = find_acks(control, id); (ack = ack_at(control, id, at)) != NULL; at++) {
        if (memcmp(ack->device, device, DX_KEY_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

bool dx_control_epoch_length(const dx_control *control, const uint8_t feed[static DX_PREFIX_SIZE],
                             uint64_t *length, uint8_t root[static DX_ROOT_PREFIX_SIZE]) {
    const dx_dependency *entry = dx_sorted_get(&control->cuts, feed, compare_entry);
    if (entry) {
        *length = entry->length;
        memcpy(root, entry->root, DX_ROOT_PREFIX_SIZE);
    }
    return entry != NULL;
}

uint64_t dx_control_epoch_version(const dx_control *control) {
    return control->epoch_version;
}
