/* sync/hearsay.c: control feeds a peer told of that nobody has admitted here. See session.h.
 *
 * Layer: floor 1, sync. Anybody can make a key and sign heads with it in any device's name, so what was announced
 * is worth nothing yet and is kept in the session alone, where it takes no place from what others tell. Its first
 * block shows whether the device made it: it carries the feed's admission, signed by the device. Only then, or
 * once the control state knows the feed, does it become a feed of the space. */
#include <string.h>

#include "base/limits.h"
#include "sync/session.h"

/* Where the feed is, or belongs. */
static size_t place_of(const dx_session *session, const uint8_t id[static DX_HASH_SIZE]) {
    size_t low = 0, high = session->hearsay_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (memcmp(session->hearsay[middle].id, id, DX_HASH_SIZE) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

dx_session_hearsay *dx_session_find_hearsay(const dx_session *session,
                                            const uint8_t id[static DX_HASH_SIZE]) {
    size_t at = place_of(session, id);
    bool found = at < session->hearsay_count && memcmp(session->hearsay[at].id, id, DX_HASH_SIZE) == 0;
    return found ? &session->hearsay[at] : NULL;
}

static int reserve(dx_session *session) {
    if (session->hearsay_count < session->hearsay_capacity) {
        return DX_OK;
    }
    const dx_alloc *alloc = session->replica->replication->context->alloc;
    size_t capacity = session->hearsay_capacity == 0 ? 8 : session->hearsay_capacity * 2;
    dx_session_hearsay *grown = dx_alloc_grow(
        alloc, session->hearsay, session->hearsay_capacity * sizeof *grown, capacity * sizeof *grown);
    if (grown == NULL) {
        return DX_E_NO_MEMORY;
    }
    session->hearsay = grown;
    session->hearsay_capacity = capacity;
    return DX_OK;
}

int dx_session_note_hearsay(dx_session *session, const dx_sync_entry *entry,
                            const uint8_t id[static DX_HASH_SIZE]) {
    int error = dx_head_verify(&entry->head, session->replica->space->id, id, entry->key);
    dx_session_hearsay *known = dx_session_find_hearsay(session, id);
    if (error != DX_OK) {
        return error;
    }
    if (known != NULL) {
        known->entry = entry->head.length > known->entry.head.length ? *entry : known->entry;
        return DX_OK;
    }
    size_t most =
        session->state == DX_SESSION_MEMBER ? DX_SYNC_UNADMITTED_FEEDS_MAX : DX_SYNC_STRANGER_FEEDS_MAX;
    if (session->hearsay_count >= most) {
        return DX_OK; /* asked about again when more was admitted */
    }
    error = reserve(session);
    if (error != DX_OK) {
        return error;
    }
    size_t at = place_of(session, id);
    memmove(&session->hearsay[at + 1], &session->hearsay[at],
            (session->hearsay_count - at) * sizeof session->hearsay[0]);
    session->hearsay_count++;
    session->hearsay[at] = (dx_session_hearsay){.entry = *entry};
    memcpy(session->hearsay[at].id, id, DX_HASH_SIZE);
    return DX_OK;
}

void dx_session_drop_hearsay(dx_session *session, dx_session_hearsay *hearsay) {
    size_t at = (size_t)(hearsay - session->hearsay);
    session->hearsay_count--;
    memmove(hearsay, hearsay + 1, (session->hearsay_count - at) * sizeof *hearsay);
}

/* Whether a section is the admission of this feed by the device in whose name it was announced. */
static bool admits(const dx_session *session, const dx_sync_entry *entry, dx_bytes section) {
    dx_credential credential;
    return dx_credential_decode(section, &credential) == DX_OK && credential.type == DX_CREDENTIAL_FEED &&
           credential.has_space && memcmp(credential.space, session->replica->space->id, DX_HASH_SIZE) == 0 &&
           memcmp(credential.subject, entry->key, DX_KEY_SIZE) == 0 &&
           memcmp(credential.signer, entry->device, DX_KEY_SIZE) == 0 &&
           dx_credential_verify(&credential) == DX_OK;
}

bool dx_session_is_proven(const dx_session *session, const dx_sync_entry *entry, const dx_sync_data *data) {
    dx_block block;
    if (data->from != 0 || data->block_count == 0 || dx_block_decode(data->blocks[0], &block) != DX_OK) {
        return false;
    }
    dx_reader cursor;
    dx_reader_init(&cursor, block.sections);
    bool proven = false;
    for (size_t i = 0; i < block.section_count && !proven; i++) {
        dx_bytes section;
        bool hole;
        if (dx_block_section(&cursor, &section, &hole) != DX_OK) {
            return false;
        }
        proven = !hole && admits(session, entry, section);
    }
    return proven;
}

/* Whether another session is bringing this feed's beginning; when it stalls, at *until_ms, this one takes over. */
static bool comes_from_elsewhere(const dx_session *session, const uint8_t id[static DX_HASH_SIZE],
                                 uint64_t *until_ms) {
    uint64_t now_ms = session->replica->replication->context->now_ms;
    for (const dx_session *other = session->replica->sessions; other != NULL; other = other->next) {
        const dx_session_hearsay *theirs = other == session ? NULL : dx_session_find_hearsay(other, id);
        if (theirs != NULL && theirs->asked && !theirs->passed_over &&
            now_ms - theirs->asked_ms < DX_SYNC_STALL_MS) {
            *until_ms = theirs->asked_ms + DX_SYNC_STALL_MS;
            return true;
        }
    }
    return false;
}

int dx_session_fetch_hearsay(dx_session *session, bool *pending, uint64_t *deadline_ms) {
    dx_replication *replication = session->replica->replication;
    for (size_t i = 0; i < session->hearsay_count; i++) {
        dx_session_hearsay *hearsay = &session->hearsay[i];
        if (hearsay->passed_over) {
            continue;
        }
        *pending = true;
        uint64_t until_ms = DX_NO_DEADLINE;
        if (hearsay->asked || comes_from_elsewhere(session, hearsay->id, &until_ms)) {
            *deadline_ms = until_ms < *deadline_ms ? until_ms : *deadline_ms;
            continue;
        }
        hearsay->asked = true;
        hearsay->asked_ms = replication->context->now_ms;
        dx_sync_want_write(hearsay->id, 0, &replication->message);
        int error = dx_session_send(session);
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}
