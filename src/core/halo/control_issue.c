/* halo/control_issue.c: credentials of a space, issued with the parents they rest on.
 *
 * Layer: floor 1, halo. Contract in halo/control.h. What is issued here is judged like anything else; these
 * functions refuse early what the rules would refuse everywhere. */
#include "halo/control_epoch.h"
#include "halo/control_state.h"

#include <string.h>

enum { CLAIMS_SIZE_MAX = 160, PREMISES_MAX = 4 };

/* A statement being made, with the storage it points into. */
typedef struct draft {
    dx_statement statement;
    uint8_t parents[PREMISES_MAX][DX_HASH_SIZE];
    dx_buf claims;
    dx_writer writer;
} draft;

static void add_parent(draft *made, const uint8_t id[static DX_HASH_SIZE]) {
    memcpy(made->parents[made->statement.parent_count++], id, DX_HASH_SIZE);
}

/* Names the issuer's device and right as parents. DX_E_DENIED when there is no such right. */
static int begin_draft(const dx_control *control, const dx_identity *by, dx_credential_type type,
                       dx_role needed, const uint8_t *subject, dx_buf *out, draft *made) {
    memset(made, 0, sizeof *made);
    dx_buf_init(&made->claims, out->alloc,
                type == DX_CREDENTIAL_EPOCH   ? DX_EPOCH_SIZE_MAX
                : type == DX_CREDENTIAL_PURGE ? DX_CREDENTIAL_SIZE_MAX
                                              : CLAIMS_SIZE_MAX);
    dx_writer_init(&made->writer, &made->claims);
    const dx_member *member = dx_control_member_of(control, by->identity);
    const dx_control_device_row *device = dx_control_device_of(control, by->device);
    if (!member || member->role < needed || !device ||
        memcmp(device->identity, by->identity, DX_KEY_SIZE) != 0) {
        return DX_E_DENIED;
    }
    made->statement = (dx_statement){.type = type,
                                     .issuer = by->identity,
                                     .subject = subject,
                                     .space = control->space_id,
                                     .parents = (const uint8_t(*)[DX_HASH_SIZE])made->parents};
    add_parent(made, device->credential);
    add_parent(made, member->admission);
    return DX_OK;
}

/* Signs what was made, unless an error came before; frees it. */
static int end_draft(draft *made, int error, const dx_identity *by, dx_buf *out) {
    if (error == DX_OK) {
        error = dx_writer_finish(&made->writer);
    }
    if (error == DX_OK) {
        made->statement.claims = dx_buf_view(&made->claims);
        error = dx_credential_issue(&made->statement, &by->device_key, out);
    }
    dx_buf_deinit(&made->claims);
    return error;
}

int dx_control_issue_member(const dx_control *control, const dx_identity *by,
                            const uint8_t identity[static DX_KEY_SIZE], dx_role role, dx_bytes invitation_id,
                            dx_buf *out) {
    draft made;
    int error = dx_control_may_admit(control, by->identity, role);
    if (error != DX_OK) {
        return error;
    }
    if (memcmp(identity, by->identity, DX_KEY_SIZE) == 0) {
        return DX_E_DENIED;
    }
    if (invitation_id.size != 0 && invitation_id.size != 16) {
        return DX_E_INVALID;
    }
    error = begin_draft(control, by, DX_CREDENTIAL_MEMBER, DX_ROLE_ADMIN, identity, out, &made);
    dx_write_map(&made.writer, invitation_id.size ? 2 : 1);
    dx_write_uint(&made.writer, 1);
    dx_write_uint(&made.writer, (uint64_t)role);
    if (invitation_id.size) {
        dx_write_uint(&made.writer, 2);
        dx_write_bytes(&made.writer, invitation_id);
    }
    return end_draft(&made, error, by, out);
}

int dx_control_issue_feed(const dx_control *control, const dx_identity *by, dx_feed_class feed_class,
                          const uint8_t feed_key[static DX_KEY_SIZE], dx_buf *out) {
    draft made;
    int error = begin_draft(control, by, DX_CREDENTIAL_FEED, DX_ROLE_PULL, feed_key, out, &made);
    dx_write_map(&made.writer, 1);
    dx_write_uint(&made.writer, 1);
    dx_write_uint(&made.writer, (uint64_t)feed_class);
    return end_draft(&made, error, by, out);
}

int dx_control_issue_key_epoch(const dx_control *control, const dx_identity *by, uint64_t epoch,
                               const uint8_t key[static DX_KEY_SIZE], dx_buf *out) {
    draft made;
    uint8_t commitment[DX_HASH_SIZE];
    dx_role needed = epoch == 0 ? DX_ROLE_OWNER : DX_ROLE_ADMIN;
    int error = begin_draft(control, by, DX_CREDENTIAL_KEY_EPOCH, needed, control->space_id, out, &made);
    if (error == DX_OK && epoch > 0) {
        const dx_control_entry *before = dx_control_key_epoch_of(control, epoch - 1);
        if (before) {
            add_parent(&made, before->id);
        } else {
            error = DX_E_INVALID;
        }
    }
    dx_key_commitment(key, commitment);
    dx_write_map(&made.writer, 2);
    dx_write_uint(&made.writer, 1);
    dx_write_uint(&made.writer, epoch);
    dx_write_uint(&made.writer, 2);
    dx_write_bytes(&made.writer, dx_bytes_of(commitment, sizeof commitment));
    return end_draft(&made, error, by, out);
}

/* The epoch this key belongs to; NULL when it is not in effect or commits to another key. */
static const dx_control_entry *epoch_of_key(const dx_control *control, uint64_t epoch,
                                            const uint8_t key[static DX_KEY_SIZE]) {
    uint8_t wanted[DX_HASH_SIZE], commitment[DX_HASH_SIZE];
    const dx_control_entry *entry = dx_control_key_epoch_of(control, epoch);
    if (!entry) {
        return NULL;
    }
    dx_control_commitment(entry, wanted);
    dx_key_commitment(key, commitment);
    return memcmp(wanted, commitment, DX_HASH_SIZE) == 0 ? entry : NULL;
}

int dx_control_issue_key_grant(const dx_control *control, const dx_identity *by, const dx_random *random,
                               uint64_t epoch, const uint8_t key[static DX_KEY_SIZE],
                               const uint8_t device[static DX_KEY_SIZE],
                               const uint8_t noise[static DX_KEY_SIZE], dx_buf *out) {
    draft made;
    uint8_t sealed[DX_SEALED_KEY_SIZE], ephemeral[DX_KEY_SIZE];
    const dx_control_entry *granted = epoch_of_key(control, epoch, key);
    if (!granted) {
        return DX_E_INVALID;
    }
    random->fill(random->ctx, ephemeral, sizeof ephemeral);
    int sealing = dx_seal(noise, ephemeral, dx_bytes_of(key, DX_KEY_SIZE), sealed);
    dx_wipe(ephemeral, sizeof ephemeral);
    if (sealing != DX_OK) {
        return DX_E_INVALID; /* a noise key of low order */
    }
    int error = begin_draft(control, by, DX_CREDENTIAL_KEY_GRANT, DX_ROLE_ADMIN, device, out, &made);
    if (error == DX_OK) {
        add_parent(&made, granted->id);
    }
    dx_write_map(&made.writer, 2);
    dx_write_uint(&made.writer, 1);
    dx_write_uint(&made.writer, epoch);
    dx_write_uint(&made.writer, 2);
    dx_write_bytes(&made.writer, dx_bytes_of(sealed, sizeof sealed));
    return end_draft(&made, error, by, out);
}

/* DX_E_INVALID: the draft's cut is not one that may follow. */
static int check_next(const dx_epoch_draft *said, const dx_epoch *current, const dx_alloc *alloc) {
    dx_epoch next = {.cut_count = said->cut_count};
    dx_reader in;
    dx_writer writer;
    dx_buf cut;
    dx_buf_init(&cut, alloc, DX_EPOCH_SIZE_MAX);
    dx_writer_init(&writer, &cut);
    int error = dx_dependencies_write(&writer, said->cut, said->cut_count);
    error = error != DX_OK ? error : dx_writer_finish(&writer);
    dx_reader_init(&in, dx_buf_view(&cut));
    dx_dependencies_read(&in, &next.cut_count, &next.cut);
    bool follows = error == DX_OK && (current == NULL || dx_epoch_dominates(&next, current));
    dx_buf_deinit(&cut);
    return error != DX_OK || follows ? error : DX_E_INVALID;
}

int dx_control_issue_epoch(const dx_control *control, const dx_identity *by, const dx_epoch_draft *said,
                           dx_buf *out) {
    draft made;
    dx_epoch current;
    bool follows = dx_control_current_epoch(control, &current);
    int error = said->cut_count == 0 ? DX_E_INVALID : check_next(said, follows ? &current : NULL, out->alloc);
    if (error != DX_OK) {
        return error;
    }
    error = begin_draft(control, by, DX_CREDENTIAL_EPOCH, DX_ROLE_ADMIN, control->space_id, out, &made);
    if (error == DX_OK && follows) {
        add_parent(&made, current.id);
    }
    bool purged = dx_epoch_leaves_out(said->purged);
    dx_write_map(&made.writer, purged ? 7 : 6);
    dx_write_uint(&made.writer, 1);
    dx_write_uint(&made.writer, follows ? current.number + 1 : 1);
    dx_write_uint(&made.writer, 2);
    error = error != DX_OK ? error : dx_dependencies_write(&made.writer, said->cut, said->cut_count);
    dx_write_uint(&made.writer, 3);
    dx_write_bytes(&made.writer, dx_bytes_of(said->root, sizeof said->root));
    dx_write_uint(&made.writer, 4);
    dx_write_uint(&made.writer, said->size_bytes);
    dx_write_uint(&made.writer, 5);
    dx_write_uint(&made.writer, said->key_epoch);
    dx_write_uint(&made.writer, 6);
    dx_write_uint(&made.writer, DX_EPOCH_FORMAT);
    if (purged) {
        dx_write_uint(&made.writer, 7);
        dx_write_bytes(&made.writer, dx_bytes_of(said->purged, sizeof said->purged));
    }
    return end_draft(&made, error, by, out);
}

int dx_control_issue_epoch_ack(const dx_control *control, const dx_identity *by,
                               const uint8_t epoch[static DX_HASH_SIZE], dx_buf *out) {
    draft made;
    dx_epoch about;
    if (!dx_control_epoch(control, epoch, &about)) {
        return DX_E_NOT_FOUND;
    }
    int error =
        begin_draft(control, by, DX_CREDENTIAL_EPOCH_ACK, DX_ROLE_EDITOR, control->space_id, out, &made);
    if (error == DX_OK) {
        add_parent(&made, about.id);
    }
    dx_write_map(&made.writer, 1);
    dx_write_uint(&made.writer, 1);
    dx_write_bytes(&made.writer, dx_bytes_of(about.id, sizeof about.id));
    return end_draft(&made, error, by, out);
}

/* The FEED of the issuer in which the entity was made; NULL: none. */
static const dx_control_entry *find_maker(const dx_control *control, const dx_identity *by,
                                          const uint8_t *id) {
    const dx_admitted_feed *made = NULL;
    for (size_t i = 0; i < dx_control_feed_count(control) && !made; i++) {
        const dx_admitted_feed *feed = dx_control_feed(control, i);
        made = memcmp(feed->id, id, DX_PREFIX_SIZE) == 0 ? feed : NULL;
    }
    for (size_t i = 0; made && i < control->entries.count; i++) {
        const dx_control_entry *entry = *(dx_control_entry *const *)dx_sorted_at(&control->entries, i);
        if (entry->type == DX_CREDENTIAL_FEED && entry->standing == DX_STANDING_IN_EFFECT &&
            memcmp(entry->subject, made->identity.key, DX_KEY_SIZE) == 0 &&
            memcmp(entry->issuer, by->identity, DX_KEY_SIZE) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* How many places fit into the claims of one credential, and how many of these are of one feed. */
static size_t fitting_places(const dx_purge_place *places, size_t count, size_t *feeds) {
    enum { FEED_SIZE = 21, PLACE_SIZE = 8, ROOM = DX_CREDENTIAL_SIZE_MAX / 2 };
    size_t taken = 0, size = 0;
    for (*feeds = 0; taken < count && taken < DX_PURGE_PLACES_MAX; taken++) {
        bool next = taken == 0 || memcmp(places[taken].feed, places[taken - 1].feed, DX_PREFIX_SIZE) != 0;
        size += next ? (size_t)FEED_SIZE + PLACE_SIZE : (size_t)PLACE_SIZE;
        if (size > ROOM) {
            break;
        }
        *feeds += next;
    }
    return taken;
}

static void write_places(dx_writer *writer, const dx_purge_place *places, size_t count, size_t feeds) {
    dx_write_array(writer, feeds);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && memcmp(places[end].feed, places[i].feed, DX_PREFIX_SIZE) == 0;) {
            end++;
        }
        dx_write_array(writer, 2);
        dx_write_bytes(writer, dx_bytes_of(places[i].feed, DX_PREFIX_SIZE));
        dx_write_array(writer, 2 * (end - i));
        for (size_t at = i; at < end; at++) {
            dx_write_uint(writer, places[at].seq);
            dx_write_uint(writer, places[at].index);
        }
    }
}

int dx_control_issue_purge(const dx_control *control, const dx_identity *by,
                           const uint8_t id[static DX_PURGED_ID_SIZE], const dx_purge_place *places,
                           size_t count, size_t *taken, dx_buf *out) {
    draft made;
    size_t feeds;
    bool may = dx_control_role(control, by->identity) >= DX_ROLE_ADMIN;
    const dx_control_entry *maker = may ? NULL : find_maker(control, by, id);
    *taken = fitting_places(places, count, &feeds);
    if (!may && !maker) {
        return DX_E_DENIED;
    }
    int error = begin_draft(control, by, DX_CREDENTIAL_PURGE, may ? DX_ROLE_ADMIN : DX_ROLE_PULL,
                            control->space_id, out, &made);
    if (error == DX_OK && maker) {
        add_parent(&made, maker->id);
    }
    dx_write_map(&made.writer, *taken != 0 ? 2 : 1);
    dx_write_uint(&made.writer, 1);
    dx_write_bytes(&made.writer, dx_bytes_of(id, DX_PURGED_ID_SIZE));
    if (*taken != 0) {
        dx_write_uint(&made.writer, 2);
        write_places(&made.writer, places, *taken, feeds);
    }
    return end_draft(&made, error, by, out);
}
