/* node/epochs.c: see epochs.h.
 *
 * Layer: floor 1, node. */
#include "node/dropping.h"

#include <string.h>

#include "base/limits.h"
#include "base/trace.h"
#include "echo/epoch_word.h"
#include "echo/refused.h"
#include "halo/control_purge.h"

typedef enum work_kind { WORK_NONE, WORK_MAKING, WORK_CHECKING } work_kind;

/* What is under way of one space, and when there is reason to look again. */
typedef struct dx_epoch_work {
    struct dx_epoch_work *next;
    int64_t space;
    work_kind kind;
    dx_snapshot *snapshot;
    dx_cut cut;                 /* of the snapshot */
    uint64_t number, key_epoch; /* likewise */
    uint8_t id[DX_HASH_SIZE];   /* CHECKING: of the epoch */
    bool asked;                 /* somebody wants one made now */
    bool answered;              /* and it was, or could not be: outcome, made */
    int outcome;
    uint8_t made[DX_HASH_SIZE];
    uint64_t looked;     /* what there was to look at when nothing was due */
    uint64_t look_ms;    /* when to look all the same; 0: at once */
    uint64_t weighed;    /* the standing of blocks and epochs when they were weighed last; 0: weigh them */
    uint64_t state_size; /* of a snapshot that was made and did not outweigh its blocks; 0: none */
    uint64_t
        stale_ms; /* since when the current epoch has something that was purged, and none follows it; 0: not so */
    uint64_t weigh_ms; /* not to be weighed before */
    uint64_t heavy_ms; /* since when there is enough for an epoch; 0: there is not */
} dx_epoch_work;

static void note(dx_node *node, const dx_space *space, const char *what, uint64_t number) {
    dx_trace(node->context.tracer, "node", "space %lld: epoch %llu: %s", (long long)space->local,
             (unsigned long long)number, what);
}

/* --- Rows ------------------------------------------------------------------------------------------ */

const char *dx_epoch_verdict_name(dx_epoch_verdict verdict) {
    switch (verdict) {
    case DX_EPOCH_RIGHT:
        return "right";
    case DX_EPOCH_MISMATCH:
        return "mismatch";
    case DX_EPOCH_LOADED:
        return "loaded";
    case DX_EPOCH_UNSEEN:
        break;
    }
    return "unseen";
}

int dx_node_epoch_verdict(dx_node *node, dx_space *space, const uint8_t id[static DX_HASH_SIZE],
                          dx_epoch_verdict *verdict, uint64_t *since_ms) {
    sqlite3_stmt *select =
        dx_store_query(node->store, "SELECT verdict, since_ms FROM epoch_seen WHERE space = ?1 AND id = ?2");
    dx_bind_int(select, 1, space->local);
    dx_bind_bytes(select, 2, dx_bytes_of(id, DX_HASH_SIZE));
    bool there = dx_step(node->store, select);
    int64_t stored = there ? dx_column_int(select, 0) : DX_EPOCH_UNSEEN;
    *since_ms = there ? (uint64_t)dx_column_int(select, 1) : 0;
    dx_step_reset(select);
    *verdict =
        stored >= DX_EPOCH_UNSEEN && stored <= DX_EPOCH_LOADED ? (dx_epoch_verdict)stored : DX_EPOCH_UNSEEN;
    return dx_store_error(node->store);
}

int dx_node_save_verdict(dx_node *node, dx_space *space, const uint8_t id[static DX_HASH_SIZE],
                         dx_epoch_verdict verdict, uint64_t since_ms) {
    sqlite3_stmt *insert = dx_store_query(
        node->store,
        "INSERT OR REPLACE INTO epoch_seen(space, id, verdict, since_ms) VALUES(?1, ?2, ?3, ?4)");
    dx_bind_int(insert, 1, space->local);
    dx_bind_bytes(insert, 2, dx_bytes_of(id, DX_HASH_SIZE));
    dx_bind_int(insert, 3, (int64_t)verdict);
    dx_bind_int(insert, 4, (int64_t)since_ms);
    return dx_step_done(node->store, insert);
}

static int set_verdict(dx_node *node, dx_space *space, const uint8_t id[static DX_HASH_SIZE],
                       dx_epoch_verdict verdict) {
    dx_epoch_verdict before;
    uint64_t since_ms;
    int error = dx_node_epoch_verdict(node, space, id, &before, &since_ms);
    return error != DX_OK ? error : dx_node_save_verdict(node, space, id, verdict, since_ms);
}

/* --- Work ------------------------------------------------------------------------------------------ */

static dx_epoch_work *find_work(dx_node *node, int64_t local) {
    dx_epoch_work *work = node->epochs;
    while (work != NULL && work->space != local) {
        work = work->next;
    }
    return work;
}

/* NULL: no memory. */
static dx_epoch_work *work_of(dx_node *node, const dx_space *space) {
    dx_epoch_work *work = find_work(node, space->local);
    if (work == NULL) {
        work = dx_alloc_take_zeroed(node->context.alloc, sizeof *work);
        if (work != NULL) {
            work->space = space->local;
            work->weigh_ms = node->context.now_ms + DX_EPOCH_WEIGH_MS;
            work->next = node->epochs;
            dx_cut_init(&work->cut, node->context.alloc);
            node->epochs = work;
        }
    }
    return work;
}

static int read_choice(dx_node *node, int64_t local, bool *by_hand) {
    sqlite3_stmt *select = dx_store_query(node->store, "SELECT 1 FROM epoch_by_hand WHERE space = ?1");
    dx_bind_int(select, 1, local);
    *by_hand = dx_step(node->store, select);
    dx_step_reset(select);
    return dx_store_error(node->store);
}

static void end_work(dx_epoch_work *work) {
    dx_snapshot_destroy(work->snapshot);
    work->snapshot = NULL;
    work->kind = WORK_NONE;
    dx_cut_deinit(&work->cut);
}

void dx_node_drop_epochs(dx_node *node, int64_t local) {
    for (dx_epoch_work **at = &node->epochs; *at != NULL;) {
        dx_epoch_work *work = *at;
        if (local != 0 && work->space != local) {
            at = &work->next;
            continue;
        }
        *at = work->next;
        end_work(work);
        dx_alloc_free(node->context.alloc, work, sizeof *work);
    }
}

int dx_node_forget_epochs(dx_node *node, int64_t local) {
    dx_node_drop_epochs(node, local);
    sqlite3_stmt *remove = dx_store_query(node->store, "DELETE FROM epoch_seen WHERE space = ?1");
    dx_bind_int(remove, 1, local);
    int error = dx_step_done(node->store, remove);
    if (error == DX_OK) {
        remove = dx_store_query(node->store, "DELETE FROM epoch_by_hand WHERE space = ?1");
        dx_bind_int(remove, 1, local);
        error = dx_step_done(node->store, remove);
    }
    return error;
}

int dx_node_epochs_by_hand(dx_node *node, const dx_space *space, bool *by_hand) {
    return read_choice(node, space->local, by_hand);
}

int dx_node_set_epochs_by_hand(dx_node *node, const dx_space *space, bool by_hand) {
    dx_epoch_work *work = find_work(node, space->local);
    sqlite3_stmt *change =
        dx_store_query(node->store, by_hand ? "INSERT OR IGNORE INTO epoch_by_hand(space) VALUES(?1)"
                                            : "DELETE FROM epoch_by_hand WHERE space = ?1");
    dx_bind_int(change, 1, space->local);
    if (work != NULL) { /* it is weighed anew */
        work->weighed = work->heavy_ms = work->looked = work->look_ms = 0;
    }
    return dx_step_done(node->store, change);
}

static bool may(const dx_node *node, const dx_space *space, dx_role role) {
    return node->identity.present && dx_control_role(space->control, node->identity.identity) >= role;
}

static bool is_own(const dx_node *node, const dx_epoch *epoch) {
    return node->identity.present && memcmp(epoch->signer, node->identity.device, DX_KEY_SIZE) == 0;
}

static int begin_work(dx_node *node, dx_space *space, dx_epoch_work *work, work_kind kind) {
    const dx_snapshot_plan plan = {.number = work->number, .key_epoch = work->key_epoch, .cut = &work->cut};
    int error = dx_snapshot_begin(&node->context, space, &plan, &work->snapshot);
    work->kind = error == DX_OK ? kind : WORK_NONE;
    if (error == DX_OK) {
        note(node, space, kind == WORK_MAKING ? "being made" : "being checked", work->number);
    }
    return error;
}

/* --- Making ---------------------------------------------------------------------------------------- */

static void answer(dx_epoch_work *work, int outcome) {
    work->answered = work->asked;
    work->outcome = outcome;
}

/* Whoever asks while it is under way gets the same answer. */
static bool is_asked(const dx_epoch_work *work) {
    return work->asked && !work->answered;
}

static uint64_t next_number(const dx_space *space) {
    dx_epoch current;
    return dx_control_current_epoch(space->control, &current) ? current.number + 1 : 1;
}

static bool dominates_all(const dx_space *space, const dx_epoch *epoch) {
    dx_epoch other;
    bool all = true;
    for (size_t i = 0; all && dx_control_epoch_at(space->control, i, &other); i++) {
        all = !other.confirmed || dx_epoch_dominates(epoch, &other);
    }
    return all;
}

/* Whether a confirmed epoch has something that the current one has not, so that who builds on it waits for one that has all;
 * and this device has not made that one yet. */
static bool has_rivals(const dx_node *node, const dx_space *space) {
    dx_epoch epoch;
    bool rivals = dx_control_current_epoch(space->control, &epoch) && !dominates_all(space, &epoch);
    for (size_t i = dx_control_epoch_count(space->control); rivals && i-- > 0;) {
        rivals = !dx_control_epoch_at(space->control, i, &epoch) || !is_own(node, &epoch) ||
                 !dominates_all(space, &epoch);
    }
    return rivals;
}

/* DX_E_STATE: what is agreed upon already is not all here yet. */
static int check_dominating(dx_node *node, const dx_space *space, const dx_cut *cut) {
    int error = DX_OK;
    dx_epoch epoch;
    dx_cut below;
    dx_cut_init(&below, node->context.alloc);
    for (size_t i = 0; error == DX_OK && dx_control_epoch_at(space->control, i, &epoch); i++) {
        if (epoch.confirmed) {
            error = dx_cut_decode(epoch.cut_item, &below);
            error = error == DX_OK && !dx_cut_dominates(cut, &below) ? DX_E_STATE : error;
        }
    }
    dx_cut_deinit(&below);
    return error;
}

static int begin_making(dx_node *node, dx_space *space, dx_epoch_work *work) {
    int error = dx_cut_now(&node->context, space, &work->cut);
    error = error == DX_OK ? check_dominating(node, space, &work->cut) : error;
    error = error == DX_OK && work->cut.count == 0 ? DX_E_STATE : error;
    work->number = next_number(space);
    work->key_epoch = space->key_epoch;
    return error != DX_OK ? error : begin_work(node, space, work, WORK_MAKING);
}

/* What was made is issued; when nobody asked, only if it is worth it. */
static int say_made(dx_node *node, dx_space *space, dx_epoch_work *work, const dx_snapshot_made *made) {
    uint64_t bytes;
    int error = dx_compact_estimate(&node->context, space, &work->cut, &bytes);
    if (error == DX_OK && !is_asked(work) && work->stale_ms == 0 && bytes < 2 * made->size &&
        !has_rivals(node, space)) {
        work->state_size = made->size;
        return dx_snapshot_forget(&node->context, space, made->root);
    }
    dx_epoch_draft draft = {.cut = work->cut.places,
                            .cut_count = work->cut.count,
                            .size_bytes = made->size,
                            .key_epoch = work->key_epoch};
    memcpy(draft.root, made->root, sizeof draft.root);
    memcpy(draft.purged, made->purged, sizeof draft.purged);
#if defined(DX_PLANT) && DX_PLANT == 52
    draft.root[0] ^= 1;
#endif
    if (error == DX_OK) {
        error = work->number == next_number(space)
                    ? dx_epoch_say(&node->context, space, &draft, work->made)
                    : DX_E_STATE; /* another one became the current one meanwhile */
    }
    if (error == DX_OK) {
        error = dx_node_save_verdict(node, space, work->made, DX_EPOCH_RIGHT, 0);
        note(node, space, "made", work->number);
    }
    answer(work, error);
    return error;
}

/* --- Checking -------------------------------------------------------------------------------------- */

/* Where the credential stands is where the refusal is listed. */
static int list_mismatch(dx_node *node, dx_space *space, const uint8_t id[static DX_HASH_SIZE]) {
    sqlite3_stmt *select = dx_store_query(
        node->store, "SELECT feed, seq, position FROM credential WHERE space = ?1 AND id = ?2");
    dx_bind_int(select, 1, space->local);
    dx_bind_bytes(select, 2, dx_bytes_of(id, DX_HASH_SIZE));
    if (!dx_step(node->store, select)) {
        return dx_store_error(node->store);
    }
    const dx_refusal refusal = {.feed = dx_column_int(select, 0),
                                .seq = dx_column_int(select, 1),
                                .section = dx_column_int(select, 2),
                                .error = DX_E_EPOCH_MISMATCH,
                                .wall_ms = node->context.wall_ms};
    bool listed;
    dx_step_reset(select);
    dx_refused_begin(space);
    int error = dx_refused_add(&node->context, space, &refusal, &listed);
    return error != DX_OK ? error : dx_refused_save(&node->context, space);
}

static int say_checked(dx_node *node, dx_space *space, const dx_epoch_work *work,
                       const dx_snapshot_made *made) {
    dx_epoch epoch;
    if (!dx_control_epoch(space->control, work->id, &epoch)) {
        return DX_OK; /* out of force since */
    }
    if (dx_control_epoch_is_stale(space->control, &epoch)) {
        return DX_E_STATE; /* something below its cut was purged meanwhile */
    }
    bool right = memcmp(epoch.root, made->root, sizeof made->root) == 0 && epoch.size_bytes == made->size;
#if defined(DX_PLANT) && DX_PLANT == 53
    right = true;
#endif
    bool holes = false;
    int error = right ? DX_OK : dx_cut_find_holes(&node->context, space, &work->cut, &holes);
    if (error == DX_OK && holes) {
        return DX_E_STATE; /* sections that may still come: nothing is known of it */
    }
    error = error != DX_OK ? error
                           : set_verdict(node, space, epoch.id, right ? DX_EPOCH_RIGHT : DX_EPOCH_MISMATCH);
    note(node, space, right ? "checked, and right" : "E_EPOCH_MISMATCH: it is not the state at its cut",
         epoch.number);
    if (error != DX_OK || !right) {
        return error != DX_OK ? error : list_mismatch(node, space, epoch.id);
    }
    bool says = may(node, space, DX_ROLE_EDITOR) && !is_own(node, &epoch);
    error = says ? dx_epoch_say_right(&node->context, space, epoch.id) : DX_OK;
    return error == DX_E_EXISTS || error == DX_E_STATE ? DX_OK : error;
}

bool dx_node_builds_on(dx_space *space, const dx_epoch *epoch) {
    dx_reader cursor;
    dx_dependency entry;
    dx_reader_init(&cursor, epoch->cut);
    for (size_t i = 0; i < epoch->cut_count && dx_block_dependency(&cursor, &entry) == DX_OK; i++) {
        const dx_feed *feed = dx_space_feed_by_prefix(space, entry.feed);
        if (feed == NULL || feed->begins < entry.length) {
            return false;
        }
    }
    return true;
}

/* Whether there is reason to make this one's snapshot again: it may be acknowledged, or built on. */
static bool is_worth_checking(const dx_node *node, const dx_space *space, const dx_epoch *epoch) {
    return epoch->confirmed || (may(node, space, DX_ROLE_EDITOR) && !is_own(node, epoch));
}

/* The first of the current epoch and those after it that can be checked and was not. *found: its work began. */
static int begin_checking(dx_node *node, dx_space *space, dx_epoch_work *work, bool *found) {
    int error = DX_OK;
    bool last = false;
    *found = false;
    for (size_t i = dx_control_epoch_count(space->control); i-- > 0 && !last && !*found && error == DX_OK;) {
        dx_epoch epoch;
        dx_epoch_verdict verdict;
        dx_cut_standing standing = DX_CUT_UNSETTLED;
        uint64_t since_ms, missing;
        last = !dx_control_epoch_at(space->control, i, &epoch) || epoch.confirmed;
        error = dx_node_epoch_verdict(node, space, epoch.id, &verdict, &since_ms);
        if (error != DX_OK || verdict != DX_EPOCH_UNSEEN || !is_worth_checking(node, space, &epoch) ||
            dx_control_epoch_is_stale(space->control, &epoch)) {
            continue;
        }
        bool refused;
        error = dx_load_was_refused(&node->context, space, epoch.root, &refused);
        if (error == DX_OK && refused) {
            error = set_verdict(node, space, epoch.id, DX_EPOCH_MISMATCH);
            error = error == DX_OK ? list_mismatch(node, space, epoch.id) : error;
            note(node, space, "E_EPOCH_MISMATCH: what was loaded of it is no state", epoch.number);
            continue;
        }
        if (dx_node_builds_on(space, &epoch)) {
            error = error != DX_OK ? error
                                   : dx_node_save_verdict(node, space, epoch.id, DX_EPOCH_LOADED, since_ms);
            continue;
        }
        error = dx_cut_decode(epoch.cut_item, &work->cut);
        error = error != DX_OK ? error : dx_cut_stand(&node->context, space, &work->cut, &standing, &missing);
        if (error == DX_OK && standing == DX_CUT_WITHIN) {
            memcpy(work->id, epoch.id, sizeof work->id);
            work->number = epoch.number;
            work->key_epoch = epoch.key_epoch;
            error = begin_work(node, space, work, WORK_CHECKING);
            *found = error == DX_OK;
            error = error == DX_E_NOT_FOUND ? DX_OK : error; /* its key is not here yet */
        }
    }
    if (!*found) {
        dx_cut_deinit(&work->cut);
    }
    return error;
}

/* --- A snapshot under way -------------------------------------------------------------------------- */

static int go_on(dx_node *node, dx_space *space, dx_epoch_work *work, bool *again) {
    bool more = false;
    dx_snapshot_made made;
    work_kind kind = work->kind;
    int error = dx_snapshot_run(work->snapshot, DX_STEP_SNAPSHOT, &more);
    if (error == DX_OK && more) {
        *again = true;
        return DX_OK;
    }
    if (error == DX_OK) {
        error = dx_snapshot_finish(work->snapshot, true, &made);
    }
    if (error == DX_OK) {
        error =
            kind == WORK_MAKING ? say_made(node, space, work, &made) : say_checked(node, space, work, &made);
    } else if (kind == WORK_MAKING && !dx_is_host_error(error)) {
        answer(work, error);
    }
    end_work(work);
    *again = true;
    bool passes = error == DX_E_STATE || error == DX_E_UNSUPPORTED || error == DX_E_LIMIT ||
                  error == DX_E_DENIED || error == DX_E_INVALID;
    if (passes) { /* something else went on meanwhile, or this program cannot: looked at again later */
        work->look_ms = node->context.now_ms + DX_EPOCH_AGAIN_MS;
        work->weighed = 0;
        *again = false;
    }
    return passes ? DX_OK : error;
}

/* --- When to make one by itself --------------------------------------------------------------------- */

static uint64_t count_applied(const dx_space *space) {
    uint64_t sum = 0;
    for (size_t i = 0; i < space->feed_count; i++) {
        sum += space->feeds[i].identity.feed_class == DX_FEED_DATA ? space->feeds[i].applied : 0;
    }
    return sum;
}

/* Bytes of blocks that no epoch covers, and the size of the last state. */
static int weigh(dx_node *node, dx_space *space, dx_epoch_work *work, uint64_t *bytes, uint64_t *state) {
    dx_epoch last;
    uint64_t below = 0;
    size_t count = dx_control_epoch_count(space->control);
    dx_cut cut;
    dx_cut_init(&cut, node->context.alloc);
    *bytes = 0;
    *state = work->state_size;
    int error = dx_cut_now(&node->context, space, &cut);
    error = error != DX_OK ? error : dx_compact_estimate(&node->context, space, &cut, bytes);
    if (error == DX_OK && count > 0 && dx_control_epoch_at(space->control, count - 1, &last)) {
        error = dx_cut_decode(last.cut_item, &cut);
        error = error != DX_OK ? error : dx_compact_estimate(&node->context, space, &cut, &below);
        *state = last.size_bytes > *state ? last.size_bytes : *state;
    }
    dx_cut_deinit(&cut);
    *bytes -= below < *bytes ? below : *bytes;
    return error == DX_E_STATE ? DX_OK : error;
}

/* How many devices of admins would rather make it: the owner's, then others in the order of their keys. */
static uint64_t rank_of(const dx_node *node, const dx_space *space) {
    uint64_t rank = 0;
    bool owner = dx_control_role(space->control, node->identity.identity) == DX_ROLE_OWNER;
    size_t count = dx_control_device_count(space->control);
    for (size_t i = 0; i < count; i++) {
        uint8_t device[DX_KEY_SIZE], identity[DX_KEY_SIZE];
        dx_control_device_at(space->control, i, device, identity);
        dx_role role = dx_control_role(space->control, identity);
        if (role < DX_ROLE_ADMIN) {
            continue;
        }
        bool before = (role == DX_ROLE_OWNER) == owner
                          ? memcmp(device, node->identity.device, DX_KEY_SIZE) < 0
                          : role == DX_ROLE_OWNER;
        rank += before;
    }
    return rank;
}

/* Whether the current epoch's snapshot has what was purged since, so that nobody can make it any more. */
static bool is_stale(const dx_space *space) {
    dx_epoch current;
    return dx_control_current_epoch(space->control, &current) &&
           dx_control_epoch_is_stale(space->control, &current);
}

/* Whether an epoch that follows the current one and leaves out what was purged waits for others' word already: this device
 * made it, or found it to be right. */
static int is_followed(dx_node *node, dx_space *space, bool *followed) {
    int error = DX_OK;
    dx_epoch current, epoch;
    *followed = false;
    for (size_t i = dx_control_epoch_count(space->control); error == DX_OK && !*followed && i-- > 0;) {
        dx_epoch_verdict verdict;
        uint64_t since_ms;
        if (!dx_control_current_epoch(space->control, &current) ||
            !dx_control_epoch_at(space->control, i, &epoch) ||
            memcmp(epoch.id, current.id, sizeof epoch.id) == 0) {
            break;
        }
        error = dx_node_epoch_verdict(node, space, epoch.id, &verdict, &since_ms);
        *followed = verdict == DX_EPOCH_RIGHT && dx_epoch_dominates(&epoch, &current) &&
                    !dx_control_epoch_is_stale(space->control, &epoch);
    }
    return error;
}

/* *due_ms: when this device is to make one, DX_NO_DEADLINE: there is no reason to. *look_ms: when to weigh again. */
static int when_due(dx_node *node, dx_space *space, dx_epoch_work *work, uint64_t *due_ms,
                    uint64_t *look_ms) {
    uint64_t standing =
                 count_applied(space) * UINT64_C(0x100000001b3) ^ dx_control_epoch_version(space->control),
             bytes = 0, state = 0, now_ms = node->context.now_ms;
    *due_ms = *look_ms = DX_NO_DEADLINE;
    if (!may(node, space, DX_ROLE_ADMIN)) {
        return DX_OK;
    }
    bool followed = false;
    int failed = is_stale(space) ? is_followed(node, space, &followed) : DX_OK;
    if (failed != DX_OK) {
        return failed;
    }
    work->stale_ms = !is_stale(space) || followed ? 0 : work->stale_ms == 0 ? now_ms + 1 : work->stale_ms;
    if (work->stale_ms != 0) {
        *due_ms = work->stale_ms - 1 + rank_of(node, space) * DX_EPOCH_RANK_MS;
        return DX_OK;
    }
    uint64_t size = node->config.epoch_size != 0 ? node->config.epoch_size : DX_EPOCH_SIZE;
    bool changed = work->heavy_ms == 0 && standing != work->weighed;
    if (size == UINT64_MAX || dx_control_device_count(space->control) < 2) {
        return DX_OK; /* who is alone with a space has nobody to hand its state to */
    }
    if (changed && now_ms < work->weigh_ms) {
        *look_ms = work->weigh_ms;
    } else if (changed) {
        bool by_hand;
        int error = read_choice(node, space->local, &by_hand);
        error = error != DX_OK || by_hand ? error : weigh(node, space, work, &bytes, &state);
        if (error != DX_OK) {
            return error;
        }
        work->weighed = standing;
        work->weigh_ms = now_ms + DX_EPOCH_WEIGH_MS;
        bool heavy = !by_hand && ((bytes >= size && bytes >= 2 * state) || has_rivals(node, space));
        work->heavy_ms = heavy ? now_ms + 1 : 0;
    }
    if (work->heavy_ms != 0) {
        *due_ms = work->heavy_ms - 1 + rank_of(node, space) * DX_EPOCH_RANK_MS;
    }
    return DX_OK;
}

/* --- Choosing -------------------------------------------------------------------------------------- */

/* What decides whether something is due: while it is the same, nothing new is. */
static uint64_t version_of(const dx_space *space) {
    uint64_t version = dx_control_epoch_version(space->control);
    version = (version ^ dx_control_epoch_count(space->control)) * UINT64_C(0x100000001b3);
    version = (version ^ space->change) * UINT64_C(0x100000001b3);
    version = (version ^ dx_control_purge_version(space->control)) * UINT64_C(0x100000001b3);
    version = (version ^ space->forks_settled) * UINT64_C(0x100000001b3);
    return version | 1;
}

static int choose(dx_node *node, dx_space *space, dx_epoch_work *work, bool *again, uint64_t *deadline_ms) {
    uint64_t due_ms, weigh_ms, wait_ms = 0, now_ms = node->context.now_ms;
    const char *why = NULL;
    bool found = false;
    if (is_asked(work)) {
        int error = begin_making(node, space, work);
        if (error != DX_OK && !dx_is_host_error(error)) {
            answer(work, error);
            end_work(work);
            error = DX_OK;
        }
        *again = true;
        return error;
    }
    int error = begin_checking(node, space, work, &found);
    if (error != DX_OK || found) {
        *again = found;
        return error;
    }
    error = when_due(node, space, work, &due_ms, &weigh_ms);
    if (error == DX_OK && due_ms <= now_ms) {
        work->heavy_ms = 0;
        error = begin_making(node, space, work);
        *again = error == DX_OK;
        if (error != DX_OK) {
            end_work(work);
            work->look_ms = now_ms + DX_EPOCH_AGAIN_MS;
            work->looked = work->weighed = 0;
            *deadline_ms = work->look_ms < *deadline_ms ? work->look_ms : *deadline_ms;
        }
        return error == DX_E_STATE || error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    if (error == DX_OK) {
        error = dx_node_forget_older_states(node, space);
    }
    error = error != DX_OK
                ? error
                : dx_node_try_dropping(node, space, &(dx_dropping){.by_hand = false}, &why, &wait_ms);
    *again = *again || why == NULL;
    uint64_t wall_ms = wait_ms > DX_EPOCH_LOOK_MS ? DX_EPOCH_LOOK_MS : wait_ms;
    work->look_ms = DX_NO_DEADLINE;
    if (wait_ms != 0) {
        work->look_ms = now_ms + wall_ms;
    }
    work->look_ms = due_ms < work->look_ms ? due_ms : work->look_ms;
    work->look_ms = weigh_ms < work->look_ms ? weigh_ms : work->look_ms;
    work->looked = version_of(space);
    *deadline_ms = work->look_ms < *deadline_ms ? work->look_ms : *deadline_ms;
    return error;
}

static bool is_any_asked(const dx_node *node) {
    const dx_epoch_work *work = node->epochs;
    while (work != NULL && !is_asked(work)) {
        work = work->next;
    }
    return work != NULL;
}

static int run_space(dx_node *node, dx_space *space, bool *again, uint64_t *deadline_ms) {
    dx_epoch_status status;
    bool more = false;
    dx_epoch_work *work = work_of(node, space);
    if (work == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_epoch_status_of(space, &status);
    if (status.stage == DX_EPOCH_FETCHING &&
        is_stale(space)) { /* nobody can serve it any more; the next one comes */
        int error = dx_load_abort(&node->context, space);
        if (error != DX_E_STATE) {
            return error;
        }
    }
    if (status.stage != DX_EPOCH_IDLE) {
        if (work->snapshot != NULL) {
            end_work(work); /* its base goes */
        }
        int error = dx_epoch_run(&node->context, space, DX_STEP_SNAPSHOT, &more);
        *again = *again || more;
        work->looked = work->look_ms = 0;
        return error;
    }
    if (work->snapshot != NULL) {
        return go_on(node, space, work, again);
    }
    bool asked = is_asked(work);
    if (!asked && work->looked == version_of(space) && node->context.now_ms < work->look_ms) {
        *deadline_ms = work->look_ms < *deadline_ms ? work->look_ms : *deadline_ms;
        return DX_OK;
    }
    if (!asked && work->looked == 0 && node->context.now_ms < work->look_ms) { /* after a failure */
        *deadline_ms = work->look_ms < *deadline_ms ? work->look_ms : *deadline_ms;
        return DX_OK;
    }
    return space->busy && !asked ? DX_OK : choose(node, space, work, again, deadline_ms);
}

int dx_node_run_epochs(dx_node *node, bool *again, uint64_t *deadline_ms) {
    int error = DX_OK;
    if (node->context.now_ms < node->hold_ms &&
        !is_any_asked(node)) { /* a step was undone, perhaps for this */
        *deadline_ms = node->hold_ms < *deadline_ms ? node->hold_ms : *deadline_ms;
        return DX_OK;
    }
    for (size_t i = 0; i < node->space_count && error == DX_OK; i++) {
        error = run_space(node, node->spaces[i], again, deadline_ms);
    }
    return error;
}

/* --- For commands ---------------------------------------------------------------------------------- */

int dx_node_ask_epoch(dx_node *node, dx_space *space) {
    dx_epoch_work *work = work_of(node, space);
    dx_epoch_status status;
    dx_epoch_status_of(space, &status);
    if (work == NULL) {
        return DX_E_NO_MEMORY;
    }
    if (!may(node, space, DX_ROLE_ADMIN)) {
        return dx_node_refuse(node, DX_E_DENIED, "dx space members SPACE",
                              "only an admin of the space may make epochs");
    }
    if (status.stage != DX_EPOCH_IDLE) {
        return dx_node_refuse(node, DX_E_STATE, "dx space status SPACE",
                              "a state is being loaded, or history dropped: try again when that is done");
    }
    if (work->kind != WORK_MAKING) {
        work->answered = false;
        work->look_ms = 0;
    }
    work->asked = true;
    return DX_OK;
}

int dx_node_epoch_asked(dx_node *node, dx_space *space, bool *done, dx_epoch *made) {
    dx_epoch_work *work = find_work(node, space->local);
    *done = work == NULL || work->answered;
    if (!*done) {
        return DX_OK;
    }
    int outcome = work == NULL ? DX_E_CANCELLED : work->outcome;
    if (outcome == DX_OK && work != NULL && dx_control_epoch(space->control, work->made, made)) {
        return DX_OK;
    }
    if (outcome == DX_E_UNSUPPORTED) {
        return dx_node_refuse(node, outcome, NULL,
                              "the space has objects of a model that this program does not know");
    }
    return dx_node_refuse(
        node, outcome == DX_OK ? DX_E_STATE : outcome, "dx space status SPACE",
        outcome == DX_E_LIMIT
            ? "the state of the space is too large for a snapshot"
            : "the space is not settled now: something is still to come, or is being taken back");
}
