/* halo/control_read.c: questions to a control state.
 *
 * Layer: floor 1, halo. Contract in halo/control.h. Answers are views of the indexes; none of them changes
 * anything. */
#include "halo/control_state.h"

#include <string.h>

/* --- Members, devices, feeds ------------------------------------------------------------------ */

dx_role dx_control_role(const dx_control *control, const uint8_t identity[static DX_KEY_SIZE]) {
    const dx_member *member = dx_control_member_of(control, identity);
    return member ? member->role : DX_ROLE_NONE;
}

bool dx_control_device(const dx_control *control, const uint8_t device[static DX_KEY_SIZE],
                       uint8_t identity[static DX_KEY_SIZE], uint8_t *noise) {
    const dx_control_device_row *row = dx_control_device_of(control, device);
    if (!row) {
        return false;
    }
    memcpy(identity, row->identity, DX_KEY_SIZE);
    if (noise) {
        memcpy(noise, row->noise, DX_KEY_SIZE);
    }
    return true;
}

bool dx_control_has_noise(const dx_control *control, const uint8_t noise[static DX_KEY_SIZE]) {
    for (size_t i = 0; i < control->devices.count; i++) {
        const dx_control_device_row *row = dx_sorted_at(&control->devices, i);
        if (memcmp(row->noise, noise, DX_KEY_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

size_t dx_control_member_count(const dx_control *control) {
    return control->members.count;
}

const dx_member *dx_control_member(const dx_control *control, size_t index) {
    return dx_sorted_at(&control->members, index);
}

size_t dx_control_device_count(const dx_control *control) {
    return control->devices.count;
}

void dx_control_device_at(const dx_control *control, size_t index, uint8_t device[static DX_KEY_SIZE],
                          uint8_t identity[static DX_KEY_SIZE]) {
    const dx_control_device_row *row = dx_sorted_at(&control->devices, index);
    memcpy(device, row->device, DX_KEY_SIZE);
    memcpy(identity, row->identity, DX_KEY_SIZE);
}

size_t dx_control_feed_count(const dx_control *control) {
    return control->feeds.count;
}

const dx_admitted_feed *dx_control_feed(const dx_control *control, size_t index) {
    return dx_sorted_at(&control->feeds, index);
}

int dx_control_authorize(const dx_control *control, const uint8_t feed_id[static DX_HASH_SIZE]) {
    const dx_admitted_feed *feed = dx_control_find_feed(control, feed_id);
    bool may_write = feed && feed->identity.feed_class == DX_FEED_DATA &&
                     dx_control_role(control, feed->owner) >= DX_ROLE_EDITOR;
    return may_write ? DX_OK : DX_E_UNAUTHORIZED;
}

int dx_control_may_admit(const dx_control *control, const uint8_t identity[static DX_KEY_SIZE],
                         dx_role role) {
    const dx_member *member = dx_control_member_of(control, identity);
    if (!member || member->role < DX_ROLE_ADMIN || role == DX_ROLE_NONE || role >= DX_ROLE_OWNER) {
        return DX_E_DENIED;
    }
    return member->depth < DX_CONTROL_CHAIN_MAX ? DX_OK : DX_E_LIMIT;
}

/* The decoded credential of an entry that has its bytes. */
static void decode_entry(const dx_control_entry *entry, dx_credential *out) {
    int error = dx_credential_decode(dx_bytes_of(entry->bytes, entry->size), out);
    DX_ASSERT(error == DX_OK);
}

bool dx_control_find_admission(const dx_control *control, const uint8_t identity[static DX_KEY_SIZE],
                               dx_bytes invitation_id, uint8_t id[static DX_HASH_SIZE]) {
    for (size_t i = 0; i < control->entries.count; i++) {
        const dx_control_entry *entry = *(dx_control_entry *const *)dx_sorted_at(&control->entries, i);
        if (entry->type != DX_CREDENTIAL_MEMBER || entry->standing != DX_STANDING_IN_EFFECT ||
            memcmp(entry->subject, identity, DX_KEY_SIZE) != 0) {
            continue;
        }
        dx_credential credential;
        decode_entry(entry, &credential);
        dx_bytes by = dx_item_bytes(dx_credential_claim(&credential, 2));
        if (by.size > 0 && dx_bytes_equal(by, invitation_id)) {
            memcpy(id, entry->id, DX_HASH_SIZE);
            return true;
        }
    }
    return false;
}

/* --- Keys ------------------------------------------------------------------------------------- */

void dx_control_commitment(const dx_control_entry *epoch, uint8_t out[static DX_HASH_SIZE]) {
    dx_credential credential;
    decode_entry(epoch, &credential);
    memcpy(out, dx_item_bytes(dx_credential_claim(&credential, 2)).data, DX_HASH_SIZE);
}

uint64_t dx_control_key_epoch(const dx_control *control, uint8_t commitment[static DX_HASH_SIZE]) {
    memset(commitment, 0, DX_HASH_SIZE);
    if (control->key_epochs.count == 0) {
        return 0;
    }
    const dx_control_entry *last =
        *(dx_control_entry *const *)dx_sorted_at(&control->key_epochs, control->key_epochs.count - 1);
    dx_control_commitment(dx_control_key_epoch_of(control, last->number), commitment);
    return last->number;
}

/* Where the grants of an epoch for a device begin. */
static size_t find_grants(const dx_control *control, uint64_t epoch,
                          const uint8_t device[static DX_KEY_SIZE]) {
    size_t low = 0, high = control->grants.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const dx_control_entry *entry = *(dx_control_entry *const *)dx_sorted_at(&control->grants, middle);
        int order = memcmp(entry->subject, device, DX_KEY_SIZE);
        if (order < 0 || (order == 0 && entry->number < epoch)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The grant at this place, if it is one of that epoch for that device. */
static dx_control_entry *grant_at(const dx_control *control, uint64_t epoch,
                                  const uint8_t device[static DX_KEY_SIZE], size_t at) {
    dx_control_entry *const *entry = dx_sorted_at(&control->grants, at);
    bool fits = entry && (*entry)->number == epoch && memcmp((*entry)->subject, device, DX_KEY_SIZE) == 0;
    return fits ? *entry : NULL;
}

/* The index-th grant of an epoch for a device; NULL: no more. */
const dx_control_entry *dx_control_grant_of(const dx_control *control, uint64_t epoch,
                                            const uint8_t device[static DX_KEY_SIZE], size_t index) {
    return grant_at(control, epoch, device, find_grants(control, epoch, device) + index);
}

static dx_bytes sealed_key(const dx_control_entry *grant) {
    dx_credential credential;
    decode_entry(grant, &credential);
    return dx_item_bytes(dx_credential_claim(&credential, 2));
}

bool dx_control_granted_by(const dx_control *control, uint64_t epoch,
                           const uint8_t device[static DX_KEY_SIZE],
                           const uint8_t signer[static DX_KEY_SIZE]) {
    const dx_control_entry *counts = dx_control_key_epoch_of(control, epoch), *grant;
    for (size_t i = 0; counts && (grant = dx_control_grant_of(control, epoch, device, i)) != NULL; i++) {
        dx_credential credential;
        decode_entry(grant, &credential);
        bool of_epoch = false;
        for (size_t p = 0; p < credential.parent_count; p++) {
            of_epoch = of_epoch || memcmp(credential.parents[p], counts->id, DX_HASH_SIZE) == 0;
        }
        if (of_epoch && memcmp(credential.signer, signer, DX_KEY_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

int dx_control_open_key(dx_control *control, uint64_t epoch, const uint8_t device[static DX_KEY_SIZE],
                        const uint8_t noise_secret[static DX_KEY_SIZE], size_t *tries,
                        uint8_t key[static DX_KEY_SIZE]) {
    const dx_control_entry *counts = dx_control_key_epoch_of(control, epoch);
    uint8_t wanted[DX_HASH_SIZE], found[DX_HASH_SIZE];
    if (!counts) {
        return DX_E_NOT_FOUND;
    }
    dx_control_commitment(counts, wanted);
    dx_control_entry *grant;
    size_t at = find_grants(control, epoch, device);
    for (; (grant = grant_at(control, epoch, device, at)) != NULL; at++) {
        if (grant->useless_for == counts) {
            continue;
        }
        if (*tries == 0) {
            return DX_E_LIMIT;
        }
        (*tries)--;
        if (dx_seal_open(noise_secret, sealed_key(grant), key) == DX_OK) {
            dx_key_commitment(key, found);
            if (memcmp(found, wanted, DX_HASH_SIZE) == 0) {
                return DX_OK;
            }
            dx_wipe(key, DX_KEY_SIZE);
        }
        grant->useless_for = counts;
    }
    return DX_E_NOT_FOUND;
}

bool dx_control_discovery(const dx_control *control, uint8_t out[static DX_KEY_SIZE]) {
    if (!control->genesis) {
        return false;
    }
    dx_credential credential;
    decode_entry(control->genesis, &credential);
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_DISCOVERY, dx_bytes_of(NULL, 0));
    dx_hash_add(&hash, dx_item_bytes(dx_credential_claim(&credential, 1)).data, DX_KEY_SIZE);
    dx_hash_add(&hash, control->space_id, DX_HASH_SIZE);
    dx_hash_end(&hash, out);
    return true;
}

/* --- The set ---------------------------------------------------------------------------------- */

void dx_control_digest(const dx_control *control, uint8_t out[static DX_HASH_SIZE]) {
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_CONTROL_DIGEST, dx_bytes_of(NULL, 0));
    dx_hash_add(&hash, control->space_id, DX_HASH_SIZE);
    for (size_t i = 0; i < control->entries.count; i++) {
        const dx_control_entry *entry = *(dx_control_entry *const *)dx_sorted_at(&control->entries, i);
        if (entry->standing == DX_STANDING_IN_EFFECT) {
            dx_hash_add(&hash, entry->id, DX_HASH_SIZE);
        }
    }
    dx_hash_end(&hash, out);
}

size_t dx_control_waiting_count(const dx_control *control) {
    return control->waiting.count;
}

size_t dx_control_refused_count(const dx_control *control) {
    return control->refused;
}

dx_bytes dx_control_credential(const dx_control *control, const uint8_t id[static DX_HASH_SIZE]) {
    const dx_control_entry *entry = dx_control_entry_of(control, id);
    if (!entry || (entry->standing != DX_STANDING_IN_EFFECT && entry->standing != DX_STANDING_UNKNOWN)) {
        return dx_bytes_of(NULL, 0);
    }
    return dx_bytes_of(entry->bytes, entry->size);
}
