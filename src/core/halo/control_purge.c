/* halo/control_purge.c: purges of a control state: read, kept, asked about. Contract in control_purge.h.
 *
 * Layer: floor 1, halo. */
#include "halo/control_purge.h"

#include <string.h>

#include "halo/control_state.h"

/* --- Reading ------------------------------------------------------------------------------------ */

/* Where the places of a PURGE are read. */
typedef struct place_reader {
    dx_reader in;
    size_t feeds;   /* that follow */
    size_t numbers; /* of the feed under way: pairs of them */
    bool begun;     /* last is one */
    dx_purge_place last;
} place_reader;

static int compare_places(const dx_purge_place *a, const dx_purge_place *b) {
    int order = memcmp(a->feed, b->feed, sizeof a->feed);
    if (order != 0) {
        return order;
    }
    return a->seq != b->seq ? (a->seq > b->seq) - (a->seq < b->seq)
                            : (a->index > b->index) - (a->index < b->index);
}

static void begin_places(place_reader *self, dx_bytes item) {
    *self = (place_reader){.feeds = 0};
    dx_reader_init(&self->in, item);
    self->feeds = item.size == 0 ? 0 : dx_read_array(&self->in);
}

/* False: no more, or what follows is none (in.error). */
static bool next_place(place_reader *self, dx_purge_place *out) {
    if (self->numbers == 0) {
        if (self->feeds == 0) {
            return false;
        }
        self->feeds--;
        if (dx_read_array(&self->in) != 2) {
            dx_reader_fail(&self->in);
        }
        dx_read_bytes_exact(&self->in, out->feed, sizeof out->feed);
        self->numbers = dx_read_array(&self->in);
        bool ascends = !self->begun || memcmp(self->last.feed, out->feed, sizeof out->feed) < 0;
        if (self->numbers == 0 || self->numbers % 2 != 0 || !ascends) {
            dx_reader_fail(&self->in);
        }
    } else {
        memcpy(out->feed, self->last.feed, sizeof out->feed);
    }
    out->seq = dx_read_uint(&self->in);
    out->index = dx_read_uint(&self->in);
    if (out->seq >= DX_FEED_LENGTH_MAX || out->index >= DX_BLOCK_SECTIONS_MAX ||
        (self->begun && compare_places(&self->last, out) >= 0)) {
        dx_reader_fail(&self->in);
    }
    self->numbers -= self->numbers < 2 ? self->numbers : 2;
    self->last = *out;
    self->begun = true;
    return self->in.error == DX_OK;
}

static bool are_places(dx_bytes item) {
    place_reader reader;
    dx_purge_place place;
    size_t count = 0;
    begin_places(&reader, item);
    while (count <= DX_PURGE_PLACES_MAX && next_place(&reader, &place)) {
        count++;
    }
    return count != 0 && count <= DX_PURGE_PLACES_MAX && dx_reader_finish(&reader.in) == DX_OK;
}

bool dx_purge_is_in_form(const dx_credential *credential) {
    dx_reader in;
    dx_reader_init(&in, credential->claims);
    size_t claims = dx_read_map(&in);
    bool named = dx_item_bytes(dx_credential_claim(credential, 1)).size == DX_PURGED_ID_SIZE;
    return named && (claims == 1 || (claims == 2 && are_places(dx_credential_claim(credential, 2))));
}

/* --- Keeping ------------------------------------------------------------------------------------ */

static int compare_purge(const void *item, const void *key) {
    return memcmp(item, key, DX_PURGED_ID_SIZE);
}

int dx_control_add_purge(dx_control *control, const dx_control_entry *entry,
                         const dx_credential *credential) {
    const uint8_t *id = dx_item_bytes(dx_credential_claim(credential, 1)).data;
    size_t at = dx_sorted_find(&control->purges, id, compare_purge);
    const uint8_t *there = dx_sorted_at(&control->purges, at);
    for (size_t i = 0; i < sizeof control->purge_version; i++) { /* ids are hashes: order is no matter */
        control->purge_version += (uint64_t)entry->id[i] << 8 * i;
    }
    control->purge_version |= 1;
    if (there && memcmp(there, id, DX_PURGED_ID_SIZE) == 0) {
        return DX_OK;
    }
    void *slot = dx_sorted_open(&control->purges, control->alloc, at);
    if (!slot) {
        return DX_E_NO_MEMORY;
    }
    memcpy(slot, id, DX_PURGED_ID_SIZE);
    return DX_OK;
}

/* --- Asking ------------------------------------------------------------------------------------- */

bool dx_control_is_purged(const dx_control *control, const uint8_t id[static DX_PURGED_ID_SIZE]) {
    return dx_sorted_get(&control->purges, id, compare_purge) != NULL;
}

size_t dx_control_purge_count(const dx_control *control) {
    return control->purges.count;
}

const uint8_t *dx_control_purge(const dx_control *control, size_t index) {
    return dx_sorted_at(&control->purges, index);
}

uint64_t dx_control_purge_version(const dx_control *control) {
    return control->purge_version;
}

static bool is_own_feed(const dx_control *control, const dx_control_entry *entry,
                        const uint8_t prefix[static DX_PREFIX_SIZE]) {
    const dx_admitted_feed *feed = dx_control_feed_by_prefix(control, prefix);
    return feed && memcmp(feed->owner, entry->issuer, DX_KEY_SIZE) == 0;
}

int dx_control_purge_places(const dx_control *control,
                            int (*on_place)(void *ctx, const uint8_t *id, const dx_purge_place *place),
                            void *ctx) {
    int error = DX_OK;
    for (size_t i = 0; i < control->entries.count && error == DX_OK; i++) {
        const dx_control_entry *entry = *(dx_control_entry *const *)dx_sorted_at(&control->entries, i);
        dx_credential credential;
        place_reader reader;
        dx_purge_place place;
        if (entry->type != DX_CREDENTIAL_PURGE || entry->standing != DX_STANDING_IN_EFFECT) {
            continue;
        }
        error = dx_credential_decode(dx_bytes_of(entry->bytes, entry->size), &credential);
        DX_ASSERT(error == DX_OK);
        const uint8_t *id = dx_item_bytes(dx_credential_claim(&credential, 1)).data;
        bool all = dx_control_role(control, entry->issuer) >= DX_ROLE_ADMIN;
        begin_places(&reader, dx_credential_claim(&credential, 2));
        while (error == DX_OK && next_place(&reader, &place)) {
            error = all || is_own_feed(control, entry, place.feed) ? on_place(ctx, id, &place) : DX_OK;
        }
    }
    return error;
}

/* --- Epochs ------------------------------------------------------------------------------------- */

static uint64_t seq_of(const uint8_t id[static DX_PURGED_ID_SIZE]) {
    uint64_t seq = 0;
    for (size_t i = 0; i < 4; i++) {
        seq = seq << 8 | id[DX_PREFIX_SIZE + i];
    }
    return seq;
}

void dx_control_purged_below(const dx_control *control, dx_bytes cut, size_t cut_count,
                             uint8_t out[static DX_HASH_SIZE]) {
    dx_hash_state hash;
    dx_reader cursor;
    dx_dependency entry = {.length = 0};
    bool any = false, is_one = false;
    dx_reader_init(&cursor, cut);
    dx_hash_begin(&hash, DX_HASH_PURGED, dx_bytes_of(NULL, 0));
    for (size_t i = 0; i < control->purges.count; i++) { /* both ascend */
        const uint8_t *id = dx_sorted_at(&control->purges, i);
        while ((!is_one || memcmp(entry.feed, id, sizeof entry.feed) < 0) && cut_count > 0 &&
               dx_block_dependency(&cursor, &entry) == DX_OK) {
            is_one = true;
            cut_count--;
        }
        if (is_one && memcmp(entry.feed, id, sizeof entry.feed) == 0 && seq_of(id) < entry.length) {
            dx_hash_add(&hash, id, DX_PURGED_ID_SIZE);
            any = true;
        }
    }
    dx_hash_end(&hash, out);
    if (!any) {
        memset(out, 0, DX_HASH_SIZE);
    }
}

bool dx_control_epoch_is_stale(const dx_control *control, const dx_epoch *epoch) {
    uint8_t purged[DX_HASH_SIZE];
    dx_control_purged_below(control, epoch->cut, epoch->cut_count, purged);
    return memcmp(purged, epoch->purged, sizeof purged) != 0;
}
