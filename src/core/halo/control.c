/* halo/control.c: the set of a space's credentials, and what follows from it.
 *
 * Layer: floor 1, halo. Contract in halo/control.h; the rules themselves are in authorize.c.
 * Invariants: every entry is in `entries` once; exactly the waiting ones are in `waiting`, each under the one
 * thing it awaits; members, devices, feeds, epochs and grants follow from the entries in effect by rules that
 * know no order (largest role, smallest depth, smallest id). Taking a credential settles it or lets it wait;
 * what settles wakes those that awaited it. */
#include "halo/control_state.h"

#include <string.h>

/* --- Orders ----------------------------------------------------------------------------------- */

static int compare_entry_id(const void *item, const void *key) {
    const dx_control_entry *const *entry = item;
    return memcmp((*entry)->id, key, DX_HASH_SIZE);
}

/* What an entry waits for. A credential's id and an identity are 32 bytes each, and an admission names any
 * bytes as an identity: only with its kind does the one never wake what awaits the other. */
typedef struct awaited_thing {
    bool member; /* an identity that is to become a member (DEVICE); otherwise a credential */
    const uint8_t *id;
} awaited_thing;

typedef struct waiting_key {
    awaited_thing awaited;
    const uint8_t *entry_id; /* NULL: before all that await it */
} waiting_key;

static bool awaits_member(const dx_control_entry *entry) {
    return entry->type == DX_CREDENTIAL_DEVICE;
}

static int compare_waiting(const void *item, const void *key) {
    const dx_control_entry *const *entry = item;
    const waiting_key *wanted = key;
    int order = awaits_member(*entry) - wanted->awaited.member;
    order = order != 0 ? order : memcmp((*entry)->awaits, wanted->awaited.id, DX_HASH_SIZE);
    return order != 0                 ? order
           : wanted->entry_id == NULL ? 1
                                      : memcmp((*entry)->id, wanted->entry_id, DX_HASH_SIZE);
}

static int compare_member(const void *item, const void *key) {
    const dx_member *member = item;
    return memcmp(member->identity, key, DX_KEY_SIZE);
}

static int compare_device(const void *item, const void *key) {
    const dx_control_device_row *row = item;
    return memcmp(row->device, key, DX_KEY_SIZE);
}

static int compare_feed(const void *item, const void *key) {
    const dx_admitted_feed *feed = item;
    return memcmp(feed->id, key, DX_HASH_SIZE);
}

static int compare_source(const void *item, const void *key) {
    const dx_control_source *row = item;
    const int64_t *source = key;
    return (row->source > *source) - (row->source < *source);
}

static int compare_numbers(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

/* The one nearer to the genesis, then the smaller id, comes first. */
static int compare_standing(const dx_control_entry *a, const dx_control_entry *b) {
    int order = compare_numbers(a->depth, b->depth);
    return order != 0 ? order : memcmp(a->id, b->id, DX_HASH_SIZE);
}

static int compare_key_epoch(const void *item, const void *key) {
    const dx_control_entry *const *entry = item;
    const dx_control_entry *wanted = key;
    int order = compare_numbers((*entry)->number, wanted->number);
    return order != 0 ? order : compare_standing(*entry, wanted);
}

static int compare_grant(const void *item, const void *key) {
    const dx_control_entry *const *entry = item;
    const dx_control_entry *wanted = key;
    int order = memcmp((*entry)->subject, wanted->subject, DX_KEY_SIZE);
    return order != 0 ? order : compare_key_epoch(item, key);
}

/* --- Life ------------------------------------------------------------------------------------- */

int dx_control_create(const dx_alloc *alloc, const uint8_t space_id[static DX_HASH_SIZE], dx_control **out) {
    dx_control *control = dx_alloc_take_zeroed(alloc, sizeof *control);
    *out = control;
    if (!control) {
        return DX_E_NO_MEMORY;
    }
    control->alloc = alloc;
    memcpy(control->space_id, space_id, DX_HASH_SIZE);
    control->entries.width = control->waiting.width = sizeof(dx_control_entry *);
    control->key_epochs.width = control->grants.width = sizeof(dx_control_entry *);
    control->purges.width = DX_PURGED_ID_SIZE;
    control->members.width = sizeof(dx_member);
    control->devices.width = sizeof(dx_control_device_row);
    control->feeds.width = sizeof(dx_admitted_feed);
    control->sources.width = sizeof(dx_control_source);
    control->epochs.width = sizeof(dx_epoch_row);
    control->acks.width = sizeof(dx_epoch_ack);
    control->cuts.width = sizeof(dx_dependency);
    return DX_OK;
}

static void free_entry(const dx_control *control, dx_control_entry *entry) {
    dx_alloc_free(control->alloc, entry, sizeof *entry + entry->size);
}

void dx_control_destroy(dx_control *control) {
    if (!control) {
        return;
    }
    for (size_t i = 0; i < control->entries.count; i++) {
        free_entry(control, *(dx_control_entry **)dx_sorted_at(&control->entries, i));
    }
    dx_sorted *all[] = {&control->purges,  &control->entries, &control->waiting,    &control->members,
                        &control->devices, &control->feeds,   &control->key_epochs, &control->grants,
                        &control->sources, &control->epochs,  &control->acks,       &control->cuts};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        dx_sorted_deinit(all[i], control->alloc);
    }
    dx_alloc_free(control->alloc, control, sizeof *control);
}

/* --- Finding ---------------------------------------------------------------------------------- */

static dx_control_entry *find_entry(const dx_control *control, const uint8_t id[static DX_HASH_SIZE]) {
    dx_control_entry **entry = dx_sorted_get(&control->entries, id, compare_entry_id);
    return entry ? *entry : NULL;
}

const dx_control_entry *dx_control_entry_of(const dx_control *control,
                                            const uint8_t id[static DX_HASH_SIZE]) {
    return find_entry(control, id);
}

const dx_member *dx_control_member_of(const dx_control *control, const uint8_t identity[static DX_KEY_SIZE]) {
    return dx_sorted_get(&control->members, identity, compare_member);
}

const dx_control_device_row *dx_control_device_of(const dx_control *control,
                                                  const uint8_t device[static DX_KEY_SIZE]) {
    return dx_sorted_get(&control->devices, device, compare_device);
}

const dx_admitted_feed *dx_control_find_feed(const dx_control *control,
                                             const uint8_t feed_id[static DX_HASH_SIZE]) {
    return dx_sorted_get(&control->feeds, feed_id, compare_feed);
}

const dx_control_entry *dx_control_key_epoch_of(const dx_control *control, uint64_t epoch) {
    dx_control_entry wanted = {.number = epoch};
    dx_control_entry **entry =
        dx_sorted_at(&control->key_epochs, dx_sorted_find(&control->key_epochs, &wanted, compare_key_epoch));
    return entry && (*entry)->number == epoch ? *entry : NULL;
}

/* --- Effects ---------------------------------------------------------------------------------- */

/* The largest role; for one role the nearest admission, then the smaller id. */
static int raise_member(dx_control *control, const dx_control_entry *entry, dx_role role) {
    size_t at = dx_sorted_find(&control->members, entry->subject, compare_member);
    dx_member *member = dx_sorted_at(&control->members, at);
    if (!member || compare_member(member, entry->subject) != 0) {
        member = dx_sorted_open(&control->members, control->alloc, at);
        if (!member) {
            return DX_E_NO_MEMORY;
        }
        memset(member, 0, sizeof *member);
    } else if (role < member->role ||
               (role == member->role &&
                (entry->depth > member->depth || (entry->depth == member->depth &&
                                                  memcmp(entry->id, member->admission, DX_HASH_SIZE) > 0)))) {
        return DX_OK;
    }
    memcpy(member->identity, entry->subject, DX_KEY_SIZE);
    memcpy(member->admission, entry->id, DX_HASH_SIZE);
    member->role = role;
    member->depth = entry->depth;
    return DX_OK;
}

static int add_device(dx_control *control, const dx_control_entry *entry, const dx_credential *credential) {
    dx_control_device_row row;
    memcpy(row.device, entry->subject, DX_KEY_SIZE);
    memcpy(row.identity, entry->issuer, DX_KEY_SIZE);
    memcpy(row.noise, dx_item_bytes(dx_credential_claim(credential, 1)).data, DX_KEY_SIZE);
    memcpy(row.credential, entry->id, DX_HASH_SIZE);
    size_t at = dx_sorted_find(&control->devices, row.device, compare_device);
    dx_control_device_row *there = dx_sorted_at(&control->devices, at);
    if (there && compare_device(there, row.device) == 0) {
        int order = memcmp(row.identity, there->identity, DX_KEY_SIZE);
        if (order < 0 || (order == 0 && memcmp(row.credential, there->credential, DX_HASH_SIZE) < 0)) {
            *there = row;
        }
        return DX_OK;
    }
    there = dx_sorted_open(&control->devices, control->alloc, at);
    if (!there) {
        return DX_E_NO_MEMORY;
    }
    *there = row;
    return DX_OK;
}

static bool same_prefix(const dx_admitted_feed *feed, const uint8_t id[static DX_HASH_SIZE]) {
    return feed && memcmp(feed->id, id, DX_PREFIX_SIZE) == 0;
}

/* Blocks name feeds by a prefix: of those that share one, the smallest id is the feed. The feed of one id
 * belongs to the smallest identity its device speaks for. */
static int add_feed(dx_control *control, const dx_control_entry *entry, const dx_credential *credential) {
    dx_admitted_feed feed;
    memset(&feed, 0, sizeof feed);
    memcpy(feed.identity.space_id, control->space_id, DX_HASH_SIZE);
    memcpy(feed.identity.device, credential->signer, DX_KEY_SIZE);
    memcpy(feed.identity.key, entry->subject, DX_KEY_SIZE);
    feed.identity.feed_class = (dx_feed_class)entry->number;
    memcpy(feed.owner, entry->issuer, DX_KEY_SIZE);
    dx_feed_id(&feed.identity, feed.id);
    size_t at = dx_sorted_find(&control->feeds, feed.id, compare_feed);
    dx_admitted_feed *behind = dx_sorted_at(&control->feeds, at);
    if (behind && compare_feed(behind, feed.id) == 0) {
        if (memcmp(feed.owner, behind->owner, DX_KEY_SIZE) < 0) {
            *behind = feed;
        }
        return DX_OK;
    }
    if (at > 0 && same_prefix(dx_sorted_at(&control->feeds, at - 1), feed.id)) {
        return DX_OK;
    }
    if (same_prefix(behind, feed.id)) {
        *behind = feed;
        return DX_OK;
    }
    dx_admitted_feed *slot = dx_sorted_open(&control->feeds, control->alloc, at);
    if (!slot) {
        return DX_E_NO_MEMORY;
    }
    *slot = feed;
    return DX_OK;
}

static int add_entry(dx_control *control, dx_sorted *sorted, dx_control_entry *entry,
                     dx_sorted_compare compare) {
    dx_control_entry **slot = dx_sorted_open(sorted, control->alloc, dx_sorted_find(sorted, entry, compare));
    if (!slot) {
        return DX_E_NO_MEMORY;
    }
    *slot = entry;
    return DX_OK;
}

static int put_in_effect(dx_control *control, dx_control_entry *entry, const dx_credential *credential) {
    control->in_effect++;
    switch (entry->type) {
    case DX_CREDENTIAL_SPACE:
        control->genesis = entry;
        return raise_member(control, entry, DX_ROLE_OWNER);
    case DX_CREDENTIAL_MEMBER:
        return raise_member(control, entry, (dx_role)entry->number);
    case DX_CREDENTIAL_DEVICE:
        return add_device(control, entry, credential);
    case DX_CREDENTIAL_FEED:
        control->epochs_stale = control->epochs_stale || control->epochs.count != 0;
        return add_feed(control, entry, credential);
    case DX_CREDENTIAL_EPOCH:
        return dx_control_add_epoch(control, entry, credential);
    case DX_CREDENTIAL_EPOCH_ACK:
        return dx_control_add_ack(control, credential);
    case DX_CREDENTIAL_PURGE:
        return dx_control_add_purge(control, entry, credential);
    case DX_CREDENTIAL_KEY_EPOCH:
        return add_entry(control, &control->key_epochs, entry, compare_key_epoch);
    default:
        return add_entry(control, &control->grants, entry, compare_grant);
    }
}

/* --- Standing --------------------------------------------------------------------------------- */

static bool type_is_known(uint64_t type) {
    switch (type) {
#define KNOWN_ROW(symbol, number) case DX_CREDENTIAL_##symbol:
        DX_CREDENTIAL_TYPES(KNOWN_ROW)
#undef KNOWN_ROW
        return true;
    default:
        return false;
    }
}

static int add_waiting(dx_control *control, dx_control_entry *entry,
                       const uint8_t awaits[static DX_HASH_SIZE]) {
    memcpy(entry->awaits, awaits, DX_HASH_SIZE);
    const waiting_key key = {{awaits_member(entry), entry->awaits}, entry->id};
    size_t at = dx_sorted_find(&control->waiting, &key, compare_waiting);
    dx_control_entry **slot = dx_sorted_open(&control->waiting, control->alloc, at);
    if (!slot) {
        return DX_E_NO_MEMORY;
    }
    *slot = entry;
    return DX_OK;
}

/* Takes out the first entry that awaits this; NULL: none. */
static dx_control_entry *take_waiting(dx_control *control, awaited_thing awaited) {
    const waiting_key key = {awaited, NULL};
    size_t at = dx_sorted_find(&control->waiting, &key, compare_waiting);
    dx_control_entry **slot = dx_sorted_at(&control->waiting, at);
    if (!slot || awaits_member(*slot) != awaited.member ||
        memcmp((*slot)->awaits, awaited.id, DX_HASH_SIZE) != 0) {
        return NULL;
    }
    dx_control_entry *entry = *slot;
    dx_sorted_remove(&control->waiting, at);
    return entry;
}

/* What a credential of this size counts as: an EPOCH may be as large as fifty others. */
static size_t units_of(size_t size) {
    return 1 + size / DX_CREDENTIAL_SIZE_MAX;
}

/* The row of a source; NULL: no memory. */
static dx_control_source *source_row(dx_control *control, int64_t source) {
    size_t at = dx_sorted_find(&control->sources, &source, compare_source);
    dx_control_source *row = dx_sorted_at(&control->sources, at);
    if (row && row->source == source) {
        return row;
    }
    row = dx_sorted_open(&control->sources, control->alloc, at);
    if (row) {
        *row = (dx_control_source){.source = source};
    }
    return row;
}

/* Gives an entry the standing of its verdict; when it settled, it goes to the front of the settled list. */
static int settle(dx_control *control, dx_control_entry *entry, const dx_credential *credential,
                  dx_verdict verdict, dx_control_entry **settled) {
    if (verdict.error == DX_E_STATE) {
        entry->standing = DX_STANDING_WAITING;
        return add_waiting(control, entry, verdict.awaits);
    }
    entry->next = *settled;
    *settled = entry;
    if (verdict.error == DX_E_UNAUTHORIZED) {
        entry->standing = DX_STANDING_REFUSED;
        control->refused++;
        return DX_OK;
    }
    if (!type_is_known(entry->type)) {
        entry->standing = DX_STANDING_UNKNOWN;
        control->unknown++;
        return DX_OK;
    }
    entry->standing = DX_STANDING_IN_EFFECT;
    entry->depth = verdict.depth;
    return put_in_effect(control, entry, credential);
}

/* Judges again everything that awaited this, which is there now. Each settles or awaits something else, so
 * the loop ends. */
static int wake(dx_control *control, awaited_thing awaited, dx_control_entry **settled) {
    dx_control_entry *entry;
    while ((entry = take_waiting(control, awaited)) != NULL) {
        dx_credential credential;
        int error = dx_credential_decode(dx_bytes_of(entry->bytes, entry->size), &credential);
        DX_ASSERT(error == DX_OK);
        dx_verdict verdict = dx_control_judge(control, &credential, entry->number);
        if (verdict.error != DX_E_STATE) {
            dx_control_source *row = source_row(control, entry->source);
            DX_ASSERT(row != NULL); /* made when the entry was taken */
            row->waiting -= units_of(entry->size);
            control->waiting_units -= units_of(entry->size);
        }
        error = settle(control, entry, &credential, verdict, settled);
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

/* Wakes until nothing is left to wake: the fixpoint. */
static int complete(dx_control *control, dx_control_entry *settled) {
    while (settled) {
        dx_control_entry *entry = settled;
        settled = entry->next;
        entry->next = NULL;
        int error = wake(control, (awaited_thing){.member = false, .id = entry->id}, &settled);
        if (error == DX_OK && entry->standing == DX_STANDING_IN_EFFECT &&
            (entry->type == DX_CREDENTIAL_SPACE || entry->type == DX_CREDENTIAL_MEMBER)) {
            error = wake(control, (awaited_thing){.member = true, .id = entry->subject}, &settled);
        }
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

/* --- Taking ----------------------------------------------------------------------------------- */

static int check_signatures(const dx_credential *credential) {
    if (credential->type != DX_CREDENTIAL_DEVICE) {
        return dx_credential_verify(credential);
    }
    int error = dx_device_credential_check(credential, NULL);
    /* A wrong signer is the rules' business, once the signature is known to be the signer's. */
    return error == DX_E_UNAUTHORIZED ? dx_credential_verify(credential) : error;
}

/* Puts a new entry into the set, without standing. A refused one keeps no bytes. */
static dx_control_entry *add_to_set(dx_control *control, const dx_credential *credential, uint64_t number,
                                    int64_t source, bool keep_bytes) {
    size_t size = keep_bytes ? credential->bytes.size : 0;
    dx_control_entry *entry = dx_alloc_take_zeroed(control->alloc, sizeof *entry + size);
    if (!entry) {
        return NULL;
    }
    memcpy(entry->id, credential->id, DX_HASH_SIZE);
    memcpy(entry->issuer, credential->issuer, DX_KEY_SIZE);
    memcpy(entry->subject, credential->subject, DX_KEY_SIZE);
    entry->type = credential->type;
    entry->number = number;
    entry->source = source;
    entry->size = size;
    if (size > 0) {
        memcpy(entry->bytes, credential->bytes.data, size);
    }
    size_t at = dx_sorted_find(&control->entries, entry->id, compare_entry_id);
    dx_control_entry **slot = dx_sorted_open(&control->entries, control->alloc, at);
    if (!slot) {
        free_entry(control, entry);
        return NULL;
    }
    *slot = entry;
    return entry;
}

static bool has_room(const dx_control *control, const dx_control_source *row, dx_verdict verdict,
                     size_t units) {
    if (row->total + units > DX_CONTROL_PER_SOURCE_MAX) {
        return false;
    }
    return verdict.error != DX_E_STATE || (row->waiting + units <= DX_CONTROL_WAITING_PER_SOURCE_MAX &&
                                           control->waiting_units + units <= DX_CONTROL_WAITING_MAX);
}

static size_t count_settled(const dx_control *control) {
    return control->in_effect + control->refused + control->unknown;
}

bool dx_control_is_full(const dx_control *control, int64_t source) {
    const dx_control_source *row = dx_sorted_get(&control->sources, &source, compare_source);
    return row && row->full_at == 1 + count_settled(control);
}

int dx_control_admit(dx_control *control, dx_bytes bytes, int64_t source, bool trusted) {
    dx_credential credential;
    uint64_t number;
    int error = dx_credential_decode(bytes, &credential);
    if (error != DX_OK) {
        return error;
    }
    const dx_control_entry *known = find_entry(control, credential.id);
    if (known) {
        return known->standing == DX_STANDING_REFUSED ? DX_E_UNAUTHORIZED : DX_E_EXISTS;
    }
    error = dx_control_check_form(&credential, &number);
    if (error == DX_OK && !trusted) {
        error = check_signatures(&credential);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_verdict verdict = dx_control_judge(control, &credential, number);
    dx_control_source *row = source_row(control, source);
    if (!row) {
        return DX_E_NO_MEMORY;
    }
    size_t units = units_of(bytes.size);
    if (!trusted && !has_room(control, row, verdict, units)) {
        row->full_at = 1 + count_settled(control);
        return DX_E_LIMIT;
    }
    dx_control_entry *entry =
        add_to_set(control, &credential, number, source, verdict.error != DX_E_UNAUTHORIZED);
    if (!entry) {
        return DX_E_NO_MEMORY;
    }
    row->total += units;
    row->waiting += verdict.error == DX_E_STATE ? units : 0;
    control->waiting_units += verdict.error == DX_E_STATE ? units : 0;
    dx_control_entry *settled = NULL;
    error = settle(control, entry, &credential, verdict, &settled);
    if (error == DX_OK) {
        error = complete(control, settled);
    }
    if (error == DX_OK && !trusted) {
        error = dx_control_weigh_epochs(control);
    }
    return error != DX_OK ? error : verdict.error;
}

int dx_control_take(dx_control *control, dx_bytes credential, int64_t source) {
    return dx_control_admit(control, credential, source, false);
}
