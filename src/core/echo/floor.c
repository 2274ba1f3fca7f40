/* echo/floor.c: floors found, weighed and enforced. See floor.h.
 *
 * Layer: floor 1, echo. Tables named and looked: what a feed's blocks name of a forked one, and how far they
 * were looked through. */
#include "echo/floor.h"

#include <string.h>

#include "echo/entity_row.h"
#include "echo/hidden.h"
#include "echo/space_scope.h"
#include "echo/space_state.h"
#include "echo/trace.h"
#include "echo/withdraw.h"
#include "halo/control_epoch.h"

/* --- Looking through blocks --------------------------------------------------------------------- */

static int read_looked(dx_context *context, const dx_feed *forked, const dx_feed *source, uint64_t *next) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT next FROM looked WHERE feed = ?1 AND source = ?2");
    dx_bind_int(select, 1, forked->local);
    dx_bind_int(select, 2, source->local);
    *next = dx_step(context->store, select) ? (uint64_t)dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    return dx_store_error(context->store);
}

static int save_looked(dx_context *context, const dx_feed *forked, const dx_feed *source, uint64_t next) {
    sqlite3_stmt *insert = dx_store_query(
        context->store, "INSERT OR REPLACE INTO looked(feed, source, next) VALUES(?1, ?2, ?3)");
    dx_bind_int(insert, 1, forked->local);
    dx_bind_int(insert, 2, source->local);
    dx_bind_int(insert, 3, (int64_t)next);
    return dx_step_done(context->store, insert);
}

static int note_named(dx_context *context, const dx_feed *forked, const dx_feed *source, uint64_t seq,
                      const dx_dependency *named) {
    sqlite3_stmt *insert =
        dx_store_query(context->store, "INSERT OR IGNORE INTO named(feed, source, length, root, seq) "
                                       "VALUES(?1, ?2, ?3, ?4, ?5)");
    dx_bind_int(insert, 1, forked->local);
    dx_bind_int(insert, 2, source->local);
    dx_bind_int(insert, 3, (int64_t)named->length);
    dx_bind_bytes(insert, 4, dx_bytes_of(named->root, sizeof named->root));
    dx_bind_int(insert, 5, (int64_t)seq);
    return dx_step_done(context->store, insert);
}

/* A control feed is named in auth, a data feed in deps. bytes: a copy, which no store call ends. */
static int look_at(dx_context *context, dx_space *space, const dx_feed *forked, const dx_feed *source,
                   uint64_t seq, dx_bytes bytes) {
    dx_block block;
    dx_reader cursor;
    if (dx_block_decode(bytes, &block) != DX_OK) {
        return DX_E_CORRUPT;
    }
    bool control = forked->identity.feed_class == DX_FEED_CONTROL;
    size_t count = control ? block.header.auth_count : block.header.dependency_count;
    int error = DX_OK;
    dx_reader_init(&cursor, control ? block.header.auth : block.header.dependencies);
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        dx_dependency named;
        error = dx_block_dependency(&cursor, &named);
        if (error == DX_OK && memcmp(named.feed, forked->id, sizeof named.feed) == 0) {
            error = note_named(context, forked, source, seq, &named);
            space->forks_settled = space->forks_settled && !control; /* the control state may be another */
        }
    }
    return error;
}

/* Of source's blocks, those from where it was left on, up to end. */
static int look_on(dx_context *context, dx_space *space, const dx_feed *forked, const dx_feed *source,
                   uint64_t end, size_t *budget) {
    uint64_t begin, seq;
    int error = read_looked(context, forked, source, &begin);
    begin = begin < source->begins ? source->begins : begin;
    dx_buf copy;
    dx_buf_init(&copy, context->alloc, DX_BLOCK_SIZE_MAX);
    end = end < source->length ? end : source->length;
    for (seq = begin; seq < end && error == DX_OK && *budget > 0; seq++, --*budget) {
        dx_bytes bytes;
        error = dx_feed_read(source, context->store, seq, &bytes);
        if (error == DX_OK) {
            dx_buf_clear(&copy);
            dx_buf_append(&copy, bytes.data, bytes.size);
            error = dx_buf_error(&copy);
        }
        error = error != DX_OK ? error : look_at(context, space, forked, source, seq, dx_buf_view(&copy));
    }
    dx_buf_deinit(&copy);
    return error == DX_OK && seq > begin ? save_looked(context, forked, source, seq) : error;
}

static int look_through(dx_context *context, dx_space *space, const dx_feed *forked, size_t *budget) {
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK && *budget > 0; i++) {
        const dx_feed *source = &space->feeds[i];
        /* No data can justify a control block. */
        bool names = source != forked && (forked->identity.feed_class == DX_FEED_CONTROL ||
                                          source->identity.feed_class == DX_FEED_DATA);
        error = names ? look_on(context, space, forked, source, dx_feed_limit(source), budget) : DX_OK;
    }
    return error;
}

/* --- Weighing ----------------------------------------------------------------------------------- */

/* Who may say what stands of the feed: the member whose admitted feed this is; NULL: nobody, or the author of
 * the fork himself. */
static const dx_member *namer_of(const dx_control *control, const dx_feed *forked, const dx_feed *source) {
    const dx_admitted_feed *about = dx_control_find_feed(control, forked->id);
    const dx_admitted_feed *by = source == forked ? NULL : dx_control_find_feed(control, source->id);
    if (about == NULL || by == NULL || memcmp(about->owner, by->owner, sizeof by->owner) == 0) {
        return NULL;
    }
    return dx_control_member_of(control, by->owner);
}

bool dx_floor_counts(const dx_space *space, const dx_feed *forked, const dx_feed *source, uint64_t seq) {
    return namer_of(space->control, forked, source) != NULL && seq < source->cut;
}

typedef struct namer {
    const dx_member *member;
    const dx_feed *source;
} namer;

/* Owner, depth from the genesis, id of the admission; then the feed. */
static bool is_senior(const namer *a, const namer *b) {
    bool owns_a = a->member->role == DX_ROLE_OWNER, owns_b = b->member->role == DX_ROLE_OWNER;
    if (owns_a != owns_b) {
        return owns_a;
    }
    if (a->member->depth != b->member->depth) {
        return a->member->depth < b->member->depth;
    }
    int order = memcmp(a->member->admission, b->member->admission, DX_HASH_SIZE);
    return order != 0 ? order < 0 : memcmp(a->source->id, b->source->id, DX_HASH_SIZE) < 0;
}

static size_t gather_namers(dx_space *space, const dx_control *control, const dx_feed *forked,
                            namer *namers) {
    size_t count = 0;
    for (size_t i = 0; i < space->feed_count; i++) {
        namer one = {.member = namer_of(control, forked, &space->feeds[i]), .source = &space->feeds[i]};
        if (one.member == NULL) {
            continue;
        }
        size_t at = count++;
        for (; at > 0 && is_senior(&one, &namers[at - 1]); at--) {
            namers[at] = namers[at - 1];
        }
        namers[at] = one;
    }
    return count;
}

/* What was decided so far: blocks [0, length) of the branch with this number stand. */
typedef struct choice {
    int64_t rows;
    uint64_t length; /* the cut: nothing is decided */
    uint8_t root[DX_HASH_SIZE];
} choice;

/* The next of source's floors, from the longest down. *found false: no more of them could raise anything. */
static int next_floor(dx_context *context, const dx_feed *forked, const dx_feed *source, uint64_t above,
                      dx_limb_goal *floor, bool *found) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT length, root FROM named WHERE feed = ?1 AND source = ?2 AND (length, root) < "
                        "(?3, ?4) AND length > ?5 AND seq < ?6 ORDER BY length DESC, root DESC LIMIT 1");
#if defined(DX_PLANT) && DX_PLANT == 27
    above++;
#endif
    uint64_t cut = source->cut < DX_FEED_LENGTH_MAX ? source->cut : DX_FEED_LENGTH_MAX;
    dx_bind_int(select, 1, forked->local);
    dx_bind_int(select, 2, source->local);
    dx_bind_int(select, 3, (int64_t)floor->length);
    dx_bind_bytes(select, 4, dx_bytes_of(floor->root, sizeof floor->root));
    dx_bind_int(select, 5, (int64_t)above);
    dx_bind_int(select, 6, (int64_t)cut);
    *found = dx_step(context->store, select);
    if (*found) {
        dx_bytes root = dx_column_bytes(select, 1);
        floor->length = (uint64_t)dx_column_int(select, 0);
        bool sound = root.size == sizeof floor->root;
        if (sound) {
            memcpy(floor->root, root.data, root.size);
        }
        dx_step_reset(select);
        return sound ? DX_OK : DX_E_CORRUPT;
    }
    return dx_store_error(context->store);
}

void dx_floor_want(dx_space *space, const dx_feed *forked, const dx_limb_goal *goal) {
    for (size_t i = 0; i < space->wanted_count; i++) {
        if (space->wanted[i].feed == forked->local && space->wanted[i].goal.length == goal->length &&
            memcmp(space->wanted[i].goal.root, goal->root, sizeof goal->root) == 0) {
            return;
        }
    }
    if (space->wanted_count < DX_BRANCHES_WANTED_MAX) {
        space->wanted[space->wanted_count++] = (dx_wanted_branch){.feed = forked->local, .goal = *goal};
    }
}

/* *taken: the floor extends what was decided; or nothing was and it is the first. */
static int weigh_floor(dx_context *context, dx_space *space, const dx_feed *forked, const dx_limb_goal *floor,
                       choice *chosen, bool *taken) {
    dx_feed view;
    uint8_t root[DX_HASH_SIZE];
    *taken = false;
    int error = dx_limb_find(forked, context->store, floor, &view);
    if (error == DX_E_NOT_FOUND) {
        dx_floor_want(space, forked, floor);
        return DX_OK;
    }
    error = error != DX_OK ? error : dx_feed_root(&view, context->store, chosen->length, root);
    if (error != DX_OK || memcmp(root, chosen->root, sizeof root) != 0) {
        return error;
    }
    *taken = true;
    chosen->rows = view.rows;
    chosen->length = floor->length;
    return dx_feed_root(&view, context->store, floor->length, chosen->root);
}

/* What confirmed epochs name of a data feed, the current one first. */
static int weigh_epochs(dx_context *context, dx_space *space, const dx_control *control,
                        const dx_feed *forked, choice *chosen) {
    int error = DX_OK;
    dx_epoch epoch;
    size_t left = forked->identity.feed_class == DX_FEED_DATA ? dx_control_epoch_count(control) : 0;
    while (error == DX_OK && left > 0 && dx_control_epoch_at(control, --left, &epoch)) {
        dx_dependency entry = dx_epoch_entry(&epoch, forked->id);
        dx_limb_goal floor = {.length = entry.length};
        bool taken;
        memcpy(floor.root, entry.root, sizeof floor.root);
        if (epoch.confirmed && entry.length > chosen->length) {
            error = weigh_floor(context, space, forked, &floor, chosen, &taken);
        }
    }
    return error;
}

static int weigh_floors(dx_context *context, dx_space *space, const dx_feed *forked, const namer *namers,
                        size_t count, choice *chosen) {
    int error = DX_OK;
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        dx_limb_goal floor = {.length = DX_FEED_LENGTH_MAX};
        bool taken = false, found = true;
        for (size_t n = 0; n < DX_FLOORS_PER_FEED_MAX && !taken && error == DX_OK; n++) {
            error = next_floor(context, forked, namers[i].source, chosen->length, &floor, &found);
            if (error != DX_OK || !found) {
                break;
            }
            error = weigh_floor(context, space, forked, &floor, chosen, &taken);
        }
    }
    return error;
}

static int choose(dx_context *context, dx_space *space, const dx_control *control, const dx_feed *forked,
                  choice *chosen) {
    *chosen = (choice){.rows = forked->rows, .length = dx_feed_common(forked)};
    if (forked->length < chosen->length) {
        return DX_OK; /* first what all branches share */
    }
    size_t size = space->feed_count * sizeof(namer);
    namer *namers = dx_alloc_take(context->alloc, size);
    if (namers == NULL) {
        return DX_E_NO_MEMORY;
    }
    size_t count = gather_namers(space, control, forked, namers);
    int error = dx_feed_root(forked, context->store, chosen->length, chosen->root);
    error = error != DX_OK ? error : weigh_epochs(context, space, control, forked, chosen);
    error = error != DX_OK ? error : weigh_floors(context, space, forked, namers, count, chosen);
    dx_alloc_free(context->alloc, namers, size);
    return error;
}

/* --- Enforcing ---------------------------------------------------------------------------------- */

/* What the feed's blocks beyond the cut name is another thing on another branch: they are looked through again. */
static int forget_looks(dx_context *context, const dx_space *space, const dx_feed *source) {
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        const dx_feed *forked = &space->feeds[i];
        uint64_t next;
        sqlite3_stmt *remove =
            dx_store_query(context->store, "DELETE FROM named WHERE feed = ?1 AND source = ?2 AND seq >= ?3");
        dx_bind_int(remove, 1, forked->local);
        dx_bind_int(remove, 2, source->local);
        dx_bind_int(remove, 3, (int64_t)dx_feed_common(source));
        error = dx_step_done(context->store, remove);
        error = error != DX_OK ? error : read_looked(context, forked, source, &next);
        if (error == DX_OK && next > dx_feed_common(source)) {
            error = save_looked(context, forked, source, dx_feed_common(source));
        }
    }
    return error;
}

static int enforce(dx_context *context, dx_space *space, dx_feed *feed, const choice *chosen, size_t *budget,
                   bool *unsettled) {
    bool same = chosen->rows == feed->rows;
    uint64_t floor = same && chosen->length > feed->cut ? chosen->length : 0;
    int error = floor == feed->floor ? DX_OK : dx_feed_set_floor(feed, context->store, floor);
    uint64_t keep = same ? dx_feed_limit(feed) : dx_feed_common(feed);
    if (error == DX_OK) {
        error = dx_withdraw_blocks(context, space, feed, keep, budget);
    }
    if (error != DX_OK || feed->kept > keep) {
        *unsettled = *unsettled || error == DX_OK;
        return error;
    }
    if (same) {
        return DX_OK;
    }
    error = dx_limb_enforce(feed, context->store, chosen->rows);
    error = error != DX_OK ? error : forget_looks(context, space, feed);
    if (error == DX_OK && dx_space_scope_is_partial(space->scope)) {
        error = dx_space_scope_renew(context, space); /* what was outside was so by what ids meant before */
    }
    if (error == DX_OK) {
        dx_echo_trace(context, "feed %lld: another branch is in force, for others built on it up to %llu",
                      (long long)feed->local, (unsigned long long)chosen->length);
        error = dx_feed_set_floor(feed, context->store, chosen->length);
    }
    return error;
}

/* Up to where the branch in force is the one that a confirmed epoch names. */
static int find_settled(dx_context *context, const dx_control *control, const dx_feed *feed,
                        uint64_t *settled) {
    uint8_t wanted[DX_ROOT_PREFIX_SIZE], root[DX_HASH_SIZE];
    uint64_t length;
    *settled = 0;
    if (feed->identity.feed_class != DX_FEED_DATA ||
        !dx_control_epoch_length(control, feed->id, &length, wanted) || length <= feed->cut ||
        length <= feed->begins || length > feed->floor) {
        return DX_OK;
    }
    int error = dx_feed_root(feed, context->store, length, root);
    *settled = error == DX_OK && memcmp(root, wanted, sizeof wanted) == 0 ? length : 0;
    return error;
}

/* Changes of what the feed made count by whether their authors saw the branch in force where branches part. When that is
 * another place, because a lower proof came or an epoch settled more, those between are looked at again. */
static int judge_again(dx_context *context, dx_space *space, const dx_control *control, dx_feed *feed) {
    uint64_t settled, before = feed->judged;
    int error = find_settled(context, control, feed, &settled);
    if (error != DX_OK || (settled == feed->settled && before == dx_feed_parting(feed))) {
        return error;
    }
    error = dx_entity_rows_write(context, space); /* what stands was judged by the place before */
    error = error != DX_OK ? error : dx_feed_set_settled(feed, context->store, settled);
    uint64_t now = feed->judged;
    if (error == DX_OK && before != DX_FEED_NO_CUT) {
        error = dx_withdraw_look_again(context, space, feed, before < now ? before : now,
                                       before < now ? now : before);
    }
    dx_echo_trace(context, "feed %lld: its branches are taken to part at %llu", (long long)feed->local,
                  (unsigned long long)now);
    return error;
}

static int settle_feed(dx_context *context, dx_space *space, const dx_control *control, dx_feed *feed,
                       size_t *budget, bool *unsettled) {
    choice chosen;
    uint64_t before = dx_feed_limit(feed);
    bool left = false;
    int error = choose(context, space, control, feed, &chosen);
    error = error != DX_OK ? error : enforce(context, space, feed, &chosen, budget, &left);
    if (error == DX_OK && !left) {
        error = judge_again(context, space, control, feed);
    }
    *unsettled = *unsettled || left;
    if (error == DX_OK && dx_feed_limit(feed) != before) {
        dx_echo_trace(context, "feed %lld: %llu blocks stand, its cut is %llu", (long long)feed->local,
                      (unsigned long long)dx_feed_limit(feed), (unsigned long long)feed->cut);
    }
    return error;
}

/* Whether something of it is to give way to a state that is being loaded. */
static bool yields(const dx_feed *feed) {
    return feed->yields != DX_FEED_NO_CUT;
}

/* FNV-1a over what floors follow from; 0: no feed is forked, and none yields. */
static uint64_t version_of(const dx_space *space) {
    uint64_t version = space->change;
    bool forked = false;
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        version = (version ^ feed->length) * UINT64_C(0x100000001b3);
        version = (version ^ feed->cut) * UINT64_C(0x100000001b3);
        version = (version ^ feed->floor) * UINT64_C(0x100000001b3);
        version = (version ^ feed->agreed) * UINT64_C(0x100000001b3);
        version = (version ^ feed->yields) * UINT64_C(0x100000001b3);
        forked = forked || feed->frozen || yields(feed);
    }
    return forked ? version | 1 : 0;
}

/* FNV-1a over what the control state follows from once a control feed is forked; 0: none is. */
static uint64_t control_version_of(const dx_space *space) {
    uint64_t version = 1;
    bool forked = false;
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->identity.feed_class == DX_FEED_CONTROL) {
            version = (version ^ feed->applied) * UINT64_C(0x100000001b3);
            version = (version ^ dx_feed_limit(feed)) * UINT64_C(0x100000001b3);
            version = (version ^ (uint64_t)feed->rows) * UINT64_C(0x100000001b3);
            forked = forked || feed->frozen;
        }
    }
    return forked ? version | 1 : 0;
}

/* Floors of control feeds are weighed by the control state that the blocks below all cuts make, or they would
 * rest on themselves. Then the control state is made anew of what stands. */
static int settle_control(dx_context *context, dx_space *space, size_t *budget, bool *unsettled) {
    uint64_t version = control_version_of(space);
    dx_control *control = NULL;
    if (version == 0 || (version == space->control_version && space->forks_settled)) {
        return DX_OK;
    }
    space->wanted_count = 0;
    int error = dx_control_load_below_cuts(context->store, context->alloc, space->local, space->id, &control);
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        dx_feed *feed = &space->feeds[i];
        bool settles = feed->frozen && !feed->own && feed->identity.feed_class == DX_FEED_CONTROL;
        error = settles ? settle_feed(context, space, control, feed, budget, unsettled) : DX_OK;
    }
    dx_control_destroy(control);
    if (error == DX_OK) {
        error = dx_control_load(context->store, context->alloc, space->local, space->id, &control);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_control_destroy(space->control);
    space->control = control;
    space->control_version = control_version_of(space);
    return dx_space_take_keys(context, space);
}

/* What is wanted of data feeds is found anew each time. */
static void forget_wanted_data(dx_space *space) {
    size_t kept = 0;
    for (size_t i = 0; i < space->wanted_count; i++) {
        const dx_feed *feed = dx_space_feed(space, space->wanted[i].feed);
        if (feed != NULL && feed->identity.feed_class == DX_FEED_CONTROL) {
            space->wanted[kept++] = space->wanted[i];
        }
    }
    space->wanted_count = kept;
}

/* Whether it is a data feed whose admission is out of force, or has not come yet. */
static bool is_expelled(const dx_space *space, const dx_feed *feed) {
    return !feed->own && feed->identity.feed_class == DX_FEED_DATA &&
           dx_control_authorize(space->control, feed->id) != DX_OK;
}

/* A data feed whose admission is out of force has no effect at all. */
static int expel_feeds(dx_context *context, dx_space *space, size_t *budget, bool *unsettled) {
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK && space->control_version != 0; i++) {
        dx_feed *feed = &space->feeds[i];
        if (is_expelled(space, feed)) {
            error = dx_withdraw_blocks(context, space, feed, 0, budget);
            *unsettled = *unsettled || feed->kept != 0;
        }
    }
    return error;
}

static int take_back_yielding(dx_context *context, dx_space *space, size_t *budget, bool *unsettled,
                              bool *any) {
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        dx_feed *feed = &space->feeds[i];
        if (yields(feed)) {
            error = dx_withdraw_blocks(context, space, feed, dx_feed_limit(feed), budget);
            *unsettled = *unsettled || feed->kept > dx_feed_limit(feed);
            *any = true;
        }
    }
    return error;
}

static uint64_t in_effect(const dx_feed *feed) {
    uint64_t usable = dx_feed_usable(feed), end = feed->applied > feed->kept ? feed->applied : feed->kept;
    return end < usable ? end : usable;
}

/* The first of source's blocks that names more of the feed than is in effect of it, though it must not be
 * applied then. DX_FEED_NO_CUT: there is none. */
static int first_resting(dx_context *context, dx_space *space, const dx_feed *feed, const dx_feed *source,
                         uint64_t *seq) {
    int error = DX_OK;
    bool rests = false, found = true;
    for (uint64_t next = 0; error == DX_OK && found && !rests; next = *seq + 1) {
        dx_dependency named;
        sqlite3_stmt *select = dx_store_query(
            context->store, "SELECT length, root, seq FROM named WHERE feed = ?1 AND source = ?2 "
                            "AND seq >= ?3 AND length > ?4 ORDER BY seq LIMIT 1");
        dx_bind_int(select, 1, feed->local);
        dx_bind_int(select, 2, source->local);
        dx_bind_int(select, 3, (int64_t)next);
        dx_bind_int(select, 4, (int64_t)in_effect(feed));
        found = dx_step(context->store, select);
        if (!found) {
            error = dx_store_error(context->store);
            break;
        }
        dx_bytes root = dx_column_bytes(select, 1);
        named.length = (uint64_t)dx_column_int(select, 0);
        *seq = (uint64_t)dx_column_int(select, 2);
        error = root.size == sizeof named.root ? DX_OK : DX_E_CORRUPT;
        memcpy(named.root, root.data, error == DX_OK ? sizeof named.root : 0);
        dx_step_reset(select);
        dx_named_standing standing = DX_NAMED_IN_FORCE;
        if (error == DX_OK && named.length > feed->cut && named.length > feed->agreed) {
            error = dx_floor_judge(context, space, feed, source, *seq, &named, &standing);
            if (yields(feed) && standing == DX_NAMED_UNKNOWN) {
                standing = DX_NAMED_IN_FORCE; /* the branch is here, and will not be: it waits from now on */
            }
        }
        rests = standing == DX_NAMED_IN_FORCE;
    }
    *seq = rests ? *seq : DX_FEED_NO_CUT;
    return error;
}

/* An own feed is never shortened: it is retired, and the vault goes on in new ones. */
static int take_back_from(dx_context *context, dx_space *space, dx_feed *feed, uint64_t seq, size_t *budget,
                          bool *unsettled) {
    if (!feed->own) {
        int error = dx_withdraw_blocks(context, space, feed, seq, budget);
        *unsettled = *unsettled || feed->kept > seq;
        return error;
    }
    int64_t local = feed->local;
    dx_echo_trace(context, "own feed %lld rests on what was expelled: own feeds renewed", (long long)local);
    int error = dx_space_renew_feeds(context, space);
    *unsettled = *unsettled || !dx_space_feed(space, local)->own;
    return error;
}

/* What rests on the feed from some block on waits for it, and so must what was applied before it was expelled.
 * *more: another feed was found to be held back, or was shortened. Feeds may move in memory when it is an own one;
 * then *unsettled. */
static int hold_back_from(dx_context *context, dx_space *space, size_t at, bool *held, size_t *budget,
                          bool *more, bool *unsettled) {
    size_t looks = DX_FLOOR_BLOCKS_MAX;
    const dx_feed *feed = &space->feeds[at];
    int error = look_through(context, space, feed, &looks);
    *unsettled = *unsettled || looks == 0;
    for (size_t i = 0; i < space->feed_count && error == DX_OK && !*unsettled; i++) {
        dx_feed *source = &space->feeds[i];
        uint64_t seq = DX_FEED_NO_CUT;
        if (i != at && source->identity.feed_class == DX_FEED_DATA) {
            error = first_resting(context, space, feed, source, &seq);
        }
        if (error != DX_OK || seq == DX_FEED_NO_CUT) {
            continue;
        }
        uint64_t before = in_effect(source);
        *more = *more || !held[i];
        held[i] = true;
        if (before > seq) {
            error = take_back_from(context, space, source, seq, budget, unsettled);
            *more = *more || in_effect(&space->feeds[i]) < before;
        }
    }
    return error;
}

/* What rests on expelled feeds, and on what rests on them. Begins with the blocks each time, not with what was
 * found before, so that a crash between two steps is nothing. */
static int hold_back(dx_context *context, dx_space *space, size_t *budget, bool *unsettled) {
    size_t size = space->feed_count * sizeof(bool), count = space->feed_count;
    bool *held = dx_alloc_take(context->alloc, size);
    bool more = false;
    if (held == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const dx_feed *feed = &space->feeds[i];
        held[i] = (space->control_version != 0 && is_expelled(space, feed)) || yields(feed);
        more = more || held[i];
    }
    int error = DX_OK;
    while (more && error == DX_OK && !*unsettled) {
        more = false;
        for (size_t i = 0; i < count && error == DX_OK && !*unsettled; i++) {
            error = held[i] ? hold_back_from(context, space, i, held, budget, &more, unsettled) : DX_OK;
        }
    }
    dx_alloc_free(context->alloc, held, size);
    return error;
}

static int settle_data(dx_context *context, dx_space *space, size_t *budget, bool *unsettled) {
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        dx_feed *feed = &space->feeds[i];
        bool settles = feed->frozen && !feed->own && feed->identity.feed_class == DX_FEED_DATA;
        error = settles ? settle_feed(context, space, space->control, feed, budget, unsettled) : DX_OK;
    }
    bool any = false;
    error = error != DX_OK ? error : expel_feeds(context, space, budget, unsettled);
    error = error != DX_OK ? error : take_back_yielding(context, space, budget, unsettled, &any);
    bool holds = error == DX_OK && (space->control_version != 0 || any) && !*unsettled;
    return holds ? hold_back(context, space, budget, unsettled) : error;
}

void dx_floor_agree(dx_space *space) {
    uint64_t version = dx_control_epoch_version(space->control);
    if (version == space->agreed_version && space->feed_count == space->agreed_feeds) {
        return;
    }
    for (size_t i = 0; i < space->feed_count; i++) {
        dx_feed *feed = &space->feeds[i];
        uint8_t root[DX_ROOT_PREFIX_SIZE];
        feed->agreed = 0;
        if (feed->identity.feed_class == DX_FEED_DATA) {
            (void)dx_control_epoch_length(space->control, feed->id, &feed->agreed, root);
        }
    }
    space->agreed_version = version;
    space->agreed_feeds = space->feed_count;
}

bool dx_floor_is_due(const dx_space *space) {
    uint64_t version = version_of(space);
    return version != 0 && (!space->forks_settled || version != space->forks_version);
}

int dx_floor_settle(dx_context *context, dx_space *space, size_t *budget, bool *unsettled) {
    dx_floor_agree(space);
    uint64_t version = version_of(space);
    *unsettled = false;
    if (version == 0 || (space->forks_settled && version == space->forks_version)) {
        space->forks_settled = true;
        return DX_OK;
    }
    size_t looks = DX_FLOOR_BLOCKS_MAX;
    int error = DX_OK;
    forget_wanted_data(space);
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        error = space->feeds[i].frozen ? look_through(context, space, &space->feeds[i], &looks) : DX_OK;
    }
    *unsettled = looks == 0;
    if (error == DX_OK && looks != 0) {
        error = settle_control(context, space, budget, unsettled);
        dx_floor_agree(space);
        space->forks_settled = false;
        error = error != DX_OK ? error : settle_data(context, space, budget, unsettled);
        error = error == DX_OK && !*unsettled ? dx_hidden_settle(context, space, budget) : error;
    }
    space->forks_settled = error == DX_OK && !*unsettled;
    space->forks_version = version_of(space);
    return error;
}

/* --- Asking ------------------------------------------------------------------------------------- */

int dx_floor_judge(dx_context *context, dx_space *space, const dx_feed *forked, const dx_feed *source,
                   uint64_t seq, const dx_dependency *named, dx_named_standing *standing) {
    dx_limb_goal goal = {.length = named->length};
    uint8_t root[DX_HASH_SIZE];
    dx_feed view;
    memcpy(goal.root, named->root, sizeof goal.root);
    *standing = DX_NAMED_HIDDEN;
    if (!dx_floor_counts(space, forked, source, seq)) {
        return DX_OK;
    }
    if (named->length <= forked->begins) {
        *standing = DX_NAMED_IN_FORCE; /* below the base; no root is left to compare */
        return DX_OK;
    }
    if (named->length <= dx_feed_usable(forked)) {
        int error = dx_feed_root(forked, context->store, named->length, root);
        if (error == DX_OK && memcmp(root, named->root, sizeof named->root) == 0) {
            *standing = DX_NAMED_IN_FORCE;
        }
        return error;
    }
    int error = dx_limb_find(forked, context->store, &goal, &view);
    bool settled =
        space->forks_settled && !yields(forked); /* else it is perhaps another one, or gone, soon */
    if (error == DX_E_NOT_FOUND || (error == DX_OK && !settled)) {
        *standing = DX_NAMED_UNKNOWN;
        return DX_OK;
    }
    return error;
}

/* The last thing beyond the cut that source said of the feed in its blocks up to seq, and the block that says it. */
static int last_named(dx_context *context, const dx_feed *forked, const dx_feed *source, uint64_t seq,
                      dx_limb_goal *goal, uint64_t *said) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT length, root, seq FROM named WHERE feed = ?1 AND source = ?2 "
                                       "AND seq <= ?3 AND length > ?4 ORDER BY seq DESC LIMIT 1");
    dx_bind_int(select, 1, forked->local);
    dx_bind_int(select, 2, source->local);
    dx_bind_int(select, 3, (int64_t)seq);
    dx_bind_int(select, 4, (int64_t)dx_feed_parting(forked));
    if (!dx_step(context->store, select)) {
        int error = dx_store_error(context->store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    dx_bytes root = dx_column_bytes(select, 1);
    goal->length = (uint64_t)dx_column_int(select, 0);
    *said = (uint64_t)dx_column_int(select, 2);
    bool sound = root.size == sizeof goal->root;
    if (sound) {
        memcpy(goal->root, root.data, root.size);
    }
    dx_step_reset(select);
    return sound ? DX_OK : DX_E_CORRUPT;
}

int dx_floor_saw(dx_context *context, dx_space *space, const dx_feed *forked, const dx_feed *source,
                 uint64_t seq, bool *saw) {
    size_t all = SIZE_MAX;
    uint64_t said;
    dx_limb_goal goal;
    dx_feed view;
    uint8_t root[DX_HASH_SIZE], theirs[DX_HASH_SIZE];
    *saw = false;
    int error = look_on(context, space, forked, source, seq + 1, &all);
    error = error != DX_OK ? error : last_named(context, forked, source, seq, &goal, &said);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    uint64_t usable = dx_feed_usable(forked), at = goal.length < usable ? goal.length : usable;
    if (!dx_floor_counts(space, forked, source, said) && goal.length > in_effect(forked)) {
        return DX_OK; /* nobody waits for it, and it is perhaps never here: judged anew if it comes into effect */
    }
    if (at <= forked->begins) {
        *saw = true; /* what stands below the base is what all saw */
        return DX_OK;
    }
    error = dx_feed_root(forked, context->store, at, root);
    if (error == DX_OK && goal.length <= usable) {
        *saw = memcmp(root, goal.root, sizeof goal.root) == 0;
        return DX_OK;
    }
    error = error != DX_OK ? error : dx_limb_find(forked, context->store, &goal, &view);
    error = error != DX_OK ? error : dx_feed_root(&view, context->store, at, theirs);
    *saw = error == DX_OK && memcmp(root, theirs, sizeof root) == 0;
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_floor_forget(dx_context *context, const dx_feed *source) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM named WHERE source = ?1");
    dx_bind_int(remove, 1, source->local);
    int error = dx_step_done(context->store, remove);
    if (error == DX_OK) {
        remove = dx_store_query(context->store, "DELETE FROM looked WHERE source = ?1");
        dx_bind_int(remove, 1, source->local);
        error = dx_step_done(context->store, remove);
    }
    return error;
}

int dx_space_hidden(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t *blocks) {
    uint64_t limit = dx_feed_limit(feed);
    bool expelled = space->control_version != 0 && feed->identity.feed_class == DX_FEED_DATA &&
                    dx_control_authorize(space->control, feed->id) != DX_OK;
    limit = expelled ? 0 : limit;
    *blocks = feed->length > limit ? feed->length - limit : 0;
    if (!feed->frozen) {
        return DX_OK;
    }
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT coalesce(sum(max(length - ?2, 0)), 0) FROM limb WHERE feed = ?1");
    dx_bind_int(select, 1, feed->local);
    dx_bind_int(select, 2, (int64_t)feed->cut);
    *blocks += dx_step(context->store, select) ? (uint64_t)dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    return dx_store_error(context->store);
}
