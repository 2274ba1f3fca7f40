/* halo/welcome.c: the welcome of an admitted guest, gathered and judged.
 *
 * Layer: floor 1, halo. Contract in halo/welcome.h, bytes in docs/spec/invitation.md. */
#include "halo/welcome.h"

#include <string.h>

#include "halo/control_state.h"

enum {
    WELCOME_VERSION = 1,
    WELCOME_FIELDS = 5,
    /* A credential takes 200 bytes at least, so a welcome holds no more. */
    CREDENTIALS_MAX = DX_WELCOME_SIZE_MAX / 200,
    /* Grants of one epoch: one of each admin who saw the device admitted, and some that open to nothing. */
    GRANTS_MAX = 16,
    /* Version, ids, and the heads of the two lists. */
    FRAME_SIZE_MAX = 128
};

static bool begins_with(dx_bytes text, dx_bytes start) {
    return text.size >= start.size && memcmp(text.data, start.data, start.size) == 0;
}

/* Behind its scheme: a host and its port, and the one path at which services are. */
static bool is_service_place(dx_bytes place) {
    static const char path[] = "/.well-known/dx/signal";
    size_t path_size = sizeof path - 1;
    if (place.size <= path_size || memcmp(place.data + place.size - path_size, path, path_size) != 0) {
        return false;
    }
    for (size_t i = 0; i < place.size - path_size; i++) {
        if (memchr("/?#@", place.data[i], 4) != NULL) {
            return false;
        }
    }
    return true;
}

bool dx_address_check(dx_bytes address) {
    if (address.size == 0 || address.size >= DX_ADDRESS_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < address.size; i++) {
        if (address.data[i] <= 0x20 || address.data[i] >= 0x7f) {
            return false;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        dx_bytes scheme = dx_bytes_text(i == 0 ? "ws://" : "wss://");
        if (begins_with(address, scheme)) {
            return is_service_place(dx_bytes_of(address.data + scheme.size, address.size - scheme.size));
        }
    }
    return true;
}

/* --- Gathering -------------------------------------------------------------------------------- */

/* A set of credentials that is closed under parents, within a size. */
typedef struct gathering {
    const dx_control *control;
    const dx_control_entry *entries[CREDENTIALS_MAX];
    bool written[CREDENTIALS_MAX];
    size_t count, size, size_max;
} gathering;

static bool gathered(const gathering *all, const uint8_t id[static DX_HASH_SIZE]) {
    for (size_t i = 0; i < all->count; i++) {
        if (memcmp(all->entries[i]->id, id, DX_HASH_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static bool gather_one(gathering *all, const uint8_t id[static DX_HASH_SIZE]) {
    if (gathered(all, id)) {
        return true;
    }
    const dx_control_entry *entry = dx_control_entry_of(all->control, id);
    DX_ASSERT(entry && entry->size > 0); /* a parent of what is in effect is here */
    size_t size = entry->size + 3;       /* with the head of its byte string */
    if (all->count == CREDENTIALS_MAX || size > all->size_max - all->size) {
        return false;
    }
    all->entries[all->count++] = entry;
    all->size += size;
    return true;
}

static void decode_entry(const dx_control_entry *entry, dx_credential *out) {
    int error = dx_credential_decode(dx_bytes_of(entry->bytes, entry->size), out);
    DX_ASSERT(error == DX_OK);
}

/* Adds a credential and all it rests on; a DEVICE or a right of an issuer comes in as the parent that it is.
 * When it does not fit, the set is as before. */
static bool gather(gathering *all, const uint8_t id[static DX_HASH_SIZE]) {
    size_t count = all->count, size = all->size;
    bool fits = gather_one(all, id);
    for (size_t i = count; fits && i < all->count; i++) {
        dx_credential credential;
        decode_entry(all->entries[i], &credential);
        for (size_t p = 0; fits && p < credential.parent_count; p++) {
            fits = gather_one(all, credential.parents[p]);
        }
    }
    if (!fits) {
        all->count = count;
        all->size = size;
    }
    return fits;
}

/* The device's grants of an epoch together with the epoch, which is their parent: which of them opens, only the
 * device can tell. */
static bool gather_grants(gathering *all, uint64_t epoch, const uint8_t device[static DX_KEY_SIZE]) {
    const dx_control_entry *grant;
    bool some = false;
    for (size_t i = 0;
         i < GRANTS_MAX && (grant = dx_control_grant_of(all->control, epoch, device, i)) != NULL; i++) {
        some = gather(all, grant->id) || some;
    }
    return some;
}

static bool parents_written(const gathering *all, const dx_control_entry *entry) {
    dx_credential credential;
    decode_entry(entry, &credential);
    for (size_t p = 0; p < credential.parent_count; p++) {
        for (size_t i = 0; i < all->count; i++) {
            if (!all->written[i] && memcmp(all->entries[i]->id, credential.parents[p], DX_HASH_SIZE) == 0) {
                return false;
            }
        }
    }
    return true;
}

/* Each behind its parents, so that whoever takes them in order hardly waits. */
static void write_gathered(gathering *all, dx_writer *out) {
    dx_write_array(out, all->count);
    for (size_t done = 0; done < all->count;) {
        for (size_t i = 0; i < all->count; i++) {
            const dx_control_entry *entry = all->entries[i];
            if (!all->written[i] && parents_written(all, entry)) {
                dx_write_bytes(out, dx_bytes_of(entry->bytes, entry->size));
                all->written[i] = true;
                done++;
            }
        }
    }
}

int dx_welcome_encode(const dx_control *control, const uint8_t device[static DX_KEY_SIZE],
                      const dx_bytes *addresses, size_t address_count, dx_buf *out) {
    gathering all = {.control = control, .size_max = DX_WELCOME_SIZE_MAX - FRAME_SIZE_MAX};
    const dx_control_device_row *row = dx_control_device_of(control, device);
    uint8_t commitment[DX_HASH_SIZE];
    uint64_t newest = dx_control_key_epoch(control, commitment);
    if (!row || (control->key_epochs.count > 0 && !dx_control_grant_of(control, newest, device, 0))) {
        return DX_E_NOT_FOUND;
    }
    if (address_count > DX_WELCOME_ADDRESSES_MAX) {
        return DX_E_INVALID;
    }
    for (size_t i = 0; i < address_count; i++) {
        if (!dx_address_check(addresses[i])) {
            return DX_E_INVALID;
        }
        all.size_max -= addresses[i].size + 3;
    }
    const dx_member *member = dx_control_member_of(control, row->identity);
    DX_ASSERT(member); /* devices are those of members */
    if (!gather(&all, member->admission) || !gather(&all, row->credential)) {
        return DX_E_LIMIT;
    }
    for (uint64_t epoch = newest; gather_grants(&all, epoch, device) && epoch > 0; epoch--) {
    }
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, WELCOME_FIELDS);
    dx_write_uint(&writer, WELCOME_VERSION);
    dx_write_bytes(&writer, dx_bytes_of(control->space_id, DX_HASH_SIZE));
    dx_write_bytes(&writer, dx_bytes_of(member->admission, DX_HASH_SIZE));
    write_gathered(&all, &writer);
    dx_write_array(&writer, address_count);
    for (size_t i = 0; i < address_count; i++) {
        dx_write_text_bytes(&writer, addresses[i]);
    }
    return dx_writer_finish(&writer);
}

/* --- Reading ---------------------------------------------------------------------------------- */

dx_bytes dx_welcome_credential(dx_reader *cursor) {
    return dx_read_bytes(cursor);
}

dx_bytes dx_welcome_address(dx_reader *cursor) {
    return dx_read_text(cursor);
}

int dx_welcome_decode(dx_bytes bytes, dx_welcome *out) {
    memset(out, 0, sizeof *out);
    if (bytes.size > DX_WELCOME_SIZE_MAX) {
        return DX_E_MALFORMED;
    }
    dx_reader in;
    dx_reader_init(&in, bytes);
    if (dx_read_array(&in) != WELCOME_FIELDS) {
        dx_reader_fail(&in);
    }
    if (dx_read_uint(&in) != WELCOME_VERSION) {
        dx_reader_fail(&in);
    }
    dx_read_bytes_exact(&in, out->space_id, DX_HASH_SIZE);
    dx_read_bytes_exact(&in, out->admission, DX_HASH_SIZE);
    out->credential_count = dx_read_array(&in);
    const uint8_t *start = in.at;
    for (size_t i = 0; i < out->credential_count && in.error == DX_OK; i++) {
        dx_read_bytes(&in);
    }
    out->credentials = dx_bytes_of(start, (size_t)(in.at - start));
    out->address_count = dx_read_array(&in);
    if (out->address_count > DX_WELCOME_ADDRESSES_MAX) {
        dx_reader_fail(&in);
    }
    start = in.at;
    for (size_t i = 0; i < out->address_count && in.error == DX_OK; i++) {
        if (!dx_address_check(dx_read_text(&in))) {
            dx_reader_fail(&in);
        }
    }
    out->addresses = dx_bytes_of(start, (size_t)(in.at - start));
    return dx_reader_finish(&in);
}

/* --- Judging ---------------------------------------------------------------------------------- */

/* Takes every credential; each must be new and come to stand by the end. */
static int take_all(const dx_welcome *welcome, dx_control *control) {
    dx_reader cursor;
    dx_reader_init(&cursor, welcome->credentials);
    for (size_t i = 0; i < welcome->credential_count; i++) {
        int error = dx_control_take(control, dx_welcome_credential(&cursor), 0);
        if (error == DX_E_NO_MEMORY) {
            return error;
        }
        if (error != DX_OK && error != DX_E_STATE) {
            return DX_E_VERIFY;
        }
    }
    bool sound = dx_control_waiting_count(control) == 0 && dx_control_refused_count(control) == 0;
    return sound ? DX_OK : DX_E_VERIFY;
}

static int judge(const dx_welcome *welcome, dx_control *control, const dx_identity *guest) {
    const dx_control_entry *admission = dx_control_entry_of(control, welcome->admission);
    const dx_control_device_row *device = dx_control_device_of(control, guest->device);
    if (!admission || admission->standing != DX_STANDING_IN_EFFECT ||
        (admission->type != DX_CREDENTIAL_MEMBER && admission->type != DX_CREDENTIAL_SPACE) ||
        memcmp(admission->subject, guest->identity, DX_KEY_SIZE) != 0 || !device ||
        memcmp(device->identity, guest->identity, DX_KEY_SIZE) != 0) {
        return DX_E_VERIFY;
    }
    uint8_t commitment[DX_HASH_SIZE], key[DX_KEY_SIZE];
    uint64_t newest = dx_control_key_epoch(control, commitment);
    if (control->key_epochs.count > 0) {
        size_t tries = SIZE_MAX; /* a welcome's size bounds them */
        int error = dx_control_open_key(control, newest, guest->device, guest->noise_secret, &tries, key);
        dx_wipe(key, sizeof key);
        return error == DX_OK ? DX_OK : DX_E_VERIFY;
    }
    return DX_OK;
}

int dx_welcome_verify(const dx_welcome *welcome, const dx_alloc *alloc, const dx_identity *guest,
                      dx_control **out) {
    dx_control *control;
    int error = dx_control_create(alloc, welcome->space_id, &control);
    if (error == DX_OK) {
        error = take_all(welcome, control);
    }
    if (error == DX_OK) {
        error = judge(welcome, control, guest);
    }
    if (error != DX_OK || !out) {
        dx_control_destroy(control);
        control = NULL;
    }
    if (out) {
        *out = control;
    }
    return error;
}
